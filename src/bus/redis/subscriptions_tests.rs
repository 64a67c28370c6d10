//! What is wanted, told and confirmed, step by step.

use std::time::Duration;

use super::*;
use crate::ids::UserId;

const ALL: usize = usize::MAX;

fn user(number: i64) -> Channel {
    Channel::User(UserId::new(number).unwrap())
}

fn is_done(ticket: PendingSubscribe) -> bool {
    ticket.wait(Duration::ZERO)
}

fn connected() -> Subscriptions {
    let subs = Subscriptions::new(Arc::default());
    assert_eq!(subs.connected(), []);
    subs
}

fn subscribe(channels: &[Channel]) -> Orders {
    Orders { subscribe: channels.to_vec(), ..Orders::default() }
}

fn unsubscribe(channels: &[Channel]) -> Orders {
    Orders { unsubscribe: channels.to_vec(), ..Orders::default() }
}

#[test]
fn only_the_first_holder_and_the_last_are_told() {
    let subs = connected();
    assert_eq!(subs.subscribe(&[user(1)]).1, 1);
    assert_eq!(subs.take_orders(ALL), subscribe(&[user(1)]));
    assert_eq!(subs.subscribe(&[user(1)]).1, 0);
    assert_eq!(subs.unsubscribe(&[user(1)]), 0);
    assert!(subs.take_orders(ALL).is_empty());
    assert_eq!(subs.unsubscribe(&[user(1)]), 1);
    assert_eq!(subs.take_orders(ALL), unsubscribe(&[user(1)]));
    assert_eq!(subs.unsubscribe(&[user(1)]), 0, "one unsubscribe too many changes nothing");
    assert!(subs.take_orders(ALL).is_empty());
}

#[test]
fn the_second_holder_waits_for_the_firsts_confirmation() {
    let subs = connected();
    let (first, _) = subs.subscribe(&[user(1)]);
    let (second, _) = subs.subscribe(&[user(1)]);
    subs.take_orders(ALL);
    let (third, _) = subs.subscribe(&[user(1)]);
    let (early, _) = subs.subscribe(&[user(1)]);
    assert!(!is_done(early));
    subs.confirmed(user(1));
    assert!(is_done(first) && is_done(second) && is_done(third));
    assert!(is_done(subs.subscribe(&[user(1)]).0), "in effect already");
}

#[test]
fn a_ticket_waits_for_all_of_its_channels() {
    let subs = connected();
    let (ticket, _) = subs.subscribe(&[user(1), user(2)]);
    let (part, _) = subs.subscribe(&[user(1), user(2)]);
    subs.take_orders(ALL);
    subs.confirmed(user(1));
    assert!(!is_done(part));
    subs.confirmed(user(2));
    assert!(is_done(ticket));
    assert!(is_done(subs.subscribe(&[]).0));
}

#[test]
fn the_confirmation_of_an_earlier_round_is_not_mistaken() {
    let subs = connected();
    let _ = subs.subscribe(&[user(1)]);
    subs.take_orders(ALL);
    subs.unsubscribe(&[user(1)]);
    subs.take_orders(ALL);
    let (ticket, _) = subs.subscribe(&[user(1)]);
    let (early, _) = subs.subscribe(&[user(1)]);
    assert_eq!(subs.take_orders(ALL), subscribe(&[user(1)]));
    subs.confirmed(user(1)); // the first subscribe
    subs.confirmed(user(1)); // the unsubscribe
    assert!(!is_done(early));
    subs.confirmed(user(1));
    assert!(is_done(ticket));
}

#[test]
fn gone_and_back_before_anyone_was_told_costs_nothing() {
    let subs = connected();
    let _ = subs.subscribe(&[user(1)]);
    subs.take_orders(ALL);
    subs.confirmed(user(1));
    subs.unsubscribe(&[user(1)]);
    assert!(is_done(subs.subscribe(&[user(1)]).0), "Redis never heard of the end");
    assert!(subs.take_orders(ALL).is_empty());
    let _ = subs.subscribe(&[user(2)]);
    subs.unsubscribe(&[user(2)]);
    assert!(subs.take_orders(ALL).is_empty());
}

