//! What only a server on the network has: commits in doubt, restarts, silence.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use stonechat::ids::{ConvId, Peer, UserId};
use stonechat::store::mysql::MySqlStores;
use stonechat::store::{Append, Appended, OpenStore, Store, StoreError, UserRef};

use crate::common::mariadb::MariaDb;
use crate::common::process::{PATIENCE, wait_for};
use crate::fresh::{Fresh, append, message, settled, user, with_cid};
use crate::proxy::{Cut, Proxy};

/// A database, the same by way of a proxy, and two users in it.
fn behind_a_proxy(db: &str) -> (Fresh, Proxy, Box<dyn Store>, UserId, UserId) {
    let server = MariaDb::shared();
    let fresh = Fresh::at(&server.url(db));
    fresh.stores.migrate().unwrap();
    let mut direct = fresh.store();
    let (ann, bob) = (user(&mut *direct, "ann"), user(&mut *direct, "bob"));
    let proxy = Proxy::start(server.port());
    let stores = MySqlStores::new(&MariaDb::url_on_port(db, proxy.port), Duration::from_secs(8)).unwrap();
    (fresh, proxy, stores.open().unwrap(), ann, bob)
}

fn in_doubt(store: &mut dyn Store, batch: &[Append]) {
    let error = store.append(batch).unwrap_err();
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error}");
}

#[test]
fn a_commit_that_arrived_is_found() {
    let (fresh, proxy, mut store, ann, bob) = behind_a_proxy("commit_arrived");
    let batch = [message(ann, Peer::User(bob), "1"), with_cid("c", message(bob, Peer::User(ann), "2"))];
    proxy.cut_next_commit(Cut::After);
    in_doubt(&mut *store, &batch);
    // It takes an hour until it is known, and told from then on.
    fresh.execute("UPDATE Conversation SET changed_at = changed_at - INTERVAL 1 HOUR");
    let since = fresh.store().cluster().unwrap().moment.unwrap();
    assert_eq!(fresh.store().changed(since, 9).unwrap().unwrap().conversations, []);
    assert_eq!(settled(&mut *store, &batch), Some(vec![Appended::Stored(1), Appended::Stored(2)]));
    assert_eq!(fresh.store().changed(since, 9).unwrap().unwrap().conversations, [(ConvId::pair(ann, bob), 2)]);
    assert_eq!(store.settle(&batch).unwrap(), None, "settled once");
    assert_eq!(append(&mut *store, &batch[..1]), [3]);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 3);
}

#[test]
fn a_commit_that_did_not_arrive_is_known_to_be_void() {
    let (fresh, proxy, mut store, ann, bob) = behind_a_proxy("commit_did_not_arrive");
    let batch = [message(ann, Peer::User(bob), "1")];
    proxy.cut_next_commit(Cut::Before);
    in_doubt(&mut *store, &batch);
    assert_eq!(settled(&mut *store, &batch), None);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 0);
    assert_eq!(append(&mut *store, &batch), [1]);
}

#[test]
fn a_dead_connections_locks_are_not_waited_for() {
    let (_fresh, proxy, mut store, ann, bob) = behind_a_proxy("dead_connection");
    let batch = [message(ann, Peer::User(bob), "1")];
    append(&mut *store, &batch);
    proxy.cut_next_commit(Cut::Silently);
    in_doubt(&mut *store, &batch);
    assert_eq!(settled(&mut *store, &batch), None);
    assert_eq!(append(&mut *store, &batch), [2]);
}

#[test]
fn the_same_numbers_taken_by_others_are_no_proof() {
    let (fresh, proxy, mut store, ann, bob) = behind_a_proxy("taken_by_others");
    let batch = [message(ann, Peer::User(bob), "mine"), message(ann, Peer::User(bob), "mine, too")];
    proxy.cut_next_commit(Cut::Before);
    in_doubt(&mut *store, &batch);
    let mut other = fresh.store();
    let theirs = [message(ann, Peer::User(bob), "theirs"), message(bob, Peer::User(ann), "theirs, too")];
    assert_eq!(append(&mut *other, &theirs), [1, 2]);
    assert_eq!(settled(&mut *store, &batch), None);
    assert_eq!(append(&mut *store, &batch), [3, 4]);
}

#[test]
fn a_batch_that_stores_nothing_is_never_in_doubt() {
    let (_fresh, proxy, mut store, ann, bob) = behind_a_proxy("nothing_to_store");
    let batch = [with_cid("c", message(ann, Peer::User(bob), "1"))];
    append(&mut *store, &batch);
    proxy.cut_next_commit(Cut::Before);
    assert!(matches!(store.append(&batch).unwrap()[..], [Appended::Duplicate { seq: 1, .. }]));
}

