//! The embedded database: one file, one node.
//!
//! ```text
//!   SqliteStores --open--> SqlStore<Sqlite> in thread 1   reader 1 ----\
//!                  \-----> SqlStore<Sqlite> in thread 2   reader 2 -----> stonechat.db, WAL
//!                                            \__ the one writer, shared, behind a lock
//! ```
//!
//! Readers never wait for the writer. Who is online, and who hears of a message, is known inside the node alone, so
//! two nodes on one folder would miss each other: the folder is locked.

mod append;
pub(crate) mod backup;
mod connection;
mod private;
mod turns;
pub(crate) mod whole;
mod writer;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::connection::{Bounded, fault};
use self::writer::Writer;
use super::bulk::{Bulk, OpenBulk};
use super::sql::{Engine, Sql, SqlResult, SqlStore, upgrade};
use super::{
    Append, Appended, CursorRow, Findings, KeptName, OpenStore, ReadRow, Result, SavedReads, Store, StoreError,
    foreign, migrate,
};
use crate::config::Synchronous;

const FILE: &str = "stonechat.db";
const LOCK_FILE: &str = "stonechat.lock";

/// What the writer keeps of the file during an import, whose rows go to all places of the indexes.
const IMPORT_CACHE_KIB: u32 = 128 * 1024;

/// What each reader keeps of the file; there is one for each thread. SQLite would keep 2 MiB each, of pages that the
/// system's cache holds as well.
const READER_CACHE_KIB: u32 = 128;

/// Opens stores on the database in one folder. The folder is locked as long as this or one of its stores lives.
pub struct SqliteStores {
    file: PathBuf,
    synchronous: Synchronous,
    timeout: Duration,
    writer: Arc<Writer>,
}

impl SqliteStores {
    /// Creates the folder and the database in it where they do not exist yet. `timeout` bounds every
    /// call: the wait for its turn, for another process that locks the file (a backup, a person's tool), and the work.
    ///
    /// # Errors
    /// `Unavailable` when the folder or the file cannot be opened or another node runs on it.
    pub fn new(dir: &Path, synchronous: Synchronous, timeout: Duration) -> Result<Self> {
        private::make_folder(dir).map_err(|error| unusable("create the folder", dir, &error))?;
        let lock = lock(&dir.join(LOCK_FILE), dir)?;
        let file = dir.join(FILE);
        if !file.exists() {
            // SQLite would make it readable by everybody; the files beside it get the same permissions.
            private::make_file(&file).map_err(|error| unusable("create", &file, &error))?;
        }
        let connection = Bounded::open(&file, synchronous, timeout)?;
        Ok(Self { file, synchronous, timeout, writer: Arc::new(Writer::new(connection, timeout, lock)) })
    }
}

/// Whether there is a database in this folder.
#[must_use]
pub fn exists(dir: &Path) -> bool {
    dir.join(FILE).exists()
}

impl SqliteStores {
    fn open_engine(&self) -> Result<SqlStore<Sqlite>> {
        let reader = Bounded::open(&self.file, self.synchronous, self.timeout)?;
        let settings = format!("PRAGMA query_only = ON; PRAGMA cache_size = -{READER_CACHE_KIB}");
        reader.connection.execute_batch(&settings).map_err(fault)?;
        Ok(SqlStore::new(Sqlite { reader, timeout: self.timeout, writer: Arc::clone(&self.writer) }))
    }
}

impl OpenBulk for SqliteStores {
    fn open_bulk(&self) -> Result<Box<dyn Bulk>> {
        let cache = format!("PRAGMA cache_size = -{IMPORT_CACHE_KIB}");
        self.writer.alone(|sql| sql.connection.execute_batch(&cache).map_err(fault))?;
        Ok(Box::new(self.open_engine()?))
    }
}

impl OpenStore for SqliteStores {
    fn open(&self) -> Result<Box<dyn Store>> {
        Ok(Box::new(self.open_engine()?))
    }

    fn migrate(&self) -> Result<()> {
        if let Some(dir) = self.file.parent() {
            private::tighten(dir);
        }
        self.writer.long_transaction(|sql| {
            let foreign = foreign::tables(sql, migrate::SQLITE)?;
            if !foreign.is_empty() {
                return Ok(Err(StoreError::Broken(foreign.join("; ").into())));
            }
            // All in this one transaction: nobody else is there to wait for it.
            migrate::bring_up(sql, migrate::SQLITE)
        })?
    }

