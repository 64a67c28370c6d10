//! Where one session is in each conversation: the next `seq`, holes, the backlog, catching up after a loss.
//!
//! A state machine without I/O. Its promise: a session gets each `seq` of a conversation once and in order.
//!
//! ```text
//!            confirmed        next            end
//!   1 2 3 4 5 | 6 7 8 9 10 11 | 12 13 14 15 16 |        12..=16 are in the store and must be fetched
//!   the client  pushed, not     known to exist,
//!   has these   confirmed       not pushed
//!
//!   push with seq == next        -> out at once
//!   push with seq > next         -> raises `end`; the reactor keeps it for a moment, in which the hole may close by
//!                                   itself; if it does not, the conversation is fetched
//!   push while it is fetched     -> raises `end`; not kept
//!   conversation without a track -> its position is looked up in the store first
//! ```
//!
//! A session has tracks only for conversations in which something was pending at login or happened since: an idle
//! session costs nothing.

use std::collections::{HashMap, VecDeque};

use crate::ids::{ConvId, Seq, UserId};
use crate::store::{Message, Pending};

/// Runs of own messages that are remembered per conversation; what is forgotten costs a redelivery at worst.
const SENT_RUNS_MAX: usize = 32;
/// Messages behind a hole that are remembered; those beyond are fetched.
const AHEAD_MAX: usize = 64;

/// Every conversation one session has touched.
#[derive(Debug)]
pub struct Tracks {
    me: UserId,
    own: OwnMessages,
    /// False while the login's backlog is being read: pushes are only noted.
    live: bool,
    by_conv: HashMap<ConvId, Track>,
    /// Conversations with something to fetch, each once; the one being fetched is not among them.
    behind: VecDeque<ConvId>,
    fetching: Option<Fetching>,
    /// Conversations with a hole that may close by itself. Invariant: what is behind is here, in `behind` or being
    /// fetched.
    gaps: Vec<Gap>,
}

/// A fetch under way.
#[derive(Clone, Copy, Debug)]
struct Fetching {
    conv: ConvId,
    /// The last message that was told of since: it may be newer than the answer.
    told: Seq,
    /// The user has left the conversation since: the answer is about a membership that is over, whatever has come of the
    /// conversation meanwhile.
    void: bool,
}

/// A hole that may close by itself: another node's message is on its way, most likely. A fetch for each would cost more
/// than it gives.
#[derive(Debug)]
struct Gap {
    conv: ConvId,
    /// Messages behind the hole that this session was offered: [`Tracks::next_ahead`].
    ahead: Vec<Seq>,
}

#[derive(Debug)]
struct Track {
    /// Everything up to it has arrived, as the client or its TCP told.
    confirmed: Seq,
    /// Invariant: `confirmed < next`.
    next: Seq,
    /// The last message known to exist; at least `next - 1`.
    end: Seq,
    /// Messages up to here were there before this session: own ones among them are not shown again.
    old_end: Seq,
    /// Runs of messages this session sent itself, above `confirmed`, ascending.
    sent: Vec<(Seq, Seq)>,
    /// False until the store has told `confirmed`.
    located: bool,
    /// It stands in `behind`, or is being fetched.
    queued: bool,
}

/// Which of the user's own messages, sent by other sessions, a session is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnMessages {
    /// None: there is one session at a time, and it knows what it said.
    None,
    /// Those that other sessions send while this one is there.
    New,
    /// All: the device has a name, and keeps a history of its own.
    All,
}

/// What to do with a push.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    /// Send it.
    Push,
    /// Not yet: those before it are on their way. Keep it for a moment: [`Tracks::next_ahead`] tells when its turn has
    /// come, unless the session fetches it first.
    Ahead,
    /// The session has it already.
    Known,
    /// Not now: it will be fetched, see [`Tracks::next_fetch`].
    Behind,
}

/// What a DELIVERED did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confirmed {
    /// The cursor stands here now.
    Moved(Seq),
    /// Nothing new.
    Known,
    /// Nothing of this conversation ever came to this session.
    Foreign,
}

/// What to read from the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fetch {
    /// The conversation.
    pub conv: ConvId,
    /// Messages behind this number; `None`: behind the device's cursor.
    pub after: Option<Seq>,
}

