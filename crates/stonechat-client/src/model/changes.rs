//! Messages that are changed after they were said: edit, recall, react; and those that answer another one.
//!
//! Orders of this kind are not kept while there is no connection: what they are about may be another thing by then.

use std::time::{Duration, Instant};

use serde_json::value::to_raw_value;
use stonechat_protocol::ask::{Ask, ConversationAsk, EventAsk, Page};
use stonechat_protocol::body::EventStored;
use stonechat_protocol::ids::{Peer, Seq, UserId};
use stonechat_protocol::msg_id::MsgId;
use stonechat_protocol::request::Range;
use stonechat_protocol::time::UnixMs;

use super::asked::Asked;
use super::message::{Row, What};
use super::{Change, Letter, Link, Message, Model, News, is_due};
use crate::command::MessageOrder;

/// How often the reactions to messages of the open conversation are counted anew, at most.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Messages whose reactions are counted by one request.
const COUNTED_MAX: u64 = 100;

impl Model {
    /// Does something about a message of the open conversation.
    pub(super) fn message_order(&mut self, order: MessageOrder, at: UnixMs) {
        let (Some(peer), Some(me)) = (self.open, self.account.id) else {
            self.tell(News::Refused("which message? Open its conversation first: /chat NAME".to_owned()));
            return;
        };
        match order {
            MessageOrder::Edit(of, text) => match self.message_to(peer, of, |message| message.is_present_of(me)) {
                Ok(message) => self.edit(peer, &message.clone(), &text),
                Err(why) => self.tell(News::Refused(why)),
            },
            MessageOrder::Recall(of) => {
                let of = self.message_to(peer, of, |message| message.is_present_of(me)).map(|message| message.seq);
                self.change(peer, of, &What::Recalled);
            }
            MessageOrder::React(of, reaction) => {
                let of = self.message_to(peer, of, |message| !message.is_recalled).map(|message| message.seq);
                let reaction = crate::reactions::meant(&reaction).to_owned();
                self.change(peer, of, &What::Reacted { reaction, on: true });
            }
            MessageOrder::Unreact(of, reaction) => self.unreact(peer, of, reaction.as_deref()),
            MessageOrder::Reply(of, text) => {
                let theirs = |message: &Message| message.sender != me && !message.is_recalled;
                match self.message_to(peer, of, theirs).map(|message| message.seq) {
                    Ok(re) => self.reply_to(peer, re, &text, at),
                    Err(why) => self.tell(News::Refused(why)),
                }
            }
            MessageOrder::Seen(of) => match self.message_to(peer, of, |message| message.sender == me) {
                Ok(message) => {
                    let (seq, page) = (message.seq, Page::default());
                    self.ask_or_say(Asked::Seen(peer, seq), Ask::Conversation(ConversationAsk::Receipts(peer, page)));
                }
                Err(why) => self.tell(News::Refused(why)),
            },
        }
    }

    /// Answers a message.
    pub(crate) fn reply_to(&mut self, peer: Peer, re: Seq, text: &str, at: UnixMs) {
        let cid = self.next_cid();
        self.say_as(&cid, Letter { peer, text, re: Some(re) }, at);
    }

    /// One's last message that can be changed, if the server can.
    pub(crate) fn last_own(&self, peer: Peer) -> Option<&Message> {
        let me = self.account.id.filter(|_| !self.unknown.contains(&MsgId::Edit.number()))?;
        self.chats.get(&peer)?.messages().rev().find(|message| message.is_present_of(me))
    }

    /// The message with this number; or the last one that fits.
    fn message_to(&self, peer: Peer, of: Option<Seq>, fits: impl Fn(&Message) -> bool) -> Result<&Message, String> {
        let chat = self.chats.get(&peer);
        match of {
            Some(seq) => chat
                .and_then(|chat| chat.message(seq))
                .ok_or_else(|| format!("message #{seq} is not here: /history fetches older ones")),
            None if self.outbox.iter().any(|outgoing| outgoing.peer == peer) => {
                Err("a message of yours is not stored yet: wait for it, or name one by its number".to_owned())
            }
            None => chat
                .and_then(|chat| chat.messages().rev().find(|message| fits(message)))
                .ok_or_else(|| "there is no such message here: name one by its number, as #12".to_owned()),
        }
    }

