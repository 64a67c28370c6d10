//! A batch of cursors in one statement.
//!
//! The rows of device 0 say which conversations a user has, and whoever leaves a group deletes them. The statement reads
//! them with a lock: read without one (as INSERT .. SELECT does by itself under READ COMMITTED), a row that is being
//! deleted would still be seen, and made anew.

use std::collections::{HashMap, HashSet};

use super::session::Session;
use crate::ids::{ConvId, DeviceId, Seq, UserId};
use crate::store::CursorRow;
use crate::store::sql::lists::{Lookup, exact_pieces, lookups, repeated};
use crate::store::sql::{Done, Fault, Sql};

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
        (Some(piece), None) => upsert(session, piece, ""),
        _ => session.transaction(|session| exact_pieces(rows).try_for_each(|piece| upsert(session, piece, ""))),
    }
}

/// The same without those that another transaction locks; these come back. Each statement is a transaction of its own.
pub(super) fn save_unlocked(session: &mut Session<'_>, rows: &[CursorRow]) -> Done<Vec<CursorRow>> {
    let how = if session.can_skip_locked() { " SKIP LOCKED" } else { "" };
    let mut left = Vec::new();
    let mut pieces: Vec<&[CursorRow]> = exact_pieces(rows).collect();
    while let Some(piece) = pieces.pop() {
        match upsert(session, piece, how) {
            Ok(()) => left.extend(not_written(session, piece)?),
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

/// Those that are behind, although their conversation is on the user's list.
fn not_written(sql: &mut dyn Sql, rows: &[CursorRow]) -> Done<Vec<CursorRow>> {
    let mut listed = HashSet::new();
    let mut delivered: HashMap<(UserId, ConvId, DeviceId), Seq> = HashMap::new();
    for Lookup { len, args } in lookups(rows, |row| [row.user.into(), row.conv.into()]) {
        let any = repeated("(c.userid = ? AND c.conv = ?)", " OR ", len);
        let statement = format!(
            "SELECT c.userid, c.conv, d.device, d.delivered FROM `Cursor` c \
             JOIN `Cursor` d ON d.userid = c.userid AND d.conv = c.conv WHERE c.device = 0 AND ({any})"
        );
        for row in sql.rows(&statement, &args)? {
            let (user, conv) = (row.user(0)?, row.conv(1)?);
            listed.insert((user, conv));
            delivered.insert((user, conv, row.device(2)?), row.seq(3)?);
        }
    }
    let is_behind = |row: &&CursorRow| {
        let at = delivered.get(&(row.user, row.conv, row.device));
        listed.contains(&(row.user, row.conv)) && at.is_none_or(|at| *at < row.delivered)
    };
    Ok(rows.iter().filter(is_behind).copied().collect())
}

fn upsert(sql: &mut dyn Sql, rows: &[CursorRow], how: &str) -> Done<()> {
    // The casts tell MySQL the parameters' types: it would take them for text, and find no index for the join.
    let row = "SELECT CAST(? AS SIGNED) AS userid, CAST(? AS SIGNED) AS device, CAST(? AS SIGNED) AS conv, \
               CAST(? AS SIGNED) AS delivered";
    let statement = format!(
        "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) \
         SELECT c.userid, s.device, c.conv, s.delivered, 0 FROM ({}) s \
         JOIN `Cursor` c ON c.userid = s.userid AND c.device = 0 AND c.conv = s.conv \
         LEFT JOIN `Device` d ON d.userid = s.userid AND d.device = s.device \
         WHERE s.device = 0 OR d.device IS NOT NULL FOR UPDATE{how} \
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
