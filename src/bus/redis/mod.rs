//! The bus of a cluster, on Redis pub/sub.
//!
//! ```text
//!   subscribe --> subscriptions (counted) --wakes----> subscriber thread ----SUBSCRIBE--> Redis
//!                        ^                   subscriber_state, resp  <-----messages---     |
//!                        +--------confirmed------------------+---> Listener                 |
//!   publish --> outgoing (bounded) ------------------> publisher thread ----PUBLISH-----> Redis
//!                                               publisher_state, nodes <---NUMSUB-----     |
//!   ask --> numsub_pool (bounded) ------------------> inquiry thread -------NUMSUB------> Redis
//! ```
//!
//! `subscriber_state`, `publisher_state`, `subscriptions`, `nodes` and `backoff` are the logic, without socket, thread or clock;
//! `subscriber` with its `transport`, `publisher`, `numsub_pool` and `command_connection` move the bytes.
//!
//! Nodes look after each other: one that dies between a commit and its bell is missed, and the others look into the
//! store. For that they must know it. So a node whose link has come up says `who` on `nodes`; the others know it from
//! then on, and answer `here`; only then does it serve clients ([`RedisBus::wait_for_introduction`]) or look for what it
//! has missed.
//!
//! Nothing here waits for Redis except `check`, at start, and `stop`. While Redis is away bells are dropped and counted; when
//! it is back, everything is subscribed again and the listener told to look into the store.

mod address;
mod admission;
mod backoff;
mod channels;
mod cluster;
mod command_connection;
mod complaints;
mod current_server;
mod encrypted;
mod inquiry;
mod losses;
mod nodes;
mod numsub_pool;
mod outgoing;
mod peer_discovery;
mod publisher;
mod publisher_state;
mod resp;
mod sentinel;
mod shared;
mod subscriber;
mod subscriber_state;
mod subscriber_waker;
mod subscriptions;
mod target;
mod times;
mod transport;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use mio::{Poll, Waker};
use redis::RedisResult;

use super::promise::Promise;
use super::{Bell, Bus, BusError, Channel, Lateness, LinkState, Listener, PendingSubscribe, Question};
use crate::backend::Backend;
use crate::ids::NodeId;
use crate::metrics::Metrics;
use admission::{Denial, Tried};
use channels::{Names, RedisChannel, Words};
use cluster::scout;
use cluster::seeds::Surveyor;
use cluster::shards::Shards;
use cluster::topology::Belief;
use command_connection::{CommandConnection, no_server};
use nodes::Nodes;
use numsub_pool::NumsubPool;
use outgoing::Outgoing;
use peer_discovery::PeerDiscovery;
use sentinel::lookout;
use sentinel::sentinel_state::Place;
use shared::Shared;
use subscriber::Subscriber;
use subscriber_waker::{SubscriberWaker, WakeReason};
use subscriptions::Subscriptions;
use target::Target;
use times::now;

pub use address::RedisUrlError;
pub use times::Times;

/// How long `stop` waits for the threads in all.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The name under which a question is asked that no node asks: no node is called so.
const NOBODY: NodeId = NodeId(0);

/// How long `probe` waits.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why the bus could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum RedisBusError {
    /// The URL is of no use.
    #[error(transparent)]
    Url(#[from] RedisUrlError),
    /// The system refused a poll or a thread.
    #[error("cannot set up the bus: {0}")]
    System(#[from] std::io::Error),
    /// Redis refuses what a node needs, and will refuse it tomorrow.
    #[error("{0}")]
    Refused(String),
    /// It was started before.
    #[error("the bus runs already, or has been stopped")]
    StartedBefore,
}

/// Asks Redis whether it is there and lets a node of this `identity` in, for check-config. Without an identity (there is no
/// database yet) nothing can be said about channels.
///
/// # Errors
/// A sentence for a person; it never repeats the URL.
pub fn probe<'a>(redis: impl Into<Backend<'a>>, identity: Option<&str>) -> Result<(), String> {
    let target = Target::parse(redis.into()).map_err(|error| error.to_string())?;
    let names = identity.map(Names::new);
    match admission(&target, names.as_ref(), NOBODY, PROBE_TIMEOUT) {
        Ok(()) => Ok(()),
        Err(Denial::Refused(why) | Denial::Away(why)) => Err(why),
    }
}

