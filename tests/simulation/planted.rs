//! A simulation that finds nothing may be blind. Each kind of broken promise is planted once, into what surrounds the
//! server (store, network), without any other trouble: the checker must see it, and as what it is. Where a promise is about
//! what comes after a loss, connections break and nodes die as in any storm.

use crate::checker::Class;
use crate::cluster::run;
use crate::plan::{Bug, Habit, Plan, Seat};

/// The classes that are found with this bug, over some seeds without any fault.
fn found(bug: Bug) -> Vec<Class> {
    let mut classes: Vec<Class> = (0..8).flat_map(|seed| classes_of(seed, bug)).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

fn classes_of(seed: u64, bug: Bug) -> Vec<Class> {
    let calm = |plan: &mut Plan| {
        plan.roughness = 0;
        plan.sends_twice = bug == Bug::ForgetCids;
        plan.bug = bug;
    };
    run(seed, calm).violations.into_iter().map(|violation| violation.class).collect()
}

/// The classes that are found with this bug amid faults, if the seats are taken in this way.
fn found_amid_faults(bug: Bug, sit: fn(&mut Seat)) -> Vec<Class> {
    let rough = |plan: &mut Plan| {
        plan.roughness = 4;
        plan.seats.iter_mut().for_each(sit);
        plan.bug = bug;
    };
    let violations = (0..150).flat_map(|seed| run(seed, rough).violations);
    let mut classes: Vec<Class> = violations.map(|violation| violation.class).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// The classes that are found with this bug where the data go back, without any other fault.
fn found_after_restores(bug: Bug) -> Vec<Class> {
    let change = |plan: &mut Plan| {
        plan.with_restores();
        plan.roughness = 0;
        plan.bug = bug;
    };
    let violations = (0..60).flat_map(|seed| run(seed, change).violations);
    let mut classes: Vec<Class> = violations.map(|violation| violation.class).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

fn be_silent(seat: &mut Seat) {
    seat.habit = Habit::Silent;
}

#[test]
fn without_a_bug_nothing_is_found() {
    assert_eq!(found(Bug::None), []);
    assert_eq!(found_amid_faults(Bug::None, be_silent), []);
    assert_eq!(found_amid_faults(Bug::None, |_| {}), []);
    assert_eq!(found_after_restores(Bug::None), []);
}

#[test]
fn a_kernel_that_calls_acknowledged_what_is_only_written() {
    assert_eq!(found_amid_faults(Bug::WrittenIsAcknowledged, be_silent), [Class::L]);
}

#[test]
fn a_connection_that_breaks_and_seems_to_end_in_order() {
    assert_eq!(found_amid_faults(Bug::BreaksInOrder, be_silent), [Class::L]);
}

#[test]
fn a_store_that_has_one_cursor_for_all_devices() {
    // What never came is lost. (What had come once, unconfirmed, and does not come again is a hole; not every set of seeds
    // has one.)
    assert!(found_amid_faults(Bug::OneCursorForAll, |_| {}).contains(&Class::L));
}

#[test]
fn a_store_that_says_stored_and_does_not_store() {
    // The server sees that a number is given out again, and makes a new epoch for it.
    // (Who has had the message that was not stored has a hole, too, with some sets of seeds.)
    let found = found(Bug::AckWithoutStoring);
    assert!(found.contains(&Class::L) && found.contains(&Class::E), "{found:?}");
}

#[test]
fn a_store_that_does_not_look_for_cids() {
    assert_eq!(found(Bug::ForgetCids), [Class::D]);
}

#[test]
fn a_network_that_swaps_pushes() {
    assert_eq!(found(Bug::SwapPushes), [Class::O]);
}

#[test]
fn a_store_that_skips_a_number() {
    assert_eq!(found(Bug::SkipNumber), [Class::H]);
}

#[test]
fn a_push_that_goes_to_an_outsider_as_well() {
    assert_eq!(found(Bug::TellOutsider), [Class::X]);
}

#[test]
fn an_ack_that_is_swallowed() {
    assert_eq!(found(Bug::SwallowAck), [Class::B]);
}

#[test]
fn a_store_that_makes_no_new_epoch() {
    // No number is given out again before there is one: the messages are refused for ever. (With some sets of seeds a
    // session that nobody sends away misses something, too.)
    assert!(found_after_restores(Bug::SameEpoch).contains(&Class::B));
}

#[test]
fn a_store_that_makes_an_epoch_for_each_node_that_asks() {
    assert_eq!(found_after_restores(Bug::EpochForEach), [Class::E]);
}

#[test]
fn a_client_that_does_not_count_anew() {
    // Told of another epoch or not: it drops what is not above what it has had.
    assert_eq!(found_after_restores(Bug::CountsOn), [Class::L]);
}
