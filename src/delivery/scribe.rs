//! The scribe: one thread that writes behind what may be late: cursors, and who is reported online.
//!
//! ```text
//!   reactors --confirm--> Cursors --(each second, or when somebody leaves)--> store
//!   reactors --departed-----------> after the write: unsubscribe from the user's channels
//! ```
//!
//! When a session ends, its cursors are written before the node gives up the user's channel on the bus: whoever sees
//! the user offline elsewhere, and lets a new session in, reads cursors that are up to date.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::cursors::Cursors;
use crate::bus::{Bus, Channel};
use crate::ids::UserId;
use crate::metrics::Metrics;
use crate::store::{CursorRow, Store};

/// The longest time a confirmed position waits to be written.
const WRITE_BEHIND: Duration = Duration::from_secs(1);
/// Rows that may wait; some 100 bytes each.
const ROWS_MAX: usize = 200_000;
/// Rows of one write.
const BATCH_ROWS_MAX: usize = 500;

/// What waits to be written. Shared by reactors, workers and the scribe; every lock is short.
#[derive(Default)]
struct Waiting {
    cursors: Option<Cursors>,
    /// user -> online.
    states: HashMap<UserId, bool>,
    /// Channels to give up after the next write.
    departed: Vec<Channel>,
}

impl Waiting {
    fn cursors(&mut self) -> &mut Cursors {
        self.cursors.get_or_insert_with(|| Cursors::new(ROWS_MAX))
    }
}

/// The door to the scribe. Any thread may call; nothing blocks on the database, but for [`Desk::take_user`]'s caller.
#[derive(Clone)]
pub struct Desk {
    waiting: Arc<Mutex<Waiting>>,
    nudge: Sender<()>,
    metrics: Arc<Metrics>,
}

impl Desk {
    /// Notes confirmed positions.
    pub fn confirm(&self, rows: impl IntoIterator<Item = CursorRow>) {
        let mut waiting = self.lock();
        for row in rows {
            if !waiting.cursors().confirm(row) {
                self.metrics.cursors_dropped.inc();
            }
        }
        self.gauge(&mut waiting);
    }

    /// Takes the positions noted for one user, for a worker that writes them before it reads that user's backlog.
    #[must_use]
    pub fn take_user(&self, user: UserId) -> Vec<CursorRow> {
        let mut waiting = self.lock();
        let rows = waiting.cursors().take_user(user);
        self.gauge(&mut waiting);
        rows
    }

    /// A session has begun.
    pub fn arrived(&self, user: UserId) {
        self.lock().states.insert(user, true);
    }

    /// A user's last session here has ended.
    pub fn departed(&self, user: UserId, channels: &[Channel]) {
        self.lock().states.insert(user, false);
        self.release(channels);
    }

    /// A session has ended: write soon, then give up its channels.
    pub fn release(&self, channels: &[Channel]) {
        self.lock().departed.extend_from_slice(channels);
        // A full nudge queue means that the scribe is awake or will be.
        let _ = self.nudge.try_send(());
    }

    fn gauge(&self, waiting: &mut Waiting) {
        self.metrics.cursors_dirty.set(i64::try_from(waiting.cursors().len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the scribe's thread owns.
pub struct ScribeParts {
    /// Its database connection.
    pub store: Box<dyn Store>,
    /// Where channels are given up.
    pub bus: Arc<dyn Bus>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Starts the scribe. It writes a last time and ends when `stop` is dropped.
///
/// # Errors
/// The system gives no more threads.
pub fn start(parts: ScribeParts, stop: Receiver<()>) -> std::io::Result<(Desk, JoinHandle<()>)> {
    let (nudge, nudged) = bounded(1);
    let desk = Desk { waiting: Arc::default(), nudge, metrics: Arc::clone(&parts.metrics) };
    let mine = desk.clone();
    let thread = thread::Builder::new().name("scribe".to_owned()).spawn(move || run(parts, &mine, &nudged, &stop))?;
    Ok((desk, thread))
}

fn run(mut parts: ScribeParts, desk: &Desk, nudged: &Receiver<()>, stop: &Receiver<()>) {
    let mut stopping = false;
    while !stopping {
        // The stop channel never carries a value: receiving from it fails once its sender is dropped.
        stopping = matches!(stop.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected));
        if !stopping && matches!(nudged.recv_timeout(WRITE_BEHIND), Err(RecvTimeoutError::Disconnected)) {
            stopping = true;
        }
        write(&mut parts, desk);
    }
    write(&mut parts, desk);
}

fn write(parts: &mut ScribeParts, desk: &Desk) {
    // Taken before the cursors: a session that departs later has its cursors written by the next round.
    let departed = std::mem::take(&mut desk.lock().departed);
    write_cursors(parts, desk);
    if !departed.is_empty() {
        parts.bus.unsubscribe(&departed);
    }
    write_states(parts, desk);
}

fn write_cursors(parts: &mut ScribeParts, desk: &Desk) {
    loop {
        let rows = desk.lock().cursors().take(BATCH_ROWS_MAX);
        if rows.is_empty() {
            break;
        }
        if let Err(error) = parts.store.save_cursors(&rows) {
            parts.metrics.store_errors.inc();
            log::warn!("cannot write {} cursors: {error}", rows.len());
            let dropped = desk.lock().cursors().not_written();
            parts.metrics.cursors_dropped.inc_by(dropped as u64);
            break;
        }
        desk.lock().cursors().written();
        parts.metrics.cursors_written.inc_by(rows.len() as u64);
    }
    desk.gauge(&mut desk.lock());
}

fn write_states(parts: &mut ScribeParts, desk: &Desk) {
    let states = std::mem::take(&mut desk.lock().states);
    if states.is_empty() {
        return;
    }
    let of = |wanted: bool| -> Vec<UserId> {
        states.iter().filter(|(_, online)| **online == wanted).map(|(user, _)| *user).collect()
    };
    if let Err(error) = parts.store.report_states(&of(true), &of(false)) {
        parts.metrics.store_errors.inc();
        log::warn!("cannot report who is online: {error}");
        let mut waiting = desk.lock();
        for (user, online) in states {
            waiting.states.entry(user).or_insert(online);
        }
    }
}
