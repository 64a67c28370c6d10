//! Requests with wrong fields: each gets its own reply, which names the field.

use serde_json::{Value, json};

use crate::common::client::{Account, Client, PASSWORD, reply_of, seqs, unique};
use crate::common::node::Node;
use crate::node;

fn assert_names(reply: &Value, field: &str) {
    let errmsg = reply["errmsg"].as_str().unwrap_or_default();
    assert!(errmsg.contains(field), "errmsg names `{field}`: {reply}");
}

#[test]
fn a_missing_field_is_named() {
    let node = node();
    let mut anonymous = node.connect();
    for (field, request) in [
        ("pwd", json!({"msgid": 1, "id": 1})),
        ("name", json!({"msgid": 4, "pwd": PASSWORD})),
        ("pwd", json!({"msgid": 4, "name": unique("missing")})),
    ] {
        assert_names(&anonymous.refused(request, 400), field);
    }
    anonymous.refused(json!({"msgid": 1, "pwd": PASSWORD}), 400);

    let mut client = Client::newcomer(node.addr(), "missing");
    for (field, request) in [
        ("toid", json!({"msgid": 6, "msg": "m"})),
        ("msg", json!({"msgid": 6, "toid": 1})),
        ("groupid", json!({"msgid": 10, "msg": "m"})),
        ("msg", json!({"msgid": 10, "groupid": 1})),
        ("friendid", json!({"msgid": 7})),
        ("groupname", json!({"msgid": 8, "groupdesc": "d"})),
        ("groupid", json!({"msgid": 9})),
        ("friendid", json!({"msgid": 21})),
        ("groupid", json!({"msgid": 23})),
        ("groupid", json!({"msgid": 25})),
        ("keyword", json!({"msgid": 31})),
        ("friendid", json!({"msgid": 35, "msg": "m"})),
        ("friendid", json!({"msgid": 37, "accept": true})),
        ("accept", json!({"msgid": 37, "friendid": 1})),
    ] {
        let reply = client.refused(request.clone(), 400);
        assert_names(&reply, field);
        assert_eq!(reply["msgid"], reply_of(request["msgid"].as_i64().unwrap()), "its own reply: {reply}");
    }
}

#[test]
fn a_wrongly_typed_field_is_named() {
    let node = node();
    let mut anonymous = node.connect();
    for (field, request) in [
        ("id", json!({"msgid": 1, "id": "one", "pwd": PASSWORD})),
        ("name", json!({"msgid": 1, "name": 1, "pwd": PASSWORD})),
        ("pwd", json!({"msgid": 1, "id": 1, "pwd": 1})),
        ("token", json!({"msgid": 1, "id": 1, "token": {}})),
        ("ack", json!({"msgid": 1, "id": 1, "pwd": PASSWORD, "ack": "yes"})),
        ("device", json!({"msgid": 1, "id": 1, "pwd": PASSWORD, "device": 7})),
        ("name", json!({"msgid": 4, "name": ["n"], "pwd": PASSWORD})),
        ("pwd", json!({"msgid": 4, "name": unique("typed"), "pwd": null})),
    ] {
        assert_names(&anonymous.refused(request, 400), field);
    }

    let mut client = Client::newcomer(node.addr(), "typed");
    for (field, request) in [
        ("friendid", json!({"msgid": 7, "friendid": "7"})),
        ("friendid", json!({"msgid": 7, "friendid": 0})),
        ("groupname", json!({"msgid": 8, "groupname": 8, "groupdesc": "d"})),
        ("groupdesc", json!({"msgid": 8, "groupname": unique("typed"), "groupdesc": 8})),
        ("groupid", json!({"msgid": 9, "groupid": -9})),
        ("groupid", json!({"msgid": 23, "groupid": true})),
        ("groupid", json!({"msgid": 25, "groupid": 1e300})),
        ("groupid", json!({"msgid": 29, "groupid": "x"})),
        ("accept", json!({"msgid": 37, "friendid": 1, "accept": 1})),
        ("after", json!({"msgid": 43, "id": 1, "after": "x"})),
        ("before", json!({"msgid": 43, "id": 1, "before": []})),
        ("limit", json!({"msgid": 43, "id": 1, "limit": "x"})),
    ] {
        let reply = client.refused(request.clone(), 400);
        assert_names(&reply, field);
        assert_eq!(reply["msgid"], reply_of(request["msgid"].as_i64().unwrap()), "its own reply: {reply}");
    }
    client.ok(json!({"msgid": 17}));
}

