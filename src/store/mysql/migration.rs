//! Brings the schema up to date, one node at a time.

use std::time::Duration;

use super::call::Call;
use super::server::{Server, now};
use crate::clock::UnixMs;
use crate::store::sql::{self, Fault, Sql, SqlResult, upgrade};
use crate::store::{Findings, KeptName, Result, StoreError, foreign, migrate};

/// How long a node waits for another that is migrating, and for a single statement of a migration.
const PATIENCE: Duration = Duration::from_secs(600);

/// Statements kept prepared meanwhile.
const STATEMENTS_KEPT: usize = 8;

/// Named locks are the server's, not the database's: the database's name is part of it, at a fixed length.
const LOCK: &str = "CONCAT('stonechat.schema.', MD5(DATABASE()))";

/// How statements add indexes: by themselves, and behind a column.
const ALTER: &str = "ALTER TABLE ";
const ADD_KEY: &str = " ADD KEY ";
const ADDS_TOO: &str = ", ADD KEY ";

pub(super) fn migrate(server: &Server) -> Result<()> {
    // A connection of its own, which waits longer than calls may, and whose end frees the lock in any case.
    let mut conn = server.connect(PATIENCE, STATEMENTS_KEPT)?;
    let mut call = Call::new(&mut conn, server, now() + PATIENCE);
    let locked = call.first(&format!("SELECT GET_LOCK({LOCK}, ?)"), &[(PATIENCE.as_secs() / 2).into()])?;
    if locked.map_or(Ok(0), |row| row.int(0))? != 1 {
        return Err(StoreError::Unavailable("another node has been migrating the database for minutes".into()));
    }
    let foreign = foreign::tables(&mut call, migrate::MYSQL)?;
    if !foreign.is_empty() {
        return Err(StoreError::Broken(foreign.join("; ").into()));
    }
    let missing = migrate::missing(sql::version::version(&mut call)?, migrate::MYSQL)?;
    apply(&mut call, missing)?;
    call.first(&format!("SELECT RELEASE_LOCK({LOCK})"), &[])?;
    Ok(())
}

/// See [`crate::store::OpenStore::inspect`]. A node that starts waits for its database.
pub(super) fn inspect(server: &Server, line_bytes: usize) -> Result<Findings> {
    let mut conn = server.connect(PATIENCE, STATEMENTS_KEPT)?;
    Ok(super::inspect(&mut Call::new(&mut conn, server, now() + PATIENCE), line_bytes)?)
}

/// See [`crate::store::OpenStore::kept_names`]. A large table takes longer than calls may.
pub(super) fn kept_names(server: &Server, limit: u32) -> Result<Vec<KeptName>> {
    let mut conn = server.connect(PATIENCE, STATEMENTS_KEPT)?;
    Ok(upgrade::kept_names(&mut Call::new(&mut conn, server, now() + PATIENCE), limit)?)
}

fn apply(call: &mut Call<'_>, missing: &[migrate::Migration]) -> SqlResult<()> {
    if missing.is_empty() {
        return Ok(());
    }
    call.say(migrate::CREATE_VERSIONS)?;
    for migration in missing {
        // One by one: of several in one text, errors after the first would go unnoticed.
        upgrade(call, migration).map_err(|fault| in_migration(migration.version, fault))?;
        call.run(migrate::RECORD_VERSION, &[migration.version.into(), UnixMs::now().into()])?;
    }
    Ok(())
}

fn upgrade(call: &mut Call<'_>, migration: &migrate::Migration) -> SqlResult<()> {
    for statement in migration.statements().iter().flat_map(|statement| steps(statement)) {
        call.allow_until(now() + PATIENCE);
        if !migrate::is_done(call, &statement)? && !has_index(call, &statement)? {
            call.say(&statement)?;
        }
    }
    migration.code.iter().try_for_each(|step| call.transaction(|call| step(call)))?;
    migration.pieces.iter().try_for_each(|piece| in_pieces(call, *piece))
}

/// A statement of the files as TiDB takes it, too. (The files stay as they landed.) It reserves the word UNTIL, which is a column's name;
/// and of `ALTER TABLE t ADD COLUMN c ..., ADD KEY k (...)` two statements are made, as it knows no column that the same one adds.
fn steps(statement: &str) -> Vec<String> {
    let Some((column, index)) = statement.split_once(ADDS_TOO) else {
        return vec![statement.replace("\n    until ", "\n    `until` ")];
    };
    let table = column.split_whitespace().nth(2).unwrap_or_default();
    vec![column.to_owned(), format!("{ALTER}{table}{ADD_KEY}{index}")]
}

/// Whether a statement adds an index that is there already.
fn has_index(call: &mut Call<'_>, statement: &str) -> SqlResult<bool> {
    let Some((table, index)) = added_index(statement) else { return Ok(false) };
    let known = "SELECT 1 FROM information_schema.statistics \
                 WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ? LIMIT 1";
    Ok(call.first(known, &[table.into(), index.into()])?.is_some())
}

/// Table and index of `ALTER TABLE t ADD KEY k (...)`.
fn added_index(statement: &str) -> Option<(&str, &str)> {
    let (table, index) = statement.strip_prefix(ALTER)?.split_once(ADD_KEY)?;
    Some((table.trim_matches('`'), index.split_whitespace().next()?))
}

/// A large table takes as long as it takes; only a single statement or piece is bounded in time.
fn in_pieces(call: &mut Call<'_>, piece: migrate::Piece) -> SqlResult<()> {
    let mut next = Some(0);
    while let Some(after) = next {
        call.allow_until(now() + PATIENCE);
        next = call.transaction(|call| piece(call, after))?;
    }
    Ok(())
}

fn in_migration(version: i64, fault: Fault) -> Fault {
    match fault {
        Fault::Broken(cause) => Fault::Broken(format!("migration {version} failed: {cause}").into()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_adds_an_index_of_a_column_that_it_adds() {
        let all: Vec<String> = migrate::MYSQL.iter().flat_map(migrate::Migration::statements).collect();
        let said: Vec<String> = all.iter().flat_map(|statement| steps(statement)).collect();
        let added: Vec<_> = said.iter().filter_map(|statement| added_index(statement)).collect();
        let expected = [
            ("User", "user_by_state_node"),
            ("GroupUser", "group_user_by_role"),
            ("User", "user_by_disabled"),
            ("AllGroup", "all_group_by_retention"),
            ("Conversation", "conversation_by_change"),
            ("AllGroup", "all_group_by_change"),
        ];
        assert_eq!(added, expected);
        assert_eq!(said.len(), all.len() + added.len());
        assert!(said.iter().all(|statement| !statement.contains("COLUMN") || !statement.contains("KEY ")), "{said:?}");
    }

    #[test]
    fn a_column_and_its_index_are_added_one_after_the_other() {
        let both = "ALTER TABLE `a` ADD COLUMN x INT NULL, ADD KEY by_x (x, y)";
        assert_eq!(steps(both), ["ALTER TABLE `a` ADD COLUMN x INT NULL", "ALTER TABLE `a` ADD KEY by_x (x, y)"]);
        assert_eq!(steps("CREATE TABLE a (x INT)"), ["CREATE TABLE a (x INT)"]);
        let reserved = "CREATE TABLE a (\n    x INT,\n    until  BIGINT NOT NULL\n)";
        assert_eq!(steps(reserved), ["CREATE TABLE a (\n    x INT,\n    `until`  BIGINT NOT NULL\n)"]);
    }
}
