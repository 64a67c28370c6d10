//! Users, their tokens and their devices.

use super::lists::{lookups, repeated};
use super::names::Keys;
use super::{Done, Fault, Row, Sql};
use crate::clock::UnixMs;
use crate::ids::{DeviceId, NodeId, UserId};
use crate::store::{Created, TokenHash, TokenRow, UserRow, Who};

pub(super) fn create(sql: &mut dyn Sql, name: &str, password: &str, now: UnixMs) -> Done<Created<UserId>> {
    let keys = Keys::of(name);
    // Looked up first: a refused INSERT would use up an id.
    if sql.first("SELECT id FROM User WHERE name_key IN (?, ?)", &keys.args())?.is_some() {
        return Ok(Created::NameTaken);
    }
    let args = [name.into(), keys.for_new()?, password.into(), now.into()];
    let made =
        sql.run("INSERT INTO User (name, name_key, password, state, created_at) VALUES (?, ?, ?, 'offline', ?)", &args);
    match made {
        Ok(_) => UserId::new(sql.new_id())
            .map(Created::New)
            .ok_or_else(|| Fault::Broken("the database allocated a user's id out of range".into())),
        Err(Fault::Taken(_)) => Ok(Created::NameTaken),
        Err(fault) => Err(fault),
    }
}

pub(super) fn user(sql: &mut dyn Sql, who: Who<'_>) -> Done<Option<UserRow>> {
    let found = match who {
        Who::Id(id) => sql.first("SELECT id, name, password FROM User WHERE id = ?", &[id.into()])?,
        Who::Name(name) => {
            let statement = "SELECT id, name, password FROM User WHERE name_key IN (?, ?) ORDER BY name_key LIMIT 1";
            sql.first(statement, &Keys::of(name).args())?
        }
    };
    found.map(|mut row| Ok(UserRow { id: row.user(0)?, name: row.text(1)?, password: row.text(2)? })).transpose()
}

pub(super) fn report_states(sql: &mut dyn Sql, node: NodeId, online: &[UserId], offline: &[UserId]) -> Done<()> {
    let node = node.to_string();
    let come = "UPDATE User SET state = 'online', state_node = ? WHERE id IN";
    report(sql, come, &node, online)?;
    // The node that the user has gone to may have been first.
    let gone = "UPDATE User SET state = 'offline', state_node = NULL WHERE state_node = ? AND id IN";
    report(sql, gone, &node, offline)
}

fn report(sql: &mut dyn Sql, statement: &str, node: &str, users: &[UserId]) -> Done<()> {
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

pub(super) fn reporting_nodes(sql: &mut dyn Sql) -> Done<Vec<NodeId>> {
    let rows = sql.rows("SELECT DISTINCT state_node FROM User WHERE state_node IS NOT NULL", &[])?;
    let node = |mut row: Row| Ok(NodeId::parse(&row.text(0)?));
    // What is no node's name was written by nobody who could come back: it is left alone.
    Ok(rows.into_iter().map(node).collect::<Done<Vec<_>>>()?.into_iter().flatten().collect())
}

pub(super) fn report_absent(sql: &mut dyn Sql, node: NodeId) -> Done<()> {
    let node = node.to_string();
    sql.run("UPDATE User SET state = 'offline', state_node = NULL WHERE state_node = ?", &[node.as_str().into()])?;
    Ok(())
}

pub(super) fn save_token(sql: &mut dyn Sql, hash: &TokenHash, row: &TokenRow, now: UnixMs) -> Done<()> {
    sql.run("DELETE FROM AuthToken WHERE userid = ? AND expires_at <= ?", &[row.user.into(), now.into()])?;
    sql.run(
        "INSERT INTO AuthToken (token_hash, userid, expires_at) VALUES (?, ?, ?)",
        &[hash.into(), row.user.into(), row.expires_at.into()],
    )?;
    Ok(())
}

pub(super) fn token(sql: &mut dyn Sql, hash: &TokenHash, now: UnixMs) -> Done<Option<TokenRow>> {
    let statement = "SELECT userid, expires_at FROM AuthToken WHERE token_hash = ? AND expires_at > ?";
    let found = sql.first(statement, &[hash.into(), now.into()])?;
    found.map(|row| Ok(TokenRow { user: row.user(0)?, expires_at: row.time(1)? })).transpose()
}

pub(super) fn extend_token(sql: &mut dyn Sql, hash: &TokenHash, expires_at: UnixMs) -> Done<()> {
    sql.run("UPDATE AuthToken SET expires_at = ? WHERE token_hash = ?", &[expires_at.into(), hash.into()])?;
    Ok(())
}

pub(super) fn delete_token(sql: &mut dyn Sql, hash: &TokenHash) -> Done<()> {
    sql.run("DELETE FROM AuthToken WHERE token_hash = ?", &[hash.into()])?;
    Ok(())
}

/// The number of a device that is known; most logins need no more.
pub(super) fn known_device(sql: &mut dyn Sql, user: UserId, name: &str) -> Done<Option<DeviceId>> {
    let found = sql.first("SELECT device FROM Device WHERE userid = ? AND name = ?", &[user.into(), name.into()])?;
    found.map(|row| row.device(0)).transpose()
}

pub(super) fn add_device(sql: &mut dyn Sql, user: UserId, name: &str) -> Done<DeviceId> {
    lock_devices(sql, user)?;
    if let Some(device) = known_device(sql, user, name)? {
        return Ok(device);
    }
    let last = "SELECT device FROM Device WHERE userid = ? ORDER BY device DESC LIMIT 1";
    let last = sql.first(last, &[user.into()])?.map_or(Ok(DeviceId::UNNAMED), |row| row.device(0))?;
    let next = last.0.checked_add(1).map(DeviceId);
    let next = next.ok_or_else(|| Fault::Broken(format!("user {user} has no number left for a device").into()))?;
    sql.run("INSERT INTO Device (userid, device, name) VALUES (?, ?, ?)", &[user.into(), next.into(), name.into()])?;
    let ends = "SELECT d.userid, d.device, v.id, v.last_seq, 0 FROM Device d \
                JOIN `Cursor` c ON c.userid = d.userid AND c.device = 0 JOIN Conversation v ON v.id = c.conv \
                WHERE d.userid = ? AND d.device = ? AND (c.conv > 4294967295 \
                OR EXISTS (SELECT 1 FROM GroupUser m WHERE m.groupid = c.conv AND m.userid = c.userid))";
    let insert_new = sql.dialect().insert_new;
    let statement = format!("{insert_new} `Cursor` (userid, device, conv, delivered, read_seq) {ends}");
    sql.run(&statement, &[user.into(), next.into()])?;
    Ok(next)
}

/// Keeps the set of the user's devices as it is until the transaction ends: a group joined meanwhile would miss the
/// new device, and all of its history would be pending there; a group that is being left would be left with the new
/// device's cursor. Taken last, after any conversation's lock.
pub(super) fn lock_devices(sql: &mut dyn Sql, user: UserId) -> Done<()> {
    let locked = sql.dialect().locked;
    sql.first(&format!("SELECT id FROM User WHERE id = ?{locked}"), &[user.into()])?;
    Ok(())
}
