//! What requests weigh, and whose budget they come out of: an account's, or its address's while nobody is logged in.
//! The budgets are a node's, not a session's: reconnecting and further sessions gain nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::address::AddressKey;
use super::rates::{Rate, Rates, Wait};
use crate::config::{Limits, Quotas};
use crate::ids::{ConvId, UserId};
use crate::wire::msg_id::MsgId;
use crate::wire::request::{Envelope, PAGE_ROWS_MAX};

/// Units of an ordinary line. What is cheaper than a line has less than all of them.
const LINE_UNITS: u32 = 10;
/// How many seconds of its rate a budget holds.
const BURST_SECONDS: u32 = 5;
/// So many new devices an account may have at once, and then one each time this has passed: each one's places in all
/// conversations are written.
const NEW_DEVICES: u32 = 32;
/// See [`NEW_DEVICES`].
const NEW_DEVICE_INTERVAL: Duration = Duration::from_secs(60);
/// That somebody is typing somewhere is passed on so often at most.
const TYPING_INTERVAL: Duration = Duration::from_secs(3);
/// The first connections of a node are looked at, whether all of them come from one address.
const NEIGHBOURS_SEEN: u32 = 50;

/// What something costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weight(u32);

impl Weight {
    /// An ordinary line: a request, a PING, an unknown number, or what is no request at all.
    pub const LINE: Self = Self::lines(1);
    /// Confirmations and fragments of a line: a reader who confirms every message must be able to keep up.
    pub(crate) const SLIGHT: Self = Self(1);
    /// A TLS handshake: some 0.15 ms of a processor.
    pub(crate) const HANDSHAKE: Self = Self::lines(2);
    /// A page of a list.
    pub const LIST: Self = Self::lines(5);
    /// All one's groups with their members, or the whole login reply again; a full page of history, of conversations or of
    /// receipts.
    pub(crate) const LARGE: Self = Self::lines(10);
    /// A look at thousands of messages.
    pub(crate) const SEARCH: Self = Self::lines(50);
    /// A request that has a password checked, and much written.
    pub(crate) const PASSWORD_TWICE: Self = Self::lines(20);
    /// A password to be hashed, which costs some 20 ms.
    pub const PASSWORD: Self = Self::lines(10);
    /// A token that is not known, a password that is wrong: paid on top, afterwards.
    pub(crate) const WRONG: Self = Self::lines(10);

    const fn lines(lines: u32) -> Self {
        Self(lines * LINE_UNITS)
    }

    /// What this line weighs; `None` is one that is no request.
    #[must_use]
    pub fn of(id: Option<MsgId>, line: Option<&Envelope<'_>>) -> Self {
        match id {
            Some(MsgId::Delivered | MsgId::Pong | MsgId::Read | MsgId::Typing) => Self::SLIGHT,
            Some(MsgId::History | MsgId::Conversations) => {
                let rows = line.map_or(PAGE_ROWS_MAX, Envelope::page_rows);
                let full = Self::LARGE.0;
                Self((full * rows / PAGE_ROWS_MAX).clamp(LINE_UNITS, full))
            }
            Some(MsgId::Offline | MsgId::Friends | MsgId::Find) => Self::LIST,
            Some(MsgId::GroupBans | MsgId::GroupRequests | MsgId::Blocked | MsgId::Asked | MsgId::Sessions) => {
                Self::LIST
            }
            Some(MsgId::Account | MsgId::Groups | MsgId::Receipts) => Self::LARGE,
            Some(MsgId::Search) => Self::SEARCH,
            Some(MsgId::Password | MsgId::Erase) => Self::PASSWORD_TWICE,
            Some(_) | None => Self::LINE,
        }
    }
}

/// Whose budget pays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payer {
    /// The account that is logged in.
    Account(UserId),
    /// The address, for lines, while nobody is.
    Address(AddressKey),
    /// The address, for passwords that are to be checked: junk from the same address does not delay them.
    Passwords(AddressKey),
}

