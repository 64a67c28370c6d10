//! What things are called on Redis: the names of its channels, and what stands ahead of a payload.
//!
//! ```text
//!   <identity>:u:42  :g:7                           a user, a group
//!   <identity>:d:42:3  :t:0123456789abcdef          a user's device; a session by what it is resumed by
//!   <identity>:w:typing                             nodes with a session that wants to be told of this
//!   <identity>:n:0123456789abcdef                   one node; subscribed by that node alone: its sign of life
//!   <identity>:nodes                                all nodes of themselves: who, here, bye, lost
//!   <identity>:all                                  all nodes, of what concerns each
//!
//!   The identity is that of the data: installations that share a Redis do not hear each other. It has no braces, or a
//!   Redis Cluster would put all channels into one slot.
//!
//!   payload:  0123456789abcdef <the sender's own bytes>
//! ```

use std::fmt::Write as _;

use crate::bus::Channel;
use crate::ids::{DeviceId, GroupId, NodeId, UserId};
use crate::wants::Want;

/// A channel of Redis that this bus uses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum RedisChannel {
    /// What the rest of the server subscribes to.
    Of(Channel),
    /// Held by one node for as long as it lives.
    Node(NodeId),
    /// Where nodes speak of themselves.
    Nodes,
    /// Where nodes of version 0.1 do, whose channels do not have the identity ahead.
    NodesOfBefore,
}

/// The names of an installation's channels.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The identity of the data, and a colon.
    prefix: Box<str>,
}

impl Names {
    pub(super) fn new(identity: &str) -> Self {
        Self { prefix: format!("{identity}:").into() }
    }

    /// What all names begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The topic's name, written into `out`, which a caller with many of them keeps.
    pub(super) fn write<'a>(&self, topic: RedisChannel, out: &'a mut String) -> &'a str {
        out.clear();
        if topic != RedisChannel::NodesOfBefore {
            out.push_str(&self.prefix);
        }
        let written = match topic {
            RedisChannel::Of(Channel::User(user)) => write!(out, "u:{user}"),
            RedisChannel::Of(Channel::Group(group)) => write!(out, "g:{group}"),
            RedisChannel::Of(Channel::Device(user, device)) => write!(out, "d:{user}:{}", device.0),
            RedisChannel::Of(Channel::Token(hash)) => write!(out, "t:{hash:016x}"),
            RedisChannel::Of(Channel::Want(want)) => write!(out, "w:{}", word(want)),
            RedisChannel::Of(Channel::All) => out.write_str("all"),
            RedisChannel::Node(node) => write!(out, "n:{node}"),
            RedisChannel::Nodes | RedisChannel::NodesOfBefore => out.write_str("nodes"),
        };
        written.expect("a string takes whatever is written");
        out
    }

    /// The topic of that name; `None` for one that this bus never uses.
    pub(super) fn parse(&self, name: &[u8]) -> Option<RedisChannel> {
        match name.strip_prefix(self.prefix.as_bytes())? {
            b"nodes" => Some(RedisChannel::Nodes),
            b"all" => Some(RedisChannel::Of(Channel::All)),
            [b'u', b':', id @ ..] => Some(RedisChannel::Of(Channel::User(UserId::new(decimal(id)?)?))),
            [b'g', b':', id @ ..] => Some(RedisChannel::Of(Channel::Group(GroupId::new(decimal(id)?)?))),
            [b'd', b':', rest @ ..] => {
                let (user, device) = rest.split_at_checked(memchr::memchr(b':', rest)?)?;
                let device = DeviceId(u32::try_from(decimal(device.get(1..)?)?).ok()?);
                Some(RedisChannel::Of(Channel::Device(UserId::new(decimal(user)?)?, device)))
            }
            [b't', b':', hash @ ..] => Some(RedisChannel::Of(Channel::Token(hex(hash)?))),
            [b'w', b':', name @ ..] => {
                let want = Want::HINTS.into_iter().find(|want| word(*want).as_bytes() == name)?;
                Some(RedisChannel::Of(Channel::Want(want)))
            }
            [b'n', b':', node @ ..] => Some(RedisChannel::Node(NodeId(hex(node)?))),
            _ => None,
        }
    }
}

/// What is wanted, as a word.
fn word(want: Want) -> &'static str {
    match want {
        Want::Presence => "presence",
        Want::Receipts => "receipts",
        Want::Typing => "typing",
        Want::Events => "events",
    }
}

/// What a node says on [`RedisChannel::Nodes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NodeWord {
    /// I am here and new to this: all who hear it, say at once that you are here.
    Who,
    /// I am here: watch my channel.
    Here,
    /// I am leaving.
    Bye,
    /// Bells of mine were lost: look into the store.
    Lost,
}

