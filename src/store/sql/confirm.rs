//! Answers that a replica gives and the main database confirms. The replica reads the rows; whatever decides which of them
//! may be shown is asked of the main database afterwards, by one small statement. Where the two differ, the main database
//! answers in the replica's place.
//!
//! ```text
//!   replica:  what the answer rests on (ground.rs), then the rows      whatever comes meanwhile makes the rows newer
//!   main:     what the answer rests on, as it is now
//!   equal? --> shown
//! ```
//!
//! A recall, an edit and a reaction each take the next number of their conversation in their own transaction. So a replica
//! whose conversation ends where it ends in the main database has all of them. What an erased user has said is emptied
//! without a number: so a user who is erased in the main database must have said nothing in the answer.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;
use std::result::Result as StdResult;

use super::ground::{self, Asked, Data, Ground, Held};
use super::history::{self, PageLimit};
use super::verdict::{Lack, Verdict};
use super::{Engine, Sql, find, search};
use crate::ids::{ConvId, GroupId, Members, Seq, UserId};
use crate::store::{GroupRow, Message, Person, Range, Result, SearchPage, SearchQuery};

/// The replica may lack so many of a conversation's last messages, if none of them is about an earlier one and the answer is
/// complete without them. The main database looks through them.
const LOOKED_THROUGH_MAX: Seq = 1_000;

/// A page of a conversation. `None`: the main database is to be asked.
pub(super) fn messages<E: Engine>(
    engine: &mut E,
    reader: UserId,
    conv: ConvId,
    range: Range,
    limit: PageLimit,
) -> Result<Option<(Vec<Message>, bool)>> {
    let asked = Asked { reader: Some(reader), convs: &[conv], ..Asked::default() };
    let read = |sql: &mut dyn Sql| {
        let theirs = ground::read(sql, asked)?;
        Ok((theirs, history::messages(sql, reader, conv, range, limit)?))
    };
    let Some((theirs, page)) = engine.ask_replica(read) else { return Ok(None) };
    let Some((messages, is_full)) = page else {
        engine.judge_replica(Verdict::Differs);
        return Ok(None);
    };
    let is_complete = |end: Seq| match range {
        Range::Latest => false,
        Range::Before(seq) => seq <= end.saturating_add(1),
        Range::After(_) => is_full,
    };
    let verdict = judged(engine, reader, &theirs, &messages, &[conv], is_complete)?;
    Ok(concluded(engine, verdict, (messages, is_full)))
}

/// A look for messages. What was said a moment ago may be missing; what is shown is as it is now. `None`: the main database is to be
/// asked.
pub(super) fn search<E: Engine>(
    engine: &mut E,
    reader: UserId,
    query: &SearchQuery,
    limit: u32,
) -> Result<Option<SearchPage>> {
    let read = |sql: &mut dyn Sql| {
        let found = search::look(sql, reader, query, limit)?;
        let convs = distinct(found.places.iter().map(|(conv, _)| *conv));
        let theirs = ground::read(sql, Asked { reader: Some(reader), convs: &convs, ..Asked::default() })?;
        Ok((theirs, convs, search::page(sql, reader, &found)?))
    };
    let Some((theirs, convs, page)) = engine.ask_replica(read) else { return Ok(None) };
    let verdict = judged(engine, reader, &theirs, &page.messages, &convs, |_| true)?;
    Ok(concluded(engine, verdict, page))
}

/// Users by the beginning of a name. `None`: the main database is to be asked.
pub(super) fn users<E: Engine>(
    engine: &mut E,
    id: Option<UserId>,
    prefix: &str,
    limit: u32,
) -> Result<Option<Vec<Person>>> {
    let read = |sql: &mut dyn Sql| {
        let theirs = ground::read(sql, Asked::default())?;
        Ok((theirs, find::users(sql, id, prefix, limit)?))
    };
    let Some((theirs, found)) = engine.ask_replica(read) else { return Ok(None) };
    let ids: Vec<UserId> = found.iter().map(|user| user.id).collect();
    let ours = engine.read(|sql| ground::read(sql, Asked { users: &ids, ..Asked::default() }))?;
    let last = ours.data.last_user;
    let verdict = stranger(&theirs.data, &ours.data).unwrap_or_else(|| match theirs.data.last_user.cmp(&last) {
        Ordering::Less => Verdict::Behind(Lack::User(last)),
        Ordering::Greater => has_more(),
        Ordering::Equal => same_if(found.iter().all(|user| ours.users.get(&user.id) == Some(&user.name))),
    });
    Ok(concluded(engine, verdict, found))
}

