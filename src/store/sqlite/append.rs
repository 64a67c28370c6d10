//! The hot path: a batch of messages, and a batch of cursors. Point statements, prepared once: inside one process they
//! cost less than any statement over lists.

use rusqlite::{Connection, OptionalExtension, Result, Statement, params};

use crate::cid::older_form;
use crate::clock::UnixMs;
use crate::ids::{ConvId, IdMap, Members, Peer, Seq, UserId};
use crate::store::numbering::{Facts, Plan, key_of, number};
use crate::store::{Append, Appended, CursorRow};

/// Which message has a cid already. The index is named: one look-up, whatever SQLite knows or guesses of the data.
const SENT_BEFORE: &str = "SELECT seq, sent_at FROM Message INDEXED BY MessageByCidAndConv \
                           WHERE sender = ? AND cid = ? AND conv = ?";

/// Numbers and writes the batch, within the transaction the caller has begun.
pub(super) fn append(connection: &Connection, batch: &[Append]) -> Result<Vec<Appended>> {
    let facts = facts(connection, batch)?;
    let plan = number(batch, facts);
    write(connection, batch, &plan)?;
    Ok(plan.outcomes)
}

fn facts<'a>(connection: &Connection, batch: &'a [Append]) -> Result<Facts<'a>> {
    let mut facts = Facts::default();
    // Even a statement that is kept prepared costs a look-up for each use.
    let mut end_of = connection.prepare_cached("SELECT last_seq FROM Conversation WHERE id = ?")?;
    let mut ends: IdMap<ConvId, Option<Seq>> = IdMap::default();
    let mut members: IdMap<(ConvId, UserId), bool> = IdMap::default();
    for (place, message) in batch.iter().enumerate() {
        let conv = message.conv();
        let end = match ends.get(&conv) {
            Some(&end) => end,
            None => *ends.entry(conv).or_insert(last_seq(&mut end_of, conv)?),
        };
        let refusal = match message.to {
            Peer::User(to) => refusal_of_pair(connection, message, to, end)?,
            Peer::Group(_) if end.is_none() => Some(Appended::NoSuchGroup),
            Peer::Group(_) => {
                let member = (conv, message.sender);
                let is_member = match members.get(&member) {
                    Some(&known) => known,
                    None => *members.entry(member).or_insert(is_member(connection, message)?),
                };
                (!is_member).then_some(Appended::NotMember)
            }
        };
        if let Some(refusal) = refusal {
            facts.refused.insert(place, refusal);
        } else if let (Some(key), Some(_)) = (key_of(message), end)
            && let Some(first) = sent_before(connection, message)?
        {
            facts.known.insert(key, first);
        }
    }
    facts.ends = ends.into_iter().filter_map(|(conv, end)| Some((conv, end?))).collect();
    Ok(facts)
}

fn refusal_of_pair(
    connection: &Connection,
    message: &Append,
    to: UserId,
    end: Option<Seq>,
) -> Result<Option<Appended>> {
    // Only who opens a conversation may mean somebody who does not exist.
    if end.is_none() && !exists(connection, "SELECT 1 FROM User WHERE id = ?", [to.number()])? {
        return Ok(Some(Appended::NoSuchUser));
    }
    let friends = "SELECT 1 FROM Friend WHERE userid = ? AND friendid = ?";
    if message.friends_only && !exists(connection, friends, [message.sender.number(), to.number()])? {
        return Ok(Some(Appended::NotFriends));
    }
    Ok(None)
}

fn is_member(connection: &Connection, message: &Append) -> Result<bool> {
    // A group's conversation has the group's own number.
    let member = [message.conv().number(), i64::from(message.sender.number())];
    exists(connection, "SELECT 1 FROM GroupUser WHERE groupid = ? AND userid = ?", member)
}

fn exists(connection: &Connection, statement: &str, args: impl rusqlite::Params) -> Result<bool> {
    connection.prepare_cached(statement)?.exists(args)
}

fn last_seq(end_of: &mut Statement<'_>, conv: ConvId) -> Result<Option<Seq>> {
    end_of.query_row([conv.number()], |row| row.get::<_, i64>(0)).optional()?.map(seq).transpose()
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
        let (conv, sender) = (message.conv().number(), message.sender.number());
        insert.execute(params![conv, stored_seq(seq), sender, message.sent_at.0, message.cid, message.body])?;
        if seq == 1 {
            open_cursors(connection, message.conv())?;
        }
    }
    let upsert = "INSERT INTO Conversation (id, last_seq) VALUES (?, ?) \
                  ON CONFLICT (id) DO UPDATE SET last_seq = excluded.last_seq";
    let mut upsert = connection.prepare_cached(upsert)?;
    for (conv, &end) in &plan.ends {
        upsert.execute(params![conv.number(), stored_seq(end)])?;
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
