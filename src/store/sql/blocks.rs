//! Who does not want to hear from whom. The same stands in the rules of their conversation, where whoever stores a message
//! reads it anyway: so the conversation is locked first, as appending does, and made where there is none yet.

use super::lists::{lookups, repeated};
use super::{Arg, Sql, SqlResult, accounts, friends, is_full, user_quota};
use crate::ids::{ConvId, UserId};
use crate::store::rights::Rules;
use crate::store::{BlockOutcome, Person, UserQuota};

pub(super) fn block(sql: &mut dyn Sql, user: UserId, other: UserId, limit: Option<u32>) -> SqlResult<BlockOutcome> {
    // Looked up first: nobody has a conversation with nobody.
    if !accounts::exists(sql, other)? {
        return Ok(BlockOutcome::NoSuchUser);
    }
    let conv = ConvId::pair(user, other);
    open(sql, conv)?;
    let outcome = block_in(sql, user, other, limit)?;
    if !matches!(outcome, BlockOutcome::Done { .. }) {
        forget_if_unused(sql, conv)?;
    }
    Ok(outcome)
}

/// The conversation is locked.
fn block_in(sql: &mut dyn Sql, user: UserId, other: UserId, limit: Option<u32>) -> SqlResult<BlockOutcome> {
    if friends::lock_both(sql, user, other)?.is_none() {
        return Ok(BlockOutcome::NoSuchUser);
    }
    let pair = [user.into(), other.into()];
    if sql.first("SELECT 1 FROM Block WHERE userid = ? AND blocked = ?", &pair)?.is_some() {
        return Ok(BlockOutcome::Done { were_friends: false });
    }
    let limit = user_quota::of(sql, user, UserQuota::Blocks, limit)?;
    if is_full(sql, "SELECT 1 FROM Block WHERE userid = ?", &[user.into()], limit)? {
        return Ok(BlockOutcome::Full);
    }
    sql.run("INSERT INTO Block (userid, blocked) VALUES (?, ?)", &pair)?;
    let bit = Rules::block_of(user, other);
    let conv = ConvId::pair(user, other);
    sql.run("UPDATE Conversation SET rules = rules | ? WHERE id = ?", &[bit.into(), conv.into()])?;
    let were_friends = friends::delete(sql, user, other)?;
    friends::delete_requests(sql, user, other)?;
    Ok(BlockOutcome::Done { were_friends })
}

/// Whether there is such a user.
pub(super) fn unblock(sql: &mut dyn Sql, user: UserId, other: UserId) -> SqlResult<bool> {
    let conv = ConvId::pair(user, other);
    lock(sql, &[conv])?;
    let deleted = sql.run("DELETE FROM Block WHERE userid = ? AND blocked = ?", &[user.into(), other.into()])?;
    if deleted == 0 {
        return accounts::exists(sql, other);
    }
    let bit = Rules::block_of(user, other);
    let statement = "UPDATE Conversation SET rules = rules - ? WHERE id = ? AND (rules & ?) <> 0";
    sql.run(statement, &[bit.into(), conv.into(), bit.into()])?;
    forget_if_unused(sql, conv)?;
    Ok(true)
}

pub(super) fn blocked(sql: &mut dyn Sql, user: UserId, after: u32, limit: u32) -> SqlResult<Vec<Person>> {
    let statement = "SELECT u.id, u.name FROM Block b JOIN User u ON u.id = b.blocked \
                     WHERE b.userid = ? AND b.blocked > ? ORDER BY b.blocked LIMIT ?";
    sql.rows(statement, &[user.into(), after.into(), limit.into()])?.iter_mut().map(|row| row.person(0)).collect()
}

/// Those of `among` who have blocked the viewer, in any order.
pub(super) fn blockers(sql: &mut dyn Sql, viewer: UserId, among: &[UserId]) -> SqlResult<Vec<UserId>> {
    let mut found = Vec::new();
    for lookup in lookups(among, |user| [user.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT userid FROM Block WHERE blocked = ? AND userid IN ({list})");
        let args: Vec<Arg<'_>> = std::iter::once(viewer.into()).chain(lookup.args).collect();
        for row in sql.rows(&statement, &args)? {
            found.push(row.user(0)?);
        }
    }
    Ok(found)
}

/// Locks conversations, given in the order of their ids, as appending does.
pub(super) fn lock(sql: &mut dyn Sql, convs: &[ConvId]) -> SqlResult<()> {
    let locked = sql.dialect().locked;
    for lookup in lookups(convs, |conv| [conv.into()]) {
        let list = repeated("?", ",", lookup.len);
        sql.rows(&format!("SELECT id FROM Conversation WHERE id IN ({list}) ORDER BY id{locked}"), &lookup.args)?;
    }
    Ok(())
}

/// Makes the conversation of two users where there is none, and locks it.
fn open(sql: &mut dyn Sql, conv: ConvId) -> SqlResult<()> {
    // Looked up first: to insert a row that is there takes a lock that cannot be made one's own without a deadlock.
    if sql.first("SELECT id FROM Conversation WHERE id = ?", &[conv.into()])?.is_none() {
        let statement = format!("{} Conversation (id, last_seq) VALUES (?, 0)", sql.dialect().insert_new);
        sql.run(&statement, &[conv.into()])?;
    }
    lock(sql, &[conv])
}

/// Removes a conversation that there is only because of a block that is over: whoever opens it looks for the addressee, and
/// puts it on both lists. It is locked.
fn forget_if_unused(sql: &mut dyn Sql, conv: ConvId) -> SqlResult<()> {
    sql.run("DELETE FROM Conversation WHERE id = ? AND last_seq = 0 AND rules = 0", &[conv.into()])?;
    Ok(())
}
