//! A lane without a database: what is answered, put aside, tried again and given up, and when.
#![expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]

use super::*;
use crate::clock::UnixMs;
use crate::delivery::aside::{MESSAGES_MAX, PER_CONVERSATION_MAX};
use crate::ids::{DeviceId, Peer, Seq, UserId};
use crate::net::ConnId;
use crate::store::Append;
use crate::wire::reply::Echo;

const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any pause, much shorter than the patience.
const MOMENT: Duration = Duration::from_millis(60);

fn user(number: i64) -> UserId {
    UserId::new(number).unwrap()
}

fn lane() -> Lane {
    Lane::new(PATIENCE, 7)
}

/// A message to this user, known by its slot.
fn job(to: i64, slot: u32, since: Instant) -> Job {
    let append = Append {
        sender: user(1),
        to: Peer::User(user(to)),
        cid: None,
        body: r#"{"msg":"x"}"#.into(),
        sent_at: UnixMs(0),
        friends_only: false,
        known_end: 0,
    };
    let conn = ConnId { reactor: 0, slot, generation: 0 };
    Job {
        append,
        reply_to: ReplyTo { conn, device: DeviceId::UNNAMED, name: "a".into(), echo: Echo::default() },
        since,
    }
}

/// Messages to these users, slots from 0.
fn batch(to: &[i64], since: Instant) -> Batch {
    to.iter().zip(0..).map(|(to, slot)| job(*to, slot, since)).collect()
}

fn slots(batch: &Batch) -> Vec<u32> {
    batch.senders_for_tests().map(|reply_to| reply_to.conn.slot).collect()
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("gone".into())
}

fn unknown() -> StoreError {
    StoreError::OutcomeUnknown("gone".into())
}

fn busy() -> StoreError {
    StoreError::Busy("locked".into())
}

fn broken() -> StoreError {
    StoreError::Broken("bad data".into())
}

/// The answers' errnos (or seqs), and the seqs announced, with whether they carry a push.
fn told(effects: &[Effect]) -> (Vec<String>, Vec<(Seq, bool)>) {
    let mut answers = Vec::new();
    let mut announced = Vec::new();
    for effect in effects {
        match effect {
            Effect::Answer { stored: Some((seq, _)), .. } => answers.push(format!("seq {seq}")),
            Effect::Answer { line, .. } => {
                let reply: serde_json::Value = serde_json::from_slice(line).unwrap();
                answers.push(format!("errno {}", reply["errno"]));
            }
            Effect::Announce(news) => announced.push((news.seq, news.line.is_some())),
        }
    }
    (answers, announced)
}

fn done(next: Next) -> Vec<Effect> {
    match next {
        Next::Done(effects) => effects,
        Next::Refuse(effects) => panic!("refused: {effects:?}"),
    }
}

fn nothing(next: Next) {
    assert_eq!(done(next), []);
}

fn again(lane: &mut Lane, now: Instant) -> Batch {
    match lane.todo(now) {
        Todo::Again(batch) => batch,
        other => panic!("not again: {other:?}"),
    }
}

fn is_waiting(lane: &mut Lane, now: Instant) -> bool {
    matches!(lane.todo(now), Todo::Gather)
}

#[test]
fn a_commit_is_acked_and_announced() {
    let now = Instant::now();
    let mut lane = lane();
    let outcomes = vec![Appended::Stored(4), Appended::NoSuchUser, Appended::Duplicate { seq: 2, sent_at: UnixMs(0) }];
    let effects = done(lane.appended(batch(&[2, 2, 2], now), Ok(outcomes), now, now));
    let (answers, announced) = told(&effects);
    assert_eq!(answers, ["seq 4", "errno 404", "seq 2"]);
    assert_eq!(announced, [(4, true), (2, false)], "who has the duplicate already need not get it again");
    assert!(lane.is_clear());
}

#[test]
fn what_was_not_stored_is_refused_at_once() {
    let now = Instant::now();
    let mut lane = lane();
    let Next::Refuse(effects) = lane.appended(batch(&[2, 3], now), Err(unavailable()), now, now) else { panic!() };
    assert_eq!(told(&effects), (vec!["errno 503".to_owned(); 2], vec![]));
    assert!(lane.is_clear());
}

