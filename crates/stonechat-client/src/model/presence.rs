//! Who is typing, and that one is typing oneself. Nothing of it is kept, and nothing is lost with it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stonechat_protocol::ask::{Ask, ConversationAsk};
use stonechat_protocol::body::Presence;
use stonechat_protocol::ids::{Peer, UserId};
use stonechat_protocol::incoming::Typing;

use super::{Effect, Model, is_due};

/// One's own typing is told at most this often: a little longer than what the server passes on.
const TELL_EVERY: Duration = Duration::from_millis(3500);

/// Who was typing is not any more when nothing has come for so long.
const HOLDS_FOR: Duration = Duration::from_secs(8);

/// Who types where.
#[derive(Debug, Default)]
pub(crate) struct Typists {
    /// With the name, and when it was heard of.
    others: BTreeMap<(Peer, UserId), (String, Option<Instant>)>,
    /// One is typing here, and it is to be told as soon as it may be.
    here: Option<Peer>,
    /// When it was told last, and of where.
    told: Option<(Peer, Instant)>,
}

impl Typists {
    /// One has said something: what is typed next is another message.
    pub(super) fn said(&mut self, peer: Peer) {
        self.here = self.here.filter(|here| *here != peer);
    }

    /// Who has said something is done typing.
    pub(super) fn has_said(&mut self, peer: Peer, user: UserId) {
        self.others.remove(&(peer, user));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Model {
    /// One is typing in the open conversation; a text, no command.
    pub(crate) fn types(&mut self) {
        self.typists.here = self.open;
    }

    /// The names of those who are typing in a conversation.
    pub(crate) fn typing_in(&self, peer: Peer) -> Vec<&str> {
        let here = self.typists.others.iter().filter(|((place, _), _)| *place == peer);
        here.map(|(_, (name, _))| name.as_str()).collect()
    }

    pub(super) fn typing(&mut self, typing: Typing) {
        if Some(typing.id) != self.account.id {
            // The time is filled in by the next tick: a push knows none.
            self.typists.others.insert((typing.peer(), typing.id), (typing.name, None));
        }
    }

    pub(super) fn typing_passes(&mut self, now: Instant) {
        for (_, heard) in self.typists.others.values_mut() {
            heard.get_or_insert(now);
        }
        self.typists.others.retain(|_, (_, heard)| !is_due(*heard, HOLDS_FOR, now));
        let here = self.typists.here.filter(|here| self.tells_conversations && self.open == Some(*here));
        let Some(peer) = here else { return };
        let last = self.typists.told.filter(|(told, _)| *told == peer).map(|(_, at)| at);
        if is_due(last, TELL_EVERY, now) {
            self.typists.here = None;
            self.typists.told = Some((peer, now));
            self.effects.push(Effect::Send(Ask::Conversation(ConversationAsk::Typing(peer)).line(None)));
        }
    }

    /// A friend has come or gone.
    pub(super) fn presence_told(&mut self, user: UserId, presence: Presence) {
        if let Some(friend) = self.roster.friends.get_mut(&user) {
            friend.presence = presence;
        }
        let members = self.roster.groups.values_mut().flat_map(|group| &mut group.users);
        members.filter(|member| member.id == user).for_each(|member| member.state = presence);
    }
}
