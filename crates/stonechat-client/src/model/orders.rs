//! Commands: who is meant is found out, then the request is made.

use stonechat_protocol::ask::{Ask, Page};
use stonechat_protocol::body::Presence;
use stonechat_protocol::ids::{GroupId, Peer, UserId};
use stonechat_protocol::names;
use stonechat_protocol::time::UnixMs;

use super::asked::{Asked, Verdict};
use super::outbox::{Record, State};
use super::{Effect, Letter, Model, News};
use crate::command::{Command, Kind, Target};

impl Command {
    /// Whom a name in it may mean.
    pub(super) fn kind(&mut self) -> Kind {
        match self {
            Self::Join(_) | Self::Leave(_) | Self::DeleteGroup(_) | Self::Who(_) => Kind::Group,
            Self::Add(_) | Self::Delete(_) | Self::Ask(..) | Self::Block(_) | Self::Unblock(_) | Self::Member(..) => {
                Kind::User
            }
            other => match other.target() {
                Some(Target::Name(kind, _)) => *kind,
                _ => Kind::Any,
            },
        }
    }

    /// Whom it is about.
    fn target(&mut self) -> Option<&mut Target> {
        match self {
            Self::Chat(target, _)
            | Self::Send { target, .. }
            | Self::Add(target)
            | Self::Delete(target)
            | Self::Ask(target, _)
            | Self::Accept(target)
            | Self::Decline(target)
            | Self::Withdraw(target)
            | Self::Block(target)
            | Self::Unblock(target)
            | Self::Member(target, _)
            | Self::Join(target)
            | Self::Leave(Some(target))
            | Self::DeleteGroup(Some(target))
            | Self::History(Some(target))
            | Self::Who(Some(target))
            | Self::Flag(_, Some(target)) => Some(target),
            _ => None,
        }
    }

    /// The name in it that has to be looked up.
    fn name(&mut self) -> Option<String> {
        match self.target() {
            Some(Target::Name(_, name)) => Some(name.clone()),
            _ => None,
        }
    }

    /// The same with another target.
    pub(super) fn with_target(mut self, other: Target) -> Self {
        if let Some(target) = self.target() {
            *target = other;
        }
        self
    }
}

impl Model {
    /// Carries out a command, typed at this time. Those that only a screen understands (help, quit, who logs in) do nothing here.
    pub(crate) fn order(&mut self, mut order: Command, at: UnixMs) {
        let Some(name) = order.name() else {
            self.carry_out(order, at);
            return;
        };
        if let Some(peer) = self.known(&name, order.kind()) {
            self.carry_out(order.with_target(Target::Id(peer)), at);
            return;
        }
        self.ask_or_say(Asked::Resolve(name.clone(), Box::new(order), at), Ask::Find(&name));
    }

    /// Whether it is known who is meant, without asking the server.
    pub(crate) fn knows(&self, target: &Target) -> bool {
        match target {
            Target::Id(_) => true,
            Target::Name(kind, name) => self.known(name, *kind).is_some(),
        }
    }

    /// Somebody of that name among friends, groups, members and conversations.
    fn known(&self, name: &str, kind: Kind) -> Option<Peer> {
        let fits = |peer: Peer| match kind {
            Kind::User => matches!(peer, Peer::User(_)),
            Kind::Group => matches!(peer, Peer::Group(_)),
            Kind::Any => true,
        };
        let chats = self.chats.iter().map(|(peer, chat)| (*peer, chat.title.as_str()));
        let all: Vec<(Peer, &str)> = self.roster.names().chain(chats).filter(|(peer, _)| fits(*peer)).collect();
        let exact = all.iter().find(|(_, other)| *other == name);
        exact.or_else(|| all.iter().find(|(_, other)| names::key(other) == names::key(name))).map(|(peer, _)| *peer)
    }

