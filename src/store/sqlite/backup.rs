//! The embedded database's file: copied while a node writes it, and replaced while none does.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::connection::{Bounded, fault};
use super::{FILE, LOCK_FILE, exists, lock, private, unusable};
use crate::clock::UnixMs;
use crate::config::Synchronous;
use crate::store::sql::stream::Stream;
use crate::store::sql::{Sql, SqlResult, cluster, upgrade, version};
use crate::store::{Result, StoreError, foreign, migrate};

/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The copy that is to be the database, in its folder.
const RESTORING: &str = "stonechat.db.restoring";

/// What the databases are called that a restore has put aside; the time follows, in milliseconds.
const ASIDE: &str = "stonechat.db.before-restore-";

/// What SQLite keeps beside a file, as ends of its name.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The version of the schema since which data have an epoch.
const EPOCH_SINCE: i64 = 2;

/// Copies the database of the folder into `file`, as of one moment; a node may run. `file` appears when all of it is on the disk, or
/// not at all. `timeout` bounds the wait for another process that locks the database.
///
/// # Errors
/// `Broken` when there is no database, or `file` is there and `replaces` is not.
pub(crate) fn backup(dir: &Path, file: &Path, replaces: bool, timeout: Duration) -> Result<()> {
    if !exists(dir) {
        return Err(broken(format!("there is none in the folder {}", dir.display())));
    }
    refuse_present(file, replaces)?;
    let partial = beside(file, &format!(".partial-{}", std::process::id()));
    let copied = copy_database(&dir.join(FILE), &partial, timeout).and_then(|()| {
        refuse_present(file, replaces)?;
        fs::rename(&partial, file).map_err(|error| unusable("make", file, &error))?;
        sync_folder(file).map_err(|error| unusable("make", file, &error))
    });
    if copied.is_err() {
        remove(&partial);
    }
    copied
}

fn refuse_present(file: &Path, replaces: bool) -> Result<()> {
    if replaces || !file.exists() {
        return Ok(());
    }
    Err(broken(format!("{} is there already: choose another name, or replace it with --force", file.display())))
}

fn copy_database(database: &Path, partial: &Path, timeout: Duration) -> Result<()> {
    remove(partial);
    // SQLite takes an empty file for none, and would make one that everybody can read.
    private::make_file(partial).map_err(|error| unusable("create", partial, &error))?;
    let name = partial.to_str().ok_or_else(|| broken("the name of the backup must be UTF-8".to_owned()))?;
    let source = Bounded::open(database, Synchronous::Full, timeout)?;
    source.connection.execute("VACUUM INTO ?1", [name]).map_err(fault)?;
    sync(partial).map_err(|error| unusable("write", partial, &error))
}

/// Makes `file` the database of the folder, with a new epoch: clients begin anew. The database that was there is put aside, under the
/// name that is returned. No node may run.
///
/// # Errors
/// `Unavailable` when a node runs on the folder, `Broken` when `file` is no database of ours, or damaged. Nothing was changed.
pub(crate) fn restore(dir: &Path, file: &Path, timeout: Duration) -> Result<Option<PathBuf>> {
    refuse_what_is_none(file)?;
    private::make_folder(dir).map_err(|error| unusable("create the folder", dir, &error))?;
    let _alone = lock(&dir.join(LOCK_FILE), dir)?;
    let (database, restoring) = (dir.join(FILE), dir.join(RESTORING));
    if is_same(file, &database) {
        return Err(broken("it is the very file that is to be restored".to_owned()));
    }
    let taken = prepare(file, &restoring, timeout).and_then(|()| replace(&database, &restoring, timeout));
    if taken.is_err() {
        remove(&restoring);
    }
    taken
}

