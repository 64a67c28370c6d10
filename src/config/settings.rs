//! The settings themselves, and their defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use super::logs::LogSettings;
use super::network::Networks;

/// The most reactor threads; a connection's id has room for more.
pub(super) const REACTORS_MAX: usize = 256;
/// The most threads that hash passwords, unless more are asked for: they hold memory.
const HASHING_THREADS_AUTO_MAX: usize = 16;

/// `limits.message_bytes` when it is not set.
pub const MESSAGE_BYTES: usize = 8_192;
/// The most that it may be.
pub const MESSAGE_BYTES_MAX: u64 = 1_048_576;

/// What the socket for administrators is called, in whatever folder.
pub(crate) const ADMIN_SOCKET: &str = "admin.sock";

/// A day, in seconds.
pub(super) const DAY: u64 = 24 * 3600;

/// All settings, checked. `{:?}` shows them with passwords masked.
#[derive(Clone, PartialEq)]
pub struct Config {
    /// Where clients connect; never empty. Port 0: any free one.
    pub listen: Vec<SocketAddr>,
    /// Further addresses, on which TLS is never demanded.
    pub listen_plain: Vec<SocketAddr>,
    /// The folder of the embedded database. Ignored with `mysql`.
    pub data: PathBuf,
    /// `mysql://user:pw@host:port/db`; without it the embedded database is used.
    pub mysql: Option<String>,
    /// The file that `mysql` was read from.
    pub mysql_file: Option<PathBuf>,
    /// `mysql_read`: replicas of `mysql`, which are read from; `None`: everything is read there.
    pub mysql_read: Option<String>,
    /// The file that `mysql_read` was read from.
    pub mysql_read_file: Option<PathBuf>,
    /// The file of the CA that must have signed the certificate of MySQL; `None`: one that the system trusts.
    pub mysql_tls_ca: Option<PathBuf>,
    /// `redis://host:port/`, `rediss://host:port/`, `redis+sentinel://host:port,host:port/name`,
    /// `redis+cluster://host:port,host:port` or `redis+unix:///path`; without it the node is alone.
    pub redis: Option<String>,
    /// The file that `redis` was read from.
    pub redis_file: Option<PathBuf>,
    /// The file of the CA that must have signed the certificate of Redis; `None`: one that the system trusts.
    pub redis_tls_ca: Option<PathBuf>,
    /// Reactor threads.
    pub reactors: usize,
    /// Where /metrics, /healthz and /readyz are served.
    pub admin: Option<SocketAddr>,
    /// `admin_token_file`: a file with the token by which administrators may ask at [`Config::admin`]; `None`: nobody may.
    pub admin_token_file: Option<PathBuf>,
    /// `admin_socket`: the unix socket for administrators; `None`: where [`Config::admin_socket_path`] says.
    pub admin_socket: Option<PathBuf>,
    /// What a second login of an online account does.
    pub session_policy: SessionPolicy,
    /// What ADD_FRIEND does.
    pub friending: Friending,
    /// ONE_CHAT only between friends.
    pub friends_only: bool,
    /// Every connection starts with a PROXY header.
    pub proxy_protocol: bool,
    /// `proxy.from`: whose PROXY headers are believed.
    pub proxy_from: Networks,
    /// `web.origins`: web pages that may open a WebSocket here, beside the server's own.
    pub web_origins: Vec<String>,
    /// `web.hosts`: names under which browsers may come.
    pub web_hosts: Vec<String>,
    /// `web.client`: the web client is served.
    pub web_client: bool,
    /// `web.folder`: its files are read from here instead of the binary.
    pub web_folder: Option<PathBuf>,
    /// `tls.*`.
    pub tls: TlsFiles,
    /// How the acceptor deals connections to reactors.
    pub accept_policy: AcceptPolicy,
    /// How long SIGTERM waits for everything to be flushed.
    pub shutdown: Duration,
    /// Argon2id's cost.
    pub password: PasswordCost,
    /// `password.threads`: how many hash at once for logins; a quarter as many more do for registrations.
    pub hashing_threads: usize,
    /// Bounds per connection and session.
    pub limits: Limits,
    /// How much of each an account or a group may have.
    pub quota: Quotas,
    /// What holds for messages that are stored.
    pub messages: MessageSettings,
    /// What one SEARCH may cost.
    pub search: SearchSettings,
    /// `retention.days`: for how many days messages are kept where a group has no time of its own; `None` (0): for ever.
    pub retention_days: Option<u32>,
    /// `dialects.*`.
    pub dialects: DialectSettings,
    /// `names.hold_days`: for so long nobody else may take a name that was given up; `None` (0): it is free at once.
    pub names_held: Option<Duration>,
    /// Database settings common to both backends.
    pub store: StoreSettings,
    /// SQLite's `PRAGMA synchronous`.
    pub sqlite_synchronous: Synchronous,
    /// `log.*`.
    pub log: LogSettings,
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

/// `friending`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Friending {
    /// ADD_FRIEND makes friends at once.
    Open,
    /// It asks the other one.
    Ask,
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

/// `tls.*`. Without `cert` TLS is not spoken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// `tls.cert`: the certificate and its issuers, in PEM.
    pub cert: Option<PathBuf>,
    /// `tls.key`: its private key, in PEM.
    pub key: Option<PathBuf>,
    /// `tls.only`: clients that come as they are, from another machine, are refused.
    pub only: bool,
}

