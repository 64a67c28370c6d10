//! One locked row costs its own conversation, or its own request, and nobody else anything.

use std::time::{Duration, Instant};

use mysql::Conn;
use mysql::prelude::Queryable;
use stonechat::ids::{ConvId, DeviceId, Peer, UserId};
use stonechat::store::mysql::MySqlStores;
use stonechat::store::{Append, Appended, CursorRow, JoinOutcome, OpenStore, Store, StoreError};

use crate::common::mariadb::MariaDb;
use crate::common::process::{PATIENCE, wait_for};
use crate::fresh::{Fresh, NOW, Saving, append, group, message, settled, user};
use crate::proxy::{Cut, Proxy};

/// Somebody with a transaction open on the database.
fn somebody(db: &str) -> Conn {
    let mut conn = MariaDb::shared().connect().unwrap();
    conn.query_drop(format!("USE `{db}`")).unwrap();
    conn.query_drop("START TRANSACTION").unwrap();
    conn
}

/// An empty database of this name, and three users in it.
fn site(db: &str) -> (Fresh, Box<dyn Store>, [UserId; 3]) {
    let fresh = Fresh::at(&MariaDb::shared().url(db));
    fresh.stores.migrate().unwrap();
    let mut store = fresh.store();
    let users = ["ann", "bob", "cat"].map(|name| user(&mut *store, name));
    (fresh, store, users)
}

fn lock(conn: &mut Conn, conv: ConvId) {
    conn.query_drop(format!("SELECT * FROM Conversation WHERE id = {} FOR UPDATE", conv.number())).unwrap();
}

#[test]
fn a_locked_conversation_is_left_out_of_a_batch() {
    let (fresh, mut store, [ann, bob, cat]) = site("left_out");
    let batch = [
        message(ann, Peer::User(bob), "1"),
        message(ann, Peer::User(cat), "2"),
        message(bob, Peer::User(ann), "3"),
        message(bob, Peer::User(cat), "new"),
    ];
    append(&mut *store, &batch[..3]);
    let mut somebody = somebody("left_out");
    lock(&mut somebody, batch[0].conv());
    let begun = Instant::now();
    let left_out = [Appended::Locked, Appended::Stored(2), Appended::Locked, Appended::Stored(1)];
    assert_eq!(store.append(&batch).unwrap(), left_out);
    let again = [Appended::Locked, Appended::Stored(3), Appended::Locked, Appended::Stored(2)];
    assert_eq!(store.append_unlocked(&batch).unwrap(), again);
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 7);
    somebody.query_drop("COMMIT").unwrap();
    assert_eq!(append(&mut *store, &batch), [3, 4, 4, 3]);
}

#[test]
fn a_conversation_that_somebody_is_creating_is_left_out() {
    let (_fresh, mut store, [ann, bob, cat]) = site("being_created");
    let batch = [message(ann, Peer::User(bob), "1"), message(ann, Peer::User(cat), "2")];
    let mut somebody = somebody("being_created");
    let insert = format!("INSERT INTO Conversation (id, last_seq) VALUES ({}, 0)", batch[0].conv().number());
    somebody.query_drop(insert).unwrap();
    assert_eq!(store.append(&batch).unwrap(), [Appended::Locked, Appended::Stored(1)]);
    somebody.query_drop("ROLLBACK").unwrap();
    assert_eq!(append(&mut *store, &batch), [1, 2]);
}

#[test]
fn a_group_that_is_locked_exists_all_the_same() {
    let (_fresh, mut store, [ann, bob, _]) = site("locked_group");
    let group = group(&mut *store, ann, "birds");
    let to_group = message(ann, Peer::Group(group), "1");
    let mut somebody = somebody("locked_group");
    lock(&mut somebody, to_group.conv());
    assert_eq!(store.append(std::slice::from_ref(&to_group)).unwrap(), [Appended::Locked]);
    // Whoever wants to join waits a moment and is told so; who comes next hardly waits.
    let refused = store.join_group(bob, group, NOW);
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    assert!(matches!(store.quit_group(ann, group), Err(StoreError::Busy(_))));
    assert!(matches!(store.delete_group(ann, group, crate::fresh::NOW), Err(StoreError::Busy(_))));
    assert_eq!(store.friends(ann, 0, 500).unwrap(), []);
    somebody.query_drop("COMMIT").unwrap();
    assert!(matches!(store.join_group(bob, group, NOW).unwrap(), JoinOutcome::New { .. }));
    assert_eq!(append(&mut *store, &[to_group]), [1]);
}

