//! FIND: users and groups by id or by the beginning of their name.

use super::{friend, presence};
use crate::ids::{GroupId, UserId};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response};
use crate::store::GroupRow;
use crate::wire::body::{Found, FoundGroup};
use crate::wire::reply::Body;
use crate::wire::request::Find;

/// Users listed, and groups.
const FOUND_MAX: u32 = 20;

/// FIND.
///
/// # Errors
/// The store is away.
pub(crate) fn find(ctx: &mut Ctx, _: &Caller, request: &Find) -> HandlerResult {
    let users = ctx.store.find_users(request.id.and_then(UserId::new), &request.prefix, FOUND_MAX)?;
    let groups = ctx.store.find_groups(request.id.and_then(GroupId::new), &request.prefix, FOUND_MAX)?;
    let people = users.iter().map(|user| user.id).collect();
    presence::with(ctx, people, move |_, online| {
        let found = |group: GroupRow| FoundGroup { id: group.id, groupname: group.name, groupdesc: group.desc };
        let groups = groups.into_iter().map(found).collect();
        Ok(Response::reply(Body::of(&Found { users: friend::entries(users, online), groups })))
    })
}
