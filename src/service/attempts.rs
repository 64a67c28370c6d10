//! The limit on failed logins: per address and per account, within a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::UserId;

/// The time within which failures add up.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses and accounts remembered at once; some 64 bytes each.
const KEYS_MAX: usize = 100_000;

/// Who failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// Everyone at this address.
    Address(IpAddr),
    /// Everyone who tries this account.
    Account(UserId),
}

#[derive(Debug)]
struct Failures {
    since: Instant,
    count: u32,
}

/// Failed logins of the last minute. Shared by the workers.
#[derive(Debug)]
pub struct Attempts {
    failures_max: Option<u32>,
    failures: Mutex<HashMap<Key, Failures>>,
}

impl Attempts {
    /// At most `failures_max` failures of one key in a minute; `None`: no limit.
    #[must_use]
    pub fn new(failures_max: Option<u32>) -> Self {
        Self { failures_max, failures: Mutex::default() }
    }

    /// Whether this key has failed too often.
    #[must_use]
    pub fn is_blocked(&self, key: Key, now: Instant) -> bool {
        let Some(failures_max) = self.failures_max else { return false };
        self.lock().get(&key).is_some_and(|known| is_recent(known, now) && known.count >= failures_max)
    }

    /// Notes a failure.
    pub fn failed(&self, key: Key, now: Instant) {
        if self.failures_max.is_none() {
            return;
        }
        let mut failures = self.lock();
        if failures.len() >= KEYS_MAX {
            failures.retain(|_, known| is_recent(known, now));
        }
        if failures.len() >= KEYS_MAX && !failures.contains_key(&key) {
            // A hundred thousand addresses fail at once: rather forget them than grow.
            failures.clear();
        }
        let known = failures.entry(key).or_insert(Failures { since: now, count: 0 });
        if !is_recent(known, now) {
            *known = Failures { since: now, count: 0 };
        }
        known.count = known.count.saturating_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(known: &Failures, now: Instant) -> bool {
    now.saturating_duration_since(known.since) < WINDOW
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
mod tests {
    use super::*;

    fn key(number: i64) -> Key {
        Key::Account(UserId::new(number).unwrap())
    }

    #[test]
    fn too_many_failures_block_for_a_minute() {
        let start = Instant::now();
        let attempts = Attempts::new(Some(2));
        attempts.failed(key(1), start);
        assert!(!attempts.is_blocked(key(1), start));
        attempts.failed(key(1), start);
        assert!(attempts.is_blocked(key(1), start));
        assert!(!attempts.is_blocked(key(2), start));
        assert!(attempts.is_blocked(key(1), start + Duration::from_millis(59_999)));
        assert!(!attempts.is_blocked(key(1), start + WINDOW));
        attempts.failed(key(1), start + WINDOW);
        assert!(!attempts.is_blocked(key(1), start + WINDOW));
    }

    #[test]
    fn no_limit_never_blocks() {
        let attempts = Attempts::new(None);
        attempts.failed(key(1), Instant::now());
        assert!(!attempts.is_blocked(key(1), Instant::now()));
    }
}
