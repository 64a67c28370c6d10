//! Looks for what should not be in the data: offences against [`RULES`], and holes in the numbers of messages. What is told of them
//! never has a text that a user wrote.

use std::ops::ControlFlow;

use super::rules::{RULES, Rule};
use super::stream::Stream;
use super::{Arg, Cell, Row, SqlResult, cluster};
use crate::store::whole::{Fate, Finding};

/// Offences that are mended before more are looked for.
const MENDED_AT_ONCE: usize = 2_000;

/// Conversations that are looked at in one statement.
const CONVERSATIONS_AT_ONCE: u32 = 1_000;

/// Holes of one conversation that are told one by one.
const HOLES_TOLD: usize = 20;

/// The number below which the messages of a conversation `v` were removed on purpose: the first one that must be there.
const FLOOR: &str = "CASE WHEN v.floor_seq > 1 THEN v.floor_seq ELSE 1 END";

/// Where findings go.
type Told<'a> = &'a mut dyn FnMut(Finding);

/// Looks for everything. See [`crate::store::whole::Whole::check`].
pub(super) fn check(sql: &mut dyn Stream, mends: bool, told: Told<'_>) -> SqlResult<()> {
    cluster::row(sql)?;
    let left = if mends { Fate::Left } else { Fate::Found };
    for damage in sql.damage()? {
        told(Finding { told: format!("the file is damaged: {damage}"), fate: left });
    }
    for rule in RULES {
        if mends && !rule.mend.is_empty() { mend(sql, rule, told)? } else { list(sql, rule, left, told)? }
    }
    conversations(sql, mends, told)
}

/// Tells every offence.
fn list(sql: &mut dyn Stream, rule: &Rule, fate: Fate, told: Told<'_>) -> SqlResult<()> {
    sql.each(rule.find, &[], &mut |row| {
        told(Finding { told: sentence(rule.told, &row), fate });
        Ok(ControlFlow::Continue(()))
    })
}

