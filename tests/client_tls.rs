//! The terminal client over TLS: whom it trusts, what it says when it does not, and that nothing is lost or doubled.

#![expect(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;
#[path = "client/script.rs"]
#[allow(dead_code, reason = "shared with the tests over plain TCP")]
mod script;
#[path = "client/terminal.rs"]
#[allow(dead_code, reason = "shared with the tests over plain TCP")]
mod terminal;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Output;

use rcgen::{BasicConstraints, IsCa};
use serde_json::Value;

use common::certificates::{Ca, ServerCertificate, arg};
use common::client::{Account, Client, PASSWORD};
use common::node::Node;
use common::process::wait_for;
use script::{Tail, command, text};
use terminal::Person;

/// A server with a certificate, and two accounts.
struct Site {
    node: Node,
    authority: Ca,
    certificate: ServerCertificate,
    anna: Account,
    ben: Account,
}

impl Site {
    fn start() -> Self {
        Self::with(Ca::sign_loopback)
    }

    fn with(sign: impl FnOnce(&Ca) -> ServerCertificate) -> Self {
        let authority = Ca::new("the test's own");
        let certificate = sign(&authority);
        let node = Node::with_settings(&certificate.settings().each_ref().map(String::as_str));
        let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
        Self { node, authority, certificate, anna, ben }
    }

    /// The server as it should be reached.
    fn server(&self) -> String {
        format!("tls://{}", self.node.addr())
    }

    /// The flags for that.
    fn flags(&self) -> Vec<String> {
        vec!["--server".to_owned(), self.server(), "--ca".to_owned(), arg(&self.authority.file())]
    }
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// Sends something to ben as anna, with these flags; what the client said.
fn send(state: &Path, flags: &[&str], site: &Site) -> Output {
    let words = [flags, &["--user", &site.anna.name, "send", &site.ben.name, "hello", "--timeout", "20"]].concat();
    // The system's authorities are those of a test, too: what this machine trusts does not matter.
    let nobody = Ca::new("nobody's");
    command(state, &words, Some(PASSWORD)).env("SSL_CERT_FILE", nobody.file()).output().unwrap()
}

/// How `send` fails with these flags: its text, for exit code 3 without any waiting.
fn refusal(flags: &[&str], site: &Site) -> String {
    let state = tempfile::tempdir().unwrap();
    let ended = send(state.path(), flags, site);
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("; the message was not sent"), "{said}");
    said
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing: {said}");
    }
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named() {
    let site = Site::start();
    let state = tempfile::tempdir().unwrap();
    let sent = send(state.path(), &strs(&site.flags()), &site);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let by_name = format!("tls://localhost:{}", site.node.addr().port());
    let sent = send(state.path(), &["--server", &by_name, "--ca", &arg(&site.authority.file())], &site);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    assert_eq!(Client::login_as(site.node.addr(), &site.ben.name).offline_messages().len(), 2);
}

#[test]
fn the_authorities_of_the_system_are_trusted() {
    let site = Site::start();
    let state = tempfile::tempdir().unwrap();
    let words = ["--server", &site.server(), "--user", &site.anna.name, "send", &site.ben.name, "hello"];
    let mut sending = command(state.path(), &words, Some(PASSWORD));
    let sent = sending.env("SSL_CERT_FILE", site.authority.file()).output().unwrap();
    assert!(sent.status.success(), "{}", text(&sent.stderr));
}

#[test]
fn a_bare_start_finds_server_and_authority_of_the_last_time() {
    let site = Site::start();
    let state = tempfile::tempdir().unwrap();
    assert!(send(state.path(), &strs(&site.flags()), &site).status.success());
    let sent = command(state.path(), &["send", &site.ben.name, "again"], None).output().unwrap();
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    // The account is the same over plain TCP as over TLS, and so is its folder; another server's is not.
    let mut other = command(state.path(), &["--server", "tls://localhost:1", "send", "ben", "hi"], None);
    let other = other.env("SSL_CERT_FILE", "/dev/null").output().unwrap();
    assert_eq!(other.status.code(), Some(2), "the authority of one server does not vouch for others");
    assert_says(&text(&other.stderr), &["no certificates of authorities", "--ca FILE"]);
}

#[test]
fn an_unknown_authority_is_refused() {
    let site = Site::start();
    let server = site.server();
    let of_system = refusal(&["--server", &server], &site);
    let place = site.node.addr().to_string();
    let whose = format!("the certificate of {place}");
    assert_says(&of_system, &[&whose, "no authority that this machine trusts", "--ca FILE"]);
    let other = Ca::new("another");
    let file = arg(&other.file());
    let of_file = refusal(&["--server", &server, "--ca", &file], &site);
    assert_says(&of_file, &[&whose, &format!("no authority in {file}")]);
}

