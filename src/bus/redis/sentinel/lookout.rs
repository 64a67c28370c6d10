//! The lookout thread, with sentinels only: asks every second who is the master, and calls the other threads away from one
//! that is none any more.
//!
//! ```text
//!   sentinels --who, since when--> latest --decide--> CurrentServer --Moved--> subscriber, publisher
//!   servers ----ROLE-------------------------^
//! ```
//!
//! The connections themselves would not tell: a master that was frozen during a fail-over answers as before when it goes
//! on, and one that was made a replica by hand takes subscriptions and bells, and nobody hears them.

use std::time::Duration;

use super::sentinel_state::{Decision, Said, decide, latest};
use super::sentinels::{Asker, Sentinels};
use crate::bus::redis::admission::Denial;
use crate::bus::redis::complaints::Complaints;
use crate::bus::redis::shared::Shared;
use crate::bus::redis::subscriber_waker::WakeReason;
use crate::bus::redis::times::now;

/// How soon to look again while something is wrong.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Runs on the lookout thread until the bus ends.
pub(in crate::bus::redis) fn run(shared: &Shared, sentinels: &Sentinels) {
    let mut lookout = Lookout {
        shared,
        sentinels,
        asker: Asker::new(sentinels, &shared.name("lookout"), shared.times.connect),
        present: None,
        complaints: Complaints::new("the master is not known"),
    };
    loop {
        let pause = lookout.look();
        shared.server.looked();
        if !shared.server.pause(pause) {
            return;
        }
    }
}

struct Lookout<'a> {
    shared: &'a Shared,
    sentinels: &'a Sentinels,
    asker: Asker<'a>,
    /// The master that the others speak with.
    present: Option<Said>,
    /// Since the sentinels and the master were of one mind.
    complaints: Complaints,
}

impl Lookout<'_> {
    /// Looks once, and does what follows. When to look again.
    fn look(&mut self) -> Duration {
        let asked = self.asker.ask();
        let named = asked.as_ref().ok().and_then(|said| latest(said)).cloned();
        let decision = decide(self.present.as_ref(), named.as_ref(), |place| self.asker.role_of(place));
        match decision {
            Decision::Stay => self.stays(named),
            Decision::Wait => {}
            Decision::Move(said) => self.moves_to(said),
            Decision::Leave => self.leaves(),
        }
        match asked {
            Err(Denial::Refused(why) | Denial::Away(why)) => self.complaints.failed(&why, now()),
            Ok(said) if said.is_empty() => self.complaints.failed(&self.sentinels.unknown_name(), now()),
            Ok(_) if self.present.is_some() => {
                self.complaints.over();
                return self.shared.times.look;
            }
            Ok(_) => self.complaints.failed("the sentinels name no server that is a master", now()),
        }
        LOOK_AGAIN
    }

    fn stays(&mut self, named: Option<Said>) {
        // The sentinels' epochs grow with fail-overs of other masters, too.
        if let (Some(present), Some(named)) = (&mut self.present, named)
            && named.place == present.place
        {
            present.epoch = named.epoch;
        }
    }

    fn moves_to(&mut self, said: Said) {
        let (host, port) = &said.place;
        match self.sentinels.master_at(&said.place) {
            Ok(address) => {
                log::info!("the master is the Redis at {host}:{port}");
                self.shared.server.change(Some(address));
                self.present = Some(said);
                self.call();
            }
            Err(error) => log::error!("the sentinels name {host}:{port}, which is of no use: {error}"),
        }
    }

    fn leaves(&mut self) {
        if let Some(Said { place: (host, port), .. }) = self.present.take() {
            log::warn!("the Redis at {host}:{port} is no master any more, and there is no other one yet");
        }
        self.shared.server.change(None);
        self.call();
    }

    fn call(&self) {
        self.shared.subscriber_waker.call(WakeReason::ServerChanged);
        self.shared.outgoing.rouse();
    }
}
