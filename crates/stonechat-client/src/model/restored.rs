//! When the server's data went back to an earlier state, numbers are given out once more: what was counted before says
//! nothing any more, and would hide new messages.
//!
//! ```text
//!   login with another epoch ---------------------------------------------> forget what was counted
//!   another message under a number that is here -------------------------> the same
//!   a push that is not above what was seen --ask HISTORY for the last seen--> it is that one: had before
//!                                                                      \----> another one, or none: the same
//! ```

use std::time::Instant;

use stonechat_protocol::ask::Ask;
use stonechat_protocol::body::History;
use stonechat_protocol::ids::{Peer, Seq};
use stonechat_protocol::incoming::Reply;
use stonechat_protocol::request::Range;

use super::message::Row;
use super::replies::why;
use super::{Asked, Effect, Mark, Model};

/// Pushes that wait for one answer. Beyond it they are shown, maybe a second time.
const DOUBTED_MAX: usize = 1000;

impl Model {
    /// The login's reply names the life of the server's data. Before anything else of it is taken in.
    pub(super) fn compare_epoch(&mut self, epoch: &str) {
        if epoch.is_empty() {
            // A server that is too old to tell.
            return;
        }
        if self.account.epoch.as_ref().is_some_and(|known| known != epoch) {
            self.went_back();
            // On disk ahead of the account with the new epoch: a crash in between must not keep the counts.
            self.effects.push(Effect::SaveMarks);
        }
        self.account.epoch = Some(epoch.to_owned());
    }

    /// Forgets what was counted, and takes in what was in doubt. The outbox stays.
    pub(super) fn went_back(&mut self) {
        self.says(
            "the server's data went back to an earlier state (a restored backup, most likely): messages of before may be \
             missing, or come a second time",
        );
        let mut doubted = Vec::new();
        for (peer, chat) in &mut self.chats {
            doubted.extend(std::mem::take(&mut chat.doubted).into_iter().map(|row| (*peer, row)));
            chat.forget_counts();
        }
        self.marks_changed = true;
        for (peer, row) in doubted {
            self.take_in(peer, row);
        }
        if let Some(open) = self.open {
            self.fetch_latest(open);
        }
    }

    /// A push that is not above what was seen: the server has it again, or has another message under this number.
    pub(super) fn doubt(&mut self, peer: Peer, row: Row) {
        let chat = self.chat_mut(peer);
        chat.doubted.push(row);
        if chat.doubted.len() > DOUBTED_MAX {
            return self.went_back();
        }
        let is_asked = chat.doubted.len() > 1;
        let mark = chat.mark;
        if !is_asked {
            let request = Ask::History { peer, range: Range::Before(mark.seen + 1), limit: Some(1) };
            // Always with a session: what is pushed comes in one.
            self.ask(Asked::LastSeen(peer, mark), request);
        }
    }

    /// The server said which message it has where the last one seen by then was.
    pub(super) fn last_seen_answered(&mut self, peer: Peer, mark: Mark, reply: &Reply<'_>, now: Instant) {
        let page: History = match reply.body() {
            Ok(page) => page,
            // Nothing in doubt was confirmed, so it comes again at the next login.
            Err(error) => return self.start_over(why(&error), now),
        };
        let found = page.messages.last();
        let chat = self.chat_mut(peer);
        if chat.doubted.is_empty() {
            return;
        }
        // What was kept long enough says nothing any more.
        let is_removed = page.floor.is_some_and(|floor| floor > mark.seen);
        if !is_removed
            && found
                .is_none_or(|found| !mark.is_last_seen(found.seq(), i64::from(found.sender().number()), found.time()))
        {
            return self.went_back();
        }
        for row in std::mem::take(&mut chat.doubted) {
            self.take_in(peer, row);
        }
    }

    /// What is to be confirmed in a conversation once it is noted.
    pub(super) fn note_unconfirmed(&mut self, peer: Peer, seq: Seq) {
        let confirmed = self.unconfirmed.entry(peer).or_default();
        *confirmed = seq.max(*confirmed);
    }
}
