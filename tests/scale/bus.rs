//! The bus between the nodes, as Redis does it: who is subscribed to a channel hears its bells, in their order. Nothing is lost
//! but with a node that dies. All that passes is counted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use stonechat::bus::promise::Promise;
use stonechat::bus::{Bell, Bus, Channel, LinkState, PendingSubscribe, Question};
use stonechat::ids::NodeId;

use crate::clock;

/// A bell that waits for a node's subscriber.
pub struct Parcel {
    pub channel: Channel,
    pub payload: Bytes,
    pub rung_at: Duration,
}

/// What has passed through the middle.
#[derive(Clone, Copy, Default, Debug)]
pub struct Passed {
    /// Bells of nodes, each one PUBLISH.
    pub rung: u64,
    /// Bells that nodes are to hear.
    pub heard: u64,
    /// Channels that were asked about.
    pub asked: u64,
    /// Channels that somebody has subscribed to.
    pub subscribed: u64,
    /// The most bells that have waited for one node.
    pub waiting_max: usize,
}

/// The middle.
pub struct Hub {
    /// For each channel the nodes that hold it, and how often.
    holders: HashMap<Channel, Vec<(usize, u32)>>,
    waiting: Vec<VecDeque<Parcel>>,
    is_up: Vec<bool>,
    /// Whose bells are lost: its link has broken, and it does not know yet.
    cut: Option<usize>,
    pub passed: Passed,
}

/// What nodes and the test share of it.
pub type SharedHub = Arc<Mutex<Hub>>;

pub fn lock(hub: &SharedHub) -> MutexGuard<'_, Hub> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub fn of(nodes: usize) -> SharedHub {
        let waiting = (0..nodes).map(|_| VecDeque::new()).collect();
        let hub =
            Self { holders: HashMap::new(), waiting, is_up: vec![true; nodes], cut: None, passed: Passed::default() };
        Arc::new(Mutex::new(hub))
    }

    /// At most so many bells that wait for a node.
    pub fn take(&mut self, node: usize, bells_max: usize) -> Vec<Parcel> {
        let waiting = &mut self.waiting[node];
        let count = waiting.len().min(bells_max);
        waiting.drain(..count).collect()
    }

    pub fn is_quiet(&self) -> bool {
        self.waiting.iter().all(VecDeque::is_empty)
    }

    /// What this node rings from now on is lost.
    pub fn cut(&mut self, node: usize) {
        self.cut = Some(node);
    }

    /// A node is gone, with what it held and what waited for it.
    pub fn leave(&mut self, node: usize) {
        self.is_up[node] = false;
        self.waiting[node].clear();
        self.holders.retain(|_, nodes| {
            nodes.retain(|(holder, _)| *holder != node);
            !nodes.is_empty()
        });
    }

    fn ring(&mut self, from: usize, Bell { channel, payload }: Bell) {
        self.passed.rung += 1;
        let rung_at = clock::passed();
        let Self { waiting, passed, .. } = self;
        let mut hear = |node: usize| {
            if node != from {
                passed.heard += 1;
                waiting[node].push_back(Parcel { channel, payload: payload.clone(), rung_at });
                passed.waiting_max = passed.waiting_max.max(waiting[node].len());
            }
        };
        if channel == Channel::All {
            (0..self.is_up.len()).filter(|node| self.is_up[*node]).for_each(hear);
        } else if let Some(nodes) = self.holders.get(&channel) {
            for (node, _) in nodes {
                hear(*node);
            }
        }
    }
}

/// A node's way to it.
pub struct NodeBus {
    pub node: usize,
    pub hub: SharedHub,
}

pub fn name(node: usize) -> NodeId {
    NodeId(node as u64 + 1)
}

impl Bus for NodeBus {
    fn node(&self) -> NodeId {
        name(self.node)
    }

    fn nodes(&self) -> Option<Vec<NodeId>> {
        let hub = lock(&self.hub);
        let others = (0..hub.is_up.len()).filter(|node| *node != self.node && hub.is_up[*node]);
        Some(others.map(name).collect())
    }

    fn subscribe(&self, channels: &[Channel]) -> PendingSubscribe {
        let mut hub = lock(&self.hub);
        for channel in channels {
            let nodes = hub.holders.entry(*channel).or_default();
            if let Some((_, holders)) = nodes.iter_mut().find(|(node, _)| *node == self.node) {
                *holders += 1;
            } else {
                nodes.push((self.node, 1));
                hub.passed.subscribed += 1;
            }
        }
        PendingSubscribe::in_effect()
    }

    fn unsubscribe(&self, channels: &[Channel]) {
        let mut hub = lock(&self.hub);
        for channel in channels {
            let Some(nodes) = hub.holders.get_mut(channel) else { continue };
            if let Some((_, holders)) = nodes.iter_mut().find(|(node, _)| *node == self.node) {
                *holders -= 1;
            }
            nodes.retain(|(_, holders)| *holders > 0);
            if nodes.is_empty() {
                hub.holders.remove(channel);
            }
        }
    }

    fn publish(&self, bells: Vec<Bell>) {
        let mut hub = lock(&self.hub);
        if hub.is_up[self.node] && hub.cut != Some(self.node) {
            for bell in bells {
                hub.ring(self.node, bell);
            }
        }
    }

    fn ask(&self, channels: &[Channel]) -> Question {
        let mut hub = lock(&self.hub);
        hub.passed.asked += channels.len() as u64;
        let others = |channel: &Channel| {
            let nodes = hub.holders.get(channel).map(Vec::as_slice).unwrap_or_default();
            nodes.iter().filter(|(node, _)| *node != self.node).count() as u64
        };
        Promise::kept(Ok(channels.iter().map(others).collect()))
    }

    fn link(&self) -> LinkState {
        LinkState::Up
    }

    fn stop(&self) {}
}
