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
    for statement in migration.statements() {
        call.allow_until(now() + PATIENCE);
        if !migrate::is_done(call, &statement)? {
            call.say(&statement)?;
        }
    }
    migration.code.iter().try_for_each(|step| call.transaction(|call| step(call)))?;
    migration.pieces.iter().try_for_each(|piece| in_pieces(call, *piece))
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
