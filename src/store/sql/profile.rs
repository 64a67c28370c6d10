//! What a user tells others of itself: the name, and a profile.

use super::names::Keys;
use super::{Fault, Sql, SqlResult, held};
use crate::clock::UnixMs;
use crate::ids::UserId;
use crate::store::{Contact, Named, NewProfile, ProfileChange, ProfileOutcome};

pub(super) fn of(sql: &mut dyn Sql, user: UserId) -> SqlResult<Option<String>> {
    let found = sql.first("SELECT profile FROM User WHERE id = ?", &[user.into()])?;
    found.map_or(Ok(None), |mut row| row.text_or_null(0))
}

pub(super) fn change(
    sql: &mut dyn Sql,
    user: UserId,
    change: &ProfileChange<'_>,
    now: UnixMs,
) -> SqlResult<ProfileOutcome> {
    let statement =
        format!("SELECT name, name_key, profile FROM User WHERE id = ? AND erased_at IS NULL{}", sql.dialect().locked);
    let Some(mut row) = sql.first(&statement, &[user.into()])? else { return Ok(ProfileOutcome::NoSuchUser) };
    let (name, key, profile) = (row.text(0)?, row.text(1)?, row.text_or_null(2)?);
    let mut contact = Contact { id: user, name, profile };
    if let Some(name) = change.name.filter(|name| *name != contact.name) {
        if !rename(sql, user, &key, name, (change.held_until, now))? {
            return Ok(ProfileOutcome::NameTaken);
        }
        name.clone_into(&mut contact.name);
    }
    let profile = match change.profile {
        NewProfile::Same => return Ok(ProfileOutcome::Done(contact)),
        NewProfile::Removed => None,
        NewProfile::Set(profile) => Some(profile),
    };
    sql.run("UPDATE User SET profile = ? WHERE id = ?", &[profile.into(), user.into()])?;
    contact.profile = profile.map(str::to_owned);
    Ok(ProfileOutcome::Done(contact))
}

/// Whether the name could be had. The user is locked.
fn rename(
    sql: &mut dyn Sql,
    user: UserId,
    old_key: &str,
    name: &str,
    (held_until, now): (Option<UnixMs>, UnixMs),
) -> SqlResult<bool> {
    let keys = Keys::of(name);
    let [exact, folded] = keys.args();
    let taken = "SELECT id FROM User WHERE name_key IN (?, ?) AND id <> ?";
    if sql.first(taken, &[exact, folded, user.into()])?.is_some()
        || held::is_name_held(sql, Named::User, &keys, user.number(), now)?
    {
        return Ok(false);
    }
    let args = [name.into(), keys.for_new()?, user.into()];
    match sql.run("UPDATE User SET name = ?, name_key = ? WHERE id = ?", &args) {
        Ok(_) => {}
        Err(Fault::Taken(_)) => return Ok(false),
        Err(fault) => return Err(fault),
    }
    // The same key in another spelling gives nothing up.
    if keys.folded() != old_key {
        held::release(sql, Named::User, keys.folded())?;
        if let Some(until) = held_until {
            held::hold(sql, Named::User, old_key, user.number(), until)?;
        }
    }
    Ok(true)
}
