//! REGISTER, LOGIN and LOGOUT: who somebody is. How a session comes in is `entrance`'s.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::attempts::Key;
use super::mail::Then;
use super::password::{new_token, token_hash};
use super::session::Habits;
use super::workers::Place;
use super::{Caller, Ctx, Done, Handled, ServiceError, Visitor, account, entrance};
use crate::clock::UnixMs;
use crate::delivery::tracks::OwnMessages;
use crate::ids::{DeviceId, UserId};
use crate::store::{Created, TokenHash, TokenRow, UserRow, Who};
use crate::wire::errno::Errno;
use crate::wire::reply::Body;
use crate::wire::request::{Account, Bare, Credentials, Login, Register};

/// A token lives so long from its last use.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// A token's end is moved at most so often: a login costs no write otherwise.
const TOKEN_TOUCH: Duration = Duration::from_secs(24 * 3600);
/// Passwords are hashed on threads of their own.
#[must_use]
pub fn place(login: &Login) -> Place {
    if login.credentials.password.is_some() { Place::Auth } else { Place::Worker }
}

/// REGISTER.
///
/// # Errors
/// The name is taken.
pub fn register(ctx: &mut Ctx, _: &Visitor, request: &Register) -> Handled {
    #[derive(Serialize)]
    struct Reply {
        id: UserId,
    }
    if ctx.store.user(Who::Name(&request.name))?.is_some() {
        return Err(name_taken());
    }
    let phc = ctx.hasher.hash(&request.password)?;
    match ctx.store.create_user(&request.name, &phc, ctx.shared.clock.wall())? {
        Created::New(id) => Ok(Done::reply(Body::of(&Reply { id }))),
        Created::NameTaken => Err(name_taken()),
    }
}

fn name_taken() -> ServiceError {
    ServiceError::refused(Errno::Refused, "this name is taken")
}

fn wrong_credentials() -> ServiceError {
    ServiceError::refused(Errno::Refused, "wrong account, password or token")
}

/// LOGIN.
///
/// # Errors
/// Wrong credentials, too many of them, or the account is online already.
pub fn login(ctx: &mut Ctx, visitor: &Visitor, request: &Login) -> Handled {
    let (user, ticket) = authenticate(ctx, visitor, request)?;
    let device = match &request.device {
        Some(name) => ctx.store.device(user.id, name)?,
        None => DeviceId::UNNAMED,
    };
    let caller = Caller { conn: visitor.conn, user: user.id, name: Arc::from(user.name), device, token: ticket.hash };
    let own = if device == DeviceId::UNNAMED { OwnMessages::New } else { OwnMessages::All };
    entrance::let_in(ctx, caller, ticket, Habits { confirms: request.confirms, own })
}

/// The reply's fields.
pub(super) fn body(caller: &Caller, ticket: &Ticket, lists: account::Lists) -> Body {
    Body::of(&LoginReply { id: caller.user, name: &caller.name, token: &ticket.token, lists })
}

#[derive(Serialize)]
struct LoginReply<'a> {
    id: UserId,
    name: &'a str,
    token: &'a str,
    #[serde(flatten)]
    lists: account::Lists,
}

/// Who has proved to be whom. An unknown account takes as long as a wrong password.
fn authenticate(ctx: &mut Ctx, visitor: &Visitor, request: &Login) -> Result<(UserRow, Ticket), ServiceError> {
    let now = ctx.shared.clock.now();
    let shared = Arc::clone(&ctx.shared);
    let address = Key::Address(visitor.from);
    let user = ctx.store.user(match &request.account {
        Account::Id(id) => Who::Id(*id),
        Account::Name(name) => Who::Name(name),
    })?;
    let account = user.as_ref().map(|user| Key::Account(user.id));
    if [Some(address), account].into_iter().flatten().any(|key| shared.attempts.is_blocked(key, now)) {
        return Err(ServiceError::refused(Errno::TooFast, "too many failed logins; try again in a minute"));
    }
    match user {
        Some(user) => {
            if let Some(ticket) = ticket_of(ctx, &request.credentials, &user)? {
                return Ok((user, ticket));
            }
        }
        None => {
            if let Some(password) = &request.credentials.password {
                ctx.hasher.pretend(password)?;
            }
        }
    }
    for key in [Some(address), account].into_iter().flatten() {
        shared.attempts.failed(key, now);
    }
    shared.metrics.logins_failed.inc();
    Err(wrong_credentials())
}

/// What the session will hold, if the credentials are the user's.
fn ticket_of(ctx: &mut Ctx, credentials: &Credentials, user: &UserRow) -> Result<Option<Ticket>, ServiceError> {
    if let Some(token) = &credentials.token {
        let hash = token_hash(token);
        let row = ctx.store.token(&hash, ctx.shared.clock.wall())?;
        if let Some(TokenRow { expires_at, .. }) = row.filter(|row| row.user == user.id) {
            return Ok(Some(Ticket { token: token.clone(), hash, kind: TicketKind::Resumed { expires_at } }));
        }
    }
    let Some(password) = &credentials.password else { return Ok(None) };
    if !ctx.hasher.verify(password, &user.password)? {
        return Ok(None);
    }
    let token = new_token()?;
    let hash = token_hash(&token);
    Ok(Some(Ticket { token, hash, kind: TicketKind::New }))
}

/// The token a session will hold: the one it logged in with, or a new one.
pub(super) struct Ticket {
    token: String,
    pub(super) hash: TokenHash,
    pub(super) kind: TicketKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TicketKind {
    New,
    Resumed { expires_at: UnixMs },
}

/// Stores a new token, or lets the old one live on.
pub(super) fn keep_token(ctx: &mut Ctx, caller: &Caller, ticket: &Ticket) -> Result<(), ServiceError> {
    let now = ctx.shared.clock.wall();
    let new_end = now.plus(TOKEN_LIFE);
    match ticket.kind {
        TicketKind::New => {
            let row = TokenRow { user: caller.user, expires_at: new_end };
            ctx.store.save_token(&ticket.hash, &row, now)?;
        }
        TicketKind::Resumed { expires_at } => {
            if expires_at < now.plus(TOKEN_LIFE.saturating_sub(TOKEN_TOUCH)) {
                ctx.store.extend_token(&ticket.hash, new_end)?;
            }
        }
    }
    Ok(())
}

/// LOGOUT: revokes the token. What has been confirmed is written first, so that the next login, on whatever node,
/// finds it.
///
/// # Errors
/// The store is away: the session stays.
pub fn logout(ctx: &mut Ctx, caller: &Caller, _: &Bare) -> Handled {
    account::write_cursors(ctx, caller.user)?;
    ctx.store.delete_token(&caller.token)?;
    Ok(Done { body: Body::empty(), then: Then::LogOut })
}
