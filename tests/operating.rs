//! What whoever runs a node sees of it: when it takes clients, what the admin port says meanwhile, what signals do.
#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use common::client::{Account, Client, Stopwatch, unique};
use common::http::get;
use common::mariadb::MariaDb;
use common::node::{Node, admin_address};
use common::process::{Process, server_command, wait_for, without_settings};
use common::redis::Redis;
use common::relay::{Flow, Relay};

/// A server that may never come to listen.
struct Starting {
    process: Process,
    _data: TempDir,
}

impl Starting {
    fn new(args: &[&str]) -> Self {
        Self::with_data(tempfile::tempdir().unwrap(), args)
    }

    fn with_data(data: TempDir, args: &[&str]) -> Self {
        let mut command = server_command();
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data"]).arg(data.path()).args(args);
        Self { process: Process::start("stonechat", &mut command), _data: data }
    }

    fn admin(&mut self) -> SocketAddr {
        wait_for("the admin port's address", || admin_address(&self.process.output()))
    }

    /// The address that clients will use.
    fn reserved(&mut self) -> SocketAddr {
        self.process.wait_for_line("the address it has taken", |line| {
            line.split_once("starting; ")?.1.split(' ').next()?.parse().ok()
        })
    }

    fn wait_until_listening(&mut self) {
        self.process.wait_for_line("`listening on`", |line| line.contains("listening on ").then_some(()));
    }

