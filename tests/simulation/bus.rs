//! The bus between simulated nodes: bells wait in queues, get lost with a link, come late or twice. Whoever may have lost
//! some is told to resync, as the contract of `bus` says.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use stonechat::bus::promise::{Keeper, Promise, promise};
use stonechat::bus::{
    Answer, Bell, Bus, BusError, Channel, Lateness, LinkState, PendingSubscribe, Question, Subscribed,
};
use stonechat::ids::NodeId;

use crate::world::{World, world};

/// What waits for a node's subscriber.
#[derive(Clone, Debug)]
pub enum Parcel {
    Bell(Channel, Bytes),
    /// Since when bells may be missing, if that is known.
    Resync(Since),
}

/// A subscription: bells come from this time on.
struct Subscription {
    holders: u32,
    from: Duration,
}

/// What a node waits for, and when it comes.
pub enum Due {
    PendingSubscribe(Duration, Keeper<Subscribed>),
    Question(Duration, Vec<Channel>, Keeper<Answer>),
}

impl Due {
    fn at(&self) -> Duration {
        match self {
            Self::PendingSubscribe(at, _) | Self::Question(at, ..) => *at,
        }
    }
}

#[derive(Default)]
struct Line {
    is_up: bool,
    subscriptions: HashMap<Channel, Subscription>,
    /// With the times at which they came.
    parcels: VecDeque<(Duration, Parcel)>,
    waiting: Vec<Due>,
    lateness: Arc<Lateness>,
    /// It dropped bells, the first of them then: the others are to be told.
    owes_resync: Option<Duration>,
    /// When to notice that another node has gone, and since when its bells may be missing.
    news_at: Option<(Duration, Duration)>,
    /// Since when bells of this link are missing that nobody was told of.
    missing: Option<Since>,
}

/// Since when bells may be missing; `None`: nobody knows.
pub type Since = Option<Duration>;

fn earlier(one: Option<Since>, other: Since) -> Since {
    one.map_or(other, |one| one.zip(other).map(|(one, other)| one.min(other)))
}

impl Line {
    fn hears(&self, channel: &Channel, now: Duration) -> bool {
        let is_subscribed = || self.subscriptions.get(channel).is_some_and(|subscription| subscription.from <= now);
        self.is_up && (*channel == Channel::All || is_subscribed())
    }
}

/// The middle of the bus.
pub struct Hub {
    lines: Vec<Line>,
}

/// What a node waited for in vain. It calls back when it is dropped: drop it where nothing is borrowed.
#[must_use]
pub struct InVain {
    _waiting: Vec<Due>,
}

impl Hub {
    pub fn new(nodes: usize) -> Self {
        Self { lines: (0..nodes).map(|_| Line { is_up: true, ..Line::default() }).collect() }
    }

    /// A node has started.
    pub fn enter(&mut self, node: usize) -> InVain {
        let before = std::mem::replace(&mut self.lines[node], Line { is_up: true, ..Line::default() });
        InVain { _waiting: before.waiting }
    }

    /// A node has died; the others notice it some time after `at`.
    pub fn leave(&mut self, node: usize, at: Duration, now: Duration) -> InVain {
        let before = std::mem::take(&mut self.lines[node]);
        for line in &mut self.lines {
            let since = line.news_at.map_or(now, |(_, since)| since.min(now));
            line.news_at = Some((at, since));
        }
        InVain { _waiting: before.waiting }
    }

    /// A node's link breaks: what waited for it is lost, however long it has waited. Whether there was a link.
    pub fn cut(&mut self, node: usize, now: Duration) -> (bool, usize, InVain) {
        let line = &mut self.lines[node];
        if line.is_up {
            line.missing = Some(earlier(line.missing, Some(now)));
            for (came_at, parcel) in &line.parcels {
                let since = if let Parcel::Resync(since) = parcel { *since } else { Some(*came_at) };
                line.missing = Some(earlier(line.missing, since));
            }
        }
        let lost = line.parcels.len();
        line.parcels.clear();
        let waiting = std::mem::take(&mut line.waiting);
        (std::mem::replace(&mut line.is_up, false), lost, InVain { _waiting: waiting })
    }

