//! A dump that comes in: every line is looked at before the first one counts, and kept in a file without a name meanwhile.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use super::error::DataError;
use super::format::{self, Head, LastId, Line, Sum};
use crate::ids::hex;
use crate::store::migrate::newest;
use crate::store::tables::{TABLES, Table, Value};
use crate::store::whole::{Batch, Record};
use crate::store::{Result as StoreResult, StoreError};

/// The longest line that is read: many times as long as any that is written.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes that are read or written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Rows, and bytes of them, that are handed on at once.
const BATCH_ROWS: usize = 4_096;
const BATCH_BYTES: usize = 1024 * 1024;

/// A dump that is whole.
pub(super) struct Incoming {
    pub(super) head: Head,
    /// The highest number that each table has given that is numbered.
    pub(super) last_ids: Vec<(&'static Table, i64)>,
    /// Lines between the first and the last.
    pub(super) lines: u64,
    rows: BufReader<File>,
    next: Option<(&'static Table, Record)>,
}

impl Incoming {
    /// Reads and keeps all of it.
    ///
    /// # Errors
    /// `Dump`: it is not whole, or no dump. `Input`: it cannot be read, or not kept.
    pub(super) fn take(from: impl Read) -> Result<Self, DataError> {
        let mut from = BufReader::with_capacity(BUFFER_BYTES, from);
        let mut kept = BufWriter::with_capacity(BUFFER_BYTES, nameless_file().map_err(DataError::Input)?);
        let mut line = Vec::new();
        if !next_line(&mut from, &mut line)? {
            return Err(DataError::Dump("it is empty".to_owned()));
        }
        let head = format::read_head(&line, newest()).map_err(DataError::Dump)?;
        let mut reading = Reading::default();
        let mut number = 1_u64;
        loop {
            number += 1;
            if !next_line(&mut from, &mut line)? {
                return Err(DataError::Dump(format!("it ends at line {number}, before its last line")));
            }
            let told = |why: String| DataError::Dump(format!("line {number}: {why}"));
            match format::read(&line).map_err(told)? {
                Line::End(end) => {
                    reading.end(&end).map_err(told)?;
                    break;
                }
                Line::Row(table, row) => reading.row(table, row).map_err(told)?,
                Line::LastId(last) => reading.last_id(&last).map_err(told)?,
            }
            reading.sum.add(&line);
            kept.write_all(&line).map_err(DataError::Input)?;
        }
        if next_line(&mut from, &mut line)? {
            return Err(DataError::Dump("something follows its last line".to_owned()));
        }
        let mut file = kept.into_inner().map_err(|error| DataError::Input(error.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(DataError::Input)?;
        let rows = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok(Self { head, last_ids: reading.last_ids, lines: number - 2, rows, next: None })
    }

    /// The next rows; `None` behind the last.
    pub(super) fn batch(&mut self) -> StoreResult<Option<Batch>> {
        let Some((table, first)) = self.row()? else { return Ok(None) };
        let size = |row: &Record| row.iter().map(Value::size).sum::<usize>();
        let mut bytes = size(&first);
        let mut rows = vec![first];
        while rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            match self.row()? {
                Some((same, row)) if same == table => {
                    bytes += size(&row);
                    rows.push(row);
                }
                other => {
                    self.next = other;
                    break;
                }
            }
        }
        Ok(Some(Batch { table, rows }))
    }

    fn row(&mut self) -> StoreResult<Option<(&'static Table, Record)>> {
        if let Some(next) = self.next.take() {
            return Ok(Some(next));
        }
        let mut line = Vec::new();
        let read = self.rows.read_until(b'\n', &mut line).map_err(|error| StoreError::Unavailable(error.into()))?;
        if read == 0 {
            return Ok(None);
        }
        match format::read(&line).map_err(|told| StoreError::Broken(told.into()))? {
            Line::Row(table, row) => Ok(Some((table, row))),
            // Behind the rows.
            Line::LastId(_) | Line::End(_) => Ok(None),
        }
    }
}

/// Reads a line with its end; whether there is one. One that has no end is none.
fn next_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, DataError> {
    line.clear();
    from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', line).map_err(DataError::Input)?;
    if line.last() == Some(&b'\n') {
        return Ok(true);
    }
    match line.len() as u64 {
        0 => Ok(false),
        LINE_BYTES_MAX => Err(DataError::Dump("it has a line that is too long for a dump".to_owned())),
        _ => Err(DataError::Dump("it ends in the middle of a line".to_owned())),
    }
}

/// A file that nobody else can open and that is gone with this process: it holds everybody's messages.
fn nameless_file() -> io::Result<File> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let path = env::temp_dir().join(format!("stonechat-load-{}", hex(&random)));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// What is known of a dump up to some line.
#[derive(Default)]
struct Reading {
    sum: Sum,
    /// The table of the last row, by its place, and that row's key.
    last: Option<(usize, Record)>,
    last_ids: Vec<(&'static Table, i64)>,
}

impl Reading {
    /// Rows come in the order of the tables, and in each by ascending key: so none comes twice.
    fn row(&mut self, table: &'static Table, mut row: Record) -> Result<(), String> {
        if !self.last_ids.is_empty() {
            return Err("a row behind the last numbers".to_owned());
        }
        let place = TABLES.iter().position(|other| other == table).unwrap_or(TABLES.len());
        row.truncate(table.key);
        let this = Some((place, row));
        if self.last >= this {
            return Err(format!("a line `{}` that does not come in order, or comes twice", table.tag));
        }
        self.last = this;
        Ok(())
    }

    fn last_id(&mut self, last: &LastId) -> Result<(), String> {
        let wanted = TABLES.iter().filter(|table| table.is_numbered).nth(self.last_ids.len());
        match wanted.filter(|table| table.tag == last.table) {
            Some(table) if (0..i64::from(i32::MAX)).contains(&last.id) => {
                self.last_ids.push((table, last.id));
                Ok(())
            }
            _ => Err("a last number that is none, or of another table".to_owned()),
        }
    }

    fn end(&mut self, end: &format::End) -> Result<(), String> {
        if self.last_ids.len() != TABLES.iter().filter(|table| table.is_numbered).count() {
            return Err("the last numbers are missing".to_owned());
        }
        let counted = std::mem::take(&mut self.sum).end();
        if counted.lines != end.lines {
            return Err(format!("there are {} lines before it, and it says {}", counted.lines, end.lines));
        }
        if counted.sha256 != end.sha256 {
            return Err("the checksum is not that of the lines before it: they were changed".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(middle: &[&str]) -> Vec<u8> {
        let mut text = format!(
            "{{\"stonechat_dump\":1,\"version\":\"0.4.0\",\"schema\":{},\"cluster\":\"a1\",\"epoch\":\"b2\",\"time\":1}}\n",
            newest()
        )
        .into_bytes();
        let mut sum = Sum::default();
        for line in middle {
            let line = format!("{line}\n").into_bytes();
            sum.add(&line);
            text.extend(line);
        }
        text.extend(format::end_line(&sum.end()));
        text
    }

    const FRIEND: &str = r#"{"t":"friend","userid":1,"friendid":2}"#;
    const BACK: &str = r#"{"t":"friend","userid":2,"friendid":1}"#;
    const BLOCK: &str = r#"{"t":"block","userid":3,"blocked":1}"#;
    const USERS: &str = r#"{"t":"last_id","table":"user","id":3}"#;
    const GROUPS: &str = r#"{"t":"last_id","table":"group","id":0}"#;
    const AUDIT: &str = r#"{"t":"last_id","table":"audit","id":0}"#;

    fn told(bytes: &[u8]) -> String {
        Incoming::take(bytes).err().map_or_else(|| "it is whole".to_owned(), |error| error.to_string())
    }

    #[test]
    fn a_whole_dump_is_handed_on_table_by_table() {
        let mut incoming = Incoming::take(&lines(&[FRIEND, BACK, BLOCK, USERS, GROUPS, AUDIT])[..]).unwrap();
        assert_eq!(incoming.lines, 6);
        assert_eq!(
            incoming.last_ids.iter().map(|(table, id)| (table.tag, *id)).collect::<Vec<_>>(),
            [("user", 3), ("group", 0), ("audit", 0)]
        );
        let mut batches = Vec::new();
        while let Some(batch) = incoming.batch().unwrap() {
            batches.push((batch.table.tag, batch.rows.len()));
        }
        assert_eq!(batches, [("friend", 2), ("block", 1)]);
    }

    #[test]
    fn what_is_cut_off_anywhere_is_refused() {
        let whole = lines(&[FRIEND, BACK, USERS, GROUPS, AUDIT]);
        for end in 0..whole.len() {
            assert_ne!(told(&whole[..end]), "it is whole", "after {end} bytes");
        }
        assert_eq!(told(&whole), "it is whole");
    }

    #[test]
    fn what_was_changed_anywhere_behind_the_first_line_is_refused() {
        let whole = lines(&[FRIEND, BACK, USERS, GROUPS, AUDIT]);
        let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for at in second..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_ne!(told(&changed), "it is whole", "byte {at}");
        }
    }

    #[test]
    fn order_and_completeness_are_looked_at() {
        assert!(
            told(&lines(&[BACK, FRIEND, USERS, GROUPS, AUDIT]))
                .contains("line 3: a line `friend` that does not come in order")
        );
        assert!(told(&lines(&[FRIEND, FRIEND, USERS, GROUPS, AUDIT])).contains("comes twice"));
        assert!(told(&lines(&[BLOCK, FRIEND, USERS, GROUPS, AUDIT])).contains("does not come in order"));
        assert!(told(&lines(&[FRIEND, USERS])).contains("last numbers are missing"));
        assert!(told(&lines(&[USERS, FRIEND, GROUPS])).contains("a row behind"));
        assert!(told(&lines(&[GROUPS, USERS])).contains("of another table"));
        let mut longer = lines(&[USERS, GROUPS, AUDIT]);
        longer.extend(b"\n");
        assert!(told(&longer).contains("something follows"));
        assert!(told(b"").contains("it is empty"));
    }
}
