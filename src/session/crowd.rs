//! Room for newcomers: when `limits.connections` is near, those go on which nothing was said for longest.
//!
//! A connection may be silent for ten minutes, and a client of an earlier system stand at its menu (`limits.silent_seconds`). Near the
//! limit nobody of them has more time than others have for a login.

use std::time::{Duration, Instant};

use super::reactor_ctx::ReactorCtx;
use super::state::Session;
use crate::net::{CloseReason, ConnId, Link, Outbound};
use crate::wire::errno::Errno;
use crate::wire::reply;

/// The limit is near when so many tenths of it are open.
const NEAR_TENTHS: usize = 9;

/// Looking touches every connection of the reactor, and those that were closed count as open until their peers have heard it: so it
/// is not done more often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One reactor's look at its silent connections. Owned by the reactor's thread.
#[derive(Default)]
pub(super) struct Crowd {
    /// Set while the limit is near.
    look_again_at: Option<Instant>,
}

impl Crowd {
    /// When to look again, though nothing comes.
    pub(super) fn look_by(&self) -> Option<Instant> {
        self.look_again_at
    }

    /// Closes this reactor's share of the connections that are too many, as far as these are silent ones.
    pub(super) fn make_room(&mut self, reactor: &ReactorCtx, net: &mut dyn Outbound<Session>, now: Instant) {
        let ReactorCtx { shared, config, .. } = reactor;
        let limits = &config.limits;
        let open = usize::try_from(shared.metrics.connections.get()).unwrap_or(0);
        let too_many = open.saturating_sub(limits.connections * NEAR_TENTHS / 10);
        let Some(login) = limits.login.filter(|_| too_many > 0) else {
            self.look_again_at = None;
            return;
        };
        if self.look_again_at.is_some_and(|at| now < at) {
            return;
        }
        self.look_again_at = Some(now + LOOK_EVERY);
        let share = too_many.div_ceil(config.reactors.max(1));
        for conn in silent_for_longest(net, share, now.checked_sub(login)) {
            if let Some((_, link)) = net.connection(conn) {
                link.send(reply::error(
                    Errno::LoginFirst,
                    "no login within the time allowed while many want to connect",
                ));
                link.close(CloseReason::LoginTimeout);
            }
        }
    }
}

/// The connections that are silent since before this time, at most so many: the oldest.
fn silent_for_longest(net: &mut dyn Outbound<Session>, most: usize, since_before: Option<Instant>) -> Vec<ConnId> {
    let mut silent = Vec::new();
    net.each(&mut |conn: ConnId, session: &mut Session, _: &mut dyn Link| {
        silent.extend(session.silent_since().filter(|since| Some(*since) <= since_before).map(|since| (since, conn)));
    });
    silent.sort_unstable();
    silent.into_iter().take(most).map(|(_, conn)| conn).collect()
}