    /// Whether some node waits for a late answer: four seconds at most, in which nothing else may move.
    pub fn is_waiting(&self) -> bool {
        self.lines.iter().any(|line| !line.waiting.is_empty())
    }

    /// What a node has waited for, and what is there now.
    pub fn due(&mut self, node: usize, now: Duration) -> Option<Due> {
        let waiting = &mut self.lines[node].waiting;
        let index = waiting.iter().position(|due| due.at() <= now)?;
        let due = waiting.swap_remove(index);
        self.lines[node].lateness.clear();
        Some(due)
    }

    /// How many other nodes are subscribed to each channel.
    pub fn count(&self, node: usize, channels: &[Channel], now: Duration) -> Answer {
        if !self.lines[node].is_up {
            return Err(BusError::Away("simulated".into()));
        }
        let others = || self.lines.iter().enumerate().filter(|(other, _)| *other != node).map(|(_, line)| line);
        Ok(channels.iter().map(|channel| others().filter(|line| line.hears(channel, now)).count() as u64).collect())
    }

    /// A node's link is back. Since when something is missing, it may know or not.
    pub fn mend(&mut self, node: usize, now: Duration, knows_since: bool) {
        let line = &mut self.lines[node];
        if line.is_up {
            return;
        }
        line.is_up = true;
        line.lateness.clear();
        line.subscriptions.values_mut().for_each(|subscription| subscription.from = Duration::ZERO);
        let told = |since: Since| Parcel::Resync(since.filter(|_| knows_since));
        let missing = line.missing.take().unwrap_or(Some(now));
        line.parcels.push_back((now, told(missing)));
        // Each says it again to whoever did not hear it, so that it is heard now or at the end of an outage.
        if let Some(since) = line.owes_resync.take() {
            for (_, line) in self.lines.iter_mut().enumerate().filter(|(other, _)| *other != node) {
                if line.is_up {
                    line.parcels.push_back((now, told(Some(since))));
                } else {
                    line.missing = Some(earlier(line.missing, Some(since)));
                }
            }
        }
    }

    /// What a node's subscriber hears next.
    pub fn next(&mut self, node: usize, now: Duration) -> Option<Parcel> {
        let line = &mut self.lines[node];
        if let Some((_, since)) = line.news_at.take_if(|(at, _)| *at <= now) {
            return Some(Parcel::Resync(Some(since)));
        }
        line.parcels.pop_front().map(|(_, parcel)| parcel)
    }

    pub fn again(&mut self, node: usize, parcel: Parcel, now: Duration) {
        self.lines[node].parcels.push_back((now, parcel));
    }

    fn publish(&mut self, from: usize, bells: Vec<Bell>, now: Duration) -> usize {
        if !self.lines[from].is_up {
            self.lines[from].owes_resync.get_or_insert(now);
            return bells.len();
        }
        for Bell { channel, payload } in bells {
            for (node, line) in self.lines.iter_mut().enumerate() {
                if node != from && line.hears(&channel, now) {
                    line.parcels.push_back((now, Parcel::Bell(channel, payload.clone())));
                }
            }
        }
        0
    }
}

/// How long the middle takes: mostly a moment, sometimes longer than anyone waits.
fn delay(world: &World, fault: &'static str) -> Duration {
    let most_ms = if world.fault(fault, 100) { 4000 } else { 3 };
    Duration::from_millis(u64::try_from(world.between(0, most_ms)).expect("small"))
}

/// One life of a node on the bus.
pub struct SimBus {
    pub node: usize,
    pub life: u32,
}

impl SimBus {
    fn is_alive(&self) -> bool {
        world().cluster.is_alive(self.node, self.life)
    }

