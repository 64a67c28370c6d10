//! Wiring: starts everything in order, stops it in reverse.
//!
//! ```text
//!   address taken -> signals -> admin
//!     -> store (migrated) -> bus -> cursor writer -> workers, lanes -> reactors -> bus meets the other nodes
//!     -> probe -> acceptor listens (this thread)
//!   SIGTERM: acceptor ends -> reactors drain -> lanes and workers finish -> cursor writer writes -> bus flushes
//! ```

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle, available_parallelism};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};

use crate::admin::Admin;
use crate::bus::Bus;
use crate::bus::local::LocalBus;
use crate::bus::redis::{RedisBus, RedisBusError, nodes_of_before};
use crate::clock::{Clock, UnixMs};
use crate::config::{Config, masked};
use crate::delivery::bus_listener::BusListener;
use crate::delivery::cursor_queue::CursorQueue;
use crate::delivery::cursor_writer::{self, CursorWriter};
use crate::delivery::directory::Directory;
use crate::delivery::epoch::Epoch;
use crate::delivery::fanout::Fanout;
use crate::delivery::keeper::{Keeper, Ways};
use crate::delivery::lanes::{self, EchoTo, LaneDeps, Lanes};
use crate::delivery::peers::{Peers, Standing};
use crate::descriptors::{self, TooFewDescriptors};
use crate::ids::NodeId;
use crate::metrics::Metrics;
use crate::net::acceptor::{self, Reserved};
use crate::net::mailbox::{self, Inbox, ReactorHandle};
use crate::net::reactor::{self, Preamble};
use crate::readiness::{Probe, Readiness};
use crate::service::attempts::Attempts;
use crate::service::budgets::Budgets;
use crate::service::ctx::{Ctx, Shared};
use crate::service::message::{PostMessage, ReactorMailboxes, ReactorMessage};
use crate::service::protocol::ChatProtocol;
use crate::service::reactor_ctx::ReactorCtx;
use crate::service::routes::Table;
use crate::service::sweeper;
use crate::service::workers::{self, Queues, Workers};

use crate::signals::Watch;
use crate::store::mysql::MySqlStores;
use crate::store::sqlite::{self, SqliteStores};
use crate::store::{ClusterRow, KeptName, Named, OpenStore, Store, StoreError};

/// A PROXY header must come within this time.
const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// SQLite has one writer: a second lane would only wait for the first.
const SQLITE_LANES: usize = 1;
/// Reading SQLite is work for a core, with a wait for the disk now and then: more readers hold more memory and save
/// no time.
const SQLITE_WORKERS_PER_CORE: usize = 2;
/// Time kept at the end of a shutdown for what comes after the reactors.
const SHUTDOWN_RESERVE: Duration = Duration::from_secs(2);
/// Clients wait this long at most for the other nodes to know this one.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(3);
/// Clients wait this long at most for another node's word that it uses the same database.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(1);
/// How many names of before, that are found by their exact spelling only, check-config lists: of users, and of groups.
const KEPT_NAMES_TOLD: u32 = 100;

/// Why the server did not start, or stopped other than in order.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket, a thread or a signal handler could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's word.
        source: io::Error,
    },
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}{}", advice(source.kind(), setting))]
    Listen {
        /// As it was given.
        address: SocketAddr,
        /// The key that gave it.
        setting: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// The limit on open files is too low.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// The database cannot be used.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    /// The database is not one that the server can use.
    #[error("the database: {0}")]
    Unfit(String),
    /// The bus cannot be used.
    #[error("Redis: {0}")]
    Bus(#[from] RedisBusError),
    /// The data are a copy, or there is one.
    #[error(
        "another database with the same identity, {0}, uses this Redis: this one is a copy of it, or it of this one, and \
         their users and messages would be mixed. Give this one a Redis of its own. If it is to stay a separate \
         installation, give it an identity of its own: while none of its nodes runs, set the column id of its table \
         Cluster to 32 other hexadecimal digits"
    )]
    Copy(String),
    /// Nodes of version 0.1 are there.
    #[error(
        "Redis: {0} nodes of version 0.1 use it, and they and this one would not hear each other. Stop them before this \
         node upgrades the database. If they belong to another installation, give this one a Redis of its own, or upgrade \
         that one first"
    )]
    NodesOfBefore(u64),
    /// The system has no randomness.
    #[error("no random numbers for the node's id: {0}")]
    NoRandomness(String),
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let what = what.into();
    move |source| StartError::Io { what, source }
}

