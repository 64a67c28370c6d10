//! What this node is subscribed to: counted by holders, compared with what Redis has been told and has confirmed.
//!
//! ```text
//!   subscribe, unsubscribe --> holders --(differs from what Redis was told: listed)--> take_orders --> SUBSCRIBE
//!   tickets <--------------- confirmed <------------------------------------------------------------ confirmation
//! ```
//!
//! It is level-triggered: an order is made from the state at the time it is taken, so unsubscribing and subscribing
//! again in a moment costs nothing, and what waits is bounded by the number of channels. No I/O. The lock is held for
//! map operations only and never leaves this file.

use std::collections::hash_map::{Entry as Slot, OccupiedEntry};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bus::promise::Keeper;
use crate::bus::{Channel, Lateness, PendingSubscribe, Subscribed};

/// A build for tests looks at every channel after each change, unless there are more than this.
const CHECKED_MAX: usize = 16;

/// So often it is looked where a slot is whose subscriptions its server has ended: news of a move takes a moment.
const LOOKS: u32 = 3;

/// All subscriptions of this node. Any thread subscribes; the subscriber thread takes orders and confirms.
#[derive(Debug)]
pub(super) struct Subscriptions {
    state: Mutex<State>,
    /// Nobody waits for a ticket while it is noted.
    lateness: Arc<Lateness>,
}

/// What Redis is to be told. No channel is in both.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) subscribe: Vec<Channel>,
    pub(super) unsubscribe: Vec<Channel>,
}

impl Orders {
    pub(super) fn is_empty(&self) -> bool {
        self.subscribe.is_empty() && self.unsubscribe.is_empty()
    }
}

#[derive(Debug)]
struct State {
    entries: HashMap<Channel, Entry>,
    /// Who waits for a channel that is not in effect yet. Apart from the entries: those are many, and waiters few.
    waiting: HashMap<Channel, Vec<Arc<Waiter>>>,
    /// Channels whose holders may have come or gone since Redis was told. Empty unless connected.
    listed: VecDeque<Channel>,
    /// Channels whose subscription a server of a Redis Cluster has ended or refused, for their slot moves; and how often
    /// somebody has looked where it is since. Until then it is not told again: it would refuse.
    ended: HashMap<Channel, u32>,
    reach: Reach,
}

/// How far Redis is away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reach {
    /// Waiting for the next attempt: a ticket would wait in vain.
    Away,
    /// An attempt is under way; its outcome decides about the tickets.
    Connecting,
    /// Orders can be taken.
    Connected,
}

#[derive(Debug, Default)]
struct Entry {
    /// Subscribes less unsubscribes.
    holders: u32,
    /// What the last command on this connection said: subscribe, or not.
    told: bool,
    /// Commands about this channel that Redis has not confirmed yet. They are confirmed in order, so the channel is
    /// in effect when it is told and nothing is unanswered.
    unanswered: u32,
    /// Whether it is in `State::listed`.
    listed: bool,
}

impl Entry {
    fn in_effect(&self) -> bool {
        self.told && self.unanswered == 0
    }

    fn is_idle(&self) -> bool {
        self.holders == 0 && !self.told && self.unanswered == 0 && !self.listed
    }
}

/// A channel on its way from one server of a Redis Cluster to another.
#[derive(Debug)]
pub(super) struct Moving {
    pub(super) channel: Channel,
    holders: u32,
    waiters: Vec<Arc<Waiter>>,
}

/// Whoever waits for what will not be. They are told by being dropped, where no lock is held.
pub(super) type InVain = Vec<Vec<Arc<Waiter>>>;

/// What it means that a server says a subscription has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// As it was told.
    AsTold,
    /// By itself: the slot has moved away.
    ByServer,
    /// While it was told to subscribe: what holds there now cannot be told.
    Unclear,
}

/// The other end of a ticket. Dropped unconfirmed, it says that the link is away. It calls back, so it is confirmed and
/// dropped where no lock is held.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Channels that are not in effect yet.
    left: AtomicUsize,
    keeper: Mutex<Option<Keeper<Subscribed>>>,
}

