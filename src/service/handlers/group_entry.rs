//! How users come into groups, beside ADD_GROUP: invitations, and wishes that are answered.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use bytes::Bytes;

use super::group::{hear, id_reply};
use super::group_order::{member_reply, not_oneself, page, ruled};
use crate::ids::{GroupId, UserId};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, ServiceError, SessionChange};
use crate::store::{LetIn, OwnGroup, Role};
use crate::wire::reply::{self, Notice};
use crate::wire::request::{GroupAnswer, GroupRequests, OneMember};

/// GROUP_INVITE: kept until it is answered.
///
/// # Errors
/// Oneself, no such user or group, a member already, banned, blocked, or not allowed to.
pub(crate) fn invite(ctx: &mut Ctx, caller: &Caller, request: &OneMember) -> HandlerResult {
    let OneMember { group, user } = *request;
    not_oneself(caller, user)?;
    let now = ctx.shared.clock.wall();
    let invited = ctx.store.invite(caller.user, group, user, now)?;
    let row = ruled(ctx, group, invited)?;
    ctx.push_to_user(user, reply::group_invite(caller.user, &caller.name, group, &row.name));
    Ok(member_reply(group, user))
}

/// GROUP_ANSWER: to one's own invitation, or to another's wish to join.
///
/// # Errors
/// Nothing to answer, no room, not allowed to, or no such group.
pub(crate) fn answer(ctx: &mut Ctx, caller: &Caller, request: &GroupAnswer) -> HandlerResult {
    let GroupAnswer { group, user, accept } = *request;
    match user {
        None => answer_invitation(ctx, caller, group, accept),
        Some(user) => answer_wish(ctx, caller, group, user, accept),
    }
}

fn answer_invitation(ctx: &mut Ctx, caller: &Caller, group: GroupId, accept: bool) -> HandlerResult {
    let now = ctx.shared.clock.wall();
    let answered = ctx.store.answer_invitation(caller.user, group, accept, now);
    let answered = ctx.compare_if_unsure(caller, answered)?;
    let Some(LetIn { group, last_seq, .. }) = ruled(ctx, group, answered)? else {
        return Ok(id_reply(group, SessionChange::Nothing));
    };
    ctx.joined(caller, group.id);
    let notice = Notice::GroupJoined { groupid: group.id, id: caller.user, name: (&*caller.name).into() };
    ctx.tell_others(group.id, caller.user, &notice);
    hear(ctx, caller, OwnGroup { group, role: Role::Normal }, last_seq)
}

/// Who is let in hears the group from now on, on whatever node.
fn answer_wish(ctx: &mut Ctx, caller: &Caller, group: GroupId, user: UserId, accept: bool) -> HandlerResult {
    let now = ctx.shared.clock.wall();
    let answered = ctx.store.answer_wish(caller.user, group, user, accept, now);
    let answered = ctx.compare_user_if_unsure(user, answered)?;
    if let Some(LetIn { person, .. }) = ruled(ctx, group, answered)? {
        let notice = Notice::GroupJoined { groupid: group, id: user, name: person.name.as_str().into() };
        ctx.let_in(group, user, &notice);
        ctx.tell_others(group, user, &notice);
    }
    Ok(member_reply(group, user))
}

/// GROUP_REQUESTS: a page of who wants to come in.
///
/// # Errors
/// Neither creator nor admin, or no such group.
pub(crate) fn requests(ctx: &mut Ctx, caller: &Caller, request: &GroupRequests) -> HandlerResult {
    let GroupRequests { group, page: wanted } = request;
    // One more than asked for tells whether there is more.
    let people = ctx.store.wishes(caller.user, *group, wanted.after, wanted.limit + 1)?;
    Ok(page(ruled(ctx, *group, people)?, wanted))
}

/// The invitations that wait for a user's answer, as pushes; at most `limit`.
///
/// # Errors
/// The store is away.
pub(crate) fn invitations(ctx: &mut Ctx, user: UserId, limit: u32) -> Result<Vec<Bytes>, ServiceError> {
    let open = ctx.store.invitations(user, limit)?;
    let push = |open: &crate::store::GroupInvitation| {
        reply::group_invite(open.from.id, &open.from.name, open.group, &open.name)
    };
    Ok(open.iter().map(push).collect())
}
