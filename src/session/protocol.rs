//! One reactor's share of the service: its sessions, and which of them hear which group. It is net's [`Protocol`].
//!
//! ```text
//!   line    -> dispatch                     a request: answered here, by a lane or by a worker
//!   message -> push                         what lanes, workers and other nodes have for the sessions
//!   due     -> push                         ticks
//!   after_turn                              what follows from what the session is now: fetches, goodbyes, deadlines
//! ```

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::conn_ctx::ConnCtx;
use super::crowd::Crowd;
use super::message;
use super::message::{Followed, ReactorMessage};
use super::push;
use super::push::SessionsHere;
use super::reactor_ctx::ReactorCtx;
use super::slices::SLICE;
use super::state::{Due, PauseReason, Session, State};
use super::{dispatch, membership};
use crate::bus::Channel;
use crate::config::Limits;
use crate::dialects::Host;
use crate::ids::UserId;
use crate::net::{Allowance, CloseReason, ConnId, Flow, Link, Outbound, Protocol, Wants};
use crate::service::ctx::{SessionChange, Shared};
use crate::service::limits::address::AddressKey;
use crate::service::limits::budgets::{Payer, Weight};
use crate::service::limits::rates::Wait;
use crate::store::ClientDialect;
use crate::wire::errno::Errno;
use crate::wire::reply::{self, Notice};
use crate::workers::job::Job;

/// One reactor's share. Owned by the reactor's thread.
pub struct ChatProtocol {
    reactor: ReactorCtx,
    here: SessionsHere,
    crowd: Crowd,
    /// Set while there is something left to tell to large groups: nothing of it is told before.
    go_on_at: Option<Instant>,
    stopping: bool,
}

impl ChatProtocol {
    /// Nobody is connected yet.
    #[must_use]
    pub fn new(reactor: ReactorCtx) -> Self {
        let (here, crowd) = (SessionsHere::new(SLICE), Crowd::default());
        Self { reactor, here, crowd, go_on_at: None, stopping: false }
    }

    /// Tells large groups what concerns them in slices of so many sessions, before anybody is connected. Tests use small ones.
    #[must_use]
    pub fn in_slices_of(self, sessions: usize) -> Self {
        Self { here: SessionsHere::new(sessions), ..self }
    }

    /// Something has come: a guest has another time for the login from then on.
    fn hear(&self, session: &mut Session, now: Instant) {
        if session.breaks_silence(now) {
            self.reactor.shared.budgets.silent().left(session.from);
        }
    }

    /// What a connection may do.
    fn limits(&self) -> &Limits {
        &self.reactor.config.limits
    }

    /// Takes what something costs that is no line; until it can be paid nothing is read.
    fn pay(&self, session: &mut Session, weight: Weight, now: Instant) -> Flow {
        let paid = self.reactor.shared.budgets.take(session.payer(), weight, now);
        let Err(Wait::Reserved(at) | Wait::Full(at)) = paid else { return Flow::Continue };
        session.hold = PauseReason::Until(at);
        Flow::Pause
    }
}

impl Protocol for ChatProtocol {
    type Session = Session;
    type Message = ReactorMessage;

    fn opened(&mut self, _: ConnId, from: IpAddr, link: &mut dyn Link, now: Instant) -> Session {
        let (Shared { budgets, .. }, config) = (&*self.reactor.shared, &self.reactor.config);
        let address = AddressKey::of(from);
        let may_be_silent = config.dialects.enabled && budgets.silent().has_place(address);
        let session = Session::new(address, may_be_silent, now);
        if !budgets.guests().came(address) {
            link.send(reply::error(Errno::TooFast, "too many connections from this address without a login"));
            link.close(CloseReason::TooManyAnonymous);
        }
        if budgets.neighbours().all_alike(address) {
            log::warn!(
                "all clients so far have come from {from}: every limit per address counts them as one. If a proxy stands \
                 in front, let it send a PROXY header and set proxy_protocol = true"
            );
        }
        session
    }

