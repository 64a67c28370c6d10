//! Every scenario again, on one node with MySQL: both databases keep the same promises.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::client::{Account, Client, Stopwatch};
use common::mariadb::MariaDb;
use common::node::Node;
use common::process::wait_for;
use common::scenarios::Site;
use common::shared::Shared;
use mysql::prelude::Queryable;
use serde_json::json;

/// A node and its database server; the node goes first.
struct OnMySql {
    node: Node,
    database: MariaDb,
}

impl OnMySql {
    fn start() -> Self {
        let database = MariaDb::start();
        let node = Node::start(&["--mysql", &database.url("stonechat")]);
        Self { node, database }
    }

    fn site(&self) -> Site {
        self.node.site()
    }
}

static SERVERS: Shared<OnMySql> = Shared::new();

fn servers() -> Arc<OnMySql> {
    SERVERS.get(OnMySql::start)
}

test_every_scenario!(crate::servers);

#[test]
fn a_killed_node_comes_back_with_everything() {
    let servers = servers();
    let node = Node::start(&["--mysql", &servers.database.url("killed")]);
    let mut alice = common::client::Client::newcomer(node.addr(), "alice");
    let bob = common::client::Account::register(node.addr(), "bob");
    let first = alice.say_once(bob.id, "before the kill", "c");
    node.kill();
    node.restart();
    let mut alice = alice.account().login(node.addr());
    let again = alice.say_once(bob.id, "before the kill", "c");
    assert_eq!((&again["seq"], &again["time"]), (&first["seq"], &first["time"]), "a cid survives a restart");
    assert_eq!(bob.login(node.addr()).offline_messages().len(), 1);
}

#[test]
fn one_locked_conversation_costs_nobody_else_anything() {
    let servers = servers();
    let url = servers.database.url("locked");
    let node = Node::start(&["--mysql", &url, "--set", "store.timeout_ms=2000"]);
    let mut pairs: Vec<(Client, Account)> = (0..12)
        .map(|n| {
            (Client::newcomer(node.addr(), &format!("ann{n}")), Account::register(node.addr(), &format!("ben{n}")))
        })
        .collect();
    for (ann, ben) in &mut pairs {
        assert_eq!(ann.say(ben.id, "first")["seq"], 1);
    }
    let mut twelfth = pairs.pop().unwrap();
    let user = |id: u64| stonechat::ids::UserId::new(i64::try_from(id).unwrap()).unwrap();
    let conv = stonechat::ids::ConvId::pair(user(twelfth.0.account().id), user(twelfth.1.id)).number();
    let mut somebody = servers.database.connect().unwrap();
    for statement in ["USE locked", "START TRANSACTION"] {
        somebody.query_drop(statement).unwrap();
    }
    somebody.query_drop(format!("SELECT * FROM Conversation WHERE id = {conv} FOR UPDATE")).unwrap();

    let to_locked = json!({"msgid": 6, "toid": twelfth.1.id, "msg": "held up", "cid": "once"});
    twelfth.0.send(&to_locked);
    // More than twice the timeout: an unrelated message that waited for the lock would be refused.
    let begun = Stopwatch::start();
    let mut said = 1;
    while begun.elapsed() < Duration::from_secs(5) {
        said += 1;
        for (ann, ben) in &mut pairs {
            assert_eq!(ann.say(ben.id, "and on")["seq"], said, "acknowledged while another conversation is locked");
        }
    }
    let refusal = twelfth.0.expect_push(11);
    assert_eq!(refusal["errno"], 503, "{refusal}");
    twelfth.0.refused(to_locked.clone(), 503);
    somebody.query_drop("COMMIT").unwrap();
    let ack = wait_for("the conversation to be served again", || {
        let reply = twelfth.0.request(to_locked.clone());
        (reply.get("errno").is_none_or(|errno| *errno != 503)).then_some(reply)
    });
    assert_eq!(ack["seq"], 2, "stored once, without a hole: {ack}");
    assert_eq!(twelfth.0.say(twelfth.1.id, "next")["seq"], 3);
}
