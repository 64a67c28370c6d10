//! The checker sees each kind of broken promise, as exactly that kind, and nothing where nothing is wrong.

use std::time::Duration;

use crate::checker::{
    Bar, Class, Conv, Event, Histories, Member, Message, Moment, NamedDevice, Outcome, Reading, Ruling, Sent, Seq,
    Session, Sighting, Times, User, Wait, What, check,
};

const GROUP: Conv = Conv::Group(7);

fn message(seq: Seq, sender: User) -> Message {
    Message { conv: GROUP, seq, sender, cid: format!("cid-{seq}") }
}

fn session(user: User, events: Vec<Event>) -> Session {
    Session { user, events, ..Session::default() }
}

fn got(seq: Seq, sender: User) -> Event {
    Event::Got(message(seq, sender))
}

/// Three members of a group, five messages: 1, 2, 3 and 5 by user 1, 4 by user 2, who was away from 3 on and confirmed 2.
fn sound() -> Histories {
    let all: Vec<Message> = (1..=5).map(|seq| message(seq, if seq == 4 { 2 } else { 1 })).collect();
    let sent = |message: &Message| Sent {
        sender: message.sender,
        conv: GROUP,
        cid: message.cid.clone(),
        what: What::Message,
        times: Times::default(),
        outcome: Outcome::Acked(message.seq),
    };
    let back =
        Session { confirmed: [(GROUP, 2)].into(), ..session(2, vec![got(3, 1), Event::Own(GROUP, 4), got(5, 1)]) };
    Histories {
        sends: all.iter().map(sent).collect(),
        sessions: vec![
            session(1, vec![Event::Own(GROUP, 1), Event::Own(GROUP, 2), Event::Own(GROUP, 3), got(4, 2)]),
            session(2, vec![got(1, 1), got(2, 1), got(3, 1)]),
            back,
            session(3, vec![got(1, 1), got(2, 1), got(3, 1), got(4, 2), got(5, 1)]),
        ],
        members: (1..=3).map(|user| Member::always(user, GROUP)).collect(),
        readings: vec![
            Reading { reader: 1, conv: GROUP, messages: all.clone() },
            Reading { reader: 3, conv: GROUP, messages: all },
        ],
        waits: vec![Wait { what: "a send".to_owned(), took: Duration::from_secs(5), bound: Duration::from_secs(5) }],
        ..Histories::default()
    }
}

/// The classes found after this was done to sound histories.
fn found(spoil: impl FnOnce(&mut Histories)) -> Vec<Class> {
    let mut histories = sound();
    spoil(&mut histories);
    let mut classes: Vec<Class> = check(&histories).into_iter().map(|violation| violation.class).collect();
    classes.dedup();
    classes
}

#[test]
fn sound_histories_are_found_sound() {
    assert_eq!(check(&sound()), []);
}

#[test]
fn acked_and_not_stored_is_a_loss() {
    let classes = found(|histories| histories.readings.iter_mut().for_each(|reading| drop(reading.messages.pop())));
    assert_eq!(classes, [Class::L]);
    let classes = found(|histories| histories.readings.iter_mut().for_each(|reading| drop(reading.messages.remove(2))));
    assert_eq!(classes, [Class::L], "amid others, too");
}

#[test]
fn stored_and_never_delivered_is_a_loss() {
    assert_eq!(found(|histories| drop(histories.sessions[3].events.remove(2))), [Class::L]);
    assert_eq!(found(|histories| drop(histories.sessions[3].events.pop())), [Class::L]);
}

#[test]
fn a_cid_with_two_seqs_is_a_double() {
    let classes = found(|histories| {
        for reading in &mut histories.readings {
            reading.messages.push(Message { seq: 6, ..message(5, 1) });
        }
        for session in [2, 3] {
            histories.sessions[session].events.push(Event::Got(Message { seq: 6, ..message(5, 1) }));
        }
    });
    assert_eq!(classes, [Class::D]);
    let again = |histories: &mut Histories| {
        let again = Sent { outcome: Outcome::Acked(9), ..histories.sends[4].clone() };
        histories.sends.push(again);
    };
    assert_eq!(found(again), [Class::D], "acked with two seqs");
}

#[test]
fn a_seq_twice_in_one_session_is_a_double() {
    assert_eq!(found(|histories| histories.sessions[3].events.push(got(5, 1))), [Class::D]);
}

#[test]
fn a_message_that_comes_early_is_out_of_order() {
    assert_eq!(found(|histories| histories.sessions[3].events.swap(1, 2)), [Class::O]);
}

