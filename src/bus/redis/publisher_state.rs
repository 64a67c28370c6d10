//! What the publisher thread does next, as a state machine: no socket, no clock.
//!
//! ```text
//!   Resting --due--> Open: first say `lost` if bells were lost, then `here` and look after the other nodes every few
//!      ^               |   seconds, and carry bells in between
//!      +---- failed ---+
//!
//!   each time that the subscriber's link comes up:
//!   Strangers --who?--> Asked --all who listen are known, or time is up--> Known
//! ```

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::peer_discovery::Question;
use super::times::Times;

/// How soon to look again whether everybody who was asked has answered.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Open the connection; then say [`PublisherState::opened`] or [`PublisherState::failed`].
    Connect,
    /// Tell the other nodes that bells were lost; then say [`PublisherState::said_lost`].
    SayLost,
    /// Another node has asked who is there: tell that this one is; then say [`PublisherState::answered`].
    Answer,
    /// Ask the other nodes who is there (this one is); then say [`PublisherState::asked`], or [`PublisherState::not_watched`].
    Ask,
    /// See whether all others are known by now; then say [`PublisherState::counted`].
    Count,
    /// Tell the other nodes that this one is here, and look after them; then say [`PublisherState::counted`], or
    /// [`PublisherState::not_watched`].
    Watch,
    /// Carry bells until this moment.
    Carry { until: Instant },
}

/// The state of the publisher's connection.
#[derive(Debug)]
pub(super) struct PublisherState {
    times: Times,
    backoff: Backoff,
    phase: Phase,
    loss_to_report: LossToReport,
    question: Question,
    discovery: Discovery,
    /// What is to be said to the other nodes cannot be said before; bells go on.
    mute_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Resting { until: Instant },
    Open { watch_at: Instant },
}

/// How well the other nodes are known.
#[derive(Clone, Copy, Debug)]
enum Discovery {
    /// Nobody was asked since the link came up.
    Strangers,
    /// They were asked, and have until then to answer.
    Asked { until: Instant },
    /// Whoever comes now will be heard.
    Known,
}

/// What counting the others has led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Acquaintance {
    /// As before.
    Unchanged,
    /// It has just been made.
    Made,
}

/// Whether the other nodes have to be told of lost bells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LossToReport {
    None,
    Lost,
}

impl PublisherState {
    /// A publisher that wants to connect at once.
    pub(super) fn new(times: Times, seed: u64, now: Instant) -> Self {
        let backoff = Backoff::new(times.backoff_first, times.backoff_most, seed);
        let phase = Phase::Resting { until: now };
        Self {
            times,
            backoff,
            phase,
            loss_to_report: LossToReport::None,
            question: Question::None,
            discovery: Discovery::Strangers,
            mute_until: None,
        }
    }

