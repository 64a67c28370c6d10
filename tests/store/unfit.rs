//! Databases that the server must not start on, and what it says of them.

use std::time::Duration;

use stonechat::config::Synchronous;
use stonechat::ids::{Peer, UserId};
use stonechat::store::mysql::MySqlStores;
use stonechat::store::sqlite::SqliteStores;
use stonechat::store::{Append, Appended, OpenStore, StoreError};
use tempfile::TempDir;

use crate::common::mariadb::MariaDb;
use crate::fresh::{Fresh, append, message, user};

/// The default of `limits.line_bytes`.
const LINE_BYTES: usize = 65_536;

#[test]
fn a_foreign_table_is_named_before_anything_is_written() {
    let server = MariaDb::shared();
    let fresh = Fresh::at(&server.url("foreign"));
    fresh.execute("CREATE TABLE User (id INT PRIMARY KEY, login VARCHAR(20))");
    let told = fresh.stores.inspect(LINE_BYTES).unwrap().problems.join(" ");
    assert!(told.contains("table User") && told.contains("no column name;"), "{told}");
    let Err(StoreError::Broken(told)) = fresh.stores.migrate() else { panic!("refused") };
    assert!(told.to_string().contains("table User"), "{told}");
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'foreign'";
    assert_eq!(fresh.texts(tables), ["User"], "nothing was written");

    let dir = TempDir::new().unwrap();
    let other = rusqlite::Connection::open(dir.path().join("stonechat.db")).unwrap();
    other.execute_batch("CREATE TABLE AllGroup (id INTEGER PRIMARY KEY, title TEXT)").unwrap();
    let stores = SqliteStores::new(dir.path(), Synchronous::Full, Duration::from_secs(20)).unwrap();
    let told = stores.inspect(LINE_BYTES).unwrap().problems.join(" ");
    assert!(told.contains("table AllGroup") && told.contains("no column groupname"), "{told}");
    assert!(matches!(stores.migrate(), Err(StoreError::Broken(_))));
    let tables: i64 = other.query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1, "nothing was written");
}

#[test]
fn our_own_tables_are_no_problem() {
    let server = MariaDb::shared();
    let fresh = Fresh::at(&server.url("own_tables"));
    for _ in 0..2 {
        let found = fresh.stores.inspect(LINE_BYTES).unwrap();
        assert_eq!((found.problems, found.warnings), (vec![], vec![]));
        fresh.stores.migrate().unwrap();
    }
    let fresh = Fresh::sqlite();
    assert_eq!(fresh.stores.inspect(LINE_BYTES).unwrap().problems, Vec::<String>::new());
}

#[test]
fn an_account_that_may_not_write_is_told_at_start() {
    let server = MariaDb::start();
    let url = server.url("rights");
    MySqlStores::new(&url, Duration::from_secs(20)).unwrap().migrate().unwrap();
    server.execute("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'secret'");
    server.execute("GRANT SELECT, UPDATE ON rights.* TO reader@'127.0.0.1'");
    let url = url.replace("root@", "reader:secret@");
    let inspect = || MySqlStores::new(&url, Duration::from_secs(20)).unwrap().inspect(LINE_BYTES).unwrap();
    let told = inspect().problems.join(" ");
    assert!(told.contains("no right to DELETE, INSERT in") && told.contains("Message"), "{told}");
    server.execute("GRANT INSERT, DELETE ON rights.* TO reader@'127.0.0.1'");
    assert_eq!(inspect().problems, Vec::<String>::new());
}

#[test]
fn too_small_a_packet_is_told_with_what_is_needed() {
    let server = MariaDb::start();
    let url = server.url("packets");
    let stores = || MySqlStores::new(&url, Duration::from_secs(20)).unwrap();
    stores().migrate().unwrap();
    server.execute("SET GLOBAL max_allowed_packet = 16384");
    let told = stores().inspect(LINE_BYTES).unwrap().problems.join(" ");
    assert!(told.contains("16384") && told.contains("131072") && told.contains("raise max_allowed_packet"), "{told}");
    server.execute("SET GLOBAL max_allowed_packet = 131072");
    assert_eq!(stores().inspect(LINE_BYTES).unwrap().problems, Vec::<String>::new());
    let told = stores().inspect(1_000_000).unwrap().problems.join(" ");
    assert!(told.contains("1008192") && told.contains("limits.line_bytes"), "{told}");
}

#[test]
fn batches_fit_into_the_packet_and_what_does_not_costs_itself_only() {
    let server = MariaDb::start();
    let url = server.url("fits");
    let stores = MySqlStores::new(&url, Duration::from_secs(20)).unwrap();
    stores.migrate().unwrap();
    server.execute("SET GLOBAL max_allowed_packet = 131072");
    let mut store = stores.open().unwrap();
    let users: Vec<UserId> = (0..30).map(|n| user(&mut *store, &format!("user {n}"))).collect();
    let cid = |n: usize| Some(format!("\"{n}{}\"", "c".repeat(120)).into());
    let batch: Vec<Append> = (0..300)
        .map(|n| Append { cid: cid(n), ..message(users[0], Peer::User(users[1 + n % 29]), &"x".repeat(9_000)) })
        .collect();
    append(&mut *store, &batch);
    assert!(store.append(&batch).unwrap().iter().all(|outcome| matches!(outcome, Appended::Duplicate { .. })));
    let too_large = message(users[0], Peer::User(users[1]), &"x".repeat(200_000));
    let refused = store.append(&[too_large]);
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
    append(&mut *store, &[message(users[0], Peer::User(users[1]), "and on")]);
}
