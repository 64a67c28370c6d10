//! What greedy and hostile clients can do: it costs them, and nobody else.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "allow-unwrap-in-tests misses helpers of tests")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::client::{Account, Client, PASSWORD, Stopwatch, seqs, unique};
use common::node::Node;
use common::process::wait_for;
use serde_json::{Value, json};

const PING: &[u8] = b"{\"msgid\":17}\n";

/// Sends `count` messages without waiting for anything.
fn send_all(client: &mut Client, to: u64, count: usize) {
    for number in 0..count {
        client.send(&json!({"msgid": 6, "toid": to, "msg": number.to_string()}));
    }
}

#[test]
fn an_account_that_reconnects_has_the_same_budget() {
    let node = Node::with_settings(&["limits.messages_per_second=50"]);
    let ben = Account::register(node.addr(), "ben");
    let mut anna = Client::newcomer(node.addr(), "anna");
    let (id, token) = (anna.id, anna.token.clone());
    let paced = Stopwatch::start();
    for _ in 0..4 {
        send_all(&mut anna, ben.id, 100);
        anna.expect_pushes(11, 100);
        drop(anna);
        anna = Client::resume(node.addr(), id, &token);
    }
    // A burst of 250, the other 150 at 50 a second: 3 s. A busy machine only makes it longer.
    let took = paced.elapsed();
    assert!(took >= Duration::from_millis(1_500), "400 messages over four connections took {took:?}: no pacing");
}

#[test]
fn the_sessions_of_an_account_share_its_budget() {
    let node = Node::with_settings(&["limits.messages_per_second=50", "session_policy=multi", "reactors=2"]);
    let ben = Account::register(node.addr(), "ben");
    let anna = Account::register(node.addr(), "anna");
    let mut sessions: Vec<_> = (0..4).map(|_| anna.login(node.addr())).collect();
    let paced = Stopwatch::start();
    for session in &mut sessions {
        send_all(session, ben.id, 100);
    }
    for session in &mut sessions {
        session.expect_pushes(11, 100);
    }
    let took = paced.elapsed();
    assert!(took >= Duration::from_millis(1_500), "400 messages of four sessions took {took:?}: no pacing");
}

#[test]
fn every_line_is_paced_whatever_it_is() {
    for junk in [PING, b"{\"msgid\":999}\n", b"{\"msgid\":27}\n", b"{\"msgid\":6,\"toid\":1,\"msg\":\"x\"}\n"] {
        let node = Node::with_settings(&["limits.messages_per_second=50"]);
        let mut anonymous = node.connect();
        let paced = Stopwatch::start();
        (0..400).for_each(|_| anonymous.send_raw(junk));
        (0..400).for_each(|_| drop(anonymous.recv()));
        let took = paced.elapsed();
        let junk = String::from_utf8_lossy(junk);
        assert!(took >= Duration::from_millis(1_500), "400 lines {junk} took {took:?}: no pacing");
    }
}

#[test]
fn a_session_is_paced_for_ping_and_junk_too() {
    let node = Node::with_settings(&["limits.messages_per_second=50"]);
    let mut anna = Client::newcomer(node.addr(), "anna");
    let paced = Stopwatch::start();
    for round in 0..400 {
        // Nine malformed lines in a row are allowed.
        anna.send_raw(if round % 5 == 0 { PING } else { b"what?\n" });
    }
    (0..400).for_each(|_| drop(anna.recv()));
    let took = paced.elapsed();
    assert!(took >= Duration::from_millis(1_500), "400 lines took {took:?}: no pacing");
}

/// Connections that send one thing over and over, from a thread each, until this is dropped.
struct Flood {
    over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
    sent: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
}

