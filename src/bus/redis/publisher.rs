//! The publisher thread: carries bells to Redis, says that this node is here, and notices when another is not.
//!
//! What to do next is [`PublisherState`]'s business; this file does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{RedisError, RedisResult};

use super::channels::{self, Names, NodeWord, RedisChannel};
use super::command_connection::{CommandConnection, Message};
use super::complaints::{Complaints, words};
use super::outgoing::{Outgoing, Overflow, Taken};
use super::peer_discovery::Question;
use super::publisher_state::{Acquaintance, PublisherState, Step};
use super::shared::Shared;
use super::subscriber_waker::WakeReason;
use super::times::now;
use crate::bus::{Bell, LinkState};

/// How long the last flush may wait for Redis.
const LAST_FLUSH: Duration = Duration::from_millis(500);

/// Runs on the publisher thread until the queue is closed and empty.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut publisher = Publisher {
        shared,
        queue: &shared.outgoing,
        // Not the subscriber's seed, so that the two do not knock in step.
        progress: PublisherState::new(shared.times, shared.node.0.rotate_left(32), now()),
        pipe: None,
        server: None,
        number: shared.server.number(),
        link_ups: 0,
        complaints: Complaints::new("others do not hear this node"),
        sees_nodes_of_before: false,
    };
    publisher.run();
}

struct Publisher<'a> {
    shared: &'a Shared,
    queue: &'a Outgoing,
    progress: PublisherState,
    /// Open exactly while `progress` thinks so.
    pipe: Option<CommandConnection>,
    /// The number of the server that the connection is to, or was last.
    server: Option<u64>,
    /// The number of the server that was there when that was looked at last.
    number: u64,
    /// How often the subscriber's link had come up when that was looked at last.
    link_ups: u64,
    /// Since the connection was last of use.
    complaints: Complaints,
    /// Nodes of version 0.1 were there when it was looked last.
    sees_nodes_of_before: bool,
}