/// What the store answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// The conversation that was asked for.
    pub conv: ConvId,
    /// The device's cursor and the conversation's end; `None` if the user is not in it (any more).
    pub position: Option<Pending>,
    /// The first messages behind the place that was asked for, ascending and without a hole.
    pub messages: Vec<Message>,
}

/// What came of a fetch.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct CaughtUp {
    /// To be pushed, in this order.
    pub push: Vec<Message>,
    /// The cursor moved to here by itself, over own messages.
    pub confirmed: Option<Seq>,
}

impl Track {
    fn unlocated() -> Self {
        Self { confirmed: 0, next: 1, end: 0, old_end: 0, sent: Vec::new(), located: false, queued: false }
    }

    fn at(position: Pending) -> Self {
        let Pending { delivered, last_seq, .. } = position;
        Self { confirmed: delivered, next: delivered + 1, end: last_seq, located: true, ..Self::unlocated() }
    }

    fn is_behind(&self) -> bool {
        !self.located || self.next <= self.end
    }

    fn sent_here(&self, seq: Seq) -> bool {
        self.sent.iter().any(|(first, last)| (*first..=*last).contains(&seq))
    }

    fn note_sent(&mut self, seq: Seq) {
        match self.sent.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            _ => self.sent.push((seq, seq)),
        }
        if self.sent.len() > SENT_RUNS_MAX {
            self.sent.remove(0);
        }
    }

    /// The session has everything below `next`; own messages that follow need no push.
    fn advance_to(&mut self, next: Seq) {
        self.next = self.next.max(next);
        for (first, last) in &self.sent {
            if (*first..=*last).contains(&self.next) {
                self.next = last + 1;
            }
        }
        self.end = self.end.max(self.next - 1);
    }

    /// Moves the cursor, and on over own messages that follow; where it stands if it moved.
    fn confirm(&mut self, seq: Seq) -> Option<Seq> {
        if seq < self.confirmed {
            return None;
        }
        let before = self.confirmed;
        self.confirmed = seq;
        for (first, last) in &self.sent {
            if *first <= self.confirmed + 1 {
                self.confirmed = self.confirmed.max(*last);
            }
        }
        let confirmed = self.confirmed;
        self.sent.retain(|(_, last)| *last > confirmed);
        self.advance_to(confirmed + 1);
        (confirmed > before).then_some(confirmed)
    }
}

impl Tracks {
    /// The tracks of a session that is logging in: pushes are noted until [`Tracks::go_live`].
    #[must_use]
    pub fn new(me: UserId, own: OwnMessages) -> Self {
        Self {
            me,
            own,
            live: false,
            by_conv: HashMap::new(),
            behind: VecDeque::new(),
            fetching: None,
            gaps: Vec::new(),
        }
    }

    /// The session's backlog was read after it had been registered everywhere: what came since then is noted already,
    /// what was before is in `pending`. `shown` are the messages of it that the login reply carries.
    pub fn go_live(&mut self, pending: &[Pending], shown: &[Message]) {
        self.live = true;
        self.compare(pending);
        for track in self.by_conv.values_mut() {
            track.old_end = track.end;
        }
        self.mark_shown(shown);
    }

    /// The store was compared with the session: these conversations go on beyond the cursors.
    pub fn compare(&mut self, pending: &[Pending]) {
        for position in pending {
            self.note_told(position.conv, position.last_seq);
            let track = self.by_conv.entry(position.conv).or_insert_with(Track::unlocated);
            if track.located {
                track.end = track.end.max(position.last_seq);
            } else {
                let heard = std::mem::replace(track, Track::at(*position));
                track.end = track.end.max(heard.end);
                track.queued = heard.queued;
                track.sent = heard.sent;
            }
            self.queue_if_behind(position.conv);
        }
    }

    /// The client got a list of what it has not confirmed, read behind these positions. No bell may have told of it yet:
    /// what is listed will not be pushed as well, what is behind the list will.
    pub fn listed(&mut self, pending: &[Pending], shown: &[Message]) {
        self.compare(pending);
        self.mark_shown(shown);
    }

    /// Messages the client got in a list count as pushed.
    fn mark_shown(&mut self, shown: &[Message]) {
        for message in shown {
            if let Some(track) = self.by_conv.get_mut(&message.conv)
                && track.located
            {
                track.advance_to(message.seq + 1);
            }
        }
    }

