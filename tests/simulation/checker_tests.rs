//! The checker sees each kind of broken promise, as exactly that kind, and nothing where nothing is wrong.

use std::time::Duration;

use crate::checker::{
    Class, Conv, Event, Histories, Member, Message, NamedDevice, Outcome, Reading, Sent, Seq, Session, User, Wait,
    check,
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
        let sent = Sent { cid: format!("new-{seq}"), sender: 1, conv: GROUP, outcome: Outcome::Acked(seq) };
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
