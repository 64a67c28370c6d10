//! The epoch of the data, as this node knows it: another one means that the data went back to an earlier state (a restore,
//! a fail-over to older data), so that numbers of messages are given out twice.
//!
//! ```text
//!   lane: a number that was known before is given out once more --\
//!   session: has had more than the conversation holds -------------> suspect --nudge--> Keeper: compare and set
//!   session: another message has the number of its last one ------/
//!   another node says `restored`; bells may have been lost -----------> look --nudge--> Keeper: read         |
//!   every few seconds ---------------------------------------------------------------> Keeper: read          |
//!                                                                                                            v
//!                            all sessions are closed with NOTICE `restored`, and log in again <----------- adopt
//! ```
//!
//! Evidence carries the generation in which it was gathered, and counts in that one only: what was known before the data
//! went back says nothing about the time after it. News of messages say of what epoch they are, too: events by the
//! generation, bells by the epoch's [`mark`]. What comes late, of a time that is over, is no evidence, and is not shown as
//! it is: another message may have its number. A node that hears of it looks into the store.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cursors::queue::CursorQueue;
use super::ends::Ends;
use crate::ids::{ConvId, Seq};
use crate::store::{Append, Appended};

/// Epochs of the past that are remembered: one of them coming back is no new one.
const PAST_MAX: usize = 16;

/// The epoch and what speaks against it. Shared by lanes, workers, reactors and the cursor writer's thread.
#[derive(Debug)]
pub struct Epoch {
    /// The [`Era`], as one number.
    era: AtomicU64,
    ends: Ends,
    state: Mutex<State>,
    cursor_queue: CursorQueue,
}

#[derive(Debug)]
struct State {
    text: Arc<str>,
    past: VecDeque<Arc<str>>,
    wish: Wish,
}

/// What the keeper is to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Wish {
    /// Nothing before the next round.
    None,
    /// Read the epoch: another node may have made a new one.
    Look,
    /// Make a new one: the data went back.
    New,
}

/// An epoch, as news of messages name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Era {
    /// Counts the epochs that this node has seen.
    pub generation: u32,
    /// The same on every node. See [`mark`].
    pub mark: u32,
}

impl Era {
    fn packed(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.mark)
    }

    fn unpacked(packed: u64) -> Self {
        let [generation, mark] = [packed >> 32, packed & u64::from(u32::MAX)];
        let half = |half| u32::try_from(half).expect("half of 64 bits");
        Self { generation: half(generation), mark: half(mark) }
    }
}

