//! The thread that removes messages that were kept long enough, on one node at a time: which one stands in the table Lease.
//!
//! ```text
//!   every hour, or asked --lease--> look at conversations in order --piece, pause, piece ...--> purge, release
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use super::sweeper::Sweep;
use crate::clock::Clock;
use crate::store::{AdminStore, OpenStore, Result, StoreError};

/// How often it looks by itself.
const LOOK: Duration = Duration::from_secs(3600);
/// How soon after the start it looks first.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// How long it waits after the store was away.
const AWAY_PAUSE: Duration = Duration::from_secs(60);
/// The shortest pause between two pieces; it is as long as the last piece took otherwise.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// For how long a node says that it does it; it says so again in half of that time.
const LEASE: Duration = Duration::from_secs(120);
/// What the lease is for.
const WORK: &str = "retention";

/// The door to the thread. Any thread.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    asked: Sender<()>,
    days: Arc<AtomicU32>,
}

impl Door {
    /// Has it look now.
    pub(crate) fn run(&self) {
        // A full queue means that it will look anyway.
        let _ = self.asked.try_send(());
    }

    /// Messages are kept for so many days from now on; `None`: for ever.
    pub(crate) fn keep_for(&self, days: Option<u32>) {
        self.days.store(days.unwrap_or(0), Ordering::Release);
    }
}

/// The running thread.
pub(crate) struct Retention {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

struct Worker {
    stores: Arc<dyn OpenStore>,
    clock: Clock,
    sweep: Sweep,
    days: Arc<AtomicU32>,
    /// This node's name in the table Lease.
    holder: String,
    asked: Receiver<()>,
    stopped: Receiver<()>,
}

/// How a look ended.
enum Looked {
    /// There is nothing left to do, or another node does it.
    Done,
    /// The node stops.
    Stopped,
}

impl Retention {
    /// Starts the thread. `days`: how long messages are kept where a group has no time of its own; `None`: for ever.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub(crate) fn start(
        stores: Arc<dyn OpenStore>,
        clock: Clock,
        sweep: Sweep,
        days: Option<u32>,
        holder: String,
    ) -> std::io::Result<(Self, Door)> {
        let ((ask, asked), (stop, stopped)) = (bounded(1), bounded(0));
        let days = Arc::new(AtomicU32::new(days.unwrap_or(0)));
        let door = Door { asked: ask, days: Arc::clone(&days) };
        let worker = Worker { stores, clock, sweep, days, holder, asked, stopped };
        let thread = thread::Builder::new().name("retention".to_owned()).spawn(move || worker.run())?;
        Ok((Self { stop, thread }, door))
    }

    /// Ends the thread, within the piece it is at.
    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            log::error!("retention: the thread panicked");
        }
    }
}

impl Worker {
    fn run(self) {
        let mut pause = FIRST_LOOK;
        loop {
            select! {
                recv(self.asked) -> asked => {
                    if asked.is_err() {
                        return;
                    }
                }
                recv(self.stopped) -> _ => return,
                default(pause) => {}
            }
            pause = match self.look() {
                Ok(Looked::Done) => LOOK,
                Ok(Looked::Stopped) => return,
                Err(error) => {
                    log::debug!("messages that were kept long enough cannot be removed now: {error}");
                    AWAY_PAUSE
                }
            };
        }
    }

    fn look(&self) -> Result<Looked> {
        let days = Some(self.days.load(Ordering::Acquire)).filter(|days| *days > 0);
        // A connection of its own, as long as there is something to do.
        let mut store = self.stores.open()?;
        let store = store.admin().ok_or_else(|| StoreError::Broken("no such store".into()))?;
        if !store.is_aging(days)? || !self.lease(store)? {
            return Ok(Looked::Done);
        }
        let looked = self.walk(store, days);
        store.release_lease(WORK, &self.holder)?;
        looked
    }

    fn lease(&self, store: &mut dyn AdminStore) -> Result<bool> {
        let now = self.clock.wall();
        store.lease(WORK, &self.holder, now.plus(LEASE), now)
    }

    fn walk(&self, store: &mut dyn AdminStore, days: Option<u32>) -> Result<Looked> {
        let (mut place, mut removed) = (0, 0_u64);
        let mut leased_at = self.clock.now();
        loop {
            let began = self.clock.now();
            let aged = store.age(place, days, self.clock.wall())?;
            removed += aged.removed;
            if aged.removed > 0 {
                self.sweep.recalled();
            }
            let Some(next) = aged.next else { break };
            place = next;
            let now = self.clock.now();
            if self.pauses(now.saturating_duration_since(began)) {
                return Ok(Looked::Stopped);
            }
            if now.saturating_duration_since(leased_at) >= LEASE / 2 {
                if !self.lease(store)? {
                    break;
                }
                leased_at = now;
            }
        }
        if removed > 0 {
            log::info!("{removed} messages were removed that had been kept long enough");
        }
        Ok(Looked::Done)
    }

    /// Lets others go on for as long as the last piece has taken; whether the node stops.
    fn pauses(&self, took: Duration) -> bool {
        self.stopped.recv_timeout(took.max(PAUSE_MIN)) == Err(RecvTimeoutError::Disconnected)
    }
}
