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

mod account;
pub mod admin;
pub(crate) mod bulk;
mod content;
mod dialect;
mod error;
mod events;
mod foreign;
mod group_rows;
pub(crate) mod migrate;
pub mod mysql;
mod numbering;
mod overview;
pub mod rights;
mod rows;
mod search;
mod sql;
pub mod sqlite;
pub(crate) mod tables;
pub(crate) mod whole;

use std::time::Duration;

pub use stonechat_protocol::request::Range;

pub(crate) use self::account::token_key;
pub use self::account::{
    AccountPage, BlockOutcome, Contact, EndedToken, EraseStep, NewProfile, ProfileChange, ProfileOutcome, SessionRow,
};
pub use self::admin::{AdminStore, UserQuota};
pub use self::content::{Change, Content, Event, Kind};
pub use self::dialect::ClientDialect;
pub(crate) use self::error::Cause;
pub use self::error::{Result, StoreError};
pub use self::group_rows::{
    ActedOn, GroupChange, GroupChanged, GroupInvitation, GroupRefusal, GroupRow, GroupSettings, JoinOutcome, LetIn,
    OpenGroupAsk, OwnGroup, PastShown, Ruled, Speaking,
};
pub use self::overview::{
    Activity, ConversationEnd, ConversationPage, ConversationRow, ConversationsWanted, Flags, ReadRow, ReceiptRow,
    SavedReads, UNREAD_MAX, With,
};
pub use self::rows::{
    Append, Appended, Changed, ClusterRow, Created, CursorRow, DeviceUse, EventsPending, Findings, FriendOutcome,
    FriendRequest, Given, KeptName, KnownDevice, LeaveOutcome, Listed, Member, MemberPage, Message, Missing, Moment,
    Named, NewToken, OwnPending, Page, Pending, Person, Place, Quota, Quotas, ReactionCount, Role, SearchPage,
    SearchPlace, SearchQuery, Sender, TokenHash, TokenRow, TokenUse, UserRef, UserRow,
};
pub use self::search::Keyword;

use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, GroupId, NodeId, Peer, Seq, UserId};

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

    /// One sentence for each server of a database that has several: what it has said of itself, and which is used.
    fn servers(&self) -> Vec<String> {
        Vec::new()
    }

    /// Each replica that is read from, by its place, and why it is not where that is so. Asks them.
    ///
    /// # Errors
    /// The database itself cannot be asked.
    fn replicas(&self) -> Result<Vec<(String, Option<String>)>> {
        Ok(Vec::new())
    }
}

/// The database as one thread uses it. See the module's text for ownership. Every call either does all it says, in
/// one transaction, or nothing (`append` may leave the outcome unknown, see there).
pub trait Store: Send {
    /// The quotas that hold for the calls of this store from now on; before, there are none.
    fn hold_to(&mut self, quotas: Quotas);

    // --- accounts ---------------------------------------------------------------------------------------------

    /// Creates a user; `password` is the PHC string. State `offline`. A name that is held for somebody is taken.
    fn create_user(&mut self, name: &str, password: &str, now: UnixMs) -> Result<Created<UserId>>;

    /// Whether a user's name is held for somebody who has given it up.
    fn is_name_held(&mut self, name: &str, now: UnixMs) -> Result<bool>;

