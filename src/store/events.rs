//! Events: what is said about an earlier message of the same conversation. They are stored like messages, with a `seq` of their
//! own; this file decides whether one is, and what it finds. Pure.
//!
//! ```text
//!   Append { body: Content::Event }  +  EventFacts (read under the conversation's lock)  --decide-->  stored, unchanged, refused
//! ```
//!
//! The events of a batch are decided in order: each one sees what those before it have done.

use std::collections::{HashMap, HashSet};

use super::content::{Change, Event, Kind};
use super::rights::{Action, Denied, Rules, Standing, may};
use super::{Append, Appended};
use crate::clock::UnixMs;
use crate::ids::{ConvId, Peer, Seq, UserId};

/// A message that an event is about, as it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) sender: UserId,
    pub(super) sent_at: UnixMs,
    pub(super) is_recalled: bool,
    /// The edit or recall that it was changed by last.
    pub(super) changed: Option<(Seq, UnixMs)>,
}

/// One user's reaction to a message: `(conversation, message, user, reaction)`.
pub(super) type ReactionKey<'a> = (ConvId, Seq, UserId, &'a str);

/// Whether a reaction is given, and by which event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reacted {
    pub(super) is_on: bool,
    pub(super) seq: Seq,
    pub(super) sent_at: UnixMs,
}

/// Somebody's place in a group, as far as events need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) standing: Standing,
    /// Messages up to here are none of this member's.
    pub(super) joined_seq: Seq,
}

/// What the database said about the messages that a batch's events are about.
#[derive(Default, Debug)]
pub(super) struct EventFacts<'a> {
    pub(super) targets: HashMap<(ConvId, Seq), Target>,
    pub(super) reactions: HashMap<ReactionKey<'a>, Reacted>,
    /// The different reactions that a message has.
    pub(super) different: HashMap<(ConvId, Seq), HashSet<Box<str>>>,
    /// The authors of events in groups.
    pub(super) places: HashMap<(ConvId, UserId), Place>,
    pub(super) rules: HashMap<ConvId, Rules>,
}

impl<'a> EventFacts<'a> {
    /// Decides about an event that would get the number `seq`: `None` if it is to be stored.
    pub(super) fn decide(&mut self, append: &'a Append, event: &'a Event, seq: Seq) -> Option<Appended> {
        let conv = append.conv();
        let place = self.places.get(&(conv, append.sender)).copied();
        let Some(target) = self.targets.get(&(conv, event.of)).copied() else { return Some(Appended::NoSuchMessage) };
        if place.is_some_and(|place| event.of <= place.joined_seq) {
            return Some(Appended::NoSuchMessage);
        }
        if target.kind.is_event() {
            return Some(Appended::NotAMessage);
        }
        if let Some(refused) = self.refusal(append, event, &target, place) {
            return Some(refused);
        }
        let key = (conv, event.of);
        match &event.change {
            Change::Recall if target.is_recalled => Some(Appended::Unchanged(target.changed)),
            _ if target.is_recalled => Some(Appended::IsRecalled),
            Change::Edit(_) => {
                self.targets.insert(key, Target { changed: Some((seq, append.sent_at)), ..target });
                None
            }
            Change::Recall => {
                let changed = Some((seq, append.sent_at));
                self.targets.insert(key, Target { changed, is_recalled: true, ..target });
                self.reactions.retain(|(conv, of, ..), _| (*conv, *of) != key);
                self.different.remove(&key);
                None
            }
            Change::React { reaction, on } => self.react(append, (event, reaction.as_ref(), *on), seq),
        }
    }

