//! The clocks that threads read. Everything that decides takes `now` as an argument.

use std::time::Instant;

pub use stonechat_protocol::time::UnixMs;

/// The two clocks of a node. A simulation gives clocks that it moves itself.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    now: fn() -> Instant,
    wall: fn() -> UnixMs,
}

impl Clock {
    /// The system's clocks.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the shells get their clock from")]
    pub fn system() -> Self {
        Self { now: Instant::now, wall: UnixMs::now }
    }

    /// Other clocks than the system's.
    #[must_use]
    pub fn new(now: fn() -> Instant, wall: fn() -> UnixMs) -> Self {
        Self { now, wall }
    }

    /// The time that only moves forward: for waits and deadlines.
    #[must_use]
    pub fn now(&self) -> Instant {
        (self.now)()
    }

    /// The time of day: for what is stored. It may jump.
    #[must_use]
    pub fn wall(&self) -> UnixMs {
        (self.wall)()
    }
}
