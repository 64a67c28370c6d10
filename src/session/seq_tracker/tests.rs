//! What a session gets, whatever is lost or late.

mod events;
mod leaving;

use super::*;
use crate::clock::UnixMs;
use crate::store::Person;

const ME: i64 = 1;
const PEER: i64 = 2;

fn user(number: i64) -> UserId {
    UserId::new(number).unwrap()
}

fn conv() -> ConvId {
    ConvId::pair(user(ME), user(PEER))
}

fn message(sender: i64, seq: Seq) -> Message {
    let sender = Person { id: user(sender), name: String::new() };
    Message::said((conv(), seq), sender, UnixMs(0), String::new())
}

fn pending(delivered: Seq, last_seq: Seq) -> Pending {
    Pending { conv: conv(), delivered, last_seq }
}

fn session() -> SeqTracker {
    SeqTracker::new(user(ME), OwnMessages::None, EventsPending::LeftOut)
}

fn live() -> SeqTracker {
    let mut tracker = session();
    tracker.go_live(&[], &[]);
    tracker
}

fn answer(delivered: Seq, last_seq: Seq, messages: Vec<Message>) -> Page {
    Page { conv: conv(), position: Some(pending(delivered, last_seq)), messages }
}

/// The next thing to read, where that is about one conversation.
fn next_fetch(tracker: &mut SeqTracker) -> Option<Place> {
    let places = tracker.next_fetch(|_| true);
    assert!(places.len() < 2, "{places:?}");
    places.first().copied()
}

fn seqs(caught_up: &CaughtUp) -> Vec<Seq> {
    caught_up.push.iter().map(|message| message.seq).collect()
}

/// Where a session stands that was shown the list of conversations: at the last message that there was.
fn stands_at(seq: Seq) -> Pending {
    pending(seq, seq)
}

#[test]
fn a_session_that_was_shown_the_list_is_pushed_nothing_that_is_old() {
    let mut tracker = session();
    tracker.go_live(&[stands_at(10)], &[]);
    assert_eq!(next_fetch(&mut tracker), None);
    assert_eq!(tracker.had(conv()), 10);
    assert_eq!(tracker.offer(conv(), 11, None), Offer::Push);
    assert_eq!(tracker.confirm(conv(), 11), Confirmed::Moved(11));
    // Bells were lost, and the device's cursor is behind the list: only what is new is fetched.
    let mut tracker = session();
    tracker.go_live(&[stands_at(10)], &[]);
    tracker.compare(&[pending(3, 12)]);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(10) }));
    assert_eq!(seqs(&tracker.fetched(answer(3, 12, vec![message(PEER, 11), message(PEER, 12)]))), [11, 12]);
}

#[test]
fn nothing_falls_between_the_list_and_going_live() {
    // Told of before the list was read, and shown by it.
    let mut tracker = session();
    tracker.offer(conv(), 10, None);
    tracker.go_live(&[stands_at(10)], &[]);
    assert_eq!(next_fetch(&mut tracker), None);
    assert_eq!(tracker.offer(conv(), 10, None), Offer::Duplicate, "its bell may come again");
    // Told of before the session goes live, and not shown.
    let mut tracker = session();
    for seq in [10, 11, 12] {
        tracker.offer(conv(), seq, None);
    }
    tracker.go_live(&[stands_at(10)], &[]);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(10) }));
    assert_eq!(seqs(&tracker.fetched(answer(3, 12, vec![message(PEER, 11), message(PEER, 12)]))), [11, 12]);
    // Told of after that, by a bell that has overtaken another one.
    let mut tracker = session();
    tracker.go_live(&[stands_at(10)], &[]);
    assert_eq!(tracker.offer(conv(), 12, None), Offer::OutOfOrder);
    tracker.close_gaps();
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(10) }));
    // In a conversation of which nothing was pending, and that the list shows as it was.
    let mut tracker = session();
    tracker.offer(conv(), 11, None);
    tracker.go_live(&[], &[]);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: None }), "behind the device's cursor");
}