#[test]
fn a_locked_conversation_costs_nobody_else_anything() {
    let now = Instant::now();
    let mut lane = lane();
    let outcomes = vec![Appended::Locked, Appended::Stored(1), Appended::Locked, Appended::Stored(1)];
    let effects = done(lane.appended(batch(&[2, 3, 2, 4], now), Ok(outcomes), now, now));
    assert_eq!(told(&effects).0, ["seq 1", "seq 1"], "acknowledged at once");
    // Of the locked one, what comes now queues behind; of others it goes on.
    assert!(matches!(lane.admit(job(2, 9, now), now), Err(None)));
    assert!(lane.admit(job(3, 10, now), now).is_ok());
    assert!(is_waiting(&mut lane, now), "a pause first");
    assert!(lane.wake_at().unwrap() <= now + MOMENT);
    let retried = again(&mut lane, now + MOMENT);
    assert_eq!(slots(&retried), [0, 2, 9], "in order");
    let outcomes = (1..=3).map(Appended::Stored).collect();
    assert_eq!(told(&done(lane.appended(retried, Ok(outcomes), now, now))).0, ["seq 1", "seq 2", "seq 3"]);
    assert!(lane.is_clear() && lane.wake_at().is_none());
}

#[test]
fn pauses_grow_and_stay_short() {
    let mut now = Instant::now();
    let mut lane = lane();
    let mut batch = batch(&[2], now);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        nothing(lane.appended(batch, Ok(vec![Appended::Locked]), now, now));
        let wake = lane.wake_at().unwrap();
        pauses.push(wake - now);
        now = wake;
        batch = again(&mut lane, now);
    }
    assert!(pauses[0] <= Duration::from_millis(1), "{pauses:?}");
    assert!(pauses[11] >= Duration::from_millis(25) && pauses[11] <= Duration::from_millis(50), "{pauses:?}");
}

#[test]
fn who_waits_for_a_locked_conversation_is_answered_in_time() {
    let start = Instant::now();
    let mut lane = lane();
    nothing(lane.appended(batch(&[2], start), Ok(vec![Appended::Locked]), start, start));
    let later = start + PATIENCE / 2;
    assert!(matches!(lane.admit(job(2, 1, later), later), Err(None)));
    assert_eq!(lane.expire(start + PATIENCE.checked_sub(MOMENT).unwrap()), []);
    assert_eq!(told(&lane.expire(start + PATIENCE)).0, ["errno 503"]);
    assert!(lane.owes_answers());
    assert_eq!(told(&lane.expire(later + PATIENCE)).0, ["errno 503"]);
    assert!(!lane.owes_answers());
    // It is remembered: the next message is tried on its own, not with everybody's.
    let now = later + PATIENCE + MOMENT;
    assert!(matches!(lane.admit(job(2, 2, now), now), Err(None)));
    assert_eq!(slots(&again(&mut lane, now)), [2]);
}

#[test]
fn a_locked_conversation_is_forgotten_in_the_end() {
    let start = Instant::now();
    let mut lane = lane();
    nothing(lane.appended(batch(&[2], start), Ok(vec![Appended::Locked]), start, start));
    lane.expire(start + PATIENCE);
    assert!(!lane.is_clear());
    lane.expire(start + Duration::from_mins(1));
    assert!(lane.is_clear());
}

#[test]
fn what_waits_is_bounded() {
    let now = Instant::now();
    let mut lane = lane();
    let many: Vec<i64> = (2..200).collect();
    nothing(lane.appended(batch(&many, now), Ok(vec![Appended::Locked; many.len()]), now, now));
    let mut refused = |to: i64, count: usize| {
        let refusals = (0..count).filter_map(|_| lane.admit(job(to, 0, now), now).unwrap_err());
        told(&refusals.collect::<Vec<_>>()).0
    };
    assert_eq!(refused(2, PER_CONVERSATION_MAX), ["errno 503"], "one waits already, so one is too many");
    let all: usize = many.iter().map(|to| refused(*to, PER_CONVERSATION_MAX).len()).sum();
    let room = MESSAGES_MAX - many.len() - (PER_CONVERSATION_MAX - 1);
    assert_eq!(all, many.len() * PER_CONVERSATION_MAX - room);
}

