//! What a client says of itself without being answered: what has arrived, what was read, that somebody is typing. Runs in the
//! reactor.

use std::time::Instant;

use super::live::Live;
use super::reactor_ctx::ReactorCtx;
use super::seq_tracker::Confirmed;
use crate::ids::{ConvId, Peer, Seq};
use crate::net::ConnId;
use crate::store::ReadRow;
use crate::wants::Want;
use crate::wire::errno::Errno;
use crate::wire::request::{CatchUp, Delivered, Read, RequestError, Typing};

/// DELIVERED.
pub(super) fn delivered(reactor: &ReactorCtx, live: &mut Live, request: &Delivered) {
    if confirm(reactor, live, ConvId::with(live.user, request.peer), request.seq) == Confirmed::Foreign {
        reactor.shared.metrics.deliveries_ignored.inc();
    }
}

/// READ. Whether the conversation is the user's, and where it ends, the store knows.
///
/// # Errors
/// A conversation with oneself.
pub(super) fn read(reactor: &ReactorCtx, conn: ConnId, live: &mut Live, request: &Read) -> Result<(), RequestError> {
    not_oneself(live, request.peer)?;
    let conv = ConvId::with(live.user, request.peer);
    confirm(reactor, live, conv, request.seq);
    reactor.shared.cursor_queue.read(ReadRow { user: live.user, conv, read: request.seq }, conn);
    Ok(())
}

fn confirm(reactor: &ReactorCtx, live: &mut Live, conv: ConvId, seq: Seq) -> Confirmed {
    let confirmed = live.seqs.confirm(conv, seq);
    match (confirmed, live.catch_up) {
        (Confirmed::Moved(seq), _) => reactor.shared.cursor_queue.confirm([live.cursor(conv, seq)]),
        // Its device may be behind the place from which it is pushed messages: what is before that it fetches by itself. The
        // store takes nothing beyond the end, nor of a conversation that the user does not have.
        (Confirmed::Known | Confirmed::Foreign, CatchUp::List) => {
            reactor.shared.cursor_queue.confirm([live.cursor(conv, seq)]);
            return Confirmed::Known;
        }
        (Confirmed::Known | Confirmed::Foreign, CatchUp::Messages) => {}
    }
    confirmed
}

/// TYPING: passed on now and then, where somebody may want it and there is time for it.
///
/// # Errors
/// Oneself, or a group that the session is not in.
pub(super) fn typing(
    reactor: &ReactorCtx,
    live: &Live,
    Typing { peer }: Typing,
    now: Instant,
) -> Result<(), RequestError> {
    not_oneself(live, peer)?;
    if let Peer::Group(group) = peer
        && !live.groups.contains(&group)
    {
        return Err(refused(Errno::NotAllowed, "not a member of this group"));
    }
    let shared = &reactor.shared;
    if shared.demand.look(Want::Typing, now).is_possible()
        && shared.budgets.may_tell_typing(live.user, ConvId::with(live.user, peer), now)
    {
        reactor.workers.tell_typing(live.user, &live.name, peer, now);
    }
    Ok(())
}

fn refused(errno: Errno, text: &str) -> RequestError {
    RequestError { errno, text: text.to_owned() }
}

fn not_oneself(live: &Live, peer: Peer) -> Result<(), RequestError> {
    if peer == Peer::User(live.user) {
        return Err(refused(Errno::Malformed, "`id` is the sender"));
    }
    Ok(())
}
