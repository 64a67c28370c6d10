//! A batch of messages in one transaction, by statements over lists: a round trip costs more than a row.
//!
//! ```text
//!   lock the conversations in id order (those that stay locked by others are left out)
//!   -> open those that are missing (does the addressee exist?) -> lock these, too
//!   -> who is a member, who is a friend -> which cids were sent before -> number -> write messages and ends
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use super::call::{Call, Locks};
use crate::cid::older_form;
use crate::ids::{ConvId, GroupId, IdMap, Members, Peer, Seq, UserId};
use crate::store::numbering::{End, Facts, Key, Plan, key_of, number};
use crate::store::rights::{Rules, Standing};
use crate::store::sql::lists::{Lookup, exact_pieces, fewest_pieces, lookups, repeated};
use crate::store::sql::membership::standing_in;
use crate::store::sql::{Arg, Fault, Row, Sql, SqlResult, events};
use crate::store::{Append, Appended};

/// Bodies that one INSERT carries, unless a single message is longer.
const INSERT_BYTES_MAX: usize = 1024 * 1024;

/// What a message's numbers take on the way to the server, at most.
const KEY_BYTES: usize = 64;

/// How long a batch waits for other transactions at most: many times what an ordinary commit takes.
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// Statements that look for the locked ones among conversations that are to be opened. The rest counts as locked.
const PROBES_MAX: u32 = 32;

/// Numbers and writes the batch, within the transaction the caller has begun.
pub(super) fn append(call: &mut Call<'_>, batch: &[Append], locks: Locks) -> SqlResult<Plan> {
    let convs: BTreeSet<ConvId> = batch.iter().map(Append::conv).collect();
    let convs: Vec<ConvId> = convs.into_iter().collect();
    let mut rules = HashMap::new();
    let mut facts = Facts { ends: lock(call, &convs, locks, &mut rules)?, ..Facts::default() };
    if locks == Locks::Skip && call.can_skip_locked() && facts.ends.len() < convs.len() {
        leave_out_locked(call, batch, &convs, &mut facts)?;
    }
    let packet_max = call.packet_max();
    refuse_absent(call, batch, &mut facts)?;
    refuse_strangers(call, batch, &mut facts, &rules)?;
    open(call, batch, &mut facts)?;
    facts.known = sent_before(call, batch, &facts, packet_max)?;
    facts.events = events::facts(call, batch, &facts.refused, &rules)?;
    let plan = number(batch, facts);
    write(call, batch, &plan, packet_max)?;
    events::write(call, &plan.stored_events(batch))?;
    Ok(plan)
}

