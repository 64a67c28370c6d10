//! The hot path: a batch of messages, and a batch of cursors. Point statements, prepared once: inside one process they
//! cost less than any statement over lists.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Result, Statement, params};

use super::connection::{Handle, fault};
use crate::cid::older_form;
use crate::clock::UnixMs;
use crate::ids::{ConvId, IdMap, Members, Peer, Seq, UserId};
use crate::store::numbering::{End, Facts, Plan, key_of, number};
use crate::store::rights::{Rules, Standing};
use crate::store::sql::membership::role_named;
use crate::store::sql::{SqlResult, events};
use crate::store::{Append, Appended, Content, CursorRow, Event, ReadRow};

/// Which message has a cid already. The index is named: one look-up, whatever SQLite knows or guesses of the data.
const SENT_BEFORE: &str = "SELECT seq, sent_at FROM Message INDEXED BY MessageByCidAndConv \
                           WHERE sender = ? AND cid = ? AND conv = ?";

/// Numbers and writes the batch, within the transaction the caller has begun.
pub(super) fn append(sql: &mut Handle<'_>, batch: &[Append]) -> SqlResult<Vec<Appended>> {
    let (mut facts, rules) = facts(sql.connection, batch).map_err(fault)?;
    facts.events = events::facts(sql, batch, &facts.refused, &rules)?;
    let plan = number(batch, facts);
    write(sql.connection, batch, &plan).map_err(fault)?;
    events::write(sql, &plan.stored_events(batch))?;
    Ok(plan.outcomes)
}

/// A conversation as its row says: the last number, and who may do what.
type Conversation = (Seq, Rules);

fn facts<'a>(connection: &Connection, batch: &'a [Append]) -> Result<(Facts<'a>, HashMap<ConvId, Rules>)> {
    let mut facts = Facts::default();
    // Even a statement that is kept prepared costs a look-up for each use.
    let mut end_of = connection.prepare_cached("SELECT last_seq, rules FROM Conversation WHERE id = ?")?;
    let mut known: IdMap<ConvId, Option<Conversation>> = IdMap::default();
    let mut members: IdMap<(ConvId, UserId), Standing> = IdMap::default();
    for (place, message) in batch.iter().enumerate() {
        let conv = message.conv();
        let found = match known.get(&conv) {
            Some(&found) => found,
            None => *known.entry(conv).or_insert(conversation(&mut end_of, conv)?),
        };
        let refusal = match (message.to, found) {
            (Peer::User(to), found) => refusal_of_pair(connection, message, to, found)?,
            (Peer::Group(_), None) => Some(Appended::NoSuchGroup),
            (Peer::Group(_), Some((_, rules))) => {
                let member = (conv, message.sender);
                let standing = match members.get(&member) {
                    Some(&known) => known,
                    None => *members.entry(member).or_insert(standing(connection, message)?),
                };
                events::refusal_of_member(message, standing, rules)
            }
        };
        if let Some(refusal) = refusal {
            facts.refused.insert(place, refusal);
        } else if let (Some(key), Some(_)) = (key_of(message), found)
            && let Some(first) = sent_before(connection, message)?
        {
            facts.known.insert(key, first);
        }
    }
    let mut rules = HashMap::new();
    for (conv, found) in known {
        let Some((end, bits)) = found else { continue };
        facts.ends.insert(conv, end);
        // Few have any.
        if bits != Rules::default() {
            rules.insert(conv, bits);
        }
    }
    Ok((facts, rules))
}

fn refusal_of_pair(
    connection: &Connection,
    message: &Append,
    to: UserId,
    found: Option<Conversation>,
) -> Result<Option<Appended>> {
    // Only who opens a conversation may mean somebody who does not exist.
    let user = "SELECT 1 FROM User WHERE id = ? AND erased_at IS NULL";
    match found {
        None if !exists(connection, user, [to.number()])? => return Ok(Some(Appended::NoSuchUser)),
        Some((_, rules)) if rules != Rules::default() => {
            if let Some(refusal) = events::refusal_of_pair(message, rules) {
                return Ok(Some(refusal));
            }
        }
        None | Some(_) => {}
    }
    let friends = "SELECT 1 FROM Friend WHERE userid = ? AND friendid = ?";
    if message.friends_only && !exists(connection, friends, [message.sender.number(), to.number()])? {
        return Ok(Some(Appended::NotFriends));
    }
    Ok(None)
}

