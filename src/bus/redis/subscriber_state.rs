//! The subscriber's connection as a state machine: events and the time in, effects out. No socket, thread or clock.
//!
//! ```text
//!             due             connected                all confirmed
//!   Resting ------> Connecting ------> Joining ------------------------> Up
//!      ^                |                 |                              |
//!      +----------------+-----------------+------------------------------+
//!        failed; refused; garbage; silent for too long: back-off, everything is subscribed again
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::address::Greeting;
use super::backoff::Backoff;
use super::channels::{self, LOST_BEFORE, LOST_SOME, Names, NodeWord, RedisChannel, Words};
use super::cluster::slots::{SlotSet, slot_of};
use super::losses::Lost;
use super::nodes::Nodes;
use super::resp::{Frame, Item};
use super::subscriptions::{Ended, Subscriptions};
use super::times::Times;
use crate::bus::{Channel, ReceivedBell};
use crate::ids::NodeId;

/// Channels in one SUBSCRIBE or UNSUBSCRIBE.
const COMMAND_CHANNELS_MAX: usize = 256;

/// Channels whose orders are taken at one time.
const ORDERS_CHANNELS_MAX: usize = 64 * COMMAND_CHANNELS_MAX;

/// What the thread around it is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Open a connection; then say [`SubscriberState::connected`] or [`SubscriberState::failed`].
    Connect,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Close the connection, which is of no use any more.
    Close(String),
    /// Bells arrive from now on.
    Up,
    /// Bells are being missed from now on.
    Down,
    /// Tell the listener that bells may have been lost, and since when, if that is known.
    Resync(&'static str, Option<Instant>),
    /// The same of bells that would have come by this link.
    Missed(Option<Instant>),
    /// The same of bells in these slots.
    MissedIn(SlotSet, &'static str, Option<Instant>),
    /// A slot has moved to another server, perhaps: look where it is.
    SlotMoved,
    /// Another node wants to know who is there.
    Asked,
    /// Another node was heard of for the first time.
    Met(NodeId),
}

/// The state of the subscriber's connection.
pub(super) struct SubscriberState {
    caller: Caller,
    subscriptions: Arc<Subscriptions>,
    nodes: Arc<Nodes>,
    times: Times,
    backoff: Backoff,
    phase: Phase,
    /// Whether bells have arrived before: then some were missed while the link was down.
    has_been_up: bool,
    /// What was missed, and was not told yet.
    missing: Missing,
    /// Where the last connection came from.
    earlier: Option<SocketAddr>,
    /// What every node is subscribed to, as far as this link is the way to it.
    standing: Vec<RedisChannel>,
    effects: Vec<Effect>,
}

/// Who opens the link, and what it says first.
pub(super) struct Caller {
    pub(super) node: NodeId,
    pub(super) names: Names,
    pub(super) greeting: Greeting,
    pub(super) words: Words,
}

/// Since when bells may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Missing {
    Nothing,
    Since(Instant),
    /// Nobody knows since when: others may have spoken with another server for a while.
    Unknown,
}

impl Missing {
    /// Takes it; since when, if that is known.
    fn take(&mut self) -> Option<Instant> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Since(at) => Some(at),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

enum Phase {
    Resting { until: Instant },
    Connecting,
    Connected(Session),
}

/// One connection's life.
struct Session {
    /// Answers to the greeting that are still to come; they come first.
    greeting_left: usize,
    /// How many of the last of them may be refusals.
    wishes: usize,
    joined: Joined,
    /// Bells were missed, and are looked for when the other nodes are known: whoever dies from then on is noticed. Without
    /// an introduction at this time all the same.
    resync_at: Option<Instant>,
    /// Channels that were ordered on this connection, and those that were confirmed: they are confirmed in order.
    ordered: u64,
    confirmed: u64,
    /// Slots that have come to this server meanwhile: their bells were missed until all that was ordered up to that number
    /// is confirmed. `None`: not all is ordered yet.
    arrivals: Vec<(SlotSet, Option<u64>)>,
    /// Commands to a server of a cluster that are not answered yet, in order; the first subscriptions come first.
    unanswered: VecDeque<SlotCommand>,
    pinged_at: Instant,
    /// When it was pinged first since it was heard: only a link that was asked can be silent.
    asked_at: Option<Instant>,
    /// When the ping was sent that is not answered yet.
    ping: Option<Instant>,
    /// When the last ping was sent that was answered, or the connection opened. What was rung before that came ahead of the
    /// answer. (What is heard now may have waited on its way for any time.)
    sure_at: Instant,
}

/// One command to a server of a Redis Cluster. It is answered for each of its channels, or refused as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SlotCommand {
    slot: u16,
    subscribes: bool,
    /// Channels that are not answered yet.
    left: usize,
}

