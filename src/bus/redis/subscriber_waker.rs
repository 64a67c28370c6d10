//! How other threads call the subscriber thread: a few bits and a waker. A bit that is set already needs no second
//! wake-up, so a thousand subscriptions wake it once.

use std::sync::atomic::{AtomicU8, Ordering};

use mio::Waker;

/// What the subscriber thread is called for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum WakeReason {
    /// Subscriptions have changed.
    Subscriptions = 1,
    /// Another node has gone.
    NodeGone = 2,
    /// The publisher has asked who is there.
    Introduced = 4,
    /// End the thread.
    Stop = 8,
    /// Another server is the one to speak with, or none; or slots have moved.
    ServerChanged = 16,
    /// A connection to a server of a cluster was dialled.
    Dialled = 32,
}

/// The calls that wait.
#[derive(Debug)]
pub(super) struct SubscriberWaker {
    calls: AtomicU8,
    waker: Waker,
}

/// The calls taken at one time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls(u8);

impl SubscriberWaker {
    pub(super) fn new(waker: Waker) -> Self {
        Self { calls: AtomicU8::new(0), waker }
    }

    /// Calls the subscriber thread. From any thread; never blocks.
    pub(super) fn call(&self, what: WakeReason) {
        // Whoever sets the first bit wakes; the thread takes all bits before it acts on any.
        if self.calls.fetch_or(what as u8, Ordering::AcqRel) != 0 {
            return;
        }
        if let Err(error) = self.waker.wake() {
            log::error!("cannot wake the bus's subscriber thread: {error}");
        }
    }

    /// All that waits. Subscriber thread only.
    pub(super) fn take(&self) -> Calls {
        Calls(self.calls.swap(0, Ordering::AcqRel))
    }
}

impl Calls {
    pub(super) fn include(self, what: WakeReason) -> bool {
        self.0 & what as u8 != 0
    }
}
