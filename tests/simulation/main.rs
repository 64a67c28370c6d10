//! Whole clusters in one thread, from a seed, with every fault as an event.
#![allow(unreachable_pub, reason = "the modules of a test have no outside")]
#![allow(clippy::unwrap_used, reason = "allow-unwrap-in-tests misses what is no #[test]")]

#[path = "../common/checker.rs"]
mod checker;
#[cfg(test)]
mod checker_tests;
