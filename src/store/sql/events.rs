//! Events: what the database knows of the messages that they are about, and what becomes of those. The same statements for both
//! databases; a batch without events costs nothing here.

use std::collections::{BTreeSet, HashMap};

use super::lists::{Lookup, lookups, repeated};
use super::membership::standing_in;
use super::{Arg, Fault, Sql, SqlResult};
use crate::ids::{ConvId, Members, Peer, Seq, UserId};
use crate::store::content::{Change, Event, Kind};
use crate::store::events::denied_as;
use crate::store::events::{EventFacts, Place, Reacted, Target};
use crate::store::rights::{Action, Rules, Standing, may};
use crate::store::{Append, Appended};

/// Reads what the batch's events are about, under their conversations' locks. Those at `refused` places are left out.
pub(in crate::store) fn facts<'a>(
    sql: &mut dyn Sql,
    batch: &'a [Append],
    refused: &HashMap<usize, Appended>,
    rules: &HashMap<ConvId, Rules>,
) -> SqlResult<EventFacts<'a>> {
    if batch.iter().all(|append| append.body.event().is_none()) {
        return Ok(EventFacts::default());
    }
    let asked = batch.iter().enumerate().filter(|(place, _)| !refused.contains_key(place));
    let events: Vec<(&Append, &Event)> = asked.filter_map(|(_, append)| Some((append, append.body.event()?))).collect();
    let mut facts = EventFacts { rules: rules.clone(), ..EventFacts::default() };
    if events.is_empty() {
        return Ok(facts);
    }
    targets(sql, &events, &mut facts)?;
    places(sql, &events, &mut facts)?;
    reactions(sql, &events, &mut facts)?;
    Ok(facts)
}

fn targets(sql: &mut dyn Sql, events: &[(&Append, &Event)], facts: &mut EventFacts<'_>) -> SqlResult<()> {
    let wanted: BTreeSet<(ConvId, Seq)> = events.iter().map(|(append, event)| (append.conv(), event.of)).collect();
    let wanted: Vec<(ConvId, Seq)> = wanted.into_iter().collect();
    for Lookup { len, args } in lookups(&wanted, |(conv, of)| [conv.into(), of.into()]) {
        let any = repeated("(conv = ? AND seq = ?)", " OR ", len);
        let statement = format!(
            "SELECT conv, seq, kind, sender, sent_at, CASE WHEN body = '' THEN 1 ELSE 0 END, \
             COALESCE(edited_seq, 0), COALESCE(edited_at, 0) FROM Message WHERE {any}"
        );
        for row in sql.rows(&statement, &args)? {
            let kind = kind(row.int(2)?)?;
            let (edited_seq, edited_at) = (row.seq(6)?, row.time(7)?);
            let target = Target {
                kind,
                sender: row.user(3)?,
                sent_at: row.time(4)?,
                is_recalled: kind == Kind::Message && row.int(5)? != 0,
                changed: (edited_seq > 0).then_some((edited_seq, edited_at)),
            };
            facts.targets.insert((row.conv(0)?, row.seq(1)?), target);
        }
    }
    Ok(())
}

/// The authors' places in their groups.
fn places(sql: &mut dyn Sql, events: &[(&Append, &Event)], facts: &mut EventFacts<'_>) -> SqlResult<()> {
    let in_groups = events.iter().filter(|(append, _)| matches!(append.to, Peer::Group(_)));
    let wanted: BTreeSet<(ConvId, UserId)> = in_groups.map(|(append, _)| (append.conv(), append.sender)).collect();
    let wanted: Vec<(ConvId, UserId)> = wanted.into_iter().collect();
    // A group's conversation has the group's own number.
    for Lookup { len, args } in lookups(&wanted, |(conv, user)| [conv.into(), user.into()]) {
        let any = repeated("(groupid = ? AND userid = ?)", " OR ", len);
        let statement =
            format!("SELECT groupid, userid, grouprole, muted_until, joined_seq FROM GroupUser WHERE {any}");
        for mut row in sql.rows(&statement, &args)? {
            let place = Place { standing: standing_in(&mut row, 2)?, joined_seq: row.seq(4)? };
            facts.places.insert((row.conv(0)?, row.user(1)?), place);
        }
    }
    Ok(())
}

