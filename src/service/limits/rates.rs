//! A rate for each of many keys: buckets that fill at a steady pace, shared by all threads.
//!
//! A bucket is one number, the theoretical arrival time of the GCRA (ITU-T I.371, annex A): the moment at which it will be
//! full again. A bucket that is full needs no entry, so a key that rests costs nothing, and nobody gains a fresh bucket by
//! coming back under the same key.
//!
//! ```text
//!   now            arrival            take: arrival += weight * interval, as long as arrival - now <= burst
//!    |---- spent ----|- left -|       beyond it the place is reserved: come back at `at`, it is paid for
//!    |<------- burst -------->|
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Locks of one table.
const SHARDS: usize = 64;
/// Keys of one shard whose buckets are not full: 262,144 in all, some 40 bytes each. Keys beyond it share a bucket.
const KEYS_MAX: usize = 4_096;
/// A shard with fewer keys is not swept.
const SWEEP_MIN: usize = 64;
/// A shard that is full is swept so often at most: whoever floods it must not make everybody wait for that.
const SWEEP_PAUSE: Duration = Duration::from_millis(100);
/// Places are reserved so far ahead. Those who come when all of them are taken must ask again.
const RESERVED_MAX: Duration = Duration::from_secs(5);
/// What is charged afterwards puts a bucket so far into debt at most.
const DEBT_MAX: Duration = Duration::from_secs(5);

/// Why something must wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// It is paid for, and may go on from this moment.
    Reserved(Instant),
    /// It is not paid for; there may be a place to reserve at this moment.
    Full(Instant),
}

/// How fast buckets fill, and what they hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rate {
    /// The time in which a unit comes back.
    pub interval: Duration,
    /// The time in which an empty bucket is full.
    pub burst: Duration,
}

/// The buckets of all keys. Any thread may call; a call holds one lock for a look into a map.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    rate: Pace,
    hasher: RandomState,
    shards: Box<[Mutex<Shard<K>>]>,
}

/// A rate that may change while others read it. Who reads amid a change sees half of each, for one request.
#[derive(Debug)]
struct Pace {
    /// In nanoseconds; 0: no limit, and nothing is kept.
    interval: AtomicU64,
    /// In nanoseconds.
    burst: AtomicU64,
}

impl Pace {
    fn new(rate: Option<Rate>) -> Self {
        let pace = Self { interval: AtomicU64::new(0), burst: AtomicU64::new(0) };
        pace.set(rate);
        pace
    }

