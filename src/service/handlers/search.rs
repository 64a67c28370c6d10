//! SEARCH: a look for messages, and where the next one goes on.

use super::{account, shown};
use crate::ids::{ConvId, Peer};
use crate::service::caller::Caller;
use crate::service::ctx::{Ctx, HandlerResult, Response, ServiceError};
use crate::store::{Keyword, SearchPlace, SearchQuery};
use crate::wire::body::SearchPage;
use crate::wire::errno::Errno;
use crate::wire::reply::Body;
use crate::wire::request::Search;

/// SEARCH.
///
/// # Errors
/// A conversation that is not the caller's; an `after` that no reply has named.
pub(crate) fn search(ctx: &mut Ctx, caller: &Caller, request: &Search) -> HandlerResult {
    let within = request.peer.map(|peer| conversation(ctx, caller, peer)).transpose()?;
    let after = request.after.as_deref().map(place).transpose()?;
    let settings = ctx.config.search;
    let query = SearchQuery {
        keyword: Keyword::new(&request.keyword),
        within,
        from: request.from,
        after,
        rows_max: settings.rows,
        bytes_max: settings.bytes,
        found_bytes_max: account::list_bytes_max(ctx),
    };
    let page = ctx.store.search(caller.user, &query, request.limit)?;
    let messages = shown::elements(&page.messages, caller.user);
    let next = page.next.map(token);
    Ok(Response::reply(Body::of(&SearchPage { messages, more: next.is_some(), next })))
}

/// The conversation to look into.
fn conversation(ctx: &mut Ctx, caller: &Caller, peer: Peer) -> Result<ConvId, ServiceError> {
    match peer {
        Peer::User(user) if user == caller.user => Err(ServiceError::refused(Errno::Malformed, "`id` is the sender")),
        Peer::Group(group) => match ctx.store.group(group, caller.user)? {
            Some((_, Some(_))) => Ok(ConvId::group(group)),
            Some((_, None)) => Err(ServiceError::NoMember(group)),
            None => Err(ServiceError::refused(Errno::NotFound, "no such group")),
        },
        Peer::User(_) => Ok(ConvId::with(caller.user, peer)),
    }
}

/// A place as the client keeps it.
fn token(SearchPlace { active_at, conv, before }: SearchPlace) -> String {
    format!("{active_at}.{}.{before}", conv.number())
}

fn place(token: &str) -> Result<SearchPlace, ServiceError> {
    let read = || {
        let mut parts = token.split('.');
        let (active_at, conv, before) = (parts.next()?, parts.next()?, parts.next()?);
        let conv = ConvId::from_number(conv.parse().ok()?)?;
        let place = SearchPlace { active_at: active_at.parse().ok()?, conv, before: before.parse().ok()? };
        parts.next().is_none().then_some(place)
    };
    read().ok_or_else(|| ServiceError::refused(Errno::Malformed, "`after` must be the `next` of a page before"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    #[test]
    fn a_place_is_read_as_it_was_told() {
        let conv = ConvId::pair(UserId::new(1).unwrap(), UserId::new(i64::from(i32::MAX)).unwrap());
        for before in [0, 7, u64::MAX] {
            let told = SearchPlace { active_at: 1_700_000_000_000, conv, before };
            assert_eq!(place(&token(told)).unwrap(), told);
        }
        for bad in ["", "1", "1.2", "1.x.3", "1.0.3", "1.2.3.4", "1.-2.3", "1.2.-3", "99999999999999999999.2.3"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
