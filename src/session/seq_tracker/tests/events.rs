//! Events, for sessions that want them and for those that do not.

use super::*;
use crate::store::Kind;

fn event(sender: i64, seq: Seq) -> Message {
    Message { kind: Kind::Recall, of: 1, ..message(sender, seq) }
}

#[test]
fn events_from_before_the_login_are_not_shown_to_who_does_not_want_them_but_passed() {
    for (events, shown, passed) in
        [(EventsPending::LeftOut, &[5][..], Some(4)), (EventsPending::Listed, &[4, 5, 6], None)]
    {
        let mut tracker = SeqTracker::new(user(ME), OwnMessages::None, events);
        tracker.go_live(&[pending(3, 6)], &[]);
        next_fetch(&mut tracker).unwrap();
        let caught_up = tracker.fetched(answer(3, 6, vec![event(PEER, 4), message(PEER, 5), event(PEER, 6)]));
        assert_eq!((seqs(&caught_up).as_slice(), caught_up.confirmed, caught_up.another), (shown, passed, None));
        let end = if events == EventsPending::LeftOut { 6 } else { 5 };
        assert_eq!(tracker.confirm(conv(), 5), Confirmed::Moved(end));
    }
}

#[test]
fn the_cursor_passes_over_events_that_were_pushed() {
    let mut tracker = at(3);
    assert_eq!(tracker.offer(conv(), 4, None), Offer::Push);
    assert_eq!(tracker.passed(conv(), 4, None), None, "3 is not confirmed");
    assert_eq!(tracker.confirm(conv(), 3), Confirmed::Moved(4));
    assert_eq!(tracker.offer(conv(), 5, None), Offer::Push);
    assert_eq!(tracker.passed(conv(), 5, None), Some(5));
    // One that was missed is fetched: pushed as it would have been, and passed.
    tracker.heard_of(conv(), 7);
    next_fetch(&mut tracker).unwrap();
    let caught_up = tracker.fetched(answer(5, 7, vec![event(PEER, 6), event(PEER, 7)]));
    assert_eq!((seqs(&caught_up).as_slice(), caught_up.confirmed), (&[6, 7][..], Some(7)));
    assert_eq!(tracker.passed(conv(), 7, None), None);
}

#[test]
fn what_another_life_of_the_data_has_told_before_the_session_went_live_hides_no_event() {
    let mut tracker = SeqTracker::new(user(ME), OwnMessages::New, EventsPending::LeftOut);
    // A message that is no more: in this life the conversation ends at 4.
    tracker.heard_of(conv(), 22);
    tracker.go_live(&[pending(3, 4)], &[]);
    next_fetch(&mut tracker).unwrap();
    assert_eq!(seqs(&tracker.fetched(answer(3, 4, vec![message(PEER, 4)]))), [4]);
    tracker.heard_of(conv(), 6);
    tracker.fetch_ended();
    next_fetch(&mut tracker).unwrap();
    let caught_up = tracker.fetched(answer(3, 6, vec![event(PEER, 5), message(ME, 6)]));
    assert_eq!(seqs(&caught_up), [5, 6], "an event, and what another session of the same user said");
}
