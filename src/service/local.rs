//! One reactor's share of the service: its sessions, and which of them hear which group. It is net's [`Protocol`].
//!
//! ```text
//!   line    -> dispatch                     a request: answered here, by a lane or by a worker
//!   message -> mail -> deliver              what lanes, workers and other nodes have for the sessions
//!   due     -> deliver                      ticks
//!   after_turn                              what follows from what the session is now: fetches, goodbyes, deadlines
//! ```

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::address::AddressKey;
use super::budgets::{Payer, Weight};
use super::conn_ctx::ConnCtx;
use super::deliver::{self, OutOfTurn};
use super::dispatch;
use super::mail::{Followed, Mail};
use super::members::Members;
use super::rates::Wait;
use super::resync::Resync;
use super::session::{Due, Hold, Live, Session};
use super::table::Table;
use super::workers::Workers;
use super::{Shared, mail};
use crate::bus::Channel;
use crate::delivery::lanes::Lanes;
use crate::net::{Allowance, CloseReason, ConnId, Flow, Link, Outbound, Protocol, Wants};
use crate::wire::errno::Errno;
use crate::wire::reply::{self, Notice};

/// What every call needs besides the session it is about. Shared by nothing but this reactor's code.
pub struct Tools {
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// The handler table.
    pub table: Arc<Table>,
    /// The entrances of the lanes.
    pub lanes: Lanes,
    /// The entrances to the workers.
    pub workers: Workers,
}

/// One reactor's share. Owned by the reactor's thread.
pub struct Local {
    pub(super) tools: Tools,
    pub(super) members: Members,
    pub(super) out_of_turn: OutOfTurn,
    pub(super) resync: Resync,
    stopping: bool,
}

impl Local {
    /// Nobody is connected yet.
    #[must_use]
    pub fn new(tools: Tools) -> Self {
        Self {
            tools,
            members: Members::default(),
            out_of_turn: OutOfTurn::default(),
            resync: Resync::default(),
            stopping: false,
        }
    }
}

impl Protocol for Local {
    type Session = Session;
    type Message = Mail;