impl Session {
    /// One more channel is answered, of the oldest such command about its slot.
    fn answered(&mut self, subscribes: bool, topic: &[u8]) {
        if self.unanswered.is_empty() {
            return;
        }
        let slot = slot_of(&String::from_utf8_lossy(topic));
        let is_it = |one: &SlotCommand| one.subscribes == subscribes && one.slot == slot;
        let Some(at) = self.unanswered.iter().position(is_it) else { return };
        self.unanswered[at].left -= 1;
        if self.unanswered[at].left == 0 {
            self.unanswered.remove(at);
        }
    }

    /// The oldest command about this slot has been refused: nothing of it is awaited any more. Whether these were the last of
    /// the first subscriptions.
    fn refused(&mut self, slot: u16) -> bool {
        let at = self.unanswered.iter().position(|command| command.slot == slot);
        let Some(SlotCommand { subscribes: true, left, .. }) = at.and_then(|at| self.unanswered.remove(at)) else {
            return false;
        };
        self.confirmed += left as u64;
        // As long as some of the first subscriptions are awaited, the oldest command is one of them.
        match &mut self.joined {
            Joined::Awaiting { left: awaited, .. } if *awaited > 0 => {
                *awaited = awaited.saturating_sub(left);
                *awaited == 0
            }
            Joined::Awaiting { .. } | Joined::Yes => false,
        }
    }

    fn is_joined(&self) -> bool {
        matches!(self.joined, Joined::Yes)
    }

    /// Whether a command about this slot is not answered yet.
    fn awaits(&self, slot: u16) -> bool {
        self.unanswered.iter().any(|command| command.slot == slot)
    }

    /// However much is heard: only the answer tells up to when all was.
    fn ping_at(&self, times: &Times) -> Instant {
        self.pinged_at + times.ping
    }

    /// The ping is answered, and all that was rung before it was sent has been heard.
    fn ponged(&mut self) {
        self.sure_at = self.ping.take().unwrap_or(self.sure_at);
    }

    /// When an unanswered ping means that the other side is silent. A thread that was held up has not asked in time, and
    /// what it has not asked nobody can have answered.
    fn silent_at(&self, times: &Times) -> Option<Instant> {
        Some(self.asked_at? + times.silence.saturating_sub(times.ping))
    }
}

enum Joined {
    /// So many of the first subscriptions are not confirmed yet; what follows `after` them.
    Awaiting {
        left: usize,
        after: After,
    },
    Yes,
}

/// Whether anything can have been missed before the first subscriptions were confirmed.
#[derive(Clone, Copy)]
enum After {
    Nothing,
    Resync,
}

impl SubscriberState {
    /// A link that wants to be opened at once.
    pub(super) fn new(
        caller: Caller,
        subscriptions: Arc<Subscriptions>,
        nodes: Arc<Nodes>,
        times: Times,
        now: Instant,
    ) -> Self {
        Self {
            backoff: Backoff::new(times.backoff_first, times.backoff_most, caller.node.0),
            standing: vec![RedisChannel::Nodes, RedisChannel::Node(caller.node), RedisChannel::Of(Channel::All)],
            caller,
            subscriptions,
            nodes,
            times,
            phase: Phase::Resting { until: now },
            has_been_up: false,
            missing: Missing::Since(now),
            earlier: None,
            effects: Vec::new(),
        }
    }

    /// Of what every node is subscribed to this link is the way to these, from the next connection on. Whether that is new to
    /// it.
    pub(super) fn stands_for(&mut self, standing: Vec<RedisChannel>) -> bool {
        let is_new = self.standing != standing;
        self.standing = standing;
        is_new
    }

