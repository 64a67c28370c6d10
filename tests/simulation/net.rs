//! One reactor without its sockets: the turn of `net::reactor`, on pipes that the network delays, breaks and narrows.
//!
//! ```text
//!   client --to_server--> [ Pipe ] --lines--> ChatProtocol                what the network holds back waits in to_server
//!   client <--to_client-- [ Pipe ] <--arrive-- on_its_way <--flush-- outbox
//!             ^ acknowledged, unread             ^ not acknowledged
//! ```
//!
//! A client's kernel acknowledges what arrives, as long as it has room and the client is there; a client that does not
//! read fills it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stonechat::net::{CloseReason, ConnId, Flow, Link, Outbound, Protocol};
use stonechat::session::message::ReactorMessage;
use stonechat::session::protocol::ChatProtocol;
use stonechat::session::state::Session;
use stonechat::session::tcp_acks::TICK;

use crate::plan::Bug;
use crate::world::World;

/// How long a closing connection may take to get its last lines to the client.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// Answers may go over the high-water mark up to so many times the mark.
const HARD_FACTOR: usize = 2;
/// The low-water mark is this part of the high-water mark.
const LOW_WATER_PART: usize = 4;

/// One end of a connection, as the other sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Open,
    /// It ended its side in order.
    Finished,
    /// It is gone; what was on its way is lost.
    Broken,
}

/// What lies between a client and a reactor.
pub struct Pipe {
    pub to_server: VecDeque<Vec<u8>>,
    /// In the client's kernel.
    pub to_client: VecDeque<Arrived>,
    /// In the server's kernel, or under way.
    pub on_its_way: VecDeque<Bytes>,
    /// Bytes that the client's TCP has acknowledged.
    acknowledged: u64,
    pub client: End,
    pub server: End,
    /// When the server knew of the end, or died.
    ended_at: Option<Duration>,
    /// When the server took the client's LOGOUT.
    logout_at: Option<Duration>,
    room_bytes: usize,
}

/// A line that a client's TCP has acknowledged, and when.
pub struct Arrived {
    pub line: Bytes,
    pub at: Duration,
}

pub type SharedPipe = Rc<RefCell<Pipe>>;

impl Pipe {
    pub fn open(room_bytes: usize) -> SharedPipe {
        Rc::new(RefCell::new(Self {
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            on_its_way: VecDeque::new(),
            acknowledged: 0,
            client: End::Open,
            server: End::Open,
            ended_at: None,
            logout_at: None,
            room_bytes,
        }))
    }

    /// At most so many lines reach the client's kernel, which acknowledges them; whether any did.
    pub fn arrive(&mut self, lines_max: usize, now: Duration) -> bool {
        let mut held: usize = self.to_client.iter().map(|arrived| arrived.line.len()).sum();
        let before = self.to_client.len();
        while self.to_client.len() < before + lines_max
            && let Some(line) = self.on_its_way.front()
            && (held == 0 || held + line.len() <= self.room_bytes / 2)
        {
            held += line.len();
            self.acknowledged += line.len() as u64;
            let line = self.on_its_way.pop_front().expect("it was just looked at");
            self.to_client.push_back(Arrived { line, at: now });
        }
        self.to_client.len() > before
    }

    /// A client that has ended its side is gone, and its kernel answers what still comes with a reset. While life is rough that
    /// takes its time.
    fn reset_if_gone(&mut self, is_stormy: bool) {
        if self.client == End::Finished && !is_stormy && !self.on_its_way.is_empty() {
            self.client = End::Broken;
        }
    }

    /// What a client of the past had not read though the server may rightly count it as delivered: it was acknowledged, and
    /// the connection was alive a moment later, or the client logged out then.
    pub fn delivered_unread(&self) -> impl Iterator<Item = &Bytes> {
        let counts = |at: Duration| {
            self.ended_at.is_some_and(|ended| at + TICK <= ended) || self.logout_at.is_some_and(|logout| at <= logout)
        };
        self.to_client.iter().filter(move |arrived| counts(arrived.at)).map(|arrived| &arrived.line)
    }