/// Locks conversations in the order of their ids; the last numbers of those that exist, or that nobody else has locked.
/// Who may do what in them goes into `rules`, where there is anything to say.
fn lock(
    call: &mut Call<'_>,
    convs: &[ConvId],
    locks: Locks,
    rules: &mut HashMap<ConvId, Rules>,
) -> SqlResult<IdMap<ConvId, Seq>> {
    let mut ends = IdMap::default();
    for lookup in lookups(convs, |conv| [conv.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement =
            format!("SELECT id, last_seq, rules FROM Conversation WHERE id IN ({list}) ORDER BY id FOR UPDATE");
        let rows = match locks {
            Locks::Wait => call.locked_rows(&statement, &lookup.args, LOCK_WAIT)?,
            Locks::Skip if call.can_skip_locked() => call.rows(&format!("{statement} SKIP LOCKED"), &lookup.args)?,
            Locks::Skip => call.rows(&statement, &lookup.args)?,
        };
        for row in rows {
            let (conv, bits) = (row.conv(0)?, Rules(row.int(2)?));
            ends.insert(conv, row.seq(1)?);
            if bits != Rules::default() {
                rules.insert(conv, bits);
            }
        }
    }
    Ok(ends)
}

/// The same, but [`Fault::Locked`] at once if another transaction has locked any of them: also one that it has created
/// and not committed.
pub(super) fn lock_now(call: &mut Call<'_>, convs: &[ConvId]) -> SqlResult<IdMap<ConvId, Seq>> {
    let mut ends = IdMap::default();
    for lookup in lookups(convs, |conv| [conv.into()]) {
        let list = repeated("?", ",", lookup.len);
        let at_once = if call.can_skip_locked() { " NOWAIT" } else { "" };
        let statement =
            format!("SELECT id, last_seq FROM Conversation WHERE id IN ({list}) ORDER BY id FOR UPDATE{at_once}");
        for row in call.rows(&statement, &lookup.args)? {
            ends.insert(row.conv(0)?, row.seq(1)?);
        }
    }
    Ok(ends)
}

/// Among the conversations that were not found unlocked: those that exist are locked; so are those that another
/// transaction is creating. Their messages are left out.
fn leave_out_locked(call: &mut Call<'_>, batch: &[Append], convs: &[ConvId], facts: &mut Facts<'_>) -> SqlResult<()> {
    let missing: Vec<ConvId> = convs.iter().filter(|conv| !facts.ends.contains_key(conv)).copied().collect();
    let mut locked = HashSet::new();
    for lookup in lookups(&missing, |conv| [conv.into()]) {
        let list = repeated("?", ",", lookup.len);
        for row in call.rows(&format!("SELECT id FROM Conversation WHERE id IN ({list})"), &lookup.args)? {
            locked.insert(row.conv(0)?);
        }
    }
    let absent: Vec<ConvId> = missing.into_iter().filter(|conv| !locked.contains(conv)).collect();
    let mut probes = 0;
    let mut pieces = vec![&absent[..]];
    while let Some(piece) = pieces.pop() {
        probes += 1;
        match lock_now(call, piece) {
            Ok(ends) => facts.ends.extend(ends),
            Err(Fault::Locked(_)) if piece.len() > 1 && probes < PROBES_MAX => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
            Err(Fault::Locked(_)) => locked.extend(piece),
            Err(fault) => return Err(fault),
        }
    }
    let places = batch.iter().enumerate().filter(|(_, message)| locked.contains(&message.conv()));
    facts.refused.extend(places.map(|(place, _)| (place, Appended::Locked)));
    Ok(())
}

/// Refuses messages to groups and users that do not exist. Only who opens a conversation may mean such a user.
fn refuse_absent(sql: &mut dyn Sql, batch: &[Append], facts: &mut Facts<'_>) -> SqlResult<()> {
    let missing: Vec<(usize, &Append)> = batch
        .iter()
        .enumerate()
        .filter(|(place, message)| !facts.refused.contains_key(place) && !facts.ends.contains_key(&message.conv()))
        .collect();
    let addressees = distinct(missing.iter().filter_map(|(_, message)| match message.to {
        Peer::User(user) => Some(user),
        Peer::Group(_) => None,
    }));
    let mut existing = HashSet::new();
    for lookup in lookups(&addressees, |user| [user.into()]) {
        let list = repeated("?", ",", lookup.len);
        for row in sql.rows(&format!("SELECT id FROM User WHERE id IN ({list}) AND erased_at IS NULL"), &lookup.args)? {
            existing.insert(row.user(0)?);
        }
    }
    for (place, message) in missing {
        match message.to {
            Peer::User(user) if existing.contains(&user) => {}
            Peer::User(_) => drop(facts.refused.insert(place, Appended::NoSuchUser)),
            Peer::Group(_) => drop(facts.refused.insert(place, Appended::NoSuchGroup)),
        }
    }
    Ok(())
}

/// Refuses what the senders may not say: to groups whose members they are not, or in which they may not speak now; to users
/// with whom there is a block between them; and messages for friends only from users who are none.
fn refuse_strangers(
    sql: &mut dyn Sql,
    batch: &[Append],
    facts: &mut Facts<'_>,
    rules: &HashMap<ConvId, Rules>,
) -> SqlResult<()> {
    let asked = |(place, _): &(usize, &Append)| !facts.refused.contains_key(place);
    let (mut memberships, mut friendships, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let rules_of = |message: &Append| rules.get(&message.conv()).copied().unwrap_or_default();
    for (place, message) in batch.iter().enumerate().filter(asked) {
        match message.to {
            Peer::Group(group) => memberships.push((place, (group, message.sender))),
            Peer::User(user) => match events::refusal_of_pair(message, rules_of(message)) {
                Some(refusal) => refused.push((place, refusal)),
                None if message.friends_only => friendships.push((place, (message.sender, user))),
                None => {}
            },
        }
    }
    let standings = standings(sql, &memberships)?;
    for (place, member) in memberships {
        let standing = standings.get(&member).copied().unwrap_or(Standing::STRANGER);
        let refusal = events::refusal_of_member(&batch[place], standing, rules_of(&batch[place]));
        refused.extend(refusal.map(|refusal| (place, refusal)));
    }
    let friends = pairs(sql, "Friend", ["userid", "friendid"], &friendships, |row| Ok((row.user(0)?, row.user(1)?)))?;
    let no_friends = friendships.iter().filter(|(_, pair)| !friends.contains(pair));
    refused.extend(no_friends.map(|&(place, _)| (place, Appended::NotFriends)));
    facts.refused.extend(refused);
    Ok(())
}

/// What the members of groups are there, of those asked for who are members.
fn standings(
    sql: &mut dyn Sql,
    wanted: &[(usize, (GroupId, UserId))],
) -> SqlResult<HashMap<(GroupId, UserId), Standing>> {
    let wanted = distinct(wanted.iter().map(|&(_, pair)| pair));
    let mut found = HashMap::new();
    for Lookup { len, args } in lookups(&wanted, |(group, user)| [group.into(), user.into()]) {
        let any = repeated("(groupid = ? AND userid = ?)", " OR ", len);
        let statement = format!("SELECT groupid, userid, grouprole, muted_until FROM GroupUser WHERE {any}");
        for mut row in sql.rows(&statement, &args)? {
            found.insert((row.group(0)?, row.user(1)?), standing_in(&mut row, 2)?);
        }
    }
    Ok(found)
}

/// Which of the pairs stand in a table of pairs.
fn pairs<A, B>(
    sql: &mut dyn Sql,
    table: &str,
    [first, second]: [&str; 2],
    wanted: &[(usize, (A, B))],
    pair: impl Fn(&Row) -> SqlResult<(A, B)>,
) -> SqlResult<HashSet<(A, B)>>
where
    A: Copy + Ord + Hash + Into<Arg<'static>>,
    B: Copy + Ord + Hash + Into<Arg<'static>>,
{
    let wanted = distinct(wanted.iter().map(|&(_, pair)| pair));
    let mut found = HashSet::new();
    for Lookup { len, args } in lookups(&wanted, |(a, b)| [a.into(), b.into()]) {
        let any = repeated(&format!("({first} = ? AND {second} = ?)"), " OR ", len);
        for row in sql.rows(&format!("SELECT {first}, {second} FROM {table} WHERE {any}"), &args)? {
            found.insert(pair(&row)?);
        }
    }
    Ok(found)
}

/// Creates the conversations between two users that do not exist yet, and locks them. Those that another node created
/// meanwhile yield the numbers they have by now.
fn open(call: &mut Call<'_>, batch: &[Append], facts: &mut Facts<'_>) -> SqlResult<()> {
    let wanted = batch
        .iter()
        .enumerate()
        .filter(|(place, message)| !facts.refused.contains_key(place) && !facts.ends.contains_key(&message.conv()));
    let missing = distinct(wanted.map(|(_, message)| message.conv()));
    if missing.is_empty() {
        return Ok(());
    }
    for piece in exact_pieces(&missing) {
        // Not INSERT IGNORE: that would take a shared lock on a row that exists, and two nodes would wait in a circle
        // to turn it into their own.
        let statement = format!(
            "INSERT INTO Conversation (id, last_seq) VALUES {} ON DUPLICATE KEY UPDATE last_seq = last_seq",
            repeated("(?, 0)", ", ", piece.len())
        );
        call.run(&statement, &piece.iter().map(|&conv| conv.into()).collect::<Vec<_>>())?;
    }
    facts.ends.extend(lock_now(call, &missing)?);
    Ok(())
}

/// Those of the batch's messages that are stored already, by their cids.
fn sent_before<'a>(
    sql: &mut dyn Sql,
    batch: &'a [Append],
    facts: &Facts<'_>,
    packet_max: usize,
) -> SqlResult<HashMap<Key<'a>, (Seq, crate::clock::UnixMs)>> {
    let asked = batch.iter().enumerate().filter(|(place, message)| {
        !facts.refused.contains_key(place) && facts.ends.get(&message.conv()).is_some_and(|&end| end > 0)
    });
    let mut keys = distinct(asked.filter_map(|(_, message)| key_of(message)));
    let by_text: HashMap<Key<'_>, Key<'a>> = keys.iter().map(|&key| (key, key)).collect();
    // Few forms have an older one; a number and a string of its digits have the same.
    let mut by_older_text: HashMap<Key<'_>, Vec<Key<'a>>> = HashMap::new();
    for &key in by_text.values() {
        if let Some(older) = older_form(key.2) {
            by_older_text.entry((key.0, key.1, older)).or_default().push(key);
        }
    }
    keys.extend(by_older_text.keys());
    let mut known = HashMap::new();
    let longest = keys.iter().map(|(_, _, cid)| cid.len()).max().unwrap_or(0);
    let at_once = (packet_max / 2 / (longest + KEY_BYTES)).max(1);
    let lookups = keys
        .chunks(at_once)
        .flat_map(|keys| lookups(keys, |(conv, sender, cid)| [sender.into(), cid.into(), conv.into()]));
    for Lookup { len, args } in lookups {
        let any = repeated("(sender = ? AND cid = ? AND conv = ?)", " OR ", len);
        let statement = format!("SELECT conv, sender, cid, seq, sent_at FROM Message WHERE {any}");
        for mut row in sql.rows(&statement, &args)? {
            let cid = row.text(2)?;
            let found = (row.conv(0)?, row.user(1)?, cid.as_str());
            let older = by_older_text.get(&found);
            if older.is_none() && !by_text.contains_key(&found) {
                return Err(Fault::Broken("the database found a cid not asked for".into()));
            }
            let first = (row.seq(3)?, row.time(4)?);
            known.extend(by_text.get(&found).into_iter().chain(older.into_iter().flatten()).map(|&key| (key, first)));
        }
    }
    Ok(known)
}

