//! The bodies of replies: their fields besides `msgid`, `errno` and `tag`. The server writes these structs, and a client
//! reads the same ones.
//!
//! A list of messages has elements of type `M`: [`Entry`] for a client, and the text of the push for the server, which
//! relays what was sent as it was sent. The names of the fields are those of the line; docs/protocol.md tells of each.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{GroupId, Peer, Seq, UserId};
use crate::incoming::{Entry, Message};
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
    /// Has made the group or taken it over, and may delete it.
    Creator,
    /// Keeps order for the creator.
    Admin,
    /// May leave it.
    #[default]
    #[serde(other)]
    Normal,
}

impl Role {
    /// The words on the wire.
    pub const WORDS: [(&'static str, Self); 3] =
        [("creator", Self::Creator), ("admin", Self::Admin), ("normal", Self::Normal)];
}

/// How one becomes a member of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// Who wants to is let in by the creator or an admin.
    Ask,
    /// By an invitation.
    Invite,
    /// Whoever wants to.
    #[default]
    #[serde(other)]
    Open,
}

impl Join {
    /// The words on the wire.
    pub const WORDS: [(&'static str, Self); 3] = [("open", Self::Open), ("ask", Self::Ask), ("invite", Self::Invite)];
}

/// Who may say something in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speak {
    /// The creator and admins.
    Admins,
    /// Every member.
    #[default]
    #[serde(other)]
    All,
}

impl Speak {
    /// The words on the wire.
    pub const WORDS: [(&'static str, Self); 2] = [("all", Self::All), ("admins", Self::Admins)];
}

/// From where on who joins a group reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadFrom {
    /// From one's own joining.
    Joined,
    /// From the first message.
    #[default]
    #[serde(other)]
    All,
}

impl ReadFrom {
    /// The words on the wire.
    pub const WORDS: [(&'static str, Self); 2] = [("all", Self::All), ("joined", Self::Joined)];
}

/// What a user's client shows others of the user: any JSON, as it was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ext(pub Box<RawValue>);

impl Ext {
    /// What a client has sent. `None`: it is no JSON.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        RawValue::from_string(text).ok().map(Self)
    }
}

impl PartialEq for Ext {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Ext {}

/// How many have reacted to a message with this.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct ReactionCount<'a> {
    pub reaction: Cow<'a, str>,
    pub count: u64,
    /// The reader is one of them.
    pub mine: bool,
}

/// An element of `friends[]`, or of FIND's `users[]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Friend {
    pub id: UserId,
    pub name: String,
    #[serde(default)]
    pub state: Presence,
    /// The profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext: Option<Ext>,
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
    /// The profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext: Option<Ext>,
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
    #[serde(default)]
    pub join: Join,
    #[serde(default)]
    pub speak: Speak,
    #[serde(default)]
    pub history: ReadFrom,
    /// One's own.
    #[serde(default)]
    pub role: Role,
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
pub struct LoggedIn<'a, M = Entry> {
    pub id: UserId,
    pub name: Cow<'a, str>,
    pub token: Cow<'a, str>,
    /// Names the life of the server's data. Another one than at the last login: forget what you have counted.
    /// Servers before 0.2 have none.
    #[serde(default)]
    pub epoch: Cow<'a, str>,
    /// What is not confirmed yet, oldest first; maybe not all of it. `None` if `catch_up` was `list`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offlinemsg: Option<Vec<M>>,
    /// If `catch_up` was `list`: the first page of CONVERSATIONS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversations: Option<Vec<Conversation<M>>>,
    /// There are more of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    /// CONVERSATIONS goes on with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Cow<'a, str>>,
    #[serde(default = "Vec::new")]
    pub friends: Vec<Friend>,
    #[serde(default)]
    pub friends_total: u64,
    #[serde(default = "Vec::new")]
    pub groups: Vec<Group>,
    #[serde(default)]
    pub groups_total: u64,
}

impl<M> LoggedIn<'_, M> {
    /// The same with the first page of one's conversations in place of messages.
    #[must_use]
    pub fn with_list(self, page: Conversations<M>) -> Self {
        let Conversations { conversations, more, next } = page;
        Self {
            offlinemsg: None,
            conversations: Some(conversations),
            more: Some(more),
            next: next.map(Cow::Owned),
            ..self
        }
    }
}

/// Of ACCOUNT: the login's lists once more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct AccountLists<'a, M = Entry> {
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
        LoggedIn {
            id,
            name,
            token: token.into(),
            epoch: epoch.into(),
            offlinemsg: Some(offlinemsg),
            conversations: None,
            more: None,
            next: None,
            friends,
            friends_total,
            groups,
            groups_total,
        }
    }
}

