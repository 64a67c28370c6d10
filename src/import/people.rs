//! Users: what becomes of each row, and how they are written.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::error::ImportError;
use super::identity::mark;
use super::names::{self, Letters, Name};
use super::progress::Progress;
use super::report::{Report, Table, Why};
use super::source::Fields;
use super::target::Target;
use crate::clock::UnixMs;
use crate::config::PasswordCost;
use crate::ids::UserId;
use crate::service::auth::password::{Hasher, LOCKED, PasswordError};
use crate::store::bulk::{Brought, NewUser};
use crate::store::{ClientDialect, Named};

/// Users of one transaction: as many as are hashed in a few seconds, or written in a moment.
const HASHED_AT_ONCE: usize = 256;
const LOCKED_AT_ONCE: usize = 4_096;

/// How many who are in the way are told.
const CONFLICTS_TOLD: usize = 5;

/// What becomes of passwords.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Passwords {
    /// They are hashed at this cost.
    Hashed(PasswordCost),
    /// Nobody comes in before an administrator gives a new one.
    Locked,
}

/// A user of the source.
struct Account {
    name: Name,
    raw_name: Option<String>,
    /// `None`: there is none.
    password: Option<String>,
    mark: i64,
    /// An earlier run has brought it.
    is_present: bool,
    /// And it was erased since.
    is_gone: bool,
}

/// All users of the source, by id.
#[derive(Default)]
pub(super) struct People {
    accounts: BTreeMap<u32, Account>,
}

impl People {
    /// Takes a row: id, name, password.
    pub(super) fn take(&mut self, row: Fields, letters: Letters, report: &mut Report) -> Result<(), ImportError> {
        report.tally(Table::User).read += 1;
        let [id, raw_name, password] = <[Option<String>; 3]>::try_from(row).unwrap_or_default();
        let id_text = id.unwrap_or_default();
        let Some(id) = id_text.parse().ok().and_then(UserId::new) else {
            return Ok(report.left_out(Table::User, &id_text, Why::BadId)?);
        };
        let id = id.number();
        let name = names::fit(raw_name.as_deref(), letters, &format!("user-{id}"));
        let password = password.filter(|password| !password.is_empty());
        // What is typed is not garbled: the old server had it back from the database as it was.
        let password = password.map(|password| names::meant(&password, letters).unwrap_or(password));
        let mark = mark("user", id, raw_name.as_deref());
        self.accounts.insert(id, Account { name, raw_name, password, mark, is_present: false, is_gone: false });
        Ok(())
    }

    /// The user of this id, if there is one here and in the target.
    pub(super) fn find(&self, id: i64) -> Result<UserId, Why> {
        let user = UserId::new(id).ok_or(Why::NoSuchUser)?;
        match self.accounts.get(&user.number()) {
            None => Err(Why::NoSuchUser),
            Some(account) if account.is_gone => Err(Why::Gone),
            Some(_) => Ok(user),
        }
    }

    /// Looks who is in the target already: what earlier runs have brought, or others, which are told.
    pub(super) fn meet(&mut self, target: &mut Target) -> Result<Vec<String>, ImportError> {
        let ledger = target.ledger(Brought::User)?;
        let ids: Vec<UserId> = self.accounts.keys().filter_map(|&id| UserId::new(id.into())).collect();
        let mut conflicts = Vec::new();
        for present in target.users(&ids)? {
            let Some(account) = self.accounts.get_mut(&present.id) else { continue };
            account.is_present = ledger.get(&present.id.into()) == Some(&account.mark);
            account.is_gone = present.is_gone;
            if !account.is_present {
                conflicts.push(format!("user {} (\"{}\")", present.id, present.name.escape_debug()));
            }
        }
        Ok(conflicts)
    }

    /// Gives everybody a name of one's own, and reports who has another one than before.
    pub(super) fn settle_names(&mut self, target: Option<&mut Target>, report: &mut Report) -> Result<(), ImportError> {
        let mut settled: BTreeMap<u32, Name> =
            self.accounts.iter().map(|(&id, account)| (id, account.name.clone())).collect();
        part_in(&mut settled, Named::User, target)?;
        for (id, name) in settled {
            let Some(account) = self.accounts.get_mut(&id) else { continue };
            tell_name(Table::User, id, account.raw_name.as_deref(), &name, report)?;
            account.name = name;
        }
        Ok(())
    }

    /// Reports who cannot log in any more.
    pub(super) fn tell_locked(&self, passwords: Passwords, report: &mut Report) -> Result<(), ImportError> {
        for (id, account) in &self.accounts {
            let why = match (&account.password, passwords) {
                (None, _) => Why::NoPassword,
                (Some(_), Passwords::Locked) => Why::PasswordsLocked,
                (Some(_), Passwords::Hashed(_)) => continue,
            };
            report.changed(Table::User, &id.to_string(), why, None)?;
        }
        Ok(())
    }

