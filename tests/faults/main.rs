//! Nothing lost: the real server with real MariaDB, Redis and nginx is broken on purpose while fifty clients talk, and
//! afterwards what they saw is compared with what is stored.
//!
//! ```text
//!   crowd of 50 (pairs, groups of 10) --> nginx or nodes --> MariaDB, Redis     one file per component:
//!        |                                    ^     ^             ^             node, nginx, redis, sentinels, shards, mysql, replicas, galera,
//!      diaries                                faults, round by round            disk, descriptors, memory
//!        |
//!     checker: lost, doubled, out of order, holes, told to outsiders, unanswered
//! ```
//!
//! A few rounds run with the other tests; `STONECHAT_FAULT_ROUNDS=20 cargo test --test faults -- --nocapture` runs more.
//! Each suite prints one line of counts. One suite at a time: each wants the machine for itself.
#![allow(unreachable_pub, reason = "the modules of a test have no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "allow-unwrap-in-tests misses what is no #[test]; recovery is measured"
)]

#[path = "../common/mod.rs"]
mod common;

mod descriptors;
mod disk;
mod galera;
mod memory;
mod mysql;
mod nginx;
mod node;
mod redis;
mod replicas;
mod sentinels;
mod shards;
mod small_disk;
mod suite;
