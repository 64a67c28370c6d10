//! Redis is a doorbell: whatever becomes of it, only the way between nodes waits.

use std::time::Duration;

use crate::common::client::{Client, Stopwatch};
use crate::common::crowd::Crowd;
use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::common::redis::Redis;
use crate::common::relay::Relay;
use crate::suite::{CLIENTS, Suite, rounds};

/// A message reaches the other node within this time after Redis is back.
pub const BACK: Duration = Duration::from_secs(5);
/// And within this time when a connection is silently dead: a node gives up on it after ten seconds.
const NOTICED: Duration = Duration::from_secs(15);

/// One who writes on one node to one on the other: only Redis brings it across.
pub struct Courier {
    writer: Client,
    reader: Client,
    pub slowest: Duration,
}

impl Courier {
    pub fn start(here: &Node, there: &Node) -> Self {
        let (writer, reader) = (Client::newcomer(here.addr(), "writer"), Client::newcomer(there.addr(), "reader"));
        Self { writer, reader, slowest: Duration::ZERO }
    }

    /// The message must come within `bound` after it was acknowledged.
    pub fn delivers_within(&mut self, bound: Duration) {
        let begun = Stopwatch::start();
        let seq = &self.writer.say(self.reader.id, "across")["seq"];
        assert_eq!(&self.reader.expect_push(6)["seq"], seq);
        let took = begun.elapsed();
        assert!(took <= bound, "a message to the other node took {took:?}");
        self.slowest = self.slowest.max(took);
    }
}

#[test]
fn redis_dies_freezes_forgets_and_falls_silent() {
    let mut suite = Suite::start("redis");
    let database = MariaDb::start();
    let url = database.url("redis");
    let mut redis = Redis::start();
    let relay = Relay::start(redis.port());
    let behind_relay = format!("redis://127.0.0.1:{}/", relay.port());
    let nodes: Vec<Node> = (0..2).map(|_| Node::start(&["--mysql", &url, "--redis", &behind_relay])).collect();
    // Half of them on each node: every second message of a group goes through Redis.
    let crowd = Crowd::start(&[nodes[0].addr(), nodes[1].addr()], CLIENTS);
    let mut courier = Courier::start(&nodes[0], &nodes[1]);
    let sessions = crowd.logins();
    for _ in 0..rounds() {
        suite.struck("SIGKILL and restart");
        redis.kill();
        crowd.wait_for_acks(100);
        redis.restart();
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("SIGSTOP and SIGCONT");
        redis.signal("STOP");
        crowd.wait_for_acks(200);
        redis.signal("CONT");
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("FLUSHALL");
        assert_eq!(redis.command(&["FLUSHALL"]), "+OK");
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("CLIENT KILL TYPE pubsub");
        let killed = redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert_ne!(killed, ":0", "there were subscribers to kill");
        courier.delivers_within(BACK);
        suite.healed(&crowd);

        suite.struck("connections silently dead");
        relay.strand();
        courier.delivers_within(NOTICED);
        suite.healed(&crowd);
    }
    assert_eq!(crowd.logins(), sessions, "no session ended on Redis' account");
    println!("faults/redis: to the other node within {:.1} s of the fault's end", courier.slowest.as_secs_f64());
    suite.finish(crowd);
}
