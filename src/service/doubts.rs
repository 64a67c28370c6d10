//! Messages that came as new, with a number that a session has had already. As a rule their bell is late, and the session
//! has fetched them before. Or the data went back to an earlier state, and the numbers are given out once more: the store
//! knows where the conversation ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Ctx;
use super::protocol::ReactorCtx;
use super::workers::quiet_job;
use crate::ids::{ConvId, Seq};

/// Conversations that one question asks about. Others are asked about when they give reason again.
const CONVS_MAX: usize = 64;

/// The doubts of one reactor's sessions. One question is under way at a time; those that come meanwhile are the next.
#[derive(Debug, Default)]
pub struct Doubts {
    /// How far some session has been in a conversation, and in which generation of the data.
    waiting: BTreeMap<ConvId, (u32, Seq)>,
    is_asking: Arc<AtomicBool>,
}

/// A question under way, until it is dropped.
struct Asking(Arc<AtomicBool>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Doubts {
    /// A session of this generation has had messages up to `had`.
    pub fn note(&mut self, generation: u32, conv: ConvId, had: Seq) {
        if self.waiting.len() >= CONVS_MAX && !self.waiting.contains_key(&conv) {
            return;
        }
        let known = self.waiting.entry(conv).or_insert((generation, had));
        *known = (*known).max((generation, had));
    }

    /// Asks about those that wait, unless an answer is being waited for.
    pub fn go_on(&mut self, reactor: &ReactorCtx, now: Instant) {
        if self.waiting.is_empty() || self.is_asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let asking = Asking(Arc::clone(&self.is_asking));
        let doubts = std::mem::take(&mut self.waiting);
        let job = move |ctx: &mut Ctx| {
            let _until_done = asking;
            ask(ctx, &doubts);
        };
        reactor.workers.submit(quiet_job(job), now);
    }
}

fn ask(ctx: &mut Ctx, doubts: &BTreeMap<ConvId, (u32, Seq)>) {
    let convs: Vec<ConvId> = doubts.keys().copied().collect();
    match ctx.store.ends(&convs) {
        Ok(ends) => {
            for (conv, end) in ends {
                if let Some((generation, had)) = doubts.get(&conv) {
                    ctx.shared.epoch.compare(*generation, conv, *had, end);
                }
            }
        }
        Err(error) => log::debug!("cannot look at the ends of conversations: {error}"),
    }
}
