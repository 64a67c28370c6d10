//! What is logged, while the server runs: as it was started, or from another level on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use log::{LevelFilter, Log, Metadata, Record};

/// As it was started.
const AS_STARTED: usize = usize::MAX;

/// The level that counts, as its number.
static LEVEL: AtomicUsize = AtomicUsize::new(AS_STARTED);
/// The most that is logged as it was started.
static STARTED_WITH: OnceLock<LevelFilter> = OnceLock::new();

struct Switch {
    /// Logs what is to be logged as it was started.
    chosen: Box<dyn Log>,
    /// Logs everything.
    all: Box<dyn Log>,
}

/// Logs by these two from now on: by `chosen`, which knows what is to be logged and of which this is the most, until
/// another level is set; from then on by `all`.
///
/// # Errors
/// Something logs already.
pub fn install(chosen: Box<dyn Log>, all: Box<dyn Log>, most: LevelFilter) -> Result<(), log::SetLoggerError> {
    log::set_boxed_logger(Box::new(Switch { chosen, all }))?;
    let _ = STARTED_WITH.set(most);
    log::set_max_level(most);
    Ok(())
}

/// Logs from this level on; `None`: as it was started.
pub(crate) fn set(level: Option<LevelFilter>) {
    let started_with = STARTED_WITH.get().copied().unwrap_or(LevelFilter::Info);
    LEVEL.store(level.map_or(AS_STARTED, |level| level as usize), Ordering::Release);
    log::set_max_level(level.unwrap_or(started_with));
}

impl Switch {
    fn one(&self) -> &dyn Log {
        if LEVEL.load(Ordering::Acquire) == AS_STARTED { &*self.chosen } else { &*self.all }
    }
}

impl Log for Switch {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.one().enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        // The macros look at the largest level alone, other crates may not.
        if record.level() <= log::max_level() {
            self.one().log(record);
        }
    }

    fn flush(&self) {
        self.chosen.flush();
    }
}
