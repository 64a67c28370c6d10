//! Names that were given up: for a while nobody but who had them may take them, so that nobody is taken for somebody else.

use super::names::Keys;
use super::{Sql, SqlResult};
use crate::clock::UnixMs;
use crate::store::Named;

/// Nobody: the owner of no name.
pub(super) const NOBODY: u32 = 0;

/// Rows that one look removes at most.
const PIECE: u32 = 500;

/// Whether this name is held at `now` for somebody else than `owner` ([`NOBODY`]: for anybody), by whichever key it is found.
pub(super) fn is_name_held(sql: &mut dyn Sql, named: Named, keys: &Keys, owner: u32, now: UnixMs) -> SqlResult<bool> {
    let statement = "SELECT 1 FROM HeldName WHERE of_group = ? AND name_key IN (?, ?) AND owner <> ? AND until > ?";
    let [exact, folded] = keys.args();
    Ok(sql.first(statement, &[of_group(named).into(), exact, folded, owner.into(), now.into()])?.is_some())
}

/// Holds a key that `owner` has given up.
pub(super) fn hold(sql: &mut dyn Sql, named: Named, key: &str, owner: u32, until: UnixMs) -> SqlResult<()> {
    release(sql, named, key)?;
    let statement =
        format!("{} HeldName (of_group, name_key, owner, until) VALUES (?, ?, ?, ?)", sql.dialect().insert_new);
    sql.run(&statement, &[of_group(named).into(), key.into(), owner.into(), until.into()])?;
    Ok(())
}

/// The key has an owner again.
pub(super) fn release(sql: &mut dyn Sql, named: Named, key: &str) -> SqlResult<()> {
    sql.run("DELETE FROM HeldName WHERE of_group = ? AND name_key = ?", &[of_group(named).into(), key.into()])?;
    Ok(())
}

/// Whether there are names that are held no more.
pub(super) fn is_sweep_wanted(sql: &mut dyn Sql, now: UnixMs) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM HeldName WHERE until <= ? LIMIT 1", &[now.into()])?.is_some())
}

/// Removes some of them.
pub(super) fn sweep(sql: &mut dyn Sql, now: UnixMs) -> SqlResult<()> {
    let over = "SELECT of_group, name_key FROM HeldName WHERE until <= ? LIMIT ?";
    for mut row in sql.rows(over, &[now.into(), PIECE.into()])? {
        let (of_group, key) = (row.int(0)?, row.text(1)?);
        // It may have been given up again meanwhile.
        let statement = "DELETE FROM HeldName WHERE of_group = ? AND name_key = ? AND until <= ?";
        sql.run(statement, &[of_group.into(), key.as_str().into(), now.into()])?;
    }
    Ok(())
}

fn of_group(named: Named) -> u32 {
    match named {
        Named::User => 0,
        Named::Group => 1,
    }
}
