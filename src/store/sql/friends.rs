//! Friends, in both directions, and who asked to be one.

use super::{Done, Sql};
use crate::clock::UnixMs;
use crate::ids::UserId;
use crate::store::{Befriended, FriendRequest, Person};

pub(super) fn add(sql: &mut dyn Sql, user: UserId, friend: UserId) -> Done<Befriended> {
    let Some(person) = person(sql, friend)? else { return Ok(Befriended::NoSuchUser) };
    let is_new = befriend(sql, user, friend)?;
    Ok(if is_new { Befriended::Done(person) } else { Befriended::Already(person) })
}

pub(super) fn delete(sql: &mut dyn Sql, user: UserId, friend: UserId) -> Done<bool> {
    let mut deleted = 0;
    for (one, other) in both_directions(user, friend) {
        deleted += sql.run("DELETE FROM Friend WHERE userid = ? AND friendid = ?", &[one.into(), other.into()])?;
    }
    Ok(deleted > 0)
}

pub(super) fn all(sql: &mut dyn Sql, user: UserId) -> Done<Vec<Person>> {
    let statement =
        "SELECT u.id, u.name FROM Friend f JOIN User u ON u.id = f.friendid WHERE f.userid = ? ORDER BY u.id";
    sql.rows(statement, &[user.into()])?.iter_mut().map(|row| row.person(0)).collect()
}

pub(super) fn request(sql: &mut dyn Sql, from: UserId, to: UserId, msg: &str, now: UnixMs) -> Done<Befriended> {
    let Some(person) = person(sql, to)? else { return Ok(Befriended::NoSuchUser) };
    let friends = "SELECT 1 FROM Friend WHERE userid = ? AND friendid = ?";
    if sql.first(friends, &[from.into(), to.into()])?.is_some() {
        return Ok(Befriended::Already(person));
    }
    let reworded = "UPDATE FriendRequest SET msg = ? WHERE userid = ? AND friendid = ?";
    if sql.run(reworded, &[msg.into(), from.into(), to.into()])? == 0 {
        // Nothing changed: there is none, or (on MySQL) one with these very words, which INSERT then leaves alone.
        let insert_new = sql.dialect().insert_new;
        let statement = format!("{insert_new} FriendRequest (userid, friendid, msg, created_at) VALUES (?, ?, ?, ?)");
        sql.run(&statement, &[from.into(), to.into(), msg.into(), now.into()])?;
    }
    Ok(Befriended::Done(person))
}

pub(super) fn answer(sql: &mut dyn Sql, user: UserId, from: UserId, accept: bool) -> Done<Befriended> {
    let Some(person) = person(sql, from)? else { return Ok(Befriended::NoSuchRequest) };
    if delete_request(sql, from, user)? == 0 {
        return Ok(Befriended::NoSuchRequest);
    }
    if accept {
        befriend(sql, user, from)?;
    }
    Ok(Befriended::Done(person))
}

pub(super) fn requests(sql: &mut dyn Sql, user: UserId, limit: u32) -> Done<Vec<FriendRequest>> {
    let statement = "SELECT u.id, u.name, r.msg FROM FriendRequest r JOIN User u ON u.id = r.userid \
                     WHERE r.friendid = ? ORDER BY r.created_at, r.userid LIMIT ?";
    let rows = sql.rows(statement, &[user.into(), limit.into()])?;
    rows.into_iter().map(|mut row| Ok(FriendRequest { from: row.person(0)?, msg: row.text(2)? })).collect()
}

/// Writes both directions and removes the requests between the two; whether they were no friends before.
fn befriend(sql: &mut dyn Sql, user: UserId, friend: UserId) -> Done<bool> {
    let statement = format!("{} Friend (userid, friendid) VALUES (?, ?)", sql.dialect().insert_new);
    let mut made = 0;
    for (one, other) in both_directions(user, friend) {
        made += sql.run(&statement, &[one.into(), other.into()])?;
    }
    for (one, other) in both_directions(user, friend) {
        delete_request(sql, one, other)?;
    }
    Ok(made > 0)
}

fn delete_request(sql: &mut dyn Sql, from: UserId, to: UserId) -> Done<u64> {
    sql.run("DELETE FROM FriendRequest WHERE userid = ? AND friendid = ?", &[from.into(), to.into()])
}

/// The smaller id first, whoever asks, so that two transactions lock in the same order.
fn both_directions(a: UserId, b: UserId) -> [(UserId, UserId); 2] {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    [(low, high), (high, low)]
}

fn person(sql: &mut dyn Sql, user: UserId) -> Done<Option<Person>> {
    let found = sql.first("SELECT id, name FROM User WHERE id = ?", &[user.into()])?;
    found.map(|mut row| row.person(0)).transpose()
}
