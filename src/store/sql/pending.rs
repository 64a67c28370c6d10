//! What devices have not confirmed: cursors against the ends of conversations.
//!
//! The rows of device 0 list a user's conversations; another device's own row, where it has one, says how far that
//! device is. A group's row counts only together with the membership, which the same statement reads: what a cursor
//! row alone says may be out of date.

use std::collections::HashMap;

use super::lists::{lookups, repeated};
use super::{Row, Sql, SqlResult};
use crate::ids::{ConvId, DeviceId, GroupId, Seq, UserId};
use crate::store::Pending;

macro_rules! positions {
    ($column:literal, $join:literal) => {
        concat!(
            "SELECT c.userid, c.conv, CASE WHEN v.floor_seq > COALESCE(d.delivered, 0) \
             THEN v.floor_seq - 1 ELSE COALESCE(d.delivered, 0) END, v.last_seq",
            $column,
            " FROM `Cursor` c \
             JOIN Conversation v ON v.id = c.conv ",
            $join,
            "LEFT JOIN `Cursor` d ON d.userid = c.userid AND d.device = ? AND d.conv = c.conv \
             WHERE c.device = 0"
        )
    };
}

/// Columns userid, conv, delivered, last_seq of the device that is the first parameter. What was kept long enough is gone: a
/// device that is behind it goes on at the first message that is still there.
const POSITIONS: &str = positions!("", "");

/// The same of groups that the user is in, with joined_seq.
const IN_GROUP: &str = positions!(", g.joined_seq", "JOIN GroupUser g ON g.groupid = c.conv AND g.userid = c.userid ");

const BEHIND: &str = "v.last_seq > COALESCE(d.delivered, 0) AND v.last_seq >= v.floor_seq";

/// The row is of a pair, or of a group that the user is in. The larger ids are those of pairs.
const OWN: &str = "(c.conv > 4294967295 \
                   OR EXISTS (SELECT 1 FROM GroupUser m WHERE m.groupid = c.conv AND m.userid = c.userid))";

pub(super) fn of_one(sql: &mut dyn Sql, user: UserId, device: DeviceId) -> SqlResult<Vec<Pending>> {
    let statement = format!("{POSITIONS} AND c.userid = ? AND {BEHIND} AND {OWN} ORDER BY c.conv");
    sql.rows(&statement, &[device.into(), user.into()])?.iter().map(pending).collect()
}

pub(super) fn of_all(sql: &mut dyn Sql, sessions: &[(UserId, DeviceId)]) -> SqlResult<Vec<Vec<Pending>>> {
    let mut found: HashMap<(UserId, DeviceId), Vec<Pending>> = HashMap::new();
    for (device, users) in by_device(sessions) {
        for lookup in lookups(&users, |user| [user.into()]) {
            let list = repeated("?", ",", lookup.len);
            let statement =
                format!("{POSITIONS} AND c.userid IN ({list}) AND {BEHIND} AND {OWN} ORDER BY c.userid, c.conv");
            let mut args = vec![device.into()];
            args.extend(lookup.args);
            for row in sql.rows(&statement, &args)? {
                found.entry((row.user(0)?, device)).or_default().push(pending(&row)?);
            }
        }
    }
    Ok(sessions.iter().map(|session| found.get(session).cloned().unwrap_or_default()).collect())
}

pub(super) fn position(sql: &mut dyn Sql, user: UserId, device: DeviceId, conv: ConvId) -> SqlResult<Option<Pending>> {
    let statement = format!("{POSITIONS} AND c.userid = ? AND c.conv = ? AND {OWN}");
    let found = sql.first(&statement, &[device.into(), user.into(), conv.into()])?;
    found.as_ref().map(pending).transpose()
}

/// Where a device is in each of these conversations, as far as the user is in them.
pub(super) fn positions(
    sql: &mut dyn Sql,
    user: UserId,
    device: DeviceId,
    convs: &[ConvId],
) -> SqlResult<HashMap<ConvId, Pending>> {
    let mut found = HashMap::new();
    for lookup in lookups(convs, |conv| [conv.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("{POSITIONS} AND c.userid = ? AND c.conv IN ({list}) AND {OWN}");
        let mut args = vec![device.into(), user.into()];
        args.extend(lookup.args);
        for row in sql.rows(&statement, &args)? {
            found.insert(row.conv(1)?, pending(&row)?);
        }
    }
    Ok(found)
}

/// Where a device is in a group.
pub(super) struct PlaceInGroup {
    pub(super) position: Pending,
    /// The member reads what comes behind it.
    pub(super) joined_seq: Seq,
}

/// Where many devices are in one group, as far as their users are in it.
pub(super) fn in_group(
    sql: &mut dyn Sql,
    group: GroupId,
    devices: &[(UserId, DeviceId)],
) -> SqlResult<HashMap<(UserId, DeviceId), PlaceInGroup>> {
    let mut found = HashMap::new();
    for (device, users) in by_device(devices) {
        for lookup in lookups(&users, |user| [user.into()]) {
            let list = repeated("?", ",", lookup.len);
            let statement = format!("{IN_GROUP} AND c.conv = ? AND c.userid IN ({list})");
            let mut args = vec![device.into(), ConvId::group(group).into()];
            args.extend(lookup.args);
            for row in sql.rows(&statement, &args)? {
                let place = PlaceInGroup { position: pending(&row)?, joined_seq: row.seq(4)? };
                found.insert((row.user(0)?, device), place);
            }
        }
    }
    Ok(found)
}

/// The users of each device number, each once: nearly all sessions have the same few.
fn by_device(sessions: &[(UserId, DeviceId)]) -> HashMap<DeviceId, Vec<UserId>> {
    let mut by_device: HashMap<DeviceId, Vec<UserId>> = HashMap::new();
    for &(user, device) in sessions {
        by_device.entry(device).or_default().push(user);
    }
    for users in by_device.values_mut() {
        users.sort_unstable();
        users.dedup();
    }
    by_device
}

fn pending(row: &Row) -> SqlResult<Pending> {
    Ok(Pending { conv: row.conv(1)?, delivered: row.seq(2)?, last_seq: row.seq(3)? })
}