    /// The process at the server's end dies. What its kernel has may still arrive.
    pub fn break_server(&mut self, now: Duration) {
        self.server = End::Broken;
        self.ended_at.get_or_insert(now);
    }

    fn end_server(&mut self, now: Duration) {
        if self.server == End::Open {
            self.server = End::Finished;
        }
        self.ended_at.get_or_insert(now);
    }
}

#[expect(clippy::struct_excessive_bools, reason = "the marks of net's connection, in one place")]
struct SimLink {
    pipe: SharedPipe,
    /// A line that was not taken.
    kept: Option<Vec<u8>>,
    paused: bool,
    /// A call of this turn, or room in the outbox, gives reason to ask the protocol what the session wants.
    touched: bool,
    renewed: bool,
    outbox: VecDeque<Bytes>,
    waiting: usize,
    queued: u64,
    written: u64,
    /// What was acknowledged when the turn began: a turn has one time, and so one state of the kernels.
    acknowledged: u64,
    was_high: bool,
    outbox_bytes: usize,
    room_bytes: usize,
    ending: Option<CloseReason>,
    give_up_at: Option<Instant>,
    wake_at: Option<Instant>,
    bug: Bug,
}

impl Link for SimLink {
    fn send(&mut self, line: Bytes) {
        if self.ending.is_some() {
            return;
        }
        if !self.fits(line.len(), HARD_FACTOR) {
            self.flush();
        }
        if !self.fits(line.len(), HARD_FACTOR) {
            self.ending = Some(CloseReason::SlowConsumer);
            return;
        }
        self.waiting += line.len();
        self.queued += line.len() as u64;
        self.was_high |= self.waiting > self.outbox_bytes / LOW_WATER_PART;
        self.outbox.push_back(line);
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        if !self.fits(bytes, 1) {
            self.flush();
        }
        let fits = self.fits(bytes, 1);
        if !fits {
            crate::world::world().count("slow reader is left to the store");
        }
        fits
    }

    fn close(&mut self, reason: CloseReason) {
        self.ending.get_or_insert(reason);
    }

    fn renew(&mut self) {
        self.renewed = true;
    }

    fn queued_bytes(&self) -> usize {
        self.waiting
    }

    fn offset(&self) -> u64 {
        self.queued
    }

    fn acknowledged(&mut self) -> u64 {
        if self.bug == Bug::WrittenIsAcknowledged { self.written } else { self.acknowledged }
    }
}

impl SimLink {
    fn fits(&self, bytes: usize, factor: usize) -> bool {
        self.waiting == 0 || self.waiting + bytes <= factor * self.outbox_bytes
    }

    /// Whoever does not read its answers is not asked for more questions.
    fn is_high(&self) -> bool {
        self.waiting > self.outbox_bytes / 2
    }

    fn flush(&mut self) {
        let mut pipe = self.pipe.borrow_mut();
        if pipe.server == End::Broken {
            // The node has died in the middle of this turn.
            return;
        }
        let unread: usize = pipe.to_client.iter().map(|arrived| arrived.line.len()).sum();
        let mut held: usize = unread + pipe.on_its_way.iter().map(Bytes::len).sum::<usize>();
        while let Some(line) = self.outbox.front() {
            if held > 0 && held + line.len() > self.room_bytes {
                break;
            }
            held += line.len();
            self.waiting -= line.len();
            self.written += line.len() as u64;
            let line = self.outbox.pop_front().expect("it was just looked at");
            match self.bug {
                Bug::SwapPushes if is_group_push(&line) && pipe.on_its_way.back().is_some_and(is_group_push) => {
                    let before = pipe.on_its_way.len() - 1;
                    pipe.on_its_way.insert(before, line);
                    self.bug = Bug::None;
                }
                Bug::SwallowAck if line.starts_with(b"{\"msgid\":11,") => self.bug = Bug::None,
                _ => pipe.on_its_way.push_back(line),
            }
        }
    }
}

