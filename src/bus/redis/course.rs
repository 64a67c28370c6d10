//! What the publisher thread does next, as a state machine: no socket, no clock.
//!
//! ```text
//!   Resting --due--> Open: first say `lost` if bells were lost, then `here` and look after the other nodes every few
//!      ^               |   seconds, and carry bells in between
//!      +---- failed ---+
//! ```

use std::time::Instant;

use super::backoff::Backoff;
use super::times::Times;

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Open the connection; then say [`Course::opened`] or [`Course::failed`].
    Connect,
    /// Tell the other nodes that bells were lost; then say [`Course::said_lost`].
    SayLost,
    /// Tell the other nodes that this one is here, and look after them; then say [`Course::watched`], or
    /// [`Course::not_watched`].
    Watch,
    /// Carry bells until this moment.
    Carry { until: Instant },
}

/// The state of the publisher's connection.
#[derive(Debug)]
pub(super) struct Course {
    times: Times,
    backoff: Backoff,
    phase: Phase,
    debt: Debt,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Resting { until: Instant },
    Open { watch_at: Instant },
}

/// Whether the other nodes have to be told of lost bells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Debt {
    None,
    Lost,
}

impl Course {
    /// A publisher that wants to connect at once.
    pub(super) fn new(times: Times, seed: u64, now: Instant) -> Self {
        let backoff = Backoff::new(times.backoff_first, times.backoff_most, seed);
        Self { times, backoff, phase: Phase::Resting { until: now }, debt: Debt::None }
    }

    pub(super) fn next(&self, now: Instant) -> Step {
        match self.phase {
            Phase::Resting { until } if until <= now => Step::Connect,
            Phase::Resting { until } => Step::Carry { until },
            Phase::Open { .. } if self.debt == Debt::Lost => Step::SayLost,
            Phase::Open { watch_at } if watch_at <= now => Step::Watch,
            Phase::Open { watch_at } => Step::Carry { until: watch_at },
        }
    }

    /// The connection is open. Whether it is of any use, its first answer will tell.
    pub(super) fn opened(&mut self, now: Instant) {
        self.phase = Phase::Open { watch_at: now };
    }

    /// The connection failed, or could not be opened.
    pub(super) fn failed(&mut self, now: Instant) {
        self.phase = Phase::Resting { until: now + self.backoff.failed() };
    }

    /// Bells were lost, or may have been.
    pub(super) fn lost_bells(&mut self) {
        self.debt = Debt::Lost;
    }

    pub(super) fn said_lost(&mut self) {
        self.backoff.reset();
        self.debt = Debt::None;
    }

    pub(super) fn watched(&mut self, now: Instant) {
        self.backoff.reset();
        self.watch_again(now + self.times.watch);
    }

    /// This node cannot say yet that it is here.
    pub(super) fn not_watched(&mut self, now: Instant) {
        self.watch_again(now + self.times.backoff_first);
    }

    fn watch_again(&mut self, at: Instant) {
        if let Phase::Open { watch_at } = &mut self.phase {
            *watch_at = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn lost_bells_are_told_as_soon_as_the_link_is_back() {
        let start = Instant::now();
        let mut course = Course::new(Times::default(), 1, start);
        assert_eq!(course.next(start), Step::Connect);
        course.failed(start);
        course.lost_bells();
        assert!(matches!(course.next(start), Step::Carry { until } if until > start), "it rests first");
        let later = start + Duration::from_secs(1);
        assert_eq!(course.next(later), Step::Connect);
        course.opened(later);
        assert_eq!(course.next(later), Step::SayLost);
        course.failed(later);
        let later = later + Duration::from_secs(1);
        course.opened(later);
        assert_eq!(course.next(later), Step::SayLost, "it is owed until it was said");
        course.said_lost();
        assert_eq!(course.next(later), Step::Watch);
        course.watched(later);
        assert_eq!(course.next(later), Step::Carry { until: later + Duration::from_secs(3) });
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn connections_that_open_but_never_answer_are_opened_ever_more_rarely() {
        let mut at = Instant::now();
        let mut course = Course::new(Times::default(), 1, at);
        let mut waited = Duration::ZERO;
        for _ in 0..10 {
            course.opened(at);
            course.failed(at);
            let Step::Carry { until } = course.next(at) else { panic!("no rest") };
            waited = until - at;
            at = until;
        }
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}
