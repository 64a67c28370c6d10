//! Many messages at once, for an import: numbered behind what is there, and pending for whom they are meant.
//!
//! A cursor is one number, so what lies behind the first message that is pending for somebody is pending, too, for whomever it
//! was meant. A cursor that was not at the conversation's end stays where it is.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::lists::{LIST_MAX, exact_pieces, insert, lookups, repeated};
use super::{Arg, Fault, Sql, SqlResult};
use crate::clock::UnixMs;
use crate::ids::{ConvId, GroupId, Members, Seq, UserId};
use crate::store::bulk::{MeantFor, NewMessage};

/// What one statement has at most of bodies: far below what any server takes.
const INSERT_BYTES_MAX: usize = 96 * 1024;

/// A message with its number.
type Numbered<'a> = (Seq, &'a NewMessage);

/// What makes a message the same one.
type Key<'a> = (ConvId, UserId, &'a str);

pub(super) fn put(sql: &mut dyn Sql, messages: &[NewMessage]) -> SqlResult<u64> {
    let ends = ends(sql, messages)?;
    let known = known(sql, messages, &ends)?;
    let mut numbered: Vec<Numbered<'_>> = Vec::with_capacity(messages.len());
    let mut grown: Vec<Grown<'_>> = Vec::new();
    for of_one in messages.chunk_by(|one, other| one.conv == other.conv) {
        let conv = of_one[0].conv;
        let is_pair = matches!(conv.members(), Some(Members::Pair(..)));
        let end = ends.get(&conv).copied();
        let last = end.map_or(0, |end| end.seq);
        if end.is_none() && !is_pair {
            continue; // The group was deleted.
        }
        let is_fresh =
            |message: &&NewMessage| known.is_empty() || !known.contains(&(conv, message.sender, message.cid.clone()));
        let fresh: Vec<Numbered<'_>> = (last + 1..).zip(of_one.iter().filter(is_fresh)).collect();
        if !fresh.is_empty() {
            numbered.extend(&fresh);
            grown.push(Grown { conv, end, fresh });
        }
    }
    write(sql, &numbered)?;
    open(sql, &grown)?;
    let before: Vec<(&Grown<'_>, End)> = grown.iter().filter_map(|grown| Some((grown, grown.end?))).collect();
    move_ends(sql, &before)?;
    move_cursors(sql, &before)?;
    Ok(numbered.len().try_into().unwrap_or(u64::MAX))
}

/// How a conversation ends.
#[derive(Clone, Copy)]
struct End {
    seq: Seq,
    /// When the last thing happened there.
    active_at: UnixMs,
}

/// The ends of those of the conversations that are there, which are locked.
fn ends(sql: &mut dyn Sql, messages: &[NewMessage]) -> SqlResult<HashMap<ConvId, End>> {
    let mut convs: Vec<ConvId> = messages.iter().map(|message| message.conv).collect();
    // All nodes lock rows in the same order.
    convs.sort_unstable();
    convs.dedup();
    let mut ends = HashMap::new();
    for lookup in lookups(&convs, |conv| [conv.into()]) {
        let (list, locked) = (repeated("?", ",", lookup.len), sql.dialect().locked);
        let statement =
            format!("SELECT id, last_seq, active_at FROM Conversation WHERE id IN ({list}) ORDER BY id{locked}");
        for row in sql.rows(&statement, &lookup.args)? {
            ends.insert(row.conv(0)?, End { seq: row.seq(1)?, active_at: row.time(2)? });
        }
    }
    Ok(ends)
}

/// Those of the messages that are stored already.
fn known(
    sql: &mut dyn Sql,
    messages: &[NewMessage],
    ends: &HashMap<ConvId, End>,
) -> SqlResult<HashSet<(ConvId, UserId, String)>> {
    let is_asked = |message: &&NewMessage| ends.get(&message.conv).is_some_and(|end| end.seq > 0);
    let keys: Vec<Key<'_>> =
        messages.iter().filter(is_asked).map(|message| (message.conv, message.sender, message.cid.as_str())).collect();
    let mut known = HashSet::new();
    for lookup in lookups(&keys, |(conv, sender, cid)| [sender.into(), cid.into(), conv.into()]) {
        let any = repeated("(sender = ? AND cid = ? AND conv = ?)", " OR ", lookup.len);
        let statement = format!("SELECT conv, sender, cid FROM Message WHERE {any}");
        for mut row in sql.rows(&statement, &lookup.args)? {
            known.insert((row.conv(0)?, row.user(1)?, row.text(2)?));
        }
    }
    Ok(known)
}

fn write(sql: &mut dyn Sql, mut messages: &[Numbered<'_>]) -> SqlResult<()> {
    let head = "INSERT INTO Message (conv, seq, kind, sender, sent_at, cid, body)";
    while !messages.is_empty() {
        let mut bytes = 0;
        let fits = |(_, message): &&Numbered<'_>| {
            bytes += message.body.len();
            bytes <= INSERT_BYTES_MAX
        };
        let count = messages.iter().take_while(fits).count().max(1);
        // Whole statements, as long as there are any.
        let count = if count > LIST_MAX { count - count % LIST_MAX } else { count };
        let (run, rest) = messages.split_at(count);
        insert(sql, head, "(?, ?, 0, ?, ?, ?, ?)", run, |(seq, message), args| {
            args.extend([Arg::from(message.conv), (*seq).into(), message.sender.into(), message.sent_at.into()]);
            args.extend([Arg::from(message.cid.as_str()), message.body.as_str().into()]);
            Ok(())
        })?;
        messages = rest;
    }
    Ok(())
}

/// A conversation that has got messages.
struct Grown<'a> {
    conv: ConvId,
    /// Its end before; `None`: it is new, and between two users.
    end: Option<End>,
    /// At least one.
    fresh: Vec<Numbered<'a>>,
}

