//! The subscriber's connection as a state machine: events and the time in, effects out. No socket, thread or clock.
//!
//! ```text
//!             due             connected                all confirmed
//!   Resting ------> Connecting ------> Joining ------------------------> Up
//!      ^                |                 |                              |
//!      +----------------+-----------------+------------------------------+
//!        failed; refused; garbage; silent for too long: back-off, everything is subscribed again
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::address::Greeting;
use super::backoff::Backoff;
use super::channels::{self, Names, NodeWord, RedisChannel};
use super::nodes::Nodes;
use super::resp::{Frame, Item};
use super::subscriptions::Subscriptions;
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
    /// Tell the listener that bells may have been lost.
    Resync(&'static str),
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
    /// Where the last connection came from.
    earlier: Option<SocketAddr>,
    effects: Vec<Effect>,
}

/// Who opens the link, and what it says first.
pub(super) struct Caller {
    pub(super) node: NodeId,
    pub(super) names: Names,
    pub(super) greeting: Greeting,
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
    heard_at: Instant,
    pinged_at: Instant,
    /// When it was pinged first since it was heard: only a link that was asked can be silent.
    asked_at: Option<Instant>,
}

impl Session {
    fn ping_at(&self, times: &Times) -> Instant {
        self.heard_at.max(self.pinged_at) + times.ping
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
            caller,
            subscriptions,
            nodes,
            times,
            phase: Phase::Resting { until: now },
            has_been_up: false,
            earlier: None,
            effects: Vec::new(),
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
            self.effects.push(Effect::Resync("the bus was away"));
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
                    self.effects.push(Effect::Send(packed(&["PING"])));
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
        let topics = [RedisChannel::Nodes, RedisChannel::Node(self.caller.node), RedisChannel::Of(Channel::All)];
        let topics: Vec<_> = topics.into_iter().chain(channels.into_iter().map(RedisChannel::Of)).collect();
        let mut out = greeting.bytes;
        order(&self.caller.names, &mut out, "SUBSCRIBE", &topics);
        self.effects.push(Effect::Send(out));
        self.phase = Phase::Connected(Session {
            greeting_left: greeting.words.len(),
            wishes: greeting.wishes,
            joined: Joined::Awaiting { left: topics.len(), after: if missed { After::Resync } else { After::Nothing } },
            resync_at: None,
            heard_at: now,
            pinged_at: now,
            asked_at: None,
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
        self.failed(now, "the master is another server now");
        // Where the last connection came from means nothing to another server.
        self.earlier = None;
        self.backoff.reset();
        self.phase = Phase::Resting { until: now };
    }

    /// Subscriptions may have changed, and there is room to send orders about them.
    pub(super) fn order(&mut self) {
        if !matches!(self.phase, Phase::Connected(_)) {
            return;
        }
        let orders = self.subscriptions.take_orders(ORDERS_CHANNELS_MAX);
        if orders.is_empty() {
            return;
        }
        let topics = |channels: Vec<Channel>| channels.into_iter().map(RedisChannel::Of).collect::<Vec<_>>();
        let mut out = Vec::new();
        order(&self.caller.names, &mut out, "SUBSCRIBE", &topics(orders.subscribe));
        order(&self.caller.names, &mut out, "UNSUBSCRIBE", &topics(orders.unsubscribe));
        self.effects.push(Effect::Send(out));
    }

    /// Redis has sent something, whatever it is.
    pub(super) fn alive(&mut self, now: Instant) {
        self.subscriptions.heard();
        if let Phase::Connected(session) = &mut self.phase {
            session.heard_at = now;
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
            Frame::Push([Item::Text(b"message"), Item::Text(topic), Item::Text(message)]) => {
                return self.message(topic, message);
            }
            Frame::Push([Item::Text(b"subscribe" | b"unsubscribe"), Item::Text(topic), _]) => {
                self.confirmed(topic, now);
            }
            Frame::Push(_) => {}
            Frame::Done => session.greeting_left = session.greeting_left.saturating_sub(1),
            Frame::Refused(_) if (1..=session.wishes).contains(&session.greeting_left) => session.greeting_left -= 1,
            Frame::Refused(why) => self.lost(now, &String::from_utf8_lossy(why)),
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
            RedisChannel::Nodes => self.told_by(from, NodeWord::parse(payload)?),
        }
        None
    }

    fn heard(&mut self, node: NodeId) {
        if self.nodes.heard(node) {
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
            NodeWord::Lost => self.effects.push(Effect::Resync("another node has lost bells")),
            NodeWord::Bye => {
                if self.nodes.left(node) {
                    log::info!("node {node} has left");
                }
                self.effects.push(Effect::Resync("another node has left"));
            }
        }
    }

    fn confirmed(&mut self, topic: &[u8], now: Instant) {
        if let Some(RedisChannel::Of(channel)) = self.caller.names.parse(topic) {
            self.subscriptions.confirmed(channel);
        }
        let Phase::Connected(session) = &mut self.phase else { return };
        let Joined::Awaiting { left, after } = &mut session.joined else { return };
        // Confirmations come in the order of the commands, so the first ones are those of the first subscriptions.
        *left -= 1;
        if *left > 0 {
            return;
        }
        if let After::Resync = after {
            session.resync_at = Some(now + 2 * self.times.introduce);
        }
        session.joined = Joined::Yes;
        self.has_been_up = true;
        self.backoff.reset();
        self.effects.push(Effect::Up);
    }

    fn lost(&mut self, now: Instant, why: &str) {
        if let Phase::Connected(Session { joined: Joined::Yes, .. }) = self.phase {
            self.effects.push(Effect::Down);
        }
        self.subscriptions.cut_off();
        self.phase = Phase::Resting { until: now + self.backoff.failed() };
        self.effects.push(Effect::Close(why.to_owned()));
    }
}

/// Appends commands about `topics`, each about at most [`COMMAND_CHANNELS_MAX`].
fn order(names: &Names, out: &mut Vec<u8>, command: &str, topics: &[RedisChannel]) {
    let mut name = String::new();
    for some in topics.chunks(COMMAND_CHANNELS_MAX) {
        let mut packed = redis::cmd(command);
        for topic in some {
            packed.arg(names.write(*topic, &mut name));
        }
        packed.write_packed_command(out);
    }
}

fn packed(words: &[&str]) -> Vec<u8> {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.get_packed_command()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::address::Address;
    use super::*;
    use crate::ids::UserId;

    /// A link, its clock, and what a test says to it.
    struct Scene {
        link: SubscriberState,
        subscriptions: Arc<Subscriptions>,
        nodes: Arc<Nodes>,
        now: Instant,
        /// Where the last connection came from.
        port: u16,
    }

    const ME: NodeId = NodeId(1);

    fn names() -> Names {
        Names::new("a1")
    }

    fn user(number: i64) -> Channel {
        Channel::User(UserId::new(number).unwrap())
    }

    impl Scene {
        #[expect(clippy::disallowed_methods, reason = "any moment will do to start from")]
        fn new(url: &str) -> Self {
            let (subscriptions, nodes, now) =
                (Arc::new(Subscriptions::new(Arc::default())), Arc::new(Nodes::default()), Instant::now());
            let greeting = Address::parse(url.into()).unwrap().greeting("test");
            let link = SubscriberState::new(
                Caller { node: ME, names: names(), greeting },
                Arc::clone(&subscriptions),
                Arc::clone(&nodes),
                Times::default(),
                now,
            );
            Self { link, subscriptions, nodes, now, port: 5000 }
        }

        fn pass(&mut self, time: Duration) -> Vec<Effect> {
            self.now += time;
            self.link.tick(self.now);
            self.link.effects()
        }

        /// Connects, and answers the greeting of a server without a password.
        fn connect(&mut self) -> String {
            assert_eq!(self.pass(Duration::from_secs(3)), [Effect::Connect]);
            self.port += 1;
            self.link.connected(Some(([127, 0, 0, 1], self.port).into()), self.now);
            let sent = self.sent();
            for _ in 0..sent.matches("CLIENT").count() {
                self.link.frame(Frame::Done, self.now);
            }
            sent
        }

        fn sent(&mut self) -> String {
            let effects = self.link.effects();
            let [Effect::Send(bytes)] = effects.as_slice() else { panic!("{effects:?}") };
            String::from_utf8(bytes.clone()).unwrap()
        }

        fn confirm(&mut self, topics: &[&str]) -> Vec<Effect> {
            for topic in topics {
                let topic = format!("a1:{topic}");
                let push = [Item::Text(b"subscribe"), Item::Text(topic.as_bytes()), Item::Number(1)];
                self.link.frame(Frame::Push(push), self.now);
            }
            self.link.effects()
        }

        fn hear(&mut self, topic: &str, message: &str) -> Option<String> {
            let topic = format!("a1:{topic}");
            let push = [Item::Text(b"message"), Item::Text(topic.as_bytes()), Item::Text(message.as_bytes())];
            let heard = self.link.frame(Frame::Push(push), self.now)?;
            Some(String::from_utf8_lossy(heard.payload).into_owned())
        }

        fn up(&mut self) {
            self.connect();
            assert_eq!(self.confirm(&["nodes", "n:0000000000000001", "all"]), [Effect::Up]);
        }
    }

    #[test]
    fn the_first_connection_needs_no_resync() {
        let mut scene = Scene::new("redis://h/");
        let sent = scene.connect();
        assert!(sent.contains("SETNAME") && sent.contains("SUBSCRIBE") && sent.contains("a1:nodes"), "{sent}");
        assert_eq!(scene.confirm(&["nodes"]), []);
        assert_eq!(scene.confirm(&["n:0000000000000001", "all"]), [Effect::Up]);
    }

    #[test]
    fn subscriptions_that_waited_for_the_first_connection_are_resynced() {
        let mut scene = Scene::new("redis://h/");
        let (ticket, _) = scene.subscriptions.subscribe(&[user(5)]);
        assert!(scene.connect().contains("u:5"));
        assert_eq!(scene.confirm(&["nodes", "n:0000000000000001", "all", "u:5"]), [Effect::Up]);
        scene.link.introduced();
        assert_eq!(scene.link.effects(), [Effect::Resync("the bus was away")]);
        scene.link.introduced();
        assert_eq!(scene.link.effects(), [], "once");
        assert!(ticket.wait(Duration::ZERO));
    }

    #[test]
    fn a_lost_link_backs_off_and_resyncs_when_everything_is_subscribed_again() {
        let mut scene = Scene::new("redis://h/");
        scene.up();
        let _ = scene.subscriptions.subscribe(&[user(5)]);
        scene.link.order();
        assert!(scene.sent().contains("u:5"));
        scene.link.failed(scene.now, "reset");
        assert_eq!(scene.link.effects(), [Effect::Down, Effect::Close("reset".into())]);
        assert_eq!(scene.pass(Duration::from_millis(10)), [], "not at once");
        assert_eq!(scene.pass(Duration::from_millis(50)), [Effect::Connect]);
        scene.link.failed(scene.now, "refused");
        assert_eq!(scene.link.effects(), [Effect::Close("refused".into())], "it was down already");
        assert!(scene.connect().contains("u:5"));
        assert_eq!(scene.confirm(&["nodes", "n:0000000000000001", "all"]), []);
        assert_eq!(scene.confirm(&["u:5"]), [Effect::Up]);
        let patience = 2 * Times::default().introduce;
        assert_eq!(scene.link.due(), Some(scene.now + patience));
        assert_eq!(scene.pass(patience), [Effect::Resync("the bus was away")], "introduced or not");
    }

    #[test]
    fn pings_when_it_is_quiet_and_gives_up_when_it_stays_quiet() {
        let mut scene = Scene::new("redis://h/");
        scene.up();
        assert_eq!(scene.pass(Duration::from_millis(4_999)), []);
        assert_eq!(scene.pass(Duration::from_millis(1)), [Effect::Send(b"*1\r\n$4\r\nPING\r\n".to_vec())]);
        assert_eq!(scene.pass(Duration::from_millis(4_999)), [], "one ping each five seconds");
        scene.link.alive(scene.now);
        assert_eq!(scene.pass(Duration::from_secs(5)).len(), 1, "the pong counted");
        assert_eq!(scene.link.due(), Some(scene.now + Duration::from_secs(5)));
        let effects = scene.pass(Duration::from_secs(5));
        assert_eq!(effects, [Effect::Down, Effect::Close("it has fallen silent".into())]);
    }

    #[test]
    fn who_was_not_asked_is_not_silent() {
        let mut scene = Scene::new("redis://h/");
        scene.up();
        // The thread was held up, and has not pinged in time.
        assert_eq!(scene.pass(Duration::from_secs(60)), [Effect::Send(packed(&["PING"]))]);
        assert!(!scene.link.seems_silent(scene.now));
        assert_eq!(scene.pass(Duration::from_millis(4_999)), []);
        scene.now += Duration::from_millis(1);
        assert!(scene.link.seems_silent(scene.now), "now it reads what waits");
        scene.link.alive(scene.now);
        assert_eq!(scene.pass(Duration::ZERO), [], "and something did");
    }

    #[test]
    fn silence_ends_a_connection_that_was_never_confirmed() {
        let mut scene = Scene::new("redis://h/");
        scene.connect();
        scene.pass(Duration::from_secs(5));
        assert_eq!(scene.pass(Duration::from_secs(5)), [Effect::Close("it has fallen silent".into())]);
    }

    #[test]
    fn a_refused_password_ends_the_connection_a_refused_name_does_not() {
        let mut scene = Scene::new("redis://:pw@h/");
        scene.pass(Duration::ZERO);
        scene.link.connected(Some(([127, 0, 0, 1], 1).into()), scene.now);
        scene.link.effects();
        scene.link.frame(Frame::Refused(b"WRONGPASS"), scene.now);
        assert_eq!(scene.link.effects(), [Effect::Close("WRONGPASS".into())]);
        scene.pass(Duration::from_secs(3));
        scene.link.connected(Some(([127, 0, 0, 1], 2).into()), scene.now);
        scene.link.effects();
        scene.link.frame(Frame::Done, scene.now); // AUTH
        for _wish in ["the name", "the end of the earlier connection"] {
            scene.link.frame(Frame::Refused(b"NOPERM"), scene.now);
            assert_eq!(scene.link.effects(), []);
        }
        scene.link.frame(Frame::Refused(b"NOPERM"), scene.now);
        assert_eq!(scene.link.effects(), [Effect::Close("NOPERM".into())]);
    }

    #[test]
    fn a_new_connection_ends_the_ghost_of_the_last_one() {
        let mut scene = Scene::new("redis://h/");
        assert!(!scene.connect().contains("KILL"));
        scene.link.failed(scene.now, "timed out");
        scene.link.effects();
        let again = scene.connect();
        assert!(again.contains("KILL\r\n$4\r\nADDR\r\n$14\r\n127.0.0.1:5001\r\n"), "{again}");
    }

    #[test]
    fn a_server_that_is_the_wrong_one_is_left_at_once_and_what_it_brought_is_resynced() {
        let mut scene = Scene::new("redis://h/");
        scene.up();
        scene.link.moved(scene.now);
        let why = "the master is another server now";
        assert_eq!(scene.link.effects(), [Effect::Down, Effect::Close(why.into())]);
        assert!(!scene.connect().contains("KILL"), "the other server has no ghost of it");
        assert_eq!(scene.confirm(&["nodes", "n:0000000000000001", "all"]), [Effect::Up]);
        scene.link.introduced();
        assert_eq!(scene.link.effects(), [Effect::Resync("the bus was away")]);
        scene.link.failed(scene.now, "reset");
        scene.link.effects();
        scene.link.moved(scene.now);
        assert_eq!(scene.pass(Duration::ZERO), [Effect::Connect], "no back-off is waited for");
    }

    #[test]
    fn own_bells_and_foreign_messages_are_not_heard() {
        let mut scene = Scene::new("redis://h/");
        scene.up();
        assert_eq!(scene.hear("u:5", "0000000000000002 hello"), Some("hello".into()));
        assert_eq!(scene.hear("u:5", "0000000000000001 hello"), None);
        assert_eq!(scene.hear("u:5", "hello"), None);
        assert_eq!(scene.hear("x", "0000000000000002 hello"), None);
    }

    #[test]
    fn what_nodes_say_is_acted_upon() {
        let mut scene = Scene::new("redis://h/");
        scene.up();
        scene.hear("nodes", "0000000000000002 here");
        scene.hear("nodes", "0000000000000001 here");
        scene.hear("nodes", "0000000000000002 something new");
        assert_eq!(scene.nodes.known(), [NodeId(2)]);
        assert_eq!(scene.link.effects(), [Effect::Met(NodeId(2))], "once");
        scene.hear("nodes", "0000000000000003 who");
        assert_eq!(scene.link.effects(), [Effect::Met(NodeId(3)), Effect::Asked]);
        assert_eq!(scene.nodes.known().len(), 2, "who asks is here");
        scene.hear("nodes", "0000000000000003 bye");
        assert_eq!(scene.link.effects(), [Effect::Resync("another node has left")]);
        scene.hear("nodes", "0000000000000002 lost");
        assert_eq!(scene.link.effects(), [Effect::Resync("another node has lost bells")]);
        scene.hear("nodes", "0000000000000002 bye");
        assert_eq!(scene.link.effects(), [Effect::Resync("another node has left")]);
        assert_eq!(scene.nodes.known(), []);
    }

    #[test]
    fn many_channels_go_in_commands_of_256() {
        let mut out = Vec::new();
        order(&names(), &mut out, "SUBSCRIBE", &vec![RedisChannel::Nodes; 600]);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("SUBSCRIBE").count(), 3);
        assert_eq!(text.matches("*257\r\n").count(), 2);
    }
}
