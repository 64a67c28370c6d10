//! Several servers in the URL: which one is used, what is asked of it, and what becomes of commits in doubt.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use stonechat::ids::{Peer, UserId};
use stonechat::store::mysql::MySqlStores;
use stonechat::store::{Append, Appended, OpenStore, Store, StoreError, UserRef};

use crate::common::mariadb::MariaDb;
use crate::common::process::wait_for;
use crate::common::replicas::{Replicas, Replication};
use crate::fresh::{append, message, settled, user, with_cid};
use crate::proxy::{Cut, Proxy};

const TIMEOUT: Duration = Duration::from_secs(8);

fn stores_at(url: &str) -> MySqlStores {
    MySqlStores::new(url, TIMEOUT).unwrap()
}

/// Two users of a pair of servers.
fn two_users(store: &mut dyn Store) -> (UserId, UserId) {
    (user(store, "ann"), user(store, "bob"))
}

/// Connections of nodes to a server. One of them looks at it.
fn connections_to(server: &MariaDb) -> i64 {
    let asked = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'chat' AND db = 'stonechat'";
    server.connect().unwrap().query_first(asked).unwrap().unwrap()
}

/// A pair of servers behind proxies, with two users.
struct Site {
    pair: Replicas,
    proxies: [Proxy; 2],
    store: Box<dyn Store>,
    ann: UserId,
    bob: UserId,
}

impl Site {
    fn start(replication: Replication) -> Self {
        let pair = Replicas::start(replication);
        let proxies = pair.ports().map(Proxy::start);
        let stores = stores_at(&Replicas::url_on_ports(proxies[0].port, proxies[1].port));
        stores.migrate().unwrap();
        let mut store = stores.open().unwrap();
        let (ann, bob) = two_users(&mut *store);
        pair.wait_for_replica();
        Self { pair, proxies, store, ann, bob }
    }

    fn batch(&self) -> [Append; 2] {
        let (ann, bob) = (self.ann, self.bob);
        [message(ann, Peer::User(bob), "1"), with_cid("c", message(bob, Peer::User(ann), "2"))]
    }

    /// The batch's commit is cut, then its server dies and the other takes its place.
    fn lose_the_commit(&mut self, cut: Cut) -> [Append; 2] {
        let batch = self.batch();
        self.proxies[0].cut_next_commit(cut);
        let error = self.store.append(&batch).unwrap_err();
        assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error}");
        if cut == Cut::After {
            // Semi-synchronous: it is on both.
            let stored = "SELECT COUNT(*) FROM stonechat.Message";
            let mut replica = self.pair.replica().connect().unwrap();
            wait_for("the commit to arrive", || {
                (replica.query_first::<i64, _>(stored).unwrap() == Some(2)).then_some(())
            });
        }
        self.pair.kill_primary();
        // Nobody is asked who may not have it yet.
        let error = self.store.settle(&batch).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_) | StoreError::Busy(_)), "{error}");
        self.pair.promote();
        batch
    }
}

#[test]
fn a_commit_that_arrived_is_found_on_the_server_that_took_the_others_place() {
    let mut site = Site::start(Replication::SemiSynchronous);
    let batch = site.lose_the_commit(Cut::After);
    assert_eq!(settled(&mut *site.store, &batch), Some(vec![Appended::Stored(1), Appended::Stored(2)]));
    assert_eq!(append(&mut *site.store, &batch[..1]), [3]);
}

#[test]
fn a_commit_that_did_not_arrive_is_void_on_the_server_that_took_the_others_place() {
    let mut site = Site::start(Replication::SemiSynchronous);
    let batch = site.lose_the_commit(Cut::Before);
    assert_eq!(settled(&mut *site.store, &batch), None);
    assert_eq!(append(&mut *site.store, &batch), [1, 2]);
}

