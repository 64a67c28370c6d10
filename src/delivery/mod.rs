//! An acknowledged message reaches everyone, sooner or later.
//!
//! ```text
//!   ONE_CHAT --> lane: gather, commit --> ack to the sender
//!                                    \--> push to local sessions (directory, group index)
//!                                    \--> bell to the other nodes
//!   push or bell with the next seq ----> straight to the client
//!   push or bell with a hole ----------> kept for a moment: what is missing is on its way, as a rule
//!   a hole that stays -----------------> fetch from the store first
//!   bells that may have been lost -----> resync: compare the cursors with the store
//! ```
//!
//! `lane` (with `batch` and `aside`) and `cursors::table` are state machines: events in, effects out, no thread, clock or
//! database. `lanes`, `cursors::writer` and `bus_listener` are the threads around them. This layer knows the network only by
//! [`ConnId`], and writes no line that `wire` does not build. What a session has had of it is [`crate::session`]'s.

mod aside;
pub(crate) mod batch;
pub(crate) mod bell;
pub mod bus_listener;
pub mod cursors;
pub(crate) mod demand;
pub mod directory;
pub(crate) mod endings;
pub(crate) mod ends;
pub mod epoch;
pub mod fanout;
pub mod keeper;
pub mod lane;
pub mod lanes;
pub(crate) mod missed;
pub mod peers;
mod presences;
pub(crate) mod publisher;
pub(crate) mod pulse;
pub(crate) mod receipts;
pub(crate) mod states;

use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::FixedState;

use crate::bus::Part;
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, Seq, UserId};
use crate::net::ConnId;
use crate::store::{Append, Message};
use crate::wants::Want;

/// Tells a message from another one that has its number in another life of the data: who sent it, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Which(pub NonZeroU32);

impl Which {
    /// The message of this sender and time.
    #[must_use]
    pub fn of(sender: UserId, sent_at: UnixMs) -> Self {
        // Fibonacci hashing: the upper bits are well mixed.
        let both = sent_at.0.unsigned_abs() ^ u64::from(sender.number()) << 42;
        let mixed = u32::try_from(both.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).expect("half of 64 bits");
        Self(NonZeroU32::new(mixed).unwrap_or(NonZeroU32::MAX))
    }
}

/// Tells a session's own message that is under way from one that another session of the same user has sent: the time, the
/// cid and the words together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of a message on its way into the store.
    #[must_use]
    pub(crate) fn of_append(append: &Append) -> Self {
        Self::of(append.sent_at, append.cid.as_deref(), append.body.row_body())
    }

    /// Of a message that the store has shown.
    #[must_use]
    pub(crate) fn of_message(message: &Message) -> Self {
        // What an event is shown with stands elsewhere.
        let body = if message.kind.is_event() { "" } else { &message.body };
        Self::of(message.sent_at, message.cid.as_deref(), body)
    }

    fn of(sent_at: UnixMs, cid: Option<&str>, body: &str) -> Self {
        Self(FixedState::default().hash_one((sent_at.0, cid, body)))
    }
}

/// What is told of a message that is stored.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its conversation.
    pub conv: ConvId,
    /// Its place there.
    pub seq: Seq,
    /// Which message that is; nodes of earlier versions do not say.
    pub which: Option<Which>,
    /// The push. `None`: only that it exists; sessions that have not got it fetch it.
    pub line: Option<Bytes>,
    /// The generation of the data in which this was so. To sessions of another one it is no more than a hint.
    pub generation: u32,
}

/// What a reactor is told about messages and memberships. The order within one reactor is kept.
#[derive(Clone, Debug)]
pub enum Event {
    /// A chat message of this connection was answered; `stored` is its place if it was committed.
    Answered {
        /// The sender's connection.
        conn: ConnId,
        /// The message's conversation.
        conv: ConvId,
        /// The number it got there, and which message that is; `None` if it was refused.
        stored: Option<(Seq, Which)>,
        /// The reply.
        line: Bytes,
    },
    /// A message exists.
    Message {
        /// Who may get it.
        to: Addressee,
        /// The connection that sent it and got an ack instead, if it is on this node.
        from: Option<ConnId>,
        /// Which message.
        told: Told,
    },
    /// A line that is told once and not kept.
    Notice {
        /// Who gets it.
        to: Addressee,
        /// The push.
        line: Bytes,
    },
    /// The same, for sessions that want it: never kept, and first to be left out.
    Hint {
        /// Who gets it.
        to: Addressee,
        /// What it is about.
        want: Want,
        /// The push.
        line: Bytes,
    },
    /// This session's user has joined a group elsewhere. The session tells its client by itself, when it hears the group.
    Joined {
        /// One session of the user.
        conn: ConnId,
        /// The group.
        group: GroupId,
    },
    /// This session's user has left a group elsewhere.
    Left {
        /// One session of the user.
        conn: ConnId,
        /// The group.
        group: GroupId,
        /// The push that tells it; empty where no more is known of it.
        line: Bytes,
    },
    /// A group is gone: its members are told, and hear of it no more.
    GroupDeleted {
        /// The group.
        group: GroupId,
        /// The push that tells it.
        line: Bytes,
    },
    /// The user of this session is in the group: the session is compared with the store if it does not know that.
    Member {
        /// One session of the user.
        conn: ConnId,
        /// The group.
        group: GroupId,
    },
    /// Those are in the group, and nobody else: sessions of others that hear it are compared with the store.
    Members {
        /// The group.
        group: GroupId,
        /// Ascending.
        members: Arc<[UserId]>,
    },
    /// A newer session of the same user took over.
    Replaced {
        /// The older session.
        conn: ConnId,
    },
    /// The user has ended this session.
    Ended {
        /// The session.
        conn: ConnId,
    },
    /// The user of this session has another name now.
    Renamed {
        /// One session of the user.
        conn: ConnId,
        /// The name.
        name: Arc<str>,
    },
    /// A line that every session of this node is told once.
    Broadcast(Bytes),
    /// Bells may have been lost: compare every session with the store, or those that hear these channels.
    Resync(Option<Part>),
    /// The data went back to an earlier state: what the sessions have had says nothing about what is there now. They are
    /// closed, and log in again.
    Restored,
}

/// Whom an [`Event`] concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Addressee {
    /// One session.
    Session(ConnId),
    /// Every session of this reactor whose user is in the group.
    Group(GroupId),
    /// The same, but for the sessions of one user, who knows already.
    GroupBut(GroupId, UserId),
}

impl Addressee {
    /// Whether sessions of this user are not meant.
    pub(crate) fn excepts(self, user: Option<UserId>) -> bool {
        matches!(self, Self::GroupBut(_, excepted) if user == Some(excepted))
    }
}

/// The doors into the reactors.
pub trait Reactors: Send + Sync {
    /// How many there are; they are numbered from 0.
    fn count(&self) -> u16;
    /// Posts events to one reactor; may wait while its mailbox is full. Events for a reactor that has ended are
    /// dropped.
    fn deliver(&self, reactor: u16, events: Vec<Event>);
}

#[cfg(test)]
mod telling_tests;
