//! One connection to the file: how it is opened, how statements run on it, what its errors mean.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, params_from_iter};

use crate::config::Synchronous;
use crate::store::Result;
use crate::store::sql::stream::Stream;
use crate::store::sql::{Arg, Cell, Dialect, Fault, Row, Sql, SqlResult};

/// Pages of 4 KiB that gather in the WAL before a commit moves them into the file (which takes up to 0.1 s).
const WAL_PAGES: u32 = 10_000;

/// Statements kept prepared for each connection; there are some eighty, in several sizes.
const STATEMENTS_KEPT: usize = 160;

static DIALECT: Dialect = Dialect {
    insert_new: "INSERT OR IGNORE INTO",
    locked: "",
    has_column: "SELECT 1 FROM pragma_table_info(?) WHERE name = ?",
    columns_of: "SELECT name FROM pragma_table_info(?)",
    last_id: "SELECT seq FROM sqlite_sequence WHERE name = ?",
    moment: None,
};

/// How long the log's emptying waits for whoever reads: the writer waits with it.
const PURGE_WAIT_MS: u64 = 100;

/// Looks through the whole file, and tells up to a hundred faults, or `ok`.
const INTEGRITY: &str = "PRAGMA integrity_check(100)";

/// How many steps of a statement pass between two looks at the clock: about a millisecond.
const STEPS: i32 = 10_000;

/// A connection whose calls end at a deadline.
pub(super) struct Bounded {
    pub(super) connection: Connection,
    pub(super) deadline: Arc<Deadline>,
}

impl Bounded {
    /// Opens the file, creates it where there is none. `timeout` bounds the opening, too.
    pub(super) fn open(file: &Path, synchronous: Synchronous, timeout: Duration) -> Result<Self> {
        let mut connection = open(file, synchronous, timeout)?;
        let deadline = Arc::new(Deadline {
            start: now(),
            ms: AtomicU64::new(Deadline::NONE),
            lock_wait_ms: AtomicU64::new(Deadline::NONE),
        });
        let seen = Arc::clone(&deadline);
        connection.progress_handler(STEPS, Some(move || seen.has_passed())).map_err(fault)?;
        Ok(Self { connection, deadline })
    }

    /// Calls end at this time from now on.
    pub(super) fn bound(&self, deadline: Instant) {
        self.deadline.set(deadline);
    }

    /// The connection, for statements.
    pub(super) fn handle(&self) -> Handle<'_> {
        Handle::new(&self.connection, &self.deadline)
    }

    /// The connection, for statements that end `timeout` from now.
    pub(super) fn handle_for(&self, timeout: Duration) -> SqlResult<Handle<'_>> {
        self.deadline.set(now() + timeout);
        self.deadline.tell(&self.connection, timeout.as_millis().try_into().unwrap_or(Deadline::NONE))?;
        Ok(Handle { is_timed: true, ..self.handle() })
    }
}

/// How much longer than its deadline a call may wait for another process, in milliseconds. It saves telling SQLite anew
/// before each statement: a twentieth of the instructions of a login.
const LOCK_WAIT_SLACK_MS: u64 = 10;

/// When the present call of a connection ends: what it waits for, and what it works at.
pub(super) struct Deadline {
    start: Instant,
    /// Milliseconds since `start`.
    ms: AtomicU64,
    /// How long SQLite was told to wait for another process's lock, in milliseconds; `NONE` before the first statement.
    lock_wait_ms: AtomicU64,
}

impl Deadline {
    const NONE: u64 = u64::MAX;

    fn set(&self, deadline: Instant) {
        self.ms.store(self.since_start(deadline), Ordering::Relaxed);
    }

    /// From now on there is none.
    pub(super) fn lift(&self) {
        self.ms.store(Self::NONE, Ordering::Relaxed);
    }

    fn since_start(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.start).as_millis()).unwrap_or(Self::NONE)
    }

    /// What is left in milliseconds, if there is a deadline.
    fn left_ms(&self) -> Option<u64> {
        let ms = self.ms.load(Ordering::Relaxed);
        (ms != Self::NONE).then(|| ms.saturating_sub(self.since_start(now())))
    }

    fn has_passed(&self) -> bool {
        self.left_ms() == Some(0)
    }

    /// Statements wait for another process as long as what is left, and at most [`LOCK_WAIT_SLACK_MS`] longer.
    pub(super) fn wait_as_long(&self, connection: &Connection) -> SqlResult<()> {
        let Some(left) = self.left_ms() else { return Ok(()) };
        if left == 0 {
            return Err(Fault::Unavailable("the database was too slow".into()));
        }
        self.tell(connection, left)
    }

    fn tell(&self, connection: &Connection, left: u64) -> SqlResult<()> {
        let told = self.lock_wait_ms.load(Ordering::Relaxed);
        if !(left..=left.saturating_add(LOCK_WAIT_SLACK_MS)).contains(&told) {
            connection.busy_timeout(Duration::from_millis(left)).map_err(fault)?;
            self.lock_wait_ms.store(left, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn open(file: &Path, synchronous: Synchronous, timeout: Duration) -> Result<Connection> {
    let connection = Connection::open(file).map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.busy_timeout(timeout).map_err(fault)?;
    // Without it SQLite plans a statement anew whenever a value is bound that might change the plan, even one that it
    // keeps prepared: a quarter of what a login by token cost.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(fault)?;
    let synchronous = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    let settings = format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; \
         PRAGMA wal_autocheckpoint = {WAL_PAGES}; PRAGMA foreign_keys = ON; \
         PRAGMA secure_delete = ON"
    );
    connection.execute_batch(&settings).map_err(fault)?;
    Ok(connection)
}

#[expect(clippy::disallowed_methods, reason = "a store call blocks its thread and bounds itself by the clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// A connection as the common statements use it. No statement begins after the deadline.
pub(super) struct Handle<'c> {
    pub(super) connection: &'c Connection,
    deadline: &'c Deadline,
    /// Whether the next statement begins so soon that its time needs no second look at the clock.
    is_timed: bool,
}

impl<'c> Handle<'c> {
    pub(super) fn new(connection: &'c Connection, deadline: &'c Deadline) -> Self {
        Self { connection, deadline, is_timed: false }
    }

    fn begin_statement(&mut self) -> SqlResult<()> {
        if std::mem::take(&mut self.is_timed) {
            return Ok(());
        }
        self.deadline.wait_as_long(self.connection)
    }
}

impl Handle<'_> {
    /// Moves all that was written into the file, where it has overwritten what it replaces, and truncates the WAL, which still
    /// has that. `false`: somebody reads in it.
    pub(super) fn empty_the_log(&mut self) -> SqlResult<bool> {
        // The next statement is told its own time again.
        self.deadline.tell(self.connection, PURGE_WAIT_MS)?;
        let is_busy = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], is_busy).map_err(fault)?;
        Ok(busy == 0)
    }
}