#[test]
fn members_that_disagree_are_out_of_order() {
    let classes = found(|histories| {
        let messages = &mut histories.readings[1].messages;
        let (cid, other) = (messages[0].cid.clone(), messages[1].cid.clone());
        (messages[0].cid, messages[1].cid) = (other, cid);
    });
    assert_eq!(classes, [Class::O]);
}

#[test]
fn a_push_of_what_is_not_stored_is_out_of_order() {
    assert_eq!(found(|histories| histories.sessions[3].events.push(got(6, 1))), [Class::O]);
}

#[test]
fn a_number_that_nobody_has_is_a_hole() {
    let classes = found(|histories| {
        histories.sends.remove(3);
        for reading in &mut histories.readings {
            reading.messages.remove(3);
        }
        histories.sessions[0].events.pop();
        histories.sessions[2].events.remove(1);
        histories.sessions[3].events.remove(3);
    });
    assert_eq!(classes, [Class::H]);
}

#[test]
fn a_session_that_misses_what_another_of_the_same_user_got_has_a_hole() {
    assert_eq!(found(|histories| drop(histories.sessions[1].events.remove(1))), [Class::L], "2 came to nobody else");
    let begins_too_late = |histories: &mut Histories| drop(histories.sessions[2].events.remove(0));
    assert_eq!(found(begins_too_late), [Class::H], "3 was not confirmed");
}

/// Two sessions without a name for their device: what one has confirmed need not come to the other, where that one begins.
#[test]
fn who_learns_late_of_coming_back_begins_behind_what_another_session_has_confirmed() {
    let misses = |confirmed: Seq, is_told: bool| {
        found(|histories| {
            let mut events = vec![got(1, 1), got(5, 1)];
            if is_told {
                events.insert(1, Event::Entered(GROUP));
            }
            histories.sessions.push(Session { confirmed: [(GROUP, confirmed)].into(), ..session(3, events) });
        })
    };
    assert_eq!(misses(4, true), []);
    assert_eq!(misses(3, true), [Class::H], "4 was not confirmed");
    assert_eq!(misses(4, false), [Class::H], "it was in all the time");
}

#[test]
fn an_outsider_that_gets_it_is_seen() {
    assert_eq!(found(|histories| histories.sessions.push(session(9, vec![got(1, 1)]))), [Class::X]);
    let pair = |histories: &mut Histories| {
        let pushed = Message { conv: Conv::pair(2, 1), seq: 1, sender: 1, cid: "x".to_owned() };
        histories.readings.push(Reading { reader: 1, conv: pushed.conv, messages: vec![pushed.clone()] });
        histories.sessions[1].events.push(Event::Got(pushed.clone()));
        histories.sessions[3].events.push(Event::Got(pushed));
    };
    assert_eq!(found(pair), [Class::X]);
}

#[test]
fn who_joins_late_need_not_get_what_was_before() {
    let late = Member { user: 3, conv: GROUP, must: 4..=Seq::MAX, may: 4..=Seq::MAX };
    let join = |events: Vec<Event>| {
        found(|histories| {
            histories.members[2] = late.clone();
            histories.sessions[3].events = events;
        })
    };
    assert_eq!(join(vec![got(4, 2), got(5, 1)]), []);
    assert_eq!(join(vec![got(3, 1), got(4, 2), got(5, 1)]), [Class::X]);
    assert_eq!(join(vec![got(5, 1)]), [Class::L]);
}

#[test]
fn what_is_excused_need_not_come_to_that_device() {
    let dies = |user: User| {
        found(|histories| {
            histories.sessions[3].events.pop();
            histories.excused.insert((user, 0, message(5, 1)));
        })
    };
    assert_eq!(dies(3), []);
    assert_eq!(dies(2), [Class::L], "excused for another user");
}

#[test]
fn each_named_device_gets_everything_from_its_beginning_on() {
    let beside = |device: u16, events: Vec<Event>| {
        found(|histories| {
            for session in histories.sessions.iter_mut().filter(|session| session.user == 2) {
                session.device = 1;
            }
            histories.sessions.push(Session { device, ..session(2, events) });
            let first = NamedDevice { user: 2, device: 1, said: ["cid-4".to_owned()].into(), ..NamedDevice::default() };
            let second = NamedDevice { user: 2, device: 2, from: [(GROUP, 2)].into(), ..NamedDevice::default() };
            histories.devices = vec![first, second];
        })
    };
    assert_eq!(beside(2, vec![got(3, 1), got(4, 2), got(5, 1)]), []);
    assert_eq!(beside(2, vec![got(3, 1), got(4, 2)]), [Class::L]);
    assert_eq!(beside(2, vec![got(3, 1), got(5, 1)]), [Class::L], "what the user said on the other one is news");
    assert_eq!(
        beside(1, vec![got(5, 1)]),
        [Class::L, Class::H],
        "nothing came to the second, 3 not to the first again"
    );
}