#[test]
fn a_lock_between_messages_is_told_for_the_batch_and_found_by_halving_it() {
    let (fresh, mut store, [ann, bob, cat]) = site("between_messages");
    let batch = [message(ann, Peer::User(cat), "1"), message(ann, Peer::User(bob), "2")];
    append(&mut *store, &batch);
    // Such a transaction locks what does not exist yet: the place of the next message.
    let mut somebody = somebody("between_messages");
    let statement = format!("SELECT * FROM Message WHERE conv = {} AND seq >= 1 FOR UPDATE", batch[0].conv().number());
    somebody.query_drop(statement).unwrap();
    assert!(matches!(store.append(&batch), Err(StoreError::Busy(_))));
    assert!(matches!(store.append_unlocked(&batch[..1]), Err(StoreError::Busy(_))));
    assert_eq!(store.append_unlocked(&batch[1..]).unwrap(), [Appended::Stored(2)]);
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 3);
    somebody.query_drop("COMMIT").unwrap();
    assert_eq!(append(&mut *store, &batch), [2, 3]);
}

#[test]
fn two_lively_nodes_find_no_conversation_locked() {
    let (fresh, mut store, [ann, _, _]) = site("lively");
    let group = group(&mut *store, ann, "lively");
    let batch: Vec<Append> = (0..5).map(|n| message(ann, Peer::Group(group), &n.to_string())).collect();
    let (fresh, batch) = (&fresh, &batch);
    let stored: u64 = std::thread::scope(|scope| {
        let node = |_| {
            scope.spawn(move || {
                let mut store = fresh.store();
                let mut stored = 0;
                for _ in 0..100 {
                    let outcomes = store.append(batch).unwrap();
                    stored += outcomes.iter().filter(|outcome| matches!(outcome, Appended::Stored(_))).count() as u64;
                }
                stored
            })
        };
        let nodes: Vec<_> = (0..2).map(node).collect();
        nodes.into_iter().map(|node| node.join().unwrap()).sum()
    });
    // A machine that is busy may make one of them wait longer than it does, now and then.
    assert!(stored >= 900, "{stored} of 1,000 stored at once");
    assert_eq!(fresh.number("SELECT MAX(last_seq) FROM Conversation"), i64::try_from(stored).unwrap());
}

#[test]
fn several_commits_in_doubt_are_each_found() {
    let server = MariaDb::shared();
    let (fresh, _, [ann, bob, cat]) = site("doubts");
    let proxy = Proxy::start(server.port());
    let stores = MySqlStores::new(&MariaDb::url_on_port("doubts", proxy.port), Duration::from_secs(8)).unwrap();
    let mut store = stores.open().unwrap();
    let arrived = [message(ann, Peer::User(bob), "1")];
    let lost = [message(ann, Peer::User(cat), "2")];
    for (batch, cut) in [(&arrived, Cut::After), (&lost, Cut::Silently)] {
        proxy.cut_next_commit(cut);
        assert!(matches!(store.append(batch), Err(StoreError::OutcomeUnknown(_))));
    }
    // A third conversation goes on meanwhile.
    assert_eq!(append(&mut *store, &[message(bob, Peer::User(cat), "3")]), [1]);
    assert_eq!(settled(&mut *store, &lost), None);
    assert_eq!(settled(&mut *store, &arrived), Some(vec![Appended::Stored(1)]));
    assert_eq!(fresh.number("SELECT COUNT(*) FROM Message"), 2);
}

