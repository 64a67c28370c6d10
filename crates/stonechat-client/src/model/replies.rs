//! Answers to requests: what was asked is looked up by its tag, and the answer taken in.

use std::time::Instant;

use stonechat_protocol::errno::Errno;
use stonechat_protocol::ids::{GroupId, Peer, UserId};
use stonechat_protocol::msg_id::MsgId;
use stonechat_protocol::names;
use stonechat_protocol::time::UnixMs;

use super::chat::Chat;
use super::outbox::Record;
use super::pushes::message_of;
use super::{Asked, Effect, Link, Model, News, Presence, RETRY_AFTER, State, Verdict, presence};
use crate::command::{Command, Kind, Target};
use crate::spool::Outcome;
use crate::wire::{Group, Line, Person, Request};

impl Model {
    pub(super) fn reply(&mut self, line: Line, now: Instant) {
        if let Some(cid) = line.tag_text() {
            let cid = cid.to_owned();
            self.acknowledged(&cid, &line, now);
            return;
        }
        let Some(asked) = line.tag_number().and_then(|tag| self.asked.remove(&tag)) else {
            match line.failure() {
                Some(why) if is(line.errno, Errno::TooLarge) => self.line_too_long(why),
                Some(why) => self.tell(News::Refused(why)),
                None => {}
            }
            return;
        };
        match asked {
            Asked::Login => self.login_answered(line, now),
            Asked::Register => self.register_answered(&line, now),
            Asked::History(peer) => self.history_answered(peer, &line),
            Asked::LastSeen(peer, mark) => self.last_seen_answered(peer, mark, &line, now),
            Asked::Ping => {}
            _ => match line.failure() {
                Some(why) => self.refused(&asked, why),
                None => self.succeeded(asked, line),
            },
        }
    }

    fn refused(&mut self, asked: &Asked, why: String) {
        match asked {
            Asked::Resolve(_, order, _) => self.not_resolved(order, why),
            _ => self.tell(News::Refused(why)),
        }
    }

    fn not_resolved(&mut self, order: &Command, why: String) {
        match order {
            Command::Send { cid, .. } => {
                self.effects.push(Effect::Report { cid: cid.clone(), outcome: Outcome::Why(why) });
            }
            _ => self.tell(News::Refused(why)),
        }
    }

    /// Somebody waits for the fate of this message.
    fn report(&mut self, cid: &str, outcome: Outcome) {
        if self.handed.remove(cid) {
            self.effects.push(Effect::Report { cid: cid.to_owned(), outcome });
        }
    }

    /// The ack of a chat message, or its refusal.
    fn acknowledged(&mut self, cid: &str, line: &Line, now: Instant) {
        let Some(outgoing) = self.outbox.find(cid).cloned() else { return };
        let (peer, cid) = (outgoing.peer, outgoing.cid);
        let Some(why) = line.failure() else {
            let (seq, at) = (line.seq.unwrap_or(0), line.at());
            self.record(Record::Done { cid: cid.clone() });
            if let (Some(sender), true) = (self.account.id, seq > 0) {
                let name = self.account.name.clone();
                let message = super::Message { seq, sender, name, text: outgoing.text, ext: None, at };
                let is_open = self.open == Some(peer);
                if self.chat_mut(peer).contradicts(&message) {
                    self.went_back();
                }
                let chat = self.chat_mut(peer);
                chat.insert(message);
                if is_open {
                    chat.read_all();
                }
                self.marks_changed = true;
            }
            self.report(&cid, Outcome::Seq(seq));
            self.tell(News::Stored { peer, cid, seq });
            return;
        };
        if is_passing(line.errno) {
            self.outbox.wait_again(&cid);
            self.resend_at = Some(now + RETRY_AFTER);
            self.says(format!("not stored yet ({why}); trying again"));
            return;
        }
        self.fail(peer, cid, why);
    }

    /// The server will not take this message.
    pub(super) fn fail(&mut self, peer: Peer, cid: String, why: String) {
        self.record(Record::Failed { cid: cid.clone(), why: why.clone() });
        self.report(&cid, Outcome::Why(why.clone()));
        self.tell(News::Failed { peer, cid, why });
    }

