//! Whether the other nodes that this one meets on the bus use the same database. A copied database has the same identity,
//! and so its nodes would meet the others: users and messages of two databases would be mixed.
//!
//! ```text
//!   start: the node's id into the table Node --> the bus --> others hear of it: is the id in my database?
//!                                                              |yes: `vouched`         |no: `stranger`
//!   the node: whoever is alone or vouched for stays <----------+                       |
//!             whoever is a stranger before that refuses to start, or ends <------------+
//! ```
//!
//! Who finds nobody when Redis comes later than its clients was not here first: the others may be on their way back.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cursors::queue::CursorQueue;
use crate::ids::NodeId;

/// Nodes that wait to be looked up; whoever floods the bus with made-up ones costs no more memory than this.
const UNCHECKED_MAX: usize = 1024;
/// Nodes that each looks at again. Each is looked at by as many, so two of these may be frozen.
const LOOKED_AT_AGAIN: usize = 3;

/// What this node knows of the others, and they of it. Any thread.
pub struct Peers {
    me: NodeId,
    cursor_queue: CursorQueue,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Nodes that were met, and not looked up yet.
    unchecked: VecDeque<NodeId>,
    standing: Standing,
    /// What was said of the others may have been lost.
    look_again: bool,
    /// Clients are served already.
    is_serving: bool,
    /// Called once, should this node turn out to be a stranger.
    when_stranger: Option<Box<dyn FnOnce() + Send>>,
}

/// How this node stands among those that share its Redis.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// It has met nobody yet, or nobody has said anything.
    #[default]
    Open,
    /// Redis came later than the clients, and nobody else was there.
    Alone,
    /// It was here first, or another node has found it in its own database.
    Belongs,
    /// Another node, which belongs to this identity, does not find it in its database.
    Stranger,
}

impl Peers {
    /// Nobody was met yet. The cursor writer's thread, behind `cursor_queue`, is nudged when there is a node to look up.
    #[must_use]
    pub fn new(me: NodeId, cursor_queue: CursorQueue) -> Self {
        Self { me, cursor_queue, state: Mutex::default(), changed: Condvar::new() }
    }

    /// This node serves from now on; what to do should it turn out to be a stranger.
    pub(crate) fn when_stranger(&self, act: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        state.is_serving = true;
        if state.standing == Standing::Stranger {
            drop(state);
            return act();
        }
        state.when_stranger = Some(Box::new(act));
    }

    /// A node was heard of for the first time.
    pub fn met(&self, node: NodeId) {
        let mut state = self.lock();
        if state.unchecked.len() < UNCHECKED_MAX {
            state.unchecked.push_back(node);
        }
        drop(state);
        self.cursor_queue.nudge();
    }

    /// Bells may have been lost, and with them what this node or another one has said of the others: those that are there are
    /// looked up again, each by a few.
    pub(crate) fn look_again(&self) {
        self.lock().look_again = true;
        self.cursor_queue.nudge();
    }

    /// Whether [`Peers::look_again`] was called, and [`Peers::looks_again_at`] was not yet.
    #[must_use]
    pub(crate) fn is_to_look_again(&self) -> bool {
        self.lock().look_again
    }

    /// These are the nodes that are there now. This one looks at those that follow it in the order of their ids: what each says of
    /// another is told to all, so if each spoke of all others, as many bells would be heard as the cube of the nodes.
    pub(crate) fn looks_again_at(&self, mut others: Vec<NodeId>) {
        let mut state = self.lock();
        state.look_again = false;
        others.sort_unstable_by_key(|node| (node.0 < self.me.0, node.0));
        for node in others.into_iter().take(LOOKED_AT_AGAIN) {
            if state.unchecked.len() < UNCHECKED_MAX && !state.unchecked.contains(&node) {
                state.unchecked.push_back(node);
            }
        }
    }

    /// The next node to look up; it stays until [`Peers::checked`].
    #[must_use]
    pub(crate) fn unchecked(&self) -> Option<NodeId> {
        self.lock().unchecked.front().copied()
    }

    /// The node was looked up.
    pub fn checked(&self, node: NodeId) {
        self.lock().unchecked.retain(|unchecked| *unchecked != node);
    }

    /// The link to the bus came up, and nobody else is there.
    pub fn is_alone(&self) {
        let is_serving = self.lock().is_serving;
        self.decide(if is_serving { Standing::Alone } else { Standing::Belongs });
    }

    /// Nobody has come for so long that whoever was on the way back would be there.
    pub(crate) fn stays_alone(&self) {
        let mut state = self.lock();
        if state.standing == Standing::Alone {
            state.standing = Standing::Belongs;
        }
    }

    /// Another node has found `node` in its database.
    pub(crate) fn vouched(&self, node: NodeId) {
        if node == self.me {
            self.decide(Standing::Belongs);
        }
    }

