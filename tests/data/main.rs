//! `stonechat dump`, `load`, `backup`, `restore` and `check`, by the real program on SQLite and MariaDB: data go from one to the other
//! and back without a byte changing, clients go on, what is not whole changes nothing, and planted damage is found.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "allow-unwrap-in-tests misses what is no #[test]")]

#[path = "../common/mod.rs"]
mod common;

mod backups;
mod checks;
mod life;
mod moving;
mod place;
mod refusals;
mod schema;
mod speed;
