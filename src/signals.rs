//! What the process does at a signal. One thread waits for them from before anything is opened until the process ends.
//!
//! ```text
//!   TERM, INT   starting: the process ends     serving: it drains     draining: INT ends it, TERM changes nothing
//!   HUP         the settings and the certificate are read again; during the start, as soon as clients are served
//!   USR1, USR2, XFSZ   a line in the log; by default each of them would end the process
//! ```
//!
//! A second TERM does not cut the drain short, for supervisors repeat it; a second Ctrl-C comes from a person who does
//! not want to wait.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::net::acceptor::Stopper;

/// What `main` returns after an end that was not waited for.
const CUT_SHORT: i32 = 1;

/// Tells the thread that clients are served now.
#[derive(Debug)]
pub(crate) struct Watch {
    is_serving: Arc<AtomicBool>,
    hangups: Receiver<()>,
}

impl Watch {
    /// Takes over the signals; TERM and INT go to `stopper` once [`Watch::serving`] was called, HUP to whoever waits
    /// for [`Watch::hangups`].
    ///
    /// # Errors
    /// No handler or no thread can be had.
    pub(crate) fn start(stopper: Stopper) -> io::Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGXFSZ])?;
        let is_serving = Arc::new(AtomicBool::new(false));
        // One that waits stands for all that come meanwhile.
        let (hang_up, hangups) = bounded(1);
        let mut handler = Handler { stopper, hang_up, is_serving: Arc::clone(&is_serving), is_draining: false };
        let run = move || signals.forever().for_each(|signal| handler.handle(signal));
        thread::Builder::new().name("signals".to_owned()).spawn(run)?;
        Ok(Self { is_serving, hangups })
    }

    /// One for each HUP, or for several that came while nobody took them.
    pub(crate) fn hangups(&self) -> Receiver<()> {
        self.hangups.clone()
    }

    /// From now on the end is an orderly one.
    pub(crate) fn serving(&self) {
        self.is_serving.store(true, Ordering::Release);
    }
}

struct Handler {
    stopper: Stopper,
    hang_up: Sender<()>,
    is_serving: Arc<AtomicBool>,
    is_draining: bool,
}

impl Handler {
    fn hang_up(&self) {
        if !self.is_serving.load(Ordering::Acquire) {
            log::info!("SIGHUP: the settings are read again as soon as clients are served");
        }
        // Where one waits already, the settings are still to be read.
        let _ = self.hang_up.try_send(());
    }

    fn handle(&mut self, signal: i32) {
        match signal {
            SIGTERM | SIGINT if !self.is_serving.load(Ordering::Acquire) => {
                log::info!("stopped before any client was served");
                std::process::exit(0);
            }
            SIGTERM | SIGINT if !self.is_draining => {
                self.is_draining = true;
                self.stopper.stop();
            }
            SIGINT => {
                log::warn!("SIGINT while stopping: ending at once. What is not committed was not acknowledged");
                std::process::exit(CUT_SHORT);
            }
            SIGTERM => log::info!("SIGTERM: it is stopping already; SIGINT (Ctrl-C) ends it at once"),
            SIGHUP => self.hang_up(),
            SIGUSR1 => log::warn!("SIGUSR1 is ignored: it has no meaning for this server"),
            SIGUSR2 => log::warn!("SIGUSR2 is ignored: it has no meaning for this server"),
            _ => log::error!("a file has reached the limit on file sizes (ulimit -f); raise it and restart the server"),
        }
    }
}
