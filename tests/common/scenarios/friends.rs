//! Friends, friend requests, presence.

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Account, Client, mentions};
use crate::common::process::wait_for;

fn friends(client: &mut Client) -> Vec<Value> {
    let reply = client.ok(json!({"msgid": 27}));
    reply["friends"].as_array().unwrap_or_else(|| panic!("FRIENDS without friends[]: {reply}")).clone()
}

pub fn friendship_is_mutual(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let reply = alice.ok(json!({"msgid": 7, "friendid": bob.id, "tag": 1}));
    assert_eq!(reply["msgid"], 13);
    assert_eq!(reply["tag"], 1);
    assert_eq!(reply["friendid"], bob.id, "{reply}");
    assert_eq!(reply["name"], bob.name.as_str(), "{reply}");
    assert_eq!(reply["state"], "online", "{reply}");

    let notice = bob.expect_notice("friend_added");
    assert!(mentions(&notice, alice.id), "the notice says who: {notice}");
    assert_eq!(friends(&mut alice), [json!({"id": bob.id, "name": bob.name, "state": "online"})]);
    assert_eq!(friends(&mut bob), [json!({"id": alice.id, "name": alice.name, "state": "online"})]);

    bob.log_out();
    let again = bob.account().login(site.there);
    assert_eq!(again.welcome["friends"][0]["id"], alice.id, "friends come with the login: {}", again.welcome);
}

pub fn adding_a_friend_twice_is_fine(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    for _ in 0..2 {
        let reply = alice.ok(json!({"msgid": 7, "friendid": bob.id}));
        assert_eq!(reply["friendid"], bob.id);
    }
    bob.ok(json!({"msgid": 7, "friendid": alice.id}));
    assert_eq!(friends(&mut alice).len(), 1);
    assert_eq!(friends(&mut bob).len(), 1);
}

pub fn friends_that_cannot_be(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    alice.refused(json!({"msgid": 7, "friendid": alice.id}), 400);
    alice.refused(json!({"msgid": 7, "friendid": i32::MAX}), 404);
    alice.refused(json!({"msgid": 35, "friendid": alice.id, "msg": "me"}), 400);
    alice.refused(json!({"msgid": 35, "friendid": i32::MAX, "msg": "you"}), 404);
    assert!(friends(&mut alice).is_empty());
}

pub fn deleting_a_friend(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    alice.ok(json!({"msgid": 7, "friendid": bob.id}));
    let reply = alice.ok(json!({"msgid": 21, "friendid": bob.id}));
    assert_eq!(reply["msgid"], 22);
    let notice = bob.expect_notice("friend_removed");
    assert!(mentions(&notice, alice.id), "the notice says who: {notice}");
    assert!(friends(&mut alice).is_empty());
    assert!(friends(&mut bob).is_empty());
    alice.ok(json!({"msgid": 21, "friendid": bob.id}));
}

pub fn presence_follows_the_sessions(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    alice.ok(json!({"msgid": 7, "friendid": bob.id}));
    let mut wait_for_state = |state: &str| {
        wait_for(&format!("bob to be {state}"), || (friends(&mut alice)[0]["state"] == state).then_some(()));
    };
    wait_for_state("offline");
    let mut session = bob.login(site.there);
    wait_for_state("online");
    session.log_out();
    wait_for_state("offline");
    let session = bob.login(site.here);
    wait_for_state("online");
    drop(session);
    wait_for_state("offline");
}

pub fn a_friend_request_is_kept_until_accepted(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let reply = alice.ok(json!({"msgid": 35, "friendid": bob.id, "msg": "shall we? 👋"}));
    assert_eq!(reply["msgid"], 36);
    let request = bob.expect_push(35);
    assert_eq!((&request["id"], &request["name"]), (&json!(alice.id), &json!(alice.name)), "who asks: {request}");
    assert_eq!(request["msg"], "shall we? 👋");
    assert!(friends(&mut bob).is_empty(), "asking makes no friends");
    bob.log_out();

    let account = bob.account();
    for _ in 0..2 {
        let mut client = account.login(site.there);
        let request = client.expect_push(35);
        assert!(mentions(&request, alice.id), "an unanswered request comes at every login: {request}");
        client.log_out();
    }
    let mut bob = account.login(site.there);
    bob.expect_push(35);
    assert_eq!(bob.ok(json!({"msgid": 37, "friendid": alice.id, "accept": true}))["msgid"], 38);
    let notice = alice.expect_notice("friend_added");
    assert!(mentions(&notice, bob.id), "the notice says who: {notice}");
    assert_eq!(friends(&mut alice).len(), 1);
    assert_eq!(friends(&mut bob).len(), 1);
    alice.refused(json!({"msgid": 35, "friendid": bob.id, "msg": "again"}), 409);
    bob.log_out();
    account.login(site.there).expect_silence();
}

pub fn a_friend_request_can_be_declined(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    alice.ok(json!({"msgid": 35, "friendid": bob.id, "msg": "please"}));
    let mut client = bob.login(site.there);
    let request = client.expect_push(35);
    assert!(mentions(&request, alice.id), "a request waits for who was offline: {request}");
    client.ok(json!({"msgid": 37, "friendid": alice.id, "accept": false}));
    assert!(friends(&mut client).is_empty());
    assert!(friends(&mut alice).is_empty());
    client.log_out();
    let mut client = bob.login(site.there);
    client.expect_silence();
    client.log_out();
    alice.ok(json!({"msgid": 35, "friendid": bob.id, "msg": "I ask again"}));
    let request = bob.login(site.here).expect_push(35);
    assert_eq!(request["msg"], "I ask again", "a login that has found nothing keeps the next one from nothing");
}

pub fn answering_nothing_is_not_found(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let bob = Account::register(site.there, "bob");
    alice.refused(json!({"msgid": 37, "friendid": bob.id, "accept": true}), 404);
    assert!(friends(&mut alice).is_empty(), "nobody becomes a friend by answering himself");
}
