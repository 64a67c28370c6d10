//! What both databases do with the same statements: everything but how a batch of messages and of cursors is written.
//!
//! ```text
//!   trait Store <- store.rs: SqlStore<Engine>     one line per call: which statements, in what kind of transaction
//!                    |
//!      accounts tokens friends blocks groups find names history pending cluster ...   the statements, over `dyn Sql`
//!                    |          confirm, ground: which answers of a replica count
//!                    |
//!      trait Engine (SQLite's, MySQL's): runs them on a connection, retries, turns faults into `StoreError`
//! ```

mod account_page;
mod accounts;
mod admin;
mod asked;
mod blocks;
mod bulk;
mod bulk_messages;
mod changes;
mod check;
pub(super) mod cluster;
pub(super) mod confirm;
mod conversations;
mod erase;
pub(super) mod events;
mod export;
mod fault;
mod find;
mod friends;
pub(super) mod ground;
mod group_entry;
mod group_order;
mod groups;
mod held;
mod history;
pub(super) mod lists;
pub(super) mod membership;
mod names;
mod oldest;
mod pages;
mod pending;
mod profile;
mod reactions;
mod receipts;
mod retention;
mod row;
mod rules;
mod search;
mod store;
pub(super) mod stream;
mod sweep;
mod tokens;
pub(super) mod upgrade;
mod user_quota;
mod verdict;
pub(super) mod version;
pub(super) mod whole;

pub(super) use fault::{Fault, SqlResult};
pub(super) use row::{Arg, Cell, Row};
pub(super) use verdict::{Lack, Verdict};

use std::time::Duration;

use super::{Append, Appended, CursorRow, Quotas, ReadRow, Result, SavedReads};

/// What the databases say differently in otherwise equal statements.
pub(super) struct Dialect {
    /// Inserts the rows whose keys do not exist yet.
    pub(super) insert_new: &'static str,
    /// Ends a SELECT whose rows stay locked until the transaction ends. Empty where a transaction has the whole
    /// database to itself.
    pub(super) locked: &'static str,
    /// A row if a table (the first parameter) has a column (the second).
    pub(super) has_column: &'static str,
    /// The names of the columns of a table (the parameter), none if there is no such table.
    pub(super) columns_of: &'static str,
    /// The last number that a table (the parameter) has given to a row by itself, also to one that is gone.
    pub(super) last_id: &'static str,
    /// The database's own time in whole seconds. `None`: rows do not tell when they have changed, see `changes.rs`.
    pub(super) moment: Option<&'static str>,
}

/// A connection, as statements use it. Parameters are `?`.
pub(super) trait Sql {
    /// The rows a statement yields.
    fn rows(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<Vec<Row>>;

    /// Runs a statement without rows; how many rows it changed.
    fn run(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<u64>;

    /// The id that the last INSERT allocated.
    fn new_id(&mut self) -> i64;

    /// How this database says it.
    fn dialect(&self) -> &'static Dialect;

    /// The first row, if there is one.
    fn first(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<Option<Row>> {
        Ok(self.rows(statement, args)?.into_iter().next())
    }
}

/// A database behind one thread's store. The work may be run more than once; it must not keep what it read before.
pub(super) trait Engine: Send {
    /// Runs statements that only read.
    fn read<T>(&mut self, work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T>;

    /// Runs statements that only read on a replica, if there is one that is well. What it answers counts only if
    /// [`super::sql::confirm`] says so. `None`: the main database is to be asked.
    fn ask_replica<T>(&mut self, work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Option<T> {
        let _ = work;
        None
    }

    /// What the main database has said of what a replica has answered last.
    fn judge_replica(&mut self, verdict: Verdict) {
        let _ = verdict;
    }

    /// Runs a statement that writes and that may be repeated; it is a transaction of its own.
    fn write_one<T>(&mut self, work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T>;

    /// Runs a transaction.
    fn write<T>(&mut self, work: impl FnMut(&mut dyn Sql) -> SqlResult<T>) -> Result<T>;

    /// See [`super::Store::append`].
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Appended>>;

    /// See [`super::Store::append_unlocked`].
    fn append_unlocked(&mut self, batch: &[Append]) -> Result<Vec<Appended>>;

    /// See [`super::Store::settle`].
    fn settle(&mut self, batch: &[Append]) -> Result<Option<Vec<Appended>>>;

    /// What is known of whether a server of the database takes writes, without asking it.
    fn takes_writes(&self) -> Result<()> {
        Ok(())
    }

    /// How long before its commit a row may have been marked as changed at most.
    fn mark_to_commit_max(&self) -> Duration {
        Duration::ZERO
    }

    /// See [`super::Store::purge`].
    fn purge(&mut self) -> Result<bool>;

    /// See [`super::Store::save_cursors`].
    fn save_cursors(&mut self, epoch: &str, rows: &[CursorRow]) -> Result<Vec<CursorRow>>;

    /// See [`super::Store::save_reads`].
    fn save_reads(&mut self, epoch: &str, rows: &[ReadRow]) -> Result<SavedReads>;
}

/// The store over an engine, and the quotas it holds to.
pub(super) struct SqlStore<E>(E, Quotas);

impl<E: Engine> SqlStore<E> {
    /// A store without quotas.
    pub(super) fn new(engine: E) -> Self {
        Self(engine, Quotas::default())
    }
}

/// Whether a statement that counts at most `limit` rows finds as many. Its last parameter is the limit.
fn is_full(sql: &mut dyn Sql, rows: &str, args: &[Arg<'_>], limit: Option<u32>) -> SqlResult<bool> {
    let Some(limit) = limit else { return Ok(false) };
    let statement = format!("SELECT COUNT(*) FROM ({rows} LIMIT ?) q");
    let args: Vec<Arg<'_>> = args.iter().copied().chain([limit.into()]).collect();
    let counted = sql.first(&statement, &args)?.map_or(Ok(0), |row| row.seq(0))?;
    Ok(counted >= u64::from(limit))
}
