//! What comes unasked: messages, notices, friend requests, the server's own questions.

use stonechat_protocol::ask::{Ask, Page};
use stonechat_protocol::ids::{Peer, UserId};
use stonechat_protocol::incoming::{self, FriendRequest, Incoming};
use stonechat_protocol::reply::Notice;

use super::chat::Weighed;
use super::roster::Asking;
use super::{Asked, Manner, Message, Model, News};

impl Model {
    pub(super) fn push(&mut self, push: Incoming<'_>) {
        match push {
            Incoming::Message(message) => {
                self.message_pushed(message);
            }
            Incoming::Ping => self.effects.push(super::Effect::Send(Ask::Pong.line(None))),
            Incoming::FriendRequest(asked) => self.friend_requested(asked),
            Incoming::Notice(notice) => self.noticed(&notice),
            Incoming::Reply(_) | Incoming::Unknown(_) => {}
        }
    }

    /// Takes in a pushed message; whether it is one that was not had before.
    pub(super) fn message_pushed(&mut self, message: incoming::Message) -> bool {
        if self.manner == Manner::OnlySends {
            return false;
        }
        let Some(me) = self.account.id else { return false };
        let (peer, message) = message_of(message, me);
        match self.chat_mut(peer).weigh(&message) {
            Weighed::NewOrHad => {}
            Weighed::AnotherThanBefore => self.went_back(),
            Weighed::Doubtful => {
                self.doubt(peer, message);
                return false;
            }
        }
        self.take_in(peer, message)
    }

    /// Takes in a message of which there is no doubt; whether it is one that was not had before.
    pub(super) fn take_in(&mut self, peer: Peer, message: Message) -> bool {
        let is_mine = Some(message.sender) == self.account.id;
        let is_open = self.open == Some(peer);
        self.note_unconfirmed(peer, message.seq);
        if let (Peer::User(_), false) = (peer, is_mine) {
            self.chat_mut(peer).title.clone_from(&message.name);
        }
        let chat = self.chat_mut(peer);
        let is_new = chat.pushed(&message);
        chat.insert(message.clone());
        if is_new && !is_mine && !is_open {
            chat.mark.unread += 1;
        } else if is_open {
            chat.read_all();
        }
        let is_whole = !chat.has_hole();
        if is_open && !is_whole {
            self.fetch_older(peer);
        }
        if is_new {
            self.tell(News::Message(peer, message));
        }
        is_new
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
            Notice::GroupLeft { groupid, name, .. } => {
                let place = self.title(Peer::Group(*groupid));
                self.groups_changed(format!("{name} has left {place}"));
            }
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
            Notice::Unknown => {}
        }
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

/// A message of the server, and its conversation as `me` sees it.
pub(super) fn message_of(message: incoming::Message, me: UserId) -> (Peer, Message) {
    let peer = message.peer(me);
    let incoming::Message { sender, name, msg: text, ext, time: at, seq, .. } = message;
    let ext = ext.and_then(|raw| serde_json::from_str(raw.get()).ok());
    (peer, Message { seq, sender, name, text, ext, at })
}
