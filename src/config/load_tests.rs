//! Tests of [`super`]: precedence, and what is said about what is wrong.

use std::ffi::OsString;
use std::io::Write as _;

use tempfile::NamedTempFile;

use super::super::{SessionPolicy, Synchronous};
use super::*;

/// Sources of a file's text, variables and `--set` flags.
struct Case {
    file: Option<NamedTempFile>,
    sources: Sources,
}

fn from(file: &str, variables: &[(&str, &str)], set: &[&str]) -> Case {
    let file = (!file.is_empty()).then(|| {
        let mut made = NamedTempFile::new().unwrap();
        made.write_all(file.as_bytes()).unwrap();
        made
    });
    let sources = Sources {
        file: file.as_ref().map(|file| file.path().to_owned()),
        environment: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        flags: set.iter().map(|typed| Flag::Set((*typed).to_owned())).collect(),
    };
    Case { file, sources }
}

impl Case {
    fn effective(&self) -> Effective {
        load(&self.sources).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// The problems, with the file called FILE.
    fn problems(&self) -> Vec<String> {
        let path = self.file.as_ref().map(|file| file.path().display().to_string()).unwrap_or_default();
        let Problems(problems) = load(&self.sources).expect_err("something is wrong with it");
        let named = |line: String| if path.is_empty() { line } else { line.replace(&path, "FILE") };
        problems.iter().map(|problem| named(problem.to_string())).collect()
    }

    fn problem(&self) -> String {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].clone()
    }
}

fn origin_of(effective: &Effective, key: &str) -> String {
    let setting = effective.settings().find(|setting| setting.key == key).unwrap();
    setting.origin.to_string()
}

#[test]
fn nothing_given_is_the_defaults() {
    let effective = load(&Sources::default()).unwrap();
    assert_eq!(effective.config, Config::default());
    assert!(effective.settings().all(|setting| setting.origin.is_default()));
}

#[test]
fn later_wins_and_says_where_it_came_from() {
    let file = "[limits]\ninflight = 1\nconnections = 1\nlogin_seconds = 0\n";
    let variables = [("STONECHAT_LIMITS_INFLIGHT", "2"), ("STONECHAT_LIMITS_CONNECTIONS", "2"), ("HOME", "/")];
    let given = from(file, &variables, &["limits.inflight=3", "limits.inflight=4"]);
    let effective = given.effective();
    assert_eq!(effective.config.limits.inflight, 4);
    assert_eq!(effective.config.limits.connections, 2);
    assert_eq!(effective.config.limits.login, None);
    assert_eq!(origin_of(&effective, "limits.inflight"), "flag --set");
    assert_eq!(origin_of(&effective, "limits.connections"), "env STONECHAT_LIMITS_CONNECTIONS");
    assert!(origin_of(&effective, "limits.login_seconds").ends_with(":4"));
    assert_eq!(origin_of(&effective, "limits.line_bytes"), "default");
}

#[test]
fn text_is_read_by_the_keys_type() {
    let set =
        ["session_policy=multi", "sqlite.synchronous=\"normal\"", "friends_only=true", "admin = [::1]:9", "data=a=b"];
    let config = from("", &[], &set).effective().config;
    assert_eq!(config.session_policy, SessionPolicy::Multi);
    assert_eq!(config.sqlite_synchronous, Synchronous::Normal);
    assert!(config.friends_only);
    assert_eq!(config.admin, Some("[::1]:9".parse().unwrap()));
    assert_eq!(config.data, PathBuf::from("a=b"));
}

#[test]
fn an_empty_value_takes_back_what_an_earlier_source_set() {
    let file = "mysql = \"mysql://u:p@h/db\"\nadmin = \"127.0.0.1:9\"\n";
    let config = from(file, &[("STONECHAT_MYSQL", "")], &["admin="]).effective().config;
    assert_eq!((config.mysql, config.admin), (None, None));
}

#[test]
fn the_file_may_be_named_by_its_variable_and_the_flag_wins() {
    let by_variable = from("reactors = 7", &[], &[]);
    let path: OsString = by_variable.sources.file.clone().unwrap().into();
    let environment = vec![("STONECHAT_CONFIG".into(), path)];
    let config = |file| load(&Sources { file, environment: environment.clone(), flags: vec![] }).unwrap().config;
    assert_eq!(config(None).reactors, 7);
    let by_flag = from("reactors = 8", &[], &[]);
    assert_eq!(config(by_flag.sources.file.clone()).reactors, 8);
}

