//! The connections of one reactor by slot, and which of them have something to do. It is the protocol's [`Outbound`].
//!
//! Whoever gets hold of a connection marks it as touched, so that the reactor asks it and writes it at the end of the turn. Nothing
//! is removed in between: references and slots stay good during a turn.

use std::mem;

use slab::Slab;

use super::connection::Connection;
use super::{ConnId, Link, Outbound};

/// The connections of one reactor.
#[derive(Debug)]
pub(super) struct Connections<S> {
    reactor: u16,
    /// Names given so far; wraps around after four billion.
    generation: u32,
    slots: Slab<Connection<S>>,
    /// Slots to be asked and written. May name a slot twice or one that is free again; the connection's own mark decides.
    touched: Vec<usize>,
    /// Slots to read from; likewise.
    ready: Vec<usize>,
}

impl<S> Connections<S> {
    pub(super) fn new(reactor: u16) -> Self {
        Self { reactor, generation: 0, slots: Slab::new(), touched: Vec::new(), ready: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The name of the connection that will be inserted next; `None` if no slot is free.
    pub(super) fn next_id(&self) -> Option<ConnId> {
        let slot = u32::try_from(self.slots.vacant_key()).ok()?;
        Some(ConnId { reactor: self.reactor, slot, generation: self.generation })
    }

    /// Inserts the connection that [`Connections::next_id`] was asked for, touched.
    pub(super) fn insert(&mut self, connection: Connection<S>) -> &mut Connection<S> {
        self.generation = self.generation.wrapping_add(1);
        let slot = self.slots.insert(connection);
        debug_assert_eq!(slot, self.slots[slot].id.slot as usize, "inserted under another name");
        self.touch(slot);
        &mut self.slots[slot]
    }

    /// Gives the connection in this slot another name, if it has asked for one.
    pub(super) fn rename(&mut self, slot: usize) {
        let Some(connection) = self.slots.get_mut(slot) else { return };
        if connection.take_renewed() {
            connection.id.generation = self.generation;
            self.generation = self.generation.wrapping_add(1);
        }
    }

    pub(super) fn remove(&mut self, slot: usize) -> Option<Connection<S>> {
        self.slots.try_remove(slot)
    }

    pub(super) fn slot(&mut self, slot: usize) -> Option<&mut Connection<S>> {
        self.slots.get_mut(slot)
    }

    /// The connection in this slot, to be asked and written at the end of the turn.
    pub(super) fn touch(&mut self, slot: usize) -> Option<&mut Connection<S>> {
        let connection = self.slots.get_mut(slot)?;
        if !mem::replace(&mut connection.lists.touched, true) {
            self.touched.push(slot);
        }
        Some(connection)
    }

    /// Puts a connection on the list of those to read from, if it wants to be.
    pub(super) fn list_if_ready(&mut self, slot: usize) {
        let Some(connection) = self.slots.get_mut(slot) else { return };
        if connection.wants_turn() && !mem::replace(&mut connection.lists.listed, true) {
            self.ready.push(slot);
        }
    }

    /// Takes the list of those to be asked and written; give the memory back with [`Connections::recycle_touched`].
    pub(super) fn take_touched(&mut self) -> Vec<usize> {
        mem::take(&mut self.touched)
    }

    /// Takes the list of those to read from; give back with [`Connections::put_back_ready`] what is left of it.
    pub(super) fn take_ready(&mut self) -> Vec<usize> {
        mem::take(&mut self.ready)
    }

    pub(super) fn recycle_touched(&mut self, spent: Vec<usize>) {
        recycle(&mut self.touched, spent);
    }

    /// Puts those who have to wait for the next turn ahead of those who were listed meanwhile. Their marks are set.
    pub(super) fn put_back_ready(&mut self, mut waiting: Vec<usize>) {
        waiting.append(&mut self.ready);
        self.ready = waiting;
    }

    /// Whether a list is not empty: the next turn must not wait for an event.
    pub(super) fn has_work(&self) -> bool {
        !self.touched.is_empty() || !self.ready.is_empty()
    }

    /// Sends a Ping on each WebSocket on which nothing has come since the last sweep. Whether there are WebSockets.
    pub(super) fn ping_the_silent(&mut self) -> bool {
        let mut are_there = false;
        for (slot, connection) in &mut self.slots {
            if !connection.is_websocket() {
                continue;
            }
            are_there = true;
            connection.ping_if_silent();
            if !mem::replace(&mut connection.lists.touched, true) {
                self.touched.push(slot);
            }
        }
        are_there
    }

    /// Touches every connection.
    pub(super) fn for_all(&mut self, mut visit: impl FnMut(&mut Connection<S>)) {
        for (slot, connection) in &mut self.slots {
            if !mem::replace(&mut connection.lists.touched, true) {
                self.touched.push(slot);
            }
            visit(connection);
        }
    }
}

/// Keeps the memory of a spent list, behind what has been listed meanwhile.
fn recycle(list: &mut Vec<usize>, mut spent: Vec<usize>) {
    spent.clear();
    spent.append(list);
    *list = spent;
}

impl<S> Outbound<S> for Connections<S> {
    fn connection(&mut self, id: ConnId) -> Option<(&mut S, &mut dyn Link)> {
        let slot = id.slot as usize;
        let connection = self.slots.get(slot)?;
        if connection.id != id || connection.is_ending() {
            return None;
        }
        self.touch(slot)?.parts()
    }

    fn each(&mut self, visit: &mut dyn FnMut(ConnId, &mut S, &mut dyn Link)) {
        self.for_all(|connection| {
            let id = connection.id;
            if connection.is_ending() {
                return;
            }
            if let Some((session, link)) = connection.parts() {
                visit(id, session, link);
            }
        });
    }
}
