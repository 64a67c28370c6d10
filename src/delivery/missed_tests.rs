//! Whom a gap concerns, and by which moment of the database it is asked about.

use std::sync::Mutex;

use super::*;
use crate::config::SessionPolicy;
use crate::delivery::Reactors;
use crate::delivery::directory::{Directory, Entry};
use crate::ids::{ConvId, DeviceId, GroupId, Seq, UserId};
use crate::net::ConnId;
use crate::wants::Wants;

/// So many seconds after some moment.
#[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
fn moments() -> impl Fn(u64) -> Instant {
    let start = Instant::now() + RING_MAX + GAP_MAX;
    move |seconds| start + Duration::from_secs(seconds)
}

fn reading(moment: i64, asked: Instant) -> Reading {
    Reading { moment: Moment(moment), asked, answered: asked + Duration::from_millis(20) }
}

#[test]
fn the_moment_is_one_that_was_read_before_anything_was_missed() {
    let (at, mut kept) = (moments(), Moments::default());
    let before = |kept: &Moments, since, now| kept.before(&Gap::new(since, None), now);
    assert_eq!(before(&kept, at(100), at(100)), None, "nothing was read yet");
    for tens in 0..10 {
        kept.note(reading(1_000_000 + 10 * tens, at(10 * tens.unsigned_abs())));
    }
    let sway = seconds(APART_MAX);
    assert_eq!(before(&kept, at(55) + RING_MAX, at(100)), Some(Moment(1_000_050 - sway)));
    // The answer of the last one had not come by then.
    assert_eq!(before(&kept, at(50) + RING_MAX, at(100)), Some(Moment(1_000_040 - sway)));
    assert_eq!(before(&kept, at(0) + RING_MAX, at(100)), None, "nobody had read it by then");
    assert_eq!(before(&kept, at(55), at(55) + GAP_MAX + Duration::from_secs(1)), None, "too long ago");
}

#[test]
fn moments_of_a_clock_that_has_jumped_count_no_more() {
    let at = moments();
    // The clock, or this machine's, has jumped; both ways.
    for moment in [1_000_030, 999_990] {
        let mut kept = Moments::default();
        kept.note(reading(1_000_000, at(0)));
        assert!(!kept.agree_with(&reading(moment, at(10))));
        kept.note(reading(moment, at(10)));
        assert_eq!(kept.0.len(), 1);
        assert_eq!(kept.before(&Gap::new(at(5) + RING_MAX, None), at(15)), None);
        assert!(kept.before(&Gap::new(at(12) + RING_MAX, None), at(15)).is_some());
    }
    // It creeps, and is too far from what it was in the end.
    let mut kept = Moments::default();
    for step in 0..4_u32 {
        kept.note(reading(1_000_000 + i64::from(step) * 14, at(u64::from(step) * 10)));
    }
    assert!(kept.0.len() < 4);
}

#[test]
fn moments_are_kept_for_the_longest_gap_and_are_bounded() {
    let (at, mut kept) = (moments(), Moments::default());
    for number in 0..5_000_i64 {
        kept.note(reading(number, at(number.unsigned_abs())));
    }
    assert_eq!(kept.0.len(), MOMENTS_MAX);
    let mut kept = Moments::default();
    for number in 0..1_000_i64 {
        kept.note(reading(10 * number, at(10 * number.unsigned_abs())));
    }
    let since = at(9_990).checked_sub(GAP_MAX).unwrap();
    assert!(kept.before(&Gap::new(since, None), at(9_990)).is_some());
    assert!(kept.0.len() < 400);
}

#[test]
fn gaps_add_up() {
    let at = moments();
    let of = |user| Part::new(move |channel| channel == Channel::User(user));
    let (anna, ben) = (user(1), user(2));
    let both = Gap::new(at(5), Some(of(anna))).with(Gap::new(at(3), Some(of(ben))));
    assert_eq!(both.since, at(3));
    assert!(both.concerns(Channel::User(anna)) && both.concerns(Channel::User(ben)) && !both.concerns(Channel::All));
    let all = both.with(Gap::new(at(9), None));
    assert!(all.since == at(3) && all.concerns(Channel::All));
    let mut many = Gap::new(at(0), Some(of(anna)));
    for _ in 0..PARTS_MAX {
        many = many.with(Gap::new(at(0), Some(of(ben))));
    }
    assert!(many.parts.is_none());
}

