//! Order in groups: settings, roles, kicks, bans, mutes. Whether somebody may do it is the store's to say, in the transaction
//! that does it.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use std::time::Duration;

use super::group::{Kept, banned, id_reply, kept, no_such_group, role_word};
use crate::clock::UnixMs;
use crate::ids::{GroupId, UserId};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError, SessionChange};
use crate::store::rights::Joining;
use crate::store::{ActedOn, GroupChange, GroupRefusal, PastShown, Person, Role, Ruled, Speaking};
use crate::wire::body::{self, Join, NamedUser, OfMember, ReadFrom, Speak, Users};
use crate::wire::errno::Errno;
use crate::wire::reply::{Body, Notice};
use crate::wire::request::{GroupBans, GroupKick, GroupMute, GroupRole, GroupSet, ListPage};

/// What was done, or the reply's errno and text.
pub(super) fn ruled<T>(ctx: &Ctx, group: GroupId, ruled: Ruled<T>) -> Result<T, ServiceError> {
    let refused = |errno, text| Err(ServiceError::refused(errno, text));
    match ruled {
        Ok(done) => Ok(done),
        Err(GroupRefusal::NoSuchGroup) => Err(no_such_group()),
        Err(GroupRefusal::NoMember) => Err(ServiceError::NoMember(group)),
        Err(GroupRefusal::NotAllowed) => refused(Errno::NotAllowed, "your role in this group does not allow it"),
        Err(GroupRefusal::NoSuchUser) => refused(Errno::NotFound, "no such user"),
        Err(GroupRefusal::NotInGroup) => refused(Errno::NotFound, "that user is no member of this group"),
        Err(GroupRefusal::IsMember) => refused(Errno::Conflict, "a member already"),
        Err(GroupRefusal::IsCreator) => {
            refused(Errno::Conflict, "the creator's role changes only when the group is handed over to another member")
        }
        Err(GroupRefusal::IsBanned) => Err(banned()),
        Err(GroupRefusal::IsBlocked) => refused(Errno::NotAllowed, "that user has blocked you"),
        Err(GroupRefusal::NothingToAnswer) => refused(Errno::NotFound, "no invitation and no wish to join to answer"),
        Err(GroupRefusal::NameTaken) => refused(Errno::Refused, "this name is taken"),
        Err(GroupRefusal::Full(quota)) => Err(ctx.full(quota)),
    }
}

pub(super) fn not_oneself(caller: &Caller, user: UserId) -> Result<(), ServiceError> {
    if user == caller.user {
        return Err(ServiceError::refused(Errno::Malformed, "`id` is the sender"));
    }
    Ok(())
}

pub(super) fn member_reply(groupid: GroupId, id: UserId) -> Response {
    Response::reply(Body::of(&OfMember { groupid, id, until: None }))
}

/// `users[]`; `people` has one more than asked for if there are more.
pub(super) fn page(mut people: Vec<Person>, page: &ListPage) -> Response {
    let more = people.len() > page.limit as usize;
    people.truncate(page.limit as usize);
    let users = people.into_iter().map(|Person { id, name }| NamedUser { id, name }).collect();
    Response::reply(Body::of(&Users { users, more }))
}

/// GROUP_SET. The same again is success, and nobody is told.
///
/// # Errors
/// Neither creator nor admin, the name is taken, or no such group.
pub(crate) fn set(ctx: &mut Ctx, caller: &Caller, request: &GroupSet) -> HandlerResult {
    let now = ctx.shared.clock.wall();
    let change = GroupChange {
        name: request.name.as_deref(),
        desc: request.desc.as_deref(),
        joining: request.join.map(|join| match join {
            Join::Open => Joining::Open,
            Join::Ask => Joining::Ask,
            Join::Invite => Joining::Invite,
        }),
        speaking: request.speak.map(|speak| match speak {
            Speak::All => Speaking::All,
            Speak::Admins => Speaking::Admins,
        }),
        past: request.history.map(|history| match history {
            ReadFrom::All => PastShown::All,
            ReadFrom::Joined => PastShown::SinceJoining,
        }),
        old_name_until: held_until(ctx, now),
    };
    let changed = ctx.store.set_group(caller.user, request.group, &change, now)?;
    let changed = ruled(ctx, request.group, changed)?;
    if changed.is_news {
        let Kept { join, speak, history } = kept(changed.group.settings);
        let (groupname, groupdesc) = (changed.group.name.into(), changed.group.desc.into());
        let groupid = request.group;
        ctx.tell_group(groupid, &Notice::GroupChanged { groupid, groupname, groupdesc, join, speak, history });
    }
    Ok(id_reply(request.group, SessionChange::Nothing))
}

