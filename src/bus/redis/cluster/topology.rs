//! Which server of a Redis Cluster has which slots, at a moment; and whose word about it counts.

use std::collections::BTreeMap;

use redis::Value;

use super::slots::{SLOTS, SlotSet, all_slots};
use crate::bus::redis::sentinel::sentinel_state::Place;

/// The servers of a Redis Cluster, and the slot table. Every slot has an owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::bus::redis) struct Topology {
    /// The masters that have slots, in order.
    places: Vec<Place>,
    /// For each slot the master's index. Invariant: an index of `places`.
    owners: Box<[u16]>,
}

/// What a server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::bus::redis) struct Told {
    pub(in crate::bus::redis) topology: Topology,
    /// It grows with each fail-over, and with most moves of slots.
    pub(in crate::bus::redis) epoch: u64,
}

impl Topology {
    /// Reads the answer to CLUSTER SLOTS of the server at `asked`; `None`: it is none, or there are slots without a master.
    pub(in crate::bus::redis) fn parse(answer: Value, asked: &str) -> Option<Self> {
        let Value::Array(ranges) = answer else { return None };
        let ranges = ranges.into_iter().map(|range| parse_range(range, asked)).collect::<Option<Vec<_>>>()?;
        Self::of(&ranges)
    }

    /// Of ranges, each with its master.
    fn of(ranges: &[(u16, u16, Place)]) -> Option<Self> {
        let mut index: BTreeMap<Place, u16> = ranges.iter().map(|(_, _, place)| (place.clone(), 0)).collect();
        for (at, number) in index.values_mut().zip(0..) {
            *at = number;
        }
        let mut owners = vec![None; SLOTS];
        for (first, last, place) in ranges {
            let range = owners.get_mut(usize::from(*first)..=usize::from(*last))?;
            range.fill(index.get(place).copied());
        }
        Some(Self { places: index.into_keys().collect(), owners: owners.into_iter().collect::<Option<_>>()? })
    }

    pub(in crate::bus::redis) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The index of the slot's master in [`Topology::places`].
    pub(in crate::bus::redis) fn owner(&self, slot: u16) -> usize {
        usize::from(self.owners[usize::from(slot) % SLOTS])
    }

    /// The slots of the master with this index.
    pub(in crate::bus::redis) fn slots_of(&self, owner: usize) -> SlotSet {
        slots_where(|slot| self.owner(slot) == owner)
    }

    /// The slots that have another master than they had.
    pub(in crate::bus::redis) fn changed_since(&self, before: &Self) -> SlotSet {
        slots_where(|slot| self.places[self.owner(slot)] != before.places[before.owner(slot)])
    }
}

fn slots_where(holds: impl Fn(u16) -> bool) -> SlotSet {
    let mut set = SlotSet::new();
    all_slots().filter(|slot| holds(*slot)).for_each(|slot| set.insert(slot));
    set
}

/// First and last slot, and the master: that of the first server, and the others are its replicas.
fn parse_range(range: Value, asked: &str) -> Option<(u16, u16, Place)> {
    let Value::Array(items) = range else { return None };
    let [first, last, Value::Array(master), ..] = items.as_slice() else { return None };
    let number = |value: &Value| match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    let host = match master.first()? {
        Value::BulkString(host) if !host.is_empty() => String::from_utf8(host.clone()).ok()?,
        // It does not know its own address: it is where it was asked.
        _ => asked.to_owned(),
    };
    Some((number(first)?, number(last)?, (host, number(master.get(1)?)?)))
}

/// How often in a row only older words are heard before one of them is believed: the cluster was made anew.
const OLDER_MAX: u32 = 5;

/// Compares what servers say with what is believed.
#[derive(Debug, Default)]
pub(in crate::bus::redis) struct Belief {
    present: Option<Told>,
    older: u32,
}

