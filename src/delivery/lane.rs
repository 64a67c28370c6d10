//! One lane: what happens to a batch of messages once the store has spoken.
//!
//! A state machine without I/O. The thread around it ([`super::lanes`]) gathers, calls the store and carries out the
//! effects.
//!
//! ```text
//!   batch --append--> outcomes            -> ack, push, bell for each
//!                     some are locked     -> put aside and tried again after a pause; 503 when they have waited too long
//!                     unavailable         -> 503 for each: nothing was stored
//!                     a fault of some     -> halved, and halved again: the fault costs only whom it is about
//!                     outcome unknown     -> settle, again and again; other conversations go on
//!                                              committed     -> as above
//!                                              not committed -> append once more
//!                                              still unknown after a while -> 503 for each; what turns out to have
//!                                              been committed is pushed all the same
//! ```
//!
//! The order within a conversation holds throughout: while any of its messages is aside or in doubt, later ones wait
//! behind it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::aside::{Aside, Found};
pub use super::batch::{Announcement, BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, Batch, Effect, Job, ReplyTo};
use super::batch::{AnswerSender, Refusal, announce, refuse, refuse_one};
use crate::ids::{ConvId, IdMap};
use crate::store::{Appended, StoreError};

/// Commits of unknown outcome that a lane goes on beside. With so many the database is in trouble: nothing is appended
/// before one of them is settled.
pub(crate) const DOUBTS_MAX: usize = 4;
/// Pause between two attempts to settle a commit.
const SETTLE_PAUSE: Duration = Duration::from_millis(200);
/// How often a batch that failed is halved at most until its parts are done with.
const HALVES_MAX: u32 = 64;

/// What a lane does next.
#[derive(Debug)]
pub enum Todo {
    /// Append this batch, which waited for nothing: [`crate::store::Store::append_unlocked`].
    Again(Batch),
    /// Ask the store what became of [`Lane::doubted`].
    Settle,
    /// Append what comes out of the queue.
    Gather,
}

/// What to do with a batch next.
#[derive(Debug)]
pub enum Next {
    /// Carry these out.
    Done(Vec<Effect>),
    /// The same; the store is away. Whoever waits in the queue has waited as long as this batch, and is to be refused as
    /// well: an answer, not one more wait.
    Refuse(Vec<Effect>),
}

/// A lane's memory: what could not be done at once.
#[derive(Debug)]
pub struct Lane {
    patience: Duration,
    /// Messages of conversations that are locked, or in doubt.
    aside: Aside,
    /// Commits of unknown outcome; the one to be looked at next comes first.
    doubts: VecDeque<Doubt>,
    /// The parts of a batch that failed as a whole; the next one last.
    parts: Vec<Batch>,
    halved: u32,
}

#[derive(Debug)]
struct Doubt {
    batch: Batch,
    look_at: Instant,
    /// The senders have been told 503.
    given_up: bool,
}

impl Lane {
    /// A lane that lets senders wait at most about `patience`. `seed` makes its pauses differ from other lanes'.
    #[must_use]
    pub fn new(patience: Duration, seed: u64) -> Self {
        Self { patience, aside: Aside::new(seed), doubts: VecDeque::new(), parts: Vec::new(), halved: 0 }
    }

    /// A message has come. It comes back if it may be appended with the next batch; otherwise it waits aside, or the
    /// effect says that it was refused.
    pub(crate) fn admit(&mut self, job: Job, now: Instant) -> Result<Job, Option<Effect>> {
        if now.saturating_duration_since(job.since) >= self.patience {
            return Err(Some(refuse_one(&job, Refusal::Away)));
        }
        if self.aside.is_empty() && self.doubts.len() < DOUBTS_MAX {
            return Ok(job);
        }
        let conv = job.append.conv();
        if !self.aside.holds(conv) {
            if self.doubts.len() < DOUBTS_MAX {
                return Ok(job);
            }
            self.aside.lock(conv, Vec::new(), Found { now, cost: SETTLE_PAUSE / 10, alone: false });
        }
        match self.aside.push(job) {
            Ok(()) => Err(None),
            Err(job) => Err(Some(refuse_one(&job, Refusal::Locked))),
        }
    }

    /// What to do now.
    pub fn todo(&mut self, now: Instant) -> Todo {
        if let Some(part) = self.parts.pop() {
            return Todo::Again(part);
        }
        self.halved = 0;
        if self.doubts.front().is_some_and(|doubt| doubt.look_at <= now) {
            return Todo::Settle;
        }
        if self.doubts.len() < DOUBTS_MAX
            && let Some(batch) = self.aside.due(now)
        {
            return Todo::Again(batch);
        }
        Todo::Gather
    }

