//! Something that one thread has at a time, in the order in which they asked; nobody waits beyond a deadline. (The
//! standard library's `Mutex` knows neither an order nor a bound.)

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// See the module's text.
pub(super) struct Turns<T> {
    state: Mutex<State<T>>,
    freed: Condvar,
}

struct State<T> {
    /// `None`: somebody has it.
    free: Option<T>,
    /// The tickets of those who wait; at most one for each thread.
    queue: VecDeque<u64>,
    next: u64,
}

impl<T> Turns<T> {
    pub(super) fn new(thing: T) -> Self {
        let state = State { free: Some(thing), queue: VecDeque::new(), next: 0 };
        Self { state: Mutex::new(state), freed: Condvar::new() }
    }

    /// Waits for its turn; `None` if that does not come before the deadline.
    pub(super) fn take(&self, deadline: Instant) -> Option<Lent<'_, T>> {
        let mut state = self.lock();
        if state.queue.is_empty()
            && let Some(thing) = state.free.take()
        {
            return Some(Lent { turns: self, thing: Some(thing) });
        }
        let ticket = state.next;
        state.next += 1;
        state.queue.push_back(ticket);
        loop {
            if state.queue.front() == Some(&ticket)
                && let Some(thing) = state.free.take()
            {
                state.queue.pop_front();
                return Some(Lent { turns: self, thing: Some(thing) });
            }
            let left = deadline.saturating_duration_since(super::connection::now());
            if left.is_zero() {
                state.queue.retain(|other| *other != ticket);
                // The next one may have been waiting for this one.
                self.freed.notify_all();
                return None;
            }
            let waited = self.freed.wait_timeout(state, left);
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
    use std::time::Duration;

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
        assert!(turns.take(now()).is_none());
        std::thread::scope(|scope| {
            let given_up = scope.spawn(|| turns.take(now() + Duration::from_millis(20)).is_none());
            until_waiting(&turns, 1);
            let patient = scope.spawn(|| turns.take(now() + LONG).is_some());
            assert!(given_up.join().unwrap());
            drop(mine);
            assert!(patient.join().unwrap());
        });
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
        assert!(turns.take(now()).is_some());
    }
}
