//! Tells a fact to everybody whom it concerns: the sessions here, and by a bell those on other nodes.
//!
//! ```text
//!   handler --publish(audience, fact)--> tell: an Event for each session here ----> reactors
//!                                   \--> a bell for the other nodes
//!                                              \--> their BusListener: heard, tell --> reactors there
//! ```
//!
//! So a new fact is written once: how it is told here ([`tell`]), and by what words elsewhere ([`Fact::ring`], [`heard`]).

use std::sync::Arc;

use bytes::Bytes;

use super::bell::Ring;
use super::directory::{Directory, Elsewhere};
use super::fanout::Fanout;
use super::{Addressee, Event, Told};
use crate::bus::{Bell, Bus, Channel};
use crate::ids::{DeviceId, GroupId, UserId};
use crate::net::ConnId;
use crate::wants::Want;

/// Whom a fact concerns, on whatever node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Audience {
    /// A user's sessions, but for this one of this node, which knows already.
    User(UserId, Option<ConnId>),
    /// A user's sessions of other devices.
    OtherDevices(UserId, DeviceId),
    /// The sessions of a group's members.
    Group(GroupId),
    /// The same, but for those of one user, who knows already.
    GroupBut(GroupId, UserId),
}

/// What is told. A line is the push that tells it.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// A message is stored.
    Message(Told),
    /// A line that is told once, and not kept.
    Notice(Bytes),
    /// The same, for those who want it.
    Hint(Want, Bytes),
    /// The user has joined the group: the user's other sessions hear it from now on. The line is for nodes of earlier versions.
    Joined(GroupId, Bytes),
    /// The user has left the group: the user's other sessions hear it no more.
    Left(GroupId, Bytes),
    /// The group is gone: nobody hears it any more.
    GroupDeleted(Bytes),
    /// The user is called so from now on.
    Renamed(Arc<str>),
}

impl Fact {
    /// The event that tells it; `None` for an audience to which such a fact is not told.
    fn event(&self, to: Addressee) -> Option<Event> {
        Some(match (self.clone(), to) {
            (Self::Message(told), to) => Event::Message { to, from: None, told },
            (Self::Notice(line), to) => Event::Notice { to, line },
            (Self::Hint(want, line), to) => Event::Hint { to, want, line },
            (Self::Joined(group, _), Addressee::Session(conn)) => Event::Joined { conn, group },
            (Self::Left(group, line), Addressee::Session(conn)) => Event::Left { conn, group, line },
            (Self::GroupDeleted(line), Addressee::Group(group)) => Event::GroupDeleted { group, line },
            (Self::Renamed(name), Addressee::Session(conn)) => Event::Renamed { conn, name },
            (Self::Joined(..) | Self::Left(..) | Self::GroupDeleted(_) | Self::Renamed(_), _) => return None,
        })
    }

    /// How other nodes are told. A message's bell is the lane's, which knows its epoch.
    fn ring(&self, audience: Audience) -> Option<(Channel, Ring<'_>)> {
        let channel = match audience {
            Audience::User(user, _) | Audience::OtherDevices(user, _) => Channel::User(user),
            Audience::Group(group) | Audience::GroupBut(group, _) => Channel::Group(group),
        };
        let ring = match (self, audience) {
            (Self::Notice(line), Audience::GroupBut(_, user)) => Ring::NoticeBut(user, line),
            (Self::Notice(line), _) => Ring::Notice(line),
            (Self::Hint(want, line), Audience::GroupBut(_, user)) => Ring::HintBut(*want, user, line),
            (Self::Hint(want, line), _) => Ring::Hint(*want, line),
            (Self::Joined(group, line), _) => Ring::Joined(*group, line),
            (Self::Left(group, line), _) => Ring::Left(*group, line),
            (Self::GroupDeleted(line), _) => Ring::GroupDeleted(line),
            (Self::Renamed(name), _) => Ring::Renamed(name.as_bytes()),
            (Self::Message(_), _) => return None,
        };
        Some((channel, ring))
    }
}

