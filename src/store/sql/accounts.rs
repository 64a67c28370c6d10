//! Users and their devices.

use super::lists::{lookups, repeated};
use super::names::Keys;
use super::{Fault, Row, Sql, SqlResult, held, user_quota};
use crate::clock::UnixMs;
use crate::ids::{DeviceId, NodeId, UserId};
use crate::store::{ClientDialect, Created, DeviceUse, KnownDevice, Named, UserQuota, UserRef, UserRow};

/// Devices that make room at once: an account that had thousands before there was a quota comes down to it step by step.
const DEVICES_REMOVED_MAX: u64 = 8;

pub(super) fn create(sql: &mut dyn Sql, name: &str, password: &str, now: UnixMs) -> SqlResult<Created<UserId>> {
    let keys = Keys::of(name);
    // Looked up first: a refused INSERT would use up an id.
    if sql.first("SELECT id FROM User WHERE name_key IN (?, ?)", &keys.args())?.is_some()
        || held::is_name_held(sql, Named::User, &keys, held::NOBODY, now)?
    {
        return Ok(Created::NameTaken);
    }
    let args = [name.into(), keys.for_new()?, password.into(), now.into()];
    let statement =
        "INSERT INTO User (name, name_key, password, state, created_at, asked) VALUES (?, ?, ?, 'offline', ?, 0)";
    let made = sql.run(statement, &args);
    match made {
        Ok(_) => UserId::new(sql.new_id())
            .map(Created::New)
            .ok_or_else(|| Fault::Broken("the database allocated a user's id out of range".into())),
        Err(Fault::Taken(_)) => Ok(Created::NameTaken),
        Err(fault) => Err(fault),
    }
}

pub(super) fn user(sql: &mut dyn Sql, who: UserRef<'_>) -> SqlResult<Option<UserRow>> {
    let found = match who {
        UserRef::Id(id) => {
            let statement =
                "SELECT id, name, password, dialect, disabled_at FROM User WHERE id = ? AND erased_at IS NULL";
            sql.first(statement, &[id.into()])?
        }
        UserRef::Name(name) => {
            let statement = "SELECT id, name, password, dialect, disabled_at FROM User \
                             WHERE name_key IN (?, ?) ORDER BY name_key LIMIT 1";
            sql.first(statement, &Keys::of(name).args())?
        }
    };
    found.map(user_row).transpose()
}

fn user_row(mut row: Row) -> SqlResult<UserRow> {
    // A name that this binary does not know is a later one's.
    let dialect = row.text_or_null(3)?.as_deref().and_then(ClientDialect::named);
    let is_disabled = row.time_or_null(4)?.is_some();
    Ok(UserRow { id: row.user(0)?, name: row.text(1)?, password: row.text(2)?, dialect, is_disabled })
}

pub(super) fn set_dialect(sql: &mut dyn Sql, user: UserId, dialect: Option<ClientDialect>) -> SqlResult<()> {
    let name = dialect.map(ClientDialect::name);
    sql.run("UPDATE User SET dialect = ? WHERE id = ?", &[name.into(), user.into()])?;
    Ok(())
}

/// Whether there is such a user; one that was erased is none.
pub(super) fn exists(sql: &mut dyn Sql, user: UserId) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM User WHERE id = ? AND erased_at IS NULL", &[user.into()])?.is_some())
}

/// Whether a new account may have the name, as far as it is held for somebody.
pub(super) fn is_held(sql: &mut dyn Sql, name: &str, now: UnixMs) -> SqlResult<bool> {
    held::is_name_held(sql, Named::User, &Keys::of(name), held::NOBODY, now)
}

/// Users that a node has reported online are offline. The node that a user has gone to may have been first.
const GONE: &str = "UPDATE User SET state = 'offline', state_node = NULL WHERE state_node = ? AND id IN";

pub(super) fn report_states(sql: &mut dyn Sql, node: NodeId, online: &[UserId], offline: &[UserId]) -> SqlResult<()> {
    let node = node.to_string();
    let come = "UPDATE User SET state = 'online', state_node = ? WHERE id IN";
    report(sql, come, &node, online)?;
    report(sql, GONE, &node, offline)
}

fn report(sql: &mut dyn Sql, statement: &str, node: &str, users: &[UserId]) -> SqlResult<()> {
    let mut users = users.to_vec();
    // All nodes lock rows in the same order.
    users.sort_unstable();
    for lookup in lookups(&users, |user| [user.into()]) {
        let list = repeated("?", ",", lookup.len);
        let args: Vec<_> = std::iter::once(node.into()).chain(lookup.args).collect();
        sql.run(&format!("{statement} ({list})"), &args)?;
    }
    Ok(())
}

pub(super) fn reporting_nodes(sql: &mut dyn Sql) -> SqlResult<Vec<NodeId>> {
    let rows = sql.rows("SELECT DISTINCT state_node FROM User WHERE state_node IS NOT NULL", &[])?;
    let node = |mut row: Row| Ok(NodeId::parse(&row.text(0)?));
    // What is no node's name was written by nobody who could come back: it is left alone.
    Ok(rows.into_iter().map(node).collect::<SqlResult<Vec<_>>>()?.into_iter().flatten().collect())
}

