//! How users come into groups: by themselves, invited, or let in; and what waits for an answer meanwhile.

use super::membership::{
    INVITATION, Locked, Step, Stop, WISH, admit, is_banned, lock, look_for, one, permit, person, standing,
};
use super::{Arg, Row, Sql, SqlResult, accounts, friends, user_quota};
use crate::clock::UnixMs;
use crate::ids::{GroupId, UserId};
use crate::store::rights::{self, Action, Joining};
use crate::store::{
    GroupInvitation, GroupRefusal, GroupRow, JoinOutcome, LetIn, OpenGroupAsk, OwnGroup, Person, Quota, Quotas,
    UserQuota,
};

/// The wishes of a user that wait for an answer.
const WISHES: &str =
    "SELECT 1 FROM GroupAsk a JOIN Conversation v ON v.id = a.groupid WHERE a.userid = ? AND a.wish = 1";

/// The invitations of a user that wait for an answer.
const INVITED: &str = "SELECT 1 FROM GroupAsk a JOIN Conversation v ON v.id = a.groupid WHERE a.invited_by = ?";

pub(super) fn join(
    sql: &mut dyn Sql,
    user: UserId,
    group: GroupId,
    now: UnixMs,
    quotas: &Quotas,
) -> SqlResult<JoinOutcome> {
    let Some(locked) = lock(sql, group)? else { return Ok(JoinOutcome::NoSuchGroup) };
    let Some((row, role)) = one(sql, group, user)? else { return Ok(JoinOutcome::NoSuchGroup) };
    if let Some(role) = role {
        return Ok(JoinOutcome::Already(OwnGroup { group: row, role }));
    }
    if is_banned(sql, group, user)? {
        return Ok(JoinOutcome::Banned);
    }
    let joining = row.settings.joining;
    if joining != Joining::Open && !is_invited(sql, user, &row)? {
        return match joining {
            Joining::Invite => Ok(JoinOutcome::InviteOnly),
            Joining::Open | Joining::Ask => wish(sql, user, row, now, quotas),
        };
    }
    Ok(match admit(sql, user, (&row, locked), now, quotas)? {
        Some(quota) => JoinOutcome::Full(quota),
        None => JoinOutcome::New { group: row, last_seq: locked.last_seq },
    })
}

/// Notes that a user wants to come in.
fn wish(sql: &mut dyn Sql, user: UserId, group: GroupRow, now: UnixMs, quotas: &Quotas) -> SqlResult<JoinOutcome> {
    if asked(sql, group.id, WISH, user)?.is_some() {
        return Ok(JoinOutcome::Waiting { group, is_news: false });
    }
    accounts::lock_devices(sql, user)?;
    if user_quota::is_full(sql, WISHES, user, (UserQuota::FriendRequests, quotas.friend_requests))? {
        return Ok(JoinOutcome::Full(Quota::GroupAsks));
    }
    write_ask(sql, group.id, user, None, now)?;
    Ok(JoinOutcome::Waiting { group, is_news: true })
}

pub(super) fn invite(
    sql: &mut dyn Sql,
    (by, user): (UserId, UserId),
    group: GroupId,
    now: UnixMs,
    quotas: &Quotas,
) -> Step<GroupRow> {
    let locked = lock(sql, group)?.ok_or(GroupRefusal::NoSuchGroup)?;
    let (row, _) = one(sql, group, by)?.ok_or(GroupRefusal::NoSuchGroup)?;
    let joining = row.settings.joining;
    let inviter = standing(sql, by, group)?;
    permit(Action::Invite(joining), inviter, locked.rules, now)?;
    let may_admit = rights::may(Action::Admit, inviter, locked.rules, now).is_ok();
    // Whoever blocks locks the two as well: an acknowledged block holds.
    friends::lock_both(sql, by, user)?.ok_or(GroupRefusal::NoSuchUser)?;
    person(sql, user)?;
    let blocked = "SELECT 1 FROM Block WHERE userid = ? AND blocked = ?";
    if sql.first(blocked, &[user.into(), by.into()])?.is_some() {
        return Err(GroupRefusal::IsBlocked.into());
    }
    if standing(sql, user, group)?.role.is_some() {
        return Err(GroupRefusal::IsMember.into());
    }
    let banned = is_banned(sql, group, user)?;
    if banned && !may_admit {
        return Err(GroupRefusal::IsBanned.into());
    }
    let stays = match asked(sql, group, INVITATION, user)? {
        None => false,
        // One that is worth more stays.
        Some(earlier) => earlier.invited_by == Some(by) || (!may_admit && is_admin(sql, group, earlier.invited_by)?),
    };
    if !stays && user_quota::is_full(sql, INVITED, by, (UserQuota::FriendRequests, quotas.friend_requests))? {
        return Err(GroupRefusal::Full(Quota::GroupAsks).into());
    }
    if banned {
        sql.run("DELETE FROM GroupBan WHERE groupid = ? AND userid = ?", &[group.into(), user.into()])?;
    }
    if !stays {
        write_ask(sql, group, user, Some(by), now)?;
        super::asked::note(sql, user)?;
    }
    Ok(row)
}