    /// The user, if there is one. One that was erased is none.
    fn user(&mut self, who: UserRef<'_>) -> Result<Option<UserRow>>;

    /// Remembers by which earlier system's client the user speaks; `None`: by none. [`UserRow::dialect`] has it at the next login.
    fn set_dialect(&mut self, user: UserId, dialect: Option<ClientDialect>) -> Result<()>;

    /// Reports who is online on this node, for people and tools that look into the table. `offline` counts only for those
    /// whom this node has reported online last.
    fn report_states(&mut self, node: NodeId, online: &[UserId], offline: &[UserId]) -> Result<()>;

    /// The nodes that have reported somebody who is online.
    fn reporting_nodes(&mut self) -> Result<Vec<NodeId>>;

    /// A node is no more: whom it has reported online is offline. Some of them, at most `limit`; they are returned, and nobody
    /// else who asks is told of these.
    fn report_absent(&mut self, node: NodeId, limit: u32) -> Result<Vec<UserId>>;

    /// Stores a token, and removes the user's expired ones, and those used longest ago where there are too many. It ends
    /// a little later than wanted, if need be: of a user's tokens the one that ends last is the one used last. `false`:
    /// nothing was stored, because the user's password is another one by now.
    fn save_token(&mut self, token: &NewToken<'_>, now: UnixMs) -> Result<bool>;

    /// The token's row, unless it is unknown or has expired at `now`; and, in the same look, what a login by it needs first.
    /// `device` is the name of the device that logs in; empty: the unnamed one.
    fn token(&mut self, hash: &TokenHash, device: &str, now: UnixMs) -> Result<Option<TokenRow>> {
        Ok(self.tokens(&[(*hash, device)], now)?.pop().flatten())
    }

    /// The same of many at once; the answers in the order of the questions.
    fn tokens(&mut self, asked: &[(TokenHash, &str)], now: UnixMs) -> Result<Vec<Option<TokenRow>>>;

    /// The token was used there: it lives until `expires_at`, and ends last of all of the user's.
    fn extend_token(&mut self, hash: &TokenHash, expires_at: UnixMs, used: TokenUse<'_>, now: UnixMs) -> Result<()>;

    /// Revokes a token; nothing happens if it is unknown.
    fn delete_token(&mut self, hash: &TokenHash) -> Result<()>;

    /// The number of the user's device of this name, which is being used. A new one gets the next number, which is never
    /// given again, and cursors at the end of all the user's conversations: nothing old is pending for it. Where there
    /// are too many, the one used longest ago makes room, and its cursors go.
    fn device(&mut self, user: UserId, name: &str) -> Result<DeviceUse>;

    /// The user's device of this name, if there is one: nothing but looks.
    fn known_device(&mut self, user: UserId, name: &str) -> Result<Option<KnownDevice>>;

    /// The user's sessions: what can be resumed. Those with a number above `after`, by ascending number, at most `limit`.
    fn sessions(&mut self, user: UserId, after: u32, limit: u32, now: UnixMs) -> Result<Vec<SessionRow>>;

    /// Ends the user's session of this number; its token, if there was one. Ended tokens are noted for
    /// [`Store::ended_tokens`].
    fn end_session(&mut self, user: UserId, number: u32, now: UnixMs) -> Result<Option<TokenHash>>;

    /// Ends all of the user's sessions but that of this token; their tokens.
    fn end_other_sessions(&mut self, user: UserId, but: &TokenHash, now: UnixMs) -> Result<Vec<TokenHash>>;

    /// Replaces a password (`[old, new]`, PHC strings) and ends all of the user's sessions but that of the token `but`; their
    /// tokens. `None`: nothing was changed, because the password is another one than `old` by now.
    fn change_password(
        &mut self,
        user: UserId,
        passwords: [&str; 2],
        but: &TokenHash,
        now: UnixMs,
    ) -> Result<Option<Vec<TokenHash>>>;

    /// The tokens that were ended since then, by the clocks of the nodes that did it, and the users who were disabled. Tokens are
    /// kept for a day.
    fn ended_tokens(&mut self, since: UnixMs) -> Result<Vec<EndedToken>>;

    /// Changes what others see of a user: all of it, or nothing.
    fn change_profile(&mut self, user: UserId, change: &ProfileChange<'_>, now: UnixMs) -> Result<ProfileOutcome>;

    /// What was set of a quota for this user alone; 0: no limit.
    fn user_quota(&mut self, user: UserId, quota: UserQuota) -> Result<Option<u32>> {
        let _ = (user, quota);
        Ok(None)
    }

    /// The user's profile, a JSON value, where there is one.
    fn profile(&mut self, user: UserId) -> Result<Option<String>>;

    /// Erases a user: from now on it cannot log in, has no name, and nobody finds it. What is left is removed by
    /// [`Store::erase_step`], and by [`Store::sweep_accounts`]. The tokens that ended; `None`: nothing was changed, because
    /// there is no such user, or `proof` is not its password (the PHC string) any more. Nobody else may have the name
    /// before `held_until`.
    fn erase(
        &mut self,
        user: UserId,
        proof: &str,
        held_until: Option<UnixMs>,
        now: UnixMs,
    ) -> Result<Option<Vec<TokenHash>>>;

    /// Ends some of what others have with a user that is erased, in one short transaction. Until it is [`EraseStep::Gone`].
    fn erase_step(&mut self, user: UserId, now: UnixMs) -> Result<EraseStep>;

    /// Removes some of what erased users have left, what they have said above all, and what was kept for a while; in one
    /// short transaction. Whether there may be more. Any node may call it, again and again.
    fn sweep_accounts(&mut self, now: UnixMs) -> Result<bool>;

    /// What a login tells of the account, all at one moment: what the device has not confirmed, and the first friends and groups,
    /// by ascending id, at most so many of each.
    fn account_page(&mut self, user: UserId, device: DeviceId, friends: u32, groups: u32) -> Result<AccountPage> {
        Ok(self.account_pages(&[(user, device)], friends, groups)?.pop().unwrap_or_default())
    }

    /// The same of many sessions, each given once; the answers in the order of the questions.
    fn account_pages(&mut self, of: &[(UserId, DeviceId)], friends: u32, groups: u32) -> Result<Vec<AccountPage>>;

    // --- blocks -----------------------------------------------------------------------------------------------

    /// `user` does not want to hear from `other` any more: a friendship ends, requests between the two are removed. Again is
    /// `Done`.
    fn block(&mut self, user: UserId, other: UserId) -> Result<BlockOutcome>;

    /// Takes that back; whether there is such a user.
    fn unblock(&mut self, user: UserId, other: UserId) -> Result<bool>;

    /// Whom the user has blocked, with an id above `after`, by ascending id, at most `limit`.
    fn blocked(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<Person>>;

    /// Which of these users have blocked the viewer.
    fn blockers(&mut self, viewer: UserId, among: &[UserId]) -> Result<Vec<UserId>>;

    // --- friends ----------------------------------------------------------------------------------------------

    /// Makes the two friends, in both directions, and removes friend requests between them. `Done` or `Already` or
    /// `NoSuchUser`, or `Blocked` or `Blocking`, as all that follow.
    fn add_friend(&mut self, user: UserId, friend: UserId) -> Result<FriendOutcome>;

    /// Ends the friendship in both directions; whether there was one.
    fn delete_friend(&mut self, user: UserId, friend: UserId) -> Result<bool>;

    /// Friends with an id above `after` (0: from the first), by ascending id, at most `limit`.
    fn friends(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<Contact>>;

    /// The ids of the friends of these users, each behind that of the user; at most `limit` of them.
    fn friend_ids_of_all(&mut self, users: &[UserId], limit: u32) -> Result<Vec<(UserId, UserId)>>;

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

    /// Notes that nobody waits for the user's answer, if that is so.
    fn settle_asked(&mut self, user: UserId) -> Result<()>;

    /// Unanswered requests of `user`, of which `from` is whom it has asked, with an id above `after`, by ascending id.
    fn asked_friends(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<FriendRequest>>;

    /// Takes a request back; whether there was one.
    fn withdraw_friend(&mut self, user: UserId, other: UserId) -> Result<bool>;

    // --- groups -----------------------------------------------------------------------------------------------

    /// Creates a group with its conversation; the creator is a member, with a cursor per device.
    fn create_group(&mut self, creator: UserId, name: &str, desc: &str, now: UnixMs) -> Result<Created<GroupId>>;

    /// Makes the user a member, if the group's settings or an invitation let the user in; or notes, if it is asked who comes
    /// in, that the user wants to. See [`JoinOutcome`].
    fn join_group(&mut self, user: UserId, group: GroupId, now: UnixMs) -> Result<JoinOutcome>;

    /// Ends the membership and removes the cursors of all the user's devices there.
    fn quit_group(&mut self, user: UserId, group: GroupId) -> Result<LeaveOutcome>;

    /// Deletes the group: from now on it exists for nobody, and its name is free. Its members, cursors and messages are
    /// left to [`Store::sweep`]. Creator only.
    fn delete_group(&mut self, user: UserId, group: GroupId, now: UnixMs) -> Result<LeaveOutcome>;

    /// Removes some of what deleted groups have left, in one short transaction; whether there may be more. Any node may
    /// call it, again and again.
    fn sweep(&mut self) -> Result<bool>;

    /// The groups the user is in, each with the number of its members: those with an id above `after` (0: from the first), by
    /// ascending id, at most `limit`.
    fn groups(&mut self, user: UserId, after: u32, limit: u32) -> Result<Vec<(OwnGroup, u64)>>;

    /// The ids of all groups the user is in, ascending.
    fn group_ids(&mut self, user: UserId) -> Result<Vec<GroupId>>;

    /// The same for many users at once; the answers in the order of the questions.
    fn group_ids_of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>>;

    /// The group, if there is one, and as what `user` is a member, if at all.
    fn group(&mut self, group: GroupId, user: UserId) -> Result<Option<(GroupRow, Option<Role>)>>;

    /// Members with an id above `after` (0: from the first), at most `limit`.
    fn members(&mut self, group: GroupId, after: u32, limit: u32) -> Result<MemberPage>;

    /// For each group, in the order given, its first `limit` members: the same as [`Store::members`] for each, in as
    /// few round trips as possible. Each group comes with the number of its members, as [`Store::groups`] has told it a moment ago.
    fn members_of_all(&mut self, groups: &[(GroupId, u64)], limit: u32) -> Result<Vec<Vec<Member>>>;

    // --- order in groups --------------------------------------------------------------------------------------

    /// Changes what is given.
    fn set_group(
        &mut self,
        by: UserId,
        group: GroupId,
        change: &GroupChange<'_>,
        now: UnixMs,
    ) -> Result<Ruled<GroupChanged>>;

    /// Gives a member a role. `Creator` hands the group over: who had it becomes an admin. A role that speaks for the group
    /// ends a mute.
    fn set_role(&mut self, by: UserId, group: GroupId, user: UserId, role: Role) -> Result<Ruled<ActedOn>>;

    /// Ends a membership, as [`Store::quit_group`] does. `is_news`: the user was a member.
    fn kick(&mut self, by: UserId, group: GroupId, user: UserId) -> Result<Ruled<ActedOn>>;

    /// The same, and forbids the user, who need not be a member, to come back. What is open between the two is gone.
    fn ban(&mut self, by: UserId, group: GroupId, user: UserId, now: UnixMs) -> Result<Ruled<ActedOn>>;

    /// Allows the user to come in again; nothing happens to one who is not banned.
    fn lift_ban(&mut self, by: UserId, group: GroupId, user: UserId) -> Result<Ruled<()>>;

    /// Who is banned, with an id above `after`, by ascending id, at most `limit`.
    fn bans(&mut self, by: UserId, group: GroupId, after: u32, limit: u32) -> Result<Ruled<Vec<Person>>>;

    /// Lets a member say nothing before `until`; a moment that is over lets him speak.
    fn mute(&mut self, by: UserId, group: GroupId, user: UserId, until: UnixMs, now: UnixMs) -> Result<Ruled<ActedOn>>;

    /// Keeps an invitation until it is answered; a later one may take its place. One of an admin's lifts a ban. The group.
    fn invite(&mut self, by: UserId, group: GroupId, user: UserId, now: UnixMs) -> Result<Ruled<GroupRow>>;

    /// Answers the user's own invitation; `Some`: the user is a member now. An invitation is worth what the one who gave it
    /// may do at present.
    fn answer_invitation(
        &mut self,
        user: UserId,
        group: GroupId,
        accept: bool,
        now: UnixMs,
    ) -> Result<Ruled<Option<LetIn>>>;

    /// Answers a user's wish to come in; `Some`: the user is a member now.
    fn answer_wish(
        &mut self,
        by: UserId,
        group: GroupId,
        user: UserId,
        accept: bool,
        now: UnixMs,
    ) -> Result<Ruled<Option<LetIn>>>;

    /// Who wants to come in, with an id above `after`, by ascending id, at most `limit`.
    fn wishes(&mut self, by: UserId, group: GroupId, after: u32, limit: u32) -> Result<Ruled<Vec<Person>>>;

    /// Who keeps order in a group: its creator and admins, at most `limit`.
    fn group_admins(&mut self, group: GroupId, limit: u32) -> Result<Vec<UserId>>;

    /// Unanswered invitations of a user, oldest first.
    fn invitations(&mut self, user: UserId, limit: u32) -> Result<Vec<GroupInvitation>>;

    /// The groups that a user wants to come into or is invited to, oldest first.
    fn open_group_asks(&mut self, user: UserId, limit: u32) -> Result<Vec<OpenGroupAsk>>;

    /// Takes back a user's wish to come into a group; whether there was one.
    fn withdraw_wish(&mut self, user: UserId, group: GroupId) -> Result<bool>;

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
    ///
    /// # Errors
    /// `Busy`: the server has not ended that transaction yet. `Unavailable`: the database could not be asked.
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

    /// The same for several conversations, in any order, as far as the user is in them.
    fn positions(&mut self, user: UserId, device: DeviceId, convs: &[ConvId]) -> Result<Vec<Pending>>;

    /// The next messages from each of these places on, each conversation's share of `limit` and of about `bytes_max` of
    /// bodies. The answers in the order of the questions, the first one at least: those at the end are left out when the
    /// others have taken all the room. A user who is no member any more reads nothing.
    fn pages(
        &mut self,
        reader: UserId,
        device: DeviceId,
        places: &[Place],
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Page>>;

    /// The first page of each of many sessions in one group, each as [`Store::pages`] would tell it from the reader's position
    /// on: two statements for nearly all of them, where `told` is a message that none of them has had before. The answers in
    /// the order of the readers.
    fn pages_of_many(
        &mut self,
        group: GroupId,
        told: Seq,
        readers: &[(UserId, DeviceId)],
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
        listed: Listed,
        limit: u32,
        bytes_max: usize,
    ) -> Result<Vec<Message>>;

    /// The same for many readers at once; the answers in the order of the questions. It is meant for few messages of each: all that
    /// are pending are read.
    fn oldest_pending_of_many(&mut self, of: &[Missing<'_>], limit: u32, bytes_max: usize)
    -> Result<Vec<Vec<Message>>>;

    /// One look for messages of the reader's conversations, at most `limit` of them: newest first, conversation by
    /// conversation. Nothing but messages is found, and those as they are now.
    fn search(&mut self, reader: UserId, query: &SearchQuery, limit: u32) -> Result<SearchPage>;

    /// Moves cursors forward, never back. Rows are created where a named device has none yet, but only in conversations
    /// in which the user has a device-0 row: one that somebody else deletes at the same time is not made anew. Nor are
    /// rows of devices that there are no more. A position beyond the conversation's end is not written: it is of before the
    /// data went back to an earlier state. Nor is anything, and nothing comes back, if the data have another epoch than
    /// `epoch`, in which the positions were confirmed. The rows that were not written because another transaction locks them come back:
    /// they hold up no others.
    fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>>;

    /// Moves read positions forward, never back, and at most to the end of the conversation: those of users who have it on
    /// their lists. Nothing is written if the data have another epoch than `epoch`.
    fn save_reads(&mut self, epoch: &str, rows: &[ReadRow]) -> Result<SavedReads>;

    // --- conversations as users see them ------------------------------------------------------------------------

    /// The user's conversations, the latest first: those in which something was said, and the groups the user is in.
    fn conversations(&mut self, user: UserId, wanted: ConversationsWanted) -> Result<ConversationPage>;

    /// Sets how the user keeps a conversation, as far as it is given; how it is kept then. `None`: it is none of the user's.
    fn set_flags(
        &mut self,
        user: UserId,
        conv: ConvId,
        muted: Option<bool>,
        pinned: Option<bool>,
    ) -> Result<Option<Flags>>;

    /// How far those in a conversation have come whose id is above `after` (0: from the first), by ascending id, at most
    /// `limit`. `None`: the conversation is not the reader's.
    fn receipts(&mut self, reader: UserId, conv: ConvId, after: u32, limit: u32) -> Result<Option<Vec<ReceiptRow>>>;

    /// Where those of these conversations end that exist, and what holds there, in any order.
    fn conversation_ends(&mut self, convs: &[ConvId]) -> Result<Vec<ConversationEnd>>;

    /// Whether it is told that this user is typing: in a group that the user is in and that has at most `members_max` members;
    /// to a user who has blocked nobody of the two, and is no stranger.
    fn is_typing_told(&mut self, user: UserId, to: Peer, members_max: u32) -> Result<bool>;

    // --- the data as a whole ----------------------------------------------------------------------------------

    /// The identity of the data, and its epoch.
    fn cluster(&mut self) -> Result<ClusterRow>;

    /// What has changed since this moment of [`ClusterRow::moment`]: everything of which it was told, or ought to have been told,
    /// after that moment by whoever had stored it. (Rows are marked a while before they are committed, and told a little later:
    /// the store looks back that much further.) `None`: that is not known, or it is more than `limit` conversations, groups or
    /// members.
    fn changed(&mut self, since: Moment, limit: u32) -> Result<Option<Changed>> {
        let _ = (since, limit);
        Ok(None)
    }

    /// Makes a new epoch if the present one is `old`: once, however many nodes ask. What is there then.
    fn new_epoch(&mut self, old: &str) -> Result<ClusterRow>;

    /// Notes that this node uses this database.
    fn note_node(&mut self, node: NodeId, now: UnixMs) -> Result<()>;

    /// The node ends.
    fn forget_node(&mut self, node: NodeId) -> Result<()>;

    /// Whether that node uses this database.
    fn has_node(&mut self, node: NodeId) -> Result<bool>;

    /// The first number of which there is still something, where what was ahead of it was kept long enough.
    fn floor(&mut self, conv: ConvId) -> Result<Option<Seq>> {
        let _ = conv;
        Ok(None)
    }

    /// The last numbers of those of the conversations that exist, in any order.
    fn ends(&mut self, convs: &[ConvId]) -> Result<Vec<(ConvId, Seq)>>;

    /// Who has said those of these messages that are there, and when; in any order.
    fn senders(&mut self, of: &[(ConvId, Seq)]) -> Result<Vec<Sender>>;

    /// Has nothing left in the database's files of what was recalled or erased before, as far as that is the store's to do:
    /// MySQL's logs are the administrator's. `false`: somebody reads at present; again in a moment.
    fn purge(&mut self) -> Result<bool>;

    /// A trivial question to the database, for /readyz and check-config. Of a database with several servers one must take
    /// writes.
    fn ping(&mut self) -> Result<()>;

    // --- administration ---------------------------------------------------------------------------------------

    /// What an administrator does; `None`: this store does none of it.
    fn admin(&mut self) -> Option<&mut dyn AdminStore> {
        None
    }
}
