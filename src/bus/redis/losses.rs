//! Which bells of this node were lost, as far as the others have not been told, and how they are told.
//!
//! ```text
//!   lost                           any bells, nobody knows since when; as nodes of earlier versions say it
//!   lost 0-5460                    the same, of those slots of a cluster
//!   lost #7                        any bells; the seventh time that this node has lost some
//!   lost #7 for 12                 the same, of the last 12 seconds
//!   lost #7 for 12 in 0-5460       of those slots
//!   told #7 for 60 in 0-5460       the same, told again 48 seconds later
//! ```
//!
//! Nodes of earlier versions know the first two. What else follows behind `lost` is to them any bells, of any time; what is told
//! again they do not hear.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::channels::{LOST_BEFORE, LOST_SOME};
use super::cluster::slots::SlotSet;

/// For how long it is told again what was lost, to nodes that did not hear it. A node that was deaf for longer asks about
/// everything.
const TOLD_AGAIN_FOR: Duration = Duration::from_secs(3600);

/// Losses that are told again; beyond that they count as one.
const TOLD_MAX: usize = 16;

/// What was lost since it was told last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    which: Which,
    /// When the oldest of them was rung at the earliest. `None`: nobody knows.
    since: Option<Instant>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Which {
    #[default]
    None,
    /// Bells in these slots of a cluster.
    In(SlotSet),
    /// Any bells.
    Any,
}

impl Losses {
    /// Bells were lost, or may have been, whichever, since then.
    pub(super) fn note(&mut self, since: Option<Instant>) {
        self.note_since(since);
        self.which = Which::Any;
    }

    /// The same of bells in these slots.
    pub(super) fn note_in(&mut self, slots: &SlotSet, since: Option<Instant>) {
        self.note_since(since);
        match &mut self.which {
            Which::None => self.which = Which::In(slots.clone()),
            Which::In(before) => before.extend(slots),
            Which::Any => {}
        }
    }

    fn note_since(&mut self, since: Option<Instant>) {
        self.since = match self.which {
            Which::None => since,
            Which::In(_) | Which::Any => self.since.zip(since).map(|(one, other)| one.min(other)),
        };
    }

    /// Those were lost as well.
    pub(super) fn add(&mut self, others: Self) {
        match others.which {
            Which::None => {}
            Which::In(slots) => self.note_in(&slots, others.since),
            Which::Any => self.note(others.since),
        }
    }

    /// Whether nothing is to be told.
    pub(super) fn is_none(&self) -> bool {
        self.which == Which::None
    }

    /// How the others are told at this moment, behind one of the words.
    fn text(&self, word: &[u8], number: u64, now: Instant) -> Vec<u8> {
        let lately = self.since.map_or_else(String::new, |since| {
            // Rounded up.
            format!(" for {}", now.saturating_duration_since(since).as_secs() + 1)
        });
        let slots = match &self.which {
            Which::In(slots) => format!(" in {slots}"),
            Which::None | Which::Any => String::new(),
        };
        [word, format!("#{number}{lately}{slots}").as_bytes()].concat()
    }
}

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    kept: VecDeque<ToldOnce>,
    /// Of the last attempt to tell something. Whether one was heard that failed, nobody knows: each has another number.
    number: u64,
}

#[derive(Debug)]
struct ToldOnce {
    number: u64,
    at: Instant,
    losses: Losses,
}

impl Told {
    /// How these are told.
    pub(super) fn text(&mut self, losses: &Losses, now: Instant) -> Vec<u8> {
        self.number += 1;
        losses.text(LOST_SOME, self.number, now)
    }

    /// They were told so.
    pub(super) fn note(&mut self, losses: Losses, now: Instant) {
        self.kept.push_back(ToldOnce { number: self.number, at: now, losses });
        if self.kept.len() > TOLD_MAX
            && let Some(first) = self.kept.pop_front()
            && let Some(second) = self.kept.front_mut()
        {
            // Nobody has heard of these two together.
            self.number += 1;
            second.number = self.number;
            second.losses.add(first.losses);
        }
    }

    /// How all is told again that was lost lately.
    pub(super) fn again(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.kept.retain(|told| now.saturating_duration_since(told.at) < TOLD_AGAIN_FOR);
        self.kept.iter().map(|told| told.losses.text(LOST_BEFORE, told.number, now)).collect()
    }
}

