//! The rules of chat: what each request does. No socket and no SQL.
//!
//! ```text
//!   reactor thread ([`crate::session`])                worker threads ([`crate::workers`])
//!   ChatProtocol (net's Protocol)
//!     line -> routes: MsgId -> Route
//!        Ping, Delivered     done there
//!        Chat                -> lane, which answers     (delivery)
//!        Session, Anyone     -> Job ------------------> handlers: handler(&mut Ctx, &Caller, request)
//!     ReactorMessage  <-------------------------------- reply, and what it changes in the session
//! ```
//!
//! A worker never touches a session: it returns an outcome, and the reactor applies it.

pub(crate) mod ahead;
pub mod auth;
pub(crate) mod caller;
pub mod ctx;
pub(crate) mod handlers;
pub mod limits;
pub(crate) mod routes;
pub(crate) mod waiting;
