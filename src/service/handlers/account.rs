//! What an account finds: its friends, its groups, and the messages it has not confirmed. ACCOUNT and OFFLINE.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use serde_json::value::RawValue;

use super::presence;
use super::presence::{Online, People};
use super::{friend, group, shown};
use crate::delivery::cursors::queue::OfUser;
use crate::delivery::cursors::table::{Confirmation, Reading};
use crate::ids::{DeviceId, GroupId, UserId};
use crate::service::ahead::Account;
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError, SessionChange};
use crate::store::{
    AccountPage, Contact, CursorRow, EventsPending, Listed, Message, OwnPending, Pending, ReadRow, SavedReads,
    StoreError,
};
use crate::wants::Want;
use crate::wire::body::{AccountLists, Unconfirmed};
use crate::wire::reply::Body;
use crate::wire::request::Bare;

/// Friends in the login reply and in ACCOUNT's; FRIENDS lists the others.
pub(crate) const FRIENDS_LISTED_MAX: u32 = 500;
/// Groups there; GROUPS lists the others.
pub(crate) const GROUPS_LISTED_MAX: u32 = 200;
/// Conversations of which pending messages are listed; those of the others follow as pushes.
pub(crate) const PENDING_LISTED_MAX: usize = 200;
/// Where no more messages are pending, the user's own are read with the others, though the unnamed device is not shown them: the session
/// would ask for those behind the last one shown as soon as it is live.
const OWN_READ_MAX: u64 = 64;
/// Bodies in a list of messages take at most this part of the outbox.
const LIST_PART_OF_OUTBOX: usize = 4;

/// The lists of ACCOUNT and of the login reply. A message is listed as the text of its push.
pub(crate) type Lists<'a> = AccountLists<'a, Box<RawValue>>;

/// What a session has missed: the positions beyond its device's cursors, and the oldest messages there.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) pending: Vec<Pending>,
    pub(crate) shown: Vec<Message>,
    /// What the user said, where the device is not shown it; perhaps not all of it.
    pub(crate) own: Vec<Message>,
}

impl Missed {
    /// What was read of it, divided into what the device is shown and what its user said.
    fn read(pending: Vec<Pending>, read: Vec<Message>, caller: &Caller) -> Self {
        let is_shown = |message: &Message| caller.device != DeviceId::UNNAMED || message.sender.id != caller.user;
        let (shown, own) = read.into_iter().partition(is_shown);
        Self { pending, shown, own }
    }
}

/// What was read of an account.
pub(crate) struct Found {
    pub(crate) missed: Missed,
    friends: Vec<Contact>,
    friends_total: u64,
    groups: group::Listed,
    group_ids: Vec<GroupId>,
    is_asked: bool,
    is_blocked: bool,
    /// What [`Found::show_oldest`] reads, if it was read ahead.
    oldest: Option<Vec<Message>>,
}

impl Found {
    /// Everybody whose state is told.
    #[must_use]
    pub(crate) fn people(&self) -> People {
        let mut people = People {
            open: self.friends.iter().map(|friend| friend.id).collect(),
            others: self.groups.people().collect(),
        };
        if !self.is_blocked {
            // By nobody: then by none of these.
            people.open.append(&mut people.others);
        }
        people
    }

    /// Reads the oldest messages of what is pending.
    ///
    /// # Errors
    /// The store is away.
    pub(crate) fn show_oldest(&mut self, ctx: &mut Ctx, caller: &Caller) -> Result<(), ServiceError> {
        let pending = std::mem::take(&mut self.missed.pending);
        let read = if let Some(read) = self.oldest.take() {
            read
        } else {
            oldest(ctx, caller, &pending, read_of(ctx, &pending, listed(caller)))?
        };
        self.missed = Missed::read(pending, read, caller);
        Ok(())
    }

    /// All groups that the user is in, ascending.
    #[must_use]
    pub(crate) fn group_ids(&self) -> &[GroupId] {
        &self.group_ids
    }

    /// Whether somebody may wait for the user's answer.
    #[must_use]
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// The lists for the reply, and what the session has missed, as far as the reply shows it.
    #[must_use]
    pub(crate) fn told<'a>(self, caller: &'a Caller, online: &Online) -> (Lists<'a>, Missed) {
        let Self { missed, friends, friends_total, groups, group_ids, .. } = self;
        let lists = Lists {
            id: caller.user,
            name: (&*caller.name).into(),
            offlinemsg: shown::elements(&missed.shown, caller.user),
            friends: friend::entries(friends, online),
            friends_total,
            groups: groups.entries(online),
            groups_total: group_ids.len() as u64,
        };
        (lists, missed)
    }
}

