//! Friends: add, delete, list, ask and answer.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use super::presence;
use super::presence::Online;
use crate::config::Friending;
use crate::ids::UserId;
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError};
use crate::store::{Contact, FriendOutcome, Person, UserRef};
use crate::wire::body::{Ext, Friend, FriendAdded, Friends, OfFriend};
use crate::wire::errno::Errno;
use crate::wire::reply::{self, Body, Notice};
use crate::wire::request::{AnswerFriend, AskFriend, ListPage, OneFriend};

/// The `msg` of a request made by ADD_FRIEND: JSON, as all of them are kept.
const NO_WORDS: &str = "\"\"";

/// Nobody has this id.
#[must_use]
pub(crate) fn no_such_user() -> ServiceError {
    ServiceError::refused(Errno::NotFound, "no such user")
}

fn not_oneself(caller: &Caller, friend: UserId) -> Result<(), ServiceError> {
    if friend == caller.user {
        return Err(ServiceError::refused(Errno::Malformed, "`friendid` is the sender"));
    }
    Ok(())
}

fn friend_reply(ctx: &mut Ctx, friend: Person) -> HandlerResult {
    presence::with(ctx, vec![friend.id], move |_, online| {
        let state = Some(online.state(friend.id));
        let name = friend.name.as_str().into();
        Ok(Response::reply(Body::of(&FriendAdded { friendid: friend.id, name, state, waiting: false })))
    })
}

/// ADD_FRIEND: mutual, and at once unless `friending` says that the other one is asked. Adding a friend again changes
/// nothing.
///
/// # Errors
/// Oneself, or no such user.
pub(crate) fn add(ctx: &mut Ctx, caller: &Caller, request: &OneFriend) -> HandlerResult {
    not_oneself(caller, request.friend)?;
    if ctx.config.friending == Friending::Ask {
        return add_if_both_want(ctx, caller, request.friend);
    }
    match ctx.store.add_friend(caller.user, request.friend)? {
        FriendOutcome::Done(friend) => {
            ctx.tell_user(friend.id, &Notice::FriendAdded { id: caller.user, name: (&*caller.name).into() });
            friend_reply(ctx, friend)
        }
        FriendOutcome::Already(friend) => friend_reply(ctx, friend),
        refused => Err(refusal(ctx, caller.user, &refused)),
    }
}

/// Why nothing was done.
fn refusal(ctx: &mut Ctx, user: UserId, outcome: &FriendOutcome) -> ServiceError {
    match outcome {
        FriendOutcome::Full(quota) => ctx.full_for(user, *quota),
        FriendOutcome::Blocked => ServiceError::refused(Errno::NotAllowed, "this user does not want to hear from you"),
        FriendOutcome::Blocking => {
            ServiceError::refused(Errno::NotAllowed, "you have blocked this user: unblock first")
        }
        FriendOutcome::NoSuchUser
        | FriendOutcome::NoSuchRequest
        | FriendOutcome::Done(_)
        | FriendOutcome::Already(_) => no_such_user(),
    }
}

/// The other one is asked, and then it is seen whether the other one has asked, too: so two users who ask each other at the
/// same moment become friends.
fn add_if_both_want(ctx: &mut Ctx, caller: &Caller, friend: UserId) -> HandlerResult {
    let asked = ctx.store.request_friend(caller.user, friend, NO_WORDS, ctx.shared.clock.wall())?;
    match asked {
        FriendOutcome::Already(friend) => return friend_reply(ctx, friend),
        FriendOutcome::Done(_) | FriendOutcome::Full(_) => {}
        refused => return Err(refusal(ctx, caller.user, &refused)),
    }
    match (ctx.store.answer_friend(caller.user, friend, true)?, asked) {
        (FriendOutcome::Done(friend), _) => {
            ctx.tell_user(friend.id, &Notice::FriendAdded { id: caller.user, name: (&*caller.name).into() });
            friend_reply(ctx, friend)
        }
        // The other one's request has met ours.
        (FriendOutcome::Already(friend), _) => friend_reply(ctx, friend),
        (_, FriendOutcome::Done(friend)) => {
            ctx.push_to_user(friend.id, reply::friend_request(caller.user, &caller.name, NO_WORDS));
            let name = friend.name.as_str().into();
            Ok(Response::reply(Body::of(&FriendAdded { friendid: friend.id, name, state: None, waiting: true })))
        }
        (FriendOutcome::Full(quota), _) | (_, FriendOutcome::Full(quota)) => Err(ctx.full_for(caller.user, quota)),
        (refused, _) => Err(refusal(ctx, caller.user, &refused)),
    }
}

