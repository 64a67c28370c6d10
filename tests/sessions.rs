//! Sessions: who may be online how often, for how long, how fast, and what is kept of his secrets.

mod common;

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use common::client::{Account, Client, PASSWORD, Stopwatch, seqs};
use common::node::Node;
use common::process::wait_for;
use serde_json::json;

#[test]
fn reject_refuses_the_second_login() {
    let node = Node::with_settings(&["session_policy=reject"]);
    let mut first = Client::newcomer(node.addr(), "reject");
    let login = json!({"msgid": 1, "id": first.id, "pwd": PASSWORD});
    let mut second = node.connect();
    second.refused(login.clone(), 2);
    second.refused(json!({"msgid": 1, "id": first.id, "token": "another token", "pwd": PASSWORD}), 2);
    second.refused(json!({"msgid": 27}), 401);
    first.expect_silence();
    let mut writer = Client::newcomer(node.addr(), "writer");
    writer.say(first.id, "to the first");
    assert_eq!(first.expect_push(6)["msg"], "to the first");
    drop(first);
    wait_for("the account to be free again", || (second.request(login.clone())["errno"] == 0).then_some(()));
}

/// A client that closes its connection and opens another is faster than the news of the close.
#[test]
fn a_login_waits_a_moment_for_a_session_that_is_ending() {
    let node = Node::with_settings(&["session_policy=reject"]);
    for _ in 0..20 {
        let first = Client::newcomer(node.addr(), "hasty");
        let mut second = node.connect();
        let login = json!({"msgid": 1, "id": first.id, "pwd": PASSWORD});
        second.send(&login);
        drop(first);
        assert_eq!(second.reply(2, &login)["errno"], 0);
    }
}

#[test]
fn reject_is_the_default() {
    let node = Node::start(&[]);
    let first = Client::newcomer(node.addr(), "default");
    node.connect().refused(json!({"msgid": 1, "id": first.id, "pwd": PASSWORD}), 2);
}

#[test]
fn replace_tells_the_older_session_and_closes_it() {
    let node = Node::with_settings(&["session_policy=replace"]);
    let mut first = Client::newcomer(node.addr(), "replace");
    let mut second = Client::login_as(node.addr(), &first.name);
    let last = first.expect_closed();
    assert!(last.iter().any(|message| message["kind"] == "replaced"), "a NOTICE replaced among {last:?}");
    let mut writer = Client::newcomer(node.addr(), "writer");
    writer.say(second.id, "to the second");
    assert_eq!(second.expect_push(6)["msg"], "to the second");
    second.expect_silence();
}

#[test]
fn multi_gives_everything_to_all_sessions() {
    let node = Node::with_settings(&["session_policy=multi"]);
    let mut first = Client::newcomer(node.addr(), "multi");
    let mut second = Client::login_as(node.addr(), &first.name);
    let mut writer = Client::newcomer(node.addr(), "writer");
    let group = writer.create_group("multi");
    first.join(group);
    writer.say(first.id, "to both");
    writer.say_to_group(group, "to both in the group");
    for session in [&mut first, &mut second] {
        assert_eq!(session.expect_push(6)["msg"], "to both");
        assert_eq!(session.expect_push(10)["msg"], "to both in the group");
    }
    let ack = first.say(writer.id, "from the first");
    let echo = second.expect_push(6);
    assert_eq!(
        (&echo["id"], &echo["toid"]),
        (&json!(first.id), &json!(writer.id)),
        "an echo of the own message: {echo}"
    );
    assert_eq!((&echo["msg"], &echo["seq"]), (&json!("from the first"), &ack["seq"]), "{echo}");
    assert_eq!(writer.expect_push(6)["msg"], "from the first");
    second.say_to_group(group, "from the second");
    assert_eq!(first.expect_push(10)["msg"], "from the second", "the own group message is echoed as well");

    drop(first);
    writer.say(second.id, "to the one that is left");
    assert_eq!(second.expect_push(6)["msg"], "to the one that is left");
}

#[test]
fn a_token_takes_over_under_every_policy() {
    for policy in ["reject", "replace", "multi"] {
        let node = Node::with_settings(&[&format!("session_policy={policy}")]);
        let mut ghost = Client::newcomer(node.addr(), "ghost");
        let mut resumed = Client::resume(node.addr(), ghost.id, &ghost.token);
        ghost.expect_closed();
        let mut writer = Client::newcomer(node.addr(), "writer");
        writer.say(resumed.id, policy);
        assert_eq!(resumed.expect_push(6)["msg"], policy);
    }
}

