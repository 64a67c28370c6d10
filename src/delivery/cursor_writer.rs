//! The cursor writer: one thread that writes behind what may be late: cursors, and who is reported online.
//!
//! ```text
//!   reactors --confirm--> Cursors --(each second, or when somebody leaves)--> store
//!   reactors --changed--> who is online here ----------------------------> store
//!   reactors --departed-----------> after both: unsubscribe from the user's channels
//!                                   before each write: Keeper (has the data gone back?)
//! ```
//!
//! When a session ends, its cursors are written before the node gives up the user's channels on the bus: whoever sees
//! the user offline elsewhere, and lets a new session in, reads cursors that are up to date. So is the state: `offline` is
//! written before the next node writes `online`. And a row names the node that wrote `online`: only that node, or who finds
//! that it is no more, writes `offline` over it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::bell::Ring;
use super::cursors::Cursors;
use super::directory::Directory;
use super::keeper::Keeper;
use super::states::Absent;
use crate::bus::{Bell, Bus, Channel};
use crate::ids::UserId;
use crate::metrics::Metrics;
use crate::store::{CursorRow, Store};

/// The longest time a confirmed position waits to be written.
const WRITE_BEHIND: Duration = Duration::from_secs(1);
/// Rows that may wait; some 100 bytes each.
const ROWS_MAX: usize = 200_000;
/// Rows of one write.
const BATCH_ROWS_MAX: usize = 500;
/// How often it is looked for users that are reported online by nodes that are no more.
const LOOK_PAUSE: Duration = Duration::from_secs(5);

/// What waits to be written. Shared by reactors, workers and the cursor writer; every lock is short.
#[derive(Debug)]
struct Waiting {
    cursors: Cursors,
    /// Users who came or went: what is reported of them is what the directory says when it is written.
    changed: HashSet<UserId>,
    /// Everybody who is online here is to be reported once more.
    report_all: bool,
    /// Channels to give up after the next write.
    departed: Vec<Channel>,
    /// Reactors whose sessions of an earlier epoch may still be there: what they confirm counts no more.
    reactors_behind: u32,
}

/// The door to the cursor writer. Any thread may call; nothing blocks on the database, but for [`CursorQueue::take_user`]'s caller.
#[derive(Clone, Debug)]
pub struct CursorQueue {
    waiting: Arc<Mutex<Waiting>>,
    nudge: Sender<()>,
    metrics: Arc<Metrics>,
}