    /// It takes no client and says why, and the process lives.
    fn assert_refuses(&mut self, why: &str) {
        let (clients, admin) = (self.reserved(), self.admin());
        wait_for(&format!("/readyz to say {why:?}"), || {
            let (status, body) = get(admin, "/readyz");
            assert_eq!(status, 503, "{body}");
            body.contains(why).then_some(())
        });
        assert_eq!(TcpStream::connect(clients).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(get(admin, "/healthz"), (200, "ok\n".to_owned()));
        assert!(get(admin, "/metrics").1.contains("stonechat_accepted_total"));
        assert!(self.process.is_running());
    }

    fn assert_serves(&mut self) {
        self.wait_until_listening();
        assert_eq!(get(self.admin(), "/readyz"), (200, "ready\n".to_owned()));
        Client::newcomer(self.reserved(), "early").expect_silence();
    }
}

/// Waits for the end; the exit code, and all that was printed. The output is read by another thread, which may be late.
fn ended(process: &mut Process, told: &str) -> (Option<i32>, String) {
    let code = process.wait().code();
    let output = wait_for(&format!("{told:?}"), || Some(process.output()).filter(|output| output.contains(told)));
    (code, output)
}

fn wait_until_ready(admin: SocketAddr) {
    wait_for("/readyz to say that it is ready", || (get(admin, "/readyz").0 == 200).then_some(()));
}

// --- the start ------------------------------------------------------------------------------------------------

#[test]
fn a_node_whose_database_does_not_answer_refuses_clients_until_it_does() {
    let database = MariaDb::shared();
    database.url("start_frozen");
    let relay = Relay::start(database.port());
    relay.set(Flow::Hold);
    let url = MariaDb::url_on_port("start_frozen", relay.port());
    let mut node = Starting::new(&["--mysql", &url, "--set", "store.timeout_ms=60000"]);
    node.assert_refuses("starting: the database is opened");
    relay.set(Flow::Pass);
    node.assert_serves();
}

#[test]
fn a_node_that_waits_for_anothers_migration_refuses_clients_until_it_is_done() {
    use mysql::prelude::Queryable;
    let database = MariaDb::shared();
    let url = database.url("start_waits");
    let mut migrating = database.connect().unwrap();
    migrating.query_drop("USE start_waits").unwrap();
    let lock = "CONCAT('stonechat.schema.', MD5(DATABASE()))";
    assert_eq!(migrating.query_first::<i64, _>(format!("SELECT GET_LOCK({lock}, 30)")).unwrap(), Some(1));
    let mut node = Starting::new(&["--mysql", &url]);
    node.assert_refuses("starting: the database is opened, and upgraded if it has to be");
    drop(migrating);
    node.assert_serves();
}

#[test]
fn a_node_whose_embedded_database_is_locked_refuses_clients_until_it_is_not() {
    let data = tempfile::tempdir().unwrap();
    let first = Node::start_in(data, &[]);
    let path = first.database();
    let data = first.into_data();
    let locked = rusqlite::Connection::open(path).unwrap();
    locked.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut node = Starting::with_data(data, &["--set", "store.timeout_ms=60000"]);
    node.assert_refuses("starting: the database is opened");
    locked.execute_batch("ROLLBACK").unwrap();
    node.assert_serves();
}

#[test]
fn an_address_in_use_is_told_at_once_with_what_to_do() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for flag in ["--listen", "--admin"] {
        // A database that never answers: the address comes first.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = MariaDb::url_on_port("nowhere", silent.local_addr().unwrap().port());
        let data = tempfile::tempdir().unwrap();
        let mut command = server_command();
        command.args([flag, &taken, "--mysql", &url, "--set", "store.timeout_ms=600000"]);
        if flag == "--admin" {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut node = Process::start("stonechat", command.arg("--data").arg(data.path()));
        let (code, output) = ended(&mut node, &format!("cannot listen on {taken}: Address already in use"));
        assert_eq!(code, Some(1), "{output}");
        assert!(output.contains(&format!("choose another address with {flag}")), "{output}");
    }
}

#[test]
fn a_node_that_is_stopped_while_it_starts_ends_at_once_and_in_order() {
    let relay = Relay::start(MariaDb::shared().port());
    relay.set(Flow::Hold);
    for signal in ["TERM", "INT"] {
        let url = MariaDb::url_on_port("start_stopped", relay.port());
        let mut node = Starting::new(&["--mysql", &url, "--set", "store.timeout_ms=600000"]);
        node.admin();
        node.process.signal(signal);
        assert_eq!(node.process.wait().code(), Some(0), "{}", node.process.output());
    }
}

// --- the admin port -------------------------------------------------------------------------------------------

#[test]
fn silent_connections_to_the_admin_port_hold_nobody_up() {
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let admin = node.admin();
    // A server that gave each of them its two seconds would not come to the question before the test gives up.
    let _silent: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(admin).unwrap()).collect();
    for _ in 0..10 {
        let _more: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(admin).unwrap()).collect();
        assert_eq!(get(admin, "/healthz"), (200, "ok\n".to_owned()));
        assert_eq!(get(admin, "/readyz").0, 200);
        assert!(get(admin, "/metrics").1.contains("stonechat_sessions"));
    }
}

#[test]
fn a_frozen_database_is_told_by_readyz_while_healthz_and_metrics_answer() {
    let database = MariaDb::shared();
    database.url("frozen");
    let relay = Relay::start(database.port());
    let url = MariaDb::url_on_port("frozen", relay.port());
    // A call waits for ten minutes: an answer that waited for the database would never come in this test's time.
    let node = Node::start(&["--mysql", &url, "--admin", "127.0.0.1:0", "--set", "store.timeout_ms=600000"]);
    let admin = node.admin();
    wait_until_ready(admin);
    relay.set(Flow::Hold);
    let body = wait_for("/readyz to notice", || {
        let (status, body) = get(admin, "/readyz");
        (status == 503).then_some(body)
    });
    assert!(body.contains("the database has not answered for") && body.contains("its last answer"), "{body}");
    assert_eq!(get(admin, "/healthz").0, 200);
    assert!(get(admin, "/metrics").1.contains("stonechat_sessions"));
    relay.set(Flow::Pass);
    wait_until_ready(admin);
}