#[test]
fn a_token_logs_in_its_own_account_and_no_other() {
    let node = Node::with_settings(&["session_policy=multi"]);
    let owner = Client::newcomer(node.addr(), "owner");
    let other = Client::newcomer(node.addr(), "other");
    let mut fresh = node.connect();
    for account in
        [json!({"id": other.id}), json!({"name": other.name}), json!({"id": 4_000_000}), json!({"name": "nobody"})]
    {
        let mut login = json!({"msgid": 1, "token": owner.token});
        login.as_object_mut().unwrap().extend(account.as_object().unwrap().clone());
        fresh.refused(login, 1);
    }
    let by_name = fresh.ok(json!({"msgid": 1, "name": owner.name, "token": owner.token}));
    assert_eq!((&by_name["id"], &by_name["name"]), (&json!(owner.id), &json!(owner.name)));
    let by_id = node.connect().ok(json!({"msgid": 1, "id": owner.id, "token": owner.token}));
    assert_eq!(by_id["name"], json!(owner.name));
    // A wrong token does not spoil a right password beside it.
    let both = json!({"msgid": 1, "id": other.id, "token": owner.token, "pwd": PASSWORD});
    assert_eq!(node.connect().ok(both)["name"], json!(other.name));
}

#[test]
fn logout_leaves_other_sessions_of_the_account_alone() {
    let node = Node::with_settings(&["session_policy=multi"]);
    let mut first = Client::newcomer(node.addr(), "leave");
    let second = Client::login_as(node.addr(), &first.name);
    first.log_out();
    let (id, token) = (second.id, second.token.clone());
    drop(second);
    Client::resume(node.addr(), id, &token);
    node.connect().refused(json!({"msgid": 1, "id": first.id, "token": first.token}), 1);
}

#[test]
fn who_does_not_log_in_is_closed() {
    let node = Node::with_settings(&["limits.login_seconds=3", "limits.silent_seconds=3"]);
    let mut member = Client::newcomer(node.addr(), "member");
    let mut silent = node.connect();
    let mut pinging = node.connect();
    let mut half = node.connect();
    half.send_raw(b"{\"msgid\":");
    silent.expect_closed();
    half.expect_closed();
    wait_for("a connection that only sends PING to be closed", || {
        let sent = pinging.try_send_raw(b"{\"msgid\":17}\n");
        (!sent || pinging.recv_or_closed().is_none()).then_some(())
    });
    // The member was there before them all and is still.
    member.expect_silence();
    member.log_out();
    member.expect_closed();
}

#[test]
fn a_fast_sender_is_paced_and_loses_nothing() {
    const SENT: u64 = 400;
    let node = Node::with_settings(&["limits.messages_per_second=50"]);
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut bob = Client::newcomer(node.addr(), "bob");
    let mut carol = Client::newcomer(node.addr(), "carol");
    let paced = Stopwatch::start();
    for number in 1..=SENT {
        alice.send(&json!({"msgid": 6, "toid": bob.id, "msg": number.to_string()}));
    }
    // Only the fast one is held back.
    carol.say(bob.id, "meanwhile");
    let mut from_alice = 0;
    while from_alice < SENT {
        let push = bob.expect_push(6);
        if push["id"] == alice.id {
            from_alice += 1;
            assert_eq!(push["seq"], from_alice);
        }
    }
    assert_eq!(seqs(&alice.expect_pushes(11, 400)), (1..=SENT).collect::<Vec<_>>());
    // A burst of 250 at once, the other 150 at 50 a second: 3 s. A busy machine only makes it longer.
    let took = paced.elapsed();
    assert!(took >= Duration::from_millis(1_500), "400 messages took {took:?}: no pacing");
}

