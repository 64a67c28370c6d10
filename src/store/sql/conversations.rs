//! The list of a user's conversations, the latest first, with what is unread in each; and how the user keeps them.
//!
//! ```text
//!   one statement       the page: cursors of device 0, ordered by the conversations' last activity
//!   a few, over lists   the last messages; what is unread; names; how far the others have come
//! ```
//!
//! What a user has said counts as read, and nothing is ever written for that: where something was said behind the read
//! position, the user's own last message is looked for, from the end and not far.

use std::collections::HashMap;

use super::lists::{exact_pieces, lookups, repeated};
use super::receipts::{self, Progress};
use super::{Arg, Row, Sql, SqlResult, history};
use crate::ids::{ConvId, GroupId, Peer, Seq, UserId};
use crate::store::rights::Rules;
use crate::store::{
    Activity, ConversationPage, ConversationRow, ConversationsWanted, Flags, Message, Person, UNREAD_MAX, With,
};

/// How far from the end unread messages are looked for: events stand between them.
const LOOK_BACK: Seq = 1_000;

const PAGE: &str = "SELECT v.id, v.active_at, v.last_seq, v.last_msg, v.rules, c.read_seq, c.flags, \
                    COALESCE(m.joined_seq, 0) \
                    FROM `Cursor` c JOIN Conversation v ON v.id = c.conv \
                    LEFT JOIN GroupUser m ON m.groupid = c.conv AND m.userid = c.userid \
                    WHERE c.userid = ? AND c.device = 0 AND (c.conv > 4294967295 OR m.userid IS NOT NULL) \
                    AND (v.active_at < ? OR (v.active_at = ? AND v.id < ?)) \
                    ORDER BY v.active_at DESC, v.id DESC LIMIT ?";

const MUTED: i64 = 1;
const PINNED: i64 = 2;

/// A row of the page, as the first statement has it.
struct Entry {
    activity: Activity,
    last_seq: Seq,
    last_msg: Seq,
    rules: Rules,
    read: Seq,
    flags: Flags,
    /// What came before the user did, where that is not the user's to read.
    joined: Seq,
}

impl Entry {
    fn of(row: &Row) -> SqlResult<Self> {
        Ok(Self {
            activity: Activity { conv: row.conv(0)?, at: row.time(1)? },
            last_seq: row.seq(2)?,
            last_msg: row.seq(3)?,
            rules: Rules(row.int(4)?),
            read: row.seq(5)?,
            flags: flags(row.int(6)?),
            joined: row.seq(7)?,
        })
    }

    fn conv(&self) -> ConvId {
        self.activity.conv
    }

    /// Where unread messages may begin, if there may be any.
    fn unread_from(&self) -> Option<Seq> {
        let floor = self.read.max(self.joined);
        (self.last_msg > floor).then(|| floor.max(self.last_msg.saturating_sub(LOOK_BACK)))
    }

    /// The last message, if the user may read it.
    fn last(&self) -> Option<(ConvId, Seq)> {
        (self.last_msg > self.joined).then(|| (self.conv(), self.last_msg))
    }
}

fn flags(bits: i64) -> Flags {
    Flags { muted: bits & MUTED != 0, pinned: bits & PINNED != 0 }
}

