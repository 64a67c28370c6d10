//! Replicas that are read from (`mysql_read`): what they answer is proved by a row that only the replica has, and what they
//! lack is never shown instead of what was acknowledged.
#![allow(clippy::unwrap_used, reason = "allow-unwrap-in-tests misses what is no #[test]")]

mod common;

use common::client::{Account, Client, PASSWORD, texts};
use common::http::get;
use common::mariadb::MariaDb;
use common::node::Node;
use common::process::{server_command, wait_for};
use common::replicas::{Replicas, Replication};
use mysql::prelude::Queryable;
use serde_json::{Value, json};

/// A primary, its replica and a node that reads from it, by an account that may do nothing else.
struct Site {
    node: Node,
    pair: Replicas,
}

impl Site {
    fn start() -> Self {
        let pair = Replicas::start(Replication::Asynchronous);
        pair.primary().execute("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'hidden'");
        pair.primary().execute("GRANT SELECT ON stonechat.* TO reader@'127.0.0.1'");
        let main = format!("mysql://chat:pw@127.0.0.1:{}/stonechat", pair.primary().port());
        let read = format!("mysql://reader:hidden@127.0.0.1:{}/stonechat", pair.replica().port());
        let node = Node::start(&["--mysql", &main, "--mysql-read", &read, "--admin", "127.0.0.1:0"]);
        pair.wait_for_replica();
        Self { node, pair }
    }

    fn newcomer(&self, name: &str) -> Client {
        Client::newcomer(self.node.addr(), name)
    }

    /// How many questions a replica has answered, and how many the main database in its place.
    fn counted(&self) -> (u64, u64) {
        let (_, page) = get(self.node.admin(), "/metrics");
        let count = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(&format!("stonechat_replica_{name}_total ")));
            line.unwrap().parse().unwrap()
        };
        (count("answers"), count("declines"))
    }

    /// Waits until this is answered by the replica.
    fn wait_until_read(&self, mut ask: impl FnMut()) {
        wait_for("an answer of the replica", || {
            let (before, _) = self.counted();
            ask();
            (self.counted().0 > before).then_some(())
        });
    }

    /// Changes what only the replica has.
    fn forge(&self, statement: &str) {
        let mut conn = self.pair.replica().connect().unwrap();
        for statement in ["SET sql_log_bin = 0", "USE stonechat", statement] {
            conn.query_drop(statement).unwrap();
        }
    }

    /// The replica applies nothing from now on.
    fn hold_replica(&self) {
        self.pair.wait_for_replica();
        self.pair.replica().execute("STOP SLAVE SQL_THREAD");
    }

    fn let_replica_go_on(&self) {
        self.pair.replica().execute("START SLAVE SQL_THREAD");
        self.pair.wait_for_replica();
    }
}

fn words(client: &mut Client, keyword: &str) -> Vec<String> {
    let reply = client.ok(json!({"msgid": 63, "keyword": keyword}));
    texts(reply["messages"].as_array().unwrap())
}

fn names(client: &mut Client, keyword: &str) -> Value {
    client.ok(json!({"msgid": 31, "keyword": keyword}))["users"].clone()
}

#[test]
fn pages_words_and_names_are_read_from_a_replica() {
    let site = Site::start();
    let (mut alice, mut bob) = (site.newcomer("alice"), site.newcomer("bob"));
    for text in ["first", "second", "third"] {
        alice.say(bob.id, text);
    }
    site.pair.wait_for_replica();
    site.wait_until_read(|| assert_eq!(texts(&bob.history_with(alice.id)), ["first", "second", "third"]));
    site.forge("UPDATE Message SET body = '{\"msg\":\"only there\"}' WHERE seq = 2");
    assert_eq!(texts(&bob.history_with(alice.id)), ["first", "only there", "third"]);
    assert_eq!(words(&mut bob, "only there"), ["only there"]);
    assert_eq!(words(&mut bob, "second"), [""; 0]);

    let (read, declined) = site.counted();
    assert_eq!(names(&mut alice, &bob.account().name)[0]["id"], bob.id);
    let group = alice.create_group("readers");
    bob.join(group);
    site.pair.wait_for_replica();
    assert_eq!(alice.ok(json!({"msgid": 31, "keyword": "readers"}))["groups"][0]["id"], group);
    assert_eq!(site.counted(), (read + 4, declined), "users and groups are two questions each");
    // Another name than that of the main database is not shown.
    site.forge(&format!("UPDATE User SET name = 'nobody' WHERE id = {}", bob.id));
    assert_eq!(names(&mut alice, &bob.account().name)[0]["name"], json!(bob.account().name));
    assert_eq!(site.counted(), (read + 5, declined + 1));
    let log = site.node.log();
    assert!(log.contains(&format!("replica 127.0.0.1:{} is read from", site.pair.replica().port())), "{log}");
    assert!(!log.contains("hidden"), "{log}");
}

