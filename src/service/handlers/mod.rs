//! What each request does: one file for each business. A handler runs on a worker, gets its [`Ctx`](super::ctx::Ctx), the
//! caller and the parsed request, and returns the reply's fields and what changes in the session.
//!
//! Which `msgid` runs which of them stands in [`routes`](super::routes). Not every file here is a request's: `entrance` is how a session
//! comes in once LOGIN's credentials are right, `presence` who is online.

pub(crate) mod account;
pub(crate) mod chat;
pub(crate) mod entrance;
pub(crate) mod find;
pub(crate) mod friend;
pub(crate) mod group;
pub(crate) mod history;
pub(crate) mod login;
pub(crate) mod presence;
