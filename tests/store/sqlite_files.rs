//! What only the embedded database has: a folder, a lock on it, a disk that fills up.

use stonechat::config::Synchronous;
use stonechat::ids::Peer;
use stonechat::store::sqlite::SqliteStores;
use stonechat::store::{OpenStore, StoreError};
use tempfile::TempDir;

use crate::fresh::{TIMEOUT, append, message, user};

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
    assert!(store.friends(ann).unwrap().is_empty(), "reading goes on");
    behind.execute_batch("COMMIT").unwrap();
    assert_eq!(append(&mut *store, &batch), [1]);
}
