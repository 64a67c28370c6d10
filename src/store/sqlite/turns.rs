//! Something that one thread has at a time, in the order in which they asked; nobody waits beyond a deadline, and
//! only those who must wait behind a holder who does not get on. (The standard library's `Mutex` knows neither an order nor a bound.)

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A thread that has had it for so long does not get on: another process holds the file, or the disk does not answer.
const STUCK: Duration = Duration::from_millis(500);

/// See the module's text.
pub(super) struct Turns<T> {
    state: Mutex<State<T>>,
    freed: Condvar,
}

/// Behind whom somebody waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Anybody,
    OneWhoGetsOn,
}

/// Why it was not had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missed {
    /// Its turn did not come before the deadline.
    TooLate,
    /// Whoever has it does not get on.
    Stuck,
}

struct State<T> {
    /// `None`: somebody has it.
    free: Option<T>,
    /// The tickets of those who wait; at most one for each thread.
    queue: VecDeque<u64>,
    next: u64,
    /// When it was taken last.
    taken_at: Option<Instant>,
}

impl<T> State<T> {
    fn take(&mut self) -> Option<T> {
        let thing = self.free.take()?;
        self.taken_at = Some(super::connection::now());
        Some(thing)
    }

    fn is_stuck(&self, now: Instant) -> bool {
        let since = self.taken_at.filter(|_| self.free.is_none());
        since.is_some_and(|since| now.saturating_duration_since(since) > STUCK)
    }
}

impl<T> Turns<T> {
    pub(super) fn new(thing: T) -> Self {
        let state = State { free: Some(thing), queue: VecDeque::new(), next: 0, taken_at: None };
        Self { state: Mutex::new(state), freed: Condvar::new() }
    }

    /// Waits for its turn as long as whoever has it gets on. The waiting thread has something else to do, if not: reading goes
    /// on all the while.
    ///
    /// # Errors
    /// It does not come, or is not waited for.
    pub(super) fn take_unless_stuck(&self, deadline: Instant) -> Result<Lent<'_, T>, Missed> {
        self.wait(deadline, Behind::OneWhoGetsOn)
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// It does not come.
    pub(super) fn take(&self, deadline: Instant) -> Result<Lent<'_, T>, Missed> {
        self.wait(deadline, Behind::Anybody)
    }

    fn wait(&self, deadline: Instant, behind: Behind) -> Result<Lent<'_, T>, Missed> {
        let mut state = self.lock();
        let ticket = state.next;
        state.next += 1;
        state.queue.push_back(ticket);
        loop {
            let place = state.queue.iter().position(|other| *other == ticket).expect("it stands in the queue");
            if place == 0
                && let Some(thing) = state.take()
            {
                state.queue.pop_front();
                return Ok(Lent { turns: self, thing: Some(thing) });
            }
            let now = super::connection::now();
            let is_stuck = behind == Behind::OneWhoGetsOn && state.is_stuck(now);
            if is_stuck || deadline <= now {
                state.queue.remove(place);
                // The next one may have been waiting for this one.
                self.freed.notify_all();
                return Err(if is_stuck { Missed::Stuck } else { Missed::TooLate });
            }
            let until = match behind {
                Behind::Anybody => deadline,
                // By then it may have become clear.
                Behind::OneWhoGetsOn => deadline.min(now + STUCK),
            };
            let waited = self.freed.wait_timeout(state, until.saturating_duration_since(now));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn put_back(&self, thing: T) {
        let mut state = self.lock();
        state.free = Some(thing);
        if !state.queue.is_empty() {
            self.freed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it holds this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It, until this is dropped.
pub(super) struct Lent<'t, T> {
    turns: &'t Turns<T>,
    thing: Option<T>,
}

impl<T> Deref for Lent<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.thing.as_ref().expect("there until it is dropped")
    }
}

impl<T> DerefMut for Lent<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect("there until it is dropped")
    }
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        if let Some(thing) = self.thing.take() {
            self.turns.put_back(thing);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::connection::now;
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Waits until so many threads wait.
    fn until_waiting(turns: &Turns<u32>, count: usize) {
        while turns.lock().queue.len() < count {
            std::thread::yield_now();
        }
    }

    #[test]
    fn in_the_order_in_which_they_asked() {
        let turns = Turns::new(7);
        let (taken, order) = channel();
        std::thread::scope(|scope| {
            let mine = turns.take(now() + LONG).unwrap();
            for number in 0..5 {
                let (turns, taken) = (&turns, taken.clone());
                scope.spawn(move || {
                    let lent = turns.take(now() + LONG).unwrap();
                    taken.send((number, *lent)).unwrap();
                });
                until_waiting(turns, number + 1);
            }
            drop(mine);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), (0..5).map(|number| (number, 7)).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_waits_beyond_the_deadline_nor_for_who_has_given_up() {
        let turns = Turns::new(0);
        let mine = turns.take(now() + LONG).unwrap();
        assert_eq!(turns.take(now()).err(), Some(Missed::TooLate));
        std::thread::scope(|scope| {
            let given_up = scope.spawn(|| turns.take(now() + Duration::from_millis(20)).is_err());
            until_waiting(&turns, 1);
            let patient = scope.spawn(|| turns.take(now() + LONG).is_ok());
            assert!(given_up.join().unwrap());
            drop(mine);
            assert!(patient.join().unwrap());
        });
    }

    #[test]
    fn behind_a_holder_who_does_not_get_on_only_those_wait_who_must() {
        let turns = Turns::new(0);
        let mine = turns.take(now() + LONG).unwrap();
        std::thread::scope(|scope| {
            let patient = scope.spawn(|| turns.take(now() + LONG).is_ok());
            until_waiting(&turns, 1);
            let asked_at = now();
            // As long as it may be an ordinary wait, it waits.
            while turns.take_unless_stuck(now() + Duration::from_millis(20)).err() != Some(Missed::Stuck) {
                assert!(asked_at.elapsed() < LONG, "waited to be told that nobody gets on");
            }
            let too_late = turns.take(now() + Duration::from_millis(20)).err();
            assert_eq!(too_late, Some(Missed::TooLate), "who must wait does");
            drop(mine);
            assert!(patient.join().unwrap(), "who waits already has its turn");
        });
        assert!(turns.take(now() + LONG).is_ok(), "and then all is as before");
    }

    #[test]
    fn a_panic_gives_it_back() {
        let turns = Turns::new(0);
        let died = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _lent = turns.take(now() + LONG);
                    panic!("on purpose");
                })
                .join()
        });
        assert!(died.is_err());
        assert!(turns.take(now()).is_ok());
    }
}
