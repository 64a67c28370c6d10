//! Stonechat: a cluster chat server that speaks one JSON object per line over TCP.
//!
//! ```text
//!   net      bytes <-> frames: acceptor, reactors, connections; knows no user, no JSON, no SQL
//!   wire     what the bytes of a frame mean: requests, replies, pushes
//!   session  the reactor's side: what a line is, and what a session has had of each conversation
//!   workers  the threads that may block: handlers, password hashing, reading what was missed
//!   service  the rules of chat: the handler table, one file per business, limits
//!   delivery an acknowledged message reaches everyone: lanes, directory, cursors
//!   store    the record: one trait, SQLite and MySQL
//!   bus      notifications between nodes (bells): one trait, local and Redis
//! ```
//!
//! `import` brings in an earlier system's database, `data` dumps, loads, copies and checks our own. `node` wires them together and runs the threads, `server` starts and stops it all; `config` says with what settings;
//! `admin` shows operators how it is, `readiness` whether it can serve; `signals` ends it; `descriptors` counts what it may open. docs/architecture.md has the whole picture.

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the documentation is for those who work on the server, private items included"
)]

pub mod admin;
pub mod backend;
pub mod bus;
pub mod clock;
pub mod config;
pub mod data;
pub mod delivery;
pub mod descriptors;
pub(crate) mod dialects;
pub mod ids;
pub mod import;
pub mod logging;
pub mod metrics;
pub mod net;
pub mod node;
mod panics;
pub mod readiness;
pub mod server;
pub mod service;
pub mod session;
pub mod signals;
mod slow;
mod start_error;
pub mod store;
pub(crate) mod systemd;
pub mod top;
mod web;
pub mod workers;

pub use stonechat_protocol as wire;
pub use stonechat_protocol::{cid, fold, names, wants};
