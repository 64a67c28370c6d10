//! What somebody says: a message, or an event, which is something about an earlier message.

use crate::clock::UnixMs;
use crate::ids::Seq;

/// What somebody says: a message, or something about one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// `{"msg":...}` or `{"msg":...,"ext":...}`: JSON text, relayed as it is.
    Message(Box<str>),
    /// Something about an earlier message. In a box: few are, and every message is moved some times.
    Event(Box<Event>),
}

/// Something about an earlier message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The message's place in the conversation.
    pub of: Seq,
    /// What becomes of it.
    pub change: Change,
    /// The author may not edit or recall what was sent before this moment.
    pub changeable_since: UnixMs,
    /// How many different reactions a message may have.
    pub reactions_max: Option<u32>,
}

/// What becomes of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// It says this from now on: a body as that of a message.
    Edit(Box<str>),
    /// It is taken back.
    Recall,
    /// The sender gives it this reaction, or takes it back.
    React {
        /// Which: 1 to 32 bytes.
        reaction: Box<str>,
        /// Given, not taken back.
        on: bool,
    },
}

/// What a row of Message is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Kind {
    /// A message.
    #[default]
    Message,
    /// An edit of one.
    Edit,
    /// The recall of one.
    Recall,
    /// A reaction to one, given or taken back.
    Reaction,
}

impl Kind {
    /// Its number in the table.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::Message => 0,
            Self::Edit => 1,
            Self::Recall => 2,
            Self::Reaction => 3,
        }
    }

    /// The kind with this number; `None` for a damaged one.
    #[must_use]
    pub(super) fn of_number(number: i64) -> Option<Self> {
        [Self::Message, Self::Edit, Self::Recall, Self::Reaction].into_iter().find(|kind| kind.number() == number)
    }

    /// Whether it is about another message.
    #[must_use]
    pub fn is_event(self) -> bool {
        self != Self::Message
    }
}

impl From<&str> for Content {
    fn from(body: &str) -> Self {
        Self::Message(body.into())
    }
}

impl From<String> for Content {
    fn from(body: String) -> Self {
        Self::Message(body.into())
    }
}

impl Content {
    /// The event, if it is one.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Message(_) => None,
            Self::Event(event) => Some(event),
        }
    }

    /// What the row is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.event().map(|event| &event.change) {
            None => Kind::Message,
            Some(Change::Edit(_)) => Kind::Edit,
            Some(Change::Recall) => Kind::Recall,
            Some(Change::React { .. }) => Kind::Reaction,
        }
    }

    /// The text of the row: that of an edit stands in the message's own row, so that there is one to remove.
    #[must_use]
    pub fn row_body(&self) -> &str {
        match self {
            Self::Message(body) => body,
            Self::Event(_) => "",
        }
    }

    /// How many bytes of text it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Message(body) => body.len(),
            Self::Event(event) => match &event.change {
                Change::Edit(body) => body.len(),
                Change::Recall => 0,
                Change::React { reaction, .. } => reaction.len(),
            },
        }
    }
}