/// Why an address may not register: its new accounts of a minute, or of a day. How long it must wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crowd {
    /// `limits.registrations_per_minute`.
    Minute(Duration),
    /// `quota.accounts_per_day`.
    Day(Duration),
}

/// All budgets of a node. Shared by its threads.
#[derive(Debug)]
pub struct Budgets {
    accounts: Rates<UserId>,
    addresses: Rates<AddressKey>,
    passwords: Rates<AddressKey>,
    registrations: Rates<AddressKey>,
    accounts_per_day: Rates<AddressKey>,
    devices: Rates<UserId>,
    typing: Rates<(UserId, ConvId)>,
    guests: Visitors,
    silent: Visitors,
    neighbours: Neighbours,
}

impl Budgets {
    /// Full ones, with the rates of these limits.
    #[must_use]
    pub fn new(limits: &Limits, quotas: &Quotas) -> Self {
        let none = || Rates::new(None);
        let budgets = Self {
            accounts: Rates::new(None),
            addresses: none(),
            passwords: none(),
            registrations: none(),
            accounts_per_day: none(),
            devices: Rates::new(None),
            typing: Rates::new(Some(Rate { interval: TYPING_INTERVAL, burst: TYPING_INTERVAL })),
            guests: Visitors::default(),
            silent: Visitors::default(),
            neighbours: Neighbours::default(),
        };
        budgets.hold_to(limits, quotas);
        budgets
    }

    /// From now on these limits count; what was spent stays spent.
    pub(crate) fn hold_to(&self, limits: &Limits, quotas: &Quotas) {
        let lines = limits.messages_per_second.map(|per_second| Rate {
            interval: Duration::from_secs(1) / (per_second.max(1) * LINE_UNITS),
            burst: Duration::from_secs(BURST_SECONDS.into()),
        });
        self.accounts.hold_to(lines);
        self.addresses.hold_to(lines);
        self.passwords.hold_to(lines);
        let within = |time: Duration| move |most: u32| Rate { interval: time / most.max(1), burst: time };
        self.registrations.hold_to(limits.registrations_per_minute.map(within(Duration::from_secs(60))));
        self.accounts_per_day.hold_to(quotas.accounts_per_day.map(within(Duration::from_secs(24 * 3_600))));
        let devices = Rate { interval: NEW_DEVICE_INTERVAL, burst: NEW_DEVICE_INTERVAL * NEW_DEVICES };
        self.devices.hold_to(quotas.devices.map(|_| devices));
        self.guests.hold_to(limits.anonymous_per_address);
        self.silent.hold_to(limits.silent_per_address);
    }

    /// Takes what something weighs.
    ///
    /// # Errors
    /// It has to wait.
    pub fn take(&self, payer: Payer, weight: Weight, now: Instant) -> Result<(), Wait> {
        match payer {
            Payer::Account(user) => self.accounts.take(user, weight.0, now),
            Payer::Address(address) => self.addresses.take(address, weight.0, now),
            Payer::Passwords(address) => self.passwords.take(address, weight.0, now),
        }
    }

    /// Takes what something has cost that is done already.
    pub(crate) fn charge(&self, payer: Payer, weight: Weight, now: Instant) {
        match payer {
            Payer::Account(user) => self.accounts.charge(user, weight.0, now),
            Payer::Address(address) => self.addresses.charge(address, weight.0, now),
            Payer::Passwords(address) => self.passwords.charge(address, weight.0, now),
        }
    }

    /// How long the address must wait until so much could be taken; nothing is.
    #[must_use]
    pub(crate) fn password_wait(&self, address: AddressKey, now: Instant) -> Option<Duration> {
        self.passwords.wait_for(&address, Weight::PASSWORD.0, now)
    }

    /// Whether it is passed on that the user is typing there: not again within a moment.
    pub(crate) fn may_tell_typing(&self, user: UserId, conv: ConvId, now: Instant) -> bool {
        self.typing.try_take((user, conv), 1, now).is_ok()
    }

