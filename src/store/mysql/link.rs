//! One thread's connection: opened when needed, dropped after any error that may have left it in disorder, and work run
//! again where that is safe.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mysql::{Conn, Opts, OptsBuilder};

use super::faults::not_connected;
use super::session::{Begin, Connection, Session};
use crate::store::sql::{Done, Fault};
use crate::store::{Result, StoreError};

/// For how long after a failed connect nobody tries again: while the server is down, calls fail at once.
const REFUSAL_PAUSE: Duration = Duration::from_millis(200);

/// How often work that the server took back (deadlocks) is run again.
const RETRIES_MAX: u32 = 20;

/// Statements kept prepared for each connection: what a lane needs for batches of all sizes. The server counts those of
/// all nodes (`max_prepared_stmt_count`, 16,382 by default).
const STATEMENTS_KEPT: usize = 96;

/// The server as all threads of the node know it.
pub(super) struct Server {
    opts: OptsBuilder,
    timeout: Duration,
    /// Until when nobody tries to connect.
    refusing: Mutex<Option<(Instant, String)>>,
}

impl Server {
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self> {
        // The driver's own words might repeat the password.
        let bad = || StoreError::Broken("the MySQL address is not of the form mysql://user:pw@host:port/db".into());
        let opts = Opts::from_url(url).map_err(|_| bad())?;
        if opts.get_db_name().is_none_or(str::is_empty) {
            return Err(bad());
        }
        // A lock wait ends before the read would time out: an answer keeps the connection.
        let lock_wait_seconds = (timeout.as_secs() / 2).max(1);
        let opts =
            OptsBuilder::from_opts(opts).prefer_socket(false).tcp_nodelay(true).stmt_cache_size(STATEMENTS_KEPT).init(
                vec![
                    "SET NAMES utf8mb4 COLLATE utf8mb4_bin".to_owned(),
                    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
                    // Too long a value is an error, never cut off.
                    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'".to_owned(),
                    format!("SET SESSION innodb_lock_wait_timeout = {lock_wait_seconds}"),
                ],
            );
        Ok(Self { opts, timeout, refusing: Mutex::new(None) })
    }

    /// How long a call may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Opens a connection on which no read or write waits longer than `patience`.
    pub(super) fn connect(&self, patience: Duration) -> Done<Connection> {
        let mut refusing = self.refusing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((until, why)) = refusing.take_if(|(until, _)| now() < *until) {
            let left_ms = until.saturating_duration_since(now()).as_millis();
            return Err(Fault::Away(format!("{why} (next attempt in {left_ms} ms)").into()));
        }
        let opts = self.opts.clone();
        let opts =
            opts.tcp_connect_timeout(Some(self.timeout)).read_timeout(Some(patience)).write_timeout(Some(patience));
        let connected = Conn::new(opts);
        let refusal = connected.as_ref().err().map(|error| (now() + REFUSAL_PAUSE, error.to_string()));
        *self.refusing.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
        connected.map(Connection::from).map_err(not_connected)
    }
}

/// One thread's connection.
pub(super) struct Link {
    server: Arc<Server>,
    connection: Option<Connection>,
}

impl Link {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, connection: None }
    }

    /// Runs the work. It is run again, within the server's timeout, when the server took it back, and once when the
    /// connection turns out to have died since it was last used.
    pub(super) fn attempt<T>(&mut self, work: impl FnMut(&mut Session<'_>) -> Done<T>) -> Done<T> {
        self.attempt_as(Begin::Said, work)
    }

    /// The same for work that does nothing outside of [`Session::transaction`]: its transactions take one round trip
    /// less, as long as the connection is used for nothing else.
    pub(super) fn attempt_transaction<T>(&mut self, work: impl FnMut(&mut Session<'_>) -> Done<T>) -> Done<T> {
        self.attempt_as(Begin::Implied, work)
    }

    fn attempt_as<T>(&mut self, begin: Begin, mut work: impl FnMut(&mut Session<'_>) -> Done<T>) -> Done<T> {
        let deadline = now() + self.server.timeout;
        let mut retries = 0;
        loop {
            let was_idle = self.connection.is_some();
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(self.server.connect(self.server.timeout)?),
            };
            let session = Session::new(connection, deadline);
            let fault = match session.begin_as(begin).and_then(|mut session| work(&mut session)) {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            let may_run_again = match &fault {
                Fault::Again(_) => true,
                Fault::Lost(_) => {
                    self.connection = None;
                    was_idle
                }
                Fault::Unsure(_) | Fault::Away(_) => {
                    self.connection = None;
                    false
                }
                Fault::Taken(_) | Fault::Broken(_) => false,
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
