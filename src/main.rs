//! Flags and settings in, exit code out.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use stonechat::admin::command::AdminCommand;
use stonechat::config::{self, Effective, Flag, Sources};
use stonechat::import::{self, Options, Zone};
use stonechat::server;
use stonechat::store::ClientDialect;

/// Something failed while running: a port is taken, the database is damaged.
const FAILED: u8 = 1;

/// The command line or the settings are wrong; clap's own exit code, too.
const BAD_CONFIGURATION: u8 = 2;

/// A cluster chat server: one JSON object per line over TCP, durable and ordered.
#[derive(Parser)]
#[command(name = "stonechat", version)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
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
    #[command(after_help = IMPORT_HELP)]
    Import(Import),
    /// Looks after a running server: users, groups, sessions, quotas, retention, the log.
    Admin(AdminCommand),
}

/// What a person would try first.
const IMPORT_HELP: &str = "\
The password may be left out of the URL, which ps shows to all, and stand in --password-file or in the variable
STONECHAT_IMPORT_PASSWORD.

  stonechat import auto mysql://root@127.0.0.1/chat --password-file pw --data ./stonechat-data --dry-run
  stonechat import polaris mysql://root@127.0.0.1/chat --time-zone Asia/Shanghai --report report.jsonl";

#[derive(Args)]
struct Import {
    /// Whose database it is: course, qq, polaris, cmf, sponge or auto
    #[arg(value_parser = schema)]
    schema: Schema,
    /// The database: mysql://user:pw@host:port/db
    url: String,
    /// A file with the password of the URL's user, in its first line
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Writes nothing; the report tells what would be
    #[arg(long)]
    dry_run: bool,
    /// Writes the report into this file, too: a JSON object for each row that was changed or left out
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Hashes no passwords, which takes half an hour for 100,000 on two cores, and locks the accounts
    #[arg(long)]
    lock_passwords: bool,
    /// Where the machines were that have written the times of messages: Asia/Shanghai, +08:00 [default: this machine's]
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse, allow_hyphen_values = true)]
    time_zone: Option<Zone>,
    /// A TOML file with settings [env: STONECHAT_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the embedded database to import into; ignored with --mysql [env: STONECHAT_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The database to import into: mysql://user:pw@host:port/db [env: STONECHAT_MYSQL]
    #[arg(long, value_name = "URL")]
    mysql: Option<String>,
    /// Sets any key, like --set password.passes=3; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A system; `None`: whichever it is.
type Schema = Option<ClientDialect>;

fn schema(word: &str) -> Result<Schema, String> {
    match word {
        "auto" => Ok(None),
        name => ClientDialect::named(name).map(Some).ok_or_else(|| {
            "it must be course, qq, polaris, cmf or sponge, or auto to have the columns tell".to_owned()
        }),
    }
}

impl Import {
    /// The settings that this command's own flags make, and what else it says.
    fn split(self) -> Result<(Option<PathBuf>, Vec<Flag>, Options), String> {
        let own = [("--data", "data", self.data), ("--mysql", "mysql", self.mysql)];
        let own = own.into_iter().filter_map(|(flag, key, value)| Some(Flag::Own { flag, key, value: value? }));
        let flags = self.set.into_iter().map(Flag::Set).chain(own).collect();
        let password = match &self.password_file {
            Some(path) => Some(import::read_password(path)?),
            None => std::env::var(config::IMPORT_PASSWORD_VARIABLE).ok(),
        };
        let options = Options {
            schema: self.schema,
            url: self.url,
            password,
            is_dry: self.dry_run,
            report: self.report,
            locks_passwords: self.lock_passwords,
            zone: self.time_zone,
        };
        Ok((self.config, flags, options))
    }
}

#[derive(Args)]
struct Flags {
    /// A TOML file with settings [env: STONECHAT_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
    data: Option<String>,
    /// The database that all nodes share: mysql://user:pw@host:port/db [env: STONECHAT_MYSQL]
    #[arg(long, value_name = "URL")]
    mysql: Option<String>,
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
    fn into_settings(self) -> Vec<Flag> {
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
            ("--redis", "redis", self.redis),
            ("--reactors", "reactors", self.reactors),
            ("--admin", "admin", self.admin),
        ];
        let own = own.into_iter().filter_map(|(flag, key, value)| Some(Flag::Own { flag, key, value: value? }));
        self.set.into_iter().map(Flag::Set).chain(own).collect()
    }
}