/// Groups likewise.
pub(super) fn groups<E: Engine>(
    engine: &mut E,
    id: Option<GroupId>,
    prefix: &str,
    limit: u32,
) -> Result<Option<Vec<GroupRow>>> {
    let read = |sql: &mut dyn Sql| {
        let theirs = ground::read(sql, Asked::default())?;
        Ok((theirs, find::all_groups(sql, id, prefix, limit)?))
    };
    let Some((theirs, found)) = engine.ask_replica(read) else { return Ok(None) };
    let ids: Vec<GroupId> = found.iter().map(|group| group.id).collect();
    let ours = engine.read(|sql| ground::read(sql, Asked { groups: &ids, ..Asked::default() }))?;
    let verdict = stranger(&theirs.data, &ours.data).unwrap_or_else(|| {
        // The last one may be deleted: that there is another one says nothing of which server is behind.
        let is_same_end = theirs.data.last_group == ours.data.last_group;
        same_if(is_same_end && found.iter().all(|group| ours.groups.get(&group.id) == Some(&group.name)))
    });
    Ok(concluded(engine, verdict, found))
}

/// Why data are not those of the main database, if they are not.
pub(in crate::store) fn stranger(theirs: &Data, ours: &Data) -> Option<Verdict> {
    let why = if theirs.id != ours.id {
        "it has the data of another cluster".to_owned()
    } else if theirs.schema != ours.schema {
        format!(
            "its tables are of version {}, and those of the main database of version {}",
            theirs.schema, ours.schema
        )
    } else if theirs.epoch != ours.epoch {
        "it has not the state of the data that the main database has gone to".to_owned()
    } else {
        return None;
    };
    Some(Verdict::Stranger(why))
}

fn has_more() -> Verdict {
    Verdict::Stranger("it has more than the main database".to_owned())
}

fn same_if(is_same: bool) -> Verdict {
    if is_same { Verdict::Confirmed } else { Verdict::Differs }
}

/// The answer, if it is confirmed.
fn concluded<E: Engine, T>(engine: &mut E, verdict: Verdict, answer: T) -> Option<T> {
    let is_confirmed = verdict == Verdict::Confirmed;
    engine.judge_replica(verdict);
    is_confirmed.then_some(answer)
}

/// Asks the main database. `is_complete`: whether nothing is missing in the answer where a conversation ends there.
fn judged<E: Engine>(
    engine: &mut E,
    reader: UserId,
    theirs: &Ground,
    messages: &[Message],
    convs: &[ConvId],
    is_complete: impl Fn(Seq) -> bool,
) -> Result<Verdict> {
    let senders = distinct(messages.iter().map(|message| message.sender.id));
    let asked = Asked { reader: Some(reader), convs, users: &senders, groups: &[] };
    let ours = engine.read(|sql| ground::read(sql, asked))?;
    let moved = match compared(theirs, &ours, messages, convs) {
        Ok(moved) => moved,
        Err(verdict) => return Ok(verdict),
    };
    let Some(&(conv, _, last)) = moved.first() else { return Ok(Verdict::Confirmed) };
    let is_near = |&(_, end, last): &Moved| last - end <= LOOKED_THROUGH_MAX && is_complete(end);
    let behind: Vec<(ConvId, Seq)> = moved.iter().map(|&(conv, end, _)| (conv, end)).collect();
    if moved.iter().all(is_near) && !engine.read(|sql| ground::has_events(sql, &behind))? {
        return Ok(Verdict::Confirmed);
    }
    Ok(Verdict::Behind(Lack::Seq(conv, last)))
}

/// A conversation, where it ends in the replica, and where in the main database.
type Moved = (ConvId, Seq, Seq);

/// The conversations of which the replica lacks the end, if everything else is the same.
fn compared(theirs: &Ground, ours: &Ground, messages: &[Message], convs: &[ConvId]) -> StdResult<Vec<Moved>, Verdict> {
    if let Some(verdict) = stranger(&theirs.data, &ours.data) {
        return Err(verdict);
    }
    let mut moved = Vec::new();
    for &conv in convs {
        match (theirs.convs.get(&conv), ours.convs.get(&conv)) {
            (None, None) => {}
            // Its group was deleted.
            (Some(_), None) => return Err(Verdict::Differs),
            (None, Some(ours)) => return Err(Verdict::Behind(Lack::Seq(conv, ours.last_seq))),
            (Some(theirs), Some(ours)) => moved.extend(ends(conv, theirs, ours)?),
        }
    }
    let is_shown = |message: &Message| {
        let held = ours.convs.get(&message.conv);
        let is_readable = held.is_some_and(|held| {
            let is_own = held.joined.map_or(!is_group(message.conv), |joined| message.seq > joined);
            is_own && message.seq >= held.floor
        });
        is_readable && (ours.users.contains_key(&message.sender.id) || is_empty(message))
    };
    if messages.iter().all(is_shown) { Ok(moved) } else { Err(Verdict::Differs) }
}

