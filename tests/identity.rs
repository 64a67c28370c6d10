//! Whose data it is: two installations never meet by accident, and when the data went back (a restore, a fail-over to
//! older data) every new message is shown.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests wait for real servers")]

mod common;

use std::time::Duration;

use common::client::{Client, PASSWORD, texts, unique};
use common::mariadb::MariaDb;
use common::node::Node;
use common::process::{Process, server_command, wait_for};
use common::redis::Redis;
use common::replicas::{Replicas, Replication};
use mysql::prelude::Queryable;
use serde_json::json;

/// A node on a database of its own name on the shared server.
fn node_on(mysql: &str, redis: &Redis, settings: &[&str]) -> Node {
    let redis = redis.url();
    let mut args = vec!["--mysql", mysql, "--redis", &redis];
    args.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    Node::start(&args)
}

fn new_database() -> String {
    MariaDb::shared().url(&unique("identity").replace('-', "_"))
}

// --- two installations ----------------------------------------------------------------------------------------

#[test]
fn two_installations_on_one_redis_do_not_meet() {
    let redis = Redis::start();
    let (one, other) = (new_database(), new_database());
    let settings = ["session_policy=replace"];
    let [mine, also_mine] = [(); 2].map(|()| node_on(&one, &redis, &settings));
    let foreign = node_on(&other, &redis, &settings);
    // The same numbers on both sides: users 1 and 2, group 1.
    let mut anna = Client::newcomer(mine.addr(), "anna");
    let mut ben = Client::newcomer(also_mine.addr(), "ben");
    let mut other_anna = Client::newcomer(foreign.addr(), "anna");
    let mut other_ben = Client::newcomer(foreign.addr(), "ben");
    assert_eq!([anna.id, ben.id], [other_anna.id, other_ben.id]);
    anna.expect_silence();
    ben.expect_silence();
    let group = anna.create_group("chess");
    assert_eq!(other_anna.create_group("go"), group);
    ben.join(group);
    other_ben.join(group);
    for client in [&mut anna, &mut other_anna] {
        client.expect_notice("group_joined");
    }
    for number in 1..=3 {
        other_anna.say(ben.id, &format!("foreign {number}"));
        other_anna.say_to_group(group, &format!("foreign {number}"));
    }
    anna.say(ben.id, "to ben");
    anna.say_to_group(group, "to all");
    assert_eq!(ben.expect_push(6)["msg"], "to ben");
    assert_eq!(ben.expect_push(10)["msg"], "to all");
    ben.expect_silence();
    anna.expect_silence();
    let mut again = Client::login_as(foreign.addr(), &other_anna.name);
    other_anna.expect_closed();
    assert_eq!(again.ok(json!({"msgid": 31, "keyword": "anna"}))["users"].as_array().unwrap().len(), 1);
    anna.expect_silence();
    ben.say(anna.id, "still here");
    assert_eq!(anna.expect_push(6)["msg"], "still here");
}

// --- data that went back --------------------------------------------------------------------------------------

/// A backup of a database on the shared server, taken and put back behind the nodes' backs.
struct Backup {
    database: String,
}

/// What a backup of the messages holds. Users, groups and tokens stay: nobody is made while it lasts.
const TABLES: [&str; 4] = ["Conversation", "Message", "Cursor", "Cluster"];

impl Backup {
    fn take(mysql: &str) -> Self {
        let database = mysql.rsplit('/').next().unwrap().to_owned();
        let backup = Self { database };
        for table in TABLES {
            backup.run(&format!("CREATE TABLE `{table}Backup` AS SELECT * FROM `{table}`"));
        }
        backup
    }

    /// Cursors are written a moment late: a backup may lack the last ones, and what was confirmed comes again after it. Not
    /// in this one, so that a test can tell what comes.
    fn take_when_confirmed(mysql: &str, delivered: u64) -> Self {
        wait_until_confirmed(&mut mysql::Conn::new(mysql).unwrap(), delivered);
        Self::take(mysql)
    }

    /// All of it at once, as a node sees it whose database went over to an older replica.
    fn put_back(&self) {
        let mut statements = vec!["START TRANSACTION".to_owned()];
        for table in TABLES {
            statements.push(format!("DELETE FROM `{table}`"));
            statements.push(format!("INSERT INTO `{table}` SELECT * FROM `{table}Backup`"));
        }
        statements.push("COMMIT".to_owned());
        self.run_all(&statements);
    }

