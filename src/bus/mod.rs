//! The bus connects nodes: a doorbell, never a record. A bell may be lost; the store knows the truth.
//!
//! ```text
//!   lanes, workers --publish--> publisher thread --pipelined PUBLISH--> Redis
//!   Redis --> subscriber thread --> Listener::bells --> reactors' mailboxes
//! ```
//!
//! A node subscribes to what concerns its sessions. Redis' own subscriber table is both the routing table and the
//! presence table: a dead node's subscriptions vanish with its connection.

pub mod local;
pub mod promise;
pub mod redis;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::ids::{DeviceId, GroupId, NodeId, UserId};
use crate::wants::Want;
use promise::{Keeper, Promise, promise};

/// The largest payload of a bell, in bytes. Ordinary messages are far below it: a bell for a larger one tells only that it
/// exists.
pub(crate) const BELL_BYTES_MAX: usize = 512 * 1024;

/// What a node can subscribe to. Subscriptions are counted per node: as many unsubscribes as subscribes end one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// `u:<uid>`: what concerns one user; subscribed while that user has a session here.
    User(UserId),
    /// `g:<gid>`: what concerns one group; subscribed while a member has a session here.
    Group(GroupId),
    /// `d:<uid>:<device>`: this device of a user has a session; tells a second login of a device from one beside it.
    Device(UserId, DeviceId),
    /// `t:<16 hex digits>`: a session that is resumed by this key, made of its token and its device; tells a resume from a
    /// second login.
    Token(u64),
    /// `w:<word>`: a session here wants to be told of this. Where nobody is subscribed, nobody makes it; no bell comes on it.
    Want(Want),
    /// `all`: what concerns every node. Each is subscribed to it without asking.
    All,
}

/// One message to every other node that is subscribed to the channel.
#[derive(Clone, Debug)]
pub struct Bell {
    /// Whom it concerns.
    pub channel: Channel,
    /// Opaque to the bus; at most [`BELL_BYTES_MAX`].
    pub payload: Bytes,
}

/// A bell from another node, borrowed from the subscriber's read buffer.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedBell<'a> {
    /// The channel it came on.
    pub channel: Channel,
    /// What the other node gave to [`Bus::publish`].
    pub payload: &'a [u8],
}

/// Told what comes from other nodes. Called on the bus's subscriber thread; may wait briefly for a mailbox.
pub trait Listener: Send + Sync + 'static {
    /// Bells of other nodes, in the order they came. Never this node's own.
    fn bells(&self, bells: &[ReceivedBell<'_>]);
    /// Another node was heard of for the first time.
    fn met(&self, node: NodeId) {
        let _ = node;
    }
    /// The link has come up, and this node knows all `others` that are there.
    fn introduced(&self, others: usize) {
        let _ = others;
    }
    /// Bells may have been lost (the link was down and is back, or another node has gone or lost bells): look into
    /// the store for what was missed. What was rung before `since`, by this node's clock, is not missing; `None`: nobody knows
    /// since when.
    fn resync(&self, why: &'static str, since: Option<Instant>);
    /// The same, and only bells on these channels: a part of the bus was away. Whoever does not tell them apart does the
    /// whole.
    fn resync_part(&self, why: &'static str, part: &Part, since: Option<Instant>) {
        let _ = part;
        self.resync(why, since);
    }
}

/// Some of all channels.
#[derive(Clone)]
pub struct Part(Arc<dyn Fn(Channel) -> bool + Send + Sync>);

impl Part {
    /// The channels of which `contains` holds.
    #[must_use]
    pub fn new(contains: impl Fn(Channel) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(contains))
    }

    /// Whether the channel is one of them.
    #[must_use]
    pub fn contains(&self, channel: Channel) -> bool {
        (self.0)(channel)
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part")
    }
}

/// What became of subscriptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subscribed {
    /// They are in effect: bells come.
    InEffect,
    /// There is no link. They take effect with the next one, and the resync that follows it finds what was missed.
    Away,
}

/// When subscriptions take effect.
#[derive(Clone, Debug)]
pub struct PendingSubscribe(Option<Pending>);

#[derive(Clone, Debug)]
struct Pending {
    promise: Promise<Subscribed>,
    lateness: Arc<Lateness>,
}

