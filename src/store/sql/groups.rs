//! Groups: made, left and deleted, and the lists of them and of their members.
//!
//! A group exists as long as its rows in AllGroup and Conversation do; everything that reads of a group goes by one of
//! the two. So [`delete`] removes these alone, however many members there are, and [`super::sweep`] the rest.

use std::collections::HashMap;

use super::held::NOBODY;
use super::lists::{exact_pieces, lookups, repeated};
use super::membership::{
    CREATED, Entrant, MEMBERSHIPS, OWN_COLUMNS, enter, leave, lock, own_group, role_named, standing,
};
use super::names::Keys;
use super::{Fault, Row, Sql, SqlResult, accounts, changes, held, user_quota};
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, UserId};
use crate::store::rights::{self, Action, Denied};
use crate::store::{Created, LeaveOutcome, Member, MemberPage, Named, OwnGroup, Quota, Quotas, Role, UserQuota};

/// A part of a UNION ALL with a limit of its own costs MariaDB as much as so many rows. Members up to so many more than wanted are
/// read and left out.
const ROWS_OF_A_PART: u64 = 48;

/// A group that somebody wants to have.
#[derive(Clone, Copy)]
pub(super) struct NewGroup<'a> {
    pub creator: UserId,
    pub name: &'a str,
    pub desc: &'a str,
}

pub(super) fn create(
    sql: &mut dyn Sql,
    NewGroup { creator, name, desc }: NewGroup<'_>,
    now: UnixMs,
    quotas: &Quotas,
) -> SqlResult<Created<GroupId>> {
    accounts::lock_devices(sql, creator)?;
    if user_quota::is_full(sql, CREATED, creator, (UserQuota::GroupsCreated, quotas.groups_created))? {
        return Ok(Created::Full(Quota::GroupsCreated));
    }
    if user_quota::is_full(sql, MEMBERSHIPS, creator, (UserQuota::GroupsJoined, quotas.groups_joined))? {
        return Ok(Created::Full(Quota::GroupsJoined));
    }
    let keys = Keys::of(name);
    let is_taken = sql.first("SELECT id FROM AllGroup WHERE name_key IN (?, ?)", &keys.args())?.is_some();
    if is_taken || held::is_name_held(sql, Named::Group, &keys, NOBODY, now)? {
        return Ok(Created::NameTaken);
    }
    let args = [name.into(), keys.for_new()?, desc.into(), now.into()];
    match sql.run("INSERT INTO AllGroup (groupname, name_key, groupdesc, created_at) VALUES (?, ?, ?, ?)", &args) {
        Ok(_) => {}
        Err(Fault::Taken(_)) => return Ok(Created::NameTaken),
        Err(fault) => return Err(fault),
    }
    let group = GroupId::new(sql.new_id())
        .ok_or_else(|| Fault::Broken("the database allocated a group's id out of range".into()))?;
    let conversation = "INSERT INTO Conversation (id, last_seq, active_at) VALUES (?, 0, ?)";
    sql.run(conversation, &[ConvId::group(group).into(), now.into()])?;
    let entrant = Entrant { user: creator, role: Role::Creator, joined_seq: 0, muted_until: UnixMs(0) };
    enter(sql, group, entrant)?;
    Ok(Created::New(group))
}

pub(super) fn quit(sql: &mut dyn Sql, user: UserId, group: GroupId) -> SqlResult<LeaveOutcome> {
    let Some(locked) = lock(sql, group)? else { return Ok(LeaveOutcome::NoSuchGroup) };
    let standing = standing(sql, user, group)?;
    // No mute keeps anybody.
    match rights::may(Action::Quit, standing, locked.rules, UnixMs(0)) {
        Ok(()) => {
            leave(sql, user, group, standing)?;
            Ok(LeaveOutcome::Done)
        }
        Err(Denied::IsCreator) => Ok(LeaveOutcome::IsCreator),
        Err(Denied::NoMember | Denied::Role | Denied::Muted(_)) => Ok(LeaveOutcome::NotAllowed),
    }
}

/// Deletes what makes the group exist, and notes that the rest is to be removed: with a hundred thousand members that
/// would outlast every timeout, and block the group's lane.
pub(super) fn delete(sql: &mut dyn Sql, user: UserId, group: GroupId, now: UnixMs) -> SqlResult<LeaveOutcome> {
    let Some(locked) = lock(sql, group)? else { return Ok(LeaveOutcome::NoSuchGroup) };
    let standing = standing(sql, user, group)?;
    if rights::may(Action::Delete, standing, locked.rules, now).is_err() {
        return Ok(LeaveOutcome::NotAllowed);
    }
    remove(sql, group, now)?;
    Ok(LeaveOutcome::Done)
}

/// The group, which is locked, exists for nobody any more.
pub(super) fn remove(sql: &mut dyn Sql, group: GroupId, now: UnixMs) -> SqlResult<()> {
    sql.run("DELETE FROM AllGroup WHERE id = ?", &[group.into()])?;
    sql.run("DELETE FROM Conversation WHERE id = ?", &[ConvId::group(group).into()])?;
    sql.run("INSERT INTO DeletedGroup (id, deleted_at) VALUES (?, ?)", &[group.into(), now.into()])?;
    changes::note_gone(sql, group)
}

