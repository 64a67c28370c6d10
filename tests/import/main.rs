//! `stonechat import`: every earlier system's sample, into SQLite and into MariaDB, row by row; run twice, killed and gone on
//! with, tried without writing, refused; and the accounts and messages as their owners find them.
//!
//! The samples (tests/import/samples) are made up. Each has the tables of one system and the odd rows that were seen there.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "allow-unwrap-in-tests misses what is no #[test]")]

#[path = "../common/mod.rs"]
mod common;

mod afterwards;
#[path = "../dialects/clients.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod clients;
mod odd;
mod old_clients;
mod place;
#[path = "../dialects/qt.rs"]
#[allow(dead_code, reason = "a part of it is used")]
#[allow(clippy::needless_pass_by_value, reason = "requests are written in place with json!")]
mod qt;
mod runs;
mod samples;
mod speed;
