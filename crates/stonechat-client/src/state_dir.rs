//! The state folder: who logged in last, and per account its token, its outbox and what was seen. Never a password.
//!
//! ```text
//!   $XDG_STATE_HOME/stonechat/          (~/.local/state/stonechat)
//!     current.json                      the account that a bare start takes
//!     SERVER/NAME/account.json          id, name, token
//!                 outbox.jsonl          messages without an ack: appended and synced before they are sent
//!                 marks.json            per conversation: pushed up to, read up to
//!                 lock                  one client at a time
//!                 spool/                what `send` hands to a client that is running
//! ```
//!
//! Files are 0600, folders 0700. What is replaced is written beside it, synced, and renamed.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stonechat_protocol::ids::{GroupId, Peer, UserId};

use crate::model::{Account, Mark, Outbox, Record};

/// The outbox's file is rewritten when it has so many lines that no message needs any more.
const IDLE_RECORDS_MAX: usize = 200;

/// The state folder.
#[derive(Clone, Debug)]
pub(crate) struct StateDir(PathBuf);

/// Which account a start without flags takes.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Current {
    /// As `--server` takes it.
    pub(crate) server: String,
    pub(crate) name: String,
    /// The file of authorities that vouch for this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct SavedAccount {
    id: i64,
    name: String,
    token: Option<String>,
    epoch: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct SavedMark {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    groupid: Option<u32>,
    #[serde(default)]
    title: String,
    #[serde(flatten)]
    mark: Mark,
}

impl StateDir {
    /// The folder, by the rules of XDG; `None` when even HOME is unknown.
    pub(crate) fn find(explicit: Option<PathBuf>) -> Option<Self> {
        let xdg = || std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let own = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        explicit.or_else(|| xdg().or_else(own).map(|state| state.join("stonechat"))).map(Self)
    }

    /// Who logged in last.
    pub(crate) fn current(&self) -> Option<Current> {
        read_json(&self.0.join("current.json"))
    }

    /// A start without flags takes this account from now on.
    pub(crate) fn set_current(&self, current: &Current) -> io::Result<()> {
        make_folder(&self.0)?;
        write_json(&self.0.join("current.json"), current)
    }

    /// Where an account's files are.
    pub(crate) fn account_folder(&self, server: &str, name: &str) -> PathBuf {
        self.0.join(file_name(server)).join(file_name(&name.to_lowercase()))
    }

    /// Opens an account's folder, and keeps other clients out of it.
    pub(crate) fn open(&self, server: &str, name: &str) -> Result<Folder, OpenError> {
        let path = self.account_folder(server, name);
        let failed = |source| OpenError::Failed { path: path.clone(), source };
        make_folder(&path).map_err(failed)?;
        let lock = options().append(true).open(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(OpenError::InUse),
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        let outbox = Outbox::replay(read_records(&path.join("outbox.jsonl")));
        let file = rewrite_outbox(&path, &outbox).map_err(failed)?;
        Ok(Folder { path, outbox: file, idle_records: 0, loaded: Some(outbox), _lock: lock })
    }
}

/// Why an account's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("this account is in use by another stonechat-client on this machine; end that one first")]
    InUse,
    #[error("cannot use {}: {source}", path.display())]
    Failed { path: PathBuf, source: io::Error },
}

/// An account's folder, locked.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    outbox: File,
    /// Lines in the file that no waiting message needs.
    idle_records: usize,
    loaded: Option<Outbox>,
    _lock: File,
}

impl Folder {
    /// The account's part of the state folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The outbox as the last client left it. Once.
    pub(crate) fn take_outbox(&mut self) -> Outbox {
        self.loaded.take().unwrap_or_default()
    }

    /// The account as it was saved.
    pub(crate) fn account(&self, name: &str) -> Account {
        let saved: SavedAccount = read_json(&self.path.join("account.json")).unwrap_or_default();
        let name = if saved.name.is_empty() { name.to_owned() } else { saved.name };
        Account { name, id: UserId::new(saved.id), token: saved.token, epoch: saved.epoch, ..Account::default() }
    }

    /// Saves id, name, token and epoch.
    pub(crate) fn save_account(&self, account: &Account) -> io::Result<()> {
        let id = account.id.map_or(0, |id| i64::from(id.number()));
        let Account { name, token, epoch, .. } = account;
        let saved = SavedAccount { id, name: name.clone(), token: token.clone(), epoch: epoch.clone() };
        write_json(&self.path.join("account.json"), &saved)
    }

    /// What was seen and read.
    pub(crate) fn marks(&self) -> BTreeMap<Peer, (String, Mark)> {
        let saved: Vec<SavedMark> = read_json(&self.path.join("marks.json")).unwrap_or_default();
        saved.into_iter().filter_map(|saved| Some((saved.peer()?, (saved.title, saved.mark)))).collect()
    }

    /// Saves what was seen and read; on disk when it returns.
    pub(crate) fn save_marks<'a>(&self, marks: impl Iterator<Item = (Peer, String, &'a Mark)>) -> io::Result<()> {
        let saved: Vec<SavedMark> = marks.map(|(peer, title, mark)| SavedMark::of(peer, title, *mark)).collect();
        write_json(&self.path.join("marks.json"), &saved)
    }

    /// Appends a change of the outbox; on disk when it returns. `now` is the outbox after it.
    pub(crate) fn record(&mut self, record: &Record, now: &Outbox) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.outbox.write_all(&line)?;
        self.outbox.sync_data()?;
        if matches!(record, Record::Done { .. }) {
            self.idle_records += 2;
        }
        if self.idle_records > IDLE_RECORDS_MAX {
            self.outbox = rewrite_outbox(&self.path, now)?;
            self.idle_records = 0;
        }
        Ok(())
    }
}

