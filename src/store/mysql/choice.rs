//! Which of several servers is to be used. A state machine without I/O; [`super::hosts`] looks at the servers and asks it.
//!
//! ```text
//!   none yet          the first that takes writes, in the order of the URL, once all ahead of it have been looked at
//!   one takes writes  it stays; an earlier one of the same Galera cluster that has taken writes for a while replaces it
//!   it takes none     the first that does; while there is none, it stays, and says itself what is wrong
//! ```
//!
//! Outside of Galera a server that takes writes is never left for another one that does, either: of two such servers one
//! has not what the other has.

use std::time::{Duration, Instant};

/// How long an earlier member of a cluster must have taken writes before it is gone back to.
pub(super) const STEADY: Duration = Duration::from_secs(3);

/// What a look at a server has shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// It takes writes.
    Writable {
        /// The identity of its Galera cluster, if it is in one.
        cluster: Option<String>,
    },
    /// It takes none: why.
    Unfit(String),
    /// It cannot be asked: why.
    Silent(String),
}

/// What is known of a server.
#[derive(Clone, Debug)]
struct Host {
    /// `None`: nobody has looked yet.
    seen: Option<Seen>,
    /// Since when it has been seen like that, whatever the reason.
    since: Instant,
}

impl Host {
    fn is_out(&self) -> bool {
        matches!(self.seen, Some(Seen::Unfit(_) | Seen::Silent(_)))
    }
}

/// The servers, by their place in the URL, and which of them is used.
#[derive(Debug)]
pub(super) struct Choice {
    hosts: Vec<Host>,
    present: Option<usize>,
}

impl Choice {
    /// Of so many servers none has been looked at.
    pub(super) fn new(count: usize, now: Instant) -> Self {
        Self { hosts: vec![Host { seen: None, since: now }; count], present: None }
    }

    /// Notes what a look at a server has shown. Whether that is news.
    pub(super) fn note(&mut self, host: usize, seen: Seen, now: Instant) -> bool {
        let Some(known) = self.hosts.get_mut(host) else { return false };
        let is_same = match (&known.seen, &seen) {
            (Some(Seen::Unfit(_)), Seen::Unfit(_)) | (Some(Seen::Silent(_)), Seen::Silent(_)) => true,
            (Some(before @ Seen::Writable { .. }), Seen::Writable { .. }) => *before == seen,
            _ => false,
        };
        if !is_same {
            known.since = now;
        }
        known.seen = Some(seen);
        !is_same
    }

    /// The server that should be used in place of the present one.
    pub(super) fn wanted(&self, now: Instant) -> Option<usize> {
        let Some(present) = self.present else { return self.first_of_known() };
        let Some(Seen::Writable { cluster }) = &self.hosts[present].seen else { return self.first_writable() };
        let cluster = cluster.as_ref()?;
        let is_steady = |host: &Host| {
            let is_member = matches!(&host.seen, Some(Seen::Writable { cluster: Some(its) }) if its == cluster);
            is_member && now.saturating_duration_since(host.since) >= STEADY
        };
        self.hosts[..present].iter().position(is_steady)
    }

    /// This one is used from now on.
    pub(super) fn take(&mut self, host: usize) {
        self.present = Some(host);
    }

    /// The one that is used.
    pub(super) fn present(&self) -> Option<usize> {
        self.present
    }

    /// Whether all have been looked at, and none takes writes.
    pub(super) fn is_hopeless(&self) -> bool {
        self.hosts.iter().all(Host::is_out)
    }

    /// Whether the present one cannot be asked: whoever tries waits in vain.
    pub(super) fn is_silent(&self) -> bool {
        self.present.is_some_and(|present| matches!(self.hosts[present].seen, Some(Seen::Silent(_))))
    }

    /// What is known of a server.
    pub(super) fn seen(&self, host: usize) -> Option<&Seen> {
        self.hosts.get(host)?.seen.as_ref()
    }

    /// Whether the present server and another one take writes, and do not belong to one cluster.
    pub(super) fn rival(&self) -> Option<usize> {
        let present = self.present?;
        let Some(Seen::Writable { cluster }) = &self.hosts[present].seen else { return None };
        (0..self.hosts.len()).find(|&host| {
            let rivals = |its: &Option<String>| its.is_none() || its != cluster;
            host != present && matches!(&self.hosts[host].seen, Some(Seen::Writable { cluster: its }) if rivals(its))
        })
    }

    /// Nobody is to use a later one because the earlier has not answered yet.
    fn first_of_known(&self) -> Option<usize> {
        let first = self.hosts.iter().position(|host| !host.is_out())?;
        self.hosts[first].seen.is_some().then_some(first)
    }

