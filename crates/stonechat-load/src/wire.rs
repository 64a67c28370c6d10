//! The little of a line that a load generator needs, and the lines that it sends.
//!
//! Requests are written, and replies of the preparation read, with the protocol's own package. The lines of a run are
//! searched instead of parsed: reading each of them as JSON would double what the generator takes of the processors that it
//! shares with the server. Every search is for a quoted field name with its colon. In valid JSON such bytes cannot stand
//! inside a string (its quotes would be escaped), and the lines of a run have no nested objects, so what is found is the
//! field.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};
use serde::de::DeserializeOwned;
use stonechat_protocol::ask::{Ask, Chat, ConversationAsk};
use stonechat_protocol::errno::Errno;
use stonechat_protocol::ids::Peer;
use stonechat_protocol::incoming::{Incoming, ReplyError};

use crate::stamp::{STAMP_BYTES, Stamp};

/// The `msgid`s that a load generator meets; docs/protocol.md has all.
pub(crate) mod msgid {
    use stonechat_protocol::msg_id::{MsgId, push};

    pub(crate) const LOGIN_REPLY: u16 = MsgId::Login.reply();
    pub(crate) const ONE_CHAT: u16 = MsgId::OneChat.number();
    pub(crate) const GROUP_CHAT: u16 = MsgId::GroupChat.number();
    pub(crate) const ONE_CHAT_ACK: u16 = MsgId::OneChat.reply();
    pub(crate) const GROUP_CHAT_ACK: u16 = MsgId::GroupChat.reply();
    pub(crate) const PING: u16 = MsgId::Ping.number();
    pub(crate) const PONG: u16 = MsgId::Ping.reply();
    pub(crate) const ERROR: u16 = push::ERROR;
    pub(crate) const NOTICE: u16 = push::NOTICE;
}

/// A chat message to `to`, as what stands before its text and behind it.
pub(crate) fn around_text(to: Peer) -> (String, String) {
    const TEXT: &str = "TEXT";
    let line = Ask::Chat(Chat { to, msg: TEXT, cid: None, ext: None }).line(None);
    let (before, behind) = line.split_once(TEXT).unwrap_or((line.as_str(), ""));
    (before.to_owned(), behind.to_owned())
}

/// DELIVERED, as what stands before its `seq` and behind it.
pub(crate) fn around_seq(peer: Peer) -> (String, String) {
    around(&Ask::Delivered { peer, seq: ANY_SEQ }.line(None))
}

/// READ, likewise.
pub(crate) fn around_read_seq(peer: Peer) -> (String, String) {
    around(&Ask::Conversation(ConversationAsk::Read { peer, seq: ANY_SEQ }).line(None))
}

const ANY_SEQ: u64 = 123_456_789;

fn around(line: &str) -> (String, String) {
    let (before, behind) = line.split_once(&ANY_SEQ.to_string()).unwrap_or((line, ""));
    (before.to_owned(), behind.to_owned())
}

static SEQ: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"seq\":"));
static MSG: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"msg\":\""));
static ERRNO: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"errno\":"));

/// The `msgid`; 0 when there is none.
pub(crate) fn msgid_of(line: &[u8]) -> u16 {
    const START: &[u8] = b"{\"msgid\":";
    let at = if line.starts_with(START) { Some(0) } else { memmem::find(line, b"\"msgid\":").map(|at| at - 1) };
    let number = at.and_then(|at| number_at(line, at + START.len()));
    number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0)
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

/// Reads a reply in full: a struct of the protocol's `body`.
///
/// # Errors
/// It is none, or reports a failure; the text says which, and what may help.
pub(crate) fn reply<T: DeserializeOwned>(line: &[u8]) -> anyhow::Result<T> {
    let Ok(Incoming::Reply(reply)) = Incoming::parse(line) else { return Err(not_understood(line)) };
    reply.body().map_err(|error| match error {
        ReplyError::Refused(_) => anyhow::anyhow!(refusal(line)),
        ReplyError::Unreadable(error) => anyhow::anyhow!("not understood ({error}): {}", String::from_utf8_lossy(line)),
    })
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
    let is = |errno: Errno| errno_of(line) == Some(errno.number().into());
    let hint = if is(Errno::TooFast) {
        "; start it with --set limits.logins_per_minute=0 --set limits.registrations_per_minute=0"
    } else if is(Errno::Conflict) {
        "; start it with --set quota.accounts_per_day=0"
    } else if is(Errno::AlreadyOnline) {
        "; is another load test running with the same accounts?"
    } else {
        ""
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
        let line = br#"{"msgid":2,"errno":429,"errmsg":"slowly"}"#;
        let error = reply::<stonechat_protocol::body::Registered>(line).unwrap_err().to_string();
        assert!(error.contains("slowly") && error.contains("limits.logins_per_minute=0"), "{error}");
    }

    #[test]
    fn a_line_is_cut_around_what_changes() {
        let peer = Peer::User(stonechat_protocol::ids::UserId::new(7).unwrap());
        assert_eq!(around_text(peer), ("{\"msgid\":6,\"toid\":7,\"msg\":\"".to_owned(), "\"}\n".to_owned()));
        assert_eq!(around_seq(peer), ("{\"msgid\":20,\"id\":7,\"seq\":".to_owned(), "}\n".to_owned()));
    }
}
