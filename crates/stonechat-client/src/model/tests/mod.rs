//! The state machine as a whole: lines in, effects and what is known out. No server.
#![expect(clippy::needless_pass_by_value, reason = "lines are written in place with json!")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stonechat_protocol::incoming;

use super::*;
use crate::command::{Command, Kind, Target, Typed, parse, target};

mod changes;
mod groups;
mod reading;

const TOKEN: &str = "tok";

/// A model, the time, and what it has done since it was last asked.
struct Bench {
    model: Model,
    now: Instant,
    effects: Vec<Effect>,
}

impl Bench {
    /// A client with a saved token, not connected yet.
    fn new() -> Self {
        Self::with(Outbox::default(), BTreeMap::new())
    }

    fn with(outbox: Outbox, marks: BTreeMap<Peer, (String, Mark)>) -> Self {
        let account =
            Account { name: "anna".into(), id: UserId::new(1), token: Some(TOKEN.into()), ..Account::default() };
        #[expect(clippy::disallowed_methods, reason = "a beginning; the test moves the time itself")]
        let now = Instant::now();
        Self { model: Model::new(account, outbox, marks, 42), now, effects: Vec::new() }
    }

    fn online() -> Self {
        let mut bench = Self::new();
        bench.log_in(json!([]));
        bench
    }

    fn log_in(&mut self, offline: Value) {
        self.model.connect();
        self.handle(Event::Connected);
        let tag = self.sent_of(1).last().expect("a LOGIN")["tag"].clone();
        self.effects.clear();
        self.line(json!({"msgid": 2, "errno": 0, "tag": tag, "id": 1, "name": "anna", "token": TOKEN,
            "offlinemsg": offline, "friends": [{"id": 2, "name": "ben", "state": "online"}],
            "groups": [{"id": 3, "groupname": "chess", "groupdesc": "", "users": [], "total": 2}]}));
    }

    fn handle(&mut self, event: Event) {
        self.model.handle(event, self.now);
        self.effects.extend(self.model.take_effects());
    }

    fn line(&mut self, line: Value) {
        self.handle(Event::Line(line.to_string()));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.model.tick(self.now);
        self.effects.extend(self.model.take_effects());
    }

    /// The same while the server gives signs of life.
    fn pass_talking(&mut self, time: Duration) {
        for _ in 0..10 {
            self.pass(time / 10);
            self.line(json!({"msgid": 17}));
        }
    }

    fn order(&mut self, order: Command) {
        self.model.order(order, UnixMs(5));
        self.effects.extend(self.model.take_effects());
    }

    /// The answer to the question what the server has where the last message seen was.
    fn answer_last_seen(&mut self, messages: Value) {
        let [asked] = &self.sent_of(43)[..] else { panic!("one HISTORY, not {:?}", self.sent_of(43)) };
        let seen = self.model.chats[&ben()].mark.seen;
        assert_eq!((&asked["id"], &asked["before"], &asked["limit"]), (&json!(2), &json!(seen + 1), &json!(1)));
        self.line(json!({"msgid": 44, "errno": 0, "tag": asked["tag"], "messages": messages, "more": false}));
    }

    fn say(&mut self, text: &str) -> String {
        let cid = self.model.say(ben(), text, UnixMs(5));
        self.pass(Duration::ZERO);
        cid
    }

    /// What a line in the screen means, done.
    fn typed(&mut self, line: &str) {
        match parse(line) {
            Ok(Typed::Command(order)) => self.order(order),
            other => panic!("{line}: {other:?}"),
        }
    }

    /// The last request of this number, answered with these fields.
    fn answer(&mut self, msgid: i64, mut fields: Value) -> Value {
        let asked = self.sent_of(msgid).pop().unwrap_or_else(|| panic!("no {msgid} was sent"));
        let errno = fields.get("errno").cloned().unwrap_or(json!(0));
        (fields["msgid"], fields["errno"], fields["tag"]) = (json!(msgid + 1), errno, asked["tag"].clone());
        self.line(fields);
        asked
    }

    /// What was told a person in words.
    fn told(&self) -> String {
        let words = self.news().into_iter().filter_map(|news| match news {
            News::Says(text) | News::Refused(text) => Some(text),
            _ => None,
        });
        words.collect::<Vec<_>>().join("\n")
    }

