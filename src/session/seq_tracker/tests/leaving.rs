//! Conversations that are joined and left, and joined again.

use super::*;

#[test]
fn leaving_forgets_and_a_fetch_that_comes_late_is_ignored() {
    let mut tracker = at(4);
    tracker.heard_of(conv(), 5);
    next_fetch(&mut tracker).unwrap();
    tracker.left(conv());
    assert_eq!(tracker.fetched(answer(3, 5, vec![message(PEER, 5)])), CaughtUp::default());
    assert_eq!(next_fetch(&mut tracker), None);
}

/// A comparison that was read before the user left brings the conversation back until the next look into the store.
#[test]
fn a_page_that_was_read_before_leaving_is_not_shown_after_it() {
    let mut tracker = at(4);
    tracker.heard_of(conv(), 5);
    next_fetch(&mut tracker).unwrap();
    tracker.left(conv());
    tracker.compare(&[pending(3, 5)]);
    assert_eq!(next_fetch(&mut tracker), None, "the answer is still on its way");
    assert_eq!(tracker.fetched(answer(3, 5, vec![message(PEER, 5)])), CaughtUp::default());
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(4) }));
    assert_eq!(tracker.fetched(Page { conv: conv(), position: None, messages: vec![] }), CaughtUp::default());
    assert_eq!(next_fetch(&mut tracker), None);
}

/// Otherwise the position of the membership that is over would be looked up again, behind what has been pushed since.
#[test]
fn an_answer_from_before_leaving_does_not_end_the_next_membership() {
    let mut tracker = at(4);
    tracker.heard_of(conv(), 5);
    next_fetch(&mut tracker).unwrap();
    tracker.left(conv());
    tracker.joined(conv(), 7);
    tracker.fetched(Page { conv: conv(), position: None, messages: vec![] });
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(7) }));
}

/// That the user has left may have been told late, when the user was in again: what was pushed is not pushed again, though it
/// is not confirmed.
#[test]
fn old_news_of_leaving_brings_nothing_twice() {
    let mut tracker = at(4);
    assert_eq!(tracker.offer(conv(), 5, None), Offer::Push);
    tracker.left(conv());
    tracker.joined(conv(), 3);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(5) }));
    assert_eq!(seqs(&tracker.fetched(answer(3, 6, vec![message(PEER, 6)]))), [6]);
    // A comparison with the store may be first.
    tracker.left(conv());
    tracker.compare(&[pending(3, 7)]);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(6) }));
    assert_eq!(seqs(&tracker.fetched(answer(3, 7, vec![message(PEER, 7)]))), [7]);
    tracker.joined(conv(), 3);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(7) }));
}

/// Its answer may come behind the news, and so may that of an earlier one.
#[test]
fn what_a_session_has_said_is_not_shown_to_it_when_it_hears_the_conversation_again() {
    let mut tracker = SeqTracker::new(user(ME), OwnMessages::All, EventsPending::LeftOut);
    tracker.go_live(&[], &[]);
    tracker.joined(conv(), 4);
    next_fetch(&mut tracker).unwrap();
    tracker.fetched(answer(4, 4, vec![]));
    tracker.sent(conv(), 6, None);
    tracker.left(conv());
    tracker.sent(conv(), 8, None);
    assert_eq!(tracker.next_fetch(|_| false), [], "it does not hear it");
    tracker.joined(conv(), 4);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(4) }));
    let page = vec![message(PEER, 5), message(ME, 6), message(PEER, 7), message(ME, 8), message(ME, 9)];
    assert_eq!(seqs(&tracker.fetched(answer(4, 9, page))), [5, 7, 9], "the last one is another session's");
}

/// A list may have shown messages of a group ahead of the news that its user is in there again.
#[test]
fn what_a_list_has_shown_is_not_pushed_when_the_conversation_is_heard() {
    let mut tracker = live();
    tracker.left(conv());
    tracker.listed(&[pending(3, 6)], &[message(PEER, 4), message(PEER, 5)]);
    assert_eq!(tracker.next_fetch(|_| false), []);
    tracker.joined(conv(), 3);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(5) }));
}

#[test]
fn joining_starts_at_the_end_and_keeps_what_was_heard() {
    let mut tracker = live();
    assert_eq!(tracker.offer(conv(), 6, None), Offer::NeedsFetch);
    tracker.joined(conv(), 5);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(5) }));
}

#[test]
fn joining_what_a_resync_found_before_brings_nothing_twice() {
    let mut tracker = live();
    tracker.compare(&[pending(5, 7)]);
    next_fetch(&mut tracker).unwrap();
    assert_eq!(seqs(&tracker.fetched(answer(5, 7, vec![message(PEER, 6), message(PEER, 7)]))), [6, 7]);
    tracker.joined(conv(), 5);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(7) }), "asked once: 8 was not told");
    assert_eq!(seqs(&tracker.fetched(answer(5, 8, vec![message(PEER, 8)]))), [8]);
}
