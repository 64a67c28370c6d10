//! Failed logins by password: who must wait, and for how long.
//!
//! ```text
//!   an account from one address    after some wrong passwords a wait, doubled with each further one
//!   an account from all addresses  a hundred wrong ones an hour, but for addresses it has lately logged in from
//! ```
//!
//! So nobody can lock an account's owner out from elsewhere, and one user's failures do not concern others at the same address. An
//! account that does not exist is counted like one that does: whoever guesses learns nothing from having to wait.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::UserId;
use crate::names;
use crate::service::limits::address::AddressKey;
use crate::wire::request::Account;

/// The first wait of an account at an address.
const WAIT_FIRST: Duration = Duration::from_secs(60);
/// It doubles up to this.
const WAIT_MAX: Duration = Duration::from_secs(3600);
/// Wrong passwords are forgotten so long after the last one, or after the wait that followed it.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
/// Wrong passwords for an account within an hour, from all addresses that it has not lately logged in from.
const STRANGERS_MAX: u32 = 100;
const HOUR: Duration = Duration::from_secs(3600);
/// The wait of a try that comes while as many as are left are still being checked.
const BUSY_WAIT: Duration = Duration::from_secs(1);
/// Entries of each of the two tables of failures, some 80 bytes each. When all are in use, the one that would be over
/// first is given up. Each has cost a password hash, so that pushing one's own out is dearer than waiting.
const KEYS_MAX: usize = 100_000;
/// A full table is swept so often at most.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
/// For so long an address counts as one that the account has lately logged in from.
const FAMILIAR_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// Addresses remembered of an account.
const FAMILIAR_EACH: u8 = 4;
/// Addresses remembered in one generation of two, some 40 bytes each: when it is full, those are forgotten that nobody has
/// used since the generation before it was full.
const FAMILIAR_MAX: usize = 100_000;

/// Which account somebody tries, whether it exists or not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tried {
    /// This one.
    Account(UserId),
    /// None: the hash of what it was called.
    Nobody(u64),
}

/// Failed logins of this node. Shared by its threads.
#[derive(Debug)]
pub struct Attempts {
    /// Wrong passwords before an account must wait at an address; 0: nobody ever waits.
    failures_max: AtomicU32,
    /// Hashes what accounts are called that do not exist.
    names: RandomState,
    state: Mutex<State>,
}

#[derive(Default, Debug)]
struct State {
    pairs: Table<(Tried, AddressKey), Failures>,
    strangers: Table<Tried, Strangers>,
    familiar: Familiar,
}

/// Wrong passwords for an account from an address.
#[derive(Clone, Copy, Debug)]
struct Failures {
    failed: u32,
    /// Tries that are being checked.
    pending: u32,
    /// The end of the wait, or the time of the last failure.
    until: Instant,
}

/// Wrong passwords for an account from addresses that it does not know.
#[derive(Clone, Copy, Debug)]
struct Strangers {
    since: Instant,
    count: u32,
}

/// A try whose outcome is not known yet. Given up without a word, it does not count.
#[derive(Debug)]
pub struct Attempt {
    attempts: Arc<Attempts>,
    tried: Tried,
    address: AddressKey,
    /// The account did not know the address.
    is_strange: bool,
    is_open: bool,
}

impl Attempts {
    /// So many wrong passwords for one account from one address before a wait; `None`: no limit.
    #[must_use]
    pub fn new(failures_max: Option<u32>) -> Arc<Self> {
        let failures_max = AtomicU32::new(failures_max.unwrap_or(0));
        Arc::new(Self { failures_max, names: RandomState::new(), state: Mutex::default() })
    }

    /// From now on so many.
    pub(crate) fn hold_to(&self, failures_max: Option<u32>) {
        self.failures_max.store(failures_max.unwrap_or(0), Ordering::Relaxed);
    }

    fn failures_max(&self) -> Option<u32> {
        Some(self.failures_max.load(Ordering::Relaxed)).filter(|most| *most > 0)
    }

