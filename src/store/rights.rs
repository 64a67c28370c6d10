//! Who may do what: one table from standing and the conversation's rules to action. Pure; asked inside the transaction that does
//! it, under the lock of the conversation's row, so that nothing goes through behind an acknowledged change.
//!
//! ```text
//!   Action x Standing (role, mute) x Rules  --may-->  Ok, or why not
//! ```
//!
//! docs/protocol.md has the table for people.

use super::rows::Role;
use crate::clock::UnixMs;
use crate::ids::{ConvId, Members, UserId};

/// Who may do what in a conversation, as bits of `Conversation.rules`: read with its last number, at no further cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rules(pub(super) i64);

impl Rules {
    /// Of a pair: the user with the lower id has blocked the other.
    const LOWER_BLOCKS: i64 = 1;
    /// Of a pair: the user with the higher id has blocked the other.
    const HIGHER_BLOCKS: i64 = 2;
    /// Of a pair: one of the two is erased.
    pub(super) const ERASED: i64 = 4;
    /// Of a group: only creator and admins speak.
    pub(super) const ADMINS_SPEAK: i64 = 8;

    /// The bit that says that `user` has blocked the other one of a pair.
    #[must_use]
    pub(super) fn block_of(user: UserId, other: UserId) -> i64 {
        if user < other { Self::LOWER_BLOCKS } else { Self::HIGHER_BLOCKS }
    }

    /// Whether `user` has blocked the other one of the pair.
    #[must_use]
    pub fn has_blocked(self, conv: ConvId, user: UserId) -> bool {
        match conv.members() {
            Some(Members::Pair(low, high)) if user == low => self.0 & Self::block_of(low, high) != 0,
            Some(Members::Pair(low, high)) if user == high => self.0 & Self::block_of(high, low) != 0,
            _ => false,
        }
    }

    /// Whether either has blocked the other.
    #[must_use]
    pub fn is_blocked(self) -> bool {
        self.0 & (Self::LOWER_BLOCKS | Self::HIGHER_BLOCKS) != 0
    }

    /// Whether one of the two is erased.
    #[must_use]
    pub fn is_erased(self) -> bool {
        self.0 & Self::ERASED != 0
    }

    /// Whether only creator and admins speak.
    #[must_use]
    pub fn only_admins_speak(self) -> bool {
        self.0 & Self::ADMINS_SPEAK != 0
    }
}

/// What somebody wants to do in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// To say something.
    Speak,
    /// To edit what one has said.
    Edit,
    /// To react, or to take that back.
    React,
    /// To recall what one has said.
    Recall,
    /// To recall what another has said.
    RecallOthers,
    /// To change name, description or settings.
    Set,
    /// To make somebody an admin, or no admin.
    SetRole,
    /// To hand the group over.
    HandOver,
    /// To remove a member, with or without a ban.
    Kick,
    /// To forbid somebody who is no member to come in.
    Ban,
    /// To see the bans, and to lift one.
    LiftBan,
    /// To forbid a member to speak for a time, or to lift that.
    Mute,
    /// To invite somebody; whether that is left to admins is the group's setting.
    Invite(Joining),
    /// To see who wants to come in, and to answer.
    Admit,
    /// To delete the group.
    Delete,
    /// To leave it.
    Quit,
}

impl Action {
    /// Every action, for tests and for docs/protocol.md's table.
    #[cfg(test)]
    const ALL: [Self; 18] = [
        Self::Speak,
        Self::Edit,
        Self::React,
        Self::Recall,
        Self::RecallOthers,
        Self::Set,
        Self::SetRole,
        Self::HandOver,
        Self::Kick,
        Self::Ban,
        Self::LiftBan,
        Self::Mute,
        Self::Invite(Joining::Open),
        Self::Invite(Joining::Ask),
        Self::Invite(Joining::Invite),
        Self::Admit,
        Self::Delete,
        Self::Quit,
    ];
}

/// Who may come into a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Joining {
    /// Whoever wants to.
    #[default]
    Open,
    /// Who has asked, and was let in.
    Ask,
    /// Who was invited.
    Invite,
}

/// What somebody is in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// As what; `None`: no member.
    pub role: Option<Role>,
    /// Says nothing before this moment.
    pub muted_until: UnixMs,
}

impl Standing {
    /// Somebody who is no member.
    pub const STRANGER: Self = Self { role: None, muted_until: UnixMs(0) };
}

/// Why somebody may not do it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// No member.
    NoMember,
    /// A member, but the role is not enough.
    Role,
    /// Muted until then.
    Muted(UnixMs),
    /// The creator cannot quit: the group would be nobody's.
    IsCreator,
}

/// Whether somebody may do it in a group with these rules, at `now`.
///
/// # Errors
/// Why not.
pub fn may(action: Action, who: Standing, rules: Rules, now: UnixMs) -> Result<(), Denied> {
    let Some(role) = who.role else { return Err(Denied::NoMember) };
    let is_admin = matches!(role, Role::Creator | Role::Admin);
    let is_muted = who.muted_until > now;
    let allowed = match action {
        Action::Speak | Action::Edit | Action::React | Action::Recall | Action::RecallOthers if is_muted => {
            return Err(Denied::Muted(who.muted_until));
        }
        Action::Speak | Action::Edit => is_admin || !rules.only_admins_speak(),
        Action::RecallOthers
        | Action::Set
        | Action::Kick
        | Action::Ban
        | Action::LiftBan
        | Action::Mute
        | Action::Admit
        | Action::Invite(Joining::Ask | Joining::Invite) => is_admin,
        Action::SetRole | Action::HandOver | Action::Delete => role == Role::Creator,
        Action::Quit if role == Role::Creator => return Err(Denied::IsCreator),
        Action::React | Action::Recall | Action::Invite(Joining::Open) | Action::Quit => true,
    };
    if allowed { Ok(()) } else { Err(Denied::Role) }
}

