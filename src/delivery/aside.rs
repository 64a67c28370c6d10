//! Conversations that cannot be written at present, and their messages, put aside in order: so that everybody else's go
//! on. A state machine without I/O.
//!
//! ```text
//!   locked by another transaction --lock--> waits --due--> tried again ... --release--> in the ordinary way again
//!   in a commit of unknown outcome -doubt-> waits ------------ release ---^
//!   a message that has waited too long, or finds no room: refused, 503
//! ```

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::batch::{Batch, Job};
use crate::ids::ConvId;

/// Messages of one conversation that may wait. What comes beyond them is refused at once.
pub(super) const PER_CONVERSATION_MAX: usize = 256;
/// Messages of all conversations of a lane that may wait.
pub(super) const MESSAGES_MAX: usize = 8192;
/// Bytes of all of them.
pub(super) const BYTES_MAX: usize = 16 << 20;
/// A build for tests counts what waits after each change, unless it is in more conversations than this.
const CHECKED_MAX: usize = 8;
/// Conversations that are remembered as locked although nothing waits in them.
const REMEMBERED_MAX: usize = 1024;
/// For how long they are: the next message is not to hold up everybody's batch again.
const REMEMBERED: Duration = Duration::from_secs(30);
/// The pause before the first new try; it doubles with each, up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// The longest pause between two tries, before jitter.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// A try that took long itself is made again only after so many times that time: most of the lane's time is everybody's.
const PAUSE_TIMES: u32 = 10;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Aside {
    conversations: HashMap<ConvId, Entry>,
    messages: usize,
    bytes: usize,
    /// Pauses of different nodes and conversations must differ: they would meet again and again.
    dice: u64,
}

#[derive(Debug)]
struct Entry {
    waiting: VecDeque<Job>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Locked {
        /// When to try again.
        at: Instant,
        tries: u32,
        /// It is tried in a batch of its own.
        alone: bool,
        /// Since when it is known to be locked, as far as the last try tells.
        seen: Instant,
    },
    /// The outcome of its last commit is not known: nothing of it may be appended.
    InDoubt,
}

/// How a conversation was found to be locked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// When.
    pub(super) now: Instant,
    /// How long the try took, if it held up the lane.
    pub(super) cost: Duration,
    /// Whether to try it in a batch of its own.
    pub(super) alone: bool,
}

impl Aside {
    pub(super) fn new(seed: u64) -> Self {
        Self { conversations: HashMap::new(), messages: 0, bytes: 0, dice: seed | 1 }
    }

    /// Whether no conversation is known to be locked or in doubt.
    pub(super) fn is_empty(&self) -> bool {
        self.conversations.is_empty()
    }

    /// Whether messages wait.
    pub(super) fn has_messages(&self) -> bool {
        self.messages > 0
    }

    /// How many conversations are aside.
    pub(super) fn len(&self) -> usize {
        self.conversations.len()
    }

    /// Whether a message of this conversation must wait here.
    pub(super) fn holds(&self, conv: ConvId) -> bool {
        self.conversations.contains_key(&conv)
    }

    /// Takes a message of a conversation that is held.
    ///
    /// # Errors
    /// The message comes back when there is no room.
    pub(super) fn push(&mut self, job: Job) -> Result<(), Box<Job>> {
        let has_room = self.messages < MESSAGES_MAX && self.bytes + job.bytes() <= BYTES_MAX;
        match self.conversations.get_mut(&job.append.conv()) {
            Some(entry) if has_room && entry.waiting.len() < PER_CONVERSATION_MAX => {
                self.messages += 1;
                self.bytes += job.bytes();
                entry.waiting.push_back(job);
                self.check();
                Ok(())
            }
            _ => Err(Box::new(job)),
        }
    }

    /// The conversation was found to be locked; `jobs` are its earliest messages and wait in front of all others.
    pub(super) fn lock(&mut self, conv: ConvId, jobs: Vec<Job>, found: Found) {
        let tries = match self.conversations.get(&conv).map(|entry| entry.state) {
            Some(State::Locked { tries, .. }) => tries.saturating_add(1),
            Some(State::InDoubt) | None => 0,
        };
        let pause = PAUSE_MAX.min(PAUSE_MIN * 2_u32.saturating_pow(tries)).max(found.cost * PAUSE_TIMES);
        let at = found.now + self.jittered(pause);
        let state = State::Locked { at, tries, alone: found.alone, seen: found.now };
        self.put_front(conv, jobs, state);
    }

    /// The conversation is part of a commit whose outcome is not known.
    pub(super) fn doubt(&mut self, conv: ConvId, jobs: Vec<Job>) {
        self.put_front(conv, jobs, State::InDoubt);
    }

    /// The conversation was written, or can be again; `jobs` are its earliest messages.
    pub(super) fn release(&mut self, conv: ConvId, jobs: Vec<Job>, now: Instant) {
        self.put_front(conv, jobs, State::Locked { at: now, tries: 0, alone: false, seen: now });
        if self.conversations.get(&conv).is_some_and(|entry| entry.waiting.is_empty()) {
            self.conversations.remove(&conv);
        }
    }

