//! ONE_CHAT and GROUP_CHAT: from a parsed request to what a lane commits. Runs in the reactor.

use crate::clock::UnixMs;
use crate::ids::{Peer, UserId};
use crate::store::Append;
use crate::wire::errno::Errno;
use crate::wire::request::{Chat, RequestError};

/// Which one-to-one messages are let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// All.
    Anyone,
    /// Those between friends.
    FriendsOnly,
}

/// What the lane needs. Membership and the addressee's existence are the store's to check, in the transaction.
///
/// # Errors
/// A message to oneself.
pub(crate) fn prepare(sender: UserId, chat: Chat, rule: Rule, now: UnixMs) -> Result<Append, RequestError> {
    if chat.to == Peer::User(sender) {
        return Err(RequestError { errno: Errno::Malformed, text: "`toid` is the sender".to_owned() });
    }
    Ok(Append {
        sender,
        to: chat.to,
        cid: chat.cid,
        body: chat.body,
        sent_at: now,
        friends_only: rule == Rule::FriendsOnly && matches!(chat.to, Peer::User(_)),
        known_end: 0,
    })
}
