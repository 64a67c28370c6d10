//! Whole clusters in one thread, from a seed, with every fault as an event.
#![allow(unreachable_pub, missing_docs, reason = "the modules of a test have no outside")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "allow-*-in-tests misses what is no #[test]")]

mod bus;
#[path = "../common/checker.rs"]
mod checker;
mod checker_tests;
mod client;
mod cluster;
mod database;
mod net;
mod node;
mod plan;
mod planted;
mod rng;
mod seeds;
mod store;
mod world;
