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
    Read = 45,
    Conversations = 47,
    Typing = 50,
    ConversationSet = 51,
    Block = 53,
    Blocked = 55,
    Edit = 57,
    Recall = 59,
    React = 61,
    Search = 63,
    Receipts = 65,
    GroupSet = 67,
    GroupRole = 69,
    GroupKick = 71,
    GroupBans = 73,
    GroupMute = 75,
    GroupInvite = 77,
    GroupAnswer = 79,
    GroupRequests = 81,
    Password = 83,
    Sessions = 85,
    Profile = 87,
    Erase = 89,
    Asked = 91,
}

/// Numbers of lines that only the server sends unasked.
pub mod push {
    /// A line that could not be attributed to a request.
    pub const ERROR: u16 = 19;
    /// Somebody has received or read up to somewhere.
    pub const RECEIPT: u16 = 46;
    /// Something happened that concerns the client: its `kind` says what.
    pub const NOTICE: u16 = 49;
}

impl MsgId {
    /// Every request there is, in the order of the numbers.
    pub const ALL: [Self; 46] = [
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
        Self::Read,
        Self::Conversations,
        Self::Typing,
        Self::ConversationSet,
        Self::Block,
        Self::Blocked,
        Self::Edit,
        Self::Recall,
        Self::React,
        Self::Search,
        Self::Receipts,
        Self::GroupSet,
        Self::GroupRole,
        Self::GroupKick,
        Self::GroupBans,
        Self::GroupMute,
        Self::GroupInvite,
        Self::GroupAnswer,
        Self::GroupRequests,
        Self::Password,
        Self::Sessions,
        Self::Profile,
        Self::Erase,
        Self::Asked,
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
            Self::Pong | Self::Delivered | Self::Read | Self::Typing => push::ERROR,
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
            Self::Conversations => 48,
            Self::ConversationSet => 52,
            Self::Block => 54,
            Self::Blocked => 56,
            Self::Edit => 58,
            Self::Recall => 60,
            Self::React => 62,
            Self::Search => 64,
            Self::Receipts => 66,
            Self::GroupSet => 68,
            Self::GroupRole => 70,
            Self::GroupKick => 72,
            Self::GroupBans => 74,
            Self::GroupMute => 76,
            Self::GroupInvite => 78,
            Self::GroupAnswer => 80,
            Self::GroupRequests => 82,
            Self::Password => 84,
            Self::Sessions => 86,
            Self::Profile => 88,
            Self::Erase => 90,
            Self::Asked => 92,
        }
    }

    /// The request that a reply of this number answers; `None` for ERROR, and for what is no reply.
    #[must_use]
    pub fn of_reply(number: i64) -> Option<Self> {
        let number = u16::try_from(number).ok().filter(|number| *number != push::ERROR)?;
        Self::ALL.into_iter().find(|id| id.reply() == number)
    }

    /// Whether `id` in the request names the sender, and so must be the session's own. Where it does not, it is a
    /// name to log in with, the peer of a conversation, or somebody else whom the request is about.
    #[must_use]
    pub fn id_is_sender(self) -> bool {
        !(matches!(self, Self::Login | Self::Register) || self.id_is_peer() || self.id_is_another())
    }

    fn id_is_peer(self) -> bool {
        use MsgId::{ConversationSet, Delivered, Edit, History, React, Read, Recall, Receipts, Search, Typing};
        matches!(
            self,
            Delivered | History | Read | Typing | ConversationSet | Edit | Recall | React | Search | Receipts
        )
    }

    fn id_is_another(self) -> bool {
        use MsgId::{Asked, Block, GroupAnswer, GroupInvite, GroupKick, GroupMute, GroupRole};
        matches!(self, Block | GroupRole | GroupKick | GroupMute | GroupInvite | GroupAnswer | Asked)
    }

    /// Whether it may have a `cid`, which its reply repeats whatever becomes of it: what takes a number in a conversation.
    #[must_use]
    pub fn has_cid(self) -> bool {
        matches!(self, Self::OneChat | Self::GroupChat | Self::Edit | Self::Recall | Self::React)
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
        assert!(MsgId::ALL.is_sorted_by_key(|id| id.number()));
        assert_eq!(MsgId::from_number(i64::from(push::RECEIPT)), None);
        assert_eq!(MsgId::from_number(0), None);
        assert_eq!(MsgId::from_number(-6), None);
        assert_eq!(MsgId::from_number(i64::MAX), None);
    }

    #[test]
    fn who_is_meant_by_id() {
        use MsgId::{Blocked, Conversations, Erase, GroupBans, GroupRequests, GroupSet, Password, Profile, Sessions};
        let own = MsgId::ALL.into_iter().filter(|id| id.number() > MsgId::History.number() && id.id_is_sender());
        let without_another: Vec<_> = own.collect();
        let expected = [Conversations, Blocked, GroupSet, GroupBans, GroupRequests, Password, Sessions, Profile, Erase];
        assert_eq!(without_another, expected);
        assert!(MsgId::OneChat.id_is_sender() && !MsgId::History.id_is_sender() && !MsgId::Login.id_is_sender());
    }
}
