//! One's account, and whom it has to do with: BLOCK, PASSWORD, SESSIONS, PROFILE, ERASE, ASKED.

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Account, Client, PASSWORD, mentions, unique};
use crate::common::process::wait_for;

fn block(client: &mut Client, id: u64, on: bool) {
    assert_eq!(client.ok(json!({"msgid": 53, "id": id, "on": on}))["on"], on);
}

fn ids(users: &Value) -> Vec<u64> {
    let users = users.as_array().unwrap_or_else(|| panic!("no list: {users}"));
    users.iter().map(|user| user["id"].as_u64().unwrap_or_else(|| panic!("no id: {user}"))).collect()
}

fn state_in(list: &Value, id: u64) -> &str {
    let users = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let user = users.iter().find(|user| user["id"] == id).unwrap_or_else(|| panic!("no {id} in {list}"));
    user["state"].as_str().unwrap()
}

/// The closed session was told that it was ended.
fn expect_ended(client: &mut Client) {
    let last = client.expect_closed();
    assert!(last.iter().any(|message| message["kind"] == "ended"), "a NOTICE ended among {last:?}");
}

fn login_is_refused(site: Site, account: &Account, pwd: &str) {
    Client::connect(site.there).refused(json!({"msgid": 1, "id": account.id, "pwd": pwd}), 1);
}

pub fn who_is_blocked_cannot_write_nor_be_a_friend(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    alice.ok(json!({"msgid": 7, "friendid": bob.id}));
    bob.expect_notice("friend_added");
    block(&mut alice, bob.id, true);
    block(&mut alice, bob.id, true);
    let notice = bob.expect_notice("friend_removed");
    assert!(mentions(&notice, alice.id), "the friendship has ended: {notice}");
    assert_eq!(alice.ok(json!({"msgid": 27}))["friends"], json!([]));

    let (alice_id, bob_id) = (alice.id, bob.id);
    for (one, other) in [(&mut bob, alice_id), (&mut alice, bob_id)] {
        one.refused(json!({"msgid": 6, "toid": other, "msg": "x"}), 403);
        one.refused(json!({"msgid": 7, "friendid": other}), 403);
        one.refused(json!({"msgid": 35, "friendid": other, "msg": "please"}), 403);
        one.refused(json!({"msgid": 37, "friendid": other, "accept": true}), 403);
    }
    bob.expect_silence();
    alice.expect_silence();
}

pub fn blocks_are_listed_and_taken_back(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let eve = Account::register(site.there, "eve");
    block(&mut alice, eve.id, true);
    block(&mut alice, bob.id, true);
    let reply = alice.ok(json!({"msgid": 55}));
    assert_eq!(reply["users"], json!([{"id": bob.id, "name": bob.name}, {"id": eve.id, "name": eve.name}]), "{reply}");
    assert_eq!(reply["more"], false);
    let page = alice.ok(json!({"msgid": 55, "limit": 1}));
    assert_eq!((ids(&page["users"]), &page["more"]), (vec![bob.id], &json!(true)));
    assert_eq!(ids(&alice.ok(json!({"msgid": 55, "after": bob.id}))["users"]), [eve.id]);
    assert_eq!(bob.ok(json!({"msgid": 55}))["users"], json!([]), "one's own");

    block(&mut alice, bob.id, false);
    block(&mut alice, bob.id, false);
    bob.say(alice.id, "hello again");
    assert_eq!(alice.expect_push(6)["msg"], "hello again");
    bob.ok(json!({"msgid": 7, "friendid": alice.id}));

    alice.refused(json!({"msgid": 53, "id": alice.id, "on": true}), 400);
    alice.refused(json!({"msgid": 53, "id": i32::MAX, "on": true}), 404);
    alice.refused(json!({"msgid": 53, "id": i32::MAX, "on": false}), 404);
}

