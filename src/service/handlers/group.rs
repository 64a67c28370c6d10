//! Groups: create, join, quit, delete, list.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use super::presence;
use super::presence::Online;
use crate::bus::Channel;
use crate::delivery::bell::Ring;
use crate::ids::{ConvId, GroupId, Seq, UserId};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError, SessionChange};
use crate::store::rights::Joining;
use crate::store::{
    Created, GroupRow, GroupSettings, JoinOutcome, LeaveOutcome, Member, MemberPage, OwnGroup, PastShown, Role,
    Speaking,
};
use crate::wire::body::{self, Ext, Group, GroupJoined, Join, OfGroup, ReadFrom, Speak};
use crate::wire::errno::Errno;
use crate::wire::reply::{Body, Notice};
use crate::wire::request::{CreateGroup, Groups, ListPage, OneGroup};

/// Members listed per group where no page was asked for.
pub(crate) const MEMBERS_LISTED_MAX: u32 = 200;
/// Creator and admins who are told that somebody wants to come in; the others see it in GROUP_REQUESTS.
const ADMINS_TOLD_MAX: u32 = 100;
/// Members listed over all groups of a list: bounds the reply. `total` still tells how many there are.
const MEMBERS_LISTED_IN_ALL_MAX: u32 = 4000;

pub(super) fn id_reply(groupid: GroupId, then: SessionChange) -> Response {
    Response { body: Body::of(&OfGroup { groupid }), then }
}

pub(super) fn no_such_group() -> ServiceError {
    ServiceError::refused(Errno::NotFound, "no such group")
}

/// CREATE_GROUP: the creator is its first member.
///
/// # Errors
/// The name is taken.
pub(crate) fn create(ctx: &mut Ctx, caller: &Caller, request: &CreateGroup) -> HandlerResult {
    let now = ctx.shared.clock.wall();
    let created = ctx.store.create_group(caller.user, &request.name, &request.desc, now);
    let group = match ctx.compare_if_unsure(caller, created)? {
        Created::New(group) => group,
        Created::NameTaken => return Err(ServiceError::refused(Errno::Refused, "this name is taken")),
        Created::Full(quota) => return Err(ctx.full_for(caller.user, quota)),
    };
    ctx.joined(caller, group);
    ctx.subscribe(caller.conn, vec![Channel::Group(group)], move |_, held| {
        held.hand_over();
        Ok(id_reply(group, SessionChange::Join { group, last_seq: 0 }))
    })
}

pub(super) fn banned() -> ServiceError {
    ServiceError::refused(Errno::NotAllowed, "banned from this group")
}

/// ADD_GROUP: joins. Joining again changes nothing.
///
/// # Errors
/// No such group.
pub(crate) fn join(ctx: &mut Ctx, caller: &Caller, request: &OneGroup) -> HandlerResult {
    let joining = ctx.store.join_group(caller.user, request.group, ctx.shared.clock.wall());
    if joining.is_err() {
        // The sessions on other nodes look, too, whether it was done.
        ctx.ring(Channel::User(caller.user), Ring::Joined(request.group, b""));
    }
    let (own, last_seq) = match ctx.compare_if_unsure(caller, joining)? {
        JoinOutcome::NoSuchGroup => return Err(no_such_group()),
        JoinOutcome::Full(quota) => return Err(ctx.full_for(caller.user, quota)),
        JoinOutcome::Banned => return Err(banned()),
        JoinOutcome::InviteOnly => {
            return Err(ServiceError::refused(Errno::NotAllowed, "this group takes those who were invited"));
        }
        JoinOutcome::Waiting { group, is_news } => return Ok(waiting(ctx, caller, group, is_news)),
        JoinOutcome::Already(own) => {
            let last_seq = hears_from(ctx, caller, own.group.id)?;
            if last_seq.is_some() {
                // The answer to an earlier attempt was lost, and with it what the other sessions should have been told.
                ctx.joined(caller, own.group.id);
            }
            (own, last_seq)
        }
        JoinOutcome::New { group, last_seq } => {
            ctx.joined(caller, group.id);
            let notice = Notice::GroupJoined { groupid: group.id, id: caller.user, name: (&*caller.name).into() };
            ctx.tell_others(group.id, caller.user, &notice);
            (OwnGroup { group, role: Role::Normal }, Some(last_seq))
        }
    };
    let Some(last_seq) = last_seq else {
        return joined(ctx, caller.user, own, |_| SessionChange::Nothing);
    };
    hear(ctx, caller, own, last_seq)
}