    fn durability_warnings(&self) -> Result<Vec<String>> {
        let synchronous = self.writer.alone(|sql| {
            sql.connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).map_err(fault)
        })?;
        let full = 2;
        let warning = "SQLite runs with synchronous below FULL: a power failure may lose acknowledged messages";
        Ok(if synchronous < full { vec![warning.to_owned()] } else { Vec::new() })
    }

    fn inspect(&self, _line_bytes: usize) -> Result<Findings> {
        self.writer.alone(|sql| {
            let (problems, newer) = (foreign::tables(sql, migrate::SQLITE)?, migrate::newer(sql, migrate::SQLITE)?);
            Ok(Findings { problems, newer, warnings: Vec::new() })
        })
    }

    fn kept_names(&self, limit: u32) -> Result<Vec<KeptName>> {
        self.writer.alone_for_long(|sql| upgrade::kept_names(sql, limit))
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

fn lock(path: &Path, dir: &Path) -> Result<File> {
    let file = private::make_file(path).map_err(|error| unusable("open the lock file", path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let told =
                format!("another stonechat runs on the data folder {}; one folder serves one node", dir.display());
            Err(StoreError::Unavailable(told.into()))
        }
        Err(TryLockError::Error(error)) => Err(unusable("lock", path, &error)),
    }
}

fn unusable(doing: &str, path: &Path, error: &std::io::Error) -> StoreError {
    let told = std::io::Error::new(error.kind(), format!("cannot {doing} {}: {error}", path.display()));
    StoreError::Unavailable(told.into())
}

/// One thread's engine.
struct Sqlite {
    reader: Bounded,
    timeout: Duration,
    writer: Arc<Writer>,
}

impl Engine for Sqlite {
    fn read<T>(&mut self, mut work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T> {
        Ok(work(&mut self.reader.handle_for(self.timeout)?)?)
    }

    fn write_one<T>(&mut self, mut work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T> {
        self.writer.alone(|sql| work(sql))
    }

    fn write<T>(&mut self, mut work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T> {
        self.writer.transaction(|sql| work(sql))
    }

    fn append(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        self.writer.patient_transaction(|sql| append::append(sql, batch))
    }

    fn append_unlocked(&mut self, batch: &[Append]) -> Result<Vec<Appended>> {
        // The one writer has the whole database to itself: no single conversation is ever locked.
        self.append(batch)
    }

    fn settle(&mut self, _batch: &[Append]) -> Result<Option<Vec<Appended>>> {
        // A commit that failed has been rolled back: its outcome is always known.
        Ok(None)
    }

    fn purge(&mut self) -> Result<bool> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method alone is not general enough in its lifetime"
        )]
        self.writer.alone(|sql| sql.empty_the_log())
    }

    fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>> {
        self.writer.transaction(|sql| append::save_cursors(sql.connection, epoch, rows).map_err(fault))?;
        Ok(Vec::new())
    }

    fn save_reads(&mut self, epoch: &str, rows: &[ReadRow]) -> Result<SavedReads> {
        let moved = self.writer.transaction(|sql| append::save_reads(sql.connection, epoch, rows).map_err(fault))?;
        Ok(SavedReads { moved, locked: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sql::{Arg, Dialect, Fault, Row};
    use super::connection::Handle;
    use super::*;

    /// A connection of which the statements after the first few fail.
    struct FailsAfter<'c>(Handle<'c>, usize);

    impl FailsAfter<'_> {
        fn count_down(&mut self) -> SqlResult<()> {
            self.1 = self.1.checked_sub(1).ok_or_else(|| Fault::Unavailable("it was killed".into()))?;
            Ok(())
        }
    }

    impl Sql for FailsAfter<'_> {
        fn rows(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<Vec<Row>> {
            self.count_down()?;
            self.0.rows(statement, args)
        }

        fn run(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<u64> {
            self.count_down()?;
            self.0.run(statement, args)
        }

        fn new_id(&mut self) -> i64 {
            self.0.new_id()
        }

        fn dialect(&self) -> &'static Dialect {
            self.0.dialect()
        }
    }

    /// Every table, view and index, and every row.
    fn whole(database: &Bounded) -> Vec<String> {
        // A statement that was kept from before an upgrade knows the columns of before.
        database.connection.flush_prepared_statement_cache();
        let mut sql = database.handle();
        let named = "SELECT type, name, COALESCE(sql, '') FROM sqlite_master ORDER BY type, name";
        let mut all = Vec::new();
        let mut parts = sql.rows(named, &[]).unwrap();
        for part in &mut parts {
            let (kind, name) = (part.text(0).unwrap(), part.text(1).unwrap());
            all.push(format!("{kind} {name} {}", part.text(2).unwrap()));
            // What is made anew each time: the identity, and when a version was recorded.
            let made_anew = ["Cluster", "SchemaVersion"].contains(&name.as_str());
            if kind == "table" && !made_anew {
                let rows = sql.rows(&format!("SELECT * FROM \"{name}\""), &[]).unwrap();
                all.extend(rows.into_iter().map(|row| format!("{name} {row:?}")));
            }
        }
        all
    }

    /// The dumps of tests/upgrade.
    const DUMPS: [&str; 5] = [
        include_str!("../../tests/upgrade/sqlite_1.sql"),
        include_str!("../../tests/upgrade/sqlite_2.sql"),
        include_str!("../../tests/upgrade/sqlite_3.sql"),
        include_str!("../../tests/upgrade/sqlite_4.sql"),
        include_str!("../../tests/upgrade/sqlite_5.sql"),
    ];

    fn open(folder: &Path) -> Bounded {
        Bounded::open(&folder.join(FILE), Synchronous::Normal, Duration::from_secs(3600)).unwrap()
    }

    fn old(folder: &Path, dump: &str) -> Bounded {
        let database = open(folder);
        database.connection.execute_batch(dump).unwrap();
        database.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        database
    }

    /// The files as they are at this moment: what is left when the process is killed. How long the log is.
    fn copy(from: &Path, to: &Path) -> u64 {
        let log = format!("{FILE}-wal");
        std::fs::copy(from.join(FILE), to.join(FILE)).unwrap();
        std::fs::copy(from.join(&log), to.join(&log)).unwrap()
    }

    #[test]
    fn an_upgrade_that_is_killed_at_any_statement_changes_nothing_and_is_done_by_the_next_start() {
        assert_eq!(DUMPS.len() + 1, migrate::SQLITE.len(), "tests/upgrade/README.md says how a dump is made");
        let (mut statements, mut longest) = (0, 0);
        for dump in DUMPS {
            let (killed, bytes) = killed_at_any_statement(dump);
            statements += killed;
            longest = longest.max(bytes);
        }
        assert!(statements > 100, "{statements} statements");
        assert!(longest > 0, "nothing of a transaction that was killed had come into the log");
    }

    /// Behind how many statements it was killed, and how long the log was at most.
    fn killed_at_any_statement(dump: &str) -> (usize, u64) {
        let bring_up = |database: &Bounded, statements: usize| {
            database.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            migrate::bring_up(&mut FailsAfter(database.handle(), statements), migrate::SQLITE)
        };
        let upgrade = |database: &Bounded| {
            bring_up(database, usize::MAX).unwrap().unwrap();
            database.connection.execute_batch("COMMIT").unwrap();
        };
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let reference = old(folders[0].path(), dump);
        let before = whole(&reference);
        upgrade(&reference);
        let after = whole(&reference);

        let database = old(folders[1].path(), dump);
        // A page is written into the log as soon as the next one is changed, whatever becomes of the transaction.
        database.connection.execute_batch("PRAGMA cache_size = 1").unwrap();
        let (mut killed, mut longest) = (0, 0);
        while bring_up(&database, killed).is_err() {
            let left = tempfile::tempdir().unwrap();
            longest = longest.max(copy(folders[1].path(), left.path()));
            database.connection.execute_batch("ROLLBACK").unwrap();
            assert_eq!(whole(&database), before, "an error behind {killed} statements");
            let next = open(left.path());
            assert_eq!(whole(&next), before, "killed behind {killed} statements");
            upgrade(&next);
            assert_eq!(whole(&next), after, "killed behind {killed} statements, and started again");
            killed += 1;
            assert!(killed < 10_000, "an upgrade has so many statements");
        }
        assert!(killed > 1, "{killed} statements");
        database.connection.execute_batch("COMMIT").unwrap();
        assert_eq!(whole(&database), after);
        upgrade(&database);
        assert_eq!(whole(&database), after, "once more changes nothing");
        (killed, longest)
    }
}
