//! The publisher thread: carries bells to Redis, says that this node is here, and notices when another is not.
//!
//! What to do next is [`PublisherState`]'s business; this file does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{RedisError, RedisResult};

use super::channels::{self, Names, NodeWord, RedisChannel};
use super::cluster::shard_pipes::ShardPipes;
use super::cluster::shards::Shards;
use super::command_connection::{CommandConnection, Message, no_server};
use super::complaints::{Complaints, words};
use super::losses::{Losses, Told};
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
        losses: Losses::default(),
        told: Told::default(),
        carried_at: now(),
        link_ups: 0,
        believes_absence_at: now(),
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
    pipe: Option<Pipe>,
    /// The number of the server that the connection is to, or was last.
    server: Option<u64>,
    /// The number of the server that was there when that was looked at last.
    number: u64,
    /// Bells that were lost, as far as the others have not been told.
    losses: Losses,
    /// What the others have been told.
    told: Told,
    /// All bells that were rung before this moment have reached the server, or others were told that they are lost.
    carried_at: Instant,
    /// How often the subscriber's link had come up when that was looked at last.
    link_ups: u64,
    /// From then on a node without subscribers is gone. In a cluster those whose server was replaced are on their way back.
    believes_absence_at: Instant,
    /// Since the connection was last of use.
    complaints: Complaints,
    /// Nodes of version 0.1 were there when it was looked last.
    sees_nodes_of_before: bool,
}