#[test]
fn every_connection_leaves_a_server_that_turns_read_only_and_comes_back() {
    let mut pair = Replicas::start(Replication::SemiSynchronous);
    let stores = stores_at(&pair.url());
    stores.migrate().unwrap();
    let mut threads: Vec<Box<dyn Store>> = (0..3).map(|_| stores.open().unwrap()).collect();
    let (ann, bob) = two_users(&mut *threads[0]);
    for store in &mut threads {
        store.ping().unwrap();
    }
    let connections = || pair.servers.each_ref().map(connections_to);
    wait_for("three connections to the first", || (connections() == [4, 1]).then_some(()));
    for place in [1, 0, 1] {
        pair.switch_over();
        // One that asks finds out, and then all know.
        wait_for("the other server to be used", || threads[0].append(&[message(ann, Peer::User(bob), "x")]).ok());
        let found = stores.servers().join("\n");
        let [used, other] = [place, 1 - place].map(|place| pair.ports()[place]);
        assert!(found.contains(&format!("127.0.0.1:{used} is used: it takes writes")), "{found}");
        assert!(found.contains(&format!("127.0.0.1:{other}: it is read-only (read_only)")), "{found}");
        for store in &mut threads {
            assert_eq!(append(&mut **store, &[message(bob, Peer::User(ann), "y")]).len(), 1, "at the first attempt");
        }
        let left = &pair.servers[1 - place];
        wait_for("the other server to be left", || (connections_to(left) == 1).then_some(()));
        assert_eq!(connections_to(&pair.servers[place]), 4, "and one that looks");
    }
    let messages: Option<i64> =
        pair.primary().connect().unwrap().query_first("SELECT COUNT(*) FROM stonechat.Message").unwrap();
    assert_eq!(messages, Some(12), "four in each round");
}

#[test]
fn while_no_server_takes_writes_that_is_told_and_what_can_be_read_is_read() {
    let pair = Replicas::start(Replication::Asynchronous);
    let stores = stores_at(&pair.url());
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let (ann, bob) = two_users(&mut *store);
    store.ping().unwrap();
    pair.primary().execute("SET GLOBAL read_only = ON");
    // The replica may still have to hear of the account.
    wait_for("both servers to be told of as read-only", || {
        let told = store.ping().err()?.to_string();
        pair.ports().iter().all(|port| told.contains(&format!("127.0.0.1:{port}: it is read-only"))).then_some(())
    });
    assert!(store.user(UserRef::Id(ann)).unwrap().is_some());
    let begun = Instant::now();
    let error = store.append(&[message(ann, Peer::User(bob), "refused")]).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(begun.elapsed() < TIMEOUT, "an answer, not a wait: {:?}", begun.elapsed());
    // A node that starts now waits for nobody either.
    let error = stores_at(&pair.url()).open().unwrap().ping().unwrap_err();
    assert!(error.to_string().contains("no database server takes writes at present"), "{error}");
    pair.primary().execute("SET GLOBAL read_only = OFF");
    assert_eq!(
        wait_for("it to take writes again", || store.append(&[message(ann, Peer::User(bob), "1")]).ok()).len(),
        1
    );
    wait_for("that to be noticed", || store.ping().ok());
}

#[test]
fn a_server_that_takes_writes_is_not_left_for_another_one_that_does() {
    let servers = [(); 2].map(|()| MariaDb::start());
    for server in &servers {
        server.execute("CREATE DATABASE twice");
    }
    let ports = servers.each_ref().map(MariaDb::port);
    servers[0].execute("SET GLOBAL read_only = ON");
    let url = format!("mysql://chat:pw@127.0.0.1:{},127.0.0.1:{}/twice", ports[0], ports[1]);
    for server in &servers {
        server.execute("CREATE USER chat@'127.0.0.1' IDENTIFIED BY 'pw'");
        server.execute("GRANT ALL ON twice.* TO chat@'127.0.0.1'");
    }
    let stores = stores_at(&url);
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let (ann, _) = two_users(&mut *store);
    // The first one comes back and knows nothing of all that.
    servers[0].execute("SET GLOBAL read_only = OFF");
    wait_for("it to be seen", || (stores.servers().join(" ").matches("it takes writes").count() == 2).then_some(()));
    std::thread::sleep(Duration::from_secs(4));
    assert!(store.user(UserRef::Id(ann)).unwrap().is_some(), "this node stays where its data are");
}
