//! From a line to what is done about it: check the form, the budget and the session, then answer it here, hand it to a
//! lane, or hand it to a worker. Runs in the reactor.

use std::sync::Arc;
use std::time::Instant;

use super::conn_ctx::ConnCtx;
use super::live::Live;
use super::reactor_ctx::ReactorCtx;
use super::state::{LANE_FULL_PAUSE, PauseReason, Session, State};
use super::{progress, push};
use crate::delivery::Fingerprint;
use crate::delivery::lane::ReplyTo;
use crate::net::{CloseReason, Flow, Link};
use crate::service::caller::Guest;
use crate::service::ctx::Prepared;
use crate::service::handlers::chat;
use crate::service::handlers::chat::{Rules, ToAppend};
use crate::service::limits::budgets::{Payer, Weight};
use crate::service::routes::{Route, VisitorJob};
use crate::wire::errno::Errno;
use crate::wire::msg_id::MsgId;
use crate::wire::reply::{self, Echo, RawEcho};
use crate::wire::request::{Bounds, Delivered, Envelope, Read, Request, RequestError, Typing};
use crate::workers::job::{Asked, Job};
use crate::workers::pool;

/// One line on its way.
struct Incoming<'a> {
    id: MsgId,
    line: &'a Envelope<'a>,
    tag: Option<&'a str>,
    bounds: Bounds,
}

/// Takes up one line. Replies keep the order of the requests: what is answered here waits until the chat messages
/// before it are.
pub(crate) fn line(reactor: &ReactorCtx, on: &mut ConnCtx<'_>, line: &[u8]) -> Flow {
    let parsed = Envelope::parse(line);
    if let Err(at) = pay(reactor, on.session, parsed.as_ref().ok(), on.now) {
        return hold(on.session, PauseReason::Until(at));
    }
    let flow = match parsed {
        Ok(envelope) => request(reactor, on, &envelope),
        Err(_) if on.session.inflight > 0 => hold(on.session, PauseReason::UntilIdle),
        Err(text) => {
            on.link.send(reply::error(Errno::Malformed, &text));
            if on.session.malformed() {
                on.link.close(CloseReason::Misbehaved);
            }
            Flow::Continue
        }
    };
    if flow != Flow::Retry {
        on.session.line_taken();
    }
    flow
}

/// Every line is paid for, whatever it is, and once, however often it is offered. `None` is a line that is no request.
///
/// # Errors
/// The budget is spent: when to offer it again.
fn pay(reactor: &ReactorCtx, session: &mut Session, line: Option<&Envelope<'_>>, now: Instant) -> Result<(), Instant> {
    let id = line.and_then(|line| MsgId::from_number(line.msgid));
    let mut payer = session.payer();
    let mut weight = Weight::of(id, line);
    if let Payer::Address(address) = payer {
        // What needs a session is only refused.
        weight = Weight::LINE;
        if id == Some(MsgId::Login) && line.is_some_and(Envelope::has_token) {
            session.take_free_login(now);
        } else if id == Some(MsgId::Login) {
            (payer, weight) = (Payer::Passwords(address), Weight::PASSWORD);
        }
    }
    session.pay(&reactor.shared.budgets, payer, weight, now)
}

/// Takes up a line that has the form of a request.
fn request(reactor: &ReactorCtx, on: &mut ConnCtx<'_>, envelope: &Envelope<'_>) -> Flow {
    let (tag, once) = match envelope.tag() {
        Ok(tag) => (tag, envelope.each_field_once()),
        Err(error) => (None, Err(error)),
    };
    if envelope.is_ambiguous() {
        if on.session.inflight > 0 {
            return hold(on.session, PauseReason::UntilIdle);
        }
        on.link.send(reply::ambiguous("`msgid` is given more than once", tag));
        if on.session.malformed() {
            on.link.close(CloseReason::Misbehaved);
        }
        return Flow::Continue;
    }
    on.session.well_formed();
    let Some(id) = MsgId::from_number(envelope.msgid) else {
        if on.session.inflight > 0 {
            return hold(on.session, PauseReason::UntilIdle);
        }
        on.link.send(reply::unknown_msgid(envelope.msgid, tag));
        return Flow::Continue;
    };
    let bounds = Bounds { message_bytes: reactor.config.limits.message_bytes };
    let incoming = Incoming { id, line: envelope, tag, bounds };
    match once.and_then(|()| take(reactor, on, &incoming)) {
        Ok(flow) => flow,
        Err(_) if on.session.inflight > 0 => hold(on.session, PauseReason::UntilIdle),
        Err(error) => {
            refuse(reactor, on.link, &incoming, &error);
            Flow::Continue
        }
    }
}

fn refuse(reactor: &ReactorCtx, link: &mut dyn Link, incoming: &Incoming<'_>, error: &RequestError) {
    let cid = if incoming.id.has_cid() { incoming.line.raw_cid() } else { None };
    let echo = RawEcho { tag: incoming.tag, cid };
    reactor.shared.metrics.requests_refused.get_or_create(&pool::refusal(error.errno)).inc();
    link.send(reply::failure(incoming.id, &echo, error.errno, &error.text));
}