#[test]
fn nothing_is_kept_of_channels_without_holders() {
    let subs = connected();
    let _ = subs.subscribe(&[user(1), user(2)]);
    subs.unsubscribe(&[user(2)]);
    subs.take_orders(ALL);
    subs.confirmed(user(1));
    subs.unsubscribe(&[user(1)]);
    subs.take_orders(ALL);
    subs.confirmed(user(1));
    assert!(subs.lock().entries.is_empty());
}

#[test]
fn a_new_connection_subscribes_to_everything_again() {
    let subs = connected();
    let (lost, _) = subs.subscribe(&[user(1)]);
    subs.take_orders(ALL);
    let _ = subs.subscribe(&[user(2)]);
    subs.cut_off();
    assert!(!is_done(lost));
    assert!(!is_done(subs.subscribe(&[user(3)]).0));
    subs.unsubscribe(&[user(2)]);
    assert!(subs.take_orders(ALL).is_empty());
    subs.connecting();
    let (hopeful, _) = subs.subscribe(&[user(3)]);
    let mut all = subs.connected();
    all.sort_by_key(|channel| format!("{channel:?}"));
    assert_eq!(all, [user(1), user(3)]);
    subs.confirmed(user(3));
    assert!(is_done(hopeful));
}

#[test]
fn who_is_told_may_subscribe_in_turn() {
    let subs = Arc::new(connected());
    let (ticket, _) = subs.subscribe(&[user(1)]);
    let again = Arc::clone(&subs);
    ticket.then(move || drop(again.subscribe(&[user(2)])));
    subs.take_orders(ALL);
    subs.confirmed(user(1));
    assert_eq!(subs.take_orders(ALL), subscribe(&[user(2)]));
    let again = Arc::clone(&subs);
    subs.subscribe(&[user(3)]).0.then(move || drop(again.subscribe(&[user(4)])));
    subs.unsubscribe(&[user(3)]);
    let again = Arc::clone(&subs);
    subs.subscribe(&[user(5)]).0.then(move || drop(again.subscribe(&[user(6)])));
    subs.cut_off();
    assert_eq!(subs.connected().len(), 5);
    assert!(subs.lock().waiting.is_empty());
}

#[test]
fn after_one_who_waited_in_vain_nobody_waits_until_redis_is_heard_of() {
    let subs = connected();
    let (first, _) = subs.subscribe(&[user(1)]);
    assert!(first.is_worth_waiting());
    first.is_late();
    let (second, _) = subs.subscribe(&[user(2)]);
    assert!(!second.is_worth_waiting() && second.look().is_none());
    subs.heard();
    assert!(second.is_worth_waiting());
    subs.take_orders(ALL);
    subs.confirmed(user(2));
    assert_eq!(second.look(), Some(Subscribed::InEffect));
    second.is_late();
    assert!(first.is_worth_waiting(), "who has not waited in vain says nothing about others");
}

#[test]
fn a_subscription_that_the_server_ends_is_made_again_where_the_slot_is_now() {
    let (here, there) = (connected(), connected());
    let (ticket, _) = here.subscribe(&[user(1), user(2)]);
    here.take_orders(ALL);
    here.confirmed(user(1));
    assert_eq!(here.ended(user(1)), Ended::ByServer);
    assert_eq!(here.ended(user(2)), Ended::Unclear, "it was to be subscribed");
    assert_eq!(here.counted_here(&[user(1)]), [0]);
    assert!(here.take_orders(ALL).is_empty(), "not before somebody has looked where the slot is");
    assert!(there.take_over(here.give_up(|channel| channel == user(1))).is_empty());
    assert_eq!(here.looked(), (vec![], false));
    assert!(here.take_orders(ALL).is_empty());
    assert_eq!(there.take_orders(ALL), subscribe(&[user(1)]));
    there.confirmed(user(1));
    assert!(ticket.look().is_none(), "the other one is not in effect");
    here.confirmed(user(2));
    assert!(is_done(ticket));
    there.unsubscribe(&[user(1)]);
    assert_eq!(there.take_orders(ALL), unsubscribe(&[user(1)]));
    assert_eq!(there.ended(user(1)), Ended::AsTold);
    assert!(there.lock().entries.is_empty());
}

