//! What is confirmed, on its way to the store: written behind, only forward.
//!
//! A state machine without I/O: reactors add; the cursor writer takes a batch, writes it, and says what came of it. What gets
//! lost here costs a redelivery, never a message.
//!
//! ```text
//!   confirm --> dirty --take--> writing --written_but-> gone
//!                 ^                |----not_written--+
//!                 +----------------------------------+
//! ```

use std::collections::VecDeque;

use crate::ids::{ConvId, DeviceId, IdMap, Seq, UserId};
use crate::store::CursorRow;

/// Confirmed positions that are not in the store yet.
#[derive(Debug)]
pub struct Cursors {
    dirty: IdMap<UserId, Vec<(DeviceId, ConvId, Seq)>>,
    /// The users in the order in which they are written. Invariant: those of `dirty`, each once.
    order: VecDeque<UserId>,
    /// The batch that is being written: not in the store yet, as far as anyone knows.
    writing: Vec<CursorRow>,
    rows: usize,
    rows_max: usize,
}

impl Cursors {
    /// Holds at most `rows_max` rows; beyond that new ones are given up (and delivered again some day).
    #[must_use]
    pub fn new(rows_max: usize) -> Self {
        Self { dirty: IdMap::default(), order: VecDeque::new(), writing: Vec::new(), rows: 0, rows_max }
    }

    /// Notes a position; `false` if it was given up for lack of room.
    pub fn confirm(&mut self, row: CursorRow) -> bool {
        let known = self.dirty.get_mut(&row.user);
        let is_same = |(device, conv, _): &&mut (DeviceId, ConvId, Seq)| *device == row.device && *conv == row.conv;
        if let Some((_, _, delivered)) = known.and_then(|known| known.iter_mut().find(is_same)) {
            *delivered = row.delivered.max(*delivered);
            return true;
        }
        if self.rows >= self.rows_max {
            return false;
        }
        let known = self.dirty.entry(row.user).or_insert_with(|| {
            self.order.push_back(row.user);
            Vec::new()
        });
        known.push((row.device, row.conv, row.delivered));
        self.rows += 1;
        self.check();
        true
    }

    /// Takes what is not in the store yet for one user, to be written before that user's backlog is read. Rows that are
    /// being written are among them: writing them twice does no harm, not waiting for them would.
    pub(crate) fn take_user(&mut self, user: UserId) -> Vec<CursorRow> {
        let mut rows: Vec<CursorRow> = self.take_rows(user).collect();
        let further = |row: &CursorRow| rows.iter().any(|known| known.device == row.device && known.conv == row.conv);
        let writing = self.writing.iter().filter(|row| row.user == user && !further(row)).copied();
        let writing: Vec<CursorRow> = writing.collect();
        rows.extend(writing);
        rows
    }

    /// Takes about `rows_max` rows to be written, all of a user's or none. [`Cursors::written_but`] or
    /// [`Cursors::not_written`] must follow before the next.
    pub fn take(&mut self, rows_max: usize) -> Vec<CursorRow> {
        let mut taken = Vec::new();
        while taken.len() < rows_max {
            let Some(user) = self.order.pop_front() else { break };
            taken.extend(self.take_rows(user));
            self.dirty.remove(&user);
        }
        self.writing.clone_from(&taken);
        self.check();
        taken
    }

    /// The batch taken is in the store, but for these rows, which wait again: somebody locks them. Returns how many of
    /// them were given up for lack of room.
    pub(crate) fn written_but(&mut self, locked: Vec<CursorRow>) -> usize {
        self.writing = Vec::new();
        locked.into_iter().filter(|row| !self.confirm(*row)).count()
    }

    /// The batch taken could not be written: it waits again; what was noted meanwhile is further and wins. Returns how
    /// many rows were given up for lack of room.
    pub(crate) fn not_written(&mut self) -> usize {
        let rows = std::mem::take(&mut self.writing);
        rows.into_iter().filter(|row| !self.confirm(*row)).count()
    }

    fn take_rows(&mut self, user: UserId) -> impl Iterator<Item = CursorRow> + use<> {
        let known = self.dirty.get_mut(&user).map(std::mem::take).unwrap_or_default();
        self.rows -= known.len();
        known.into_iter().map(move |(device, conv, delivered)| CursorRow { user, device, conv, delivered })
    }

    fn check(&self) {
        debug_assert_eq!(self.order.len(), self.dirty.len(), "users in order, and users with rows");
        debug_assert!(self.rows <= self.rows_max, "{} rows of {}", self.rows, self.rows_max);
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
        cursors.not_written();
        assert_eq!(cursors.take_user(row(1, 1, 0).user), [row(1, 1, 9)]);
        assert_eq!(cursors.take(10), []);
    }

    #[test]
    fn what_is_being_written_is_not_in_the_store_yet() {
        let mut cursors = Cursors::new(10);
        cursors.confirm(row(1, 1, 5));
        cursors.confirm(row(2, 1, 5));
        assert_eq!(cursors.take(10).len(), 2);
        cursors.confirm(row(1, 1, 6));
        assert_eq!(cursors.take_user(row(1, 1, 0).user), [row(1, 1, 6)], "the further one");
        assert_eq!(cursors.take_user(row(2, 1, 0).user), [row(2, 1, 5)]);
        assert_eq!(cursors.written_but(vec![row(2, 1, 5)]), 0);
        assert_eq!(cursors.take_user(row(2, 1, 0).user), [row(2, 1, 5)], "locked: it waits again");
        assert_eq!(cursors.take_user(row(2, 1, 0).user), []);
    }

    #[test]
    fn bounded() {
        let mut cursors = Cursors::new(2);
        assert!(cursors.confirm(row(1, 1, 1)));
        assert!(cursors.confirm(row(2, 1, 1)));
        assert!(!cursors.confirm(row(3, 1, 1)));
        assert!(cursors.confirm(row(1, 1, 2)), "a known row needs no room");
        assert_eq!(cursors.len(), 2);
        assert_eq!(cursors.take(1).len(), 1);
        assert!(cursors.confirm(row(3, 1, 1)));
        assert_eq!(cursors.not_written(), 1);
        assert_eq!(cursors.take(10).len(), 2);
    }
}
