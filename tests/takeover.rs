//! Who takes whose place, and what waits for Redis: on a cluster, and between the reactors of one node.
#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]
#![allow(clippy::disallowed_methods, reason = "what must not happen is no event that could be waited for")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::client::{Account, Client, PASSWORD, Stopwatch, texts, unique};
use common::cluster::Cluster;
use common::mariadb::MariaDb;
use common::node::Node;
use common::process::wait_for;
use common::redis::Redis;
use common::relay::{Flow, Relay};
use common::shared::Shared;
use mysql::prelude::Queryable;
use serde_json::json;

const POLICIES: [&str; 3] = ["reject", "replace", "multi"];

static DATABASE: Shared<MariaDb> = Shared::new();

/// A fresh database on the server that all tests share.
struct OnShared {
    url: String,
    _database: Arc<MariaDb>,
}

impl OnShared {
    fn database() -> Self {
        let database = DATABASE.get(MariaDb::start);
        Self { url: database.url(&unique("takeover").replace('-', "_")), _database: database }
    }

    /// What the record says of the user.
    fn state(&self, user: u64) -> String {
        let opts = mysql::OptsBuilder::from_opts(mysql::Opts::from_url(&self.url).unwrap()).prefer_socket(false);
        let mut conn = mysql::Conn::new(opts).unwrap();
        conn.exec_first("SELECT state FROM User WHERE id = ?", (user,)).unwrap().expect("the user has a row")
    }

    fn wait_for_state(&self, user: u64, state: &str) {
        wait_for(&format!("user {user} to be reported {state}"), || (self.state(user) == state).then_some(()));
    }
}

fn policy(policy: &str) -> String {
    format!("session_policy={policy}")
}

// --- what was confirmed is not listed again -------------------------------------------------------------------

/// Confirms what came, is answered a PING behind it, and goes on somewhere else at once: a hundred times.
fn nothing_confirmed_is_listed_again(places: [SocketAddr; 2]) {
    let mut writer = Client::newcomer(places[0], "writer");
    let mut reader = Client::newcomer(places[0], "reader");
    let mut ghosts = Vec::new();
    for turn in 0..100 {
        let text = format!("turn {turn}");
        writer.say(reader.id, &text);
        let push = reader.expect_push(6);
        assert_eq!(push["msg"], text.as_str());
        reader.confirm(writer.id, push["seq"].as_u64().unwrap());
        reader.ok(json!({"msgid": 17}));
        let next = Client::resume(places[(turn + 1) % 2], reader.id, &reader.token);
        assert_eq!(texts(&next.offline_messages()), [""; 0], "in turn {turn}");
        ghosts.push(std::mem::replace(&mut reader, next));
    }
    for mut ghost in ghosts {
        let last = ghost.expect_closed();
        assert!(last.iter().all(|line| line["kind"] == "replaced"), "{last:?}");
    }
    reader.expect_silence();
}

#[test]
fn what_was_confirmed_before_a_resume_on_another_node_is_not_listed_again() {
    for name in POLICIES {
        let on = OnShared::database();
        let cluster = Cluster::start(&on.url, 2, &[&policy(name)]);
        nothing_confirmed_is_listed_again([cluster.node(0), cluster.node(1)]);
    }
}

#[test]
fn what_was_confirmed_before_a_resume_on_the_same_node_is_not_listed_again() {
    for name in POLICIES {
        // Connections are dealt to the reactors in turn.
        let node = Node::with_settings(&[&policy(name), "reactors=2"]);
        nothing_confirmed_is_listed_again([node.addr(), node.addr()]);
    }
}

#[test]
fn a_second_login_under_replace_is_not_shown_what_the_first_has_confirmed() {
    let on = OnShared::database();
    let cluster = Cluster::start(&on.url, 2, &["session_policy=replace"]);
    let mut writer = Client::newcomer(cluster.node(0), "writer");
    let mut reader = Client::newcomer(cluster.node(0), "reader");
    for turn in 0..20 {
        writer.say(reader.id, "once");
        let push = reader.expect_push(6);
        reader.confirm(writer.id, push["seq"].as_u64().unwrap());
        reader.ok(json!({"msgid": 17}));
        let next = Client::login_as(cluster.node((turn + 1) % 2), &reader.name);
        assert_eq!(texts(&next.offline_messages()), [""; 0], "in turn {turn}");
        reader.expect_closed();
        reader = next;
    }
}

