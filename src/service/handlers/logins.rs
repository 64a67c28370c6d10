//! What several logins ask the store, asked for all of them at once.
//!
//! When a node has died, its sessions come to the others in one or two seconds. Their logins wait for workers, and what each asks is
//! the same but for the user. So a worker takes several from the queue, asks for all, and then does one after the other:
//!
//! ```text
//!   queue: [ login a | login b | login c | ... ]
//!   worker: takes a, b, c; asks for their tokens by one statement; does a, b, c, each of which finds its answer here
//!           later the same for what their accounts hold: two to four statements instead of as many for each
//! ```
//!
//! A database is kept busy by the number of statements more than by that of rows. Where one login comes alone, nothing is asked ahead.
//! What is not found here a handler asks for itself: so an error here costs nothing but time.
//!
//! A login that has waited long is not refused as long as the store answers: it would come again, and all that was done for it would
//! be done once more.

use std::collections::{HashMap, HashSet};

use super::account::{FRIENDS_LISTED_MAX, GROUPS_LISTED_MAX, PENDING_LISTED_MAX, list_bytes_max, read_of};
use super::group::MEMBERS_LISTED_MAX;
use crate::ids::{GroupId, UserId};
use crate::net::ConnId;
use crate::service::ahead::{Account, Question};
use crate::service::auth::password::token_hash;
use crate::service::ctx::Ctx;
use crate::store::{AccountPage, Listed, Member, Message, Missing, Pending, Result};

/// Messages that are read ahead in all: what goes beyond is read for each session, when its turn comes.
const MESSAGES_MAX: u64 = 128;
/// The same for members of groups.
const MEMBERS_MAX: u64 = 8192;

/// Asks the store for all of them. What it does not answer is left out. Where it did not answer a moment ago, it is not asked: nobody
/// is to wait twice for it.
pub(crate) fn ask(ctx: &mut Ctx, asked: &[(ConnId, &Question)]) {
    let now = ctx.shared.clock.now();
    let timeout = ctx.config.store.timeout;
    if ctx.unanswered_at.is_some_and(|at| now.saturating_duration_since(at) < timeout) {
        return;
    }
    let answered = tokens(ctx, asked).and_then(|any| Ok(accounts(ctx, asked)? || any));
    ctx.ahead.is_answered = matches!(answered, Ok(true));
    ctx.unanswered_at = None;
    if let Err(error) = answered {
        // Each job asks again, and is told.
        log::debug!("nothing is read ahead: {error}");
        ctx.unanswered_at = Some(ctx.shared.clock.now());
    }
}

/// Whether the store was asked for any.
fn tokens(ctx: &mut Ctx, asked: &[(ConnId, &Question)]) -> Result<bool> {
    let mut conns = Vec::new();
    let mut tokens = Vec::new();
    for (conn, question) in asked {
        if let Question::Token { token, device } = question {
            conns.push(*conn);
            tokens.push((token_hash(token), device.as_str()));
        }
    }
    if !tokens.is_empty() {
        let rows = ctx.store.tokens(&tokens, ctx.shared.clock.wall())?;
        let known = conns.into_iter().zip(rows).filter_map(|(conn, row)| row.map(|row| (conn, row)));
        ctx.ahead.tokens.extend(known);
    }
    Ok(!tokens.is_empty())
}

/// The same.
fn accounts(ctx: &mut Ctx, asked: &[(ConnId, &Question)]) -> Result<bool> {
    let mut once = HashSet::new();
    let mut conns = Vec::new();
    let mut sessions = Vec::new();
    for (conn, question) in asked {
        if let Question::Account { user, device, listed } = **question
            // What was confirmed is written first, and that is the job's to do.
            && !ctx.shared.cursor_queue.has(user)
            && once.insert((user, device))
        {
            conns.push((*conn, user, listed));
            sessions.push((user, device));
        }
    }
    if sessions.is_empty() {
        return Ok(false);
    }
    let generation = ctx.shared.epoch.generation();
    let pages = ctx.store.account_pages(&sessions, FRIENDS_LISTED_MAX, GROUPS_LISTED_MAX)?;
    let shown = oldest(ctx, &conns, &pages)?;
    let members = members(ctx, &pages)?;
    let accounts = pages.into_iter().zip(shown).map(|(page, shown)| Account { generation, page, shown });
    ctx.ahead.accounts.extend(conns.into_iter().map(|(conn, ..)| conn).zip(accounts));
    ctx.ahead.members = members;
    Ok(true)
}

/// The oldest messages of what is pending, of each session or of none of its.
fn oldest(
    ctx: &mut Ctx,
    readers: &[(ConnId, UserId, Option<Listed>)],
    pages: &[AccountPage],
) -> Result<Vec<Option<Vec<Message>>>> {
    let mut room = MESSAGES_MAX;
    let mut asked = Vec::new();
    let mut shown: Vec<Option<Vec<Message>>> = pages.iter().map(|_| None).collect();
    for (place, (&(_, reader, listed), AccountPage { pending, .. })) in readers.iter().zip(pages).enumerate() {
        let missing = pending.iter().map(Pending::missing).sum::<u64>();
        let Some(listed) = listed.filter(|_| pending.len() <= PENDING_LISTED_MAX) else { continue };
        let Some(rest) = room.checked_sub(missing) else { continue };
        room = rest;
        asked.push((place, Missing { reader, pending, listed: read_of(ctx, pending, listed) }));
    }
    let of: Vec<Missing<'_>> = asked.iter().map(|(_, of)| *of).filter(|of| !of.pending.is_empty()).collect();
    let found = if of.is_empty() {
        Vec::new()
    } else {
        let messages_max = ctx.config.limits.offline_messages;
        ctx.store.oldest_pending_of_many(&of, messages_max, list_bytes_max(ctx))?
    };
    let mut found = found.into_iter();
    for (place, of) in asked {
        shown[place] = if of.pending.is_empty() { Some(Vec::new()) } else { found.next() };
    }
    Ok(shown)
}

/// The first members of the groups, each group once.
fn members(ctx: &mut Ctx, pages: &[AccountPage]) -> Result<HashMap<GroupId, Vec<Member>>> {
    let mut once = HashSet::new();
    let mut room = MEMBERS_MAX;
    let mut groups: Vec<(GroupId, u64)> = Vec::new();
    for (own, members) in pages.iter().flat_map(|page| &page.groups) {
        let listed = (*members).min(u64::from(MEMBERS_LISTED_MAX));
        if listed <= room && once.insert(own.group.id) {
            room -= listed;
            groups.push((own.group.id, *members));
        }
    }
    if groups.is_empty() {
        return Ok(HashMap::new());
    }
    let found = ctx.store.members_of_all(&groups, MEMBERS_LISTED_MAX)?;
    Ok(groups.into_iter().map(|(group, _)| group).zip(found).collect())
}
