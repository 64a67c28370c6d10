//! What nodes tell each other, as bytes: a head line of words, then the line for the clients as it is.
//!
//! Nodes of different versions meet during a rolling update: a bell that is not understood is ignored (the resync
//! and the holes find what it told).

use std::num::NonZeroU32;

use bytes::Bytes;

use super::Which;
use super::directory::Ended;
use crate::bus::BELL_BYTES_MAX;
use crate::config::MESSAGE_BYTES;
use crate::ids::{ConvId, DeviceId, GroupId, NodeId, Seq, UserId};
use crate::wants::Want;

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
    /// A line for sessions that want this.
    Hint(Want, &'a [u8]),
    /// The same, but not for this user.
    HintBut(Want, UserId, &'a [u8]),
    /// The user has logged in elsewhere on this device: its sessions here are replaced.
    Replaced(DeviceId),
    /// The user has resumed elsewhere the session with this key, which is replaced.
    Resumed(u64),
    /// The user has ended sessions.
    Ended(Ended),
    /// The user has another name now: this one.
    Renamed(&'a [u8]),
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
    /// A node stops, and this one is to tell who has gone with it: users' ids with blanks between them.
    Gone(NodeId, &'a [u8]),
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
            Self::Hint(want, line) => (format!("hint {}\n", *want as u8), line),
            Self::HintBut(want, user, line) => (format!("hint-but {} {user}\n", *want as u8), line),
            Self::Replaced(device) => (format!("replaced {}\n", device.0), &[]),
            Self::Resumed(token) => (format!("resumed {token}\n"), &[]),
            Self::Ended(Ended::One(token)) => (format!("ended {token}\n"), &[]),
            Self::Ended(Ended::AllBut(token)) => (format!("ended-but {token}\n"), &[]),
            Self::Ended(Ended::All) => ("ended-all\n".to_owned(), &[]),
            Self::Renamed(name) => ("renamed\n".to_owned(), name),
            Self::Beside => ("beside\n".to_owned(), &[]),
            Self::Offline => ("offline\n".to_owned(), &[]),
            Self::Joined(group, line) => (format!("joined {group}\n"), line),
            Self::Left(group, line) => (format!("left {group}\n"), line),
            Self::GroupDeleted(line) => ("group-deleted\n".to_owned(), line),
            Self::Gone(node, users) => (format!("gone {}\n", node.0), users),
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
        if let "resumed" | "ended" | "ended-but" = kind {
            let key = words.next()?.parse().ok()?;
            return Some(match kind {
                "ended" => Self::Ended(Ended::One(key)),
                "ended-but" => Self::Ended(Ended::AllBut(key)),
                _ => Self::Resumed(key),
            });
        }
        if let "vouched" | "stranger" | "gone" = kind {
            let node = NodeId(words.next()?.parse().ok()?);
            return Some(match kind {
                "vouched" => Self::Vouched(node),
                "stranger" => Self::Stranger(node),
                _ => Self::Gone(node, line),
            });
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
            "hint" => Self::Hint(want(number()?)?, line),
            "hint-but" => Self::HintBut(want(number()?)?, UserId::new(number()?)?, line),
            "notice-but" => Self::NoticeBut(UserId::new(number()?)?, line),
            "replaced" => Self::Replaced(DeviceId(u32::try_from(number()?).ok()?)),
            "ended-all" => Self::Ended(Ended::All),
            "renamed" => Self::Renamed(line),
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

/// Users, as [`Ring::Gone`] has them.
#[must_use]
pub(crate) fn users_text(users: &[UserId]) -> String {
    let words: Vec<String> = users.iter().map(UserId::to_string).collect();
    words.join(" ")
}

/// The users of such a text. What is no user's id is left out.
#[must_use]
pub(crate) fn users_of(text: &[u8]) -> Vec<UserId> {
    let words = text.split(|byte| *byte == b' ').filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
    words.filter_map(UserId::new).collect()
}

/// What may be wanted, by the number that stands for it.
fn want(number: i64) -> Option<Want> {
    Want::HINTS.into_iter().find(|want| i64::from(*want as u8) == number)
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
            Ring::Hint(Want::Receipts, b"x\n"),
            Ring::Hint(Want::Presence, b"x\n"),
            Ring::HintBut(Want::Typing, user, b"x\n"),
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
            Ring::Ended(Ended::One(u64::MAX)),
            Ring::Ended(Ended::AllBut(7)),
            Ring::Ended(Ended::All),
            Ring::Renamed("Änne B".as_bytes()),
            Ring::Beside,
            Ring::Offline,
            Ring::Joined(group, b"x\n"),
            Ring::Left(group, b"x\n"),
            Ring::GroupDeleted(b"x\n"),
            Ring::Restored,
            Ring::Gone(NodeId(u64::MAX), b"1 2"),
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
    fn users_are_read_as_they_were_written() {
        let users: Vec<UserId> = [1, 42, i64::from(i32::MAX)].into_iter().filter_map(UserId::new).collect();
        assert_eq!(users_of(users_text(&users).as_bytes()), users);
        assert_eq!(users_of(b""), []);
        assert_eq!(users_of(b"7 x 0 -1 \xff 8"), [UserId::new(7).unwrap(), UserId::new(8).unwrap()]);
    }

    #[test]
    fn anything_else_is_ignored() {
        for payload in [&b""[..], b"notice", b"what\n", b"message\n", b"message x 1\n", b"message 0 1\n", b"\xff\n"] {
            assert_eq!(Ring::decode(payload), None);
        }
    }
}