fn listen_error(address: SocketAddr, setting: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Listen { address, setting, source }
}

/// What to do about an address that cannot be had.
fn advice(error: ErrorKind, setting: &str) -> String {
    match error {
        ErrorKind::AddrInUse => {
            format!(
                ". Another program listens there, maybe another Stonechat: stop it, or choose another address with --{setting}"
            )
        }
        ErrorKind::AddrNotAvailable => {
            format!(
                ". This machine does not have that address: choose one of its own with --{setting}, or 0.0.0.0 for all"
            )
        }
        ErrorKind::PermissionDenied => {
            format!(
                ". Ports below 1024 are for root: choose another with --{setting}, or give the server CAP_NET_BIND_SERVICE"
            )
        }
        _ => String::new(),
    }
}

/// Runs the server until SIGTERM or SIGINT. The calling thread becomes the acceptor.
///
/// # Errors
/// Something could not be had at start, or a thread that cannot be done without has ended.
pub fn run(config: &Config) -> Result<(), StartError> {
    abort_on_fatal_panics();
    let connections_max = descriptors::connections_allowed(config, Pool::of(config).connections())?;
    let config = &leaving_room_for_others(config, connections_max);
    let reserved = Reserved::bind(config.listen).map_err(listen_error(config.listen, "listen"))?;
    let address = reserved.local_addr().map_err(io_error("cannot read the listener's address"))?;
    let signals = Watch::start(reserved.stopper()).map_err(io_error("cannot handle signals"))?;
    let stopper = reserved.stopper();
    log::info!("starting; {address} refuses clients until all is ready");
    let (metrics, readiness) = (Arc::new(Metrics::new()), Arc::new(Readiness::default()));
    let admin = config.admin.map(|address| start_admin(address, &metrics, &readiness)).transpose()?;

    let node = Node::start(config, &metrics, &readiness)?;
    let probe = admin.as_ref().map(|_| Probe::start(&readiness, &node.stores)).transpose();
    let probe = probe.map_err(io_error("cannot start the probe of the database"))?;
    let acceptor = reserved.listen().map_err(listen_error(address, "listen"))?;
    signals.serving();
    readiness.serving();
    // The clients' listener comes first: who starts us on port 0 reads the port there.
    log::info!("listening on {address}");
    if let Some(admin) = &admin {
        log::info!("listening on {} for /metrics, /healthz and /readyz", admin.local_addr());
    }
    warn_of_a_silent_proxy(config);
    let from = config.proxy_protocol.then(|| config.proxy_from.clone());
    let settings = acceptor::Settings { connections_max, policy: config.accept_policy, from, metrics };
    // Redis may come later than the clients, and with it the word that this node does not belong here.
    node.peers.when_stranger(move || stopper.stop());
    let accepted = acceptor.run(&node.reactors, &settings);
    log::info!("stopping");
    readiness.stopping();
    drop(probe);
    let belongs = node.check_standing();
    node.stop(config.shutdown);
    if let Some(admin) = admin {
        admin.stop();
    }
    belongs?;
    accepted.map_err(io_error("cannot accept connections"))
}

/// The admin port answers from the beginning: a start may take minutes when the database has to be upgraded.
fn start_admin(address: SocketAddr, metrics: &Arc<Metrics>, readiness: &Arc<Readiness>) -> Result<Admin, StartError> {
    let readiness = Arc::clone(readiness);
    let ready = move || readiness.verdict(now());
    let admin = Admin::start(address, Arc::clone(metrics), ready).map_err(listen_error(address, "admin"))?;
    log::info!("/healthz and /metrics answer at {}; /readyz says 503 until all is ready", admin.local_addr());
    Ok(admin)
}

