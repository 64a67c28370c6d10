//! Groups: making, joining, leaving, deleting, listing, finding.

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Client, mentions, unique};

/// The `[id, role]` of each listed user.
fn roles(group: &Value) -> Vec<(u64, String)> {
    let users = group["users"].as_array().unwrap_or_else(|| panic!("no users[]: {group}"));
    let role = |user: &Value| {
        assert!(user["name"].is_string() && user["state"].is_string(), "a member has a name and a state: {user}");
        (user["id"].as_u64().expect("an id"), user["role"].as_str().expect("a role").to_owned())
    };
    let mut roles: Vec<_> = users.iter().map(role).collect();
    roles.sort();
    roles
}

fn my_groups(client: &mut Client) -> Vec<Value> {
    let reply = client.ok(json!({"msgid": 29}));
    assert_eq!(reply["msgid"], 30);
    reply["groups"].as_array().unwrap_or_else(|| panic!("GROUPS without groups[]: {reply}")).clone()
}

pub fn creating_a_group(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let name = unique("Gruppe ☕");
    let reply = alice.ok(json!({"msgid": 8, "groupname": name, "groupdesc": "about coffee ☕", "tag": "g"}));
    assert_eq!(reply["msgid"], 14);
    assert_eq!(reply["tag"], "g");
    let groups = my_groups(&mut alice);
    assert_eq!(groups.len(), 1, "{groups:?}");
    assert_eq!(groups[0]["id"], reply["groupid"]);
    assert_eq!(groups[0]["groupname"], name.as_str());
    assert_eq!(groups[0]["groupdesc"], "about coffee ☕");
    assert_eq!(groups[0]["total"], 1, "{groups:?}");
    assert_eq!(roles(&groups[0]), [(alice.id, "creator".to_owned())]);

    let mut empty = Client::newcomer(site.there, "alone");
    assert!(my_groups(&mut empty).is_empty());
    for field in ["groupname", "groupdesc"] {
        let mut request = json!({"msgid": 8, "groupname": unique("g"), "groupdesc": ""});
        request[field] = json!("x".repeat(201));
        let reply = alice.refused(request, 400);
        assert!(reply["errmsg"].as_str().unwrap().contains(field), "errmsg names the field: {reply}");
    }
}

pub fn a_taken_group_name_is_errno_1(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let name = unique("group");
    alice.ok(json!({"msgid": 8, "groupname": name, "groupdesc": "first"}));
    bob.refused(json!({"msgid": 8, "groupname": name, "groupdesc": "second"}), 1);
    bob.refused(json!({"msgid": 8, "groupname": name.to_uppercase(), "groupdesc": "third"}), 1);
    // Users and groups do not share their names.
    bob.ok(json!({"msgid": 8, "groupname": bob.name, "groupdesc": "fourth"}));
}

pub fn joining_tells_everyone(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("joined");
    let reply = bob.join(group);
    assert_eq!(reply["msgid"], 15);
    assert_eq!(reply["groupid"], group);
    assert!(reply["groupname"].as_str().is_some_and(|name| name.starts_with("joined")), "{reply}");
    assert_eq!(reply["groupdesc"], "a group");
    let mut expected = [(alice.id, "creator".to_owned()), (bob.id, "normal".to_owned())];
    expected.sort();
    assert_eq!(roles(&reply), expected);
    let notice = alice.expect_notice("group_joined");
    assert!(mentions(&notice, group) && mentions(&notice, bob.id), "who joined what: {notice}");

    bob.log_out();
    let bob = bob.account().login(site.there);
    assert_eq!(bob.welcome["groups"][0]["id"], group, "groups come with the login: {}", bob.welcome);
    assert_eq!(roles(&bob.welcome["groups"][0]), expected);
}

