//! FIND: users and groups by id or by the beginning of their name.

use super::presence;
use crate::ids::{GroupId, UserId};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response};
use crate::store::{GroupRow, Person};
use crate::wire::body::{Ext, Found, FoundGroup, Friend};
use crate::wire::reply::Body;
use crate::wire::request::Find;

/// Users listed, and groups.
const FOUND_MAX: u32 = 20;

/// FIND.
///
/// # Errors
/// The store is away.
pub(crate) fn find(ctx: &mut Ctx, caller: &Caller, request: &Find) -> HandlerResult {
    let users = ctx.store.find_users(request.id.and_then(UserId::new), &request.prefix, FOUND_MAX)?;
    let groups = ctx.store.find_groups(request.id.and_then(GroupId::new), &request.prefix, FOUND_MAX)?;
    let own = if users.iter().any(|user| user.id == caller.user) { ctx.store.profile(caller.user)? } else { None };
    let own = own.and_then(Ext::new);
    let me = caller.user;
    let people: Vec<_> = users.iter().map(|user| user.id).collect();
    presence::seen_by(ctx, caller.user, people, move |_, online| {
        let found = |group: GroupRow| FoundGroup { id: group.id, groupname: group.name, groupdesc: group.desc };
        let groups = groups.into_iter().map(found).collect();
        // Of strangers only the name is shown.
        let user = |Person { id, name }: Person| {
            let ext = if id == me { own.clone() } else { None };
            Friend { id, name, state: online.state(id), ext }
        };
        let users = users.into_iter().map(user).collect();
        Ok(Response::reply(Body::of(&Found { users, groups })))
    })
}
