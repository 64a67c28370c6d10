//! One's own view of conversations: the list, what is unread, who has received and read; who is typing, who comes and goes.

use std::time::Duration;

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Account, Client, PASSWORD, Stopwatch};
use crate::common::process::wait_for;

/// Logs in from a device that wants all of this.
fn login_wanting(account: &Account, at: std::net::SocketAddr, device: &str, want: &[&str]) -> Client {
    let client = account.login_with(at, json!({"pwd": PASSWORD, "ack": true, "device": device, "want": want}));
    if !want.is_empty() {
        // Another node's answer that nobody wants it counts for two seconds.
        std::thread::sleep(Duration::from_millis(2_200));
    }
    client
}

fn conversations(client: &mut Client) -> Vec<Value> {
    let reply = client.ok(json!({"msgid": 47}));
    assert_eq!(reply["more"], false, "{reply}");
    reply["conversations"].as_array().unwrap_or_else(|| panic!("no conversations[]: {reply}")).clone()
}

fn conversation_with(client: &mut Client, peer: u64) -> Value {
    let listed = conversations(client);
    let found = listed.iter().find(|entry| entry["id"] == peer).cloned();
    found.unwrap_or_else(|| panic!("no conversation with {peer}: {listed:?}"))
}

fn read(client: &mut Client, peer: u64, seq: u64) {
    client.send(&json!({"msgid": 45, "id": peer, "seq": seq}));
}

pub fn conversations_are_listed_the_latest_first(site: Site) {
    let mut ann = Client::newcomer(site.here, "ann");
    let (mut ben, eve) = (Client::newcomer(site.there, "ben"), Account::register(site.there, "eve"));
    assert_eq!(conversations(&mut ann), Vec::<Value>::new());
    ann.say(eve.id, "to eve");
    ben.say(ann.id, "to ann");
    let group = ann.create_group("listed");
    ben.join(group);
    ben.say_to_group(group, "to all");
    ann.say(ben.id, "to ben");
    let listed = conversations(&mut ann);
    let peers: Vec<(&Value, &Value)> = listed.iter().map(|entry| (&entry["id"], &entry["groupid"])).collect();
    assert_eq!(peers, [(&json!(ben.id), &Value::Null), (&Value::Null, &json!(group)), (&json!(eve.id), &Value::Null)]);
    let of_ben = &listed[0];
    assert_eq!((&of_ben["name"], &of_ben["state"]), (&json!(ben.name), &json!("online")), "{of_ben}");
    assert_eq!(
        (&of_ben["last_seq"], &of_ben["read"], &of_ben["unread"]),
        (&json!(2), &json!(2), &json!(0)),
        "{of_ben}"
    );
    assert_eq!((&of_ben["last"]["msg"], &of_ben["last"]["msgid"]), (&json!("to ben"), &json!(6)), "{of_ben}");
    assert_eq!((&of_ben["muted"], &of_ben["pinned"]), (&json!(false), &json!(false)));
    let of_group = &listed[1];
    assert_eq!((&of_group["total"], &of_group["unread"]), (&json!(2), &json!(1)), "{of_group}");
    assert!(of_group["groupname"].is_string() && of_group.get("peer_read").is_none(), "{of_group}");
    assert_eq!(listed[2]["state"], "offline");
    // Page by page it is the same list.
    let mut paged = Vec::new();
    let mut request = json!({"msgid": 47, "limit": 1});
    loop {
        let reply = ann.ok(request.clone());
        paged.extend(reply["conversations"].as_array().unwrap().iter().cloned());
        if reply["more"] == false {
            break;
        }
        request["after"] = reply["next"].clone();
    }
    assert_eq!(paged, listed);
    ann.refused(json!({"msgid": 47, "after": "tomorrow"}), 400);
    ann.refused(json!({"msgid": 47, "limit": 0}), 400);
}