#[test]
fn a_database_that_is_away_is_told_by_readyz_and_so_is_its_return() {
    let mut database = MariaDb::start();
    let url = database.url("away");
    let node = Node::start(&["--mysql", &url, "--admin", "127.0.0.1:0"]);
    let admin = node.admin();
    wait_until_ready(admin);
    database.kill();
    wait_for("/readyz to notice", || (get(admin, "/readyz").0 == 503).then_some(()));
    assert_eq!(get(admin, "/healthz").0, 200);
    database.restart();
    wait_until_ready(admin);
}

#[test]
fn an_admin_port_that_others_reach_is_warned_about() {
    let node = Node::start(&["--admin", "0.0.0.0:0"]);
    assert!(node.log().contains("without a password"), "{}", node.log());
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    assert!(!node.log().contains("without a password"), "{}", node.log());
}

// --- signals --------------------------------------------------------------------------------------------------

#[test]
fn signals_that_mean_nothing_end_nothing() {
    let node = Node::start(&[]);
    let (mut anna, mut ben) = (Client::newcomer(node.addr(), "anna"), Client::newcomer(node.addr(), "ben"));
    for signal in ["HUP", "USR1", "USR2", "XFSZ", "PIPE"] {
        node.signal(signal);
        assert!(anna.say(ben.id, signal)["seq"].is_u64());
        assert_eq!(ben.expect_push(6)["msg"], signal);
    }
    for told in ["no setting has changed", "SIGUSR1 is ignored", "SIGUSR2 is ignored", "limit on file sizes"] {
        wait_for(&format!("{told:?} in the log"), || node.log().contains(told).then_some(()));
    }
    assert_eq!(node.term().code(), Some(0));
}

#[test]
fn hangups_during_the_start_end_nothing() {
    let relay = Relay::start(MariaDb::shared().port());
    MariaDb::shared().url("start_hangup");
    relay.set(Flow::Hold);
    let url = MariaDb::url_on_port("start_hangup", relay.port());
    let mut node = Starting::new(&["--mysql", &url, "--set", "store.timeout_ms=60000"]);
    node.admin();
    for (signal, told) in [("HUP", "are read again as soon as"), ("USR1", "is ignored"), ("USR2", "is ignored")] {
        node.process.signal(signal);
        node.process.wait_for_line(signal, |line| line.contains(&format!("SIG{signal}")).then_some(()));
        assert!(node.process.output().contains(told), "{}", node.process.output());
    }
    relay.set(Flow::Pass);
    node.assert_serves();
    node.process.wait_for_line("what was asked for during the start", |line| {
        line.contains("SIGHUP: no setting has changed").then_some(())
    });
}

/// A node that cannot end: a request waits for a database that does not answer.
fn draining(database: &str) -> (Relay, Node, SocketAddr, Client) {
    MariaDb::shared().url(database);
    let relay = Relay::start(MariaDb::shared().port());
    let url = MariaDb::url_on_port(database, relay.port());
    let settings = ["--set", "store.timeout_ms=600000", "--set", "shutdown_seconds=3600"];
    let args = [["--mysql", &url, "--admin", "127.0.0.1:0"], settings].concat();
    let node = Node::start(&args);
    let admin = node.admin();
    let mut anna = Client::newcomer(node.addr(), "anna");
    relay.set(Flow::Hold);
    anna.send(&json!({"msgid": 4, "name": unique("never"), "pwd": "x"}));
    anna.send(&json!({"msgid": 29}));
    (relay, node, admin, anna)
}

#[test]
fn a_node_that_drains_refuses_clients_first_and_says_that_it_is_not_ready() {
    let (relay, node, admin, _anna) = draining("drain_refuses");
    node.signal("TERM");
    wait_for("the listener to close", || TcpStream::connect(node.addr()).err());
    assert_eq!(get(admin, "/readyz"), (503, "stopping\n".to_owned()));
    assert_eq!(get(admin, "/healthz").0, 200);
    node.signal("TERM");
    wait_for("the second SIGTERM in the log", || node.log().contains("it is stopping already").then_some(()));
    assert!(node.is_running(), "a supervisor that repeats itself does not cut the drain short");
    relay.set(Flow::Pass);
    assert_eq!(node.wait().code(), Some(0));
}

