//! One life of one node: the server's own parts, as `node::assemble` makes them, without threads.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stonechat::bus::{Listener, ReceivedBell};
use stonechat::delivery::bus_listener::BusListener;
use stonechat::delivery::cursors::writer::CursorWriter;
use stonechat::delivery::lanes::{LaneRunner, Stepped};
use stonechat::metrics::Metrics;
use stonechat::node::{self, Parts, Pool, StoreUser, Surroundings};
use stonechat::service::auth::password::Hasher;
use stonechat::service::ctx::{Ctx, Purpose};
use stonechat::session::message::{PostMessage, ReactorMessage};
use stonechat::session::protocol::ChatProtocol;
use stonechat::store::{Result, Store};
use stonechat::workers::pool::Queues;

use crate::bus::{Parcel, SimBus, keep_due};
use crate::net::{Reactor, SharedPipe};
use crate::store::{Panic, SimStore};
use crate::world::{World, clock, world};

/// How long what is confirmed waits to be written.
const WRITE_BEHIND: Duration = Duration::from_secs(1);

/// Mail that waits for a reactor.
#[derive(Clone)]
struct MailQueue {
    node: usize,
    life: u32,
    mail: Arc<Mutex<VecDeque<ReactorMessage>>>,
}

impl MailQueue {
    fn take_all(&self) -> Vec<ReactorMessage> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

impl PostMessage for MailQueue {
    fn post(&self, mail: ReactorMessage) {
        if std::thread::panicking() {
            return;
        }
        // What it is about may be out of date by the time it arrives: others have posted first.
        world().interrupt(self.node, self.life, "crash before a mail");
        // Whoever died in the middle of something posts no more.
        if world().cluster.is_alive(self.node, self.life) {
            self.mail.lock().unwrap_or_else(PoisonError::into_inner).push_back(mail);
        }
    }
}

/// A part that is taken out while it runs: it may be interrupted by others, but not by itself.
struct Slot<T>(RefCell<Option<T>>);

impl<T> Slot<T> {
    fn new(part: T) -> Self {
        Self(RefCell::new(Some(part)))
    }

    /// Runs the part unless it is running; whether it found something to do.
    fn run(&self, work: impl FnOnce(&mut T) -> bool) -> bool {
        let Some(mut part) = self.0.take() else { return false };
        let did = work(&mut part);
        self.0.replace(Some(part));
        did
    }
}

/// A part of a node that can make a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Reactor(usize),
    Lane(usize),
    Worker(usize),
    Hasher,
    CursorWriter,
    BusListener,
}

/// See the module's text.
pub struct Node {
    number: usize,
    life: u32,
    reactors: Vec<Slot<Reactor>>,
    mail: Vec<MailQueue>,
    arriving: Vec<RefCell<Vec<SharedPipe>>>,
    lanes: Vec<Slot<LaneRunner>>,
    workers: Vec<Slot<Ctx>>,
    hasher: Slot<Hasher>,
    queues: Queues,
    cursor_writer: Slot<CursorWriter>,
    listener: Slot<Arc<BusListener>>,
    /// Every connection this life ever had.
    pipes: RefCell<Vec<SharedPipe>>,
    nudged: crossbeam_channel::Receiver<()>,
    wrote_at: Cell<Option<Duration>>,
}

impl Node {
    pub fn start(world: &World, number: usize, life: u32) -> Self {
        let plan = &world.plan;
        let queue = |_| MailQueue { node: number, life, mail: Arc::default() };
        let mail: Vec<MailQueue> = (0..plan.reactors).map(queue).collect();
        let config = plan.config();
        let hasher = Hasher::new(config.password);
        let open = |user| -> Result<Box<dyn Store>> {
            Ok(Box::new(match user {
                StoreUser::Worker => SimStore::of_worker(number, life),
                StoreUser::Lane | StoreUser::CursorWriter => SimStore::new(number, life),
            }))
        };
        let epoch = world.database.borrow().cluster().epoch;
        let parts = node::assemble(Surroundings {
            config,
            clock: clock(),
            metrics: Arc::new(Metrics::new()),
            bus: Arc::new(SimBus { node: number, life }),
            epoch: &epoch,
            mailboxes: mail.iter().map(|queue| Box::new(queue.clone()) as Box<dyn PostMessage>).collect(),
            pool: Pool { lanes: plan.lanes, workers: plan.workers },
            open: &open,
        });
        let Parts { reactors, lanes, workers, queues, cursor_writer, nudged, listener, .. } =
            parts.expect("a simulated store opens");
        let reactor = |(number, protocol): (u16, ChatProtocol)| {
            Slot::new(Reactor::new(number, protocol.in_slices_of(plan.slice)))
        };
        Self {
            number,
            life,
            reactors: (0..).zip(reactors).map(reactor).collect(),
            arriving: mail.iter().map(|_| RefCell::default()).collect(),
            mail,
            lanes: lanes.into_iter().map(Slot::new).collect(),
            workers: workers.into_iter().map(Slot::new).collect(),
            hasher: Slot::new(hasher),
            queues,
            cursor_writer: Slot::new(cursor_writer),
            listener: Slot::new(listener),
            pipes: RefCell::default(),
            nudged,
            wrote_at: Cell::default(),
        }
    }

