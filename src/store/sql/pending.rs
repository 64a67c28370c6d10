//! What devices have not confirmed: cursors against the ends of conversations.
//!
//! The rows of device 0 list a user's conversations; another device's own row, where it has one, says how far that
//! device is. A group's row counts only together with the membership, which the same statement reads: what a cursor
//! row alone says may be out of date.

use std::collections::HashMap;

use super::lists::{lookups, repeated};
use super::{Arg, Row, Sql, SqlResult};
use crate::ids::{ConvId, DeviceId, GroupId, Seq, UserId};
use crate::store::Pending;

/// The rows of a user's conversations, `c`, with the conversations, `v`, and the membership, `m`. That is joined, not looked for by
/// EXISTS: for EXISTS MariaDB makes a table each time, which takes four times as long where a user has a thousand conversations.
const OF_UNNAMED: &str = "`Cursor` c JOIN Conversation v ON v.id = c.conv \
                          LEFT JOIN GroupUser m ON m.groupid = c.conv AND m.userid = c.userid WHERE c.device = 0";

/// The same with the row of another device, `d`, whose number is the parameter.
const OF_NAMED: &str = "`Cursor` c JOIN Conversation v ON v.id = c.conv \
                        LEFT JOIN `Cursor` d ON d.userid = c.userid AND d.device = ? AND d.conv = c.conv \
                        LEFT JOIN GroupUser m ON m.groupid = c.conv AND m.userid = c.userid WHERE c.device = 0";

/// The row is of a pair, or of a group that the user is in. The larger ids are those of pairs.
pub(super) const OWN: &str = "(c.conv > 4294967295 OR m.userid IS NOT NULL)";

/// Where a device is, as parts of a statement.
pub(super) struct Positions {
    /// The conversation, what was delivered, and the end. What was kept long enough is gone: a device that is behind it goes on
    /// at the first message that is still there.
    pub columns: [&'static str; 3],
    /// What follows FROM, up to a condition.
    pub source: &'static str,
    /// The condition that something is not confirmed.
    pub is_behind: &'static str,
    /// The parameter in `source`, if there is one.
    pub device: Option<Arg<'static>>,
}

impl Positions {
    pub(super) fn of(device: DeviceId) -> Self {
        if device == DeviceId::UNNAMED {
            let delivered = "CASE WHEN v.floor_seq > c.delivered THEN v.floor_seq - 1 ELSE c.delivered END";
            return Self {
                columns: ["c.conv", delivered, "v.last_seq"],
                source: OF_UNNAMED,
                is_behind: "v.last_seq > c.delivered AND v.last_seq >= v.floor_seq",
                device: None,
            };
        }
        let delivered = "CASE WHEN v.floor_seq > COALESCE(d.delivered, 0) THEN v.floor_seq - 1 \
                         ELSE COALESCE(d.delivered, 0) END";
        Self {
            columns: ["c.conv", delivered, "v.last_seq"],
            source: OF_NAMED,
            is_behind: "v.last_seq > COALESCE(d.delivered, 0) AND v.last_seq >= v.floor_seq",
            device: Some(device.into()),
        }
    }

    /// A statement of them, to which further conditions are added; columns userid, conv, delivered, last_seq.
    fn select(&self) -> String {
        let [conv, delivered, last_seq] = self.columns;
        format!("SELECT c.userid, {conv}, {delivered}, {last_seq} FROM {}", self.source)
    }

    fn with<'a>(&self, args: impl IntoIterator<Item = Arg<'a>>) -> Vec<Arg<'a>> {
        self.device.into_iter().chain(args).collect()
    }
}

pub(super) fn of_one(sql: &mut dyn Sql, user: UserId, device: DeviceId) -> SqlResult<Vec<Pending>> {
    let positions = Positions::of(device);
    let statement =
        format!("{} AND c.userid = ? AND {} AND {OWN} ORDER BY c.conv", positions.select(), positions.is_behind);
    sql.rows(&statement, &positions.with([user.into()]))?.iter().map(pending).collect()
}

pub(super) fn of_all(sql: &mut dyn Sql, sessions: &[(UserId, DeviceId)]) -> SqlResult<Vec<Vec<Pending>>> {
    let mut found: HashMap<(UserId, DeviceId), Vec<Pending>> = HashMap::new();
    for (device, users) in by_device(sessions) {
        for lookup in lookups(&users, |user| [user.into()]) {
            let list = repeated("?", ",", lookup.len);
            let positions = Positions::of(device);
            let (select, is_behind) = (positions.select(), positions.is_behind);
            let statement =
                format!("{select} AND c.userid IN ({list}) AND {is_behind} AND {OWN} ORDER BY c.userid, c.conv");
            for row in sql.rows(&statement, &positions.with(lookup.args))? {
                found.entry((row.user(0)?, device)).or_default().push(pending(&row)?);
            }
        }
    }
    Ok(sessions.iter().map(|session| found.get(session).cloned().unwrap_or_default()).collect())
}

pub(super) fn position(sql: &mut dyn Sql, user: UserId, device: DeviceId, conv: ConvId) -> SqlResult<Option<Pending>> {
    let positions = Positions::of(device);
    let statement = format!("{} AND c.userid = ? AND c.conv = ? AND {OWN}", positions.select());
    let found = sql.first(&statement, &positions.with([user.into(), conv.into()]))?;
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
        let positions = Positions::of(device);
        let statement = format!("{} AND c.userid = ? AND c.conv IN ({list}) AND {OWN}", positions.select());
        let args = positions.with(std::iter::once(user.into()).chain(lookup.args));
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
            let positions = Positions::of(device);
            let [conv, delivered, last_seq] = positions.columns;
            let statement = format!(
                "SELECT c.userid, {conv}, {delivered}, {last_seq}, m.joined_seq FROM {} \
                 AND m.userid IS NOT NULL AND c.conv = ? AND c.userid IN ({list})",
                positions.source
            );
            let args = positions.with(std::iter::once(ConvId::group(group).into()).chain(lookup.args));
            for row in sql.rows(&statement, &args)? {
                let place = PlaceInGroup { position: pending(&row)?, joined_seq: row.seq(4)? };
                found.insert((row.user(0)?, device), place);
            }
        }
    }
    Ok(found)
}

/// The users of each device number, each once: nearly all sessions have the same few.
pub(super) fn by_device(sessions: &[(UserId, DeviceId)]) -> HashMap<DeviceId, Vec<UserId>> {
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
