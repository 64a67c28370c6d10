//! ONE_CHAT, GROUP_CHAT, and the events EDIT, RECALL and REACT: from a parsed request to what a lane commits. Runs in the reactor.

use std::time::Duration;

use crate::clock::UnixMs;
use crate::config::Config;
use crate::ids::{Peer, Seq, UserId};
use crate::store::{Append, Change, Content, Event};
use crate::wire::errno::Errno;
use crate::wire::request::{Bounds, Chat, Edit, Envelope, React, Recall, Request, RequestError};

/// A request for a lane.
pub(crate) struct ToAppend {
    to: Peer,
    cid: Option<Box<str>>,
    said: Said,
}

enum Said {
    Message(Box<str>),
    Event { of: Seq, change: Change },
}

/// Reads a request for a lane.
pub(crate) type ParseToAppend = fn(&Envelope<'_>, Bounds) -> Result<ToAppend, RequestError>;

/// ONE_CHAT.
///
/// # Errors
/// As any request; so the others.
pub(crate) fn to_user(line: &Envelope<'_>, bounds: Bounds) -> Result<ToAppend, RequestError> {
    Chat::to_user(line, bounds).map(ToAppend::message)
}

/// GROUP_CHAT.
pub(crate) fn to_group(line: &Envelope<'_>, bounds: Bounds) -> Result<ToAppend, RequestError> {
    Chat::to_group(line, bounds).map(ToAppend::message)
}

/// EDIT.
pub(crate) fn edit(line: &Envelope<'_>, bounds: Bounds) -> Result<ToAppend, RequestError> {
    let Edit { peer, of, cid, body } = Edit::parse(line, bounds)?;
    Ok(ToAppend { to: peer, cid, said: Said::Event { of, change: Change::Edit(body) } })
}

/// RECALL.
pub(crate) fn recall(line: &Envelope<'_>, bounds: Bounds) -> Result<ToAppend, RequestError> {
    let Recall { peer, of, cid } = Recall::parse(line, bounds)?;
    Ok(ToAppend { to: peer, cid, said: Said::Event { of, change: Change::Recall } })
}

/// REACT.
pub(crate) fn react(line: &Envelope<'_>, bounds: Bounds) -> Result<ToAppend, RequestError> {
    let React { peer, of, reaction, on, cid } = React::parse(line, bounds)?;
    Ok(ToAppend { to: peer, cid, said: Said::Event { of, change: Change::React { reaction, on } } })
}

impl ToAppend {
    fn message(Chat { to, cid, body }: Chat) -> Self {
        Self { to, cid, said: Said::Message(body) }
    }
}

/// What the settings say about messages and events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rules {
    /// One-to-one messages are let through between friends only.
    pub friends_only: bool,
    /// How long the author may edit and recall; `None`: for ever.
    pub changeable: Option<Duration>,
    /// How many different reactions a message may have; `None`: any number.
    pub reactions_max: Option<u32>,
}

impl Rules {
    /// Those of these settings.
    #[must_use]
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            friends_only: config.friends_only,
            changeable: config.messages.edit,
            reactions_max: config.quota.reactions,
        }
    }
}

/// What the lane needs. Membership, rights and the addressee's existence are the store's to check, in the transaction.
///
/// # Errors
/// A message to oneself.
pub(crate) fn prepare(sender: UserId, request: ToAppend, rules: Rules, now: UnixMs) -> Result<Append, RequestError> {
    let ToAppend { to, cid, said } = request;
    let is_message = matches!(said, Said::Message(_));
    if to == Peer::User(sender) {
        let text = if is_message { "`toid` is the sender" } else { "`id` is the sender" };
        return Err(RequestError { errno: Errno::Malformed, text: text.to_owned() });
    }
    let body = match said {
        Said::Message(body) => Content::Message(body),
        Said::Event { of, change } => {
            let ago = rules.changeable.map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
            let changeable_since = UnixMs(ago.map_or(i64::MIN, |ago| now.0.saturating_sub(ago)));
            let event = Event { of, change, changeable_since, reactions_max: rules.reactions_max };
            Content::Event(Box::new(event))
        }
    };
    let friends_only = rules.friends_only && is_message && matches!(to, Peer::User(_));
    Ok(Append { sender, to, cid, body, sent_at: now, friends_only, known_end: 0 })
}
