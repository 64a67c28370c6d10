//! Looking after groups; one's account.

use super::*;

/// anna has chess open, which she looks after; ben is a member.
fn at_chess() -> Bench {
    let mut bench = Bench::online();
    let group = json!({"id": 3, "groupname": "chess", "groupdesc": "", "role": "creator", "total": 2,
        "users": [{"id": 2, "name": "ben", "state": "online", "role": "normal"}]});
    bench.line(json!({"msgid": 49, "kind": "group_joined", "groupid": 3, "id": 2, "name": "ben"}));
    bench.answer(29, json!({"groups": [group], "more": false}));
    bench.model.show(Some(Peer::Group(GroupId::new(3).unwrap())));
    bench.effects.clear();
    bench
}

#[test]
fn members_are_looked_after_in_the_open_group() {
    let mut bench = at_chess();
    for (line, msgid, fields) in [
        ("/kick ben", 71, json!({"ban": false})),
        ("/ban ben", 71, json!({"ban": true})),
        ("/unban ben", 73, json!({"lift": 2})),
        ("/mute ben 10m", 75, json!({"seconds": 600})),
        ("/unmute ben", 75, json!({"seconds": 0})),
        ("/role ben admin", 69, json!({"role": "admin"})),
        ("/handover ben", 69, json!({"role": "creator"})),
        ("/invite ben", 77, json!({"id": 2})),
    ] {
        bench.typed(line);
        let asked = bench.sent_of(msgid).pop().unwrap_or_else(|| panic!("{line}: {:?}", bench.effects));
        assert_eq!(asked["groupid"], 3, "{line}");
        for (field, value) in fields.as_object().unwrap() {
            assert_eq!(&asked[field], value, "{line}");
        }
        bench.effects.clear();
        bench.line(json!({"msgid": msgid + 1, "errno": 0, "tag": asked["tag"], "groupid": 3, "id": 2, "users": [], "more": false}));
        assert!(bench.told().contains("ben"), "{line}: {}", bench.told());
    }
    bench.typed("/set join invite");
    assert_eq!(bench.sent_of(67)[0]["join"], "invite");
    bench.model.show(None);
    bench.effects.clear();
    bench.typed("/kick ben");
    assert!(bench.sent_of(71).is_empty() && bench.told().contains("Open it first"), "{}", bench.told());
}

#[test]
fn who_wants_to_join_is_answered_in_the_group_and_an_invitation_by_its_name() {
    let mut bench = at_chess();
    bench.line(json!({"msgid": 49, "kind": "group_asked", "groupid": 3, "id": 8, "name": "cleo"}));
    assert!(bench.told().contains("cleo wants to join chess"), "{}", bench.told());
    bench.typed("/accept cleo");
    let asked = bench.sent_of(79).pop().unwrap();
    assert_eq!((&asked["groupid"], &asked["id"], &asked["accept"]), (&json!(3), &json!(8), &json!(true)));
    bench.line(json!({"msgid": 77, "id": 2, "name": "ben", "groupid": 9, "groupname": "go players"}));
    assert!(bench.told().contains("/accept #\"go players\""), "{}", bench.told());
    bench.typed("/accept #go players");
    let asked =
        bench.answer(79, json!({"groupid": 9, "groupname": "go players", "groupdesc": "", "users": [], "total": 3}));
    assert_eq!((&asked["groupid"], &asked["id"]), (&json!(9), &Value::Null));
    assert!(bench.model.roster.groups.contains_key(&GroupId::new(9).unwrap()));
    bench.line(json!({"msgid": 35, "id": 2, "name": "ben", "msg": ""}));
    bench.typed("/accept ben");
    assert_eq!(bench.sent_of(37).len(), 1, "a friend request");
}

#[test]
fn a_wish_to_join_waits_and_opens_nothing() {
    let mut bench = Bench::online();
    bench.typed("/join 9");
    let tag = bench.sent_of(9)[0]["tag"].clone();
    bench.line(
        json!({"msgid": 15, "errno": 0, "tag": tag, "groupid": 9, "groupname": "go", "groupdesc": "", "waiting": true}),
    );
    assert!(bench.told().contains("has to let you in"), "{}", bench.told());
    assert!(!bench.news().iter().any(|news| matches!(news, News::Opened(_))));
}

#[test]
fn who_is_sent_away_hears_by_whom_and_the_conversation_is_gone() {
    let mut bench = at_chess();
    let chess = Peer::Group(GroupId::new(3).unwrap());
    bench.line(json!({"msgid": 49, "kind": "group_left", "groupid": 3, "id": 1, "name": "anna", "by": 2}));
    assert!(bench.told().contains("ben has sent you away from chess"), "{}", bench.told());
    assert!(!bench.model.chats.contains_key(&chess) && bench.model.open.is_none());
}

