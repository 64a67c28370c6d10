//! Numbers a batch of messages: pure, the same for every database.
//!
//! ```text
//!   batch + Facts (read under the conversations' locks)  --number-->  Plan (what to write, what to answer)
//! ```

use std::collections::{BTreeMap, HashMap};

use super::content::Event;
use super::events::EventFacts;
use super::{Append, Appended};
use crate::clock::UnixMs;
use crate::ids::{ConvId, IdMap, Seq, UserId};

/// What makes a message that is sent again the same message.
pub(super) type Key<'a> = (ConvId, UserId, &'a str);

/// What the database said about a batch.
#[derive(Default)]
pub(super) struct Facts<'a> {
    /// The last number of each conversation; one that is missing here is empty.
    pub(super) ends: IdMap<ConvId, Seq>,
    /// The messages that may not be stored, by their place in the batch.
    pub(super) refused: HashMap<usize, Appended>,
    /// Those of the batch's keys that are stored already.
    pub(super) known: HashMap<Key<'a>, (Seq, UnixMs)>,
    /// What the batch's events are about.
    pub(super) events: EventFacts<'a>,
}

/// What to write and what to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// One for each message of the batch.
    pub(super) outcomes: Vec<Appended>,
    /// How each conversation that gets something ends, by ascending id.
    pub(super) ends: BTreeMap<ConvId, End>,
}

/// How a conversation ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// The new last number.
    pub(super) seq: Seq,
    /// The batch's last message there that is no event, and its time; zeros if there is none.
    pub(super) message: (Seq, UnixMs),
    /// The conversation was not there before.
    pub(super) is_new: bool,
}

impl Plan {
    /// The messages to be written, with their numbers, in the batch's order.
    pub(super) fn stored<'b>(&self, batch: &'b [Append]) -> impl Iterator<Item = (Seq, &'b Append)> {
        batch.iter().zip(&self.outcomes).filter_map(|(message, outcome)| match outcome {
            Appended::Stored(seq) => Some((*seq, message)),
            _ => None,
        })
    }

    /// The same of events alone.
    pub(super) fn stored_events<'b>(&self, batch: &'b [Append]) -> Vec<(Seq, &'b Append, &'b Event)> {
        self.stored(batch).filter_map(|(seq, message)| Some((seq, message, message.body.event()?))).collect()
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// The key of a message that has a cid.
pub(super) fn key_of(message: &Append) -> Option<Key<'_>> {
    message.cid.as_deref().map(|cid| (message.conv(), message.sender, cid))
}

/// Numbers the messages in the order given, per conversation. A cid that is repeated within the batch counts as sent
/// again, too.
pub(super) fn number<'a>(batch: &'a [Append], facts: Facts<'a>) -> Plan {
    let Facts { ends: known_ends, refused, mut known, mut events } = facts;
    let mut ends: BTreeMap<ConvId, End> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (place, message) in batch.iter().enumerate() {
        if let Some(&refusal) = refused.get(&place) {
            outcomes.push(refusal);
            continue;
        }
        if let Some(&(seq, sent_at)) = key_of(message).and_then(|key| known.get(&key)) {
            outcomes.push(Appended::Duplicate { seq, sent_at });
            continue;
        }
        let conv = message.conv();
        let known_end = known_ends.get(&conv).copied();
        let last = known_end.unwrap_or(0);
        if last < message.known_end {
            outcomes.push(Appended::WentBack(last));
            continue;
        }
        if let Some(event) = message.body.event() {
            let seq = ends.get(&conv).map_or(last, |end| end.seq) + 1;
            if let Some(not_stored) = events.decide(message, event, seq) {
                outcomes.push(not_stored);
                continue;
            }
        }
        let is_new = known_end.is_none();
        let end = ends.entry(conv).or_insert(End { seq: last, message: (0, UnixMs(0)), is_new });
        end.seq += 1;
        let seq = end.seq;
        if message.body.event().is_none() {
            end.message = (seq, message.sent_at);
        }
        if let Some(key) = key_of(message) {
            known.insert(key, (seq, message.sent_at));
        }
        outcomes.push(Appended::Stored(seq));
    }
    Plan { outcomes, ends }
}

#[cfg(test)]
mod tests {
    use super::super::content::{Change, Content, Kind};
    use super::super::events::Target;
    use super::*;
    use crate::ids::Peer;

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn message(sender: i64, to: i64, cid: Option<&str>, at: i64) -> Append {
        let to = Peer::User(user(to));
        Append {
            sender: user(sender),
            to,
            cid: cid.map(Into::into),
            body: "{}".into(),
            sent_at: UnixMs(at),
            friends_only: false,
            known_end: 0,
        }
    }

