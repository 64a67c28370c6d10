//! The clocks that the run moves. Each thread, so each run, has its own.

use std::cell::Cell;
use std::time::{Duration, Instant};

use stonechat::clock::{Clock, UnixMs};

/// 2026-01-01.
const WALL_START_MS: i64 = 1_767_225_600_000;

thread_local! {
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Time since the run began.
pub fn passed() -> Duration {
    PASSED.get()
}

pub fn pass(time: Duration) {
    PASSED.set(PASSED.get() + time);
}

#[expect(clippy::disallowed_methods, reason = "a start for the clock that the run moves")]
pub fn now() -> Instant {
    let start = START.get().unwrap_or_else(|| {
        let start = Instant::now();
        START.set(Some(start));
        start
    });
    start + passed()
}

fn wall() -> UnixMs {
    UnixMs(WALL_START_MS + i64::try_from(passed().as_millis()).expect("a run is short"))
}

/// What nodes are given.
pub fn clock() -> Clock {
    Clock::new(now, wall)
}
