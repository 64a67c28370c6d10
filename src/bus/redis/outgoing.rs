//! Bells on their way to the publisher thread: a bounded queue. What finds no room is lost, and that is remembered.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bus::{BELL_BYTES_MAX, Bell};

/// Bells that may wait.
const BELLS_MAX: usize = 65_536;

/// Bytes of payload that may wait.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// No other node's link may choke on the largest bell.
const _: () = assert!(2 * BELL_BYTES_MAX <= super::resp::FRAME_BYTES_MAX);

/// Bells taken at one time, so that one write stays small beside the buffers of Redis.
const TAKE_BELLS_MAX: usize = 1024;

/// Bytes of payload taken at one time; one bell more may stand over.
const TAKE_BYTES_MAX: usize = 1024 * 1024;

/// The queue. Any thread adds and never waits; the publisher thread takes.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bells: VecDeque<Bell>,
    /// Bytes of payload in `bells`.
    bytes: usize,
    overflow: Overflow,
    attention: Attention,
    gate: Gate,
}

/// Whether the publisher thread has been called for something else than bells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Attention {
    #[default]
    NotWanted,
    Wanted,
}

/// Whether bells found no room since the last take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Overflow {
    #[default]
    None,
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Gate {
    #[default]
    Open,
    Closed,
}

/// What was taken.
#[derive(Debug)]
pub(super) enum Taken {
    /// The next bells in order (possibly none, when the time was up or [`Outgoing::rouse`] was called), and how many still wait.
    Bells(Vec<Bell>, Overflow, usize),
    /// The queue is closed and empty.
    Closed,
}

impl Outgoing {
    /// Adds bells in order; returns how many found no room.
    pub(super) fn push(&self, bells: Vec<Bell>) -> usize {
        let mut lost = 0;
        let mut state = self.lock();
        for bell in bells {
            if state.has_room_for(&bell) {
                state.bytes += bell.payload.len();
                state.bells.push_back(bell);
            } else {
                state.overflow = Overflow::Lost;
                lost += 1;
            }
        }
        drop(state);
        self.changed.notify_one();
        lost
    }

    /// Waits, at most `timeout`, until there is something, and takes some of it.
    pub(super) fn take(&self, timeout: Duration) -> Taken {
        let idle = |state: &mut State| {
            state.bells.is_empty()
                && state.overflow == Overflow::None
                && state.attention == Attention::NotWanted
                && state.gate == Gate::Open
        };
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.bells.is_empty() && state.gate == Gate::Closed {
            return Taken::Closed;
        }
        state.attention = Attention::NotWanted;
        let overflow = std::mem::take(&mut state.overflow);
        let bells = state.take_some();
        Taken::Bells(bells, overflow, state.bells.len())
    }

    /// Ends the wait of [`Outgoing::take`], the present one or the next.
    pub(super) fn rouse(&self) {
        self.lock().attention = Attention::Wanted;
        self.changed.notify_one();
    }

    /// No more bells are taken in; those that wait can still be taken out.
    pub(super) fn close(&self) {
        self.lock().gate = Gate::Closed;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room_for(&self, bell: &Bell) -> bool {
        let bytes = bell.payload.len();
        self.gate == Gate::Open
            && self.bells.len() < BELLS_MAX
            && bytes <= BELL_BYTES_MAX
            && self.bytes + bytes <= BYTES_MAX
    }

    fn take_some(&mut self) -> Vec<Bell> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < TAKE_BELLS_MAX && bytes < TAKE_BYTES_MAX {
            let Some(bell) = self.bells.pop_front() else { break };
            bytes += bell.payload.len();
            taken.push(bell);
        }
        self.bytes -= bytes;
        taken
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::bus::Channel;

    fn bells(count: usize, bytes: usize) -> Vec<Bell> {
        let payload = Bytes::from(vec![b'x'; bytes]);
        (0..count as u64).map(|n| Bell { channel: Channel::Token(n), payload: payload.clone() }).collect()
    }

    fn taken(queue: &Outgoing) -> (usize, Overflow) {
        match queue.take(Duration::ZERO) {
            Taken::Bells(bells, overflow, _) => (bells.len(), overflow),
            Taken::Closed => panic!("closed"),
        }
    }

    #[test]
    fn gives_back_in_order_and_in_portions() {
        let queue = Outgoing::default();
        assert_eq!(queue.push(bells(TAKE_BELLS_MAX + 1, 1)), 0);
        let Taken::Bells(first, Overflow::None, 1) = queue.take(Duration::ZERO) else { panic!() };
        assert_eq!(first.len(), TAKE_BELLS_MAX);
        assert_eq!(first[5].channel, Channel::Token(5));
        assert_eq!(taken(&queue), (1, Overflow::None));
        assert_eq!(taken(&queue), (0, Overflow::None), "nothing after the time is up");
    }

    #[test]
    fn what_finds_no_room_is_lost_and_remembered_once() {
        let queue = Outgoing::default();
        assert_eq!(queue.push(bells(BELLS_MAX + 3, 0)), 3);
        assert_eq!(taken(&queue), (TAKE_BELLS_MAX, Overflow::Lost));
        assert_eq!(taken(&queue), (TAKE_BELLS_MAX, Overflow::None));
        let queue = Outgoing::default();
        assert_eq!(queue.push(bells(BYTES_MAX / BELL_BYTES_MAX + 1, BELL_BYTES_MAX)), 1);
        assert_eq!(Outgoing::default().push(bells(1, BELL_BYTES_MAX + 1)), 1);
    }

    #[test]
    fn who_is_roused_does_not_wait() {
        let queue = Outgoing::default();
        queue.rouse();
        let Taken::Bells(bells, Overflow::None, 0) = queue.take(Duration::from_secs(3600)) else { panic!() };
        assert!(bells.is_empty());
        assert_eq!(taken(&queue), (0, Overflow::None));
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Outgoing::default();
        queue.push(bells(1, 1));
        queue.close();
        assert_eq!(queue.push(bells(1, 1)), 1, "no room in a closed queue");
        assert_eq!(taken(&queue).0, 1);
        assert!(matches!(queue.take(Duration::ZERO), Taken::Closed));
    }
}
