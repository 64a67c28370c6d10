//! How far this node and the others have met since the link came up; the start of the server waits for it.
//!
//! ```text
//!   subscriber: link up ----> publisher: who? ... all who listen are known (or time is up) ----> made
//!               no link ----> away                                                               |
//!                               +-----------> whoever waits goes on <----------------------------+
//! ```

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts how often the link came up, and for which of these times introductions were made. Any thread.
#[derive(Debug, Default)]
pub(super) struct PeerDiscovery {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How often the subscriber's link has come up.
    ups: u64,
    /// Introductions are made for this one; 0 for none.
    made_for: u64,
    redis_reachable: RedisReachable,
    question: Question,
}

/// Whether it is worth waiting for the first introduction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum RedisReachable {
    #[default]
    Fair,
    /// Redis could not be reached, or went away.
    Away,
}

/// Whether another node has asked who is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Question {
    #[default]
    None,
    Asked,
}

impl PeerDiscovery {
    /// The link has come up: this node hears the others from now on.
    pub(super) fn up(&self) {
        self.lock().ups += 1;
    }

    /// How often the link has come up.
    pub(super) fn ups(&self) -> u64 {
        self.lock().ups
    }

    /// Another node wants to know who is there.
    pub(super) fn ask(&self) {
        self.lock().question = Question::Asked;
    }

    /// What was asked since the last call.
    pub(super) fn take_question(&self) -> Question {
        std::mem::take(&mut self.lock().question)
    }

    /// This node has said that it is here and knows the others, since the link came up for the `ups`th time.
    pub(super) fn made(&self, ups: u64) {
        self.lock().made_for = ups;
        self.changed.notify_all();
    }

    /// Whether it was made since the link came up last.
    pub(super) fn is_made(&self) -> bool {
        let state = self.lock();
        state.made_for == state.ups
    }

    /// Redis cannot be reached: nobody needs to wait for it.
    pub(super) fn away(&self) {
        self.lock().redis_reachable = RedisReachable::Away;
        self.changed.notify_all();
    }

    /// Waits for the first introduction, at most `timeout`, and not when Redis could not be reached at the first attempt.
    /// Whether it has been made.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let pending = |state: &mut State| state.made_for == 0 && state.redis_reachable == RedisReachable::Fair;
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, pending);
        waited.unwrap_or_else(PoisonError::into_inner).0.made_for > 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn nobody_waits_for_a_redis_that_is_away() {
        let introduction = PeerDiscovery::default();
        assert!(!introduction.wait(Duration::ZERO));
        introduction.away();
        assert!(!introduction.wait(LONG));
    }

    #[test]
    fn who_was_introduced_stays_so_for_whoever_waits() {
        let introduction = PeerDiscovery::default();
        introduction.up();
        introduction.made(1);
        introduction.away();
        assert!(introduction.wait(LONG));
    }

    #[test]
    fn a_link_that_comes_up_again_needs_a_new_introduction() {
        let introduction = PeerDiscovery::default();
        introduction.up();
        introduction.made(introduction.ups());
        assert!(introduction.is_made());
        introduction.up();
        assert!(!introduction.is_made());
    }

    #[test]
    fn a_question_is_taken_once() {
        let introduction = PeerDiscovery::default();
        introduction.ask();
        assert_eq!(introduction.take_question(), Question::Asked);
        assert_eq!(introduction.take_question(), Question::None);
    }
}
