//! The cursor writer: one thread that writes behind what may be late: cursors, what was read, and who is reported online. What
//! it has written it tells to those who want to know.
//!
//! ```text
//!   reactors --confirm, read--> Cursors --(each second, or when somebody leaves)--> store --> receipts
//!                               (of much that was confirmed in groups a part in each round: pace.rs)
//!   reactors --changed--------> who is online here ------------------------------> store --> presences
//!   reactors --departed-----------> after both: unsubscribe from the user's channels
//!                                   before each write: Keeper (has the data gone back?), Endings (who was logged out?)
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

use super::outages::{Behind, Outages};
use super::pace::Pace;
use super::queue::{CursorQueue, Waiting};
use super::table::{Confirmation, Cursors, Reading};
use crate::bus::{Bell, Bus, Channel};
use crate::clock::Clock;
use crate::delivery::bell::{self, Ring};
use crate::delivery::demand::{Demand, Wanted};
use crate::delivery::directory::Elsewhere;
use crate::delivery::endings::Endings;
use crate::delivery::fanout::Fanout;
use crate::delivery::keeper::Keeper;
use crate::delivery::presences::{self, Presences};
use crate::delivery::publisher::Publisher;
use crate::delivery::receipts;
use crate::delivery::states::Absent;
use crate::ids::UserId;
use crate::metrics::Metrics;
use crate::slow;
use crate::store::{CursorRow, ReadRow, SavedReads, Store, StoreError};
use crate::wants::Want;

/// The longest time between two rounds.
const WRITE_BEHIND: Duration = Duration::from_secs(1);
/// What has moved is told no more often, however often it is written.
const TELL_PAUSE: Duration = Duration::from_secs(1);
/// It is asked no more often what has changed while bells were lost, however many nodes say so.
const MISSED_PAUSE: Duration = Duration::from_secs(1);
/// Rows of one write.
const BATCH_ROWS_MAX: usize = 500;
/// How often it is looked for users that are reported online by nodes that are no more.
const LOOK_PAUSE: Duration = Duration::from_secs(5);
/// Users in one bell that leaves them to another node.
const LEFT_BEHIND_MAX: usize = 10_000;

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
    // The database's clock is read before anything can be missed.
    cursor_writer.write(looked_at);
    while !stopping {
        // The stop channel never carries a value: receiving from it fails once its sender is dropped.
        stopping = matches!(stop.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected));
        if !stopping && matches!(nudged.recv_timeout(WRITE_BEHIND), Err(RecvTimeoutError::Disconnected)) {
            stopping = true;
        }
        cursor_writer.write(now());
        if looked_at.elapsed() >= LOOK_PAUSE {
            cursor_writer.look_for_absent(now());
            looked_at = now();
        }
    }
    cursor_writer.pace.end();
    cursor_writer.write(now());
    cursor_writer.leave_behind(now());
    cursor_writer.keeper.leave(&mut *cursor_writer.store);
}

#[expect(clippy::disallowed_methods, reason = "the thread's shell reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// How the cursor writer tells what it has written.
pub(crate) struct Telling {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) fanout: Fanout,
    pub(crate) demand: Arc<Demand>,
}

/// The cursor writer without its thread.
pub struct CursorWriter {
    store: Box<dyn Store>,
    bus: Arc<dyn Bus>,
    publisher: Publisher,
    demand: Arc<Demand>,
    cursor_queue: CursorQueue,
    keeper: Keeper,
    endings: Endings,
    metrics: Arc<Metrics>,
    /// When receipts were told last.
    told_at: Option<Instant>,
    /// When it was asked last what was missed.
    missed_at: Option<Instant>,
    presences: Presences,
    /// Who is to be reported once more, some in each round.
    again: Vec<UserId>,
    absent: Absent,
    clock: Clock,
    outages: Outages,
    pace: Pace,
}

impl CursorWriter {
    /// A cursor writer with a database connection of its own, that gives channels up on the bus, reports who is
    /// online, and tells sessions. The keeper works on its thread.
    #[must_use]
    pub(crate) fn new(
        store: Box<dyn Store>,
        telling: Telling,
        cursor_queue: CursorQueue,
        keeper: Keeper,
        clock: Clock,
    ) -> Self {
        let Telling { bus, fanout, demand } = telling;
        let metrics = Arc::clone(&cursor_queue.metrics);
        let absent = Absent::new(bus.node());
        let publisher = Publisher::new(fanout);
        let (told_at, presences, again) = (None, Presences::default(), Vec::new());
        let endings = Endings::new(clock);
        Self {
            store,
            bus,
            publisher,
            demand,
            cursor_queue,
            keeper,
            endings,
            metrics,
            told_at,
            missed_at: None,
            presences,
            again,
            absent,
            clock,
            outages: Outages::default(),
            pace: Pace::default(),
        }
    }

