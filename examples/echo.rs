//! An echo server: every line comes back as it came, and so does every message of a WebSocket at /ws. It shows how the
//! network layer is used alone: [`Echo`] says what lines mean, reactors run it, and a listener deals sockets to them.
//!
//! ```text
//!   cargo run --example echo -- 127.0.0.1:7000     port 0, which is the default, takes any free one
//!   nc 127.0.0.1 7000                              what you type comes back
//! ```
//!
//! It runs until it is killed. A client that sends faster than it reads loses nothing: the server stops reading until the
//! client has taken its answers, so that TCP slows it down.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use mio::net::TcpStream;
use stonechat::metrics::Metrics;
use stonechat::net::http::Site;
use stonechat::net::mailbox::{ReactorHandle, channel};
use stonechat::net::reactor::{self, Preamble, Settings};
use stonechat::net::{Accepts, CloseReason, ConnId, Flow, Link, Outbound, Protocol, Wants};

/// Threads that serve connections, each its own.
const REACTORS: u16 = 2;
/// The longest line or message.
const LINE_BYTES: usize = 1024 * 1024;
/// What may wait to be written to a client.
const OUTBOX_BYTES: usize = 1024 * 1024;
/// How long accepting is left alone after an error: as a rule all descriptors are in use, and somebody may leave.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// The meaning of lines; each reactor has one of its own.
struct Echo;

/// What is kept beside each socket.
struct Session {
    /// The answer that there was no room for, in bytes; 0 if there is none.
    postponed: usize,
}

impl Protocol for Echo {
    type Session = Session;
    /// Nobody posts anything to these reactors.
    type Message = Infallible;

    fn opened(&mut self, _: ConnId, _: IpAddr, _: &mut dyn Link, _: Instant) -> Session {
        Session { postponed: 0 }
    }

    fn line(&mut self, _: ConnId, session: &mut Session, link: &mut dyn Link, line: &[u8], _: Instant) -> Flow {
        let bytes = line.len() + 1;
        if !link.has_room(bytes) {
            session.postponed = bytes;
            return Flow::Retry;
        }
        session.postponed = 0;
        link.send([line, b"\n"].concat().into());
        Flow::Continue
    }

    /// Asked after every turn, and when the outbox has drained: the line that was postponed is offered again as soon as its
    /// answer has room, and nothing is read before.
    fn after_turn(&mut self, _: ConnId, session: &mut Session, link: &mut dyn Link, _: Instant) -> Wants {
        Wants { reading: link.has_room(session.postponed), ..Wants::default() }
    }

    /// The connection is closed; a WebSocket is told why (1009), and a client of lines sees the end.
    fn line_too_long(&mut self, _: &mut Session, _: &mut dyn Link) {}

    fn message(&mut self, message: Infallible, _: &mut dyn Outbound<Session>, _: Instant) {
        match message {}
    }

    // Nothing is gathered during a turn, nobody asks for a deadline, and nothing outlives a connection.
    fn turn_ended(&mut self, _: &mut dyn Outbound<Session>, _: Instant) {}
    fn due(&mut self, _: ConnId, _: &mut Session, _: &mut dyn Link, _: Instant) {}
    fn closed(&mut self, _: ConnId, _: Session, _: CloseReason, _: u64, _: Instant) {}
    fn stopping(&mut self, _: Instant) {}
}

/// Starts a reactor on a thread of its own.
fn start(number: u16, settings: Settings) -> io::Result<ReactorHandle<Infallible>> {
    let (handle, inbox) = channel(number)?;
    thread::Builder::new().name(format!("reactor-{number}")).spawn(move || {
        if let Err(error) = reactor::run(inbox, settings, Echo) {
            eprintln!("reactor {number} has ended: {error}");
        }
    })?;
    Ok(handle)
}

#[expect(clippy::disallowed_methods, reason = "an example's listener may sleep; the server's acceptor does not")]
fn main() -> io::Result<()> {
    let listener = TcpListener::bind(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:0"))?;
    let settings = Settings {
        line_bytes: LINE_BYTES,
        outbox_bytes: OUTBOX_BYTES,
        // A client that takes nothing costs no more than its outbox, and may go on when it likes.
        stall: None,
        preamble: Preamble::None,
        // Pages of this very address may open a WebSocket; it serves none itself.
        site: Some(Arc::new(Site::default())),
        tls: None,
        metrics: Arc::new(Metrics::new()),
    };
    let reactors: Vec<_> = (0..REACTORS).map(|number| start(number, settings.clone())).collect::<io::Result<_>>()?;
    println!("listening on {}", listener.local_addr()?);
    for reactor in reactors.iter().cycle() {
        match listener.accept().and_then(prepared) {
            Ok((socket, from)) => reactor.adopt(socket, from, Accepts::PlainAndTls).map_err(io::Error::other)?,
            Err(error) => {
                eprintln!("cannot accept a connection: {error}");
                thread::sleep(ERROR_PAUSE);
            }
        }
    }
    Ok(())
}

/// A socket as a reactor wants it.
fn prepared((socket, from): (std::net::TcpStream, SocketAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    Ok((TcpStream::from_std(socket), from))
}
