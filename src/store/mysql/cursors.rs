//! A batch of cursors in one statement.
//!
//! The rows of device 0 say which conversations a user has, and whoever leaves a group deletes them. The statement reads
//! them with a lock: read without one (as INSERT .. SELECT does by itself under READ COMMITTED), a row that is being
//! deleted would still be seen, and made anew.

use super::session::Session;
use crate::store::CursorRow;
use crate::store::sql::lists::{exact_pieces, repeated};
use crate::store::sql::{Done, Sql};

/// The rows in the order in which every node locks them.
pub(super) fn in_lock_order(rows: &[CursorRow]) -> Vec<CursorRow> {
    let mut rows = rows.to_vec();
    // The device last: the row of device 0 is locked first, whichever device's row is written.
    rows.sort_unstable_by_key(|row| (row.user, row.conv, row.device));
    rows
}

/// Moves cursors forward. Each statement is a transaction of its own only where the rows fill one exactly.
pub(super) fn save(session: &mut Session<'_>, rows: &[CursorRow]) -> Done<()> {
    let mut pieces = exact_pieces(rows);
    let (first, second) = (pieces.next(), pieces.next());
    match (first, second) {
        (Some(piece), None) => upsert(session, piece),
        _ => session.transaction(|session| exact_pieces(rows).try_for_each(|piece| upsert(session, piece))),
    }
}

fn upsert(sql: &mut dyn Sql, rows: &[CursorRow]) -> Done<()> {
    // The casts tell MySQL the parameters' types: it would take them for text, and find no index for the join.
    let row = "SELECT CAST(? AS SIGNED) AS userid, CAST(? AS SIGNED) AS device, CAST(? AS SIGNED) AS conv, \
               CAST(? AS SIGNED) AS delivered";
    let statement = format!(
        "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) \
         SELECT c.userid, s.device, c.conv, s.delivered, 0 FROM ({}) s \
         JOIN `Cursor` c ON c.userid = s.userid AND c.device = 0 AND c.conv = s.conv FOR UPDATE \
         ON DUPLICATE KEY UPDATE delivered = GREATEST(`Cursor`.delivered, VALUES(delivered))",
        repeated(row, " UNION ALL ", rows.len())
    );
    let args: Vec<_> = rows
        .iter()
        .flat_map(|row| [row.user.into(), row.device.into(), row.conv.into(), row.delivered.into()])
        .collect();
    sql.run(&statement, &args)?;
    Ok(())
}