#[test]
fn more_than_the_inflight_bound_waits_its_turn() {
    const SENT: u64 = 500;
    for inflight in ["1", "4"] {
        let node = Node::with_settings(&[&format!("limits.inflight={inflight}")]);
        let mut alice = Client::newcomer(node.addr(), "alice");
        let mut bob = Client::newcomer(node.addr(), "bob");
        for number in 1..=SENT {
            alice.send(&json!({"msgid": 6, "toid": bob.id, "msg": number.to_string()}));
        }
        alice.send(&json!({"msgid": 27, "tag": "after them all"}));
        assert_eq!(seqs(&alice.expect_pushes(11, 500)), (1..=SENT).collect::<Vec<_>>());
        assert_eq!(alice.expect_push(28)["tag"], "after them all");
        assert_eq!(seqs(&bob.expect_pushes(6, 500)), (1..=SENT).collect::<Vec<_>>());
    }
}

/// A client that takes as little from the network as the kernel allows.
fn connect_with_small_buffer(node: &Node) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(&node.addr().into()).expect("the node listens");
    Client::over(TcpStream::from(socket))
}

/// Sends `count` messages of so many bytes to `to`, each batch when the one before is acknowledged.
fn send_many(alice: &mut Client, to: u64, count: usize, bytes: usize) {
    let text = "x".repeat(bytes);
    for _ in 0..count / 50 {
        for _ in 0..50 {
            alice.send(&json!({"msgid": 6, "toid": to, "msg": text}));
        }
        alice.expect_pushes(11, 50);
    }
}

#[test]
fn a_slow_reader_is_not_cut_off_and_gets_all_at_its_own_pace() {
    const SENT: usize = 500;
    let node = Node::with_settings(&["limits.outbox_bytes=262144", "limits.message_bytes=16384"]);
    let account = Account::register(node.addr(), "slow");
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut slow = connect_with_small_buffer(&node);
    slow.ok(json!({"msgid": 1, "id": account.id, "pwd": PASSWORD, "ack": true}));
    // Eight megabytes: many times what the server keeps for one reader, and what the kernels take.
    send_many(&mut alice, account.id, SENT, 16_000);
    let mut got = Vec::new();
    while got.len() < SENT {
        got.push(slow.expect_push(6)["seq"].as_u64().unwrap());
        // Two reads a confirmation: it asks while there is still much to read.
        if got.len().is_multiple_of(2) {
            slow.confirm(alice.id, *got.last().unwrap());
        }
    }
    assert_eq!(got, (1..=SENT as u64).collect::<Vec<_>>(), "each once and in order, on the same connection");
    assert_eq!(slow.ok(json!({"msgid": 33}))["offlinemsg"], json!([]), "all of it was confirmed");
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off_and_finds_its_messages() {
    const SENT: usize = 3_000;
    let node = Node::with_settings(&["limits.outbox_bytes=262144", "limits.stall_seconds=1"]);
    let account = Account::register(node.addr(), "slow");
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut slow = connect_with_small_buffer(&node);
    slow.ok(json!({"msgid": 1, "id": account.id, "pwd": PASSWORD, "ack": true}));
    send_many(&mut alice, account.id, SENT, 4_000);
    let login = json!({"msgid": 1, "id": account.id, "pwd": PASSWORD, "ack": true});
    let mut back = wait_for("the reader that takes nothing is cut off, and the account is free", || {
        let mut client = node.connect();
        let reply = client.request(login.clone());
        (reply["errno"] == 0).then(|| {
            client.welcomed(reply);
            client
        })
    });
    let mut got = seqs(&back.offline_messages());
    while got.len() < SENT {
        got.push(back.expect_push(6)["seq"].as_u64().unwrap());
        if got.len().is_multiple_of(100) {
            back.confirm(alice.id, *got.last().unwrap());
        }
    }
    assert_eq!(got, (1..=SENT as u64).collect::<Vec<_>>());
    drop(slow);
}

#[test]
fn secrets_are_stored_hashed_only() {
    let node = Node::start(&[]);
    let client = Client::newcomer(node.addr(), "secret");
    let database = rusqlite::Connection::open(node.database()).unwrap();
    let stored: String = database
        .query_row("SELECT password FROM User WHERE id = ?", [client.id.cast_signed()], |row| row.get(0))
        .unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "an Argon2id PHC string, not {stored}");
    let tokens: i64 = database.query_row("SELECT count(*) FROM AuthToken", [], |row| row.get(0)).unwrap();
    assert_eq!(tokens, 1, "a row for the token");
    drop(database);
    assert!(node.term().success());
    for file in node.data_files() {
        let bytes = fs::read(&file).unwrap();
        for secret in [PASSWORD, client.token.as_str()] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a secret as it is", file.display());
        }
    }
}
