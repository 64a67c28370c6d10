//! What keeping order in a group takes and finds: settings, changes, refusals. No SQL, and nothing that acts.

use super::rights::Joining;
use super::rows::{Person, Quota, Role};
use crate::clock::UnixMs;
use crate::ids::{GroupId, Seq};

/// Who speaks in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Speaking {
    /// All members.
    #[default]
    All,
    /// Creator and admins.
    Admins,
}

/// What new members of a group read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PastShown {
    /// All that was ever said.
    #[default]
    All,
    /// What is said from their joining on.
    SinceJoining,
}

/// How a group is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupSettings {
    /// Who comes in.
    pub joining: Joining,
    /// Who speaks.
    pub speaking: Speaking,
    /// What new members read.
    pub past: PastShown,
}

/// What is to become different of a group; `None` stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupChange<'a> {
    /// Its name.
    pub name: Option<&'a str>,
    /// What it is about.
    pub desc: Option<&'a str>,
    /// Who comes in.
    pub joining: Option<Joining>,
    /// Who speaks.
    pub speaking: Option<Speaking>,
    /// What new members read.
    pub past: Option<PastShown>,
    /// No other group takes the name that this one gives up before this moment.
    pub old_name_until: UnixMs,
}

/// A group, and as what one is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnGroup {
    /// The group.
    pub group: GroupRow,
    /// One's own role.
    pub role: Role,
}

/// A change of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupChanged {
    /// As it is now.
    pub group: GroupRow,
    /// It was different before.
    pub is_news: bool,
}

/// Something was done to somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActedOn {
    /// To whom.
    pub person: Person,
    /// It was different before: members are told.
    pub is_news: bool,
}

/// Somebody has come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LetIn {
    /// Who.
    pub person: Person,
    /// The group.
    pub group: GroupRow,
    /// The conversation's last message at that moment: all of the user's devices stand there.
    pub last_seq: Seq,
}

/// Why somebody may not do it in a group, or cannot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupRefusal {
    /// There is no such group.
    NoSuchGroup,
    /// Who asks is no member.
    NoMember,
    /// A member, but the role is not enough: see [`super::rights`].
    NotAllowed,
    /// There is no such user.
    NoSuchUser,
    /// The other one is no member.
    NotInGroup,
    /// The other one is a member already.
    IsMember,
    /// It is the creator's role, which only handing the group over changes.
    IsCreator,
    /// That user is banned from the group.
    IsBanned,
    /// The other one has blocked who asks.
    IsBlocked,
    /// There is no invitation, or no wish, to answer.
    NothingToAnswer,
    /// Another group has this name, or had it until lately.
    NameTaken,
    /// Nothing was changed: there are as many as a quota allows.
    Full(Quota),
}

/// What was done, or why not.
pub type Ruled<T> = std::result::Result<T, GroupRefusal>;

/// An invitation to a group that is not answered yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupInvitation {
    /// Who invites.
    pub from: Person,
    /// Where to.
    pub group: GroupId,
    /// The group's name.
    pub name: String,
}

/// What a user waits for in a group, or a group waits for of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenGroupAsk {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// Who invites the user; `None`: the user wants to come in.
    pub invited_by: Option<Person>,
    /// Since when.
    pub asked_at: UnixMs,
}

/// A group without its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRow {
    /// The group's id.
    pub id: GroupId,
    /// Its name, unique among groups without regard to case.
    pub name: String,
    /// What it is about.
    pub desc: String,
    /// How it is kept.
    pub settings: GroupSettings,
}

/// What joining a group found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinOutcome {
    /// The user is a member now; the cursors of all the user's devices stand at `last_seq`.
    New {
        /// The group.
        group: GroupRow,
        /// The conversation's last message when the user joined.
        last_seq: Seq,
    },
    /// The user was a member before; nothing was changed.
    Already(OwnGroup),
    /// The user waits to be let in.
    Waiting {
        /// The group.
        group: GroupRow,
        /// The user did not wait before.
        is_news: bool,
    },
    /// One has to be invited.
    InviteOnly,
    /// The user is banned from it.
    Banned,
    /// There is no such group.
    NoSuchGroup,
    /// Nothing was changed: there are as many as a quota allows.
    Full(Quota),
}