pub fn what_is_read_on_one_device_is_read_on_all(site: Site) {
    let (ann, mut ben) = (Account::register(site.here, "ann"), Client::newcomer(site.there, "ben"));
    let mut browser = login_wanting(&ann, site.here, "browser", &["receipts"]);
    let mut terminal = login_wanting(&ann, site.there, "terminal", &["receipts", "typing"]);
    let mut phone = login_wanting(&ann, site.here, "phone", &[]);
    for text in ["1", "2", "3"] {
        ben.say(ann.id, text);
    }
    for client in [&mut browser, &mut terminal, &mut phone] {
        client.expect_pushes(6, 3);
        assert_eq!(conversation_with(client, ben.id)["unread"], 3);
    }
    read(&mut browser, ben.id, 2);
    let told = terminal.expect_push(46);
    assert_eq!(told, json!({"msgid": 46, "id": ann.id, "toid": ben.id, "read": 2}));
    for client in [&mut browser, &mut terminal, &mut phone] {
        let entry = conversation_with(client, ben.id);
        assert_eq!((&entry["read"], &entry["unread"]), (&json!(2), &json!(1)), "{entry}");
    }
    // Never back, and never beyond the end; what has not moved is not told.
    read(&mut phone, ben.id, 1);
    read(&mut phone, ben.id, 900);
    assert_eq!(terminal.expect_push(46)["read"], 3);
    assert_eq!(browser.expect_push(46)["read"], 3, "the session that has read is not told, but the others are");
    phone.expect_silence();
    // What one says oneself counts as read, and it is told by the message.
    phone.say(ben.id, "an answer");
    ben.expect_push(6);
    assert_eq!(conversation_with(&mut browser, ben.id)["read"], 4);
    assert_eq!(conversation_with(&mut ben, ann.id)["unread"], 1);
}

pub fn receipts_are_told_to_the_one_who_waits_for_them(site: Site) {
    let (ann, ben) = (Account::register(site.here, "ann"), Account::register(site.there, "ben"));
    let mut ann = login_wanting(&ann, site.here, "desk", &["receipts"]);
    let mut ben = login_wanting(&ben, site.there, "desk", &[]);
    for text in ["1", "2", "3"] {
        ann.say(ben.id, text);
    }
    ben.expect_pushes(6, 3);
    ben.confirm(ann.id, 2);
    assert_eq!(ann.expect_push(46), json!({"msgid": 46, "id": ben.id, "toid": ann.id, "delivered": 2}));
    ben.confirm(ann.id, 2);
    ben.confirm(ann.id, 1);
    read(&mut ben, ann.id, 3);
    assert_eq!(
        ann.expect_push(46),
        json!({"msgid": 46, "id": ben.id, "toid": ann.id, "delivered": 3, "read": 3}),
        "what was read has arrived, and what has not moved is not told"
    );
    let entry = conversation_with(&mut ann, ben.id);
    assert_eq!((&entry["peer_delivered"], &entry["peer_read"]), (&json!(3), &json!(3)), "{entry}");
    ben.expect_silence();
    let reply = ann.ok(json!({"msgid": 65, "id": ben.id}));
    let mine = json!({"id": ann.id, "delivered": 3, "read": 0});
    let hers = json!({"id": ben.id, "delivered": 3, "read": 3});
    assert_eq!(reply["receipts"], json!([mine, hers]), "{reply}");
    // In groups they are asked for.
    let group = ann.create_group("receipts");
    ben.join(group);
    ann.say_to_group(group, "to all");
    ben.expect_push(10);
    ben.send(&json!({"msgid": 45, "groupid": group, "seq": 1}));
    wait_for("what ben has read", || {
        let reply = ann.ok(json!({"msgid": 65, "groupid": group, "after": ann.id}));
        (reply["receipts"] == json!([{"id": ben.id, "delivered": 1, "read": 1}])).then_some(())
    });
    let page = ann.ok(json!({"msgid": 65, "groupid": group, "limit": 1}));
    assert_eq!((page["receipts"].as_array().map(Vec::len), &page["more"]), (Some(1), &json!(true)), "{page}");
    ann.forget_pushes();
    Client::newcomer(site.here, "eve").refused(json!({"msgid": 65, "groupid": group}), 403);
    ann.refused(json!({"msgid": 65, "groupid": 2_000_000_000}), 404);
    ann.refused(json!({"msgid": 65, "id": ann.id}), 400);
}

