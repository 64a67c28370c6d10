//! What sessions make of what has changed while bells were lost.

use super::*;
use crate::config::SessionPolicy;
use crate::delivery::Reactors;
use crate::delivery::directory::Entry;
use crate::delivery::fanout::Fanout;
use crate::delivery::missed::Gap;
use crate::net::Protocol as _;
use crate::session::doubts::Doubts;
use crate::session::seq_tracker::Offer;
use crate::store::{Changed, Moment};

fn compared(bed: &mut Bed) -> u64 {
    let before = bed.metrics.resync_sessions.get();
    bed.local.turn_ended(&mut bed.net, bed.now);
    bed.metrics.resync_sessions.get() - before
}

fn members(of: &[i64]) -> Event {
    Event::Members { group: group(), members: of.iter().map(|number| user(*number)).collect() }
}

#[test]
fn whoever_does_not_fit_the_members_of_a_changed_group_is_compared() {
    let fits: [(&[i64], u64); 3] = [(&[1, 2], 0), (&[2, 7], 1), (&[], 2)];
    for (present, expected) in fits {
        let mut bed = Bed::new();
        for slot in 0..3 {
            bed.open(slot);
            let conn = bed.log_in(slot, i64::from(slot) + 1);
            if slot < 2 {
                bed.session(slot).asks();
                bed.reply(conn, SessionChange::Join { group: group(), last_seq: 0 });
            }
        }
        bed.post(ReactorMessage::Events(vec![members(present)]));
        assert_eq!(compared(&mut bed), expected, "users 1 and 2 hear a group in which {present:?} are");
    }
}

#[test]
fn a_member_who_does_not_hear_the_group_is_compared_and_one_who_does_is_not() {
    let mut bed = Bed::new();
    for slot in 0..2 {
        bed.open(slot);
        bed.log_in(slot, i64::from(slot) + 1);
    }
    bed.session(0).asks();
    let (hears, does_not) = (bed.conn(0), bed.conn(1));
    bed.reply(hears, SessionChange::Join { group: group(), last_seq: 0 });
    bed.post(ReactorMessage::Events(vec![Event::Member { conn: hears, group: group() }]));
    assert_eq!(compared(&mut bed), 0);
    bed.post(ReactorMessage::Events(vec![Event::Member { conn: does_not, group: group() }]));
    assert_eq!(compared(&mut bed), 1);
}

/// Gathers what the only reactor is told.
#[derive(Default)]
struct Mail(Mutex<Vec<Vec<Event>>>);

impl Reactors for Mail {
    fn count(&self) -> u16 {
        1
    }

    fn deliver(&self, _: u16, events: Vec<Event>) {
        self.0.lock().unwrap().push(events);
    }
}

/// How long a node takes to tell 1,000 changed conversations to 100,000 sessions. Run by hand; docs/performance.md has the figures:
///
/// ```text
/// cargo test --release --lib -- --ignored --nocapture how_long_a_node_takes
/// ```
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "what was measured is what it is for")]
fn how_long_a_node_takes_to_tell_what_has_changed() {
    const SESSIONS: u32 = 100_000;
    let mut bed = Bed::new();
    let directory = Arc::new(Directory::new());
    for slot in 0..SESSIONS {
        let (conn, number, mut wire) = (bed.name(slot), i64::from(slot) + 1, Wire::default());
        let mut session = bed.local.opened(conn, IpAddr::V4(Ipv4Addr::LOCALHOST), &mut wire, bed.now);
        session.at_worker = true;
        bed.net.0.insert(conn, (session, wire));
        let backlog = Backlog { pending: vec![], shown: vec![], own: vec![], requests: vec![] };
        for message in [
            ReactorMessage::Enter { conn, live: Bed::live(conn, number) },
            ReactorMessage::Reply { conn, line: line("reply\n"), then: SessionChange::GoLive(Box::new(backlog)) },
        ] {
            bed.local.message(message, &mut bed.net, bed.now);
        }
        let entry = Entry::new(conn, DeviceId::UNNAMED, 7, crate::wants::Wants::default());
        let _ = directory.enter(user(number), entry, SessionPolicy::Multi);
    }
    // Half of both sides are here.
    let conversations =
        (1..=1_000).map(|number| (ConvId::pair(user(number * 97), user(200_000 + number)), 8)).collect();
    let changed = Changed { now: Moment(0), conversations, groups: Vec::new() };
    let mail = Arc::new(Mail::default());
    let mut fanout = Fanout::new(Arc::clone(&mail) as Arc<dyn Reactors>, directory);
    for _ in 0..5 {
        let begun = Instant::now();
        let told = Gap::new(bed.now, None).tell(&mut fanout, &changed, 0);
        let posted = begun.elapsed();
        for events in std::mem::take(&mut *mail.0.lock().unwrap()) {
            bed.local.message(ReactorMessage::Events(events), &mut bed.net, bed.now);
        }
        println!("{told} conversations: posted in {posted:?}, and heard after {:?}", begun.elapsed());
    }
}

/// The numbers of two messages were given out again, and a third one, which the session lacks, is told of between them.
#[test]
fn which_message_a_session_has_had_last_is_noted_before_the_next_one_is_pushed() {
    let mut bed = Bed::new();
    bed.open(0);
    bed.log_in(0, 1);
    let conv = ConvId::pair(user(1), user(2));
    let which = |at| Some(Which::of(user(2), UnixMs(at)));
    let live = bed.session(0).live().unwrap();
    live.seqs.compare(&[Pending { conv, delivered: 0, last_seq: 0 }]);
    assert_eq!([live.seqs.offer(conv, 1, which(1)), live.seqs.offer(conv, 2, which(2))], [Offer::Push; 2]);
    let mut doubts = Doubts::default();
    assert_eq!(live.seqs.offer(conv, 1, which(11)), Offer::Duplicate);
    doubts.note(live, conv);
    assert_eq!(live.seqs.offer(conv, 3, which(13)), Offer::Push, "another node has told of it first");
    assert_eq!(live.seqs.offer(conv, 2, which(12)), Offer::Duplicate, "nothing is known any more of what was there");
    doubts.note(live, conv);
    doubts.note(live, conv);
    assert_eq!(doubts.lasts(conv), [(2, which(2).unwrap()), (3, which(13).unwrap())]);
    live.seqs.confirm(conv, 3);
    assert_eq!(live.seqs.last_had(conv), which(13).map(|last| (3, last)));
}
