//! HISTORY: a page of a conversation.

use super::{account, shown};
use crate::ids::{ConvId, Peer};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError};
use crate::wire::body;
use crate::wire::errno::Errno;
use crate::wire::reply::Body;
use crate::wire::request::History;

/// HISTORY.
///
/// # Errors
/// A group the caller is no member of, or that does not exist; a conversation with oneself.
pub(crate) fn history(ctx: &mut Ctx, caller: &Caller, request: &History) -> HandlerResult {
    match request.peer {
        Peer::User(peer) if peer == caller.user => {
            return Err(ServiceError::refused(Errno::Malformed, "`id` is the sender"));
        }
        Peer::User(_) | Peer::Group(_) => {}
    }
    let conv = ConvId::with(caller.user, request.peer);
    let bytes_max = account::list_bytes_max(ctx);
    let Some((mut messages, more)) = ctx.store.messages(caller.user, conv, request.range, request.limit, bytes_max)?
    else {
        return Err(not_readable(ctx, caller, request.peer)?);
    };
    // Asked last: what has gone since the page was read is not shown below it.
    let floor = ctx.store.floor(conv)?;
    messages.retain(|message| floor.is_none_or(|floor| message.seq >= floor));
    let messages = shown::elements(&messages, caller.user);
    Ok(Response::reply(Body::of(&body::History { messages, more, floor })))
}

/// Why the caller reads nothing of a conversation.
pub(super) fn not_readable(ctx: &mut Ctx, caller: &Caller, peer: Peer) -> Result<ServiceError, ServiceError> {
    let Peer::Group(group) = peer else { return Ok(ServiceError::refused(Errno::NotAllowed, "not your conversation")) };
    Ok(match ctx.store.group(group, caller.user)? {
        Some(_) => ServiceError::NoMember(group),
        None => ServiceError::refused(Errno::NotFound, "no such group"),
    })
}
