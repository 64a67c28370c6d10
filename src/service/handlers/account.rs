//! What an account finds: its friends, its groups, and the messages it has not confirmed. ACCOUNT and OFFLINE.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use serde_json::value::RawValue;

use super::presence;
use super::presence::Online;
use super::{friend, group};
use crate::clock::UnixMs;
use crate::ids::{DeviceId, GroupId, UserId};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError, SessionChange};
use crate::store::{CursorRow, Message, OwnPending, Pending, Person, StoreError};
use crate::wire::body::{AccountLists, Unconfirmed};
use crate::wire::reply::{Body, Push, TimeText};
use crate::wire::request::Bare;

/// Friends in the login reply and in ACCOUNT's; FRIENDS lists the others.
const FRIENDS_LISTED_MAX: u32 = 500;
/// Groups there; GROUPS lists the others.
const GROUPS_LISTED_MAX: u32 = 200;
/// Conversations of which pending messages are listed; those of the others follow as pushes.
const PENDING_LISTED_MAX: usize = 200;
/// Bodies in a list of messages take at most this part of the outbox.
const LIST_PART_OF_OUTBOX: usize = 4;

/// The lists of ACCOUNT and of the login reply. A message is listed as the text of its push.
pub(crate) type Lists<'a> = AccountLists<'a, Box<RawValue>>;

/// What was read of an account.
pub(crate) struct Found {
    pending: Vec<Pending>,
    shown: Vec<Message>,
    friends: Vec<Person>,
    friends_total: u64,
    groups: group::Listed,
    group_ids: Vec<GroupId>,
}

impl Found {
    /// Everybody whose state is told.
    #[must_use]
    pub(crate) fn people(&self) -> Vec<UserId> {
        self.friends.iter().map(|friend| friend.id).chain(self.groups.people()).collect()
    }

    /// All groups that the user is in, ascending.
    #[must_use]
    pub(crate) fn group_ids(&self) -> &[GroupId] {
        &self.group_ids
    }

    /// The lists for the reply, where there is something to catch up on, and the messages that the reply shows.
    #[must_use]
    pub(crate) fn told<'a>(self, caller: &'a Caller, online: &Online) -> (Lists<'a>, Vec<Pending>, Vec<Message>) {
        let Self { pending, shown, friends, friends_total, groups, group_ids } = self;
        let lists = Lists {
            id: caller.user,
            name: (&*caller.name).into(),
            offlinemsg: elements(&shown, caller.user),
            friends: friend::entries(friends, online),
            friends_total,
            groups: groups.entries(online),
            groups_total: group_ids.len() as u64,
        };
        (lists, pending, shown)
    }
}

/// Reads all of it. What the user's sessions here have confirmed is written first.
///
/// # Errors
/// The store is away.
pub(crate) fn read(ctx: &mut Ctx, caller: &Caller) -> Result<Found, ServiceError> {
    let (pending, shown) = unconfirmed(ctx, caller)?;
    let friends = ctx.store.friends(caller.user, 0, FRIENDS_LISTED_MAX)?;
    let friends_total = match friends.len() {
        listed if listed < FRIENDS_LISTED_MAX as usize => listed as u64,
        _ => ctx.store.friends_count(caller.user)?,
    };
    let groups = ctx.store.groups(caller.user, 0, GROUPS_LISTED_MAX)?;
    let group_ids = match groups.len() {
        listed if listed < GROUPS_LISTED_MAX as usize => groups.iter().map(|group| group.id).collect(),
        _ => ctx.store.group_ids(caller.user)?,
    };
    let groups = group::listed(ctx, groups)?;
    Ok(Found { pending, shown, friends, friends_total, groups, group_ids })
}

/// ACCOUNT: the login reply again, without token.
///
/// # Errors
/// The store is away.
pub(crate) fn account(ctx: &mut Ctx, caller: &Caller, _: &Bare) -> HandlerResult {
    let found = read(ctx, caller)?;
    let caller = caller.clone();
    presence::with(ctx, found.people(), move |_, online| {
        let (lists, pending, shown) = found.told(&caller, online);
        let body = Body::of(&lists);
        Ok(Response { body, then: SessionChange::Shown { pending, shown } })
    })
}

