//! What the record does with edits, recalls and reactions: as a model, which knows nothing of how the server's stores do it but
//! the table of who may do what.

use std::collections::BTreeMap;

use stonechat::clock::UnixMs;
use stonechat::ids::{ConvId, Seq, UserId};
use stonechat::store::rights::{Action, Denied, Rules, Standing, may};
use stonechat::store::{Append, Appended, Change, Event, Given, ReactionCount};

use crate::checker::What;
use crate::database::Row;

/// Which reactions were given to messages, by whom; whether they still are, and by which event of what time.
pub type Reactions = BTreeMap<Place, State>;

/// Which reaction to which message, and whose.
type Place = (ConvId, Seq, UserId, String);

/// Whether it is given, and by which event.
type State = (bool, Seq, UnixMs);

/// What is sent, as the checker calls it.
pub fn what(append: &Append) -> What {
    let Some(event) = append.body.event() else { return What::Message };
    match &event.change {
        Change::Edit(_) => What::Edit(event.of),
        Change::Recall => What::Recall(event.of),
        Change::React { reaction, on } => What::Reaction(event.of, reaction.to_string(), *on),
    }
}

/// What somebody is told who may not do it.
pub fn denied(denied: Denied) -> Appended {
    match denied {
        Denied::NoMember => Appended::NotMember,
        Denied::Muted(until) => Appended::Muted(until),
        Denied::Role | Denied::IsCreator => Appended::AdminsOnly,
    }
}

/// Whether an event is stored: `None` if it is. `standing` is the author's in the group, if it is one.
pub fn decide(
    append: &Append,
    event: &Event,
    (target, standing): (Option<&Row>, Option<Standing>),
    reactions: &Reactions,
) -> Option<Appended> {
    let Some(target) = target else { return Some(Appended::NoSuchMessage) };
    if target.kind.is_event() {
        return Some(Appended::NotAMessage);
    }
    let is_author = target.sender == append.sender;
    let action = match event.change {
        Change::Edit(_) => Action::Edit,
        Change::Recall if is_author => Action::Recall,
        Change::Recall => Action::RecallOthers,
        Change::React { .. } => Action::React,
    };
    let allowed = |action| standing.map(|standing| may(action, standing, Rules::default(), append.sent_at));
    match (allowed(action), action) {
        (Some(Err(Denied::Role)) | None, Action::RecallOthers) => {
            return Some(Appended::NotAuthor);
        }
        (Some(Err(why)), _) => return Some(denied(why)),
        (_, Action::Edit) if !is_author => return Some(Appended::NotAuthor),
        _ => {}
    }
    let is_recalled = target.changed.is_some() && target.body.is_empty();
    let is_admin = allowed(Action::RecallOthers).is_some_and(|allowed| allowed.is_ok());
    let has_window = action == Action::Edit || action == Action::Recall && !is_admin;
    if has_window && target.sent_at < event.changeable_since && !is_recalled {
        return Some(Appended::TooLate);
    }
    match &event.change {
        Change::Recall if is_recalled => Some(Appended::Unchanged(target.changed)),
        _ if is_recalled => Some(Appended::IsRecalled),
        Change::Edit(_) | Change::Recall => None,
        Change::React { reaction, on } => {
            let known = reactions.get(&(append.conv(), event.of, append.sender, reaction.to_string()));
            let is_so = known.map_or(!on, |(known, ..)| known == on);
            is_so.then(|| Appended::Unchanged(known.map(|(_, seq, at)| (*seq, *at))))
        }
    }
}

/// What the event in this row says: nothing, when another one has overtaken it.
pub fn given(reactions: &Reactions, (conv, seq): (ConvId, Seq), row: &Row) -> Option<Given> {
    let of_row = |((its_conv, of, user, _), (_, by, _)): &(&Place, &State)| {
        (*its_conv, *of, *user, *by) == (conv, row.of, row.sender, seq)
    };
    let ((.., reaction), (on, ..)) = reactions.iter().find(of_row)?;
    Some(Given { reaction: reaction.clone(), on: *on })
}

/// The reactions to a message.
pub fn counts(reactions: &Reactions, message: (ConvId, Seq), reader: UserId) -> Vec<ReactionCount> {
    let mut counts: Vec<ReactionCount> = Vec::new();
    let of_message = |((conv, of, ..), (on, ..)): &(&Place, &State)| (*conv, *of) == message && *on;
    for ((_, _, user, word), _) in reactions.iter().filter(of_message) {
        let place = counts.iter().position(|count| count.reaction == *word).unwrap_or_else(|| {
            counts.push(ReactionCount { reaction: word.clone(), count: 0, mine: false });
            counts.len() - 1
        });
        counts[place].count += 1;
        counts[place].mine |= *user == reader;
    }
    counts
}
