//! REGISTER, LOGIN and LOGOUT: who somebody is. How a session comes in is `entrance`'s.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "all handlers have one form: routes.rs")]

use std::sync::Arc;

use super::{account, entrance};
use crate::bus::Channel;
use crate::delivery::bell::Ring;
use crate::delivery::directory::Eviction;
use crate::ids::{DeviceId, GroupId, UserId};
use crate::service::ahead::Question;
use crate::service::auth::attempts::{Attempt, Tried};
use crate::service::auth::password::{new_token, token_hash};
use crate::service::auth::token::{SessionToken, TokenKind};
use crate::service::caller::{Caller, Guest};
use crate::service::ctx::{Ctx, HandlerResult, HashStep, Prepared, Purpose, Response, ServiceError, SessionChange};
use crate::service::limits::budgets::{Crowd, Payer, Weight};
use crate::service::limits::quotas;
use crate::session::live::ClientOptions;
use crate::session::seq_tracker::OwnMessages;
use crate::store::{ClientDialect, Created, DeviceUse, KnownDevice, Person, TokenUse, UserRef, UserRow};
use crate::wire::body::Registered;
use crate::wire::errno::Errno;
use crate::wire::reply::Body;
use crate::wire::request::{Account, Bare, Credentials, Login, Register};

/// REGISTER.
///
/// # Errors
/// The name is taken, or too many accounts come from this address.
pub(crate) fn register(ctx: &mut Ctx, guest: &Guest, request: &Register) -> HandlerResult {
    let now = ctx.shared.clock.wall();
    if ctx.store.user(UserRef::Name(&request.name))?.is_some() || ctx.store.is_name_held(&request.name, now)? {
        return Err(name_taken());
    }
    ctx.shared.budgets.register(guest.from, ctx.shared.clock.now()).map_err(|crowd| match crowd {
        Crowd::Minute(wait) => {
            ServiceError::TooSoon { text: "too many new accounts from this address; wait and try again", wait }
        }
        Crowd::Day(wait) => ServiceError::Full(quotas::accounts_used_up(&ctx.config.quota, wait)),
    })?;
    let Register { name, password } = request.clone();
    let step = HashStep::new(Purpose::Register, guest.from, move |hasher| {
        let phc = hasher.hash_first(&password);
        Prepared::new(move |ctx| create_user(ctx, &name, &phc?))
    });
    Err(ServiceError::Hash(step))
}

fn create_user(ctx: &mut Ctx, name: &str, phc: &str) -> HandlerResult {
    match ctx.store.create_user(name, phc, ctx.shared.clock.wall())? {
        Created::New(id) => Ok(Response::reply(Body::of(&Registered { id }))),
        Created::NameTaken => Err(name_taken()),
        Created::Full(quota) => Err(ctx.full(quota)),
    }
}

fn name_taken() -> ServiceError {
    ServiceError::refused(Errno::Refused, "this name is taken")
}

fn wrong_credentials() -> ServiceError {
    ServiceError::refused(Errno::Refused, "wrong account, password or token")
}

/// Told to who has proved to be the user.
fn disabled() -> ServiceError {
    ServiceError::refused(Errno::NotAllowed, "this account is disabled; ask who runs this server")
}

/// LOGIN. A token needs no hash, and nobody's failures hold it up; a password is hashed elsewhere first.
///
/// # Errors
/// Wrong credentials, too many of them, or the account is disabled, or online already.
pub(crate) fn login(ctx: &mut Ctx, guest: &Guest, request: &Login) -> HandlerResult {
    let Credentials { token, password } = &request.credentials;
    if let Some(token) = token {
        if let Some((owner, token)) = owner_of(ctx, guest, request, token)? {
            return enter(ctx, guest, request, owner, token);
        }
        charge_wrong(ctx, Payer::Address(guest.from));
    }
    match password {
        Some(password) => check_password(ctx, guest, request, password),
        None => Err(wrong_credentials()),
    }
}

