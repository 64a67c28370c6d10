//! What deleted groups have left: removed in pieces, each a short transaction that may be run again. What a crash leaves
//! behind is found in DeletedGroup by the next piece, on whatever node.

use super::{Sql, SqlResult, groups};
use crate::ids::{ConvId, GroupId, Seq, UserId};

/// Members of a piece, with the cursors of all their devices.
const MEMBERS: u32 = 500;
/// Messages of a piece.
const MESSAGES: Seq = 1_000;

/// Whether a deleted group has left anything. Asked without a lock, before [`piece`].
pub(super) fn is_wanted(sql: &mut dyn Sql) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM DeletedGroup LIMIT 1", &[])?.is_some())
}

/// Removes some of it; whether there may be more. The row's lock lets one node at a time work on a group.
pub(super) fn piece(sql: &mut dyn Sql) -> SqlResult<bool> {
    let next = format!("SELECT id FROM DeletedGroup ORDER BY id LIMIT 1{}", sql.dialect().locked);
    let Some(row) = sql.first(&next, &[])? else { return Ok(false) };
    let group = row.group(0)?;
    if !members(sql, group)? && !messages(sql, group)? {
        sql.run("DELETE FROM DeletedGroup WHERE id = ?", &[group.into()])?;
    }
    Ok(true)
}

fn members(sql: &mut dyn Sql, group: GroupId) -> SqlResult<bool> {
    let first = "SELECT userid FROM GroupUser WHERE groupid = ? ORDER BY userid LIMIT ?";
    let rows = sql.rows(first, &[group.into(), MEMBERS.into()])?;
    let users = rows.iter().map(|row| row.user(0)).collect::<SqlResult<Vec<UserId>>>()?;
    let Some(&last) = users.last() else { return Ok(false) };
    groups::delete_cursors(sql, &users, group)?;
    sql.run("DELETE FROM GroupUser WHERE groupid = ? AND userid <= ?", &[group.into(), last.into()])?;
    Ok(true)
}

fn messages(sql: &mut dyn Sql, group: GroupId) -> SqlResult<bool> {
    let conv = ConvId::group(group);
    let first = sql.first("SELECT seq FROM Message WHERE conv = ? ORDER BY seq LIMIT 1", &[conv.into()])?;
    let Some(first) = first else { return Ok(false) };
    let end = first.seq(0)?.saturating_add(MESSAGES);
    sql.run("DELETE FROM Message WHERE conv = ? AND seq < ?", &[conv.into(), end.into()])?;
    Ok(true)
}