fn main() -> ExitCode {
    start_logging();
    let cli = parse_command_line();
    let (environment, mut flags) = (std::env::vars_os().collect(), cli.flags);
    let mut file = flags.config.take();
    if let Some(Command::Admin(admin)) = cli.command {
        return admin.run(flags.data, file);
    }
    let mut settings = flags.into_settings();
    let task = match Task::of(cli.command, &mut file, &mut settings) {
        Ok(task) => task,
        Err(problem) => return failed(problem, BAD_CONFIGURATION),
    };
    let effective = match config::load(&Sources { file, environment, flags: settings }) {
        Ok(effective) => effective,
        Err(problems) => return failed(problems, BAD_CONFIGURATION),
    };
    if let Task::Check = task {
        return check(&effective);
    }
    for warning in effective.warnings() {
        log::warn!("{warning}");
    }
    let ended = match task {
        Task::Import(options) => import::run(&effective.config, &options).map_err(|error| error.to_string()),
        Task::Check | Task::Serve => server::run(&effective.config).map_err(|error| error.to_string()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error, FAILED),
    }
}

/// What is to be done with the settings.
enum Task {
    Serve,
    Check,
    Import(Box<Options>),
}

impl Task {
    /// The command's own flags count before those ahead of it.
    fn of(command: Option<Command>, file: &mut Option<PathBuf>, settings: &mut Vec<Flag>) -> Result<Self, String> {
        let (task, own_file, flags) = match command {
            None | Some(Command::Admin(_)) => return Ok(Self::Serve),
            Some(Command::CheckConfig(mut flags)) => (Self::Check, flags.config.take(), flags.into_settings()),
            Some(Command::Import(import)) => {
                let (own_file, flags, options) = import.split()?;
                (Self::Import(Box::new(options)), own_file, flags)
            }
        };
        *file = own_file.or_else(|| file.take());
        settings.extend(flags);
        Ok(task)
    }
}

fn parse_command_line() -> Cli {
    let matches = Cli::command().after_help("--help tells more.").after_long_help(long_help()).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// `check-config`: the settings go to stdout, what is wrong to stderr.
fn check(effective: &Effective) -> ExitCode {
    if let Err(error) = print_settings(effective) {
        return failed(format_args!("cannot print the settings: {error}"), FAILED);
    }
    let store = server::try_store(&effective.config);
    let bus = server::try_bus(&effective.config);
    let certificate = server::try_certificate(&effective.config);
    for warning in effective.warnings().iter().chain(store.iter().flatten()) {
        say(format_args!("warning: {warning}"));
    }
    let problems = [
        store.err().map(|e| format!("the database: {e}")),
        bus.err().map(|e| format!("Redis: {e}")),
        certificate.err(),
    ];
    problems.into_iter().flatten().fold(ExitCode::SUCCESS, |_, problem| failed(problem, FAILED))
}

/// One line per key, which is TOML again.
fn print_settings(effective: &Effective) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for setting in effective.settings() {
        writeln!(out, "{} = {}  # {}", setting.key, setting.value, setting.origin)?;
    }
    out.flush()
}

fn failed(error: impl Display, code: u8) -> ExitCode {
    for line in error.to_string().lines() {
        say(format_args!("error: {line}"));
    }
    ExitCode::from(code)
}

/// Writes a line to stderr. A caller that has closed stderr does not want to know.
fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "stonechat: {line}");
}

/// Logs to stderr: time, level, message. `RUST_LOG` chooses what; without it `info` and above.
fn start_logging() {
    let formatted = |mut builder: env_logger::Builder| {
        builder
            .format(|out, record| {
                let time = out.timestamp_millis();
                writeln!(out, "{time} {:<5} {}", record.level(), record.args())
            })
            .build()
    };
    let chosen = formatted(env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")));
    let mut all = env_logger::Builder::new();
    all.filter_level(log::LevelFilter::Trace);
    let most = chosen.filter();
    stonechat::log_level::install(Box::new(chosen), Box::new(formatted(all)), most).expect("nothing logs before this");
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
redis_file): flags are shown to all by ps.
{variables}  {rust_log:<38} what is logged: error, warn, info (the default), debug

Files: the embedded database is the folder --data, ./stonechat-data by default. Nothing else is written; the log goes
to stderr. `listening on ADDR` in it tells that clients may connect.

Signals: SIGTERM and SIGINT drain: no new clients, what was taken is committed, outboxes are flushed, sessions are
told; exit within shutdown_seconds. SIGINT while it drains ends it at once, a second SIGTERM changes nothing. SIGHUP reads
tls.cert and tls.key again; sessions go on. SIGUSR1 and SIGUSR2 are ignored, with a line in the log; settings are read at
start only.

Exit codes: 0 stopped as asked, 1 failed while running or cut short by a second SIGINT, 2 wrong flags or settings.",
        keys = config::key_listing(),
        variables = config::variable_listing(),
        rust_log = "RUST_LOG",
    )
}
