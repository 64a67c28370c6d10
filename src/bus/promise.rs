//! What the bus will tell soon. It can be looked at, and somebody can be told when it is there; nobody needs to wait.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Told once that a promise is kept.
pub type Call = Box<dyn FnOnce() + Send>;

/// A value that comes later, or is there already. Clones are of the same value.
pub struct Promise<T>(Arc<Shared<T>>);

/// Keeps a promise. Dropped before, it keeps it with the value for that.
pub struct Keeper<T: Clone> {
    shared: Arc<Shared<T>>,
    otherwise: Option<T>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    kept: Condvar,
}

enum State<T> {
    /// Those to be told: mostly none or one.
    Open(Vec<Call>),
    Kept(T),
}

/// A promise and its keeper; `otherwise` is what a keeper says that is dropped.
#[must_use]
pub fn promise<T: Clone>(otherwise: T) -> (Promise<T>, Keeper<T>) {
    let shared = Arc::new(Shared { state: Mutex::new(State::Open(Vec::new())), kept: Condvar::new() });
    (Promise(Arc::clone(&shared)), Keeper { shared, otherwise: Some(otherwise) })
}

impl<T: Clone> Promise<T> {
    /// One that is kept from the beginning.
    #[must_use]
    pub fn kept(value: T) -> Self {
        Self(Arc::new(Shared { state: Mutex::new(State::Kept(value)), kept: Condvar::new() }))
    }

    /// The value, if it is there.
    #[must_use]
    pub fn look(&self) -> Option<T> {
        match &*self.0.lock() {
            State::Open(_) => None,
            State::Kept(value) => Some(value.clone()),
        }
    }

    /// Calls `call` when the value is there: at once if it is, else on the thread that keeps the promise.
    pub fn then(&self, call: impl FnOnce() + Send + 'static) {
        if let State::Open(calls) = &mut *self.0.lock() {
            return calls.push(Box::new(call));
        }
        call();
    }

    /// Waits for the value, at most `timeout`. For callers that have nothing else to do.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<T> {
        let open = |state: &mut State<T>| matches!(state, State::Open(_));
        let waited = self.0.kept.wait_timeout_while(self.0.lock(), timeout, open);
        match &*waited.unwrap_or_else(PoisonError::into_inner).0 {
            State::Open(_) => None,
            State::Kept(value) => Some(value.clone()),
        }
    }
}

impl<T: Clone> Keeper<T> {
    /// Keeps the promise, and tells whoever wants to know. No lock may be held that the told could want.
    pub fn keep(mut self, value: T) {
        self.otherwise = None;
        self.shared.keep(value);
    }
}

impl<T: Clone> Drop for Keeper<T> {
    fn drop(&mut self) {
        if let Some(value) = self.otherwise.take() {
            self.shared.keep(value);
        }
    }
}

impl<T> Shared<T> {
    fn keep(&self, value: T) {
        let before = std::mem::replace(&mut *self.lock(), State::Kept(value));
        self.kept.notify_all();
        if let State::Open(calls) = before {
            for call in calls {
                call();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug + Clone> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Promise").field(&self.look()).finish()
    }
}

impl<T: Clone> fmt::Debug for Keeper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn whoever_wants_to_know_is_told_once() {
        let told = Arc::new(AtomicUsize::new(0));
        let tell = || {
            let told = Arc::clone(&told);
            move || {
                told.fetch_add(1, Ordering::SeqCst);
            }
        };
        let (promise, keeper) = promise(0);
        promise.then(tell());
        assert_eq!((promise.look(), told.load(Ordering::SeqCst)), (None, 0));
        keeper.keep(7);
        assert_eq!((promise.look(), told.load(Ordering::SeqCst)), (Some(7), 1));
        promise.then(tell());
        assert_eq!(told.load(Ordering::SeqCst), 2, "at once");
    }

    #[test]
    fn a_keeper_that_is_dropped_says_so() {
        let (promise, keeper) = promise(false);
        drop(keeper);
        assert_eq!(promise.look(), Some(false));
        assert_eq!(Promise::kept(true).wait(Duration::ZERO), Some(true));
    }

    #[test]
    fn who_waits_is_woken() {
        let (promise, keeper) = promise(0);
        assert_eq!(promise.wait(Duration::ZERO), None);
        let waiting = std::thread::spawn(move || promise.wait(Duration::from_secs(60)));
        keeper.keep(3);
        assert_eq!(waiting.join().unwrap(), Some(3));
    }
}
