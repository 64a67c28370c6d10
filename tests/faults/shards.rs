//! Masters of a Redis Cluster die, freeze and are replaced, and slots move, while everybody talks.

use crate::common::crowd::Crowd;
use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::common::redis::AnyRedis;
use crate::common::shards::Shards;
use crate::redis::{BACK, Courier};
use crate::suite::{CLIENTS, Suite, rounds};

/// Slots that move in one go.
const MOVING: usize = 150;

#[test]
fn masters_of_a_cluster_are_replaced_and_slots_move() {
    let mut suite = Suite::start("redis cluster");
    let database = MariaDb::start();
    let url = database.url("shards");
    let mut redis = Shards::start();
    let nodes: Vec<Node> = (0..2).map(|_| Node::start(&["--mysql", &url, "--redis", &redis.url()])).collect();
    // Half of them on each node: every second message of a group goes through Redis.
    let crowd = Crowd::start(&[nodes[0].addr(), nodes[1].addr()], CLIENTS);
    let mut courier = Courier::start(&nodes[0], &nodes[1]);
    let sessions = crowd.logins();
    for round in 0..rounds() {
        suite.struck("SIGKILL of a master");
        redis.lose(redis.next_master());
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("CLUSTER FAILOVER");
        redis.fail_over(redis.next_master());
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("SIGSTOP of a master until it is replaced");
        redis.freeze(redis.next_master());
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("150 slots moved");
        let first = round * MOVING % 16_384;
        let to = redis.masters()[round % 2];
        redis.move_slots((first..first + MOVING).map(|slot| slot * 109 % 16_384), to);
        courier.delivers_within(BACK);
        redis.wait_until_ready();
        suite.healed(&crowd);

        suite.struck("CLIENT KILL of all subscribers");
        redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        courier.delivers_within(BACK);
        suite.healed(&crowd);
    }
    assert_eq!(crowd.logins(), sessions, "no session ended on Redis' account");
    println!(
        "faults/redis cluster: to the other node within {:.1} s of the fault's end",
        courier.slowest.as_secs_f64()
    );
    suite.finish(crowd);
}
