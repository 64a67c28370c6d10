//! What the bytes of a frame mean: requests in, replies and pushes out. JSON ends here.
//!
//! ```text
//!   line --Envelope::parse--> msgid, tag, raw fields --Request::parse--> one checked struct per request
//!   handler's body --reply::success--> line            reply::push, reply::ack: the hot lines, written by hand
//! ```
//!
//! No socket, no session, no store. docs/protocol.md shows every line.

pub mod errno;
mod field;
pub mod msg_id;
pub mod reply;
pub mod request;
