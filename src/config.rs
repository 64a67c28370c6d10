//! Every setting: its unit, default and bound.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// All settings, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Where clients connect. Port 0: any free one.
    pub listen: SocketAddr,
    /// The folder of the embedded database. Ignored with `mysql`.
    pub data: PathBuf,
    /// `mysql://user:pw@host:port/db`; without it the embedded database is used.
    pub mysql: Option<String>,
    /// `redis://host:port/`; without it the node is alone.
    pub redis: Option<String>,
    /// Reactor threads.
    pub reactors: usize,
    /// Where /metrics, /healthz and /readyz are served.
    pub admin: Option<SocketAddr>,
    /// What a second login of an online account does.
    pub session_policy: SessionPolicy,
    /// ONE_CHAT only between friends.
    pub friends_only: bool,
    /// Every connection starts with a PROXY header.
    pub proxy_protocol: bool,
    /// How the acceptor deals connections to reactors.
    pub accept_policy: AcceptPolicy,
    /// How long SIGTERM waits for everything to be flushed.
    pub shutdown: Duration,
    /// Argon2id's cost.
    pub password: PasswordCost,
    /// Bounds per connection and session.
    pub limits: Limits,
    /// Database settings common to both backends.
    pub store: StoreSettings,
    /// SQLite's `PRAGMA synchronous`.
    pub sqlite_synchronous: Synchronous,
}

/// `session_policy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionPolicy {
    /// The second login is refused with errno 2.
    Reject,
    /// The first session is told and closed.
    Replace,
    /// Both get everything.
    Multi,
}

/// `accept_policy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcceptPolicy {
    /// One after the other.
    RoundRobin,
    /// To the reactor with the fewest connections.
    LeastLoaded,
}

/// `sqlite.synchronous`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Synchronous {
    /// Every commit is on disk before it is acknowledged.
    Full,
    /// A power failure may lose acknowledged messages; warned about at start.
    Normal,
}

/// `password.*`: Argon2id's cost. Parallelism is 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordCost {
    /// `password.memory_kib`: 8 to 1,048,576.
    pub memory_kib: u32,
    /// `password.passes`: 1 to 100.
    pub passes: u32,
}

/// `limits.*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// `limits.line_bytes`: the longest line, without its line end.
    pub line_bytes: usize,
    /// `limits.message_bytes`: the longest `msg` (its text in UTF-8) and the longest `ext` (its JSON).
    pub message_bytes: usize,
    /// `limits.outbox_bytes`: the high-water mark of a connection's outbox.
    pub outbox_bytes: usize,
    /// `limits.inflight`: chat messages of one connection that are not acknowledged yet.
    pub inflight: usize,
    /// `limits.login_seconds`: a connection without a session is closed after it; `None` (0): never.
    pub login: Option<Duration>,
    /// `limits.messages_per_second`: per session; `None` (0): no limit.
    pub messages_per_second: Option<u32>,
    /// `limits.logins_per_minute`: failed ones, per address and per account; `None` (0): no limit.
    pub logins_per_minute: Option<u32>,
    /// `limits.connections`: how many clients at once.
    pub connections: usize,
    /// `limits.offline_messages`: how many pending messages the login reply carries.
    pub offline_messages: u32,
}

/// `store.*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreSettings {
    /// `store.timeout_ms`: how long one database call may take.
    pub timeout: Duration,
    /// `store.pool`: database connections in all, at least 5: dealt to lanes, workers, auth workers and the scribe.
    pub pool: usize,
}
