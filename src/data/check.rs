//! `stonechat check`: whatever should not be in the data, a line for each.

use std::io::{self, Write};

use super::error::DataError;
use crate::config::Config;
use crate::store::whole::{Fate, Finding};

/// How many findings there were.
#[derive(Default)]
struct Tally {
    found: u64,
    mended: u64,
}

/// Looks at the database of the settings, and writes a line for each finding, and a summary. With `repairs` it mends what can be
/// mended; no node should run then. Whether nothing is wrong, or nothing any more.
///
/// # Errors
/// The database cannot be read, or `out` cannot be written.
pub fn check(config: &Config, mut out: impl Write, repairs: bool) -> Result<bool, DataError> {
    let database = super::database(config)?;
    let mut tally = Tally::default();
    let mut written = Ok(());
    let mut told = |finding: Finding| {
        tally.add(finding.fate);
        if written.is_ok() {
            written = line(&mut out, &finding);
        }
    };
    if repairs {
        database.change(&mut |whole| whole.check(true, &mut told))?;
    } else {
        database.read(&mut |whole| whole.check(false, &mut told))?;
    }
    written.and_then(|()| tally.tell(&mut out, repairs)).map_err(DataError::Output)?;
    Ok(tally.found == tally.mended)
}

fn line(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let fate = match finding.fate {
        Fate::Found => "",
        Fate::Mended => ": mended",
        Fate::Left => ": left as it is",
    };
    writeln!(out, "{}{fate}", finding.told)
}

impl Tally {
    fn add(&mut self, fate: Fate) {
        self.found += 1;
        self.mended += u64::from(fate == Fate::Mended);
    }

    fn tell(&self, out: &mut impl Write, repairs: bool) -> io::Result<()> {
        let Self { found, mended } = self;
        match (found, repairs) {
            (0, _) => writeln!(out, "checked: nothing is wrong")?,
            (_, false) => writeln!(out, "checked: {found} findings; --repair mends what can be mended")?,
            (_, true) => writeln!(out, "checked: {found} findings, {mended} mended, {} left", found - mended)?,
        }
        out.flush()
    }
}