    /// This link takes the place of another one: what came before the first connection was missed.
    pub(super) fn succeeds(&mut self) {
        self.has_been_up = true;
        self.missing = Missing::Unknown;
    }

    /// The next connection is to another server than the last one: others may have left that one long ago.
    pub(super) fn goes_elsewhere(&mut self) {
        self.missing = Missing::Unknown;
    }

    /// Whether nodes speak of themselves by this link.
    pub(super) fn hears_nodes(&self) -> bool {
        self.standing.contains(&RedisChannel::Nodes)
    }

    /// Whether a connection that was asked for is awaited.
    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Connecting)
    }

    /// These slots have another server now, and this link is the way to it.
    pub(super) fn arrived(&mut self, slots: SlotSet) {
        // A connection that is to come misses nothing of them that is not looked for anyway.
        if let Phase::Connected(session) = &mut self.phase {
            session.arrivals.push((slots, None));
        }
    }

    /// What is to be done now, in order.
    pub(super) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When [`SubscriberState::tick`] has something to do next; `None`: not before another event.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Resting { until } => Some(*until),
            Phase::Connecting => None,
            Phase::Connected(session) => {
                let ping = session.ping_at(&self.times);
                let due = session.silent_at(&self.times).map_or(ping, |at| ping.min(at));
                Some(session.resync_at.map_or(due, |at| due.min(at)))
            }
        }
    }

    /// The other nodes are known since the link came up: what was missed can be looked for.
    pub(super) fn introduced(&mut self) {
        if let Phase::Connected(session) = &mut self.phase
            && session.resync_at.take().is_some()
        {
            self.effects.push(Effect::Missed(self.missing.take()));
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Phase::Connected(Session { resync_at: Some(at), .. }) = self.phase
            && at <= now
        {
            self.introduced();
        }
        match &mut self.phase {
            Phase::Resting { until } if *until <= now => {
                self.phase = Phase::Connecting;
                self.subscriptions.connecting();
                self.effects.push(Effect::Connect);
            }
            Phase::Resting { .. } | Phase::Connecting => {}
            Phase::Connected(session) => {
                if session.silent_at(&self.times).is_some_and(|at| at <= now) {
                    self.lost(now, "it has fallen silent");
                } else if session.ping_at(&self.times) <= now {
                    session.pinged_at = now;
                    session.asked_at.get_or_insert(now);
                    if session.ping.is_none() {
                        session.ping = Some(now);
                        self.effects.push(Effect::Send(packed(&["PING"])));
                    }
                }
            }
        }
    }

    /// The connection that was asked for is open, and comes from `local`, if it has an address at all.
    pub(super) fn connected(&mut self, local: Option<SocketAddr>, now: Instant) {
        let mut greeting = self.caller.greeting.clone();
        let earlier = std::mem::replace(&mut self.earlier, local);
        if let Some(earlier) = earlier.filter(|_| earlier != local) {
            greeting.end_ghost(earlier);
        }
        let channels = self.subscriptions.connected();
        let missed = self.has_been_up || !channels.is_empty();
        let topics: Vec<_> = self.standing.iter().copied().chain(channels.into_iter().map(RedisChannel::Of)).collect();
        let mut out = greeting.bytes;
        let by_slot = self.caller.order(&mut out, self.caller.words.subscribe(), &topics);
        let commands = by_slot.into_iter().map(|(slot, left)| SlotCommand { slot, subscribes: true, left });
        self.effects.push(Effect::Send(out));
        self.phase = Phase::Connected(Session {
            greeting_left: greeting.words.len(),
            wishes: greeting.wishes,
            joined: Joined::Awaiting { left: topics.len(), after: if missed { After::Resync } else { After::Nothing } },
            resync_at: None,
            ordered: topics.len() as u64,
            confirmed: 0,
            arrivals: Vec::new(),
            unanswered: commands.collect(),
            pinged_at: now,
            asked_at: None,
            ping: None,
            sure_at: now,
        });
    }

    /// The connection could not be opened, or has ended.
    pub(super) fn failed(&mut self, now: Instant, why: &str) {
        match self.phase {
            Phase::Resting { .. } => {}
            Phase::Connecting | Phase::Connected(_) => self.lost(now, why),
        }
    }

    /// Another server is the one to speak with: neither this connection nor the wait for the next is of any use.
    pub(super) fn moved(&mut self, now: Instant) {
        self.failed(now, "another server is to be spoken with now");
        self.goes_elsewhere();
        // Where the last connection came from means nothing to another server.
        self.earlier = None;
        self.backoff.reset();
        self.phase = Phase::Resting { until: now };
    }

    /// Subscriptions may have changed, and there is room to send orders about them.
    pub(super) fn order(&mut self) {
        let Phase::Connected(session) = &mut self.phase else { return };
        let orders = self.subscriptions.take_orders(ORDERS_CHANNELS_MAX);
        session.ordered += orders.subscribe.len() as u64;
        if !session.arrivals.is_empty() && self.subscriptions.is_told() {
            let ordered = session.ordered;
            session.arrivals.iter_mut().for_each(|(_, up_to)| *up_to = up_to.or(Some(ordered)));
            self.arrive();
        }
        if orders.is_empty() {
            return;
        }
        let Phase::Connected(session) = &mut self.phase else { return };
        let topics = |channels: Vec<Channel>| channels.into_iter().map(RedisChannel::Of).collect::<Vec<_>>();
        let (mut out, words) = (Vec::new(), self.caller.words);
        for (subscribes, channels) in [(true, orders.subscribe), (false, orders.unsubscribe)] {
            let word = if subscribes { words.subscribe() } else { words.unsubscribe() };
            let by_slot = self.caller.order(&mut out, word, &topics(channels));
            session.unanswered.extend(by_slot.into_iter().map(|(slot, left)| SlotCommand { slot, subscribes, left }));
        }
        self.effects.push(Effect::Send(out));
    }

    /// Tells of the slots whose channels are all subscribed here by now.
    fn arrive(&mut self) {
        let Phase::Connected(session) = &mut self.phase else { return };
        let confirmed = session.confirmed;
        for (slots, up_to) in std::mem::take(&mut session.arrivals) {
            if up_to.is_some_and(|up_to| up_to <= confirmed) {
                // Others have spoken with the other server for a while.
                self.effects.push(Effect::MissedIn(slots, "slots of Redis have moved", None));
            } else {
                session.arrivals.push((slots, up_to));
            }
        }
    }

    /// Redis has sent something, whatever it is.
    pub(super) fn alive(&mut self) {
        self.subscriptions.heard();
        if let Phase::Connected(session) = &mut self.phase {
            session.asked_at = None;
        }
    }

    /// Whether the next [`SubscriberState::tick`] would find that Redis has fallen silent: read what waits before it.
    pub(super) fn seems_silent(&self, now: Instant) -> bool {
        let Phase::Connected(session) = &self.phase else { return false };
        session.silent_at(&self.times).is_some_and(|at| at <= now)
    }

    /// One frame of what Redis has sent. The bell, if it is one for the listener.
    pub(super) fn frame<'a>(&mut self, frame: Frame<'a>, now: Instant) -> Option<ReceivedBell<'a>> {
        let Phase::Connected(session) = &mut self.phase else { return None };
        match frame {
            Frame::Push([Item::Text(b"message" | b"smessage"), Item::Text(topic), Item::Text(message)]) => {
                return self.message(topic, message);
            }
            Frame::Push([Item::Text(b"subscribe" | b"unsubscribe" | b"ssubscribe"), Item::Text(topic), _]) => {
                self.confirmed(topic, now);
            }
            Frame::Push([Item::Text(b"sunsubscribe"), Item::Text(topic), _]) => self.ended(topic, now),
            Frame::Push([Item::Text(b"pong"), ..]) => session.ponged(),
            Frame::Push(_) => {}
            // What is subscribed to nothing answers a ping like any other command.
            Frame::Done if session.greeting_left == 0 => session.ponged(),
            Frame::Done => self.greeted(now),
            Frame::Refused(_) if (1..=session.wishes).contains(&session.greeting_left) => self.greeted(now),
            Frame::Refused(why) => match moved_slot(why) {
                // Without what every node is subscribed to a link does not come up.
                Some(slot) if session.is_joined() || (session.awaits(slot) && !self.stands_in(slot)) => {
                    self.refused(slot, now);
                }
                _ => self.lost(now, &String::from_utf8_lossy(why)),
            },
        }
        None
    }

    fn message<'a>(&mut self, topic: &[u8], message: &'a [u8]) -> Option<ReceivedBell<'a>> {
        let (from, payload) = channels::split_sender(message)?;
        if from == self.caller.node {
            return None;
        }
        match self.caller.names.parse(topic)? {
            RedisChannel::Of(channel) => return Some(ReceivedBell { channel, payload }),
            RedisChannel::Node(_) | RedisChannel::NodesOfBefore => {}
            RedisChannel::Nodes => self.node_said(from, payload),
        }
        None
    }

    fn node_said(&mut self, from: NodeId, text: &[u8]) {
        if let Some(which) = text.strip_prefix(LOST_SOME) {
            let lost = Lost::parse(which).unwrap_or_default();
            self.nodes.heard_of_loss(from, lost.number);
            self.lost_some(lost);
        } else if let Some(lost) = text.strip_prefix(LOST_BEFORE).and_then(Lost::parse) {
            if self.nodes.heard_of_loss(from, lost.number) {
                self.lost_some(lost);
            }
        } else if let Some(word) = NodeWord::parse(text) {
            self.told_by(from, word);
        }
    }

    /// When what is heard now was said at the earliest: it was published behind the last ping that was answered.
    fn said_at(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Connected(session) => Some(session.sure_at),
            Phase::Resting { .. } | Phase::Connecting => None,
        }
    }

    /// Another node has lost bells.
    fn lost_some(&mut self, Lost { slots, lately, .. }: Lost) {
        let since = self.said_at().zip(lately).and_then(|(said_at, lately)| said_at.checked_sub(lately));
        self.effects.push(match slots {
            Some(slots) => Effect::MissedIn(slots, LOST, since),
            None => Effect::Resync(LOST, since),
        });
    }

    fn heard(&mut self, node: NodeId) {
        if let Some(at) = self.said_at()
            && self.nodes.heard(node, at)
        {
            self.effects.push(Effect::Met(node));
        }
    }

    fn told_by(&mut self, node: NodeId, word: NodeWord) {
        match word {
            NodeWord::Here => self.heard(node),
            NodeWord::Who => {
                self.heard(node);
                self.effects.push(Effect::Asked);
            }
            NodeWord::Lost => self.lost_some(Lost::default()),
            NodeWord::Bye => {
                let alive_at = self.nodes.left(node);
                if alive_at.is_some() {
                    log::info!("node {node} has left");
                }
                self.effects.push(Effect::Resync("another node has left", alive_at));
            }
        }
    }

    fn confirmed(&mut self, topic: &[u8], now: Instant) {
        if let Some(RedisChannel::Of(channel)) = self.caller.names.parse(topic) {
            self.subscriptions.confirmed(channel);
        }
        let Phase::Connected(session) = &mut self.phase else { return };
        session.confirmed += 1;
        session.answered(true, topic);
        let Joined::Awaiting { left, .. } = &mut session.joined else { return self.arrive() };
        // Confirmations come in the order of the commands, so the first ones are those of the first subscriptions.
        *left -= 1;
        if *left == 0 {
            self.joined(now);
        }
    }

    /// The server has answered to a command of the greeting, or to a ping.
    fn greeted(&mut self, now: Instant) {
        let Phase::Connected(session) = &mut self.phase else { return };
        session.greeting_left = session.greeting_left.saturating_sub(1);
        if session.greeting_left == 0 && matches!(session.joined, Joined::Awaiting { left: 0, .. }) {
            // There was nothing to subscribe to.
            self.joined(now);
        }
    }

    /// A server of a Redis Cluster says that a subscription has ended: as it was told, or by itself.
    fn ended(&mut self, topic: &[u8], now: Instant) {
        let Phase::Connected(session) = &mut self.phase else { return };
        let name = topic;
        match self.caller.names.parse(topic) {
            // What every node is subscribed to is never taken back.
            Some(topic) if self.standing.contains(&topic) => self.lost(now, "a slot of Redis has moved"),
            Some(RedisChannel::Of(channel)) => match self.subscriptions.ended(channel) {
                Ended::AsTold => session.answered(false, name),
                Ended::ByServer => self.effects.push(Effect::SlotMoved),
                Ended::Unclear => self.lost(now, "a slot of Redis has moved while it was subscribed to"),
            },
            _ => {}
        }
    }

    /// A server of a Redis Cluster has refused a command, for the slot is not there any more.
    fn refused(&mut self, slot: u16, now: Instant) {
        let Phase::Connected(session) = &mut self.phase else { return };
        let was_last = session.refused(slot);
        let names = &self.caller.names;
        let mut name = String::new();
        self.subscriptions.refused(|channel| slot_of(names.write(RedisChannel::Of(channel), &mut name)) == slot);
        self.effects.push(Effect::SlotMoved);
        if was_last {
            self.joined(now);
        }
        self.arrive();
    }

    /// Whether something that every node is subscribed to is in this slot, and this link is the way to it.
    fn stands_in(&self, slot: u16) -> bool {
        let (names, mut name) = (&self.caller.names, String::new());
        self.standing.iter().any(|topic| slot_of(names.write(*topic, &mut name)) == slot)
    }

    fn joined(&mut self, now: Instant) {
        let Phase::Connected(session) = &mut self.phase else { return };
        match session.joined {
            Joined::Awaiting { after: After::Resync, .. } => {
                session.resync_at = Some(now + 2 * self.times.introduce);
            }
            Joined::Awaiting { after: After::Nothing, .. } | Joined::Yes => self.missing = Missing::Nothing,
        }
        session.joined = Joined::Yes;
        self.has_been_up = true;
        self.backoff.reset();
        self.effects.push(Effect::Up);
    }

    fn lost(&mut self, now: Instant, why: &str) {
        if let Phase::Connected(Session { joined: Joined::Yes, sure_at, .. }) = self.phase {
            self.effects.push(Effect::Down);
            // What was missed before and is not told yet was missed earlier. Another node may say meanwhile what it has lost, since
            // before it fell silent.
            if self.missing == Missing::Nothing {
                let all_alive_at = self.nodes.all_alive_at().unwrap_or(sure_at);
                self.missing = Missing::Since(sure_at.min(all_alive_at));
            }
        }
        self.subscriptions.cut_off();
        self.phase = Phase::Resting { until: now + self.backoff.failed() };
        self.effects.push(Effect::Close(why.to_owned()));
    }
}

