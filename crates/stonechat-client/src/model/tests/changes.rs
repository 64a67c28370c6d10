//! Messages that are changed after they were said.

use super::*;

fn edited(of: u64, text: &str, seq: u64) -> Value {
    json!({"msgid": 57, "id": 2, "name": "ben", "toid": 1, "of": of, "msg": text, "seq": seq,
        "time": "2026-03-14T09:30:00.000Z"})
}

fn reacted(of: u64, on: bool, seq: u64) -> Value {
    json!({"msgid": 61, "id": 2, "name": "ben", "toid": 1, "of": of, "reaction": "👍", "on": on, "seq": seq,
        "time": "2026-03-14T09:31:00.000Z"})
}

fn counts(bench: &Bench, seq: u64) -> Vec<(u64, bool)> {
    let message = bench.model.chats[&ben()].message(seq).unwrap();
    message.reactions.iter().map(|reaction| (reaction.count, reaction.mine)).collect()
}

/// A conversation with ben is open: "mine" is 1, "theirs" is 2.
fn talking() -> Bench {
    let mut bench = Bench::online();
    bench.model.show(Some(ben()));
    bench.pass(Duration::ZERO);
    bench.answer(43, json!({"messages": [], "more": false}));
    let cid = bench.say("mine");
    bench.line(ack(&cid, 1));
    bench.line(pushed(2, "theirs"));
    bench.effects.clear();
    bench
}

#[test]
fn changes_that_are_pushed_are_in_their_messages_and_are_counted_like_them() {
    let mut bench = talking();
    bench.line(edited(2, "theirs, but better", 3));
    bench.line(reacted(1, true, 4));
    let chat = &bench.model.chats[&ben()];
    assert_eq!((chat.message(2).unwrap().text.as_str(), chat.mark.seen), ("theirs, but better", 4));
    assert!(chat.message(2).unwrap().edited.is_some() && !chat.has_hole());
    assert_eq!(counts(&bench, 1), [(1, false)]);
    assert!(bench.new_texts().is_empty(), "no message is new");
    assert_eq!(bench.news().iter().filter(|news| matches!(news, News::Changed(..))).count(), 2);
    bench.line(
        json!({"msgid": 59, "id": 2, "name": "ben", "toid": 1, "of": 2, "seq": 5, "time": "2026-03-14T09:32:00.000Z"}),
    );
    assert!(bench.model.chats[&ben()].message(2).unwrap().is_recalled);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent_of(20).last().unwrap()["seq"], 5, "they are confirmed, too");
}

#[test]
fn a_change_is_no_unread_message() {
    let mut bench = Bench::online();
    bench.line(pushed(1, "one"));
    bench.line(edited(1, "uno", 2));
    assert_eq!(bench.model.chats[&ben()].mark.unread, 1);
}

#[test]
fn what_came_while_one_was_away_is_shown_once() {
    let mut bench = Bench::new();
    let mut one = pushed(1, "uno");
    one["edited"] = json!("2026-03-14T09:30:00.000Z");
    one["reactions"] = json!([{"reaction": "👍", "count": 1, "mine": false}]);
    bench.log_in(json!([one, edited(1, "uno", 2), reacted(1, true, 3)]));
    assert!(bench.news().contains(&News::Welcome { missed: 1 }), "changes are no messages");
    assert_eq!(counts(&bench, 1), [(1, false)], "the list had it already");
    bench.model.show(Some(ben()));
    bench.pass(Duration::from_secs(2));
    let asked = bench.sent_of(43).pop().expect("its reactions are not certain");
    assert_eq!((&asked["before"], &asked["limit"]), (&json!(2), &json!(1)));
    let mut now = pushed(1, "uno");
    now["reactions"] = json!([{"reaction": "👍", "count": 2, "mine": false}]);
    bench.answer(43, json!({"messages": [now], "more": false}));
    assert_eq!(counts(&bench, 1), [(2, false)]);
    bench.effects.clear();
    bench.pass(Duration::from_secs(2));
    assert!(bench.sent_of(43).is_empty(), "once is enough");
}

#[test]
fn ones_last_message_is_edited_and_keeps_what_it_answers() {
    let mut bench = talking();
    bench.typed("/reply I do");
    bench.pass(Duration::ZERO);
    let said = bench.sent_of(6).pop().unwrap();
    assert_eq!((&said["msg"], &said["ext"]), (&json!("I do"), &json!({"re": 2})));
    bench.line(ack(said["cid"].as_str().unwrap(), 3));
    assert_eq!(bench.model.chats[&ben()].message(3).unwrap().answers(), Some(2));
    bench.typed("/edit I don't");
    let asked = bench.answer(57, json!({"toid": 2, "seq": 4, "time": "2026-03-14T09:33:00.000Z"}));
    assert_eq!((&asked["id"], &asked["of"], &asked["ext"]), (&json!(2), &json!(3), &json!({"re": 2})));
    let message = bench.model.chats[&ben()].message(3).unwrap();
    assert_eq!((message.text.as_str(), message.edited.is_some(), message.answers()), ("I don't", true, Some(2)));
}

