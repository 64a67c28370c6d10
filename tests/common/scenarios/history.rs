//! HISTORY: what was said, page by page.

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Client, seqs};

fn page(client: &mut Client, request: Value) -> (Vec<u64>, bool) {
    let reply = client.ok(request);
    assert_eq!(reply["msgid"], 44);
    let messages = reply["messages"].as_array().unwrap_or_else(|| panic!("HISTORY without messages[]: {reply}"));
    (seqs(messages), reply["more"].as_bool().unwrap_or_else(|| panic!("HISTORY without more: {reply}")))
}

pub fn history_comes_in_pages(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for number in 1..=25 {
        let (from, to) = if number % 2 == 0 { (&mut alice, bob.id) } else { (&mut bob, alice.id) };
        from.say(to, &format!("message {number}"));
    }
    let with = bob.id;
    for (request, expected) in [
        (json!({"limit": 10}), ((16..=25).collect(), true)),
        (json!({"limit": 10, "before": 16}), ((6..=15).collect(), true)),
        (json!({"limit": 10, "before": 6}), ((1..=5).collect(), false)),
        (json!({"limit": 5, "before": 6}), ((1..=5).collect(), false)),
        (json!({"before": 1}), (vec![], false)),
        (json!({"limit": 10, "after": 0}), ((1..=10).collect(), true)),
        (json!({"limit": 10, "after": 15}), ((16..=25).collect(), false)),
        (json!({"limit": 10, "after": 20}), ((21..=25).collect(), false)),
        (json!({"after": 25}), (vec![], false)),
        (json!({"after": 1000}), (vec![], false)),
        (json!({}), ((1..=25).collect(), false)),
    ] {
        let mut whole = request.clone();
        whole["msgid"] = json!(43);
        whole["id"] = json!(with);
        let got: (Vec<u64>, bool) = page(&mut alice, whole);
        let expected: (Vec<u64>, bool) = expected;
        assert_eq!(got, expected, "HISTORY with {request}");
    }
    let reply = alice.ok(json!({"msgid": 43, "id": with, "after": 0, "limit": 2}));
    for (message, (from, to)) in reply["messages"].as_array().unwrap().iter().zip([(&bob, &alice), (&alice, &bob)]) {
        assert_eq!(message["msgid"], 6, "each as its push: {message}");
        assert_eq!((&message["id"], &message["toid"]), (&json!(from.id), &json!(to.id)), "{message}");
        assert_eq!(message["name"], from.name.as_str(), "{message}");
        assert!(message["time"].is_string() && message["msg"].is_string(), "{message}");
    }
}

pub fn history_of_nobody_is_empty(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Client::newcomer(site.there, "bob");
    assert_eq!(page(&mut alice, json!({"msgid": 43, "id": bob.id})), (vec![], false));
    let group = alice.create_group("silent");
    assert_eq!(page(&mut alice, json!({"msgid": 43, "groupid": group, "after": 0})), (vec![], false));
}

pub fn history_has_defaults_and_bounds(site: Site) {
    const SENT: u64 = 230;
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for number in 1..=SENT {
        alice.send(&json!({"msgid": 6, "toid": bob.id, "msg": number.to_string()}));
    }
    assert_eq!(seqs(&alice.expect_pushes(11, 230)), (1..=SENT).collect::<Vec<_>>());
    let with = alice.id;
    let latest = page(&mut bob, json!({"msgid": 43, "id": with}));
    assert_eq!(latest, ((181..=SENT).collect(), true), "50 by default, the latest");
    let most = page(&mut bob, json!({"msgid": 43, "id": with, "after": 0, "limit": 200}));
    assert_eq!(most, ((1..=200).collect(), true));
    let reply = bob.request(json!({"msgid": 43, "id": with, "after": 0, "limit": 100_000}));
    let too_many = reply["messages"].as_array().is_some_and(|messages| messages.len() > 200);
    assert!(!too_many, "200 at most, whatever is asked for");
    bob.refused(json!({"msgid": 43}), 400);
    bob.refused(json!({"msgid": 43, "id": with, "after": 1, "before": 9}), 400);
    let reply = bob.refused(json!({"msgid": 43, "id": with, "limit": "many"}), 400);
    assert!(reply["errmsg"].as_str().unwrap().contains("limit"), "errmsg names the field: {reply}");
}

pub fn a_new_member_reads_old_messages(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("old");
    for number in 1..=3 {
        alice.say_to_group(group, &format!("old {number}"));
    }
    bob.join(group);
    bob.expect_silence();
    assert!(bob.ok(json!({"msgid": 33}))["offlinemsg"].as_array().is_some_and(Vec::is_empty), "nothing old is pending");
    let history = bob.history_of_group(group);
    assert_eq!(seqs(&history), [1, 2, 3]);
    assert_eq!((&history[0]["msgid"], &history[0]["groupid"]), (&json!(10), &json!(group)), "each as its push");
    alice.say_to_group(group, "new");
    assert_eq!(bob.expect_push(10)["seq"], 4);
}
