//! `stonechat import`: the users, groups and undelivered messages of an earlier system's database.
//!
//! ```text
//!   source      its tables, read as of one moment                schema: which system, and where what stands
//!     |
//!   people friends groups messages     what becomes of each row: names, offline, garbled, moment (pure)
//!     |                    \___ report: what was changed or left out, and why
//!   target      looked at first, then written, a few thousand rows in each transaction, together with the note that they are in
//! ```
//!
//! Everything is decided from the source alone, before anything is written, and in the same way by every run. So a run that was
//! killed is followed by one that finds what is in, by the notes and by the messages' cids, and does the rest.

mod error;
mod friends;
mod garbled;
mod groups;
mod identity;
mod messages;
mod moment;
mod names;
mod offline;
mod people;
mod progress;
mod report;
mod schema;
mod source;
mod target;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use self::error::ImportError;
use self::friends::Friendships;
use self::groups::Groups;
use self::messages::{Known, Messages};
pub use self::moment::Zone;
use self::names::Letters;
use self::people::{Passwords, People};
use self::report::{Report, Table};
use self::schema::{Guess, Layout};
use self::source::Source;
use self::target::Target;
use crate::backend::Backend;
use crate::config::{Config, masked, secret_file};
use crate::store::ClientDialect;

/// A table that only Stonechat has.
const OWN_TABLE: &str = "SchemaVersion";

/// What is imported, and how. It may hold a password, so it cannot be printed.
pub struct Options {
    /// Whose database it is; `None`: its columns tell.
    pub schema: Option<ClientDialect>,
    /// `mysql://user@host/db`
    pub url: String,
    /// Counts instead of the one in the URL.
    pub password: Option<String>,
    /// Nothing is written.
    pub is_dry: bool,
    /// Where the report goes, besides the terminal.
    pub report: Option<PathBuf>,
    /// Accounts are locked instead of their passwords being hashed.
    pub locks_passwords: bool,
    /// Where the machines were that have written times; `None`: where this one is.
    pub zone: Option<Zone>,
}

/// The password that stands in a file.
///
/// # Errors
/// A sentence for a person.
pub fn read_password(path: &Path) -> Result<String, String> {
    let secret =
        secret_file::read(path, "password").map_err(|why| format!("--password-file: {} {why}", path.display()))?;
    if secret.is_public {
        log::warn!("--password-file: everybody on this machine can read {0}: `chmod o-r {0}`", path.display());
    }
    Ok(secret.text)
}

/// The first line of the report's file.
#[derive(Serialize)]
struct Beginning<'a> {
    import: &'static str,
    from: &'a str,
    into: &'a str,
    time_zone: &'a str,
    dry_run: bool,
}

/// The last one.
#[derive(Serialize)]
struct End<'a> {
    done: &'a std::collections::BTreeMap<Table, report::Tally>,
}

/// Imports into the database of the settings. The report goes to stdout.
///
/// # Errors
/// See [`ImportError`]. What was committed before stays.
pub fn run(config: &Config, options: &Options) -> Result<(), ImportError> {
    let mut report = Report::new(options.report.as_deref())?;
    let database = Backend { url: &options.url, tls_ca: config.mysql_tls_ca.as_deref() };
    let mut source = Source::open(database, options.password.as_deref())?;
    if let Some(url) = &config.mysql
        && source.is(Backend { url, tls_ca: config.mysql_tls_ca.as_deref() })?
    {
        let told = "the target is the database that is imported: give Stonechat a database of its own";
        return Err(ImportError::Conflict(told.to_owned()));
    }
    let (layout, dialect) = recognise(&mut source, options.schema)?;
    let zone = options.zone.clone().unwrap_or_else(Zone::of_this_machine);
    let into = target::told(config);
    let beginning = Beginning {
        import: dialect.name(),
        from: &masked(&options.url),
        into: &into,
        time_zone: zone.name(),
        dry_run: options.is_dry,
    };
    report.line(&beginning)?;
    say(format_args!("importing {} as {} into {into}", masked(&options.url), dialect.name()))?;
    say(format_args!("times of offline messages are taken to be of {}", zone.name()))?;

    let passwords = if options.locks_passwords { Passwords::Locked } else { Passwords::Hashed(config.password) };
    let mut job = Job { source, layout, dialect, passwords, report };
    let mut opened = Target::open(config, options.is_dry)?;
    let (people, friendships, groups) = job.read(opened.as_mut())?;
    let mut target = opened.as_mut().filter(|_| !options.is_dry);
    if let Some(target) = &mut target {
        target.upgrade()?;
    }
    people.write(target.as_deref_mut(), dialect, passwords, &mut job.report)?;
    friendships.write(target.as_deref_mut(), &mut job.report)?;
    groups.write(target.as_deref_mut(), &mut job.report)?;
    let known = Known { people: &people, groups: &groups, letters: letters(dialect), zone };
    let messages = job.read_messages(known)?;
    messages.write(target, &mut job.report)?;
    job.end(options.is_dry)
}