/// Whether subscriptions are confirmed later than anyone wants to wait: then nobody waits, until the other side has been
/// heard of again.
#[derive(Debug, Default)]
pub struct Lateness(AtomicBool);

impl Lateness {
    /// Somebody has waited in vain.
    pub fn note(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// The other side has been heard of.
    pub fn clear(&self) {
        // Mostly it is clear: a look is cheaper than a write that all readers share.
        if self.is_noted() {
            self.0.store(false, Ordering::Release);
        }
    }

    /// Whether somebody has waited in vain, and nothing was heard since.
    #[must_use]
    pub(crate) fn is_noted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl PendingSubscribe {
    /// A ticket for what is in effect already.
    #[must_use]
    pub fn in_effect() -> Self {
        Self(None)
    }

    /// A ticket for what the keeper confirms. A keeper that is dropped says that the link is away.
    #[must_use]
    pub fn pending(lateness: Arc<Lateness>) -> (Self, Keeper<Subscribed>) {
        let (promise, keeper) = promise(Subscribed::Away);
        (Self(Some(Pending { promise, lateness })), keeper)
    }

    /// What has become of it; `None`: nothing yet.
    #[must_use]
    pub fn look(&self) -> Option<Subscribed> {
        self.0.as_ref().map_or(Some(Subscribed::InEffect), |pending| pending.promise.look())
    }

    /// Whether it is still open, and worth waiting for.
    #[must_use]
    pub fn is_worth_waiting(&self) -> bool {
        self.look().is_none() && self.0.as_ref().is_some_and(|pending| !pending.lateness.is_noted())
    }

    /// Nobody waits for it any longer: nobody shall wait for others of this link, until it is heard of again.
    pub fn is_late(&self) {
        if let Some(pending) = self.0.as_ref().filter(|pending| pending.promise.look().is_none()) {
            pending.lateness.note();
        }
    }

    /// Calls `call` when it is decided: at once if it is, else on the bus's thread.
    pub fn then(&self, call: impl FnOnce() + Send + 'static) {
        match &self.0 {
            Some(pending) => pending.promise.then(call),
            None => call(),
        }
    }

    /// Waits until the subscriptions are in effect, at most `timeout`. `false` if they are not (the link is down).
    #[must_use]
    pub fn wait(self, timeout: Duration) -> bool {
        self.0.is_none_or(|pending| pending.promise.wait(timeout) == Some(Subscribed::InEffect))
    }
}

/// How many other nodes are subscribed to each channel that was asked for, in that order.
pub type Answer = Result<Arc<[u64]>, BusError>;

/// A question that is being asked.
pub type Question = Promise<Answer>;

/// Why the bus could not answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BusError {
    /// The link to the other nodes is down or did not answer in time.
    #[error("the bus is away: {0}")]
    Away(Arc<str>),
}

/// State of the link to the other nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// Bells arrive.
    Up,
    /// The link is being opened again; bells are being missed, a resync will follow.
    Down,
}

/// The way to the other nodes. All calls may come from any thread.
pub trait Bus: Send + Sync {
    /// This node's id; bells carry it, so that a node does not hear itself.
    fn node(&self) -> NodeId;

    /// Whether there can be other nodes at all: where there cannot, nobody needs to make bells.
    fn has_peers(&self) -> bool {
        true
    }

    /// The other nodes that are there; `None` when that is not known at present.
    fn nodes(&self) -> Option<Vec<NodeId>>;

    /// Adds a subscription to each channel. Never blocks for the network; the ticket tells when bells come.
    fn subscribe(&self, channels: &[Channel]) -> PendingSubscribe;

    /// Takes one subscription of each channel back. Never blocks for the network.
    fn unsubscribe(&self, channels: &[Channel]);

    /// Rings the bells on the other nodes, in order. Never blocks: bells that find no room, or no link, are dropped
    /// and counted, and the other nodes are told to resync once the link is back.
    fn publish(&self, bells: Vec<Bell>);

    /// Asks for each channel how many nodes other than this one are subscribed to it. Never blocks for the network. The
    /// answer comes within about a second, and at once while nobody answers: the presence of others is unknown then.
    fn ask(&self, channels: &[Channel]) -> Question;

    /// Whether bells arrive at present.
    fn link(&self) -> LinkState;

    /// Ends the bus's threads after what was published before has been flushed (for at most about a second).
    fn stop(&self);
}
