//! The way back from a thread that may wait to the client of one that may not.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::http::Answer;

/// Pieces that may wait for a client that takes them slowly.
const PIECES_MAX: usize = 4;

/// How long a piece waits for a client before it is given up.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);

/// Wakes the thread that serves the clients. Any thread.
#[derive(Clone, Debug)]
pub(super) struct Waker(Arc<UnixStream>);

impl Waker {
    /// A waker whose other end is polled.
    pub(super) fn new(end: UnixStream) -> Self {
        Self(Arc::new(end))
    }

    /// Wakes it. A full pipe has woken it already.
    pub(super) fn wake(&self) {
        let _ = (&*self.0).write(b".");
    }
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Piece {
    /// All of the answer.
    Whole(Answer),
    /// Some of a long one.
    Part(Vec<u8>),
    /// Its end.
    End,
}

/// Where one request's answer goes. Dropped before the end of an answer, it says that there is none.
#[derive(Debug)]
pub(super) struct Reply {
    pieces: Option<Sender<Piece>>,
    waker: Waker,
}

/// The client has gone, or takes nothing.
#[derive(Debug)]
pub(super) struct Gone;

impl Reply {
    /// A reply, and where it arrives.
    pub(super) fn new(waker: Waker) -> (Self, Receiver<Piece>) {
        let (sender, pieces) = bounded(PIECES_MAX);
        (Self { pieces: Some(sender), waker }, pieces)
    }

    /// Sends the whole answer.
    pub(super) fn whole(self, answer: Answer) {
        // A client that has gone wants none.
        let _ = self.send(Piece::Whole(answer));
    }

    /// Sends a piece; may wait for the client.
    ///
    /// # Errors
    /// There is nobody any more who takes it.
    pub(super) fn send(&self, piece: Piece) -> Result<(), Gone> {
        let sent = self.pieces.as_ref().is_some_and(|pieces| pieces.send_timeout(piece, PIECE_PATIENCE).is_ok());
        self.waker.wake();
        if sent { Ok(()) } else { Err(Gone) }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // First, so that who is woken sees it.
        self.pieces = None;
        self.waker.wake();
    }
}
