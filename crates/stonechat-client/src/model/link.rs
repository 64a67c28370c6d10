//! How the connection is, and when to try again. The time and a random seed come from outside.
//!
//! ```text
//!   Connecting -> LoggingIn -> Online
//!       ^  \__________\__________|  lost
//!       |                        v
//!       +------ Waiting (back-off with jitter)          Off: nobody asked for a connection
//! ```

use std::time::{Duration, Instant};

/// The first wait lasts this to twice this.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// No wait is longer.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How the connection is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    /// No connection is wanted.
    Off,
    /// TCP is on its way.
    Connecting,
    /// Connected; the login has not been answered.
    LoggingIn,
    /// Logged in.
    Online,
    /// Lost, for this reason; the next attempt is at `until`.
    Waiting {
        /// When it is tried again.
        until: Instant,
        /// What ended the last attempt.
        why: String,
    },
}

/// Waits that grow and differ from client to client: the server may have gone away for everybody at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempts: u32,
    state: u64,
}

impl Backoff {
    /// `seed` differs from client to client.
    pub(crate) fn new(seed: u64) -> Self {
        Self { attempts: 0, state: seed | 1 }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let least = FIRST_WAIT.saturating_mul(1 << self.attempts.min(6)).min(WAIT_MAX / 2);
        self.attempts += 1;
        least + least.mul_f64(self.roll())
    }

    /// A login succeeded: the next loss starts with a short wait again.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Xorshift: from 0 up to 1. Jitter needs no better.
    fn roll(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let upper = u32::try_from(self.state >> 32).expect("a u64's upper half is a u32");
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_stay_bounded_and_start_over() {
        let mut backoff = Backoff::new(7);
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next()).collect();
        assert!(waits[0] >= FIRST_WAIT && waits[0] < 2 * FIRST_WAIT, "{waits:?}");
        assert!(waits[3] >= 8 * FIRST_WAIT, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= WAIT_MAX), "{waits:?}");
        backoff.reset();
        assert!(backoff.next() < 2 * FIRST_WAIT);
    }

    #[test]
    fn two_clients_do_not_come_back_at_the_same_moment() {
        assert_ne!(Backoff::new(0x1234_5678).next(), Backoff::new(0x9876_5432_1fff).next());
    }
}
