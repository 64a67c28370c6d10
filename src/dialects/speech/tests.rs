//! What a client of a dialect is sent, when, and what counts as told.

use super::*;
use crate::config::DialectSettings;
use crate::dialects::polaris::Polaris;

/// What was sent, at what time since the start, and how much of it the peer has.
#[derive(Default)]
struct Wire {
    sent: Vec<(Duration, String)>,
    now: Duration,
    offset: u64,
    acknowledged: u64,
    blocked: usize,
    closed: Option<CloseReason>,
}

impl Link for Wire {
    fn send(&mut self, line: Bytes) {
        self.offset += line.len() as u64;
        self.sent.push((self.now, String::from_utf8(line.to_vec()).unwrap()));
    }

    fn has_room(&mut self, _: usize) -> bool {
        true
    }

    fn close(&mut self, reason: CloseReason) {
        self.closed = Some(reason);
    }

    fn renew(&mut self) {}

    fn queued_bytes(&self) -> usize {
        self.blocked
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn acknowledged(&mut self) -> u64 {
        self.acknowledged
    }
}

struct Bench {
    speech: Speech,
    wire: Wire,
    start: Instant,
}

impl Bench {
    /// A client of Polaris on which user 1 is logged in.
    fn new() -> Self {
        let rules = Arc::new(Rules::new(&DialectSettings::default()));
        let mut bench =
            Self { speech: Speech::new(Box::new(Polaris), rules), wire: Wire::default(), start: Instant::now() };
        let asked = bench.speech.hear(br#"{"msgId":1,"uid":1,"password":"x"}"#, bench.start);
        let Step::Line(_, asked) = asked else { panic!("no login") };
        bench.speech.was_taken(asked);
        bench.hears(
            r#"{"msgid":2,"errno":0,"tag":1,"id":1,"name":"anna","token":"t","epoch":"e","offlinemsg":[],
            "friends":[],"friends_total":0,"groups":[],"groups_total":0}"#,
        );
        bench.run(100);
        assert_eq!(bench.wire.sent.len(), 1);
        bench.wire.acknowledged = bench.wire.offset;
        bench.speech.look_at(&mut bench.wire);
        assert_eq!(bench.speech.acknowledged(), bench.speech.offset());
        bench
    }

    fn hears(&mut self, line: &str) {
        self.speech.send(Bytes::from(line.replace('\n', "") + "\n"));
    }

    fn hears_message(&mut self, seq: u32, msg: &str) {
        self.hears(
            &serde_json::json!({
                "msgid": 6, "id": 2, "name": "ben", "toid": 1, "msg": msg, "time": "2026-03-14T09:26:53.589Z", "seq": seq,
            })
            .to_string(),
        );
    }

    /// Lets so many milliseconds pass, in which the reactor keeps its deadlines.
    fn run(&mut self, ms: u64) {
        let until = self.wire.now + Duration::from_millis(ms);
        loop {
            let now = self.start + self.wire.now;
            self.speech.look_at(&mut self.wire);
            self.speech.translate(None, now);
            let next = self.speech.flow(&mut self.wire, now).map(|at| at - self.start);
            match next.filter(|next| *next <= until) {
                Some(next) => self.wire.now = next.max(self.wire.now),
                None => break,
            }
        }
        self.wire.now = until;
    }

