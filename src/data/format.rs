//! The lines of a dump, which are the same whatever database they come from: JSON objects, each with the kind of row in `t`. Times are
//! milliseconds, bytes are hexadecimal, what is NULL is left out. docs/data.md shows one of each.

use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::ids::hex;
use crate::store::tables::{Absent, Column, Kind, Table, Value};
use crate::store::whole::Record;

/// The version of the format.
pub(super) const FORMAT: u32 = 1;

/// The oldest schema whose dumps there are.
pub(super) const SCHEMA_OLDEST: i64 = 4;

/// The first line: where the rest comes from. The checksum is not over it.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The version of the format.
    pub(super) stonechat_dump: u32,
    /// The version of the program that has written it.
    pub(super) version: String,
    /// The version of the schema.
    pub(super) schema: i64,
    /// The identity of the data.
    pub(super) cluster: String,
    /// Their epoch.
    pub(super) epoch: String,
    /// When it was begun, in milliseconds since 1970 UTC.
    pub(super) time: i64,
}

/// One of the last lines: the highest number that a table has given.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
pub(super) struct LastId {
    /// The table, as lines of its rows are called.
    pub(super) table: String,
    pub(super) id: i64,
}

/// The last line.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// How many lines there are between the first and the last.
    pub(super) lines: u64,
    /// SHA-256 over these, line ends included.
    pub(super) sha256: String,
}

/// A line behind the first, to be written or as it was read.
#[derive(PartialEq, Debug)]
pub(super) enum Line {
    Row(&'static Table, Record),
    LastId(LastId),
    End(End),
}

/// What is known of a line before its fields.
#[derive(Serialize)]
struct Tagged<'a, T> {
    t: &'a str,
    #[serde(flatten)]
    rest: &'a T,
}

const LAST_ID: &str = "last_id";
const END: &str = "end";

/// Counts lines and sums them up.
#[derive(Clone, Default)]
pub(super) struct Sum {
    lines: u64,
    hash: Sha256,
}

impl Sum {
    /// The line with its end.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.lines += 1;
        self.hash.update(line);
    }

    /// What the last line says of them.
    pub(super) fn end(self) -> End {
        End { lines: self.lines, sha256: hex(&self.hash.finalize()) }
    }
}

/// Writes a row as a line, with its end, behind what is in `line`.
pub(super) fn write_row(line: &mut Vec<u8>, table: &Table, row: &Record) {
    // A vector takes everything.
    let _ = write!(line, "{{\"t\":\"{}\"", table.tag);
    for (column, value) in table.columns.iter().zip(row) {
        if *value == Value::Null {
            continue;
        }
        let _ = write!(line, ",\"{}\":", column.name);
        let _ = match value {
            Value::Null => Ok(()),
            Value::Number(number) => write!(line, "{number}"),
            Value::Text(text) => serde_json::to_writer(&mut *line, text).map_err(Into::into),
            Value::Bytes(bytes) => write!(line, "\"{}\"", hex(bytes)),
        };
    }
    line.extend_from_slice(b"}\n");
}

/// The first line, with its end.
pub(super) fn head_line(head: &Head) -> Vec<u8> {
    ended(serde_json::to_vec(head))
}

/// Another line that is no row.
pub(super) fn last_id_line(last: &LastId) -> Vec<u8> {
    ended(serde_json::to_vec(&Tagged { t: LAST_ID, rest: last }))
}

/// The last line.
pub(super) fn end_line(end: &End) -> Vec<u8> {
    ended(serde_json::to_vec(&Tagged { t: END, rest: end }))
}

fn ended(line: serde_json::Result<Vec<u8>>) -> Vec<u8> {
    let mut line = line.expect("a struct of numbers and texts can be written");
    line.push(b'\n');
    line
}

