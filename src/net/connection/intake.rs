//! What becomes of the bytes that a peer sends: they show by which door it comes in, and only lines go on from there.
//!
//! ```text
//!   [PROXY header] -> [TLS ->] -> a method and a blank: HTTP -> a file | /ws: WebSocket, whose messages are lines
//!                              -> an object that the protocol knows for one without a line end: objects
//!                              -> anything else: lines
//! ```
//!
//! Only lines and objects reach the protocol: a request of HTTP, whatever it carries, cannot become one.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustls::ServerConfig;

use super::{Connection, PeerSide, Phase, Turn, Visit};
use crate::net::door::{Begun, Door, HANDSHAKE_TIME, Http, Stream};
use crate::net::frame::{Fed, LineTooLong, Taken};
use crate::net::http::{self, Answer, Scheme, Shown, Site, Then};
use crate::net::link::Framing;
use crate::net::proxy::{self, Parsed, Source};
use crate::net::tls::TLS_FIRST_BYTE;
use crate::net::websocket::{self, CloseCode, Control, HEADROOM};
use crate::net::{Accepts, CloseReason, Cut, Flow, Link, Protocol};

/// What a client is told that speaks TLS where there is no certificate: the alert `handshake_failure` (RFC 8446, section 6).
const TLS_REFUSED: &[u8] = &[0x15, 3, 3, 0, 2, 2, 40];
/// What a client is told that speaks lines where TLS is demanded.
const TLS_REQUIRED: &[u8] =
    b"{\"msgid\":19,\"errno\":403,\"errmsg\":\"this address wants TLS: connect with TLS, as with tls:// or https://\"}\n";

impl<S> Connection<S> {
    /// Bytes from the socket, behind [`HEADROOM`]: the PROXY header first, where one is awaited, then what the door takes.
    pub(super) fn take_in<P: Protocol<Session = S>>(
        &mut self,
        chunk: &mut [u8],
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        if self.session.is_some() {
            return self.take_at_door(chunk, protocol, turn, visit);
        }
        let Door::Unknown(header) = &mut self.door else { return };
        let (had, read) = (header.len(), &chunk[HEADROOM..]);
        header.extend_from_slice(&read[..read.len().min(proxy::HEADER_BYTES_MAX)]);
        match proxy::parse(header) {
            Parsed::Incomplete => {}
            Parsed::Bad => self.cut(CloseReason::BadProxyHeader),
            Parsed::Header { source, used } => {
                *header = Vec::new();
                self.link.wish.set(None);
                if let Source::Client(address) = source {
                    self.from = address;
                }
                self.open(protocol, turn.now);
                let begin = used.saturating_sub(had);
                if self.takes_lines() && chunk.len() > begin + HEADROOM {
                    // What had come before was no whole header, so the header ends in this chunk; its last byte is headroom.
                    self.take_at_door(&mut chunk[begin..], protocol, turn, visit);
                }
            }
        }
    }

    /// Goes on with what was kept: lines, or requests.
    pub(super) fn go_on<P: Protocol<Session = S>>(&mut self, protocol: &mut P, turn: &mut Turn<'_>, visit: &mut Visit) {
        match (&mut self.door, turn.site) {
            (Door::Http(http), Some(site)) => {
                let head = mem::take(&mut http.head);
                self.answer_requests(head, site, protocol, turn, visit);
            }
            _ => self.offer(&[], protocol, turn, visit),
        }
    }

    /// Bytes of a client, behind [`HEADROOM`].
    fn take_at_door<P: Protocol<Session = S>>(
        &mut self,
        chunk: &mut [u8],
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        let read = &chunk[HEADROOM..];
        match (&mut self.door, turn.site) {
            (Door::Lines | Door::Objects(_), _) => self.offer(read, protocol, turn, visit),
            (Door::Begun(begun), _) => {
                begun.hears(read, turn.now);
                let Begun { bytes, since } = mem::replace(&mut **begun, Begun { bytes: Vec::new(), since: turn.now });
                self.begin_cutting(&bytes, since, protocol, turn, visit);
            }
            (Door::WebSocket(_), _) => self.take_frames(chunk, protocol, turn, visit),
            (Door::Http(http), Some(site)) => {
                if http.head.is_empty() {
                    // The time of a head begins with its first bytes, not with the answer before.
                    http.since = turn.now;
                }
                http.head.extend_from_slice(read);
                let head = mem::take(&mut http.head);
                self.answer_requests(head, site, protocol, turn, visit);
            }
            (Door::Unknown(begun), _) => {
                let begins = begun.is_empty() && self.link.transport.is_plain();
                if begins && turn.site.is_some() && read.first() == Some(&TLS_FIRST_BYTE) {
                    return self.begin_tls(turn.tls, read, protocol, turn.now);
                }
                if begun.is_empty() && http::shown(read) == Shown::Lines {
                    return self.begin_lines(read, protocol, turn, visit);
                }
                begun.extend_from_slice(read);
                let begun = mem::take(begun);
                self.look_at_beginning(begun, protocol, turn, visit);
            }
            // Without a site nobody was taken for HTTP.
            (Door::Http(_), None) => {}
        }
    }

