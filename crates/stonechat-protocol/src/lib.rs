//! The protocol of Stonechat: what its lines mean. One JSON object per line, requests in, replies and pushes out.
//!
//! ```text
//!   client                                                server
//!   Ask::line ------------------ a request -------------> Envelope::parse -> Request::parse: one checked struct for each
//!   Incoming::parse, Reply::body <--- a reply, a push --- reply::success, reply::Push, reply::ack
//!                      \_______ body: the same structs for both ______/
//! ```
//!
//! No socket, no session, no store. docs/protocol.md shows every line, and tells how a client never loses a message.
//!
//! # For authors of clients
//!
//! Write an [`Ask`](ask::Ask) as a line, and read what comes with [`Incoming`](incoming::Incoming). `examples/chat.rs` logs in and chats over a
//! [`TcpStream`](std::net::TcpStream); this is all of the protocol in it:
//!
//! ```
//! use stonechat_protocol::ask::{Ask, Login};
//! use stonechat_protocol::body::LoggedIn;
//! use stonechat_protocol::ids::UserId;
//! use stonechat_protocol::incoming::Incoming;
//! use stonechat_protocol::tag::Tag;
//!
//! let login = Login { name: Some("anna"), pwd: Some("one secret"), ack: true, ..Login::default() };
//! let line = Ask::Login(login).line(Some(&Tag::Number(1)));
//! assert_eq!(line, "{\"msgid\":1,\"tag\":1,\"name\":\"anna\",\"pwd\":\"one secret\",\"ack\":true}\n");
//!
//! // ... and the server says:
//! let line = br#"{"msgid":2,"errno":0,"tag":1,"id":1,"name":"anna","token":"mZ8w","epoch":"5f1d",
//!     "offlinemsg":[],"friends":[],"friends_total":0,"groups":[],"groups_total":0}"#;
//! let Incoming::Reply(reply) = Incoming::parse(line)? else { panic!("not a reply") };
//! let me: LoggedIn = reply.body()?;
//! assert_eq!((me.id, reply.tag), (UserId::new(1).unwrap(), Some(Tag::Number(1))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod ask;
pub mod body;
pub mod cid;
mod envelope;
pub mod errno;
mod field;
pub mod fold;
pub mod ids;
pub mod incoming;
pub mod msg_id;
pub mod names;
pub mod reply;
pub mod request;
pub mod tag;
pub mod time;
pub mod wants;