pub fn who_is_blocked_sees_nobody_online(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("blocks");
    bob.join(group);
    let members = |client: &mut Client| client.ok(json!({"msgid": 29, "groupid": group}))["groups"][0]["users"].clone();
    let found = |client: &mut Client, name: &str| client.ok(json!({"msgid": 31, "keyword": name}))["users"].clone();
    wait_for("each to see the other", || {
        let seen =
            state_in(&members(&mut bob), alice.id) == "online" && state_in(&members(&mut alice), bob.id) == "online";
        seen.then_some(())
    });
    block(&mut alice, bob.id, true);
    assert_eq!(state_in(&members(&mut bob), alice.id), "offline");
    assert_eq!(state_in(&members(&mut bob), bob.id), "online", "oneself");
    assert_eq!(state_in(&found(&mut bob, &alice.name), alice.id), "offline");
    let account = bob.ok(json!({"msgid": 41}));
    assert_eq!(state_in(&account["groups"][0]["users"], alice.id), "offline");
    assert_eq!(state_in(&members(&mut alice), bob.id), "online", "the other way round nothing is hidden");
    bob.say_to_group(group, "still heard");
    assert_eq!(alice.expect_push(10)["msg"], "still heard");
    bob.log_out();
    let again = bob.account().login(site.there);
    assert_eq!(state_in(&again.welcome["groups"][0]["users"], alice.id), "offline");
}

pub fn a_new_password_ends_all_other_sessions(site: Site) {
    let account = Account::register(site.here, "alice");
    let mut here = account.login_from(site.here, "desk");
    let mut other = account.login_from(site.here, "phone");
    let mut there = account.login_from(site.there, "tablet");
    here.refused(json!({"msgid": 83, "pwd": "wrong", "new": "new"}), 1);
    here.ok(json!({"msgid": 83, "pwd": PASSWORD, "new": "a new one"}));
    expect_ended(&mut other);
    expect_ended(&mut there);
    here.expect_silence();
    for token in [&other.token, &there.token] {
        Client::connect(site.here).refused(json!({"msgid": 1, "id": account.id, "token": token}), 1);
    }
    login_is_refused(site, &account, PASSWORD);
    let token = here.token.clone();
    drop(here);
    Client::resume(site.there, account.id, &token);
    account.login_with(site.there, json!({"pwd": "a new one", "device": "new"}));
}

pub fn sessions_are_listed_and_ended(site: Site) {
    let account = Account::register(site.here, "alice");
    let mut here = account.login_from(site.here, "desk");
    let mut phone = account.login_from(site.there, "phone");
    let mut unnamed = account.login(site.there);
    let list = here.ok(json!({"msgid": 85}));
    let sessions = list["sessions"].as_array().unwrap().clone();
    let told: Vec<_> =
        sessions.iter().map(|s| (s["number"].as_u64(), s["device"].as_str(), s["this"] == true)).collect();
    assert_eq!(
        told,
        [(Some(1), Some("desk"), true), (Some(2), Some("phone"), false), (Some(3), None, false)],
        "{list}"
    );
    assert_eq!(list["more"], false);
    for session in &sessions {
        assert!(session["since"].as_str().is_some_and(|time| time.ends_with('Z')), "{session}");
        assert!(session["used"].as_str().is_some_and(|time| time.ends_with('Z')), "{session}");
        assert_eq!(session["address"], "127.0.0.1", "{session}");
    }
    let page = here.ok(json!({"msgid": 85, "after": 1, "limit": 1}));
    assert_eq!((&page["sessions"][0]["number"], &page["more"]), (&json!(2), &json!(true)));

    here.refused(json!({"msgid": 85, "end": 9}), 404);
    here.refused(json!({"msgid": 85, "end": 1}), 409);
    let left = here.ok(json!({"msgid": 85, "end": 2}));
    assert_eq!(left["sessions"].as_array().unwrap().len(), 2);
    expect_ended(&mut phone);
    Client::connect(site.here).refused(json!({"msgid": 1, "id": account.id, "token": phone.token}), 1);
    unnamed.expect_silence();
    let left = here.ok(json!({"msgid": 85, "end": "others"}));
    assert_eq!(left["sessions"].as_array().unwrap().len(), 1);
    expect_ended(&mut unnamed);
    here.expect_silence();
    drop(account.login_from(site.there, "phone"));
}