impl SavedMark {
    fn of(peer: Peer, title: String, mark: Mark) -> Self {
        match peer {
            Peer::User(user) => Self { id: Some(user.number()), groupid: None, title, mark },
            Peer::Group(group) => Self { id: None, groupid: Some(group.number()), title, mark },
        }
    }

    fn peer(&self) -> Option<Peer> {
        match (self.id, self.groupid) {
            (_, Some(group)) => GroupId::new(group.into()).map(Peer::Group),
            (Some(user), None) => UserId::new(user.into()).map(Peer::User),
            (None, None) => None,
        }
    }
}

/// Lines that are no records are left out: a crash may have cut the last one off, before it was sent.
fn read_records(path: &Path) -> Vec<Record> {
    let text = fs::read(path).unwrap_or_default();
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn rewrite_outbox(folder: &Path, outbox: &Outbox) -> io::Result<File> {
    let mut text = Vec::new();
    for record in outbox.records() {
        serde_json::to_writer(&mut text, &record)?;
        text.push(b'\n');
    }
    let path = folder.join("outbox.jsonl");
    replace(&path, &text)?;
    options().append(true).open(path)
}

/// A file's JSON; `None` when there is none that can be read.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Replaces a file by a value as JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(path, &serde_json::to_vec(value)?)
}

/// Replaces a file as a whole: after a crash it is the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = options().write(true).truncate(true).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&beside, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// For files that only their owner may read.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

/// Creates a folder that only its owner may enter.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A name as one part of a path: what is not plain becomes `%` and its bytes in hex.
fn file_name(name: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut safe = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b':' => safe.push(char::from(byte)),
            b'.' if !safe.is_empty() => safe.push('.'),
            _ => safe.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use stonechat_protocol::time::UnixMs;

    fn say(cid: &str) -> Record {
        Record::Say { cid: cid.into(), toid: Some(2), groupid: None, msg: "hi\n\"you\"".into(), re: None, at_ms: 5 }
    }

    fn state_dir() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().unwrap();
        let state_dir = StateDir(folder.path().join("state"));
        (folder, state_dir)
    }

    #[test]
    fn the_outbox_survives_and_a_torn_line_does_no_harm() {
        let (_keep, state_dir) = state_dir();
        let mut folder = state_dir.open("h:1", "anna").unwrap();
        let mut outbox = folder.take_outbox();
        for record in [say("a"), say("b"), Record::Done { cid: "a".into() }] {
            outbox.apply(record.clone());
            folder.record(&record, &outbox).unwrap();
        }
        folder.outbox.write_all(b"{\"say\":{\"cid\":\"torn").unwrap();
        drop(folder);
        let mut folder = state_dir.open("h:1", "Anna").unwrap();
        let outbox = folder.take_outbox();
        let left: Vec<_> = outbox.iter().map(|outgoing| (outgoing.cid.as_str(), outgoing.at)).collect();
        assert_eq!(left, [("b", UnixMs(5))]);
        folder.record(&Record::Done { cid: "b".into() }, &outbox).unwrap();
        drop(folder);
        assert_eq!(state_dir.open("h:1", "anna").unwrap().take_outbox().iter().count(), 0);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let (_keep, state_dir) = state_dir();
        let mut folder = state_dir.open("h:1", "anna").unwrap();
        let mut outbox = folder.take_outbox();
        for n in 0..250 {
            for record in [say(&n.to_string()), Record::Done { cid: n.to_string() }] {
                outbox.apply(record.clone());
                folder.record(&record, &outbox).unwrap();
            }
        }
        let size = fs::metadata(folder.path.join("outbox.jsonl")).unwrap().len();
        assert!(size < 15_000, "{size} bytes");
    }

    #[test]
    fn only_the_owner_reads_it_and_only_one_client_uses_it() {
        let (_keep, state_dir) = state_dir();
        let folder = state_dir.open("h:1", "anna").unwrap();
        let account = Account { name: "anna".into(), token: Some("secret".into()), ..Account::default() };
        folder.save_account(&account).unwrap();
        assert!(matches!(state_dir.open("h:1", "anna"), Err(OpenError::InUse)));
        assert!(state_dir.open("h:1", "ben").is_ok());
        for file in ["account.json", "outbox.jsonl", "lock"] {
            let mode = fs::metadata(folder.path.join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        assert_eq!(fs::metadata(&folder.path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(folder.account("anna").token.as_deref(), Some("secret"));
    }

    #[test]
    fn marks_come_back() {
        let (_keep, state_dir) = state_dir();
        let folder = state_dir.open("h:1", "anna").unwrap();
        let mark = Mark { seen: 7, seen_id: 2, seen_ms: 8, read: 5, unread: 2, latest_ms: 9 };
        let peer = Peer::Group(GroupId::new(3).unwrap());
        folder.save_marks([(peer, "chess".to_owned(), &mark)].into_iter()).unwrap();
        assert_eq!(folder.marks().get(&peer), Some(&("chess".to_owned(), mark)));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        assert_eq!(file_name("../x/é"), "%2e.%2fx%2f%c3%a9");
        assert_eq!(file_name("127.0.0.1:8000"), "127.0.0.1:8000");
        assert_eq!(file_name(".."), "%2e.");
    }
}
