//! docs/troubleshooting.md and docs/operating.md say what is seen when something is wrong, and what to do. Here it is made wrong,
//! and mended as they say, and what they quote is compared with what the server says.
//!
//! ```text
//!   a fence of the document: ```log, ```readyz, ```client, ... --each line--> must be in what the program says; digits may differ
//! ```
#![allow(unreachable_pub, reason = "the modules of a test have no outside")]
#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;
#[path = "faults/small_disk.rs"]
mod small_disk;

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use common::certificates::{Ca, arg};
use common::client::Client;
use common::http::get;
use common::mariadb::MariaDb;
use common::node::Node;
use common::process::{PATIENCE, Process, server_command, wait_for, without_settings};
use common::redis::Redis;
use small_disk::SmallDisk;

/// What a document says below one of its headings.
struct Recipe {
    heading: &'static str,
    text: String,
}

impl Recipe {
    fn of(document: &str, heading: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(document);
        let whole = fs::read_to_string(&path).unwrap();
        let mut sections = whole.split("\n## ");
        let found = sections.find(|section| section.lines().next() == Some(heading));
        let text = found.unwrap_or_else(|| panic!("{document} has no heading {heading:?}")).to_owned();
        Self { heading, text }
    }

    /// The lines of all fences of this kind. There must be some.
    fn quoted(&self, kind: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut open = None;
        for line in self.text.lines() {
            match (line.strip_prefix("```"), open) {
                (Some(_), Some(_)) => open = None,
                (Some(language), None) => open = Some(language == kind),
                (None, Some(true)) => lines.push(line.to_owned()),
                _ => {}
            }
        }
        assert!(!lines.is_empty(), "{:?} quotes no {kind}", self.heading);
        lines
    }

    /// Waits until all that is quoted as this kind has been said.
    fn wait_for(&self, kind: &str, said: impl Fn() -> String) {
        for line in self.quoted(kind) {
            wait_for(&format!("{:?}: {kind}: {line:?}", self.heading), || has_line(&said(), &line).then_some(()));
        }
    }

    /// What a client was told is quoted as this kind.
    fn assert_told(&self, kind: &str, told: &Value) {
        let quoted: Vec<Value> = self.quoted(kind).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let is_it = |quoted: &Value| ["msgid", "errno", "errmsg", "kind"].iter().all(|key| quoted[key] == told[key]);
        assert!(quoted.iter().any(is_it), "{:?} quotes {quoted:?}, and a client is told {told}", self.heading);
    }
}

/// Whether the line, as it is quoted, is a part of a line of the text. Numbers may differ.
fn has_line(text: &str, quoted: &str) -> bool {
    let quoted = without_numbers(quoted);
    text.lines().any(|line| without_numbers(line).contains(&quoted))
}

fn without_numbers(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            c => out.push(c),
        }
    }
    out
}

#[test]
fn a_quoted_line_may_differ_in_numbers_only() {
    let text = "2026-11-27T09:35:27.375Z WARN  the database, 0.3 s ago: away\nINFO  ready";
    assert!(has_line(text, "WARN  the database, 17.25 s ago: away"));
    assert!(!has_line(text, "WARN  the database, 0.3 s ago: here") && !has_line(text, "away INFO"));
}

fn readyz(node: &Node) -> String {
    get(node.admin(), "/readyz").1
}

/// Two who talk, one from each of these nodes.
fn pair(here: &Node, there: &Node) -> (Client, Client) {
    let (mut anna, mut ben) = (Client::newcomer(here.addr(), "anna"), Client::newcomer(there.addr(), "ben"));
    anna.say(ben.id, "before");
    assert_eq!(ben.expect_push(6)["msg"], "before");
    (anna, ben)
}

fn say_until_it_is_stored(anna: &mut Client, to: u64) {
    wait_for("a message to be stored", || {
        (anna.request(json!({"msgid": 6, "toid": to, "msg": "after"}))["errno"] == 0).then_some(())
    });
}

#[test]
fn a_database_that_is_away_is_seen_as_described() {
    let recipe = Recipe::of("troubleshooting.md", "The database is away");
    let mut database = MariaDb::start();
    let node = Node::start(&["--mysql", &database.url("recipe"), "--admin", "127.0.0.1:0"]);
    let (mut anna, mut ben) = pair(&node, &node);
    database.kill();
    // In the first moment the reason may be that a connection was cut.
    recipe.wait_for("readyz", || readyz(&node));
    ben.confirm(anna.id, 1);
    recipe.assert_told("client", &anna.refused(json!({"msgid": 6, "toid": ben.id, "msg": "in vain"}), 503));
    recipe.wait_for("log", || node.log());
    assert_eq!(get(node.admin(), "/readyz").0, 503);
    database.restart();
    wait_for("/readyz to say that it is ready", || (readyz(&node) == "ready\n").then_some(()));
    say_until_it_is_stored(&mut anna, ben.id);
    recipe.wait_for("log over", || node.log());
    // Once, however long it was away.
    for line in recipe.quoted("log").iter().chain(&recipe.quoted("log over")) {
        let times = node.log().lines().filter(|told| has_line(told, line)).count();
        assert_eq!(times, 1, "{line}:\n{}", node.log());
    }
}

