//! Whether anybody wants to be told of receipts, typing and presence, on whatever node: where nobody does, nothing is made.
//!
//! ```text
//!   here: the directory counts ------------------------------------+--> Wanted
//!   elsewhere: nodes with a session that wants it hold its channel --+
//!              on the bus; asked once a second, while there is something to tell
//! ```
//!
//! Whoever begins to want may miss what is told in the two seconds for which an answer counts; lists show it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::directory::{Directory, Elsewhere};
use crate::bus::{Bus, Channel, Question};
use crate::wants::Want;

/// An answer of this age is asked for again.
const ASK_PAUSE: Duration = Duration::from_secs(1);
/// It counts until it is of this age, or the next one is there.
const COUNTS_FOR: Duration = Duration::from_secs(2);

/// Who wants something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// Nobody, on any node.
    Nowhere,
    /// Sessions of this node, and of no other.
    Here,
    /// Perhaps sessions of other nodes.
    Elsewhere,
    /// The other nodes are being asked: it is known in a moment.
    Unknown,
}

impl Wanted {
    /// Whether there may be somebody.
    #[must_use]
    pub(crate) fn is_possible(self) -> bool {
        self != Self::Nowhere
    }

    /// Whether there may be somebody on another node.
    #[must_use]
    pub(crate) fn elsewhere(self) -> Elsewhere {
        match self {
            Self::Nowhere | Self::Here => Elsewhere::No,
            Self::Elsewhere | Self::Unknown => Elsewhere::Perhaps,
        }
    }
}

/// What is called when the bus has answered.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// Who wants what. Any thread; every lock is short.
pub(crate) struct Demand {
    directory: Arc<Directory>,
    bus: Arc<dyn Bus>,
    /// For whoever waits for answers.
    wake: Wake,
    /// For each of [`Want::HINTS`].
    others: [Mutex<Others>; Want::HINTS.len()],
}

/// What is known of the other nodes.
#[derive(Debug, Default)]
struct Others {
    /// Whether any of them wants it, as it was at that time.
    answer: Option<(Elsewhere, Instant)>,
    asked_at: Option<Instant>,
    question: Option<Question>,
}

impl Others {
    /// Takes up what the bus has answered; where it does not know, there may be somebody.
    fn hear(&mut self) {
        let Some(answer) = self.question.as_ref().and_then(Question::look) else { return };
        self.question = None;
        let is_nobody = answer.is_ok_and(|counts| counts.iter().all(|count| *count == 0));
        let elsewhere = if is_nobody { Elsewhere::No } else { Elsewhere::Perhaps };
        self.answer = self.asked_at.map(|at| (elsewhere, at));
    }

    fn is_to_ask(&self, now: Instant) -> bool {
        self.asked_at.is_none_or(|at| now.saturating_duration_since(at) >= ASK_PAUSE)
    }

    fn known(&self, now: Instant) -> Option<Elsewhere> {
        let counts = |at: Instant| now.saturating_duration_since(at) < COUNTS_FOR;
        self.answer.filter(|(_, at)| counts(*at)).map(|(elsewhere, _)| elsewhere)
    }
}

impl Demand {
    /// Nothing is known of the other nodes yet. Calls `wake` when something is, perhaps on the bus's thread.
    #[must_use]
    pub(crate) fn new(directory: Arc<Directory>, bus: Arc<dyn Bus>, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { directory, bus, wake: Arc::new(wake), others: Default::default() }
    }

    /// Who wants this. Called when there is something to tell: it asks the other nodes, if it is time to.
    #[must_use]
    pub(crate) fn look(&self, want: Want, now: Instant) -> Wanted {
        match (self.elsewhere(want, now), self.directory.is_wanted(want)) {
            (Some(Elsewhere::No), false) => Wanted::Nowhere,
            (Some(Elsewhere::No), true) => Wanted::Here,
            (Some(Elsewhere::Perhaps), _) => Wanted::Elsewhere,
            (None, _) => Wanted::Unknown,
        }
    }

    fn elsewhere(&self, want: Want, now: Instant) -> Option<Elsewhere> {
        if !self.bus.has_peers() {
            return Some(Elsewhere::No);
        }
        let place = Want::HINTS.iter().position(|hint| *hint == want)?;
        let mut others = self.lock(place);
        others.hear();
        if others.is_to_ask(now) {
            others.asked_at = Some(now);
            // Not under the lock: the bus may do other things first.
            drop(others);
            let question = self.bus.ask(&[Channel::Want(want)]);
            others = self.lock(place);
            others.question = Some(question.clone());
            others.hear();
            if others.question.is_some() {
                let wake = Arc::clone(&self.wake);
                drop(others);
                question.then(move || wake());
                others = self.lock(place);
            }
        }
        others.known(now)
    }

