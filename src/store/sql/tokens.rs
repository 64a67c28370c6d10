//! Tokens: what a session is resumed by, and what its user sees of it in the list of sessions.
//!
//! What ends a token notes it in EndedToken, in the same transaction: a node that does not hear of it on the bus finds it
//! there, and closes the sessions that hold it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::lists::{lookups, repeated};
use super::{Fault, Row, Sql, SqlResult, accounts};
use crate::clock::UnixMs;
use crate::ids::UserId;
use crate::store::{EndedToken, KnownDevice, NewToken, SessionRow, TokenHash, TokenRow, TokenUse, UserQuota};

/// How long a token of before sessions had numbers lived from its last use, in milliseconds: what is known of that use.
const OLD_LIFE_MS: i64 = 30 * 24 * 3600 * 1000;
/// Ended tokens that one look finds at most; the newest ones.
const ENDED_MAX: u32 = 10_000;
/// Rows that one look removes at most.
const PIECE: u32 = 500;

/// Whether it was stored: not if the password is another one by now.
pub(super) fn save(sql: &mut dyn Sql, token: &NewToken<'_>, now: UnixMs, limit: Option<u32>) -> SqlResult<bool> {
    let &NewToken { hash, user, expires_at, proof, used } = token;
    if !locks_with(sql, user, proof)? {
        return Ok(false);
    }
    let mut others = others(sql, user)?;
    if others.first_end <= now {
        sql.run("DELETE FROM AuthToken WHERE userid = ? AND expires_at <= ?", &[user.into(), now.into()])?;
        others = self::others(sql, user)?;
    }
    let expires_at = others.behind_all(expires_at);
    sql.run(
        "INSERT INTO AuthToken (token_hash, userid, expires_at, number, device, address, since, used_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            hash.into(),
            user.into(),
            expires_at.into(),
            others.last_number.saturating_add(1).into(),
            used.device.into(),
            used.address.into(),
            now.into(),
            now.into(),
        ],
    )?;
    let limit = others.own_limit.map_or(limit, |own| (own > 0).then_some(own));
    let Some(last) = limit.and_then(|limit| limit.checked_sub(1)) else { return Ok(true) };
    if others.count <= u64::from(last) {
        return Ok(true);
    }
    let keep_from = "SELECT expires_at FROM AuthToken WHERE userid = ? ORDER BY expires_at DESC LIMIT 1 OFFSET ?";
    if let Some(row) = sql.first(keep_from, &[user.into(), last.into()])? {
        let keep_from = row.time(0)?;
        sql.run("DELETE FROM AuthToken WHERE userid = ? AND expires_at < ?", &[user.into(), keep_from.into()])?;
    }
    Ok(true)
}

/// What a new token must know of the user's others.
struct Others {
    count: u64,
    /// When the first of them ends.
    first_end: UnixMs,
    last_end: UnixMs,
    last_number: i64,
    /// How many the user may have, where that was set for this user; 0: no limit.
    own_limit: Option<u32>,
}

impl Others {
    /// When a token ends that is to end after all of them, and not before `wanted`.
    fn behind_all(&self, wanted: UnixMs) -> UnixMs {
        if self.count == 0 { wanted } else { wanted.max(UnixMs(self.last_end.0.saturating_add(1))) }
    }
}

fn others(sql: &mut dyn Sql, user: UserId) -> SqlResult<Others> {
    let statement = "SELECT COUNT(*), COALESCE(MIN(expires_at), ?), COALESCE(MAX(expires_at), 0), \
                     COALESCE(MAX(number), 0), (SELECT value FROM UserQuota WHERE userid = ? AND name = ?) \
                     FROM AuthToken WHERE userid = ?";
    let args = [i64::MAX.into(), user.into(), UserQuota::Tokens.name().into(), user.into()];
    let row = sql.first(statement, &args)?.ok_or_else(|| Fault::Broken("nothing was counted".into()))?;
    let own_limit = row.int_or_null(4)?.map(|_| row.count(4)).transpose()?;
    Ok(Others {
        count: row.seq(0)?,
        first_end: row.time(1)?,
        last_end: row.time(2)?,
        last_number: row.int(3)?,
        own_limit,
    })
}

