//! The oldest messages that readers have not confirmed, over all their conversations: by time, but in each conversation by number.
//!
//! ```text
//!   few of one reader     one statement reads all of them
//!   few of many readers   the same for all at once; a second one reads who is a member
//!   many                  first which they are, then the messages
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::history::{COLUMNS, OWN, PAGE_MESSAGES, PageLimit, Taken, at, message};
use super::lists::{exact_pieces, lookups, repeated};
use super::{Arg, Sql, SqlResult};
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, Members, Seq, UserId};
use crate::store::{EventsPending, Kind, Message, Missing, OwnPending, Pending};

/// Messages by their places.
type Found = HashMap<(ConvId, Seq), Message>;

pub(super) fn of_one(sql: &mut dyn Sql, of: Missing<'_>, limit: PageLimit) -> SqlResult<Vec<Message>> {
    let Missing { reader, pending, .. } = of;
    if is_few(pending) {
        let found = read(sql, pending, Some(reader))?;
        return choose(sql, of, found.into_values(), limit);
    }
    let heads = candidates(sql, of, limit.messages)?;
    at(sql, reader, &oldest(heads, Taken::new(limit).room()), limit)
}

fn is_few(pending: &[Pending]) -> bool {
    pending.iter().map(Pending::missing).sum::<u64>() <= PAGE_MESSAGES as u64
}