/// Opens the store and changes nothing: no migration, and no folder where there is none yet. Returns the warnings about
/// its durability, or why it cannot be reached.
///
/// # Errors
/// A sentence for a person.
pub fn try_store(config: &Config) -> Result<Vec<String>, String> {
    if config.mysql.is_none() && !sqlite::exists(&config.data) {
        return Ok(Vec::new());
    }
    let stores = stores(config).map_err(|error| error.to_string())?;
    let ping = || -> Result<Vec<String>, StoreError> {
        stores.open()?.ping()?;
        let found = stores.inspect(config.limits.line_bytes)?;
        if !found.problems.is_empty() {
            return Err(StoreError::Broken(found.problems.join("; ").into()));
        }
        let mut warnings = found.warnings;
        warnings.extend(stores.durability_warnings()?);
        warnings.extend(kept_names(&stores.kept_names(KEPT_NAMES_TOLD + 1)?));
        Ok(warnings)
    };
    ping().map_err(|error| error.to_string())
}

/// One sentence for each name that can be used by its exact spelling only.
fn kept_names(kept: &[KeptName]) -> Vec<String> {
    let told = usize::try_from(KEPT_NAMES_TOLD).unwrap_or(usize::MAX);
    let mut warnings = Vec::new();
    for (named, kind) in [(Named::User, "user"), (Named::Group, "group")] {
        let kept: Vec<&KeptName> = kept.iter().filter(|kept| kept.named == named).collect();
        warnings.extend(kept.iter().take(told).map(|KeptName { id, name, why, .. }| {
            let why = why.map_or_else(
                || format!("another {kind} of a lower id has a name that is compared to be the same"),
                |unfit| format!("a new name {unfit}"),
            );
            // Escaped: what cannot be seen is what is wrong with it.
            let name = name.escape_debug();
            format!("{kind} {id} is found by id, or by the exact spelling of its name, \"{name}\": {why}")
        }));
        if kept.len() > told {
            warnings.push(format!("there are more than {told} such names of {kind}s; the others are not listed"));
        }
    }
    warnings
}

/// Asks Redis, if there is to be one, whether it is there and allows what a node needs.
///
/// # Errors
/// A sentence for a person.
pub fn try_bus(config: &Config) -> Result<(), String> {
    let Some(url) = &config.redis else { return Ok(()) };
    crate::bus::redis::probe(url, identity(config).as_deref())
}

/// The identity of the data, if there is a database that tells it.
fn identity(config: &Config) -> Option<String> {
    if config.mysql.is_none() && !sqlite::exists(&config.data) {
        return None;
    }
    let mut store = stores(config).ok()?.open().ok()?;
    Some(store.cluster().ok()?.id)
}

fn stores(config: &Config) -> Result<Arc<dyn OpenStore>, StoreError> {
    let timeout = config.store.timeout;
    Ok(match &config.mysql {
        Some(url) => Arc::new(MySqlStores::new(url, timeout)?),
        None => Arc::new(SqliteStores::new(Path::new(&config.data), config.sqlite_synchronous, timeout)?),
    })
}

/// How the database connections are dealt: `store.pool` in all.
struct Pool {
    lanes: usize,
    workers: usize,
}

impl Pool {
    fn of(config: &Config) -> Self {
        // One for the cursor writer, one for the probe.
        let left = config.store.pool.saturating_sub(2);
        // A batch costs the database a good deal whatever its size, and fewer lanes gather larger ones: two of them
        // keep two cores of a database busy already.
        let lanes = if config.mysql.is_some() { (left / 4).max(1) } else { SQLITE_LANES };
        let cores = available_parallelism().map_or(1, NonZero::get);
        let useful = if config.mysql.is_some() { usize::MAX } else { SQLITE_WORKERS_PER_CORE * cores };
        Self { lanes, workers: left.saturating_sub(lanes).clamp(1, useful) }
    }

    /// Connections to the database in all.
    fn connections(&self) -> usize {
        self.lanes + self.workers + 2
    }
}

