//! `stonechat backup` and `restore`: the embedded database as one file.

use std::path::{Path, PathBuf};

use super::error::DataError;
use crate::config::Config;
use crate::store::sqlite::backup as file;

/// Copies the embedded database into `to`, while a node runs or not.
///
/// # Errors
/// `to` is there and is not to be replaced, or cannot be written; the database is another one.
pub fn backup(config: &Config, to: &Path, replaces: bool) -> Result<(), DataError> {
    refuse_mysql(config, "mysqldump --single-transaction, or `stonechat dump`, makes a backup of it")?;
    Ok(file::backup(&config.data, to, replaces, config.store.timeout)?)
}

/// Makes `from` the embedded database; where the one is that was there before.
///
/// # Errors
/// A node runs on it, or `from` is no backup; the database is another one.
pub fn restore(config: &Config, from: &Path) -> Result<Option<PathBuf>, DataError> {
    refuse_mysql(
        config,
        "load what mysqldump has written with mysql, or what `stonechat dump` has with `stonechat load`",
    )?;
    Ok(file::restore(&config.data, from, config.store.timeout)?)
}

fn refuse_mysql(config: &Config, instead: &str) -> Result<(), DataError> {
    if config.mysql.is_none() {
        return Ok(());
    }
    Err(DataError::Unfit(format!("this is for the embedded database, and the settings name MySQL: {instead}")))
}
