//! What becomes of each row that does not come in as it was: gathered, and told in the end; in a file as JSON lines, one for
//! each. No password and no text of a message stands in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

/// How many rows of each kind are told by name on the terminal; the file has all.
const EXAMPLES_MAX: usize = 20;

/// Where a row stood.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Table {
    User,
    Friend,
    Group,
    Member,
    Offline,
}

impl Table {
    pub(super) const ALL: [Self; 5] = [Self::User, Self::Friend, Self::Group, Self::Member, Self::Offline];

    fn plural(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Friend => "friendships",
            Self::Group => "groups",
            Self::Member => "members of groups",
            Self::Offline => "offline messages",
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    Changed,
    LeftOut,
}

/// Why.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    // Names, and other texts.
    Garbled,
    Controls,
    Blanks,
    Invisible,
    TooLong,
    NoName,
    Doubled,
    // Accounts.
    NoPassword,
    PasswordsLocked,
    // Pairs.
    OneDirection,
    Oneself,
    Double,
    // What is meant is not there.
    BadId,
    NoSuchUser,
    NoSuchGroup,
    Gone,
    // Groups.
    NoMembers,
    NoCreator,
    SecondCreator,
    NoRole,
    UnknownRole,
    // Offline messages.
    EmptyRow,
    NoMessage,
    NoSender,
    UnknownSender,
    UnknownRecipient,
    NotAMember,
    EmptyText,
    Backslashes,
    CutOff,
    CutOffEarly,
    NoTime,
    FiledUnderSender,
    OwnCopy,
}

impl Why {
    fn sentence(self) -> &'static str {
        match self {
            Self::Garbled => "Chinese text that was stored as gbk was mended",
            Self::Controls => "control characters were taken out",
            Self::Blanks => "blanks at the ends were taken off",
            Self::Invisible => "characters that cannot be seen were taken out",
            Self::TooLong => "it was cut to the length that is allowed",
            Self::NoName => "there was no name",
            Self::Doubled => "somebody else has this name: the id was added",
            Self::NoPassword => "there was no password: the account is locked",
            Self::PasswordsLocked => "the account is locked, as --lock-passwords says",
            Self::OneDirection => "one was a friend of the other only: now both are friends",
            Self::Oneself => "a user is no friend of oneself, and sends oneself no messages",
            Self::Double => "it was there twice",
            Self::BadId => "the id is none: it must be from 1 to 2147483647",
            Self::NoSuchUser => "there is no such user",
            Self::NoSuchGroup => "there is no such group",
            Self::Gone => "it was brought in before, and has been erased or deleted since",
            Self::NoMembers => "nobody is in the group",
            Self::NoCreator => "there was no creator: the member with the lowest id is it now",
            Self::SecondCreator => "another member with a lower id is the creator: this one is an admin",
            Self::NoRole => "there was no role: the member is an ordinary one",
            Self::UnknownRole => "the role is unknown: the member is an ordinary one",
            Self::EmptyRow => "the row is empty",
            Self::NoMessage => "no message is in it",
            Self::NoSender => "it does not say who has sent it",
            Self::UnknownSender => "the sender does not exist",
            Self::UnknownRecipient => "the recipient does not exist",
            Self::NotAMember => "the recipient is not in the group",
            Self::EmptyText => "the text is empty",
            Self::Backslashes => "the text had lost backslashes and was mended",
            Self::CutOff => "the row was cut off: the beginning of the text was kept",
            Self::CutOffEarly => "the row was cut off ahead of what is needed",
            Self::NoTime => "it does not say when it was sent: the time of the message ahead of it is taken",
            Self::FiledUnderSender => "it was filed under its sender: it is pending for all other members",
            Self::OwnCopy => "it was filed for its own sender: it is pending for nobody by this row",
        }
    }
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    table: Table,
    row: &'a str,
    what: Fate,
    why: Why,
    told: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
}

/// How many rows of a table came to what.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Tally {
    pub(super) read: u64,
    /// New in the target; with --dry-run: they would be.
    pub(super) brought: u64,
    /// There from an earlier run.
    pub(super) present: u64,
    pub(super) left_out: u64,
}

