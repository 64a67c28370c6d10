//! One sub-reactor thread: a poll, the connections it owns, and the protocol that gives their lines a meaning.
//!
//! ```text
//!   a turn:  poll -> deadlines -> read -> mailbox -> Protocol::turn_ended
//!                 -> each that was touched: Protocol::after_turn, write, close, ask the poll
//! ```
//!
//! The thread waits in `Poll::poll` and nowhere else. Polling is edge-triggered: a connection that is not read to its end, for its budget
//! or because it was paused, is on the ready list, and as long as that is not empty the poll does not wait.

use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Token};
use rustls::ServerConfig;

use super::bounds::Bounds;
use super::connection::{Connection, Turn, Visit};
use super::connections::Connections;
use super::counts::TurnCounts;
use super::deadlines::Deadlines;
use super::http::Site;
use super::mailbox::{Arrival, Command, Inbox, WAKE};
use super::{Allowance, CloseReason, Protocol};
use crate::metrics::{Metrics, Reason};

/// The buffer all connections of a reactor are read into, and their lines are packed in.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Events taken from the kernel in one turn; the rest waits for the next.
const EVENTS_MAX: usize = 1024;

/// Work of one turn, in lines and reads, so that a turn stays short whoever sends: what is over waits for the next, ahead
/// of those who come later. Guests have a small part of their own, for they may be many and anybody.
const MEMBERS_WORK: u32 = 2048;
const GUESTS_WORK: u32 = 256;
/// How often WebSockets are looked through for those on which nothing has come: such a one gets a Ping after twice the time
/// at the latest. One look for all takes less memory than a deadline for each.
const SWEEP_EVERY: Duration = Duration::from_millis(12_500);
/// New connections taken up in one turn.
const ADOPTIONS_MAX: usize = 64;

/// What a reactor is told at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The longest line, without its line end.
    pub line_bytes: usize,
    /// The high-water mark of a connection's outbox.
    pub outbox_bytes: usize,
    /// A peer that takes nothing of what waits for so long is cut off; `None`: never.
    pub stall: Option<Duration>,
    /// What comes first on a connection.
    pub preamble: Preamble,
    /// What browsers find on it; `None`: only lines are spoken.
    pub site: Option<Arc<Site>>,
    /// How TLS is spoken on it; `None`: not at all.
    pub tls: Option<Arc<ServerConfig>>,
    /// Where to count.
    pub metrics: Arc<Metrics>,
}

/// What comes ahead of the lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preamble {
    /// Nothing.
    None,
    /// A PROXY header, version 1 or 2. A connection that has not sent it within this time is closed.
    ProxyHeader(Duration),
}

/// Runs a reactor on the calling thread until it is stopped and its connections are closed. The protocol is dropped on
/// this thread too.
///
/// # Errors
/// The poll failed, which no peer can cause. All connections are dropped then.
pub fn run<P: Protocol>(inbox: Inbox<P::Message>, settings: Settings, protocol: P) -> io::Result<()> {
    Reactor {
        connections: Connections::new(inbox.reactor()),
        inbox,
        settings,
        protocol,
        deadlines: Deadlines::default(),
        counts: TurnCounts::default(),
        buffer: vec![0; READ_BUFFER_BYTES],
        commands: 0,
        stop_at: None,
        sweep_at: None,
        _one_thread: PhantomData,
    }
    .run()
}

struct Reactor<P: Protocol> {
    inbox: Inbox<P::Message>,
    settings: Settings,
    protocol: P,
    connections: Connections<P::Session>,
    deadlines: Deadlines,
    counts: TurnCounts,
    buffer: Vec<u8>,
    /// Commands in the mailbox that an earlier turn has left there.
    commands: usize,
    /// Set once the reactor is stopping: connections still open then are cut.
    stop_at: Option<Instant>,
    /// When WebSockets are looked through next; `None` while there are none.
    sweep_at: Option<Instant>,
    /// Not `Send`: it stays on the thread that built it.
    _one_thread: PhantomData<*const ()>,
}

