//! The network layer: bytes in and out of sockets, cut into lines. It knows no user, no JSON and no SQL.
//!
//! ```text
//!   acceptor (main thread) --Adopt--> mailbox --> reactor thread
//!                                                   | poll -> read -> frame -> Protocol::line
//!   any thread ------------Post----> mailbox -->    | Protocol::message
//!                                                   | Protocol::after_turn, once for each session that was touched
//!                                                   | Link::send -> outbox -> write
//! ```
//!
//! A client comes as it is or by TLS (`transport`), and shows by its first bytes whether it speaks lines or HTTP (`connection::intake`).
//! By HTTP there are the web client's files, and a WebSocket, whose text messages are lines both ways; nothing behind
//! `connection` knows the difference. Where the protocol knows a peer's first object for that of a client that ends no line,
//! `objects` cuts the stream instead ([`Protocol::cut`]).
//!
//! Each reactor thread owns its `mio::Poll`, its connections and their outboxes. What the lines mean is the
//! [`Protocol`]'s business; the reactor keeps `P::Session` beside each socket without looking inside.

pub(crate) mod acceptor;
pub(crate) mod bounds;
mod connection;
mod connections;
mod counts;
mod deadlines;
mod door;
mod expiry;
pub mod frame;
pub mod http;
mod link;
pub mod mailbox;
pub mod objects;
pub mod outbox;
pub mod proxy;
pub mod reactor;
mod sys;
pub(crate) mod tls;
mod transport;
pub mod websocket;

use std::fmt;
use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;

/// Names what is on one connection of this process. A late message misses the next owner of the slot, and the next session
/// on the same connection ([`Link::renew`]): the generation differs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ConnId {
    /// The reactor thread that owns it.
    pub reactor: u16,
    /// Its place in that reactor's slab.
    pub slot: u32,
    /// How many names the reactor had given before.
    pub generation: u32,
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.{}", self.reactor, self.slot, self.generation)
    }
}

/// What the reactor does after a line was offered to the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// The line is taken; offer the next one.
    Continue,
    /// The line is taken; read nothing more from this socket in this turn. Then [`Wants::reading`] decides.
    Pause,
    /// The line is not taken: offer the same line again when [`Wants::reading`] says so, and read nothing until then.
    Retry,
}

/// How a peer's stream is cut: [`Protocol::cut`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// At line ends.
    Lines,
    /// At the ends of JSON objects: [`objects`].
    Objects,
    /// More has to come first.
    Unclear,
    /// It does not show yet, and so many bytes of this are nothing that anybody could mean: they are dropped.
    Dropped(usize),
}

/// What a session wants of its connection, as it stands: [`Protocol::after_turn`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wants {
    /// One call of [`Protocol::due`] at this time.
    pub wake_at: Option<Instant>,
    /// More lines. Without it nothing is read from the socket.
    pub reading: bool,
    /// Nothing is under way for it. A connection whose peer has ended its side (FIN) is closed, as
    /// [`CloseReason::PeerClosed`], when every line before that was taken and this is so.
    pub idle: bool,
}

impl Default for Wants {
    /// Lines, and nothing else.
    fn default() -> Self {
        Self { wake_at: None, reading: true, idle: true }
    }
}

/// Whether a peer must come by TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accepts {
    /// It may come as it is.
    PlainAndTls,
    /// It must.
    OnlyTls,
}

/// How much of a turn a connection may take up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allowance {
    /// Little, and all guests of a reactor together no more than a part of the turn.
    Guest,
    /// What an active client needs.
    Member,
}

/// Why a connection was closed. Each is a label of the `closed` counter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseReason {
    /// The peer ended its side in order (FIN).
    PeerClosed,
    /// The socket failed: reset, timed out, unreachable.
    SocketError,
    /// The peer has taken nothing for [`reactor::Settings::stall`], or more waits for it than twice the high-water mark.
    SlowConsumer,
    /// A line was longer than the limit.
    LineTooLong,
    /// The PROXY header was missing or malformed.
    BadProxyHeader,
    /// An exchange by HTTP has ended that opened no WebSocket.
    HttpDone,
    /// The peer came as it is where TLS is demanded.
    TlsRequired,
    /// The TLS handshake failed or did not end in time, or the peer broke the rules of TLS later.
    TlsFailed,
    /// The peer broke the rules of WebSocket.
    BadFrame,
    /// The protocol gave up on the peer: too many malformed lines.
    Misbehaved,
    /// No login within the time allowed.
    LoginTimeout,
    /// Too many connections of this address on which nobody is logged in.
    TooManyAnonymous,
    /// A newer session of the same user took over.
    Replaced,
    /// Its user has ended the session.
    Ended,
    /// The data went back to an earlier state; the session was of before.
    Restored,
    /// The server is shutting down.
    Shutdown,
}