    fn put_front(&mut self, conv: ConvId, jobs: Vec<Job>, state: State) {
        let entry = self.conversations.entry(conv).or_insert_with(|| Entry { waiting: VecDeque::new(), state });
        entry.state = state;
        for job in jobs.into_iter().rev() {
            self.messages += 1;
            self.bytes += job.bytes();
            entry.waiting.push_front(job);
        }
        self.check();
    }

    /// What is to be tried again now: a batch of several conversations, or of one that is tried alone.
    pub(super) fn due(&mut self, now: Instant) -> Option<Batch> {
        let mut due: Vec<(Instant, ConvId, bool)> = Vec::new();
        for (conv, entry) in &self.conversations {
            if let State::Locked { at, alone, .. } = entry.state
                && at <= now
                && !entry.waiting.is_empty()
            {
                due.push((at, *conv, alone));
            }
        }
        // The one that was due first comes first, so that none is forgotten. By number, too: a map has no order of its own.
        due.sort_unstable_by_key(|(at, conv, _)| (*at, conv.number()));
        let (_, first, first_is_alone) = *due.first()?;
        let mut batch = Batch::default();
        if first_is_alone {
            self.take_into(&mut batch, first);
            return Some(batch);
        }
        for (_, conv, _) in due.into_iter().filter(|(_, _, alone)| !alone) {
            self.take_into(&mut batch, conv);
            if batch.is_full() {
                break;
            }
        }
        Some(batch)
    }

    fn take_into(&mut self, batch: &mut Batch, conv: ConvId) {
        let Some(entry) = self.conversations.get_mut(&conv) else { return };
        while !batch.is_full()
            && let Some(job) = entry.waiting.pop_front()
        {
            self.messages -= 1;
            self.bytes -= job.bytes();
            batch.push(job);
        }
        self.check();
    }

    /// Takes out the messages that came before `limit`, and forgets conversations in which nothing has waited for long.
    pub(super) fn expire(&mut self, limit: Option<Instant>, now: Instant) -> Vec<Job> {
        let mut expired = Vec::new();
        let crowded = self.conversations.len() > REMEMBERED_MAX;
        self.conversations.retain(|_, entry| {
            while let Some(limit) = limit
                && entry.waiting.front().is_some_and(|job| job.since <= limit)
            {
                expired.extend(entry.waiting.pop_front());
            }
            match entry.state {
                State::Locked { seen, .. } if entry.waiting.is_empty() => {
                    !crowded && now.saturating_duration_since(seen) < REMEMBERED
                }
                State::Locked { .. } | State::InDoubt => true,
            }
        });
        // A map has no order of its own; answers have.
        expired.sort_by_key(|job| (job.since, job.append.conv().number()));
        self.messages -= expired.len();
        self.bytes -= expired.iter().map(Job::bytes).sum::<usize>();
        self.check();
        expired
    }

    /// Takes out every message.
    pub(super) fn take_all(&mut self) -> Vec<Job> {
        let mut all: Vec<Job> = self.conversations.values_mut().flat_map(|entry| entry.waiting.drain(..)).collect();
        all.sort_by_key(|job| (job.since, job.append.conv().number()));
        (self.messages, self.bytes) = (0, 0);
        self.check();
        all
    }

    /// When something is to be tried again, has waited for `patience`, or is to be forgotten.
    pub(super) fn wake_at(&self, patience: Duration) -> Option<Instant> {
        let of = |entry: &Entry| match (entry.state, entry.waiting.front()) {
            (State::Locked { at, .. }, Some(job)) => Some(at.min(job.since + patience)),
            (State::InDoubt, Some(job)) => Some(job.since + patience),
            // It is to be forgotten.
            (State::Locked { seen, .. }, None) => Some(seen + REMEMBERED),
            (State::InDoubt, None) => None,
        };
        self.conversations.values().filter_map(of).min()
    }

    fn check(&self) {
        let Self { conversations, messages, bytes, .. } = self;
        debug_assert!(*messages == 0 || !conversations.is_empty(), "{messages} messages of no conversation");
        debug_assert!((*messages == 0) == (*bytes == 0), "{messages} messages, {bytes} bytes");
        // All are counted only where they are few.
        if cfg!(debug_assertions) && conversations.len() <= CHECKED_MAX {
            let waiting = || conversations.values().flat_map(|entry| &entry.waiting);
            debug_assert_eq!((*messages, *bytes), (waiting().count(), waiting().map(Job::bytes).sum()));
        }
    }

    /// Half of the pause to all of it.
    fn jittered(&mut self, pause: Duration) -> Duration {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let parts = u32::try_from(self.dice % 512).unwrap_or(0);
        pause / 2 + pause / 1024 * parts
    }
}
