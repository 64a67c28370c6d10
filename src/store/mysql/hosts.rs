//! The servers of the URL as all threads of the node see them: one of them is used, by everybody.
//!
//! ```text
//!   a thread per server:  look --> Choice (choice.rs) --wanted--> its own thread: barrier --> used from now on
//!                          ^ twice a second, and when a call has failed                        generation + 1
//!   a call of the store:  its connection is of another generation? then it is dropped, and one to the present server opened
//! ```
//!
//! With one server there is no thread, and nothing is asked of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::choice::{Choice, Seen};
use super::endpoint::Endpoint;
use super::look::{Eye, wait_until_applied};
use crate::backend::Backend;
use crate::store::Result;
use crate::store::sql::{Fault, SqlResult};

/// How often each server is looked at without a reason.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// For how long a person waits for what servers say of themselves.
const LOOKS_TAKE: Duration = Duration::from_secs(3);

/// Calls that fail have the servers looked at once in this time.
const NUDGE_EVERY: Duration = Duration::from_millis(100);

/// The server that is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Present {
    /// Its place in the URL.
    pub(super) host: usize,
    /// How often another server has been taken so far.
    pub(super) generation: u64,
}

/// See the module's text.
pub(super) struct Hosts {
    endpoints: Vec<Endpoint>,
    /// How long a server that is to be used may take until it has what its cluster has.
    patience: Duration,
    generation: AtomicU64,
    state: Mutex<State>,
    /// A server was looked at, or another one is used.
    changed: Condvar,
    watched: Once,
    nudges: Vec<(Sender<()>, Receiver<()>)>,
}

struct State {
    choice: Choice,
    nudged_at: Option<Instant>,
    /// The log was told that no server takes writes.
    is_hopeless: bool,
    /// The log was told of this one, which takes writes beside the present one.
    rival: Option<usize>,
}

impl Hosts {
    /// Connects to nothing yet.
    pub(super) fn new(database: Backend<'_>, patience: Duration) -> Result<Self> {
        let endpoints = Endpoint::each(database)?;
        let count = endpoints.len();
        let mut choice = Choice::new(count, now());
        if count == 1 {
            choice.take(0);
        }
        let state = State { choice, nudged_at: None, is_hopeless: false, rival: None };
        Ok(Self {
            endpoints,
            patience,
            generation: AtomicU64::new(0),
            state: Mutex::new(state),
            changed: Condvar::new(),
            watched: Once::new(),
            nudges: (0..count).map(|_| bounded(1)).collect(),
        })
    }

