//! Many users, groups, friendships and memberships at once, for an import.

use super::bulk_messages;
use super::lists::{insert, lookups, repeated};
use super::membership::{Entrant, enter, lock, role_name, standing};
use super::names::Keys;
use super::version::version;
use super::{Arg, Engine, Sql, SqlResult, SqlStore, accounts};
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, UserId};
use crate::store::bulk::{Brought, Bulk, NewGroup, NewMessage, NewUser, Noted, Present, membership_number};
use crate::store::{Named, Result, Role};

/// The version of the schema that has the table Imported.
const SINCE_VERSION: i64 = 4;

impl<E: Engine> Bulk for SqlStore<E> {
    fn is_up_to_date(&mut self) -> Result<bool> {
        self.0.read(|sql| Ok(version(sql)? >= SINCE_VERSION))
    }

    fn noted(&mut self, kind: Brought, after: i64, limit: u32) -> Result<Vec<Noted>> {
        let statement = "SELECT id, mark FROM Imported WHERE kind = ? AND id > ? ORDER BY id LIMIT ?";
        self.0.read(|sql| {
            let rows = sql.rows(statement, &[kind.number().into(), after.into(), limit.into()])?;
            rows.iter().map(|row| Ok(Noted { id: row.int(0)?, mark: row.int(1)? })).collect()
        })
    }

    fn users(&mut self, ids: &[UserId]) -> Result<Vec<Present>> {
        self.0.read(|sql| users(sql, ids))
    }

    fn groups(&mut self, ids: &[GroupId]) -> Result<Vec<Present>> {
        self.0.read(|sql| groups(sql, ids))
    }

    fn holders(&mut self, named: Named, keys: &[&str], now: UnixMs) -> Result<Vec<(String, u32)>> {
        self.0.read(|sql| holders(sql, named, keys, now))
    }

    fn put_users(&mut self, users: &[NewUser], now: UnixMs) -> Result<()> {
        self.0.write(|sql| put_users(sql, users, now))
    }

    fn put_groups(&mut self, groups: &[NewGroup], now: UnixMs) -> Result<()> {
        self.0.write(|sql| put_groups(sql, groups, now))
    }

    fn put_members(&mut self, members: &[(GroupId, UserId)]) -> Result<()> {
        self.0.write(|sql| put_members(sql, members))
    }

    fn put_friends(&mut self, pairs: &[(UserId, UserId)]) -> Result<()> {
        self.0.write(|sql| put_friends(sql, pairs))
    }

    fn put_messages(&mut self, messages: &[NewMessage]) -> Result<u64> {
        self.0.write(|sql| bulk_messages::put(sql, messages))
    }
}

fn note(sql: &mut dyn Sql, kind: Brought, noted: &[Noted]) -> SqlResult<()> {
    insert(sql, "INSERT INTO Imported (kind, id, mark)", "(?, ?, ?)", noted, |noted, args| {
        args.extend([kind.number().into(), noted.id.into(), Arg::from(noted.mark)]);
        Ok(())
    })
}

fn users(sql: &mut dyn Sql, ids: &[UserId]) -> SqlResult<Vec<Present>> {
    let erased = match version(sql)? {
        0 => return Ok(Vec::new()),
        1 | 2 => "0",
        _ => "erased_at IS NOT NULL",
    };
    let mut found = Vec::new();
    for lookup in lookups(ids, |id| [id.into()]) {
        let statement = format!("SELECT id, name, {erased} FROM User WHERE id IN ({})", repeated("?", ",", lookup.len));
        for mut row in sql.rows(&statement, &lookup.args)? {
            found.push(Present { id: row.count(0)?, is_gone: row.int(2)? != 0, name: row.text(1)? });
        }
    }
    Ok(found)
}

