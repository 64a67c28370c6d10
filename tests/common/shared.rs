//! A server that the tests of one file share.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Starts a server for the first test that asks and hands the same one to those that run beside it. The last one to
/// finish drops it: a plain static would never be dropped and leave the process behind.
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub fn get(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.upgrade() {
            return running;
        }
        let started = Arc::new(start());
        *running = Arc::downgrade(&started);
        started
    }
}
