//! What a request was for, until its reply comes.

use stonechat_protocol::body::{Friend, Group, NamedUser, SessionEntry};
use stonechat_protocol::ids::{GroupId, Peer, Seq, UserId};
use stonechat_protocol::time::UnixMs;

use super::Mark;
use super::message::What;
use crate::command::Command;

/// What a request was for.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Login,
    Register,
    Logout,
    Add,
    Delete(UserId),
    FriendRequest(UserId),
    Answer(UserId, Verdict),
    Create(String),
    Join(GroupId),
    Leave(GroupId),
    DeleteGroup(GroupId),
    /// A page of the list; those before it are here.
    Friends(Vec<Friend>),
    /// Likewise.
    Groups(Vec<Group>),
    Who(GroupId),
    Find,
    /// Find out who is meant, then do it.
    Resolve(String, Box<Command>, UnixMs),
    /// What was pushed up to the number is in the answer.
    History(Peer, Seq),
    /// The same, to count the reactions to some messages.
    Counts(Peer, Seq),
    /// What the server has where the last message seen was.
    LastSeen(Peer, Mark),
    /// How the conversations are.
    Conversations,
    /// Something has been done to a message.
    Change(Peer, Seq, What),
    Seen(Peer, Seq),
    Search(u64),
    /// A page of users, behind this sentence; those before it are here.
    Users(UserList, Vec<NamedUser>),
    Sessions(Vec<SessionEntry>),
    /// One's own name or profile.
    Profile,
    Erase,
    /// What one has asked for.
    OwnRequests,
    Flags(Peer),
    /// All that is to happen when it is done: somebody is told so.
    Done(String),
    /// The same; friends, or groups, may be others now.
    DoneToFriends(String),
    DoneToGroups(String),
    Ping,
}

/// The answer to a friend request, or to an invitation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Yes,
    No,
}

/// A list of users.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum UserList {
    Blocked,
    Bans(GroupId),
    Requests(GroupId),
}

impl Asked {
    /// It was to change something: without an answer nobody knows whether it has.
    pub(super) fn changes_something(&self) -> bool {
        matches!(
            self,
            Self::Add
                | Self::Delete(_)
                | Self::FriendRequest(_)
                | Self::Answer(..)
                | Self::Create(_)
                | Self::Join(_)
                | Self::Leave(_)
                | Self::DeleteGroup(_)
                | Self::Change(..)
                | Self::Profile
                | Self::Erase
                | Self::Done(_)
                | Self::DoneToFriends(_)
                | Self::DoneToGroups(_)
        )
    }

    /// Nobody waits for the answer.
    pub(super) fn is_in_background(&self) -> bool {
        matches!(
            self,
            Self::Ping
                | Self::Friends(_)
                | Self::Groups(_)
                | Self::LastSeen(..)
                | Self::Counts(..)
                | Self::Conversations
        )
    }
}