    pub(super) fn next(&self, now: Instant) -> Step {
        match self.phase {
            Phase::Resting { until } if until <= now => Step::Connect,
            Phase::Resting { until } => Step::Carry { until },
            Phase::Open { watch_at } if self.mute_until.is_some_and(|until| now < until) => {
                Step::Carry { until: self.mute_until.unwrap_or(watch_at) }
            }
            Phase::Open { .. } if self.loss_to_report == LossToReport::Lost => Step::SayLost,
            Phase::Open { .. } if self.question == Question::Asked => Step::Answer,
            Phase::Open { watch_at } if watch_at <= now => match self.discovery {
                Discovery::Strangers => Step::Ask,
                Discovery::Asked { .. } => Step::Count,
                Discovery::Known => Step::Watch,
            },
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

    /// The server that carries what nodes say of themselves is away; others carry bells.
    pub(super) fn said_in_vain(&mut self, now: Instant) {
        self.mute_until = Some(now + self.backoff.failed());
    }

    /// Another server is the one to speak with: neither the connection nor the wait for the next is of any use.
    pub(super) fn moved(&mut self, now: Instant) {
        self.backoff.reset();
        self.phase = Phase::Resting { until: now };
    }

    /// Bells were lost, or may have been.
    pub(super) fn lost_bells(&mut self) {
        self.loss_to_report = LossToReport::Lost;
    }

    pub(super) fn said_lost(&mut self) {
        self.backoff.reset();
        self.loss_to_report = LossToReport::None;
    }

    /// The subscriber's link has come up: what others said before it was not heard.
    pub(super) fn link_up(&mut self, now: Instant) {
        self.discovery = Discovery::Strangers;
        self.watch_again(now);
    }

    /// Another node wants to know who is there.
    pub(super) fn questioned(&mut self) {
        self.question = Question::Asked;
    }

    pub(super) fn answered(&mut self) {
        self.question = Question::None;
    }

    pub(super) fn asked(&mut self, now: Instant) {
        self.discovery = Discovery::Asked { until: now + self.times.introduce };
    }

    /// So many listen who are not known.
    pub(super) fn counted(&mut self, unknown: u64, now: Instant) -> Acquaintance {
        self.backoff.reset();
        let before = self.discovery;
        if let Discovery::Asked { until } = before
            && unknown > 0
            && now < until
        {
            self.watch_again(now + LOOK_AGAIN);
            return Acquaintance::Unchanged;
        }
        self.discovery = Discovery::Known;
        self.watch_again(now + self.times.watch);
        match before {
            Discovery::Known => Acquaintance::Unchanged,
            Discovery::Strangers | Discovery::Asked { .. } => Acquaintance::Made,
        }
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
    use super::*;

    /// A course whose connection and whose subscriber's link are up.
    fn open(now: Instant) -> PublisherState {
        let mut publisher_state = PublisherState::new(Times::default(), 1, now);
        publisher_state.opened(now);
        publisher_state.link_up(now);
        publisher_state
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn lost_bells_are_told_as_soon_as_the_link_is_back() {
        let start = Instant::now();
        let mut publisher_state = PublisherState::new(Times::default(), 1, start);
        assert_eq!(publisher_state.next(start), Step::Connect);
        publisher_state.failed(start);
        publisher_state.lost_bells();
        assert!(matches!(publisher_state.next(start), Step::Carry { until } if until > start), "it rests first");
        let later = start + Duration::from_secs(1);
        assert_eq!(publisher_state.next(later), Step::Connect);
        publisher_state.opened(later);
        assert_eq!(publisher_state.next(later), Step::SayLost);
        publisher_state.failed(later);
        let later = later + Duration::from_secs(1);
        publisher_state.opened(later);
        assert_eq!(publisher_state.next(later), Step::SayLost, "it is owed until it was said");
        publisher_state.said_lost();
        assert_eq!(publisher_state.next(later), Step::Ask);
        publisher_state.asked(later);
        assert_eq!(publisher_state.next(later), Step::Count);
        publisher_state.counted(0, later);
        assert_eq!(publisher_state.next(later), Step::Carry { until: later + Duration::from_secs(3) });
        assert_eq!(publisher_state.next(later + Duration::from_secs(3)), Step::Watch);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn whoever_has_not_answered_is_waited_for_but_not_for_ever() {
        let start = Instant::now();
        let mut publisher_state = open(start);
        publisher_state.asked(start);
        assert_eq!(publisher_state.counted(1, start), Acquaintance::Unchanged);
        let soon = start + LOOK_AGAIN;
        assert_eq!(publisher_state.next(start), Step::Carry { until: soon });
        assert_eq!(publisher_state.next(soon), Step::Count, "nobody is asked twice");
        let late = start + Times::default().introduce;
        assert_eq!(publisher_state.counted(1, late), Acquaintance::Made, "a frozen node answers never");
        assert_eq!(publisher_state.counted(1, late), Acquaintance::Unchanged);
        assert_eq!(publisher_state.next(late), Step::Carry { until: late + Times::default().watch });
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn each_link_asks_again_at_once() {
        let now = Instant::now();
        let mut publisher_state = open(now);
        publisher_state.asked(now);
        publisher_state.counted(0, now);
        publisher_state.link_up(now);
        assert_eq!(publisher_state.next(now), Step::Ask);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn what_cannot_be_said_is_said_later_and_holds_up_no_bells() {
        let now = Instant::now();
        let mut publisher_state = open(now);
        publisher_state.lost_bells();
        publisher_state.said_in_vain(now);
        let Step::Carry { until } = publisher_state.next(now) else { panic!("it is said again at once") };
        assert!(until > now);
        assert_eq!(publisher_state.next(until), Step::SayLost);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn another_server_is_connected_to_at_once() {
        let now = Instant::now();
        let mut publisher_state = open(now);
        publisher_state.asked(now);
        publisher_state.counted(0, now);
        publisher_state.moved(now);
        assert_eq!(publisher_state.next(now), Step::Connect);
        publisher_state.failed(now);
        publisher_state.moved(now);
        assert_eq!(publisher_state.next(now), Step::Connect, "no back-off is waited for");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn a_question_is_answered_at_once_and_once() {
        let now = Instant::now();
        let mut publisher_state = open(now);
        publisher_state.asked(now);
        publisher_state.counted(0, now);
        publisher_state.questioned();
        assert_eq!(publisher_state.next(now), Step::Answer);
        publisher_state.answered();
        assert!(matches!(publisher_state.next(now), Step::Carry { .. }));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn connections_that_open_but_never_answer_are_opened_ever_more_rarely() {
        let mut at = Instant::now();
        let mut publisher_state = PublisherState::new(Times::default(), 1, at);
        let mut waited = Duration::ZERO;
        for _ in 0..10 {
            publisher_state.opened(at);
            publisher_state.failed(at);
            let Step::Carry { until } = publisher_state.next(at) else { panic!("no rest") };
            waited = until - at;
            at = until;
        }
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}
