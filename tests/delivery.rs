//! What survives the end of a process: SIGKILL in the middle of a storm, SIGTERM in order, a restart.

mod common;

use common::client::{Account, Client, seqs, texts};
use common::node::Node;
use common::storm::Storm;
use serde_json::json;

#[test]
fn sigkill_loses_nothing_that_was_acknowledged() {
    let node = Node::start(&[]);
    let storm = Storm::start(node.addr(), 10, 100);
    for acks in [100, 400, 700] {
        storm.wait_for_acks(acks);
        node.kill();
        node.restart();
    }
    storm.assert_nothing_lost(node.addr());
}

#[test]
fn sigterm_in_a_storm_ends_in_order_and_loses_nothing() {
    let node = Node::start(&[]);
    let storm = Storm::start(node.addr(), 10, 100);
    storm.wait_for_acks(300);
    let status = node.term();
    assert!(status.success(), "SIGTERM ends with exit code 0, not {status}");
    node.restart();
    storm.assert_nothing_lost(node.addr());
}

#[test]
fn sigterm_says_goodbye() {
    let node = Node::start(&[]);
    let mut alice = Client::newcomer(node.addr(), "alice");
    let bob = Account::register(node.addr(), "bob");
    let anonymous = node.connect();
    for number in 1..=50 {
        alice.send(&json!({"msgid": 6, "toid": bob.id, "msg": format!("{number}"), "cid": format!("{number}")}));
    }
    let first = alice.expect_push(11);
    assert_eq!(first["seq"], 1);
    node.signal("TERM");
    let last = alice.expect_closed();
    assert!(last.iter().any(|message| message["kind"] == "shutdown"), "a NOTICE shutdown among {last:?}");
    let acked: Vec<u64> =
        last.iter().filter(|message| message["msgid"] == 11).filter_map(|ack| ack["seq"].as_u64()).collect();
    let status = node.wait();
    assert!(status.success(), "SIGTERM ends with exit code 0, not {status}");
    drop(anonymous);
    node.restart();
    let mut alice = alice.account().login(node.addr());
    let stored = seqs(&alice.history_with(bob.id));
    assert!(stored.contains(&1) && acked.iter().all(|seq| stored.contains(seq)), "acked {acked:?}, stored {stored:?}");
}

#[test]
fn a_restart_keeps_what_matters() {
    let node = Node::start(&[]);
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut bob = Client::newcomer(node.addr(), "bob");
    alice.ok(json!({"msgid": 7, "friendid": bob.id}));
    let group = alice.create_group("kept");
    bob.join(group);
    let first = alice.say_once(bob.id, "once", "cid");
    alice.say_to_group(group, "to the group");
    bob.expect_push(6);
    bob.expect_push(10);
    bob.confirm(alice.id, 1);
    assert!(node.term().success());
    node.restart();

    let mut alice = Client::resume(node.addr(), alice.id, &alice.token);
    assert_eq!(alice.welcome["friends"][0]["id"], bob.id, "{}", alice.welcome);
    assert_eq!(alice.welcome["groups"][0]["id"], group, "{}", alice.welcome);
    let again = alice.say_once(bob.id, "once", "cid");
    assert_eq!((&again["seq"], &again["time"]), (&first["seq"], &first["time"]), "a cid survives a restart");
    let mut bob = Client::resume(node.addr(), bob.id, &bob.token);
    assert_eq!(texts(&bob.offline_messages()), ["to the group"], "the confirmed one does not come again");
    assert_eq!(alice.say(bob.id, "next")["seq"], 2);
    assert_eq!(bob.expect_push(6)["msg"], "next");
}

#[test]
fn a_frozen_server_loses_nothing() {
    let node = Node::start(&[]);
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut bob = Client::newcomer(node.addr(), "bob");
    node.stop();
    for number in 1..=20 {
        alice.send(&json!({"msgid": 6, "toid": bob.id, "msg": format!("{number}")}));
    }
    node.cont();
    assert_eq!(seqs(&alice.expect_pushes(11, 20)), (1..=20).collect::<Vec<_>>());
    assert_eq!(seqs(&bob.expect_pushes(6, 20)), (1..=20).collect::<Vec<_>>());
}

/// A client that never confirms dies without having read: what the kernel has not delivered is not lost.
#[test]
fn what_a_frozen_client_did_not_take_comes_again() {
    const COUNT: usize = 400;
    let node = Node::start(&[]);
    let mut alice = Client::newcomer(node.addr(), "alice");
    let bob = Account::register(node.addr(), "bob");
    let deaf = bob.login_unconfirming(node.addr());
    let text = "x".repeat(8_000);
    for _ in 0..COUNT / 20 {
        for _ in 0..20 {
            alice.send(&json!({"msgid": 6, "toid": bob.id, "msg": text}));
        }
        alice.expect_pushes(11, 20);
    }
    let last = alice.say(bob.id, "the last")["seq"].as_u64().unwrap();
    drop(deaf);
    let mut bob = bob.login(node.addr());
    // Which ones the kernel had taken is its secret; what comes is the end of the conversation, without a hole.
    let mut got = bob.offline_messages();
    if got.is_empty() {
        bob.expect_silence();
        return;
    }
    while got.last().is_none_or(|message| message["seq"] != last) {
        got.push(bob.expect_push(6));
    }
    let first = got[0]["seq"].as_u64().unwrap();
    assert_eq!(seqs(&got), (first..=last).collect::<Vec<_>>(), "no hole in what comes again");
}