/// A session that has got everything up to `seq`.
fn at(seq: Seq) -> SeqTracker {
    let mut tracker = live();
    assert_eq!(tracker.offer(conv(), seq, None), Offer::NeedsFetch);
    next_fetch(&mut tracker).unwrap();
    tracker.fetched(answer(seq - 1, seq, vec![message(PEER, seq)]));
    tracker
}

#[test]
fn a_conversation_that_has_been_looked_up_is_pushed_at_once() {
    let mut tracker = at(1);
    assert_eq!(tracker.offer(conv(), 1, None), Offer::Duplicate);
    assert_eq!(tracker.offer(conv(), 2, None), Offer::Push);
    assert_eq!(tracker.offer(conv(), 2, None), Offer::Duplicate);
    assert_eq!(tracker.offer(conv(), 3, None), Offer::Push);
    assert_eq!(next_fetch(&mut tracker), None);
}

#[test]
fn a_late_bell_of_the_first_message_brings_nothing_again() {
    let tells: [fn(&mut SeqTracker); 2] = [
        |tracker| assert_eq!(tracker.offer(conv(), 1, None), Offer::NeedsFetch),
        |tracker| tracker.heard_of(conv(), 1),
    ];
    for tell in tells {
        let mut tracker = live();
        tell(&mut tracker);
        assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: None }));
        assert_eq!(tracker.fetched(answer(70, 70, vec![])), CaughtUp::default());
        assert_eq!(tracker.offer(conv(), 71, None), Offer::Push);
    }
}

#[test]
fn an_untouched_conversation_is_looked_up_first() {
    let mut tracker = live();
    assert_eq!(tracker.offer(conv(), 9, None), Offer::NeedsFetch);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: None }));
    assert_eq!(tracker.offer(conv(), 10, None), Offer::NeedsFetch, "while it is fetched nothing is kept");
    assert_eq!(next_fetch(&mut tracker), None, "one fetch at a time");
    let caught_up = tracker.fetched(answer(7, 9, vec![message(PEER, 8), message(PEER, 9)]));
    assert_eq!(seqs(&caught_up), [8, 9]);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(9) }));
    assert_eq!(seqs(&tracker.fetched(answer(7, 10, vec![message(PEER, 10)]))), [10]);
    assert_eq!(tracker.offer(conv(), 11, None), Offer::Push);
}

#[test]
fn a_hole_is_fetched_and_nothing_comes_twice_or_early() {
    let mut tracker = at(4);
    assert_eq!(tracker.offer(conv(), 7, None), Offer::OutOfOrder);
    assert_eq!(next_fetch(&mut tracker), None, "it may close by itself");
    assert!(tracker.has_gaps());
    tracker.close_gaps();
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(4) }));
    assert_eq!(tracker.offer(conv(), 5, None), Offer::NeedsFetch, "late bells of the hole are in the fetch");
    assert_eq!(tracker.next_ahead(conv()), None);
    let hole = vec![message(PEER, 5), message(PEER, 6), message(PEER, 7)];
    assert_eq!(seqs(&tracker.fetched(answer(0, 7, hole))), [5, 6, 7]);
    assert_eq!(tracker.offer(conv(), 6, None), Offer::Duplicate);
    assert_eq!(tracker.offer(conv(), 8, None), Offer::Push);
}

#[test]
fn a_hole_that_closes_by_itself_costs_no_fetch() {
    let mut tracker = at(4);
    for seq in [8, 6, 6] {
        assert_eq!(tracker.offer(conv(), seq, None), Offer::OutOfOrder);
    }
    assert_eq!(tracker.next_ahead(conv()), None, "not before its turn");
    assert_eq!(tracker.offer(conv(), 5, None), Offer::Push);
    assert_eq!(tracker.next_ahead(conv()), Some(6));
    assert_eq!(tracker.offer(conv(), 6, None), Offer::Push);
    assert_eq!(tracker.next_ahead(conv()), None, "7 was offered to nobody");
    assert_eq!(tracker.offer(conv(), 7, None), Offer::Push);
    assert_eq!((tracker.next_ahead(conv()), tracker.offer(conv(), 8, None)), (Some(8), Offer::Push));
    tracker.close_gaps();
    assert_eq!((tracker.next_ahead(conv()), next_fetch(&mut tracker)), (None, None));
}

