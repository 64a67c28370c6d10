//! A whole cluster in one thread: who makes the next step, what goes wrong, how it heals, and the verdict.
//!
//! ```text
//!   storm: steps in random order, faults among them, parts interrupted in the middle
//!   heal:  everything is up, all clients are back; rounds until nothing moves any more
//!   then:  in half of the runs everybody says one thing more everywhere; HISTORY is read; the checker compares
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use stonechat::ids::{Members, NodeId};

use crate::bus::SimBus;
use crate::checker::{Class, Conv, Histories, Member, Message, NamedDevice, Outcome, Session, Violation, check};
use crate::client::{Client, Notes};
use crate::database::{Passed, Spoken, Stay, group, named, user};
use crate::net::{End, SharedPipe};
use crate::node::{Node, Part};
use crate::plan::{Plan, Seat};
use crate::silent;
use crate::world::World;

/// A node looks at the epoch by itself within this time.
const EPOCH_LOOK: Duration = Duration::from_secs(11);
/// Virtual time of a round of healing.
const ROUND: Duration = Duration::from_millis(20);
/// So many rounds in which nothing moves are rest: longer than any wait but those for late and lost answers.
const QUIET_ROUNDS: usize = 60;
/// What has not come to rest after so many rounds never will.
const ROUNDS_MAX: usize = 6000;

struct Place {
    node: Option<Rc<Node>>,
    life: u32,
    /// When it starts again, or its link comes back.
    up_at: Duration,
    link_up_at: Duration,
}

/// The nodes and the clients.
pub struct Cluster {
    places: RefCell<Vec<Place>>,
    clients: Vec<RefCell<Option<Client>>>,
    notes: Notes,
    outage_until: Cell<Duration>,
}

/// What came of a run.
pub struct Run {
    pub violations: Vec<Violation>,
    pub faults: BTreeMap<&'static str, u64>,
    /// Of everything that happened.
    pub trace: u64,
    pub acked: usize,
    pub plan: Plan,
    /// All that the clients did and saw.
    pub story: String,
}

/// Runs a cluster from a seed; `change` may settle parts of what the seed would draw.
pub fn run(seed: u64, change: impl FnOnce(&mut Plan)) -> Run {
    let world = World::begin(seed, change);
    let cluster = &world.cluster;
    cluster.restart(&world);
    for _ in 0..world.plan.steps {
        cluster.step(&world);
    }
    let mut stuck = cluster.heal(&world);
    if stuck.is_none() && world.plan.last_words {
        stuck = cluster.last_words(&world);
    }
    if stuck.is_none() {
        stuck = cluster.read_history(&world);
    }
    let histories = cluster.take_histories(&world);
    let mut violations =
        stuck.map_or_else(|| check(&histories), |what| vec![Violation { class: Class::B, text: what }]);
    violations.extend(cluster.unreported(&world));
    let listed_again = cluster.notes.listed_again.take().into_iter();
    violations.extend(listed_again.map(|text| Violation { class: Class::D, text }));
    let echoed = cluster.notes.echoed.take().into_iter();
    violations.extend(echoed.map(|text| Violation { class: Class::D, text }));
    let acked_in_vain = cluster.notes.acked_in_vain.take().into_iter();
    violations.extend(acked_in_vain.map(|text| Violation { class: Class::L, text }));
    cluster.dismantle(&world);
    let acked = histories.sends.iter().filter(|sent| matches!(sent.outcome, Outcome::Acked(_))).count();
    let (plan, story) = (world.plan.clone(), tell(&histories, &cluster.notes.diary.take()));
    Run { violations, faults: world.faults(), trace: world.trace(), acked, plan, story }
}

fn tell(histories: &Histories, diary: &[String]) -> String {
    let mut story = diary.join("\n") + "\n";
    for (index, session) in histories.sessions.iter().enumerate() {
        let Session { user, device, confirmed, done, epoch, events, .. } = session;
        writeln!(story, "session {index} of {user}, device {device}, epoch {epoch}, done with {confirmed:?} {done:?}")
            .unwrap();
        for event in events {
            writeln!(story, "    {index} {event:?}").unwrap();
        }
    }
    for sent in &histories.sends {
        writeln!(story, "{sent:?}").unwrap();
    }
    writeln!(story, "excused: {:?}", histories.excused).unwrap();
    for device in &histories.devices {
        writeln!(story, "{device:?}").unwrap();
    }
    story
}

