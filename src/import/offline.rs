//! One offline message, as an earlier system has stored it: a JSON text that went into SQL without being escaped. Pure.
//!
//! ```text
//!   {"id":2,"msg":"say \"hi\"","msgid":5,...}   what the server made of a message
//!   {"id":2,"msg":"say "hi"","msgid":5,...}     what the database kept: SQL has taken the backslashes
//!            ^ text ... ^                       what lies between `"msg":"` and the last `","msgid":` is the text
//! ```
//!
//! Which system wrote it is told by the keys, not by the table: rows of other systems occur.

use serde_json::{Map, Value};

use super::names::{Letters, meant};
use super::report::Why;

/// What stands ahead of the text.
const TEXT_BEGINS: &str = "\"msg\":\"";

/// What stands behind it: the keys are sorted.
const TEXT_ENDS: [&str; 3] = ["\",\"msgid\":", "\",\"msgId\":", "\",\"msgType\":"];

/// sponge's numbers of what is a message; others tell of friends.
const SPONGE_MESSAGES: [i64; 2] = [4, 9];

/// Who has said it, in any system.
const SENDERS: [&str; 5] = ["id", "userid", "uid", "from", "FROMID"];

/// Of a message of a group, which one.
const GROUPS: [&str; 3] = ["groupid", "gid", "GROUPID"];

/// When, likewise.
const TIMES: [&str; 2] = ["time", "sendTime"];

/// An offline message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) sender: i64,
    /// The group in which it was said; `None`: to one user, whom the table names.
    pub(super) group: Option<i64>,
    pub(super) text: String,
    /// As the sender's machine has written it; empty: it has not.
    pub(super) time: String,
    /// Polaris wrote it, which files messages of groups under their senders.
    pub(super) is_polaris: bool,
    /// Why the text is another one than that in the table.
    pub(super) whys: Vec<Why>,
}

/// Reads a row.
///
/// # Errors
/// Why there is no message in it.
pub(super) fn read(raw: &str, letters: Letters) -> Result<Said, Why> {
    if matches!(raw.trim(), "" | "null" | "NULL") {
        return Err(Why::EmptyRow);
    }
    let mended = meant(raw, letters);
    let whole = mended.as_deref().unwrap_or(raw);
    let Found { text, fields, mut whys } = find(whole).ok_or(Why::NoMessage)?;
    if fields.number("msgType").is_some_and(|number| !SPONGE_MESSAGES.contains(&number)) {
        return Err(Why::NoMessage);
    }
    let is_cut = whys.contains(&Why::CutOff);
    let sender = SENDERS.into_iter().find_map(|key| Some((key, fields.number(key)?)));
    let Some((key, sender)) = sender else { return Err(if is_cut { Why::CutOffEarly } else { Why::NoSender }) };
    // A part may be lost for good, and the text not.
    let mended_text = if mended.is_none() { meant(&text, letters) } else { None };
    if mended.is_some() || mended_text.is_some() {
        whys.push(Why::Garbled);
    }
    let text = mended_text.unwrap_or(text);
    if text.is_empty() {
        return Err(if is_cut { Why::CutOffEarly } else { Why::EmptyText });
    }
    Ok(Said {
        sender,
        group: GROUPS.into_iter().find_map(|key| fields.number(key)),
        text,
        time: TIMES.into_iter().find_map(|key| fields.text(key)).unwrap_or_default(),
        is_polaris: key == "uid",
        whys,
    })
}

/// The text, and the fields around it.
struct Found {
    text: String,
    fields: Fields,
    whys: Vec<Why>,
}

fn find(whole: &str) -> Option<Found> {
    let valid: Option<Map<String, Value>> = serde_json::from_str(whole).ok();
    let as_it_says = |fields: Map<String, Value>| {
        let text = fields.get("msg")?.as_str()?.to_owned();
        Some(Found { text, fields: Fields::Valid(fields), whys: Vec::new() })
    };
    let begin = whole.find(TEXT_BEGINS).map(|at| at + TEXT_BEGINS.len());
    let end = begin.and_then(|begin| {
        let ends = TEXT_ENDS.iter().filter_map(|mark| whole[begin..].rfind(mark));
        ends.max().map(|at| begin + at)
    });
    match (begin, end, valid) {
        // What is valid has no quotes inside: the keys stand in another order, or somebody has escaped it after all.
        (Some(begin), Some(end), Some(fields)) if !whole[begin..end].contains('"') => {
            // A backslash that is left was two.
            let text = whole[begin..end].to_owned();
            let is_as_it_says = fields.get("msg").and_then(Value::as_str) == Some(&text);
            let whys = if is_as_it_says { Vec::new() } else { vec![Why::Backslashes] };
            Some(Found { text, fields: Fields::Valid(fields), whys })
        }
        (_, _, Some(fields)) => as_it_says(fields),
        (Some(begin), Some(end), None) => {
            let text = whole[begin..end].to_owned();
            let around = format!("{}{}", &whole[..begin], &whole[end..]);
            // What is wrong may be behind it.
            let is_damaged = text.contains(|c: char| matches!(c, '"' | '\\') || c.is_control());
            let whys = if is_damaged { vec![Why::Backslashes] } else { Vec::new() };
            Some(Found { text, fields: Fields::of(around), whys })
        }
        (Some(begin), None, None) => {
            let text = without_half_an_end(&whole[begin..]).to_owned();
            let around = format!("{}\"}}", &whole[..begin]);
            Some(Found { text, fields: Fields::of(around), whys: vec![Why::CutOff] })
        }
        (None, _, None) => None,
    }
}

/// The text of a row that was cut off, perhaps within what stands behind the text.
fn without_half_an_end(text: &str) -> &str {
    let halves = TEXT_ENDS.iter().flat_map(|mark| (1..mark.len()).map(|length| &mark[..length]));
    let longest = halves.filter(|half| text.ends_with(half)).max_by_key(|half| half.len());
    longest.and_then(|half| text.strip_suffix(half)).unwrap_or(text)
}

/// What stands around the text.
enum Fields {
    Valid(Map<String, Value>),
    /// A name has lost backslashes, too, or the end is missing.
    Broken(String),
}

impl Fields {
    fn of(around: String) -> Self {
        match serde_json::from_str(&around) {
            Ok(fields) => Self::Valid(fields),
            Err(_) => Self::Broken(around),
        }
    }

    fn number(&self, key: &str) -> Option<i64> {
        match self {
            Self::Valid(fields) => match fields.get(key)? {
                Value::Number(number) => number.as_i64(),
                Value::String(text) => text.parse().ok(),
                _ => None,
            },
            Self::Broken(_) => self.text(key)?.parse().ok(),
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        match self {
            Self::Valid(fields) => match fields.get(key)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            },
            Self::Broken(around) => {
                let marked = format!("\"{key}\":");
                let is_key = |at: &usize| around[..*at].ends_with(['{', ',']);
                let at = around.match_indices(&marked).map(|(at, _)| at).find(is_key)?;
                let value = &around[at + marked.len()..];
                let value = match value.strip_prefix('"') {
                    Some(text) => text.split('"').next(),
                    None => value.split([',', '}']).next(),
                };
                value.map(str::to_owned)
            }
        }
    }
}

#[cfg(test)]
#[path = "offline_tests.rs"]
mod tests;