/// What another node has lost.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    /// Which of its losses this is, if it says so.
    pub(super) number: Option<u64>,
    /// In these slots; `None`: in any.
    pub(super) slots: Option<SlotSet>,
    /// Rung in this time before it was told; `None`: nobody knows.
    pub(super) lately: Option<Duration>,
}

impl Lost {
    /// What follows one of the words; `None`: not understood.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let Some(text) = text.strip_prefix('#') else {
            return Some(Self { slots: Some(SlotSet::parse(text)?), ..Self::default() });
        };
        let mut words = text.split(' ');
        let mut lost = Self { number: Some(words.next()?.parse().ok()?), ..Self::default() };
        while let Some(word) = words.next() {
            let value = words.next()?;
            match word {
                "for" => lost.lately = Some(Duration::from_secs(value.parse().ok()?)),
                "in" => lost.slots = Some(SlotSet::parse(value)?),
                _ => return None,
            }
        }
        Some(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::redis::times::now;

    fn slots(text: &str) -> SlotSet {
        SlotSet::parse(text).unwrap()
    }

    fn text(losses: &Losses, now: Instant) -> String {
        String::from_utf8(losses.text(LOST_SOME, 7, now)).unwrap()
    }

    #[test]
    fn losses_add_up_and_any_is_more_than_some() {
        let (mut losses, now) = (Losses::default(), now());
        assert!(losses.is_none());
        losses.note_in(&slots("5"), None);
        losses.note_in(&slots("6-9"), Some(now));
        assert_eq!(text(&losses, now), "lost #7 in 5-9", "of one of them nobody knows since when");
        losses.note(None);
        losses.note_in(&slots("10"), None);
        assert_eq!(text(&losses, now), "lost #7");
    }

    #[test]
    fn since_when_is_told_of_the_oldest_and_rounded_up() {
        let (mut losses, start) = (Losses::default(), now());
        let at = |seconds| start + Duration::from_secs(seconds);
        losses.note(Some(at(5)));
        losses.note(Some(at(2)));
        losses.note(Some(at(7)));
        assert_eq!(text(&losses, at(10) + Duration::from_millis(900)), "lost #7 for 9");
        let mut losses = Losses::default();
        losses.note_in(&slots("5-9"), Some(start));
        assert_eq!(text(&losses, start), "lost #7 for 1 in 5-9");
    }

    #[test]
    fn what_was_told_is_told_again_for_an_hour() {
        let start = now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut told, mut losses) = (Told::default(), Losses::default());
        assert!(told.again(start).is_empty());
        losses.note(Some(start));
        assert_eq!(told.text(&losses, at(1)), b"lost #1 for 2", "in vain");
        assert_eq!(told.text(&losses, at(10)), b"lost #2 for 11");
        told.note(losses.clone(), at(10));
        assert_eq!(told.again(at(3609)), [b"told #2 for 3610"]);
        assert!(told.again(at(3610)).is_empty());
        for number in 0..100 {
            let mut losses = Losses::default();
            losses.note(Some(at(number)));
            told.text(&losses, at(3700));
            told.note(losses, at(3700));
        }
        let again = told.again(at(3700));
        assert_eq!(again.len(), TOLD_MAX);
        assert!(again[0].ends_with(b" for 3701"), "none is forgotten before its time");
    }

    #[test]
    fn what_is_told_is_understood() {
        let (number, lately) = (Some(7), Some(Duration::from_secs(12)));
        for (text, lost) in [
            ("5-9", Lost { number: None, slots: Some(slots("5-9")), lately: None }),
            ("#7", Lost { number, slots: None, lately: None }),
            ("#7 for 12", Lost { number, slots: None, lately }),
            ("#7 in 5-9", Lost { number, slots: Some(slots("5-9")), lately: None }),
            ("#7 for 12 in 5-9", Lost { number, slots: Some(slots("5-9")), lately }),
        ] {
            assert_eq!(Lost::parse(text.as_bytes()), Some(lost), "{text}");
        }
        for nonsense in ["", "#", "#x", "#7 for", "#7 for x", "#7 in x", "#7 ", "#7 seconds 5", "sight", "#-1"] {
            assert_eq!(Lost::parse(nonsense.as_bytes()), None, "{nonsense}");
        }
    }
}