fn user(number: i64) -> UserId {
    UserId::new(number).unwrap()
}

/// Reactors that remember what they were told.
struct Told(Mutex<Vec<(u16, Event)>>);

impl Reactors for Told {
    fn count(&self) -> u16 {
        2
    }

    fn deliver(&self, reactor: u16, events: Vec<Event>) {
        assert!(events.len() <= EVENTS_AT_ONCE + 1);
        self.0.lock().unwrap().extend(events.into_iter().map(|event| (reactor, event)));
    }
}

fn conn(number: u32) -> ConnId {
    ConnId { reactor: u16::try_from(number % 2).unwrap(), slot: number, generation: 0 }
}

/// What is told to sessions of users 1 and 2, one on each of two reactors.
fn told(gap: &Gap, changed: &Changed) -> (usize, Vec<(u16, Event)>) {
    let directory = Arc::new(Directory::new());
    for number in 1..=2 {
        let entry = Entry::new(conn(number), DeviceId::UNNAMED, 7, Wants::default());
        let _ = directory.enter(user(i64::from(number)), entry, SessionPolicy::Multi);
    }
    let told = Arc::new(Told(Mutex::default()));
    let mut fanout = Fanout::new(Arc::clone(&told) as Arc<dyn Reactors>, directory);
    let count = gap.tell(&mut fanout, changed, 3);
    let events = std::mem::take(&mut *told.0.lock().unwrap());
    (count, events)
}

#[test]
fn those_are_told_whom_it_concerns_and_no_others() {
    let at = moments();
    let group = GroupId::new(5).unwrap();
    let end = |conv: ConvId, seq: Seq| (conv, seq);
    let changed = Changed {
        now: Moment(0),
        conversations: vec![
            end(ConvId::pair(user(1), user(9)), 4),
            end(ConvId::pair(user(8), user(9)), 5),
            end(ConvId::group(group), 6),
        ],
        groups: vec![(group, vec![user(2), user(7)])],
    };
    let (count, events) = told(&Gap::new(at(0), None), &changed);
    assert_eq!(count, 3);
    let of_messages = events.iter().filter_map(|(reactor, event)| match event {
        Event::Message { to, from: None, told } => {
            assert!(told.line.is_none() && told.which.is_none() && told.generation == 3);
            Some((*reactor, *to, told.seq))
        }
        _ => None,
    });
    let mut of_messages: Vec<_> = of_messages.collect();
    of_messages.sort_by_key(|(reactor, _, seq)| (*seq, *reactor));
    let to_group = Addressee::Group(group);
    assert_eq!(of_messages, [(1, Addressee::Session(conn(1)), 4), (0, to_group, 6), (1, to_group, 6)]);
    let joined: Vec<_> = events.iter().filter(|(_, event)| matches!(event, Event::Member { .. })).collect();
    assert!(matches!(joined[..], [(0, Event::Member { conn: of, .. })] if *of == conn(2)), "{joined:?}");
    let left = events.iter().filter(|(_, event)| matches!(event, Event::Members { members, .. } if members.len() == 2));
    assert_eq!(left.count(), 2, "each reactor looks who hears the group and is no member");
}

#[test]
fn of_a_part_only_its_channels_are_told() {
    let at = moments();
    let changed = Changed {
        now: Moment(0),
        conversations: vec![(ConvId::pair(user(1), user(2)), 4), (ConvId::group(GroupId::new(5).unwrap()), 6)],
        groups: Vec::new(),
    };
    let part = Part::new(|channel| channel == Channel::User(user(2)));
    let (_, events) = told(&Gap::new(at(0), Some(part)), &changed);
    assert!(
        matches!(events[..], [(0, Event::Message { to: Addressee::Session(of), .. })] if of == conn(2)),
        "{events:?}"
    );
}

#[test]
fn much_is_told_in_pieces() {
    let at = moments();
    let conversations = (1..=2_500).map(|number| (ConvId::group(GroupId::new(number).unwrap()), 1)).collect();
    let changed = Changed { now: Moment(0), conversations, groups: Vec::new() };
    let (count, events) = told(&Gap::new(at(0), None), &changed);
    assert_eq!((count, events.len()), (2_500, 5_000));
}