    /// Writes what waits, as far as the store takes it.
    pub fn write(&mut self, now: Instant) {
        // First: cursors of an epoch that is over are not to be written. They wait if it could not be ended.
        self.keeper.tend(&mut *self.store);
        self.make_good(now);
        if let Err(error) = self.endings.look(&mut *self.store, self.publisher.fanout()) {
            log::debug!("cannot look for sessions that were ended elsewhere: {error}");
        }
        // Taken before the cursors: a session that departs later has its cursors written by the next round.
        let departed = std::mem::take(&mut self.cursor_queue.lock().departed);
        // Before the rows are taken: those of the epoch that may follow would be refused, and come again.
        if let Some(epoch) = self.keeper.epoch_for_cursors() {
            self.write_cursors(&epoch, now);
            self.write_reads(&epoch, now);
        }
        self.write_states(now);
        self.tell(now);
        let after = self.clock.now();
        let took = after.saturating_duration_since(now);
        slow::note(&self.metrics, took, after, || {
            format!("writing cursors and states took {} ms", slow::milliseconds(took))
        });
        if !departed.is_empty() {
            self.bus.unsubscribe(&departed);
        }
    }

    /// Bells may have been lost: the sessions here are told what has changed meanwhile, or all of them are compared with the store.
    fn make_good(&mut self, now: Instant) {
        if self.missed_at.is_some_and(|at| now.saturating_duration_since(at) < MISSED_PAUSE) {
            return;
        }
        let Some(gap) = self.cursor_queue.lock().gap.take() else { return };
        self.missed_at = Some(now);
        let fanout = self.publisher.fanout();
        match self.keeper.changed(&mut *self.store, &gap) {
            Ok(Some((changed, generation))) => {
                let told = gap.tell(fanout, &changed, generation);
                self.metrics.resync_conversations.inc_by(told as u64);
                log::info!("{told} conversations and {} groups have changed meanwhile", changed.groups.len());
            }
            Ok(None) => {
                log::info!(
                    "all sessions are compared with the store: what has changed meanwhile is not known, or too much"
                );
                gap.compare_all(fanout);
            }
            Err(StoreError::Unavailable(error) | StoreError::Busy(error)) => {
                // It is a little larger the next time.
                log::debug!("cannot look for what was missed: {error}");
                self.cursor_queue.missed(gap);
            }
            Err(error) => {
                log::warn!("all sessions are compared with the store: {error}");
                gap.compare_all(fanout);
            }
        }
    }

    /// Users whom a node has reported online that is no more are reported offline, and told to have gone. Called now and then.
    pub fn look_for_absent(&mut self, now: Instant) {
        let Some(present) = self.bus.nodes() else { return };
        let mut lost = Vec::new();
        if let Err(error) = self.absent.look(self.store.as_mut(), &present, &mut lost) {
            log::debug!("cannot look for users of nodes that have gone: {error}");
        }
        self.presences.lost(lost, now);
    }

    /// This node stops before it could tell who has gone with it: another one is to do that, after the usual time.
    fn leave_behind(&mut self, now: Instant) {
        let users = self.presences.leave_behind();
        if users.is_empty() || self.demand.look(Want::Presence, now).elsewhere() == Elsewhere::No {
            return;
        }
        let Some(other) = self.bus.nodes().and_then(|nodes| nodes.into_iter().min_by_key(|node| node.0)) else {
            return;
        };
        for some in users.chunks(LEFT_BEHIND_MAX) {
            self.publisher.ring(Channel::All, Ring::Gone(other, bell::users_text(some).as_bytes()));
        }
        self.publisher.flush(self.bus.as_ref());
    }

    fn write_cursors(&mut self, epoch: &str, now: Instant) {
        let (all, in_groups) = {
            let waiting = self.cursor_queue.lock();
            (waiting.cursors.len(), waiting.in_groups.len())
        };
        let some = self.pace.rows(in_groups, now);
        let is_told = all + some > 0 && self.demand.look(Want::Receipts, now).is_possible();
        if self.write_rows(epoch, |waiting| &mut waiting.cursors, all, is_told) {
            self.write_rows(epoch, |waiting| &mut waiting.in_groups, some, is_told);
        }
        self.cursor_queue.gauge(&self.cursor_queue.lock());
    }

