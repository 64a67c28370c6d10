//! Connections for commands to all servers of a Redis Cluster. Each command goes to the server that has its slot.
//!
//! All servers are written to before any is waited for. What a server does not take (it is away, or the slot has moved) is
//! remembered as lost, and does not hold up what goes to the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{RedisError, RedisResult, Value};

use super::shards::Shards;
use super::slots::SlotSet;
use super::topology::Topology;
use crate::bus::redis::backoff::Backoff;
use crate::bus::redis::channels::{Names, RedisChannel};
use crate::bus::redis::command_connection::{CommandConnection, Message, Sent, counts};
use crate::bus::redis::sentinel::sentinel_state::Place;
use crate::bus::redis::shared::Shared;
use crate::bus::redis::times::now;

/// How long a connection may take: bells for other servers wait meanwhile.
const CONNECT: Duration = Duration::from_millis(250);

/// A thread's connections.
pub(in crate::bus::redis) struct ShardPipes {
    /// What they call themselves.
    part: &'static str,
    topology: Arc<Topology>,
    /// How long an answer may take.
    patience: Duration,
    pipes: HashMap<Place, Pipe>,
}

struct Pipe {
    connection: Option<CommandConnection>,
    backoff: Backoff,
    rests_until: Option<Instant>,
}

/// What became of messages.
pub(in crate::bus::redis) struct Published {
    /// The slots of those that were not taken.
    pub(in crate::bus::redis) lost: SlotSet,
    /// How many were not taken.
    pub(in crate::bus::redis) lost_count: usize,
}

impl ShardPipes {
    /// None is open yet.
    pub(in crate::bus::redis) fn new(part: &'static str, topology: Arc<Topology>, patience: Duration) -> Self {
        Self { part, topology, patience, pipes: HashMap::new() }
    }

    /// From now on an answer may take this long.
    pub(in crate::bus::redis) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Follows the topology. The slots that have another server since: what the one of before has taken last may have reached
    /// nobody.
    pub(in crate::bus::redis) fn follow(&mut self, topology: &Arc<Topology>) -> Option<SlotSet> {
        if Arc::ptr_eq(&self.topology, topology) {
            return None;
        }
        let changed = topology.changed_since(&self.topology);
        self.topology = Arc::clone(topology);
        self.pipes.retain(|place, _| topology.places().contains(place));
        Some(changed).filter(|changed| !changed.is_empty())
    }

    /// Publishes, in order on each server.
    pub(in crate::bus::redis) fn publish(
        &mut self,
        shared: &Shared,
        shards: &Shards,
        messages: &[Message],
    ) -> Published {
        let slots: Vec<u16> = messages.iter().map(|(topic, _)| shards.slot(*topic)).collect();
        let mut name = String::new();
        let batches = self.batches(&slots, |at, out| {
            let (topic, message) = &messages[at];
            let name = shared.names.write(*topic, &mut name);
            redis::cmd("SPUBLISH").arg(name).arg(message.as_slice()).write_packed_command(out);
        });
        let mut published = Published { lost: SlotSet::new(), lost_count: 0 };
        for (batch, answers) in self.exchange(shared, batches) {
            let taken = |answer: &RedisResult<Value>| answer.is_ok();
            for (place, at) in batch.members.iter().enumerate() {
                if !answers.as_ref().is_ok_and(|answers| answers.get(place).is_some_and(taken)) {
                    published.lost.insert(slots[*at]);
                    published.lost_count += 1;
                }
            }
        }
        if published.lost_count > 0 {
            shards.call();
        }
        published
    }