fn refuse_what_is_none(file: &Path) -> Result<()> {
    let mut head = Vec::new();
    let opened = File::open(file).map_err(|error| unusable("open", file, &error))?;
    let length = MAGIC.len() as u64;
    opened.take(length).read_to_end(&mut head).map_err(|error| unusable("read", file, &error))?;
    if head == MAGIC {
        return Ok(());
    }
    Err(broken(format!("{} is no backup: it is not a SQLite database", file.display())))
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Copies the file, looks at the copy, and has it begin a new epoch.
fn prepare(file: &Path, restoring: &Path, timeout: Duration) -> Result<()> {
    remove(restoring);
    copy(file, restoring)?;
    let log = beside(file, "-wal");
    if log.exists() {
        copy(&log, &beside(restoring, "-wal"))?;
    }
    let copied = Bounded::open(restoring, Synchronous::Full, timeout)?;
    let mut handle = copied.handle();
    let damage = handle.damage()?;
    if let Some(first) = damage.first() {
        return Err(broken(format!("{} is damaged: {first}", file.display())));
    }
    let foreign = foreign::tables(&mut handle, migrate::SQLITE)?;
    let present = version::version(&mut handle)?;
    if present == 0 || !foreign.is_empty() {
        return Err(broken(format!("{} is no backup of a Stonechat", file.display())));
    }
    migrate::missing(present, migrate::SQLITE)?;
    if present >= EPOCH_SINCE {
        begin_anew(&mut handle)?;
    }
    handle.empty_the_log()?;
    drop(copied);
    sync(restoring).map_err(|error| unusable("write", restoring, &error))
}

fn begin_anew(sql: &mut dyn Sql) -> SqlResult<()> {
    let known = cluster::row(sql)?;
    cluster::set(sql, &known.id, &upgrade::random_hex()?)
}

/// At every moment there is a whole database in the folder, where its file system has links: what was there, or the other one.
fn replace(database: &Path, restoring: &Path, timeout: Duration) -> Result<Option<PathBuf>> {
    let failed = |error: io::Error| unusable("replace", database, &error);
    if !database.exists() {
        for end in COMPANIONS {
            remove_one(&beside(database, end));
        }
        fs::rename(restoring, database).map_err(failed)?;
        sync_folder(database).map_err(failed)?;
        return Ok(None);
    }
    settle(database, timeout);
    let aside = database.with_file_name(format!("{ASIDE}{}", UnixMs::now().0));
    // Not every file system has links.
    fs::hard_link(database, &aside).or_else(|_| fs::rename(database, &aside)).map_err(failed)?;
    for end in COMPANIONS {
        // A log that stays would be taken for the new database's.
        let companion = beside(database, end);
        if companion.exists() {
            fs::rename(&companion, beside(&aside, end)).map_err(failed)?;
        }
    }
    fs::rename(restoring, database).map_err(failed)?;
    sync_folder(database).map_err(failed)?;
    Ok(Some(aside))
}

/// Moves what stands in the database's log into its file, so that the file is all there is. One that is too damaged for that keeps its
/// log.
fn settle(database: &Path, timeout: Duration) {
    let settled = Bounded::open(database, Synchronous::Full, timeout).map(|old| old.handle().empty_the_log());
    if !matches!(settled, Ok(Ok(true))) {
        log::warn!("the database that is put aside cannot be read whole: its log is kept beside it");
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = File::open(from).and_then(|mut from| io::copy(&mut from, &mut private::make_file(to)?));
    copied.map(drop).map_err(|error| unusable("copy to", to, &error))
}

/// A name of a file beside this one.
fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn remove(file: &Path) {
    remove_one(file);
    for end in COMPANIONS {
        remove_one(&beside(file, end));
    }
}

fn remove_one(file: &Path) {
    if let Err(error) = fs::remove_file(file)
        && error.kind() != io::ErrorKind::NotFound
    {
        log::warn!("cannot remove {}: {error}", file.display());
    }
}

fn sync(file: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync(folder)
}

fn broken(told: String) -> StoreError {
    StoreError::Broken(told.into())
}
