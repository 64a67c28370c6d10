//! Keys of the server itself: where it listens, where its data is, how it starts and stops, and those of `proxy`, `web`, `tls` and
//! `password`.

use std::time::Duration;

use super::super::backend_url::UrlShape;
use super::super::kind::{Kind, Named};
use super::super::settings::{self, AcceptPolicy, Friending, REACTORS_MAX, SessionPolicy};
use super::{Key, TakesEffect, count, narrow, seconds, wide};

/// In the order in which they are listed.
pub(super) static KEYS: &[Key] = &[
    Key {
        name: "listen",
        meaning: "Where clients connect: one address, or several with commas between them. Port 0 takes any free port; the \
                  log tells which. [::] takes IPv4 clients, too",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Addresses { least: 1, get: |c| &c.listen, set: |c, all| c.listen = all },
    },
    Key {
        name: "listen_plain",
        meaning: "Further addresses for clients, on which TLS is never demanded: for nc, or for a proxy that has taken it off",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Addresses { least: 0, get: |c| &c.listen_plain, set: |c, all| c.listen_plain = all },
    },
    Key {
        name: "data",
        meaning: "The folder of the embedded SQLite database, made at the first start. Ignored with mysql",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Folder { get: |c| &c.data, set: |c, path| c.data = path },
    },
    Key {
        name: "mysql",
        meaning: "The MySQL or MariaDB database that all nodes share: mysql://user:pw@host:port/db. Of several hosts, \
                  separated by commas, the first that takes writes is used; they are one Galera cluster, or a primary and \
                  its replicas, and stand in the same order in every node's URL. Behind the URL, ?tls=verify encrypts the connections and checks the server's certificate, ?tls=required encrypts \
                  without a check, ?socket=/path takes the server's unix socket instead of host and port. Without it \
                  the embedded database is used",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Url { shape: UrlShape::Mysql, get: |c| c.mysql.as_deref(), set: |c, url| c.mysql = url },
    },
    Key {
        name: "mysql_file",
        meaning: "A file that holds what mysql would say, so that the password stands neither in the settings nor in \
                  the environment. Not together with mysql",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::File { what: "file", get: |c| c.mysql_file.as_deref(), set: |c, path| c.mysql_file = path },
    },
    Key {
        name: "mysql_read",
        meaning: "Replicas of the database, in the same form as mysql: HISTORY, SEARCH and FIND are read from them as long as they \
                  are in step with it. Several hosts, separated by commas, take turns. The account needs no more than to \
                  read. Only together with mysql",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Url { shape: UrlShape::Mysql, get: |c| c.mysql_read.as_deref(), set: |c, url| c.mysql_read = url },
    },
    Key {
        name: "mysql_read_file",
        meaning: "A file that holds what mysql_read would say. Not together with mysql_read",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::File {
            what: "file",
            get: |c| c.mysql_read_file.as_deref(),
            set: |c, path| c.mysql_read_file = path,
        },
    },
    Key {
        name: "mysql_tls_ca",
        meaning: "A PEM file with the certificate of the CA that has signed that of MySQL, for ?tls=verify. Without it \
                  the CAs count that this system trusts",
        takes_effect: TakesEffect::AtStart,
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
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Url { shape: UrlShape::Redis, get: |c| c.redis.as_deref(), set: |c, url| c.redis = url },
    },
    Key {
        name: "redis_file",
        meaning: "A file that holds what redis would say. Not together with redis",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::File { what: "file", get: |c| c.redis_file.as_deref(), set: |c, path| c.redis_file = path },
    },
    Key {
        name: "redis_tls_ca",
        meaning: "A PEM file with the certificate of the CA that has signed that of Redis, for rediss://. Without it \
                  the CAs count that this system trusts",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::File { what: "file", get: |c| c.redis_tls_ca.as_deref(), set: |c, path| c.redis_tls_ca = path },
    },
    Key {
        name: "reactors",
        meaning: "Threads that serve connections. \"auto\": one per core",
        takes_effect: TakesEffect::AtStart,
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
        meaning: "Where /metrics, /healthz and /readyz are served over HTTP, and with tls.cert over HTTPS, too. Without it they \
                  are not",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::OptionalAddress { get: |c| c.admin, set: |c, addr| c.admin = addr },
    },
    Key {
        name: "admin_token_file",
        meaning: "A file that holds the token by which administrators may ask for /v1 at the address admin: from other \
                  machines by HTTPS only, for which tls.cert is needed. Without it only the socket takes that",
        takes_effect: TakesEffect::AtStart,
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
        takes_effect: TakesEffect::AtStart,
        kind: Kind::File { what: "socket", get: |c| c.admin_socket.as_deref(), set: |c, path| c.admin_socket = path },
    },
    Key {
        name: "session_policy",
        meaning: "What a second login of an online account does: reject (it is refused), replace (the older session \
                  is closed), multi (both get everything)",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Choice {
            words: SessionPolicy::words,
            get: |c| c.session_policy.word(),
            set: |c, word| c.session_policy.become_named(word),
        },
    },
    Key {
        name: "friending",
        meaning: "What ADD_FRIEND does: open (makes friends at once), ask (sends a friend request)",
        takes_effect: TakesEffect::AtReload,
        kind: Kind::Choice {
            words: Friending::words,
            get: |c| c.friending.word(),
            set: |c, word| c.friending.become_named(word),
        },
    },
    Key {
        name: "friends_only",
        meaning: "Whether only friends may write to each other outside of groups",
        takes_effect: TakesEffect::AtReload,
        kind: Kind::Switch { get: |c| c.friends_only, set: |c, on| c.friends_only = on },
    },
    Key {
        name: "proxy_protocol",
        meaning: "Whether every connection starts with a PROXY v1 or v2 header, whose address counts as the client's. \
                  Only behind a proxy that writes one",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Switch { get: |c| c.proxy_protocol, set: |c, on| c.proxy_protocol = on },
    },
    Key {
        name: "accept_policy",
        meaning: "Which reactor gets a new connection: round_robin (the next one), least_loaded (the one with the \
                  fewest)",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Choice {
            words: AcceptPolicy::words,
            get: |c| c.accept_policy.word(),
            set: |c, word| c.accept_policy.become_named(word),
        },
    },
    Key {
        name: "shutdown_seconds",
        meaning: "How long SIGTERM waits for messages to be committed and outboxes to be flushed",
        takes_effect: TakesEffect::AtReload,
        kind: seconds(0, 3_600, |c| c.shutdown.as_secs(), |c, n| c.shutdown = Duration::from_secs(n)),
    },
    Key {
        name: "proxy.from",
        meaning: "The proxies whose PROXY headers are believed. With proxy_protocol a connection from anywhere else is \
                  closed: it could claim any address",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Networks { get: |c| &c.proxy_from, set: |c, networks| c.proxy_from = networks },
    },
    Key {
        name: "web.origins",
        meaning: "Web pages that may open a WebSocket here, beside the server's own: like https://chat.example.org",
        takes_effect: TakesEffect::AtReload,
        kind: Kind::Origins { get: |c| &c.web_origins, set: |c, origins| c.web_origins = origins },
    },
    Key {
        name: "web.hosts",
        meaning: "Names under which browsers may come to this server, beside addresses, localhost and the names in \
                  web.origins",
        takes_effect: TakesEffect::AtReload,
        kind: Kind::Hosts { get: |c| &c.web_hosts, set: |c, hosts| c.web_hosts = hosts },
    },
    Key {
        name: "web.client",
        meaning: "Whether browsers find the web client here",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Switch { get: |c| c.web_client, set: |c, on| c.web_client = on },
    },
    Key {
        name: "web.folder",
        meaning: "A folder whose files are served instead of the web client in the binary, for working on it: they are read \
                  each time, which holds up other clients",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::File { what: "folder", get: |c| c.web_folder.as_deref(), set: |c, path| c.web_folder = path },
    },
    Key {
        name: "tls.cert",
        meaning: "The certificate for clients, and behind it those of its issuers, in a PEM file. With it TLS is spoken. \
                  SIGHUP reads the file again",
        takes_effect: TakesEffect::AtReload,
        kind: Kind::File { what: "file", get: |c| c.tls.cert.as_deref(), set: |c, path| c.tls.cert = path },
    },
    Key {
        name: "tls.key",
        meaning: "The certificate's private key, in a PEM file. SIGHUP reads the file again",
        takes_effect: TakesEffect::AtReload,
        kind: Kind::File { what: "file", get: |c| c.tls.key.as_deref(), set: |c, path| c.tls.key = path },
    },
    Key {
        name: "tls.only",
        meaning: "With a certificate: whether clients from other machines must use TLS, other than on listen_plain",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Switch { get: |c| c.tls.only, set: |c, on| c.tls.only = on },
    },
    Key {
        name: "password.memory_kib",
        meaning: "The memory that hashing a password costs (Argon2id). Passwords hashed before keep theirs",
        takes_effect: TakesEffect::AtStart,
        kind: count("KiB", 8, 1_048_576, |c| c.password.memory_kib.into(), |c, n| c.password.memory_kib = narrow(n)),
    },
    Key {
        name: "password.passes",
        meaning: "How often hashing a password goes through that memory",
        takes_effect: TakesEffect::AtStart,
        kind: count("passes", 1, 100, |c| c.password.passes.into(), |c, n| c.password.passes = narrow(n)),
    },
    Key {
        name: "password.threads",
        meaning: "How many passwords are hashed at once for logins, and a quarter of it for registrations, one at \
                  least; each takes password.memory_kib. \"auto\": one per core, from 2 to 16",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Count {
            unit: "threads",
            min: 1,
            max: 256,
            auto: Some(|| wide(settings::hashing_threads())),
            get: |c| wide(c.hashing_threads),
            set: |c, n| c.hashing_threads = narrow(n),
        },
    },
];
