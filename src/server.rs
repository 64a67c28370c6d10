//! The server as a whole: starts everything in order, stops it in reverse.
//!
//! ```text
//!   address taken -> signals -> admin
//!     -> database (upgraded) -> bus -> parts -> threads -> bus meets the other nodes
//!     -> probe -> acceptor listens (this thread)
//!   SIGTERM: acceptor ends -> reactors drain -> lanes and workers finish -> cursor writer writes -> bus flushes
//! ```
//!
//! The parts and their threads are [`crate::node`]'s.

mod administration;
mod certificate;
mod check;
mod database;
mod health;
mod meeting;
mod places;
mod reload;
mod supervision;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use self::administration::Door;
pub use self::check::{StoreTried, try_bus, try_certificate, try_store};
use self::database::open_database;
pub use self::health::ask_readiness;
use self::meeting::{make_bus, meet_the_others, refuse_nodes_of_before};
use self::places::{reserve, unavailable};
pub use self::reload::Again;
use self::reload::Reloader;
use crate::admin::desk::Means as DeskMeans;
use crate::bus::Bus;
use crate::clock::{Clock, UnixMs};
use crate::config::Config;
use crate::delivery::lanes::LaneRunner;
use crate::delivery::peers::{Peers, Standing};
use crate::delivery::pulse::Pulse;
use crate::metrics::Metrics;
use crate::net::Accepts;
use crate::net::acceptor::{self, ConnectionsMax};
use crate::net::mailbox::{self, Inbox, ReactorHandle};
use crate::node::{self, Means, Pool, Surroundings, Threads};
use crate::readiness::{Probe, Readiness};
use crate::service::ctx::Shared;
use crate::session::message::{PostMessage, ReactorMessage};
use crate::signals::Watch;
pub use crate::start_error::StartError;
use crate::start_error::io_error;
use crate::store::OpenStore;
use crate::systemd::notify::Notifier;
use crate::workers::retention::{self, Retention};
use crate::{descriptors, panics};

/// Runs the server until SIGTERM or SIGINT. The calling thread becomes the acceptor. At SIGHUP the settings are read `again`.
///
/// # Errors
/// Something could not be had at start, or a thread that cannot be done without has ended.
pub fn run(given: &Config, again: Again) -> Result<(), StartError> {
    panics::abort_on_fatal_ones();
    let pool = Pool::of(given);
    let connections_max = descriptors::connections_allowed(given, pool.connections())?;
    let config = &descriptors::leaving_room_for_others(given, connections_max);
    let certificate = certificate::load(config)?;
    let tls = certificate::server_config(certificate.as_ref())?;
    let reserved = reserve(config)?;
    let places = reserved.places().map_err(io_error("cannot read the listener's address"))?;
    let signals = Watch::start(reserved.stopper()).map_err(io_error("cannot handle signals"))?;
    let stopper = reserved.stopper();
    log::info!("starting; {} serves nobody until all is ready", places[0].address);
    let supervisor = Notifier::of_this_process();
    let (metrics, readiness) = (counted_from_now(), Arc::new(Readiness::told_to(supervisor.clone())));
    certificate::tell_expiry(certificate.as_deref(), &metrics, UnixMs::now());
    let admin = Door::open(config, tls.as_ref(), &metrics, &readiness)?;

    let node = Node::start(config, pool, tls, &metrics, &readiness)?;
    let administration = admin.admit(config, node.desk_means())?;
    let probe = admin.address().map(|_| Probe::start(&readiness, &node.stores)).transpose();
    let probe = probe.map_err(io_error("cannot start the probe of the database"))?;
    let acceptor = reserved.listen().map_err(unavailable)?;
    let watchdog = supervision::start(&supervisor, &node.reactors, &node.pulses, &metrics)?;
    let connections_max = ConnectionsMax::new(connections_max);
    let reloader = Reloader {
        again,
        given: given.clone(),
        database_connections: pool.connections(),
        certificate,
        stores: Arc::downgrade(&node.stores),
        shared: Arc::clone(&node.shared),
        reactors: node.reactors.clone(),
        connections_max: connections_max.clone(),
        retention: node.ask_retention.clone(),
        readiness: Arc::clone(&readiness),
    };
    signals.serving();
    readiness.serving();
    reload::start(reloader, signals.hangups())?;
    // The clients' listener comes first: who starts us on port 0 reads the port there.
    for place in &places {
        log::info!("listening on {}", place.address);
    }
    tell_browsers(config, places[0].address);
    if let Some(address) = admin.address() {
        log::info!("listening on {address} for /metrics, /healthz and /readyz");
    }
    warn_of_a_silent_proxy(config, places[0].address);
    let from = config.proxy_protocol.then(|| config.proxy_from.clone());
    let accepts = if config.tls.pair().is_some() && config.tls.only { Accepts::OnlyTls } else { Accepts::PlainAndTls };
    let settings = acceptor::Settings { connections_max, policy: config.accept_policy, accepts, from, metrics };
    // Redis may come later than the clients, and with it the word that this node does not belong here.
    node.peers.when_stranger(move || stopper.stop());
    let accepted = acceptor.run(&node.reactors, &settings);
    log::info!("stopping");
    readiness.stopping();
    drop((probe, watchdog));
    let belongs = node.check_standing();
    administration.close(&admin);
    let patience = node.shared.settings.get().shutdown;
    node.stop(patience);
    admin.close();
    belongs?;
    accepted.map_err(io_error("cannot accept connections"))
}

