//! Commands: who is meant is found out, then the request is made.

use stonechat_protocol::ask::{Ask, Page};
use stonechat_protocol::body::Presence;
use stonechat_protocol::ids::{GroupId, Peer, UserId};
use stonechat_protocol::names;
use stonechat_protocol::time::UnixMs;

use super::outbox::{Record, State};
use super::{Asked, Effect, Model, News, Verdict};
use crate::command::{Command, Kind, Target};

impl Command {
    /// Whom a name in it may mean.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Chat(Target::Name(kind, _), _)
            | Self::Send { target: Target::Name(kind, _), .. }
            | Self::History(Some(Target::Name(kind, _))) => *kind,
            Self::Join(_) | Self::Leave(_) | Self::DeleteGroup(_) | Self::Who(_) => Kind::Group,
            Self::Add(_) | Self::Delete(_) | Self::Ask(..) | Self::Accept(_) | Self::Decline(_) => Kind::User,
            _ => Kind::Any,
        }
    }

    /// The name in it that has to be looked up.
    fn name(&self) -> Option<&str> {
        let (Self::Chat(target, _)
        | Self::Send { target, .. }
        | Self::Add(target)
        | Self::Delete(target)
        | Self::Ask(target, _)
        | Self::Accept(target)
        | Self::Decline(target)
        | Self::Join(target)
        | Self::Leave(Some(target))
        | Self::DeleteGroup(Some(target))
        | Self::History(Some(target))
        | Self::Who(Some(target))) = self
        else {
            return None;
        };
        match target {
            Target::Name(_, name) => Some(name),
            Target::Id(_) => None,
        }
    }

    /// The same with another target.
    pub(super) fn with_target(self, target: Target) -> Self {
        match self {
            Self::Chat(_, text) => Self::Chat(target, text),
            Self::Send { cid, text, .. } => Self::Send { cid, target, text },
            Self::Add(_) => Self::Add(target),
            Self::Delete(_) => Self::Delete(target),
            Self::Ask(_, words) => Self::Ask(target, words),
            Self::Accept(_) => Self::Accept(target),
            Self::Decline(_) => Self::Decline(target),
            Self::Join(_) => Self::Join(target),
            Self::Leave(_) => Self::Leave(Some(target)),
            Self::DeleteGroup(_) => Self::DeleteGroup(Some(target)),
            Self::History(_) => Self::History(Some(target)),
            Self::Who(_) => Self::Who(Some(target)),
            other => other,
        }
    }
}

impl Model {
    /// Carries out a command, typed at this time. Those that only a screen understands (help, quit, who logs in) do nothing here.
    pub(crate) fn order(&mut self, order: Command, at: UnixMs) {
        let Some(name) = order.name().map(str::to_owned) else {
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
            Command::Join(target) => self.with_group(Some(&target), |_| Asked::Join, Ask::AddGroup),
            Command::Leave(target) => self.with_group(target.as_ref(), Asked::Leave, Ask::QuitGroup),
            Command::DeleteGroup(target) => self.with_group(target.as_ref(), Asked::DeleteGroup, Ask::DelGroup),
            Command::Find(word) => self.ask_or_say(Asked::Find, Ask::Find(&word)),
            Command::Who(target) => self.who(target.as_ref()),
            Command::Requests => self.list_requests(),
            Command::History(target) => self.history(target.as_ref()),
            Command::Retry => self.retry(),
            Command::Discard => self.discard(),
            Command::Logout => self.ask_or_say(Asked::Logout, Ask::Logout),
            Command::Connect => self.connect(),
            Command::Register(_) | Command::Login(_) | Command::Help | Command::Quit => {}
        }
    }

    fn ask_or_say(&mut self, asked: Asked, request: Ask<'_>) {
        if !self.ask(asked, request) {
            self.tell(News::Refused("not connected: this needs the server".to_owned()));
        }
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
        self.say_as(&cid, *peer, text, at);
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
        let peer = match target {
            Some(Target::Id(peer)) => Some(*peer),
            Some(Target::Name(..)) => None,
            None => self.open,
        };
        match peer {
            Some(Peer::Group(group)) => Some(group),
            _ => None,
        }
    }

    fn answer(&mut self, target: &Target, verdict: Verdict) {
        let Some(user) = user_of(target) else { return };
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
            lines.push(format!("  {dot} {} (user {user})", friend.name));
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
        if self.roster.asking.is_empty() {
            self.says("nobody asks to be your friend");
            return;
        }
        let lines: Vec<String> =
            self.roster.asking.values().map(|who| format!("  {}: {}", who.name, who.words)).collect();
        self.says(format!("these ask to be your friend (/accept NAME, /decline NAME):\n{}", lines.join("\n")));
    }

    fn history(&mut self, target: Option<&Target>) {
        let peer = match target {
            Some(Target::Id(peer)) => Some(*peer),
            _ => self.open,
        };
        let Some(peer) = peer else {
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

fn user_of(target: &Target) -> Option<UserId> {
    match target {
        Target::Id(Peer::User(user)) => Some(*user),
        _ => None,
    }
}
