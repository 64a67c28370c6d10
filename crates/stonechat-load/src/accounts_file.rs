//! Accounts in a file, one a line: `id name token`. With it a server can be started anew between making the accounts and
//! measuring what their sessions cost.

use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::setup::Account;

/// The accounts in the file; `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<Account>>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let accounts: Option<Vec<Account>> = text.lines().map(account).collect();
    accounts.map(Some).with_context(|| format!("{} is not a file of accounts", path.display()))
}

/// Keeps them for another run.
pub(crate) fn write(path: &Path, accounts: &[Account]) -> Result<()> {
    let mut text = String::new();
    for Account { id, name, token } in accounts {
        writeln!(text, "{id} {name} {token}")?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn account(line: &str) -> Option<Account> {
    let mut words = line.split(' ');
    let account =
        Account { id: words.next()?.parse().ok()?, name: words.next()?.to_owned(), token: words.next()?.to_owned() };
    words.next().is_none().then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts");
        assert_eq!(read(&path).unwrap(), None);
        let accounts = vec![Account { id: 3, name: "a".to_owned(), token: "t".to_owned() }];
        write(&path, &accounts).unwrap();
        assert_eq!(read(&path).unwrap(), Some(accounts));
        fs::write(&path, "nonsense\n").unwrap();
        assert!(read(&path).is_err());
    }
}
