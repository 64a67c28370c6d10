//! Friends, groups, and who has asked to be a friend. The server's lists are the truth; this is their last copy.

use std::collections::BTreeMap;

use stonechat_protocol::body::{self, Group, Presence};
use stonechat_protocol::ids::{GroupId, Peer, UserId};

/// A friend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Friend {
    pub(crate) name: String,
    pub(crate) presence: Presence,
}

/// Who asks to be a friend, and with what words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Asking {
    pub(crate) name: String,
    pub(crate) words: String,
}

/// The people and groups of an account.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    pub(crate) friends: BTreeMap<UserId, Friend>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) asking: BTreeMap<UserId, Asking>,
}

impl Roster {
    /// Takes the server's list of friends.
    pub(crate) fn set_friends(&mut self, friends: Vec<body::Friend>) {
        let entry = |friend: body::Friend| (friend.id, Friend { name: friend.name, presence: friend.state });
        self.friends = friends.into_iter().map(entry).collect();
        self.asking.retain(|user, _| !self.friends.contains_key(user));
    }

    /// Takes the server's list of groups.
    pub(crate) fn set_groups(&mut self, groups: Vec<Group>) {
        self.groups = groups.into_iter().map(|group| (group.id, group)).collect();
    }

    /// The name of a friend, of a member of a group one is in, or of a group.
    pub(crate) fn name(&self, peer: Peer) -> Option<&str> {
        match peer {
            Peer::Group(group) => self.groups.get(&group).map(|group| group.groupname.as_str()),
            Peer::User(user) => {
                let friend = self.friends.get(&user).map(|friend| friend.name.as_str());
                friend
                    .or_else(|| self.asking.get(&user).map(|asking| asking.name.as_str()))
                    .or_else(|| self.member(user))
            }
        }
    }

    fn member(&self, user: UserId) -> Option<&str> {
        let mut members = self.groups.values().flat_map(|group| &group.users);
        members.find(|member| member.id == user).map(|member| member.name.as_str())
    }

    /// Every user and group with a name known here.
    pub(crate) fn names(&self) -> impl Iterator<Item = (Peer, &str)> {
        let friends = self.friends.iter().map(|(user, friend)| (Peer::User(*user), friend.name.as_str()));
        let asking = self.asking.iter().map(|(user, asking)| (Peer::User(*user), asking.name.as_str()));
        let groups = self.groups.iter().map(|(group, entry)| (Peer::Group(*group), entry.groupname.as_str()));
        let members = self.groups.values().flat_map(|group| &group.users);
        let members = members.map(|member| (Peer::User(member.id), member.name.as_str()));
        friends.chain(asking).chain(groups).chain(members)
    }
}
