//! Brings the schema up to date, one node at a time.

use std::time::Duration;

use super::link::{Server, now};
use super::session::Session;
use crate::clock::UnixMs;
use crate::store::sql::{Done, Fault, Sql};
use crate::store::{Result, StoreError, migrate};

/// How long a node waits for another that is migrating, and for a single statement of a migration.
const PATIENCE: Duration = Duration::from_secs(600);

/// Named locks are the server's, not the database's: the database's name is part of it, at a fixed length.
const LOCK: &str = "CONCAT('stonechat.schema.', MD5(DATABASE()))";

pub(super) fn migrate(server: &Server) -> Result<()> {
    // A connection of its own, which waits longer than calls may, and whose end frees the lock in any case.
    let mut conn = server.connect(PATIENCE)?;
    let mut session = Session::new(&mut conn, now() + PATIENCE);
    let locked = session.first(&format!("SELECT GET_LOCK({LOCK}, ?)"), &[(PATIENCE.as_secs() / 2).into()])?;
    if locked.map_or(Ok(0), |row| row.int(0))? != 1 {
        return Err(StoreError::Unavailable("another node has been migrating the database for minutes".into()));
    }
    let missing = migrate::missing(present(&mut session)?, migrate::MYSQL)?;
    apply(&mut session, missing)?;
    session.first(&format!("SELECT RELEASE_LOCK({LOCK})"), &[])?;
    Ok(())
}

fn present(session: &mut Session<'_>) -> Done<i64> {
    let asked = "SELECT COUNT(*) FROM information_schema.tables \
                 WHERE table_schema = DATABASE() AND table_name = 'SchemaVersion'";
    let has_versions = session.first(asked, &[])?.map_or(Ok(0), |row| row.int(0))? > 0;
    if !has_versions {
        return Ok(0);
    }
    session.first(migrate::READ_VERSION, &[])?.map_or(Ok(0), |row| row.int(0))
}

fn apply(session: &mut Session<'_>, missing: &[migrate::Migration]) -> Done<()> {
    if missing.is_empty() {
        return Ok(());
    }
    session.say(migrate::CREATE_VERSIONS)?;
    for migration in missing {
        // One by one: of several in one text, errors after the first would go unnoticed.
        upgrade(session, migration).map_err(|fault| in_migration(migration.version, fault))?;
        session.run(migrate::RECORD_VERSION, &[migration.version.into(), UnixMs::now().into()])?;
    }
    Ok(())
}

fn upgrade(session: &mut Session<'_>, migration: &migrate::Migration) -> Done<()> {
    for statement in migration.statements() {
        if !migrate::is_done(session, &statement)? {
            session.say(&statement)?;
        }
    }
    migration.code.iter().try_for_each(|step| session.transaction(|session| step(session)))
}

fn in_migration(version: i64, fault: Fault) -> Fault {
    match fault {
        Fault::Broken(cause) => Fault::Broken(format!("migration {version} failed: {cause}").into()),
        other => other,
    }
}
