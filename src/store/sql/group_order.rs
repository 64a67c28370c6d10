//! Order in groups: settings, roles, kicks, bans, mutes. Each is checked and done under the lock of the group's conversation; what
//! is refused has written nothing.

use super::membership::{
    CREATED, Step, forget_asks, is_banned, leave, lock_for, look_for, one, person, role_name, standing,
};
use super::names::Keys;
use super::{Arg, Fault, Sql, SqlResult, accounts, held, is_full, user_quota};
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, UserId};
use crate::store::rights::{self, Action, Joining, Rules, Standing};
use crate::store::{
    ActedOn, GroupChange, GroupChanged, GroupRefusal, Named, PastShown, Person, Quota, Quotas, Role, Speaking,
    UserQuota,
};

pub(super) fn set(
    sql: &mut dyn Sql,
    by: UserId,
    group: GroupId,
    change: &GroupChange<'_>,
    now: UnixMs,
) -> Step<GroupChanged> {
    lock_for(sql, Action::Set, by, group)?;
    let (before, _) = one(sql, group, by)?.ok_or(GroupRefusal::NoSuchGroup)?;
    if let Some(name) = change.name.filter(|name| *name != before.name) {
        rename(sql, group, name, change.old_name_until, now)?;
    }
    if let Some(desc) = change.desc {
        set_column(sql, group, "groupdesc", desc)?;
    }
    if let Some(joining) = change.joining {
        let name = match joining {
            Joining::Open => "open",
            Joining::Ask => "ask",
            Joining::Invite => "invite",
        };
        set_column(sql, group, "joining", name)?;
    }
    if let Some(past) = change.past {
        let name = match past {
            PastShown::All => "all",
            PastShown::SinceJoining => "joined",
        };
        set_column(sql, group, "history", name)?;
    }
    if let Some(speaking) = change.speaking {
        let bit = match speaking {
            Speaking::All => 0,
            Speaking::Admins => Rules::ADMINS_SPEAK,
        };
        // It is the one rule of a group.
        sql.run("UPDATE Conversation SET rules = ? WHERE id = ?", &[bit.into(), ConvId::group(group).into()])?;
    }
    let (after, _) = one(sql, group, by)?.ok_or(GroupRefusal::NoSuchGroup)?;
    let is_news = after != before;
    Ok(GroupChanged { group: after, is_news })
}

fn set_column(sql: &mut dyn Sql, group: GroupId, column: &str, value: &str) -> SqlResult<()> {
    sql.run(&format!("UPDATE AllGroup SET {column} = ? WHERE id = ?"), &[value.into(), group.into()])?;
    Ok(())
}

/// Gives the group another name; the one it had stays its own for a time.
fn rename(sql: &mut dyn Sql, group: GroupId, name: &str, old_name_until: UnixMs, now: UnixMs) -> Step<()> {
    let keys = Keys::of(name);
    let others = "SELECT id FROM AllGroup WHERE name_key IN (?, ?) AND id <> ?";
    let args: Vec<Arg<'_>> = keys.args().into_iter().chain([group.into()]).collect();
    let owner = group.number();
    if sql.first(others, &args)?.is_some() || held::is_name_held(sql, Named::Group, &keys, owner, now)? {
        return Err(GroupRefusal::NameTaken.into());
    }
    let old = sql.first("SELECT name_key FROM AllGroup WHERE id = ?", &[group.into()])?;
    let old_key = old.map_or(Ok(String::new()), |mut row| row.text(0))?;
    let statement = "UPDATE AllGroup SET groupname = ?, name_key = ? WHERE id = ?";
    match sql.run(statement, &[name.into(), keys.for_new()?, group.into()]) {
        Ok(_) => {}
        Err(Fault::Taken(_)) => return Err(GroupRefusal::NameTaken.into()),
        Err(fault) => return Err(fault.into()),
    }
    if old_key == keys.folded() {
        return Ok(());
    }
    held::release(sql, Named::Group, keys.folded())?;
    if old_name_until > now {
        held::hold(sql, Named::Group, &old_key, owner, old_name_until)?;
    }
    Ok(())
}

pub(super) fn set_role(
    sql: &mut dyn Sql,
    (by, user): (UserId, UserId),
    group: GroupId,
    role: Role,
    quotas: &Quotas,
) -> Step<ActedOn> {
    let action = if role == Role::Creator { Action::HandOver } else { Action::SetRole };
    lock_for(sql, action, by, group)?;
    let before = standing(sql, user, group)?.role.ok_or(GroupRefusal::NotInGroup)?;
    let person = person(sql, user)?;
    if before == role {
        return Ok(ActedOn { person, is_news: false });
    }
    if before == Role::Creator {
        return Err(GroupRefusal::IsCreator.into());
    }
    if role == Role::Creator {
        accounts::lock_devices(sql, user)?;
        if user_quota::is_full(sql, CREATED, user, (UserQuota::GroupsCreated, quotas.groups_created))? {
            return Err(GroupRefusal::Full(Quota::GroupsCreatedOfOther).into());
        }
        write_role(sql, group, by, Role::Admin)?;
    }
    write_role(sql, group, user, role)?;
    Ok(ActedOn { person, is_news: true })
}

