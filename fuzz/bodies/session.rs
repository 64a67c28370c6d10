//! A session: lines of any kind go through the whole service (reactor share, lane, handlers, SQLite) while somebody else
//! listens. Every line is answered once, every answer is a line, and the bystander's messages stay whole and in order.
//!
//! ```text
//!   bytes --lines--> ChatProtocol (net's Protocol) --jobs, appends--> worker and lane, run here --mail--> ChatProtocol --> lines
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use stonechat::bus::local::LocalBus;
use stonechat::clock::{Clock, UnixMs};
use stonechat::config::{Config, PasswordCost, Synchronous};
use stonechat::delivery::cursors::writer::CursorWriter;
use stonechat::delivery::lanes::{LaneRunner, Stepped};
use stonechat::ids::{NodeId, UserId};
use stonechat::metrics::Metrics;
use stonechat::net::mailbox::{self, Inbox};
use stonechat::net::{CloseReason, ConnId, Flow, Link, Outbound, Protocol};
use stonechat::node::{self, Pool, Surroundings};
use stonechat::service::auth::password::{Hasher, token_hash};
use stonechat::service::ctx::{Ctx, Purpose};
use stonechat::session::message::ReactorMessage;
use stonechat::session::protocol::ChatProtocol;
use stonechat::session::state::Session;
use stonechat::store::sqlite::SqliteStores;
use stonechat::store::{NewToken, OpenStore, TokenUse, UserRef};
use stonechat::workers::pool::Queues;
use tempfile::TempDir;

/// A database grows with every message; a new one takes its place after so many runs.
const RUNS_PER_WORLD: usize = 20_000;
/// Lines of one run; more say nothing new.
const LINES_MAX: usize = 64;
/// The first byte says whether the client is logged in; the others are its stream.
pub fn run(bytes: &[u8]) {
    thread_local!(static WORLD: RefCell<Option<World>> = const { RefCell::new(None) });
    let [kind, stream @ ..] = bytes else { return };
    WORLD.with_borrow_mut(|world| {
        if world.as_ref().is_none_or(|world| world.runs == RUNS_PER_WORLD) {
            *world = None;
            *world = Some(World::new());
        }
        let world = world.as_mut().expect("made just above");
        world.run(kind % 2 == 1, stream);
    });
}

/// A node without sockets: user 1 sends what the fuzzer says, user 2 listens, both are in group 1.
struct World {
    local: ChatProtocol,
    inbox: Inbox<ReactorMessage>,
    queues: Queues,
    ctx: Ctx,
    hasher: Hasher,
    lane: LaneRunner,
    cursor_writer: CursorWriter,
    net: Net,
    bystander: ConnId,
    /// Where user 1 is logged in, over many runs: a login is the dearest part of one.
    logged_in: Option<ConnId>,
    /// The last `seq` that the bystander got, by conversation.
    heard: HashMap<String, u64>,
    runs: usize,
    _folder: TempDir,
}

/// The connections, and what was sent on each.
#[derive(Default)]
struct Net(HashMap<ConnId, (Session, Wire)>);

#[derive(Default)]
struct Wire {
    lines: Vec<Bytes>,
    offset: u64,
    closed: bool,
}

impl Link for Wire {
    fn send(&mut self, line: Bytes) {
        if !self.closed {
            self.offset += line.len() as u64;
            self.lines.push(line);
        }
    }

    fn close(&mut self, _: CloseReason) {
        self.closed = true;
    }

    fn has_room(&mut self, _: usize) -> bool {
        true
    }

    fn renew(&mut self) {}

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

impl World {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a temporary folder");
        let config = config();
        let stores = SqliteStores::new(folder.path(), Synchronous::Normal, config.store.timeout).expect("a database");
        stores.migrate().expect("a new database takes the schema");
        let (handle, inbox) = mailbox::channel(0).expect("a mailbox");
        let cluster = stores.open().and_then(|mut store| store.cluster()).expect("the migration has made it");
        let hasher = Hasher::new(config.password);
        let parts = node::assemble(Surroundings {
            config,
            clock: Clock::system(),
            metrics: Arc::new(Metrics::new()),
            bus: Arc::new(LocalBus::new(NodeId(1))),
            epoch: &cluster.epoch,
            mailboxes: vec![Box::new(handle)],
            pool: Pool { lanes: 1, workers: 1 },
            open: &|_| stores.open(),
        });
        let mut parts = parts.expect("connections to the database");
        let mut world = Self {
            local: parts.reactors.pop().expect("one was asked for"),
            inbox,
            queues: parts.queues,
            hasher,
            ctx: parts.workers.pop().expect("one was asked for"),
            lane: parts.lanes.pop().expect("one was asked for"),
            cursor_writer: parts.cursor_writer,
            net: Net::default(),
            bystander: conn(1, 0),
            logged_in: None,
            heard: HashMap::new(),
            runs: 0,
            _folder: folder,
        };
        world.populate();
        world
    }