impl Cluster {
    pub fn new(plan: &Plan) -> Self {
        let place = |_| Place { node: None, life: 0, up_at: Duration::ZERO, link_up_at: Duration::ZERO };
        Self {
            places: RefCell::new((0..plan.nodes).map(place).collect()),
            clients: (0..plan.seats.len()).map(|seat| RefCell::new(Some(Client::new(plan, seat)))).collect(),
            notes: Notes::default(),
            outage_until: Cell::default(),
        }
    }

    /// Whether this life of the node goes on.
    pub fn is_alive(&self, node: usize, life: u32) -> bool {
        let place = &self.places.borrow()[node];
        place.node.is_some() && place.life == life
    }

    /// What the living nodes but this one are called.
    pub fn names_but(&self, node: usize) -> Vec<NodeId> {
        let places = self.places.borrow();
        let living = places.iter().enumerate().filter(|(number, place)| *number != node && place.node.is_some());
        living.map(|(number, place)| SimBus::name(number, place.life)).collect()
    }

    /// Positions are about to be written that pass these messages, in the order of their numbers, all of which were given out
    /// again. If the last one has not been shown where the position is written for, but another one that had its number before
    /// the data went back, it is not what was confirmed there. Then these are excused from coming there.
    ///
    /// A node that knows of the other one does not give the number out again, and one that hears of it makes a new epoch. So
    /// this takes another node, and either a position that waited to be written (a second at most) or bells that were lost with
    /// their link, and in that time as many new messages as were lost.
    pub fn pass_over(&self, positions: &[Passed]) {
        for Passed { user, device, messages, is_of_own } in positions {
            let messages = messages.iter().filter_map(message).collect();
            self.notes.pass_over((user.number(), *device), messages, *is_of_own);
        }
    }

    pub fn is_outage(&self, now: Duration) -> bool {
        self.outage_until.get() > now
    }

    /// Connects to a living node; `false` if there is none.
    pub fn connect(&self, world: &World, pipe: &SharedPipe) -> bool {
        let nodes = self.nodes();
        if nodes.is_empty() {
            return false;
        }
        nodes[world.below(nodes.len())].connect(world, Rc::clone(pipe));
        true
    }

    fn nodes(&self) -> Vec<Rc<Node>> {
        self.places.borrow().iter().filter_map(|place| place.node.clone()).collect()
    }

    /// Takes all nodes down, while whatever they still do finds its world.
    fn dismantle(&self, world: &World) {
        for number in 0..world.plan.nodes {
            let node = self.places.borrow_mut()[number].node.take();
            drop(node);
            let in_vain = world.hub.borrow_mut().enter(number);
            drop(in_vain);
        }
        world.end();
    }

    /// One step of somebody, or a fault.
    pub fn step(&self, world: &World) {
        world.pass(Duration::from_micros(world.below(2000) as u64));
        self.trouble(world);
        world.restore_perhaps();
        self.restart(world);
        let nodes = self.nodes();
        if nodes.is_empty() || world.chance(4000) {
            let client = world.below(self.clients.len());
            world.note(1 << 8 | client as u64);
            self.step_client(world, client);
            return;
        }
        let node = &nodes[world.below(nodes.len())];
        let parts = node.parts();
        let index = world.below(parts.len());
        world.note(2 << 8 | index as u64);
        node.step(world, parts[index]);
    }

    fn step_client(&self, world: &World, client: usize) -> bool {
        let Some(mut taken) = self.clients[client].take() else { return false };
        let did = taken.step(world, &self.notes);
        self.clients[client].replace(Some(taken));
        did
    }

    fn trouble(&self, world: &World) {
        let passed = world.passed();
        let soon = |most_ms: usize| passed + Duration::from_millis(world.between(10, most_ms) as u64);
        let node = world.below(world.plan.nodes);
        if self.places.borrow()[node].node.is_some() && world.fault("node killed", 4) {
            self.crash(world, node);
        }
        if world.fault("store outage", 3) {
            self.outage_until.set(soon(1500));
        }
        if world.plan.nodes > 1 && world.chance(10 * world.plan.roughness) && world.is_stormy.get() {
            let (was_up, lost, in_vain) = world.hub.borrow_mut().cut(node, passed);
            drop(in_vain);
            if was_up {
                world.count("bus link lost");
                self.places.borrow_mut()[node].link_up_at = soon(1500);
            }
            (0..lost).for_each(|_| world.count("bell lost with its link"));
        }
        if world.fault("time leaps", 6) {
            world.pass(Duration::from_millis(world.between(50, 800) as u64));
        }
        if world.fault("clock jumps", 6) {
            let hours = i64::try_from(world.between(0, 4)).expect("small") - 2;
            world.shift_wall(hours * 3_600_000 + 1);
        }
    }

