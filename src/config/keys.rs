//! The table of keys: every setting's name, unit, bounds and meaning, in the order in which they are listed.

use std::time::Duration;

use std::fmt;

use super::backend_url::UrlShape;
use super::kind::{Kind, Named};
use super::logs::{LogFormat, LogLevel};
use super::settings::{
    self, AcceptPolicy, Config, DAY, Friending, MESSAGE_BYTES_MAX, REACTORS_MAX, Relative, SessionPolicy, Synchronous,
};

/// The largest quota: beyond it, counting the rows takes longer than a request may.
const QUOTA_MAX: u64 = 10_000_000;

/// The longest time that a message may be changeable, in seconds: ten years. Who wants more says 0.
const MESSAGE_AGE_MAX: u64 = 315_360_000;

/// One setting.
pub(super) struct Key {
    /// Its dotted name: what a TOML file, `--set` and the error messages call it.
    pub(super) name: &'static str,
    /// What it does, for a person; it also stands in the help and in the example file.
    pub(super) meaning: &'static str,
    /// What values it takes, and where they go.
    pub(super) kind: Kind,
}

impl Key {
    /// The environment variable of this key: `limits.inflight` is `STONECHAT_LIMITS_INFLIGHT`.
    pub(super) fn variable(&self) -> String {
        format!("STONECHAT_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// The place of the key called `name` in [`KEYS`].
pub(super) fn index_of(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

/// Every key. Those without a section come first, as TOML wants it.
pub(super) static KEYS: &[Key] = &[
    Key {
        name: "listen",
        meaning: "Where clients connect: one address, or several with commas between them. Port 0 takes any free port; the \
                  log tells which. [::] takes IPv4 clients, too",
        kind: Kind::Addresses { least: 1, get: |c| &c.listen, set: |c, all| c.listen = all },
    },
    Key {
        name: "listen_plain",
        meaning: "Further addresses for clients, on which TLS is never demanded: for nc, or for a proxy that has taken it off",
        kind: Kind::Addresses { least: 0, get: |c| &c.listen_plain, set: |c, all| c.listen_plain = all },
    },
    Key {
        name: "data",
        meaning: "The folder of the embedded SQLite database, made at the first start. Ignored with mysql",
        kind: Kind::Folder { get: |c| &c.data, set: |c, path| c.data = path },
    },
    Key {
        name: "mysql",
        meaning: "The MySQL or MariaDB database that all nodes share: mysql://user:pw@host:port/db. Behind it, \
                  ?tls=verify encrypts the connections and checks the server's certificate, ?tls=required encrypts \
                  without a check, ?socket=/path takes the server's unix socket instead of host and port. Without it \
                  the embedded database is used",
        kind: Kind::Url { shape: UrlShape::Mysql, get: |c| c.mysql.as_deref(), set: |c, url| c.mysql = url },
    },
    Key {
        name: "mysql_file",
        meaning: "A file that holds what mysql would say, so that the password stands neither in the settings nor in \
                  the environment. Not together with mysql",
        kind: Kind::File { what: "file", get: |c| c.mysql_file.as_deref(), set: |c, path| c.mysql_file = path },
    },
    Key {
        name: "mysql_tls_ca",
        meaning: "A PEM file with the certificate of the CA that has signed that of MySQL, for ?tls=verify. Without it \
                  the CAs count that this system trusts",
        kind: Kind::File { what: "file", get: |c| c.mysql_tls_ca.as_deref(), set: |c, path| c.mysql_tls_ca = path },
    },
    Key {
        name: "redis",
        meaning: "The Redis through which the nodes of a cluster notify each other: redis://host:port/. \
                  rediss:// encrypts the connections and checks the server's certificate, with #insecure at the end \
                  it encrypts without a check; redis+unix:///path takes the server's unix socket; \
                  redis+sentinel://host:port,host:port/name asks sentinels which server is the master; \
                  redis+cluster://host:port,host:port takes a Redis Cluster, with some of its servers. Without it \
                  the node is alone",
        kind: Kind::Url { shape: UrlShape::Redis, get: |c| c.redis.as_deref(), set: |c, url| c.redis = url },
    },
    Key {
        name: "redis_file",
        meaning: "A file that holds what redis would say. Not together with redis",
        kind: Kind::File { what: "file", get: |c| c.redis_file.as_deref(), set: |c, path| c.redis_file = path },
    },
    Key {
        name: "redis_tls_ca",
        meaning: "A PEM file with the certificate of the CA that has signed that of Redis, for rediss://. Without it \
                  the CAs count that this system trusts",
        kind: Kind::File { what: "file", get: |c| c.redis_tls_ca.as_deref(), set: |c, path| c.redis_tls_ca = path },
    },
    Key {
        name: "reactors",
        meaning: "Threads that serve connections. \"auto\": one per core",
        kind: Kind::Count {
            unit: "threads",
            min: 1,
            max: REACTORS_MAX as u64,
            auto: Some(|| wide(settings::one_per_core())),
            get: |c| wide(c.reactors),
            set: |c, n| c.reactors = narrow(n),
        },
    },
    Key {
        name: "admin",
        meaning: "Where /metrics, /healthz and /readyz are served over HTTP. Without it they are not",
        kind: Kind::OptionalAddress { get: |c| c.admin, set: |c, addr| c.admin = addr },
    },
    Key {
        name: "admin_token_file",
        meaning: "A file that holds the token by which administrators may ask for /v1 at the address admin, which must be a \
                  loopback one then: nothing is encrypted there. Without it only the socket takes that",
        kind: Kind::File {
            what: "file",
            get: |c| c.admin_token_file.as_deref(),
            set: |c, path| c.admin_token_file = path,
        },
    },
    Key {
        name: "admin_socket",
        meaning: "The unix socket for `stonechat admin`, which the server's own user and root may use. Without it admin.sock \
                  in data; with mysql in the folder that systemd gives (RUNTIME_DIRECTORY), or there is none",
        kind: Kind::File { what: "socket", get: |c| c.admin_socket.as_deref(), set: |c, path| c.admin_socket = path },
    },
    Key {
        name: "session_policy",
        meaning: "What a second login of an online account does: reject (it is refused), replace (the older session \
                  is closed), multi (both get everything)",
        kind: Kind::Choice {
            words: SessionPolicy::words,
            get: |c| c.session_policy.word(),
            set: |c, word| c.session_policy.become_named(word),
        },
    },
    Key {
        name: "friending",
        meaning: "What ADD_FRIEND does: open (makes friends at once), ask (sends a friend request)",
        kind: Kind::Choice {
            words: Friending::words,
            get: |c| c.friending.word(),
            set: |c, word| c.friending.become_named(word),
        },
    },
    Key {
        name: "friends_only",
        meaning: "Whether only friends may write to each other outside of groups",
        kind: Kind::Switch { get: |c| c.friends_only, set: |c, on| c.friends_only = on },
    },
    Key {
        name: "proxy_protocol",
        meaning: "Whether every connection starts with a PROXY v1 or v2 header, whose address counts as the client's. \
                  Only behind a proxy that writes one",
        kind: Kind::Switch { get: |c| c.proxy_protocol, set: |c, on| c.proxy_protocol = on },
    },
    Key {
        name: "accept_policy",
        meaning: "Which reactor gets a new connection: round_robin (the next one), least_loaded (the one with the \
                  fewest)",
        kind: Kind::Choice {
            words: AcceptPolicy::words,
            get: |c| c.accept_policy.word(),
            set: |c, word| c.accept_policy.become_named(word),
        },
    },
    Key {
        name: "shutdown_seconds",
        meaning: "How long SIGTERM waits for messages to be committed and outboxes to be flushed",
        kind: seconds(0, 3_600, |c| c.shutdown.as_secs(), |c, n| c.shutdown = Duration::from_secs(n)),
    },
    Key {
        name: "proxy.from",
        meaning: "The proxies whose PROXY headers are believed. With proxy_protocol a connection from anywhere else is \
                  closed: it could claim any address",
        kind: Kind::Networks { get: |c| &c.proxy_from, set: |c, networks| c.proxy_from = networks },
    },
    Key {
        name: "web.origins",
        meaning: "Web pages that may open a WebSocket here, beside the server's own: like https://chat.example.org",
        kind: Kind::Origins { get: |c| &c.web_origins, set: |c, origins| c.web_origins = origins },
    },
    Key {
        name: "web.hosts",
        meaning: "Names under which browsers may come to this server, beside addresses, localhost and the names in \
                  web.origins",
        kind: Kind::Hosts { get: |c| &c.web_hosts, set: |c, hosts| c.web_hosts = hosts },
    },
    Key {
        name: "web.client",
        meaning: "Whether browsers find the web client here",
        kind: Kind::Switch { get: |c| c.web_client, set: |c, on| c.web_client = on },
    },
    Key {
        name: "web.folder",
        meaning: "A folder whose files are served instead of the web client in the binary, for working on it: they are read \
                  each time, which holds up other clients",
        kind: Kind::File { what: "folder", get: |c| c.web_folder.as_deref(), set: |c, path| c.web_folder = path },
    },
    Key {
        name: "tls.cert",
        meaning: "The certificate for clients, and behind it those of its issuers, in a PEM file. With it TLS is spoken. \
                  SIGHUP reads the file again",
        kind: Kind::File { what: "file", get: |c| c.tls.cert.as_deref(), set: |c, path| c.tls.cert = path },
    },
    Key {
        name: "tls.key",
        meaning: "The certificate's private key, in a PEM file. SIGHUP reads the file again",
        kind: Kind::File { what: "file", get: |c| c.tls.key.as_deref(), set: |c, path| c.tls.key = path },
    },
    Key {
        name: "tls.only",
        meaning: "With a certificate: whether clients from other machines must use TLS, other than on listen_plain",
        kind: Kind::Switch { get: |c| c.tls.only, set: |c, on| c.tls.only = on },
    },
    Key {
        name: "password.memory_kib",
        meaning: "The memory that hashing a password costs (Argon2id). Passwords hashed before keep theirs",
        kind: count("KiB", 8, 1_048_576, |c| c.password.memory_kib.into(), |c, n| c.password.memory_kib = narrow(n)),
    },
    Key {
        name: "password.passes",
        meaning: "How often hashing a password goes through that memory",
        kind: count("passes", 1, 100, |c| c.password.passes.into(), |c, n| c.password.passes = narrow(n)),
    },
    Key {
        name: "password.threads",
        meaning: "How many passwords are hashed at once for logins, and a quarter of it for registrations, one at \
                  least; each takes password.memory_kib. \"auto\": one per core, from 2 to 16",
        kind: Kind::Count {
            unit: "threads",
            min: 1,
            max: 256,
            auto: Some(|| wide(settings::hashing_threads())),
            get: |c| wide(c.hashing_threads),
            set: |c, n| c.hashing_threads = narrow(n),
        },
    },
    Key {
        name: "limits.line_bytes",
        meaning: "The longest line a client may send, without its line end; a longer one closes the connection",
        kind: count("bytes", 256, 16_777_216, |c| wide(c.limits.line_bytes), |c, n| c.limits.line_bytes = narrow(n)),
    },
    Key {
        name: "limits.message_bytes",
        meaning: "The longest msg (its text in UTF-8) and the longest ext (its JSON)",
        kind: count(
            "bytes",
            1,
            MESSAGE_BYTES_MAX,
            |c| wide(c.limits.message_bytes),
            |c, n| c.limits.message_bytes = narrow(n),
        ),
    },
    Key {
        name: "limits.outbox_bytes",
        meaning: "What may wait in memory for a client that reads slowly; the messages beyond it are read from the \
                  database when the client has room for them",
        kind: count("bytes", 1_024, 1 << 30, |c| wide(c.limits.outbox_bytes), |c, n| c.limits.outbox_bytes = narrow(n)),
    },
    Key {
        name: "limits.stall_seconds",
        meaning: "A client that takes nothing of what waits for it for so long is disconnected, and finds its messages \
                  when it comes back. 0: never",
        kind: seconds(
            0,
            86_400,
            |c| c.limits.stall.map_or(0, |time| time.as_secs()),
            |c, n| c.limits.stall = (n > 0).then(|| Duration::from_secs(n)),
        ),
    },
    Key {
        name: "limits.inflight",
        meaning: "Chat messages of one connection that may wait for their acknowledgement; beyond it the server \
                  stops reading that connection for a while",
        kind: count("messages", 1, 65_536, |c| wide(c.limits.inflight), |c, n| c.limits.inflight = narrow(n)),
    },
    Key {
        name: "limits.login_seconds",
        meaning: "How long a connection may stay without a session. 0: for ever",
        kind: seconds(
            0,
            86_400,
            |c| c.limits.login.map_or(0, |time| time.as_secs()),
            |c, n| c.limits.login = (n > 0).then(|| Duration::from_secs(n)),
        ),
    },
    Key {
        name: "limits.silent_seconds",
        meaning: "The same for a connection on which nothing has come yet, or a client of an earlier system: it connects at once, \
                  and its user stands at a menu. 0: for ever. Without dialects.enabled it holds for nobody. When nine tenths of \
                  limits.connections are open, those go, the oldest first, that are silent for longer than login_seconds",
        kind: seconds(
            0,
            86_400,
            |c| c.limits.silent.map_or(0, |time| time.as_secs()),
            |c, n| c.limits.silent = (n > 0).then(|| Duration::from_secs(n)),
        ),
    },
    Key {
        name: "limits.silent_per_address",
        meaning: "For how many connections of one address that holds; others have login_seconds. 0: for all",
        kind: count(
            "connections",
            0,
            1_000_000,
            |c| none_is_0(c.limits.silent_per_address),
            |c, n| c.limits.silent_per_address = unless_0(n),
        ),
    },
    Key {
        name: "limits.messages_per_second",
        meaning: "How many lines an account may send a second, whatever its sessions, with bursts of five times as \
                  much; likewise all connections of an address on which nobody is logged in. Beyond it the server \
                  reads more slowly. Long lists and pages count as up to ten lines. 0: no limit",
        kind: count(
            "lines",
            0,
            1_000_000,
            |c| c.limits.messages_per_second.unwrap_or(0).into(),
            |c, n| c.limits.messages_per_second = (n > 0).then(|| narrow(n)),
        ),
    },
    Key {
        name: "limits.logins_per_minute",
        meaning: "How many wrong passwords for one account may come from one address before logins by password from \
                  there must wait: a minute, and after each further one twice as long. A login with a valid token \
                  never waits. 0: no limit on failed logins",
        kind: count(
            "failed logins",
            0,
            1_000_000,
            |c| c.limits.logins_per_minute.unwrap_or(0).into(),
            |c, n| c.limits.logins_per_minute = (n > 0).then(|| narrow(n)),
        ),
    },
    Key {
        name: "limits.registrations_per_minute",
        meaning: "New accounts from one address; beyond it REGISTER is refused with errno 429 and the time to wait. \
                  0: no limit",
        kind: count(
            "accounts",
            0,
            1_000_000,
            |c| c.limits.registrations_per_minute.unwrap_or(0).into(),
            |c, n| c.limits.registrations_per_minute = (n > 0).then(|| narrow(n)),
        ),
    },
    Key {
        name: "limits.anonymous_per_address",
        meaning: "Connections of one address on which nobody is logged in, and never more than half of all \
                  connections; a further one is closed with errno 429. 0: no limit",
        kind: count(
            "connections",
            0,
            1_000_000,
            |c| c.limits.anonymous_per_address.unwrap_or(0).into(),
            |c, n| c.limits.anonymous_per_address = (n > 0).then(|| narrow(n)),
        ),
    },
    Key {
        name: "limits.connections",
        meaning: "Clients at once; less where the limit of open files (ulimit -n) allows less",
        kind: count(
            "connections",
            1,
            10_000_000,
            |c| wide(c.limits.connections),
            |c, n| c.limits.connections = narrow(n),
        ),
    },
    Key {
        name: "limits.offline_messages",
        meaning: "How many pending messages the login reply carries; the rest follows as ordinary pushes",
        kind: count(
            "messages",
            1,
            10_000,
            |c| c.limits.offline_messages.into(),
            |c, n| c.limits.offline_messages = narrow(n),
        ),
    },
    Key {
        name: "quota.friends",
        meaning: "Friends of a user. 0: no limit",
        kind: count("friends", 0, QUOTA_MAX, |c| none_is_0(c.quota.friends), |c, n| c.quota.friends = unless_0(n)),
    },
    Key {
        name: "quota.friend_requests",
        meaning: "Friend requests that a user has sent and that are not answered; as many invitations to groups, and as many \
                  wishes to join one. 0: no limit",
        kind: count(
            "friend requests",
            0,
            QUOTA_MAX,
            |c| none_is_0(c.quota.friend_requests),
            |c, n| c.quota.friend_requests = unless_0(n),
        ),
    },
    Key {
        name: "quota.groups_joined",
        meaning: "Groups that a user is in. 0: no limit",
        kind: count(
            "groups",
            0,
            QUOTA_MAX,
            |c| none_is_0(c.quota.groups_joined),
            |c, n| c.quota.groups_joined = unless_0(n),
        ),
    },
    Key {
        name: "quota.groups_created",
        meaning: "Groups that a user has created and not deleted. 0: no limit",
        kind: count(
            "groups",
            0,
            QUOTA_MAX,
            |c| none_is_0(c.quota.groups_created),
            |c, n| c.quota.groups_created = unless_0(n),
        ),
    },
    Key {
        name: "quota.group_members",
        meaning: "Members of a group. 0: no limit",
        kind: count(
            "members",
            0,
            QUOTA_MAX,
            |c| none_is_0(c.quota.group_members),
            |c, n| c.quota.group_members = unless_0(n),
        ),
    },
    Key {
        name: "quota.bans",
        meaning: "Users who are banned from a group. 0: no limit",
        kind: count("bans", 0, QUOTA_MAX, |c| none_is_0(c.quota.bans), |c, n| c.quota.bans = unless_0(n)),
    },
    Key {
        name: "quota.devices",
        meaning: "Named devices of a user; the one used longest ago makes room for a new one. 0: no limit",
        kind: count("devices", 0, QUOTA_MAX, |c| none_is_0(c.quota.devices), |c, n| c.quota.devices = unless_0(n)),
    },
    Key {
        name: "quota.tokens",
        meaning: "Tokens of a user, of which each login with a password makes one; the one used longest ago makes room for a new \
                  one. 0: no limit",
        kind: count("tokens", 0, QUOTA_MAX, |c| none_is_0(c.quota.tokens), |c, n| c.quota.tokens = unless_0(n)),
    },
    Key {
        name: "quota.reactions",
        meaning: "Different reactions to one message. 0: no limit",
        kind: count("reactions", 0, 1_000, |c| none_is_0(c.quota.reactions), |c, n| c.quota.reactions = unless_0(n)),
    },
    Key {
        name: "quota.blocks",
        meaning: "Users whom a user has blocked. 0: no limit",
        kind: count("users", 0, QUOTA_MAX, |c| none_is_0(c.quota.blocks), |c, n| c.quota.blocks = unless_0(n)),
    },
    Key {
        name: "quota.accounts_per_day",
        meaning: "New accounts from one address within a day. 0: no limit",
        kind: count(
            "accounts",
            0,
            1_000_000,
            |c| none_is_0(c.quota.accounts_per_day),
            |c, n| c.quota.accounts_per_day = unless_0(n),
        ),
    },
    Key {
        name: "messages.edit_seconds",
        meaning: "How long the author of a message may edit it or take it back. 0: for ever",
        kind: seconds(
            0,
            MESSAGE_AGE_MAX,
            |c| c.messages.edit.map_or(0, |time| time.as_secs()),
            |c, n| c.messages.edit = (n > 0).then(|| Duration::from_secs(n)),
        ),
    },
    Key {
        name: "search.rows",
        meaning: "Messages that one SEARCH looks at, at most; its reply says where to go on",
        kind: count("messages", 100, 1_000_000, |c| c.search.rows.into(), |c, n| c.search.rows = narrow(n)),
    },
    Key {
        name: "search.bytes",
        meaning: "Bytes of messages that one SEARCH looks at, at most",
        kind: count("bytes", 65_536, 1 << 30, |c| wide(c.search.bytes), |c, n| c.search.bytes = narrow(n)),
    },
    Key {
        name: "dialects.enabled",
        meaning: "Whether the unchanged clients of five earlier chat systems are understood, see docs/migrating.md",
        kind: Kind::Switch { get: |c| c.dialects.enabled, set: |c, on| c.dialects.enabled = on },
    },
    Key {
        name: "dialects.default",
        meaning: "What a login is taken for that could come from several of their programs, until the client or its account shows more",
        kind: Kind::Choice {
            words: Relative::words,
            get: |c| c.dialects.default.word(),
            set: |c, word| c.dialects.default.become_named(word),
        },
    },
    Key {
        name: "dialects.extra",
        meaning: "Further relatives of the course's program that are understood",
        kind: Kind::Relatives { get: |c| &c.dialects.extra, set: |c, all| c.dialects.extra = all },
    },
    Key {
        name: "dialects.gap_ms",
        meaning: "Between two messages to such a client: it takes what it reads at once for one",
        kind: count(
            "milliseconds",
            1,
            1_000,
            |c| u64::try_from(c.dialects.gap.as_millis()).unwrap_or(u64::MAX),
            |c, n| c.dialects.gap = Duration::from_millis(n),
        ),
    },
    Key {
        name: "names.hold_days",
        meaning: "How long a name that a user or a group has given up is kept from all others: nobody is taken for somebody \
                  else. 0: it is free at once",
        kind: count(
            "days",
            0,
            36_500,
            |c| c.names_held.map_or(0, |held| held.as_secs() / DAY),
            |c, n| c.names_held = (n > 0).then(|| Duration::from_secs(n * DAY)),
        ),
    },
    Key {
        name: "retention.days",
        meaning: "How long messages are kept, where an administrator has not set another time for the group: what is older is \
                  removed in the background. 0: for ever",
        kind: count("days", 0, 36_500, |c| none_is_0(c.retention_days), |c, n| c.retention_days = unless_0(n)),
    },
    Key {
        name: "store.timeout_ms",
        meaning: "How long one call of the database may take before the request fails with errno 503",
        kind: count(
            "milliseconds",
            10,
            600_000,
            |c| u64::try_from(c.store.timeout.as_millis()).unwrap_or(u64::MAX),
            |c, n| c.store.timeout = Duration::from_millis(n),
        ),
    },
    Key {
        name: "store.pool",
        meaning: "Connections to the database in all",
        kind: count("connections", 5, 1_000, |c| wide(c.store.pool), |c, n| c.store.pool = narrow(n)),
    },
    Key {
        name: "sqlite.synchronous",
        meaning: "full: what is acknowledged is on the disk. normal: faster, but a power failure may lose \
                  acknowledged messages",
        kind: Kind::Choice {
            words: Synchronous::words,
            get: |c| c.sqlite_synchronous.word(),
            set: |c, word| c.sqlite_synchronous.become_named(word),
        },
    },
    Key {
        name: "log.level",
        meaning: "What is logged: this and what is more serious. Where the variable RUST_LOG is set, that counts instead",
        kind: Kind::Choice {
            words: LogLevel::words,
            get: |c| c.log.level.word(),
            set: |c, word| c.log.level.become_named(word),
        },
    },
    Key {
        name: "log.format",
        meaning: "How: text (time, level, message), json (an object per line: time, level, target, message)",
        kind: Kind::Choice {
            words: LogFormat::words,
            get: |c| c.log.format.word(),
            set: |c, word| c.log.format.become_named(word),
        },
    },
];

const fn count(unit: &'static str, min: u64, max: u64, get: fn(&Config) -> u64, set: fn(&mut Config, u64)) -> Kind {
    Kind::Count { unit, min, max, auto: None, get, set }
}

const fn seconds(min: u64, max: u64, get: fn(&Config) -> u64, set: fn(&mut Config, u64)) -> Kind {
    count("seconds", min, max, get, set)
}

fn none_is_0(limit: Option<u32>) -> u64 {
    limit.unwrap_or(0).into()
}

fn unless_0(number: u64) -> Option<u32> {
    (number > 0).then(|| narrow(number))
}

/// `number` as the field's type.
fn narrow<T: TryFrom<u64>>(number: u64) -> T {
    T::try_from(number).ok().expect("a test puts every bound of the table through its setter")
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(KEYS.iter().map(|key| (key.name, key.kind.show(self)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::kind::Given;
    use super::*;

    #[test]
    fn every_default_is_within_its_bounds_and_survives_being_shown() {
        let default = Config::default();
        for key in KEYS {
            let mut config = default.clone();
            let shown = key.kind.show(&default);
            key.kind.apply(&mut config, &Given::Untyped(&shown)).unwrap_or_else(|e| panic!("{}: {e:?}", key.name));
            assert_eq!(config, default, "{}", key.name);
        }
    }

    #[test]
    fn bounds_are_kept_and_reach_the_field() {
        for key in KEYS {
            let Kind::Count { min, max, get, .. } = key.kind else { continue };
            let mut config = Config::default();
            for bound in [min, max] {
                key.kind.apply(&mut config, &Given::Untyped(&bound.to_string())).unwrap();
                assert_eq!(get(&config), bound, "{}", key.name);
            }
            let beyond = Given::Untyped(&(max + 1).to_string()).refused_by(key);
            assert!(beyond.contains(&format!("from {min} to {max}")), "{}: {beyond}", key.name);
            if let Some(below) = min.checked_sub(1) {
                Given::Untyped(&below.to_string()).refused_by(key);
            }
        }
    }

    #[test]
    fn every_word_reaches_its_field() {
        for key in KEYS {
            let Kind::Choice { words, get, .. } = key.kind else { continue };
            for word in words() {
                let mut config = Config::default();
                key.kind.apply(&mut config, &Given::Text(word)).unwrap();
                assert_eq!(get(&config), word, "{}", key.name);
            }
        }
    }

    #[test]
    fn names_and_variables_are_unique_and_sections_come_last() {
        let names: HashSet<_> = KEYS.iter().map(|key| key.name).collect();
        let variables: HashSet<_> = KEYS.iter().map(Key::variable).collect();
        assert_eq!((names.len(), variables.len()), (KEYS.len(), KEYS.len()));
        assert!(KEYS.is_sorted_by_key(|key| key.name.contains('.')));
    }

    impl Given<'_> {
        /// What is said when `key` refuses this; the field must not have changed.
        fn refused_by(&self, key: &Key) -> String {
            let mut config = Config::default();
            let refused = key.kind.apply(&mut config, self).expect_err(key.name);
            assert_eq!(config, Config::default(), "{}", key.name);
            refused.0
        }
    }
}
