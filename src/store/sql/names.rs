//! Names of users and groups in their tables: by what key they are found, and how names of before get one.

use std::collections::{HashMap, HashSet};

use super::lists::{lookups, repeated};
use super::{Arg, Fault, Row, Sql, SqlResult};
use crate::names;
use crate::store::{KeptName, Named};

/// Rows that one transaction of the migration looks at.
const PIECE_ROWS: u32 = 1_000;

/// A table of names.
#[derive(Clone, Copy)]
pub(super) struct Table {
    named: Named,
    rows: &'static str,
    column: &'static str,
}

/// The users' names.
pub(super) const USERS: Table = Table { named: Named::User, rows: "User", column: "name" };
/// The groups' names.
pub(super) const GROUPS: Table = Table { named: Named::Group, rows: "AllGroup", column: "groupname" };

/// By what a name is found: a name of before these rules is found by itself, and is ahead of the others in the order of
/// keys.
pub(super) struct Keys {
    exact: String,
    folded: String,
}

impl Keys {
    pub(super) fn of(name: &str) -> Self {
        Self { exact: names::exact_key(name), folded: names::key(name) }
    }

    /// For `WHERE name_key IN (?, ?) ORDER BY name_key`.
    pub(super) fn args(&self) -> [Arg<'_>; 2] {
        [self.exact.as_str().into(), self.folded.as_str().into()]
    }

    /// The name as it is spelled.
    pub(super) fn exact(&self) -> &str {
        &self.exact
    }

    /// The name as it is compared.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// The key of a new name.
    pub(super) fn for_new(&self) -> SqlResult<Arg<'_>> {
        if self.folded.is_empty() || self.folded.len() > names::KEY_BYTES_MAX {
            return Err(Fault::Broken("a name cannot be compared with others".into()));
        }
        Ok(self.folded.as_str().into())
    }
}

/// A row of a table of names.
struct Entry {
    id: i64,
    name: String,
    key: String,
}

fn entry(mut row: Row) -> SqlResult<Entry> {
    Ok(Entry { id: row.int(0)?, name: row.text(1)?, key: row.text(2)? })
}

fn piece(sql: &mut dyn Sql, table: Table, after: i64) -> SqlResult<Vec<Entry>> {
    let Table { rows, column, .. } = table;
    let statement = format!("SELECT id, {column}, name_key FROM {rows} WHERE id > ? ORDER BY id LIMIT ?");
    sql.rows(&statement, &[after.into(), PIECE_ROWS.into()])?.into_iter().map(entry).collect()
}

/// Who has these keys now, by key.
fn holders(sql: &mut dyn Sql, table: Table, keys: &[&str]) -> SqlResult<HashMap<String, Entry>> {
    let Table { rows, column, .. } = table;
    let mut holders = HashMap::new();
    for lookup in lookups(keys, |key| [key.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT id, {column}, name_key FROM {rows} WHERE name_key IN ({list})");
        for row in sql.rows(&statement, &lookup.args)? {
            let holder = entry(row)?;
            holders.insert(holder.key.clone(), holder);
        }
    }
    Ok(holders)
}

/// The keys that are wanted by names that do not have them. Most names do, and nothing needs to be known of them.
fn changing<'a>(entries: &[Entry], wanted: &'a [Option<String>]) -> Vec<&'a str> {
    let keys = entries.iter().zip(wanted).filter_map(|(entry, wanted)| Some((entry, wanted.as_deref()?)));
    keys.filter(|(entry, key)| entry.key != *key).map(|(_, key)| key).collect()
}

