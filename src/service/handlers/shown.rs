//! Stored messages as their reader is shown them: as pushes, and as elements of a list.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::clock::UnixMs;
use crate::ids::{Peer, UserId};
use crate::store::{Kind, Message, ReactionCount};
use crate::wire::body;
use crate::wire::reply::{self, Push, TimeText, What};

/// Messages as elements of a list.
#[must_use]
pub(crate) fn elements(messages: &[Message], reader: UserId) -> Vec<Box<RawValue>> {
    let mut time = TimeText::new(UnixMs(0));
    let shown = messages.iter().filter_map(|message| Shown::to(reader, message));
    shown.map(|shown| shown.push(&mut time).element()).collect()
}

/// A conversation's last message, for a list of conversations.
#[must_use]
pub(crate) fn last(message: &Message, reader: UserId) -> Option<Box<RawValue>> {
    let mut time = TimeText::new(UnixMs(0));
    Shown::to(reader, message).map(|shown| shown.push(&mut time).last())
}

/// A stored message, and what of it is made for its reader.
pub(crate) struct Shown<'m> {
    message: &'m Message,
    addressee: Peer,
    body: Cow<'m, str>,
    marks: String,
}

impl<'m> Shown<'m> {
    /// The message as `reader` sees it; `None` for a row whose conversation is not the reader's.
    #[must_use]
    pub(crate) fn to(reader: UserId, message: &'m Message) -> Option<Self> {
        let addressee = match message.conv.peer_of(reader)? {
            Peer::Group(group) => Peer::Group(group),
            Peer::User(peer) if message.sender.id == reader => Peer::User(peer),
            Peer::User(_) => Peer::User(reader),
        };
        let body = match &message.reaction {
            None => Cow::Borrowed(&*message.body),
            Some(given) => Cow::Owned(reply::reaction_body(&given.reaction, given.on)),
        };
        Some(Self { message, addressee, body, marks: marks(message) })
    }

    /// Its push, with its time's text in `time`.
    #[must_use]
    pub(crate) fn push<'s>(&'s self, time: &'s mut TimeText) -> Push<'s> {
        let Self { message, addressee, body, marks } = self;
        time.set(message.sent_at);
        Push {
            sender: message.sender.id,
            name: &message.sender.name,
            to: *addressee,
            what: what(message),
            body,
            time,
            seq: message.seq,
            marks,
        }
    }
}

/// What has become of a message.
fn marks(message: &Message) -> String {
    if !message.is_recalled() && message.edited_at.is_none() && message.reactions.is_empty() {
        return String::new();
    }
    let count = |count: &ReactionCount| body::ReactionCount {
        reaction: Cow::Owned(count.reaction.clone()),
        count: count.count,
        mine: count.mine,
    };
    let reactions: Vec<_> = message.reactions.iter().map(count).collect();
    reply::marks(message.edited_at, message.is_recalled(), &reactions)
}

fn what(message: &Message) -> What {
    let of = message.of;
    match message.kind {
        Kind::Message => What::Message,
        Kind::Edit => What::Edit { of },
        Kind::Recall => What::Recall { of },
        Kind::Reaction => What::Reaction { of },
    }
}