    /// Another node does not find `node` in its database.
    pub fn stranger(&self, node: NodeId) {
        if node == self.me {
            self.decide(Standing::Stranger);
        }
    }

    /// Whether that is this node.
    pub(crate) fn is_me(&self, node: NodeId) -> bool {
        node == self.me
    }

    /// The first word of another node counts.
    fn decide(&self, standing: Standing) {
        let mut state = self.lock();
        if !matches!(state.standing, Standing::Open | Standing::Alone) {
            return;
        }
        state.standing = standing;
        self.changed.notify_all();
        let act = if standing == Standing::Stranger { state.when_stranger.take() } else { None };
        drop(state);
        if let Some(act) = act {
            act();
        }
    }

    /// Waits until it is known how this node stands, at most `timeout`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Standing {
        let open = |state: &mut State| state.standing == Standing::Open;
        self.changed.wait_timeout_while(self.lock(), timeout, open).unwrap_or_else(PoisonError::into_inner).0.standing
    }

    /// How this node stands.
    #[must_use]
    pub(crate) fn standing(&self) -> Standing {
        self.lock().standing
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").field("me", &self.me).field("standing", &self.standing()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::metrics::Metrics;

    const ME: NodeId = NodeId(1);

    fn peers() -> Peers {
        Peers::new(ME, CursorQueue::new(Arc::new(Metrics::new())).0)
    }

    #[test]
    fn what_was_said_of_others_is_said_again_when_bells_may_have_been_lost() {
        let peers = peers();
        peers.met(NodeId(2));
        peers.checked(NodeId(2));
        assert!(!peers.is_to_look_again() && peers.unchecked().is_none());
        peers.look_again();
        assert!(peers.is_to_look_again());
        peers.looks_again_at(vec![NodeId(2), NodeId(3)]);
        assert!(!peers.is_to_look_again());
        peers.checked(NodeId(2));
        assert_eq!(peers.unchecked(), Some(NodeId(3)), "each once");
    }

    #[test]
    fn each_node_is_looked_at_again_by_those_ahead_of_it() {
        let nodes: Vec<NodeId> = (1..=7).map(NodeId).collect();
        let mut looked_at: Vec<NodeId> = Vec::new();
        for me in &nodes {
            let peers = Peers::new(*me, CursorQueue::new(Arc::new(Metrics::new())).0);
            peers.looks_again_at(nodes.iter().copied().filter(|node| node != me).collect());
            while let Some(node) = peers.unchecked() {
                assert_ne!(node, *me);
                peers.checked(node);
                looked_at.push(node);
            }
        }
        looked_at.sort_unstable_by_key(|node| node.0);
        let each = nodes.iter().flat_map(|node| [*node; LOOKED_AT_AGAIN]).collect::<Vec<_>>();
        assert_eq!(looked_at, each);
    }

    #[test]
    fn the_first_word_about_this_node_counts() {
        let ended = Arc::new(AtomicU32::new(0));
        for (word, standing) in
            [(Peers::vouched as fn(&Peers, NodeId), Standing::Belongs), (Peers::stranger, Standing::Stranger)]
        {
            let (peers, ended) = (peers(), Arc::clone(&ended));
            peers.when_stranger(move || {
                ended.fetch_add(1, Ordering::Relaxed);
            });
            word(&peers, NodeId(2));
            assert_eq!(peers.wait(Duration::ZERO), Standing::Open, "about another node");
            word(&peers, ME);
            peers.vouched(ME);
            peers.stranger(ME);
            assert_eq!(peers.standing(), standing);
        }
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn who_was_here_first_belongs() {
        let peers = peers();
        peers.is_alone();
        peers.stranger(ME);
        assert_eq!(peers.standing(), Standing::Belongs);
    }

    #[test]
    fn who_is_alone_because_redis_came_late_may_still_be_a_stranger() {
        let (early, late) = (peers(), peers());
        for peers in [&early, &late] {
            peers.when_stranger(|| {});
            peers.is_alone();
            assert_eq!(peers.standing(), Standing::Alone);
        }
        early.stranger(ME);
        assert_eq!(early.standing(), Standing::Stranger);
        late.stays_alone();
        late.stranger(ME);
        assert_eq!(late.standing(), Standing::Belongs);
    }

    #[test]
    fn a_node_is_looked_up_until_there_is_an_answer() {
        let peers = peers();
        peers.met(NodeId(5));
        peers.met(NodeId(6));
        assert_eq!((peers.unchecked(), peers.unchecked()), (Some(NodeId(5)), Some(NodeId(5))));
        peers.checked(NodeId(5));
        assert_eq!(peers.unchecked(), Some(NodeId(6)));
        (0..5000).for_each(|number| peers.met(NodeId(number)));
        assert_eq!(peers.lock().unchecked.len(), UNCHECKED_MAX);
    }
}
