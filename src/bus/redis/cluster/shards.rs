//! The servers of a Redis Cluster, each with the subscriptions of its slots. Without a cluster there is none of this.
//!
//! ```text
//!   lookout --change--> table: slot -> shard     subscriptions move from shard to shard
//!   any thread --subscribe--> by slot --> the shard's Subscriptions --> its link on the subscriber thread
//! ```
//!
//! Locks: the table's, then that of one shard's subscriptions.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use super::slots::{SlotSet, all_slots, slot_of};
use super::topology::Topology;
use crate::bus::redis::address::Address;
use crate::bus::redis::channels::{Names, RedisChannel};
use crate::bus::redis::sentinel::sentinel_state::Place;
use crate::bus::redis::subscriptions::{InVain, Moving, Subscriptions, Waiter};
use crate::bus::{Channel, Lateness, PendingSubscribe};

/// The servers, and what is subscribed to on which. Any thread.
pub(in crate::bus::redis) struct Shards {
    names: Names,
    lateness: Arc<Lateness>,
    table: RwLock<Table>,
    /// Slots that have come to a shard, and that its link has not heard of.
    arrivals: Mutex<Vec<(u32, SlotSet)>>,
    alarm: Mutex<Alarm>,
    called: Condvar,
}

struct Table {
    /// `None`: none is known yet. Everything is in the shard 0 then, to which nobody connects.
    topology: Option<Arc<Topology>>,
    /// As the topology's places.
    shards: Vec<Arc<Shard>>,
    /// The last number that was given to a shard.
    last: u32,
}

/// One server with slots.
pub(in crate::bus::redis) struct Shard {
    /// Never given twice.
    pub(in crate::bus::redis) number: u32,
    pub(in crate::bus::redis) place: Place,
    /// `None` for the one that stands for all before any is known.
    pub(in crate::bus::redis) address: Option<Address>,
    pub(in crate::bus::redis) subscriptions: Arc<Subscriptions>,
}

/// What follows from a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bus::redis) struct Looked {
    /// Slots have come to a shard.
    pub(in crate::bus::redis) arrived: bool,
    /// It is not clear yet where some slots are.
    pub(in crate::bus::redis) look_again: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alarm {
    Quiet,
    /// Somebody has seen that the topology may have changed.
    Look,
    Closed,
}

impl Shards {
    pub(in crate::bus::redis) fn new(names: Names, lateness: Arc<Lateness>) -> Self {
        let subscriptions = Arc::new(Subscriptions::new(Arc::clone(&lateness)));
        let nobody = Shard { number: 0, place: (String::new(), 0), address: None, subscriptions };
        let table = Table { topology: None, shards: vec![Arc::new(nobody)], last: 0 };
        Self {
            names,
            lateness,
            table: RwLock::new(table),
            arrivals: Mutex::default(),
            alarm: Mutex::new(Alarm::Quiet),
            called: Condvar::new(),
        }
    }

    /// The present topology, once one is known.
    pub(in crate::bus::redis) fn topology(&self) -> Option<Arc<Topology>> {
        self.table().topology.clone()
    }

    /// The present servers; none before any is known.
    pub(in crate::bus::redis) fn all(&self) -> Vec<Arc<Shard>> {
        let table = self.table();
        table.shards.iter().filter(|shard| shard.address.is_some()).cloned().collect()
    }

    /// The slots of the shard with this number at present.
    pub(in crate::bus::redis) fn slots_of(&self, number: u32) -> SlotSet {
        let table = self.table();
        let at = table.shards.iter().position(|shard| shard.number == number);
        at.zip(table.topology.as_ref()).map_or_else(SlotSet::new, |(at, topology)| topology.slots_of(at))
    }

    /// The channel's slot.
    pub(in crate::bus::redis) fn slot(&self, topic: RedisChannel) -> u16 {
        slot_of(self.names.write(topic, &mut String::new()))
    }

    /// Adds a holder to each channel. The ticket, and how many channels had no holder before.
    pub(in crate::bus::redis) fn subscribe(&self, channels: &[Channel]) -> (PendingSubscribe, usize) {
        let (ticket, waiter) = Waiter::ticket(&self.lateness);
        let table = self.table();
        let mut new = 0;
        for (shard, channels) in self.by_shard(&table, channels) {
            new += table.shards[shard].subscriptions.subscribe_for(&waiter, &channels);
        }
        drop(table);
        waiter.one_in_effect();
        (ticket, new)
    }