pub fn conversations_are_kept_as_one_likes(site: Site) {
    let (ann, ben) = (Account::register(site.here, "ann"), Account::register(site.there, "ben"));
    let mut browser = ann.login_from(site.here, "browser");
    let mut phone = ann.login_from(site.there, "phone");
    browser.refused(json!({"msgid": 51, "id": ben.id, "muted": true}), 404);
    browser.say(ben.id, "hello");
    phone.expect_push(6);
    let reply = browser.ok(json!({"msgid": 51, "id": ben.id, "muted": true}));
    assert_eq!((&reply["muted"], &reply["pinned"]), (&json!(true), &json!(false)), "{reply}");
    let told = phone.expect_notice("conversation_set");
    assert_eq!((&told["id"], &told["muted"], &told["pinned"]), (&json!(ben.id), &json!(true), &json!(false)), "{told}");
    phone.ok(json!({"msgid": 51, "id": ben.id, "pinned": true}));
    let told = browser.expect_notice("conversation_set");
    assert_eq!((&told["muted"], &told["pinned"]), (&json!(true), &json!(true)), "what is left out stays: {told}");
    let entry = conversation_with(&mut browser, ben.id);
    assert_eq!((&entry["muted"], &entry["pinned"]), (&json!(true), &json!(true)), "{entry}");
    let entry = conversation_with(&mut ben.login(site.there), ann.id);
    assert_eq!((&entry["muted"], &entry["pinned"]), (&json!(false), &json!(false)), "it is one's own: {entry}");
    let group = Client::newcomer(site.there, "eve").create_group("others");
    browser.refused(json!({"msgid": 51, "groupid": group, "muted": true}), 403);
    browser.refused(json!({"msgid": 51, "groupid": 2_000_000_000, "muted": true}), 404);
    browser.refused(json!({"msgid": 51, "id": ann.id, "muted": true}), 400);
    browser.refused(json!({"msgid": 51, "id": ben.id}), 400);
}

pub fn typing_is_told_now_and_then(site: Site) {
    let (ann, ben) = (Account::register(site.here, "ann"), Account::register(site.there, "ben"));
    let mut ann = login_wanting(&ann, site.here, "desk", &["typing"]);
    let mut wanting = login_wanting(&ben, site.there, "desk", &["typing", "moon"]);
    let mut other = login_wanting(&ben, site.here, "phone", &["receipts"]);
    let typing = |client: &mut Client, peer: u64| client.send(&json!({"msgid": 50, "id": peer}));
    ann.say(ben.id, "hello");
    for client in [&mut wanting, &mut other] {
        client.expect_push(6);
    }
    for _ in 0..5 {
        typing(&mut ann, ben.id);
    }
    assert_eq!(wanting.expect_push(50), json!({"msgid": 50, "id": ann.id, "name": ann.name}));
    ann.say(ben.id, "what was typed");
    wanting.expect_push(6);
    wanting.expect_silence();
    other.expect_push(6);
    other.expect_silence();
    let group = ann.create_group("typing");
    wanting.join(group);
    ann.expect_notice("group_joined");
    other.expect_notice("group_joined");
    wait_for("typing in the group", || {
        wanting.send(&json!({"msgid": 50, "groupid": group}));
        let told = ann.recv();
        (told == json!({"msgid": 50, "id": ben.id, "name": ben.name, "groupid": group})).then_some(())
    });
    wanting.expect_silence();
    // What is wrong is said without an answer of its own.
    for (wrong, errno) in [
        (json!({"msgid": 50, "id": ann.id}), 400),
        (json!({"msgid": 50}), 400),
        (json!({"msgid": 50, "groupid": 2_000_000_000}), 403),
        (json!({"msgid": 45, "id": ann.id, "seq": 1}), 400),
        (json!({"msgid": 45, "id": ben.id}), 400),
    ] {
        ann.send(&wrong);
        let told = ann.recv();
        assert_eq!((&told["msgid"], &told["errno"]), (&json!(19), &json!(errno)), "{wrong}: {told}");
        assert_eq!(told["about"], wrong["msgid"]);
    }
}

