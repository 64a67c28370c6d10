//! The log: to stderr, a line each, as text or as JSON. `RUST_LOG`, where it is set, says what is logged, else `log.level` does; an
//! administrator may have another level, until it is taken back.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use env_logger::fmt::Formatter;
use env_logger::{Builder, Logger};
use log::{LevelFilter, Log, Metadata, Record};

use crate::config::{LogFormat, LogSettings};
use crate::slow;

/// What chooses what is logged, part by part of the program.
const VARIABLE: &str = "RUST_LOG";

/// In the place of a level: none is set.
const NONE: usize = usize::MAX;

/// What logs, once it does.
static SWITCH: OnceLock<Switch> = OnceLock::new();
/// Whether lines are JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Logs what is chosen at the moment.
struct Switch {
    /// What [`VARIABLE`] chooses, if it is set.
    chosen: Option<Logger>,
    /// Everything, as far as the largest level lets it through.
    all: Logger,
    /// That of the settings, as a number.
    level: AtomicUsize,
    /// That of an administrator, or [`NONE`].
    ordered: AtomicUsize,
}

/// Begins to log, before there are settings: text, `info` and above. To be called once, by `main`.
pub fn start() {
    let is_chosen = std::env::var_os(VARIABLE).is_some_and(|filter| !filter.is_empty());
    let switch = SWITCH.get_or_init(|| Switch {
        chosen: is_chosen.then(|| Builder::new().parse_env(VARIABLE).format(line).build()),
        all: Builder::new().filter_level(LevelFilter::Trace).format(line).build(),
        level: AtomicUsize::new(LevelFilter::Info as usize),
        ordered: AtomicUsize::new(NONE),
    });
    // Somebody who logs already is left alone.
    let _taken = log::set_logger(switch);
    switch.apply();
}

/// Logs as the settings say from now on; whether `log.level` counts.
pub fn follow(settings: LogSettings) -> bool {
    slow::limit(settings.slow);
    IS_JSON.store(settings.format == LogFormat::Json, Ordering::Relaxed);
    let Some(switch) = SWITCH.get() else { return false };
    switch.level.store(settings.level.filter() as usize, Ordering::Relaxed);
    switch.apply();
    switch.chosen.is_none()
}

/// Logs from this level on, whatever the settings and the variable say; `None`: as these say again.
pub(crate) fn order(level: Option<LevelFilter>) {
    if let Some(switch) = SWITCH.get() {
        switch.ordered.store(level.map_or(NONE, |level| level as usize), Ordering::Relaxed);
        switch.apply();
    }
}

impl Switch {
    /// What is chosen part by part, unless a level was ordered.
    fn chosen(&self) -> Option<&Logger> {
        self.chosen.as_ref().filter(|_| self.ordered.load(Ordering::Relaxed) == NONE)
    }

    /// Sets the largest level: what is above it costs nothing.
    fn apply(&self) {
        let number = match self.ordered.load(Ordering::Relaxed) {
            NONE => self.level.load(Ordering::Relaxed),
            ordered => ordered,
        };
        let level = LevelFilter::iter().find(|level| *level as usize == number).unwrap_or(LevelFilter::Info);
        log::set_max_level(self.chosen().map_or(level, Logger::filter));
    }
}

impl Log for Switch {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.chosen().unwrap_or(&self.all).enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        // The macros look at the largest level, other crates may not.
        if record.level() <= log::max_level() {
            self.chosen().unwrap_or(&self.all).log(record);
        }
    }

    fn flush(&self) {
        self.all.flush();
    }
}

fn line(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let time = out.timestamp_millis();
    if IS_JSON.load(Ordering::Relaxed) {
        let level = record.level().as_str().to_ascii_lowercase();
        let (target, message) = (record.target(), record.args().to_string());
        let object =
            serde_json::json!({ "time": time.to_string(), "level": level, "target": target, "message": message });
        writeln!(out, "{object}")
    } else {
        writeln!(out, "{time} {:<5} {}", record.level(), record.args())
    }
}