    fn carry_out(&mut self, order: Command, at: UnixMs) {
        match order {
            Command::Chat(target, text) => self.chat_with(&target, text.as_deref(), at),
            Command::Send { cid, target, text } => self.say_for_another(cid, &target, &text, at),
            Command::Add(target) => self.with_user(&target, |_| Asked::Add, Ask::AddFriend),
            Command::Delete(target) => self.with_user(&target, Asked::Delete, Ask::DelFriend),
            Command::Ask(target, words) => {
                let Some(user) = user_of(&target) else { return };
                self.ask_or_say(Asked::FriendRequest(user), Ask::FriendRequest { friend: user, msg: &words });
            }
            Command::Accept(target) => self.answer(&target, Verdict::Yes),
            Command::Decline(target) => self.answer(&target, Verdict::No),
            Command::Create { name, description } => {
                let request = Ask::CreateGroup { name: &name, desc: &description };
                self.ask_or_say(Asked::Create(name.clone()), request);
            }
            Command::Join(target) => self.with_group(Some(&target), Asked::Join, Ask::AddGroup),
            Command::Leave(target) => self.with_group(target.as_ref(), Asked::Leave, Ask::QuitGroup),
            Command::DeleteGroup(target) => self.with_group(target.as_ref(), Asked::DeleteGroup, Ask::DelGroup),
            Command::Find(word) => self.ask_or_say(Asked::Find, Ask::Find(&word)),
            Command::Who(target) => self.who(target.as_ref()),
            Command::History(target) => self.history(target.as_ref()),
            Command::Retry => self.retry(),
            Command::Discard => self.discard(),
            Command::Logout => self.ask_or_say(Asked::Logout, Ask::Logout),
            Command::Connect => self.connect(),
            other => self.carry_out_more(other, at),
        }
    }

    /// The same for what came later.
    fn carry_out_more(&mut self, order: Command, at: UnixMs) {
        match order {
            Command::Message(order) => self.message_order(order, at),
            Command::Requests => self.list_requests(),
            Command::Asked => self.list_own_requests(),
            Command::Withdraw(target) => self.withdraw(&target),
            Command::Block(target) => self.block(&target, true),
            Command::Unblock(target) => self.block(&target, false),
            Command::Blocked => self.list_blocked(),
            Command::Member(target, order) => self.member_order(&target, order),
            Command::Bans => self.list_bans(),
            Command::Set(setting) => self.set_group(&setting),
            Command::Search(words) => self.search(words, None),
            Command::SearchHere(words) => match self.open {
                Some(peer) => self.search(words, Some(peer)),
                None => self.tell(News::Refused("where? Open a conversation first, or use /search".to_owned())),
            },
            Command::More => self.search_more(),
            Command::Flag(flag, target) => match self.peer_or_open(target.as_ref()) {
                Some(peer) => self.set_flag(peer, flag),
                None => self.tell(News::Refused("which conversation? Name it, or open it first".to_owned())),
            },
            Command::Name(name) => self.rename(&name),
            Command::Profile(words) => self.describe(&words),
            Command::Sessions => self.list_sessions(),
            Command::EndSessions(end) => self.end_sessions(end),
            Command::ChangePassword { old, new } => self.change_password(&old, &new),
            Command::EraseAccount { password } => self.erase(&password),
            // The rest is the screen's.
            _ => {}
        }
    }

    pub(super) fn ask_or_say(&mut self, asked: Asked, request: Ask<'_>) {
        self.is_asked_or_says(asked, request);
    }

    /// Asks the server, or says that there is none; whether it was asked.
    pub(super) fn is_asked_or_says(&mut self, asked: Asked, request: Ask<'_>) -> bool {
        let is_asked = self.ask(asked, request);
        if !is_asked {
            self.tell(News::Refused("not connected: this needs the server".to_owned()));
        }
        is_asked
    }

    pub(super) fn ask_friends(&mut self) {
        self.ask(Asked::Friends(Vec::new()), Ask::Friends(Page::default()));
    }

    fn chat_with(&mut self, target: &Target, text: Option<&str>, at: UnixMs) {
        let Target::Id(peer) = target else { return };
        if self.account.id.map(Peer::User) == Some(*peer) {
            self.tell(News::Refused("that is you".to_owned()));
            return;
        }
        if let Some(text) = text {
            self.say(*peer, text, at);
        }
        self.tell(News::Opened(*peer));
    }

    /// Says what `send` handed over; it hears what becomes of it.
    fn say_for_another(&mut self, cid: String, target: &Target, text: &str, at: UnixMs) {
        let Target::Id(peer) = target else { return };
        self.say_as(&cid, Letter { peer: *peer, text, re: None }, at);
        self.effects.push(Effect::Taken(cid.clone()));
        self.handed.insert(cid);
    }

