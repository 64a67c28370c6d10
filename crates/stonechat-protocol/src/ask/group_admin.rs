//! Looking after a group.

use serde::ser::SerializeMap;

use super::{Page, optional};
use crate::body::{Join, ReadFrom, Role, Speak};
use crate::ids::{GroupId, UserId};
use crate::msg_id::MsgId;

/// A request about a group that is there, and its members.
#[derive(Clone, Copy, Debug)]
pub enum GroupAsk<'a> {
    /// GROUP_SET, answered with [`crate::body::OfGroup`].
    Set(GroupId, GroupSettings<'a>),
    /// GROUP_ROLE, answered with [`crate::body::OfMember`].
    Role {
        /// The group.
        group: GroupId,
        /// The member.
        user: UserId,
        /// What the member is from now on.
        role: Role,
    },
    /// GROUP_KICK, answered with [`crate::body::OfMember`].
    Kick {
        /// The group.
        group: GroupId,
        /// The member.
        user: UserId,
        /// Nor may the member come again.
        ban: bool,
    },
    /// GROUP_BANS: a page of who is banned, answered with [`crate::body::Users`].
    Bans(GroupId, Page<UserId>),
    /// GROUP_BANS with `lift`: that user may come again. Answered with the first page.
    LiftBan {
        /// The group.
        group: GroupId,
        /// Who.
        user: UserId,
    },
    /// GROUP_MUTE, answered with [`crate::body::OfMember`].
    Mute {
        /// The group.
        group: GroupId,
        /// The member.
        user: UserId,
        /// For how long; 0: the member may speak again.
        seconds: u32,
    },
    /// GROUP_INVITE, answered with [`crate::body::OfMember`].
    Invite {
        /// The group.
        group: GroupId,
        /// Who is invited.
        user: UserId,
    },
    /// GROUP_ANSWER: to one's own invitation; answered with [`crate::body::GroupJoined`] if it is accepted, and with
    /// [`crate::body::OfGroup`] if not. Or to a user's wish to join, answered with [`crate::body::OfMember`].
    Answer {
        /// The group.
        group: GroupId,
        /// Whose wish it is.
        user: Option<UserId>,
        /// Whether that one becomes a member.
        accept: bool,
    },
    /// GROUP_REQUESTS: a page of who wants to join, answered with [`crate::body::Users`].
    Requests(GroupId, Page<UserId>),
}

/// What a group is to be. What is `None` stays as it is; at least one is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupSettings<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// What it is about; may be empty.
    pub desc: Option<&'a str>,
    /// How one becomes a member.
    pub join: Option<Join>,
    /// Who may say something.
    pub speak: Option<Speak>,
    /// From where on new members read.
    pub history: Option<ReadFrom>,
}

impl GroupAsk<'_> {
    pub(super) fn msg_id(&self) -> MsgId {
        match self {
            Self::Set(..) => MsgId::GroupSet,
            Self::Role { .. } => MsgId::GroupRole,
            Self::Kick { .. } => MsgId::GroupKick,
            Self::Bans(..) | Self::LiftBan { .. } => MsgId::GroupBans,
            Self::Mute { .. } => MsgId::GroupMute,
            Self::Invite { .. } => MsgId::GroupInvite,
            Self::Answer { .. } => MsgId::GroupAnswer,
            Self::Requests(..) => MsgId::GroupRequests,
        }
    }

    fn group(&self) -> GroupId {
        match *self {
            Self::Set(group, _)
            | Self::Role { group, .. }
            | Self::Kick { group, .. }
            | Self::Bans(group, _)
            | Self::LiftBan { group, .. }
            | Self::Mute { group, .. }
            | Self::Invite { group, .. }
            | Self::Answer { group, .. }
            | Self::Requests(group, _) => group,
        }
    }

    pub(super) fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        line.serialize_entry("groupid", &self.group())?;
        match *self {
            Self::Set(_, settings) => settings.fields(line),
            Self::Role { user, role, .. } => {
                line.serialize_entry("id", &user)?;
                line.serialize_entry("role", &role)
            }
            Self::Kick { user, ban, .. } => {
                line.serialize_entry("id", &user)?;
                line.serialize_entry("ban", &ban)
            }
            Self::Bans(_, page) | Self::Requests(_, page) => page.fields(line),
            Self::LiftBan { user, .. } => line.serialize_entry("lift", &user),
            Self::Mute { user, seconds, .. } => {
                line.serialize_entry("id", &user)?;
                line.serialize_entry("seconds", &seconds)
            }
            Self::Invite { user, .. } => line.serialize_entry("id", &user),
            Self::Answer { user, accept, .. } => {
                optional(line, "id", user.as_ref())?;
                line.serialize_entry("accept", &accept)
            }
        }
    }
}

impl GroupSettings<'_> {
    fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        optional(line, "groupname", self.name.as_ref())?;
        optional(line, "groupdesc", self.desc.as_ref())?;
        optional(line, "join", self.join.as_ref())?;
        optional(line, "speak", self.speak.as_ref())?;
        optional(line, "history", self.history.as_ref())
    }
}
