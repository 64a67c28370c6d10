//! What a session has missed in several conversations: where its device is in each, and the messages that come next. Two
//! statements, whatever the number of conversations. And the same for many sessions in one group.

use std::collections::HashMap;

use super::history::{self, PageLimit};
use super::{Sql, SqlResult, pending};
use crate::ids::{ConvId, DeviceId, GroupId, Members, Seq, UserId};
use crate::store::{Message, Page, Pending, Place, Range};

pub(super) fn pages(
    sql: &mut dyn Sql,
    reader: UserId,
    device: DeviceId,
    places: &[Place],
    limit: PageLimit,
) -> SqlResult<Vec<Page>> {
    if let [place] = places {
        return Ok(vec![page(sql, reader, device, *place, limit)?]);
    }
    let convs: Vec<ConvId> = places.iter().map(|place| place.conv).collect();
    let mut positions = pending::positions(sql, reader, device, &convs)?;
    let behind: Vec<(ConvId, Seq)> = places.iter().filter_map(|place| behind(*place, &positions)).collect();
    let mut found = heads(sql, reader, &behind, limit.messages)?;
    for (conv, _) in behind {
        // Nothing is there for the reader: a user who has left the group since the position was read is no member.
        if !found.contains_key(&conv) && matches!(conv.members(), Some(Members::Group(_))) {
            positions.remove(&conv);
        }
    }
    let mut room = Room { bytes_left: limit.bytes, is_untouched: true };
    let mut pages = Vec::with_capacity(places.len());
    for &Place { conv, .. } in places {
        let mut messages = found.remove(&conv).unwrap_or_default();
        let fitting = messages.iter().take_while(|message| room.takes(message)).count();
        let is_full = fitting < messages.len();
        messages.truncate(fitting);
        if !is_full || fitting > 0 {
            pages.push(Page { conv, position: positions.get(&conv).copied(), messages });
        }
        if is_full {
            break;
        }
    }
    Ok(pages)
}

/// The same for one conversation, of which more fits into the answer.
fn page(sql: &mut dyn Sql, reader: UserId, device: DeviceId, place: Place, limit: PageLimit) -> SqlResult<Page> {
    let Place { conv, after } = place;
    let no_member = Page { conv, position: None, messages: Vec::new() };
    let Some(position) = pending::position(sql, reader, device, conv)? else { return Ok(no_member) };
    let range = Range::After(after.unwrap_or(position.delivered));
    // The user may have left since the position was read.
    let Some((messages, _)) = history::messages(sql, reader, conv, range, limit)? else {
        return Ok(no_member);
    };
    Ok(Page { conv, position: Some(position), messages })
}

/// So many messages before the one that is told are read for all: a reader may have been told of a later one as well.
const BEFORE_TOLD: Seq = 16;

pub(super) fn of_many(
    sql: &mut dyn Sql,
    group: GroupId,
    told: Seq,
    readers: &[(UserId, DeviceId)],
    limit: PageLimit,
) -> SqlResult<Vec<Page>> {
    let conv = ConvId::group(group);
    let first = told.saturating_sub(1 + BEFORE_TOLD);
    // Before the memberships: nobody is shown anything who was no member any more when it was read.
    let tail = history::tail(sql, conv, first, limit)?;
    let places = pending::in_group(sql, group, readers)?;
    let page_of = |&(reader, device): &(UserId, DeviceId)| {
        let Some(place) = places.get(&(reader, device)) else {
            return Ok(Page { conv, position: None, messages: Vec::new() });
        };
        let Some(tail) = tail.as_ref().filter(|_| place.position.delivered >= first) else {
            // It has missed more, or there is something to tell that is not the same for all.
            return page(sql, reader, device, Place { conv, after: None }, limit);
        };
        let after = place.position.delivered.max(place.joined_seq);
        let messages: Vec<Message> = tail.iter().filter(|message| message.seq > after).cloned().collect();
        if messages.is_empty() && place.position.last_seq > after {
            // Those before have taken all the room: an empty page would say that there is nothing.
            return page(sql, reader, device, Place { conv, after: None }, limit);
        }
        Ok(Page { conv, position: Some(place.position), messages })
    };
    readers.iter().map(page_of).collect()
}

/// Behind which number there is something to read, if there is anything.
fn behind(place: Place, positions: &HashMap<ConvId, Pending>) -> Option<(ConvId, Seq)> {
    let position = positions.get(&place.conv)?;
    let after = place.after.unwrap_or(position.delivered);
    (position.last_seq > after).then_some((place.conv, after))
}

/// The first messages behind each place: each conversation has its share of `limit`, one message at least.
fn heads(
    sql: &mut dyn Sql,
    reader: UserId,
    behind: &[(ConvId, Seq)],
    limit: u32,
) -> SqlResult<HashMap<ConvId, Vec<Message>>> {
    let share = limit / u32::try_from(behind.len()).unwrap_or(u32::MAX).max(1);
    let mut found: HashMap<ConvId, Vec<Message>> = HashMap::new();
    for message in history::heads(sql, reader, behind, share.max(1))? {
        found.entry(message.conv).or_default().push(message);
    }
    for head in found.values_mut() {
        head.sort_unstable_by_key(|message| message.seq);
    }
    Ok(found)
}

/// What is left for bodies; the first one fits, however long it is.
struct Room {
    bytes_left: usize,
    is_untouched: bool,
}

impl Room {
    fn takes(&mut self, message: &Message) -> bool {
        let fits = std::mem::take(&mut self.is_untouched) || message.body.len() <= self.bytes_left;
        self.bytes_left = self.bytes_left.saturating_sub(message.body.len());
        fits
    }
}