pub fn friends_are_told_who_comes_and_goes(site: Site) {
    let (ann, ben) = (Account::register(site.here, "ann"), Account::register(site.there, "ben"));
    let mut wanting = login_wanting(&ann, site.here, "desk", &["presence"]);
    let mut other = ann.login_from(site.there, "phone");
    wanting.ok(json!({"msgid": 7, "friendid": ben.id}));
    let first = ben.login(site.there);
    let told = wanting.expect_notice("presence");
    assert_eq!((&told["id"], &told["state"]), (&json!(ben.id), &json!("online")), "{told}");
    // Who is back in a moment was not away; and a second session is no second coming.
    drop(first);
    let second = ben.login(site.there);
    let mut third = ben.login_from(site.there, "phone");
    third.forget_pushes();
    wanting.expect_silence();
    drop(second);
    third.log_out();
    let gone = Stopwatch::start();
    let told = wanting.expect_notice("presence");
    assert_eq!((&told["id"], &told["state"]), (&json!(ben.id), &json!("offline")), "{told}");
    assert!(gone.elapsed() > Duration::from_secs(3), "after {:?}", gone.elapsed());
    other.expect_silence();
}

pub fn a_login_may_ask_for_the_list(site: Site) {
    let (ann, mut ben) = (Account::register(site.here, "ann"), Client::newcomer(site.there, "ben"));
    for text in ["1", "2", "3"] {
        ben.say(ann.id, text);
    }
    let list = json!({"pwd": PASSWORD, "ack": true, "device": "web", "want": ["receipts"], "catch_up": "list"});
    let mut client = ann.login_with(site.here, list.clone());
    let welcome = client.welcome.clone();
    assert!(welcome.get("offlinemsg").is_none(), "{welcome}");
    assert_eq!(welcome["more"], false, "{welcome}");
    let listed = welcome["conversations"].as_array().unwrap_or_else(|| panic!("no conversations[]: {welcome}"));
    assert_eq!((&listed[0]["id"], &listed[0]["unread"]), (&json!(ben.id), &json!(3)), "{welcome}");
    assert_eq!(listed[0]["last"]["msg"], "3");
    client.expect_silence();
    ben.say(ann.id, "4");
    assert_eq!(client.expect_push(6)["seq"], 4, "what is new is pushed, and nothing that is old");
    client.expect_silence();
    assert_eq!(client.history_with(ben.id).len(), 4);
    // What the session was never pushed is confirmed all the same.
    let mut again =
        ann.login_with(site.there, json!({"pwd": PASSWORD, "ack": true, "device": "other", "catch_up": "list"}));
    read(&mut again, ben.id, 3);
    assert_eq!(client.expect_push(46)["read"], 3);
    again.confirm(ben.id, 4);
    again.log_out();
    wait_for("a device that has confirmed what it was not pushed", || {
        let mut third = ann.login_with(site.here, json!({"pwd": PASSWORD, "ack": true, "device": "other"}));
        let pending = third.offline_messages();
        third.log_out();
        pending.is_empty().then_some(())
    });
    client.refused(json!({"msgid": 1, "id": ann.id, "pwd": PASSWORD}), 409);
    Client::connect(site.here).refused(json!({"msgid": 1, "id": ann.id, "pwd": PASSWORD, "catch_up": "all"}), 400);
    Client::connect(site.here).refused(json!({"msgid": 1, "id": ann.id, "pwd": PASSWORD, "want": "receipts"}), 400);
}