    fn allowance(&self, session: &Session) -> Allowance {
        if session.is_live() { Allowance::Member } else { Allowance::Guest }
    }

    fn fragment(&mut self, _: ConnId, session: &mut Session, _: &mut dyn Link, now: Instant) -> Flow {
        self.hear(session, now);
        self.pay(session, Weight::SLIGHT, now)
    }

    fn handshake(&mut self, _: ConnId, session: &mut Session, _: &mut dyn Link, now: Instant) -> Flow {
        self.pay(session, Weight::HANDSHAKE, now)
    }

    fn line(&mut self, conn: ConnId, session: &mut Session, link: &mut dyn Link, line: &[u8], now: Instant) -> Flow {
        if self.stopping {
            return Flow::Retry;
        }
        self.hear(session, now);
        let line = session.without_mark(line);
        let flow = dispatch::line(&self.reactor, &mut ConnCtx { conn, session, link, now }, line);
        if flow != Flow::Retry {
            session.took_line();
        }
        flow
    }

    fn line_too_long(&mut self, _: &mut Session, link: &mut dyn Link) {
        let line_bytes = self.reactor.config.limits.line_bytes;
        link.send(reply::error(Errno::TooLarge, &format!("the line is longer than {line_bytes} bytes")));
    }

    fn message(&mut self, message: ReactorMessage, net: &mut dyn Outbound<Session>, now: Instant) {
        let Self { reactor, here, .. } = self;
        match message {
            ReactorMessage::Events(events) => {
                for event in events {
                    here.event(reactor, net, event, now);
                }
            }
            ReactorMessage::Reply { conn, line, then } => {
                if let SessionChange::Leave(group) = then {
                    here.tell_ahead(reactor, net, (group, conn), now);
                }
                match net.connection(conn) {
                    Some(found) => here.reply(reactor, ConnCtx::new(conn, found, now), line, then),
                    None => message::undo(&reactor.shared, &then),
                }
            }
            ReactorMessage::NotYet { conn, job, until } => {
                // Dropped with its connection, it takes back what it has registered.
                if let Some((session, _)) = net.connection(conn) {
                    session.park(job, until);
                }
            }
            ReactorMessage::Resume { conn } => {
                if let Some(job) = net.connection(conn).and_then(|(session, _)| session.take_parked()) {
                    reactor.workers.submit(job, now);
                }
            }
            ReactorMessage::Compare { conn } => {
                if let Some(live) = net.connection(conn).and_then(|(session, _)| session.hearing()) {
                    here.resync.start_one(conn, live);
                }
            }
            ReactorMessage::Enter { conn, live } => match net.connection(conn) {
                Some((session, _)) => {
                    here.groups_here.enter(conn, &live.groups);
                    session.enter(live);
                }
                None => membership::leave(reactor, conn, &live),
            },
            ReactorMessage::Fetched { conn, pages } => {
                if let Some(found) = net.connection(conn) {
                    push::fetched(reactor, ConnCtx::new(conn, found, now), pages);
                }
            }
            ReactorMessage::JoinedElsewhere { conn, following, followed } => {
                let entered = net.connection(conn).is_some_and(|found| {
                    here.joined_elsewhere(reactor, ConnCtx::new(conn, found, now), following, followed)
                });
                // A question that failed has given its subscription back.
                if !entered && followed != Followed::Failed {
                    reactor.shared.bus.unsubscribe(&[Channel::Group(following.group)]);
                }
            }
            ReactorMessage::Settings(config) => reactor.config = config,
            ReactorMessage::Compared(compared) => {
                let SessionsHere { groups_here, resync, .. } = here;
                resync.compared(reactor, groups_here, net, compared, now);
            }
        }
    }