    /// Gives a message another text. What is beside its text (what it answers) stays.
    pub(crate) fn edit(&mut self, peer: Peer, message: &Message, text: &str) {
        let ext = message.ext.as_ref().and_then(|ext| to_raw_value(ext).ok());
        let request = EventAsk::Edit { peer, of: message.seq, msg: text, cid: None, ext: ext.as_deref() };
        let what = What::Edited(Some((text.to_owned(), message.ext.clone())));
        self.ask_or_say(Asked::Change(peer, message.seq, what), Ask::Event(request));
    }

    fn change(&mut self, peer: Peer, of: Result<Seq, String>, what: &What) {
        let of = match of {
            Ok(of) => of,
            Err(why) => return self.tell(News::Refused(why)),
        };
        let asked = Asked::Change(peer, of, what.clone());
        let request = match what {
            What::Reacted { reaction, on } => EventAsk::React { peer, of, reaction, on: *on, cid: None },
            _ => EventAsk::Recall { peer, of, cid: None },
        };
        self.ask_or_say(asked, Ask::Event(request));
    }

    fn unreact(&mut self, peer: Peer, of: Option<Seq>, reaction: Option<&str>) {
        let has_mine = |message: &Message| message.reactions.iter().any(|reaction| reaction.mine);
        let (of, mine) = match self.message_to(peer, of, has_mine) {
            Ok(message) => {
                let mine = message.reactions.iter().filter(|reaction| reaction.mine);
                let mine: Vec<String> = mine.map(|reaction| reaction.reaction.clone().into_owned()).collect();
                (message.seq, mine)
            }
            Err(why) => return self.tell(News::Refused(why)),
        };
        let given = reaction.map(|reaction| vec![crate::reactions::meant(reaction).to_owned()]);
        for reaction in given.unwrap_or(mine) {
            self.change(peer, Ok(of), &What::Reacted { reaction, on: false });
        }
    }

    /// The server has made a change of one's own.
    pub(super) fn change_stored(&mut self, peer: Peer, of: Seq, what: What, stored: &EventStored) {
        let (Some(seq), Some(at), Some(sender)) = (stored.seq, stored.time, self.account.id) else {
            // It was so already: a message of this conversation is not known as it is.
            let up_to = self.known_up_to(peer);
            self.chat_mut(peer).doubtful.insert(of, up_to);
            return;
        };
        let change = Change { seq, sender, name: self.account.name.clone(), at, of, what };
        let row = Row::Change(change);
        if self.chat_mut(peer).contradicts(&row) {
            self.went_back();
        }
        self.chat_mut(peer).insert(row, sender);
        self.marks_changed = true;
    }

    /// Asks for messages of the open conversation whose reactions are not certain.
    pub(super) fn count_anew(&mut self, now: Instant) {
        let Some(peer) = self.open.filter(|_| self.link == Link::Online) else { return };
        let doubtful = self.chats.get(&peer).map(|chat| &chat.doubtful);
        let Some((&last, _)) = doubtful.and_then(|doubtful| doubtful.last_key_value()) else { return };
        let first = doubtful.and_then(|doubtful| doubtful.first_key_value()).map_or(last, |(first, _)| *first);
        if !is_due(self.counted, COUNT_EVERY, now) {
            return;
        }
        self.counted = Some(now);
        let limit = u32::try_from((last - first + 1).min(COUNTED_MAX)).ok();
        let up_to = self.known_up_to(peer);
        let request = Ask::History { peer, range: Range::Before(last + 1), limit };
        self.ask(Asked::Counts(peer, up_to), request);
    }

    /// Who has said or done something: by the name that came with it; who is erased has none.
    pub(crate) fn name_of(&self, user: UserId, told: &str) -> String {
        if told.is_empty() { self.title(Peer::User(user)) } else { told.to_owned() }
    }
}
