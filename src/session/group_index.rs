//! Which connections of one reactor hear which group. Fan-out inside a node shares nothing: each reactor has its own.
//!
//! ```text
//!   group --> [ conn | conn | conn ]      fan-out goes through the list
//!             slot --> place in it        a large group's members are found by this, and the last one takes the place
//! ```
//!
//! What is told to a large group takes several turns (`slices`). Meanwhile the group's events have numbers, and who comes is noted with
//! the first number that it hears.

use crate::ids::{GroupId, IdMap};
use crate::net::ConnId;

/// In a group of no more connections than this a member is searched for: nearly all groups are so small, and hold no second
/// map.
const SEARCHED_MAX: usize = 32;

/// group -> connections of this reactor. Entering and leaving take the same time however large the group is.
#[derive(Debug, Default)]
pub struct GroupIndex {
    by_group: IdMap<GroupId, Hearers>,
}

/// The connections that hear one group, each once.
#[derive(Debug, Default)]
struct Hearers {
    conns: Vec<ConnId>,
    /// Where in `conns` the connection in a slot is. Invariant: empty, or as long as `conns`; not empty if `conns` has more
    /// than [`SEARCHED_MAX`].
    places: IdMap<u32, usize>,
    /// While events of the group wait.
    announced: Option<Box<Announced>>,
}

/// The events of a group that wait, and those after them.
#[derive(Debug, Default)]
struct Announced {
    /// The next one's number.
    next: u64,
    /// By slot: who has come meanwhile, and the first event that it hears.
    newcomers: IdMap<u32, u64>,
}

impl GroupIndex {
    /// The session on `conn` hears these groups from now on; it does not yet.
    pub fn enter(&mut self, conn: ConnId, groups: &[GroupId]) {
        for group in groups {
            self.by_group.entry(*group).or_default().enter(conn);
        }
    }

    /// It does not any more.
    pub fn leave(&mut self, conn: ConnId, groups: &[GroupId]) {
        for group in groups {
            let Some(hearers) = self.by_group.get_mut(group) else { continue };
            hearers.leave(conn);
            if hearers.is_nobody() {
                self.by_group.remove(group);
            }
        }
    }

    /// Who hears the group.
    #[must_use]
    pub fn of(&self, group: GroupId) -> &[ConnId] {
        self.by_group.get(&group).map_or(&[], |hearers| hearers.conns.as_slice())
    }

    /// An event of the group waits to be told: its number, by which [`GroupIndex::heard`] tells who heard the group when it came.
    pub(crate) fn announce(&mut self, group: GroupId) -> u64 {
        let announced = self.by_group.entry(group).or_default().announced.get_or_insert_default();
        announced.next += 1;
        announced.next - 1
    }

    /// Whether the session on `conn` heard the group when this event came, and has heard it ever since.
    pub(crate) fn heard(&self, group: GroupId, conn: ConnId, event: u64) -> bool {
        let Some(hearers) = self.by_group.get(&group) else { return false };
        let Some(announced) = &hearers.announced else { return false };
        hearers.place(conn).is_some() && announced.newcomers.get(&conn.slot).is_none_or(|first| *first <= event)
    }

    /// No event of the group waits any more.
    pub(crate) fn all_told(&mut self, group: GroupId) {
        let Some(hearers) = self.by_group.get_mut(&group) else { return };
        hearers.announced = None;
        if hearers.is_nobody() {
            self.by_group.remove(&group);
        }
    }
}

impl Hearers {
    fn enter(&mut self, conn: ConnId) {
        self.conns.push(conn);
        if !self.places.is_empty() {
            self.places.insert(conn.slot, self.conns.len() - 1);
        } else if self.conns.len() > SEARCHED_MAX {
            self.places = (0..).zip(&self.conns).map(|(place, conn)| (conn.slot, place)).collect();
        }
        if let Some(Announced { next, newcomers }) = self.announced.as_deref_mut() {
            newcomers.insert(conn.slot, *next);
        }
        self.check();
    }

