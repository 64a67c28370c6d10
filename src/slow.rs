//! What takes too long: counted, and told in the log, some lines a second. How long that is says `log.slow_ms`, for the whole process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::Metrics;

/// Lines a second: when the database is slow everything is, and the log must stay readable.
const LINES_MAX: u32 = 10;

/// That nothing is too long.
const NEVER: u64 = u64::MAX;

/// In milliseconds. Nothing is slow until there are settings.
static LIMIT: AtomicU64 = AtomicU64::new(NEVER);
/// What was told lately, whoever told it.
static TOLD: Mutex<Told> = Mutex::new(Told { since: None, lines: 0, kept_back: 0 });

/// From now on what takes longer is told; `None`: nothing is.
pub(crate) fn limit(time: Option<Duration>) {
    LIMIT.store(time.map_or(NEVER, milliseconds), Ordering::Relaxed);
}

/// Something has taken this long until `now`. `what` says what, and is only asked if that is too long. Any thread may call it.
pub(crate) fn note(metrics: &Metrics, took: Duration, now: Instant, what: impl FnOnce() -> String) {
    if milliseconds(took) <= LIMIT.load(Ordering::Relaxed) {
        return;
    }
    metrics.slow_operations.inc();
    let allowed = TOLD.lock().unwrap_or_else(PoisonError::into_inner).take_line(now);
    match allowed {
        Some(0) => log::warn!("slow: {}", what()),
        Some(kept_back) => log::warn!("slow: {} ({kept_back} more were not told)", what()),
        None => {}
    }
}

/// A time as it stands in such a line.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(NEVER)
}

/// The lines of one second.
struct Told {
    since: Option<Instant>,
    lines: u32,
    /// What there was no line for, since the last one.
    kept_back: u64,
}

impl Told {
    /// Whether a line may be written; then, how many were not since the last one.
    fn take_line(&mut self, now: Instant) -> Option<u64> {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= Duration::from_secs(1);
        if self.since.is_none_or(is_over) {
            (self.since, self.lines) = (Some(now), 0);
        }
        if self.lines == LINES_MAX {
            self.kept_back += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_some_lines_and_the_next_one_tells_what_there_was_none_for() {
        let start = crate::clock::Clock::system().now();
        let mut told = Told { since: None, lines: 0, kept_back: 0 };
        for _ in 0..LINES_MAX {
            assert_eq!(told.take_line(start), Some(0));
        }
        assert_eq!(told.take_line(start + Duration::from_millis(999)), None);
        assert_eq!(told.take_line(start + Duration::from_millis(999)), None);
        assert_eq!(told.take_line(start + Duration::from_secs(1)), Some(2));
        assert_eq!(told.take_line(start + Duration::from_secs(1)), Some(0));
    }
}
