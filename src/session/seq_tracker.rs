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
//!   conversation without a record -> its position is looked up in the store first
//! ```
//!
//! A session has records only for conversations in which something was pending at login or happened since: an idle
//! session costs nothing. Where everything has arrived, one number says it all; a session that has been in many
//! conversations keeps no more than that of those that are quiet.

use std::collections::VecDeque;

use thin_vec::ThinVec;

use super::conv_seq::{ConvSeq, Quiet, Run};
use crate::delivery::{Fingerprint, Which};
use crate::ids::{ConvId, IdMap, Seq, UserId};
use crate::store::{EventsPending, Message, Page, Pending, Place};

/// Messages behind a hole that are remembered; those beyond are fetched.
const AHEAD_MAX: usize = 64;
/// Conversations that one question to the store is about.
const FETCH_MAX: usize = 16;
/// Records (some 150 bytes each) that a session has before it looks for quiet ones. A build for tests does so all the
/// time: the simulation and the fuzzers are to see what comes of it.
const RECORDS_MAX: usize = if cfg!(debug_assertions) { 3 } else { 64 };

/// Every conversation one session has touched.
#[derive(Debug)]
pub struct SeqTracker {
    me: UserId,
    own: OwnMessages,
    /// Whether events are pending for this session; if not, the cursor passes over them.
    events: EventsPending,
    /// False while the login's backlog is being read: pushes are only noted.
    live: bool,
    by_conv: IdMap<ConvId, ConvSeq>,
    /// Conversations in which everything has been pushed and confirmed. Invariant: none of them has a record.
    quiet: IdMap<ConvId, Quiet>,
    /// Conversations that the session was told to leave. That may have been old news, of before the user came back: it goes on
    /// from there, then, whatever of it is confirmed.
    left_at: Option<Box<IdMap<ConvId, LeftAt>>>,
    /// With so many records it is worth looking for quiet ones.
    crowded_at: usize,
    /// Conversations with something to fetch, each once; those being fetched are not among them.
    behind: VecDeque<ConvId>,
    /// What the question under way is about; at most [`FETCH_MAX`].
    fetching: ThinVec<Fetching>,
    /// Conversations with a hole that may close by itself. Invariant: what is behind is here, in `behind` or being
    /// fetched.
    gaps: ThinVec<Gap>,
    /// This session's own messages that are not answered yet, in the order in which they were sent: a page may show one
    /// before its answer comes.
    under_way: VecDeque<UnderWay>,
}

/// What a session had of a conversation when it was told to leave it.
#[derive(Debug, Default)]
struct LeftAt {
    /// Everything up to here; 0 where that was not known.
    had: Seq,
    /// What it had sent itself, as [`ConvSeq::sent`]; the next record of the conversation takes it.
    sent: Vec<Run>,
}

/// A conversation that is being fetched.
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
    /// Messages behind the hole that this session was offered: [`SeqTracker::next_ahead`].
    ahead: Vec<Seq>,
}

/// An own message that is not answered yet.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    conv: ConvId,
    /// `None`: a page has shown it.
    fingerprint: Option<Fingerprint>,
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
    /// Not yet: those before it are on their way. Keep it for a moment: [`SeqTracker::next_ahead`] tells when its turn has
    /// come, unless the session fetches it first.
    OutOfOrder,
    /// The session has it already.
    Duplicate,
    /// The session has had another message under this number: the data went back to an earlier state.
    Another,
    /// Not now: it will be fetched, see [`SeqTracker::next_fetch`].
    NeedsFetch,
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

/// What came of a fetch.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct CaughtUp {
    /// To be pushed, in this order.
    pub push: Vec<Message>,
    /// The cursor moved to here by itself, over own messages.
    pub confirmed: Option<Seq>,
    /// Another message than the session's own has this number: the data went back to an earlier state.
    pub another: Option<Seq>,
}