#[test]
fn what_overtook_the_answer_to_an_own_message_follows_it() {
    let mut tracker = at(4);
    assert_eq!(tracker.offer(conv(), 6, None), Offer::OutOfOrder);
    tracker.sent(conv(), 5, None);
    assert_eq!(tracker.next_ahead(conv()), Some(6));
    assert_eq!(tracker.offer(conv(), 6, None), Offer::Push);
}

#[test]
fn what_was_ahead_and_is_not_kept_any_more_is_fetched() {
    let mut tracker = at(4);
    assert_eq!(tracker.offer(conv(), 6, None), Offer::OutOfOrder);
    assert_eq!(tracker.offer(conv(), 5, None), Offer::Push);
    tracker.close_gaps();
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(5) }));
    assert_eq!(seqs(&tracker.fetched(answer(0, 6, vec![message(PEER, 6)]))), [6]);
}

#[test]
fn what_is_told_while_an_older_answer_is_on_its_way_is_fetched_too() {
    let mut tracker = live();
    tracker.joined(conv(), 0);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(0) }));
    assert_eq!(tracker.offer(conv(), 1, None), Offer::NeedsFetch, "it is being fetched");
    assert!(tracker.fetched(answer(0, 0, vec![])).push.is_empty(), "the store was read before the message was there");
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(0) }));
    assert_eq!(seqs(&tracker.fetched(answer(0, 1, vec![message(PEER, 1)]))), [1]);
    assert_eq!(next_fetch(&mut tracker), None);
}

#[test]
fn what_arrives_during_login_is_not_lost_and_not_doubled() {
    let mut tracker = session();
    assert_eq!(tracker.offer(conv(), 6, None), Offer::NeedsFetch);
    assert_eq!(next_fetch(&mut tracker), None, "not before it is live");
    tracker.go_live(&[pending(3, 5)], &[message(PEER, 4), message(PEER, 5)]);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(5) }));
    assert_eq!(seqs(&tracker.fetched(answer(3, 6, vec![message(PEER, 6)]))), [6]);
    assert_eq!(next_fetch(&mut tracker), None);
}

#[test]
fn what_the_user_said_before_the_login_is_not_fetched_once_more() {
    // Before and behind what is shown, and the device's cursor is right before it.
    let mut tracker = session();
    tracker.go_live(&[pending(3, 7)], &[message(PEER, 5)]);
    assert_eq!(tracker.own_before_login(&[message(ME, 4), message(ME, 6), message(ME, 7)]), []);
    assert_eq!(next_fetch(&mut tracker), None);
    assert_eq!((tracker.had(conv()), tracker.offer(conv(), 8, None)), (7, Offer::Push));
    assert_eq!(tracker.confirm(conv(), 5), Confirmed::Moved(7), "over what the user said");
    // Where nothing else is pending, the cursor passes over it.
    let mut tracker = session();
    tracker.go_live(&[pending(3, 5)], &[]);
    assert_eq!(tracker.own_before_login(&[message(ME, 4), message(ME, 5)]), [(conv(), 4), (conv(), 5)]);
    assert_eq!((next_fetch(&mut tracker), tracker.last_had(conv()).unwrap().0), (None, 5));
}

#[test]
fn what_the_user_said_before_the_login_hides_nothing_that_is_not_known() {
    // One that is not at hand lies between: all is fetched from there on.
    let mut tracker = session();
    tracker.go_live(&[pending(3, 6)], &[message(PEER, 4)]);
    assert_eq!(tracker.own_before_login(&[message(ME, 6)]), []);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(4) }));
    assert_eq!(seqs(&tracker.fetched(answer(3, 6, vec![message(PEER, 5), message(ME, 6)]))), [5]);
    // Told of meanwhile, behind all that was read.
    let mut tracker = session();
    tracker.heard_of(conv(), 6);
    tracker.go_live(&[pending(3, 5)], &[message(PEER, 4)]);
    assert_eq!(tracker.own_before_login(&[message(ME, 5)]), []);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(5) }));
    // Of a conversation of which nothing was pending, and of another life of the data: left to the store.
    let mut tracker = session();
    tracker.go_live(&[pending(3, 5)], &[message(PEER, 4), message(PEER, 5)]);
    assert_eq!(tracker.own_before_login(&[message(ME, 6)]), []);
    let mut tracker = session();
    tracker.go_live(&[], &[]);
    assert_eq!((tracker.own_before_login(&[message(ME, 1)]), tracker.had(conv())), (vec![], 0));
}

