//! Order in groups, and blocks, as the record keeps them.

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, GroupId, UserId};
use stonechat::store::rights::{Action, Denied, Rules, Standing, is_above, may};
use stonechat::store::{ActedOn, GroupRefusal, Person, Role, Ruled};

use super::Database;
use crate::plan::Bug;

impl Database {
    /// With which role somebody may do it; no mute keeps anybody from it.
    fn permit(&self, action: Action, by: UserId, group: GroupId) -> Ruled<Role> {
        let members = self.groups.get(&group).ok_or(GroupRefusal::NoSuchGroup)?;
        let standing = members.get(&by).copied().unwrap_or(Standing::STRANGER);
        match (may(action, standing, Rules::default(), UnixMs(i64::MAX)), standing.role) {
            (Ok(()), Some(role)) => Ok(role),
            (Err(Denied::NoMember), _) | (_, None) => Err(GroupRefusal::NoMember),
            (Err(Denied::Role | Denied::Muted(_)), _) => Err(GroupRefusal::NotAllowed),
            (Err(Denied::IsCreator), _) => Err(GroupRefusal::IsCreator),
        }
    }

    /// The member, if it is one, and below somebody with this role.
    fn below(&mut self, by: Role, group: GroupId, user: UserId) -> Ruled<Option<&mut Standing>> {
        let standing = self.groups.get_mut(&group).and_then(|members| members.get_mut(&user));
        match standing.as_ref().and_then(|standing| standing.role) {
            None => Ok(None),
            Some(role) if is_above(by, role) => Ok(standing),
            Some(_) => Err(GroupRefusal::NotAllowed),
        }
    }

    fn known(&self, user: UserId) -> Ruled<Person> {
        if self.users.contains_key(&user) { Ok(self.person(user)) } else { Err(GroupRefusal::NoSuchUser) }
    }

    pub fn kick(&mut self, by: UserId, group: GroupId, user: UserId) -> Ruled<ActedOn> {
        let role = self.permit(Action::Kick, by, group)?;
        self.below(role, group, user)?.ok_or(GroupRefusal::NotInGroup)?;
        self.remove(group, user);
        Ok(ActedOn { person: self.known(user)?, is_news: true })
    }

    pub fn ban(&mut self, by: UserId, group: GroupId, user: UserId) -> Ruled<ActedOn> {
        let role = self.permit(Action::Ban, by, group)?;
        let person = self.known(user)?;
        let is_news = self.below(role, group, user)?.is_some();
        self.bans.insert((group, user));
        if is_news {
            self.remove(group, user);
        }
        Ok(ActedOn { person, is_news })
    }

    fn remove(&mut self, group: GroupId, user: UserId) {
        if self.bug == Bug::KickKeepsMembership {
            return;
        }
        if let Some(standing) = self.groups.get_mut(&group).and_then(|members| members.remove(&user)) {
            self.has_left(user, group, standing);
        }
    }

    pub fn lift_ban(&mut self, by: UserId, group: GroupId, user: UserId) -> Ruled<()> {
        self.permit(Action::LiftBan, by, group)?;
        self.bans.remove(&(group, user));
        Ok(())
    }

    /// Who is banned.
    pub fn bans(&self, by: UserId, group: GroupId) -> Ruled<Vec<Person>> {
        self.permit(Action::LiftBan, by, group)?;
        let banned = self.bans.iter().filter(|(of, _)| *of == group);
        Ok(banned.map(|(_, user)| self.person(*user)).collect())
    }

    pub fn mute(&mut self, by: UserId, group: GroupId, user: UserId, until: UnixMs, now: UnixMs) -> Ruled<ActedOn> {
        let role = self.permit(Action::Mute, by, group)?;
        let standing = self.below(role, group, user)?.ok_or(GroupRefusal::NotInGroup)?;
        let was = if standing.muted_until > now { standing.muted_until } else { UnixMs(0) };
        standing.muted_until = if until > now { until } else { UnixMs(0) };
        let is_news = was != standing.muted_until;
        Ok(ActedOn { person: self.known(user)?, is_news })
    }

    /// Gives a member a role, but not the creator's.
    pub fn set_role(&mut self, by: UserId, group: GroupId, user: UserId, role: Role) -> Ruled<ActedOn> {
        self.permit(Action::SetRole, by, group)?;
        let person = self.known(user)?;
        let members = self.groups.get_mut(&group).ok_or(GroupRefusal::NoSuchGroup)?;
        let standing = members.get_mut(&user).ok_or(GroupRefusal::NotInGroup)?;
        let before = standing.role;
        if before == Some(role) {
            return Ok(ActedOn { person, is_news: false });
        }
        if before == Some(Role::Creator) {
            return Err(GroupRefusal::IsCreator);
        }
        standing.role = Some(role);
        if role == Role::Admin {
            // Whoever speaks for the group is not muted.
            standing.muted_until = UnixMs(0);
        }
        Ok(ActedOn { person, is_news: true })
    }

    /// Whether there is such a user.
    pub fn block(&mut self, user: UserId, other: UserId) -> bool {
        if !self.users.contains_key(&other) {
            return false;
        }
        self.ends.entry(ConvId::pair(user, other)).or_insert(0);
        self.blocks.insert((user, other));
        true
    }

    pub fn unblock(&mut self, user: UserId, other: UserId) -> bool {
        self.blocks.remove(&(user, other));
        self.users.contains_key(&other)
    }

    /// Whether somebody has blocked the user.
    pub fn is_blocked(&self, user: UserId) -> bool {
        self.blocks.iter().any(|(_, blocked)| *blocked == user)
    }

    /// Which of these users have blocked the viewer.
    pub fn blockers(&self, viewer: UserId, among: &[UserId]) -> Vec<UserId> {
        among.iter().copied().filter(|user| self.blocks.contains(&(*user, viewer))).collect()
    }
}