#[test]
fn a_slot_that_is_still_here_is_subscribed_again() {
    let subs = connected();
    let _ = subs.subscribe(&[user(1)]);
    subs.take_orders(ALL);
    subs.confirmed(user(1));
    subs.ended(user(1));
    for _ in 1..LOOKS {
        assert_eq!(subs.looked(), (vec![], true), "the news may be on its way");
    }
    assert_eq!(subs.looked(), (vec![user(1)], false));
    assert!(!subs.is_told());
    assert_eq!(subs.take_orders(ALL), subscribe(&[user(1)]));
}

#[test]
fn whoever_waits_moves_along_and_is_told_when_the_other_server_is_away() {
    let (here, away) = (connected(), connected());
    away.cut_off();
    let (ticket, _) = here.subscribe(&[user(1)]);
    drop(away.take_over(here.give_up(|_| true)));
    assert_eq!(ticket.look(), Some(Subscribed::Away));
    assert_eq!(away.connected(), [user(1)], "the holders are kept");
    assert!(here.lock().entries.is_empty() && here.lock().waiting.is_empty());
}

#[test]
fn counts_itself_as_redis_does() {
    let subs = connected();
    let count = || subs.counted_here(&[user(1)])[0];
    assert_eq!(count(), 0);
    let _ = subs.subscribe(&[user(1)]);
    assert_eq!(count(), 0);
    subs.take_orders(ALL);
    assert_eq!(count(), 0);
    subs.confirmed(user(1));
    assert_eq!(count(), 1);
    subs.unsubscribe(&[user(1)]);
    subs.take_orders(ALL);
    assert_eq!(count(), 1);
    subs.confirmed(user(1));
    assert_eq!(count(), 0);
}

#[test]
fn whoever_subscribes_to_what_the_server_has_ended_waits_until_it_is_clear_where_it_is() {
    let (here, there) = (connected(), connected());
    let _ = here.subscribe(&[user(1)]);
    here.take_orders(ALL);
    here.confirmed(user(1));
    assert_eq!(here.ended(user(1)), Ended::ByServer);
    let (ticket, _) = here.subscribe(&[user(1)]);
    assert!(here.take_orders(ALL).is_empty(), "the server would refuse it");
    assert!(there.take_over(here.give_up(|_| true)).is_empty());
    assert_eq!(there.take_orders(ALL), subscribe(&[user(1)]));
    there.confirmed(user(1));
    assert!(is_done(ticket));
}

#[test]
fn what_a_server_refuses_is_told_again_where_its_slot_is() {
    let subs = connected();
    let (stays, _) = subs.subscribe(&[user(1)]);
    let (moves, _) = subs.subscribe(&[user(2)]);
    let (left, _) = subs.subscribe(&[user(3)]);
    subs.take_orders(ALL);
    subs.unsubscribe(&[user(3)]);
    subs.take_orders(ALL);
    subs.refused(|channel| channel != user(1));
    subs.confirmed(user(1));
    assert!(is_done(stays) && moves.look().is_none());
    assert_eq!(left.look(), Some(Subscribed::Away), "nobody wants it any more");
    assert_eq!(subs.counted_here(&[user(1), user(2), user(3)]), [1, 0, 0]);
    assert_eq!(subs.lock().entries.len(), 2);
    assert!(subs.take_orders(ALL).is_empty());
    while subs.looked().1 {}
    assert_eq!(subs.take_orders(ALL), subscribe(&[user(2)]));
    subs.confirmed(user(2));
    assert!(is_done(moves));
}

#[test]
fn who_comes_back_before_the_end_is_confirmed_is_subscribed() {
    let subs = connected();
    let _ = subs.subscribe(&[user(1)]);
    subs.take_orders(ALL);
    subs.confirmed(user(1));
    subs.unsubscribe(&[user(1)]);
    subs.take_orders(ALL);
    let (ticket, _) = subs.subscribe(&[user(1)]);
    subs.take_orders(ALL);
    assert_eq!(subs.ended(user(1)), Ended::AsTold, "the answer to the first of two commands");
    assert!(ticket.look().is_none());
    subs.confirmed(user(1));
    assert!(is_done(ticket));
}
