//! Which Redis server this node speaks with: that of the URL, or the master that sentinels name at present.
//!
//! ```text
//!   lookout --change--> CurrentServer --now, number--> subscriber, publisher, inquiry: leave the one of before
//! ```
//!
//! Each change has a number. A connection remembers the number of the server that it was opened to: with another number
//! in force it is of no use any more, even if that server still answers. Bells that it takes would reach nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::address::Address;

/// The present server. Any thread asks; the lookout changes it.
pub(super) struct CurrentServer {
    state: Mutex<State>,
    changed: Condvar,
    /// Written under the lock, with `State::at`.
    number: AtomicU64,
}

struct State {
    at: Option<Arc<Address>>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody has looked yet: it is worth waiting.
    Unknown,
    Looked,
    Closed,
}

/// The server that counts at present.
#[derive(Clone)]
pub(super) struct Current {
    /// `None`: no master is known.
    pub(super) at: Option<Arc<Address>>,
    /// Which change has made it so; never 0.
    pub(super) number: u64,
}

impl CurrentServer {
    /// The server of the URL, which never changes.
    pub(super) fn fixed(address: Address) -> Self {
        Self::new(Some(Arc::new(address)), Phase::Looked)
    }

    /// None is known before somebody has looked.
    pub(super) fn unknown() -> Self {
        Self::new(None, Phase::Unknown)
    }

    fn new(at: Option<Arc<Address>>, phase: Phase) -> Self {
        Self { state: Mutex::new(State { at, phase }), changed: Condvar::new(), number: AtomicU64::new(1) }
    }

    /// The present server. Before the first look it waits for that.
    pub(super) fn now(&self) -> Current {
        let unknown = |state: &mut State| state.phase == Phase::Unknown;
        let state = self.changed.wait_while(self.lock(), unknown).unwrap_or_else(PoisonError::into_inner);
        Current { at: state.at.clone(), number: self.number() }
    }

    /// The number of the present server.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// From now on it is this one; `None`: that of before is no master any more.
    pub(super) fn change(&self, at: Option<Address>) {
        let mut state = self.lock();
        state.at = at.map(Arc::new);
        self.number.fetch_add(1, Ordering::AcqRel);
    }

    /// The first look is over, whatever it has found.
    pub(super) fn looked(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Unknown {
            state.phase = Phase::Looked;
            self.changed.notify_all();
        }
    }

    /// Nobody waits any more.
    pub(super) fn close(&self) {
        self.lock().phase = Phase::Closed;
        self.changed.notify_all();
    }

    /// Waits until `pause` has passed; `false`: it is closed.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let open = |state: &mut State| state.phase != Phase::Closed;
        let waited = self.changed.wait_timeout_while(self.lock(), pause, open);
        waited.unwrap_or_else(PoisonError::into_inner).0.phase != Phase::Closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        Address::parse((&format!("redis://h:{port}/")).into()).unwrap()
    }

    fn port(current: &Current) -> Option<u16> {
        Some(current.at.as_ref()?.host_and_port()?.1)
    }

    #[test]
    fn a_fixed_server_is_there_at_once() {
        let server = CurrentServer::fixed(address(1));
        assert_eq!((port(&server.now()), server.number()), (Some(1), 1));
    }

    #[test]
    fn whoever_asks_before_the_first_look_waits_for_it() {
        let server = CurrentServer::unknown();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| server.now());
            server.change(Some(address(2)));
            server.looked();
            assert_eq!(port(&waiting.join().unwrap()), Some(2));
        });
        let unfound = CurrentServer::unknown();
        unfound.looked();
        assert!(unfound.now().at.is_none());
    }

    #[test]
    fn each_change_has_a_number_of_its_own() {
        let server = CurrentServer::fixed(address(1));
        let before = server.now();
        server.change(None);
        assert!(server.now().at.is_none() && server.number() != before.number);
        server.change(Some(address(1)));
        assert_eq!(port(&server.now()), Some(1));
        assert_ne!(server.number(), before.number, "the same place, and yet bells were missed");
    }

    #[test]
    fn the_end_waits_for_nothing() {
        let server = CurrentServer::unknown();
        assert!(server.pause(Duration::ZERO));
        server.close();
        assert!(!server.pause(Duration::from_secs(3600)) && server.now().at.is_none());
    }
}
