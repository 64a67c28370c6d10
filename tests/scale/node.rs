//! One node: the server's own parts, as `node::assemble` makes them, and what its work costs. The run gives it so much time of a
//! processor in each step of the clock; what that is not enough for waits.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use stonechat::bus::{Listener, ReceivedBell};
use stonechat::config::{Config, PasswordCost};
use stonechat::delivery::bus_listener::BusListener;
use stonechat::delivery::cursors::writer::CursorWriter;
use stonechat::delivery::lanes::{LaneRunner, Stepped};
use stonechat::metrics::Metrics;
use stonechat::node::{self, Parts, Pool, Surroundings};
use stonechat::service::ctx::Ctx;
use stonechat::session::message::PostMessage;
use stonechat::store::{Result, Store};
use stonechat::workers::pool::Queues;

use crate::bus::{self, NodeBus, SharedHub};
use crate::clock;
use crate::population::To;
use crate::reactor::{MailQueue, Reactor, SharedHeard};
use crate::record::{self, SharedRecord, token};
use crate::store::RunStore;
use crate::sums::COSTS;

/// Reactors of a node: it has two processors.
pub const REACTORS: usize = 2;
const LANES: usize = 2;
const WORKERS: usize = 4;
/// More than come.
const CONNECTIONS_MAX: usize = 1_000_000;
/// How often what is confirmed is written.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Bells that the subscriber hands on at once, as much as one read of its socket has.
const BELLS_AT_ONCE: usize = 32;

/// What a node has done, in numbers.
#[derive(Clone, Copy, Default, Debug)]
pub struct Done {
    pub bells: u64,
    pub messages: u64,
    pub pushes: u64,
    pub logins: u64,
    /// Microseconds of a processor.
    pub busy_us: f64,
    /// The longest that a bell has waited for the subscriber.
    pub waited_max: Duration,
}

/// See the module's text.
pub struct Node {
    number: usize,
    hub: SharedHub,
    record: SharedRecord,
    heard: SharedHeard,
    reactors: Vec<Reactor>,
    lanes: Vec<LaneRunner>,
    workers: Vec<Ctx>,
    queues: Queues,
    cursor_writer: CursorWriter,
    nudged: Receiver<()>,
    wrote_at: Duration,
    listener: Arc<BusListener>,
    pub done: Done,
    /// What was left of its time, or how much more it has used.
    left_us: f64,
}

/// Where a session is: a reactor, and its slot there.
pub type Seat = (usize, u32);

fn settings() -> Config {
    let mut config = Config { reactors: REACTORS, ..Config::default() };
    config.password = PasswordCost { memory_kib: 8, passes: 1 };
    config.limits.logins_per_minute = None;
    config.limits.messages_per_second = None;
    config.limits.anonymous_per_address = None;
    config.limits.silent_per_address = None;
    config.limits.connections = CONNECTIONS_MAX;
    config
}

/// Clients come from addresses of their own.
fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from((10 << 24) | number))
}

impl Node {
    pub fn start(number: usize, (hub, record, heard): (SharedHub, SharedRecord, SharedHeard)) -> Self {
        let mail: Vec<MailQueue> = (0..REACTORS).map(|_| MailQueue::default()).collect();
        let open = |_| -> Result<Box<dyn Store>> { Ok(Box::new(RunStore(Arc::clone(&record)))) };
        let parts = node::assemble(Surroundings {
            config: settings(),
            clock: clock::clock(),
            metrics: Arc::new(Metrics::new()),
            bus: Arc::new(NodeBus { node: number, hub: Arc::clone(&hub) }),
            epoch: "first",
            mailboxes: mail.iter().map(|queue| Box::new(queue.clone()) as Box<dyn PostMessage>).collect(),
            pool: Pool { lanes: LANES, workers: WORKERS },
            open: &open,
        });
        let Parts { reactors, lanes, workers, queues, cursor_writer, nudged, listener, .. } =
            parts.expect("the record is always there");
        let reactors = (0..).zip(reactors).zip(mail);
        let reactor = |((number, protocol), mail)| Reactor::new(number, protocol, mail, SharedHeard::clone(&heard));
        Self {
            reactors: reactors.map(reactor).collect(),
            number,
            hub,
            record,
            heard,
            lanes,
            workers,
            queues,
            cursor_writer,
            nudged,
            wrote_at: clock::passed(),
            listener,
            done: Done::default(),
            left_us: 0.0,
        }
    }

