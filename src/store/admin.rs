//! What an administrator sees and does, as the store tells it. Every change notes itself in the table Audit, in the same
//! transaction. No SQL, and nothing that acts.

use super::account::EndedToken;
use super::error::Result;
use super::rows::Person;
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, Seq, UserId};

/// A quota that may be another one for one user than the settings say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserQuota {
    /// `quota.friends`.
    Friends,
    /// `quota.friend_requests`.
    FriendRequests,
    /// `quota.groups_joined`.
    GroupsJoined,
    /// `quota.groups_created`.
    GroupsCreated,
    /// `quota.blocks`.
    Blocks,
    /// `quota.devices`.
    Devices,
    /// `quota.tokens`.
    Tokens,
}

impl UserQuota {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Friends,
        Self::FriendRequests,
        Self::GroupsJoined,
        Self::GroupsCreated,
        Self::Blocks,
        Self::Devices,
        Self::Tokens,
    ];

    /// What it is called: the key of the setting, without its section.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Friends => "friends",
            Self::FriendRequests => "friend_requests",
            Self::GroupsJoined => "groups_joined",
            Self::GroupsCreated => "groups_created",
            Self::Blocks => "blocks",
            Self::Devices => "devices",
            Self::Tokens => "tokens",
        }
    }

    /// The one that is called so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quota| quota.name() == name)
    }
}

/// Who acts, and when.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// `token`, or `uid` and a number.
    pub who: &'a str,
    /// Now.
    pub now: UnixMs,
}

/// A user as an administrator sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountRow {
    /// Who; an erased user has no name.
    pub person: Person,
    /// When the account was made.
    pub created_at: UnixMs,
    /// Since when nobody can log in.
    pub disabled_at: Option<UnixMs>,
    /// Since when the account is gone.
    pub erased_at: Option<UnixMs>,
    /// Whether some node has reported the user online.
    pub is_online: bool,
}

/// A group as an administrator sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupOverview {
    /// Which.
    pub id: GroupId,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub desc: String,
    /// When it was made.
    pub created_at: UnixMs,
    /// How many members it has.
    pub members: u64,
    /// For how many days its messages are kept; 0: for ever; `None`: as the settings say.
    pub retention_days: Option<u32>,
    /// Whose it is.
    pub creator: Option<UserId>,
    /// The last number that was given out.
    pub last_seq: Seq,
    /// The first message that is still there; 0: nothing was removed.
    pub floor: Seq,
}

/// A session as an administrator sees it: what can be resumed, online or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnySession {
    /// Whose.
    pub user: Person,
    /// Its number among the user's.
    pub number: u32,
    /// The device that it was used on last; empty: the unnamed one.
    pub device: String,
    /// The address that it was used from last.
    pub address: String,
    /// When it began.
    pub since: UnixMs,
    /// When it was used last, to a day.
    pub used_at: UnixMs,
}

/// A row of the table Audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRow {
    /// Its number.
    pub id: u64,
    /// When.
    pub at: UnixMs,
    /// `token`, or `uid` and a number.
    pub who: String,
    /// What was done: a word.
    pub action: String,
    /// To what: user, group, session or node, and its id.
    pub subject: String,
    /// What else there is to say.
    pub detail: String,
}

/// What came of handing a group over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HandOver {
    /// Done; whose it was, if that is still a member, and whose it is.
    Done(Option<Person>, Person),
    /// It was that user's before.
    Already,
    /// There is no such group.
    NoSuchGroup,
    /// The user is no member of it.
    NotInGroup,
}

/// Where a user is in a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnConversation {
    /// Which.
    pub conv: ConvId,
    /// What has arrived on the unnamed device.
    pub delivered: Seq,
    /// What was read.
    pub read: Seq,
}

/// Something that a user has said and that is still there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnMessage {
    /// Where.
    pub conv: ConvId,
    /// Its place there.
    pub seq: Seq,
    /// When it came in.
    pub sent_at: UnixMs,
    /// The body, as pushes have it: JSON fields, without braces.
    pub body: String,
}

/// Where the reading of what a user has said goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WordsPlace {
    /// The conversation's number,
    pub conv: i64,
    /// and behind which message there; 0: behind the whole conversation.
    pub seq: Seq,
}

/// A reaction that a user has given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnReaction {
    /// Where.
    pub conv: ConvId,
    /// To which message.
    pub of: Seq,
    /// Which.
    pub reaction: String,
}

/// What a piece of the removal of old messages came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aged {
    /// Where to go on: behind this conversation, or in it again; `None`: this was the end.
    pub next: Option<i64>,
    /// How many messages were removed.
    pub removed: u64,
}

