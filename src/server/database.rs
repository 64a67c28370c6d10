//! The database of the settings, opened and upgraded.

use std::path::Path;
use std::sync::Arc;

use crate::backend::Backend;
use crate::config::{Config, masked};
use crate::metrics::Metrics;
use crate::start_error::StartError;
use crate::store::mysql::{AnsweredBy, MySqlStores, OnAnswer};
use crate::store::sqlite::SqliteStores;
use crate::store::{OpenStore, StoreError};

/// The database, not opened yet.
pub(super) fn stores(config: &Config, metrics: &Arc<Metrics>) -> Result<Arc<dyn OpenStore>, StoreError> {
    let timeout = config.store.timeout;
    Ok(match &config.mysql {
        Some(url) => {
            let backend = |url| Backend { url, tls_ca: config.mysql_tls_ca.as_deref() };
            let stores = MySqlStores::new(backend(url), timeout)?;
            match &config.mysql_read {
                Some(url) => Arc::new(stores.reading_from(backend(url), counted(metrics))?),
                None => Arc::new(stores),
            }
        }
        None => Arc::new(SqliteStores::new(Path::new(&config.data), config.sqlite_synchronous, timeout)?),
    })
}

/// Counts who has answered what a replica could have answered.
fn counted(metrics: &Arc<Metrics>) -> OnAnswer {
    let metrics = Arc::clone(metrics);
    Box::new(move |by| {
        match by {
            AnsweredBy::Replica => metrics.replica_answers.inc(),
            AnsweredBy::Main => metrics.replica_declines.inc(),
        };
    })
}

/// Opens the database, upgrades it where it has to be, and logs what a person should know of it.
pub(super) fn open_database(config: &Config, metrics: &Arc<Metrics>) -> Result<Arc<dyn OpenStore>, StartError> {
    let stores = stores(config, metrics)?;
    let found = stores.inspect(config.limits.line_bytes)?;
    if !found.problems.is_empty() {
        return Err(StartError::Unfit(found.problems.join("; ")));
    }
    stores.migrate()?;
    match &config.mysql {
        Some(url) => log::info!("messages are kept in {}", masked(url)),
        None => log::info!("messages are kept in {}", config.data.display()),
    }
    if let Some(url) = &config.mysql_read {
        log::info!("HISTORY, SEARCH and FIND are read from {} as long as that is in step", masked(url));
    }
    for warning in found.warnings {
        log::warn!("{warning}");
    }
    for warning in stores.durability_warnings()? {
        log::warn!("AN ACKNOWLEDGED MESSAGE MAY BE LOST: {warning}");
    }
    if config.redis.is_some() && config.mysql.is_none() {
        log::warn!("redis is set, but the database is embedded: other nodes cannot share it");
    }
    Ok(stores)
}
