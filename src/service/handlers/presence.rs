//! Who is online: here by the directory, elsewhere by the bus.

use crate::bus::Channel;
use crate::ids::UserId;
use crate::service::ctx::{Ctx, HandlerResult};
use crate::service::waiting::{Awaited, for_bus};
use crate::wire::body::Presence;

/// Who of those asked about is online.
#[derive(Debug)]
pub(crate) struct Online(Vec<UserId>);

impl Online {
    /// The user's state, as the wire has it.
    #[must_use]
    pub(crate) fn state(&self, user: UserId) -> Presence {
        if self.0.binary_search(&user).is_ok() { Presence::Online } else { Presence::Offline }
    }
}

/// People whose state is to be told.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// Whoever is known not to have blocked the viewer: friends, for a block ends the friendship, and whom a list of
    /// conversations shows so.
    pub(crate) open: Vec<UserId>,
    /// Who may have.
    pub(crate) others: Vec<UserId>,
}

impl From<Vec<UserId>> for People {
    fn from(others: Vec<UserId>) -> Self {
        Self { open: Vec::new(), others }
    }
}

/// The same as [`with`]; who has blocked the viewer is offline.
///
/// # Errors
/// `NotYet`, the store is away, or what `rest` returns.
pub(crate) fn seen_by(
    ctx: &mut Ctx,
    viewer: UserId,
    people: impl Into<People>,
    rest: impl FnOnce(&mut Ctx, &Online) -> HandlerResult + Send + 'static,
) -> HandlerResult {
    let People { mut open, others } = people.into();
    let users = open.iter().chain(&others).copied().collect();
    open.sort_unstable();
    with(ctx, users, move |ctx, online| {
        let may_block = |user: &UserId| *user != viewer && open.binary_search(user).is_err();
        let others: Vec<UserId> = online.0.iter().copied().filter(may_block).collect();
        if others.is_empty() {
            return rest(ctx, online);
        }
        let blockers = ctx.store.blockers(viewer, &others)?;
        let seen = online.0.iter().copied().filter(|user| !blockers.contains(user)).collect();
        rest(ctx, &Online(seen))
    })
}

/// Goes on with `rest` when it is known who of `users` has a session on any node. What cannot be known (the bus is away, or
/// does not answer soon) is offline.
///
/// # Errors
/// `NotYet`, or what `rest` returns.
pub(crate) fn with(
    ctx: &mut Ctx,
    mut users: Vec<UserId>,
    rest: impl FnOnce(&mut Ctx, &Online) -> HandlerResult + Send + 'static,
) -> HandlerResult {
    users.sort_unstable();
    users.dedup();
    let (here, unknown): (Vec<UserId>, Vec<UserId>) =
        users.into_iter().partition(|user| ctx.shared.directory.is_online(*user));
    if unknown.is_empty() || !ctx.shared.bus.has_peers() {
        return rest(ctx, &Online(here));
    }
    let channels: Vec<Channel> = unknown.iter().map(|user| Channel::User(*user)).collect();
    let question = ctx.shared.bus.ask(&channels);
    for_bus(ctx, Awaited::Answered(question.clone()), move |ctx| {
        let mut online = here;
        match question.look() {
            Some(Ok(counts)) => {
                let there = unknown.into_iter().zip(counts.iter()).filter(|(_, count)| **count > 0);
                online.extend(there.map(|(user, _)| user));
                online.sort_unstable();
            }
            Some(Err(error)) => log::debug!("presence is unknown: {error}"),
            None => log::debug!("presence is unknown: no answer in time"),
        }
        rest(ctx, &Online(online))
    })
}