    /// ERROR 413: a line was over the server's limit, and the connection ends. It can only be the longest message under
    /// way, and it must not go out again.
    fn line_too_long(&mut self, why: String) {
        let under_way = self.outbox.iter().filter(|outgoing| outgoing.state == State::Sent);
        let longest = under_way.max_by_key(|outgoing| outgoing.text.len());
        match longest.map(|outgoing| (outgoing.peer, outgoing.cid.clone())) {
            Some((peer, cid)) => self.fail(peer, cid, why),
            None => self.tell(News::Refused(why)),
        }
    }

    fn login_answered(&mut self, line: Line, now: Instant) {
        let Some(why) = line.failure() else {
            self.welcome(line, now);
            return;
        };
        if is_passing(line.errno) {
            self.start_over(why, now);
            return;
        }
        let wrong_token = is(line.errno, Errno::Refused) && self.account.token.take().is_some();
        if wrong_token {
            self.effects.push(Effect::SaveAccount);
            if self.account.password.is_some() {
                self.log_in();
                return;
            }
        }
        let why = if wrong_token { "the saved login is no longer valid; type the password".to_owned() } else { why };
        self.account.password = None;
        self.give_up(why);
    }

    fn welcome(&mut self, line: Line, now: Instant) {
        self.link = Link::Online;
        self.backoff.reset();
        self.presence_asked = Some(now);
        self.account.id = line.id.and_then(UserId::new).or(self.account.id);
        self.account.name = line.name.unwrap_or_else(|| self.account.name.clone());
        self.account.token = line.token.or_else(|| self.account.token.take());
        if self.account.token.is_some() {
            self.account.password = None;
        }
        self.compare_epoch(line.epoch);
        self.effects.push(Effect::SaveAccount);
        let are_cut = |total: u64, listed: usize| total > listed as u64;
        let (friends_cut, groups_cut) =
            (are_cut(line.friends_total, line.friends.len()), are_cut(line.groups_total, line.groups.len()));
        self.friends_listed(Vec::new(), line.friends, friends_cut);
        self.groups_listed(Vec::new(), line.groups, groups_cut);
        let missed = line.offlinemsg.iter().filter(|message| self.message_pushed(message)).count();
        self.tell(News::Welcome { missed });
        if let Some(open) = self.open {
            self.fetch_latest(open);
        }
    }

    fn register_answered(&mut self, line: &Line, now: Instant) {
        match line.failure() {
            None => {
                self.account.is_new = false;
                self.log_in();
            }
            Some(why) if is_passing(line.errno) => self.start_over(why, now),
            Some(why) => {
                self.account.password = None;
                self.give_up(why);
            }
        }
    }

    fn history_answered(&mut self, peer: Peer, line: &Line) {
        let failure = line.failure();
        let Some(me) = self.account.id else { return };
        let is_open = self.open == Some(peer);
        let chat = self.chat_mut(peer);
        chat.fetching = false;
        chat.fetched = true;
        let messages = line.messages.iter().filter_map(|line| message_of(line, me));
        let messages: Vec<_> = messages.filter(|(its_peer, _)| *its_peer == peer).map(|(_, message)| message).collect();
        if messages.iter().any(|message| chat.contradicts(message)) {
            self.went_back();
        }
        let chat = self.chat_mut(peer);
        let before = chat.messages.len();
        for message in messages {
            chat.insert(message);
        }
        let has_grown = chat.messages.len() > before;
        name_from_messages(chat, me, peer);
        let has_hole = chat.has_hole();
        if is_open && has_grown && has_hole {
            self.fetch_older(peer);
        }
        if let Some(why) = failure {
            self.tell(News::Refused(why));
        }
    }

