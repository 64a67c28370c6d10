//! Whole clusters in one thread, from a seed, with every fault as an event.
//!
//! ```text
//!   seeds      which seeds run, how many faults there were       planted   bugs that must be found
//!      |
//!   cluster    storm: random steps and faults -> heal -> last words -> HISTORY -> checker
//!      |
//!   client     as docs/protocol.md asks for; notes all it does and sees
//!      |  pipes: lines are delayed, connections break, readers stall
//!   net        a reactor's turn without sockets ---> ChatProtocol (the server's)
//!   node       a node without threads -------------> lanes, workers, cursor writer, bus listener, directory   (the server's)
//!      |             \
//!   store, database   bus      the shims: they fail, and here parts are interrupted or die
//!           events      what the record does with edits, recalls and reactions
//!      world, rng, plan        the seed, the clocks, the count of faults; the shape of a run
//!      silent     what the server may rightly count as delivered to clients that do not confirm
//! ```
//!
//! Everything between the clients' lines and the traits `Store` and `Bus` is the server's own code. Whatever calls a shim
//! may be interrupted there: others make steps meanwhile, or its node dies; then nothing that it still does has any
//! effect. So a node dies before and after a commit, between commit and ack, between commit and bell.
//!
//! In seeds of their own the data go back now and then to what they were at an earlier moment, as after the restore of a
//! backup, at any such moment.
//!
//! The ordinary run takes 2,000 seeds. `STONECHAT_SIM_SEEDS=N` takes N, `STONECHAT_SIM_FIRST=F` begins at another one than 0;
//! `STONECHAT_SIM_SEED=S` lets `one_seed` tell the story of one:
//!
//! ```text
//!   STONECHAT_SIM_SEEDS=100000 cargo test --test simulation nothing_is_lost -- --nocapture
//!   STONECHAT_SIM_SEED=1396    cargo test --test simulation one_seed -- --nocapture
//!   STONECHAT_SIM_RESTORES=1   with STONECHAT_SIM_SEED: the data go back
//! ```
//!
//! Not simulated: the bytes of sockets (net has its own tests), SQL and the databases' own faults (tests/store), Redis
//! (tests/bus), proxies, connections that a client half-closes, devices that take turns, friends, and the creation and end
//! of groups.
#![allow(unreachable_pub, missing_docs, reason = "the modules of a test have no outside")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "allow-*-in-tests misses what is no #[test]")]

mod bus;
#[path = "../common/checker.rs"]
mod checker;
mod checker_tests;
mod client;
mod cluster;
mod database;
mod events;
mod net;
mod node;
mod plan;
mod planted;
mod rng;
mod seeds;
mod silent;
mod store;
mod world;
