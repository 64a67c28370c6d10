//! Friends, in both directions, and who asked to be one.

use super::lists::{lookups, repeated};
use super::{Sql, SqlResult, asked, is_full, user_quota};
use crate::clock::UnixMs;
use crate::ids::UserId;
use crate::store::{Contact, FriendOutcome, FriendRequest, Person, Quota, UserQuota};

pub(super) fn add(sql: &mut dyn Sql, user: UserId, friend: UserId, limit: Option<u32>) -> SqlResult<FriendOutcome> {
    let Some(person) = lock_both(sql, user, friend)? else { return Ok(FriendOutcome::NoSuchUser) };
    if let Some(refusal) = block_between(sql, user, friend)? {
        return Ok(refusal);
    }
    if are_friends(sql, user, friend)? {
        delete_requests(sql, user, friend)?;
        return Ok(FriendOutcome::Already(person));
    }
    Ok(befriend(sql, user, friend, limit)?.map_or(FriendOutcome::Done(person), FriendOutcome::Full))
}

pub(super) fn delete(sql: &mut dyn Sql, user: UserId, friend: UserId) -> SqlResult<bool> {
    let mut deleted = 0;
    for (one, other) in both_directions(user, friend) {
        deleted += sql.run("DELETE FROM Friend WHERE userid = ? AND friendid = ?", &[one.into(), other.into()])?;
    }
    Ok(deleted > 0)
}

pub(super) fn page(sql: &mut dyn Sql, user: UserId, after: u32, limit: u32) -> SqlResult<Vec<Contact>> {
    let statement = "SELECT u.id, u.name, u.profile FROM Friend f JOIN User u ON u.id = f.friendid \
                     WHERE f.userid = ? AND f.friendid > ? ORDER BY f.friendid LIMIT ?";
    sql.rows(statement, &[user.into(), after.into(), limit.into()])?.iter_mut().map(|row| row.contact(0)).collect()
}

