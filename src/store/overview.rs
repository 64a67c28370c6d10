//! What a user sees of conversations, as the store tells it: the list of them, and how far who has come. No SQL, and nothing
//! that acts.

use super::rights::Rules;
use super::rows::{Message, Person};
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, Seq, UserId};

/// Unread messages are counted up to here: so many, or more.
pub const UNREAD_MAX: u32 = 100;

/// A place in the list of conversations, which is ordered by the latest activity: behind the conversation with this one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Activity {
    /// When something was said there last.
    pub at: UnixMs,
    /// Which conversation that is.
    pub conv: ConvId,
}

/// How much of the list of conversations is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConversationsWanted {
    /// Behind this place; `None`: from the beginning.
    pub after: Option<Activity>,
    /// At most so many,
    pub limit: u32,
    /// with about so many bytes of bodies; at least one conversation, however long its last message.
    pub bytes_max: usize,
}

/// How a user keeps a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// Nothing is to draw attention to it.
    pub muted: bool,
    /// It is to be kept at hand.
    pub pinned: bool,
}

/// What a conversation is with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum With {
    /// Another user.
    User {
        /// Who.
        person: Person,
        /// The account is gone: only its id is left.
        is_erased: bool,
        /// What has arrived there, on whatever device; `None` where it is hidden.
        delivered: Option<Seq>,
        /// What has been read there.
        read: Option<Seq>,
    },
    /// A group.
    Group {
        /// Which.
        id: GroupId,
        /// What it is called.
        name: String,
        /// How many members it has.
        total: u64,
    },
}

/// A conversation as one of those in it sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConversationRow {
    /// Which, and when something was said there last.
    pub activity: Activity,
    /// With whom.
    pub with: With,
    /// The last number that was given out.
    pub last_seq: Seq,
    /// Everything up to here has been read: what the user has said counts.
    pub read: Seq,
    /// Messages of others behind it, at most [`UNREAD_MAX`].
    pub unread: u32,
    /// The last message that is no event, if the user may read it.
    pub last: Option<Message>,
    /// Who may do what there.
    pub rules: Rules,
    /// How the user keeps it.
    pub flags: Flags,
}

/// A page of the list of conversations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConversationPage {
    /// The latest first.
    pub rows: Vec<ConversationRow>,
    /// Where the list goes on; `None`: it ends here.
    pub next: Option<Activity>,
}

/// How far a user has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRow {
    /// Who.
    pub user: UserId,
    /// Where.
    pub conv: ConvId,
    /// Everything up to this number.
    pub read: Seq,
}

/// What became of positions that were to be saved.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SavedReads {
    /// Those that have moved, to where they stand now.
    pub moved: Vec<ReadRow>,
    /// Those that another transaction locks.
    pub locked: Vec<ReadRow>,
}

/// How far one of those in a conversation has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceiptRow {
    /// Who.
    pub user: UserId,
    /// What has arrived, on whatever device.
    pub delivered: Seq,
    /// What has been read.
    pub read: Seq,
}

/// What is told of a conversation when others are told about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConversationEnd {
    /// Which.
    pub conv: ConvId,
    /// The last number that was given out.
    pub last_seq: Seq,
    /// Who may do what there.
    pub rules: Rules,
}
