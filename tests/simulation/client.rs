//! A client as docs/protocol.md asks for: it gives cids, keeps messages until they are acked, confirms (or does not), resumes
//! with its token, names its device (or does not). Where the data may go back it remembers what it has had from one session
//! to the next, and counts anew when it is told to or finds out. It writes down all that it does and all that it sees.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::checker::{
    Conv, Device, Epoch, Event, Histories, Message, Outcome, Reading, Sent, Seq, Session, User, Wait,
};
use crate::database::{PASSWORD, conv_id, user};
use crate::net::{End, Pipe, SharedPipe};
use crate::plan::{Bug, Habit, Plan, Seat};
use crate::silent::Departed;
use crate::world::World;

/// An answer must come within this time. Nothing is slow here but the store's timeout (300 ms), leaps of the clock, and
/// parts whose turn does not come.
const BOUND: Duration = Duration::from_secs(30);
/// So long after a client has gone on elsewhere its old connection is noticed to be dead: longer than anyone waits for it.
const GHOST_LIFE: Duration = Duration::from_secs(60);
/// Messages of a page of HISTORY.
const PAGE: usize = 50;

/// A request that waits for its answer.
#[derive(Clone, Debug)]
enum Request {
    Login,
    Logout,
    /// The same; then the connection is somebody else's.
    LogoutToHandOn,
    Chat(Draft),
    Join(u32),
    Quit(u32),
    List,
    History(Conv),
    /// A PING behind what was confirmed: when it is answered, the server knows it.
    Prove(BTreeMap<Conv, Seq>),
    /// What the server has where the last message is that the client has had.
    LastSeen(Conv, Mark),
}

/// The last message of a conversation that was pushed, as a client recognises it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mark {
    seq: Seq,
    id: User,
    time: String,
}

impl Mark {
    fn of(line: &Value) -> Self {
        let seq = line["seq"].as_u64().expect("a message has a seq");
        Self { seq, id: number(&line["id"]), time: line["time"].as_str().expect("a message has a time").to_owned() }
    }
}

/// A message until it is acked.
#[derive(Clone, Debug)]
struct Draft {
    cid: String,
    conv: Conv,
    /// To be sent once more after its ack.
    again: bool,
}

enum Phase {
    Away { until: Duration },
    Connected(SharedPipe),
    In(SharedPipe),
}

/// What the clients of one run share.
#[derive(Default)]
pub struct Notes {
    pub histories: RefCell<Histories>,
    /// What each device has confirmed, with whatever session.
    confirmed: RefCell<BTreeMap<(User, Device, Conv), Seq>>,
    /// The highest that each has ever confirmed, whatever the data have become since.
    confirmed_ever: RefCell<BTreeMap<(User, Device, Conv), Seq>>,
    /// What each device has been shown, and what of it was confirmed.
    had: RefCell<BTreeMap<(User, Device), BTreeSet<Message>>>,
    done: RefCell<BTreeMap<(User, Device), BTreeSet<Message>>>,
    /// Acks of what was not in the data.
    pub acked_in_vain: RefCell<Vec<String>>,
    /// What was listed after a resume, though a PONG had proved that the server knew it to be confirmed.
    pub listed_again: RefCell<Vec<String>>,
    /// Connections of clients that do not confirm, when these were done with them.
    pub departed: RefCell<Vec<Departed>>,
    /// Connections on which somebody has logged out, for somebody else to log in on.
    pub handed_on: RefCell<Vec<SharedPipe>>,
    /// Connections whose clients have vanished, and when the servers' TCP notices it.
    pub ghosts: RefCell<Vec<(Duration, SharedPipe)>>,
}

impl Notes {
    /// How far this device has confirmed.
    pub fn confirmed_by(&self, user: User, device: Device) -> BTreeMap<Conv, Seq> {
        let confirmed = self.confirmed.borrow();
        let own = confirmed.iter().filter(|((whose, which, _), _)| (*whose, *which) == (user, device));
        own.map(|((_, _, conv), seq)| (*conv, *seq)).collect()
    }

    /// Which messages this device is done with: it was shown them, and confirmed them then or later.
    fn done_by(&self, user: User, device: Device) -> BTreeSet<Message> {
        self.done.borrow().get(&(user, device)).cloned().unwrap_or_default()
    }