/// Reads it. What the user's sessions here have confirmed is written first.
///
/// # Errors
/// The store is away.
pub(crate) fn read(ctx: &mut Ctx, caller: &Caller) -> Result<Found, ServiceError> {
    let ahead = ctx.ahead.account(caller.conn);
    let is_written = write_cursors(ctx, caller.user)?;
    // What was read before that was written does not count.
    let Account { generation, page, shown: oldest } = match ahead.filter(|_| !is_written) {
        Some(account) => account,
        None => ask(ctx, caller)?,
    };
    let AccountPage { pending, friends, is_asked, is_blocked, groups, has_more_groups } = page;
    compare(ctx, generation, &pending);
    let friends_total = match friends.len() {
        listed if listed < FRIENDS_LISTED_MAX as usize => listed as u64,
        _ => ctx.store.friends_count(caller.user)?,
    };
    let group_ids = if has_more_groups {
        ctx.store.group_ids(caller.user)?
    } else {
        groups.iter().map(|(own, _)| own.group.id).collect()
    };
    let groups = group::listed(ctx, groups)?;
    let missed = Missed { pending, ..Missed::default() };
    Ok(Found { missed, friends, friends_total, groups, group_ids, is_asked, is_blocked, oldest })
}

fn ask(ctx: &mut Ctx, caller: &Caller) -> Result<Account, ServiceError> {
    let generation = ctx.shared.epoch.generation();
    let page = ctx.store.account_page(caller.user, caller.device, FRIENDS_LISTED_MAX, GROUPS_LISTED_MAX)?;
    Ok(Account { generation, page, shown: None })
}

/// Looks whether the data went back, by where conversations end.
fn compare(ctx: &Ctx, generation: u32, pending: &[Pending]) {
    for position in pending {
        ctx.shared.epoch.compare(generation, position.conv, 0, position.last_seq);
    }
}

/// ACCOUNT: the login reply again, without token.
///
/// # Errors
/// The store is away.
pub(crate) fn account(ctx: &mut Ctx, caller: &Caller, _: &Bare) -> HandlerResult {
    let mut found = read(ctx, caller)?;
    found.show_oldest(ctx, caller)?;
    let caller = caller.clone();
    presence::seen_by(ctx, caller.user, found.people(), move |_, online| {
        let (lists, Missed { pending, shown, .. }) = found.told(&caller, online);
        let body = Body::of(&lists);
        Ok(Response { body, then: SessionChange::Shown { pending, shown } })
    })
}

/// OFFLINE: what is still unconfirmed; a page, the next one follows when this one is confirmed.
///
/// # Errors
/// The store is away.
pub(crate) fn offline(ctx: &mut Ctx, caller: &Caller, _: &Bare) -> HandlerResult {
    let Missed { pending, shown, .. } = unconfirmed(ctx, caller)?;
    let more = pending.iter().any(|position| {
        let last = shown.iter().rev().find(|message| message.conv == position.conv);
        last.map_or(position.delivered, |message| message.seq) < position.last_seq
    });
    // Own messages behind the last one shown make `more` true once too often; the next page is empty then.
    let listed = Unconfirmed { offlinemsg: shown::elements(&shown, caller.user), more: more && !shown.is_empty() };
    let body = Body::of(&listed);
    Ok(Response { body, then: SessionChange::Shown { pending, shown } })
}

/// How many bytes of bodies a list of messages may have, so that its line fits into the outbox.
#[must_use]
pub(crate) fn list_bytes_max(ctx: &Ctx) -> usize {
    ctx.config.limits.outbox_bytes / LIST_PART_OF_OUTBOX
}

