//! Stored messages: ranges of a conversation, and messages by their places. Every statement that reads the
//! bodies of a group's messages reads the reader's membership as well: a user who has left finds nothing, whatever was asked
//! before.

use std::collections::HashMap;

use super::lists::{exact_pieces, padded_len, repeated};
use super::{Arg, Row, Sql, SqlResult, events, reactions};
use crate::ids::{ConvId, GroupId, Members, Seq, UserId};
use crate::store::{Kind, Message, Range};

/// How many messages one statement fetches, so that long ones never pile up in memory.
pub(super) const PAGE_MESSAGES: usize = 64;

/// An edit has the text of the message that it is about, as long as nothing has overtaken it.
pub(super) const COLUMNS: &str = "SELECT m.conv, m.seq, m.sender, COALESCE(u.name, ''), m.sent_at, m.cid, \
                       COALESCE(t.body, m.body), m.kind, COALESCE(m.of_seq, 0), m.edited_at, m.reacted \
                       FROM Message m LEFT JOIN User u ON u.id = m.sender \
                       LEFT JOIN Message t ON t.conv = m.conv AND t.seq = m.of_seq AND t.edited_seq = m.seq";

/// A group that exists and that the user is in: the parameters are the group and the user.
const MEMBERSHIP: &str = "SELECT 1 FROM GroupUser g JOIN Conversation v ON v.id = g.groupid \
                          WHERE g.groupid = ? AND g.userid = ?";

/// The same for the group, if it is one, of each message; the parameter is the user. The larger ids are those of pairs.
pub(super) const OWN: &str = "(m.conv > 4294967295 OR EXISTS (SELECT 1 FROM GroupUser g JOIN Conversation v ON v.id = g.groupid \
                   WHERE g.groupid = m.conv AND g.userid = ? AND m.seq > g.joined_seq))";

/// How much one answer carries.
#[derive(Clone, Copy)]
pub(super) struct PageLimit {
    /// At most so many messages,
    pub messages: u32,
    /// and about so many bytes of bodies; at least one message, however long.
    pub bytes: usize,
}

pub(super) fn messages(
    sql: &mut dyn Sql,
    reader: UserId,
    conv: ConvId,
    range: Range,
    limit: PageLimit,
) -> SqlResult<Option<(Vec<Message>, bool)>> {
    let group = match conv.members() {
        Some(Members::Group(group)) => Some(group),
        Some(Members::Pair(a, b)) if a == reader || b == reader => None,
        Some(Members::Pair(..)) | None => return Ok(None),
    };
    let page = PageStatement::new(conv, group.map(|group| (group, reader)), range);
    let mut bound = PageStatement::first_bound(range);
    let mut taken = Taken::new(limit);
    loop {
        // One more than wanted tells whether there are more.
        let wanted = PAGE_MESSAGES.min(taken.room().saturating_add(1));
        let rows = page.read(sql, bound, wanted)?;
        let is_last = rows.len() < wanted;
        let mut is_full = false;
        for row in rows {
            let message = message(row)?;
            bound = message.seq;
            is_full = !taken.offer(message);
            if is_full {
                break;
            }
        }
        if is_full || is_last {
            let mut messages = taken.complete(sql, reader)?;
            // Nothing was found: because there is nothing, or because it is not the reader's.
            if messages.is_empty() && !page.is_readable(sql)? {
                return Ok(None);
            }
            if page.is_descending {
                messages.reverse();
            }
            return Ok(Some((messages, is_full)));
        }
    }
}

/// The messages behind this one, for whoever may read them: nothing of them is of one reader. `None` if there is.
pub(super) fn tail(sql: &mut dyn Sql, conv: ConvId, after: Seq, limit: PageLimit) -> SqlResult<Option<Vec<Message>>> {
    let mut taken = Taken::new(limit);
    let page = PageStatement::new(conv, None, Range::After(after));
    for row in page.read(sql, after, taken.room().min(PAGE_MESSAGES))? {
        let message = message(row)?;
        // Which reactions are a reader's own, and what an event about a reaction says, is told to each.
        if message.reacted || message.kind == Kind::Reaction {
            return Ok(None);
        }
        if !taken.offer(message) {
            break;
        }
    }
    Ok(Some(taken.messages))
}

/// One page of a conversation after the other.
struct PageStatement {
    conv: ConvId,
    /// The group whose conversation it is, and who reads.
    membership: Option<(GroupId, UserId)>,
    is_descending: bool,
    text: String,
}

impl PageStatement {
    fn new(conv: ConvId, membership: Option<(GroupId, UserId)>, range: Range) -> Self {
        let is_descending = !matches!(range, Range::After(_));
        let (comparison, order) = if is_descending { ("<", "DESC") } else { (">", "ASC") };
        let own = if membership.is_some() {
            format!(" AND EXISTS ({MEMBERSHIP} AND m.seq > g.joined_seq)")
        } else {
            String::new()
        };
        let text = format!("{COLUMNS} WHERE m.conv = ? AND m.seq {comparison} ?{own} ORDER BY m.seq {order} LIMIT ?");
        Self { conv, membership, is_descending, text }
    }

