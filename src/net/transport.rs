//! How bytes go over a socket: as they are, or by TLS. Nothing here waits, and nobody else in `net` knows the difference.
//!
//! ```text
//!   read:   socket -> [Layer::Tls: records -> session ->] the peer's bytes
//!   write:  outbox -> [Layer::Tls: session -> records ->] socket
//! ```
//!
//! TLS keeps no more than one record of ours that the kernel has not taken: what is beyond waits in the outbox, where it is
//! bounded and counted. A peer's records are opened as they come, and what they hold is taken out before more is read.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use super::sys;

/// What TLS takes of the outbox at a time, in bytes: a record's most (RFC 8446, section 5.1).
const RECORD_BYTES: usize = 16 * 1024;
/// How many ends of what was sent are remembered until the peer has acknowledged them; beyond it, fewer are known.
const MARKS_MAX: usize = 16;

/// A socket and what lies on it. Touched by its reactor's thread only.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) socket: TcpStream,
    layer: Layer,
}

#[derive(Debug)]
enum Layer {
    Plain,
    Tls(Box<Tls>),
}

/// What one read yields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Input {
    /// So many bytes of the peer are in the buffer. `is_last`: the socket had no more.
    Bytes { len: usize, is_last: bool },
    /// Something came that holds no bytes of the peer, or not yet.
    Progress { is_last: bool, work: Work },
    /// Nothing at present.
    Nothing,
    /// The peer has said by TLS that nothing follows; its FIN may.
    Goodbye,
    /// The peer's end.
    End,
}

/// What has been done with bytes that were none of the peer's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Work {
    /// A part of a handshake, which costs as much as many lines.
    Handshake,
    /// A part of a record.
    Little,
}

/// Why nothing can be read any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    /// The socket failed.
    Socket,
    /// The peer broke the rules of TLS, or cannot agree with us. What it is told waits to be written.
    Tls,
}

impl Transport {
    /// Bytes go as they are.
    pub(super) fn plain(socket: TcpStream) -> Self {
        Self { socket, layer: Layer::Plain }
    }