impl TlsFiles {
    /// Both files, if TLS is to be spoken.
    #[must_use]
    pub fn pair(&self) -> Option<(&Path, &Path)> {
        self.cert.as_deref().zip(self.key.as_deref())
    }
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
    /// `limits.stall_seconds`: a client that takes nothing of what waits for so long is cut off; `None` (0): never.
    pub stall: Option<Duration>,
    /// `limits.inflight`: chat messages of one connection that are not acknowledged yet.
    pub inflight: usize,
    /// `limits.login_seconds`: a connection without a session is closed after it; `None` (0): never.
    pub login: Option<Duration>,
    /// `limits.messages_per_second`: of an account, and of an address while nobody is logged in; `None` (0): no limit.
    pub messages_per_second: Option<u32>,
    /// `limits.silent_seconds`: how long one may stay on which nothing has come, or a dialect; `None` (0): for ever.
    pub silent: Option<Duration>,
    /// `limits.silent_per_address`: how many such connections of one address may; `None` (0): all.
    pub silent_per_address: Option<u32>,
    /// `limits.logins_per_minute`: wrong passwords for an account from one address; `None` (0): no limit.
    pub logins_per_minute: Option<u32>,
    /// `limits.registrations_per_minute`: new accounts of one address; `None` (0): no limit.
    pub registrations_per_minute: Option<u32>,
    /// `limits.anonymous_per_address`: connections of one address without a session; `None` (0): no limit.
    pub anonymous_per_address: Option<u32>,
    /// `limits.connections`: how many clients at once.
    pub connections: usize,
    /// `limits.offline_messages`: how many pending messages the login reply carries.
    pub offline_messages: u32,
}

/// `quota.*`; `None` (0): no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quotas {
    /// `quota.friends`: of a user.
    pub friends: Option<u32>,
    /// `quota.friend_requests`: sent by a user and not answered.
    pub friend_requests: Option<u32>,
    /// `quota.groups_joined`: that a user is in.
    pub groups_joined: Option<u32>,
    /// `quota.groups_created`: by a user.
    pub groups_created: Option<u32>,
    /// `quota.group_members`: of a group.
    pub group_members: Option<u32>,
    /// `quota.bans`: users banned from a group.
    pub bans: Option<u32>,
    /// `quota.devices`: named ones of a user.
    pub devices: Option<u32>,
    /// `quota.tokens`: of a user.
    pub tokens: Option<u32>,
    /// `quota.reactions`: different ones of a message.
    pub reactions: Option<u32>,
    /// `quota.blocks`: users whom a user has blocked.
    pub blocks: Option<u32>,
    /// `quota.accounts_per_day`: new ones of an address.
    pub accounts_per_day: Option<u32>,
}

/// `messages.*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageSettings {
    /// `messages.edit_seconds`: how long an author may edit and recall; `None`: for ever.
    pub edit: Option<Duration>,
}

/// `search.*`: what one SEARCH looks at, at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SearchSettings {
    /// `search.rows`: messages.
    pub rows: u32,
    /// `search.bytes`: bytes of their bodies.
    pub bytes: usize,
}

/// `dialects.*`: the clients of earlier systems.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialectSettings {
    /// `dialects.enabled`: they are understood.
    pub enabled: bool,
    /// `dialects.default`: what a login is taken for that could be of several of them.
    pub default: Relative,
    /// `dialects.extra`: relatives of the course's program that are known, too.
    pub extra: Vec<Relative>,
    /// `dialects.gap_ms`: between two objects to one such client.
    pub gap: Duration,
}

/// The course's program, and those that were made from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "named after their authors; docs/migrating.md tells which is which")]
pub enum Relative {
    Course,
    Qq,
    KalosAner,
    MuduoChatService,
    JjLi0427,
    Cmsmn,
    Frostcza,
    Hwg1999,
    Gochat,
    Lyyzzz1,
}

