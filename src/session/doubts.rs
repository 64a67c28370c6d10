//! Messages that came as new, with a number that a session has had already. As a rule their bell is late, and the session
//! has fetched them before. Or the data went back to an earlier state, and the numbers are given out once more: the store
//! knows where the conversation ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::ids::{ConvId, Seq};
use crate::workers::job::{EndQuestions, Job, UnderWay};
use crate::workers::pool::Workers;

/// Conversations that one question asks about. Others are asked about when they give reason again.
const CONVS_MAX: usize = 64;

/// The doubts of one reactor's sessions. One question is under way at a time; those that come meanwhile are the next.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    /// How far some session has been in a conversation, and in which generation of the data.
    waiting: BTreeMap<ConvId, (u32, Seq)>,
    is_asking: Arc<AtomicBool>,
}

impl Doubts {
    /// A session of this generation has had messages up to `had`.
    pub(crate) fn note(&mut self, generation: u32, conv: ConvId, had: Seq) {
        if self.waiting.len() >= CONVS_MAX && !self.waiting.contains_key(&conv) {
            return;
        }
        let known = self.waiting.entry(conv).or_insert((generation, had));
        *known = (*known).max((generation, had));
    }

    /// Asks about those that wait, unless an answer is being waited for.
    pub(crate) fn go_on(&mut self, workers: &Workers, now: Instant) {
        if self.waiting.is_empty() {
            return;
        }
        if let Some(under_way) = UnderWay::begin(&self.is_asking) {
            let had = std::mem::take(&mut self.waiting);
            workers.submit(Job::CompareEnds(EndQuestions { had, under_way }), now);
        }
    }
}
