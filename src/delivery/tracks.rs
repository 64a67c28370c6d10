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
//!   push with seq > next         -> not kept; raises `end`, and the conversation is fetched
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
    fetching: Option<ConvId>,
    /// Conversations with a hole below an own message that may close by itself.
    gaps: Vec<ConvId>,
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

    /// A message exists, and is at hand.
    pub fn offer(&mut self, conv: ConvId, seq: Seq) -> Offer {
        let track = self.track(conv);
        if track.located && seq < track.next {
            return Offer::Known;
        }
        track.end = track.end.max(seq);
        if track.located && !track.queued && seq == track.next {
            track.advance_to(seq + 1);
            return Offer::Push;
        }
        self.queue_if_behind(conv);
        Offer::Behind
    }

    /// A message exists; it is not at hand.
    pub fn heard_of(&mut self, conv: ConvId, seq: Seq) {
        let track = self.track(conv);
        track.end = track.end.max(seq);
        self.queue_if_behind(conv);
    }

    /// A message of this very session was committed. Returns where the cursor stands if that moved it.
    pub fn sent(&mut self, conv: ConvId, seq: Seq) -> Option<Seq> {
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
        if has_gap && !self.gaps.contains(&conv) {
            // Another node's message is on its way, most likely. A fetch for each would cost more than it gives.
            self.gaps.push(conv);
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
        for conv in std::mem::take(&mut self.gaps) {
            self.queue_if_behind(conv);
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
            self.fetching = Some(conv);
            return Some(Fetch { conv, after: track.located.then(|| track.next - 1) });
        }
        None
    }

    /// The store answered a fetch.
    pub fn fetched(&mut self, fetched: Fetched) -> CaughtUp {
        let Fetched { conv, position, messages } = fetched;
        self.fetching = None;
        let Some(position) = position else {
            self.by_conv.remove(&conv);
            return CaughtUp::default();
        };
        let Some(track) = self.by_conv.get_mut(&conv) else { return CaughtUp::default() };
        track.queued = false;
        let mut moved = None;
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
            // What was heard of is not there; it will be offered again when it is.
            track.end = track.next - 1;
        }
        self.queue_if_behind(conv);
        CaughtUp { push, confirmed: moved }
    }

    /// The fetch failed: it is tried again when asked for next.
    pub fn fetch_failed(&mut self) {
        if let Some(conv) = self.fetching.take() {
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
    }

    /// The track, made where there is none. Even the very first message of a conversation is looked up: its bell may be
    /// late, or be rung again because the sender has sent it again, when everything has been confirmed long ago.
    fn track(&mut self, conv: ConvId) -> &mut Track {
        self.by_conv.entry(conv).or_insert_with(Track::unlocated)
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
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use crate::store::Person;

    const ME: i64 = 1;
    const PEER: i64 = 2;

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn conv() -> ConvId {
        ConvId::pair(user(ME), user(PEER))
    }

    fn message(sender: i64, seq: Seq) -> Message {
        let sender = Person { id: user(sender), name: String::new() };
        Message { conv: conv(), seq, sender, sent_at: UnixMs(0), cid: None, body: String::new() }
    }

    fn pending(delivered: Seq, last_seq: Seq) -> Pending {
        Pending { conv: conv(), delivered, last_seq }
    }

    fn session() -> Tracks {
        Tracks::new(user(ME), OwnMessages::None)
    }

    fn live() -> Tracks {
        let mut tracks = session();
        tracks.go_live(&[], &[]);
        tracks
    }

    fn answer(delivered: Seq, last_seq: Seq, messages: Vec<Message>) -> Fetched {
        Fetched { conv: conv(), position: Some(pending(delivered, last_seq)), messages }
    }

    fn seqs(caught_up: &CaughtUp) -> Vec<Seq> {
        caught_up.push.iter().map(|message| message.seq).collect()
    }

    /// A session that has got everything up to `seq`.
    fn at(seq: Seq) -> Tracks {
        let mut tracks = live();
        assert_eq!(tracks.offer(conv(), seq), Offer::Behind);
        tracks.next_fetch().unwrap();
        tracks.fetched(answer(seq - 1, seq, vec![message(PEER, seq)]));
        tracks
    }

    #[test]
    fn a_conversation_that_has_been_looked_up_is_pushed_at_once() {
        let mut tracks = at(1);
        assert_eq!(tracks.offer(conv(), 1), Offer::Known);
        assert_eq!(tracks.offer(conv(), 2), Offer::Push);
        assert_eq!(tracks.offer(conv(), 2), Offer::Known);
        assert_eq!(tracks.offer(conv(), 3), Offer::Push);
        assert_eq!(tracks.next_fetch(), None);
    }

    #[test]
    fn a_late_bell_of_the_first_message_brings_nothing_again() {
        let tells: [fn(&mut Tracks); 2] =
            [|tracks| assert_eq!(tracks.offer(conv(), 1), Offer::Behind), |tracks| tracks.heard_of(conv(), 1)];
        for tell in tells {
            let mut tracks = live();
            tell(&mut tracks);
            assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: None }));
            assert_eq!(tracks.fetched(answer(70, 70, vec![])), CaughtUp::default());
            assert_eq!(tracks.offer(conv(), 71), Offer::Push);
        }
    }

    #[test]
    fn an_untouched_conversation_is_looked_up_first() {
        let mut tracks = live();
        assert_eq!(tracks.offer(conv(), 9), Offer::Behind);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: None }));
        assert_eq!(tracks.offer(conv(), 10), Offer::Behind, "while it is fetched nothing is kept");
        assert_eq!(tracks.next_fetch(), None, "one fetch at a time");
        let caught_up = tracks.fetched(answer(7, 9, vec![message(PEER, 8), message(PEER, 9)]));
        assert_eq!(seqs(&caught_up), [8, 9]);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(9) }));
        assert_eq!(seqs(&tracks.fetched(answer(7, 10, vec![message(PEER, 10)]))), [10]);
        assert_eq!(tracks.offer(conv(), 11), Offer::Push);
    }

    #[test]
    fn a_hole_is_fetched_and_nothing_comes_twice_or_early() {
        let mut tracks = at(4);
        assert_eq!(tracks.offer(conv(), 7), Offer::Behind);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(4) }));
        assert_eq!(tracks.offer(conv(), 5), Offer::Behind, "late bells of the hole are in the fetch");
        let hole = vec![message(PEER, 5), message(PEER, 6), message(PEER, 7)];
        assert_eq!(seqs(&tracks.fetched(answer(0, 7, hole))), [5, 6, 7]);
        assert_eq!(tracks.offer(conv(), 6), Offer::Known);
        assert_eq!(tracks.offer(conv(), 8), Offer::Push);
    }

    #[test]
    fn what_arrives_during_login_is_not_lost_and_not_doubled() {
        let mut tracks = session();
        assert_eq!(tracks.offer(conv(), 6), Offer::Behind);
        assert_eq!(tracks.next_fetch(), None, "not before it is live");
        tracks.go_live(&[pending(3, 5)], &[message(PEER, 4), message(PEER, 5)]);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(5) }));
        assert_eq!(seqs(&tracks.fetched(answer(3, 6, vec![message(PEER, 6)]))), [6]);
        assert_eq!(tracks.next_fetch(), None);
    }

    #[test]
    fn the_backlog_beyond_the_login_reply_comes_in_pages() {
        let mut tracks = session();
        tracks.go_live(&[pending(0, 4)], &[message(PEER, 1)]);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(1) }));
        assert_eq!(seqs(&tracks.fetched(answer(0, 4, vec![message(PEER, 2), message(PEER, 3)]))), [2, 3]);
        assert_eq!(tracks.offer(conv(), 5), Offer::Behind);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(3) }));
        assert_eq!(seqs(&tracks.fetched(answer(0, 5, vec![message(PEER, 4), message(PEER, 5)]))), [4, 5]);
        assert_eq!(tracks.next_fetch(), None);
    }

    #[test]
    fn own_messages_move_the_cursor_and_need_no_push() {
        let mut tracks = live();
        assert_eq!(tracks.sent(conv(), 1), None, "it may be an old one, sent again");
        tracks.next_fetch().unwrap();
        assert_eq!(tracks.fetched(answer(0, 1, vec![message(ME, 1)])).confirmed, Some(1));
        assert_eq!(tracks.sent(conv(), 2), Some(2));
        assert_eq!(tracks.offer(conv(), 3), Offer::Push);
        assert_eq!(tracks.sent(conv(), 4), None, "3 is not confirmed");
        assert_eq!(tracks.confirm(conv(), 3), Confirmed::Moved(4));
        assert_eq!(tracks.next_fetch(), None);
    }

    #[test]
    fn an_own_message_ahead_of_anothers_waits_for_it() {
        let mut tracks = at(4);
        assert_eq!(tracks.confirm(conv(), 4), Confirmed::Moved(4));
        assert_eq!(tracks.sent(conv(), 6), None);
        assert!(tracks.has_gaps());
        assert_eq!(tracks.next_fetch(), None, "5 is most likely on its way");
        assert_eq!(tracks.offer(conv(), 5), Offer::Push);
        tracks.close_gaps();
        assert_eq!(tracks.next_fetch(), None);
        assert_eq!(tracks.confirm(conv(), 5), Confirmed::Moved(6));
        assert_eq!(tracks.offer(conv(), 7), Offer::Push);
    }

    #[test]
    fn a_gap_that_stays_is_fetched_without_the_own_message() {
        let mut tracks = at(4);
        tracks.sent(conv(), 6);
        tracks.close_gaps();
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(4) }));
        assert_eq!(seqs(&tracks.fetched(answer(3, 6, vec![message(PEER, 5), message(ME, 6)]))), [5]);
        assert_eq!(tracks.offer(conv(), 7), Offer::Push);
    }

    #[test]
    fn own_messages_from_before_the_login_are_not_shown_but_passed() {
        let mut tracks = session();
        tracks.go_live(&[pending(3, 6)], &[]);
        tracks.next_fetch().unwrap();
        let caught_up = tracks.fetched(answer(3, 6, vec![message(ME, 4), message(PEER, 5), message(ME, 6)]));
        assert_eq!(seqs(&caught_up), [5]);
        assert_eq!(caught_up.confirmed, Some(4));
        assert_eq!(tracks.confirm(conv(), 5), Confirmed::Moved(6));
    }

    #[test]
    fn a_named_device_is_shown_what_another_device_sent() {
        let mut tracks = Tracks::new(user(ME), OwnMessages::All);
        tracks.go_live(&[pending(0, 1)], &[]);
        tracks.next_fetch().unwrap();
        assert_eq!(seqs(&tracks.fetched(answer(0, 1, vec![message(ME, 1)]))), [1]);
    }

    #[test]
    fn delivered_moves_only_forward_and_never_beyond_the_end() {
        let mut tracks = at(4);
        assert_eq!(tracks.confirm(conv(), 100), Confirmed::Moved(4));
        assert_eq!(tracks.confirm(conv(), 2), Confirmed::Known);
        let foreign = ConvId::pair(user(7), user(8));
        assert_eq!(tracks.confirm(foreign, 1), Confirmed::Foreign);
    }

    #[test]
    fn confirming_what_was_not_pushed_yet_skips_it() {
        let mut tracks = session();
        tracks.go_live(&[pending(0, 500)], &[]);
        assert_eq!(tracks.confirm(conv(), 300), Confirmed::Moved(300));
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(300) }));
    }

    #[test]
    fn what_no_bell_told_is_not_pushed_again_after_it_was_listed() {
        let mut tracks = live();
        tracks.listed(&[pending(0, 3)], &[message(PEER, 1), message(PEER, 2)]);
        assert_eq!(tracks.offer(conv(), 1), Offer::Known, "its bell was late");
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(2) }), "the list was cut");
    }

    #[test]
    fn a_resync_finds_what_no_bell_told() {
        let mut tracks = at(4);
        tracks.compare(&[pending(4, 4)]);
        assert_eq!(tracks.next_fetch(), None);
        tracks.compare(&[pending(2, 5)]);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(4) }));
    }

    #[test]
    fn a_first_message_that_is_not_the_conversations_first_is_looked_up() {
        let mut tracks = live();
        assert_eq!(tracks.sent(conv(), 8), None);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: None }));
        let caught_up = tracks.fetched(answer(7, 8, vec![message(ME, 8)]));
        assert_eq!((seqs(&caught_up), caught_up.confirmed), (vec![], Some(8)));
        assert_eq!(tracks.offer(conv(), 9), Offer::Push);
    }

    #[test]
    fn leaving_forgets_and_a_fetch_that_comes_late_is_ignored() {
        let mut tracks = at(4);
        tracks.heard_of(conv(), 5);
        tracks.next_fetch().unwrap();
        tracks.left(conv());
        assert_eq!(tracks.fetched(answer(3, 5, vec![message(PEER, 5)])), CaughtUp::default());
        assert_eq!(tracks.next_fetch(), None);
    }

    #[test]
    fn a_fetch_that_failed_is_tried_again() {
        let mut tracks = at(4);
        tracks.heard_of(conv(), 5);
        let fetch = tracks.next_fetch();
        tracks.fetch_failed();
        assert_eq!(tracks.next_fetch(), fetch);
    }

    #[test]
    fn joining_starts_at_the_end_and_keeps_what_was_heard() {
        let mut tracks = live();
        assert_eq!(tracks.offer(conv(), 6), Offer::Behind);
        tracks.joined(conv(), 5);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(5) }));
    }

    #[test]
    fn joining_what_a_resync_found_before_brings_nothing_twice() {
        let mut tracks = live();
        tracks.compare(&[pending(5, 7)]);
        tracks.next_fetch().unwrap();
        assert_eq!(seqs(&tracks.fetched(answer(5, 7, vec![message(PEER, 6), message(PEER, 7)]))), [6, 7]);
        tracks.joined(conv(), 5);
        assert_eq!(tracks.next_fetch(), Some(Fetch { conv: conv(), after: Some(7) }), "asked once: 8 was not told");
        assert_eq!(seqs(&tracks.fetched(answer(5, 8, vec![message(PEER, 8)]))), [8]);
    }

    #[test]
    fn a_message_that_is_not_there_does_not_make_it_ask_for_ever() {
        let mut tracks = at(4);
        tracks.heard_of(conv(), 9);
        tracks.next_fetch().unwrap();
        tracks.fetched(answer(3, 4, vec![]));
        assert_eq!(tracks.next_fetch(), None);
        assert_eq!(tracks.offer(conv(), 5), Offer::Push);
    }

    /// Any order of bells, losses and fetches: every seq once, in order, and all of them after a resync.
    #[test]
    fn whatever_is_lost_or_late_each_message_comes_once_and_in_order() {
        use proptest::prelude::*;
        proptest!(|(bells in proptest::collection::vec(1u64..60, 0..120), page in 1usize..7)| {
            let mut tracks = session();
            tracks.go_live(&[], &[]);
            let mut got: Vec<Seq> = Vec::new();
            let serve = |tracks: &mut Tracks, got: &mut Vec<Seq>, end: Seq| {
                while let Some(fetch) = tracks.next_fetch() {
                    let from = fetch.after.unwrap_or(0) + 1;
                    let messages = (from..=end).take(page).map(|seq| message(PEER, seq)).collect();
                    got.extend(seqs(&tracks.fetched(answer(0, end, messages))));
                }
            };
            let mut end = 0;
            for (turn, seq) in bells.iter().enumerate() {
                end = end.max(*seq);
                if tracks.offer(conv(), *seq) == Offer::Push {
                    got.push(*seq);
                }
                if turn % 3 == 0 {
                    serve(&mut tracks, &mut got, end);
                }
            }
            tracks.compare(&[pending(0, end)]);
            serve(&mut tracks, &mut got, end);
            let all: Vec<Seq> = (1..=end).collect();
            prop_assert_eq!(got, all);
        });
    }
}
