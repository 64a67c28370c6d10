//! What waits to be written behind: confirmed positions, who has come and gone, and channels to give up after that.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::table::{Confirmation, Cursors, Reading};
use crate::bus::Channel;
use crate::delivery::missed::Gap;
use crate::delivery::receipts::Moved;
use crate::ids::{Members, UserId};
use crate::metrics::Metrics;
use crate::net::ConnId;
use crate::store::{CursorRow, ReadRow};

/// Rows that may wait, of each kind; some 100 bytes each.
const ROWS_MAX: usize = 200_000;

/// What waits to be written. Shared by reactors, workers and the cursor writer; every lock is short.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) cursors: Cursors<Confirmation>,
    /// Those of groups, which may be many: each round writes a part of them. Those of a user whose session ends are moved to the others.
    pub(super) in_groups: Cursors<Confirmation>,
    pub(super) reads: Cursors<Reading>,
    /// What has been written and is to be told.
    pub(super) moved: Moved,
    /// Users who came or went: what is reported of them is what the directory says when it is written.
    pub(super) changed: HashSet<UserId>,
    /// Those of them whose last session here has ended, and who was left behind by a node that has stopped.
    pub(super) gone: Vec<UserId>,
    /// Everybody who is online here is to be reported once more.
    pub(super) report_all: bool,
    /// Bells may be missing: it is to be asked what has changed meanwhile.
    pub(super) gap: Option<Gap>,
    /// Channels to give up after the next write.
    pub(super) departed: Vec<Channel>,
    /// Reactors whose sessions of an earlier epoch may still be there: what they confirm counts no more.
    pub(super) reactors_behind: u32,
}

impl Waiting {
    /// Notes a position; `false` if it was given up for lack of room.
    fn confirm(&mut self, row: Confirmation) -> bool {
        match row.row.conv.members() {
            Some(Members::Group(_)) => self.in_groups.confirm(row),
            Some(Members::Pair(..)) | None => self.cursors.confirm(row),
        }
    }

    /// All of the user's is written in the next round. Returns how many rows were given up for lack of room.
    fn hurry(&mut self, user: UserId) -> usize {
        let rows = self.in_groups.take_user(user);
        rows.into_iter().filter(|row| !self.cursors.confirm(*row)).count()
    }
}

/// What a user's sessions here have said of how far they are.
#[derive(Debug, Default)]
pub(crate) struct OfUser {
    pub(crate) cursors: Vec<Confirmation>,
    pub(crate) reads: Vec<Reading>,
}

impl OfUser {
    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.cursors.is_empty() && self.reads.is_empty()
    }
}

/// The door to the cursor writer. Any thread may call; nothing blocks on the database, but for [`CursorQueue::take_user`]'s caller.
#[derive(Clone, Debug)]
pub struct CursorQueue {
    waiting: Arc<Mutex<Waiting>>,
    nudge: Sender<()>,
    pub(super) metrics: Arc<Metrics>,
}