#[test]
fn a_message_is_recalled_by_its_number_and_refusals_are_shown() {
    let mut bench = talking();
    bench.typed("/recall #2");
    bench.answer(59, json!({"errno": 403, "errmsg": "not your message"}));
    assert!(bench.told().contains("not your message"), "{}", bench.told());
    assert!(!bench.model.chats[&ben()].message(2).unwrap().is_recalled);
    bench.typed("/recall");
    let asked = bench.answer(59, json!({"toid": 2, "seq": 3, "time": "2026-03-14T09:33:00.000Z"}));
    assert_eq!(asked["of"], 1, "one's own last one");
    assert!(bench.model.chats[&ben()].message(1).unwrap().is_recalled);
    bench.effects.clear();
    bench.typed("/recall");
    assert!(bench.sent_of(59).is_empty() && bench.told().contains("no such message"), "{}", bench.told());
    bench.typed("/edit #99 x");
    assert!(bench.told().contains("#99 is not here"), "{}", bench.told());
}

#[test]
fn reactions_of_ones_own_are_given_and_taken_back() {
    let mut bench = talking();
    bench.typed("/react +1");
    let asked = bench.answer(61, json!({"toid": 2, "seq": 3, "time": "2026-03-14T09:33:00.000Z"}));
    assert_eq!((&asked["of"], &asked["reaction"], &asked["on"]), (&json!(2), &json!("👍"), &json!(true)));
    bench.line(reacted(2, true, 4));
    assert_eq!(counts(&bench, 2), [(2, true)]);
    bench.typed("/unreact");
    let asked = bench.answer(61, json!({"toid": 2, "seq": 5, "time": "2026-03-14T09:34:00.000Z"}));
    assert_eq!((&asked["reaction"], &asked["on"]), (&json!("👍"), &json!(false)));
    assert_eq!(counts(&bench, 2), [(1, false)]);
}

#[test]
fn the_last_message_is_stored_before_it_is_changed() {
    let mut bench = talking();
    bench.say("on its way");
    bench.typed("/recall");
    assert!(bench.sent_of(59).is_empty() && bench.told().contains("not stored yet"), "{}", bench.told());
}

#[test]
fn an_older_server_turns_it_off_quietly() {
    let mut bench = talking();
    let unknown = |bench: &Bench, msgid: i64| {
        let tag = bench.sent_of(msgid).pop().map_or(Value::Null, |asked| asked["tag"].clone());
        json!({"msgid": 19, "errno": 404, "errmsg": "no such msgid", "about": msgid, "tag": tag})
    };
    bench.typed("/edit better");
    bench.line(unknown(&bench, 57));
    assert_eq!(bench.told(), "this server is too old for that");
    assert!(bench.model.last_own(ben()).is_none(), "Up calls back what was typed");
    bench.effects.clear();
    bench.typed("/edit better");
    assert!(bench.sent_of(57).is_empty() && bench.told().contains("too old"), "it is not asked again");
}

#[test]
fn a_change_without_an_answer_is_not_passed_over() {
    let mut bench = talking();
    bench.typed("/edit better");
    bench.handle(Event::Lost("reset".into()));
    assert!(bench.told().contains("look whether it was done"), "{}", bench.told());
    bench.effects.clear();
    bench.typed("/edit better");
    assert!(bench.told().contains("not connected"), "{}", bench.told());
}

#[test]
fn a_group_that_is_read_from_the_day_of_joining_is_not_asked_for_more() {
    let mut bench = talking();
    bench.line(pushed(40, "forty"));
    let asked = bench.sent_of(43).pop().unwrap();
    assert_eq!(asked["before"], 40);
    bench.answer(43, json!({"messages": [pushed(39, "thirty-nine")], "more": false}));
    bench.effects.clear();
    bench.model.fetch_older(ben());
    bench.pass(Duration::ZERO);
    assert!(bench.sent_of(43).is_empty());
}

#[test]
fn a_search_goes_on_by_itself_until_there_is_enough() {
    let mut bench = Bench::online();
    bench.typed("/search hello");
    let asked = bench.answer(63, json!({"messages": [], "more": true, "next": "p2"}));
    assert_eq!((&asked["keyword"], &asked["after"]), (&json!("hello"), &Value::Null));
    let page: Vec<Value> = (1..=50).map(|seq| pushed(seq, "hello")).collect();
    let asked = bench.answer(63, json!({"messages": page, "more": true, "next": "p3"}));
    assert_eq!(asked["after"], "p2");
    let reach = |bench: &Bench| match bench.news().pop() {
        Some(News::Found(found, reach)) => (found.len(), reach),
        other => panic!("{other:?}"),
    };
    assert_eq!(reach(&bench), (50, Reach::Paused));
    assert_eq!(bench.sent_of(63).len(), 2, "it pauses");
    bench.typed("/more");
    let asked = bench.answer(63, json!({"messages": [pushed(51, "hello")], "more": false}));
    assert_eq!(asked["after"], "p3");
    assert_eq!(reach(&bench), (1, Reach::End));
}
