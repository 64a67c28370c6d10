//! What other threads post to a reactor.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::live::{Following, Live};
use crate::bus::Channel;
use crate::config::Config;
use crate::delivery::{Event, Reactors};
use crate::ids::{GroupId, Seq};
use crate::net::ConnId;
use crate::net::mailbox::ReactorHandle;
use crate::service::ctx::{SessionChange, Sessions, Shared};
use crate::store::{Page, Pending};
use crate::workers::job::Job;

/// One message to a reactor. What is meant for a session names its connection: when the session has ended, the connection
/// has another name, and whoever is logged in on it by then gets nothing of it.
pub enum ReactorMessage {
    /// Messages and memberships, from lanes, workers and the bus listener.
    Events(Vec<Event>),
    /// A worker has answered a request.
    Reply {
        /// Whose.
        conn: ConnId,
        /// The line.
        line: Bytes,
        /// What changes in the session.
        then: SessionChange,
    },
    /// A worker could not answer a request yet.
    NotYet {
        /// Whose.
        conn: ConnId,
        /// The rest of it.
        job: Job,
        /// When it goes on, unless it is told to before.
        until: Instant,
    },
    /// What a request waited for is there: it goes on.
    Resume {
        /// Whose.
        conn: ConnId,
    },
    /// Bells come for this session, and did not from its beginning: what it may have missed is looked for in the store.
    Compare {
        /// Whose.
        conn: ConnId,
    },
    /// A login was accepted: from now on the session hears what comes, and keeps it in mind until it goes live. What
    /// the entrance has registered is the reactor's to take back from here on.
    Enter {
        /// Whose.
        conn: ConnId,
        /// The session to be.
        live: Box<Live>,
    },
    /// The store answered a fetch; `None`: it could not.
    Fetched {
        /// Whose.
        conn: ConnId,
        /// What it said.
        pages: Option<Vec<Page>>,
    },
    /// The user of this session has joined a group elsewhere; the node is subscribed to it.
    JoinedElsewhere {
        /// Whose.
        conn: ConnId,
        /// What was asked about.
        following: Following,
        /// What the store said.
        followed: Followed,
    },
    /// A batch of sessions was compared with the store.
    Compared(Compared),
    /// The settings were read again: these count from now on.
    Settings(Arc<Config>),
}

/// What the store said about a batch.
#[derive(Debug)]
pub struct Compared {
    /// The sessions, as they were asked for.
    pub(crate) conns: Vec<ConnId>,
    /// How often the groups of each had changed then.
    pub(crate) changes: Vec<u32>,
    /// Where each stands; `None`: the store could not be asked.
    pub(crate) standings: Option<Vec<Standing>>,
}

/// Where a session's user stands, as the store has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// What the session's device has not confirmed.
    pub(crate) pending: Vec<Pending>,
    /// The groups that the user is in, ascending.
    pub(crate) groups: Vec<GroupId>,
}

/// Takes back what a handler has registered for a session that is not there any more.
pub(crate) fn undo(shared: &Shared, then: &SessionChange) {
    if let SessionChange::Join { group, .. } = then {
        shared.bus.unsubscribe(&[Channel::Group(*group)]);
    }
}

/// What became of following a join.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Followed {
    /// The user is a member; the cursor stands here.
    Member(Seq),
    /// The user has left again meanwhile.
    NoMember,
    /// The store could not be asked.
    Failed,
}

/// The door into one reactor.
pub trait PostMessage: Send + Sync {
    /// Posts to the reactor; may wait while its mailbox is full. What comes too late, for a reactor that has ended, is
    /// dropped: it has no connections left to tell.
    fn post(&self, mail: ReactorMessage);
}

impl PostMessage for ReactorHandle<ReactorMessage> {
    fn post(&self, mail: ReactorMessage) {
        let _gone = Self::post(self, mail);
    }
}

/// The doors into the reactors.
pub struct ReactorMailboxes(Vec<Box<dyn PostMessage>>);

impl ReactorMailboxes {
    /// The reactors' doors, in their order.
    #[must_use]
    pub fn new(doors: Vec<Box<dyn PostMessage>>) -> Arc<Self> {
        Arc::new(Self(doors))
    }

    /// Posts to the reactor that owns `conn`; may wait while its mailbox is full.
    pub fn post(&self, conn: ConnId, mail: ReactorMessage) {
        self.post_to(conn.reactor, mail);
    }

    fn post_to(&self, reactor: u16, mail: ReactorMessage) {
        if let Some(door) = self.0.get(usize::from(reactor)) {
            door.post(mail);
        }
    }
}

impl Reactors for ReactorMailboxes {
    fn count(&self) -> u16 {
        u16::try_from(self.0.len()).unwrap_or(u16::MAX)
    }

    fn deliver(&self, reactor: u16, events: Vec<Event>) {
        self.post_to(reactor, ReactorMessage::Events(events));
    }
}

impl Sessions for ReactorMailboxes {
    fn enter(&self, conn: ConnId, live: Box<Live>) {
        self.post(conn, ReactorMessage::Enter { conn, live });
    }

    fn compare(&self, conn: ConnId) {
        self.post(conn, ReactorMessage::Compare { conn });
    }
}
