//! How users come into groups that are not open, and invitations.

use serde_json::{Value, json};

use super::Site;
use super::group_order::cast;
use crate::common::client::{Client, texts};

fn set(client: &mut Client, group: u64, field: &str, value: &str) {
    let mut request = json!({"msgid": 67, "groupid": group});
    request[field] = json!(value);
    client.ok(request);
}

fn invite(group: u64, id: u64) -> Value {
    json!({"msgid": 77, "groupid": group, "id": id})
}

/// Whether the client hears the group, and misses nothing of it.
fn hears(creator: &mut Client, group: u64, client: &mut Client, text: &str) {
    creator.say_to_group(group, text);
    assert_eq!(client.expect_push(10)["msg"], text);
}

pub fn who_asks_waits_until_let_in(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    set(&mut creator, group, "join", "ask");
    for client in [&mut creator, &mut admin, &mut member] {
        client.expect_notice("group_changed");
    }
    let mut asker = Client::newcomer(site.here, "asker");
    let mut phone = asker.account().login_from(site.there, "phone");
    for _ in 0..2 {
        let reply = asker.join(group);
        assert_eq!((&reply["waiting"], &reply["groupid"]), (&json!(true), &json!(group)), "{reply}");
        assert!(reply.get("users").is_none() && reply["groupname"].is_string(), "{reply}");
    }
    for client in [&mut creator, &mut admin] {
        let notice = client.expect_notice("group_asked");
        assert_eq!((&notice["groupid"], &notice["id"]), (&json!(group), &json!(asker.id)), "{notice}");
        client.expect_silence();
    }
    member.expect_silence();
    asker.refused(json!({"msgid": 43, "groupid": group}), 403);
    asker.refused(json!({"msgid": 10, "groupid": group, "msg": "x"}), 403);

    member.refused(json!({"msgid": 81, "groupid": group}), 403);
    let reply = admin.ok(json!({"msgid": 81, "groupid": group}));
    assert_eq!(
        (&reply["msgid"], &reply["users"][0]["id"], &reply["more"]),
        (&json!(82), &json!(asker.id), &json!(false))
    );
    let answer = |id: u64, accept: bool| json!({"msgid": 79, "groupid": group, "id": id, "accept": accept});
    member.refused(answer(asker.id, true), 403);
    admin.refused(answer(member.id, true), 404);
    admin.ok(answer(asker.id, false));
    admin.refused(answer(asker.id, false), 404);
    asker.expect_silence();
    assert_eq!(asker.join(group)["waiting"], true, "declined, one may ask again");

    let reply = admin.ok(answer(asker.id, true));
    assert_eq!((&reply["msgid"], &reply["groupid"], &reply["id"]), (&json!(80), &json!(group), &json!(asker.id)));
    let new = json!(asker.id);
    for client in [&mut creator, &mut member, &mut asker, &mut phone] {
        let notice = client.expect_notice("group_joined");
        assert_eq!((&notice["groupid"], &notice["id"]), (&json!(group), &new), "{notice}");
    }
    hears(&mut creator, group, &mut asker, "welcome");
    assert_eq!(phone.expect_push(10)["msg"], "welcome");
    asker.say_to_group(group, "thanks");
    assert_eq!(member.expect_pushes(10, 2)[1]["msg"], "thanks");
    admin.refused(answer(asker.id, true), 404);
}

