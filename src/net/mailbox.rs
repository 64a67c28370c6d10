//! The only door into a reactor: commands from other threads, and the wake-up that goes with them.
//!
//! ```text
//!   any thread: send, then wake unless a wake-up is pending already
//!   reactor:    clear `pending`, then take all that waits, then run it
//! ```
//!
//! Clearing first is what makes it safe: whoever sends after the clearing wakes again; whoever sent before it is
//! taken. So one wake-up serves many commands and none is overlooked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::net::TcpStream;
use mio::{Poll, Token, Waker};

use super::Accepts;
use super::bounds::Bounds;

/// Commands that may wait for a reactor. Beyond it, who posts waits.
const COMMANDS_MAX: usize = 16_384;

/// The waker's token; slots of connections are 32-bit numbers.
pub(super) const WAKE: Token = Token(usize::MAX);

/// Everything another thread can ask of a reactor.
#[derive(Debug)]
pub(super) enum Command<M> {
    /// Own this socket.
    Adopt(Arrival),
    /// Hand this to the protocol.
    Post(M),
    /// Hold to these from now on.
    HoldTo(Box<Bounds>),
    /// End when all connections are closed, at the latest at this time.
    Stop(Instant),
}

/// A socket that a client has opened; it does not block.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) socket: TcpStream,
    /// The client's address; the balancer's until a PROXY header tells better.
    pub(super) from: SocketAddr,
    /// Whether it must come by TLS.
    pub(super) accepts: Accepts,
}

/// The reactor's thread has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the reactor has ended")]
pub struct ReactorGone;

/// How any thread but the reactor's own reaches a reactor.
#[derive(Debug)]
pub struct ReactorHandle<M> {
    sender: Sender<Command<M>>,
    wake: Arc<WakeFlag>,
}

const _: () = {
    const fn crosses<T: Send + Sync>() {}
    crosses::<ReactorHandle<u8>>();
};

/// What the two ends of a mailbox share besides the commands.
#[derive(Debug)]
struct WakeFlag {
    reactor: u16,
    /// A wake-up is on its way, or the reactor is about to look.
    pending: AtomicBool,
    waker: Waker,
    /// Sockets handed to the reactor and not closed yet.
    connections: AtomicUsize,
    /// Turns the reactor has begun.
    turns: AtomicU64,
}

/// The reactor's end of its mailbox, and the poll its waker belongs to. It moves to the reactor's thread.
#[derive(Debug)]
pub struct Inbox<M> {
    receiver: Receiver<Command<M>>,
    wake: Arc<WakeFlag>,
    pub(super) poll: Poll,
}

/// The two ends of the mailbox of the reactor with this number.
///
/// # Errors
/// The kernel gives no epoll or eventfd descriptor.
pub fn channel<M>(reactor: u16) -> io::Result<(ReactorHandle<M>, Inbox<M>)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKE)?;
    let (sender, receiver) = bounded(COMMANDS_MAX);
    let wake = Arc::new(WakeFlag {
        reactor,
        pending: AtomicBool::new(false),
        waker,
        connections: AtomicUsize::new(0),
        turns: AtomicU64::new(0),
    });
    Ok((ReactorHandle { sender, wake: Arc::clone(&wake) }, Inbox { receiver, wake, poll }))
}

impl<M> Clone for ReactorHandle<M> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), wake: Arc::clone(&self.wake) }
    }
}

impl<M> ReactorHandle<M> {
    /// The reactor's number, as in [`super::ConnId::reactor`].
    #[must_use]
    pub fn reactor(&self) -> u16 {
        self.wake.reactor
    }

    /// Hands `message` to the reactor's protocol. Messages of one thread arrive in order. Waits while the mailbox is
    /// full, so a reactor thread must never call this: two of them could wait in a circle.
    ///
    /// # Errors
    /// The reactor has ended; the message is dropped.
    pub fn post(&self, message: M) -> Result<(), ReactorGone> {
        self.send(Command::Post(message))
    }

    /// Asks the reactor to end once its connections are closed, or at `deadline`. Waits while the mailbox is full.
    ///
    /// # Errors
    /// It has ended already.
    pub fn stop(&self, deadline: Instant) -> Result<(), ReactorGone> {
        self.send(Command::Stop(deadline))
    }

