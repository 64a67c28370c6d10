//! The tools that keep the data and move them: `dump`, `load`, `backup`, `restore`, `check`.
//!
//! ```text
//!   dump     database --records, table by table--> format --> lines on stdout, their checksum at the end
//!   load     stdin --> incoming: every line checked, kept in a file --> database     nothing is written before the last line is right
//!   backup   restore                 SQLite's file as a whole: store::sqlite::backup
//!   check    what should not be in the data, told line by line, and mended where that is asked for
//! ```
//!
//! What the tables are is the store's (`store::tables`), and so is all SQL. docs/data.md has the format.

mod check;
mod dump;
mod error;
mod files;
mod format;
mod incoming;
mod load;

use std::path::Path;

pub use self::check::check;
pub use self::dump::dump;
pub use self::error::DataError;
pub use self::files::{backup, restore};
pub use self::load::{Identity, load};
use crate::backend::Backend;
use crate::config::Config;
use crate::store::mysql::MySqlStores;
use crate::store::sqlite::whole::SqliteFolder;
use crate::store::whole::OpenWhole;

/// The database of the settings.
fn database(config: &Config) -> Result<Box<dyn OpenWhole>, DataError> {
    let timeout = config.store.timeout;
    Ok(match &config.mysql {
        Some(url) => {
            let database = Backend { url, tls_ca: config.mysql_tls_ca.as_deref() };
            Box::new(MySqlStores::new(database, timeout)?)
        }
        None => Box::new(SqliteFolder::new(Path::new(&config.data), config.sqlite_synchronous, timeout)),
    })
}