/// Tells and mends every offence, a part at a time.
fn mend(sql: &mut dyn Stream, rule: &Rule, told: Told<'_>) -> SqlResult<()> {
    loop {
        let mut found: Vec<Row> = Vec::new();
        sql.each(rule.find, &[], &mut |row| {
            found.push(row);
            Ok(if found.len() < MENDED_AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let mut mended = 0;
        for row in &found {
            let mut changed = 0;
            for (statement, columns) in rule.mend {
                let args: Vec<Arg<'_>> = columns.iter().map(|&column| arg(row, column)).collect();
                changed += sql.run(statement, &args)?;
            }
            mended += changed;
            let fate = if changed > 0 { Fate::Mended } else { Fate::Left };
            told(Finding { told: sentence(rule.told, row), fate });
        }
        // Without a change the same would be found for ever.
        if found.len() < MENDED_AT_ONCE || mended == 0 {
            return Ok(());
        }
    }
}

fn sentence(template: &str, row: &Row) -> String {
    let mut text = template.to_owned();
    for (column, cell) in row.0.iter().enumerate() {
        if let Cell::Int(number) = cell {
            text = text.replace(&format!("{{{column}}}"), &number.to_string());
        }
    }
    text
}

fn arg(row: &Row, column: usize) -> Arg<'_> {
    match row.0.get(column) {
        Some(Cell::Int(number)) => Arg::Int(*number),
        Some(Cell::Bytes(bytes)) => std::str::from_utf8(bytes).map_or(Arg::Bytes(bytes), Arg::Text),
        Some(Cell::Null) | None => Arg::Null,
    }
}

/// A conversation, and the messages that it has.
struct Extent {
    conv: i64,
    /// The number that was given last.
    end: i64,
    /// The first number that must be there.
    floor: i64,
    /// The lowest and the highest number that are there; nothing: 0.
    lowest: i64,
    highest: i64,
    count: i64,
}

impl Extent {
    fn of(row: &Row) -> SqlResult<Self> {
        let number = |column| match row.0.get(column) {
            Some(Cell::Null) => Ok(0),
            _ => row.int(column),
        };
        Ok(Self {
            conv: number(0)?,
            end: number(1)?,
            floor: number(2)?,
            lowest: number(3)?,
            highest: number(4)?,
            count: number(5)?,
        })
    }

    /// Whether every number from the floor to the end is there, and no other.
    fn is_whole(&self) -> bool {
        let wanted = (self.end - self.floor + 1).max(0);
        self.count == wanted && (wanted == 0 || (self.lowest == self.floor && self.highest == self.end))
    }
}

/// Looks whether the messages of each conversation are those that it says it has.
fn conversations(sql: &mut dyn Stream, mends: bool, told: Told<'_>) -> SqlResult<()> {
    let statement = format!(
        "SELECT v.id, v.last_seq, {FLOOR}, (SELECT MIN(m.seq) FROM Message m WHERE m.conv = v.id), \
         (SELECT MAX(m.seq) FROM Message m WHERE m.conv = v.id), (SELECT COUNT(*) FROM Message m WHERE m.conv = v.id) \
         FROM Conversation v WHERE v.id > ? ORDER BY v.id LIMIT ?"
    );
    let mut after = 0;
    loop {
        let rows = sql.rows(&statement, &[after.into(), CONVERSATIONS_AT_ONCE.into()])?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.int(0)?;
        for row in &rows {
            let extent = Extent::of(row)?;
            if !extent.is_whole() {
                overhang(sql, &extent, mends, told)?;
                holes(sql, &extent, if mends { Fate::Left } else { Fate::Found }, told)?;
            }
        }
    }
}

/// Messages behind the end: their numbers were given, so the end is where they are.
fn overhang(sql: &mut dyn Stream, extent: &Extent, mends: bool, told: Told<'_>) -> SqlResult<()> {
    let Extent { conv, end, highest, .. } = *extent;
    if highest <= end {
        return Ok(());
    }
    let mut fate = Fate::Found;
    if mends {
        let statement = "UPDATE Conversation SET last_seq = ?, last_msg = COALESCE((SELECT MAX(m.seq) FROM Message m \
                         WHERE m.conv = Conversation.id AND m.kind = 0), 0) WHERE id = ? AND last_seq < ?";
        let changed = sql.run(statement, &[highest.into(), conv.into(), highest.into()])?;
        fate = if changed > 0 { Fate::Mended } else { Fate::Left };
    }
    told(Finding { told: format!("conversation {conv} ends at {end}, and has messages up to {highest}"), fate });
    Ok(())
}

/// Tells the numbers that are missing.
fn holes(sql: &mut dyn Stream, extent: &Extent, fate: Fate, told: Told<'_>) -> SqlResult<()> {
    let Extent { conv, end, floor, highest, .. } = *extent;
    let mut next = floor;
    let mut count = 0;
    let mut tell = |from: i64, to: i64| {
        count += 1;
        if count <= HOLES_TOLD {
            told(Finding { told: format!("conversation {conv} has no messages {from} to {to}"), fate });
        }
    };
    sql.each("SELECT seq FROM Message WHERE conv = ? ORDER BY seq", &[conv.into()], &mut |row| {
        let seq = row.int(0)?;
        if seq > next {
            tell(next, seq - 1);
        }
        next = next.max(seq + 1);
        Ok(ControlFlow::Continue(()))
    })?;
    if next <= end.max(highest) {
        tell(next, end.max(highest));
    }
    if count > HOLES_TOLD {
        let more = count - HOLES_TOLD;
        told(Finding { told: format!("conversation {conv} has {more} more such holes"), fate });
    }
    if extent.lowest < floor && extent.count > 0 {
        let lowest = extent.lowest;
        told(Finding { told: format!("conversation {conv} begins at {floor}, and has a message {lowest}"), fate });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_whole_from_its_floor_to_its_end() {
        let whole =
            |end, floor, lowest, highest, count| Extent { conv: 1, end, floor, lowest, highest, count }.is_whole();
        assert!(whole(0, 1, 0, 0, 0), "an empty one");
        assert!(whole(3, 1, 1, 3, 3));
        assert!(whole(9, 4, 4, 9, 6), "one whose beginning was removed");
        assert!(whole(9, 10, 0, 0, 0), "one of which all was removed");
        assert!(!whole(3, 1, 1, 3, 2), "a hole");
        assert!(!whole(3, 1, 1, 4, 4), "more than there should be");
        assert!(!whole(3, 1, 0, 0, 0), "none of them");
        assert!(!whole(3, 1, 2, 4, 3), "others");
    }

    #[test]
    fn sentences_name_numbers_and_nothing_else() {
        let row = Row(vec![Cell::Int(7), Cell::Bytes(b"secret".to_vec()), Cell::Int(-1)]);
        assert_eq!(sentence("{0} is {2}, not {1}, {0}", &row), "7 is -1, not {1}, 7");
    }
}
