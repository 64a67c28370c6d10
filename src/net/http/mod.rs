//! HTTP at the clients' port: the web client's files, and the way to a WebSocket (RFC 6455, section 4.2). Nothing else is
//! asked for here, and no request has a body.
//!
//! ```text
//!   first bytes --shown--> a method and a blank: HTTP, and never anything else
//!                          anything else: lines
//!   head --answer--> Upgrade: 101, frames follow
//!                    Reply: a status and maybe a file; another request may follow, or the connection ends
//! ```
//!
//! Whose web page may open a WebSocket here, [`Site`] says: a browser sends the page's origin, and no other program has to.

mod fields;
mod files;
mod head;
mod response;
mod site;
mod target;
mod upgrade;

pub use self::files::Files;
pub use self::head::{Scheme, answer};
pub(super) use self::head::{Shown, shown, too_slow};
pub use self::response::{Answer, Then};
pub use self::site::Site;

#[cfg(test)]
mod tests;
