//! What the bus and its threads share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::channels::Names;
use super::cluster::shards::Shards;
use super::current_server::CurrentServer;
use super::nodes::Nodes;
use super::numsub_pool::NumsubPool;
use super::outgoing::Outgoing;
use super::peer_discovery::PeerDiscovery;
use super::subscriber_waker::SubscriberWaker;
use super::subscriptions::Subscriptions;
use super::target::Target;
use super::times::Times;
use crate::ids::NodeId;
use crate::metrics::Metrics;

/// What the bus and its threads share.
pub(super) struct Shared {
    pub(super) node: NodeId,
    pub(super) names: Names,
    /// What the URL says.
    pub(super) target: Target,
    /// Which server that is at present.
    pub(super) server: CurrentServer,
    pub(super) times: Times,
    pub(super) metrics: Arc<Metrics>,
    /// Those of the one server.
    pub(super) subscriptions: Arc<Subscriptions>,
    /// The servers of a cluster with theirs, if it is one.
    pub(super) shards: Option<Shards>,
    pub(super) nodes: Arc<Nodes>,
    pub(super) outgoing: Outgoing,
    pub(super) numsub_pool: NumsubPool,
    pub(super) introduction: PeerDiscovery,
    pub(super) subscriber_waker: SubscriberWaker,
    /// The number of the server to which the subscriber's link is up, 0 while it is not; written by the subscriber thread.
    pub(super) up_to: AtomicU64,
}