impl Belief {
    /// What servers say now. The topology to change to, if it is another one.
    pub(in crate::bus::redis) fn hear(&mut self, told: &[Told]) -> Option<Topology> {
        let epoch = told.iter().map(|told| told.epoch).max()?;
        if self.present.as_ref().is_some_and(|present| epoch < present.epoch) {
            // Servers that are cut off from the others, perhaps.
            self.older += 1;
            if self.older < OLDER_MAX {
                return None;
            }
        }
        self.older = 0;
        let latest: Vec<&Told> = told.iter().filter(|told| told.epoch == epoch).collect();
        let votes = |one: &Told| {
            let equal = latest.iter().filter(|other| other.topology == one.topology).count();
            // A slot that moves without a new epoch is known to some earlier than to others.
            let is_present = self.present.as_ref().is_some_and(|present| present.topology == one.topology);
            (equal, is_present)
        };
        let best = latest.iter().copied().max_by_key(|told| votes(told))?.clone();
        let is_new = self.present.as_ref().is_none_or(|present| present.topology != best.topology);
        let topology = best.topology.clone();
        self.present = Some(best);
        is_new.then_some(topology)
    }
}

#[cfg(test)]
impl Topology {
    /// Of masters by port, each with the slots up to a last one.
    pub(in crate::bus::redis) fn of_masters(masters: &[(u16, u16)]) -> Self {
        let mut first = 0;
        let range = |(port, last): &(u16, u16)| {
            let range = (first, *last, ("h".to_owned(), *port));
            first = *last + 1;
            range
        };
        Self::of(&masters.iter().map(range).collect::<Vec<_>>()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    fn told(epoch: u64, masters: &[(u16, u16)]) -> Told {
        Told { topology: Topology::of_masters(masters), epoch }
    }

    #[test]
    fn the_answer_of_a_server_is_read() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let range = |first, last, host: Value, port| {
            let replica = Value::Array(vec![text("replica"), Value::Int(9), text("id")]);
            let master = Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(vec![])]);
            Value::Array(vec![Value::Int(first), Value::Int(last), master, replica])
        };
        let whole = Value::Array(vec![range(0, 100, text("b"), 2), range(101, 16383, Value::Nil, 1)]);
        let read = Topology::parse(whole, "asked").unwrap();
        assert_eq!(read.places(), [("asked".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!((read.owner(100), read.owner(101)), (1, 0));
        assert_eq!(read.slots_of(1).to_string(), "0-100");
        for broken in [
            Value::Array(vec![range(0, 100, text("b"), 2)]),
            Value::Array(vec![range(0, 16384, text("b"), 2)]),
            Value::Array(vec![range(-1, 16383, text("b"), 2)]),
            Value::Array(vec![]),
            Value::Nil,
        ] {
            assert_eq!(Topology::parse(broken, "asked"), None);
        }
    }

    #[test]
    fn slots_with_another_master_are_told() {
        let (before, after) =
            (Topology::of_masters(&[(1, 99), (2, 16383)]), Topology::of_masters(&[(1, 89), (3, 16383)]));
        assert_eq!(after.changed_since(&before).to_string(), "90-16383");
        assert!(before.changed_since(&before).is_empty());
        let moved = Topology::of_masters(&[(2, 16383)]);
        assert_eq!(moved.changed_since(&before).to_string(), "0-99", "by place, not by index");
    }

    #[test]
    fn the_latest_word_counts_and_among_equals_that_of_the_most() {
        let (old, new) = (told(1, &[(1, 99), (2, 16383)]), told(2, &[(1, 16383)]));
        let mut belief = Belief::default();
        assert_eq!(belief.hear(&[]), None);
        assert_eq!(belief.hear(&[old.clone(), old.clone()]), Some(old.topology.clone()));
        assert_eq!(belief.hear(slice::from_ref(&old)), None, "nothing new");
        assert_eq!(belief.hear(&[old.clone(), new.clone(), old.clone()]), Some(new.topology.clone()));
        let moved = told(2, &[(1, 50), (2, 16383)]);
        assert_eq!(belief.hear(&[moved.clone(), new.clone()]), None, "one against the present one and another");
        assert_eq!(belief.hear(&[moved.clone(), new, moved.clone()]), Some(moved.topology));
    }

    #[test]
    fn servers_that_are_cut_off_are_not_believed_but_a_cluster_made_anew_is() {
        let (old, new) = (told(1, &[(1, 16383)]), told(9, &[(2, 16383)]));
        let mut belief = Belief::default();
        belief.hear(&[new]);
        for _ in 1..OLDER_MAX {
            assert_eq!(belief.hear(slice::from_ref(&old)), None);
        }
        assert_eq!(belief.hear(slice::from_ref(&old)), Some(old.topology));
    }
}