#[test]
fn a_second_ctrl_c_ends_the_drain_at_once() {
    let (_relay, node, _admin, _anna) = draining("drain_cut");
    node.signal("INT");
    wait_for("the drain", || node.log().contains("stopping").then_some(()));
    node.signal("INT");
    assert_eq!(node.wait().code(), Some(1), "{}", node.log());
    wait_for("the reason in the log", || node.log().contains("ending at once").then_some(()));
}

// --- file descriptors -----------------------------------------------------------------------------------------

/// `ulimit -n` is set for the child alone.
fn with_open_files(limit: u64, args: &[&str]) -> Process {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    without_settings(&mut command);
    command.args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_stonechat")]);
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data.path()).args(args);
    Process::start("stonechat", &mut command)
}

#[test]
fn too_low_a_limit_on_open_files_is_an_error_that_says_what_is_needed() {
    let mut needed = 0;
    for limit in [16, 32, 64] {
        let mut node = with_open_files(limit, &["--admin", "127.0.0.1:0"]);
        let told = format!("the limit on open files is {limit}, but this node needs at least ");
        let (code, output) = ended(&mut node, &told);
        assert_eq!(code, Some(1), "{output}");
        let (_, rest) = output.split_once(&told).unwrap();
        assert!(output.contains("Raise it: `ulimit -n 65536`") && !output.contains("listening on"), "{output}");
        needed = rest.split(':').next().unwrap().parse().unwrap();
    }
    // What was named is enough, and not more than is needed.
    let mut node = with_open_files(needed - 1, &["--admin", "127.0.0.1:0"]);
    assert_eq!(node.wait().code(), Some(1), "{}", node.output());
    let mut node = with_open_files(needed, &["--admin", "127.0.0.1:0"]);
    node.wait_for_line("`listening on`", |line| line.contains("listening on ").then_some(()));
    assert!(node.output().contains("at most 32 connections"), "{}", node.output());
}

/// What a busy node opens stays within what it keeps for itself: else clients would starve the database's connections.
#[test]
fn what_a_node_opens_for_itself_was_counted() {
    let database = MariaDb::shared();
    let redis = Redis::start();
    let (url, redis) = (database.url("counted"), redis.url());
    let single = ["--admin", "127.0.0.1:0"];
    let cluster = ["--admin", "127.0.0.1:0", "--mysql", &url, "--redis", &redis];
    for args in [single.as_slice(), &cluster] {
        let node = Node::start(&[args, &["--set", "limits.connections=10000000"]].concat());
        let log = node.log();
        let kept = log.lines().find_map(|line| {
            let (_, rest) = line.split_once("at most ")?;
            let (room, limit) = rest.split_once(" connections: the limit on open files is ")?;
            Some(limit.parse::<usize>().ok()? - room.parse::<usize>().ok()?)
        });
        let kept = kept.unwrap_or_else(|| panic!("how many clients fit is not told:\n{log}"));
        // Every thread that has a connection to the database opens it: logins and requests, side by side.
        let addr = node.addr();
        let crowd: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(move || {
                    for _ in 0..10 {
                        let mut client = Client::newcomer(addr, "crowd");
                        let me = client.id;
                        client.ok(json!({"msgid": 27}));
                        client.confirm(me, 1);
                    }
                })
            })
            .collect();
        let silent: Vec<TcpStream> = (0..64)
            .map(|_| {
                let mut stream = TcpStream::connect(node.admin()).unwrap();
                stream.write_all(b"GET").unwrap();
                stream
            })
            .collect();
        let most = wait_for("the crowd to finish", || {
            let open = std::fs::read_dir(format!("/proc/{}/fd", node.pid())).unwrap().count();
            crowd.iter().all(std::thread::JoinHandle::is_finished).then_some(open)
        });
        for client in crowd {
            client.join().unwrap();
        }
        drop(silent);
        assert!(most <= kept, "{most} descriptors are open, {kept} were kept\n{}", node.log());
    }
}