    /// Whether the sender may do that to this message.
    fn refusal(&self, append: &Append, event: &Event, target: &Target, place: Option<Place>) -> Option<Appended> {
        let is_author = target.sender == append.sender;
        let action = match event.change {
            Change::Edit(_) => Action::Edit,
            Change::Recall if is_author => Action::Recall,
            Change::Recall => Action::RecallOthers,
            Change::React { .. } => Action::React,
        };
        let mut is_admin = false;
        if let Peer::Group(_) = append.to {
            let standing = place.map_or(Standing::STRANGER, |place| place.standing);
            let rules = self.rules.get(&append.conv()).copied().unwrap_or_default();
            if let Err(denied) = may(action, standing, rules, append.sent_at) {
                return Some(match (denied, action) {
                    (Denied::Role, Action::RecallOthers) => Appended::NotAuthor,
                    _ => denied_as(denied),
                });
            }
            is_admin = may(Action::RecallOthers, standing, rules, append.sent_at).is_ok();
        } else if action == Action::RecallOthers {
            return Some(Appended::NotAuthor);
        }
        if action == Action::Edit && !is_author {
            return Some(Appended::NotAuthor);
        }
        let has_window = action == Action::Edit || action == Action::Recall && !is_admin;
        (has_window && target.sent_at < event.changeable_since && !target.is_recalled).then_some(Appended::TooLate)
    }

    fn react(
        &mut self,
        append: &'a Append,
        (event, reaction, on): (&'a Event, &'a str, bool),
        seq: Seq,
    ) -> Option<Appended> {
        let message = (append.conv(), event.of);
        let key = (message.0, event.of, append.sender, reaction);
        let known = self.reactions.get(&key).copied();
        if known.map_or(!on, |known| known.is_on == on) {
            return Some(Appended::Unchanged(known.map(|known| (known.seq, known.sent_at))));
        }
        let different = self.different.entry(message).or_default();
        let is_new = on && !different.contains(reaction);
        if is_new && event.reactions_max.is_some_and(|most| different.len() >= most as usize) {
            return Some(Appended::TooManyReactions);
        }
        if is_new {
            different.insert(reaction.into());
        }
        self.reactions.insert(key, Reacted { is_on: on, seq, sent_at: append.sent_at });
        None
    }
}

