//! Users and groups by id or by the beginning of a name.

use super::membership::{COLUMNS, group_row};
use super::{Row, Sql, SqlResult};
use crate::ids::{GroupId, UserId};
use crate::names;
use crate::store::{GroupRow, Person};

/// Behind every name that begins with what it follows: no assigned character is above it.
const LAST_CHARACTER: char = '\u{10FFFF}';

pub(super) fn users(sql: &mut dyn Sql, id: Option<UserId>, prefix: &str, limit: u32) -> SqlResult<Vec<Person>> {
    let by_id = "SELECT id, name FROM User WHERE id = ? AND erased_at IS NULL";
    let by_prefix = "SELECT id, name FROM User WHERE name_key >= ? AND name_key < ? AND id <> ? AND erased_at IS NULL \
         ORDER BY name_key LIMIT ?";
    let rows = find(sql, id.map(|id| i64::from(id.number())), prefix, limit, [by_id, by_prefix])?;
    rows.into_iter().map(|mut row| row.person(0)).collect()
}

pub(super) fn all_groups(sql: &mut dyn Sql, id: Option<GroupId>, prefix: &str, limit: u32) -> SqlResult<Vec<GroupRow>> {
    let all = format!("SELECT {COLUMNS} FROM AllGroup g LEFT JOIN Conversation v ON v.id = g.id WHERE");
    let by_id = format!("{all} g.id = ?");
    let by_prefix = format!("{all} g.name_key >= ? AND g.name_key < ? AND g.id <> ? ORDER BY g.name_key LIMIT ?");
    let rows = find(sql, id.map(|id| i64::from(id.number())), prefix, limit, [&by_id, &by_prefix])?;
    rows.into_iter().map(group_row).collect()
}

fn find(
    sql: &mut dyn Sql,
    id: Option<i64>,
    prefix: &str,
    limit: u32,
    [by_id, by_prefix]: [&str; 2],
) -> SqlResult<Vec<Row>> {
    let mut found = match id {
        Some(id) => sql.rows(by_id, &[id.into()])?,
        None => Vec::new(),
    };
    // Names that are found by their exact spelling are few, and come first: they are ahead of all other keys, too.
    for from in [names::exact_key(prefix), names::key(prefix)] {
        let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(found.len());
        // Of a prefix that shows nothing no key is left, and all names would begin with it.
        if room == 0 || from.is_empty() {
            continue;
        }
        let to = format!("{from}{LAST_CHARACTER}");
        let room = u32::try_from(room).unwrap_or(limit);
        let args = [from.as_str().into(), to.as_str().into(), id.unwrap_or(0).into(), room.into()];
        found.extend(sql.rows(by_prefix, &args)?);
    }
    Ok(found)
}