#[test]
fn a_fault_of_one_message_costs_only_that_message() {
    let now = Instant::now();
    let mut lane = lane();
    let mut answers = Vec::new();
    let mut todo = batch(&[2, 3, 4, 4, 4, 5, 6, 7], now);
    let mut tries = 0;
    loop {
        tries += 1;
        // The database takes none of the batches with slot 3 in it.
        let result = if slots(&todo).contains(&3) {
            Err(broken())
        } else {
            Ok(slots(&todo).iter().map(|slot| Appended::Stored(u64::from(*slot))).collect())
        };
        answers.extend(told(&done(lane.appended(todo, result, now, now))).0);
        match lane.todo(now) {
            Todo::Again(batch) => todo = batch,
            _ => break,
        }
    }
    let refused: Vec<_> = answers.iter().filter(|answer| *answer == "errno 500").collect();
    assert_eq!(refused.len(), 1, "{answers:?}");
    let stored: Vec<_> = answers.iter().filter(|answer| answer.starts_with("seq")).collect();
    assert_eq!(stored, ["seq 0", "seq 1", "seq 2", "seq 4", "seq 5", "seq 6", "seq 7"], "in order");
    assert!(tries <= 12, "{tries}");
    assert!(lane.is_clear());
}

#[test]
fn a_lock_that_the_store_cannot_name_is_narrowed_down() {
    let now = Instant::now();
    let mut lane = lane();
    let mut todo = batch(&[2, 3, 4, 3, 5], now);
    let mut answers = Vec::new();
    loop {
        let result = if todo.appends().iter().any(|append| append.to == Peer::User(user(3))) {
            Err(busy())
        } else {
            Ok(vec![Appended::Stored(1); todo.appends().len()])
        };
        answers.extend(told(&done(lane.appended(todo, result, now, now))).0);
        match lane.todo(now) {
            Todo::Again(batch) => todo = batch,
            _ => break,
        }
    }
    assert_eq!(answers, ["seq 1"; 3]);
    assert_eq!(lane.conversations_aside(), 1);
    assert_eq!(slots(&again(&mut lane, now + MOMENT)), [1, 3], "both messages wait, in order");
}

#[test]
fn slow_tries_leave_most_of_the_time_to_others() {
    let came = Instant::now();
    let mut lane = lane();
    let second = Duration::from_secs(1);
    let start = came + 3 * second;
    let now = start + second;
    // There is no time to narrow it down: each is tried alone from now on.
    nothing(lane.appended(batch(&[2, 3], came), Err(busy()), start, now));
    assert!(lane.wake_at().unwrap() <= now + MOMENT);
    let one = again(&mut lane, now + MOMENT);
    assert_eq!(one.appends().len(), 1, "alone");
    nothing(lane.appended(one, Err(busy()), now, now + second));
    let other = again(&mut lane, now + second);
    assert_eq!(told(&done(lane.appended(other, Ok(vec![Appended::Stored(1)]), now, now))).0, ["seq 1"]);
    assert!(is_waiting(&mut lane, now + 5 * second), "a try of a second is made again after several");
}

#[test]
fn later_parts_do_not_overtake_what_is_put_aside() {
    let now = Instant::now();
    let mut lane = lane();
    // One conversation, halved by messages because of a fault; then its first part is found locked.
    nothing(lane.appended(batch(&[2, 2, 2, 2], now), Err(broken()), now, now));
    let first = again(&mut lane, now);
    assert_eq!(slots(&first), [0, 1]);
    nothing(lane.appended(first, Ok(vec![Appended::Locked; 2]), now, now));
    assert!(is_waiting(&mut lane, now), "the second part waits behind");
    assert_eq!(slots(&again(&mut lane, now + MOMENT)), [0, 1, 2, 3]);
}

#[test]
fn an_unknown_outcome_is_looked_up() {
    let now = Instant::now();
    let mut lane = lane();
    nothing(lane.appended(batch(&[2], now), Err(unknown()), now, now));
    assert!(matches!(lane.todo(now), Todo::Settle));
    nothing(lane.settled(Err(unavailable()), now));
    assert!(is_waiting(&mut lane, now), "a pause first");
    assert!(matches!(lane.todo(now + SETTLE_PAUSE), Todo::Settle));
    let effects = done(lane.settled(Ok(Some(vec![Appended::Stored(1)])), now));
    assert_eq!(told(&effects), (vec!["seq 1".to_owned()], vec![(1, true)]));
    assert!(lane.is_clear());
}

