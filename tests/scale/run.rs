//! A whole cluster and its users, step by step of the clock.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bus::{Hub, Passed, SharedHub, lock};
use crate::clock;
use crate::node::{Done, Node, Seat};
use crate::population::{Population, To};
use crate::reactor::{Heard, SharedHeard};
use crate::record::{self, Record, SharedRecord};
use crate::sums::{TO_CIRCLE_PER_HOUR, TO_PARTNER_PER_HOUR, TO_ROOM_PER_HOUR};

/// A step of the clock.
pub const STEP: Duration = Duration::from_millis(2);
/// What a node's two processors do in a step.
pub const STEP_US: f64 = 2.0 * 2000.0;
/// Logins between two looks at who has something to do, while everybody comes.
const LOGINS_AT_ONCE: u32 = 1000;

/// Numbers by chance, the same in each run: Marsaglia's xorshift64 (2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(((self.0 >> 32) * u64::from(end)) >> 32).expect("below a number of 32 bits")
    }
}

/// See the module's text.
pub struct Run {
    pub population: Population,
    hub: SharedHub,
    pub record: SharedRecord,
    heard: SharedHeard,
    nodes: Vec<Option<Node>>,
    /// By user: which node, and where there.
    seats: Vec<(usize, Seat)>,
    chance: Chance,
    /// Parts of messages that are due.
    due: [f64; 3],
    /// Pushes that what was said is to cause.
    pub expected: u64,
    /// Messages that were said.
    pub said: u64,
}

impl Run {
    /// So many users log in on so many nodes, each on one by chance.
    pub fn begin(nodes: u32, users: u32) -> Self {
        Self::begin_on(Population::of_at_least(users), nodes, nodes)
    }

    /// All users log in on the first `homes` of so many nodes.
    pub fn begin_on(population: Population, nodes: u32, homes: u32) -> Self {
        let (hub, record, heard) = (Hub::of(nodes as usize), Record::of(population), SharedHeard::default());
        let around = || (Arc::clone(&hub), Arc::clone(&record), Rc::clone(&heard));
        let started = (0..nodes as usize).map(|number| Some(Node::start(number, around()))).collect();
        let mut run = Self {
            population,
            nodes: started,
            hub,
            record,
            heard,
            seats: Vec::new(),
            chance: Chance(0x9e37_79b9_7f4a_7c15),
            due: [0.0; 3],
            expected: 0,
            said: 0,
        };
        for number in 1..=population.users {
            let node = run.chance.below(homes) as usize;
            let seat = run.nodes[node].as_mut().expect("all run").log_in(number);
            run.seats.push((node, seat));
            if number % LOGINS_AT_ONCE == 0 {
                run.rest();
            }
        }
        run.rest();
        assert_eq!(run.heard().logins, u64::from(population.users), "everybody is in; {:?}", run.heard().odd.first());
        run
    }