    /// The server that is used. Where none has been chosen yet, that is waited for as long as the patience given at the
    /// start. One that does not answer is not connected to: that would take as long as a call may.
    pub(super) fn present(self: &Arc<Self>) -> SqlResult<Present> {
        if !self.are_several() {
            return Ok(Present { host: 0, generation: 0 });
        }
        self.watched.call_once(|| self.watch());
        let deadline = now() + self.patience;
        let mut state = self.state();
        loop {
            if state.choice.is_silent() {
                let told = self.complaint(&state.choice);
                drop(state);
                self.nudge();
                return Err(Fault::Unavailable(told.into()));
            }
            if let Some(host) = state.choice.present() {
                return Ok(Present { host, generation: self.generation() });
            }
            let left = deadline.saturating_duration_since(now());
            if state.choice.is_hopeless() || left.is_zero() {
                return Err(Fault::Unavailable(self.complaint(&state.choice).into()));
            }
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Moves when another server is used.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The server in this place.
    pub(super) fn endpoint(&self, host: usize) -> &Endpoint {
        &self.endpoints[host]
    }

    /// A call has failed in a way that may be the server's end: it is looked at soon.
    pub(super) fn nudge(&self) {
        let mut state = self.state();
        let is_due = state.nudged_at.is_none_or(|at| now().saturating_duration_since(at) >= NUDGE_EVERY);
        if self.are_several() && is_due {
            state.nudged_at = Some(now());
            drop(state);
            (0..self.endpoints.len()).for_each(|host| self.nudge_one(host));
        }
    }

    /// What every server has said, if none of several takes writes at present.
    pub(super) fn hopeless(&self) -> Option<String> {
        let state = self.state();
        (self.are_several() && state.choice.is_hopeless()).then(|| self.complaint(&state.choice))
    }

    /// One sentence for each of several servers, once they have been looked at.
    pub(super) fn told(&self) -> Vec<String> {
        let is_unknown = |state: &mut State| (0..self.endpoints.len()).any(|host| state.choice.seen(host).is_none());
        let is_waited_for = |state: &mut State| self.are_several() && is_unknown(state);
        let waited = self.changed.wait_timeout_while(self.state(), LOOKS_TAKE, is_waited_for);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let told = |host: usize| {
            let is_used = if state.choice.present() == Some(host) { " is used" } else { "" };
            format!("database server {}{is_used}: {}", self.endpoints[host].place(), words(state.choice.seen(host)))
        };
        if self.are_several() { (0..self.endpoints.len()).map(told).collect() } else { Vec::new() }
    }

    fn are_several(&self) -> bool {
        self.endpoints.len() > 1
    }

    fn complaint(&self, choice: &Choice) -> String {
        let said = |host: usize| format!("{}: {}", self.endpoints[host].place(), words(choice.seen(host)));
        let all: Vec<String> = (0..self.endpoints.len()).map(said).collect();
        let told = if choice.is_hopeless() {
            "no database server takes writes at present"
        } else {
            "another database server is about to be used"
        };
        format!("{told}: {}", all.join("; "))
    }

    /// Starts a thread for each server. They end soon after the last user of `self` is gone.
    fn watch(self: &Arc<Self>) {
        for host in 0..self.endpoints.len() {
            let (hosts, nudged) = (Arc::downgrade(self), self.nudges[host].1.clone());
            let spawned = thread::Builder::new().name(format!("db-watch-{host}")).spawn(move || {
                watch(host, &hosts, &nudged);
            });
            if let Err(error) = spawned {
                let why = format!("it cannot be looked at: no thread can be had ({error})");
                self.state().choice.note(host, Seen::Silent(why), now());
            }
        }
    }

    fn nudge_one(&self, host: usize) {
        // Full: it is nudged already.
        let _ = self.nudges[host].0.try_send(());
    }

    /// A look at a server has shown this. Whether it is to be used in place of the present one.
    fn looked(&self, host: usize, seen: Seen) -> bool {
        let mut state = self.state();
        let words = words(Some(&seen)).to_owned();
        let place = self.endpoints[host].place();
        if state.choice.note(host, seen, now()) {
            log::info!("database server {place}: {words}");
        }
        self.tell_of_rival(&mut state);
        let is_hopeless = state.choice.is_hopeless();
        if is_hopeless && !state.is_hopeless {
            log::error!("{}", self.complaint(&state.choice));
        }
        state.is_hopeless = is_hopeless;
        let wanted = state.choice.wanted(now());
        drop(state);
        self.changed.notify_all();
        match wanted {
            Some(wanted) if wanted == host => true,
            // Its own thread is to have a fresh look.
            Some(other) => {
                self.nudge_one(other);
                false
            }
            None => false,
        }
    }

    /// A server that has just been seen to take writes is to be used.
    fn take(&self, host: usize) {
        let is_member = matches!(self.state().choice.seen(host), Some(Seen::Writable { cluster: Some(_) }));
        let applied = if is_member { wait_until_applied(&self.endpoints[host], self.patience) } else { Ok(()) };
        if let Err(why) = applied {
            let why = format!("it has not applied what its Galera cluster has committed: {why}");
            self.looked(host, Seen::Unfit(why));
            return;
        }
        let mut state = self.state();
        if state.choice.wanted(now()) != Some(host) {
            return;
        }
        let place = self.endpoints[host].place();
        match state.choice.present() {
            None => log::info!("database server {place} is used"),
            Some(before) => {
                let (before, words) = (self.endpoints[before].place(), words(state.choice.seen(before)));
                log::warn!("database server {place} is used from now on, in place of {before}: {words}");
            }
        }
        let is_first = state.choice.present().is_none();
        state.choice.take(host);
        if !is_first {
            // Under the lock: whoever asks for the present server gets its generation.
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        self.tell_of_rival(&mut state);
        drop(state);
        self.changed.notify_all();
    }

    /// Two servers that know nothing of each other take writes: somebody made one of them do so too early.
    fn tell_of_rival(&self, state: &mut State) {
        let rival = state.choice.rival();
        if let (Some(present), Some(rival)) = (state.choice.present(), rival.filter(|_| rival != state.rival)) {
            let [present, rival] = [present, rival].map(|host| self.endpoints[host].place());
            log::warn!(
                "two database servers take writes, {present} and {rival}, and are not members of one Galera cluster: this \
                 node stays with {present}. Unless both write to the same data, make one of them read-only"
            );
        }
        state.rival = rival;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server said.
fn words(seen: Option<&Seen>) -> &str {
    match seen {
        None => "it has not answered yet",
        Some(Seen::Writable { cluster: None }) => "it takes writes",
        Some(Seen::Writable { cluster: Some(_) }) => "it takes writes, as a member of a Galera cluster",
        Some(Seen::Unfit(why) | Seen::Silent(why)) => why,
    }
}

/// The thread that looks at one server.
fn watch(host: usize, hosts: &Weak<Hosts>, nudged: &Receiver<()>) {
    let mut eye = Eye::new();
    while let Some(hosts) = hosts.upgrade() {
        let seen = eye.look(hosts.endpoint(host));
        if hosts.looked(host, seen) {
            hosts.take(host);
        }
        drop(hosts);
        if nudged.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a store call blocks its thread and bounds itself by the clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}
