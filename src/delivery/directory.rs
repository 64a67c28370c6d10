//! Who is online on this node: user -> connections. The map with its locks; no guard leaves this file.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::SessionPolicy;
use crate::ids::UserId;
use crate::net::ConnId;

/// Locks are held for a look-up each; 64 make contention between a few dozen threads rare.
const SHARDS_COUNT: usize = 64;

/// One session of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its connection.
    pub conn: ConnId,
    /// The beginning of the hash of the token it holds.
    pub token: u64,
}

/// What became of a session that wanted to enter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entered {
    /// It is in; these sessions of the same user have been taken out and must be closed.
    In(Vec<ConnId>),
    /// The user is online already, and the policy is to refuse.
    AlreadyOnline,
}

type Sessions = HashMap<UserId, Vec<Entry>>;

/// user -> connections. Any thread may call; no call blocks on anything but a short lock.
#[derive(Debug)]
pub struct Directory {
    shards: Box<[Mutex<Sessions>]>,
}

impl Directory {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self { shards: (0..SHARDS_COUNT).map(|_| Mutex::default()).collect() }
    }

    /// Lets a session in as the policy says. A session that resumes with the token an online session holds takes that
    /// one's place under every policy.
    #[must_use]
    pub fn enter(&self, user: UserId, entry: Entry, policy: SessionPolicy) -> Entered {
        let mut shard = self.shard(user);
        // One session is what nearly everybody has.
        let sessions = shard.entry(user).or_insert_with(|| Vec::with_capacity(1));
        let takes_over = |old: &Entry| policy == SessionPolicy::Replace || old.token == entry.token;
        if policy == SessionPolicy::Reject && sessions.iter().any(|old| !takes_over(old)) {
            return Entered::AlreadyOnline;
        }
        let replaced = sessions.iter().filter(|old| takes_over(old)).map(|old| old.conn).collect();
        sessions.retain(|old| !takes_over(old));
        sessions.push(entry);
        Entered::In(replaced)
    }

    /// Takes a session out. Nothing happens if it is not there (any more).
    pub fn leave(&self, user: UserId, conn: ConnId) {
        let mut shard = self.shard(user);
        let Some(sessions) = shard.get_mut(&user) else { return };
        sessions.retain(|entry| entry.conn != conn);
        if sessions.is_empty() {
            shard.remove(&user);
        }
    }

    /// Takes all sessions of the user out, or those that hold this token, and returns them: they must be closed.
    #[must_use]
    pub fn evict(&self, user: UserId, token: Option<u64>) -> Vec<ConnId> {
        let mut shard = self.shard(user);
        let sessions = shard.remove(&user).unwrap_or_default();
        let (evicted, kept): (Vec<_>, Vec<_>) =
            sessions.into_iter().partition(|entry| token.is_none_or(|token| entry.token == token));
        if !kept.is_empty() {
            shard.insert(user, kept);
        }
        evicted.into_iter().map(|entry| entry.conn).collect()
    }

    /// Appends the user's connections to `found`.
    pub fn connections(&self, user: UserId, found: &mut Vec<ConnId>) {
        if let Some(sessions) = self.shard(user).get(&user) {
            found.extend(sessions.iter().map(|entry| entry.conn));
        }
    }

    /// Whether the user has a session on this node.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.shard(user).contains_key(&user)
    }

    fn shard(&self, user: UserId) -> MutexGuard<'_, Sessions> {
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

    fn entry(slot: u32, token: u64) -> Entry {
        Entry { conn: ConnId { reactor: 0, slot, generation: 0 }, token }
    }

    fn user() -> UserId {
        UserId::new(64).unwrap()
    }

    fn online(directory: &Directory) -> Vec<u32> {
        let mut found = Vec::new();
        directory.connections(user(), &mut found);
        found.into_iter().map(|conn| conn.slot).collect()
    }

    #[test]
    fn reject_lets_only_the_tokens_holder_take_over() {
        let directory = Directory::new();
        assert_eq!(directory.enter(user(), entry(1, 10), SessionPolicy::Reject), Entered::In(vec![]));
        assert_eq!(directory.enter(user(), entry(2, 20), SessionPolicy::Reject), Entered::AlreadyOnline);
        assert_eq!(online(&directory), [1]);
        let replaced = vec![entry(1, 10).conn];
        assert_eq!(directory.enter(user(), entry(3, 10), SessionPolicy::Reject), Entered::In(replaced));
        assert_eq!(online(&directory), [3]);
    }

    #[test]
    fn a_refused_first_login_leaves_nothing_behind() {
        let directory = Directory::new();
        assert_eq!(directory.enter(user(), entry(1, 10), SessionPolicy::Reject), Entered::In(vec![]));
        assert_eq!(directory.enter(user(), entry(2, 20), SessionPolicy::Reject), Entered::AlreadyOnline);
        directory.leave(user(), entry(2, 20).conn);
        assert!(directory.is_online(user()));
        directory.leave(user(), entry(1, 10).conn);
        assert!(!directory.is_online(user()));
    }

    #[test]
    fn replace_takes_all_and_multi_takes_none_but_the_tokens_own() {
        let directory = Directory::new();
        assert_eq!(directory.enter(user(), entry(1, 10), SessionPolicy::Multi), Entered::In(vec![]));
        assert_eq!(directory.enter(user(), entry(2, 20), SessionPolicy::Multi), Entered::In(vec![]));
        assert_eq!(directory.enter(user(), entry(3, 10), SessionPolicy::Multi), Entered::In(vec![entry(1, 10).conn]));
        assert_eq!(online(&directory), [2, 3]);
        let replaced = vec![entry(2, 20).conn, entry(3, 10).conn];
        assert_eq!(directory.enter(user(), entry(4, 40), SessionPolicy::Replace), Entered::In(replaced));
        assert_eq!(directory.evict(user(), Some(30)), []);
        assert_eq!(directory.evict(user(), None), [entry(4, 40).conn]);
        assert!(!directory.is_online(user()));
    }
}