#[test]
fn unknown_keys_are_named_with_their_place_and_the_nearest_known_one() {
    assert_eq!(
        from("listen = \"127.0.0.1:1\"\n[limits]\ninflght = 8\n", &[], &[]).problem(),
        "file FILE:3: unknown key \"limits.inflght\"; did you mean limits.inflight?"
    );
    assert_eq!(
        from("", &[("STONECHAT_LISTNE", "x")], &[]).problem(),
        "env STONECHAT_LISTNE: unknown variable; did you mean STONECHAT_LISTEN?"
    );
    assert_eq!(
        from("", &[], &["colour=red"]).problem(),
        "flag --set: unknown key \"colour\"; `stonechat --help` lists all keys"
    );
    assert_eq!(
        from("[limts]\n", &[], &[]).problem(),
        "file FILE:1: unknown key \"limts\"; `stonechat --help` lists all keys"
    );
    assert_eq!(from("[limits]\n", &[], &[]).effective().config, Config::default());
}

#[test]
fn bad_values_say_what_would_be_good() {
    assert_eq!(
        from("", &[], &["limits.inflight=0"]).problem(),
        "flag --set: limits.inflight must be a whole number from 1 to 65536 (messages), not \"0\""
    );
    assert_eq!(
        from("[store]\npool = 4\n", &[], &[]).problem(),
        "file FILE:2: store.pool must be a whole number from 5 to 1000 (connections), not 4"
    );
    assert_eq!(
        from("[store]\npool = \"6\"\n", &[], &[]).problem(),
        "file FILE:2: store.pool must be a whole number from 5 to 1000 (connections), not \"6\""
    );
    assert_eq!(
        from("", &[("STONECHAT_SESSION_POLICY", "maybe")], &[]).problem(),
        "env STONECHAT_SESSION_POLICY: session_policy must be one of \"reject\", \"replace\", \"multi\", not \"maybe\""
    );
    assert_eq!(
        from("friends_only = [1]\n", &[], &[]).problem(),
        "file FILE:1: friends_only must be true or false, not a TOML array"
    );
    assert!(from("reactors = 99999999999999999999999\n", &[], &[]).problem().starts_with("file FILE:1: "));
    assert_eq!(
        from("", &[], &["limits.inflight"]).problem(),
        "flag --set: \"limits.inflight\" is not KEY=VALUE, like limits.inflight=8"
    );
}

#[test]
fn all_problems_are_told_at_once_each_in_one_line() {
    let problems = from("a = 1\nreactors = 0\n", &[("STONECHAT_ADMIN", "x")], &["b\nc=1"]).problems();
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.iter().all(|line| !line.contains('\n')), "{problems:?}");
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let sources = Sources { file: Some(PathBuf::from("no/such.toml")), ..Sources::default() };
    let problem = load(&sources).unwrap_err().to_string();
    assert!(problem.starts_with("file no/such.toml: cannot be read: "), "{problem}");
    let problem = from("listen = \n", &[], &[]).problem();
    assert!(problem.starts_with("file FILE:1: is no TOML: "), "{problem}");
}

#[test]
fn no_password_is_ever_said() {
    let url = "mysql://chat:geheim@h/db";
    let effective = from("", &[("STONECHAT_MYSQL", url)], &["redis=redis://:geheim@h/"]).effective();
    assert_eq!(effective.config.mysql.as_deref(), Some(url));
    assert!(effective.settings().all(|setting| !setting.value.contains("geheim")));
    assert!(!format!("{effective:?}").contains("geheim"));
    let file = format!("mysql = \"{url}/ \"\nredis = \"{url}\"\n");
    let typed = format!("{url}?a=b");
    let problems = from(&file, &[("STONECHAT_REDIS", url)], &[url, &typed, &format!("redis={url}")]).problems();
    assert_eq!(problems.len(), 6, "{problems:?}");
    assert!(problems.iter().all(|line| !line.contains("geheim")), "{problems:?}");
}