fn write(sql: &mut dyn Sql, batch: &[Append], plan: &Plan, packet_max: usize) -> SqlResult<()> {
    if plan.is_empty() {
        return Ok(());
    }
    let stored: Vec<(Seq, &Append)> = plan.stored(batch).collect();
    for piece in by_bytes(&stored, packet_max).flat_map(fewest_pieces) {
        let statement = format!(
            "INSERT INTO Message (conv, seq, kind, of_seq, sender, sent_at, cid, body) VALUES {}",
            repeated("(?, ?, ?, ?, ?, ?, ?, ?)", ", ", piece.len())
        );
        sql.run(&statement, &piece.iter().flat_map(|&(seq, message)| message_args(seq, message)).collect::<Vec<_>>())?;
    }
    let ends: Vec<(ConvId, End)> = plan.ends.iter().map(|(&conv, &end)| (conv, end)).collect();
    // To set an end twice does no harm, so that this list may be padded like one that only looks up.
    for Lookup { len, args } in lookups(&ends, end_args) {
        let statement = format!(
            "INSERT INTO Conversation (id, last_seq, last_msg, active_at) VALUES {} \
             ON DUPLICATE KEY UPDATE last_seq = VALUES(last_seq), last_msg = GREATEST(last_msg, VALUES(last_msg)), \
             active_at = GREATEST(active_at, VALUES(active_at))",
            repeated("(?, ?, ?, ?)", ", ", len)
        );
        sql.run(&statement, &args)?;
    }
    let first = stored.iter().filter(|(seq, _)| *seq == 1);
    open_cursors(sql, &distinct(first.map(|(_, message)| message.conv())))
}