#[test]
fn the_backlog_beyond_the_login_reply_comes_in_pages() {
    let mut tracker = session();
    tracker.go_live(&[pending(0, 4)], &[message(PEER, 1)]);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(1) }));
    assert_eq!(seqs(&tracker.fetched(answer(0, 4, vec![message(PEER, 2), message(PEER, 3)]))), [2, 3]);
    assert_eq!(tracker.offer(conv(), 5, None), Offer::NeedsFetch);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(3) }));
    assert_eq!(seqs(&tracker.fetched(answer(0, 5, vec![message(PEER, 4), message(PEER, 5)]))), [4, 5]);
    assert_eq!(next_fetch(&mut tracker), None);
}

#[test]
fn own_messages_move_the_cursor_and_need_no_push() {
    let mut tracker = live();
    assert_eq!(tracker.sent(conv(), 1, None), None, "it may be an old one, sent again");
    next_fetch(&mut tracker).unwrap();
    assert_eq!(tracker.fetched(answer(0, 1, vec![message(ME, 1)])).confirmed, Some(1));
    assert_eq!(tracker.sent(conv(), 2, None), Some(2));
    assert_eq!(tracker.offer(conv(), 3, None), Offer::Push);
    assert_eq!(tracker.sent(conv(), 4, None), None, "3 is not confirmed");
    assert_eq!(tracker.confirm(conv(), 3), Confirmed::Moved(4));
    assert_eq!(next_fetch(&mut tracker), None);
}

#[test]
fn an_own_message_ahead_of_anothers_waits_for_it() {
    let mut tracker = at(4);
    assert_eq!(tracker.confirm(conv(), 4), Confirmed::Moved(4));
    assert_eq!(tracker.sent(conv(), 6, None), None);
    assert!(tracker.has_gaps());
    assert_eq!(next_fetch(&mut tracker), None, "5 is most likely on its way");
    assert_eq!(tracker.offer(conv(), 5, None), Offer::Push);
    tracker.close_gaps();
    assert_eq!(next_fetch(&mut tracker), None);
    assert_eq!(tracker.confirm(conv(), 5), Confirmed::Moved(6));
    assert_eq!(tracker.offer(conv(), 7, None), Offer::Push);
}

#[test]
fn a_gap_that_stays_is_fetched_without_the_own_message() {
    let mut tracker = at(4);
    tracker.sent(conv(), 6, None);
    tracker.close_gaps();
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(4) }));
    assert_eq!(seqs(&tracker.fetched(answer(3, 6, vec![message(PEER, 5), message(ME, 6)]))), [5]);
    assert_eq!(tracker.offer(conv(), 7, None), Offer::Push);
}

#[test]
fn own_messages_from_before_the_login_are_not_shown_but_passed() {
    let mut tracker = session();
    tracker.go_live(&[pending(3, 6)], &[]);
    next_fetch(&mut tracker).unwrap();
    let caught_up = tracker.fetched(answer(3, 6, vec![message(ME, 4), message(PEER, 5), message(ME, 6)]));
    assert_eq!(seqs(&caught_up), [5]);
    assert_eq!(caught_up.confirmed, Some(4));
    assert_eq!(tracker.confirm(conv(), 5), Confirmed::Moved(6));
}

#[test]
fn a_named_device_is_shown_what_another_device_sent() {
    let mut tracker = SeqTracker::new(user(ME), OwnMessages::All, EventsPending::LeftOut);
    tracker.go_live(&[pending(0, 1)], &[]);
    next_fetch(&mut tracker).unwrap();
    assert_eq!(seqs(&tracker.fetched(answer(0, 1, vec![message(ME, 1)]))), [1]);
}