    /// The first bytes have come in pieces, or are a request's.
    fn look_at_beginning<P: Protocol<Session = S>>(
        &mut self,
        begun: Vec<u8>,
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        match (http::shown(&begun), turn.site) {
            (Shown::Http, Some(site)) => {
                self.link.framing = Framing::Nothing;
                self.door = Door::Http(Box::new(Http { head: Vec::new(), since: turn.now }));
                self.answer_requests(begun, site, protocol, turn, visit);
            }
            (Shown::Unclear, Some(_)) => {
                self.door = Door::Unknown(begun);
                self.fragment(protocol, turn.now);
            }
            (Shown::Lines, _) | (_, None) => self.begin_lines(&begun, protocol, turn, visit),
        }
    }

    fn begin_lines<P: Protocol<Session = S>>(
        &mut self,
        read: &[u8],
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        if self.must_come_by_tls() {
            self.link.push(TLS_REQUIRED.into());
            return self.link.close(CloseReason::TlsRequired);
        }
        self.begin_cutting(read, turn.now, protocol, turn, visit);
    }

    /// The peer speaks lines, or objects: the protocol can tell, maybe later.
    fn begin_cutting<P: Protocol<Session = S>>(
        &mut self,
        read: &[u8],
        since: Instant,
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        let Some(session) = &mut self.session else { return };
        let (mut read, mut cut) = (read, protocol.cut(session, read));
        while let Cut::Dropped(len) = cut {
            read = read.get(len..).unwrap_or_default();
            if read.is_empty() {
                break;
            }
            cut = protocol.cut(session, read);
        }
        match cut {
            Cut::Lines => self.door = Door::Lines,
            Cut::Objects => self.door = Door::Objects(Box::new(Stream::new(turn.now))),
            Cut::Unclear | Cut::Dropped(_) => {
                self.door = Door::Begun(Box::new(Begun { bytes: read.to_vec(), since }));
                return self.fragment(protocol, turn.now);
            }
        }
        self.offer(read, protocol, turn, visit);
    }

    fn must_come_by_tls(&self) -> bool {
        self.accepts == Accepts::OnlyTls && self.link.transport.is_plain()
    }

    fn begin_tls<P: Protocol<Session = S>>(
        &mut self,
        config: Option<&Arc<ServerConfig>>,
        first: &[u8],
        protocol: &mut P,
        now: Instant,
    ) {
        let Some(config) = config else {
            // At once, or the client would wait for an answer until it is closed for its silence.
            self.link.push(Bytes::from_static(TLS_REFUSED));
            return self.link.close(CloseReason::TlsFailed);
        };
        if let Err(error) = self.link.transport.begin_tls(config, first, self.link.outbox.written(), now) {
            log::error!("connection {}: TLS cannot be spoken: {error}", self.id);
            return self.link.close(CloseReason::TlsFailed);
        }
        // The session has bytes to read, whatever the socket has.
        self.readable = true;
        if let Some(session) = &mut self.session {
            self.link.paused = protocol.handshake(self.id, session, &mut self.link, now) != Flow::Continue;
        }
    }

    /// Answers the requests that have come as a whole.
    fn answer_requests<P: Protocol<Session = S>>(
        &mut self,
        mut head: Vec<u8>,
        site: &Site,
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        let scheme = match self.link.transport.is_plain() {
            true if self.must_come_by_tls() => Scheme::OnlyHttps,
            true => Scheme::Http,
            false => Scheme::Https,
        };
        while !head.is_empty() {
            match http::answer(&head, site, scheme) {
                Answer::Incomplete => {
                    self.fragment(protocol, turn.now);
                    break;
                }
                Answer::Upgrade(response, used) => {
                    self.link.push(response);
                    return self.open_websocket(head.split_off(used - HEADROOM), protocol, turn, visit);
                }
                Answer::Reply { head: response, body, used, then } => {
                    self.link.push(response);
                    self.link.push(body);
                    head.drain(..used);
                    self.restart_head(turn.now);
                    self.fragment(protocol, turn.now);
                    if then == Then::Close {
                        return self.link.close(CloseReason::HttpDone);
                    }
                }
            }
            if !visit.line() || !self.takes_lines() {
                self.look_again = !head.is_empty();
                break;
            }
        }
        if let Door::Http(http) = &mut self.door {
            http.head = head;
        }
    }

    /// The next request begins to come.
    fn restart_head(&mut self, now: Instant) {
        if let Door::Http(http) = &mut self.door {
            http.since = now;
        }
    }

    /// Frames follow; `behind` is what has come of them, behind [`HEADROOM`].
    fn open_websocket<P: Protocol<Session = S>>(
        &mut self,
        mut behind: Vec<u8>,
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        self.link.framing = Framing::WebSocket;
        self.door = Door::WebSocket(Box::default());
        self.take_frames(&mut behind, protocol, turn, visit);
    }