impl Waiter {
    /// The ticket, and its other end. It stands for one channel more than there are, so that it is not done before all have
    /// been looked at.
    pub(super) fn ticket(lateness: &Arc<Lateness>) -> (PendingSubscribe, Arc<Self>) {
        let (ticket, keeper) = PendingSubscribe::pending(Arc::clone(lateness));
        (ticket, Arc::new(Self { left: AtomicUsize::new(1), keeper: Mutex::new(Some(keeper)) }))
    }

    pub(super) fn one_in_effect(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            keeper.keep(Subscribed::InEffect);
        }
    }
}

impl Subscriptions {
    /// Nothing subscribed; a first attempt to reach Redis is about to begin.
    pub(super) fn new(lateness: Arc<Lateness>) -> Self {
        let state = State {
            entries: HashMap::new(),
            waiting: HashMap::new(),
            listed: VecDeque::new(),
            ended: HashMap::new(),
            reach: Reach::Connecting,
        };
        Self { state: Mutex::new(state), lateness }
    }

    /// Redis has been heard of: tickets are worth waiting for.
    pub(super) fn heard(&self) {
        self.lateness.clear();
    }

    /// Adds a holder to each channel. The ticket, and how many channels had no holder before.
    pub(super) fn subscribe(&self, channels: &[Channel]) -> (PendingSubscribe, usize) {
        let (ticket, waiter) = Waiter::ticket(&self.lateness);
        let new = self.subscribe_for(&waiter, channels);
        waiter.one_in_effect();
        (ticket, new)
    }

    /// The same for a ticket that is there already. How many channels had no holder before.
    pub(super) fn subscribe_for(&self, waiter: &Arc<Waiter>, channels: &[Channel]) -> usize {
        let mut new = 0;
        let mut state = self.lock();
        let State { entries, waiting, listed, ended, reach } = &mut *state;
        for &channel in channels {
            let entry = entries.entry(channel).or_default();
            new += usize::from(entry.holders == 0);
            entry.holders += 1;
            if entry.in_effect() {
                continue;
            }
            waiter.left.fetch_add(1, Ordering::AcqRel);
            if *reach != Reach::Away {
                waiting.entry(channel).or_default().push(Arc::clone(waiter));
            }
            if *reach == Reach::Connected && !entry.told && !entry.listed && !ended.contains_key(&channel) {
                entry.listed = true;
                listed.push_back(channel);
            }
        }
        state.check();
        new
    }

    /// Takes a holder from each channel. How many channels have no holder now that had one before.
    pub(super) fn unsubscribe(&self, channels: &[Channel]) -> usize {
        let (ended, in_vain) = self.unsubscribe_for(channels);
        drop(in_vain);
        ended
    }

    /// The same; whoever waits in vain now is told when that is dropped.
    pub(super) fn unsubscribe_for(&self, channels: &[Channel]) -> (usize, InVain) {
        let mut ended = 0;
        let mut in_vain = Vec::new();
        let mut state = self.lock();
        let State { entries, waiting, listed, reach, .. } = &mut *state;
        for &channel in channels {
            let Slot::Occupied(mut slot) = entries.entry(channel) else { continue };
            let entry = slot.get_mut();
            if entry.holders != 1 {
                entry.holders = entry.holders.saturating_sub(1);
                continue;
            }
            ended += 1;
            entry.holders = 0;
            in_vain.extend(waiting.remove(&channel));
            if *reach == Reach::Connected && entry.told && !entry.listed {
                entry.listed = true;
                listed.push_back(channel);
            }
            remove_if_idle(slot);
        }
        state.check();
        (ended, in_vain)
    }

