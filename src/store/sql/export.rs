//! What a person may ask for of what is stored about it, besides what its own lists show: a page at a time.

use super::{Row, Sql, SqlResult};
use crate::ids::{ConvId, Seq, UserId};
use crate::store::admin::{OwnConversation, OwnMessage, OwnReaction, WordsPlace};

/// Messages that one page looks at in a conversation.
const MESSAGES: Seq = 2_000;
/// Conversations that one page looks at in which there is nothing.
const LOOKS_MAX: u32 = 50;
/// The largest id of a group's conversation; the larger ones are those of pairs.
const LAST_GROUP: i64 = 0xffff_ffff;

pub(super) fn devices(sql: &mut dyn Sql, user: UserId) -> SqlResult<Vec<String>> {
    let rows = sql.rows("SELECT name FROM Device WHERE userid = ? ORDER BY device", &[user.into()])?;
    rows.into_iter().map(|mut row| row.text(0)).collect()
}

pub(super) fn conversations(
    sql: &mut dyn Sql,
    user: UserId,
    after: i64,
    limit: u32,
) -> SqlResult<Vec<OwnConversation>> {
    let statement = "SELECT conv, delivered, read_seq FROM `Cursor` \
                     WHERE userid = ? AND device = 0 AND conv > ? ORDER BY conv LIMIT ?";
    let own = |row: &Row| Ok(OwnConversation { conv: row.conv(0)?, delivered: row.seq(1)?, read: row.seq(2)? });
    sql.rows(statement, &[user.into(), after.into(), limit.into()])?.iter().map(own).collect()
}

/// Groups are walked all, for the user may have left some; of the others, those that the user is in.
pub(super) fn messages(
    sql: &mut dyn Sql,
    user: UserId,
    mut from: WordsPlace,
) -> SqlResult<(Vec<OwnMessage>, Option<WordsPlace>)> {
    for _ in 0..LOOKS_MAX {
        if from.seq == 0 {
            let Some((conv, floor)) = next(sql, user, from.conv)? else { return Ok((Vec::new(), None)) };
            from = WordsPlace { conv, seq: floor.max(1) };
        }
        let to = from.seq.saturating_add(MESSAGES);
        let said = "SELECT conv, seq, sent_at, body FROM Message \
                    WHERE conv = ? AND seq >= ? AND seq < ? AND sender = ? AND kind = 0 AND body <> '' ORDER BY seq";
        let rows = sql.rows(said, &[from.conv.into(), from.seq.into(), to.into(), user.into()])?;
        let end = sql.first("SELECT last_seq FROM Conversation WHERE id = ?", &[from.conv.into()])?;
        let end = end.map_or(Ok(0), |row| row.seq(0))?;
        from.seq = if to <= end { to } else { 0 };
        if !rows.is_empty() {
            return Ok((rows.into_iter().map(message).collect::<SqlResult<_>>()?, Some(from)));
        }
    }
    Ok((Vec::new(), Some(from)))
}

/// The next conversation, and its first message.
fn next(sql: &mut dyn Sql, user: UserId, after: i64) -> SqlResult<Option<(i64, Seq)>> {
    let group = "SELECT id, floor_seq FROM Conversation WHERE id > ? AND id <= ? ORDER BY id LIMIT 1";
    let pair = "SELECT v.id, v.floor_seq FROM `Cursor` c JOIN Conversation v ON v.id = c.conv \
                WHERE c.userid = ? AND c.device = 0 AND c.conv > ? ORDER BY c.conv LIMIT 1";
    let found = match sql.first(group, &[after.into(), LAST_GROUP.into()])? {
        Some(row) => Some(row),
        None => sql.first(pair, &[user.into(), after.max(LAST_GROUP).into()])?,
    };
    found.map(|row| Ok((row.int(0)?, row.seq(1)?))).transpose()
}

fn message(mut row: Row) -> SqlResult<OwnMessage> {
    Ok(OwnMessage { conv: row.conv(0)?, seq: row.seq(1)?, sent_at: row.time(2)?, body: row.text(3)? })
}

pub(super) fn reactions(
    sql: &mut dyn Sql,
    user: UserId,
    after: Option<&OwnReaction>,
    limit: u32,
) -> SqlResult<Vec<OwnReaction>> {
    let columns = "SELECT conv, of_seq, reaction FROM Reaction WHERE userid = ? AND is_on = 1";
    let order = "ORDER BY conv, of_seq, reaction LIMIT ?";
    let rows = match after {
        None => sql.rows(&format!("{columns} {order}"), &[user.into(), limit.into()])?,
        Some(OwnReaction { conv, of, reaction }) => {
            let behind = "AND (conv > ? OR (conv = ? AND (of_seq > ? OR (of_seq = ? AND reaction > ?))))";
            let (conv, of): (&ConvId, &Seq) = (conv, of);
            let args = [
                user.into(),
                (*conv).into(),
                (*conv).into(),
                (*of).into(),
                (*of).into(),
                reaction.as_str().into(),
                limit.into(),
            ];
            sql.rows(&format!("{columns} {behind} {order}"), &args)?
        }
    };
    let own = |mut row: Row| Ok(OwnReaction { conv: row.conv(0)?, of: row.seq(1)?, reaction: row.text(2)? });
    rows.into_iter().map(own).collect()
}