pub(super) fn of_user(sql: &mut dyn Sql, user: UserId, after: u32, limit: u32) -> SqlResult<Vec<(OwnGroup, u64)>> {
    let statement = format!(
        "SELECT {OWN_COLUMNS} FROM GroupUser m JOIN AllGroup g ON g.id = m.groupid \
         JOIN Conversation v ON v.id = m.groupid WHERE m.userid = ? AND m.groupid > ? ORDER BY m.groupid LIMIT ?"
    );
    sql.rows(&statement, &[user.into(), after.into(), limit.into()])?.into_iter().map(own_group).collect()
}

pub(super) fn ids_of_user(sql: &mut dyn Sql, user: UserId) -> SqlResult<Vec<GroupId>> {
    let statement = "SELECT m.groupid FROM GroupUser m JOIN Conversation v ON v.id = m.groupid \
                     WHERE m.userid = ? ORDER BY m.groupid";
    sql.rows(statement, &[user.into()])?.iter().map(|row| row.group(0)).collect()
}

pub(super) fn ids_of_users(sql: &mut dyn Sql, users: &[UserId]) -> SqlResult<Vec<Vec<GroupId>>> {
    let mut once = users.to_vec();
    once.sort_unstable();
    once.dedup();
    let mut found: HashMap<UserId, Vec<GroupId>> = HashMap::new();
    for lookup in lookups(&once, |user| [user.into()]) {
        let statement = format!(
            "SELECT m.userid, m.groupid FROM GroupUser m JOIN Conversation v ON v.id = m.groupid \
             WHERE m.userid IN ({}) ORDER BY m.userid, m.groupid",
            repeated("?", ",", lookup.len)
        );
        for row in sql.rows(&statement, &lookup.args)? {
            found.entry(row.user(0)?).or_default().push(row.group(1)?);
        }
    }
    Ok(users.iter().map(|user| found.get(user).cloned().unwrap_or_default()).collect())
}

pub(super) fn members(sql: &mut dyn Sql, group: GroupId, after: u32, limit: u32) -> SqlResult<MemberPage> {
    let total = sql.first("SELECT members FROM AllGroup WHERE id = ?", &[group.into()])?;
    let Some(total) = total else { return Ok(MemberPage::default()) };
    let statement = "SELECT u.id, u.name, m.grouprole, u.profile FROM GroupUser m JOIN User u ON u.id = m.userid \
                     WHERE m.groupid = ? AND m.userid > ? ORDER BY m.userid LIMIT ?";
    let rows = sql.rows(statement, &[group.into(), after.into(), limit.into()])?;
    let members = rows.into_iter().map(|row| member(row, 0)).collect::<SqlResult<_>>()?;
    Ok(MemberPage { members, total: total.seq(0)? })
}

pub(super) fn members_of_all(sql: &mut dyn Sql, groups: &[(GroupId, u64)], limit: u32) -> SqlResult<Vec<Vec<Member>>> {
    let mut once = groups.to_vec();
    once.sort_unstable();
    once.dedup_by_key(|(group, _)| *group);
    let small_max = u64::from(limit) + ROWS_OF_A_PART;
    let (small, large): (Vec<_>, Vec<_>) = once.into_iter().partition(|(_, members)| *members <= small_max);
    let mut found = HashMap::new();
    let ids = |groups: Vec<(GroupId, u64)>| groups.into_iter().map(|(group, _)| group).collect::<Vec<_>>();
    all_members(sql, &ids(small), &mut found)?;
    first_members(sql, &ids(large), limit, &mut found)?;
    for members in found.values_mut() {
        members.sort_unstable_by_key(|member| member.person.id);
        // There may be more by now than were told.
        members.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(groups.iter().map(|(group, _)| found.get(group).cloned().unwrap_or_default()).collect())
}

/// All members of groups that are known to be small, in any order.
fn all_members(sql: &mut dyn Sql, groups: &[GroupId], found: &mut HashMap<GroupId, Vec<Member>>) -> SqlResult<()> {
    for lookup in lookups(groups, |group| [group.into()]) {
        let statement = format!(
            "SELECT m.groupid, u.id, u.name, m.grouprole, u.profile FROM GroupUser m JOIN User u ON u.id = m.userid \
             WHERE m.groupid IN ({})",
            repeated("?", ",", lookup.len)
        );
        for row in sql.rows(&statement, &lookup.args)? {
            found.entry(row.group(0)?).or_default().push(member(row, 1)?);
        }
    }
    Ok(())
}

/// The first members of groups, in any order. Each part stops at its own limit, so that a large group costs no more than a page.
fn first_members(
    sql: &mut dyn Sql,
    groups: &[GroupId],
    limit: u32,
    found: &mut HashMap<GroupId, Vec<Member>>,
) -> SqlResult<()> {
    let part =
        "SELECT * FROM (SELECT groupid, userid, grouprole FROM GroupUser WHERE groupid = ? ORDER BY userid LIMIT ?) p";
    // UNION ALL does not forgive padding with a repeated group: pieces that fill the statement exactly.
    for piece in exact_pieces(groups) {
        let statement = format!(
            "SELECT m.groupid, u.id, u.name, m.grouprole, u.profile FROM ({}) m JOIN User u ON u.id = m.userid",
            repeated(part, " UNION ALL ", piece.len())
        );
        let args: Vec<_> = piece.iter().flat_map(|&group| [group.into(), limit.into()]).collect();
        for row in sql.rows(&statement, &args)? {
            found.entry(row.group(0)?).or_default().push(member(row, 1)?);
        }
    }
    Ok(())
}

fn member(mut row: Row, column: usize) -> SqlResult<Member> {
    let role = role_named(&row.text(column + 2)?)?;
    Ok(Member { profile: row.text_or_null(column + 3)?, person: row.person(column)?, role })
}
