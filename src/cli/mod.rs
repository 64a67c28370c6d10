//! The command line: its flags, its subcommands, and what --help says.

pub(crate) mod data;
mod database;
mod import;
mod top;

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use stonechat::admin::command::AdminCommand;
use stonechat::config::{self, Flag};

use self::data::DataCommand;
pub(crate) use self::import::Import;
pub(crate) use self::top::Top;

/// A cluster chat server: one JSON object per line over TCP, durable and ordered.
#[derive(Parser)]
#[command(name = "stonechat", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Shows the settings that count, and from where; tries the database and Redis; changes nothing.
    ///
    /// Prints every key with its value (passwords as ***) and its origin. Then opens the database and asks Redis,
    /// without changing either. Exit code 0: all is well; 1: something cannot be reached; 2: a setting is wrong.
    CheckConfig(Flags),
    /// Brings in users, friends, groups and undelivered messages of an earlier system's MySQL database.
    ///
    /// The systems: course (the muduo course's chat server and its copies), qq (QQChatServer), polaris, cmf (Cdreamfly's
    /// ClusterChatServer), sponge (sponge, RayBox); auto: the columns tell. The database is only read. Ids are kept, passwords are
    /// hashed. The target is that of the settings: --data or --mysql. Run it while no server uses the target, and as often as you like:
    /// what is in is not brought again, and a run that was cut short is gone on with. A target that has other accounts
    /// under these ids is refused before anything is written. The report on stdout tells what was changed and what was left out.
    Import(Import),
    /// Asks the admin address whether this node serves clients: for containers, which have no other program to ask with.
    ///
    /// Exit code 0: it does; 1: it does not, or nothing answers there.
    Health(Flags),
    /// Shows what nodes do at the moment, by their /metrics, on a screen that is drawn anew; Ctrl-C ends it.
    ///
    /// A row for each node: sessions, open connections, lines that come in, messages stored and pushed, how long half of all commits and
    /// all but one in a hundred take at most, what waits for the database, calls that it did not serve, requests refused, and whether
    /// the node hears the others. The last row is for all of them together.
    Top(Top),
    #[command(flatten)]
    Data(DataCommand),
    /// Looks after a running server: users, groups, sessions, quotas, retention, the log.
    Admin(AdminCommand),
}

/// Reads the command line; ends the process where it is wrong, and after --help and --version.
pub(crate) fn parse() -> Cli {
    let matches = definition().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The whole command line, with its help.
pub(crate) fn definition() -> clap::Command {
    Cli::command().after_help("--help tells more.").after_long_help(long_help())
}

#[derive(Args)]
pub(crate) struct Flags {
    /// A TOML file with settings [env: STONECHAT_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where clients connect; may be repeated; port 0 is any free one [env: STONECHAT_LISTEN] [default: 127.0.0.1:8000]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Where clients connect and TLS is never demanded; may be repeated [env: STONECHAT_LISTEN_PLAIN]
    #[arg(long, value_name = "ADDR")]
    listen_plain: Vec<String>,
    /// The certificate for clients, in PEM: with it TLS is spoken [env: STONECHAT_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// The certificate's private key, in PEM [env: STONECHAT_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// The folder of the embedded database; ignored with --mysql [env: STONECHAT_DATA] [default: ./stonechat-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// The database that all nodes share: mysql://user:pw@host:port/db [env: STONECHAT_MYSQL]
    #[arg(long, value_name = "URL")]
    mysql: Option<String>,
    /// Replicas of it, for HISTORY, SEARCH and FIND: mysql://user:pw@host:port/db [env: STONECHAT_MYSQL_READ]
    #[arg(long, value_name = "URL")]
    mysql_read: Option<String>,
    /// The Redis through which nodes notify each other: redis://host:port/ [env: STONECHAT_REDIS]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Threads that serve connections [env: STONECHAT_REACTORS] [default: one per core]
    #[arg(long, value_name = "N")]
    reactors: Option<String>,
    /// Where /metrics, /healthz and /readyz are served [env: STONECHAT_ADMIN]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Serves the web client's files from this folder, for working on it [env: STONECHAT_WEB_FOLDER]
    #[arg(long, value_name = "DIR")]
    web: Option<String>,
    /// Sets any key, like --set limits.inflight=8; may be repeated. --help lists the keys
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Flags {
    /// In the order in which they count: `--set` first, then the flags that name their key.
    pub(crate) fn into_settings(self) -> Vec<Flag> {
        // Several addresses are one value, as in the file.
        let list = |addresses: Vec<String>| (!addresses.is_empty()).then(|| addresses.join(", "));
        let own = [
            ("--listen", "listen", list(self.listen)),
            ("--listen-plain", "listen_plain", list(self.listen_plain)),
            ("--tls-cert", "tls.cert", self.tls_cert),
            ("--tls-key", "tls.key", self.tls_key),
            ("--web", "web.folder", self.web),
            ("--data", "data", self.data),
            ("--mysql", "mysql", self.mysql),
            ("--mysql-read", "mysql_read", self.mysql_read),
            ("--redis", "redis", self.redis),
            ("--reactors", "reactors", self.reactors),
            ("--admin", "admin", self.admin),
        ];
        let own = own.into_iter().filter_map(|(flag, key, value)| Some(Flag::Own { flag, key, value: value? }));
        self.set.into_iter().map(Flag::Set).chain(own).collect()
    }
}

fn long_help() -> String {
    format!(
        "\
First run, and a first line:
  stonechat
  nc 127.0.0.1 8000
  {{\"msgid\":4,\"name\":\"ann\",\"pwd\":\"secret\"}}
  {{\"msgid\":1,\"name\":\"ann\",\"pwd\":\"secret\"}}

A node of a cluster (start as many as you like behind one nginx):
  export STONECHAT_MYSQL=mysql://chat:pw@db:3306/chat STONECHAT_REDIS=redis://cache:6379/
  stonechat --listen 0.0.0.0:8000 --admin 127.0.0.1:9000

Before a change goes live:
  stonechat --config stonechat.toml check-config

Settings. Later wins: default, file, environment, --set, the flags above. An unknown key or a bad value is refused.
The same keys go into the TOML file, as limits.inflight = 8 or below a line [limits]:
{keys}
Environment variables. A URL with a password belongs here, in the file, or in a file of its own (mysql_file,
mysql_read_file, redis_file): flags are shown to all by ps.
{variables}  {rust_log:<38} what is logged, part by part; it wins over log.level

Man pages and completions: stonechat generate man DIR, stonechat generate completions SHELL; the other programs have the
same. See docs/operating.md for packages, systemd and containers.

Files: the embedded database is the folder --data, ./stonechat-data by default. Nothing else is written; the log goes
to stderr. `listening on ADDR` in it tells that clients may connect.

Signals: SIGTERM and SIGINT drain: no new clients, what was taken is committed, outboxes are flushed, sessions are
told; exit within shutdown_seconds. SIGINT while it drains ends it at once, a second SIGTERM changes nothing. SIGHUP reads
the settings, tls.cert and tls.key again; sessions go on. What cannot change while it runs is named in the log, and a
mistake changes nothing. SIGUSR1 and SIGUSR2 are ignored, with a line in the log.

Exit codes: 0 stopped as asked, 1 failed while running or cut short by a second SIGINT, 2 wrong flags or settings.",
        keys = config::key_listing(),
        variables = config::variable_listing(),
        rust_log = "RUST_LOG",
    )
}
