//! What was taken back does not come any more: the text of a recalled message, and each text that an edit has replaced.
//!
//! ```text
//!   an edit or a recall was acked, then a request was sent      -> its answer, or all that comes in its session, has no older text
//!   an edit or a recall came to a session as a push             -> no push that follows has an older text
//! ```

use std::collections::BTreeMap;

use super::{
    Class, Conv, Found, Histories, Message, Moment, Name, Outcome, Record, Seq, Sighting, User, What, edit_of, edited,
    name,
};

/// What has put an end to a text: its place, and when it was acked first, if it was.
#[derive(Clone, Copy)]
struct End<'a> {
    seq: Seq,
    by: Name<'a>,
    acked: Option<Moment>,
}

/// By conversation, message and text.
type Ends<'a> = BTreeMap<(Conv, Seq, String), Vec<End<'a>>>;

pub(super) fn check(record: &Record<'_>, histories: &Histories, found: &mut Found) {
    if histories.sightings.is_empty() {
        return;
    }
    let ends = ends(record, histories);
    // When each session was pushed each event.
    let mut pushed: BTreeMap<(usize, Conv, Seq, Name<'_>), Moment> = BTreeMap::new();
    for Sighting { session, message, at, .. } in histories.sightings.iter().filter(|seen| seen.is_push) {
        pushed.entry((*session, message.conv, message.seq, name(message))).or_insert(*at);
    }
    for seen in &histories.sightings {
        let Message { conv, seq, .. } = seen.message;
        let Some(text) = &seen.text else {
            check_silence(record, histories, seen, found);
            continue;
        };
        let Some(of) = place_of_text(record, seen) else {
            found.add(Class::O, format!("{}: {text:?} is not its text", tell(seen)));
            continue;
        };
        for end in ends.get(&(conv, of, text.clone())).into_iter().flatten() {
            let was_acked = end.acked.is_some_and(|acked| acked < seen.asked);
            let was_pushed = || pushed.get(&(seen.session, conv, end.seq, end.by)).is_some_and(|at| *at < seen.at);
            if was_acked || seen.is_push && was_pushed() {
                let End { seq: by, acked, .. } = end;
                let how = if was_acked { "acked" } else { "pushed" };
                found.add(Class::R, format!("{}: {text:?} as {seq}, but {by} was {how} ({acked:?})", tell(seen)));
            }
        }
    }
}

fn tell(seen: &Sighting) -> String {
    let Sighting { session, user, message, at, asked, is_push, .. } = seen;
    let how = if *is_push { "a push" } else { "an answer" };
    format!("{how} to session {session} of {user}, asked at {asked}, came at {at}: {message:?}")
}

/// The message that the text is one of: the line's own, or the one that an edit is about. `None`: it is of another one.
fn place_of_text(record: &Record<'_>, seen: &Sighting) -> Option<Seq> {
    let Message { conv, seq, ref cid, sender } = seen.message;
    let text = seen.text.as_deref()?;
    match (record.event(conv, name(&seen.message)), edit_of(text)) {
        (None, None) => (text == cid).then_some(seq),
        (None, Some(edit)) => (record.event(conv, (sender, edit)) == Some(&What::Edit(seq))).then_some(seq),
        (Some(What::Edit(of)), Some(edit)) => (edit == cid).then_some(*of),
        (Some(_), _) => None,
    }
}

/// A message has a text unless somebody has recalled it.
fn check_silence(record: &Record<'_>, histories: &Histories, seen: &Sighting, found: &mut Found) {
    let Message { conv, seq, .. } = seen.message;
    let is_message = record.event(conv, name(&seen.message)).is_none();
    let is_recalled = || histories.sends.iter().any(|sent| sent.conv == conv && sent.what == What::Recall(seq));
    if is_message && !is_recalled() {
        found.add(Class::L, format!("{}: without its text", tell(seen)));
    }
}

fn ends<'a>(record: &Record<'a>, histories: &'a Histories) -> Ends<'a> {
    let mut acked: BTreeMap<(Conv, Seq, Name<'a>), Moment> = BTreeMap::new();
    for sent in histories.sends.iter().filter(|sent| sent.what != What::Message && sent.times.answered > 0) {
        if let Outcome::Acked(seq) = sent.outcome {
            let first = acked.entry((sent.conv, seq, (sent.sender, &sent.cid))).or_insert(sent.times.answered);
            *first = sent.times.answered.min(*first);
        }
    }
    let mut ends = Ends::new();
    for (conv, stored) in &record.stored {
        // The texts that each message has had so far.
        let mut texts: BTreeMap<Seq, Vec<String>> = BTreeMap::new();
        for (seq, by) in stored {
            let (of, new) = match record.event(*conv, *by) {
                Some(What::Edit(of)) => (*of, Some(edited(by.1))),
                Some(What::Recall(of)) => (*of, None),
                Some(What::Reaction(..) | What::Message) | None => continue,
            };
            let end = End { seq: *seq, by: *by, acked: acked.get(&(*conv, *seq, *by)).copied() };
            let first = || stored.get(&of).map(|(_, cid): &(User, &str)| (*cid).to_owned()).into_iter().collect();
            let texts = texts.entry(of).or_insert_with(first);
            for text in &*texts {
                ends.entry((*conv, of, text.clone())).or_default().push(end);
            }
            texts.extend(new);
        }
    }
    ends
}
