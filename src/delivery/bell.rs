//! What nodes tell each other, as bytes: a head line of words, then the line for the clients as it is.
//!
//! Nodes of different versions meet during a rolling update: a bell that is not understood is ignored (the resync
//! and the holes find what it told).

use std::num::NonZeroU32;

use bytes::Bytes;

use super::Which;
use crate::bus::BELL_BYTES_MAX;
use crate::config::MESSAGE_BYTES;
use crate::ids::{ConvId, DeviceId, GroupId, NodeId, Seq, UserId};

/// The longest head, in bytes: a word, and three numbers of at most 20 digits, each with what separates them.
const HEAD_BYTES_MAX: usize = 96;

/// The longest line that a bell carries. A message with a longer one is fetched by whoever is told of it: the settings allow
/// messages of [`crate::config::MESSAGE_BYTES_MAX`].
pub(crate) const LINE_BYTES_MAX: usize = BELL_BYTES_MAX - HEAD_BYTES_MAX;

/// Every byte of a text may take six in JSON (`\u0001`), and a message has two of them, `msg` and `ext`, and some fields more.
const LINE_BYTES: usize = 2 * 6 * MESSAGE_BYTES + 4096;
const _: () = assert!(LINE_BYTES <= LINE_BYTES_MAX, "with the settings as they come, a bell carries every message");

