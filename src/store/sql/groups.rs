//! Groups, their members and their members' cursors.
//!
//! Whatever changes a membership locks the group's conversation first, as appending does: a member's cursor starts at
//! an end that no append is moving, and no message is stored in a group that is being deleted.
//!
//! A group exists as long as its rows in AllGroup and Conversation do; everything that reads of a group goes by one of
//! the two. So [`delete`] removes these alone, however many members there are, and [`super::sweep`] the rest.

use std::collections::HashMap;

use super::lists::{exact_pieces, lookups, repeated};
use super::names::Keys;
use super::{Fault, Row, Sql, SqlResult, accounts, is_full};
use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, GroupId, Seq, UserId};
use crate::store::{Created, GroupRow, JoinOutcome, LeaveOutcome, Member, MemberPage, Quota, Quotas, Role};

/// The groups that exist and that a user is in; nothing counts that is only still to be swept.
const MEMBERSHIPS: &str = "SELECT 1 FROM GroupUser m JOIN Conversation v ON v.id = m.groupid WHERE m.userid = ?";

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
    let created = format!("{MEMBERSHIPS} AND m.grouprole = 'creator'");
    if is_full(sql, &created, &[creator.into()], quotas.groups_created)? {
        return Ok(Created::Full(Quota::GroupsCreated));
    }
    if is_full(sql, MEMBERSHIPS, &[creator.into()], quotas.groups_joined)? {
        return Ok(Created::Full(Quota::GroupsJoined));
    }
    let keys = Keys::of(name);
    if sql.first("SELECT id FROM AllGroup WHERE name_key IN (?, ?)", &keys.args())?.is_some() {
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
    sql.run("INSERT INTO Conversation (id, last_seq) VALUES (?, 0)", &[ConvId::group(group).into()])?;
    enter(sql, creator, group, "creator")?;
    Ok(Created::New(group))
}

pub(super) fn join(sql: &mut dyn Sql, user: UserId, group: GroupId, quotas: &Quotas) -> SqlResult<JoinOutcome> {
    let Some(last_seq) = lock(sql, group)? else { return Ok(JoinOutcome::NoSuchGroup) };
    let Some((row, is_member)) = one(sql, group, user)? else { return Ok(JoinOutcome::NoSuchGroup) };
    if is_member {
        return Ok(JoinOutcome::Already(row));
    }
    let members = sql.first("SELECT members FROM AllGroup WHERE id = ?", &[group.into()])?;
    let members = members.map_or(Ok(0), |row| row.seq(0))?;
    if quotas.group_members.is_some_and(|limit| members >= u64::from(limit)) {
        return Ok(JoinOutcome::Full(Quota::GroupMembers));
    }
    accounts::lock_devices(sql, user)?;
    if is_full(sql, MEMBERSHIPS, &[user.into()], quotas.groups_joined)? {
        return Ok(JoinOutcome::Full(Quota::GroupsJoined));
    }
    enter(sql, user, group, "normal")?;
    Ok(JoinOutcome::New { group: row, last_seq })
}

pub(super) fn quit(sql: &mut dyn Sql, user: UserId, group: GroupId) -> SqlResult<LeaveOutcome> {
    if lock(sql, group)?.is_none() {
        return Ok(LeaveOutcome::NoSuchGroup);
    }
    match role(sql, user, group)? {
        None => Ok(LeaveOutcome::NotAllowed),
        Some(Role::Creator) => Ok(LeaveOutcome::IsCreator),
        Some(Role::Normal) => {
            sql.run("DELETE FROM GroupUser WHERE groupid = ? AND userid = ?", &[group.into(), user.into()])?;
            sql.run("UPDATE AllGroup SET members = members - 1 WHERE id = ?", &[group.into()])?;
            // A device made meanwhile would get a cursor here.
            accounts::lock_devices(sql, user)?;
            delete_cursors(sql, &[user], group)?;
            Ok(LeaveOutcome::Done)
        }
    }
}