pub fn what_was_ended_cannot_be_resumed_nor_is_it_online(site: Site) {
    let account = Account::register(site.here, "alice");
    let mut desk = account.login_from(site.here, "desk");
    let mut phone = account.login_from(site.there, "phone");
    phone.log_out();
    let list = desk.ok(json!({"msgid": 85}));
    assert_eq!(list["sessions"].as_array().unwrap().len(), 1, "a logout ends the session: {list}");
    let sleeping = account.login_from(site.there, "phone");
    let token = sleeping.token.clone();
    drop(sleeping);
    let list = desk.ok(json!({"msgid": 85}));
    assert_eq!(list["sessions"].as_array().unwrap().len(), 2, "a lost connection does not: {list}");
    desk.ok(json!({"msgid": 85, "end": 2}));
    Client::connect(site.there).refused(json!({"msgid": 1, "id": account.id, "token": token}), 1);
}

pub fn a_new_name_is_told_and_used_at_once(site: Site) {
    let account = Account::register(site.here, "alice");
    let mut desk = account.login_from(site.here, "desk");
    let mut phone = account.login_from(site.there, "phone");
    let mut bob = Client::newcomer(site.there, "bob");
    bob.ok(json!({"msgid": 7, "friendid": account.id}));
    let (new, old) = (unique("Alïce the first"), account.name.clone());
    let reply = desk.ok(json!({"msgid": 87, "name": new, "ext": {"n": 1.50, "pic": "🦊"}}));
    assert_eq!((&reply["id"], &reply["name"]), (&json!(account.id), &json!(new)));
    assert_eq!(reply["ext"]["pic"], "🦊");
    for client in [&mut phone, &mut bob] {
        let notice = client.expect_notice("profile");
        assert_eq!((&notice["id"], &notice["name"]), (&json!(account.id), &json!(new)), "{notice}");
        assert_eq!(notice["ext"]["n"], 1.5, "{notice}");
    }
    for client in [&mut desk, &mut phone] {
        client.say(bob.id, "who am I?");
        wait_for("the new name on a push", || {
            client.say(bob.id, "and now?");
            (bob.expect_push(6)["name"] == new.as_str()).then_some(())
        });
    }
    bob.forget_pushes();
    let friends = bob.ok(json!({"msgid": 27}));
    assert_eq!((&friends["friends"][0]["name"], &friends["friends"][0]["ext"]["pic"]), (&json!(new), &json!("🦊")));

    let find = json!({"msgid": 31, "keyword": account.id.to_string()});
    assert_eq!(phone.ok(find.clone())["users"][0]["ext"]["pic"], "🦊", "one's own profile");
    assert_eq!(bob.ok(find)["users"][0].get("ext"), None, "FIND shows no more than the name");

    bob.refused(json!({"msgid": 87, "name": old}), 1);
    bob.refused(json!({"msgid": 87, "name": new.to_uppercase()}), 1);
    Client::connect(site.there).refused(json!({"msgid": 4, "name": old, "pwd": "x"}), 1);
    desk.ok(json!({"msgid": 87, "ext": null}));
    assert_eq!(bob.ok(json!({"msgid": 27}))["friends"][0].get("ext"), None);
    desk.ok(json!({"msgid": 87, "name": old}));
    desk.refused(json!({"msgid": 87, "ext": "x".repeat(2 * 1024)}), 413);
    desk.refused(json!({"msgid": 87, "name": "123"}), 400);
    desk.refused(json!({"msgid": 87}), 400);
}

