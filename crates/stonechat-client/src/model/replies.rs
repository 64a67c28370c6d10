//! Answers to requests: what was asked is looked up by its tag, and the answer taken in.

use std::time::Instant;

use stonechat_protocol::ask::{Ask, Page};
use stonechat_protocol::body::{
    Found, FoundGroup, Friend, FriendAdded, Friends, Group, GroupJoined, Groups, History, LoggedIn, Member, OfGroup,
    Presence, Registered, Role, Stored,
};
use stonechat_protocol::errno::Errno;
use stonechat_protocol::ids::{GroupId, Peer, Seq, UserId};
use stonechat_protocol::incoming::{Entry, Refusal, Reply, ReplyError};
use stonechat_protocol::msg_id::push;
use stonechat_protocol::names;
use stonechat_protocol::tag::Tag;
use stonechat_protocol::time::UnixMs;

use super::account::about;
use super::asked::{Asked, Verdict};
use super::chat::Chat;
use super::groups::described;
use super::message::{Message, Row, row_of};
use super::outbox::Record;
use super::{Effect, Link, Model, News, RETRY_AFTER, State, TOO_OLD, stamp};
use crate::command::{Command, Kind, Target};
use crate::spool::Outcome;

impl Model {
    pub(super) fn reply(&mut self, reply: &Reply<'_>, now: Instant) {
        let asked = match &reply.tag {
            Some(Tag::Text(cid)) => return self.acknowledged(cid, reply, now),
            Some(Tag::Number(tag)) => u64::try_from(*tag).ok().and_then(|tag| self.asked.remove(&tag)),
            None => None,
        };
        if self.is_unknown(reply) {
            if asked.is_some_and(|asked| !asked.is_in_background()) {
                self.tell(News::Refused(TOO_OLD.to_owned()));
            }
            return;
        }
        let Some(asked) = asked else {
            match &reply.refused {
                Some(refusal) if refusal.is(Errno::TooLarge) => self.line_too_long(said(refusal)),
                Some(refusal) if refusal.is(Errno::NotAllowed) && self.link == Link::LoggingIn => {
                    self.wants_tls(&said(refusal), now);
                }
                Some(refusal) => self.tell(News::Refused(said(refusal))),
                None => {}
            }
            return;
        };
        match asked {
            Asked::Login => self.login_answered(reply, now),
            Asked::Register => self.register_answered(reply, now),
            Asked::History(peer, up_to) => self.history_answered(peer, up_to, reply),
            Asked::Counts(peer, up_to) => self.counts_answered(peer, up_to, reply),
            Asked::Conversations => self.conversations_answered(reply),
            Asked::LastSeen(peer, mark) => self.last_seen_answered(peer, mark, reply, now),
            Asked::Ping => {}
            _ => {
                let order = match &asked {
                    Asked::Resolve(_, order, _) => Some(order.clone()),
                    _ => None,
                };
                match (self.succeeded(asked, reply), order) {
                    (Ok(()), _) => {}
                    (Err(error), Some(order)) => self.not_resolved(&order, why(&error)),
                    (Err(error), None) => self.tell(News::Refused(why(&error))),
                }
            }
        }
    }

