//! BLOCK and BLOCKED: whom a user does not want to hear from.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use super::friend::no_such_user;
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError};
use crate::store::{BlockOutcome, Person, Quota};
use crate::wire::body::{Blocking, NamedUser, Users};
use crate::wire::errno::Errno;
use crate::wire::reply::{Body, Notice};
use crate::wire::request::{Block, ListPage};

/// BLOCK. Again is success. The other one is told nothing but that a friendship has ended.
///
/// # Errors
/// Oneself, no such user, or too many of them.
pub(crate) fn block(ctx: &mut Ctx, caller: &Caller, request: &Block) -> HandlerResult {
    let Block { user, on } = *request;
    if user == caller.user {
        return Err(ServiceError::refused(Errno::Malformed, "`id` is the sender"));
    }
    if !on {
        let is_there = ctx.store.unblock(caller.user, user)?;
        return if is_there { Ok(reply(request)) } else { Err(no_such_user()) };
    }
    match ctx.store.block(caller.user, user)? {
        BlockOutcome::Done { were_friends } => {
            if were_friends {
                ctx.tell_user(user, &Notice::FriendRemoved { id: caller.user, name: (&*caller.name).into() });
            }
            Ok(reply(request))
        }
        BlockOutcome::NoSuchUser => Err(no_such_user()),
        BlockOutcome::Full => Err(ctx.full_for(caller.user, Quota::Blocks)),
    }
}

fn reply(&Block { user, on }: &Block) -> Response {
    Response::reply(Body::of(&Blocking { id: user, on }))
}

/// BLOCKED: a page of them.
///
/// # Errors
/// The store is away.
pub(crate) fn list(ctx: &mut Ctx, caller: &Caller, request: &ListPage) -> HandlerResult {
    // One more than asked for tells whether there is more.
    let mut blocked = ctx.store.blocked(caller.user, request.after, request.limit + 1)?;
    let more = blocked.len() > request.limit as usize;
    blocked.truncate(request.limit as usize);
    let users = blocked.into_iter().map(|Person { id, name }| NamedUser { id, name }).collect();
    Ok(Response::reply(Body::of(&Users { users, more })))
}
