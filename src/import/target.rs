//! The database that the import goes into: opened, looked at, and written in large transactions. With --dry-run it is only
//! looked at, if it is there at all.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use super::error::ImportError;
use crate::backend::Backend;
use crate::clock::UnixMs;
use crate::config::{Config, masked};
use crate::ids::{GroupId, UserId};
use crate::store::Named;
use crate::store::bulk::{Brought, Bulk, OpenBulk, Present};
use crate::store::mysql::MySqlStores;
use crate::store::sqlite::{self, SqliteStores};

/// How long a transaction may take: it is a large one.
const PATIENCE: Duration = Duration::from_secs(300);

/// Rows of the list of what was brought that are read at once.
const NOTED_AT_ONCE: u32 = 50_000;

/// What earlier runs have brought of one kind: the marks, by number.
pub(super) type Ledger = HashMap<i64, i64>;

/// See the module's text.
pub(super) struct Target {
    stores: Box<dyn OpenBulk>,
    bulk: Box<dyn Bulk>,
    /// Its tables are of this version: what earlier runs have brought is known.
    is_up_to_date: bool,
}

impl Target {
    /// Opens it without changing anything in it. `None`: there is none yet, and none is to be made.
    pub(super) fn open(config: &Config, is_dry: bool) -> Result<Option<Self>, ImportError> {
        let stores: Box<dyn OpenBulk> = match &config.mysql {
            Some(url) => {
                let database = Backend { url, tls_ca: config.mysql_tls_ca.as_deref() };
                Box::new(MySqlStores::new(database, PATIENCE)?)
            }
            None if is_dry && !sqlite::exists(&config.data) => return Ok(None),
            None => Box::new(SqliteStores::new(Path::new(&config.data), config.sqlite_synchronous, PATIENCE)?),
        };
        let found = stores.inspect(config.limits.line_bytes)?;
        if !found.problems.is_empty() {
            return Err(ImportError::Unfit(found.problems.join("; ")));
        }
        let mut bulk = stores.open_bulk()?;
        let is_up_to_date = bulk.is_up_to_date()?;
        Ok(Some(Self { stores, bulk, is_up_to_date }))
    }

    /// Brings its tables up to date.
    pub(super) fn upgrade(&mut self) -> Result<(), ImportError> {
        self.stores.migrate()?;
        self.is_up_to_date = true;
        Ok(())
    }

    /// For writing.
    pub(super) fn bulk(&mut self) -> &mut dyn Bulk {
        &mut *self.bulk
    }

    /// What earlier runs have brought.
    pub(super) fn ledger(&mut self, kind: Brought) -> Result<Ledger, ImportError> {
        let mut ledger = Ledger::new();
        let mut after = i64::MIN;
        while self.is_up_to_date {
            let noted = self.bulk.noted(kind, after, NOTED_AT_ONCE)?;
            let Some(last) = noted.last() else { break };
            after = last.id;
            ledger.extend(noted.iter().map(|noted| (noted.id, noted.mark)));
        }
        Ok(ledger)
    }

    pub(super) fn users(&mut self, ids: &[UserId]) -> Result<Vec<Present>, ImportError> {
        Ok(self.bulk.users(ids)?)
    }

    pub(super) fn groups(&mut self, ids: &[GroupId]) -> Result<Vec<Present>, ImportError> {
        Ok(self.bulk.groups(ids)?)
    }

    /// Who has these names already, by key.
    pub(super) fn holders(
        &mut self,
        named: Named,
        keys: &HashSet<String>,
    ) -> Result<HashMap<String, u32>, ImportError> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Ok(self.bulk.holders(named, &keys, UnixMs::now())?.into_iter().collect())
    }
}

/// Where the import goes, in words.
pub(super) fn told(config: &Config) -> String {
    config.mysql.as_deref().map_or_else(|| config.data.display().to_string(), masked)
}