/// Everything that runs besides the acceptor.
struct Node {
    identity: String,
    peers: Arc<Peers>,
    stores: Arc<dyn OpenStore>,
    bus: Arc<dyn Bus>,
    reactors: Vec<ReactorHandle<ReactorMessage>>,
    reactor_threads: Vec<JoinHandle<()>>,
    lane_threads: Vec<JoinHandle<()>>,
    worker_threads: Vec<JoinHandle<()>>,
    cursor_writer_thread: JoinHandle<()>,
    stop_cursor_writer: Sender<()>,
    sweeper_thread: JoinHandle<()>,
    stop_sweeper: Sender<()>,
}

impl Node {
    fn start(config: &Config, metrics: &Arc<Metrics>, readiness: &Readiness) -> Result<Self, StartError> {
        refuse_nodes_of_before(config)?;
        readiness.starting("the database is opened, and upgraded if it has to be");
        let stores = open_database(config)?;
        readiness.starting("threads and connections are made");
        let directory = Arc::new(Directory::new());
        let (reactors, inboxes) = mailboxes(config.reactors)?;
        let mailboxes = ReactorMailboxes::new(
            reactors.iter().map(|reactor| Box::new(reactor.clone()) as Box<dyn PostMessage>).collect(),
        );
        let fanout = || Fanout::new(mailboxes.clone(), Arc::clone(&directory));
        let cluster = stores.open()?.cluster()?;
        let (bus, redis) = make_bus(config, &cluster, metrics)?;

        let (stop_cursor_writer, cursor_writer_stopped) = bounded(0);
        let (cursor_queue, nudged) = CursorQueue::new(Arc::clone(metrics));
        let epoch = Arc::new(Epoch::new(&cluster.epoch, cursor_queue.clone()));
        let peers = Arc::new(Peers::new(bus.node(), cursor_queue.clone()));
        let ways = Ways {
            bus: Arc::clone(&bus),
            cursor_queue: cursor_queue.clone(),
            fanout: fanout(),
            peers: Arc::clone(&peers),
        };
        let keeper = Keeper::new(Arc::clone(&epoch), ways, Clock::system(), Arc::clone(metrics));
        let cursor_writer =
            CursorWriter::new(stores.open()?, Arc::clone(&bus), Arc::clone(&directory), cursor_queue.clone(), keeper);
        let cursor_writer_thread = cursor_writer::start(cursor_writer, nudged, cursor_writer_stopped)
            .map_err(io_error("cannot start the cursor writer"))?;

        let (sweep, sweep_asked) = sweeper::door();
        let shared = Arc::new(Shared {
            config: config.clone(),
            clock: Clock::system(),
            directory: Arc::clone(&directory),
            bus: Arc::clone(&bus),
            cursor_queue,
            epoch: Arc::clone(&epoch),
            attempts: Attempts::new(config.limits.logins_per_minute),
            sweep,
            budgets: Budgets::new(&config.limits, &config.quota),
            sessions: mailboxes.clone(),
            metrics: Arc::clone(metrics),
        });
        let (stop_sweeper, sweeper_stopped) = bounded(0);
        let sweeper_thread = sweeper::start(Arc::clone(&stores), Clock::system(), sweep_asked, sweeper_stopped)
            .map_err(io_error("cannot start the sweeper"))?;
        let pool = Pool::of(config);
        let (workers, queues) = workers::queues(Arc::clone(metrics), mailboxes.clone());
        let worker_threads = start_workers(&pool, &shared, &queues, &stores)?;
        let mut lane_deps = Vec::new();
        for _ in 0..pool.lanes {
            lane_deps.push(lane_deps_of(&shared, stores.open()?, fanout()));
        }
        let (lanes, runners) = lanes::lanes(lane_deps, Arc::clone(metrics));
        let lane_threads = lanes::start(runners).map_err(io_error("cannot start the lanes"))?;
        let reactor_threads = start_reactors(inboxes, &shared, &lanes, &workers)?;
        if let Some(redis) = redis {
            readiness.starting("the other nodes are met");
            let listener =
                BusListener::new(fanout(), shared.cursor_queue.clone(), epoch, Arc::clone(&peers), Arc::clone(metrics));
            // Before the others hear of this node: they look it up.
            stores.open()?.note_node(bus.node(), UnixMs::now())?;
            redis.start(Arc::new(listener))?;
            meet_the_others(&redis, &peers);
        }
        let node = Self {
            identity: cluster.id,
            peers,
            stores,
            bus,
            reactors,
            reactor_threads,
            lane_threads,
            worker_threads,
            cursor_writer_thread,
            stop_cursor_writer,
            sweeper_thread,
            stop_sweeper,
        };
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

    /// Stops in the order in which work flows: whatever was taken up is finished. Returns within about `patience`,
    /// whatever hangs.
    fn stop(self, patience: Duration) {
        let deadline = now() + patience;
        drop(self.stop_sweeper);
        for reactor in &self.reactors {
            // A reactor that has ended already has nothing to stop.
            let _ = reactor.stop(deadline.checked_sub(SHUTDOWN_RESERVE).unwrap_or(deadline));
        }
        drop(self.reactors);
        join_all(self.reactor_threads, deadline, "reactors");
        // The reactors held the entrances of lanes and workers: these finish what is queued and end.
        join_all(self.lane_threads, deadline, "lanes");
        join_all(self.worker_threads, deadline, "workers");
        join_all(vec![self.sweeper_thread], deadline, "sweeper");
        drop(self.stop_cursor_writer);
        join_all(vec![self.cursor_writer_thread], deadline, "cursor-writer");
        self.bus.stop();
    }
}

#[expect(clippy::disallowed_methods, reason = "start and stop are a shell that reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// A reactor or a lane that has panicked would leave its clients hanging for ever: better a restart, by which nothing
/// acknowledged is lost. A worker's panic costs its one request.
fn abort_on_fatal_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        log::error!("thread {name} panicked: {panic}");
        if !(name.starts_with("worker") || name.starts_with("auth")) {
            std::process::abort();
        }
    }));
}

