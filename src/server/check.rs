//! What `check-config` tries: the database and Redis, without changing either.

use std::sync::Arc;

use super::certificate;
use super::database::stores;
use super::meeting::redis_of;
use crate::bus::redis;
use crate::clock::UnixMs;
use crate::config::Config;
use crate::store::sqlite;
use crate::store::{KeptName, Named, StoreError};

/// How many names of before, that are found by their exact spelling only, are listed: of users, and of groups.
const KEPT_NAMES_TOLD: u32 = 100;

/// What was found of the database, in sentences.
#[derive(Default)]
pub struct StoreTried {
    /// What each of several servers says, and which replicas can be read from.
    pub servers: Vec<String>,
    /// About its durability, and what will not work well.
    pub warnings: Vec<String>,
}

/// Opens the store and changes nothing: no migration, and no folder where there is none yet. Returns what was found, or why
/// it cannot be reached.
///
/// # Errors
/// A sentence for a person.
pub fn try_store(config: &Config) -> Result<StoreTried, String> {
    if config.mysql.is_none() && !sqlite::exists(&config.data) {
        return Ok(StoreTried::default());
    }
    let stores = stores(config, &Arc::default()).map_err(|error| error.to_string())?;
    let ping = || -> Result<Vec<String>, StoreError> {
        stores.open()?.ping()?;
        let found = stores.inspect(config.limits.line_bytes)?;
        let problems: Vec<String> = found.problems.into_iter().chain(found.newer).collect();
        if !problems.is_empty() {
            return Err(StoreError::Broken(problems.join("; ").into()));
        }
        let mut warnings = found.warnings;
        warnings.extend(stores.durability_warnings()?);
        warnings.extend(kept_names(&stores.kept_names(KEPT_NAMES_TOLD + 1)?));
        Ok(warnings)
    };
    let mut warnings = ping().map_err(|error| error.to_string())?;
    let mut servers = stores.servers();
    for (place, trouble) in stores.replicas().map_err(|error| error.to_string())? {
        match trouble {
            None => servers.push(format!("replica {place}: it can be read from")),
            Some(why) => warnings.push(format!("replica {place} cannot be read from: {why}")),
        }
    }
    Ok(StoreTried { servers, warnings })
}

/// One sentence for each name that can be used by its exact spelling only.
fn kept_names(kept: &[KeptName]) -> Vec<String> {
    let told = usize::try_from(KEPT_NAMES_TOLD).unwrap_or(usize::MAX);
    let mut warnings = Vec::new();
    for (named, kind) in [(Named::User, "user"), (Named::Group, "group")] {
        let kept: Vec<&KeptName> = kept.iter().filter(|kept| kept.named == named).collect();
        warnings.extend(kept.iter().take(told).map(|KeptName { id, name, why, .. }| {
            let why = why.map_or_else(
                || format!("another {kind} of a lower id has a name that is compared to be the same"),
                |unfit| format!("a new name {unfit}"),
            );
            // Escaped: what cannot be seen is what is wrong with it.
            let name = name.escape_debug();
            format!("{kind} {id} is found by id, or by the exact spelling of its name, \"{name}\": {why}")
        }));
        if kept.len() > told {
            warnings.push(format!("there are more than {told} such names of {kind}s; the others are not listed"));
        }
    }
    warnings
}

/// Asks Redis, if there is to be one, whether it is there and allows what a node needs.
///
/// # Errors
/// A sentence for a person.
pub fn try_bus(config: &Config) -> Result<(), String> {
    let Some(redis) = redis_of(config) else { return Ok(()) };
    redis::probe(redis, identity(config).as_deref())
}

/// Reads the certificate and its key, if there are to be any. Returns a warning if it expires soon, or has expired.
///
/// # Errors
/// A sentence for a person.
pub fn try_certificate(config: &Config) -> Result<Option<String>, String> {
    let certificate = certificate::load(config).map_err(|error| error.to_string())?;
    let not_after = certificate.and_then(|certificate| certificate.not_after());
    Ok(not_after.and_then(|not_after| certificate::warning(not_after, UnixMs::now())))
}

/// The identity of the data, if there is a database that tells it.
fn identity(config: &Config) -> Option<String> {
    if config.mysql.is_none() && !sqlite::exists(&config.data) {
        return None;
    }
    let mut store = stores(config, &Arc::default()).ok()?.open().ok()?;
    Some(store.cluster().ok()?.id)
}
