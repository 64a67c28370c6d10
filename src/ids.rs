//! The numbers that name things: those of the wire, and those that never leave the server: conversations, devices, nodes.
//!
//! Newtypes, so that no two kinds can be mixed up, and the one formula that computes a conversation's id.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::RandomState;
pub use stonechat_protocol::ids::{GroupId, Peer, Seq, UserId};

/// A map by numbers that the server itself gives. Their hash is quick and seeded anew for each map; it need not withstand
/// somebody who chooses the keys.
pub(crate) type IdMap<K, V> = HashMap<K, V, RandomState>;

/// A conversation's id. It is computed, never allocated, and never leaves the server: on the wire a conversation is
/// a peer's `id` or a `groupid`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConvId(u64);

/// The members a [`ConvId`] stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Members {
    /// Two users, the smaller id first.
    Pair(UserId, UserId),
    /// The members of a group.
    Group(GroupId),
}

impl ConvId {
    /// The conversation of two users: `(min << 32) | max`. The order of the arguments does not matter.
    #[must_use]
    pub fn pair(a: UserId, b: UserId) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self(u64::from(low.number()) << 32 | u64::from(high.number()))
    }

    /// The conversation of a group: the group's id alone, the upper half 0.
    #[must_use]
    pub fn group(group: GroupId) -> Self {
        Self(u64::from(group.number()))
    }

    /// The conversation `user` has with `peer`.
    #[must_use]
    pub fn with(user: UserId, peer: Peer) -> Self {
        match peer {
            Peer::User(other) => Self::pair(user, other),
            Peer::Group(group) => Self::group(group),
        }
    }

    /// Who is in it; `None` for a number that no formula above yields (a damaged row).
    #[must_use]
    pub fn members(self) -> Option<Members> {
        let high = i64::try_from(self.0 >> 32).expect("32 bits fit");
        let low = i64::from(u32::try_from(self.0 & 0xffff_ffff).expect("masked to 32 bits"));
        if high == 0 {
            return Some(Members::Group(GroupId::new(low)?));
        }
        Some(Members::Pair(UserId::new(high)?, UserId::new(low)?))
    }

    /// The other side, as `user` sees this conversation; `None` if `user` is neither of a pair.
    #[must_use]
    pub(crate) fn peer_of(self, user: UserId) -> Option<Peer> {
        match self.members()? {
            Members::Group(group) => Some(Peer::Group(group)),
            Members::Pair(a, b) if a == user => Some(Peer::User(b)),
            Members::Pair(a, b) if b == user => Some(Peer::User(a)),
            Members::Pair(..) => None,
        }
    }

    /// The number as databases hold it; always positive.
    #[must_use]
    pub fn number(self) -> i64 {
        i64::try_from(self.0).expect("both halves are at most i32::MAX")
    }

    /// The conversation with this number, as read from a database; `None` for a damaged one.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let conv = Self(u64::try_from(number).ok()?);
        conv.members().map(|_| conv)
    }
}

/// A device of a user as cursors know it. 0 is the device without a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct DeviceId(pub u32);

impl DeviceId {
    /// The device of a login that names none. Its cursors are also the list of the user's conversations.
    pub const UNNAMED: Self = Self(0);
}

/// A node's id: random at each start, so a restarted node is a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u64);

impl NodeId {
    /// The node of that name, which is what `Display` writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let plain = name.len() == 16 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
        plain.then(|| u64::from_str_radix(name, 16).ok())?.map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Bytes in hexadecimal digits: tokens, identities.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble is a hexadecimal digit"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    #[test]
    fn a_node_is_found_by_its_name() {
        for node in [NodeId(0), NodeId(0xfeed), NodeId(u64::MAX)] {
            assert_eq!(NodeId::parse(&node.to_string()), Some(node));
        }
        for name in ["", "feed", "+00000000000feed", "00000000000000000", "000000000000000g"] {
            assert_eq!(NodeId::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_pair_has_one_conversation_whoever_asks() {
        let conv = ConvId::pair(user(7), user(3));
        assert_eq!(conv, ConvId::pair(user(3), user(7)));
        assert_eq!(conv.number(), 3 << 32 | 7);
        assert_eq!(conv.members(), Some(Members::Pair(user(3), user(7))));
        assert_eq!(conv.peer_of(user(3)), Some(Peer::User(user(7))));
        assert_eq!(conv.peer_of(user(8)), None);
    }

    #[test]
    fn a_group_conversation_is_the_groups_number() {
        let group = GroupId::new(9).unwrap();
        assert_eq!(ConvId::group(group).number(), 9);
        assert_eq!(ConvId::from_number(9), Some(ConvId::group(group)));
        assert_eq!(ConvId::from_number(0), None);
        assert_eq!(ConvId::from_number(-5), None);
        assert_eq!(ConvId::from_number(3 << 32), None, "a pair needs both halves");
    }
}
