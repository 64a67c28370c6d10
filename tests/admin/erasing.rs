//! What is given out about a person, and that nothing is left of who was erased.

use serde_json::{Value, json};

use crate::common::client::{Client, PASSWORD, unique};
use crate::common::process::wait_for;
use crate::desk::Desk;

/// A user of an odd name who has said something everywhere, and two others.
struct Life {
    name: String,
    ann: Client,
    ben: Client,
    group: u64,
}

fn life(desk: &Desk) -> Life {
    let addr = desk.node.addr();
    let name = unique("zebrafinch");
    let mut ann = desk.node.connect();
    ann.ok(json!({"msgid": 4, "name": name, "pwd": PASSWORD}));
    drop(ann);
    let mut ann = Client::login_as(addr, &name);
    let mut ben = Client::newcomer(addr, "ben");
    let group = ben.create_group("garden");
    ann.join(group);
    ann.ok(json!({"msgid": 7, "friendid": ben.id}));
    ann.ok(json!({"msgid": 87, "ext": {"motto": "profile-secret"}}));
    ann.say_once(ben.id, "pair-secret", "cid-secret");
    ann.say_to_group(group, "group-secret");
    ben.say(ann.id, "not hers");
    ann.ok(json!({"msgid": 61, "id": ben.id, "of": 2, "reaction": "wow-secret", "on": true}));
    ann.ok(json!({"msgid": 57, "id": ben.id, "of": 1, "msg": "pair-secret-edited"}));
    Life { name, ann, ben, group }
}

fn export_has_everything(desk: &Desk) {
    let Life { name, ann, ben, group } = life(desk);
    let export = desk.get(&format!("/v1/users/{}/export", ann.id));
    assert_eq!(export["user"]["name"], json!(name));
    assert_eq!(export["user"]["profile"], json!({"motto": "profile-secret"}));
    assert_eq!(export["friends"], json!([{"id": ben.id, "name": ben.name}]));
    assert_eq!(export["groups"][0]["id"], group);
    let texts: Vec<&str> =
        export["messages"].as_array().unwrap().iter().map(|message| message["msg"].as_str().unwrap()).collect();
    assert_eq!(texts, ["group-secret", "pair-secret-edited"], "{export}");
    assert_eq!(export["reactions"][0]["reaction"], "wow-secret");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(export["conversations"].as_array().unwrap().len(), 2);
    let text = export.to_string();
    for secret in ["argon2", &ann.token, "not hers"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn an_export_has_everything_and_no_secret_on_sqlite() {
    export_has_everything(&Desk::on_sqlite(&[]));
}

#[test]
fn an_export_has_everything_and_no_secret_on_mariadb() {
    export_has_everything(&Desk::on_mariadb("admin_export", &[]));
}

/// Who has said more than a page is exported whole.
#[test]
fn a_long_export_comes_whole() {
    const MESSAGES: u64 = 2_500;
    let desk = Desk::on_sqlite(&[]);
    let (mut ann, ben) = (Client::newcomer(desk.node.addr(), "ann"), Client::newcomer(desk.node.addr(), "ben"));
    for number in 1..=MESSAGES {
        ann.send(&json!({"msgid": 6, "toid": ben.id, "msg": format!("{number} {}", "x".repeat(100))}));
    }
    ann.expect_pushes(11, usize::try_from(MESSAGES).unwrap());
    let text = desk.says(&["users", "export", &ann.id.to_string()]);
    let export: Value = serde_json::from_str(&text).unwrap();
    let seqs: Vec<u64> =
        export["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=MESSAGES).collect::<Vec<_>>());
}

fn nothing_is_left(desk: &Desk, erase: impl Fn(&Desk, &mut Life)) {
    let mut life = life(desk);
    // A name given up earlier is held, and is hers, too.
    let earlier = life.name.clone();
    life.name = unique("nightjar");
    life.ann.ok(json!({"msgid": 87, "name": life.name}));
    let all = [
        life.name.clone(),
        earlier,
        "profile-secret".to_owned(),
        "pair-secret".to_owned(),
        "group-secret".to_owned(),
        "wow-secret".to_owned(),
        "cid-secret".to_owned(),
    ];
    for text in &all {
        assert!(desk.has_text(text), "the test can see {text}");
    }
    erase(desk, &mut life);
    for text in &all {
        wait_for(&format!("{text} to be gone"), || (!desk.has_text(text)).then_some(()));
    }
    assert!(desk.has_text("not hers"), "nothing else is gone");
    // The names are held all the same.
    desk.node.connect().refused(json!({"msgid": 4, "name": life.name, "pwd": PASSWORD}), 1);
    let history = life.ben.history_of_group(life.group);
    assert_eq!(history[0]["recalled"], true, "{history:?}");
}

fn by_admin(desk: &Desk, life: &mut Life) {
    desk.post(&format!("/v1/users/{}/erase", life.ann.id), Value::Null);
    life.ann.expect_closed();
    life.ben.expect_notice("friend_removed");
}

fn by_herself(_: &Desk, life: &mut Life) {
    life.ann.ok(json!({"msgid": 89, "pwd": PASSWORD}));
}

#[test]
fn nothing_is_left_of_who_was_erased_on_sqlite() {
    nothing_is_left(&Desk::on_sqlite(&[]), by_admin);
    nothing_is_left(&Desk::on_sqlite(&[]), by_herself);
}

#[test]
fn nothing_is_left_of_who_was_erased_on_mariadb() {
    nothing_is_left(&Desk::on_mariadb("admin_erased", &[]), by_admin);
    nothing_is_left(&Desk::on_mariadb("admin_erased_herself", &[]), by_herself);
}