    fn run(&self, statement: &str) {
        self.run_all(&[statement.to_owned()]);
    }

    fn run_all(&self, statements: &[String]) {
        let mut conn = MariaDb::shared().connect().unwrap();
        conn.query_drop(format!("USE `{}`", self.database)).unwrap();
        for statement in statements {
            conn.query_drop(statement).unwrap();
        }
    }

    fn epoch(&self) -> String {
        let mut conn = MariaDb::shared().connect().unwrap();
        conn.query_first(format!("SELECT epoch FROM `{}`.Cluster", self.database)).unwrap().unwrap()
    }
}

/// Waits until the positions of two who talk are written.
fn wait_until_confirmed(conn: &mut mysql::Conn, delivered: u64) {
    wait_for("both cursors to be written", || {
        let written = format!("SELECT COUNT(*) FROM `Cursor` WHERE delivered = {delivered}");
        let written: Option<u64> = conn.query_first(written).unwrap();
        (written == Some(2)).then_some(())
    });
}

fn epoch_of(client: &Client) -> String {
    client.welcome["epoch"].as_str().unwrap_or_else(|| panic!("no epoch: {}", client.welcome)).to_owned()
}

/// The session is told why it ends, and ends.
fn expect_restored(client: &mut Client) {
    let last = client.expect_closed();
    assert!(last.iter().any(|message| message["kind"] == "restored"), "a NOTICE restored among {last:?}");
}

/// How often a node found that the data have a new epoch.
fn epochs_seen(node: &Node) -> usize {
    node.log().matches("the data have a new epoch").count()
}

/// Both say so many things to each other and confirm them.
fn talk(one: &mut Client, other: &mut Client, prefix: &str, count: usize) {
    for number in 1..=count {
        let seq = one.say(other.id, &format!("{prefix} {number}"))["seq"].as_u64().unwrap();
        assert_eq!(other.expect_push(6)["seq"], seq);
        other.confirm(one.id, seq);
    }
    other.forget_pushes();
}

/// What a client that logs in again is shown: its list, and what follows as pushes.
fn shown(client: &mut Client, count: usize) -> Vec<String> {
    let mut messages = client.offline_messages();
    while messages.len() < count {
        messages.push(client.expect_push(6));
    }
    texts(&messages)
}

#[test]
fn after_a_restore_under_running_nodes_every_new_message_is_shown() {
    let (redis, mysql) = (Redis::start(), new_database());
    let nodes = [(); 2].map(|()| node_on(&mysql, &redis, &[]));
    let mut anna = Client::newcomer(nodes[0].addr(), "anna");
    let mut ben = Client::newcomer(nodes[1].addr(), "ben");
    let mut idle = Client::newcomer(nodes[1].addr(), "idle");
    talk(&mut anna, &mut ben, "kept", 7);
    let before = epoch_of(&anna);
    assert_eq!(before, epoch_of(&ben));
    let backup = Backup::take_when_confirmed(&mysql, 7);
    talk(&mut anna, &mut ben, "lost", 3);
    backup.put_back();
    // Stored as number 8: ben has had ten.
    anna.send(&json!({"msgid": 6, "toid": ben.id, "msg": "new 1", "cid": "n1"}));
    for client in [&mut anna, &mut ben, &mut idle] {
        expect_restored(client);
    }
    let (mut anna, mut ben) = (anna.account().login(nodes[0].addr()), ben.account().login(nodes[1].addr()));
    let after = epoch_of(&anna);
    assert_ne!(after, before);
    assert_eq!(epoch_of(&ben), after);
    assert_eq!(anna.say_once(ben.id, "new 1", "n1")["seq"], 8, "it is there once");
    for number in 2..=4 {
        assert_eq!(anna.say(ben.id, &format!("new {number}"))["seq"], 7 + number);
    }
    assert_eq!(shown(&mut ben, 4), ["new 1", "new 2", "new 3", "new 4"]);
    assert_eq!(backup.epoch(), after);
    assert_eq!(nodes.each_ref().map(epochs_seen), [1, 1]);
    ben.expect_silence();
}

