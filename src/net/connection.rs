//! One socket: its states, what is read from it and what waits to be written.
//!
//! ```text
//!   Open ----------> Draining ----------------> Lingering ----------> Gone
//!     lines in,        lines out only,            our side is shut,     the reactor removes it
//!     lines out        at most DRAIN_TIME         input is discarded,
//!                                                 at most LINGER_TIME
//! ```
//!
//! A peer that has ended its own side by a FIN skips Lingering; a socket that failed or reads too slowly goes to Gone at once.
//! Nothing here waits: the reactor calls when there is something to do, and [`Connection::ask`] and [`Connection::end_turn`]
//! once at the end of every turn in which the connection was touched, so the lines of one turn leave in one write.

mod intake;

use std::mem;
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};
use rustls::ServerConfig;

use super::counts::TurnCounts;
use super::deadlines::Deadlines;
use super::door::{Door, HANDSHAKE_TIME};
use super::frame::Frames;
use super::http::Site;
use super::link::{Name, SocketLink};
use super::mailbox::Arrival;
use super::transport::{Input, Work};
use super::websocket::{CloseCode, HEADROOM};
use super::{Accepts, Allowance, CloseReason, ConnId, Link, Protocol};

/// What is taken from one socket in one turn; then the others have theirs.
const MEMBER_BYTES: usize = 64 * 1024;
const MEMBER_LINES: u32 = 128;
/// The same for guests: a login fits in.
const GUEST_BYTES: usize = 4 * 1024;
const GUEST_LINES: u32 = 16;
/// So many bytes are as much work as a line.
const LINE_WORK_BYTES: usize = 4 * 1024;
/// A step of a TLS handshake is as much work as so many lines: a connection with a whole handshake costs
/// some 0.15 ms (docs/performance.md, ECDSA with P-256).
const HANDSHAKE_WORK: u32 = 64;
/// How long a closing connection may take to accept its last lines.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// How long the peer may take to end its side. Closing while input waits would make the kernel send a reset, which may
/// destroy the last lines on their way.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// Input discarded meanwhile; a peer that sends more gets the reset.
const LINGER_BYTES: usize = 64 * 1024;

/// See the module's picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    Draining,
    Lingering { bytes_left: usize },
    Gone,
}

/// What is known of the direction from the peer to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PeerSide {
    /// More may come.
    Open,
    /// A FIN has arrived behind the bytes that wait: read until it is found.
    FinAnnounced,
    /// It has said that nothing follows, by WebSocket or TLS: what comes all the same is not looked at.
    SaidGoodbye,
    /// The FIN was read: no more bytes will come.
    FinRead,
}

impl PeerSide {
    fn has_ended(self) -> bool {
        matches!(self, Self::SaidGoodbye | Self::FinRead)
    }
}

/// What all connections of a reactor share while it reads.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    /// What browsers find; `None`: only lines are spoken.
    pub(super) site: Option<&'a Site>,
    /// How TLS is spoken; `None`: not at all.
    pub(super) tls: Option<&'a Arc<ServerConfig>>,
    pub(super) line_bytes: usize,
    pub(super) counts: &'a mut TurnCounts,
}

/// What one connection may take up of a turn, and what it has.
#[derive(Debug)]
pub(super) struct Visit {
    bytes_left: usize,
    lines_left: u32,
    /// Reads and lines so far.
    pub(super) work: u32,
}

impl Visit {
    /// A visit of a connection with this allowance. Looking costs something, whatever is found.
    pub(super) fn new(allowance: Allowance) -> Self {
        let (bytes_left, lines_left) = match allowance {
            Allowance::Guest => (GUEST_BYTES, GUEST_LINES),
            Allowance::Member => (MEMBER_BYTES, MEMBER_LINES),
        };
        Self { bytes_left, lines_left, work: 1 }
    }

    fn is_over(&self) -> bool {
        self.bytes_left == 0 || self.lines_left == 0
    }

    fn read(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.work += 1 + u32::try_from(bytes / LINE_WORK_BYTES).unwrap_or(u32::MAX);
    }

    /// Something came that holds no bytes of the peer.
    fn progress(&mut self, work: Work) {
        match work {
            // The others have their turn first.
            Work::Handshake => {
                self.work += HANDSHAKE_WORK;
                self.bytes_left = 0;
            }
            Work::Little => self.read(LINE_WORK_BYTES),
        }
    }

    /// A line was taken; whether another one may be.
    fn line(&mut self) -> bool {
        self.lines_left = self.lines_left.saturating_sub(1);
        self.work += 1;
        self.lines_left > 0
    }
}