    /// A user comes, and logs in by token.
    pub fn log_in(&mut self, number: u32) -> Seat {
        let reactor = number as usize / 7 % REACTORS;
        let line = format!(r#"{{"msgid":1,"id":{number},"token":"{}"}}"#, token(number));
        (reactor, self.reactors[reactor].connect(address(number), &line))
    }

    /// The session on this seat says something; its text is the time.
    pub fn say(&mut self, (reactor, slot): Seat, number: u32, to: To) {
        let population = record::lock(&self.record).population;
        let line = population.line(number, to, &clock::passed().as_millis().to_string());
        self.reactors[reactor].say(slot, &line);
    }

    /// Bells may have been lost since then.
    pub fn resync(&self, since: Instant) {
        self.listener.resync("another node has gone", Some(since));
    }

    /// Works for so long, or until nothing is left to do; whether something may be left.
    pub fn work(&mut self, time_us: f64) -> bool {
        // What it has used beyond its time is missing in the next one; what it did not need is gone.
        self.left_us = self.left_us.min(0.0) + time_us;
        self.write_behind();
        while self.left_us > 0.0 {
            let before = self.done.busy_us;
            let mut happened = self.hear();
            happened |= self.commit();
            happened |= self.serve();
            happened |= self.turn();
            self.left_us -= self.done.busy_us - before;
            if !happened {
                return false;
            }
        }
        true
    }

    fn write_behind(&mut self) {
        let is_nudged = self.nudged.try_recv().is_ok();
        if is_nudged || clock::passed() >= self.wrote_at + WRITE_EVERY {
            self.wrote_at = clock::passed();
            self.cursor_writer.write(clock::now());
        }
    }

    fn hear(&mut self) -> bool {
        let parcels = bus::lock(&self.hub).take(self.number, BELLS_AT_ONCE);
        for parcel in &parcels {
            self.done.waited_max = self.done.waited_max.max(clock::passed().saturating_sub(parcel.rung_at));
        }
        let bells = parcels.iter().map(|parcel| ReceivedBell { channel: parcel.channel, payload: &parcel.payload });
        self.listener.bells(&bells.collect::<Vec<_>>());
        self.done.bells += parcels.len() as u64;
        self.done.busy_us += COSTS.bell * parcels.len() as f64;
        !parcels.is_empty()
    }

    fn commit(&mut self) -> bool {
        let before = record::lock(&self.record).stored;
        let mut happened = false;
        for lane in &mut self.lanes {
            happened |= lane.step() == Stepped::Done;
        }
        let stored = record::lock(&self.record).stored - before;
        self.done.messages += stored;
        self.done.busy_us += COSTS.message * stored as f64;
        happened
    }

    fn serve(&mut self) -> bool {
        let mut happened = false;
        for worker in &mut self.workers {
            happened |= self.queues.run_next(worker, &|_, panic| resume_unwind(panic));
        }
        happened
    }

    fn turn(&mut self) -> bool {
        let count = || {
            let heard = self.heard.borrow();
            (heard.messages, heard.logins)
        };
        let (messages, logins) = count();
        let mut happened = false;
        for reactor in &mut self.reactors {
            happened |= reactor.turn();
        }
        let after = count();
        let (pushes, logins) = (after.0 - messages, after.1 - logins);
        self.done.pushes += pushes;
        self.done.logins += logins;
        self.done.busy_us += COSTS.push * pushes as f64 + COSTS.login * logins as f64;
        happened
    }
}