/// What a login asks first.
pub(crate) fn question(request: &Login) -> Option<Question> {
    let device = request.device.clone().unwrap_or_default();
    request.credentials.token.clone().map(|token| Question::Token { token, device })
}

fn user_of(ctx: &mut Ctx, account: &Account) -> Result<Option<UserRow>, ServiceError> {
    let who = match account {
        Account::Id(id) => UserRef::Id(*id),
        Account::Name(name) => UserRef::Name(name),
    };
    Ok(ctx.store.user(who)?)
}

/// Whose token it is, and what the session will hold, if it is the token of this account. One statement, as long as the account
/// is named by its id.
fn owner_of(
    ctx: &mut Ctx,
    guest: &Guest,
    request: &Login,
    token: &str,
) -> Result<Option<(Owner, SessionToken)>, ServiceError> {
    let hash = token_hash(token);
    let (device, address) = place_of(guest, request);
    let row = match ctx.ahead.token(guest.conn) {
        Some(row) => Some(row),
        None => ctx.store.token(&hash, &device, ctx.shared.clock.wall())?,
    };
    let Some(row) = row else { return Ok(None) };
    let is_owner = match &request.account {
        Account::Id(id) => row.user.id == *id,
        Account::Name(_) => user_of(ctx, &request.account)?.is_some_and(|user| user.id == row.user.id),
    };
    if is_owner && row.is_disabled {
        return Err(disabled());
    }
    let expires_at = row.end_as_used(TokenUse { device: &device, address: &address });
    let kind = TokenKind::Resumed { expires_at };
    let known = Known { device: row.known_device, groups: row.groups };
    let owner = Owner { user: row.user, dialect: None, known: Some(known) };
    Ok(is_owner.then(|| (owner, SessionToken { text: token.to_owned(), hash, kind, device, address })))
}

/// Where the session will be, for the list of sessions.
fn place_of(guest: &Guest, request: &Login) -> (String, String) {
    (request.device.clone().unwrap_or_default(), guest.from.to_string())
}

/// Has the password hashed, if the account and the address may try one now. An account that does not exist takes as long,
/// and waits as long, as one that does.
fn check_password(ctx: &mut Ctx, guest: &Guest, request: &Login, password: &str) -> HandlerResult {
    let user = user_of(ctx, &request.account)?;
    let (now, shared) = (ctx.shared.clock.now(), Arc::clone(&ctx.shared));
    let too_soon = |wait| ServiceError::TooSoon { text: "too many failed logins; wait and try again", wait };
    if request.credentials.token.is_some() {
        // It came as a login by token, which has not paid for a password.
        if let Some(wait) = shared.budgets.password_wait(guest.from, now) {
            return Err(too_soon(wait));
        }
        shared.budgets.charge(Payer::Passwords(guest.from), Weight::PASSWORD, now);
    }
    let tried = match &user {
        Some(user) => Tried::Account(user.id),
        None => Tried::Nobody(shared.attempts.anonymous(&request.account)),
    };
    let attempt = shared.attempts.begin(tried, guest.from, now).map_err(too_soon)?;
    let (guest, request, password) = (*guest, request.clone(), password.to_owned());
    let step = HashStep::new(Purpose::Login, guest.from, move |hasher| {
        let proved = match user {
            Some(user) => hasher.verify(&password, &user.password).map(|is_right| is_right.then_some(user)),
            None => hasher.pretend(&password).map(|()| None),
        };
        Prepared::new(move |ctx| password_checked(ctx, &guest, &request, attempt, proved?))
    });
    Err(ServiceError::Hash(step))
}