    fn with_user(
        &mut self,
        target: &Target,
        asked: impl Fn(UserId) -> Asked,
        request: impl Fn(UserId) -> Ask<'static>,
    ) {
        let Some(user) = user_of(target) else { return };
        self.ask_or_say(asked(user), request(user));
    }

    /// Without a target: the open conversation.
    fn with_group(
        &mut self,
        target: Option<&Target>,
        asked: impl Fn(GroupId) -> Asked,
        request: impl Fn(GroupId) -> Ask<'static>,
    ) {
        let Some(group) = self.group_of(target) else {
            self.tell(News::Refused("which group? Name it, or open it first".to_owned()));
            return;
        };
        self.ask_or_say(asked(group), request(group));
    }

    fn group_of(&self, target: Option<&Target>) -> Option<GroupId> {
        match self.peer_or_open(target) {
            Some(Peer::Group(group)) => Some(group),
            _ => None,
        }
    }

    fn answer(&mut self, target: &Target, verdict: Verdict) {
        if let Target::Id(Peer::Group(group)) = target {
            return self.answer_invitation(*group, verdict);
        }
        let Some(user) = user_of(target) else { return };
        if !self.roster.asking.contains_key(&user) && self.answer_joining(user, verdict) {
            return;
        }
        let request = Ask::FriendAnswer { friend: user, accept: verdict == Verdict::Yes };
        self.ask_or_say(Asked::Answer(user, verdict), request);
    }

    fn who(&mut self, target: Option<&Target>) {
        if let Some(group) = self.group_of(target) {
            self.ask_or_say(Asked::Who(group), Ask::Members(group, Page::default()));
            return;
        }
        let mut lines = Vec::new();
        for (user, friend) in &self.roster.friends {
            let dot = if friend.presence == Presence::Online { "●" } else { "○" };
            let about = friend.about.as_ref().map_or_else(String::new, |about| format!(": {about}"));
            lines.push(format!("  {dot} {} (user {user}){about}", friend.name));
        }
        for (group, entry) in &self.roster.groups {
            lines.push(format!("  # {} (group {group})", entry.groupname));
        }
        if lines.is_empty() {
            lines.push("  nobody yet: /find WORD, then /add NAME; or /create a group".to_owned());
        }
        self.says(format!("friends and groups:\n{}", lines.join("\n")));
    }

    fn list_requests(&mut self) {
        self.list_joining();
        let asking = self.roster.asking.values().map(|who| format!("  {}: {}", who.name, who.words));
        let invited = self.roster.invited.values();
        let invited = invited.map(|invitation| format!("  #{}: {} invites you", invitation.groupname, invitation.by));
        let lines: Vec<String> = asking.chain(invited).collect();
        if lines.is_empty() {
            self.says("nobody asks you for anything");
            return;
        }
        self.says(format!("these ask you (/accept NAME, /decline NAME, #GROUP for a group):\n{}", lines.join("\n")));
    }

    /// The conversation that is named, or else the open one.
    fn peer_or_open(&self, target: Option<&Target>) -> Option<Peer> {
        match target {
            Some(Target::Id(peer)) => Some(*peer),
            Some(Target::Name(..)) => None,
            None => self.open,
        }
    }

    fn history(&mut self, target: Option<&Target>) {
        let Some(peer) = self.peer_or_open(target) else {
            self.tell(News::Refused("whose history? /history NAME".to_owned()));
            return;
        };
        self.tell(News::Opened(peer));
        self.fetch_older(peer);
    }

    /// Sends failed messages again.
    pub(crate) fn retry(&mut self) {
        let failed = self.failed();
        self.says(format!("sending {} failed message(s) again", failed.len()));
        for cid in failed {
            self.record(Record::Retry { cid });
        }
    }

    fn discard(&mut self) {
        let failed = self.failed();
        self.says(format!("dropped {} failed message(s)", failed.len()));
        for cid in failed {
            self.record(Record::Done { cid });
        }
    }

    fn failed(&self) -> Vec<String> {
        let failed = self.outbox.iter().filter(|outgoing| matches!(outgoing.state, State::Failed(_)));
        failed.map(|outgoing| outgoing.cid.clone()).collect()
    }
}

pub(super) fn user_of(target: &Target) -> Option<UserId> {
    match target {
        Target::Id(Peer::User(user)) => Some(*user),
        _ => None,
    }
}
