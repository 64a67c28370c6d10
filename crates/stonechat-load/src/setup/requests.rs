//! Requests that sessions have to make before the measuring begins.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

use super::Patience;
use crate::engine::{Client, Net, Next, cut_off};
use crate::progress::Progress;
use crate::wire::{errno_of, reply};

/// Requests under way at once.
const IN_FLIGHT: usize = 64;

pub(super) struct SetupRequests<'a, T> {
    progress: &'a Progress,
    requests: Vec<(usize, String)>,
    replies: Vec<Option<T>>,
    /// By connection: what it still has to ask, the first is under way.
    queues: HashMap<usize, VecDeque<usize>>,
    /// Connections whose turn has not come.
    waiting: VecDeque<usize>,
    active: usize,
    done: usize,
    patience: Patience,
}

impl<'a, T> SetupRequests<'a, T> {
    pub(super) fn new(progress: &'a Progress, requests: Vec<(usize, String)>) -> Self {
        let mut queues: HashMap<usize, VecDeque<usize>> = HashMap::new();
        let mut waiting = VecDeque::new();
        for (nth, (k, _)) in requests.iter().enumerate() {
            let queue = queues.entry(*k).or_default();
            if queue.is_empty() {
                waiting.push_back(*k);
            }
            queue.push_back(nth);
        }
        let replies = requests.iter().map(|_| None).collect();
        Self { progress, requests, replies, queues, waiting, active: 0, done: 0, patience: Patience::new() }
    }

    /// The replies, in the order of the requests.
    ///
    /// # Errors
    /// Not all of them have come.
    pub(super) fn into_replies(self) -> Result<Vec<T>> {
        self.replies.into_iter().collect::<Option<_>>().context("not all requests were answered")
    }

    fn ask(&self, net: &mut Net, k: usize) -> bool {
        let Some(nth) = self.queues.get(&k).and_then(VecDeque::front) else { return false };
        net.send(k, self.requests[*nth].1.as_bytes());
        true
    }
}

impl<T: DeserializeOwned> Client for SetupRequests<'_, T> {
    fn connected(&mut self, _net: &mut Net, _k: usize) -> Result<()> {
        Ok(())
    }

    fn line(&mut self, net: &mut Net, k: usize, line: &[u8], _at: Instant) -> Result<()> {
        if errno_of(line).is_none() {
            // A notice of what others do.
            return Ok(());
        }
        let reply = reply(line)?;
        let Some(nth) = self.queues.get_mut(&k).and_then(VecDeque::pop_front) else { return Ok(()) };
        self.replies[nth] = Some(reply);
        self.done += 1;
        if !self.ask(net, k) {
            self.active -= 1;
        }
        Ok(())
    }

    fn closed(&mut self, _net: &mut Net, k: usize, why: &io::Error) -> Result<()> {
        Err(cut_off(k, why)).context("preparing")
    }

    fn turn(&mut self, net: &mut Net, now: Instant) -> Result<Next> {
        while self.active < IN_FLIGHT {
            let Some(k) = self.waiting.pop_front() else { break };
            self.active += usize::from(self.ask(net, k));
        }
        self.progress.at(self.done);
        if self.done == self.requests.len() {
            return Ok(Next::Done);
        }
        self.patience.wait("preparing", self.done, now)
    }
}
