//! A connection during one call: statements and transactions, bounded by the call's deadline.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Params, Value};

use super::faults::{fault, not_committed};
use super::server::{Abilities, Begin, Connection, Server, now};
use crate::store::sql::stream::Stream;
use crate::store::sql::{Arg, Cell, Dialect, Fault, Row, Sql, SqlResult};

static DIALECT: Dialect = Dialect {
    insert_new: "INSERT IGNORE INTO",
    locked: " FOR UPDATE",
    has_column: "SELECT 1 FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?",
    columns_of: "SELECT column_name FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ?",
    last_id: "SELECT CAST(COALESCE(auto_increment, 1) AS SIGNED) - 1 FROM information_schema.tables \
              WHERE table_schema = DATABASE() AND table_name = ?",
    moment: Some("UNIX_TIMESTAMP()"),
};

/// How long a request waits for a row that another transaction has locked.
const ROW_WAIT: Duration = Duration::from_millis(300);

/// The same, when it was waited for in vain a moment ago: a stuck row must not hold all workers.
const STUCK_ROW_WAIT: Duration = Duration::from_millis(5);

/// What a batch does at a conversation that another transaction has locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Locks {
    /// Waits for the server's shortest lock wait; then the whole batch is [`Fault::Locked`].
    Wait,
    /// Goes on without it.
    Skip,
}

/// The connection, lent to one call.
pub(super) struct Call<'c> {
    connection: &'c mut Connection,
    server: &'c Server,
    deadline: Instant,
    locks: Locks,
}

impl<'c> Call<'c> {
    /// No statement begins after `deadline`.
    pub(super) fn new(connection: &'c mut Connection, server: &'c Server, deadline: Instant) -> Self {
        Self { connection, server, deadline, locks: Locks::Wait }
    }

    /// Whether the server can leave out locked rows.
    pub(super) fn can_skip_locked(&self) -> bool {
        self.connection.abilities.skips_locked
    }

    /// The largest statement with its parameters that the server takes.
    pub(super) fn packet_max(&self) -> usize {
        self.connection.abilities.packet_max
    }

    /// Has what this call writes wait for locks, or not if the server can do that.
    pub(super) fn wait_for_locks_as(self, locks: Locks) -> Self {
        Self { locks, ..self }
    }

