//! The connections of a run: one thread, one poll, no blocking. What the lines mean is the [`Client`]'s business.
//!
//! ```text
//!   poll -> read -> cut into lines -> Client::line ---send---> out buffers
//!    ^                                Client::turn               |
//!    +--- wait (or the pacer) <---------- one write for each connection that has something to send
//! ```
//!
//! Between the socket and the lines may stand TLS and WebSocket frames (transport); plain lines are cut and written as they
//! are.
//!
//! Connections are numbered by the client, from 0. A read that does not fill the buffer has emptied the socket, so the
//! usual line costs one system call, not two.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use memchr::memchr;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustls::HandshakeKind;
use socket2::{Domain, Protocol, Socket, Type};

use crate::clock::now;
use crate::pacer::Pacer;
use crate::source::Sources;
use crate::transport::{Farewell, Way, Wrapping};

/// What one read takes at most.
const READ_BYTES: usize = 64 * 1024;
/// What may gather for one connection before it is written without waiting for the end of the turn.
const WRITE_EARLY_BYTES: usize = 32 * 1024;
/// No server of ours sends longer lines.
const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
const EVENTS_MAX: usize = 1024;
const PACER: Token = Token(usize::MAX);

/// Until when to wait for events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Call [`Client::turn`] at this time, or when something has come.
    Until(Instant),
    /// All is done.
    Done,
}

/// What a workload does with what happens. An error ends the run.
pub(crate) trait Client {
    /// A connection that was asked for is there, and lines may go over it.
    fn connected(&mut self, net: &mut Net, k: usize) -> Result<()>;
    /// A line came in at `at`.
    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], at: Instant) -> Result<()>;
    /// The other side ended a connection, or it could not be had. Not called for those that the client closes.
    /// An error, unless a workload knows better.
    fn closed(&mut self, _net: &mut Net, k: usize, why: &io::Error) -> Result<()> {
        Err(cut_off(k, why))
    }
    /// All that had come is handled.
    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Next>;
}

/// The error of a connection that ended while it was needed.
pub(crate) fn cut_off(k: usize, why: &io::Error) -> anyhow::Error {
    anyhow!("connection {k} is closed: {why}. The server's log may tell why")
}

/// The event loop.
pub(crate) struct Engine {
    events: Events,
    buffers: Buffers,
    /// The connections.
    pub(crate) net: Net,
}

struct Buffers {
    /// What a socket had.
    raw: Box<[u8]>,
    /// The lines in it, where they do not come plain.
    lines: Vec<u8>,
}

/// The connections, as a client may act on them.
pub(crate) struct Net {
    poll: Poll,
    way: Way,
    pacer: Pacer,
    sources: Sources,
    connections: Vec<Option<Connection>>,
    /// Those with something to send.
    unsent: Vec<usize>,
    opened: u64,
}

struct Connection {
    socket: TcpStream,
    /// Tells it from others that had the same number before.
    generation: u64,
    state: State,
    /// `None`: the lines go plain.
    wrapping: Option<Box<Wrapping>>,
    /// The beginning of a line that has no end yet.
    carry: Vec<u8>,
    /// For the socket.
    out: Vec<u8>,
    /// What of `out` is written.
    written: usize,
    /// It is in `unsent`.
    is_listed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// There is no TCP connection yet.
    Connecting,
    /// A handshake is under way.
    Opening,
    Open,
}

impl Engine {
    /// An engine without connections, which will be made this way.
    pub(crate) fn new(way: Way) -> Result<Self> {
        let poll = Poll::new().context("cannot have an epoll")?;
        let pacer = Pacer::new(poll.registry(), PACER).context("cannot have a timer")?;
        let net = Net {
            poll,
            way,
            pacer,
            sources: Sources::default(),
            connections: Vec::new(),
            unsent: Vec::new(),
            opened: 0,
        };
        let buffers = Buffers { raw: vec![0; READ_BYTES].into(), lines: Vec::new() };
        Ok(Self { events: Events::with_capacity(EVENTS_MAX), buffers, net })
    }

    /// Runs `client` until it is done.
    pub(crate) fn run(&mut self, client: &mut impl Client) -> Result<()> {
        loop {
            let next = client.turn(&mut self.net, now())?;
            self.net.flush();
            let Next::Until(at) = next else { return Ok(()) };
            self.net.pacer.wake_at(at, now()).context("cannot set the timer")?;
            match self.net.poll.poll(&mut self.events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled.context("cannot poll")?,
            }
            for event in &self.events {
                if event.token() != PACER {
                    ready(&mut self.net, &mut self.buffers, client, event)?;
                }
            }
        }
    }
}

