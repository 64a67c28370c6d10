//! The lanes' threads: gather what waits, commit it, carry out what the [`Lane`] decides.
//!
//! A conversation always takes the same lane, so its messages keep their order. No artificial delay: a batch is what
//! gathered during the last commit.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::batch::{Refusal, refuse_one};
use super::bell::Ring;
use super::directory::Elsewhere;
use super::epoch::{Epoch, Era};
use super::fanout::Fanout;
use super::lane::{Announcement, BATCH_MESSAGES_MAX, Batch, Effect, Job, Lane, Next, ReplyTo, Todo};
use super::pulse::Pulse;
use super::{Addressee, Event, Told};
use crate::bus::{Bell, Bus, Channel};
use crate::clock::Clock;
use crate::config::SessionPolicy;
use crate::ids::{ConvId, Peer};
use crate::metrics::Metrics;
use crate::slow;
use crate::store::{Append, Appended, Kind, Store, StoreError};

/// Messages that may wait for a lane. When it is full the sockets that send are paused.
const QUEUE_MESSAGES_MAX: usize = 8192;
/// A lane that has found nothing to do rests at least this long, unless something comes.
const IDLE_MIN: Duration = Duration::from_millis(1);
/// At the end nothing wakes a lane: it looks after this time at the latest.
const LAST_PAUSE_MAX: Duration = Duration::from_millis(50);
/// The entrances of the lanes. Reactors hold clones; the lanes end when the last one is dropped.
#[derive(Clone)]
pub struct Lanes {
    queues: Arc<[Sender<Job>]>,
    metrics: Arc<Metrics>,
}

/// What a lane owns besides its queue.
pub struct LaneDeps {
    /// Its database connection.
    pub store: Box<dyn Store>,
    /// Its way to the reactors.
    pub fanout: Fanout,
    /// The way to the other nodes.
    pub bus: Arc<dyn Bus>,
    /// What is known of the conversations: the data may have gone back.
    pub epoch: Arc<Epoch>,
    /// Which other sessions of the sender are told, too.
    pub echo: EchoTo,
    /// Called when a message was recalled: its text is to go from the database's files, too.
    pub recalled: Box<dyn Fn() + Send>,
    /// How long a sender waits at most for an answer.
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
pub fn lanes(parts: Vec<LaneDeps>, metrics: Arc<Metrics>) -> (Lanes, Vec<LaneRunner>) {
    let mut queues = Vec::with_capacity(parts.len());
    let mut runners = Vec::with_capacity(parts.len());
    for (number, parts) in (0..).zip(parts) {
        let (queue, jobs) = bounded(QUEUE_MESSAGES_MAX);
        queues.push(queue);
        let lane = Lane::new(parts.patience, parts.bus.node().0.wrapping_add(number));
        let reported = Reported { failing: Failing::No, is_refusing: false, aside: 0, is_unsettled: false };
        let pulse = Arc::new(Pulse::new(parts.patience));
        runners.push(LaneRunner { lane, parts, jobs, next: None, reported, pulse });
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
    /// Hands a message to its conversation's lane; its sender is to be answered within a time that counts from `since`.
    /// Never blocks.
    ///
    /// # Errors
    /// The message comes back when the lane is full (or has ended): pause the socket and try again.
    pub fn append(&self, append: Append, reply_to: ReplyTo, since: Instant) -> Result<(), Box<(Append, ReplyTo)>> {
        let queue = &self.queues[lane_of(append.conv(), self.queues.len())];
        let job = Job { append, reply_to, since };
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => Box::new((job.append, job.reply_to)),
        })?;
        self.metrics.lane_queued.inc();
        Ok(())
    }
}

#[cfg(test)]
impl Lanes {
    /// One lane that nobody works at: what is appended stays in the queue.
    pub(crate) fn unattended(messages_max: usize) -> (Self, Receiver<Job>) {
        let (queue, jobs) = bounded(messages_max);
        (Self { queues: [queue].into(), metrics: Arc::new(Metrics::new()) }, jobs)
    }
}

