//! Several nodes behind nginx, on one MySQL and one Redis: every scenario across two nodes, then what may die.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::client::{Account, Client, PASSWORD, Stopwatch, seqs, texts, unique};
use common::cluster::Cluster;
use common::http::get;
use common::mariadb::MariaDb;
use common::process::wait_for;
use common::scenarios::Site;
use common::sender::{Sender, To};
use common::shared::Shared;
use common::storm::Storm;
use mysql::prelude::Queryable;
use serde_json::{Value, json};

/// How soon a request is answered while the database is away.
const OUTAGE_ANSWER: Duration = Duration::from_secs(10);

static DATABASE: Shared<MariaDb> = Shared::new();

/// A cluster on the database server that all tests share, each in a database of its own.
struct OnShared {
    cluster: Cluster,
    /// The database's address, for a look into its tables.
    url: String,
    _database: Arc<MariaDb>,
}

impl OnShared {
    fn start(nodes: usize, settings: &[&str]) -> Self {
        let database = DATABASE.get(MariaDb::start);
        let url = database.url(&unique("cluster").replace('-', "_"));
        Self { cluster: Cluster::start(&url, nodes, settings), url, _database: database }
    }

    fn site(&self) -> Site {
        self.cluster.site()
    }
}

static CLUSTER: Shared<OnShared> = Shared::new();

/// Three nodes with default settings. Tests that kill something start their own.
fn cluster() -> Arc<OnShared> {
    CLUSTER.get(|| OnShared::start(3, &[]))
}

test_every_scenario!(crate::cluster);

// --- sessions across nodes ------------------------------------------------------------------------------------

#[test]
fn clients_come_in_through_nginx() {
    let cluster = cluster();
    let entry = cluster.cluster.entry();
    let mut clients: Vec<Client> = (0..6).map(|_| Client::newcomer(entry, "entry")).collect();
    let group = clients[0].create_group("entry");
    for client in &mut clients[1..] {
        client.join(group);
    }
    for speaker in 0..clients.len() {
        let text = format!("from {speaker}");
        clients[speaker].say_to_group(group, &text);
        for (listener, client) in clients.iter_mut().enumerate().filter(|(listener, _)| *listener != speaker) {
            assert_eq!(client.expect_push(10)["msg"], text.as_str(), "to {listener}");
        }
    }
}

#[test]
fn reject_holds_across_nodes() {
    let cluster = cluster();
    let mut first = Client::newcomer(cluster.cluster.node(0), "reject");
    for node in 0..3 {
        Client::connect(cluster.cluster.node(node)).refused(json!({"msgid": 1, "id": first.id, "pwd": PASSWORD}), 2);
    }
    first.expect_silence();
    let account = first.account();
    drop(first);
    account.login(cluster.cluster.node(2)).expect_silence();
}

#[test]
fn replace_holds_across_nodes() {
    let on = OnShared::start(2, &["session_policy=replace"]);
    let mut first = Client::newcomer(on.cluster.node(0), "replace");
    let mut second = Client::login_as(on.cluster.node(1), &first.name);
    let last = first.expect_closed();
    assert!(last.iter().any(|message| message["kind"] == "replaced"), "a NOTICE replaced among {last:?}");
    let mut writer = Client::newcomer(on.cluster.node(0), "writer");
    writer.say(second.id, "to the second");
    assert_eq!(second.expect_push(6)["msg"], "to the second");
    second.expect_silence();
}

#[test]
fn multi_holds_across_nodes() {
    let on = OnShared::start(2, &["session_policy=multi"]);
    let mut first = Client::newcomer(on.cluster.node(0), "multi");
    let mut second = Client::login_as(on.cluster.node(1), &first.name);
    let mut writer = Client::newcomer(on.cluster.node(0), "writer");
    writer.say(first.id, "to both");
    assert_eq!(first.expect_push(6)["msg"], "to both");
    assert_eq!(second.expect_push(6)["msg"], "to both");
    first.say(writer.id, "from the first");
    assert_eq!(second.expect_push(6)["msg"], "from the first", "own messages are echoed to one's other sessions");
    assert_eq!(writer.expect_push(6)["msg"], "from the first");
    // What one session reads, the other one is told on its node.
    let reader = json!({"pwd": PASSWORD, "ack": true, "want": ["receipts"]});
    let mut third = first.account().login_with(on.cluster.node(0), reader);
    second.send(&json!({"msgid": 45, "id": writer.id, "seq": 1}));
    assert_eq!(third.expect_push(46)["read"], 1);
}

