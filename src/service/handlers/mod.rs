//! What each request does: one file for each business. A handler runs on a worker, gets its [`Ctx`](super::ctx::Ctx), the
//! caller and the parsed request, and returns the reply's fields and what changes in the session.
//!
//! Which `msgid` runs which of them stands in [`routes`](super::routes). Not every file here is a request's: `entrance` is how a session
//! comes in once LOGIN's credentials are right, `presence` who is online, `proof` a password that is asked for once more.

pub(crate) mod account;
pub(crate) mod asked;
pub(crate) mod block;
pub(crate) mod chat;
pub(crate) mod conversations;
pub(crate) mod entrance;
pub(crate) mod erase;
pub(crate) mod find;
pub(crate) mod friend;
pub(crate) mod group;
pub(crate) mod group_entry;
pub(crate) mod group_order;
pub(crate) mod history;
pub(crate) mod login;
pub(crate) mod logins;
pub(crate) mod presence;
pub(crate) mod profile;
pub(crate) mod proof;
pub(crate) mod search;
pub(crate) mod sessions;
pub(crate) mod shown;