/// A wrong field in a known request is no malformed line: it never closes the connection.
#[test]
fn wrong_fields_never_close_the_connection() {
    let node = node();
    let mut client = Client::newcomer(node.addr(), "patient");
    for _ in 0..50 {
        client.refused(json!({"msgid": 6, "toid": "x", "msg": "m"}), 400);
    }
    client.ok(json!({"msgid": 17}));
}

#[test]
fn a_repeated_field_gets_the_requests_own_reply() {
    let node = node();
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut bob = Client::newcomer(node.addr(), "bob");
    for (field, line) in [
        ("`msg`", json!({"msgid": 6, "toid": bob.id, "msg": "m", "tag": 1})),
        ("`toid`", json!({"msgid": 6, "toid": bob.id, "msg": "m", "tag": "t"})),
        ("`cid`", json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": "c", "tag": 1})),
        ("`groupid`", json!({"msgid": 10, "groupid": 1, "msg": "m", "tag": 1})),
        ("`limit`", json!({"msgid": 43, "id": bob.id, "limit": 1, "tag": 1})),
        ("`seq`", json!({"msgid": 20, "id": bob.id, "seq": 1, "tag": 1})),
        ("`keyword`", json!({"msgid": 31, "keyword": "x", "tag": 1})),
    ] {
        let msgid = line["msgid"].as_i64().unwrap();
        let name = field.trim_matches('`');
        let twice = format!("{},\"{name}\":{}}}\n", line.to_string().trim_end_matches('}'), line[name]);
        alice.send_raw(twice.as_bytes());
        let reply = alice.recv();
        let expected = if msgid == 20 { 19 } else { reply_of(msgid) };
        assert_eq!((&reply["msgid"], &reply["errno"]), (&json!(expected), &json!(400)), "{twice}: {reply}");
        assert_eq!(reply["tag"], line["tag"], "{twice}: {reply}");
        assert_names(&reply, field);
        assert!(reply.get("cid").is_none() || name != "cid", "which of the two? {reply}");
    }
    // Which tag is meant cannot be known, and so none is repeated.
    alice.send_raw(b"{\"msgid\":17,\"tag\":1,\"tag\":2}\n");
    let reply = alice.recv();
    assert_eq!((&reply["msgid"], &reply["errno"], reply.get("tag")), (&json!(18), &json!(400), None), "{reply}");
    assert_names(&reply, "`tag`");
    // Nor which request is.
    alice.send_raw(format!("{{\"msgid\":17,\"tag\":1,\"msgid\":6,\"toid\":{},\"msg\":\"m\"}}\n", bob.id).as_bytes());
    let reply = alice.recv();
    assert_eq!((&reply["msgid"], &reply["errno"], &reply["tag"]), (&json!(19), &json!(400), &json!(1)), "{reply}");
    assert_names(&reply, "`msgid`");
    // Fields that nobody knows, and what stands within ext, are the client's own.
    let line =
        format!("{{\"msgid\":6,\"toid\":{},\"msg\":\"m\",\"x\":1,\"x\":2,\"ext\":{{\"a\":1,\"a\":2}}}}\n", bob.id);
    alice.send_raw(line.as_bytes());
    assert_eq!(alice.recv()["errno"], 0);
    assert_eq!(bob.expect_push(6)["seq"], 1, "nothing of the refused was stored");
}

#[test]
fn cids_are_told_apart_across_a_restart() {
    let node = Node::start(&[]);
    let (alice, bob) = (Account::register(node.addr(), "alice"), Account::register(node.addr(), "bob"));
    let cids = [json!(7), json!("7"), json!("a"), json!("07")];
    let say = |node: &Node| -> Vec<Value> {
        let mut alice = alice.login(node.addr());
        cids.iter().map(|cid| alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": cid}))).collect()
    };
    let first = say(&node);
    assert_eq!(seqs(&first), [1, 2, 3, 4]);
    node.kill();
    node.restart();
    assert_eq!(say(&node), first, "sent again, they are the same four");
}

#[test]
fn a_conversation_named_twice_is_refused() {
    let node = node();
    let mut alice = Client::newcomer(node.addr(), "alice");
    let bob = Client::newcomer(node.addr(), "bob");
    let group = alice.create_group("both");
    alice.say_to_group(group, "m");
    let reply = alice.refused(json!({"msgid": 43, "id": bob.id, "groupid": group}), 400);
    assert_names(&reply, "`id` or `groupid`");
    alice.refused(json!({"msgid": 43, "id": alice.id, "groupid": group}), 400);
    alice.send(&json!({"msgid": 20, "id": bob.id, "groupid": group, "seq": 1, "tag": 5}));
    let error = alice.recv();
    assert_eq!((&error["msgid"], &error["errno"], &error["about"]), (&json!(19), &json!(400), &json!(20)), "{error}");
    assert_eq!(error["tag"], 5);
    assert_names(&error, "`id` or `groupid`");
    alice.ok(json!({"msgid": 43, "groupid": group}));
}

/// Every bound from both sides.
#[test]
fn the_edges_of_numbers_and_texts_are_exact() {
    let node = node();
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut bob = Client::newcomer(node.addr(), "bob");
    let most = (1_u64 << 53) - 1;
    for field in ["before", "after"] {
        for good in [json!(0), json!(1), json!(most)] {
            alice.ok(json!({"msgid": 43, "id": bob.id, field: good}));
        }
        for bad in [json!(-1), json!(most + 1), json!(u64::MAX), json!(1.5), json!(1e30), json!("1"), json!(true)] {
            let reply = alice.refused(json!({"msgid": 43, "id": bob.id, field: bad}), 400);
            assert_names(&reply, field);
        }
    }
    for good in [1, 200, 201, most] {
        alice.ok(json!({"msgid": 43, "id": bob.id, "limit": good}));
    }
    for bad in [json!(0), json!(-1), json!(most + 1), json!(2.0), json!("2")] {
        assert_names(&alice.refused(json!({"msgid": 43, "id": bob.id, "limit": bad}), 400), "limit");
    }
    for bad in [json!(0), json!(-1), json!(1_u64 << 31), json!(most + 1), json!(1.0)] {
        assert_names(&alice.refused(json!({"msgid": 6, "toid": bad, "msg": "m"}), 400), "toid");
    }
    let fits = "x".repeat(254);
    assert_eq!(alice.ok(json!({"msgid": 17, "tag": fits}))["tag"], json!(fits), "256 bytes with its quotes");
    let reply = alice.refused(json!({"msgid": 17, "tag": "x".repeat(255)}), 413);
    assert!(reply.get("tag").is_none(), "{reply}");
    for good in ["", "\u{0}", "a\u{0}b", "\r\n", "\u{2028}", "\u{FEFF}", "\\", "\""] {
        alice.ok(json!({"msgid": 6, "toid": bob.id, "msg": good}));
        assert_eq!(bob.expect_push(6)["msg"], good);
    }
    for (field, request) in [
        ("cid", json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": ""})),
        ("cid", json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": "x".repeat(65)})),
        ("cid", json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": 1.5})),
        ("cid", json!({"msgid": 6, "toid": bob.id, "msg": "m", "cid": u64::MAX})),
        ("keyword", json!({"msgid": 31, "keyword": ""})),
        ("keyword", json!({"msgid": 31, "keyword": "  "})),
        ("groupname", json!({"msgid": 8, "groupname": ""})),
    ] {
        assert_names(&alice.refused(request, 400), field);
    }
    for (sent, field) in [("\"msg\":\"\\ud800\"", "msg"), ("\"msg\":\"m\",\"ext\":\"\\udc00\"", "ext")] {
        alice.send_raw(format!("{{\"msgid\":6,\"toid\":{},{sent},\"tag\":9}}\n", bob.id).as_bytes());
        let reply = alice.recv();
        assert_eq!((&reply["errno"], &reply["tag"]), (&json!(400), &json!(9)), "{reply}");
        assert_names(&reply, field);
    }
    // An escape that JSON does not have makes the line no JSON.
    alice.send_raw(format!("{{\"msgid\":6,\"toid\":{},\"msg\":\"\\q\"}}\n", bob.id).as_bytes());
    assert_eq!(alice.recv()["msgid"], 19);
    alice.ok(json!({"msgid": 17}));
}

#[test]
fn delivered_has_no_reply_even_when_it_is_nonsense() {
    let node = node();
    let mut client = Client::newcomer(node.addr(), "delivered");
    let other = Client::newcomer(node.addr(), "delivered-other");
    client.confirm(other.id, 0);
    client.confirm(client.id, 1);
    client.confirm(other.id, (1 << 53) - 1);
    client.expect_silence();
}
