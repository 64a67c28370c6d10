//! What is said in the log about a connection that fails again and again.

use std::time::{Duration, Instant};

use redis::RedisError;

/// How often an outage that lasts is told.
const AGAIN: Duration = Duration::from_secs(60);

/// Reasons of one outage that are told at once. Redis that restarts has two or three.
const REASONS_MAX: usize = 4;

/// Tells each reason of an outage once, and once a minute that it goes on; the rest is for who looks closely.
#[derive(Debug)]
pub(super) struct Complaints {
    lacking: &'static str,
    failures: u64,
    /// The reasons that were told, the first ones.
    reasons: Vec<String>,
    told_at: Option<Instant>,
}

impl Complaints {
    /// Nothing has failed yet. `lacking` says what a node without this connection lacks.
    pub(super) fn new(lacking: &'static str) -> Self {
        Self { lacking, failures: 0, reasons: Vec::new(), told_at: None }
    }

    /// Another failure.
    pub(super) fn failed(&mut self, why: &str, now: Instant) {
        let level = self.level(why, now);
        let Self { lacking, failures, .. } = self;
        match *failures {
            1 => log::log!(level, "Redis is away, trying again: {lacking}: {why}"),
            _ => log::log!(level, "Redis is still away after {failures} attempts: {lacking}: {why}"),
        }
    }

    /// The connection is of use again.
    pub(super) fn over(&mut self) {
        self.failures = 0;
        self.reasons.clear();
        self.told_at = None;
    }

    fn level(&mut self, why: &str, now: Instant) -> log::Level {
        self.failures += 1;
        let is_new = self.reasons.len() < REASONS_MAX && !self.reasons.iter().any(|told| told == why);
        if !is_new && self.told_at.is_some_and(|at| now.saturating_duration_since(at) < AGAIN) {
            return log::Level::Debug;
        }
        if is_new {
            self.reasons.push(why.to_owned());
        }
        self.told_at = Some(now);
        log::Level::Warn
    }
}

/// The error as a person should read it.
pub(super) fn words(error: &RedisError) -> String {
    if error.is_timeout() { "it has not answered in time".to_owned() } else { error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn an_answer_that_does_not_come_is_no_resource() {
        assert_eq!(words(&Error::from(ErrorKind::WouldBlock).into()), "it has not answered in time");
        assert_eq!(words(&Error::from(ErrorKind::TimedOut).into()), "it has not answered in time");
        assert_eq!(words(&Error::from(ErrorKind::ConnectionRefused).into()), "connection refused");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn an_outage_is_told_at_once_and_then_once_a_minute() {
        let start = Instant::now();
        let mut complaints = Complaints::new("the test");
        let mut told = |seconds| complaints.level("away", start + Duration::from_secs(seconds)) == log::Level::Warn;
        assert!(told(0) && !told(1) && !told(59) && told(60) && !told(61) && told(120));
        complaints.over();
        assert_eq!(complaints.level("away", start + Duration::from_secs(121)), log::Level::Warn);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn a_reason_that_is_new_is_told_at_once_but_not_without_end() {
        let start = Instant::now();
        let mut complaints = Complaints::new("the test");
        let mut told = |why: &str| complaints.level(why, start) == log::Level::Warn;
        assert!(told("closed") && told("refused") && !told("closed") && told("expired") && !told("refused"));
        let further = (0..100).filter(|number| told(&number.to_string())).count();
        assert_eq!(further, REASONS_MAX - 3);
    }
}
