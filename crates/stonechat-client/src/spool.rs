//! How `send` hands a message to a client of the same account that is already running: two sessions would take the
//! connection from each other.
//!
//! ```text
//!   send                               the running client
//!   spool/CID.json  {to, msg}  ----->  says it (outbox, same CID), removes the file
//!   waits                      <-----  spool/CID.done  {seq} or {why}, when the server has answered
//! ```

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::state_dir;

/// A message to be sent by the running client.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Letter {
    /// As it was typed: a name, a number, `#group`.
    pub(crate) to: String,
    pub(crate) msg: String,
}

/// What became of it: its `seq`, or why not.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Seq(u64),
    Why(String),
}

/// The folder, seen by the running client.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    /// Being looked up; their files are still there.
    taken: HashSet<String>,
}

impl Spool {
    /// The spool of an account's folder.
    pub(crate) fn of(account: &Path) -> Self {
        Self { folder: account.join("spool"), taken: HashSet::new() }
    }

    /// Letters that were not taken before, each with its `cid`.
    pub(crate) fn take(&mut self) -> Vec<(String, Letter)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut letters = Vec::new();
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let Some(cid) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else { continue };
            if let (true, Some(letter)) = (self.taken.insert(cid.to_owned()), state_dir::read_json(&path)) {
                letters.push((cid.to_owned(), letter));
            }
        }
        letters.sort_by(|(a, _), (b, _)| a.cmp(b));
        letters
    }

    /// Letters that were taken and came to nothing, as the connection broke, are taken again.
    pub(crate) fn forget_taken(&mut self) {
        self.taken.clear();
    }

    /// The letter is in the outbox now.
    pub(crate) fn remove(&mut self, cid: &str) {
        let _ = fs::remove_file(self.folder.join(format!("{cid}.json")));
        self.taken.remove(cid);
    }

    /// Tells `send` what became of it.
    pub(crate) fn report(&mut self, cid: &str, outcome: &Outcome) -> io::Result<()> {
        self.remove(cid);
        state_dir::write_json(&self.folder.join(format!("{cid}.done")), outcome)
    }
}

/// The folder, seen by `send`: one letter.
pub(crate) struct Handover {
    letter: PathBuf,
    answer: PathBuf,
}

impl Handover {
    /// Puts a letter into the spool of an account's folder.
    pub(crate) fn post(account: &Path, cid: &str, letter: &Letter) -> io::Result<Self> {
        let folder = account.join("spool");
        state_dir::make_folder(&folder)?;
        let handover = Self { letter: folder.join(format!("{cid}.json")), answer: folder.join(format!("{cid}.done")) };
        state_dir::write_json(&handover.letter, letter)?;
        Ok(handover)
    }

    /// What became of it, once that is known.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let outcome = state_dir::read_json(&self.answer)?;
        let _ = fs::remove_file(&self.answer);
        Some(outcome)
    }

    /// Takes the letter back; `false` when the running client has it already, and will send it.
    pub(crate) fn take_back(&self) -> bool {
        fs::remove_file(&self.letter).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_taken_once_and_answered() {
        let account = tempfile::tempdir().unwrap();
        let letter = Letter { to: "ben".into(), msg: "hi".into() };
        let handover = Handover::post(account.path(), "c1", &letter).unwrap();
        let mut spool = Spool::of(account.path());
        assert_eq!(spool.take(), [("c1".to_owned(), letter.clone())]);
        assert_eq!(spool.take(), []);
        spool.forget_taken();
        assert_eq!(spool.take().len(), 1);
        assert_eq!(handover.outcome(), None);
        spool.report("c1", &Outcome::Seq(7)).unwrap();
        assert_eq!(handover.outcome(), Some(Outcome::Seq(7)));
        assert!(!handover.take_back(), "it is with the client now");
    }
}
