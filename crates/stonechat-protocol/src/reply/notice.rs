//! What is told once, and not kept: requests, invitations, receipts, who is writing, and notices.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Body, Line, addressee};
use crate::body::{Ext, Join, Presence, ReadFrom, Role, Speak};
use crate::ids::{GroupId, Peer, Seq, UserId};
use crate::msg_id::{MsgId, push};
use crate::time::UnixMs;

/// The push of a friend request. `msg` is the JSON text of a string.
#[must_use]
pub fn friend_request(from: UserId, name: &str, msg: &str) -> Bytes {
    let mut line = Line::new(MsgId::FriendRequest.number(), 64 + name.len() + msg.len());
    line.text(",\"id\":").int(from.number()).text(",\"name\":").string(name).text(",\"msg\":").text(msg).end()
}

/// The push of an invitation to a group.
#[must_use]
pub fn group_invite(from: UserId, name: &str, group: GroupId, groupname: &str) -> Bytes {
    let mut line = Line::new(MsgId::GroupInvite.number(), 80 + name.len() + groupname.len());
    line.text(",\"id\":").int(from.number()).text(",\"name\":").string(name);
    line.text(",\"groupid\":").int(group.number()).text(",\"groupname\":").string(groupname).end()
}

/// RECEIPT: how far `user` has come in the conversation with `to`; of what has not moved, nothing.
#[must_use]
pub fn receipt(user: UserId, to: Peer, delivered: Option<Seq>, read: Option<Seq>) -> Bytes {
    let mut line = Line::new(push::RECEIPT, 96);
    line.text(",\"id\":").int(user.number());
    addressee(&mut line, to);
    for (field, seq) in [(",\"delivered\":", delivered), (",\"read\":", read)] {
        if let Some(seq) = seq {
            line.text(field).int(seq);
        }
    }
    line.end()
}

/// The push of TYPING: somebody writes to oneself, or in a group.
#[must_use]
pub fn typing(user: UserId, name: &str, group: Option<GroupId>) -> Bytes {
    let mut line = Line::new(MsgId::Typing.number(), 64 + name.len());
    line.text(",\"id\":").int(user.number()).text(",\"name\":").string(name);
    if let Some(group) = group {
        line.text(",\"groupid\":").int(group.number());
    }
    line.end()
}

/// What a NOTICE tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of the line; docs/protocol.md describes each kind")]
pub enum Notice<'a> {
    FriendAdded {
        id: UserId,
        name: Cow<'a, str>,
    },
    FriendRemoved {
        id: UserId,
        name: Cow<'a, str>,
    },
    GroupJoined {
        groupid: GroupId,
        id: UserId,
        name: Cow<'a, str>,
    },
    GroupLeft {
        groupid: GroupId,
        id: UserId,
        name: Cow<'a, str>,
        /// Who has sent the member away, if it was not the member's own wish.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<UserId>,
    },
    GroupDeleted {
        groupid: GroupId,
    },
    GroupChanged {
        groupid: GroupId,
        groupname: Cow<'a, str>,
        groupdesc: Cow<'a, str>,
        join: Join,
        speak: Speak,
        history: ReadFrom,
    },
    GroupRole {
        groupid: GroupId,
        id: UserId,
        name: Cow<'a, str>,
        role: Role,
    },
    GroupMuted {
        groupid: GroupId,
        id: UserId,
        /// `None`: the member may speak again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMs>,
    },
    GroupAsked {
        groupid: GroupId,
        id: UserId,
        name: Cow<'a, str>,
    },
    ConversationSet {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<UserId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        groupid: Option<GroupId>,
        muted: bool,
        pinned: bool,
    },
    Presence {
        id: UserId,
        state: Presence,
    },
    Profile {
        id: UserId,
        name: Cow<'a, str>,
        /// Filled in apart: what is told apart by a field is read by way of values, which would lose digits.
        #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
        ext: Option<Ext>,
    },
    /// Who runs the server tells everybody something.
    Broadcast {
        text: Cow<'a, str>,
    },
    /// Its token is no longer good.
    Ended,
    Replaced,
    Restored,
    Shutdown,
    /// Of a later version: a client passes it over.
    #[serde(other)]
    Unknown,
}

impl Notice<'_> {
    /// The line.
    #[must_use]
    pub fn line(&self) -> Bytes {
        let body = Body::of(self);
        let mut line = Line::new(push::NOTICE, 32 + body.0.len());
        line.text(",").0.extend_from_slice(body.members());
        line.end()
    }
}
