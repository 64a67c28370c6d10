//! Sessions that their users or an administrator have ended, on whatever node. The bus tells it at once; the store knows it in any case, and is
//! asked every few seconds: so it holds without the bus, too. Runs on the cursor writer's thread.

use std::time::{Duration, Instant};

use super::directory::Ended;
use super::fanout::Fanout;
use crate::clock::{Clock, UnixMs};
use crate::store::{Result, Store};

/// How often the store is asked.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What was ended so long ago, by the clocks of the nodes that did it, is still looked at: those clocks may differ, and the
/// store may have been away. To end a session again does nothing.
const LOOK_BACK_MS: i64 = 15 * 60 * 1000;

/// When the store was asked last.
#[derive(Debug)]
pub(crate) struct Endings {
    clock: Clock,
    looked_at: Option<Instant>,
}

impl Endings {
    /// It has not been asked yet.
    #[must_use]
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, looked_at: None }
    }

    /// Ends the sessions here whose tokens have been ended elsewhere, if it is time to look.
    ///
    /// # Errors
    /// The store is away; the next look makes up for it.
    pub(crate) fn look(&mut self, store: &mut dyn Store, fanout: &mut Fanout) -> Result<()> {
        let now = self.clock.now();
        if self.looked_at.is_some_and(|at| now.saturating_duration_since(at) < LOOK_EVERY) {
            return Ok(());
        }
        self.looked_at = Some(now);
        let since = UnixMs(self.clock.wall().0.saturating_sub(LOOK_BACK_MS));
        for ended in store.ended_tokens(since)? {
            fanout.end(ended.user, ended.key().map_or(Ended::All, Ended::One));
        }
        fanout.flush();
        Ok(())
    }
}
