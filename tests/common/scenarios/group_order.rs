//! Order in groups: settings, roles, kicks, bans, mutes.

use serde_json::{Value, json};

use super::Site;
use crate::common::client::{Client, seqs, unique};

/// A group, its creator, an admin and a member, in this order; nobody has anything unread.
pub fn cast(site: Site) -> (u64, [Client; 3]) {
    let mut all = [
        Client::newcomer(site.here, "creator"),
        Client::newcomer(site.there, "admin"),
        Client::newcomer(site.there, "member"),
    ];
    let group = all[0].create_group("kept");
    for newcomer in 1..3 {
        all[newcomer].join(group);
        for there in &mut all[..newcomer] {
            there.expect_notice("group_joined");
        }
    }
    let admin = all[1].id;
    all[0].ok(json!({"msgid": 69, "groupid": group, "id": admin, "role": "admin"}));
    for client in &mut all {
        let notice = client.expect_notice("group_role");
        assert_eq!((&notice["id"], &notice["role"]), (&json!(admin), &json!("admin")), "{notice}");
        assert!(notice["groupid"] == group && notice["name"].is_string(), "{notice}");
        client.expect_silence();
    }
    (group, all)
}

/// The group as its member is shown it.
fn shown(client: &mut Client, group: u64) -> Value {
    client.ok(json!({"msgid": 29, "groupid": group}))["groups"][0].clone()
}

pub fn a_group_is_changed(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    let first = shown(&mut member, group);
    assert_eq!((&first["join"], &first["speak"], &first["history"]), (&json!("open"), &json!("all"), &json!("all")));
    assert_eq!(first["role"], "normal");
    assert_eq!(shown(&mut admin, group)["role"], "admin");
    let roles: Vec<&Value> = first["users"].as_array().unwrap().iter().map(|user| &user["role"]).collect();
    assert_eq!(roles, ["creator", "admin", "normal"], "by id: {first}");

    let name = unique("renamed");
    let change = json!({"msgid": 67, "groupid": group, "groupname": name, "groupdesc": "new", "join": "ask",
        "speak": "admins", "history": "joined"});
    member.refused(change.clone(), 403);
    let reply = admin.ok(change.clone());
    assert_eq!((&reply["msgid"], &reply["groupid"]), (&json!(68), &json!(group)));
    for client in [&mut creator, &mut admin, &mut member] {
        let notice = client.expect_notice("group_changed");
        for field in ["groupid", "groupname", "groupdesc", "join", "speak", "history"] {
            assert_eq!(notice[field], change[field], "{notice}");
        }
    }
    let now = shown(&mut member, group);
    for field in ["groupname", "groupdesc", "join", "speak", "history"] {
        assert_eq!(now[field], change[field], "{now}");
    }
    creator.ok(change);
    creator.ok(json!({"msgid": 67, "groupid": group, "groupdesc": "new"}));
    for client in [&mut creator, &mut admin, &mut member] {
        client.expect_silence();
    }
    for bad in [json!({}), json!({"join": "closed"}), json!({"speak": 1}), json!({"groupname": "123"})] {
        let mut request = json!({"msgid": 67, "groupid": group});
        request.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        creator.refused(request, 400);
    }
    creator.refused(json!({"msgid": 67, "groupid": i32::MAX, "join": "ask"}), 404);
    Client::newcomer(site.here, "stranger").refused(json!({"msgid": 67, "groupid": group, "join": "open"}), 403);
}

pub fn a_name_is_held_for_the_group_that_had_it(site: Site) {
    let mut alice = Client::newcomer(site.here, "alice");
    let mut bob = Client::newcomer(site.there, "bob");
    let (old, new, taken) = (unique("old"), unique("new"), unique("taken"));
    let group = alice.ok(json!({"msgid": 8, "groupname": old}))["groupid"].clone();
    let other = bob.ok(json!({"msgid": 8, "groupname": taken}))["groupid"].clone();
    alice.refused(json!({"msgid": 67, "groupid": group, "groupname": taken.to_uppercase()}), 1);
    alice.ok(json!({"msgid": 67, "groupid": group, "groupname": new}));
    bob.refused(json!({"msgid": 8, "groupname": old}), 1);
    bob.refused(json!({"msgid": 67, "groupid": other, "groupname": old}), 1);
    alice.ok(json!({"msgid": 67, "groupid": group, "groupname": old}));
    alice.refused(json!({"msgid": 8, "groupname": new}), 1);
}

