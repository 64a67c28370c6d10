//! Why a tool did not do its work, in sentences that say what to do next.

use std::io;

use crate::store::StoreError;

/// Why the data were not dumped, loaded, copied or checked.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The database cannot be used.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    /// What is to be loaded is no dump, or not all of one, or was changed.
    #[error("the dump: {0}. Nothing was changed")]
    Dump(String),
    /// The tool is not for such a database.
    #[error("{0}")]
    Unfit(String),
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Output(#[source] io::Error),
    /// The input cannot be read or kept.
    #[error("cannot read the dump, or not keep it in TMPDIR (else /tmp): {0}. Nothing was changed")]
    Input(#[source] io::Error),
}
