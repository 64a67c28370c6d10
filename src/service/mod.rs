//! The rules of chat: what each request does. No socket and no SQL.
//!
//! ```text
//!   reactor thread                                     worker threads
//!   ChatProtocol (net's Protocol)
//!     line -> routes: MsgId -> Route
//!        Ping, Delivered     done here
//!        Chat                -> lane, which answers     (delivery)
//!        Session, Anyone     -> Job ------------------> handler(&mut Ctx, &Caller, request)
//!     ReactorMessage  <-------------------------------- reply, and what it changes in the session
//! ```
//!
//! A worker never touches a session: it returns an outcome, and the reactor applies it.

pub(crate) mod account;
pub(crate) mod address;
pub mod attempts;
pub mod budgets;
pub(crate) mod caller;
pub(crate) mod chat;
mod conn_ctx;
pub mod ctx;
pub(crate) mod dispatch;
pub(crate) mod doubts;
mod entrance;
pub(crate) mod find;
pub(crate) mod friend;
pub(crate) mod group;
pub mod group_index;
pub(crate) mod hashing;
pub(crate) mod history;
pub(crate) mod job;
pub(crate) mod live;
pub(crate) mod login;
mod membership;
pub mod message;
pub mod password;
pub(crate) mod presence;
pub mod protocol;
pub(crate) mod push;
mod questions;
mod queue;
mod quotas;
pub(crate) mod rates;
pub mod reactor_ctx;
pub(crate) mod resync;
pub mod routes;
pub mod session;
pub mod sweeper;
mod token;
pub(crate) mod waiting;
pub mod workers;

#[cfg(test)]
mod tests;