/// Locks the user, if that is the password that counts.
fn locks_with(sql: &mut dyn Sql, user: UserId, proof: &str) -> SqlResult<bool> {
    let locked = sql.dialect().locked;
    let statement = format!("SELECT password FROM User WHERE id = ? AND disabled_at IS NULL{locked}");
    let Some(mut row) = sql.first(&statement, &[user.into()])? else { return Ok(false) };
    Ok(row.text(0)? == proof)
}

/// When a token ends that is to end after all others of the user's, and not before `wanted`.
fn last_of_all(sql: &mut dyn Sql, user: UserId, wanted: UnixMs) -> SqlResult<UnixMs> {
    let last = "SELECT expires_at FROM AuthToken WHERE userid = ? ORDER BY expires_at DESC LIMIT 1";
    let last = sql.first(last, &[user.into()])?.map(|row| row.time(0)).transpose()?;
    Ok(last.map_or(wanted, |last| wanted.max(UnixMs(last.0.saturating_add(1)))))
}

fn last_number(sql: &mut dyn Sql, user: UserId) -> SqlResult<i64> {
    let last = "SELECT number FROM AuthToken WHERE userid = ? ORDER BY number DESC LIMIT 1";
    sql.first(last, &[user.into()])?.map_or(Ok(0), |row| row.int(0))
}

/// Tokens' rows, each with the user's device of the name that is given with it, and the user's groups: what a login by token needs
/// before it can hear anything, in one statement for all devices of one name. There is a row for each group, and one for a user
/// without groups.
pub(super) fn tokens(sql: &mut dyn Sql, asked: &[(TokenHash, &str)], now: UnixMs) -> SqlResult<Vec<Option<TokenRow>>> {
    let mut by_device: HashMap<&str, Vec<&TokenHash>> = HashMap::new();
    for (hash, device) in asked {
        by_device.entry(device).or_default().push(hash);
    }
    let mut found: HashMap<(TokenHash, &str), TokenRow> = HashMap::new();
    for (device, hashes) in by_device {
        for lookup in lookups(&hashes, |hash| [hash.into()]) {
            let list = repeated("?", ",", lookup.len);
            let statement = format!("{TOKEN} WHERE t.token_hash IN ({list}) AND t.expires_at > ?");
            let args = [device.into()].into_iter().chain(lookup.args).chain([now.into()]);
            for row in sql.rows(&statement, &args.collect::<Vec<_>>())? {
                take(row, device, &mut found)?;
            }
        }
    }
    for row in found.values_mut() {
        row.groups.sort_unstable();
    }
    Ok(asked.iter().map(|token| found.get(token).cloned()).collect())
}

/// The parameter is the device's name.
const TOKEN: &str = "SELECT t.userid, u.name, t.expires_at, \
                     EXISTS (SELECT 1 FROM AuthToken o WHERE o.userid = t.userid AND o.expires_at > t.expires_at), \
                     t.device, t.address, u.disabled_at, d.device, \
                     EXISTS (SELECT 1 FROM Device o \
                     WHERE o.userid = d.userid AND o.used >= d.used AND o.device <> d.device), v.id, t.token_hash \
                     FROM AuthToken t JOIN User u ON u.id = t.userid \
                     LEFT JOIN Device d ON d.userid = t.userid AND d.name = ? \
                     LEFT JOIN GroupUser m ON m.userid = t.userid LEFT JOIN Conversation v ON v.id = m.groupid";

fn take<'a>(row: Row, device: &'a str, found: &mut HashMap<(TokenHash, &'a str), TokenRow>) -> SqlResult<()> {
    // A group that was deleted has no conversation.
    let group = row.int_or_null(9)?.map(|_| row.group(9)).transpose()?;
    let token = match found.entry((row.token_hash(10)?, device)) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => place.insert(token_row(row)?),
    };
    token.groups.extend(group);
    Ok(())
}