/// All counts at zero, and when that was.
#[expect(
    clippy::cast_precision_loss,
    reason = "a double counts milliseconds exactly for longer than there will be any"
)]
fn counted_from_now() -> Arc<Metrics> {
    let metrics = Metrics::new();
    metrics.start_time_seconds.set(UnixMs::now().0 as f64 / 1000.0);
    Arc::new(metrics)
}

/// Says where a browser finds the web client.
fn tell_browsers(config: &Config, mut address: SocketAddr) {
    if !config.web_client {
        return;
    }
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let scheme = if config.tls.pair().is_some() { "https" } else { "http" };
    log::info!("for browsers: {scheme}://{address}/");
}

/// A node, running.
struct Node {
    identity: String,
    stores: Arc<dyn OpenStore>,
    bus: Arc<dyn Bus>,
    peers: Arc<Peers>,
    reactors: Vec<ReactorHandle<ReactorMessage>>,
    threads: Threads,
    /// What all threads share.
    shared: Arc<Shared>,
    /// How the lanes show that they live.
    pulses: Vec<Arc<Pulse>>,
    retention: Retention,
    ask_retention: retention::Door,
}

impl Node {
    fn start(
        config: &Config,
        pool: Pool,
        tls: Option<Arc<ServerConfig>>,
        metrics: &Arc<Metrics>,
        readiness: &Readiness,
    ) -> Result<Self, StartError> {
        refuse_nodes_of_before(config)?;
        readiness.starting("the database is opened, and upgraded if it has to be");
        let stores = open_database(config, metrics)?;
        readiness.starting("threads and connections are made");
        let (reactors, inboxes) = mailboxes(config.reactors)?;
        let cluster = stores.open()?.cluster()?;
        let (bus, redis) = make_bus(config, &cluster, metrics)?;
        let doors = reactors.iter().map(|reactor| Box::new(reactor.clone()) as Box<dyn PostMessage>);
        let parts = node::assemble(Surroundings {
            config: config.clone(),
            clock: Clock::system(),
            metrics: Arc::clone(metrics),
            bus: Arc::clone(&bus),
            epoch: &cluster.epoch,
            mailboxes: doors.collect(),
            pool,
            open: &|_| stores.open(),
        })?;
        let (listener, peers) = (Arc::clone(&parts.listener), Arc::clone(&parts.peers));
        let shared = Arc::clone(&parts.shared);
        let pulses = parts.lanes.iter().map(LaneRunner::pulse).collect();
        let threads = parts.spawn(Means {
            config,
            clock: Clock::system(),
            inboxes,
            tls,
            metrics: Arc::clone(metrics),
            stores: Arc::clone(&stores),
        })?;
        if let Some(redis) = redis {
            readiness.starting("the other nodes are met");
            // Before the others hear of this node: they look it up.
            stores.open()?.note_node(bus.node(), UnixMs::now())?;
            redis.start(listener)?;
            meet_the_others(&redis, &peers);
        }
        let (sweep, holder) = (shared.sweep.clone(), bus.node().to_string());
        let (retention, ask_retention) =
            Retention::start(Arc::clone(&stores), Clock::system(), sweep, config.retention_days, holder)
                .map_err(io_error("cannot start the thread that removes old messages"))?;
        let identity = cluster.id;
        let node = Self { identity, stores, bus, peers, reactors, threads, shared, pulses, retention, ask_retention };
        node.check_standing()?;
        Ok(node)
    }

    /// Whether this node may be here, as far as it is known.
    fn check_standing(&self) -> Result<(), StartError> {
        match self.peers.standing() {
            Standing::Open | Standing::Alone | Standing::Belongs => Ok(()),
            Standing::Stranger => Err(StartError::Copy(self.identity.clone())),
        }
    }

    /// What serves administrators.
    fn desk_means(&self) -> DeskMeans {
        let (shared, stores) = (Arc::clone(&self.shared), Arc::clone(&self.stores));
        DeskMeans { shared, stores, retention: self.ask_retention.clone() }
    }

    /// Stops within about `patience`, whatever hangs.
    fn stop(self, patience: Duration) {
        self.retention.stop();
        self.threads.stop(self.reactors, Clock::system().now() + patience);
        self.bus.stop();
    }
}

type Mailbox = (Vec<ReactorHandle<ReactorMessage>>, Vec<Inbox<ReactorMessage>>);

fn mailboxes(reactors: usize) -> Result<Mailbox, StartError> {
    let mut handles = Vec::new();
    let mut inboxes = Vec::new();
    for index in (0..=u16::MAX).take(reactors) {
        let (handle, inbox) = mailbox::channel(index).map_err(io_error("cannot make a reactor's mailbox"))?;
        handles.push(handle);
        inboxes.push(inbox);
    }
    Ok((handles, inboxes))
}

/// A cluster's node on a loopback address has a proxy in front of it. Other proxies show themselves by their clients.
fn warn_of_a_silent_proxy(config: &Config, here: SocketAddr) {
    if config.redis.is_some() && here.ip().is_loopback() && !config.proxy_protocol {
        log::warn!(
            "clients of a cluster come to {here} through a proxy: without PROXY headers (proxy_protocol = true) every limit per \
             address counts all of them as one"
        );
    }
}
