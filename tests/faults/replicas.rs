//! A primary and its replica: the primary dies or freezes, the replica is promoted, and nothing is lost that was
//! acknowledged, for nothing is acknowledged that the replica has not got.

use std::time::Duration;

use crate::common::crowd::Crowd;
use crate::common::node::Node;
use crate::common::redis::Redis;
use crate::common::relay::{Flow, Relay};
use crate::common::replicas::{Replicas, Replication};
use crate::suite::{CLIENTS, Suite, rounds};

/// How long an operator needs until the replica is promoted.
const UNTIL_PROMOTED: Duration = Duration::from_secs(2);
/// How long commits go into the void before their server dies.
const VOID: Duration = Duration::from_millis(300);

#[test]
fn the_primary_dies_and_its_replica_is_promoted() {
    let mut suite = Suite::start("replicas");
    let mut pair = Replicas::start(Replication::SemiSynchronous);
    let relays = pair.ports().map(Relay::start);
    let url = Replicas::url_on_ports(relays[0].port(), relays[1].port());
    let redis = Redis::start();
    let settings = ["--mysql", &url, "--redis", &redis.url(), "--set", "store.timeout_ms=2000"];
    let nodes: Vec<Node> = (0..2).map(|_| Node::start(&settings)).collect();
    let crowd = Crowd::start(&[nodes[0].addr(), nodes[1].addr()], CLIENTS);
    let sessions = crowd.logins();
    for _ in 0..rounds() {
        suite.struck("primary killed, replica promoted");
        pair.kill_primary();
        std::thread::sleep(UNTIL_PROMOTED);
        pair.promote();
        suite.healed(&crowd);
        pair.rebuild();

        suite.struck("primary frozen, replica promoted");
        pair.primary().signal("STOP");
        std::thread::sleep(UNTIL_PROMOTED);
        pair.promote();
        suite.healed(&crowd);
        // What is frozen must not come back as it was: that is the operator's part.
        pair.rebuild();

        suite.struck("primary killed behind commits that nobody answered");
        let relay = &relays[pair.primary_place()];
        relay.set(Flow::SwallowAnswers);
        std::thread::sleep(VOID);
        pair.kill_primary();
        relay.set(Flow::Pass);
        relay.cut();
        pair.promote();
        suite.healed(&crowd);
        pair.rebuild();

        suite.struck("switched over in order");
        pair.switch_over();
        suite.healed(&crowd);
    }
    assert_eq!(crowd.logins(), sessions, "sessions survive a fail-over");
    for node in &nodes {
        let log = node.log();
        assert!(!log.contains("the data went back"), "nothing was lost, and nobody may think so:\n{log}");
        let changes = log.matches("is used from now on, in place of").count();
        assert_eq!(changes, rounds() * 4, "each node follows each time:\n{log}");
    }
    suite.finish(crowd);
}
