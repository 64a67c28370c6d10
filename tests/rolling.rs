//! From the version before to this one, one node after the other, while people talk: nobody loses anything or is told twice, and
//! nodes of both versions serve one cluster.
//!
//! It wants a build of the version before, which takes minutes: scripts/previous-version. `scripts/test --long` runs it.
#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::spawn;

use common::client::{Account, Client};
use common::cluster::Cluster;
use common::mariadb::MariaDb;
use common::node::Node;
use common::process::{wait_for, without_settings};
use common::redis::Redis;
use common::sender::{Sender, To};
use common::storm::Storm;

const PREVIOUS: &str = "STONECHAT_PREVIOUS";

/// The server of the version before.
fn previous() -> String {
    std::env::var(PREVIOUS)
        .unwrap_or_else(|_| panic!("{PREVIOUS} names no program: scripts/previous-version builds it"))
}

/// The version that a program says.
fn version(program: &str) -> String {
    String::from_utf8(Command::new(program).arg("--version").output().unwrap().stdout).unwrap()
}

/// A cluster of the version before.
fn cluster_of_before(mysql: &str) -> Cluster {
    let redis = Redis::start();
    let program = previous();
    assert_ne!(version(&program), version(env!("CARGO_BIN_EXE_stonechat")), "{PREVIOUS} is this version");
    // The node is started by way of a shell, which runs the other program in the place of this one.
    let instead = format!("shift; exec '{program}' \"$@\"");
    let wrapper = ["sh", "-c", &instead, "sh"];
    let nodes = (0..3).map(|_| Cluster::member_under(&wrapper, mysql, &redis, &[])).collect();
    Cluster::of(redis, nodes)
}

/// Messages of four writers to a listener who stays on one node.
struct Writers {
    senders: Vec<(Account, std::thread::JoinHandle<common::sender::Acks>)>,
    acked: Arc<AtomicUsize>,
}

const MESSAGES: usize = 200;

impl Writers {
    fn start(entry: SocketAddr, listener: &Client) -> Self {
        let acked = Arc::new(AtomicUsize::new(0));
        let start = |_| {
            let account = Account::register(entry, "writer");
            let to = To::User(listener.id);
            let sender =
                Sender { addr: entry, account: account.clone(), to, count: MESSAGES, acked: Arc::clone(&acked) };
            (account, spawn(move || sender.run()))
        };
        Self { senders: (0..4).map(start).collect(), acked }
    }

    fn wait_for_acks(&self, count: usize) {
        wait_for(&format!("{count} acks"), || (self.acked.load(Ordering::SeqCst) >= count).then_some(()));
    }
}

#[test]
#[ignore = "wants a build of the version before; scripts/test --long makes it"]
fn a_cluster_is_upgraded_node_by_node_while_people_talk() {
    let database = MariaDb::start();
    let mut cluster = cluster_of_before(&database.url("rolling"));
    // The listener's node is upgraded last, so that it is of the version before while the others are of this one.
    let mut listener = Client::newcomer(cluster.node(2), "listener");
    let storm = Storm::start(cluster.entry(), 8, 150);
    let writers = Writers::start(cluster.entry(), &listener);
    writers.wait_for_acks(100);
    cluster.nodes[0].upgrade();
    storm.wait_for_acks(300);
    // Both versions, both ways.
    let mut new = Client::newcomer(cluster.node(0), "new");
    new.say(listener.id, "from this version");
    cluster.nodes[1].upgrade();
    writers.wait_for_acks(4 * MESSAGES);
    let mut seen: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for _ in 0..=4 * MESSAGES {
        let push = listener.expect_push(6);
        seen.entry(push["id"].as_u64().unwrap()).or_default().push(push["seq"].as_u64().unwrap());
    }
    assert_eq!(seen.remove(&new.id), Some(vec![1]));
    listener.confirm(new.id, 1);
    listener.say(new.id, "from the version before");
    assert_eq!(new.expect_push(6)["msg"], "from the version before");
    for (account, sender) in writers.senders {
        sender.join().expect("a writer failed; its message is above");
        assert_eq!(
            seen[&account.id],
            (1..=MESSAGES as u64).collect::<Vec<_>>(),
            "in order, without a hole, none twice"
        );
        listener.confirm(account.id, MESSAGES as u64);
    }
    // Who was logged in on it finds its token and its place again.
    let account = listener.account();
    cluster.nodes[2].upgrade();
    let mut listener = account.login(cluster.node(2));
    assert!(listener.offline_messages().is_empty(), "all was confirmed");
    new.say(listener.id, "all are of this version");
    assert_eq!(listener.expect_push(6)["msg"], "all are of this version");
    storm.assert_nothing_lost(cluster.entry());
}

#[test]
#[ignore = "wants a build of the version before; scripts/test --long makes it"]
fn the_version_before_does_not_start_on_the_newer_schema() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Node::start_in(folder, &[]).into_data();
    let mut old = Command::new(previous());
    without_settings(&mut old);
    old.args(["--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
    let refused = old.output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(said.contains("newer"), "{said}");
    // Nothing was changed.
    Node::start_in(folder, &[]).assert_running();
}
