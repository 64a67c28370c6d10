//! Where one session is in one conversation: what has arrived, what comes next, what is known to exist.

use crate::delivery::Which;
use crate::ids::Seq;
use crate::store::Pending;

/// Runs of own messages that are remembered per conversation; what is forgotten costs a redelivery at worst.
const SENT_RUNS_MAX: usize = 32;

/// Messages that a session sent itself, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) first: Seq,
    pub(super) last: Seq,
    /// Which message the last one is, as far as is known.
    pub(super) which: Option<Which>,
}

impl Run {
    pub(super) fn holds(&self, seq: Seq) -> bool {
        (self.first..=self.last).contains(&seq)
    }
}

/// A conversation in which everything up to `end` has arrived, and there is nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    pub(super) end: Seq,
    /// Which message that is, as far as is known.
    pub(super) last: Option<Which>,
}

/// Where a session is in one conversation.
#[derive(Debug)]
pub(super) struct ConvSeq {
    /// Everything up to it has arrived, as the client or its TCP told.
    pub(super) confirmed: Seq,
    /// Invariant: `confirmed < next`.
    pub(super) next: Seq,
    /// The last message known to exist; at least `next - 1`.
    pub(super) end: Seq,
    /// Messages up to here were there before this session: own ones among them are not shown again.
    pub(super) old_end: Seq,
    /// Runs of messages this session sent itself, above `confirmed`, ascending.
    pub(super) sent: Vec<Run>,
    /// Which message the last one before `next` is, as far as is known.
    pub(super) last: Option<Which>,
    /// The last message that a page has told.
    pub(super) read: Seq,
    /// False until the store has told `confirmed`.
    pub(super) located: bool,
    /// It stands in `behind`, or is being fetched.
    pub(super) queued: bool,
}

impl ConvSeq {
    pub(super) fn unlocated() -> Self {
        Self {
            confirmed: 0,
            next: 1,
            end: 0,
            old_end: 0,
            sent: Vec::new(),
            last: None,
            read: 0,
            located: false,
            queued: false,
        }
    }

    pub(super) fn at(position: Pending) -> Self {
        let Pending { delivered, last_seq, .. } = position;
        Self { confirmed: delivered, next: delivered + 1, end: last_seq, located: true, ..Self::unlocated() }
    }

    pub(super) fn quiet_at(Quiet { end, last }: Quiet) -> Self {
        Self { confirmed: end, next: end + 1, end, old_end: end, last, located: true, ..Self::unlocated() }
    }

    pub(super) fn is_behind(&self) -> bool {
        !self.located || self.next <= self.end
    }

    /// Whether [`ConvSeq::quiet_at`] its end would say the same.
    pub(super) fn is_quiet(&self) -> bool {
        self.located && !self.queued && self.sent.is_empty() && self.confirmed == self.end
    }

    /// Where the runs begin that end at `seq` or behind it. Looked for from the end, where it is nearly always.
    fn runs_from(&self, seq: Seq) -> usize {
        self.sent.len() - self.sent.iter().rev().take_while(|run| run.last >= seq).count()
    }

    pub(super) fn sent_here(&self, seq: Seq) -> bool {
        self.sent.get(self.runs_from(seq)).is_some_and(|run| run.holds(seq))
    }

    /// What was noted of own messages before the position was known; those below the cursor are settled.
    pub(super) fn take_sent(&mut self, runs: Vec<Run>) {
        self.sent = runs;
        self.sent.retain(|run| run.last > self.confirmed);
    }

    /// The store has told the position: what was noted without it is taken over.
    pub(super) fn locate(&mut self, position: Pending) {
        let heard = std::mem::replace(self, Self::at(position));
        self.end = self.end.max(heard.end);
        self.queued = heard.queued;
        self.take_sent(heard.sent);
    }

    /// The session has had everything up to here before.
    pub(super) fn go_on_behind(&mut self, had: Seq) {
        if had >= self.next {
            self.next = had + 1;
            self.end = self.end.max(had);
        }
    }

    pub(super) fn note_sent(&mut self, seq: Seq, which: Option<Which>) {
        if self.sent_here(seq) {
            return;
        }
        match self.sent.last_mut() {
            Some(run) if run.last + 1 == seq => *run = Run { last: seq, which, ..*run },
            _ => {
                let place = self.sent.partition_point(|run| run.first < seq);
                self.sent.insert(place, Run { first: seq, last: seq, which });
            }
        }
        if self.sent.len() > SENT_RUNS_MAX {
            self.sent.remove(0);
        }
    }

    /// The session has everything below `next`; own messages that follow need no push.
    pub(super) fn advance_to(&mut self, next: Seq) {
        let before = self.next;
        self.next = self.next.max(next);
        for run in &self.sent[self.runs_from(self.next)..] {
            if !run.holds(self.next) {
                break;
            }
            self.next = run.last + 1;
        }
        self.end = self.end.max(self.next - 1);
        if self.next > before {
            self.last = self.own(self.next - 1);
        }
    }

    /// Which message of its own the session has sent under this number, as far as is known.
    pub(super) fn own(&self, seq: Seq) -> Option<Which> {
        self.sent.get(self.runs_from(seq)).filter(|run| run.last == seq)?.which
    }

    /// Which message the session has had, or sent, under this number, as far as is known.
    pub(super) fn which(&self, seq: Seq) -> Option<Which> {
        if seq + 1 == self.next { self.last } else { self.own(seq) }
    }

    /// The session has this message, and everything below it.
    pub(super) fn has(&mut self, seq: Seq, which: Option<Which>) {
        self.advance_to(seq + 1);
        if self.next == seq + 1 {
            self.last = which;
        }
    }

    /// Moves the cursor, and on over own messages that follow; where it stands if it moved.
    pub(super) fn confirm(&mut self, seq: Seq) -> Option<Seq> {
        if seq < self.confirmed {
            return None;
        }
        let before = self.confirmed;
        self.confirmed = seq;
        for run in &self.sent {
            if run.first <= self.confirmed + 1 {
                self.confirmed = self.confirmed.max(run.last);
            }
        }
        let confirmed = self.confirmed;
        self.sent.retain(|run| run.last > confirmed);
        self.advance_to(confirmed + 1);
        (confirmed > before).then_some(confirmed)
    }
}