    /// Has the reactor hold to these from its next turn on. Waits while the mailbox is full.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn hold_to(&self, bounds: Bounds) -> Result<(), ReactorGone> {
        self.send(Command::HoldTo(Box::new(bounds)))
    }

    /// Gives the reactor a non-blocking socket, which a client at address `from` opened. Waits while the mailbox is full. Who
    /// accepts decides how many connections there may be, and sets the socket's options.
    ///
    /// # Errors
    /// The reactor has ended; the socket is closed.
    pub fn adopt(&self, socket: TcpStream, from: SocketAddr, accepts: Accepts) -> Result<(), ReactorGone> {
        self.wake.connections.fetch_add(1, Ordering::Relaxed);
        self.send(Command::Adopt(Arrival { socket, from, accepts }))
    }

    /// How many connections the reactor has, those still in its mailbox included.
    pub(super) fn connections(&self) -> usize {
        self.wake.connections.load(Ordering::Relaxed)
    }

    /// How many turns the reactor has begun; and wakes it, so that there will be another soon, unless it hangs.
    pub(crate) fn asked_for_a_turn(&self) -> u64 {
        // Read first: the turn that this asks for is the next look's.
        let turns = self.wake.turns.load(Ordering::Relaxed);
        self.wake.raise();
        turns
    }

    fn send(&self, command: Command<M>) -> Result<(), ReactorGone> {
        match self.sender.try_send(command) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(_)) => return Err(ReactorGone),
            Err(TrySendError::Full(command)) => {
                // Who filled the mailbox may not have come to waking the reactor yet: without this both would sleep.
                self.wake.raise();
                self.sender.send(command).map_err(|_| ReactorGone)?;
            }
        }
        self.wake.raise();
        Ok(())
    }
}

impl WakeFlag {
    fn raise(&self) {
        if self.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.waker.wake() {
            // The next post tries again.
            self.pending.store(false, Ordering::Release);
            log::error!("cannot wake reactor {}: {error}", self.reactor);
        }
    }
}

impl<M> Inbox<M> {
    pub(super) fn reactor(&self) -> u16 {
        self.wake.reactor
    }

    /// How many commands wait at this moment; 0 when none has come since the last call. So many may be taken with
    /// [`Inbox::take`]: what comes meanwhile waits a turn.
    pub(super) fn open(&self) -> usize {
        if !self.wake.pending.swap(false, Ordering::AcqRel) {
            return 0;
        }
        self.receiver.len()
    }

    /// The reactor begins a turn: whoever watches it sees that it lives.
    pub(super) fn begin_turn(&self) {
        // Nobody else writes it.
        self.wake.turns.store(self.wake.turns.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The next command.
    pub(super) fn take(&self) -> Option<Command<M>> {
        self.receiver.try_recv().ok()
    }

    /// The next message that was posted; waits for it, but no longer than `patience`. For whoever runs a protocol on a
    /// thread of its own, without sockets, instead of handing the inbox to a reactor. Commands for a reactor end the wait.
    #[must_use]
    pub fn wait_for_post(&self, patience: Duration) -> Option<M> {
        // Waiting gives the processor away before it looks at the time, even for none at all.
        let command = if patience.is_zero() { self.take() } else { self.receiver.recv_timeout(patience).ok() };
        match command? {
            Command::Post(message) => Some(message),
            Command::Adopt(..) | Command::HoldTo(_) | Command::Stop(_) => None,
        }
    }

    /// A socket that was adopted is closed.
    pub(super) fn connection_closed(&self) {
        self.wake.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use mio::Events;

    use super::*;

    /// Waits for the waker, then takes what is there.
    fn turn(inbox: &mut Inbox<u32>, events: &mut Events) -> Vec<u32> {
        inbox.poll.poll(events, Some(Duration::from_secs(30))).unwrap();
        assert!(!events.is_empty(), "nobody woke the reactor");
        let posted = |command| match command {
            Command::Post(number) => number,
            other => panic!("unexpected {other:?}"),
        };
        (0..inbox.open()).filter_map(|_| inbox.take()).map(posted).collect()
    }

    #[test]
    fn many_posts_need_one_wake_up() {
        let (handle, mut inbox) = channel(0).unwrap();
        let mut events = Events::with_capacity(8);
        for number in 0..1000 {
            handle.post(number).unwrap();
        }
        assert_eq!(turn(&mut inbox, &mut events), (0..1000).collect::<Vec<_>>());
        inbox.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "no second wake-up");
        handle.post(7).unwrap();
        assert_eq!(turn(&mut inbox, &mut events), [7]);
    }

    #[test]
    fn a_full_mailbox_makes_senders_wait_and_loses_nothing() {
        let (handle, mut inbox) = channel(0).unwrap();
        let count = u32::try_from(COMMANDS_MAX).unwrap() * 3;
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || (0..count).for_each(|number| handle.post(number).unwrap()))
            })
            .collect();
        let mut events = Events::with_capacity(8);
        let mut taken = 0;
        while taken < 2 * count as usize {
            let batch = turn(&mut inbox, &mut events);
            assert!(batch.len() <= COMMANDS_MAX);
            taken += batch.len();
        }
        for sender in senders {
            sender.join().unwrap();
        }
    }

    #[test]
    fn posting_to_a_reactor_that_ended_is_an_error() {
        let (handle, inbox) = channel(0).unwrap();
        drop(inbox);
        assert_eq!(handle.post(1_u32), Err(ReactorGone));
        assert_eq!(handle.reactor(), 0);
    }

    #[test]
    fn a_sender_waiting_for_room_is_told_of_the_end() {
        let (handle, inbox) = channel(0).unwrap();
        let waiting = thread::spawn(move || while handle.post(0_u32).is_ok() {});
        while inbox.receiver.len() < COMMANDS_MAX {
            thread::yield_now();
        }
        drop(inbox);
        waiting.join().unwrap();
    }
}