    fn heard(&self) -> std::cell::Ref<'_, Heard> {
        self.heard.borrow()
    }

    /// All nodes work until nothing is left to do. The clock goes on.
    pub fn rest(&mut self) {
        // What is written behind may have something told a second later, and what much of a group has confirmed is written in five of them.
        for _ in 0..25 {
            while self.step(f64::MAX) {}
            clock::pass(Duration::from_millis(300));
        }
    }

    fn step(&mut self, time_us: f64) -> bool {
        let mut is_busy = false;
        for node in self.nodes.iter_mut().flatten() {
            is_busy |= node.work(time_us);
        }
        is_busy || !lock(&self.hub).is_quiet()
    }

    /// Everybody talks for so long, while each node has no more than its processors.
    pub fn talk(&mut self, time: Duration) {
        let until = clock::passed() + time;
        while clock::passed() < until {
            self.say_what_is_due();
            self.step(STEP_US);
            clock::pass(STEP);
        }
    }

    fn say_what_is_due(&mut self) {
        let kinds =
            [(To::Partner, TO_PARTNER_PER_HOUR), (To::Circle, TO_CIRCLE_PER_HOUR), (To::Room, TO_ROOM_PER_HOUR)];
        for (kind, (to, per_hour)) in kinds.into_iter().enumerate() {
            self.due[kind] += f64::from(self.population.users) * per_hour * STEP.as_secs_f64() / 3600.0;
            while self.due[kind] >= 1.0 {
                self.due[kind] -= 1.0;
                let number = self.chance.below(self.population.users) + 1;
                self.say(number, to);
            }
        }
    }

    /// Unless the user's node is gone.
    pub fn say(&mut self, number: u32, to: To) {
        let (node, seat) = self.seats[number as usize - 1];
        if let Some(node) = &mut self.nodes[node] {
            node.say(seat, number, to);
            self.said += 1;
            self.expected += u64::from(Population::listeners(to));
        }
    }

    /// A node's link breaks, and its users go on to talk: nobody elsewhere hears of it. What its own users get they confirm.
    pub fn say_into_the_void(&mut self, node: usize, messages: usize) {
        lock(&self.hub).cut(node);
        for (number, to) in
            self.users_of(node).into_iter().zip([To::Partner, To::Circle].into_iter().cycle()).take(messages)
        {
            self.say(number, to);
        }
        self.rest();
    }

    fn users_of(&self, node: usize) -> Vec<u32> {
        let theirs = (1..).zip(&self.seats).filter(|(_, (on, _))| *on == node);
        theirs.map(|(number, _)| number).collect()
    }

    /// A node dies. Its users are those returned.
    pub fn kill(&mut self, node: usize) -> Vec<u32> {
        // What it would still do when it is dropped reaches nobody.
        lock(&self.hub).leave(node);
        std::mem::forget(self.nodes[node].take());
        self.users_of(node)
    }

    /// All nodes have heard that bells may have been lost since then, and look for what they have missed.
    pub fn resync(&mut self, since: Instant) {
        self.nodes.iter().flatten().for_each(|node| node.resync(since));
        self.rest();
    }
    /// A user comes back, to a node by chance.
    pub fn come_back(&mut self, number: u32) {
        let nodes = u32::try_from(self.nodes.len()).expect("few");
        let node = loop {
            let node = self.chance.below(nodes) as usize;
            if self.nodes[node].is_some() {
                break node;
            }
        };
        let seat = self.nodes[node].as_mut().expect("it was just looked at").log_in(number);
        self.seats[number as usize - 1] = (node, seat);
    }

    /// All of them come back within so long, each at a time by chance, while each node has no more than its processors. How long it
    /// takes until they are in.
    pub fn come_back_within(&mut self, users: &[u32], spread: Duration) -> Duration {
        let before = self.heard().logins;
        let steps = u32::try_from(spread.as_millis() / STEP.as_millis()).expect("a run is short");
        let mut due: Vec<(u32, u32)> = users.iter().map(|number| (self.chance.below(steps), *number)).collect();
        due.sort_unstable();
        let mut due = due.into_iter().peekable();
        let began = clock::passed();
        for step in 0.. {
            while let Some((_, number)) = due.next_if(|(at, _)| *at <= step) {
                self.come_back(number);
            }
            self.step(STEP_US);
            clock::pass(STEP);
            if self.heard().logins - before >= users.len() as u64 || !self.heard().odd.is_empty() {
                break;
            }
        }
        clock::passed().saturating_sub(began)
    }

    pub fn done(&self) -> Vec<Done> {
        self.nodes.iter().flatten().map(|node| node.done).collect()
    }

    pub fn forget_done(&mut self) {
        self.nodes.iter_mut().flatten().for_each(|node| node.done = Done::default());
        lock(&self.hub).passed = Passed::default();
        record::lock(&self.record).calls.clear();
    }

    pub fn passed(&self) -> Passed {
        lock(&self.hub).passed
    }

    pub fn messages_heard(&self) -> u64 {
        self.heard().messages
    }

    /// In which time so many of 1,000 pushes came, in milliseconds.
    pub fn of_1000(&self, part: u64) -> usize {
        self.heard().of_1000(part)
    }

    /// What was told that should not have been.
    pub fn odd(&self) -> Vec<String> {
        self.heard().odd.clone()
    }

    /// How often the record was asked this.
    pub fn calls(&self, name: &str) -> u64 {
        record::lock(&self.record).calls.get(name).copied().unwrap_or(0)
    }

    pub fn all_calls(&self) -> String {
        format!("{:?}", record::lock(&self.record).calls)
    }
}
