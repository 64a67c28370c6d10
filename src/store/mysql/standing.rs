//! Whether a replica is asked at present. A state machine without I/O; [`super::replicas`] asks and tells it.
//!
//! ```text
//!   untried --an answer--> used --it fails, or lacks for too long what it should have--> rests, and is tried now and then
//!                            ^------------------------- an answer ---------------------------'
//! ```

use std::time::{Duration, Instant};

use crate::store::sql::Lack;

/// How often a replica is tried that is not used.
pub(super) const TRIED_EVERY: Duration = Duration::from_secs(1);

/// The same for one that has failed again and again.
const TRIED_EVERY_MAX: Duration = Duration::from_secs(8);

/// A replica that has been used for so long has not come back just to fail again.
const STEADY: Duration = Duration::from_secs(10);

/// A replica that lacks for so long what the main database has is not used.
pub(super) const BEHIND_MAX: Duration = Duration::from_secs(2);

/// What is done with a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// The replica is asked.
    Ask,
    /// It is asked first whether it still lacks this. `is_overdue`: then it is not used.
    AskWhether { lacks: Lack, is_overdue: bool },
    /// The main database is asked.
    Leave,
}

/// What an administrator is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// It is used from now on.
    Used,
    /// It is used again.
    UsedAgain,
    /// It is not used.
    NotUsed,
}

/// One replica.
#[derive(Debug)]
pub(super) struct Standing {
    state: State,
    /// What it lacked when the main database was asked last, and since when that is known.
    lack: Option<(Lack, Instant)>,
    /// How long it is left alone.
    rest: Duration,
}

#[derive(Debug)]
enum State {
    Used { since: Instant },
    Resting { until: Instant, was_told: bool },
}

impl Standing {
    /// Nobody has asked it yet.
    pub(super) fn new(now: Instant) -> Self {
        let state = State::Resting { until: now, was_told: false };
        Self { state, lack: None, rest: TRIED_EVERY }
    }

    /// What to do with a question. An attempt may take `patience`: until then no other one is made.
    pub(super) fn turn(&mut self, now: Instant, patience: Duration) -> Turn {
        if let State::Resting { until, .. } = &mut self.state {
            if now < *until {
                return Turn::Leave;
            }
            *until = now + patience + self.rest;
        }
        match self.lack {
            None => Turn::Ask,
            Some((lacks, since)) => {
                let is_overdue = now.saturating_duration_since(since) >= BEHIND_MAX;
                Turn::AskWhether { lacks, is_overdue }
            }
        }
    }

    /// It has what it lacked.
    pub(super) fn has(&mut self, lacked: Lack) {
        self.lack.take_if(|(lack, _)| *lack == lacked);
    }

    /// It lacks this. What it was known to lack before counts until it has that.
    pub(super) fn lacks(&mut self, lack: Lack, now: Instant) {
        self.lack.get_or_insert((lack, now));
    }

    /// It has answered, and is what it should be.
    pub(super) fn is_well(&mut self, now: Instant) -> Option<News> {
        let State::Resting { was_told, .. } = self.state else { return None };
        self.state = State::Used { since: now };
        Some(if was_told { News::UsedAgain } else { News::Used })
    }

    /// It is of no use at present.
    pub(super) fn is_unfit(&mut self, now: Instant) -> Option<News> {
        let was_told = match self.state {
            State::Used { since } => {
                let is_steady = now.saturating_duration_since(since) >= STEADY;
                self.rest = if is_steady { TRIED_EVERY } else { (self.rest * 2).min(TRIED_EVERY_MAX) };
                false
            }
            State::Resting { was_told, .. } => was_told,
        };
        self.state = State::Resting { until: now + self.rest, was_told: true };
        (!was_told).then_some(News::NotUsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(2);
    const LACK: Lack = Lack::User(7);

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn begin() -> (Standing, Instant) {
        let now = Instant::now();
        (Standing::new(now), now)
    }

    #[test]
    fn the_first_question_tries_it_and_the_others_wait_for_what_comes_of_that() {
        let (mut standing, now) = begin();
        assert_eq!(standing.turn(now, PATIENCE), Turn::Ask);
        assert_eq!(standing.turn(now + PATIENCE, PATIENCE), Turn::Leave);
        assert_eq!(standing.is_well(now), Some(News::Used));
        assert_eq!(standing.turn(now, PATIENCE), Turn::Ask);
        assert_eq!(standing.turn(now, PATIENCE), Turn::Ask);
        assert_eq!(standing.is_well(now), None);
    }

    #[test]
    fn one_that_fails_is_tried_once_a_second_and_told_of_once() {
        let (mut standing, now) = begin();
        standing.turn(now, PATIENCE);
        assert_eq!(standing.is_unfit(now), Some(News::NotUsed));
        assert_eq!(standing.turn(now + TRIED_EVERY / 2, PATIENCE), Turn::Leave);
        let later = now + TRIED_EVERY;
        assert_eq!(standing.turn(later, PATIENCE), Turn::Ask);
        assert_eq!(standing.turn(later, PATIENCE), Turn::Leave);
        assert_eq!(standing.is_unfit(later), None);
        let later = later + TRIED_EVERY;
        assert_eq!(standing.turn(later, PATIENCE), Turn::Ask);
        assert_eq!(standing.is_well(later), Some(News::UsedAgain));
        assert_eq!(standing.is_unfit(later), Some(News::NotUsed), "at once: it is left alone for longer");
        assert_eq!(standing.turn(later + TRIED_EVERY, PATIENCE), Turn::Leave);
        assert_eq!(standing.turn(later + TRIED_EVERY * 2, PATIENCE), Turn::Ask);
        standing.is_well(later);
        assert_eq!(standing.is_unfit(later + STEADY), Some(News::NotUsed));
        assert_eq!(standing.turn(later + STEADY + TRIED_EVERY, PATIENCE), Turn::Ask);
    }

    #[test]
    fn what_it_lacks_is_asked_for_until_it_has_it_and_counts_from_the_first_time() {
        let (mut standing, now) = begin();
        standing.is_well(now);
        standing.lacks(LACK, now);
        standing.lacks(Lack::User(9), now + BEHIND_MAX / 2);
        assert_eq!(standing.turn(now, PATIENCE), Turn::AskWhether { lacks: LACK, is_overdue: false });
        assert_eq!(standing.turn(now + BEHIND_MAX, PATIENCE), Turn::AskWhether { lacks: LACK, is_overdue: true });
        standing.has(Lack::User(9));
        assert_ne!(standing.turn(now, PATIENCE), Turn::Ask);
        standing.has(LACK);
        assert_eq!(standing.turn(now, PATIENCE), Turn::Ask);
    }
}
