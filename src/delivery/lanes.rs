//! The lanes' threads: gather what waits, commit it, carry out what the [`Lane`] decides.
//!
//! A conversation always takes the same lane, so its messages keep their order. No artificial delay: a batch is what
//! gathered during the last commit.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::bell::Ring;
use super::directory::Elsewhere;
use super::fanout::Fanout;
use super::lane::{Asker, Batch, Effect, Lane, News, Next, refuse};
use super::{Addressee, Event};
use crate::bus::{Bell, Bus, Channel};
use crate::clock::Clock;
use crate::config::SessionPolicy;
use crate::ids::{ConvId, Peer};
use crate::metrics::Metrics;
use crate::store::{Append, Store, StoreError};

/// Messages that may wait for a lane. When it is full the sockets that send are paused.
const QUEUE_MESSAGES_MAX: usize = 8192;
/// Pause between two attempts to settle.
const SETTLE_PAUSE: Duration = Duration::from_millis(200);

type Job = (Append, Asker);

/// The entrances of the lanes. Reactors hold clones; the lanes end when the last one is dropped.
#[derive(Clone)]
pub struct Lanes {
    queues: Arc<[Sender<Job>]>,
    metrics: Arc<Metrics>,
}

/// What a lane owns besides its queue.
pub struct LaneParts {
    /// Its database connection.
    pub store: Box<dyn Store>,
    /// Its way to the reactors.
    pub fanout: Fanout,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// Which other sessions of the sender are told, too.
    pub echo: EchoTo,
    /// How long a sender waits at most for the outcome of a commit.
    pub patience: Duration,
    /// The clocks.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Which sessions of the sender are told of a one-to-one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EchoTo {
    /// All but that which sent it: a device may have several (`session_policy = "multi"`).
    OtherSessions,
    /// Those of other devices. Of its own device there may be one that takes its place, and knows what it said.
    OtherDevices,
}

impl EchoTo {
    /// What goes with the policy.
    #[must_use]
    pub fn under(policy: SessionPolicy) -> Self {
        match policy {
            SessionPolicy::Multi => Self::OtherSessions,
            SessionPolicy::Reject | SessionPolicy::Replace => Self::OtherDevices,
        }
    }
}

/// Makes a lane of each of `parts`, without a thread yet, and their entrances.
#[must_use]
pub fn lanes(parts: Vec<LaneParts>, metrics: Arc<Metrics>) -> (Lanes, Vec<LaneRunner>) {
    let mut queues = Vec::with_capacity(parts.len());
    let mut runners = Vec::with_capacity(parts.len());
    for parts in parts {
        let (queue, jobs) = bounded(QUEUE_MESSAGES_MAX);
        queues.push(queue);
        runners.push(LaneRunner { lane: Lane::new(parts.patience), parts, jobs, is_failing: false });
    }
    (Lanes { queues: queues.into(), metrics }, runners)
}

/// Starts a thread for each lane. They end when the last entrance is dropped.
///
/// # Errors
/// The system gives no more threads.
pub fn start(runners: Vec<LaneRunner>) -> std::io::Result<Vec<JoinHandle<()>>> {
    let named = |(index, runner): (usize, LaneRunner)| {
        thread::Builder::new().name(format!("lane-{index}")).spawn(move || run(runner))
    };
    runners.into_iter().enumerate().map(named).collect()
}

impl Lanes {
    /// Hands a message to its conversation's lane. Never blocks.
    ///
    /// # Errors
    /// The message comes back when the lane is full (or has ended): pause the socket and try again.
    pub fn append(&self, append: Append, asker: Asker) -> Result<(), Box<Job>> {
        let queue = &self.queues[lane_of(append.conv, self.queues.len())];
        queue.try_send((append, asker)).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => Box::new(job),
        })?;
        self.metrics.lane_queued.inc();
        Ok(())
    }
}

fn lane_of(conv: ConvId, lanes_count: usize) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(conv);
    usize::try_from(hash % lanes_count as u64).expect("less than the number of lanes")
}

fn run(mut runner: LaneRunner) {
    while let Ok(job) = runner.jobs.recv() {
        let mut stepped = runner.commit(job);
        while stepped == Stepped::Unsettled {
            thread::park_timeout(SETTLE_PAUSE);
            stepped = runner.settle();
        }
    }
}

/// A lane at work: a [`Lane`] with its store, its queue and its ways out. It never waits but for the store.
pub struct LaneRunner {
    parts: LaneParts,
    lane: Lane,
    jobs: Receiver<Job>,
    /// The last call of the store failed.
    is_failing: bool,
}

/// What a step of a lane did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// Nothing: no message waits.
    Idle,
    /// The batch is done with.
    Done,
    /// It is not known whether the batch was committed: step again in a moment.
    Unsettled,
}

impl LaneRunner {
    /// Commits what waits, or looks again for what became of the last commit.
    pub fn step(&mut self) -> Stepped {
        if self.lane.unsettled().is_some() {
            return self.settle();
        }
        self.jobs.try_recv().map_or(Stepped::Idle, |job| self.commit(job))
    }

    fn commit(&mut self, first: Job) -> Stepped {
        let batch = self.gather(first);
        let next = self.append(batch);
        self.follow(next)
    }