#[test]
fn own_messages_whose_answer_is_on_its_way_are_not_shown() {
    for own in [OwnMessages::New, OwnMessages::All] {
        let mut tracker = SeqTracker::new(user(ME), own, EventsPending::LeftOut);
        tracker.go_live(&[], &[]);
        assert_eq!(tracker.sent(conv(), 1, None), None);
        next_fetch(&mut tracker).unwrap();
        // The store has two more of them; the lane has answered neither yet.
        let mine = |seq, cid: &str| Message { cid: Some(cid.to_owned()), ..message(ME, seq) };
        for under_way in [mine(2, "a"), mine(3, "b")] {
            tracker.sending(conv(), Fingerprint::of_message(&under_way));
        }
        let page = vec![message(ME, 1), mine(2, "a"), mine(3, "b")];
        assert_eq!(seqs(&tracker.fetched(answer(0, 3, page))), [] as [Seq; 0], "{own:?}");
        tracker.sent(conv(), 2, None);
        tracker.sent(conv(), 3, None);
        assert_eq!(next_fetch(&mut tracker), None, "{own:?}");
        assert_eq!(tracker.offer(conv(), 4, None), Offer::Push, "{own:?}: of another device");
    }
}

/// A user's other session may have said something while this one did not hear the group: nobody tells it again.
#[test]
fn what_another_device_said_before_this_one_heard_the_group_is_shown() {
    let mut tracker = SeqTracker::new(user(ME), OwnMessages::All, EventsPending::LeftOut);
    tracker.go_live(&[], &[]);
    tracker.joined(conv(), 3);
    next_fetch(&mut tracker).unwrap();
    let page = vec![message(ME, 4), message(ME, 5), message(ME, 6)];
    assert_eq!(seqs(&tracker.fetched(answer(3, 6, page))), [4, 5, 6]);
}

/// Another node may have committed the next message, and told it, before this one's lane has told the answer.
#[test]
fn an_own_message_on_its_way_is_not_shown_although_later_ones_are_known() {
    // The clock stands still: what tells them apart is what the clients have made of them.
    let mine = |seq, cid: &str| Message { cid: Some(cid.to_owned()), ..message(ME, seq) };
    let which = Some(Which::of(user(ME), UnixMs(0)));
    let mut tracker = SeqTracker::new(user(ME), OwnMessages::New, EventsPending::LeftOut);
    tracker.go_live(&[], &[]);
    assert_eq!(tracker.offer(conv(), 1, None), Offer::NeedsFetch);
    next_fetch(&mut tracker).unwrap();
    tracker.fetched(answer(0, 1, vec![message(PEER, 1)]));
    tracker.sending(conv(), Fingerprint::of_message(&mine(2, "a")));
    assert_eq!(tracker.offer(conv(), 4, None), Offer::OutOfOrder);
    tracker.close_gaps();
    next_fetch(&mut tracker).unwrap();
    let caught_up = tracker.fetched(answer(0, 4, vec![mine(2, "a"), mine(3, "b"), message(PEER, 4)]));
    assert_eq!(seqs(&caught_up), [3, 4], "the other own one is another session's");
    tracker.fetch_ended();
    tracker.answered(conv());
    assert_eq!(tracker.sent(conv(), 2, which), None, "nothing new");
    assert_eq!(tracker.offer(conv(), 5, None), Offer::Push);
    // The next own one has an answer of its own, and is told apart from it.
    tracker.sending(conv(), Fingerprint::of_message(&mine(6, "c")));
    tracker.answered(conv());
    assert_eq!(tracker.sent(conv(), 6, which), None);
    assert_eq!(tracker.offer(conv(), 7, None), Offer::Push);
}

#[test]
fn delivered_moves_only_forward_and_never_beyond_the_end() {
    let mut tracker = at(4);
    assert_eq!(tracker.confirm(conv(), 100), Confirmed::Moved(4));
    assert_eq!(tracker.confirm(conv(), 2), Confirmed::Known);
    let foreign = ConvId::pair(user(7), user(8));
    assert_eq!(tracker.confirm(foreign, 1), Confirmed::Foreign);
}

#[test]
fn confirming_what_was_not_pushed_yet_skips_it() {
    let mut tracker = session();
    tracker.go_live(&[pending(0, 500)], &[]);
    assert_eq!(tracker.confirm(conv(), 300), Confirmed::Moved(300));
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(300) }));
}

