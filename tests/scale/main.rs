//! The sums of docs/scaling.md, checked against the delivery cores themselves: a hundred nodes with all their sessions in one
//! process, without sockets, Redis and database.
//!
//! ```text
//!   sums       the arithmetic
//!   run        clock, users who talk, a node that dies
//!     node     the server's own parts (node::assemble), and what their work costs
//!       reactor   the turn of a reactor for many connections ---> ChatProtocol   (the server's)
//!       store, record   what is asked of the database, counted; population: who is in which group
//!       bus       who hears whose bells, as Redis does it, counted
//! ```
//!
//! A node gets as much time of a processor as two of them have; a message, a push, a bell and a login cost what was measured. So
//! queues grow here as they would there. What this does not show: the time of networks, of Redis and of the database.
//!
//! The ordinary run has 100 nodes and 5,000 sessions. The whole one takes a release build and 3 GiB of memory:
//!
//! ```text
//!   STONECHAT_SCALE_SESSIONS=1000000 cargo test --release --test scale -- --nocapture
//! ```
#![allow(unreachable_pub, missing_docs, reason = "the modules of a test have no outside")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "allow-*-in-tests misses what is no #[test]")]
#![allow(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]

mod bus;
mod clock;
mod node;
mod population;
mod reactor;
mod record;
mod run;
mod store;
mod sums;

use std::time::Duration;

use crate::node::Done;
use crate::population::Population;
use crate::run::{Run, STEP, STEP_US};

const NODES: u32 = 100;

fn sessions() -> u32 {
    let told = std::env::var("STONECHAT_SCALE_SESSIONS").ok();
    told.map_or(5000, |number| number.parse().expect("STONECHAT_SCALE_SESSIONS is a number"))
}

fn assert_near(name: &str, counted: f64, computed: f64, part: f64) {
    let off = (counted / computed - 1.0).abs();
    println!("{name}: counted {counted:.4}, computed {computed:.4}");
    assert!(off <= part, "{name}: counted {counted:.4}, computed {computed:.4}");
}

fn total(done: &[Done], of: impl Fn(&Done) -> u64) -> f64 {
    done.iter().map(of).sum::<u64>() as f64
}

#[test]
fn the_sums_hold_for_a_hundred_nodes() {
    let talking = Duration::from_secs(10);
    let mut run = Run::begin(NODES, sessions());
    let sessions = run.population.users;
    // All have come at once.
    let asked = ["tokens", "account_pages", "members_of_all"].map(|name| run.calls(name));
    println!("{sessions} logins have asked for tokens, accounts and members {asked:?} times");
    assert!(asked.iter().all(|count| *count <= u64::from(sessions) / 8), "{asked:?}: each by itself");
    let per_message = sums::per_message(NODES);
    run.forget_done();
    let before = run.messages_heard();
    run.talk(talking);
    let (done, passed) = (run.done(), run.passed());
    let busy_us = done.iter().map(|node| node.busy_us).sum::<f64>();
    let took = [500, 990, 999].map(|part| run.of_1000(part));
    let busiest = done.iter().map(|node| node.busy_us).fold(0.0, f64::max);
    run.rest();

    // Nothing is lost, and nothing comes twice.
    assert_eq!(run.odd(), Vec::<String>::new());
    assert_eq!(run.messages_heard() - before, run.expected, "pushes of {} messages", run.said);

    let said = run.said as f64;
    println!("{sessions} sessions on {NODES} nodes, {said} messages in {talking:?}");
    assert_near("bells rung for each message", passed.rung as f64 / said, 1.0, 0.01);
    assert_near("bells heard for each message", passed.heard as f64 / said, per_message.bells_heard, 0.05);
    assert_near("pushes for each message", total(&done, |node| node.pushes) / said, per_message.pushes, 0.1);
    let time_us = STEP_US * talking.as_secs_f64() / STEP.as_secs_f64();
    let computed_us = sums::nodes_us(f64::from(sessions), NODES) * talking.as_secs_f64();
    assert_near("load of a node", busy_us / time_us / f64::from(NODES), computed_us / time_us / f64::from(NODES), 0.1);
    let waited = done.iter().map(|node| node.waited_max).max().unwrap();
    println!("load of the busiest node {:.4}", busiest / time_us);
    println!("bells that waited for one node at most: {}, for {waited:?} at most", passed.waiting_max);
    println!("half of the pushes, 99 % and 99.9 % came within {took:?} ms");
    println!("the store was asked: {}", run.all_calls());
    assert!(passed.waiting_max < 65_536 / 4, "the queues are far from full");
}

/// Of one group all of them, they come back from a node that died to two others. By what a login costs, each takes 91 us of the four
/// processors there: 100,000 of them wait longer than a store may take to answer, and are not refused for that.
#[test]
fn the_members_of_a_large_group_come_back_and_nobody_is_refused() {
    let members = (sessions() / 10).max(3000);
    let mut run = Run::begin_on(Population::in_one_room(members), 3, 1);
    let users = run.kill(0);
    run.forget_done();
    let took = run.come_back_within(&users, Duration::from_millis(500));
    assert_eq!(run.odd(), Vec::<String>::new(), "after {took:?}");
    println!("{} members of one group are back after {took:?}; asked: {}", users.len(), run.all_calls());
    assert!(took <= Duration::from_secs(10), "they are back after {took:?}");
}

#[test]
fn a_node_that_dies_costs_what_has_changed() {
    const DYING: usize = 7;
    let mut run = Run::begin(NODES, sessions());
    run.talk(Duration::from_secs(2));
    run.rest();
    let before = (run.messages_heard(), run.expected);
    let cut_at = clock::now();
    run.say_into_the_void(DYING, 1000);
    let said = run.expected - before.1;
    let users = run.kill(DYING);
    run.forget_done();
    run.resync(cut_at);
    println!("{} sessions of {} on one node that died", users.len(), run.population.users);
    println!("the others have asked: {}", run.all_calls());
    let heard = run.passed().heard;
    println!("the others have heard {heard} bells");
    // Each node confirms three others, and is heard by all.
    assert!(heard <= u64::from(3 * NODES * NODES), "{heard} bells");
    // A question of each node, and no session is compared.
    assert_eq!((run.calls("changed"), run.calls("pending_of_all")), (u64::from(NODES - 1), 0));

    run.forget_done();
    for number in users {
        run.come_back(number);
    }
    run.rest();
    println!("those who came back have asked: {}", run.all_calls());
    assert_eq!(run.odd(), Vec::<String>::new());
    assert_eq!(run.messages_heard() - before.0, said, "everybody has everything, once");
}