impl Publisher<'_> {
    fn run(&mut self) {
        loop {
            let now = now();
            self.look_up(now);
            match self.progress.next(now) {
                Step::Connect => self.connect(),
                Step::SayLost => self.say_lost(),
                Step::Answer => self.answer(),
                Step::Ask => self.ask(),
                Step::Count => self.count(),
                Step::Watch => self.watch(),
                Step::Carry { until } => match self.queue.take(until.saturating_duration_since(now)) {
                    Taken::Bells(bells, overflow) => self.carry(&bells, overflow),
                    Taken::Closed => return self.say_bye(),
                },
            }
        }
    }

    /// Looks what the other threads have found out meanwhile.
    fn look_up(&mut self, now: Instant) {
        // First: a link that is up already is up to the server that is looked at next, or to an earlier one.
        let ups = self.shared.introduction.ups();
        let number = self.shared.server.number();
        if std::mem::replace(&mut self.number, number) != number && self.server != Some(number) {
            self.pipe = None;
            self.progress.moved(now);
        }
        if self.link_ups != ups {
            self.link_ups = ups;
            self.progress.link_up(now);
        }
        if self.shared.introduction.take_question() == Question::Asked {
            self.progress.questioned();
        }
    }

    fn connect(&mut self) {
        match self.shared.open("publisher", self.shared.times.connect) {
            Ok((pipe, server)) => {
                // Bells that the server of before took may have reached nobody: the others may have left it earlier.
                if self.server.replace(server).is_some_and(|before| before != server) {
                    self.progress.lost_bells();
                }
                self.progress.opened(now());
                self.after(pipe.set_timeout(self.shared.times.reply).map(|()| (pipe, ())));
            }
            Err(error) => self.failed(&error),
        }
    }

    fn carry(&mut self, bells: &[Bell], overflow: Overflow) {
        if overflow == Overflow::Lost {
            self.progress.lost_bells();
        }
        if bells.is_empty() {
            return;
        }
        let count = bells.len() as u64;
        let seal =
            |bell: &Bell| (RedisChannel::Of(bell.channel), channels::with_sender(self.shared.node, &bell.payload));
        if self.pipe.is_some() && self.publish(&bells.iter().map(seal).collect::<Vec<_>>()).is_some() {
            self.shared.metrics.bus_published.inc_by(count);
            return;
        }
        // Some may have been delivered before the link broke; telling the others to look costs little.
        self.shared.metrics.bus_dropped.inc_by(count);
        self.progress.lost_bells();
    }

    fn say_lost(&mut self) {
        if self.say(NodeWord::Lost).is_some() {
            self.complaints.over();
            self.progress.said_lost();
        }
    }

    fn answer(&mut self) {
        // Not subscribed itself, it will ask when it is, and be heard by that.
        if self.shared.link() == LinkState::Down || self.say(NodeWord::Here).is_some() {
            self.progress.answered();
        }
    }

    fn ask(&mut self) {
        if self.shared.link() == LinkState::Down {
            // Not subscribed to its own channel yet, it would be counted as gone.
            return self.progress.not_watched(now());
        }
        if self.say(NodeWord::Who).is_some() {
            self.progress.asked(now());
        }
    }

    /// Says `here`, and looks whether the nodes that are known still hold their channels.
    fn watch(&mut self) {
        if self.shared.link() == LinkState::Down {
            return self.progress.not_watched(now());
        }
        if self.say(NodeWord::Here).is_some() {
            self.count();
        }
    }

    /// Looks which nodes hold their channels: a node that does not is gone, and there may be one that is not known.
    fn count(&mut self) {
        let nodes = self.shared.nodes.known();
        let own = [RedisChannel::NodesOfBefore, RedisChannel::Nodes, RedisChannel::Node(self.shared.node)];
        let topics: Vec<_> = own.into_iter().chain(nodes.iter().copied().map(RedisChannel::Node)).collect();
        let Some(counts) = self.with_pipe(|pipe, names| pipe.subscribers(names, &topics)) else { return };
        let [of_before, listeners, of_nodes @ ..] = counts.as_slice() else { return };
        self.note_nodes_of_before(*of_before);
        let unknown = listeners.saturating_sub(of_nodes.iter().sum());
        if self.shared.nodes.counted(&nodes, of_nodes.get(1..).unwrap_or_default()) > 0 {
            self.shared.subscriber_waker.call(WakeReason::NodeGone);
        }
        self.complaints.over();
        if self.progress.counted(unknown, now()) == Acquaintance::Made {
            self.shared.introduction.made(self.link_ups);
            self.shared.subscriber_waker.call(WakeReason::Introduced);
        }
    }

    /// At start they are an error. One that comes later cannot be kept away, but must not go unnoticed.
    fn note_nodes_of_before(&mut self, count: u64) {
        if count > 0 && !self.sees_nodes_of_before {
            log::error!(
                "{count} nodes of version 0.1 use this Redis: if their database is this one, messages do not reach the \
                 users of the other kind; stop them"
            );
        }
        self.sees_nodes_of_before = count > 0;
    }

    fn say_bye(&mut self) {
        if let Some(pipe) = &self.pipe
            && pipe.set_timeout(LAST_FLUSH).is_ok()
        {
            // Unheard, it is noticed all the same when this node's channel has no subscriber any more.
            let _ = self.say(NodeWord::Bye);
        }
    }

    fn say(&mut self, word: NodeWord) -> Option<()> {
        self.publish(&[(RedisChannel::Nodes, channels::with_sender(self.shared.node, word.text()))])
    }

    fn publish(&mut self, messages: &[Message]) -> Option<()> {
        self.with_pipe(|pipe, names| pipe.publish(names, messages).map(|pipe| (pipe, ())))
    }

    /// Does something on the connection, which is gone if that fails.
    fn with_pipe<T>(
        &mut self,
        action: impl FnOnce(CommandConnection, &Names) -> RedisResult<(CommandConnection, T)>,
    ) -> Option<T> {
        let pipe = self.pipe.take()?;
        self.after(action(pipe, &self.shared.names))
    }

    fn after<T>(&mut self, outcome: RedisResult<(CommandConnection, T)>) -> Option<T> {
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
        self.complaints.failed(&words(error), now());
        self.shared.introduction.away();
        self.progress.failed(now());
    }
}