/// On which lists a connection is, and what is noted for a sweep. A fresh one is on none, even if the slot's earlier owner still is.
#[derive(Default, Debug)]
pub(super) struct ListFlags {
    /// On the list of those to be asked and written.
    pub(super) touched: bool,
    /// On the list of those to read from.
    pub(super) listed: bool,
    /// Something has come on its WebSocket since the last sweep.
    pub(super) heard: bool,
}

/// One socket and the session on it. Touched by its reactor's thread only.
#[derive(Debug)]
pub(super) struct Connection<S> {
    pub(super) id: ConnId,
    /// The client's address; the balancer's until a PROXY header tells better.
    from: IpAddr,
    /// Kept by `Connections`.
    pub(super) lists: ListFlags,
    link: SocketLink,
    /// Whether it must come by TLS.
    accepts: Accepts,
    /// `None` until the PROXY header has come.
    session: Option<S>,
    frames: Frames,
    /// What the peer has shown that it speaks.
    door: Door,
    phase: Phase,
    /// The socket may hold more bytes: no `WouldBlock` was seen since the last event.
    readable: bool,
    /// Lines may be kept: look even without an event.
    look_again: bool,
    /// What is known of the peer's own end.
    peer: PeerSide,
    /// What the poll is asked for at present.
    interest: Interest,
}

/// What a connection becomes once it is [`Connection::is_gone`].
#[derive(Debug)]
pub(super) struct ClosedConnection<S> {
    /// The session, if it was ever opened.
    pub(super) session: Option<S>,
    pub(super) reason: CloseReason,
    /// The stream offset that the peer's TCP is known to have received.
    pub(super) acknowledged: u64,
}

impl<S> Connection<S> {
    /// A connection on a socket that has arrived and is registered for reading.
    pub(super) fn new(id: ConnId, arrival: Arrival, outbox_bytes: usize) -> Self {
        Self {
            id,
            from: arrival.from.ip(),
            lists: ListFlags::default(),
            link: SocketLink::new(arrival.socket, outbox_bytes),
            accepts: arrival.accepts,
            session: None,
            frames: Frames::default(),
            door: Door::Unknown(Vec::new()),
            phase: Phase::Open,
            readable: false,
            look_again: false,
            peer: PeerSide::Open,
            interest: Interest::READABLE,
        }
    }

    /// Its outbox has another high-water mark from now on.
    pub(super) fn limit_outbox(&mut self, bytes: usize) {
        self.link.outbox.limit(bytes);
    }

    /// Lets the protocol begin a session.
    pub(super) fn open<P: Protocol<Session = S>>(&mut self, protocol: &mut P, now: Instant) {
        // Whoever listens on an IPv6 address sees IPv4 clients as mapped ones.
        self.session = Some(protocol.opened(self.id, self.from.to_canonical(), &mut self.link, now));
    }

    /// Begins with waiting for a PROXY header, at most until `deadline`.
    pub(super) fn await_header(&mut self, deadline: Instant) {
        self.link.wish.set(Some(deadline));
    }

    /// The session and its link; `None` before the PROXY header has come.
    pub(super) fn parts(&mut self) -> Option<(&mut S, &mut dyn Link)> {
        Some((self.session.as_mut()?, &mut self.link))
    }

    /// Whether it is to get another name; once.
    pub(super) fn take_renewed(&mut self) -> bool {
        mem::take(&mut self.link.name) == Name::Spent
    }

    /// Whether it is closing: nothing that is sent now would arrive.
    pub(super) fn is_ending(&self) -> bool {
        self.link.ending.is_some()
    }

    /// Ends it: what is queued is still written.
    pub(super) fn close(&mut self, reason: CloseReason) {
        self.link.close(reason);
    }

    /// Ends it at once; what is queued is dropped.
    pub(super) fn cut(&mut self, reason: CloseReason) {
        self.link.close(reason);
        self.phase = Phase::Gone;
    }

    /// Takes note of what the poll reports.
    pub(super) fn note(&mut self, event: &mio::event::Event) {
        self.readable |= event.is_readable() || event.is_read_closed();
        if event.is_read_closed() && self.peer == PeerSide::Open {
            self.peer = PeerSide::FinAnnounced;
        }
        if event.is_writable() {
            self.link.blocked = false;
        }
        // Both directions closed is a reset, or the kernel gave the peer up; noticed even while nothing is read. Only
        // where our side was shut before, it is the ordinary end.
        let ended_by_us = matches!(self.phase, Phase::Lingering { .. });
        if event.is_error() || (event.is_write_closed() && !ended_by_us) {
            self.link.fail();
        }
    }