    fn first_bound(range: Range) -> Seq {
        match range {
            Range::After(seq) | Range::Before(seq) => seq,
            Range::Latest => Seq::MAX,
        }
    }

    fn read(&self, sql: &mut dyn Sql, bound: Seq, page: usize) -> SqlResult<Vec<Row>> {
        let mut args: Vec<Arg<'_>> = vec![self.conv.into(), bound.into()];
        if let Some((group, reader)) = self.membership {
            args.extend([Arg::from(group), reader.into()]);
        }
        args.push(page_arg(page).into());
        sql.rows(&self.text, &args)
    }

    fn is_readable(&self, sql: &mut dyn Sql) -> SqlResult<bool> {
        let Some((group, reader)) = self.membership else { return Ok(true) };
        Ok(sql.first(MEMBERSHIP, &[group.into(), reader.into()])?.is_some())
    }
}

/// The first messages behind each place, at most `limit` of each, in any order.
pub(super) fn heads(
    sql: &mut dyn Sql,
    reader: UserId,
    places: &[(ConvId, Seq)],
    limit: u32,
) -> SqlResult<Vec<Message>> {
    let part = format!("SELECT * FROM ({COLUMNS} WHERE m.conv = ? AND m.seq > ? AND {OWN} ORDER BY m.seq LIMIT ?) p");
    let mut found = Vec::new();
    for piece in exact_pieces(places) {
        let statement = repeated(&part, " UNION ALL ", piece.len());
        let args: Vec<_> =
            piece.iter().flat_map(|&(conv, seq)| [conv.into(), seq.into(), reader.into(), limit.into()]).collect();
        for row in sql.rows(&statement, &args)? {
            found.push(message(row)?);
        }
    }
    reactions::complete(sql, reader, &mut found)?;
    Ok(found)
}

/// Messages by their places, in that order; those that are not the reader's are left out.
pub(super) fn at(
    sql: &mut dyn Sql,
    reader: UserId,
    places: &[(ConvId, Seq)],
    limit: PageLimit,
) -> SqlResult<Vec<Message>> {
    let mut taken = Taken::new(limit);
    for piece in places.chunks(PAGE_MESSAGES) {
        let mut found = fetch(sql, reader, piece)?;
        // A message may be missing: its group was deleted meanwhile, or the reader has left it.
        for message in piece.iter().filter_map(|place| found.remove(place)) {
            if !taken.offer(message) {
                return taken.complete(sql, reader);
            }
        }
    }
    taken.complete(sql, reader)
}

/// Messages gathered up to a limit; at least one, however long.
pub(super) struct Taken {
    messages: Vec<Message>,
    limit: usize,
    bytes_left: usize,
}

impl Taken {
    pub(super) fn new(PageLimit { messages, bytes }: PageLimit) -> Self {
        Self { messages: Vec::new(), limit: usize::try_from(messages).unwrap_or(usize::MAX), bytes_left: bytes }
    }

    pub(super) fn room(&self) -> usize {
        self.limit - self.messages.len()
    }

    /// The messages, with what else there is to tell of them.
    pub(super) fn complete(mut self, sql: &mut dyn Sql, reader: UserId) -> SqlResult<Vec<Message>> {
        reactions::complete(sql, reader, &mut self.messages)?;
        Ok(self.messages)
    }

    /// Takes the message, unless it is one too many; `false` then.
    pub(super) fn offer(&mut self, message: Message) -> bool {
        let is_too_long = message.body.len() > self.bytes_left && !self.messages.is_empty();
        if self.room() == 0 || is_too_long {
            return false;
        }
        self.bytes_left = self.bytes_left.saturating_sub(message.body.len());
        self.messages.push(message);
        true
    }
}

/// At most [`PAGE_MESSAGES`] messages by their places.
pub(super) fn fetch(
    sql: &mut dyn Sql,
    reader: UserId,
    places: &[(ConvId, Seq)],
) -> SqlResult<HashMap<(ConvId, Seq), Message>> {
    let len = padded_len(places.len());
    let statement = format!("{COLUMNS} WHERE ({}) AND {OWN}", repeated("(m.conv = ? AND m.seq = ?)", " OR ", len));
    let padding = places.last().into_iter().cycle().take(len - places.len());
    let mut args: Vec<_> = places.iter().chain(padding).flat_map(|&(conv, seq)| [conv.into(), seq.into()]).collect();
    args.push(reader.into());
    let rows = sql.rows(&statement, &args)?;
    rows.into_iter().map(|row| message(row).map(|message| ((message.conv, message.seq), message))).collect()
}

pub(super) fn message(mut row: Row) -> SqlResult<Message> {
    Ok(Message {
        conv: row.conv(0)?,
        seq: row.seq(1)?,
        kind: events::kind(row.int(7)?)?,
        of: row.seq(8)?,
        sender: row.person(2)?,
        sent_at: row.time(4)?,
        cid: row.text_or_null(5)?,
        body: row.text(6)?,
        reaction: None,
        edited_at: row.time_or_null(9)?,
        reacted: row.int(10)? != 0,
        reactions: Vec::new(),
    })
}

fn page_arg(page: usize) -> u32 {
    u32::try_from(page).expect("a page is at most PAGE_MESSAGES")
}