pub(super) fn page(sql: &mut dyn Sql, user: UserId, wanted: ConversationsWanted) -> SqlResult<ConversationPage> {
    let (at, conv) = wanted.after.map_or((i64::MAX, i64::MAX), |after| (after.at.0, after.conv.number()));
    // One more than wanted tells whether there are more.
    let args = [user.into(), at.into(), at.into(), conv.into(), wanted.limit.saturating_add(1).into()];
    let mut entries = sql.rows(PAGE, &args)?.iter().map(Entry::of).collect::<SqlResult<Vec<Entry>>>()?;
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let mut has_more = entries.len() > limit;
    entries.truncate(limit);
    let mut lasts = last_messages(sql, user, &mut entries, wanted.bytes_max, &mut has_more)?;
    let next = entries.last().filter(|_| has_more).map(|last| last.activity);
    let mut unread = unread(sql, user, &entries)?;
    let mut withs = withs(sql, user, &entries)?;
    let row = |entry: Entry| {
        let conv = entry.conv();
        let (unread, own) = unread.remove(&conv).unwrap_or_default();
        // A group that was deleted meanwhile has no name any more.
        let with = withs.remove(&conv)?;
        let Entry { activity, last_seq, rules, read, flags, .. } = entry;
        Some(ConversationRow {
            activity,
            with,
            last_seq,
            read: read.max(own),
            unread,
            last: lasts.remove(&conv),
            rules,
            flags,
        })
    };
    Ok(ConversationPage { rows: entries.into_iter().filter_map(row).collect(), next })
}

/// The last messages. Where they take more room than there is, the page ends.
fn last_messages(
    sql: &mut dyn Sql,
    user: UserId,
    entries: &mut Vec<Entry>,
    bytes_max: usize,
    has_more: &mut bool,
) -> SqlResult<HashMap<ConvId, Message>> {
    let mut lasts = HashMap::new();
    let (mut bytes, mut begun) = (0_usize, 0);
    while begun < entries.len() {
        let end = entries.len().min(begun + history::PAGE_MESSAGES);
        let places: Vec<(ConvId, Seq)> = entries[begun..end].iter().filter_map(Entry::last).collect();
        let mut found = if places.is_empty() { HashMap::new() } else { history::fetch(sql, user, &places)? };
        for index in begun..end {
            let Some(message) = entries[index].last().and_then(|place| found.remove(&place)) else { continue };
            bytes = bytes.saturating_add(message.body.len());
            if bytes > bytes_max && index > 0 {
                entries.truncate(index);
                *has_more = true;
                return Ok(lasts);
            }
            lasts.insert(message.conv, message);
        }
        begun = end;
    }
    Ok(lasts)
}

/// How many messages of others are unread, and the user's own last one behind the read position, or 0.
fn unread(sql: &mut dyn Sql, user: UserId, entries: &[Entry]) -> SqlResult<HashMap<ConvId, (u32, Seq)>> {
    let part = format!(
        "SELECT CAST(? AS SIGNED), COUNT(*), COALESCE(MAX(CASE WHEN p.sender = ? THEN p.seq END), 0) FROM (\
         SELECT seq, sender FROM Message WHERE conv = ? AND seq > ? AND seq <= ? AND kind = 0 \
         ORDER BY seq DESC LIMIT {UNREAD_MAX}) p"
    );
    let candidates: Vec<(ConvId, Seq, Seq)> =
        entries.iter().filter_map(|entry| Some((entry.conv(), entry.unread_from()?, entry.last_msg))).collect();
    let mut found = HashMap::new();
    let mut behind_own = Vec::new();
    for piece in exact_pieces(&candidates) {
        let statement = repeated(&part, " UNION ALL ", piece.len());
        let args: Vec<Arg<'_>> = piece
            .iter()
            .flat_map(|&(conv, from, to)| [conv.into(), user.into(), conv.into(), from.into(), to.into()])
            .collect();
        let ends: HashMap<ConvId, Seq> = piece.iter().map(|&(conv, _, to)| (conv, to)).collect();
        for row in sql.rows(&statement, &args)? {
            let (conv, count, own) = (row.conv(0)?, row.seq(1)?, row.seq(2)?);
            if let Some(&to) = ends.get(&conv).filter(|to| own > 0 && own < **to) {
                behind_own.push((conv, own, to));
            }
            let count = if own > 0 { 0 } else { counted(count) };
            found.insert(conv, (count, own));
        }
    }
    let part = format!(
        "SELECT CAST(? AS SIGNED), COUNT(*) FROM (SELECT seq FROM Message \
         WHERE conv = ? AND seq > ? AND seq <= ? AND kind = 0 LIMIT {UNREAD_MAX}) p"
    );
    for piece in exact_pieces(&behind_own) {
        let statement = repeated(&part, " UNION ALL ", piece.len());
        let args: Vec<Arg<'_>> =
            piece.iter().flat_map(|&(conv, own, to)| [conv.into(), conv.into(), own.into(), to.into()]).collect();
        for row in sql.rows(&statement, &args)? {
            if let Some((count, _)) = found.get_mut(&row.conv(0)?) {
                *count = counted(row.seq(1)?);
            }
        }
    }
    Ok(found)
}

