//! Requests with wrong fields: each gets its own reply, which names the field.

use serde_json::{Value, json};

use crate::common::client::{Client, PASSWORD, reply_of, unique};
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
fn duplicate_keys_do_no_harm() {
    let node = node();
    let mut alice = Client::newcomer(node.addr(), "alice");
    let bob = Client::newcomer(node.addr(), "bob");
    for line in [
        format!("{{\"msgid\":6,\"toid\":{0},\"toid\":{0},\"msg\":\"m\"}}", bob.id),
        format!("{{\"msgid\":6,\"toid\":{},\"msg\":\"m\",\"msg\":\"n\"}}", bob.id),
        format!("{{\"msgid\":17,\"msgid\":6,\"toid\":{},\"msg\":\"m\"}}", bob.id),
        "{\"msgid\":17,\"tag\":1,\"tag\":2}".to_owned(),
        format!("{{\"msgid\":6,\"toid\":{},\"msg\":\"m\",\"ext\":{{\"a\":1,\"a\":2}}}}", bob.id),
    ] {
        alice.send_raw(format!("{line}\n").as_bytes());
        let reply = alice.recv();
        let errno = reply["errno"].as_i64();
        assert!([Some(0), Some(400)].contains(&errno), "{line} is taken or refused, not {reply}");
    }
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
