//! The bus of the settings, and how this node comes to the others.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::bus::Bus;
use crate::bus::local::LocalBus;
use crate::bus::redis::{RedisBus, nodes_of_before};
use crate::config::{Config, masked};
use crate::delivery::peers::{Peers, Standing};
use crate::ids::NodeId;
use crate::metrics::Metrics;
use crate::start_error::StartError;
use crate::store::ClusterRow;

/// Clients wait this long at most for the other nodes to know this one.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(3);
/// Clients wait this long at most for another node's word that it uses the same database.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(1);

/// Waits, not for long, until this node and the others know each other, and until it is known whether it belongs to them.
pub(super) fn meet_the_others(redis: &RedisBus, peers: &Peers) {
    if !redis.wait_for_introduction(INTRODUCTION_TIMEOUT) {
        log::warn!("serving without Redis: messages to other nodes come late until it is there");
    } else if peers.wait(VERDICT_TIMEOUT) == Standing::Open {
        log::warn!("no other node has said yet that it uses the same database");
    }
}

/// Nodes of version 0.1 run on, on a database that has been upgraded, and this node would not hear them.
pub(super) fn refuse_nodes_of_before(config: &Config) -> Result<(), StartError> {
    let count = redis_of(config).and_then(nodes_of_before).unwrap_or(0);
    if count > 0 { Err(StartError::NodesOfBefore(count)) } else { Ok(()) }
}

/// The bus, and what of it is Redis'.
pub(super) type MadeBus = (Arc<dyn Bus>, Option<Arc<RedisBus>>);

pub(super) fn make_bus(config: &Config, cluster: &ClusterRow, metrics: &Arc<Metrics>) -> Result<MadeBus, StartError> {
    let node = NodeId(getrandom::u64().map_err(|error| StartError::NoRandomness(error.to_string()))?);
    let Some(redis) = redis_of(config) else {
        metrics.bus_up.set(1);
        return Ok((Arc::new(LocalBus::new(node)), None));
    };
    let bus = Arc::new(RedisBus::new(redis, node, &cluster.id, Arc::clone(metrics))?);
    bus.check()?;
    log::info!("node {node} meets the others at {}", masked(redis.url));
    Ok((Arc::clone(&bus) as Arc<dyn Bus>, Some(bus)))
}

/// The Redis of the settings.
pub(super) fn redis_of(config: &Config) -> Option<Backend<'_>> {
    config.redis.as_deref().map(|url| Backend { url, tls_ca: config.redis_tls_ca.as_deref() })
}
