//! One conversation: its messages and their changes by `seq`, what was pushed, what was read.
//!
//! ```text
//!   1 .. 40        41 .. 60 | 61 .. 63
//!   on the server  here     ^ the line: read up to 60 when it was opened
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stonechat_protocol::ids::{Seq, UserId};
use stonechat_protocol::time::UnixMs;

use super::message::{Applied, Message, Row};

/// Messages and changes kept of one conversation; older ones are fetched again when they are looked for.
const ROWS_MAX: usize = 5_000;

/// Above so many missing messages the older part is forgotten instead of the hole being filled.
const HOLE_MAX: u64 = 500;

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
    /// The messages that are here, and their changes, by `seq`.
    pub(crate) rows: BTreeMap<Seq, Row>,
    /// Nothing before this can be read; 0: that is not known.
    pub(crate) begins: Seq,
    /// Messages whose reactions have to be counted anew by the server, with the last change of each.
    pub(crate) doubtful: BTreeMap<Seq, Seq>,
    /// Up to here the server has said how many are unread.
    pub(crate) counted: Seq,
    /// Up to here the server knows that they are read.
    pub(crate) told_read: Seq,
    /// How far the other one of the two has received and read.
    pub(crate) peer_delivered: Seq,
    pub(crate) peer_read: Seq,
    pub(crate) flags: Flags,
    /// The other one of the two is no more.
    pub(crate) is_erased: bool,
    /// The line "new since then" stands below this `seq` while the conversation is open.
    pub(crate) line: Option<Seq>,
    /// A HISTORY request is under way.
    pub(crate) fetching: bool,
    /// The latest page has been asked for once.
    pub(crate) fetched: bool,
    /// Pushes that are not above what was seen, until the server has said whether it still has that.
    pub(crate) doubted: Vec<Row>,
}

