//! Looking after a group, and the way into one that is not open to everybody.

use stonechat_protocol::ask::{Ask, GroupAsk, GroupSettings, Page};
use stonechat_protocol::body::{GroupJoined, Join, ReadFrom, Role, Speak};
use stonechat_protocol::ids::{GroupId, Peer, UserId};
use stonechat_protocol::incoming::{GroupInvite, Reply, ReplyError};
use stonechat_protocol::reply::Notice;

use super::asked::{Asked, UserList, Verdict};
use super::orders::user_of;
use super::roster::Invitation;
use super::{Model, News};
use crate::command::{MemberOrder, Setting, Target, spelled};

/// What a user hears who names no group.
const WHICH: &str = "in which group? Open it first: /chat #NAME";

impl Model {
    fn open_group(&self) -> Option<GroupId> {
        match self.open {
            Some(Peer::Group(group)) => Some(group),
            _ => None,
        }
    }

    /// Does something about a user in the open group.
    pub(super) fn member_order(&mut self, target: &Target, order: MemberOrder) {
        let Some(user) = user_of(target) else { return };
        let Some(group) = self.open_group() else { return self.tell(News::Refused(WHICH.to_owned())) };
        let (name, place) = (self.title(Peer::User(user)), self.title(Peer::Group(group)));
        let (request, done) = match order {
            MemberOrder::Invite => (GroupAsk::Invite { group, user }, format!("{name} is invited to {place}")),
            MemberOrder::Kick => {
                (GroupAsk::Kick { group, user, ban: false }, format!("{name} is no member of {place} now"))
            }
            MemberOrder::Ban => (
                GroupAsk::Kick { group, user, ban: true },
                format!("{name} is no member of {place} now, and may not come again"),
            ),
            MemberOrder::Unban => (GroupAsk::LiftBan { group, user }, format!("{name} may come to {place} again")),
            MemberOrder::Mute(0) => {
                (GroupAsk::Mute { group, user, seconds: 0 }, format!("{name} may speak in {place} again"))
            }
            MemberOrder::Mute(seconds) => (
                GroupAsk::Mute { group, user, seconds },
                format!("{name} may not speak in {place} for {}", span(seconds)),
            ),
            MemberOrder::Role(role) => {
                (GroupAsk::Role { group, user, role }, format!("{name} is {} in {place} now", called(role)))
            }
        };
        let asked = match order {
            MemberOrder::Kick | MemberOrder::Ban | MemberOrder::Role(_) => Asked::DoneToGroups(done),
            _ => Asked::Done(done),
        };
        self.ask_or_say(asked, Ask::Group(request));
    }

    /// Makes the open group something else.
    pub(super) fn set_group(&mut self, setting: &Setting) {
        let Some(group) = self.open_group() else { return self.tell(News::Refused(WHICH.to_owned())) };
        let mut settings = GroupSettings::default();
        match setting {
            Setting::Name(name) => settings.name = Some(name),
            Setting::About(about) => settings.desc = Some(about),
            Setting::Join(join) => settings.join = Some(*join),
            Setting::Speak(speak) => settings.speak = Some(*speak),
            Setting::History(history) => settings.history = Some(*history),
        }
        let done = format!("{} is changed", self.title(Peer::Group(group)));
        self.ask_or_say(Asked::DoneToGroups(done), Ask::Group(GroupAsk::Set(group, settings)));
    }

    pub(super) fn list_bans(&mut self) {
        let Some(group) = self.open_group() else { return self.tell(News::Refused(WHICH.to_owned())) };
        let request = GroupAsk::Bans(group, Page::default());
        self.ask_or_say(Asked::Users(UserList::Bans(group), Vec::new()), Ask::Group(request));
    }

    /// Who wants to join the open group, if one may know.
    pub(super) fn list_joining(&mut self) {
        let Some(group) = self.open_group() else { return };
        let entry = self.roster.groups.get(&group);
        if entry.is_some_and(|entry| entry.role != Role::Normal) {
            let request = GroupAsk::Requests(group, Page::default());
            self.ask_or_say(Asked::Users(UserList::Requests(group), Vec::new()), Ask::Group(request));
        }
    }

    /// Says yes or no to an invitation.
    pub(super) fn answer_invitation(&mut self, group: GroupId, verdict: Verdict) {
        let request = Ask::Group(GroupAsk::Answer { group, user: None, accept: verdict == Verdict::Yes });
        let place = self.title(Peer::Group(group));
        let asked = match verdict {
            Verdict::Yes => Asked::Join(group),
            Verdict::No => Asked::Done(format!("the invitation to {place} is declined")),
        };
        if self.is_asked_or_says(asked, request) {
            self.roster.invited.remove(&group);
        }
    }

