//! FIND: users and groups by id or by the beginning of their name.

use serde::Serialize;

use super::{Caller, Ctx, Done, Handled, presence};
use crate::ids::{GroupId, UserId};
use crate::wire::reply::{Body, FriendEntry, state};
use crate::wire::request::Find;

/// Users listed, and groups.
const FOUND_MAX: u32 = 20;

/// FIND.
///
/// # Errors
/// The store is away.
pub fn find(ctx: &mut Ctx, _: &Caller, request: &Find) -> Handled {
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
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let online = presence::online(ctx, &ids);
    let users = users.into_iter().zip(online);
    let users = users.map(|(user, online)| FriendEntry { id: user.id, name: user.name, state: state(online) });
    let groups = groups.into_iter();
    let groups = groups.map(|group| Group { id: group.id, groupname: group.name, groupdesc: group.desc });
    Ok(Done::reply(Body::of(&Reply { users: users.collect(), groups: groups.collect() })))
}
