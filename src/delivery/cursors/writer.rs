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

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::queue::CursorQueue;
use crate::bus::{Bell, Bus, Channel};
use crate::delivery::bell::Ring;
use crate::delivery::directory::Directory;
use crate::delivery::keeper::Keeper;
use crate::delivery::states::Absent;
use crate::ids::UserId;
use crate::metrics::Metrics;
use crate::store::Store;

/// The longest time a confirmed position waits to be written.
const WRITE_BEHIND: Duration = Duration::from_secs(1);
/// Rows of one write.
const BATCH_ROWS_MAX: usize = 500;
/// How often it is looked for users that are reported online by nodes that are no more.
const LOOK_PAUSE: Duration = Duration::from_secs(5);

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
                    log::warn!("{} confirmed positions wait, the database does not take them: {error}", rows.len());
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
            // A user with a session on another node as well is online all the same: that node says so.
            let bell = |user| Bell { channel: Channel::User(user), payload: Ring::Offline.encode() };
            self.bus.publish(offline.into_iter().map(bell).collect());
        }
    }
}
