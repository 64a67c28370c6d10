//! The embedded database as a whole. It is read beside a node; to be changed it must be alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::connection::{Bounded, Handle, fault};
use super::{FILE, SqliteStores, exists};
use crate::config::Synchronous;
use crate::store::sql::whole::{Tables, fault_of, identify, put, refuse_accounts, refuse_other_versions, refuse_rows};
use crate::store::sql::{Sql, SqlResult};
use crate::store::whole::{Batches, Ending, OpenWhole, Work};
use crate::store::{OpenStore, Result, StoreError};

/// What a load keeps of the file: each message goes to two places of the indexes.
const LOAD_CACHE_KIB: u32 = 64 * 1024;

/// The database in a folder, which need not be there yet. Nothing is opened before it is used.
pub(crate) struct SqliteFolder {
    dir: PathBuf,
    synchronous: Synchronous,
    timeout: Duration,
}

impl SqliteFolder {
    /// `timeout` bounds the wait for another process that locks the file.
    pub(crate) fn new(dir: &Path, synchronous: Synchronous, timeout: Duration) -> Self {
        Self { dir: dir.to_owned(), synchronous, timeout }
    }

    /// Opens it alone.
    fn stores(&self) -> Result<SqliteStores> {
        SqliteStores::new(&self.dir, self.synchronous, self.timeout)
    }

    fn must_exist(&self) -> Result<()> {
        if exists(&self.dir) {
            return Ok(());
        }
        Err(StoreError::Broken(format!("there is none in the folder {}", self.dir.display()).into()))
    }
}

impl OpenWhole for SqliteFolder {
    fn read(&self, work: Work<'_>) -> Result<()> {
        self.must_exist()?;
        let reader = Bounded::open(&self.dir.join(FILE), self.synchronous, self.timeout)?;
        // The first statement that reads takes the moment, which stays until the transaction ends.
        reader.connection.execute_batch("PRAGMA query_only = ON; BEGIN").map_err(fault)?;
        let mut handle = reader.handle();
        refuse_other_versions(&mut handle)?;
        work(&mut Tables::new(&mut handle))
    }

    fn change(&self, work: Work<'_>) -> Result<()> {
        self.must_exist()?;
        self.stores()?.writer.long_transaction(|handle| {
            refuse_other_versions(handle)?;
            work(&mut Tables::new(handle)).map_err(fault_of)
        })
    }

    fn fill(&self, ending: &Ending, batches: Batches<'_>) -> Result<()> {
        let stores = self.stores()?;
        stores.writer.alone(|handle| refuse_accounts(handle))?;
        stores.migrate()?;
        let cache = format!("PRAGMA cache_size = -{LOAD_CACHE_KIB}");
        stores.writer.alone(|handle| handle.connection.execute_batch(&cache).map_err(fault))?;
        stores.writer.long_transaction(|handle| pour(handle, ending, batches))?;
        // A log that somebody reads stays, and is as good.
        stores.writer.alone_for_long(|handle| handle.empty_the_log().map(drop))
    }
}

fn pour(handle: &mut Handle<'_>, ending: &Ending, batches: Batches<'_>) -> SqlResult<()> {
    refuse_rows(handle)?;
    while let Some(batch) = batches().map_err(fault_of)? {
        put(handle, &batch)?;
    }
    for (table, last_id) in &ending.last_ids {
        handle.run("DELETE FROM sqlite_sequence WHERE name = ?", &[table.name.into()])?;
        let statement = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)";
        handle.run(statement, &[table.name.into(), (*last_id).into()])?;
    }
    identify(handle, ending)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::store::migrate;
    use crate::store::tables::{LEFT_OUT, TABLES};

    /// Every column of the tables, as `Table.column`; of primary keys also `Table 1 column`.
    fn of_the_schema(handle: &mut Handle<'_>) -> BTreeSet<String> {
        let all = "SELECT t.name, c.name, c.pk FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
        let mut found = BTreeSet::new();
        for mut row in handle.rows(all, &[]).unwrap() {
            let (table, column, key) = (row.text(0).unwrap(), row.text(1).unwrap(), row.int(2).unwrap());
            if key > 0 {
                found.insert(format!("{table} {key} {column}"));
            }
            found.insert(format!("{table}.{column}"));
        }
        found
    }

    #[test]
    fn no_column_of_the_schema_is_forgotten() {
        let database = Bounded::open(Path::new(":memory:"), Synchronous::Normal, Duration::from_secs(60)).unwrap();
        let mut handle = database.handle();
        migrate::bring_up(&mut handle, migrate::SQLITE).unwrap().unwrap();
        let is_left_out = |name: &String| {
            let table = name.split(['.', ' ']).next().unwrap();
            LEFT_OUT.contains(&name.as_str()) || LEFT_OUT.contains(&table)
        };
        let mut schema: BTreeSet<String> =
            of_the_schema(&mut handle).into_iter().filter(|name| !is_left_out(name)).collect();
        // The one table without a primary key there: an index says what it would be, as MySQL's does.
        schema.extend(["Message 1 conv", "Message 2 seq"].map(str::to_owned));
        let mut listed = BTreeSet::new();
        for table in &TABLES {
            listed.extend(table.columns.iter().map(|column| format!("{}.{}", table.name, column.name)));
            let key = table.columns[..table.key].iter().enumerate();
            listed.extend(key.map(|(place, column)| format!("{} {} {}", table.name, place + 1, column.name)));
        }
        assert_eq!(listed, schema, "src/store/tables.rs lists what dumps have");
    }
}