#[test]
fn what_an_orchestrator_adds_is_no_unknown_variable() {
    let links = [
        ("STONECHAT_SERVICE_HOST", "10.0.0.1"),
        ("STONECHAT_SERVICE_PORT_CLIENTS", "8000"),
        ("STONECHAT_PORT", "tcp://10.0.0.1:8000"),
        ("STONECHAT_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("STONECHAT_ADMIN_PORT_9000_TCP", "tcp://10.0.0.1:9000"),
    ];
    assert_eq!(from("", &links, &[]).effective().config, Config::default());
    assert!(KEYS.iter().all(|key| !is_service_link(&key.variable())));
}

#[test]
fn settings_that_contradict_are_refused() {
    let problem = from("", &[], &["limits.outbox_bytes=2000", "limits.line_bytes=3000"]).problem();
    assert!(problem.starts_with("limits.outbox_bytes = 2000 (flag --set) must be at least"), "{problem}");
}

#[test]
fn a_ca_against_which_nothing_is_checked_is_refused() {
    let with_ca = |url: &str| from("", &[("STONECHAT_MYSQL_TLS_CA", "/ca.pem")], &[&format!("mysql={url}")]);
    for unchecked in ["mysql://u:p@h/db", "mysql://u:p@h/db?tls=required", "mysql://u@h/db?socket=/tls=verify"] {
        let problem = with_ca(unchecked).problem();
        assert!(problem.starts_with("mysql_tls_ca is set, but mysql asks for no checked certificate"), "{problem}");
    }
    let config = with_ca("mysql://u:p@h/db?compress=true&tls=verify").effective().config;
    assert_eq!(config.mysql_tls_ca, Some(PathBuf::from("/ca.pem")));
    assert_eq!(with_ca("").effective().config.mysql, None);
    let with_ca = |url: &str| from("redis_tls_ca = \"/ca.pem\"\n", &[], &[&format!("redis={url}")]);
    for unchecked in ["redis://h/", "rediss://h/#insecure", "redis+unix:///redis.sock"] {
        let problem = with_ca(unchecked).problem();
        assert!(problem.starts_with("redis_tls_ca is set, but redis asks for no checked certificate"), "{problem}");
    }
    assert_eq!(with_ca("rediss://h/").effective().config.redis_tls_ca, Some(PathBuf::from("/ca.pem")));
}

#[test]
fn replicas_are_those_of_a_database_that_is_shared() {
    let read = ("STONECHAT_MYSQL_READ", "mysql://reader:geheim@r1,r2/db");
    let alone = from("", &[read], &[]).problem();
    assert!(alone.starts_with("mysql_read needs mysql") && !alone.contains("geheim"), "{alone}");
    let both = from("mysql = \"mysql://u:p@h/db\"\n", &[read], &[]).effective();
    assert_eq!(both.config.mysql_read.as_deref(), Some(read.1));
    assert!(!format!("{both:?}").contains("geheim"));
    let (_file, path) = secret("mysql://reader:geheim@r/db\n", 0o600);
    let set = format!("mysql_read_file={path}");
    let from_file = from("mysql = \"mysql://u:p@h/db\"\n", &[], &[&set]).effective();
    assert_eq!(from_file.config.mysql_read.as_deref(), Some("mysql://reader:geheim@r/db"));
    assert_eq!(origin_of(&from_file, "mysql_read"), "mysql_read_file: mysql://reader:***@r/db");
    // A CA is of use as soon as one of the two is checked against it.
    let ca = ("STONECHAT_MYSQL_TLS_CA", "/ca.pem");
    let checked = "mysql://u:p@r/db?tls=verify";
    from("mysql = \"mysql://u:p@h/db\"\n", &[ca, ("STONECHAT_MYSQL_READ", checked)], &[]).effective();
    assert!(from("mysql = \"mysql://u:p@h/db\"\n", &[ca, read], &[]).problem().starts_with("mysql_tls_ca is set"));
}

/// A file that holds this, readable by its owner alone unless it is to be public.
fn secret(text: &str, mode: u32) -> (NamedTempFile, String) {
    use std::os::unix::fs::PermissionsExt;
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    let path = file.path().display().to_string();
    (file, path)
}

#[test]
fn a_url_may_stand_in_a_file_of_its_own() {
    for end in ["", "\n", "\r\n"] {
        let (_mysql, mysql) = secret(&format!("mysql://chat:geheim@h/db{end}"), 0o600);
        let (_redis, redis) = secret(&format!("redis://:geheim@h/{end}"), 0o600);
        let case = from(&format!("mysql_file = \"{mysql}\"\n"), &[("STONECHAT_REDIS_FILE", &redis)], &[]);
        let effective = case.effective();
        assert_eq!(effective.config.mysql.as_deref(), Some("mysql://chat:geheim@h/db"));
        assert_eq!(effective.config.redis.as_deref(), Some("redis://:geheim@h/"));
        assert_eq!(effective.warnings(), [""; 0]);
        let listed = |key| effective.settings().find(|setting| setting.key == key).unwrap().value;
        assert_eq!((listed("mysql"), listed("mysql_file")), ("\"\"".to_owned(), format!("\"{mysql}\"")));
        assert_eq!(origin_of(&effective, "mysql"), "mysql_file: mysql://chat:***@h/db");
        assert!(!format!("{effective:?}").contains("geheim"));
    }
}

#[test]
fn a_secret_and_its_file_together_are_refused_by_name() {
    let (_file, path) = secret("mysql://chat:geheim@h/db", 0o600);
    let set = format!("mysql_file={path}");
    let both = from("", &[("STONECHAT_MYSQL", "mysql://u:geheim@h/db")], &[&set]);
    let expected = "mysql (env STONECHAT_MYSQL) and mysql_file (flag --set) are both set: only one of them may be";
    assert_eq!(both.problem(), expected);
    // What a later source takes back is not set.
    let one = from("mysql = \"mysql://u:p@other/db\"\n", &[("STONECHAT_MYSQL", "")], &[&set]).effective();
    assert_eq!(one.config.mysql.as_deref(), Some("mysql://chat:geheim@h/db"));
    let none = from(&format!("mysql_file = \"{path}\"\n"), &[], &["mysql_file="]).effective();
    assert_eq!(none.config.mysql, None);
}

#[test]
fn a_secret_file_that_is_no_good_says_why_and_not_what() {
    let long = format!("mysql://chat:geheim@h/db?{}", "x".repeat(5_000));
    let bad = [
        ("", "is empty: it must hold a URL"),
        ("\n", "is empty: it must hold a URL"),
        ("geheim", "must be mysql://"),
        ("mysql://u:geheim@h/db\nand more", "must be mysql://"),
        (long.as_str(), "must hold one URL, not more than 4096 bytes"),
    ];
    for (text, why) in bad {
        let (_file, path) = secret(text, 0o600);
        let problem = from("", &[], &[&format!("mysql_file={path}")]).problem();
        assert!(problem.starts_with(&format!("file {path}: mysql_file {why}")), "{problem}");
        assert!(!problem.contains("geheim"), "{problem}");
    }
    let missing = from("", &[], &["redis_file=/no/such/file"]).problem();
    assert!(missing.starts_with("file /no/such/file: redis_file cannot be read: "), "{missing}");
}

#[test]
fn a_secret_that_everybody_can_read_is_warned_about() {
    let (_file, path) = secret("redis://:geheim@h/", 0o644);
    let warnings = from("", &[], &[&format!("redis_file={path}")]).effective().warnings();
    assert_eq!(warnings, [format!("redis_file: everybody on this machine can read {path}: `chmod o-r {path}`")]);
}

#[test]
fn a_text_alone_opens_no_file() {
    let config = load_text("mysql_file = \"/dev/zero\"\n").unwrap().config;
    assert_eq!((config.mysql, config.mysql_file), (None, Some(PathBuf::from("/dev/zero"))));
}

#[test]
fn an_admin_port_beyond_this_machine_is_warned_about() {
    for (admin, is_exposed) in [("127.0.0.1:9", false), ("[::1]:9", false), ("0.0.0.0:9", true), ("10.1.2.3:9", true)] {
        let warnings = from("", &[], &[&format!("admin={admin}")]).effective().warnings();
        assert_eq!(warnings.len(), usize::from(is_exposed), "{warnings:?}");
    }
}