pub(super) fn answer_invitation(
    sql: &mut dyn Sql,
    user: UserId,
    group: GroupId,
    answer: Answer,
    quotas: &Quotas,
) -> Step<Option<LetIn>> {
    let locked = lock(sql, group)?.ok_or(GroupRefusal::NoSuchGroup)?;
    let (row, _) = one(sql, group, user)?.ok_or(GroupRefusal::NoSuchGroup)?;
    if asked(sql, group, INVITATION, user)?.is_none() {
        return Err(GroupRefusal::NothingToAnswer.into());
    }
    if !answer.accept {
        delete_ask(sql, group, INVITATION, user)?;
        return Ok(None);
    }
    if !is_invited(sql, user, &row)? {
        return Err(GroupRefusal::NothingToAnswer.into());
    }
    let_in(sql, user, (row, locked), answer.now, quotas).map(Some)
}

pub(super) fn answer_wish(
    sql: &mut dyn Sql,
    (by, user): (UserId, UserId),
    group: GroupId,
    answer: Answer,
    quotas: &Quotas,
) -> Step<Option<LetIn>> {
    let locked = lock(sql, group)?.ok_or(GroupRefusal::NoSuchGroup)?;
    let (row, _) = one(sql, group, by)?.ok_or(GroupRefusal::NoSuchGroup)?;
    permit(Action::Admit, standing(sql, by, group)?, locked.rules, answer.now)?;
    if asked(sql, group, WISH, user)?.is_none() {
        return Err(GroupRefusal::NothingToAnswer.into());
    }
    if !answer.accept {
        delete_ask(sql, group, WISH, user)?;
        return Ok(None);
    }
    match let_in(sql, user, (row, locked), answer.now, quotas) {
        Err(Stop::Refused(GroupRefusal::Full(Quota::GroupsJoined))) => {
            Err(GroupRefusal::Full(Quota::GroupsJoinedOfOther).into())
        }
        done => done.map(Some),
    }
}

/// An answer, and when it was given.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub accept: bool,
    pub now: UnixMs,
}

/// Where there is no room, what was asked stays: it may be answered later.
fn let_in(
    sql: &mut dyn Sql,
    user: UserId,
    (group, locked): (GroupRow, Locked),
    now: UnixMs,
    quotas: &Quotas,
) -> Step<LetIn> {
    let person = person(sql, user)?;
    match admit(sql, user, (&group, locked), now, quotas)? {
        Some(quota) => Err(GroupRefusal::Full(quota).into()),
        None => Ok(LetIn { person, group, last_seq: locked.last_seq }),
    }
}

pub(super) fn wishes(sql: &mut dyn Sql, by: UserId, group: GroupId, after: u32, limit: u32) -> Step<Vec<Person>> {
    look_for(sql, Action::Admit, by, group)?;
    let statement = "SELECT u.id, u.name FROM GroupAsk a JOIN User u ON u.id = a.userid \
                     WHERE a.groupid = ? AND a.wish = 1 AND a.userid > ? ORDER BY a.userid LIMIT ?";
    let rows = sql.rows(statement, &[group.into(), after.into(), limit.into()])?;
    Ok(rows.into_iter().map(|mut row| row.person(0)).collect::<SqlResult<_>>()?)
}