/// What an administrator asks of the store.
pub trait AdminStore {
    /// Users with an id above `after`, by ascending id.
    fn accounts(&mut self, after: u32, limit: u32) -> Result<Vec<AccountRow>>;

    /// One of them.
    fn account(&mut self, user: UserId) -> Result<Option<AccountRow>>;

    /// All that was set of quotas for this user alone.
    fn user_quotas(&mut self, user: UserId) -> Result<Vec<(String, u32)>>;

    /// From now on nobody logs in as this user. Its tokens stay, and are good for nothing meanwhile. Whether there is such a user.
    fn disable(&mut self, user: UserId, by: By<'_>) -> Result<bool>;

    /// Takes that back.
    fn enable(&mut self, user: UserId, by: By<'_>) -> Result<bool>;

    /// Sets a password (a PHC string) and ends all of the user's sessions.
    fn reset_password(&mut self, user: UserId, password: &str, by: By<'_>) -> Result<bool>;

    /// Ends all of the user's sessions.
    fn log_out(&mut self, user: UserId, by: By<'_>) -> Result<bool>;

    /// Erases the user, as [`super::Store::erase`] does.
    fn erase_user(&mut self, user: UserId, held_until: Option<UnixMs>, by: By<'_>) -> Result<bool>;

    /// Sets a quota for this user alone. 0: no limit. `None`: as the settings say.
    fn set_user_quota(&mut self, user: UserId, quota: UserQuota, value: Option<u32>, by: By<'_>) -> Result<bool>;

    /// Groups with an id above `after`, by ascending id.
    fn all_groups(&mut self, after: u32, limit: u32) -> Result<Vec<GroupOverview>>;

    /// One of them.
    fn group_overview(&mut self, group: GroupId) -> Result<Option<GroupOverview>>;

    /// Deletes a group, as [`super::Store::delete_group`] does. Whether there was one.
    fn remove_group(&mut self, group: GroupId, by: By<'_>) -> Result<bool>;

    /// Gives a group to one of its members. Who had it is an admin from then on.
    fn hand_over(&mut self, group: GroupId, to: UserId, by: By<'_>) -> Result<HandOver>;

    /// For how many days the group's messages are kept. 0: for ever. `None`: as the settings say. Whether there is such a group.
    fn set_group_retention(&mut self, group: GroupId, days: Option<u32>, by: By<'_>) -> Result<bool>;

    /// Sessions of all users behind a user's session, by user and number.
    fn all_sessions(&mut self, after: (u32, u32), limit: u32, now: UnixMs) -> Result<Vec<AnySession>>;

    /// Ends a session; what is to be told to other nodes.
    fn end_any_session(&mut self, user: UserId, number: u32, by: By<'_>) -> Result<Option<EndedToken>>;

    /// Notes something that is no change of the database.
    fn note(&mut self, action: &str, subject: &str, detail: &str, by: By<'_>) -> Result<()>;

    /// What was noted behind `after`, by ascending id.
    fn audit(&mut self, after: u64, limit: u32) -> Result<Vec<AuditRow>>;

    /// The names of the user's devices.
    fn devices(&mut self, user: UserId) -> Result<Vec<String>>;

    /// The user's conversations behind a number, by ascending number.
    fn own_conversations(&mut self, user: UserId, after: i64, limit: u32) -> Result<Vec<OwnConversation>>;

    /// Some of what the user has said, in any group and to anybody, and where to go on; `None`: that was all.
    fn own_messages(&mut self, user: UserId, from: WordsPlace) -> Result<(Vec<OwnMessage>, Option<WordsPlace>)>;

    /// Reactions behind one, by conversation and message.
    fn own_reactions(&mut self, user: UserId, after: Option<&OwnReaction>, limit: u32) -> Result<Vec<OwnReaction>>;

    /// Says that `holder` does this work until then, if nobody else does. Whether it may.
    fn lease(&mut self, work: &str, holder: &str, until: UnixMs, now: UnixMs) -> Result<bool>;

    /// Says that it does not any more.
    fn release_lease(&mut self, work: &str, holder: &str) -> Result<()>;

    /// Whether messages of any conversation may be too old, if the settings say `days` (`None`: for ever).
    fn is_aging(&mut self, days: Option<u32>) -> Result<bool>;

    /// Removes some of the messages that were kept long enough, of the conversations behind this number, in one short transaction.
    /// A message goes together with all that are ahead of it.
    fn age(&mut self, after: i64, days: Option<u32>, now: UnixMs) -> Result<Aged>;
}