fn reactions<'a>(sql: &mut dyn Sql, events: &[(&'a Append, &'a Event)], facts: &mut EventFacts<'a>) -> SqlResult<()> {
    let mut keys = BTreeSet::new();
    for (append, event) in events {
        if let Change::React { reaction, .. } = &event.change {
            keys.insert((append.conv(), event.of, append.sender, &**reaction));
        }
    }
    let keys: Vec<(ConvId, Seq, UserId, &'a str)> = keys.into_iter().collect();
    let given = |(conv, of, user, reaction): (ConvId, Seq, UserId, &'a str)| {
        [conv.into(), of.into(), user.into(), Arg::Text(reaction)]
    };
    let by_text: HashMap<(ConvId, Seq, UserId, String), &'a str> =
        keys.iter().map(|&(conv, of, user, reaction)| ((conv, of, user, reaction.to_owned()), reaction)).collect();
    for Lookup { len, args } in lookups(&keys, given) {
        let any = repeated("(conv = ? AND of_seq = ? AND userid = ? AND reaction = ?)", " OR ", len);
        let statement = format!("SELECT conv, of_seq, userid, reaction, is_on, seq, sent_at FROM Reaction WHERE {any}");
        for mut row in sql.rows(&statement, &args)? {
            let reacted = Reacted { is_on: row.int(4)? != 0, seq: row.seq(5)?, sent_at: row.time(6)? };
            let (conv, of, user) = (row.conv(0)?, row.seq(1)?, row.user(2)?);
            let Some(reaction) = by_text.get(&(conv, of, user, row.text(3)?)) else {
                return Err(Fault::Broken("the database found a reaction not asked for".into()));
            };
            facts.reactions.insert((conv, of, user, *reaction), reacted);
        }
    }
    let messages: BTreeSet<(ConvId, Seq)> = keys.iter().map(|&(conv, of, ..)| (conv, of)).collect();
    let messages: Vec<(ConvId, Seq)> = messages.into_iter().collect();
    for Lookup { len, args } in lookups(&messages, |(conv, of)| [conv.into(), of.into()]) {
        let any = repeated("(conv = ? AND of_seq = ?)", " OR ", len);
        for mut row in sql.rows(&format!("SELECT conv, of_seq, reaction FROM ReactionTotal WHERE {any}"), &args)? {
            let message = (row.conv(0)?, row.seq(1)?);
            facts.different.entry(message).or_default().insert(row.text(2)?.into());
        }
    }
    Ok(())
}

/// Changes the messages that stored events are about, in the events' order.
pub(in crate::store) fn write(sql: &mut dyn Sql, stored: &[(Seq, &Append, &Event)]) -> SqlResult<()> {
    for &(seq, append, event) in stored {
        let (conv, of) = (Arg::from(append.conv()), Arg::from(event.of));
        match &event.change {
            Change::Edit(body) => {
                let edit = "UPDATE Message SET body = ?, edited_seq = ?, edited_at = ? WHERE conv = ? AND seq = ?";
                sql.run(edit, &[Arg::Text(body), seq.into(), append.sent_at.into(), conv, of])?;
            }
            Change::Recall => {
                let recall = "UPDATE Message SET body = '', reacted = 0, edited_seq = ?, edited_at = ? \
                              WHERE conv = ? AND seq = ?";
                sql.run(recall, &[seq.into(), append.sent_at.into(), conv, of])?;
                sql.run("DELETE FROM Reaction WHERE conv = ? AND of_seq = ?", &[conv, of])?;
                sql.run("DELETE FROM ReactionTotal WHERE conv = ? AND of_seq = ?", &[conv, of])?;
            }
            Change::React { reaction, on } => react(sql, (seq, append, event), reaction, *on)?,
        }
    }
    Ok(())
}

fn react(sql: &mut dyn Sql, (seq, append, event): (Seq, &Append, &Event), reaction: &str, on: bool) -> SqlResult<()> {
    let (conv, of, reaction) = (Arg::from(append.conv()), Arg::from(event.of), Arg::Text(reaction));
    let is_on = Arg::Int(i64::from(on));
    let (user, at) = (Arg::from(append.sender), Arg::from(append.sent_at));
    let again = "UPDATE Reaction SET seq = ?, sent_at = ?, is_on = ? \
                 WHERE conv = ? AND of_seq = ? AND reaction = ? AND userid = ?";
    if sql.run(again, &[seq.into(), at, is_on, conv, of, reaction, user])? == 0 {
        let first = "INSERT INTO Reaction (seq, sent_at, is_on, conv, of_seq, reaction, userid) \
                     VALUES (?, ?, ?, ?, ?, ?, ?)";
        sql.run(first, &[seq.into(), at, is_on, conv, of, reaction, user])?;
    }
    let key = [conv, of, reaction];
    if on {
        let one_more = "UPDATE ReactionTotal SET total = total + 1 WHERE conv = ? AND of_seq = ? AND reaction = ?";
        if sql.run(one_more, &key)? == 0 {
            let first = "INSERT INTO ReactionTotal (conv, of_seq, reaction, total, since) VALUES (?, ?, ?, 1, ?)";
            sql.run(first, &[conv, of, reaction, seq.into()])?;
        }
        sql.run("UPDATE Message SET reacted = 1 WHERE conv = ? AND seq = ?", &[conv, of])?;
    } else {
        let one_less = "UPDATE ReactionTotal SET total = total - 1 WHERE conv = ? AND of_seq = ? AND reaction = ?";
        sql.run(one_less, &key)?;
        let nobody = "DELETE FROM ReactionTotal WHERE conv = ? AND of_seq = ? AND reaction = ? AND total <= 0";
        sql.run(nobody, &key)?;
    }
    Ok(())
}

/// What a row of Message is.
pub(super) fn kind(number: i64) -> SqlResult<Kind> {
    Kind::of_number(number).ok_or_else(|| Fault::Broken(format!("a message is of kind {number}").into()))
}

/// Why a message or an event may not be stored in a pair's conversation with these rules.
pub(in crate::store) fn refusal_of_pair(append: &Append, rules: Rules) -> Option<Appended> {
    let conv = append.conv();
    debug_assert!(!matches!(conv.members(), Some(Members::Group(_))), "of a pair");
    if rules.is_erased() {
        return Some(Appended::NoSuchUser);
    }
    if rules.has_blocked(conv, append.sender) {
        return Some(Appended::HasBlocked);
    }
    rules.is_blocked().then_some(Appended::Blocked)
}

/// The same in a group. What an event needs besides the membership depends on the message that it is about.
pub(in crate::store) fn refusal_of_member(append: &Append, who: Standing, rules: Rules) -> Option<Appended> {
    match append.body.event() {
        None => may(Action::Speak, who, rules, append.sent_at).err().map(denied_as),
        Some(_) => who.role.is_none().then_some(Appended::NotMember),
    }
}
