//! The database is the record: while it is away requests are answered 503, sessions stay, and nothing is lost.

use std::time::Duration;

use crate::common::crowd::Crowd;
use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::common::process::wait_for;
use crate::common::redis::Redis;
use crate::common::relay::{Flow, Relay};
use crate::suite::{CLIENTS, Suite, rounds};

/// How long the database is away; with the store's timeout of 2 s every request is answered well before that bound.
const OUTAGE: Duration = Duration::from_secs(4);
/// Commits that are cut off in one round.
const CUTS: usize = 20;

#[test]
fn the_database_dies_freezes_refuses_and_is_cut_off() {
    let mut suite = Suite::start("mysql");
    let mut database = MariaDb::start();
    let relay = Relay::start(database.port());
    database.execute("CREATE DATABASE faults");
    database.execute("CREATE USER chat@'127.0.0.1' IDENTIFIED BY 'pw'");
    database.execute("GRANT ALL ON faults.* TO chat@'127.0.0.1'");
    let url = format!("mysql://chat:pw@127.0.0.1:{}/faults", relay.port());
    let redis = Redis::start();
    let settings = ["--mysql", &url, "--redis", &redis.url(), "--set", "store.timeout_ms=2000"];
    let nodes: Vec<Node> = (0..2).map(|_| Node::start(&settings)).collect();
    let crowd = Crowd::start(&[nodes[0].addr(), nodes[1].addr()], CLIENTS);
    let sessions = crowd.logins();
    for _ in 0..rounds() {
        suite.struck("SIGKILL and restart");
        database.kill();
        std::thread::sleep(OUTAGE);
        database.restart();
        suite.healed(&crowd);

        suite.struck("SIGSTOP and SIGCONT");
        database.signal("STOP");
        std::thread::sleep(OUTAGE);
        database.signal("CONT");
        suite.healed(&crowd);

        suite.struck("too many connections");
        // The administrator has one connection beyond the limit; the nodes' own are cut and find no room.
        database.execute("SET GLOBAL max_connections = 10");
        relay.cut();
        std::thread::sleep(OUTAGE);
        database.execute("SET GLOBAL max_connections = 400");
        suite.healed(&crowd);

        suite.struck("read-only");
        database.execute("SET GLOBAL read_only = ON");
        std::thread::sleep(OUTAGE);
        database.execute("SET GLOBAL read_only = OFF");
        suite.healed(&crowd);

        suite.struck("20 connections cut behind their COMMIT");
        relay.cut_behind_commits(CUTS);
        wait_for("the commits to be cut", || (relay.commits_to_cut() == 0).then_some(()));
        suite.healed(&crowd);

        suite.struck("no packet passes");
        relay.set(Flow::Hold);
        std::thread::sleep(OUTAGE);
        relay.set(Flow::Pass);
        suite.healed(&crowd);
    }
    assert_eq!(crowd.logins(), sessions, "sessions survive an outage of the database");
    suite.finish(crowd);
}
