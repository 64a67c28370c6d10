//! One's own view of conversations: the list of them, how they are kept, and who has read up to where. CONVERSATIONS,
//! CONVERSATION_SET and RECEIPTS.

use serde_json::value::RawValue;

use super::presence::Online;
use super::{account, history, presence, shown};
use crate::clock::UnixMs;
use crate::ids::{ConvId, Peer, UserId};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError};
use crate::store::{Activity, ConversationPage, ConversationRow, ConversationsWanted, Pending, With};
use crate::wire::body::{self, Conversation, ConversationFlags, Presence, ReceiptEntry};
use crate::wire::errno::Errno;
use crate::wire::reply::{Body, Notice};
use crate::wire::request::{ConversationSet, Conversations, Receipts};

/// Conversations in the reply to a login that asks for the list.
const LISTED_AT_LOGIN: u32 = 48;

/// A page as the wire has it; a message stands there as the text of its push.
pub(crate) type Listed = body::Conversations<Box<RawValue>>;

/// CONVERSATIONS: a page of them, the latest first. What has just been read counts.
///
/// # Errors
/// An `after` that no page has given.
pub(crate) fn list(ctx: &mut Ctx, caller: &Caller, request: &Conversations) -> HandlerResult {
    let after = request.after.as_deref().map(|text| {
        place_of(text).ok_or_else(|| ServiceError::refused(Errno::Malformed, "`after` is no `next` of a page"))
    });
    let after = after.transpose()?;
    account::write_cursors(ctx, caller.user)?;
    let wanted = ConversationsWanted { after, limit: request.limit, bytes_max: account::list_bytes_max(ctx) };
    let page = ctx.store.conversations(caller.user, wanted)?;
    let reader = caller.user;
    presence::with(ctx, people(&page, reader), move |_, online| {
        Ok(Response::reply(Body::of(&listed(page, reader, online))))
    })
}

/// The first page, for a login that asks for it in place of messages; and where the session stands: in each conversation at
/// the last message that there is, so that nothing is pushed but what comes from then on.
///
/// `pending` was read before the page, and becomes where the session stands. What comes between the two is told to the session, which hears already, unless the
/// page shows it; and the page is no later than what it says of each conversation.
///
/// # Errors
/// The store is away.
pub(crate) fn first_page(
    ctx: &mut Ctx,
    caller: &Caller,
    pending: &mut Vec<Pending>,
) -> Result<ConversationPage, ServiceError> {
    let generation = ctx.shared.epoch.generation();
    let bytes_max = account::list_bytes_max(ctx);
    let wanted = ConversationsWanted { after: None, limit: LISTED_AT_LOGIN, bytes_max };
    let page = ctx.store.conversations(caller.user, wanted)?;
    let convs: Vec<ConvId> = page.rows.iter().map(|row| row.activity.conv).collect();
    let positions = ctx.store.positions(caller.user, caller.device, &convs)?;
    for position in &positions {
        ctx.shared.epoch.compare(generation, position.conv, 0, position.last_seq);
    }
    *pending = places(std::mem::take(pending), &page.rows, &positions);
    Ok(page)
}

/// Where a session stands that was shown `rows`: where these end, and elsewhere where `before` says, read before them.
/// `positions` are those of the rows, read after them: where nothing is behind the device's cursor, no place is needed.
fn places(before: Vec<Pending>, rows: &[ConversationRow], positions: &[Pending]) -> Vec<Pending> {
    let at = |conv, seq| Pending { conv, delivered: seq, last_seq: seq };
    let delivered = |conv| positions.iter().find(|position| position.conv == conv).map(|position| position.delivered);
    let shown = rows
        .iter()
        .filter(|row| delivered(row.activity.conv).is_some_and(|delivered| delivered < row.last_seq))
        .map(|row| at(row.activity.conv, row.last_seq));
    let is_shown = |position: &Pending| rows.iter().any(|row| row.activity.conv == position.conv);
    let others = before.into_iter().filter(|position| !is_shown(position));
    others.map(|position| at(position.conv, position.last_seq)).chain(shown).collect()
}

/// Everybody whose state is told.
#[must_use]
pub(crate) fn people(page: &ConversationPage, reader: UserId) -> Vec<UserId> {
    page.rows.iter().filter_map(|row| peer_shown(row, reader)).collect()
}

/// The other one of two, unless it is hidden whether that one is there.
fn peer_shown(row: &ConversationRow, reader: UserId) -> Option<UserId> {
    let With::User { person, is_erased: false, .. } = &row.with else { return None };
    let conv = ConvId::pair(reader, person.id);
    (!row.rules.has_blocked(conv, person.id)).then_some(person.id)
}

/// The page as the reader gets it.
#[must_use]
pub(crate) fn listed(page: ConversationPage, reader: UserId, online: &Online) -> Listed {
    let ConversationPage { rows, next } = page;
    body::Conversations {
        conversations: rows.into_iter().map(|row| entry(row, reader, online)).collect(),
        more: next.is_some(),
        next: next.map(text_of),
    }
}

fn entry(row: ConversationRow, reader: UserId, online: &Online) -> Conversation<Box<RawValue>> {
    let state = peer_shown(&row, reader).map_or(Presence::Offline, |peer| online.state(peer));
    let last = row.last.and_then(|message| shown::last(&message, reader));
    let bare = Conversation {
        id: None,
        name: None,
        state: None,
        erased: false,
        groupid: None,
        groupname: None,
        total: None,
        last_seq: row.last_seq,
        read: row.read,
        unread: row.unread,
        peer_delivered: None,
        peer_read: None,
        last,
        muted: row.flags.muted,
        pinned: row.flags.pinned,
    };
    match row.with {
        With::User { person, is_erased, delivered, read } => Conversation {
            id: Some(person.id),
            name: (!is_erased).then_some(person.name),
            state: Some(state),
            erased: is_erased,
            peer_delivered: delivered,
            peer_read: read,
            ..bare
        },
        With::Group { id, name, total } => {
            Conversation { groupid: Some(id), groupname: Some(name), total: Some(total), ..bare }
        }
    }
}