#[test]
fn killed_connections_are_opened_again_unnoticed() {
    let (fresh, _, mut store, ann, bob) = behind_a_proxy("killed_connections");
    let batch = [message(ann, Peer::User(bob), "1")];
    append(&mut *store, &batch);
    let mut administrator = MariaDb::shared().connect().unwrap();
    let ours = "SELECT CAST(id AS CHAR) FROM information_schema.processlist \
                WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let killed = fresh.texts(ours).iter().filter(|id| administrator.query_drop(format!("KILL {id}")).is_ok()).count();
    assert!(killed > 0);
    assert_eq!(append(&mut *store, &batch), [2]);
    assert_eq!(store.user(UserRef::Id(ann)).unwrap().unwrap().name, "ann");
}

#[test]
fn a_server_that_crashes_is_unavailable_and_comes_back_by_itself() {
    let mut server = MariaDb::start();
    let url = server.url("crash");
    let stores = MySqlStores::new(&url, Duration::from_secs(2)).unwrap();
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let batch = [message(ann, Peer::User(bob), "1")];
    append(&mut *store, &batch);

    server.kill();
    let begun = Instant::now();
    for _ in 0..20 {
        assert!(matches!(store.append(&batch), Err(StoreError::Unavailable(_))));
        assert!(matches!(store.friends(ann, 0, 100), Err(StoreError::Unavailable(_))));
    }
    assert!(begun.elapsed() < PATIENCE, "forty refusals in {:?}", begun.elapsed());
    server.restart();
    let seqs = wait_for("the store to come back", || store.append(&batch).ok());
    assert_eq!(seqs, [Appended::Stored(2)]);
}

#[test]
fn a_server_that_falls_silent_is_unavailable_within_the_timeout() {
    let server = MariaDb::start();
    let url = server.url("silence");
    let stores = MySqlStores::new(&url, Duration::from_secs(1)).unwrap();
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let ann = user(&mut *store, "ann");
    server.signal("STOP");
    // A thread of the server may still answer before the signal reaches it.
    wait_for("the server to fall silent", || store.friends(ann, 0, 100).is_err().then_some(()));
    let begun = Instant::now();
    assert!(matches!(store.friends(ann, 0, 100), Err(StoreError::Unavailable(_))));
    assert!(begun.elapsed() < PATIENCE);
    server.signal("CONT");
    let friends = wait_for("the store to come back", || store.friends(ann, 0, 100).ok());
    assert_eq!(friends, [], "and no late answer of another question");
}

#[test]
fn an_empty_database_is_migrated_by_one_of_many_nodes() {
    let url = MariaDb::shared().url("migrated_at_once");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| MySqlStores::new(&url, Duration::from_secs(20)).unwrap().migrate().unwrap());
        }
    });
    let fresh = Fresh::at(&url);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM SchemaVersion"), 6);
    user(&mut *fresh.store(), "ann");
}

#[test]
fn a_server_without_the_database_is_unavailable() {
    let nowhere = MariaDb::url_on_port("no_such_database", MariaDb::shared().port());
    let stores = MySqlStores::new(&nowhere, Duration::from_secs(5)).unwrap();
    let mut store = stores.open().unwrap();
    assert!(matches!(store.ping(), Err(StoreError::Unavailable(_))));
    assert!(matches!(stores.migrate(), Err(StoreError::Unavailable(_))));
}

#[test]
fn lax_durability_is_warned_about() {
    let server = MariaDb::start();
    let stores = MySqlStores::new(&server.url("lax"), Duration::from_secs(20)).unwrap();
    server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
    let warnings = stores.durability_warnings().unwrap();
    assert!(warnings[0].contains("innodb_flush_log_at_trx_commit is 2"), "{warnings:?}");
    assert_eq!(warnings.len(), 1, "the binary log is off: {warnings:?}");
}

#[test]
fn a_read_only_server_is_unavailable() {
    let server = MariaDb::start();
    let url = server.url("read_only");
    let stores = MySqlStores::new(&url, Duration::from_secs(20)).unwrap();
    stores.migrate().unwrap();
    server.execute("CREATE USER chat@'127.0.0.1' IDENTIFIED BY 'pw'");
    server.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON read_only.* TO chat@'127.0.0.1'");
    let as_chat = url.replace("root@", "chat:pw@");
    let mut store = MySqlStores::new(&as_chat, Duration::from_secs(20)).unwrap().open().unwrap();
    let ann = user(&mut *store, "ann");
    server.execute("SET GLOBAL read_only = ON");
    let refused = store.create_user("bob", "", crate::fresh::NOW);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.friends(ann, 0, 100).unwrap(), []);
    server.execute("SET GLOBAL read_only = OFF");
    user(&mut *store, "bob");
}
