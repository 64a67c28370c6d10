//! What is told of reactions: how many have given each to a message, and what an event about one says. Two statements for the
//! messages of a list that have reactions, and one for its events; none for a list without.

use std::collections::{HashMap, HashSet};

use super::lists::{Lookup, lookups, repeated};
use super::{Sql, SqlResult};
use crate::ids::{ConvId, Seq, UserId};
use crate::store::content::Kind;
use crate::store::{Given, Message, ReactionCount};

/// Fills in the reactions to these messages, as `reader` sees them, and the words of events about reactions.
pub(super) fn complete(sql: &mut dyn Sql, reader: UserId, messages: &mut [Message]) -> SqlResult<()> {
    let reacted = |message: &&mut Message| message.reacted && message.kind == Kind::Message;
    let wanted: Vec<(ConvId, Seq)> =
        messages.iter_mut().filter(reacted).map(|message| (message.conv, message.seq)).collect();
    if !wanted.is_empty() {
        let mut counts = counts(sql, reader, &wanted)?;
        for message in messages.iter_mut().filter(reacted) {
            message.reactions = counts.remove(&(message.conv, message.seq)).unwrap_or_default();
        }
    }
    let events = messages.iter().filter(|message| message.kind == Kind::Reaction);
    let events: Vec<EventPlace> = events.map(|event| (event.sender.id, event.conv, event.of, event.seq)).collect();
    if !events.is_empty() {
        let mut said = said(sql, &events)?;
        for event in messages.iter_mut().filter(|message| message.kind == Kind::Reaction) {
            event.reaction = said.remove(&(event.sender.id, event.conv, event.of, event.seq));
        }
    }
    Ok(())
}

fn counts(
    sql: &mut dyn Sql,
    reader: UserId,
    messages: &[(ConvId, Seq)],
) -> SqlResult<HashMap<(ConvId, Seq), Vec<ReactionCount>>> {
    let mut mine = HashSet::new();
    let mut found: HashMap<(ConvId, Seq), Vec<ReactionCount>> = HashMap::new();
    for Lookup { len, args } in lookups(messages, |(conv, of)| [conv.into(), of.into()]) {
        let any = repeated("(conv = ? AND of_seq = ?)", " OR ", len);
        let statement =
            format!("SELECT conv, of_seq, reaction FROM Reaction WHERE is_on = 1 AND userid = ? AND ({any})");
        let own_args: Vec<_> = [reader.into()].into_iter().chain(args.iter().copied()).collect();
        for mut row in sql.rows(&statement, &own_args)? {
            mine.insert((row.conv(0)?, row.seq(1)?, row.text(2)?));
        }
        let statement = format!(
            "SELECT conv, of_seq, reaction, total FROM ReactionTotal WHERE {any} ORDER BY conv, of_seq, since, reaction"
        );
        for mut row in sql.rows(&statement, &args)? {
            let (conv, of, reaction) = (row.conv(0)?, row.seq(1)?, row.text(2)?);
            let key = (conv, of, reaction);
            let mine = mine.contains(&key);
            let count = ReactionCount { reaction: key.2, count: row.seq(3)?, mine };
            found.entry((conv, of)).or_default().push(count);
        }
    }
    Ok(found)
}

/// An event about a reaction: whose, and its place.
type EventPlace = (UserId, ConvId, Seq, Seq);

/// What they say, those that nothing has overtaken.
fn said(sql: &mut dyn Sql, events: &[EventPlace]) -> SqlResult<HashMap<EventPlace, Given>> {
    let mut found = HashMap::new();
    let args = |(user, conv, of, seq): EventPlace| [user.into(), conv.into(), of.into(), seq.into()];
    for Lookup { len, args } in lookups(events, args) {
        let any = repeated("(userid = ? AND conv = ? AND of_seq = ? AND seq = ?)", " OR ", len);
        let statement = format!("SELECT userid, conv, of_seq, seq, reaction, is_on FROM Reaction WHERE {any}");
        for mut row in sql.rows(&statement, &args)? {
            let given = (row.user(0)?, row.conv(1)?, row.seq(2)?, row.seq(3)?);
            found.insert(given, Given { reaction: row.text(4)?, on: row.int(5)? != 0 });
        }
    }
    Ok(found)
}
