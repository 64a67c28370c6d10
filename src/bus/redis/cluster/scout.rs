//! The lookout thread of a Redis Cluster: asks every second, and whenever somebody calls, which server has which slots.
//!
//! ```text
//!   servers --slots, epoch--> Belief --another topology--> Shards --TopologyChanged--> subscriber, publisher
//! ```

use std::time::Duration;

use super::seeds::{Seeds, Surveyor};
use super::shards::Shards;
use super::topology::Belief;
use crate::bus::LinkState;
use crate::bus::redis::admission::Denial;
use crate::bus::redis::complaints::Complaints;
use crate::bus::redis::shared::Shared;
use crate::bus::redis::subscriber_waker::WakeReason;
use crate::bus::redis::times::now;

/// How soon to look again while something is wrong, and the least time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const LOOK_SOON: Duration = Duration::from_millis(20);

/// Runs on the lookout thread until the bus ends.
pub(in crate::bus::redis) fn run(shared: &Shared, seeds: &Seeds, shards: &Shards) {
    let surveyor = Surveyor::new(seeds, &shared.name("lookout"), shared.times.connect);
    let complaints = Complaints::new("which servers the cluster has is not known");
    let mut scout = Scout { shared, seeds, shards, surveyor, belief: Belief::default(), complaints };
    loop {
        let is_fine = scout.look();
        shared.server.looked();
        let looked = shards.looked();
        if looked.arrived {
            shared.subscriber_waker.call(WakeReason::ServerChanged);
        }
        let is_fine = is_fine && !looked.look_again && shared.link() == LinkState::Up;
        let pause = if is_fine { shared.times.look } else { LOOK_AGAIN };
        // Calls come in crowds: one look serves all of them.
        if !shards.pause(pause) || !shared.server.pause(LOOK_SOON) {
            return;
        }
    }
}

struct Scout<'a> {
    shared: &'a Shared,
    seeds: &'a Seeds,
    shards: &'a Shards,
    surveyor: Surveyor<'a>,
    belief: Belief,
    complaints: Complaints,
}

impl Scout<'_> {
    /// Whether the cluster has answered.
    fn look(&mut self) -> bool {
        let known = self.shards.topology();
        let told = match self.surveyor.ask(known.as_ref().map_or(&[], |topology| topology.places())) {
            Ok(told) => told,
            Err(Denial::Refused(why) | Denial::Away(why)) => {
                self.complaints.failed(&why, now());
                self.shared.introduction.away();
                self.shards.nobody_answers();
                return false;
            }
        };
        self.complaints.over();
        if let Some(topology) = self.belief.hear(&told) {
            log::info!("the Redis Cluster has {} servers with slots", topology.places().len());
            if let Err(error) = self.shards.change(topology, |place| self.seeds.at(place)) {
                log::error!("the cluster has a server that is of no use: {error}");
            }
            self.shared.subscriber_waker.call(WakeReason::ServerChanged);
            self.shared.outgoing.rouse();
        }
        true
    }
}