    fn lock(&self, place: usize) -> MutexGuard<'_, Others> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.others[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::bus::promise::{Keeper, promise};
    use crate::bus::{Answer, Bell, BusError, LinkState, PendingSubscribe};
    use crate::config::SessionPolicy;
    use crate::delivery::directory::Entry;
    use crate::ids::{DeviceId, NodeId, UserId};
    use crate::net::ConnId;
    use crate::wants::Wants;

    /// A bus whose answers the test gives.
    #[derive(Default)]
    struct Asked(Mutex<Vec<(Vec<Channel>, Keeper<Answer>)>>);

    impl Asked {
        fn answer(&self, answer: &Result<u64, BusError>) {
            for (_, keeper) in self.0.lock().unwrap().drain(..) {
                keeper.keep(answer.clone().map(|count| [count].into()));
            }
        }

        fn count(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    impl Bus for Asked {
        fn node(&self) -> NodeId {
            NodeId(1)
        }

        fn nodes(&self) -> Option<Vec<NodeId>> {
            None
        }

        fn subscribe(&self, _: &[Channel]) -> PendingSubscribe {
            PendingSubscribe::in_effect()
        }

        fn unsubscribe(&self, _: &[Channel]) {}

        fn publish(&self, _: Vec<Bell>) {}

        fn ask(&self, channels: &[Channel]) -> Question {
            let (question, keeper) = promise(Err(BusError::Away("dropped".into())));
            self.0.lock().unwrap().push((channels.to_vec(), keeper));
            question
        }

        fn link(&self) -> LinkState {
            LinkState::Up
        }

        fn stop(&self) {}
    }

    struct Bench {
        bus: Arc<Asked>,
        directory: Arc<Directory>,
        demand: Demand,
        woken: Arc<AtomicUsize>,
        start: Instant,
    }

    #[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
    fn bench() -> Bench {
        let (bus, directory) = (Arc::new(Asked::default()), Arc::new(Directory::new()));
        let woken = Arc::new(AtomicUsize::new(0));
        let wake = Arc::clone(&woken);
        let demand = Demand::new(Arc::clone(&directory), Arc::clone(&bus) as Arc<dyn Bus>, move || {
            wake.fetch_add(1, Ordering::Relaxed);
        });
        Bench { bus, directory, demand, woken, start: Instant::now() }
    }

    impl Bench {
        fn look(&self, after_ms: u64) -> Wanted {
            self.demand.look(Want::Receipts, self.start + Duration::from_millis(after_ms))
        }
    }

    #[test]
    fn nobody_wants_it_once_the_others_have_said_so() {
        let bench = bench();
        assert_eq!(bench.look(0), Wanted::Unknown);
        assert_eq!(bench.look(500), Wanted::Unknown);
        assert_eq!(bench.bus.0.lock().unwrap()[0].0, [Channel::Want(Want::Receipts)]);
        assert_eq!(bench.bus.count(), 1, "once a second");
        bench.bus.answer(&Ok(0));
        assert_eq!(bench.woken.load(Ordering::Relaxed), 1, "who waits for it goes on");
        assert_eq!(bench.look(900), Wanted::Nowhere);
        assert!(!bench.look(950).is_possible());
        // The old answer counts while the next one is on its way.
        assert_eq!((bench.look(1100), bench.bus.count()), (Wanted::Nowhere, 1));
        bench.bus.answer(&Ok(2));
        assert_eq!(bench.look(1200), Wanted::Elsewhere);
        assert_eq!(bench.look(9000), Wanted::Unknown, "too long ago");
        bench.bus.answer(&Err(BusError::Away("down".into())));
        assert_eq!(bench.look(9001).elsewhere(), Elsewhere::Perhaps, "where it is not known, there may be somebody");
    }

    #[test]
    fn who_wants_it_here_is_told_whatever_the_others_say() {
        let bench = bench();
        assert!(bench.look(0).is_possible());
        bench.bus.answer(&Ok(0));
        let conn = ConnId { reactor: 0, slot: 0, generation: 0 };
        let wants = Wants::default().and(Want::Receipts);
        let entry = Entry::new(conn, DeviceId::UNNAMED, 1, wants);
        let user = UserId::new(1).unwrap();
        drop(bench.directory.enter(user, entry, SessionPolicy::Multi));
        assert_eq!(bench.look(1), Wanted::Here);
        assert_eq!(bench.look(1).elsewhere(), Elsewhere::No);
        bench.directory.leave(user, conn);
        assert_eq!(bench.look(2), Wanted::Nowhere);
    }
}