    /// What a node of this number is called in this life.
    pub fn name(node: usize, life: u32) -> NodeId {
        NodeId(u64::from(life) << 32 | node as u64)
    }
}

impl Bus for SimBus {
    fn node(&self) -> NodeId {
        Self::name(self.node, self.life)
    }

    fn nodes(&self) -> Option<Vec<NodeId>> {
        let world = world();
        let is_up = world.hub.borrow().lines[self.node].is_up;
        is_up.then(|| world.cluster.names_but(self.node))
    }

    fn subscribe(&self, channels: &[Channel]) -> PendingSubscribe {
        let world = world();
        world.interrupt(self.node, self.life, "crash before a subscription");
        if !self.is_alive() {
            return PendingSubscribe::in_effect();
        }
        let (now, delay) = (world.passed(), delay(&world, "subscription confirmed late"));
        let line = &mut world.hub.borrow_mut().lines[self.node];
        let mut at = now;
        for channel in channels {
            let new = || Subscription { holders: 0, from: now + delay };
            let subscription = line.subscriptions.entry(*channel).or_insert_with(new);
            subscription.holders += 1;
            at = at.max(subscription.from);
        }
        let (ticket, keeper) = PendingSubscribe::pending(Arc::clone(&line.lateness));
        if !line.is_up {
            return ticket;
        }
        if at <= now {
            return PendingSubscribe::in_effect();
        }
        line.waiting.push(Due::PendingSubscribe(at, keeper));
        ticket
    }

    fn unsubscribe(&self, channels: &[Channel]) {
        if std::thread::panicking() {
            // What is dropped meanwhile gives its channels up.
            return;
        }
        let world = world();
        world.interrupt(self.node, self.life, "crash before the end of a subscription");
        if !self.is_alive() {
            return;
        }
        let line = &mut world.hub.borrow_mut().lines[self.node];
        for channel in channels {
            let known = line.subscriptions.get_mut(channel).expect("as many unsubscribes as subscribes at most");
            known.holders -= 1;
            if known.holders == 0 {
                line.subscriptions.remove(channel);
            }
        }
    }

    fn publish(&self, bells: Vec<Bell>) {
        let world = world();
        world.interrupt(self.node, self.life, "crash between commit and bell");
        if !self.is_alive() {
            return;
        }
        let dropped = world.hub.borrow_mut().publish(self.node, bells, world.passed());
        (0..dropped).for_each(|_| world.count("bell dropped without a link"));
        world.interrupt(self.node, self.life, "crash after the bell");
    }

    fn ask(&self, channels: &[Channel]) -> Question {
        let world = world();
        world.interrupt(self.node, self.life, "crash before a question to the bus");
        let (now, delay) = (world.passed(), delay(&world, "question answered late"));
        let mut hub = world.hub.borrow_mut();
        if delay.is_zero() || !hub.lines[self.node].is_up || !self.is_alive() {
            return Promise::kept(hub.count(self.node, channels, now));
        }
        let (question, keeper) = promise(Err(BusError::Away("simulated".into())));
        hub.lines[self.node].waiting.push(Due::Question(now + delay, channels.to_vec(), keeper));
        question
    }

    fn link(&self) -> LinkState {
        if world().hub.borrow().lines[self.node].is_up { LinkState::Up } else { LinkState::Down }
    }

    fn stop(&self) {}
}

/// A node hears what it has waited for; whether there was something.
pub fn keep_due(world: &World, node: usize) -> bool {
    let now = world.passed();
    let due = world.hub.borrow_mut().due(node, now);
    let Some(due) = due else { return false };
    match due {
        Due::PendingSubscribe(_, keeper) => keeper.keep(Subscribed::InEffect),
        Due::Question(_, channels, keeper) => {
            let answer = world.hub.borrow().count(node, &channels, now);
            keeper.keep(answer);
        }
    }
    true
}
