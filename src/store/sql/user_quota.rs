//! Quotas of one user that are other ones than the settings say. They are looked up where a quota is checked, and nowhere else.

use super::{Arg, Sql, SqlResult};
use crate::ids::UserId;
use crate::store::UserQuota;

/// How many of these the user may have, if the settings say `limit`.
pub(super) fn of(sql: &mut dyn Sql, user: UserId, quota: UserQuota, limit: Option<u32>) -> SqlResult<Option<u32>> {
    Ok(own(sql, user, quota)?.map_or(limit, |own| (own > 0).then_some(own)))
}

/// What was set for this user; 0: no limit.
pub(super) fn own(sql: &mut dyn Sql, user: UserId, quota: UserQuota) -> SqlResult<Option<u32>> {
    let statement = "SELECT value FROM UserQuota WHERE userid = ? AND name = ?";
    sql.first(statement, &[user.into(), quota.name().into()])?.map(|row| row.count(0)).transpose()
}

/// Whether the statement, whose parameter is the user, finds as many rows as the user may have.
pub(super) fn is_full(
    sql: &mut dyn Sql,
    rows: &str,
    user: UserId,
    (quota, limit): (UserQuota, Option<u32>),
) -> SqlResult<bool> {
    let limit = of(sql, user, quota, limit)?;
    super::is_full(sql, rows, &[user.into()], limit)
}

/// All that was set for this user.
pub(super) fn all(sql: &mut dyn Sql, user: UserId) -> SqlResult<Vec<(String, u32)>> {
    let statement = "SELECT name, value FROM UserQuota WHERE userid = ? ORDER BY name";
    sql.rows(statement, &[user.into()])?.into_iter().map(|mut row| Ok((row.text(0)?, row.count(1)?))).collect()
}

/// Sets it; `None`: as the settings say.
pub(super) fn set(sql: &mut dyn Sql, user: UserId, quota: UserQuota, value: Option<u32>) -> SqlResult<()> {
    let key: [Arg<'_>; 2] = [user.into(), quota.name().into()];
    sql.run("DELETE FROM UserQuota WHERE userid = ? AND name = ?", &key)?;
    if let Some(value) = value {
        let [user, name] = key;
        sql.run("INSERT INTO UserQuota (userid, name, value) VALUES (?, ?, ?)", &[user, name, value.into()])?;
    }
    Ok(())
}