    /// Says yes or no to a user who wants to join the open group; `false` if this one does not.
    pub(super) fn answer_joining(&mut self, user: UserId, verdict: Verdict) -> bool {
        let Some(group) = self.open_group() else { return false };
        if !self.roster.joining.contains_key(&(group, user)) {
            return false;
        }
        let (name, place) = (self.title(Peer::User(user)), self.title(Peer::Group(group)));
        let accept = verdict == Verdict::Yes;
        let done = if accept { "is a member of" } else { "is not let into" };
        let asked = Asked::DoneToGroups(format!("{name} {done} {place}"));
        if self.is_asked_or_says(asked, Ask::Group(GroupAsk::Answer { group, user: Some(user), accept })) {
            self.roster.joining.remove(&(group, user));
        }
        true
    }

    /// One is in, or one has asked to be.
    pub(super) fn join_answered(&mut self, group: GroupId, reply: &Reply<'_>) -> Result<(), ReplyError> {
        let joined: GroupJoined = reply.body()?;
        if joined.waiting {
            let name = joined.groupname;
            self.chat_title_if_none(Peer::Group(group), &name);
            self.says(format!("{name} is asked: somebody who looks after it has to let you in"));
            return Ok(());
        }
        self.group_joined(joined);
        Ok(())
    }

    fn chat_title_if_none(&mut self, peer: Peer, name: &str) {
        if let Some(chat) = self.chats.get_mut(&peer).filter(|chat| chat.title.is_empty()) {
            name.clone_into(&mut chat.title);
        }
    }

    pub(super) fn invited(&mut self, invite: GroupInvite) {
        let GroupInvite { name, groupid: group, groupname, .. } = invite;
        let typed = spelled(&groupname);
        self.says(format!("{name} invites you to the group {groupname} (/accept #{typed} or /decline #{typed})"));
        self.roster.invited.insert(group, Invitation { groupname, by: name });
    }

    /// What has happened to a group that one is in.
    pub(super) fn group_noticed(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::GroupChanged { groupid, groupname, join, speak, history, .. } => {
                let text = format!("{groupname} is changed: {}", described(*join, *speak, *history));
                self.groups_changed(text);
                self.chat_mut(Peer::Group(*groupid)).title = groupname.clone().into_owned();
            }
            Notice::GroupRole { groupid, id, name, role } => {
                let (who, place) = (self.you_or(*id, name), self.title(Peer::Group(*groupid)));
                self.groups_changed(format!("{who} {} in {place} now", called(*role)));
            }
            Notice::GroupMuted { groupid, id, until } => {
                let name = self.title(Peer::User(*id));
                let (who, place) = (self.you_or(*id, &name), self.title(Peer::Group(*groupid)));
                self.says(match until {
                    Some(until) => format!("{who} silenced in {place} until {}", super::stamp(*until)),
                    None => format!("{who} free to speak in {place} again"),
                });
            }
            Notice::GroupAsked { groupid, id, name } => {
                let (place, typed) = (self.title(Peer::Group(*groupid)), spelled(name));
                self.says(format!("{name} wants to join {place} (there: /accept {typed} or /decline {typed})"));
                self.roster.joining.insert((*groupid, *id), name.clone().into_owned());
            }
            _ => {}
        }
    }

    /// "you are", "ben is".
    fn you_or(&self, user: UserId, name: &str) -> String {
        if Some(user) == self.account.id { "you are".to_owned() } else { format!("{name} is") }
    }
}

/// What a role is called.
pub(super) fn called(role: Role) -> &'static str {
    match role {
        Role::Creator => "the creator",
        Role::Admin => "an admin",
        Role::Normal => "a member",
    }
}

/// How a group is, in words.
pub(super) fn described(join: Join, speak: Speak, history: ReadFrom) -> String {
    let join = match join {
        Join::Open => "open to all",
        Join::Ask => "who wants to join asks",
        Join::Invite => "by invitation",
    };
    let speak = match speak {
        Speak::All => "all members speak",
        Speak::Admins => "only admins speak",
    };
    let history = match history {
        ReadFrom::All => "new members read everything",
        ReadFrom::Joined => "new members read from their joining on",
    };
    format!("{join}, {speak}, {history}")
}

fn span(seconds: u32) -> String {
    humantime::format_duration(std::time::Duration::from_secs(seconds.into())).to_string()
}
