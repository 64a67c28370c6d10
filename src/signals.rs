//! What the process does at a signal. One thread waits for them from before anything is opened until the process ends.
//!
//! ```text
//!   TERM, INT   starting: the process ends     serving: it drains     draining: INT ends it, TERM changes nothing
//!   HUP         the certificate is read again
//!   USR1, USR2, XFSZ   a line in the log; by default each of them would end the process
//! ```
//!
//! A second TERM does not cut the drain short, for supervisors repeat it; a second Ctrl-C comes from a person who does
//! not want to wait.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::net::acceptor::Stopper;
use crate::net::tls::Certificate;

/// What `main` returns after an end that was not waited for.
const CUT_SHORT: i32 = 1;

/// Tells the thread that clients are served now.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    is_serving: Arc<AtomicBool>,
}

impl Watch {
    /// Takes over the signals; TERM and INT go to `stopper` once [`Watch::serving`] was called, HUP to `certificate`.
    ///
    /// # Errors
    /// No handler or no thread can be had.
    pub(crate) fn start(stopper: Stopper, certificate: Option<Arc<Certificate>>) -> io::Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGXFSZ])?;
        let is_serving = Arc::new(AtomicBool::new(false));
        let mut handler = Handler { stopper, certificate, is_serving: Arc::clone(&is_serving), is_draining: false };
        let run = move || signals.forever().for_each(|signal| handler.handle(signal));
        thread::Builder::new().name("signals".to_owned()).spawn(run)?;
        Ok(Self { is_serving })
    }

    /// From now on the end is an orderly one.
    pub(crate) fn serving(&self) {
        self.is_serving.store(true, Ordering::Release);
    }
}

struct Handler {
    stopper: Stopper,
    certificate: Option<Arc<Certificate>>,
    is_serving: Arc<AtomicBool>,
    is_draining: bool,
}

impl Handler {
    fn reload(&self) {
        match self.certificate.as_ref().map(|certificate| certificate.reload()) {
            Some(Ok(())) => log::info!("SIGHUP: new connections are shown the certificate that tls.cert holds now"),
            Some(Err(error)) => log::error!("SIGHUP: the certificate of before stays in use: {error}"),
            None => log::warn!(
                "SIGHUP is ignored: there is no certificate to read again (tls.cert), and settings are read at start only; \
                 restart the server to change them"
            ),
        }
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
            SIGHUP => self.reload(),
            SIGUSR1 => log::warn!("SIGUSR1 is ignored: it has no meaning for this server"),
            SIGUSR2 => log::warn!("SIGUSR2 is ignored: it has no meaning for this server"),
            _ => log::error!("a file has reached the limit on file sizes (ulimit -f); raise it and restart the server"),
        }
    }
}
