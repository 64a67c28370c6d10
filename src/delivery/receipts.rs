//! Who has come how far is told to those who want it: to the other one of two, and to the user's own other sessions.
//!
//! ```text
//!   cursor writer, workers --what has been written--> Moved --(once a second)--> sessions here, bells for other nodes
//! ```
//!
//! Only what was written is told, so nothing is read for it but whether one of the two has blocked the other. Where nobody
//! can want it, nothing is kept.

use std::collections::BTreeMap;

use super::cursors::table::{Confirmation, Position, Reading};
use super::demand::Wanted;
use super::directory::Elsewhere;
use super::publisher::{Hint, Publisher};
use crate::ids::{ConvId, IdMap, Peer, Seq, UserId};
use crate::net::ConnId;
use crate::store::{ConversationEnd, ReadRow, Result, Store};
use crate::wants::Want;
use crate::wire::reply;

/// Positions that wait to be told; some 100 bytes each. What finds no room is not told.
const MOVED_MAX: usize = 200_000;

/// How far a user has come in a conversation since that was told last.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    delivered: Option<Seq>,
    /// And the session that has said so.
    read: Option<(Seq, Option<ConnId>)>,
}

/// Positions that have moved, and that somebody may want to be told.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    by_place: BTreeMap<(UserId, ConvId), Progress>,
}

impl Moved {
    /// Confirmed positions have been written.
    pub(super) fn delivered(&mut self, rows: &[Confirmation]) {
        for Confirmation { row, is_news } in rows {
            // How far all members of a group are is asked for, not told.
            if *is_news && matches!(row.conv.peer_of(row.user), Some(Peer::User(_))) {
                self.note(row.user, row.conv, |progress| {
                    progress.delivered = progress.delivered.max(Some(row.delivered));
                });
            }
        }
    }

    /// Of the read positions that were taken these have moved.
    pub(super) fn read(&mut self, taken: &[Reading], moved: &[ReadRow]) {
        let by: IdMap<(UserId, ConvId), ConnId> =
            taken.iter().map(|reading| ((reading.user(), reading.place()), reading.by)).collect();
        for row in moved {
            let by = by.get(&(row.user, row.conv)).copied();
            self.note(row.user, row.conv, |progress| {
                if progress.read.is_none_or(|(read, _)| read < row.read) {
                    progress.read = Some((row.read, by));
                }
            });
        }
    }

    fn note(&mut self, user: UserId, conv: ConvId, further: impl FnOnce(&mut Progress)) {
        if self.by_place.len() >= MOVED_MAX && !self.by_place.contains_key(&(user, conv)) {
            return;
        }
        further(self.by_place.entry((user, conv)).or_default());
    }

    /// What was written is of before the data went back.
    pub(super) fn clear(&mut self) {
        self.by_place.clear();
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.by_place.is_empty()
    }

    /// Takes what is to be told now.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// Tells it to those who want it, who are `wanted`; the publisher is flushed by the caller.
///
/// # Errors
/// The store is away: nothing is told.
pub(super) fn tell(mut moved: Moved, store: &mut dyn Store, publisher: &mut Publisher, wanted: Wanted) -> Result<()> {
    let others = wanted.elsewhere();
    let may_want = |user: UserId| {
        let (here, elsewhere) = publisher.directory().who_wants(user, Want::Receipts);
        here || (elsewhere, others) == (Elsewhere::Perhaps, Elsewhere::Perhaps)
    };
    moved.by_place.retain(|(user, conv), progress| {
        let wants = |peer: Option<Peer>| matches!(peer, Some(Peer::User(peer)) if may_want(peer));
        wants(conv.peer_of(*user)) || (progress.read.is_some() && may_want(*user))
    });
    if moved.is_empty() {
        return Ok(());
    }
    let pairs: Vec<ConvId> = moved
        .by_place
        .keys()
        .filter(|(user, conv)| matches!(conv.peer_of(*user), Some(Peer::User(_))))
        .map(|(_, conv)| *conv)
        .collect();
    let ends = store.conversation_ends(&pairs)?;
    let ends: IdMap<ConvId, ConversationEnd> = ends.into_iter().map(|end| (end.conv, end)).collect();
    for ((user, conv), Progress { delivered, read }) in moved.by_place {
        let Some(peer) = conv.peer_of(user) else { continue };
        if let Some((seq, by)) = read {
            let own = Hint::new(Want::Receipts, reply::receipt(user, peer, None, Some(seq)), others);
            publisher.hint(user, by, &own);
        }
        let (Peer::User(other), Some(end)) = (peer, ends.get(&conv)) else { continue };
        // What lies beyond the end was not written.
        let delivered = delivered.filter(|seq| *seq <= end.last_seq);
        if end.rules.is_blocked() || (delivered.is_none() && read.is_none()) {
            continue;
        }
        let line = reply::receipt(user, peer, delivered, read.map(|(seq, _)| seq));
        publisher.hint(other, None, &Hint::new(Want::Receipts, line, others));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{DeviceId, GroupId};
    use crate::store::CursorRow;

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn confirmation(conv: ConvId, delivered: Seq, is_news: bool) -> Confirmation {
        Confirmation { row: CursorRow { user: user(1), device: DeviceId::UNNAMED, conv, delivered }, is_news }
    }

    #[test]
    fn nothing_is_kept_that_is_no_news() {
        let pair = ConvId::pair(user(1), user(2));
        let group = ConvId::group(GroupId::new(3).unwrap());
        let mut moved = Moved::default();
        moved.delivered(&[confirmation(pair, 5, false), confirmation(group, 5, true)]);
        assert!(moved.by_place.is_empty(), "one's own message says so by itself; in groups nothing is told");
        moved.delivered(&[confirmation(pair, 5, true), confirmation(pair, 4, true)]);
        assert_eq!(moved.take().by_place[&(user(1), pair)].delivered, Some(5));
        assert!(moved.by_place.is_empty());
    }

    #[test]
    fn the_session_that_has_read_furthest_is_known() {
        let pair = ConvId::pair(user(1), user(2));
        let by = |slot| ConnId { reactor: 0, slot, generation: 0 };
        let row = |read| ReadRow { user: user(1), conv: pair, read };
        let mut moved = Moved::default();
        moved.read(&[Reading { row: row(9), by: by(1) }], &[row(7)]);
        moved.read(&[Reading { row: row(7), by: by(2) }], &[]);
        assert_eq!(
            moved.by_place[&(user(1), pair)].read,
            Some((7, Some(by(1)))),
            "where it stands, not what was asked"
        );
    }
}