fn ready(net: &mut Net, buffers: &mut Buffers, client: &mut impl Client, event: &Event) -> Result<()> {
    let k = event.token().0;
    let Some(connection) = net.connection(k) else { return Ok(()) };
    if connection.state == State::Connecting {
        match connection.socket.take_error().and_then(|error| error.map_or(Ok(()), Err)) {
            Ok(()) if !event.is_writable() => return Ok(()),
            Ok(()) => {
                connection.state = if connection.wrapping.is_some() { State::Opening } else { State::Open };
                net.list(k);
            }
            Err(error) => {
                net.close(k);
                return client.closed(net, k, &error);
            }
        }
        if net.is_open(k) {
            client.connected(net, k)?;
        }
    } else if event.is_writable() && !connection.out.is_empty() {
        net.list(k);
    }
    if event.is_readable() || event.is_read_closed() || event.is_error() {
        read(net, buffers, client, k, event.is_read_closed() || event.is_error())?;
    }
    Ok(())
}

/// Reads what is there; with `to_the_end`, until the socket says that it has ended.
fn read(net: &mut Net, buffers: &mut Buffers, client: &mut impl Client, k: usize, to_the_end: bool) -> Result<()> {
    loop {
        let Some(connection) = net.connection(k) else { return Ok(()) };
        let bytes = match connection.socket.read(&mut buffers.raw) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            read => read,
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                net.close(k);
                return client.closed(net, k, &error);
            }
        };
        if connection.wrapping.is_none() {
            cut(net, &buffers.raw[..bytes], client, k)?;
        } else {
            unwrap(net, buffers, client, k, bytes)?;
        }
        if bytes < buffers.raw.len() && !to_the_end {
            return Ok(());
        }
    }
}

/// Finds the lines in the first `bytes` of what was read, and hands them to the client; goes on with the opening.
fn unwrap(net: &mut Net, buffers: &mut Buffers, client: &mut impl Client, k: usize, bytes: usize) -> Result<()> {
    buffers.lines.clear();
    let Some(connection) = net.connection(k) else { return Ok(()) };
    let Some(wrapping) = &mut connection.wrapping else { return Ok(()) };
    let unwrapped = wrapping.unwrap(&buffers.raw[..bytes], &mut buffers.lines);
    let is_news = connection.state == State::Opening && wrapping.is_open();
    let generation = connection.generation;
    if is_news {
        connection.state = State::Open;
    }
    // TLS may have something to say, also when it fails.
    net.list(k);
    if is_news {
        client.connected(net, k)?;
    }
    cut(net, &buffers.lines, client, k)?;
    let Err(error) = unwrapped else { return Ok(()) };
    let Some(connection) = net.connection(k).filter(|connection| connection.generation == generation) else {
        return Ok(());
    };
    connection.write();
    net.close(k);
    client.closed(net, k, &error)
}

/// Hands each whole line to the client and keeps the rest. Stops when the client closes the connection.
fn cut(net: &mut Net, chunk: &[u8], client: &mut impl Client, k: usize) -> Result<()> {
    let at = now();
    let Some(connection) = net.connection(k) else { return Ok(()) };
    let generation = connection.generation;
    let mut carry = std::mem::take(&mut connection.carry);
    let mut rest = chunk;
    while let Some(end) = memchr(b'\n', rest) {
        if carry.is_empty() {
            client.line(net, k, &rest[..end], at)?;
        } else {
            carry.extend_from_slice(&rest[..end]);
            client.line(net, k, &carry, at)?;
            carry.clear();
        }
        rest = &rest[end + 1..];
        if net.connection(k).is_none_or(|connection| connection.generation != generation) {
            return Ok(());
        }
    }
    carry.extend_from_slice(rest);
    ensure!(carry.len() <= LINE_BYTES_MAX, "the server sends a line that does not end");
    if let Some(connection) = net.connection(k) {
        connection.carry = carry;
    }
    Ok(())
}

impl Net {
    /// Opens connection `k`, which must not be open; [`Client::connected`] or [`Client::closed`] follows.
    ///
    /// # Errors
    /// There is no descriptor or no address for it.
    pub(crate) fn connect(&mut self, k: usize, target: SocketAddr) -> Result<()> {
        let cannot = || format!("cannot connect to {target}");
        let wrapping = self.way.wrapping(target).with_context(cannot)?;
        let socket = self.dial(target).with_context(cannot)?;
        self.add(k, socket, wrapping)
    }

    /// Takes a socket that is open, or about to be, as connection `k`, for plain lines.
    pub(crate) fn adopt(&mut self, k: usize, socket: TcpStream) -> Result<()> {
        self.add(k, socket, None)
    }

