//! How a lane's thread shows that it lives: by its turns, and by what it waits for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A call of the store may open a connection, and take back what it began, each within the store's patience; beyond so many of them
/// it hangs.
const PATIENCES: u32 = 3;

/// What is seen of a lane's thread. It writes, once or twice a batch; the watchdog reads.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// How long a call of the store may take.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    turns: u64,
    activity: Activity,
}

#[derive(Clone, Copy, Debug)]
enum Activity {
    /// No message waits.
    Idle,
    /// It owes the next turn.
    Works,
    /// The store has been asked at this moment.
    Asks(Instant),
}

impl Pulse {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, state: Mutex::new(State { turns: 0, activity: Activity::Works }) }
    }

    /// It goes on.
    pub(super) fn works(&self) {
        let mut state = self.state();
        state.turns = state.turns.wrapping_add(1);
        state.activity = Activity::Works;
    }

    /// It waits for messages.
    pub(super) fn is_idle(&self) {
        self.state().activity = Activity::Idle;
    }

    /// It waits for the store from now on.
    pub(super) fn asks(&self, now: Instant) {
        self.state().activity = Activity::Asks(now);
    }

    /// How many turns it has done, if it owes another one; `None` while it waits for messages, or for the store not too long yet.
    pub(crate) fn owed(&self, now: Instant) -> Option<u64> {
        let State { turns, activity } = *self.state();
        let waits = match activity {
            Activity::Idle => true,
            Activity::Works => false,
            Activity::Asks(since) => now.saturating_duration_since(since) < self.patience * PATIENCES,
        };
        (!waits).then_some(turns)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the test moves")]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_waited_for_is_no_hang_before_its_time_is_over() {
        let (pulse, now) = (Pulse::new(Duration::from_secs(5)), Instant::now());
        assert_eq!(pulse.owed(now), Some(0));
        pulse.asks(now);
        assert_eq!(pulse.owed(now + Duration::from_secs(14)), None);
        assert_eq!(pulse.owed(now + Duration::from_secs(15)), Some(0));
        pulse.works();
        assert_eq!(pulse.owed(now), Some(1));
        pulse.is_idle();
        assert_eq!(pulse.owed(now + Duration::from_secs(3600)), None);
    }
}
