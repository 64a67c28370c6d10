//! The load generator: every workload against the real server, and its verdict on servers that misbehave.

#![expect(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use common::certificates::{Ca, arg};
use common::client::Client;
use common::node::Node;
use common::process::program;
use serde_json::Value;

/// Short, but long enough that something is measured.
const BRIEFLY: [&str; 4] = ["--seconds", "0.5", "--warmup", "0.1"];

fn load(addr: SocketAddr, args: &[&str]) -> Output {
    let mut command = Command::new(program("stonechat-load"));
    command.args(["--connect", &addr.to_string(), "--json"]).args(BRIEFLY).args(args);
    command.output().expect("the load generator was built with this test")
}

/// Runs a workload against a server of its own, which must be faultless. Returns the report.
fn measure(args: &[&str]) -> Value {
    let node = Node::start(&[]);
    let report = measure_at(node.addr(), &node, args);
    assert_eq!(report["transport"], "plain");
    report
}

/// The same, at an address that leads to this server.
fn measure_at(addr: SocketAddr, node: &Node, args: &[&str]) -> Value {
    let pid = format!("server={}", node.pid());
    let with_pid: Vec<&str> = args.iter().copied().chain(["--pid", &pid]).collect();
    let output = load(addr, &with_pid);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["problems"], serde_json::json!([]));
    assert!(report["count"].as_u64().unwrap() > 0, "nothing was counted: {report}");
    assert_eq!(report["cpu"][0]["name"], "server");
    assert!(report["memory"][0]["after_bytes"].as_u64().unwrap() > 0);
    report
}

fn latency<'a>(report: &'a Value, what: &str) -> &'a Value {
    let latencies = report["latencies"].as_array().unwrap();
    latencies.iter().find(|latency| latency["what"] == what).unwrap_or_else(|| panic!("no {what} in {report}"))
}

/// Percentiles rise, and nothing takes no time.
fn assert_is_a_latency(latency: &Value) {
    let steps = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"].map(|step| latency[step].as_f64().unwrap());
    assert!(steps[0] > 0.0 && steps.is_sorted(), "{latency}");
}

#[test]
fn pairs_in_a_closed_loop() {
    let report = measure(&["pairs", "--connections", "10", "--window", "4"]);
    assert_is_a_latency(latency(&report, "delivery"));
    assert_is_a_latency(latency(&report, "ack"));
    assert_eq!(latency(&report, "delivery")["count"], report["count"], "every delivery has a latency");
}

#[test]
fn pairs_that_confirm_in_an_open_loop() {
    let report = measure(&["pairs", "--connections", "4", "--rate", "200", "--confirm", "2"]);
    let count = report["count"].as_u64().unwrap();
    assert!(count <= 150, "200/s are not {count} in half a second");
}

#[test]
fn pairs_through_the_bare_forwarder() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let output = load(nobody, &["pairs", "--limit", "--connections", "4", "--window", "2"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["count"].as_u64().unwrap() > 0);
    assert_eq!(report["cpu"][0]["name"], "forwarder");
}

#[test]
fn groups() {
    let report = measure(&["groups", "--groups", "2", "--members", "5", "--senders", "2", "--window", "2"]);
    assert_is_a_latency(latency(&report, "delivery"));
    let (deliveries, acks) = (report["count"].as_u64().unwrap(), latency(&report, "ack")["count"].as_u64().unwrap());
    assert!(deliveries > acks, "a message is acknowledged once and delivered four times");
    assert_is_a_latency(latency(&report, "at the last one"));
}

#[test]
fn a_group_that_is_there_already() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts");
    let file = path.to_str().unwrap();
    let node = Node::start(&[]);
    let made =
        load(node.addr(), &["idle", "--connections", "6", "--groups", "0", "--friends", "0", "--accounts", file]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let group = Client::newcomer(node.addr(), "absent").create_group("large");
    for account in fs::read_to_string(&path).unwrap().lines() {
        let words: Vec<&str> = account.split(' ').collect();
        Client::resume(node.addr(), words[0].parse().unwrap(), words[2]).join(group);
    }
    let talk = ["groups", "--group", &group.to_string(), "--accounts", file, "--senders", "2", "--rate", "20"];
    let report = measure_at(node.addr(), &node, &talk);
    let lasts = latency(&report, "at the last one");
    assert_is_a_latency(lasts);
    let (delivered, messages) = (report["count"].as_u64().unwrap(), lasts["count"].as_u64().unwrap());
    assert!(delivered >= 5 * messages.saturating_sub(1), "each message goes to five others: {report}");
}

