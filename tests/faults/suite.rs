//! What all suites share: how many rounds, one suite at a time, counting, and the verdict.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::common::crowd::Crowd;

/// Clients under load in each suite.
pub const CLIENTS: usize = 50;

/// Service has to be back this soon after the component is.
const BACK: Duration = Duration::from_secs(5);

/// How often each fault is done: once with the other tests, more often when asked.
pub fn rounds() -> usize {
    std::env::var("STONECHAT_FAULT_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number of rounds"))
}

/// Whether the long part was asked for.
pub fn is_long() -> bool {
    std::env::var_os("STONECHAT_FAULT_ROUNDS").is_some()
}

/// One component's faults.
pub struct Suite {
    component: &'static str,
    faults: BTreeMap<&'static str, usize>,
    slowest_back: Duration,
    slowest_for_all: Duration,
    /// Two suites at once would disturb each other's figures.
    _alone: MutexGuard<'static, ()>,
}

impl Suite {
    /// Waits until no other suite runs.
    pub fn start(component: &'static str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            component,
            faults: BTreeMap::new(),
            slowest_back: Duration::ZERO,
            slowest_for_all: Duration::ZERO,
            _alone: alone,
        }
    }

    /// Counts a fault.
    pub fn struck(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// The component is back: so must be service, within five seconds. Then every client is served again.
    pub fn healed(&mut self, crowd: &Crowd) {
        let back = crowd.wait_for_acks(1);
        assert!(back <= BACK, "{}: service was back after {back:?} only", self.component);
        self.slowest_back = self.slowest_back.max(back);
        let for_all = crowd.wait_until_all_are_served();
        self.slowest_for_all = self.slowest_for_all.max(for_all);
    }

    /// Ends the load, prints the counts, and fails if any promise was broken. How many messages were refused.
    #[expect(clippy::print_stdout, reason = "the counts are what the report quotes")]
    pub fn finish(self, crowd: Crowd) -> usize {
        let seen = crowd.finish();
        let faults: Vec<String> = self.faults.iter().map(|(fault, count)| format!("{fault} {count}")).collect();
        println!(
            "faults/{}: {} rounds; {}; {CLIENTS} clients, {} sessions; {} messages acknowledged, {} refused (503), {} \
             cut off unanswered; slowest answer {:.1} s; back within {:.1} s, for \
             all within {:.1} s; {} violations",
            self.component,
            self.faults.values().sum::<usize>(),
            faults.join(", "),
            seen.sessions,
            seen.acked,
            seen.refused,
            seen.unknown,
            seen.longest_wait.as_secs_f64(),
            self.slowest_back.as_secs_f64(),
            (self.slowest_back + self.slowest_for_all).as_secs_f64(),
            seen.violations.len(),
        );
        let broken: Vec<String> = seen.violations.iter().take(20).map(ToString::to_string).collect();
        assert!(broken.is_empty(), "{} violations:\n{}", seen.violations.len(), broken.join("\n"));
        let surprises = &seen.surprises[..seen.surprises.len().min(20)];
        assert!(surprises.is_empty(), "answers that no fault explains:\n{}", surprises.join("\n"));
        seen.refused
    }
}
