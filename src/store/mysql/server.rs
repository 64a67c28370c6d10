//! The server that is used, as all threads of the node know it, and connections to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mysql::Conn;
use mysql::prelude::Queryable;

use super::faults::not_connected;
pub(super) use super::hosts::now;
use super::hosts::{Hosts, Present};
use crate::backend::Backend;
use crate::store::sql::{Fault, SqlResult};
use crate::store::{Cause, Result};

/// For how long after a failed connect nobody tries again: while the server is down, calls fail at once.
const REFUSAL_PAUSE: Duration = Duration::from_millis(200);

/// Statements that a lane keeps prepared: what it needs for batches of all sizes. The server counts those of all nodes
/// (`max_prepared_stmt_count`, 16,382 by default).
pub(super) const LANE_STATEMENTS_KEPT: usize = 96;

/// For how long after a locked row was waited for in vain it is hardly waited for.
const STUCK_FOR: Duration = Duration::from_secs(1);

/// Locked rows that are remembered.
const STUCK_MAX: usize = 256;

/// How a connection begins its transactions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// By START TRANSACTION; any other statement is a transaction of its own. A new connection does.
    Said,
    /// By the first statement after the last COMMIT or ROLLBACK (`autocommit` is off).
    Implied,
}

/// How a connection begins. The shortest time that every server takes for a lock wait is a second.
const INIT: [&str; 4] = [
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    // Too long a value is an error, never cut off.
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'",
    "SET SESSION innodb_lock_wait_timeout = 1",
];

/// A member of a Galera cluster begins a transaction, and answers a question outside of one, when it has what the cluster
/// has committed until then. Otherwise it might show less than was told of another member's commits, as if data were lost.
const IN_STEP: &str = "wsrep_sync_wait = 7";

/// When MySQL ends a transaction in which nothing happens: it knows no other bound than that of idle connections.
const IDLE_SECONDS: u32 = 60;

/// For how long a transaction may be open on any server in which nothing happens.
pub(super) const IDLE_TRANSACTION_MAX: Duration = Duration::from_secs(IDLE_SECONDS as u64);

/// What the server is and can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Abilities {
    pub(super) is_mariadb: bool,
    /// SKIP LOCKED and NOWAIT.
    pub(super) skips_locked: bool,
    /// `max_allowed_packet`.
    pub(super) packet_max: usize,
}

impl Abilities {
    /// From what the server says of itself: MariaDB can skip since 10.6, MySQL since 8.0.
    fn of(version: &str, packet_max: usize) -> Self {
        let numbers: Vec<u32> =
            version.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok()).take(2).collect();
        let version_is = |major, minor| numbers.as_slice() >= [major, minor].as_slice();
        let is_mariadb = version.contains("MariaDB");
        let skips_locked = if is_mariadb { version_is(10, 6) } else { version_is(8, 0) && !version.contains("TiDB") };
        Self { is_mariadb, skips_locked, packet_max }
    }
}

/// A connection, and what is set on it at present.
pub(super) struct Connection {
    pub(super) conn: Conn,
    pub(super) begins: Begin,
    pub(super) abilities: Abilities,
    /// The server, and when it was that which is used.
    pub(super) to: Present,
}

impl Connection {
    /// A connection that was just opened: asks what the server can do, and has it bound statements and idle
    /// transactions, so that the locks of a node that freezes end.
    fn surveyed(mut conn: Conn, to: Present, patience: Duration) -> SqlResult<Self> {
        let asked: Option<(String, u64)> =
            conn.query_first("SELECT VERSION(), @@max_allowed_packet").map_err(not_connected)?;
        let (version, packet_max) = asked.unwrap_or_default();
        let abilities = Abilities::of(&version, usize::try_from(packet_max).unwrap_or(usize::MAX));
        let (seconds, ms) = (patience.as_secs().max(1), patience.as_millis().max(1));
        let bounds = if abilities.is_mariadb {
            [format!("max_statement_time = {seconds}"), format!("idle_transaction_timeout = {}", seconds + 1)]
        } else {
            [format!("max_execution_time = {ms}"), format!("wait_timeout = {IDLE_SECONDS}")]
        };
        for setting in bounds.iter().map(String::as_str).chain([IN_STEP]) {
            match conn.query_drop(format!("SET SESSION {setting}")) {
                // An older server, or a relative that does not know it: its bounds are its own.
                Ok(()) | Err(mysql::Error::MySqlError(_)) => {}
                Err(error) => return Err(not_connected(error)),
            }
        }
        Ok(Self { conn, begins: Begin::Said, abilities, to })
    }
}

/// A server could not be reached.
#[derive(Clone)]
struct Refusing {
    /// Until when nobody tries again.
    until: Instant,
    /// While this one was used.
    generation: u64,
    why: String,
}

/// The server as all threads of the node know it.
pub(super) struct Server {
    hosts: Arc<Hosts>,
    timeout: Duration,
    refusing: Mutex<Option<Refusing>>,
    /// Each connection keeps its number of statements, divided by this: more than 1 after the server had no room.
    kept_divisor: AtomicUsize,
    /// Rows (by a hash of what asked for them) that were waited for in vain, and until when they count as stuck.
    stuck: Mutex<HashMap<u64, Instant>>,
}

impl Server {
    pub(super) fn new(database: Backend<'_>, timeout: Duration) -> Result<Self> {
        let hosts = Arc::new(Hosts::new(database, timeout)?);
        let (refusing, stuck) = (Mutex::default(), Mutex::default());
        Ok(Self { hosts, timeout, refusing, kept_divisor: AtomicUsize::new(1), stuck })
    }

    /// Which servers there are, and which of them is used.
    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// How long a call may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Opens a connection on which no read or write waits longer than `patience`, nor a statement or an open transaction
    /// on the server, as far as it can bound them. It keeps about `kept` statements prepared.
    pub(super) fn connect(&self, patience: Duration, kept: usize) -> SqlResult<Connection> {
        let present = self.hosts.present()?;
        let refusing = self.refusing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(Refusing { until, generation, why }) = refusing
            && generation == present.generation
            && now() < until
        {
            let left_ms = until.saturating_duration_since(now()).as_millis();
            return Err(Fault::Unavailable(format!("{why} (next attempt in {left_ms} ms)").into()));
        }
        let endpoint = self.hosts.endpoint(present.host);
        let kept = kept / self.kept_divisor.load(Ordering::Relaxed);
        let opts = endpoint.opts().init(INIT.to_vec()).stmt_cache_size(kept);
        let opts =
            opts.tcp_connect_timeout(Some(self.timeout)).read_timeout(Some(patience)).write_timeout(Some(patience));
        let connected = Conn::new(opts).map_err(|error| {
            self.hosts.nudge();
            self.hosts.hopeless().map_or_else(|| endpoint.explained(error), Cause::from)
        });
        let refused = |cause: &Cause| Refusing {
            until: now() + REFUSAL_PAUSE,
            generation: present.generation,
            why: cause.to_string(),
        };
        let refusal = connected.as_ref().err().map(refused);
        *self.refusing.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
        Connection::surveyed(connected.map_err(Fault::Unavailable)?, present, patience)
    }

    /// The server has no room for more prepared statements: new connections keep fewer.
    pub(super) fn keep_fewer(&self) {
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