pub fn only_admins_speak_where_that_is_set(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    creator.ok(json!({"msgid": 67, "groupid": group, "speak": "admins"}));
    member.refused(json!({"msgid": 10, "groupid": group, "msg": "hushed"}), 403);
    admin.say_to_group(group, "from the admin");
    creator.say_to_group(group, "from the creator");
    assert_eq!(seqs(&member.expect_pushes(10, 2)), [1, 2]);
    creator.ok(json!({"msgid": 67, "groupid": group, "speak": "all"}));
    assert_eq!(member.say_to_group(group, "again")["seq"], 3);
}

pub fn a_group_is_handed_over(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    let role = |id: u64, role: &str| json!({"msgid": 69, "groupid": group, "id": id, "role": role});
    admin.refused(role(member.id, "admin"), 403);
    member.refused(role(member.id, "creator"), 403);
    creator.refused(role(creator.id, "normal"), 409);
    creator.refused(role(i32::MAX as u64, "admin"), 404);
    creator.refused(role(member.id, "boss"), 400);
    let reply = creator.ok(role(admin.id, "admin"));
    assert_eq!((&reply["msgid"], &reply["groupid"], &reply["id"]), (&json!(70), &json!(group), &json!(admin.id)));
    member.expect_silence();

    creator.ok(role(member.id, "creator"));
    for client in [&mut creator, &mut admin, &mut member] {
        let told: Vec<Value> = (0..2).map(|_| client.expect_notice("group_role")["role"].clone()).collect();
        assert!(told.contains(&json!("creator")) && told.contains(&json!("admin")), "{told:?}");
    }
    assert_eq!(shown(&mut creator, group)["role"], "admin");
    creator.refused(json!({"msgid": 25, "groupid": group}), 403);
    creator.ok(json!({"msgid": 23, "groupid": group}));
    member.expect_notice("group_left");
    member.refused(json!({"msgid": 23, "groupid": group}), 409);
    member.ok(json!({"msgid": 25, "groupid": group}));
}

pub fn who_is_kicked_hears_and_reads_nothing_more(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    let mut phone = member.account().login_from(site.here, "phone");
    creator.say_to_group(group, "before");
    for session in [&mut member, &mut phone] {
        session.expect_push(10);
    }
    let kick = |id: u64| json!({"msgid": 71, "groupid": group, "id": id});
    member.refused(kick(admin.id), 403);
    admin.refused(kick(creator.id), 403);
    admin.refused(kick(admin.id), 400);
    admin.refused(kick(i32::MAX as u64), 404);
    let reply = admin.ok(kick(member.id));
    assert_eq!((&reply["msgid"], &reply["groupid"], &reply["id"]), (&json!(72), &json!(group), &json!(member.id)));
    let (whom, by) = (json!(member.id), json!(admin.id));
    for client in [&mut creator, &mut member, &mut phone] {
        let notice = client.expect_notice("group_left");
        assert_eq!((&notice["id"], &notice["by"]), (&whom, &by), "{notice}");
    }
    creator.say_to_group(group, "after");
    assert_eq!(admin.expect_pushes(10, 2)[1]["msg"], "after");
    for session in [&mut member, &mut phone] {
        for request in [
            json!({"msgid": 10, "groupid": group, "msg": "let me in"}),
            json!({"msgid": 29, "groupid": group}),
            json!({"msgid": 43, "groupid": group}),
        ] {
            session.refused(request, 403);
        }
        session.expect_silence();
    }
    admin.refused(kick(member.id), 404);
    member.join(group);
    phone.expect_notice("group_joined");
    creator.say_to_group(group, "again");
    for session in [&mut member, &mut phone] {
        assert_eq!(session.expect_push(10)["msg"], "again", "without a ban one may come back");
    }
}