#[test]
fn what_an_asynchronous_replica_lacks_is_lost_with_the_primary_and_everybody_is_told() {
    let (redis, mut pair) = (Redis::start(), Replicas::start(Replication::Asynchronous));
    let nodes = [(); 2].map(|()| node_on(&pair.url(), &redis, &[]));
    let mut anna = Client::newcomer(nodes[0].addr(), "anna");
    let mut ben = Client::newcomer(nodes[1].addr(), "ben");
    let mut idle = Client::newcomer(nodes[1].addr(), "idle");
    talk(&mut anna, &mut ben, "kept", 7);
    let mut conn = pair.primary().connect().unwrap();
    conn.query_drop("USE stonechat").unwrap();
    wait_until_confirmed(&mut conn, 7);
    pair.wait_for_replica();
    pair.stop_replicating();
    talk(&mut anna, &mut ben, "lost", 3);
    pair.kill_primary();
    pair.promote();
    // Both nodes follow by themselves; until then a message is refused.
    wait_for("the first new message to be noticed as such", || {
        // Her session may have ended by now.
        let new = json!({"msgid": 6, "toid": ben.id, "msg": "new 1", "cid": "n1"});
        anna.try_send_raw(format!("{new}\n").as_bytes());
        std::thread::sleep(Duration::from_millis(100));
        nodes.iter().all(|node| epochs_seen(node) == 1).then_some(())
    });
    for client in [&mut anna, &mut ben, &mut idle] {
        expect_restored(client);
    }
    let (mut anna, mut ben) = (anna.account().login(nodes[0].addr()), ben.account().login(nodes[1].addr()));
    assert_eq!(epoch_of(&ben), epoch_of(&anna));
    assert_eq!(anna.say_once(ben.id, "new 1", "n1")["seq"], 8, "it is there once");
    for number in 2..=4 {
        assert_eq!(anna.say(ben.id, &format!("new {number}"))["seq"], 7 + number);
    }
    assert_eq!(shown(&mut ben, 4), ["new 1", "new 2", "new 3", "new 4"]);
    let kept: Vec<String> = (1..=7).map(|number| format!("kept {number}")).collect();
    let history = texts(&anna.history_with(ben.id));
    assert_eq!(history[..7], kept, "what the replica had got is there");
    assert_eq!(history.len(), 11, "and what it had not got is gone: {history:?}");
    for node in &nodes {
        assert!(node.log().contains("is used from now on, in place of"), "{}", node.log());
    }
    let mut asked = server_command();
    let asked = asked.args(["--mysql", &pair.url(), "check-config"]).output().unwrap();
    let (said, [dead, used]) = (String::from_utf8_lossy(&asked.stderr), pair.ports());
    assert!(asked.status.success(), "{said}");
    assert!(said.contains(&format!("database server 127.0.0.1:{used} is used: it takes writes")), "{said}");
    assert!(said.contains(&format!("database server 127.0.0.1:{dead}: ")) && said.contains("refused"), "{said}");
}

#[test]
fn a_session_notices_a_restore_that_the_storing_node_cannot_see() {
    let (redis, mysql) = (Redis::start(), new_database());
    let nodes = [(); 2].map(|()| node_on(&mysql, &redis, &[]));
    let mut anna = Client::newcomer(nodes[0].addr(), "anna");
    let mut ben = Client::newcomer(nodes[0].addr(), "ben");
    talk(&mut anna, &mut ben, "kept", 7);
    let backup = Backup::take_when_confirmed(&mysql, 7);
    talk(&mut anna, &mut ben, "lost", 5);
    anna.log_out();
    backup.put_back();
    // The other node knows nothing of this conversation.
    let mut anna = anna.account().login(nodes[1].addr());
    anna.send(&json!({"msgid": 6, "toid": ben.id, "msg": "new", "cid": "n"}));
    expect_restored(&mut ben);
    expect_restored(&mut anna);
    let mut ben = ben.account().login(nodes[0].addr());
    assert_eq!(shown(&mut ben, 1), ["new"]);
    assert_eq!(backup.epoch(), epoch_of(&ben));
    assert_eq!(nodes.each_ref().map(epochs_seen), [1, 1]);
}

#[test]
fn an_epoch_made_elsewhere_is_noticed_without_redis() {
    let mysql = new_database();
    let node = Node::start(&["--mysql", &mysql]);
    let mut anna = Client::newcomer(node.addr(), "anna");
    let backup = Backup::take(&mysql);
    backup.run("UPDATE Cluster SET epoch = 'another'");
    expect_restored(&mut anna);
    // The old session is no session any more, although the client has not closed its side yet.
    Client::connect(node.addr()).ok(json!({"msgid": 1, "id": anna.id, "pwd": PASSWORD}));
    let anna = anna.account().login(node.addr());
    assert_eq!(epoch_of(&anna), "another");
    // The first one comes back: clients may know it, so it does not count.
    backup.put_back();
    wait_for("an epoch that nobody has seen", || {
        let epoch = backup.epoch();
        (epoch != "another" && epoch != epoch_before(&backup)).then_some(())
    });
}