    fn end(seq: Seq, at: i64, is_new: bool) -> End {
        End { seq, message: (seq, UnixMs(at)), is_new }
    }

    #[test]
    fn below_the_known_end_no_number_is_given_out() {
        let mut batch = [message(1, 2, None, 10), message(1, 2, None, 11), message(3, 1, None, 12)];
        (batch[0].known_end, batch[1].known_end) = (8, 8);
        let facts = |end| Facts { ends: [(batch[0].conv(), end)].into_iter().collect(), ..Facts::default() };
        let plan = number(&batch, facts(7));
        assert_eq!(plan.outcomes, [Appended::WentBack(7), Appended::WentBack(7), Appended::Stored(1)]);
        assert_eq!(plan.ends, [(batch[2].conv(), end(1, 12, true))].into());
        assert_eq!(number(&batch, facts(8)).outcomes[..2], [Appended::Stored(9), Appended::Stored(10)]);
    }

    #[test]
    fn each_conversation_counts_on_from_its_end() {
        let batch = [message(1, 2, None, 10), message(3, 1, None, 11), message(2, 1, None, 12)];
        let facts = Facts { ends: [(batch[0].conv(), 7)].into_iter().collect(), ..Facts::default() };
        let plan = number(&batch, facts);
        assert_eq!(plan.outcomes, [Appended::Stored(8), Appended::Stored(1), Appended::Stored(9)]);
        assert_eq!(plan.ends, [(batch[0].conv(), end(9, 12, false)), (batch[1].conv(), end(1, 11, true))].into());
    }

    #[test]
    fn a_cid_sent_again_gets_the_first_number_and_time() {
        let batch = [message(1, 2, Some("a"), 10), message(1, 2, Some("b"), 11), message(1, 2, Some("b"), 12)];
        let facts = Facts {
            ends: [(batch[0].conv(), 4)].into_iter().collect(),
            known: [(key_of(&batch[0]).unwrap(), (3, UnixMs(5)))].into(),
            ..Facts::default()
        };
        let plan = number(&batch, facts);
        let again = |seq, at| Appended::Duplicate { seq, sent_at: UnixMs(at) };
        assert_eq!(plan.outcomes, [again(3, 5), Appended::Stored(5), again(5, 11)]);
        assert_eq!(plan.stored(&batch).map(|(seq, _)| seq).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn the_same_cid_of_the_other_side_is_another_message() {
        let batch = [message(1, 2, Some("a"), 10), message(2, 1, Some("a"), 11)];
        assert_eq!(number(&batch, Facts::default()).outcomes, [Appended::Stored(1), Appended::Stored(2)]);
    }

    #[test]
    fn an_event_takes_a_number_and_is_not_the_last_message() {
        let recall = |of| {
            let event = Event { of, change: Change::Recall, changeable_since: UnixMs(0), reactions_max: None };
            Append { body: Content::Event(Box::new(event)), ..message(1, 2, None, 12) }
        };
        let batch = [message(1, 2, None, 10), recall(4), recall(4), recall(3), message(1, 2, None, 13), recall(2)];
        let said =
            Target { kind: Kind::Message, sender: user(1), sent_at: UnixMs(5), is_recalled: false, changed: None };
        let conv = batch[0].conv();
        let targets = [2, 4].map(|seq| ((conv, seq), said)).into();
        let events = EventFacts { targets, ..EventFacts::default() };
        let plan = number(&batch, Facts { ends: [(conv, 4)].into_iter().collect(), events, ..Facts::default() });
        let unchanged = Appended::Unchanged(Some((6, UnixMs(12))));
        let [first, recalled, last] = [5, 6, 7].map(Appended::Stored);
        assert_eq!(plan.outcomes, [first, recalled, unchanged, Appended::NoSuchMessage, last, Appended::Stored(8)]);
        assert_eq!(plan.ends, [(conv, End { seq: 8, message: (7, UnixMs(13)), is_new: false })].into());
        assert_eq!(plan.stored_events(&batch).iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), [6, 8]);
    }

    #[test]
    fn a_refused_message_takes_no_number() {
        let batch = [message(1, 2, Some("a"), 10), message(1, 2, Some("a"), 11)];
        let refused: HashMap<_, _> = [(0, Appended::NoSuchUser), (1, Appended::NoSuchUser)].into();
        let plan = number(&batch, Facts { refused, ..Facts::default() });
        assert_eq!(plan.outcomes, [Appended::NoSuchUser; 2]);
        assert!(plan.is_empty());
    }
}
