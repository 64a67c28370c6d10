//! How the connections to the database are dealt.

use std::num::NonZero;
use std::thread::available_parallelism;

use crate::config::Config;

/// SQLite has one writer: a second lane would only wait for the first.
const SQLITE_LANES: usize = 1;
/// Reading SQLite is work for a core, with a wait for the disk now and then: more readers hold more memory and save
/// no time.
const SQLITE_WORKERS_PER_CORE: usize = 2;
/// One for the cursor writer, one for the probe.
const OTHERS: usize = 2;

/// The lanes and the workers, each with one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pool {
    /// How many lanes.
    pub lanes: usize,
    /// How many workers.
    pub workers: usize,
}

impl Pool {
    /// What `store.pool` is dealt to: `store.pool` connections in all at most.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let left = config.store.pool.saturating_sub(OTHERS);
        // A batch costs the database a good deal whatever its size, and fewer lanes gather larger ones: two of them
        // keep two cores of a database busy already.
        let lanes = if config.mysql.is_some() { (left / 4).max(1) } else { SQLITE_LANES };
        let cores = available_parallelism().map_or(1, NonZero::get);
        let useful = if config.mysql.is_some() { usize::MAX } else { SQLITE_WORKERS_PER_CORE * cores };
        Self { lanes, workers: left.saturating_sub(lanes).clamp(1, useful) }
    }

    /// Connections to the database in all.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lanes + self.workers + OTHERS
    }
}
