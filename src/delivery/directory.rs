//! Who is online on this node: user -> connections. The map with its locks; no guard leaves this file.
//!
//! ```text
//!   enter --> here --leave-----------------------> gone
//!              |
//!              +--replaced, evicted--> leaving --leave--> gone        whoever takes its place waits for that
//! ```

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::SessionPolicy;
use crate::ids::{DeviceId, IdMap, UserId};
use crate::net::ConnId;
use crate::wants::{Want, Wants};

/// Locks are held for a look-up each; 64 make contention between a few dozen threads rare.
const SHARDS_COUNT: usize = 64;

/// One session of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its connection, taken apart: so the whole is 24 bytes, which an allocator gives as they are.
    reactor: u16,
    wants: Wants,
    slot: u32,
    generation: u32,
    device: DeviceId,
    key: u64,
}

/// What a session of `device` that holds the token of this key ([`crate::store::token_key`]) is resumed by.
#[must_use]
pub(crate) fn resume_key(token: u64, device: DeviceId) -> u64 {
    // The unnamed device's number is 0. Another device that holds the same token is another session.
    token ^ u64::from(device.0)
}

impl Entry {
    /// The session on `conn`. Sessions of other devices are none of its business. `key` is what it resumes by: made of its token and
    /// its device, see [`resume_key`].
    #[must_use]
    pub fn new(conn: ConnId, device: DeviceId, key: u64, wants: Wants) -> Self {
        let ConnId { reactor, slot, generation } = conn;
        Self { reactor, wants, slot, generation, device, key }
    }

    /// Its connection.
    #[must_use]
    pub fn conn(&self) -> ConnId {
        ConnId { reactor: self.reactor, slot: self.slot, generation: self.generation }
    }

    /// Its device.
    #[must_use]
    pub(crate) fn device(&self) -> DeviceId {
        self.device
    }

    /// What it wants to be told besides messages.
    #[must_use]
    pub(crate) fn wants(&self) -> Wants {
        self.wants
    }

    /// The key of the token that it holds.
    fn token(&self) -> u64 {
        resume_key(self.key, self.device)
    }
}

/// What became of a session that wanted to enter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entered {
    /// It is in; these sessions of the same device have been taken out and must be closed.
    In(Vec<ConnId>),
    /// The device is online already, and the policy is to refuse.
    AlreadyOnline,
}

/// Which sessions of a user give way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eviction {
    /// Those of this device.
    Device(DeviceId),
    /// Those that are resumed by this key.
    Key(u64),
    /// Those whose user has ended them.
    Ended(Ended),
}

/// Which sessions of a user have been ended by the user. The numbers are keys of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Those that hold this token.
    One(u64),
    /// All but those that hold this token.
    AllBut(u64),
    /// All: the account is gone.
    All,
}

/// Whether the user may have sessions on other nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Elsewhere {
    /// No, as far as is known.
    No,
    /// Perhaps.
    Perhaps,
}

#[derive(Debug)]
struct Sessions {
    // One session is what nearly everybody has.
    entries: Vec<Entry>,
    /// The age of [`Directory::age`] in which it was known that there are no sessions elsewhere; 0: there may be.
    alone_in: u32,
    /// Friends have been told that the user is online, or will be.
    is_shown: bool,
}

#[derive(Debug, Default)]
struct Shard {
    here: IdMap<UserId, Sessions>,
    /// Sessions that have been told to close. Few, and not for long.
    leaving: IdMap<UserId, Vec<ConnId>>,
}

/// user -> connections. Any thread may call; no call blocks on anything but a short lock.
#[derive(Debug)]
pub struct Directory {
    shards: Box<[Mutex<Shard>]>,
    /// Counts the times at which news about sessions elsewhere may have been missed. From 1 on.
    age: AtomicU32,
    /// How many sessions want each: of receipts, typing and presence.
    wanted: [AtomicUsize; Want::HINTS.len()],
}

