//! The log: to stderr, a line each, as text or as JSON. `RUST_LOG`, where it is set, says what is logged; else `log.level` does.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use env_logger::Builder;
use env_logger::fmt::Formatter;
use log::{LevelFilter, Record};

use crate::config::{LogFormat, LogSettings};

/// What chooses what is logged, part by part of the program.
const VARIABLE: &str = "RUST_LOG";

/// Whether [`VARIABLE`] chooses.
static IS_CHOSEN_BY_VARIABLE: OnceLock<bool> = OnceLock::new();
/// Whether lines are JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Begins to log, before there are settings: text, `info` and above. To be called once, by `main`.
pub fn start() {
    let is_chosen = std::env::var_os(VARIABLE).is_some_and(|filter| !filter.is_empty());
    let mut builder = Builder::new();
    if is_chosen {
        builder.parse_env(VARIABLE);
    } else {
        // All passes here: what is logged is decided by the level that `follow` sets, which costs nothing where it is not.
        builder.filter_level(LevelFilter::Trace);
    }
    builder.format(line).init();
    if !is_chosen {
        log::set_max_level(LevelFilter::Info);
    }
    IS_CHOSEN_BY_VARIABLE.get_or_init(|| is_chosen);
}

/// Logs as the settings say from now on; whether `log.level` counts.
pub fn follow(settings: LogSettings) -> bool {
    IS_JSON.store(settings.format == LogFormat::Json, Ordering::Relaxed);
    let counts = IS_CHOSEN_BY_VARIABLE.get() == Some(&false);
    if counts {
        log::set_max_level(settings.level.filter());
    }
    counts
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