    /// Registers both, makes the group, and logs the bystander in.
    fn populate(&mut self) {
        let bystander = self.bystander;
        self.open(bystander);
        self.ask(bystander, &json!({"msgid": 4, "name": "mallory", "pwd": "pw"}));
        self.ask(bystander, &json!({"msgid": 4, "name": "bystander", "pwd": "a secret that no fuzzer guesses"}));
        let login = json!({"msgid": 1, "id": 2, "pwd": "a secret that no fuzzer guesses", "ack": true});
        self.ask(bystander, &login);
        self.ask(bystander, &json!({"msgid": 8, "groupname": "group", "groupdesc": ""}));
        let mallory = conn(0, 0);
        self.open(mallory);
        self.log_in(mallory);
        self.ask(mallory, &json!({"msgid": 9, "groupid": 1}));
        self.close(mallory);
        self.take_lines(bystander);
    }

    fn run(&mut self, logged_in: bool, stream: &[u8]) {
        self.runs += 1;
        let mallory = if logged_in { self.session() } else { self.visitor() };
        let (mut taken, mut silent) = (0, 0);
        for line in stream.split(|byte| *byte == b'\n').take(LINES_MAX) {
            if self.net.0[&mallory].1.closed {
                break;
            }
            self.offer(mallory, line);
            taken += 1;
            silent += usize::from(may_be_silent(line));
        }
        self.settle(mallory);
        let answers = self.take_lines(mallory).iter().filter(|line| line.get("errno").is_some()).count();
        assert!(
            (taken - silent..=taken).contains(&answers),
            "{answers} answers to {taken} lines, {silent} of which need none"
        );
        let (session, wire) = self.net.0.get_mut(&mallory).expect("opened above");
        if !logged_in || wire.closed || session.live().is_none() {
            self.close(mallory);
            self.logged_in = None;
        }
        self.check_bystander();
    }

    /// A new connection. Whoever is logged in logs out first, so that a login with the password finds nobody.
    fn visitor(&mut self) -> ConnId {
        if let Some(old) = self.logged_in.take() {
            self.close(old);
        }
        let id = conn(0, u32::try_from(self.runs).expect("some thousand runs"));
        self.open(id);
        id
    }

    /// The connection on which user 1 is logged in.
    fn session(&mut self) -> ConnId {
        if let Some(id) = self.logged_in {
            return id;
        }
        let id = self.visitor();
        self.log_in(id);
        self.logged_in = Some(id);
        id
    }

    fn open(&mut self, id: ConnId) {
        let mut wire = Wire::default();
        let session = self.local.opened(id, IpAddr::V4(Ipv4Addr::LOCALHOST), &mut wire, now());
        self.net.0.insert(id, (session, wire));
    }

    /// With a token, which costs no password hash. A run may have logged out, which revokes it.
    fn log_in(&mut self, id: ConnId) {
        let login = json!({"msgid": 1, "id": 1, "token": "t", "ack": true});
        if self.request(id, &login)["errno"] == 0 {
            return;
        }
        let user = UserId::new(1).expect("1 is an id");
        let expires_at = UnixMs::now().plus(Duration::from_secs(24 * 3600 * 30));
        let hash = token_hash("t");
        let row = self.ctx.store.user(UserRef::Id(user)).expect("the store works").expect("registered above");
        let token = NewToken { hash: &hash, user, expires_at, proof: &row.password, used: TokenUse::default() };
        self.ctx.store.save_token(&token, UnixMs::now()).expect("the token is saved");
        self.ask(id, &login);
    }

    /// A request that must succeed.
    fn ask(&mut self, id: ConnId, request: &Value) {
        let reply = self.request(id, request);
        assert_eq!(reply["errno"], 0, "{request}: {reply}");
    }