#[test]
fn idle_with_accounts_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts");
    let node = Node::start(&[]);
    let args = ["idle", "--connections", "20", "--friends", "3", "--accounts", file.to_str().unwrap()];
    for notes in [1, 0] {
        let output = load(node.addr(), &args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["notes"].as_array().unwrap().len(), notes, "the second run takes the accounts of the first");
        assert_eq!(report["count"], 20);
    }
}

#[test]
fn logins_by_token_and_by_password() {
    for by in ["token", "password"] {
        let report = measure(&["logins", "--by", by, "--in-flight", "4"]);
        assert_is_a_latency(latency(&report, "to the close"));
    }
}

#[test]
fn a_storm() {
    let report = measure(&["storm", "--connections", "50", "--in-flight", "20"]);
    assert_eq!(report["count"], 50);
    let durations: Vec<f64> =
        report["durations"].as_array().unwrap().iter().map(|lasted| lasted["seconds"].as_f64().unwrap()).collect();
    assert!(durations.len() == 2 && durations[0] > 0.0 && durations.is_sorted(), "{report}");
}

#[test]
fn a_backlog() {
    // More than a login's reply brings at once.
    let report = measure(&["backlog", "--messages", "500", "--senders", "3"]);
    assert_eq!(report["count"], 500);
}

/// Every workload, briefly, and how many units it counts if that is certain.
const WORKLOADS: [(&[&str], Option<u64>); 7] = [
    (&["pairs", "--connections", "6", "--window", "4"], None),
    (&["pairs", "--connections", "4", "--rate", "200", "--confirm", "2", "--message-bytes", "3000"], None),
    (&["groups", "--groups", "2", "--members", "5", "--senders", "2", "--window", "2"], None),
    (&["idle", "--connections", "10", "--friends", "3"], Some(10)),
    (&["logins", "--in-flight", "4"], None),
    (&["storm", "--connections", "30", "--in-flight", "20"], Some(30)),
    (&["backlog", "--messages", "500", "--senders", "3"], Some(500)),
];

/// Runs every workload this way against one server.
fn measure_all(addr: SocketAddr, node: &Node, flags: &[&str], transport: &str) {
    for (args, count) in WORKLOADS {
        let report = measure_at(addr, node, &[args, flags].concat());
        assert_eq!(report["transport"], transport, "{args:?}");
        if let Some(count) = count {
            assert_eq!(report["count"], count, "{args:?}");
        }
    }
}

/// A server with a certificate, and who has signed it.
fn with_tls() -> (Node, Ca) {
    let authority = Ca::new("the test's own");
    let node = Node::with_settings(&authority.sign_loopback().settings().each_ref().map(String::as_str));
    (node, authority)
}

#[test]
fn every_workload_over_websocket() {
    let node = Node::start(&[]);
    measure_all(node.addr(), &node, &["--websocket"], "websocket");
}

#[test]
fn every_workload_over_tls() {
    let (node, authority) = with_tls();
    measure_all(node.addr(), &node, &["--tls", "--ca", &arg(&authority.file())], "tls");
}

#[test]
fn every_workload_over_websocket_and_tls() {
    let (node, authority) = with_tls();
    let flags = ["--tls", "--websocket", "--ca", &arg(&authority.file())];
    measure_all(node.addr(), &node, &flags, "websocket over tls");
}