    /// The rows of a SELECT ... FOR UPDATE that waits for locks only so long; then it is [`Fault::Locked`].
    pub(super) fn locked_rows(&mut self, statement: &str, args: &[Arg<'_>], wait: Duration) -> SqlResult<Vec<Row>> {
        let statement = self.bounded(statement, wait);
        self.fetch(&statement, args).map_err(|fault| match fault {
            Fault::Slow(cause) => Fault::Locked(cause),
            other => other,
        })
    }

    /// The SELECT with a bound to its time. Where the server has none of it, a lock wait takes a second.
    fn bounded(&self, select: &str, wait: Duration) -> String {
        let ms = wait.as_millis();
        match select.strip_prefix("SELECT ") {
            _ if self.connection.abilities.is_mariadb => {
                format!("SET STATEMENT max_statement_time = {}.{:03} FOR {select}", ms / 1000, ms % 1000)
            }
            Some(rest) => format!("SELECT /*+ MAX_EXECUTION_TIME({ms}) */ {rest}"),
            None => select.to_owned(),
        }
    }

    /// The same for a request of a user: a row that stays locked costs that request, and no worker's time for long.
    fn rows_in_turn(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<Vec<Row>> {
        let what = hash_of(statement, args);
        let wait = if self.server.is_stuck(what) { STUCK_ROW_WAIT } else { ROW_WAIT };
        let found = self.locked_rows(statement, args, wait);
        if matches!(found, Err(Fault::Locked(_))) {
            self.server.note_stuck(what);
        }
        found
    }

    /// Moves the deadline, between two transactions.
    pub(super) fn allow_until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Has the connection begin its transactions like this from now on.
    pub(super) fn begin_as(mut self, wanted: Begin) -> SqlResult<Self> {
        if self.connection.begins != wanted {
            self.say(match wanted {
                Begin::Said => "SET SESSION autocommit = 1",
                Begin::Implied => "SET SESSION autocommit = 0",
            })?;
            self.connection.begins = wanted;
        }
        Ok(self)
    }

    /// The place of the server in the URL.
    pub(super) fn host(&self) -> usize {
        self.connection.to.host
    }

    /// The server's number for this connection.
    pub(super) fn connection_id(&self) -> u32 {
        self.connection.conn.connection_id()
    }

    /// Runs the work in a transaction. After an error it is rolled back, or the connection is [`Fault::Lost`].
    pub(super) fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> SqlResult<T>) -> SqlResult<T> {
        if self.connection.begins == Begin::Said {
            self.say("START TRANSACTION")?;
        }
        let worked = work(self).and_then(|value| self.in_time().map(|()| value));
        match worked {
            Ok(value) => self.connection.conn.query_drop("COMMIT").map(|()| value).map_err(not_committed),
            Err(lost @ (Fault::Lost(_) | Fault::TooLarge(_))) => Err(lost),
            Err(fault) => {
                // Without an orderly end the connection would carry the transaction into the next call.
                self.connection.conn.query_drop("ROLLBACK").map_err(|error| Fault::Lost(error.into()))?;
                Err(fault)
            }
        }
    }

    /// A statement without parameters, as text.
    pub(super) fn say(&mut self, statement: &str) -> SqlResult<()> {
        self.in_time()?;
        self.connection.conn.query_drop(statement).map_err(fault)
    }

    fn in_time(&self) -> SqlResult<()> {
        if self.connection.to.generation != self.server.hosts().generation() {
            return Err(Fault::Lost("another database server is used from now on".into()));
        }
        if now() < self.deadline {
            return Ok(());
        }
        Err(Fault::Unavailable("the database was too slow".into()))
    }
}

impl Call<'_> {
    fn fetch(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<Vec<Row>> {
        self.in_time()?;
        let answer = self.connection.conn.exec_iter(statement, params(args)).map_err(fault)?;
        let mut found = Vec::new();
        for row in answer {
            let cells = row.map_err(fault)?.unwrap_raw().into_iter().map(|value| cell(value.unwrap_or(Value::NULL)));
            found.push(Row(cells.collect::<SqlResult<_>>()?));
        }
        Ok(found)
    }
}

impl Sql for Call<'_> {
    fn rows(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<Vec<Row>> {
        let is_locking = statement.ends_with(DIALECT.locked) && self.connection.begins == Begin::Said;
        if is_locking { self.rows_in_turn(statement, args) } else { self.fetch(statement, args) }
    }

    fn run(&mut self, statement: &str, args: &[Arg<'_>]) -> SqlResult<u64> {
        self.in_time()?;
        let Abilities { is_mariadb, skips_locked, .. } = self.connection.abilities;
        let statement = match self.locks {
            // Statement by statement: as a setting of the connection it makes SKIP LOCKED fail (1180).
            Locks::Skip if is_mariadb && skips_locked => {
                Cow::Owned(format!("SET STATEMENT innodb_lock_wait_timeout = 0 FOR {statement}"))
            }
            Locks::Skip | Locks::Wait => Cow::Borrowed(statement),
        };
        self.connection.conn.exec_drop(&*statement, params(args)).map_err(fault)?;
        Ok(self.connection.conn.affected_rows())
    }

    fn new_id(&mut self) -> i64 {
        i64::try_from(self.connection.conn.last_insert_id()).unwrap_or(0)
    }

    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }
}

impl Stream for Call<'_> {
    fn each(
        &mut self,
        statement: &str,
        args: &[Arg<'_>],
        take: &mut dyn FnMut(Row) -> SqlResult<ControlFlow<()>>,
    ) -> SqlResult<()> {
        self.in_time()?;
        for row in self.connection.conn.exec_iter(statement, params(args)).map_err(fault)? {
            let cells = row.map_err(fault)?.unwrap_raw().into_iter().map(|value| cell(value.unwrap_or(Value::NULL)));
            if take(Row(cells.collect::<SqlResult<_>>()?))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn damage(&mut self) -> SqlResult<Vec<String>> {
        // InnoDB checks each page that it reads.
        Ok(Vec::new())
    }
}

fn hash_of(statement: &str, args: &[Arg<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    statement.hash(&mut hasher);
    for arg in args {
        match *arg {
            Arg::Null => {}
            Arg::Int(number) => number.hash(&mut hasher),
            Arg::Text(text) => text.hash(&mut hasher),
            Arg::Bytes(bytes) => bytes.hash(&mut hasher),
        }
    }
    hasher.finish()
}

fn params(args: &[Arg<'_>]) -> Params {
    if args.is_empty() {
        return Params::Empty;
    }
    let value = |arg: &Arg<'_>| match *arg {
        Arg::Null => Value::NULL,
        Arg::Int(number) => Value::Int(number),
        Arg::Text(text) => Value::Bytes(text.as_bytes().to_vec()),
        Arg::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
    };
    Params::Positional(args.iter().map(value).collect())
}

fn cell(value: Value) -> SqlResult<Cell> {
    match value {
        Value::NULL => Ok(Cell::Null),
        Value::Int(number) => Ok(Cell::Int(number)),
        Value::UInt(number) => i64::try_from(number)
            .map(Cell::Int)
            .map_err(|_| Fault::Broken("a number of the answer is too large".into())),
        Value::Bytes(bytes) => Ok(Cell::Bytes(bytes)),
        Value::Float(_) | Value::Double(_) | Value::Date(..) | Value::Time(..) => {
            Err(Fault::Broken("a column of the answer is neither a whole number nor text".into()))
        }
    }
}
