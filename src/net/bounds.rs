//! What a reactor is told at start, and may be told anew while it runs.

use std::sync::Arc;
use std::time::Duration;

use super::http::Site;

/// What holds for a reactor's connections; it counts from the reactor's next turn on.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// The longest line, without its line end.
    pub(crate) line_bytes: usize,
    /// The high-water mark of a connection's outbox.
    pub(crate) outbox_bytes: usize,
    /// A peer that takes nothing of what waits for so long is cut off; `None`: never.
    pub(crate) stall: Option<Duration>,
    /// What browsers find; `None`: only lines are spoken.
    pub(crate) site: Option<Arc<Site>>,
}