#[test]
fn what_no_bell_told_is_not_pushed_again_after_it_was_listed() {
    let mut tracker = live();
    tracker.listed(&[pending(0, 3)], &[message(PEER, 1), message(PEER, 2)]);
    assert_eq!(tracker.offer(conv(), 1, None), Offer::Duplicate, "its bell was late");
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(2) }), "the list was cut");
}

#[test]
fn a_resync_finds_what_no_bell_told() {
    let mut tracker = at(4);
    tracker.compare(&[pending(4, 4)]);
    assert_eq!(next_fetch(&mut tracker), None);
    tracker.compare(&[pending(2, 5)]);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: Some(4) }));
}

#[test]
fn a_first_message_that_is_not_the_conversations_first_is_looked_up() {
    let mut tracker = live();
    assert_eq!(tracker.sent(conv(), 8, None), None);
    assert_eq!(next_fetch(&mut tracker), Some(Place { conv: conv(), after: None }));
    let caught_up = tracker.fetched(answer(7, 8, vec![message(ME, 8)]));
    assert_eq!((seqs(&caught_up), caught_up.confirmed), (vec![], Some(8)));
    assert_eq!(tracker.offer(conv(), 9, None), Offer::Push);
}

#[test]
fn a_fetch_that_failed_is_tried_again() {
    let mut tracker = at(4);
    tracker.heard_of(conv(), 5);
    let fetch = next_fetch(&mut tracker);
    tracker.fetch_ended();
    assert_eq!(next_fetch(&mut tracker), fetch);
}

#[test]
fn a_message_that_is_not_there_does_not_make_it_ask_for_ever() {
    let mut tracker = at(4);
    tracker.heard_of(conv(), 9);
    next_fetch(&mut tracker).unwrap();
    tracker.fetched(answer(3, 4, vec![]));
    assert_eq!(next_fetch(&mut tracker), None);
    assert_eq!(tracker.offer(conv(), 5, None), Offer::Push);
}

fn other(number: i64) -> ConvId {
    ConvId::pair(user(ME), user(number))
}

/// A session that has got and confirmed message 7 of many conversations.
fn in_many(convs: impl Iterator<Item = ConvId>) -> SeqTracker {
    let mut tracker = live();
    for conv in convs {
        tracker.heard_of(conv, 7);
        let places = tracker.next_fetch(|_| true);
        assert_eq!(places, [Place { conv, after: None }]);
        let position = Some(Pending { conv, delivered: 6, last_seq: 7 });
        tracker.fetched(Page { conv, position, messages: vec![Message { conv, ..message(PEER, 7) }] });
        assert_eq!(tracker.confirm(conv, 7), Confirmed::Moved(7));
    }
    tracker
}

#[test]
fn of_quiet_conversations_a_number_is_kept() {
    let mut tracker = in_many((10..1_010).map(other));
    assert!(tracker.by_conv.len() <= RECORDS_MAX && tracker.quiet.len() >= 1_000 - RECORDS_MAX);
    assert!(tracker.by_conv.capacity() < 4 * RECORDS_MAX + 32, "{}", tracker.by_conv.capacity());
    let quiet = other(10);
    assert!(tracker.quiet.contains_key(&quiet));
    assert_eq!(tracker.had(quiet), 7);
    assert_eq!(tracker.offer(quiet, 7, None), Offer::Duplicate, "a late bell");
    assert_eq!(tracker.offer(quiet, 8, None), Offer::Push, "nothing needs to be looked up");
    assert_eq!(tracker.confirm(other(11), 7), Confirmed::Known);
    assert_eq!(tracker.sent(other(12), 8, None), Some(8));
    assert_eq!(tracker.offer(other(13), 9, None), Offer::OutOfOrder);
    tracker.compare(&[Pending { conv: other(14), delivered: 2, last_seq: 8 }]);
    assert_eq!(
        tracker.next_fetch(|_| true),
        [Place { conv: other(14), after: Some(7) }],
        "what it had counts, not the cursor"
    );
}

