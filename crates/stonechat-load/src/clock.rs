//! The one place that reads the clock. All times in a run are on it.

use std::time::Instant;

/// This moment.
#[expect(clippy::disallowed_methods, reason = "a measuring program lives on the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time between, in nanoseconds; 0 when `later` is earlier.
pub(crate) fn nanos(later: Instant, earlier: Instant) -> u64 {
    u64::try_from(later.saturating_duration_since(earlier).as_nanos()).unwrap_or(u64::MAX)
}
