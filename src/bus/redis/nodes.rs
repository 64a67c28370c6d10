//! Which other nodes there are, so that their end is noticed.
//!
//! A node is learned by what it says on `nodes`, and is gone when nobody is subscribed to its channel any more: Redis
//! drops a dead node's subscriptions with its connection. A frozen node keeps its subscription and stays.
//!
//! Every node subscribes to `nodes` and to its own channel in one command. So if `nodes` has more subscribers than the
//! channels of all known nodes together, there is somebody who has not been heard yet.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::NodeId;

/// How many nodes are watched; whoever floods `nodes` with made-up ones costs no more memory than this.
const NODES_MAX: usize = 4096;

/// The other nodes that are known. The subscriber thread adds, the publisher thread looks after them.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    known: Mutex<HashSet<NodeId>>,
}

impl Nodes {
    /// A node has said that it is here. Whether it was not known.
    pub(super) fn heard(&self, node: NodeId) -> bool {
        let mut known = self.lock();
        let is_new = known.len() < NODES_MAX && known.insert(node);
        if is_new {
            log::info!("node {node} is here");
        }
        is_new
    }

    /// A node has said goodbye. Whether it had been known.
    pub(super) fn left(&self, node: NodeId) -> bool {
        self.lock().remove(&node)
    }

    /// Those to look after.
    pub(super) fn known(&self) -> Vec<NodeId> {
        self.lock().iter().copied().collect()
    }

    /// How many subscribers each of `nodes` had on its channel: forgets those without. How many have gone.
    pub(super) fn counted(&self, nodes: &[NodeId], subscribers: &[u64]) -> usize {
        let mut known = self.lock();
        let mut gone = 0;
        for (node, _) in nodes.iter().zip(subscribers).filter(|(_, count)| **count == 0) {
            if known.remove(node) {
                log::warn!("node {node} has gone");
                gone += 1;
            }
        }
        gone
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<NodeId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_subscribers_is_gone_once() {
        let nodes = Nodes::default();
        assert!(nodes.heard(NodeId(1)) && nodes.heard(NodeId(2)));
        assert!(!nodes.heard(NodeId(1)));
        assert_eq!(nodes.counted(&[NodeId(1), NodeId(2)], &[1, 1]), 0);
        assert_eq!(nodes.counted(&[NodeId(1), NodeId(2)], &[1, 0]), 1);
        assert_eq!(nodes.known(), [NodeId(1)]);
        assert_eq!(nodes.counted(&[NodeId(2)], &[0]), 0, "it is not gone twice");
    }

    #[test]
    fn goodbye_forgets() {
        let nodes = Nodes::default();
        nodes.heard(NodeId(1));
        assert!(nodes.left(NodeId(1)));
        assert!(!nodes.left(NodeId(1)));
    }
}