    /// The requests of this number since the last clearing.
    fn sent_of(&self, msgid: i64) -> Vec<Value> {
        let sent = self.effects.iter().filter_map(|effect| match effect {
            Effect::Send(line) => Some(serde_json::from_str::<Value>(line).unwrap()),
            _ => None,
        });
        sent.filter(|line| line["msgid"] == msgid).collect()
    }

    fn news(&self) -> Vec<News> {
        let news = self.effects.iter().filter_map(|effect| match effect {
            Effect::Tell(news) => Some(news.clone()),
            _ => None,
        });
        news.collect()
    }

    fn new_texts(&self) -> Vec<String> {
        let texts = self.news().into_iter().filter_map(|news| match news {
            News::Message(_, message) => Some(message.text),
            _ => None,
        });
        texts.collect()
    }
}

fn ben() -> Peer {
    Peer::User(UserId::new(2).unwrap())
}

fn pushed(seq: u64, text: &str) -> Value {
    json!({"msgid": 6, "id": 2, "name": "ben", "toid": 1, "msg": text, "time": "2026-03-14T09:26:53.589Z", "seq": seq})
}

fn ack(cid: &str, seq: u64) -> Value {
    json!({"msgid": 11, "errno": 0, "tag": cid, "cid": cid, "toid": 2, "seq": seq, "time": "2026-03-14T09:27:00.000Z"})
}

#[test]
fn logs_in_by_token_and_asks_to_confirm() {
    let mut bench = Bench::new();
    bench.model.connect();
    bench.handle(Event::Connected);
    let login = &bench.sent_of(1)[0];
    assert_eq!((&login["name"], &login["token"], &login["ack"]), (&json!("anna"), &json!(TOKEN), &json!(true)));
}

#[test]
fn a_message_is_on_disk_before_it_is_sent_and_until_its_ack() {
    let mut bench = Bench::online();
    let cid = bench.say("hello");
    let recorded = bench.effects.iter().position(|effect| matches!(effect, Effect::Record(Record::Say { .. })));
    let sent = bench.effects.iter().position(|effect| matches!(effect, Effect::Send(line) if line.contains("hello")));
    assert!(recorded.unwrap() < sent.unwrap());
    assert_eq!(bench.model.outbox.iter().count(), 1);
    bench.line(ack(&cid, 7));
    assert_eq!(bench.model.outbox.iter().count(), 0);
    assert!(bench.effects.contains(&Effect::Record(Record::Done { cid: cid.clone() })));
    assert!(bench.news().contains(&News::Stored { peer: ben(), cid, seq: 7 }));
    assert_eq!(bench.model.chats[&ben()].message(7).unwrap().text, "hello");
}

#[test]
fn after_a_lost_connection_the_same_message_goes_out_with_the_same_cid() {
    let mut bench = Bench::online();
    let cid = bench.say("hello");
    bench.handle(Event::Lost("reset".into()));
    assert!(matches!(bench.model.link, Link::Waiting { .. }));
    bench.effects.clear();
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.effects, [Effect::Connect]);
    bench.log_in(json!([]));
    let again = bench.sent_of(6);
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0]["cid"], &again[0]["msg"]), (&json!(cid), &json!("hello")));
    bench.line(ack(&cid, 7));
    bench.line(ack(&cid, 7));
    assert_eq!(bench.model.chats[&ben()].rows.len(), 1, "an ack that comes twice changes nothing");
}

#[test]
fn a_server_that_cannot_be_trusted_is_tried_again_and_the_message_waits() {
    let mut bench = Bench::online();
    let cid = bench.say("hello");
    bench.handle(Event::Lost("reset".into()));
    bench.pass(Duration::from_secs(2));
    bench.effects.clear();
    let why = "the certificate has expired".to_owned();
    bench.handle(Event::Unfit(why.clone()));
    assert_eq!(bench.news(), [News::Unfit(why)]);
    assert!(matches!(bench.model.link, Link::Waiting { .. }));
    bench.effects.clear();
    bench.pass(Duration::from_secs(4));
    assert_eq!(bench.effects, [Effect::Connect], "a server gets a new certificate one day");
    bench.log_in(json!([]));
    assert_eq!(bench.sent_of(6)[0]["cid"], json!(cid));
}

