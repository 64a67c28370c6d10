//! Gathers events per reactor, so that each reactor is woken once per batch.

use std::sync::Arc;

use super::directory::{Directory, Elsewhere, Entry, Eviction};
use super::{Event, Reactors};
use crate::ids::{DeviceId, UserId};
use crate::net::ConnId;

/// Events on their way to the reactors. Each lane, worker and the ear has its own.
pub struct Fanout {
    reactors: Arc<dyn Reactors>,
    directory: Arc<Directory>,
    waiting: Vec<Vec<Event>>,
    found: Vec<ConnId>,
    own: Vec<Entry>,
}

impl Fanout {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(reactors: Arc<dyn Reactors>, directory: Arc<Directory>) -> Self {
        let waiting = (0..reactors.count()).map(|_| Vec::new()).collect();
        Self { reactors, directory, waiting, found: Vec::new(), own: Vec::new() }
    }

    /// How many reactors there are.
    #[must_use]
    pub fn reactors(&self) -> u16 {
        self.reactors.count()
    }

    /// An event for the reactor that owns `conn`.
    pub fn to_connection(&mut self, conn: ConnId, event: Event) {
        if let Some(events) = self.waiting.get_mut(usize::from(conn.reactor)) {
            events.push(event);
        }
    }

    /// An event for each session of the user on this node, but for `except`.
    pub fn to_user(&mut self, user: UserId, except: Option<ConnId>, event: impl Fn(ConnId) -> Event) {
        let mut found = std::mem::take(&mut self.found);
        self.directory.connections(user, &mut found);
        for conn in found.drain(..).filter(|conn| Some(*conn) != except) {
            self.to_connection(conn, event(conn));
        }
        self.found = found;
    }

    /// An event for each other session of the user on this node than that on `from`, and not for those of the device `but`.
    /// Whether there may be more on other nodes.
    pub fn to_user_but(
        &mut self,
        user: UserId,
        from: ConnId,
        but: Option<DeviceId>,
        event: impl Fn(ConnId) -> Event,
    ) -> Elsewhere {
        let mut own = std::mem::take(&mut self.own);
        let elsewhere = self.directory.sessions(user, &mut own);
        for Entry { conn, .. } in own.drain(..).filter(|entry| entry.conn != from && Some(entry.device) != but) {
            self.to_connection(conn, event(conn));
        }
        self.own = own;
        elsewhere
    }

    /// Takes sessions of the user on this node out of the directory and has them closed.
    pub fn replace(&mut self, user: UserId, whom: Eviction) {
        for conn in self.directory.evict(user, whom) {
            self.to_connection(conn, Event::Replaced { conn });
        }
    }

    /// Who is online here.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// An event for every reactor: each knows by itself which of its sessions it concerns.
    pub fn to_all(&mut self, event: &Event) {
        for events in &mut self.waiting {
            events.push(event.clone());
        }
    }

    /// Posts what was gathered; may wait for a reactor's mailbox.
    pub fn flush(&mut self) {
        for (reactor, events) in (0..).zip(&mut self.waiting) {
            if !events.is_empty() {
                self.reactors.deliver(reactor, std::mem::take(events));
            }
        }
    }
}