fn open_database(config: &Config) -> Result<Arc<dyn OpenStore>, StartError> {
    let stores = stores(config)?;
    let found = stores.inspect(config.limits.line_bytes)?;
    if !found.problems.is_empty() {
        return Err(StartError::Unfit(found.problems.join("; ")));
    }
    stores.migrate()?;
    match &config.mysql {
        Some(url) => log::info!("messages are kept in {}", masked(url)),
        None => log::info!("messages are kept in {}", config.data.display()),
    }
    for warning in found.warnings {
        log::warn!("{warning}");
    }
    for warning in stores.durability_warnings()? {
        log::warn!("AN ACKNOWLEDGED MESSAGE MAY BE LOST: {warning}");
    }
    if config.redis.is_some() && config.mysql.is_none() {
        log::warn!("redis is set, but the database is embedded: other nodes cannot share it");
    }
    Ok(stores)
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

/// Waits, not for long, until this node and the others know each other, and until it is known whether it belongs to them.
fn meet_the_others(redis: &RedisBus, peers: &Peers) {
    if !redis.wait_for_introduction(INTRODUCTION_TIMEOUT) {
        log::warn!("serving without Redis: messages to other nodes come late until it is there");
    } else if peers.wait(VERDICT_TIMEOUT) == Standing::Open {
        log::warn!("no other node has said yet that it uses the same database");
    }
}

/// Nodes of version 0.1 run on, on a database that has been upgraded, and this node would not hear them.
fn refuse_nodes_of_before(config: &Config) -> Result<(), StartError> {
    let count = config.redis.as_deref().and_then(nodes_of_before).unwrap_or(0);
    if count > 0 { Err(StartError::NodesOfBefore(count)) } else { Ok(()) }
}

type MadeBus = (Arc<dyn Bus>, Option<Arc<RedisBus>>);

fn make_bus(config: &Config, cluster: &ClusterRow, metrics: &Arc<Metrics>) -> Result<MadeBus, StartError> {
    let node = NodeId(getrandom::u64().map_err(|error| StartError::NoRandomness(error.to_string()))?);
    let Some(url) = &config.redis else {
        metrics.bus_up.set(1);
        return Ok((Arc::new(LocalBus::new(node)), None));
    };
    let bus = Arc::new(RedisBus::new(url, node, &cluster.id, Arc::clone(metrics))?);
    bus.check()?;
    log::info!("node {node} meets the others at {}", masked(url));
    Ok((Arc::clone(&bus) as Arc<dyn Bus>, Some(bus)))
}

fn start_workers(
    pool: &Pool,
    shared: &Arc<Shared>,
    queues: &Queues,
    stores: &Arc<dyn OpenStore>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let crew = |count: usize| -> Result<Vec<Ctx>, StoreError> {
        (0..count).map(|_| Ok(Ctx::new(Arc::clone(shared), stores.open()?))).collect()
    };
    let mut threads =
        workers::start(crew(pool.workers)?, queues, stores).map_err(io_error("cannot start the workers"))?;
    let Shared { config, clock, .. } = &**shared;
    let hashing = workers::start_hashing(config.hashing_threads, config.password, queues, *clock);
    threads.extend(hashing.map_err(io_error("cannot start the threads that hash passwords"))?);
    Ok(threads)
}

fn lane_deps_of(shared: &Shared, store: Box<dyn Store>, fanout: Fanout) -> LaneDeps {
    let config = &shared.config;
    let echo = EchoTo::under(config.session_policy);
    LaneDeps {
        store,
        fanout,
        bus: Arc::clone(&shared.bus),
        epoch: Arc::clone(&shared.epoch),
        echo,
        patience: config.store.timeout,
        clock: Clock::system(),
        metrics: Arc::clone(&shared.metrics),
    }
}

fn start_reactors(
    inboxes: Vec<Inbox<ReactorMessage>>,
    shared: &Arc<Shared>,
    lanes: &Lanes,
    workers: &Workers,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let table = Arc::new(Table::new());
    let config = &shared.config;
    let mut threads = Vec::new();
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let settings = reactor::Settings {
            line_bytes: config.limits.line_bytes,
            outbox_bytes: config.limits.outbox_bytes,
            stall: config.limits.stall,
            preamble: if config.proxy_protocol { Preamble::ProxyHeader(PROXY_HEADER_TIMEOUT) } else { Preamble::None },
            metrics: Arc::clone(&shared.metrics),
        };
        let tools = ReactorCtx {
            shared: Arc::clone(shared),
            table: Arc::clone(&table),
            lanes: lanes.clone(),
            workers: workers.clone(),
        };
        let run = move || {
            if let Err(error) = reactor::run(inbox, settings, ChatProtocol::new(tools)) {
                log::error!("a reactor has ended: {error}");
            }
        };
        let thread = thread::Builder::new().name(format!("reactor-{index}")).spawn(run);
        threads.push(thread.map_err(io_error("cannot start a reactor"))?);
    }
    Ok(threads)
}