    fn set(&self, rate: Option<Rate>) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (interval, burst) = rate.map_or((0, 0), |Rate { interval, burst }| (nanos(interval).max(1), nanos(burst)));
        self.burst.store(burst, Ordering::Relaxed);
        self.interval.store(interval, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Rate> {
        let interval = Duration::from_nanos(self.interval.load(Ordering::Relaxed));
        let burst = Duration::from_nanos(self.burst.load(Ordering::Relaxed));
        (!interval.is_zero()).then_some(Rate { interval, burst })
    }
}

#[derive(Debug)]
struct Shard<K> {
    /// When each bucket will be full. Entries in the past mean nothing; sweeping removes them.
    arrivals: HashMap<K, Instant>,
    /// Sweep before there are more entries.
    sweep_at: usize,
    /// But not before this moment.
    rests_until: Option<Instant>,
    /// The bucket of all keys that find no room: nobody's entry is given up for theirs.
    crowd: Option<Instant>,
}

impl<K: Hash + Eq> Rates<K> {
    /// Full buckets for everybody; without a rate there is no limit.
    #[must_use]
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        let shard =
            || Mutex::new(Shard { arrivals: HashMap::new(), sweep_at: SWEEP_MIN, rests_until: None, crowd: None });
        Self { rate: Pace::new(rate), hasher: RandomState::new(), shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// From now on buckets fill so fast; what was spent stays spent.
    pub(crate) fn hold_to(&self, rate: Option<Rate>) {
        self.rate.set(rate);
    }

    /// Takes `units` out of the bucket of `key`.
    ///
    /// # Errors
    /// There are not enough in it: when to go on, or when to ask again.
    pub(crate) fn take(&self, key: K, units: u32, now: Instant) -> Result<(), Wait> {
        let Some(Rate { interval, burst }) = self.rate.get() else { return Ok(()) };
        let cost = interval * units;
        let mut shard = self.shard(&key);
        let arrival = shard.arrival(key, now);
        let before = (*arrival).max(now);
        let earliest = (before + cost).checked_sub(burst).unwrap_or(now);
        // What costs more than a full bucket holds is let through, after its time.
        let reserves = earliest <= now + RESERVED_MAX || before == now;
        if reserves {
            *arrival = before + cost;
        }
        if earliest <= now {
            Ok(())
        } else if reserves {
            Err(Wait::Reserved(earliest))
        } else {
            Err(Wait::Full(earliest.checked_sub(RESERVED_MAX).unwrap_or(earliest)))
        }
    }

    /// How long until `units` could be taken; takes nothing.
    #[must_use]
    pub(crate) fn wait_for(&self, key: &K, units: u32, now: Instant) -> Option<Duration> {
        let Rate { interval, burst } = self.rate.get()?;
        let shard = self.shard(key);
        let before = shard.known(key).unwrap_or(now).max(now);
        let earliest = (before + interval * units).checked_sub(burst)?;
        earliest.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Takes `units`, if they are there.
    ///
    /// # Errors
    /// They are not, and nothing is taken: how long until they are.
    pub(crate) fn try_take(&self, key: K, units: u32, now: Instant) -> Result<(), Duration> {
        let Some(Rate { interval, burst }) = self.rate.get() else { return Ok(()) };
        let mut shard = self.shard(&key);
        let arrival = shard.arrival(key, now);
        let after = (*arrival).max(now) + interval * units;
        match after.checked_sub(burst).and_then(|earliest| earliest.checked_duration_since(now)) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *arrival = after;
                Ok(())
            }
        }
    }

    /// Takes `units` for what is done already, also where they are not there: what comes next waits for it.
    pub(crate) fn charge(&self, key: K, units: u32, now: Instant) {
        let Some(Rate { interval, burst }) = self.rate.get() else { return };
        let mut shard = self.shard(&key);
        let arrival = shard.arrival(key, now);
        let before = (*arrival).max(now);
        *arrival = (before + interval * units).min(before.max(now + burst + DEBT_MAX));
    }

    /// Keys that have an entry.
    #[must_use]
    #[cfg(test)]
    pub(crate) fn keys(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).arrivals.len()).sum()
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K>> {
        let hash = self.hasher.hash_one(key);
        let shard = usize::try_from(hash % SHARDS as u64).expect("less than the number of shards");
        lock(&self.shards[shard])
    }
}

impl<K: Hash + Eq> Shard<K> {
    fn known(&self, key: &K) -> Option<Instant> {
        self.arrivals.get(key).copied()
    }

    fn arrival(&mut self, key: K, now: Instant) -> &mut Instant {
        if self.arrivals.len() >= self.sweep_at && !self.arrivals.contains_key(&key) {
            if self.rests_until.is_none_or(|until| until <= now) {
                self.sweep(now);
            }
            if self.arrivals.len() >= KEYS_MAX {
                return self.crowd.get_or_insert(now);
            }
        }
        self.arrivals.entry(key).or_insert(now)
    }

