//! One's account, and whom it has to do with.

use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use super::{Page, conversation, optional};
use crate::ids::{Peer, UserId};
use crate::msg_id::MsgId;
use crate::request::End;

/// A request about one's own account.
#[derive(Clone, Copy, Debug)]
pub enum AccountAsk<'a> {
    /// BLOCK, answered with [`crate::body::Blocking`].
    Block {
        /// Whom.
        user: UserId,
        /// Whether that one is blocked from now on.
        on: bool,
    },
    /// BLOCKED: a page of them, answered with [`crate::body::Users`].
    Blocked(Page<UserId>),
    /// PASSWORD. Its reply has no body.
    Password {
        /// The one until now.
        pwd: &'a str,
        /// The one from now on.
        new: &'a str,
    },
    /// SESSIONS: a page of them, answered with [`crate::body::Sessions`].
    Sessions(Page<u64>),
    /// SESSIONS with `end`: it is over for them. Answered with the first page of the rest.
    EndSessions(End),
    /// PROFILE, answered with [`crate::body::Profile`]. What is `None` stays; at least one is given.
    Profile {
        /// The new name.
        name: Option<&'a str>,
        /// What else others are to see; `Some(None)`: nothing any more.
        ext: Option<Option<&'a RawValue>>,
    },
    /// ERASE. Its reply has no body.
    Erase {
        /// That it is meant.
        pwd: &'a str,
    },
    /// ASKED, answered with [`crate::body::Asked`].
    Asked,
    /// ASKED with `withdraw`: one no longer asks for that friendship, or to be a member of that group.
    Withdraw(Peer),
}

impl AccountAsk<'_> {
    pub(super) fn msg_id(&self) -> MsgId {
        match self {
            Self::Block { .. } => MsgId::Block,
            Self::Blocked(_) => MsgId::Blocked,
            Self::Password { .. } => MsgId::Password,
            Self::Sessions(_) | Self::EndSessions(_) => MsgId::Sessions,
            Self::Profile { .. } => MsgId::Profile,
            Self::Erase { .. } => MsgId::Erase,
            Self::Asked | Self::Withdraw(_) => MsgId::Asked,
        }
    }

    pub(super) fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        match *self {
            Self::Block { user, on } => {
                line.serialize_entry("id", &user)?;
                line.serialize_entry("on", &on)
            }
            Self::Blocked(page) => page.fields(line),
            Self::Password { pwd, new } => {
                line.serialize_entry("pwd", pwd)?;
                line.serialize_entry("new", new)
            }
            Self::Sessions(page) => page.fields(line),
            Self::EndSessions(End::One(number)) => line.serialize_entry("end", &number),
            Self::EndSessions(End::Others) => line.serialize_entry("end", "others"),
            Self::Profile { name, ext } => {
                optional(line, "name", name.as_ref())?;
                optional(line, "ext", ext.as_ref())
            }
            Self::Erase { pwd } => line.serialize_entry("pwd", pwd),
            Self::Asked => Ok(()),
            Self::Withdraw(what) => {
                let kind = if matches!(what, Peer::User(_)) { "friend" } else { "group" };
                line.serialize_entry("withdraw", kind)?;
                conversation(line, what)
            }
        }
    }
}
