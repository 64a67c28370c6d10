//! The socket, on threads of its own: the screen never waits for the network.
//!
//! ```text
//!   open() -> reader thread: resolve, connect, TLS handshake, read lines ----> Incoming, in a channel
//!             writer thread: lines from a channel -> socket                     (started when connected)
//! ```
//!
//! Every attempt has a number, so that what an older connection still says is told apart.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::model::Event;
use crate::server::Server;
use crate::stream::Stream;
use crate::tls::Trouble;

/// How long one address may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A peer that does not read for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// No line of the server is longer: a login reply with hundreds of groups and offline messages stays below.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How a server that wants TLS answers plain lines: with an alert, whose record begins so (RFC 8446, section 5.1).
const TLS_ALERT: &[u8] = &[21, 3];

/// Numbers of connections, unique in the process: an account that was switched away from is not heard any more.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// Events that wait for the client; beyond it the socket is not read, and TCP makes the server wait.
const EVENTS_MAX: usize = 1024;

/// The channel on which a client hears of the network.
pub(crate) fn channel() -> (Sender<Incoming>, Receiver<Incoming>) {
    bounded(EVENTS_MAX)
}

/// What came from which connection.
pub(crate) type Incoming = (u64, Event);

/// The client's side of the network: at most one connection at a time.
pub(crate) struct Net {
    server: Server,
    /// Of the present connection.
    number: u64,
    connection: Option<Connection>,
    events: Sender<Incoming>,
}

struct Connection {
    lines: Sender<String>,
    /// Ends when all lines are written.
    written: Receiver<()>,
    /// Set once TCP is there: a handshake that hangs can be ended, too.
    socket: Arc<Mutex<Slot>>,
}

/// What the writer takes, and what it holds until all is written.
type Lines = (Receiver<String>, Sender<()>);

/// Where a socket will be, unless it is not wanted any more.
enum Slot {
    Awaited,
    Open(TcpStream),
    Unwanted,
}

impl Net {
    /// Connects to `server` when asked to; what comes goes to `events`.
    pub(crate) fn new(server: Server, events: Sender<Incoming>) -> Self {
        Self { server, number: 0, connection: None, events }
    }

    /// Starts to connect. Never waits.
    pub(crate) fn open(&mut self) {
        self.close();
        // Bounded by what the model has under way: a window of messages, and one request per order.
        let (lines, to_write) = unbounded();
        let (writing, written) = bounded(0);
        let socket = Arc::new(Mutex::new(Slot::Awaited));
        self.connection = Some(Connection { lines, written, socket: Arc::clone(&socket) });
        let (server, events, number) = (self.server.clone(), self.events.clone(), self.number);
        thread::spawn(move || {
            let end = converse(&server, &socket, (to_write, writing), &|event| {
                let _ = events.send((number, event));
            });
            let _ = events.send((number, end));
        });
    }

    /// Hangs up.
    pub(crate) fn close(&mut self) {
        self.number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let Some(connection) = self.connection.take() else { return };
        let mut slot = connection.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if let Slot::Open(socket) = std::mem::replace(&mut *slot, Slot::Unwanted) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Hangs up when what is queued has been written, or after this time.
    pub(crate) fn finish(&mut self, patience: Duration) {
        if let Some(connection) = self.connection.take() {
            let Connection { lines, written, socket } = connection;
            drop(lines);
            if matches!(*socket.lock().unwrap_or_else(PoisonError::into_inner), Slot::Open(_)) {
                let _ = written.recv_timeout(patience);
            }
        }
        self.close();
    }

    /// Queues a line. Without a connection it is dropped: whoever sends keeps what matters.
    pub(crate) fn send(&self, line: String) {
        if let Some(connection) = &self.connection {
            let _ = connection.lines.send(line);
        }
    }

    /// The event, if it is from the present connection.
    pub(crate) fn current(&self, (number, event): Incoming) -> Option<Event> {
        (number == self.number).then_some(event)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.close();
    }
}

/// One connection from beginning to end; how it has ended.
fn converse(server: &Server, slot: &Mutex<Slot>, lines: Lines, tell: &dyn Fn(Event)) -> Event {
    let socket = match connect(&server.place) {
        Ok(socket) => socket,
        Err(why) => return Event::Lost(why),
    };
    let Ok(for_slot) = socket.try_clone() else { return no_descriptor() };
    {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*slot, Slot::Unwanted) {
            return Event::Lost("not wanted any more".to_owned());
        }
        *slot = Slot::Open(for_slot);
    }
    let session = match server.tls.as_ref().map(|tls| tls.handshake(&socket, &server.place)).transpose() {
        Ok(session) => session,
        Err(Trouble::Passing(why)) => return Event::Lost(why),
        Err(Trouble::Lasting(why)) => return Event::Unfit(why),
    };
    let Ok([to_read, to_write]) = Stream::halves(socket, session) else { return no_descriptor() };
    thread::spawn(move || {
        write(to_write, &lines.0);
        drop(lines);
    });
    tell(Event::Connected);
    read(to_read, server, tell)
}

fn no_descriptor() -> Event {
    Event::Lost("no file descriptor left".to_owned())
}

fn connect(place: &str) -> Result<TcpStream, String> {
    let addresses = place.to_socket_addrs().map_err(|error| format!("{place}: {error}"))?;
    let mut why = format!("{place} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(socket) => {
                let _ = socket.set_nodelay(true);
                let _ = socket.set_write_timeout(Some(WRITE_TIMEOUT));
                return Ok(socket);
            }
            Err(error) => why = plain(&error),
        }
    }
    Err(why)
}

fn read(stream: Stream, server: &Server, tell: &dyn Fn(Event)) -> Event {
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            // In plain text no line begins so; within TLS no server speaks TLS again.
            Ok(_) if line.starts_with(TLS_ALERT) => return Event::Unfit(only_tls(server)),
            Ok(_) if line.ends_with(b"\n") => tell(Event::Line(String::from_utf8_lossy(&line).trim_end().to_owned())),
            Ok(_) => return closed(),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return closed(),
            Err(error) => return Event::Lost(plain(&error)),
        }
    }
}

fn only_tls(server: &Server) -> String {
    let place = &server.place;
    format!("{place} speaks only TLS, and the client spoke plain: write --server tls://{place}")
}

fn closed() -> Event {
    Event::Lost("the server closed the connection".to_owned())
}

/// Writes until the connection or the client ends. A failed write ends the reader, too, which tells why.
fn write(mut stream: Stream, lines: &Receiver<String>) {
    for line in lines {
        if stream.write_all(line.as_bytes()).is_err() {
            stream.shut_down();
            return;
        }
    }
    stream.finish();
}

/// An error without its number: `Connection refused`.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