    /// Takes a holder from each channel. How many channels have no holder now that had one before.
    pub(in crate::bus::redis) fn unsubscribe(&self, channels: &[Channel]) -> usize {
        let (mut ended, mut in_vain) = (0, Vec::new());
        let table = self.table();
        for (shard, channels) in self.by_shard(&table, channels) {
            let (count, waiting) = table.shards[shard].subscriptions.unsubscribe_for(&channels);
            ended += count;
            in_vain.extend(waiting);
        }
        drop(table);
        drop(in_vain);
        ended
    }

    /// For each channel, whether its server counts this node among its subscribers.
    pub(in crate::bus::redis) fn counted_here(&self, channels: &[Channel]) -> Vec<u64> {
        let table = self.table();
        let counted = |channel: &Channel| {
            let shard = &table.shards[self.shard_of(&table, *channel, &mut String::new())];
            shard.subscriptions.counted_here(&[*channel])[0]
        };
        channels.iter().map(counted).collect()
    }

    fn shard_of(&self, table: &Table, channel: Channel, name: &mut String) -> usize {
        let slot = slot_of(self.names.write(RedisChannel::Of(channel), name));
        table.topology.as_ref().map_or(0, |topology| topology.owner(slot))
    }

    fn by_shard(&self, table: &Table, channels: &[Channel]) -> Vec<(usize, Vec<Channel>)> {
        let mut name = String::new();
        let mut by_shard: Vec<(usize, Vec<Channel>)> = Vec::new();
        for channel in channels {
            let shard = self.shard_of(table, *channel, &mut name);
            match by_shard.iter_mut().find(|(other, _)| *other == shard) {
                Some((_, channels)) => channels.push(*channel),
                None => by_shard.push((shard, vec![*channel])),
            }
        }
        by_shard
    }

