//! Tells the supervisor again and again that no thread hangs; when one does, it is silent, and the process is started anew.
//!
//! ```text
//!   every quarter of WATCHDOG_USEC: has each thread shown life since the last word? -> WATCHDOG=1
//! ```
//!
//! An outage of the database is no hang: a thread that waits for it within its time counts as alive.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::notify::{Notifier, number};

/// Looks in the time that the supervisor allows between two words.
const LOOKS: u32 = 4;

/// How a thread shows that it lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// It has gone through its loop so often.
    Turns(u64),
    /// It waits for something that may last, and not too long yet.
    Waits,
}

/// A thread that must not hang.
pub(crate) struct Watched {
    /// What the thread is called.
    pub(crate) name: String,
    /// Asks it for a sign of life, which may show at the next look; does not wait.
    pub(crate) look: Box<dyn Fn(Instant) -> Life + Send>,
}

/// The threads, and what was seen of them when the supervisor was last told that all live.
struct Watch {
    threads: Vec<(Watched, Option<u64>)>,
}

impl Watch {
    fn of(threads: Vec<Watched>) -> Self {
        Self { threads: threads.into_iter().map(|thread| (thread, None)).collect() }
    }

    /// Whether each has shown life since the last time that all of them had.
    ///
    /// # Errors
    /// The names of those that have not.
    fn look(&mut self, now: Instant) -> Result<(), Vec<String>> {
        let seen: Vec<Life> = self.threads.iter().map(|(thread, _)| (thread.look)(now)).collect();
        let both = self.threads.iter().zip(&seen);
        let hangs = both.filter(|((_, before), life)| matches!((before, life), (Some(a), Life::Turns(b)) if a == b));
        let hang: Vec<String> = hangs.map(|((thread, _), _)| thread.name.clone()).collect();
        if !hang.is_empty() {
            return Err(hang);
        }
        for ((_, before), life) in self.threads.iter_mut().zip(seen) {
            *before = match life {
                Life::Turns(turns) => Some(turns),
                Life::Waits => None,
            };
        }
        Ok(())
    }
}

/// The watchdog's thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    _stop: Sender<()>,
}

impl Watchdog {
    /// Watches these threads, if the supervisor wants that of this process. `status` is what a person should see meanwhile.
    ///
    /// # Errors
    /// No thread can be had.
    pub(crate) fn start(
        notifier: &Notifier,
        threads: Vec<Watched>,
        status: impl Fn() -> String + Send + 'static,
    ) -> io::Result<Option<Self>> {
        let Some(interval) = interval() else { return Ok(None) };
        let (stop, stopped) = bounded(0);
        let (notifier, mut watch) = (notifier.clone(), Watch::of(threads));
        let mut told = String::new();
        let run = move || {
            while stopped.recv_timeout(interval / LOOKS) == Err(RecvTimeoutError::Timeout) {
                match watch.look(now()) {
                    Ok(()) => notifier.watchdog(),
                    Err(names) => log::error!("no sign of life from {}", names.join(", ")),
                }
                let status = status();
                if status != told {
                    notifier.status(&status);
                    told = status;
                }
            }
        };
        thread::Builder::new().name("watchdog".to_owned()).spawn(run)?;
        Ok(Some(Self { _stop: stop }))
    }
}

/// How long the supervisor waits for a word; `None`: it does not want to know.
fn interval() -> Option<Duration> {
    let is_meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|usec| is_meant && *usec > 0).map(Duration::from_micros)
}

#[expect(clippy::disallowed_methods, reason = "the watchdog is a thread shell")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Waits for something.
    const WAITS: u64 = u64::MAX;

    fn watched(name: &str) -> (Watched, Arc<AtomicU64>) {
        let turns = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&turns);
        let look = move |_| match seen.load(Ordering::Relaxed) {
            WAITS => Life::Waits,
            turns => Life::Turns(turns),
        };
        (Watched { name: name.to_owned(), look: Box::new(look) }, turns)
    }

    #[test]
    fn a_thread_that_hangs_is_named_and_one_that_waits_is_not() {
        let ((one, turns), (other, waits)) = (watched("reactor-0"), watched("lane-0"));
        let (mut watch, now) = (Watch::of(vec![one, other]), now());
        assert_eq!(watch.look(now), Ok(()));
        turns.store(1, Ordering::Relaxed);
        waits.store(WAITS, Ordering::Relaxed);
        assert_eq!(watch.look(now), Ok(()));
        assert_eq!(watch.look(now), Err(vec!["reactor-0".to_owned()]));
        // What has been seen of the others at a look in vain does not count against them.
        assert_eq!(watch.look(now), Err(vec!["reactor-0".to_owned()]));
        turns.store(2, Ordering::Relaxed);
        assert_eq!(watch.look(now), Ok(()), "it was only slow");
        turns.store(3, Ordering::Relaxed);
        waits.store(7, Ordering::Relaxed);
        assert_eq!(watch.look(now), Ok(()), "an answer has come");
        turns.store(4, Ordering::Relaxed);
        assert_eq!(watch.look(now), Err(vec!["lane-0".to_owned()]), "and it hangs for another reason");
    }
}
