//! The threads that may block: workers that run handlers and read what sessions have missed, those that hash passwords,
//! and the sweeper.
//!
//! ```text
//!   reactor --Job--> JobQueue --> worker (Ctx, a database connection): handler, page, comparison
//!                       ^            |  --> ReactorMessage, back to the reactor
//!                       |            v
//!                       +-------- Hashing --> threads that hash: Argon2id, then the rest of the request
//!   DEL_GROUP --> sweeper --> what deleted groups have left, a piece at a time
//! ```

pub(crate) mod hashing;
pub(crate) mod job;
pub mod pool;
pub(crate) mod questions;
pub(crate) mod queue;
pub(crate) mod retention;
pub(crate) mod sweeper;
