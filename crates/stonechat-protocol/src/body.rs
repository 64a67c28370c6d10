//! The bodies of replies: their fields besides `msgid`, `errno` and `tag`. The server writes these structs, and a client
//! reads the same ones.
//!
//! A list of messages has elements of type `M`: [`Message`] for a client, and the text of the push for the server, which
//! relays what was sent as it was sent. The names of the fields are those of the line; docs/protocol.md tells of each.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::ids::{GroupId, Seq, UserId};
use crate::incoming::Message;
use crate::time::UnixMs;

/// Whether somebody is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// There is a session, on whatever node.
    Online,
    /// There is none, or it is not known.
    #[default]
    #[serde(other)]
    Offline,
}

/// What a member may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Has made the group, and may delete it.
    Creator,
    /// May leave it.
    #[default]
    #[serde(other)]
    Normal,
}

/// An element of `friends[]`, or of FIND's `users[]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Friend {
    pub id: UserId,
    pub name: String,
    #[serde(default)]
    pub state: Presence,
}

/// An element of a group's `users[]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Member {
    pub id: UserId,
    pub name: String,
    #[serde(default)]
    pub state: Presence,
    #[serde(default)]
    pub role: Role,
}

/// An element of `groups[]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Group {
    pub id: GroupId,
    pub groupname: String,
    pub groupdesc: String,
    /// The first of them.
    #[serde(default)]
    pub users: Vec<Member>,
    /// How many there are.
    #[serde(default)]
    pub total: u64,
}

/// An element of FIND's `groups[]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct FoundGroup {
    pub id: GroupId,
    pub groupname: String,
    pub groupdesc: String,
}

/// Of REGISTER.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Registered {
    pub id: UserId,
}

/// Of LOGIN.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct LoggedIn<'a, M = Message> {
    pub id: UserId,
    pub name: Cow<'a, str>,
    pub token: Cow<'a, str>,
    /// Names the life of the server's data. Another one than at the last login: forget what you have counted.
    /// Servers before 0.2 have none.
    #[serde(default)]
    pub epoch: Cow<'a, str>,
    /// What is not confirmed yet, oldest first; maybe not all of it.
    #[serde(default = "Vec::new")]
    pub offlinemsg: Vec<M>,
    #[serde(default = "Vec::new")]
    pub friends: Vec<Friend>,
    #[serde(default)]
    pub friends_total: u64,
    #[serde(default = "Vec::new")]
    pub groups: Vec<Group>,
    #[serde(default)]
    pub groups_total: u64,
}

/// Of ACCOUNT: the login's lists once more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct AccountLists<'a, M = Message> {
    pub id: UserId,
    pub name: Cow<'a, str>,
    #[serde(default = "Vec::new")]
    pub offlinemsg: Vec<M>,
    #[serde(default = "Vec::new")]
    pub friends: Vec<Friend>,
    #[serde(default)]
    pub friends_total: u64,
    #[serde(default = "Vec::new")]
    pub groups: Vec<Group>,
    #[serde(default)]
    pub groups_total: u64,
}

impl<'a, M> AccountLists<'a, M> {
    /// The login's reply with these lists.
    #[must_use]
    pub fn with_login(self, token: &'a str, epoch: &'a str) -> LoggedIn<'a, M> {
        let Self { id, name, offlinemsg, friends, friends_total, groups, groups_total } = self;
        let (token, epoch) = (token.into(), epoch.into());
        LoggedIn { id, name, token, epoch, offlinemsg, friends, friends_total, groups, groups_total }
    }
}

/// Of ONE_CHAT and GROUP_CHAT: the message is stored.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Stored {
    pub seq: Seq,
    pub time: UnixMs,
}

/// Of OFFLINE.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Unconfirmed<M = Message> {
    pub offlinemsg: Vec<M>,
    pub more: bool,
}

/// Of HISTORY.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct History<M = Message> {
    /// Ascending by `seq`.
    pub messages: Vec<M>,
    pub more: bool,
}

/// Of ADD_FRIEND.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct FriendAdded<'a> {
    pub friendid: UserId,
    pub name: Cow<'a, str>,
    /// Of the new friend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Presence>,
    /// The other one is asked first: no friend yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
}

/// Of FRIEND_REQUEST, FRIEND_ANSWER and DEL_FRIEND.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct OfFriend {
    pub friendid: UserId,
}

/// Of FRIENDS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Friends {
    pub friends: Vec<Friend>,
    pub more: bool,
}

/// Of CREATE_GROUP, QUIT_GROUP and DEL_GROUP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct OfGroup {
    pub groupid: GroupId,
}

/// Of ADD_GROUP.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct GroupJoined {
    pub groupid: GroupId,
    pub groupname: String,
    pub groupdesc: String,
    pub users: Vec<Member>,
    pub total: u64,
}

/// Of GROUPS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Groups {
    pub groups: Vec<Group>,
    pub more: bool,
}

/// Of FIND.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Found {
    pub users: Vec<Friend>,
    pub groups: Vec<FoundGroup>,
}