/// What another node has told, and whom it concerns here; `None` for what is no fact for sessions. `generation` is that of the
/// data to which a message belongs.
pub(super) fn heard(channel: Channel, ring: Ring<'_>, generation: u32) -> Option<(Audience, Fact)> {
    let line = |text: &[u8]| Bytes::copy_from_slice(text);
    let told = |conv, seq, which, text: &[u8]| {
        let line = (!text.is_empty()).then(|| line(text));
        Fact::Message(Told { conv, seq, which, line, generation })
    };
    Some(match (channel, ring) {
        (Channel::User(user), Ring::Message { conv, seq, which, line, .. }) => {
            (Audience::User(user, None), told(conv, seq, which, line))
        }
        (Channel::User(user), Ring::Own { device, conv, seq, which, line, .. }) => {
            (Audience::OtherDevices(user, device), told(conv, seq, which, line))
        }
        (Channel::User(user), Ring::Notice(text)) => (Audience::User(user, None), Fact::Notice(line(text))),
        (Channel::User(user), Ring::Hint(want, text)) => (Audience::User(user, None), Fact::Hint(want, line(text))),
        (Channel::Group(group), Ring::HintBut(want, user, text)) => {
            (Audience::GroupBut(group, user), Fact::Hint(want, line(text)))
        }
        (Channel::User(user), Ring::Joined(group, text)) => {
            (Audience::User(user, None), Fact::Joined(group, line(text)))
        }
        (Channel::User(user), Ring::Renamed(name)) => {
            (Audience::User(user, None), Fact::Renamed(std::str::from_utf8(name).ok()?.into()))
        }
        (Channel::User(user), Ring::Left(group, text)) => (Audience::User(user, None), Fact::Left(group, line(text))),
        (Channel::Group(group), Ring::Message { conv, seq, which, line, .. }) => {
            (Audience::Group(group), told(conv, seq, which, line))
        }
        (Channel::Group(group), Ring::Notice(text)) => (Audience::Group(group), Fact::Notice(line(text))),
        (Channel::Group(group), Ring::NoticeBut(user, text)) => {
            (Audience::GroupBut(group, user), Fact::Notice(line(text)))
        }
        (Channel::Group(group), Ring::GroupDeleted(text)) => (Audience::Group(group), Fact::GroupDeleted(line(text))),
        _ => return None,
    })
}

/// Tells the sessions of this node.
pub(super) fn tell(fanout: &mut Fanout, audience: Audience, fact: &Fact) {
    let for_group = |fanout: &mut Fanout, to| {
        if let Some(event) = fact.event(to) {
            fanout.tell_all(&event);
        }
    };
    match audience {
        Audience::User(user, but) => {
            let event = |conn| fact.event(Addressee::Session(conn));
            match fact {
                Fact::Hint(want, _) => {
                    fanout.tell_wanting((user, *want), but, event);
                }
                _ => fanout.tell_user(user, but, event),
            }
        }
        Audience::OtherDevices(user, device) => {
            let mut sessions = Vec::new();
            fanout.directory().sessions(user, &mut sessions);
            for entry in sessions.into_iter().filter(|entry| entry.device() != device) {
                let conn = entry.conn();
                if let Some(event) = fact.event(Addressee::Session(conn)) {
                    fanout.tell_connection(conn, event);
                }
            }
        }
        Audience::Group(group) => for_group(fanout, Addressee::Group(group)),
        Audience::GroupBut(group, user) => for_group(fanout, Addressee::GroupBut(group, user)),
    }
}

/// What is told only to those who want it, as a line and as a bell: both are made once, for however many.
pub(crate) struct Hint {
    fact: Fact,
    want: Want,
    /// `None`: nobody wants it on other nodes.
    payload: Option<Bytes>,
}

impl Hint {
    /// The push that tells it; whether anybody may want it on other nodes.
    #[must_use]
    pub(crate) fn new(want: Want, line: Bytes, elsewhere: Elsewhere) -> Self {
        let payload = (elsewhere == Elsewhere::Perhaps).then(|| Ring::Hint(want, &line).encode());
        Self { fact: Fact::Hint(want, line), want, payload }
    }
}

/// One thread's publisher: what it is told waits for the next [`Publisher::flush`].
pub(crate) struct Publisher {
    fanout: Fanout,
    bells: Vec<Bell>,
}

impl Publisher {
    /// Tells the reactors behind `fanout`.
    #[must_use]
    pub(crate) fn new(fanout: Fanout) -> Self {
        Self { fanout, bells: Vec::new() }
    }

    /// Tells a fact, on every node.
    pub(crate) fn publish(&mut self, audience: Audience, fact: &Fact) {
        if let Some((channel, ring)) = fact.ring(audience) {
            self.ring(channel, ring);
        }
        tell(&mut self.fanout, audience, fact);
    }

