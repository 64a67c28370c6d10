//! What reactors have workers do, as data.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use crate::delivery::Which;
use crate::ids::{ConvId, DeviceId, GroupId, Peer, Seq, UserId};
use crate::net::ConnId;
use crate::service::ahead::Question;
use crate::service::ctx::{HashStep, Prepared};
use crate::session::live::Following;
use crate::store::{ClientDialect, Place};
use crate::wire::msg_id::MsgId;

/// Work for a worker. Somebody waits for what comes of it, so exactly one message is posted for each, also if it panics; but
/// for [`Job::CompareEnds`], of which the epoch is told, [`Job::Typing`], which may be left out, and [`Job::RememberDialect`].
#[derive(Debug)]
pub enum Job {
    /// A request, or the rest of one that had to wait: answered by `Reply`, or by `NotYet`.
    Request(Asked, Prepared),
    /// A request whose password could not be hashed.
    HashFailed(Asked),
    /// The next pages of what a session has missed: answered by `Fetched`.
    FetchPages(PageQuestion),
    /// The same of many sessions, each of which has come to one group: answered by one `Fetched` each.
    FetchTogether(GroupQuestion),
    /// Where the cursor stands in a group that the session's user has joined elsewhere: answered by `JoinedElsewhere`.
    FollowJoin(JoinQuestion),
    /// Where many sessions stand: answered by `Compared`.
    CompareSessions(SessionQuestions),
    /// Where conversations end, of which some session has had more than is told.
    CompareEnds(EndQuestions),
    /// Somebody is typing: told to those whom it is for.
    Typing(TypingNews),
    /// By which earlier system's client a user speaks: to be remembered. Should it fail, it is noticed anew at the next login.
    RememberDialect(UserId, ClientDialect),
}

impl Job {
    /// What it asks the store first, and on what connection, if that may be asked for several at once.
    pub(super) fn question(&self) -> Option<(ConnId, &Question)> {
        match self {
            Self::Request(asked, prepared) => prepared.question().map(|question| (asked.conn, question)),
            _ => None,
        }
    }

    /// What it is, if nobody has asked for it from outside.
    pub(super) fn own_work(&self) -> Option<&'static str> {
        match self {
            Self::Request(..) | Self::HashFailed(_) => None,
            Self::FetchPages(_) => Some("reading what a session has missed"),
            Self::FetchTogether(_) => Some("reading what sessions have missed in a group"),
            Self::FollowJoin(_) => Some("reading where a session stands in a group that it has joined"),
            Self::CompareSessions(_) => Some("comparing sessions with the database"),
            Self::CompareEnds(_) => Some("reading where conversations end"),
            Self::Typing(_) => Some("telling that somebody is typing"),
            Self::RememberDialect(..) => Some("noting an account's kind of client"),
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub struct Asked {
    /// On what connection.
    pub conn: ConnId,
    /// Which request.
    pub request: MsgId,
    /// When its line was taken up.
    pub since: Instant,
    /// Repeated in the reply.
    pub tag: Option<Box<str>>,
}

/// A request that waits for its password to be hashed.
#[derive(Debug)]
pub(crate) struct HashJob {
    /// The request.
    pub asked: Asked,
    /// What is to be hashed.
    pub step: HashStep,
}

/// See [`Job::FetchPages`].
#[derive(Debug)]
pub struct PageQuestion {
    /// The session's connection.
    pub conn: ConnId,
    /// The session's user.
    pub user: UserId,
    /// The session's device.
    pub device: DeviceId,
    /// The generation of the data in which it logged in.
    pub epoch: u32,
    /// Behind which messages the pages begin.
    pub places: Vec<Place>,
    /// Which messages those are, as far as it is worth comparing them with the store.
    pub lasts: Vec<(Place, Which)>,
}

/// See [`Job::FetchTogether`].
#[derive(Debug)]
pub struct GroupQuestion {
    /// The group.
    pub group: GroupId,
    /// The first message that any of them was told of.
    pub told: Seq,
    /// The sessions, each with the generation of the data in which it logged in; not empty.
    pub sessions: Vec<(ConnId, u32)>,
    /// Who each is.
    pub devices: Vec<(UserId, DeviceId)>,
}

/// See [`Job::FollowJoin`].
#[derive(Clone, Copy, Debug)]
pub struct JoinQuestion {
    /// The session's connection.
    pub conn: ConnId,
    /// The session's user.
    pub user: UserId,
    /// The session's device.
    pub device: DeviceId,
    /// The group, and what the session is to be told of it.
    pub following: Following,
}

/// See [`Job::CompareSessions`]. The lists are of equal length.
#[derive(Debug)]
pub struct SessionQuestions {
    /// The sessions' connections; not empty.
    pub conns: Vec<ConnId>,
    /// How often the groups of each have changed.
    pub changes: Vec<u32>,
    /// Who each is.
    pub devices: Vec<(UserId, DeviceId)>,
}

/// See [`Job::CompareEnds`].
#[derive(Debug)]
pub struct EndQuestions {
    /// What sessions have had of each conversation.
    pub(crate) had: BTreeMap<ConvId, Had>,
    /// Held until they are answered.
    pub under_way: UnderWay,
}

/// What some sessions have had of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Had {
    /// The generation of the data in which they logged in.
    pub(crate) generation: u32,
    /// How far one of them has been.
    pub(crate) end: Seq,
    /// Which messages they have had last, each with its number.
    pub(crate) lasts: Vec<(Seq, Which)>,
}

/// See [`Job::Typing`].
#[derive(Debug)]
pub struct TypingNews {
    /// Who is typing.
    pub user: UserId,
    /// Under what name.
    pub name: Arc<str>,
    /// To whom.
    pub to: Peer,
    /// Held until it is told.
    pub(super) _place: TypingPlace,
}

/// How many of them may wait for a worker.
const TYPING_MAX: usize = 256;

/// A place among the few [`Job::Typing`] that may wait: under load it is what is left out first.
#[derive(Debug)]
pub(super) struct TypingPlace(Arc<AtomicUsize>);

impl TypingPlace {
    /// `None` while as many wait as may.
    pub(super) fn take(waiting: &Arc<AtomicUsize>) -> Option<Self> {
        let before = waiting.fetch_add(1, Ordering::AcqRel);
        let place = Self(Arc::clone(waiting));
        (before < TYPING_MAX).then_some(place)
    }
}

impl Drop for TypingPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A question of which there is one at a time, until it is dropped.
#[derive(Debug)]
pub struct UnderWay(Arc<AtomicBool>);

impl UnderWay {
    /// `None` while there is one already.
    #[must_use]
    pub fn begin(flag: &Arc<AtomicBool>) -> Option<Self> {
        (!flag.swap(true, Ordering::AcqRel)).then(|| Self(Arc::clone(flag)))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