/// DEL_FRIEND. Deleting a user who is no friend changes nothing.
///
/// # Errors
/// Oneself, or no such user.
pub(crate) fn delete(ctx: &mut Ctx, caller: &Caller, request: &OneFriend) -> HandlerResult {
    not_oneself(caller, request.friend)?;
    if ctx.store.delete_friend(caller.user, request.friend)? {
        ctx.tell_user(request.friend, &Notice::FriendRemoved { id: caller.user, name: (&*caller.name).into() });
    } else if ctx.store.user(UserRef::Id(request.friend))?.is_none() {
        return Err(no_such_user());
    }
    Ok(Response::reply(Body::of(&OfFriend { friendid: request.friend })))
}

/// FRIENDS: a page of them.
///
/// # Errors
/// The store is away.
pub(crate) fn list(ctx: &mut Ctx, caller: &Caller, request: &ListPage) -> HandlerResult {
    // One more than asked for tells whether there is more.
    let mut friends = ctx.store.friends(caller.user, request.after, request.limit + 1)?;
    let more = friends.len() > request.limit as usize;
    friends.truncate(request.limit as usize);
    let people = friends.iter().map(|friend| friend.id).collect();
    presence::with(ctx, people, move |_, online| {
        Ok(Response::reply(Body::of(&Friends { friends: entries(friends, online), more })))
    })
}

/// FRIEND_REQUEST: kept until it is answered.
///
/// # Errors
/// Oneself, no such user, or a friend already.
pub(crate) fn ask(ctx: &mut Ctx, caller: &Caller, request: &AskFriend) -> HandlerResult {
    not_oneself(caller, request.friend)?;
    match ctx.store.request_friend(caller.user, request.friend, &request.msg, ctx.shared.clock.wall())? {
        FriendOutcome::Done(friend) => {
            ctx.push_to_user(friend.id, reply::friend_request(caller.user, &caller.name, &request.msg));
            Ok(Response::reply(Body::of(&OfFriend { friendid: friend.id })))
        }
        FriendOutcome::Already(_) => Err(ServiceError::refused(Errno::Conflict, "friends already")),
        refused => Err(refusal(ctx, caller.user, &refused)),
    }
}

/// FRIEND_ANSWER: who asked is told when the answer is yes.
///
/// # Errors
/// That user has not asked.
pub(crate) fn answer(ctx: &mut Ctx, caller: &Caller, request: &AnswerFriend) -> HandlerResult {
    match ctx.store.answer_friend(caller.user, request.friend, request.accept)? {
        FriendOutcome::Done(friend) => {
            if request.accept {
                ctx.tell_user(friend.id, &Notice::FriendAdded { id: caller.user, name: (&*caller.name).into() });
            }
            Ok(Response::reply(Body::of(&OfFriend { friendid: friend.id })))
        }
        FriendOutcome::NoSuchUser | FriendOutcome::NoSuchRequest | FriendOutcome::Already(_) => {
            Err(ServiceError::refused(Errno::NotFound, "no friend request of this user"))
        }
        refused => Err(refusal(ctx, caller.user, &refused)),
    }
}

/// `friends[]`.
#[must_use]
pub(crate) fn entries(friends: Vec<Contact>, online: &Online) -> Vec<Friend> {
    let entry = |Contact { id, name, profile }: Contact| {
        // What no longer reads as JSON is of no use to a client, either.
        Friend { id, name, state: online.state(id), ext: profile.and_then(Ext::new) }
    };
    friends.into_iter().map(entry).collect()
}