    /// Somebody at this address wants to try a password.
    ///
    /// # Errors
    /// How long to wait before the next try.
    pub fn begin(self: &Arc<Self>, tried: Tried, address: AddressKey, now: Instant) -> Result<Attempt, Duration> {
        let attempt = |is_strange, is_open| Attempt { attempts: Arc::clone(self), tried, address, is_strange, is_open };
        let Some(failures_max) = self.failures_max() else { return Ok(attempt(false, false)) };
        let mut state = self.lock();
        let is_strange = !state.familiar.knows(tried, address, now);
        if is_strange && let Some(known) = state.strangers.get(&tried, now) {
            let over = (known.since + HOUR).saturating_duration_since(now);
            if known.count >= STRANGERS_MAX && !over.is_zero() {
                return Err(over);
            }
        }
        let fresh = Failures { failed: 0, pending: 0, until: now };
        let failures = state.pairs.entry((tried, address), now, fresh);
        if failures.until > now {
            return Err(failures.until - now);
        }
        if failures.pending > 0 && failures.failed + failures.pending >= failures_max {
            return Err(BUSY_WAIT);
        }
        failures.pending += 1;
        if is_strange {
            state.strangers.entry(tried, now, Strangers { since: now, count: 0 }).count += 1;
        }
        Ok(attempt(is_strange, true))
    }

    /// The number by which an account that does not exist is counted.
    #[must_use]
    pub fn anonymous(&self, account: &Account) -> u64 {
        match account {
            Account::Id(id) => self.names.hash_one(id.number()),
            Account::Name(name) => self.names.hash_one(names::key(name)),
        }
    }

