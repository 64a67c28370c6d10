//! The record: everything that must not be lost, behind one trait with two backends.
//!
//! ```text
//!   lane, worker, auth worker, cursor writer     each thread owns one Store (one database connection)
//!                  |
//!             trait Store
//!                  |
//!           sql/  what both databases do with the same statements
//!              /        \
//!         sqlite.rs    mysql.rs   connections, transactions, locks, and how a batch of messages is committed
//!              \        /
//!             numbering.rs   which message of a batch gets which number; pure
//! ```
//!
//! SQL is nowhere else, besides the schema: the numbered files of sql/ at the root, applied by `migrate`.
//!
//! Calls block; no reactor makes one. A `Store` belongs to the thread that opened it. It reconnects by itself: after
//! [`StoreError::Unavailable`] the next call tries anew.

mod foreign;
mod migrate;
pub mod mysql;
mod numbering;
mod sql;
pub mod sqlite;

use std::time::Duration;

pub use stonechat_protocol::request::Range;

use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, GroupId, NodeId, Peer, Seq, UserId};
use crate::names::Unfit;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is too busy, read-only or full. Nothing was changed; try again later (503).
    /// One exception: when a connection is lost during the COMMIT of anything but [`Store::append`], it may have been
    /// done all the same. Asked again, such a call finds that (`Already`, `NameTaken`).
    #[error("storage unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A row that the call needs is locked by another transaction, or the database took the call back for the sake of
    /// others time and again. Nothing was changed; try again later (503). From [`Store::append`]: some message of the
    /// batch is to blame, and others may well be stored without it.
    #[error("locked by another transaction: {0}")]
    Busy(#[source] Cause),
    /// The connection was lost during COMMIT: it may have happened or not. [`Store::append`] only; ask
    /// [`Store::settle`].
    #[error("the outcome of a commit is unknown: {0}")]
    OutcomeUnknown(#[source] Cause),
    /// The database's answer makes no sense to this binary: a bug or a damaged schema (500).
    #[error("storage error: {0}")]
    Broken(#[source] Cause),
}

/// A driver's error, kept for the log.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a store call returns.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Opens one connection for each thread that needs one. Shared by all threads.
pub trait OpenStore: Send + Sync {
    /// A store for the calling thread. Opens nothing yet where the database is remote: the first call does.
    ///
    /// # Errors
    /// `Unavailable` when an embedded database cannot be opened.
    fn open(&self) -> Result<Box<dyn Store>>;

    /// Reads the schema's version and applies what is missing, under a lock that other nodes respect.
    ///
    /// # Errors
    /// `Broken` when the schema is newer than this binary (it is left untouched) or a migration fails.
    fn migrate(&self) -> Result<()>;

    /// One sentence for each setting of the database under which an acknowledged message would not be durable.
    fn durability_warnings(&self) -> Result<Vec<String>>;

    /// What will never work with this database, and what will not work well. Changes nothing. `line_bytes` is the longest
    /// line that clients may send.
    fn inspect(&self, line_bytes: usize) -> Result<Findings>;

    /// The names that are found by their exact spelling only, or will be after [`OpenStore::migrate`]: at most `limit` of
    /// users, and of groups. Changes nothing.
    fn kept_names(&self, limit: u32) -> Result<Vec<KeptName>>;

    /// How long a call may take at most before it is `Unavailable`.
    fn timeout(&self) -> Duration;
}

/// What [`OpenStore::inspect`] has found, each in one sentence that says what to do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// With these the server must not start.
    pub problems: Vec<String>,
    /// With these it may.
    pub warnings: Vec<String>,
}

/// How many of each there may be; `None`: any number. Checked in the transaction that adds one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Quotas {
    /// Friends of a user.
    pub friends: Option<u32>,
    /// Friend requests that a user has sent and that are not answered.
    pub friend_requests: Option<u32>,
    /// Groups that a user is in.
    pub groups_joined: Option<u32>,
    /// Groups that a user has created and that exist.
    pub groups_created: Option<u32>,
    /// Members of a group.
    pub group_members: Option<u32>,
    /// Named devices of a user; the one used longest ago makes room for a new one.
    pub devices: Option<u32>,
    /// Tokens of a user; likewise.
    pub tokens: Option<u32>,
}