fn is_group_push(line: &Bytes) -> bool {
    line.starts_with(b"{\"msgid\":10,")
}

fn is_logout(line: &[u8]) -> bool {
    line.ends_with(b"\"msgid\":3}")
}

struct Connection {
    id: ConnId,
    session: Session,
    link: SimLink,
}

struct Table(Vec<Option<Connection>>);

impl Outbound<Session> for Table {
    fn connection(&mut self, id: ConnId) -> Option<(&mut Session, &mut dyn Link)> {
        let connection = self.0.get_mut(id.slot as usize)?.as_mut()?;
        if connection.id != id || connection.link.ending.is_some() {
            return None;
        }
        connection.link.touched = true;
        Some((&mut connection.session, &mut connection.link))
    }

    fn each(&mut self, visit: &mut dyn FnMut(ConnId, &mut Session, &mut dyn Link)) {
        for connection in self.0.iter_mut().flatten().filter(|connection| connection.link.ending.is_none()) {
            connection.link.touched = true;
            visit(connection.id, &mut connection.session, &mut connection.link);
        }
    }
}

/// A reactor and its connections.
pub struct Reactor {
    number: u16,
    local: ChatProtocol,
    table: Table,
    /// Names given.
    opened: u32,
}

impl Reactor {
    pub fn new(number: u16, local: ChatProtocol) -> Self {
        Self { number, local, table: Table(Vec::new()), opened: 0 }
    }

    /// A client has connected.
    pub fn adopt(&mut self, world: &World, pipe: SharedPipe) {
        let slot = self.table.0.iter().position(Option::is_none).unwrap_or_else(|| {
            self.table.0.push(None);
            self.table.0.len() - 1
        });
        let id = ConnId { reactor: self.number, slot: u32::try_from(slot).expect("few"), generation: self.opened };
        self.opened += 1;
        let mut link = SimLink {
            pipe,
            kept: None,
            paused: false,
            touched: true,
            renewed: false,
            outbox: VecDeque::new(),
            waiting: 0,
            queued: 0,
            written: 0,
            acknowledged: 0,
            was_high: false,
            outbox_bytes: world.plan.outbox_bytes,
            room_bytes: world.plan.room_bytes,
            ending: None,
            give_up_at: None,
            wake_at: None,
            bug: world.planted(),
        };
        let session = self.local.opened(id, IpAddr::V4(Ipv4Addr::LOCALHOST), &mut link, world.now());
        self.table.0[slot] = Some(Connection { id, session, link });
    }

    /// One turn, as the real reactor makes it; whether anything happened.
    pub fn turn(&mut self, world: &World, mail: Vec<ReactorMessage>) -> bool {
        let now = world.now();
        for Connection { link, .. } in self.table.0.iter_mut().flatten() {
            link.acknowledged = link.pipe.borrow().acknowledged;
        }
        let mut happened = !mail.is_empty();
        happened |= self.run_due(now);
        happened |= self.read(world, now);
        for mail in mail {
            self.local.message(mail, &mut self.table, now);
        }
        self.local.turn_ended(&mut self.table, now);
        if world.plan.bug == Bug::TellOutsider {
            self.tell_outsiders();
        }
        let is_left = |local: &ChatProtocol| local.turn_by().is_some();
        if is_left(&self.local) {
            world.count("a group is told in several turns");
            happened = true;
        }
        happened |= self.settle(world, now);
        // What was asked for at the end of this turn is left, too.
        happened | is_left(&self.local)
    }

    fn run_due(&mut self, now: Instant) -> bool {
        let mut any = false;
        for Connection { id, session, link } in self.table.0.iter_mut().flatten() {
            if link.ending.is_none() && link.wake_at.is_some_and(|at| at <= now) {
                link.wake_at = None;
                link.touched = true;
                any = true;
                self.local.due(*id, session, link, now);
            }
        }
        any
    }