impl SeqTracker {
    /// The records of a session that is logging in: pushes are noted until [`SeqTracker::go_live`].
    #[must_use]
    pub fn new(me: UserId, own: OwnMessages, events: EventsPending) -> Self {
        Self {
            me,
            own,
            events,
            live: false,
            by_conv: IdMap::default(),
            quiet: IdMap::default(),
            left_at: None,
            crowded_at: RECORDS_MAX,
            behind: VecDeque::new(),
            fetching: ThinVec::new(),
            gaps: ThinVec::new(),
            under_way: VecDeque::new(),
        }
    }

    /// The session's backlog was read after it had been registered everywhere: what came since then is noted already,
    /// what was before is in `pending`. `shown` are the messages of it that the login reply carries.
    pub(crate) fn go_live(&mut self, pending: &[Pending], shown: &[Message]) {
        self.live = true;
        self.compare(pending);
        // As the store has told them: what was heard meanwhile has come since, or is of another life of the data.
        for position in pending {
            if let Some(conv_seq) = self.by_conv.get_mut(&position.conv) {
                conv_seq.old_end = position.last_seq;
            }
        }
        self.mark_shown(shown);
    }

    /// The store was compared with the session: these conversations go on beyond the cursors.
    pub(crate) fn compare(&mut self, pending: &[Pending]) {
        for position in pending {
            self.note_told(position.conv, position.last_seq);
            let had = self.had_before(position.conv);
            let conv_seq = self.conv_seq(position.conv);
            if conv_seq.located {
                conv_seq.end = conv_seq.end.max(position.last_seq);
            } else {
                conv_seq.locate(*position);
                conv_seq.go_on_behind(had);
            }
            self.queue_if_behind(position.conv);
            self.check(position.conv);
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
            if let Some(conv_seq) = self.known(message.conv)
                && conv_seq.located
            {
                conv_seq.has(message.seq, Some(Which::of(message.sender.id, message.sent_at)));
            }
        }
    }

    /// What the user said before this session was there, read with what was pending and not shown: each that follows on what the
    /// session has counts as sent by it. Others are fetched. Where the cursors stand that moved.
    pub(crate) fn own_before_login(&mut self, own: &[Message]) -> Vec<(ConvId, Seq)> {
        let mut moved = Vec::new();
        for Message { conv, seq, sender, sent_at, .. } in own {
            let Some(conv_seq) = self.by_conv.get_mut(conv) else { continue };
            if !conv_seq.located || *seq != conv_seq.next || *seq > conv_seq.old_end {
                continue;
            }
            let which = Some(Which::of(sender.id, *sent_at));
            conv_seq.note_sent(*seq, which);
            conv_seq.has(*seq, which);
            if conv_seq.confirmed + 1 == *seq {
                moved.extend(conv_seq.confirm(*seq).map(|cursor| (*conv, cursor)));
            }
            self.check(*conv);
        }
        moved
    }

    /// Everything up to here has been sent to the session, or by it; 0 where that is not known.
    #[must_use]
    pub fn had(&self, conv: ConvId) -> Seq {
        let quiet = || self.quiet.get(&conv).map_or(0, |quiet| quiet.end);
        self.by_conv.get(&conv).map_or_else(quiet, |conv_seq| if conv_seq.located { conv_seq.next - 1 } else { 0 })
    }

    /// The last message that has been sent to the session, or by it, if it is known which one that is.
    #[must_use]
    pub(crate) fn last_had(&self, conv: ConvId) -> Option<(Seq, Which)> {
        let quiet = || self.quiet.get(&conv).map(|quiet| (quiet.end, quiet.last));
        let known = self.by_conv.get(&conv).filter(|conv_seq| conv_seq.located);
        let (seq, last) = known.map(|conv_seq| (conv_seq.next - 1, conv_seq.last)).or_else(quiet)?;
        Some((seq, last?))
    }

    /// The last message that it was told of, or has had; 0 where it knows nothing.
    #[must_use]
    pub(crate) fn told(&self, conv: ConvId) -> Seq {
        self.by_conv.get(&conv).map_or(0, |conv_seq| conv_seq.end)
    }

