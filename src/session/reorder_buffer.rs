//! Pushes that came before the one ahead of them, by another node: kept for the moment that it takes the other to come.
//!
//! ```text
//!   seq 5 was committed by another node, seq 6 here:      6 is told at once, 5 comes over the bus
//!
//!   push 6 -> Offer::OutOfOrder -> keep    push 5 -> Offer::Push, then SeqTracker::next_ahead -> take 6
//! ```
//!
//! One for each reactor, whatever the number of sessions that wait: the line is shared. What is not here any more is
//! fetched from the store like any hole, so losing a line costs nothing but the fetch.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::delivery::Which;
use crate::ids::{ConvId, IdMap, Seq};

/// Bytes of lines kept by one reactor.
const BYTES_MAX: usize = 1024 * 1024;
/// How long a line is kept: sessions look into the store for what is still missing long before.
const KEPT: Duration = Duration::from_secs(1);

/// The lines of one reactor that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct ReorderBuffer {
    lines: IdMap<(ConvId, Seq), (Bytes, Option<Which>)>,
    /// The oldest first.
    kept: VecDeque<(Instant, ConvId, Seq)>,
    bytes: usize,
}

impl ReorderBuffer {
    /// Keeps a line, at the cost of the oldest if there is no room.
    pub(crate) fn keep(&mut self, conv: ConvId, seq: Seq, which: Option<Which>, line: &Bytes, now: Instant) {
        let Self { lines, kept, bytes } = self;
        lines.entry((conv, seq)).or_insert_with(|| {
            kept.push_back((now, conv, seq));
            *bytes += line.len();
            (line.clone(), which)
        });
        while self.bytes > BYTES_MAX {
            self.drop_oldest();
        }
        self.check();
    }

    /// A line that was kept, and which message it is. It stays: others may wait for it, too.
    #[must_use]
    pub(crate) fn line(&self, conv: ConvId, seq: Seq) -> Option<(Bytes, Option<Which>)> {
        self.lines.get(&(conv, seq)).cloned()
    }

    /// Drops all: the numbers are given out anew.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Drops what is too old.
    pub(crate) fn expire(&mut self, now: Instant) {
        while self.kept.front().is_some_and(|(since, ..)| now.saturating_duration_since(*since) > KEPT) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((_, conv, seq)) = self.kept.pop_front() else { return };
        if let Some((line, _)) = self.lines.remove(&(conv, seq)) {
            self.bytes -= line.len();
        }
        self.check();
    }

    fn check(&self) {
        let Self { lines, kept, bytes } = self;
        debug_assert_eq!(lines.len(), kept.len(), "each line has its place in the order");
        debug_assert!(!lines.is_empty() || *bytes == 0, "{bytes} bytes of no line");
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    fn conv() -> ConvId {
        ConvId::group(GroupId::new(1).unwrap())
    }

    #[test]
    fn a_line_is_kept_once_and_for_a_moment() {
        let now = Instant::now();
        let mut ahead = ReorderBuffer::default();
        let line = Bytes::from_static(b"six\n");
        ahead.keep(conv(), 6, None, &line, now);
        ahead.keep(conv(), 6, None, &line, now + KEPT);
        assert_eq!((ahead.line(conv(), 6), ahead.line(conv(), 5)), (Some((line, None)), None));
        assert_eq!(ahead.bytes, 4);
        ahead.expire(now + KEPT);
        assert!(ahead.line(conv(), 6).is_some());
        ahead.expire(now + KEPT + Duration::from_millis(1));
        assert_eq!((ahead.line(conv(), 6), ahead.bytes, ahead.kept.len()), (None, 0, 0));
    }

    #[test]
    fn the_oldest_make_room() {
        let now = Instant::now();
        let mut ahead = ReorderBuffer::default();
        let line = Bytes::from(vec![b'x'; BYTES_MAX / 4]);
        (1..=6).for_each(|seq| ahead.keep(conv(), seq, None, &line, now));
        let kept: Vec<Seq> = (1..=6).filter(|seq| ahead.line(conv(), *seq).is_some()).collect();
        assert_eq!(kept, [3, 4, 5, 6]);
        assert_eq!(ahead.bytes, BYTES_MAX);
    }
}