#[test]
fn a_certificate_that_signs_itself_is_its_own_authority_unless_it_is_one() {
    let site = Site::with(|_| ServerCertificate::self_signed(IsCa::NoCa));
    let state = tempfile::tempdir().unwrap();
    let sent = send(state.path(), &["--server", &site.server(), "--ca", &arg(&site.certificate.certificate())], &site);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let site = Site::with(|_| ServerCertificate::self_signed(IsCa::Ca(BasicConstraints::Unconstrained)));
    let said = refusal(&["--server", &site.server(), "--ca", &arg(&site.certificate.certificate())], &site);
    assert_says(&said, &["is that of an authority (CA:TRUE)", "basicConstraints=critical,CA:FALSE"]);
}

#[test]
fn a_certificate_for_somebody_else_is_refused() {
    let site = Site::with(|authority| authority.sign_all(&["chat.example.org", "10.0.0.1"]));
    let said = refusal(&strs(&site.flags()), &site);
    assert_says(&said, &["is for chat.example.org, 10.0.0.1 and not for 127.0.0.1", "connect by a name that it has"]);
}

#[test]
fn an_expired_certificate_is_refused_and_its_successor_is_not() {
    let site = Site::with(|authority| {
        let certificate = authority.sign("127.0.0.1");
        authority.sign_expired("127.0.0.1", &certificate);
        certificate
    });
    let said = refusal(&strs(&site.flags()), &site);
    assert_says(&said, &["has expired on 2019-12-31", "clock"]);
    let flags = site.flags();
    let mut at_anna = Person::start(&[&strs(&flags)[..], &["--user", &site.anna.name]].concat());
    at_anna.sees(&format!("Password of {}:", site.anna.name));
    at_anna.types(&format!("{PASSWORD}\r"));
    // The line ends there, at a terminal of 80 columns.
    at_anna.sees("has expired on 2019-12-");
    site.certificate.become_that(&site.authority.sign_loopback());
    site.node.signal("HUP");
    at_anna.sees("│ online");
}

/// Somebody who answers the first bytes of every connection with these, and hangs up.
fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 4096];
            if socket.read(&mut buffer).is_ok() && socket.write_all(answer).is_ok() {
                let _ = socket.shutdown(Shutdown::Write);
                let _ = std::io::copy(&mut socket, &mut std::io::sink());
            }
        }
    });
    addr
}

#[test]
fn a_server_without_tls_is_told() {
    let site = Site::start();
    let ca = arg(&site.authority.file());
    let at = |addr: SocketAddr| refusal(&["--server", &format!("tls://{addr}"), "--ca", &ca], &site);
    let without = Node::start(&[]);
    let place = without.addr().to_string();
    assert_says(&at(without.addr()), &[&place, "refuses TLS", "has it got a certificate?", "Without tls://"]);
    let older = answering(b"{\"msgid\":19,\"errno\":400,\"errmsg\":\"not JSON\"}\n");
    assert_says(&at(older), &[&older.to_string(), "does not speak TLS", "Without tls://"]);
}

#[test]
fn a_server_that_only_hangs_up_is_told() {
    let site = Site::start();
    let server = format!("tls://{}", answering(b""));
    let words = ["--server", &server, "--ca", &arg(&site.authority.file()), "--user", "anna", "send", "ben", "hi"];
    let state = tempfile::tempdir().unwrap();
    let ended = command(state.path(), &[&words[..], &["--timeout", "1"]].concat(), Some(PASSWORD)).output().unwrap();
    assert_says(&text(&ended.stderr), &["closed the connection in the TLS handshake", "does it speak TLS?"]);
}

#[test]
fn a_plain_client_is_told_of_a_server_that_speaks_only_tls() {
    let site = Site::start();
    // The alert of a TLS server that gets something else.
    let place = answering(&[21, 3, 3, 0, 2, 2, 10]).to_string();
    let said = refusal(&["--server", &place], &site);
    assert_says(&said, &[&format!("{place} speaks only TLS"), &format!("--server tls://{place}")]);
    let plain = ["--server", &place, "--user", &site.anna.name, "--plain"];
    let state = tempfile::tempdir().unwrap();
    let ended = command(state.path(), &plain, Some(PASSWORD)).output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "the line mode ends, too");
    assert_says(&text(&ended.stderr), &["speaks only TLS"]);
}

/// The server excepts clients of its own machine, so somebody else says its line.
#[test]
fn a_client_of_another_machine_is_told_that_the_server_wants_tls() {
    let site = Site::start();
    let wants_tls =
        b"{\"msgid\":19,\"errno\":403,\"errmsg\":\"this address wants TLS: connect with TLS, as with tls:// or https://\"}\n";
    let said = refusal(&["--server", &answering(wants_tls).to_string()], &site);
    assert_says(&said, &["the server says: this address wants TLS", "Write tls://", "--server tls://HOST"]);
}

