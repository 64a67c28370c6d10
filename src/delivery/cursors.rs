//! What is confirmed, on its way to the store: written behind, only forward.
//!
//! A state machine without I/O: reactors add, the scribe takes and gives back what could not be written. What gets
//! lost here costs a redelivery, never a message.

use std::collections::HashMap;

use crate::ids::{ConvId, DeviceId, Seq, UserId};
use crate::store::CursorRow;

/// Confirmed positions that are not in the store yet.
#[derive(Debug)]
pub struct Cursors {
    dirty: HashMap<UserId, Vec<(DeviceId, ConvId, Seq)>>,
    rows: usize,
    rows_max: usize,
}

impl Cursors {
    /// Holds at most `rows_max` rows; beyond that new ones are given up (and delivered again some day).
    #[must_use]
    pub fn new(rows_max: usize) -> Self {
        Self { dirty: HashMap::new(), rows: 0, rows_max }
    }

    /// Notes a position; `false` if it was given up for lack of room.
    pub fn confirm(&mut self, row: CursorRow) -> bool {
        let known = self.dirty.entry(row.user).or_default();
        let same = known.iter_mut().find(|(device, conv, _)| *device == row.device && *conv == row.conv);
        if let Some((_, _, delivered)) = same {
            *delivered = row.delivered.max(*delivered);
            return true;
        }
        if self.rows >= self.rows_max {
            if known.is_empty() {
                self.dirty.remove(&row.user);
            }
            return false;
        }
        known.push((row.device, row.conv, row.delivered));
        self.rows += 1;
        true
    }

    /// Takes what is noted for one user: before that user's backlog is read.
    pub fn take_user(&mut self, user: UserId) -> Vec<CursorRow> {
        let known = self.dirty.remove(&user).unwrap_or_default();
        self.rows -= known.len();
        known.into_iter().map(|(device, conv, delivered)| CursorRow { user, device, conv, delivered }).collect()
    }

    /// Takes about `rows_max` rows, all of a user's or none.
    pub fn take(&mut self, rows_max: usize) -> Vec<CursorRow> {
        let mut taken = Vec::new();
        while taken.len() < rows_max {
            let Some(&user) = self.dirty.keys().next() else { break };
            taken.extend(self.take_user(user));
        }
        taken
    }

    /// Puts back what could not be written; what was noted meanwhile is further and wins. Returns how many rows were
    /// given up for lack of room.
    pub fn give_back(&mut self, rows: Vec<CursorRow>) -> usize {
        rows.into_iter().filter(|row| !self.confirm(*row)).count()
    }

    /// How many rows wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    fn row(user: i64, conv: i64, delivered: Seq) -> CursorRow {
        CursorRow {
            user: UserId::new(user).unwrap(),
            device: DeviceId::UNNAMED,
            conv: ConvId::group(GroupId::new(conv).unwrap()),
            delivered,
        }
    }

    #[test]
    fn only_forward() {
        let mut cursors = Cursors::new(10);
        cursors.confirm(row(1, 1, 5));
        cursors.confirm(row(1, 1, 3));
        assert_eq!(cursors.take(10), [row(1, 1, 5)]);
        assert!(cursors.is_empty());
        cursors.confirm(row(1, 1, 9));
        cursors.give_back(vec![row(1, 1, 5)]);
        assert_eq!(cursors.take_user(row(1, 1, 0).user), [row(1, 1, 9)]);
        assert_eq!(cursors.take(10), []);
    }

    #[test]
    fn bounded() {
        let mut cursors = Cursors::new(2);
        assert!(cursors.confirm(row(1, 1, 1)));
        assert!(cursors.confirm(row(2, 1, 1)));
        assert!(!cursors.confirm(row(3, 1, 1)));
        assert!(cursors.confirm(row(1, 1, 2)), "a known row needs no room");
        assert_eq!(cursors.len(), 2);
        assert_eq!(cursors.give_back(vec![row(4, 1, 1)]), 1);
        assert_eq!(cursors.take(1).len(), 1);
        assert_eq!(cursors.take(10).len(), 1);
    }
}