/// Deletes what makes the group exist, and notes that the rest is to be removed: with a hundred thousand members that
/// would outlast every timeout, and block the group's lane.
pub(super) fn delete(sql: &mut dyn Sql, user: UserId, group: GroupId, now: UnixMs) -> SqlResult<LeaveOutcome> {
    if lock(sql, group)?.is_none() {
        return Ok(LeaveOutcome::NoSuchGroup);
    }
    if role(sql, user, group)? != Some(Role::Creator) {
        return Ok(LeaveOutcome::NotAllowed);
    }
    sql.run("DELETE FROM AllGroup WHERE id = ?", &[group.into()])?;
    sql.run("DELETE FROM Conversation WHERE id = ?", &[ConvId::group(group).into()])?;
    sql.run("INSERT INTO DeletedGroup (id, deleted_at) VALUES (?, ?)", &[group.into(), now.into()])?;
    Ok(LeaveOutcome::Done)
}

pub(super) fn of_user(sql: &mut dyn Sql, user: UserId, after: u32, limit: u32) -> SqlResult<Vec<GroupRow>> {
    let statement = "SELECT g.id, g.groupname, g.groupdesc FROM GroupUser m JOIN AllGroup g ON g.id = m.groupid \
                     WHERE m.userid = ? AND m.groupid > ? ORDER BY m.groupid LIMIT ?";
    sql.rows(statement, &[user.into(), after.into(), limit.into()])?.into_iter().map(group_row).collect()
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

pub(super) fn one(sql: &mut dyn Sql, group: GroupId, user: UserId) -> SqlResult<Option<(GroupRow, bool)>> {
    let statement = "SELECT g.id, g.groupname, g.groupdesc, m.userid IS NOT NULL FROM AllGroup g \
                     LEFT JOIN GroupUser m ON m.groupid = g.id AND m.userid = ? WHERE g.id = ?";
    let found = sql.first(statement, &[user.into(), group.into()])?;
    let Some(row) = found else { return Ok(None) };
    let is_member = row.int(3)? != 0;
    Ok(Some((group_row(row)?, is_member)))
}

pub(super) fn members(sql: &mut dyn Sql, group: GroupId, after: u32, limit: u32) -> SqlResult<MemberPage> {
    let total = sql.first("SELECT members FROM AllGroup WHERE id = ?", &[group.into()])?;
    let Some(total) = total else { return Ok(MemberPage::default()) };
    let statement = "SELECT u.id, u.name, m.grouprole FROM GroupUser m JOIN User u ON u.id = m.userid \
                     WHERE m.groupid = ? AND m.userid > ? ORDER BY m.userid LIMIT ?";
    let rows = sql.rows(statement, &[group.into(), after.into(), limit.into()])?;
    let members = rows.into_iter().map(|row| member(row, 0)).collect::<SqlResult<_>>()?;
    Ok(MemberPage { members, total: total.seq(0)? })
}

pub(super) fn members_of_all(sql: &mut dyn Sql, groups: &[GroupId], limit: u32) -> SqlResult<Vec<MemberPage>> {
    let mut pages: HashMap<GroupId, MemberPage> = HashMap::new();
    // Each part stops at its own limit, so that a large group costs no more than a page.
    let part =
        "SELECT * FROM (SELECT groupid, userid, grouprole FROM GroupUser WHERE groupid = ? ORDER BY userid LIMIT ?) p";
    let mut once = groups.to_vec();
    once.sort_unstable();
    once.dedup();
    for lookup in lookups(&once, |group| [group.into()]) {
        let totals = format!("SELECT id, members FROM AllGroup WHERE id IN ({})", repeated("?", ",", lookup.len));
        for row in sql.rows(&totals, &lookup.args)? {
            pages.insert(row.group(0)?, MemberPage { members: Vec::new(), total: row.seq(1)? });
        }
    }
    // UNION ALL does not forgive padding with a repeated group: pieces that fill the statement exactly.
    for piece in exact_pieces(&once) {
        let statement = format!(
            "SELECT m.groupid, u.id, u.name, m.grouprole FROM ({}) m JOIN User u ON u.id = m.userid \
             ORDER BY m.groupid, u.id",
            repeated(part, " UNION ALL ", piece.len())
        );
        let args: Vec<_> = piece.iter().flat_map(|&group| [group.into(), limit.into()]).collect();
        for row in sql.rows(&statement, &args)? {
            if let Some(page) = pages.get_mut(&row.group(0)?) {
                page.members.push(member(row, 1)?);
            }
        }
    }
    Ok(groups.iter().map(|group| pages.get(group).cloned().unwrap_or_default()).collect())
}

pub(super) fn group_row(mut row: Row) -> SqlResult<GroupRow> {
    Ok(GroupRow { id: row.group(0)?, name: row.text(1)?, desc: row.text(2)? })
}

/// Locks the group's conversation; its last number, or `None` if there is no such group.
fn lock(sql: &mut dyn Sql, group: GroupId) -> SqlResult<Option<Seq>> {
    let statement = format!("SELECT last_seq FROM Conversation WHERE id = ?{}", sql.dialect().locked);
    sql.first(&statement, &[ConvId::group(group).into()])?.map(|row| row.seq(0)).transpose()
}

/// Writes the membership and the cursors of all the user's devices, which are locked, at the conversation's end.
fn enter(sql: &mut dyn Sql, user: UserId, group: GroupId, role: &str) -> SqlResult<()> {
    let conv = ConvId::group(group);
    let membership = "INSERT INTO GroupUser (groupid, userid, grouprole) VALUES (?, ?, ?)";
    sql.run(membership, &[group.into(), user.into(), role.into()])?;
    sql.run("UPDATE AllGroup SET members = members + 1 WHERE id = ?", &[group.into()])?;
    // A cursor written behind while the user was leaving may have been left over.
    delete_cursors(sql, &[user], group)?;
    let insert = "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq)";
    let unnamed = format!(
        "{insert} SELECT u.id, 0, v.id, v.last_seq, 0 FROM User u JOIN Conversation v ON v.id = ? WHERE u.id = ?"
    );
    sql.run(&unnamed, &[conv.into(), user.into()])?;
    let named = format!(
        "{insert} SELECT d.userid, d.device, v.id, v.last_seq, 0 FROM Device d JOIN Conversation v ON v.id = ? WHERE d.userid = ?"
    );
    sql.run(&named, &[conv.into(), user.into()])?;
    Ok(())
}

/// Deletes the cursors of all devices of these users, each by its whole key: a user may have thousands of others.
pub(super) fn delete_cursors(sql: &mut dyn Sql, users: &[UserId], group: GroupId) -> SqlResult<()> {
    let conv = ConvId::group(group);
    let mut devices: Vec<(UserId, DeviceId)> = users.iter().map(|&user| (user, DeviceId::UNNAMED)).collect();
    for lookup in lookups(users, |user| [user.into()]) {
        let list = repeated("?", ",", lookup.len);
        for row in sql.rows(&format!("SELECT userid, device FROM Device WHERE userid IN ({list})"), &lookup.args)? {
            devices.push((row.user(0)?, row.device(1)?));
        }
    }
    // In the order in which they are locked by whoever writes cursors: each user's unnamed device first.
    devices.sort_unstable();
    for lookup in lookups(&devices, |(user, device)| [user.into(), device.into(), conv.into()]) {
        let any = repeated("(userid = ? AND device = ? AND conv = ?)", " OR ", lookup.len);
        sql.run(&format!("DELETE FROM `Cursor` WHERE {any}"), &lookup.args)?;
    }
    Ok(())
}

fn role(sql: &mut dyn Sql, user: UserId, group: GroupId) -> SqlResult<Option<Role>> {
    let statement = "SELECT grouprole FROM GroupUser WHERE groupid = ? AND userid = ?";
    let found = sql.first(statement, &[group.into(), user.into()])?;
    found.map(|mut row| role_named(&row.text(0)?)).transpose()
}

fn member(mut row: Row, column: usize) -> SqlResult<Member> {
    let role = role_named(&row.text(column + 2)?)?;
    Ok(Member { person: row.person(column)?, role })
}

fn role_named(name: &str) -> SqlResult<Role> {
    match name {
        "creator" => Ok(Role::Creator),
        "normal" => Ok(Role::Normal),
        other => Err(Fault::Broken(format!("a member's role is {other:?}").into())),
    }
}
