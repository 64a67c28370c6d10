//! What a handler is given, and what it returns. A worker never touches a session: the reactor applies what comes of it.
//!
//! ```text
//!   handler(&mut Ctx, &Caller, request) -> Ok(Response)               the reply, and what it changes in the session
//!                                       -> Err(Hash(step))            a password is hashed, then it goes on
//!                                       -> Err(NotYet(rest))          it goes on when it is told to
//!                                       -> Err(Together(rest))        it goes on when a worker is free, with others
//!                                       -> Err(anything else)         the reply's errno and text
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::ahead::{Ahead, Question};
use super::auth::attempts::Attempts;
use super::auth::password::{Hasher, PasswordError};
use super::caller::Caller;
use super::limits::address::AddressKey;
use super::limits::budgets::Budgets;
use super::limits::quotas;
use crate::bus::promise::Call;
use crate::bus::{Bus, Channel};
use crate::clock::Clock;
use crate::config::{Current, Held};
use crate::delivery::bell::Ring;
use crate::delivery::cursors::queue::CursorQueue;
use crate::delivery::demand::Demand;
use crate::delivery::directory::{Directory, Ended, Eviction};
use crate::delivery::epoch::Epoch;
use crate::delivery::fanout::Fanout;
use crate::delivery::publisher::{Audience, Fact, Hint, Publisher};
use crate::delivery::{Event, Reactors};
use crate::ids::{GroupId, Peer, Seq, UserId};
use crate::metrics::Metrics;
use crate::net::ConnId;
use crate::session::live::Live;
use crate::store::{Message, Pending, Quota, Store, StoreError};
use crate::wants::Want;
use crate::wire::errno::Errno;
use crate::wire::reply::{Body, Notice};
use crate::workers::sweeper::Sweep;

/// Why a request is not done. The handler returns it; dispatch turns it into the reply.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A rule forbids it.
    #[error("{text}")]
    Refused {
        /// The reply's number.
        errno: Errno,
        /// For a person.
        text: &'static str,
    },
    /// It came too soon; after this time it may be tried again.
    #[error("{text}")]
    TooSoon {
        /// For a person.
        text: &'static str,
        /// How long to wait.
        wait: Duration,
    },
    /// There are as many as a quota allows.
    #[error("{0}")]
    Full(String),
    /// The caller is no member of this group. A session that thinks otherwise (the store's answer to an earlier request
    /// to leave was lost) hears the group no more.
    #[error("not a member of this group")]
    NoMember(GroupId),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A password cannot be checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A password has to be hashed; then it goes on. Nobody is answered yet.
    #[error("not hashed yet")]
    Hash(HashStep),
    /// Not now: this goes on in a moment. Nobody is answered yet.
    #[error("not yet")]
    NotYet(Box<NotYet>),
    /// It goes on with the next ones that wait for a worker, since it asks what they may ask as well. Nobody is answered yet.
    #[error("not yet")]
    Together(Prepared),
}

impl ServiceError {
    /// A refusal.
    #[must_use]
    pub fn refused(errno: Errno, text: &'static str) -> Self {
        Self::Refused { errno, text }
    }

    /// The reply's number and text. What went wrong inside stays inside.
    #[must_use]
    pub fn reply(&self) -> (Errno, &str) {
        match self {
            Self::Refused { errno, text } => (*errno, text),
            Self::TooSoon { text, .. } => (Errno::TooFast, text),
            Self::Full(text) => (Errno::Conflict, text),
            Self::NoMember(_) => (Errno::NotAllowed, "not a member of this group"),
            Self::Store(StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_)) => {
                (Errno::Unavailable, "storage is unavailable; try again")
            }
            Self::Store(StoreError::Busy(_)) => (Errno::Unavailable, "locked in the database by another; try again"),
            Self::Store(StoreError::Broken(_))
            | Self::Password(_)
            | Self::Hash(_)
            | Self::NotYet(_)
            | Self::Together(_) => (Errno::Internal, "internal error"),
        }
    }
}

/// A request that succeeded: the reply's fields, and what changes in the session.
#[derive(Debug)]
pub struct Response {
    /// The reply.
    pub body: Body,
    /// Applied by the reactor, together with the reply.
    pub then: SessionChange,
}

impl Response {
    /// A reply that changes nothing in the session.
    #[must_use]
    pub fn reply(body: Body) -> Self {
        Self { body, then: SessionChange::Nothing }
    }
}

/// What a handler returns.
pub(crate) type HandlerResult = Result<Response, ServiceError>;