    /// An ERROR about a request that the server does not know: it is not made again in this session.
    fn is_unknown(&mut self, reply: &Reply<'_>) -> bool {
        let refusal = reply.refused.as_ref().filter(|refusal| refusal.is(Errno::NotFound));
        let about = refusal.filter(|_| reply.msgid == i64::from(push::ERROR)).and_then(|refusal| refusal.about);
        let number = about.and_then(|about| u16::try_from(about).ok());
        self.unknown.extend(number);
        number.is_some()
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
    fn acknowledged(&mut self, cid: &str, reply: &Reply<'_>, now: Instant) {
        let Some(outgoing) = self.outbox.find(cid).cloned() else { return };
        let (peer, cid) = (outgoing.peer, outgoing.cid.clone());
        let Some(refusal) = &reply.refused else {
            // Stored all the same, should its place not be told.
            let Stored { seq, time: at } = reply.body().unwrap_or(Stored { seq: 0, time: UnixMs(0) });
            self.record(Record::Done { cid: cid.clone() });
            if let (Some(sender), true) = (self.account.id, seq > 0) {
                let mut message = Message::new(seq, (sender, self.account.name.clone()), outgoing.text.clone(), at);
                message.ext = self.ext_of(&outgoing);
                let row = Row::Message(message);
                let is_seen = self.open == Some(peer) && self.is_watched;
                if self.chat_mut(peer).contradicts(&row) {
                    self.went_back();
                }
                let chat = self.chat_mut(peer);
                chat.insert(row, sender);
                // Who says something has read what is before it; the server counts it so.
                chat.told_read = chat.told_read.max(seq);
                if is_seen {
                    chat.read_all();
                }
                self.marks_changed = true;
            }
            self.report(&cid, Outcome::Seq(seq));
            self.tell(News::Stored { peer, cid, seq });
            return;
        };
        let why = said(refusal);
        if refusal.is_passing() {
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

    /// ERROR 403 ahead of the login: the server takes no plain lines from here.
    fn wants_tls(&mut self, said: &str, now: Instant) {
        self.effects.push(Effect::Hangup);
        self.unfit(format!("the server says: {said}. Write tls:// ahead of the host, as in --server tls://HOST"), now);
    }

    fn login_answered(&mut self, reply: &Reply<'_>, now: Instant) {
        let refusal = match reply.body() {
            Ok(login) => return self.welcome(login, now),
            Err(ReplyError::Refused(refusal)) if !refusal.is_passing() => refusal,
            Err(error) => return self.start_over(why(&error), now),
        };
        let wrong_token = refusal.is(Errno::Refused) && self.account.token.take().is_some();
        if wrong_token {
            self.effects.push(Effect::SaveAccount);
            if self.account.password.is_some() {
                self.log_in();
                return;
            }
        }
        let why = if wrong_token {
            "the saved login is no longer valid; type the password".to_owned()
        } else {
            said(&refusal)
        };
        self.account.password = None;
        self.give_up(why);
    }

    fn welcome(&mut self, login: LoggedIn<'_>, now: Instant) {
        self.link = Link::Online;
        self.backoff.reset();
        self.presence_asked = Some(now);
        self.account.id = Some(login.id);
        self.account.name = login.name.into_owned();
        self.account.token = Some(login.token.into_owned());
        self.account.password = None;
        self.compare_epoch(&login.epoch);
        self.effects.push(Effect::SaveAccount);
        let are_cut = |total: u64, listed: usize| total > listed as u64;
        let (friends_cut, groups_cut) =
            (are_cut(login.friends_total, login.friends.len()), are_cut(login.groups_total, login.groups.len()));
        self.friends_listed(Vec::new(), login.friends, friends_cut);
        self.groups_listed(Vec::new(), login.groups, groups_cut);
        let missed =
            login.offlinemsg.into_iter().flatten().map(|entry| self.pushed(entry)).filter(|is_new| *is_new).count();
        self.ask_conversations(None);
        self.tell(News::Welcome { missed });
        if let Some(open) = self.open {
            self.fetch_latest(open);
        }
    }

    fn register_answered(&mut self, reply: &Reply<'_>, now: Instant) {
        match reply.body::<Registered>() {
            Ok(_) => {
                self.account.is_new = false;
                self.log_in();
            }
            Err(ReplyError::Refused(refusal)) if !refusal.is_passing() => {
                self.account.password = None;
                self.give_up(said(&refusal));
            }
            Err(error) => self.start_over(why(&error), now),
        }
    }

    fn history_answered(&mut self, peer: Peer, up_to: Seq, reply: &Reply<'_>) {
        let (more, rows) = match reply.body::<History>() {
            Ok(page) => (Ok(page.more), self.rows_of(peer, up_to, page)),
            Err(error) => (Err(why(&error)), Vec::new()),
        };
        let Some(me) = self.account.id else { return };
        let is_open = self.open == Some(peer);
        let chat = self.chat_mut(peer);
        chat.fetching = false;
        chat.fetched = true;
        if rows.iter().any(|row| chat.contradicts(row)) {
            self.went_back();
        }
        let chat = self.chat_mut(peer);
        let before = chat.rows.len();
        for row in rows {
            chat.insert(row, me);
        }
        let has_grown = chat.rows.len() > before;
        name_from_messages(chat, me, peer);
        if more == Ok(false) {
            // Whoever may read a group from the day of joining only has no first message.
            chat.begins = chat.whole_from().unwrap_or(0);
        }
        let has_hole = chat.has_hole();
        if is_open && has_grown && has_hole {
            self.fetch_older(peer);
        }
        if let Err(why) = more {
            self.tell(News::Refused(why));
        }
    }

    /// The rows of a page. All that came before it was asked for is in its messages, and all that is on the page.
    fn rows_of(&self, peer: Peer, up_to: Seq, page: History) -> Vec<Row> {
        let Some(me) = self.account.id else { return Vec::new() };
        let up_to = page.messages.iter().map(Entry::seq).max().unwrap_or(0).max(up_to);
        let rows = page.messages.into_iter().map(|entry| row_of(entry, me));
        rows.filter(|(its_peer, _)| *its_peer == peer).map(|(_, row)| row.listed(up_to)).collect()
    }

    /// Messages as they are now, because their reactions were not certain.
    fn counts_answered(&mut self, peer: Peer, up_to: Seq, reply: &Reply<'_>) {
        let (Ok(page), Some(me)) = (reply.body::<History>(), self.account.id) else { return };
        let rows = self.rows_of(peer, up_to, page);
        let first = rows.first().map_or(0, Row::seq);
        let chat = self.chat_mut(peer);
        for row in rows.into_iter().filter(|row| chat.rows.contains_key(&row.seq())).collect::<Vec<_>>() {
            chat.insert(row, me);
        }
        chat.doubtful.retain(|of, change| *of < first || *change > up_to);
    }

    /// A request that was done is taken in.
    ///
    /// # Errors
    /// It was not done, or its reply is not understood.
    fn succeeded(&mut self, asked: Asked, reply: &Reply<'_>) -> Result<(), ReplyError> {
        if let Some(refusal) = &reply.refused {
            return Err(ReplyError::Refused(refusal.clone()));
        }
        match asked {
            Asked::Logout => self.logged_out(),
            Asked::Add => self.friend_added(reply.body()?),
            Asked::Delete(user) => {
                self.roster.friends.remove(&user);
                self.says(format!("{} is no friend any more", self.title(Peer::User(user))));
            }
            Asked::FriendRequest(user) => self.says(format!("{} was asked", self.title(Peer::User(user)))),
            Asked::Answer(user, verdict) => self.answered(user, verdict),
            Asked::Create(name) => self.group_created(&name, reply.body()?),
            Asked::Join(group) => self.join_answered(group, reply)?,
            Asked::Leave(group) => self.group_gone(group, "left"),
            Asked::DeleteGroup(group) => self.group_gone(group, "deleted"),
            Asked::Friends(before) => {
                let Friends { friends, more } = reply.body()?;
                self.friends_listed(before, friends, more);
            }
            Asked::Groups(before) => {
                let Groups { groups, more } = reply.body()?;
                self.groups_listed(before, groups, more);
            }
            Asked::Who(group) => self.members_listed(group, reply.body()?),
            Asked::Find => self.found(&reply.body()?),
            Asked::Resolve(name, order, at) => self.resolved(&name, *order, at, &reply.body()?),
            other => self.done(other, reply)?,
        }
        Ok(())
    }

    /// The same for what is newer.
    fn done(&mut self, asked: Asked, reply: &Reply<'_>) -> Result<(), ReplyError> {
        match asked {
            Asked::Change(peer, of, what) => self.change_stored(peer, of, what, &reply.body()?),
            Asked::Seen(peer, seq) => self.seen_answered(peer, seq, &reply.body()?),
            Asked::Search(number) => self.search_answered(number, reply.body()?),
            Asked::Users(list, before) => self.users_answered(list, before, reply.body()?),
            Asked::Sessions(before) => self.sessions_answered(before, reply.body()?),
            Asked::Profile => self.profile_answered(&reply.body()?),
            Asked::Erase => self.erased(),
            Asked::OwnRequests => self.own_requests_answered(&reply.body()?),
            Asked::Flags(peer) => self.flags_answered(peer, reply.body()?),
            Asked::Done(text) => self.says(text),
            Asked::DoneToFriends(text) => {
                self.says(text);
                self.ask_friends();
            }
            Asked::DoneToGroups(text) => self.groups_changed(text),
            _ => {}
        }
        Ok(())
    }

    fn logged_out(&mut self) {
        self.account.token = None;
        self.account.password = None;
        self.effects.push(Effect::SaveAccount);
        self.hang_up();
        self.tell(News::LoggedOut);
    }

    fn friend_added(&mut self, added: FriendAdded<'_>) {
        let FriendAdded { friendid: user, name, state, waiting } = added;
        let name = name.into_owned();
        if waiting {
            return self.says(format!("{name} was asked"));
        }
        let presence = state.unwrap_or_default();
        self.roster.friends.insert(user, super::roster::Friend { name: name.clone(), presence, about: None });
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

    fn group_created(&mut self, name: &str, OfGroup { groupid: group }: OfGroup) {
        self.groups_changed(format!("group {name} is there, number {group}; others /join {group}"));
        name.clone_into(&mut self.chat_mut(Peer::Group(group)).title);
        self.tell(News::Opened(Peer::Group(group)));
    }

    pub(super) fn group_joined(&mut self, joined: GroupJoined) {
        let GroupJoined { groupid: group, groupname, groupdesc, users, total, join, speak, history, .. } = joined;
        self.says(format!("you are in {groupname} now; /history shows what was said before"));
        let entry = Group { id: group, groupname, groupdesc, users, total, join, speak, history, role: Role::Normal };
        self.roster.groups.insert(group, entry);
        self.tell(News::Opened(Peer::Group(group)));
    }

    fn group_gone(&mut self, group: GroupId, how: &str) {
        let text = format!("you have {how} {}", self.title(Peer::Group(group)));
        self.roster.groups.remove(&group);
        self.forget(Peer::Group(group));
        self.says(text);
    }

    /// A page of the list. The list is taken when all of it is here: a user on a later page is a friend all the same.
    fn friends_listed(&mut self, mut pages: Vec<Friend>, page: Vec<Friend>, more: bool) {
        pages.extend(page);
        match pages.last().map(|last| last.id).filter(|_| more) {
            Some(last) => {
                self.ask(Asked::Friends(pages), Ask::Friends(Page::after(last)));
            }
            None => self.roster.set_friends(pages),
        }
    }

    fn groups_listed(&mut self, mut pages: Vec<Group>, page: Vec<Group>, more: bool) {
        pages.extend(page);
        match pages.last().map(|last| last.id).filter(|_| more) {
            Some(last) => {
                self.ask(Asked::Groups(pages), Ask::Groups(Page::after(last)));
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

    fn members_listed(&mut self, group: GroupId, listed: Groups) {
        let Some(entry) = listed.groups.into_iter().next() else { return };
        let kind = described(entry.join, entry.speak, entry.history);
        let heading = format!("{} ({}): {}\n  ({kind})", entry.groupname, entry.total, entry.groupdesc);
        let member = |member: &Member| {
            let role = match member.role {
                Role::Creator => ", creator",
                Role::Admin => ", admin",
                Role::Normal => "",
            };
            let about = about(member.ext.as_ref()).map_or_else(String::new, |about| format!(": {about}"));
            format!("  {} {} (user {}{role}){about}", dot(member.state), member.name, member.id)
        };
        let members: Vec<String> = entry.users.iter().map(member).collect();
        self.says(format!("{heading}\n{}", members.join("\n")));
        self.roster.groups.insert(group, entry);
    }

    fn found(&mut self, found: &Found) {
        if found.users.is_empty() && found.groups.is_empty() {
            self.says("nobody and nothing by that name");
            return;
        }
        let user = |user: &Friend| format!("  {} {} (user {})", dot(user.state), user.name, user.id);
        let group = |group: &FoundGroup| format!("  # {} (group {}) {}", group.groupname, group.id, group.groupdesc);
        let lines: Vec<String> = found.users.iter().map(user).chain(found.groups.iter().map(group)).collect();
        self.says(format!("found:\n{}", lines.join("\n")));
    }

    /// Somebody was looked up by name for an order; now it can be carried out.
    fn resolved(&mut self, name: &str, mut order: Command, at: UnixMs, found: &Found) {
        let user = named(name, &found.users.iter().map(|user| (user.name.as_str(), user.id)));
        let group = named(name, &found.groups.iter().map(|group| (group.groupname.as_str(), group.id)));
        let title = user.map(|(title, _)| title.to_owned());
        let (user, group) = (user.map(|(_, id)| id), group.map(|(_, id)| id));
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
fn named<'a, T>(name: &str, found: &(impl Iterator<Item = (&'a str, T)> + Clone)) -> Option<(&'a str, T)> {
    let reads_the_same = |(other, _): &(&str, T)| names::key(other) == names::key(name);
    found.clone().find(|(other, _)| *other == name).or_else(|| found.clone().find(reads_the_same))
}

/// A one-to-one conversation learns its name from what the other side has said.
fn name_from_messages(chat: &mut Chat, me: UserId, peer: Peer) {
    if !chat.title.is_empty() || matches!(peer, Peer::Group(_)) {
        return;
    }
    let theirs = chat.messages().rev().find(|message| message.sender != me).map(|message| message.name.clone());
    chat.title.extend(theirs);
}

fn dot(state: Presence) -> &'static str {
    match state {
        Presence::Online => "●",
        Presence::Offline => "○",
    }
}

/// Why a request was not done, for a person.
pub(super) fn why(error: &ReplyError) -> String {
    match error {
        ReplyError::Refused(refusal) => said(refusal),
        ReplyError::Unreadable(_) => "the server's answer is not understood".to_owned(),
    }
}

fn said(refusal: &Refusal) -> String {
    let Refusal { errno, errmsg, until, .. } = refusal;
    let until = until.map_or_else(String::new, |until| format!(" (until {})", stamp(until)));
    if errmsg.is_empty() { format!("the server refused it (errno {errno}){until}") } else { format!("{errmsg}{until}") }
}