    fn turn_ended(&mut self, net: &mut dyn Outbound<Session>, now: Instant) {
        if self.stopping {
            // At the end of this turn the first sessions are closed.
            self.here.tell_rest(&self.reactor, net, now);
        }
        if self.stopping || self.go_on_at.is_none_or(|at| at <= now) {
            let late = self.go_on_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            self.go_on_at = self.here.tell_next(&self.reactor, net, late, now);
        }
        self.crowd.make_room(&self.reactor, net, now);
        self.here.out_of_turn.ahead.expire(now);
        self.here.resync.go_on(&self.reactor, net, now);
        self.here.out_of_turn.doubts.go_on(&self.reactor.workers, now);
        for job in self.here.together.take() {
            self.reactor.workers.submit(job, now);
        }
    }

    fn turn_by(&self) -> Option<Instant> {
        let asked_at = self.here.together.asked_at();
        [self.go_on_at, asked_at, self.crowd.look_by()].into_iter().flatten().min()
    }

    fn due(&mut self, conn: ConnId, session: &mut Session, link: &mut dyn Link, now: Instant) {
        match session.due(self.limits(), now) {
            Due::LoginTimeout => {
                link.send(reply::error(Errno::LoginFirst, "no login within the time allowed"));
                link.close(CloseReason::LoginTimeout);
            }
            Due::Work { tick } => {
                if let Some(job) = session.take_due_job(now) {
                    self.reactor.workers.submit(job, now);
                }
                if tick && let Some(mut on) = (ConnCtx { conn, session, link, now }).live() {
                    self.here.resync.retry(conn, on.live);
                    push::tick(&self.reactor, &mut on);
                }
            }
        }
    }

    fn after_turn(&mut self, conn: ConnId, session: &mut Session, link: &mut dyn Link, now: Instant) -> Wants {
        if self.stopping && session.is_idle() {
            // Nothing of it is under way.
            if session.is_live() {
                link.send(Notice::Shutdown.line());
            }
            link.close(CloseReason::Shutdown);
            return Wants::default();
        }
        if let Some(mut on) = (ConnCtx { conn, session, link, now }).live() {
            push::fetch_more(&self.reactor, &mut self.here.together, &mut on);
        }
        session.arm_tick(now);
        let wants = session.wants(self.limits());
        Wants { reading: wants.reading && !self.stopping, ..wants }
    }

    fn closed(&mut self, conn: ConnId, mut session: Session, reason: CloseReason, acknowledged: u64, now: Instant) {
        let Shared { budgets, metrics, .. } = &*self.reactor.shared;
        if session.is_silent() {
            budgets.silent().left(session.from);
        }
        if session.is_live() {
            metrics.sessions.dec();
        } else {
            budgets.guests().left(session.from);
            // Coming and going has its price, too.
            budgets.charge(Payer::Address(session.from), Weight::LINE, now);
        }
        let Some(mut live) = session.leave(now) else { return };
        if reason == CloseReason::PeerClosed {
            push::confirm_acknowledged(&self.reactor, &mut live, acknowledged);
        }
        self.here.groups_here.leave(conn, &live.groups);
        membership::leave(&self.reactor, conn, &live);
        log::debug!("{conn}: user {} is gone: {reason:?}", live.user);
    }

    fn stopping(&mut self, _: Instant) {
        self.stopping = true;
    }
}

impl Host for ChatProtocol {
    fn speaks_dialect(&mut self, session: &mut Session) {
        // One whose first object came in pieces has given its place up with the first of them.
        if session.is_silent() || self.reactor.shared.budgets.silent().has_place(session.from) {
            session.stands_at_menu();
        }
    }

    fn remembered_dialect(&self, session: &Session) -> Option<ClientDialect> {
        match &session.state {
            State::Live(live) => live.dialect,
            State::Guest | State::Entering(_) => None,
        }
    }

    fn remember_dialect(&mut self, session: &mut Session, dialect: ClientDialect, now: Instant) {
        if let Some(live) = session.live() {
            live.dialect = Some(dialect);
            self.reactor.workers.submit(Job::RememberDialect(live.user, dialect), now);
        }
    }

    fn remember_dialect_of(&mut self, user: UserId, dialect: ClientDialect, now: Instant) {
        self.reactor.workers.submit(Job::RememberDialect(user, dialect), now);
    }
}
