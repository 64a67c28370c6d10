//! Names that were given up: for a while nobody but who had them may take them, so that nobody is taken for somebody else.
//!
//! TiDB reserves the word UNTIL, so it is quoted where it is a column.

use sha2::{Digest, Sha256};

use super::names::Keys;
use super::{Sql, SqlResult};
use crate::clock::UnixMs;
use crate::ids::{UserId, hex};
use crate::store::Named;

/// Nobody: the owner of no name.
pub(super) const NOBODY: u32 = 0;

/// How the keys begin that are hashes.
const HIDDEN: &str = "\0held-";

/// Rows that one look removes at most.
const PIECE: u32 = 500;

/// Whether this name is held at `now` for somebody else than `owner` ([`NOBODY`]: for anybody), by whichever key it is found.
pub(super) fn is_name_held(sql: &mut dyn Sql, named: Named, keys: &Keys, owner: u32, now: UnixMs) -> SqlResult<bool> {
    let statement =
        "SELECT 1 FROM HeldName WHERE of_group = ? AND name_key IN (?, ?, ?, ?) AND owner <> ? AND `until` > ?";
    let [exact, folded] = keys.args();
    let [exact_hidden, folded_hidden] = [hidden(keys.exact()), hidden(keys.folded())];
    let hidden = [exact_hidden.as_str().into(), folded_hidden.as_str().into()];
    let [first, second] = hidden;
    let args = [of_group(named).into(), exact, folded, first, second, owner.into(), now.into()];
    Ok(sql.first(statement, &args)?.is_some())
}

/// Holds a key that `owner` has given up.
pub(super) fn hold(sql: &mut dyn Sql, named: Named, key: &str, owner: u32, until: UnixMs) -> SqlResult<()> {
    release(sql, named, key)?;
    let statement =
        format!("{} HeldName (of_group, name_key, owner, `until`) VALUES (?, ?, ?, ?)", sql.dialect().insert_new);
    sql.run(&statement, &[of_group(named).into(), key.into(), owner.into(), until.into()])?;
    Ok(())
}

/// The key has an owner again.
pub(super) fn release(sql: &mut dyn Sql, named: Named, key: &str) -> SqlResult<()> {
    let statement = "DELETE FROM HeldName WHERE of_group = ? AND name_key IN (?, ?)";
    sql.run(statement, &[of_group(named).into(), key.into(), hidden(key).as_str().into()])?;
    Ok(())
}

/// What stands in the place of a key whose owner is erased, and of whom no name is to be left: a hash. No name has such a key:
/// it begins with a character that none may have.
pub(super) fn hidden(key: &str) -> String {
    format!("{HIDDEN}{}", hex(&Sha256::digest(key)))
}

/// Hides the names that are held for a user.
pub(super) fn hide_of(sql: &mut dyn Sql, user: UserId) -> SqlResult<()> {
    let statement = "SELECT name_key, `until` FROM HeldName WHERE of_group = 0 AND owner = ?";
    for mut row in sql.rows(statement, &[user.into()])? {
        let (key, until) = (row.text(0)?, row.time(1)?);
        if !key.starts_with(HIDDEN) {
            release(sql, Named::User, &key)?;
            hold(sql, Named::User, &hidden(&key), user.number(), until)?;
        }
    }
    Ok(())
}

/// The same for the next users behind an id who are erased; where to go on.
pub(super) fn hide_some(sql: &mut dyn Sql, after: i64) -> SqlResult<Option<i64>> {
    let next = "SELECT DISTINCT h.owner FROM HeldName h JOIN User u ON u.id = h.owner AND u.erased_at IS NOT NULL \
                WHERE h.of_group = 0 AND h.owner > ? ORDER BY h.owner LIMIT ?";
    let mut last = None;
    for row in sql.rows(next, &[after.into(), PIECE.into()])? {
        let user = row.user(0)?;
        hide_of(sql, user)?;
        last = Some(i64::from(user.number()));
    }
    Ok(last)
}

/// Whether there are names that are held no more.
pub(super) fn is_sweep_wanted(sql: &mut dyn Sql, now: UnixMs) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM HeldName WHERE `until` <= ? LIMIT 1", &[now.into()])?.is_some())
}

/// Removes some of them.
pub(super) fn sweep(sql: &mut dyn Sql, now: UnixMs) -> SqlResult<()> {
    let over = "SELECT of_group, name_key FROM HeldName WHERE `until` <= ? LIMIT ?";
    for mut row in sql.rows(over, &[now.into(), PIECE.into()])? {
        let (of_group, key) = (row.int(0)?, row.text(1)?);
        // It may have been given up again meanwhile.
        let statement = "DELETE FROM HeldName WHERE of_group = ? AND name_key = ? AND `until` <= ?";
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