pub fn who_is_banned_stays_out(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    let mut stranger = Client::newcomer(site.there, "stranger");
    let ban = |id: u64| json!({"msgid": 71, "groupid": group, "id": id, "ban": true});
    member.refused(ban(stranger.id), 403);
    admin.refused(ban(i32::MAX as u64), 404);
    admin.ok(ban(stranger.id));
    admin.ok(ban(member.id));
    assert_eq!(member.expect_notice("group_left")["by"], json!(admin.id));
    creator.expect_notice("group_left");
    creator.expect_silence();
    for join in ["open", "ask", "invite"] {
        creator.ok(json!({"msgid": 67, "groupid": group, "join": join}));
        for banned in [&mut member, &mut stranger] {
            banned.refused(json!({"msgid": 9, "groupid": group}), 403);
        }
    }
    stranger.expect_silence();
    member.refused(json!({"msgid": 73, "groupid": group}), 403);
    let reply = creator.ok(json!({"msgid": 73, "groupid": group}));
    assert_eq!((&reply["msgid"], &reply["more"]), (&json!(74), &json!(false)));
    let banned: Vec<&Value> = reply["users"].as_array().unwrap().iter().map(|user| &user["id"]).collect();
    let mut expected = [member.id, stranger.id];
    expected.sort_unstable();
    assert_eq!(banned, expected.map(Value::from).iter().collect::<Vec<_>>(), "{reply}");
    assert!(reply["users"][0]["name"].is_string(), "{reply}");
    let reply = creator.ok(json!({"msgid": 73, "groupid": group, "limit": 1}));
    assert_eq!((reply["users"].as_array().map(Vec::len), &reply["more"]), (Some(1), &json!(true)), "{reply}");

    creator.ok(json!({"msgid": 67, "groupid": group, "join": "open"}));
    let reply = admin.ok(json!({"msgid": 73, "groupid": group, "lift": member.id}));
    assert_eq!(reply["users"].as_array().map(Vec::len), Some(1), "{reply}");
    member.join(group);
    stranger.refused(json!({"msgid": 9, "groupid": group}), 403);
}

pub fn who_is_muted_is_silent_for_a_time(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    let mute = |id: u64, seconds: u64| json!({"msgid": 75, "groupid": group, "id": id, "seconds": seconds});
    let say = json!({"msgid": 10, "groupid": group, "msg": "x"});
    member.refused(mute(admin.id, 5), 403);
    admin.refused(mute(creator.id, 5), 403);
    admin.refused(mute(admin.id, 5), 400);
    admin.refused(mute(i32::MAX as u64, 5), 404);
    admin.refused(mute(member.id, 366 * 86_400), 400);
    let reply = admin.ok(mute(member.id, 3_600));
    assert_eq!((&reply["msgid"], &reply["id"]), (&json!(76), &json!(member.id)));
    let until = reply["until"].clone();
    assert!(until.is_string(), "{reply}");
    let whom = json!(member.id);
    for client in [&mut creator, &mut member] {
        let notice = client.expect_notice("group_muted");
        assert_eq!((&notice["id"], &notice["until"]), (&whom, &until), "{notice}");
    }
    let refused = member.refused(say.clone(), 403);
    assert_eq!(refused["until"], until, "{refused}");
    member.ok(json!({"msgid": 23, "groupid": group}));
    member.join(group);
    assert_eq!(member.refused(say.clone(), 403)["until"], until, "leaving does not help");
    let reply = admin.ok(mute(member.id, 0));
    assert!(reply.get("until").is_none(), "{reply}");
    assert!(member.expect_notice("group_muted").get("until").is_none());
    member.ok(say.clone());
    admin.ok(mute(member.id, 1));
    let refused = member.refused(say.clone(), 403);
    assert!(refused["until"].is_string(), "{refused}");
    crate::common::process::wait_for("the mute to end", || {
        let reply = member.request(say.clone());
        (reply["errno"] == 0).then_some(reply)
    });
}
