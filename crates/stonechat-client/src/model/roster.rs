//! Friends, groups, and who has asked for something. The server's lists are the truth; this is their last copy.

use std::collections::BTreeMap;

use stonechat_protocol::body::{self, Group, Presence};
use stonechat_protocol::ids::{GroupId, Peer, UserId};

use super::account::about;

/// A friend.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Friend {
    pub(crate) name: String,
    pub(crate) presence: Presence,
    /// Some words that the friend says about oneself.
    pub(crate) about: Option<String>,
}

/// Who asks to be a friend, and with what words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Asking {
    pub(crate) name: String,
    pub(crate) words: String,
}

/// An invitation to a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Invitation {
    pub(crate) groupname: String,
    /// Who invites.
    pub(crate) by: String,
}

/// The people and groups of an account.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    pub(crate) friends: BTreeMap<UserId, Friend>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) asking: BTreeMap<UserId, Asking>,
    pub(crate) invited: BTreeMap<GroupId, Invitation>,
    /// Who wants to join which group, with the name; as far as it is known.
    pub(crate) joining: BTreeMap<(GroupId, UserId), String>,
}

impl Roster {
    /// Takes the server's list of friends.
    pub(crate) fn set_friends(&mut self, friends: Vec<body::Friend>) {
        let entry = |friend: body::Friend| {
            let about = about(friend.ext.as_ref());
            (friend.id, Friend { name: friend.name, presence: friend.state, about })
        };
        self.friends = friends.into_iter().map(entry).collect();
        self.asking.retain(|user, _| !self.friends.contains_key(user));
    }

    /// Takes the server's list of groups.
    pub(crate) fn set_groups(&mut self, groups: Vec<Group>) {
        self.groups = groups.into_iter().map(|group| (group.id, group)).collect();
        self.invited.retain(|group, _| !self.groups.contains_key(group));
    }

    /// The name of a friend, of a member of a group one is in, or of a group.
    pub(crate) fn name(&self, peer: Peer) -> Option<&str> {
        match peer {
            Peer::Group(group) => {
                let entry = self.groups.get(&group).map(|group| group.groupname.as_str());
                entry.or_else(|| self.invited.get(&group).map(|invitation| invitation.groupname.as_str()))
            }
            Peer::User(user) => {
                let friend = self.friends.get(&user).map(|friend| friend.name.as_str());
                friend
                    .or_else(|| self.asking.get(&user).map(|asking| asking.name.as_str()))
                    .or_else(|| self.member(user))
                    .or_else(|| self.joining.iter().find(|((_, who), _)| *who == user).map(|(_, name)| name.as_str()))
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
        let invited = self.invited.iter().map(|(group, entry)| (Peer::Group(*group), entry.groupname.as_str()));
        let joining = self.joining.iter().map(|((_, user), name)| (Peer::User(*user), name.as_str()));
        friends.chain(asking).chain(groups).chain(members).chain(invited).chain(joining)
    }
}