    fn opened(&mut self, _: ConnId, from: IpAddr, link: &mut dyn Link, now: Instant) -> Session {
        let Shared { budgets, config, .. } = &*self.tools.shared;
        let address = AddressKey::of(from);
        let session = Session::new(address, config.limits.login, now);
        if !budgets.visitors().came(address) {
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
        let paid = self.tools.shared.budgets.take(session.payer(), Weight::SLIGHT, now);
        let Err(Wait::Reserved(at) | Wait::Full(at)) = paid else { return Flow::Continue };
        session.hold = Hold::Until(at);
        Flow::Pause
    }

    fn line(&mut self, conn: ConnId, session: &mut Session, link: &mut dyn Link, line: &[u8], now: Instant) -> Flow {
        if self.stopping {
            return Flow::Retry;
        }
        let line = session.without_mark(line);
        let flow = dispatch::line(&self.tools, &mut ConnCtx { conn, session, link, now }, line);
        if flow != Flow::Retry {
            session.took_line();
        }
        flow
    }

    fn line_too_long(&mut self, _: &mut Session, link: &mut dyn Link) {
        let line_bytes = self.tools.shared.config.limits.line_bytes;
        link.send(reply::error(Errno::TooLarge, &format!("the line is longer than {line_bytes} bytes")));
    }

    fn message(&mut self, message: Mail, net: &mut dyn Outbound<Session>, now: Instant) {
        match message {
            Mail::Events(events) => {
                for event in events {
                    self.event(net, event, now);
                }
            }
            Mail::Reply { conn, line, then } => match net.connection(conn) {
                Some(found) => self.reply(ConnCtx::new(conn, found, now), line, then),
                None => mail::undo(&self.tools.shared, &then),
            },
            Mail::NotYet { conn, job, until } => {
                // Dropped with its connection, it takes back what it has registered.
                if let Some((session, _)) = net.connection(conn) {
                    session.park(job, until);
                }
            }
            Mail::Resume { conn } => {
                if let Some(job) = net.connection(conn).and_then(|(session, _)| session.take_parked()) {
                    self.tools.workers.submit(job, now);
                }
            }
            Mail::Compare { conn } => {
                if let Some(live) = net.connection(conn).and_then(|(session, _)| session.hearing()) {
                    self.resync.start_one(conn, live);
                }
            }
            Mail::Enter { conn, live } => match net.connection(conn) {
                Some((session, _)) => {
                    self.members.enter(conn, &live.groups);
                    session.enter(live);
                }
                None => leave(&self.tools, conn, &live),
            },
            Mail::Fetched { conn, pages } => {
                if let Some(found) = net.connection(conn) {
                    deliver::fetched(&self.tools, ConnCtx::new(conn, found, now), pages);
                }
            }
            Mail::JoinedElsewhere { conn, group, followed } => {
                let entered = net
                    .connection(conn)
                    .is_some_and(|found| self.joined_elsewhere(ConnCtx::new(conn, found, now), group, followed));
                // A question that failed has given its subscription back.
                if !entered && followed != Followed::Failed {
                    self.tools.shared.bus.unsubscribe(&[Channel::Group(group)]);
                }
            }
            Mail::Compared(compared) => {
                let Self { tools, members, resync, .. } = self;
                resync.compared(tools, members, net, compared, now);
            }
        }
    }

    fn turn_ended(&mut self, net: &mut dyn Outbound<Session>, now: Instant) {
        self.out_of_turn.ahead.expire(now);
        self.resync.go_on(&self.tools, net, now);
        self.out_of_turn.doubts.go_on(&self.tools, now);
    }

    fn due(&mut self, conn: ConnId, session: &mut Session, link: &mut dyn Link, now: Instant) {
        match session.due(now) {
            Due::LoginTimeout => {
                link.send(reply::error(Errno::LoginFirst, "no login within the time allowed"));
                link.close(CloseReason::LoginTimeout);
            }
            Due::Work { tick } => {
                if let Some(job) = session.take_due_job(now) {
                    self.tools.workers.submit(job, now);
                }
                if tick && let Some(mut on) = (ConnCtx { conn, session, link, now }).live() {
                    self.resync.retry(conn, on.live);
                    deliver::tick(&self.tools, &mut on);
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
            deliver::fetch_more(&self.tools, &mut on);
        }
        session.arm_tick(now);
        let wants = session.wants();
        Wants { reading: wants.reading && !self.stopping, ..wants }
    }

    fn closed(&mut self, conn: ConnId, mut session: Session, reason: CloseReason, acknowledged: u64, now: Instant) {
        let Shared { budgets, metrics, .. } = &*self.tools.shared;
        if session.is_live() {
            metrics.sessions.dec();
        } else {
            budgets.visitors().left(session.from);
            // Coming and going has its price, too.
            budgets.charge(Payer::Address(session.from), Weight::LINE, now);
        }
        let Some(mut live) = session.leave(None, now) else { return };
        if reason == CloseReason::PeerClosed {
            deliver::settle_receipts(&self.tools, &mut live, acknowledged);
        }
        self.members.leave(conn, &live.groups);
        leave(&self.tools, conn, &live);
        log::debug!("{conn}: user {} is gone: {reason:?}", live.user);
    }

    fn stopping(&mut self, _: Instant) {
        self.stopping = true;
    }
}

/// Takes back what a session's entrance has registered, once its cursors are on their way.
pub fn leave(tools: &Tools, conn: ConnId, live: &Live) {
    let Shared { directory, bus, desk, config, .. } = &*tools.shared;
    directory.leave(live.user, conn);
    if !live.groups.is_empty() {
        let groups: Vec<Channel> = live.groups.iter().map(|group| Channel::Group(*group)).collect();
        bus.unsubscribe(&groups);
    }
    let channels = live.own_channels(config.session_policy);
    if directory.is_online(live.user) {
        desk.release(&channels);
    } else {
        desk.departed(live.user, &channels);
    }
}
