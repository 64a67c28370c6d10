//! What other nodes ring goes to the reactors that own the sessions concerned.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::bell::Ring;
use super::cursors::queue::CursorQueue;
use super::directory::{Entry, Eviction};
use super::epoch::Epoch;
use super::fanout::Fanout;
use super::peers::Peers;
use super::{Addressee, Event, Told, Which};
use crate::bus::{Channel, Listener, ReceivedBell};
use crate::ids::{ConvId, GroupId, NodeId, Seq, UserId};
use crate::metrics::Metrics;

/// The node's bus listener on the bus. Called by the subscriber thread alone; the lock is never contended.
pub struct BusListener {
    fanout: Mutex<Fanout>,
    cursor_queue: CursorQueue,
    epoch: Arc<Epoch>,
    peers: Arc<Peers>,
    metrics: Arc<Metrics>,
}

impl BusListener {
    /// A bus listener that tells the reactors behind `fanout`, and the cursor writer.
    #[must_use]
    pub fn new(
        fanout: Fanout,
        cursor_queue: CursorQueue,
        epoch: Arc<Epoch>,
        peers: Arc<Peers>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { fanout: Mutex::new(fanout), cursor_queue, epoch, peers, metrics }
    }

    fn of_all(&self, ring: Ring<'_>) {
        match ring {
            Ring::Restored => self.epoch.look(),
            Ring::Vouched(node) => self.peers.vouched(node),
            Ring::Stranger(node) => self.peers.stranger(node),
            // Nothing else concerns every node.
            _ => {}
        }
    }

    fn of_user(&self, fanout: &mut Fanout, user: UserId, ring: Ring<'_>, generation: u32) {
        match ring {
            Ring::Replaced(device) => fanout.replace(user, Eviction::Device(device)),
            Ring::Resumed(key) => fanout.replace(user, Eviction::Key(key)),
            Ring::Beside => fanout.directory().note_elsewhere(user),
            Ring::Offline if fanout.directory().is_online(user) => self.cursor_queue.changed(user),
            ring => for_user(fanout, user, ring, generation),
        }
    }
}

impl Listener for BusListener {
    fn bells(&self, bells: &[ReceivedBell<'_>]) {
        let mut fanout = self.fanout.lock().unwrap_or_else(PoisonError::into_inner);
        for bell in bells {
            let Some(mut ring) = Ring::decode(bell.payload) else { continue };
            let mut generation = 0;
            if let Ring::Message { conv, seq, mark, line, .. } | Ring::Own { conv, seq, mark, line, .. } = &mut ring {
                match self.epoch.heard_of(*conv, *seq, *mark) {
                    Some(present) => generation = present,
                    // Of an epoch that is over, or that this node does not know yet: whether it is there, and what it is,
                    // the store knows.
                    None => *line = b"",
                }
            }
            match bell.channel {
                Channel::User(user) => self.of_user(&mut fanout, user, ring, generation),
                Channel::Group(group) => for_group(&mut fanout, group, ring, generation),
                Channel::All => self.of_all(ring),
                Channel::Device(..) | Channel::Token(_) => {}
            }
        }
        fanout.flush();
    }

    fn met(&self, node: NodeId) {
        self.peers.met(node);
    }

    fn introduced(&self, others: usize) {
        if others == 0 {
            self.peers.is_alone();
        }
    }

    fn resync(&self, why: &'static str) {
        log::info!("comparing all sessions with the store: {why}");
        self.metrics.resyncs.inc();
        self.cursor_queue.report_all();
        // The word that the data went back may have been lost as well.
        self.epoch.look();
        let mut fanout = self.fanout.lock().unwrap_or_else(PoisonError::into_inner);
        fanout.directory().doubt();
        fanout.tell_all(&Event::Resync);
        fanout.flush();
    }
}

fn for_user(fanout: &mut Fanout, user: UserId, ring: Ring<'_>, generation: u32) {
    match ring {
        Ring::Message { conv, seq, which, line, .. } => {
            let message = message(conv, seq, which, line, generation);
            fanout.tell_user(user, None, |conn| message(Addressee::Session(conn)));
        }
        Ring::Own { device, conv, seq, which, line, .. } => {
            let message = message(conv, seq, which, line, generation);
            let mut own = Vec::new();
            fanout.directory().sessions(user, &mut own);
            for Entry { conn, .. } in own.into_iter().filter(|entry| entry.device != device) {
                fanout.tell_connection(conn, message(Addressee::Session(conn)));
            }
        }
        Ring::Notice(text) => {
            let line = Bytes::copy_from_slice(text);
            fanout.tell_user(user, None, |conn| Event::Notice { to: Addressee::Session(conn), line: line.clone() });
        }
        Ring::Joined(group, text) => {
            let line = Bytes::copy_from_slice(text);
            fanout.tell_user(user, None, |conn| Event::Joined { conn, group, line: line.clone() });
        }
        Ring::Left(group, text) => {
            let line = Bytes::copy_from_slice(text);
            fanout.tell_user(user, None, |conn| Event::Left { conn, group, line: line.clone() });
        }
        Ring::Replaced(_)
        | Ring::Resumed(_)
        | Ring::Beside
        | Ring::Offline
        | Ring::NoticeBut(..)
        | Ring::GroupDeleted(_)
        | Ring::Restored
        | Ring::Vouched(_)
        | Ring::Stranger(_) => {}
    }
}

/// The same message for whomever it concerns here.
fn message(
    conv: ConvId,
    seq: Seq,
    which: Option<Which>,
    line: &[u8],
    generation: u32,
) -> impl Fn(Addressee) -> Event + use<> {
    let line = (!line.is_empty()).then(|| Bytes::copy_from_slice(line));
    let told = Told { conv, seq, which, line, generation };
    move |to| Event::Message { to, from: None, told: told.clone() }
}

fn for_group(fanout: &mut Fanout, group: GroupId, ring: Ring<'_>, generation: u32) {
    let line = |line: &[u8]| Bytes::copy_from_slice(line);
    let to = Addressee::Group(group);
    match ring {
        Ring::Message { conv, seq, which, line, .. } => {
            fanout.tell_all(&message(conv, seq, which, line, generation)(to));
        }
        Ring::Notice(text) => fanout.tell_all(&Event::Notice { to, line: line(text) }),
        Ring::NoticeBut(user, text) => {
            fanout.tell_all(&Event::Notice { to: Addressee::GroupBut(group, user), line: line(text) });
        }
        Ring::GroupDeleted(text) => fanout.tell_all(&Event::GroupDeleted { group, line: line(text) }),
        Ring::Own { .. }
        | Ring::Replaced(_)
        | Ring::Resumed(_)
        | Ring::Beside
        | Ring::Offline
        | Ring::Joined(..)
        | Ring::Left(..)
        | Ring::Restored
        | Ring::Vouched(_)
        | Ring::Stranger(_) => {}
    }
}
