//! The half of a connection that the protocol acts on: its [`Link`]. It queues, notes what is wished, and does as much
//! of the writing as cannot wait; what follows from the notes is [`super::connection`]'s business at the end of the turn.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::net::TcpStream;

use super::counts::TurnCounts;
use super::deadlines::Deadlines;
use super::outbox::{Full, Outbox, Wrote};
use super::transport::{Broken, Input, Transport};
use super::websocket::{self, CloseCode};
use super::{CloseReason, Link};

/// A socket, its outbox, and what the protocol has asked for.
#[derive(Debug)]
pub(super) struct SocketLink {
    pub(super) transport: Transport,
    pub(super) outbox: Outbox,
    /// No more lines are offered before the protocol wants some: [`super::Wants::reading`].
    pub(super) paused: bool,
    /// The kernel's send buffer is full; a WRITABLE event will come.
    pub(super) blocked: bool,
    /// Why it is closing; the first reason given stays. What is sent from then on is dropped.
    pub(super) ending: Option<CloseReason>,
    /// How what is sent is framed.
    pub(super) framing: Framing,
    /// Whether it is to get another name.
    pub(super) name: Name,
    /// The socket failed: the kernel knows nothing about it any more.
    pub(super) failed: bool,
    /// When to be called.
    pub(super) wish: Wish,
    /// The stream offset last known to be acknowledged.
    acknowledged: u64,
    /// While the peer is watched for taking anything: what it had taken when that began.
    taken_before: Option<u64>,
    /// Lines queued and bytes written that are not in the reactor's counts yet.
    lines_untold: u64,
    written_told: u64,
}

/// How lines go out.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Framing {
    /// As they are.
    #[default]
    Lines,
    /// Each as a text message, without its line end.
    WebSocket,
    /// Not at all: the peer speaks HTTP, or has been told that its WebSocket is closed.
    Nothing,
}

/// Whether a connection keeps its [`super::ConnId`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Name {
    /// It does.
    #[default]
    Kept,
    /// It gets another one at the end of the turn.
    Spent,
}

/// A wish for a deadline, on its way to the reactor's `Deadlines`.
#[derive(Default, Debug)]
pub(super) struct Wish {
    at: Option<Instant>,
    /// When a peer that takes nothing is given up.
    stall_at: Option<Instant>,
    /// The reactor does not know the earlier of both yet.
    changed: bool,
}

impl Wish {
    /// Asks for a call at `at`, or for none.
    pub(super) fn set(&mut self, at: Option<Instant>) {
        self.changed |= self.at != at;
        self.at = at;
    }

    /// Asks for a look at `at` whether the peer takes anything, or for none.
    pub(super) fn set_stall(&mut self, at: Option<Instant>) {
        self.changed |= self.stall_at != at;
        self.stall_at = at;
    }

    /// Asks for a look at `at`, unless an earlier one is asked for already.
    pub(super) fn keep_stall(&mut self, at: Instant) {
        if self.stall_at.is_none_or(|earlier| at < earlier) {
            self.set_stall(Some(at));
        }
    }

    /// The reactor's deadline has passed, and is not among them any more: what of the two has come?
    pub(super) fn spend(&mut self, now: Instant) -> Due {
        self.changed = true;
        let has_come = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let due = Due { call: has_come(self.at), stall: has_come(self.stall_at) };
        if due.call {
            self.at = None;
        }
        if due.stall {
            self.stall_at = None;
        }
        due
    }

    /// Notes the wish of the connection in this slot, if it has changed.
    pub(super) fn tell(&mut self, slot: usize, deadlines: &mut Deadlines) {
        if std::mem::take(&mut self.changed) {
            deadlines.set(slot, [self.at, self.stall_at].into_iter().flatten().min());
        }
    }
}

/// What [`Wish::spend`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    /// The call that was asked for.
    pub(super) call: bool,
    /// The look at the peer.
    pub(super) stall: bool,
}

impl Link for SocketLink {
    fn send(&mut self, line: Bytes) {
        if self.ending.is_some() {
            return;
        }
        match self.framing {
            Framing::Lines => self.push(line),
            Framing::WebSocket => {
                let text = line.strip_suffix(b"\n").map_or(line.len(), <[u8]>::len);
                self.push(websocket::text_head(text));
                self.push(line.slice(..text));
            }
            Framing::Nothing => return,
        }
        self.lines_untold += 1;
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        if self.outbox.has_room(bytes) {
            return true;
        }
        if !self.blocked && self.ending.is_none() {
            // Lines wait for the end of the turn: the kernel may have room for them all.
            self.flush(&mut []);
        }
        self.outbox.has_room(bytes)
    }

    fn close(&mut self, reason: CloseReason) {
        self.ending.get_or_insert(reason);
    }

    fn renew(&mut self) {
        self.name = Name::Spent;
    }