    /// Everything up to here has been sent to the session, or by it; 0 where that is not known.
    #[must_use]
    pub fn had(&self, conv: ConvId) -> Seq {
        self.by_conv.get(&conv).filter(|track| track.located).map_or(0, |track| track.next - 1)
    }

    /// A message exists, and is at hand.
    pub fn offer(&mut self, conv: ConvId, seq: Seq) -> Offer {
        self.note_told(conv, seq);
        let track = self.track(conv);
        if track.located && seq < track.next {
            return Offer::Known;
        }
        track.end = track.end.max(seq);
        if !track.located || track.queued {
            self.queue_if_behind(conv);
            return Offer::Behind;
        }
        if seq > track.next {
            let gap = self.gap(conv);
            if gap.ahead.len() < AHEAD_MAX && !gap.ahead.contains(&seq) {
                gap.ahead.push(seq);
            }
            return Offer::Ahead;
        }
        track.advance_to(seq + 1);
        Offer::Push
    }

    /// After a push or an answer: the next message of the conversation, if it was offered before its turn, which has come
    /// now. Offer it again, if it was kept.
    #[must_use]
    pub fn next_ahead(&self, conv: ConvId) -> Option<Seq> {
        let gap = self.gaps.iter().find(|gap| gap.conv == conv)?;
        let track = self.by_conv.get(&conv)?;
        gap.ahead.contains(&track.next).then_some(track.next)
    }

    fn gap(&mut self, conv: ConvId) -> &mut Gap {
        let known = self.gaps.iter().position(|gap| gap.conv == conv);
        let index = known.unwrap_or_else(|| {
            self.gaps.push(Gap { conv, ahead: Vec::new() });
            self.gaps.len() - 1
        });
        &mut self.gaps[index]
    }

    /// A message exists; it is not at hand.
    pub fn heard_of(&mut self, conv: ConvId, seq: Seq) {
        self.note_told(conv, seq);
        let track = self.track(conv);
        track.end = track.end.max(seq);
        self.queue_if_behind(conv);
    }

    /// A message of this very session was committed. Returns where the cursor stands if that moved it.
    pub fn sent(&mut self, conv: ConvId, seq: Seq) -> Option<Seq> {
        self.note_told(conv, seq);
        let track = self.track(conv);
        if track.located && seq < track.next {
            return None;
        }
        track.end = track.end.max(seq);
        track.note_sent(seq);
        if !track.located {
            self.queue_if_behind(conv);
            return None;
        }
        let has_gap = seq > track.next && !track.queued;
        track.advance_to(track.next);
        let moved = if track.confirmed + 1 == seq { track.confirm(seq) } else { None };
        if has_gap {
            self.gap(conv);
        }
        moved
    }

    /// Whether a hole waits to close by itself.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Holes had time enough to close by themselves: those that are still there are fetched.
    pub fn close_gaps(&mut self) {
        for gap in std::mem::take(&mut self.gaps) {
            self.queue_if_behind(gap.conv);
        }
    }

    /// The client says that everything up to `seq` has arrived. Never beyond what exists.
    pub fn confirm(&mut self, conv: ConvId, seq: Seq) -> Confirmed {
        let Some(track) = self.by_conv.get_mut(&conv) else { return Confirmed::Foreign };
        if !track.located {
            return Confirmed::Known;
        }
        match track.confirm(seq.min(track.end)) {
            Some(moved) => Confirmed::Moved(moved),
            None => Confirmed::Known,
        }
    }

    /// The next thing to read from the store; at most one fetch is under way. Ask when the client has room.
    pub fn next_fetch(&mut self) -> Option<Fetch> {
        if !self.live || self.fetching.is_some() {
            return None;
        }
        while let Some(conv) = self.behind.pop_front() {
            let Some(track) = self.by_conv.get_mut(&conv) else { continue };
            if !track.is_behind() {
                track.queued = false;
                continue;
            }
            self.fetching = Some(Fetching { conv, told: 0, void: false });
            return Some(Fetch { conv, after: track.located.then(|| track.next - 1) });
        }
        None
    }