/// Whether the server that the URL leads to lets this node do what it has to.
fn admission(target: &Target, names: Option<&Names>, node: NodeId, timeout: Duration) -> Result<(), Denial> {
    let tried = |words| names.map(|names| Tried::of(names, node, words));
    match target {
        Target::One(address) => admission::ask(address, tried(Words::Plain).as_ref(), node, timeout),
        Target::Sentinels(sentinels) => {
            admission::ask(&sentinels.find(timeout)?, tried(Words::Plain).as_ref(), node, timeout)
        }
        Target::Cluster(seeds) => {
            let told = Surveyor::new(seeds, "stonechat-check", timeout).ask(&[])?;
            let Some(topology) = Belief::default().hear(&told) else { return Ok(()) };
            let tried = tried(Words::Sharded);
            for (at, place) in topology.places().iter().enumerate() {
                let address = seeds.at(place).map_err(|error| Denial::Refused(error.to_string()))?;
                let tried = tried.as_ref().map(|tried| tried.in_slots(&topology.slots_of(at)));
                admission::ask(&address, tried.as_ref(), node, timeout)?;
            }
            Ok(())
        }
    }
}

/// How many nodes of version 0.1 use this Redis: their channels do not have the identity ahead, so that they and this
/// node would not hear each other. `None` when Redis cannot be asked at present.
#[must_use]
pub(crate) fn nodes_of_before(redis: Backend<'_>) -> Option<u64> {
    let timeout = Times::default().connect;
    let address = match Target::parse(redis).ok()? {
        Target::One(address) => *address,
        Target::Sentinels(sentinels) => sentinels.find(timeout).ok()?,
        // They knew nothing of clusters.
        Target::Cluster(_) => return Some(0),
    };
    let pipe = CommandConnection::open(&address, "stonechat-check", timeout).ok()?;
    let (_, counts) = pipe.subscribers(&Names::new(""), &[RedisChannel::NodesOfBefore]).ok()?;
    counts.first().copied()
}

/// A bus on Redis. It starts three threads, which [`Bus::stop`] (or dropping it) ends.
pub struct RedisBus {
    shared: Arc<Shared>,
    /// Until `start`.
    poll: Mutex<Option<Poll>>,
    /// From `start` to `stop`.
    threads: Mutex<Vec<Running>>,
}

struct Running {
    handle: JoinHandle<()>,
    /// Disconnected when the thread ends.
    ended: Receiver<()>,
}

impl RedisBus {
    /// A bus that is not running yet: it takes subscriptions and bells, for the time after [`RedisBus::start`]. It meets
    /// the nodes of the same `identity` only: that of the data.
    ///
    /// # Errors
    /// `Url` when it cannot be used (never when Redis cannot be reached); `System` without descriptors.
    pub fn new<'a>(
        redis: impl Into<Backend<'a>>,
        node: NodeId,
        identity: &str,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RedisBusError> {
        Self::with_times(redis, node, identity, metrics, Times::default())
    }

