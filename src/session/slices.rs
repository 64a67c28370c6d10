//! What is told to a large group is told a slice of its hearers at a time, so that a turn of the reactor stays short.
//!
//! ```text
//!   line of groups:  [ a | b | ... ]         the first one has its round: some events, and who hears the group now
//!   a's round:       events 7, 8, 9          each connection is told all of them at once, in one write
//!                    told | told | next slice | ... |
//!   a's next round:  events 10, 11           came meanwhile; when the round is over, the group joins the end of the line
//! ```
//!
//! An event is told to those who heard the group when it came, and hear it still: [`GroupIndex::heard`] knows. The events of one
//! group keep their order, and each connection is told an event once. State machine: it does not know what an event is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::group_index::GroupIndex;
use crate::ids::{GroupId, IdMap};
use crate::net::ConnId;

/// Connections that are told something in one turn, on top of what comes for single ones and for small groups. To tell
/// one costs a write to its socket, 3 to 8 microseconds: so a slice takes less than a millisecond.
pub(crate) const SLICE: usize = 64;
/// The slices of what waits are spread over this time, so that not only the reactor has time for others between two of
/// them, but also the database, the receivers and the kernel, which have work with every slice, too. A message is to be
/// at the last of 10,000 within 250 ms. On two cores, with pairs who say 1,000 messages a second beside it, that took
/// 163 ms at most without pauses (in slices of 256), and 223 ms with them; the pairs' p99 was 57 to 62 ms, and 29 to
/// 35 ms with them (docs/performance.md).
const SPREAD: Duration = Duration::from_millis(150);
/// The longest pause: a group of a few slices is not kept waiting for nothing.
const PAUSE_MAX: Duration = Duration::from_millis(4);
/// A poll waits for whole milliseconds. What would be less is no pause, so that hundreds of slices do not take seconds.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Slices that one turn tells which comes late, since others have had the reactor for long: then the pauses are there already.
const SLICES_MAX: u32 = 4;
/// Events that one round tells. A connection that is told several gets them by one write; but a slice must not be long, either.
const ROUND_EVENTS_MAX: usize = 16;
/// Events of a reactor that wait for their rounds, or for the end of theirs. What is beyond is told at once: then others wait for the
/// reactor, and nothing is lost.
const EVENTS_MAX: usize = 512;

/// The events of one reactor that are being told to large groups. Owned by the reactor's thread.
#[derive(Debug)]
pub(crate) struct Slices<E> {
    size: usize,
    /// Each group for which something waits, once.
    line: VecDeque<GroupId>,
    rounds: IdMap<GroupId, Rounds<E>>,
    /// Events of all groups.
    waiting: usize,
}

/// What waits for one group. Every event with its number: [`GroupIndex::announce`].
#[derive(Debug)]
struct Rounds<E> {
    /// The events of the present round. Empty until it begins.
    events: Arc<[(u64, E)]>,
    /// Who is told them, and how many of these have had their turn.
    hearers: Vec<ConnId>,
    had_their_turn: usize,
    /// For the rounds after it.
    next: VecDeque<(u64, E)>,
}

/// A part of a round: each of these connections is to be told each of these events, as far as it [`GroupIndex::heard`].
#[derive(Debug)]
pub(crate) struct Slice<E> {
    pub(crate) group: GroupId,
    pub(crate) conns: Vec<ConnId>,
    pub(crate) events: Arc<[(u64, E)]>,
    is_last: bool,
}

impl<E> Slices<E> {
    /// Nothing waits. At most `size` connections are told something in a turn, one at least.
    pub(crate) fn new(size: usize) -> Self {
        Self { size: size.max(1), line: VecDeque::new(), rounds: IdMap::default(), waiting: 0 }
    }

    /// Whether an event for a group with so many hearers waits: they are too many for a turn, or others of the group wait.
    pub(crate) fn takes(&self, group: GroupId, hearers: usize) -> bool {
        hearers > self.size || self.rounds.contains_key(&group)
    }