impl Grown<'_> {
    fn last(&self) -> (Seq, UnixMs) {
        self.fresh.last().map_or((0, UnixMs(0)), |(seq, message)| (*seq, message.sent_at))
    }

    /// Where the cursors of these users come to stand, if they stood at the end.
    fn places(&self, users: &[UserId]) -> BTreeMap<Seq, Vec<UserId>> {
        let first = FirstPending::of(&self.fresh);
        let last = self.last().0;
        let mut places: BTreeMap<Seq, Vec<UserId>> = BTreeMap::new();
        for &user in users {
            let delivered = first.pending_for(user).map_or(last, |seq| seq - 1);
            places.entry(delivered).or_default().push(user);
        }
        places
    }
}

/// Which message is the first that is pending for whom.
struct FirstPending {
    /// Of those that are meant for these users.
    listed: HashMap<UserId, Seq>,
    /// Of those that are meant for everybody: the first, and the first of another sender.
    everybody: Vec<(Seq, UserId)>,
}

impl FirstPending {
    fn of(messages: &[Numbered<'_>]) -> Self {
        let (mut listed, mut everybody): (HashMap<_, _>, Vec<(Seq, UserId)>) = (HashMap::new(), Vec::new());
        for &(seq, message) in messages {
            match &message.meant {
                MeantFor::Everybody => {
                    if everybody.len() < 2 && everybody.iter().all(|(_, sender)| *sender != message.sender) {
                        everybody.push((seq, message.sender));
                    }
                }
                MeantFor::These(users) => {
                    for &user in users.iter().filter(|user| **user != message.sender) {
                        listed.entry(user).or_insert(seq);
                    }
                }
            }
        }
        Self { listed, everybody }
    }

    fn pending_for(&self, user: UserId) -> Option<Seq> {
        let of_all = self.everybody.iter().find(|(_, sender)| *sender != user).map(|(seq, _)| *seq);
        [self.listed.get(&user).copied(), of_all].into_iter().flatten().min()
    }
}

/// Conversations that were there end elsewhere.
fn move_ends(sql: &mut dyn Sql, grown: &[(&Grown<'_>, End)]) -> SqlResult<()> {
    for piece in exact_pieces(grown) {
        let whens = repeated("WHEN ? THEN ?", " ", piece.len());
        let update = format!(
            "UPDATE Conversation SET last_seq = CASE id {whens} END, last_msg = CASE id {whens} END, \
             active_at = CASE id {whens} END WHERE id IN ({})",
            repeated("?", ",", piece.len())
        );
        let seqs = || piece.iter().flat_map(|(grown, _)| [grown.conv.into(), Arg::from(grown.last().0)]);
        let times =
            piece.iter().flat_map(|(grown, end)| [grown.conv.into(), Arg::from(grown.last().1.max(end.active_at))]);
        let convs = piece.iter().map(|(grown, _)| Arg::from(grown.conv));
        sql.run(&update, &seqs().chain(seqs()).chain(times).chain(convs).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// The cursors that stood at the ends of conversations stand below what is pending there now.
fn move_cursors(sql: &mut dyn Sql, grown: &[(&Grown<'_>, End)]) -> SqlResult<()> {
    let mut members = members(sql, grown)?;
    // From where to where: many move alike.
    let mut moves: BTreeMap<(Seq, Seq), Vec<(UserId, ConvId)>> = BTreeMap::new();
    for (grown, End { seq: end, .. }) in grown {
        let users = match grown.conv.members() {
            Some(Members::Pair(a, b)) => vec![a, b],
            Some(Members::Group(group)) => members.remove(&group).unwrap_or_default(),
            None => Vec::new(),
        };
        for (place, users) in grown.places(&users).into_iter().filter(|(place, _)| place != end) {
            moves.entry((*end, place)).or_default().extend(users.into_iter().map(|user| (user, grown.conv)));
        }
    }
    for ((from, to), mut cursors) in moves {
        cursors.sort_unstable();
        for lookup in lookups(&cursors, |(user, conv)| [user.into(), conv.into()]) {
            let update = format!(
                "UPDATE `Cursor` SET delivered = ?, read_seq = CASE WHEN read_seq = ? THEN ? ELSE read_seq END \
                 WHERE delivered = ? AND ({})",
                repeated("(userid = ? AND device = 0 AND conv = ?)", " OR ", lookup.len)
            );
            let places: [Arg<'_>; 4] = [to.into(), from.into(), to.into(), from.into()];
            sql.run(&update, &places.into_iter().chain(lookup.args).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// Who is in those of the conversations that are groups'.
fn members(sql: &mut dyn Sql, grown: &[(&Grown<'_>, End)]) -> SqlResult<HashMap<GroupId, Vec<UserId>>> {
    let group = |(grown, _): &(&Grown<'_>, End)| match grown.conv.members() {
        Some(Members::Group(group)) => Some(group),
        _ => None,
    };
    let groups: Vec<GroupId> = grown.iter().filter_map(group).collect();
    let mut members: HashMap<GroupId, Vec<UserId>> = HashMap::new();
    for lookup in lookups(&groups, |group| [group.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT groupid, userid FROM GroupUser WHERE groupid IN ({list})");
        for row in sql.rows(&statement, &lookup.args)? {
            members.entry(row.group(0)?).or_default().push(row.user(1)?);
        }
    }
    Ok(members)
}

/// Makes the new conversations, and the cursors of the two users of each in which nothing was said.
fn open(sql: &mut dyn Sql, grown: &[Grown<'_>]) -> SqlResult<()> {
    let opened: Vec<&Grown<'_>> = grown.iter().filter(|grown| grown.end.is_none()).collect();
    let head = "INSERT INTO Conversation (id, last_seq, last_msg, active_at)";
    let made = insert(sql, head, "(?, ?, ?, ?)", &opened, |grown, args| {
        let (last, at) = grown.last();
        args.extend([grown.conv.into(), last.into(), last.into(), Arg::from(at)]);
        Ok(())
    });
    made.map_err(|fault| match fault {
        // Somebody has said the first word meanwhile.
        Fault::Taken(cause) => Fault::Retry(cause),
        other => other,
    })?;
    let mut cursors: Vec<(UserId, ConvId, Seq)> = Vec::new();
    // A block makes a conversation without cursors.
    for grown in grown.iter().filter(|grown| grown.end.is_none_or(|end| end.seq == 0)) {
        let Some(Members::Pair(a, b)) = grown.conv.members() else { continue };
        let places = grown.places(&[a, b]);
        cursors.extend(
            places.into_iter().flat_map(|(at, users)| users.into_iter().map(move |user| (user, grown.conv, at))),
        );
    }
    cursors.sort_unstable();
    let head = format!("{} `Cursor` (userid, device, conv, delivered, read_seq)", sql.dialect().insert_new);
    insert(sql, &head, "(?, 0, ?, ?, ?)", &cursors, |&(user, conv, at), args| {
        args.extend([user.into(), conv.into(), at.into(), Arg::from(at)]);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn message(sender: i64, meant: MeantFor) -> NewMessage {
        NewMessage {
            conv: ConvId::group(GroupId::new(1).unwrap()),
            sender: user(sender),
            sent_at: UnixMs(1),
            cid: String::new(),
            body: String::new(),
            meant,
        }
    }

    #[test]
    fn a_cursor_stands_below_the_first_message_that_is_meant_for_its_user() {
        let these = |users: &[i64]| MeantFor::These(users.iter().map(|&number| user(number)).collect());
        let said = [
            message(1, these(&[2])),
            message(2, these(&[1, 3])),
            message(1, these(&[1])),
            message(4, MeantFor::Everybody),
            message(1, these(&[4])),
        ];
        let fresh: Vec<Numbered<'_>> = (11..).zip(&said).collect();
        let grown = Grown { conv: said[0].conv, end: Some(End { seq: 10, active_at: UnixMs(0) }), fresh };
        let users: Vec<UserId> = (1..=5).map(user).collect();
        let places = grown.places(&users);
        let expected = [(10, vec![user(2)]), (11, vec![user(1), user(3)]), (13, vec![user(5)]), (14, vec![user(4)])];
        assert_eq!(places, expected.into());
    }

    #[test]
    fn of_what_is_meant_for_everybody_ones_own_is_not_pending() {
        let said = [message(1, MeantFor::Everybody), message(1, MeantFor::Everybody), message(2, MeantFor::Everybody)];
        let fresh: Vec<Numbered<'_>> = (1..).zip(&said).collect();
        let first = FirstPending::of(&fresh);
        assert_eq!([1, 2, 3].map(|number| first.pending_for(user(number))), [Some(3), Some(1), Some(1)]);
        let own = FirstPending::of(&fresh[..2]);
        assert_eq!(own.pending_for(user(1)), None);
    }
}