    /// Writes about so many rows of a table; whether the store took them.
    fn write_rows(
        &mut self,
        epoch: &str,
        table: fn(&mut Waiting) -> &mut Cursors<Confirmation>,
        mut left: usize,
        is_told: bool,
    ) -> bool {
        // Rows that are locked wait again: once round is enough.
        while left > 0 {
            let rows = table(&mut self.cursor_queue.lock()).take(left.min(BATCH_ROWS_MAX));
            left = left.saturating_sub(rows.len());
            if rows.is_empty() {
                break;
            }
            let positions: Vec<CursorRow> = rows.iter().map(|confirmation| confirmation.row).collect();
            match self.store.save_cursors(epoch, &positions) {
                Ok(locked) => {
                    self.outages.note(Behind::Confirmed, None);
                    self.metrics.cursors_written.inc_by((rows.len() - locked.len()) as u64);
                    let is_locked = |confirmation: &Confirmation| locked.contains(&confirmation.row);
                    let (locked, written): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_locked);
                    let mut waiting = self.cursor_queue.lock();
                    if is_told {
                        waiting.moved.delivered(&written);
                    }
                    let dropped = table(&mut waiting).written_but(locked);
                    self.metrics.cursors_dropped.inc_by(dropped as u64);
                }
                Err(error) => {
                    self.metrics.store_errors.inc();
                    self.outages.note(Behind::Confirmed, Some(&error));
                    let dropped = table(&mut self.cursor_queue.lock()).not_written();
                    self.metrics.cursors_dropped.inc_by(dropped as u64);
                    return false;
                }
            }
        }
        true
    }

    fn write_reads(&mut self, epoch: &str, now: Instant) {
        let mut left = self.cursor_queue.lock().reads.len();
        let is_told = left > 0 && self.demand.look(Want::Receipts, now).is_possible();
        while left > 0 {
            let taken = self.cursor_queue.lock().reads.take(BATCH_ROWS_MAX);
            left = left.saturating_sub(taken.len());
            if taken.is_empty() {
                break;
            }
            let rows: Vec<ReadRow> = taken.iter().map(|reading| reading.row).collect();
            match self.store.save_reads(epoch, &rows) {
                Ok(SavedReads { moved, locked }) => {
                    self.outages.note(Behind::Read, None);
                    self.metrics.cursors_written.inc_by(moved.len() as u64);
                    let is_locked = |row: &ReadRow| locked.iter().any(|l| (l.user, l.conv) == (row.user, row.conv));
                    let again: Vec<Reading> = taken.iter().filter(|of| is_locked(&of.row)).copied().collect();
                    let mut waiting = self.cursor_queue.lock();
                    if is_told {
                        waiting.moved.read(&taken, &moved);
                    }
                    let dropped = waiting.reads.written_but(again);
                    self.metrics.cursors_dropped.inc_by(dropped as u64);
                }
                Err(error) => {
                    self.metrics.store_errors.inc();
                    self.outages.note(Behind::Read, Some(&error));
                    let dropped = self.cursor_queue.lock().reads.not_written();
                    self.metrics.cursors_dropped.inc_by(dropped as u64);
                    break;
                }
            }
        }
        self.cursor_queue.gauge(&self.cursor_queue.lock());
    }

    fn write_states(&mut self, now: Instant) {
        let (mut changed, gone) = {
            let mut waiting = self.cursor_queue.lock();
            if std::mem::take(&mut waiting.report_all) {
                self.again = self.publisher.directory().users();
            }
            (std::mem::take(&mut waiting.changed), std::mem::take(&mut waiting.gone))
        };
        self.presences.left(gone, now);
        changed.extend(self.again.drain(self.again.len().saturating_sub(BATCH_ROWS_MAX)..));
        if changed.is_empty() {
            return;
        }
        let (online, offline): (Vec<UserId>, Vec<UserId>) =
            changed.iter().partition(|user| self.publisher.directory().is_online(**user));
        self.presences.came(self.publisher.directory(), &online);
        let reported = self.store.report_states(self.bus.node(), &online, &offline);
        self.outages.note(Behind::States, reported.as_ref().err());
        if reported.is_err() {
            self.metrics.store_errors.inc();
            self.cursor_queue.lock().changed.extend(changed);
            return;
        }
        if !offline.is_empty() && self.bus.has_peers() {
            // A user with a session on another node as well is online all the same: that node says so.
            let bell = |user| Bell { channel: Channel::User(user), payload: Ring::Offline.encode() };
            self.bus.publish(offline.into_iter().map(bell).collect());
        }
    }

    /// Tells those who want it what has moved, and who has come and gone.
    fn tell(&mut self, now: Instant) {
        let Self { store, bus, publisher, demand, presences, cursor_queue, .. } = self;
        let ways = presences::Ways { bus: bus.as_ref(), demand, cursor_queue };
        if let Err(error) = presences.round(store.as_mut(), publisher, &ways, now) {
            log::debug!("friends are told later who comes and goes: {error}");
        }
        self.tell_moved(now);
        self.publisher.flush(self.bus.as_ref());
    }

    fn tell_moved(&mut self, now: Instant) {
        let is_time = self.told_at.is_none_or(|at| now.saturating_duration_since(at) >= TELL_PAUSE);
        if !is_time || self.cursor_queue.lock().moved.is_empty() {
            return;
        }
        let wanted = self.demand.look(Want::Receipts, now);
        if wanted == Wanted::Unknown {
            // In the next round, which comes with the answer.
            return;
        }
        let moved = self.cursor_queue.lock().moved.take();
        self.told_at = Some(now);
        if let Err(error) = receipts::tell(moved, self.store.as_mut(), &mut self.publisher, wanted) {
            log::debug!("nobody is told what has arrived and what was read: {error}");
        }
    }
}
