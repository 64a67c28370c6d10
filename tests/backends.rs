//! TLS and unix sockets to MySQL and Redis, against the real servers: what works, and what is told when it does not.
#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::path::Path;
use std::process::Command;

use common::certificates::Ca;
use common::client::{Account, Client, texts};
use common::mariadb::{self, MariaDb};
use common::node::Node;
use common::process::wait_for;
use common::redis::{Reach, Redis};
use mysql::prelude::Queryable;
use serde_json::json;

/// What `check-config` prints with these flags.
fn checked(args: &[&str]) -> String {
    let command = Command::new(env!("CARGO_BIN_EXE_stonechat")).args(args).arg("check-config").output().unwrap();
    String::from_utf8_lossy(&command.stderr).into_owned() + &String::from_utf8_lossy(&command.stdout)
}

/// A setting that names this file.
fn naming(key: &str, file: &Path) -> String {
    format!("{key}={}", file.display())
}

/// Two newcomers of one node write to each other, one of them later.
fn chat(node: &Node) {
    let mut alice = Client::newcomer(node.addr(), "alice");
    let bob = Account::register(node.addr(), "bob");
    alice.say(bob.id, "by this way");
    assert_eq!(texts(&bob.login(node.addr()).offline_messages()), ["by this way"]);
}

#[test]
fn mysql_by_tls_is_encrypted_and_checked() {
    let (ca, stranger) = (Ca::new("ours"), Ca::new("a stranger"));
    let database = MariaDb::start_by(mariadb::Reach::Tls(ca.sign("127.0.0.1")));
    let url = database.url("tls");
    let (verify, required) = (format!("{url}?tls=verify"), format!("{url}?tls=required"));
    let (ca_file, strangers) = (naming("mysql_tls_ca", &ca.file()), naming("mysql_tls_ca", &stranger.file()));

    // The server refuses whoever comes without TLS, so whatever works is encrypted.
    for args in [vec!["--mysql", &verify, "--set", &ca_file], vec!["--mysql", &required]] {
        chat(&Node::start(&args));
    }
    let ciphers = || -> u64 {
        let row: Option<(String, u64)> =
            database.connect().unwrap().query_first("SHOW GLOBAL STATUS LIKE 'Ssl_finished_accepts'").unwrap();
        row.unwrap().1
    };
    assert!(ciphers() >= 2, "connections of both nodes");

    for (args, advice) in [
        (vec!["--mysql", &url], "if that server or this user must use TLS, write ?tls=verify behind it"),
        (vec!["--mysql", &verify], "not signed by a CA that this system trusts: name the file"),
        (
            vec!["--mysql", &verify, "--set", &strangers],
            "put the certificate of the CA that has signed it there (mysql_tls_ca)",
        ),
        (
            vec!["--mysql", &verify, "--set", "mysql_tls_ca=/no/such.pem"],
            "mysql_tls_ca names /no/such.pem, which cannot be read",
        ),
    ] {
        let told = checked(&args);
        assert!(told.contains("error: the database: ") && told.contains(advice), "{told}");
    }
    let elsewhere = verify.replace("127.0.0.1", "localhost");
    let told = checked(&["--mysql", &elsewhere, "--set", &ca_file]);
    assert!(told.contains("is another server's") && told.contains("localhost"), "{told}");
}

#[test]
fn a_certificate_of_mysql_that_becomes_invalid_is_an_outage_until_it_is_renewed() {
    let ca = Ca::new("ours");
    let mut database = MariaDb::start_by(mariadb::Reach::Tls(ca.sign("127.0.0.1")));
    let url = format!("{}?tls=verify", database.url("renewed"));
    let node = Node::start(&["--mysql", &url, "--set", &naming("mysql_tls_ca", &ca.file())]);
    let mut alice = Client::newcomer(node.addr(), "alice");
    let bob = Account::register(node.addr(), "bob");
    alice.say(bob.id, "before");

    ca.sign_expired("127.0.0.1", database.certificate());
    database.restart();
    let message = json!({"msgid": 6, "toid": bob.id, "msg": "during", "cid": "during"});
    alice.refused(message.clone(), 503);
    wait_for("the reason in the log", || node.log().contains("has expired").then_some(()));
    node.assert_running();

    ca.sign_again("127.0.0.1", database.certificate());
    database.restart();
    wait_for("the message to be stored", || (alice.request(message.clone())["errno"] == 0).then_some(()));
}

#[test]
fn a_mysql_without_tls_is_told_apart() {
    let database = MariaDb::start();
    for tls in ["required", "verify"] {
        let told = checked(&["--mysql", &format!("{}?tls={tls}", database.url("plain"))]);
        assert!(told.contains("does not offer TLS: turn it on there (ssl_cert and ssl_key)"), "{told}");
    }
}

#[test]
fn mysql_by_its_unix_socket_needs_no_network() {
    let database = MariaDb::start_by(mariadb::Reach::Socket);
    let url = database.url("socket");
    chat(&Node::start(&["--mysql", &url]));
    let told = checked(&["--mysql", &url.replace("/socket?", "/socket?compress=fast&")]);
    assert!(!told.contains("error: "), "{told}");
    let told = checked(&["--mysql", "mysql://root@localhost/socket?socket=/no/such.sock"]);
    assert!(told.contains("cannot connect to the socket /no/such.sock: No such file"), "{told}");
    assert!(told.contains("SHOW VARIABLES LIKE 'socket'"), "{told}");
}

#[test]
fn redis_by_its_unix_socket_is_used_and_a_missing_socket_is_named() {
    let redis = Redis::start_by(Reach::Socket, Some("geheim"));
    let node = Node::start(&["--redis", &redis.url()]);
    assert!(redis.command(&["CLIENT", "LIST"]).contains("-subscriber"), "it has connected");
    assert!(
        node.log().contains("meets the others at redis+unix:///") && !node.log().contains("geheim"),
        "{}",
        node.log()
    );
    let told = checked(&["--redis", &redis.url()]);
    assert!(!told.contains("error: ") && told.contains("?pass=***") && !told.contains("geheim"), "{told}");
    let told = checked(&["--redis", "redis+unix:///no/such.sock"]);
    assert!(told.contains("error: Redis: cannot connect to the socket /no/such.sock: No such file"), "{told}");
}