impl Sql for Handle<'_> {
    fn rows(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<Vec<Row>> {
        self.begin_statement()?;
        let mut statement = self.connection.prepare_cached(statement).map_err(fault)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(args)).map_err(fault)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            let cells = (0..columns).map(|column| row.get_ref(column).map_err(fault).and_then(cell));
            found.push(Row(cells.collect::<SqlResult<_>>()?));
        }
        Ok(found)
    }

    fn run(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<u64> {
        self.begin_statement()?;
        let mut statement = self.connection.prepare_cached(statement).map_err(fault)?;
        let changed = statement.execute(params_from_iter(args)).map_err(fault)?;
        Ok(changed.try_into().unwrap_or(u64::MAX))
    }

    fn new_id(&mut self) -> i64 {
        self.connection.last_insert_rowid()
    }

    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }
}

impl Stream for Handle<'_> {
    fn each(
        &mut self,
        statement: &str,
        args: &[Arg<'_>],
        take: &mut dyn FnMut(Row) -> SqlResult<ControlFlow<()>>,
    ) -> SqlResult<()> {
        self.begin_statement()?;
        let mut statement = self.connection.prepare_cached(statement).map_err(fault)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(args)).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let cells = (0..columns).map(|column| row.get_ref(column).map_err(fault).and_then(cell));
            if take(Row(cells.collect::<SqlResult<_>>()?))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn damage(&mut self) -> SqlResult<Vec<String>> {
        let mut found = Vec::new();
        for mut row in self.rows(INTEGRITY, &[])? {
            found.push(row.text(0)?);
        }
        found.retain(|told| told != "ok");
        Ok(found)
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match *self {
            Arg::Null => ToSqlOutput::Owned(Value::Null),
            Arg::Int(number) => ToSqlOutput::Owned(Value::Integer(number)),
            Arg::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Arg::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

fn cell(value: ValueRef<'_>) -> SqlResult<Cell> {
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(number) => Ok(Cell::Int(number)),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Cell::Bytes(bytes.to_vec())),
        ValueRef::Real(_) => Err(Fault::Broken("a column holds a fraction".into())),
    }
}

/// What an error of SQLite means to the store.
pub(super) fn fault(error: rusqlite::Error) -> Fault {
    let rusqlite::Error::SqliteFailure(failure, _) = &error else { return Fault::Broken(error.into()) };
    match failure.code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted => Fault::Unavailable(error.into()),
        // SQLite does not say which error of the system it was; where a file cannot grow, it says this instead of "full".
        ErrorCode::SystemIoFailure => {
            let told = format!("{error} ({}): is the disk of the data folder full, or failing?", failure.extended_code);
            Fault::Unavailable(told.into())
        }
        ErrorCode::ConstraintViolation if is_taken(failure.extended_code) => Fault::Taken(error.into()),
        _ => Fault::Broken(error.into()),
    }
}

fn is_taken(extended_code: i32) -> bool {
    matches!(extended_code, rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;
    use crate::store::StoreError;

    #[test]
    fn a_full_or_failing_disk_is_away_and_a_damaged_file_is_broken() {
        let meaning = |code| fault(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in
            [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_READONLY, ffi::SQLITE_CANTOPEN, ffi::SQLITE_BUSY]
        {
            assert!(matches!(meaning(code), Fault::Unavailable(_)), "{code}");
        }
        let told = StoreError::from(meaning(ffi::SQLITE_IOERR_SHMSIZE)).to_string();
        assert!(told.contains("(4874): is the disk of the data folder full, or failing?"), "{told}");
        assert!(matches!(meaning(ffi::SQLITE_CORRUPT), Fault::Broken(_)));
        assert!(matches!(meaning(ffi::SQLITE_CONSTRAINT_UNIQUE), Fault::Taken(_)));
        assert!(matches!(meaning(ffi::SQLITE_CONSTRAINT_NOTNULL), Fault::Broken(_)));
    }
}