    pub(crate) fn push(&mut self, index: &mut GroupIndex, group: GroupId, event: E) {
        let number = index.announce(group);
        let rounds = self.rounds.entry(group).or_insert_with(|| {
            self.line.push_back(group);
            Rounds { events: Arc::from([]), hearers: Vec::new(), had_their_turn: 0, next: VecDeque::new() }
        });
        rounds.next.push_back((number, event));
        self.waiting += 1;
    }

    /// Whether more waits than may.
    pub(crate) fn is_over_full(&self) -> bool {
        self.waiting > EVENTS_MAX
    }

    /// How many events wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many connections are told something in a turn that comes so much later than it was to come.
    pub(crate) fn due(&self, late: Duration) -> usize {
        let missed = u32::try_from(late.as_millis() / PAUSE_MAX.as_millis()).unwrap_or(u32::MAX);
        let slices = missed.saturating_add(1).min(SLICES_MAX);
        self.size.saturating_mul(usize::try_from(slices).unwrap_or(1))
    }

    /// How long others have the reactor before the next slice, after one was told. `None`: nothing waits. The more waits,
    /// be it for hearers or events, the shorter: many events, or 10,000 hearers of one reactor, are told without pauses.
    pub(crate) fn pause(&self, index: &GroupIndex) -> Option<Duration> {
        let hearers = index.of(*self.line.front()?).len();
        let slices = hearers.div_ceil(self.size).max(1).saturating_mul(self.waiting);
        let pause = SPREAD / u32::try_from(slices).unwrap_or(u32::MAX);
        Some(if pause < PAUSE_MIN { Duration::ZERO } else { pause.min(PAUSE_MAX) })
    }

    /// The next slice, of at most so many connections; [`Slices::told`] follows. `None`: nothing waits.
    pub(crate) fn next(&mut self, index: &GroupIndex, most: usize) -> Option<Slice<E>> {
        let group = *self.line.front()?;
        let rounds = self.rounds.get_mut(&group)?;
        if rounds.events.is_empty() {
            let events = rounds.next.len().min(ROUND_EVENTS_MAX);
            rounds.events = rounds.next.drain(..events).collect();
            rounds.hearers = index.of(group).to_vec();
        }
        let begin = rounds.had_their_turn;
        let end = rounds.hearers.len().min(begin.saturating_add(most));
        rounds.had_their_turn = end;
        let (conns, is_last) = (rounds.hearers[begin..end].to_vec(), end == rounds.hearers.len());
        Some(Slice { group, conns, events: Arc::clone(&rounds.events), is_last })
    }

    /// What still waits for this connection: for one that is to be told ahead of the others, because it leaves.
    pub(crate) fn of(&self, group: GroupId, conn: ConnId) -> Vec<(u64, E)>
    where
        E: Clone,
    {
        let Some(rounds) = self.rounds.get(&group) else { return Vec::new() };
        let is_told = rounds.hearers[..rounds.had_their_turn].contains(&conn);
        let present = if is_told { &[] } else { &*rounds.events };
        present.iter().chain(&rounds.next).cloned().collect()
    }