    /// As [`RedisBus::new`], with other waits than the usual ones.
    pub fn with_times<'a>(
        redis: impl Into<Backend<'a>>,
        node: NodeId,
        identity: &str,
        metrics: Arc<Metrics>,
        times: Times,
    ) -> Result<Self, RedisBusError> {
        let target = Target::parse(redis.into())?;
        let names = Names::new(identity);
        let poll = Poll::new()?;
        let subscriber_waker = SubscriberWaker::new(Waker::new(poll.registry(), subscriber::SUMMONS)?);
        let lateness = Arc::new(Lateness::default());
        let is_cluster = matches!(target, Target::Cluster(_));
        let shared = Shared {
            node,
            shards: is_cluster.then(|| Shards::new(names.clone(), Arc::clone(&lateness))),
            names,
            server: target.server(),
            target,
            times,
            metrics,
            subscriptions: Arc::new(Subscriptions::new(lateness)),
            nodes: Arc::new(Nodes::default()),
            outgoing: Outgoing::default(),
            numsub_pool: NumsubPool::default(),
            introduction: PeerDiscovery::default(),
            subscriber_waker,
            up_to: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared), poll: Mutex::new(Some(poll)), threads: Mutex::new(Vec::new()) })
    }

    /// Asks Redis whether it lets this node do what it needs. A Redis that is away is no error: it may come.
    ///
    /// # Errors
    /// `Refused`.
    pub fn check(&self) -> Result<(), RedisBusError> {
        let Shared { target, names, node, times, .. } = &*self.shared;
        match admission(target, Some(names), *node, times.connect) {
            Ok(()) => Ok(()),
            Err(Denial::Refused(why)) => Err(RedisBusError::Refused(why)),
            Err(Denial::Away(why)) => {
                log::debug!("cannot ask Redis what it allows: {why}");
                Ok(())
            }
        }
    }

    /// Starts the threads and returns at once; they keep trying to reach Redis. `listener` is called on the
    /// subscriber thread.
    ///
    /// # Errors
    /// `System` when a thread cannot be started; `StartedBefore` the second time.
    pub fn start(&self, listener: Arc<dyn Listener>) -> Result<(), RedisBusError> {
        let poll = self.poll.lock().unwrap_or_else(PoisonError::into_inner).take();
        let poll = poll.ok_or(RedisBusError::StartedBefore)?;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let subscriber = Subscriber::new(Arc::clone(&self.shared), listener, poll);
        let shared = Arc::clone(&self.shared);
        threads.push(Running::start("bus-publisher", move || publisher::run(&shared))?);
        threads.push(Running::start("bus-subscriber", move || subscriber.run())?);
        let shared = Arc::clone(&self.shared);
        threads.push(Running::start("bus-inquiry", move || inquiry::run(&shared))?);
        if !matches!(self.shared.target, Target::One(_)) {
            let shared = Arc::clone(&self.shared);
            threads.push(Running::start("bus-lookout", move || shared.look_out())?);
        }
        Ok(())
    }

    /// Waits until this node and the others know each other, at most `timeout`: from then on a node that dies is missed.
    /// `false` if that is not so, because Redis could not be reached at the first attempt or is slow; it is made up for
    /// when the link comes up.
    pub fn wait_for_introduction(&self, timeout: Duration) -> bool {
        self.shared.introduction.wait(timeout)
    }
}

impl Bus for RedisBus {
    fn node(&self) -> NodeId {
        self.shared.node
    }

    fn nodes(&self) -> Option<Vec<NodeId>> {
        let Shared { introduction, nodes, .. } = &*self.shared;
        (self.link() == LinkState::Up && introduction.is_made()).then(|| nodes.known())
    }

    fn subscribe(&self, channels: &[Channel]) -> PendingSubscribe {
        let (ticket, new) = match &self.shared.shards {
            Some(shards) => shards.subscribe(channels),
            None => self.shared.subscriptions.subscribe(channels),
        };
        if new > 0 {
            self.shared.metrics.bus_subscriptions.inc_by(i64::try_from(new).unwrap_or(i64::MAX));
            self.shared.subscriber_waker.call(WakeReason::Subscriptions);
        }
        ticket
    }

    fn unsubscribe(&self, channels: &[Channel]) {
        let ended = match &self.shared.shards {
            Some(shards) => shards.unsubscribe(channels),
            None => self.shared.subscriptions.unsubscribe(channels),
        };
        if ended > 0 {
            self.shared.metrics.bus_subscriptions.dec_by(i64::try_from(ended).unwrap_or(i64::MAX));
            self.shared.subscriber_waker.call(WakeReason::Subscriptions);
        }
    }