fn figure(report: &Value, what: &str) -> f64 {
    let figures = report["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["what"].as_str().unwrap().starts_with(what));
    found.unwrap_or_else(|| panic!("no {what} in {report}"))["value"].as_f64().unwrap()
}

#[test]
fn handshakes_are_full_or_resumed_as_asked() {
    let (node, authority) = with_tls();
    let ca = arg(&authority.file());
    let flags = ["handshakes", "--in-flight", "4", "--tls", "--ca", &ca];
    let full = measure_at(node.addr(), &node, &[&flags[..], &["--no-resumption"]].concat());
    assert_is_a_latency(latency(&full, "to the handshake"));
    assert_is_a_latency(latency(&full, "to the first reply"));
    assert!(figure(&full, "full") > 0.0 && figure(&full, "resumed") < 0.5, "{full}");
    assert!(figure(&full, "failures") < 0.5, "{full}");
    assert!(figure(&full, "handshakes per CPU second") > 0.0, "{full}");
    let resumed = measure_at(node.addr(), &node, &flags);
    assert!(figure(&resumed, "resumed") > 0.0, "{resumed}");
}

#[test]
fn handshakes_at_a_rate() {
    let (node, authority) = with_tls();
    let ca = arg(&authority.file());
    let flags = ["handshakes", "--rate", "40", "--seconds", "1", "--no-resumption", "--tls", "--ca", &ca];
    let report = measure_at(node.addr(), &node, &flags);
    let begun = figure(&report, "full");
    assert!((1.0..=60.0).contains(&begun), "40 in a second are not {begun}: {report}");
    // All that were begun are accounted for, also those that ended behind the measuring.
    let ended = latency(&report, "to the first reply")["count"].as_f64().unwrap();
    assert!((ended - begun).abs() < 0.5, "{report}");
}

#[test]
fn handshakes_that_fail_are_counted() {
    let authority = Ca::new("the test's own");
    // A server that takes nobody: every connection is hung up on.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(drop));
    let flags = ["handshakes", "--rate", "50", "--tls", "--ca", &arg(&authority.file())];
    let output = load(addr, &flags);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(figure(&report, "failures") > 0.0, "{report}");
    assert!(report["problems"][0].as_str().unwrap().contains("connections failed"), "{report}");
}

/// The error of a run that cannot be.
fn error_of(addr: SocketAddr, args: &[&str]) -> String {
    let output = load(addr, args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_does_not_fit_is_told() {
    let (node, authority) = with_tls();
    let without = Node::start(&[]);
    let another = Ca::new("another");
    let other = arg(&another.file());
    let ca = arg(&authority.file());
    let cases: [(SocketAddr, &[&str], &str); 8] = [
        (node.addr(), &["pairs", "--tls", "--ca", &other], "give its authority with --ca FILE"),
        (node.addr(), &["pairs", "--tls", "--ca", &ca, "--server-name", "elsewhere"], "its name with --server-name"),
        (without.addr(), &["pairs", "--tls", "--ca", &ca], "start it with --tls-cert and --tls-key"),
        (node.addr(), &["pairs", "--ca", &ca], "--ca is about TLS: give --tls"),
        (node.addr(), &["pairs", "--no-resumption"], "--no-resumption is about TLS"),
        (node.addr(), &["handshakes"], "no handshakes without TLS"),
        (node.addr(), &["pairs", "--limit", "--websocket"], "--limit forwards plain lines"),
        (node.addr(), &["pairs", "--tls", "--ca", "/no/such/file"], "--ca /no/such/file cannot be read"),
    ];
    for (addr, args, told) in cases {
        let error = error_of(addr, args);
        assert!(error.contains(told), "{args:?}: {error}");
    }
    let named = ["pairs", "--tls", "--ca", &ca, "--server-name", "localhost", "--connections", "2"];
    assert!(load(node.addr(), &named).status.success());
}

#[test]
fn a_server_that_cannot_be_reached_is_an_error() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = load(nobody, &["pairs"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("refused"), "{output:?}");
}

#[test]
fn a_server_with_its_everyday_limits_is_told() {
    let node = Node::with_settings(&["limits.messages_per_second=1", "limits.logins_per_minute=10"]);
    // Paced to 1 a second after a burst of 5, the server is far behind the clock.
    let output = load(node.addr(), &["pairs", "--connections", "2", "--rate", "50", "--seconds", "1"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let notes = report["notes"].to_string();
    assert!(notes.contains("does not keep up"), "{report}");
}

#[test]
fn a_faultless_fake_is_not_blamed() {
    assert_eq!(verdict(Fault::None), (Some(0), String::new()));
}

#[test]
fn a_lost_message_is_found() {
    let (code, problems) = verdict(Fault::Lose);
    assert_eq!(code, Some(1));
    assert!(problems.contains("misses message 3 of 0") || problems.contains("never got messages 3"), "{problems}");
}

#[test]
fn a_doubled_message_is_found() {
    let (code, problems) = verdict(Fault::Double);
    assert_eq!(code, Some(1));
    assert!(problems.contains("gets message 3 of 0 twice"), "{problems}");
}

#[test]
fn a_message_out_of_order_is_found() {
    let (code, problems) = verdict(Fault::Swap);
    assert_eq!(code, Some(1));
    assert!(problems.contains("gets message 3 of 0 late"), "{problems}");
}

#[test]
fn a_changed_message_is_found() {
    let (code, problems) = verdict(Fault::Garble);
    assert_eq!(code, Some(1));
    assert!(problems.contains("a message that nobody sent"), "{problems}");
}

/// What a fake server does with message 3 of the first sender.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Lose,
    Double,
    /// Message 4 comes before it.
    Swap,
    Garble,
}

/// The exit code, and what the report of a run against a fake server complains about.
fn verdict(fault: Fault) -> (Option<i32>, String) {
    let output = load(fake_server(fault), &["pairs", "--connections", "2", "--window", "4"]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    let mut problems = String::new();
    for problem in report["problems"].as_array().unwrap() {
        writeln!(problems, "{}", problem.as_str().unwrap()).unwrap();
    }
    (output.status.code(), problems)
}

/// Just enough of a server for two people who talk to each other. Its threads end with the test's process.
fn fake_server(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let fake = Arc::new(Mutex::new(Fake { fault, accounts: 0, seq: 0, sent: 0, held: None, sessions: HashMap::new() }));
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let fake = Arc::clone(&fake);
            thread::spawn(move || serve(&fake, &socket));
        }
    });
    addr
}

struct Fake {
    fault: Fault,
    accounts: u64,
    seq: u64,
    /// Messages of the first sender so far.
    sent: u64,
    held: Option<String>,
    sessions: HashMap<u64, TcpStream>,
}

fn serve(fake: &Mutex<Fake>, socket: &TcpStream) {
    let mut user = 0;
    for line in BufReader::new(socket).lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap();
        fake.lock().unwrap_or_else(PoisonError::into_inner).handle(&request, &mut user, socket);
    }
}

impl Fake {
    fn handle(&mut self, request: &Value, user: &mut u64, socket: &TcpStream) {
        match request["msgid"].as_u64().unwrap() {
            4 => {
                self.accounts += 1;
                say(socket, &format!(r#"{{"msgid":5,"errno":0,"id":{}}}"#, self.accounts));
            }
            1 => {
                *user = request["id"].as_u64().unwrap();
                self.sessions.insert(*user, socket.try_clone().unwrap());
                say(socket, &format!(r#"{{"msgid":2,"errno":0,"id":{user},"name":"u","token":"t"}}"#));
            }
            6 => self.chat(request, *user, socket),
            other => panic!("the fake does not know {other}"),
        }
    }

    fn chat(&mut self, request: &Value, user: u64, socket: &TcpStream) {
        let to = request["toid"].as_u64().unwrap();
        let msg = request["msg"].as_str().unwrap();
        let is_first = msg.starts_with("00000000");
        self.seq += 1;
        let number = self.sent;
        self.sent += u64::from(is_first);
        say(socket, &format!(r#"{{"msgid":11,"errno":0,"toid":{to},"seq":{}}}"#, self.seq));
        let push = |msg: &str| format!(r#"{{"msgid":6,"id":{user},"toid":{to},"msg":"{msg}","seq":{}}}"#, self.seq);
        let line = push(msg);
        let peer = &self.sessions[&to];
        match self.fault {
            Fault::Lose if is_first && number == 3 => {}
            Fault::Double if is_first && number == 3 => say(peer, &format!("{line}\n{line}")),
            Fault::Swap if is_first && number == 3 => self.held = Some(line),
            Fault::Swap if is_first && number == 4 => {
                say(peer, &line);
                say(peer, &self.held.take().unwrap());
            }
            Fault::Garble if is_first && number == 3 => say(peer, &push(&msg.replace("xyz", "XYZ"))),
            _ => say(peer, &line),
        }
    }
}

/// Whoever has gone does not listen.
fn say(mut socket: &TcpStream, line: &str) {
    let _ = socket.write_all(format!("{line}\n").as_bytes());
}