/// `store.*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreSettings {
    /// `store.timeout_ms`: how long one database call may take.
    pub timeout: Duration,
    /// `store.pool`: database connections in all, at least 5: dealt to lanes, workers, auth workers and the cursor writer.
    pub pool: usize,
}

impl Config {
    /// What is allowed and probably not meant: one sentence each.
    /// Where the unix socket for administrators is; `None`: a node of a cluster that systemd did not give a folder has none.
    #[must_use]
    pub fn admin_socket_path(&self) -> Option<PathBuf> {
        let in_runtime_folder = || {
            let folders = std::env::var_os("RUNTIME_DIRECTORY").filter(|folders| !folders.is_empty())?;
            // Several have colons between them.
            std::env::split_paths(&folders).next().map(|folder| folder.join(ADMIN_SOCKET))
        };
        let in_data = || self.mysql.is_none().then(|| self.data.join(ADMIN_SOCKET));
        self.admin_socket.clone().or_else(in_data).or_else(in_runtime_folder)
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let exposed = self.admin.filter(|admin| !admin.ip().is_loopback()).map(|admin| {
            format!(
                "admin = {admin} is no loopback address: whoever reaches it reads the metrics, without a password. Use \
                 127.0.0.1, or a network that only your monitoring reaches"
            )
        });
        let is_pointless = self.friends_only && self.friending == Friending::Open;
        let pointless = is_pointless.then(|| {
            "friends_only = true keeps nobody out: with friending = \"open\" everybody can make himself anybody's friend. Set \
             friending = \"ask\""
                .to_owned()
        });
        exposed.into_iter().chain(pointless).collect()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8000))],
            listen_plain: Vec::new(),
            data: PathBuf::from("./stonechat-data"),
            mysql: None,
            mysql_file: None,
            mysql_read: None,
            mysql_read_file: None,
            mysql_tls_ca: None,
            redis: None,
            redis_file: None,
            redis_tls_ca: None,
            reactors: one_per_core(),
            admin: None,
            admin_token_file: None,
            admin_socket: None,
            session_policy: SessionPolicy::Reject,
            friending: Friending::Open,
            friends_only: false,
            proxy_protocol: false,
            proxy_from: Networks::loopback(),
            web_origins: Vec::new(),
            web_hosts: Vec::new(),
            web_client: true,
            web_folder: None,
            tls: TlsFiles { cert: None, key: None, only: true },
            accept_policy: AcceptPolicy::RoundRobin,
            shutdown: Duration::from_secs(10),
            password: PasswordCost::default(),
            hashing_threads: hashing_threads(),
            limits: Limits::default(),
            quota: Quotas::default(),
            messages: MessageSettings { edit: Some(Duration::from_secs(86_400)) },
            search: SearchSettings { rows: 20_000, bytes: 4 << 20 },
            retention_days: None,
            dialects: DialectSettings::default(),
            names_held: Some(Duration::from_secs(30 * DAY)),
            store: StoreSettings::default(),
            sqlite_synchronous: Synchronous::Full,
            log: LogSettings::default(),
        }
    }
}

impl Default for DialectSettings {
    fn default() -> Self {
        Self { enabled: true, default: Relative::Course, extra: Vec::new(), gap: Duration::from_millis(15) }
    }
}

impl Default for PasswordCost {
    /// What OWASP recommends for Argon2id.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes: 65_536,
            message_bytes: MESSAGE_BYTES,
            outbox_bytes: 1_048_576,
            stall: Some(Duration::from_secs(30)),
            inflight: 64,
            login: Some(Duration::from_secs(30)),
            silent: Some(Duration::from_secs(600)),
            silent_per_address: Some(64),
            messages_per_second: Some(100),
            logins_per_minute: Some(10),
            registrations_per_minute: Some(60),
            anonymous_per_address: Some(10_000),
            connections: 100_000,
            offline_messages: 100,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            friends: Some(5_000),
            friend_requests: Some(500),
            groups_joined: Some(1_000),
            groups_created: Some(100),
            group_members: Some(100_000),
            bans: Some(10_000),
            devices: Some(32),
            tokens: Some(32),
            reactions: Some(64),
            blocks: Some(1_000),
            accounts_per_day: Some(1_000),
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), pool: 12 }
    }
}

/// As many reactors as there are cores to run on, within the key's bounds.
pub(super) fn one_per_core() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().min(REACTORS_MAX))
}

/// As many threads that hash as there are cores, two at least; each holds [`PasswordCost::memory_kib`].
pub(super) fn hashing_threads() -> usize {
    one_per_core().clamp(2, HASHING_THREADS_AUTO_MAX)
}