    /// Somebody at this address registers.
    ///
    /// # Errors
    /// The address has to wait.
    pub fn register(&self, address: AddressKey, now: Instant) -> Result<(), Crowd> {
        self.registrations.try_take(address, 1, now).map_err(Crowd::Minute)?;
        self.accounts_per_day.try_take(address, 1, now).map_err(Crowd::Day)
    }

    /// How long the account must wait for its next new device.
    #[must_use]
    pub(crate) fn new_device_wait(&self, user: UserId, now: Instant) -> Option<Duration> {
        self.devices.wait_for(&user, 1, now)
    }

    /// The account has a new device.
    pub(crate) fn has_new_device(&self, user: UserId, now: Instant) {
        self.devices.charge(user, 1, now);
    }

    /// Connections on which nobody is logged in.
    #[must_use]
    pub(crate) fn guests(&self) -> &Visitors {
        &self.guests
    }

    /// Connections on which nothing has come, or clients of earlier systems: what has a place among them has more time.
    #[must_use]
    pub(crate) fn silent(&self) -> &Visitors {
        &self.silent
    }

    /// Who else connects.
    #[must_use]
    pub(crate) fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }
}

/// Connections without a session, by address: none may take up all the room there is for connections.
#[derive(Default, Debug)]
pub(crate) struct Visitors {
    /// 0: any number. They are counted all the same, for the limit may come later.
    most: AtomicU32,
    /// At most one entry for each connection.
    counts: Mutex<HashMap<AddressKey, u32>>,
}

impl Visitors {
    /// From now on so many; those that are there stay.
    fn hold_to(&self, most: Option<u32>) {
        self.most.store(most.unwrap_or(0), Ordering::Relaxed);
    }

    fn most(&self) -> u32 {
        match self.most.load(Ordering::Relaxed) {
            0 => u32::MAX,
            most => most,
        }
    }

    /// One more; whether that is within the limit. It counts in either case, until [`Visitors::left`].
    pub(crate) fn came(&self, address: AddressKey) -> bool {
        let mut counts = self.lock();
        let count = counts.entry(address).or_insert(0);
        *count += 1;
        *count <= self.most()
    }

    /// One more, if that is within the limit: only then it counts, until [`Visitors::left`].
    pub(crate) fn has_place(&self, address: AddressKey) -> bool {
        let mut counts = self.lock();
        let count = counts.entry(address).or_insert(0);
        let fits = *count < self.most();
        *count += u32::from(fits);
        fits
    }