    /// What to tell Redis next, of at most `most` channels.
    pub(super) fn take_orders(&self, most: usize) -> Orders {
        let mut orders = Orders::default();
        let mut state = self.lock();
        let State { entries, listed, .. } = &mut *state;
        let count = listed.len().min(most);
        for channel in listed.drain(..count) {
            let Slot::Occupied(mut slot) = entries.entry(channel) else { continue };
            let entry = slot.get_mut();
            entry.listed = false;
            let wanted = entry.holders > 0;
            if wanted == entry.told {
                remove_if_idle(slot);
                continue;
            }
            entry.told = wanted;
            entry.unanswered += 1;
            if wanted {
                orders.subscribe.push(channel);
            } else {
                orders.unsubscribe.push(channel);
            }
        }
        state.check();
        orders
    }

    /// Redis has confirmed the oldest unanswered command about this channel.
    pub(super) fn confirmed(&self, channel: Channel) {
        let mut state = self.lock();
        let State { entries, waiting, .. } = &mut *state;
        let Slot::Occupied(mut slot) = entries.entry(channel) else { return };
        let entry = slot.get_mut();
        entry.unanswered = entry.unanswered.saturating_sub(1);
        let done = if entry.in_effect() { waiting.remove(&channel) } else { None };
        remove_if_idle(slot);
        state.check();
        drop(state);
        done.into_iter().flatten().for_each(|waiter| waiter.one_in_effect());
    }

    /// The server says that the subscription has ended.
    pub(super) fn ended(&self, channel: Channel) -> Ended {
        let mut state = self.lock();
        let State { entries, ended, .. } = &mut *state;
        let Slot::Occupied(mut slot) = entries.entry(channel) else { return Ended::AsTold };
        let entry = slot.get_mut();
        let what = match (entry.told, entry.unanswered) {
            (true, 0) => Ended::ByServer,
            // Commands alternate: the oldest one that is unanswered said this.
            (true, unanswered) if unanswered % 2 == 0 => Ended::AsTold,
            (true, _) => Ended::Unclear,
            (false, _) => Ended::AsTold,
        };
        match what {
            Ended::ByServer => {
                entry.told = false;
                if entry.holders > 0 {
                    ended.insert(channel, 0);
                }
            }
            Ended::AsTold => entry.unanswered = entry.unanswered.saturating_sub(1),
            Ended::Unclear => {}
        }
        remove_if_idle(slot);
        state.check();
        what
    }

    /// The server has refused a command, for it has not the slot of which `moved` holds: it has none of the slot's channels,
    /// and what is unanswered there was told in vain. Whoever waits goes on waiting.
    pub(super) fn refused(&self, mut moved: impl FnMut(Channel) -> bool) {
        let mut state = self.lock();
        let State { entries, ended, .. } = &mut *state;
        entries.retain(|channel, entry| {
            if entry.unanswered == 0 || !moved(*channel) {
                return true;
            }
            (entry.told, entry.unanswered) = (false, 0);
            if entry.holders > 0 && !entry.listed {
                ended.insert(*channel, 0);
            }
            !entry.is_idle()
        });
        state.check();
    }

    /// Somebody has looked, and what the server has ended is here as before. Looked for often enough it is told again: these
    /// channels. Whether others wait for another look.
    pub(super) fn looked(&self) -> (Vec<Channel>, bool) {
        let mut again = Vec::new();
        let mut state = self.lock();
        let State { entries, listed, ended, reach, .. } = &mut *state;
        ended.retain(|channel, looks| {
            *looks += 1;
            if *looks < LOOKS {
                return true;
            }
            if let Some(entry) = entries.get_mut(channel).filter(|entry| !entry.told && !entry.listed)
                && *reach == Reach::Connected
            {
                entry.listed = true;
                listed.push_back(*channel);
                again.push(*channel);
            }
            false
        });
        let others = !ended.is_empty();
        state.check();
        (again, others)
    }

