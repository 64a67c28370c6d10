//! A batch of read positions, in a few statements: lock the rows, see which of them are behind, write those.
//!
//! The rows that are locked are those of device 0, in the order in which cursors are locked. What is behind is read after
//! that, by a statement of its own: one that waited for a lock would see the conversations as they were before.

use std::collections::HashSet;

use super::call::Call;
use crate::ids::{ConvId, UserId};
use crate::store::sql::lists::{exact_pieces, repeated};
use crate::store::sql::{Arg, Fault, Sql, SqlResult};
use crate::store::{ReadRow, SavedReads};

/// The rows in the order in which every node locks them.
pub(super) fn in_lock_order(rows: &[ReadRow]) -> Vec<ReadRow> {
    let mut rows = rows.to_vec();
    rows.sort_unstable_by_key(|row| (row.user, row.conv));
    rows
}

/// Moves read positions forward, all in one transaction. Those that have moved.
///
/// # Errors
/// `Locked`, too: nothing is written then, and [`save_unlocked`] waits for no row.
pub(super) fn save(call: &mut Call<'_>, epoch: &str, rows: &[ReadRow]) -> SqlResult<SavedReads> {
    call.transaction(|call| {
        let mut saved = SavedReads::default();
        for piece in exact_pieces(rows) {
            lock(call, piece, "")?;
            let behind = behind(call, epoch, piece)?;
            write(call, &behind)?;
            saved.moved.extend(behind);
        }
        Ok(saved)
    })
}

/// The same without those that another transaction locks; these come back.
pub(super) fn save_unlocked(call: &mut Call<'_>, epoch: &str, rows: &[ReadRow]) -> SqlResult<SavedReads> {
    let how = if call.can_skip_locked() { " SKIP LOCKED" } else { "" };
    let mut saved = SavedReads::default();
    for piece in exact_pieces(rows) {
        let done = call.transaction(|call| {
            let ours = lock(call, piece, how)?;
            let is_ours = |row: &ReadRow| ours.contains(&(row.user, row.conv));
            let (free, locked): (Vec<_>, Vec<_>) = behind(call, epoch, piece)?.into_iter().partition(is_ours);
            write(call, &free)?;
            Ok((free, locked))
        });
        match done {
            Ok((free, locked)) => {
                saved.moved.extend(free);
                saved.locked.extend(locked);
            }
            Err(Fault::Locked(_)) => saved.locked.extend(piece),
            Err(fault) => return Err(fault),
        }
    }
    Ok(saved)
}

/// Locks the rows of device 0; which those are.
fn lock(sql: &mut dyn Sql, rows: &[ReadRow], how: &str) -> SqlResult<HashSet<(UserId, ConvId)>> {
    let statement = format!(
        "SELECT c.userid, c.conv FROM ({}) s \
         JOIN `Cursor` c ON c.userid = s.userid AND c.device = 0 AND c.conv = s.conv FOR UPDATE{how}",
        table_of(rows)
    );
    sql.rows(&statement, &args_of(rows))?.iter().map(|row| Ok((row.user(0)?, row.conv(1)?))).collect()
}

/// Those that may be written and are still behind, with where they are to stand: never beyond the end.
fn behind(sql: &mut dyn Sql, epoch: &str, rows: &[ReadRow]) -> SqlResult<Vec<ReadRow>> {
    let statement = format!(
        "SELECT c.userid, c.conv, LEAST(s.upto, v.last_seq) FROM ({}) s \
         JOIN `Cursor` c ON c.userid = s.userid AND c.device = 0 AND c.conv = s.conv \
         JOIN Conversation v ON v.id = c.conv WHERE c.read_seq < s.upto AND c.read_seq < v.last_seq \
         AND (c.conv > 4294967295 OR EXISTS (SELECT 1 FROM GroupUser m WHERE m.groupid = c.conv AND m.userid = c.userid)) \
         AND ? = (SELECT e.epoch FROM `Cluster` e WHERE e.one = 1)",
        table_of(rows)
    );
    let mut args = args_of(rows);
    args.push(epoch.into());
    let found = sql.rows(&statement, &args)?;
    found.iter().map(|row| Ok(ReadRow { user: row.user(0)?, conv: row.conv(1)?, read: row.seq(2)? })).collect()
}

fn write(sql: &mut dyn Sql, rows: &[ReadRow]) -> SqlResult<()> {
    for piece in exact_pieces(rows) {
        // The rows are there, and locked: nothing is inserted.
        let statement = format!(
            "INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) VALUES {} \
             ON DUPLICATE KEY UPDATE read_seq = GREATEST(read_seq, VALUES(read_seq))",
            repeated("(?, 0, ?, 0, ?)", ", ", piece.len())
        );
        sql.run(&statement, &args_of(piece))?;
    }
    Ok(())
}

/// The rows as a table of parameters; the casts tell MySQL their types.
fn table_of(rows: &[ReadRow]) -> String {
    let row = "SELECT CAST(? AS SIGNED) AS userid, CAST(? AS SIGNED) AS conv, CAST(? AS SIGNED) AS upto";
    repeated(row, " UNION ALL ", rows.len())
}

fn args_of(rows: &[ReadRow]) -> Vec<Arg<'static>> {
    rows.iter().flat_map(|row| [row.user.into(), row.conv.into(), row.read.into()]).collect()
}
