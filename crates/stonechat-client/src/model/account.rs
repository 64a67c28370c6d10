//! One's account: its name and profile, its password, where it is logged in; whom one does not want to hear from; what one has
//! asked for.

use serde_json::{json, value::to_raw_value};
use stonechat_protocol::ask::{AccountAsk, Ask, GroupAsk, Page};
use stonechat_protocol::body::{self, NamedUser, Profile, SessionEntry, Sessions, Users};
use stonechat_protocol::ids::{Peer, UserId};
use stonechat_protocol::request::End;

use super::asked::{Asked, UserList};
use super::orders::user_of;
use super::{Effect, Model, News, stamp};
use crate::command::{Target, spelled};

impl Model {
    /// Does not want to hear from a user, or does again.
    pub(super) fn block(&mut self, target: &Target, on: bool) {
        let Some(user) = user_of(target) else { return };
        let name = self.title(Peer::User(user));
        let asked = if on {
            Asked::DoneToFriends(format!(
                "{name} is blocked: you hear nothing from there (/unblock {})",
                spelled(&name)
            ))
        } else {
            Asked::Done(format!("{name} is not blocked"))
        };
        self.ask_or_say(asked, Ask::Own(AccountAsk::Block { user, on }));
    }

    /// Takes back what one has asked for.
    pub(super) fn withdraw(&mut self, target: &Target) {
        let Target::Id(peer) = target else { return };
        let done = format!("{} is not asked any more", self.title(*peer));
        self.ask_or_say(Asked::Done(done), Ask::Own(AccountAsk::Withdraw(*peer)));
    }

    pub(super) fn list_blocked(&mut self) {
        let request = AccountAsk::Blocked(Page::default());
        self.ask_or_say(Asked::Users(UserList::Blocked, Vec::new()), Ask::Own(request));
    }

    /// A page of users; the list is shown when all of it is here.
    pub(super) fn users_answered(&mut self, list: UserList, mut pages: Vec<NamedUser>, page: Users) {
        pages.extend(page.users);
        if let Some(last) = pages.last().map(|last| last.id).filter(|_| page.more) {
            let after = Page::after(last);
            let request = match list {
                UserList::Blocked => Ask::Own(AccountAsk::Blocked(after)),
                UserList::Bans(group) => Ask::Group(GroupAsk::Bans(group, after)),
                UserList::Requests(group) => Ask::Group(GroupAsk::Requests(group, after)),
            };
            self.ask(Asked::Users(list, pages), request);
            return;
        }
        let heading = match list {
            UserList::Blocked => "blocked (/unblock NAME)".to_owned(),
            UserList::Bans(group) => format!("may not come to {} (/unban NAME)", self.title(Peer::Group(group))),
            UserList::Requests(group) => {
                self.roster.joining.retain(|(place, _), _| *place != group);
                let joining = pages.iter().map(|user| ((group, user.id), user.name.clone()));
                self.roster.joining.extend(joining);
                format!("want to join {} (/accept NAME, /decline NAME)", self.title(Peer::Group(group)))
            }
        };
        self.says(listed(&heading, pages.iter().map(|user| format!("{} (user {})", user.name, user.id))));
    }

    /// Has another name.
    pub(super) fn rename(&mut self, name: &str) {
        self.ask_or_say(Asked::Profile, Ask::Own(AccountAsk::Profile { name: Some(name), ext: None }));
    }

    /// Says some words about oneself, or none.
    pub(super) fn describe(&mut self, words: &str) {
        let ext =
            Some(words).filter(|words| !words.is_empty()).and_then(|words| to_raw_value(&json!({"about": words})).ok());
        let request = AccountAsk::Profile { name: None, ext: Some(ext.as_deref()) };
        self.ask_or_say(Asked::Profile, Ask::Own(request));
    }

    pub(super) fn profile_answered(&mut self, profile: &Profile) {
        self.account.name.clone_from(&profile.name);
        self.effects.push(Effect::SaveAccount);
        let about = about(profile.ext.as_ref()).map_or_else(String::new, |about| format!(": {about}"));
        self.says(format!("others see you as {}{about}", profile.name));
    }