/// A quota that is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quota {
    /// One's own friends.
    Friends,
    /// The other side's friends.
    FriendsOfOther,
    /// Friend requests that one has sent.
    FriendRequests,
    /// Groups that one is in.
    GroupsJoined,
    /// Groups that one has created.
    GroupsCreated,
    /// The group's members.
    GroupMembers,
}

/// A name is taken, or the row has been created with this id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Created<Id> {
    /// It exists now.
    New(Id),
    /// Nothing was made: there are as many as a quota allows.
    Full(Quota),
    /// Somebody has this name already (names are compared as `crate::names` says).
    NameTaken,
}

/// What has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// A user.
    User,
    /// A group.
    Group,
}

/// A name of before the rules for new ones, which is found by its exact spelling only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptName {
    /// Whose kind it is.
    pub named: Named,
    /// Whose.
    pub id: i64,
    /// The name.
    pub name: String,
    /// Why it cannot be compared with others; without that another one, of a lower id, is the same.
    pub why: Option<Unfit>,
}

/// How a request names a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserRef<'a> {
    /// By id.
    Id(UserId),
    /// By name: one that is spelled exactly so, or else one that is compared to be the same.
    Name(&'a str),
}

/// A user with what login needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserRow {
    /// The user's id.
    pub id: UserId,
    /// The name as registered.
    pub name: String,
    /// The Argon2id PHC string.
    pub password: String,
}

/// A user as others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The user's id.
    pub id: UserId,
    /// The name as registered.
    pub name: String,
}

/// What a member may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Made the group; may delete it, cannot quit it.
    Creator,
    /// Anyone else.
    Normal,
}

/// A group without its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRow {
    /// The group's id.
    pub id: GroupId,
    /// Its name, unique among groups without regard to case.
    pub name: String,
    /// What it is about.
    pub desc: String,
}

/// One member of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who.
    pub person: Person,
    /// As what.
    pub role: Role,
}

/// Members of a group, by ascending id, and how many there are in all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemberPage {
    /// At most as many as were asked for.
    pub members: Vec<Member>,
    /// All members of the group.
    pub total: u64,
}

/// What joining a group found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinOutcome {
    /// The user is a member now; the cursors of all the user's devices stand at `last_seq`.
    New {
        /// The group.
        group: GroupRow,
        /// The conversation's last message when the user joined.
        last_seq: Seq,
    },
    /// The user was a member before; nothing was changed.
    Already(GroupRow),
    /// There is no such group.
    NoSuchGroup,
    /// Nothing was changed: there are as many as a quota allows.
    Full(Quota),
}

/// What leaving or deleting a group found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaveOutcome {
    /// Done.
    Done,
    /// The user is no member (quit), or a member but not the creator (delete).
    NotAllowed,
    /// The creator cannot quit.
    IsCreator,
    /// There is no such group.
    NoSuchGroup,
}

/// What asking for or answering a friendship found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FriendOutcome {
    /// Done; the other side.
    Done(Person),
    /// They are friends already; the other side.
    Already(Person),
    /// There is no such user.
    NoSuchUser,
    /// There is no request of that user to answer.
    NoSuchRequest,
    /// Nothing was changed: there are as many as a quota allows.
    Full(Quota),
}

/// A friendship somebody asked for and that is not answered yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FriendRequest {
    /// Who asks.
    pub from: Person,
    /// The words that came with it: the JSON text of a string, quotes included.
    pub msg: String,
}

