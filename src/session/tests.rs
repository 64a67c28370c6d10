//! A reactor's share without sockets: what is late, and for whom.

mod crowd;
mod groups;
mod missed;
mod slices;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::Receiver;
use proptest::prelude::*;

use super::live::{ClientKnows, ClientOptions, Following, Live, Retry};
use super::message::{Compared, Followed, ReactorMailboxes, ReactorMessage, Standing};
use super::protocol::ChatProtocol;
use super::reactor_ctx::ReactorCtx;
use super::resync::{BATCH, Resync};
use super::seq_tracker::OwnMessages;
use super::state::{PauseReason, Session};
use crate::bus::promise::Promise;
use crate::bus::{Bell, Bus, Channel, LinkState, Part, PendingSubscribe, Question};
use crate::clock::{Clock, UnixMs};
use crate::config::{Config, Current, Limits, Quotas};
use crate::delivery::cursors::queue::CursorQueue;
use crate::delivery::demand::Demand;
use crate::delivery::directory::Directory;
use crate::delivery::epoch::Epoch;
use crate::delivery::lanes::Lanes;
use crate::delivery::{Addressee, Event, Told, Which, lane};
use crate::ids::{ConvId, DeviceId, GroupId, NodeId, Seq, UserId};
use crate::metrics::Metrics;
use crate::net::{CloseReason, ConnId, Link, Outbound, Protocol, Wants};
use crate::service::auth::attempts::Attempts;
use crate::service::caller::Caller;
use crate::service::ctx::{Backlog, SessionChange, Shared};
use crate::service::limits::address::AddressKey;
use crate::service::limits::budgets::Budgets;
use crate::service::routes::Table;
use crate::store::{Message, Page, Pending, Person};
use crate::workers::job::{Job, JoinQuestion};
use crate::workers::pool::{self, Queues};
use crate::workers::sweeper;

/// How many messages a lane takes before it is full.
const LANE_MESSAGES: usize = 20;

/// A connection's other end.
#[derive(Default)]
struct Wire {
    lines: Vec<Bytes>,
    offset: u64,
    closed: Option<CloseReason>,
    renewed: bool,
    full: bool,
}

impl Link for Wire {
    fn send(&mut self, line: Bytes) {
        self.offset += line.len() as u64;
        self.lines.push(line);
    }

    fn close(&mut self, reason: CloseReason) {
        self.closed.get_or_insert(reason);
    }

    fn has_room(&mut self, _: usize) -> bool {
        !self.full
    }

    fn renew(&mut self) {
        self.renewed = true;
    }

    fn queued_bytes(&self) -> usize {
        0
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn acknowledged(&mut self) -> u64 {
        self.offset
    }
}

#[derive(Default)]
struct Net(HashMap<ConnId, (Session, Wire)>);

impl Outbound<Session> for Net {
    fn connection(&mut self, id: ConnId) -> Option<(&mut Session, &mut dyn Link)> {
        self.0.get_mut(&id).map(|(session, wire)| (session, wire as &mut dyn Link))
    }

    fn each(&mut self, visit: &mut dyn FnMut(ConnId, &mut Session, &mut dyn Link)) {
        for (id, (session, wire)) in &mut self.0 {
            visit(*id, session, wire);
        }
    }
}

/// A bus that counts what is given back.
struct CountingBus(Arc<Mutex<Vec<Channel>>>);

impl Bus for CountingBus {
    fn node(&self) -> NodeId {
        NodeId(1)
    }

    fn nodes(&self) -> Option<Vec<NodeId>> {
        Some(Vec::new())
    }

    fn subscribe(&self, _: &[Channel]) -> PendingSubscribe {
        PendingSubscribe::in_effect()
    }

    fn unsubscribe(&self, channels: &[Channel]) {
        self.0.lock().unwrap().extend_from_slice(channels);
    }

    fn publish(&self, _: Vec<Bell>) {}

    fn ask(&self, channels: &[Channel]) -> Question {
        Promise::kept(Ok(vec![0; channels.len()].into()))
    }

    fn link(&self) -> LinkState {
        LinkState::Up
    }