/// How one looks at a conversation, on whatever device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flags {
    /// Its messages draw no attention.
    pub(crate) is_muted: bool,
    /// It is to stay on top.
    pub(crate) is_pinned: bool,
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
    /// Takes in a row from wherever; the same `seq` again changes nothing, but what a message is now. `me` is who looks at it.
    pub(crate) fn insert(&mut self, row: Row, me: UserId) {
        self.mark.latest_ms = self.mark.latest_ms.max(row.message().map_or(0, |message| message.at.0));
        match (self.rows.get_mut(&row.seq()), row) {
            (Some(Row::Message(here)), Row::Message(later)) => here.refresh(later),
            (Some(_), _) => {}
            (None, Row::Message(message)) => {
                self.rows.insert(message.seq, Row::Message(message));
            }
            (None, Row::Change(change)) => {
                if let Some(Row::Message(of)) = self.rows.get_mut(&change.of)
                    && of.apply(&change, me) == Applied::Doubtful
                {
                    self.doubtful.insert(change.of, change.seq);
                }
                self.rows.insert(change.seq, Row::Change(change));
            }
        }
        self.forget_beyond_hole();
        while self.rows.len() > ROWS_MAX {
            self.rows.pop_first();
        }
    }

    /// The messages that are here.
    pub(crate) fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.rows.values().filter_map(Row::message)
    }

    /// The message with this number, if it is here.
    pub(crate) fn message(&self, seq: Seq) -> Option<&Message> {
        self.rows.get(&seq)?.message()
    }

    /// A push has come; whether it is one that was not had before.
    pub(crate) fn pushed(&mut self, row: &Row) -> bool {
        let is_new = row.seq() > self.mark.seen;
        if is_new {
            self.mark.seen = row.seq();
            self.mark.seen_id = i64::from(row.sender().number());
            self.mark.seen_ms = row.at().0;
        }
        is_new
    }

    /// What a push is, before it is taken in.
    pub(crate) fn weigh(&self, row: &Row) -> Weighed {
        if self.contradicts(row) {
            return Weighed::AnotherThanBefore;
        }
        if !self.doubted.is_empty() {
            // Behind the others, so that all come in order, and none is confirmed ahead of them.
            return Weighed::Doubtful;
        }
        let (seq, id) = (row.seq(), i64::from(row.sender().number()));
        if seq > self.mark.seen || self.rows.contains_key(&seq) {
            return Weighed::NewOrHad;
        }
        match (seq == self.mark.seen && self.mark.seen_id != 0, self.mark.is_last_seen(seq, id, row.at())) {
            (true, true) => Weighed::NewOrHad,
            (true, false) => Weighed::AnotherThanBefore,
            (false, _) => Weighed::Doubtful,
        }
    }

    /// Whether another row with this number is here.
    pub(crate) fn contradicts(&self, row: &Row) -> bool {
        let here = self.rows.get(&row.seq());
        here.is_some_and(|here| (here.sender(), here.at()) != (row.sender(), row.at()))
    }

    /// The data went back: numbers say nothing any more.
    pub(crate) fn forget_counts(&mut self) {
        let latest_ms = self.mark.latest_ms;
        self.mark = Mark { latest_ms, ..Mark::default() };
        self.rows.clear();
        self.doubtful.clear();
        (self.counted, self.told_read, self.peer_delivered, self.peer_read) = (0, 0, 0, 0);
        (self.line, self.fetched, self.begins) = (None, false, 0);
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
        self.rows.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// The lowest `seq` from which on nothing is missing; `None` without messages.
    pub(crate) fn whole_from(&self) -> Option<Seq> {
        let mut lowest = self.newest();
        for seq in self.rows.keys().rev().skip(1) {
            if *seq + 1 != lowest {
                break;
            }
            lowest = *seq;
        }
        (lowest > 0).then_some(lowest)
    }

    /// Whether messages between older and newer ones are missing.
    pub(crate) fn has_hole(&self) -> bool {
        let oldest = self.rows.first_key_value().map(|(seq, _)| *seq);
        self.whole_from() != oldest
    }

    fn forget_beyond_hole(&mut self) {
        let Some(whole_from) = self.whole_from() else { return };
        let below = self.rows.range(..whole_from).next_back().map(|(seq, _)| *seq);
        if below.is_some_and(|below| whole_from - below > HOLE_MAX) {
            self.rows = self.rows.split_off(&whole_from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(seq: Seq) -> Row {
        said_at(seq, UnixMs(1))
    }

    fn said_at(seq: Seq, at: UnixMs) -> Row {
        let sender = UserId::new(2).unwrap();
        Row::Message(Message::new(seq, (sender, "ben".into()), format!("m{seq}"), at))
    }

    fn chat(seqs: &[Seq]) -> Chat {
        let mut chat = Chat::default();
        for seq in seqs {
            chat.insert(message(*seq), UserId::new(1).unwrap());
        }
        chat
    }

    #[test]
    fn the_same_message_again_is_there_once() {
        let mut chat = chat(&[1, 2, 2]);
        assert_eq!(chat.rows.len(), 2);
        assert!(chat.pushed(&message(2)));
        assert!(!chat.pushed(&message(2)), "what was pushed before is no news");
        assert!(!chat.pushed(&message(1)));
        assert!(chat.pushed(&message(3)));
    }

    #[test]
    fn a_push_is_weighed_beside_what_was_seen() {
        let mut chat = chat(&[6, 7]);
        assert!(chat.pushed(&message(7)));
        let another = |seq| said_at(seq, UnixMs(2));
        assert_eq!([8, 7, 6].map(|seq| chat.weigh(&message(seq))), [Weighed::NewOrHad; 3]);
        assert_eq!([7, 6].map(|seq| chat.weigh(&another(seq))), [Weighed::AnotherThanBefore; 2]);
        assert_eq!(chat.weigh(&message(5)), Weighed::Doubtful, "its text is not here");
        chat.rows.clear();
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
        assert_eq!(far.rows.len(), 1);
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
