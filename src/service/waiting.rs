//! Waiting for the bus without holding a worker: a handler gives back the rest of itself, which goes on when the bus has
//! spoken, or at a deadline.
//!
//! ```text
//!   handler --NotYet(rest, until, tell)--> session (parked) --told, or the deadline--> a worker: rest
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ctx::{Ctx, HandlerResult, NotYet, Prepared, ServiceError, Shared, Tell};
use crate::bus::promise::Call;
use crate::bus::{Channel, PendingSubscribe, Question, Subscribed};
use crate::net::ConnId;

/// How long a request waits for the bus: for subscriptions to take effect, or for an answer.
pub(crate) const BUS_TIMEOUT: Duration = Duration::from_secs(1);

/// What the bus will say.
#[derive(Clone, Debug)]
pub(crate) enum Awaited {
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
pub(crate) fn for_bus(
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
pub(crate) fn pause(
    ctx: &Ctx,
    pause: Duration,
    rest: impl FnOnce(&mut Ctx) -> HandlerResult + Send + 'static,
) -> ServiceError {
    let until = ctx.shared.clock.now() + pause;
    ServiceError::NotYet(Box::new(NotYet { rest: Prepared::new(rest), until, tell: None }))
}

/// Channels subscribed to for a session that does not answer for them yet: given up when this is dropped.
pub struct Held {
    shared: Arc<Shared>,
    conn: ConnId,
    channels: Vec<Channel>,
    ticket: PendingSubscribe,
}

impl Held {
    pub(crate) fn new(shared: &Arc<Shared>, conn: ConnId, channels: Vec<Channel>) -> Self {
        let ticket = shared.bus.subscribe(&channels);
        Self { shared: Arc::clone(shared), conn, channels, ticket }
    }

    /// Whether bells come.
    pub(crate) fn is_in_effect(&self) -> bool {
        self.ticket.look() == Some(Subscribed::InEffect)
    }

    /// From here on the session gives the channels up. Is the subscription late, then it is compared with the store as soon
    /// as bells come. (Without a link it is compared when there is one again, as all are.)
    pub(crate) fn hand_over(mut self) {
        self.channels.clear();
        if !self.is_in_effect() {
            let (conn, sessions) = (self.conn, Arc::clone(&self.shared.sessions));
            let ticket = self.ticket.clone();
            self.ticket.then(move || {
                if ticket.look() == Some(Subscribed::InEffect) {
                    sessions.compare(conn);
                }
            });
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.channels.is_empty() {
            self.shared.bus.unsubscribe(&self.channels);
        }
    }
}

impl Ctx {
    /// Subscribes for a session on `conn`, and goes on with `rest` when bells come. When they do not come soon it goes on
    /// without: the session is compared with the store as soon as they do.
    ///
    /// # Errors
    /// `NotYet`, or what `rest` returns.
    pub fn subscribe(
        &mut self,
        conn: ConnId,
        channels: Vec<Channel>,
        rest: impl FnOnce(&mut Self, Held) -> HandlerResult + Send + 'static,
    ) -> HandlerResult {
        let held = Held::new(&self.shared, conn, channels);
        for_bus(self, Awaited::Subscribed(held.ticket.clone()), move |ctx| rest(ctx, held))
    }
}