#[test]
fn top_shows_what_nodes_do_and_which_do_not_answer() {
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let _anna = Client::newcomer(node.addr(), "anna");
    let admin = node.admin().to_string();
    // A port that was free a moment ago.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut top = server_command();
    let shown = top.args(["top", &admin, &gone, "--every", "0.1", "--screens", "1"]).output().unwrap();
    assert!(shown.status.success(), "{shown:?}");
    let shown = String::from_utf8(shown.stdout).unwrap();
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((lines[0][0], lines[0][1], lines[0].last()), ("node", "sessions", Some(&"bus")), "{shown}");
    assert_eq!((lines[1][0], lines[1][1], lines[1].last()), (admin.as_str(), "1", Some(&"up")), "{shown}");
    assert!(lines[2].join(" ").starts_with(&format!("{gone} does not answer: ")), "{shown}");
    assert_eq!(lines[3][..4], ["1", "of", "2", "1"], "{shown}");
    let mut wrong = server_command();
    let refused = wrong.args(["top", "--every", "0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("from 0.1 to 3600"), "{refused:?}");
}

#[test]
fn after_an_orderly_end_the_database_is_one_file() {
    let node = Node::start(&[]);
    Account::register(node.addr(), "anna");
    assert!(node.term().success());
    // Whoever holds a connection until the process is gone leaves the log behind.
    let names = node.data_files().into_iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    let beside: Vec<String> = names.filter(|name| name.ends_with("-wal") || name.ends_with("-shm")).collect();
    assert!(beside.is_empty(), "{beside:?}");
}

#[test]
fn what_takes_too_long_is_logged_and_counted() {
    let costly = ["--set", "password.memory_kib=65536", "--set", "password.passes=3"];
    let flags = ["--admin", "127.0.0.1:0", "--set", "log.slow_ms=1"];
    // To hash a password at that cost a millisecond is not enough anywhere.
    let node = Node::start(&[flags.as_slice(), &costly].concat());
    let (mut ann, ben) = (Client::newcomer(node.addr(), "ann"), Client::newcomer(node.addr(), "ben"));
    let told = |what: &str| {
        let log = node.log();
        let line = log.lines().find(|line| line.contains(" WARN  slow: ") && line.contains(what))?;
        line.split(" took ").nth(1)?.split(" ms").next()?.parse::<u64>().ok()
    };
    let took = wait_for("the line about a login", || told("Login of connection "));
    assert!(took > 1, "{took}");
    let other = rusqlite::Connection::open(node.database()).unwrap();
    wait_for("the database's lock", || other.execute_batch("BEGIN IMMEDIATE").ok());
    ann.send(&json!({"msgid": 6, "toid": ben.id, "msg": "late"}));
    let watch = Stopwatch::start();
    while watch.elapsed().as_millis() < 50 {
        ann.ok(json!({"msgid": 17}));
    }
    other.execute_batch("COMMIT").unwrap();
    assert!(wait_for("the line about the message", || told("storing 1 messages")) > 1);
    let (_, metrics) = get(node.admin(), "/metrics");
    let value = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    assert!(value("stonechat_slow_operations_total").unwrap() >= 3.0, "{metrics}");
    // Beside them: what runs here, and since when.
    let build = format!("stonechat_build_info{{version=\"{}\",schema=\"6\"}} 1", env!("CARGO_PKG_VERSION"));
    assert!(metrics.lines().any(|line| line == build), "{metrics}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let up = now - value("stonechat_start_time_seconds").unwrap();
    assert!((0.0..3600.0).contains(&up), "{up}");
}
