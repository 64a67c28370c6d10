//! The protocol of Stonechat: what its lines mean. One JSON object per line, requests in, replies and pushes out.
//!
//! ```text
//!   line --Envelope::parse--> msgid, tag, raw fields --Request::parse--> one checked struct per request
//!   handler's body --reply::success--> line            reply::Push, reply::ack: the hot lines, written by hand
//! ```
//!
//! No socket, no session, no store. docs/protocol.md shows every line.

pub mod cid;
mod envelope;
pub mod errno;
mod field;
pub mod ids;
pub mod msg_id;
pub mod names;
pub mod reply;
pub mod request;
pub mod time;
