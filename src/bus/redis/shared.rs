//! What the bus and its threads share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::address::Address;
use super::channels::Names;
use super::nodes::Nodes;
use super::numsub_pool::NumsubPool;
use super::outgoing::Outgoing;
use super::peer_discovery::PeerDiscovery;
use super::subscriber_waker::SubscriberWaker;
use super::subscriptions::Subscriptions;
use super::times::Times;
use crate::ids::NodeId;
use crate::metrics::Metrics;

/// What the bus and its threads share.
pub(super) struct Shared {
    pub(super) node: NodeId,
    pub(super) names: Names,
    pub(super) address: Address,
    pub(super) times: Times,
    pub(super) metrics: Arc<Metrics>,
    pub(super) subscriptions: Arc<Subscriptions>,
    pub(super) nodes: Arc<Nodes>,
    pub(super) outgoing: Outgoing,
    pub(super) numsub_pool: NumsubPool,
    pub(super) introduction: PeerDiscovery,
    pub(super) subscriber_waker: SubscriberWaker,
    /// Whether the subscriber's link is up; written by the subscriber thread.
    pub(super) is_up: AtomicBool,
}
