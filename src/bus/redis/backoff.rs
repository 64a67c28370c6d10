//! How long to wait before the next attempt: longer each time, and not in step with the other nodes.

use std::time::Duration;

/// Waits that double from `first` to `most`, each shortened at random by up to a half.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
    /// State of a xorshift generator; never 0. Nothing secret hangs on it.
    random: u64,
}

impl Backoff {
    /// `seed` tells this node's waits from others'.
    pub(super) fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, next: first, random: seed | 1 }
    }

    /// An attempt has failed: how long to wait before the next.
    pub(super) fn failed(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.most);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let percent = u32::try_from(50 + self.random % 51).expect("at most 100");
        whole * percent / 100
    }

    /// An attempt has succeeded: the next failure waits the shortest time again.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_bound_and_start_over_after_a_success() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(50), ms(2000), 7);
        for whole in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            let wait = backoff.failed();
            assert!(wait >= ms(whole / 2) && wait <= ms(whole), "{wait:?} of {whole}");
        }
        backoff.reset();
        assert!(backoff.failed() <= ms(50));
    }

    #[test]
    fn two_nodes_do_not_wait_in_step() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(1), seed);
            (0..20).map(|_| backoff.failed()).collect::<Vec<_>>()
        };
        assert_ne!(waits(0x1234_5678), waits(0x8765_4321));
    }
}