// --- devices --------------------------------------------------------------------------------------------------

/// Browser, terminal and a client without a name live side by side; two of the same device do not.
fn devices_are_never_in_each_others_way(name: &str, places: [SocketAddr; 2]) {
    let account = Account::register(places[0], "owner");
    let mut writer = Client::newcomer(places[1], "writer");
    let mut unnamed = account.login(places[0]);
    let mut phone = account.login_from(places[1], "phone");
    let mut laptop = account.login_from(places[0], "laptop");
    let again = json!({"msgid": 1, "id": account.id, "pwd": PASSWORD, "ack": true, "device": "phone"});
    let mut second = Client::connect(places[0]);
    if name == "reject" {
        second.refused(again, 2);
    } else {
        second.ok(again);
    }
    if name == "replace" {
        let last = phone.expect_closed();
        assert!(last.iter().any(|line| line["kind"] == "replaced"), "{name}: {last:?}");
        phone = second;
    }
    writer.say(account.id, "to all of them");
    for device in [&mut unnamed, &mut phone, &mut laptop] {
        assert_eq!(device.expect_push(6)["msg"], "to all of them", "{name}");
    }
    phone.say(writer.id, "said on the phone");
    assert_eq!(writer.expect_push(6)["msg"], "said on the phone", "{name}");
    for device in [&mut unnamed, &mut laptop] {
        assert_eq!(device.expect_push(6)["msg"], "said on the phone", "{name}: it is news to another device");
    }
    laptop.say(writer.id, "said on the laptop");
    assert_eq!(unnamed.expect_push(6)["msg"], "said on the laptop", "{name}");
    assert_eq!(phone.expect_push(6)["msg"], "said on the laptop", "{name}");
    for device in [&mut unnamed, &mut phone, &mut laptop] {
        device.expect_silence();
    }
}

#[test]
fn another_devices_session_is_never_in_the_way() {
    for name in POLICIES {
        let node = Node::with_settings(&[&policy(name)]);
        devices_are_never_in_each_others_way(name, [node.addr(), node.addr()]);
    }
}

#[test]
fn another_devices_session_on_another_node_is_never_in_the_way() {
    for name in POLICIES {
        let on = OnShared::database();
        let cluster = Cluster::start(&on.url, 2, &[&policy(name)]);
        devices_are_never_in_each_others_way(name, [cluster.node(0), cluster.node(1)]);
    }
}

#[test]
fn one_token_on_two_devices_is_two_sessions() {
    let on = OnShared::database();
    let cluster = Cluster::start(&on.url, 2, &[]);
    let mut phone = Account::register(cluster.node(0), "owner").login_from(cluster.node(0), "phone");
    let resume =
        |device: &str| json!({"msgid": 1, "id": phone.id, "token": phone.token, "ack": true, "device": device});
    let (laptop_login, phone_login) = (resume("laptop"), resume("phone"));
    let mut laptop = Client::connect(cluster.node(1));
    laptop.ok(laptop_login);
    phone.expect_silence();
    let mut resumed = Client::connect(cluster.node(1));
    resumed.ok(phone_login);
    phone.expect_closed();
    laptop.expect_silence();
}

// --- who is reported online -----------------------------------------------------------------------------------

#[test]
fn who_has_gone_on_elsewhere_stays_reported_online() {
    for name in POLICIES {
        let on = OnShared::database();
        let cluster = Cluster::start(&on.url, 2, &[&policy(name)]);
        let mut client = Client::newcomer(cluster.node(0), "traveller");
        on.wait_for_state(client.id, "online");
        for turn in 0..10 {
            let next = Client::resume(cluster.node((turn + 1) % 2), client.id, &client.token);
            client.expect_closed();
            client = next;
        }
        on.wait_for_state(client.id, "online");
        // Whatever the earlier node still writes, it writes within some seconds.
        for _ in 0..30 {
            std::thread::sleep(Duration::from_millis(100));
            assert_eq!(on.state(client.id), "online", "{name}");
        }
        client.log_out();
        on.wait_for_state(client.id, "offline");
    }
}

