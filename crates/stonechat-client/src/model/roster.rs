//! Friends, groups, and who has asked to be a friend. The server's lists are the truth; this is their last copy.

use std::collections::BTreeMap;

use stonechat_protocol::ids::{GroupId, Peer, UserId};

use crate::wire::{Group, Person};

/// Whether somebody is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    Online,
    Offline,
}

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
    pub(crate) fn set_friends(&mut self, friends: Vec<Person>) {
        self.friends =
            friends.into_iter().filter_map(|person| Some((UserId::new(person.id)?, friend(person)))).collect();
        self.asking.retain(|user, _| !self.friends.contains_key(user));
    }

    /// Takes the server's list of groups.
    pub(crate) fn set_groups(&mut self, groups: Vec<Group>) {
        self.groups = groups.into_iter().filter_map(|group| Some((GroupId::new(group.id)?, group))).collect();
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
        members.find(|member| member.id == i64::from(user.number())).map(|member| member.name.as_str())
    }

    /// Every user and group with a name known here.
    pub(crate) fn names(&self) -> impl Iterator<Item = (Peer, &str)> {
        let friends = self.friends.iter().map(|(user, friend)| (Peer::User(*user), friend.name.as_str()));
        let asking = self.asking.iter().map(|(user, asking)| (Peer::User(*user), asking.name.as_str()));
        let groups = self.groups.iter().map(|(group, entry)| (Peer::Group(*group), entry.groupname.as_str()));
        let members = self.groups.values().flat_map(|group| &group.users);
        let members = members.filter_map(|member| Some((Peer::User(UserId::new(member.id)?), member.name.as_str())));
        friends.chain(asking).chain(groups).chain(members)
    }
}

fn friend(person: Person) -> Friend {
    Friend { presence: presence(&person.state), name: person.name }
}

/// The wire's word for it; a word that nobody knows is `offline`.
pub(crate) fn presence(state: &str) -> Presence {
    if state == "online" { Presence::Online } else { Presence::Offline }
}
