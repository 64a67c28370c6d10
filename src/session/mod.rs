//! The reactor's side of the service: one session for each connection, and what a reactor keeps of all of its own.
//!
//! ```text
//!   ChatProtocol (net's Protocol), one for each reactor
//!     a line --> dispatch --> lane (a chat message) | worker (every other request) | answered here
//!     a ReactorMessage, from lanes, workers and other nodes --> push --> the sessions concerned
//!   Session --> Live, once it is logged in --> SeqTracker: where it is in each conversation
//! ```
//!
//! Nothing here blocks, reads a clock or touches the database. [`state`], [`seq_tracker`], [`conv_seq`], [`tcp_acks`],
//! [`reorder_buffer`], [`group_index`] and [`slices`] are state machines; each is owned by its reactor's thread.

pub(crate) mod conn_ctx;
pub(crate) mod conv_seq;
mod crowd;
pub(crate) mod dispatch;
pub(crate) mod doubts;
pub mod group_index;
pub(crate) mod live;
pub(crate) mod membership;
pub mod message;
mod progress;
pub mod protocol;
pub(crate) mod push;
pub(crate) mod reactor_ctx;
pub(crate) mod reorder_buffer;
pub(crate) mod resync;
pub(crate) mod seq_tracker;
pub(crate) mod slices;
pub mod state;
pub mod tcp_acks;
mod together;

#[cfg(test)]
mod tests;
