//! The little of a line that a load generator needs, without parsing the JSON.
//!
//! Every search is for a quoted field name with its colon. In valid JSON such bytes cannot stand inside a string (its
//! quotes would be escaped), and the lines of a run have no nested objects, so what is found is the field. Lines that
//! are read rarely (login replies) are parsed in full by whoever needs them.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stamp::{STAMP_BYTES, Stamp};

/// The `msgid`s that a load generator meets; docs/protocol.md has all.
pub(crate) mod msgid {
    pub(crate) const LOGIN_REPLY: u64 = 2;
    pub(crate) const ONE_CHAT: u64 = 6;
    pub(crate) const GROUP_CHAT: u64 = 10;
    pub(crate) const ONE_CHAT_ACK: u64 = 11;
    pub(crate) const GROUP_CHAT_ACK: u64 = 12;
    pub(crate) const PING: u64 = 17;
    pub(crate) const ERROR: u64 = 19;
    pub(crate) const NOTICE: u64 = 49;
}

static SEQ: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"seq\":"));
static MSG: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"msg\":\""));
static ERRNO: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"errno\":"));

/// The `msgid`; 0 when there is none.
pub(crate) fn msgid_of(line: &[u8]) -> u64 {
    const START: &[u8] = b"{\"msgid\":";
    let at = if line.starts_with(START) { Some(0) } else { memmem::find(line, b"\"msgid\":").map(|at| at - 1) };
    at.and_then(|at| number_at(line, at + START.len())).unwrap_or(0)
}

/// The `seq`.
pub(crate) fn seq_of(line: &[u8]) -> Option<u64> {
    number_after(line, &SEQ)
}

/// The `errno`, which only replies have.
pub(crate) fn errno_of(line: &[u8]) -> Option<u64> {
    number_after(line, &ERRNO)
}

/// The text of `msg`, which in our messages has no escapes.
fn msg_of(line: &[u8]) -> Option<&[u8]> {
    let begin = MSG.find(line)? + MSG.needle().len();
    let length = memchr::memchr(b'"', &line[begin..])?;
    Some(&line[begin..begin + length])
}

fn number_after(line: &[u8], name: &Finder<'_>) -> Option<u64> {
    number_at(line, name.find(line)? + name.needle().len())
}

fn number_at(line: &[u8], begin: usize) -> Option<u64> {
    let mut number: Option<u64> = None;
    for digit in line.get(begin..)? {
        match digit {
            b'0'..=b'9' => {
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit - b'0'))?);
            }
            _ => break,
        }
    }
    number
}

/// The fields of the replies that are read during preparation.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
pub(crate) struct Reply {
    pub(crate) errno: u64,
    pub(crate) errmsg: String,
    pub(crate) id: u32,
    pub(crate) groupid: u32,
    pub(crate) token: String,
    /// Each as its push.
    pub(crate) offlinemsg: Vec<Box<RawValue>>,
}

impl Reply {
    /// Parses a reply in full.
    ///
    /// # Errors
    /// It is no JSON, or reports a failure; the text says which, and what may help.
    pub(crate) fn of(line: &[u8]) -> anyhow::Result<Self> {
        let text = String::from_utf8_lossy(line);
        let reply: Self =
            serde_json::from_slice(line).map_err(|error| anyhow::anyhow!("not understood ({error}): {text}"))?;
        anyhow::ensure!(reply.errno == 0, "{}", refusal(line));
        Ok(reply)
    }
}

/// The stamp and the `seq` of a push whose text is as it was sent (`blank` but for the stamp). `None`: nobody sent it.
pub(crate) fn stamped(line: &[u8], blank: &[u8]) -> Option<(Stamp, u64)> {
    let (seq, text) = (seq_of(line)?, msg_of(line)?);
    let is_whole = text.len() == blank.len() && text[STAMP_BYTES..] == blank[STAMP_BYTES..];
    Some((Stamp::read(text).filter(|_| is_whole)?, seq))
}

/// The error of a line that should not be there.
pub(crate) fn not_understood(line: &[u8]) -> anyhow::Error {
    anyhow::anyhow!("not understood: {}", String::from_utf8_lossy(line))
}

/// What a refusal means for whoever runs a load test.
pub(crate) fn refusal(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let hint = match errno_of(line) {
        Some(429) => "; start it with --set limits.logins_per_minute=0 --set limits.registrations_per_minute=0",
        Some(409) => "; start it with --set quota.accounts_per_day=0",
        Some(2) => "; is another load test running with the same accounts?",
        _ => "",
    };
    format!("the server refuses: {text}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_fields_of_a_push() {
        let line = br#"{"msgid":6,"id":1,"name":"a","toid":2,"msg":"0a1b","time":"x","seq":123}"#;
        assert_eq!((msgid_of(line), seq_of(line), errno_of(line)), (msgid::ONE_CHAT, Some(123), None));
        assert_eq!(msg_of(line), Some(&b"0a1b"[..]));
    }

    #[test]
    fn finds_the_fields_in_any_order() {
        let line = br#"{"errno":0,"seq":7,"msgid":11}"#;
        assert_eq!((msgid_of(line), seq_of(line), errno_of(line)), (msgid::ONE_CHAT_ACK, Some(7), Some(0)));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert_eq!((msgid_of(b"hello"), seq_of(b"{\"seq\":}"), msg_of(b"{\"msg\":\"cut")), (0, None, None));
        assert_eq!(seq_of(b"{\"seq\":99999999999999999999999}"), None, "no number of ours");
    }

    #[test]
    fn a_refusal_is_an_error_with_a_hint() {
        let error = Reply::of(br#"{"msgid":2,"errno":429,"errmsg":"slowly"}"#).unwrap_err().to_string();
        assert!(error.contains("slowly") && error.contains("limits.logins_per_minute=0"), "{error}");
    }
}
