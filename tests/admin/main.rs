//! What administrators do: by /v1 and by `stonechat admin`, on SQLite and MariaDB, on one node and two.
#![allow(clippy::needless_pass_by_value, reason = "bodies are written in place with json!")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "allow-unwrap-in-tests misses what is no #[test]")]

#[path = "../common/mod.rs"]
mod common;

mod cluster;
mod command;
mod desk;
mod erasing;
mod refusals;
mod retention;
mod words;