/// What a reply changes in the session.
#[derive(Debug)]
pub enum SessionChange {
    /// Nothing.
    Nothing,
    /// The login is complete.
    GoLive(Box<Backlog>),
    /// The session has ended.
    LogOut,
    /// The session's user is a member now; the cursor stands at `last_seq`. The node is subscribed.
    Join {
        /// The group.
        group: GroupId,
        /// The conversation's end when the user joined.
        last_seq: Seq,
    },
    /// The session's user is no member any more.
    Leave(GroupId),
    /// The reply lists pending messages.
    Shown {
        /// The positions they were read behind.
        pending: Vec<Pending>,
        /// The messages.
        shown: Vec<Message>,
    },
}

/// What a session finds when it goes live.
#[derive(Debug)]
pub struct Backlog {
    /// Where there is something to catch up on.
    pub pending: Vec<Pending>,
    /// What of it the login reply shows.
    pub shown: Vec<Message>,
    /// What of it the user said, where the device is not shown it; perhaps not all of it.
    pub own: Vec<Message>,
    /// Friend requests and invitations that wait for an answer.
    pub requests: Vec<Bytes>,
}

/// A request with its handler, for whichever worker takes it: all of it, or the rest of one that had to wait.
pub struct Prepared {
    handle: Box<dyn FnOnce(&mut Ctx) -> HandlerResult + Send>,
    question: Option<Box<Question>>,
}

impl Prepared {
    /// What is to be done.
    #[must_use]
    pub fn new(handle: impl FnOnce(&mut Ctx) -> HandlerResult + Send + 'static) -> Self {
        Self { handle: Box::new(handle), question: None }
    }

    /// It asks the store this first, which may be asked for several at once.
    #[must_use]
    pub(crate) fn asking(self, question: Option<Question>) -> Self {
        Self { question: question.map(Box::new), ..self }
    }

    /// What it asks first.
    #[must_use]
    pub(crate) fn question(&self) -> Option<&Question> {
        self.question.as_deref()
    }

    /// Does it.
    ///
    /// # Errors
    /// As any handler.
    pub fn handle(self, ctx: &mut Ctx) -> HandlerResult {
        (self.handle)(ctx)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared")
    }
}

/// The rest of a request that cannot go on yet.
pub struct NotYet {
    /// What is left to do. It may be run early: it looks by itself whether its time has come.
    pub rest: Prepared,
    /// When it goes on in any case.
    pub until: Instant,
    /// Asks to be told when it can go on.
    pub tell: Option<Tell>,
}

/// Given a call, sees to it that it is made when there is something to go on for; at once if there is already.
pub(crate) type Tell = Box<dyn FnOnce(Call) + Send>;

impl fmt::Debug for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotYet").field("until", &self.until).finish_non_exhaustive()
    }
}

/// What a password is hashed for: which queue and threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To check it.
    Login,
    /// To store it.
    Register,
}

/// A part of a request that needs a hash, and after it the rest.
pub struct HashStep {
    /// Which queue it takes.
    pub purpose: Purpose,
    /// Whose turn it takes.
    pub address: AddressKey,
    work: Box<dyn FnOnce(&mut Hasher) -> Prepared + Send>,
}

impl HashStep {
    /// A step that hashes, and says how the request goes on.
    #[must_use]
    pub fn new(
        purpose: Purpose,
        address: AddressKey,
        work: impl FnOnce(&mut Hasher) -> Prepared + Send + 'static,
    ) -> Self {
        Self { purpose, address, work: Box::new(work) }
    }

    /// Hashes.
    #[must_use]
    pub fn run(self, hasher: &mut Hasher) -> Prepared {
        (self.work)(hasher)
    }
}

impl fmt::Debug for HashStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashStep").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// The way to the sessions of this node. From any thread.
pub trait Sessions: Reactors {
    /// A login was accepted: the session hears what comes from now on.
    fn enter(&self, conn: ConnId, live: Box<Live>);
    /// The session may have missed something: it is compared with the store.
    fn compare(&self, conn: ConnId);
}