/// Reads the first line.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_head(line: &[u8], schema_known: i64) -> Result<Head, String> {
    let foreign = |_| "its first line is not that of a dump of stonechat".to_owned();
    let head: Head = serde_json::from_slice(line).map_err(foreign)?;
    if head.stonechat_dump != FORMAT {
        return Err(format!("it has format {}, and this binary reads {FORMAT}", head.stonechat_dump));
    }
    if head.schema > schema_known {
        return Err(format!(
            "it was made by stonechat {} with schema version {}, and this binary knows versions up to {schema_known}: use a newer one",
            head.version, head.schema
        ));
    }
    if head.schema < SCHEMA_OLDEST {
        return Err(format!("there are no dumps of schema version {}", head.schema));
    }
    let is_identity = |text: &str| (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_identity(&head.cluster) || !is_identity(&head.epoch) {
        return Err("its first line names no identity of the data".to_owned());
    }
    Ok(head)
}

/// Reads another line.
///
/// # Errors
/// What is wrong with it; never a text that stands in it.
pub(super) fn read(line: &[u8]) -> Result<Line, String> {
    let mut fields: Map<String, Json> =
        serde_json::from_slice(line).map_err(|error| format!("no JSON object ({})", kind_of(&error)))?;
    let Some(Json::String(tag)) = fields.remove("t") else {
        return Err("it does not say of what kind it is".to_owned());
    };
    let unread = |_| format!("a line `{tag}` with other fields than it should have");
    match tag.as_str() {
        LAST_ID => serde_json::from_value(Json::Object(fields)).map(Line::LastId).map_err(unread),
        END => serde_json::from_value(Json::Object(fields)).map(Line::End).map_err(unread),
        tag => {
            let table = Table::tagged(tag).ok_or("a kind of line that this version does not know")?;
            read_row(table, fields).map(|row| Line::Row(table, row))
        }
    }
}

fn kind_of(error: &serde_json::Error) -> &'static str {
    if error.is_eof() { "it ends too early" } else { "it is damaged" }
}

fn read_row(table: &'static Table, mut fields: Map<String, Json>) -> Result<Record, String> {
    let row = table.columns.iter().map(|column| {
        let value = fields.remove(column.name).map_or_else(|| absent(column), |json| value(column, json));
        value.ok_or_else(|| format!("a line `{}` whose `{}` is not what it should be", table.tag, column.name))
    });
    let row = row.collect::<Result<Record, String>>()?;
    if fields.is_empty() {
        return Ok(row);
    }
    Err(format!("a line `{}` with a field that this version does not know", table.tag))
}

fn absent(column: &Column) -> Option<Value> {
    match column.absent {
        Absent::Refused => None,
        Absent::Null => Some(Value::Null),
        Absent::Number(number) => Some(Value::Number(number)),
    }
}

