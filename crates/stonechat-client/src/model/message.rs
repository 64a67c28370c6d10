//! What stands in a conversation under a number: a message, or a change of one.
//!
//! ```text
//!   7  message "helo"                                   shown: "hello" (edited), 👍 2
//!   8  change: 7 says "hello" from now on ----------^            ^
//!   9  change: a reaction to 7 ----------------------------------+
//! ```
//!
//! A list of the server has each message as it was when the list was read, with the changes up to then in it; a push has it as
//! it is when it is pushed. So a change may be in a message already. Texts say by their times which one is later; counts of
//! reactions do not, so a message knows up to which number they are in it, and when that does not tell, the server is asked.

use serde_json::Value;
use stonechat_protocol::body::ReactionCount;
use stonechat_protocol::ids::{Peer, Seq, UserId};
use stonechat_protocol::incoming::{self, Done, Entry};
use stonechat_protocol::time::UnixMs;

/// A reaction, and how many there are of it.
pub(crate) type Reaction = ReactionCount<'static>;

/// A message that is on the server.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Message {
    pub(crate) seq: Seq,
    pub(crate) sender: UserId,
    pub(crate) name: String,
    /// Empty if it was recalled.
    pub(crate) text: String,
    pub(crate) ext: Option<Value>,
    pub(crate) at: UnixMs,
    /// When the text was changed last.
    pub(crate) edited: Option<UnixMs>,
    pub(crate) is_recalled: bool,
    pub(crate) reactions: Vec<Reaction>,
    counts: Counts,
}

/// Which reactions are in a message's counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Counts {
    /// Those up to here are.
    up_to: Seq,
    /// Those above it were not when the message came: each is counted as it comes.
    is_exact: bool,
}

/// Something that has happened to a message.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Change {
    pub(crate) seq: Seq,
    pub(crate) sender: UserId,
    pub(crate) name: String,
    pub(crate) at: UnixMs,
    /// The message's number.
    pub(crate) of: Seq,
    pub(crate) what: What,
}

/// What has happened.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum What {
    /// `None`: a later change has overtaken this one.
    Edited(Option<(String, Option<Value>)>),
    Recalled,
    Reacted {
        reaction: String,
        on: bool,
    },
    /// Of a later version.
    Unknown,
}

/// What a number stands for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Row {
    Message(Message),
    Change(Change),
}

/// Whether a change is in its message now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Applied {
    Yes,
    /// It may have been in already: the server has to be asked.
    Doubtful,
}

impl Message {
    /// A message as it was said.
    pub(crate) fn new(seq: Seq, (sender, name): (UserId, String), text: String, at: UnixMs) -> Self {
        let counts = Counts { up_to: seq, is_exact: true };
        let (edited, is_recalled, reactions) = (None, false, Vec::new());
        Self { seq, sender, name, text, ext: None, at, edited, is_recalled, reactions, counts }
    }

    /// The message that this one answers.
    pub(crate) fn answers(&self) -> Option<Seq> {
        self.ext.as_ref()?.get("re")?.as_u64()
    }

    /// Whether it may be changed: it is there, and said by this user.
    pub(crate) fn is_present_of(&self, user: UserId) -> bool {
        self.sender == user && !self.is_recalled
    }

    /// It was read from a list, when all changes up to this number were in it.
    fn listed(&mut self, up_to: Seq) {
        self.counts.up_to = self.counts.up_to.max(up_to);
    }

    /// Takes over what a later reading of the same message says.
    pub(super) fn refresh(&mut self, later: Self) {
        if later.is_recalled {
            return self.recall();
        }
        if !self.is_recalled && later.edited >= self.edited {
            (self.text, self.ext, self.edited) = (later.text, later.ext, later.edited);
        }
        if !self.counts.is_exact && later.counts.up_to >= self.counts.up_to {
            (self.reactions, self.counts) = (later.reactions, later.counts);
        }
    }

    /// Something has happened to it; `me` is who looks at it.
    pub(super) fn apply(&mut self, change: &Change, me: UserId) -> Applied {
        match &change.what {
            What::Edited(Some((text, ext))) => {
                if !self.is_recalled && self.edited.is_none_or(|edited| edited <= change.at) {
                    (self.text, self.ext, self.edited) = (text.clone(), ext.clone(), Some(change.at));
                }
            }
            What::Recalled => self.recall(),
            What::Reacted { reaction, on } => return self.react(change, me, (reaction, *on)),
            What::Edited(None) | What::Unknown => {}
        }
        Applied::Yes
    }

    fn recall(&mut self) {
        self.is_recalled = true;
        (self.text, self.ext, self.edited) = (String::new(), None, None);
        self.reactions.clear();
    }

    fn react(&mut self, change: &Change, me: UserId, (reaction, on): (&str, bool)) -> Applied {
        if change.seq <= self.counts.up_to || self.is_recalled {
            return Applied::Yes;
        }
        if !self.counts.is_exact {
            return Applied::Doubtful;
        }
        let is_mine = change.sender == me;
        let at = self.reactions.iter().position(|had| had.reaction == reaction);
        match (at, on) {
            (Some(at), _) if is_mine && self.reactions[at].mine == on => {}
            (Some(at), true) => {
                let had = &mut self.reactions[at];
                had.count += 1;
                had.mine |= is_mine;
            }
            (Some(at), false) => {
                let had = &mut self.reactions[at];
                had.count = had.count.saturating_sub(1);
                had.mine &= !is_mine;
                if had.count == 0 {
                    self.reactions.remove(at);
                }
            }
            (None, true) => {
                self.reactions.push(Reaction { reaction: reaction.to_owned().into(), count: 1, mine: is_mine });
            }
            (None, false) => {}
        }
        Applied::Yes
    }
}

