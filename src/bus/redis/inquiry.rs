//! The inquiry thread: asks Redis what waits in the [`NumsubPool`](super::numsub_pool::NumsubPool), many questions at a time.

use std::time::{Duration, Instant};

use redis::RedisResult;

use super::channels::RedisChannel;
use super::cluster::shard_pipes::ShardPipes;
use super::command_connection::{CommandConnection, no_server};
use super::complaints::{Complaints, words};
use super::numsub_pool::{Asked, COMMAND_CHANNELS_MAX, answer_none};
use super::shared::Shared;
use super::times::now;

/// How long an answer may take, from the question.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often Redis is tried after it has not answered.
const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// Runs on the inquiry thread until the pool is closed.
pub(super) fn run(shared: &Shared) {
    let numsub_pool = &shared.numsub_pool;
    let mut pipe = None;
    let mut complaints = Complaints::new("this node cannot ask who is online at others");
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
                complaints.failed(&words(&error), now());
                // First, so that whoever is told now and asks again is answered at once.
                numsub_pool.fall_silent();
                answer_none(asked, &error.to_string());
                pipe = probe(shared, &mut complaints);
            }
        }
    }
}

/// Tries until Redis answers, or the bus ends.
fn probe(shared: &Shared, complaints: &mut Complaints) -> Option<Pipe> {
    while shared.numsub_pool.pause(PROBE_PAUSE) {
        match ask_again_if_stale(shared, None, &[RedisChannel::Node(shared.node)], now() + PATIENCE) {
            Ok((pipe, _)) => {
                shared.numsub_pool.speak_again();
                return Some(pipe);
            }
            Err(error) => complaints.failed(&words(&error), now()),
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

/// The way to Redis.
#[allow(clippy::large_enum_variant, reason = "a thread has one")]
enum Pipe {
    /// To one server; its number.
    One(CommandConnection, u64),
    /// To each of a cluster.
    Shards(ShardPipes),
}

type Counted = RedisResult<(Pipe, Vec<u64>)>;

/// A connection kept from before may have died since: that is no answer about the present.
fn ask_again_if_stale(shared: &Shared, kept: Option<Pipe>, topics: &[RedisChannel], deadline: Instant) -> Counted {
    if let Some(pipe) = kept.filter(|pipe| pipe.is_current(shared)) {
        match ask(pipe, shared, topics, deadline) {
            Ok(counted) => return Ok(counted),
            Err(error) if error.is_timeout() => return Err(error),
            Err(_) => {}
        }
    }
    ask(Pipe::open(shared, deadline)?, shared, topics, deadline)
}

fn ask(pipe: Pipe, shared: &Shared, topics: &[RedisChannel], deadline: Instant) -> Counted {
    match (pipe, &shared.shards) {
        (Pipe::Shards(mut pipes), Some(shards)) => {
            if let Some(topology) = shards.topology() {
                pipes.follow(&topology);
            }
            pipes.set_patience(left(deadline));
            let counts = pipes.subscribers(shared, shards, topics)?;
            Ok((Pipe::Shards(pipes), counts))
        }
        (Pipe::One(pipe, server), _) => {
            pipe.set_timeout(left(deadline))?;
            let questions: Vec<&[RedisChannel]> = topics.chunks(COMMAND_CHANNELS_MAX).collect();
            let (pipe, counts) = pipe.subscribers_of_all(&shared.names, &questions)?;
            Ok((Pipe::One(pipe, server), counts))
        }
        (Pipe::Shards(_), None) => Err(no_server()),
    }
}

impl Pipe {
    fn open(shared: &Shared, deadline: Instant) -> RedisResult<Self> {
        if let Some(shards) = &shared.shards {
            let topology = shards.topology().ok_or_else(no_server)?;
            return Ok(Self::Shards(ShardPipes::new("inquiry", topology, left(deadline))));
        }
        let (pipe, server) = shared.open("inquiry", left(deadline))?;
        Ok(Self::One(pipe, server))
    }

    /// Whether it leads to where the subscriber is.
    fn is_current(&self, shared: &Shared) -> bool {
        match self {
            Self::One(_, server) => *server == shared.server.number(),
            Self::Shards(_) => true,
        }
    }
}

/// The time left, never zero: a connection attempt of no time at all is refused by the system.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(now()).max(Duration::from_millis(1))
}