    /// The store answered a fetch.
    pub fn fetched(&mut self, fetched: Fetched) -> CaughtUp {
        let Fetched { conv, position, messages } = fetched;
        let fetching = self.fetching.take();
        if fetching.is_some_and(|fetching| fetching.void) {
            return CaughtUp::default();
        }
        let told = fetching.map_or(0, |fetching| fetching.told);
        let Some(position) = position else {
            self.by_conv.remove(&conv);
            return CaughtUp::default();
        };
        let Some(track) = self.by_conv.get_mut(&conv) else { return CaughtUp::default() };
        track.queued = false;
        let mut moved = None;
        let told_end = track.end;
        if !track.located {
            let heard = std::mem::replace(track, Track::at(position));
            track.end = track.end.max(heard.end);
            track.sent = heard.sent;
            moved = track.confirm(track.confirmed);
        }
        track.end = track.end.max(position.last_seq);
        let got_any = !messages.is_empty();
        let mut push = Vec::with_capacity(messages.len());
        for message in messages {
            if message.seq < track.next {
                continue;
            }
            let seq = message.seq;
            let may_be_mine = self.own != OwnMessages::None && message.sender.id == self.me;
            if may_be_mine && seq > told_end.max(track.old_end) && !track.sent_here(seq) {
                // Its answer may be on its way to this very session, or its push: that will tell which.
                track.end = told_end.max(track.next - 1);
                break;
            }
            let hidden = message.sender.id == self.me
                && match self.own {
                    OwnMessages::None => true,
                    OwnMessages::New => seq <= track.old_end,
                    OwnMessages::All => false,
                };
            if !track.sent_here(seq) {
                if hidden {
                    track.note_sent(seq);
                } else {
                    push.push(message);
                }
            }
            track.advance_to(seq + 1);
            if track.confirmed + 1 == seq && track.sent_here(seq) {
                moved = track.confirm(seq).or(moved);
            }
        }
        if !got_any {
            // What was heard of before is not there; it will be offered again when it is.
            track.end = told.max(track.next - 1);
        }
        self.queue_if_behind(conv);
        CaughtUp { push, confirmed: moved }
    }

    /// The fetch failed: it is tried again when asked for next.
    pub fn fetch_failed(&mut self) {
        if let Some(Fetching { conv, void: false, .. }) = self.fetching.take() {
            self.behind.push_back(conv);
        }
    }

    /// The user joined this conversation with the cursor at `last_seq`. What came between the joining and this call was
    /// told to nobody here, so the store is asked once.
    pub fn joined(&mut self, conv: ConvId, last_seq: Seq) {
        let heard = self.by_conv.remove(&conv);
        let mut track = Track::at(Pending { conv, delivered: last_seq, last_seq: last_seq + 1 });
        if let Some(heard) = heard {
            track.end = track.end.max(heard.end);
            track.queued = heard.queued;
            if heard.located && heard.next > track.next {
                // A comparison with the store was first, and has had messages of it pushed.
                track.next = heard.next;
                track.end = track.end.max(track.next);
                track.sent = heard.sent;
            }
        }
        self.by_conv.insert(conv, track);
        self.queue_if_behind(conv);
    }

    /// The user is no longer in this conversation.
    pub fn left(&mut self, conv: ConvId) {
        self.by_conv.remove(&conv);
        if let Some(fetching) = self.fetching.as_mut().filter(|fetching| fetching.conv == conv) {
            fetching.void = true;
        }
    }

    /// The track, made where there is none. Even the very first message of a conversation is looked up: its bell may be
    /// late, or be rung again because the sender has sent it again, when everything has been confirmed long ago.
    fn track(&mut self, conv: ConvId) -> &mut Track {
        self.by_conv.entry(conv).or_insert_with(Track::unlocated)
    }

    fn note_told(&mut self, conv: ConvId, seq: Seq) {
        if let Some(fetching) = self.fetching.as_mut().filter(|fetching| fetching.conv == conv) {
            fetching.told = fetching.told.max(seq);
        }
    }

    fn queue_if_behind(&mut self, conv: ConvId) {
        if let Some(track) = self.by_conv.get_mut(&conv)
            && track.is_behind()
            && !track.queued
        {
            track.queued = true;
            self.behind.push_back(conv);
        }
    }
}

#[cfg(test)]
mod tests;