impl Flood {
    /// `lines` may be cut off by the server: then the next connection begins again.
    fn of(node: &Node, connections: usize, lines: &'static [u8]) -> Self {
        let (over, sent, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default(), Arc::default());
        let flooder = |_| {
            let (over, sent, addr) = (Arc::clone(&over), Arc::clone(&sent), node.addr());
            let answered: Arc<AtomicUsize> = Arc::clone(&answered);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let Ok(mut socket) = TcpStream::connect(addr) else { return };
                    socket.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
                    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                    let mut answers = [0; 16 * 1024];
                    while !over.load(Ordering::Relaxed) {
                        match socket.write(lines) {
                            Ok(_) => drop(sent.fetch_add(1, Ordering::Relaxed)),
                            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                            Err(_) => break,
                        }
                        match socket.read(&mut answers) {
                            Ok(0) => break,
                            Ok(bytes) => {
                                let lines = answers[..bytes].split(|byte| *byte == b'\n').count() - 1;
                                answered.fetch_add(lines, Ordering::Relaxed);
                            }
                            Err(_) => {}
                        }
                    }
                    let _closed = socket.shutdown(Shutdown::Both);
                }
            })
        };
        let threads = (0..connections).map(flooder).collect();
        Self { over, threads, sent, answered }
    }

    /// Ends it; the pieces that were sent and the lines that were answered.
    fn end(self) -> (usize, usize) {
        let counts = (Arc::clone(&self.sent), Arc::clone(&self.answered));
        drop(self);
        (counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

#[test]
fn a_token_logs_in_through_a_flood_from_its_own_address() {
    let node = Node::with_settings(&["limits.messages_per_second=100", "limits.logins_per_minute=10"]);
    let mut anna = Client::newcomer(node.addr(), "anna");
    let (id, token) = (anna.id, anna.token.clone());
    let begun = Stopwatch::start();
    let flood = Flood::of(&node, 16, b"{\"msgid\":17}\n{\"msgid\":999}\nwhat?\n{\"msgid\":17}\n");
    wait_for("the flood to have begun", || (flood.sent.load(Ordering::Relaxed) > 1_000).then_some(()));
    // All of it is behind a budget of 100 lines a second, but for this.
    for _ in 0..20 {
        anna = Client::resume(node.addr(), id, &token);
        anna.ok(json!({"msgid": 17}));
    }
    let (sent, answered) = flood.end();
    // It may not even have sent more than its budget, on a slow machine; then there is nothing to see.
    let seconds = begun.elapsed().as_secs();
    assert!(answered as u64 <= 1_000 + 200 * seconds, "{answered} of {sent} pieces in {seconds} s: no pacing");
}

#[test]
fn wrong_tokens_cost_the_address_and_nobody_else() {
    let node = Node::with_settings(&["limits.messages_per_second=20", "proxy_protocol=true"]);
    let mut anna = Client::newcomer(node.addr(), "anna");
    let mut guesser = Client::connect_from(node.addr(), "192.0.2.1");
    let guess = json!({"msgid": 1, "id": anna.id, "token": "0".repeat(64)});
    let paced = Stopwatch::start();
    for _ in 0..30 {
        guesser.refused(guess.clone(), 1);
    }
    // Each counts as eleven lines: a hundred at once, the other 230 at 20 a second.
    let took = paced.elapsed();
    assert!(took >= Duration::from_secs(3), "30 wrong tokens took {took:?}");
    // The right one is let in at once, from there, and from everywhere.
    let (id, token) = (anna.id, anna.token.clone());
    for from in ["192.0.2.1", "192.0.2.2"] {
        anna = Client::connect_from(node.addr(), from);
        anna.ok(json!({"msgid": 1, "id": id, "token": token}));
    }
}

/// Tries wrong passwords for this account until one has to wait: how many were tried, and the reply to the last.
fn guess(client: &mut Client, account: &Value) -> (usize, Value) {
    for guessed in 0..200 {
        let reply = client.request(json!({"msgid": 1, "id": account, "pwd": "a guess", "tag": "g"}));
        match reply["errno"].as_i64() {
            Some(1) => {}
            Some(429) => return (guessed, reply),
            _ => panic!("a wrong password is errno 1 or 429, not {reply}"),
        }
    }
    panic!("200 wrong passwords and no 429");
}

#[test]
fn guesses_lock_out_the_guesser_and_nobody_else() {
    let node = Node::with_settings(&["limits.logins_per_minute=5", "proxy_protocol=true"]);
    let victim = Account::register(node.addr(), "victim");
    let other = Account::register(node.addr(), "other");
    let mut online = victim.login(node.addr());
    let mut guesser = Client::connect_from(node.addr(), "192.0.2.1");
    let (guessed, refused) = guess(&mut guesser, &json!(victim.id));
    assert_eq!(guessed, 5);
    assert_eq!((&refused["msgid"], &refused["tag"]), (&json!(2), &json!("g")));
    assert!((50..=60).contains(&refused["wait"].as_u64().expect("how long to wait")), "{refused}");
    // From elsewhere, with the right password; from there, with a token; and from there, as somebody else.
    let login = json!({"msgid": 1, "id": victim.id, "token": online.token});
    Client::connect_from(node.addr(), "192.0.2.1").ok(login.clone());
    online.expect_notice("replaced");
    guesser.ok(json!({"msgid": 1, "id": other.id, "pwd": PASSWORD}));
    let login = json!({"msgid": 1, "id": victim.id, "pwd": PASSWORD});
    wait_for("a login from elsewhere", || {
        let reply = Client::connect_from(node.addr(), "198.51.100.1").request(login.clone());
        (reply["errno"] != 2).then(|| assert_eq!(reply["errno"], 0, "{reply}"))
    });
}

#[test]
fn guesses_at_accounts_that_do_not_exist_lock_nobody_out() {
    let node = Node::with_settings(&["limits.logins_per_minute=5", "proxy_protocol=true"]);
    let account = Account::register(node.addr(), "bystander");
    let mut neighbour = Client::connect_from(node.addr(), "203.0.113.5");
    for _ in 0..30 {
        let nobody = json!({"msgid": 1, "name": unique("nobody"), "pwd": "x"});
        assert_eq!(neighbour.request(nobody)["errno"], 1);
    }
    // One that does not exist waits like one that does: having to wait tells nothing.
    let (guessed, refused) = guess(&mut neighbour, &json!(1_000_000));
    assert_eq!(guessed, 5, "{refused}");
    Client::connect_from(node.addr(), "203.0.113.5").ok(json!({"msgid": 1, "id": account.id, "pwd": PASSWORD}));
}

#[test]
fn guesses_from_many_addresses_do_not_lock_out_where_one_is_at_home() {
    let node = Node::with_settings(&["limits.logins_per_minute=5", "proxy_protocol=true"]);
    let victim = Account::register(node.addr(), "victim");
    Client::connect_from(node.addr(), "2001:db8:5::1").ok(json!({"msgid": 1, "id": victim.id, "pwd": PASSWORD}));
    let mut refused = None;
    for number in 0..120 {
        let mut guesser = Client::connect_from(node.addr(), &format!("2001:db8:6:{number:x}::1"));
        let reply = guesser.request(json!({"msgid": 1, "id": victim.id, "pwd": "a guess"}));
        if reply["errno"] == 429 {
            refused = Some((number, reply));
            break;
        }
    }
    let (guessed, refused) = refused.expect("120 guesses and no 429");
    assert_eq!(guessed, 100, "{refused}");
    let login = json!({"msgid": 1, "id": victim.id, "pwd": PASSWORD});
    Client::connect_from(node.addr(), "2001:db8:7::1").refused(login.clone(), 429);
    wait_for("a login from the home address", || {
        let reply = Client::connect_from(node.addr(), "2001:db8:5::2").request(login.clone());
        (reply["errno"] != 2).then(|| assert_eq!(reply["errno"], 0, "{reply}"))
    });
}

#[test]
fn logins_do_not_wait_behind_registrations() {
    const REGISTERING: usize = 59;
    // Hashes that take some hundredths of a second: the registrations take one or several. Nobody waits for the disk, which
    // other tests may keep busy for longer than that; and nobody is told to come again (503), however slow the hashing is.
    let slow_hashes = ["password.memory_kib=19456", "password.passes=4"];
    let patient = ["sqlite.synchronous=normal", "store.timeout_ms=60000"];
    let node = Node::with_settings(&[slow_hashes, patient].concat());
    let account = Account::register(node.addr(), "anna");
    let mut crowd: Vec<_> = (0..REGISTERING).map(|_| node.connect()).collect();
    for client in &mut crowd {
        client.send(&json!({"msgid": 4, "name": unique("crowd"), "pwd": PASSWORD}));
    }
    assert_eq!(crowd[0].recv()["errno"], 0, "they have begun");
    account.login(node.addr());
    // In one queue with them it would come last. How many come before it otherwise depends on how busy the machine is.
    let answered = crowd.iter().skip(1).filter(|client| has_input(client.stream())).count();
    assert!(answered < REGISTERING - 1, "all {REGISTERING} registrations came before the login");
    for client in &mut crowd[1..] {
        assert_eq!(client.recv()["errno"], 0, "a registration that waits is no failure");
    }
}

/// Whether something has come that was not read yet.
fn has_input(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    peeked.is_ok_and(|bytes| bytes > 0)
}

#[test]
fn registrations_are_counted_by_address() {
    let node = Node::with_settings(&["limits.registrations_per_minute=3", "proxy_protocol=true"]);
    let register = |client: &mut Client, number: u32| {
        client.request(json!({"msgid": 4, "name": unique(&format!("pupil{number}-")), "pwd": PASSWORD}))
    };
    let mut classroom = Client::connect_from(node.addr(), "2001:db8:1:2::1");
    for number in 0..3 {
        assert_eq!(register(&mut classroom, number)["errno"], 0);
    }
    let mut neighbour = Client::connect_from(node.addr(), "2001:db8:1:2:ffff::9");
    let refused = register(&mut neighbour, 3);
    assert_eq!(refused["errno"], 429, "the same /64: {refused}");
    let wait = refused["wait"].as_u64().expect("how long to wait");
    assert!((1..=20).contains(&wait), "{refused}");
    let mut elsewhere = Client::connect_from(node.addr(), "2001:db8:1:3::1");
    assert_eq!(register(&mut elsewhere, 4)["errno"], 0);
}

#[test]
fn an_address_has_so_many_new_accounts_a_day() {
    let node = Node::with_settings(&["quota.accounts_per_day=2", "proxy_protocol=true"]);
    let register = |from: &str| {
        let mut client = Client::connect_from(node.addr(), from);
        client.request(json!({"msgid": 4, "name": unique("mill"), "pwd": PASSWORD}))
    };
    let made: Vec<Value> = (0..3).map(|_| register("192.0.2.1")).collect();
    assert_eq!((&made[0]["errno"], &made[1]["errno"]), (&json!(0), &json!(0)));
    assert_eq!((&made[2]["errno"], made[2].get("wait")), (&json!(409), None), "{}", made[2]);
    let errmsg = made[2]["errmsg"].as_str().unwrap();
    assert!(errmsg.contains("2 accounts were made from this address within a day"), "{errmsg}");
    assert_eq!(register("192.0.2.2")["errno"], 0);
}

/// More users than there are workers wait for the one writer, which another process keeps from the file.
#[test]
fn who_waits_for_a_locked_file_holds_up_no_reading() {
    const WRITERS: usize = 40;
    let node = Node::with_settings(&["store.timeout_ms=20000"]);
    let mut reader = Client::newcomer(node.addr(), "reader");
    let writers: Vec<Client> = (0..WRITERS).map(|_| Client::newcomer(node.addr(), "writer")).collect();
    let file = rusqlite::Connection::open(node.database()).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let friend = reader.id;
    let writing: Vec<_> = writers
        .into_iter()
        .map(|mut writer| {
            thread::spawn(move || writer.request(json!({"msgid": 7, "friendid": friend}))["errno"].clone())
        })
        .collect();
    let waited = Stopwatch::start();
    wait_for("most to be refused at once", || {
        (writing.iter().filter(|one| one.is_finished()).count() > WRITERS / 2).then_some(())
    });
    reader.ok(json!({"msgid": 43, "id": 999}));
    reader.ok(json!({"msgid": 27}));
    assert!(waited.elapsed() < Duration::from_secs(19), "reading waited for the writers: {:?}", waited.elapsed());
    file.execute_batch("ROLLBACK").unwrap();
    let told: Vec<Value> = writing.into_iter().map(|one| one.join().unwrap()).collect();
    assert!(told.iter().all(|errno| *errno == 0 || *errno == 503), "{told:?}");
    assert!(told.iter().any(|errno| *errno == 0), "those who were in turn have had it: {told:?}");
    reader.ok(json!({"msgid": 8, "groupname": unique("after"), "groupdesc": ""}));
}

#[test]
fn an_account_has_so_many_new_devices_at_once() {
    let node = Node::with_settings(&["session_policy=multi"]);
    let account = Account::register(node.addr(), "anna");
    let token = account.login(node.addr()).token;
    let log_in = |device: &str| {
        let login = json!({"msgid": 1, "id": account.id, "token": token, "device": device});
        Client::connect(node.addr()).request(login)
    };
    for number in 0..32 {
        assert_eq!(log_in(&format!("device {number}"))["errno"], 0, "{number}");
    }
    let refused = log_in("one more");
    assert_eq!(refused["errno"], 429, "{refused}");
    assert!((1..=60).contains(&refused["wait"].as_u64().unwrap()), "{refused}");
    assert_eq!(log_in("device 7")["errno"], 0, "it is known");
    assert_eq!(Client::connect(node.addr()).request(json!({"msgid": 1, "id": account.id, "token": token}))["errno"], 0);
}

#[test]
fn one_address_may_not_take_all_connections() {
    let node = Node::with_settings(&["limits.anonymous_per_address=3", "proxy_protocol=true"]);
    let account = Account::register(node.addr(), "anna");
    let hold = |from: &str| {
        let mut client = Client::connect_from(node.addr(), from);
        client.ok(json!({"msgid": 17}));
        client
    };
    let mut held: Vec<_> = (0..3).map(|_| hold("192.0.2.1")).collect();
    let mut refused = Client::connect_from(node.addr(), "192.0.2.1");
    assert_eq!(refused.recv()["errno"], 429);
    refused.expect_closed();
    hold("192.0.2.2");
    // Who logs in makes room, and so does who goes.
    held[0].ok(json!({"msgid": 1, "id": account.id, "pwd": PASSWORD}));
    wait_for("room for another connection", || {
        let mut client = Client::connect_from(node.addr(), "192.0.2.1");
        client.try_send_raw(PING);
        (client.recv_or_closed()?["msgid"] == 18).then_some(client)
    });
}

#[test]
fn a_message_is_not_lost_on_a_busy_reactor() {
    // Many lines of many connections, more than one turn takes up, each with its own order.
    let node = Node::with_settings(&["reactors=1"]);
    let mut clients: Vec<_> = (0..20).map(|_| Client::newcomer(node.addr(), "busy")).collect();
    let ids: Vec<_> = clients.iter().map(|client| client.id).collect();
    for (client, to) in clients.iter_mut().zip(ids.iter().skip(1)) {
        let lines: Vec<_> = (0..500).map(|n| format!("{{\"msgid\":6,\"toid\":{to},\"msg\":\"{n}\"}}\n")).collect();
        client.send_raw(lines.concat().as_bytes());
    }
    for (index, client) in clients.iter_mut().enumerate() {
        if index < 19 {
            assert_eq!(seqs(&client.expect_pushes(11, 500)), (1..=500).collect::<Vec<_>>());
        }
        if index > 0 {
            assert_eq!(seqs(&client.expect_pushes(6, 500)), (1..=500).collect::<Vec<_>>());
        }
    }
}

#[test]
fn headers_are_believed_from_proxies_only() {
    let node = Node::with_settings(&["proxy_protocol=true", "proxy.from=192.0.2.0/24, ::1"]);
    let mut liar = Client::connect_bare(node.addr());
    liar.try_send_raw(b"PROXY TCP4 198.51.100.1 127.0.0.1 40000 8000\r\n{\"msgid\":17}\n");
    assert!(liar.recv_or_closed().is_none(), "127.0.0.1 is no proxy here");
    wait_for("a line in the log that says why", || {
        node.log().contains("proxy.from names 192.0.2.0/24, ::1").then_some(())
    });
}

#[test]
fn a_claimed_loopback_address_is_one_like_any_other() {
    let node = Node::with_settings(&["limits.registrations_per_minute=1", "proxy_protocol=true"]);
    let mut client = Client::connect_from(node.addr(), "127.0.0.1");
    let register = || json!({"msgid": 4, "name": unique("local"), "pwd": PASSWORD});
    client.ok(register());
    client.refused(register(), 429);
}

#[test]
fn clients_that_all_seem_to_be_one_are_told_to_the_administrator() {
    let node = Node::start(&[]);
    let _clients: Vec<_> = (0..60).map(|_| node.connect()).collect();
    wait_for("a warning", || node.log().contains("every limit per address counts them as one").then_some(()));
}