/// What somebody is told who may not do it.
pub(super) fn denied_as(denied: Denied) -> Appended {
    match denied {
        Denied::NoMember => Appended::NotMember,
        Denied::Muted(until) => Appended::Muted(until),
        Denied::Role | Denied::IsCreator => Appended::AdminsOnly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;
    use crate::store::Role;
    use crate::store::content::Content;

    const WINDOW: UnixMs = UnixMs(1_000);

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn append(sender: i64, to: Peer, change: Change) -> Append {
        let event = Event { of: 3, change, changeable_since: WINDOW, reactions_max: Some(2) };
        let body = Content::Event(Box::new(event));
        Append { sender: user(sender), to, cid: None, body, sent_at: UnixMs(5_000), friends_only: false, known_end: 0 }
    }

    fn target(sender: i64) -> Target {
        let (sender, sent_at) = (user(sender), UnixMs(2_000));
        Target { kind: Kind::Message, sender, sent_at, is_recalled: false, changed: None }
    }

    fn facts<'a>(conv: ConvId, target: Target) -> EventFacts<'a> {
        EventFacts { targets: [((conv, 3), target)].into(), ..EventFacts::default() }
    }

    fn decide<'a>(facts: &mut EventFacts<'a>, append: &'a Append, seq: Seq) -> Option<Appended> {
        facts.decide(append, append.body.event().unwrap(), seq)
    }

    fn edit() -> Change {
        Change::Edit("{\"msg\":\"x\"}".into())
    }

    fn react(reaction: &str, on: bool) -> Change {
        Change::React { reaction: reaction.into(), on }
    }

    #[test]
    fn only_the_author_edits_and_recalls_between_two_and_not_for_ever() {
        let (mine, others) = (append(1, Peer::User(user(2)), edit()), append(2, Peer::User(user(1)), edit()));
        let conv = mine.conv();
        assert_eq!(decide(&mut facts(conv, target(1)), &mine, 9), None);
        assert_eq!(decide(&mut facts(conv, target(1)), &others, 9), Some(Appended::NotAuthor));
        let recall = append(2, Peer::User(user(1)), Change::Recall);
        assert_eq!(decide(&mut facts(conv, target(1)), &recall, 9), Some(Appended::NotAuthor));
        let old = Target { sent_at: UnixMs(999), ..target(1) };
        assert_eq!(decide(&mut facts(conv, old), &mine, 9), Some(Appended::TooLate));
        let late = append(1, Peer::User(user(2)), Change::Recall);
        assert_eq!(decide(&mut facts(conv, old), &late, 9), Some(Appended::TooLate));
        let missing = &mut EventFacts::default();
        assert_eq!(decide(missing, &mine, 9), Some(Appended::NoSuchMessage));
        let event = Target { kind: Kind::Edit, ..target(1) };
        assert_eq!(decide(&mut facts(conv, event), &mine, 9), Some(Appended::NotAMessage));
    }

    #[test]
    fn a_recall_is_done_once_and_nothing_comes_behind_it() {
        let to = Peer::User(user(2));
        let (recall, edit, reaction) =
            (append(1, to, Change::Recall), append(1, to, edit()), append(1, to, react("+", true)));
        let mut facts = facts(recall.conv(), target(1));
        assert_eq!(decide(&mut facts, &reaction, 7), None);
        assert_eq!(decide(&mut facts, &recall, 8), None);
        assert_eq!(decide(&mut facts, &recall, 9), Some(Appended::Unchanged(Some((8, UnixMs(5_000))))));
        assert_eq!(decide(&mut facts, &edit, 9), Some(Appended::IsRecalled));
        assert_eq!(decide(&mut facts, &reaction, 9), Some(Appended::IsRecalled));
    }

    #[test]
    fn a_reaction_is_given_once_and_their_number_is_bounded() {
        let to = Peer::User(user(2));
        let [a, b, c] = ["a", "b", "c"].map(|reaction| append(1, to, react(reaction, true)));
        let (a_off, of_other) = (append(1, to, react("a", false)), append(2, Peer::User(user(1)), react("a", true)));
        let mut facts = facts(a.conv(), target(2));
        assert_eq!(decide(&mut facts, &a_off, 4), Some(Appended::Unchanged(None)));
        assert_eq!(decide(&mut facts, &a, 4), None);
        assert_eq!(decide(&mut facts, &a, 5), Some(Appended::Unchanged(Some((4, UnixMs(5_000))))));
        assert_eq!(decide(&mut facts, &b, 5), None);
        assert_eq!(decide(&mut facts, &c, 6), Some(Appended::TooManyReactions));
        assert_eq!(decide(&mut facts, &of_other, 6), None, "it is there already");
        assert_eq!(decide(&mut facts, &a_off, 7), None);
        assert_eq!(decide(&mut facts, &a_off, 8), Some(Appended::Unchanged(Some((7, UnixMs(5_000))))));
    }

    #[test]
    fn in_a_group_admins_recall_what_others_said_at_any_time() {
        let group = Peer::Group(GroupId::new(7).unwrap());
        let recall = append(1, group, Change::Recall);
        let conv = recall.conv();
        let with = |role, muted_until, joined_seq| {
            let standing = Standing { role, muted_until: UnixMs(muted_until) };
            let old = Target { sent_at: UnixMs(1), ..target(2) };
            EventFacts { places: [((conv, user(1)), Place { standing, joined_seq })].into(), ..facts(conv, old) }
        };
        assert_eq!(decide(&mut with(Some(Role::Admin), 0, 0), &recall, 9), None);
        assert_eq!(decide(&mut with(Some(Role::Normal), 0, 0), &recall, 9), Some(Appended::NotAuthor));
        assert_eq!(decide(&mut with(None, 0, 0), &recall, 9), Some(Appended::NotMember));
        let muted = Some(Appended::Muted(UnixMs(9_000)));
        assert_eq!(decide(&mut with(Some(Role::Admin), 9_000, 0), &recall, 9), muted);
        // What was said before one came in, where that is not to be read, is not there.
        assert_eq!(decide(&mut with(Some(Role::Admin), 0, 3), &recall, 9), Some(Appended::NoSuchMessage));
    }
}