fn lane_of(conv: ConvId, lanes_count: usize) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(conv);
    usize::try_from(hash % lanes_count as u64).expect("less than the number of lanes")
}

fn run(mut runner: LaneRunner) {
    loop {
        runner.pulse.works();
        let Stepped::Idle { until } = runner.step() else { continue };
        runner.pulse.is_idle();
        let arrived = match until {
            Some(until) => runner.jobs.recv_deadline(until),
            None => runner.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match arrived {
            Ok(job) => runner.next = Some(job),
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody sends any more; what was sent is still answered.
            Err(RecvTimeoutError::Disconnected) if runner.lane.owes_answers() => {
                let left = until.map(|until| until.saturating_duration_since(runner.parts.clock.now()));
                thread::park_timeout(left.unwrap_or(LAST_PAUSE_MAX).min(LAST_PAUSE_MAX));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// A lane at work: a [`Lane`] with its store, its queue and its ways out. It never waits but for the store.
pub struct LaneRunner {
    parts: LaneDeps,
    lane: Lane,
    jobs: Receiver<Job>,
    /// Came out of the queue already.
    next: Option<Job>,
    reported: Reported,
    pulse: Arc<Pulse>,
}

/// What log and metrics have been told of a lane.
struct Reported {
    /// The last call of the store.
    failing: Failing,
    /// Messages of locked conversations are being refused.
    is_refusing: bool,
    /// Conversations that are aside.
    aside: i64,
    /// A commit is in doubt.
    is_unsettled: bool,
}

/// How the last call of the store failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failing {
    No,
    /// The store is away.
    Away,
    /// It does not take what it was given.
    Refused,
}

/// What a step of a lane did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// Something: there may be more.
    Done,
    /// Nothing: no message waits in the queue, and nothing else is due before this moment.
    Idle {
        /// Step again then, whatever comes.
        until: Option<Instant>,
    },
}

/// How a batch is handed to the store: [`Store::append`] or [`Store::append_unlocked`].
type Appending = fn(&mut dyn Store, &[Append]) -> Result<Vec<Appended>, StoreError>;

/// Whether a message was recalled by this batch.
fn has_recall(batch: &[Append], outcomes: &[Appended]) -> bool {
    let mut both = batch.iter().zip(outcomes);
    both.any(|(append, outcome)| append.body.kind() == Kind::Recall && matches!(outcome, Appended::Stored(_)))
}

impl LaneRunner {
    /// How its thread shows that it lives.
    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Commits what waits, tries again what was locked, or looks again for what became of a commit.
    pub fn step(&mut self) -> Stepped {
        let now = self.parts.clock.now();
        if !self.lane.is_clear() {
            self.refuse_expired(now);
        }
        let stepped = match self.lane.todo(now) {
            Todo::Again(batch) => self.append(batch, |store, batch| store.append_unlocked(batch)),
            Todo::Settle => self.settle(),
            Todo::Gather => match self.gather(now) {
                Some(batch) if batch.is_empty() => Stepped::Done,
                Some(batch) => self.append(batch, |store, batch| store.append(batch)),
                // Never at once: what is due may have to wait for something else.
                None => Stepped::Idle { until: self.lane.wake_at().map(|at| at.max(now + IDLE_MIN)) },
            },
        };
        self.tell();
        stepped
    }

    fn refuse_expired(&mut self, now: Instant) {
        let effects = self.lane.expire(now);
        if !effects.is_empty() && !self.reported.is_refusing {
            self.reported.is_refusing = true;
            log::warn!(
                "a conversation is locked in the database by another transaction for longer than store.timeout_ms: \
                 its messages are refused"
            );
        }
        carry_out(&mut self.parts, None, effects);
    }

    /// What is in the queue; `None` if nothing is. The batch is empty if all of it had to be put aside.
    fn gather(&mut self, now: Instant) -> Option<Batch> {
        // What waits fits without growing, which would copy it.
        let mut batch = Batch::for_messages((self.jobs.len() + 1).min(BATCH_MESSAGES_MAX));
        let mut refused = Vec::new();
        let mut taken = 0;
        while taken < BATCH_MESSAGES_MAX && !batch.is_full() {
            let Some(job) = self.next.take().or_else(|| self.jobs.try_recv().ok()) else { break };
            taken += 1;
            match self.lane.admit(job, now) {
                Ok(job) => batch.push(job),
                Err(refusal) => refused.extend(refusal),
            }
        }
        self.parts.metrics.lane_queued.dec_by(i64::try_from(taken).unwrap_or(0));
        if !refused.is_empty() {
            carry_out(&mut self.parts, None, refused);
        }
        (taken > 0).then_some(batch)
    }

    fn append(&mut self, mut batch: Batch, appending: Appending) -> Stepped {
        let LaneDeps { store, epoch, clock, metrics, recalled, .. } = &mut self.parts;
        let era = epoch.before(batch.appends_mut());
        let start = clock.now();
        self.pulse.asks(start);
        let result = appending(store.as_mut(), batch.appends());
        self.pulse.works();
        if let Ok(outcomes) = &result {
            epoch.after(era.generation, batch.appends(), outcomes);
            if has_recall(batch.appends(), outcomes) {
                recalled();
            }
        }
        let now = clock.now();
        metrics.lane_commit_seconds.observe(now.saturating_duration_since(start).as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a batch has some thousand messages at most")]
        metrics.lane_batch_messages.observe(batch.appends().len() as f64);
        slow::note(metrics, now.saturating_duration_since(batch.oldest().unwrap_or(start)), now, || {
            let waited = start.saturating_duration_since(batch.oldest().unwrap_or(start));
            let (waited, took) = (slow::milliseconds(waited), slow::milliseconds(now.saturating_duration_since(start)));
            let messages = batch.appends().len();
            format!("storing {messages} messages took {took} ms; the first of them had waited for {waited} ms")
        });
        self.note(result.as_ref().err());
        let next = self.lane.appended(batch, result, start, now);
        self.follow(next, era)
    }

    fn settle(&mut self) -> Stepped {
        let era = self.parts.epoch.era();
        let Some(batch) = self.lane.doubted() else { return Stepped::Done };
        self.pulse.asks(self.parts.clock.now());
        let result = self.parts.store.settle(batch.appends());
        self.pulse.works();
        if let Ok(Some(outcomes)) = &result {
            self.parts.epoch.settled(era.generation, batch.appends(), outcomes);
            if has_recall(batch.appends(), outcomes) {
                (self.parts.recalled)();
            }
        }
        self.note(result.as_ref().err());
        let next = self.lane.settled(result, self.parts.clock.now());
        self.follow(next, era)
    }

    /// `era` was the present epoch before the store was asked.
    fn follow(&mut self, next: Next, era: Era) -> Stepped {
        match next {
            Next::Done(effects) => carry_out(&mut self.parts, Some(era), effects),
            Next::Refuse(effects) => {
                carry_out(&mut self.parts, Some(era), effects);
                self.refuse_waiting();
            }
        }
        Stepped::Done
    }

    /// Counts failures. Logs when the store goes away and when it is back, not each batch in between: an outage must not
    /// fill the log.
    fn note(&mut self, failure: Option<&StoreError>) {
        let failure = failure.filter(|error| !matches!(error, StoreError::Busy(_)));
        let failing = match failure {
            None => Failing::No,
            Some(StoreError::Broken(_)) => Failing::Refused,
            Some(_) => Failing::Away,
        };
        match (failure, self.reported.failing) {
            (Some(error), Failing::No) => log::warn!("chat messages cannot be stored at present: {error}"),
            // Not the outage that was told of before.
            (Some(error), Failing::Away) if failing == Failing::Refused => {
                log::error!("the database refuses chat messages: {error}");
            }
            (None, Failing::Away | Failing::Refused) => log::info!("chat messages are stored again"),
            (Some(_), Failing::Away | Failing::Refused) | (None, Failing::No) => {}
        }
        if failure.is_some() {
            self.parts.metrics.store_errors.inc();
        }
        self.reported.failing = failing;
    }

    fn refuse_waiting(&mut self) {
        let mut refused = Vec::new();
        while let Some(job) = self.next.take().or_else(|| self.jobs.try_recv().ok()) {
            self.parts.metrics.lane_queued.dec();
            refused.push(refuse_one(&job, Refusal::Away));
            // As many as the queue holds: those that come meanwhile are the next step's.
            if refused.len() >= QUEUE_MESSAGES_MAX {
                break;
            }
        }
        carry_out(&mut self.parts, None, refused);
    }

    /// Brings the gauges up to date.
    fn tell(&mut self) {
        // A lane that is clear has neither, nearly always; both are cheap to ask.
        let aside = i64::try_from(self.lane.conversations_aside()).unwrap_or(i64::MAX);
        let is_unsettled = self.lane.doubted().is_some();
        if (aside, is_unsettled) == (self.reported.aside, self.reported.is_unsettled) {
            return;
        }
        let (reported, metrics) = (&mut self.reported, &self.parts.metrics);
        metrics.lane_aside.inc_by(aside - reported.aside);
        metrics.lane_unsettled.inc_by(i64::from(is_unsettled) - i64::from(reported.is_unsettled));
        (reported.aside, reported.is_unsettled) = (aside, is_unsettled);
        if aside == 0 && std::mem::take(&mut reported.is_refusing) {
            log::info!("no conversation is locked any more");
        }
    }
}

/// `era` is the epoch in which messages are stored that are announced; refusals need none.
fn carry_out(parts: &mut LaneDeps, era: Option<Era>, effects: Vec<Effect>) {
    let era = era.unwrap_or_else(|| parts.epoch.era());
    let mut bells = Vec::new();
    parts.fanout.expect(effects.len());
    for effect in effects {
        match effect {
            Effect::Answer { conn, conv, stored, line } => {
                parts.fanout.tell_connection(conn, Event::Answered { conn, conv, stored, line });
            }
            Effect::Announce(news) => {
                match news.line {
                    Some(_) => parts.metrics.messages_stored.inc(),
                    None => parts.metrics.messages_duplicate.inc(),
                };
                announce(parts, era, news, &mut bells);
            }
        }
    }
    parts.fanout.flush();
    if !bells.is_empty() {
        parts.bus.publish(bells);
    }
}

/// Tells the sessions here, and writes the bells for the other nodes, if there can be any.
fn announce(parts: &mut LaneDeps, era: Era, news: Announcement, bells: &mut Vec<Bell>) {
    let Announcement { conv, seq, which, to, sender, from, device, line } = news;
    let told = Told { conv, seq, which: Some(which), line, generation: era.generation };
    let message = |to| Event::Message { to, from: Some(from), told: told.clone() };
    let mut elsewhere = Elsewhere::No;
    let channel = match to {
        Peer::Group(group) => {
            parts.fanout.tell_all(&message(Addressee::Group(group)));
            Channel::Group(group)
        }
        Peer::User(user) => {
            parts.fanout.tell_addressee(user, |conn| message(Addressee::Session(conn)));
            let but = (parts.echo == EchoTo::OtherDevices).then_some(device);
            elsewhere = parts.fanout.tell_sender_but(sender, from, but, |conn| message(Addressee::Session(conn)));
            Channel::User(user)
        }
    };
    if !parts.bus.has_peers() {
        return;
    }
    let (line, which, mark) = (told.line.as_deref().unwrap_or_default(), told.which, Some(era.mark));
    let payload = Ring::Message { conv, seq, mark, which, line }.encode();
    let to_sender = match (to, parts.echo, elsewhere) {
        (Peer::Group(_), ..) | (_, EchoTo::OtherDevices, Elsewhere::No) => None,
        (_, EchoTo::OtherSessions, _) => Some(payload.clone()),
        (_, EchoTo::OtherDevices, Elsewhere::Perhaps) => {
            Some(Ring::Own { device, conv, seq, mark, which, line }.encode())
        }
    };
    bells.extend(to_sender.map(|payload| Bell { channel: Channel::User(sender), payload }));
    bells.push(Bell { channel, payload });
}
