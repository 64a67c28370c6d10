//! FIND: users and groups by id or by the beginning of their name.

use serde::Serialize;

use super::{friend, presence};
use crate::ids::{GroupId, UserId};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response};
use crate::wire::reply::{Body, FriendEntry};
use crate::wire::request::Find;

/// Users listed, and groups.
const FOUND_MAX: u32 = 20;

/// FIND.
///
/// # Errors
/// The store is away.
pub(crate) fn find(ctx: &mut Ctx, _: &Caller, request: &Find) -> HandlerResult {
    #[derive(Serialize)]
    struct Group {
        id: GroupId,
        groupname: String,
        groupdesc: String,
    }
    #[derive(Serialize)]
    struct Reply {
        users: Vec<FriendEntry>,
        groups: Vec<Group>,
    }
    let users = ctx.store.find_users(request.id.and_then(UserId::new), &request.prefix, FOUND_MAX)?;
    let groups = ctx.store.find_groups(request.id.and_then(GroupId::new), &request.prefix, FOUND_MAX)?;
    let people = users.iter().map(|user| user.id).collect();
    presence::with(ctx, people, move |_, online| {
        let groups = groups.into_iter();
        let groups = groups.map(|group| Group { id: group.id, groupname: group.name, groupdesc: group.desc }).collect();
        Ok(Response::reply(Body::of(&Reply { users: friend::entries(users, online), groups })))
    })
}