#[test]
fn who_has_a_session_on_another_node_as_well_stays_reported_online() {
    let on = OnShared::database();
    let cluster = Cluster::start(&on.url, 2, &["session_policy=multi"]);
    let first = Client::newcomer(cluster.node(0), "double");
    on.wait_for_state(first.id, "online");
    let mut second = Client::login_as(cluster.node(1), &first.name);
    // The second node has written last, and is the first to write again.
    std::thread::sleep(Duration::from_millis(1500));
    second.log_out();
    wait_for("the second node to have reported", || (on.state(first.id) == "online").then_some(()));
    std::thread::sleep(Duration::from_millis(2500));
    on.wait_for_state(first.id, "online");
    drop(first);
    on.wait_for_state(second.id, "offline");
}

#[test]
fn the_users_of_a_node_that_died_are_reported_offline() {
    let on = OnShared::database();
    let cluster = Cluster::start(&on.url, 2, &[]);
    let stays = Client::newcomer(cluster.node(0), "stays");
    let goes = Client::newcomer(cluster.node(1), "goes");
    on.wait_for_state(stays.id, "online");
    on.wait_for_state(goes.id, "online");
    cluster.nodes[1].kill();
    on.wait_for_state(goes.id, "offline");
    assert_eq!(on.state(stays.id), "online");
}

#[test]
fn the_users_of_a_lone_node_that_was_killed_are_reported_offline_when_it_starts_again() {
    let node = Node::start(&[]);
    let client = Client::newcomer(node.addr(), "lone");
    let database = rusqlite::Connection::open(node.database()).unwrap();
    let state = || -> String {
        database
            .query_row("SELECT state FROM User WHERE id = ?", [i64::try_from(client.id).unwrap()], |row| row.get(0))
            .unwrap()
    };
    wait_for("the user to be reported online", || (state() == "online").then_some(()));
    node.kill();
    assert_eq!(state(), "online");
    node.restart();
    wait_for("the user to be reported offline", || (state() == "offline").then_some(()));
}

// --- what waits for Redis -------------------------------------------------------------------------------------

/// Two nodes, of which the second hears Redis through a relay.
struct Divided {
    here: Node,
    there: Node,
    relay: Relay,
    redis: Redis,
    _database: OnShared,
}

impl Divided {
    fn start(settings: &[&str]) -> Self {
        let database = OnShared::database();
        let redis = Redis::start();
        let relay = Relay::start(redis.port());
        let node = |redis: &str| {
            let mut args = vec!["--mysql", database.url.as_str(), "--redis", redis];
            args.extend(settings.iter().flat_map(|setting| ["--set", setting]));
            Node::start(&args)
        };
        let (here, there) = (node(&redis.url()), node(&format!("redis://127.0.0.1:{}/", relay.port())));
        Self { here, there, relay, redis, _database: database }
    }

    /// What the second node says reaches Redis some seconds later; its links stay up.
    fn be_late(&self) {
        self.relay.set(Flow::Late(Duration::from_secs(3)));
    }
}

#[test]
fn what_is_said_before_a_late_subscription_is_in_effect_comes_soon_after() {
    let on = Divided::start(&[]);
    let mut writer = Client::newcomer(on.here.addr(), "writer");
    let account = Account::register(on.there.addr(), "late");
    on.be_late();
    let mut late = account.login(on.there.addr());
    writer.say(late.id, "said before the bells came");
    assert_eq!(late.expect_push(6)["msg"], "said before the bells came");
    late.expect_silence();
}

#[test]
fn what_is_said_to_a_group_before_a_late_subscription_is_in_effect_comes_soon_after() {
    let on = Divided::start(&["session_policy=multi"]);
    let mut writer = Client::newcomer(on.here.addr(), "writer");
    let group = writer.create_group("late");
    let mut joins = Client::newcomer(on.there.addr(), "joins");
    let follows_from = Client::newcomer(on.here.addr(), "follows");
    let mut follows = Client::login_as(on.there.addr(), &follows_from.name);
    let mut from = follows_from;
    on.be_late();
    joins.join(group);
    writer.say_to_group(group, "to who has joined");
    assert_eq!(joins.expect_push(10)["msg"], "to who has joined");
    // Its other session joins on the other node; this one follows.
    from.join(group);
    follows.expect_notice("group_joined");
    writer.say_to_group(group, "to who follows");
    assert_eq!(follows.expect_push(10)["msg"], "to who follows");
    let own = joins.create_group("own");
    from.join(own);
    from.say_to_group(own, "to who has made it");
    assert_eq!(joins.expect_push(10)["msg"], "to who follows");
    assert_eq!(joins.expect_push(10)["msg"], "to who has made it");
}