    /// What this device was shown up to the highest numbers that it has ever confirmed.
    pub fn done_ever(&self, user: User, device: Device) -> BTreeSet<Message> {
        let (had, ever) = (self.had.borrow(), self.confirmed_ever.borrow());
        let is_done = |message: &&Message| {
            let highest = ever.get(&(user, device, message.conv)).copied().unwrap_or(0);
            message.seq <= highest
        };
        had.get(&(user, device)).into_iter().flatten().filter(is_done).cloned().collect()
    }

    /// See [`Cluster::pass_over`](crate::cluster::Cluster::pass_over).
    pub fn pass_over(&self, user: User, device: Device, passed: Vec<Message>) {
        let had = self.had.borrow();
        let was_shown = |message: &Message| had.get(&(user, device)).is_some_and(|had| had.contains(message));
        // To a named device what its user has said on another one is news.
        let seat = crate::world::world().plan.seats.iter().position(|seat| (seat.user, seat.device) == (user, device));
        let own = format!("{user}.{}-", seat.expect("somebody has it"));
        let is_own = |message: &Message| message.sender == user && (device == 0 || message.cid.starts_with(&own));
        let counts = |message: &Message| was_shown(message) || is_own(message);
        if passed.last().is_none_or(|last| counts(last) || !self.knew_another(user, device, last)) {
            return;
        }
        for message in passed.into_iter().filter(|message| !counts(message)) {
            crate::world::world().count("message counted as delivered for another one's position");
            self.histories.borrow_mut().excused.insert((user, device, message));
        }
    }

    /// Whether this device has had another message under the number of this one, or its user has sent it.
    fn knew_another(&self, user: User, device: Device, message: &Message) -> bool {
        let (had, histories) = (self.had.borrow(), self.histories.borrow());
        let is_its_number = |other: &Message| (other.conv, other.seq) == (message.conv, message.seq);
        let was_shown = had
            .get(&(user, device))
            .is_some_and(|had| had.iter().any(|other| is_its_number(other) && other != message));
        let of_its_number = |sent: &Sent| sent.sender == user && sent.conv == message.conv && sent.cid != message.cid;
        let was_acked = |sent: &Sent| matches!(sent.outcome, Outcome::Acked(seq) if seq == message.seq);
        was_shown || histories.sends.iter().any(|sent| of_its_number(sent) && was_acked(sent))
    }

    fn shown(&self, user: User, device: Device, message: Message) {
        self.had.borrow_mut().entry((user, device)).or_default().insert(message);
    }

    fn note_confirmed(&self, user: User, device: Device, conv: Conv, seq: Seq) {
        let mut ever = self.confirmed_ever.borrow_mut();
        let highest = ever.entry((user, device, conv)).or_default();
        *highest = seq.max(*highest);
        let had = self.had.borrow();
        let confirmed = had.get(&(user, device)).into_iter().flatten();
        let confirmed = confirmed.filter(|message| message.conv == conv && message.seq <= seq).cloned();
        self.done.borrow_mut().entry((user, device)).or_default().extend(confirmed);
    }
}

/// One client of one user.
pub struct Client {
    pub user: User,
    pub seat: Seat,
    name: String,
    others: Vec<User>,
    all_groups: u32,
    token: Option<String>,
    phase: Phase,
    drafts: VecDeque<Draft>,
    /// Messages it still makes up by itself.
    quota: u32,
    made: u32,
    requests: BTreeMap<u64, (Duration, Request)>,
    next_tag: u64,
    session: usize,
    /// The highest seq of each conversation that came to this session.
    got: BTreeMap<Conv, Seq>,
    groups: BTreeSet<u32>,
    /// Groups it has left in this session, and when it asked for that.
    left: BTreeMap<u32, Duration>,
    stalls_until: Duration,
    readings: BTreeMap<Conv, (Vec<Message>, bool)>,
    /// What it has confirmed on this connection.
    told: BTreeMap<Conv, Seq>,
    /// What the server knows to be confirmed.
    proved: BTreeMap<Conv, Seq>,
    /// The epoch of the data, as the last login's reply named it.
    epoch: Option<Epoch>,
    /// The last message of each conversation that was pushed, in whatever session.
    marks: BTreeMap<Conv, Mark>,
    /// What came and is not above its mark: it is shown if the server has something else where the mark is.
    held: BTreeMap<Conv, Vec<(Message, Mark)>>,
    /// What came in this session, where the data may go back: a list that repeats it says nothing new.
    got_here: BTreeSet<Message>,
}