#[test]
fn a_member_who_may_not_speak_hears_until_when() {
    let mut bench = at_chess();
    let cid = bench.model.say(Peer::Group(GroupId::new(3).unwrap()), "hello", UnixMs(5));
    bench.pass(Duration::ZERO);
    bench.line(json!({"msgid": 12, "errno": 403, "errmsg": "muted", "tag": cid, "groupid": 3,
        "until": "2026-03-14T10:00:00.000Z"}));
    let State::Failed(why) = &bench.model.outbox.find(&cid).unwrap().state else { panic!("not refused") };
    assert_eq!(why, "muted (until 2026-03-14 10:00 UTC)");
}

#[test]
fn members_who_are_named_are_told_to_other_clients() {
    let mut bench = at_chess();
    let chess = Peer::Group(GroupId::new(3).unwrap());
    bench.model.say(chess, "who plays, @Ben?", UnixMs(5));
    bench.model.say(chess, "ben may", UnixMs(5));
    bench.pass(Duration::ZERO);
    let said: Vec<Value> = bench.sent_of(10).into_iter().map(|line| line["ext"].clone()).collect();
    assert_eq!(said, [json!({"mentions": [2]}), Value::Null]);
    bench.line(
        json!({"msgid": 10, "id": 2, "name": "ben", "groupid": 3, "msg": "@anna", "ext": {"mentions": [1]}, "seq": 1,
        "time": "2026-03-14T10:00:00.000Z"}),
    );
    assert!(bench.model.chats[&chess].message(1).unwrap().mentions(UserId::new(1).unwrap()));
}

#[test]
fn people_are_blocked_and_listed() {
    let mut bench = Bench::online();
    bench.typed("/block ben");
    let asked = bench.answer(53, json!({"id": 2, "on": true}));
    assert_eq!((&asked["id"], &asked["on"]), (&json!(2), &json!(true)));
    assert!(bench.told().contains("/unblock ben"), "{}", bench.told());
    assert_eq!(bench.sent_of(27).len(), 1, "a friendship may have ended");
    bench.typed("/blocked");
    bench.answer(55, json!({"users": [{"id": 2, "name": "ben"}], "more": true}));
    let asked = bench.answer(55, json!({"users": [{"id": 5, "name": "eve"}], "more": false}));
    assert_eq!(asked["after"], 2);
    assert!(bench.told().contains("ben (user 2)\n  eve (user 5)"), "{}", bench.told());
}

#[test]
fn another_name_is_kept_and_the_token_logs_in_whatever_the_name() {
    let mut bench = Bench::online();
    bench.typed("/name annika");
    let asked = bench.answer(87, json!({"id": 1, "name": "annika"}));
    assert_eq!((&asked["name"], &asked["ext"]), (&json!("annika"), &Value::Null));
    assert_eq!(bench.model.account.name, "annika");
    assert!(bench.effects.contains(&Effect::SaveAccount));
    bench.typed("/profile plays chess");
    assert_eq!(bench.sent_of(87)[1]["ext"], json!({"about": "plays chess"}));
    bench.handle(Event::Lost("reset".into()));
    bench.pass(Duration::from_secs(2));
    bench.handle(Event::Connected);
    let login = bench.sent_of(1).pop().unwrap();
    assert_eq!((&login["id"], &login["token"]), (&json!(1), &json!(TOKEN)));
}

#[test]
fn sessions_are_listed_and_one_that_was_ended_asks_for_the_password() {
    let mut bench = Bench::online();
    bench.typed("/sessions");
    let session = json!({"number": 7, "device": "web", "address": "192.0.2.1", "since": "2026-03-14T09:00:00.000Z",
        "used": "2026-03-14T09:30:00.000Z", "this": true});
    bench.answer(85, json!({"sessions": [session], "more": false}));
    assert!(bench.told().contains("7: web, from 192.0.2.1, since 2026-03-14 09:00 UTC"), "{}", bench.told());
    bench.typed("/end others");
    assert_eq!(bench.sent_of(85)[1]["end"], "others");
    bench.line(json!({"msgid": 49, "kind": "ended"}));
    assert_eq!((bench.model.account.token.as_ref(), &bench.model.link), (None, &Link::Off));
}

#[test]
fn an_erased_account_is_forgotten_here() {
    let mut bench = Bench::online();
    bench.order(Command::EraseAccount { password: "pw".into() });
    bench.answer(89, json!({}));
    assert_eq!(bench.model.account.token, None);
    assert!(bench.news().contains(&News::LoggedOut));
}

#[test]
fn what_one_has_asked_for_is_listed_and_taken_back() {
    let mut bench = Bench::online();
    bench.typed("/asked");
    bench.answer(91, json!({"friends": [{"id": 2, "name": "ben", "msg": "hi"}],
        "groups": [{"groupid": 9, "groupname": "go", "id": 8, "name": "cleo"}, {"groupid": 10, "groupname": "bridge"}]}));
    for line in ["ben to be a friend: hi", "#go: cleo invites you", "#bridge to let you in"] {
        assert!(bench.told().contains(line), "{line}: {}", bench.told());
    }
    bench.typed("/withdraw ben");
    let asked = bench.sent_of(91).pop().unwrap();
    assert_eq!((&asked["withdraw"], &asked["id"]), (&json!("friend"), &json!(2)));
}
