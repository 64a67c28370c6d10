//! Which connections of one reactor hear which group. Fan-out inside a node shares nothing: each reactor has its own.

use std::collections::HashMap;

use crate::ids::GroupId;
use crate::net::ConnId;

/// group -> connections of this reactor.
#[derive(Debug, Default)]
pub struct Members {
    by_group: HashMap<GroupId, Vec<ConnId>>,
}

impl Members {
    /// The session on `conn` hears these groups from now on.
    pub fn enter(&mut self, conn: ConnId, groups: &[GroupId]) {
        for group in groups {
            self.by_group.entry(*group).or_default().push(conn);
        }
    }

    /// It does not any more.
    pub fn leave(&mut self, conn: ConnId, groups: &[GroupId]) {
        for group in groups {
            let Some(members) = self.by_group.get_mut(group) else { continue };
            members.retain(|member| *member != conn);
            if members.is_empty() {
                self.by_group.remove(group);
            }
        }
    }

    /// Who hears the group.
    #[must_use]
    pub fn of(&self, group: GroupId) -> &[ConnId] {
        self.by_group.get(&group).map_or(&[], Vec::as_slice)
    }

    /// Forgets the group; who heard it.
    pub fn remove(&mut self, group: GroupId) -> Vec<ConnId> {
        self.by_group.remove(&group).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_hears_no_more() {
        let group = |number| GroupId::new(number).unwrap();
        let conn = |slot| ConnId { reactor: 0, slot, generation: 0 };
        let mut members = Members::default();
        members.enter(conn(1), &[group(1), group(2)]);
        members.enter(conn(2), &[group(1)]);
        members.leave(conn(1), &[group(1)]);
        assert_eq!(members.of(group(1)), [conn(2)]);
        assert_eq!(members.of(group(2)), [conn(1)]);
        assert_eq!(members.remove(group(1)), [conn(2)]);
        assert_eq!(members.of(group(1)), []);
    }
}
