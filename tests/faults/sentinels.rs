//! The master dies, freezes, and is replaced: nodes follow the sentinels, and whatever went to the wrong server is looked up.

use std::time::Duration;

use crate::common::crowd::Crowd;
use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::common::sentinels::Sentinels;
use crate::redis::{BACK, Courier};
use crate::suite::{CLIENTS, Suite, rounds};

/// How long the sentinels are away: nodes go on without them.
const AWAY: Duration = Duration::from_secs(2);

#[test]
fn the_master_dies_freezes_and_is_replaced() {
    let mut suite = Suite::start("sentinels");
    let database = MariaDb::start();
    let url = database.url("sentinels");
    let mut redis = Sentinels::start(2);
    let nodes: Vec<Node> = (0..2).map(|_| Node::start(&["--mysql", &url, "--redis", &redis.url()])).collect();
    // Half of them on each node: every second message of a group goes through Redis.
    let crowd = Crowd::start(&[nodes[0].addr(), nodes[1].addr()], CLIENTS);
    let mut courier = Courier::start(&nodes[0], &nodes[1]);
    let sessions = crowd.logins();
    for _ in 0..rounds() {
        suite.struck("SIGKILL of the master");
        redis.lose_the_master();
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("fail-over by command");
        redis.fail_over();
        courier.delivers_within(BACK);
        redis.wait_until_ready();
        suite.healed(&crowd);

        // It goes on when another one is the master already, and takes itself for the master for a while.
        suite.struck("SIGSTOP of the master until it is replaced");
        redis.freeze_the_master();
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("SIGKILL of all sentinels");
        redis.kill_sentinels();
        std::thread::sleep(AWAY);
        courier.delivers_within(BACK);
        redis.restart_sentinels();
        redis.wait_until_ready();
        suite.healed(&crowd);
    }
    assert_eq!(crowd.logins(), sessions, "no session ended on Redis' account");
    println!("faults/sentinels: to the other node within {:.1} s of the fault's end", courier.slowest.as_secs_f64());
    suite.finish(crowd);
}
