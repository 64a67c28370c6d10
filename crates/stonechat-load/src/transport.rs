//! What stands between a socket's bytes and the lines: TLS, WebSocket frames, both, or nothing.
//!
//! ```text
//!   lines --> Framing: frames, masked --> Transport: TLS records --> bytes for the socket
//!   lines <-- Framing                 <-- Transport              <-- bytes of the socket
//! ```
//!
//! Plain lines have none of it: the engine writes and cuts them as they are.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, Result};
use rustls::{ClientConnection, HandshakeKind};

use crate::tls::{self, Tls};
use crate::websocket::WebSocket;

/// How the connections of a run are made.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    tls: Option<Tls>,
    messages: Messages,
    /// For masks.
    seed: u32,
}

/// What a message is on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Messages {
    /// A line.
    Lines,
    /// A WebSocket frame.
    Frames,
}

impl Way {
    /// Over TLS or not, in lines or frames.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn new(tls: Option<Tls>, messages: Messages) -> Result<Self> {
        Ok(Self { tls, messages, seed: getrandom::u32().context("no randomness")? })
    }

    /// What wraps the lines of a new connection; `None` for plain lines.
    ///
    /// # Errors
    /// The address cannot be spoken to over TLS.
    pub(crate) fn wrapping(&mut self, target: SocketAddr) -> io::Result<Option<Box<Wrapping>>> {
        if self.tls.is_none() && self.messages == Messages::Lines {
            return Ok(None);
        }
        let transport = match &self.tls {
            Some(tls) => Transport::Tls(Box::new(tls.session(target)?)),
            None => Transport::Plain,
        };
        self.seed = self.seed.wrapping_add(0x9e37_79b9);
        let framing = match self.messages {
            Messages::Lines => Framing::Lines,
            Messages::Frames => Framing::WebSocket {
                socket: WebSocket::new(self.seed),
                request: Some(WebSocket::request(&target.to_string())),
            },
        };
        Ok(Some(Box::new(Wrapping {
            transport,
            framing,
            lines: Vec::new(),
            pieces: Vec::new(),
            decrypted: Vec::new(),
        })))
    }
}

/// Of one connection.
pub(crate) struct Wrapping {
    transport: Transport,
    framing: Framing,
    /// Lines that are still to be wrapped.
    pub(crate) lines: Vec<u8>,
    /// Framed, and still to go through the transport.
    pieces: Vec<u8>,
    /// What came through TLS, while it is unframed; kept for its room.
    decrypted: Vec<u8>,
}

enum Transport {
    Plain,
    Tls(Box<ClientConnection>),
}

enum Framing {
    Lines,
    WebSocket {
        socket: WebSocket,
        /// How it opens, until that has been said.
        request: Option<String>,
    },
}

/// Whether the other side is told by TCP that nothing more comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Farewell {
    /// By a FIN.
    Fin,
    /// By a Close frame; the server answers with its own, and ends the connection.
    CloseFrame,
}

impl Wrapping {
    /// Whether lines may go.
    pub(crate) fn is_open(&self) -> bool {
        let is_framing_open = match &self.framing {
            Framing::Lines => true,
            Framing::WebSocket { socket, .. } => socket.is_open(),
        };
        self.transport.is_open() && is_framing_open
    }

    /// The handshake, once it is done; `None` without TLS.
    pub(crate) fn handshake(&self) -> Option<HandshakeKind> {
        match &self.transport {
            Transport::Plain => None,
            Transport::Tls(session) => session.handshake_kind(),
        }
    }

    /// Appends to `out` what the socket is to get: the next step of the opening, or the lines.
    pub(crate) fn wrap(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.transport.is_open() {
            match &mut self.framing {
                Framing::Lines => self.pieces.append(&mut self.lines),
                Framing::WebSocket { socket, .. } if socket.is_open() => socket.wrap(&mut self.lines, &mut self.pieces),
                Framing::WebSocket { request, .. } => {
                    self.pieces.extend_from_slice(request.take().unwrap_or_default().as_bytes());
                }
            }
        }
        let sealed = self.transport.seal(&self.pieces, out);
        self.pieces.clear();
        sealed
    }

    /// Takes what the socket had, and appends the lines in it to `lines`. Call [`Self::wrap`] soon: there may be answers.
    ///
    /// # Errors
    /// The connection has ended, in order or not; what came before is in `lines`.
    pub(crate) fn unwrap(&mut self, raw: &[u8], lines: &mut Vec<u8>) -> io::Result<()> {
        match (&mut self.transport, &mut self.framing) {
            (Transport::Plain, Framing::Lines) => {
                lines.extend_from_slice(raw);
                Ok(())
            }
            (Transport::Plain, Framing::WebSocket { socket, .. }) => socket.unwrap(raw, lines, &mut self.pieces),
            (Transport::Tls(session), Framing::Lines) => decrypt(session, raw, lines),
            (Transport::Tls(session), Framing::WebSocket { socket, .. }) => {
                let decrypted = decrypt(session, raw, &mut self.decrypted);
                let unwrapped = socket.unwrap(&self.decrypted, lines, &mut self.pieces);
                self.decrypted.clear();
                unwrapped.and(decrypted)
            }
        }
    }

    /// Appends to `out` all that is left to say, and that nothing more comes.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<Farewell> {
        self.wrap(out)?;
        if let Framing::WebSocket { socket, .. } = &mut self.framing {
            socket.wrap_close(&mut self.pieces);
            self.wrap(out)?;
            return Ok(Farewell::CloseFrame);
        }
        if let Transport::Tls(session) = &mut self.transport {
            session.send_close_notify();
        }
        self.wrap(out)?;
        Ok(Farewell::Fin)
    }
}

impl Transport {
    fn is_open(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Tls(session) => !session.is_handshaking(),
        }
    }

    /// Appends these bytes to `out` as they go over the socket, behind what TLS itself has to say.
    fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Plain => out.extend_from_slice(bytes),
            Self::Tls(session) => {
                session.writer().write_all(bytes)?;
                while session.wants_write() {
                    session.write_tls(out)?;
                }
            }
        }
        Ok(())
    }
}

/// Decrypts what came.
fn decrypt(session: &mut ClientConnection, mut raw: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    while !raw.is_empty() {
        session.read_tls(&mut raw)?;
        let state = session.process_new_packets().map_err(|error| tls::failed(&error))?;
        let begin = into.len();
        into.resize(begin + state.plaintext_bytes_to_read(), 0);
        session.reader().read_exact(&mut into[begin..])?;
        if state.peer_has_closed() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
