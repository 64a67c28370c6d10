//! Unread counts, ticks, who types and who is there.

use super::*;
use crate::model::reading::Progress;

fn entry(read: u64, unread: u64, last_seq: u64) -> Value {
    json!({"id": 2, "name": "ben", "state": "online", "last_seq": last_seq, "read": read, "unread": unread,
        "peer_delivered": 4, "peer_read": 3, "muted": false, "pinned": false})
}

fn told(bench: &mut Bench, entries: Value) {
    bench.answer(47, json!({"conversations": entries, "more": false}));
}

#[test]
fn a_session_for_a_person_wants_everything_and_one_for_a_program_only_messages() {
    let mut bench = Bench::new();
    bench.log_in(json!([]));
    assert_eq!(bench.sent_of(47).len(), 1, "how are the conversations?");
    let mut bench = Bench::new();
    bench.model.connect();
    bench.handle(Event::Connected);
    assert_eq!(bench.sent_of(1)[0]["want"], json!(["presence", "receipts", "typing", "events"]));
    let mut bench = Bench::new();
    bench.model.hand_on();
    bench.model.connect();
    bench.handle(Event::Connected);
    assert_eq!(bench.sent_of(1)[0]["want"], Value::Null);
}

#[test]
fn the_server_says_how_many_are_unread() {
    let mut bench = Bench::new();
    bench.log_in(json!([pushed(6, "six")]));
    assert_eq!(bench.model.chats[&ben()].mark.unread, 1);
    told(&mut bench, json!([entry(2, 5, 8)]));
    let chat = &bench.model.chats[&ben()];
    assert_eq!((chat.mark.unread, chat.mark.read), (5, 2));
    bench.line(pushed(7, "counted by the server"));
    bench.line(pushed(8, "likewise"));
    assert_eq!(bench.model.chats[&ben()].mark.unread, 5);
    bench.line(pushed(9, "new"));
    assert_eq!(bench.model.chats[&ben()].mark.unread, 6);
    assert_eq!(bench.model.chats[&ben()].progress(4), Progress::Read, "who writes has read what is before");
}

#[test]
fn what_came_while_the_list_was_on_its_way_counts_beside_it() {
    let mut bench = Bench::new();
    bench.log_in(json!([pushed(8, "eight")]));
    bench.line(pushed(9, "above the last of the list"));
    told(&mut bench, json!([entry(2, 5, 8)]));
    assert_eq!(bench.model.chats[&ben()].mark.unread, 6);
}

#[test]
fn a_long_list_is_read_to_its_end() {
    let mut bench = Bench::online();
    bench.answer(47, json!({"conversations": [], "more": true, "next": "n"}));
    let asked = bench.answer(47, json!({"conversations": [entry(1, 3, 4)], "more": false}));
    assert_eq!(asked["after"], "n");
    assert_eq!(bench.model.chats[&ben()].mark.unread, 3);
}

#[test]
fn what_is_shown_is_told_as_read() {
    let mut bench = Bench::online();
    told(&mut bench, json!([entry(0, 0, 0)]));
    bench.line(pushed(1, "one"));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent_of(20).len(), 1, "it has arrived");
    assert!(bench.sent_of(45).is_empty(), "nobody has looked");
    bench.effects.clear();
    bench.model.show(Some(ben()));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent_of(45), [json!({"msgid": 45, "id": 2, "seq": 1})]);
    bench.effects.clear();
    bench.line(pushed(2, "two"));
    bench.pass(Duration::from_secs(1));
    assert_eq!((bench.sent_of(45).len(), bench.sent_of(20).len()), (1, 0), "what is read has arrived");
    bench.effects.clear();
    bench.pass(Duration::from_secs(1));
    assert!(bench.sent_of(45).is_empty());
}

#[test]
fn what_comes_while_nobody_looks_is_not_read() {
    let mut bench = Bench::online();
    told(&mut bench, json!([]));
    bench.model.show(Some(ben()));
    bench.model.watch(false);
    bench.line(pushed(1, "one"));
    bench.pass(Duration::from_secs(1));
    assert!(bench.sent_of(45).is_empty());
    assert_eq!(bench.model.chats[&ben()].mark.unread, 1);
    bench.model.watch(true);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent_of(45).len(), 1);
    assert_eq!(bench.model.chats[&ben()].line, Some(0), "the line stands above what came");
}

#[test]
fn an_older_server_is_never_told_what_it_does_not_know() {
    let mut bench = Bench::online();
    let tag = bench.sent_of(47)[0]["tag"].clone();
    bench.effects.clear();
    bench.line(json!({"msgid": 19, "errno": 404, "errmsg": "no such msgid", "about": 47, "tag": tag}));
    assert!(bench.news().is_empty(), "quietly: {:?}", bench.news());
    bench.line(pushed(1, "one"));
    bench.model.show(Some(ben()));
    bench.model.types();
    bench.pass(Duration::from_secs(1));
    assert_eq!((bench.sent_of(45).len(), bench.sent_of(50).len(), bench.sent_of(20).len()), (0, 0, 1));
}