#[test]
fn an_answer_that_comes_late_or_never_is_seen() {
    assert_eq!(found(|histories| histories.waits[0].took += Duration::from_millis(1)), [Class::B]);
}

/// The data went back behind 3: 4 and 5 are others now, and user 2 was told of it between 5 and the new 4.
fn gone_back() -> Histories {
    let mut histories = sound();
    let new = |seq: Seq, sender: User| Message { cid: format!("new-{seq}"), ..message(seq, sender) };
    for message in [message(4, 2), message(5, 1)] {
        histories.gone.insert(message, 1);
    }
    for reading in &mut histories.readings {
        reading.messages.truncate(3);
        reading.messages.extend([new(4, 1), new(5, 1)]);
    }
    for seq in [4, 5] {
        let cid = format!("new-{seq}");
        let (what, times, outcome) = (What::Message, Times::default(), Outcome::Acked(seq));
        let sent = Sent { cid, sender: 1, conv: GROUP, what, times, outcome };
        histories.sends.push(sent);
    }
    histories.sessions.iter_mut().for_each(|session| session.epoch = 1);
    for user in [2, 3] {
        let done = (1..=3).map(|seq| message(seq, 1)).collect();
        let events = vec![Event::Got(new(4, 1)), Event::Got(new(5, 1))];
        histories.sessions.push(Session { epoch: 2, done, ..session(user, events) });
    }
    (histories.restores, histories.epochs) = (1, 1);
    histories
}

/// The classes found after this was done to them.
fn found_behind(spoil: impl FnOnce(&mut Histories)) -> Vec<Class> {
    let mut histories = gone_back();
    spoil(&mut histories);
    let mut classes: Vec<Class> = check(&histories).into_iter().map(|violation| violation.class).collect();
    classes.dedup();
    classes
}

#[test]
fn what_went_with_the_data_is_no_loss() {
    assert_eq!(check(&gone_back()), []);
    let was_not_there = |histories: &mut Histories| histories.gone.retain(|gone, _| *gone != message(4, 2));
    assert_eq!(found_behind(was_not_there), [Class::L]);
}

#[test]
fn what_came_under_a_number_before_is_not_what_has_it_now() {
    assert_eq!(found_behind(|histories| drop(histories.sessions[5].events.pop())), [Class::L]);
    let held = |shows: bool| {
        found_behind(|histories| {
            let Some(Event::Got(last)) = histories.sessions[5].events.pop() else { panic!("it was got") };
            histories.sessions[5].events.push(Event::Held(last.clone()));
            histories.sessions[5].events.extend(shows.then_some(Event::Shown(last)));
        })
    };
    assert_eq!((held(false), held(true)), (vec![Class::L], vec![]), "held back, it was not shown");
    let not_again = |histories: &mut Histories| histories.sessions[4].done.retain(|done| *done != message(2, 1));
    assert_eq!(found_behind(not_again), [Class::H], "it had come, and was not confirmed");
}

#[test]
fn a_session_of_a_device_that_the_data_have_forgotten_may_be_told_what_was_before_it_joined() {
    let told = |user: User, epoch: u32, device: u16| {
        found(|histories| {
            histories.members[2] = Member { user: 3, conv: GROUP, must: 4..=Seq::MAX, may: 4..=Seq::MAX };
            histories.sessions.pop();
            // What came to the unnamed device came to all.
            histories.sessions.push(session(3, vec![got(4, 2), got(5, 1)]));
            histories.forgotten.insert((user, 6), 1);
            histories.sessions.push(Session { device, epoch, ..session(user, vec![got(3, 1)]) });
        })
    };
    assert_eq!(told(3, 1, 6), []);
    assert_eq!(told(3, 2, 6), [Class::X], "a session that has begun since");
    assert_eq!(told(3, 1, 7), [Class::X], "a device that they know");
    assert_eq!(told(9, 1, 6), [Class::X], "no member");
}

