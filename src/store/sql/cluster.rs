//! The identity of the data, its epoch, and the nodes that use it.

use super::lists::{Lookup, lookups, repeated};
use super::{Fault, Sql, SqlResult, upgrade};
use crate::clock::UnixMs;
use crate::ids::{ConvId, NodeId, Seq};
use crate::store::{ClusterRow, Moment, Sender};

/// Rows of nodes that were not seen for so long are left by nodes that were killed.
const NODE_ROW_LIFE_MS: i64 = 30 * 24 * 3600 * 1000;

/// The identity of data that are being loaded, or of which a load was cut short: nobody may serve them.
const HALF_LOADED: &str = "half loaded";

/// What is told of such data.
pub(in crate::store) const HALF_LOADED_TOLD: &str =
    "a dump is being loaded into it, or a load was cut short: wait for its end, or load the dump again";

pub(in crate::store) fn row(sql: &mut dyn Sql) -> SqlResult<ClusterRow> {
    let moment = sql.dialect().moment;
    let row = sql.first(&format!("SELECT id, epoch, {} FROM Cluster WHERE one = 1", moment.unwrap_or("0")), &[])?;
    let mut row = row.ok_or_else(|| Fault::Broken("the table Cluster has no row: the schema is damaged".into()))?;
    let moment = moment.map(|_| row.int(2).map(Moment)).transpose()?;
    let row = ClusterRow { id: row.text(0)?, epoch: row.text(1)?, moment };
    if row.id == HALF_LOADED {
        return Err(Fault::Broken(HALF_LOADED_TOLD.into()));
    }
    Ok(row)
}

/// Notes that the data are not whole until [`set`] says what they are.
pub(in crate::store) fn note_half_loaded(sql: &mut dyn Sql) -> SqlResult<()> {
    set(sql, HALF_LOADED, HALF_LOADED)
}

/// Whether that was noted; of a database that may have no tables.
pub(in crate::store) fn is_half_loaded(sql: &mut dyn Sql) -> SqlResult<bool> {
    let has_column = sql.dialect().has_column;
    if sql.first(has_column, &["Cluster".into(), "id".into()])?.is_none() {
        return Ok(false);
    }
    Ok(sql.first("SELECT 1 FROM Cluster WHERE id = ?", &[HALF_LOADED.into()])?.is_some())
}

pub(in crate::store) fn set(sql: &mut dyn Sql, id: &str, epoch: &str) -> SqlResult<()> {
    sql.run("UPDATE Cluster SET id = ?, epoch = ? WHERE one = 1", &[id.into(), epoch.into()])?;
    Ok(())
}

/// Compares and sets: of several nodes that ask at the same time, one makes the new epoch.
pub(super) fn new_epoch(sql: &mut dyn Sql, old: &str) -> SqlResult<()> {
    let fresh = upgrade::random_hex()?;
    sql.run("UPDATE Cluster SET epoch = ? WHERE one = 1 AND epoch = ?", &[fresh.as_str().into(), old.into()])?;
    Ok(())
}

/// Notes that the node uses this database, and forgets those that have not said so for a long time.
pub(super) fn note_node(sql: &mut dyn Sql, node: NodeId, now: UnixMs) -> SqlResult<()> {
    let id = node.to_string();
    sql.run(
        "DELETE FROM Node WHERE id = ? OR seen_at < ?",
        &[id.as_str().into(), UnixMs(now.0.saturating_sub(NODE_ROW_LIFE_MS)).into()],
    )?;
    // Another thread of this node may have noted it in between.
    let insert_new = sql.dialect().insert_new;
    sql.run(&format!("{insert_new} Node (id, seen_at) VALUES (?, ?)"), &[id.as_str().into(), now.into()])?;
    Ok(())
}

pub(super) fn forget_node(sql: &mut dyn Sql, node: NodeId) -> SqlResult<()> {
    sql.run("DELETE FROM Node WHERE id = ?", &[node.to_string().as_str().into()])?;
    Ok(())
}

pub(super) fn has_node(sql: &mut dyn Sql, node: NodeId) -> SqlResult<bool> {
    Ok(sql.first("SELECT 1 FROM Node WHERE id = ?", &[node.to_string().as_str().into()])?.is_some())
}

/// Who has said those of these messages that are there.
pub(super) fn senders(sql: &mut dyn Sql, of: &[(ConvId, Seq)]) -> SqlResult<Vec<Sender>> {
    let mut found = Vec::with_capacity(of.len());
    for Lookup { len, args } in lookups(of, |(conv, seq)| [conv.into(), seq.into()]) {
        let any = repeated("(conv = ? AND seq = ?)", " OR ", len);
        for row in sql.rows(&format!("SELECT conv, seq, sender, sent_at FROM Message WHERE {any}"), &args)? {
            found.push(Sender { conv: row.conv(0)?, seq: row.seq(1)?, user: row.user(2)?, sent_at: row.time(3)? });
        }
    }
    Ok(found)
}

/// The last numbers of those conversations that exist.
pub(super) fn ends(sql: &mut dyn Sql, convs: &[ConvId]) -> SqlResult<Vec<(ConvId, Seq)>> {
    let mut ends = Vec::with_capacity(convs.len());
    for Lookup { len, args } in lookups(convs, |conv| [conv.into()]) {
        let statement = format!("SELECT id, last_seq FROM Conversation WHERE id IN ({})", repeated("?", ",", len));
        for row in sql.rows(&statement, &args)? {
            ends.push((row.conv(0)?, row.seq(1)?));
        }
    }
    Ok(ends)
}
