//! Messages that were kept long enough are gone, and nobody misses a number.

use serde_json::{Value, json};

use crate::common::client::{Client, PASSWORD, seqs, texts};
use crate::common::process::wait_for;
use crate::desk::Desk;

/// Milliseconds of two days.
const TWO_DAYS: i64 = 2 * 24 * 3600 * 1000;

fn history(client: &mut Client, peer: u64) -> Value {
    client.ok(json!({"msgid": 43, "id": peer, "limit": 200}))
}

/// Everything said so far was said two days ago.
fn age(desk: &Desk) {
    desk.execute(&format!("UPDATE Message SET sent_at = sent_at - {TWO_DAYS}"));
}

fn old_messages_go(desk: &Desk) {
    let addr = desk.node.addr();
    let (mut ann, mut ben) = (Client::newcomer(addr, "ann"), Client::newcomer(addr, "ben"));
    ben.log_out();
    for number in 1..=5 {
        ann.say(ben.id, &format!("old {number}"));
    }
    age(desk);
    for number in 6..=7 {
        ann.say(ben.id, &format!("new {number}"));
    }
    assert_eq!(history(&mut ann, ben.id).get("floor"), None, "nothing was removed yet");
    desk.post("/v1/retention/run", Value::Null);
    let page = wait_for("the old ones to go", || {
        let page = history(&mut ann, ben.id);
        page["floor"].is_u64().then_some(page)
    });
    assert_eq!(page["floor"], 6);
    assert_eq!(texts(page["messages"].as_array().unwrap()), ["new 6", "new 7"]);
    // Whoever was away starts behind what is gone, and nothing is awaited.
    let mut back = desk.node.connect();
    let reply = back.ok(json!({"msgid": 1, "id": ben.id, "pwd": PASSWORD, "ack": true}));
    assert_eq!(seqs(reply["offlinemsg"].as_array().unwrap()), [6, 7], "{reply}");
    back.ok(json!({"msgid": 47}));
    ann.say(ben.id, "newer 8");
    assert_eq!(back.expect_push(6)["seq"], 8);
    let found = ann.ok(json!({"msgid": 63, "keyword": "old"}));
    assert_eq!(found["messages"], json!([]));
    // Behind the floor there is nothing to change.
    ann.refused(json!({"msgid": 57, "id": ben.id, "of": 1, "msg": "x"}), 404);
    // The list of conversations shows what is left.
    let listed = back.ok(json!({"msgid": 47}));
    assert_eq!(listed["conversations"][0]["unread"], 3, "{listed}");
}

#[test]
fn old_messages_go_on_sqlite() {
    let desk = Desk::on_sqlite(&["retention.days=1"]);
    old_messages_go(&desk);
    wait_for("the text to be gone from the files", || (!desk.has_text("old 3")).then_some(()));
}

#[test]
fn old_messages_go_on_mariadb() {
    old_messages_go(&Desk::on_mariadb("admin_retention", &["retention.days=1"]));
}

/// Where everything is gone, the numbers go on.
fn all_may_go(desk: &Desk) {
    let addr = desk.node.addr();
    let (mut ann, mut ben) = (Client::newcomer(addr, "ann"), Client::newcomer(addr, "ben"));
    for _ in 0..2_500 {
        ann.send(&json!({"msgid": 6, "toid": ben.id, "msg": "old"}));
    }
    ann.expect_pushes(11, 2_500);
    ben.log_out();
    age(desk);
    desk.post("/v1/retention/run", Value::Null);
    wait_for("all to go", || (history(&mut ann, ben.id)["floor"] == 2_501).then_some(()));
    let mut back = desk.node.connect();
    let reply = back.ok(json!({"msgid": 1, "id": ben.id, "pwd": PASSWORD, "ack": true}));
    assert_eq!(reply["offlinemsg"], json!([]));
    let ack = ann.say(ben.id, "new");
    assert_eq!(ack["seq"], 2_501);
    assert_eq!(back.expect_push(6)["seq"], 2_501);
    let listed = ann.ok(json!({"msgid": 47}));
    assert_eq!(listed["conversations"][0]["last"]["msg"], "new");
}

#[test]
fn all_may_go_on_sqlite() {
    all_may_go(&Desk::on_sqlite(&["retention.days=1"]));
}

#[test]
fn all_may_go_on_mariadb() {
    all_may_go(&Desk::on_mariadb("admin_retention_all", &["retention.days=1"]));
}

/// A group has a time of its own, or is left alone.
#[test]
fn a_groups_own_time_counts() {
    for (setting, own, goes) in [
        ("retention.days=0", json!(1), true),
        ("retention.days=1", json!(0), false),
        ("retention.days=1", json!(30), false),
    ] {
        let desk = Desk::on_sqlite(&[setting]);
        let (mut ann, ben) = (Client::newcomer(desk.node.addr(), "ann"), Client::newcomer(desk.node.addr(), "ben"));
        let group = ann.create_group("garden");
        ann.say_to_group(group, "old in the group");
        ann.say(ben.id, "old to ben");
        age(&desk);
        desk.post(&format!("/v1/groups/{group}/retention"), json!({"days": own}));
        desk.post("/v1/retention/run", Value::Null);
        let is_gone = |client: &mut Client, peer: Value| {
            let mut request = json!({"msgid": 43});
            request.as_object_mut().unwrap().extend(peer.as_object().unwrap().clone());
            client.ok(request)["floor"].is_u64()
        };
        // The one of the two that goes tells that the look is over.
        let (going, staying) = if goes {
            (json!({"groupid": group}), json!({"id": ben.id}))
        } else {
            (json!({"id": ben.id}), json!({"groupid": group}))
        };
        wait_for("what is too old to go", || is_gone(&mut ann, going.clone()).then_some(()));
        assert!(!is_gone(&mut ann, staying), "{setting}, {own}");
    }
}