    /// A friend has another name, or says other words.
    pub(super) fn profile_told(&mut self, user: UserId, name: &str, ext: Option<&body::Ext>) {
        if let Some(friend) = self.roster.friends.get_mut(&user) {
            name.clone_into(&mut friend.name);
            friend.about = about(ext);
        }
        if let Some(chat) = self.chats.get_mut(&Peer::User(user)) {
            name.clone_into(&mut chat.title);
        }
        if Some(user) == self.account.id {
            name.clone_into(&mut self.account.name);
            self.effects.push(Effect::SaveAccount);
        }
    }

    pub(super) fn change_password(&mut self, old: &str, new: &str) {
        let done = "the password is changed; all other sessions have ended".to_owned();
        self.ask_or_say(Asked::Done(done), Ask::Own(AccountAsk::Password { pwd: old, new }));
    }

    pub(super) fn list_sessions(&mut self) {
        self.ask_or_say(Asked::Sessions(Vec::new()), Ask::Own(AccountAsk::Sessions(Page::default())));
    }

    pub(super) fn end_sessions(&mut self, end: End) {
        self.ask_or_say(Asked::Sessions(Vec::new()), Ask::Own(AccountAsk::EndSessions(end)));
    }

    pub(super) fn sessions_answered(&mut self, mut pages: Vec<SessionEntry>, page: Sessions) {
        pages.extend(page.sessions);
        if let Some(last) = pages.last().map(|last| last.number).filter(|_| page.more) {
            self.ask(Asked::Sessions(pages), Ask::Own(AccountAsk::Sessions(Page::after(last))));
            return;
        }
        let line = |session: &SessionEntry| {
            let device = session.device.as_deref().unwrap_or("without a name");
            let address = session.address.as_deref().unwrap_or("an unknown address");
            let this = if session.this { ", this one" } else { "" };
            let (since, used) = (stamp(session.since), stamp(session.used));
            format!("{}: {device}, from {address}, since {since}, last used {used}{this}", session.number)
        };
        self.says(listed("logged in (/end NUMBER, or /end others)", pages.iter().map(line)));
    }

    pub(super) fn erase(&mut self, password: &str) {
        self.ask_or_say(Asked::Erase, Ask::Own(AccountAsk::Erase { pwd: password }));
    }

    pub(super) fn list_own_requests(&mut self) {
        self.ask_or_say(Asked::OwnRequests, Ask::Own(AccountAsk::Asked));
    }

    pub(super) fn own_requests_answered(&mut self, asked: &body::Asked) {
        let friend = |friend: &body::AskedFriend| {
            let words = if friend.msg.is_empty() { String::new() } else { format!(": {}", friend.msg) };
            format!("{} to be a friend{words}", friend.name)
        };
        let group = |group: &body::AskedGroup| match &group.name {
            Some(name) => format!("#{}: {name} invites you (/accept #{})", group.groupname, spelled(&group.groupname)),
            None => format!("#{} to let you in", group.groupname),
        };
        let lines = asked.friends.iter().map(friend).chain(asked.groups.iter().map(group));
        self.says(listed("asked, and not answered (/withdraw NAME, /withdraw #GROUP)", lines));
    }
}

/// The words that somebody says about oneself, where the profile has them.
pub(super) fn about(ext: Option<&body::Ext>) -> Option<String> {
    let profile: serde_json::Value = serde_json::from_str(ext?.0.get()).ok()?;
    profile.get("about")?.as_str().filter(|about| !about.is_empty()).map(str::to_owned)
}

/// A list under its heading.
fn listed(heading: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.map(|line| format!("\n  {line}")).collect();
    if lines.is_empty() { format!("{heading}: nobody") } else { format!("{heading}:{}", lines.concat()) }
}

impl Model {
    /// The session has ended from elsewhere, and its token is no longer good.
    pub(super) fn ended(&mut self) {
        self.account.token = None;
        self.effects.push(Effect::SaveAccount);
        self.give_up("this session was ended from another device: log in again".to_owned());
    }

    /// The account is no more.
    pub(super) fn erased(&mut self) {
        self.says("the account is erased");
        self.account.token = None;
        self.account.password = None;
        self.effects.push(Effect::SaveAccount);
        self.hang_up();
        self.tell(News::LoggedOut);
    }
}
