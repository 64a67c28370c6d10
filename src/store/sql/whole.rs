//! A database read and written as a whole, table by table as [`TABLES`] lists them.

use super::check;
use super::lists::{exact_pieces, repeated};
use super::stream::Stream;
use super::{Arg, Cell, Fault, Row, Sql, SqlResult, cluster, upgrade, version};
use crate::store::tables::{Column, Kind, TABLES, Table, Value};
use crate::store::whole::{Batch, Ending, Finding, Record, TakeRecord, Whole};
use crate::store::{ClusterRow, Result, StoreError, migrate};

/// Bytes of values in one statement: every server takes as many.
const STATEMENT_BYTES: usize = 64 * 1024;

/// The tables, by a connection.
pub(in crate::store) struct Tables<'c>(&'c mut dyn Stream);

impl<'c> Tables<'c> {
    pub(in crate::store) fn new(sql: &'c mut dyn Stream) -> Self {
        Self(sql)
    }
}

impl Whole for Tables<'_> {
    fn cluster(&mut self) -> Result<ClusterRow> {
        Ok(cluster::row(self.0)?)
    }

    fn records(&mut self, table: &'static Table, take: TakeRecord<'_>) -> Result<()> {
        let key = names(&table.columns[..table.key]);
        let statement = format!("SELECT {} FROM `{}` ORDER BY {key}", names(table.columns), table.name);
        self.0.each(&statement, &[], &mut |row| Ok(take(record(table, row)?)))?;
        Ok(())
    }

    fn last_id(&mut self, table: &Table) -> Result<i64> {
        Ok(last_id(self.0, table)?)
    }

    fn check(&mut self, mends: bool, told: &mut dyn FnMut(Finding)) -> Result<()> {
        Ok(check::check(self.0, mends, told)?)
    }
}

fn names(columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
    names.join(", ")
}

fn record(table: &Table, row: Row) -> SqlResult<Record> {
    row.0.into_iter().zip(table.columns).map(|(cell, column)| value(cell, table, column)).collect()
}

fn value(cell: Cell, table: &Table, column: &Column) -> SqlResult<Value> {
    let value = match (cell, column.kind) {
        (Cell::Null, _) => Some(Value::Null),
        (Cell::Int(number), Kind::Number) => Some(Value::Number(number)),
        (Cell::Bytes(bytes), Kind::Bytes) => Some(Value::Bytes(bytes)),
        (Cell::Bytes(bytes), Kind::Text) => String::from_utf8(bytes).ok().map(Value::Text),
        (Cell::Int(_), Kind::Text | Kind::Bytes) | (Cell::Bytes(_), Kind::Number) => None,
    };
    value.ok_or_else(|| {
        let told = format!("the column {} of the table {} holds what it should not", column.name, table.name);
        Fault::Broken(told.into())
    })
}

fn last_id(sql: &mut dyn Stream, table: &Table) -> SqlResult<i64> {
    let highest = sql.first(&format!("SELECT COALESCE(MAX(id), 0) FROM `{}`", table.name), &[])?;
    let highest = highest.map_or(Ok(0), |row| row.int(0))?;
    let given = sql.first(sql.dialect().last_id, &[table.name.into()])?;
    Ok(given.map_or(Ok(0), |row| row.int(0))?.max(highest))
}

/// Why a database cannot be worked on as a whole by this binary.
pub(in crate::store) fn refuse_other_versions(sql: &mut dyn Sql) -> SqlResult<()> {
    let (present, newest) = (version::version(sql)?, migrate::newest());
    let what_to_do = match present {
        0 => "it holds no data: is it the right one?",
        _ if present < newest => "start the server on it once, which brings it up to date",
        _ if present > newest => "it is of a newer stonechat, which is to be used",
        _ => return Ok(()),
    };
    let told = format!("the database has schema version {present}, and this binary works on {newest}: {what_to_do}");
    Err(Fault::Broken(told.into()))
}

/// Refuses a database that somebody uses already, whatever its version.
pub(in crate::store) fn refuse_accounts(sql: &mut dyn Sql) -> SqlResult<()> {
    if version::version(sql)? == 0 {
        return Ok(());
    }
    let accounts = sql.first("SELECT COUNT(*) FROM User", &[])?.map_or(Ok(0), |row| row.seq(0))?;
    if accounts == 0 {
        return Ok(());
    }
    let told = format!("it has {accounts} accounts already; a dump is loaded into a new database. Nothing was changed");
    Err(Fault::Broken(told.into()))
}

/// Refuses a database of this version with a row in any table.
pub(in crate::store) fn refuse_rows(sql: &mut dyn Sql) -> SqlResult<()> {
    for table in &TABLES {
        if sql.first(&format!("SELECT 1 FROM `{}` LIMIT 1", table.name), &[])?.is_some() {
            let told = format!(
                "its table {} is not empty; a dump is loaded into a new database. Nothing was changed",
                table.name
            );
            return Err(Fault::Broken(told.into()));
        }
    }
    Ok(())
}

/// Writes the rows.
pub(in crate::store) fn put(sql: &mut dyn Sql, batch: &Batch) -> SqlResult<()> {
    let Batch { table, rows } = batch;
    let row = format!("({})", repeated("?", ", ", table.columns.len()));
    let head = format!("INSERT INTO `{}` ({}) VALUES ", table.name, names(table.columns));
    let mut rest = &rows[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest));
        for piece in exact_pieces(now) {
            let args: Vec<Arg<'_>> = piece.iter().flatten().map(arg).collect();
            sql.run(&format!("{head}{}", repeated(&row, ", ", piece.len())), &args)?;
        }
        rest = later;
    }
    Ok(())
}

/// How many of the rows go into one statement: one at least.
fn fitting(rows: &[Record]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&Record| {
        bytes += row.iter().map(Value::size).sum::<usize>();
        bytes <= STATEMENT_BYTES
    };
    rows.iter().take_while(fits).count().max(1)
}

fn arg(value: &Value) -> Arg<'_> {
    match value {
        Value::Null => Arg::Null,
        Value::Number(number) => Arg::Int(*number),
        Value::Text(text) => Arg::Text(text),
        Value::Bytes(bytes) => Arg::Bytes(bytes),
    }
}

/// Writes the identity of the data, which ends a load.
pub(in crate::store) fn identify(sql: &mut dyn Sql, ending: &Ending) -> SqlResult<()> {
    let ClusterRow { id, epoch, .. } = match &ending.cluster {
        Some(known) => known.clone(),
        None => ClusterRow { id: upgrade::random_hex()?, epoch: upgrade::random_hex()?, moment: None },
    };
    cluster::set(sql, &id, &epoch)
}

/// An error of the work as one of a statement, so that a transaction is taken back.
pub(in crate::store) fn fault_of(error: StoreError) -> Fault {
    match error {
        StoreError::Unavailable(cause) => Fault::Unavailable(cause),
        StoreError::Busy(cause) => Fault::Locked(cause),
        StoreError::OutcomeUnknown(cause) => Fault::CommitUnknown(cause),
        StoreError::Broken(cause) => Fault::Broken(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_by_their_bytes() {
        let row = |len: usize| vec![Value::Number(1), Value::Text("x".repeat(len))];
        assert_eq!(fitting(&[row(10), row(20)]), 2);
        assert_eq!(fitting(&[row(STATEMENT_BYTES), row(20)]), 1, "one row goes in any case");
        assert_eq!(fitting(&[row(STATEMENT_BYTES / 2), row(STATEMENT_BYTES / 2), row(1)]), 1);
    }
}
