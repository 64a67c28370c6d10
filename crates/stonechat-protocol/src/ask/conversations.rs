//! One's own view of conversations.

use serde::ser::SerializeMap;

use super::{Page, conversation, optional};
use crate::ids::{Peer, Seq, UserId};
use crate::msg_id::MsgId;

/// A request about one's conversations.
#[derive(Clone, Copy, Debug)]
pub enum ConversationAsk<'a> {
    /// READ: everything up to `seq` has been read. Nothing answers it.
    Read {
        /// The conversation.
        peer: Peer,
        /// The last message.
        seq: Seq,
    },
    /// TYPING. Nothing answers it.
    Typing(Peer),
    /// CONVERSATIONS: a page of them, answered with [`crate::body::Conversations`].
    List {
        /// The `next` of the page before.
        after: Option<&'a str>,
        /// At most so many; `None`: the server's default.
        limit: Option<u32>,
    },
    /// CONVERSATION_SET, answered with [`crate::body::ConversationFlags`]. At least one of the two is given.
    Set {
        /// The conversation.
        peer: Peer,
        /// Nothing is to draw attention to it.
        muted: Option<bool>,
        /// It is to be kept at hand.
        pinned: Option<bool>,
    },
    /// SEARCH, answered with [`crate::body::SearchPage`].
    Search(Search<'a>),
    /// RECEIPTS: a page of them, answered with [`crate::body::Receipts`].
    Receipts(Peer, Page<UserId>),
}

/// What to search for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search<'a> {
    /// What a message is to contain: at least two characters.
    pub keyword: &'a str,
    /// In this conversation only.
    pub peer: Option<Peer>,
    /// Said by this user only.
    pub from: Option<UserId>,
    /// The `next` of the page before.
    pub after: Option<&'a str>,
    /// At most so many; `None`: the server's default.
    pub limit: Option<u32>,
}

impl ConversationAsk<'_> {
    pub(super) fn msg_id(&self) -> MsgId {
        match self {
            Self::Read { .. } => MsgId::Read,
            Self::Typing(_) => MsgId::Typing,
            Self::List { .. } => MsgId::Conversations,
            Self::Set { .. } => MsgId::ConversationSet,
            Self::Search(_) => MsgId::Search,
            Self::Receipts(..) => MsgId::Receipts,
        }
    }

    pub(super) fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        match *self {
            Self::Read { peer, seq } => {
                conversation(line, peer)?;
                line.serialize_entry("seq", &seq)
            }
            Self::Typing(peer) => conversation(line, peer),
            Self::List { after, limit } => {
                optional(line, "after", after.as_ref())?;
                optional(line, "limit", limit.as_ref())
            }
            Self::Set { peer, muted, pinned } => {
                conversation(line, peer)?;
                optional(line, "muted", muted.as_ref())?;
                optional(line, "pinned", pinned.as_ref())
            }
            Self::Search(search) => search.fields(line),
            Self::Receipts(peer, page) => {
                conversation(line, peer)?;
                page.fields(line)
            }
        }
    }
}

impl Search<'_> {
    fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        line.serialize_entry("keyword", self.keyword)?;
        self.peer.map_or(Ok(()), |peer| conversation(line, peer))?;
        optional(line, "from", self.from.as_ref())?;
        optional(line, "after", self.after.as_ref())?;
        optional(line, "limit", self.limit.as_ref())
    }
}