/// Users with the ids of their friends, at most `limit` of them.
pub(super) fn ids_of_all(sql: &mut dyn Sql, users: &[UserId], limit: u32) -> SqlResult<Vec<(UserId, UserId)>> {
    let mut found = Vec::new();
    for lookup in lookups(users, |user| [user.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT userid, friendid FROM Friend WHERE userid IN ({list}) LIMIT ?");
        let mut args = lookup.args;
        args.push(limit.into());
        for row in sql.rows(&statement, &args)? {
            found.push((row.user(0)?, row.user(1)?));
        }
    }
    Ok(found)
}

pub(super) fn count(sql: &mut dyn Sql, user: UserId) -> SqlResult<u64> {
    let counted = sql.first("SELECT COUNT(*) FROM Friend WHERE userid = ?", &[user.into()])?;
    counted.map_or(Ok(0), |row| row.seq(0))
}

pub(super) fn request(
    sql: &mut dyn Sql,
    (from, to): (UserId, UserId),
    msg: &str,
    now: UnixMs,
    limit: Option<u32>,
) -> SqlResult<FriendOutcome> {
    let Some(person) = lock_both(sql, from, to)? else { return Ok(FriendOutcome::NoSuchUser) };
    if let Some(refusal) = block_between(sql, from, to)? {
        return Ok(refusal);
    }
    if are_friends(sql, from, to)? {
        return Ok(FriendOutcome::Already(person));
    }
    let request = "SELECT 1 FROM FriendRequest WHERE userid = ? AND friendid = ?";
    if sql.first(request, &[from.into(), to.into()])?.is_some() {
        let reworded = "UPDATE FriendRequest SET msg = ? WHERE userid = ? AND friendid = ?";
        sql.run(reworded, &[msg.into(), from.into(), to.into()])?;
        return Ok(FriendOutcome::Done(person));
    }
    let limit = user_quota::of(sql, from, UserQuota::FriendRequests, limit)?;
    if is_full(sql, "SELECT 1 FROM FriendRequest WHERE userid = ?", &[from.into()], limit)? {
        return Ok(FriendOutcome::Full(Quota::FriendRequests));
    }
    let statement = "INSERT INTO FriendRequest (userid, friendid, msg, created_at) VALUES (?, ?, ?, ?)";
    sql.run(statement, &[from.into(), to.into(), msg.into(), now.into()])?;
    asked::note(sql, to)?;
    Ok(FriendOutcome::Done(person))
}

pub(super) fn answer(
    sql: &mut dyn Sql,
    user: UserId,
    from: UserId,
    accept: bool,
    limit: Option<u32>,
) -> SqlResult<FriendOutcome> {
    let Some(person) = lock_both(sql, user, from)? else { return Ok(FriendOutcome::NoSuchRequest) };
    if let Some(refusal) = block_between(sql, user, from)? {
        return Ok(refusal);
    }
    let request = "SELECT 1 FROM FriendRequest WHERE userid = ? AND friendid = ?";
    if sql.first(request, &[from.into(), user.into()])?.is_none() {
        let are_friends = are_friends(sql, user, from)?;
        return Ok(if are_friends { FriendOutcome::Already(person) } else { FriendOutcome::NoSuchRequest });
    }
    if !accept {
        delete_request(sql, from, user)?;
        return Ok(FriendOutcome::Done(person));
    }
    // Where there is no room, the request stays: it may be answered later.
    Ok(befriend(sql, user, from, limit)?.map_or(FriendOutcome::Done(person), FriendOutcome::Full))
}

pub(super) fn requests(sql: &mut dyn Sql, user: UserId, limit: u32) -> SqlResult<Vec<FriendRequest>> {
    let statement = "SELECT u.id, u.name, r.msg FROM FriendRequest r JOIN User u ON u.id = r.userid \
                     WHERE r.friendid = ? ORDER BY r.created_at, r.userid LIMIT ?";
    let rows = sql.rows(statement, &[user.into(), limit.into()])?;
    rows.into_iter().map(|mut row| Ok(FriendRequest { from: row.person(0)?, msg: row.text(2)? })).collect()
}

/// What the user has asked and nobody has answered, by the id of whom it was asked.
pub(super) fn asked(sql: &mut dyn Sql, user: UserId, after: u32, limit: u32) -> SqlResult<Vec<FriendRequest>> {
    let statement = "SELECT u.id, u.name, r.msg FROM FriendRequest r JOIN User u ON u.id = r.friendid \
                     WHERE r.userid = ? AND r.friendid > ? ORDER BY r.friendid LIMIT ?";
    let rows = sql.rows(statement, &[user.into(), after.into(), limit.into()])?;
    rows.into_iter().map(|mut row| Ok(FriendRequest { from: row.person(0)?, msg: row.text(2)? })).collect()
}

/// Whether there was such a request.
pub(super) fn withdraw(sql: &mut dyn Sql, user: UserId, other: UserId) -> SqlResult<bool> {
    Ok(delete_request(sql, user, other)? > 0)
}

/// Writes both directions and removes the requests between the two; nothing if one of the two has no room for a friend.
fn befriend(sql: &mut dyn Sql, user: UserId, friend: UserId, limit: Option<u32>) -> SqlResult<Option<Quota>> {
    for (whose, quota) in [(user, Quota::Friends), (friend, Quota::FriendsOfOther)] {
        let limit = user_quota::of(sql, whose, UserQuota::Friends, limit)?;
        if is_full(sql, "SELECT 1 FROM Friend WHERE userid = ?", &[whose.into()], limit)? {
            return Ok(Some(quota));
        }
    }
    let statement = format!("{} Friend (userid, friendid) VALUES (?, ?)", sql.dialect().insert_new);
    for (one, other) in both_directions(user, friend) {
        sql.run(&statement, &[one.into(), other.into()])?;
    }
    delete_requests(sql, user, friend)?;
    Ok(None)
}

/// What a user who wants to be the other's friend is told where one of the two has blocked the other.
fn block_between(sql: &mut dyn Sql, user: UserId, other: UserId) -> SqlResult<Option<FriendOutcome>> {
    let either = "SELECT userid FROM Block WHERE (userid = ? AND blocked = ?) OR (userid = ? AND blocked = ?)";
    let rows = sql.rows(either, &[user.into(), other.into(), other.into(), user.into()])?;
    let blocking = rows.iter().map(|row| row.user(0)).collect::<SqlResult<Vec<_>>>()?;
    Ok(match blocking.first() {
        None => None,
        Some(_) if blocking.contains(&user) => Some(FriendOutcome::Blocking),
        Some(_) => Some(FriendOutcome::Blocked),
    })
}

fn are_friends(sql: &mut dyn Sql, user: UserId, friend: UserId) -> SqlResult<bool> {
    let friends = "SELECT 1 FROM Friend WHERE userid = ? AND friendid = ?";
    Ok(sql.first(friends, &[user.into(), friend.into()])?.is_some())
}

pub(super) fn delete_requests(sql: &mut dyn Sql, user: UserId, friend: UserId) -> SqlResult<()> {
    for (one, other) in both_directions(user, friend) {
        delete_request(sql, one, other)?;
    }
    Ok(())
}

fn delete_request(sql: &mut dyn Sql, from: UserId, to: UserId) -> SqlResult<u64> {
    sql.run("DELETE FROM FriendRequest WHERE userid = ? AND friendid = ?", &[from.into(), to.into()])
}

/// The smaller id first, whoever asks, so that two transactions lock in the same order.
fn both_directions(a: UserId, b: UserId) -> [(UserId, UserId); 2] {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    [(low, high), (high, low)]
}

/// Locks both users, the smaller id first, so that what is counted of either stays as it is; the other one, if both are there.
pub(super) fn lock_both(sql: &mut dyn Sql, user: UserId, other: UserId) -> SqlResult<Option<Person>> {
    let locked = sql.dialect().locked;
    let statement = format!("SELECT id, name FROM User WHERE id IN (?, ?) AND erased_at IS NULL ORDER BY id{locked}");
    let mut rows = sql.rows(&statement, &[user.into(), other.into()])?;
    let people = rows.iter_mut().map(|row| row.person(0)).collect::<SqlResult<Vec<Person>>>()?;
    // Who was erased a moment ago may still have a request under way.
    let are_both_there = people.iter().any(|person| person.id == user);
    Ok(people.into_iter().find(|person| person.id == other).filter(|_| are_both_there))
}