#[test]
fn what_the_replica_lacks_decides_nothing() {
    let site = Site::start();
    let (mut alice, mut bob, mut carol) = (site.newcomer("alice"), site.newcomer("bob"), site.newcomer("carol"));
    let group = alice.create_group("held");
    bob.join(group);
    alice.say_to_group(group, "among members");
    alice.say(bob.id, "taken back later");
    alice.say(bob.id, "second");
    carol.say(bob.id, "of a user who goes");
    site.pair.wait_for_replica();
    site.wait_until_read(|| drop(bob.history_of_group(group)));
    site.wait_until_read(|| drop(bob.history_with(carol.id)));
    site.hold_replica();

    alice.ok(json!({"msgid": 59, "id": bob.id, "of": 1}));
    let shown = json!(bob.history_with(alice.id)).to_string();
    assert!(!shown.contains("taken back later") && shown.contains("second"), "{shown}");
    assert_eq!(words(&mut bob, "taken back"), [""; 0]);
    assert_eq!(words(&mut bob, "second"), ["second"]);
    alice.say(bob.id, "a moment ago");
    assert_eq!(bob.history_with(alice.id).last().unwrap()["msg"], "a moment ago");

    alice.ok(json!({"msgid": 71, "groupid": group, "id": bob.id}));
    bob.refused(json!({"msgid": 43, "groupid": group}), 403);
    assert_eq!(words(&mut bob, "among"), [""; 0]);

    let gone = carol.account();
    carol.ok(json!({"msgid": 89, "pwd": PASSWORD}));
    assert_eq!(names(&mut bob, &gone.name), json!([]));
    assert_eq!(names(&mut bob, &gone.id.to_string()), json!([]));
    // What she has said is recalled in the background, which takes no number of the conversation.
    wait_for("what she has said to be recalled", || {
        let statement = "SELECT COUNT(*) FROM stonechat.Message WHERE body LIKE '%of a user who goes%'";
        let left: Option<u64> = site.pair.primary().connect().unwrap().query_first(statement).unwrap();
        (left == Some(0)).then_some(())
    });
    let shown = json!(bob.history_with(gone.id)).to_string();
    assert!(!shown.contains("who goes") && !shown.contains(&gone.name), "{shown}");
    assert_eq!(words(&mut bob, "who goes"), [""; 0]);

    wait_for("the log to tell that the replica is behind", || {
        bob.history_with(alice.id);
        site.node.log().contains("s behind").then_some(())
    });
    let (read, _) = site.counted();
    bob.history_with(alice.id);
    assert_eq!(site.counted().0, read, "it is left alone");
    site.let_replica_go_on();
    site.wait_until_read(|| drop(bob.history_with(alice.id)));
    assert!(site.node.log().contains("is read from again"));
}

