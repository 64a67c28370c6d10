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
pub mod redis;

use std::time::Duration;

use bytes::Bytes;

use crate::ids::{GroupId, NodeId, UserId};

/// What a node can subscribe to. Subscriptions are counted per node: as many unsubscribes as subscribes end one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// `u:<uid>`: what concerns one user; subscribed while that user has a session here.
    User(UserId),
    /// `g:<gid>`: what concerns one group; subscribed while a member has a session here.
    Group(GroupId),
    /// `t:<16 hex digits>`: a session holds the token whose hash begins so; tells a resume from a second login.
    Token(u64),
}

/// One message to every other node that is subscribed to the channel.
#[derive(Clone, Debug)]
pub struct Bell {
    /// Whom it concerns.
    pub channel: Channel,
    /// Opaque to the bus; at most some 100 KiB.
    pub payload: Bytes,
}

/// A bell from another node, borrowed from the subscriber's read buffer.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The channel it came on.
    pub channel: Channel,
    /// What the other node gave to [`Bus::publish`].
    pub payload: &'a [u8],
}

/// Told what comes from other nodes. Called on the bus's subscriber thread; may wait briefly for a mailbox.
pub trait Listener: Send + Sync + 'static {
    /// Bells of other nodes, in the order they came. Never this node's own.
    fn bells(&self, bells: &[Heard<'_>]);
    /// Bells may have been lost (the link was down and is back, or another node has gone or lost bells): look into
    /// the store for what was missed.
    fn resync(&self, why: &'static str);
}

/// Waits for subscriptions to take effect.
#[derive(Debug)]
pub struct Ticket(Option<crossbeam_channel::Receiver<()>>);

impl Ticket {
    /// A ticket for what is in effect already.
    #[must_use]
    pub fn in_effect() -> Self {
        Self(None)
    }

    /// A ticket that is done when the sender of `confirmed` sends. If it goes away instead, the wait ends at once as
    /// failed. (A subscription made while the link is down is confirmed by the resync that follows the reconnect, so
    /// nobody needs to wait for it.)
    #[must_use]
    pub fn pending(confirmed: crossbeam_channel::Receiver<()>) -> Self {
        Self(Some(confirmed))
    }

    /// Waits until the subscriptions are in effect, at most `timeout`. `false` if they are not (the link is down).
    #[must_use]
    pub fn wait(self, timeout: Duration) -> bool {
        self.0.is_none_or(|confirmed| confirmed.recv_timeout(timeout).is_ok())
    }
}

/// Why the bus could not answer.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The link to the other nodes is down or did not answer in time.
    #[error("the bus is away: {0}")]
    Away(String),
}

/// State of the link to the other nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// Bells arrive.
    Up,
    /// The link is being opened again; bells are being missed, a resync will follow.
    Down,
}

/// The doorbell. All calls may come from any thread.
pub trait Bus: Send + Sync {
    /// This node's id; bells carry it, so that a node does not hear itself.
    fn node(&self) -> NodeId;

    /// Whether there can be other nodes at all: where there cannot, nobody needs to make bells.
    fn has_peers(&self) -> bool {
        true
    }

    /// Adds a subscription to each channel. Never blocks for the network; the ticket does, for who wants to.
    fn subscribe(&self, channels: &[Channel]) -> Ticket;

    /// Takes one subscription of each channel back. Never blocks for the network.
    fn unsubscribe(&self, channels: &[Channel]);

    /// Rings the bells on the other nodes, in order. Never blocks: bells that find no room, or no link, are dropped
    /// and counted, and the other nodes are told to resync once the link is back.
    fn publish(&self, bells: Vec<Bell>);

    /// For each channel, how many nodes other than this one are subscribed to it. Waits for the network, at most
    /// about a second: for workers, never for reactors.
    ///
    /// # Errors
    /// `BusError::Away` when the link is down: the presence of others is unknown then.
    fn elsewhere(&self, channels: &[Channel]) -> Result<Vec<u64>, BusError>;

    /// Whether bells arrive at present.
    fn link(&self) -> LinkState;

    /// Ends the bus's threads after what was published before has been flushed (for at most about a second).
    fn stop(&self);
}