#[test]
fn a_server_that_wants_tls_is_told_with_what_to_write() {
    let mut bench = Bench::new();
    bench.model.connect();
    bench.handle(Event::Connected);
    bench.effects.clear();
    bench.line(json!({"msgid": 19, "errno": 403, "errmsg": "this address wants TLS"}));
    assert!(bench.effects.contains(&Effect::Hangup));
    let news = bench.news();
    assert!(
        matches!(&news[..], [News::Unfit(why)] if why.contains("wants TLS") && why.contains("--server tls://HOST"))
    );
    assert!(matches!(bench.model.link, Link::Waiting { .. }));
}

#[test]
fn what_comes_again_after_a_reconnect_is_no_news() {
    let mut bench = Bench::online();
    bench.line(pushed(1, "one"));
    bench.line(pushed(2, "two"));
    bench.handle(Event::Lost("reset".into()));
    bench.pass(Duration::from_secs(2));
    bench.log_in(json!([pushed(1, "one"), pushed(2, "two"), pushed(3, "three")]));
    assert_eq!(bench.new_texts(), ["three"]);
    assert!(bench.news().contains(&News::Welcome { missed: 1 }));
    assert_eq!(bench.model.chats[&ben()].rows.len(), 3);
    assert_eq!(bench.model.chats[&ben()].mark.unread, 3);
}

#[test]
fn what_was_seen_before_a_restart_is_no_news_either() {
    let mark = Mark { seen: 2, read: 1, unread: 1, latest_ms: 9, ..Mark::default() };
    let mut bench = Bench::with(Outbox::default(), BTreeMap::from([(ben(), ("ben".to_owned(), mark))]));
    bench.log_in(json!([pushed(2, "two"), pushed(3, "three")]));
    bench.answer_last_seen(json!([pushed(2, "two")]));
    assert_eq!(bench.new_texts(), ["three"]);
    assert_eq!(bench.model.chats[&ben()].mark.unread, 2);
}

/// A client that was started again, and has seen ten messages of ben.
fn has_seen_ten() -> Bench {
    let line = pushed(10, "ten").to_string();
    let Ok(Incoming::Message(incoming::Message { time: at, .. })) = Incoming::parse(line.as_bytes()) else {
        panic!("{line}")
    };
    let mark = Mark { seen: 10, seen_id: 2, seen_ms: at.0, read: 10, ..Mark::default() };
    Bench::with(Outbox::default(), BTreeMap::from([(ben(), ("ben".to_owned(), mark))]))
}

#[test]
fn what_comes_again_is_asked_about_once_and_confirmed_when_the_server_still_has_it() {
    let mut bench = has_seen_ten();
    bench.log_in(json!([pushed(8, "eight"), pushed(9, "nine"), pushed(10, "ten"), pushed(11, "eleven")]));
    bench.pass(Duration::from_secs(1));
    assert!(bench.sent_of(20).is_empty(), "nothing is confirmed while it is in doubt");
    bench.answer_last_seen(json!([pushed(10, "ten")]));
    assert_eq!(bench.new_texts(), ["eleven"]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent_of(20), [json!({"msgid": 20, "id": 2, "seq": 11})]);
}

#[test]
fn new_messages_with_old_numbers_are_shown_when_the_data_went_back() {
    let mut another = pushed(10, "ten, but later");
    another["time"] = json!("2026-03-15T09:00:00.000Z");
    for found in [json!([]), json!([pushed(8, "new eight")]), json!([another])] {
        let mut bench = has_seen_ten();
        bench.log_in(json!([]));
        let cid = bench.say("waits for its ack");
        bench.line(pushed(8, "new eight"));
        assert_eq!(bench.new_texts(), [] as [&str; 0]);
        bench.answer_last_seen(found);
        assert_eq!(bench.new_texts(), ["new eight"]);
        bench.line(pushed(9, "new nine"));
        assert_eq!(bench.new_texts(), ["new eight", "new nine"], "no more is asked");
        assert_eq!(bench.model.outbox.find(&cid).map(|outgoing| outgoing.peer), Some(ben()), "the outbox stays");
    }
}