fn groups(sql: &mut dyn Sql, ids: &[GroupId]) -> SqlResult<Vec<Present>> {
    let version = version(sql)?;
    let mut found = Vec::new();
    if version == 0 {
        return Ok(found);
    }
    for lookup in lookups(ids, |id| [id.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT id, groupname FROM AllGroup WHERE id IN ({list})");
        for mut row in sql.rows(&statement, &lookup.args)? {
            found.push(Present { id: row.count(0)?, is_gone: false, name: row.text(1)? });
        }
        if version == 1 {
            continue;
        }
        for row in sql.rows(&format!("SELECT id FROM DeletedGroup WHERE id IN ({list})"), &lookup.args)? {
            found.push(Present { id: row.count(0)?, is_gone: true, name: String::new() });
        }
    }
    Ok(found)
}

fn holders(sql: &mut dyn Sql, named: Named, keys: &[&str], now: UnixMs) -> SqlResult<Vec<(String, u32)>> {
    let (table, of_group) = match named {
        Named::User => ("User", 0),
        Named::Group => ("AllGroup", 1),
    };
    let version = version(sql)?;
    let mut found = Vec::new();
    if version == 0 {
        return Ok(found);
    }
    for lookup in lookups(keys, |key| [key.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT name_key, id FROM {table} WHERE name_key IN ({list})");
        for mut row in sql.rows(&statement, &lookup.args)? {
            found.push((row.text(0)?, row.count(1)?));
        }
        if version < 3 {
            continue;
        }
        let statement = format!(
            "SELECT name_key, owner FROM HeldName WHERE of_group = {of_group} AND `until` > ? AND name_key IN ({list})"
        );
        let args: Vec<Arg<'_>> = std::iter::once(now.into()).chain(lookup.args).collect();
        for mut row in sql.rows(&statement, &args)? {
            found.push((row.text(0)?, row.count(1)?));
        }
    }
    Ok(found)
}

fn put_users(sql: &mut dyn Sql, users: &[NewUser], now: UnixMs) -> SqlResult<()> {
    let keyed: Vec<(&NewUser, Keys)> = users.iter().map(|user| (user, Keys::of(&user.name))).collect();
    let head = "INSERT INTO User (id, name, name_key, password, state, created_at, asked, dialect)";
    insert(sql, head, "(?, ?, ?, ?, 'offline', ?, 0, ?)", &keyed, |(user, keys), args| {
        args.extend([user.id.into(), user.name.as_str().into(), keys.for_new()?, user.password.as_str().into()]);
        args.extend([now.into(), Arg::from(user.dialect.name())]);
        Ok(())
    })?;
    let noted: Vec<Noted> = users.iter().map(|user| Noted { id: user.id.number().into(), mark: user.mark }).collect();
    note(sql, Brought::User, &noted)
}

fn put_groups(sql: &mut dyn Sql, groups: &[NewGroup], now: UnixMs) -> SqlResult<()> {
    let keyed: Vec<(&NewGroup, Keys, i64)> = groups
        .iter()
        .map(|group| (group, Keys::of(&group.name), i64::try_from(group.members.len()).unwrap_or(i64::MAX)))
        .collect();
    let head = "INSERT INTO AllGroup (id, groupname, name_key, groupdesc, created_at, members)";
    insert(sql, head, "(?, ?, ?, ?, ?, ?)", &keyed, |(group, keys, members), args| {
        args.extend([group.id.into(), group.name.as_str().into(), keys.for_new()?, group.desc.as_str().into()]);
        args.extend([now.into(), Arg::from(*members)]);
        Ok(())
    })?;
    let head = "INSERT INTO Conversation (id, last_seq, active_at)";
    insert(sql, head, "(?, 0, ?)", groups, |group, args| {
        args.extend([ConvId::group(group.id).into(), Arg::from(now)]);
        Ok(())
    })?;
    let members: Vec<(GroupId, UserId, Role)> =
        groups.iter().flat_map(|group| group.members.iter().map(|&(user, role)| (group.id, user, role))).collect();
    let head = "INSERT INTO GroupUser (groupid, userid, grouprole)";
    insert(sql, head, "(?, ?, ?)", &members, |&(group, user, role), args| {
        args.extend([group.into(), user.into(), Arg::from(role_name(role))]);
        Ok(())
    })?;
    // A device with a name that has no row of its own stands at 0, as these do.
    let head = "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq)";
    insert(sql, head, "(?, 0, ?, 0, 0)", &members, |&(group, user, _), args| {
        args.extend([user.into(), Arg::from(ConvId::group(group))]);
        Ok(())
    })?;
    let noted: Vec<Noted> =
        groups.iter().map(|group| Noted { id: group.id.number().into(), mark: group.mark }).collect();
    note(sql, Brought::Group, &noted)?;
    note_members(sql, members.iter().map(|&(group, user, _)| (group, user)))
}

fn note_members(sql: &mut dyn Sql, members: impl Iterator<Item = (GroupId, UserId)>) -> SqlResult<()> {
    let noted: Vec<Noted> =
        members.map(|(group, user)| Noted { id: membership_number(group, user), mark: 0 }).collect();
    note(sql, Brought::Membership, &noted)
}

fn put_members(sql: &mut dyn Sql, members: &[(GroupId, UserId)]) -> SqlResult<()> {
    for &(group, user) in members {
        if lock(sql, group)?.is_some() && standing(sql, user, group)?.role.is_none() {
            accounts::lock_devices(sql, user)?;
            enter(sql, group, Entrant { user, role: Role::Normal, joined_seq: 0, muted_until: UnixMs(0) })?;
        }
    }
    note_members(sql, members.iter().copied())
}

fn put_friends(sql: &mut dyn Sql, pairs: &[(UserId, UserId)]) -> SqlResult<()> {
    let mut both = Vec::with_capacity(2 * pairs.len());
    // Usually there are neither.
    let has_blocks = sql.first("SELECT 1 FROM Block LIMIT 1", &[])?.is_some();
    let has_requests = sql.first("SELECT 1 FROM FriendRequest LIMIT 1", &[])?.is_some();
    for &(a, b) in pairs {
        let crosswise = [a.into(), b.into(), b.into(), a.into()];
        let blocked = "SELECT 1 FROM Block WHERE (userid = ? AND blocked = ?) OR (userid = ? AND blocked = ?)";
        if has_blocks && sql.first(blocked, &crosswise)?.is_some() {
            continue;
        }
        if has_requests {
            let remove =
                "DELETE FROM FriendRequest WHERE (userid = ? AND friendid = ?) OR (userid = ? AND friendid = ?)";
            sql.run(remove, &crosswise)?;
        }
        both.extend([(a, b), (b, a)]);
    }
    let head = format!("{} Friend (userid, friendid)", sql.dialect().insert_new);
    insert(sql, &head, "(?, ?)", &both, |&(user, friend), args| {
        args.extend([user.into(), Arg::from(friend)]);
        Ok(())
    })?;
    let noted: Vec<Noted> = pairs.iter().map(|&(a, b)| Noted { id: ConvId::pair(a, b).number(), mark: 0 }).collect();
    note(sql, Brought::Friendship, &noted)
}