/// Of ONE_CHAT and GROUP_CHAT: the message is stored.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Stored {
    pub seq: Seq,
    pub time: UnixMs,
}

/// Of EDIT, RECALL and REACT.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct EventStored {
    /// `None`: it was so already, without an event.
    pub seq: Option<Seq>,
    pub time: Option<UnixMs>,
}

/// Of OFFLINE.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Unconfirmed<M = Entry> {
    pub offlinemsg: Vec<M>,
    pub more: bool,
}

/// Of HISTORY.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct History<M = Entry> {
    /// Ascending by `seq`.
    pub messages: Vec<M>,
    pub more: bool,
    /// The first `seq` of which there is still something, where what was ahead of it was kept long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Seq>,
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

/// Of ADD_GROUP, and of GROUP_ANSWER to an invitation that is accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct GroupJoined {
    pub groupid: GroupId,
    pub groupname: String,
    pub groupdesc: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<Member>,
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub total: u64,
    #[serde(default)]
    pub join: Join,
    #[serde(default)]
    pub speak: Speak,
    #[serde(default)]
    pub history: ReadFrom,
    /// Somebody has to let one in first: no member yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like this")]
fn is_none_of_them(total: &u64) -> bool {
    *total == 0
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

/// An element of `conversations[]`: with a user (`id`), or a group's (`groupid`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Conversation<M = Entry> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    /// `None` if the user is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Presence>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groupid: Option<GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groupname: Option<String>,
    /// How many members the group has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    pub last_seq: Seq,
    /// One's own, on whatever device.
    pub read: Seq,
    /// Others' messages behind that; 100: so many, or more.
    pub unread: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_delivered: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_read: Option<Seq>,
    /// The last message that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<M>,
    #[serde(default)]
    pub muted: bool,
    #[serde(default)]
    pub pinned: bool,
}

impl<M> Conversation<M> {
    /// Which one it is.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        self.groupid.map(Peer::Group).or_else(|| self.id.map(Peer::User))
    }
}

/// Of CONVERSATIONS.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Conversations<M = Entry> {
    /// The latest first.
    pub conversations: Vec<Conversation<M>>,
    pub more: bool,
    /// The page behind this one: its `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Of CONVERSATION_SET.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct ConversationFlags {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groupid: Option<GroupId>,
    pub muted: bool,
    pub pinned: bool,
}

/// Of SEARCH.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct SearchPage<M = Message> {
    /// By conversation, the newest first in each; may be none although there are more.
    pub messages: Vec<M>,
    pub more: bool,
    /// Where to go on: the `after` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An element of `receipts[]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct ReceiptEntry {
    pub id: UserId,
    pub delivered: Seq,
    pub read: Seq,
}

/// Of RECEIPTS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Receipts {
    pub receipts: Vec<ReceiptEntry>,
    pub more: bool,
}

/// Of BLOCK.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Blocking {
    pub id: UserId,
    pub on: bool,
}

/// An element of the `users[]` of BLOCKED, GROUP_BANS and GROUP_REQUESTS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct NamedUser {
    pub id: UserId,
    pub name: String,
}

/// Of BLOCKED, GROUP_BANS and GROUP_REQUESTS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Users {
    pub users: Vec<NamedUser>,
    pub more: bool,
}

/// Of GROUP_ROLE, GROUP_KICK, GROUP_MUTE, GROUP_INVITE, and of GROUP_ANSWER with `id`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct OfMember {
    pub groupid: GroupId,
    pub id: UserId,
    /// Of GROUP_MUTE: as long as this. `None`: the member may speak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
}

/// An element of `sessions[]`: what can be resumed with a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct SessionEntry {
    pub number: u64,
    /// `None` is the unnamed device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// From where it was used last, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub since: UnixMs,
    pub used: UnixMs,
    /// It is the one that asks.
    #[serde(default)]
    pub this: bool,
}

