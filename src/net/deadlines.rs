//! When each connection wants to be called next. One wish per slot; `now` is an argument.
//!
//! A heap holds an entry at or before each wish. Moving a wish later, which is what most of them do, touches only the
//! wish: the early entry finds that out when it comes up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Entries that are no slot's any more are swept out when there are more of them than of wishes and this.
const GARBAGE_MIN: usize = 64;

#[derive(Clone, Copy, Default, Debug)]
struct Wish {
    /// When the slot wants to be called.
    at: Option<Instant>,
    /// The slot's entry in the heap that counts; others are garbage. Never later than `at`.
    entry: Option<Instant>,
}

/// The wishes of one reactor's slots.
#[derive(Default, Debug)]
pub(super) struct Deadlines {
    /// Indexed by slot.
    wishes: Vec<Wish>,
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    /// How many slots have an entry that counts.
    entries: usize,
}

impl Deadlines {
    /// Replaces the slot's wish; `None` takes it back.
    pub(super) fn set(&mut self, slot: usize, at: Option<Instant>) {
        if slot >= self.wishes.len() {
            if at.is_none() {
                return;
            }
            self.wishes.resize(slot + 1, Wish::default());
        }
        let wish = &mut self.wishes[slot];
        wish.at = at;
        let Some(at) = at else { return };
        match wish.entry {
            Some(entry) if entry <= at => return,
            Some(_) => {}
            None => self.entries += 1,
        }
        wish.entry = Some(at);
        self.heap.push(Reverse((at, slot)));
        self.sweep();
    }

    /// The earliest wish.
    pub(super) fn next(&mut self) -> Option<Instant> {
        while let Some(&Reverse((entry, slot))) = self.heap.peek() {
            if self.wishes[slot].at == Some(entry) && self.wishes[slot].entry == Some(entry) {
                return Some(entry);
            }
            self.heap.pop();
            self.retire(entry, slot);
        }
        None
    }

    /// A slot whose time has come; its wish is spent.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<usize> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, slot)) = self.heap.pop()?;
        self.wishes[slot] = Wish::default();
        self.entries -= 1;
        Some(slot)
    }

    /// An entry came up that is not the time of a wish: it is garbage, or the wish has moved later.
    fn retire(&mut self, entry: Instant, slot: usize) {
        let wish = &mut self.wishes[slot];
        if wish.entry != Some(entry) {
            return;
        }
        wish.entry = wish.at;
        match wish.at {
            Some(at) => self.heap.push(Reverse((at, slot))),
            None => self.entries -= 1,
        }
    }

    /// Keeps the heap within a constant factor of the slots that have a wish.
    fn sweep(&mut self) {
        if self.heap.len() <= 2 * self.entries + GARBAGE_MIN {
            return;
        }
        let mut kept = Vec::with_capacity(self.entries);
        for (slot, wish) in self.wishes.iter_mut().enumerate() {
            wish.entry = wish.at;
            kept.extend(wish.at.map(|at| Reverse((at, slot))));
        }
        self.entries = kept.len();
        self.heap = kept.into();
        self.check();
    }

    fn check(&self) {
        let Self { wishes, heap, entries } = self;
        debug_assert!(*entries <= heap.len() && *entries <= wishes.len(), "{entries} of {} entries count", heap.len());
        debug_assert!(heap.len() <= 2 * entries + GARBAGE_MIN + 1, "{} entries for {entries} wishes", heap.len());
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an Instant can be had from nowhere else")]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_wish_counts() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        deadlines.set(3, Some(at(5)));
        deadlines.set(1, Some(at(4)));
        deadlines.set(3, Some(at(9)));
        deadlines.set(1, None);
        assert_eq!(deadlines.next(), Some(at(9)));
        assert_eq!(deadlines.pop_due(at(8)), None);
        deadlines.set(3, Some(at(2)));
        assert_eq!(deadlines.pop_due(at(8)), Some(3));
        assert_eq!(deadlines.pop_due(at(100)), None, "a wish is granted once");
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn the_heap_does_not_grow_with_the_number_of_changes() {
        let start = Instant::now();
        let mut deadlines = Deadlines::default();
        for change in 0..100_000_u64 {
            // Ever earlier: the one case in which a change leaves garbage.
            deadlines.set(0, Some(start + Duration::from_millis(200_000 - change)));
        }
        assert!(deadlines.heap.len() <= 2 + GARBAGE_MIN + 1, "{}", deadlines.heap.len());
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_map(steps in prop::collection::vec((0..5_usize, prop::option::of(0..100_u64), any::<bool>()), 0..300)) {
            let start = Instant::now();
            let mut deadlines = Deadlines::default();
            let mut plain: HashMap<usize, Instant> = HashMap::new();
            for (slot, at, pop) in steps {
                let at = at.map(|ms| start + Duration::from_millis(ms));
                if pop {
                    let now = at.unwrap_or(start);
                    let mut due = Vec::new();
                    while let Some(slot) = deadlines.pop_due(now) {
                        due.push(slot);
                    }
                    due.sort_unstable();
                    let mut expected: Vec<usize> = plain.iter().filter(|(_, at)| **at <= now).map(|(slot, _)| *slot).collect();
                    expected.sort_unstable();
                    prop_assert_eq!(due, expected);
                    plain.retain(|_, at| *at > now);
                } else {
                    deadlines.set(slot, at);
                    match at {
                        Some(at) => plain.insert(slot, at),
                        None => plain.remove(&slot),
                    };
                }
                prop_assert_eq!(deadlines.next(), plain.values().min().copied());
            }
        }
    }
}
