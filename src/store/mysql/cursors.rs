//! A batch of cursors in one statement.
//!
//! The rows of device 0 say which conversations a user has, and whoever leaves a group deletes them. The statement reads
//! them with a lock: read without one (as INSERT .. SELECT does by itself under READ COMMITTED), a row that is being
//! deleted would still be seen, and made anew.
//!
//! A cursor beyond the end of its conversation is of before the data went back to an earlier state: it is not written, or
//! the messages that get those numbers next would count as delivered. Nor is one of an epoch that is over. (The subqueries
//! take no lock: lanes are not held up.)

use std::collections::HashSet;

use super::call::Call;
use crate::ids::{ConvId, DeviceId, UserId};
use crate::store::CursorRow;
use crate::store::sql::lists::{exact_pieces, repeated};
use crate::store::sql::{Arg, Fault, Sql, SqlResult};

/// The rows in the order in which every node locks them.
pub(super) fn in_lock_order(rows: &[CursorRow]) -> Vec<CursorRow> {
    let mut rows = rows.to_vec();
    // The device last: the row of device 0 is locked first, whichever device's row is written.
    rows.sort_unstable_by_key(|row| (row.user, row.conv, row.device));
    rows
}

/// Moves cursors forward, all in one transaction.
///
/// # Errors
/// `Locked`, too, if the data went back while a row was waited for: the statement saw the ends as they were when it began.
/// Nothing is written then; [`save_unlocked`] waits for no row.
pub(super) fn save(call: &mut Call<'_>, epoch: &str, rows: &[CursorRow]) -> SqlResult<()> {
    call.transaction(|call| {
        exact_pieces(rows).try_for_each(|piece| upsert(call, epoch, piece, ""))?;
        // The rows are locked now, so whatever waits for them to go back overwrites what is written here.
        exact_pieces(rows).try_for_each(|piece| within_the_ends(call, piece))
    })
}

/// Whether what was written is within the conversations as they are now.
fn within_the_ends(sql: &mut dyn Sql, rows: &[CursorRow]) -> SqlResult<()> {
    let statement = format!(
        "SELECT 1 FROM ({}) s \
         JOIN `Cursor` k ON k.userid = s.userid AND k.device = s.device AND k.conv = s.conv AND k.delivered = s.delivered \
         JOIN Conversation v ON v.id = s.conv AND v.last_seq < s.delivered LIMIT 1",
        table_of(rows)
    );
    let args: Vec<Arg<'_>> = args_of("", rows).into_iter().take(4 * rows.len()).collect();
    match sql.first(&statement, &args)? {
        None => Ok(()),
        Some(_) => Err(Fault::Locked("the data went back while a cursor was waited for".into())),
    }
}

/// The same without those that another transaction locks; these come back. Each statement is a transaction of its own.
pub(super) fn save_unlocked(call: &mut Call<'_>, epoch: &str, rows: &[CursorRow]) -> SqlResult<Vec<CursorRow>> {
    let how = if call.can_skip_locked() { " SKIP LOCKED" } else { "" };
    let mut left = Vec::new();
    let mut pieces: Vec<&[CursorRow]> = exact_pieces(rows).collect();
    while let Some(piece) = pieces.pop() {
        match upsert(call, epoch, piece, how) {
            Ok(()) => left.extend(not_written(call, epoch, piece)?),
            // The row of a named device is locked, not that of device 0: it is searched for.
            Err(Fault::Locked(_)) if piece.len() > 1 => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend(exact_pieces(second).chain(exact_pieces(first)));
            }
            Err(Fault::Locked(_)) => left.extend(piece),
            Err(fault) => return Err(fault),
        }
    }
    Ok(left)
}

/// What may be written: `s` are the rows. The row of device 0 says that the conversation is on the user's list.
const WRITABLE: &str = "JOIN `Cursor` c ON c.userid = s.userid AND c.device = 0 AND c.conv = s.conv \
                        LEFT JOIN `Device` d ON d.userid = s.userid AND d.device = s.device";
const IS_WRITABLE: &str = "(s.device = 0 OR d.device IS NOT NULL) \
                           AND s.delivered <= (SELECT v.last_seq FROM Conversation v WHERE v.id = c.conv) \
                           AND ? = (SELECT e.epoch FROM `Cluster` e WHERE e.one = 1)";

/// Those that may be written and are still behind.
fn not_written(sql: &mut dyn Sql, epoch: &str, rows: &[CursorRow]) -> SqlResult<Vec<CursorRow>> {
    let statement = format!(
        "SELECT s.userid, s.device, s.conv FROM ({}) s {WRITABLE} \
         LEFT JOIN `Cursor` k ON k.userid = s.userid AND k.device = s.device AND k.conv = s.conv \
         WHERE {IS_WRITABLE} AND (k.delivered IS NULL OR k.delivered < s.delivered)",
        table_of(rows)
    );
    let mut behind: HashSet<(UserId, DeviceId, ConvId)> = HashSet::new();
    for row in sql.rows(&statement, &args_of(epoch, rows))? {
        behind.insert((row.user(0)?, row.device(1)?, row.conv(2)?));
    }
    Ok(rows.iter().filter(|row| behind.contains(&(row.user, row.device, row.conv))).copied().collect())
}

fn upsert(sql: &mut dyn Sql, epoch: &str, rows: &[CursorRow], how: &str) -> SqlResult<()> {
    let statement = format!(
        "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) \
         SELECT c.userid, s.device, c.conv, s.delivered, 0 FROM ({}) s {WRITABLE} WHERE {IS_WRITABLE} FOR UPDATE{how} \
         ON DUPLICATE KEY UPDATE delivered = GREATEST(`Cursor`.delivered, VALUES(delivered))",
        table_of(rows)
    );
    sql.run(&statement, &args_of(epoch, rows))?;
    Ok(())
}

/// The rows as a table of parameters. The casts tell MySQL their types: it would take them for text, and find no index for
/// the join.
fn table_of(rows: &[CursorRow]) -> String {
    let row = "SELECT CAST(? AS SIGNED) AS userid, CAST(? AS SIGNED) AS device, CAST(? AS SIGNED) AS conv, \
               CAST(? AS SIGNED) AS delivered";
    repeated(row, " UNION ALL ", rows.len())
}

/// The epoch comes last: the condition stands behind the table.
fn args_of<'e>(epoch: &'e str, rows: &[CursorRow]) -> Vec<Arg<'e>> {
    let rows = rows.iter();
    let rows = rows.flat_map(|row| [row.user.into(), row.device.into(), row.conv.into(), row.delivered.into()]);
    rows.chain([epoch.into()]).collect()
}
