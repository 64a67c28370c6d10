//! The epoch of the data, as this node knows it: another one means that the data went back to an earlier state (a restore,
//! a fail-over to older data), so that numbers of messages are given out twice.
//!
//! ```text
//!   lane: a number that was known before is given out once more --\
//!   session: has had more than the conversation holds -------------> suspect --nudge--> Keeper: compare and set
//!   another node says `restored`; bells may have been lost -----------> look --nudge--> Keeper: read         |
//!   every few seconds ---------------------------------------------------------------> Keeper: read          |
//!                                                                                                            v
//!                            all sessions are closed with NOTICE `restored`, and log in again <----------- adopt
//! ```
//!
//! Evidence carries the generation in which it was gathered, and counts in that one only: what was known before the data
//! went back says nothing about the time after it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ends::Ends;
use super::scribe::Desk;
use crate::ids::{ConvId, Seq};
use crate::store::{Append, Appended};

/// Epochs of the past that are remembered: one of them coming back is no new one.
const PAST_MAX: usize = 16;

/// The epoch and what speaks against it. Shared by lanes, workers, reactors and the scribe's thread.
#[derive(Debug)]
pub struct Epoch {
    /// Counts the epochs that this node has seen.
    generation: AtomicU32,
    ends: Ends,
    state: Mutex<State>,
    desk: Desk,
}

#[derive(Debug)]
struct State {
    text: Arc<str>,
    past: VecDeque<Arc<str>>,
    wish: Wish,
}

/// What the keeper is to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wish {
    /// Nothing before the next round.
    None,
    /// Read the epoch: another node may have made a new one.
    Look,
    /// Make a new one: the data went back.
    New,
}

/// What was known of a batch's conversations before its transaction began.
#[derive(Debug)]
pub struct Before {
    generation: u32,
    known: Vec<Seq>,
}

impl Epoch {
    /// The epoch that was read at start. The scribe's thread, behind `desk`, is nudged when there is something to look at.
    #[must_use]
    pub fn new(text: &str, desk: Desk) -> Self {
        let state = State { text: text.into(), past: VecDeque::new(), wish: Wish::None };
        Self { generation: AtomicU32::new(0), ends: Ends::default(), state: Mutex::new(state), desk }
    }

    /// How many epochs there were before this one, as this node counts.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }

