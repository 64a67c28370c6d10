//! The one place that reads the steady clock; everything else is told the time.

use std::time::Instant;

/// This moment.
#[expect(clippy::disallowed_methods, reason = "the shells of the client get the time here and pass it on")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
