//! The message numbers, in one place. They are frozen: existing clients use them.

/// A request as a client may send it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u16)]
#[expect(missing_docs, reason = "docs/protocol.md describes each")]
pub enum MsgId {
    Login = 1,
    Logout = 3,
    Register = 4,
    OneChat = 6,
    AddFriend = 7,
    CreateGroup = 8,
    AddGroup = 9,
    GroupChat = 10,
    Ping = 17,
    Pong = 18,
    Delivered = 20,
    DelFriend = 21,
    QuitGroup = 23,
    DelGroup = 25,
    Friends = 27,
    Groups = 29,
    Find = 31,
    Offline = 33,
    FriendRequest = 35,
    FriendAnswer = 37,
    Account = 41,
    History = 43,
}

/// Numbers of lines that only the server sends unasked.
pub mod push {
    /// A line that could not be attributed to a request.
    pub const ERROR: u16 = 19;
    /// Something happened that concerns the client: its `kind` says what.
    pub const NOTICE: u16 = 49;
}

impl MsgId {
    /// Every request there is, in the order of the numbers.
    pub const ALL: [Self; 22] = [
        Self::Login,
        Self::Logout,
        Self::Register,
        Self::OneChat,
        Self::AddFriend,
        Self::CreateGroup,
        Self::AddGroup,
        Self::GroupChat,
        Self::Ping,
        Self::Pong,
        Self::Delivered,
        Self::DelFriend,
        Self::QuitGroup,
        Self::DelGroup,
        Self::Friends,
        Self::Groups,
        Self::Find,
        Self::Offline,
        Self::FriendRequest,
        Self::FriendAnswer,
        Self::Account,
        Self::History,
    ];

    /// The request with this number; `None` for numbers of replies, of pushes and unknown ones.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|id| i64::from(id.number()) == number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The number of its reply; an ERROR for requests that have none.
    #[must_use]
    pub const fn reply(self) -> u16 {
        match self {
            Self::Login => 2,
            Self::Logout => 16,
            Self::Register => 5,
            Self::OneChat => 11,
            Self::GroupChat => 12,
            Self::AddFriend => 13,
            Self::CreateGroup => 14,
            Self::AddGroup => 15,
            Self::Ping => 18,
            Self::Pong | Self::Delivered => push::ERROR,
            Self::DelFriend => 22,
            Self::QuitGroup => 24,
            Self::DelGroup => 26,
            Self::Friends => 28,
            Self::Groups => 30,
            Self::Find => 32,
            Self::Offline => 34,
            Self::FriendRequest => 36,
            Self::FriendAnswer => 38,
            Self::Account => 42,
            Self::History => 44,
        }
    }

    /// The request that a reply of this number answers; `None` for ERROR, and for what is no reply.
    #[must_use]
    pub fn of_reply(number: i64) -> Option<Self> {
        let number = u16::try_from(number).ok().filter(|number| *number != push::ERROR)?;
        Self::ALL.into_iter().find(|id| id.reply() == number)
    }

    /// Whether `id` in the request names the sender, and so must be the session's own. Where it does not, it is a
    /// name to log in with, or the peer of a conversation.
    #[must_use]
    pub fn id_is_sender(self) -> bool {
        !matches!(self, Self::Login | Self::Register | Self::Delivered | Self::History)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_replies_are_no_requests() {
        for id in MsgId::ALL {
            assert_eq!(MsgId::from_number(i64::from(id.number())), Some(id));
            let answered = MsgId::of_reply(i64::from(id.reply()));
            assert_eq!(answered, (id.reply() != push::ERROR).then_some(id));
            if id != MsgId::Ping {
                assert_eq!(MsgId::from_number(i64::from(id.reply())), None, "{id:?}");
            }
        }
        assert_eq!(MsgId::from_number(0), None);
        assert_eq!(MsgId::from_number(-6), None);
        assert_eq!(MsgId::from_number(i64::MAX), None);
    }
}
