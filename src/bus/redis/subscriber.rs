//! The subscriber thread: one poll, one socket. What it means is [`SubscriberState`]'s business; this file moves the bytes.
//!
//! ```text
//!   socket --64 KiB at a time--> inbox --frames--> Link --bells--> Listener
//!   Summons --> Link::order --> outbox --> socket
//! ```

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::address::Address;
use super::complaints::Complaints;
use super::current_server::Current;
use super::resp;
use super::shared::Shared;
use super::subscriber_state::{Caller, Effect, SubscriberState};
use super::subscriber_waker::WakeReason;
use super::times::now;
use super::transport::Transport;
use crate::bus::Listener;

/// The waker's token.
pub(super) const SUMMONS: Token = Token(0);
const SOCKET: Token = Token(1);

/// Bytes read at one time. Between two reads subscriptions have their turn, however many bells come.
const READ_BYTES: usize = 64 * 1024;

/// The subscriber's state; owned by its thread.
pub(super) struct Subscriber {
    shared: Arc<Shared>,
    listener: Arc<dyn Listener>,
    poll: Poll,
    link: SubscriberState,
    connection: Option<Connection>,
    /// The server of the connection, or of the last attempt.
    server: Current,
    /// How often the link has come up.
    ups: u64,
    /// Since it was up last.
    complaints: Complaints,
}

struct Connection {
    stream: Transport,
    /// What has been read and is no whole frame yet, in `inbox[..filled]`. It grows to one longest frame and one read.
    inbox: Vec<u8>,
    filled: usize,
    /// What waits to be sent. Orders are taken only while it is empty.
    outbox: Vec<u8>,
    readiness: Readiness,
}

/// Whether the socket may have more to read. Polling is edge-triggered: no second event comes for what was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Drained,
    MayHaveMore,
}

impl Subscriber {
    pub(super) fn new(shared: Arc<Shared>, listener: Arc<dyn Listener>, poll: Poll) -> Self {
        let caller = Caller {
            node: shared.node,
            names: shared.names.clone(),
            greeting: shared.target.credentials().greeting(&shared.name("subscriber")),
        };
        let link = SubscriberState::new(
            caller,
            Arc::clone(&shared.subscriptions),
            Arc::clone(&shared.nodes),
            shared.times,
            now(),
        );
        let complaints = Complaints::new("this node does not hear others");
        // No server has this number, so the first connection goes to whichever is there.
        let server = Current { at: None, number: 0 };
        Self { shared, listener, poll, link, connection: None, server, ups: 0, complaints }
    }

