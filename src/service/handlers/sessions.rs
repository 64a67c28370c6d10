//! SESSIONS and PASSWORD: what can be resumed, and what ends that.
use super::proof;
use crate::delivery::directory::Ended;
use crate::service::auth::password::Hasher;
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError};
use crate::store::{SessionRow, TokenHash, token_key};
use crate::wire::body;
use crate::wire::body::SessionEntry;
use crate::wire::errno::Errno;
use crate::wire::reply::Body;
use crate::wire::request::{ChangePassword, End, Sessions};

/// SESSIONS: ends what is to end, and lists a page.
///
/// # Errors
/// No session has this number, or it is the one that asks.
pub(crate) fn sessions(ctx: &mut Ctx, caller: &Caller, request: &Sessions) -> HandlerResult {
    match request.end {
        Some(End::One(number)) => end_one(ctx, caller, number)?,
        Some(End::Others) => {
            ctx.store.end_other_sessions(caller.user, &caller.token, ctx.shared.clock.wall())?;
            end_all_but(ctx, caller);
        }
        None => {}
    }
    let (after, limit) = (request.page.after, request.page.limit);
    // One more than asked for tells whether there is more.
    let mut rows = ctx.store.sessions(caller.user, after, limit + 1, ctx.shared.clock.wall())?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let sessions = rows.into_iter().map(|row| entry(row, &caller.token)).collect();
    Ok(Response::reply(Body::of(&body::Sessions { sessions, more })))
}

fn end_one(ctx: &mut Ctx, caller: &Caller, number: u64) -> Result<(), ServiceError> {
    let no_such_session = || ServiceError::refused(Errno::NotFound, "no session of yours has this number");
    let number = u32::try_from(number).ok().filter(|number| *number > 0).ok_or_else(no_such_session)?;
    let now = ctx.shared.clock.wall();
    let found = ctx.store.sessions(caller.user, number - 1, 1, now)?;
    if found.first().is_some_and(|row| row.number == number && row.token == caller.token) {
        return Err(ServiceError::refused(Errno::Conflict, "this session is the one that asks: LOGOUT ends it"));
    }
    let token = ctx.store.end_session(caller.user, number, now)?.ok_or_else(no_such_session)?;
    ctx.end_sessions(caller.user, Ended::One(token_key(&token)), None);
    Ok(())
}

/// Also those are closed whose tokens others have pushed out: they are in no list.
fn end_all_but(ctx: &mut Ctx, caller: &Caller) {
    ctx.end_sessions(caller.user, Ended::AllBut(token_key(&caller.token)), None);
}

fn entry(row: SessionRow, own: &TokenHash) -> SessionEntry {
    let SessionRow { number, token, device, address, since, used_at } = row;
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    SessionEntry {
        number: number.into(),
        device: given(device),
        address: given(address),
        since,
        used: used_at,
        this: token == *own,
    }
}

/// PASSWORD: the session that changes it stays, all others end.
///
/// # Errors
/// The old one is wrong, or it was tried too often.
pub(crate) fn password(ctx: &mut Ctx, caller: &Caller, request: &ChangePassword) -> HandlerResult {
    let ChangePassword { password, new } = request.clone();
    let hash = move |hasher: &mut Hasher, stored: &str| hasher.hash_like(&new, stored);
    proof::then(ctx, caller, password, hash, |ctx, caller, old, new| {
        let now = ctx.shared.clock.wall();
        let changed = ctx.store.change_password(caller.user, [&old, &new], &caller.token, now)?;
        if changed.is_none() {
            return Err(proof::wrong());
        }
        end_all_but(ctx, &caller);
        Ok(Response::reply(Body::empty()))
    })
}
