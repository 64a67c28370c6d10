//! HISTORY: a page of a conversation.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Caller, Ctx, Done, Handled, ServiceError, account};
use crate::ids::{ConvId, GroupId, Peer};
use crate::wire::errno::Errno;
use crate::wire::reply::Body;
use crate::wire::request::History;

/// HISTORY.
///
/// # Errors
/// A group the caller is no member of, or that does not exist; a conversation with oneself.
pub fn history(ctx: &mut Ctx, caller: &Caller, request: &History) -> Handled {
    #[derive(Serialize)]
    struct Reply {
        messages: Vec<Box<RawValue>>,
        more: bool,
    }
    match request.peer {
        Peer::User(peer) if peer == caller.user => {
            return Err(ServiceError::refused(Errno::Malformed, "`id` is the sender"));
        }
        Peer::User(_) => {}
        Peer::Group(group) => members_only(ctx, caller, group)?,
    }
    let conv = ConvId::with(caller.user, request.peer);
    let bytes_max = account::list_bytes_max(ctx);
    let (messages, more) = ctx.store.messages(conv, request.range, request.limit, bytes_max)?;
    let messages = account::elements(&messages, caller.user);
    Ok(Done::reply(Body::of(&Reply { messages, more })))
}

fn members_only(ctx: &mut Ctx, caller: &Caller, group: GroupId) -> Result<(), ServiceError> {
    match ctx.store.group(group, caller.user)? {
        Some((_, true)) => Ok(()),
        Some((_, false)) => Err(ServiceError::NoMember(group)),
        None => Err(ServiceError::refused(Errno::NotFound, "no such group")),
    }
}
