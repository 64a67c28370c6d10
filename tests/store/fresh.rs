//! Empty stores on either database, and shorthands for filling them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mysql::prelude::Queryable;
use stonechat::clock::UnixMs;
use stonechat::config::Synchronous;
use stonechat::ids::{ConvId, GroupId, Peer, UserId};
use stonechat::store::mysql::MySqlStores;
use stonechat::store::sqlite::SqliteStores;
use stonechat::store::{
    Append, Appended, Created, CursorRow, EventsPending, Listed, Message, NewToken, OpenStore, OwnPending, Range,
    Store, StoreError, TokenHash, TokenUse,
};
use tempfile::TempDir;

use crate::common::mariadb::MariaDb;
use crate::common::process::wait_for;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const NOW: UnixMs = UnixMs(1_700_000_000_000);

/// Moves cursors forward, in whatever epoch the data have.
pub(crate) trait Saving {
    fn save(&mut self, rows: &[CursorRow]) -> Result<Vec<CursorRow>, StoreError>;
}

impl<S: Store + ?Sized> Saving for S {
    fn save(&mut self, rows: &[CursorRow]) -> Result<Vec<CursorRow>, StoreError> {
        let epoch = self.cluster()?.epoch;
        self.save_cursors(&epoch, rows)
    }
}

/// An empty database, and a way around the store into it.
pub(crate) struct Fresh {
    pub(crate) stores: Arc<dyn OpenStore>,
    back_door: BackDoor,
}

enum BackDoor {
    Sqlite(PathBuf, TempDir),
    MySql(String),
}

/// Where a database is whose store was closed.
pub(crate) enum Left {
    Folder(TempDir),
    Url(String),
}

impl Fresh {
    pub(crate) fn sqlite() -> Self {
        let dir = TempDir::new().unwrap();
        let stores = SqliteStores::new(dir.path(), Synchronous::Full, TIMEOUT).unwrap();
        stores.migrate().unwrap();
        Self { stores: Arc::new(stores), back_door: BackDoor::Sqlite(dir.path().join("stonechat.db"), dir) }
    }

    /// A database that these statements make (tests/upgrade); not brought up to date.
    pub(crate) fn old_sqlite(dump: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("stonechat.db");
        rusqlite::Connection::open(&file).unwrap().execute_batch(dump).unwrap();
        let stores = SqliteStores::new(dir.path(), Synchronous::Full, TIMEOUT).unwrap();
        Self { stores: Arc::new(stores), back_door: BackDoor::Sqlite(file, dir) }
    }

    /// The same at this address of MariaDB's.
    pub(crate) fn old_mysql(url: &str, dump: &str) -> Self {
        let mut connection = mysql::Conn::new(url).unwrap();
        for result in connection.query_iter(dump).unwrap() {
            result.unwrap();
        }
        Self::at(url)
    }