/// OFFLINE: what is still unconfirmed; a page, the next one follows when this one is confirmed.
///
/// # Errors
/// The store is away.
pub(crate) fn offline(ctx: &mut Ctx, caller: &Caller, _: &Bare) -> HandlerResult {
    let (pending, shown) = unconfirmed(ctx, caller)?;
    let more = pending.iter().any(|position| {
        let last = shown.iter().rev().find(|message| message.conv == position.conv);
        last.map_or(position.delivered, |message| message.seq) < position.last_seq
    });
    // Own messages behind the last one shown make `more` true once too often; the next page is empty then.
    let listed = Unconfirmed { offlinemsg: elements(&shown, caller.user), more: more && !shown.is_empty() };
    let body = Body::of(&listed);
    Ok(Response { body, then: SessionChange::Shown { pending, shown } })
}

/// Messages as elements of a list.
#[must_use]
pub(crate) fn elements(messages: &[Message], reader: UserId) -> Vec<Box<RawValue>> {
    let mut time = TimeText::new(UnixMs(0));
    messages.iter().filter_map(|message| push_of(message, reader, &mut time).map(|push| push.element())).collect()
}

/// A stored message as the reader's push, with its time's text in `time`; `None` for a row whose conversation is not the
/// reader's.
#[must_use]
pub(crate) fn push_of<'a>(message: &'a Message, reader: UserId, time: &'a mut TimeText) -> Option<Push<'a>> {
    use crate::ids::Peer;
    let to = match message.conv.peer_of(reader)? {
        Peer::Group(group) => Peer::Group(group),
        Peer::User(peer) if message.sender.id == reader => Peer::User(peer),
        Peer::User(_) => Peer::User(reader),
    };
    time.set(message.sent_at);
    Some(Push {
        sender: message.sender.id,
        name: &message.sender.name,
        to,
        body: &message.body,
        time,
        seq: message.seq,
    })
}

/// How many bytes of bodies a list of messages may have, so that its line fits into the outbox.
#[must_use]
pub(crate) fn list_bytes_max(ctx: &Ctx) -> usize {
    ctx.shared.config.limits.outbox_bytes / LIST_PART_OF_OUTBOX
}

/// Writes what one user's sessions on this node have confirmed.
///
/// # Errors
/// The store is away; nothing is forgotten.
pub(crate) fn write_cursors(ctx: &mut Ctx, user: UserId) -> Result<(), ServiceError> {
    // Before the rows are taken: those of the epoch that may follow would be refused, and come again.
    let epoch = ctx.shared.epoch.text();
    let rows = ctx.shared.cursor_queue.take_user(user);
    if rows.is_empty() {
        return Ok(());
    }
    if !ctx.shared.epoch.trusts_cursors() {
        put_back(ctx, &epoch, rows);
        return Err(StoreError::Busy("the data went back to an earlier state".into()).into());
    }
    match ctx.store.save_cursors(&epoch, &rows) {
        Ok(locked) if locked.is_empty() => Ok(()),
        Ok(locked) => {
            put_back(ctx, &epoch, locked);
            // What was confirmed must not be listed again.
            Err(StoreError::Busy("cursors of this user are locked".into()).into())
        }
        Err(error) => {
            put_back(ctx, &epoch, rows);
            Err(error.into())
        }
    }
}

/// What was not written waits again, unless it was confirmed in an epoch that is over by now.
fn put_back(ctx: &Ctx, epoch: &str, rows: Vec<CursorRow>) {
    if *ctx.shared.epoch.text() == *epoch {
        ctx.shared.cursor_queue.confirm(rows);
    }
}

/// The positions beyond the device's cursors, and the oldest messages there. The unnamed device is not shown what its
/// user said.
fn unconfirmed(ctx: &mut Ctx, caller: &Caller) -> Result<(Vec<Pending>, Vec<Message>), ServiceError> {
    write_cursors(ctx, caller.user)?;
    let generation = ctx.shared.epoch.generation();
    let pending = ctx.store.pending(caller.user, caller.device)?;
    for position in &pending {
        ctx.shared.epoch.compare(generation, position.conv, 0, position.last_seq);
    }
    if pending.is_empty() {
        return Ok((pending, Vec::new()));
    }
    let own = if caller.device == DeviceId::UNNAMED { OwnPending::LeftOut } else { OwnPending::Listed };
    let messages_max = ctx.shared.config.limits.offline_messages;
    let bytes_max = list_bytes_max(ctx);
    let mut shown = Vec::new();
    // Conversations in which only own messages are behind the cursor show nothing: then it is the next ones' turn.
    for some in pending.chunks(PENDING_LISTED_MAX) {
        shown = ctx.store.oldest_pending(caller.user, some, own, messages_max, bytes_max)?;
        if !shown.is_empty() {
            break;
        }
    }
    Ok((pending, shown))
}
