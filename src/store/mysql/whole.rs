//! The database of a cluster as a whole. What is loaded cannot be one transaction: it is marked until all of it is there.

use std::time::Duration;

use super::MySqlStores;
use super::call::Call;
use super::server::{Connection, Server, now};
use crate::store::sql::whole::{Tables, fault_of, identify, put, refuse_accounts, refuse_other_versions, refuse_rows};
use crate::store::sql::{Sql, SqlResult, cluster, upgrade};
use crate::store::tables::TABLES;
use crate::store::whole::{Batches, Ending, OpenWhole, Work};
use crate::store::{OpenStore, Result, StoreError};

/// How long the database may be silent, and how long one statement may take: a table is read by one.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// How long the database waits for whoever reads what it has said, in seconds.
const READER_SECONDS: u32 = 3600;

/// Statements kept prepared meanwhile: those of a table, in several sizes.
const STATEMENTS_KEPT: usize = 32;

/// Rows that are deleted in one statement.
const DELETED_AT_ONCE: u32 = 5_000;

/// Held while a dump is loaded. Named locks are the server's: the database's name is part of it, at a fixed length.
const LOCK: &str = "CONCAT('stonechat.load.', MD5(DATABASE()))";

/// All that is read is as of now.
const SNAPSHOT: [&str; 2] =
    ["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT"];

impl MySqlStores {
    fn connect(&self) -> Result<Connection> {
        Ok(self.server.connect(PATIENCE, STATEMENTS_KEPT)?)
    }
}

impl OpenWhole for MySqlStores {
    fn read(&self, work: Work<'_>) -> Result<()> {
        let mut conn = self.connect()?;
        let mut call = call(&mut conn, &self.server)?;
        SNAPSHOT.iter().try_for_each(|statement| call.say(statement))?;
        refuse_other_versions(&mut call)?;
        work(&mut Tables::new(&mut call))
    }

    fn change(&self, work: Work<'_>) -> Result<()> {
        let mut conn = self.connect()?;
        let mut call = call(&mut conn, &self.server)?;
        refuse_other_versions(&mut call)?;
        work(&mut Tables::new(&mut call))
    }

    fn fill(&self, ending: &Ending, batches: Batches<'_>) -> Result<()> {
        let mut conn = self.connect()?;
        let mut call = call(&mut conn, &self.server)?;
        take_lock(&mut call)?;
        if !cluster::is_half_loaded(&mut call)? {
            refuse_accounts(&mut call)?;
        }
        self.migrate()?;
        if cluster::is_half_loaded(&mut call)? {
            log::info!("a load was cut short here: what it has left is removed first");
            empty(&mut call)?;
        }
        refuse_rows(&mut call)?;
        cluster::note_half_loaded(&mut call)?;
        let poured = pour(&mut call, ending, batches);
        if poured.is_err() {
            // The connection may be what has failed; its end frees the lock.
            drop(conn);
            self.clean_up();
        }
        Ok(poured?)
    }
}

impl MySqlStores {
    /// Has the database be empty again, if that can be.
    fn clean_up(&self) {
        let cleaned = self.connect().and_then(|mut conn| {
            let mut call = call(&mut conn, &self.server)?;
            take_lock(&mut call)?;
            empty(&mut call)?;
            Ok(cluster::set(&mut call, &upgrade::random_hex()?, &upgrade::random_hex()?)?)
        });
        if let Err(error) = cleaned {
            log::warn!(
                "what was loaded could not be removed, and is marked: no server uses it, and the next load removes it: {error}"
            );
        }
    }
}

fn call<'c>(conn: &'c mut Connection, server: &'c Server) -> Result<Call<'c>> {
    let mut call = Call::new(conn, server, now() + PATIENCE);
    call.say(&format!("SET SESSION net_write_timeout = {READER_SECONDS}"))?;
    // MySQL says else what AUTO_INCREMENT was a day ago; its relatives do not know the word.
    let _ = call.say("SET SESSION information_schema_stats_expiry = 0");
    Ok(call)
}

fn take_lock(call: &mut Call<'_>) -> Result<()> {
    let taken = call.first(&format!("SELECT GET_LOCK({LOCK}, 5)"), &[])?;
    if taken.map_or(Ok(0), |row| row.int(0))? == 1 {
        return Ok(());
    }
    Err(StoreError::Unavailable("a dump is being loaded into it already".into()))
}

fn pour(call: &mut Call<'_>, ending: &Ending, batches: Batches<'_>) -> SqlResult<()> {
    while let Some(batch) = batches().map_err(fault_of)? {
        call.allow_until(now() + PATIENCE);
        call.transaction(|call| put(call, &batch))?;
    }
    for (table, last_id) in &ending.last_ids {
        call.say(&format!("ALTER TABLE `{}` AUTO_INCREMENT = {}", table.name, last_id.saturating_add(1)))?;
    }
    identify(call, ending)
}

fn empty(call: &mut Call<'_>) -> SqlResult<()> {
    for table in TABLES.iter().rev() {
        let statement = format!("DELETE FROM `{}` LIMIT {DELETED_AT_ONCE}", table.name);
        while call.run(&statement, &[])? > 0 {
            call.allow_until(now() + PATIENCE);
        }
    }
    Ok(())
}