#[test]
fn where_something_is_missing_or_unconfirmed_nothing_is_forgotten() {
    let mut tracker = in_many(std::iter::empty());
    let convs: Vec<ConvId> = (10..10 + 4 * i64::try_from(RECORDS_MAX).unwrap()).map(other).collect();
    for conv in &convs {
        tracker.compare(&[Pending { conv: *conv, delivered: 4, last_seq: 9 }]);
        tracker.confirm(*conv, 5);
    }
    assert_eq!((tracker.by_conv.len(), tracker.quiet.len()), (convs.len(), 0));
}

#[test]
fn who_leaves_a_quiet_conversation_and_joins_again_begins_where_he_joined() {
    let mut tracker = in_many((10..200).map(other));
    let quiet = other(10);
    assert!(tracker.quiet.contains_key(&quiet));
    tracker.left(quiet);
    assert_eq!((tracker.had(quiet), tracker.confirm(quiet, 7)), (0, Confirmed::Foreign));
    tracker.joined(quiet, 20);
    assert_eq!(tracker.next_fetch(|_| true), [Place { conv: quiet, after: Some(20) }]);
}

#[test]
fn many_conversations_are_asked_for_at_once_and_what_found_no_room_first_the_next_time() {
    let mut tracker = live();
    let convs: Vec<ConvId> = (10..30).map(other).collect();
    for conv in &convs {
        tracker.heard_of(*conv, 1);
    }
    let asked =
        |tracker: &mut SeqTracker| tracker.next_fetch(|_| true).iter().map(|place| place.conv).collect::<Vec<_>>();
    assert_eq!(asked(&mut tracker), convs[..FETCH_MAX]);
    assert_eq!(asked(&mut tracker), [], "one question at a time");
    let page = |conv: ConvId, end| Page {
        conv,
        position: Some(Pending { conv, delivered: 0, last_seq: end }),
        messages: vec![Message { conv, ..message(PEER, 1) }],
    };
    assert_eq!(seqs(&tracker.fetched(page(convs[0], 1))), [1]);
    assert_eq!(seqs(&tracker.fetched(page(convs[1], 2))), [1], "there is more");
    tracker.left(convs[2]);
    assert_eq!(tracker.offer(convs[3], 2, None), Offer::NeedsFetch);
    tracker.fetch_ended();
    let next = asked(&mut tracker);
    assert_eq!(next[..FETCH_MAX - 3], convs[3..FETCH_MAX], "those without an answer");
    assert_eq!(next[FETCH_MAX - 3..], convs[FETCH_MAX..FETCH_MAX + 3], "and those that have waited");
    tracker.fetch_ended();
    // Each has two messages, and each is pushed once.
    let mut pushed = vec![(convs[0], 1), (convs[1], 1)];
    loop {
        let places = tracker.next_fetch(|_| true);
        for Place { conv, after } in &places {
            let seq = after.unwrap_or(0) + 1;
            let messages = if seq > 2 { vec![] } else { vec![Message { conv: *conv, ..message(PEER, seq) }] };
            let position = Some(Pending { conv: *conv, delivered: 0, last_seq: 2 });
            let caught_up = tracker.fetched(Page { conv: *conv, position, messages });
            pushed.extend(seqs(&caught_up).iter().map(|seq| (*conv, *seq)));
        }
        tracker.fetch_ended();
        if places.is_empty() {
            break;
        }
    }
    pushed.sort_unstable();
    let others = convs.iter().filter(|conv| ![convs[0], convs[2]].contains(conv));
    let mut all: Vec<(ConvId, Seq)> = others.flat_map(|conv| [(*conv, 1), (*conv, 2)]).collect();
    all.insert(0, (convs[0], 1));
    assert_eq!(pushed, all, "the first had one message, the third is left");
}

