//! Friends who want it are told who comes and who goes, on whatever node they are.
//!
//! ```text
//!   first session of a user -------------------------------------> tell
//!   last session here has left ---------> gone --nobody elsewhere?--> tell --nobody elsewhere by now?--> that is all
//!   left behind by a node that stopped -/  (5 s)                                  | there is
//!   found to be of a node that died ---/ (at once)                                +--> tell that the user is online
//! ```
//!
//! Who comes back within five seconds has not been away. Nothing here waits: the bus's answer is looked at in the next round,
//! and an answer that was not used soon is asked for again. It is a courtesy, not a record: what finds no room is not told, and
//! lists say how it is.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::cursors::queue::CursorQueue;
use super::demand::{Demand, Wanted};
use super::directory::Directory;
use super::publisher::{Hint, Publisher};
use crate::bus::{Bus, Channel, Question};
use crate::ids::UserId;
use crate::store::{Result, Store};
use crate::wants::Want;
use crate::wire::body::Presence;
use crate::wire::reply::Notice;

/// Who is back within this time was not away.
const AWAY_AFTER: Duration = Duration::from_secs(5);
/// That nobody is there counts for so long after it was asked.
const ANSWER_COUNTS_FOR: Duration = Duration::from_secs(2);
/// Who was told to be offline is looked for once more after this time: who came in that moment was told by another node, and
/// perhaps before.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Users of whom it is not told yet that they have come or gone; some 50 bytes each.
const WAITING_MAX: usize = 100_000;
/// Users that one question to the bus is about.
const ASKED_MAX: usize = 1_000;
/// Users whose friends are read by one statement.
const READ_AT_ONCE: usize = 4;
/// Friends to be told in one round: their bells stand in the same queue as those of messages.
const TOLD_MAX: u32 = 20_000;

/// What is told of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum News {
    /// The first session has begun, here.
    Came,
    /// Nobody is there any more, neither here nor, as was asked at that time, elsewhere.
    Left(Instant),
    /// It was told that the user has left, but there is a session elsewhere.
    IsElsewhere,
}

/// Why it is asked whether a user has sessions elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Doubt {
    /// If not, it is told that the user has left.
    MayHaveLeft,
    /// That was told. If there is one after all, it is told again how it is.
    WasTold,
}

/// What is asked of the bus.
#[derive(Debug)]
struct Asked {
    question: Question,
    at: Instant,
    users: Vec<(UserId, Doubt)>,
}

/// What a round works with besides the store.
pub(super) struct Ways<'a> {
    pub(super) bus: &'a dyn Bus,
    pub(super) demand: &'a Demand,
    /// Woken by the bus's answers.
    pub(super) cursor_queue: &'a CursorQueue,
}

/// Who has come and gone, and is not told of yet. Owned by the cursor writer.
#[derive(Debug, Default)]
pub(super) struct Presences {
    /// Who has gone, and when it is told.
    gone: BTreeMap<UserId, Instant>,
    /// Of whom it was told, and when they are looked for once more.
    told: VecDeque<(UserId, Instant)>,
    asked: Option<Asked>,
    to_tell: VecDeque<(UserId, News)>,
}

impl Presences {
    /// These users are online here; for some of them that is new, as the directory knows.
    pub(super) fn came(&mut self, directory: &Directory, users: &[UserId]) {
        for user in users {
            // Who has not been away for long enough has not come, either.
            if directory.shows(*user) && self.gone.remove(user).is_none() {
                self.add(*user, News::Came);
            }
        }
    }

    /// These users have gone: their last sessions here have ended, or the node on which they were has stopped.
    pub(super) fn left(&mut self, users: Vec<UserId>, now: Instant) {
        self.is_told_at(users, now + AWAY_AFTER);
    }

    /// These users were on a node that died some time ago.
    pub(super) fn lost(&mut self, users: Vec<UserId>, now: Instant) {
        self.is_told_at(users, now);
    }

    fn is_told_at(&mut self, users: Vec<UserId>, due: Instant) {
        for user in users {
            if self.gone.len() < WAITING_MAX {
                self.gone.entry(user).or_insert(due);
            }
        }
    }

    fn add(&mut self, user: UserId, news: News) {
        if self.to_tell.len() < WAITING_MAX {
            self.to_tell.push_back((user, news));
        }
    }

    /// Takes those who have gone without anybody being told: another node is to do it.
    pub(super) fn leave_behind(&mut self) -> Vec<UserId> {
        let asked = self.asked.take().map(|asked| asked.users).unwrap_or_default();
        let asked = asked.into_iter().filter(|(_, doubt)| *doubt == Doubt::MayHaveLeft).map(|(user, _)| user);
        let is_gone = |(user, news)| matches!(news, News::Left(_)).then_some(user);
        let told_next = self.to_tell.drain(..).filter_map(is_gone);
        let gone = std::mem::take(&mut self.gone).into_keys();
        gone.chain(asked).chain(told_next).collect()
    }

    /// Does what is due. The publisher is flushed by the caller.
    ///
    /// # Errors
    /// The store is away: the rest is told in a later round.
    pub(super) fn round(
        &mut self,
        store: &mut dyn Store,
        publisher: &mut Publisher,
        ways: &Ways<'_>,
        now: Instant,
    ) -> Result<()> {
        if !self.is_due(now) {
            return Ok(());
        }
        let wanted = ways.demand.look(Want::Presence, now);
        match wanted {
            Wanted::Nowhere => self.forget(now),
            // In the next round, which comes with the answer.
            Wanted::Unknown => {}
            Wanted::Here | Wanted::Elsewhere => {
                self.look(now);
                self.ask(ways, publisher.directory(), now);
                self.tell(store, publisher, wanted, now)?;
            }
        }
        Ok(())
    }