/// Whether somebody with the role `who` may act on a member with the role `whom` (kick, mute): downwards only.
#[must_use]
pub fn is_above(who: Role, whom: Role) -> bool {
    rank(who) > rank(whom)
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Normal => 0,
        Role::Admin => 1,
        Role::Creator => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_000);

    fn of(role: Role) -> Standing {
        Standing { role: Some(role), muted_until: UnixMs(0) }
    }

    /// The table of docs/protocol.md, written out: creator, admin, member; then a member where only admins speak.
    #[test]
    fn the_table_is_what_the_protocol_says() {
        let no = Err(Denied::Role);
        for (action, creator, admin, member, hushed) in [
            (Action::Speak, Ok(()), Ok(()), Ok(()), no),
            (Action::Edit, Ok(()), Ok(()), Ok(()), no),
            (Action::React, Ok(()), Ok(()), Ok(()), Ok(())),
            (Action::Recall, Ok(()), Ok(()), Ok(()), Ok(())),
            (Action::RecallOthers, Ok(()), Ok(()), no, no),
            (Action::Set, Ok(()), Ok(()), no, no),
            (Action::SetRole, Ok(()), no, no, no),
            (Action::HandOver, Ok(()), no, no, no),
            (Action::Kick, Ok(()), Ok(()), no, no),
            (Action::Ban, Ok(()), Ok(()), no, no),
            (Action::LiftBan, Ok(()), Ok(()), no, no),
            (Action::Mute, Ok(()), Ok(()), no, no),
            (Action::Invite(Joining::Open), Ok(()), Ok(()), Ok(()), Ok(())),
            (Action::Invite(Joining::Ask), Ok(()), Ok(()), no, no),
            (Action::Invite(Joining::Invite), Ok(()), Ok(()), no, no),
            (Action::Admit, Ok(()), Ok(()), no, no),
            (Action::Delete, Ok(()), no, no, no),
            (Action::Quit, Err(Denied::IsCreator), Ok(()), Ok(()), Ok(())),
        ] {
            let open = Rules::default();
            let hush = Rules(Rules::ADMINS_SPEAK);
            for rules in [open, hush] {
                assert_eq!(may(action, of(Role::Creator), rules, NOW), creator, "{action:?} of the creator");
                assert_eq!(may(action, of(Role::Admin), rules, NOW), admin, "{action:?} of an admin");
                assert_eq!(may(action, Standing::STRANGER, rules, NOW), Err(Denied::NoMember), "{action:?}");
            }
            assert_eq!(may(action, of(Role::Normal), open, NOW), member, "{action:?} of a member");
            assert_eq!(may(action, of(Role::Normal), hush, NOW), hushed, "{action:?} where only admins speak");
        }
    }

    #[test]
    fn a_mute_holds_for_what_others_would_hear_until_it_ends() {
        let heard = [Action::Speak, Action::Edit, Action::React, Action::Recall, Action::RecallOthers];
        for action in Action::ALL {
            for role in [Role::Creator, Role::Admin, Role::Normal] {
                let muted = Standing { role: Some(role), muted_until: UnixMs(1_001) };
                let over = Standing { muted_until: NOW, ..muted };
                let unmuted = may(action, of(role), Rules::default(), NOW);
                let told = may(action, muted, Rules::default(), NOW);
                if heard.contains(&action) {
                    assert_eq!(told, Err(Denied::Muted(UnixMs(1_001))), "{action:?} of a muted {role:?}");
                } else {
                    assert_eq!(told, unmuted, "{action:?} of a muted {role:?}");
                }
                assert_eq!(may(action, over, Rules::default(), NOW), unmuted);
            }
        }
    }

    #[test]
    fn one_acts_downwards_only() {
        let order = [Role::Normal, Role::Admin, Role::Creator];
        for (low, who) in order.into_iter().enumerate() {
            for (high, whom) in order.into_iter().enumerate() {
                assert_eq!(is_above(who, whom), low > high, "{who:?} on {whom:?}");
            }
        }
    }

    #[test]
    fn a_block_is_the_blockers() {
        let user = |number| UserId::new(number).unwrap();
        let conv = ConvId::pair(user(3), user(9));
        let rules = Rules(Rules::block_of(user(9), user(3)));
        assert!(rules.has_blocked(conv, user(9)) && !rules.has_blocked(conv, user(3)) && rules.is_blocked());
        let rules = Rules(Rules::block_of(user(3), user(9)) | Rules::ERASED);
        assert!(rules.has_blocked(conv, user(3)) && !rules.has_blocked(conv, user(9)) && rules.is_erased());
        assert!(!rules.has_blocked(conv, user(4)) && !Rules::default().is_blocked());
    }
}
