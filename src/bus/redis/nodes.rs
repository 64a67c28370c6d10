//! Which other nodes there are, so that their end is noticed.
//!
//! A node is learned by what it says on `nodes`, and is gone when nobody is subscribed to its channel any more: Redis
//! drops a dead node's subscriptions with its connection. A frozen node keeps its subscription and stays.
//!
//! Every node subscribes to `nodes` and to its own channel in one command. So if `nodes` has more subscribers than the
//! channels of all known nodes together, there is somebody who has not been heard yet.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::ids::NodeId;

/// How many nodes are watched; whoever floods `nodes` with made-up ones costs no more memory than this.
const NODES_MAX: usize = 4096;

/// Losses of a node that are remembered: more than it tells again.
const LOSSES_MAX: usize = 32;

/// The other nodes that are known. The subscriber thread adds, the publisher thread looks after them.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Each with a moment at which it was certainly alive. It says so every few seconds, and what it has rung before is on its
    /// way by then; Redis may take minutes to notice that a machine is no more.
    alive_at: HashMap<NodeId, Instant>,
    /// Since when bells of nodes that have gone may be missing.
    gone_since: Option<Instant>,
    /// Of each node the numbers of the losses that it has told.
    losses: HashMap<NodeId, VecDeque<u64>>,
}

impl Nodes {
    /// A node has said that it is here, at this moment or later. Whether it was not known.
    pub(super) fn heard(&self, node: NodeId, at: Instant) -> bool {
        let known = &mut self.lock().alive_at;
        let is_new = !known.contains_key(&node);
        if is_new && known.len() >= NODES_MAX {
            return false;
        }
        known.insert(node, at);
        if is_new {
            log::info!("node {node} is here");
        }
        is_new
    }

    /// A node has said goodbye. When it was certainly alive, if it had been known.
    pub(super) fn left(&self, node: NodeId) -> Option<Instant> {
        self.lock().alive_at.remove(&node)
    }

    /// A node has told what it has lost, this number of times by now. Whether that is news.
    pub(super) fn heard_of_loss(&self, node: NodeId, number: Option<u64>) -> bool {
        let Some(number) = number else { return true };
        let losses = &mut self.lock().losses;
        if losses.len() >= NODES_MAX && !losses.contains_key(&node) {
            // What is forgotten is news once more.
            losses.clear();
        }
        let known = losses.entry(node).or_default();
        let is_new = !known.contains(&number);
        if is_new {
            known.push_back(number);
            if known.len() > LOSSES_MAX {
                known.pop_front();
            }
        }
        is_new
    }

    /// Those to look after.
    pub(super) fn known(&self) -> Vec<NodeId> {
        self.lock().alive_at.keys().copied().collect()
    }

    /// A moment at which all that are known were alive, and had told what they had lost: whoever says that it is here has told
    /// that before.
    pub(super) fn all_alive_at(&self) -> Option<Instant> {
        self.lock().alive_at.values().min().copied()
    }

    /// Since when bells of nodes may be missing that have gone since this was asked last.
    pub(super) fn take_gone_since(&self) -> Option<Instant> {
        self.lock().gone_since.take()
    }

    /// How many subscribers each of `nodes` had on its channel: forgets those without. How many have gone.
    pub(super) fn counted(&self, nodes: &[NodeId], subscribers: &[u64]) -> usize {
        let mut known = self.lock();
        let Known { alive_at, gone_since, .. } = &mut *known;
        let mut gone = 0;
        for (node, _) in nodes.iter().zip(subscribers).filter(|(_, count)| **count == 0) {
            if let Some(at) = alive_at.remove(node) {
                *gone_since = Some(gone_since.map_or(at, |other| other.min(at)));
                log::warn!("node {node} has gone");
                gone += 1;
            }
        }
        gone
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many seconds after some moment.
    #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
    fn moments() -> impl Fn(u64) -> Instant {
        let start = Instant::now();
        move |seconds| start + std::time::Duration::from_secs(seconds)
    }

    #[test]
    fn a_node_without_subscribers_is_gone_once() {
        let (nodes, at) = (Nodes::default(), moments());
        assert!(nodes.heard(NodeId(1), at(0)) && nodes.heard(NodeId(2), at(1)) && nodes.heard(NodeId(3), at(2)));
        assert!(!nodes.heard(NodeId(1), at(3)));
        assert_eq!(nodes.counted(&[NodeId(1), NodeId(2)], &[1, 1]), 0);
        assert_eq!(nodes.take_gone_since(), None);
        assert_eq!(nodes.counted(&[NodeId(1), NodeId(2), NodeId(3)], &[1, 0, 0]), 2);
        assert_eq!(nodes.known(), [NodeId(1)]);
        assert_eq!(nodes.counted(&[NodeId(2)], &[0]), 0, "it is not gone twice");
        assert_eq!(nodes.take_gone_since(), Some(at(1)), "since the first of them was heard last");
        assert_eq!(nodes.take_gone_since(), None, "told once");
    }

    #[test]
    fn goodbye_forgets() {
        let (nodes, at) = (Nodes::default(), moments());
        nodes.heard(NodeId(1), at(0));
        nodes.heard(NodeId(1), at(5));
        assert_eq!(nodes.left(NodeId(1)), Some(at(5)));
        assert_eq!(nodes.left(NodeId(1)), None);
    }
}
