//! ASKED: what a user has asked for, and is invited to, that nobody has answered.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use crate::ids::Peer;
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError};
use crate::store::{FriendRequest, OpenGroupAsk, Person};
use crate::wire::body;
use crate::wire::body::{AskedFriend, AskedGroup};
use crate::wire::errno::Errno;
use crate::wire::reply::Body;
use crate::wire::request::Asked;

/// Requests of each kind that are listed.
const LISTED_MAX: u32 = 500;

/// ASKED: takes back what is to be taken back, and lists what is left.
///
/// # Errors
/// There is no such request.
pub(crate) fn asked(ctx: &mut Ctx, caller: &Caller, request: &Asked) -> HandlerResult {
    let was_there = match request.withdraw {
        None => true,
        Some(Peer::User(user)) => ctx.store.withdraw_friend(caller.user, user)?,
        Some(Peer::Group(group)) => ctx.store.withdraw_wish(caller.user, group)?,
    };
    if !was_there {
        return Err(ServiceError::refused(Errno::NotFound, "nothing of that kind waits for an answer"));
    }
    let friends = ctx.store.asked_friends(caller.user, 0, LISTED_MAX)?.into_iter().map(asked_friend).collect();
    let groups = ctx.store.open_group_asks(caller.user, LISTED_MAX)?.into_iter().map(asked_group).collect();
    Ok(Response::reply(Body::of(&body::Asked { friends, groups })))
}

fn asked_friend(FriendRequest { from, msg }: FriendRequest) -> AskedFriend {
    // It was stored as the text of a JSON string.
    AskedFriend { id: from.id, name: from.name, msg: serde_json::from_str(&msg).unwrap_or_default() }
}

fn asked_group(OpenGroupAsk { group, name: groupname, invited_by, .. }: OpenGroupAsk) -> AskedGroup {
    let (id, name) = invited_by.map(|Person { id, name }| (id, name)).unzip();
    AskedGroup { groupid: group, groupname, id, name }
}