/// The way to Redis.
#[allow(clippy::large_enum_variant, reason = "a thread has one")]
enum Pipe {
    /// To one server.
    One(CommandConnection),
    /// To each of a cluster. What one of them does not take costs the others nothing.
    Shards(ShardPipes),
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
                    Taken::Bells(bells, overflow, waiting) => {
                        self.carry(&bells, overflow);
                        if waiting == 0 && self.losses.is_none() {
                            self.carried_at = now;
                        }
                    }
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
        if let (Some(shards), Some(Pipe::Shards(pipes))) = (&self.shared.shards, &mut self.pipe)
            && let Some(topology) = shards.topology()
            && let Some(changed) = pipes.follow(&topology)
        {
            // Bells that the server of before took may have reached nobody: the others may have left it earlier.
            self.losses.note_in(&changed, None);
            self.progress.lost_bells();
            self.believe_absence_later(now);
        }
        if self.link_ups != ups {
            self.link_ups = ups;
            self.progress.link_up(now);
            self.believe_absence_later(now);
        }
        if self.shared.introduction.take_question() == Question::Asked {
            self.progress.questioned();
        }
    }

    fn believe_absence_later(&mut self, now: Instant) {
        if self.shared.shards.is_some() {
            self.believes_absence_at = now + 2 * self.shared.times.watch;
        }
    }

    fn connect(&mut self) {
        if let Some(shards) = &self.shared.shards {
            // At the start it waits until somebody has looked.
            let _ = self.shared.server.now();
            match shards.topology() {
                Some(topology) => {
                    self.pipe = Some(Pipe::Shards(ShardPipes::new("publisher", topology, self.shared.times.reply)));
                    self.progress.opened(now());
                }
                None => self.failed(&no_server()),
            }
            return;
        }
        match self.shared.open("publisher", self.shared.times.connect) {
            Ok((pipe, server)) => {
                // Bells that the server of before took may have reached nobody: the others may have left it earlier.
                if self.server.replace(server).is_some_and(|before| before != server) {
                    self.losses.note(None);
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
            self.losses.note(Some(self.carried_at));
            self.progress.lost_bells();
        }
        if bells.is_empty() {
            return;
        }
        let seal =
            |bell: &Bell| (RedisChannel::Of(bell.channel), channels::with_sender(self.shared.node, &bell.payload));
        let taken = self.publish(&bells.iter().map(seal).collect::<Vec<_>>());
        self.shared.metrics.bus_published.inc_by(taken as u64);
        self.shared.metrics.bus_dropped.inc_by((bells.len() - taken) as u64);
    }

    fn say_lost(&mut self) {
        let now = now();
        let text = self.told.text(&self.losses, now);
        if self.say_text(&text).is_some() {
            self.told.note(std::mem::take(&mut self.losses), now);
            self.complaints.over();
            self.progress.said_lost();
        }
    }

    fn answer(&mut self) {
        // Not subscribed itself, it will ask when it is, and be heard by that.
        let is_said = self.shared.link() == LinkState::Down
            || (self.tell_again().is_some() && self.say(NodeWord::Here).is_some());
        if is_said {
            self.progress.answered();
        }
    }

    /// Before this node says that it is here: whoever asks may have been deaf when it was told what was lost.
    fn tell_again(&mut self) -> Option<()> {
        self.told.again(now()).iter().try_for_each(|text| self.say_text(text))
    }

    fn ask(&mut self) {
        if self.shared.link() == LinkState::Down {
            // Not subscribed to its own channel yet, it would be counted as gone.
            return self.progress.not_watched(now());
        }
        if self.tell_again().is_some() && self.say(NodeWord::Who).is_some() {
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
        let Some(counts) = self.subscribers(&topics) else { return };
        let [of_before, listeners, of_nodes @ ..] = counts.as_slice() else { return };
        self.note_nodes_of_before(*of_before);
        let unknown = listeners.saturating_sub(of_nodes.iter().sum());
        if now() >= self.believes_absence_at
            && self.shared.nodes.counted(&nodes, of_nodes.get(1..).unwrap_or_default()) > 0
        {
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
        let is_ready = match &mut self.pipe {
            Some(Pipe::One(pipe)) => pipe.set_timeout(LAST_FLUSH).is_ok(),
            Some(Pipe::Shards(pipes)) => {
                pipes.set_patience(LAST_FLUSH);
                true
            }
            None => false,
        };
        if is_ready {
            // Unheard, it is noticed all the same when this node's channel has no subscriber any more.
            let _ = self.say(NodeWord::Bye);
        }
    }

    fn say(&mut self, word: NodeWord) -> Option<()> {
        self.say_text(word.text())
    }

    fn say_text(&mut self, text: &[u8]) -> Option<()> {
        let message = (RedisChannel::Nodes, channels::with_sender(self.shared.node, text));
        match (&self.shared.shards, &mut self.pipe) {
            (Some(shards), Some(Pipe::Shards(pipes))) => {
                let published = pipes.publish(self.shared, shards, &[message]);
                if published.lost_count > 0 {
                    self.progress.said_in_vain(now());
                    return None;
                }
                Some(())
            }
            _ => self.with_pipe(|pipe, names| pipe.publish(names, &[message]).map(|pipe| (pipe, ()))),
        }
    }

    /// Publishes bells; how many were taken. What is lost is noted.
    fn publish(&mut self, messages: &[Message]) -> usize {
        if let (Some(shards), Some(Pipe::Shards(pipes))) = (&self.shared.shards, &mut self.pipe) {
            let published = pipes.publish(self.shared, shards, messages);
            if published.lost_count > 0 {
                self.losses.note_in(&published.lost, Some(self.carried_at));
                self.progress.lost_bells();
            }
            return messages.len() - published.lost_count;
        }
        if self.with_pipe(|pipe, names| pipe.publish(names, messages).map(|pipe| (pipe, ()))).is_some() {
            return messages.len();
        }
        // Some may have been delivered before the link broke; telling the others to look costs little.
        self.losses.note(Some(self.carried_at));
        self.progress.lost_bells();
        0
    }

    fn subscribers(&mut self, topics: &[RedisChannel]) -> Option<Vec<u64>> {
        if let Some(shards) = &self.shared.shards {
            return self.count_in(shards, topics);
        }
        self.with_pipe(|pipe, names| pipe.subscribers(names, topics))
    }

    fn count_in(&mut self, shards: &Shards, topics: &[RedisChannel]) -> Option<Vec<u64>> {
        let Some(Pipe::Shards(pipes)) = &mut self.pipe else { return None };
        match pipes.subscribers(self.shared, shards, topics) {
            Ok(counts) => Some(counts),
            Err(error) => {
                self.complaints.failed(&words(&error), now());
                self.progress.said_in_vain(now());
                None
            }
        }
    }

    /// Does something on the connection to the one server, which is gone if that fails.
    fn with_pipe<T>(
        &mut self,
        action: impl FnOnce(CommandConnection, &Names) -> RedisResult<(CommandConnection, T)>,
    ) -> Option<T> {
        match self.pipe.take()? {
            Pipe::One(pipe) => self.after(action(pipe, &self.shared.names)),
            Pipe::Shards(_) => None,
        }
    }

    fn after<T>(&mut self, outcome: RedisResult<(CommandConnection, T)>) -> Option<T> {
        match outcome {
            Ok((pipe, answer)) => {
                self.pipe = Some(Pipe::One(pipe));
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
