//! Every scenario again, on one node with MySQL: both databases keep the same promises.

mod common;

use std::sync::Arc;

use common::mariadb::MariaDb;
use common::node::Node;
use common::scenarios::Site;
use common::shared::Shared;

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
