//! Passwords that wait to be hashed. Each hash takes a processor for some 20 ms, so whose turn it is matters: addresses
//! take turns, and registrations have a queue and threads of their own. An address that floods waits behind its own requests.
//!
//! ```text
//!   worker: LOGIN, REGISTER --step--> [ 192.0.2.1: a b c | 192.0.2.7: d ]  --> auth thread: a d b c
//!   worker: the rest of the request  <---------------------------------------- what the hash says
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::job::HashJob;
use crate::service::ctx::Purpose;
use crate::service::limits::address::AddressKey;

/// The two queues. They are bounded by the number of connections: each has at most one request under way.
#[derive(Default)]
pub(crate) struct Hashing {
    logins: Turns<HashJob>,
    registrations: Turns<HashJob>,
}

impl Hashing {
    /// Queues a job. Never blocks.
    pub(crate) fn submit(&self, job: HashJob) {
        self.queue(job.step.purpose).push(job.step.address, job);
    }

    /// The next job; waits for one. `None` once there will be none any more.
    pub(crate) fn take(&self, purpose: Purpose) -> Option<HashJob> {
        self.queue(purpose).take()
    }

    /// The next job, if there is one.
    pub(crate) fn try_take(&self, purpose: Purpose) -> Option<HashJob> {
        self.queue(purpose).lock().next()
    }

    /// No more jobs will come: those that wait are still taken.
    pub(crate) fn close(&self) {
        self.logins.close();
        self.registrations.close();
    }

    fn queue(&self, purpose: Purpose) -> &Turns<HashJob> {
        match purpose {
            Purpose::Login => &self.logins,
            Purpose::Register => &self.registrations,
        }
    }
}

/// A queue in which addresses take turns.
struct Turns<J> {
    state: Mutex<Waiting<J>>,
    more: Condvar,
}

struct Waiting<J> {
    /// Each address with a job stands in the round once.
    round: VecDeque<AddressKey>,
    jobs: HashMap<AddressKey, VecDeque<J>>,
    is_closed: bool,
}

impl<J> Default for Turns<J> {
    fn default() -> Self {
        let state = Waiting { round: VecDeque::new(), jobs: HashMap::new(), is_closed: false };
        Self { state: Mutex::new(state), more: Condvar::new() }
    }
}

impl<J> Turns<J> {
    fn push(&self, address: AddressKey, job: J) {
        let mut state = self.lock();
        let jobs = state.jobs.entry(address).or_default();
        let is_first = jobs.is_empty();
        jobs.push_back(job);
        if is_first {
            state.round.push_back(address);
        }
        drop(state);
        self.more.notify_one();
    }

    fn take(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.next() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.more.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Waiting<J> {
    fn next(&mut self) -> Option<J> {
        let address = self.round.pop_front()?;
        let jobs = self.jobs.get_mut(&address)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&address);
        } else {
            self.round.push_back(address);
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    fn address(last: u8) -> AddressKey {
        AddressKey::of([192, 0, 2, last].into())
    }

    #[test]
    fn addresses_take_turns() {
        let turns = Turns::default();
        for (from, job) in [(1, "a"), (1, "b"), (1, "c"), (2, "d"), (3, "e"), (2, "f")] {
            turns.push(address(from), job);
        }
        let taken: String = std::iter::from_fn(|| turns.lock().next()).collect();
        assert_eq!(taken, "adebfc");
        assert!(turns.lock().jobs.is_empty());
    }

    #[test]
    fn every_job_is_taken_once_and_the_threads_end() {
        let turns = Arc::new(Turns::default());
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let turns = Arc::clone(&turns);
                thread::spawn(move || std::iter::from_fn(|| turns.take()).collect::<Vec<u32>>())
            })
            .collect();
        (0..10_000).for_each(|number| turns.push(address(u8::try_from(number % 7).unwrap()), number));
        turns.close();
        let mut taken: Vec<u32> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, (0..10_000).collect::<Vec<_>>());
    }
}
