//! The publisher thread: carries bells to Redis, says that this node is here, and notices when another is not.
//!
//! What to do next is [`Course`]'s business; this file does it.

use std::sync::Arc;
use std::time::Duration;

use redis::{RedisError, RedisResult};

use super::course::{Course, Step};
use super::outgoing::{Outgoing, Overflow, Taken};
use super::pipe::{Message, Pipe};
use super::summons::Call;
use super::topic::{self, Topic, Word};
use super::{Shared, log_failure, now};
use crate::bus::{Bell, LinkState};

/// How long the last flush may wait for Redis.
const LAST_FLUSH: Duration = Duration::from_millis(500);

/// Runs on the publisher thread until the queue is closed and empty.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut publisher = Publisher {
        shared,
        queue: &shared.outgoing,
        // Not the subscriber's seed, so that the two do not knock in step.
        course: Course::new(shared.times, shared.node.0.rotate_left(32), now()),
        pipe: None,
        failures: 0,
    };
    publisher.run();
}

struct Publisher<'a> {
    shared: &'a Shared,
    queue: &'a Outgoing,
    course: Course,
    /// Open exactly while `course` thinks so.
    pipe: Option<Pipe>,
    /// Failures since the connection was last of use.
    failures: u64,
}

impl Publisher<'_> {
    fn run(&mut self) {
        loop {
            let now = now();
            match self.course.next(now) {
                Step::Connect => self.connect(),
                Step::SayLost => self.say_lost(),
                Step::Watch => self.watch(),
                Step::Carry { until } => match self.queue.take(until.saturating_duration_since(now)) {
                    Taken::Bells(bells, overflow) => self.carry(&bells, overflow),
                    Taken::Closed => return self.say_bye(),
                },
            }
        }
    }

    fn connect(&mut self) {
        match Pipe::open(&self.shared.address, &self.shared.name("publisher"), self.shared.times.connect) {
            Ok(pipe) => {
                self.course.opened(now());
                self.after(pipe.set_timeout(self.shared.times.reply).map(|()| (pipe, ())));
            }
            Err(error) => self.failed(&error),
        }
    }

    fn carry(&mut self, bells: &[Bell], overflow: Overflow) {
        if overflow == Overflow::Lost {
            self.course.lost_bells();
        }
        if bells.is_empty() {
            return;
        }
        let count = bells.len() as u64;
        let seal = |bell: &Bell| (Topic::Of(bell.channel), topic::sealed(self.shared.node, &bell.payload));
        if self.pipe.is_some() && self.publish(&bells.iter().map(seal).collect::<Vec<_>>()).is_some() {
            self.shared.metrics.bus_published.inc_by(count);
            return;
        }
        // Some may have been delivered before the link broke; telling the others to look costs little.
        self.shared.metrics.bus_dropped.inc_by(count);
        self.course.lost_bells();
    }

    fn say_lost(&mut self) {
        if self.say(Word::Lost).is_some() {
            self.failures = 0;
            self.course.said_lost();
        }
    }

    /// Says `here`, and looks whether the nodes that are known still hold their channels.
    fn watch(&mut self) {
        if self.shared.link() == LinkState::Down {
            // Not subscribed to its own channel yet, it would be counted as gone.
            return self.course.not_watched(now());
        }
        if self.say(Word::Here).is_none() {
            return;
        }
        let nodes = self.shared.nodes.known();
        let topics: Vec<_> = nodes.iter().map(|node| Topic::Node(*node)).collect();
        if !topics.is_empty() {
            let Some(counts) = self.with_pipe(|pipe| pipe.subscribers(&topics)) else { return };
            if self.shared.nodes.counted(&nodes, &counts) {
                self.shared.summons.call(Call::NodeGone);
            }
        }
        self.failures = 0;
        self.course.watched(now());
    }

    fn say_bye(&mut self) {
        if let Some(pipe) = &self.pipe
            && pipe.set_timeout(LAST_FLUSH).is_ok()
        {
            // Unheard, it is noticed all the same when this node's channel has no subscriber any more.
            let _ = self.say(Word::Bye);
        }
    }

    fn say(&mut self, word: Word) -> Option<()> {
        self.publish(&[(Topic::Nodes, topic::sealed(self.shared.node, word.text()))])
    }

    fn publish(&mut self, messages: &[Message]) -> Option<()> {
        self.with_pipe(|pipe| pipe.publish(messages).map(|pipe| (pipe, ())))
    }

    /// Does something on the connection, which is gone if that fails.
    fn with_pipe<T>(&mut self, action: impl FnOnce(Pipe) -> RedisResult<(Pipe, T)>) -> Option<T> {
        let pipe = self.pipe.take()?;
        self.after(action(pipe))
    }

    fn after<T>(&mut self, outcome: RedisResult<(Pipe, T)>) -> Option<T> {
        match outcome {
            Ok((pipe, answer)) => {
                self.pipe = Some(pipe);
                Some(answer)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn failed(&mut self, error: &RedisError) {
        self.failures += 1;
        log_failure(self.failures, "the bus's publisher", error);
        self.course.failed(now());
    }
}
