//! What all parts of one run share: the seed's numbers, the clocks, the record, the bus, and the count of the faults.
//!
//! A run lives in one thread, and its world is that thread's: the shims that the server is given (store, bus, doors) must
//! be `Send`, so they carry no reference to it and find it here.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use stonechat::clock::{Clock, UnixMs};
use stonechat::ids::ConvId;
use stonechat::store::Append;

use crate::bus::Hub;
use crate::checker::Moment;
use crate::cluster::Cluster;
use crate::database::Database;
use crate::plan::{Bug, Plan};
use crate::rng::Rng;

/// How deep one part may be interrupted by others that are interrupted in turn.
const DEPTH_MAX: u32 = 3;
/// How often in 10,000 steps a copy of the data is made where there is none.
const COPY_CHANCE: u32 = 20;
/// How often it takes the place of the data.
const RESTORE_CHANCE: u32 = 30;
/// In how many of 10,000 cases no node is up when it does.
const NODES_DOWN_CHANCE: u32 = 2500;
/// 2026-01-01.
const WALL_START_MS: i64 = 1_767_225_600_000;

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// Everything that a run has but one of.
pub struct World {
    pub plan: Plan,
    pub database: RefCell<Database>,
    pub hub: RefCell<Hub>,
    pub cluster: Cluster,
    /// Faults happen, and parts are interrupted.
    pub is_stormy: Cell<bool>,
    rng: RefCell<Rng>,
    start: Instant,
    passed: Cell<Duration>,
    wall_shift_ms: Cell<i64>,
    depth: Cell<u32>,
    trace: Cell<u64>,
    moment: Cell<Moment>,
    is_over: Cell<bool>,
    faults: RefCell<BTreeMap<&'static str, u64>>,
    /// Conversations that somebody holds locked in the record, and until when.
    locks: RefCell<BTreeMap<ConvId, Duration>>,
    /// A copy of the record, to which it may go back.
    copy: RefCell<Option<Database>>,
    restored_at: Cell<Option<Duration>>,
    pub went_back: RefCell<Vec<Moment>>,
    pub rests: RefCell<Vec<Moment>>,
}

/// The world of this thread's run.
pub fn world() -> Rc<World> {
    WORLD.with_borrow(|world| Rc::clone(world.as_ref().expect("a run has begun")))
}

/// The clocks that the nodes are given.
pub fn clock() -> Clock {
    Clock::new(|| world().now(), || world().wall())
}

impl World {
    /// Begins a run on this thread; the one before is forgotten.
    #[expect(clippy::disallowed_methods, reason = "a start for the clock that the simulation moves")]
    pub fn begin(seed: u64, change: impl FnOnce(&mut Plan)) -> Rc<Self> {
        let mut rng = Rng::new(seed);
        let mut plan = Plan::draw(&mut rng);
        change(&mut plan);
        let world = Rc::new(Self {
            database: RefCell::new(Database::new(&plan)),
            hub: RefCell::new(Hub::new(plan.nodes)),
            cluster: Cluster::new(&plan),
            plan,
            is_stormy: Cell::new(true),
            rng: RefCell::new(rng),
            start: Instant::now(),
            passed: Cell::default(),
            wall_shift_ms: Cell::default(),
            depth: Cell::default(),
            trace: Cell::new(seed),
            moment: Cell::default(),
            is_over: Cell::default(),
            faults: RefCell::default(),
            locks: RefCell::default(),
            copy: RefCell::default(),
            restored_at: Cell::default(),
            went_back: RefCell::default(),
            rests: RefCell::default(),
        });
        let before = WORLD.replace(Some(Rc::clone(&world)));
        // What is left of a run that panicked would call back into a world that is no more.
        if let Some(before) = before.filter(|before| !before.is_over.get()) {
            std::mem::forget(before);
        }
        world
    }

    pub fn now(&self) -> Instant {
        self.start + self.passed.get()
    }

    /// Time since the run began.
    pub fn passed(&self) -> Duration {
        self.passed.get()
    }

    /// How long ago this moment of the run was.
    pub fn since(&self, moment: Duration) -> Duration {
        self.passed.get().saturating_sub(moment)
    }

    /// This moment: each is later than all before.
    pub fn moment(&self) -> Moment {
        self.moment.set(self.moment.get() + 1);
        self.moment.get()
    }

    pub fn pass(&self, time: Duration) {
        self.passed.set(self.passed.get() + time);
    }

