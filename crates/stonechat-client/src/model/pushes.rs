//! What comes unasked: messages, notices, friend requests, the server's own questions.

use stonechat_protocol::ids::{GroupId, Peer, UserId};
use stonechat_protocol::msg_id::{MsgId, push};

use super::chat::Weighed;
use super::roster::Asking;
use super::{Asked, Manner, Message, Model, News};
use crate::wire::{Line, Request};

impl Model {
    pub(super) fn push(&mut self, line: Line) {
        let number = u16::try_from(line.msgid).unwrap_or(0);
        match MsgId::from_number(i64::from(number)) {
            Some(MsgId::OneChat | MsgId::GroupChat) => {
                self.message_pushed(&line);
            }
            Some(MsgId::Ping) => self.effects.push(super::Effect::Send(Request::new(MsgId::Pong).line())),
            Some(MsgId::FriendRequest) => self.friend_requested(line),
            _ if number == push::NOTICE => self.noticed(&line),
            _ => {}
        }
    }

    /// Takes in a pushed message; whether it is one that was not had before.
    pub(super) fn message_pushed(&mut self, line: &Line) -> bool {
        if self.manner == Manner::OnlySends {
            return false;
        }
        let Some((peer, message)) = self.account.id.and_then(|me| message_of(line, me)) else { return false };
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

    fn friend_requested(&mut self, line: Line) {
        let Some(user) = line.id.and_then(UserId::new) else { return };
        let name = line.name.unwrap_or_else(|| format!("user {user}"));
        let words = line.msg.unwrap_or_default();
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        self.says(format!("{name} asks to be your friend{said} (/accept {name} or /decline {name})"));
        self.roster.asking.insert(user, Asking { name, words });
    }

    fn noticed(&mut self, line: &Line) {
        let name = line.name.clone().unwrap_or_else(|| "somebody".to_owned());
        let group = line.groupid.and_then(GroupId::new);
        let place = group.map(|group| self.title(Peer::Group(group))).unwrap_or_default();
        match line.kind.as_deref().unwrap_or_default() {
            "friend_added" => self.friends_changed(format!("{name} is your friend now")),
            "friend_removed" => self.friends_changed(format!("{name} has ended the friendship")),
            "group_joined" => self.groups_changed(format!("{name} has joined {place}")),
            "group_left" => self.groups_changed(format!("{name} has left {place}")),
            "group_deleted" => {
                if let Some(group) = group {
                    self.forget(Peer::Group(group));
                }
                self.groups_changed(format!("{place} was deleted by its creator"));
            }
            "replaced" => {
                self.give_up("another login of this account took over; /connect takes it back".to_owned());
            }
            "restored" => self.says("the server's data went back to an earlier state; this client logs in again"),
            "shutdown" => self.says("the server is going down; this client comes back to it"),
            _ => {}
        }
    }

    fn friends_changed(&mut self, text: String) {
        self.says(text);
        self.ask_friends();
    }

    pub(super) fn groups_changed(&mut self, text: String) {
        self.says(text);
        self.ask(Asked::Groups(Vec::new()), Request::new(MsgId::Groups));
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

/// The message in a line of the server, and its conversation.
pub(super) fn message_of(line: &Line, me: UserId) -> Option<(Peer, Message)> {
    let message = Message {
        seq: line.seq.filter(|seq| *seq > 0)?,
        sender: UserId::new(line.id?)?,
        name: line.name.clone().unwrap_or_default(),
        text: line.msg.clone()?,
        ext: line.ext.clone(),
        at: line.at(),
    };
    Some((line.peer(me)?, message))
}
