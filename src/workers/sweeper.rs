//! The sweeper: one thread that removes what deleted groups and erased users have left, a piece at a time, and what was
//! recalled from the database's files.
//!
//! ```text
//!   DEL_GROUP, ERASE --soon--> sweeper --piece, pause, piece, pause ...--> store
//!   RECALL --recalled----------> sweeper --purge-------------------------> store
//!   start, and every minute --^        (another node may have died over it)
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use crate::clock::Clock;
use crate::store::{OpenStore, Result, Store};

/// How often the sweeper looks by itself.
const LOOK: Duration = Duration::from_secs(60);
/// The shortest pause between two pieces; it is as long as the last piece took otherwise, so that half of the time is
/// everybody else's.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// How long it waits after the store was away.
const AWAY_PAUSE: Duration = Duration::from_secs(5);
/// How long it waits after a purge, whatever was recalled meanwhile, and before it tries one again.
const PURGE_PAUSE: Duration = Duration::from_secs(1);

/// The door to the sweeper. Any thread may call.
#[derive(Clone, Debug)]
pub struct Sweep {
    asked: Sender<()>,
    has_recalled: Arc<AtomicBool>,
}

/// Where the door's calls arrive.
#[derive(Debug)]
pub struct SweepCalls {
    asked: Receiver<()>,
    has_recalled: Arc<AtomicBool>,
}

impl Sweep {
    /// There is something to remove.
    pub fn soon(&self) {
        // A full queue means that the sweeper will look anyway.
        let _ = self.asked.try_send(());
    }

    /// Something was recalled or erased, and nothing of it is to be left in the database's files.
    pub fn recalled(&self) {
        self.has_recalled.store(true, Ordering::Release);
        self.soon();
    }
}

/// A door, and where its calls arrive.
#[must_use]
pub(crate) fn door() -> (Sweep, SweepCalls) {
    let (asked, calls) = bounded(1);
    // What was recalled before the node ended may not have been purged.
    let has_recalled = Arc::new(AtomicBool::new(true));
    (Sweep { asked, has_recalled: Arc::clone(&has_recalled) }, SweepCalls { asked: calls, has_recalled })
}

/// Starts the sweeper. It ends when `stop` is dropped, within the piece it is at.
///
/// # Errors
/// The system gives no more threads.
pub(crate) fn start(
    stores: Arc<dyn OpenStore>,
    clock: Clock,
    calls: SweepCalls,
    stop: Receiver<()>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("sweeper".to_owned()).spawn(move || run(&*stores, &clock, &calls, &stop))
}

fn run(stores: &dyn OpenStore, clock: &Clock, calls: &SweepCalls, stop: &Receiver<()>) {
    loop {
        // A connection of its own, as long as there is something to do: most of the time there is not.
        let swept = stores.open().and_then(|mut store| {
            sweep(&mut *store, clock, &calls.has_recalled, stop)?;
            purge(&mut *store, &calls.has_recalled)
        });
        let look = match swept {
            Ok(Purged::Nothing) => LOOK,
            Ok(Purged::All | Purged::Later) => {
                // Many recalls are one purge.
                if stop.recv_timeout(PURGE_PAUSE) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
                if calls.has_recalled.load(Ordering::Acquire) {
                    continue;
                }
                LOOK
            }
            Err(error) => {
                log::debug!("what deleted groups and erased users have left cannot be removed now: {error}");
                AWAY_PAUSE
            }
        };
        select! {
            recv(calls.asked) -> _ => {}
            recv(stop) -> _ => return,
            default(look) => {}
        }
    }
}

/// Removes all there is, or what there is time for.
fn sweep(store: &mut dyn Store, clock: &Clock, has_recalled: &AtomicBool, stop: &Receiver<()>) -> Result<()> {
    let mut began = clock.now();
    loop {
        let of_accounts = store.sweep_accounts(clock.wall())?;
        if of_accounts {
            has_recalled.store(true, Ordering::Release);
        }
        if !store.sweep()? && !of_accounts {
            return Ok(());
        }
        let took = clock.now().duration_since(began);
        if stop.recv_timeout(took.max(PAUSE_MIN)) == Err(RecvTimeoutError::Disconnected) {
            return Ok(());
        }
        began = clock.now();
    }
}

/// What came of a purge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purged {
    /// Nothing was recalled.
    Nothing,
    /// Nothing is left of it.
    All,
    /// Somebody reads at present.
    Later,
}

fn purge(store: &mut dyn Store, has_recalled: &AtomicBool) -> Result<Purged> {
    // Taken before: what is recalled during the purge is the next one's.
    if !has_recalled.swap(false, Ordering::AcqRel) {
        return Ok(Purged::Nothing);
    }
    let purged = store.purge();
    if !matches!(purged, Ok(true)) {
        has_recalled.store(true, Ordering::Release);
    }
    Ok(if purged? { Purged::All } else { Purged::Later })
}
