//! Confirmed positions, and who has come and gone, on their way into the store: written behind, by one thread.
//!
//! ```text
//!   reactors --confirm, changed, departed--> queue (the table and what else waits, behind a lock) --> writer --> store
//! ```

mod outages;
mod pace;
pub mod queue;
pub mod table;
pub mod writer;
