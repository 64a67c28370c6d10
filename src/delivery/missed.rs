//! What other nodes have told while this one may have been deaf: asked for once for the whole node, by what has changed since.
//! Runs on the cursor writer's thread.
//!
//! ```text
//!   bus: bells may have been lost since then --> Gap, waits --> what has changed? --> store
//!                                                                   |
//!      the sessions of changed conversations: a message exists <----+----> of changed groups: compared with the store
//!                          that is not known: all sessions are compared, see session::resync
//! ```
//!
//! The store marks rows by its own clock, and a gap is measured by this node's. So moments of the store's clock are kept, each
//! with the time at which it was read. Neither clock need be right, but both must run alike; where one has jumped, or stood
//! still, all sessions are compared.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fanout::Fanout;
use super::{Addressee, Event, Told};
use crate::bus::{Channel, Part};
use crate::ids::Members;
use crate::store::{Changed, Moment};

/// How long after its commit a message is rung at most, by a node that has threads and processors to run on. (The store looks
/// back further by itself. The runs of the simulation take no longer than this: without it they go this way, too.)
const RING_MAX: Duration = Duration::from_secs(if cfg!(debug_assertions) { 0 } else { 10 });

/// What is longer ago is not asked about.
const GAP_MAX: Duration = Duration::from_secs(3600);

/// Conversations, groups and members of groups that one answer has at most. More of them are no less work than all sessions.
pub(crate) const CHANGED_MAX: u32 = 100_000;

/// How far the two clocks may be apart after [`GAP_MAX`]. Clocks that are being set right run up to two seconds off in that time.
const APART_MAX: Duration = Duration::from_secs(5);

/// For how long moments are kept: the last one before the longest gap is among them.
const MOMENTS_KEPT: Duration = Duration::from_secs(GAP_MAX.as_secs() + RING_MAX.as_secs() + 60);

/// Moments that are kept: they are read every ten seconds, and on occasion.
const MOMENTS_MAX: usize = 1024;

/// Parts of the bus that are told apart at one time.
const PARTS_MAX: usize = 16;

/// Events that are posted at one time: a reactor does something else in between.
const EVENTS_AT_ONCE: usize = 1_000;

/// Bells may be missing.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    /// What was rung before this is not missing.
    pub(crate) since: Instant,
    /// `None`: bells of any channels.
    pub(crate) parts: Option<Vec<Part>>,
}

impl Gap {
    /// Bells of this part, or any, that were rung since then.
    pub(crate) fn new(since: Instant, part: Option<Part>) -> Self {
        Self { since, parts: part.map(|part| vec![part]) }
    }

    /// One gap as large as both.
    pub(crate) fn with(self, other: Self) -> Self {
        let parts = self.parts.zip(other.parts).map(|(one, other)| [one, other].concat());
        Self { since: self.since.min(other.since), parts: parts.filter(|parts| parts.len() <= PARTS_MAX) }
    }

    fn concerns(&self, channel: Channel) -> bool {
        self.parts.as_ref().is_none_or(|parts| parts.iter().any(|part| part.contains(channel)))
    }

    /// Has all sessions compared that may have missed something.
    pub(crate) fn compare_all(self, fanout: &mut Fanout) {
        match self.parts {
            None => fanout.tell_all(&Event::Resync(None)),
            Some(parts) => parts.into_iter().for_each(|part| fanout.tell_all(&Event::Resync(Some(part)))),
        }
        fanout.flush();
    }

    /// Tells the sessions here what has changed; how many conversations concern this node's channels.
    pub(crate) fn tell(&self, fanout: &mut Fanout, changed: &Changed, generation: u32) -> usize {
        let mut told = 0;
        for &(conv, seq) in &changed.conversations {
            let message = |to| {
                let told = Told { conv, seq, which: None, line: None, generation };
                Event::Message { to, from: None, told }
            };
            match conv.members() {
                Some(Members::Group(group)) if self.concerns(Channel::Group(group)) => {
                    fanout.tell_all(&message(Addressee::Group(group)));
                }
                Some(Members::Pair(one, other)) => {
                    for user in [one, other].into_iter().filter(|user| self.concerns(Channel::User(*user))) {
                        fanout.tell_user(user, None, |conn| Some(message(Addressee::Session(conn))));
                    }
                }
                Some(Members::Group(_)) | None => continue,
            }
            told += 1;
            if told % EVENTS_AT_ONCE == 0 {
                fanout.flush();
            }
        }
        tell_members(fanout, changed);
        fanout.flush();
        told
    }
}

/// News of memberships come by the users' channels and the groups': no part is left out.
fn tell_members(fanout: &mut Fanout, changed: &Changed) {
    for (group, members) in &changed.groups {
        for &user in members {
            fanout.tell_user(user, None, |conn| Some(Event::Member { conn, group: *group }));
        }
        let members: Arc<[_]> = members.as_slice().into();
        fanout.tell_all(&Event::Members { group: *group, members });
        fanout.flush();
    }
}

/// A moment of the store's clock, and when it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) moment: Moment,
    /// It was asked for then ...
    pub(crate) asked: Instant,
    /// ... and had come by then.
    pub(crate) answered: Instant,
}

impl Reading {
    /// Whether the two clocks have moved alike between this and a later one.
    fn agrees_with(&self, later: &Self) -> bool {
        // Whole seconds: each may be nearly one more.
        let moved = later.moment.0.saturating_sub(self.moment.0);
        let (apart, second) = (i64::try_from(APART_MAX.as_secs()).unwrap_or(i64::MAX), 1);
        let least = seconds(later.asked.saturating_duration_since(self.answered)) - second;
        let most = seconds(later.answered.saturating_duration_since(self.asked)) + 2 * second;
        (least - apart..=most + apart).contains(&moved)
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 2)
}

/// Moments of the store's clock, as they were read. All of them agree.
#[derive(Debug, Default)]
pub(crate) struct Moments(VecDeque<Reading>);

impl Moments {
    /// The clock was read once more.
    pub(crate) fn note(&mut self, reading: Reading) {
        if !self.agree_with(&reading) {
            log::warn!(
                "the database's clock has jumped, or this machine stood still: by it nobody can tell what has changed"
            );
            self.0.clear();
        }
        let is_old = |old: &Reading| reading.asked.saturating_duration_since(old.answered) > MOMENTS_KEPT;
        while self.0.len() >= MOMENTS_MAX || self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
        self.0.push_back(reading);
    }

    /// Whether the clock has not jumped until this reading.
    pub(crate) fn agree_with(&self, reading: &Reading) -> bool {
        self.0.iter().all(|earlier| earlier.agrees_with(reading))
    }

    /// A moment of the store's clock before anything was committed whose bell was rung in the gap. `None`: nobody knows.
    pub(crate) fn before(&self, gap: &Gap, now: Instant) -> Option<Moment> {
        if now.saturating_duration_since(gap.since) > GAP_MAX {
            return None;
        }
        let committed = gap.since.checked_sub(RING_MAX)?;
        let reading = self.0.iter().rev().find(|reading| reading.answered <= committed)?;
        // The clock may have been ahead then by as much.
        Some(Moment(reading.moment.0.saturating_sub(seconds(APART_MAX))))
    }
}

#[cfg(test)]
#[path = "missed_tests.rs"]
mod tests;