    fn read(&mut self, world: &World, now: Instant) -> bool {
        let turn_at = world.passed();
        let mut any = false;
        for Connection { id, session, link } in self.table.0.iter_mut().flatten() {
            let arrived = link.pipe.borrow().to_server.len();
            let mut lines = if world.is_stormy.get() { world.between(0, arrived) } else { arrived };
            if lines < arrived {
                world.count("line delayed");
            }
            while !link.paused && link.ending.is_none() && !link.is_high() {
                let line = match link.kept.take() {
                    Some(line) => line,
                    None if lines == 0 => break,
                    None => {
                        lines -= 1;
                        link.pipe.borrow_mut().to_server.pop_front().expect("counted")
                    }
                };
                any = true;
                link.touched = true;
                if is_logout(&line) {
                    link.pipe.borrow_mut().logout_at = Some(turn_at);
                }
                match self.local.line(*id, session, link, &line, now) {
                    Flow::Continue => {}
                    Flow::Pause => link.paused = true,
                    Flow::Retry => {
                        link.kept = Some(line);
                        link.paused = true;
                    }
                }
            }
            link.pipe.borrow_mut().reset_if_gone(world.is_stormy.get());
            let client = link.pipe.borrow().client;
            // A FIN is an event as well.
            link.touched |= client == End::Finished;
            if client == End::Broken {
                link.close(CloseReason::SocketError);
            }
        }
        any
    }

    fn settle(&mut self, world: &World, now: Instant) -> bool {
        let mut any = false;
        for slot in 0..self.table.0.len() {
            let Some(Connection { id, session, link }) = &mut self.table.0[slot] else { continue };
            if std::mem::take(&mut link.renewed) {
                id.generation = self.opened;
                self.opened += 1;
            }
            if std::mem::take(&mut link.touched) && link.ending.is_none() {
                let wants = self.local.after_turn(*id, session, link, now);
                link.paused = !wants.reading;
                link.wake_at = wants.wake_at;
                let is_heard_out = link.pipe.borrow().to_server.is_empty() && link.kept.is_none();
                if wants.idle && is_heard_out && link.pipe.borrow().client == End::Finished {
                    link.close(CloseReason::PeerClosed);
                }
            }
            let before = link.waiting;
            link.flush();
            any |= link.waiting != before;
            let is_open = link.pipe.borrow().client != End::Broken;
            let Some(reason) = link.ending else {
                if link.was_high && link.waiting <= link.outbox_bytes / LOW_WATER_PART {
                    link.was_high = false;
                    link.touched = true;
                    any = true;
                }
                continue;
            };
            let give_up_at = *link.give_up_at.get_or_insert(now + DRAIN_TIME);
            let at_once = matches!(reason, CloseReason::SlowConsumer | CloseReason::SocketError);
            if link.waiting > 0 && !at_once && is_open && now < give_up_at {
                continue;
            }
            any = true;
            link.pipe.borrow_mut().end_server(world.passed());
            let acknowledged = link.acknowledged();
            let reason = match reason {
                CloseReason::SocketError if link.bug == Bug::BreaksInOrder => CloseReason::PeerClosed,
                reason => reason,
            };
            let Connection { id, session, .. } = self.table.0[slot].take().expect("it was just looked at");
            self.local.closed(id, session, reason, acknowledged, now);
        }
        any
    }

    /// The planted bug: a push goes to somebody who is not in the conversation as well.
    fn tell_outsiders(&mut self) {
        let pushes: Vec<Bytes> = self.table.0.iter().flatten().flat_map(|each| each.link.outbox.clone()).collect();
        for push in pushes.into_iter().filter(|line| line.starts_with(b"{\"msgid\":6,")) {
            let line: serde_json::Value = serde_json::from_slice(&push).expect("the server writes JSON");
            let is_outside = |user: u32| line["id"] != user && line["toid"] != user;
            for Connection { session, link, .. } in self.table.0.iter_mut().flatten() {
                let user = session.live().map(|live| live.user.number());
                if link.bug == Bug::TellOutsider && user.is_some_and(is_outside) {
                    link.bug = Bug::None;
                    link.send(push.clone());
                }
            }
        }
    }
}
