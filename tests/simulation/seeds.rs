//! The seeds of the ordinary tests. `STONECHAT_SIM_SEEDS=N` runs N of them instead of 2,000, and `STONECHAT_SIM_FIRST=F` those
//! from F on instead of from 0. `STONECHAT_SIM_SEED=S` runs that one alone and tells all there is to tell of it: with
//! `STONECHAT_SIM_RESTORES=1`, as it runs where the data go back; with `STONECHAT_SIM_CHANGES=1`, as it runs where much is
//! changed. `STONECHAT_SIM_ROUGHNESS=R` sets how rough life is, of all of them or of that one: 0 is without faults.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::cluster::{Run, run};
use crate::plan::Plan;

/// Seeds of the ordinary tests.
const SEEDS: u64 = 2000;
/// Seeds of the test in which the data go back.
const RESTORE_SEEDS: u64 = 800;
/// Seeds of the test in which much is changed.
const CHANGE_SEEDS: u64 = 600;
/// A world belongs to its thread, so several may run side by side.
const THREADS: u64 = 2;

type Faults = BTreeMap<&'static str, u64>;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("the variable is a number"))
}

fn roughness() -> Option<u32> {
    number("STONECHAT_SIM_ROUGHNESS").map(|roughness| u32::try_from(roughness).expect("a small number"))
}

/// Whether so many seeds, with life as it is drawn, are enough to expect of them what is rare.
fn says_what_happens(seeds: u64, least: u64) -> bool {
    seeds >= least && roughness().is_none()
}

/// Runs these seeds; what failed, what went wrong on purpose, and how many messages were acked meanwhile.
fn run_all(seeds: Range<u64>, change: fn(&mut Plan)) -> (String, Faults, usize) {
    let (mut failures, mut faults, mut acked) = (String::new(), Faults::new(), 0);
    for seed in seeds {
        let run = catch_unwind(AssertUnwindSafe(|| {
            run(seed, |plan| {
                change(plan);
                plan.roughness = roughness().unwrap_or(plan.roughness);
            })
        }));
        let Ok(run) = run else {
            writeln!(failures, "seed {seed} panicked; run it again with STONECHAT_SIM_SEED={seed}").unwrap();
            continue;
        };
        acked += run.acked;
        for (name, count) in &run.faults {
            *faults.entry(name).or_default() += count;
        }
        for violation in &run.violations {
            writeln!(failures, "seed {seed}: {violation}").unwrap();
        }
        if !run.violations.is_empty() {
            let life = match &run.plan {
                Plan { restores: true, .. } => "STONECHAT_SIM_RESTORES=1 ",
                Plan { is_changeful: true, .. } => "STONECHAT_SIM_CHANGES=1 ",
                _ => "",
            };
            writeln!(failures, "run it again: {life}STONECHAT_SIM_SEED={seed} cargo test --test simulation one_seed")
                .unwrap();
        }
    }
    (failures, faults, acked)
}

/// Runs so many seeds, or as many as the variable says, and tells the counts. How many there were, what happened, and how
/// many messages were acked.
fn run_in_threads(seeds: u64, change: fn(&mut Plan)) -> (u64, Faults, u64) {
    let seeds = number("STONECHAT_SIM_SEEDS").unwrap_or(seeds);
    let first = number("STONECHAT_SIM_FIRST").unwrap_or(0);
    let share = move |index: u64| first + seeds * index / THREADS..first + seeds * (index + 1) / THREADS;
    let threads: Vec<_> = (0..THREADS).map(|index| thread::spawn(move || run_all(share(index), change))).collect();
    let (mut failures, mut faults, mut acked) = (String::new(), Faults::new(), 0);
    for thread in threads {
        let (failed, happened, stored) = thread.join().expect("panics of a run are caught");
        failures += &failed;
        acked += stored;
        for (name, count) in happened {
            *faults.entry(name).or_default() += count;
        }
    }
    println!("{seeds} seeds, {acked} messages acked; faults:");
    for (name, count) in &faults {
        println!("{count:>9}  {name}");
    }
    assert!(failures.is_empty(), "{failures}");
    (seeds, faults, acked as u64)
}

#[test]
fn nothing_is_lost_whatever_happens() {
    let (seeds, faults, _) = run_in_threads(SEEDS, |_| {});
    if says_what_happens(seeds, SEEDS) {
        // A run without faults proves nothing, nor does one without the clients that they are hard on.
        assert_each_happened(&faults);
    }
}

/// The data go back to an earlier state, under the nodes or while none is up.
#[test]
fn whatever_is_acked_after_the_data_went_back_is_shown_like_anything_else() {
    let (seeds, faults, acked) = run_in_threads(RESTORE_SEEDS, Plan::with_restores);
    if !says_what_happens(seeds, RESTORE_SEEDS) {
        return;
    }
    let count = |name| faults.get(name).copied().unwrap_or(0);
    for (name, least) in [
        ("data went back under the nodes", 400),
        ("data went back while no node was up", 120),
        ("epoch made", 100),
        ("NOTICE restored", 250),
        ("client was told of another epoch", 350),
        ("client found out by itself", 80),
    ] {
        assert!(count(name) >= least, "hardly ever: {name} ({})", count(name));
    }
    let excused = count("message counted as delivered for another one's position");
    assert!(excused * 1000 < acked, "{excused} of {acked} messages were excused");
}

/// What each of these ended with once, where the data went back, was the simulation's own mistake.
#[test]
fn what_was_judged_wrongly_after_a_restore_is_not_any_more() {
    for (seed, what) in [
        (2857, "a session that had left a group before the data put its user back into it is told at its next login"),
        (3284, "a session of a device that the data have forgotten is told what was in a group before it joined"),
        (3573, "a client's kernel resets a connection that the client has ended, when something comes"),
        (8726, "an event that another session of the same place has passed over need not come to one that joins"),
    ] {
        assert_eq!(run(seed, Plan::with_restores).violations, [], "seed {seed}: {what}");
    }
}

