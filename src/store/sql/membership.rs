//! Membership of groups, for all who change or read it: the lock, the rows, and what one is there.
//!
//! Whatever changes a membership, a role or a setting locks the group's conversation first, as appending does: a member's
//! cursor starts at an end that no append is moving, and nothing goes through behind an acknowledged change.

use super::lists::{lookups, repeated};
use super::{Fault, Row, Sql, SqlResult, accounts, user_quota};
use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, GroupId, Seq, UserId};
use crate::store::rights::{self, Action, Denied, Joining, Rules, Standing};
use crate::store::{
    GroupRefusal, GroupRow, GroupSettings, OwnGroup, PastShown, Person, Quota, Quotas, Role, Ruled, Speaking, UserQuota,
};

/// The groups that exist and that a user is in; nothing counts that is only still to be swept.
pub(super) const MEMBERSHIPS: &str =
    "SELECT 1 FROM GroupUser m JOIN Conversation v ON v.id = m.groupid WHERE m.userid = ?";

/// Those of them that the user has created, or was given.
pub(super) const CREATED: &str = "SELECT 1 FROM GroupUser m JOIN Conversation v ON v.id = m.groupid \
                                  WHERE m.userid = ? AND m.grouprole = 'creator'";

/// What [`group_row`] reads, of a group `g` whose conversation is `v`.
pub(super) const COLUMNS: &str = "g.id, g.groupname, g.groupdesc, g.joining, g.history, COALESCE(v.rules, 0)";

/// How many of them there are.
const COLUMNS_COUNT: usize = 6;

/// What [`own_group`] reads, of the same with the membership `m`.
pub(super) const OWN_COLUMNS: &str = "g.id, g.groupname, g.groupdesc, g.joining, g.history, COALESCE(v.rules, 0), \
                                      g.members, m.grouprole";

/// Rows of GroupAsk that are invitations.
pub(super) const INVITATION: i64 = 0;
/// Rows of GroupAsk that are wishes to join.
pub(super) const WISH: i64 = 1;

/// A group's conversation, locked.
#[derive(Clone, Copy)]
pub(super) struct Locked {
    /// Its last number.
    pub last_seq: Seq,
    /// Who may do what there.
    pub rules: Rules,
}

/// Behind all mutes: for what none holds up.
const EVER: UnixMs = UnixMs(i64::MAX);

/// What ends the work of a transaction early.
pub(super) enum Stop {
    /// It is not done.
    Refused(GroupRefusal),
    /// It cannot be done.
    Fault(Fault),
}