fn counted(rows: Seq) -> u32 {
    u32::try_from(rows).unwrap_or(UNREAD_MAX).min(UNREAD_MAX)
}

/// With whom each is.
fn withs(sql: &mut dyn Sql, user: UserId, entries: &[Entry]) -> SqlResult<HashMap<ConvId, With>> {
    let (mut peers, mut groups): (Vec<UserId>, Vec<GroupId>) = (Vec::new(), Vec::new());
    let mut told = Vec::new();
    for entry in entries {
        match entry.conv().peer_of(user) {
            Some(Peer::User(peer)) => {
                peers.push(peer);
                if !entry.rules.is_blocked() {
                    told.push((peer, entry.conv()));
                }
            }
            Some(Peer::Group(group)) => groups.push(group),
            None => {}
        }
    }
    let progress = receipts::progress(sql, &told)?;
    let mut withs = HashMap::new();
    for lookup in lookups(&peers, |peer| [peer.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT id, name, erased_at IS NOT NULL FROM User WHERE id IN ({list})");
        for mut row in sql.rows(&statement, &lookup.args)? {
            let person: Person = row.person(0)?;
            let conv = ConvId::pair(user, person.id);
            let progress: Option<Progress> = progress.get(&(person.id, conv)).copied();
            let (delivered, read) = (progress.map(|of| of.delivered), progress.map(|of| of.read));
            withs.insert(conv, With::User { person, is_erased: row.int(2)? != 0, delivered, read });
        }
    }
    for lookup in lookups(&groups, |group| [group.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT id, groupname, members FROM AllGroup WHERE id IN ({list})");
        for mut row in sql.rows(&statement, &lookup.args)? {
            let group = row.group(0)?;
            let with = With::Group { id: group, name: row.text(1)?, total: row.seq(2)? };
            withs.insert(ConvId::group(group), with);
        }
    }
    Ok(withs)
}

/// Sets what is given of a conversation's flags; how it is kept then. `None`: it is none of the user's.
pub(super) fn set_flags(
    sql: &mut dyn Sql,
    user: UserId,
    conv: ConvId,
    muted: Option<bool>,
    pinned: Option<bool>,
) -> SqlResult<Option<Flags>> {
    let statement = format!(
        "SELECT flags FROM `Cursor` WHERE userid = ? AND device = 0 AND conv = ? AND (conv > 4294967295 OR EXISTS (\
         SELECT 1 FROM GroupUser m WHERE m.groupid = conv AND m.userid = ?)){}",
        sql.dialect().locked
    );
    let Some(row) = sql.first(&statement, &[user.into(), conv.into(), user.into()])? else { return Ok(None) };
    let before = row.int(0)?;
    let with = |bits: i64, bit: i64, wanted: Option<bool>| match wanted {
        Some(true) => bits | bit,
        Some(false) => bits & !bit,
        None => bits,
    };
    let after = with(with(before, MUTED, muted), PINNED, pinned);
    if after != before {
        let update = "UPDATE `Cursor` SET flags = ? WHERE userid = ? AND device = 0 AND conv = ?";
        sql.run(update, &[after.into(), user.into(), conv.into()])?;
    }
    Ok(Some(flags(after)))
}
