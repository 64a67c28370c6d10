//! Jobs, and the threads that wait for one: the thread that began to wait last is woken first.
//!
//! ```text
//!   push --> [ job | job ] --> take        idle: [ thread 3 | thread 0 | thread 5 ]
//!                                                                         ^ the next job is its
//! ```
//!
//! A thread takes one job; of those that are done together, it takes all that stand in a row, up to a limit.
//!
//! So a light load is the work of one thread, whose database connection has the pages at hand; the others sleep, and hold
//! little memory. A channel wakes the thread that has waited longest: every thread in turn, each with a cold cache.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// How often a thread that is done looks again before it sleeps: to be woken costs several microseconds, of which the
/// one who wakes pays the larger part, and under load the next job is never far.
const LOOKS: usize = 8;

/// A queue without a bound of its own. Any thread may push or take.
pub(crate) struct JobQueue<J> {
    state: Mutex<State<J>>,
    together: Together<J>,
}

/// Which jobs one thread takes at once.
pub(crate) struct Together<J> {
    /// At most so many.
    pub(crate) most: usize,
    /// Whether a job may be one of several.
    pub(crate) may: fn(&J) -> bool,
}

/// What a thread has taken.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Taken<J> {
    pub(crate) job: J,
    /// What is done together with it.
    pub(crate) others: Vec<J>,
    /// So many jobs still wait.
    pub(crate) left: usize,
}

struct State<J> {
    waiting: VecDeque<J>,
    /// Invariant: each is parked, or about to be, and nobody has woken it.
    idle: Vec<Thread>,
    /// Threads that were woken and have not come yet.
    coming: usize,
    closed: bool,
}

impl<J> State<J> {
    fn check(&self) {
        // A thread sleeps beside a job only if another one has been woken for it.
        let Self { waiting, idle, coming, closed } = self;
        debug_assert!(idle.is_empty() || waiting.len() <= *coming, "{} jobs, {coming} threads come", waiting.len());
        debug_assert!(!closed || idle.is_empty(), "{} threads sleep for ever", idle.len());
    }
}

impl<J> Together<J> {
    fn take(&self, waiting: &mut VecDeque<J>) -> Option<Taken<J>> {
        let job = waiting.pop_front()?;
        let most = if (self.may)(&job) { self.most.saturating_sub(1) } else { 0 };
        let count = waiting.iter().take(most).take_while(|other| (self.may)(other)).count();
        let others = waiting.drain(..count).collect();
        Some(Taken { job, others, left: waiting.len() })
    }
}

impl<J> JobQueue<J> {
    pub(crate) fn new(together: Together<J>) -> Self {
        let state = State { waiting: VecDeque::new(), idle: Vec::new(), coming: 0, closed: false };
        Self { state: Mutex::new(state), together }
    }

    /// Queues a job. Never blocks.
    pub(crate) fn push(&self, job: J) {
        let woken = {
            let mut state = self.lock();
            state.waiting.push_back(job);
            // Another thread may already have taken the job that this wake-up was for; the woken thread then takes this one.
            let needs_another = state.waiting.len() > state.coming;
            let woken = if needs_another { state.idle.pop() } else { None };
            state.coming += usize::from(woken.is_some());
            state.check();
            woken
        };
        if let Some(thread) = woken {
            thread.unpark();
        }
    }

    /// No more jobs will come: those that wait are still taken.
    pub(crate) fn close(&self) {
        let idle = {
            let mut state = self.lock();
            state.closed = true;
            state.coming += state.idle.len();
            std::mem::take(&mut state.idle)
        };
        idle.iter().for_each(Thread::unpark);
    }

    /// The job that has waited longest, if there is one.
    pub(crate) fn try_take(&self) -> Option<Taken<J>> {
        self.together.take(&mut self.lock().waiting)
    }

