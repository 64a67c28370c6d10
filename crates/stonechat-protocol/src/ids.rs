//! The numbers that name things on the wire: users, groups, and messages in a conversation.
//!
//! Newtypes, so that no two kinds can be mixed up.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A user's id: positive, at most `i32::MAX`, so that two of them make one [`ConvId`] below 2^63.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct UserId(u32);

/// A group's id: positive, at most `i32::MAX`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct GroupId(u32);

/// The largest id a user or a group can have.
const ID_MAX: i64 = i32::MAX as i64;

macro_rules! positive_id {
    ($name:ident) => {
        impl $name {
            /// The id with this number; `None` unless it is positive and fits in 31 bits.
            #[must_use]
            pub fn new(number: i64) -> Option<Self> {
                (1..=ID_MAX).contains(&number).then(|| Self(u32::try_from(number).expect("the range is within u32")))
            }

            /// The bare number.
            #[must_use]
            pub fn number(self) -> u32 {
                self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = i64::deserialize(deserializer)?;
                Self::new(number).ok_or_else(|| serde::de::Error::custom(format!("{number} is no id")))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

positive_id!(UserId);

#[cfg(test)]
impl UserId {
    /// Of a small number, for constants.
    pub(crate) const fn of_test(number: u32) -> Self {
        Self(number)
    }
}

positive_id!(GroupId);

/// What takes part in a conversation besides the reader: one other user, or a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Peer {
    /// A one-to-one conversation with this user.
    User(UserId),
    /// The conversation of this group.
    Group(GroupId),
}

/// The place of a message in its conversation: 1, 2, 3, ... without a hole. 0 is "before the first".
pub type Seq = u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positive_and_31_bits() {
        assert_eq!(UserId::new(0), None);
        assert_eq!(UserId::new(-1), None);
        assert_eq!(UserId::new(i64::from(i32::MAX) + 1), None);
        assert_eq!(UserId::new(i64::from(i32::MAX)).unwrap().number(), i32::MAX as u32);
    }
}
