//! One connection to the file: how it is opened, how statements run on it, what its errors mean.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, params_from_iter};

use crate::config::Synchronous;
use crate::store::Result;
use crate::store::sql::{Arg, Cell, Dialect, Done, Fault, Row, Sql};

/// Pages of 4 KiB that gather in the WAL before a commit moves them into the file (which takes up to 0.1 s).
const WAL_PAGES: u32 = 10_000;

/// Statements kept prepared for each connection; there are some eighty, in several sizes.
const STATEMENTS_KEPT: usize = 160;

static DIALECT: Dialect = Dialect {
    insert_new: "INSERT OR IGNORE INTO",
    locked: "",
    has_column: "SELECT 1 FROM pragma_table_info(?) WHERE name = ?",
};

/// Opens the file, creates it where there is none.
pub(super) fn open(file: &Path, synchronous: Synchronous, timeout: Duration) -> Result<Connection> {
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
         PRAGMA wal_autocheckpoint = {WAL_PAGES}; PRAGMA foreign_keys = ON"
    );
    connection.execute_batch(&settings).map_err(fault)?;
    Ok(connection)
}

/// A connection as the common statements use it.
pub(super) struct Handle<'c>(pub(super) &'c Connection);

impl Sql for Handle<'_> {
    fn rows(&mut self, statement: &str, args: &[Arg<'_>]) -> Done<Vec<Row>> {
        let mut statement = self.0.prepare_cached(statement).map_err(fault)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(args)).map_err(fault)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            let cells = (0..columns).map(|column| row.get_ref(column).map_err(fault).and_then(cell));
            found.push(Row(cells.collect::<Done<_>>()?));
        }
        Ok(found)
    }

    fn run(&mut self, statement: &str, args: &[Arg<'_>]) -> Done<u64> {
        let mut statement = self.0.prepare_cached(statement).map_err(fault)?;
        let changed = statement.execute(params_from_iter(args)).map_err(fault)?;
        Ok(changed.try_into().unwrap_or(u64::MAX))
    }

    fn new_id(&mut self) -> i64 {
        self.0.last_insert_rowid()
    }

    fn dialect(&self) -> &'static Dialect {
        &DIALECT
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

fn cell(value: ValueRef<'_>) -> Done<Cell> {
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
        | ErrorCode::SystemIoFailure
        | ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted => Fault::Away(error.into()),
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

    #[test]
    fn a_full_or_failing_disk_is_away_and_a_damaged_file_is_broken() {
        let meaning = |code| fault(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        for code in
            [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_READONLY, ffi::SQLITE_CANTOPEN, ffi::SQLITE_BUSY]
        {
            assert!(matches!(meaning(code), Fault::Away(_)), "{code}");
        }
        assert!(matches!(meaning(ffi::SQLITE_CORRUPT), Fault::Broken(_)));
        assert!(matches!(meaning(ffi::SQLITE_CONSTRAINT_UNIQUE), Fault::Taken(_)));
        assert!(matches!(meaning(ffi::SQLITE_CONSTRAINT_NOTNULL), Fault::Broken(_)));
    }
}