#[test]
fn a_time_that_is_over_does_not_come_back() {
    let late = |histories: &mut Histories| histories.sessions[5].events.push(got(5, 1));
    assert_eq!(found_behind(late), [Class::E]);
    assert_eq!(found_behind(|histories| histories.epochs = 2), [Class::E]);
    let former = |epoch: u32| {
        found_behind(|histories| {
            let stay = Member { user: 9, conv: GROUP, must: 3..=3, may: 3..=Seq::MAX };
            histories.former.push((stay, 1));
            histories.sessions.push(Session { epoch, ..session(9, vec![got(3, 1)]) });
        })
    };
    assert_eq!((former(1), former(2)), (vec![], vec![Class::X]), "a membership that is gone");
}

/// User 1 said something at 1, edited it at 10, and recalled it at 20; each was acked two moments later. User 2 wants events,
/// user 3 does not.
fn changed() -> Histories {
    let all: Vec<Message> = (1..=3).map(|seq| message(seq, 1)).collect();
    let sent = |message: &Message, what: What, sent: Moment| {
        let (conv, cid, outcome) = (GROUP, message.cid.clone(), Outcome::Acked(message.seq));
        Sent { sender: 1, conv, cid, what, times: Times { sent, answered: sent + 2 }, outcome }
    };
    let all_got = || (1..=3).map(|seq| got(seq, 1)).collect();
    Histories {
        sends: vec![
            sent(&all[0], What::Message, 1),
            sent(&all[1], What::Edit(1), 10),
            sent(&all[2], What::Recall(1), 20),
        ],
        sessions: vec![
            session(1, (1..=3).map(|seq| Event::Own(GROUP, seq)).collect()),
            session(2, all_got()),
            session(3, all_got()),
        ],
        members: (1..=3).map(|user| Member::always(user, GROUP)).collect(),
        readings: vec![Reading { reader: 1, conv: GROUP, messages: all }],
        wanting: [(2, 0)].into(),
        ..Histories::default()
    }
}

fn found_in_changed(spoil: impl FnOnce(&mut Histories)) -> Vec<Class> {
    let mut histories = changed();
    spoil(&mut histories);
    let mut classes: Vec<Class> = check(&histories).into_iter().map(|violation| violation.class).collect();
    classes.dedup();
    classes
}

/// A text in an answer to session 1.
fn answer(seq: Seq, text: Option<&str>, asked: Moment) -> Sighting {
    let text = text.map(str::to_owned);
    Sighting { session: 1, user: 2, message: message(seq, 1), text, at: 90, asked, is_push: false }
}

/// A text in a push to it; its login was at 5.
fn push(seq: Seq, text: Option<&str>, at: Moment) -> Sighting {
    Sighting { at, asked: 5, is_push: true, ..answer(seq, text, 0) }
}

#[test]
fn a_text_that_was_taken_back_is_not_answered_with() {
    let found = |sighting| found_in_changed(|histories| histories.sightings.push(sighting));
    for (text, asked, classes) in [
        (Some("cid-1"), 11, &[][..]),
        (Some("cid-1"), 13, &[Class::R]),
        (Some("~cid-2"), 13, &[]),
        (Some("~cid-2"), 21, &[]),
        (Some("~cid-2"), 23, &[Class::R]),
        (None, 23, &[]),
        (Some("~cid-9"), 13, &[Class::O]),
        (Some("cid-9"), 13, &[Class::O]),
    ] {
        assert_eq!(found(answer(1, text, asked)), classes, "{text:?}, asked for at {asked}");
    }
    assert_eq!(found(answer(2, Some("~cid-2"), 23)), [Class::R], "the edit as an event");
    assert_eq!(found(answer(2, None, 23)), []);
}

#[test]
fn a_text_that_was_taken_back_is_not_pushed_behind_what_took_it_back() {
    let found = |first, second| found_in_changed(|histories| histories.sightings.extend([first, second]));
    assert_eq!(found(push(1, Some("cid-1"), 30), push(2, Some("~cid-2"), 31)), []);
    assert_eq!(found(push(2, Some("~cid-2"), 30), push(1, Some("cid-1"), 31)), [Class::R]);
    assert_eq!(found(push(3, None, 30), push(2, Some("~cid-2"), 31)), [Class::R]);
    let of_later_login = Sighting { asked: 13, ..push(1, Some("cid-1"), 30) };
    assert_eq!(found(of_later_login, push(2, None, 31)), [Class::R]);
}