#[test]
fn a_full_disk_is_seen_as_described() {
    let recipe = Recipe::of("troubleshooting.md", "The disk is full");
    let disk = SmallDisk::with_a_node(&["--admin", "127.0.0.1:0"]);
    let node = disk.node();
    let (mut anna, ben) = pair(node, node);
    disk.fill();
    let refused = wait_for("a message to be refused", || {
        let reply = anna.request(json!({"msgid": 6, "toid": ben.id, "msg": "x".repeat(4000)}));
        (reply["errno"] != 0).then_some(reply)
    });
    recipe.assert_told("client", &refused);
    if disk.fault() == "ENOSPC" {
        recipe.wait_for("log", || node.log());
    } else {
        // Past the capture of a test's output.
        let _ =
            writeln!(std::io::stderr(), "recipes: no disk can be mounted here: the log of a full one was NOT compared");
    }
    recipe.wait_for("readyz", || readyz(node));
    disk.make_room();
    say_until_it_is_stored(&mut anna, ben.id);
    recipe.wait_for("log over", || node.log());
}

#[test]
fn a_redis_that_is_away_is_seen_as_described() {
    let recipe = Recipe::of("troubleshooting.md", "Redis is away");
    let (database, mut redis) = (MariaDb::shared(), Redis::start());
    let (database, url) = (database.url("recipe_redis"), redis.url());
    let args = ["--mysql", &database, "--redis", &url, "--admin", "127.0.0.1:0"];
    let (here, there) = (Node::start(&args), Node::start(&args));
    let (mut anna, mut ben) = pair(&here, &there);
    redis.kill();
    // That others do not hear it, a node notices when it has something to say.
    anna.say(ben.id, "meanwhile");
    recipe.wait_for("log", || here.log());
    recipe.wait_for("readyz", || readyz(&here));
    assert!(get(here.admin(), "/metrics").1.contains("stonechat_bus_up 0\n"));
    let known = ben.history_with(anna.id);
    assert_eq!(known.last().unwrap()["msg"], "meanwhile", "HISTORY has it");
    redis.restart();
    assert_eq!(ben.expect_push(6)["msg"], "meanwhile", "it is pushed when Redis is back");
    recipe.wait_for("log over", || here.log());
}

/// The hook of docs/operating.md, with the folder, the group and the supervisor of this test.
struct Hook {
    folder: TempDir,
}

impl Hook {
    fn new() -> Self {
        let recipe = Recipe::of("operating.md", "The first hour");
        let script = recipe.quoted("sh").join("\n");
        assert!(script.starts_with("#!/bin/sh\n"), "{script}");
        let folder = tempfile::tempdir().unwrap();
        let group = Command::new("id").arg("-g").output().unwrap().stdout;
        let group = String::from_utf8(group).unwrap();
        let of_test = |from: &str, to: &str, script: String| {
            assert!(script.contains(from), "{from}: {script}");
            script.replace(from, to)
        };
        let script = of_test("/etc/stonechat/tls", &arg(&folder.path().join("tls")), script);
        let script = of_test("-g stonechat", &format!("-g {}", group.trim()), script);
        let hook = Self { folder };
        hook.write("hook", &script);
        hook.write("systemctl", "#!/bin/sh\n[ \"$*\" = 'try-reload-or-restart stonechat' ] || exit 1\n");
        hook
    }

