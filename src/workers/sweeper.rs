//! The sweeper: one thread that removes what deleted groups have left, a piece at a time.
//!
//! ```text
//!   DEL_GROUP --soon--> sweeper --piece, pause, piece, pause ...--> store
//!   start, and every minute --^        (another node may have died over it)
//! ```

use std::sync::Arc;
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

/// The door to the sweeper. Any thread may call.
#[derive(Clone, Debug)]
pub struct Sweep(Sender<()>);

impl Sweep {
    /// There is something to remove.
    pub fn soon(&self) {
        // A full queue means that the sweeper will look anyway.
        let _ = self.0.try_send(());
    }
}

/// A door, and where its calls arrive.
#[must_use]
pub(crate) fn door() -> (Sweep, Receiver<()>) {
    let (asked, asks) = bounded(1);
    (Sweep(asked), asks)
}

/// Starts the sweeper. It ends when `stop` is dropped, within the piece it is at.
///
/// # Errors
/// The system gives no more threads.
pub(crate) fn start(
    stores: Arc<dyn OpenStore>,
    clock: Clock,
    asks: Receiver<()>,
    stop: Receiver<()>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("sweeper".to_owned()).spawn(move || run(&*stores, &clock, &asks, &stop))
}

fn run(stores: &dyn OpenStore, clock: &Clock, asks: &Receiver<()>, stop: &Receiver<()>) {
    loop {
        // A connection of its own, as long as there is something to do: most of the time there is not.
        let swept = stores.open().and_then(|mut store| sweep(&mut *store, clock, stop));
        let look = match swept {
            Ok(()) => LOOK,
            Err(error) => {
                log::debug!("what deleted groups have left cannot be removed now: {error}");
                AWAY_PAUSE
            }
        };
        select! {
            recv(asks) -> _ => {}
            recv(stop) -> _ => return,
            default(look) => {}
        }
    }
}

/// Removes all there is, or what there is time for.
fn sweep(store: &mut dyn Store, clock: &Clock, stop: &Receiver<()>) -> Result<()> {
    let mut began = clock.now();
    while store.sweep()? {
        let took = clock.now().duration_since(began);
        if stop.recv_timeout(took.max(PAUSE_MIN)) == Err(RecvTimeoutError::Disconnected) {
            return Ok(());
        }
        began = clock.now();
    }
    Ok(())
}
