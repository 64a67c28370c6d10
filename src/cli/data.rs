//! The commands about the data: their arguments, and what becomes of them.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;
use stonechat::config::{Config, Flag};
use stonechat::data::{self, DataError, Identity};

use super::database::Database;

#[derive(Subcommand)]
pub(crate) enum DataCommand {
    /// Writes all data to stdout as JSON lines, as of one moment; a server may run.
    ///
    /// The same data make the same lines, whichever database they are in, but for the first line, which has the time. The last line
    /// has a checksum: without it the dump is not whole. It holds the hashes of passwords and everybody's messages: keep it to
    /// yourself. docs/data.md has the format.
    Dump {
        #[command(flatten)]
        database: Database,
    },
    /// Reads a dump from stdin into an empty database, of either kind.
    ///
    /// Ids, messages, tokens and positions are kept: clients go on as if nothing had happened. Nothing is written before the whole
    /// dump has come and its checksum is right; it is kept in a temporary file (TMPDIR) meanwhile. A database with accounts is
    /// refused. Run it while no server uses the database.
    Load {
        #[command(flatten)]
        database: Database,
        /// Gives the data an identity and an epoch of their own: for a copy that is used beside the original
        #[arg(long)]
        new_identity: bool,
    },
    /// Copies the embedded database into FILE, while a server runs or not.
    ///
    /// FILE has all that was acknowledged before the command began, and appears when it is complete. Of MySQL, mysqldump
    /// --single-transaction or `stonechat dump` makes a backup.
    Backup {
        /// Where the copy goes
        file: PathBuf,
        /// Replaces FILE if it is there
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        database: Database,
    },
    /// Makes a backup the embedded database; the one that was there is kept aside. No server may run on it.
    ///
    /// FILE is checked first. The data get a new epoch, so that clients notice that they went back.
    Restore {
        /// What `backup` has written
        file: PathBuf,
        #[command(flatten)]
        database: Database,
    },
    /// Looks for what should not be in the database: missing messages, rows without what they belong to, wrong counts.
    ///
    /// One line for each finding, and a summary. Exit code 1: something is wrong.
    Check {
        /// Mends what can be mended without guessing; no server may run
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        database: Database,
    },
}

/// What is to be done with the database of the settings.
pub(crate) enum DataTask {
    Dump,
    Load(Identity),
    Backup { file: PathBuf, force: bool },
    Restore(PathBuf),
    Check { repair: bool },
}

impl DataCommand {
    /// The task, and the command's own flags.
    pub(crate) fn split(self) -> (DataTask, Option<PathBuf>, Vec<Flag>) {
        let (task, database) = match self {
            Self::Dump { database } => (DataTask::Dump, database),
            Self::Load { database, new_identity } => {
                (DataTask::Load(if new_identity { Identity::New } else { Identity::Kept }), database)
            }
            Self::Backup { file, force, database } => (DataTask::Backup { file, force }, database),
            Self::Restore { file, database } => (DataTask::Restore(file), database),
            Self::Check { repair, database } => (DataTask::Check { repair }, database),
        };
        let (file, flags) = database.split();
        (task, file, flags)
    }
}

impl DataTask {
    /// Does it; whether all is well.
    pub(crate) fn run(self, config: &Config) -> Result<bool, DataError> {
        match self {
            Self::Dump => data::dump(config, io::stdout().lock())?,
            Self::Load(identity) => data::load(config, io::stdin().lock(), identity)?,
            Self::Backup { file, force } => data::backup(config, &file, force)?,
            Self::Restore(file) => {
                let told = match data::restore(config, &file)? {
                    Some(aside) => format!("restored; the database that was there is now {}", aside.display()),
                    None => "restored".to_owned(),
                };
                writeln!(io::stdout(), "{told}").map_err(DataError::Output)?;
            }
            Self::Check { repair } => return data::check(config, io::stdout().lock(), repair),
        }
        Ok(true)
    }
}
