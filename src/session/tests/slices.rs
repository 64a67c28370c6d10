//! What large groups are told, some of their sessions in each turn.

use super::*;

const HEARERS: u32 = 5;

/// Five sessions that hear the group, of the users 1 to 5. Two are told something in a turn.
fn bed() -> Bed {
    let mut bed = Bed::new();
    bed.local = bed.local.in_slices_of(2);
    for slot in 0..HEARERS {
        bed.open(slot);
        let conn = bed.log_in(slot, i64::from(slot) + 1);
        bed.session(slot).asks();
        bed.reply(conn, SessionChange::Join { group: group(), last_seq: 0 });
        // The store is asked whether it has missed something meanwhile.
        let conv = ConvId::group(group());
        let position = Some(Pending { conv, delivered: 0, last_seq: 0 });
        bed.post(ReactorMessage::Fetched { conn, pages: Some(vec![Page { conv, position, messages: vec![] }]) });
        bed.take_lines(slot);
    }
    bed
}

fn notice(text: &'static str) -> Event {
    Event::Notice { to: Addressee::Group(group()), line: line(text) }
}

fn said(seq: Seq, text: &'static str) -> Event {
    let which = Which::of(user(9), UnixMs(i64::try_from(seq).unwrap()));
    let conv = ConvId::group(group());
    let told = Told { conv, seq, which: Some(which), line: Some(line(text)), generation: 0 };
    Event::Message { to: Addressee::Group(group()), from: None, told }
}

impl Bed {
    fn events(&mut self, events: Vec<Event>) {
        self.post(ReactorMessage::Events(events));
    }

    /// Ends a turn; how many have been told something in it.
    fn told_in_turn(&mut self) -> usize {
        let before = self.lines();
        self.local.turn_ended(&mut self.net, self.now);
        self.lines().iter().zip(before).filter(|(after, before)| *after > before).count()
    }

    fn lines(&self) -> Vec<usize> {
        let mut lines: Vec<(u32, usize)> =
            self.net.0.iter().map(|(id, (_, wire))| (id.slot, wire.lines.len())).collect();
        lines.sort_unstable();
        lines.into_iter().map(|(_, lines)| lines).collect()
    }

    /// Moves the clock to the turn that was asked for, if one was.
    fn goes_on(&mut self) -> bool {
        let at = self.local.turn_by();
        self.now = at.map_or(self.now, |at| at.max(self.now));
        at.is_some()
    }
}

#[test]
fn a_large_group_is_told_in_several_turns_that_come_by_themselves() {
    let mut bed = bed();
    bed.events(vec![said(1, "one\n"), notice("news\n"), said(2, "two\n")]);
    assert_eq!(bed.lines(), [0; 5], "not yet");
    assert_eq!(bed.metrics.group_events_waiting.get(), 3);
    let turns: Vec<(usize, bool)> = (0..4).map(|_| (bed.told_in_turn(), bed.goes_on())).collect();
    assert_eq!(turns, [(2, true), (2, true), (1, false), (0, false)]);
    assert_eq!(bed.metrics.group_events_waiting.get(), 0);
    for slot in 0..HEARERS {
        assert_eq!(bed.take_lines(slot), [line("one\n"), line("news\n"), line("two\n")], "in one write");
    }
}

#[test]
fn between_two_slices_others_are_served() {
    let mut bed = bed();
    bed.events(vec![said(1, "one\n")]);
    assert_eq!(bed.told_in_turn(), 2);
    bed.events(vec![said(2, "two\n")]);
    for slot in 0..HEARERS {
        let to = Addressee::Session(bed.conn(slot));
        bed.take_lines(slot);
        bed.events(vec![Event::Notice { to, line: line("news\n") }]);
        assert_eq!(bed.take_lines(slot), [line("news\n")]);
        assert_eq!(bed.told_in_turn(), 0, "it is not time yet");
    }
    let mut told = vec![];
    while bed.goes_on() {
        told.push(bed.told_in_turn());
    }
    assert_eq!(told, [2, 2, 2, 2], "the rest of the first message, and the second one");
}

