//! SIGHUP: settings that are read again while the server runs.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;

use common::client::Client;
use common::node::Node;
use common::process::{PATIENCE, wait_for};
use common::websocket;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A node with a settings file that the test rewrites.
struct Configured {
    node: Node,
    file: PathBuf,
    _folder: TempDir,
}

impl Configured {
    fn start(text: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stonechat.toml");
        fs::write(&file, text).unwrap();
        let config = ["--config", file.to_str().unwrap()];
        let node = Node::start(&[&config, flags].concat());
        Self { node, file, _folder: folder }
    }

    /// Has other settings read, and waits for this in the log; the lines that the reload has logged.
    fn reload(&self, text: &str, told: &str) -> String {
        let before = self.node.log().len();
        fs::write(&self.file, text).unwrap();
        self.node.signal("HUP");
        wait_for(&format!("{told:?} in the log"), || {
            let log = self.node.log()[before..].to_owned();
            log.contains(told).then_some(log)
        })
    }
}

/// A reactor that has answered a line takes up, in the same turn, what it has been told before.
fn take_a_turn(client: &mut Client) {
    assert_eq!(client.request(json!({"msgid": 17}))["msgid"], 18);
}

/// Messages that were answered with this errno, one from each client: they sit on different reactors.
fn errnos(clients: &mut [Client], to: u64, text: &str) -> Vec<Value> {
    let errno = |client: &mut Client| {
        take_a_turn(client);
        client.request(json!({"msgid": 6, "toid": to, "msg": text}))["errno"].clone()
    };
    clients.iter_mut().map(errno).collect()
}

#[test]
fn a_limit_that_is_raised_or_lowered_counts_on_every_reactor_at_once() {
    let server = Configured::start("limits.message_bytes = 10", &["--reactors", "3"]);
    let addr = server.node.addr();
    let reader = Client::newcomer(addr, "reader");
    let mut clients: Vec<Client> = (0..6).map(|_| Client::newcomer(addr, "writer")).collect();
    let text = "more than ten bytes";
    assert_eq!(errnos(&mut clients, reader.id, text), vec![json!(413); 6]);
    server.reload("limits.message_bytes = 100", "these settings have changed: limits.message_bytes");
    assert_eq!(errnos(&mut clients, reader.id, text), vec![json!(0); 6]);
    server.reload("limits.message_bytes = 5", "these settings have changed: limits.message_bytes");
    assert_eq!(errnos(&mut clients, reader.id, text), vec![json!(413); 6]);
    let log = server.reload("", "these settings have changed: limits.message_bytes");
    assert!(!log.contains("next start"), "{log}");
    assert_eq!(errnos(&mut clients, reader.id, text), vec![json!(0); 6], "the default again");
}

#[test]
fn the_longest_line_the_rate_and_the_number_of_clients_change_too() {
    let server = Configured::start("limits.line_bytes = 1000", &[]);
    let addr = server.node.addr();
    let mut early = Client::newcomer(addr, "early");
    let long = json!({"msgid": 17, "tag": "x", "padding": "p".repeat(2000)});
    server.reload("limits.line_bytes = 9000", "these settings have changed: limits.line_bytes");
    take_a_turn(&mut early);
    assert_eq!(early.request(long.clone())["msgid"], 18);
    server.reload("limits.line_bytes = 1000\nlimits.connections = 1", "limits.message_bytes, limits.connections");
    let mut refused = Client::over(TcpStream::connect(addr).unwrap());
    refused.expect_closed();
    take_a_turn(&mut early);
    early.send(&long);
    let last = early.expect_closed();
    assert_eq!(last.last().unwrap()["errno"], 413, "{last:?}");
    server.reload("limits.connections = 100", "limits.connections");
    Client::newcomer(addr, "late");
}

#[test]
fn quotas_and_rules_change_for_the_workers() {
    let server = Configured::start("quota.groups_created = 1", &["--set", "store.pool=12"]);
    let mut anna = Client::newcomer(server.node.addr(), "anna");
    let mut ben = Client::newcomer(server.node.addr(), "ben");
    anna.create_group("first");
    let another = json!({"msgid": 8, "groupname": common::client::unique("g"), "groupdesc": ""});
    anna.refused(another.clone(), 409);
    server.reload("quota.groups_created = 3", "these settings have changed: quota.groups_created");
    anna.create_group("second");
    anna.create_group("third");
    anna.refused(another, 409);
    server.reload("friends_only = true\nfriending = \"ask\"", "these settings have changed: friending, friends_only");
    take_a_turn(&mut ben);
    ben.refused(json!({"msgid": 6, "toid": anna.id, "msg": "a stranger's"}), 403);
}

