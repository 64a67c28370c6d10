//! The token that a session holds: given at the login, and good for the next ones.

use std::time::Duration;

use crate::clock::UnixMs;
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, ServiceError};
use crate::store::{NewToken, TokenHash, TokenUse};
use crate::wire::errno::Errno;

/// A token lives so long from its last use.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// A token's end is moved at most so often, unless the user has several that are used in turn, or it is used in another
/// place: a login costs no write otherwise.
const TOKEN_TOUCH: Duration = Duration::from_secs(24 * 3600);

/// The token a session will hold: the one it logged in with, or a new one.
pub(crate) struct SessionToken {
    pub(crate) text: String,
    pub(crate) hash: TokenHash,
    pub(crate) kind: TokenKind,
    /// The device's name; empty: the unnamed one.
    pub(crate) device: String,
    /// From where it is used.
    pub(crate) address: String,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Made for a login with the password that this PHC string is of.
    New { proof: String },
    /// Known before; its end, as far as that shows when it was used last, and in this place.
    Resumed { expires_at: UnixMs },
}

/// Stores a new token, or lets the old one live on.
pub(crate) fn keep_token(ctx: &mut Ctx, caller: &Caller, token: &SessionToken) -> Result<(), ServiceError> {
    let now = ctx.shared.clock.wall();
    let new_end = now.plus(TOKEN_LIFE);
    let used = TokenUse { device: &token.device, address: &token.address };
    match &token.kind {
        TokenKind::New { proof } => {
            let token = NewToken { hash: &token.hash, user: caller.user, expires_at: new_end, proof, used };
            if !ctx.store.save_token(&token, now)? {
                return Err(ServiceError::refused(Errno::Refused, "the password was changed a moment ago"));
            }
        }
        TokenKind::Resumed { expires_at } => {
            if *expires_at < now.plus(TOKEN_LIFE.saturating_sub(TOKEN_TOUCH)) {
                ctx.store.extend_token(&token.hash, new_end, used, now)?;
            }
        }
    }
    Ok(())
}
