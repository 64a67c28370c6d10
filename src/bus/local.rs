//! The bus of a single node: there are no others, so nobody is told and nobody is elsewhere.

use super::promise::Promise;
use super::{Bell, Bus, Channel, LinkState, PendingSubscribe, Question};
use crate::ids::NodeId;

/// A bus without other nodes. Everything is in effect at once.
#[derive(Debug)]
pub struct LocalBus {
    node: NodeId,
}

impl LocalBus {
    /// The bus of the lone node `node`.
    #[must_use]
    pub fn new(node: NodeId) -> Self {
        Self { node }
    }
}

impl Bus for LocalBus {
    fn node(&self) -> NodeId {
        self.node
    }

    fn has_peers(&self) -> bool {
        false
    }

    fn nodes(&self) -> Option<Vec<NodeId>> {
        Some(Vec::new())
    }

    fn subscribe(&self, _: &[Channel]) -> PendingSubscribe {
        PendingSubscribe::in_effect()
    }

    fn unsubscribe(&self, _: &[Channel]) {}

    fn publish(&self, _: Vec<Bell>) {}

    fn ask(&self, channels: &[Channel]) -> Question {
        Promise::kept(Ok(vec![0; channels.len()].into()))
    }

    fn link(&self) -> LinkState {
        LinkState::Up
    }

    fn stop(&self) {}
}