#[test]
fn a_text_that_nobody_took_back_is_there() {
    let classes = found_in_changed(|histories| {
        histories.sends.pop();
        histories.readings[0].messages.pop();
        histories.sessions.iter_mut().for_each(|session| drop(session.events.pop()));
        histories.sightings.push(answer(1, None, 30));
    });
    assert_eq!(classes, [Class::L]);
}

#[test]
fn events_come_where_they_are_wanted_and_elsewhere_as_they_happen() {
    assert_eq!(found_in_changed(|_| {}), []);
    assert_eq!(found_in_changed(|histories| drop(histories.sessions[1].events.remove(1))), [Class::L]);
    assert_eq!(found_in_changed(|histories| histories.sessions[2].events.truncate(1)), []);
    assert_eq!(found_in_changed(|histories| drop(histories.sessions[2].events.remove(1))), []);
    let classes = found_in_changed(|histories| {
        histories.sessions[2].since.insert(GROUP, 1);
        histories.sessions[2].events.remove(1);
    });
    assert_eq!(classes, [Class::H]);
}

/// User 3 was shut out at 40, which was acked at 42; and says something, or hears what user 1 says then.
fn shut(bar: Bar, sender: User, sent: Moment) -> Histories {
    let mut histories = changed();
    let times = Times { sent: 40, answered: 42 };
    histories.rulings.push(Ruling { user: 3, conv: GROUP, bar, shuts: true, times, done: Some(true) });
    let new = message(4, sender);
    let times = Times { sent, answered: sent + 2 };
    let (cid, outcome) = (new.cid.clone(), Outcome::Acked(4));
    histories.sends.push(Sent { sender, conv: GROUP, cid, what: What::Message, times, outcome });
    histories.readings[0].messages.push(new);
    for session in &mut histories.sessions {
        session.events.push(if session.user == sender { Event::Own(GROUP, 4) } else { got(4, sender) });
    }
    histories
}

fn classes(histories: &Histories) -> Vec<Class> {
    let mut classes: Vec<Class> = check(histories).into_iter().map(|violation| violation.class).collect();
    classes.dedup();
    classes
}

#[test]
fn who_is_shut_out_is_not_heard() {
    for bar in [Bar::Out, Bar::Muted, Bar::BlockedBy(1)] {
        assert_eq!(classes(&shut(bar, 3, 43)), [Class::X], "{bar:?}");
        assert_eq!(classes(&shut(bar, 3, 41)), [], "{bar:?}: before the ack");
        let mut opened = shut(bar, 3, 43);
        opened.rulings.push(Ruling {
            shuts: false,
            times: Times { sent: 44, answered: 50 },
            done: None,
            ..opened.rulings[0].clone()
        });
        assert_eq!(classes(&opened), [], "{bar:?}: opened again, perhaps");
        opened.rulings[1].done = Some(false);
        assert_eq!(classes(&opened), [Class::X], "{bar:?}: not opened again");
        let mut went_back = shut(bar, 3, 43);
        went_back.went_back.push(41);
        assert_eq!(classes(&went_back), [], "{bar:?}: the data went back");
    }
    assert_eq!(classes(&shut(Bar::Muted, 1, 43)), []);
    assert_eq!(classes(&shut(Bar::BlockedBy(1), 1, 43)), [Class::X], "nor is who has blocked");
}

#[test]
fn who_is_out_hears_nothing_and_reads_nothing() {
    let heard = |asked, is_push, change: &dyn Fn(&mut Histories)| {
        let mut histories = shut(Bar::Out, 1, 50);
        let text = Some("cid-4".to_owned());
        histories.sightings.push(Sighting {
            session: 2,
            user: 3,
            message: message(4, 1),
            text,
            at: 60,
            asked,
            is_push,
        });
        change(&mut histories);
        classes(&histories)
    };
    assert_eq!(heard(5, true, &|_| {}), [], "another node may not know yet");
    assert_eq!(heard(5, true, &|histories| histories.has_one_node = true), [Class::X]);
    assert_eq!(heard(5, true, &|histories| histories.rests.push(45)), [Class::X], "it does by now");
    assert_eq!(heard(5, true, &|histories| histories.rests.push(55)), []);
    assert_eq!(heard(43, true, &|_| {}), [Class::X], "a session that has begun since");
    assert_eq!(heard(43, false, &|_| {}), [Class::X], "an answer");
    assert_eq!(heard(41, false, &|_| {}), [], "an answer to what was asked before");
}