/// Until when a name that is given up now is kept from others.
fn held_until(ctx: &Ctx, now: UnixMs) -> UnixMs {
    ctx.config.names_held.map_or(now, |held| now.plus(held))
}

/// GROUP_ROLE. `creator` hands the group over.
///
/// # Errors
/// Not the creator, no member, the creator's own role, or no such group.
pub(crate) fn role(ctx: &mut Ctx, caller: &Caller, request: &GroupRole) -> HandlerResult {
    let GroupRole { group, user, role } = *request;
    let role = match role {
        body::Role::Creator => Role::Creator,
        body::Role::Admin => Role::Admin,
        body::Role::Normal => Role::Normal,
    };
    let done = ctx.store.set_role(caller.user, group, user, role)?;
    let ActedOn { person, is_news } = ruled(ctx, group, done)?;
    if is_news {
        let told = |id, name, role| Notice::GroupRole { groupid: group, id, name, role: role_word(role) };
        ctx.tell_group(group, &told(user, person.name.into(), role));
        if role == Role::Creator {
            ctx.tell_group(group, &told(caller.user, (&*caller.name).into(), Role::Admin));
        }
    }
    Ok(member_reply(group, user))
}

/// GROUP_KICK, with or without a ban. None of the user's sessions hears the group any more, on any node.
///
/// # Errors
/// Oneself, neither creator nor admin, somebody who is not below, no member, or no such group.
pub(crate) fn kick(ctx: &mut Ctx, caller: &Caller, request: &GroupKick) -> HandlerResult {
    let GroupKick { group, user, ban } = *request;
    not_oneself(caller, user)?;
    let done = if ban {
        let now = ctx.shared.clock.wall();
        ctx.store.ban(caller.user, group, user, now)
    } else {
        ctx.store.kick(caller.user, group, user)
    };
    let done = ctx.compare_user_if_unsure(user, done)?;
    if done.as_ref().map_or_else(|why| *why == GroupRefusal::NotInGroup, |acted_on| !acted_on.is_news) {
        // The answer to an earlier attempt may have been lost, and with it what the user's sessions should have been told.
        ctx.removed(group, user, None);
        ctx.flush();
    }
    let ActedOn { person, is_news } = ruled(ctx, group, done)?;
    if is_news {
        let name = person.name.as_str().into();
        let notice = Notice::GroupLeft { groupid: group, id: user, name, by: Some(caller.user) };
        ctx.removed(group, user, Some(&notice));
        ctx.tell_others(group, user, &notice);
        // Ahead of the answer: none of the user's sessions here hears the group after it.
        ctx.flush();
    }
    Ok(member_reply(group, user))
}

/// GROUP_BANS: a page of who is banned, perhaps after one ban was lifted.
///
/// # Errors
/// Neither creator nor admin, or no such group.
pub(crate) fn bans(ctx: &mut Ctx, caller: &Caller, request: &GroupBans) -> HandlerResult {
    let GroupBans { group, lift, page: wanted } = request;
    if let Some(user) = lift {
        let lifted = ctx.store.lift_ban(caller.user, *group, *user)?;
        ruled(ctx, *group, lifted)?;
    }
    // One more than asked for tells whether there is more.
    let people = ctx.store.bans(caller.user, *group, wanted.after, wanted.limit + 1)?;
    Ok(page(ruled(ctx, *group, people)?, wanted))
}

/// GROUP_MUTE: for a time, or no more.
///
/// # Errors
/// Oneself, neither creator nor admin, somebody who is not below, no member, or no such group.
pub(crate) fn mute(ctx: &mut Ctx, caller: &Caller, request: &GroupMute) -> HandlerResult {
    let GroupMute { group, user, seconds } = *request;
    not_oneself(caller, user)?;
    let now = ctx.shared.clock.wall();
    let end = now.plus(Duration::from_secs(seconds.into()));
    let done = ctx.store.mute(caller.user, group, user, end, now)?;
    let ActedOn { is_news, .. } = ruled(ctx, group, done)?;
    let until = (seconds > 0).then_some(end);
    if is_news {
        ctx.tell_group(group, &Notice::GroupMuted { groupid: group, id: user, until });
    }
    Ok(Response::reply(Body::of(&OfMember { groupid: group, id: user, until })))
}
