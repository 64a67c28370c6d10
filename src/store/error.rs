//! Why the store did not do what it was asked for.

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is too busy, read-only or full. Nothing was changed; try again later (503).
    /// One exception: when a connection is lost during the COMMIT of anything but [`super::Store::append`], it may have been
    /// done all the same. Asked again, such a call finds that (`Already`, `NameTaken`).
    #[error("storage unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// A row that the call needs is locked by another transaction, or the database took the call back for the sake of
    /// others time and again. Nothing was changed; try again later (503). From [`super::Store::append`]: some message of the
    /// batch is to blame, and others may well be stored without it.
    #[error("locked by another transaction: {0}")]
    Busy(#[source] Cause),
    /// The connection was lost during COMMIT: it may have happened or not. [`super::Store::append`] only; ask
    /// [`super::Store::settle`].
    #[error("the outcome of a commit is unknown: {0}")]
    OutcomeUnknown(#[source] Cause),
    /// The database's answer makes no sense to this binary: a bug or a damaged schema (500).
    #[error("storage error: {0}")]
    Broken(#[source] Cause),
}

/// A driver's error, kept for the log.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a store call returns.
pub type Result<T> = std::result::Result<T, StoreError>;