    fn texts(&self) -> Vec<String> {
        let objects = self.wire.sent[1..].iter().map(|(_, object)| object.trim_end_matches('\0'));
        objects
            .map(|object| serde_json::from_str::<Value>(object).unwrap()["msg"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn one_object_at_a_time_a_gap_apart() {
    let mut bench = Bench::new();
    (1..=20).for_each(|seq| bench.hears_message(seq, &seq.to_string()));
    bench.run(1_000);
    assert_eq!(bench.texts(), (1..=20).map(|seq| seq.to_string()).collect::<Vec<_>>());
    let times: Vec<Duration> = bench.wire.sent.iter().map(|(at, _)| *at).collect();
    assert!(times.windows(2).all(|pair| pair[1] >= pair[0] + Duration::from_millis(15)), "{times:?}");
    assert!(bench.wire.sent.iter().all(|(_, object)| object.len() <= 1024 && object.ends_with('\0')));
    assert!(bench.speech.is_idle());
}

#[test]
fn an_answer_does_not_come_before_the_client_waits_for_it() {
    let mut bench = Bench::new();
    bench.run(1_000);
    let asked = bench.start + bench.wire.now;
    let Step::Line(_, refresh) = bench.speech.hear(br#"{"msgId":7,"uid":1}"#, asked) else { panic!("no request") };
    bench.speech.was_taken(refresh);
    bench.hears(r#"{"msgid":42,"errno":0,"tag":2,"id":1,"name":"anna","offlinemsg":[],"friends":[],"groups":[]}"#);
    bench.run(14);
    assert_eq!(bench.wire.sent.len(), 1, "its thread may not be there yet");
    bench.run(10);
    assert_eq!(bench.wire.sent.len(), 2);
}

#[test]
fn a_line_is_acknowledged_with_the_last_object_that_was_made_of_it() {
    let mut bench = Bench::new();
    let begin = bench.speech.offset();
    bench.hears_message(1, &"a long text ".repeat(200));
    let end = bench.speech.offset();
    bench.hears_message(2, "next");
    bench.run(1_000);
    let sent = bench.wire.sent.len();
    assert!(sent > 4, "in pieces");
    let last_but_one: usize = bench.wire.sent[..sent - 2].iter().map(|(_, object)| object.len()).sum();
    bench.wire.acknowledged = last_but_one as u64;
    bench.speech.look_at(&mut bench.wire);
    assert_eq!(bench.speech.acknowledged(), begin, "its last piece is under way");
    bench.wire.acknowledged = bench.wire.offset;
    bench.speech.look_at(&mut bench.wire);
    assert_eq!(bench.speech.acknowledged(), bench.speech.offset());
    assert!(end < bench.speech.offset());
}

#[test]
fn what_has_no_words_there_is_acknowledged_behind_what_has() {
    let mut bench = Bench::new();
    let begin = bench.speech.offset();
    bench.hears_message(1, "a message");
    bench.hears(r#"{"msgid":49,"kind":"group_deleted","groupid":3}"#);
    bench.run(0);
    assert_eq!(bench.speech.acknowledged(), begin);
    bench.run(100);
    bench.wire.acknowledged = bench.wire.offset;
    bench.speech.look_at(&mut bench.wire);
    bench.hears(r#"{"msgid":49,"kind":"group_deleted","groupid":4}"#);
    bench.run(0);
    assert_eq!(bench.speech.acknowledged(), bench.speech.offset(), "nothing waits");
}

#[test]
fn nothing_is_sent_on_top_of_what_the_socket_has_not_taken() {
    let mut bench = Bench::new();
    bench.wire.blocked = 1;
    (1..=3).for_each(|seq| bench.hears_message(seq, "x"));
    bench.run(2_000);
    assert_eq!(bench.wire.sent.len(), 1);
    bench.wire.blocked = 0;
    bench.run(1_000);
    assert_eq!(bench.wire.sent.len(), 4);
    (4..=200).for_each(|seq| bench.hears_message(seq, "x"));
    assert!(!bench.speech.has_room(1), "what can be had again later waits in the store");
}

#[test]
fn who_logs_out_is_told_nothing_more_and_who_is_sent_away_gets_what_waits() {
    let mut bench = Bench::new();
    bench.hears_message(1, "too late");
    let now = bench.start + bench.wire.now;
    bench.speech.translate(None, now);
    let Step::Line(_, logout) = bench.speech.hear(br#"{"msgId":3,"uid":1}"#, now) else { panic!("no request") };
    bench.speech.was_taken(logout);
    bench.hears_message(2, "later still");
    bench.hears(r#"{"msgid":16,"errno":0,"tag":2}"#);
    bench.run(1_000);
    assert_eq!(bench.texts(), Vec::<String>::new());
    let mut bench = Bench::new();
    bench.hears_message(1, "last words");
    bench.hears(r#"{"msgid":49,"kind":"shutdown"}"#);
    bench.speech.close(CloseReason::Shutdown);
    bench.run(0);
    assert_eq!(bench.wire.closed, None);
    bench.run(1_000);
    assert_eq!((bench.texts()[0].as_str(), bench.wire.closed), ("last words", Some(CloseReason::Shutdown)));
}

#[test]
fn a_logout_that_fails_loses_nothing_and_is_tried_again() {
    let mut bench = Bench::new();
    let begin = bench.speech.offset();
    let Step::Line(_, logout) = bench.speech.hear(br#"{"msgId":3,"uid":1}"#, bench.start) else { panic!("none") };
    bench.speech.was_taken(logout);
    bench.hears(r#"{"msgid":16,"errno":503,"tag":2,"errmsg":"the database does not answer"}"#);
    bench.hears_message(1, "said meanwhile");
    bench.run(100);
    assert_eq!(bench.wire.sent.len(), 1, "nobody is there to be shown it");
    assert_eq!(bench.speech.acknowledged(), begin, "and it does not count as told");
    assert!(bench.speech.leave_again(bench.start + bench.wire.now).is_none(), "not at once");
    bench.wire.now += LEAVES_AGAIN;
    let (line, again) = bench.speech.leave_again(bench.start + bench.wire.now).expect("a second logout");
    assert!(line.contains("\"msgid\":3"), "{line}");
    bench.speech.was_taken(again);
    // Another login in the meantime is refused once, and not for ever.
    let login = br#"{"msgId":1,"uid":2,"password":"x"}"#;
    bench.hears(r#"{"msgid":16,"errno":503,"tag":3,"errmsg":"the database does not answer"}"#);
    bench.run(0);
    let now = bench.start + bench.wire.now;
    let Step::LogOutFirst(_, logout) = bench.speech.hear(login, now) else { panic!("no logout first") };
    bench.speech.was_taken(logout);
    bench.hears(r#"{"msgid":16,"errno":503,"tag":4,"errmsg":"the database does not answer"}"#);
    bench.run(0);
    assert!(matches!(bench.speech.hear(login, now), Step::Nothing));
    bench.run(100);
    let (_, refused) = bench.wire.sent.last().unwrap();
    assert!(refused.contains("\"errno\":1") && refused.contains("\"msgId\":2"), "{refused}");
    let Step::LogOutFirst(_, logout) = bench.speech.hear(login, now) else { panic!("no logout first") };
    bench.speech.was_taken(logout);
    // It was ended meanwhile by another login, say: that is as good as a logout.
    bench.hears(r#"{"msgid":16,"errno":401,"tag":5,"errmsg":"log in first"}"#);
    bench.run(0);
    assert!(matches!(bench.speech.hear(login, now), Step::Line(..)), "the way is free");
}

#[test]
fn who_asks_without_end_is_answered_and_not_read_for_ever() {
    let mut bench = Bench::new();
    let sent = bench.wire.sent.len();
    for _ in 0..ANSWERS_MAX {
        assert!(!bench.speech.is_full());
        bench.speech.hear(br#"{"msgId":1,"password":7}"#, bench.start + bench.wire.now);
        bench.run(3);
    }
    assert!(bench.wire.sent.len() > sent, "each is further from the first request, which counts");
    while !bench.speech.is_full() {
        bench.speech.hear(br#"{"msgId":1,"password":7}"#, bench.start + bench.wire.now);
    }
    bench.run(20);
    assert!(!bench.speech.is_full());
}
