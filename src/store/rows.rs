//! What goes into the store and comes out of it: rows, outcomes, quotas. No SQL, and nothing that acts.

use super::content::{Content, Kind};
use super::dialect::ClientDialect;
use super::search::Keyword;
use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, GroupId, Peer, Seq, UserId};
use crate::names::Unfit;
use crate::wants::{Want, Wants};

/// What [`OpenStore::inspect`] has found, each in one sentence that says what to do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// With these the server must not start.
    pub problems: Vec<String>,
    /// The schema is newer than this binary: it does not start on it, but goes on where it runs.
    pub newer: Option<String>,
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
    /// Users who are banned from a group.
    pub bans: Option<u32>,
    /// Named devices of a user; the one used longest ago makes room for a new one.
    pub devices: Option<u32>,
    /// Tokens of a user; likewise.
    pub tokens: Option<u32>,
    /// Users whom a user has blocked.
    pub blocks: Option<u32>,
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
    /// Groups that the other side is in.
    GroupsJoinedOfOther,
    /// Groups that the other side has created, or was given.
    GroupsCreatedOfOther,
    /// The group's members.
    GroupMembers,
    /// Users who are banned from the group.
    GroupBans,
    /// Invitations, or wishes to join, that one has sent and that are not answered.
    GroupAsks,
    /// Users whom one has blocked.
    Blocks,
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
    /// By which earlier system's client the user speaks, as far as it is known.
    pub dialect: Option<ClientDialect>,
    /// An administrator has disabled the account: nobody logs in.
    pub is_disabled: bool,
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
    /// Made the group, or was given it; may delete it, cannot quit it.
    Creator,
    /// Keeps order for the creator: [`super::rights`].
    Admin,
    /// Anyone else.
    Normal,
}

/// One member of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Who.
    pub person: Person,
    /// As what.
    pub role: Role,
    /// What the user says about himself: a JSON value.
    pub profile: Option<String>,
}

/// Members of a group, by ascending id, and how many there are in all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemberPage {
    /// At most as many as were asked for.
    pub members: Vec<Member>,
    /// All members of the group.
    pub total: u64,
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
    /// Nothing was changed: that user has blocked this one.
    Blocked,
    /// Nothing was changed: this user has blocked that one.
    Blocking,
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
    /// A message, or something about one.
    pub body: Content,
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
    /// The addressee has blocked the sender.
    Blocked,
    /// The sender has blocked the addressee.
    HasBlocked,
    /// The sender is muted in the group until then.
    Muted(UnixMs),
    /// Only the group's creator and admins may do that.
    AdminsOnly,
    /// An event about a message that is not there, or not the sender's to read.
    NoSuchMessage,
    /// An event about an event.
    NotAMessage,
    /// An event about a message that was recalled.
    IsRecalled,
    /// Only the author may do that.
    NotAuthor,
    /// The message is too old for its author to change it.
    TooLate,
    /// The message has as many different reactions as it may have.
    TooManyReactions,
    /// An event that changes nothing: it is so already, by that event, if there ever was one.
    Unchanged(Option<(Seq, UnixMs)>),
    /// Not stored: the conversation ends here, below the end that is known. The data went back to an earlier state, and
    /// numbers are not given out anew before they have a new epoch.
    WentBack(Seq),
    /// Another transaction locks the conversation. Nothing of it was stored: none of the batch's messages that belong to
    /// it. Try again in a moment.
    Locked,
}

/// A stored message, or an event, as it is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its conversation.
    pub conv: ConvId,
    /// Its place in the conversation.
    pub seq: Seq,
    /// What it is.
    pub kind: Kind,
    /// Of an event: the message that it is about; else 0.
    pub of: Seq,
    /// Who said it, with the present name.
    pub sender: Person,
    /// The server's time when it came in.
    pub sent_at: UnixMs,
    /// The sender's own id for it, in the form of `crate::cid`.
    pub cid: Option<String>,
    /// `{"msg":...}` or `{"msg":...,"ext":...}`: of a message, and of an edit that nothing has overtaken. Empty: a message that
    /// was recalled, any other event.
    pub body: String,
    /// Of the event of a reaction that nothing has overtaken.
    pub reaction: Option<Given>,
    /// When it was last edited.
    pub edited_at: Option<UnixMs>,
    /// There may be reactions to it.
    pub reacted: bool,
    /// The reactions to it, in the order in which they were first given.
    pub reactions: Vec<ReactionCount>,
}

impl Message {
    /// A message that nothing has become of since it was said.
    #[must_use]
    pub fn said((conv, seq): (ConvId, Seq), sender: Person, sent_at: UnixMs, body: String) -> Self {
        let kind = Kind::Message;
        Self {
            conv,
            seq,
            kind,
            of: 0,
            sender,
            sent_at,
            cid: None,
            body,
            reaction: None,
            edited_at: None,
            reacted: false,
            reactions: Vec::new(),
        }
    }

    /// Whether it is a message whose text was taken back.
    #[must_use]
    pub fn is_recalled(&self) -> bool {
        self.kind == Kind::Message && self.body.is_empty()
    }
}

