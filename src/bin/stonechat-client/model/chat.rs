//! One conversation: its messages by `seq`, what was pushed, what was read.
//!
//! ```text
//!   1 .. 40        41 .. 60 | 61 .. 63
//!   on the server  here     ^ the line: read up to 60 when it was opened
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stonechat::clock::UnixMs;
use stonechat::ids::{Seq, UserId};

/// Messages kept of one conversation; older ones are fetched again when they are looked for.
const MESSAGES_MAX: usize = 5_000;

/// Above so many missing messages the older part is forgotten instead of the hole being filled.
const HOLE_MAX: u64 = 500;

/// A message that is on the server.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Message {
    pub(crate) seq: Seq,
    pub(crate) sender: UserId,
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) ext: Option<serde_json::Value>,
    pub(crate) at: UnixMs,
}

/// What is kept of a conversation on disk. Its texts are not: they are in the server's history.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Mark {
    /// The highest `seq` that was pushed: what is not above it has been had before.
    pub(crate) seen: Seq,
    /// Read up to here.
    pub(crate) read: Seq,
    /// Messages of others above `read`.
    pub(crate) unread: u32,
    /// When the last message was sent, in milliseconds since 1970.
    pub(crate) latest_ms: i64,
}

/// A conversation.
#[derive(Debug, Default)]
pub(crate) struct Chat {
    /// Its other side's name.
    pub(crate) title: String,
    pub(crate) mark: Mark,
    /// The messages that are here, by `seq`.
    pub(crate) messages: BTreeMap<Seq, Message>,
    /// The line "new since then" stands below this `seq` while the conversation is open.
    pub(crate) line: Option<Seq>,
    /// A HISTORY request is under way.
    pub(crate) fetching: bool,
    /// The latest page has been asked for once.
    pub(crate) fetched: bool,
}

impl Chat {
    /// Takes in a message from wherever; the same `seq` again changes nothing.
    pub(crate) fn insert(&mut self, message: Message) {
        self.mark.latest_ms = self.mark.latest_ms.max(message.at.0);
        self.messages.entry(message.seq).or_insert(message);
        self.forget_beyond_hole();
        while self.messages.len() > MESSAGES_MAX {
            self.messages.pop_first();
        }
    }

    /// A push has come; whether it is one that was not had before.
    pub(crate) fn pushed(&mut self, seq: Seq) -> bool {
        let is_new = seq > self.mark.seen;
        self.mark.seen = self.mark.seen.max(seq);
        is_new
    }

    /// Somebody looks at it: all is read, and the line stays where reading had ended.
    pub(crate) fn open(&mut self) {
        self.line = (self.mark.unread > 0).then_some(self.mark.read);
        self.read_all();
    }

    /// All that is here counts as read.
    pub(crate) fn read_all(&mut self) {
        self.mark.unread = 0;
        self.mark.read = self.mark.read.max(self.mark.seen).max(self.newest());
    }

    /// The highest `seq` here; 0 without messages.
    pub(crate) fn newest(&self) -> Seq {
        self.messages.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// The lowest `seq` from which on nothing is missing; `None` without messages.
    pub(crate) fn whole_from(&self) -> Option<Seq> {
        let mut lowest = self.newest();
        for seq in self.messages.keys().rev().skip(1) {
            if *seq + 1 != lowest {
                break;
            }
            lowest = *seq;
        }
        (lowest > 0).then_some(lowest)
    }

    /// Whether messages between older and newer ones are missing.
    pub(crate) fn has_hole(&self) -> bool {
        let oldest = self.messages.first_key_value().map(|(seq, _)| *seq);
        self.whole_from() != oldest
    }

    fn forget_beyond_hole(&mut self) {
        let Some(whole_from) = self.whole_from() else { return };
        let below = self.messages.range(..whole_from).next_back().map(|(seq, _)| *seq);
        if below.is_some_and(|below| whole_from - below > HOLE_MAX) {
            self.messages = self.messages.split_off(&whole_from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(seq: Seq) -> Message {
        let sender = UserId::new(2).unwrap();
        Message { seq, sender, name: "ben".into(), text: format!("m{seq}"), ext: None, at: UnixMs(1) }
    }

    fn chat(seqs: &[Seq]) -> Chat {
        let mut chat = Chat::default();
        for seq in seqs {
            chat.insert(message(*seq));
        }
        chat
    }

    #[test]
    fn the_same_message_again_is_there_once() {
        let mut chat = chat(&[1, 2, 2]);
        assert_eq!(chat.messages.len(), 2);
        assert!(chat.pushed(2));
        assert!(!chat.pushed(2), "what was pushed before is no news");
        assert!(!chat.pushed(1));
        assert!(chat.pushed(3));
    }

    #[test]
    fn holes_are_seen_and_large_ones_forget_the_older_part() {
        assert!(!chat(&[5, 6, 7]).has_hole());
        assert_eq!(chat(&[1, 2, 6, 7]).whole_from(), Some(6));
        assert!(chat(&[1, 2, 6, 7]).has_hole());
        let far = chat(&[1, 2, 2000]);
        assert_eq!(far.messages.len(), 1);
        assert!(!far.has_hole());
    }

    #[test]
    fn the_line_stands_where_reading_ended() {
        let mut chat = chat(&[1, 2, 3]);
        (chat.mark.read, chat.mark.seen, chat.mark.unread) = (1, 3, 2);
        chat.open();
        assert_eq!((chat.line, chat.mark.unread, chat.mark.read), (Some(1), 0, 3));
        chat.open();
        assert_eq!(chat.line, None, "nothing is new any more");
    }
}