impl CursorQueue {
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
    pub fn take_user(&self, user: UserId) -> Vec<CursorRow> {
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
    pub fn report_all(&self) {
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
    pub fn nudge(&self) {
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
    pub fn sessions_ended(&self) {
        let mut waiting = self.lock();
        waiting.reactors_behind = waiting.reactors_behind.saturating_sub(1);
    }

    fn gauge(&self, waiting: &Waiting) {
        self.metrics.cursors_dirty.set(i64::try_from(waiting.cursors.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue that nobody reads yet, and where its nudges arrive.
#[must_use]
pub fn cursor_queue(metrics: Arc<Metrics>) -> (CursorQueue, Receiver<()>) {
    let (nudge, nudged) = bounded(1);
    let waiting = Waiting {
        cursors: Cursors::new(ROWS_MAX),
        changed: HashSet::new(),
        report_all: false,
        departed: Vec::new(),
        reactors_behind: 0,
    };
    (CursorQueue { waiting: Arc::new(Mutex::new(waiting)), nudge, metrics }, nudged)
}

/// Starts the cursor writer's thread. It writes a last time and ends when `stop` is dropped.
///
/// # Errors
/// The system gives no more threads.
pub fn start(cursor_writer: CursorWriter, nudged: Receiver<()>, stop: Receiver<()>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("cursor-writer".to_owned()).spawn(move || run(cursor_writer, &nudged, &stop))
}

fn run(mut cursor_writer: CursorWriter, nudged: &Receiver<()>, stop: &Receiver<()>) {
    let mut stopping = false;
    let mut looked_at = now();
    while !stopping {
        // The stop channel never carries a value: receiving from it fails once its sender is dropped.
        stopping = matches!(stop.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected));
        if !stopping && matches!(nudged.recv_timeout(WRITE_BEHIND), Err(RecvTimeoutError::Disconnected)) {
            stopping = true;
        }
        cursor_writer.write();
        if looked_at.elapsed() >= LOOK_PAUSE {
            cursor_writer.look_for_absent();
            looked_at = now();
        }
    }
    cursor_writer.write();
    cursor_writer.keeper.leave(&mut *cursor_writer.store);
}

#[expect(clippy::disallowed_methods, reason = "the thread's shell reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// The cursor writer without its thread.
pub struct CursorWriter {
    store: Box<dyn Store>,
    bus: Arc<dyn Bus>,
    directory: Arc<Directory>,
    cursor_queue: CursorQueue,
    keeper: Keeper,
    metrics: Arc<Metrics>,
    /// Who is to be reported once more, some in each round.
    again: Vec<UserId>,
    absent: Absent,
}

impl CursorWriter {
    /// A cursor writer with a database connection of its own, that gives channels up on `bus` and reports whom `directory` has.
    /// The keeper works on its thread.
    #[must_use]
    pub fn new(
        store: Box<dyn Store>,
        bus: Arc<dyn Bus>,
        directory: Arc<Directory>,
        cursor_queue: CursorQueue,
        keeper: Keeper,
    ) -> Self {
        let metrics = Arc::clone(&cursor_queue.metrics);
        let absent = Absent::new(bus.node());
        Self { store, bus, directory, cursor_queue, keeper, metrics, again: Vec::new(), absent }
    }

    /// Writes what waits, as far as the store takes it.
    pub fn write(&mut self) {
        // First: cursors of an epoch that is over are not to be written. They wait if it could not be ended.
        self.keeper.tend(&mut *self.store);
        // Taken before the cursors: a session that departs later has its cursors written by the next round.
        let departed = std::mem::take(&mut self.cursor_queue.lock().departed);
        // Before the rows are taken: those of the epoch that may follow would be refused, and come again.
        if let Some(epoch) = self.keeper.epoch_for_cursors() {
            self.write_cursors(&epoch);
        }
        self.write_states();
        if !departed.is_empty() {
            self.bus.unsubscribe(&departed);
        }
    }

    /// Users whom a node has reported online that is no more are reported offline. Called now and then.
    pub fn look_for_absent(&mut self) {
        let Some(present) = self.bus.nodes() else { return };
        if let Err(error) = self.absent.look(self.store.as_mut(), &present) {
            log::debug!("cannot look for users of nodes that have gone: {error}");
        }
    }

    fn write_cursors(&mut self, epoch: &str) {
        // Rows that are locked wait again: once round is enough.
        let mut left = self.cursor_queue.lock().cursors.len();
        while left > 0 {
            let rows = self.cursor_queue.lock().cursors.take(BATCH_ROWS_MAX);
            left = left.saturating_sub(rows.len());
            if rows.is_empty() {
                break;
            }
            match self.store.save_cursors(epoch, &rows) {
                Ok(locked) => {
                    self.metrics.cursors_written.inc_by((rows.len() - locked.len()) as u64);
                    let dropped = self.cursor_queue.lock().cursors.written_but(locked);
                    self.metrics.cursors_dropped.inc_by(dropped as u64);
                }
                Err(error) => {
                    self.metrics.store_errors.inc();
                    log::warn!("cannot write {} cursors: {error}", rows.len());
                    let dropped = self.cursor_queue.lock().cursors.not_written();
                    self.metrics.cursors_dropped.inc_by(dropped as u64);
                    break;
                }
            }
        }
        self.cursor_queue.gauge(&self.cursor_queue.lock());
    }

    fn write_states(&mut self) {
        let mut changed = {
            let mut waiting = self.cursor_queue.lock();
            if std::mem::take(&mut waiting.report_all) {
                self.again = self.directory.users();
            }
            std::mem::take(&mut waiting.changed)
        };
        changed.extend(self.again.drain(self.again.len().saturating_sub(BATCH_ROWS_MAX)..));
        if changed.is_empty() {
            return;
        }
        let (online, offline): (Vec<UserId>, Vec<UserId>) =
            changed.iter().partition(|user| self.directory.is_online(**user));
        if let Err(error) = self.store.report_states(self.bus.node(), &online, &offline) {
            self.metrics.store_errors.inc();
            log::warn!("cannot report who is online: {error}");
            self.cursor_queue.lock().changed.extend(changed);
            return;
        }
        if !offline.is_empty() && self.bus.has_peers() {
            // Who has a session on another node as well is online all the same: that node says so.
            let bell = |user| Bell { channel: Channel::User(user), payload: Ring::Offline.encode() };
            self.bus.publish(offline.into_iter().map(bell).collect());
        }
    }
}
