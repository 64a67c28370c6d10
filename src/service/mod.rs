//! The rules of chat: what each request does. No socket and no SQL.
//!
//! ```text
//!   reactor thread                                     worker threads
//!   Local (net's Protocol)
//!     line -> table: MsgId -> Route
//!        Inline  done here
//!        Chat    -> lane, which answers                 (delivery)
//!        Worker  -> job ------------------------------> handler(&mut Ctx, &Caller, request)
//!        Mail  <--------------------------------------- reply, and what it changes in the session
//! ```
//!
//! A worker never touches a session: it returns an outcome, and the reactor applies it.

pub mod account;
pub mod address;
pub mod attempts;
pub mod budgets;
pub mod catch_up;
pub mod chat;
mod conn_ctx;
pub mod dispatch;
pub mod doubts;
mod entrance;
pub mod find;
pub mod friend;
pub mod group;
pub mod group_index;
pub mod hashing;
pub mod history;
pub mod login;
pub mod message;
pub mod password;
pub mod presence;
pub mod protocol;
pub mod push;
mod queue;
mod quotas;
pub mod rates;
pub mod resync;
pub mod routes;
pub mod session;
pub mod sweeper;
pub mod waiting;
pub mod workers;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::bus::{Bell, Bus, Channel, PendingSubscribe, Subscribed};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::bell::Ring;
use crate::delivery::cursor_queue::CursorQueue;
use crate::delivery::directory::Directory;
use crate::delivery::epoch::Epoch;
use crate::delivery::fanout::Fanout;
use crate::delivery::{Addressee, Event};
use crate::ids::{DeviceId, GroupId, UserId};
use crate::metrics::Metrics;
use crate::net::ConnId;
use crate::store::{Quota, Store, StoreError, TokenHash};
use crate::wire::errno::Errno;
use crate::wire::reply::{Body, Notice};

use address::AddressKey;
use attempts::Attempts;
use budgets::Budgets;
use hashing::{HashStep, Hashing};
use message::{ReactorMailboxes, ReactorMessage, SessionChange};
use password::PasswordError;
use sweeper::Sweep;
use waiting::{Awaited, NotYet};

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
}

/// A request with its handler, for whichever worker takes it: all of it, or the rest of one that had to wait.
pub struct Prepared(Box<dyn FnOnce(&mut Ctx) -> HandlerResult + Send>);

impl Prepared {
    /// What is to be done.
    #[must_use]
    pub fn new(handle: impl FnOnce(&mut Ctx) -> HandlerResult + Send + 'static) -> Self {
        Self(Box::new(handle))
    }

    /// Does it.
    ///
    /// # Errors
    /// As any handler.
    pub fn handle(self, ctx: &mut Ctx) -> HandlerResult {
        (self.0)(ctx)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared")
    }
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
            Self::Store(StoreError::Broken(_)) | Self::Password(_) | Self::Hash(_) | Self::NotYet(_) => {
                (Errno::Internal, "internal error")
            }
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
pub type HandlerResult = Result<Response, ServiceError>;

/// Who asks, on a connection that is not logged in.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    /// The connection.
    pub conn: ConnId,
    /// The client's address.
    pub from: AddressKey,
}

/// Who asks, on a connection that is.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The connection.
    pub conn: ConnId,
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub name: Arc<str>,
    /// The user's device.
    pub device: DeviceId,
    /// The hash of the token this session holds.
    pub token: TokenHash,
}

/// What all workers and reactors share.
pub struct Shared {
    /// All settings.
    pub config: Config,
    /// The clocks, for who has no `now` as an argument.
    pub clock: Clock,
    /// Who is online here.
    pub directory: Arc<Directory>,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// The way to the cursor writer.
    pub cursor_queue: CursorQueue,
    /// The epoch of the data.
    pub epoch: Arc<Epoch>,
    /// Failed logins.
    pub attempts: Arc<Attempts>,
    /// Passwords that wait to be hashed.
    pub hashing: Arc<Hashing>,
    /// What accounts and addresses may still ask for.
    pub budgets: Budgets,
    /// The way to the sweeper.
    pub sweep: Sweep,
    /// The way to the reactors.
    pub mailboxes: Arc<ReactorMailboxes>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Channels subscribed to for a session that does not answer for them yet: given up when this is dropped.
pub struct Held {
    shared: Arc<Shared>,
    conn: ConnId,
    channels: Vec<Channel>,
    ticket: PendingSubscribe,
}

impl Held {
    fn new(shared: &Arc<Shared>, conn: ConnId, channels: Vec<Channel>) -> Self {
        let ticket = shared.bus.subscribe(&channels);
        Self { shared: Arc::clone(shared), conn, channels, ticket }
    }

    /// Whether bells come.
    fn is_in_effect(&self) -> bool {
        self.ticket.look() == Some(Subscribed::InEffect)
    }

