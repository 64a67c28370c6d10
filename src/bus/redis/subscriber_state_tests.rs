//! The link against a server that is played, moment by moment.

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
            Caller { node: ME, names: names(), greeting, words: Words::Plain },
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

    fn pong(&mut self) {
        self.link.alive();
        self.link.frame(Frame::Push([Item::Text(b"pong"), Item::Text(b""), Item::Nil]), self.now);
    }

    /// The link breaks and comes back in two seconds: since when bells are missing then.
    fn break_and_come_back(&mut self) -> Option<Instant> {
        self.link.failed(self.now, "reset");
        self.link.effects();
        self.up();
        self.link.introduced();
        let effects = self.link.effects();
        let [Effect::Missed(since)] = effects[..] else { panic!("{effects:?}") };
        since
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
    let start = scene.now;
    let (ticket, _) = scene.subscriptions.subscribe(&[user(5)]);
    assert!(scene.connect().contains("u:5"));
    assert_eq!(scene.confirm(&["nodes", "n:0000000000000001", "all", "u:5"]), [Effect::Up]);
    scene.link.introduced();
    assert_eq!(scene.link.effects(), [Effect::Missed(Some(start))]);
    scene.link.introduced();
    assert_eq!(scene.link.effects(), [], "once");
    assert!(ticket.wait(Duration::ZERO));
}

#[test]
fn a_lost_link_backs_off_and_resyncs_when_everything_is_subscribed_again() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    let up_at = scene.now;
    let _ = scene.subscriptions.subscribe(&[user(5)]);
    scene.link.order();
    assert!(scene.sent().contains("u:5"));
    scene.now += Duration::from_secs(1);
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
    assert_eq!(scene.pass(patience), [Effect::Missed(Some(up_at))], "introduced or not");
}

#[test]
fn pings_when_it_is_quiet_and_gives_up_when_it_stays_quiet() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    assert_eq!(scene.pass(Duration::from_millis(4_999)), []);
    assert_eq!(scene.pass(Duration::from_millis(1)), [Effect::Send(b"*1\r\n$4\r\nPING\r\n".to_vec())]);
    assert_eq!(scene.pass(Duration::from_millis(4_999)), [], "one ping each five seconds");
    scene.pong();
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
    scene.link.alive();
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
    let why = "another server is to be spoken with now";
    assert_eq!(scene.link.effects(), [Effect::Down, Effect::Close(why.into())]);
    assert!(!scene.connect().contains("KILL"), "the other server has no ghost of it");
    assert_eq!(scene.confirm(&["nodes", "n:0000000000000001", "all"]), [Effect::Up]);
    scene.link.introduced();
    assert_eq!(scene.link.effects(), [Effect::Missed(None)], "others may have left the first one long ago");
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
    let here_at = Some(scene.now);
    scene.pass(Duration::from_secs(5));
    scene.pong();
    scene.hear("nodes", "0000000000000003 bye");
    assert_eq!(scene.link.effects(), [Effect::Resync("another node has left", here_at)]);
    scene.hear("nodes", "0000000000000002 lost");
    assert_eq!(scene.link.effects(), [Effect::Resync(LOST, None)]);
    scene.hear("nodes", "0000000000000002 bye");
    assert_eq!(scene.link.effects(), [Effect::Resync("another node has left", here_at)]);
    assert_eq!(scene.nodes.known(), []);
    scene.hear("nodes", "0000000000000002 bye");
    assert_eq!(scene.link.effects(), [Effect::Resync("another node has left", None)]);
}

#[test]
fn what_is_told_again_is_for_those_who_did_not_hear_it() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    let since = |seconds| scene.now.checked_sub(Duration::from_secs(seconds));
    let [first, second] = [12, 60].map(since);
    scene.hear("nodes", "0000000000000002 lost #7 for 12");
    assert_eq!(scene.link.effects(), [Effect::Resync(LOST, first)]);
    scene.hear("nodes", "0000000000000002 told #7 for 60");
    assert_eq!(scene.link.effects(), [], "it was heard");
    scene.hear("nodes", "0000000000000002 told #6 for 60");
    assert_eq!(scene.link.effects(), [Effect::Resync(LOST, second)], "this was not");
    scene.hear("nodes", "0000000000000002 told #6 for 70");
    scene.hear("nodes", "0000000000000002 told nonsense");
    assert_eq!(scene.link.effects(), []);
    scene.hear("nodes", "0000000000000003 told #7");
    assert_eq!(scene.link.effects(), [Effect::Resync(LOST, None)], "another node");
}