    /// Begins TLS. `first` is what has come of it, and `written` how many bytes were sent before.
    ///
    /// # Errors
    /// The settings do not fit together; which no peer can cause.
    pub(super) fn begin_tls(
        &mut self,
        config: &Arc<ServerConfig>,
        first: &[u8],
        written: u64,
        now: Instant,
    ) -> Result<(), rustls::Error> {
        let mut session = ServerConnection::new(Arc::clone(config))?;
        session.set_buffer_limit(Some(RECORD_BYTES));
        self.layer = Layer::Tls(Box::new(Tls {
            session,
            first: first.to_vec(),
            began: now,
            was_short: false,
            sent: 0,
            written,
            marked: written,
            marks: VecDeque::new(),
        }));
        Ok(())
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.layer, Layer::Plain)
    }

    /// When the handshake that is under way began.
    pub(super) fn handshaking_since(&self) -> Option<Instant> {
        match &self.layer {
            Layer::Tls(tls) if tls.session.is_handshaking() => Some(tls.began),
            Layer::Tls(_) | Layer::Plain => None,
        }
    }

    /// Reads once.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Input, Broken> {
        match &mut self.layer {
            Layer::Plain => self.read_raw(buffer),
            Layer::Tls(tls) => tls.read(&mut self.socket, buffer),
        }
    }

    /// Reads once, past TLS: for what is thrown away.
    pub(super) fn read_raw(&mut self, buffer: &mut [u8]) -> Result<Input, Broken> {
        loop {
            return match self.socket.read(buffer) {
                Ok(0) => Ok(Input::End),
                // A short read has emptied the socket (epoll(7)).
                Ok(len) => Ok(Input::Bytes { len, is_last: len < buffer.len() }),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Input::Nothing),
                Err(_) => Err(Broken::Socket),
            };
        }
    }

    /// Writes what TLS holds back, as far as the kernel takes it; whether all is gone.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn send_held(&mut self) -> io::Result<bool> {
        match &mut self.layer {
            Layer::Plain => Ok(true),
            Layer::Tls(tls) => tls.send(&mut self.socket),
        }
    }

    /// Tells the peer that nothing follows; whether that is gone.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn end(&mut self) -> io::Result<bool> {
        if let Layer::Tls(tls) = &mut self.layer {
            tls.session.send_close_notify();
        }
        self.send_held()
    }

    /// How many bytes the kernel has sent and the peer's TCP has acknowledged: it grows while the peer takes anything.
    pub(super) fn taken(&self, written: u64) -> io::Result<u64> {
        let missing = sys::unacknowledged_bytes(&self.socket)?;
        let sent = match &self.layer {
            Layer::Plain => written,
            Layer::Tls(tls) => tls.sent,
        };
        Ok(sent.saturating_sub(missing))
    }

    /// How many of the `written` bytes the peer's TCP is known to have acknowledged. With TLS a record counts when all of it
    /// was.
    pub(super) fn acknowledged(&mut self, written: u64) -> io::Result<u64> {
        let taken = self.taken(written)?;
        Ok(match &mut self.layer {
            Layer::Plain => taken,
            Layer::Tls(tls) => tls.acknowledged(taken),
        })
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Plain => self.socket.write(bytes),
            Layer::Tls(tls) => tls.write(&mut self.socket, &[IoSlice::new(bytes)]),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Plain => self.socket.write_vectored(slices),
            Layer::Tls(tls) => tls.write(&mut self.socket, slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One end of a TLS connection.
#[derive(Debug)]
struct Tls {
    session: ServerConnection,
    /// What was read before it was known to be TLS.
    first: Vec<u8>,
    began: Instant,
    /// The last read has emptied the socket.
    was_short: bool,
    /// Bytes of records that the kernel has taken.
    sent: u64,
    /// Bytes of the outbox that went into records.
    written: u64,
    /// What of it has been marked.
    marked: u64,
    /// Where all that was written was sent. Ascending in both; never more than [`MARKS_MAX`].
    marks: VecDeque<Mark>,
}

/// With so many bytes of records, so many of the outbox are sent.
#[derive(Clone, Copy, Debug)]
struct Mark {
    sent: u64,
    written: u64,
}

impl Tls {
    fn read(&mut self, socket: &mut TcpStream, buffer: &mut [u8]) -> Result<Input, Broken> {
        // What is left of an earlier read comes first; the socket may have got more since.
        self.was_short = false;
        if let Some(found) = self.take_out(buffer) {
            return Ok(found);
        }
        match self.fetch(socket) {
            Ok(0) => return Ok(Input::End),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Input::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                return Ok(Input::Progress { is_last: false, work: Work::Little });
            }
            Err(_) => return Err(Broken::Socket),
        }
        let work = if self.session.is_handshaking() { Work::Handshake } else { Work::Little };
        let state = self.session.process_new_packets().map_err(|error| {
            log::debug!("TLS: {error}");
            Broken::Tls
        })?;
        // The peer's end is behind the bytes it came with: no event tells of it, so it must be read for.
        self.was_short &= !state.peer_has_closed();
        Ok(self.take_out(buffer).unwrap_or(Input::Progress { is_last: self.is_emptied(), work }))
    }

    /// Takes out what the records so far hold.
    fn take_out(&mut self, buffer: &mut [u8]) -> Option<Input> {
        match self.session.reader().read(buffer) {
            Ok(0) => Some(Input::Goodbye),
            Ok(len) => Some(Input::Bytes { len, is_last: len < buffer.len() && self.is_emptied() }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            // The peer has ended without saying so. A line is whole or nobody's, so nothing can be cut off unnoticed.
            Err(_) => Some(Input::End),
        }
    }

    fn is_emptied(&self) -> bool {
        self.was_short && self.first.is_empty()
    }

    /// Hands records to the session.
    fn fetch(&mut self, socket: &mut TcpStream) -> io::Result<usize> {
        if self.first.is_empty() {
            return self.session.read_tls(&mut Source { socket, was_short: &mut self.was_short });
        }
        let taken = self.session.read_tls(&mut self.first.as_slice())?;
        self.first.drain(..taken);
        Ok(taken)
    }

    fn write(&mut self, socket: &mut TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // What TLS itself has to say goes first: a line that waits for the end of a handshake must not hold it up.
        if !self.send(socket)? || self.session.is_handshaking() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = self.session.writer().write_vectored(slices)?;
        self.written += taken as u64;
        self.send(socket)?;
        Ok(taken)
    }

    /// Whether all is gone.
    fn send(&mut self, socket: &mut TcpStream) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => self.sent += sent as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.mark();
        Ok(true)
    }

    /// All that was written is sent.
    fn mark(&mut self) {
        if self.marked == self.written {
            return;
        }
        self.marked = self.written;
        if self.marks.len() == MARKS_MAX {
            // The end of all matters more than one on the way there.
            self.marks.pop_back();
        }
        self.marks.push_back(Mark { sent: self.sent, written: self.written });
    }

    /// What the peer has, when it has so many bytes of records.
    fn acknowledged(&mut self, taken: u64) -> u64 {
        let mut known = 0;
        while let Some(mark) = self.marks.front().filter(|mark| mark.sent <= taken) {
            known = mark.written;
            self.marks.pop_front();
        }
        if self.marks.is_empty() {
            // An idle connection holds no memory.
            self.marks = VecDeque::new();
        }
        known
    }
}

/// The socket as TLS reads it: one read, of which is noted whether it has emptied the socket.
struct Source<'a> {
    socket: &'a mut TcpStream,
    was_short: &'a mut bool,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.socket.read(buffer)?;
        *self.was_short = len < buffer.len();
        Ok(len)
    }
}
