//! A reactor without its sockets: a turn of `net::reactor` for many connections, which takes the time of those that have something
//! to do. Every client takes at once what it is sent, and its TCP acknowledges it.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use stonechat::net::{CloseReason, ConnId, Flow, Link, Outbound, Protocol, Wants};
use stonechat::session::message::{PostMessage, ReactorMessage};
use stonechat::session::protocol::ChatProtocol;
use stonechat::session::state::Session;

use crate::clock;

/// Mail that waits for a reactor.
#[derive(Clone, Default)]
pub struct MailQueue(Arc<Mutex<VecDeque<ReactorMessage>>>);

impl PostMessage for MailQueue {
    fn post(&self, message: ReactorMessage) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
    }
}

impl MailQueue {
    fn take_all(&self) -> VecDeque<ReactorMessage> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const ACKS: [&[u8]; 2] = [b"{\"msgid\":11,\"errno\":0,", b"{\"msgid\":12,\"errno\":0,"];
/// So many of the lines that should not have come are kept to be shown.
const ODD_KEPT: usize = 5;

/// What clients were sent.
#[derive(Default, Debug)]
pub struct Heard {
    /// Messages, as pushes and in the replies to logins.
    pub messages: u64,
    pub acks: u64,
    pub logins: u64,
    /// What should not come: errors, and anything else.
    pub odd: Vec<String>,
    /// How long pushes took, in milliseconds: how many took so long.
    pub took_ms: Vec<u64>,
}

impl Heard {
    fn line(&mut self, line: &[u8]) {
        if line.starts_with(b"{\"msgid\":6,") || line.starts_with(b"{\"msgid\":10,") {
            self.messages += 1;
            if let Some(said_at) = said_at(line) {
                let took = clock::passed().saturating_sub(said_at).as_millis();
                let took = usize::try_from(took).expect("a run is short");
                if self.took_ms.len() <= took {
                    self.took_ms.resize(took + 1, 0);
                }
                self.took_ms[took] += 1;
            }
        } else if ACKS.iter().any(|ack| line.starts_with(ack)) {
            self.acks += 1;
        } else if line.starts_with(b"{\"msgid\":2,\"errno\":0,") {
            self.logins += 1;
            self.messages += occurrences(line, b"\"seq\":");
        } else if self.odd.len() < ODD_KEPT {
            self.odd.push(String::from_utf8_lossy(line).into_owned());
        }
    }

    /// The time in which so many of 1,000 pushes came, in milliseconds.
    pub fn of_1000(&self, part: u64) -> usize {
        let all: u64 = self.took_ms.iter().sum();
        let mut left = all * part / 1000;
        self.took_ms
            .iter()
            .position(|count| {
                let is_here = left < *count;
                left = left.saturating_sub(*count);
                is_here
            })
            .unwrap_or(0)
    }
}

/// Texts are the time at which they were said, in milliseconds of the run.
fn said_at(line: &[u8]) -> Option<Duration> {
    let at = line.windows(7).position(|part| part == b"\"msg\":\"")? + 7;
    let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(Duration::from_millis(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))))
}

fn occurrences(line: &[u8], of: &[u8]) -> u64 {
    line.windows(of.len()).filter(|part| *part == of).count() as u64
}

/// Shared by all links of a run.
pub type SharedHeard = Rc<RefCell<Heard>>;

struct CrowdLink {
    heard: SharedHeard,
    touched: bool,
    renewed: bool,
    queued: u64,
    ending: Option<CloseReason>,
    wake_at: Option<Instant>,
}

impl Link for CrowdLink {
    fn send(&mut self, line: Bytes) {
        if self.ending.is_none() {
            self.queued += line.len() as u64;
            self.heard.borrow_mut().line(&line);
        }
    }

    fn has_room(&mut self, _: usize) -> bool {
        true
    }

    fn close(&mut self, reason: CloseReason) {
        self.ending.get_or_insert(reason);
    }

    fn renew(&mut self) {
        self.renewed = true;
    }

    fn queued_bytes(&self) -> usize {
        0
    }

    fn offset(&self) -> u64 {
        self.queued
    }

    fn acknowledged(&mut self) -> u64 {
        self.queued
    }
}

struct Connection {
    id: ConnId,
    session: Session,
    link: CrowdLink,
}

/// The connections, and which of them were touched in this turn.
struct Table {
    slots: Vec<Option<Connection>>,
    touched: Vec<u32>,
}