pub fn joining_twice_is_fine(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("twice");
    bob.join(group);
    alice.say_to_group(group, "one");
    bob.expect_push(10);
    let again = bob.join(group);
    assert_eq!(again["groupid"], group);
    assert_eq!(again["users"].as_array().map(Vec::len), Some(2), "{again}");
    alice.say_to_group(group, "two");
    assert_eq!(bob.expect_push(10)["msg"], "two", "joining again neither repeats nor loses");
    assert_eq!(my_groups(&mut bob).len(), 1);
}

pub fn leaving(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("left");
    bob.join(group);
    alice.say_to_group(group, "while he was here");
    bob.expect_push(10);
    let reply = bob.ok(json!({"msgid": 23, "groupid": group}));
    assert_eq!(reply["msgid"], 24);
    let notice = alice.expect_notice("group_left");
    assert!(mentions(&notice, group) && mentions(&notice, bob.id), "who left what: {notice}");

    alice.say_to_group(group, "after he left");
    for request in group_requests(group) {
        bob.refused(request, 403);
    }
    bob.expect_silence();
    assert!(my_groups(&mut bob).is_empty());
    assert!(bob.ok(json!({"msgid": 33}))["offlinemsg"].as_array().is_some_and(Vec::is_empty), "nothing is pending");
}

/// The requests that need membership.
fn group_requests(group: u64) -> [Value; 5] {
    [
        json!({"msgid": 10, "groupid": group, "msg": "let me in"}),
        json!({"msgid": 23, "groupid": group}),
        json!({"msgid": 25, "groupid": group}),
        json!({"msgid": 29, "groupid": group}),
        json!({"msgid": 43, "groupid": group}),
    ]
}

pub fn the_creator_deletes_and_cannot_quit(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let group = alice.create_group("deleted");
    bob.join(group);
    alice.refused(json!({"msgid": 23, "groupid": group}), 409);
    bob.refused(json!({"msgid": 25, "groupid": group}), 403);
    bob.say_to_group(group, "still there");

    let reply = alice.ok(json!({"msgid": 25, "groupid": group}));
    assert_eq!(reply["msgid"], 26);
    let notice = bob.expect_notice("group_deleted");
    assert!(mentions(&notice, group), "which group: {notice}");
    for client in [&mut alice, &mut bob] {
        for request in group_requests(group) {
            client.refused(request, 404);
        }
        assert!(my_groups(client).is_empty());
    }
}

pub fn strangers_are_refused(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut eve = Client::newcomer(site.there, "eve");
    let group = alice.create_group("closed");
    alice.say_to_group(group, "secret");
    for request in group_requests(group) {
        eve.refused(request, 403);
    }
    eve.expect_silence();
    assert_eq!(alice.history_of_group(group).len(), 1, "a refused message is not stored");
}

pub fn unknown_groups_are_not_found(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    for request in group_requests(i32::MAX as u64) {
        alice.refused(request, 404);
    }
    alice.refused(json!({"msgid": 9, "groupid": i32::MAX}), 404);
}

pub fn members_come_in_pages(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let group = alice.create_group("paged");
    let mut members = vec![alice.id];
    for number in 0..6 {
        let mut member = Client::newcomer(if number % 2 == 0 { site.here } else { site.there }, "member");
        member.join(group);
        members.push(member.id);
    }
    members.sort_unstable();
    let mut listed = Vec::new();
    loop {
        let after = listed.last().copied().unwrap_or(0);
        let reply = alice.ok(json!({"msgid": 29, "groupid": group, "after": after, "limit": 3}));
        let page = &reply["groups"][0];
        assert_eq!(page["total"], 7, "{reply}");
        let ids: Vec<u64> = roles(page).into_iter().map(|(id, _)| id).collect();
        assert!(ids.len() <= 3, "limit 3: {reply}");
        listed.extend(ids);
        let more = reply["more"].as_bool().unwrap_or_else(|| panic!("GROUPS of one group without more: {reply}"));
        assert_eq!(more, listed.len() < 7, "{reply}");
        if !more {
            break;
        }
    }
    assert_eq!(listed, members);
}