#[test]
fn bells_are_missing_since_the_last_ping_that_was_answered() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    scene.pass(Duration::from_secs(5));
    let pinged_at = scene.now;
    scene.now += Duration::from_secs(1);
    // Much is heard; but what waits behind it?
    scene.link.alive();
    scene.pong();
    scene.pass(Duration::from_secs(4));
    assert_eq!(scene.link.effects(), []);
    scene.now += Duration::from_secs(3);
    assert_eq!(scene.break_and_come_back(), Some(pinged_at), "the second one was not answered");
    // The answer to the greeting is none to a ping.
    let up_at = scene.now;
    scene.now += Duration::from_secs(1);
    assert_eq!(scene.break_and_come_back(), Some(up_at));
}

#[test]
fn a_link_on_which_much_is_heard_is_pinged_all_the_same() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    let mut pings = 0;
    for _ in 0..60 {
        scene.link.alive();
        let sent = scene.pass(Duration::from_millis(500)).len();
        (0..sent).for_each(|_| scene.pong());
        pings += sent;
    }
    assert_eq!(pings, 6);
    let sure_at = scene.now;
    scene.now += Duration::from_secs(2);
    assert_eq!(scene.break_and_come_back(), Some(sure_at));
}

#[test]
fn what_is_missing_and_was_not_told_is_missing_since_the_first_time() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    let first = scene.now;
    scene.now += Duration::from_secs(1);
    scene.link.failed(scene.now, "reset");
    scene.link.effects();
    scene.up();
    scene.link.failed(scene.now, "reset before the others were met");
    scene.link.effects();
    assert_eq!(scene.break_and_come_back(), Some(first));
    let second = scene.now;
    assert_eq!(scene.break_and_come_back(), Some(second), "it was told");
}

#[test]
fn another_node_may_say_what_it_has_lost_while_nobody_hears_it() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    scene.hear("nodes", "0000000000000002 here");
    let here_at = scene.now;
    for _ in 0..10 {
        scene.pass(Duration::from_secs(5));
        scene.pong();
        scene.hear("nodes", "0000000000000003 here");
    }
    scene.link.effects();
    assert_eq!(scene.break_and_come_back(), Some(here_at), "node 2 has been silent for long");
}

#[test]
fn what_was_lost_lately_is_counted_from_when_it_was_said_at_the_earliest() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    for _ in 0..10 {
        scene.pass(Duration::from_secs(5));
        scene.pong();
    }
    let sure_at = scene.now;
    scene.now += Duration::from_secs(3);
    scene.hear("nodes", "0000000000000002 lost #1 for 12");
    let since = sure_at.checked_sub(Duration::from_secs(12));
    assert_eq!(scene.link.effects(), [Effect::Resync(LOST, since)]);
    scene.hear("nodes", "0000000000000002 lost #1 for 12 in 7");
    assert_eq!(scene.link.effects(), [Effect::MissedIn(SlotSet::parse("7").unwrap(), LOST, since)]);
}

#[test]
fn many_channels_go_in_commands_of_256() {
    let mut out = Vec::new();
    caller(Words::Plain).order(&mut out, "SUBSCRIBE", &vec![RedisChannel::Nodes; 600]);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.matches("SUBSCRIBE").count(), 3);
    assert_eq!(text.matches("*257\r\n").count(), 2);
}

fn caller(words: Words) -> Caller {
    Caller { node: ME, names: names(), greeting: Greeting::default(), words }
}

#[test]
fn the_channels_of_a_command_to_a_cluster_are_in_one_slot() {
    let topics: Vec<RedisChannel> = (1..=400).map(|number| RedisChannel::Of(user(number))).collect();
    let topics = [topics, vec![RedisChannel::Nodes; 300]].concat();
    let mut out = Vec::new();
    caller(Words::Sharded).order(&mut out, "SSUBSCRIBE", &topics);
    let text = String::from_utf8(out).unwrap();
    let commands: Vec<Vec<u16>> = text
        .split("SSUBSCRIBE")
        .skip(1)
        .map(|command| command.lines().filter(|line| line.starts_with("a1:")).map(slot_of).collect())
        .collect();
    assert!(commands.len() > 350 && commands.iter().map(Vec::len).sum::<usize>() == 700);
    assert!(commands.iter().all(|slots| slots.iter().all(|slot| *slot == slots[0]) && slots.len() <= 256));
}

