//! The bus between simulated nodes: bells wait in queues, get lost with a link, come late or twice. Whoever may have lost
//! some is told to resync, as the contract of `bus` says.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use stonechat::bus::{Bell, Bus, BusError, Channel, LinkState, Ticket};
use stonechat::ids::NodeId;

use crate::world::world;

/// What waits for a node's subscriber.
#[derive(Clone, Debug)]
pub enum Parcel {
    Bell(Channel, Bytes),
    Resync,
}

#[derive(Default)]
struct Line {
    is_up: bool,
    subscriptions: HashMap<Channel, u32>,
    parcels: VecDeque<Parcel>,
    /// It dropped bells: the others are to be told.
    owes_resync: bool,
    /// When to notice that another node has gone.
    news_at: Option<Duration>,
}

/// The middle of the bus.
pub struct Hub {
    lines: Vec<Line>,
}

impl Hub {
    pub fn new(nodes: usize) -> Self {
        Self { lines: (0..nodes).map(|_| Line { is_up: true, ..Line::default() }).collect() }
    }

    /// A node has started.
    pub fn enter(&mut self, node: usize) {
        self.lines[node] = Line { is_up: true, ..Line::default() };
    }

    /// A node has died; the others notice it some time after `at`.
    pub fn leave(&mut self, node: usize, at: Duration) {
        self.lines[node] = Line::default();
        for line in &mut self.lines {
            line.news_at = Some(at);
        }
    }

    /// A node's link breaks: what waited for it is lost. Whether there was a link.
    pub fn cut(&mut self, node: usize) -> (bool, usize) {
        let line = &mut self.lines[node];
        let lost = line.parcels.len();
        line.parcels.clear();
        (std::mem::replace(&mut line.is_up, false), lost)
    }

    /// A node's link is back.
    pub fn mend(&mut self, node: usize) {
        let line = &mut self.lines[node];
        if line.is_up {
            return;
        }
        line.is_up = true;
        line.parcels.push_back(Parcel::Resync);
        if std::mem::take(&mut line.owes_resync) {
            for (other, line) in self.lines.iter_mut().enumerate() {
                if other != node && line.is_up {
                    line.parcels.push_back(Parcel::Resync);
                }
            }
        }
    }

    /// What a node's subscriber hears next.
    pub fn next(&mut self, node: usize, now: Duration) -> Option<Parcel> {
        let line = &mut self.lines[node];
        if line.news_at.is_some_and(|at| at <= now) {
            line.news_at = None;
            return Some(Parcel::Resync);
        }
        line.parcels.pop_front()
    }

    pub fn again(&mut self, node: usize, parcel: Parcel) {
        self.lines[node].parcels.push_back(parcel);
    }

    fn publish(&mut self, from: usize, bells: Vec<Bell>) -> usize {
        if !self.lines[from].is_up {
            self.lines[from].owes_resync = true;
            return bells.len();
        }
        for Bell { channel, payload } in bells {
            for (node, line) in self.lines.iter_mut().enumerate() {
                if node != from && line.is_up && line.subscriptions.contains_key(&channel) {
                    line.parcels.push_back(Parcel::Bell(channel, payload.clone()));
                }
            }
        }
        0
    }
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
}

impl Bus for SimBus {
    fn node(&self) -> NodeId {
        NodeId(u64::from(self.life) << 32 | self.node as u64)
    }

    fn subscribe(&self, channels: &[Channel]) -> Ticket {
        let world = world();
        world.interrupt(self.node, self.life, "crash before a subscription");
        if !self.is_alive() {
            return Ticket::in_effect();
        }
        let line = &mut world.hub.borrow_mut().lines[self.node];
        for channel in channels {
            *line.subscriptions.entry(*channel).or_default() += 1;
        }
        if line.is_up {
            return Ticket::in_effect();
        }
        let (_, confirmed) = crossbeam_channel::bounded(1);
        Ticket::pending(confirmed)
    }

    fn unsubscribe(&self, channels: &[Channel]) {
        let world = world();
        world.interrupt(self.node, self.life, "crash before the end of a subscription");
        if !self.is_alive() {
            return;
        }
        let line = &mut world.hub.borrow_mut().lines[self.node];
        for channel in channels {
            let count = line.subscriptions.get_mut(channel).expect("as many unsubscribes as subscribes at most");
            *count -= 1;
            if *count == 0 {
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
        let dropped = world.hub.borrow_mut().publish(self.node, bells);
        (0..dropped).for_each(|_| world.count("bell dropped without a link"));
        world.interrupt(self.node, self.life, "crash after the bell");
    }

    fn elsewhere(&self, channels: &[Channel]) -> Result<Vec<u64>, BusError> {
        let world = world();
        world.interrupt(self.node, self.life, "crash before a question to the bus");
        let hub = world.hub.borrow();
        if !hub.lines[self.node].is_up {
            return Err(BusError::Away("simulated".to_owned()));
        }
        let others = || hub.lines.iter().enumerate().filter(|(node, line)| *node != self.node && line.is_up);
        let count = |channel| others().filter(|(_, line)| line.subscriptions.contains_key(channel)).count() as u64;
        Ok(channels.iter().map(count).collect())
    }

    fn link(&self) -> LinkState {
        if world().hub.borrow().lines[self.node].is_up { LinkState::Up } else { LinkState::Down }
    }

    fn stop(&self) {}
}