    pub(crate) fn mariadb(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let shortened: String = name.chars().take(50).collect();
        let url = MariaDb::shared().url(&format!("{shortened}_{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let fresh = Self::at(&url);
        fresh.stores.migrate().unwrap();
        fresh
    }

    pub(crate) fn at(url: &str) -> Self {
        let stores = MySqlStores::new(url, TIMEOUT).unwrap();
        Self { stores: Arc::new(stores), back_door: BackDoor::MySql(url.to_owned()) }
    }

    /// Closes it; a node can be started on what is left.
    pub(crate) fn close(self) -> Left {
        drop(self.stores);
        match self.back_door {
            BackDoor::Sqlite(_, dir) => Left::Folder(dir),
            BackDoor::MySql(url) => Left::Url(url),
        }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.back_door, BackDoor::Sqlite(..))
    }

    pub(crate) fn store(&self) -> Box<dyn Store> {
        self.stores.open().unwrap()
    }

    /// Runs a statement behind the store's back.
    pub(crate) fn execute(&self, statement: &str) {
        match &self.back_door {
            BackDoor::Sqlite(file, _) => rusqlite::Connection::open(file).unwrap().execute_batch(statement).unwrap(),
            BackDoor::MySql(url) => mysql::Conn::new(url.as_str()).unwrap().query_drop(statement).unwrap(),
        }
    }

    /// The single number that a statement yields.
    pub(crate) fn number(&self, statement: &str) -> i64 {
        match &self.back_door {
            BackDoor::Sqlite(file, _) => {
                rusqlite::Connection::open(file).unwrap().query_row(statement, [], |row| row.get(0)).unwrap()
            }
            BackDoor::MySql(url) => mysql::Conn::new(url.as_str()).unwrap().query_first(statement).unwrap().unwrap(),
        }
    }

    /// The first column of all rows, as text.
    pub(crate) fn texts(&self, statement: &str) -> Vec<String> {
        match &self.back_door {
            BackDoor::Sqlite(file, _) => {
                let conn = rusqlite::Connection::open(file).unwrap();
                let mut prepared = conn.prepare(statement).unwrap();
                prepared.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            BackDoor::MySql(url) => mysql::Conn::new(url.as_str()).unwrap().query(statement).unwrap(),
        }
    }
}

pub(crate) fn new<Id>(created: Created<Id>) -> Id {
    match created {
        Created::New(id) => id,
        Created::NameTaken => panic!("the name is taken"),
        Created::Full(quota) => panic!("{quota:?} are used up"),
    }
}

/// The password of all users, as it is stored.
pub(crate) const PHC: &str = "$argon2id$";

/// A token of a user's, used on a phone.
pub(crate) fn new_token(hash: &TokenHash, user: UserId, expires_at: UnixMs) -> NewToken<'_> {
    NewToken { hash, user, expires_at, proof: PHC, used: TokenUse { device: "phone", address: "192.0.2.7" } }
}

pub(crate) fn user(store: &mut dyn Store, name: &str) -> UserId {
    new(store.create_user(name, PHC, NOW).unwrap())
}

pub(crate) fn group(store: &mut dyn Store, creator: UserId, name: &str) -> GroupId {
    new(store.create_group(creator, name, "about", NOW).unwrap())
}

/// A message without a cid.
pub(crate) fn message(sender: UserId, to: Peer, text: &str) -> Append {
    let body = format!("{{\"msg\":\"{text}\"}}").into();
    Append { sender, to, cid: None, body, sent_at: NOW, friends_only: false, known_end: 0 }
}

pub(crate) fn with_cid(cid: &str, message: Append) -> Append {
    Append { cid: Some(cid.into()), ..message }
}

pub(crate) fn at(ms: i64, message: Append) -> Append {
    Append { sent_at: UnixMs(ms), ..message }
}

/// Pending messages, events among them.
pub(crate) fn listed(own: OwnPending) -> Listed {
    Listed { own, events: EventsPending::Listed }
}

/// Reads a conversation that must be the reader's.
pub(crate) fn read(store: &mut dyn Store, reader: UserId, conv: ConvId, range: Range) -> (Vec<Message>, bool) {
    store.messages(reader, conv, range, 100, usize::MAX).unwrap().unwrap()
}

/// Stores messages that must be stored; their numbers.
pub(crate) fn append(store: &mut dyn Store, batch: &[Append]) -> Vec<u64> {
    loop {
        let outcomes = store.append(batch).unwrap();
        // On a busy machine others may hold the conversation for longer than a batch waits.
        if !outcomes.iter().all(|outcome| *outcome == Appended::Locked) || batch.is_empty() {
            return outcomes.into_iter().map(stored).collect();
        }
    }
}

/// What came of a batch whose commit is in doubt.
pub(crate) fn settled(store: &mut dyn Store, batch: &[Append]) -> Option<Vec<Appended>> {
    wait_for("the commit to be settled", || match store.settle(batch) {
        Ok(settled) => Some(settled),
        // Busy: the server is still taking the lost transaction back, and holds its locks until then.
        Err(StoreError::Unavailable(_) | StoreError::Busy(_)) => None,
        Err(error) => panic!("{error}"),
    })
}

pub(crate) fn stored(outcome: Appended) -> u64 {
    match outcome {
        Appended::Stored(seq) => seq,
        other => panic!("not stored: {other:?}"),
    }
}
