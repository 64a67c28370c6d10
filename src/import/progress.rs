//! How far it is: a bar on a terminal, lines in the log elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// How often it is told, on a terminal and elsewhere.
const TERMINAL_EVERY: Duration = Duration::from_millis(100);
const LOG_EVERY: Duration = Duration::from_secs(5);

/// The bar's characters.
const WIDTH: u64 = 30;

/// The progress of one step.
pub(super) struct Progress {
    what: &'static str,
    total: u64,
    done: u64,
    told_at: Instant,
    is_terminal: bool,
}

impl Progress {
    /// A step of so many pieces begins.
    pub(super) fn new(what: &'static str, total: u64) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { what, total, done: 0, told_at: Clock::system().now(), is_terminal }
    }

    /// So many more are done.
    pub(super) fn add(&mut self, count: u64) {
        self.done += count;
        let now = Clock::system().now();
        let every = if self.is_terminal { TERMINAL_EVERY } else { LOG_EVERY };
        if now.saturating_duration_since(self.told_at) >= every {
            self.told_at = now;
            self.tell();
        }
    }

    /// The step is over.
    pub(super) fn finish(self) {
        if self.is_terminal {
            self.tell();
            let _ = writeln!(io::stderr());
        }
        log::debug!("{}: done", self.what);
    }

    fn tell(&self) {
        if self.is_terminal {
            // Who has closed stderr does not want to know.
            let _ = write!(io::stderr(), "\r{}", self.bar());
        } else {
            log::info!("{}: {} of {}", self.what, self.done, self.total);
        }
    }

    fn bar(&self) -> String {
        let done = self.done.min(self.total);
        let part = |of: u64| (done * of).checked_div(self.total).unwrap_or(of);
        let full = usize::try_from(part(WIDTH)).unwrap_or(0);
        let empty = usize::try_from(WIDTH).unwrap_or(0) - full;
        let (what, total, percent) = (self.what, self.total, part(100));
        format!("{what:<24} [{}{}] {percent:>3} %  {done} of {total}", "#".repeat(full), ".".repeat(empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let bar = |done, total| Progress { done, ..Progress::new("users", total) }.bar();
        assert!(bar(0, 4).ends_with(&format!("[{}]   0 %  0 of 4", ".".repeat(30))), "{}", bar(0, 4));
        assert!(bar(2, 4).contains(" 50 %"), "{}", bar(2, 4));
        assert!(bar(9, 4).ends_with(&format!("[{}] 100 %  4 of 4", "#".repeat(30))), "{}", bar(9, 4));
        assert!(bar(0, 0).contains("100 %"));
    }
}