    fn add(&mut self, k: usize, mut socket: TcpStream, wrapping: Option<Box<Wrapping>>) -> Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(k), interest).context("cannot watch a socket")?;
        if self.connections.len() <= k {
            self.connections.resize_with(k + 1, || None);
        }
        self.opened += 1;
        self.connections[k] = Some(Connection {
            socket,
            generation: self.opened,
            state: State::Connecting,
            wrapping,
            carry: Vec::new(),
            out: Vec::new(),
            written: 0,
            is_listed: false,
        });
        Ok(())
    }

    fn dial(&mut self, target: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = self.sources.next(target) {
            socket.bind(&source.into())?;
        }
        match socket.connect(&target.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }

    /// Queues bytes; they go out at the end of the turn. Nothing happens if the connection is closed.
    pub(crate) fn send(&mut self, k: usize, bytes: &[u8]) {
        if let Some(connection) = self.connection(k) {
            let lines = connection.wrapping.as_mut().map_or(&mut connection.out, |wrapping| &mut wrapping.lines);
            lines.extend_from_slice(bytes);
            let is_much = connection.queued_bytes() >= WRITE_EARLY_BYTES;
            if is_much && connection.state == State::Open {
                connection.write();
            }
            self.list(k);
        }
    }

    /// Bytes queued that the kernel has not taken.
    pub(crate) fn queued_bytes(&self, k: usize) -> usize {
        self.connections.get(k).and_then(Option::as_ref).map_or(0, Connection::queued_bytes)
    }

    /// How TLS has begun on connection `k`; `None` without TLS, or while it has not.
    pub(crate) fn handshake(&self, k: usize) -> Option<HandshakeKind> {
        self.connections.get(k)?.as_ref()?.wrapping.as_ref()?.handshake()
    }

    /// Says that nothing more will be sent; the other side's end is reported by [`Client::closed`].
    pub(crate) fn finish(&mut self, k: usize) {
        if let Some(connection) = self.connection(k) {
            let farewell = connection.say_goodbye();
            connection.write();
            if farewell == Farewell::Fin {
                // Whoever has gone already needs not be told.
                let _ = connection.socket.shutdown(std::net::Shutdown::Write);
            }
        }
    }

    /// Closes it.
    pub(crate) fn close(&mut self, k: usize) {
        if let Some(slot) = self.connections.get_mut(k) {
            *slot = None;
        }
    }

    /// Cuts it off, as a network that fails: the other side gets a reset and no end.
    pub(crate) fn cut(&mut self, k: usize) {
        if let Some(connection) = self.connection(k) {
            // Without it the other side gets an orderly end, which is all the same to the run.
            let _ = socket2::SockRef::from(&connection.socket).set_linger(Some(Duration::ZERO));
        }
        self.close(k);
    }

    /// Closes all.
    pub(crate) fn close_all(&mut self) {
        self.connections.clear();
    }

    fn connection(&mut self, k: usize) -> Option<&mut Connection> {
        self.connections.get_mut(k)?.as_mut()
    }

    fn is_open(&mut self, k: usize) -> bool {
        self.connection(k).is_some_and(|connection| connection.state == State::Open)
    }

    fn list(&mut self, k: usize) {
        let Some(connection) = self.connection(k) else { return };
        if !std::mem::replace(&mut connection.is_listed, true) {
            self.unsent.push(k);
        }
    }

    fn flush(&mut self) {
        let mut unsent = std::mem::take(&mut self.unsent);
        for k in unsent.drain(..) {
            if let Some(connection) = self.connection(k) {
                connection.is_listed = false;
                if connection.state != State::Connecting {
                    connection.write();
                }
            }
        }
        self.unsent = unsent;
    }
}

impl Connection {
    /// Bytes queued that the kernel has not taken.
    fn queued_bytes(&self) -> usize {
        let unwrapped = self.wrapping.as_ref().map_or(0, |wrapping| wrapping.lines.len());
        self.out.len() - self.written + unwrapped
    }

    fn say_goodbye(&mut self) -> Farewell {
        let Some(wrapping) = &mut self.wrapping else { return Farewell::Fin };
        // A session that has failed says nothing; the socket's end is enough.
        wrapping.finish(&mut self.out).unwrap_or(Farewell::Fin)
    }

    /// Writes until all is out or the socket is full; then an event will tell when to go on.
    fn write(&mut self) {
        if let Some(wrapping) = &mut self.wrapping
            && wrapping.wrap(&mut self.out).is_err()
        {
            // As below: it fails on the reading side, too.
            return;
        }
        while self.written < self.out.len() {
            match self.socket.write(&self.out[self.written..]) {
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The reading side hears of it, too, and tells the client.
                Err(_) => break,
            }
        }
        self.out.clear();
        self.written = 0;
    }
}