    /// Runs until [`WakeReason::Stop`].
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(8);
        loop {
            let calls = self.shared.subscriber_waker.take();
            if calls.include(WakeReason::Stop) {
                break;
            }
            if calls.include(WakeReason::NodeGone) {
                self.listener.resync("another node has gone");
            }
            if calls.include(WakeReason::Introduced) && self.shared.introduction.is_made() {
                self.link.introduced();
                self.listener.introduced(self.shared.nodes.known().len());
            }
            if calls.include(WakeReason::ServerChanged) && self.server.number != self.shared.server.number() {
                self.link.moved(now());
            }
            self.tick();
            self.act();
            self.order();
            if let Err(error) = self.poll.poll(&mut events, Some(self.timeout()))
                && error.kind() != io::ErrorKind::Interrupted
            {
                self.fail(&error);
            }
            if events.iter().any(|event| event.token() == SOCKET && event.is_readable())
                && let Some(connection) = &mut self.connection
            {
                connection.readiness = Readiness::MayHaveMore;
            }
            self.flush();
            self.read();
        }
        self.shared.down();
    }

    fn tick(&mut self) {
        let now = now();
        if self.link.seems_silent(now) {
            // This thread, or the machine, may have been held up: what has come meanwhile waits in the socket.
            if let Some(connection) = &mut self.connection {
                connection.readiness = Readiness::MayHaveMore;
            }
            self.read();
        }
        self.link.tick(now);
    }

    fn timeout(&self) -> Duration {
        if self.connection.as_ref().is_some_and(|connection| connection.readiness == Readiness::MayHaveMore) {
            return Duration::ZERO;
        }
        // A link without a deadline has an event under way; the bound is for the reader's peace of mind.
        self.link.due().map_or(self.shared.times.ping, |due| due.saturating_duration_since(now()))
    }

    /// Does what the link asks for, until it asks for nothing more.
    fn act(&mut self) {
        loop {
            let effects = self.link.effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Connect => self.connect(),
                    Effect::Send(bytes) => self.send(&bytes),
                    Effect::Close(why) => self.close(&why),
                    Effect::Up => self.up(),
                    Effect::Down => self.shared.down(),
                    Effect::Resync(why) => self.listener.resync(why),
                    Effect::Met(node) => self.listener.met(node),
                    Effect::Asked => {
                        self.shared.introduction.ask();
                        self.shared.outgoing.rouse();
                    }
                }
            }
        }
    }

    fn up(&mut self) {
        log::info!("connected to Redis: this node hears the others");
        if self.ups > 0 {
            self.shared.metrics.bus_reconnects.inc();
        }
        self.ups += 1;
        self.complaints.over();
        self.shared.up(self.server.number);
        self.shared.introduction.up();
        self.shared.outgoing.rouse();
    }

    fn connect(&mut self) {
        self.server = self.shared.server.now();
        let Some(server) = self.server.at.clone() else {
            return self.link.failed(now(), "the sentinels name no master that can be reached");
        };
        match self.open(&server) {
            Ok((connection, local)) => {
                self.connection = Some(connection);
                self.link.connected(local, now());
            }
            Err(error) => self.link.failed(now(), &server.explain(&error)),
        }
    }

    /// Opens a connection; also tells where it comes from. It blocks: without a connection this thread has nothing else to do.
    fn open(&self, server: &Address) -> io::Result<(Connection, Option<SocketAddr>)> {
        let stream = Transport::open(server, self.shared.times.connect)?;
        stream.wait_no_more()?;
        let local = stream.local_addr();
        let events = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut SourceFd(&stream.as_raw_fd()), SOCKET, events)?;
        Ok((Connection::new(stream), local))
    }

    fn send(&mut self, bytes: &[u8]) {
        if let Some(connection) = &mut self.connection {
            connection.outbox.extend_from_slice(bytes);
        }
        self.flush();
    }

    /// Takes orders as long as the socket takes them.
    fn order(&mut self) {
        while self.connection.as_ref().is_some_and(|connection| connection.outbox.is_empty()) {
            self.link.order();
            let effects = self.link.effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                if let Effect::Send(bytes) = effect {
                    self.send(&bytes);
                }
            }
        }
    }

    fn flush(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if let Err(error) = connection.flush() {
            self.fail(&error);
        }
    }

    fn read(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if connection.readiness == Readiness::Drained {
            return;
        }
        match connection.read() {
            Ok(0) => {}
            Ok(_) => self.hear(now()),
            Err(error) => self.fail(&error),
        }
        self.act();
    }

    /// Hands all whole frames to the link, and the bells among them to the listener as one slice.
    fn hear(&mut self, now: Instant) {
        let Some(connection) = &mut self.connection else { return };
        self.link.alive(now);
        let mut bells = Vec::new();
        let mut used = 0;
        loop {
            match resp::next(&connection.inbox[used..connection.filled]) {
                Ok(Some((frame, length))) => {
                    bells.extend(self.link.frame(frame, now));
                    used += length;
                }
                Ok(None) => break,
                Err(garbage) => {
                    self.link.failed(now, &garbage.to_string());
                    break;
                }
            }
        }
        if !bells.is_empty() {
            self.shared.metrics.bus_heard.inc_by(bells.len() as u64);
            self.listener.bells(&bells);
        }
        connection.forget(used);
    }

    fn fail(&mut self, error: &io::Error) {
        let why = self.server.at.as_ref().map_or_else(|| error.to_string(), |server| server.explain(error));
        self.link.failed(now(), &why);
        self.act();
    }

    fn close(&mut self, why: &str) {
        self.complaints.failed(why, now());
        self.shared.introduction.away();
        let Some(connection) = self.connection.take() else { return };
        // It may fail on a dead socket; dropping it does the rest.
        let _ = self.poll.registry().deregister(&mut SourceFd(&connection.stream.as_raw_fd()));
        connection.stream.end();
    }
}

impl Connection {
    fn new(stream: Transport) -> Self {
        let inbox = vec![0; READ_BYTES];
        Self { stream, inbox, filled: 0, outbox: Vec::new(), readiness: Readiness::MayHaveMore }
    }

    /// Reads once; returns how many bytes have come.
    fn read(&mut self) -> io::Result<usize> {
        if self.inbox.len() - self.filled < READ_BYTES {
            // `resp` refuses a frame that is longer than its bound, so this ends.
            self.inbox.resize(self.filled + READ_BYTES, 0);
        }
        match self.stream.read(&mut self.inbox[self.filled..]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.filled += count;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readiness = Readiness::Drained;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Drops the first `used` bytes of the inbox, and its memory after a long frame.
    fn forget(&mut self, used: usize) {
        self.inbox.copy_within(used..self.filled, 0);
        self.filled -= used;
        if self.filled == 0 && self.inbox.len() > 2 * READ_BYTES {
            self.inbox = vec![0; READ_BYTES];
        }
    }

    /// Writes what the socket takes now.
    fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        let outcome = loop {
            let rest = &self.outbox[written..];
            // What TLS has taken before may still wait for the socket, so there may be something to do without a rest.
            let count = if rest.is_empty() { self.stream.flush().map(|()| 0) } else { self.stream.write(rest) };
            match count {
                Ok(0) => break Ok(()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.outbox.drain(..written);
        outcome
    }
}