/// The password was hashed: `user` is set if it was the right one.
fn password_checked(
    ctx: &mut Ctx,
    guest: &Guest,
    request: &Login,
    attempt: Attempt,
    user: Option<UserRow>,
) -> HandlerResult {
    let Some(user) = user else {
        attempt.wrong(ctx.shared.clock.now());
        charge_wrong(ctx, Payer::Passwords(guest.from));
        return Err(wrong_credentials());
    };
    attempt.right();
    let token = new_token()?;
    let hash = token_hash(&token);
    if user.is_disabled {
        return Err(disabled());
    }
    let UserRow { id, name, password: proof, dialect, .. } = user;
    let (device, address) = place_of(guest, request);
    let token = SessionToken { text: token, hash, kind: TokenKind::New { proof }, device, address };
    enter(ctx, guest, request, Owner { user: Person { id, name }, dialect, known: None }, token)
}

fn charge_wrong(ctx: &Ctx, payer: Payer) {
    ctx.shared.metrics.logins_failed.inc();
    ctx.shared.budgets.charge(payer, Weight::WRONG, ctx.shared.clock.now());
}

/// Whose account it is.
struct Owner {
    user: Person,
    /// By which earlier system's client the user speaks. Whoever has a token does not: they have none.
    dialect: Option<ClientDialect>,
    /// What was read with the token.
    known: Option<Known>,
}

struct Known {
    device: Option<KnownDevice>,
    groups: Vec<GroupId>,
}

/// The credentials are right.
fn enter(ctx: &mut Ctx, guest: &Guest, request: &Login, owner: Owner, token: SessionToken) -> HandlerResult {
    let Owner { user, dialect, known } = owner;
    ctx.shared.attempts.logged_in(user.id, guest.from, ctx.shared.clock.now());
    let device = match &request.device {
        Some(name) => {
            let device = match &known {
                Some(known) => known.device,
                None => ctx.store.known_device(user.id, name)?,
            };
            use_device(ctx, user.id, name, device)?
        }
        None => DeviceId::UNNAMED,
    };
    let groups = match known {
        Some(known) => known.groups,
        None => ctx.store.group_ids(user.id)?,
    };
    let caller = Caller {
        conn: guest.conn,
        user: user.id,
        name: Arc::from(user.name),
        device,
        from: guest.from,
        token: token.hash,
        wants: request.wants,
    };
    let own = if device == DeviceId::UNNAMED { OwnMessages::New } else { OwnMessages::All };
    let options = ClientOptions { confirms: request.confirms, own, catch_up: request.catch_up, dialect };
    entrance::let_in(ctx, caller, groups, token, options)
}

/// The number of the device. Sessions of devices that made room for it end, on every node: their places in the
/// conversations are gone.
fn use_device(ctx: &mut Ctx, user: UserId, name: &str, known: Option<KnownDevice>) -> Result<DeviceId, ServiceError> {
    if let Some(KnownDevice { id, is_latest: true }) = known {
        // By far the most: nothing is to be noted.
        return Ok(id);
    }
    let now = ctx.shared.clock.now();
    if known.is_none()
        && let Some(wait) = ctx.shared.budgets.new_device_wait(user, now)
    {
        return Err(ServiceError::TooSoon { text: "too many new devices of this account; wait and try again", wait });
    }
    let DeviceUse { id, is_new, removed } = ctx.store.device(user, name)?;
    if is_new {
        ctx.shared.budgets.has_new_device(user, now);
    }
    for device in removed {
        ctx.ring(Channel::User(user), Ring::Replaced(device));
        for conn in ctx.shared.directory.evict(user, Eviction::Device(device)) {
            ctx.replaced(conn);
        }
    }
    Ok(id)
}

/// LOGOUT: revokes the token. What has been confirmed is written first, so that the next login, on whatever node,
/// finds it.
///
/// # Errors
/// The store is away: the session stays.
pub(crate) fn logout(ctx: &mut Ctx, caller: &Caller, _: &Bare) -> HandlerResult {
    account::write_cursors(ctx, caller.user)?;
    ctx.store.delete_token(&caller.token)?;
    Ok(Response { body: Body::empty(), then: SessionChange::LogOut })
}
