//! Messages that were kept long enough: removed a piece at a time, from the beginning of a conversation on, so that what is left
//! has no hole. Which is the first one left stands in Conversation.floor_seq.

use super::{Row, Sql, SqlResult};
use crate::clock::UnixMs;
use crate::ids::{ConvId, Seq};

/// Messages that one piece removes at most.
const MESSAGES: u32 = 1_000;
/// Conversations that one look goes through.
const CONVERSATIONS: u32 = 500;
/// The largest id of a group's conversation; the larger ones are those of pairs.
const LAST_GROUP: i64 = 0xffff_ffff;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// The first number of which there is still something, where something was removed.
pub(super) fn floor(sql: &mut dyn Sql, conv: ConvId) -> SqlResult<Option<Seq>> {
    let row = sql.first("SELECT floor_seq FROM Conversation WHERE id = ?", &[conv.into()])?;
    let floor = row.map_or(Ok(0), |row| row.seq(0))?;
    Ok((floor > 0).then_some(floor))
}

/// Whether any group has a time of its own.
pub(super) fn has_groups(sql: &mut dyn Sql) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM AllGroup WHERE retention_days > 0 LIMIT 1", &[])?.is_some())
}

/// A conversation whose first message is too old, and the bound that counts there.
pub(super) type Candidate = (i64, UnixMs);

/// Conversations behind this number whose first message is too old, each with the bound that counts there; and where to go on,
/// if there is none.
pub(super) fn candidates(
    sql: &mut dyn Sql,
    after: i64,
    days: Option<u32>,
    now: UnixMs,
) -> SqlResult<(Vec<Candidate>, Option<i64>)> {
    let first = "(SELECT m.sent_at FROM Message m WHERE m.conv = v.id ORDER BY m.seq LIMIT 1)";
    let columns = format!("SELECT v.id, {first}, g.retention_days FROM Conversation v");
    let rows = if days.is_some() {
        let all = format!("{columns} LEFT JOIN AllGroup g ON g.id = v.id WHERE v.id > ? ORDER BY v.id LIMIT ?");
        sql.rows(&all, &[after.into(), CONVERSATIONS.into()])?
    } else {
        let own = format!(
            "{columns} JOIN AllGroup g ON g.id = v.id AND g.retention_days > 0 \
             WHERE v.id > ? AND v.id <= ? ORDER BY v.id LIMIT ?"
        );
        sql.rows(&own, &[after.into(), LAST_GROUP.into(), CONVERSATIONS.into()])?
    };
    let end = match rows.last() {
        Some(last) if rows.len() >= CONVERSATIONS as usize => Some(last.int(0)?),
        _ => None,
    };
    let candidates = rows.iter().map(|row| candidate(row, days, now)).collect::<SqlResult<Vec<_>>>()?;
    Ok((candidates.into_iter().flatten().collect(), end))
}

fn candidate(row: &Row, days: Option<u32>, now: UnixMs) -> SqlResult<Option<Candidate>> {
    let Some(first) = row.time_or_null(1)? else { return Ok(None) };
    let own = row.time_or_null(2)?.map(|days| days.0);
    let days = match own.or(days.map(i64::from)) {
        None | Some(..=0) => return Ok(None),
        Some(days) => days,
    };
    let bound = UnixMs(now.0.saturating_sub(days.saturating_mul(DAY_MS)));
    Ok((first < bound).then_some((row.int(0)?, bound)))
}

/// Removes the first messages of a conversation up to one that is not too old; how many, and whether these were all.
pub(super) fn piece(sql: &mut dyn Sql, conv: i64, bound: UnixMs) -> SqlResult<(u64, bool)> {
    let locked = sql.dialect().locked;
    if sql.first(&format!("SELECT id FROM Conversation WHERE id = ?{locked}"), &[conv.into()])?.is_none() {
        return Ok((0, true));
    }
    let first = "SELECT seq, sent_at FROM Message WHERE conv = ? ORDER BY seq LIMIT ?";
    let rows = sql.rows(first, &[conv.into(), MESSAGES.into()])?;
    let mut last = None;
    for row in &rows {
        if row.time(1)? >= bound {
            break;
        }
        last = Some(row.seq(0)?);
    }
    let Some(last) = last else { return Ok((0, true)) };
    let removed = sql.run("DELETE FROM Message WHERE conv = ? AND seq <= ?", &[conv.into(), last.into()])?;
    for table in ["Reaction", "ReactionTotal"] {
        sql.run(&format!("DELETE FROM {table} WHERE conv = ? AND of_seq <= ?"), &[conv.into(), last.into()])?;
    }
    let floor = last.saturating_add(1);
    sql.run("UPDATE Conversation SET floor_seq = ? WHERE id = ?", &[floor.into(), conv.into()])?;
    Ok((removed, removed < u64::from(MESSAGES)))
}

/// Says that `holder` does this work until then, if nobody else does.
pub(super) fn lease(sql: &mut dyn Sql, work: &str, holder: &str, until: UnixMs, now: UnixMs) -> SqlResult<bool> {
    let locked = sql.dialect().locked;
    let insert = format!("{} Lease (work, holder, `until`) VALUES (?, ?, 0)", sql.dialect().insert_new);
    sql.run(&insert, &[work.into(), holder.into()])?;
    let statement = format!("SELECT holder, `until` FROM Lease WHERE work = ?{locked}");
    let Some(mut row) = sql.first(&statement, &[work.into()])? else { return Ok(false) };
    if row.time(1)? > now && row.text(0)? != holder {
        return Ok(false);
    }
    let take = "UPDATE Lease SET holder = ?, `until` = ? WHERE work = ?";
    sql.run(take, &[holder.into(), until.into(), work.into()])?;
    Ok(true)
}

/// Says that it does not any more.
pub(super) fn release(sql: &mut dyn Sql, work: &str, holder: &str) -> SqlResult<()> {
    sql.run("UPDATE Lease SET `until` = 0 WHERE work = ? AND holder = ?", &[work.into(), holder.into()])?;
    Ok(())
}