/// Without the groups.
fn token_row(mut row: Row) -> SqlResult<TokenRow> {
    let known_device = match row.int_or_null(7)? {
        Some(_) => Some(KnownDevice { id: row.device(7)?, is_latest: row.int(8)? == 0 }),
        None => None,
    };
    Ok(TokenRow {
        user: row.person(0)?,
        expires_at: row.time(2)?,
        is_latest: row.int(3)? == 0,
        device: row.text(4)?,
        address: row.text(5)?,
        is_disabled: row.time_or_null(6)?.is_some(),
        known_device,
        groups: Vec::new(),
    })
}

pub(super) fn extend(
    sql: &mut dyn Sql,
    hash: &TokenHash,
    expires_at: UnixMs,
    used: TokenUse<'_>,
    now: UnixMs,
) -> SqlResult<()> {
    let Some(row) = sql.first("SELECT userid FROM AuthToken WHERE token_hash = ?", &[hash.into()])? else {
        return Ok(());
    };
    let user = row.user(0)?;
    accounts::lock_devices(sql, user)?;
    let expires_at = last_of_all(sql, user, expires_at)?;
    let statement = "UPDATE AuthToken SET expires_at = ?, device = ?, address = ?, used_at = ? WHERE token_hash = ?";
    sql.run(statement, &[expires_at.into(), used.device.into(), used.address.into(), now.into(), hash.into()])?;
    Ok(())
}

pub(super) fn delete(sql: &mut dyn Sql, hash: &TokenHash) -> SqlResult<()> {
    sql.run("DELETE FROM AuthToken WHERE token_hash = ?", &[hash.into()])?;
    Ok(())
}

/// Whether some of the user's tokens have no number yet: those of before sessions were listed.
pub(super) fn is_numbering_wanted(sql: &mut dyn Sql, user: UserId) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM AuthToken WHERE userid = ? AND number = 0 LIMIT 1", &[user.into()])?.is_some())
}

/// Gives them numbers, and what is known of their use.
pub(super) fn give_numbers(sql: &mut dyn Sql, user: UserId) -> SqlResult<()> {
    accounts::lock_devices(sql, user)?;
    let mut number = last_number(sql, user)?;
    let unnumbered = "SELECT token_hash, expires_at FROM AuthToken WHERE userid = ? AND number = 0 ORDER BY expires_at";
    for row in sql.rows(unnumbered, &[user.into()])? {
        number = number.saturating_add(1);
        let (hash, used_at) = (row.token_hash(0)?, row.time(1)?.0.saturating_sub(OLD_LIFE_MS));
        let numbered = "UPDATE AuthToken SET number = ?, since = ?, used_at = ? WHERE token_hash = ?";
        sql.run(numbered, &[number.into(), used_at.into(), used_at.into(), (&hash).into()])?;
    }
    Ok(())
}

/// A page of the user's sessions, by number.
pub(super) fn sessions(
    sql: &mut dyn Sql,
    user: UserId,
    after: u32,
    limit: u32,
    now: UnixMs,
) -> SqlResult<Vec<SessionRow>> {
    let statement = "SELECT number, token_hash, device, address, since, used_at FROM AuthToken \
                     WHERE userid = ? AND expires_at > ? AND number > ? ORDER BY number LIMIT ?";
    let row = |mut row: Row| {
        Ok(SessionRow {
            number: row.count(0)?,
            token: row.token_hash(1)?,
            device: row.text(2)?,
            address: row.text(3)?,
            since: row.time(4)?,
            used_at: row.time(5)?,
        })
    };
    sql.rows(statement, &[user.into(), now.into(), after.into(), limit.into()])?.into_iter().map(row).collect()
}

/// Ends one session of the user's, if it has this number.
pub(super) fn end(sql: &mut dyn Sql, user: UserId, number: u32, now: UnixMs) -> SqlResult<Option<TokenHash>> {
    accounts::lock_devices(sql, user)?;
    let numbered = "SELECT token_hash FROM AuthToken WHERE userid = ? AND number = ?";
    let Some(row) = sql.first(numbered, &[user.into(), number.into()])? else { return Ok(None) };
    let hash = row.token_hash(0)?;
    note(sql, user, &hash, now)?;
    delete(sql, &hash)?;
    Ok(Some(hash))
}