    /// The slice was told.
    pub(crate) fn told(&mut self, index: &mut GroupIndex, slice: &Slice<E>) {
        if !slice.is_last {
            return;
        }
        let group = slice.group;
        self.waiting -= slice.events.len();
        self.line.pop_front();
        let Some(rounds) = self.rounds.get_mut(&group) else { return };
        if rounds.next.is_empty() {
            self.rounds.remove(&group);
            index.all_told(group);
        } else {
            (rounds.events, rounds.hearers, rounds.had_their_turn) = (Arc::from([]), Vec::new(), 0);
            self.line.push_back(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Enters(u32, i64),
        Leaves(u32, i64),
        IsToldAndLeaves(u32, i64),
        Event(i64),
        Turn,
    }

    fn step() -> impl Strategy<Value = Step> {
        let (slot, group) = (0..9_u32, 1..=2_i64);
        prop_oneof![
            3 => (slot.clone(), group.clone()).prop_map(|(slot, group)| Step::Enters(slot, group)),
            1 => (slot.clone(), group.clone()).prop_map(|(slot, group)| Step::Leaves(slot, group)),
            1 => (slot, group.clone()).prop_map(|(slot, group)| Step::IsToldAndLeaves(slot, group)),
            3 => group.prop_map(Step::Event),
            2 => Just(Step::Turn),
        ]
    }

    fn group(number: i64) -> GroupId {
        GroupId::new(number).unwrap()
    }

    fn conn(slot: u32) -> ConnId {
        ConnId { reactor: 0, slot, generation: 0 }
    }

    /// What is told, and what each connection is still owed.
    #[derive(Default)]
    struct Bed {
        index: GroupIndex,
        owed: HashMap<(GroupId, ConnId), VecDeque<usize>>,
        events: usize,
    }

    impl Bed {
        fn step(&mut self, slices: &mut Slices<usize>, step: Step) {
            match step {
                Step::Enters(slot, number) => {
                    if !self.index.of(group(number)).contains(&conn(slot)) {
                        self.index.enter(conn(slot), &[group(number)]);
                    }
                }
                Step::Leaves(slot, number) => {
                    self.index.leave(conn(slot), &[group(number)]);
                    self.owed.remove(&(group(number), conn(slot)));
                }
                Step::IsToldAndLeaves(slot, number) => {
                    let (group, conn) = (group(number), conn(slot));
                    for (number, event) in slices.of(group, conn) {
                        if self.index.heard(group, conn, number) {
                            self.told(group, conn, event);
                        }
                    }
                    assert!(self.owed.get(&(group, conn)).is_none_or(VecDeque::is_empty), "all was told");
                    self.index.leave(conn, &[group]);
                }
                Step::Event(number) => self.event(slices, group(number)),
                Step::Turn => self.turn(slices),
            }
        }

        fn event(&mut self, slices: &mut Slices<usize>, group: GroupId) {
            let (event, hearers) = (self.events, self.index.of(group).to_vec());
            self.events += 1;
            for conn in &hearers {
                self.owed.entry((group, *conn)).or_default().push_back(event);
            }
            if slices.takes(group, hearers.len()) {
                slices.push(&mut self.index, group, event);
            } else {
                for conn in hearers {
                    self.told(group, conn, event);
                }
            }
        }

        fn told(&mut self, group: GroupId, conn: ConnId, event: usize) {
            let next = self.owed.get_mut(&(group, conn)).and_then(VecDeque::pop_front);
            assert_eq!(next, Some(event), "{conn} of group {group}");
        }

        fn turn(&mut self, slices: &mut Slices<usize>) {
            let mut left = slices.due(Duration::ZERO);
            while left > 0
                && let Some(slice) = slices.next(&self.index, left)
            {
                assert!(slice.conns.len() <= left);
                left -= slice.conns.len();
                for conn in &slice.conns {
                    for (number, event) in slice.events.iter() {
                        if self.index.heard(slice.group, *conn, *number) {
                            self.told(slice.group, *conn, *event);
                        }
                    }
                }
                slices.told(&mut self.index, &slice);
            }
        }
    }

    proptest! {
        #[test]
        fn who_heard_the_group_all_the_time_is_told_once_and_in_order(
            size in 1..4_usize,
            steps in prop::collection::vec(step(), 0..300),
        ) {
            let (mut bed, mut slices) = (Bed::default(), Slices::new(size));
            for step in steps {
                bed.step(&mut slices, step);
            }
            let mut turns = 0;
            while slices.waiting() > 0 {
                bed.turn(&mut slices);
                turns += 1;
                prop_assert!(turns < 10_000);
            }
            prop_assert!(bed.owed.values().all(VecDeque::is_empty), "{:?}", bed.owed);
            prop_assert!(slices.line.is_empty() && slices.rounds.is_empty());
        }
    }

    #[test]
    fn a_busy_group_does_not_keep_another_one_waiting() {
        let (mut index, mut slices) = (GroupIndex::default(), Slices::new(1));
        for slot in 0..2 {
            index.enter(conn(slot), &[group(1), group(2)]);
        }
        let event = |slices: &mut Slices<&str>, index: &mut GroupIndex, of| slices.push(index, group(of), "event");
        (0..2 * ROUND_EVENTS_MAX).for_each(|_| event(&mut slices, &mut index, 1));
        event(&mut slices, &mut index, 2);
        let mut turn = || {
            let slice = slices.next(&index, 1).unwrap();
            slices.told(&mut index, &slice);
            (slice.group.number(), slice.events.len(), slice.conns.len())
        };
        let turns: Vec<_> = (0..6).map(|_| turn()).collect();
        let (busy, other) = ((1, ROUND_EVENTS_MAX, 1), (2, 1, 1));
        assert_eq!(turns, [busy, busy, other, other, busy, busy]);
        assert_eq!(slices.waiting(), 0);
    }

    /// The pause behind a slice, where one group is heard by so many, and so many events wait for it.
    fn pause(size: usize, hearers: u32, events: usize) -> Option<Duration> {
        let (mut index, mut slices) = (GroupIndex::default(), Slices::new(size));
        (0..hearers).for_each(|slot| index.enter(conn(slot), &[group(1)]));
        (0..events).for_each(|event| slices.push(&mut index, group(1), event));
        slices.pause(&index)
    }

    #[test]
    fn what_waits_is_told_within_the_time_over_which_it_is_spread() {
        let slices = 50;
        assert_eq!(pause(2, 100, 1), Some(SPREAD / slices));
        assert_eq!(pause(2, 99, 1), Some(SPREAD / slices), "the last slice is smaller");
        assert_eq!(pause(2, 100, 3), Some(SPREAD / slices / 3), "others wait behind it");
        assert_eq!(pause(1, 3, 1), Some(PAUSE_MAX), "it would be three long pauses");
    }

    #[test]
    fn where_much_waits_or_nothing_there_is_no_pause() {
        assert_eq!(pause(1, 200, 1), Some(Duration::ZERO), "many hearers");
        assert_eq!(pause(1, 2, 200), Some(Duration::ZERO), "many events");
        assert_eq!(pause(1, 0, 1), Some(PAUSE_MAX), "all have gone meanwhile");
        assert_eq!(pause(usize::MAX, 1, usize::from(u8::MAX)), Some(Duration::ZERO));
        assert_eq!(pause(1, 1, 0), None);
    }

    #[test]
    fn a_turn_that_comes_late_tells_what_was_due_meanwhile() {
        let slices = Slices::<()>::new(64);
        let due = [0, 3, 4, 9, 20, 5000].map(|late| slices.due(Duration::from_millis(late)));
        assert_eq!(due, [64, 64, 128, 192, 256, 256]);
        assert_eq!(Slices::<()>::new(usize::MAX).due(Duration::from_secs(1)), usize::MAX);
    }

    #[test]
    fn several_large_groups_share_the_time() {
        let (mut index, mut slices) = (GroupIndex::default(), Slices::new(1));
        let groups: Vec<_> = (1..=5).map(group).collect();
        (0..20).for_each(|slot| index.enter(conn(slot), &groups));
        for group in &groups {
            slices.push(&mut index, *group, "event");
        }
        let mut took = Duration::ZERO;
        while let Some(slice) = slices.next(&index, 1) {
            slices.told(&mut index, &slice);
            took += slices.pause(&index).unwrap_or_default();
        }
        assert!(took <= 3 * SPREAD, "1/5 + 1/4 + 1/3 + 1/2 + 1 of it, or less: {took:?}");
    }

    #[test]
    fn more_than_may_wait_is_noticed() {
        let (mut index, mut slices) = (GroupIndex::default(), Slices::new(1));
        index.enter(conn(1), &[group(1)]);
        (0..EVENTS_MAX).for_each(|event| slices.push(&mut index, group(1), event));
        assert!(!slices.is_over_full());
        slices.push(&mut index, group(1), EVENTS_MAX);
        assert!(slices.is_over_full());
        let slice = slices.next(&index, usize::MAX).unwrap();
        slices.told(&mut index, &slice);
        assert!(!slices.is_over_full());
    }
}