#[test]
fn what_comes_meanwhile_follows_also_if_the_group_is_small_by_then() {
    let mut bed = bed();
    bed.events(vec![said(1, "one\n")]);
    bed.told_in_turn();
    for slot in 1..HEARERS {
        let conn = bed.conn(slot);
        bed.log_out(conn);
        bed.take_lines(slot);
    }
    bed.events(vec![said(2, "two\n")]);
    while bed.goes_on() {
        bed.told_in_turn();
    }
    assert_eq!(bed.take_lines(0), [line("one\n"), line("two\n")]);
    bed.events(vec![said(3, "three\n")]);
    assert_eq!(bed.take_lines(0), [line("three\n")], "nothing waits any more, and it is small");
}

#[test]
fn who_is_excepted_and_who_has_sent_it_are_told_nothing() {
    let mut bed = bed();
    let (to, from) = (Addressee::GroupBut(group(), user(2)), Some(bed.conn(0)));
    let Event::Message { to: all, told, .. } = said(1, "one\n") else { unreachable!() };
    let wanted = crate::wants::Want::Typing;
    let hint = Event::Hint { to: all, want: wanted, line: line("hint\n") };
    bed.events(vec![Event::Message { to: all, from, told }, Event::Notice { to, line: line("news\n") }, hint]);
    for _ in 0..3 {
        assert!(bed.told_in_turn() <= 2);
        bed.goes_on();
    }
    assert_eq!(bed.take_lines(0), [line("news\n")]);
    assert_eq!(bed.take_lines(1), [line("one\n")]);
    assert_eq!(bed.take_lines(2), [line("one\n"), line("news\n")]);
}

#[test]
fn before_sessions_are_closed_they_are_told_all_that_waits() {
    let mut bed = bed();
    bed.events(vec![said(1, "one\n"), said(2, "two\n")]);
    bed.local.stopping(bed.now);
    let late = ReactorMessage::Events(vec![said(3, "three\n")]);
    bed.local.message(late, &mut bed.net, bed.now);
    assert_eq!(bed.told_in_turn(), 5);
    assert!(!bed.goes_on());
    for slot in 0..HEARERS {
        assert_eq!(bed.take_lines(slot), [line("one\n"), line("two\n"), line("three\n")]);
    }
}

#[test]
fn that_a_group_is_deleted_is_told_once_behind_what_was_said_there() {
    let mut bed = bed();
    bed.events(vec![said(1, "one\n")]);
    let deleted = || Event::GroupDeleted { group: group(), line: line("deleted\n") };
    bed.events(vec![deleted(), deleted(), said(2, "two\n")]);
    // The one who has deleted it has the answer first of all.
    bed.session(4).asks();
    let conn = bed.conn(4);
    bed.reply(conn, SessionChange::Leave(group()));
    assert_eq!(bed.take_lines(4), [line("one\n"), line("deleted\n"), line("reply\n")]);
    while bed.told_in_turn() > 0 || bed.goes_on() {}
    for slot in 0..4 {
        assert_eq!(bed.take_lines(slot), [line("one\n"), line("deleted\n")]);
        assert!(bed.session(slot).live().unwrap().groups.is_empty());
    }
    assert_eq!(bed.given_back.lock().unwrap().len(), 5, "each has given its subscription back");
}

#[test]
fn who_leaves_is_told_first_what_was_said_before() {
    let mut bed = bed();
    bed.events(vec![said(1, "one\n")]);
    bed.told_in_turn();
    bed.events(vec![said(2, "two\n")]);
    let told_first = (0..HEARERS).find(|slot| bed.wire(*slot).lines.len() == 1).unwrap();
    let told_later = (0..HEARERS).find(|slot| bed.wire(*slot).lines.is_empty()).unwrap();
    for slot in [told_first, told_later] {
        let conn = bed.conn(slot);
        bed.events(vec![Event::Left { conn, group: group(), line: line("left\n") }]);
        assert_eq!(bed.take_lines(slot), [line("one\n"), line("two\n"), line("left\n")]);
    }
    while bed.goes_on() {
        bed.told_in_turn();
    }
    assert_eq!((bed.take_lines(told_first), bed.take_lines(told_later)), (vec![], vec![]));
}

