//! Gathers events per reactor, so that each reactor is woken once per batch.

use std::sync::Arc;

use super::directory::Directory;
use super::{Event, Reactors};
use crate::ids::UserId;
use crate::net::ConnId;

/// Events on their way to the reactors. Each lane, worker and the ear has its own.
pub struct Fanout {
    reactors: Arc<dyn Reactors>,
    directory: Arc<Directory>,
    waiting: Vec<Vec<Event>>,
    found: Vec<ConnId>,
}

impl Fanout {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(reactors: Arc<dyn Reactors>, directory: Arc<Directory>) -> Self {
        let waiting = (0..reactors.count()).map(|_| Vec::new()).collect();
        Self { reactors, directory, waiting, found: Vec::new() }
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

    /// Takes the user's sessions on this node (those that hold `token`, if one is given) out of the directory and has
    /// them closed.
    pub fn replace(&mut self, user: UserId, token: Option<u64>) {
        for conn in self.directory.evict(user, token) {
            self.to_connection(conn, Event::Replaced { conn });
        }
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
