//! TLS and unix sockets to MySQL and Redis, against the real servers: what works, and what is told when it does not.
#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use common::certificates::Ca;
use common::client::{Account, Client, texts};
use common::mariadb::{self, MariaDb};
use common::node::Node;
use common::process::{server_command, wait_for};
use common::redis::{Reach, Redis};
use mysql::prelude::Queryable;
use serde_json::json;
use std::path::Path;

/// What `check-config` prints with these flags.
fn checked(args: &[&str]) -> String {
    let command = server_command().args(args).arg("check-config").output().unwrap();
    String::from_utf8_lossy(&command.stderr).into_owned() + &String::from_utf8_lossy(&command.stdout)
}

/// Whether that goes well for a system that trusts this CA.
fn is_fine_where_the_system_trusts(ca: &Ca, args: &[&str]) -> bool {
    let mut command = server_command();
    command.env("SSL_CERT_FILE", ca.file()).args(args).arg("check-config").output().unwrap().status.success()
}

/// What a server prints that does not come to serve.
fn started_in_vain(args: &[&str]) -> String {
    let data = tempfile::tempdir().unwrap();
    let mut command = server_command();
    let ended = command.args(args).args(["--listen", "127.0.0.1:0", "--data"]).arg(data.path()).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    String::from_utf8_lossy(&ended.stderr).into_owned()
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

    assert!(is_fine_where_the_system_trusts(&ca, &["--mysql", &verify]));
    assert!(!is_fine_where_the_system_trusts(&stranger, &["--mysql", &verify]));
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

#[test]
fn redis_by_tls_is_encrypted_and_checked() {
    let (ca, stranger) = (Ca::new("ours"), Ca::new("a stranger"));
    let mut redis = Redis::start_by(Reach::Tls(ca.sign("127.0.0.1")), Some("geheim"));
    let url = redis.url();
    let (ca_file, strangers) = (naming("redis_tls_ca", &ca.file()), naming("redis_tls_ca", &stranger.file()));
    for args in [vec!["--redis", &url, "--set", &ca_file], vec!["--redis", &format!("{url}#insecure")]] {
        // Nothing but the port of TLS is open.
        let node = Node::start(&args);
        let clients = redis.command(&["CLIENT", "LIST"]);
        assert!(clients.contains("-subscriber") && clients.contains("-publisher"), "{clients}");
        assert!(!node.log().contains("geheim") && !node.log().contains("Redis is"), "{}", node.log());
        let told = checked(&args);
        assert!(!told.contains("error: ") && !told.contains("geheim"), "{told}");
    }
    assert!(is_fine_where_the_system_trusts(&ca, &["--redis", &url]));
    assert!(!is_fine_where_the_system_trusts(&stranger, &["--redis", &url]));
    let refused = |url: &str, ca: Option<&str>, advice: &str| {
        let ca = ca.map(|ca| ["--set", ca]);
        let args: Vec<&str> = ["--redis", url].into_iter().chain(ca.into_iter().flatten()).collect();
        let (told, started) = (checked(&args), started_in_vain(&args));
        for told in [told, started] {
            assert!(told.contains("error: Redis: ") && told.contains(advice) && !told.contains("geheim"), "{told}");
        }
    };
    refused(&url, None, "not signed by a CA that this system trusts: name the file");
    refused(&url, Some(&strangers), "put the certificate of the CA that has signed it there (redis_tls_ca)");
    refused(&url, Some("redis_tls_ca=/no/such.pem"), "redis_tls_ca names /no/such.pem, which cannot be read");
    refused(&url.replace("127.0.0.1", "localhost"), Some(&ca_file), "is another server's");
    let told = checked(&["--redis", &url.replace("rediss:", "redis:")]);
    assert!(told.contains("error: Redis: ") && told.contains("write rediss://"), "{told}");
    ca.sign_as_a_ca("127.0.0.1", redis.certificate());
    redis.restart();
    refused(&url, Some(&ca_file), "is that of a CA itself");
    ca.sign_expired("127.0.0.1", redis.certificate());
    redis.restart();
    refused(&url, Some(&ca_file), "has expired");
}

#[test]
fn a_redis_without_tls_is_told_apart() {
    let redis = Redis::start();
    let told = checked(&["--redis", &redis.url().replace("redis:", "rediss:")]);
    assert!(told.contains("error: Redis: ") && told.contains("is that the `tls-port` of Redis?"), "{told}");
}

#[test]
fn a_redis_that_wants_a_certificate_of_its_clients_is_told_apart() {
    let ca = Ca::new("ours");
    let redis = Redis::start_by(Reach::Tls(ca.sign("127.0.0.1")), None);
    let required = ["CONFIG", "SET", "tls-ca-cert-file", &ca.file().display().to_string(), "tls-auth-clients", "yes"];
    assert_eq!(redis.command(&required), "+OK");
    let told = checked(&["--redis", &redis.url(), "--set", &naming("redis_tls_ca", &ca.file())]);
    assert!(told.contains("tls-auth-clients no"), "{told}");
}

#[test]
fn a_cluster_by_tls_alone_survives_restarts_of_redis_and_a_certificate_that_expires() {
    let ca = Ca::new("ours");
    let database = MariaDb::start_by(mariadb::Reach::Tls(ca.sign("127.0.0.1")));
    let mut redis = Redis::start_by(Reach::Tls(ca.sign("127.0.0.1")), None);
    let (mysql, redis_url) = (format!("{}?tls=verify", database.url("cluster")), redis.url());
    let (mysql_ca, redis_ca) = (naming("mysql_tls_ca", &ca.file()), naming("redis_tls_ca", &ca.file()));
    let args = ["--mysql", &mysql, "--redis", &redis_url, "--set", &mysql_ca, "--set", &redis_ca];
    let [first, second] = [(); 2].map(|()| Node::start(&args));
    let (mut alice, mut bob) = (Client::newcomer(first.addr(), "alice"), Client::newcomer(second.addr(), "bob"));
    alice.say(bob.id, "there");
    assert_eq!(bob.expect_push(6)["msg"], "there");
    bob.say(alice.id, "and back");
    assert_eq!(alice.expect_push(6)["msg"], "and back");

    redis.kill();
    alice.say(bob.id, "without Redis");
    redis.restart();
    assert_eq!(bob.expect_push(6)["msg"], "without Redis", "it is looked for when Redis is back");
    alice.say(bob.id, "subscribed again");
    assert_eq!(bob.expect_push(6)["msg"], "subscribed again");

    ca.sign_expired("127.0.0.1", redis.certificate());
    redis.restart();
    alice.say(bob.id, "meanwhile");
    for node in [&first, &second] {
        wait_for("the reason in the log", || node.log().contains("has expired").then_some(()));
    }
    ca.sign_again("127.0.0.1", redis.certificate());
    redis.restart();
    assert_eq!(bob.expect_push(6)["msg"], "meanwhile");
    for node in [&first, &second] {
        node.assert_running();
    }
}