fn refused(errno: Errno, text: &str) -> RequestError {
    RequestError { errno, text: text.to_owned() }
}

fn take(reactor: &ReactorCtx, on: &mut ConnCtx<'_>, incoming: &Incoming<'_>) -> Result<Flow, RequestError> {
    match reactor.table.route(incoming.id) {
        Route::Ping => {
            if on.session.inflight > 0 {
                return Ok(hold(on.session, PauseReason::UntilIdle));
            }
            on.link.send(reply::pong(incoming.tag));
            Ok(Flow::Continue)
        }
        Route::Pong => Ok(Flow::Continue),
        Route::Delivered => {
            progress::delivered(reactor, live(on.session)?, &Delivered::parse(incoming.line, incoming.bounds)?);
            Ok(Flow::Continue)
        }
        Route::Read => {
            progress::read(reactor, on.conn, live(on.session)?, &Read::parse(incoming.line, incoming.bounds)?)?;
            Ok(Flow::Continue)
        }
        Route::Typing => {
            let request = Typing::parse(incoming.line, incoming.bounds)?;
            progress::typing(reactor, live(on.session)?, request, on.now)?;
            Ok(Flow::Continue)
        }
        Route::Chat(parse) => {
            own_id_only(live(on.session)?, incoming)?;
            if on.session.inflight >= reactor.config.limits.inflight {
                return Ok(hold(on.session, PauseReason::UntilRoom));
            }
            let chat = parse(incoming.line, incoming.bounds)?;
            append(reactor, on, incoming, chat)
        }
        Route::Session(parse) => {
            own_id_only(live(on.session)?, incoming)?;
            if on.session.inflight > 0 {
                return Ok(hold(on.session, PauseReason::UntilIdle));
            }
            let job = parse(incoming.line, incoming.bounds)?;
            let from = on.session.from;
            let live = live(on.session)?;
            if incoming.id == MsgId::Logout {
                // A peer that logs out has read what its TCP has acknowledged.
                let acknowledged = on.link.acknowledged();
                push::confirm_acknowledged(reactor, live, acknowledged);
            }
            let caller = live.caller(on.conn, from);
            Ok(submit(reactor, on, incoming, Prepared::new(move |ctx| job(ctx, &caller))))
        }
        Route::Anyone(parse) => {
            if incoming.id == MsgId::Login && !matches!(on.session.state, State::Guest) {
                return Err(refused(Errno::Conflict, "this connection is logged in already"));
            }
            if on.session.inflight > 0 {
                return Ok(hold(on.session, PauseReason::UntilIdle));
            }
            let VisitorJob { question, handle } = parse(incoming.line, incoming.bounds)?;
            let guest = Guest { conn: on.conn, from: on.session.from };
            Ok(submit(reactor, on, incoming, Prepared::new(move |ctx| handle(ctx, &guest)).asking(question)))
        }
    }
}

fn live(session: &mut Session) -> Result<&mut Live, RequestError> {
    session.live().ok_or_else(|| refused(Errno::LoginFirst, "log in first"))
}

/// Identity comes from the session: an `id` that claims another one is refused.
fn own_id_only(live: &Live, incoming: &Incoming<'_>) -> Result<(), RequestError> {
    if !incoming.id.id_is_sender() {
        return Ok(());
    }
    match incoming.line.sender_id()? {
        Some(claimed) if claimed != live.user => Err(refused(Errno::NotAllowed, "`id` is not the session's own")),
        _ => Ok(()),
    }
}

fn hold(session: &mut Session, why: PauseReason) -> Flow {
    session.hold = why;
    Flow::Retry
}

fn submit(reactor: &ReactorCtx, on: &mut ConnCtx<'_>, incoming: &Incoming<'_>, prepared: Prepared) -> Flow {
    on.session.asks();
    let asked = Asked { conn: on.conn, request: incoming.id, since: on.now, tag: incoming.tag.map(Box::from) };
    reactor.workers.submit(Job::Request(asked, prepared), on.now);
    Flow::Pause
}

fn append(
    reactor: &ReactorCtx,
    on: &mut ConnCtx<'_>,
    incoming: &Incoming<'_>,
    request: ToAppend,
) -> Result<Flow, RequestError> {
    let rules = Rules::of(&reactor.config);
    let echo = Echo::new(RawEcho { tag: incoming.tag, cid: incoming.line.raw_cid() });
    let sender = live(on.session)?;
    let append = chat::prepare(sender.user, request, rules, reactor.shared.clock.wall())?;
    let reply_to = ReplyTo { conn: on.conn, device: sender.device, name: Arc::clone(&sender.name), echo };
    let (conv, fingerprint) = (append.conv(), Fingerprint::of_append(&append));
    if reactor.lanes.append(append, reply_to, on.now).is_err() {
        return Ok(hold(on.session, PauseReason::Until(on.now + LANE_FULL_PAUSE)));
    }
    live(on.session)?.seqs.sending(conv, fingerprint);
    on.session.inflight += 1;
    reactor.shared.metrics.messages_in.inc();
    Ok(Flow::Continue)
}