    /// A process ends, in the middle of whatever it did.
    pub fn crash(&self, world: &World, node: usize) {
        let passed = world.passed();
        let after = Duration::from_millis(world.between(10, 1500) as u64);
        let noticed = Duration::from_millis(world.between(10, 3000) as u64);
        let mut places = self.places.borrow_mut();
        let place = &mut places[node];
        let Some(dead) = place.node.take() else { return };
        place.life += 1;
        place.up_at = passed + after;
        dead.die(passed);
        drop(places);
        let in_vain = world.hub.borrow_mut().leave(node, passed + noticed, passed);
        drop(in_vain);
        world.note(5);
    }

    /// Starts nodes whose time has come, and mends links; ghosts are noticed.
    fn restart(&self, world: &World) {
        let passed = world.passed();
        let mut in_vain = Vec::new();
        for (number, place) in self.places.borrow_mut().iter_mut().enumerate() {
            if place.node.is_none() && place.up_at <= passed {
                if place.life > 0 {
                    world.count("node restarted");
                }
                place.link_up_at = Duration::ZERO;
                // Whoever waited on it has died with it.
                in_vain.push(world.hub.borrow_mut().enter(number));
                place.node = Some(Rc::new(Node::start(world, number, place.life)));
            }
            if place.node.is_some() && place.link_up_at <= passed {
                let knows_since = !world.chance(2_000);
                world.hub.borrow_mut().mend(number, passed, knows_since);
            }
        }
        drop(in_vain);
        self.notes.ghosts.borrow_mut().retain(|(noticed, pipe)| {
            let is_due = *noticed <= passed;
            if is_due {
                pipe.borrow_mut().client = End::Broken;
            }
            !is_due
        });
    }

    /// Ends the storm. `Some` if it does not come to rest.
    fn heal(&self, world: &World) -> Option<String> {
        world.is_stormy.set(false);
        self.outage_until.set(Duration::ZERO);
        for place in self.places.borrow_mut().iter_mut() {
            place.up_at = Duration::ZERO;
            place.link_up_at = Duration::ZERO;
        }
        for (noticed, _) in self.notes.ghosts.borrow_mut().iter_mut() {
            *noticed = Duration::ZERO;
        }
        self.each_client(Client::calm_down);
        self.rest_until_epochs_agree(world, "the storm").or_else(|| {
            let mut any = false;
            self.each_client(|client| any |= client.comes_back_into_groups(world, &self.notes));
            if any { self.rest(world, "logging in again") } else { None }
        })
    }

    /// Every node has looked at the epoch by the clock, too, and everything is at rest again.
    fn rest_until_epochs_agree(&self, world: &World, after: &str) -> Option<String> {
        self.rest(world, after).or_else(|| {
            if !world.plan.restores {
                return None;
            }
            world.pass(EPOCH_LOOK);
            self.rest(world, after)
        })
    }

    fn each_client(&self, mut visit: impl FnMut(&mut Client)) {
        for client in &self.clients {
            visit(client.borrow_mut().as_mut().expect("nobody is in the middle of a step"));
        }
    }