    /// The job that has waited longest; waits for one. `None` when the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Taken<J>> {
        for _ in 0..LOOKS {
            if let Some(taken) = self.try_take() {
                return Some(taken);
            }
            thread::yield_now();
        }
        let mut state = self.lock();
        loop {
            if let Some(taken) = self.together.take(&mut state.waiting) {
                return Some(taken);
            }
            if state.closed {
                return None;
            }
            // Under the same lock as the look into the queue: a job that comes from now on finds us.
            state.idle.push(thread::current());
            state.check();
            drop(state);
            state = self.sleep();
        }
    }

    /// Sleeps until somebody has taken this thread out of `idle`.
    fn sleep(&self) -> MutexGuard<'_, State<J>> {
        let me = thread::current().id();
        loop {
            thread::park();
            let mut state = self.lock();
            // `park` may return without a reason.
            if state.idle.iter().all(|thread| thread.id() != me) {
                state.coming -= 1;
                return state;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A queue whose jobs are done one by one.
    fn one_by_one<J>() -> JobQueue<J> {
        JobQueue::new(Together { most: 1, may: |_| true })
    }

    #[test]
    fn every_job_is_taken_once_and_the_threads_end() {
        let jobs = Arc::new(one_by_one());
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let jobs = Arc::clone(&jobs);
                thread::spawn(move || std::iter::from_fn(|| jobs.take()).map(|taken| taken.job).collect::<Vec<u32>>())
            })
            .collect();
        let pushers: Vec<_> = (0..2)
            .map(|pusher| {
                let jobs = Arc::clone(&jobs);
                thread::spawn(move || (0..50_000).for_each(|number| jobs.push(2 * number + pusher)))
            })
            .collect();
        for pusher in pushers {
            pusher.join().unwrap();
        }
        jobs.close();
        let mut taken: Vec<u32> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, (0..100_000).collect::<Vec<_>>());
        assert!(jobs.lock().idle.is_empty());
    }

    #[test]
    fn one_job_after_the_other_is_the_work_of_one_thread() {
        let jobs = Arc::new(one_by_one());
        let (done, results) = channel();
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let (jobs, done) = (Arc::clone(&jobs), done.clone());
                thread::spawn(move || {
                    while jobs.take().is_some() {
                        done.send(thread::current().id()).unwrap();
                    }
                })
            })
            .collect();
        let all_idle = || {
            while jobs.lock().idle.len() < 4 {
                thread::yield_now();
            }
        };
        let worked: Vec<_> = (0..20)
            .map(|number| {
                all_idle();
                jobs.push(number);
                results.recv_timeout(PATIENCE).unwrap()
            })
            .collect();
        assert!(worked.iter().all(|thread| *thread == worked[0]), "{worked:?}");
        jobs.close();
        for taker in takers {
            taker.join().unwrap();
        }
    }

    #[test]
    fn what_waits_is_taken_after_the_end() {
        let jobs = one_by_one();
        jobs.push(1);
        jobs.close();
        let taken = |job| Taken { job, others: Vec::new(), left: 0 };
        assert_eq!((jobs.take(), jobs.take(), jobs.try_take()), (Some(taken(1)), None, None));
    }

    #[test]
    fn what_is_done_together_is_taken_in_a_row_and_up_to_a_limit() {
        let jobs = JobQueue::new(Together { most: 3, may: |job| job % 2 == 0 });
        for job in [1, 3, 2, 4, 6, 8, 10, 5, 12] {
            jobs.push(job);
        }
        let taken = || jobs.take().map(|Taken { job, others, left }| (job, others, left)).unwrap();
        assert_eq!(taken(), (1, vec![], 8), "an odd one is done alone");
        assert_eq!(taken(), (3, vec![], 7));
        assert_eq!(taken(), (2, vec![4, 6], 4), "no more than the limit");
        assert_eq!(taken(), (8, vec![10], 2), "none is overtaken");
        assert_eq!(taken(), (5, vec![], 1));
        assert_eq!(taken(), (12, vec![], 0));
    }
}