/// See the module's text.
pub(super) struct Report {
    file: Option<BufWriter<File>>,
    kinds: BTreeMap<(Table, Fate, Why), (u64, Vec<String>)>,
    tallies: BTreeMap<Table, Tally>,
}

impl Report {
    /// A report that also goes into this file, which is made anew.
    pub(super) fn new(file: Option<&Path>) -> io::Result<Self> {
        let file = file.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self { file, kinds: BTreeMap::new(), tallies: BTreeMap::new() })
    }

    /// A line that is about no row.
    pub(super) fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        serde_json::to_writer(&mut *file, line)?;
        file.write_all(b"\n")
    }

    pub(super) fn tally(&mut self, table: Table) -> &mut Tally {
        self.tallies.entry(table).or_default()
    }

    /// A row that does not come in.
    pub(super) fn left_out(&mut self, table: Table, row: &str, why: Why) -> io::Result<()> {
        self.tally(table).left_out += 1;
        self.note(table, row, (Fate::LeftOut, why), None)
    }

    /// A row that comes in otherwise than it was; perhaps from what to what.
    pub(super) fn changed(
        &mut self,
        table: Table,
        row: &str,
        why: Why,
        from_to: Option<(&str, &str)>,
    ) -> io::Result<()> {
        self.note(table, row, (Fate::Changed, why), from_to)
    }

    fn note(
        &mut self,
        table: Table,
        row: &str,
        (what, why): (Fate, Why),
        from_to: Option<(&str, &str)>,
    ) -> io::Result<()> {
        let (count, examples) = self.kinds.entry((table, what, why)).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            // Escaped: what cannot be seen is what is wrong with it.
            examples.push(match from_to {
                Some((from, to)) => format!("{row}: \"{}\" is now \"{}\"", from.escape_debug(), to.escape_debug()),
                None => row.to_owned(),
            });
        }
        let (before, after) = from_to.unzip();
        self.line(&Line { table, row, what, why, told: why.sentence(), before, after })
    }

    /// Has the file whole on the disk's way.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }

    /// All tallies, for the last line.
    pub(super) fn tallies(&self) -> &BTreeMap<Table, Tally> {
        &self.tallies
    }

    /// For a person.
    pub(super) fn tell(&self, out: &mut impl Write) -> io::Result<()> {
        for (table, tally) in &self.tallies {
            let Tally { read, brought, present, left_out } = tally;
            writeln!(
                out,
                "{}: {read} rows read; {brought} brought in, {present} there already, {left_out} rows left out",
                table.plural()
            )?;
        }
        for ((table, what, why), (count, examples)) in &self.kinds {
            let what = match what {
                Fate::Changed => "changed",
                Fate::LeftOut => "left out",
            };
            writeln!(out, "{what}: {} of the {}: {}", count, table.plural(), why.sentence())?;
            for example in examples {
                writeln!(out, "    {example}")?;
            }
            let more = count.saturating_sub(examples.len() as u64);
            if more > 0 {
                writeln!(out, "    and {more} more; --report FILE has all of them")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_a_line_of_the_file_and_the_terminal_has_some() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut report = Report::new(Some(file.path())).unwrap();
        for row in 0..30 {
            report.left_out(Table::Offline, &format!("row {row}"), Why::EmptyRow).unwrap();
        }
        report.changed(Table::User, "8", Why::Blanks, Some(("carla ", "carla"))).unwrap();
        report.flush().unwrap();
        let lines = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(lines.lines().count(), 31);
        let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        let wanted = serde_json::json!({"table": "user", "row": "8", "what": "changed", "why": "blanks",
            "told": "blanks at the ends were taken off", "before": "carla ", "after": "carla"});
        assert_eq!(last, wanted);
        let mut told = Vec::new();
        report.tell(&mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains("8: \"carla \" is now \"carla\""), "{told}");
        assert!(told.contains("and 10 more; --report FILE") && told.contains("30 rows left out"), "{told}");
        assert_eq!(told.matches("    row ").count(), 20, "{told}");
    }
}
