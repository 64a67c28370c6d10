//! What was read, and what is not: by oneself on whatever device, and by the others.
//!
//! ```text
//!   login ---CONVERSATIONS---> unread counts, who has read what           (a server that does not know it: as counted here)
//!   a conversation is shown ---READ--->        RECEIPT ---> ticks, or "read on another device"
//! ```

use stonechat_protocol::ask::{Ask, ConversationAsk};
use stonechat_protocol::body::{Conversation, ConversationFlags, Conversations, ReceiptEntry, Receipts};
use stonechat_protocol::ids::{Peer, Seq, UserId};
use stonechat_protocol::incoming::{Receipt, Reply};

use super::asked::Asked;
use super::chat::Flags;
use super::{Chat, Effect, Manner, Message, Model};
use crate::command::Flag;

/// The largest page.
const PAGE: u32 = 200;

/// How far a message of one's own has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Progress {
    Stored,
    Delivered,
    Read,
}

impl Chat {
    /// How far a message of one's own in a conversation of two has come.
    pub(crate) fn progress(&self, seq: Seq) -> Progress {
        if self.peer_read >= seq {
            Progress::Read
        } else if self.peer_delivered >= seq {
            Progress::Delivered
        } else {
            Progress::Stored
        }
    }

    /// The other one has received and read as far as this.
    fn note_peer(&mut self, delivered: Seq, read: Seq) {
        self.peer_read = self.peer_read.max(read);
        self.peer_delivered = self.peer_delivered.max(delivered).max(read);
    }

    /// A new message of this user came; `is_seen`: somebody looks at it.
    pub(super) fn count_message(&mut self, message: &Message, me: UserId, is_seen: bool) {
        // Who says something has read what is before it.
        if message.sender == me {
            return self.read_elsewhere(message.seq, me);
        }
        self.note_peer(message.seq, message.seq);
        if !is_seen && message.seq > self.counted {
            self.mark.unread = self.mark.unread.saturating_add(1);
        }
    }

    /// It was read on another device.
    fn read_elsewhere(&mut self, read: Seq, me: UserId) {
        if read <= self.mark.read {
            return;
        }
        self.mark.read = read;
        self.told_read = self.told_read.max(read);
        self.mark.unread = self.unread_above(read, me);
    }

    /// Messages of others that are here above this number.
    fn unread_above(&self, seq: Seq, me: UserId) -> u32 {
        let above = self.rows.range(seq + 1..).filter_map(|(_, row)| row.message());
        u32::try_from(above.filter(|message| message.sender != me).count()).unwrap_or(u32::MAX)
    }
}

impl Model {
    /// After the login: how the conversations are. What a server says who does not know it turns all of this off.
    pub(super) fn ask_conversations(&mut self, after: Option<&str>) {
        if self.manner == Manner::Shows {
            let request = ConversationAsk::List { after, limit: Some(PAGE) };
            self.ask(Asked::Conversations, Ask::Conversation(request));
        }
    }

    /// A refusal is passed over: it is asked again after a while.
    pub(super) fn conversations_answered(&mut self, reply: &Reply<'_>) {
        let Ok(Conversations { conversations, more, next }) = reply.body() else { return };
        self.tells_conversations = true;
        for entry in conversations {
            self.take_conversation(entry);
        }
        self.marks_changed = true;
        if let Some(next) = next.filter(|_| more) {
            self.ask_conversations(Some(&next));
        }
    }

    fn take_conversation(&mut self, entry: Conversation) {
        let (Some(peer), Some(me)) = (entry.peer(), self.account.id) else { return };
        let is_seen = self.open == Some(peer) && self.is_watched;
        let chat = self.chat_mut(peer);
        if let Some(name) = entry.name.or(entry.groupname) {
            chat.title = name;
        }
        chat.is_erased = entry.erased;
        chat.flags = Flags { is_muted: entry.muted, is_pinned: entry.pinned };
        chat.note_peer(entry.peer_delivered.unwrap_or(0), entry.peer_read.unwrap_or(0));
        if let Some(last) = entry.last {
            chat.mark.latest_ms = chat.mark.latest_ms.max(last.time().0);
        }
        chat.counted = entry.last_seq;
        chat.told_read = entry.read;
        if is_seen {
            chat.read_all();
        } else if entry.read >= chat.mark.read {
            chat.mark.read = entry.read;
            chat.mark.unread = entry.unread.saturating_add(chat.unread_above(entry.last_seq, me));
        }
    }

