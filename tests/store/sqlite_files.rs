//! What only the embedded database has: a folder, a lock on it, a disk that fills up.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use stonechat::config::Synchronous;
use stonechat::ids::Peer;
use stonechat::store::sqlite::SqliteStores;
use stonechat::store::{OpenStore, StoreError};
use tempfile::TempDir;

use crate::fresh::{NOW, PHC, TIMEOUT, append, message, user};

/// A view that never ends.
const ENDLESS: &str =
    "CREATE VIEW endless AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";

#[test]
fn two_nodes_do_not_share_a_folder() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("made/on/the/way");
    let first = SqliteStores::new(&folder, Synchronous::Full, TIMEOUT).unwrap();
    let Err(StoreError::Unavailable(told)) = SqliteStores::new(&folder, Synchronous::Full, TIMEOUT) else {
        panic!("the folder is in use")
    };
    assert!(told.to_string().contains("another stonechat runs on the data folder"), "{told}");
    let store = first.open().unwrap();
    drop(first);
    assert!(SqliteStores::new(&folder, Synchronous::Full, TIMEOUT).is_err(), "a store is still open");
    drop(store);
    SqliteStores::new(&folder, Synchronous::Full, TIMEOUT).unwrap();
    assert!(folder.join("stonechat.db").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_unavailable() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let refused = SqliteStores::new(&file.join("folder"), Synchronous::Full, TIMEOUT).err().unwrap();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    std::fs::create_dir_all(dir.path().join("data/stonechat.db")).unwrap();
    let refused = SqliteStores::new(&dir.path().join("data"), Synchronous::Full, TIMEOUT).err().unwrap();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
}

#[test]
fn a_file_that_is_no_database_is_broken() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("stonechat.db"), "not a database at all, but long enough to be read").unwrap();
    let refused = SqliteStores::new(dir.path(), Synchronous::Full, TIMEOUT).err().unwrap();
    assert!(matches!(refused, StoreError::Broken(_)), "{refused}");
}

#[test]
fn normal_synchronous_is_warned_about() {
    let dir = TempDir::new().unwrap();
    let stores = SqliteStores::new(dir.path(), Synchronous::Normal, TIMEOUT).unwrap();
    assert_eq!(stores.durability_warnings().unwrap().len(), 1);
}

#[test]
fn a_failed_batch_is_rolled_back_and_the_next_one_works() {
    let dir = TempDir::new().unwrap();
    let stores = SqliteStores::new(dir.path(), Synchronous::Full, TIMEOUT).unwrap();
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    // The third message of a batch fails, after two were written.
    let behind = rusqlite::Connection::open(dir.path().join("stonechat.db")).unwrap();
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON Message WHEN NEW.seq = 3 BEGIN SELECT RAISE(ABORT, 'trap'); END";
    behind.execute_batch(trap).unwrap();
    let batch = vec![message(ann, Peer::User(bob), "x"); 3];
    assert!(store.append(&batch).is_err());
    assert_eq!(append(&mut *store, &batch[..2]), [1, 2], "nothing of the failed batch was left");
    behind.execute_batch("DROP TRIGGER trap").unwrap();
    assert_eq!(append(&mut *store, &batch), [3, 4, 5]);
}

#[test]
fn another_process_that_holds_the_file_makes_writing_unavailable_for_a_while() {
    let dir = TempDir::new().unwrap();
    let stores = SqliteStores::new(dir.path(), Synchronous::Full, std::time::Duration::from_millis(50)).unwrap();
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let behind = rusqlite::Connection::open(dir.path().join("stonechat.db")).unwrap();
    behind.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = [message(ann, Peer::User(bob), "x")];
    assert!(matches!(store.append(&batch), Err(StoreError::Unavailable(_))));
    store.ping().unwrap();
    assert!(store.friends(ann, 0, 100).unwrap().is_empty(), "reading goes on");
    behind.execute_batch("COMMIT").unwrap();
    assert_eq!(append(&mut *store, &batch), [1]);
}