/// The caller's session hears a group that it is new in.
///
/// # Errors
/// `NotYet`, or the store's.
pub(super) fn hear(ctx: &mut Ctx, caller: &Caller, own: OwnGroup, last_seq: Seq) -> HandlerResult {
    let viewer = caller.user;
    ctx.subscribe(caller.conn, vec![Channel::Group(own.group.id)], move |ctx, held| {
        joined(ctx, viewer, own, move |group| {
            held.hand_over();
            SessionChange::Join { group, last_seq }
        })
    })
}

/// The caller waits to be let in: creator and admins are told.
fn waiting(ctx: &mut Ctx, caller: &Caller, group: GroupRow, is_news: bool) -> Response {
    if is_news {
        let notice = Notice::GroupAsked { groupid: group.id, id: caller.user, name: (&*caller.name).into() };
        for admin in ctx.store.group_admins(group.id, ADMINS_TOLD_MAX).unwrap_or_default() {
            ctx.tell_user(admin, &notice);
        }
    }
    let Kept { join, speak, history } = kept(group.settings);
    Response::reply(Body::of(&GroupJoined {
        groupid: group.id,
        groupname: group.name,
        groupdesc: group.desc,
        users: Vec::new(),
        total: 0,
        join,
        speak,
        history,
        waiting: true,
    }))
}

fn joined(
    ctx: &mut Ctx,
    viewer: UserId,
    own: OwnGroup,
    then: impl FnOnce(GroupId) -> SessionChange + Send + 'static,
) -> HandlerResult {
    let page = ctx.store.members(own.group.id, 0, MEMBERS_LISTED_MAX);
    // The user is a member whatever the listing says: the session must hear of it.
    let MemberPage { members, total } = page.unwrap_or_default();
    presence::seen_by(ctx, viewer, ids(&members), move |_, online| {
        let users = member_entries(members, online);
        let Kept { join, speak, history } = kept(own.group.settings);
        let GroupRow { id, name, desc, .. } = own.group;
        let body = Body::of(&GroupJoined {
            groupid: id,
            groupname: name,
            groupdesc: desc,
            users,
            total,
            join,
            speak,
            history,
            waiting: false,
        });
        Ok(Response { body, then: then(id) })
    })
}

/// The user was a member before, and the session most likely hears the group. But it does not if the store had done an
/// earlier request to join and its answer was lost.
fn hears_from(ctx: &mut Ctx, caller: &Caller, group: GroupId) -> Result<Option<Seq>, ServiceError> {
    let position = ctx.store.position(caller.user, caller.device, ConvId::group(group))?;
    Ok(position.map(|position| position.delivered))
}

/// QUIT_GROUP.
///
/// # Errors
/// No member, the creator, or no such group.
pub(crate) fn quit(ctx: &mut Ctx, caller: &Caller, request: &OneGroup) -> HandlerResult {
    let quitting = ctx.store.quit_group(caller.user, request.group);
    match ctx.compare_if_unsure(caller, quitting)? {
        LeaveOutcome::Done => {
            ctx.left(caller, request.group);
            let name = (&*caller.name).into();
            let notice = Notice::GroupLeft { groupid: request.group, id: caller.user, name, by: None };
            ctx.tell_others(request.group, caller.user, &notice);
            // Ahead of the answer: none of the user's sessions here hears the group after it.
            ctx.flush();
            Ok(id_reply(request.group, SessionChange::Leave(request.group)))
        }
        LeaveOutcome::IsCreator => Err(ServiceError::refused(
            Errno::Conflict,
            "the creator cannot quit; hand the group over first, or delete it",
        )),
        LeaveOutcome::NotAllowed => Err(ServiceError::NoMember(request.group)),
        LeaveOutcome::NoSuchGroup => Err(no_such_group()),
    }
}

/// DEL_GROUP: the creator's right alone. Members are told.
///
/// # Errors
/// Not the creator, or no such group.
pub(crate) fn delete(ctx: &mut Ctx, caller: &Caller, request: &OneGroup) -> HandlerResult {
    let now = ctx.shared.clock.wall();
    match ctx.store.delete_group(caller.user, request.group, now)? {
        LeaveOutcome::Done => {
            ctx.group_deleted(request.group);
            // Ahead of the answer: nobody here hears the group after it, or, of a large one, for a moment longer.
            ctx.flush();
            ctx.shared.sweep.soon();
            Ok(id_reply(request.group, SessionChange::Leave(request.group)))
        }
        LeaveOutcome::NotAllowed | LeaveOutcome::IsCreator => {
            Err(ServiceError::refused(Errno::NotAllowed, "only the creator deletes a group"))
        }
        LeaveOutcome::NoSuchGroup => Err(no_such_group()),
    }
}

