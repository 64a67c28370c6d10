//! The settings as they count at present: SIGHUP replaces them as a whole, and whoever works with them takes them up between two
//! pieces of work.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::settings::Config;

/// Where the settings are replaced. Any thread may read them.
#[derive(Debug)]
pub(crate) struct Current {
    generation: AtomicU64,
    config: Mutex<Arc<Config>>,
}

impl Current {
    /// Those of the start.
    #[must_use]
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(Self { generation: AtomicU64::new(0), config: Mutex::new(Arc::new(config)) })
    }

    /// From now on these count.
    pub(crate) fn replace(&self, config: Arc<Config>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Those that count now.
    #[must_use]
    pub(crate) fn get(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One thread's hold on the settings: they do not change while it works.
#[derive(Debug)]
pub(crate) struct Held {
    current: Arc<Current>,
    generation: u64,
    config: Arc<Config>,
}

impl Held {
    /// Those that count now.
    #[must_use]
    pub(crate) fn of(current: &Arc<Current>) -> Self {
        // Read first: what is replaced in between is found by the next look.
        let generation = current.generation.load(Ordering::Acquire);
        Self { generation, config: current.get(), current: Arc::clone(current) }
    }

    /// Takes up what has been replaced meanwhile; whether there was anything. Costs one look at a number as a rule.
    pub(crate) fn take_up(&mut self) -> bool {
        if self.current.generation.load(Ordering::Acquire) == self.generation {
            return false;
        }
        *self = Self::of(&self.current);
        true
    }
}

impl Deref for Held {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_is_taken_up_when_its_holder_is_ready() {
        let current = Current::new(Config::default());
        let mut held = Held::of(&current);
        assert!(!held.take_up());
        let other = Config { friends_only: true, ..Config::default() };
        current.replace(Arc::new(other.clone()));
        assert!(!held.friends_only, "not amid its work");
        assert!(held.take_up() && held.friends_only);
        assert!(!held.take_up());
        assert_eq!(*current.get(), other);
    }
}