/// Of SESSIONS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Sessions {
    pub sessions: Vec<SessionEntry>,
    pub more: bool,
}

/// Of PROFILE: what others see from now on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Profile {
    pub id: UserId,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ext: Option<Ext>,
}

/// An element of ASKED's `friends[]`: whom one has asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct AskedFriend {
    pub id: UserId,
    pub name: String,
    /// The words with it; may be empty.
    #[serde(default)]
    pub msg: String,
}

/// An element of ASKED's `groups[]`: an invitation has `id` and `name` of who invites, one's own wish has not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct AskedGroup {
    pub groupid: GroupId,
    pub groupname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Of ASKED.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the line")]
pub struct Asked {
    pub friends: Vec<AskedFriend>,
    pub groups: Vec<AskedGroup>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_new_stands_where_nothing_new_was_asked() {
        let lists = AccountLists::<Box<RawValue>> {
            id: UserId::of_test(1),
            name: "ann".into(),
            offlinemsg: Vec::new(),
            friends: vec![Friend { id: UserId::of_test(2), name: "b".to_owned(), state: Presence::Online, ext: None }],
            friends_total: 1,
            groups: Vec::new(),
            groups_total: 0,
        };
        let login = lists.with_login("t", "e");
        let expected = concat!(
            r#"{"id":1,"name":"ann","token":"t","epoch":"e","offlinemsg":[],"#,
            r#""friends":[{"id":2,"name":"b","state":"online"}],"friends_total":1,"groups":[],"groups_total":0}"#
        );
        assert_eq!(serde_json::to_string(&login).unwrap(), expected);
        let next = Some("n".to_owned());
        let listed = login.with_list(Conversations { conversations: Vec::new(), more: true, next });
        let text = serde_json::to_string(&listed).unwrap();
        assert!(text.contains(r#""epoch":"e","conversations":[],"more":true,"next":"n","friends""#), "{text}");
        let read: LoggedIn = serde_json::from_str(&text).unwrap();
        assert!(read.offlinemsg.is_none() && read.conversations.is_some_and(|list| list.is_empty()));
    }

    #[test]
    fn a_profile_keeps_its_digits() {
        let line = r#"{"id":2,"name":"b","state":"online","ext":{"n":1.50, "a":[]}}"#;
        let friend: Friend = serde_json::from_str(line).unwrap();
        assert_eq!(friend.ext, Ext::new(r#"{"n":1.50, "a":[]}"#.to_owned()));
        assert_eq!(serde_json::to_string(&friend).unwrap(), line);
        assert_eq!(Ext::new("{".to_owned()), None);
    }

    #[test]
    fn older_servers_groups_are_open() {
        let group: Group = serde_json::from_str(r#"{"id":3,"groupname":"g","groupdesc":""}"#).unwrap();
        assert_eq!((group.join, group.speak, group.history), (Join::Open, Speak::All, ReadFrom::All));
        for (word, join) in Join::WORDS {
            assert_eq!(serde_json::to_value(join).unwrap(), word);
        }
        for (word, role) in Role::WORDS {
            assert_eq!(serde_json::from_value::<Role>(word.into()).unwrap(), role);
            assert_eq!(serde_json::to_value(role).unwrap(), word);
        }
        assert_eq!(
            serde_json::to_value((Speak::Admins, ReadFrom::Joined)).unwrap(),
            serde_json::json!(["admins", "joined"])
        );
    }

    #[test]
    fn a_conversation_has_what_its_kind_has() {
        let line = concat!(
            r#"{"groupid":3,"groupname":"g","total":2,"last_seq":9,"read":7,"unread":2,"#,
            r#""last":{"msgid":10,"id":1,"name":"a","groupid":3,"msg":"x","ext":1.50,"#,
            r#""time":"2026-03-14T09:26:53.589Z","seq":9},"muted":true,"pinned":false}"#
        );
        let entry: Conversation<Box<RawValue>> = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&entry).unwrap(), line);
        let entry: Conversation = serde_json::from_str(line).unwrap();
        assert_eq!((entry.peer(), entry.unread), (GroupId::new(3).map(Peer::Group), 2));
        assert_eq!(entry.last.unwrap().into_message().unwrap().ext.unwrap().get(), "1.50");
    }
}
