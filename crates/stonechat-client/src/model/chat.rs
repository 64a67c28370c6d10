//! One conversation: its messages by `seq`, what was pushed, what was read.
//!
//! ```text
//!   1 .. 40        41 .. 60 | 61 .. 63
//!   on the server  here     ^ the line: read up to 60 when it was opened
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stonechat_protocol::ids::{Seq, UserId};
use stonechat_protocol::time::UnixMs;

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
    /// Who said that one (0: not known), and when by the server's clock: whether the server still has it, can be asked.
    pub(crate) seen_id: i64,
    pub(crate) seen_ms: i64,
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
    /// Pushes that are not above what was seen, until the server has said whether it still has that.
    pub(crate) doubted: Vec<Message>,
}

/// What a push is, beside what was had before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weighed {
    /// It is above all that was seen, or it is here.
    NewOrHad,
    /// Its number was seen, and its text is not here any more: it may be another one. Or such a one is waited for.
    Doubtful,
    /// It is another one than had this number before.
    AnotherThanBefore,
}

impl Mark {
    /// Whether the highest `seq` that was pushed was this message.
    pub(crate) fn is_last_seen(&self, seq: Seq, id: i64, at: UnixMs) -> bool {
        let is_known = self.seen_id != 0;
        seq == self.seen && (!is_known || (id, at.0) == (self.seen_id, self.seen_ms))
    }
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
    pub(crate) fn pushed(&mut self, message: &Message) -> bool {
        let is_new = message.seq > self.mark.seen;
        if is_new {
            self.mark.seen = message.seq;
            self.mark.seen_id = i64::from(message.sender.number());
            self.mark.seen_ms = message.at.0;
        }
        is_new
    }

    /// What a push is, before it is taken in.
    pub(crate) fn weigh(&self, message: &Message) -> Weighed {
        if self.contradicts(message) {
            return Weighed::AnotherThanBefore;
        }
        if !self.doubted.is_empty() {
            // Behind the others, so that all come in order, and none is confirmed ahead of them.
            return Weighed::Doubtful;
        }
        let (seq, id) = (message.seq, i64::from(message.sender.number()));
        if seq > self.mark.seen || self.messages.contains_key(&seq) {
            return Weighed::NewOrHad;
        }
        match (seq == self.mark.seen && self.mark.seen_id != 0, self.mark.is_last_seen(seq, id, message.at)) {
            (true, true) => Weighed::NewOrHad,
            (true, false) => Weighed::AnotherThanBefore,
            (false, _) => Weighed::Doubtful,
        }
    }

    /// Whether another message with this number is here.
    pub(crate) fn contradicts(&self, message: &Message) -> bool {
        let here = self.messages.get(&message.seq);
        here.is_some_and(|here| (here.sender, here.at) != (message.sender, message.at))
    }

    /// The data went back: numbers say nothing any more.
    pub(crate) fn forget_counts(&mut self) {
        let latest_ms = self.mark.latest_ms;
        self.mark = Mark { latest_ms, ..Mark::default() };
        self.messages.clear();
        (self.line, self.fetched) = (None, false);
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
        assert!(chat.pushed(&message(2)));
        assert!(!chat.pushed(&message(2)), "what was pushed before is no news");
        assert!(!chat.pushed(&message(1)));
        assert!(chat.pushed(&message(3)));
    }

    #[test]
    fn a_push_is_weighed_beside_what_was_seen() {
        let mut chat = chat(&[6, 7]);
        assert!(chat.pushed(&message(7)));
        let another = |seq| Message { at: UnixMs(2), ..message(seq) };
        assert_eq!([8, 7, 6].map(|seq| chat.weigh(&message(seq))), [Weighed::NewOrHad; 3]);
        assert_eq!([7, 6].map(|seq| chat.weigh(&another(seq))), [Weighed::AnotherThanBefore; 2]);
        assert_eq!(chat.weigh(&message(5)), Weighed::Doubtful, "its text is not here");
        chat.messages.clear();
        assert_eq!(chat.weigh(&message(7)), Weighed::NewOrHad);
        assert_eq!(chat.weigh(&another(7)), Weighed::AnotherThanBefore);
        chat.mark.seen_id = 0;
        assert_eq!(chat.weigh(&another(7)), Weighed::Doubtful, "a mark of an older client");
        chat.forget_counts();
        assert_eq!(chat.weigh(&message(1)), Weighed::NewOrHad);
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
