//! What other nodes ring goes to the reactors that own the sessions concerned.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::bell::Ring;
use super::fanout::Fanout;
use super::{Addressee, Event};
use crate::bus::{Channel, Heard, Listener};
use crate::ids::{GroupId, UserId};
use crate::metrics::Metrics;

/// The node's ear on the bus. Called by the subscriber thread alone; the lock is never contended.
pub struct Ear {
    fanout: Mutex<Fanout>,
    metrics: Arc<Metrics>,
}

impl Ear {
    /// An ear that tells the reactors behind `fanout`.
    #[must_use]
    pub fn new(fanout: Fanout, metrics: Arc<Metrics>) -> Self {
        Self { fanout: Mutex::new(fanout), metrics }
    }
}

impl Listener for Ear {
    fn bells(&self, bells: &[Heard<'_>]) {
        let mut fanout = self.fanout.lock().unwrap_or_else(PoisonError::into_inner);
        for bell in bells {
            let Some(ring) = Ring::decode(bell.payload) else { continue };
            match bell.channel {
                Channel::User(user) => for_user(&mut fanout, user, ring),
                Channel::Group(group) => for_group(&mut fanout, group, ring),
                Channel::Token(_) => {}
            }
        }
        fanout.flush();
    }

    fn resync(&self, why: &'static str) {
        log::info!("comparing all sessions with the store: {why}");
        self.metrics.resyncs.inc();
        let mut fanout = self.fanout.lock().unwrap_or_else(PoisonError::into_inner);
        fanout.to_all(&Event::Resync);
        fanout.flush();
    }
}

fn for_user(fanout: &mut Fanout, user: UserId, ring: Ring<'_>) {
    let line = |line: &[u8]| Bytes::copy_from_slice(line);
    match ring {
        Ring::Message { conv, seq, line: text } => {
            let push = (!text.is_empty()).then(|| line(text));
            fanout.to_user(user, None, |conn| Event::Message {
                to: Addressee::Session(conn),
                from: None,
                conv,
                seq,
                line: push.clone(),
            });
        }
        Ring::Notice(text) => {
            let line = line(text);
            fanout.to_user(user, None, |conn| Event::Notice { to: Addressee::Session(conn), line: line.clone() });
        }
        Ring::Joined(group, text) => {
            let line = line(text);
            fanout.to_user(user, None, |conn| Event::Joined { conn, group, line: line.clone() });
        }
        Ring::Left(group, text) => {
            let line = line(text);
            fanout.to_user(user, None, |conn| Event::Left { conn, group, line: line.clone() });
        }
        Ring::Replaced => fanout.replace(user, None),
        Ring::Resumed(token) => fanout.replace(user, Some(token)),
        Ring::NoticeBut(..) | Ring::GroupDeleted(_) => {}
    }
}

fn for_group(fanout: &mut Fanout, group: GroupId, ring: Ring<'_>) {
    let line = |line: &[u8]| Bytes::copy_from_slice(line);
    let to = Addressee::Group(group);
    match ring {
        Ring::Message { conv, seq, line: text } => {
            let line = (!text.is_empty()).then(|| line(text));
            fanout.to_all(&Event::Message { to, from: None, conv, seq, line });
        }
        Ring::Notice(text) => fanout.to_all(&Event::Notice { to, line: line(text) }),
        Ring::NoticeBut(user, text) => {
            fanout.to_all(&Event::Notice { to: Addressee::GroupBut(group, user), line: line(text) });
        }
        Ring::GroupDeleted(text) => fanout.to_all(&Event::GroupDeleted { group, line: line(text) }),
        Ring::Replaced | Ring::Resumed(_) | Ring::Joined(..) | Ring::Left(..) => {}
    }
}
