//! What deleted groups have left: removed in pieces, each a short transaction that may be run again. What a crash leaves
//! behind is found in DeletedGroup by the next piece, on whatever node.

use super::changes;
use super::lists::{lookups, repeated};
use super::membership::delete_cursors;
use super::{Sql, SqlResult};
use crate::ids::{ConvId, GroupId, Seq, UserId};

/// Members of a piece, with the cursors of all their devices.
const MEMBERS: u32 = 500;
/// Messages of a piece.
const MESSAGES: Seq = 1_000;
/// Other rows of a piece.
const ROWS: u32 = 500;

/// Whether a deleted group has left anything. Asked without a lock, before [`piece`].
pub(super) fn is_wanted(sql: &mut dyn Sql) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM DeletedGroup LIMIT 1", &[])?.is_some())
}

/// Removes some of it; whether there may be more. The row's lock lets one node at a time work on a group.
pub(super) fn piece(sql: &mut dyn Sql) -> SqlResult<bool> {
    let next = format!("SELECT id FROM DeletedGroup ORDER BY id LIMIT 1{}", sql.dialect().locked);
    let Some(row) = sql.first(&next, &[])? else { return Ok(false) };
    let group = row.group(0)?;
    if !members(sql, group)? && !outsiders(sql, group)? && !reactions(sql, group)? && !messages(sql, group)? {
        sql.run("DELETE FROM DeletedGroup WHERE id = ?", &[group.into()])?;
        changes::forget_gone(sql)?;
    }
    Ok(true)
}

fn members(sql: &mut dyn Sql, group: GroupId) -> SqlResult<bool> {
    let first = "SELECT userid FROM GroupUser WHERE groupid = ? ORDER BY userid LIMIT ?";
    let rows = sql.rows(first, &[group.into(), MEMBERS.into()])?;
    let users = rows.iter().map(|row| row.user(0)).collect::<SqlResult<Vec<UserId>>>()?;
    let Some(&last) = users.last() else { return Ok(false) };
    delete_cursors(sql, &users, group)?;
    sql.run("DELETE FROM GroupUser WHERE groupid = ? AND userid <= ?", &[group.into(), last.into()])?;
    Ok(true)
}

/// Who was banned, waited for an answer, or had left with a mute.
fn outsiders(sql: &mut dyn Sql, group: GroupId) -> SqlResult<bool> {
    for table in ["GroupBan", "KeptMute", "GroupAsk"] {
        let first = format!("SELECT userid FROM {table} WHERE groupid = ? ORDER BY userid LIMIT ?");
        let rows = sql.rows(&first, &[group.into(), ROWS.into()])?;
        let users = rows.iter().map(|row| row.user(0)).collect::<SqlResult<Vec<UserId>>>()?;
        let Some(&last) = users.last() else { continue };
        let statement = format!("DELETE FROM {table} WHERE groupid = ? AND userid <= ?");
        sql.run(&statement, &[group.into(), last.into()])?;
        return Ok(true);
    }
    Ok(false)
}

/// Reactions, before the messages that they are about.
fn reactions(sql: &mut dyn Sql, group: GroupId) -> SqlResult<bool> {
    let conv = ConvId::group(group);
    let first =
        "SELECT of_seq, reaction, userid FROM Reaction WHERE conv = ? ORDER BY of_seq, reaction, userid LIMIT ?";
    let mut rows = sql.rows(first, &[conv.into(), ROWS.into()])?;
    let keys = rows.iter_mut().map(|row| Ok((row.seq(0)?, row.text(1)?, row.user(2)?)));
    let keys = keys.collect::<SqlResult<Vec<_>>>()?;
    if keys.is_empty() {
        return Ok(sql.run("DELETE FROM ReactionTotal WHERE conv = ?", &[conv.into()])? > 0);
    }
    let keys: Vec<_> = keys.iter().map(|(of, reaction, user)| (*of, reaction.as_str(), *user)).collect();
    for lookup in lookups(&keys, |(of, reaction, user)| [conv.into(), of.into(), reaction.into(), user.into()]) {
        let any = repeated("(conv = ? AND of_seq = ? AND reaction = ? AND userid = ?)", " OR ", lookup.len);
        sql.run(&format!("DELETE FROM Reaction WHERE {any}"), &lookup.args)?;
    }
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