#[test]
fn a_frozen_redis_holds_up_neither_logins_nor_history() {
    let on = Divided::start(&[]);
    let addr = on.here.addr();
    let mut reader = Client::newcomer(addr, "reader");
    let mut writer = Client::newcomer(addr, "writer");
    writer.say(reader.id, "something to read");
    reader.expect_push(6);
    reader.ok(json!({"msgid": 7, "friendid": writer.id}));
    let accounts: Vec<Client> = (0..16).map(|_| Client::newcomer(addr, "login")).collect();
    on.redis.signal("STOP");
    // The first ones wait a moment; after that nobody does.
    let begun = Stopwatch::start();
    let logins: Vec<_> =
        accounts.into_iter().map(|account| std::thread::spawn(move || relogin(addr, account, 25))).collect();
    let (mut asked, mut slowest) = (0, Duration::ZERO);
    while logins.iter().any(|login| !login.is_finished()) {
        let request = Stopwatch::start();
        reader.history_with(writer.id);
        slowest = slowest.max(request.elapsed());
        reader.ok(json!({"msgid": 27}));
        asked += 1;
    }
    for login in logins {
        login.join().expect("every login succeeds");
    }
    let took = begun.elapsed();
    println!("400 logins in {took:?}; HISTORY {asked} times, {slowest:?} at most");
    assert!(asked >= 5, "FRIENDS and HISTORY were answered {asked} times in {took:?}");
    assert!(slowest < Duration::from_secs(5), "HISTORY took {slowest:?}");
    assert!(took < Duration::from_secs(60), "400 logins took {took:?}");
    on.redis.signal("CONT");
}

#[test]
fn a_login_that_is_given_up_while_it_waits_leaves_nothing_behind() {
    let on = Divided::start(&[]);
    let account = Account::register(on.here.addr(), "impatient");
    on.redis.signal("STOP");
    for _ in 0..5 {
        let mut client = Client::connect(on.here.addr());
        client.send(&json!({"msgid": 1, "id": account.id, "pwd": PASSWORD}));
        // It is in the directory, and waits for its subscription; or it is in already.
        std::thread::sleep(Duration::from_millis(100));
    }
    on.redis.signal("CONT");
    let mut elsewhere = account.login(on.there.addr());
    elsewhere.expect_silence();
    elsewhere.log_out();
    account.login(on.here.addr()).expect_silence();
}

/// Ends the session and resumes it, so many times.
fn relogin(addr: SocketAddr, account: Client, times: usize) {
    let (id, token) = (account.id, account.token.clone());
    drop(account);
    for _ in 0..times {
        drop(Client::resume(addr, id, &token));
    }
}

// --- bells that are too large ---------------------------------------------------------------------------------

#[test]
fn a_message_too_large_for_a_bell_is_fetched_and_makes_nobody_compare() {
    let sizes = ["limits.message_bytes=1048576", "limits.line_bytes=2200000", "limits.outbox_bytes=9000000"];
    let on = Divided::start(&sizes);
    let mut writer = Client::newcomer(on.here.addr(), "writer");
    let mut reader = Client::newcomer(on.there.addr(), "reader");
    writer.say(reader.id, "before");
    reader.expect_push(6);
    let resyncs = || on.there.log().matches("looking into the store for what was missed").count();
    let before = resyncs();
    let large = "x".repeat(1_000_000);
    for _ in 0..3 {
        writer.say(reader.id, &large);
        assert_eq!(reader.expect_push(6)["msg"], large.as_str());
    }
    writer.say(reader.id, "after");
    assert_eq!(reader.expect_push(6)["msg"], "after");
    reader.expect_silence();
    assert_eq!(resyncs(), before, "a large message is ordinary");
}
