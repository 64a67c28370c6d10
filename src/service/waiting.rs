//! Waiting for the bus without holding a worker: a handler gives back the rest of itself, which goes on when the bus has
//! spoken, or at a deadline.
//!
//! ```text
//!   handler --NotYet(rest, until, tell)--> session (parked) --told, or the deadline--> a worker: rest
//! ```

use std::fmt;
use std::time::{Duration, Instant};

use super::{Ctx, HandlerResult, Prepared, ServiceError};
use crate::bus::promise::Call;
use crate::bus::{PendingSubscribe, Question};

/// How long a request waits for the bus: for subscriptions to take effect, or for an answer.
pub const BUS_TIMEOUT: Duration = Duration::from_secs(1);

/// The rest of a request that cannot go on yet.
pub struct NotYet {
    /// What is left to do. It may be run early: it looks by itself whether its time has come.
    pub rest: Prepared,
    /// When it goes on in any case.
    pub until: Instant,
    /// Asks to be told when it can go on.
    pub tell: Option<Tell>,
}

/// Given a call, sees to it that it is made when there is something to go on for; at once if there is already.
pub type Tell = Box<dyn FnOnce(Call) + Send>;

impl fmt::Debug for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotYet").field("until", &self.until).finish_non_exhaustive()
    }
}

/// What the bus will say.
#[derive(Clone, Debug)]
pub enum Awaited {
    /// Whether subscriptions are in effect.
    Subscribed(PendingSubscribe),
    /// How many others are subscribed.
    Answered(Question),
}

impl Awaited {
    fn is_worth_waiting(&self) -> bool {
        match self {
            Self::Subscribed(ticket) => ticket.is_worth_waiting(),
            Self::Answered(question) => question.look().is_none(),
        }
    }

    /// Nobody waits any longer.
    fn give_up(&self) {
        if let Self::Subscribed(ticket) = self {
            ticket.is_late();
        }
    }

    fn then(&self, call: Call) {
        match self {
            Self::Subscribed(ticket) => ticket.then(call),
            Self::Answered(question) => question.then(call),
        }
    }
}

/// Goes on with `rest` when the bus has spoken, at once if it has; after [`BUS_TIMEOUT`] in any case.
///
/// # Errors
/// `NotYet`, or what `rest` returns.
pub fn for_bus(
    ctx: &mut Ctx,
    awaited: Awaited,
    rest: impl FnOnce(&mut Ctx) -> HandlerResult + Send + 'static,
) -> HandlerResult {
    let until = ctx.shared.clock.now() + BUS_TIMEOUT;
    wait(ctx, awaited, until, Prepared::new(rest))
}

fn wait(ctx: &mut Ctx, awaited: Awaited, until: Instant, rest: Prepared) -> HandlerResult {
    if !awaited.is_worth_waiting() {
        return rest.handle(ctx);
    }
    if ctx.shared.clock.now() >= until {
        awaited.give_up();
        return rest.handle(ctx);
    }
    let spoken = awaited.clone();
    let tell: Tell = Box::new(move |call| spoken.then(call));
    let rest = Prepared::new(move |ctx| wait(ctx, awaited, until, rest));
    Err(ServiceError::NotYet(Box::new(NotYet { rest, until, tell: Some(tell) })))
}

/// Goes on with `rest` after a pause.
#[must_use]
pub fn pause(
    ctx: &Ctx,
    pause: Duration,
    rest: impl FnOnce(&mut Ctx) -> HandlerResult + Send + 'static,
) -> ServiceError {
    let until = ctx.shared.clock.now() + pause;
    ServiceError::NotYet(Box::new(NotYet { rest: Prepared::new(rest), until, tell: None }))
}
