//! One thread's connection: opened when needed, dropped after any error that may have left it in disorder, and work run
//! again where that is safe.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::call::{Call, Locks};
use super::server::{Begin, Connection, LANE_STATEMENTS_KEPT, Server, now};
use crate::store::sql::{Fault, SqlResult};

/// How often work that the server took back (deadlocks, conflicts with another member of a cluster) is run again.
const RETRIES_MAX: u32 = 20;

/// So many times at once; then there is a pause ahead of each, so that two who meet again and again miss each other.
const AT_ONCE: u32 = 3;

/// The longest of these pauses.
const PAUSE_MAX: Duration = Duration::from_millis(32);

/// Statements that any other connection keeps prepared.
const STATEMENTS_KEPT: usize = 32;

/// One thread's connection.
pub(super) struct Reconnecting {
    server: Arc<Server>,
    connection: Option<Connection>,
    /// Statements that it keeps prepared.
    kept: usize,
}

impl Reconnecting {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, connection: None, kept: STATEMENTS_KEPT }
    }

    /// The server, as all threads know it.
    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Runs the work. It is run again, within the server's timeout, when the server took it back, and once when the
    /// connection turns out to have died since it was last used.
    pub(super) fn attempt<T>(&mut self, work: impl FnMut(&mut Call<'_>) -> SqlResult<T>) -> SqlResult<T> {
        self.attempt_as(Begin::Said, Locks::Wait, work)
    }

    /// The same; what it writes waits for locks or not.
    pub(super) fn attempt_with<T>(
        &mut self,
        locks: Locks,
        work: impl FnMut(&mut Call<'_>) -> SqlResult<T>,
    ) -> SqlResult<T> {
        self.attempt_as(Begin::Said, locks, work)
    }

    /// The same for work that does nothing outside of [`Call::transaction`]: its transactions take one round trip
    /// less, as long as the connection is used for nothing else.
    pub(super) fn attempt_transaction<T>(
        &mut self,
        locks: Locks,
        work: impl FnMut(&mut Call<'_>) -> SqlResult<T>,
    ) -> SqlResult<T> {
        // Who appends is a lane, and does nothing else.
        self.kept = LANE_STATEMENTS_KEPT;
        self.attempt_as(Begin::Implied, locks, work)
    }

    fn attempt_as<T>(
        &mut self,
        begin: Begin,
        locks: Locks,
        mut work: impl FnMut(&mut Call<'_>) -> SqlResult<T>,
    ) -> SqlResult<T> {
        let deadline = now() + self.server.timeout();
        let mut retries = 0;
        loop {
            let generation = self.server.hosts().generation();
            self.connection.take_if(|connection| connection.to.generation != generation);
            let was_idle = self.connection.is_some();
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(self.server.connect(self.server.timeout(), self.kept)?),
            };
            let call = Call::new(connection, &self.server, deadline).wait_for_locks_as(locks);
            let begun = call.begin_as(begin);
            let fault = match begun.and_then(|mut call| work(&mut call)) {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            let may_run_again = match &fault {
                Fault::Retry(_) => true,
                Fault::Crowded(_) => {
                    self.connection = None;
                    self.server.keep_fewer();
                    true
                }
                Fault::Lost(_) => {
                    self.connection = None;
                    self.server.hosts().nudge();
                    was_idle
                }
                Fault::CommitUnknown(_) | Fault::Unavailable(_) | Fault::TooLarge(_) => {
                    self.connection = None;
                    self.server.hosts().nudge();
                    false
                }
                Fault::Taken(_) | Fault::Broken(_) | Fault::Locked(_) | Fault::Slow(_) => false,
            };
            retries += 1;
            if !may_run_again || retries > RETRIES_MAX || now() >= deadline {
                return Err(fault);
            }
            log::debug!("a transaction is run again: {fault:?}");
            if matches!(fault, Fault::Retry(_)) {
                pause(retries, deadline);
            }
        }
    }
}

/// Ahead of an attempt that is not the first: up to twice as long as ahead of the last one.
fn pause(retries: u32, deadline: Instant) {
    let Some(exponent) = retries.checked_sub(AT_ONCE + 1) else { return };
    let longest = PAUSE_MAX.min(Duration::from_millis(1) * 2_u32.saturating_pow(exponent));
    let parts = u32::try_from(RandomState::new().hash_one(retries) % 256).unwrap_or(0);
    // Nobody unparks the threads of stores; if somebody did, the pause would be shorter.
    thread::park_timeout((longest / 256 * (parts + 1)).min(deadline.saturating_duration_since(now())));
}
