//! Why a statement or a transaction failed, and what that means to whoever asked.

use crate::store::{Cause, StoreError};

/// Why a statement or a transaction failed.
#[derive(Debug)]
pub(in crate::store) enum Fault {
    /// A unique column has this value already; only the statement failed, the transaction may go on.
    Taken(Cause),
    /// The database took back the transaction for another's sake (deadlock): it may be run again at once.
    Retry(Cause),
    /// Another transaction has locked a row for longer than a statement waits.
    Locked(Cause),
    /// The statement took longer than it may.
    Slow(Cause),
    /// The server keeps no more prepared statements: with fewer of ours it may go on.
    Crowded(Cause),
    /// The statement is larger than the server takes. The connection is of no use any more.
    TooLarge(Cause),
    /// The connection is of no use any more. Nothing was committed.
    Lost(Cause),
    /// The connection was lost during COMMIT.
    CommitUnknown(Cause),
    /// The database answered that it cannot at present: full, read-only, too busy.
    Unavailable(Cause),
    /// The answer makes no sense.
    Broken(Cause),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Slow(cause) | Fault::Crowded(cause) | Fault::Lost(cause) | Fault::Unavailable(cause) => {
                Self::Unavailable(cause)
            }
            Fault::Retry(cause) | Fault::Locked(cause) => Self::Busy(cause),
            Fault::CommitUnknown(cause) => Self::OutcomeUnknown(cause),
            Fault::Taken(cause) | Fault::TooLarge(cause) | Fault::Broken(cause) => Self::Broken(cause),
        }
    }
}

/// What statements return inside the store.
pub(in crate::store) type SqlResult<T> = std::result::Result<T, Fault>;