#[test]
fn a_busy_server_is_asked_again_after_a_while() {
    let mut bench = Bench::online();
    bench.answer(47, json!({"errno": 503, "errmsg": "storage unavailable"}));
    assert!(bench.told().is_empty(), "nobody has asked for it: {}", bench.told());
    bench.pass_talking(PRESENCE_EVERY);
    told(&mut bench, json!([entry(1, 3, 4)]));
    assert_eq!(bench.model.chats[&ben()].mark.unread, 3);
    bench.effects.clear();
    bench.pass_talking(PRESENCE_PUSHED_EVERY);
    assert!(bench.sent_of(47).is_empty());
}

#[test]
fn receipts_move_the_ticks_and_only_forward() {
    let mut bench = Bench::online();
    told(&mut bench, json!([entry(4, 0, 5)]));
    let progress = |bench: &Bench| [3, 4, 5].map(|seq| bench.model.chats[&ben()].progress(seq));
    assert_eq!(progress(&bench), [Progress::Read, Progress::Delivered, Progress::Stored]);
    bench.line(json!({"msgid": 46, "id": 2, "toid": 1, "delivered": 5}));
    assert_eq!(progress(&bench), [Progress::Read, Progress::Delivered, Progress::Delivered]);
    bench.line(json!({"msgid": 46, "id": 2, "toid": 1, "delivered": 4, "read": 5}));
    assert_eq!(progress(&bench), [Progress::Read; 3]);
}

#[test]
fn what_was_read_on_another_device_is_unread_no_longer() {
    let mut bench = Bench::online();
    for seq in 1..=3 {
        bench.line(pushed(seq, "x"));
    }
    bench.line(json!({"msgid": 46, "id": 1, "toid": 2, "read": 2}));
    assert_eq!(bench.model.chats[&ben()].mark.unread, 1);
    bench.line(json!({"msgid": 46, "id": 1, "toid": 2, "read": 3}));
    assert_eq!(bench.model.chats[&ben()].mark.unread, 0);
}

#[test]
fn who_writes_on_another_device_has_read_what_is_before() {
    let mut bench = Bench::online();
    bench.line(pushed(1, "theirs"));
    bench.line(
        json!({"msgid": 6, "id": 1, "name": "anna", "toid": 2, "msg": "mine", "time": "2026-03-14T09:27:00.000Z",
        "seq": 2}),
    );
    assert_eq!(bench.model.chats[&ben()].mark.unread, 0);
}

#[test]
fn typing_is_told_now_and_then_and_shown_for_a_while() {
    let mut bench = Bench::online();
    told(&mut bench, json!([]));
    bench.model.show(Some(ben()));
    for _ in 0..20 {
        bench.model.types();
        bench.pass(Duration::from_millis(200));
    }
    assert_eq!(bench.sent_of(50), [json!({"msgid": 50, "id": 2}), json!({"msgid": 50, "id": 2})], "once in a while");
    bench.line(json!({"msgid": 50, "id": 2, "name": "ben"}));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.model.typing_in(ben()), ["ben"]);
    bench.pass(Duration::from_secs(8));
    assert!(bench.model.typing_in(ben()).is_empty(), "it does not hold for ever");
    bench.line(json!({"msgid": 50, "id": 2, "name": "ben"}));
    bench.line(pushed(1, "done"));
    assert!(bench.model.typing_in(ben()).is_empty(), "who has said something is done");
}

#[test]
fn friends_come_and_go_without_being_asked_about() {
    let mut bench = Bench::online();
    told(&mut bench, json!([]));
    bench.line(json!({"msgid": 49, "kind": "presence", "id": 2, "state": "offline"}));
    let friend = |bench: &Bench| bench.model.roster.friends[&UserId::new(2).unwrap()].clone();
    assert_eq!(friend(&bench).presence, stonechat_protocol::body::Presence::Offline);
    bench.pass_talking(PRESENCE_EVERY);
    assert!(bench.sent_of(27).is_empty(), "it is pushed");
    bench.line(json!({"msgid": 49, "kind": "profile", "id": 2, "name": "benjamin", "ext": {"about": "plays chess"}}));
    assert_eq!((friend(&bench).name.as_str(), friend(&bench).about.as_deref()), ("benjamin", Some("plays chess")));
}

#[test]
fn pinned_conversations_are_on_top() {
    let mut bench = Bench::online();
    let chess = Peer::Group(GroupId::new(3).unwrap());
    bench.line(pushed(1, "one"));
    assert_eq!(bench.model.conversations(), [ben(), chess]);
    bench.typed("/pin #chess");
    let asked = bench.answer(51, json!({"groupid": 3, "muted": false, "pinned": true}));
    assert_eq!((&asked["groupid"], &asked["pinned"], &asked["muted"]), (&json!(3), &json!(true), &Value::Null));
    assert_eq!(bench.model.conversations(), [chess, ben()]);
    bench.line(json!({"msgid": 49, "kind": "conversation_set", "groupid": 3, "muted": true, "pinned": false}));
    assert_eq!(bench.model.conversations(), [ben(), chess], "done on another device");
    assert!(bench.model.chats[&chess].flags.is_muted);
}
