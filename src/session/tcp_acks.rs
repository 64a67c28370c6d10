//! For clients that do not confirm: what the peer's TCP has acknowledged.
//!
//! A message counts as delivered when the kernel reports that the peer's TCP acknowledged its bytes and the
//! connection is still alive a moment later. A state machine without I/O: the reactor tells stream offsets and asks
//! every [`TICK`] while something waits.
//!
//! ```text
//!   pushed, pushed ... --tick--> checkpoint(offset) --acknowledged--> still alive at the next tick --> delivered
//! ```

use std::time::Duration;

use crate::ids::{ConvId, Seq};

/// How often to ask, and so how long a connection must outlive the acknowledgement.
pub const TICK: Duration = Duration::from_millis(250);

/// So many pushes are told apart between two ticks; what a client has that logs out is known to the message, then.
const APART_MAX: usize = 64;

/// Pushes of one session that are not known to have arrived.
#[derive(Debug, Default)]
pub struct TcpAcks {
    /// Pushed since the checkpoint was taken, in their order.
    recent: Vec<Pushed>,
    checkpoint: Option<Checkpoint>,
}

/// Messages of a conversation, up to one of them.
#[derive(Clone, Copy, Debug)]
struct Pushed {
    conv: ConvId,
    seq: Seq,
    /// The stream offset behind the last of them.
    end: u64,
}

#[derive(Debug)]
struct Checkpoint {
    /// The stream offset behind its last message.
    offset: u64,
    pushed: Vec<(ConvId, Seq)>,
    acknowledged: bool,
}

impl TcpAcks {
    /// A message was queued to the connection; `offset` is the stream's end behind it.
    pub fn pushed(&mut self, conv: ConvId, seq: Seq, offset: u64) {
        let is_crowded = self.recent.len() >= APART_MAX;
        match self.recent.last_mut() {
            Some(last) if last.conv == conv && (is_crowded || last.end == offset) => {
                last.seq = seq.max(last.seq);
                last.end = offset;
            }
            _ => self.recent.push(Pushed { conv, seq, end: offset }),
        }
    }

    /// Whether a tick is wanted.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.checkpoint.is_some() || !self.recent.is_empty()
    }

    /// A [`TICK`] has passed and the connection is alive; the peer's TCP has everything up to `acknowledged`. Returns
    /// what counts as delivered now.
    pub fn tick(&mut self, acknowledged: u64) -> Vec<(ConvId, Seq)> {
        let delivered = match &mut self.checkpoint {
            Some(checkpoint) if checkpoint.acknowledged => {
                self.checkpoint.take().map(|checkpoint| checkpoint.pushed).unwrap_or_default()
            }
            Some(checkpoint) => {
                checkpoint.acknowledged = acknowledged >= checkpoint.offset;
                Vec::new()
            }
            None => Vec::new(),
        };
        if self.checkpoint.is_none() && !self.recent.is_empty() {
            let offset = self.recent.last().map_or(0, |last| last.end);
            let pushed = std::mem::take(&mut self.recent).into_iter().map(|pushed| (pushed.conv, pushed.seq)).collect();
            self.checkpoint = Some(Checkpoint { offset, pushed, acknowledged: acknowledged >= offset });
        }
        delivered
    }

    /// The peer has just shown that it is alive and well: it logs out, or ended the connection in order (with unread
    /// bytes it would have reset it). What is acknowledged counts as delivered at once.
    pub fn take_acknowledged(&mut self, acknowledged: u64) -> Vec<(ConvId, Seq)> {
        let mut delivered = match self.checkpoint.take() {
            Some(checkpoint) if acknowledged >= checkpoint.offset => checkpoint.pushed,
            _ => Vec::new(),
        };
        let arrived = self.recent.partition_point(|pushed| pushed.end <= acknowledged);
        delivered.extend(self.recent.drain(..arrived).map(|pushed| (pushed.conv, pushed.seq)));
        delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    fn conv(number: i64) -> ConvId {
        ConvId::group(GroupId::new(number).unwrap())
    }

    #[test]
    fn delivered_is_what_was_acknowledged_one_tick_ago() {
        let mut receipts = TcpAcks::default();
        receipts.pushed(conv(1), 1, 50);
        receipts.pushed(conv(1), 2, 100);
        assert_eq!(receipts.tick(50), []);
        receipts.pushed(conv(1), 3, 150);
        assert_eq!(receipts.tick(99), [], "not acknowledged yet");
        assert_eq!(receipts.tick(100), [], "acknowledged, but is it alive?");
        assert_eq!(receipts.tick(150), [(conv(1), 1), (conv(1), 2)]);
        assert_eq!(receipts.tick(150), [(conv(1), 3)]);
        assert!(!receipts.is_waiting());
    }

    #[test]
    fn an_orderly_end_proves_what_was_acknowledged() {
        let waiting = || {
            let mut receipts = TcpAcks::default();
            receipts.pushed(conv(1), 1, 100);
            receipts.tick(0);
            receipts.pushed(conv(2), 7, 200);
            receipts
        };
        assert_eq!(waiting().take_acknowledged(99), []);
        assert_eq!(waiting().take_acknowledged(100), [(conv(1), 1)]);
        assert_eq!(waiting().take_acknowledged(200), [(conv(1), 1), (conv(2), 7)]);
    }

    #[test]
    fn an_orderly_end_tells_apart_what_has_come_since_the_last_tick() {
        let mut receipts = TcpAcks::default();
        (1..=4).for_each(|seq| receipts.pushed(conv(1), seq, 10 * seq));
        assert_eq!(receipts.take_acknowledged(25), [(conv(1), 1), (conv(1), 2)]);
        let mut receipts = TcpAcks::default();
        (1..=1_000).for_each(|seq| receipts.pushed(conv(1), seq, 10 * seq));
        assert_eq!(receipts.recent.len(), APART_MAX);
        assert_eq!(receipts.take_acknowledged(9_999).last(), Some(&(conv(1), 63)));
        assert_eq!(receipts.take_acknowledged(10_000), [(conv(1), 1_000)]);
    }
}
