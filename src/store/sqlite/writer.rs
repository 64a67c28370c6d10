//! The one connection that writes, for all threads of the node. A call has one deadline for everything: its turn, the
//! lock of another process on the file, its statements.

use std::fs::File;
use std::time::Duration;

use rusqlite::TransactionBehavior;

use super::connection::{Bounded, Handle, fault, now};
use super::turns::{Lent, Missed, Turns};
use crate::store::sql::SqlResult;
use crate::store::{Result, StoreError};

/// See the module's text.
pub(super) struct Writer {
    connection: Turns<Bounded>,
    timeout: Duration,
    _lock: File,
}

/// Whether a call waits for its turn although whoever has it does not get on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    InAnyCase,
    UnlessStuck,
}

impl Writer {
    /// `lock` keeps other nodes out as long as the writer lives.
    pub(super) fn new(connection: Bounded, timeout: Duration, lock: File) -> Self {
        Self { connection: Turns::new(connection), timeout, _lock: lock }
    }

    /// Runs statements that are transactions of their own.
    pub(super) fn alone<T>(&self, work: impl FnOnce(&mut Handle<'_>) -> SqlResult<T>) -> Result<T> {
        let connection = self.turn(Patience::UnlessStuck)?;
        Ok(work(&mut connection.handle())?)
    }

    /// The same for work that takes as long as it takes.
    pub(super) fn alone_for_long<T>(&self, work: impl FnOnce(&mut Handle<'_>) -> SqlResult<T>) -> Result<T> {
        let connection = self.turn(Patience::InAnyCase)?;
        connection.deadline.lift();
        Ok(work(&mut connection.handle())?)
    }

    /// Runs a transaction. On any error it is rolled back before the next caller gets the connection.
    pub(super) fn transaction<T>(&self, work: impl FnOnce(&mut Handle<'_>) -> SqlResult<T>) -> Result<T> {
        self.transaction_within(Patience::UnlessStuck, true, work)
    }

    /// The same, and waits for its turn however many others do: chat messages are not refused because requests wait.
    pub(super) fn patient_transaction<T>(&self, work: impl FnOnce(&mut Handle<'_>) -> SqlResult<T>) -> Result<T> {
        self.transaction_within(Patience::InAnyCase, true, work)
    }

    /// The same for work that takes as long as it takes. Only its beginning has the deadline.
    pub(super) fn long_transaction<T>(&self, work: impl FnOnce(&mut Handle<'_>) -> SqlResult<T>) -> Result<T> {
        self.transaction_within(Patience::InAnyCase, false, work)
    }

    fn transaction_within<T>(
        &self,
        patience: Patience,
        is_bounded: bool,
        work: impl FnOnce(&mut Handle<'_>) -> SqlResult<T>,
    ) -> Result<T> {
        let mut lent = self.turn(patience)?;
        let Bounded { connection, deadline, .. } = &mut *lent;
        if !connection.is_autocommit() {
            // A rollback failed (the disk was gone): nothing works before it succeeds.
            connection.execute_batch("ROLLBACK").map_err(fault)?;
        }
        deadline.wait_as_long(connection)?;
        // Immediate: a transaction that starts reading and turns into a writer later may be refused at once.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        if !is_bounded {
            deadline.lift();
        }
        let value = work(&mut Handle::new(&transaction, deadline))?;
        // Nobody interrupts a commit: it waits for nothing but the disk.
        deadline.lift();
        transaction.commit().map_err(fault)?;
        Ok(value)
    }

    fn turn(&self, patience: Patience) -> Result<Lent<'_, Bounded>> {
        let deadline = now() + self.timeout;
        let taken = match patience {
            Patience::InAnyCase => self.connection.take(deadline),
            Patience::UnlessStuck => self.connection.take_unless_stuck(deadline),
        };
        let lent = taken.map_err(|missed| {
            let told = match missed {
                Missed::TooLate => "the database could not be written for longer than store.timeout_ms",
                Missed::Stuck => {
                    "the database cannot be written at present: another process holds it, or its disk is slow"
                }
            };
            StoreError::Unavailable(told.into())
        })?;
        lent.bound(deadline);
        Ok(lent)
    }
}
