//! Why an import ends before its end, in sentences that say what to do next.

use std::io;

use crate::service::auth::password::PasswordError;
use crate::store::StoreError;

/// Why an import did not come to its end. What was committed before stays; the next run goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The earlier system's database cannot be read.
    #[error("the database that is imported: {0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
    /// It is not what it was said to be.
    #[error("the database that is imported: {0}")]
    NoSuchSystem(String),
    /// The target cannot be written.
    #[error("the target: {0}. Nothing that was committed is lost: run the import again to go on")]
    Target(#[source] StoreError),
    /// The target is not one that can be used.
    #[error("the target: {0}")]
    Unfit(String),
    /// The target has other accounts or groups where the import wants its own.
    #[error("{0}")]
    Conflict(String),
    /// A password cannot be hashed.
    #[error("a password cannot be hashed: {0}")]
    Password(#[from] PasswordError),
    /// The report cannot be written.
    #[error("the report cannot be written: {0}")]
    Report(#[from] io::Error),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Target(error)
    }
}
