//! PROFILE: what a user is called, and what else others see of it.

use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError};
use crate::store::{Contact, NewProfile, ProfileChange, ProfileOutcome};
use crate::wire::body;
use crate::wire::body::Ext;
use crate::wire::errno::Errno;
use crate::wire::reply::{Body, Notice};
use crate::wire::request::Profile;

/// Friends that are read at once, to be told.
const FRIENDS_AT_ONCE: u32 = 500;

/// PROFILE. Friends are told, and the user's own other sessions.
///
/// # Errors
/// The name is taken.
pub(crate) fn profile(ctx: &mut Ctx, caller: &Caller, request: &Profile) -> HandlerResult {
    let now = ctx.shared.clock.wall();
    let profile = match &request.ext {
        None => NewProfile::Same,
        Some(None) => NewProfile::Removed,
        Some(Some(ext)) => NewProfile::Set(ext),
    };
    let held_until = ctx.config.names_held.map(|held| now.plus(held));
    let change = ProfileChange { name: request.name.as_deref(), profile, held_until };
    let contact = match ctx.store.change_profile(caller.user, &change, now)? {
        ProfileOutcome::Done(contact) => contact,
        ProfileOutcome::NameTaken => return Err(ServiceError::refused(Errno::Refused, "this name is taken")),
        ProfileOutcome::NoSuchUser => return Err(super::friend::no_such_user()),
    };
    if *contact.name != *caller.name {
        ctx.renamed(caller.user, &contact.name);
    }
    let Contact { id, name, profile } = contact;
    let ext = profile.and_then(Ext::new);
    tell(ctx, caller, &Notice::Profile { id, name: name.as_str().into(), ext: ext.clone() });
    Ok(Response::reply(Body::of(&body::Profile { id, name, ext })))
}

/// Tells whoever is online and sees the user in a list. What cannot be told is in the lists all the same.
fn tell(ctx: &mut Ctx, caller: &Caller, notice: &Notice<'_>) {
    ctx.tell_own_others(caller, notice);
    let line = notice.line();
    let mut after = 0;
    loop {
        let friends = match ctx.store.friends(caller.user, after, FRIENDS_AT_ONCE) {
            Ok(friends) => friends,
            Err(error) => return log::debug!("friends of user {} are not told of a profile: {error}", caller.user),
        };
        let Some(last) = friends.last() else { return };
        after = last.id.number();
        for friend in &friends {
            ctx.push_to_user(friend.id, line.clone());
        }
    }
}