#[test]
fn of_a_group_in_which_much_is_said_older_pages_need_no_replica_that_has_it_all() {
    let site = Site::start();
    let (mut alice, mut bob) = (site.newcomer("alice"), site.newcomer("bob"));
    for text in ["first", "second", "third"] {
        alice.say(bob.id, text);
    }
    site.hold_replica();
    alice.say(bob.id, "fourth");
    let older = json!({"msgid": 43, "id": alice.id, "before": 3});
    let (before, _) = site.counted();
    assert_eq!(texts(bob.ok(older.clone())["messages"].as_array().unwrap()), ["first", "second"]);
    assert_eq!(site.counted().0, before + 1, "nothing that was said since is about an older message");
    let latest = bob.ok(json!({"msgid": 43, "id": alice.id}))["messages"].clone();
    assert_eq!(latest[3]["msg"], "fourth", "{latest}");
    assert_eq!(texts(&bob.history_with(alice.id)).last().unwrap(), "fourth");
    assert_eq!(site.counted().0, before + 1, "in these the replica would have a hole");
    bob.ok(json!({"msgid": 61, "id": alice.id, "of": 1, "reaction": "+", "on": true}));
    let page = bob.ok(older)["messages"].clone();
    assert!(page[0]["reactions"].to_string().contains('+'), "{page}");
    assert_eq!(site.counted().0, before + 1);
}

#[test]
fn a_replica_that_dies_costs_nobody_an_answer_and_is_used_again_when_it_is_back() {
    let mut site = Site::start();
    let (mut alice, mut bob) = (site.newcomer("alice"), site.newcomer("bob"));
    alice.say(bob.id, "hello");
    site.wait_until_read(|| drop(bob.history_with(alice.id)));
    site.pair.servers[1].kill();
    for _ in 0..50 {
        assert_eq!(texts(&bob.history_with(alice.id)), ["hello"]);
        assert_eq!(words(&mut bob, "hello"), ["hello"]);
        assert_eq!(names(&mut bob, &alice.account().name)[0]["id"], alice.id);
    }
    let log = site.node.log();
    assert_eq!(log.matches("is not read from, and the main database answers in its place").count(), 1, "{log}");
    site.pair.servers[1].restart();
    site.wait_until_read(|| drop(bob.history_with(alice.id)));
    assert_eq!(site.node.log().matches("is read from again").count(), 1);
    site.pair.servers[1].signal("STOP");
    for _ in 0..20 {
        assert_eq!(texts(&bob.history_with(alice.id)), ["hello"]);
    }
    let log = site.node.log();
    assert_eq!(log.matches("is not read from, and the main database answers in its place").count(), 2, "{log}");
    site.pair.servers[1].signal("CONT");
    site.wait_until_read(|| drop(bob.history_with(alice.id)));
    assert_eq!(site.node.log().matches("is read from again").count(), 2);
}

#[test]
fn data_of_another_cluster_or_of_another_form_are_not_read() {
    let database = MariaDb::shared();
    let (main, other) = (database.url("reading_main"), database.url("reading_other"));
    drop(Node::start(&["--mysql", &other]));
    let settings = ["--mysql", &main, "--mysql-read", &other];
    let node = Node::start(&settings);
    let bob = Account::register(node.addr(), "bob");
    let mut alice = Client::newcomer(node.addr(), "alice");
    alice.say(bob.id, "hello");
    let ask = |alice: &mut Client| assert_eq!(texts(&alice.history_with(bob.id)), ["hello"]);
    ask(&mut alice);
    assert!(node.log().contains("it has the data of another cluster"), "{}", node.log());
    let checked = || {
        let ended = server_command().args(settings).arg("check-config").output().unwrap();
        assert!(ended.status.success());
        String::from_utf8(ended.stderr).unwrap()
    };
    assert!(checked().contains("cannot be read from: it has the data of another cluster"), "{}", checked());
    database.execute("UPDATE reading_other.Cluster SET id = (SELECT id FROM reading_main.Cluster)");
    assert!(checked().contains("cannot be read from: it has not the state of the data"), "{}", checked());
    database.execute("UPDATE reading_other.Cluster SET epoch = (SELECT epoch FROM reading_main.Cluster)");
    database.execute("UPDATE reading_other.SchemaVersion SET version = version + 1000");
    assert!(checked().contains("cannot be read from: its tables are of version 100"), "{}", checked());
    ask(&mut alice);
    database.execute("DELETE FROM reading_other.SchemaVersion");
    database.execute("INSERT INTO reading_other.SchemaVersion SELECT * FROM reading_main.SchemaVersion");
    assert!(checked().contains("it can be read from"), "{}", checked());
}