    pub fn wall(&self) -> UnixMs {
        let ms = i64::try_from(self.passed.get().as_millis()).expect("a run is short");
        UnixMs(WALL_START_MS + ms + self.wall_shift_ms.get())
    }

    pub fn shift_wall(&self, ms: i64) {
        self.wall_shift_ms.set(self.wall_shift_ms.get() + ms);
    }

    pub fn below(&self, end: usize) -> usize {
        self.rng.borrow_mut().below(end)
    }

    pub fn between(&self, first: usize, last: usize) -> usize {
        self.rng.borrow_mut().between(first, last)
    }

    pub fn chance(&self, of_10_000: u32) -> bool {
        self.rng.borrow_mut().chance(of_10_000)
    }

    /// Whether a fault that comes so often in 10,000 cases comes now; it is counted.
    pub fn fault(&self, name: &'static str, of_10_000: u32) -> bool {
        let comes = self.is_stormy.get() && self.chance(of_10_000 * self.plan.roughness);
        if comes {
            self.count(name);
        }
        comes
    }

    /// The run is over, and nothing is under way.
    pub fn end(&self) {
        self.is_over.set(true);
    }

    /// Counts a fault.
    pub fn count(&self, name: &'static str) {
        *self.faults.borrow_mut().entry(name).or_default() += 1;
    }

    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.faults.borrow().clone()
    }

    /// Mixes something that happened into the run's fingerprint.
    pub fn note(&self, what: u64) {
        self.trace.set((self.trace.get().rotate_left(7) ^ what).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }

    /// The run's fingerprint.
    pub fn trace(&self) -> u64 {
        self.trace.get()
    }

    pub fn database_is_down(&self) -> bool {
        self.cluster.is_outage(self.passed())
    }

    /// Now and then a copy of the data is made, and then, at some later moment, it takes their place.
    pub fn restore_perhaps(&self) {
        if !self.plan.restores || !self.is_stormy.get() {
            return;
        }
        if self.copy.borrow().is_none() {
            if self.chance(COPY_CHANCE) {
                *self.copy.borrow_mut() = Some(self.database.borrow().clone());
            }
            return;
        }
        if !self.chance(RESTORE_CHANCE) {
            return;
        }
        // First: others go on while nodes die.
        let copy = self.copy.take().expect("it was just looked at");
        if self.chance(NODES_DOWN_CHANCE) {
            self.count("data went back while no node was up");
            (0..self.plan.nodes).for_each(|node| self.cluster.crash(self, node));
        } else {
            self.count("data went back under the nodes");
        }
        self.note(6);
        self.database.borrow_mut().go_back(copy);
        self.restored_at.set(Some(self.passed()));
        self.went_back.borrow_mut().push(self.moment());
    }

    /// Whether the data have not gone back since this moment of the run.
    pub fn is_of_this_life(&self, moment: Duration) -> bool {
        self.restored_at.get().is_none_or(|restored| restored < moment)
    }

    /// The same, of a numbered moment: whether they have gone back.
    pub fn went_back_since(&self, moment: Moment) -> bool {
        self.went_back.borrow().iter().any(|went_back| *went_back > moment)
    }

    /// Those of the batch's conversations that are locked at present; another one may be from now on, for longer than a
    /// sender waits.
    pub fn locked(&self, batch: &[Append]) -> BTreeSet<ConvId> {
        if self.fault("a conversation is locked", 150) {
            let conv = batch[self.below(batch.len())].conv();
            let until = self.passed() + Duration::from_millis(self.between(1, 600) as u64);
            self.locks.borrow_mut().insert(conv, until);
        }
        let locks = self.locks.borrow();
        let is_locked = |conv: &ConvId| locks.get(conv).is_some_and(|until| *until > self.passed());
        batch.iter().map(Append::conv).filter(is_locked).collect()
    }

    /// The bug a test has planted into the network.
    pub fn planted(&self) -> Bug {
        self.plan.bug
    }

    /// One part of a node is in the middle of something: others may go on meanwhile, or the node may die.
    pub fn interrupt(&self, node: usize, life: u32, here: &'static str) {
        if !self.is_stormy.get() || self.depth.get() >= DEPTH_MAX {
            return;
        }
        self.depth.set(self.depth.get() + 1);
        if self.chance(4000) {
            for _ in 0..self.between(1, self.plan.interruption_steps) {
                self.cluster.step(self);
            }
        }
        if self.cluster.is_alive(node, life) && self.fault(here, 20) {
            self.cluster.crash(self, node);
        }
        self.depth.set(self.depth.get() - 1);
    }
}