/// Whoever speaks for the group is not muted.
fn write_role(sql: &mut dyn Sql, group: GroupId, user: UserId, role: Role) -> SqlResult<()> {
    let statement = match role {
        Role::Creator | Role::Admin => {
            "UPDATE GroupUser SET grouprole = ?, muted_until = 0 WHERE groupid = ? AND userid = ?"
        }
        Role::Normal => "UPDATE GroupUser SET grouprole = ? WHERE groupid = ? AND userid = ?",
    };
    sql.run(statement, &[role_name(role).into(), group.into(), user.into()])?;
    Ok(())
}

pub(super) fn kick(sql: &mut dyn Sql, by: UserId, group: GroupId, user: UserId) -> Step<ActedOn> {
    let role = lock_for(sql, Action::Kick, by, group)?;
    let standing = below(sql, role, group, user)?.ok_or(GroupRefusal::NotInGroup)?;
    leave(sql, user, group, standing)?;
    Ok(ActedOn { person: person(sql, user)?, is_news: true })
}

pub(super) fn ban(
    sql: &mut dyn Sql,
    (by, user): (UserId, UserId),
    group: GroupId,
    now: UnixMs,
    quotas: &Quotas,
) -> Step<ActedOn> {
    let role = lock_for(sql, Action::Ban, by, group)?;
    let person = person(sql, user)?;
    let member = below(sql, role, group, user)?;
    if !is_banned(sql, group, user)? {
        if is_full(sql, "SELECT 1 FROM GroupBan WHERE groupid = ?", &[group.into()], quotas.bans)? {
            return Err(GroupRefusal::Full(Quota::GroupBans).into());
        }
        let statement = "INSERT INTO GroupBan (groupid, userid, banned_at) VALUES (?, ?, ?)";
        sql.run(statement, &[group.into(), user.into(), now.into()])?;
    }
    forget_asks(sql, group, user)?;
    if let Some(standing) = member {
        leave(sql, user, group, standing)?;
    }
    Ok(ActedOn { person, is_news: member.is_some() })
}

/// What the user is in the group, if a member: one below somebody with the role `by`.
fn below(sql: &mut dyn Sql, by: Role, group: GroupId, user: UserId) -> Step<Option<Standing>> {
    let standing = standing(sql, user, group)?;
    match standing.role {
        None => Ok(None),
        Some(role) if rights::is_above(by, role) => Ok(Some(standing)),
        Some(_) => Err(GroupRefusal::NotAllowed.into()),
    }
}

pub(super) fn lift_ban(sql: &mut dyn Sql, by: UserId, group: GroupId, user: UserId) -> Step<()> {
    lock_for(sql, Action::LiftBan, by, group)?;
    sql.run("DELETE FROM GroupBan WHERE groupid = ? AND userid = ?", &[group.into(), user.into()])?;
    Ok(())
}

pub(super) fn bans(sql: &mut dyn Sql, by: UserId, group: GroupId, after: u32, limit: u32) -> Step<Vec<Person>> {
    look_for(sql, Action::LiftBan, by, group)?;
    let statement = "SELECT u.id, u.name FROM GroupBan b JOIN User u ON u.id = b.userid \
                     WHERE b.groupid = ? AND b.userid > ? ORDER BY b.userid LIMIT ?";
    let rows = sql.rows(statement, &[group.into(), after.into(), limit.into()])?;
    Ok(rows.into_iter().map(|mut row| row.person(0)).collect::<SqlResult<_>>()?)
}

pub(super) fn mute(
    sql: &mut dyn Sql,
    (by, user): (UserId, UserId),
    group: GroupId,
    until: UnixMs,
    now: UnixMs,
) -> Step<ActedOn> {
    let role = lock_for(sql, Action::Mute, by, group)?;
    let before = below(sql, role, group, user)?.ok_or(GroupRefusal::NotInGroup)?;
    let was = if before.muted_until > now { before.muted_until } else { UnixMs(0) };
    let until = if until > now { until } else { UnixMs(0) };
    let statement = "UPDATE GroupUser SET muted_until = ? WHERE groupid = ? AND userid = ?";
    sql.run(statement, &[until.into(), group.into(), user.into()])?;
    Ok(ActedOn { person: person(sql, user)?, is_news: was != until })
}

pub(super) fn admins(sql: &mut dyn Sql, group: GroupId, limit: u32) -> SqlResult<Vec<UserId>> {
    let statement = "SELECT userid FROM GroupUser WHERE groupid = ? AND grouprole IN ('creator', 'admin') LIMIT ?";
    sql.rows(statement, &[group.into(), limit.into()])?.iter().map(|row| row.user(0)).collect()
}
