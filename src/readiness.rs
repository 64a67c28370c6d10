//! Whether this node can serve: what /readyz answers. A probe in the background asks the database, so that no answer
//! waits for it.
//!
//! ```text
//!   starting (step by step) -> serving: as the database answers -> stopping
//!   probe thread: ask, note the answer, wait a second, ask again
//! ```
//!
//! The bus is not asked: without Redis every node still serves, and a balancer must not take all of them out at once.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use crate::store::{OpenStore, Store, StoreError};
use crate::systemd::notify::Notifier;

/// Between an answer of the database and the next question.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// A question that has been open for so long counts as "no".
const HUNG_AFTER: Duration = Duration::from_secs(2);

/// What is known of this node's readiness. Every method returns at once.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    state: Mutex<State>,
    /// The supervisor, which is told of each step.
    supervisor: Notifier,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Since when the database has owed an answer.
    asked: Option<Instant>,
    answered: Option<Answered>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// What is being done.
    Starting(&'static str),
    Serving,
    Stopping,
}

#[derive(Debug)]
struct Answered {
    at: Instant,
    problem: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        Self { phase: Phase::Starting("the node begins"), asked: None, answered: None }
    }
}

impl Readiness {
    /// Nothing is known yet; what will be is told to this supervisor, too.
    pub(crate) fn told_to(supervisor: Notifier) -> Self {
        Self { supervisor, ..Self::default() }
    }

    /// The start has come to this step.
    pub(crate) fn starting(&self, step: &'static str) {
        self.state().phase = Phase::Starting(step);
        self.supervisor.status(format_args!("starting: {step}"));
    }

    /// Clients are accepted from now on.
    pub(crate) fn serving(&self) {
        self.state().phase = Phase::Serving;
        self.supervisor.ready("serving");
    }

    /// The settings are being read again.
    pub(crate) fn reloading(&self) {
        let state = self.state();
        if state.phase == Phase::Serving {
            self.supervisor.reloading();
        }
    }

    /// They have been read, with what outcome. A supervisor that has been told of the end by now hears nothing.
    pub(crate) fn reloaded(&self, status: &str) {
        let state = self.state();
        if state.phase == Phase::Serving {
            self.supervisor.ready(status);
        }
    }

    /// No more clients are accepted.
    pub(crate) fn stopping(&self) {
        self.state().phase = Phase::Stopping;
        self.supervisor.stopping();
    }

    /// The database is being asked.
    fn asked(&self, now: Instant) {
        self.state().asked = Some(now);
    }

    /// It has answered; with what problem.
    fn answered(&self, problem: Option<String>, now: Instant) {
        let mut state = self.state();
        state.asked = None;
        state.answered = Some(Answered { at: now, problem });
    }

    /// Whether clients should come here; if not, why, one reason per entry.
    ///
    /// # Errors
    /// The reasons.
    pub(crate) fn verdict(&self, now: Instant) -> Result<(), Vec<String>> {
        let state = self.state();
        match state.phase {
            Phase::Starting(step) => return Err(vec![format!("starting: {step}")]),
            Phase::Stopping => return Err(vec!["stopping".to_owned()]),
            Phase::Serving => {}
        }
        let age = |since: Instant| format!("{:.1} s", now.saturating_duration_since(since).as_secs_f64());
        let hung = state.asked.filter(|asked| now.saturating_duration_since(*asked) >= HUNG_AFTER);
        match (hung, &state.answered) {
            (Some(asked), None) => Err(vec![format!("the database has not answered for {}", age(asked))]),
            (Some(asked), Some(Answered { at, problem })) => {
                let last = problem.as_deref().unwrap_or("ok");
                let silence = age(asked);
                Err(vec![format!(
                    "the database has not answered for {silence}; its last answer, {} old: {last}",
                    age(*at)
                )])
            }
            (None, Some(Answered { at, problem: Some(problem) })) => {
                Err(vec![format!("the database, {} ago: {problem}", age(*at))])
            }
            (None, Some(Answered { problem: None, .. })) => Ok(()),
            (None, None) => Err(vec!["the database has not been asked yet".to_owned()]),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The probe's thread. It ends some time after this is dropped: a database that hangs is not waited for.
#[derive(Debug)]
pub(crate) struct Probe {
    _stop: Sender<()>,
}

impl Probe {
    /// Asks the database once on this thread, then about once a second on one of its own.
    ///
    /// # Errors
    /// No thread can be had.
    pub(crate) fn start(readiness: &Arc<Readiness>, stores: &Arc<dyn OpenStore>) -> io::Result<Self> {
        let (readiness, mut asker) = (Arc::clone(readiness), Asker { stores: Arc::clone(stores), store: None });
        let (stop, stopped) = bounded(0);
        asker.ask(&readiness);
        let run = move || {
            while stopped.recv_timeout(ASK_EVERY) == Err(RecvTimeoutError::Timeout) {
                asker.ask(&readiness);
            }
        };
        thread::Builder::new().name("probe".to_owned()).spawn(run)?;
        Ok(Self { _stop: stop })
    }
}

/// Asks the database by a connection of its own.
struct Asker {
    stores: Arc<dyn OpenStore>,
    store: Option<Box<dyn Store>>,
}

impl Asker {
    fn ask(&mut self, readiness: &Readiness) {
        readiness.asked(now());
        let answer = self.ping();
        if answer.is_err() {
            // The next question opens another: the connection itself may be what is wrong.
            self.store = None;
        }
        readiness.answered(answer.err().map(|error| error.to_string()), now());
    }

    fn ping(&mut self) -> Result<(), StoreError> {
        if self.store.is_none() {
            self.store = Some(self.stores.open()?);
        }
        self.store.as_mut().map_or(Ok(()), |store| store.ping())
    }
}

#[expect(clippy::disallowed_methods, reason = "the probe is a thread shell")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(readiness: &Readiness, now: Instant) -> String {
        readiness.verdict(now).unwrap_err().concat()
    }

    #[test]
    fn a_node_that_starts_or_stops_is_not_ready_whatever_the_database_says() {
        let (readiness, begin) = (Readiness::default(), now());
        readiness.answered(None, begin);
        readiness.starting("the database is being upgraded");
        assert_eq!(reason(&readiness, begin), "starting: the database is being upgraded");
        readiness.serving();
        assert_eq!(readiness.verdict(begin), Ok(()));
        readiness.stopping();
        assert_eq!(reason(&readiness, begin), "stopping");
    }

    #[test]
    fn a_database_that_hangs_counts_as_away_and_the_age_of_its_last_answer_is_told() {
        let (readiness, begin) = (Readiness::default(), now());
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        readiness.serving();
        readiness.asked(at(0));
        assert_eq!(reason(&readiness, at(3)), "the database has not answered for 3.0 s");
        readiness.answered(None, at(4));
        readiness.asked(at(5));
        assert_eq!(readiness.verdict(at(6)), Ok(()), "a moment is not a fault");
        assert_eq!(
            reason(&readiness, at(8)),
            "the database has not answered for 3.0 s; its last answer, 4.0 s old: ok"
        );
        readiness.answered(Some("it is away".to_owned()), at(9));
        assert_eq!(reason(&readiness, at(10)), "the database, 1.0 s ago: it is away");
        readiness.answered(None, at(11));
        assert_eq!(readiness.verdict(at(11)), Ok(()));
    }
}