    /// A client connects to one of the reactors.
    pub fn connect(&self, world: &World, pipe: SharedPipe) {
        self.pipes.borrow_mut().push(Rc::clone(&pipe));
        self.arriving[world.below(self.reactors.len())].borrow_mut().push(pipe);
    }

    pub fn parts(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = (0..self.reactors.len()).map(Part::Reactor).collect();
        parts.extend((0..self.lanes.len()).map(Part::Lane));
        parts.extend((0..self.workers.len()).map(Part::Worker));
        parts.extend([Part::Hasher, Part::CursorWriter, Part::BusListener]);
        parts
    }

    /// Lets one part make a step; whether it found something to do.
    pub fn step(&self, world: &World, part: Part) -> bool {
        match part {
            Part::Reactor(number) => self.reactors[number].run(|reactor| {
                for pipe in self.arriving[number].take() {
                    reactor.adopt(world, pipe);
                }
                reactor.turn(world, self.mail[number].take_all())
            }),
            Part::Lane(number) => self.lanes[number].run(|lane| lane.step() == Stepped::Done),
            Part::Worker(number) => self.workers[number].run(|ctx| self.work(ctx)),
            Part::Hasher => self.hasher.run(|hasher| self.queues.hash_one(Purpose::Login, hasher, world.now())),
            Part::CursorWriter => self.cursor_writer.run(|cursor_writer| {
                // As its thread does: when it is nudged, or now and then.
                let is_nudged = self.nudged.try_recv().is_ok();
                if !is_nudged && self.wrote_at.get().is_some_and(|at| world.since(at) < WRITE_BEHIND) {
                    return false;
                }
                self.wrote_at.set(Some(world.passed()));
                cursor_writer.write(world.now());
                if world.chance(1000) {
                    cursor_writer.look_for_absent(world.now());
                }
                false
            }),
            Part::BusListener => self.listener.run(|listener| self.hear(world, listener)),
        }
    }

    /// As the real thread does it: a panic costs the store's connection, and nothing else.
    fn work(&self, ctx: &mut Ctx) -> bool {
        self.queues.run_next(ctx, &|ctx, panic| {
            if !panic.is::<Panic>() {
                resume_unwind(panic);
            }
            ctx.store = Box::new(SimStore::of_worker(self.number, self.life));
        })
    }

    fn hear(&self, world: &World, listener: &BusListener) -> bool {
        if keep_due(world, self.number) {
            return true;
        }
        let parcel = world.hub.borrow_mut().next(self.number, world.passed());
        let Some(parcel) = parcel else { return false };
        match &parcel {
            Parcel::Resync(since) => {
                let ago = since.map(|since| world.since(since));
                listener.resync("simulated", ago.and_then(|ago| world.now().checked_sub(ago)));
            }
            Parcel::Bell(channel, payload) => {
                listener.bells(&[ReceivedBell { channel: *channel, payload }]);
                if world.fault("bell comes again, late", 300) {
                    world.hub.borrow_mut().again(self.number, parcel, world.passed());
                }
            }
        }
        true
    }

    /// The process is gone: its sockets break. What the kernel had for the clients may still arrive.
    pub fn die(&self, now: Duration) {
        for pipe in self.pipes.borrow().iter() {
            pipe.borrow_mut().break_server(now);
        }
    }
}
