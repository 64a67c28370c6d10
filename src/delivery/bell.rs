//! What nodes tell each other, as bytes: a head line of words, then the line for the clients as it is.
//!
//! Nodes of different versions meet during a rolling update: a bell that is not understood is ignored (the resync
//! and the holes find what it told).

use bytes::Bytes;

use crate::ids::{ConvId, GroupId, Seq, UserId};

/// What a bell tells. Which channel it comes on says whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ring<'a> {
    /// A message exists; an empty line: only that.
    Message {
        /// Its conversation.
        conv: ConvId,
        /// Its place there.
        seq: Seq,
        /// The push.
        line: &'a [u8],
    },
    /// A line that is told once.
    Notice(&'a [u8]),
    /// The same, for a group's members but for this user.
    NoticeBut(UserId, &'a [u8]),
    /// The user has logged in elsewhere: sessions here are replaced.
    Replaced,
    /// The user has logged in elsewhere with the token whose hash begins so: the session that held it is replaced.
    Resumed(u64),
    /// The user has joined a group elsewhere.
    Joined(GroupId, &'a [u8]),
    /// The user has left a group elsewhere.
    Left(GroupId, &'a [u8]),
    /// The group is gone.
    GroupDeleted(&'a [u8]),
}

impl<'a> Ring<'a> {
    /// The payload of a bell.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let (head, line): (String, &[u8]) = match self {
            Self::Message { conv, seq, line } => (format!("message {} {seq}\n", conv.number()), line),
            Self::Notice(line) => ("notice\n".to_owned(), line),
            Self::NoticeBut(user, line) => (format!("notice-but {user}\n"), line),
            Self::Replaced => ("replaced\n".to_owned(), &[]),
            Self::Resumed(token) => (format!("resumed {token}\n"), &[]),
            Self::Joined(group, line) => (format!("joined {group}\n"), line),
            Self::Left(group, line) => (format!("left {group}\n"), line),
            Self::GroupDeleted(line) => ("group-deleted\n".to_owned(), line),
        };
        let mut payload = Vec::with_capacity(head.len() + line.len());
        payload.extend_from_slice(head.as_bytes());
        payload.extend_from_slice(line);
        Bytes::from(payload)
    }

    /// Reads a payload; `None` for one that is not understood.
    #[must_use]
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', payload)?;
        let line = &payload[end + 1..];
        let mut words = std::str::from_utf8(&payload[..end]).ok()?.split(' ');
        let kind = words.next()?;
        if kind == "resumed" {
            return Some(Self::Resumed(words.next()?.parse().ok()?));
        }
        let mut number = || words.next()?.parse::<i64>().ok();
        Some(match kind {
            "message" => {
                let conv = ConvId::from_number(number()?)?;
                Self::Message { conv, seq: Seq::try_from(number()?).ok()?, line }
            }
            "notice" => Self::Notice(line),
            "notice-but" => Self::NoticeBut(UserId::new(number()?)?, line),
            "replaced" => Self::Replaced,
            "joined" => Self::Joined(GroupId::new(number()?)?, line),
            "left" => Self::Left(GroupId::new(number()?)?, line),
            "group-deleted" => Self::GroupDeleted(line),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ring_arrives_as_it_was_sent() {
        let group = GroupId::new(5).unwrap();
        let user = UserId::new(6).unwrap();
        for ring in [
            Ring::Message { conv: ConvId::group(group), seq: 7, line: b"{}\n" },
            Ring::Message { conv: ConvId::group(group), seq: 7, line: b"" },
            Ring::Notice(b"{\"a\":1}\n"),
            Ring::NoticeBut(user, b"x\n"),
            Ring::Replaced,
            Ring::Resumed(u64::MAX),
            Ring::Joined(group, b"x\n"),
            Ring::Left(group, b"x\n"),
            Ring::GroupDeleted(b"x\n"),
        ] {
            assert_eq!(Ring::decode(&ring.encode()), Some(ring));
        }
    }

    #[test]
    fn anything_else_is_ignored() {
        for payload in [&b""[..], b"notice", b"what\n", b"message\n", b"message x 1\n", b"message 0 1\n", b"\xff\n"] {
            assert_eq!(Ring::decode(payload), None);
        }
    }
}