/// Ends all sessions of the user's but that of one token. The user is locked.
pub(super) fn end_others(
    sql: &mut dyn Sql,
    user: UserId,
    but: Option<&TokenHash>,
    now: UnixMs,
) -> SqlResult<Vec<TokenHash>> {
    let rows = sql.rows("SELECT token_hash FROM AuthToken WHERE userid = ?", &[user.into()])?;
    let mut ended = rows.iter().map(|row| row.token_hash(0)).collect::<SqlResult<Vec<_>>>()?;
    ended.retain(|hash| Some(hash) != but);
    for hash in &ended {
        note(sql, user, hash, now)?;
        delete(sql, hash)?;
    }
    Ok(ended)
}

/// Notes that a token is none any more, or for a while not.
pub(super) fn note(sql: &mut dyn Sql, user: UserId, hash: &TokenHash, now: UnixMs) -> SqlResult<()> {
    let insert_new = sql.dialect().insert_new;
    let statement = format!("{insert_new} EndedToken (token_hash, userid, ended_at) VALUES (?, ?, ?)");
    sql.run(&statement, &[hash.into(), user.into(), now.into()])?;
    Ok(())
}

/// Replaces the password that `old` is, and ends all sessions but one; `None`: the password is another one by now.
pub(super) fn change_password(
    sql: &mut dyn Sql,
    user: UserId,
    [old, new]: [&str; 2],
    but: &TokenHash,
    now: UnixMs,
) -> SqlResult<Option<Vec<TokenHash>>> {
    if !locks_with(sql, user, old)? {
        return Ok(None);
    }
    sql.run("UPDATE User SET password = ? WHERE id = ?", &[new.into(), user.into()])?;
    end_others(sql, user, Some(but), now).map(Some)
}

/// The tokens that were ended since then, by the clocks of the nodes that did it, and the users who were disabled.
pub(super) fn ended(sql: &mut dyn Sql, since: UnixMs) -> SqlResult<Vec<EndedToken>> {
    let statement = "SELECT userid, token_hash FROM EndedToken WHERE ended_at > ? ORDER BY ended_at DESC LIMIT ?";
    let rows = sql.rows(statement, &[since.into(), ENDED_MAX.into()])?;
    let ended = rows.iter().map(|row| Ok(EndedToken { user: row.user(0)?, token: Some(row.token_hash(1)?) }));
    let mut ended = ended.collect::<SqlResult<Vec<_>>>()?;
    let disabled = "SELECT id FROM User WHERE disabled_at > ? ORDER BY disabled_at DESC LIMIT ?";
    for row in sql.rows(disabled, &[since.into(), ENDED_MAX.into()])? {
        ended.push(EndedToken { user: row.user(0)?, token: None });
    }
    Ok(ended)
}

/// Whether there are ended tokens of before then.
pub(super) fn is_sweep_wanted(sql: &mut dyn Sql, before: UnixMs) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM EndedToken WHERE ended_at < ? LIMIT 1", &[before.into()])?.is_some())
}

/// Removes some of them.
pub(super) fn sweep(sql: &mut dyn Sql, before: UnixMs) -> SqlResult<()> {
    let old = "SELECT token_hash FROM EndedToken WHERE ended_at < ? ORDER BY ended_at LIMIT ?";
    let rows = sql.rows(old, &[before.into(), PIECE.into()])?;
    let hashes = rows.iter().map(|row| row.token_hash(0)).collect::<SqlResult<Vec<_>>>()?;
    for lookup in lookups(&hashes.iter().collect::<Vec<_>>(), |hash| [hash.into()]) {
        let list = repeated("?", ",", lookup.len);
        sql.run(&format!("DELETE FROM EndedToken WHERE token_hash IN ({list})"), &lookup.args)?;
    }
    Ok(())
}
