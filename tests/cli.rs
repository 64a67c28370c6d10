//! The command line: what the binary says about itself and its settings, and how it ends.
#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::path::Path;
use std::process::Output;

use common::process::server_command;
use tempfile::TempDir;

/// A folder to run in, and the binary with an environment that holds nothing of ours.
struct Place {
    folder: TempDir,
}

/// How it ended.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, variables: &[(&str, &str)], args: &[&str]) -> Ended {
        let mut command = server_command();
        let output = command.args(args).envs(variables.iter().copied()).current_dir(self.path()).output().unwrap();
        Ended::from(output)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// It refused its settings, in one line on stderr and nothing on stdout.
    fn refusal(&self) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        self.stderr.trim_end()
    }

    /// The line of `check-config` about `key`.
    fn line(&self, key: &str) -> &str {
        let start = format!("{key} = ");
        let found = self.stdout.lines().find(|line| line.starts_with(&start));
        found.unwrap_or_else(|| panic!("nothing about {key}:\n{}\n{}", self.stdout, self.stderr))
    }
}

fn refused(variables: &[(&str, &str)], args: &[&str]) -> String {
    Place::new().run(variables, args).refusal().to_owned()
}

#[test]
fn help_tells_how_to_begin() {
    let ended = Place::new().run(&[], &["--help"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let mentioned = [
        "nc 127.0.0.1 8000",
        "--mysql <URL>",
        "STONECHAT_REDIS",
        "limits.inflight = 64",
        "sqlite.synchronous = \"full\"",
        "check-config",
        "stonechat-data",
        "SIGTERM",
        "Exit codes",
        "RUST_LOG",
    ];
    for word in mentioned {
        assert!(ended.stdout.contains(word), "{word} is missing:\n{}", ended.stdout);
    }
    let short = Place::new().run(&[], &["-h"]);
    assert!(short.code == 0 && short.stdout.len() < ended.stdout.len() / 2, "{}", short.stdout);
}

#[test]
fn version_is_the_packages() {
    let ended = Place::new().run(&[], &["--version"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, concat!("stonechat ", env!("CARGO_PKG_VERSION"), "\n")));
}

#[test]
fn unknown_keys_are_refused_wherever_they_stand() {
    let place = Place::new();
    place.write("s.toml", "\n[limits]\ninflght = 8\n");
    assert_eq!(
        place.run(&[], &["--config", "s.toml"]).refusal(),
        "stonechat: error: file s.toml:3: unknown key \"limits.inflght\"; did you mean limits.inflight?"
    );
    assert_eq!(
        refused(&[("STONECHAT_MYSQ", "x")], &[]),
        "stonechat: error: env STONECHAT_MYSQ: unknown variable; did you mean STONECHAT_MYSQL?"
    );
    assert_eq!(
        refused(&[], &["--set", "store.pol=6"]),
        "stonechat: error: flag --set: unknown key \"store.pol\"; did you mean store.pool?"
    );
}

#[test]
fn bad_values_are_refused_with_what_would_be_good() {
    assert!(
        refused(&[], &["--reactors", "0"]).contains("flag --reactors: reactors must be a whole number from 1 to 256")
    );
    assert!(
        refused(&[], &["--listen", "localhost:8000"]).contains("flag --listen: listen must be addresses with a port")
    );
    assert!(refused(&[("STONECHAT_ADMIN", "9000")], &[]).contains("env STONECHAT_ADMIN: admin must be an address"));
    assert!(refused(&[], &["--set", "session_policy=kick"]).contains("one of \"reject\", \"replace\", \"multi\""));
    assert!(refused(&[], &["--set", "limits.inflight"]).contains("is not KEY=VALUE"));
    assert!(refused(&[], &["--config", "none.toml"]).contains("file none.toml: cannot be read"));
    let contradiction = refused(&[], &["--set", "limits.line_bytes=4000", "--set", "limits.message_bytes=4000"]);
    assert!(contradiction.contains("no room for limits.message_bytes = 4000"), "{contradiction}");
}

#[test]
fn a_password_that_is_not_encoded_is_refused_and_not_repeated() {
    for url in ["mysql://chat:hid@den@127.0.0.1/db", "mysql://chat:hid/den@127.0.0.1/db"] {
        let told = refused(&[("STONECHAT_MYSQL", url)], &[]);
        assert!(told.contains("env STONECHAT_MYSQL: mysql has a character") && told.contains("@ as %40"), "{told}");
        assert!(!told.contains("hid") && !told.contains("den@"), "{told}");
    }
    let told = refused(&[], &["--mysql", "mysql://chat:pw@127.0.0.1/db?require_ssl=true"]);
    assert!(told.contains("unknown parameter require_ssl: known are tls (verify or required)"), "{told}");
}

#[test]
fn every_problem_has_its_line() {
    let ended = Place::new().run(&[("STONECHAT_REACTORS", "x")], &["--set", "a=1", "--listen", "x", "check-config"]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (2, 3), "{}", ended.stderr);
}

#[test]
fn an_unknown_flag_or_argument_is_a_usage_error() {
    for args in [["--no-such-flag"], ["no-such-command"]] {
        let ended = Place::new().run(&[], &args);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
        assert!(ended.stderr.contains(args[0]), "{}", ended.stderr);
    }
}

#[test]
fn later_sources_win_and_check_config_names_them() {
    let place = Place::new();
    place.write("s.toml", "reactors = 1\ndata = \"from-file\"\nshutdown_seconds = 3\n[store]\npool = 5\n");
    let variables = [("STONECHAT_CONFIG", "s.toml"), ("STONECHAT_REACTORS", "2"), ("STONECHAT_DATA", "from-env")];
    let args = ["--reactors", "3", "--set", "store.pool=6", "check-config", "--set", "store.pool=7"];
    let ended = place.run(&variables, &args);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.line("reactors"), "reactors = 3  # flag --reactors");
    assert_eq!(ended.line("data"), "data = \"from-env\"  # env STONECHAT_DATA");
    assert_eq!(ended.line("shutdown_seconds"), "shutdown_seconds = 3  # file s.toml:3");
    assert_eq!(ended.line("store.pool"), "store.pool = 7  # flag --set");
    assert_eq!(ended.line("listen"), "listen = \"127.0.0.1:8000\"  # default");
}

#[test]
fn what_check_config_prints_is_a_config_file() {
    let place = Place::new();
    let first = place.run(&[], &["check-config", "--set", "limits.inflight=8", "--set", "session_policy=multi"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    place.write("printed.toml", &first.stdout);
    let second = place.run(&[], &["--config", "printed.toml", "check-config"]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let settings = |ended: &Ended| -> Vec<String> {
        ended.stdout.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(settings(&first), settings(&second));
    let line = 1 + first.stdout.lines().position(|line| line.starts_with("limits.inflight = ")).unwrap();
    assert_eq!(second.line("limits.inflight"), format!("limits.inflight = 8  # file printed.toml:{line}"));
}

/// Ahead of the migration and behind it.
#[test]
fn check_config_lists_the_names_that_have_no_key_of_their_own() {
    let place = Place::new();
    let data = place.path().join("data");
    std::fs::create_dir(&data).unwrap();
    {
        let connection = rusqlite::Connection::open(data.join("stonechat.db")).unwrap();
        connection.execute_batch(include_str!("../sql/sqlite/0001_init.sql")).unwrap();
        let rows = "CREATE TABLE SchemaVersion (version INT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL); \
                    INSERT INTO SchemaVersion VALUES (1, 1); \
                    INSERT INTO User (name, name_key, password, created_at) VALUES \
                    ('anna', 'anna', '', 1), ('ａnna', 'ａnna', '', 1), ('anna\u{200B}', 'anna\u{200B}', '', 1), ('12345', '12345', '', 1); \
                    INSERT INTO AllGroup (groupname, name_key, groupdesc, created_at) VALUES ('\u{2800}', '\u{2800}', '', 1);";
        connection.execute_batch(rows).unwrap();
    }
    let told = || {
        let ended = place.run(&[], &["--data", "data", "check-config"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let warnings = ended.stderr.lines().filter(|line| line.contains("is found by id, or by the exact spelling"));
        warnings.map(str::to_owned).collect::<Vec<_>>()
    };
    let warnings = told();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].contains("user 2 ") && warnings[0].contains("compared to be the same"), "{warnings:?}");
    assert!(warnings[1].contains("user 3 ") && warnings[1].contains("U+200B"), "{warnings:?}");
    assert!(!warnings[1].contains('\u{200B}'), "what cannot be seen is written out: {warnings:?}");
    assert!(warnings[2].contains("group 1 ") && warnings[2].contains("U+2800"), "{warnings:?}");
    let settings = (stonechat::config::Synchronous::Full, std::time::Duration::from_secs(20));
    let stores = stonechat::store::sqlite::SqliteStores::new(&data, settings.0, settings.1).unwrap();
    stonechat::store::OpenStore::migrate(&stores).unwrap();
    drop(stores);
    let mut later = told();
    later.sort();
    let mut sorted = warnings.clone();
    sorted.sort();
    assert_eq!(later, sorted, "the same when they have their keys");
}

#[test]
fn a_password_is_never_printed() {
    let place = Place::new();
    let dead = "127.0.0.1:1";
    let variables = [("STONECHAT_MYSQL", format!("mysql://chat:geheim@{dead}/chat"))];
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let redis = format!("redis://:geheim@{dead}/");
    let ended = place.run(&variables, &["--redis", &redis, "--set", "store.timeout_ms=1000", "check-config"]);
    assert_eq!(ended.line("mysql"), "mysql = \"mysql://chat:***@127.0.0.1:1/chat\"  # env STONECHAT_MYSQL");
    assert_eq!(ended.line("redis"), "redis = \"redis://:***@127.0.0.1:1/\"  # flag --redis");
    let bad = place.run(&[], &["--mysql", "mysq://chat:geheim@db/chat"]);
    assert!(bad.refusal().contains("flag --mysql: mysql must be mysql://"), "{}", bad.stderr);
    for printed in [ended.stdout, ended.stderr, bad.stderr] {
        assert!(!printed.contains("geheim"), "{printed}");
    }
}

#[test]
fn a_redis_that_refuses_a_node_is_told_before_it_serves() {
    let place = Place::new();
    let redis = common::redis::Redis::with_password(Some("geheim"));
    let port = redis.port();
    for (url, advice) in [
        (format!("redis://:falsch@127.0.0.1:{port}/"), "the password in the URL is wrong"),
        (format!("redis://127.0.0.1:{port}/"), "it wants a password"),
        (format!("redis://:geheim@127.0.0.1:{port}/3"), "leave the number out"),
    ] {
        let started = place.run(&[], &["--listen", "127.0.0.1:0", "--redis", &url]);
        assert_eq!(started.code, 1, "{}", started.stderr);
        let checked = place.run(&[], &["--redis", &url, "check-config"]);
        assert_eq!(checked.code, 1, "{}", checked.stdout);
        for told in [started.stderr, checked.stdout + &checked.stderr] {
            assert!(told.contains(advice) && !told.contains("geheim") && !told.contains("falsch"), "{told}");
        }
    }
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.write("mysql-url", "mysql://chat:geheim@127.0.0.1:1/chat\n");
    let mode = |mode| {
        let path = place.path().join("mysql-url");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o600);
    let by_file = [("STONECHAT_MYSQL_FILE", "mysql-url")];
    let ended = place.run(&by_file, &["--set", "store.timeout_ms=1000", "check-config"]);
    assert_eq!(ended.line("mysql"), "mysql = \"\"  # mysql_file: mysql://chat:***@127.0.0.1:1/chat");
    assert_eq!(ended.line("mysql_file"), "mysql_file = \"mysql-url\"  # env STONECHAT_MYSQL_FILE");
    assert!(ended.stderr.contains("error: the database: "), "{}", ended.stderr);
    let both = place.run(&by_file, &["--mysql", "mysql://chat:geheim@db/chat"]);
    assert!(both.refusal().contains("mysql (flag --mysql) and mysql_file (env STONECHAT_MYSQL_FILE) are both set"));
    mode(0o644);
    let public = place.run(&by_file, &["--set", "store.timeout_ms=1000", "check-config"]);
    assert!(public.stderr.contains("warning: mysql_file: everybody on this machine can read mysql-url"));
    place.write("mysql-url", "geheim");
    let bad = place.run(&by_file, &[]);
    assert!(bad.refusal().contains("file mysql-url: mysql_file must be mysql://"), "{}", bad.stderr);
    for printed in [ended.stdout, ended.stderr, both.stderr, public.stderr, bad.stderr] {
        assert!(!printed.contains("geheim"), "{printed}");
    }
}