/// What a bell tells. Which channel it comes on says whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ring<'a> {
    /// A message exists; an empty line: only that.
    Message {
        /// Its conversation.
        conv: ConvId,
        /// Its place there.
        seq: Seq,
        /// The [`mark`](super::epoch::mark) of the epoch in which that was so. Nodes of earlier versions give none.
        mark: Option<u32>,
        /// Which message that is.
        which: Option<Which>,
        /// The push.
        line: &'a [u8],
    },
    /// The user has sent a message elsewhere, on this device: sessions of other devices are told.
    Own {
        /// The device that has it.
        device: DeviceId,
        /// Its conversation.
        conv: ConvId,
        /// Its place there.
        seq: Seq,
        /// The same as of a message.
        mark: Option<u32>,
        /// Which message that is.
        which: Option<Which>,
        /// The push; empty: only that it exists.
        line: &'a [u8],
    },
    /// A line that is told once; an empty one is told to nobody.
    Notice(&'a [u8]),
    /// The same, for a group's members but for this user.
    NoticeBut(UserId, &'a [u8]),
    /// The user has logged in elsewhere on this device: its sessions here are replaced.
    Replaced(DeviceId),
    /// The user has resumed elsewhere the session with this key, which is replaced.
    Resumed(u64),
    /// The user has a session elsewhere, beside those here.
    Beside,
    /// A node has reported the user offline: whoever has a session of that user reports again.
    Offline,
    /// The user has joined a group elsewhere.
    Joined(GroupId, &'a [u8]),
    /// The user has left a group elsewhere.
    Left(GroupId, &'a [u8]),
    /// The group is gone.
    GroupDeleted(&'a [u8]),
    /// The data went back, and have a new epoch: to every node.
    Restored,
    /// This node uses the same database as who says it: to every node.
    Vouched(NodeId),
    /// This node uses another one.
    Stranger(NodeId),
}

impl<'a> Ring<'a> {
    /// The payload of a bell. A line that is too long for one is left out: what the bell tells is told all the same.
    #[must_use]
    pub(crate) fn encode(&self) -> Bytes {
        let (head, line): (String, &[u8]) = match self {
            Self::Own { device, conv, seq, mark, which, line } => {
                (format!("own {} {} {seq}{}\n", device.0, conv.number(), words(*mark, *which)), line)
            }
            Self::Message { conv, seq, mark, which, line } => {
                (format!("message {} {seq}{}\n", conv.number(), words(*mark, *which)), line)
            }
            Self::Notice(line) => ("notice\n".to_owned(), line),
            Self::NoticeBut(user, line) => (format!("notice-but {user}\n"), line),
            Self::Replaced(device) => (format!("replaced {}\n", device.0), &[]),
            Self::Resumed(token) => (format!("resumed {token}\n"), &[]),
            Self::Beside => ("beside\n".to_owned(), &[]),
            Self::Offline => ("offline\n".to_owned(), &[]),
            Self::Joined(group, line) => (format!("joined {group}\n"), line),
            Self::Left(group, line) => (format!("left {group}\n"), line),
            Self::GroupDeleted(line) => ("group-deleted\n".to_owned(), line),
            Self::Restored => ("restored\n".to_owned(), &[]),
            Self::Vouched(node) => (format!("vouched {}\n", node.0), &[]),
            Self::Stranger(node) => (format!("stranger {}\n", node.0), &[]),
        };
        debug_assert!(head.len() <= HEAD_BYTES_MAX, "{head}");
        let line = if line.len() <= LINE_BYTES_MAX { line } else { &[] };
        let mut payload = Vec::with_capacity(head.len() + line.len());
        payload.extend_from_slice(head.as_bytes());
        payload.extend_from_slice(line);
        Bytes::from(payload)
    }

    /// Reads a payload; `None` for one that is not understood.
    #[must_use]
    pub(crate) fn decode(payload: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', payload)?;
        let line = &payload[end + 1..];
        let mut words = std::str::from_utf8(&payload[..end]).ok()?.split(' ');
        let kind = words.next()?;
        if kind == "resumed" {
            return Some(Self::Resumed(words.next()?.parse().ok()?));
        }
        if let "vouched" | "stranger" = kind {
            let node = NodeId(words.next()?.parse().ok()?);
            return Some(if kind == "vouched" { Self::Vouched(node) } else { Self::Stranger(node) });
        }
        let mut number = || words.next()?.parse::<i64>().ok();
        Some(match kind {
            "message" => {
                let conv = ConvId::from_number(number()?)?;
                let seq = Seq::try_from(number()?).ok()?;
                let mark = number().and_then(|mark| mark.try_into().ok());
                Self::Message { conv, seq, mark, which: which(number()), line }
            }
            "own" => {
                let device = DeviceId(u32::try_from(number()?).ok()?);
                let conv = ConvId::from_number(number()?)?;
                let seq = Seq::try_from(number()?).ok()?;
                let mark = number().and_then(|mark| mark.try_into().ok());
                Self::Own { device, conv, seq, mark, which: which(number()), line }
            }
            "notice" => Self::Notice(line),
            "notice-but" => Self::NoticeBut(UserId::new(number()?)?, line),
            "replaced" => Self::Replaced(DeviceId(u32::try_from(number()?).ok()?)),
            "beside" => Self::Beside,
            "offline" => Self::Offline,
            "joined" => Self::Joined(GroupId::new(number()?)?, line),
            "left" => Self::Left(GroupId::new(number()?)?, line),
            "group-deleted" => Self::GroupDeleted(line),
            "restored" => Self::Restored,
            _ => return None,
        })
    }
}

/// What stands at a head's end, if anything.
fn words(mark: Option<u32>, which: Option<Which>) -> String {
    match (mark, which) {
        (Some(mark), Some(which)) => format!(" {mark} {}", which.0),
        (Some(mark), None) => format!(" {mark}"),
        (None, _) => String::new(),
    }
}

fn which(number: Option<i64>) -> Option<Which> {
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.and_then(NonZeroU32::new).map(Which)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ring_arrives_as_it_was_sent() {
        let group = GroupId::new(5).unwrap();
        let user = UserId::new(6).unwrap();
        for ring in [
            Ring::Message {
                conv: ConvId::group(group),
                seq: 7,
                mark: Some(u32::MAX),
                which: Some(Which(NonZeroU32::MAX)),
                line: b"{}\n",
            },
            Ring::Message { conv: ConvId::group(group), seq: 7, mark: None, which: None, line: b"" },
            Ring::Notice(b"{\"a\":1}\n"),
            Ring::NoticeBut(user, b"x\n"),
            Ring::Own {
                device: DeviceId(u32::MAX),
                conv: ConvId::pair(user, UserId::new(7).unwrap()),
                seq: 8,
                mark: Some(0),
                which: None,
                line: b"{}\n",
            },
            Ring::Replaced(DeviceId(3)),
            Ring::Resumed(u64::MAX),
            Ring::Beside,
            Ring::Offline,
            Ring::Joined(group, b"x\n"),
            Ring::Left(group, b"x\n"),
            Ring::GroupDeleted(b"x\n"),
            Ring::Restored,
            Ring::Vouched(NodeId(u64::MAX)),
            Ring::Stranger(NodeId(1)),
        ] {
            assert_eq!(Ring::decode(&ring.encode()), Some(ring));
        }
    }

    #[test]
    fn what_is_too_long_for_a_bell_is_told_without_its_line() {
        let group = GroupId::new(5).unwrap();
        let longest = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(Ring::decode(&Ring::Notice(&longest).encode()), Some(Ring::Notice(&longest)));
        let longer = vec![b'x'; LINE_BYTES_MAX + 1];
        let message = |line| Ring::Message { conv: ConvId::group(group), seq: 7, mark: Some(1), which: None, line };
        assert_eq!(Ring::decode(&message(&longer).encode()), Some(message(b"")));
        assert_eq!(Ring::decode(&Ring::Left(group, &longer).encode()), Some(Ring::Left(group, b"")));
        let user = UserId::new(i64::from(i32::MAX)).unwrap();
        let conv = ConvId::pair(user, UserId::new(i64::from(i32::MAX) - 1).unwrap());
        let which = Some(Which(NonZeroU32::MAX));
        let head =
            Ring::Own { device: DeviceId(u32::MAX), conv, seq: u64::MAX, mark: Some(u32::MAX), which, line: b"" };
        let head = head.encode();
        assert!(head.len() <= HEAD_BYTES_MAX);
    }

    #[test]
    fn anything_else_is_ignored() {
        for payload in [&b""[..], b"notice", b"what\n", b"message\n", b"message x 1\n", b"message 0 1\n", b"\xff\n"] {
            assert_eq!(Ring::decode(payload), None);
        }
    }
}