    /// Which message the last one is that the session has had, if it is known, and known from elsewhere than the page before:
    /// the store may have another one in its place.
    #[must_use]
    pub(crate) fn last_heard(&self, conv: ConvId) -> Option<Which> {
        self.by_conv.get(&conv).filter(|conv_seq| conv_seq.located && conv_seq.read + 1 != conv_seq.next)?.last
    }

    /// A message exists, and is at hand.
    pub fn offer(&mut self, conv: ConvId, seq: Seq, which: Option<Which>) -> Offer {
        self.note_told(conv, seq);
        let conv_seq = self.conv_seq(conv);
        if conv_seq.which(seq).zip(which).is_some_and(|(had, new)| had != new) {
            return Offer::Another;
        }
        if conv_seq.located && seq < conv_seq.next {
            return Offer::Duplicate;
        }
        conv_seq.end = conv_seq.end.max(seq);
        if !conv_seq.located || conv_seq.queued {
            self.queue_if_behind(conv);
            return Offer::NeedsFetch;
        }
        if seq > conv_seq.next {
            let gap = self.gap(conv);
            if gap.ahead.len() < AHEAD_MAX && !gap.ahead.contains(&seq) {
                gap.ahead.push(seq);
            }
            return Offer::OutOfOrder;
        }
        conv_seq.has(seq, which);
        self.check(conv);
        Offer::Push
    }

