//! ERASE: an account is gone. What others meet of it goes at once, step by step; what it has said is recalled in the
//! background.

use std::time::Duration;

use super::proof;
use crate::delivery::directory::Ended;
use crate::ids::UserId;
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, SessionChange};
use crate::store::EraseStep;
use crate::wire::body::Role;
use crate::wire::reply::{Body, Notice};
use crate::wire::request::Erase;

/// For how long the reply waits for friendships and memberships to end. What is left then is the sweeper's: it ends, and
/// others see it when they look.
const STEPS_TIMEOUT: Duration = Duration::from_secs(2);

/// ERASE.
///
/// # Errors
/// The password is wrong, or was tried too often.
pub(crate) fn erase(ctx: &mut Ctx, caller: &Caller, request: &Erase) -> HandlerResult {
    proof::then(
        ctx,
        caller,
        request.password.clone(),
        |_, _| Ok(()),
        |ctx, caller, proof, ()| {
            let now = ctx.shared.clock.wall();
            let held_until = ctx.config.names_held.map(|held| now.plus(held));
            if ctx.store.erase(caller.user, &proof, held_until, now)?.is_none() {
                return Err(proof::wrong());
            }
            ctx.end_sessions(caller.user, Ended::All, Some(caller.conn));
            steps(ctx, caller.user, &caller.name);
            ctx.shared.sweep.soon();
            Ok(Response { body: Body::empty(), then: SessionChange::LogOut })
        },
    )
}

/// Ends what others have with a user who is erased and was called so, and tells them.
pub(crate) fn steps(ctx: &mut Ctx, user: UserId, name: &str) {
    let until = ctx.shared.clock.now() + STEPS_TIMEOUT;
    while ctx.shared.clock.now() < until {
        match ctx.store.erase_step(user, ctx.shared.clock.wall()) {
            Ok(EraseStep::Gone) => return,
            Ok(step) => tell(ctx, (user, name), step),
            Err(error) => return log::debug!("the sweeper goes on erasing user {user}: {error}"),
        }
    }
}

fn tell(ctx: &mut Ctx, (id, name): (UserId, &str), step: EraseStep) {
    let left = |groupid| Notice::GroupLeft { groupid, id, name: name.into(), by: None };
    match step {
        EraseStep::Unfriended(friends) => {
            for friend in friends {
                ctx.tell_user(friend, &Notice::FriendRemoved { id, name: name.into() });
            }
        }
        EraseStep::Left(group) => ctx.tell_others(group, id, &left(group)),
        EraseStep::HandedOver(group, heir) => {
            ctx.tell_others(group, id, &left(group));
            let role = Notice::GroupRole { groupid: group, id: heir.id, name: heir.name.into(), role: Role::Creator };
            ctx.tell_others(group, id, &role);
        }
        EraseStep::Deleted(group) => ctx.group_deleted(group),
        EraseStep::Quiet | EraseStep::Gone => {}
    }
}
