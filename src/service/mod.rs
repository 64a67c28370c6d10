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

pub mod account;
pub mod address;
pub mod attempts;
pub mod budgets;
pub mod caller;
pub mod chat;
mod conn_ctx;
pub mod ctx;
pub mod dispatch;
pub mod doubts;
mod entrance;
pub mod find;
pub mod friend;
pub mod group;
pub mod group_index;
pub mod hashing;
pub mod history;
pub mod job;
pub mod live;
pub mod login;
mod membership;
pub mod message;
pub mod password;
pub mod presence;
pub mod protocol;
pub mod push;
mod questions;
mod queue;
mod quotas;
pub mod rates;
pub mod reactor_ctx;
pub mod resync;
pub mod routes;
pub mod session;
pub mod sweeper;
mod token;
pub mod waiting;
pub mod workers;

#[cfg(test)]
mod tests;