    /// After a push or an answer: the next message of the conversation, if it was offered before its turn, which has come
    /// now. Offer it again, if it was kept.
    #[must_use]
    pub(crate) fn next_ahead(&self, conv: ConvId) -> Option<Seq> {
        let gap = self.gaps.iter().find(|gap| gap.conv == conv)?;
        let conv_seq = self.by_conv.get(&conv)?;
        gap.ahead.contains(&conv_seq.next).then_some(conv_seq.next)
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
    pub(crate) fn heard_of(&mut self, conv: ConvId, seq: Seq) {
        self.note_told(conv, seq);
        let conv_seq = self.conv_seq(conv);
        conv_seq.end = conv_seq.end.max(seq);
        self.queue_if_behind(conv);
    }

    /// A message of this very session is on its way into the store. [`SeqTracker::answered`] follows.
    pub fn sending(&mut self, conv: ConvId, fingerprint: Fingerprint) {
        self.under_way.push_back(UnderWay { conv, fingerprint: Some(fingerprint) });
    }

    /// The first of this session's messages of this conversation that are under way was answered: stored or not.
    pub fn answered(&mut self, conv: ConvId) {
        // Nearly always the very first: only those of different lanes overtake each other.
        if let Some(place) = self.under_way.iter().position(|other| other.conv == conv) {
            self.under_way.remove(place);
        }
    }

    /// A message of this very session was committed. Returns where the cursor stands if that moved it.
    pub fn sent(&mut self, conv: ConvId, seq: Seq, which: Option<Which>) -> Option<Seq> {
        self.note_told(conv, seq);
        let conv_seq = self.conv_seq(conv);
        if conv_seq.located && seq < conv_seq.next {
            return None;
        }
        conv_seq.end = conv_seq.end.max(seq);
        conv_seq.note_sent(seq, which);
        if !conv_seq.located {
            self.queue_if_behind(conv);
            return None;
        }
        let has_gap = seq > conv_seq.next && !conv_seq.queued;
        conv_seq.advance_to(conv_seq.next);
        let moved = if conv_seq.confirmed + 1 == seq { conv_seq.confirm(seq) } else { None };
        if has_gap {
            self.gap(conv);
        }
        self.check(conv);
        moved
    }

    /// An event was pushed to a session for which events are never pending. Returns where the cursor stands if that moved it.
    pub fn passed(&mut self, conv: ConvId, seq: Seq, which: Option<Which>) -> Option<Seq> {
        let conv_seq = self.known(conv).filter(|conv_seq| conv_seq.located)?;
        if seq <= conv_seq.confirmed {
            return None;
        }
        conv_seq.note_sent(seq, which);
        let moved = if conv_seq.confirmed + 1 == seq { conv_seq.confirm(seq) } else { None };
        self.check(conv);
        moved
    }

    /// Whether a hole waits to close by itself.
    #[must_use]
    pub(crate) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Holes had time enough to close by themselves: those that are still there are fetched.
    pub(crate) fn close_gaps(&mut self) {
        for gap in std::mem::take(&mut self.gaps) {
            self.queue_if_behind(gap.conv);
        }
    }

    /// The client says that everything up to `seq` has arrived. Never beyond what exists.
    pub fn confirm(&mut self, conv: ConvId, seq: Seq) -> Confirmed {
        let Some(conv_seq) = self.known(conv) else { return Confirmed::Foreign };
        if !conv_seq.located {
            return Confirmed::Known;
        }
        match conv_seq.confirm(seq.min(conv_seq.end)) {
            Some(moved) => Confirmed::Moved(moved),
            None => Confirmed::Known,
        }
    }

    /// What to read from the store next; nothing while an answer is being waited for. Ask when the client has room. What is
    /// not in a conversation that the session hears is left alone, whatever is known of it: it was not told, or not yet, that
    /// its user is in there. [`SeqTracker::joined`] asks for it then.
    #[must_use]
    pub(crate) fn next_fetch(&mut self, hears: impl Fn(ConvId) -> bool) -> Vec<Place> {
        let mut places = Vec::new();
        if !self.live || !self.fetching.is_empty() {
            return places;
        }
        while places.len() < FETCH_MAX
            && let Some(conv) = self.behind.pop_front()
        {
            let Some(conv_seq) = self.by_conv.get_mut(&conv) else { continue };
            if !conv_seq.is_behind() || !hears(conv) {
                conv_seq.queued = false;
                continue;
            }
            self.fetching.push(Fetching { conv, told: 0, void: false });
            places.push(Place { conv, after: conv_seq.located.then(|| conv_seq.next - 1) });
        }
        places
    }

    /// The store answered for one of the conversations. When all its answers are taken, [`SeqTracker::fetch_ended`].
    pub fn fetched(&mut self, page: Page) -> CaughtUp {
        let Page { conv, position, messages } = page;
        let asked = self.fetching.iter().position(|fetching| fetching.conv == conv);
        // Nothing that was not asked for, or of a membership that is over.
        let asked = asked.map(|asked| self.fetching.remove(asked));
        let Some(Fetching { told, void: false, .. }) = asked else { return CaughtUp::default() };
        let Some(position) = position else {
            self.left(conv);
            return CaughtUp::default();
        };
        let had = self.had_before(conv);
        let Some(conv_seq) = self.by_conv.get_mut(&conv) else { return CaughtUp::default() };
        conv_seq.queued = false;
        let mut moved = None;
        if !conv_seq.located {
            conv_seq.locate(position);
            conv_seq.go_on_behind(had);
            moved = conv_seq.confirm(conv_seq.confirmed);
        }
        conv_seq.end = conv_seq.end.max(position.last_seq);
        let got_any = !messages.is_empty();
        let mut push = Vec::with_capacity(messages.len());
        let mut another = None;
        for message in messages {
            let (seq, is_own) = (message.seq, message.sender.id == self.me);
            // The cursor passes over such an event by itself: noted like an own message, once it was pushed.
            let passes = self.events == EventsPending::LeftOut && message.kind.is_event();
            if conv_seq.sent_here(seq) && !is_own && !passes {
                another = Some(seq);
            }
            if seq < conv_seq.next {
                continue;
            }
            let which = Which::of(message.sender.id, message.sent_at);
            let standing = match (conv_seq.sent_here(seq), is_own) {
                (true, _) => Standing::Known,
                (false, false) if passes && seq <= conv_seq.old_end => Standing::Hidden,
                (false, false) => Standing::News,
                (false, true) => own_on_page(conv_seq, &mut self.under_way, self.own, &message),
            };
            if matches!(standing, Standing::Hidden) || passes && matches!(standing, Standing::News) {
                conv_seq.note_sent(seq, Some(which));
            }
            match standing {
                Standing::Known | Standing::Hidden => {}
                Standing::News => push.push(message),
            }
            conv_seq.has(seq, Some(which));
            conv_seq.read = seq;
            if conv_seq.confirmed + 1 == seq && conv_seq.sent_here(seq) {
                moved = conv_seq.confirm(seq).or(moved);
            }
        }
        if !got_any {
            // What was heard of before is not there; it will be offered again when it is.
            conv_seq.end = told.max(conv_seq.next - 1);
        }
        self.queue_if_behind(conv);
        self.check(conv);
        CaughtUp { push, confirmed: moved, another }
    }

    /// There is no further answer. What was asked for and not answered, because the store failed or the others took all
    /// the room, is what is asked for next.
    pub(crate) fn fetch_ended(&mut self) {
        for Fetching { conv, void, .. } in std::mem::take(&mut self.fetching).into_iter().rev() {
            if !void {
                self.behind.push_front(conv);
            }
        }
    }

    /// The user joined this conversation with the cursor at `last_seq`. What came between the joining and this call was
    /// told to nobody here, so the store is asked once.
    pub fn joined(&mut self, conv: ConvId, last_seq: Seq) {
        let heard = self
            .forget(conv)
            .unwrap_or_else(|| unlocated(self.left_at.as_mut().and_then(|left_at| left_at.get_mut(&conv))));
        let mut conv_seq = ConvSeq::at(Pending { conv, delivered: last_seq, last_seq: last_seq + 1 });
        conv_seq.end = conv_seq.end.max(heard.end);
        (conv_seq.old_end, conv_seq.queued) = (heard.old_end, heard.queued);
        if heard.located {
            // A list has shown messages of it, or a comparison with the store was first, and has had some pushed.
            conv_seq.go_on_behind(heard.next - 1);
        }
        // Its answers may have come before the news that its user is in there.
        conv_seq.take_sent(heard.sent);
        conv_seq.go_on_behind(self.had_before(conv));
        conv_seq.end = conv_seq.end.max(conv_seq.next);
        self.by_conv.insert(conv, conv_seq);
        self.queue_if_behind(conv);
        self.check(conv);
    }

    /// The user is no longer in this conversation.
    pub fn left(&mut self, conv: ConvId) {
        if let Some(heard) = self.forget(conv)
            && (heard.located || !heard.sent.is_empty())
        {
            let left = self.left_at.get_or_insert_default().entry(conv).or_default();
            if heard.located {
                left.had = heard.next - 1;
            }
            left.sent = heard.sent;
        }
        self.gaps.retain(|gap| gap.conv != conv);
        // A membership that follows stands in line for itself.
        self.behind.retain(|other| *other != conv);
        if let Some(fetching) = self.fetching_of(conv) {
            fetching.void = true;
        }
    }

    /// The record, made where there is none. Even the very first message of a conversation is looked up: its bell may be
    /// late, or be rung again because the sender has sent it again, when everything has been confirmed long ago.
    fn conv_seq(&mut self, conv: ConvId) -> &mut ConvSeq {
        if self.by_conv.len() >= self.crowded_at && !self.by_conv.contains_key(&conv) {
            self.keep_less_of_quiet_ones();
        }
        let Self { by_conv, quiet, left_at, .. } = self;
        by_conv.entry(conv).or_insert_with(|| {
            quiet.remove(&conv).map_or_else(
                || unlocated(left_at.as_mut().and_then(|left_at| left_at.get_mut(&conv))),
                ConvSeq::quiet_at,
            )
        })
    }

    /// How far the session was when it was told to leave the conversation; 0 where it never was.
    fn had_before(&self, conv: ConvId) -> Seq {
        self.left_at.as_ref().and_then(|left_at| left_at.get(&conv)).map_or(0, |left| left.had)
    }

    /// The record, where anything is known of the conversation.
    fn known(&mut self, conv: ConvId) -> Option<&mut ConvSeq> {
        if self.quiet.contains_key(&conv) {
            return Some(self.conv_seq(conv));
        }
        self.by_conv.get_mut(&conv)
    }

    fn forget(&mut self, conv: ConvId) -> Option<ConvSeq> {
        let quiet = self.quiet.remove(&conv).map(ConvSeq::quiet_at);
        self.by_conv.remove(&conv).or(quiet)
    }

    fn keep_less_of_quiet_ones(&mut self) {
        let Self { by_conv, quiet, crowded_at, .. } = self;
        by_conv.retain(|conv, conv_seq| {
            let is_quiet = conv_seq.is_quiet();
            if is_quiet {
                quiet.insert(*conv, Quiet { end: conv_seq.end, last: conv_seq.last });
            }
            !is_quiet
        });
        // As many must come again before the next look, which costs as much as there are.
        *crowded_at = RECORDS_MAX.max(2 * by_conv.len());
        by_conv.shrink_to(*crowded_at);
    }

    /// What must hold of one conversation after every change.
    fn check(&self, conv: ConvId) {
        let Some(conv_seq) = self.by_conv.get(&conv) else { return };
        let ConvSeq { confirmed, next, end, ref sent, queued, .. } = *conv_seq;
        debug_assert!(!self.quiet.contains_key(&conv), "{conv:?} has a record, and is quiet");
        debug_assert!(confirmed < next && next <= end + 1, "{confirmed} confirmed, {next} next, {end} the last");
        debug_assert!(sent.iter().all(|run| confirmed < run.last), "own messages that are confirmed: {sent:?}");
        debug_assert!(sent.windows(2).all(|runs| runs[0].last < runs[1].first), "own messages twice: {sent:?}");
        debug_assert_eq!(
            queued,
            self.behind.contains(&conv) || self.fetching.iter().any(|fetching| fetching.conv == conv),
            "whether {conv:?} stands in line"
        );
    }

    fn fetching_of(&mut self, conv: ConvId) -> Option<&mut Fetching> {
        self.fetching.iter_mut().find(|fetching| fetching.conv == conv)
    }

    fn note_told(&mut self, conv: ConvId, seq: Seq) {
        if let Some(fetching) = self.fetching_of(conv) {
            fetching.told = fetching.told.max(seq);
        }
    }

    fn queue_if_behind(&mut self, conv: ConvId) {
        if let Some(conv_seq) = self.by_conv.get_mut(&conv)
            && conv_seq.is_behind()
            && !conv_seq.queued
        {
            conv_seq.queued = true;
            self.behind.push_back(conv);
        }
    }
}

/// A record that says nothing but what the session had sent there before it was told to leave.
fn unlocated(left: Option<&mut LeftAt>) -> ConvSeq {
    let sent = left.map(|left| std::mem::take(&mut left.sent)).unwrap_or_default();
    ConvSeq { sent, ..ConvSeq::unlocated() }
}

/// What a message on a page is to a session that has come to its number.
enum Standing {
    /// It has it.
    Known,
    /// It is not shown to it, and counts as its own from now on.
    Hidden,
    /// It is to be pushed.
    News,
}

/// Of a message of the same user that the session is not known to have sent. Its own are known from the moment at which they
/// are on their way; whatever else is there is another session's, and may never be told of again: this one may not have heard
/// the conversation when it was stored.
fn own_on_page(
    conv_seq: &ConvSeq,
    under_way: &mut VecDeque<UnderWay>,
    own: OwnMessages,
    message: &Message,
) -> Standing {
    if let Some(mine) = find_under_way(under_way, message) {
        // Its answer comes later, and says nothing new then.
        mine.fingerprint = None;
        return Standing::Hidden;
    }
    match own {
        OwnMessages::None => Standing::Hidden,
        OwnMessages::New if message.seq <= conv_seq.old_end => Standing::Hidden,
        OwnMessages::New | OwnMessages::All => Standing::News,
    }
}

/// The own message under way that this is.
fn find_under_way<'a>(under_way: &'a mut VecDeque<UnderWay>, message: &Message) -> Option<&'a mut UnderWay> {
    if under_way.is_empty() {
        return None;
    }
    let fingerprint = Some(Fingerprint::of_message(message));
    under_way.iter_mut().find(|mine| mine.conv == message.conv && mine.fingerprint == fingerprint)
}

#[cfg(test)]
mod tests;
