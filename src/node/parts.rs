//! The parts of a node, made and connected. Nothing runs yet.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::pool::Pool;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::bus_listener::BusListener;
use crate::delivery::cursors::queue::CursorQueue;
use crate::delivery::cursors::writer::{CursorWriter, Telling};
use crate::delivery::demand::Demand;
use crate::delivery::directory::Directory;
use crate::delivery::epoch::Epoch;
use crate::delivery::fanout::Fanout;
use crate::delivery::keeper::{Keeper, Ways};
use crate::delivery::lanes::{self, EchoTo, LaneDeps, LaneRunner};
use crate::delivery::peers::Peers;
use crate::metrics::Metrics;
use crate::service::auth::attempts::Attempts;
use crate::service::ctx::{Ctx, Shared};
use crate::service::limits::budgets::Budgets;
use crate::service::routes::Table;
use crate::session::message::{PostMessage, ReactorMailboxes};
use crate::session::protocol::ChatProtocol;
use crate::session::reactor_ctx::ReactorCtx;
use crate::store::{Result, Store};
use crate::workers;
use crate::workers::pool::Queues;
use crate::workers::sweeper;
use crate::workers::sweeper::SweepCalls;

/// What a node finds around it.
pub struct Surroundings<'a> {
    /// The settings.
    pub config: Config,
    /// The clocks.
    pub clock: Clock,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// The epoch that the data are in.
    pub epoch: &'a str,
    /// The door to each reactor. There will be as many reactors.
    pub mailboxes: Vec<Box<dyn PostMessage>>,
    /// How many lanes and workers there will be.
    pub pool: Pool,
    /// Opens one more connection to the database.
    pub open: &'a dyn Fn(StoreUser) -> Result<Box<dyn Store>>,
}

/// Whom a connection to the database is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreUser {
    /// The cursor writer.
    CursorWriter,
    /// A lane.
    Lane,
    /// A worker.
    Worker,
}

/// A node before any of its threads runs. Each part is meant for one thread.
pub struct Parts {
    /// The reactors' shares of the service, in the order of their mailboxes.
    pub reactors: Vec<ChatProtocol>,
    /// The lanes.
    pub lanes: Vec<LaneRunner>,
    /// The workers.
    pub workers: Vec<Ctx>,
    /// Where jobs wait for workers and for the threads that hash.
    pub queues: Queues,
    /// The cursor writer.
    pub cursor_writer: CursorWriter,
    /// Wakes the cursor writer before its time.
    pub nudged: Receiver<()>,
    /// Wakes the sweeper before its time.
    pub sweep_asked: SweepCalls,
    /// What hears the other nodes: for the bus, if it has any.
    pub listener: Arc<BusListener>,
    /// What is known of the other nodes.
    pub peers: Arc<Peers>,
    /// What all workers share.
    pub shared: Arc<Shared>,
}

/// Makes the parts of a node, and starts nothing.
///
/// # Errors
/// A connection to the database cannot be had.
pub fn assemble(around: Surroundings<'_>) -> Result<Parts> {
    let Surroundings { config, clock, metrics, bus, epoch, mailboxes, pool, open } = around;
    let reactors = mailboxes.len();
    let mailboxes = ReactorMailboxes::new(mailboxes);
    let directory = Arc::new(Directory::new());
    let fanout = || Fanout::new(mailboxes.clone(), Arc::clone(&directory));

    let (cursor_queue, nudged) = CursorQueue::new(Arc::clone(&metrics));
    let epoch = Arc::new(Epoch::new(epoch, cursor_queue.clone()));
    let peers = Arc::new(Peers::new(bus.node(), cursor_queue.clone()));
    let ways =
        Ways { bus: Arc::clone(&bus), cursor_queue: cursor_queue.clone(), fanout: fanout(), peers: Arc::clone(&peers) };
    let keeper = Keeper::new(Arc::clone(&epoch), ways, clock, Arc::clone(&metrics));
    let store = open(StoreUser::CursorWriter)?;
    let to_writer = cursor_queue.clone();
    let demand = Arc::new(Demand::new(Arc::clone(&directory), Arc::clone(&bus), move || to_writer.nudge()));
    let telling = Telling { bus: Arc::clone(&bus), fanout: fanout(), demand: Arc::clone(&demand) };
    let cursor_writer = CursorWriter::new(store, telling, cursor_queue.clone(), keeper, clock);
    let (to_peers, metrics_too) = (Arc::clone(&peers), Arc::clone(&metrics));
    let listener = BusListener::new(fanout(), cursor_queue.clone(), Arc::clone(&epoch), to_peers, metrics_too);

    let (sweep, sweep_asked) = sweeper::door();
    let shared = Arc::new(Shared {
        clock,
        directory: Arc::clone(&directory),
        bus,
        cursor_queue,
        demand,
        epoch,
        attempts: Attempts::new(config.limits.logins_per_minute),
        budgets: Budgets::new(&config.limits, &config.quota),
        sweep,
        sessions: mailboxes.clone(),
        metrics,
        config,
    });
    let (entrances, queues) = workers::pool::queues(Arc::clone(&shared.metrics), Arc::clone(&mailboxes));
    let worker = || Ok(Ctx::new(Arc::clone(&shared), open(StoreUser::Worker)?));
    let workers = (0..pool.workers).map(|_| worker()).collect::<Result<_>>()?;
    let lane = || Ok(lane_deps(&shared, open(StoreUser::Lane)?, fanout()));
    let lanes = (0..pool.lanes).map(|_| lane()).collect::<Result<_>>()?;
    let (lanes_in, lanes) = lanes::lanes(lanes, Arc::clone(&shared.metrics));
    let table = Arc::new(Table::new());
    let reactor = |_| {
        let (shared, table) = (Arc::clone(&shared), Arc::clone(&table));
        ChatProtocol::new(ReactorCtx { shared, table, lanes: lanes_in.clone(), workers: entrances.clone() })
    };
    let reactors = (0..reactors).map(reactor).collect();
    Ok(Parts {
        reactors,
        lanes,
        workers,
        queues,
        cursor_writer,
        nudged,
        sweep_asked,
        listener: Arc::new(listener),
        peers,
        shared,
    })
}

fn lane_deps(shared: &Shared, store: Box<dyn Store>, fanout: Fanout) -> LaneDeps {
    let Shared { config, clock, bus, epoch, metrics, sweep, .. } = shared;
    let sweep = sweep.clone();
    LaneDeps {
        store,
        fanout,
        bus: Arc::clone(bus),
        epoch: Arc::clone(epoch),
        echo: EchoTo::under(config.session_policy),
        recalled: Box::new(move || sweep.recalled()),
        patience: config.store.timeout,
        clock: *clock,
        metrics: Arc::clone(metrics),
    }
}