    /// What is shown was read, or will be said to be read in a moment.
    pub(super) fn is_told_as_read(&self, peer: Peer, seq: Seq) -> bool {
        let chat = self.chats.get(&peer).filter(|_| self.tells_conversations);
        chat.is_some_and(|chat| chat.mark.read >= seq && chat.mark.read > chat.told_read)
    }

    /// Tells the server what was read since it was told last.
    pub(super) fn tell_read(&mut self) {
        if !self.tells_conversations {
            return;
        }
        for (peer, chat) in &mut self.chats {
            if chat.mark.read > chat.told_read {
                chat.told_read = chat.mark.read;
                let request = ConversationAsk::Read { peer: *peer, seq: chat.mark.read };
                self.effects.push(Effect::Send(Ask::Conversation(request).line(None)));
            }
        }
    }

    /// Somebody looks at the screen again, or no longer: what comes meanwhile is not read.
    pub(crate) fn watch(&mut self, is_watched: bool) {
        let was_watched = std::mem::replace(&mut self.is_watched, is_watched);
        if let (true, false, Some(open)) = (is_watched, was_watched, self.open) {
            let chat = self.chat_mut(open);
            if chat.mark.unread > 0 {
                chat.open();
            }
            self.marks_changed = true;
        }
    }

    pub(super) fn receipt(&mut self, receipt: &Receipt) {
        let Some(me) = self.account.id else { return };
        let peer = receipt.peer(me);
        let Some(chat) = self.chats.get_mut(&peer) else { return };
        let (delivered, read) = (receipt.delivered.unwrap_or(0), receipt.read.unwrap_or(0));
        if receipt.user == me {
            chat.read_elsewhere(read, me);
            self.marks_changed = true;
        } else if matches!(peer, Peer::User(_)) {
            chat.note_peer(delivered, read);
        }
    }

    /// Who has received and read a message.
    pub(super) fn seen_answered(&mut self, peer: Peer, seq: Seq, receipts: &Receipts) {
        let name = |user: UserId| self.title(Peer::User(user));
        let others = receipts.receipts.iter().copied().filter(|entry| Some(entry.id) != self.account.id);
        let (read, others): (Vec<ReceiptEntry>, Vec<ReceiptEntry>) = others.partition(|entry| entry.read >= seq);
        let read: Vec<String> = read.into_iter().map(|entry| name(entry.id)).collect();
        let arrived = others.into_iter().filter(|entry| entry.delivered >= seq);
        let arrived: Vec<String> = arrived.map(|entry| name(entry.id)).collect();
        let or_nobody = |names: Vec<String>| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let more = if receipts.more { "\n  and maybe others" } else { "" };
        let place = self.title(peer);
        let (read, arrived) = (or_nobody(read), or_nobody(arrived));
        self.says(format!("message #{seq} in {place} was read by: {read}\n  received, not read: {arrived}{more}"));
    }

    /// How one looks at a conversation.
    pub(super) fn set_flag(&mut self, peer: Peer, flag: Flag) {
        let (muted, pinned) = match flag {
            Flag::Mute => (Some(true), None),
            Flag::Unmute => (Some(false), None),
            Flag::Pin => (None, Some(true)),
            Flag::Unpin => (None, Some(false)),
        };
        self.ask_or_say(Asked::Flags(peer), Ask::Conversation(ConversationAsk::Set { peer, muted, pinned }));
    }

    pub(super) fn flags_answered(&mut self, peer: Peer, flags: ConversationFlags) {
        self.take_flags(peer, flags.muted, flags.pinned);
        let attention = if flags.muted { "muted" } else { "not muted" };
        let place = if flags.pinned { "on top of the list" } else { "not pinned" };
        self.says(format!("{}: {attention}, {place}", self.title(peer)));
    }

    pub(super) fn take_flags(&mut self, peer: Peer, muted: bool, pinned: bool) {
        self.chat_mut(peer).flags = Flags { is_muted: muted, is_pinned: pinned };
    }
}