#[test]
fn a_commit_in_doubt_holds_its_own_conversations_only() {
    let now = Instant::now();
    let mut lane = lane();
    nothing(lane.appended(batch(&[2, 3], now), Err(unknown()), now, now));
    assert!(matches!(lane.admit(job(3, 7, now), now), Err(None)));
    assert!(lane.admit(job(4, 8, now), now).is_ok());
    nothing(lane.settled(Err(busy()), now));
    assert!(is_waiting(&mut lane, now + MOMENT), "what waits behind a doubt is not tried");
    // It was not committed: all of it is appended again, what came later behind it.
    nothing(lane.settled(Ok(None), now));
    assert_eq!(slots(&again(&mut lane, now)), [0, 1, 7]);
}

#[test]
fn what_was_locked_in_a_commit_in_doubt_is_not_forgotten() {
    let now = Instant::now();
    let mut lane = lane();
    nothing(lane.appended(batch(&[2, 3], now), Err(unknown()), now, now));
    assert!(matches!(lane.admit(job(3, 7, now), now), Err(None)));
    let settled = lane.settled(Ok(Some(vec![Appended::Stored(1), Appended::Locked])), now);
    assert_eq!(told(&done(settled)).0, ["seq 1"]);
    assert_eq!(slots(&again(&mut lane, now + MOMENT)), [1, 7]);
}

#[test]
fn what_turns_out_not_committed_is_appended_again() {
    let now = Instant::now();
    let mut lane = lane();
    nothing(lane.appended(batch(&[2], now), Err(unknown()), now, now));
    nothing(lane.settled(Ok(None), now));
    assert_eq!(slots(&again(&mut lane, now)), [0]);
    assert!(lane.doubted().is_none());
}

#[test]
fn several_commits_may_be_in_doubt_but_not_too_many() {
    let now = Instant::now();
    let mut lane = lane();
    for to in (2..).take(DOUBTS_MAX) {
        assert!(lane.admit(job(to, 0, now), now).is_ok());
        nothing(lane.appended(batch(&[to], now), Err(unknown()), now, now));
    }
    assert!(matches!(lane.admit(job(99, 5, now), now), Err(None)), "nothing more is appended");
    for _ in 0..DOUBTS_MAX {
        assert!(matches!(lane.todo(now), Todo::Settle));
        nothing(lane.settled(Err(unavailable()), now));
    }
    assert!(is_waiting(&mut lane, now + MOMENT));
    for _ in 0..DOUBTS_MAX {
        let settled = lane.settled(Ok(Some(vec![Appended::Stored(1)])), now);
        assert_eq!(told(&done(settled)).0, ["seq 1"]);
    }
    assert_eq!(slots(&again(&mut lane, now + SETTLE_PAUSE)), [5], "there is room again");
}

#[test]
fn senders_do_not_wait_for_ever_but_what_was_committed_is_announced() {
    let start = Instant::now();
    for (outcome, announced) in [(Some(vec![Appended::Stored(1)]), vec![(1, true)]), (None, vec![])] {
        let mut lane = lane();
        nothing(lane.appended(batch(&[2], start), Err(unknown()), start, start));
        assert!(lane.wake_at().unwrap() <= start + PATIENCE);
        assert_eq!(told(&done(lane.settled(Err(unavailable()), start + PATIENCE))).0, ["errno 503"]);
        assert!(!lane.owes_answers());
        nothing(lane.settled(Err(unavailable()), start + 2 * PATIENCE));
        assert_eq!(told(&done(lane.settled(Ok(outcome), start + 3 * PATIENCE))), (vec![], announced));
        assert!(lane.is_clear());
    }
}

#[test]
fn a_message_that_has_waited_too_long_in_the_queue_is_refused() {
    let start = Instant::now();
    let Err(Some(refusal)) = lane().admit(job(2, 0, start), start + PATIENCE) else { panic!() };
    assert_eq!(told(&[refusal]).0, ["errno 503"]);
}

#[test]
fn when_the_database_is_away_nobody_is_left_waiting() {
    let now = Instant::now();
    let mut lane = lane();
    nothing(lane.appended(batch(&[2, 3], now), Ok(vec![Appended::Locked; 2]), now, now));
    let Next::Refuse(effects) = lane.appended(batch(&[4], now), Err(unavailable()), now, now) else { panic!() };
    assert_eq!(told(&effects).0, ["errno 503"; 3]);
    assert!(!lane.owes_answers());
}