pub(super) fn report_absent(sql: &mut dyn Sql, node: NodeId, limit: u32) -> SqlResult<Vec<UserId>> {
    let node = node.to_string();
    // Locked: of two nodes that look at the same time, one gets each user.
    let locked = sql.dialect().locked;
    let found = format!("SELECT id FROM User WHERE state_node = ? ORDER BY id LIMIT ?{locked}");
    let found = sql.rows(&found, &[node.as_str().into(), limit.into()])?;
    let users = found.iter().map(|row| row.user(0)).collect::<SqlResult<Vec<_>>>()?;
    report(sql, GONE, &node, &users)?;
    Ok(users)
}

/// A device that is known; most logins need no more.
pub(super) fn known_device(sql: &mut dyn Sql, user: UserId, name: &str) -> SqlResult<Option<KnownDevice>> {
    let statement = "SELECT d.device, EXISTS (SELECT 1 FROM Device o \
                     WHERE o.userid = d.userid AND o.used >= d.used AND o.device <> d.device) \
                     FROM Device d WHERE d.userid = ? AND d.name = ?";
    let found = sql.first(statement, &[user.into(), name.into()])?;
    found.map(|row| Ok(KnownDevice { id: row.device(0)?, is_latest: row.int(1)? == 0 })).transpose()
}

/// Notes that a device is being used, and makes it where there is none of this name. Uses are counted, not timed: no clock
/// decides which device makes room.
pub(super) fn use_device(sql: &mut dyn Sql, user: UserId, name: &str, limit: Option<u32>) -> SqlResult<DeviceUse> {
    lock_devices(sql, user)?;
    let last_used = "SELECT used FROM Device WHERE userid = ? ORDER BY used DESC LIMIT 1";
    let last_used = sql.first(last_used, &[user.into()])?.map_or(Ok(0), |row| row.int(0))?;
    let used = last_used.saturating_add(1);
    if let Some(KnownDevice { id: device, .. }) = known_device(sql, user, name)? {
        sql.run(
            "UPDATE Device SET used = ? WHERE userid = ? AND device = ?",
            &[used.into(), user.into(), device.into()],
        )?;
        return Ok(DeviceUse { id: device, is_new: false, removed: Vec::new() });
    }
    let last = "SELECT device FROM Device WHERE userid = ? ORDER BY device DESC LIMIT 1";
    let last = sql.first(last, &[user.into()])?.map_or(Ok(DeviceId::UNNAMED), |row| row.device(0))?;
    // Above all there ever were: the newest device is never the one that makes room. A session of one that did may go on
    // confirming under its old number.
    let next = last.0.checked_add(1).map(DeviceId);
    let next = next.ok_or_else(|| Fault::Broken(format!("user {user} has no number left for a device").into()))?;
    let removed = make_room_for_device(sql, user, limit)?;
    sql.run(
        "INSERT INTO Device (userid, device, name, used) VALUES (?, ?, ?, ?)",
        &[user.into(), next.into(), name.into(), used.into()],
    )?;
    begin_at_the_ends(sql, user, next)?;
    Ok(DeviceUse { id: next, is_new: true, removed })
}

/// Removes the devices used longest ago, with their cursors, where there are too many.
fn make_room_for_device(sql: &mut dyn Sql, user: UserId, limit: Option<u32>) -> SqlResult<Vec<DeviceId>> {
    let Some(limit) = user_quota::of(sql, user, UserQuota::Devices, limit)? else { return Ok(Vec::new()) };
    let counted = sql.first("SELECT COUNT(*) FROM Device WHERE userid = ?", &[user.into()])?;
    let counted = counted.map_or(Ok(0), |row| row.seq(0))?;
    let too_many = (counted + 1).saturating_sub(u64::from(limit)).min(DEVICES_REMOVED_MAX);
    let oldest = "SELECT device FROM Device WHERE userid = ? ORDER BY used, device LIMIT ?";
    let removed = sql.rows(oldest, &[user.into(), too_many.into()])?;
    let removed = removed.iter().map(|row| row.device(0)).collect::<SqlResult<Vec<_>>>()?;
    for &device in &removed {
        sql.run("DELETE FROM Device WHERE userid = ? AND device = ?", &[user.into(), device.into()])?;
        sql.run("DELETE FROM `Cursor` WHERE userid = ? AND device = ?", &[user.into(), device.into()])?;
    }
    Ok(removed)
}

/// Gives a new device a cursor at the end of each of its user's conversations.
fn begin_at_the_ends(sql: &mut dyn Sql, user: UserId, device: DeviceId) -> SqlResult<()> {
    let ends = "SELECT d.userid, d.device, v.id, v.last_seq, 0 FROM Device d \
                JOIN `Cursor` c ON c.userid = d.userid AND c.device = 0 JOIN Conversation v ON v.id = c.conv \
                WHERE d.userid = ? AND d.device = ? AND (c.conv > 4294967295 \
                OR EXISTS (SELECT 1 FROM GroupUser m WHERE m.groupid = c.conv AND m.userid = c.userid))";
    let insert_new = sql.dialect().insert_new;
    let statement = format!("{insert_new} `Cursor` (userid, device, conv, delivered, read_seq) {ends}");
    sql.run(&statement, &[user.into(), device.into()])?;
    Ok(())
}

/// Keeps what is counted of a user, and the set of the user's devices, as it is until the transaction ends: a group joined meanwhile would miss the
/// new device, and all of its history would be pending there; a group that is being left would be left with the new
/// device's cursor. Taken last, after any conversation's lock.
pub(super) fn lock_devices(sql: &mut dyn Sql, user: UserId) -> SqlResult<()> {
    let locked = sql.dialect().locked;
    sql.first(&format!("SELECT id FROM User WHERE id = ?{locked}"), &[user.into()])?;
    Ok(())
}