#[test]
fn who_has_gone_with_the_data_hears_nothing_of_before() {
    let mut bed = bed();
    bed.events(vec![said(1, "one\n")]);
    bed.epoch.adopt("two");
    bed.events(vec![Event::Restored]);
    while bed.told_in_turn() > 0 || bed.goes_on() {}
    for slot in 0..HEARERS {
        let lines = bed.take_lines(slot);
        assert_eq!(lines.len(), 1, "the notice: {lines:?}");
        assert_eq!(bed.wire(slot).closed, Some(CloseReason::Restored));
    }
}

#[test]
fn more_than_may_wait_is_told_at_once() {
    let mut bed = bed();
    for seq in 1..=2000 {
        bed.events(vec![said(seq, "again\n")]);
    }
    let told = bed.lines();
    assert!(told.iter().all(|lines| (1000..2000).contains(lines)), "{told:?}");
    while bed.told_in_turn() > 0 || bed.goes_on() {}
    assert_eq!(bed.lines(), [2000; 5]);
}

/// So many sessions that hear the group, made without the care that [`Bed::post`] takes of each.
fn crowd(hearers: u32) -> Bed {
    let mut bed = Bed::new();
    bed.local = bed.local.in_slices_of(usize::MAX);
    let pending = vec![Pending { conv: ConvId::group(group()), delivered: 0, last_seq: 0 }];
    for slot in 0..hearers {
        bed.open(slot);
        let conn = ConnId { reactor: 0, slot, generation: bed.names };
        let live = Live { groups: [group()].into_iter().collect(), ..*Bed::live(conn, i64::from(slot) + 1) };
        let backlog = Backlog { pending: pending.clone(), shown: vec![], own: vec![], requests: vec![] };
        let then = SessionChange::GoLive(Box::new(backlog));
        for mail in [
            ReactorMessage::Enter { conn, live: Box::new(live) },
            ReactorMessage::Reply { conn, line: line("reply\n"), then },
        ] {
            bed.local.message(mail, &mut bed.net, bed.now);
        }
    }
    bed
}

/// What one of a crowd costs, without sockets: a message to each, and coming and going.
///
///     cargo test --release --lib of_a_crowd -- --ignored --nocapture
#[test]
#[ignore = "it measures"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn what_one_of_a_crowd_costs() {
    const MESSAGES: u64 = 20;
    const CHANGES: u32 = 20_000;
    for hearers in [100, 100_000] {
        let mut bed = crowd(hearers);
        let begin = Instant::now();
        for seq in 1..=MESSAGES {
            bed.local.message(ReactorMessage::Events(vec![said(seq, "message\n")]), &mut bed.net, bed.now);
            bed.local.turn_ended(&mut bed.net, bed.now);
        }
        let told = begin.elapsed() / u32::try_from(MESSAGES).unwrap() / hearers;
        let lines: usize = bed.lines().iter().sum();
        assert_eq!(lines, hearers as usize * (usize::try_from(MESSAGES).unwrap() + 1), "all were pushed");
        let conns: Vec<ConnId> = bed.net.0.keys().copied().take(100).collect();
        let begin = Instant::now();
        for nth in 0..CHANGES as usize {
            let conn = conns[nth % conns.len()];
            let last_seq = MESSAGES;
            for then in [SessionChange::Leave(group()), SessionChange::Join { group: group(), last_seq }] {
                let reply = ReactorMessage::Reply { conn, line: line("reply\n"), then };
                bed.local.message(reply, &mut bed.net, bed.now);
            }
        }
        let changed = begin.elapsed() / CHANGES;
        println!("{hearers} hearers: {told:?} a message and session; {changed:?} to leave and come back");
    }
}