impl Client {
    /// The client in the plan's seat of this number.
    pub fn new(plan: &Plan, number: usize) -> Self {
        let seat = plan.seats[number].clone();
        let user = seat.user;
        Self {
            user,
            seat,
            name: format!("{user}.{number}"),
            others: (1..=plan.users).filter(|other| *other != user).collect(),
            all_groups: u32::try_from(plan.groups.len()).expect("few"),
            token: None,
            phase: Phase::Away { until: Duration::ZERO },
            drafts: VecDeque::new(),
            quota: plan.messages,
            made: 0,
            requests: BTreeMap::new(),
            next_tag: 0,
            session: 0,
            got: BTreeMap::new(),
            groups: BTreeSet::new(),
            left: BTreeMap::new(),
            stalls_until: Duration::ZERO,
            readings: BTreeMap::new(),
            told: BTreeMap::new(),
            proved: BTreeMap::new(),
            epoch: None,
            marks: BTreeMap::new(),
            held: BTreeMap::new(),
            got_here: BTreeSet::new(),
        }
    }

    /// Does something; whether it did.
    pub fn step(&mut self, world: &World, notes: &Notes) -> bool {
        let pipe = match &self.phase {
            Phase::Away { until } if *until > world.passed() => return false,
            Phase::Away { .. } => return self.connect(world, notes),
            Phase::Connected(pipe) | Phase::In(pipe) => Rc::clone(pipe),
        };
        let mut did = Self::arrive(world, &pipe);
        did |= self.read(world, notes, &pipe);
        if self.lost_its_way(world, notes, &pipe) {
            return true;
        }
        let moves_out = self.requests.values().any(|(_, request)| matches!(request, Request::LogoutToHandOn));
        if matches!(self.phase, Phase::In(_)) && !moves_out {
            did |= self.confirm(world, notes, &pipe);
            did |= self.talk(world, &pipe);
        }
        if world.is_stormy.get() {
            self.misbehave(world, notes, &pipe);
            self.prove(world, &pipe);
        }
        did
    }

    /// Its kernel takes what comes, whatever the client does.
    fn arrive(world: &World, pipe: &SharedPipe) -> bool {
        let waiting = pipe.borrow().on_its_way.len();
        let lines = if world.is_stormy.get() { world.between(0, waiting) } else { waiting };
        pipe.borrow_mut().arrive(lines, world.passed())
    }

    /// The cids of all that it has said.
    pub fn said(&self) -> BTreeSet<String> {
        (1..=self.made).map(|number| self.cid(number)).collect()
    }

    fn cid(&self, number: u32) -> String {
        format!("{}-{number}", self.name)
    }

