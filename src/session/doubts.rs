//! Messages that came as new, with a number that a session has had already. As a rule their bell is late, and the session
//! has fetched them before. Or the data went back to an earlier state, and the numbers are given out once more: the store
//! knows where the conversation ends, and which messages have the numbers of those that sessions have had last. Which these are is
//! noted at once: a message that is still above them all may be pushed a moment later, and become the last one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::live::Live;
use crate::delivery::Which;
use crate::ids::{ConvId, Seq};
use crate::workers::job::{EndQuestions, Had, Job, UnderWay};
use crate::workers::pool::Workers;

/// Conversations that one question asks about. Others are asked about when they give reason again.
const CONVS_MAX: usize = 64;

/// Messages of one conversation that are compared. Most of its sessions have had the same one last.
const LASTS_MAX: usize = 4;

/// The doubts of one reactor's sessions. One question is under way at a time; those that come meanwhile are the next.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    waiting: BTreeMap<ConvId, Had>,
    is_asking: Arc<AtomicBool>,
}

impl Doubts {
    /// A number came as new that this session has had in the conversation.
    pub(crate) fn note(&mut self, live: &Live, conv: ConvId) {
        if self.waiting.len() >= CONVS_MAX && !self.waiting.contains_key(&conv) {
            return;
        }
        let generation = live.epoch;
        let known = self.waiting.entry(conv).or_insert(Had { generation, end: 0, lasts: Vec::new() });
        if known.generation < generation {
            *known = Had { generation, end: 0, lasts: Vec::new() };
        }
        if known.generation == generation {
            known.end = known.end.max(live.seqs.had(conv));
            note_last(&mut known.lasts, live, conv);
        }
    }

    /// Which messages of the conversation are to be compared.
    #[cfg(test)]
    pub(crate) fn lasts(&self, conv: ConvId) -> Vec<(Seq, Which)> {
        self.waiting.get(&conv).map(|had| had.lasts.clone()).unwrap_or_default()
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

fn note_last(lasts: &mut Vec<(Seq, Which)>, live: &Live, conv: ConvId) {
    let Some(last) = live.seqs.last_had(conv) else { return };
    if lasts.len() < LASTS_MAX && !lasts.contains(&last) {
        lasts.push(last);
    }
}