#[test]
fn another_message_under_the_last_number_needs_no_question() {
    let mut bench = has_seen_ten();
    let mut another = pushed(10, "ten, but later");
    another["time"] = json!("2026-03-15T09:00:00.000Z");
    bench.log_in(json!([another]));
    assert_eq!(bench.new_texts(), ["ten, but later"]);
    let cid = bench.say("mine");
    bench.line(ack(&cid, 10));
    assert_eq!(bench.model.chats[&ben()].message(10).unwrap().text, "mine", "the ack proves the same once more");
}

#[test]
fn another_epoch_forgets_what_was_counted_before_anything_is_taken_in() {
    let mut bench = has_seen_ten();
    bench.model.account.epoch = Some("old".into());
    bench.model.connect();
    bench.handle(Event::Connected);
    let tag = bench.sent_of(1).last().expect("a LOGIN")["tag"].clone();
    bench.line(json!({"msgid": 2, "errno": 0, "tag": tag, "id": 1, "name": "anna", "token": TOKEN, "epoch": "new",
        "offlinemsg": [pushed(8, "new eight")], "friends": [], "groups": []}));
    assert_eq!(bench.new_texts(), ["new eight"]);
    assert_eq!(bench.model.account.epoch.as_deref(), Some("new"));
    let written = |wanted: &Effect| bench.effects.iter().position(|effect| effect == wanted).unwrap();
    assert!(written(&Effect::SaveMarks) < written(&Effect::SaveAccount), "a crash in between keeps no counts");
}

#[test]
fn an_ack_ahead_of_a_push_hides_nothing() {
    let mut bench = Bench::online();
    let cid = bench.say("mine");
    bench.line(ack(&cid, 8));
    bench.line(pushed(7, "theirs"));
    assert_eq!(bench.new_texts(), ["theirs"]);
}

#[test]
fn marks_are_on_disk_before_messages_are_confirmed() {
    let mut bench = Bench::online();
    bench.pass(Duration::from_secs(1));
    bench.effects.clear();
    bench.line(pushed(1, "one"));
    bench.line(pushed(2, "two"));
    assert!(bench.sent_of(20).is_empty(), "not before it is noted");
    bench.pass(Duration::from_secs(1));
    let noted = bench.effects.iter().position(|effect| *effect == Effect::SaveMarks).unwrap();
    let confirmed = bench.effects.iter().position(|effect| matches!(effect, Effect::Send(_))).unwrap();
    assert!(noted < confirmed);
    assert_eq!(bench.sent_of(20), [json!({"msgid": 20, "id": 2, "seq": 2})], "one line for the burst");
    bench.effects.clear();
    bench.pass(Duration::from_secs(1));
    assert!(bench.sent_of(20).is_empty());
}

#[test]
fn who_only_sends_confirms_nothing() {
    let mut bench = Bench::new();
    bench.model.only_send();
    bench.log_in(json!([pushed(1, "one")]));
    bench.pass(Duration::from_secs(1));
    bench.model.confirm_now();
    bench.pass(Duration::from_secs(1));
    assert!(bench.sent_of(20).is_empty());
    assert!(bench.new_texts().is_empty());
}

#[test]
fn a_refusal_is_final_and_an_outage_is_not() {
    let mut bench = Bench::online();
    let cid = bench.say("hello");
    bench.line(json!({"msgid": 11, "errno": 503, "errmsg": "storage unavailable", "tag": cid, "cid": cid}));
    bench.effects.clear();
    bench.pass(Duration::from_millis(10));
    assert!(bench.sent_of(6).is_empty(), "not at once");
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.sent_of(6).len(), 1);
    bench.line(json!({"msgid": 11, "errno": 403, "errmsg": "friends only", "tag": cid, "cid": cid}));
    assert_eq!(bench.model.outbox.find(&cid).unwrap().state, State::Failed("friends only".into()));
    bench.effects.clear();
    bench.pass(Duration::from_secs(10));
    assert!(bench.sent_of(6).is_empty());
    bench.order(Command::Retry);
    bench.pass(Duration::ZERO);
    assert_eq!(bench.sent_of(6).len(), 1);
}

#[test]
fn a_line_that_is_too_long_does_not_hold_up_the_others() {
    let mut bench = Bench::online();
    bench.say(&"x".repeat(LINE_BYTES_MAX));
    assert!(bench.sent_of(6).is_empty(), "it would only close the connection");
    let long = bench.say(&"y".repeat(2000));
    let short = bench.say("short");
    bench.line(json!({"msgid": 19, "errno": 413, "errmsg": "line too long"}));
    assert!(matches!(bench.model.outbox.find(&long).unwrap().state, State::Failed(_)));
    bench.handle(Event::Lost("closed".into()));
    bench.pass(Duration::from_secs(2));
    bench.log_in(json!([]));
    let again = bench.sent_of(6);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0]["cid"], short);
}