pub fn an_erased_account_is_gone(site: Site) {
    let account = Account::register(site.here, "alice");
    let mut alice = account.login_from(site.here, "desk");
    let mut phone = account.login_from(site.there, "phone");
    let mut bob = Client::newcomer(site.there, "bob");
    alice.ok(json!({"msgid": 7, "friendid": bob.id}));
    let group = alice.create_group("erased");
    bob.join(group);
    bob.say(alice.id, "hello");
    alice.say(bob.id, "secret");
    alice.say_to_group(group, "secret");
    bob.forget_pushes();
    alice.refused(json!({"msgid": 89, "pwd": "wrong"}), 1);
    alice.ok(json!({"msgid": 89, "pwd": PASSWORD}));
    expect_ended(&mut phone);
    alice.refused(json!({"msgid": 27}), 401);
    login_is_refused(site, &account, PASSWORD);
    Client::connect(site.here).refused(json!({"msgid": 1, "name": account.name, "pwd": PASSWORD}), 1);
    Client::connect(site.there).refused(json!({"msgid": 1, "id": account.id, "token": phone.token}), 1);

    assert!(mentions(&bob.expect_notice("friend_removed"), account.id));
    assert!(mentions(&bob.expect_notice("group_left"), account.id));
    let role = bob.expect_notice("group_role");
    assert_eq!((&role["id"], &role["role"]), (&json!(bob.id), &json!("creator")), "{role}");
    assert_eq!(bob.ok(json!({"msgid": 27}))["friends"], json!([]));
    assert_eq!(bob.ok(json!({"msgid": 31, "keyword": account.name}))["users"], json!([]));
    assert_eq!(bob.ok(json!({"msgid": 31, "keyword": account.id.to_string()}))["users"], json!([]));
    bob.refused(json!({"msgid": 6, "toid": account.id, "msg": "x"}), 404);
    bob.refused(json!({"msgid": 7, "friendid": account.id}), 404);
    bob.refused(json!({"msgid": 53, "id": account.id, "on": true}), 404);
    Client::newcomer(site.there, "eve").refused(json!({"msgid": 6, "toid": account.id, "msg": "x"}), 404);
    Client::connect(site.there).refused(json!({"msgid": 4, "name": account.name, "pwd": "x"}), 1);
    bob.ok(json!({"msgid": 25, "groupid": group}));
    for history in ["id", "groupid"] {
        let other = if history == "id" { account.id } else { group };
        wait_for("what was said to be recalled", || {
            let reply = bob.request(json!({"msgid": 43, history: other}));
            (!reply.to_string().contains("secret")).then_some(())
        });
    }
    let kept = bob.history_with(account.id);
    assert!(kept.iter().any(|message| message["msg"] == "hello"), "what others have said stays: {kept:?}");
}

pub fn what_was_asked_is_listed_and_withdrawn(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let eve = Account::register(site.there, "eve");
    alice.ok(json!({"msgid": 35, "friendid": bob.id, "msg": "b \"1\""}));
    alice.ok(json!({"msgid": 35, "friendid": eve.id, "msg": ""}));
    let asked = alice.ok(json!({"msgid": 91}));
    let bobs = json!({"id": bob.id, "name": bob.name, "msg": "b \"1\""});
    assert_eq!(asked["friends"], json!([bobs, {"id": eve.id, "name": eve.name, "msg": ""}]), "{asked}");
    assert_eq!(asked["groups"], json!([]));
    let asked = alice.ok(json!({"msgid": 91, "withdraw": "friend", "id": eve.id}));
    assert_eq!(asked["friends"], json!([bobs]));
    alice.refused(json!({"msgid": 91, "withdraw": "friend", "id": eve.id}), 404);
    bob.expect_push(35);
    assert_eq!(bob.ok(json!({"msgid": 91}))["friends"], json!([]), "what one is asked is no wish of one's own");
    bob.ok(json!({"msgid": 37, "friendid": alice.id, "accept": true}));
    assert_eq!(alice.ok(json!({"msgid": 91}))["friends"], json!([]));
    eve.login(site.there).expect_silence();
}
