//! Gathers events per reactor, so that each reactor is woken once per batch.

use std::sync::Arc;

use super::directory::{Directory, Elsewhere, Ended, Entry, Eviction};
use super::{Event, Reactors};
use crate::ids::{DeviceId, UserId};
use crate::net::ConnId;
use crate::wants::Want;

/// Events on their way to the reactors. Each lane, worker and the bus listener has its own.
pub struct Fanout {
    reactors: Arc<dyn Reactors>,
    directory: Arc<Directory>,
    waiting: Vec<Vec<Event>>,
    found: Vec<ConnId>,
    wanting: Vec<Entry>,
    addressee: Lookup,
    sender: Lookup,
}

/// The sessions of the user that was looked up last, until the events are flushed: a batch has runs of messages between
/// the same two users. What it misses, it may miss: whoever enters later reads the store after the batch was committed.
struct Lookup {
    user: Option<UserId>,
    sessions: Vec<Entry>,
    elsewhere: Elsewhere,
}

impl Lookup {
    fn new() -> Self {
        Self { user: None, sessions: Vec::new(), elsewhere: Elsewhere::Perhaps }
    }

    fn look(&mut self, directory: &Directory, user: UserId) {
        if self.user != Some(user) {
            self.sessions.clear();
            self.elsewhere = directory.sessions(user, &mut self.sessions);
            self.user = Some(user);
        }
    }
}

impl Fanout {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(reactors: Arc<dyn Reactors>, directory: Arc<Directory>) -> Self {
        let waiting = (0..reactors.count()).map(|_| Vec::new()).collect();
        let (found, wanting) = (Vec::new(), Vec::new());
        Self { reactors, directory, waiting, found, wanting, addressee: Lookup::new(), sender: Lookup::new() }
    }

    /// How many reactors there are.
    #[must_use]
    pub fn reactors(&self) -> u16 {
        self.reactors.count()
    }

    /// An event for the reactor that owns `conn`.
    pub(crate) fn tell_connection(&mut self, conn: ConnId, event: Event) {
        push(&mut self.waiting, conn, event);
    }

    /// An event for each session of the user on this node, but for `except`.
    pub(super) fn tell_user(&mut self, user: UserId, except: Option<ConnId>, event: impl Fn(ConnId) -> Option<Event>) {
        let mut found = std::mem::take(&mut self.found);
        self.directory.connections(user, &mut found);
        for conn in found.drain(..).filter(|conn| Some(*conn) != except) {
            if let Some(event) = event(conn) {
                self.tell_connection(conn, event);
            }
        }
        self.found = found;
    }

    /// An event for each session of the user on this node that wants this, but for `except`. Whether there may be more on other
    /// nodes.
    pub(super) fn tell_wanting(
        &mut self,
        (user, want): (UserId, Want),
        except: Option<ConnId>,
        event: impl Fn(ConnId) -> Option<Event>,
    ) -> Elsewhere {
        let mut sessions = std::mem::take(&mut self.wanting);
        let elsewhere = self.directory.sessions(user, &mut sessions);
        for entry in sessions.drain(..) {
            let conn = entry.conn();
            if entry.wants().has(want)
                && Some(conn) != except
                && let Some(event) = event(conn)
            {
                self.tell_connection(conn, event);
            }
        }
        self.wanting = sessions;
        elsewhere
    }

    /// A batch with so many events follows.
    pub fn expect(&mut self, events: usize) {
        // Room for as many as there are if they spread evenly: a list that grows is copied each time.
        let each = events / self.waiting.len().max(1);
        for waiting in &mut self.waiting {
            waiting.reserve(each);
        }
    }

    /// An event for each session of the addressee of a committed message on this node.
    pub(crate) fn tell_addressee(&mut self, user: UserId, event: impl Fn(ConnId) -> Event) {
        self.addressee.look(&self.directory, user);
        for entry in &self.addressee.sessions {
            let conn = entry.conn();
            push(&mut self.waiting, conn, event(conn));
        }
    }

    /// An event for each other session of the sender of a committed message on this node than that on `from`, and not for
    /// those of the device `but`. Whether there may be more on other nodes.
    pub(crate) fn tell_sender_but(
        &mut self,
        user: UserId,
        from: ConnId,
        but: Option<DeviceId>,
        event: impl Fn(ConnId) -> Event,
    ) -> Elsewhere {
        self.sender.look(&self.directory, user);
        let is_told = |entry: &&Entry| entry.conn() != from && Some(entry.device()) != but;
        for entry in self.sender.sessions.iter().filter(is_told) {
            let conn = entry.conn();
            push(&mut self.waiting, conn, event(conn));
        }
        self.sender.elsewhere
    }

    /// Takes sessions of the user on this node out of the directory and has them closed.
    pub fn replace(&mut self, user: UserId, whom: Eviction) {
        for conn in self.directory.evict(user, whom) {
            self.tell_connection(conn, Event::Replaced { conn });
        }
    }

    /// Takes those sessions out of the directory that the user has ended, and has them closed.
    pub(crate) fn end(&mut self, user: UserId, ended: Ended) {
        for conn in self.directory.evict(user, Eviction::Ended(ended)) {
            self.tell_connection(conn, Event::Ended { conn });
        }
    }

    /// Who is online here.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// An event for every reactor: each knows by itself which of its sessions it concerns.
    pub(crate) fn tell_all(&mut self, event: &Event) {
        for events in &mut self.waiting {
            events.push(event.clone());
        }
    }

    /// Posts what was gathered; may wait for a reactor's mailbox.
    pub fn flush(&mut self) {
        (self.addressee.user, self.sender.user) = (None, None);
        for (reactor, events) in (0..).zip(&mut self.waiting) {
            if !events.is_empty() {
                self.reactors.deliver(reactor, std::mem::take(events));
            }
        }
    }
}

fn push(waiting: &mut [Vec<Event>], conn: ConnId, event: Event) {
    if let Some(events) = waiting.get_mut(usize::from(conn.reactor)) {
        events.push(event);
    }
}
