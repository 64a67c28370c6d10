//! One client of the admin port: reads its request, is given an answer, takes it. Never waits.
//!
//! ```text
//!   Reading --request, or too late--> Writing --all written--> over
//!                                     |   ^  \--something came behind the request--> Draining --> over
//!                                     v   |
//!                                   waits for the next piece of the answer
//! ```

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};

use super::http::{self, Answer, HEAD_BYTES_MAX, Head, WholeHead};
use super::reply::Piece;
use super::socket::{Peer, Socket};

/// Reads in one turn: whoever sends without end must not keep the thread.
const READS_PER_TURN: usize = 16;

/// How long an answer may take that another thread makes, or its next piece.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// What is made of a head.
pub(super) enum Admitted {
    /// This is the answer, whatever follows.
    Answered(Answer),
    /// It is asked when so many bytes of a body have come.
    Body(usize),
}

/// What is made of a request.
pub(super) enum Given {
    /// The answer.
    Now(Answer),
    /// It will come.
    Later(Receiver<Piece>),
}

/// Who answers.
pub(super) trait Answers {
    /// Looks at a head.
    fn admit(&self, head: &WholeHead, peer: Peer) -> Admitted;
    /// Answers a request that was admitted.
    fn ask(&self, head: &WholeHead, body: &[u8], peer: Peer) -> Given;
}

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    socket: Socket,
    state: State,
    /// There may be more to read, though the kernel has nothing more.
    has_more: bool,
    /// How long each state may take.
    patience: Duration,
    /// When the present state has taken too long.
    deadline: Instant,
}

#[derive(Debug)]
enum State {
    Reading(Vec<u8>),
    Writing(Writing),
    Draining,
}

#[derive(Debug)]
struct Writing {
    out: Vec<u8>,
    written: usize,
    /// The client has sent more than its request.
    unread: bool,
    /// Where more comes from.
    more: Option<Receiver<Piece>>,
    /// Something was said already.
    has_begun: bool,
}

/// What becomes of a connection after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// It waits for the other side, or for its answer.
    Waits,
    /// It can be dropped.
    Over,
}

impl Client {
    /// Takes over a socket. The client may take `patience` to send its request, again to take its answer, and again to send
    /// what nobody wants.
    pub(super) fn new(socket: Socket, patience: Duration, now: Instant) -> Self {
        Self { socket, state: State::Reading(Vec::new()), has_more: false, patience, deadline: now + patience }
    }