    /// Frames of a WebSocket, behind [`HEADROOM`]. Its messages are lines; control frames count as pieces that end none.
    fn take_frames<P: Protocol<Session = S>>(
        &mut self,
        chunk: &mut [u8],
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        let Door::WebSocket(decoder) = &mut self.door else { return };
        self.lists.heard = true;
        let (mut pong, mut is_closed) = (None, false);
        let decoded = decoder.decode(chunk, turn.line_bytes, |control| match control {
            // Only the last one needs an answer (RFC 6455, section 5.5.3).
            Control::Ping(payload) => pong = Some(websocket::pong(payload)),
            Control::Close(_) => is_closed = true,
        });
        if let Some(pong) = pong {
            self.link.push(pong);
        }
        match decoded {
            // What is no part of a message costs as much as what ends none.
            Ok(0) => self.fragment(protocol, turn.now),
            Ok(len) => self.offer(&chunk[..len], protocol, turn, visit),
            Err(code) => {
                self.link.end_frames(code);
                let is_too_large = code == CloseCode::TooLarge;
                self.link.close(if is_too_large { CloseReason::LineTooLong } else { CloseReason::BadFrame });
            }
        }
        if is_closed {
            // As a FIN: it is closed when nothing is under way.
            self.peer = PeerSide::SaidGoodbye;
        }
    }

    /// The time of [`Door::look_at`], or a handshake's, may have come.
    pub(super) fn look_at_door(&mut self, now: Instant) {
        if self.link.transport.handshaking_since().is_some_and(|since| now >= since + HANDSHAKE_TIME) {
            self.link.close(CloseReason::TlsFailed);
        }
        if self.door.look_at().is_none_or(|at| now < at) {
            return;
        }
        match &mut self.door {
            Door::Http(_) => {
                self.link.push(http::too_slow());
                self.link.close(CloseReason::HttpDone);
            }
            // No line end has come: as a line it may still get one.
            Door::Begun(begun) => {
                let kept = self.frames.feed(&begun.bytes, usize::MAX, |_| Taken::NotTaken);
                debug_assert_eq!(kept, Ok(Fed::All), "a line end tells lines");
                self.door = Door::Lines;
            }
            Door::Objects(stream) => stream.objects.drop_half(),
            Door::Unknown(_) | Door::Lines | Door::WebSocket(_) => {}
        }
    }

    /// Sends a Ping if nothing has come since this was called before. A proxy between a browser and this server may close
    /// connections on which nothing is said, and a browser says nothing by itself.
    pub(in crate::net) fn ping_if_silent(&mut self) {
        let was_heard = mem::take(&mut self.lists.heard);
        if !was_heard && self.is_websocket() {
            self.link.push(websocket::ping());
        }
    }

    /// Whether it is an open WebSocket.
    pub(in crate::net) fn is_websocket(&self) -> bool {
        matches!(self.door, Door::WebSocket(_)) && self.phase == Phase::Open && self.link.ending.is_none()
    }

    /// Something came that ends no line.
    pub(super) fn fragment<P: Protocol<Session = S>>(&mut self, protocol: &mut P, now: Instant) {
        if let Some(session) = &mut self.session {
            self.link.paused = protocol.fragment(self.id, session, &mut self.link, now) != Flow::Continue;
        }
    }

    fn offer<P: Protocol<Session = S>>(
        &mut self,
        chunk: &[u8],
        protocol: &mut P,
        turn: &mut Turn<'_>,
        visit: &mut Visit,
    ) {
        let Self { door, frames, session: Some(session), link, id, .. } = self else { return };
        let mut offered = false;
        let take = |line: &[u8]| {
            offered = true;
            let flow = protocol.line(*id, session, link, line, turn.now);
            link.paused = flow != Flow::Continue;
            if flow == Flow::Retry {
                return Taken::NotTaken;
            }
            turn.counts.lines_in += 1;
            let wants_more = flow == Flow::Continue && link.ending.is_none() && !link.outbox.is_high();
            let goes_on = visit.line() && wants_more;
            if goes_on { Taken::Next } else { Taken::Last }
        };
        let fed = match door {
            Door::Objects(stream) => {
                stream.hears(chunk, turn.now);
                stream.objects.feed(chunk, turn.line_bytes, take)
            }
            _ => frames.feed(chunk, turn.line_bytes, take),
        };
        match fed {
            Ok(Fed::All) if !offered && !chunk.is_empty() => {
                link.paused = protocol.fragment(*id, session, link, turn.now) != Flow::Continue;
            }
            Ok(Fed::All) => {}
            Ok(Fed::Stopped) => self.look_again = true,
            Err(LineTooLong) => {
                protocol.line_too_long(session, link);
                link.close(CloseReason::LineTooLong);
            }
        }
    }
}