/// A group with a speaker on the second node, and a user with a session on each.
struct Apart {
    on: OnShared,
    here: Client,
    there: Client,
    speaker: Client,
    group: u64,
}

impl Apart {
    fn start() -> Self {
        let on = OnShared::start(2, &["session_policy=multi"]);
        let (first, second) = (on.cluster.node(0), on.cluster.node(1));
        let here = Client::newcomer(first, "apart");
        let there = Client::login_as(second, &here.name);
        let mut speaker = Client::newcomer(second, "speaker");
        let group = speaker.create_group("apart");
        Self { on, here, there, speaker, group }
    }

    /// Waits until the second session hears, or does not hear, what is said in the group on its own node.
    fn wait_until_there_hears(&mut self, hears: bool, why: &str) {
        wait_for(why, || {
            self.there.forget_pushes();
            self.speaker.say_to_group(self.group, "to the group");
            // Told after the other, on the same node.
            self.speaker.say(self.here.id, "a fence");
            let mut heard = false;
            loop {
                let push = self.there.recv();
                heard |= push["msgid"] == 10;
                if push["msgid"] == 6 {
                    return (heard == hears).then_some(());
                }
            }
        });
    }
}

#[test]
fn who_left_on_another_node_while_redis_was_away_hears_no_more_when_it_is_back() {
    let mut apart = Apart::start();
    apart.here.join(apart.group);
    apart.wait_until_there_hears(true, "the join to be followed");
    apart.on.cluster.redis.kill();
    apart.here.ok(json!({"msgid": 23, "groupid": apart.group}));
    // Whatever is asked, on whatever node, is answered by the store.
    apart.speaker.say_to_group(apart.group, "he has left");
    for client in [&mut apart.here, &mut apart.there] {
        client.refused(json!({"msgid": 43, "groupid": apart.group}), 403);
        assert!(client.ok(json!({"msgid": 29}))["groups"].as_array().unwrap().is_empty());
    }
    let again = Client::login_as(apart.on.cluster.node(1), &apart.here.name);
    assert!(again.offline_messages().iter().all(|message| message["msgid"] != 10), "{}", again.welcome);
    assert_eq!(again.welcome["groups"], json!([]));
    drop(again);
    apart.on.cluster.redis.restart();
    apart.wait_until_there_hears(false, "the session on the other node to leave the group");
}

#[test]
fn who_joined_on_another_node_while_redis_was_away_hears_the_group_when_it_is_back() {
    let mut apart = Apart::start();
    apart.on.cluster.redis.kill();
    apart.here.join(apart.group);
    apart.on.cluster.redis.restart();
    apart.wait_until_there_hears(true, "the session on the other node to hear the group");
}

#[test]
fn a_resume_kicks_the_ghost_on_another_node() {
    let cluster = cluster();
    let mut ghost = Client::newcomer(cluster.cluster.node(0), "ghost");
    let mut resumed = Client::resume(cluster.cluster.node(1), ghost.id, &ghost.token);
    ghost.expect_closed();
    let mut again = Client::resume(cluster.cluster.node(2), resumed.id, &resumed.token);
    resumed.expect_closed();
    let mut writer = Client::newcomer(cluster.cluster.node(0), "writer");
    writer.say(again.id, "found");
    assert_eq!(again.expect_push(6)["msg"], "found");
    again.expect_silence();
}

// --- what may die ---------------------------------------------------------------------------------------------

#[test]
fn a_killed_node_loses_nothing_that_was_acknowledged() {
    let on = OnShared::start(3, &[]);
    let storm = Storm::start(on.cluster.entry(), 8, 100);
    storm.wait_for_acks(100);
    on.cluster.nodes[0].kill();
    storm.wait_for_acks(300);
    on.cluster.nodes[1].kill();
    on.cluster.nodes[0].restart();
    storm.wait_for_acks(500);
    on.cluster.nodes[1].restart();
    storm.assert_nothing_lost(on.cluster.entry());
}