#[test]
fn looking_up_a_commit_waits_for_no_lock() {
    let server = MariaDb::shared();
    let (_fresh, _, [ann, bob, _]) = site("doubt_locked");
    let proxy = Proxy::start(server.port());
    let stores = MySqlStores::new(&MariaDb::url_on_port("doubt_locked", proxy.port), Duration::from_secs(20)).unwrap();
    let mut store = stores.open().unwrap();
    let batch = [message(ann, Peer::User(bob), "1")];
    append(&mut *store, &batch);
    proxy.cut_next_commit(Cut::After);
    assert!(matches!(store.append(&batch), Err(StoreError::OutcomeUnknown(_))));
    let mut somebody = somebody("doubt_locked");
    wait_for("the row to be free", || {
        let statement = format!("SELECT * FROM Conversation WHERE id = {} FOR UPDATE NOWAIT", batch[0].conv().number());
        somebody.query_drop(statement).ok()
    });
    let begun = Instant::now();
    let settled = store.settle(&batch);
    assert!(matches!(settled, Err(StoreError::Busy(_))), "{settled:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it waited {:?}", begun.elapsed());
    somebody.query_drop("COMMIT").unwrap();
    assert_eq!(store.settle(&batch).unwrap(), Some(vec![Appended::Stored(2)]));
}

#[test]
fn the_locks_of_a_node_that_freezes_end_by_themselves() {
    let server = MariaDb::shared();
    let (_fresh, mut other, [ann, bob, _]) = site("frozen_node");
    let proxy = Proxy::start(server.port());
    let stores = MySqlStores::new(&MariaDb::url_on_port("frozen_node", proxy.port), Duration::from_secs(1)).unwrap();
    let mut frozen = stores.open().unwrap();
    let batch = [message(ann, Peer::User(bob), "1")];
    append(&mut *other, &batch);
    // From here on the server hears nothing of that connection, and nobody looks the commit up.
    proxy.cut_next_commit(Cut::Silently);
    assert!(matches!(frozen.append(&batch), Err(StoreError::OutcomeUnknown(_))));
    assert_eq!(other.append(&batch).unwrap(), [Appended::Locked]);
    let stored = wait_for("the database to end the transaction", || {
        other.append_unlocked(&batch).unwrap().into_iter().find(|outcome| *outcome != Appended::Locked)
    });
    assert_eq!(stored, Appended::Stored(2));
}

#[test]
fn a_server_without_room_for_statements_is_served_with_fewer() {
    let server = MariaDb::start();
    let stores = MySqlStores::new(&server.url("statements"), Duration::from_secs(20)).unwrap();
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let users: Vec<UserId> = (0..40).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    server.execute("SET GLOBAL max_prepared_stmt_count = 12");
    for count in [1, 3, 7, 20, 39] {
        let batch: Vec<Append> = users[1..=count].iter().map(|to| message(users[0], Peer::User(*to), "x")).collect();
        append(&mut *store, &batch);
        assert_eq!(store.friends(users[0], 0, 500).unwrap(), []);
    }
    // No room at all passes, too.
    server.execute("SET GLOBAL max_prepared_stmt_count = 0");
    let mut other = stores.open().unwrap();
    assert!(matches!(other.friends(users[0], 0, 500), Err(StoreError::Unavailable(_))));
    server.execute("SET GLOBAL max_prepared_stmt_count = 1000");
    assert_eq!(other.friends(users[0], 0, 500).unwrap(), []);
}

