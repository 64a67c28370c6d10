//! One thread's connection: opened when needed, dropped after any error that may have left it in disorder, and work run
//! again where that is safe.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mysql::{Conn, Opts, OptsBuilder};

use super::append::Locks;
use super::call::{Begin, Call, Connection, LOCK_WAIT_SECONDS};
use super::faults::not_connected;
use crate::store::sql::{Fault, SqlResult};
use crate::store::{Result, StoreError};

/// For how long after a failed connect nobody tries again: while the server is down, calls fail at once.
const REFUSAL_PAUSE: Duration = Duration::from_millis(200);

/// How often work that the server took back (deadlocks) is run again.
const RETRIES_MAX: u32 = 20;

/// Statements that a lane keeps prepared: what it needs for batches of all sizes. The server counts those of all nodes
/// (`max_prepared_stmt_count`, 16,382 by default).
const LANE_STATEMENTS_KEPT: usize = 96;

/// Statements that any other connection keeps prepared.
const STATEMENTS_KEPT: usize = 32;

/// For how long after a locked row was waited for in vain it is hardly waited for.
const STUCK_FOR: Duration = Duration::from_secs(1);

/// Locked rows that are remembered.
const STUCK_MAX: usize = 256;

/// The server as all threads of the node know it.
pub(super) struct Server {
    opts: OptsBuilder,
    timeout: Duration,
    /// Until when nobody tries to connect.
    refusing: Mutex<Option<(Instant, String)>>,
    /// Each connection keeps its number of statements, divided by this: more than 1 after the server had no room.
    kept_divisor: AtomicUsize,
    /// Rows (by a hash of what asked for them) that were waited for in vain, and until when they count as stuck.
    stuck: Mutex<HashMap<u64, Instant>>,
}

impl Server {
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self> {
        // The driver's own words might repeat the password.
        let bad = || StoreError::Broken("the MySQL address is not of the form mysql://user:pw@host:port/db".into());
        let opts = Opts::from_url(url).map_err(|_| bad())?;
        if opts.get_db_name().is_none_or(str::is_empty) {
            return Err(bad());
        }
        let opts = OptsBuilder::from_opts(opts).prefer_socket(false).tcp_nodelay(true).init(vec![
            "SET NAMES utf8mb4 COLLATE utf8mb4_bin".to_owned(),
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            // Too long a value is an error, never cut off.
            "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'".to_owned(),
            format!("SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}"),
        ]);
        let (refusing, stuck) = (Mutex::default(), Mutex::default());
        Ok(Self { opts, timeout, refusing, kept_divisor: AtomicUsize::new(1), stuck })
    }

    /// How long a call may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Opens a connection on which no read or write waits longer than `patience`, nor a statement or an open transaction
    /// on the server, as far as it can bound them. It keeps about `kept` statements prepared.
    pub(super) fn connect(&self, patience: Duration, kept: usize) -> SqlResult<Connection> {
        let mut refusing = self.refusing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((until, why)) = refusing.take_if(|(until, _)| now() < *until) {
            let left_ms = until.saturating_duration_since(now()).as_millis();
            return Err(Fault::Unavailable(format!("{why} (next attempt in {left_ms} ms)").into()));
        }
        let kept = kept / self.kept_divisor.load(Ordering::Relaxed);
        let opts = self.opts.clone().stmt_cache_size(kept);
        let opts =
            opts.tcp_connect_timeout(Some(self.timeout)).read_timeout(Some(patience)).write_timeout(Some(patience));
        let connected = Conn::new(opts);
        let refusal = connected.as_ref().err().map(|error| (now() + REFUSAL_PAUSE, error.to_string()));
        *self.refusing.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
        Connection::surveyed(connected.map_err(not_connected)?, patience)
    }

    /// The server has no room for more prepared statements: new connections keep fewer.
    fn keep_fewer(&self) {
        let before = self.kept_divisor.fetch_max(2, Ordering::Relaxed);
        let now = (before * 2).min(LANE_STATEMENTS_KEPT * 2);
        self.kept_divisor.store(now, Ordering::Relaxed);
        if before == 1 {
            log::warn!(
                "the database keeps no more prepared statements: this node goes on with fewer; \
                 raise max_prepared_stmt_count"
            );
        }
    }

    /// Whether what has this hash was locked a moment ago for longer than anybody should wait.
    pub(super) fn is_stuck(&self, what: u64) -> bool {
        self.stuck().get(&what).is_some_and(|until| now() < *until)
    }

    /// Notes that it was waited for in vain.
    pub(super) fn note_stuck(&self, what: u64) {
        let mut stuck = self.stuck();
        if stuck.len() >= STUCK_MAX {
            stuck.retain(|_, until| now() < *until);
        }
        if stuck.len() < STUCK_MAX {
            stuck.insert(what, now() + STUCK_FOR);
        }
    }

    fn stuck(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Instant>> {
        // Nothing panics while it holds this lock.
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
        let deadline = now() + self.server.timeout;
        let mut retries = 0;
        loop {
            let was_idle = self.connection.is_some();
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(self.server.connect(self.server.timeout, self.kept)?),
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
                    was_idle
                }
                Fault::CommitUnknown(_) | Fault::Unavailable(_) | Fault::TooLarge(_) => {
                    self.connection = None;
                    false
                }
                Fault::Taken(_) | Fault::Broken(_) | Fault::Locked(_) | Fault::Slow(_) => false,
            };
            retries += 1;
            if !may_run_again || retries > RETRIES_MAX || now() >= deadline {
                return Err(fault);
            }
            log::debug!("a transaction is run again: {fault:?}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a store call blocks its thread and bounds itself by the clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_address_is_refused_without_repeating_the_password() {
        for url in ["nonsense", "mysql://chat:hidden@127.0.0.1:3306", "http://chat:hidden@127.0.0.1/x"] {
            let told = Server::new(url, Duration::from_secs(1)).err().unwrap().to_string();
            assert!(told.contains("mysql://user:pw@host:port/db") && !told.contains("hidden"), "{told}");
        }
    }
}