/// What the steps of such a transaction return.
pub(super) type Step<T> = std::result::Result<T, Stop>;

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<GroupRefusal> for Stop {
    fn from(refusal: GroupRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What the transaction comes to: a refusal is an outcome.
pub(super) fn ruled<T>(step: Step<T>) -> SqlResult<Ruled<T>> {
    match step {
        Ok(done) => Ok(Ok(done)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// Whether somebody may do it, whose standing was read under the group's lock.
pub(super) fn permit(action: Action, who: Standing, rules: Rules, now: UnixMs) -> Step<Role> {
    match (rights::may(action, who, rules, now), who.role) {
        (Ok(()), Some(role)) => Ok(role),
        (Err(Denied::NoMember), _) | (_, None) => Err(GroupRefusal::NoMember.into()),
        (Err(Denied::Role | Denied::Muted(_)), _) => Err(GroupRefusal::NotAllowed.into()),
        (Err(Denied::IsCreator), _) => Err(GroupRefusal::IsCreator.into()),
    }
}

/// Locks the group for somebody who may do this there; with which role.
pub(super) fn lock_for(sql: &mut dyn Sql, action: Action, by: UserId, group: GroupId) -> Step<Role> {
    let locked = lock(sql, group)?.ok_or(GroupRefusal::NoSuchGroup)?;
    let standing = standing(sql, by, group)?;
    permit(action, standing, locked.rules, EVER)
}

/// The same for who only looks; nothing is locked.
pub(super) fn look_for(sql: &mut dyn Sql, action: Action, by: UserId, group: GroupId) -> Step<()> {
    let (row, _) = one(sql, group, by)?.ok_or(GroupRefusal::NoSuchGroup)?;
    let standing = standing(sql, by, row.id)?;
    permit(action, standing, Rules::default(), EVER).map(|_| ())
}

/// Reads [`COLUMNS`].
pub(super) fn group_row(mut row: Row) -> SqlResult<GroupRow> {
    let joining = match row.text(3)?.as_str() {
        "open" => Joining::Open,
        "ask" => Joining::Ask,
        "invite" => Joining::Invite,
        other => return Err(Fault::Broken(format!("a group is joined by {other:?}").into())),
    };
    let past = match row.text(4)?.as_str() {
        "all" => PastShown::All,
        "joined" => PastShown::SinceJoining,
        other => return Err(Fault::Broken(format!("new members read {other:?}").into())),
    };
    let speaking = if Rules(row.int(5)?).only_admins_speak() { Speaking::Admins } else { Speaking::All };
    let settings = GroupSettings { joining, speaking, past };
    Ok(GroupRow { id: row.group(0)?, name: row.text(1)?, desc: row.text(2)?, settings })
}

/// Reads [`OWN_COLUMNS`]: a group that somebody is in, and how many are.
pub(super) fn own_group(mut row: Row) -> SqlResult<(OwnGroup, u64)> {
    let (members, role) = (row.seq(COLUMNS_COUNT)?, role_named(&row.text(COLUMNS_COUNT + 1)?)?);
    Ok((OwnGroup { group: group_row(row)?, role }, members))
}

/// Locks the group's conversation; `None` if there is no such group.
pub(super) fn lock(sql: &mut dyn Sql, group: GroupId) -> SqlResult<Option<Locked>> {
    let statement = format!("SELECT last_seq, rules FROM Conversation WHERE id = ?{}", sql.dialect().locked);
    let found = sql.first(&statement, &[ConvId::group(group).into()])?;
    found.map(|row| Ok(Locked { last_seq: row.seq(0)?, rules: Rules(row.int(1)?) })).transpose()
}

/// A member to be.
#[derive(Clone, Copy)]
pub(super) struct Entrant {
    pub user: UserId,
    pub role: Role,
    /// The messages behind this one are for the new member.
    pub joined_seq: Seq,
    pub muted_until: UnixMs,
}

/// Writes the membership and the cursors of all the user's devices, which are locked, at the conversation's end.
pub(super) fn enter(sql: &mut dyn Sql, group: GroupId, entrant: Entrant) -> SqlResult<()> {
    let Entrant { user, role, joined_seq, muted_until } = entrant;
    let conv = ConvId::group(group);
    let membership =
        "INSERT INTO GroupUser (groupid, userid, grouprole, joined_seq, muted_until) VALUES (?, ?, ?, ?, ?)";
    let args = [group.into(), user.into(), role_name(role).into(), joined_seq.into(), muted_until.into()];
    sql.run(membership, &args)?;
    sql.run("UPDATE AllGroup SET members = members + 1 WHERE id = ?", &[group.into()])?;
    // A cursor written behind while the user was leaving may have been left over.
    delete_cursors(sql, &[user], group)?;
    let insert = "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq)";
    let unnamed = format!(
        "{insert} SELECT u.id, 0, v.id, v.last_seq, v.last_seq FROM User u JOIN Conversation v ON v.id = ? WHERE u.id = ?"
    );
    sql.run(&unnamed, &[conv.into(), user.into()])?;
    let named = format!(
        "{insert} SELECT d.userid, d.device, v.id, v.last_seq, 0 FROM Device d JOIN Conversation v ON v.id = ? WHERE d.userid = ?"
    );
    sql.run(&named, &[conv.into(), user.into()])?;
    Ok(())
}

/// What the user is in the group.
pub(super) fn standing(sql: &mut dyn Sql, user: UserId, group: GroupId) -> SqlResult<Standing> {
    let statement = "SELECT grouprole, muted_until FROM GroupUser WHERE groupid = ? AND userid = ?";
    let Some(mut row) = sql.first(statement, &[group.into(), user.into()])? else { return Ok(Standing::STRANGER) };
    standing_in(&mut row, 0)
}

/// A member's role and mute, in neighbouring columns.
pub(in crate::store) fn standing_in(row: &mut Row, column: usize) -> SqlResult<Standing> {
    Ok(Standing { role: Some(role_named(&row.text(column)?)?), muted_until: row.time(column + 1)? })
}

pub(super) fn is_banned(sql: &mut dyn Sql, group: GroupId, user: UserId) -> SqlResult<bool> {
    let statement = "SELECT 1 FROM GroupBan WHERE groupid = ? AND userid = ?";
    Ok(sql.first(statement, &[group.into(), user.into()])?.is_some())
}

/// Nobody waits for anything between the two any more.
pub(super) fn forget_asks(sql: &mut dyn Sql, group: GroupId, user: UserId) -> SqlResult<()> {
    let statement = "DELETE FROM GroupAsk WHERE groupid = ? AND userid = ? AND wish IN (?, ?)";
    sql.run(statement, &[group.into(), user.into(), INVITATION.into(), WISH.into()])?;
    Ok(())
}

/// A user who is there, and not erased.
pub(super) fn person(sql: &mut dyn Sql, user: UserId) -> Step<Person> {
    let found = sql.first("SELECT id, name FROM User WHERE id = ? AND erased_at IS NULL", &[user.into()])?;
    let mut row = found.ok_or(GroupRefusal::NoSuchUser)?;
    Ok(row.person(0)?)
}

/// The mute with which the user has left, if it still holds; it is the membership's again.
fn take_kept_mute(sql: &mut dyn Sql, group: GroupId, user: UserId, now: UnixMs) -> SqlResult<UnixMs> {
    let key = [group.into(), user.into()];
    let kept = sql.first("SELECT muted_until FROM KeptMute WHERE groupid = ? AND userid = ?", &key)?;
    let Some(kept) = kept else { return Ok(UnixMs(0)) };
    sql.run("DELETE FROM KeptMute WHERE groupid = ? AND userid = ?", &key)?;
    let until = kept.time(0)?;
    Ok(if until > now { until } else { UnixMs(0) })
}

pub(super) fn one(sql: &mut dyn Sql, group: GroupId, user: UserId) -> SqlResult<Option<(GroupRow, Option<Role>)>> {
    let statement = format!(
        "SELECT {COLUMNS}, m.grouprole FROM AllGroup g JOIN Conversation v ON v.id = g.id \
         LEFT JOIN GroupUser m ON m.groupid = g.id AND m.userid = ? WHERE g.id = ?"
    );
    let found = sql.first(&statement, &[user.into(), group.into()])?;
    let Some(mut row) = found else { return Ok(None) };
    let role = row.text_or_null(COLUMNS_COUNT)?.map(|name| role_named(&name)).transpose()?;
    Ok(Some((group_row(row)?, role)))
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

/// Makes a user a member who may come in, and whom nothing waits for any more; or the quota that forbids it.
pub(super) fn admit(
    sql: &mut dyn Sql,
    user: UserId,
    (group, locked): (&GroupRow, Locked),
    now: UnixMs,
    quotas: &Quotas,
) -> SqlResult<Option<Quota>> {
    let members = sql.first("SELECT members FROM AllGroup WHERE id = ?", &[group.id.into()])?;
    let members = members.map_or(Ok(0), |row| row.seq(0))?;
    if quotas.group_members.is_some_and(|limit| members >= u64::from(limit)) {
        return Ok(Some(Quota::GroupMembers));
    }
    accounts::lock_devices(sql, user)?;
    if user_quota::is_full(sql, MEMBERSHIPS, user, (UserQuota::GroupsJoined, quotas.groups_joined))? {
        return Ok(Some(Quota::GroupsJoined));
    }
    let joined_seq = match group.settings.past {
        PastShown::All => 0,
        PastShown::SinceJoining => locked.last_seq,
    };
    let muted_until = take_kept_mute(sql, group.id, user, now)?;
    enter(sql, group.id, Entrant { user, role: Role::Normal, joined_seq, muted_until })?;
    forget_asks(sql, group.id, user)?;
    Ok(None)
}

/// Ends a membership; the group is locked. A mute is kept: nobody gets rid of it by leaving and coming back.
pub(super) fn leave(sql: &mut dyn Sql, user: UserId, group: GroupId, standing: Standing) -> SqlResult<()> {
    sql.run("DELETE FROM GroupUser WHERE groupid = ? AND userid = ?", &[group.into(), user.into()])?;
    sql.run("UPDATE AllGroup SET members = members - 1 WHERE id = ?", &[group.into()])?;
    if standing.muted_until > UnixMs(0) {
        sql.run("DELETE FROM KeptMute WHERE groupid = ? AND userid = ?", &[group.into(), user.into()])?;
        let keep = "INSERT INTO KeptMute (groupid, userid, muted_until) VALUES (?, ?, ?)";
        sql.run(keep, &[group.into(), user.into(), standing.muted_until.into()])?;
    }
    // A device made meanwhile would get a cursor here.
    accounts::lock_devices(sql, user)?;
    delete_cursors(sql, &[user], group)
}

/// What a role is called in the table.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Creator => "creator",
        Role::Admin => "admin",
        Role::Normal => "normal",
    }
}

/// The role that is called so.
pub(in crate::store) fn role_named(name: &str) -> SqlResult<Role> {
    match name {
        "creator" => Ok(Role::Creator),
        "admin" => Ok(Role::Admin),
        "normal" => Ok(Role::Normal),
        other => Err(Fault::Broken(format!("a member's role is {other:?}").into())),
    }
}