    fn request(&mut self, id: ConnId, request: &Value) -> Value {
        self.offer(id, request.to_string().as_bytes());
        self.settle(id);
        let lines = self.take_lines(id);
        lines.into_iter().find(|line| line.get("errno").is_some()).unwrap_or_else(|| panic!("no reply to {request}"))
    }

    /// Offers a line until it is taken, as a reactor does.
    fn offer(&mut self, id: ConnId, line: &[u8]) {
        for _ in 0..3 {
            let (session, wire) = self.net.0.get_mut(&id).expect("open");
            match self.local.line(id, session, wire, line, now()) {
                Flow::Continue => return,
                Flow::Pause => return self.settle(id),
                Flow::Retry => self.settle(id),
            }
        }
        panic!("a line is never taken: {:?}", String::from_utf8_lossy(line));
    }

    /// Runs jobs and mail until nothing of this connection is under way.
    fn settle(&mut self, id: ConnId) {
        loop {
            self.local.turn_ended(&mut self.net, now());
            for (id, (session, wire)) in &mut self.net.0 {
                if !wire.closed {
                    self.local.after_turn(*id, session, wire, now());
                }
            }
            while self.queues.run_next(&mut self.ctx, &|_, panic| resume_unwind(panic)) || self.hash_one() {}
            while self.lane.step() == Stepped::Done {}
            match self.inbox.wait_for_post(Duration::ZERO) {
                Some(mail) => self.local.message(mail, &mut self.net, now()),
                None => break,
            }
        }
        let is_idle = self.net.0.get(&id).is_none_or(|(session, _)| session.is_idle());
        assert!(is_idle, "a request is not answered");
        self.cursor_writer.write(now());
    }

    fn hash_one(&mut self) -> bool {
        let hash = |purpose| self.queues.hash_one(purpose, &mut self.hasher, now());
        [Purpose::Login, Purpose::Register].map(hash).contains(&true)
    }

    fn close(&mut self, id: ConnId) {
        let (session, wire) = self.net.0.remove(&id).expect("open");
        self.local.closed(id, session, CloseReason::PeerClosed, wire.offset, now());
        self.settle(id);
    }

    /// What was sent on a connection, each a whole line.
    fn take_lines(&mut self, id: ConnId) -> Vec<Value> {
        let (_, wire) = self.net.0.get_mut(&id).expect("open");
        std::mem::take(&mut wire.lines).iter().map(parse).collect()
    }

    /// Its connection is open, and what it gets of each conversation is 1, 2, 3, ...
    fn check_bystander(&mut self) {
        assert!(!self.net.0[&self.bystander].1.closed, "the bystander was closed");
        for line in self.take_lines(self.bystander) {
            let Some(seq) = line["seq"].as_u64() else { continue };
            let heard = self.heard.entry(format!("{}/{}", line["groupid"], line["id"])).or_default();
            let conversation_goes_on = line["groupid"].is_number() || seq == *heard + 1;
            assert!(conversation_goes_on, "after {heard} came {line}");
            *heard = seq;
        }
    }
}

fn config() -> Config {
    let mut config = Config { password: PasswordCost { memory_kib: 8, passes: 1 }, ..Config::default() };
    config.limits.messages_per_second = None;
    config.limits.logins_per_minute = None;
    config.limits.registrations_per_minute = None;
    config.limits.anonymous_per_address = None;
    config
}

fn conn(slot: u32, generation: u32) -> ConnId {
    ConnId { reactor: 0, slot, generation }
}

/// DELIVERED, READ and TYPING have no reply when they are well-formed, and a PONG none at all. As in the server, nobody looks into the values of
/// fields that a PONG does not have: half a surrogate pair there is no error.
fn may_be_silent(line: &[u8]) -> bool {
    let fields = serde_json::from_slice::<HashMap<String, Box<RawValue>>>(line);
    fields.is_ok_and(|fields| fields.get("msgid").is_some_and(|id| ["18", "20", "45", "50"].contains(&id.get())))
}

fn parse(line: &Bytes) -> Value {
    let text = str::from_utf8(line).expect("a line is UTF-8");
    assert_eq!(text.find('\n'), Some(text.len() - 1), "{text:?}");
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(value["msgid"].is_i64(), "{text}");
    value
}

#[allow(clippy::disallowed_methods, reason = "the driver is the shell that reads the clock")]
fn now() -> Instant {
    Instant::now()
}
