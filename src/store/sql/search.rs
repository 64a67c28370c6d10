//! SEARCH: one look at a bounded number of a user's messages, conversation by conversation, from the newest on. What is
//! compared is compared here and not by the database: so both find the same.

use super::history::{self, PageLimit};
use super::{Arg, Sql, SqlResult};
use crate::ids::{ConvId, Seq, UserId};
use crate::store::search::Keyword;
use crate::store::{SearchPage, SearchPlace, SearchQuery};

/// Messages that one statement reads.
const ROWS_AT_ONCE: u32 = 1_000;

/// Conversations that one statement reads.
const CONVERSATIONS_AT_ONCE: u32 = 100;

/// A user's conversations in the order of CONVERSATIONS; a group's counts with the membership.
const CONVERSATIONS: &str = "SELECT v.id, v.active_at, COALESCE(g.joined_seq, 0) FROM `Cursor` c \
                             JOIN Conversation v ON v.id = c.conv \
                             LEFT JOIN GroupUser g ON g.groupid = c.conv AND g.userid = c.userid \
                             WHERE c.userid = ? AND c.device = 0 AND v.last_msg > 0 \
                             AND (c.conv > 4294967295 OR g.userid IS NOT NULL)";

/// A conversation, and behind which number it is the user's to read.
#[derive(Clone, Copy)]
struct Conversation {
    conv: ConvId,
    active_at: i64,
    joined_seq: Seq,
}

/// Where messages were found, and where the next look goes on.
pub(super) struct Found {
    pub(super) places: Vec<(ConvId, Seq)>,
    next: Option<SearchPlace>,
}

pub(super) fn search(sql: &mut dyn Sql, reader: UserId, query: &SearchQuery, limit: u32) -> SqlResult<SearchPage> {
    let found = look(sql, reader, query, limit)?;
    page(sql, reader, &found)
}

/// Looks for messages, and does not fetch them.
pub(super) fn look(sql: &mut dyn Sql, reader: UserId, query: &SearchQuery, limit: u32) -> SqlResult<Found> {
    let mut look = Look {
        query,
        found: Vec::new(),
        most: limit,
        rows_left: query.rows_max,
        bytes_left: query.bytes_max,
        found_bytes_left: query.found_bytes_max,
        room: Vec::new(),
    };
    let mut after = query.after;
    loop {
        let conversations = conversations(sql, reader, query.within, after)?;
        let is_last = conversations.len() < CONVERSATIONS_AT_ONCE as usize;
        for conversation in conversations {
            let Conversation { conv, active_at, .. } = conversation;
            let before = after.filter(|place| place.conv == conv).map_or(Seq::MAX, |place| place.before);
            if let Some(before) = look.go_on(sql, conversation, before)? {
                let next = Some(SearchPlace { active_at, conv, before });
                return Ok(Found { places: look.found, next });
            }
            after = Some(SearchPlace { active_at, conv, before: 0 });
        }
        if is_last || query.within.is_some() {
            return Ok(Found { places: look.found, next: None });
        }
    }
}

/// The messages that were found, as they are shown.
pub(super) fn page(sql: &mut dyn Sql, reader: UserId, found: &Found) -> SqlResult<SearchPage> {
    let all = PageLimit { messages: u32::MAX, bytes: usize::MAX };
    Ok(SearchPage { messages: history::at(sql, reader, &found.places, all)?, next: found.next })
}

fn conversations(
    sql: &mut dyn Sql,
    reader: UserId,
    within: Option<ConvId>,
    after: Option<SearchPlace>,
) -> SqlResult<Vec<Conversation>> {
    let limit = Arg::from(CONVERSATIONS_AT_ONCE);
    let rows = match (within, after) {
        (Some(conv), _) => sql.rows(&format!("{CONVERSATIONS} AND c.conv = ?"), &[reader.into(), conv.into()])?,
        (None, None) => {
            let statement = format!("{CONVERSATIONS} ORDER BY v.active_at DESC, v.id DESC LIMIT ?");
            sql.rows(&statement, &[reader.into(), limit])?
        }
        (None, Some(SearchPlace { active_at, conv, before })) => {
            // The one that the last look ended in comes again, if there is more of it.
            let comparison = if before > 0 { "<=" } else { "<" };
            let statement = format!(
                "{CONVERSATIONS} AND (v.active_at < ? OR (v.active_at = ? AND v.id {comparison} ?)) \
                 ORDER BY v.active_at DESC, v.id DESC LIMIT ?"
            );
            let active_at = Arg::Int(active_at);
            sql.rows(&statement, &[reader.into(), active_at, active_at, conv.into(), limit])?
        }
    };
    let conversation =
        |row: &super::Row| Ok(Conversation { conv: row.conv(0)?, active_at: row.int(1)?, joined_seq: row.seq(2)? });
    rows.iter().map(conversation).collect()
}

/// One look, as far as it has come.
struct Look<'q> {
    query: &'q SearchQuery,
    found: Vec<(ConvId, Seq)>,
    most: u32,
    rows_left: u32,
    bytes_left: usize,
    found_bytes_left: usize,
    /// For [`Keyword::is_in`].
    room: Vec<u8>,
}

impl Look<'_> {
    /// Looks into a conversation, at messages ahead of `before`; where to go on in it, if it has to end there.
    fn go_on(&mut self, sql: &mut dyn Sql, within: Conversation, mut before: Seq) -> SqlResult<Option<Seq>> {
        let Conversation { conv, joined_seq, .. } = within;
        loop {
            if self.is_over() {
                return Ok(Some(before));
            }
            let rows = ROWS_AT_ONCE.min(self.rows_left);
            // Events are looked at, too, and counted: they have no words.
            let statement = "SELECT seq, sender, body FROM Message WHERE conv = ? AND seq < ? AND seq > ? \
                             ORDER BY seq DESC LIMIT ?";
            let found = sql.rows(statement, &[conv.into(), before.into(), joined_seq.into(), rows.into()])?;
            let is_last = found.len() < rows as usize;
            for mut row in found {
                before = row.seq(0)?;
                let is_of_sender = match self.query.from {
                    None => true,
                    Some(from) => row.user(1)? == from,
                };
                let body = row.text(2)?;
                self.rows_left -= 1;
                self.bytes_left = self.bytes_left.saturating_sub(body.len());
                let keyword: &Keyword = &self.query.keyword;
                if is_of_sender && keyword.is_in(&body, &mut self.room) {
                    self.found.push((conv, before));
                    self.found_bytes_left = self.found_bytes_left.saturating_sub(body.len());
                }
                if self.is_over() {
                    return Ok(Some(before));
                }
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    fn is_over(&self) -> bool {
        let is_full = self.found.len() >= self.most as usize || self.found_bytes_left == 0;
        is_full || self.rows_left == 0 || self.bytes_left == 0
    }
}