/// A message to be stored, as the lane hands it over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Append {
    /// Who says it.
    pub sender: UserId,
    /// To whom.
    pub to: Peer,
    /// The sender's own id for the message, in the form of `crate::cid`; of equal (conv, sender, cid) only the first is
    /// stored.
    pub cid: Option<Box<str>>,
    /// `{"msg":...}` or `{"msg":...,"ext":...}`: JSON text, relayed as it is.
    pub body: Box<str>,
    /// The server's time when the message came in.
    pub sent_at: UnixMs,
    /// Refuse the message unless the two are friends.
    pub friends_only: bool,
    /// The conversation has had a message with this number, as the node knows; 0 if it knows of none.
    pub known_end: Seq,
}

impl Append {
    /// The conversation it belongs to.
    #[must_use]
    pub fn conv(&self) -> ConvId {
        ConvId::with(self.sender, self.to)
    }
}

/// What became of an [`Append`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appended {
    /// Committed with this number.
    Stored(Seq),
    /// The sender had sent this cid before; it is stored with this number, since then.
    Duplicate {
        /// The number the first one got.
        seq: Seq,
        /// The time the first one got.
        sent_at: UnixMs,
    },
    /// The addressee does not exist.
    NoSuchUser,
    /// The group does not exist.
    NoSuchGroup,
    /// The sender is no member of the group.
    NotMember,
    /// Friends only, and they are not.
    NotFriends,
    /// Not stored: the conversation ends here, below the end that is known. The data went back to an earlier state, and
    /// numbers are not given out anew before they have a new epoch.
    WentBack(Seq),
    /// Another transaction locks the conversation. Nothing of it was stored: none of the batch's messages that belong to
    /// it. Try again in a moment.
    Locked,
}

/// A stored message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its conversation.
    pub conv: ConvId,
    /// Its place in the conversation.
    pub seq: Seq,
    /// Who said it, with the present name.
    pub sender: Person,
    /// The server's time when it came in.
    pub sent_at: UnixMs,
    /// The sender's own id for it, in the form of `crate::cid`.
    pub cid: Option<String>,
    /// `{"msg":...}` or `{"msg":...,"ext":...}`.
    pub body: String,
}

/// A conversation in which a device has something to catch up on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// Which.
    pub conv: ConvId,
    /// What the device has confirmed.
    pub delivered: Seq,
    /// The last message there is.
    pub last_seq: Seq,
}

/// From where a session wants the messages of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which.
    pub conv: ConvId,
    /// Messages behind this number; `None`: behind the device's cursor.
    pub after: Option<Seq>,
}

/// What there is from a [`Place`] on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The conversation.
    pub conv: ConvId,
    /// The device's cursor and the conversation's end; `None` if the user is not in it (any more).
    pub position: Option<Pending>,
    /// The first messages, ascending and without a hole.
    pub messages: Vec<Message>,
}

/// Whether a user's own messages are pending for a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnPending {
    /// They are listed like all others.
    Listed,
    /// They are left out.
    LeftOut,
}

/// Where one device of a user is in one conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CursorRow {
    /// The user.
    pub user: UserId,
    /// The user's device.
    pub device: DeviceId,
    /// The conversation.
    pub conv: ConvId,
    /// Everything up to this number has arrived.
    pub delivered: Seq,
}

/// Whose data it is, and how often it has gone back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterRow {
    /// The identity of the data: random, made with the schema. A copy has the same.
    pub id: String,
    /// Another one than before means that the data went back (a restore, a fail-over to older data): numbers of messages
    /// may have been given out twice.
    pub epoch: String,
}

/// A device that is being used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceUse {
    /// Its number.
    pub id: DeviceId,
    /// There was none of this name.
    pub is_new: bool,
    /// Those that made room for it: there are no such devices any more.
    pub removed: Vec<DeviceId>,
}

