//! What every bus promises, on the local one, on one Redis, behind sentinels, and on a Redis Cluster; and what it does when Redis fails.
#![allow(unreachable_pub, reason = "the modules of a test have no outside")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests wait for real servers")]

#[path = "../common/mod.rs"]
mod common;

mod sentinels;
mod shards;
mod speed;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::certificates::Ca;
use common::process::{PATIENCE, wait_for};
use common::redis::{AnyRedis, Reach, Redis, Way};
use stonechat::bus::local::LocalBus;
use stonechat::bus::redis::{RedisBus, Times};
use stonechat::bus::{Answer, Bell, Bus, Channel, LinkState, Listener, Part, ReceivedBell};
use stonechat::ids::{GroupId, NodeId, UserId};
use stonechat::metrics::Metrics;

/// Remembers what it was told.
#[derive(Default)]
struct BusListener {
    heard: Mutex<Vec<(Channel, Vec<u8>)>>,
    /// Of everything, and of a part of a cluster.
    resyncs: Mutex<Vec<&'static str>>,
    /// Since when, of each of everything.
    since: Mutex<Vec<Option<Instant>>>,
    parts: Mutex<Vec<(&'static str, Part)>>,
}

impl Listener for BusListener {
    fn bells(&self, bells: &[ReceivedBell<'_>]) {
        let mut heard = self.heard.lock().unwrap();
        heard.extend(bells.iter().map(|bell| (bell.channel, bell.payload.to_vec())));
    }

    fn resync(&self, why: &'static str, since: Option<Instant>) {
        self.resyncs.lock().unwrap().push(why);
        self.since.lock().unwrap().push(since);
    }

    fn resync_part(&self, why: &'static str, part: &Part, _since: Option<Instant>) {
        self.parts.lock().unwrap().push((why, part.clone()));
    }
}

/// Is held up by the first bell it hears, as by a full mailbox.
struct HeldUp {
    first: Mutex<Option<Duration>>,
    ear: BusListener,
}

impl Listener for HeldUp {
    fn bells(&self, bells: &[ReceivedBell<'_>]) {
        let hold_up = self.first.lock().unwrap().take();
        hold_up.into_iter().for_each(std::thread::sleep);
        self.ear.bells(bells);
    }

    fn resync(&self, why: &'static str, since: Option<Instant>) {
        self.ear.resync(why, since);
    }
}

impl BusListener {
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|(_, payload)| String::from_utf8_lossy(payload).into_owned()).collect()
    }

    fn resyncs(&self, why: &str) -> usize {
        self.resyncs.lock().unwrap().iter().filter(|told| **told == why).count()
    }

    /// Of everything, or of a part.
    fn wait_for_resync(&self, why: &'static str) {
        let of_a_part = || self.parts.lock().unwrap().iter().any(|(told, _)| *told == why);
        wait_for(why, || (self.resyncs(why) > 0 || of_a_part()).then_some(()));
    }
}

/// A node's bus on Redis.
struct Node {
    bus: RedisBus,
    ear: Arc<BusListener>,
    metrics: Arc<Metrics>,
}

const IDENTITY: &str = "0123456789abcdef0123456789abcdef";
/// The name of a channel of that installation.
fn of(channel: &str) -> String {
    format!("{IDENTITY}:{channel}")
}

const AWAY: &str = "the bus was away";
const LOST: &str = "another node has lost bells";
const GONE: &str = "another node has gone";
const LEFT: &str = "another node has left";

/// Waits short enough for a test, long enough for a busy machine.
fn brisk() -> Times {
    Times { watch: Duration::from_millis(200), ..Times::default() }
}

impl Node {
    /// A node that is connected.
    fn up(way: &Way, id: u64) -> Self {
        let node = Self::start(way, id, brisk());
        node.wait_for_link(LinkState::Up);
        node
    }

    fn start(way: &Way, id: u64, times: Times) -> Self {
        Self::of(IDENTITY, way, id, times)
    }