/// The epoch in the backup.
fn epoch_before(backup: &Backup) -> String {
    let mut conn = MariaDb::shared().connect().unwrap();
    conn.query_first(format!("SELECT epoch FROM `{}`.ClusterBackup", backup.database)).unwrap().unwrap()
}

// --- copies, and nodes of another version ---------------------------------------------------------------------

/// Starts a node that should refuse to start; its last words.
fn refused(mysql: &str, redis: &Redis) -> String {
    let data = tempfile::tempdir().unwrap();
    let mut command = server_command();
    command.args(["--listen", "127.0.0.1:0", "--mysql", mysql, "--redis", &redis.url(), "--data"]).arg(data.path());
    let mut process = Process::start("stonechat", &mut command);
    let status = process.wait();
    assert!(!status.success(), "it ends with an error: {}", process.output());
    process.output()
}

/// Makes the second database a copy of the first, as far as their identity goes.
fn make_a_copy(original: &str, copy: &str) {
    let name = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    let (original, copy) = (name(original), name(copy));
    MariaDb::shared().execute(&format!("UPDATE `{copy}`.Cluster c, `{original}`.Cluster o SET c.id = o.id"));
}

#[test]
fn a_node_on_a_copied_database_refuses_to_start_beside_the_original() {
    let redis = Redis::start();
    let (original, copy) = (new_database(), new_database());
    Node::start(&["--mysql", &copy]).term();
    let first = node_on(&original, &redis, &[]);
    make_a_copy(&original, &copy);
    let told = refused(&copy, &redis);
    assert!(told.contains("another database with the same identity"), "{told}");
    assert!(told.contains("a Redis of its own"), "{told}");
    let second = node_on(&original, &redis, &[]);
    let (mut anna, mut ben) = (Client::newcomer(first.addr(), "anna"), Client::newcomer(second.addr(), "ben"));
    anna.say(ben.id, "we are whole");
    assert_eq!(ben.expect_push(6)["msg"], "we are whole");
    assert!(second.term().success());
    let identities = format!("SELECT COUNT(*) FROM `{}`.Node", original.rsplit('/').next().unwrap());
    let left: Option<u64> = MariaDb::shared().connect().unwrap().query_first(identities).unwrap();
    assert_eq!(left, Some(1), "who ends in order leaves the list of nodes");
    first.assert_running();
}

#[test]
fn a_node_on_a_copied_database_ends_when_redis_shows_the_original() {
    let mut redis = Redis::start();
    let (original, copy) = (new_database(), new_database());
    Node::start(&["--mysql", &copy]).term();
    let first = node_on(&original, &redis, &[]);
    make_a_copy(&original, &copy);
    redis.kill();
    let stranger = node_on(&copy, &redis, &[]);
    stranger.assert_running();
    redis.restart();
    assert!(!stranger.wait().success());
    assert!(stranger.log().contains("another database with the same identity"), "{}", stranger.log());
    first.assert_running();
    Client::newcomer(first.addr(), "anna").expect_silence();
}

#[test]
fn nodes_of_the_first_version_are_seen_and_refused() {
    let (redis, mysql) = (Redis::start(), new_database());
    let mut old = redis.connect();
    old.command(&["SUBSCRIBE", "nodes", "n:00000000000000ff"]);
    let told = refused(&mysql, &redis);
    assert!(told.contains("1 nodes of version 0.1") && told.contains("before this node upgrades"), "{told}");
    let mut conn = mysql::Conn::new(mysql.as_str()).unwrap();
    assert_eq!(conn.query::<String, _>("SHOW TABLES").unwrap(), [] as [String; 0], "nothing was written");
    drop(old);
    let node = wait_for("the old node to be gone", || {
        (redis.command(&["PUBSUB", "NUMSUB", "nodes"]) == "nodes :0").then(|| node_on(&mysql, &redis, &[]))
    });
    let mut late = redis.connect();
    late.command(&["SUBSCRIBE", "nodes"]);
    wait_for("a word about the old node", || node.log().contains("nodes of version 0.1 use this Redis").then_some(()));
}