    fn first_writable(&self) -> Option<usize> {
        self.hosts.iter().position(|host| matches!(host.seen, Some(Seen::Writable { .. })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three servers, and a clock.
    struct Site {
        choice: Choice,
        now: Instant,
    }

    impl Site {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        fn new() -> Self {
            let now = Instant::now();
            Self { choice: Choice::new(3, now), now }
        }

        /// What a look shows: `w` writable, `c` writable in the cluster, `d` in another cluster, `-` unfit, else silent.
        fn look(&mut self, host: usize, letter: char) -> bool {
            let seen = match letter {
                'w' => Seen::Writable { cluster: None },
                'c' | 'd' => Seen::Writable { cluster: Some(letter.to_string()) },
                '-' => Seen::Unfit("it is read-only".to_owned()),
                _ => Seen::Silent("connection refused".to_owned()),
            };
            self.choice.note(host, seen, self.now)
        }

        fn look_at_all(&mut self, letters: &str) {
            for (host, letter) in letters.chars().enumerate() {
                self.look(host, letter);
            }
        }

        fn wanted(&self) -> Option<usize> {
            self.choice.wanted(self.now)
        }

        fn follow(&mut self) -> Option<usize> {
            if let Some(wanted) = self.wanted() {
                self.choice.take(wanted);
            }
            self.choice.present()
        }
    }

    #[test]
    fn the_first_that_takes_writes_is_chosen_once_those_ahead_of_it_are_known() {
        let mut site = Site::new();
        assert_eq!(site.wanted(), None);
        site.look(1, 'w');
        assert_eq!(site.wanted(), None, "the first has not answered yet");
        site.look(0, '-');
        assert_eq!(site.follow(), Some(1), "whatever the third is");
        let mut site = Site::new();
        site.look(0, 'w');
        assert_eq!(site.follow(), Some(0));
    }

    #[test]
    fn without_one_that_takes_writes_none_is_chosen_and_the_present_one_stays() {
        let mut site = Site::new();
        site.look(0, '-');
        site.look(1, '-');
        assert!(!site.choice.is_hopeless(), "the third may take writes");
        site.look(2, '-');
        assert!(site.choice.is_hopeless());
        assert_eq!(site.follow(), None);
        site.look(2, 'w');
        assert_eq!(site.follow(), Some(2));
        site.look(2, '-');
        assert_eq!(site.follow(), Some(2));
        assert!(site.choice.is_hopeless() && !site.choice.is_silent(), "it can be read from");
        site.look(2, ' ');
        assert_eq!(site.follow(), Some(2));
        assert!(site.choice.is_hopeless() && site.choice.is_silent());
    }

    #[test]
    fn one_that_turns_read_only_is_left_and_one_that_is_promoted_is_taken() {
        let mut site = Site::new();
        site.look_at_all("w--");
        assert_eq!(site.follow(), Some(0));
        site.look(0, '-');
        assert_eq!(site.follow(), Some(0));
        site.look(1, 'w');
        assert_eq!(site.follow(), Some(1));
        // Switched back by an operator: first the one, then the other.
        site.look(1, '-');
        site.look(0, 'w');
        assert_eq!(site.follow(), Some(0));
    }

    #[test]
    fn one_that_takes_writes_is_not_left_for_another_outside_of_its_cluster() {
        for letters in ["ww-", "dc-", "wc-", "cw-"] {
            let mut site = Site::new();
            site.look_at_all(&format!("-{}-", &letters[1..2]));
            assert_eq!(site.follow(), Some(1));
            assert_eq!(site.choice.rival(), None);
            site.look_at_all(letters);
            site.now += STEADY * 2;
            assert_eq!(site.wanted(), None, "{letters}");
            assert_eq!(site.choice.rival(), Some(0), "{letters}");
        }
    }

    #[test]
    fn in_a_cluster_the_first_is_gone_back_to_when_it_has_taken_writes_for_a_while() {
        let mut site = Site::new();
        site.look_at_all("-cc");
        assert_eq!(site.follow(), Some(1));
        assert_eq!(site.choice.rival(), None);
        site.look(0, 'c');
        site.now += STEADY / 2;
        site.look(0, 'c');
        assert_eq!(site.wanted(), None);
        site.look(0, '-');
        site.look(0, 'c');
        site.now += STEADY * 2 / 3;
        assert_eq!(site.wanted(), None, "it was away in between");
        site.now += STEADY / 2;
        assert_eq!(site.follow(), Some(0));
    }

    #[test]
    fn what_is_news_is_told_once() {
        let mut site = Site::new();
        assert!(site.look(0, '-'));
        assert!(!site.look(0, '-'));
        assert!(site.look(0, ' '));
        assert!(!site.look(0, ' '));
        assert!(site.look(0, 'c'));
        assert!(!site.look(0, 'c'));
        assert!(site.look(0, 'd'), "it has joined another cluster");
        assert!(!site.choice.note(7, Seen::Unfit(String::new()), site.now), "there is no such server");
    }
}