    /// When there is something to do although nothing comes: never while this is `None`.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let look_at = self.doubts.front().map(|doubt| doubt.look_at);
        let give_up_at = self.doubts.iter().filter(|doubt| !doubt.given_up).filter_map(|doubt| doubt.batch.oldest());
        let give_up_at = give_up_at.min().map(|oldest| oldest + self.patience);
        [look_at, give_up_at, self.aside.wake_at(self.patience)].into_iter().flatten().min()
    }

    /// Refuses messages that have waited too long.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Effect> {
        let limit = now.checked_sub(self.patience);
        let expired = self.aside.expire(limit, now);
        let mut effects: Vec<Effect> = expired.iter().map(|job| refuse_one(job, Refusal::Locked)).collect();
        for doubt in self.doubts.iter_mut().filter(|doubt| !doubt.given_up) {
            if doubt.batch.oldest().is_some_and(|oldest| Some(oldest) <= limit) {
                doubt.given_up = true;
                effects.extend(refuse(&doubt.batch, Refusal::Away));
            }
        }
        effects
    }

    /// Whether somebody waits for an answer.
    #[must_use]
    pub(crate) fn owes_answers(&self) -> bool {
        !self.parts.is_empty() || self.aside.has_messages() || self.doubts.iter().any(|doubt| !doubt.given_up)
    }

    /// Whether nothing is in doubt, aside or to be tried again: what a lane is nearly always.
    #[must_use]
    pub(crate) fn is_clear(&self) -> bool {
        self.parts.is_empty() && self.aside.is_empty() && self.doubts.is_empty()
    }

    /// How many conversations are locked or in doubt, as far as is known.
    #[must_use]
    pub(crate) fn conversations_aside(&self) -> usize {
        self.aside.len()
    }

    /// The batch whose outcome is to be looked up next.
    #[must_use]
    pub fn doubted(&self) -> Option<&Batch> {
        self.doubts.front().map(|doubt| &doubt.batch)
    }

    /// The store answered [`crate::store::Store::append`] or `append_unlocked`, which took from `start` to `now`.
    pub fn appended(
        &mut self,
        batch: Batch,
        result: Result<Vec<Appended>, StoreError>,
        start: Instant,
        now: Instant,
    ) -> Next {
        match result {
            Ok(outcomes) => {
                let effects = announce(&batch, &outcomes, AnswerSender::Yes);
                self.sort_out(batch, &outcomes, now);
                Next::Done(effects)
            }
            Err(StoreError::OutcomeUnknown(_)) => {
                for conv in batch.conversations() {
                    let later = self.withdraw(conv);
                    self.aside.doubt(conv, later);
                }
                self.doubts.push_front(Doubt { batch, look_at: now, given_up: false });
                Next::Done(self.expire(now))
            }
            Err(error @ StoreError::Unavailable(_)) => Next::Refuse(self.refuse_all(&batch, Refusal::from(&error))),
            Err(error @ (StoreError::Busy(_) | StoreError::Broken(_))) => {
                let cost = now.saturating_duration_since(start);
                Next::Done(self.failed(batch, Refusal::from(&error), Found { now, cost, alone: false }))
            }
        }
    }

    /// The store answered [`crate::store::Store::settle`] for [`Lane::doubted`].
    pub fn settled(&mut self, result: Result<Option<Vec<Appended>>, StoreError>, now: Instant) -> Next {
        let Some(mut doubt) = self.doubts.pop_front() else { return Next::Done(Vec::new()) };
        match result {
            Ok(Some(outcomes)) if doubt.given_up => {
                let effects = announce(&doubt.batch, &outcomes, AnswerSender::No);
                for conv in doubt.batch.conversations() {
                    self.aside.release(conv, Vec::new(), now);
                }
                Next::Done(effects)
            }
            Ok(Some(outcomes)) => {
                let effects = announce(&doubt.batch, &outcomes, AnswerSender::Yes);
                self.sort_out(doubt.batch, &outcomes, now);
                Next::Done(effects)
            }
            Ok(None) => {
                let given_up = doubt.given_up;
                for (conv, jobs) in by_conversation(doubt.batch.into_jobs()) {
                    self.aside.release(conv, if given_up { Vec::new() } else { jobs }, now);
                }
                Next::Done(Vec::new())
            }
            Err(_) => {
                doubt.look_at = now + SETTLE_PAUSE;
                self.doubts.push_back(doubt);
                Next::Done(self.expire(now))
            }
        }
    }

    /// A batch was committed but for what was locked, which is put aside.
    fn sort_out(&mut self, batch: Batch, outcomes: &[Appended], now: Instant) {
        if !outcomes.contains(&Appended::Locked) {
            if !self.aside.is_empty() {
                for conv in batch.conversations() {
                    self.release(conv, now);
                }
            }
            return;
        }
        let mut written = batch.conversations();
        let jobs = batch.into_jobs().zip(outcomes).filter(|(_, outcome)| **outcome == Appended::Locked);
        let locked = by_conversation(jobs.map(|(job, _)| job));
        written.retain(|conv| locked.iter().all(|(other, _)| other != conv));
        for conv in written {
            self.release(conv, now);
        }
        for (conv, jobs) in locked {
            self.put_aside(conv, jobs, Found { now, cost: Duration::ZERO, alone: false });
        }
    }

    fn release(&mut self, conv: ConvId, now: Instant) {
        if self.aside.holds(conv) {
            self.aside.release(conv, Vec::new(), now);
        }
    }

    fn put_aside(&mut self, conv: ConvId, mut jobs: Vec<Job>, found: Found) {
        jobs.extend(self.withdraw(conv));
        self.aside.lock(conv, jobs, found);
    }

    /// A fault about some of the batch: it is halved until the fault is alone. Then it is put aside when somebody locks
    /// it, and refused when the database does not take it.
    fn failed(&mut self, batch: Batch, why: Refusal, found: Found) -> Vec<Effect> {
        let is_one = batch.appends().len() < 2 || (why == Refusal::Locked && batch.conversations().len() == 1);
        if !is_one && self.halved < HALVES_MAX && self.is_in_time(&batch, found) {
            self.halved += 1;
            if let Some((first, second)) = batch.halve() {
                self.parts.push(second);
                self.parts.push(first);
            }
            return Vec::new();
        }
        if why != Refusal::Locked {
            for conv in batch.conversations() {
                self.release(conv, found.now);
            }
            return refuse(&batch, why);
        }
        let found = Found { alone: !is_one, cost: if is_one { found.cost } else { Duration::ZERO }, ..found };
        for (conv, jobs) in by_conversation(batch.into_jobs()) {
            self.put_aside(conv, jobs, found);
        }
        Vec::new()
    }

    /// Whether there is time for halving: each try may take as long as the last one.
    fn is_in_time(&self, batch: &Batch, found: Found) -> bool {
        let left =
            batch.oldest().map(|oldest| self.patience.saturating_sub(found.now.saturating_duration_since(oldest)));
        left.is_some_and(|left| found.cost * 4 < left)
    }

    /// Takes the conversation's messages out of what is still to be tried: they come after those that were tried.
    fn withdraw(&mut self, conv: ConvId) -> Vec<Job> {
        let mut withdrawn = Vec::new();
        for part in self.parts.iter_mut().rev().filter(|part| part.appends().iter().any(|append| append.conv() == conv))
        {
            let (taken, left): (Vec<Job>, Vec<Job>) =
                std::mem::take(part).into_jobs().partition(|job| job.append.conv() == conv);
            withdrawn.extend(taken);
            *part = left.into_iter().collect();
        }
        self.parts.retain(|part| !part.is_empty());
        withdrawn
    }

    /// The database is away: nobody is left waiting for it.
    fn refuse_all(&mut self, batch: &Batch, why: Refusal) -> Vec<Effect> {
        let mut effects = refuse(batch, why);
        effects.extend(std::mem::take(&mut self.parts).iter().rev().flat_map(|part| refuse(part, why)));
        effects.extend(self.aside.take_all().iter().map(|job| refuse_one(job, why)));
        effects
    }
}

/// The messages of each conversation, in order; the conversations as they come.
fn by_conversation(jobs: impl Iterator<Item = Job>) -> Vec<(ConvId, Vec<Job>)> {
    let mut sorted: Vec<(ConvId, Vec<Job>)> = Vec::new();
    let mut places: IdMap<ConvId, usize> = IdMap::default();
    for job in jobs {
        let place = *places.entry(job.append.conv()).or_insert_with(|| {
            sorted.push((job.append.conv(), Vec::new()));
            sorted.len() - 1
        });
        sorted[place].1.push(job);
    }
    sorted
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