pub(super) fn of_many(sql: &mut dyn Sql, of: &[Missing<'_>], limit: PageLimit) -> SqlResult<Vec<Vec<Message>>> {
    let few: Vec<Missing<'_>> = of.iter().copied().filter(|of| is_few(of.pending)).collect();
    let places = places(&few);
    // Before the memberships: nobody is shown anything who was no member any more when it was read.
    let found = read(sql, &places, None)?;
    let joined = joined(sql, &few)?;
    let mut by_conv: HashMap<ConvId, Vec<&Message>> = HashMap::new();
    for message in found.values() {
        by_conv.entry(message.conv).or_default().push(message);
    }
    let mut chosen = Vec::with_capacity(of.len());
    for &one in of {
        if !is_few(one.pending) {
            chosen.push(of_one(sql, one, limit)?);
            continue;
        }
        let mut readable = Vec::new();
        for position in one.pending {
            let Some(first) = first_readable(position, one.reader, &joined) else { continue };
            let all = by_conv.get(&position.conv).into_iter().flatten();
            readable.extend(all.filter(|m| m.seq >= first && m.seq <= position.last_seq).map(|m| (*m).clone()));
        }
        chosen.push(choose(sql, one, readable, limit)?);
    }
    Ok(chosen)
}

/// What is pending for any of them, each conversation once.
fn places(of: &[Missing<'_>]) -> Vec<Pending> {
    let mut places: BTreeMap<ConvId, Pending> = BTreeMap::new();
    for position in of.iter().flat_map(|of| of.pending) {
        let all = places.entry(position.conv).or_insert(*position);
        all.delivered = all.delivered.min(position.delivered);
        all.last_seq = all.last_seq.max(position.last_seq);
    }
    places.into_values().collect()
}

/// Behind which message the readers' memberships begin, in the groups in which something is pending.
fn joined(sql: &mut dyn Sql, of: &[Missing<'_>]) -> SqlResult<HashMap<(GroupId, UserId), Seq>> {
    let mut wanted: Vec<(GroupId, UserId)> = Vec::new();
    for of in of {
        let convs = of.pending.iter().filter_map(|position| position.conv.members());
        wanted.extend(convs.filter_map(|members| match members {
            Members::Group(group) => Some((group, of.reader)),
            Members::Pair(..) => None,
        }));
    }
    let mut found = HashMap::new();
    for lookup in lookups(&wanted, |(group, user)| [group.into(), user.into()]) {
        let any = repeated("(g.groupid = ? AND g.userid = ?)", " OR ", lookup.len);
        let statement = format!(
            "SELECT g.groupid, g.userid, g.joined_seq FROM GroupUser g JOIN Conversation v ON v.id = g.groupid WHERE {any}"
        );
        for row in sql.rows(&statement, &lookup.args)? {
            found.insert((row.group(0)?, row.user(1)?), row.seq(2)?);
        }
    }
    Ok(found)
}

/// The first message there that the reader may be shown; `None`: the reader is no member any more.
fn first_readable(position: &Pending, reader: UserId, joined: &HashMap<(GroupId, UserId), Seq>) -> Option<Seq> {
    let behind = match position.conv.members()? {
        Members::Group(group) => position.delivered.max(*joined.get(&(group, reader))?),
        Members::Pair(a, b) => (a == reader || b == reader).then_some(position.delivered)?,
    };
    Some(behind + 1)
}

/// All that is pending; of a group only what this reader may be shown.
fn read(sql: &mut dyn Sql, pending: &[Pending], reader: Option<UserId>) -> SqlResult<Found> {
    let mut found = Found::new();
    for lookup in lookups(pending, |p| [p.conv.into(), p.delivered.into(), p.last_seq.into()]) {
        let any = repeated("(m.conv = ? AND m.seq > ? AND m.seq <= ?)", " OR ", lookup.len);
        let own = if reader.is_some() { format!(" AND {OWN}") } else { String::new() };
        let args: Vec<Arg<'_>> = lookup.args.into_iter().chain(reader.map(Arg::from)).collect();
        for row in sql.rows(&format!("{COLUMNS} WHERE ({any}){own}"), &args)? {
            let message = message(row)?;
            found.insert((message.conv, message.seq), message);
        }
    }
    Ok(found)
}

/// The oldest of all that the reader may be shown.
fn choose(
    sql: &mut dyn Sql,
    of: Missing<'_>,
    readable: impl IntoIterator<Item = Message>,
    limit: PageLimit,
) -> SqlResult<Vec<Message>> {
    let (skip, events) = (skipped(of), of.listed.events);
    let is_listed = |message: &Message| {
        Some(message.sender.id) != skip && (events == EventsPending::Listed || message.kind == Kind::Message)
    };
    let listed = readable.into_iter().filter(is_listed);
    let mut found: Found = listed.map(|message| ((message.conv, message.seq), message)).collect();
    let mut heads: HashMap<ConvId, Vec<(Seq, UnixMs)>> = HashMap::new();
    for message in found.values() {
        heads.entry(message.conv).or_default().push((message.seq, message.sent_at));
    }
    for head in heads.values_mut() {
        head.sort_unstable();
    }
    let mut taken = Taken::new(limit);
    for message in oldest(heads, taken.room()).iter().filter_map(|place| found.remove(place)) {
        if !taken.offer(message) {
            break;
        }
    }
    taken.complete(sql, of.reader)
}

/// Whose messages are left out.
fn skipped(of: Missing<'_>) -> Option<UserId> {
    (of.listed.own == OwnPending::LeftOut).then_some(of.reader)
}

/// The heads of the conversations, without their bodies: of each as many as could be wanted in all.
fn candidates(sql: &mut dyn Sql, of: Missing<'_>, limit: u32) -> SqlResult<HashMap<ConvId, Vec<(Seq, UnixMs)>>> {
    let kinds = match of.listed.events {
        EventsPending::Listed => "",
        EventsPending::LeftOut => "AND kind = 0 ",
    };
    let part = &format!(
        "SELECT * FROM (SELECT conv, seq, sent_at FROM Message \
         WHERE conv = ? AND seq > ? AND seq <= ? AND sender <> ? {kinds}ORDER BY seq LIMIT ?) p"
    );
    let nobody = 0;
    let skip = skipped(of).map_or(nobody, |user| i64::from(user.number()));
    let mut heads: HashMap<ConvId, Vec<(Seq, UnixMs)>> = HashMap::new();
    for piece in exact_pieces(of.pending) {
        let statement = repeated(part, " UNION ALL ", piece.len());
        let args: Vec<_> = piece
            .iter()
            .flat_map(|p| [p.conv.into(), p.delivered.into(), p.last_seq.into(), skip.into(), limit.into()])
            .collect();
        for row in sql.rows(&statement, &args)? {
            heads.entry(row.conv(0)?).or_default().push((row.seq(1)?, row.time(2)?));
        }
    }
    for head in heads.values_mut() {
        head.sort_unstable();
    }
    Ok(heads)
}

/// Merges the conversations by time, each in its own order: the clocks of two nodes may differ, `seq` may not.
fn oldest(heads: HashMap<ConvId, Vec<(Seq, UnixMs)>>, limit: usize) -> Vec<(ConvId, Seq)> {
    let mut heads: HashMap<ConvId, std::vec::IntoIter<(Seq, UnixMs)>> =
        heads.into_iter().map(|(conv, head)| (conv, head.into_iter())).collect();
    let first = |(&conv, head): (&ConvId, &mut std::vec::IntoIter<(Seq, UnixMs)>)| {
        head.next().map(|(seq, at)| Reverse((at, conv, seq)))
    };
    let mut next: BinaryHeap<_> = heads.iter_mut().filter_map(first).collect();
    let mut chosen = Vec::new();
    while chosen.len() < limit {
        let Some(Reverse((_, conv, seq))) = next.pop() else { break };
        chosen.push((conv, seq));
        if let Some((seq, at)) = heads.get_mut(&conv).and_then(Iterator::next) {
            next.push(Reverse((at, conv, seq)));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    fn conv(number: i64) -> ConvId {
        ConvId::group(GroupId::new(number).unwrap())
    }

    fn head(times: &[(Seq, i64)]) -> Vec<(Seq, UnixMs)> {
        times.iter().map(|&(seq, at)| (seq, UnixMs(at))).collect()
    }

    #[test]
    fn conversations_are_merged_by_time() {
        let heads = [(conv(1), head(&[(1, 10), (2, 40)])), (conv(2), head(&[(7, 20), (8, 30)]))].into();
        assert_eq!(oldest(heads, 3), [(conv(1), 1), (conv(2), 7), (conv(2), 8)]);
    }

    #[test]
    fn a_clock_that_went_back_does_not_change_the_order_of_a_conversation() {
        let heads = [(conv(1), head(&[(1, 50), (2, 10)])), (conv(2), head(&[(1, 20)]))].into();
        assert_eq!(oldest(heads, 9), [(conv(2), 1), (conv(1), 1), (conv(1), 2)]);
    }
}