    fn leave(&mut self, conn: ConnId) {
        let Some(place) = self.place(conn) else { return };
        self.conns.swap_remove(place);
        if let Some(announced) = &mut self.announced {
            announced.newcomers.remove(&conn.slot);
        }
        if !self.places.is_empty() {
            self.places.remove(&conn.slot);
            if let Some(moved) = self.conns.get(place) {
                self.places.insert(moved.slot, place);
            }
        }
        self.check();
    }

    fn place(&self, conn: ConnId) -> Option<usize> {
        if self.places.is_empty() {
            return self.conns.iter().position(|known| *known == conn);
        }
        self.places.get(&conn.slot).copied().filter(|place| self.conns[*place] == conn)
    }

    /// Whether there is nothing to keep: nobody hears the group, and nothing of it waits.
    fn is_nobody(&self) -> bool {
        self.conns.is_empty() && self.announced.is_none()
    }

    fn check(&self) {
        debug_assert!(self.places.is_empty() || self.places.len() == self.conns.len(), "a slot is entered twice");
        debug_assert!(self.conns.len() <= SEARCHED_MAX || !self.places.is_empty(), "a large group has its places");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn group(number: i64) -> GroupId {
        GroupId::new(number).unwrap()
    }

    fn conn(slot: u32) -> ConnId {
        ConnId { reactor: 0, slot, generation: 0 }
    }

    #[test]
    fn who_leaves_hears_no_more() {
        let mut members = GroupIndex::default();
        members.enter(conn(1), &[group(1), group(2)]);
        members.enter(conn(2), &[group(1)]);
        members.leave(conn(1), &[group(1)]);
        assert_eq!(members.of(group(1)), [conn(2)]);
        assert_eq!(members.of(group(2)), [conn(1)]);
        members.leave(conn(2), &[group(1)]);
        assert_eq!(members.of(group(1)), []);
    }

    #[test]
    fn an_event_that_waits_is_for_those_who_heard_the_group_all_the_time() {
        let mut members = GroupIndex::default();
        (0..3).for_each(|slot| members.enter(conn(slot), &[group(1)]));
        let heard = |members: &GroupIndex, event| {
            (0..4).filter(|slot| members.heard(group(1), conn(*slot), event)).collect::<Vec<u32>>()
        };
        let first = members.announce(group(1));
        members.leave(conn(0), &[group(1)]);
        members.leave(conn(1), &[group(1)]);
        members.enter(conn(1), &[group(1)]);
        members.enter(conn(3), &[group(1)]);
        let second = members.announce(group(1));
        assert_eq!((heard(&members, first), heard(&members, second)), (vec![2], vec![1, 2, 3]));
        (1..4).for_each(|slot| members.leave(conn(slot), &[group(1)]));
        members.enter(conn(2), &[group(1)]);
        assert_eq!(heard(&members, second), [0; 0], "nobody was left, and then somebody came");
        members.leave(conn(2), &[group(1)]);
        members.all_told(group(1));
        assert!(members.by_group.is_empty());
    }

    #[test]
    fn the_next_owner_of_a_slot_is_somebody_else() {
        let mut members = GroupIndex::default();
        (0..100).for_each(|slot| members.enter(conn(slot), &[group(1)]));
        members.leave(ConnId { generation: 1, ..conn(7) }, &[group(1)]);
        assert_eq!(members.of(group(1)).len(), 100);
        members.leave(conn(7), &[group(1)]);
        assert_eq!(members.of(group(1)).len(), 99);
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes_each_hears_once(steps in prop::collection::vec((0..80_u32, any::<bool>()), 0..400)) {
            let mut members = GroupIndex::default();
            let mut hearing = HashSet::new();
            for (slot, enters) in steps {
                if enters && hearing.insert(slot) {
                    members.enter(conn(slot), &[group(1)]);
                } else if !enters {
                    hearing.remove(&slot);
                    members.leave(conn(slot), &[group(1)]);
                }
                let mut heard: Vec<u32> = members.of(group(1)).iter().map(|conn| conn.slot).collect();
                heard.sort_unstable();
                let mut expected: Vec<u32> = hearing.iter().copied().collect();
                expected.sort_unstable();
                prop_assert_eq!(heard, expected);
            }
        }
    }
}
