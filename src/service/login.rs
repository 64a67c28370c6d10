//! REGISTER, LOGIN and LOGOUT.
//!
//! The order of a login: register in the directory and on the bus first, then let the reactor hear, then read what is
//! pending, then go live. What arrives meanwhile is noted and read again, so nothing falls between and nothing comes
//! twice. (The reactor's mailbox keeps the order: `Enter` is posted before the backlog is read, so a message that
//! was committed after the reading is delivered to a session that hears.)

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::attempts::Key;
use super::mail::{Backlog, Mail, Then};
use super::password::{new_token, token_hash, token_key};
use super::session::{Habits, Live, own_channels};
use super::workers::Place;
use super::{Caller, Ctx, Done, Handled, Prepared, ServiceError, Visitor, account};
use crate::bus::Channel;
use crate::clock::UnixMs;
use crate::config::SessionPolicy;
use crate::delivery::bell::Ring;
use crate::delivery::directory::{Entered, Entry};
use crate::delivery::tracks::OwnMessages;
use crate::ids::{DeviceId, GroupId, UserId};
use crate::net::ConnId;
use crate::store::{Created, GroupRow, TokenHash, TokenRow, UserRow, Who};
use crate::wire::errno::Errno;
use crate::wire::reply::{self, Body};
use crate::wire::request::{Account, Bare, Credentials, Login, Register};

/// A token lives so long from its last use.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// A token's end is moved at most so often: a login costs no write otherwise.
const TOKEN_TOUCH: Duration = Duration::from_secs(24 * 3600);
/// How long a login waits for an account that is online to go offline.
const ONLINE_GRACE: Duration = Duration::from_millis(500);
/// Friend requests that are told at login.
const FRIEND_REQUESTS_MAX: u32 = 100;

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
    let own = own_messages(ctx.shared.config.session_policy, device);
    let give_up_at = ctx.shared.clock.now() + ONLINE_GRACE;
    let_in(ctx, Entrance { caller, ticket, habits: Habits { confirms: request.confirms, own }, give_up_at })
}

/// A login whose credentials are right.
struct Entrance {
    caller: Caller,
    ticket: Ticket,
    habits: Habits,
    /// When the account counts as online, should it still seem to be.
    give_up_at: Instant,
}

/// Registers the session, then reads what it has missed. An account that is online is asked for again for a moment: a
/// client that has just closed its connection comes back faster than the news of the close travels.
fn let_in(ctx: &mut Ctx, entrance: Entrance) -> Handled {
    let Entrance { caller, ticket, habits, give_up_at } = &entrance;
    let groups = ctx.store.groups(caller.user)?;
    if let Registered::AlreadyOnline = register_session(ctx, caller, ticket, *habits, &groups) {
        if ctx.shared.clock.now() >= *give_up_at {
            return Err(ServiceError::refused(Errno::AlreadyOnline, "this account is already online"));
        }
        return Err(ServiceError::NotYet(Prepared::new(move |ctx| let_in(ctx, entrance))));
    }
    // From here on the reactor takes back what was registered, if anything fails.
    keep_token(ctx, caller, ticket)?;
    let found = account::read(ctx, caller, groups)?;
    let asked = ctx.store.friend_requests(caller.user, FRIEND_REQUESTS_MAX)?;
    let asked = asked.iter().map(|ask| reply::friend_request(ask.from.id, &ask.from.name, &ask.msg));
    let backlog = Backlog { friend_requests: asked.collect(), pending: found.pending, shown: found.shown };
    ctx.shared.metrics.logins.inc();
    let body = Body::of(&LoginReply { id: caller.user, name: &caller.name, token: &ticket.token, lists: found.lists });
    Ok(Done { body, then: Then::GoLive(Box::new(backlog)) })
}

fn own_messages(policy: SessionPolicy, device: DeviceId) -> OwnMessages {
    match policy {
        _ if device != DeviceId::UNNAMED => OwnMessages::All,
        SessionPolicy::Multi => OwnMessages::New,
        SessionPolicy::Reject | SessionPolicy::Replace => OwnMessages::None,
    }
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
struct Ticket {
    token: String,
    hash: TokenHash,
    kind: TicketKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TicketKind {
    New,
    Resumed { expires_at: UnixMs },
}

/// What became of a session that wanted to enter.
enum Registered {
    In,
    AlreadyOnline,
}

/// Registers the session here and on the bus, as the session policy allows, and lets the reactor hear.
fn register_session(
    ctx: &mut Ctx,
    caller: &Caller,
    ticket: &Ticket,
    habits: Habits,
    groups: &[GroupRow],
) -> Registered {
    let groups: Vec<GroupId> = groups.iter().map(|group| group.id).collect();
    let policy = ctx.shared.config.session_policy;
    let entry = Entry { conn: caller.conn, token: token_key(&ticket.hash) };
    let replaced = match ctx.shared.directory.enter(caller.user, entry, policy) {
        Entered::In(replaced) => replaced,
        Entered::AlreadyOnline => return Registered::AlreadyOnline,
    };
    let mut channels = own_channels(caller.user, &ticket.hash, policy);
    channels.extend(groups.iter().map(|group| Channel::Group(*group)));
    ctx.subscribe(&channels);
    for conn in replaced {
        ctx.replaced(conn);
    }
    if policy == SessionPolicy::Reject && is_online_elsewhere(ctx, caller.user, entry.token, ticket.kind) {
        leave(ctx, caller.user, caller.conn, &channels);
        return Registered::AlreadyOnline;
    }
    take_over(ctx, caller.user, entry.token, ticket.kind);
    let live = Live::new(caller.clone(), habits, groups);
    ctx.shared.mailboxes.post(caller.conn, Mail::Enter { conn: caller.conn, live: Box::new(live) });
    Registered::In
}

/// Whether another node has a session that this login may not take over. When the bus is away that cannot be known,
/// and nobody is locked out for it.
fn is_online_elsewhere(ctx: &Ctx, user: UserId, token: u64, kind: TicketKind) -> bool {
    match ctx.shared.bus.elsewhere(&[Channel::User(user), Channel::Token(token)]) {
        Ok(counts) => {
            let (sessions, holders) = (counts.first().copied(), counts.get(1).copied());
            let resumes = matches!(kind, TicketKind::Resumed { .. }) && holders.unwrap_or(0) > 0;
            sessions.unwrap_or(0) > 0 && !resumes
        }
        Err(error) => {
            log::debug!("presence is unknown: {error}");
            false
        }
    }
}

fn take_over(ctx: &mut Ctx, user: UserId, token: u64, kind: TicketKind) {
    if ctx.shared.config.session_policy == SessionPolicy::Replace {
        ctx.ring(Channel::User(user), Ring::Replaced);
    } else if matches!(kind, TicketKind::Resumed { .. }) {
        ctx.ring(Channel::User(user), Ring::Resumed(token));
    }
    ctx.flush();
}

fn leave(ctx: &Ctx, user: UserId, conn: ConnId, channels: &[Channel]) {
    ctx.shared.directory.leave(user, conn);
    ctx.shared.bus.unsubscribe(channels);
}

fn keep_token(ctx: &mut Ctx, caller: &Caller, ticket: &Ticket) -> Result<(), ServiceError> {
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