    /// A node of the installation with this identity.
    fn of(identity: &str, way: &Way, id: u64, times: Times) -> Self {
        let (ear, metrics) = (Arc::new(BusListener::default()), Arc::new(Metrics::new()));
        let bus = RedisBus::with_times(way.backend(), NodeId(id), identity, Arc::clone(&metrics), times).unwrap();
        bus.start(Arc::clone(&ear) as Arc<dyn Listener>).unwrap();
        Self { bus, ear, metrics }
    }

    fn wait_for_link(&self, state: LinkState) {
        wait_for("the link's state", || (self.bus.link() == state).then_some(()));
    }

    /// Waits until the link is down, or has been: behind sentinels another server may be there in a moment.
    fn wait_until_down(&self) {
        let is_down = || self.bus.link() == LinkState::Down || self.metrics.bus_reconnects.get() > 0;
        wait_for("the link to be given up", || is_down().then_some(()));
    }

    /// What the bus says about these channels.
    fn ask(&self, channels: &[Channel]) -> Answer {
        self.bus.ask(channels).wait(PATIENCE).expect("an answer")
    }

    fn elsewhere(&self, channels: &[Channel]) -> Vec<u64> {
        elsewhere(&self.bus, channels)
    }

    fn subscribe(&self, channel: Channel) {
        assert!(self.bus.subscribe(&[channel]).wait(PATIENCE));
    }

    fn ring(&self, channel: Channel, texts: impl IntoIterator<Item = String>) {
        self.bus.publish(texts.into_iter().map(|text| Bell { channel, payload: Bytes::from(text) }).collect());
    }