/// A link to a server of a cluster that has none of what every node is subscribed to.
fn to_a_shard() -> Scene {
    let mut scene = Scene::new("redis://h/");
    scene.link.caller.words = Words::Sharded;
    scene.link.stands_for(Vec::new());
    scene
}

fn push(scene: &mut Scene, word: &str, topic: &str) -> Vec<Effect> {
    let topic = format!("a1:{topic}");
    let push = [Item::Text(word.as_bytes()), Item::Text(topic.as_bytes()), Item::Number(1)];
    scene.link.frame(Frame::Push(push), scene.now);
    scene.link.effects()
}

#[test]
fn a_shard_without_channels_is_up_when_it_has_greeted() {
    let mut scene = to_a_shard();
    assert!(!scene.connect().contains("SUBSCRIBE"));
    assert_eq!(scene.link.effects(), [Effect::Up]);
}

#[test]
fn slots_that_arrive_are_resynced_when_their_channels_are_subscribed() {
    let mut scene = to_a_shard();
    scene.connect();
    scene.link.effects();
    let slots = SlotSet::parse("1-3").unwrap();
    let resync = || Effect::MissedIn(SlotSet::parse("1-3").unwrap(), "slots of Redis have moved", None);
    let _ = scene.subscriptions.subscribe(&[user(5), user(6)]);
    scene.link.arrived(slots.clone());
    scene.link.order();
    assert!(scene.sent().contains("SSUBSCRIBE"));
    assert_eq!(push(&mut scene, "ssubscribe", "u:5"), []);
    assert_eq!(push(&mut scene, "ssubscribe", "u:6"), [resync()]);
    scene.link.arrived(slots);
    scene.link.order();
    assert_eq!(scene.link.effects(), [resync()], "nobody is subscribed to anything there");
}

#[test]
fn a_slot_that_moves_away_is_looked_for_and_what_is_unclear_ends_the_link() {
    let mut scene = to_a_shard();
    let _ = scene.subscriptions.subscribe(&[user(5)]);
    scene.connect();
    assert_eq!(push(&mut scene, "ssubscribe", "u:5"), [Effect::Up]);
    assert_eq!(push(&mut scene, "sunsubscribe", "u:5"), [Effect::SlotMoved]);
    while scene.subscriptions.looked().1 {}
    scene.link.order();
    assert!(scene.sent().contains("u:5"));
    let effects = push(&mut scene, "sunsubscribe", "u:5");
    assert!(matches!(effects.as_slice(), [Effect::Down, Effect::Close(_)]), "{effects:?}");
}

#[test]
fn a_command_about_a_slot_that_has_moved_is_refused_and_the_link_stays() {
    let mut scene = to_a_shard();
    scene.connect();
    assert_eq!(scene.link.effects(), [Effect::Up]);
    let (stays, _) = scene.subscriptions.subscribe(&[user(5)]);
    let (moves, _) = scene.subscriptions.subscribe(&[user(6)]);
    scene.link.order();
    assert_eq!(scene.sent().matches("SSUBSCRIBE").count(), 2);
    let moved = format!("MOVED {} 127.0.0.1:6381", slot_of("a1:u:6"));
    scene.link.frame(Frame::Refused(moved.as_bytes()), scene.now);
    assert_eq!(scene.link.effects(), [Effect::SlotMoved]);
    // What arrives meanwhile does not wait for an answer that does not come.
    scene.link.arrived(SlotSet::parse("1-3").unwrap());
    scene.link.order();
    assert_eq!(scene.link.effects(), [], "the other command is not answered yet");
    assert!(matches!(push(&mut scene, "ssubscribe", "u:5").as_slice(), [Effect::MissedIn(..)]));
    assert!(stays.wait(Duration::ZERO) && moves.look().is_none());
    let elsewhere = Subscriptions::new(Arc::default());
    assert!(elsewhere.take_over(scene.subscriptions.give_up(|channel| channel == user(6))).is_empty());
    assert_eq!(elsewhere.connected(), [user(6)]);
    elsewhere.confirmed(user(6));
    assert!(moves.wait(Duration::ZERO), "whoever waited was told when it was in effect there");

    // The end of a subscription may be refused as well.
    scene.subscriptions.unsubscribe(&[user(5)]);
    scene.link.order();
    assert!(scene.sent().contains("SUNSUBSCRIBE"));
    let moved = format!("MOVED {} 127.0.0.1:6381", slot_of("a1:u:5"));
    scene.link.frame(Frame::Refused(moved.as_bytes()), scene.now);
    assert_eq!(scene.link.effects(), [Effect::SlotMoved]);
    scene.link.frame(Frame::Refused(b"CLUSTERDOWN"), scene.now);
    assert_eq!(scene.link.effects(), [Effect::Down, Effect::Close("CLUSTERDOWN".into())]);
}

