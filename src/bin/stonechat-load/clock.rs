//! The one place that reads the clock. All times in a run are on it.

use std::time::Instant;

/// This moment.
#[expect(clippy::disallowed_methods, reason = "a measuring program lives on the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