impl CursorQueue {
    /// A queue that nobody reads yet, and where its nudges arrive.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> (Self, Receiver<()>) {
        let (nudge, nudged) = bounded(1);
        let waiting = Waiting {
            cursors: Cursors::new(ROWS_MAX),
            in_groups: Cursors::new(ROWS_MAX),
            reads: Cursors::new(ROWS_MAX),
            moved: Moved::default(),
            changed: HashSet::new(),
            gone: Vec::new(),
            report_all: false,
            gap: None,
            departed: Vec::new(),
            reactors_behind: 0,
        };
        (Self { waiting: Arc::new(Mutex::new(waiting)), nudge, metrics }, nudged)
    }

    /// Notes confirmed positions.
    pub fn confirm(&self, rows: impl IntoIterator<Item = CursorRow>) {
        self.note(rows.into_iter().map(|row| Confirmation { row, is_news: true }));
    }

    /// The same of what follows from the user's own messages: others see that by the messages.
    pub(crate) fn pass(&self, row: CursorRow) {
        self.note([Confirmation { row, is_news: false }]);
    }

    /// Notes them once more, as they were taken.
    pub(crate) fn note(&self, rows: impl IntoIterator<Item = Confirmation>) {
        let mut waiting = self.lock();
        if waiting.reactors_behind > 0 {
            // Of a session of before, as a rule; what a new one loses by this comes again.
            return;
        }
        for row in rows {
            if !waiting.confirm(row) {
                self.metrics.cursors_dropped.inc();
            }
        }
        self.gauge(&waiting);
    }

    /// The user has read up to here, by what this session says.
    pub(crate) fn read(&self, row: ReadRow, by: ConnId) {
        self.note_reads([Reading { row, by }]);
    }

    /// Notes what was read once more, as it was taken.
    pub(crate) fn note_reads(&self, rows: impl IntoIterator<Item = Reading>) {
        let mut waiting = self.lock();
        if waiting.reactors_behind > 0 {
            return;
        }
        for row in rows {
            if !waiting.reads.confirm(row) {
                self.metrics.cursors_dropped.inc();
            }
        }
        self.gauge(&waiting);
    }

    /// Takes the positions noted for one user, for a worker that writes them before it reads that user's backlog.
    #[must_use]
    pub(crate) fn take_user(&self, user: UserId) -> OfUser {
        let mut waiting = self.lock();
        let mut cursors = waiting.cursors.take_user(user);
        cursors.extend(waiting.in_groups.take_user(user));
        let taken = OfUser { cursors, reads: waiting.reads.take_user(user) };
        self.gauge(&waiting);
        taken
    }

    /// Whether positions of this user wait to be written.
    #[must_use]
    pub(crate) fn has(&self, user: UserId) -> bool {
        let waiting = self.lock();
        waiting.cursors.has(user) || waiting.in_groups.has(user) || waiting.reads.has(user)
    }

    /// These have been written by a worker: those whom it concerns are told with the next ones.
    pub(crate) fn written(&self, cursors: &[Confirmation]) {
        self.lock().moved.delivered(cursors);
    }

    /// These read positions have moved, of what was taken.
    pub(crate) fn reads_written(&self, taken: &[Reading], moved: &[ReadRow]) {
        self.lock().moved.read(taken, moved);
    }

    /// The user's first session here has begun, or the last one has ended, or another node has reported the user offline.
    pub fn changed(&self, user: UserId) {
        self.lock().changed.insert(user);
    }

    /// What was reported of those who are online here may have been overwritten.
    pub(crate) fn report_all(&self) {
        self.lock().report_all = true;
    }

    /// Bells may be missing.
    pub(crate) fn missed(&self, gap: Gap) {
        let mut waiting = self.lock();
        waiting.gap = Some(match waiting.gap.take() {
            Some(before) => before.with(gap),
            None => gap,
        });
        drop(waiting);
        self.nudge();
    }

    /// A user's last session here has ended.
    pub fn departed(&self, user: UserId, channels: &[Channel]) {
        let mut waiting = self.lock();
        waiting.changed.insert(user);
        waiting.gone.push(user);
        drop(waiting);
        self.release(user, channels);
    }

    /// A node has stopped with which these users have gone; it has reported that, and not told anybody.
    pub(crate) fn left_behind(&self, users: Vec<UserId>) {
        self.lock().gone.extend(users);
    }

    /// A session of the user has ended: write soon, then give up its channels.
    pub fn release(&self, user: UserId, channels: &[Channel]) {
        let mut waiting = self.lock();
        // Before the channels: they are given up after the round that finds them here.
        let dropped = waiting.hurry(user);
        self.metrics.cursors_dropped.inc_by(dropped as u64);
        waiting.departed.extend_from_slice(channels);
        drop(waiting);
        self.nudge();
    }

    /// Wakes the cursor writer.
    pub(crate) fn nudge(&self) {
        // A full nudge queue means that the cursor writer is awake or will be.
        let _ = self.nudge.try_send(());
    }

    /// The data went back: confirmed positions that wait are of messages that are no more, and so is what sessions confirm
    /// until each of so many reactors has said that [`CursorQueue::sessions_ended`].
    pub fn void(&self, reactors: u16) {
        let mut waiting = self.lock();
        waiting.cursors = Cursors::new(ROWS_MAX);
        waiting.in_groups = Cursors::new(ROWS_MAX);
        waiting.reads = Cursors::new(ROWS_MAX);
        waiting.moved.clear();
        waiting.reactors_behind += u32::from(reactors);
        self.gauge(&waiting);
    }

    /// A reactor has ended its sessions of the epoch that is over.
    pub(crate) fn sessions_ended(&self) {
        let mut waiting = self.lock();
        waiting.reactors_behind = waiting.reactors_behind.saturating_sub(1);
    }

    pub(super) fn gauge(&self, waiting: &Waiting) {
        let rows = waiting.cursors.len() + waiting.in_groups.len() + waiting.reads.len();
        self.metrics.cursors_dirty.set(i64::try_from(rows).unwrap_or(i64::MAX));
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds this lock, so a poisoned state is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ConvId, DeviceId, GroupId};

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn rows_of(number: i64) -> [CursorRow; 2] {
        let in_group = ConvId::group(GroupId::new(7).unwrap());
        [in_group, ConvId::pair(user(number), user(99))].map(|conv| CursorRow {
            user: user(number),
            device: DeviceId::UNNAMED,
            conv,
            delivered: 5,
        })
    }

    #[test]
    fn what_was_confirmed_in_groups_waits_apart_until_the_users_session_ends() {
        let (queue, nudged) = CursorQueue::new(Arc::default());
        queue.confirm(rows_of(1));
        queue.confirm(rows_of(2));
        let lens = || {
            let waiting = queue.lock();
            (waiting.cursors.len(), waiting.in_groups.len())
        };
        assert_eq!(lens(), (2, 2));
        assert!(queue.has(user(1)) && !queue.has(user(3)));
        // The round that gives the channels up has written both.
        queue.release(user(1), &[Channel::User(user(1))]);
        assert_eq!((lens(), nudged.try_recv()), ((3, 1), Ok(())));
        let taken = queue.lock().cursors.take(10);
        assert_eq!(taken.iter().filter(|of| of.row.user == user(1)).count(), 2);
    }

    #[test]
    fn a_session_that_ends_while_its_rows_are_written_has_them_written_before_its_channels_are_given_up() {
        let (queue, _nudged) = CursorQueue::new(Arc::default());
        queue.confirm([rows_of(1)[0]]);
        assert_eq!(queue.lock().in_groups.take(10).len(), 1, "on their way: they may come back");
        queue.release(user(1), &[Channel::User(user(1))]);
        assert_eq!(queue.lock().in_groups.not_written(), 0);
        assert_eq!(queue.lock().cursors.take(10).iter().map(|of| of.row).collect::<Vec<_>>(), [rows_of(1)[0]]);
    }

    #[test]
    fn what_is_asked_about_a_user_is_about_all_of_it() {
        let (queue, _nudged) = CursorQueue::new(Arc::default());
        queue.confirm(rows_of(1));
        let taken = queue.take_user(user(1));
        assert_eq!((taken.cursors.len(), queue.has(user(1))), (2, false));
        queue.confirm([rows_of(2)[0]]);
        assert!(queue.has(user(2)), "in a group only");
        queue.void(1);
        assert!(!queue.has(user(2)), "of messages that are no more");
    }
}