fn value(column: &Column, json: Json) -> Option<Value> {
    match (column.kind, json) {
        (Kind::Number, Json::Number(number)) => number.as_i64().map(Value::Number),
        (Kind::Text, Json::String(text)) => Some(Value::Text(text)),
        (Kind::Bytes, Json::String(digits)) => unhex(&digits).map(Value::Bytes),
        _ => None,
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| Some(nibble(high)? << 4 | nibble(low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::incoming::Incoming;
    use crate::store::tables::TABLES;

    /// A row with something in every column.
    fn full(table: &Table) -> Record {
        let value = |column: &Column| match column.kind {
            Kind::Number => Value::Number(i64::from(u32::MAX) * 3),
            Kind::Text => Value::Text("\0 \" \\ \u{7f} \u{2028} Ünïcode 中文 \u{1f980}\n".to_owned()),
            Kind::Bytes => Value::Bytes(vec![0, 255, 16]),
        };
        table.columns.iter().map(value).collect()
    }

    #[test]
    fn every_row_comes_back_as_it_went() {
        for table in &TABLES {
            let row = full(table);
            let mut line = Vec::new();
            write_row(&mut line, table, &row);
            assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "one line");
            assert_eq!(read(&line).unwrap(), Line::Row(table, row.clone()));
            let bare: Record = row
                .into_iter()
                .zip(table.columns)
                .map(|(value, column)| if column.absent == Absent::Null { Value::Null } else { value })
                .collect();
            line.clear();
            write_row(&mut line, table, &bare);
            assert_eq!(read(&line).unwrap(), Line::Row(table, bare));
        }
    }

    #[test]
    fn other_lines_come_back() {
        let last = LastId { table: "user".to_owned(), id: 7 };
        assert_eq!(read(&last_id_line(&last)).unwrap(), Line::LastId(LastId { table: "user".to_owned(), id: 7 }));
        let mut sum = Sum::default();
        sum.add(b"{}\n");
        let end = sum.end();
        assert_eq!(end.lines, 1);
        assert_eq!(read(&end_line(&end)).unwrap(), Line::End(end));
    }

    #[test]
    fn a_line_that_is_none_is_told_without_its_text() {
        for line in [
            "",
            "{",
            "[]",
            "secret",
            "{\"t\":7}",
            "{\"id\":1}",
            "{\"t\":\"secret\"}",
            "{\"t\":\"friend\",\"userid\":1}",
            "{\"t\":\"friend\",\"userid\":1,\"friendid\":\"secret\"}",
            "{\"t\":\"friend\",\"userid\":1,\"friendid\":1.5}",
            "{\"t\":\"friend\",\"userid\":1,\"friendid\":2,\"secret\":3}",
            "{\"t\":\"ended_token\",\"token_hash\":\"0g\",\"userid\":1,\"ended_at\":1}",
            "{\"t\":\"ended_token\",\"token_hash\":\"0\",\"userid\":1,\"ended_at\":1}",
            "{\"t\":\"end\",\"lines\":1}",
        ] {
            let told = read(line.as_bytes()).unwrap_err();
            assert!(!told.contains("secret"), "{line}: {told}");
        }
    }

    #[test]
    fn heads_of_others_and_of_the_future_are_refused() {
        let head = |schema, format| Head {
            stonechat_dump: format,
            version: "9.9.9".to_owned(),
            schema,
            cluster: "ab".to_owned(),
            epoch: "cd".to_owned(),
            time: 1,
        };
        assert_eq!(read_head(&head_line(&head(4, FORMAT)), 4).unwrap(), head(4, FORMAT));
        let newer = read_head(&head_line(&head(5, FORMAT)), 4).unwrap_err();
        assert!(newer.contains('5') && newer.contains("9.9.9") && newer.contains("up to 4"), "{newer}");
        assert!(read_head(&head_line(&head(4, FORMAT + 1)), 4).unwrap_err().contains("format 2"));
        assert!(read_head(b"-- MySQL dump 10.13", 4).unwrap_err().contains("not that of a dump"));
    }

    /// The lines of the example in docs/data.md.
    fn example() -> &'static str {
        let document = include_str!("../../docs/data.md");
        let block = document.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
        block.expect("the document has an example")
    }

    #[test]
    fn the_documents_example_is_a_whole_dump() {
        assert_eq!(Incoming::take(example().as_bytes()).unwrap().lines, (example().lines().count() - 2) as u64);
    }

    #[test]
    fn the_document_shows_each_kind_of_line() {
        let mut shown: Vec<&str> = Vec::new();
        for line in example().lines().skip(1) {
            if let Line::Row(table, row) = read(line.as_bytes()).unwrap_or_else(|told| panic!("{told}: {line}")) {
                shown.push(table.tag);
                let mut written = Vec::new();
                write_row(&mut written, table, &row);
                assert_eq!(String::from_utf8(written).unwrap().trim_end(), line);
            }
        }
        shown.dedup();
        assert_eq!(shown, TABLES.iter().map(|table| table.tag).collect::<Vec<_>>());
    }
}
