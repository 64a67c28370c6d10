//! A simulation that finds nothing may be blind. Each kind of broken promise is planted once, into what surrounds the
//! server (store, network), without any other trouble: the checker must see it, and as what it is. Where a promise is about
//! what comes after a loss, connections break and nodes die as in any storm.

use crate::checker::Class;
use crate::cluster::run;
use crate::plan::{Bug, Habit, Plan, Seat};

/// The classes that are found with this bug, over some seeds without any fault.
fn found(bug: Bug) -> Vec<Class> {
    classes(8, |plan| {
        plan.roughness = 0;
        plan.sends_twice = bug == Bug::ForgetCids;
        plan.bug = bug;
    })
}

/// The classes that are found in so many seeds.
fn classes(seeds: u64, change: impl Fn(&mut Plan)) -> Vec<Class> {
    let mut classes = Vec::new();
    for seed in 0..seeds {
        for violation in run(seed, &change).violations {
            if !classes.contains(&violation.class) {
                // For whoever wonders why.
                println!("seed {seed}: {violation}");
                classes.push(violation.class);
            }
        }
    }
    classes.sort_unstable();
    classes
}

/// The classes that are found with this bug amid faults, if the seats are taken in this way.
fn found_amid_faults(bug: Bug, sit: fn(&mut Seat)) -> Vec<Class> {
    classes(150, |plan| {
        plan.roughness = 4;
        plan.seats.iter_mut().for_each(sit);
        plan.bug = bug;
    })
}

/// The classes that are found with this bug where the data go back, without any other fault.
fn found_after_restores(bug: Bug) -> Vec<Class> {
    classes(60, |plan| {
        plan.with_restores();
        plan.roughness = 0;
        plan.bug = bug;
    })
}

/// The classes that are found with this bug where much is changed and people are sent out, without any fault.
fn found_amid_changes(bug: Bug) -> Vec<Class> {
    classes(40, |plan| {
        plan.with_changes();
        plan.roughness = 0;
        plan.bug = bug;
    })
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
    assert_eq!(found_amid_changes(Bug::None), []);
}

#[test]
fn a_store_that_keeps_what_was_recalled() {
    assert_eq!(found_amid_changes(Bug::KeepRecalled), [Class::R]);
}

#[test]
fn a_store_that_keeps_what_was_edited() {
    // A text says which message it is, unless it is an edit's: so this is taken for other violations, too.
    assert!(found_amid_changes(Bug::KeepEdited).contains(&Class::R));
}

#[test]
fn a_store_that_ignores_a_mute() {
    assert_eq!(found_amid_changes(Bug::HearTheMuted), [Class::X]);
}

#[test]
fn a_store_that_ignores_a_block() {
    assert_eq!(found_amid_changes(Bug::HearTheBlocked), [Class::X]);
}

#[test]
fn a_store_that_keeps_the_membership_of_who_was_kicked() {
    // To the store, who hears nothing any more is a member who misses something.
    assert!(found_amid_changes(Bug::KickKeepsMembership).contains(&Class::X));
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
fn a_store_that_leaves_out_what_has_changed_while_bells_were_lost() {
    // A later message would show the hole, and a login in between what the cursor has not passed: few seeds have neither.
    let found = classes(1200, |plan| {
        plan.roughness = 4;
        plan.nodes = 3;
        plan.last_words = false;
        plan.bug = Bug::LeaveOutChanged;
    });
    assert!(found.contains(&Class::L), "{found:?}");
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
    // (And with some sets of seeds what it drops is a hole.)
    assert!(found_after_restores(Bug::CountsOn).contains(&Class::L));
}
