//! What comes unasked: messages, notices, friend requests, the server's own questions.

use stonechat_protocol::ask::{Ask, Page};
use stonechat_protocol::ids::{GroupId, Peer, UserId};
use stonechat_protocol::incoming::{Entry, FriendRequest, Incoming};
use stonechat_protocol::reply::Notice;

use super::chat::Weighed;
use super::message::{Row, row_of};
use super::roster::Asking;
use super::{Asked, Manner, Model, News};

impl Model {
    pub(super) fn push(&mut self, push: Incoming<'_>) {
        match push {
            Incoming::Message(message) => {
                self.pushed(Entry::Message(message));
            }
            Incoming::Event(event) => {
                self.pushed(Entry::Event(event));
            }
            Incoming::Ping => self.effects.push(super::Effect::Send(Ask::Pong.line(None))),
            Incoming::FriendRequest(asked) => self.friend_requested(asked),
            Incoming::Notice(notice) => self.noticed(&notice),
            Incoming::GroupInvite(invite) => self.invited(invite),
            Incoming::Receipt(receipt) => self.receipt(&receipt),
            Incoming::Typing(typing) => self.typing(typing),
            Incoming::Reply(_) | Incoming::Unknown(_) => {}
        }
    }

    /// Takes in a pushed message, or a change of one; whether it is a message that was not had before.
    pub(super) fn pushed(&mut self, entry: Entry) -> bool {
        if self.manner == Manner::OnlySends {
            return false;
        }
        let Some(me) = self.account.id else { return false };
        let (peer, row) = row_of(entry, me);
        match self.chat_mut(peer).weigh(&row) {
            Weighed::NewOrHad => {}
            Weighed::AnotherThanBefore => self.went_back(),
            Weighed::Doubtful => {
                self.doubt(peer, row);
                return false;
            }
        }
        self.take_in(peer, row)
    }

    /// Takes in a row of which there is no doubt; whether it is a message that was not had before.
    pub(super) fn take_in(&mut self, peer: Peer, row: Row) -> bool {
        let Some(me) = self.account.id else { return false };
        let is_open = self.open == Some(peer);
        let is_seen = is_open && self.is_watched;
        self.note_unconfirmed(peer, row.seq());
        self.typists.has_said(peer, row.sender());
        let chat = self.chat_mut(peer);
        let is_new = chat.pushed(&row);
        chat.insert(row.clone(), me);
        if let Row::Message(message) = &row {
            if matches!(peer, Peer::User(_)) && message.sender != me && !message.name.is_empty() {
                chat.title.clone_from(&message.name);
            }
            if is_new {
                chat.count_message(message, me, is_seen);
            }
        }
        if is_seen {
            chat.read_all();
        }
        let is_whole = !chat.has_hole();
        if is_open && !is_whole {
            self.fetch_older(peer);
        }
        match row {
            _ if !is_new => {}
            Row::Message(message) => {
                self.tell(News::Message(peer, message));
                return true;
            }
            Row::Change(change) => self.tell(News::Changed(peer, change)),
        }
        false
    }

    fn friend_requested(&mut self, asked: FriendRequest) {
        let FriendRequest { id: user, name, msg: words } = asked;
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        self.says(format!("{name} asks to be your friend{said} (/accept {name} or /decline {name})"));
        self.roster.asking.insert(user, Asking { name, words });
    }

    fn noticed(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::FriendAdded { name, .. } => self.friends_changed(format!("{name} is your friend now")),
            Notice::FriendRemoved { name, .. } => self.friends_changed(format!("{name} has ended the friendship")),
            Notice::GroupJoined { groupid, name, .. } => {
                let place = self.title(Peer::Group(*groupid));
                self.groups_changed(format!("{name} has joined {place}"));
            }
            Notice::GroupLeft { groupid, id, name, by } => self.left(*groupid, (*id, name), *by),
            Notice::GroupDeleted { groupid } => {
                let place = self.title(Peer::Group(*groupid));
                self.forget(Peer::Group(*groupid));
                self.groups_changed(format!("{place} was deleted by its creator"));
            }
            Notice::Replaced => {
                self.give_up("another login of this account took over; /connect takes it back".to_owned());
            }
            Notice::Restored => self.says("the server's data went back to an earlier state; this client logs in again"),
            Notice::Shutdown => self.says("the server is going down; this client comes back to it"),
            Notice::Broadcast { text } => self.says(format!("from who runs the server: {text}")),
            Notice::Ended => self.ended(),
            Notice::Presence { id, state } => self.presence_told(*id, *state),
            Notice::Profile { id, name, ext } => self.profile_told(*id, name, ext.as_ref()),
            Notice::ConversationSet { id, groupid, muted, pinned } => {
                let peer = groupid.map(Peer::Group).or_else(|| id.map(Peer::User));
                if let Some(peer) = peer {
                    self.take_flags(peer, *muted, *pinned);
                }
            }
            Notice::GroupChanged { .. }
            | Notice::GroupRole { .. }
            | Notice::GroupMuted { .. }
            | Notice::GroupAsked { .. } => self.group_noticed(notice),
            Notice::Unknown => {}
        }
    }

    fn left(&mut self, group: GroupId, (user, name): (UserId, &str), by: Option<UserId>) {
        let place = self.title(Peer::Group(group));
        let by = by.map(|by| self.title(Peer::User(by)));
        let is_me = Some(user) == self.account.id;
        if is_me {
            self.forget(Peer::Group(group));
        }
        self.groups_changed(match by {
            Some(by) if is_me => format!("{by} has sent you away from {place}"),
            Some(by) => format!("{by} has sent {name} away from {place}"),
            None => format!("{name} has left {place}"),
        });
    }

    fn friends_changed(&mut self, text: String) {
        self.says(text);
        self.ask_friends();
    }

    pub(super) fn groups_changed(&mut self, text: String) {
        self.says(text);
        self.ask(Asked::Groups(Vec::new()), Ask::Groups(Page::default()));
    }

    /// A conversation is no more.
    pub(super) fn forget(&mut self, peer: Peer) {
        self.chats.remove(&peer);
        self.unconfirmed.remove(&peer);
        self.marks_changed = true;
        if self.open == Some(peer) {
            self.open = None;
        }
    }
}