/// One connection as the protocol may act on it, from the owning reactor thread only.
pub trait Link {
    /// Queues one line, its `\n` included. Never blocks and never reorders. It is for answers, of which there are few: while
    /// more than half the high-water mark waits no more lines are read. Beyond twice the mark the connection is closed as
    /// [`CloseReason::SlowConsumer`]; sends to a closing connection are dropped.
    fn send(&mut self, line: Bytes);
    /// Whether a line of so many bytes stays under the high-water mark. Whatever can be had again later asks first, and is not
    /// sent if there is no room; [`Protocol::after_turn`] is asked when there is.
    fn has_room(&mut self, bytes: usize) -> bool;
    /// Flushes what is queued as far as the peer takes it, then closes. [`Protocol::closed`] follows, once.
    fn close(&mut self, reason: CloseReason);
    /// Gives the connection another name at the end of this turn, and so in all calls from then on: whatever is still on its
    /// way to the session before misses the one that follows.
    fn renew(&mut self);
    /// Bytes waiting in the outbox, not yet given to the kernel.
    fn queued_bytes(&self) -> usize;
    /// The stream offset behind the last line queued: all bytes ever queued on this connection.
    fn offset(&self) -> u64;
    /// The stream offset up to which the peer's TCP has acknowledged. Asks the kernel (SIOCOUTQ).
    fn acknowledged(&mut self) -> u64;
}

/// The connections of one reactor, as the protocol sees them while it handles a message.
pub trait Outbound<S> {
    /// The session and link of a connection; `None` once it is closed or closing: what is sent then would not arrive, and
    /// must not count as sent.
    fn connection(&mut self, id: ConnId) -> Option<(&mut S, &mut dyn Link)>;
    /// Every open connection that is not closing, for what concerns all of them (shutdown, resync).
    fn each(&mut self, visit: &mut dyn FnMut(ConnId, &mut S, &mut dyn Link));
}

/// What a reactor runs: the meaning of the lines. One instance per reactor thread, called from that thread only.
/// No call may block.
pub trait Protocol {
    /// Kept beside each socket; the network layer never looks inside.
    type Session;
    /// What other threads post to this reactor.
    type Message: Send + 'static;

    /// A connection was opened by a client at address `from` (the PROXY header's, where that is on).
    fn opened(&mut self, conn: ConnId, from: IpAddr, link: &mut dyn Link, now: Instant) -> Self::Session;

    /// How this peer's stream is cut, of which these are the first bytes; asked until it is clear. Bytes with a line end in them must
    /// be. After a few seconds it is cut at line ends.
    fn cut(&mut self, session: &mut Self::Session, begun: &[u8]) -> Cut {
        let _ = (session, begun);
        Cut::Lines
    }

    /// A whole line arrived, without its line end; or an object ([`Cut::Objects`]). Blank lines are offered too.
    fn line(
        &mut self,
        conn: ConnId,
        session: &mut Self::Session,
        link: &mut dyn Link,
        line: &[u8],
        now: Instant,
    ) -> Flow;

    /// How much this session may take up of a turn. Asked whenever its socket is about to be read.
    fn allowance(&self, session: &Self::Session) -> Allowance {
        let _ = session;
        Allowance::Member
    }

    /// Bytes arrived that end no line. `Pause`, for a peer that sends too many of such pieces: read nothing more in this turn;
    /// then [`Wants::reading`] decides.
    fn fragment(&mut self, conn: ConnId, session: &mut Self::Session, link: &mut dyn Link, now: Instant) -> Flow {
        let _ = (conn, session, link, now);
        Flow::Continue
    }

    /// The peer begins a TLS handshake, which costs as much as many lines. `Pause`, for a peer that begins too many: read nothing
    /// more in this turn; then [`Wants::reading`] decides.
    fn handshake(&mut self, conn: ConnId, session: &mut Self::Session, link: &mut dyn Link, now: Instant) -> Flow {
        let _ = (conn, session, link, now);
        Flow::Continue
    }

    /// A line exceeded the limit. The connection is closed once what this queues is flushed.
    fn line_too_long(&mut self, session: &mut Self::Session, link: &mut dyn Link);

    /// A message another thread posted.
    fn message(&mut self, message: Self::Message, net: &mut dyn Outbound<Self::Session>, now: Instant);

    /// The lines and messages of this turn have been handled: what was gathered meanwhile may be handed on now. Called in
    /// every turn of the reactor, also when nothing came.
    fn turn_ended(&mut self, net: &mut dyn Outbound<Self::Session>, now: Instant);

    /// When there is to be a turn though nothing has come; asked before the reactor waits.
    fn turn_by(&self) -> Option<Instant> {
        None
    }

    /// The time asked for by [`Wants::wake_at`] has come.
    fn due(&mut self, conn: ConnId, session: &mut Self::Session, link: &mut dyn Link, now: Instant);

    /// What the session wants from now on. Asked at the end of every turn in which the session was touched by any other call,
    /// and when its outbox, which was over the low-water mark (a quarter of the high-water mark), is below it again. So no
    /// other call has to tell what follows from what it has changed.
    fn after_turn(&mut self, conn: ConnId, session: &mut Self::Session, link: &mut dyn Link, now: Instant) -> Wants {
        let _ = (conn, session, link, now);
        Wants::default()
    }

    /// The connection is gone; called exactly once for each that was opened. `acknowledged` is the stream offset
    /// that the peer's TCP is known to have received; after a reset it is what was known before.
    fn closed(&mut self, conn: ConnId, session: Self::Session, reason: CloseReason, acknowledged: u64, now: Instant);

    /// The server is stopping: take no more lines. Called once; every session is asked by [`Protocol::after_turn`] in the
    /// same turn. The reactor ends when all connections are closed.
    fn stopping(&mut self, now: Instant);
}