#[test]
fn a_token_that_is_no_good_falls_back_to_the_password_once() {
    let mut bench = Bench::new();
    bench.model.account.password = Some("pw".into());
    bench.model.connect();
    bench.handle(Event::Connected);
    let refusal = |bench: &Bench| {
        let tag = bench.sent_of(1).last().unwrap()["tag"].clone();
        json!({"msgid": 2, "errno": 1, "errmsg": "wrong", "tag": tag})
    };
    bench.line(refusal(&bench));
    assert_eq!(bench.sent_of(1).last().unwrap()["pwd"], "pw");
    bench.line(refusal(&bench));
    assert_eq!(bench.model.link, Link::Off);
    assert!(bench.news().contains(&News::LoginRefused("wrong".into())));
    assert_eq!(bench.model.account.password, None, "a wrong password is not tried again");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let mut bench = Bench::online();
    bench.pass(PING_AFTER);
    assert_eq!(bench.sent_of(17).len(), 1);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.sent_of(17).len(), 1, "one question at a time");
    bench.pass(SILENCE_MAX);
    assert!(bench.effects.contains(&Effect::Hangup));
    assert!(matches!(bench.model.link, Link::Waiting { .. }));
}

#[test]
fn another_login_is_not_fought() {
    let mut bench = Bench::online();
    bench.line(json!({"msgid": 49, "kind": "replaced"}));
    assert_eq!(bench.model.link, Link::Off);
    bench.handle(Event::Lost("closed".into()));
    bench.pass(Duration::from_secs(60));
    assert!(!bench.effects.contains(&Effect::Connect));
}

#[test]
fn history_fills_in_and_stops_at_the_first_message() {
    let mut bench = Bench::online();
    bench.line(pushed(3, "three"));
    bench.model.show(Some(ben()));
    bench.pass(Duration::ZERO);
    let asked = bench.sent_of(43)[0].clone();
    assert_eq!((&asked["id"], &asked["before"]), (&json!(2), &json!(3)));
    let page = json!([pushed(1, "one"), pushed(2, "two")]);
    bench.line(json!({"msgid": 44, "errno": 0, "tag": asked["tag"], "messages": page, "more": false}));
    let here: Vec<u64> = bench.model.chats[&ben()].rows.keys().copied().collect();
    assert_eq!(here, [1, 2, 3]);
    bench.effects.clear();
    bench.model.fetch_older(ben());
    bench.pass(Duration::ZERO);
    assert!(bench.sent_of(43).is_empty());
}

#[test]
fn an_unknown_name_is_looked_up_first() {
    let mut bench = Bench::online();
    bench.order(Command::Add(Target::Name(Kind::User, "Cleo".into())));
    let asked = bench.sent_of(31)[0].clone();
    assert_eq!(asked["keyword"], "Cleo");
    let users = json!([{"id": 8, "name": "cleopatra"}, {"id": 9, "name": "cleo"}]);
    bench.line(json!({"msgid": 32, "errno": 0, "tag": asked["tag"], "users": users, "groups": []}));
    assert_eq!(bench.sent_of(7)[0]["friendid"], 9);
    bench.effects.clear();
    bench.order(Command::Chat(target(Kind::Any, "BEN"), None));
    assert_eq!(bench.news(), [News::Opened(ben())], "a friend needs no look-up");
}

#[test]
fn what_is_handed_over_is_answered() {
    let mut bench = Bench::online();
    let send = |to: &str| Command::Send { cid: "h1".into(), target: target(Kind::Any, to), text: "hi".into() };
    bench.order(send("ben"));
    bench.pass(Duration::ZERO);
    assert!(bench.effects.contains(&Effect::Taken("h1".into())));
    bench.line(ack("h1", 4));
    assert!(bench.effects.contains(&Effect::Report { cid: "h1".into(), outcome: Outcome::Seq(4) }));
    bench.effects.clear();
    bench.order(send("nobody"));
    let tag = bench.sent_of(31)[0]["tag"].clone();
    bench.line(json!({"msgid": 32, "errno": 0, "tag": tag, "users": [], "groups": []}));
    assert!(matches!(&bench.effects[..], [.., Effect::Report { outcome: Outcome::Why(_), .. }]));
}