    fn settle(&mut self) -> Stepped {
        let Some(batch) = self.lane.unsettled() else { return Stepped::Done };
        let result = self.parts.store.settle(batch.appends());
        self.note(result.as_ref().err());
        let next = self.lane.settled(result, self.parts.clock.now());
        self.follow(next)
    }

    fn follow(&mut self, mut next: Next) -> Stepped {
        loop {
            match next {
                Next::Append(batch) => next = self.append(batch),
                Next::Done(effects) => {
                    carry_out(&mut self.parts, effects);
                    break;
                }
                Next::Refuse(effects) => {
                    carry_out(&mut self.parts, effects);
                    self.refuse_waiting();
                    break;
                }
                Next::Settle(effects) => {
                    self.parts.metrics.lane_unsettled.set(1);
                    carry_out(&mut self.parts, effects);
                    if self.lane.refuses() {
                        // Those that come after the senders who were refused are refused as well, instead of waiting
                        // for who knows how long.
                        self.refuse_waiting();
                    }
                    return Stepped::Unsettled;
                }
            }
        }
        self.parts.metrics.lane_unsettled.set(0);
        Stepped::Done
    }

    /// A message and what else is there.
    fn gather(&self, (append, asker): Job) -> Batch {
        let mut batch = Batch::default();
        batch.push(append, asker);
        while !batch.is_full() {
            let Ok((append, asker)) = self.jobs.try_recv() else { break };
            batch.push(append, asker);
        }
        self.parts.metrics.lane_queued.dec_by(i64::try_from(batch.appends().len()).unwrap_or(0));
        batch
    }

    fn append(&mut self, batch: Batch) -> Next {
        let LaneParts { store, clock, metrics, .. } = &mut self.parts;
        let start = clock.now();
        let result = store.append(batch.appends());
        let now = clock.now();
        metrics.lane_commit_seconds.observe(now.saturating_duration_since(start).as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a batch has some thousand messages at most")]
        metrics.lane_batch_messages.observe(batch.appends().len() as f64);
        self.note(result.as_ref().err());
        self.lane.appended(batch, result, now)
    }

    /// Counts failures. Logs when the store goes away and when it is back, not each batch in between: an outage must not
    /// fill the log.
    fn note(&mut self, failure: Option<&StoreError>) {
        match (failure, self.is_failing) {
            (Some(error), false) => log::warn!("a lane cannot commit: {error}"),
            (None, true) => log::info!("a lane commits again"),
            (Some(_), true) | (None, false) => {}
        }
        if failure.is_some() {
            self.parts.metrics.store_errors.inc();
        }
        self.is_failing = failure.is_some();
    }

    fn refuse_waiting(&mut self) {
        while let Ok(job) = self.jobs.try_recv() {
            let batch = self.gather(job);
            let error = StoreError::Unavailable("an earlier commit failed".into());
            carry_out(&mut self.parts, refuse(&batch, &error));
        }
    }
}

fn carry_out(parts: &mut LaneParts, effects: Vec<Effect>) {
    let mut bells = Vec::new();
    for effect in effects {
        match effect {
            Effect::Answer { conn, stored, line } => {
                parts.fanout.to_connection(conn, Event::Answered { conn, stored, line });
            }
            Effect::Announce(news) => {
                match news.line {
                    Some(_) => parts.metrics.messages_stored.inc(),
                    None => parts.metrics.messages_duplicate.inc(),
                };
                announce(parts, &news, &mut bells);
            }
        }
    }
    parts.fanout.flush();
    if !bells.is_empty() {
        parts.bus.publish(bells);
    }
}

/// Tells the sessions here, and writes the bells for the other nodes, if there can be any.
fn announce(parts: &mut LaneParts, news: &News, bells: &mut Vec<Bell>) {
    let News { conv, seq, to, sender, from, device, ref line } = *news;
    let message = |to| Event::Message { to, from: Some(from), conv, seq, line: line.clone() };
    let mut elsewhere = Elsewhere::No;
    let channel = match to {
        Peer::Group(group) => {
            parts.fanout.to_all(&message(Addressee::Group(group)));
            Channel::Group(group)
        }
        Peer::User(user) => {
            parts.fanout.to_user(user, Some(from), |conn| message(Addressee::Session(conn)));
            let but = (parts.echo == EchoTo::OtherDevices).then_some(device);
            elsewhere = parts.fanout.to_user_but(sender, from, but, |conn| message(Addressee::Session(conn)));
            Channel::User(user)
        }
    };
    if !parts.bus.has_peers() {
        return;
    }
    let line = line.as_deref().unwrap_or_default();
    let payload = Ring::Message { conv, seq, line }.encode();
    let to_sender = match (to, parts.echo, elsewhere) {
        (Peer::Group(_), ..) | (_, EchoTo::OtherDevices, Elsewhere::No) => None,
        (_, EchoTo::OtherSessions, _) => Some(payload.clone()),
        (_, EchoTo::OtherDevices, Elsewhere::Perhaps) => Some(Ring::Own { device, conv, seq, line }.encode()),
    };
    bells.extend(to_sender.map(|payload| Bell { channel: Channel::User(sender), payload }));
    bells.push(Bell { channel, payload });
}