    /// Rounds in which everybody steps, until nothing moves and all clients are served.
    fn rest(&self, world: &World, after: &str) -> Option<String> {
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            world.pass(ROUND);
            self.restart(world);
            let moved = self.round(world);
            let mut all_settled = !world.hub.borrow().is_waiting();
            self.each_client(|client| all_settled &= client.is_settled());
            quiet = if moved || !all_settled { 0 } else { quiet + 1 };
            if quiet >= QUIET_ROUNDS {
                world.rests.borrow_mut().push(world.moment());
                return None;
            }
        }
        Some(format!("no rest after {after}"))
    }

    fn round(&self, world: &World) -> bool {
        let mut moved = false;
        for client in 0..self.clients.len() {
            moved |= self.step_client(world, client);
        }
        for node in self.nodes() {
            let mut parts: Vec<Part> = node.parts();
            while !parts.is_empty() {
                let part = parts.swap_remove(world.below(parts.len()));
                moved |= node.step(world, part);
            }
        }
        moved
    }

    /// Everybody says something in every conversation: whoever is deaf now stands out.
    fn last_words(&self, world: &World) -> Option<String> {
        let users = world.plan.users;
        self.each_client(|client| {
            let me = client.user;
            for other in (1..=users).filter(|other| *other != me) {
                client.say(Conv::pair(me, other));
            }
            for number in (1..).take(world.plan.groups.len()) {
                if world.database.borrow().is_member(user(me), group(number)) {
                    client.say(Conv::Group(number));
                }
            }
        });
        self.rest_until_epochs_agree(world, "the last words")
    }

    fn read_history(&self, world: &World) -> Option<String> {
        let spoken = world.database.borrow().conversations();
        self.each_client(|client| {
            for members in &spoken {
                let database = world.database.borrow();
                let conv = match *members {
                    Members::Pair(a, b) if client.user == a.number() || client.user == b.number() => {
                        Conv::pair(a.number(), b.number())
                    }
                    Members::Group(group) if database.is_member(user(client.user), group) => {
                        Conv::Group(group.number())
                    }
                    Members::Pair(..) | Members::Group(_) => continue,
                };
                drop(database);
                client.read_history(world, conv);
            }
        });
        self.rest(world, "reading HISTORY")
    }

    /// Everybody is there at the end: whom the record calls offline has been overwritten, and whom a node reports that is
    /// no more has been forgotten.
    fn unreported(&self, world: &World) -> Vec<Violation> {
        if world.database.borrow().is_unnoticed() {
            // Nobody has seen a number given out again, so nobody knows that the reports of before are gone. They are made
            // anew when somebody comes or goes.
            return Vec::new();
        }
        let here = self.names_but(usize::MAX);
        let state = |number: u32| world.database.borrow().state(user(number));
        let wrong = |number: &u32| state(*number).is_none_or(|node| !here.contains(&node));
        let tell = |number: u32| {
            let text = format!("user {number} is online, the record says {:?}", state(number));
            Violation { class: Class::B, text }
        };
        (1..=world.plan.users).filter(wrong).map(tell).collect()
    }

    fn take_histories(&self, world: &World) -> Histories {
        let mut histories = self.notes.histories.take();
        self.each_client(|client| histories.readings.extend(client.take_readings()));
        for Seat { user, device, .. } in world.plan.seats.iter().filter(|seat| seat.shares_its_place) {
            // Where one session begins, another may have confirmed meanwhile.
            let confirmed = self.notes.confirmed_by(*user, *device);
            let own = histories.sessions.iter_mut().filter(|session| session.user == *user);
            if world.plan.restores {
                let done = self.notes.done_ever(*user, *device);
                own.for_each(|session| session.done.clone_from(&done));
            } else {
                own.for_each(|session| session.confirmed = confirmed.clone());
            }
        }
        silent::settle(world, &mut histories, &self.notes.departed.borrow());
        self.each_client(|client| histories.devices.extend(named_device(world, client)));
        let database = world.database.borrow();
        let wanting = world.plan.seats.iter().filter(|seat| seat.wants_events);
        histories.wanting = wanting.map(|seat| (seat.user, seat.device)).collect();
        (histories.went_back, histories.rests) = (world.went_back.take(), world.rests.take());
        histories.has_one_node = world.plan.nodes == 1;
        histories.members = database.stays.iter().map(member).collect();
        histories.former = database.gone.stays.iter().map(|(stay, last)| (member(stay), *last)).collect();
        histories.forgotten =
            database.gone.devices.iter().map(|(user, device, last)| ((user.number(), *device), *last)).collect();
        histories.gone =
            database.gone.messages.iter().filter_map(|(spoken, last)| Some((message(spoken)?, *last))).collect();
        (histories.restores, histories.epochs) = (database.gone.restores, database.epochs - 1);
        drop(database);
        histories
    }
}

fn message((conv, seq, sender, cid): &Spoken) -> Option<Message> {
    let conv = named(conv.members()?);
    Some(Message { conv, seq: *seq, sender: sender.number(), cid: cid.clone() })
}

/// The client's device, if it has a name.
fn named_device(world: &World, client: &Client) -> Option<NamedDevice> {
    if client.seat.device == 0 {
        return None;
    }
    let database = world.database.borrow();
    let beginning = database.beginning(user(client.user), &client.seat.device.to_string());
    let from = beginning.iter().filter_map(|(conv, end)| Some((named(conv.members()?), *end))).collect();
    Some(NamedDevice { user: client.user, device: client.seat.device, from, said: client.said() })
}

fn member(stay: &Stay) -> Member {
    let Stay { user, group, joined_at, is_over } = *stay;
    let from = joined_at + 1;
    // What was pending for who leaves comes no more.
    let until = if is_over { 0 } else { u64::MAX };
    Member { user, conv: Conv::Group(group), must: from..=until, may: from..=u64::MAX }
}