    fn publish(&self, bells: Vec<Bell>) {
        let lost = self.shared.outgoing.push(bells);
        self.shared.metrics.bus_dropped.inc_by(lost as u64);
    }

    fn ask(&self, channels: &[Channel]) -> Question {
        if channels.is_empty() {
            return Promise::kept(Ok([].into()));
        }
        if self.link() == LinkState::Down {
            return Promise::kept(Err(BusError::Away("the link is down".into())));
        }
        let here = match &self.shared.shards {
            Some(shards) => shards.counted_here(channels),
            None => self.shared.subscriptions.counted_here(channels),
        };
        self.shared.numsub_pool.ask(channels.iter().copied().map(RedisChannel::Of).collect(), here)
    }

    fn link(&self) -> LinkState {
        self.shared.link()
    }

    fn stop(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = now() + STOP_TIMEOUT;
        self.shared.outgoing.close();
        self.shared.numsub_pool.close();
        self.shared.server.close();
        if let Some(shards) = &self.shared.shards {
            shards.close();
        }
        // The publisher, started first, goes first: until its last word this node should not look dead to the others.
        for running in threads {
            running.join(deadline);
            self.shared.subscriber_waker.call(WakeReason::Stop);
        }
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus").field("node", &self.shared.node).field("link", &self.link()).finish_non_exhaustive()
    }
}

impl Shared {
    /// What a connection calls itself in Redis' CLIENT LIST.
    fn name(&self, part: &str) -> String {
        format!("stonechat-{}-{part}", self.node)
    }

    /// It is down as soon as the server is another one, even before the subscriber has left the one of before.
    fn link(&self) -> LinkState {
        if self.up_to.load(Ordering::Acquire) == self.server.number() { LinkState::Up } else { LinkState::Down }
    }

    fn is_up_to(&self, server: u64) -> bool {
        self.up_to.load(Ordering::Acquire) == server
    }

    fn up(&self, server: u64) {
        self.up_to.store(server, Ordering::Release);
        self.metrics.bus_up.set(1);
    }

    fn down(&self) {
        self.up_to.store(0, Ordering::Release);
        self.metrics.bus_up.set(0);
    }

    /// A connection for commands to the present server, and that server's number.
    fn open(&self, part: &str, timeout: Duration) -> RedisResult<(CommandConnection, u64)> {
        let server = self.server.now();
        let address = server.at.ok_or_else(no_server)?;
        Ok((CommandConnection::open(&address, &self.name(part), timeout)?, server.number))
    }

    /// A connection for commands to this server of a cluster.
    fn open_at(&self, place: &Place, part: &str, timeout: Duration) -> RedisResult<CommandConnection> {
        let Target::Cluster(seeds) = &self.target else { return Err(no_server()) };
        CommandConnection::open(&seeds.at(place)?, &self.name(part), timeout)
    }

    /// Follows the master, or the slots of a cluster.
    fn look_out(&self) {
        match (&self.target, &self.shards) {
            (Target::Sentinels(sentinels), _) => lookout::run(self, sentinels),
            (Target::Cluster(seeds), Some(shards)) => scout::run(self, seeds, shards),
            _ => {}
        }
    }
}

impl Running {
    fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        let (alive, ended): (Sender<()>, _) = bounded(0);
        let work = move || {
            work();
            drop(alive);
        };
        let handle = thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { handle, ended })
    }

    /// Waits for the end until `deadline`; a thread that hangs longer in a call of the system is left to itself.
    fn join(self, deadline: Instant) {
        // Nothing is ever sent: it is either too late, or the other side is gone.
        if let Err(crossbeam_channel::RecvTimeoutError::Timeout) = self.ended.recv_deadline(deadline) {
            log::warn!("thread {:?} does not end in time", self.handle.thread().name());
            return;
        }
        if self.handle.join().is_err() {
            log::error!("a thread of the bus panicked");
        }
    }
}