#[test]
fn a_listener_misses_nothing_while_nodes_die() {
    let on = OnShared::start(3, &[]);
    // The listener's own node stays; the writers' nodes die, perhaps between a commit and its bell.
    let mut listener = Client::newcomer(on.cluster.node(2), "listener");
    let acked = Arc::new(AtomicUsize::new(0));
    let count = 150;
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let account = Account::register(on.cluster.entry(), "writer");
            let to = To::User(listener.id);
            let sender =
                Sender { addr: on.cluster.entry(), account: account.clone(), to, count, acked: Arc::clone(&acked) };
            (account, std::thread::spawn(move || sender.run()))
        })
        .collect();
    wait_for("100 acks", || (acked.load(Ordering::SeqCst) >= 100).then_some(()));
    on.cluster.nodes[0].kill();
    wait_for("300 acks", || (acked.load(Ordering::SeqCst) >= 300).then_some(()));
    on.cluster.nodes[0].restart();
    on.cluster.nodes[1].kill();
    let mut seen: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for _ in 0..4 * count {
        let push = listener.expect_push(6);
        seen.entry(push["id"].as_u64().unwrap()).or_default().push(push["seq"].as_u64().unwrap());
    }
    for (account, sender) in senders {
        sender.join().expect("a sender failed; its message is above");
        assert_eq!(seen[&account.id], (1..=count as u64).collect::<Vec<_>>(), "in order, without a hole, none twice");
    }
}

#[test]
fn a_dead_nodes_sessions_are_offline_and_may_log_in_elsewhere() {
    let on = OnShared::start(2, &[]);
    let mut alice = Client::newcomer(on.cluster.node(0), "alice");
    let bob = Client::newcomer(on.cluster.node(1), "bob");
    alice.ok(json!({"msgid": 7, "friendid": bob.id}));
    let state = |alice: &mut Client| alice.ok(json!({"msgid": 27}))["friends"][0]["state"].clone();
    assert_eq!(state(&mut alice), "online");
    on.cluster.nodes[1].kill();
    wait_for("the dead node's user to be offline", || (state(&mut alice) == "offline").then_some(()));
    alice.say(bob.id, "where are you?");
    let mut bob = bob.account().login(on.cluster.node(0));
    assert_eq!(texts(&bob.offline_messages()), ["where are you?"]);
    bob.expect_silence();
}

/// The states that are told of `of` until `last` is told of `until`.
fn states_told(client: &mut Client, of: u64, until: u64, last: &str) -> Vec<String> {
    let mut states = Vec::new();
    loop {
        let told = client.expect_notice("presence");
        let state = told["state"].as_str().expect("a word").to_owned();
        if told["id"] == until && state == last {
            return states;
        }
        assert!(told["id"] == of || told["id"] == until, "{told}");
        if told["id"] == of {
            states.push(state);
        }
    }
}

#[test]
fn friends_are_told_of_those_whose_node_has_gone() {
    let on = OnShared::start(2, &[]);
    let (here, there) = (on.cluster.node(0), on.cluster.node(1));
    let wanting = json!({"pwd": PASSWORD, "ack": true, "want": ["presence"]});
    let mut ann = Account::register(here, "ann").login_with(here, wanting);
    let [ben, eve] = ["ben", "eve"].map(|name| Account::register(there, name));
    for friend in [&ben, &eve] {
        ann.ok(json!({"msgid": 7, "friendid": friend.id}));
    }
    let [_ben, _eve] = [&ben, &eve].map(|friend| friend.login(there));
    states_told(&mut ann, ben.id, eve.id, "online");
    // Killed: it is noticed.
    on.cluster.nodes[1].kill();
    let eve_here = eve.login(here);
    let of_eve = states_told(&mut ann, eve.id, ben.id, "offline");
    assert!(!of_eve.contains(&"offline".to_owned()), "{of_eve:?}");
    let mut back = ben.login(here);
    assert_eq!(states_told(&mut ann, eve.id, ben.id, "online"), [""; 0]);
    back.log_out();
    assert_eq!(states_told(&mut ann, eve.id, ben.id, "offline"), [""; 0]);
    // Stopped in order: it leaves word.
    on.cluster.nodes[1].restart();
    drop(eve_here);
    let [_ben, _eve] = [&ben, &eve].map(|friend| friend.login(there));
    states_told(&mut ann, eve.id, ben.id, "online");
    ann.forget_pushes();
    on.cluster.nodes[1].term();
    let stopped = Stopwatch::start();
    let _eve = eve.login(here);
    let of_eve = states_told(&mut ann, eve.id, ben.id, "offline");
    assert!(!of_eve.contains(&"offline".to_owned()), "{of_eve:?}");
    let took = stopped.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(12)).contains(&took), "after {took:?}");
}