#[test]
fn nothing_a_server_says_breaks_the_client() {
    let mut bench = Bench::online();
    for line in [
        "",
        "null",
        "[]",
        "{",
        "{}",
        r#"{"msgid":6}"#,
        r#"{"msgid":6,"id":-1,"seq":1,"msg":"x"}"#,
        r#"{"msgid":10,"groupid":99999999999,"id":2,"seq":1,"msg":"x"}"#,
        r#"{"msgid":2,"errno":0,"tag":1}"#,
        r#"{"msgid":49}"#,
        r#"{"msgid":49,"kind":"group_deleted"}"#,
        r#"{"msgid":11,"errno":0,"tag":"unknown"}"#,
        r#"{"msgid":6,"id":2,"toid":1,"seq":18446744073709551615,"msg":"x","time":"soon"}"#,
        r#"{"msgid":70000,"errno":7}"#,
        r#"{"msgid":35,"id":4}"#,
        r#"{"msgid":17}"#,
    ] {
        bench.handle(Event::Line(line.to_owned()));
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(bench.sent_of(18).len(), 1, "a PING is answered");
}

#[test]
fn the_latest_conversation_is_on_top() {
    let mut bench = Bench::online();
    let chess = Peer::Group(GroupId::new(3).unwrap());
    bench.line(pushed(1, "one"));
    assert_eq!(bench.model.conversations(), [ben(), chess]);
    let line = json!({"msgid": 10, "id": 2, "name": "ben", "groupid": 3, "msg": "x", "seq": 1,
        "time": "2026-03-14T10:00:00.000Z"});
    bench.line(line);
    assert_eq!(bench.model.conversations(), [chess, ben()]);
    bench.line(json!({"msgid": 49, "kind": "group_deleted", "groupid": 3}));
    assert!(!bench.model.chats.contains_key(&chess));
}

#[test]
fn long_lists_are_read_to_their_end_before_they_count() {
    let mut bench = Bench::online();
    bench.line(json!({"msgid": 49, "kind": "group_joined", "groupid": 9, "id": 1, "name": "anna"}));
    let group = |id: i64| json!({"id": id, "groupname": format!("g{id}"), "groupdesc": "", "users": [], "total": 1});
    let asked = bench.sent_of(29);
    let first = asked.last().expect("GROUPS");
    assert_eq!(first["after"], Value::Null);
    bench.line(json!({"msgid": 30, "errno": 0, "tag": first["tag"], "groups": [group(4), group(5)], "more": true}));
    let chess = GroupId::new(3).unwrap();
    assert!(bench.model.roster.groups.contains_key(&chess), "not gone: it may be on a later page");
    let asked = bench.sent_of(29);
    let next = asked.last().expect("the next page");
    assert_eq!(next["after"], 5);
    bench.line(json!({"msgid": 30, "errno": 0, "tag": next["tag"], "groups": [group(9)], "more": false}));
    let known: Vec<u32> = bench.model.roster.groups.keys().map(|group| group.number()).collect();
    assert_eq!(known, [4, 5, 9]);
}

#[test]
fn a_login_reply_whose_lists_are_cut_is_completed() {
    let mut bench = Bench::new();
    bench.model.connect();
    bench.handle(Event::Connected);
    let tag = bench.sent_of(1).last().expect("a LOGIN")["tag"].clone();
    bench.line(json!({"msgid": 2, "errno": 0, "tag": tag, "id": 1, "name": "anna", "token": TOKEN, "offlinemsg": [],
        "friends": [{"id": 2, "name": "ben", "state": "online"}], "friends_total": 2, "groups": [], "groups_total": 0}));
    let asked = bench.sent_of(27);
    let rest = asked.last().expect("FRIENDS");
    assert_eq!(rest["after"], 2);
    bench.line(json!({"msgid": 28, "errno": 0, "tag": rest["tag"], "more": false,
        "friends": [{"id": 7, "name": "eve", "state": "offline"}]}));
    assert_eq!(bench.model.roster.friends.len(), 2);
    assert!(bench.sent_of(29).is_empty(), "the groups are whole");
}