/// A token to be stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewToken<'a> {
    /// What is stored in its place.
    pub hash: &'a TokenHash,
    /// Whom it logs in.
    pub user: UserId,
    /// When it ends.
    pub expires_at: UnixMs,
}

/// A token that is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRow {
    /// Whom it logs in.
    pub user: Person,
    /// When it ends.
    pub expires_at: UnixMs,
    /// It was used later than all others of the user's, as far as their ends tell.
    pub is_latest: bool,
}

impl TokenRow {
    /// Its end, as far as it shows when it was used last: one that others have overtaken shows nothing.
    #[must_use]
    pub(crate) fn end_as_used(&self) -> UnixMs {
        if self.is_latest { self.expires_at } else { UnixMs(0) }
    }
}

/// SHA-256 of a token; the token itself is never stored.
pub type TokenHash = [u8; 32];

/// The database as one thread uses it. See the module's text for ownership. Every call either does all it says, in
/// one transaction, or nothing (`append` may leave the outcome unknown, see there).
pub trait Store: Send {
    /// The quotas that hold for the calls of this store from now on; before, there are none.
    fn hold_to(&mut self, quotas: Quotas);

    // --- accounts ---------------------------------------------------------------------------------------------

    /// Creates a user; `password` is the PHC string. State `offline`.
    fn create_user(&mut self, name: &str, password: &str, now: UnixMs) -> Result<Created<UserId>>;

