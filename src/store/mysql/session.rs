//! A connection during one call: statements and transactions, bounded by the call's deadline.

use std::time::Instant;

use mysql::prelude::Queryable;
use mysql::{Conn, Params, Value};

use super::faults::{fault, not_committed};
use super::link::now;
use crate::store::sql::{Arg, Cell, Dialect, Done, Fault, Row, Sql};

static DIALECT: Dialect = Dialect {
    insert_new: "INSERT IGNORE INTO",
    locked: " FOR UPDATE",
    has_column: "SELECT 1 FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?",
};

/// How a connection begins its transactions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// By START TRANSACTION; any other statement is a transaction of its own. A new connection does.
    Said,
    /// By the first statement after the last COMMIT or ROLLBACK (`autocommit` is off).
    Implied,
}

/// A connection, and how it begins its transactions at present.
pub(super) struct Connection {
    conn: Conn,
    begins: Begin,
}

impl From<Conn> for Connection {
    /// A connection that was just opened.
    fn from(conn: Conn) -> Self {
        Self { conn, begins: Begin::Said }
    }
}

/// The connection, lent to one call.
pub(super) struct Session<'c> {
    connection: &'c mut Connection,
    deadline: Instant,
}

impl<'c> Session<'c> {
    /// No statement begins after `deadline`.
    pub(super) fn new(connection: &'c mut Connection, deadline: Instant) -> Self {
        Self { connection, deadline }
    }

    /// Moves the deadline, between two transactions.
    pub(super) fn allow_until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Has the connection begin its transactions like this from now on.
    pub(super) fn begin_as(mut self, wanted: Begin) -> Done<Self> {
        if self.connection.begins != wanted {
            self.say(match wanted {
                Begin::Said => "SET SESSION autocommit = 1",
                Begin::Implied => "SET SESSION autocommit = 0",
            })?;
            self.connection.begins = wanted;
        }
        Ok(self)
    }

    /// The server's number for this connection.
    pub(super) fn connection_id(&self) -> u32 {
        self.connection.conn.connection_id()
    }

    /// Runs the work in a transaction. After an error it is rolled back, or the connection is [`Fault::Lost`].
    pub(super) fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Done<T>) -> Done<T> {
        if self.connection.begins == Begin::Said {
            self.say("START TRANSACTION")?;
        }
        let worked = work(self).and_then(|value| self.in_time().map(|()| value));
        match worked {
            Ok(value) => self.connection.conn.query_drop("COMMIT").map(|()| value).map_err(not_committed),
            Err(lost @ Fault::Lost(_)) => Err(lost),
            Err(fault) => {
                // Without an orderly end the connection would carry the transaction into the next call.
                self.connection.conn.query_drop("ROLLBACK").map_err(|error| Fault::Lost(error.into()))?;
                Err(fault)
            }
        }
    }

    /// A statement without parameters, as text.
    pub(super) fn say(&mut self, statement: &str) -> Done<()> {
        self.in_time()?;
        self.connection.conn.query_drop(statement).map_err(fault)
    }

    fn in_time(&self) -> Done<()> {
        if now() < self.deadline {
            return Ok(());
        }
        Err(Fault::Away("the database was too slow".into()))
    }
}

impl Sql for Session<'_> {
    fn rows(&mut self, statement: &str, args: &[Arg<'_>]) -> Done<Vec<Row>> {
        self.in_time()?;
        let answer = self.connection.conn.exec_iter(statement, params(args)).map_err(fault)?;
        let mut found = Vec::new();
        for row in answer {
            let cells = row.map_err(fault)?.unwrap_raw().into_iter().map(|value| cell(value.unwrap_or(Value::NULL)));
            found.push(Row(cells.collect::<Done<_>>()?));
        }
        Ok(found)
    }

    fn run(&mut self, statement: &str, args: &[Arg<'_>]) -> Done<u64> {
        self.in_time()?;
        self.connection.conn.exec_drop(statement, params(args)).map_err(fault)?;
        Ok(self.connection.conn.affected_rows())
    }

    fn new_id(&mut self) -> i64 {
        i64::try_from(self.connection.conn.last_insert_id()).unwrap_or(0)
    }

    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }
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

fn cell(value: Value) -> Done<Cell> {
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