fn end_args((conv, End { seq, message: (last_msg, active_at), .. }): (ConvId, End)) -> [Arg<'static>; 4] {
    [conv.into(), seq.into(), last_msg.into(), active_at.into()]
}

/// Puts new conversations between two users on both users' lists. A group's are there since the join.
fn open_cursors(sql: &mut dyn Sql, opened: &[ConvId]) -> SqlResult<()> {
    let mut cursors: Vec<(UserId, ConvId)> = Vec::new();
    for &conv in opened {
        if let Some(Members::Pair(a, b)) = conv.members() {
            cursors.extend([(a, conv), (b, conv)]);
        }
    }
    cursors.sort_unstable();
    for piece in exact_pieces(&cursors) {
        let statement = format!(
            "INSERT IGNORE INTO `Cursor` (userid, device, conv, delivered, read_seq) VALUES {}",
            repeated("(?, 0, ?, 0, 0)", ", ", piece.len())
        );
        sql.run(&statement, &piece.iter().flat_map(|&(user, conv)| [user.into(), conv.into()]).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn message_args(seq: Seq, message: &Append) -> [Arg<'_>; 8] {
    [
        message.conv().into(),
        seq.into(),
        Arg::Int(message.body.kind().number()),
        message.body.event().map_or(Arg::Null, |event| event.of.into()),
        message.sender.into(),
        message.sent_at.into(),
        message.cid.as_deref().into(),
        Arg::Text(message.body.row_body()),
    ]
}

/// Cuts the messages into runs whose bodies are at most [`INSERT_BYTES_MAX`] together, and half a packet.
fn by_bytes<'s, 'b>(
    mut messages: &'s [(Seq, &'b Append)],
    packet_max: usize,
) -> impl Iterator<Item = &'s [(Seq, &'b Append)]> {
    let bytes_max = INSERT_BYTES_MAX.min(packet_max / 2);
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |(_, message): &&(Seq, &Append)| {
            bytes += message.body.row_body().len() + message.cid.as_deref().map_or(0, str::len) + KEY_BYTES;
            bytes <= bytes_max
        };
        let count = messages.iter().take_while(fits).count().max(1).min(messages.len());
        let (run, rest) = messages.split_at(count);
        messages = rest;
        (!run.is_empty()).then_some(run)
    })
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.collect::<BTreeSet<_>>().into_iter().collect()
}