    /// It is logged in, and waits for nothing.
    pub fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::In(_)) && self.drafts.is_empty() && self.quota == 0 && self.requests.is_empty()
    }

    /// The storm is over.
    pub fn calm_down(&mut self) {
        self.stalls_until = Duration::ZERO;
        self.quota = 0;
    }

    /// Something to say, after everything is healed, in this conversation.
    pub fn say(&mut self, conv: Conv) {
        self.draft(conv, false);
    }

    /// Asks for all of a conversation.
    pub fn read_history(&mut self, world: &World, conv: Conv) {
        let Phase::In(pipe) = &self.phase else { panic!("{} is not logged in", self.name) };
        let pipe = Rc::clone(pipe);
        let after = self.readings.entry(conv).or_default().0.last().map_or(0, |message| message.seq);
        let place = self.address(conv, "id");
        self.ask(
            world,
            &pipe,
            Request::History(conv),
            &format!(r#""msgid":43,{place},"after":{after},"limit":{PAGE}"#),
        );
    }

    /// What HISTORY said.
    pub fn take_readings(&mut self) -> Vec<Reading> {
        let user = self.user;
        let reading = |(conv, (messages, _))| Reading { reader: user, conv, messages };
        std::mem::take(&mut self.readings).into_iter().map(reading).collect()
    }

    fn connect(&mut self, world: &World, notes: &Notes) -> bool {
        let handed_on = notes.handed_on.borrow_mut().pop().filter(|pipe| pipe.borrow().server == End::Open);
        let pipe = handed_on.clone().unwrap_or_else(|| Pipe::open(world.plan.room_bytes));
        if handed_on.is_some() {
            world.count("connection logged in on by somebody else");
        } else if !world.cluster.connect(world, &pipe) {
            self.phase = Phase::Away { until: world.passed() + Duration::from_millis(50) };
            return false;
        }
        let proof = match &self.token {
            Some(token) => format!(r#""token":"{token}""#),
            None => format!(r#""pwd":"{PASSWORD}""#),
        };
        let ack = self.seat.habit == Habit::Confirms;
        let device = match self.seat.device {
            0 => String::new(),
            device => format!(r#","device":"{device}""#),
        };
        self.phase = Phase::Connected(Rc::clone(&pipe));
        let fields = format!(r#""msgid":1,"id":{},"ack":{ack},{proof}{device}"#, self.user);
        self.ask(world, &pipe, Request::Login, &fields);
        true
    }

    fn ask(&mut self, world: &World, pipe: &SharedPipe, request: Request, fields: &str) {
        let tag = self.next_tag;
        self.next_tag += 1;
        self.requests.insert(tag, (world.passed(), request));
        Self::put(pipe, &format!(r#"{{"tag":{tag},{fields}}}"#));
    }

    fn put(pipe: &SharedPipe, line: &str) {
        pipe.borrow_mut().to_server.push_back(line.as_bytes().to_vec());
    }

    /// How a request names the conversation.
    fn address(&self, conv: Conv, peer: &str) -> String {
        match conv {
            Conv::Pair(a, b) => format!(r#""{peer}":{}"#, if a == self.user { b } else { a }),
            Conv::Group(group) => format!(r#""groupid":{group}"#),
        }
    }

    fn draft(&mut self, conv: Conv, again: bool) {
        self.made += 1;
        self.drafts.push_back(Draft { cid: self.cid(self.made), conv, again });
    }

    fn talk(&mut self, world: &World, pipe: &SharedPipe) -> bool {
        let chats = self.requests.values().filter(|(_, request)| matches!(request, Request::Chat(_))).count();
        if chats >= world.plan.inflight || (world.is_stormy.get() && world.chance(4000)) {
            return false;
        }
        if self.drafts.is_empty() && self.quota > 0 {
            self.quota -= 1;
            let conv = self.somewhere(world);
            self.draft(conv, world.plan.sends_twice);
        }
        if let Some(draft) = self.drafts.pop_front() {
            let Draft { cid, conv, .. } = &draft;
            let msgid = if matches!(conv, Conv::Pair(..)) { 6 } else { 10 };
            let place = self.address(*conv, "toid");
            let fields = format!(r#""msgid":{msgid},{place},"msg":"{cid}","cid":"{cid}""#);
            self.ask(world, pipe, Request::Chat(draft), &fields);
            return true;
        }
        if world.is_stormy.get() && world.plan.roughness > 0 && world.chance(world.plan.curiosity) {
            self.ask_something(world, pipe);
        }
        false
    }

    fn somewhere(&self, world: &World) -> Conv {
        let groups: Vec<u32> = self.groups.iter().copied().collect();
        if !groups.is_empty() && world.chance(6000) {
            return Conv::Group(groups[world.below(groups.len())]);
        }
        Conv::pair(self.user, self.others[world.below(self.others.len())])
    }

    fn ask_something(&mut self, world: &World, pipe: &SharedPipe) {
        let group = u32::try_from(world.between(1, self.all_groups as usize)).expect("few");
        let what = if world.plan.takes_turns { 2 } else { world.below(8) };
        match what {
            // Sessions that share a cursor are not shown one without the other: a list begins behind what either has
            // confirmed, whatever the other one still lacks.
            0 if !self.seat.shares_its_place => self.ask(world, pipe, Request::List, r#""msgid":41"#),
            1 if !self.seat.shares_its_place => self.ask(world, pipe, Request::List, r#""msgid":33"#),
            2 => {
                let confirms = self.seat.habit == Habit::Confirms;
                let hands_on = confirms && (world.plan.takes_turns || world.chance(5000));
                let kind = if hands_on { Request::LogoutToHandOn } else { Request::Logout };
                self.ask(world, pipe, kind, r#""msgid":3"#);
            }
            3..=5 if !self.groups.contains(&group) => self.join(world, pipe, group),
            6 if self.groups.contains(&group) && self.user > 2 => self.quit(world, pipe, group),
            _ => self.ask(world, pipe, Request::List, r#""msgid":17"#),
        }
    }

    fn join(&mut self, world: &World, pipe: &SharedPipe, group: u32) {
        self.left.remove(&group);
        self.ask(world, pipe, Request::Join(group), &format!(r#""msgid":9,"groupid":{group}"#));
    }

    fn quit(&mut self, world: &World, pipe: &SharedPipe, group: u32) {
        self.ask(world, pipe, Request::Quit(group), &format!(r#""msgid":23,"groupid":{group}"#));
    }

    /// Asks for a PONG behind what was confirmed, then goes on somewhere else.
    fn prove(&mut self, world: &World, pipe: &SharedPipe) {
        let is_idle = matches!(self.phase, Phase::In(_)) && self.requests.is_empty();
        let tells = self.seat.habit == Habit::Confirms && !self.seat.shares_its_place;
        if world.plan.restless && is_idle && tells && world.chance(2000) {
            self.ask(world, pipe, Request::Prove(self.told.clone()), r#""msgid":17"#);
        }
    }

    fn confirm(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe) -> bool {
        if self.seat.habit == Habit::Silent {
            return false;
        }
        let mut confirmed = notes.confirmed.borrow_mut();
        let mut any = false;
        // What is held back is not where it has to be.
        for (conv, seq) in self.got.iter().filter(|(conv, _)| !self.held.contains_key(conv)) {
            let known = confirmed.entry((self.user, self.seat.device, *conv)).or_default();
            if *seq > *known && (!world.is_stormy.get() || world.chance(2000)) {
                *known = *seq;
                any = true;
                self.told.insert(*conv, *seq);
                if world.plan.restores {
                    notes.note_confirmed(self.user, self.seat.device, *conv, *seq);
                }
                Self::put(pipe, &format!(r#"{{"msgid":20,{},"seq":{seq}}}"#, self.address(*conv, "id")));
            }
        }
        any
    }

    fn read(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe) -> bool {
        if self.stalls_until > world.passed() {
            return false;
        }
        let waiting = pipe.borrow().to_client.len();
        let lines = if world.is_stormy.get() { world.between(0, waiting) } else { waiting };
        for _ in 0..lines {
            let Some(line) = pipe.borrow_mut().to_client.pop_front() else { break };
            let line: Value = serde_json::from_slice(&line.line).expect("the server writes JSON");
            self.hear(world, notes, pipe, &line);
            if matches!(self.phase, Phase::Away { .. }) {
                break;
            }
        }
        lines > 0
    }

    fn hear(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe, line: &Value) {
        if line["errno"].is_null() {
            return self.told(world, notes, pipe, line);
        }
        let tag = line["tag"].as_u64();
        let Some((asked, request)) = tag.and_then(|tag| self.requests.remove(&tag)) else {
            assert_eq!(line["msgid"], 19, "{} got an answer to nothing: {line}", self.name);
            return;
        };
        note_wait(notes, &self.name, &request, world.since(asked));
        let errno = errno(line);
        match request {
            Request::Login => self.logged_in(world, notes, pipe, errno, line),
            Request::LogoutToHandOn if errno == 0 && self.requests.is_empty() => {
                self.token = None;
                notes.handed_on.borrow_mut().push(Rc::clone(pipe));
                self.went_away(world, notes, pipe);
            }
            Request::Logout | Request::LogoutToHandOn if errno == 0 => {
                self.token = None;
                self.leave(world, notes, pipe, End::Finished);
            }
            Request::Chat(draft) => self.answered(world, notes, draft, asked, line),
            Request::Join(group) => match errno {
                0 => {
                    self.groups.insert(group);
                    self.left.remove(&group);
                }
                500 | 503 => self.join(world, pipe, group),
                _ => {}
            },
            Request::Quit(group) => match errno {
                0 | 403 => {
                    self.groups.remove(&group);
                    self.left.insert(group, asked);
                }
                500 | 503 => self.quit(world, pipe, group),
                _ => {}
            },
            Request::List => self.got_list(world, notes, pipe, line),
            Request::LastSeen(conv, mark) => self.got_last_seen(world, notes, pipe, conv, mark, errno, line),
            Request::Prove(confirmed) => {
                self.proved.extend(confirmed);
                world.count("resume right after a PONG");
                // Nobody has noticed yet that this connection has ended.
                notes.ghosts.borrow_mut().push((world.passed() + GHOST_LIFE, Rc::clone(pipe)));
                self.went_away(world, notes, pipe);
                self.phase = Phase::Away { until: world.passed() };
            }
            Request::History(conv) => self.got_page(world, conv, errno, line),
            Request::Logout | Request::LogoutToHandOn => {}
        }
    }

    /// What it has not asked for.
    fn told(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe, line: &Value) {
        if matches!(line["msgid"].as_u64(), Some(6 | 10)) {
            assert!(matches!(self.phase, Phase::In(_)), "{} got a push before its login's reply: {line}", self.name);
            self.got_message(world, notes, pipe, line);
        } else if line["kind"] == "restored" {
            world.count("NOTICE restored");
        } else if line["kind"] == "group_joined" && line["id"] == self.user {
            // Another session of this user has joined it again.
            self.left.remove(&number(&line["groupid"]));
        }
    }

    fn logged_in(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe, errno: u16, line: &Value) {
        if errno != 0 {
            if errno == 1 {
                self.token = None;
            }
            return self.leave(world, notes, pipe, End::Finished);
        }
        self.phase = Phase::In(Rc::clone(pipe));
        self.token = line["token"].as_str().map(str::to_owned);
        self.groups = line["groups"].as_array().into_iter().flatten().map(|group| number(&group["id"])).collect();
        self.left.clear();
        self.got.clear();
        self.told.clear();
        self.got_here.clear();
        let (user, device) = (self.user, self.seat.device);
        let epoch =
            line["epoch"].as_str().and_then(|epoch| epoch.parse().ok()).expect("the simulated epochs are numbers");
        if self.epoch.replace(epoch).is_some_and(|known| known != epoch) {
            world.count("client was told of another epoch");
            self.count_anew(world, notes);
        }
        let mut session = Session { user, device, epoch, ..Session::default() };
        if world.plan.restores {
            session.done = notes.done_by(user, device);
        } else {
            session.confirmed = notes.confirmed_by(user, device);
        }
        if self.seat.habit == Habit::Silent {
            world.count("session of a client that does not confirm");
        }
        if device > 0 {
            let is_alone = world.plan.seats.iter().filter(|seat| seat.user == user).count() == 1;
            world.count(if is_alone { "session of a user's only device" } else { "session of one device of two" });
        }
        let mut histories = notes.histories.borrow_mut();
        self.session = histories.sessions.len();
        histories.sessions.push(session);
        drop(histories);
        world.note(3);
        for message in line["offlinemsg"].as_array().into_iter().flatten().map(message) {
            if self.proved.get(&message.conv).is_some_and(|proved| message.seq <= *proved) {
                notes.listed_again.borrow_mut().push(format!("{} was listed {message:?} again", self.name));
            }
        }
        self.got_list(world, notes, pipe, line);
    }

    fn got_list(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe, line: &Value) {
        for element in line["offlinemsg"].as_array().into_iter().flatten() {
            let message = message(element);
            if self.got_here.contains(&message) {
                continue;
            }
            // A list repeats what is unconfirmed; what is behind that counts as pushed.
            if self.got.get(&message.conv).is_none_or(|got| message.seq > *got) {
                self.got_message(world, notes, pipe, element);
            } else if world.plan.restores {
                self.hold(world, pipe, message, Mark::of(element));
            }
        }
    }

    /// Keeps back what may be a message that it has had. The server is asked, once, what it has in the place of the last one.
    fn hold(&mut self, world: &World, pipe: &SharedPipe, message: Message, its_own: Mark) {
        let conv = message.conv;
        let mark = self.marks.get(&conv).expect("something has come in this conversation").clone();
        self.got_here.insert(message.clone());
        let held = self.held.entry(conv).or_default();
        held.push((message, its_own));
        if held.len() == 1 {
            self.ask_for_last_seen(world, pipe, conv, mark);
        }
    }

    fn ask_for_last_seen(&mut self, world: &World, pipe: &SharedPipe, conv: Conv, mark: Mark) {
        let (place, before) = (self.address(conv, "id"), mark.seq + 1);
        let fields = format!(r#""msgid":43,{place},"before":{before},"limit":1"#);
        self.ask(world, pipe, Request::LastSeen(conv, mark), &fields);
    }

    #[expect(clippy::too_many_arguments, reason = "an answer, and whose")]
    fn got_last_seen(
        &mut self,
        world: &World,
        notes: &Notes,
        pipe: &SharedPipe,
        conv: Conv,
        mark: Mark,
        errno: u16,
        line: &Value,
    ) {
        if !self.held.contains_key(&conv) {
            return;
        }
        if matches!(errno, 500 | 503) {
            return self.ask_for_last_seen(world, pipe, conv, mark);
        }
        // Who is no member any more is told nothing.
        let found = line["messages"].as_array().and_then(|messages| messages.last()).map(Mark::of);
        if found.as_ref() == Some(&mark) || world.plan.bug == Bug::CountsOn {
            let held = self.held.remove(&conv).unwrap_or_default();
            let (had, new): (Vec<_>, Vec<_>) = held.into_iter().partition(|(message, _)| message.seq <= mark.seq);
            for (Message { seq, .. }, _) in had {
                let got = self.got.entry(conv).or_default();
                *got = seq.max(*got);
            }
            return self.show(notes, new);
        }
        world.count("client found out by itself");
        self.count_anew(world, notes);
        self.show_held(notes);
    }

    /// The data went back: what was counted says nothing any more.
    fn count_anew(&mut self, world: &World, notes: &Notes) {
        if world.plan.bug == Bug::CountsOn {
            return;
        }
        self.marks.clear();
        self.got.clear();
        let place = (self.user, self.seat.device);
        notes.confirmed.borrow_mut().retain(|(user, device, _), _| (*user, *device) != place);
    }

    fn show_held(&mut self, notes: &Notes) {
        let held = std::mem::take(&mut self.held);
        self.show(notes, held.into_values().flatten().collect());
    }

    fn show(&mut self, notes: &Notes, held: Vec<(Message, Mark)>) {
        for (message, mark) in held {
            if self.marks.get(&message.conv).is_none_or(|known| known.seq < mark.seq) {
                self.marks.insert(message.conv, mark);
            }
            let got = self.got.entry(message.conv).or_default();
            *got = message.seq.max(*got);
            notes.shown(self.user, self.seat.device, message.clone());
            notes.histories.borrow_mut().sessions[self.session].events.push(Event::Shown(message));
        }
    }

    fn got_message(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe, line: &Value) {
        let message = message(line);
        let Message { conv, seq, .. } = message;
        world.note(seq << 8 | u64::from(self.user));
        let mut histories = notes.histories.borrow_mut();
        // When the data have gone back since, they may say that it is still a member.
        let has_left = |group| self.left.get(&group).is_some_and(|asked| world.is_of_this_life(*asked));
        if matches!(conv, Conv::Group(group) if has_left(group)) {
            // Who has left is an outsider: user 0 is in no group.
            histories.sessions.push(Session { events: vec![Event::Got(message)], ..Session::default() });
            return;
        }
        let events = &mut histories.sessions[self.session].events;
        // What comes behind something that is held back waits as well, or it would be counted and confirmed ahead of it.
        let is_had = || self.marks.get(&conv).is_some_and(|mark| seq <= mark.seq);
        if world.plan.restores && (self.held.contains_key(&conv) || is_had()) {
            events.push(Event::Held(message.clone()));
            drop(histories);
            return self.hold(world, pipe, message, Mark::of(line));
        }
        events.push(Event::Got(message.clone()));
        if matches!(conv, Conv::Pair(a, b) if a != self.user && b != self.user) {
            // None of its business, and nothing it could confirm.
            return;
        }
        let got = self.got.entry(conv).or_default();
        *got = seq.max(*got);
        if world.plan.restores {
            self.marks.insert(conv, Mark::of(line));
            self.got_here.insert(message.clone());
            notes.shown(self.user, self.seat.device, message);
        }
    }

    fn answered(&mut self, world: &World, notes: &Notes, draft: Draft, asked: Duration, line: &Value) {
        let errno = errno(line);
        let outcome = if errno == 0 {
            let seq = line["seq"].as_u64().expect("an ack has a seq");
            world.note(seq << 16 | u64::from(self.user));
            // Asked for in this life of the data, it can only have been stored in it.
            let spoken = (conv_id(draft.conv), seq, user(self.user), draft.cid.clone());
            if world.plan.restores && world.is_of_this_life(asked) && !world.database.borrow().holds(&spoken) {
                notes
                    .acked_in_vain
                    .borrow_mut()
                    .push(format!("{} has an ack, and is not stored: {draft:?}", self.name));
            }
            notes.histories.borrow_mut().sessions[self.session].events.push(Event::Own(draft.conv, seq));
            Outcome::Acked(seq)
        } else {
            Outcome::Refused(errno)
        };
        note_sent(notes, self.user, &draft, outcome);
        if errno == 503 {
            self.drafts.push_front(draft);
        } else if draft.again {
            self.drafts.push_front(Draft { again: false, ..draft });
        }
    }

    fn got_page(&mut self, world: &World, conv: Conv, errno: u16, line: &Value) {
        assert_eq!(errno, 0, "{} reads {conv:?}: {line}", self.name);
        let page: Vec<Message> = line["messages"].as_array().into_iter().flatten().map(message).collect();
        let reading = self.readings.get_mut(&conv).expect("it was asked for");
        reading.0.extend(page);
        if line["more"] == true {
            self.read_history(world, conv);
        }
    }

    /// The connection has ended, or an answer is overdue; whether it is so.
    fn lost_its_way(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe) -> bool {
        if matches!(self.phase, Phase::Away { .. }) {
            return true;
        }
        let left = pipe.borrow().to_client.len() + pipe.borrow().on_its_way.len();
        let server = pipe.borrow().server;
        // What a dead node's kernel had may be lost on its way.
        let ended = server != End::Open && (left == 0 || (server == End::Broken && world.chance(3000)));
        let overdue = self.requests.values().any(|(asked, _)| world.since(*asked) > BOUND);
        if ended || overdue {
            self.leave(world, notes, pipe, End::Broken);
        }
        ended || overdue
    }

    fn leave(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe, how: End) {
        if pipe.borrow().client == End::Open {
            // A kernel resets a connection that is closed before all was read.
            let is_read = pipe.borrow().to_client.is_empty();
            pipe.borrow_mut().client = if is_read { how } else { End::Broken };
        }
        self.went_away(world, notes, pipe);
    }

    fn went_away(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe) {
        if self.seat.habit == Habit::Silent {
            // It counts as delivered, and comes no more.
            self.show_held(notes);
            let sessions_before = notes.histories.borrow().sessions.len();
            let (user, device) = (self.user, self.seat.device);
            notes.departed.borrow_mut().push(Departed { user, device, sessions_before, pipe: Rc::clone(pipe) });
        }
        // It was not confirmed, and comes again.
        self.held.clear();
        for (_, (asked, request)) in std::mem::take(&mut self.requests).into_iter().rev() {
            note_wait(notes, &self.name, &request, world.since(asked));
            if let Request::Chat(draft) = request {
                note_sent(notes, self.user, &draft, Outcome::Unknown);
                self.drafts.push_front(draft);
            }
        }
        let pause = if world.plan.takes_turns { 3 } else { 300 };
        let pause = u64::try_from(world.between(0, pause)).expect("small");
        self.phase = Phase::Away { until: world.passed() + Duration::from_millis(pause) };
        world.note(4);
    }

    fn misbehave(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe) {
        if world.fault("connection reset", 20) {
            self.leave(world, notes, pipe, End::Broken);
        } else if world.fault("connection ended by the client", 10) {
            self.leave(world, notes, pipe, End::Finished);
        } else if world.fault("client vanishes", 10) {
            let noticed = world.passed() + Duration::from_millis(u64::try_from(world.between(0, 3000)).expect("small"));
            notes.ghosts.borrow_mut().push((noticed, Rc::clone(pipe)));
            self.went_away(world, notes, pipe);
        } else if world.fault("slow reader stalls", 20) {
            let stall = Duration::from_millis(u64::try_from(world.between(10, 1000)).expect("small"));
            self.stalls_until = world.passed() + stall;
        }
    }
}

fn note_sent(notes: &Notes, sender: User, draft: &Draft, outcome: Outcome) {
    let Draft { cid, conv, .. } = draft.clone();
    notes.histories.borrow_mut().sends.push(Sent { sender, conv, cid, outcome });
}

fn errno(reply: &Value) -> u16 {
    reply["errno"].as_u64().and_then(|errno| u16::try_from(errno).ok()).expect("an errno")
}

fn note_wait(notes: &Notes, name: &str, request: &Request, took: Duration) {
    if took > BOUND {
        let what = format!("{request:?} of {name}");
        notes.histories.borrow_mut().waits.push(Wait { what, took, bound: BOUND });
    }
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).expect("an id")
}

/// The messages in a line from the server: a push, or a list of what is unconfirmed.
pub fn messages(line: &[u8]) -> Vec<Message> {
    let line: Value = serde_json::from_slice(line).expect("the server writes JSON");
    if line["errno"].is_null() && matches!(line["msgid"].as_u64(), Some(6 | 10)) {
        return vec![message(&line)];
    }
    line["offlinemsg"].as_array().into_iter().flatten().map(message).collect()
}

/// A push, or an element of a list.
fn message(line: &Value) -> Message {
    let sender = number(&line["id"]);
    let conv = match line["groupid"].as_u64() {
        Some(_) => Conv::Group(number(&line["groupid"])),
        None => Conv::pair(sender, number(&line["toid"])),
    };
    let seq = line["seq"].as_u64().expect("a push has a seq");
    Message { conv, seq, sender, cid: line["msg"].as_str().expect("a push has a text").to_owned() }
}