/// GROUPS: a page of one's groups, or of one group's members.
///
/// # Errors
/// No member, or no such group.
pub(crate) fn list(ctx: &mut Ctx, caller: &Caller, request: &Groups) -> HandlerResult {
    let (group, after, limit) = match *request {
        Groups::Members { group, after, limit } => (group, after, limit),
        Groups::All(ListPage { after, limit }) => {
            // One more than asked for tells whether there is more.
            let mut groups = ctx.store.groups(caller.user, after, limit + 1)?;
            let more = groups.len() > limit as usize;
            groups.truncate(limit as usize);
            let listed = listed(ctx, groups)?;
            return presence::seen_by(ctx, caller.user, listed.people().collect::<Vec<_>>(), move |_, online| {
                Ok(Response::reply(Body::of(&body::Groups { groups: listed.entries(online), more })))
            });
        }
    };
    let own = match ctx.store.group(group, caller.user)? {
        None => return Err(no_such_group()),
        Some((_, None)) => return Err(ServiceError::NoMember(group)),
        Some((group, Some(role))) => OwnGroup { group, role },
    };
    // One more than asked for tells whether there is more.
    let mut page = ctx.store.members(group, after, limit + 1)?;
    let more = page.members.len() > limit as usize;
    page.members.truncate(limit as usize);
    presence::seen_by(ctx, caller.user, ids(&page.members), move |_, online| {
        let groups = vec![group_entry(own, member_entries(page.members, online), page.total)];
        Ok(Response::reply(Body::of(&body::Groups { groups, more })))
    })
}

/// Groups, each with its first members.
#[derive(Debug)]
pub(crate) struct Listed(Vec<((OwnGroup, u64), Vec<Member>)>);

impl Listed {
    /// Every member.
    pub(crate) fn people(&self) -> impl Iterator<Item = UserId> {
        self.0.iter().flat_map(|(_, members)| members.iter().map(|member| member.person.id))
    }

    /// `groups[]`.
    #[must_use]
    pub(crate) fn entries(self, online: &Online) -> Vec<Group> {
        let entry = |((own, total), members)| group_entry(own, member_entries(members, online), total);
        self.0.into_iter().map(entry).collect()
    }
}

/// Reads the first members of groups, which come with the number of their members.
///
/// # Errors
/// The store is away.
pub(crate) fn listed(ctx: &mut Ctx, groups: Vec<(OwnGroup, u64)>) -> Result<Listed, ServiceError> {
    if groups.is_empty() {
        return Ok(Listed(Vec::new()));
    }
    let ids: Vec<(GroupId, u64)> = groups.iter().map(|(own, members)| (own.group.id, *members)).collect();
    let groups_count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let limit = (MEMBERS_LISTED_IN_ALL_MAX / groups_count).clamp(1, MEMBERS_LISTED_MAX);
    let members = match ctx.ahead.members(&ids, limit) {
        Some(members) => members,
        None => ctx.store.members_of_all(&ids, limit)?,
    };
    Ok(Listed(groups.into_iter().zip(members).collect()))
}

fn group_entry(own: OwnGroup, users: Vec<body::Member>, total: u64) -> Group {
    let Kept { join, speak, history } = kept(own.group.settings);
    let GroupRow { id, name, desc, .. } = own.group;
    Group { id, groupname: name, groupdesc: desc, users, total, join, speak, history, role: role_word(own.role) }
}

/// How a group is kept, in the words of the wire.
pub(super) struct Kept {
    pub join: Join,
    pub speak: Speak,
    pub history: ReadFrom,
}

pub(super) fn kept(settings: GroupSettings) -> Kept {
    Kept {
        join: match settings.joining {
            Joining::Open => Join::Open,
            Joining::Ask => Join::Ask,
            Joining::Invite => Join::Invite,
        },
        speak: match settings.speaking {
            Speaking::All => Speak::All,
            Speaking::Admins => Speak::Admins,
        },
        history: match settings.past {
            PastShown::All => ReadFrom::All,
            PastShown::SinceJoining => ReadFrom::Joined,
        },
    }
}

pub(super) fn role_word(role: Role) -> body::Role {
    match role {
        Role::Creator => body::Role::Creator,
        Role::Admin => body::Role::Admin,
        Role::Normal => body::Role::Normal,
    }
}

fn ids(members: &[Member]) -> Vec<UserId> {
    members.iter().map(|member| member.person.id).collect()
}

fn member_entries(members: Vec<Member>, online: &Online) -> Vec<body::Member> {
    let entry = |member: Member| body::Member {
        id: member.person.id,
        state: online.state(member.person.id),
        name: member.person.name,
        role: role_word(member.role),
        ext: member.profile.and_then(Ext::new),
    };
    members.into_iter().map(entry).collect()
}