impl Outbound<Session> for Table {
    fn connection(&mut self, id: ConnId) -> Option<(&mut Session, &mut dyn Link)> {
        let connection = self.slots.get_mut(id.slot as usize)?.as_mut()?;
        if connection.id != id || connection.link.ending.is_some() {
            return None;
        }
        if !std::mem::replace(&mut connection.link.touched, true) {
            self.touched.push(id.slot);
        }
        Some((&mut connection.session, &mut connection.link))
    }

    fn each(&mut self, visit: &mut dyn FnMut(ConnId, &mut Session, &mut dyn Link)) {
        let Self { slots, touched } = self;
        for connection in slots.iter_mut().flatten().filter(|connection| connection.link.ending.is_none()) {
            if !std::mem::replace(&mut connection.link.touched, true) {
                touched.push(connection.id.slot);
            }
            visit(connection.id, &mut connection.session, &mut connection.link);
        }
    }
}

/// A reactor and its connections.
pub struct Reactor {
    number: u16,
    protocol: ChatProtocol,
    mail: MailQueue,
    table: Table,
    deadlines: BTreeSet<(Instant, u32)>,
    heard: SharedHeard,
    /// Names given.
    opened: u32,
}

impl Reactor {
    pub fn new(number: u16, protocol: ChatProtocol, mail: MailQueue, heard: SharedHeard) -> Self {
        let table = Table { slots: Vec::new(), touched: Vec::new() };
        Self { number, protocol, mail, table, deadlines: BTreeSet::new(), heard, opened: 0 }
    }

    /// A client connects, and says its first line; its slot.
    pub fn connect(&mut self, from: IpAddr, line: &str) -> u32 {
        let slot = u32::try_from(self.table.slots.len()).expect("few enough");
        let id = ConnId { reactor: self.number, slot, generation: self.opened };
        self.opened += 1;
        let mut link = CrowdLink {
            heard: Rc::clone(&self.heard),
            touched: false,
            renewed: false,
            queued: 0,
            ending: None,
            wake_at: None,
        };
        let session = self.protocol.opened(id, from, &mut link, clock::now());
        self.table.slots.push(Some(Connection { id, session, link }));
        self.say(slot, line);
        slot
    }

    /// The client in this slot says a line.
    pub fn say(&mut self, slot: u32, line: &str) {
        let connection = self.table.slots[slot as usize].as_mut().expect("nobody is sent away");
        let Connection { id, session, link } = connection;
        if !std::mem::replace(&mut link.touched, true) {
            self.table.touched.push(slot);
        }
        let flow = self.protocol.line(*id, session, link, line.as_bytes(), clock::now());
        assert!(flow != Flow::Retry, "a line was not taken: the lane is full, or the client says too much");
    }

    /// One turn; whether anything happened.
    pub fn turn(&mut self) -> bool {
        let now = clock::now();
        let mail = self.mail.take_all();
        let mut happened = !mail.is_empty() || !self.table.touched.is_empty();
        happened |= self.run_due(now);
        for message in mail {
            self.protocol.message(message, &mut self.table, now);
        }
        self.protocol.turn_ended(&mut self.table, now);
        self.settle(now);
        happened || self.protocol.turn_by().is_some_and(|at| at <= now)
    }

    fn run_due(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some((at, slot)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, slot));
            let Some(Connection { id, session, link }) = &mut self.table.slots[slot as usize] else { continue };
            link.wake_at = None;
            if !std::mem::replace(&mut link.touched, true) {
                self.table.touched.push(slot);
            }
            any = true;
            self.protocol.due(*id, session, link, now);
        }
        any
    }

    fn settle(&mut self, now: Instant) {
        for slot in std::mem::take(&mut self.table.touched) {
            let Some(Connection { id, session, link }) = &mut self.table.slots[slot as usize] else { continue };
            link.touched = false;
            if std::mem::take(&mut link.renewed) {
                id.generation = self.opened;
                self.opened += 1;
            }
            let Wants { wake_at, .. } = self.protocol.after_turn(*id, session, link, now);
            if link.wake_at != wake_at {
                if let Some(before) = link.wake_at {
                    self.deadlines.remove(&(before, slot));
                }
                self.deadlines.extend(wake_at.map(|at| (at, slot)));
                link.wake_at = wake_at;
            }
            if let Some(reason) = link.ending {
                self.heard.borrow_mut().odd.push(format!("a connection was closed: {reason:?}"));
            }
        }
    }
}