    /// From now on this is the topology: subscriptions go to where their slots are. `address_of` a server.
    pub(in crate::bus::redis) fn change<E>(
        &self,
        topology: Topology,
        address_of: impl Fn(&Place) -> Result<Address, E>,
    ) -> Result<(), E> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut shards = Vec::new();
        for place in topology.places() {
            let known = table.shards.iter().find(|shard| shard.place == *place && shard.address.is_some()).cloned();
            shards.push(match known {
                Some(shard) => shard,
                None => self.shard(&mut table.last, place, &address_of)?,
            });
        }
        let in_vain = self.move_all(&table.shards, &topology, &shards);
        if let Some(before) = &table.topology {
            self.note_arrivals(&topology.changed_since(before), &topology, &shards);
        }
        table.shards = shards;
        table.topology = Some(Arc::new(topology));
        drop(table);
        drop(in_vain);
        Ok(())
    }

    /// Carries each subscription from the shards of before to that of its slot.
    fn move_all(&self, before: &[Arc<Shard>], topology: &Topology, shards: &[Arc<Shard>]) -> Vec<InVain> {
        let owner = |channel: Channel| topology.owner(self.slot(RedisChannel::Of(channel)));
        let mut in_vain = Vec::new();
        for from in before {
            let leaves = |channel: Channel| !Arc::ptr_eq(&shards[owner(channel)], from);
            let mut moving: Vec<Vec<Moving>> = shards.iter().map(|_| Vec::new()).collect();
            for one in from.subscriptions.give_up(leaves) {
                moving[owner(one.channel)].push(one);
            }
            in_vain.extend(shards.iter().zip(moving).map(|(to, moving)| to.subscriptions.take_over(moving)));
        }
        in_vain
    }

    fn note_arrivals(&self, changed: &SlotSet, topology: &Topology, shards: &[Arc<Shard>]) {
        let mut here: Vec<SlotSet> = shards.iter().map(|_| SlotSet::new()).collect();
        all_slots().filter(|slot| changed.contains(*slot)).for_each(|slot| here[topology.owner(slot)].insert(slot));
        let arrived = shards.iter().map(|shard| shard.number).zip(here).filter(|(_, slots)| !slots.is_empty());
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).extend(arrived);
    }

    fn shard<E>(
        &self,
        last: &mut u32,
        place: &Place,
        address_of: impl Fn(&Place) -> Result<Address, E>,
    ) -> Result<Arc<Shard>, E> {
        let address = Some(address_of(place)?);
        *last += 1;
        let subscriptions = Arc::new(Subscriptions::new(Arc::clone(&self.lateness)));
        Ok(Arc::new(Shard { number: *last, place: place.clone(), address, subscriptions }))
    }

    /// None is known, and none answers: nobody needs to wait for tickets.
    pub(in crate::bus::redis) fn nobody_answers(&self) {
        let nobody = self.table().shards.iter().find(|shard| shard.address.is_none()).cloned();
        // With no lock held: whoever waits is told.
        if let Some(nobody) = nobody {
            nobody.subscriptions.cut_off();
        }
    }

    /// Slots that have come to shards since the last call, each with the shard's number.
    pub(in crate::bus::redis) fn take_arrivals(&self) -> Vec<(u32, SlotSet)> {
        std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody has looked where slots are. What servers have ended is told again where it is still here, and its slots have
    /// come to it anew. What is to be done about it.
    pub(in crate::bus::redis) fn looked(&self) -> Looked {
        let mut looked = Looked { arrived: false, look_again: false };
        for shard in &self.table().shards {
            let (again, others) = shard.subscriptions.looked();
            looked.look_again |= others;
            if again.is_empty() {
                continue;
            }
            let mut slots = SlotSet::new();
            for channel in again {
                slots.insert(self.slot(RedisChannel::Of(channel)));
            }
            self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((shard.number, slots));
            looked.arrived = true;
        }
        looked
    }

    /// The topology may have changed: somebody is to look soon.
    pub(in crate::bus::redis) fn call(&self) {
        let mut alarm = self.alarm();
        if *alarm == Alarm::Quiet {
            *alarm = Alarm::Look;
            self.called.notify_all();
        }
    }

    /// Waits until `pause` has passed, or somebody calls; `false`: it is closed.
    pub(in crate::bus::redis) fn pause(&self, pause: Duration) -> bool {
        let quiet = |alarm: &mut Alarm| *alarm == Alarm::Quiet;
        let waited = self.called.wait_timeout_while(self.alarm(), pause, quiet);
        let (mut alarm, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let open = *alarm != Alarm::Closed;
        if open {
            *alarm = Alarm::Quiet;
        }
        open
    }

    pub(in crate::bus::redis) fn close(&self) {
        *self.alarm() = Alarm::Closed;
        self.called.notify_all();
    }

    fn alarm(&self) -> MutexGuard<'_, Alarm> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::ids::UserId;

    fn user(number: i64) -> Channel {
        Channel::User(UserId::new(number).unwrap())
    }

    fn change(shards: &Shards, masters: &[(u16, u16)]) {
        let address = |(host, port): &Place| {
            Ok::<_, Infallible>(Address::parse((&format!("redis://{host}:{port}/")).into()).unwrap())
        };
        shards.change(Topology::of_masters(masters), address).unwrap();
    }

    #[test]
    fn subscriptions_are_where_their_slots_are_and_move_with_them() {
        let shards = Shards::new(Names::new("a1"), Arc::default());
        let channels: Vec<Channel> = (1..=100).map(user).collect();
        let (ticket, new) = shards.subscribe(&channels);
        assert_eq!((new, shards.all().len()), (100, 0));
        change(&shards, &[(1, 8000), (2, 16383)]);
        let all = shards.all();
        let held: Vec<usize> = all.iter().map(|shard| shard.subscriptions.connected().len()).collect();
        assert!(held.iter().sum::<usize>() == 100 && held.iter().all(|count| *count > 20), "{held:?}");
        assert!(shards.take_arrivals().is_empty(), "links that are new miss nothing more");

        change(&shards, &[(1, 9000), (2, 16383)]);
        let [(number, slots)] = shards.take_arrivals().try_into().unwrap();
        assert_eq!((number, slots.to_string()), (all[0].number, "8001-9000".to_owned()));
        let moved = all[0].subscriptions.take_orders(1000).subscribe;
        assert!(
            !moved.is_empty() && moved.iter().all(|channel| slots.contains(shards.slot(RedisChannel::Of(*channel))))
        );
        assert_eq!(shards.slots_of(all[1].number).to_string(), "9001-16383");

        for shard in &all {
            shard.subscriptions.connected().into_iter().for_each(|channel| shard.subscriptions.confirmed(channel));
        }
        assert!(ticket.look().is_some());
        assert_eq!(shards.counted_here(&channels), vec![1; 100]);
        assert_eq!(shards.unsubscribe(&channels), 100);
    }

    #[test]
    fn a_server_that_is_replaced_gives_all_away() {
        let shards = Shards::new(Names::new("a1"), Arc::default());
        change(&shards, &[(1, 16383)]);
        let before = shards.all();
        let _ = shards.subscribe(&[user(1)]);
        change(&shards, &[(2, 16383)]);
        let after = shards.all();
        assert!(after[0].number != before[0].number && before[0].subscriptions.connected().is_empty());
        assert_eq!(after[0].subscriptions.connected(), [user(1)]);
    }

    #[test]
    fn whoever_calls_has_somebody_look_at_once() {
        let shards = Shards::new(Names::new("a1"), Arc::default());
        shards.call();
        assert!(shards.pause(Duration::from_secs(3600)) && shards.pause(Duration::ZERO));
        shards.close();
        shards.call();
        assert!(!shards.pause(Duration::from_secs(3600)));
    }
}