/// Writes what one user's sessions on this node have confirmed, and how far they have read; whether there was anything.
///
/// # Errors
/// The store is away; nothing is forgotten.
pub(crate) fn write_cursors(ctx: &mut Ctx, user: UserId) -> Result<bool, ServiceError> {
    // Before the rows are taken: those of the epoch that may follow would be refused, and come again.
    let epoch = ctx.shared.epoch.text();
    let taken = ctx.shared.cursor_queue.take_user(user);
    if taken.is_empty() {
        return Ok(false);
    }
    if !ctx.shared.epoch.trusts_cursors() {
        put_back(ctx, &epoch, taken);
        return Err(StoreError::Busy("the data went back to an earlier state".into()).into());
    }
    let OfUser { cursors, reads } = taken;
    let rows: Vec<CursorRow> = cursors.iter().map(|confirmation| confirmation.row).collect();
    let locked = match ctx.store.save_cursors(&epoch, &rows) {
        Ok(locked) => locked,
        Err(error) => {
            put_back(ctx, &epoch, OfUser { cursors, reads });
            return Err(error.into());
        }
    };
    let is_locked = |confirmation: &Confirmation| locked.contains(&confirmation.row);
    let (locked, written): (Vec<_>, Vec<_>) = cursors.into_iter().partition(is_locked);
    if is_told(ctx) {
        ctx.shared.cursor_queue.written(&written);
    }
    if !locked.is_empty() {
        put_back(ctx, &epoch, OfUser { cursors: locked, reads });
        // What was confirmed must not be listed again.
        return Err(StoreError::Busy("cursors of this user are locked".into()).into());
    }
    write_reads(ctx, &epoch, reads)?;
    Ok(true)
}

fn write_reads(ctx: &mut Ctx, epoch: &str, reads: Vec<Reading>) -> Result<(), ServiceError> {
    let rows: Vec<ReadRow> = reads.iter().map(|reading| reading.row).collect();
    match ctx.store.save_reads(epoch, &rows) {
        Ok(SavedReads { moved, locked }) => {
            if is_told(ctx) {
                ctx.shared.cursor_queue.reads_written(&reads, &moved);
            }
            let is_locked = |row: &ReadRow| locked.iter().any(|other| other.conv == row.conv);
            let again = reads.into_iter().filter(|reading| is_locked(&reading.row)).collect();
            // What is read is told a moment later: nothing hangs on it.
            put_back(ctx, epoch, OfUser { cursors: Vec::new(), reads: again });
            Ok(())
        }
        Err(error) => {
            put_back(ctx, epoch, OfUser { cursors: Vec::new(), reads });
            Err(error.into())
        }
    }
}

/// Whether anybody may want to be told what was written.
fn is_told(ctx: &Ctx) -> bool {
    ctx.shared.demand.look(Want::Receipts, ctx.shared.clock.now()).is_possible()
}

/// What was not written waits again, unless it was confirmed in an epoch that is over by now.
fn put_back(ctx: &Ctx, epoch: &str, OfUser { cursors, reads }: OfUser) {
    if *ctx.shared.epoch.text() == *epoch {
        ctx.shared.cursor_queue.note(cursors);
        ctx.shared.cursor_queue.note_reads(reads);
    }
}

/// What the device has not confirmed. What the user's sessions here have confirmed is written first.
///
/// # Errors
/// The store is away.
fn unconfirmed(ctx: &mut Ctx, caller: &Caller) -> Result<Missed, ServiceError> {
    write_cursors(ctx, caller.user)?;
    let generation = ctx.shared.epoch.generation();
    let pending = ctx.store.pending(caller.user, caller.device)?;
    compare(ctx, generation, &pending);
    let shown = oldest(ctx, caller, &pending, listed(caller))?;
    Ok(Missed { pending, shown, own: Vec::new() })
}

/// What is listed of what is pending. The unnamed device is not shown what its user said.
pub(crate) fn listed(caller: &Caller) -> Listed {
    let own = if caller.device == DeviceId::UNNAMED { OwnPending::LeftOut } else { OwnPending::Listed };
    Listed { own, events: EventsPending::of(caller.wants) }
}

/// What is read of it: that, and what the user said, where it is little.
pub(crate) fn read_of(ctx: &Ctx, pending: &[Pending], listed: Listed) -> Listed {
    let missing = pending.iter().map(Pending::missing).sum::<u64>();
    // All of it has room in one answer, then: what is shown gives way to nothing.
    let is_little = missing <= OWN_READ_MAX.min(u64::from(ctx.config.limits.offline_messages));
    Listed { own: if is_little { OwnPending::Listed } else { listed.own }, ..listed }
}

/// The oldest messages of what is pending.
fn oldest(ctx: &mut Ctx, caller: &Caller, pending: &[Pending], listed: Listed) -> Result<Vec<Message>, ServiceError> {
    let messages_max = ctx.config.limits.offline_messages;
    let bytes_max = list_bytes_max(ctx);
    // Conversations in which only own messages are behind the cursor show nothing: then it is the next ones' turn.
    for some in pending.chunks(PENDING_LISTED_MAX) {
        let shown = ctx.store.oldest_pending(caller.user, some, listed, messages_max, bytes_max)?;
        if !shown.is_empty() {
            return Ok(shown);
        }
    }
    Ok(Vec::new())
}
