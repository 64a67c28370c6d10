//! What has changed lately, by the database's own clock. For nodes that may have missed what others have told them.
//!
//! The database marks rows by itself: `Conversation.changed_at` moves with each message, `AllGroup.changed_at` with whoever joins
//! or leaves, for both change the number of members. So no statement on the way of a message says so, and nodes of earlier
//! versions mark them, too. A mark is the time of its statement: the commit follows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lists::{lookups, repeated};
use super::{Sql, SqlResult};
use crate::ids::{ConvId, GroupId, Seq, UserId};
use crate::store::{Changed, Moment};

/// How far the clocks may be apart of servers that take writes of one cluster at the same time (members of a Galera cluster,
/// TiDB's servers, shards). With one server there is nothing that could be apart.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(10);

/// How long deleted groups are remembered: many times as long as any node asks about.
const GONE_KEPT: &str = "1 DAY";

/// Groups, each with its members.
type WithMembers = Vec<(GroupId, Vec<UserId>)>;

/// The moment as far before this one as marks may be old when their rows are committed.
pub(super) fn looked_back(since: Moment, mark_to_commit_max: Duration) -> Moment {
    let seconds = (mark_to_commit_max + CLOCKS_APART_MAX).as_secs();
    Moment(since.0.saturating_sub_unsigned(seconds))
}

/// What was marked since then; `None`: there are no marks, or more than `limit`.
pub(super) fn since(sql: &mut dyn Sql, since: Moment, limit: u32) -> SqlResult<Option<Changed>> {
    let Some(moment) = sql.dialect().moment else { return Ok(None) };
    // What is compared is a local time: one that never jumps.
    sql.run("SET SESSION time_zone = '+00:00'", &[])?;
    let now = sql.first(&format!("SELECT {moment}"), &[])?.map_or(Ok(0), |row| row.int(0))?;
    let Some(conversations) = conversations(sql, since, limit)? else { return Ok(None) };
    let Some(groups) = groups(sql, since, limit)? else { return Ok(None) };
    Ok(Some(Changed { now: Moment(now), conversations, groups }))
}

fn conversations(sql: &mut dyn Sql, since: Moment, limit: u32) -> SqlResult<Option<Vec<(ConvId, Seq)>>> {
    let marked = "SELECT id, last_seq FROM Conversation WHERE changed_at >= FROM_UNIXTIME(?) LIMIT ?";
    let rows = sql.rows(marked, &[since.0.into(), more_than(limit).into()])?;
    if rows.len() > limit as usize {
        return Ok(None);
    }
    let ends = rows.iter().map(|row| Ok((row.conv(0)?, row.seq(1)?)));
    // Nothing was said yet where only a group or a block has made the conversation.
    ends.filter(|end| !matches!(end, Ok((_, 0)))).collect::<SqlResult<_>>().map(Some)
}

fn groups(sql: &mut dyn Sql, since: Moment, limit: u32) -> SqlResult<Option<WithMembers>> {
    let mut members: BTreeMap<GroupId, Vec<UserId>> = BTreeMap::new();
    let mut present = Vec::new();
    for (table, mark) in [("AllGroup", "changed_at"), ("GoneGroup", "gone_at")] {
        let marked = format!("SELECT id FROM {table} WHERE {mark} >= FROM_UNIXTIME(?) LIMIT ?");
        for row in sql.rows(&marked, &[since.0.into(), more_than(limit).into()])? {
            members.insert(row.group(0)?, Vec::new());
            if table == "AllGroup" {
                present.push(row.group(0)?);
            }
        }
        if members.len() > limit as usize {
            return Ok(None);
        }
    }
    let mut left = limit as usize;
    for lookup in lookups(&present, |group| [group.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement =
            format!("SELECT groupid, userid FROM GroupUser WHERE groupid IN ({list}) ORDER BY groupid, userid LIMIT ?");
        let mut args = lookup.args;
        args.push((left as u64).saturating_add(1).into());
        let rows = sql.rows(&statement, &args)?;
        left = match left.checked_sub(rows.len()) {
            Some(left) => left,
            None => return Ok(None),
        };
        for row in rows {
            members.entry(row.group(0)?).or_default().push(row.user(1)?);
        }
    }
    Ok(Some(members.into_iter().collect()))
}

/// One more than the limit, so that it is seen that there are more.
fn more_than(limit: u32) -> u32 {
    limit.saturating_add(1)
}

/// Notes that the group exists no more.
pub(super) fn note_gone(sql: &mut dyn Sql, group: GroupId) -> SqlResult<()> {
    if sql.dialect().moment.is_some() {
        sql.run("INSERT INTO GoneGroup (id) VALUES (?)", &[group.into()])?;
    }
    Ok(())
}

/// Forgets those of long ago.
pub(super) fn forget_gone(sql: &mut dyn Sql) -> SqlResult<()> {
    if sql.dialect().moment.is_some() {
        sql.run(&format!("DELETE FROM GoneGroup WHERE gone_at < CURRENT_TIMESTAMP - INTERVAL {GONE_KEPT}"), &[])?;
    }
    Ok(())
}