/// Any order of bells, losses and fetches: every seq once, in order, and all of them after a resync.
#[test]
fn whatever_is_lost_or_late_each_message_comes_once_and_in_order() {
    use proptest::prelude::*;
    proptest!(|(bells in proptest::collection::vec(1u64..60, 0..120), page in 1usize..7)| {
        let mut tracker = session();
        tracker.go_live(&[], &[]);
        let mut got: Vec<Seq> = Vec::new();
        let serve = |tracker: &mut SeqTracker, got: &mut Vec<Seq>, end: Seq| {
            while let Some(fetch) = next_fetch(tracker) {
                let from = fetch.after.unwrap_or(0) + 1;
                let messages = (from..=end).take(page).map(|seq| message(PEER, seq)).collect();
                got.extend(seqs(&tracker.fetched(answer(0, end, messages))));
            }
        };
        let mut end = 0;
        for (turn, seq) in bells.iter().enumerate() {
            end = end.max(*seq);
            if tracker.offer(conv(), *seq, None) == Offer::Push {
                got.push(*seq);
            }
            if turn % 3 == 0 {
                serve(&mut tracker, &mut got, end);
            }
        }
        tracker.compare(&[pending(0, end)]);
        serve(&mut tracker, &mut got, end);
        let all: Vec<Seq> = (1..=end).collect();
        prop_assert_eq!(got, all);
    });
}

fn which(number: i64) -> Which {
    Which::of(user(PEER), UnixMs(number))
}

#[test]
fn another_message_under_the_last_number_is_told_from_the_same_one_again() {
    let mut tracker = at(1);
    assert_eq!(tracker.offer(conv(), 2, Some(which(2))), Offer::Push);
    assert_eq!(tracker.offer(conv(), 2, Some(which(2))), Offer::Duplicate, "its bell was rung twice");
    assert_eq!(tracker.offer(conv(), 2, None), Offer::Duplicate, "by a node of an earlier version");
    assert_eq!(tracker.offer(conv(), 2, Some(which(3))), Offer::Another);
    assert_eq!(tracker.offer(conv(), 1, Some(which(3))), Offer::Duplicate, "only the last one is known so well");
    assert_eq!(tracker.offer(conv(), 3, Some(which(4))), Offer::Push);
    assert_eq!(tracker.offer(conv(), 2, Some(which(3))), Offer::Duplicate);
    assert_eq!(tracker.offer(conv(), 3, Some(which(3))), Offer::Another);
}

#[test]
fn what_was_fetched_and_what_was_sent_is_recognised_as_well() {
    let mut tracker = at(1);
    let fetched = Some(Which::of(user(PEER), UnixMs(0)));
    assert_eq!(tracker.offer(conv(), 1, fetched), Offer::Duplicate);
    assert_eq!(tracker.offer(conv(), 1, Some(which(1))), Offer::Another);
    tracker.sent(conv(), 2, Some(which(2)));
    assert_eq!(tracker.offer(conv(), 2, Some(which(3))), Offer::Another);
    tracker.sent(conv(), 4, Some(which(4)));
    tracker.sent(conv(), 6, Some(which(6)));
    assert_eq!(tracker.offer(conv(), 4, Some(which(3))), Offer::Another, "behind a hole");
    assert_eq!(tracker.offer(conv(), 3, Some(which(3))), Offer::Push);
    assert_eq!(tracker.had(conv()), 4);
    assert_eq!(tracker.offer(conv(), 4, Some(which(4))), Offer::Duplicate);
    assert_eq!(tracker.offer(conv(), 4, Some(which(3))), Offer::Another, "it followed the one before it");
}

#[test]
fn a_page_that_has_anothers_message_in_place_of_an_own_one_tells_it() {
    let mut tracker = at(1);
    tracker.sent(conv(), 3, Some(which(3)));
    tracker.close_gaps();
    next_fetch(&mut tracker).unwrap();
    assert_eq!(tracker.fetched(answer(1, 3, vec![message(PEER, 2), message(ME, 3)])).another, None);
    let mut tracker = at(1);
    tracker.sent(conv(), 3, Some(which(3)));
    tracker.close_gaps();
    next_fetch(&mut tracker).unwrap();
    assert_eq!(tracker.fetched(answer(1, 3, vec![message(PEER, 2), message(PEER, 3)])).another, Some(3));
}

#[test]
fn what_was_heard_last_is_compared_with_the_store_and_a_page_is_not() {
    let mut tracker = at(1);
    assert_eq!(tracker.last_heard(conv()), None, "it was read");
    assert_eq!(tracker.offer(conv(), 2, Some(which(2))), Offer::Push);
    assert_eq!(tracker.last_heard(conv()), Some(which(2)));
    tracker.sent(conv(), 3, Some(which(3)));
    assert_eq!(tracker.last_heard(conv()), Some(which(3)));
}