#[test]
fn without_redis_only_the_way_between_nodes_waits() {
    let mut on = OnShared::start(2, &[]);
    let (here, there) = (on.cluster.node(0), on.cluster.node(1));
    let mut alice = Client::newcomer(here, "alice");
    let mut neighbour = Client::newcomer(here, "neighbour");
    let mut remote = Client::newcomer(there, "remote");
    let group = alice.create_group("doorbell");
    neighbour.join(group);
    remote.join(group);
    alice.say(remote.id, "before");
    assert_eq!(remote.expect_push(6)["msg"], "before");

    on.cluster.redis.kill();
    for number in 1..=3 {
        alice.say(neighbour.id, &format!("near {number}"));
        alice.say(remote.id, &format!("far {number}"));
        alice.say_to_group(group, &format!("all {number}"));
    }
    assert_eq!(texts(&neighbour.expect_pushes(6, 3)), ["near 1", "near 2", "near 3"]);
    assert_eq!(texts(&neighbour.expect_pushes(10, 3)), ["all 1", "all 2", "all 3"]);
    // Logging in needs no Redis, nor does reading what is pending.
    let late = Account::register(there, "late");
    alice.say(late.id, "for the late one");
    let late = late.login(there);
    assert_eq!(texts(&late.offline_messages()), ["for the late one"]);
    alice.ok(json!({"msgid": 7, "friendid": remote.id}));

    on.cluster.redis.restart();
    assert_eq!(texts(&remote.expect_pushes(6, 3)), ["far 1", "far 2", "far 3"], "heard later, in order");
    assert_eq!(texts(&remote.expect_pushes(10, 3)), ["all 1", "all 2", "all 3"], "heard later, in order");
    // Both doorbells ring again, also for who logged in meanwhile.
    let mut late = late;
    for (number, to) in [remote.id, late.id].into_iter().enumerate() {
        alice.say(to, &format!("after {number}"));
    }
    assert_eq!(remote.expect_push(6)["msg"], "after 0");
    assert_eq!(late.expect_push(6)["msg"], "after 1");
    wait_for("presence to be known again", || {
        let reply = alice.ok(json!({"msgid": 27}));
        (reply["friends"][0]["state"] == "online").then_some(())
    });
}

#[test]
fn without_mysql_requests_fail_soon_and_service_resumes() {
    let mut database = MariaDb::start();
    let cluster = Cluster::start(&database.url("outage"), 2, &["store.timeout_ms=2000"]);
    let mut alice = Client::newcomer(cluster.node(0), "alice");
    let mut bob = Client::newcomer(cluster.node(1), "bob");
    let group = alice.create_group("outage");
    bob.join(group);
    let first = alice.say_once(bob.id, "before", "before");
    bob.expect_push(6);

    database.kill();
    let requests = [
        json!({"msgid": 6, "toid": bob.id, "msg": "during", "cid": "during"}),
        json!({"msgid": 10, "groupid": group, "msg": "during", "cid": "during"}),
        json!({"msgid": 7, "friendid": bob.id}),
        json!({"msgid": 43, "id": bob.id}),
        json!({"msgid": 33}),
    ];
    for request in &requests {
        let asked = Stopwatch::start();
        alice.refused(request.clone(), 503);
        let took = asked.elapsed();
        assert!(took < OUTAGE_ANSWER, "{request} was answered after {took:?}");
    }
    let mut newcomer = Client::connect(cluster.node(1));
    newcomer.refused(json!({"msgid": 1, "id": bob.id, "pwd": PASSWORD}), 503);
    for client in [&mut alice, &mut bob] {
        client.ok(json!({"msgid": 17}));
    }

    database.restart();
    for request in &requests {
        wait_for(&format!("{request} to work again"), || {
            let reply: Value = alice.request(request.clone());
            assert!([json!(0), json!(503)].contains(&reply["errno"]), "{request}: {reply}");
            (reply["errno"] == 0).then_some(())
        });
    }
    assert_eq!(bob.expect_push(6)["msg"], "during", "the session has survived");
    assert_eq!(bob.expect_push(10)["msg"], "during", "the session has survived");
    assert_eq!(alice.say_once(bob.id, "before", "before")["seq"], first["seq"]);
    assert_eq!(seqs(&alice.history_with(bob.id)), [1, 2], "each message once");
    assert_eq!(alice.history_of_group(group).len(), 1, "each message once");
}