/// Much is edited and recalled, and people are kicked, muted and blocked.
#[test]
fn what_was_taken_back_and_who_was_sent_out_stay_so() {
    let (seeds, faults, _) = run_in_threads(CHANGE_SEEDS, Plan::with_changes);
    if !says_what_happens(seeds, CHANGE_SEEDS) {
        return;
    }
    for name in [
        "block",
        "edit",
        "end of a block",
        "end of a mute",
        "event that changes nothing",
        "kick",
        "mute",
        "NOTICE to who was kicked",
        "reaction",
        "recall",
    ] {
        assert!(faults.get(name).is_some_and(|count| *count >= 40), "hardly ever: {name} ({:?})", faults.get(name));
    }
}

fn assert_each_happened(faults: &Faults) {
    for name in [
        "a fault of some of a batch",
        "a conversation is locked",
        "a cursor is locked",
        "a group is told in several turns",
        "NOTICE to who was kicked",
        "bell comes again, late",
        "bell dropped without a link",
        "bell lost with its link",
        "block",
        "bus link lost",
        "client vanishes",
        "clock jumps",
        "connection ended by the client",
        "connection logged in on by somebody else",
        "connection reset",
        "crash after a read",
        "crash after a write",
        "crash after the bell",
        "crash before a question to the bus",
        "crash before a store call",
        "crash before a subscription",
        "crash between commit and ack",
        "crash between commit and bell",
        "edit",
        "end of a block",
        "end of a mute",
        "event that changes nothing",
        "kick",
        "line delayed",
        "message taken by a dead client's kernel, not sent again",
        "mute",
        "node killed",
        "node restarted",
        "outcome unknown, committed",
        "outcome unknown, not committed",
        "push never acknowledged by a client's TCP",
        "question answered late",
        "reaction",
        "recall",
        "session of a client that does not confirm",
        "session of a user's only device",
        "session of one device of two",
        "sessions of a group are asked about together",
        "session that wants no events",
        "settling fails",
        "slow reader is left to the store",
        "slow reader stalls",
        "store call during an outage",
        "store call fails",
        "store call panics",
        "store outage",
        "subscription confirmed late",
        "time leaps",
        "write done, answer lost",
    ] {
        assert!(faults.get(name).is_some_and(|count| *count >= 5), "hardly ever: {name} ({:?})", faults.get(name));
    }
}

/// A store that does what it is told and then loses its answer: the client asks again, and is told `already`.
#[test]
fn an_answer_that_was_lost_leaves_no_session_deaf() {
    for seed in 0..400 {
        let run = run(seed, |plan| {
            (plan.lost_answers, plan.curiosity, plan.roughness, plan.nodes) = (3000, 5000, 1, 1);
        });
        assert_eq!(run.violations, [], "seed {seed}");
    }
}

/// One connection, one user after the other: what is still under way for the one before is nothing to the next. Two things see
/// to that, and either would do here: a session's end gives the connection another name (what that is worth by itself shows
/// in the service's `what_was_meant_for_the_session_before_reaches_nobody_else_on_the_connection`), and whatever is read
/// from the store is read together with the membership.
#[test]
fn who_logs_in_on_anothers_connection_gets_nothing_of_the_others() {
    let mut takeovers = 0;
    for seed in 0..400 {
        let run = run(seed, |plan| {
            (plan.takes_turns, plan.curiosity, plan.nodes, plan.reactors) = (true, 1000, 1, 1);
            (plan.workers, plan.roughness, plan.steps, plan.interruption_steps) = (3, 1, 1500, 60);
        });
        assert_eq!(run.violations, [], "seed {seed}");
        takeovers += run.faults.get("connection logged in on by somebody else").unwrap_or(&0);
    }
    assert!(takeovers > 500, "{takeovers} connections in 400 runs had a second user");
}

/// Without any fault, but with clients that leave their connections as ghosts behind and go on elsewhere at once.
#[test]
fn what_was_confirmed_is_not_listed_after_a_resume() {
    let mut resumes = 0;
    for seed in 0..300 {
        let run = run(seed, |plan| {
            (plan.restless, plan.roughness, plan.curiosity) = (true, 0, 0);
            plan.nodes = plan.nodes.max(2);
        });
        assert_eq!(run.violations, [], "seed {seed}");
        resumes += run.faults.get("resume right after a PONG").copied().unwrap_or(0);
    }
    assert!(resumes >= 500, "hardly anybody went on elsewhere: {resumes}");
}

/// For a look at one seed.
#[test]
fn one_seed() {
    let seed = number("STONECHAT_SIM_SEED").unwrap_or(1);
    let goes_back = env::var_os("STONECHAT_SIM_RESTORES").is_some();
    let change = |plan: &mut Plan| {
        if goes_back {
            plan.with_restores();
        }
        if env::var_os("STONECHAT_SIM_CHANGES").is_some() {
            plan.with_changes();
        }
        plan.roughness = roughness().unwrap_or(plan.roughness);
    };
    let Run { plan, violations, faults, story, .. } = run(seed, change);
    println!("{plan:#?}\n{story}\n{faults:#?}");
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..40 {
        let restores = |plan: &mut Plan| {
            if seed % 2 == 1 {
                plan.with_restores();
            }
        };
        let (first, second) = (run(seed, restores), run(seed, restores));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.faults, second.faults, "seed {seed}");
        assert_eq!(first.story, second.story, "seed {seed}");
    }
    assert_ne!(run(1, |_| {}).trace, run(2, |_| {}).trace);
}