/// What the sender is in the group.
fn standing(connection: &Connection, message: &Append) -> Result<Standing> {
    // A group's conversation has the group's own number.
    let member = [message.conv().number(), i64::from(message.sender.number())];
    let statement = "SELECT grouprole, muted_until FROM GroupUser WHERE groupid = ? AND userid = ?";
    let found = connection.prepare_cached(statement)?.query_row(member, |row| {
        let role = row.get_ref(0)?.as_str()?;
        let role = role_named(role).map_err(|_| rusqlite::Error::InvalidQuery)?;
        Ok(Standing { role: Some(role), muted_until: UnixMs(row.get(1)?) })
    });
    Ok(found.optional()?.unwrap_or(Standing::STRANGER))
}

fn exists(connection: &Connection, statement: &str, args: impl rusqlite::Params) -> Result<bool> {
    connection.prepare_cached(statement)?.exists(args)
}

fn conversation(end_of: &mut Statement<'_>, conv: ConvId) -> Result<Option<Conversation>> {
    let found = end_of.query_row([conv.number()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map(|(end, rules)| Ok((seq(end)?, Rules(rules)))).transpose()
}

fn sent_before(connection: &Connection, message: &Append) -> Result<Option<(Seq, UnixMs)>> {
    let Some(cid) = message.cid.as_deref() else { return Ok(None) };
    // Few forms have an older one; it is looked for when the present one is not there.
    match (sent_as(connection, message, cid)?, older_form(cid)) {
        (None, Some(older)) => sent_as(connection, message, older),
        (found, _) => Ok(found),
    }
}

fn sent_as(connection: &Connection, message: &Append, cid: &str) -> Result<Option<(Seq, UnixMs)>> {
    let args = params![message.sender.number(), cid, message.conv().number()];
    let found = connection.prepare_cached(SENT_BEFORE)?.query_row(args, |row| Ok((row.get(0)?, row.get(1)?)));
    found.optional()?.map(|(number, at)| Ok((seq(number)?, UnixMs(at)))).transpose()
}

fn write(connection: &Connection, batch: &[Append], plan: &Plan) -> Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    let insert = "INSERT INTO Message (conv, seq, kind, sender, sent_at, cid, body) VALUES (?, ?, 0, ?, ?, ?, ?)";
    let mut insert = connection.prepare_cached(insert)?;
    for (seq, message) in plan.stored(batch) {
        match &message.body {
            Content::Message(body) => {
                let (conv, sender) = (message.conv().number(), message.sender.number());
                insert.execute(params![conv, stored_seq(seq), sender, message.sent_at.0, message.cid, body])?;
            }
            Content::Event(event) => insert_event(connection, seq, message, event)?,
        }
        if seq == 1 {
            open_cursors(connection, message.conv())?;
        }
    }
    write_ends(connection, plan)
}

fn insert_event(connection: &Connection, seq: Seq, append: &Append, event: &Event) -> Result<()> {
    let insert =
        "INSERT INTO Message (conv, seq, kind, of_seq, sender, sent_at, cid, body) VALUES (?, ?, ?, ?, ?, ?, ?, '')";
    let Append { sender, sent_at, cid, body, .. } = append;
    let (conv, kind, of) = (append.conv().number(), body.kind().number(), stored_seq(event.of));
    let mut insert = connection.prepare_cached(insert)?;
    insert.execute(params![conv, stored_seq(seq), kind, of, sender.number(), sent_at.0, cid])?;
    Ok(())
}

/// Nearly always the conversation is there, and gets messages: the shortest statement is for that.
fn write_ends(connection: &Connection, plan: &Plan) -> Result<()> {
    let update = "UPDATE Conversation SET last_seq = ?2, last_msg = ?3, active_at = ?4 WHERE id = ?1";
    let mut update = connection.prepare_cached(update)?;
    for (conv, &End { seq, message: (last_msg, active_at), is_new }) in &plan.ends {
        let (conv, seq, last_msg) = (conv.number(), stored_seq(seq), stored_seq(last_msg));
        if is_new {
            let insert = "INSERT INTO Conversation (id, last_seq, last_msg, active_at) VALUES (?, ?, ?, ?)";
            connection.prepare_cached(insert)?.execute(params![conv, seq, last_msg, active_at.0])?;
        } else if last_msg > 0 {
            update.execute(params![conv, seq, last_msg, active_at.0])?;
        } else {
            let events = "UPDATE Conversation SET last_seq = ?2 WHERE id = ?1";
            connection.prepare_cached(events)?.execute(params![conv, seq])?;
        }
    }
    Ok(())
}

/// The first message between two users puts the conversation on both users' lists. A group's are there since the join.
fn open_cursors(connection: &Connection, conv: ConvId) -> Result<()> {
    let Some(Members::Pair(a, b)) = conv.members() else { return Ok(()) };
    let insert = "INSERT OR IGNORE INTO \"Cursor\" (userid, device, conv, delivered, read_seq) VALUES (?, 0, ?, 0, 0)";
    let mut insert = connection.prepare_cached(insert)?;
    for user in [a, b] {
        insert.execute(params![user.number(), conv.number()])?;
    }
    Ok(())
}

/// Moves cursors forward, within the transaction the caller has begun. One beyond the end of its conversation is of before
/// the data went back to an earlier state, and is not written; nor is any of another epoch.
pub(super) fn save_cursors(connection: &Connection, epoch: &str, rows: &[CursorRow]) -> Result<()> {
    let upsert = "INSERT INTO \"Cursor\" (userid, device, conv, delivered, read_seq) \
                  SELECT userid, ?2, conv, ?4, 0 FROM \"Cursor\" WHERE userid = ?1 AND device = 0 AND conv = ?3 \
                  AND (?2 = 0 OR EXISTS (SELECT 1 FROM Device d WHERE d.userid = ?1 AND d.device = ?2)) \
                  AND ?4 <= (SELECT last_seq FROM Conversation WHERE id = ?3) \
                  AND ?5 = (SELECT epoch FROM Cluster WHERE one = 1) \
                  ON CONFLICT (userid, device, conv) DO UPDATE SET delivered = MAX(delivered, excluded.delivered)";
    let mut upsert = connection.prepare_cached(upsert)?;
    for row in rows {
        let (user, conv) = (row.user.number(), row.conv.number());
        upsert.execute(params![user, row.device.0, conv, stored_seq(row.delivered), epoch])?;
    }
    Ok(())
}

/// Moves read positions forward, at most to the ends of the conversations, within the transaction the caller has begun; those
/// that have moved. Only in conversations on the user's list, and nothing of another epoch.
pub(super) fn save_reads(connection: &Connection, epoch: &str, rows: &[ReadRow]) -> Result<Vec<ReadRow>> {
    let update = "UPDATE \"Cursor\" SET read_seq = MIN(?3, v.last_seq) FROM Conversation v \
                  WHERE \"Cursor\".userid = ?1 AND \"Cursor\".device = 0 AND \"Cursor\".conv = ?2 AND v.id = ?2 \
                  AND \"Cursor\".read_seq < MIN(?3, v.last_seq) AND (?2 > 4294967295 OR EXISTS (\
                  SELECT 1 FROM GroupUser m WHERE m.groupid = ?2 AND m.userid = ?1)) \
                  AND ?4 = (SELECT epoch FROM Cluster WHERE one = 1) RETURNING read_seq";
    let mut update = connection.prepare_cached(update)?;
    let mut moved = Vec::new();
    for row in rows {
        let args = params![row.user.number(), row.conv.number(), stored_seq(row.read), epoch];
        let stands = update.query_row(args, |found| found.get::<_, i64>(0)).optional()?;
        if let Some(stands) = stands {
            moved.push(ReadRow { read: seq(stands)?, ..*row });
        }
    }
    Ok(moved)
}

fn stored_seq(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn seq(number: i64) -> Result<Seq> {
    Seq::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate;

    #[test]
    fn a_cid_used_again_in_many_conversations_is_one_look_up() {
        let connection = Connection::open_in_memory().unwrap();
        for statement in migrate::SQLITE.iter().flat_map(migrate::Migration::statements) {
            connection.execute_batch(&statement).unwrap();
        }
        let explained = format!("EXPLAIN QUERY PLAN {SENT_BEFORE}");
        let plan: String = connection.query_row(&explained, [1, 1, 1], |row| row.get(3)).unwrap();
        assert_eq!(plan, "SEARCH Message USING INDEX MessageByCidAndConv (sender=? AND cid=? AND conv=?)");
    }
}