    /// Whether it has not asked anything yet: such a connection goes first when there are too many.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.state, State::Reading(_))
    }

    /// Whether it waits to write, and not to read.
    pub(super) fn wants_to_write(&self) -> bool {
        self.socket.holds_back()
            || matches!(&self.state, State::Writing(writing) if writing.written < writing.out.len())
    }

    /// Whether it waits for its answer, and for nothing that its client does.
    pub(super) fn waits_for_answer(&self) -> bool {
        matches!(&self.state, State::Writing(writing) if writing.written == writing.out.len())
    }

    /// Whether it was interrupted, and goes on whatever its socket says.
    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }

    /// When it should be looked at though nothing has happened.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Goes as far as the socket allows.
    pub(super) fn advance(&mut self, answers: &dyn Answers, now: Instant) -> Step {
        self.has_more = false;
        for _ in 0..READS_PER_TURN {
            let went_on = match &mut self.state {
                State::Reading(_) => self.read(answers, now),
                State::Writing(_) => self.write(now),
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
        self.has_more = true;
        Step::Waits
    }

    /// The deadline may have passed: a late request is answered, everything else is over.
    pub(super) fn expire(&mut self, answers: &dyn Answers, now: Instant) -> Step {
        if now < self.deadline {
            return Step::Waits;
        }
        if !self.is_silent() {
            return Step::Over;
        }
        self.give(&Answer::text("408 Request Timeout", "the request took too long\n"), Unread::Nothing, now);
        self.advance(answers, now)
    }

    fn read(&mut self, answers: &dyn Answers, now: Instant) -> io::Result<Option<Step>> {
        let State::Reading(all) = &mut self.state else { return Ok(None) };
        let mut piece = [0; 4096];
        let count = self.socket.read(&mut piece)?;
        if count == 0 {
            return Ok(Some(Step::Over));
        }
        all.extend_from_slice(&piece[..count]);
        match Head::of(all) {
            Head::Partial => {}
            Head::TooLong => {
                debug_assert!(all.len() >= HEAD_BYTES_MAX);
                let answer = Answer::text("431 Request Header Fields Too Large", "the request head is too long\n");
                self.give(&answer, Unread::Something, now);
            }
            Head::Whole(head) => {
                let all = std::mem::take(all);
                self.take(answers, &head, all, now);
            }
        }
        Ok(None)
    }

    /// A head is there, and some of what follows.
    fn take(&mut self, answers: &dyn Answers, head: &WholeHead, all: Vec<u8>, now: Instant) {
        let unread = |taken: usize| if all.len() > taken { Unread::Something } else { Unread::Nothing };
        let peer = self.socket.peer();
        match answers.admit(head, peer) {
            Admitted::Answered(answer) => self.give(&answer, unread(head.end), now),
            Admitted::Body(length) if all.len() < head.end + length => self.state = State::Reading(all),
            Admitted::Body(length) => {
                let unread = unread(head.end + length);
                match answers.ask(head, &all[head.end..head.end + length], peer) {
                    Given::Now(answer) => self.give(&answer, unread, now),
                    Given::Later(more) => self.wait(more, unread, now),
                }
            }
        }
    }

    fn give(&mut self, answer: &Answer, unread: Unread, now: Instant) {
        self.deadline = now + self.patience;
        let unread = unread == Unread::Something;
        self.state = State::Writing(Writing { out: answer.bytes(), written: 0, unread, more: None, has_begun: true });
    }

    fn wait(&mut self, more: Receiver<Piece>, unread: Unread, now: Instant) {
        self.deadline = now + ANSWER_PATIENCE;
        let (out, unread) = (Vec::new(), unread == Unread::Something);
        self.state = State::Writing(Writing { out, written: 0, unread, more: Some(more), has_begun: false });
    }

    fn write(&mut self, now: Instant) -> io::Result<Option<Step>> {
        let State::Writing(writing) = &mut self.state else { return Ok(None) };
        while writing.written < writing.out.len() {
            writing.written += self.socket.write(&writing.out[writing.written..])?;
        }
        self.socket.flush()?;
        if let Some(more) = &writing.more {
            let piece = more.try_recv();
            if matches!(piece, Err(TryRecvError::Empty)) {
                return Ok(Some(Step::Waits));
            }
            self.deadline = now + if piece.is_ok() { self.patience } else { ANSWER_PATIENCE };
            return Ok(writing.goes_on(piece.ok()));
        }
        self.socket.end_writing()?;
        if !writing.unread {
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

impl Writing {
    /// The next piece, or that there is none though there should be.
    fn goes_on(&mut self, piece: Option<Piece>) -> Option<Step> {
        self.written = 0;
        self.out = match piece {
            Some(Piece::Whole(answer)) => {
                self.more = None;
                answer.bytes()
            }
            Some(Piece::Part(bytes)) => {
                let mut out = if self.has_begun { Vec::new() } else { http::begin_pieces() };
                out.extend(http::piece(&bytes));
                out
            }
            Some(Piece::End) => {
                self.more = None;
                http::piece(b"")
            }
            // Cut off in the middle: without its end nobody takes it for whole.
            None if self.has_begun => return Some(Step::Over),
            None => {
                self.more = None;
                Answer::json("500 Internal Server Error", &serde_json::json!({"error": "internal error"})).bytes()
            }
        };
        self.has_begun = true;
        None
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether the client has sent more than its request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unread {
    Nothing,
    Something,
}
