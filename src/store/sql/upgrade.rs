//! What a migration does to the data that SQL alone cannot say. Each step may be run again.

use super::held;
use super::names::{self, GROUPS, USERS};
use super::version::version;
use super::{Fault, Sql, SqlResult};
use crate::ids::hex;
use crate::store::KeptName;

/// Random bytes of an identity or an epoch; each is two hexadecimal digits.
const IDENTITY_BYTES: usize = 16;

/// Conversations of one piece.
const CONVERSATIONS_AT_ONCE: u32 = 1_000;

/// Users of one piece.
const USERS_AT_ONCE: u32 = 200;

/// The schema version whose names have the keys of `crate::names`.
const KEYS_SINCE: i64 = 2;

/// Gives the data an identity and a first epoch, unless they have them.
pub(in crate::store) fn make_identity(sql: &mut dyn Sql) -> SqlResult<()> {
    let (id, epoch) = (random_hex()?, random_hex()?);
    let statement = format!("{} Cluster (one, id, epoch) VALUES (1, ?, ?)", sql.dialect().insert_new);
    sql.run(&statement, &[id.as_str().into(), epoch.as_str().into()])?;
    Ok(())
}

/// Gives the next users behind an id the keys of their names; see [`names::give_keys`].
pub(in crate::store) fn name_users(sql: &mut dyn Sql, after: i64) -> SqlResult<Option<i64>> {
    names::give_keys(sql, USERS, after)
}

/// The same for groups.
pub(in crate::store) fn name_groups(sql: &mut dyn Sql, after: i64) -> SqlResult<Option<i64>> {
    names::give_keys(sql, GROUPS, after)
}

/// Notes of the next conversations behind an id which message is their last, and when it came. (There were no events.)
pub(in crate::store) fn note_last_messages(sql: &mut dyn Sql, after: i64) -> SqlResult<Option<i64>> {
    let next = "SELECT id FROM Conversation WHERE id > ? ORDER BY id LIMIT ?";
    let rows = sql.rows(next, &[after.into(), CONVERSATIONS_AT_ONCE.into()])?;
    let Some(last) = rows.last() else { return Ok(None) };
    let last = last.int(0)?;
    let statement = "UPDATE Conversation SET last_msg = last_seq, active_at = COALESCE((SELECT m.sent_at FROM Message m \
                     WHERE m.conv = Conversation.id AND m.seq = Conversation.last_seq), 0) \
                     WHERE id > ? AND id <= ? AND last_msg = 0";
    sql.run(statement, &[after.into(), last.into()])?;
    Ok(Some(last))
}

/// Notes for the next users behind an id that they have read what had arrived: nobody has said so before, and what has been seen
/// long ago is not to be unread now.
pub(in crate::store) fn note_reads(sql: &mut dyn Sql, after: i64) -> SqlResult<Option<i64>> {
    let next = "SELECT id FROM User WHERE id > ? ORDER BY id LIMIT ?";
    let rows = sql.rows(next, &[after.into(), USERS_AT_ONCE.into()])?;
    let Some(last) = rows.last() else { return Ok(None) };
    let last = last.int(0)?;
    let statement = "UPDATE `Cursor` SET read_seq = delivered \
                     WHERE userid > ? AND userid <= ? AND device = 0 AND read_seq < delivered";
    sql.run(statement, &[after.into(), last.into()])?;
    Ok(Some(last))
}

/// Has of the next names that are held for users who are erased only hashes left, behind the user's id.
pub(in crate::store) fn hide_held_names(sql: &mut dyn Sql, after: i64) -> SqlResult<Option<i64>> {
    held::hide_some(sql, after)
}

/// The names that have no key of their own, or will have none when the database has been brought up to date; at most
/// `limit` of users, and of groups. Changes nothing.
pub(in crate::store) fn kept_names(sql: &mut dyn Sql, limit: u32) -> SqlResult<Vec<KeptName>> {
    let version = version(sql)?;
    if version == 0 {
        return Ok(Vec::new());
    }
    let mut kept = Vec::new();
    for table in [USERS, GROUPS] {
        kept.extend(match version {
            ..KEYS_SINCE => names::to_be_kept(sql, table, limit)?,
            KEYS_SINCE.. => names::kept(sql, table, limit)?,
        });
    }
    Ok(kept)
}

/// A fresh identity: random, in hexadecimal digits.
pub(in crate::store) fn random_hex() -> SqlResult<String> {
    let mut bytes = [0; IDENTITY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Broken(format!("no random numbers: {error}").into()))?;
    Ok(hex(&bytes))
}