    /// Rings and waits until `other`, which is subscribed, has heard this very bell.
    fn reaches(&self, other: &Self, channel: Channel, text: &str) {
        wait_for("a bell to arrive", || {
            self.ring(channel, [text.to_owned()]);
            other.ear.heard().iter().any(|heard| heard == text).then_some(())
        });
    }
}

/// How many other nodes are subscribed to these channels.
fn elsewhere(bus: &dyn Bus, channels: &[Channel]) -> Vec<u64> {
    bus.ask(channels).wait(PATIENCE).expect("an answer").expect("the bus is there").to_vec()
}

fn user(number: i64) -> Channel {
    Channel::User(UserId::new(number).unwrap())
}

fn group(number: i64) -> Channel {
    Channel::Group(GroupId::new(number).unwrap())
}

/// The part of the contract that needs no second node.
fn a_lone_node(bus: &dyn Bus) {
    assert_eq!(bus.node(), NodeId(1));
    assert_eq!(bus.link(), LinkState::Up);
    let all = [user(1), group(1), Channel::Token(1)];
    assert!(bus.subscribe(&all).wait(PATIENCE));
    assert!(bus.subscribe(&[user(1)]).wait(PATIENCE));
    assert!(bus.subscribe(&[]).wait(PATIENCE));
    assert_eq!(elsewhere(bus, &all), [0, 0, 0], "it does not count itself");
    assert_eq!(elsewhere(bus, &[]), [] as [u64; 0]);
    bus.publish(vec![Bell { channel: user(1), payload: Bytes::from_static(b"to nobody") }]);
    bus.unsubscribe(&all);
    bus.unsubscribe(&all);
    bus.stop();
    bus.stop();
}

fn by_tls() -> Reach {
    Reach::Tls(Ca::new("of the test").sign("127.0.0.1"))
}

/// These again for every way to Redis.
macro_rules! by_every_way {
    ($($test:ident,)*) => {
        mod by_tcp {
            $(#[test] fn $test() { super::$test(&mut super::Redis::start()); })*
        }
        mod by_tls {
            $(#[test] fn $test() { super::$test(&mut super::Redis::start_by(super::by_tls(), None)); })*
        }
        mod by_socket {
            use super::Reach;
            $(#[test] fn $test() { super::$test(&mut super::Redis::start_by(Reach::Socket, None)); })*
        }
        mod by_sentinels {
            use crate::common::sentinels::Sentinels;
            $(#[test] fn $test() { super::$test(&mut Sentinels::start(1)); })*
        }
        mod by_shards {
            use crate::common::shards::Shards;
            $(#[test] fn $test() { super::$test(&mut Shards::start()); })*
        }
    };
}

by_every_way! {
    the_redis_bus_keeps_the_contract_of_a_lone_node,
    bells_arrive_in_order_and_not_at_the_ringer,
    payloads_of_any_bytes_and_100_kib_come_through,
    twenty_thousand_subscriptions_are_made_counted_and_made_again,
    killed_subscriber_connections_come_back_and_resync,
    a_restart_of_redis_is_survived_and_lost_bells_are_told,
    bells_lost_by_the_publisher_alone_make_the_others_resync,
    a_frozen_redis_is_given_up_and_found_again,
    a_subscriber_that_was_held_up_longer_than_the_silence_reads_what_waits,
    a_node_that_stops_flushes_and_says_goodbye,
}

#[test]
fn the_local_bus_keeps_the_contract_of_a_lone_node() {
    a_lone_node(&LocalBus::new(NodeId(1)));
}

fn the_redis_bus_keeps_the_contract_of_a_lone_node(redis: &impl AnyRedis) {
    let node = Node::up(&redis.way(), 1);
    a_lone_node(&node.bus);
    assert!(node.ear.heard().is_empty(), "it does not hear itself");
    assert_eq!(node.bus.link(), LinkState::Down, "it was stopped");
}

fn bells_arrive_in_order_and_not_at_the_ringer(redis: &impl AnyRedis) {
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    a.subscribe(group(7));
    b.subscribe(group(7));
    let texts = |range: std::ops::Range<u32>| range.map(|n| n.to_string());
    for start in (0..5000).step_by(50) {
        a.ring(group(7), texts(start..start + 50));
    }
    wait_for("all bells", || (b.ear.heard().len() == 5000).then_some(()));
    assert_eq!(b.ear.heard(), texts(0..5000).collect::<Vec<_>>());
    b.reaches(&a, group(7), "back");
    assert!(a.ear.heard().iter().all(|text| text == "back"), "own bells are not heard");
    assert_eq!(a.metrics.bus_published.get(), 5000);
    assert_eq!(b.metrics.bus_heard.get(), 5000);
}

fn payloads_of_any_bytes_and_100_kib_come_through(redis: &impl AnyRedis) {
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    let payload: Vec<u8> = (0..100 * 1024_u32).map(|n| n.to_le_bytes()[0]).collect();
    let bells = (0..20).map(|_| Bell { channel: user(1), payload: Bytes::from(payload.clone()) }).collect();
    a.bus.publish(bells);
    wait_for("the large bells", || (b.ear.heard.lock().unwrap().len() == 20).then_some(()));
    assert!(b.ear.heard.lock().unwrap().iter().all(|(channel, heard)| *channel == user(1) && *heard == payload));
}

#[test]
fn a_subscription_lasts_as_long_as_its_last_holder() {
    let redis = Redis::start();
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    b.subscribe(user(1));
    b.bus.unsubscribe(&[user(1)]);
    assert_eq!(a.elsewhere(&[user(1)]), [1]);
    assert_eq!(b.metrics.bus_subscriptions.get(), 1);
    b.bus.unsubscribe(&[user(1)]);
    wait_for("the subscription to end", || (a.elsewhere(&[user(1)]) == [0]).then_some(()));
    assert_eq!(b.metrics.bus_subscriptions.get(), 0);
}

#[test]
fn unsubscribing_and_subscribing_in_haste_ends_subscribed() {
    let redis = Redis::start();
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    for _ in 0..500 {
        b.bus.unsubscribe(&[user(1)]);
        let _ = b.bus.subscribe(&[user(1)]);
    }
    b.bus.unsubscribe(&[user(1)]);
    b.subscribe(user(1));
    assert_eq!(a.elsewhere(&[user(1)]), [1]);
    assert_eq!(b.elsewhere(&[user(1)]), [0]);
}

#[test]
fn a_ticket_is_done_when_bells_arrive() {
    let redis = Redis::start();
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    for n in 1..200 {
        b.subscribe(user(n));
        // A raw connection answers with the number of receivers: no other way to tell "at once" from "soon".
        assert_eq!(redis.command(&["PUBLISH", &of(&format!("u:{n}")), "0000000000000001 x"]), ":1");
        assert_eq!(a.elsewhere(&[user(n)]), [1]);
    }
}

fn twenty_thousand_subscriptions_are_made_counted_and_made_again(redis: &impl AnyRedis) {
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    let channels: Vec<_> = (1..=20_000).map(user).collect();
    for some in channels.chunks(100) {
        let _ = b.bus.subscribe(some);
    }
    assert!(b.bus.subscribe(&channels).wait(PATIENCE));
    assert_eq!(a.elsewhere(&channels), vec![1; 20_000]);
    assert_eq!(b.elsewhere(&channels), vec![0; 20_000]);
    redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    b.ear.wait_for_resync(AWAY);
    a.ear.wait_for_resync(AWAY);
    assert_eq!(a.elsewhere(&channels), vec![1; 20_000]);
}

fn killed_subscriber_connections_come_back_and_resync(redis: &impl AnyRedis) {
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    b.ear.wait_for_resync(AWAY);
    a.reaches(&b, user(1), "again");
    assert_eq!(b.metrics.bus_reconnects.get(), 1);
    assert!(b.metrics.text().contains("stonechat_bus_up 1\n"));
}

fn a_restart_of_redis_is_survived_and_lost_bells_are_told(redis: &mut impl AnyRedis) {
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    redis.kill();
    a.wait_for_link(LinkState::Down);
    b.wait_for_link(LinkState::Down);
    assert!(a.ask(&[user(1)]).is_err(), "presence is unknown");
    assert!(!b.bus.subscribe(&[user(2)]).wait(Duration::from_millis(10)));
    a.ring(user(1), ["into the void".to_owned()]);
    wait_for("the drop to be counted", || (a.metrics.bus_dropped.get() > 0).then_some(()));
    redis.restart();
    b.ear.wait_for_resync(AWAY);
    b.wait_for_link(LinkState::Up);
    a.wait_for_link(LinkState::Up);
    a.reaches(&b, user(1), "again");
    a.reaches(&b, user(2), "new");
}

fn bells_lost_by_the_publisher_alone_make_the_others_resync(redis: &impl AnyRedis) {
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    // The subscribers stay up: nothing but the ringer's own word tells of the loss.
    wait_for("a bell to be lost", || {
        redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        a.ring(user(1), ["lost".to_owned()]);
        (a.metrics.bus_dropped.get() > 0).then_some(())
    });
    b.ear.wait_for_resync(LOST);
    assert_eq!(b.ear.resyncs(AWAY), 0);
    assert_eq!(a.ear.resyncs(LOST), 0, "nobody resyncs for his own bells");
}

fn a_frozen_redis_is_given_up_and_found_again(redis: &mut impl AnyRedis) {
    let times = Times { ping: Duration::from_millis(200), silence: Duration::from_secs(1), ..brisk() };
    let (a, b) = (Node::start(&redis.way(), 1, times), Node::start(&redis.way(), 2, times));
    a.wait_for_link(LinkState::Up);
    b.wait_for_link(LinkState::Up);
    b.subscribe(user(1));
    redis.signal("STOP");
    a.wait_until_down();
    b.wait_until_down();
    redis.signal("CONT");
    b.ear.wait_for_resync(AWAY);
    a.reaches(&b, user(1), "again");
}

fn a_subscriber_that_was_held_up_longer_than_the_silence_reads_what_waits(redis: &impl AnyRedis) {
    let times = Times { ping: Duration::from_millis(500), silence: Duration::from_millis(1500), ..brisk() };
    let a = Node::start(&redis.way(), 1, times);
    a.wait_for_link(LinkState::Up);
    let metrics = Arc::new(Metrics::new());
    let bus = RedisBus::with_times(redis.way().backend(), NodeId(2), IDENTITY, Arc::clone(&metrics), times).unwrap();
    let held_up = Arc::new(HeldUp { first: Mutex::new(Some(2 * times.silence)), ear: BusListener::default() });
    bus.start(Arc::clone(&held_up) as Arc<dyn Listener>).unwrap();
    wait_for("the link", || (bus.link() == LinkState::Up).then_some(()));
    assert!(bus.subscribe(&[user(1)]).wait(PATIENCE));
    a.ring(user(1), ["first".to_owned()]);
    wait_for("the listener to be held up", || held_up.first.lock().unwrap().is_none().then_some(()));
    for number in 0..100 {
        a.ring(user(1), [number.to_string()]);
    }
    wait_for("all bells", || (held_up.ear.heard().len() == 101).then_some(()));
    assert_eq!(bus.link(), LinkState::Up);
    assert_eq!(held_up.ear.resyncs(AWAY), 0, "nothing was lost");
    assert_eq!(metrics.bus_reconnects.get(), 0);
}

#[test]
fn a_quiet_link_stays_up() {
    let redis = Redis::start();
    let times = Times { ping: Duration::from_millis(100), silence: Duration::from_secs(20), ..brisk() };
    let node = Node::start(&redis.way(), 1, Times { watch: Duration::from_secs(3600), ..times });
    node.wait_for_link(LinkState::Up);
    let pings = || {
        let stats = redis.command(&["INFO", "commandstats"]);
        let after = stats.split("cmdstat_ping:calls=").nth(1)?;
        after.split(',').next()?.parse::<u32>().ok().filter(|calls| *calls >= 5)
    };
    wait_for("five pings", pings);
    assert_eq!(node.bus.link(), LinkState::Up);
    assert_eq!(node.metrics.bus_reconnects.get(), 0);
}

#[test]
fn a_node_that_dies_takes_its_presence_along_and_the_others_resync() {
    let redis = Redis::start();
    let a = Node::up(&redis.way(), 1);
    let mut life = redis.connect();
    life.command(&["SUBSCRIBE", &of("n:00000000000000ff"), &of("u:1")]);
    wait_for("the node to be seen", || (a.elsewhere(&[user(1)]) == [1]).then_some(()));
    assert_eq!(redis.command(&["PUBLISH", &of("nodes"), "00000000000000ff here"]), ":1");
    // Alive, it is asked after again and again.
    let asked = || {
        let stats = redis.command(&["INFO", "commandstats"]);
        let after = stats.split("cmdstat_pubsub|numsub:calls=").nth(1)?;
        after.split(',').next()?.parse::<u32>().ok()
    };
    let before = asked();
    wait_for("more questions", || (asked() > before.map(|calls| calls + 2)).then_some(()));
    assert_eq!(a.ear.resyncs(GONE), 0);
    drop(life);
    a.ear.wait_for_resync(GONE);
    assert_eq!(a.elsewhere(&[user(1)]), [0]);
    assert_eq!(a.ear.resyncs(GONE), 1);
}

#[test]
fn a_node_that_starts_asks_who_is_there_and_waits_for_the_answer() {
    let redis = Redis::start();
    let mut other = redis.connect();
    other.command(&["SUBSCRIBE", &of("nodes"), &of("n:00000000000000ff")]);
    other.hear();
    let patient = Times { introduce: Duration::from_secs(3600), watch: Duration::from_secs(3600), ..Times::default() };
    let node = Node::start(&redis.way(), 1, patient);
    assert!(other.hear().ends_with("0000000000000001 who"));
    assert!(!node.bus.wait_for_introduction(Duration::from_millis(50)), "nobody has answered");
    redis.command(&["PUBLISH", &of("nodes"), "00000000000000ff here"]);
    assert!(node.bus.wait_for_introduction(PATIENCE));
}

#[test]
fn who_asks_who_is_there_is_answered_at_once() {
    let redis = Redis::start();
    let node = Node::start(&redis.way(), 1, Times { watch: Duration::from_secs(3600), ..Times::default() });
    assert!(node.bus.wait_for_introduction(PATIENCE), "alone, it has nobody to wait for");
    let mut other = redis.connect();
    other.command(&["SUBSCRIBE", &of("nodes")]);
    redis.command(&["PUBLISH", &of("nodes"), "00000000000000ff who"]);
    assert!(other.hear().ends_with("00000000000000ff who"));
    assert!(other.hear().ends_with("0000000000000001 here"));
}

#[test]
fn a_frozen_node_is_waited_for_in_bounded_time_and_an_absent_redis_not_at_all() {
    let mut redis = Redis::start();
    let mut frozen = redis.connect();
    frozen.command(&["SUBSCRIBE", &of("nodes"), &of("n:00000000000000ff")]);
    assert!(Node::start(&redis.way(), 1, brisk()).bus.wait_for_introduction(PATIENCE));
    redis.kill();
    assert!(!Node::start(&redis.way(), 2, brisk()).bus.wait_for_introduction(Duration::from_secs(3600)));
}

#[test]
fn a_link_that_was_lost_is_introduced_again_before_the_resync() {
    let redis = Redis::start();
    let times = Times { introduce: Duration::from_secs(3600), watch: Duration::from_secs(3600), ..Times::default() };
    let node = Node::start(&redis.way(), 1, times);
    assert!(node.bus.wait_for_introduction(PATIENCE));
    // A node of which nothing has been heard.
    let mut other = redis.connect();
    other.command(&["SUBSCRIBE", &of("nodes"), &of("n:00000000000000ff")]);
    other.hear();
    let clients = redis.command(&["CLIENT", "LIST"]);
    let subscriber = clients.lines().find(|line| line.contains("-subscriber ")).unwrap();
    let address = subscriber.split_whitespace().find_map(|word| word.strip_prefix("addr=")).unwrap();
    redis.command(&["CLIENT", "KILL", "ADDR", address]);
    assert!(other.hear().ends_with("0000000000000001 who"));
    assert_eq!(node.ear.resyncs(AWAY), 0);
    redis.command(&["PUBLISH", &of("nodes"), "00000000000000ff here"]);
    node.ear.wait_for_resync(AWAY);
}

fn a_node_that_stops_flushes_and_says_goodbye(redis: &impl AnyRedis) {
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    a.subscribe(user(1));
    b.ring(user(1), (0..3000).map(|n| n.to_string()));
    b.bus.stop();
    a.ear.wait_for_resync(LEFT);
    wait_for("what was flushed", || (a.ear.heard().len() == 3000).then_some(()));
    b.ring(user(1), ["after the end".to_owned()]);
    assert_eq!(b.metrics.bus_dropped.get(), 1);
}

#[test]
fn a_bus_that_is_dropped_leaves_no_presence() {
    let redis = Redis::start();
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    assert_eq!(a.elsewhere(&[user(1)]), [1]);
    drop(b);
    wait_for("its presence to end", || (a.elsewhere(&[user(1)]) == [0]).then_some(()));
}

#[test]
fn redis_may_come_later_than_the_node() {
    let mut redis = Redis::start();
    redis.kill();
    let node = Node::start(&redis.way(), 1, brisk());
    let _ = node.bus.subscribe(&[user(1)]);
    assert_eq!(node.bus.link(), LinkState::Down);
    redis.restart();
    node.ear.wait_for_resync(AWAY);
    assert_eq!(redis.command(&["PUBSUB", "NUMSUB", &of("u:1")]), format!("{} :1", of("u:1")));
}

#[test]
fn a_password_is_used() {
    for way in [Reach::Tcp, Reach::Socket, by_tls()] {
        is_let_in(&Redis::start_by(way, Some("open-sesame")));
    }
}

fn is_let_in(redis: &impl AnyRedis) {
    let (a, b) = (Node::up(&redis.way(), 1), Node::up(&redis.way(), 2));
    b.subscribe(user(1));
    a.reaches(&b, user(1), "let in");
    assert_eq!(a.elsewhere(&[user(1)]), [1]);
    let clients = redis.command(&["CLIENT", "LIST"]);
    for part in ["subscriber", "publisher", "inquiry"] {
        assert!(clients.contains(&format!("name=stonechat-0000000000000001-{part}")), "{clients}");
    }
}

#[test]
fn a_wrong_password_keeps_the_link_down() {
    let redis = Redis::with_password(Some("open-sesame"));
    let node =
        Node::start(&Way { url: format!("redis://:wrong@127.0.0.1:{}/", redis.port()), tls_ca: None }, 1, brisk());
    let refused = || {
        let stats = redis.command(&["INFO", "errorstats"]);
        stats.contains("errorstat_WRONGPASS").then_some(())
    };
    wait_for("a refusal", refused);
    assert_eq!(node.bus.link(), LinkState::Down);
    assert!(!node.bus.subscribe(&[user(1)]).wait(Duration::from_millis(10)));
}

#[test]
fn subscriptions_that_redis_does_not_confirm_are_waited_for_once() {
    let redis = Redis::start();
    let node = Node::up(&redis.way(), 1);
    redis.signal("STOP");
    let ticket = node.bus.subscribe(&[user(1)]);
    assert!(ticket.is_worth_waiting());
    ticket.is_late();
    let next = node.bus.subscribe(&[user(2)]);
    assert!(!next.is_worth_waiting(), "nobody waits for a Redis that does not answer");
    redis.signal("CONT");
    assert!(ticket.wait(PATIENCE) && next.wait(PATIENCE), "they take effect all the same");
    wait_for("tickets to be worth waiting for", || {
        let ticket = node.bus.subscribe(&[user(3)]);
        (ticket.is_worth_waiting() || ticket.look().is_some()).then_some(())
    });
}

#[test]
fn questions_that_redis_does_not_answer_are_waited_for_once() {
    let redis = Redis::start();
    let node = Node::up(&redis.way(), 1);
    assert_eq!(node.elsewhere(&[user(1)]), [0]);
    redis.signal("STOP");
    let questions: Vec<_> = (1..=50).map(|number| node.bus.ask(&[user(number)])).collect();
    for question in questions {
        assert!(question.wait(PATIENCE).expect("an answer in bounded time").is_err(), "presence is unknown");
    }
    for number in 1..=50 {
        assert!(node.bus.ask(&[user(number)]).look().expect("an answer at once").is_err());
    }
    redis.signal("CONT");
    wait_for("presence to be known again", || node.ask(&[user(1)]).is_ok().then_some(()));
}

#[test]
fn two_installations_on_one_redis_do_not_meet() {
    let redis = Redis::start();
    let other = "fedcba9876543210fedcba9876543210";
    let [mine, also_mine] = [1, 2].map(|id| Node::up(&redis.way(), id));
    let foreign = Node::of(other, &redis.way(), 3, brisk());
    foreign.wait_for_link(LinkState::Up);
    let all = [user(1), group(1), Channel::Token(7)];
    for node in [&also_mine, &foreign] {
        assert!(node.bus.subscribe(&all).wait(PATIENCE));
    }
    assert_eq!(mine.elsewhere(&all), [1, 1, 1], "the foreign node's users are not there");
    assert_eq!(foreign.elsewhere(&all), [0, 0, 0]);
    for channel in all {
        mine.reaches(&also_mine, channel, &format!("{channel:?}"));
    }
    assert_eq!(foreign.ear.heard(), [] as [String; 0]);
    foreign.bus.stop();
    mine.reaches(&also_mine, user(1), "after the foreign node's end");
    assert_eq!(mine.ear.resyncs(LEFT), 0, "nobody of its own has left");
}