    fn sweep(&mut self, now: Instant) {
        self.arrivals.retain(|_, arrival| *arrival > now);
        self.arrivals.shrink_to(2 * self.arrivals.len());
        self.sweep_at = (2 * self.arrivals.len()).clamp(SWEEP_MIN, KEYS_MAX);
        self.rests_until = (self.arrivals.len() >= KEYS_MAX / 2).then_some(now + SWEEP_PAUSE);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds this lock, so a poisoned table is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    /// Ten units a second, fifty at once.
    fn rates() -> Rates<u32> {
        Rates::new(Some(Rate { interval: TICK, burst: 50 * TICK }))
    }

    fn taken_at_once(rates: &Rates<u32>, key: u32, now: Instant) -> usize {
        (0..1000).take_while(|_| rates.take(key, 1, now).is_ok()).count()
    }

    #[test]
    fn bursts_are_allowed_and_then_the_rate() {
        let (rates, now) = (rates(), Instant::now());
        assert_eq!(taken_at_once(&rates, 1, now), 50);
        // The one that was refused has reserved the next place.
        assert_eq!(rates.take(1, 1, now), Err(Wait::Reserved(now + 2 * TICK)));
        assert_eq!(taken_at_once(&rates, 2, now), 50, "another key has its own");
        let rested = now + 200 * TICK;
        assert_eq!(taken_at_once(&rates, 1, rested), 50);
    }

    #[test]
    fn reserved_places_are_in_order_and_end_somewhere() {
        let (rates, now) = (rates(), Instant::now());
        assert_eq!(rates.take(1, 50, now), Ok(()));
        let places: Vec<_> = (0..50).map(|_| rates.take(1, 1, now)).collect();
        let expected: Vec<_> = (1..=50).map(|place| Err(Wait::Reserved(now + place * TICK))).collect();
        assert_eq!(places, expected);
        assert_eq!(rates.take(1, 1, now), Err(Wait::Full(now + TICK)));
        assert_eq!(rates.take(1, 1, now), Err(Wait::Full(now + TICK)), "nothing was reserved");
        assert_eq!(rates.take(1, 1, now + TICK), Err(Wait::Reserved(now + 51 * TICK)));
    }

    #[test]
    fn what_weighs_more_than_a_bucket_holds_passes_late() {
        let (rates, now) = (rates(), Instant::now());
        assert_eq!(rates.take(1, 500, now), Err(Wait::Reserved(now + 450 * TICK)));
        assert!(matches!(rates.take(1, 1, now), Err(Wait::Full(_))));
    }

    #[test]
    fn a_charge_makes_the_next_one_wait_but_not_for_ever() {
        let (rates, now) = (rates(), Instant::now());
        rates.charge(1, 51, now);
        assert_eq!(rates.wait_for(&1, 1, now), Some(2 * TICK));
        (0..100).for_each(|_| rates.charge(1, 51, now));
        assert_eq!(rates.wait_for(&1, 0, now), Some(DEBT_MAX));
        assert_eq!(rates.wait_for(&2, 50, now), None);
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let (rates, now) = (rates(), Instant::now());
        for key in 0..100_000 {
            rates.take(key, 1, now + key * TICK).unwrap();
        }
        assert!(rates.keys() <= SHARDS * SWEEP_MIN, "{} keys that rest", rates.keys());
    }

    #[test]
    fn a_full_table_forgets_nobody_and_newcomers_share() {
        let (rates, now) = (Rates::new(Some(Rate { interval: TICK, burst: TICK })), Instant::now());
        let spent = 3_000_000_u32;
        rates.take(spent, 1, now).unwrap();
        // Twice as many as there is room for, each with a full debt.
        (0..600_000).for_each(|key| rates.charge(key, 1, now));
        assert!(rates.keys() <= SHARDS * KEYS_MAX);
        assert!(rates.take(spent, 1, now).is_err(), "still known");
        assert!((4_000_000..4_000_100).all(|late| rates.take(late, 1, now).is_err()), "one bucket for all of them");
    }

    #[test]
    fn what_is_taken_at_once_by_many_is_not_more_than_there_is() {
        let (rates, now) = (rates(), Instant::now());
        let taken = || (0..100).filter(|_| rates.try_take(1, 1, now).is_ok()).count();
        let all: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(taken)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(all, 50);
        assert_eq!(rates.try_take(1, 1, now), Err(TICK));
        assert_eq!(rates.try_take(1, 1, now + TICK), Ok(()));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let (rates, now) = (Rates::new(None), Instant::now());
        assert!((0..10_000).all(|_| rates.take(1_u32, 1, now).is_ok()));
        assert_eq!(rates.keys(), 0);
    }
}