/// A cluster's node on a loopback address has a proxy in front of it. Other proxies show themselves by their clients.
fn warn_of_a_silent_proxy(config: &Config) {
    if config.redis.is_some() && config.listen.ip().is_loopback() && !config.proxy_protocol {
        log::warn!(
            "clients of a cluster come to {} through a proxy: without PROXY headers (proxy_protocol = true) every limit per \
             address counts all of them as one",
            config.listen
        );
    }
}

/// The settings, with half of all connections at most for those of one address on which nobody is logged in.
fn leaving_room_for_others(config: &Config, connections_max: usize) -> Config {
    let mut config = config.clone();
    let half = u32::try_from(connections_max / 2).unwrap_or(u32::MAX).max(1);
    config.limits.anonymous_per_address = config.limits.anonymous_per_address.map(|most| most.min(half));
    config
}

/// Waits for threads to end, but not beyond the deadline.
fn join_all(threads: Vec<JoinHandle<()>>, deadline: Instant, who: &str) {
    let (done, joined) = bounded(1);
    let join = move || {
        for thread in threads {
            // A panic has been logged by the hook.
            let _ = thread.join();
        }
        let _ = done.send(());
    };
    let started = thread::Builder::new().name("joiner".to_owned()).spawn(join);
    if started.is_err() || joined.recv_deadline(deadline).is_err() {
        log::warn!("the {who} did not end in time");
    }
}