/// A reaction that somebody gave, or took back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// Which.
    pub reaction: String,
    /// Given, not taken back.
    pub on: bool,
}

/// How many have given a message a reaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReactionCount {
    /// Which.
    pub reaction: String,
    /// How many users.
    pub count: u64,
    /// The reader is one of them.
    pub mine: bool,
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

impl Pending {
    /// How many messages there may be.
    #[must_use]
    pub(crate) fn missing(&self) -> u64 {
        self.last_seq.saturating_sub(self.delivered)
    }
}

/// Who has said a message, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sender {
    /// Where it was said.
    pub conv: ConvId,
    /// Its number there.
    pub seq: Seq,
    /// Who.
    pub user: UserId,
    /// When.
    pub sent_at: UnixMs,
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

/// Whether events are pending for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventsPending {
    /// They are listed like messages.
    Listed,
    /// They are left out: the cursor passes over them.
    LeftOut,
}

impl EventsPending {
    /// For a session that wants this.
    #[must_use]
    pub fn of(wants: Wants) -> Self {
        if wants.has(Want::Events) { Self::Listed } else { Self::LeftOut }
    }
}

/// What a list of pending messages has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The reader's own messages.
    pub own: OwnPending,
    /// Events.
    pub events: EventsPending,
}

/// What one of many readers asks of [`super::Store::oldest_pending_of_many`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missing<'a> {
    /// Who reads.
    pub reader: UserId,
    /// Where the reader's device is.
    pub pending: &'a [Pending],
    /// What is wanted of it.
    pub listed: Listed,
}

/// What SEARCH looks for, and where.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// What a message is to contain.
    pub keyword: Keyword,
    /// In this conversation only.
    pub within: Option<ConvId>,
    /// Said by this user only.
    pub from: Option<UserId>,
    /// Where to go on.
    pub after: Option<SearchPlace>,
    /// Messages to look at, at most.
    pub rows_max: u32,
    /// Bytes of their bodies, about.
    pub bytes_max: usize,
    /// Bytes of the bodies that are found, about.
    pub found_bytes_max: usize,
}

/// Where a search goes on: in this conversation, at messages ahead of `before`; then in those that follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SearchPlace {
    /// When the conversation was active last, in milliseconds since 1970.
    pub active_at: i64,
    /// Which.
    pub conv: ConvId,
    /// 0: nothing more of it.
    pub before: Seq,
}

/// What one look has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchPage {
    /// By conversation, the one that was active last first; the newest first in each.
    pub messages: Vec<Message>,
    /// Where to go on; `None`: everything was looked at.
    pub next: Option<SearchPlace>,
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
    /// When this was read. `None`: this database does not note when rows change.
    pub moment: Option<Moment>,
}

/// A moment by the database's own clock, in whole seconds. It need not be right: it is compared with nothing but moments of the
/// same database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment(pub i64);

/// What has changed since a moment, see [`super::Store::changed`]. More may be named than has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// When it was asked.
    pub now: Moment,
    /// The conversations in which something was said, each with its last number by now.
    pub conversations: Vec<(ConvId, Seq)>,
    /// The groups that somebody has joined or left, with all their members by now, ascending; those that were deleted have none.
    pub groups: Vec<(GroupId, Vec<UserId>)>,
}

/// A device that a user has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownDevice {
    /// Its number.
    pub id: DeviceId,
    /// No other one of the user's was used later: another use of it need not be noted.
    pub is_latest: bool,
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
    /// The PHC string that the password was checked against: the token is not stored if it is another one by now.
    pub proof: &'a str,
    /// Where it is used.
    pub used: TokenUse<'a>,
}

/// Where a token is used, for the list of sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenUse<'a> {
    /// The device's name; empty: the unnamed one.
    pub device: &'a str,
    /// The client's address, as text.
    pub address: &'a str,
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
    /// The device that it was used on last; empty: the unnamed one.
    pub device: String,
    /// The address that it was used from last.
    pub address: String,
    /// An administrator has disabled the account.
    pub is_disabled: bool,
    /// The device that logs in, if the user has it.
    pub known_device: Option<KnownDevice>,
    /// All groups that the user is in, ascending.
    pub groups: Vec<GroupId>,
}

impl TokenRow {
    /// Its end, as far as it shows when it was used last, and there: one that others have overtaken shows nothing, nor does one
    /// of another device. Clients that are on the move have another address at each login: that is noted once an hour.
    #[must_use]
    pub(crate) fn end_as_used(&self, used: TokenUse<'_>) -> UnixMs {
        if !self.is_latest || self.device != used.device {
            UnixMs(0)
        } else if self.address == used.address {
            self.expires_at
        } else {
            UnixMs(self.expires_at.0.saturating_sub(OTHER_ADDRESS_MS))
        }
    }
}

/// By so much longer ago a token seems to have been used that was used from another address, in milliseconds: an hour less than
/// the day after which every use is noted.
const OTHER_ADDRESS_MS: i64 = 23 * 3600 * 1000;

/// SHA-256 of a token; the token itself is never stored.
pub type TokenHash = [u8; 32];
