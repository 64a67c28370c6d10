//! What an import brings in, many rows in one transaction each: users, groups, friendships, memberships, messages. The
//! store knows nothing of where they come from; it notes what it has taken (the table Imported), so that nothing comes twice.

use super::{ClientDialect, Named, OpenStore, Result, Role};
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, UserId};

/// A kind of thing that is noted when it is brought in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Brought {
    /// A user, by id.
    User,
    /// A group, by id.
    Group,
    /// Two users who are friends, by the number of their conversation.
    Friendship,
    /// A user in a group, by [`membership_number`].
    Membership,
}

impl Brought {
    /// Its number in the table.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::User => 1,
            Self::Group => 2,
            Self::Friendship => 3,
            Self::Membership => 4,
        }
    }
}

/// By what a membership is noted.
#[must_use]
pub(crate) fn membership_number(group: GroupId, user: UserId) -> i64 {
    i64::from(group.number()) << 32 | i64::from(user.number())
}

/// What was noted of something that was brought in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Noted {
    /// Its number among those of its kind.
    pub(crate) id: i64,
    /// A hash of what the source has said of it.
    pub(crate) mark: i64,
}

/// A user or a group that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Present {
    /// Its id.
    pub(crate) id: u32,
    /// Its name.
    pub(crate) name: String,
    /// It was erased, or deleted: nobody finds it any more.
    pub(crate) is_gone: bool,
}

/// A user to be.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NewUser {
    pub(crate) id: UserId,
    /// Compared with others by its key, which nobody may have.
    pub(crate) name: String,
    /// As it is stored: see `service::auth::password`.
    pub(crate) password: String,
    pub(crate) dialect: ClientDialect,
    /// See [`Noted::mark`].
    pub(crate) mark: i64,
}

/// A group to be. Anybody may join it and speak, as in a new one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewGroup {
    pub(crate) id: GroupId,
    /// As [`NewUser::name`].
    pub(crate) name: String,
    pub(crate) desc: String,
    /// At least one, none twice; one of them is the creator.
    pub(crate) members: Vec<(UserId, Role)>,
    /// See [`Noted::mark`].
    pub(crate) mark: i64,
}

/// A message that was said elsewhere and comes behind what is said here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewMessage {
    pub(crate) conv: ConvId,
    pub(crate) sender: UserId,
    pub(crate) sent_at: UnixMs,
    /// Its stored form. A message of the same sender with the same one in the same conversation is this one.
    pub(crate) cid: String,
    /// As [`super::Content::Message`] has it.
    pub(crate) body: String,
    pub(crate) meant: MeantFor,
}

/// For whom a message is pending. For its sender it never is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum MeantFor {
    /// For everybody else in the conversation.
    Everybody,
    /// For those of them who are members.
    These(Vec<UserId>),
}

/// The database as an import uses it. Each call is one transaction.
pub(crate) trait Bulk: Send {
    /// Whether the tables are those of this version, or of a later one. What follows needs that, but for [`Bulk::users`],
    /// [`Bulk::groups`] and [`Bulk::holders`], which do without where there are no tables at all.
    fn is_up_to_date(&mut self) -> Result<bool>;

    /// What was noted of this kind, with a number above `after`, by ascending number, at most `limit`.
    fn noted(&mut self, kind: Brought, after: i64, limit: u32) -> Result<Vec<Noted>>;

    /// The users of these ids that are there, the erased ones too.
    fn users(&mut self, ids: &[UserId]) -> Result<Vec<Present>>;

    /// The groups of these ids that are there, and the deleted ones of which something is left.
    fn groups(&mut self, ids: &[GroupId]) -> Result<Vec<Present>>;

    /// Who has a name with one of these keys, or may come back to it: the key, and the id.
    fn holders(&mut self, named: Named, keys: &[&str], now: UnixMs) -> Result<Vec<(String, u32)>>;

    /// Makes the users, under ids that nobody has.
    fn put_users(&mut self, users: &[NewUser], now: UnixMs) -> Result<()>;

    /// Makes the groups with their members, likewise.
    fn put_groups(&mut self, groups: &[NewGroup], now: UnixMs) -> Result<()>;

    /// Has users come into groups that are there, as ordinary members.
    fn put_members(&mut self, members: &[(GroupId, UserId)]) -> Result<()>;

    /// Makes the two of each pair friends, unless one of them has blocked the other.
    fn put_friends(&mut self, pairs: &[(UserId, UserId)]) -> Result<()>;

    /// Stores the messages, those of one conversation side by side and in order, and moves the cursors of those who are at
    /// its end up to what is pending for them. How many were stored: not those that are there, nor those of groups that
    /// are not.
    fn put_messages(&mut self, messages: &[NewMessage]) -> Result<u64>;
}

/// Stores that an import can use.
pub(crate) trait OpenBulk: OpenStore {
    /// One for the calling thread.
    fn open_bulk(&self) -> Result<Box<dyn Bulk>>;
}