/// A place in the list as clients keep it.
fn text_of(Activity { at, conv }: Activity) -> String {
    format!("{:x}.{:x}", at.0, conv.number())
}

fn place_of(text: &str) -> Option<Activity> {
    let (at, conv) = text.split_once('.')?;
    let number = |text| i64::from_str_radix(text, 16).ok();
    Some(Activity { at: UnixMs(number(at)?), conv: ConvId::from_number(number(conv)?)? })
}

fn not_oneself(caller: &Caller, peer: Peer) -> Result<(), ServiceError> {
    if peer == Peer::User(caller.user) {
        return Err(ServiceError::refused(Errno::Malformed, "`id` is the sender"));
    }
    Ok(())
}

/// CONVERSATION_SET: how one keeps a conversation. One's other sessions are told.
///
/// # Errors
/// There is no such conversation, or it is a group's that the caller is not in.
pub(crate) fn set(ctx: &mut Ctx, caller: &Caller, request: &ConversationSet) -> HandlerResult {
    not_oneself(caller, request.peer)?;
    let conv = ConvId::with(caller.user, request.peer);
    let Some(flags) = ctx.store.set_flags(caller.user, conv, request.muted, request.pinned)? else {
        return Err(match request.peer {
            Peer::User(_) => ServiceError::refused(Errno::NotFound, "no conversation with this user"),
            Peer::Group(_) => history::not_readable(ctx, caller, request.peer)?,
        });
    };
    let (id, groupid) = match request.peer {
        Peer::User(peer) => (Some(peer), None),
        Peer::Group(group) => (None, Some(group)),
    };
    let (muted, pinned) = (flags.muted, flags.pinned);
    ctx.tell_own(caller, &Notice::ConversationSet { id, groupid, muted, pinned });
    Ok(Response::reply(Body::of(&ConversationFlags { id, groupid, muted, pinned })))
}

/// RECEIPTS: a page of who has received and read up to where, by id.
///
/// # Errors
/// A conversation that is not the caller's.
pub(crate) fn receipts(ctx: &mut Ctx, caller: &Caller, request: &Receipts) -> HandlerResult {
    not_oneself(caller, request.peer)?;
    account::write_cursors(ctx, caller.user)?;
    let conv = ConvId::with(caller.user, request.peer);
    // One more than asked for tells whether there is more.
    let found = ctx.store.receipts(caller.user, conv, request.after, request.limit.saturating_add(1))?;
    let Some(mut rows) = found else { return Err(history::not_readable(ctx, caller, request.peer)?) };
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let entry =
        |row: &crate::store::ReceiptRow| ReceiptEntry { id: row.user, delivered: row.delivered, read: row.read };
    let receipts = rows.iter().map(entry).collect();
    Ok(Response::reply(Body::of(&body::Receipts { receipts, more })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rights::Rules;
    use crate::store::{Flags, Person};

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn conv(with: i64) -> ConvId {
        ConvId::pair(user(1), user(with))
    }

    fn row(with: i64, last_seq: u64) -> ConversationRow {
        let person = Person { id: user(with), name: "b".to_owned() };
        ConversationRow {
            activity: Activity { at: UnixMs(0), conv: conv(with) },
            with: With::User { person, is_erased: false, delivered: None, read: None },
            last_seq,
            read: 0,
            unread: 0,
            last: None,
            rules: Rules::default(),
            flags: Flags::default(),
        }
    }

    fn at(with: i64, delivered: u64, last_seq: u64) -> Pending {
        Pending { conv: conv(with), delivered, last_seq }
    }

    #[test]
    fn a_place_in_the_list_comes_back_as_it_went() {
        let place = Activity { at: UnixMs(1_700_000_000_000), conv: conv(7) };
        assert_eq!(place_of(&text_of(place)), Some(place));
        for text in ["", ".", "1", "1.", "x.1", "1.0", "1.-5", "1.ffffffffffffffffff"] {
            assert_eq!(place_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_session_stands_where_the_list_ends() {
        // Message 11 was stored after the positions were read, and the list shows it: it is not pushed as well.
        assert_eq!(places(vec![at(2, 3, 10)], &[row(2, 11)], &[at(2, 3, 11)]), [at(2, 11, 11)]);
        // Message 12 is in no list: it was stored after that, and it is pushed.
        assert_eq!(places(vec![at(2, 3, 10)], &[row(2, 11)], &[at(2, 3, 12)]), [at(2, 11, 11)]);
        // A conversation in which nothing was pending has something new, which the list shows.
        assert_eq!(places(vec![], &[row(2, 11)], &[at(2, 10, 11)]), [at(2, 11, 11)]);
        // One that the page has no room for: whatever came after the positions were read is pushed.
        assert_eq!(
            places(vec![at(2, 3, 10), at(3, 0, 5)], &[row(2, 10)], &[at(2, 3, 10)]),
            [at(3, 5, 5), at(2, 10, 10)]
        );
        // Where the device has everything, no place is kept.
        assert_eq!(places(vec![], &[row(2, 11), row(3, 0)], &[at(2, 11, 11), at(3, 0, 0)]), []);
        // It was left meanwhile.
        assert_eq!(places(vec![at(2, 3, 10)], &[row(2, 10)], &[]), []);
    }
}
