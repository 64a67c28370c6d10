//! A Galera cluster: its writer dies, freezes and is cut off from the other members, and comes back; and two writers at
//! once. Part of `scripts/test --long`: `cargo test --test faults galera -- --ignored --nocapture`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::client::Client;
use crate::common::crowd::Crowd;
use crate::common::galera::Galera;
use crate::common::node::Node;
use crate::common::process::wait_for;
use crate::common::redis::Redis;
use crate::suite::{CLIENTS, Suite, rounds};

/// How long two writers are at work in a round.
const TOGETHER: u64 = 2_000;

/// Pairs who answer at once, and how often.
const PAIRS: usize = 8;
const EXCHANGES: u64 = 50;

fn node(url: &str, redis: &Redis) -> Node {
    Node::start(&["--mysql", url, "--redis", &redis.url(), "--set", "store.timeout_ms=2000"])
}

/// Whether the node uses this member, by what it said last.
fn uses(node: &Node, cluster: &Galera, member: usize) -> bool {
    let log = node.log();
    let last = log.lines().rfind(|line| line.contains("database server") && line.contains(" is used"));
    last.is_some_and(|line| line.contains(&format!("127.0.0.1:{} is used", cluster.port(member))))
}

fn assert_nothing_went_back(nodes: &[Node]) {
    for node in nodes {
        let log = node.log();
        assert!(!log.contains("the data went back"), "nothing was lost, and nobody may think so:\n{log}");
    }
}

#[test]
#[ignore = "needs galera-4 and rsync; scripts/test --long runs it"]
fn the_writer_of_a_galera_cluster_dies_freezes_and_is_cut_off() {
    let mut suite = Suite::start("galera");
    let mut cluster = Galera::start();
    let (url, redis) = (cluster.url([0, 1, 2]), Redis::start());
    let nodes: Vec<Node> = (0..2).map(|_| node(&url, &redis)).collect();
    let crowd = Crowd::start(&[nodes[0].addr(), nodes[1].addr()], CLIENTS);
    let sessions = crowd.logins();
    let come_back = |cluster: &Galera| {
        assert!(!nodes.iter().any(|node| uses(node, cluster, 0)), "the first member was left");
        cluster.wait_for_size(0, 3);
        wait_for("the nodes to come back to the first member", || {
            nodes.iter().all(|node| uses(node, cluster, 0)).then_some(())
        });
        crowd.wait_until_all_are_served();
    };
    for _ in 0..rounds() {
        suite.struck("writer killed");
        cluster.kill(0);
        // Until then nobody can commit, whoever asks.
        cluster.wait_for_size(1, 2);
        suite.healed(&crowd);
        cluster.restart(0);
        come_back(&cluster);

        suite.struck("writer frozen");
        cluster.signal(0, "STOP");
        cluster.wait_for_size(1, 2);
        suite.healed(&crowd);
        cluster.signal(0, "CONT");
        come_back(&cluster);

        suite.struck("writer cut off from the other members");
        cluster.isolate(0);
        cluster.wait_for_size(1, 2);
        suite.healed(&crowd);
        cluster.rejoin(0);
        come_back(&cluster);
    }
    assert_eq!(crowd.logins(), sessions, "sessions survive a fail-over");
    assert_nothing_went_back(&nodes);
    suite.finish(crowd);
}

/// Pairs of which one is on each node, who answer as soon as they hear: so the answer's member has to have a message that
/// the other member stored a moment ago.
fn answer_at_once(doors: [SocketAddr; 2]) {
    let pair = |_| {
        let mut both = doors.map(|door| Client::newcomer(door, "quick"));
        std::thread::spawn(move || {
            for round in 0..EXCHANGES {
                let [ann, ben] = &mut both;
                let seq = ann.say(ben.id, "question")["seq"].as_u64();
                assert_eq!(seq, Some(2 * round + 1));
                assert_eq!(ben.expect_push(6)["seq"].as_u64(), seq);
                assert_eq!(ben.say(ann.id, "answer")["seq"].as_u64(), Some(2 * round + 2));
                assert_eq!(ann.expect_push(6)["msg"], "answer");
            }
        })
    };
    let pairs: Vec<_> = (0..PAIRS).map(pair).collect();
    for pair in pairs {
        pair.join().expect("a pair was refused; its message is above");
    }
}

#[test]
#[ignore = "needs galera-4 and rsync; scripts/test --long runs it"]
fn two_writers_of_a_galera_cluster_refuse_nothing() {
    let mut suite = Suite::start("two writers");
    let cluster = Galera::start();
    let redis = Redis::start();
    // Against the advice: each node begins with another member.
    let nodes = [[0, 1, 2], [1, 0, 2]].map(|order| node(&cluster.url(order), &redis));
    answer_at_once([nodes[0].addr(), nodes[1].addr()]);
    let crowd = Crowd::start(&[nodes[0].addr(), nodes[1].addr()], CLIENTS);
    for _ in 0..rounds() {
        suite.struck("two writers for a while");
        let took = crowd.wait_for_acks(TOGETHER);
        assert!(took < Duration::from_secs(60), "{TOGETHER} messages took {took:?}");
        suite.healed(&crowd);
    }
    assert_nothing_went_back(&nodes);
    for (number, node) in nodes.iter().enumerate() {
        assert!(uses(node, &cluster, number), "each has stayed with its own:\n{}", node.log());
    }
    let refused = suite.finish(crowd);
    assert_eq!(refused, 0, "conflicts between the writers are nobody's business");
}