fn ends(conv: ConvId, theirs: &Held, ours: &Held) -> StdResult<Option<Moved>, Verdict> {
    if (theirs.joined, theirs.floor) != (ours.joined, ours.floor) {
        return Err(Verdict::Differs);
    }
    if theirs.last_seq > ours.last_seq {
        return Err(has_more());
    }
    Ok((theirs.last_seq < ours.last_seq).then_some((conv, theirs.last_seq, ours.last_seq)))
}

fn is_group(conv: ConvId) -> bool {
    matches!(conv.members(), Some(Members::Group(_)))
}

/// Whether nothing is left of it but that there was one.
fn is_empty(message: &Message) -> bool {
    message.body.is_empty() && message.reaction.is_none() && message.sender.name.is_empty()
}

fn distinct<T: Copy + Eq + Hash>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    all.filter(|item| seen.insert(*item)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use crate::store::Kind;

    fn user(id: i64) -> UserId {
        UserId::new(id).unwrap()
    }

    fn group() -> ConvId {
        ConvId::group(GroupId::new(9).unwrap())
    }

    /// A group that ends at 7, of which 1 and 2 are gone, and whose reader came behind 3; users 1 and 2 exist.
    fn ground() -> Ground {
        let data = Data { id: "a".to_owned(), epoch: "b".to_owned(), schema: 5, last_user: 2, last_group: 9 };
        let convs = [(group(), Held { last_seq: 7, floor: 3, joined: Some(3) })].into();
        let users = [1, 2].map(|id| (user(id), format!("user {id}"))).into();
        Ground { data, convs, users, groups: [].into() }
    }

    fn message(seq: Seq, sender: i64, body: &str) -> Message {
        let name = if body.is_empty() { "" } else { "somebody" };
        Message {
            conv: group(),
            seq,
            kind: Kind::Message,
            of: 0,
            sender: Person { id: user(sender), name: name.to_owned() },
            sent_at: UnixMs(0),
            cid: None,
            body: body.to_owned(),
            reaction: None,
            edited_at: None,
            reacted: false,
            reactions: Vec::new(),
        }
    }

    fn verdict(change: impl FnOnce(&mut Ground, &mut Ground), messages: &[Message]) -> Option<Verdict> {
        let (mut theirs, mut ours) = (ground(), ground());
        change(&mut theirs, &mut ours);
        match compared(&theirs, &ours, messages, &[group()]) {
            Ok(moved) => moved.first().map(|&(conv, _, last)| Verdict::Behind(Lack::Seq(conv, last))),
            Err(verdict) => Some(verdict),
        }
    }

    fn held(ground: &mut Ground) -> &mut Held {
        ground.convs.get_mut(&group()).unwrap()
    }

    #[test]
    fn what_is_the_same_is_confirmed() {
        assert_eq!(verdict(|_, _| {}, &[message(4, 1, "x"), message(7, 2, "y")]), None);
        assert_eq!(verdict(|_, _| {}, &[]), None);
    }

    #[test]
    fn whatever_decides_must_be_the_same() {
        let shown = [message(4, 1, "x")];
        let differs = Some(Verdict::Differs);
        assert_eq!(verdict(|_, ours| held(ours).joined = None, &shown), differs, "kicked");
        assert_eq!(verdict(|_, ours| held(ours).joined = Some(6), &shown), differs, "came back");
        assert_eq!(verdict(|_, ours| held(ours).floor = 4, &shown), differs, "aged");
        assert_eq!(verdict(|_, ours| ours.convs.clear(), &shown), differs, "deleted");
        for both in [None, Some(4)] {
            let change = |theirs: &mut Ground, ours: &mut Ground| {
                held(theirs).joined = both;
                held(ours).joined = both;
            };
            assert_eq!(verdict(change, &shown), differs, "{both:?}");
        }
        assert_eq!(verdict(|_, ours| drop(ours.users.remove(&user(1))), &shown), differs, "erased");
        assert_eq!(verdict(|_, ours| drop(ours.users.remove(&user(1))), &[message(4, 1, "")]), None, "and emptied");
    }

    #[test]
    fn a_replica_that_lacks_something_is_behind_and_one_that_has_more_is_none() {
        let behind = |seq| Some(Verdict::Behind(Lack::Seq(group(), seq)));
        assert_eq!(verdict(|_, ours| held(ours).last_seq = 8, &[message(4, 1, "x")]), behind(8));
        assert_eq!(verdict(|theirs, _| theirs.convs.clear(), &[]), behind(7));
        let strange = |change: fn(&mut Data)| {
            matches!(verdict(|theirs, _| change(&mut theirs.data), &[]), Some(Verdict::Stranger(_)))
        };
        assert!(
            strange(|data| data.id.clear()) && strange(|data| data.epoch.clear()) && strange(|data| data.schema = 4)
        );
        assert!(matches!(verdict(|_, ours| held(ours).last_seq = 6, &[]), Some(Verdict::Stranger(_))));
    }
}