    fn stop(&self) {}
}

/// One reactor's share, without anybody who does its jobs.
struct Bed {
    local: ChatProtocol,
    epoch: Arc<Epoch>,
    net: Net,
    given_back: Arc<Mutex<Vec<Channel>>>,
    metrics: Arc<Metrics>,
    now: Instant,
    /// Names given.
    names: u32,
    _nudged: Receiver<()>,
    _queues: Queues,
    _jobs: Receiver<lane::Job>,
}

fn user(number: i64) -> UserId {
    UserId::new(number).unwrap()
}

fn group() -> GroupId {
    GroupId::new(1).unwrap()
}

fn message(conv: ConvId, sender: i64, seq: Seq) -> Message {
    let sender = Person { id: user(sender), name: "somebody".to_owned() };
    Message::said((conv, seq), sender, UnixMs(0), r#"{"msg":"secret"}"#.to_owned())
}

fn line(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

impl Bed {
    fn new() -> Self {
        Self::with(Config::default())
    }

    #[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
    fn with(config: Config) -> Self {
        let metrics = Arc::new(Metrics::new());
        let given_back = Arc::default();
        let bus: Arc<dyn Bus> = Arc::new(CountingBus(Arc::clone(&given_back)));
        let (cursor_queue, nudged) = CursorQueue::new(Arc::clone(&metrics));
        let mailboxes = ReactorMailboxes::new(Vec::new());
        let (entrances, queues) = pool::queues(Arc::clone(&metrics), Arc::clone(&mailboxes));
        let epoch = Arc::new(Epoch::new("one", cursor_queue.clone()));
        let directory = Arc::new(Directory::new());
        let shared = Arc::new(Shared {
            settings: Current::new(config),
            budgets: Budgets::new(&Limits::default(), &Quotas::default()),
            clock: Clock::system(),
            demand: Arc::new(Demand::new(Arc::clone(&directory), Arc::clone(&bus), || {})),
            directory,
            bus,
            epoch: Arc::clone(&epoch),
            cursor_queue,
            sweep: sweeper::door().0,
            attempts: Attempts::new(None),
            sessions: mailboxes.clone(),
            metrics: Arc::clone(&metrics),
        });
        let (lanes, jobs) = Lanes::unattended(LANE_MESSAGES);
        let config = shared.settings.get();
        let reactor = ReactorCtx { shared, config, table: Arc::new(Table::new()), lanes, workers: entrances };
        let now = Instant::now();
        Self {
            local: ChatProtocol::new(reactor),
            epoch,
            net: Net::default(),
            given_back,
            metrics,
            now,
            names: 0,
            _nudged: nudged,
            _queues: queues,
            _jobs: jobs,
        }
    }

    /// A turn with one message.
    fn post(&mut self, mail: ReactorMessage) {
        self.local.message(mail, &mut self.net, self.now);
        let renewed: Vec<ConnId> = self.net.0.iter().filter(|(_, (_, wire))| wire.renewed).map(|(id, _)| *id).collect();
        for id in renewed {
            let (session, mut wire) = self.net.0.remove(&id).unwrap();
            wire.renewed = false;
            let name = self.name(id.slot);
            self.net.0.insert(name, (session, wire));
        }
        for (id, (session, wire)) in &mut self.net.0 {
            if wire.closed.is_none() {
                self.local.after_turn(*id, session, wire, self.now);
            }
        }
    }

    fn name(&mut self, slot: u32) -> ConnId {
        self.names += 1;
        ConnId { reactor: 0, slot, generation: self.names }
    }

    fn open(&mut self, slot: u32) {
        let mut wire = Wire::default();
        let id = self.name(slot);
        let session = self.local.opened(id, IpAddr::V4(Ipv4Addr::LOCALHOST), &mut wire, self.now);
        self.net.0.insert(id, (session, wire));
    }

    /// What the connection in this slot is called now.
    fn conn(&self, slot: u32) -> ConnId {
        *self.net.0.keys().find(|id| id.slot == slot).unwrap()
    }

    fn session(&mut self, slot: u32) -> &mut Session {
        let conn = self.conn(slot);
        &mut self.net.0.get_mut(&conn).unwrap().0
    }

    fn wire(&mut self, slot: u32) -> &mut Wire {
        let conn = self.conn(slot);
        &mut self.net.0.get_mut(&conn).unwrap().1
    }

    /// What a LOGIN on the connection is, until the worker answers.
    fn asks_for_login(&mut self, slot: u32) -> ConnId {
        self.session(slot).at_worker = true;
        self.conn(slot)
    }

    fn live(conn: ConnId, number: i64) -> Box<Live> {
        let caller = Caller {
            conn,
            user: user(number),
            name: "name".into(),
            device: DeviceId::UNNAMED,
            from: AddressKey::of(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            token: [0; 32],
            wants: crate::wants::Wants::default(),
        };
        Box::new(Live::new(
            caller,
            ClientOptions {
                confirms: true,
                own: OwnMessages::None,
                catch_up: crate::wire::request::CatchUp::Messages,
                dialect: None,
            },
            vec![],
            0,
        ))
    }

    fn log_in(&mut self, slot: u32, number: i64) -> ConnId {
        let session = self.asks_for_login(slot);
        self.post(ReactorMessage::Enter { conn: session, live: Self::live(session, number) });
        let backlog = Backlog { pending: vec![], shown: vec![], own: vec![], requests: vec![] };
        self.reply(session, SessionChange::GoLive(Box::new(backlog)));
        assert!(self.session(slot).live().is_some());
        session
    }

    fn reply(&mut self, conn: ConnId, then: SessionChange) {
        self.post(ReactorMessage::Reply { conn, line: line("reply\n"), then });
    }

    fn log_out(&mut self, session: ConnId) {
        self.session(session.slot).at_worker = true;
        self.reply(session, SessionChange::LogOut);
    }

    fn take_lines(&mut self, slot: u32) -> Vec<Bytes> {
        std::mem::take(&mut self.wire(slot).lines)
    }
}

/// The first group, as a session follows it by this change of its groups.
fn following(change: u32) -> Following {
    Following { group: group(), change, client: ClientKnows::No }
}

fn some_job(conn: ConnId) -> Job {
    Job::FollowJoin(JoinQuestion { conn, user: user(1), device: DeviceId::UNNAMED, following: following(1) })
}

/// All that can be on its way to a session.
fn late(bed: &Bed, conn: ConnId) -> Vec<ReactorMessage> {
    let conv = ConvId::pair(user(1), user(2));
    let position = Pending { conv, delivered: 0, last_seq: 1 };
    let page = Page { conv, position: Some(position), messages: vec![message(conv, 2, 1)] };
    let standing = Standing { pending: vec![position], groups: vec![group()] };
    let (to, which) = (Addressee::Session(conn), Which::of(user(1), UnixMs(0)));
    let events = vec![
        Event::Answered { conn, conv, stored: Some((1, which)), line: line("ack\n") },
        Event::Message {
            to,
            from: None,
            told: Told { conv, seq: 1, which: Some(which), line: Some(line("push\n")), generation: 0 },
        },
        Event::Notice { to, line: line("notice\n") },
        Event::Joined { conn, group: group() },
        Event::Left { conn, group: group(), line: line("left\n") },
        Event::Replaced { conn },
    ];
    let job = some_job(conn);
    vec![
        ReactorMessage::Events(events),
        ReactorMessage::Fetched { conn, pages: Some(vec![page]) },
        ReactorMessage::Fetched { conn, pages: None },
        ReactorMessage::JoinedElsewhere { conn, following: following(1), followed: Followed::Member(0) },
        ReactorMessage::Compare { conn },
        ReactorMessage::Compared(Compared { conns: vec![conn], changes: vec![0], standings: Some(vec![standing]) }),
        ReactorMessage::Compared(Compared { conns: vec![conn], changes: vec![0], standings: None }),
        ReactorMessage::Reply {
            conn,
            line: line("reply\n"),
            then: SessionChange::Join { group: group(), last_seq: 0 },
        },
        ReactorMessage::Reply { conn, line: line("reply\n"), then: SessionChange::LogOut },
        ReactorMessage::NotYet { conn, job, until: bed.now },
        ReactorMessage::Resume { conn },
        ReactorMessage::Enter { conn, live: Bed::live(conn, 1) },
    ]
}

#[test]
fn what_was_meant_for_the_session_before_reaches_nobody_else_on_the_connection() {
    let mut bed = Bed::new();
    bed.open(0);
    let anna = bed.log_in(0, 1);
    bed.log_out(anna);
    bed.take_lines(0);
    let check = |bed: &mut Bed, what: &str| {
        assert_eq!(bed.take_lines(0), Vec::<Bytes>::new(), "{what}");
        assert_eq!(bed.wire(0).closed, None, "{what}");
    };
    for mail in late(&bed, anna) {
        bed.post(mail);
        check(&mut bed, "nobody is logged in");
        assert!(bed.session(0).hearing().is_none());
    }
    let given_back = [Channel::Group(group()), Channel::Group(group())];
    assert!(bed.given_back.lock().unwrap().starts_with(&given_back), "the subscriptions of both joins");
    bed.log_in(0, 2);
    bed.take_lines(0);
    for mail in late(&bed, anna) {
        bed.post(mail);
        check(&mut bed, "somebody else is logged in");
        let live = bed.session(0).live().expect("still there");
        assert_eq!(live.user, user(2));
        assert!(live.groups.is_empty() && live.following.is_empty() && !live.in_line);
        assert_eq!(live.retry, Retry::default());
        assert_eq!(live.seqs.next_fetch(|_| true), []);
    }
    let later = bed.now + Duration::from_secs(1);
    assert!(bed.session(0).take_due_job(later).is_none(), "the job before was another's");
}

#[test]
fn what_was_meant_for_a_login_that_failed_misses_the_next_one() {
    let mut bed = Bed::new();
    bed.open(0);
    let failed = bed.asks_for_login(0);
    bed.post(ReactorMessage::Enter { conn: failed, live: Bed::live(failed, 1) });
    bed.reply(failed, SessionChange::Nothing);
    assert!(bed.session(0).hearing().is_none());
    bed.post(ReactorMessage::Events(vec![Event::Replaced { conn: failed }]));
    assert_eq!(bed.wire(0).closed, None);
    let next = bed.asks_for_login(0);
    assert_ne!(next, failed);
    bed.post(ReactorMessage::Events(vec![Event::Replaced { conn: next }]));
    assert_eq!(bed.wire(0).closed, Some(CloseReason::Replaced), "also one that is about to enter");
}

/// Bells are lost again and again, faster than all sessions can be compared.
#[test]
fn triggers_that_repeat_starve_nobody() {
    const SESSIONS: u32 = 1000;
    let rounds = SESSIONS.div_ceil(u32::try_from(BATCH).unwrap());
    let mut bed = Bed::new();
    let mut ids = HashMap::new();
    for slot in 0..SESSIONS {
        bed.open(slot);
        ids.insert(bed.log_in(slot, i64::from(slot) + 1), 0);
    }
    let mut resync = Resync::default();
    for step in 1..=10 * rounds {
        resync.start(&mut bed.net, None);
        assert!(resync.len() <= SESSIONS as usize, "each stands in line once");
        for session in resync.next_batch(&mut bed.net).conns {
            ids.insert(session, step);
        }
        let longest_wait = ids.values().map(|compared_at| step - compared_at).max().unwrap();
        assert!(longest_wait <= rounds, "after {step} triggers somebody has waited for {longest_wait} batches");
    }
    // After the last trigger everybody is compared once more, and then nobody.
    resync.start(&mut bed.net, None);
    let rest: Vec<ConnId> = (0..=rounds).flat_map(|_| resync.next_batch(&mut bed.net).conns).collect();
    assert_eq!((rest.len(), resync.len()), (SESSIONS as usize, 0));
}

/// A part of the bus was away: sessions that hear none of its channels are left alone.
#[test]
fn bells_lost_in_a_part_concern_the_sessions_of_that_part() {
    let mut bed = Bed::new();
    let conns: Vec<ConnId> = (0..5)
        .map(|slot| {
            bed.open(slot);
            bed.log_in(slot, i64::from(slot) + 1)
        })
        .collect();
    let mut resync = Resync::default();
    let third = Channel::User(UserId::new(3).unwrap());
    resync.start(&mut bed.net, Some(&Part::new(move |channel| channel == third)));
    assert_eq!(resync.next_batch(&mut bed.net).conns, [conns[2]]);
    resync.start(&mut bed.net, Some(&Part::new(|_| false)));
    assert_eq!(resync.len(), 0);
}

#[test]
fn who_has_gone_does_not_stand_in_line_for_ever() {
    let mut bed = Bed::new();
    let mut resync = Resync::default();
    for slot in 0..10 {
        bed.open(slot);
        bed.log_in(slot, 1);
        resync.start(&mut bed.net, None);
        assert_eq!(resync.len(), 1, "round {slot}");
        bed.net.0.clear();
    }
    assert_eq!(resync.next_batch(&mut bed.net).conns, []);
    assert_eq!(resync.len(), 0);
}

#[test]
fn news_of_another_life_of_the_data_are_looked_up_and_not_shown() {
    let mut bed = Bed::new();
    bed.open(0);
    let anna = bed.log_in(0, 1);
    bed.take_lines(0);
    let conv = ConvId::pair(user(1), user(2));
    let told = |seq, at, generation| {
        let (to, which) = (Addressee::Session(anna), Some(Which::of(user(2), UnixMs(at))));
        let line = Some(line("push\n"));
        ReactorMessage::Events(vec![Event::Message {
            to,
            from: None,
            told: Told { conv, seq, which, line, generation },
        }])
    };
    let seqs = &mut bed.session(0).live().unwrap().seqs;
    seqs.compare(&[Pending { conv, delivered: 0, last_seq: 0 }]);
    bed.post(told(1, 1, 1));
    assert_eq!(bed.take_lines(0), Vec::<Bytes>::new(), "of an epoch that is not this session's");
    let page = Page { conv, position: Some(Pending { conv, delivered: 0, last_seq: 0 }), messages: Vec::new() };
    bed.post(ReactorMessage::Fetched { conn: anna, pages: Some(vec![page]) });
    bed.post(told(1, 1, 0));
    assert_eq!(bed.take_lines(0), [line("push\n")]);
    bed.post(told(1, 1, 0));
    assert!(bed.epoch.trusts_cursors(), "the same message again");
    bed.post(told(1, 2, 0));
    assert!(!bed.epoch.trusts_cursors(), "another one has its number");
    assert_eq!(bed.take_lines(0), Vec::<Bytes>::new());
}

/// What may happen to a session between two turns.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Line(&'static str),
    Acked(bool),
    Told { seq: Seq, with_line: bool },
    Paged(Option<Seq>),
    Answered(bool),
    NotYet,
    Resumed,
    Joined,
    Left,
    Compared(bool),
    Fragment,
    Due,
}

/// One turn: so much later, perhaps an answer of the store to what was asked in an earlier one, and what else happens.
type Turn = (u64, Option<Happens>, Vec<Happens>);

fn turn() -> impl Strategy<Value = Turn> {
    let page = prop::option::of(1..12_u64).prop_map(Happens::Paged);
    let later = prop_oneof![Just(0), 1..50_u64, 500..2_000_u64];
    (later, prop::option::of(page), prop::collection::vec(happens(), 1..6))
}

fn happens() -> impl Strategy<Value = Happens> {
    let lines = [
        r#"{"msgid":6,"toid":2,"msg":"hello"}"#,
        r#"{"msgid":17}"#,
        r#"{"msgid":20,"id":2,"seq":3}"#,
        r#"{"msgid":9,"groupid":1}"#,
        "no request",
        r#"{"msgid":3}"#,
    ];
    prop_oneof![
        4 => prop::sample::select(lines.to_vec()).prop_map(Happens::Line),
        2 => any::<bool>().prop_map(Happens::Acked),
        4 => (1..12_u64, any::<bool>()).prop_map(|(seq, with_line)| Happens::Told { seq, with_line }),
        2 => any::<bool>().prop_map(Happens::Answered),
        1 => Just(Happens::NotYet),
        1 => Just(Happens::Resumed),
        1 => Just(Happens::Joined),
        1 => Just(Happens::Left),
        1 => any::<bool>().prop_map(Happens::Compared),
        1 => Just(Happens::Fragment),
        2 => Just(Happens::Due),
    ]
}

impl Bed {
    /// Lets it happen, and asks nothing.
    #[expect(clippy::too_many_lines, reason = "a table: one entry for each thing that may happen")]
    fn happen(&mut self, what: Happens) {
        let conn = self.conn(0);
        let conv = ConvId::pair(user(1), user(2));
        let limits = Limits::default();
        let mail = match what {
            Happens::Line(line) => {
                // As net does: nothing is offered to whoever wants nothing.
                let (session, wire) = self.net.0.get_mut(&conn).unwrap();
                if session.wants(&limits).reading {
                    self.local.line(conn, session, wire, line.as_bytes(), self.now);
                }
                return;
            }
            Happens::Fragment | Happens::Due => {
                let (session, wire) = self.net.0.get_mut(&conn).unwrap();
                match what {
                    Happens::Fragment if session.wants(&limits).reading => {
                        self.local.fragment(conn, session, wire, self.now);
                    }
                    Happens::Due if session.wants(&limits).wake_at.is_some_and(|at| at <= self.now) => {
                        self.local.due(conn, session, wire, self.now);
                    }
                    _ => {}
                }
                return;
            }
            Happens::Acked(stored) => {
                let stored = stored.then(|| (1, Which::of(user(1), UnixMs(0))));
                ReactorMessage::Events(vec![Event::Answered { conn, conv, stored, line: line("ack\n") }])
            }
            Happens::Told { seq, with_line } => {
                let (to, which) = (Addressee::Session(conn), Some(Which::of(user(2), UnixMs(0))));
                let line = with_line.then(|| line("push\n"));
                ReactorMessage::Events(vec![Event::Message {
                    to,
                    from: None,
                    told: Told { conv, seq, which, line, generation: 0 },
                }])
            }
            Happens::Paged(last_seq) => {
                let page = |last_seq| Page {
                    conv,
                    position: Some(Pending { conv, delivered: 0, last_seq }),
                    messages: (1..=last_seq).map(|seq| message(conv, 2, seq)).collect(),
                };
                ReactorMessage::Fetched { conn, pages: last_seq.map(|last_seq| vec![page(last_seq)]) }
            }
            Happens::Answered(joins) if self.session(0).at_worker => {
                let then =
                    if joins { SessionChange::Join { group: group(), last_seq: 0 } } else { SessionChange::Nothing };
                ReactorMessage::Reply { conn, line: line("reply\n"), then }
            }
            Happens::NotYet if self.session(0).at_worker => {
                let job = some_job(conn);
                ReactorMessage::NotYet { conn, job, until: self.now + Duration::from_millis(100) }
            }
            Happens::Answered(_) | Happens::NotYet => return,
            Happens::Resumed => ReactorMessage::Resume { conn },
            Happens::Joined => {
                let followed = Followed::Member(0);
                let joined = Event::Joined { conn, group: group() };
                self.local.message(ReactorMessage::Events(vec![joined]), &mut self.net, self.now);
                let change = self.session(0).live().map_or(0, |live| live.group_changes);
                ReactorMessage::JoinedElsewhere { conn, following: following(change), followed }
            }
            Happens::Left => ReactorMessage::Events(vec![Event::Left { conn, group: group(), line: line("left\n") }]),
            Happens::Compared(known) => {
                let changes = self.session(0).live().map_or(0, |live| live.group_changes);
                let standing = Standing { pending: vec![Pending { conv, delivered: 0, last_seq: 9 }], groups: vec![] };
                let standings = known.then(|| vec![standing]);
                ReactorMessage::Compared(Compared { conns: vec![conn], changes: vec![changes], standings })
            }
        };
        self.local.message(mail, &mut self.net, self.now);
    }

    fn ask(&mut self) -> Wants {
        let conn = self.conn(0);
        let (session, wire) = self.net.0.get_mut(&conn).unwrap();
        self.local.after_turn(conn, session, wire, self.now)
    }
}

proptest! {
    #[test]
    fn what_a_session_wants_follows_from_its_state_alone(turns in prop::collection::vec(turn(), 1..30)) {
        let mut bed = Bed::new();
        bed.open(0);
        bed.log_in(0, 1);
        for turn in turns {
            let (later, page, others) = &turn;
            bed.now += Duration::from_millis(*later);
            for what in page.iter().chain(others) {
                bed.happen(*what);
            }
            let (wants, limits) = (bed.ask(), Limits::default());
            // Whatever has happened, and whoever forgot to say so: what is wanted can be read off the session.
            prop_assert_eq!(bed.ask(), wants, "asking changes nothing");
            prop_assert_eq!(bed.session(0).wants(&limits), wants, "{:?}", turn);
            let session = bed.session(0);
            let (held, waits) = (session.hold, session.at_worker);
            prop_assert_eq!(wants.reading, held == PauseReason::No && !waits);
            prop_assert_eq!(wants.idle, session.inflight == 0 && !waits);
            if let PauseReason::Until(at) = held {
                prop_assert!(wants.wake_at.is_some_and(|wake_at| wake_at <= at));
            }
            if let Some(live) = session.live() {
                let waits = live.seqs.has_gaps() || live.retry != Retry::default();
                prop_assert_eq!(wants.wake_at.is_some() || !waits, true, "{:?}: nothing wakes it", turn);
                prop_assert!(live.retry.fetch || live.seqs.next_fetch(|_| true).is_empty(), "{:?}: nobody fetches", turn);
            }
        }
    }
}