    fn queued_bytes(&self) -> usize {
        self.outbox.waiting()
    }

    fn offset(&self) -> u64 {
        self.outbox.queued()
    }

    fn acknowledged(&mut self) -> u64 {
        if self.failed {
            return self.acknowledged;
        }
        if let Ok(known) = self.transport.acknowledged(self.outbox.written()) {
            self.acknowledged = self.acknowledged.max(known);
        }
        self.acknowledged
    }
}

impl SocketLink {
    /// An open one with an empty outbox.
    pub(super) fn new(socket: TcpStream, outbox_bytes: usize) -> Self {
        Self {
            transport: Transport::plain(socket),
            outbox: Outbox::new(outbox_bytes),
            paused: false,
            blocked: false,
            ending: None,
            framing: Framing::Lines,
            name: Name::Kept,
            failed: false,
            wish: Wish::default(),
            acknowledged: 0,
            taken_before: None,
            lines_untold: 0,
            written_told: 0,
        }
    }

    /// Queues bytes as they are.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if self.ending.is_some() {
            return;
        }
        let Err(Full(bytes)) = self.outbox.push(bytes) else { return };
        // Lines wait for the end of the turn: the kernel may have room for them all.
        self.flush(&mut []);
        if self.ending.is_none() && self.outbox.push(bytes).is_err() {
            self.ending = Some(CloseReason::SlowConsumer);
        }
    }

    /// Tells the peer of a WebSocket, once, that it is closed; nothing more is sent on it.
    pub(super) fn end_frames(&mut self, code: CloseCode) {
        if self.framing == Framing::WebSocket {
            self.framing = Framing::Nothing;
            // Past `ending`: this is what a peer is told about it. Without room it is told by the FIN alone.
            let _ = self.outbox.push(websocket::close(code));
        }
    }

    /// Writes what is queued, as far as the kernel takes it.
    pub(super) fn flush(&mut self, packing: &mut [u8]) {
        let written = self.outbox.write_to(&mut self.transport, packing);
        match written.and_then(|wrote| Ok(wrote == Wrote::All && self.transport.send_held()?)) {
            Ok(all) => self.blocked = !all,
            Err(_) => self.fail(),
        }
    }

    /// Tells the peer that nothing follows, as far as the kernel takes it; whether that is gone.
    pub(super) fn end(&mut self) -> bool {
        match self.transport.end() {
            Ok(all) => self.blocked = !all,
            Err(_) => self.fail(),
        }
        !self.blocked
    }

    /// Watches a peer whose socket is full, so that one that takes nothing for `stall` is given up.
    pub(super) fn watch(&mut self, stall: Option<Duration>, now: Instant) {
        // The outbox may be empty meanwhile: TLS holds a record back.
        let Some(stall) = stall.filter(|_| self.blocked) else {
            self.taken_before = None;
            return self.wish.set_stall(None);
        };
        if self.taken_before.is_none() {
            self.taken_before = self.taken();
            self.wish.set_stall(Some(now + stall));
        }
    }

    /// Asks for a look at `at` that is none at what the peer takes: nothing waits for it.
    pub(super) fn watch_until(&mut self, at: Instant) {
        self.taken_before = None;
        self.wish.keep_stall(at);
    }

    /// The time of [`SocketLink::watch`] has passed: a peer that has taken nothing meanwhile is given up.
    pub(super) fn look_at_peer(&mut self) {
        let before = self.taken_before.take();
        if self.blocked && before.is_some() && self.taken() == before {
            self.close(CloseReason::SlowConsumer);
        }
    }

    /// What the peer has taken; the number itself says nothing.
    fn taken(&self) -> Option<u64> {
        self.transport.taken(self.outbox.written()).ok()
    }

    /// The socket is of no use any more.
    pub(super) fn fail(&mut self) {
        self.failed = true;
        self.ending.get_or_insert(CloseReason::SocketError);
    }

    /// Counts what was queued and written since the last call.
    pub(super) fn tell(&mut self, counts: &mut TurnCounts) {
        counts.lines_out += std::mem::take(&mut self.lines_untold);
        counts.bytes_out += self.outbox.written() - self.written_told;
        self.written_told = self.outbox.written();
    }

    /// Reads once.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Input {
        self.transport.read(buffer).unwrap_or_else(|broken| self.note(broken))
    }

    /// Reads once what is thrown away.
    pub(super) fn read_raw(&mut self, buffer: &mut [u8]) -> Input {
        self.transport.read_raw(buffer).unwrap_or_else(|broken| self.note(broken))
    }

    fn note(&mut self, broken: Broken) -> Input {
        match broken {
            Broken::Socket => self.fail(),
            Broken::Tls => {
                // Nothing more can be said but why, which TLS holds.
                self.outbox.clear();
                self.framing = Framing::Nothing;
                self.close(CloseReason::TlsFailed);
            }
        }
        Input::Nothing
    }
}