pub fn finding_users_and_groups(site: Site) {
    let prefix = unique("Find_100%-");
    let mut names = Vec::new();
    let mut searcher = Client::connect(site.here);
    for suffix in ["b", "a"] {
        let name = format!("{prefix}{suffix}");
        let id = searcher.ok(json!({"msgid": 4, "name": name, "pwd": "x"}))["id"].clone();
        names.push((id, name));
    }
    let mut searcher = Client::newcomer(site.there, "searcher");
    let group = format!("{prefix}group");
    let made = searcher.ok(json!({"msgid": 8, "groupname": group, "groupdesc": "to be found"}));

    for keyword in [prefix.clone(), prefix.to_lowercase()] {
        let reply = searcher.ok(json!({"msgid": 31, "keyword": keyword}));
        assert_eq!(reply["msgid"], 32);
        let found = reply["users"].as_array().unwrap_or_else(|| panic!("FIND without users[]: {reply}"));
        assert_eq!(found.len(), 2, "users whose name begins with {keyword:?}: {reply}");
        for (id, name) in &names {
            assert!(found.iter().any(|user| user["id"] == *id && user["name"] == name.as_str()), "{name}: {reply}");
        }
        let groups = reply["groups"].as_array().unwrap_or_else(|| panic!("FIND without groups[]: {reply}"));
        assert_eq!(groups.len(), 1, "groups whose name begins with {keyword:?}: {reply}");
        assert_eq!(groups[0]["id"], made["groupid"]);
        assert_eq!(groups[0]["groupname"], group.as_str());
    }
    let by_id = searcher.ok(json!({"msgid": 31, "keyword": names[0].0.to_string()}));
    assert_eq!(by_id["users"][0]["id"], names[0].0, "an id comes first: {by_id}");
    // What SQL takes for wildcards stands for itself.
    for keyword in [prefix.replace('_', "x"), prefix.replace("100%", "%"), unique("%"), unique("nobody")] {
        let reply = searcher.ok(json!({"msgid": 31, "keyword": keyword}));
        assert_eq!((&reply["users"], &reply["groups"]), (&json!([]), &json!([])), "nobody is called {keyword:?}");
    }
}

pub fn a_beginning_is_compared_as_names_are(site: Site) {
    let mut searcher = Client::newcomer(site.there, "searcher");
    let prefix = unique("x");
    for name in ["ΟΔΥΣΣΕΥΣ", "café"] {
        let name = format!("{prefix}{name}");
        Client::connect(site.here).ok(json!({"msgid": 4, "name": name, "pwd": "x"}));
        searcher.ok(json!({"msgid": 8, "groupname": name}));
    }
    for (keyword, found) in [
        ("ΟΔΥΣ", "ΟΔΥΣΣΕΥΣ"),
        ("οδυς", "ΟΔΥΣΣΕΥΣ"),
        ("οδυσσευσ", "ΟΔΥΣΣΕΥΣ"),
        ("οδυσσευς", "ΟΔΥΣΣΕΥΣ"),
        ("CAFE\u{301}", "café"),
        ("ｃａ", "café"),
    ] {
        let reply = searcher.ok(json!({"msgid": 31, "keyword": format!("{prefix}{keyword}")}));
        let name = format!("{prefix}{found}");
        assert_eq!(reply["users"].as_array().map(Vec::len), Some(1), "{keyword}: {reply}");
        assert_eq!(reply["users"][0]["name"], json!(name), "{keyword}: {reply}");
        assert_eq!(reply["groups"].as_array().map(Vec::len), Some(1), "{keyword}: {reply}");
        assert_eq!(reply["groups"][0]["groupname"], json!(name), "{keyword}: {reply}");
    }
    // Nothing is left of this one; nobody's name begins with it, and not everybody's.
    let reply = searcher.ok(json!({"msgid": 31, "keyword": "\u{200B}"}));
    assert_eq!((&reply["users"], &reply["groups"]), (&json!([]), &json!([])), "{reply}");
}
