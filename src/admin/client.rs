//! One client of the admin port: reads its head, is given an answer, takes it. Never waits.
//!
//! ```text
//!   Reading --head, or too late--> Writing --all written--> over
//!                                     \--something came behind the head--> Draining --> over
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::http::{Answer, HEAD_BYTES_MAX, Head};

/// Reads in one turn: whoever sends without end must not keep the thread.
const READS_PER_TURN: usize = 16;

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    socket: TcpStream,
    state: State,
    /// How long each state may take.
    patience: Duration,
    /// When the present state has taken too long.
    deadline: Instant,
}

#[derive(Debug)]
enum State {
    Reading(Vec<u8>),
    Writing { answer: Vec<u8>, written: usize, unread: bool },
    Draining,
}

/// What becomes of a connection after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// It waits for the other side.
    Waits,
    /// It can be dropped.
    Over,
}

impl Client {
    /// Takes over a socket. The client may take `patience` to send its head, again to take its answer, and again to send
    /// what nobody wants.
    ///
    /// # Errors
    /// The kernel's, when the socket cannot be made one that does not block.
    pub(super) fn new(socket: TcpStream, patience: Duration, now: Instant) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, state: State::Reading(Vec::new()), patience, deadline: now + patience })
    }

    /// Whether it has not asked anything yet: such a connection goes first when there are too many.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.state, State::Reading(_))
    }

    /// Whether it waits to write, and not to read.
    pub(super) fn wants_to_write(&self) -> bool {
        matches!(self.state, State::Writing { .. })
    }

    /// When it should be looked at though nothing has happened.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Goes as far as the socket allows. `page` makes the answer to a request line.
    pub(super) fn advance(&mut self, page: &dyn Fn(&str) -> Answer, now: Instant) -> Step {
        for _ in 0..READS_PER_TURN {
            let went_on = match &mut self.state {
                State::Reading(_) => self.read(page, now),
                State::Writing { .. } => self.write(now),
                State::Draining => self.drain(),
            };
            match went_on {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Waits,
                Err(error) => {
                    log::debug!("admin: {error}");
                    return Step::Over;
                }
            }
        }
        Step::Waits
    }

    /// The deadline may have passed: a late head is answered, everything else is over.
    pub(super) fn expire(&mut self, page: &dyn Fn(&str) -> Answer, now: Instant) -> Step {
        if now < self.deadline {
            return Step::Waits;
        }
        if !self.is_silent() {
            return Step::Over;
        }
        self.give(&Answer::text("408 Request Timeout", "the request took too long\n"), Unread::Nothing, now);
        self.advance(page, now)
    }

    fn read(&mut self, page: &dyn Fn(&str) -> Answer, now: Instant) -> io::Result<Option<Step>> {
        let State::Reading(head) = &mut self.state else { return Ok(None) };
        let mut piece = [0; 4096];
        let room = piece.len().min(HEAD_BYTES_MAX - head.len());
        let count = self.socket.read(&mut piece[..room])?;
        if count == 0 {
            return Ok(Some(Step::Over));
        }
        head.extend_from_slice(&piece[..count]);
        match Head::of(head) {
            Head::Partial => {}
            Head::TooLong => {
                let answer = Answer::text("431 Request Header Fields Too Large", "the request head is too long\n");
                self.give(&answer, Unread::Something, now);
            }
            Head::Whole { line, more } => {
                let unread = if more { Unread::Something } else { Unread::Nothing };
                self.give(&page(&line), unread, now);
            }
        }
        Ok(None)
    }

    fn give(&mut self, answer: &Answer, unread: Unread, now: Instant) {
        self.deadline = now + self.patience;
        self.state = State::Writing { answer: answer.bytes(), written: 0, unread: unread == Unread::Something };
    }

    fn write(&mut self, now: Instant) -> io::Result<Option<Step>> {
        let State::Writing { answer, written, unread } = &mut self.state else { return Ok(None) };
        while *written < answer.len() {
            *written += self.socket.write(&answer[*written..])?;
        }
        self.socket.shutdown(Shutdown::Write)?;
        if !*unread {
            return Ok(Some(Step::Over));
        }
        self.deadline = now + self.patience;
        self.state = State::Draining;
        Ok(None)
    }

    /// Closing with unread bytes would reset the connection, and the reset could overtake the answer.
    fn drain(&mut self) -> io::Result<Option<Step>> {
        let count = self.socket.read(&mut [0; 4096])?;
        Ok((count == 0).then_some(Step::Over))
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether the client has sent more than its head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unread {
    Nothing,
    Something,
}