/// What all workers and reactors share.
pub struct Shared {
    /// The settings as they count at present.
    pub(crate) settings: Arc<Current>,
    /// The clocks, for code that is not given `now`.
    pub clock: Clock,
    /// Who is online here.
    pub directory: Arc<Directory>,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// The way to the cursor writer.
    pub cursor_queue: CursorQueue,
    /// Who wants to be told of receipts, typing and presence.
    pub(crate) demand: Arc<Demand>,
    /// The epoch of the data.
    pub epoch: Arc<Epoch>,
    /// Failed logins.
    pub attempts: Arc<Attempts>,
    /// What accounts and addresses may still ask for.
    pub budgets: Budgets,
    /// The way to the sweeper.
    pub sweep: Sweep,
    /// The way to the reactors, and to the sessions there.
    pub sessions: Arc<dyn Sessions>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// What a handler sees. Each worker thread owns one.
pub struct Ctx {
    /// What all share.
    pub shared: Arc<Shared>,
    /// The settings, which do not change during a job.
    pub(crate) config: Held,
    /// This thread's database connection.
    pub store: Box<dyn Store>,
    /// The present job has waited so long that it is to be refused.
    pub is_late: bool,
    /// More jobs wait for a worker.
    pub(crate) is_crowded: bool,
    /// What the present job and those that are done with it would ask.
    pub(crate) ahead: Ahead,
    /// When the store did not answer such questions last.
    pub(crate) unanswered_at: Option<Instant>,
    publisher: Publisher,
}

impl Ctx {
    /// The context of one worker thread.
    #[must_use]
    pub fn new(shared: Arc<Shared>, mut store: Box<dyn Store>) -> Self {
        let config = Held::of(&shared.settings);
        store.hold_to(quotas::of(&config.quota));
        let fanout = Fanout::new(shared.sessions.clone(), Arc::clone(&shared.directory));
        Self {
            shared,
            config,
            store,
            is_late: false,
            is_crowded: false,
            ahead: Ahead::default(),
            unanswered_at: None,
            publisher: Publisher::new(fanout),
        }
    }

    /// Between two jobs: settings that were read again count from now on.
    pub(crate) fn take_up_settings(&mut self) {
        if self.config.take_up() {
            self.store.hold_to(quotas::of(&self.config.quota));
        }
    }

    /// Takes another connection to the database.
    pub(crate) fn replace_store(&mut self, mut store: Box<dyn Store>) {
        store.hold_to(quotas::of(&self.config.quota));
        self.store = store;
    }

    /// Why a quota forbids it.
    #[must_use]
    pub fn full(&self, quota: Quota) -> ServiceError {
        ServiceError::Full(quotas::used_up(&self.config.quota, quota))
    }

    /// The same for a quota that may be this user's own.
    #[must_use]
    pub(crate) fn full_for(&mut self, user: UserId, quota: Quota) -> ServiceError {
        let mut settings = self.config.quota;
        if let Some((own, limit)) = quotas::own(&mut settings, quota)
            && let Ok(Some(value)) = self.store.user_quota(user, own)
        {
            *limit = Some(value);
        }
        ServiceError::Full(quotas::used_up(&settings, quota))
    }

    /// Whether what was queued then has waited longer than the store may take to answer.
    pub(crate) fn is_too_long_since(&self, queued: Instant) -> bool {
        self.shared.clock.now().saturating_duration_since(queued) > self.config.store.timeout
    }

    /// Refuses a job that has waited too long for its worker.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) fn check_late(&self) -> Result<(), ServiceError> {
        if self.is_late {
            return Err(StoreError::Unavailable("the workers are held up".into()).into());
        }
        Ok(())
    }

    /// A notice for every session of a user, on any node.
    pub(crate) fn tell_user(&mut self, user: UserId, notice: &Notice<'_>) {
        self.push_to_user(user, notice.line());
    }

    /// A notice for the caller's other sessions, on any node.
    pub(crate) fn tell_own(&mut self, caller: &Caller, notice: &Notice<'_>) {
        self.publisher.publish(Audience::User(caller.user, Some(caller.conn)), &Fact::Notice(notice.line()));
    }

    /// The caller is typing: those to whom it goes are told, if they want it.
    pub(crate) fn types(&mut self, from: UserId, to: Peer, line: Bytes) {
        let elsewhere = self.shared.demand.look(Want::Typing, self.shared.clock.now()).elsewhere();
        match to {
            Peer::User(user) => self.publisher.hint(user, None, &Hint::new(Want::Typing, line, elsewhere)),
            Peer::Group(group) => {
                let fact = Fact::Hint(Want::Typing, line);
                self.publisher.publish_where(elsewhere, Audience::GroupBut(group, from), &fact);
            }
        }
    }

    /// A line for every session of a user, on any node.
    pub(crate) fn push_to_user(&mut self, user: UserId, line: Bytes) {
        self.publisher.publish(Audience::User(user, None), &Fact::Notice(line));
    }

    /// A notice for the members of a group on any node, but for one user who knows already.
    pub(crate) fn tell_others(&mut self, group: GroupId, but: UserId, notice: &Notice<'_>) {
        self.publisher.publish(Audience::GroupBut(group, but), &Fact::Notice(notice.line()));
    }

