//! When whoever was cut off tries again: as docs/protocol.md asks of clients, a random time that grows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The first wait lasts this to twice this.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// No wait begins with more than this.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// No wait is longer.
pub(crate) const LONGEST_WAIT: Duration = WAIT_MAX.saturating_mul(2);

/// Connections that are to be opened again, each at its own time.
#[derive(Debug)]
pub(crate) struct Comeback {
    waiting: BinaryHeap<Reverse<(Instant, usize)>>,
    /// By connection.
    attempts: Vec<u32>,
    state: u64,
}

impl Comeback {
    /// Of so many connections, none of which is lost.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn new(connections: usize) -> Result<Self> {
        let seed = getrandom::u64().context("no randomness")?;
        Ok(Self { waiting: BinaryHeap::new(), attempts: vec![0; connections], state: seed | 1 })
    }

    /// Connection `k` is lost, or could not be had.
    pub(crate) fn lost(&mut self, k: usize, now: Instant) {
        let least = FIRST_WAIT.saturating_mul(1 << self.attempts[k].min(6)).min(WAIT_MAX);
        self.attempts[k] += 1;
        let wait = least + least.mul_f64(self.roll());
        self.waiting.push(Reverse((now + wait, k)));
    }

    /// Whether it has been lost before.
    pub(crate) fn has_tried(&self, k: usize) -> bool {
        self.attempts[k] > 0
    }

    /// A connection whose time has come.
    pub(crate) fn due(&mut self, now: Instant) -> Option<usize> {
        self.next().filter(|at| *at <= now)?;
        self.waiting.pop().map(|Reverse((_, k))| k)
    }

    /// When the next one's time comes.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse((at, _))| *at)
    }

    /// Xorshift: from 0 up to 1.
    fn roll(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let upper = u32::try_from(self.state >> 32).unwrap_or(0);
        f64::from(upper) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;

    #[test]
    fn waits_are_spread_and_grow() {
        let start = now();
        let mut comeback = Comeback::new(1000).unwrap();
        (0..1000).for_each(|k| comeback.lost(k, start));
        assert!(comeback.due(start + FIRST_WAIT / 2).is_none());
        let at = start + FIRST_WAIT.mul_f64(1.5);
        let early = std::iter::from_fn(|| comeback.due(at)).count();
        assert!((300..700).contains(&early), "{early} of 1000 in the first half");
        while comeback.due(start + 2 * FIRST_WAIT).is_some() {}
        assert!(comeback.next().is_none(), "none waits longer than twice the shortest wait");
        comeback.lost(7, start);
        assert!(comeback.next().unwrap() >= start + 2 * FIRST_WAIT, "the second wait is longer");
    }
}
