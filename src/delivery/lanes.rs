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
use super::fanout::Fanout;
use super::lane::{Asker, Batch, Effect, Lane, Next, refuse};
use super::{Addressee, Event};
use crate::bus::{Bell, Bus, Channel};
use crate::clock::Clock;
use crate::ids::{ConvId, Peer, UserId};
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

/// What a lane's thread owns besides its queue.
pub struct LaneParts {
    /// Its database connection.
    pub store: Box<dyn Store>,
    /// Its way to the reactors.
    pub fanout: Fanout,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// Whether the sender's other sessions are told, too (`session_policy = "multi"`).
    pub echo: EchoTo,
    /// How long a sender waits at most for the outcome of a commit.
    pub patience: Duration,
    /// The clocks.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Who else is told of a one-to-one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EchoTo {
    /// The addressee alone.
    Nobody,
    /// The sender's other sessions as well.
    OtherSessions,
}

impl Lanes {
    /// Starts a thread for each of `parts`.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(parts: Vec<LaneParts>, metrics: Arc<Metrics>) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let mut queues = Vec::with_capacity(parts.len());
        let mut threads = Vec::with_capacity(parts.len());
        for (index, parts) in parts.into_iter().enumerate() {
            let (queue, jobs) = bounded(QUEUE_MESSAGES_MAX);
            queues.push(queue);
            threads.push(thread::Builder::new().name(format!("lane-{index}")).spawn(move || run(parts, &jobs))?);
        }
        Ok((Self { queues: queues.into(), metrics }, threads))
    }

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

fn run(mut parts: LaneParts, jobs: &Receiver<Job>) {
    let mut lane = Lane::new(parts.patience);
    while let Some(batch) = gather(jobs, &parts.metrics) {
        let mut next = append(&mut parts, &mut lane, batch);
        loop {
            next = match next {
                Next::Done(effects) => {
                    carry_out(&mut parts, effects);
                    break;
                }
                Next::Refuse(effects) => {
                    carry_out(&mut parts, effects);
                    refuse_waiting(&mut parts, jobs);
                    break;
                }
                Next::Append(batch) => append(&mut parts, &mut lane, batch),
                Next::Settle(effects) => {
                    parts.metrics.lane_unsettled.set(1);
                    carry_out(&mut parts, effects);
                    pause(&mut parts, &lane, jobs);
                    settle(&mut parts, &mut lane)
                }
            };
        }
        parts.metrics.lane_unsettled.set(0);
    }
}

/// Waits for a message and takes what else is there; `None` when all entrances are closed.
fn gather(jobs: &Receiver<Job>, metrics: &Metrics) -> Option<Batch> {
    let mut batch = Batch::default();
    let (append, asker) = jobs.recv().ok()?;
    batch.push(append, asker);
    while !batch.is_full() {
        let Ok((append, asker)) = jobs.try_recv() else { break };
        batch.push(append, asker);
    }
    metrics.lane_queued.dec_by(i64::try_from(batch.appends().len()).unwrap_or(0));
    Some(batch)
}

fn append(parts: &mut LaneParts, lane: &mut Lane, batch: Batch) -> Next {
    let start = parts.clock.now();
    let result = parts.store.append(batch.appends());
    let now = parts.clock.now();
    parts.metrics.lane_commit_seconds.observe(now.duration_since(start).as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a batch has some thousand messages at most")]
    parts.metrics.lane_batch_messages.observe(batch.appends().len() as f64);
    note_failure(&parts.metrics, result.as_ref().err());
    lane.appended(batch, result, now)
}

fn settle(parts: &mut LaneParts, lane: &mut Lane) -> Next {
    let Some(batch) = lane.unsettled() else { return Next::Done(Vec::new()) };
    let result = parts.store.settle(batch.appends());
    note_failure(&parts.metrics, result.as_ref().err());
    lane.settled(result, parts.clock.now())
}

fn note_failure(metrics: &Metrics, error: Option<&StoreError>) {
    if let Some(error) = error {
        metrics.store_errors.inc();
        log::warn!("a lane could not commit: {error}");
    }
}

/// Waits a moment between two attempts to settle. Once the senders of the unsettled batch have been refused, those
/// that come after them are refused as well, instead of waiting for who knows how long.
fn pause(parts: &mut LaneParts, lane: &Lane, jobs: &Receiver<Job>) {
    if lane.refuses() {
        refuse_waiting(parts, jobs);
    }
    thread::park_timeout(SETTLE_PAUSE);
}

fn refuse_waiting(parts: &mut LaneParts, jobs: &Receiver<Job>) {
    while !jobs.is_empty() {
        let Some(batch) = gather(jobs, &parts.metrics) else { break };
        let error = StoreError::Unavailable("an earlier commit failed".into());
        carry_out(parts, refuse(&batch, &error));
    }
}

fn carry_out(parts: &mut LaneParts, effects: Vec<Effect>) {
    let mut bells = Vec::new();
    for effect in effects {
        match effect {
            Effect::Answer { conn, stored, line } => {
                if stored.is_some() {
                    parts.metrics.messages_stored.inc();
                }
                parts.fanout.to_connection(conn, Event::Answered { conn, stored, line });
            }
            Effect::Announce { conv, seq, to, sender, from, line } => {
                if line.is_none() {
                    parts.metrics.messages_duplicate.inc();
                }
                let ring = Ring::Message { conv, seq, line: line.as_deref().unwrap_or_default() }.encode();
                let message = |to| Event::Message { to, from: Some(from), conv, seq, line: line.clone() };
                match to {
                    Peer::Group(group) => {
                        parts.fanout.to_all(&message(Addressee::Group(group)));
                        bells.push(Bell { channel: Channel::Group(group), payload: ring });
                    }
                    Peer::User(user) => {
                        let mut tell = |user: UserId| {
                            let event = |conn| message(Addressee::Session(conn));
                            parts.fanout.to_user(user, Some(from), event);
                            bells.push(Bell { channel: Channel::User(user), payload: ring.clone() });
                        };
                        tell(user);
                        if parts.echo == EchoTo::OtherSessions {
                            tell(sender);
                        }
                    }
                }
            }
        }
    }
    parts.fanout.flush();
    if !bells.is_empty() {
        parts.bus.publish(bells);
    }
}
