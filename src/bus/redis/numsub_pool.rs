//! Asks Redis how many subscribers channels have: one thread gathers what is asked meanwhile into one pipelined question.
//!
//! ```text
//!   ask --> waiting (bounded) --all of it--> bus-inquiry ----NUMSUB, NUMSUB, ...---> Redis
//!    ^------------------------ promises kept <----------------------------------------+
//! ```
//!
//! Nobody waits longer than [`PATIENCE`]. After one answer that did not come in time everybody is told at once that
//! presence is unknown, until Redis has answered again: the thread keeps trying.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::RedisResult;

use super::channels::{Names, RedisChannel};
use super::command_connection::CommandConnection;
use super::{Complaints, Shared, now};
use crate::bus::promise::{Keeper, Promise, promise};
use crate::bus::{Answer, BusError, Question};

/// Channels that may wait to be asked about.
const WAITING_CHANNELS_MAX: usize = 1_000_000;

/// Channels in one command.
const COMMAND_CHANNELS_MAX: usize = 1000;

/// Channels asked about at one time; one question more may stand over.
const ROUND_CHANNELS_MAX: usize = 32 * COMMAND_CHANNELS_MAX;

/// How long an answer may take, from the question.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often Redis is tried after it has not answered.
const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// The questions that wait. Any thread asks and never waits; the inquiry thread answers.
#[derive(Debug, Default)]
pub(super) struct NumsubPool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Asked>,
    channels: usize,
    /// Redis did not answer the last time.
    is_silent: bool,
    closed: bool,
}

#[derive(Debug)]
struct Asked {
    topics: Vec<RedisChannel>,
    /// For each of them, whether Redis counted this node among its subscribers when it was asked.
    here: Vec<u64>,
    keeper: Keeper<Answer>,
    at: Instant,
}

impl NumsubPool {
    /// Asks how many other nodes each topic has.
    pub(super) fn ask(&self, topics: Vec<RedisChannel>, here: Vec<u64>) -> Question {
        let (question, keeper) = promise(Err(away("the bus has ended")));
        let mut state = self.lock();
        if state.is_silent {
            return Promise::kept(Err(away("Redis does not answer")));
        }
        if state.closed || state.channels + topics.len() > WAITING_CHANNELS_MAX {
            return Promise::kept(Err(away("too much is being asked")));
        }
        state.channels += topics.len();
        state.waiting.push(Asked { topics, here, keeper, at: now() });
        drop(state);
        self.changed.notify_one();
        question
    }

    /// Ends the thread; what waits is told that nothing is known.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let in_vain = std::mem::take(&mut state.waiting);
        drop(state);
        drop(in_vain);
        self.changed.notify_all();
    }

    /// Waits for questions and takes about [`ROUND_CHANNELS_MAX`] channels of them; `None`: it is closed.
    fn take(&self) -> Option<Vec<Asked>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let waited = self.changed.wait_while(self.lock(), idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return None;
        }
        let mut channels = 0;
        let fits = |asked: &Asked| {
            let room = channels < ROUND_CHANNELS_MAX;
            channels += asked.topics.len();
            room
        };
        let count = state.waiting.iter().map(fits).take_while(|fits| *fits).count();
        let taken: Vec<Asked> = state.waiting.drain(..count).collect();
        state.channels -= taken.iter().map(|asked| asked.topics.len()).sum::<usize>();
        Some(taken)
    }

    /// Waits until `pause` has passed; `false`: it is closed.
    fn pause(&self, pause: Duration) -> bool {
        let open = |state: &mut State| !state.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), pause, open);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Redis did not answer: nobody waits for it any longer.
    fn fall_silent(&self) {
        let mut state = self.lock();
        state.is_silent = true;
        state.channels = 0;
        let in_vain = std::mem::take(&mut state.waiting);
        drop(state);
        answer_none(in_vain, "Redis does not answer");
    }

    /// Redis has answered again.
    fn speak_again(&self) {
        self.lock().is_silent = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs on the inquiry thread until [`NumsubPool::close`].
pub(super) fn run(shared: &Shared) {
    let numsub_pool = &shared.numsub_pool;
    let mut pipe = None;
    let mut complaints = Complaints::new("the bus's inquiry");
    while let Some(asked) = numsub_pool.take() {
        let topics: Vec<RedisChannel> = asked.iter().flat_map(|asked| &asked.topics).copied().collect();
        let deadline = asked.iter().map(|asked| asked.at).min().unwrap_or_else(now) + PATIENCE;
        match ask_again_if_stale(shared, pipe.take(), &topics, deadline) {
            Ok((kept, counts)) => {
                pipe = Some(kept);
                answer_all(asked, &counts);
                complaints.over();
            }
            Err(error) => {
                complaints.failed(&error, now());
                // First, so that whoever is told now and asks again is answered at once.
                numsub_pool.fall_silent();
                answer_none(asked, &error.to_string());
                pipe = probe(shared, &mut complaints);
            }
        }
    }
}

/// Tries until Redis answers, or the bus ends.
fn probe(shared: &Shared, complaints: &mut Complaints) -> Option<CommandConnection> {
    while shared.numsub_pool.pause(PROBE_PAUSE) {
        match ask_again_if_stale(shared, None, &[RedisChannel::Node(shared.node)], now() + PATIENCE) {
            Ok((pipe, _)) => {
                shared.numsub_pool.speak_again();
                return Some(pipe);
            }
            Err(error) => complaints.failed(&error, now()),
        }
    }
    None
}

fn answer_all(asked: Vec<Asked>, counts: &[u64]) {
    let mut counts = counts.iter().copied();
    for Asked { here, keeper, .. } in asked {
        let others = here.iter().map(|here| counts.next().unwrap_or(0).saturating_sub(*here));
        keeper.keep(Ok(others.collect()));
    }
}

fn answer_none(asked: Vec<Asked>, why: &str) {
    let answer: Answer = Err(away(why));
    for Asked { keeper, .. } in asked {
        keeper.keep(answer.clone());
    }
}

fn away(why: &str) -> BusError {
    BusError::Away(why.into())
}

type Counted = RedisResult<(CommandConnection, Vec<u64>)>;

/// A connection kept from before may have died since: that is no answer about the present.
fn ask_again_if_stale(
    shared: &Shared,
    kept: Option<CommandConnection>,
    topics: &[RedisChannel],
    deadline: Instant,
) -> Counted {
    if let Some(pipe) = kept {
        match ask(pipe, &shared.names, topics, deadline) {
            Ok(counted) => return Ok(counted),
            Err(error) if error.is_timeout() => return Err(error),
            Err(_) => {}
        }
    }
    ask(
        CommandConnection::open(&shared.address, &shared.name("inquiry"), left(deadline))?,
        &shared.names,
        topics,
        deadline,
    )
}

fn ask(pipe: CommandConnection, names: &Names, topics: &[RedisChannel], deadline: Instant) -> Counted {
    pipe.set_timeout(left(deadline))?;
    let questions: Vec<&[RedisChannel]> = topics.chunks(COMMAND_CHANNELS_MAX).collect();
    pipe.subscribers_of_all(names, &questions)
}

/// The time left, never zero: a connection attempt of no time at all is refused by the system.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(now()).max(Duration::from_millis(1))
}