    fn is_due(&self, now: Instant) -> bool {
        let is_gone = || self.gone.values().any(|due| *due <= now);
        let is_to_look = || self.told.front().is_some_and(|(_, due)| *due <= now);
        self.asked.is_some() || !self.to_tell.is_empty() || is_to_look() || is_gone()
    }

    /// Nobody wants to know what could be told now.
    fn forget(&mut self, now: Instant) {
        self.asked = None;
        self.told.clear();
        self.to_tell.clear();
        self.gone.retain(|_, due| *due > now);
    }

    /// Whether the bus has answered.
    fn look(&mut self, now: Instant) {
        let Some(answer) = self.asked.as_ref().and_then(|asked| asked.question.look()) else { return };
        let Some(Asked { at, users, .. }) = self.asked.take() else { return };
        match answer {
            Ok(counts) => {
                for ((user, doubt), count) in users.into_iter().zip(counts.iter()) {
                    match (doubt, *count) {
                        (Doubt::MayHaveLeft, 0) => self.add(user, News::Left(at)),
                        (Doubt::WasTold, 1..) => self.add(user, News::IsElsewhere),
                        (Doubt::MayHaveLeft, 1..) | (Doubt::WasTold, 0) => {}
                    }
                }
            }
            Err(error) => {
                log::debug!("who else is online is unknown: {error}");
                // Perhaps there is a session elsewhere: it is asked again.
                let again = users.into_iter().filter(|(_, doubt)| *doubt == Doubt::MayHaveLeft);
                self.is_told_at(again.map(|(user, _)| user).collect(), now);
            }
        }
    }

    /// Asks whether those who have gone, and of whom that was told, have sessions elsewhere.
    fn ask(&mut self, ways: &Ways<'_>, directory: &Directory, now: Instant) {
        if self.asked.is_some() {
            return;
        }
        let users = self.in_doubt(directory, now);
        if users.is_empty() {
            return;
        }
        if !ways.bus.has_peers() {
            let gone = users.into_iter().filter(|(_, doubt)| *doubt == Doubt::MayHaveLeft);
            gone.for_each(|(user, _)| self.add(user, News::Left(now)));
            return;
        }
        let channels: Vec<Channel> = users.iter().map(|(user, _)| Channel::User(*user)).collect();
        let question = ways.bus.ask(&channels);
        let cursor_queue = ways.cursor_queue.clone();
        question.then(move || cursor_queue.nudge());
        self.asked = Some(Asked { question, at: now, users });
    }

    fn in_doubt(&mut self, directory: &Directory, now: Instant) -> Vec<(UserId, Doubt)> {
        let due = self.gone.iter().filter(|(_, due)| **due <= now).map(|(user, _)| *user);
        let gone: Vec<UserId> = due.take(ASKED_MAX).collect();
        for user in &gone {
            self.gone.remove(user);
        }
        let mut users: Vec<(UserId, Doubt)> = gone.into_iter().map(|user| (user, Doubt::MayHaveLeft)).collect();
        let to_look = self.told.iter().take_while(|(_, due)| *due <= now).count().min(ASKED_MAX - users.len());
        users.extend(self.told.drain(..to_look).map(|(user, _)| (user, Doubt::WasTold)));
        // What these do is told from here anyway.
        users.retain(|(user, _)| !directory.is_online(*user));
        users
    }

    fn tell(&mut self, store: &mut dyn Store, publisher: &mut Publisher, wanted: Wanted, now: Instant) -> Result<()> {
        self.doubt_old_answers(now);
        let mut left = TOLD_MAX;
        while left > 0 && !self.to_tell.is_empty() {
            let some = READ_AT_ONCE.min(self.to_tell.len());
            let users: Vec<UserId> = self.to_tell.iter().take(some).map(|(user, _)| *user).collect();
            let friends = store.friend_ids_of_all(&users, TOLD_MAX)?;
            let news: Vec<(UserId, News)> = self.to_tell.drain(..some).collect();
            for (user, news) in news {
                let Some(state) = self.state(publisher.directory(), user, news, now) else { continue };
                let hint = Hint::new(Want::Presence, Notice::Presence { id: user, state }.line(), wanted.elsewhere());
                for (_, friend) in friends.iter().filter(|(whose, _)| *whose == user) {
                    publisher.hint(*friend, None, &hint);
                }
            }
            left = left.saturating_sub(u32::try_from(friends.len()).unwrap_or(u32::MAX).max(1));
        }
        Ok(())
    }

    /// A session may have begun elsewhere since it was asked.
    fn doubt_old_answers(&mut self, now: Instant) {
        let is_old =
            |news: &News| matches!(news, News::Left(at) if now.saturating_duration_since(*at) > ANSWER_COUNTS_FOR);
        let old: Vec<UserId> = self.to_tell.iter().filter(|(_, news)| is_old(news)).map(|(user, _)| *user).collect();
        if !old.is_empty() {
            self.to_tell.retain(|(_, news)| !is_old(news));
            self.is_told_at(old, now);
        }
    }

    /// What is told of the user; nothing, if that has changed meanwhile: then it follows.
    fn state(&mut self, directory: &Directory, user: UserId, news: News, now: Instant) -> Option<Presence> {
        let is_here = directory.is_online(user);
        match news {
            News::Came => is_here.then_some(Presence::Online),
            News::IsElsewhere => Some(Presence::Online),
            News::Left(_) if is_here => None,
            News::Left(_) => {
                if self.told.len() < WAITING_MAX {
                    self.told.push_back((user, now + LOOK_AGAIN_AFTER));
                }
                Some(Presence::Offline)
            }
        }
    }
}