#[test]
fn a_locked_cursor_holds_up_no_other() {
    let (_fresh, mut store, [ann, bob, cat]) = site("locked_cursor");
    let batch = [message(ann, Peer::User(bob), "1"), message(ann, Peer::User(cat), "2")];
    append(&mut *store, &batch);
    let row = |user, conv| CursorRow { user, device: stonechat::ids::DeviceId::UNNAMED, conv, delivered: 1 };
    let rows = [row(bob, batch[0].conv()), row(cat, batch[1].conv()), row(ann, batch[1].conv())];
    let mut somebody = somebody("locked_cursor");
    somebody.query_drop(format!("SELECT * FROM `Cursor` WHERE userid = {} FOR UPDATE", bob.number())).unwrap();
    let begun = Instant::now();
    assert_eq!(store.save(&rows).unwrap(), [rows[0]], "the rows that are not written yet");
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(store.pending(cat, rows[1].device).unwrap(), []);
    assert_eq!(store.pending(bob, rows[0].device).unwrap().len(), 1);
    somebody.query_drop("COMMIT").unwrap();
    assert_eq!(store.save(&rows[..1]).unwrap(), []);
    assert_eq!(store.pending(bob, rows[0].device).unwrap(), []);
}

/// The data go back while the write of a cursor waits for its row: the write began when the end was further.
#[test]
fn a_cursor_that_waits_while_the_data_go_back_is_not_written_beyond_the_end() {
    let (fresh, mut store, [ann, bob, _]) = site("cursor_waits_for_a_restore");
    let conv = ConvId::pair(ann, bob);
    append(&mut *store, &vec![message(bob, Peer::User(ann), "x"); 12]);
    let mut restore = somebody("cursor_waits_for_a_restore");
    restore.query_drop("UPDATE `Cursor` SET delivered = 7").unwrap();
    restore.query_drop("UPDATE Conversation SET last_seq = 7").unwrap();
    restore.query_drop("DELETE FROM Message WHERE seq > 7").unwrap();
    let epoch = store.cluster().unwrap().epoch;
    let row = CursorRow { user: ann, device: stonechat::ids::DeviceId::UNNAMED, conv, delivered: 12 };
    let writing = std::thread::spawn(move || store.save_cursors(&epoch, &[row]));
    wait_for("the write to wait for the row", || {
        // The server gathers this table anew only if nobody has read it for 100 ms.
        std::thread::sleep(Duration::from_millis(150));
        let waits = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
        (fresh.number(waits) > 0 || writing.is_finished()).then_some(())
    });
    restore.query_drop("COMMIT").unwrap();
    writing.join().unwrap().unwrap();
    let delivered = fresh.store().position(ann, row.device, conv).unwrap().unwrap().delivered;
    assert_eq!(delivered, 7, "the next messages have the numbers 8 to 12, and have not arrived");
}

#[test]
fn a_request_that_is_being_kept_is_seen_by_whoever_settles_what_is_asked() {
    let (_fresh, mut store, [ann, bob, _]) = site("asked_meanwhile");
    let mut somebody = somebody("asked_meanwhile");
    let (from, to) = (ann.number(), bob.number());
    for statement in [
        format!("SELECT id FROM User WHERE id IN ({from}, {to}) ORDER BY id FOR UPDATE"),
        format!("INSERT INTO FriendRequest (userid, friendid, msg, created_at) VALUES ({from}, {to}, '', 1)"),
        format!("UPDATE User SET asked = 1 WHERE id = {to}"),
    ] {
        somebody.query_drop(statement).unwrap();
    }
    assert!(matches!(store.settle_asked(bob), Err(StoreError::Busy(_))), "it waits");
    std::thread::scope(|scope| {
        let settled = scope.spawn(|| store.settle_asked(bob));
        std::thread::sleep(Duration::from_millis(200));
        somebody.query_drop("COMMIT").unwrap();
        // It has waited, and looks behind the lock; or it has waited for too long.
        let settled = settled.join().unwrap();
        assert!(matches!(settled, Ok(()) | Err(StoreError::Busy(_))), "{settled:?}");
    });
    assert!(store.account_page(bob, DeviceId::UNNAMED, 9, 9).unwrap().is_asked);
    store.withdraw_friend(ann, bob).unwrap();
    store.settle_asked(bob).unwrap();
    assert!(!store.account_page(bob, DeviceId::UNNAMED, 9, 9).unwrap().is_asked);
}