    fn succeeded(&mut self, asked: Asked, line: Line) {
        match asked {
            Asked::Logout => self.logged_out(),
            Asked::Add => self.friend_added(&line),
            Asked::Delete(user) => {
                self.roster.friends.remove(&user);
                self.says(format!("{} is no friend any more", self.title(Peer::User(user))));
            }
            Asked::FriendRequest(user) => self.says(format!("{} was asked", self.title(Peer::User(user)))),
            Asked::Answer(user, verdict) => self.answered(user, verdict),
            Asked::Create(name) => self.group_created(&name, &line),
            Asked::Join => self.group_joined(line),
            Asked::Leave(group) => self.group_gone(group, "left"),
            Asked::DeleteGroup(group) => self.group_gone(group, "deleted"),
            Asked::Friends(before) => self.friends_listed(before, line.friends, line.more),
            Asked::Groups(before) => self.groups_listed(before, line.groups, line.more),
            Asked::Who(group) => self.members_listed(group, line),
            Asked::Find => self.found(&line),
            Asked::Resolve(name, order, at) => self.resolved(&name, *order, at, &line),
            Asked::Login | Asked::Register | Asked::History(_) | Asked::LastSeen(..) | Asked::Ping => {}
        }
    }

    fn logged_out(&mut self) {
        self.account.token = None;
        self.account.password = None;
        self.effects.push(Effect::SaveAccount);
        self.hang_up();
        self.tell(News::LoggedOut);
    }

    fn friend_added(&mut self, line: &Line) {
        let Some(user) = line.friendid.and_then(UserId::new) else { return };
        let name = line.name.clone().unwrap_or_default();
        let presence = presence("offline");
        self.roster.friends.insert(user, super::roster::Friend { name: name.clone(), presence });
        self.roster.asking.remove(&user);
        let typed = crate::command::spelled(&name);
        self.says(format!("{name} is your friend now; /chat {typed} opens the conversation"));
        self.ask_friends();
    }

    fn answered(&mut self, user: UserId, verdict: Verdict) {
        let name = self.title(Peer::User(user));
        self.roster.asking.remove(&user);
        match verdict {
            Verdict::Yes => self.says(format!("{name} is your friend now")),
            Verdict::No => self.says(format!("{name}'s request is declined")),
        }
        self.ask_friends();
    }

    fn group_created(&mut self, name: &str, line: &Line) {
        let Some(group) = line.groupid.and_then(GroupId::new) else { return };
        self.groups_changed(format!("group {name} is there, number {group}; others /join {group}"));
        name.clone_into(&mut self.chat_mut(Peer::Group(group)).title);
        self.tell(News::Opened(Peer::Group(group)));
    }

    fn group_joined(&mut self, line: Line) {
        let Some(group) = line.groupid.and_then(GroupId::new) else { return };
        let groupname = line.groupname.unwrap_or_default();
        self.says(format!("you are in {groupname} now; /history shows what was said before"));
        let groupdesc = line.groupdesc.unwrap_or_default();
        let entry = Group { id: i64::from(group.number()), groupname, groupdesc, users: line.users, total: None };
        self.roster.groups.insert(group, entry);
        self.tell(News::Opened(Peer::Group(group)));
    }

    fn group_gone(&mut self, group: GroupId, how: &str) {
        let text = format!("you have {how} {}", self.title(Peer::Group(group)));
        self.roster.groups.remove(&group);
        self.forget(Peer::Group(group));
        self.says(text);
    }

    /// A page of the list. The list is taken when all of it is here: who is on a later page is a friend all the same.
    fn friends_listed(&mut self, mut pages: Vec<Person>, page: Vec<Person>, more: bool) {
        pages.extend(page);
        match pages.last().map(|last| last.id).filter(|_| more) {
            Some(last) => {
                let next = Request::new(MsgId::Friends).with("after", last);
                self.ask(Asked::Friends(pages), next);
            }
            None => self.roster.set_friends(pages),
        }
    }

    fn groups_listed(&mut self, mut pages: Vec<Group>, page: Vec<Group>, more: bool) {
        pages.extend(page);
        match pages.last().map(|last| last.id).filter(|_| more) {
            Some(last) => {
                let next = Request::new(MsgId::Groups).with("after", last);
                self.ask(Asked::Groups(pages), next);
            }
            None => self.take_groups(pages),
        }
    }