#[test]
fn nobody_waits_for_a_locked_file_one_after_another() {
    let dir = TempDir::new().unwrap();
    let stores = SqliteStores::new(dir.path(), Synchronous::Full, Duration::from_secs(2)).unwrap();
    stores.migrate().unwrap();
    let (ann, bob) = {
        let mut store = stores.open().unwrap();
        (user(&mut *store, "ann"), user(&mut *store, "bob"))
    };
    let behind = rusqlite::Connection::open(dir.path().join("stonechat.db")).unwrap();
    behind.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let mut store = stores.open().unwrap();
                let refused = store.append(&[message(ann, Peer::User(bob), "x")]);
                assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
                assert!(matches!(store.add_friend(ann, bob), Err(StoreError::Unavailable(_))));
            });
        }
    });
    // Two calls each: four seconds, where one after another they would take 48.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    behind.execute_batch("COMMIT").unwrap();
    assert_eq!(append(&mut *stores.open().unwrap(), &[message(ann, Peer::User(bob), "x")]), [1]);
}

#[test]
fn a_statement_that_takes_too_long_is_ended() {
    let dir = TempDir::new().unwrap();
    let stores = SqliteStores::new(dir.path(), Synchronous::Full, Duration::from_millis(500)).unwrap();
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let behind = rusqlite::Connection::open(dir.path().join("stonechat.db")).unwrap();
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON Message BEGIN SELECT COUNT(*) FROM endless; END; \
                ALTER TABLE Friend RENAME TO Friend2; \
                CREATE VIEW Friend AS SELECT 1 AS userid, x AS friendid FROM endless";
    behind.execute_batch(&format!("{ENDLESS}; {trap}")).unwrap();
    let batch = [message(ann, Peer::User(bob), "x")];
    let refused = store.append(&batch);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "writing: {refused:?}");
    let refused = store.friends(ann, 0, 500);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "reading: {refused:?}");
    behind.execute_batch("DROP TRIGGER trap; DROP VIEW Friend; ALTER TABLE Friend2 RENAME TO Friend").unwrap();
    assert_eq!(append(&mut *store, &batch), [1], "nothing was left of what was ended");
    assert_eq!(store.friends(ann, 0, 500).unwrap(), []);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nobody_else_may_read_the_folder_and_the_files() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("above/data");
    let run = || {
        let stores = SqliteStores::new(&folder, Synchronous::Full, TIMEOUT).unwrap();
        stores.migrate().unwrap();
        let mut store = stores.open().unwrap();
        store.create_user("ann", "", crate::fresh::NOW).unwrap();
        let files: Vec<(String, u32)> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), mode(&entry.path())))
            .collect();
        assert!(files.iter().any(|(name, _)| name.ends_with("-wal")), "{files:?}");
        files
    };
    let files = run();
    assert!(files.iter().all(|(_, mode)| *mode == 0o600), "{files:?}");
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&dir.path().join("above")), 0o700);

    // What an earlier version has made.
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    for (name, _) in &files {
        if let Ok(()) = fs::set_permissions(folder.join(name), Permissions::from_mode(0o644)) {}
    }
    let files = run();
    assert!(files.iter().all(|(_, mode)| *mode == 0o600), "{files:?}");
    assert_eq!(mode(&folder), 0o700);

    // A folder in which others keep something is theirs, too.
    fs::write(folder.join("notes.txt"), "").unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.join("notes.txt"), Permissions::from_mode(0o644)).unwrap();
    let files = run();
    assert!(files.iter().all(|(name, mode)| name == "notes.txt" || *mode == 0o600), "{files:?}");
    assert_eq!((mode(&folder), mode(&folder.join("notes.txt"))), (0o755, 0o644));
}

/// Whether the bytes stand in any of the database's files.
fn stands_in_files(folder: &Path, text: &str) -> bool {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| fs::read(file).unwrap()).any(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some())
}

#[test]
fn what_was_recalled_stands_in_no_file_after_a_purge() {
    let dir = TempDir::new().unwrap();
    let stores = SqliteStores::new(dir.path(), Synchronous::Full, TIMEOUT).unwrap();
    stores.migrate().unwrap();
    let mut store = stores.open().unwrap();
    let (ann, bob) = (user(&mut *store, "ann"), user(&mut *store, "bob"));
    let secret = "correct horse battery staple";
    let long = format!("{secret} {}", "x".repeat(20_000));
    append(&mut *store, &[message(ann, Peer::User(bob), secret), message(ann, Peer::User(bob), &long)]);
    assert!(stands_in_files(dir.path(), secret));
    assert!(store.erase(ann, PHC, None, NOW).unwrap().is_some());
    while store.sweep_accounts(NOW).unwrap() {}
    assert!(store.purge().unwrap());
    assert!(!stands_in_files(dir.path(), secret));
    let carl = user(&mut *store, "carl");
    assert_eq!(append(&mut *store, &[message(bob, Peer::User(carl), "1")]), [1], "writing goes on");
}
