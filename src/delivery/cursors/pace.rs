//! How many of the positions that were confirmed in groups are written in a round.
//!
//! Each message in a large group has thousands confirm it, and the next one comes before all of that is written. What waits a moment
//! longer is overtaken by what is confirmed next, and costs the database nothing: so where much waits, each round writes a part.
//!
//! ```text
//!   rows that wait    400         written, all of them
//!                   5,000       1,000 in each round, the oldest first: each is written within five rounds
//! ```

use std::time::{Duration, Instant};

/// Within so many rounds everything is written that waits.
const ROUNDS: usize = 5;
/// So many rows are written at once, and whenever a round comes. A build for tests makes parts of very little: the simulation is
/// to see what comes of it.
const ROWS_MIN: usize = if cfg!(debug_assertions) { 4 } else { 500 };
/// No round that writes a part comes sooner after another one, however often somebody leaves.
const PAUSE: Duration = Duration::from_secs(1);

/// The rows of a round. Owned by the cursor writer.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The rows of the round before; 0 if that was all.
    rows: usize,
    /// When that was.
    at: Option<Instant>,
    /// There is no later round.
    ends: bool,
}

impl Pace {
    /// How many of `waiting` rows are written in the round that begins.
    pub(super) fn rows(&mut self, waiting: usize, now: Instant) -> usize {
        if self.ends || waiting <= ROWS_MIN {
            self.rows = 0;
            return waiting;
        }
        if self.at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE) {
            return 0;
        }
        self.at = Some(now);
        // Never fewer than before: what came when more was waiting would take longer than that.
        self.rows = self.rows.max(waiting.div_ceil(ROUNDS)).max(ROWS_MIN);
        self.rows.min(waiting)
    }

    /// The next round is the last one.
    pub(super) fn end(&mut self) {
        self.ends = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn begin() -> Instant {
        Instant::now()
    }

    #[test]
    fn little_is_written_at_once() {
        let mut pace = Pace::default();
        let now = begin();
        for waiting in [0, 1, ROWS_MIN] {
            assert_eq!(pace.rows(waiting, now), waiting);
        }
    }

    #[test]
    fn much_is_written_in_parts_however_often_it_is_asked() {
        let mut pace = Pace::default();
        let now = begin();
        assert_eq!(pace.rows(5_000, now), 1_000);
        assert_eq!(pace.rows(4_000, now + PAUSE / 2), 0);
        assert_eq!(pace.rows(5_000, now + PAUSE), 1_000);
        pace.end();
        assert_eq!(pace.rows(5_000, now + PAUSE), 5_000, "the last round");
    }

    #[test]
    fn what_waits_is_written_within_so_many_rounds_whatever_comes_meanwhile() {
        let mut now = begin();
        for arriving in [[0, 0, 0, 0], [9_000, 0, 0, 0], [10, 2_000, 10, 70_000], [500, 500, 500, 500]] {
            let mut pace = Pace::default();
            // First in, first out: how many rows are before the one that came last.
            let mut waiting = 12_345;
            let mut before = waiting;
            for more in arriving.into_iter().chain([0]) {
                now += PAUSE;
                let written = pace.rows(waiting, now);
                before -= written.min(before);
                waiting = waiting - written + more;
            }
            assert_eq!(before, 0, "{arriving:?}");
        }
    }

    #[test]
    fn the_parts_become_small_again() {
        let mut pace = Pace::default();
        let now = begin();
        assert_eq!(pace.rows(100_000, now), 20_000);
        assert_eq!(pace.rows(6_000, now + PAUSE), 6_000);
        assert_eq!(pace.rows(ROWS_MIN, now + 2 * PAUSE), ROWS_MIN);
        assert_eq!(pace.rows(10_000, now + 3 * PAUSE), 2_000);
    }
}