impl NodeWord {
    pub(super) fn text(self) -> &'static [u8] {
        match self {
            Self::Who => b"who",
            Self::Here => b"here",
            Self::Bye => b"bye",
            Self::Lost => b"lost",
        }
    }

    /// The word of that text; `None` for one that a newer node may use.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        [Self::Who, Self::Here, Self::Bye, Self::Lost].into_iter().find(|word| word.text() == text)
    }
}

/// What stands ahead of which bells a node has lost, and since when.
pub(super) const LOST_SOME: &[u8] = b"lost ";

/// What stands ahead of the same when it is told again, to those who were deaf when it was told first.
pub(super) const LOST_BEFORE: &[u8] = b"told ";

/// How pub/sub is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Words {
    /// To a server that has all channels.
    Plain,
    /// To one of several, each of which has the channels of its slots. All channels of a command are in one slot.
    Sharded,
}

impl Words {
    pub(super) fn publish(self) -> &'static str {
        match self {
            Self::Plain => "PUBLISH",
            Self::Sharded => "SPUBLISH",
        }
    }

    pub(super) fn subscribe(self) -> &'static str {
        match self {
            Self::Plain => "SUBSCRIBE",
            Self::Sharded => "SSUBSCRIBE",
        }
    }

    pub(super) fn unsubscribe(self) -> &'static str {
        match self {
            Self::Plain => "UNSUBSCRIBE",
            Self::Sharded => "SUNSUBSCRIBE",
        }
    }
}

/// Hexadecimal digits of a node's id, ahead of every payload; one blank follows.
const SENDER_DIGITS: usize = 16;

/// The payload with its sender ahead of it.
pub(super) fn with_sender(from: NodeId, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SENDER_DIGITS + 1 + payload.len());
    out.extend_from_slice(from.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(payload);
    out
}

/// Who sent it, and what; `None` if it was not [`with_sender`].
pub(super) fn split_sender(message: &[u8]) -> Option<(NodeId, &[u8])> {
    let (sender, rest) = message.split_at_checked(SENDER_DIGITS)?;
    Some((NodeId(hex(sender)?), rest.strip_prefix(b" ")?))
}

fn decimal(digits: &[u8]) -> Option<i64> {
    let plain = digits.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

fn hex(digits: &[u8]) -> Option<u64> {
    let plain = digits.len() == SENDER_DIGITS && digits.iter().all(u8::is_ascii_hexdigit);
    plain.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new("a1b2")
    }

    #[test]
    fn every_topic_is_found_by_its_name() {
        let user = UserId::new(42).unwrap();
        let group = GroupId::new(7).unwrap();
        for (topic, name) in [
            (RedisChannel::Of(Channel::User(user)), "u:42"),
            (RedisChannel::Of(Channel::Group(group)), "g:7"),
            (RedisChannel::Of(Channel::Device(user, DeviceId(65_535))), "d:42:65535"),
            (RedisChannel::Of(Channel::Token(0xabc)), "t:0000000000000abc"),
            (RedisChannel::Of(Channel::Want(Want::Presence)), "w:presence"),
            (RedisChannel::Of(Channel::Want(Want::Receipts)), "w:receipts"),
            (RedisChannel::Of(Channel::Want(Want::Typing)), "w:typing"),
            (RedisChannel::Node(NodeId(1)), "n:0000000000000001"),
            (RedisChannel::Of(Channel::All), "all"),
            (RedisChannel::Nodes, "nodes"),
        ] {
            let name = format!("a1b2:{name}");
            assert_eq!(names().write(topic, &mut "old".to_owned()), name);
            assert_eq!(names().parse(name.as_bytes()), Some(topic));
        }
    }

    #[test]
    fn what_another_installation_says_is_not_heard() {
        for name in ["u:42", "nodes", "a1b:u:42", "a1b23:u:42", "b1b2:nodes", ":u:42"] {
            assert_eq!(names().parse(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn foreign_names_are_no_topics() {
        for name in [
            "",
            "u:",
            "u:0",
            "u:-1",
            "u:+1",
            "u:99999999999999999999",
            "t:abc",
            "t:+000000000000abc",
            "x:1",
            "w:",
            "w:events",
            "w:typing ",
            "d:1",
            "d:1:",
            "d::1",
            "d:1:4294967296",
            "d:1:2:3",
        ] {
            assert_eq!(names().parse(format!("a1b2:{name}").as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_payload_keeps_its_sender_and_its_bytes() {
        let with_sender = with_sender(NodeId(0xfeed), b"\0 any\r\nbytes");
        assert_eq!(split_sender(&with_sender), Some((NodeId(0xfeed), b"\0 any\r\nbytes".as_slice())));
        assert_eq!(split_sender(b"0123456789abcde x"), None);
        assert_eq!(split_sender(b"0123456789abcdef"), None);
        assert_eq!(split_sender("\u{e9}123456789abcdef x".as_bytes()), None);
    }
}