pub(super) fn invitations(sql: &mut dyn Sql, user: UserId, limit: u32) -> SqlResult<Vec<GroupInvitation>> {
    let statement = "SELECT u.id, u.name, g.id, g.groupname FROM GroupAsk a JOIN User u ON u.id = a.invited_by \
                     JOIN AllGroup g ON g.id = a.groupid \
                     WHERE a.userid = ? AND a.wish = 0 ORDER BY a.asked_at, a.groupid LIMIT ?";
    let invitation =
        |mut row: Row| Ok(GroupInvitation { from: row.person(0)?, group: row.group(2)?, name: row.text(3)? });
    sql.rows(statement, &[user.into(), limit.into()])?.into_iter().map(invitation).collect()
}

pub(super) fn open_asks(sql: &mut dyn Sql, user: UserId, limit: u32) -> SqlResult<Vec<OpenGroupAsk>> {
    let statement = "SELECT g.id, g.groupname, a.asked_at, a.wish, a.invited_by, COALESCE(u.name, '') FROM GroupAsk a \
                     JOIN AllGroup g ON g.id = a.groupid LEFT JOIN User u ON u.id = a.invited_by \
                     WHERE a.userid = ? ORDER BY a.asked_at, a.groupid, a.wish LIMIT ?";
    let ask = |mut row: Row| {
        let invited_by = if row.int(3)? == INVITATION { Some(row.person(4)?) } else { None };
        Ok(OpenGroupAsk { group: row.group(0)?, name: row.text(1)?, invited_by, asked_at: row.time(2)? })
    };
    sql.rows(statement, &[user.into(), limit.into()])?.into_iter().map(ask).collect()
}

pub(super) fn withdraw(sql: &mut dyn Sql, user: UserId, group: GroupId) -> SqlResult<bool> {
    // Whoever answers holds the same lock.
    if lock(sql, group)?.is_none() {
        return Ok(false);
    }
    Ok(delete_ask(sql, group, WISH, user)? > 0)
}

/// Whether the user holds an invitation, and the one who gave it may give it now.
fn is_invited(sql: &mut dyn Sql, user: UserId, group: &GroupRow) -> SqlResult<bool> {
    let Some(ask) = asked(sql, group.id, INVITATION, user)? else { return Ok(false) };
    Ok(group.settings.joining == Joining::Open || is_admin(sql, group.id, ask.invited_by)?)
}

/// Whether this user, if there is one, lets others in now.
fn is_admin(sql: &mut dyn Sql, group: GroupId, user: Option<UserId>) -> SqlResult<bool> {
    let Some(user) = user else { return Ok(false) };
    let standing = standing(sql, user, group)?;
    Ok(rights::may(Action::Admit, standing, rights::Rules::default(), standing.muted_until).is_ok())
}

/// A row of GroupAsk.
struct OpenAsk {
    /// Who invites; `None`: the user wants to come in.
    invited_by: Option<UserId>,
}

/// What is open between the two, of this kind.
fn asked(sql: &mut dyn Sql, group: GroupId, wish: i64, user: UserId) -> SqlResult<Option<OpenAsk>> {
    let statement = "SELECT COALESCE(invited_by, 0) FROM GroupAsk WHERE groupid = ? AND wish = ? AND userid = ?";
    let found = sql.first(statement, &[group.into(), wish.into(), user.into()])?;
    found.map(|row| Ok(OpenAsk { invited_by: UserId::new(row.int(0)?) })).transpose()
}

/// Writes an invitation, or a wish, in the place of an earlier one.
fn write_ask(
    sql: &mut dyn Sql,
    group: GroupId,
    user: UserId,
    invited_by: Option<UserId>,
    now: UnixMs,
) -> SqlResult<()> {
    let (wish, inviter) = match invited_by {
        Some(inviter) => (INVITATION, inviter.into()),
        None => (WISH, Arg::Null),
    };
    delete_ask(sql, group, wish, user)?;
    let statement = "INSERT INTO GroupAsk (groupid, userid, wish, invited_by, asked_at) VALUES (?, ?, ?, ?, ?)";
    sql.run(statement, &[group.into(), user.into(), wish.into(), inviter, now.into()])?;
    Ok(())
}

fn delete_ask(sql: &mut dyn Sql, group: GroupId, wish: i64, user: UserId) -> SqlResult<u64> {
    let statement = "DELETE FROM GroupAsk WHERE groupid = ? AND wish = ? AND userid = ?";
    sql.run(statement, &[group.into(), wish.into(), user.into()])
}
