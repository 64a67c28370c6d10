//! The highest number that this node knows of each conversation, for as many of the lively ones as there is room for.
//!
//! What a lane has committed, a bell has told and a page has shown is here. Nothing depends on what is forgotten: it is
//! evidence, by which data that went back are noticed. A few places for each hash, in shards with a lock each, so that a
//! message costs two short look-ups and no allocation.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::{ConvId, Seq};

/// Locks. Each guards [`SHARD_SETS`] sets, which are allocated when the first of them is used.
const SHARDS: usize = 64;
/// Sets in a shard.
const SHARD_SETS: usize = 256;
/// Conversations of one set; the one that was heard of longest ago makes room. With 24 bytes each, all of it is 1.5 MiB.
const SET_CONVS: usize = 4;

const _: () = assert!(SHARDS.is_power_of_two() && SHARD_SETS.is_power_of_two());

/// What is known. Any thread.
#[derive(Debug)]
pub(crate) struct Ends {
    shards: Box<[Mutex<Vec<Set>>]>,
}

/// The conversations of one hash, the one last heard of first.
type Set = [Entry; SET_CONVS];

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// The conversation's number; 0 for none.
    conv: i64,
    seq: Seq,
    /// The epoch in which this was known, as this node counts them: what was known before the data went back counts no
    /// more.
    generation: u32,
}

impl Default for Ends {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Ends {
    /// The highest number known in this generation; 0 where nothing is known.
    #[must_use]
    pub(crate) fn known(&self, generation: u32, conv: ConvId) -> Seq {
        let (shard, set) = self.place(conv);
        let known = shard.get(set).and_then(|set| set.iter().find(|entry| entry.conv == conv.number()));
        known.filter(|entry| entry.generation == generation).map_or(0, |entry| entry.seq)
    }

    /// The message with this number is in the store, as was known in this generation.
    pub(crate) fn note(&self, generation: u32, conv: ConvId, seq: Seq) {
        let (mut shard, set) = self.place(conv);
        if shard.is_empty() {
            *shard = vec![Set::default(); SHARD_SETS];
        }
        let set = &mut shard[set];
        let conv = conv.number();
        let at = set.iter().position(|entry| entry.conv == conv);
        let before = at.map(|at| set[at]).filter(|before| before.generation >= generation);
        let entry = match before {
            Some(before) if before.generation > generation => return,
            Some(before) => Entry { seq: seq.max(before.seq), ..before },
            None => Entry { conv, seq, generation },
        };
        // Those ahead of it move up by one, over its own place or over the oldest.
        set.copy_within(..at.unwrap_or(SET_CONVS - 1), 1);
        set[0] = entry;
    }

    fn place(&self, conv: ConvId) -> (MutexGuard<'_, Vec<Set>>, usize) {
        // Fibonacci hashing: the upper bits of the product are well mixed, however regular the ids are.
        let mixed = conv.number().unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [high, low] = [mixed >> 48, mixed >> 32].map(|bits| usize::try_from(bits & 0xffff).expect("16 bits fit"));
        let shard = self.shards[high % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        (shard, low % SHARD_SETS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    fn conv(number: i64) -> ConvId {
        ConvId::from_number(number).unwrap()
    }

    #[test]
    fn the_highest_number_counts() {
        let ends = Ends::default();
        assert_eq!(ends.known(0, conv(1)), 0);
        for seq in [3, 5, 4] {
            ends.note(0, conv(1), seq);
        }
        assert_eq!((ends.known(0, conv(1)), ends.known(0, conv(2))), (5, 0));
    }

    #[test]
    fn what_was_known_in_another_generation_counts_no_more() {
        let ends = Ends::default();
        ends.note(0, conv(1), 9);
        assert_eq!(ends.known(1, conv(1)), 0);
        ends.note(1, conv(1), 4);
        ends.note(0, conv(1), 9);
        assert_eq!((ends.known(1, conv(1)), ends.known(0, conv(1))), (4, 0), "news of the past come late");
    }

    #[test]
    fn what_was_heard_of_longest_ago_makes_room() {
        let ends = Ends::default();
        let lively = conv(7);
        for number in 1..=1_000_000 {
            ends.note(0, conv(number), 1);
            if number % 1000 == 0 {
                ends.note(0, lively, Seq::try_from(number).unwrap());
            }
        }
        assert_eq!(ends.known(0, lively), 1_000_000);
        let kept = (1..=1_000_000).filter(|number| ends.known(0, conv(*number)) > 0).count();
        assert!(kept <= SHARDS * SHARD_SETS * SET_CONVS && kept > SHARDS * SHARD_SETS, "{kept}");
    }

    #[test]
    fn pairs_and_groups_are_spread() {
        let ends = Ends::default();
        let user = |number| UserId::new(number).unwrap();
        let pairs = (1..=200).flat_map(|low| (201..=300).map(move |high| ConvId::pair(user(low), user(high))));
        let convs: Vec<ConvId> = pairs.chain((1..=10_000).map(conv)).collect();
        for conv in &convs {
            ends.note(0, *conv, 1);
        }
        let kept = convs.iter().filter(|conv| ends.known(0, **conv) == 1).count();
        assert!(kept * 10 > convs.len() * 9, "{kept} of {}", convs.len());
    }
}