    /// From here on the session gives the channels up. Is the subscription late, then it is compared with the store as soon
    /// as bells come. (Without a link it is compared when there is one again, as all are.)
    fn hand_over(mut self) {
        self.channels.clear();
        if !self.is_in_effect() {
            let (conn, mailboxes) = (self.conn, Arc::clone(&self.shared.mailboxes));
            let ticket = self.ticket.clone();
            self.ticket.then(move || {
                if ticket.look() == Some(Subscribed::InEffect) {
                    mailboxes.post(conn, ReactorMessage::Compare { conn });
                }
            });
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.channels.is_empty() {
            self.shared.bus.unsubscribe(&self.channels);
        }
    }
}

/// What a handler sees. Each worker thread owns one.
pub struct Ctx {
    /// What all share.
    pub shared: Arc<Shared>,
    /// This thread's database connection.
    pub store: Box<dyn Store>,
    /// The present job has waited so long that it is to be refused.
    pub is_late: bool,
    fanout: Fanout,
    bells: Vec<Bell>,
}

impl Ctx {
    /// The context of one worker thread.
    #[must_use]
    pub fn new(shared: Arc<Shared>, mut store: Box<dyn Store>) -> Self {
        store.hold_to(quotas::of(&shared.config.quota));
        let fanout = Fanout::new(shared.mailboxes.clone(), Arc::clone(&shared.directory));
        Self { shared, store, is_late: false, fanout, bells: Vec::new() }
    }

    /// Why a quota forbids it.
    #[must_use]
    pub fn full(&self, quota: Quota) -> ServiceError {
        ServiceError::Full(quotas::used_up(&self.shared.config.quota, quota))
    }

    /// Refuses a job that has waited too long for its worker.
    ///
    /// # Errors
    /// `Unavailable`.
    pub fn check_late(&self) -> Result<(), ServiceError> {
        if self.is_late {
            return Err(StoreError::Unavailable("the workers are held up".into()).into());
        }
        Ok(())
    }

    /// Subscribes for a session on `conn`, and goes on with `rest` when bells come. When they do not come soon it goes on
    /// without: the session is compared with the store as soon as they do.
    ///
    /// # Errors
    /// `NotYet`, or what `rest` returns.
    pub fn subscribe(
        &mut self,
        conn: ConnId,
        channels: Vec<Channel>,
        rest: impl FnOnce(&mut Self, Held) -> HandlerResult + Send + 'static,
    ) -> HandlerResult {
        let held = Held::new(&self.shared, conn, channels);
        waiting::for_bus(self, Awaited::Subscribed(held.ticket.clone()), move |ctx| rest(ctx, held))
    }

    /// A notice for every session of a user, on any node.
    pub fn tell_user(&mut self, user: UserId, notice: &Notice<'_>) {
        self.push_to_user(user, &notice.line());
    }

    /// A line for every session of a user, on any node.
    pub fn push_to_user(&mut self, user: UserId, line: &Bytes) {
        let event = |conn| Event::Notice { to: Addressee::Session(conn), line: line.clone() };
        self.fanout.to_user(user, None, event);
        self.ring(Channel::User(user), Ring::Notice(line));
    }

    /// A notice for the members of a group on any node, but for one user who knows already.
    pub fn tell_others(&mut self, group: GroupId, but: UserId, notice: &Notice<'_>) {
        let line = notice.line();
        self.ring(Channel::Group(group), Ring::NoticeBut(but, &line));
        self.fanout.to_all(&Event::Notice { to: Addressee::GroupBut(group, but), line });
    }

    /// The caller joined a group: the same user's other sessions join it as well.
    pub fn joined(&mut self, caller: &Caller, group: GroupId) {
        let line = Notice::GroupJoined { groupid: group, id: caller.user, name: &caller.name }.line();
        self.ring(Channel::User(caller.user), Ring::Joined(group, &line));
        let event = |conn| Event::Joined { conn, group, line: line.clone() };
        self.fanout.to_user(caller.user, Some(caller.conn), event);
    }

    /// The caller left a group: the same user's other sessions leave it as well.
    pub fn left(&mut self, caller: &Caller, group: GroupId) {
        let line = Notice::GroupLeft { groupid: group, id: caller.user, name: &caller.name }.line();
        self.ring(Channel::User(caller.user), Ring::Left(group, &line));
        let event = |conn| Event::Left { conn, group, line: line.clone() };
        self.fanout.to_user(caller.user, Some(caller.conn), event);
    }

    /// What the store made of a change to the caller's groups. If it did not say, it may have been done all the same: the
    /// user's sessions here are compared with the store.
    ///
    /// # Errors
    /// The store's.
    pub fn of_groups<T>(&self, caller: &Caller, changed: Result<T, StoreError>) -> Result<T, ServiceError> {
        changed.map_err(|error| {
            let mut conns = Vec::new();
            self.shared.directory.connections(caller.user, &mut conns);
            for conn in conns {
                self.shared.mailboxes.post(conn, ReactorMessage::Compare { conn });
            }
            error.into()
        })
    }

    /// A group is gone: all members are told, on any node.
    pub fn group_deleted(&mut self, group: GroupId) {
        let line = Notice::GroupDeleted { groupid: group }.line();
        self.ring(Channel::Group(group), Ring::GroupDeleted(&line));
        self.fanout.to_all(&Event::GroupDeleted { group, line });
    }

    /// A session on this node was taken over.
    pub fn replaced(&mut self, conn: ConnId) {
        self.fanout.to_connection(conn, Event::Replaced { conn });
    }

    /// A bell for the other nodes.
    pub fn ring(&mut self, channel: Channel, ring: Ring<'_>) {
        self.bells.push(Bell { channel, payload: ring.encode() });
    }

    /// Hands on what was told since the last time. Called after the reply is on its way.
    pub fn flush(&mut self) {
        self.fanout.flush();
        if !self.bells.is_empty() {
            self.shared.bus.publish(std::mem::take(&mut self.bells));
        }
    }
}

#[cfg(test)]
mod tests;
