//! The Qt client of sponge and RayBox.

use serde_json::{Value, json};

use super::clients::GAP;
use super::qt::Qt;
use crate::common::client::{Account, unique};
use crate::common::node::Node;

#[test]
fn every_request_of_it_has_its_answer() {
    let node = Node::with_settings(&[GAP]);
    let (name, other) = (unique("anna"), unique("ben"));
    let mut anna = Qt::join(node.addr(), &name);
    let mut ben = Qt::join(node.addr(), &other);
    let ok = json!({"errno": 200, "msgType": 200});
    let ack = anna.ask(json!({"msgType": 6, "U1": anna.id, "U2": ben.id}));
    assert_eq!(ack, json!({"errno": 200, "msgType": 6, "name": other, "userId": ben.id}));
    assert_eq!(ben.next(), json!({"errno": 200, "msgType": 6, "name": name, "new": true, "userId": anna.id}));
    let group = unique("chess");
    let made = anna.ask(json!({"msgType": 12, "FROMID": anna.id, "name": group, "description": "d"}));
    let id = made["GROUPID"].as_u64().unwrap();
    assert_eq!(made, json!({"GROUPID": id, "errno": 200, "msgType": 12, "name": group}));
    let joined = ben.ask(json!({"msgType": 10, "FROMID": ben.id, "GROUPID": id}));
    assert_eq!(joined, json!({"errno": 200, "groupId": id, "msgType": 10, "name": group}));
    let contacts = anna.ask(json!({"msgType": 8, "FROMID": anna.id}));
    let listed = json!([
        {"id": ben.id.to_string(), "isGroup": "0", "name": other}, {"id": id.to_string(), "isGroup": "1", "name": group},
    ]);
    assert_eq!(contacts, json!({"errno": 200, "friends": listed, "msgType": 8}));
    let mine = ben.ask(json!({"msgType": 11, "FROMID": ben.id}));
    let entry = json!({"desc": "d", "gUsers": [], "id": id.to_string(), "name": group});
    assert_eq!(mine, json!({"errno": 200, "groups": [entry], "msgType": 200}));
    let found = ben.ask(json!({"msgType": 13, "name": group}));
    assert_eq!(found, mine);
    let found = ben.ask(json!({"msgType": 15, "keyword": anna.id.to_string()}));
    assert_eq!(found["results"][0], json!({"id": anna.id.to_string(), "isGroup": "0", "name": name}));
    let found = ben.ask(json!({"msgType": 15, "keyword": name}));
    assert_eq!(found["results"], json!([]), "users are not found by name");
    anna.send(json!({"msgType": 4, "FROMID": anna.id, "TOID": ben.id, "msg": "hello \\ 你好", "sendTime": 1}));
    let chat = ben.next();
    assert!(chat["sendTime"].as_u64().is_some_and(|time| time > 1_700_000_000_000), "{chat}");
    assert_eq!((&chat["msgType"], &chat["FROMID"], &chat["TOID"]), (&json!(4), &json!(anna.id), &json!(ben.id)));
    assert_eq!(chat["msg"], "hello \\ 你好");
    ben.send(json!({"msgType": 9, "FROMID": ben.id, "GROUPID": id, "msg": "all", "sendTime": 1}));
    let chat = anna.next();
    assert_eq!((&chat["msgType"], &chat["GROUPID"], &chat["msg"]), (&json!(9), &json!(id), &json!("all")));
    assert_eq!(anna.ask(json!({"msgType": 7, "FROMID": anna.id, "TOID": ben.id})), ok);
    assert_eq!(anna.ask(json!({"msgType": 3, "USERID": anna.id})), ok);
}

#[test]
fn both_forms_of_its_password_lead_in() {
    const DIGITS_OF_SECRET: &str = "95c7fbca92ac5083afda62a564a3d014fc3b72c9140e3cb99ea6bf12";
    let node = Node::with_settings(&[GAP]);
    let mut qt = Qt::start(node.addr());
    // Its buttons send the digits; when it connects again by itself, it sends what was typed.
    let ack = qt.ask(json!({"msgType": 2, "name": unique("anna"), "password": DIGITS_OF_SECRET}));
    let login = |password: &str| json!({"msgType": 1, "USERID": ack["USERID"], "password": password});
    for password in [DIGITS_OF_SECRET, "secret"] {
        assert_eq!(qt.ask(login(password)), json!({"errno": 200, "msgType": 200}));
        qt.ask(json!({"msgType": 3, "USERID": ack["USERID"]}));
    }
    assert_eq!(qt.ask(login("another"))["errno"], 302);
}

#[test]
fn what_is_pending_is_asked_for() {
    let node = Node::with_settings(&[GAP]);
    let mut new = Account::register(node.addr(), "new").login(node.addr());
    let mut anna = Qt::join(node.addr(), &unique("anna"));
    assert_eq!(anna.ask(json!({"msgType": 3, "USERID": anna.id}))["errno"], 200);
    for number in 0..30 {
        new.ok(json!({"msgid": 6, "toid": anna.id, "msg": format!("{number}: {}", "long ".repeat(10))}));
    }
    anna.log_in();
    let answer = anna.ask(json!({"msgType": 14, "FROMID": anna.id}));
    assert!(answer.to_string().len() <= 1400);
    let texts = answer["msgs"].as_array().unwrap();
    let mut messages: Vec<Value> =
        texts.iter().map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect();
    assert!((1..30).contains(&messages.len()));
    while messages.len() < 30 {
        messages.push(anna.next());
    }
    for (number, message) in messages.iter().enumerate() {
        assert!(message["msg"].as_str().unwrap().starts_with(&format!("{number}: ")), "{message}");
    }
    // Nothing comes twice.
    assert_eq!(anna.ask(json!({"msgType": 14, "FROMID": anna.id}))["msgs"], json!([]));
}

#[test]
fn what_it_does_not_understand_it_says_and_stays() {
    let node = Node::with_settings(&[GAP]);
    let mut anna = Qt::join(node.addr(), &unique("anna"));
    // Every five minutes; nothing is awaited. The next request may follow at once.
    anna.send_bytes(b"keep this socket alive");
    assert_eq!(anna.ask(json!({"msgType": 100}))["errno"], 404);
    assert_eq!(anna.ask(json!({"msgType": 6, "U1": anna.id}))["errno"], 401);
    anna.send_bytes(b"{]");
    assert_eq!(anna.next()["errno"], 401);
    let mut twin = Qt::start(node.addr());
    assert_eq!(twin.ask(json!({"msgType": 1, "USERID": anna.id, "password": "wrong"}))["errno"], 302);
    assert_eq!(twin.ask(json!({"msgType": 1, "USERID": anna.id, "password": "secret"}))["errno"], 301);
    assert_eq!(twin.ask(json!({"msgType": 2, "name": "", "password": "x"}))["USERID"], -1);
}
