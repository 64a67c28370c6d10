//! `log.*`: what is logged, and how.

use std::time::Duration;

use log::LevelFilter;

/// `log.*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// `log.level`.
    pub level: LogLevel,
    /// `log.slow_ms`: what takes longer is logged.
    pub slow: Option<Duration>,
    /// `log.format`.
    pub format: LogFormat,
}

/// `log.level`: this and what is more serious.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the field's own words")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// `log.format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Time, level, message.
    Text,
    /// A JSON object per line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: LogLevel::Info, slow: Some(Duration::from_secs(1)), format: LogFormat::Text }
    }
}

impl LogLevel {
    /// As the crate log has it.
    #[must_use]
    pub(crate) fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::Error,
            Self::Warn => LevelFilter::Warn,
            Self::Info => LevelFilter::Info,
            Self::Debug => LevelFilter::Debug,
        }
    }
}