    /// The same, but other nodes are told only where there may be somebody who wants it.
    pub(crate) fn publish_where(&mut self, elsewhere: Elsewhere, audience: Audience, fact: &Fact) {
        match elsewhere {
            Elsewhere::No => tell(&mut self.fanout, audience, fact),
            Elsewhere::Perhaps => self.publish(audience, fact),
        }
    }

    /// Tells a user's sessions that want it, but for this one of this node. Other nodes are told where there may be some.
    pub(crate) fn hint(&mut self, user: UserId, but: Option<ConnId>, hint: &Hint) {
        let event = |conn| hint.fact.event(Addressee::Session(conn));
        let elsewhere = self.fanout.tell_wanting((user, hint.want), but, event);
        if let (Elsewhere::Perhaps, Some(payload)) = (elsewhere, &hint.payload) {
            self.bells.push(Bell { channel: Channel::User(user), payload: payload.clone() });
        }
    }

    /// Who is online here.
    #[must_use]
    pub(crate) fn directory(&self) -> &Directory {
        self.fanout.directory()
    }

    /// The way to the sessions of this node alone.
    #[must_use]
    pub(crate) fn fanout(&mut self) -> &mut Fanout {
        &mut self.fanout
    }

    /// A bell for the other nodes alone.
    pub(crate) fn ring(&mut self, channel: Channel, ring: Ring<'_>) {
        self.bells.push(Bell { channel, payload: ring.encode() });
    }

    /// An event for one session of this node.
    pub(crate) fn tell_connection(&mut self, conn: ConnId, event: Event) {
        self.fanout.tell_connection(conn, event);
    }

    /// Hands on what was told since the last time; may wait for a reactor's mailbox.
    pub(crate) fn flush(&mut self, bus: &dyn Bus) {
        self.fanout.flush();
        if !self.bells.is_empty() {
            bus.publish(std::mem::take(&mut self.bells));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConvId;

    /// What is told to other nodes is heard there as what it is, by the same audience.
    #[test]
    fn what_is_published_is_heard_elsewhere() {
        let (user, group) = (UserId::new(6).unwrap(), GroupId::new(5).unwrap());
        let line = || Bytes::from_static(b"{}\n");
        let conn = ConnId { reactor: 0, slot: 1, generation: 2 };
        for (audience, fact, heard_by) in [
            (Audience::User(user, None), Fact::Notice(line()), Audience::User(user, None)),
            // Whom a session stands out among here, nobody does there.
            (Audience::User(user, Some(conn)), Fact::Joined(group, line()), Audience::User(user, None)),
            (Audience::User(user, None), Fact::Renamed("Änne".into()), Audience::User(user, None)),
            (Audience::User(user, Some(conn)), Fact::Left(group, line()), Audience::User(user, None)),
            (Audience::Group(group), Fact::Notice(line()), Audience::Group(group)),
            (Audience::GroupBut(group, user), Fact::Notice(line()), Audience::GroupBut(group, user)),
            (Audience::Group(group), Fact::GroupDeleted(line()), Audience::Group(group)),
            (Audience::User(user, None), Fact::Hint(Want::Receipts, line()), Audience::User(user, None)),
            (Audience::GroupBut(group, user), Fact::Hint(Want::Typing, line()), Audience::GroupBut(group, user)),
        ] {
            let (channel, ring) = fact.ring(audience).expect("other nodes are told");
            let payload = ring.encode();
            let ring = Ring::decode(&payload).expect("our own words");
            let (by, what) = heard(channel, ring, 1).expect("a fact");
            assert_eq!(by, heard_by);
            assert_eq!(format!("{what:?}"), format!("{fact:?}"));
        }
    }

    #[test]
    fn a_fact_is_told_to_those_it_can_concern() {
        let (user, group) = (UserId::new(6).unwrap(), GroupId::new(5).unwrap());
        let conn = ConnId { reactor: 0, slot: 1, generation: 2 };
        let line = || Bytes::from_static(b"{}\n");
        assert!(Fact::Joined(group, line()).event(Addressee::Group(group)).is_none());
        assert!(Fact::GroupDeleted(line()).event(Addressee::Session(conn)).is_none());
        let told = Told { conv: ConvId::group(group), seq: 1, which: None, line: None, generation: 0 };
        let event = Fact::Message(told).event(Addressee::GroupBut(group, user));
        assert!(matches!(event, Some(Event::Message { to: Addressee::GroupBut(..), from: None, .. })));
    }
}