/// Why all sessions, or some, are compared when another node says so.
const LOST: &str = "another node has lost bells";

impl Caller {
    /// Appends commands about `topics`, each about at most [`COMMAND_CHANNELS_MAX`]. For a cluster, the slot of each command
    /// and how many channels it has.
    fn order(&self, out: &mut Vec<u8>, command: &str, topics: &[RedisChannel]) -> Vec<(u16, usize)> {
        match self.words {
            Words::Plain => {
                self.order_some(out, command, topics);
                Vec::new()
            }
            Words::Sharded => {
                let mut by_slot: BTreeMap<u16, Vec<RedisChannel>> = BTreeMap::new();
                let mut name = String::new();
                for topic in topics {
                    by_slot.entry(slot_of(self.names.write(*topic, &mut name))).or_default().push(*topic);
                }
                let mut commands = Vec::with_capacity(by_slot.len());
                for (slot, topics) in by_slot {
                    self.order_some(out, command, &topics);
                    commands.extend(topics.chunks(COMMAND_CHANNELS_MAX).map(|some| (slot, some.len())));
                }
                commands
            }
        }
    }

    fn order_some(&self, out: &mut Vec<u8>, command: &str, topics: &[RedisChannel]) {
        let mut name = String::new();
        for some in topics.chunks(COMMAND_CHANNELS_MAX) {
            let mut packed = redis::cmd(command);
            for topic in some {
                packed.arg(self.names.write(*topic, &mut name));
            }
            packed.write_packed_command(out);
        }
    }
}

/// The slot that is elsewhere, if a server says so: `MOVED 3999 127.0.0.1:6381`.
fn moved_slot(refusal: &[u8]) -> Option<u16> {
    std::str::from_utf8(refusal).ok()?.strip_prefix("MOVED ")?.split(' ').next()?.parse().ok()
}

fn packed(words: &[&str]) -> Vec<u8> {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.get_packed_command()
}

#[cfg(test)]
#[path = "subscriber_state_tests.rs"]
mod tests;