/// An import under way.
struct Job {
    source: Source,
    layout: Layout,
    dialect: ClientDialect,
    passwords: Passwords,
    report: Report,
}

impl Job {
    /// Reads all but the messages, and looks whether it fits into the target.
    fn read(&mut self, mut target: Option<&mut Target>) -> Result<(People, Friendships, Groups), ImportError> {
        let Self { source, layout, report, .. } = self;
        let letters = letters(self.dialect);
        let mut people = People::default();
        source.each(&layout.users, 1, |row| people.take(row, letters, report))?;
        let mut conflicts = Vec::new();
        if let Some(target) = &mut target {
            conflicts.extend(people.meet(target)?);
        }
        let mut groups = Groups::default();
        source.each(&layout.groups, 1, |row| groups.take(row, letters, report))?;
        source.each(&layout.members, 2, |row| groups.take_member(row, &people, report))?;
        groups.settle_members(report)?;
        if let Some(target) = &mut target {
            conflicts.extend(groups.meet(target)?);
        }
        people::refuse(&conflicts)?;
        let mut friendships = Friendships::default();
        source.each(&layout.friends, 2, |row| friendships.take(row, &people, report))?;
        people.settle_names(target.as_deref_mut(), report)?;
        people.tell_locked(self.passwords, report)?;
        groups.settle_names(target, report)?;
        Ok((people, friendships, groups))
    }

    fn read_messages<'a>(&mut self, known: Known<'a>) -> Result<Messages<'a>, ImportError> {
        let Self { source, layout, report, .. } = self;
        let total = source.count(&layout.offline)?;
        let mut progress = progress::Progress::new("offline rows read", total);
        let mut messages = Messages::new(known);
        source.each(&layout.offline, 0, |row| {
            progress.add(1);
            messages.take(row, report)
        })?;
        progress.finish();
        Ok(messages)
    }

    fn end(mut self, is_dry: bool) -> Result<(), ImportError> {
        for table in Table::ALL {
            self.report.tally(table);
        }
        let tallies = self.report.tallies().clone();
        self.report.line(&End { done: &tallies })?;
        self.report.flush()?;
        self.report.tell(&mut io::stdout().lock())?;
        say(if is_dry { "dry run: nothing was written" } else { "done" })?;
        Ok(())
    }
}

/// Whether the server program of this system has garbled Chinese.
fn letters(dialect: ClientDialect) -> Letters {
    match dialect {
        ClientDialect::Course | ClientDialect::Qq | ClientDialect::Polaris => Letters::MaybeGarbled,
        ClientDialect::Cmf | ClientDialect::Sponge => Letters::AsTheyAre,
    }
}

/// Where what stands, and whose database it is.
fn recognise(source: &mut Source, said: Option<ClientDialect>) -> Result<(Layout, ClientDialect), ImportError> {
    let columns = source.columns()?;
    if columns.iter().any(|column| column.table.eq_ignore_ascii_case(OWN_TABLE)) {
        let told = "it is a Stonechat's own, which is not imported: name the earlier system's database";
        return Err(ImportError::NoSuchSystem(told.to_owned()));
    }
    let layout = Layout::of(&columns).map_err(|missing| {
        ImportError::NoSuchSystem(format!("{missing}: is it the database of one of these systems, and is it this one?"))
    })?;
    let guessed = match schema::guess(&columns) {
        Guess::Is(dialect) => dialect,
        Guess::CourseOrPolaris if source.has_polaris_messages(&layout.offline)? => ClientDialect::Polaris,
        Guess::CourseOrPolaris => {
            if said.is_none() {
                say(
                    "the tables are those of the course, and of Polaris: if it is Polaris', write polaris instead of auto",
                )?;
            }
            ClientDialect::Course
        }
    };
    let have_same_tables = |dialect: ClientDialect| matches!(dialect, ClientDialect::Course | ClientDialect::Polaris);
    let Some(said) = said else { return Ok((layout, guessed)) };
    if said != guessed && !(have_same_tables(said) && have_same_tables(guessed)) {
        log::warn!("the tables look like those of {}, and are imported as {}", guessed.name(), said.name());
    }
    Ok((layout, said))
}

fn say(line: impl std::fmt::Display) -> Result<(), ImportError> {
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}