    /// A notice for the members of a group on any node.
    pub(crate) fn tell_group(&mut self, group: GroupId, notice: &Notice<'_>) {
        self.publisher.publish(Audience::Group(group), &Fact::Notice(notice.line()));
    }

    /// The caller joined a group: the same user's other sessions join it as well.
    pub(crate) fn joined(&mut self, caller: &Caller, group: GroupId) {
        let notice = Notice::GroupJoined { groupid: group, id: caller.user, name: (&*caller.name).into() };
        self.publisher.publish(Audience::User(caller.user, Some(caller.conn)), &Fact::Joined(group, notice.line()));
    }

    /// The caller left a group: the same user's other sessions leave it as well.
    pub(crate) fn left(&mut self, caller: &Caller, group: GroupId) {
        let name = (&*caller.name).into();
        let notice = Notice::GroupLeft { groupid: group, id: caller.user, name, by: None };
        self.publisher.publish(Audience::User(caller.user, Some(caller.conn)), &Fact::Left(group, notice.line()));
    }

    /// Somebody else was let into a group: all of that user's sessions join it, on any node.
    pub(crate) fn let_in(&mut self, group: GroupId, user: UserId, notice: &Notice<'_>) {
        self.publisher.publish(Audience::User(user, None), &Fact::Joined(group, notice.line()));
    }

    /// Somebody else is no member of a group any more: none of that user's sessions hears it, on any node.
    pub(crate) fn removed(&mut self, group: GroupId, user: UserId, notice: Option<&Notice<'_>>) {
        let line = notice.map_or_else(Bytes::new, Notice::line);
        self.publisher.publish(Audience::User(user, None), &Fact::Left(group, line));
    }

    /// What the store made of a change to the caller's groups. If it did not say, it may have been done all the same: the
    /// user's sessions here are compared with the store.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn compare_if_unsure<T>(
        &self,
        caller: &Caller,
        changed: Result<T, StoreError>,
    ) -> Result<T, ServiceError> {
        self.compare_user_if_unsure(caller.user, changed)
    }

    /// The same for a change to another user's groups.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn compare_user_if_unsure<T>(
        &self,
        user: UserId,
        changed: Result<T, StoreError>,
    ) -> Result<T, ServiceError> {
        changed.map_err(|error| {
            let mut conns = Vec::new();
            self.shared.directory.connections(user, &mut conns);
            for conn in conns {
                self.shared.sessions.compare(conn);
            }
            error.into()
        })
    }

    /// A group is gone: all members are told, on any node.
    pub(crate) fn group_deleted(&mut self, group: GroupId) {
        let line = Notice::GroupDeleted { groupid: group }.line();
        self.publisher.publish(Audience::Group(group), &Fact::GroupDeleted(line));
    }

    /// A session on this node was taken over.
    pub(crate) fn replaced(&mut self, conn: ConnId) {
        self.publisher.tell_connection(conn, Event::Replaced { conn });
    }

    /// Sessions of a user are ended, on any node; `but` is the one that asked for it, and is told otherwise.
    pub(crate) fn end_sessions(&mut self, user: UserId, ended: Ended, but: Option<ConnId>) {
        self.ring(Channel::User(user), Ring::Ended(ended));
        for conn in self.shared.directory.evict(user, Eviction::Ended(ended)) {
            if Some(conn) != but {
                self.publisher.tell_connection(conn, Event::Ended { conn });
            }
        }
    }

    /// A line for every session of every node.
    pub(crate) fn tell_everybody(&mut self, notice: &Notice<'_>) {
        let line = notice.line();
        self.ring(Channel::All, Ring::Notice(&line));
        self.publisher.fanout().tell_all(&Event::Broadcast(line));
    }

    /// The user is called so from now on, in all sessions, on any node.
    pub(crate) fn renamed(&mut self, user: UserId, name: &str) {
        self.publisher.publish(Audience::User(user, None), &Fact::Renamed(name.into()));
    }

    /// A notice for the caller's other sessions, on any node.
    pub(crate) fn tell_own_others(&mut self, caller: &Caller, notice: &Notice<'_>) {
        self.publisher.publish(Audience::User(caller.user, Some(caller.conn)), &Fact::Notice(notice.line()));
    }

    /// A bell for the other nodes.
    pub(crate) fn ring(&mut self, channel: Channel, ring: Ring<'_>) {
        self.publisher.ring(channel, ring);
    }

    /// Hands on what was told since the last time. Called after the reply is on its way.
    pub fn flush(&mut self) {
        self.publisher.flush(&*self.shared.bus);
    }
}
