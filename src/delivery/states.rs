//! Users who are reported online by a node that is no more: it died, and nobody reported that they have gone.
//!
//! ```text
//!   rows name nodes --not among the nodes on the bus--> suspects --again so at the next look--> their users are offline
//!                                                                                               and are told to have gone
//! ```
//!
//! All nodes look. Of each user one of them finds that the row is still there, and tells it.
//!
//! A node that has just come may have reported before it was heard of, so nobody is judged by one look. A node that was
//! judged wrongly (the network was divided) reports its users again when its link is back.

use std::collections::HashSet;

use crate::ids::{NodeId, UserId};
use crate::store::{Result, Store};

/// Users of one transaction.
const PIECE_USERS: u32 = 500;
/// Users of one look: the same thread has other things to do. The rest has time until the next one.
const LOOK_USERS: usize = 10_000;

/// Which nodes are suspected to be no more.
#[derive(Debug)]
pub(crate) struct Absent {
    me: NodeId,
    suspects: HashSet<NodeId>,
}

impl Absent {
    /// Nobody is suspected yet.
    #[must_use]
    pub(crate) fn new(me: NodeId) -> Self {
        Self { me, suspects: HashSet::new() }
    }

    /// Compares the nodes that report users online with those that are `present` besides this one. Adds the users whom it has
    /// reported offline to `lost`.
    ///
    /// # Errors
    /// The store is away; the next look makes up for it.
    pub(crate) fn look(&mut self, store: &mut dyn Store, present: &[NodeId], lost: &mut Vec<UserId>) -> Result<()> {
        let reporting = store.reporting_nodes()?;
        let gone = reporting.into_iter().filter(|node| *node != self.me && !present.contains(node));
        let (judged, suspects): (Vec<NodeId>, HashSet<NodeId>) = {
            let gone: Vec<NodeId> = gone.collect();
            (gone.iter().copied().filter(|node| self.suspects.contains(node)).collect(), gone.into_iter().collect())
        };
        self.suspects = suspects;
        for node in judged {
            // Who is left over stays under suspicion, and is found at the next look.
            while lost.len() < LOOK_USERS {
                let users = store.report_absent(node, PIECE_USERS)?;
                lost.extend_from_slice(&users);
                if users.len() < PIECE_USERS as usize {
                    self.suspects.remove(&node);
                    log::info!("the users of node {node}, which is no more, are reported offline");
                    break;
                }
            }
        }
        Ok(())
    }
}