    /// The user, if there is one.
    fn user(&mut self, who: UserRef<'_>) -> Result<Option<UserRow>>;

    /// Reports who is online on this node, for people and tools that look into the table. `offline` counts only for those
    /// whom this node has reported online last.
    fn report_states(&mut self, node: NodeId, online: &[UserId], offline: &[UserId]) -> Result<()>;

    /// The nodes that have reported somebody who is online.
    fn reporting_nodes(&mut self) -> Result<Vec<NodeId>>;

    /// A node is no more: whom it has reported online is offline.
    fn report_absent(&mut self, node: NodeId) -> Result<()>;

    /// Stores a token, and removes the user's expired ones, and those used longest ago where there are too many. It ends
    /// a little later than wanted, if need be: of a user's tokens the one that ends last is the one used last.
    fn save_token(&mut self, token: &NewToken<'_>, now: UnixMs) -> Result<()>;

    /// The token's row, unless it is unknown or has expired at `now`.
    fn token(&mut self, hash: &TokenHash, now: UnixMs) -> Result<Option<TokenRow>>;

    /// The token was used: it lives until `expires_at`, and ends last of all of the user's.
    fn extend_token(&mut self, hash: &TokenHash, expires_at: UnixMs) -> Result<()>;

    /// Revokes a token; nothing happens if it is unknown.
    fn delete_token(&mut self, hash: &TokenHash) -> Result<()>;

    /// The number of the user's device of this name, which is being used. A new one gets the next number, which is never
    /// given again, and cursors at the end of all the user's conversations: nothing old is pending for it. Where there
    /// are too many, the one used longest ago makes room, and its cursors go.
    fn device(&mut self, user: UserId, name: &str) -> Result<DeviceUse>;

    /// Whether the user has a device of this name.
    fn has_device(&mut self, user: UserId, name: &str) -> Result<bool>;

    // --- friends ----------------------------------------------------------------------------------------------

    /// Makes the two friends, in both directions, and removes friend requests between them. `Done` or `Already` or
    /// `NoSuchUser`.
    fn add_friend(&mut self, user: UserId, friend: UserId) -> Result<FriendOutcome>;

    /// Ends the friendship in both directions; whether there was one.
    fn delete_friend(&mut self, user: UserId, friend: UserId) -> Result<bool>;

    /// Friends with an id above `after` (0: from the first), by ascending id, at most `limit`.
    fn friends(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<Person>>;

    /// How many friends there are.
    fn friends_count(&mut self, user: UserId) -> Result<u64>;

    /// Keeps a friend request until it is answered; a later one of the same two replaces its words. `Done(to)`,
    /// `Already(to)` when they are friends, or `NoSuchUser`.
    fn request_friend(&mut self, from: UserId, to: UserId, msg: &str, now: UnixMs) -> Result<FriendOutcome>;

    /// Answers `from`'s request to `user`: removes it and, when accepted, makes them friends. `Done(from)`, or without a
    /// request `Already(from)` or `NoSuchRequest`.
    fn answer_friend(&mut self, user: UserId, from: UserId, accept: bool) -> Result<FriendOutcome>;

    /// Unanswered requests to `user`, oldest first.
    fn friend_requests(&mut self, user: UserId, limit: u32) -> Result<Vec<FriendRequest>>;

    // --- groups -----------------------------------------------------------------------------------------------

    /// Creates a group with its conversation; the creator is a member, with a cursor per device.
    fn create_group(&mut self, creator: UserId, name: &str, desc: &str, now: UnixMs) -> Result<Created<GroupId>>;

    /// Makes the user a member. See [`JoinOutcome`].
    fn join_group(&mut self, user: UserId, group: GroupId) -> Result<JoinOutcome>;

    /// Ends the membership and removes the cursors of all the user's devices there.
    fn quit_group(&mut self, user: UserId, group: GroupId) -> Result<LeaveOutcome>;

    /// Deletes the group: from now on it exists for nobody, and its name is free. Its members, cursors and messages are
    /// left to [`Store::sweep`]. Creator only.
    fn delete_group(&mut self, user: UserId, group: GroupId, now: UnixMs) -> Result<LeaveOutcome>;

    /// Removes some of what deleted groups have left, in one short transaction; whether there may be more. Any node may
    /// call it, again and again.
    fn sweep(&mut self) -> Result<bool>;

    /// The groups the user is in, with an id above `after` (0: from the first), by ascending id, at most `limit`.
    fn groups(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<GroupRow>>;

    /// The ids of all groups the user is in, ascending.
    fn group_ids(&mut self, user: UserId) -> Result<Vec<GroupId>>;

    /// The same for many users at once; the answers in the order of the questions.
    fn group_ids_of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>>;

    /// The group, if there is one, and whether `user` is a member.
    fn group(&mut self, group: GroupId, user: UserId) -> Result<Option<(GroupRow, bool)>>;

    /// Members with an id above `after` (0: from the first), at most `limit`.
    fn members(&mut self, group: GroupId, after: u32, limit: u32) -> Result<MemberPage>;

    /// For each group, in the order given, its first `limit` members: the same as [`Store::members`] for each, in as
    /// few round trips as possible.
    fn members_of_all(&mut self, groups: &[GroupId], limit: u32) -> Result<Vec<MemberPage>>;

    // --- find -------------------------------------------------------------------------------------------------

    /// Users whose id is `id`, then those whose name begins with `prefix`, as names are compared; at most `limit`.
    fn find_users(&mut self, id: Option<UserId>, prefix: &str, limit: u32) -> Result<Vec<Person>>;

    /// Groups, likewise.
    fn find_groups(&mut self, id: Option<GroupId>, prefix: &str, limit: u32) -> Result<Vec<GroupRow>>;

    // --- messages ---------------------------------------------------------------------------------------------

    /// Commits a batch in one transaction and numbers the messages in the order given, per conversation. One outcome
    /// per message; an outcome other than `Stored` costs the others nothing. The first message between two users
    /// creates their conversation and device-0 cursors (and looks whether the addressee exists). Deadlocks and stale
    /// connections are retried inside, within the store's timeout. It waits a moment for conversations that others hold,
    /// and goes on without those that stay locked.
    ///
    /// # Errors
    /// `Unavailable`: nothing was stored. `Busy`, `Broken`: nothing was stored, because of some message of the batch.
    /// `OutcomeUnknown`: call `settle` with the same batch before anything else of its conversations.
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Appended>>;

    /// The same, but waits for no lock, as far as the database can: for what is known to be locked, or suspected of it.
    ///
    /// # Errors
    /// As [`Store::append`].
    fn append_unlocked(&mut self, batch: &[Append]) -> Result<Vec<Appended>>;

    /// After `OutcomeUnknown`: looks whether that transaction was committed, without waiting for it. `Some` are its
    /// outcomes; `None`: it was not, and never will be. May be called again after any error. Several commits may be in
    /// doubt at once, of different conversations.
    fn settle(&mut self, batch: &[Append]) -> Result<Option<Vec<Appended>>>;

    /// Messages of one conversation, ascending, at most `limit` and about `bytes_max` of bodies (at least one if
    /// there is one), and whether there are more in that direction. `None`: the conversation is not the reader's, or its
    /// group does not exist. Membership and messages are read by the same statement.
    fn messages(
        &mut self,
        reader: UserId,
        conv: ConvId,
        range: Range,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Option<(Vec<Message>, bool)>>;

    /// What a device has not confirmed, over all conversations that its user is in.
    fn pending(&mut self, user: UserId, device: DeviceId) -> Result<Vec<Pending>>;

    /// The same for many sessions at once; the answers in the order of the questions.
    fn pending_of_all(&mut self, sessions: &[(UserId, DeviceId)]) -> Result<Vec<Vec<Pending>>>;

    /// Where a device is in one conversation, and the conversation's end; `None` if the user is not in it.
    /// A device without a row of its own there stands at 0.
    fn position(&mut self, user: UserId, device: DeviceId, conv: ConvId) -> Result<Option<Pending>>;

    /// The next messages from each of these places on, each conversation's share of `limit` and of about `bytes_max` of
    /// bodies. The answers in the order of the questions, the first one at least: those at the end are left out when the
    /// others have taken all the room. Who is no member any more reads nothing.
    fn pages(
        &mut self,
        reader: UserId,
        device: DeviceId,
        places: &[Place],
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Page>>;

    /// The reader's oldest unconfirmed messages over the given conversations, at most `limit` and about `bytes_max` of
    /// bodies: by time, but never out of `seq` order within a conversation. Those of groups that the reader has left
    /// meanwhile are left out.
    fn oldest_pending(
        &mut self,
        reader: UserId,
        pending: &[Pending],
        own: OwnPending,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Message>>;

    /// Moves cursors forward, never back. Rows are created where a named device has none yet, but only in conversations
    /// in which the user has a device-0 row: one that somebody else deletes at the same time is not made anew. Nor are
    /// rows of devices that there are no more. A position beyond the conversation's end is not written: it is of before the
    /// data went back to an earlier state. Nor is anything, and nothing comes back, if the data have another epoch than
    /// `epoch`, in which the positions were confirmed. The rows that were not written because another transaction locks them come back:
    /// they hold up no others.
    fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>>;

    // --- the data as a whole ----------------------------------------------------------------------------------

    /// The identity of the data, and its epoch.
    fn cluster(&mut self) -> Result<ClusterRow>;

    /// Makes a new epoch if the present one is `old`: once, however many nodes ask. What is there then.
    fn new_epoch(&mut self, old: &str) -> Result<ClusterRow>;

    /// Notes that this node uses this database.
    fn note_node(&mut self, node: NodeId, now: UnixMs) -> Result<()>;

    /// The node ends.
    fn forget_node(&mut self, node: NodeId) -> Result<()>;

    /// Whether that node uses this database.
    fn has_node(&mut self, node: NodeId) -> Result<bool>;

    /// The last numbers of those of the conversations that exist, in any order.
    fn ends(&mut self, convs: &[ConvId]) -> Result<Vec<(ConvId, Seq)>>;

    /// A trivial question to the database, for /readyz and check-config.
    fn ping(&mut self) -> Result<()>;
}