    /// Somebody has logged in to this account, with a password or a token: the address is one of its own now.
    pub fn logged_in(&self, user: UserId, address: AddressKey, now: Instant) {
        if self.failures_max().is_some() {
            self.lock().familiar.learn(user, address, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// The password was wrong.
    pub fn wrong(mut self, now: Instant) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let failures_max = self.attempts.failures_max().unwrap_or(u32::MAX);
        let mut state = self.attempts.lock();
        let fresh = Failures { failed: 0, pending: 1, until: now };
        let failures = state.pairs.entry((self.tried, self.address), now, fresh);
        failures.pending = failures.pending.saturating_sub(1);
        failures.failed = failures.failed.saturating_add(1);
        failures.until = failures.until.max(now + wait_after(failures.failed, failures_max));
    }

    /// It was right: what was wrong before is forgotten.
    pub fn right(mut self) {
        if self.is_open {
            self.give_back();
            self.attempts.lock().pairs.known.remove(&(self.tried, self.address));
        }
    }

    fn give_back(&mut self) {
        self.is_open = false;
        let mut state = self.attempts.lock();
        if let Some(failures) = state.pairs.known.get_mut(&(self.tried, self.address)) {
            failures.pending = failures.pending.saturating_sub(1);
        }
        if self.is_strange
            && let Some(strangers) = state.strangers.known.get_mut(&self.tried)
        {
            strangers.count = strangers.count.saturating_sub(1);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.is_open {
            self.give_back();
        }
    }
}

/// How long to wait after so many wrong passwords.
fn wait_after(failed: u32, failures_max: u32) -> Duration {
    match failed.checked_sub(failures_max) {
        None => Duration::ZERO,
        Some(doublings) => WAIT_FIRST.saturating_mul(1 << doublings.min(16)).min(WAIT_MAX),
    }
}

/// What ends by itself.
trait Ends {
    fn ends(&self) -> Instant;
}

impl Ends for Failures {
    fn ends(&self) -> Instant {
        self.until + FORGOTTEN_AFTER
    }
}

impl Ends for Strangers {
    fn ends(&self) -> Instant {
        self.since + HOUR
    }
}

/// A bounded table of what ends by itself.
#[derive(Debug)]
struct Table<K, V> {
    known: HashMap<K, V>,
    swept_at: Option<Instant>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { known: HashMap::new(), swept_at: None }
    }
}

impl<K: Hash + Eq + Copy, V: Ends> Table<K, V> {
    fn get(&self, key: &K, now: Instant) -> Option<&V> {
        self.known.get(key).filter(|value| value.ends() > now)
    }

    /// The entry of this key; a fresh one if there is none, or it is over.
    fn entry(&mut self, key: K, now: Instant, fresh: V) -> &mut V {
        if self.known.len() >= KEYS_MAX && !self.known.contains_key(&key) {
            self.make_room(now);
        }
        let fresh_enough = self.get(&key, now).is_some();
        if !fresh_enough {
            self.known.insert(key, fresh);
        }
        self.known.get_mut(&key).expect("it is there, or was inserted just now")
    }

    fn make_room(&mut self, now: Instant) {
        if self.swept_at.is_none_or(|at| at + SWEEP_PAUSE <= now) {
            self.swept_at = Some(now);
            self.known.retain(|_, value| value.ends() > now);
        }
        if self.known.len() >= KEYS_MAX {
            let first = self.known.iter().min_by_key(|(_, value)| value.ends()).map(|(key, _)| *key);
            first.map(|key| self.known.remove(&key));
        }
    }
}

/// Addresses that accounts have lately logged in from: two generations, the older of which is dropped when the younger is
/// full.
#[derive(Default, Debug)]
struct Familiar {
    /// The moment from which seconds are counted.
    began: Option<Instant>,
    young: HashMap<(UserId, u8), Seen>,
    old: HashMap<(UserId, u8), Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    address: AddressKey,
    /// Seconds since the beginning.
    at: u32,
}

impl Familiar {
    fn knows(&self, tried: Tried, address: AddressKey, now: Instant) -> bool {
        let Tried::Account(user) = tried else { return false };
        let oldest = self.seconds(now).saturating_sub(u32::try_from(FAMILIAR_FOR.as_secs()).unwrap_or(u32::MAX));
        let seen = |generation: &HashMap<(UserId, u8), Seen>| {
            (0..FAMILIAR_EACH)
                .filter_map(|slot| generation.get(&(user, slot)))
                .any(|seen| seen.address == address && seen.at >= oldest)
        };
        seen(&self.young) || seen(&self.old)
    }

    fn learn(&mut self, user: UserId, address: AddressKey, now: Instant) {
        self.began.get_or_insert(now);
        let at = self.seconds(now);
        if self.young.len() >= FAMILIAR_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        let slots = || (0..FAMILIAR_EACH).map(|slot| (slot, self.young.get(&(user, slot))));
        let same = slots().find(|(_, seen)| seen.is_some_and(|seen| seen.address == address));
        // Else the one that is free, or used longest ago.
        let slot = same.or_else(|| slots().min_by_key(|(_, seen)| seen.map(|seen| seen.at)));
        let slot = slot.map_or(0, |(slot, _)| slot);
        self.young.insert((user, slot), Seen { address, at });
    }

    fn seconds(&self, now: Instant) -> u32 {
        let passed = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        u32::try_from(passed.as_secs()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tried(number: i64) -> Tried {
        Tried::Account(UserId::new(number).unwrap())
    }

    fn address(number: u32) -> AddressKey {
        AddressKey::of(std::net::Ipv4Addr::from_bits(number).into())
    }

    /// Tries wrong passwords until one has to wait: how many were tried, and the wait.
    fn guess(attempts: &Arc<Attempts>, tried: Tried, from: AddressKey, now: Instant) -> (u32, Duration) {
        for guessed in 0..1000 {
            match attempts.begin(tried, from, now) {
                Ok(attempt) => attempt.wrong(now),
                Err(wait) => return (guessed, wait),
            }
        }
        panic!("a thousand guesses and no wait");
    }

    #[test]
    fn the_wait_grows_with_each_further_failure() {
        let (attempts, mut now) = (Attempts::new(Some(3)), Instant::now());
        assert_eq!(guess(&attempts, tried(1), address(1), now), (3, 60 * SECOND));
        for wait in [120, 240, 480, 960, 1920, 3600, 3600] {
            let Err(before) = attempts.begin(tried(1), address(1), now) else { panic!("no wait") };
            now += before;
            assert_eq!(guess(&attempts, tried(1), address(1), now), (1, wait * SECOND));
        }
        let rested = now + 2 * HOUR;
        assert_eq!(guess(&attempts, tried(1), address(1), rested).0, 3, "forgotten");
    }

    #[test]
    fn nobody_else_waits() {
        let (attempts, now) = (Attempts::new(Some(3)), Instant::now());
        guess(&attempts, tried(1), address(1), now);
        assert!(attempts.begin(tried(1), address(2), now).is_ok(), "the account from elsewhere");
        assert!(attempts.begin(tried(2), address(1), now).is_ok(), "another account from there");
        guess(&attempts, Tried::Nobody(7), address(1), now);
        assert!(attempts.begin(tried(2), address(1), now).is_ok(), "whatever does not exist is tried from there");
    }

    #[test]
    fn the_right_password_makes_good() {
        let (attempts, now) = (Attempts::new(Some(3)), Instant::now());
        for _ in 0..10 {
            for _ in 0..2 {
                attempts.begin(tried(1), address(1), now).unwrap().wrong(now);
            }
            attempts.begin(tried(1), address(1), now).unwrap().right();
        }
        drop(attempts.begin(tried(1), address(1), now).unwrap());
        assert_eq!(guess(&attempts, tried(1), address(1), now).0, 3, "one without an outcome does not count");
    }

    #[test]
    fn guesses_under_way_count_as_well() {
        let (attempts, now) = (Attempts::new(Some(3)), Instant::now());
        let under_way: Vec<_> = (0..3).map(|_| attempts.begin(tried(1), address(1), now).unwrap()).collect();
        assert_eq!(attempts.begin(tried(1), address(1), now).unwrap_err(), BUSY_WAIT);
        for attempt in under_way {
            attempt.wrong(now);
        }
        assert_eq!(attempts.begin(tried(1), address(1), now).unwrap_err(), WAIT_FIRST);
    }

    #[test]
    fn guesses_from_everywhere_do_not_lock_out_where_the_account_is_at_home() {
        let (attempts, now) = (Attempts::new(Some(10)), Instant::now());
        let home = address(9_999);
        attempts.logged_in(UserId::new(1).unwrap(), home, now);
        let guessed = (0..1000).take_while(|number| match attempts.begin(tried(1), address(*number), now) {
            Ok(attempt) => {
                attempt.wrong(now);
                true
            }
            Err(_) => false,
        });
        assert_eq!(guessed.count(), 100);
        assert_eq!(attempts.begin(tried(1), address(5_000), now).unwrap_err(), HOUR);
        assert!(attempts.begin(tried(1), home, now).is_ok());
        assert!(attempts.begin(tried(2), address(5_000), now).is_ok(), "another account");
        assert!(attempts.begin(tried(1), address(5_000), now + HOUR).is_ok());
        let long_after = now + FAMILIAR_FOR + SECOND;
        (0..100).for_each(|number| attempts.begin(tried(1), address(number), long_after).unwrap().wrong(long_after));
        assert!(attempts.begin(tried(1), home, long_after).is_err(), "no longer lately");
    }

    #[test]
    fn an_account_has_a_few_addresses_and_the_newest_count() {
        let (attempts, now) = (Attempts::new(Some(10)), Instant::now());
        let user = UserId::new(1).unwrap();
        (0..6).for_each(|number| attempts.logged_in(user, address(number), now + number * SECOND));
        let state = attempts.lock();
        let later = now + 10 * SECOND;
        let known: Vec<_> = (0..6).filter(|number| state.familiar.knows(tried(1), address(*number), later)).collect();
        assert_eq!(known, [2, 3, 4, 5]);
    }

    #[test]
    fn who_comes_back_now_and_then_is_remembered_among_many() {
        let (attempts, now) = (Attempts::new(Some(10)), Instant::now());
        let user = |number: usize| UserId::new(i64::try_from(number + 1).unwrap()).unwrap();
        for number in 0..3 * FAMILIAR_MAX {
            attempts.logged_in(user(number), address(1), now);
            if number % 50_000 == 0 {
                attempts.logged_in(user(0), address(1), now);
            }
        }
        let state = attempts.lock();
        assert!(state.familiar.knows(Tried::Account(user(0)), address(1), now));
        assert!(!state.familiar.knows(Tried::Account(user(1)), address(1), now));
        assert!(state.familiar.young.len() + state.familiar.old.len() <= 2 * FAMILIAR_MAX);
    }

    #[test]
    fn a_full_table_keeps_the_longest_waits() {
        let (attempts, now) = (Attempts::new(Some(1)), Instant::now());
        let (_, wait) = guess(&attempts, tried(1), address(1), now);
        let locked = now + wait;
        attempts.begin(tried(1), address(1), locked).unwrap().wrong(locked);
        for number in 0..110_000 {
            let state = &mut *attempts.lock();
            let ends_sooner = Failures { failed: 1, pending: 0, until: now };
            state.pairs.known.insert((tried(2), address(number)), ends_sooner);
            if state.pairs.known.len() > KEYS_MAX {
                break;
            }
        }
        attempts.begin(tried(3), address(1), locked).unwrap().wrong(locked);
        assert!(attempts.begin(tried(1), address(1), locked).is_err(), "pushed out");
        assert!(attempts.lock().pairs.known.len() <= KEYS_MAX + 1);
    }

    #[test]
    fn no_limit_never_blocks() {
        let (attempts, now) = (Attempts::new(None), Instant::now());
        (0..1000).for_each(|_| attempts.begin(tried(1), address(1), now).unwrap().wrong(now));
        assert!(attempts.lock().pairs.known.is_empty());
    }
}