    /// How many subscribers each topic has.
    pub(in crate::bus::redis) fn subscribers(
        &mut self,
        shared: &Shared,
        shards: &Shards,
        topics: &[RedisChannel],
    ) -> RedisResult<Vec<u64>> {
        let slots: Vec<u16> = topics.iter().map(|topic| shards.slot(*topic)).collect();
        let batches = self.questions(&slots, topics, &shared.names);
        let mut found = vec![0; topics.len()];
        let mut failed = None;
        for (batch, answers) in self.exchange(shared, batches) {
            let numbers = answers.and_then(|answers| {
                let answers: Vec<Value> = answers.into_iter().collect::<RedisResult<_>>()?;
                Ok(answers.into_iter().flat_map(counts).collect::<Vec<u64>>())
            });
            match numbers {
                Ok(numbers) if numbers.len() == batch.members.len() => {
                    batch.members.iter().zip(numbers).for_each(|(at, number)| found[*at] = number);
                }
                Ok(_) => failed = Some(not_answered()),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => {
                shards.call();
                Err(error)
            }
            None => Ok(found),
        }
    }

    /// One batch for each server: the members' positions, and their commands.
    fn batches(&self, slots: &[u16], mut write: impl FnMut(usize, &mut Vec<u8>)) -> Vec<Batch> {
        let mut batches: Vec<Option<Batch>> = self.topology.places().iter().map(|_| None).collect();
        for (at, slot) in slots.iter().enumerate() {
            let owner = self.topology.owner(*slot);
            let batch = batches[owner].get_or_insert_with(|| Batch::to(self.topology.places()[owner].clone()));
            write(at, &mut batch.out);
            batch.members.push(at);
            batch.commands += 1;
        }
        batches.into_iter().flatten().collect()
    }

    fn questions(&self, slots: &[u16], topics: &[RedisChannel], names: &Names) -> Vec<Batch> {
        let mut batches = self.batches(slots, |_, _| {});
        let mut name = String::new();
        for batch in &mut batches {
            batch.commands = 0;
            for members in batch.members.chunks(crate::bus::redis::numsub_pool::COMMAND_CHANNELS_MAX) {
                let mut command = redis::cmd("PUBSUB");
                command.arg("SHARDNUMSUB");
                for at in members {
                    command.arg(names.write(topics[*at], &mut name));
                }
                command.write_packed_command(&mut batch.out);
                batch.commands += 1;
            }
        }
        batches
    }

    /// Writes to all servers, then waits for all; the answers to each batch, refusals among them, or why there are none.
    fn exchange(&mut self, shared: &Shared, batches: Vec<Batch>) -> Vec<(Batch, Answers)> {
        let sent: Vec<(Batch, RedisResult<Sent>)> = batches
            .into_iter()
            .map(|batch| {
                let sent = self.connection(shared, &batch.place).and_then(|pipe| pipe.send(&batch.out));
                (batch, sent)
            })
            .collect();
        sent.into_iter()
            .map(|(batch, sent)| {
                let answers = sent.and_then(|sent| sent.answers(batch.commands));
                let answers = self.keep(shared, &batch.place, answers);
                (batch, answers)
            })
            .collect()
    }

    /// The connection to this server, the one that is kept or a new one.
    fn connection(&mut self, shared: &Shared, place: &Place) -> RedisResult<CommandConnection> {
        let pipe = self.pipes.entry(place.clone()).or_insert_with(|| Pipe {
            connection: None,
            backoff: Backoff::new(shared.times.backoff_first, shared.times.backoff_most, shared.node.0.rotate_left(16)),
            rests_until: None,
        });
        let connection = match pipe.connection.take() {
            Some(connection) => connection,
            None if pipe.rests_until.is_some_and(|until| now() < until) => return Err(not_answered()),
            None => shared.open_at(place, self.part, self.patience.min(CONNECT))?,
        };
        connection.set_timeout(self.patience)?;
        Ok(connection)
    }

    fn keep<T>(
        &mut self,
        shared: &Shared,
        place: &Place,
        outcome: RedisResult<(CommandConnection, T)>,
    ) -> RedisResult<T> {
        let Some(pipe) = self.pipes.get_mut(place) else { return outcome.map(|(_, answers)| answers) };
        match outcome {
            Ok((connection, answers)) => {
                pipe.connection = Some(connection);
                pipe.rests_until = None;
                pipe.backoff.reset();
                Ok(answers)
            }
            Err(error) => {
                if pipe.rests_until.is_none_or(|until| until <= now()) {
                    let (host, port) = place;
                    log::debug!("{}: the Redis at {host}:{port} does not answer: {error}", shared.name(self.part));
                    pipe.rests_until = Some(now() + pipe.backoff.failed());
                }
                Err(error)
            }
        }
    }
}

/// The answers to a batch, refusals among them, or why there are none.
type Answers = RedisResult<Vec<RedisResult<Value>>>;

/// What goes to one server.
struct Batch {
    place: Place,
    /// Positions in what was given.
    members: Vec<usize>,
    commands: usize,
    out: Vec<u8>,
}

impl Batch {
    fn to(place: Place) -> Self {
        Self { place, members: Vec::new(), commands: 0, out: Vec::new() }
    }
}

fn not_answered() -> RedisError {
    RedisError::from((redis::ErrorKind::Client, "a server of the cluster does not answer"))
}