impl Directory {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        let shards = (0..SHARDS_COUNT).map(|_| Mutex::default()).collect();
        Self { shards, age: AtomicU32::new(1), wanted: Default::default() }
    }

    /// Lets a session in as the policy says. A session that resumes with the token an online session of its device holds
    /// takes that one's place under every policy.
    #[must_use]
    pub fn enter(&self, user: UserId, entry: Entry, policy: SessionPolicy) -> Entered {
        let age = self.age.load(Ordering::Acquire);
        let mut shard = self.shard(user);
        let Shard { here, leaving } = &mut *shard;
        let new = || Sessions { entries: Vec::with_capacity(1), alone_in: age, is_shown: false };
        let entries = &mut here.entry(user).or_insert_with(new).entries;
        let is_rival = |old: &Entry| old.device == entry.device;
        let takes_over = |old: &Entry| is_rival(old) && (policy == SessionPolicy::Replace || old.key == entry.key);
        if policy == SessionPolicy::Reject && entries.iter().any(|old| is_rival(old) && !takes_over(old)) {
            return Entered::AlreadyOnline;
        }
        let replaced: Vec<ConnId> = entries.iter().filter(|old| takes_over(old)).map(Entry::conn).collect();
        entries.retain(|old| !self.is_out(takes_over(old), old));
        self.count(entry.wants, |count| count.fetch_add(1, Ordering::Relaxed));
        entries.push(entry);
        if !replaced.is_empty() {
            leaving.entry(user).or_default().extend_from_slice(&replaced);
        }
        Entered::In(replaced)
    }

    /// Takes a session out. Nothing happens if it is not there (any more).
    pub fn leave(&self, user: UserId, conn: ConnId) {
        let mut shard = self.shard(user);
        let Shard { here, leaving } = &mut *shard;
        if let Some(conns) = leaving.get_mut(&user) {
            conns.retain(|known| *known != conn);
            if conns.is_empty() {
                leaving.remove(&user);
            }
        }
        let Some(sessions) = here.get_mut(&user) else { return };
        sessions.entries.retain(|entry| !self.is_out(entry.conn() == conn, entry));
        if sessions.entries.is_empty() {
            here.remove(&user);
        }
    }

    /// Takes those sessions of the user out and returns them: they must be closed.
    #[must_use]
    pub(crate) fn evict(&self, user: UserId, whom: Eviction) -> Vec<ConnId> {
        let mut shard = self.shard(user);
        let Shard { here, leaving } = &mut *shard;
        let Some(sessions) = here.get_mut(&user) else { return Vec::new() };
        let goes = |entry: &Entry| match whom {
            Eviction::Device(device) => entry.device == device,
            Eviction::Key(key) => entry.key == key,
            Eviction::Ended(Ended::One(token)) => entry.token() == token,
            Eviction::Ended(Ended::AllBut(token)) => entry.token() != token,
            Eviction::Ended(Ended::All) => true,
        };
        let evicted: Vec<ConnId> = sessions.entries.iter().filter(|entry| goes(entry)).map(Entry::conn).collect();
        sessions.entries.retain(|entry| !self.is_out(goes(entry), entry));
        if sessions.entries.is_empty() {
            here.remove(&user);
        }
        if !evicted.is_empty() {
            leaving.entry(user).or_default().extend_from_slice(&evicted);
        }
        evicted
    }

    /// Whether a session that had to give way has not left yet.
    #[must_use]
    pub(crate) fn is_leaving(&self, user: UserId, conns: &[ConnId]) -> bool {
        let shard = self.shard(user);
        shard.leaving.get(&user).is_some_and(|leaving| conns.iter().any(|conn| leaving.contains(conn)))
    }

    /// Whether this session is in, and has not had to give way.
    #[must_use]
    pub fn holds(&self, user: UserId, conn: ConnId) -> bool {
        let shard = self.shard(user);
        shard.here.get(&user).is_some_and(|sessions| sessions.entries.iter().any(|entry| entry.conn() == conn))
    }

    /// There may be sessions of the user on other nodes. It counts as long as the user has one here.
    pub(crate) fn note_elsewhere(&self, user: UserId) {
        if let Some(sessions) = self.shard(user).here.get_mut(&user) {
            sessions.alone_in = 0;
        }
    }

    /// News about sessions elsewhere may have been missed: everybody may have some.
    pub fn doubt(&self) {
        let next = self.age.load(Ordering::Acquire).wrapping_add(1).max(1);
        self.age.store(next, Ordering::Release);
    }

    /// Appends the user's sessions to `found`, and tells whether there may be others on other nodes.
    pub fn sessions(&self, user: UserId, found: &mut Vec<Entry>) -> Elsewhere {
        let age = self.age.load(Ordering::Acquire);
        let shard = self.shard(user);
        let Some(sessions) = shard.here.get(&user) else { return Elsewhere::Perhaps };
        found.extend_from_slice(&sessions.entries);
        if sessions.alone_in == age { Elsewhere::No } else { Elsewhere::Perhaps }
    }

    /// Appends the user's connections to `found`.
    pub fn connections(&self, user: UserId, found: &mut Vec<ConnId>) {
        if let Some(sessions) = self.shard(user).here.get(&user) {
            found.extend(sessions.entries.iter().map(Entry::conn));
        }
    }

    /// Whether a session of the user here wants this, and whether there may be others on other nodes.
    #[must_use]
    pub(crate) fn who_wants(&self, user: UserId, want: Want) -> (bool, Elsewhere) {
        let age = self.age.load(Ordering::Acquire);
        let shard = self.shard(user);
        let Some(sessions) = shard.here.get(&user) else { return (false, Elsewhere::Perhaps) };
        let elsewhere = if sessions.alone_in == age { Elsewhere::No } else { Elsewhere::Perhaps };
        (sessions.entries.iter().any(|entry| entry.wants.has(want)), elsewhere)
    }

    /// Whether any session on this node wants this.
    #[must_use]
    pub(crate) fn is_wanted(&self, want: Want) -> bool {
        let place = Want::HINTS.iter().position(|counted| *counted == want);
        place.is_some_and(|place| self.wanted[place].load(Ordering::Relaxed) > 0)
    }

    /// Notes that friends are told of the user's being online, or know it already; whether that is new. Not of a user who has no
    /// session here.
    pub(crate) fn shows(&self, user: UserId) -> bool {
        let mut shard = self.shard(user);
        shard.here.get_mut(&user).is_some_and(|sessions| !std::mem::replace(&mut sessions.is_shown, true))
    }

    /// Passes on whether this session goes out; counts it, if it does.
    fn is_out(&self, goes: bool, entry: &Entry) -> bool {
        if goes {
            self.count(entry.wants, |count| count.fetch_sub(1, Ordering::Relaxed));
        }
        goes
    }

    fn count(&self, wants: Wants, change: impl Fn(&AtomicUsize) -> usize) {
        for (want, count) in Want::HINTS.iter().zip(&self.wanted) {
            if wants.has(*want) {
                change(count);
            }
        }
    }

    /// Whether the user has a session on this node.
    #[must_use]
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.shard(user).here.contains_key(&user)
    }

    /// Every user with a session here.
    #[must_use]
    pub fn users(&self) -> Vec<UserId> {
        let lock = |shard: &Mutex<Shard>| -> Vec<UserId> {
            shard.lock().unwrap_or_else(PoisonError::into_inner).here.keys().copied().collect()
        };
        self.shards.iter().flat_map(lock).collect()
    }

    fn shard(&self, user: UserId) -> MutexGuard<'_, Shard> {
        let index = user.number() as usize % SHARDS_COUNT;
        // Nothing in this file panics while it holds a lock, so a poisoned map is whole.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(device: u32, slot: u32, key: u64) -> Entry {
        Entry::new(ConnId { reactor: 0, slot, generation: 0 }, DeviceId(device), key, Wants::default())
    }

    fn entry(slot: u32, key: u64) -> Entry {
        on(0, slot, key)
    }

    fn user() -> UserId {
        UserId::new(64).unwrap()
    }

    fn online(directory: &Directory) -> Vec<u32> {
        let mut found = Vec::new();
        directory.connections(user(), &mut found);
        found.into_iter().map(|conn| conn.slot).collect()
    }

    const NOBODY: Entered = Entered::In(Vec::new());

    #[test]
    fn reject_lets_only_the_tokens_holder_take_over() {
        let directory = Directory::new();
        assert_eq!(directory.enter(user(), entry(1, 10), SessionPolicy::Reject), NOBODY);
        assert_eq!(directory.enter(user(), entry(2, 20), SessionPolicy::Reject), Entered::AlreadyOnline);
        assert_eq!(online(&directory), [1]);
        let replaced = vec![entry(1, 10).conn()];
        assert_eq!(directory.enter(user(), entry(3, 10), SessionPolicy::Reject), Entered::In(replaced));
        assert_eq!(online(&directory), [3]);
    }

    #[test]
    fn a_refused_first_login_leaves_nothing_behind() {
        let directory = Directory::new();
        assert_eq!(directory.enter(user(), entry(1, 10), SessionPolicy::Reject), NOBODY);
        assert_eq!(directory.enter(user(), entry(2, 20), SessionPolicy::Reject), Entered::AlreadyOnline);
        directory.leave(user(), entry(2, 20).conn());
        assert!(directory.is_online(user()));
        directory.leave(user(), entry(1, 10).conn());
        assert!(!directory.is_online(user()));
    }

    #[test]
    fn replace_takes_all_and_multi_takes_none_but_the_tokens_own() {
        let directory = Directory::new();
        assert_eq!(directory.enter(user(), entry(1, 10), SessionPolicy::Multi), NOBODY);
        assert_eq!(directory.enter(user(), entry(2, 20), SessionPolicy::Multi), NOBODY);
        assert_eq!(directory.enter(user(), entry(3, 10), SessionPolicy::Multi), Entered::In(vec![entry(1, 10).conn()]));
        assert_eq!(online(&directory), [2, 3]);
        let replaced = vec![entry(2, 20).conn(), entry(3, 10).conn()];
        assert_eq!(directory.enter(user(), entry(4, 40), SessionPolicy::Replace), Entered::In(replaced));
        assert_eq!(directory.evict(user(), Eviction::Key(30)), []);
        assert_eq!(directory.evict(user(), Eviction::Device(DeviceId::UNNAMED)), [entry(4, 40).conn()]);
        assert!(!directory.is_online(user()));
    }

    #[test]
    fn a_users_sessions_are_ended_by_their_token_whatever_the_device() {
        let directory = Directory::new();
        let of = |token, device: u32| on(device, device, resume_key(token, DeviceId(device)));
        let enter = |token, device| drop(directory.enter(user(), of(token, device), SessionPolicy::Multi));
        for (token, device) in [(70, 0), (70, 1), (80, 2), (90, 3)] {
            enter(token, device);
        }
        assert_eq!(directory.evict(user(), Eviction::Ended(Ended::One(60))), []);
        assert_eq!(directory.evict(user(), Eviction::Ended(Ended::One(70))), [of(70, 0).conn(), of(70, 1).conn()]);
        enter(70, 4);
        assert_eq!(directory.evict(user(), Eviction::Ended(Ended::AllBut(80))), [of(90, 3).conn(), of(70, 4).conn()]);
        assert_eq!(online(&directory), [2]);
        assert_eq!(directory.evict(user(), Eviction::Ended(Ended::All)), [of(80, 2).conn()]);
    }

    #[test]
    fn another_devices_session_is_never_in_the_way() {
        for policy in [SessionPolicy::Reject, SessionPolicy::Replace, SessionPolicy::Multi] {
            let directory = Directory::new();
            for device in 0..3 {
                let new = on(device, device, u64::from(device));
                assert_eq!(directory.enter(user(), new, policy), NOBODY, "{policy:?}");
            }
            assert_eq!(online(&directory), [0, 1, 2], "{policy:?}");
            assert_eq!(directory.evict(user(), Eviction::Device(DeviceId(1))), [on(1, 1, 1).conn()]);
            assert_eq!(online(&directory), [0, 2], "{policy:?}");
        }
    }

    #[test]
    fn who_had_to_give_way_is_leaving_until_it_has_left() {
        let directory = Directory::new();
        let (old, new) = (entry(1, 10), entry(2, 10));
        drop(directory.enter(user(), old, SessionPolicy::Reject));
        assert!(directory.holds(user(), old.conn()) && !directory.is_leaving(user(), &[old.conn()]));
        drop(directory.enter(user(), new, SessionPolicy::Reject));
        assert!(!directory.holds(user(), old.conn()) && directory.is_leaving(user(), &[old.conn()]));
        directory.leave(user(), old.conn());
        assert!(!directory.is_leaving(user(), &[old.conn()]) && directory.holds(user(), new.conn()));
        assert_eq!(directory.evict(user(), Eviction::Key(10)), [new.conn()]);
        assert!(directory.is_leaving(user(), &[old.conn(), new.conn()]));
        directory.leave(user(), new.conn());
        assert!(directory.shard(user()).leaving.is_empty());
    }

    #[test]
    fn sessions_elsewhere_are_possible_again_when_news_may_have_been_missed() {
        let directory = Directory::new();
        let elsewhere = || directory.sessions(user(), &mut Vec::new());
        assert_eq!(elsewhere(), Elsewhere::Perhaps, "nothing is known of who is not here");
        drop(directory.enter(user(), entry(1, 10), SessionPolicy::Reject));
        assert_eq!(elsewhere(), Elsewhere::No);
        directory.note_elsewhere(user());
        drop(directory.enter(user(), on(1, 2, 20), SessionPolicy::Reject));
        assert_eq!(elsewhere(), Elsewhere::Perhaps);
        directory.leave(user(), entry(1, 10).conn());
        directory.leave(user(), on(1, 2, 20).conn());
        drop(directory.enter(user(), entry(1, 10), SessionPolicy::Reject));
        assert_eq!(elsewhere(), Elsewhere::No);
        directory.doubt();
        assert_eq!(elsewhere(), Elsewhere::Perhaps);
        assert_eq!(directory.users(), [user()]);
    }
}
