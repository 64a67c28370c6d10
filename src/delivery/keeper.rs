//! What this node asks and tells the store about the data as a whole: keeps the epoch in step with the store's, and looks up
//! whether the nodes that it meets use the same database. Runs on the cursor writer's thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Event;
use super::bell::Ring;
use super::cursors::queue::CursorQueue;
use super::epoch::{Epoch, Wish};
use super::fanout::Fanout;
use super::missed::{CHANGED_MAX, Gap, Moments, Reading};
use super::peers::{Peers, Standing};
use crate::bus::{Bell, Bus, Channel};
use crate::clock::Clock;
use crate::ids::NodeId;
use crate::metrics::Metrics;
use crate::store::{Changed, Result, Store};

/// How often the epoch is looked at without a reason: other nodes' word may be lost, or Redis away.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How often a node writes anew that it is there: others forget rows of nodes that have not for a month.
const NOTE_EVERY: Duration = Duration::from_secs(24 * 3600);

/// A node that has been alone for so long at a Redis that came late was here first: others come back to it within seconds.
const ALONE_GRACE: Duration = Duration::from_secs(30);

/// The keeper of the epoch, and of the list of nodes.
pub struct Keeper {
    epoch: Arc<Epoch>,
    bus: Arc<dyn Bus>,
    cursor_queue: CursorQueue,
    fanout: Fanout,
    clock: Clock,
    metrics: Arc<Metrics>,
    looked_at: Option<Instant>,
    moments: Moments,
    peers: Arc<Peers>,
    /// When this node's own row was written last.
    noted_at: Option<Instant>,
    /// Since when nobody else is at a Redis that came late.
    alone_since: Option<Instant>,
}

/// The ways by which a keeper tells of a new epoch.
pub struct Ways {
    /// To the other nodes.
    pub bus: Arc<dyn Bus>,
    /// To the cursors that wait.
    pub cursor_queue: CursorQueue,
    /// To the reactors.
    pub fanout: Fanout,
    /// The other nodes.
    pub peers: Arc<Peers>,
}

impl Keeper {
    /// A keeper of this epoch.
    #[must_use]
    pub fn new(epoch: Arc<Epoch>, ways: Ways, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let Ways { bus, cursor_queue, fanout, peers } = ways;
        Self {
            epoch,
            bus,
            cursor_queue,
            fanout,
            clock,
            metrics,
            looked_at: None,
            moments: Moments::default(),
            peers,
            noted_at: None,
            alone_since: None,
        }
    }

    /// Does what there is to do.
    pub(crate) fn tend(&mut self, store: &mut dyn Store) {
        self.tend_epoch(store);
        if self.bus.has_peers() {
            self.tend_peers(store);
        }
    }

    /// The epoch in which what sessions have confirmed may be written; `None`: not at present.
    #[must_use]
    pub(crate) fn epoch_for_cursors(&self) -> Option<Arc<str>> {
        self.epoch.trusts_cursors().then(|| self.epoch.text())
    }

    /// The node ends: nobody needs to know it any more.
    pub fn leave(&mut self, store: &mut dyn Store) {
        if self.bus.has_peers()
            && let Err(error) = store.forget_node(self.bus.node())
        {
            log::debug!("this node's row is left in the database: {error}");
        }
    }

    fn tend_peers(&mut self, store: &mut dyn Store) {
        let now = self.clock.now();
        let is_due = self.noted_at.is_none_or(|at| now.saturating_duration_since(at) >= NOTE_EVERY);
        if is_due && store.note_node(self.bus.node(), self.clock.wall()).is_ok() {
            self.noted_at = Some(now);
        }
        if self.peers.standing() == Standing::Alone {
            let since = *self.alone_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= ALONE_GRACE {
                self.peers.stays_alone();
            }
        }
        if self.peers.is_to_look_again()
            && let Some(others) = self.bus.nodes()
        {
            self.peers.looks_again_at(others);
        }
        // Each found is one fewer, and a failure waits for the next round.
        while let Some(node) = self.peers.unchecked() {
            match store.has_node(node) {
                Ok(has_it) => self.tell_of(node, has_it),
                Err(error) => return log::debug!("cannot look up node {node}: {error}"),
            }
            self.peers.checked(node);
        }
    }

    fn tell_of(&self, node: NodeId, has_it: bool) {
        let ring = if has_it {
            Ring::Vouched(node)
        } else {
            log::error!(
                "node {node} shares this identity and this Redis, but uses another database: one of the two is a copy"
            );
            Ring::Stranger(node)
        };
        self.bus.publish(vec![Bell { channel: Channel::All, payload: ring.encode() }]);
    }

    fn tend_epoch(&mut self, store: &mut dyn Store) {
        let now = self.clock.now();
        let is_due = self.looked_at.is_none_or(|at| now.saturating_duration_since(at) >= LOOK_EVERY);
        let wish = self.epoch.wish();
        if wish == Wish::None && !is_due {
            return;
        }
        // An attempt that failed is repeated at the next round if there was a reason, else when it is due again.
        self.looked_at = Some(now);
        match self.present(store, wish) {
            Ok(present) => {
                self.epoch.fulfilled(wish);
                if let Some(present) = present {
                    self.adopt(&present, wish);
                }
            }
            Err(error) => log::debug!("cannot look at the epoch: {error}"),
        }
    }

    /// The present epoch if it is another one than this node's.
    fn present(&mut self, store: &mut dyn Store, wish: Wish) -> Result<Option<String>> {
        let (known, asked) = (self.epoch.text(), self.clock.now());
        let mut row = if wish == Wish::New { store.new_epoch(&known)? } else { store.cluster()? };
        if let Some(moment) = row.moment {
            self.moments.note(Reading { moment, asked, answered: self.clock.now() });
        }
        if *row.epoch == *known {
            return Ok(None);
        }
        if self.epoch.is_past(&row.epoch) {
            // Not another node's: the row itself went back. Clients may know it from its first life.
            row = store.new_epoch(&row.epoch)?;
        }
        Ok(Some(row.epoch))
    }

    /// What has changed while bells were missing, and in which generation of the data. `None`: that is not known, or too much.
    pub(crate) fn changed(&mut self, store: &mut dyn Store, gap: &Gap) -> Result<Option<(Changed, u32)>> {
        let (generation, asked) = (self.epoch.generation(), self.clock.now());
        let Some(since) = self.moments.before(gap, asked) else { return Ok(None) };
        let Some(changed) = store.changed(since, CHANGED_MAX)? else { return Ok(None) };
        let reading = Reading { moment: changed.now, asked, answered: self.clock.now() };
        let is_sound = self.moments.agree_with(&reading);
        self.moments.note(reading);
        Ok(is_sound.then_some((changed, generation)))
    }

    fn adopt(&mut self, present: &str, wish: Wish) {
        log::warn!("the data have a new epoch, {present}: sessions are closed with NOTICE restored");
        self.metrics.epochs.inc();
        self.epoch.adopt(present);
        // The row may have gone with the rest.
        self.noted_at = None;
        self.cursor_queue.void(self.fanout.reactors());
        self.fanout.tell_all(&Event::Restored);
        self.fanout.flush();
        if wish == Wish::New && self.bus.has_peers() {
            self.bus.publish(vec![Bell { channel: Channel::All, payload: Ring::Restored.encode() }]);
        }
    }
}
