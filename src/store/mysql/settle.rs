//! A COMMIT was sent and its answer lost: was it done?
//!
//! The conversations are locked once more. As long as that fails the old transaction may be under way. Once it succeeds
//! that has ended one way or the other, and its messages are either all there or none will ever be.
//!
//! When another server is used by then, it is asked: it was not taken before it had all that its cluster had committed, and
//! took writes. What it has not is lost with the other server, or, in a Galera cluster, contradicts what is written next and
//! is taken back there.

use std::collections::HashMap;

use super::append::lock_now;
use super::call::Call;
use crate::clock::UnixMs;
use crate::ids::{ConvId, Seq, UserId};
use crate::store::Append;
use crate::store::numbering::Plan;
use crate::store::sql::lists::{Lookup, lookups, repeated};
use crate::store::sql::{Fault, Sql, SqlResult};

/// A commit in doubt.
pub(super) struct Unsettled {
    /// What it would have written.
    pub(super) plan: Plan,
    /// The server it was sent to: its place in the URL.
    pub(super) host: usize,
    /// The server's number of the connection that was lost.
    pub(super) connection: u32,
}

/// Whether the messages of the plan are stored, all of them and as they were to be.
pub(super) fn is_committed(call: &mut Call<'_>, unsettled: &Unsettled, batch: &[Append]) -> SqlResult<bool> {
    let Unsettled { plan, host, connection } = unsettled;
    if plan.outcomes.len() != batch.len() {
        return Err(Fault::Broken("settle was called with another batch".into()));
    }
    // On another server the number is somebody else's.
    if call.host() == *host {
        end_connection(call, *connection)?;
    }
    call.transaction(|call| {
        // Whoever else holds them, the old transaction perhaps: that is not waited for here.
        lock_now(call, &plan.ends.keys().copied().collect::<Vec<_>>())?;
        let mut found =
            stored(call, &plan.stored(batch).map(|(seq, message)| (message.conv(), seq)).collect::<Vec<_>>())?;
        let is_committed = plan
            .stored(batch)
            .all(|(seq, message)| found.remove(&(message.conv(), seq)).is_some_and(|row| row.is(message)));
        if is_committed {
            mark_anew(call, &plan.ends.keys().copied().collect::<Vec<_>>())?;
        }
        Ok(is_committed)
    })
}

/// The conversations count as changed now: what was said in them is told from now on, however long ago it was committed.
fn mark_anew(sql: &mut dyn Sql, convs: &[ConvId]) -> SqlResult<()> {
    for Lookup { len, args } in lookups(convs, |conv| [conv.into()]) {
        let list = repeated("?", ",", len);
        sql.run(&format!("UPDATE Conversation SET changed_at = CURRENT_TIMESTAMP WHERE id IN ({list})"), &args)?;
    }
    Ok(())
}

/// Ends the lost connection if the server has not noticed yet that it is gone: it would keep its locks for hours.
fn end_connection(call: &mut Call<'_>, connection: u32) -> SqlResult<()> {
    // After a restart of the server the number may be another's: one of this database's idle connections at worst,
    // whose owner opens it again.
    let idle = "SELECT id FROM information_schema.processlist WHERE id = ? AND id <> CONNECTION_ID() \
                AND user = SUBSTRING_INDEX(USER(), '@', 1) AND db = DATABASE() AND command = 'Sleep'";
    if call.first(idle, &[connection.into()])?.is_none() {
        return Ok(());
    }
    match call.say(&format!("KILL {connection}")) {
        // It has gone meanwhile, which is just as well.
        Err(Fault::Broken(_)) => Ok(()),
        done => done,
    }
}

/// A row of Message.
struct Stored {
    sender: UserId,
    sent_at: UnixMs,
    kind: i64,
    of: Seq,
    cid: Option<String>,
    body: String,
    /// It was edited or recalled since: the text is another one.
    is_changed: bool,
}

impl Stored {
    fn is(&self, message: &Append) -> bool {
        self.sender == message.sender
            && self.sent_at == message.sent_at
            && self.cid.as_deref() == message.cid.as_deref()
            && self.kind == message.body.kind().number()
            && self.of == message.body.event().map_or(0, |event| event.of)
            && (self.is_changed || *self.body == *message.body.row_body())
    }
}

fn stored(sql: &mut dyn Sql, places: &[(ConvId, Seq)]) -> SqlResult<HashMap<(ConvId, Seq), Stored>> {
    let mut found = HashMap::new();
    for Lookup { len, args } in lookups(places, |(conv, seq)| [conv.into(), seq.into()]) {
        let any = repeated("(conv = ? AND seq = ?)", " OR ", len);
        let statement = format!(
            "SELECT conv, seq, sender, sent_at, cid, body, kind, COALESCE(of_seq, 0), COALESCE(edited_seq, 0) \
             FROM Message WHERE {any}"
        );
        for mut row in sql.rows(&statement, &args)? {
            let (cid, body) = (row.text_or_null(4)?, row.text(5)?);
            let (kind, of, is_changed) = (row.int(6)?, row.seq(7)?, row.int(8)? != 0);
            let stored = Stored { sender: row.user(2)?, sent_at: row.time(3)?, kind, of, cid, body, is_changed };
            found.insert((row.conv(0)?, row.seq(1)?), stored);
        }
    }
    Ok(found)
}