/// What tells bells of one epoch from those of another: FNV-1a of its text.
#[must_use]
pub fn mark(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The epoch at some moment.
#[derive(Clone, Debug)]
pub struct Present {
    /// See [`Epoch::generation`].
    pub generation: u32,
    /// See [`Epoch::text`].
    pub text: Arc<str>,
}

impl Epoch {
    /// The epoch that was read at start. The cursor writer's thread, behind `cursor_queue`, is nudged when there is something to look at.
    #[must_use]
    pub fn new(text: &str, cursor_queue: CursorQueue) -> Self {
        let state = State { text: text.into(), past: VecDeque::new(), wish: Wish::None };
        let era = Era { generation: 0, mark: mark(text) };
        Self { era: AtomicU64::new(era.packed()), ends: Ends::default(), state: Mutex::new(state), cursor_queue }
    }

    /// How many epochs there were before this one, as this node counts.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.era().generation
    }

    /// The epoch, as news of messages name it.
    #[must_use]
    pub(crate) fn era(&self) -> Era {
        Era::unpacked(self.era.load(Ordering::Acquire))
    }

    /// The epoch, as clients are told.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.lock().text)
    }

    /// Which generation of the data this is, and what clients are told that it is called.
    #[must_use]
    pub fn present(&self) -> Present {
        let state = self.lock();
        Present { generation: self.generation(), text: Arc::clone(&state.text) }
    }

    /// Notes with each message the highest number that is known of its conversation; 0 where nothing is known. To be asked
    /// before their transaction begins: what is known then was committed before it, so that it must number them higher. The
    /// epoch at that time.
    #[must_use]
    pub fn before(&self, batch: &mut [Append]) -> Era {
        let era = self.era();
        let mut last = None;
        for message in batch {
            let conv = message.conv();
            // A sender with several messages under way sends most of them to the same conversation.
            message.known_end = match last {
                Some((known, end)) if known == conv => end,
                _ => self.ends.known(era.generation, conv),
            };
            last = Some((conv, message.known_end));
        }
        era
    }

    /// What the store has made of the messages that [`Epoch::before`] has seen in this generation.
    pub fn after(&self, generation: u32, batch: &[Append], outcomes: &[Appended]) {
        let mut last: Option<(ConvId, Seq)> = None;
        for (message, outcome) in batch.iter().zip(outcomes) {
            let (conv, known) = (message.conv(), message.known_end);
            match *outcome {
                Appended::Stored(seq) => {
                    // Of messages in a row the last one tells all.
                    if let Some((before, end)) = last.replace((conv, seq))
                        && before != conv
                    {
                        self.ends.note(generation, before, end);
                    }
                    if seq <= known {
                        let evidence = format_args!("had message {known}, and gives out {seq}");
                        self.suspect(generation, conv, evidence);
                    }
                }
                Appended::WentBack(end) => self.compare(generation, conv, known, end),
                _ => {}
            }
        }
        if let Some((conv, end)) = last {
            self.ends.note(generation, conv, end);
        }
    }

    /// The store has said what became of a commit in doubt, of these messages, in this generation.
    pub fn settled(&self, generation: u32, batch: &[Append], outcomes: &[Appended]) {
        for (message, outcome) in batch.iter().zip(outcomes) {
            if let Appended::Stored(seq) = *outcome {
                self.ends.note(generation, message.conv(), seq);
            }
        }
    }

    /// The message with this number is in the store: a bell with this mark has told so, or one of an earlier version's node,
    /// without any. The generation, if it is of the present epoch.
    pub(crate) fn heard_of(&self, conv: ConvId, seq: Seq, mark: Option<u32>) -> Option<u32> {
        let era = self.era();
        match mark {
            Some(mark) if mark != era.mark => {
                if !self.has_past(mark) {
                    // Another node was first.
                    self.look();
                }
                None
            }
            _ => {
                self.ends.note(era.generation, conv, seq);
                Some(era.generation)
            }
        }
    }

    /// The store has said where the conversation ends, after a session of this generation had had messages up to `had`.
    pub(crate) fn compare(&self, generation: u32, conv: ConvId, had: Seq, end: Seq) {
        if end < had {
            self.suspect(generation, conv, format_args!("had message {had}, and now {end} is its last"));
        } else {
            self.ends.note(generation, conv, end);
        }
    }

    /// Another message has this number than the one that a session of this generation has had under it.
    pub fn another(&self, generation: u32, conv: ConvId, seq: Seq) {
        self.suspect(generation, conv, format_args!("has another message {seq} than before"));
    }

    /// The data went back, if the evidence is of the present epoch.
    fn suspect(&self, generation: u32, conv: ConvId, evidence: fmt::Arguments<'_>) {
        let mut state = self.lock();
        if generation != self.generation() || state.wish == Wish::New {
            return;
        }
        state.wish = Wish::New;
        drop(state);
        log::error!(
            "the data went back to an earlier state: conversation {} {evidence}: all sessions begin anew",
            conv.number()
        );
        self.cursor_queue.nudge();
    }

    /// Another node may have made a new epoch.
    pub fn look(&self) {
        let mut state = self.lock();
        state.wish = state.wish.max(Wish::Look);
        drop(state);
        self.cursor_queue.nudge();
    }

    /// What the keeper is to do.
    #[must_use]
    pub(crate) fn wish(&self) -> Wish {
        self.lock().wish
    }

    /// Whether what sessions have confirmed may be written. Not while the data are known to have gone back, and have no new
    /// epoch yet: under the numbers that were confirmed others are being stored, which would count as delivered.
    #[must_use]
    pub(crate) fn trusts_cursors(&self) -> bool {
        self.wish() != Wish::New
    }

    /// A wish was carried out.
    pub(crate) fn fulfilled(&self, wish: Wish) {
        let mut state = self.lock();
        if state.wish <= wish {
            state.wish = Wish::None;
        }
    }

    /// Whether this node has seen that epoch end.
    #[must_use]
    pub(crate) fn is_past(&self, text: &str) -> bool {
        self.lock().past.iter().any(|past| **past == *text)
    }

    fn has_past(&self, mark: u32) -> bool {
        self.lock().past.iter().any(|past| self::mark(past) == mark)
    }

    /// There is a new epoch. What was known and suspected before counts no more.
    pub fn adopt(&self, text: &str) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.text, text.into());
        state.past.push_back(before);
        if state.past.len() > PAST_MAX {
            state.past.pop_front();
        }
        state.wish = Wish::None;
        // Under the lock: whoever suspects finds the new generation or is overruled here.
        let era = Era { generation: self.generation().wrapping_add(1), mark: mark(text) };
        self.era.store(era.packed(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::UnixMs;
    use crate::ids::{Peer, UserId};
    use crate::metrics::Metrics;

    fn epoch() -> Epoch {
        Epoch::new("one", CursorQueue::new(Arc::new(Metrics::new())).0)
    }

    fn message() -> Append {
        let [sender, to] = [1, 2].map(|number| UserId::new(number).unwrap());
        let to = Peer::User(to);
        Append { sender, to, cid: None, body: "{}".into(), sent_at: UnixMs(0), friends_only: false, known_end: 0 }
    }

    fn commit(epoch: &Epoch, seqs: &[Seq]) {
        let mut batch = vec![message(); seqs.len()];
        let era = epoch.before(&mut batch);
        let outcomes: Vec<Appended> = seqs.iter().map(|seq| Appended::Stored(*seq)).collect();
        epoch.after(era.generation, &batch, &outcomes);
    }

    #[test]
    fn a_number_that_was_given_out_before_is_evidence() {
        let epoch = epoch();
        commit(&epoch, &[1, 2, 3]);
        commit(&epoch, &[4, 5]);
        assert_eq!(epoch.wish(), Wish::None);
        commit(&epoch, &[5]);
        assert_eq!(epoch.wish(), Wish::New);
    }

    #[test]
    fn what_was_learned_while_a_transaction_ran_is_none() {
        let epoch = epoch();
        let mut batch = [message()];
        let era = epoch.before(&mut batch);
        // Another node's transaction was between this one's beginning and its answer.
        assert_eq!(epoch.heard_of(message().conv(), 2, Some(mark("one"))), Some(0));
        epoch.after(era.generation, &batch, &[Appended::Stored(1)]);
        assert_eq!(epoch.wish(), Wish::None);
        let era = epoch.before(&mut batch);
        epoch.after(era.generation, &batch, &[Appended::Duplicate { seq: 1, sent_at: UnixMs(0) }]);
        assert_eq!(epoch.wish(), Wish::None, "a message that is sent again has an old number");
    }

    #[test]
    fn what_the_store_refuses_because_it_lacks_the_end_is_evidence() {
        let epoch = epoch();
        let mut batch = [message()];
        epoch.settled(0, &batch, &[Appended::Stored(4)]);
        let era = epoch.before(&mut batch);
        assert_eq!(batch[0].known_end, 4, "what a settled commit has stored is known");
        epoch.after(era.generation, &batch, &[Appended::WentBack(3)]);
        assert_eq!(epoch.wish(), Wish::New);
    }

    #[test]
    fn who_has_had_more_than_there_is_has_evidence() {
        let epoch = epoch();
        epoch.compare(0, message().conv(), 5, 5);
        assert_eq!(epoch.wish(), Wish::None);
        epoch.compare(0, message().conv(), 6, 5);
        assert_eq!(epoch.wish(), Wish::New);
    }

    #[test]
    fn another_message_under_the_number_of_the_last_one_is_evidence_in_its_generation() {
        let epoch = epoch();
        epoch.another(1, message().conv(), 5);
        assert_eq!(epoch.wish(), Wish::None);
        epoch.another(0, message().conv(), 5);
        assert_eq!(epoch.wish(), Wish::New);
    }

    #[test]
    fn evidence_of_an_epoch_that_is_over_does_not_count() {
        let epoch = epoch();
        commit(&epoch, &[9]);
        let mut batch = [message()];
        let era = epoch.before(&mut batch);
        epoch.adopt("two");
        epoch.after(era.generation, &batch, &[Appended::Stored(8)]);
        epoch.compare(0, message().conv(), 9, 8);
        commit(&epoch, &[9]);
        assert_eq!(epoch.wish(), Wish::None);
        assert_eq!((&*epoch.text(), epoch.generation()), ("two", 1));
        commit(&epoch, &[9]);
        assert_eq!(epoch.wish(), Wish::New, "the next one is noticed as well");
        assert!(epoch.is_past("one") && !epoch.is_past("two"));
    }

    #[test]
    fn a_bell_that_comes_late_is_no_evidence_in_the_next_epoch() {
        let epoch = epoch();
        epoch.adopt("two");
        assert_eq!(epoch.heard_of(message().conv(), 8, Some(mark("one"))), None);
        assert_eq!(epoch.wish(), Wish::None, "it is known to be of the past");
        commit(&epoch, &[6]);
        assert_eq!(epoch.wish(), Wish::None);
        assert_eq!(epoch.heard_of(message().conv(), 7, None), Some(1), "a node of an earlier version");
        assert_eq!(epoch.heard_of(message().conv(), 8, Some(mark("three"))), None);
        assert_eq!(epoch.wish(), Wish::Look, "another node was first");
    }

    #[test]
    fn a_wish_is_kept_until_it_is_fulfilled() {
        let epoch = epoch();
        epoch.look();
        epoch.compare(0, message().conv(), 6, 5);
        epoch.look();
        epoch.fulfilled(Wish::Look);
        assert_eq!(epoch.wish(), Wish::New);
        assert!(!epoch.trusts_cursors());
        epoch.fulfilled(Wish::New);
        assert_eq!(epoch.wish(), Wish::None);
        assert!(epoch.trusts_cursors());
    }
}