impl Row {
    pub(crate) fn seq(&self) -> Seq {
        match self {
            Self::Message(message) => message.seq,
            Self::Change(change) => change.seq,
        }
    }

    pub(crate) fn sender(&self) -> UserId {
        match self {
            Self::Message(message) => message.sender,
            Self::Change(change) => change.sender,
        }
    }

    pub(crate) fn at(&self) -> UnixMs {
        match self {
            Self::Message(message) => message.at,
            Self::Change(change) => change.at,
        }
    }

    /// It was read from a list, when all changes up to this number were in it.
    pub(super) fn listed(mut self, up_to: Seq) -> Self {
        if let Self::Message(message) = &mut self {
            message.listed(up_to);
        }
        self
    }

    /// The message, if it is one.
    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Change(_) => None,
        }
    }
}

/// A message of the server, and its conversation as `me` sees it.
pub(super) fn message_of(message: incoming::Message, me: UserId) -> (Peer, Message) {
    let peer = message.peer(me);
    let incoming::Message { sender, name, msg: text, ext, time: at, seq, edited, recalled, reactions, .. } = message;
    let ext = ext.and_then(|raw| serde_json::from_str(raw.get()).ok());
    // Where there was no reaction, all that are told of later are new, or come in pairs.
    let counts = Counts { up_to: seq, is_exact: reactions.is_empty() };
    (peer, Message { seq, sender, name, text, ext, at, edited, is_recalled: recalled, reactions, counts })
}

/// The same of a change.
pub(super) fn change_of(event: incoming::Event, me: UserId) -> (Peer, Change) {
    let peer = event.peer(me);
    let incoming::Event { sender, name, of, what, time: at, seq, .. } = event;
    let what = match what {
        Done::Edited { msg, ext } => {
            let ext = ext.and_then(|raw| serde_json::from_str(raw.get()).ok());
            What::Edited(msg.map(|text| (text, ext)))
        }
        Done::Recalled => What::Recalled,
        Done::Reacted { reaction, on } => What::Reacted { reaction, on },
        Done::Unknown => What::Unknown,
    };
    (peer, Change { seq, sender, name, at, of, what })
}

/// The same of an element of a list.
pub(super) fn row_of(entry: Entry, me: UserId) -> (Peer, Row) {
    match entry {
        Entry::Message(message) => {
            let (peer, message) = message_of(message, me);
            (peer, Row::Message(message))
        }
        Entry::Event(event) => {
            let (peer, change) = change_of(event, me);
            (peer, Row::Change(change))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn hello() -> Message {
        Message::new(7, (user(2), "ben".into()), "helo".into(), UnixMs(1))
    }

    fn change(seq: Seq, sender: i64, what: What) -> Change {
        let at = UnixMs(i64::try_from(seq).unwrap());
        Change { seq, sender: user(sender), name: String::new(), at, of: 7, what }
    }

    fn thumb(seq: Seq, sender: i64, on: bool) -> Change {
        change(seq, sender, What::Reacted { reaction: "👍".into(), on })
    }

    fn counts(message: &Message) -> Vec<(u64, bool)> {
        message.reactions.iter().map(|reaction| (reaction.count, reaction.mine)).collect()
    }

    #[test]
    fn the_later_text_stays() {
        let mut message = hello();
        let edit = |seq, text: &str| change(seq, 2, What::Edited(Some((text.to_owned(), None))));
        message.apply(&edit(9, "hello!"), user(1));
        message.apply(&edit(8, "hello"), user(1));
        message.apply(&change(10, 2, What::Edited(None)), user(1));
        assert_eq!((message.text.as_str(), message.edited), ("hello!", Some(UnixMs(9))));
        message.refresh(hello());
        assert_eq!(message.text, "hello!", "a list that was read before the edit came");
        message.apply(&change(11, 2, What::Recalled), user(1));
        message.apply(&edit(12, "no"), user(1));
        assert!(message.is_recalled && message.text.is_empty());
    }

    #[test]
    fn reactions_are_counted_once_and_ones_own_is_marked() {
        let mut message = hello();
        for change in [thumb(8, 3, true), thumb(9, 1, true), thumb(9, 1, true)] {
            assert_eq!(message.apply(&change, user(1)), Applied::Yes);
        }
        assert_eq!(counts(&message), [(2, true)]);
        message.apply(&thumb(10, 1, false), user(1));
        assert_eq!(counts(&message), [(1, false)]);
        message.apply(&thumb(11, 3, false), user(1));
        assert_eq!(counts(&message), []);
    }

    #[test]
    fn what_a_list_has_counted_is_not_counted_again() {
        let reactions = vec![Reaction { reaction: "👍".into(), count: 2, mine: false }];
        let counts_of_list = Counts { up_to: 10, is_exact: false };
        let mut message = Message { reactions: reactions.clone(), counts: counts_of_list, ..hello() };
        assert_eq!(message.apply(&thumb(10, 3, true), user(1)), Applied::Yes);
        assert_eq!(message.apply(&thumb(11, 4, true), user(1)), Applied::Doubtful, "the list may have had it");
        assert_eq!(counts(&message), [(2, false)]);
        let again = vec![Reaction { reaction: "👍".into(), count: 3, mine: false }];
        let counts_of_list = Counts { up_to: 11, is_exact: false };
        message.refresh(Message { reactions: again, counts: counts_of_list, ..hello() });
        assert_eq!(counts(&message), [(3, false)]);
        let counts_of_list = Counts { up_to: 9, is_exact: false };
        message.refresh(Message { reactions, counts: counts_of_list, ..hello() });
        assert_eq!(counts(&message), [(3, false)], "an older reading");
    }
}
