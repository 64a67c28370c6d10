//! Asks Redis how many subscribers channels have: one thread gathers what is asked meanwhile into one pipelined question.
//!
//! ```text
//!   ask --> waiting (bounded) --all of it--> bus-inquiry ----NUMSUB, NUMSUB, ...---> Redis
//!    ^------------------------ promises kept <----------------------------------------+
//! ```
//!
//! Nobody waits longer than a second. After one answer that did not come in time everybody is told at once that
//! presence is unknown, until Redis has answered again: the thread keeps trying.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::channels::RedisChannel;
use super::times::now;
use crate::bus::promise::{Keeper, Promise, promise};
use crate::bus::{Answer, BusError, Question};

/// Channels that may wait to be asked about.
const WAITING_CHANNELS_MAX: usize = 1_000_000;

/// Channels in one command.
pub(super) const COMMAND_CHANNELS_MAX: usize = 1000;

/// Channels asked about at one time; one question more may stand over.
const ROUND_CHANNELS_MAX: usize = 32 * COMMAND_CHANNELS_MAX;

/// The questions that wait. Any thread asks and never waits; the inquiry thread answers.
#[derive(Debug, Default)]
pub(super) struct NumsubPool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Asked>,
    channels: usize,
    /// Redis did not answer the last time.
    is_silent: bool,
    closed: bool,
}

/// One question.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) topics: Vec<RedisChannel>,
    /// For each of them, whether Redis counted this node among its subscribers when it was asked.
    pub(super) here: Vec<u64>,
    pub(super) keeper: Keeper<Answer>,
    pub(super) at: Instant,
}

impl NumsubPool {
    /// Asks how many other nodes each topic has.
    pub(super) fn ask(&self, topics: Vec<RedisChannel>, here: Vec<u64>) -> Question {
        let (question, keeper) = promise(Err(away("the bus has ended")));
        let mut state = self.lock();
        if state.is_silent {
            return Promise::kept(Err(away("Redis does not answer")));
        }
        if state.closed || state.channels + topics.len() > WAITING_CHANNELS_MAX {
            return Promise::kept(Err(away("too much is being asked")));
        }
        state.channels += topics.len();
        state.waiting.push(Asked { topics, here, keeper, at: now() });
        drop(state);
        self.changed.notify_one();
        question
    }

    /// Ends the thread; what waits is told that nothing is known.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let in_vain = std::mem::take(&mut state.waiting);
        drop(state);
        drop(in_vain);
        self.changed.notify_all();
    }

    /// Waits for questions and takes about [`ROUND_CHANNELS_MAX`] channels of them; `None`: it is closed.
    pub(super) fn take(&self) -> Option<Vec<Asked>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let waited = self.changed.wait_while(self.lock(), idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return None;
        }
        let mut channels = 0;
        let fits = |asked: &Asked| {
            let room = channels < ROUND_CHANNELS_MAX;
            channels += asked.topics.len();
            room
        };
        let count = state.waiting.iter().map(fits).take_while(|fits| *fits).count();
        let taken: Vec<Asked> = state.waiting.drain(..count).collect();
        state.channels -= taken.iter().map(|asked| asked.topics.len()).sum::<usize>();
        Some(taken)
    }

    /// Waits until `pause` has passed; `false`: it is closed.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let open = |state: &mut State| !state.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), pause, open);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Redis did not answer: nobody waits for it any longer.
    pub(super) fn fall_silent(&self) {
        let mut state = self.lock();
        state.is_silent = true;
        state.channels = 0;
        let in_vain = std::mem::take(&mut state.waiting);
        drop(state);
        answer_none(in_vain, "Redis does not answer");
    }

    /// Redis has answered again.
    pub(super) fn speak_again(&self) {
        self.lock().is_silent = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells who asked that there is no answer.
pub(super) fn answer_none(asked: Vec<Asked>, why: &str) {
    let answer: Answer = Err(away(why));
    for Asked { keeper, .. } in asked {
        keeper.keep(answer.clone());
    }
}

fn away(why: &str) -> BusError {
    BusError::Away(why.into())
}