impl<P: Protocol> Reactor<P> {
    #[expect(clippy::disallowed_methods, reason = "the thread's shell reads the clock, once a turn")]
    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while self.stop_at.is_none() || !self.connections.is_empty() {
            self.wait(&mut events, Instant::now())?;
            let now = Instant::now();
            self.inbox.begin_turn();
            self.note(&events);
            self.run_due(now);
            self.sweep(now);
            self.read(now);
            self.run_mailbox(now);
            self.protocol.turn_ended(&mut self.connections, now);
            if self.stop_at.is_some_and(|deadline| deadline <= now) {
                self.connections.for_all(|connection| connection.cut(CloseReason::Shutdown));
            }
            self.end_turn(now);
            self.counts.report(&self.settings.metrics);
        }
        Ok(())
    }

    /// Waits for an event, the next deadline or a wake-up; not at all while there is work.
    fn wait(&mut self, events: &mut Events, now: Instant) -> io::Result<()> {
        let protocol = self.protocol.turn_by();
        let deadline = [self.deadlines.next(), protocol, self.stop_at, self.sweep_at].into_iter().flatten().min();
        let timeout = if self.connections.has_work() || self.commands > 0 {
            Some(Duration::ZERO)
        } else {
            deadline.map(|deadline| deadline.saturating_duration_since(now))
        };
        match self.inbox.poll.poll(events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn note(&mut self, events: &Events) {
        for event in events {
            if event.token() == WAKE {
                // The mailbox is looked into in every turn.
                continue;
            }
            let Token(slot) = event.token();
            if let Some(connection) = self.connections.touch(slot) {
                connection.note(event);
                self.connections.list_if_ready(slot);
            }
        }
    }

    fn run_due(&mut self, now: Instant) {
        while let Some(slot) = self.deadlines.pop_due(now) {
            if let Some(connection) = self.connections.touch(slot) {
                connection.due(&mut self.protocol, now);
            }
        }
    }

    fn sweep(&mut self, now: Instant) {
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep_at = self.connections.ping_the_silent().then(|| now + SWEEP_EVERY);
        }
    }

    fn read(&mut self, now: Instant) {
        let mut ready = self.connections.take_ready();
        let mut turn = Turn {
            now,
            site: self.settings.site.as_deref(),
            tls: self.settings.tls.as_ref(),
            line_bytes: self.settings.line_bytes,
            counts: &mut self.counts,
        };
        let (mut guests, mut members) = (GUESTS_WORK, MEMBERS_WORK);
        let mut postponed = 0;
        for index in 0..ready.len() {
            let slot = ready[index];
            let Some(connection) = self.connections.slot(slot) else { continue };
            // A mark that is not set belongs to the slot's earlier owner.
            if !connection.lists.listed {
                continue;
            }
            let allowance = connection.allowance(&self.protocol);
            let left = match allowance {
                Allowance::Guest => &mut guests,
                Allowance::Member => &mut members,
            };
            if *left == 0 {
                ready[postponed] = slot;
                postponed += 1;
                continue;
            }
            connection.lists.listed = false;
            let mut visit = Visit::new(allowance);
            connection.read_turn(&mut self.protocol, &mut self.buffer, &mut turn, &mut visit);
            *left = left.saturating_sub(visit.work);
            self.connections.touch(slot);
        }
        ready.truncate(postponed);
        self.connections.put_back_ready(ready);
    }

    fn run_mailbox(&mut self, now: Instant) {
        // What was left there is among what waits now.
        self.commands = self.inbox.open().max(self.commands);
        let mut adoptions = 0;
        while self.commands > 0 && adoptions < ADOPTIONS_MAX {
            self.commands -= 1;
            match self.inbox.take() {
                Some(Command::Post(message)) => self.protocol.message(message, &mut self.connections, now),
                Some(Command::Adopt(arrival)) => {
                    adoptions += 1;
                    self.adopt(arrival, now);
                }
                Some(Command::HoldTo(bounds)) => self.hold_to(*bounds),
                Some(Command::Stop(deadline)) => self.stop(deadline, now),
                None => self.commands = 0,
            }
        }
    }

    fn hold_to(&mut self, bounds: Bounds) {
        let Bounds { line_bytes, outbox_bytes, stall, site } = bounds;
        if outbox_bytes != self.settings.outbox_bytes {
            self.connections.for_all(|connection| connection.limit_outbox(outbox_bytes));
        }
        self.settings = Settings { line_bytes, outbox_bytes, stall, site, ..self.settings.clone() };
    }

    fn adopt(&mut self, mut arrival: Arrival, now: Instant) {
        if self.stop_at.is_some() {
            return self.refuse(CloseReason::Shutdown);
        }
        let Some(id) = self.connections.next_id() else { return self.refuse(CloseReason::SocketError) };
        let token = Token(id.slot as usize);
        if let Err(error) = self.inbox.poll.registry().register(&mut arrival.socket, token, Interest::READABLE) {
            log::warn!("connection {id} cannot be polled: {error}");
            return self.refuse(CloseReason::SocketError);
        }
        self.settings.metrics.connections.inc();
        let connection = self.connections.insert(Connection::new(id, arrival, self.settings.outbox_bytes));
        match self.settings.preamble {
            Preamble::None => connection.open(&mut self.protocol, now),
            Preamble::ProxyHeader(timeout) => connection.await_header(now + timeout),
        }
    }

    fn refuse(&self, reason: CloseReason) {
        self.inbox.connection_closed();
        self.settings.metrics.closed.get_or_create(&Reason { reason }).inc();
    }

    fn stop(&mut self, deadline: Instant, now: Instant) {
        let first = self.stop_at.is_none();
        self.stop_at = Some(self.stop_at.map_or(deadline, |earlier| earlier.min(deadline)));
        if !first {
            return;
        }
        self.protocol.stopping(now);
        // All are touched by this: each is asked what it wants now.
        self.connections.for_all(|connection| {
            if connection.parts().is_none() {
                connection.close(CloseReason::Shutdown);
            }
        });
    }

    /// Asks every connection that was touched in this turn what it wants, writes, and closes.
    fn end_turn(&mut self, now: Instant) {
        let touched = self.connections.take_touched();
        for &slot in &touched {
            self.connections.rename(slot);
            let Some(connection) = self.connections.slot(slot) else { continue };
            if !std::mem::take(&mut connection.lists.touched) {
                continue;
            }
            let mut turn = Turn {
                now,
                site: self.settings.site.as_deref(),
                tls: self.settings.tls.as_ref(),
                line_bytes: self.settings.line_bytes,
                counts: &mut self.counts,
            };
            let stall = self.settings.stall;
            connection.ask(&mut self.protocol, now);
            connection.end_turn(self.inbox.poll.registry(), &mut self.buffer, &mut turn);
            if connection.is_gone() {
                self.remove(slot, now);
                continue;
            }
            connection.watch(stall, now);
            if self.sweep_at.is_none() && connection.is_websocket() {
                self.sweep_at = Some(now + SWEEP_EVERY);
            }
            let drained = connection.take_drained();
            connection.note_deadline(&mut self.deadlines);
            self.connections.list_if_ready(slot);
            if drained {
                // Asked again in the next turn, after everybody else.
                self.connections.touch(slot);
            }
        }
        self.connections.recycle_touched(touched);
    }

    fn remove(&mut self, slot: usize, now: Instant) {
        let Some(connection) = self.connections.remove(slot) else { return };
        let id = connection.id;
        let closed = connection.into_closed();
        self.deadlines.set(slot, None);
        self.inbox.connection_closed();
        self.settings.metrics.connections.dec();
        self.settings.metrics.closed.get_or_create(&Reason { reason: closed.reason }).inc();
        log::debug!("connection {id} closed: {:?}", closed.reason);
        if let Some(session) = closed.session {
            self.protocol.closed(id, session, closed.reason, closed.acknowledged, now);
        }
    }
}

#[cfg(test)]
mod tests;