    /// The epoch, as clients are told.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.lock().text)
    }

    /// What is known of these messages' conversations. To be asked before their transaction begins: what is known then
    /// was committed before it, so that it must number them higher.
    #[must_use]
    pub fn before(&self, batch: &[Append]) -> Before {
        let generation = self.generation();
        let mut known = Vec::with_capacity(batch.len());
        let mut last = None;
        for message in batch {
            // Who has several messages under way sends most of them to the same conversation.
            let end = match last {
                Some((conv, end)) if conv == message.conv => end,
                _ => self.ends.known(generation, message.conv),
            };
            last = Some((message.conv, end));
            known.push(end);
        }
        Before { generation, known }
    }

    /// What the store has made of them.
    pub fn after(&self, before: &Before, batch: &[Append], outcomes: &[Appended]) {
        let mut last: Option<(ConvId, Seq)> = None;
        for ((message, outcome), known) in batch.iter().zip(outcomes).zip(&before.known) {
            let Appended::Stored(seq) = *outcome else { continue };
            // Of messages in a row the last one tells all.
            if let Some((conv, end)) = last.replace((message.conv, seq))
                && conv != message.conv
            {
                self.ends.note(before.generation, conv, end);
            }
            if seq <= *known {
                self.suspect(before.generation, message.conv, *known, seq);
            }
        }
        if let Some((conv, end)) = last {
            self.ends.note(before.generation, conv, end);
        }
    }

    /// The message with this number is in the store: a bell has told so.
    pub fn heard_of(&self, conv: ConvId, seq: Seq) {
        self.ends.note(self.generation(), conv, seq);
    }

    /// The store has said where the conversation ends, after a session of this generation had had messages up to `had`.
    pub fn compare(&self, generation: u32, conv: ConvId, had: Seq, end: Seq) {
        if end < had {
            self.suspect(generation, conv, had, end);
        } else {
            self.ends.note(generation, conv, end);
        }
    }

    /// The data went back, if the evidence is of the present epoch.
    fn suspect(&self, generation: u32, conv: ConvId, had: Seq, now: Seq) {
        let mut state = self.lock();
        if generation != self.generation() || state.wish == Wish::New {
            return;
        }
        state.wish = Wish::New;
        drop(state);
        log::error!(
            "the data went back to an earlier state: conversation {} had message {had}, and now {now} is its last: \
             all sessions begin anew",
            conv.number()
        );
        self.desk.nudge();
    }

    /// Another node may have made a new epoch.
    pub fn look(&self) {
        let mut state = self.lock();
        state.wish = state.wish.max(Wish::Look);
        drop(state);
        self.desk.nudge();
    }

    /// What the keeper is to do.
    #[must_use]
    pub fn wish(&self) -> Wish {
        self.lock().wish
    }

    /// A wish was carried out.
    pub fn fulfilled(&self, wish: Wish) {
        let mut state = self.lock();
        if state.wish <= wish {
            state.wish = Wish::None;
        }
    }

    /// Whether this node has seen that epoch end.
    #[must_use]
    pub fn is_past(&self, text: &str) -> bool {
        self.lock().past.iter().any(|past| **past == *text)
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
        self.generation.fetch_add(1, Ordering::AcqRel);
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
    use crate::delivery::scribe::desk;
    use crate::ids::{Peer, UserId};
    use crate::metrics::Metrics;

    fn epoch() -> Epoch {
        Epoch::new("one", desk(Arc::new(Metrics::new())).0)
    }

    fn message() -> Append {
        let [sender, to] = [1, 2].map(|number| UserId::new(number).unwrap());
        let (conv, to) = (ConvId::pair(sender, to), Peer::User(to));
        Append { conv, sender, to, cid: None, body: "{}".into(), sent_at: UnixMs(0), friends_only: false }
    }

    fn commit(epoch: &Epoch, seqs: &[Seq]) {
        let batch = vec![message(); seqs.len()];
        let before = epoch.before(&batch);
        let outcomes: Vec<Appended> = seqs.iter().map(|seq| Appended::Stored(*seq)).collect();
        epoch.after(&before, &batch, &outcomes);
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
        let batch = [message()];
        let before = epoch.before(&batch);
        // Another node's transaction was between this one's beginning and its answer.
        epoch.heard_of(message().conv, 2);
        epoch.after(&before, &batch, &[Appended::Stored(1)]);
        assert_eq!(epoch.wish(), Wish::None);
        epoch.after(&epoch.before(&batch), &batch, &[Appended::Duplicate { seq: 1, sent_at: UnixMs(0) }]);
        assert_eq!(epoch.wish(), Wish::None, "a message that is sent again has an old number");
    }

    #[test]
    fn who_has_had_more_than_there_is_has_evidence() {
        let epoch = epoch();
        epoch.compare(0, message().conv, 5, 5);
        assert_eq!(epoch.wish(), Wish::None);
        epoch.compare(0, message().conv, 6, 5);
        assert_eq!(epoch.wish(), Wish::New);
    }

    #[test]
    fn evidence_of_an_epoch_that_is_over_does_not_count() {
        let epoch = epoch();
        commit(&epoch, &[9]);
        let batch = [message()];
        let before = epoch.before(&batch);
        epoch.adopt("two");
        epoch.after(&before, &batch, &[Appended::Stored(8)]);
        epoch.compare(0, message().conv, 9, 8);
        commit(&epoch, &[9]);
        assert_eq!(epoch.wish(), Wish::None);
        assert_eq!((&*epoch.text(), epoch.generation()), ("two", 1));
        commit(&epoch, &[9]);
        assert_eq!(epoch.wish(), Wish::New, "the next one is noticed as well");
        assert!(epoch.is_past("one") && !epoch.is_past("two"));
    }

    #[test]
    fn a_wish_is_kept_until_it_is_fulfilled() {
        let epoch = epoch();
        epoch.look();
        epoch.compare(0, message().conv, 6, 5);
        epoch.look();
        epoch.fulfilled(Wish::Look);
        assert_eq!(epoch.wish(), Wish::New);
        epoch.fulfilled(Wish::New);
        assert_eq!(epoch.wish(), Wish::None);
    }
}