    /// Writes those who are not there yet; without a target it is only counted.
    pub(super) fn write(
        &self,
        mut target: Option<&mut Target>,
        dialect: ClientDialect,
        passwords: Passwords,
        report: &mut Report,
    ) -> Result<(), ImportError> {
        let missing: Vec<(&u32, &Account)> = self.accounts.iter().filter(|(_, account)| !account.is_present).collect();
        let tally = report.tally(Table::User);
        tally.present = (self.accounts.len() - missing.len()) as u64;
        let mut hashing = Hashing::new(passwords, dialect);
        let mut progress = Progress::new("users", missing.len() as u64);
        for piece in missing.chunks(hashing.at_once()) {
            if let Some(target) = &mut target {
                let hashes = hashing.hash(piece)?;
                let users: Vec<NewUser> = piece
                    .iter()
                    .zip(hashes)
                    .filter_map(|((id, account), password)| {
                        let (name, mark) = (account.name.text.clone(), account.mark);
                        Some(NewUser { id: UserId::new(i64::from(**id))?, name, password, dialect, mark })
                    })
                    .collect();
                target.bulk().put_users(&users, UnixMs::now())?;
            }
            report.tally(Table::User).brought += piece.len() as u64;
            progress.add(piece.len() as u64);
        }
        progress.finish();
        Ok(())
    }
}

/// The refusal of a target in which others are in the way.
pub(super) fn refuse(conflicts: &[String]) -> Result<(), ImportError> {
    if conflicts.is_empty() {
        return Ok(());
    }
    let told = conflicts.iter().take(CONFLICTS_TOLD).cloned().collect::<Vec<_>>().join(", ");
    let more = conflicts.len().saturating_sub(CONFLICTS_TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(ImportError::Conflict(format!(
        "the target has {told}{more}, not from this import, where the import needs these ids: nothing was written. Ids are kept, \
         so import into an empty target, or into one that has none of these ids"
    )))
}

/// Parts names, whoever has them here or in the target.
pub(super) fn part_in(
    names: &mut BTreeMap<u32, Name>,
    named: Named,
    mut target: Option<&mut Target>,
) -> Result<(), ImportError> {
    names::part(names, |keys: &HashSet<String>| match &mut target {
        Some(target) => target.holders(named, keys),
        None => Ok(HashMap::new()),
    })
}

/// Reports a name that is another one than before, once for each reason.
pub(super) fn tell_name(
    table: Table,
    id: u32,
    raw: Option<&str>,
    name: &Name,
    report: &mut Report,
) -> Result<(), ImportError> {
    for &why in &name.whys {
        let from_to = Some((raw.unwrap_or_default(), name.text.as_str()));
        report.changed(table, &id.to_string(), why, from_to)?;
    }
    Ok(())
}

/// Hashes passwords on all processors.
struct Hashing {
    passwords: Passwords,
    dialect: ClientDialect,
    hashers: Vec<Hasher>,
}

impl Hashing {
    fn new(passwords: Passwords, dialect: ClientDialect) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let hashers = match passwords {
            Passwords::Hashed(cost) => (0..threads).map(|_| Hasher::new(cost)).collect(),
            Passwords::Locked => Vec::new(),
        };
        Self { passwords, dialect, hashers }
    }

    fn at_once(&self) -> usize {
        if self.passwords == Passwords::Locked { LOCKED_AT_ONCE } else { HASHED_AT_ONCE }
    }

    /// What is stored of the password of each.
    fn hash(&mut self, accounts: &[(&u32, &Account)]) -> Result<Vec<String>, PasswordError> {
        if self.hashers.is_empty() {
            return Ok(vec![LOCKED.to_owned(); accounts.len()]);
        }
        let (dialect, share) = (self.dialect, accounts.len().div_ceil(self.hashers.len()).max(1));
        let hashed = std::thread::scope(|scope| {
            let shares = self.hashers.iter_mut().zip(accounts.chunks(share));
            let threads: Vec<_> = shares
                .map(|(hasher, share)| {
                    scope.spawn(move || {
                        share.iter().map(|(_, account)| stored(hasher, account, dialect)).collect::<Result<Vec<_>, _>>()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("hashing does not panic"))
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(hashed.concat())
    }
}

fn stored(hasher: &mut Hasher, account: &Account, dialect: ClientDialect) -> Result<String, PasswordError> {
    match &account.password {
        None => Ok(LOCKED.to_owned()),
        // sponge's client sends digits or what was typed, and its databases have both.
        Some(password) if dialect == ClientDialect::Sponge => hasher.hash_for_digits(password),
        Some(password) => hasher.hash(password),
    }
}
