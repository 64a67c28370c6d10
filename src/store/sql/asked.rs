//! Whether somebody may wait for a user's answer: a friend request, or an invitation to a group. A login looks for these only
//! where `User.asked` says so, and reads that with what it reads anyway.
//!
//! ```text
//!   a request, an invitation is kept: 1, in the same transaction      a login finds none:  lock the user, look again: 0
//! ```
//!
//! Whoever keeps one has locked the user, so nothing comes between the second look and the 0. Nobody writes 0 when the last one
//! is answered: it costs the next login a look, and no answer a count.

use super::{Sql, SqlResult, accounts};
use crate::ids::UserId;

/// Somebody waits for the user's answer. The user is locked.
pub(super) fn note(sql: &mut dyn Sql, user: UserId) -> SqlResult<()> {
    sql.run("UPDATE User SET asked = 1 WHERE id = ?", &[user.into()])?;
    Ok(())
}

/// Nobody does, if that is so.
pub(super) fn settle(sql: &mut dyn Sql, user: UserId) -> SqlResult<()> {
    accounts::lock_devices(sql, user)?;
    // Statements of their own, behind the lock: each sees what was committed before it.
    let request = sql.first("SELECT 1 FROM FriendRequest WHERE friendid = ? LIMIT 1", &[user.into()])?;
    let invited = "SELECT 1 FROM GroupAsk WHERE userid = ? AND wish = 0 LIMIT 1";
    if request.is_none() && sql.first(invited, &[user.into()])?.is_none() {
        sql.run("UPDATE User SET asked = 0 WHERE id = ?", &[user.into()])?;
    }
    Ok(())
}
