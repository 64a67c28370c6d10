//! What other nodes ring goes to the reactors that own the sessions concerned.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use super::bell::{self, Ring};
use super::cursors::queue::CursorQueue;
use super::directory::Eviction;
use super::epoch::Epoch;
use super::fanout::Fanout;
use super::missed::Gap;
use super::peers::Peers;
use super::{Event, publisher};
use crate::bus::{Channel, Listener, Part, ReceivedBell};
use crate::ids::{NodeId, UserId};
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

    fn of_all(&self, fanout: &mut Fanout, ring: Ring<'_>) {
        match ring {
            Ring::Notice(line) => fanout.tell_all(&Event::Broadcast(Bytes::copy_from_slice(line))),
            Ring::Restored => self.epoch.look(),
            Ring::Vouched(node) => self.peers.vouched(node),
            Ring::Stranger(node) => self.peers.stranger(node),
            Ring::Gone(node, users) if self.peers.is_me(node) => self.cursor_queue.left_behind(bell::users_of(users)),
            // Nothing else concerns every node.
            _ => {}
        }
    }

    fn of_user(&self, fanout: &mut Fanout, user: UserId, ring: Ring<'_>, generation: u32) {
        match ring {
            Ring::Replaced(device) => fanout.replace(user, Eviction::Device(device)),
            Ring::Resumed(key) => fanout.replace(user, Eviction::Key(key)),
            Ring::Ended(ended) => fanout.end(user, ended),
            Ring::Beside => fanout.directory().note_elsewhere(user),
            Ring::Offline if fanout.directory().is_online(user) => self.cursor_queue.changed(user),
            ring => tell_fact(fanout, Channel::User(user), ring, generation),
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
                channel @ Channel::Group(_) => tell_fact(&mut fanout, channel, ring, generation),
                Channel::All => self.of_all(&mut fanout, ring),
                Channel::Device(..) | Channel::Token(_) | Channel::Want(_) => {}
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

    fn resync(&self, why: &'static str, since: Option<Instant>) {
        log::info!("looking into the store for what was missed: {why}");
        self.missed(since, None);
    }

    fn resync_part(&self, why: &'static str, part: &Part, since: Option<Instant>) {
        log::info!("looking into the store for what was missed of a part of Redis: {why}");
        self.missed(since, Some(part.clone()));
    }
}

impl BusListener {
    /// Bells may have been lost, of all channels or of a part.
    fn missed(&self, since: Option<Instant>, part: Option<Part>) {
        self.metrics.resyncs.inc();
        self.cursor_queue.report_all();
        // The word that the data went back may have been lost as well.
        self.epoch.look();
        self.peers.look_again();
        let mut fanout = self.fanout.lock().unwrap_or_else(PoisonError::into_inner);
        fanout.directory().doubt();
        if let Some(since) = since {
            self.cursor_queue.missed(Gap::new(since, part));
        } else {
            fanout.tell_all(&Event::Resync(part));
            fanout.flush();
        }
    }
}

/// A fact that another node tells, for the sessions of this one.
fn tell_fact(fanout: &mut Fanout, channel: Channel, ring: Ring<'_>, generation: u32) {
    if let Some((audience, fact)) = publisher::heard(channel, ring, generation) {
        publisher::tell(fanout, audience, &fact);
    }
}
