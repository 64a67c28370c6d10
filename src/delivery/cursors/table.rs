//! What is confirmed or read, on its way to the store: written behind, only forward.
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

use crate::ids::{ConvId, DeviceId, IdMap, UserId};
use crate::net::ConnId;
use crate::store::{CursorRow, ReadRow};

/// A position of a user that only moves forward.
pub trait Position: Copy {
    /// Tells the user's positions from each other.
    type Place: PartialEq;

    /// Whose it is.
    fn user(&self) -> UserId;
    /// Of what.
    fn place(&self) -> Self::Place;
    /// Takes over what `other`, of the same place, says beyond this one.
    fn take_further(&mut self, other: Self);
}

impl Position for CursorRow {
    type Place = (DeviceId, ConvId);

    fn user(&self) -> UserId {
        self.user
    }

    fn place(&self) -> Self::Place {
        (self.device, self.conv)
    }

    fn take_further(&mut self, other: Self) {
        self.delivered = self.delivered.max(other.delivered);
    }
}

/// What a device has confirmed, and whether others are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Confirmation {
    /// Up to where.
    pub row: CursorRow,
    /// It is more than what follows from the user's own messages, which tell by themselves what has arrived before them.
    pub is_news: bool,
}

impl Position for Confirmation {
    type Place = (DeviceId, ConvId);

    fn user(&self) -> UserId {
        self.row.user
    }

    fn place(&self) -> Self::Place {
        self.row.place()
    }

    fn take_further(&mut self, other: Self) {
        self.row.take_further(other.row);
        self.is_news |= other.is_news;
    }
}

/// What a user has read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Up to where.
    pub row: ReadRow,
    /// The session that said so: it need not be told.
    pub by: ConnId,
}

impl Position for Reading {
    type Place = ConvId;

    fn user(&self) -> UserId {
        self.row.user
    }

    fn place(&self) -> ConvId {
        self.row.conv
    }

    fn take_further(&mut self, other: Self) {
        if other.row.read > self.row.read {
            *self = other;
        }
    }
}

/// Positions that are not in the store yet.
#[derive(Debug)]
pub struct Cursors<P = CursorRow> {
    dirty: IdMap<UserId, Vec<P>>,
    /// The users in the order in which they are written. Invariant: those of `dirty`, each once.
    order: VecDeque<UserId>,
    /// The batch that is being written: not in the store yet, as far as anyone knows.
    writing: Vec<P>,
    rows: usize,
    rows_max: usize,
}

impl<P: Position> Cursors<P> {
    /// Holds at most `rows_max` rows; beyond that new ones are given up (and delivered again some day).
    #[must_use]
    pub fn new(rows_max: usize) -> Self {
        Self { dirty: IdMap::default(), order: VecDeque::new(), writing: Vec::new(), rows: 0, rows_max }
    }

    /// Notes a position; `false` if it was given up for lack of room.
    pub fn confirm(&mut self, row: P) -> bool {
        let known = self.dirty.get_mut(&row.user());
        if let Some(known) = known.and_then(|known| known.iter_mut().find(|known| known.place() == row.place())) {
            known.take_further(row);
            return true;
        }
        if self.rows >= self.rows_max {
            return false;
        }
        let known = self.dirty.entry(row.user()).or_insert_with(|| {
            self.order.push_back(row.user());
            Vec::new()
        });
        known.push(row);
        self.rows += 1;
        self.check();
        true
    }

    /// Takes what is not in the store yet for one user, to be written before that user's backlog is read. Rows that are
    /// being written are among them: writing them twice does no harm, not waiting for them would.
    pub(crate) fn take_user(&mut self, user: UserId) -> Vec<P> {
        let mut rows: Vec<P> = self.take_rows(user);
        let further = |row: &P| rows.iter().any(|known| known.place() == row.place());
        let writing = self.writing.iter().filter(|row| row.user() == user && !further(row)).copied();
        let writing: Vec<P> = writing.collect();
        rows.extend(writing);
        rows
    }

    /// Whether something of the user's is not in the store yet.
    pub(crate) fn has(&self, user: UserId) -> bool {
        // Those of a user that were taken leave a place in the order.
        let is_dirty = self.dirty.get(&user).is_some_and(|rows| !rows.is_empty());
        is_dirty || self.writing.iter().any(|row| row.user() == user)
    }

    /// Takes about `rows_max` rows to be written, all of a user's or none. [`Cursors::written_but`] or
    /// [`Cursors::not_written`] must follow before the next.
    pub fn take(&mut self, rows_max: usize) -> Vec<P> {
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
    pub(crate) fn written_but(&mut self, locked: Vec<P>) -> usize {
        self.writing = Vec::new();
        locked.into_iter().filter(|row| !self.confirm(*row)).count()
    }

    /// The batch taken could not be written: it waits again; what was noted meanwhile is further and wins. Returns how
    /// many rows were given up for lack of room.
    pub(crate) fn not_written(&mut self) -> usize {
        let rows = std::mem::take(&mut self.writing);
        rows.into_iter().filter(|row| !self.confirm(*row)).count()
    }

    fn take_rows(&mut self, user: UserId) -> Vec<P> {
        let known = self.dirty.get_mut(&user).map(std::mem::take).unwrap_or_default();
        self.rows -= known.len();
        known
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
    use crate::ids::{GroupId, Seq};

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

    #[test]
    fn of_two_sessions_that_have_read_the_one_that_is_further_knows() {
        let (user, conv) = (UserId::new(1).unwrap(), row(1, 1, 0).conv);
        let by = |slot| ConnId { reactor: 0, slot, generation: 0 };
        let reading = |read, slot| Reading { row: ReadRow { user, conv, read }, by: by(slot) };
        let mut reads = Cursors::new(10);
        for (read, slot) in [(5, 1), (7, 2), (7, 3), (6, 1)] {
            assert!(reads.confirm(reading(read, slot)));
        }
        assert_eq!(reads.take(10), [reading(7, 2)]);
    }

    #[test]
    fn what_is_news_stays_news() {
        let mut cursors = Cursors::new(10);
        cursors.confirm(Confirmation { row: row(1, 1, 5), is_news: true });
        cursors.confirm(Confirmation { row: row(1, 1, 6), is_news: false });
        cursors.confirm(Confirmation { row: row(1, 2, 6), is_news: false });
        let taken: Vec<(Seq, bool)> = cursors.take(10).iter().map(|of| (of.row.delivered, of.is_news)).collect();
        assert_eq!(taken, [(6, true), (6, false)]);
    }
}