/// Gives the next rows behind the id `after` their keys; where to go on, `None` at the end. Of several names with one
/// key the lowest id has it. The others, and what has no key, keep their spelling. Ids must come in order; to begin
/// again does no harm.
pub(super) fn give_keys(sql: &mut dyn Sql, table: Table, after: i64) -> SqlResult<Option<i64>> {
    let entries = piece(sql, table, after)?;
    let Some(last) = entries.last().map(|entry| entry.id) else { return Ok(None) };
    let wanted: Vec<Option<String>> = entries.iter().map(|entry| names::enforce(&entry.name).ok()).collect();
    let keys = changing(&entries, &wanted);
    let mut holders = holders(sql, table, &keys)?;
    // Those of this piece that had to give up the key they came with, for one ahead of them.
    let mut given_up: HashMap<i64, String> = HashMap::new();
    for (entry, wanted) in entries.into_iter().zip(wanted) {
        let present = given_up.remove(&entry.id).unwrap_or(entry.key);
        let exact = names::exact_key(&entry.name);
        let key = match wanted {
            Some(key) if key == present => continue,
            Some(key) => match holders.remove(&key) {
                // Whoever is ahead of this one has its key for good.
                Some(holder) if holder.id < entry.id => {
                    holders.insert(key, holder);
                    exact
                }
                Some(holder) => {
                    let spelling = names::exact_key(&holder.name);
                    set_key(sql, table, holder.id, &spelling)?;
                    given_up.insert(holder.id, spelling);
                    key
                }
                None => key,
            },
            None => exact,
        };
        if key != present {
            set_key(sql, table, entry.id, &key)?;
        }
        if holders.get(&present).is_some_and(|holder| holder.id == entry.id) {
            holders.remove(&present);
        }
        holders.insert(key.clone(), Entry { id: entry.id, name: entry.name, key });
    }
    Ok(Some(last))
}

fn set_key(sql: &mut dyn Sql, table: Table, id: i64, key: &str) -> SqlResult<()> {
    let statement = format!("UPDATE {} SET name_key = ? WHERE id = ?", table.rows);
    sql.run(&statement, &[key.into(), id.into()])?;
    Ok(())
}

/// The names that are found by their exact spelling only, of a database that has the keys.
pub(super) fn kept(sql: &mut dyn Sql, table: Table, limit: u32) -> SqlResult<Vec<KeptName>> {
    let Table { rows: from, column, .. } = table;
    let statement = format!(
        "SELECT id, {column}, name_key FROM {from} WHERE name_key >= ? AND name_key < ? ORDER BY name_key LIMIT ?"
    );
    let (first, end) = (names::exact_key(""), names::exact_keys_end());
    let rows = sql.rows(&statement, &[first.as_str().into(), end.as_str().into(), limit.into()])?;
    rows.into_iter().map(|row| entry(row).map(|entry| keeps(table, entry))).collect()
}

/// The names that will be, of a database whose names have keys of before.
pub(super) fn to_be_kept(sql: &mut dyn Sql, table: Table, limit: u32) -> SqlResult<Vec<KeptName>> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut kept = Vec::new();
    // The new keys met so far that nobody has now. Those are few: hardly a name's key changes.
    let mut changed: HashSet<String> = HashSet::new();
    let mut after = 0;
    loop {
        let entries = piece(sql, table, after)?;
        let Some(last) = entries.last().map(|entry| entry.id) else { return Ok(kept) };
        let wanted: Vec<Option<String>> = entries.iter().map(|entry| names::enforce(&entry.name).ok()).collect();
        let keys = changing(&entries, &wanted);
        let holders = holders(sql, table, &keys)?;
        for (entry, wanted) in entries.into_iter().zip(wanted) {
            let is_lost = match &wanted {
                None => true,
                Some(key) => {
                    let is_ahead = |holder: &Entry| {
                        holder.id < entry.id && names::enforce(&holder.name).is_ok_and(|of_holder| of_holder == *key)
                    };
                    changed.contains(key) || holders.get(key).is_some_and(is_ahead)
                }
            };
            changed.extend(wanted.filter(|key| *key != entry.key));
            if is_lost {
                kept.push(keeps(table, entry));
            }
            if kept.len() >= most {
                return Ok(kept);
            }
        }
        after = last;
    }
}

fn keeps(table: Table, entry: Entry) -> KeptName {
    let why = names::enforce(&entry.name).err();
    KeptName { named: table.named, id: entry.id, name: entry.name, why }
}