    fn write(&self, name: &str, script: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `systemctl` sends SIGHUP to this node from now on.
    fn supervises(&self, node: &Node) {
        let word = "[ \"$*\" = 'try-reload-or-restart stonechat' ]";
        self.write("systemctl", &format!("#!/bin/sh\n{word} && kill -HUP {}\n", node.pid()));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("tls").join(name)
    }

    /// As certbot runs it, when there is a certificate in this folder.
    fn run(&self, lineage: &Path) {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(self.folder.path().join("hook"));
        let ended = command.env("PATH", path).env("RENEWED_LINEAGE", lineage).output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
    }
}

/// Connects by TLS as a client that checks the certificate.
fn handshake(addr: SocketAddr, ca: &Ca) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut session = ClientConnection::new(config, ServerName::try_from("chat.test").unwrap()).unwrap();
    while session.is_handshaking() {
        session.complete_io(&mut socket).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[test]
fn an_expired_certificate_is_seen_as_described_and_the_hook_brings_a_new_one() {
    let recipe = Recipe::of("troubleshooting.md", "The certificate has expired");
    let (ca, hook, lineage) = (Ca::new("the test's own"), Hook::new(), tempfile::tempdir().unwrap());
    let certificate = ca.sign("chat.test");
    let issue = || {
        fs::copy(certificate.certificate(), lineage.path().join("fullchain.pem")).unwrap();
        fs::copy(certificate.key(), lineage.path().join("privkey.pem")).unwrap();
        hook.run(lineage.path());
    };
    ca.sign_expired("chat.test", &certificate);
    issue();
    let (cert, key) = (arg(&hook.file("fullchain.pem")), arg(&hook.file("privkey.pem")));
    let node = Node::start(&["--tls-cert", &cert, "--tls-key", &key, "--admin", "127.0.0.1:0"]);
    hook.supervises(&node);
    recipe.wait_for("log", || node.log());
    let told = server_command()
        .args(["check-config", "--data", &arg(&lineage.path().join("none")), "--tls-cert", &cert, "--tls-key", &key])
        .output()
        .unwrap();
    assert!(told.status.success(), "{told:?}");
    assert!(
        String::from_utf8_lossy(&told.stderr).contains("warning: the certificate in tls.cert expired at "),
        "{told:?}"
    );
    assert!(handshake(node.addr(), &ca).unwrap_err().contains("xpired"));
    assert_eq!(readyz(&node), "ready\n");
    ca.sign_again("chat.test", &certificate);
    issue();
    recipe.wait_for("log over", || node.log());
    assert_eq!(handshake(node.addr(), &ca), Ok(()));
    let warned = node.log().lines().filter(|line| line.contains("the certificate in tls.cert expire")).count();
    assert_eq!(warned, 1, "{}", node.log());
}

/// A command of this build that is to end by itself.
fn run(args: &[&str]) -> Output {
    server_command().args(args).output().unwrap()
}

#[test]
fn a_node_that_hangs_is_seen_as_described() {
    let recipe = Recipe::of("troubleshooting.md", "A node hangs");
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let admin = node.admin().to_string();
    node.stop();
    let asked = run(&["health", "--admin", &admin]);
    assert_eq!(asked.status.code(), Some(1));
    recipe.wait_for("health", || String::from_utf8_lossy(&asked.stderr).into_owned());
    let shown = run(&["top", &admin, "--every", "0.1", "--screens", "1"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("does not answer: nothing came within 2 s"), "{shown:?}");
    node.cont();
    let asked = run(&["health", "--admin", &admin]);
    assert!(asked.status.success() && asked.stderr.is_empty(), "{asked:?}");
}

#[test]
fn a_schema_of_a_newer_version_is_refused_as_described() {
    let recipe = Recipe::of("troubleshooting.md", "The database refuses the schema");
    let node = Node::start(&[]);
    assert!(node.term().success());
    let newer = rusqlite::Connection::open(node.database()).unwrap();
    newer.execute_batch("INSERT INTO SchemaVersion VALUES (99, 1)").unwrap();
    drop(newer);
    let data = node.into_data();
    for command in [&["--listen", "127.0.0.1:0"][..], &["check-config"]] {
        let ended = run(&[command, &["--data", data.path().to_str().unwrap()]].concat());
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        recipe.wait_for("log", || String::from_utf8_lossy(&ended.stderr).into_owned());
    }
}

#[test]
fn a_low_limit_on_open_files_is_seen_as_described() {
    let recipe = Recipe::of("troubleshooting.md", "Too many files are open");
    let start = |limit: u64| {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        without_settings(&mut command);
        command.args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_stonechat")]);
        // All come from one address, and nobody logs in.
        command.args(["--listen", "127.0.0.1:0", "--set", "limits.anonymous_per_address=0", "--data"]).arg(data.path());
        (Process::start("stonechat", &mut command), data)
    };
    let (mut refused, _data) = start(64);
    assert_eq!(refused.wait().code(), Some(1));
    recipe.wait_for("log start", || refused.output());
    let (mut node, _data) = start(132);
    let listening = |line: &str| line.split_once("listening on ")?.1.split(' ').next()?.parse::<SocketAddr>().ok();
    let addr = node.wait_for_line("the address", listening);
    let _crowd: Vec<TcpStream> = (0..132).map(|_| TcpStream::connect(addr).unwrap()).collect();
    recipe.wait_for("log", || node.output());
}

#[test]
fn what_an_administrator_does_to_an_account_is_seen_as_described() {
    let (lost, abused) =
        (Recipe::of("troubleshooting.md", "A password is lost"), Recipe::of("troubleshooting.md", "A user is abusive"));
    let node = Node::start(&[]);
    let (mut anna, mut ben) = pair(&node, &node);
    let admin = |words: &[&str]| {
        let ended = run(&[&["admin", "--data", node.folder().to_str().unwrap()][..], words].concat());
        assert!(ended.status.success(), "{words:?}: {ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    let login = |client: &Client, password: &str| {
        node.connect().request(json!({"msgid": 1, "name": client.name, "pwd": password}))
    };
    let given = admin(&["users", "reset-password", &anna.id.to_string()]);
    let given = given.trim().strip_prefix("password: ").expect("it is printed as described");
    anna.expect_closed();
    lost.assert_told("client", &login(&anna, common::client::PASSWORD));
    assert_eq!(login(&anna, given)["errno"], 0);
    let told = admin(&["users", "disable", &ben.id.to_string()]);
    assert!(has_line(&abused.text, told.trim()), "{told}");
    abused.assert_told("client ended", &ben.expect_notice("ended"));
    abused.assert_told("client", &login(&ben, common::client::PASSWORD));
}
