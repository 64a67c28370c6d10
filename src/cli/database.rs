//! Which database a command works on.

use std::path::PathBuf;

use clap::Args;
use stonechat::config::Flag;

/// Which database, for a command that needs no other setting.
#[derive(Args)]
pub(crate) struct Database {
    /// A TOML file with settings [env: STONECHAT_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the embedded database; ignored with --mysql [env: STONECHAT_DATA] [default: ./stonechat-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The database that all nodes share: mysql://user:pw@host:port/db [env: STONECHAT_MYSQL]
    #[arg(long, value_name = "URL")]
    mysql: Option<String>,
    /// Sets any key, like --set store.timeout_ms=60000; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Database {
    /// The file, and the settings of these flags.
    pub(crate) fn split(self) -> (Option<PathBuf>, Vec<Flag>) {
        let own = [("--data", "data", self.data), ("--mysql", "mysql", self.mysql)];
        let own = own.into_iter().filter_map(|(flag, key, value)| Some(Flag::Own { flag, key, value: value? }));
        (self.config, self.set.into_iter().map(Flag::Set).chain(own).collect())
    }
}
