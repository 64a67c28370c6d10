//! A timer that is exact to microseconds: the timeout of a poll is rounded up to milliseconds, which would count as the
//! server's latency.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// Wakes a poll at a given time.
#[derive(Debug)]
pub(crate) struct Pacer {
    timer: OwnedFd,
    armed: Option<Instant>,
}

impl Pacer {
    /// A timer whose expiry is an event with this token.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { timer, armed: None })
    }

    /// Wakes at `at`, and no more at the time set before. A time that has passed wakes at once.
    pub(crate) fn wake_at(&mut self, at: Instant, now: Instant) -> io::Result<()> {
        if self.armed == Some(at) && at > now {
            return Ok(());
        }
        let wait = at.saturating_duration_since(now).max(Duration::from_nanos(1));
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: zero, it_value: value })?;
        self.armed = Some(at);
        Ok(())
    }
}