    fn take_groups(&mut self, groups: Vec<Group>) {
        self.roster.set_groups(groups);
        let gone = |peer: &Peer| matches!(peer, Peer::Group(group) if !self.roster.groups.contains_key(group));
        let gone: Vec<Peer> = self.chats.keys().copied().filter(gone).collect();
        for peer in gone {
            self.forget(peer);
        }
    }

    fn members_listed(&mut self, group: GroupId, line: Line) {
        let Some(entry) = line.groups.into_iter().next() else { return };
        let heading = format!("{} ({}): {}", entry.groupname, entry.total.unwrap_or(0), entry.groupdesc);
        let member = |member: &Person| {
            let role = if member.role == "creator" { ", creator" } else { "" };
            format!("  {} {} (user {}{role})", dot(&member.state), member.name, member.id)
        };
        let members: Vec<String> = entry.users.iter().map(member).collect();
        self.says(format!("{heading}\n{}", members.join("\n")));
        self.roster.groups.insert(group, entry);
    }

    fn found(&mut self, line: &Line) {
        if line.users.is_empty() && line.groups.is_empty() {
            self.says("nobody and nothing by that name");
            return;
        }
        let user = |user: &Person| format!("  {} {} (user {})", dot(&user.state), user.name, user.id);
        let group = |group: &Group| format!("  # {} (group {}) {}", group.groupname, group.id, group.groupdesc);
        let lines: Vec<String> = line.users.iter().map(user).chain(line.groups.iter().map(group)).collect();
        self.says(format!("found:\n{}", lines.join("\n")));
    }

    /// Somebody was looked up by name for an order; now it can be carried out.
    fn resolved(&mut self, name: &str, order: Command, at: UnixMs, line: &Line) {
        let user = named(name, &line.users.iter().map(|user| (user.name.as_str(), user.id)));
        let group = named(name, &line.groups.iter().map(|group| (group.groupname.as_str(), group.id)));
        let title = user.map(|(title, _)| title.to_owned());
        let user = user.and_then(|(_, id)| UserId::new(id));
        let group = group.and_then(|(_, id)| GroupId::new(id));
        let found = match order.kind() {
            Kind::User => user.map(Peer::User),
            Kind::Group => group.map(Peer::Group),
            Kind::Any => user.map(Peer::User).or_else(|| group.map(Peer::Group)),
        };
        let Some(peer) = found else {
            self.not_resolved(&order, format!("there is no \"{name}\"; /find shows names that begin so"));
            return;
        };
        if let (Some(title), Peer::User(_)) = (title, peer) {
            self.chat_mut(peer).title = title;
        }
        self.order(order.with_target(Target::Id(peer)), at);
    }
}

/// The one of that name, letter by letter or, failing that, as the server compares names.
fn named<'a>(name: &str, found: &(impl Iterator<Item = (&'a str, i64)> + Clone)) -> Option<(&'a str, i64)> {
    let reads_the_same = |(other, _): &(&str, i64)| names::key(other) == names::key(name);
    found.clone().find(|(other, _)| *other == name).or_else(|| found.clone().find(reads_the_same))
}

/// A one-to-one conversation learns its name from what the other side has said.
fn name_from_messages(chat: &mut Chat, me: UserId, peer: Peer) {
    if !chat.title.is_empty() || matches!(peer, Peer::Group(_)) {
        return;
    }
    if let Some(theirs) = chat.messages.values().rev().find(|message| message.sender != me) {
        chat.title = theirs.name.clone();
    }
}

fn dot(state: &str) -> &'static str {
    match presence(state) {
        Presence::Online => "●",
        Presence::Offline => "○",
    }
}

fn is(errno: Option<i64>, expected: Errno) -> bool {
    errno == Some(i64::from(expected.number()))
}

/// Whether the same request may succeed in a moment.
fn is_passing(errno: Option<i64>) -> bool {
    [Errno::Unavailable, Errno::TooFast, Errno::Internal].into_iter().any(|passing| is(errno, passing))
}