#[test]
fn flags_that_do_not_go_together_are_told() {
    let state = tempfile::tempdir().unwrap();
    let usage = |words: &[&str]| {
        let ended = command(state.path(), &[words, &["--user", "anna", "send", "ben", "hi"]].concat(), None).output();
        let ended = ended.unwrap();
        assert_eq!(ended.status.code(), Some(2), "{}", text(&ended.stderr));
        text(&ended.stderr)
    };
    assert_says(&usage(&["--server", "h", "--ca", "/ca.pem"]), &["--ca /ca.pem", "--server tls://h:8000"]);
    assert_says(&usage(&["--server", "wss://h"]), &["wss://h", "tls://HOST[:PORT]"]);
    assert_says(&usage(&["--server", "tls://h", "--ca", "/no/such"]), &["--ca /no/such cannot be read"]);
}

#[test]
fn a_burst_over_tls_through_a_killed_server_arrives_whole_in_order_and_once() {
    const HALF: usize = 150;
    let site = Site::start();
    let (state, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let flags = site.flags();
    let of_ben = [&strs(&flags)[..], &["--user", &site.ben.name]].concat();
    let mut tail = Tail::start_with(theirs.path(), &of_ben);
    let of_anna = [&strs(&flags)[..], &["--user", &site.anna.name, "--plain"]].concat();
    let mut child = command(state.path(), &of_anna, Some(PASSWORD)).spawn().unwrap();
    let mut typing = child.stdin.take().unwrap();
    writeln!(typing, "/chat {}", site.ben.name).unwrap();
    (0..HALF).for_each(|n| writeln!(typing, "line {n}").unwrap());
    let next = |tail: &mut Tail| serde_json::from_str::<Value>(&tail.line()).unwrap()["msg"].clone();
    // Killed while acks are under way: some messages are stored, and their sender does not know.
    let mut came: Vec<Value> = (0..20).map(|_| next(&mut tail)).collect();
    site.node.kill();
    (HALF..2 * HALF).for_each(|n| writeln!(typing, "line {n}").unwrap());
    drop(typing);
    site.node.restart();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}{}", text(&ended.stdout), text(&ended.stderr));
    came.extend((20..2 * HALF).map(|_| next(&mut tail)));
    let expected: Vec<Value> = (0..2 * HALF).map(|n| format!("line {n}").into()).collect();
    assert_eq!(came, expected);
    drop(tail);
    let mut at_ben = Client::login_as(site.node.addr(), &site.ben.name);
    let stored: Vec<Value> = at_ben.history_with(site.anna.id).into_iter().map(|line| line["msg"].clone()).collect();
    assert_eq!(stored, expected);
}

#[test]
fn two_people_chat_over_tls_while_the_server_is_killed_and_comes_back() {
    let site = Site::start();
    let flags = site.flags();
    let mut at_anna = Person::log_in_with(&strs(&flags), &site.anna);
    let mut at_ben = Person::log_in_with(&strs(&flags), &site.ben);
    at_anna.opens(&site.ben.name);
    at_ben.opens(&site.anna.name);
    at_anna.types("before the crash\r");
    at_ben.sees("before the crash");
    site.node.kill();
    at_anna.sees("no connection, again in");
    at_anna.types("while it is down\r");
    at_anna.sees("while it is down … sending");
    site.node.restart();
    at_anna.sees("while it is down ✓");
    at_ben.sees("while it is down");
    for person in [&at_anna, &at_ben] {
        for said in ["before the crash", "while it is down"] {
            assert_eq!(person.count(said), 1, "{said:?} is there once:\n{}", person.screen());
        }
    }
    at_anna.leaves();
    at_ben.leaves();
    assert!(Client::login_as(site.node.addr(), &site.ben.name).offline_messages().is_empty(), "all was confirmed");
}

/// A server that takes TCP and says nothing: the client can still be ended.
#[test]
fn a_handshake_that_hangs_does_not_keep_the_client_from_ending() {
    let site = Site::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("tls://{}", listener.local_addr().unwrap());
    let (came, has_come) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut socket in listener.incoming().map_while(Result::ok) {
            let mut hello = [0; 1];
            socket.read_exact(&mut hello).unwrap();
            held.push(socket);
            came.send(hello[0]).unwrap();
        }
    });
    let words = ["--server", &server, "--ca", &arg(&site.authority.file()), "--user", "anna"];
    let mut person = Person::start(&words);
    person.sees("Password of anna:");
    person.types("secret\r");
    assert_eq!(wait_for("a ClientHello", || has_come.try_recv().ok()), 22, "a handshake record");
    person.leaves();
}