#[test]
fn a_page_of_another_origin_may_come_once_it_is_named() {
    let server = Configured::start("", &[]);
    let status = || {
        let fields = "Origin: https://chat.example.org\r\n";
        websocket::ask_for(server.node.addr(), fields).1.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(), "403");
    server.reload("web.origins = \"https://chat.example.org\"", "these settings have changed: web.origins");
    assert_eq!(status(), "101");
    server.reload("web.origins = \"https://other.example.org\"", "these settings have changed: web.origins");
    assert_eq!(status(), "403");
}

#[test]
fn the_log_gets_another_level_and_another_format() {
    let server = Configured::start("", &[]);
    let addr = server.node.addr();
    let closed = |log: &str| log.contains("closed: PeerClosed");
    Client::newcomer(addr, "quiet").log_out();
    let log = server.reload("log.level = \"debug\"\nlog.format = \"json\"", "log.level, log.format");
    assert!(!closed(&server.node.log()), "{log}");
    drop(Client::connect(addr));
    wait_for("a line of the level debug", || closed(&server.node.log()).then_some(()));
    let log = server.node.log();
    let line = log.lines().find(|line| closed(line)).unwrap();
    let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(object["level"], "debug");
    assert!(object["message"].as_str().unwrap().contains("closed: PeerClosed"), "{object}");
    assert!(object["target"].as_str().unwrap().starts_with("stonechat::net"), "{object}");
    assert!(object["time"].as_str().unwrap().ends_with('Z'), "{object}");
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_says_why() {
    let server = Configured::start("limits.message_bytes = 10", &[]);
    let mut anna = Client::newcomer(server.node.addr(), "anna");
    let ben = Client::newcomer(server.node.addr(), "ben");
    for (text, told) in [
        ("limits.message_bytes = 100\nlimits.inflight = 0", "limits.inflight must be a whole number from 1"),
        ("limits.message_bytes = 100\nlimits.inflihgt = 3", "did you mean limits.inflight?"),
        ("limits.message_bytes = 100\nthis is no TOML", "is no TOML"),
        ("limits.message_bytes = 200\nlimits.line_bytes = 256", "has no room for limits.message_bytes"),
    ] {
        let log = server.reload(text, told);
        assert!(log.contains("SIGHUP changes nothing: "), "{log}");
        anna.refused(json!({"msgid": 6, "toid": ben.id, "msg": "more than ten bytes"}), 413);
    }
    fs::remove_file(&server.file).unwrap();
    server.node.signal("HUP");
    wait_for("a word about the file", || server.node.log().contains("cannot be read").then_some(()));
    server.reload("limits.message_bytes = 100", "these settings have changed: limits.message_bytes");
    take_a_turn(&mut anna);
    assert!(anna.say(ben.id, "more than ten bytes")["seq"].is_u64());
}

#[test]
fn what_cannot_change_is_named_and_waits_for_the_next_start() {
    let server = Configured::start("", &["--reactors", "1"]);
    let text = "password.threads = 3\nsession_policy = \"multi\"\nreactors = 2\nlimits.inflight = 3";
    // The flag wins, now as at the start: the number of reactors is what it was.
    let log = server.reload(text, "these settings have changed: limits.inflight");
    for key in ["password.threads", "session_policy"] {
        assert!(log.contains(&format!("{key} has changed: it takes effect at the next start")), "{log}");
    }
    assert!(!log.contains("reactors"), "{log}");
    let log = server.reload(text, "no setting has changed that can while the server runs");
    assert!(log.contains("session_policy has changed"), "it still waits: {log}");
    let mut anna = Client::newcomer(server.node.addr(), "anna");
    let mut second = Client::connect(server.node.addr());
    second.refused(json!({"msgid": 1, "id": anna.id, "pwd": common::client::PASSWORD}), 2);
    anna.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(anna.request(json!({"msgid": 17}))["msgid"], 18);
}
