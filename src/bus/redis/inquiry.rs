//! Asks Redis how many subscribers channels have. A few connections are kept, so that one slow answer does not hold up
//! every worker.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::address::Address;
use super::now;
use super::pipe::Pipe;
use super::topic::{Names, Topic};
use crate::bus::BusError;

/// Questions asked at the same time.
const CONNECTIONS: usize = 4;

/// Channels in one question.
const QUESTION_CHANNELS_MAX: usize = 1000;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connections for questions. Any thread asks; it waits.
pub(super) struct Inquiry {
    address: Address,
    names: Names,
    name: String,
    /// A pool of [`CONNECTIONS`] places, each with a connection in it or none.
    free: Receiver<Option<Pipe>>,
    give_back: Sender<Option<Pipe>>,
}

impl Inquiry {
    pub(super) fn new(address: Address, names: Names, name: String) -> Self {
        let (give_back, free) = bounded(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            give_back.try_send(None).expect("there is room for as many");
        }
        Self { address, names, name, free, give_back }
    }

    /// How many subscribers each topic has. Waits at most about [`PATIENCE`].
    ///
    /// # Errors
    /// `Away` when Redis does not answer in time.
    pub(super) fn subscribers(&self, topics: &[Topic]) -> Result<Vec<u64>, BusError> {
        let deadline = now() + PATIENCE;
        let place = self.free.recv_deadline(deadline).map_err(|_| away(&"all connections are busy"))?;
        let outcome = self.ask_again_if_stale(place, topics, deadline);
        let (pipe, counts) = match outcome {
            Ok((pipe, counts)) => (Some(pipe), Ok(counts)),
            Err(error) => (None, Err(away(&error))),
        };
        self.give_back.try_send(pipe).expect("the place was taken out above");
        counts
    }

    /// A connection kept from before may have died since: that is no answer about the present.
    fn ask_again_if_stale(&self, kept: Option<Pipe>, topics: &[Topic], deadline: Instant) -> Answer {
        if let Some(pipe) = kept
            && let Ok(answer) = ask(pipe, &self.names, topics, deadline)
        {
            return Ok(answer);
        }
        ask(Pipe::open(&self.address, &self.name, left(deadline))?, &self.names, topics, deadline)
    }
}

type Answer = redis::RedisResult<(Pipe, Vec<u64>)>;

fn ask(mut pipe: Pipe, names: &Names, topics: &[Topic], deadline: Instant) -> Answer {
    let mut counts = Vec::with_capacity(topics.len());
    for some in topics.chunks(QUESTION_CHANNELS_MAX) {
        pipe.set_timeout(left(deadline))?;
        let answer = pipe.subscribers(names, some)?;
        pipe = answer.0;
        counts.extend(answer.1);
    }
    Ok((pipe, counts))
}

/// The time left, never zero: a connection attempt of no time at all is refused by the system.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(now()).max(Duration::from_millis(1))
}

fn away(why: &dyn std::fmt::Display) -> BusError {
    BusError::Away(why.to_string())
}
