//! The clients of earlier systems, as they read and as they die: `clients`. Nothing of ours is changed for them but what is sent.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests wait for real servers")]
#![allow(clippy::needless_pass_by_value, reason = "requests are written in place with json!")]

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod guessing;
mod life;
mod qt;
mod sponge;
mod stream;