#[test]
fn a_storm_over_a_database_outage_loses_nothing() {
    let mut database = MariaDb::start();
    let cluster = Cluster::start(&database.url("storm"), 2, &["store.timeout_ms=2000"]);
    let storm = Storm::start(cluster.entry(), 8, 60);
    storm.wait_for_acks(100);
    database.kill();
    database.restart();
    storm.assert_nothing_lost(cluster.entry());
}

#[test]
fn after_an_outage_of_redis_only_what_has_changed_is_looked_at() {
    let mut on = OnShared::start(2, &["admin=127.0.0.1:0"]);
    let (here, there) = (on.cluster.node(0), on.cluster.node(1));
    let admin = on.cluster.nodes[1].admin();
    let counted = |name: &str| -> u64 {
        let (_, metrics) = get(admin, "/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("stonechat_{name}_total ")));
        line.unwrap_or_else(|| panic!("{name} in {metrics}")).parse().unwrap()
    };
    let mut alice = Client::newcomer(here, "alice");
    let mut remote = Client::newcomer(there, "remote");
    let group = alice.create_group("meanwhile");
    remote.join(group);
    let idle: Vec<Client> = (0..20).map(|_| Client::newcomer(there, "idle")).collect();
    let mut said = 0;
    // At first nobody knows since when: the database's clock was not read yet, or the link not tried.
    wait_for("an outage after which no session is compared", || {
        let before = (counted("resync_conversations"), counted("resync_sessions"));
        on.cluster.redis.kill();
        said += 1;
        alice.say(remote.id, &format!("to one {said}"));
        alice.say_to_group(group, &format!("to all {said}"));
        on.cluster.redis.restart();
        assert_eq!(remote.expect_push(6)["msg"], format!("to one {said}"), "nothing is missing");
        assert_eq!(remote.expect_push(10)["msg"], format!("to all {said}"));
        let after = (counted("resync_conversations"), counted("resync_sessions"));
        (after.0 >= before.0 + 2 && after.1 == before.1).then_some(())
    });
    assert_eq!(idle.len(), 20);
}

// --- the data model -------------------------------------------------------------------------------------------

#[test]
fn the_tables_are_what_the_documentation_says() {
    let on = cluster();
    let mut alice = Client::newcomer(on.cluster.node(0), "alice");
    let bob = Account::register(on.cluster.node(1), "bob");
    alice.say(bob.id, "pending");
    let opts = mysql::OptsBuilder::from_opts(mysql::Opts::from_url(&on.url).unwrap()).prefer_socket(false);
    let mut database = mysql::Conn::new(opts).unwrap();
    for (table, columns) in [
        ("User", "id name password state created_at"),
        ("Friend", "userid friendid"),
        ("AllGroup", "id groupname groupdesc created_at"),
        ("GroupUser", "groupid userid grouprole"),
        ("Conversation", "id last_seq"),
        ("Message", "conv seq kind sender sent_at cid body"),
        ("`Cursor`", "userid device conv delivered read_seq"),
        ("Device", "userid device name"),
        ("OfflineMessage", "userid message"),
        ("AuthToken", "userid expires_at"),
    ] {
        let present: Vec<mysql::Row> = database
            .query(format!("SHOW COLUMNS FROM {table}"))
            .unwrap_or_else(|error| panic!("table or view {table}: {error}"));
        let present: Vec<String> =
            present.iter().map(|row| row.get(0).expect("SHOW COLUMNS names them first")).collect();
        for column in columns.split(' ') {
            assert!(present.iter().any(|name| name == column), "{table} has a column {column}, among {present:?}");
        }
    }
    let pending: Vec<Vec<u8>> =
        database.exec("SELECT message FROM OfflineMessage WHERE userid = ?", (bob.id,)).expect("the view can be read");
    assert_eq!(pending.len(), 1, "the view shows what is pending");
    assert!(String::from_utf8_lossy(&pending[0]).contains("pending"), "the view shows the message's text");
    let password: String =
        database.exec_first("SELECT password FROM User WHERE id = ?", (bob.id,)).unwrap().expect("bob has a row");
    assert!(password.starts_with("$argon2id$"), "an Argon2id PHC string, not {password}");
}