#[test]
fn a_first_subscription_in_a_slot_that_has_moved_is_looked_for_and_the_link_comes_up_with_the_others() {
    let mut scene = to_a_shard();
    let (stays, _) = scene.subscriptions.subscribe(&[user(5)]);
    let (moves, _) = scene.subscriptions.subscribe(&[user(6), user(7)]);
    scene.connect();
    let moved = |user: u32| format!("MOVED {} 127.0.0.1:6381", slot_of(&format!("a1:u:{user}")));
    scene.link.frame(Frame::Refused(moved(6).as_bytes()), scene.now);
    assert_eq!(scene.link.effects(), [Effect::SlotMoved]);
    assert_eq!(push(&mut scene, "ssubscribe", "u:5"), [], "one is not answered yet");
    scene.link.frame(Frame::Refused(moved(7).as_bytes()), scene.now);
    assert_eq!(scene.link.effects(), [Effect::SlotMoved, Effect::Up]);
    assert!(stays.wait(Duration::ZERO) && moves.look().is_none());
    let elsewhere = Subscriptions::new(Arc::default());
    let moving = scene.subscriptions.give_up(|channel| channel != user(5));
    assert!(moving.len() == 2 && elsewhere.take_over(moving).is_empty());
    // The others are confirmed and counted as before.
    let _ = scene.subscriptions.subscribe(&[user(8)]);
    scene.link.order();
    assert!(scene.sent().contains("u:8"));
    scene.link.arrived(SlotSet::parse("1-3").unwrap());
    scene.link.order();
    assert!(matches!(push(&mut scene, "ssubscribe", "u:8").as_slice(), [Effect::MissedIn(..)]));
}

#[test]
fn a_first_subscription_that_cannot_be_done_without_ends_the_connection_when_it_is_refused() {
    let mut scene = to_a_shard();
    let _ = scene.subscriptions.subscribe(&[user(5)]);
    scene.connect();
    scene.link.frame(Frame::Refused(b"MOVED 7 127.0.0.1:6381"), scene.now);
    assert_eq!(scene.link.effects(), [Effect::Close("MOVED 7 127.0.0.1:6381".into())], "nothing there was asked for");
    let mut scene = to_a_shard();
    scene.link.stands_for(vec![RedisChannel::Nodes]);
    scene.connect();
    let moved = format!("MOVED {} 127.0.0.1:6381", slot_of("a1:nodes"));
    scene.link.frame(Frame::Refused(moved.as_bytes()), scene.now);
    assert_eq!(scene.link.effects(), [Effect::Close(moved)]);
}

#[test]
fn who_comes_back_in_a_moment_leaves_the_link_alone() {
    let mut scene = to_a_shard();
    let _ = scene.subscriptions.subscribe(&[user(5)]);
    scene.connect();
    assert_eq!(push(&mut scene, "ssubscribe", "u:5"), [Effect::Up]);
    scene.subscriptions.unsubscribe(&[user(5)]);
    scene.link.order();
    let (again, _) = scene.subscriptions.subscribe(&[user(5)]);
    scene.link.order();
    assert_eq!(scene.link.effects().len(), 2);
    assert_eq!(push(&mut scene, "sunsubscribe", "u:5"), []);
    assert_eq!(push(&mut scene, "ssubscribe", "u:5"), []);
    assert!(again.wait(Duration::ZERO));
}

#[test]
fn bells_that_another_node_has_lost_in_some_slots_are_looked_for_there() {
    let mut scene = Scene::new("redis://h/");
    scene.up();
    scene.hear("nodes", "0000000000000002 lost 7,100-200");
    assert_eq!(scene.link.effects(), [Effect::MissedIn(SlotSet::parse("7,100-200").unwrap(), LOST, None)]);
    scene.hear("nodes", "0000000000000002 lost sight");
    assert_eq!(scene.link.effects(), [Effect::Resync(LOST, None)]);
}
