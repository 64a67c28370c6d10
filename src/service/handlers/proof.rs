//! A password that is asked for once more, of a user who is logged in: PASSWORD and ERASE. A wrong one counts as at a login.

use std::sync::Arc;

use crate::service::auth::attempts::Tried;
use crate::service::auth::password::{Hasher, PasswordError};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, HashStep, Prepared, Purpose, ServiceError};
use crate::service::limits::budgets::{Payer, Weight};
use crate::store::{UserRef, UserRow};
use crate::wire::errno::Errno;

/// What is told of a wrong password.
#[must_use]
pub(crate) fn wrong() -> ServiceError {
    ServiceError::refused(Errno::Refused, "wrong password")
}

/// Goes on with `rest` if the password is the caller's. It is given what is stored of it, and what `also`, which is given that, too,
/// has hashed on the way.
///
/// # Errors
/// The password has to be hashed first; then, that it is wrong, or what `rest` returns.
pub(crate) fn then<T: Send + 'static>(
    ctx: &mut Ctx,
    caller: &Caller,
    password: String,
    also: impl FnOnce(&mut Hasher, &str) -> Result<T, PasswordError> + Send + 'static,
    rest: impl FnOnce(&mut Ctx, Caller, String, T) -> HandlerResult + Send + 'static,
) -> HandlerResult {
    let Some(UserRow { password: phc, .. }) = ctx.store.user(UserRef::Id(caller.user))? else { return Err(wrong()) };
    let (now, shared) = (ctx.shared.clock.now(), Arc::clone(&ctx.shared));
    let attempt = shared.attempts.begin(Tried::Account(caller.user), caller.from, now);
    let attempt =
        attempt.map_err(|wait| ServiceError::TooSoon { text: "too many wrong passwords; wait and try again", wait })?;
    let caller = caller.clone();
    let step = HashStep::new(Purpose::Login, caller.from, move |hasher| {
        let checked = hasher.verify(&password, &phc);
        let checked = checked.and_then(|is_right| is_right.then(|| also(hasher, &phc)).transpose());
        Prepared::new(move |ctx| {
            if let Some(hashed) = checked? {
                attempt.right();
                return rest(ctx, caller, phc, hashed);
            }
            let now = ctx.shared.clock.now();
            attempt.wrong(now);
            ctx.shared.metrics.logins_failed.inc();
            ctx.shared.budgets.charge(Payer::Account(caller.user), Weight::WRONG, now);
            Err(wrong())
        })
    });
    Err(ServiceError::Hash(step))
}
