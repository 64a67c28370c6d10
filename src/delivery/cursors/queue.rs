//! What waits to be written behind: confirmed positions, who has come and gone, and channels to give up after that.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::table::Cursors;
use crate::bus::Channel;
use crate::ids::UserId;
use crate::metrics::Metrics;
use crate::store::CursorRow;

/// Rows that may wait; some 100 bytes each.
const ROWS_MAX: usize = 200_000;

/// What waits to be written. Shared by reactors, workers and the cursor writer; every lock is short.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) cursors: Cursors,
    /// Users who came or went: what is reported of them is what the directory says when it is written.
    pub(super) changed: HashSet<UserId>,
    /// Everybody who is online here is to be reported once more.
    pub(super) report_all: bool,
    /// Channels to give up after the next write.
    pub(super) departed: Vec<Channel>,
    /// Reactors whose sessions of an earlier epoch may still be there: what they confirm counts no more.
    pub(super) reactors_behind: u32,
}

/// The door to the cursor writer. Any thread may call; nothing blocks on the database, but for [`CursorQueue::take_user`]'s caller.
#[derive(Clone, Debug)]
pub struct CursorQueue {
    waiting: Arc<Mutex<Waiting>>,
    nudge: Sender<()>,
    pub(super) metrics: Arc<Metrics>,
}

impl CursorQueue {
    /// A queue that nobody reads yet, and where its nudges arrive.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> (Self, Receiver<()>) {
        let (nudge, nudged) = bounded(1);
        let waiting = Waiting {
            cursors: Cursors::new(ROWS_MAX),
            changed: HashSet::new(),
            report_all: false,
            departed: Vec::new(),
            reactors_behind: 0,
        };
        (Self { waiting: Arc::new(Mutex::new(waiting)), nudge, metrics }, nudged)
    }

    /// Notes confirmed positions.
    pub fn confirm(&self, rows: impl IntoIterator<Item = CursorRow>) {
        let mut waiting = self.lock();
        if waiting.reactors_behind > 0 {
            // Of a session of before, as a rule; what a new one loses by this comes again.
            return;
        }
        for row in rows {
            if !waiting.cursors.confirm(row) {
                self.metrics.cursors_dropped.inc();
            }
        }
        self.gauge(&waiting);
    }

    /// Takes the positions noted for one user, for a worker that writes them before it reads that user's backlog.
    #[must_use]
    pub(crate) fn take_user(&self, user: UserId) -> Vec<CursorRow> {
        let mut waiting = self.lock();
        let rows = waiting.cursors.take_user(user);
        self.gauge(&waiting);
        rows
    }

    /// The user's first session here has begun, or the last one has ended, or another node has reported the user offline.
    pub fn changed(&self, user: UserId) {
        self.lock().changed.insert(user);
    }

    /// What was reported of those who are online here may have been overwritten.
    pub(crate) fn report_all(&self) {
        self.lock().report_all = true;
    }

    /// A user's last session here has ended.
    pub fn departed(&self, user: UserId, channels: &[Channel]) {
        self.changed(user);
        self.release(channels);
    }

    /// A session has ended: write soon, then give up its channels.
    pub fn release(&self, channels: &[Channel]) {
        self.lock().departed.extend_from_slice(channels);
        self.nudge();
    }

    /// Wakes the cursor writer.
    pub(crate) fn nudge(&self) {
        // A full nudge queue means that the cursor writer is awake or will be.
        let _ = self.nudge.try_send(());
    }

    /// The data went back: confirmed positions that wait are of messages that are no more, and so is what sessions confirm
    /// until each of so many reactors has said that [`CursorQueue::sessions_ended`].
    pub fn void(&self, reactors: u16) {
        let mut waiting = self.lock();
        waiting.cursors = Cursors::new(ROWS_MAX);
        waiting.reactors_behind += u32::from(reactors);
        self.gauge(&waiting);
    }

    /// A reactor has ended its sessions of the epoch that is over.
    pub(crate) fn sessions_ended(&self) {
        let mut waiting = self.lock();
        waiting.reactors_behind = waiting.reactors_behind.saturating_sub(1);
    }

    pub(super) fn gauge(&self, waiting: &Waiting) {
        self.metrics.cursors_dirty.set(i64::try_from(waiting.cursors.len()).unwrap_or(i64::MAX));
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