pub fn an_invitation_is_kept_until_answered(site: Site) {
    let (group, [mut creator, _admin, mut member]) = cast(site);
    let mut guest = Client::newcomer(site.here, "guest");
    member.refused(invite(group, creator.id), 409);
    member.refused(invite(group, member.id), 400);
    member.refused(invite(group, i32::MAX as u64), 404);
    guest.refused(invite(group, guest.id + 1), 403);
    guest.refused(json!({"msgid": 79, "groupid": group, "accept": true}), 404);
    let reply = member.ok(invite(group, guest.id));
    assert_eq!((&reply["msgid"], &reply["groupid"], &reply["id"]), (&json!(78), &json!(group), &json!(guest.id)));
    let push = guest.expect_push(77);
    let expected = (&json!(member.id), &json!(member.name), &json!(group));
    assert_eq!((&push["id"], &push["name"], &push["groupid"]), expected, "{push}");
    assert!(push["groupname"].as_str().is_some_and(|name| name.starts_with("kept")), "{push}");

    guest.log_out();
    let mut guest = guest.account().login(site.there);
    let again = guest.expect_push(77);
    assert_eq!(again, push, "at the next login, too");
    let reply = guest.ok(json!({"msgid": 79, "groupid": group, "accept": true}));
    assert_eq!((&reply["msgid"], &reply["groupid"], &reply["total"]), (&json!(80), &json!(group), &json!(4)));
    assert_eq!(reply["users"].as_array().map(Vec::len), Some(4), "as ADD_GROUP: {reply}");
    assert_eq!(member.expect_notice("group_joined")["id"], json!(guest.id));
    hears(&mut creator, group, &mut guest, "welcome");
    guest.log_out();
    let mut guest = guest.account().login(site.here);
    guest.expect_silence();

    let mut other = Client::newcomer(site.there, "other");
    creator.ok(invite(group, other.id));
    other.expect_push(77);
    let reply = other.ok(json!({"msgid": 79, "groupid": group, "accept": false}));
    assert!(reply["groupid"] == group && reply.get("users").is_none(), "{reply}");
    other.refused(json!({"msgid": 79, "groupid": group, "accept": false}), 404);
    other.log_out();
    other.account().login(site.here).expect_silence();
}

pub fn a_closed_group_takes_who_is_invited(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    set(&mut creator, group, "join", "invite");
    let mut guest = Client::newcomer(site.there, "guest");
    guest.refused(json!({"msgid": 9, "groupid": group}), 403);
    member.refused(invite(group, guest.id), 403);
    admin.ok(invite(group, guest.id));
    guest.expect_push(77);
    assert_eq!(guest.join(group)["total"], 4, "joining accepts it");
    hears(&mut creator, group, &mut guest, "welcome");

    let ban = json!({"msgid": 71, "groupid": group, "id": guest.id, "ban": true});
    admin.ok(ban);
    guest.expect_notice("group_left");
    set(&mut creator, group, "join", "open");
    member.refused(invite(group, guest.id), 403);
    admin.ok(invite(group, guest.id));
    guest.expect_push(77);
    guest.join(group);
    hears(&mut creator, group, &mut guest, "back");
}

pub fn new_members_read_from_their_joining_on_where_that_is_set(site: Site) {
    let (group, [mut creator, mut admin, mut member]) = cast(site);
    creator.say_to_group(group, "first");
    set(&mut creator, group, "history", "joined");
    creator.say_to_group(group, "second");
    let mut guest = Client::newcomer(site.there, "guest");
    assert_eq!(guest.join(group)["history"], "joined");
    assert_eq!(texts(&guest.history_of_group(group)), [""; 0], "nothing of before");
    hears(&mut creator, group, &mut guest, "third");
    assert_eq!(texts(&guest.history_of_group(group)), ["third"]);
    guest.log_out();
    let mut guest = guest.account().login_from(site.here, "new device");
    assert_eq!(texts(&guest.history_of_group(group)), ["third"]);
    let page = guest.ok(json!({"msgid": 43, "groupid": group, "before": 3, "limit": 9}));
    assert_eq!(page["messages"], json!([]), "{page}");
    assert_eq!(texts(&member.history_of_group(group)), ["first", "second", "third"], "who was there reads all");
    set(&mut admin, group, "history", "all");
    assert_eq!(texts(&guest.history_of_group(group)), ["third"], "it holds for who came meanwhile");
    let mut late = Client::newcomer(site.here, "late");
    late.join(group);
    assert_eq!(texts(&late.history_of_group(group)), ["first", "second", "third"]);
}