    /// Whether [`Connection::read_turn`] would find something to do, for all that is known.
    pub(super) fn wants_turn(&self) -> bool {
        match self.phase {
            // Behind the peer's end there is nothing, however long what came before it is under way.
            Phase::Open => self.takes_lines() && ((self.readable && !self.peer.has_ended()) || self.look_again),
            Phase::Lingering { .. } => self.readable,
            Phase::Draining | Phase::Gone => false,
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.phase == Phase::Gone
    }

    /// Notes when the connection is due, if that has changed.
    pub(super) fn note_deadline(&mut self, deadlines: &mut Deadlines) {
        self.link.wish.tell(self.id.slot as usize, deadlines);
    }

    /// The deadline has come.
    pub(super) fn due<P: Protocol<Session = S>>(&mut self, protocol: &mut P, now: Instant) {
        let due = self.link.wish.spend(now);
        if due.stall && self.phase == Phase::Open {
            self.link.look_at_peer();
            self.look_at_door(now);
        }
        if !due.call {
            return;
        }
        match (self.phase, &mut self.session) {
            (Phase::Open, Some(session)) => protocol.due(self.id, session, &mut self.link, now),
            (Phase::Open, None) => self.cut(CloseReason::BadProxyHeader),
            (Phase::Draining | Phase::Lingering { .. } | Phase::Gone, _) => self.phase = Phase::Gone,
        }
    }

    /// What it may take up of a turn.
    pub(super) fn allowance<P: Protocol<Session = S>>(&self, protocol: &P) -> Allowance {
        self.session.as_ref().map_or(Allowance::Guest, |session| protocol.allowance(session))
    }

    /// Offers the lines kept, then reads until the socket is empty, the visit is over or the protocol wants no more.
    /// `buffer` is the reactor's; nothing stays in it.
    pub(super) fn read_turn<P>(&mut self, protocol: &mut P, buffer: &mut [u8], turn: &mut Turn<'_>, visit: &mut Visit)
    where
        P: Protocol<Session = S>,
    {
        if let Phase::Lingering { bytes_left } = self.phase {
            return self.discard(buffer, bytes_left);
        }
        if self.takes_lines() && std::mem::take(&mut self.look_again) {
            self.go_on(protocol, turn, visit);
        }
        while self.readable && !self.peer.has_ended() && self.takes_lines() && !visit.is_over() {
            let (_, space) = buffer.split_at_mut(HEADROOM);
            let room = space.len().min(visit.bytes_left);
            match self.link.read(&mut space[..room]) {
                Input::Bytes { len, is_last } => {
                    visit.read(len);
                    turn.counts.bytes_in += len as u64;
                    // A socket that is empty makes a new edge of what comes from now on (epoll(7)). Only a FIN that was
                    // announced before must still be fetched.
                    self.readable = !is_last || self.peer == PeerSide::FinAnnounced;
                    let end = HEADROOM + len;
                    self.take_in(&mut buffer[..end], protocol, turn, visit);
                }
                Input::Progress { is_last, work } => {
                    visit.progress(work);
                    self.readable = !is_last || self.peer == PeerSide::FinAnnounced;
                    // Records may come byte by byte, or hold nothing.
                    self.fragment(protocol, turn.now);
                }
                Input::Nothing => self.readable = false,
                Input::Goodbye => self.peer = PeerSide::SaidGoodbye,
                Input::End => self.peer = PeerSide::FinRead,
            }
        }
    }

    /// Asks the protocol what the session wants now, and does so. After it, [`Connection::end_turn`].
    pub(super) fn ask<P: Protocol<Session = S>>(&mut self, protocol: &mut P, now: Instant) {
        if self.phase != Phase::Open || self.link.ending.is_some() {
            return;
        }
        let mut idle = true;
        if let Some(session) = &mut self.session {
            let wants = protocol.after_turn(self.id, session, &mut self.link, now);
            self.link.paused = !wants.reading;
            self.link.wish.set(wants.wake_at);
            idle = wants.idle;
        }
        // Every line before the peer's FIN was taken. A last one without its line end is nobody's.
        // While much waits to be written it is not closed: closing gives the rest a few seconds only.
        if idle && self.peer.has_ended() && !self.look_again && !self.link.outbox.is_high() {
            self.link.close(CloseReason::PeerClosed);
        }
    }

    /// The one place that closes, at the end of a turn: moves on to the next phase where it is time, writes what is
    /// queued and asks the poll for what is needed now. `buffer` is the reactor's; nothing stays in it.
    pub(super) fn end_turn(&mut self, registry: &Registry, buffer: &mut [u8], turn: &mut Turn<'_>) {
        if self.phase == Phase::Open
            && let Some(reason) = self.link.ending
        {
            self.begin_closing(reason, turn.now);
        }
        if matches!(self.phase, Phase::Open | Phase::Draining) && !self.link.blocked {
            self.link.flush(buffer);
        }
        if self.phase == Phase::Draining && self.link.outbox.waiting() == 0 && !self.link.blocked {
            self.finish_writing(turn.now);
        }
        if self.link.failed {
            self.phase = Phase::Gone;
        }
        self.link.tell(turn.counts);
        self.ask_poll(registry);
    }

    /// Gives a peer up that takes nothing for so long.
    pub(super) fn watch(&mut self, stall: Option<Duration>, now: Instant) {
        if self.phase != Phase::Open || self.link.ending.is_some() {
            return;
        }
        let handshake = self.link.transport.handshaking_since().map(|since| since + HANDSHAKE_TIME);
        match handshake.or(self.door.look_at()) {
            Some(at) if handshake.is_some() || !self.link.blocked => self.link.watch_until(at),
            _ => self.link.watch(stall, now),
        }
    }

    /// Whether the outbox has fallen below the low-water mark; once. The protocol is to be asked again then.
    pub(super) fn take_drained(&mut self) -> bool {
        self.phase == Phase::Open && self.link.outbox.take_drained()
    }

    /// Takes a connection that is gone apart; the socket closes with it.
    pub(super) fn into_closed(mut self) -> ClosedConnection<S> {
        let reason = self.link.ending.unwrap_or(CloseReason::SocketError);
        ClosedConnection { acknowledged: self.link.acknowledged(), reason, session: self.session }
    }

    fn takes_lines(&self) -> bool {
        // Whoever does not read its answers is not asked for more questions.
        self.phase == Phase::Open && !self.link.paused && self.link.ending.is_none() && !self.link.outbox.is_high()
    }

    fn begin_closing(&mut self, reason: CloseReason, now: Instant) {
        self.frames = Frames::default();
        self.link.end_frames(close_code(reason));
        let at_once = matches!(reason, CloseReason::SlowConsumer | CloseReason::SocketError);
        if at_once || self.session.is_none() {
            self.link.outbox.clear();
            self.phase = Phase::Gone;
            return;
        }
        self.phase = Phase::Draining;
        self.link.wish.set(Some(now + DRAIN_TIME));
    }

    /// The last line is with the kernel.
    fn finish_writing(&mut self, now: Instant) {
        if !self.link.end() {
            return;
        }
        if self.peer == PeerSide::FinRead || self.link.transport.socket.shutdown(Shutdown::Write).is_err() {
            self.phase = Phase::Gone;
            return;
        }
        // Should the peer answer with a reset, this stays what is known.
        self.link.acknowledged();
        self.phase = Phase::Lingering { bytes_left: LINGER_BYTES };
        self.link.wish.set(Some(now + LINGER_TIME));
        // Edges that came while nothing was read will not come again.
        self.readable = true;
    }

    /// Throws input away until the peer ends its side or has sent too much.
    fn discard(&mut self, buffer: &mut [u8], mut bytes_left: usize) {
        loop {
            match self.link.read_raw(buffer) {
                Input::Bytes { len, .. } if len <= bytes_left => bytes_left -= len,
                Input::Bytes { .. } | Input::Goodbye | Input::End => {
                    self.phase = Phase::Gone;
                    return;
                }
                Input::Nothing | Input::Progress { .. } => {
                    self.readable = false;
                    self.phase = Phase::Lingering { bytes_left };
                    return;
                }
            }
        }
    }

    /// Asks for events about writing only while the kernel is full, about reading only while it means anything.
    fn ask_poll(&mut self, registry: &Registry) {
        let wanted = match self.phase {
            Phase::Open if self.link.blocked => Interest::READABLE | Interest::WRITABLE,
            Phase::Open | Phase::Lingering { .. } => Interest::READABLE,
            Phase::Draining => Interest::WRITABLE,
            Phase::Gone => return,
        };
        if wanted == self.interest {
            return;
        }
        match registry.reregister(&mut self.link.transport.socket, Token(self.id.slot as usize), wanted) {
            Ok(()) => self.interest = wanted,
            Err(_) => self.cut(CloseReason::SocketError),
        }
    }
}

/// What the peer of a WebSocket is told.
fn close_code(reason: CloseReason) -> CloseCode {
    match reason {
        CloseReason::PeerClosed | CloseReason::Replaced | CloseReason::Ended | CloseReason::Restored => {
            CloseCode::Normal
        }
        CloseReason::Shutdown | CloseReason::SocketError | CloseReason::HttpDone => CloseCode::GoingAway,
        CloseReason::LineTooLong => CloseCode::TooLarge,
        CloseReason::BadFrame | CloseReason::BadProxyHeader | CloseReason::TlsFailed | CloseReason::TlsRequired => {
            CloseCode::ProtocolError
        }
        CloseReason::SlowConsumer
        | CloseReason::Misbehaved
        | CloseReason::LoginTimeout
        | CloseReason::TooManyAnonymous => CloseCode::Policy,
    }
}