    /// Gives up the channels of which `moves` holds, with their holders and whoever waits.
    pub(super) fn give_up(&self, moves: impl Fn(Channel) -> bool) -> Vec<Moving> {
        let mut state = self.lock();
        let State { entries, waiting, listed, ended, .. } = &mut *state;
        let gone: Vec<Channel> = entries.keys().copied().filter(|channel| moves(*channel)).collect();
        let mut moving = Vec::with_capacity(gone.len());
        for channel in gone {
            let Some(entry) = entries.remove(&channel) else { continue };
            let waiters = waiting.remove(&channel).unwrap_or_default();
            if entry.holders > 0 {
                moving.push(Moving { channel, holders: entry.holders, waiters });
            }
        }
        listed.retain(|channel| entries.contains_key(channel));
        ended.retain(|channel, _| entries.contains_key(channel));
        state.check();
        moving
    }

    /// Takes over what another server had. Whoever waits in vain now is told when that is dropped.
    #[must_use]
    pub(super) fn take_over(&self, moving: Vec<Moving>) -> InVain {
        let mut in_vain = Vec::new();
        let mut state = self.lock();
        let State { entries, waiting, listed, reach, .. } = &mut *state;
        for Moving { channel, holders, waiters } in moving {
            let entry = entries.entry(channel).or_default();
            entry.holders += holders;
            if *reach == Reach::Away {
                in_vain.push(waiters);
                continue;
            }
            if !waiters.is_empty() {
                waiting.entry(channel).or_default().extend(waiters);
            }
            if *reach == Reach::Connected && !entry.told && !entry.listed {
                entry.listed = true;
                listed.push_back(channel);
            }
        }
        state.check();
        in_vain
    }

    /// Whether Redis has been told of all that changed.
    pub(super) fn is_told(&self) -> bool {
        self.lock().listed.is_empty()
    }

    /// An attempt to reach Redis begins.
    pub(super) fn connecting(&self) {
        self.lock().reach = Reach::Connecting;
    }

    /// A new connection, on which Redis knows nothing yet: every channel, to be subscribed in one go.
    pub(super) fn connected(&self) -> Vec<Channel> {
        let mut state = self.lock();
        state.reach = Reach::Connected;
        for entry in state.entries.values_mut() {
            entry.told = true;
            entry.unanswered = 1;
        }
        state.entries.keys().copied().collect()
    }

    /// The connection is gone, and all subscriptions with it. Whoever waits for a ticket waits no longer.
    pub(super) fn cut_off(&self) {
        let mut state = self.lock();
        state.reach = Reach::Away;
        state.listed.clear();
        state.ended.clear();
        state.entries.retain(|_, entry| {
            *entry = Entry { holders: entry.holders, ..Entry::default() };
            entry.holders > 0
        });
        let in_vain = std::mem::take(&mut state.waiting);
        state.check();
        drop(state);
        drop(in_vain);
    }

    /// For each channel, whether Redis counts this node among its subscribers, as far as it has confirmed.
    pub(super) fn counted_here(&self, channels: &[Channel]) -> Vec<u64> {
        let state = self.lock();
        let here = |channel| {
            // Commands alternate, so after an odd number of unanswered ones the confirmed state is the opposite.
            state.entries.get(channel).is_some_and(|entry| entry.told == (entry.unanswered % 2 == 0))
        };
        channels.iter().map(|channel| u64::from(here(channel))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) {
        let Self { entries, waiting, listed, reach, .. } = self;
        debug_assert!(*reach == Reach::Connected || listed.is_empty(), "what is listed could not be told");
        debug_assert!(waiting.len() <= entries.len(), "somebody waits for a channel that nobody holds");
        // Looked at one by one only where they are few.
        if cfg!(debug_assertions) && entries.len() <= CHECKED_MAX {
            debug_assert_eq!(entries.values().filter(|entry| entry.listed).count(), listed.len());
            debug_assert!(!entries.values().any(Entry::is_idle), "an entry says nothing");
            let is_awaited = |channel| entries.get(channel).is_some_and(|entry| !entry.in_effect());
            debug_assert!(waiting.keys().all(is_awaited), "somebody waits for what is in effect");
        }
    }
}

fn remove_if_idle(slot: OccupiedEntry<'_, Channel, Entry>) {
    if slot.get().is_idle() {
        slot.remove();
    }
}

#[cfg(test)]
#[path = "subscriptions_tests.rs"]
mod tests;