    /// One less: it is closed, or somebody has logged in.
    pub(crate) fn left(&self, address: AddressKey) {
        let mut counts = self.lock();
        let Some(count) = counts.get_mut(&address) else { return };
        *count -= 1;
        if *count == 0 {
            counts.remove(&address);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AddressKey, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds out whether all clients seem to come from one address, which is what a proxy without a PROXY header looks like.
#[derive(Default, Debug)]
pub(crate) struct Neighbours {
    seen: AtomicU32,
    first: AtomicU64,
    /// There are several addresses, or enough has been seen.
    decided: AtomicBool,
}

impl Neighbours {
    /// Somebody connects; `true` once, when so many have come that the node should say so, and all from this address.
    pub(crate) fn all_alike(&self, address: AddressKey) -> bool {
        if self.decided.load(Ordering::Relaxed) {
            return false;
        }
        // A race between the first ones of several reactors may call them different: then nothing is said.
        let first = self.first.swap(address.bits(), Ordering::Relaxed);
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        let differs = seen > 0 && first != address.bits();
        let decides = differs || seen + 1 >= NEIGHBOURS_SEEN;
        decides && !self.decided.swap(true, Ordering::Relaxed) && !differs
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
mod tests {
    use super::*;

    fn address(last: u8) -> AddressKey {
        AddressKey::of([192, 0, 2, last].into())
    }

    fn budgets() -> Budgets {
        let default = Limits::default();
        Budgets::new(&Limits { anonymous_per_address: Some(2), ..default }, &Quotas::default())
    }

    fn weight(line: &str) -> Weight {
        let envelope = Envelope::parse(line.as_bytes()).unwrap();
        Weight::of(MsgId::from_number(envelope.msgid), Some(&envelope))
    }

    #[test]
    fn requests_weigh_what_they_cost() {
        assert_eq!(weight(r#"{"msgid":17}"#), Weight::LINE);
        assert_eq!(weight(r#"{"msgid":20,"id":1,"seq":1}"#), Weight::SLIGHT);
        assert_eq!(weight(r#"{"msgid":43,"id":1,"limit":200}"#), Weight::LARGE);
        assert_eq!(weight(r#"{"msgid":43,"id":1,"limit":4000000000}"#), Weight::LARGE);
        assert_eq!(weight(r#"{"msgid":43,"id":1,"limit":1}"#), Weight::LINE);
        assert_eq!(weight(r#"{"msgid":43,"id":1}"#), Weight(25), "fifty rows");
        assert_eq!(weight(r#"{"msgid":47}"#), Weight(25));
        assert_eq!(weight(r#"{"msgid":50,"id":1}"#), Weight::SLIGHT);
        assert_eq!(weight(r#"{"msgid":57,"id":1,"of":1,"msg":"x"}"#), Weight::LINE);
        assert_eq!(weight(r#"{"msgid":63,"keyword":"ab"}"#), Weight::SEARCH);
        assert_eq!(weight(r#"{"msgid":999}"#), Weight::LINE);
        assert_eq!(Weight::of(None, None), Weight::LINE);
    }

    #[test]
    fn an_account_has_one_budget_whoever_asks_for_it() {
        let (budgets, now) = (budgets(), Instant::now());
        let user = Payer::Account(UserId::new(1).unwrap());
        let taken = (0..1000).take_while(|_| budgets.take(user, Weight::LINE, now).is_ok()).count();
        assert_eq!(taken, 500, "five seconds of a hundred");
        assert!(budgets.take(user, Weight::SLIGHT, now).is_err());
        assert!(budgets.take(Payer::Address(address(1)), Weight::LINE, now).is_ok(), "nor does it cost the address");
    }

    #[test]
    fn a_classroom_registers_at_once_and_then_one_a_second() {
        let (budgets, now) = (budgets(), Instant::now());
        let second = Duration::from_secs(1);
        assert!((0..60).all(|_| budgets.register(address(1), now).is_ok()));
        assert_eq!(budgets.register(address(1), now), Err(Crowd::Minute(second)));
        assert_eq!(budgets.register(address(1), now + second), Ok(()));
        assert_eq!(budgets.register(address(2), now), Ok(()));
    }

    #[test]
    fn a_day_has_so_many_new_accounts_of_an_address() {
        let default = Limits::default();
        let budgets = Budgets::new(&Limits { registrations_per_minute: None, ..default }, &Quotas::default());
        let now = Instant::now();
        assert!((0..1_000).all(|_| budgets.register(address(1), now).is_ok()));
        let wait = Duration::from_millis(86_400);
        assert_eq!(budgets.register(address(1), now), Err(Crowd::Day(wait)));
        assert_eq!(budgets.register(address(1), now + wait), Ok(()));
        assert_eq!(budgets.register(address(2), now), Ok(()));
    }

    #[test]
    fn who_is_not_logged_in_is_counted_by_address() {
        let budgets = budgets();
        let guests = budgets.guests();
        assert!(guests.came(address(1)) && guests.came(address(1)));
        assert!(!guests.came(address(1)));
        assert!(guests.came(address(2)));
        guests.left(address(1));
        guests.left(address(1));
        assert!(guests.came(address(1)));
        (0..2).for_each(|_| guests.left(address(1)));
        guests.left(address(2));
        assert!(guests.lock().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn fifty_connections_from_one_address_are_told_once() {
        let alike = Neighbours::default();
        let told: Vec<_> = (0..200).filter(|_| alike.all_alike(address(1))).collect();
        assert_eq!(told, [49]);
        let mixed = Neighbours::default();
        assert!(!mixed.all_alike(address(2)));
        assert!((0..200).all(|_| !mixed.all_alike(address(1))));
    }
}
