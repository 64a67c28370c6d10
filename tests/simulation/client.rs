//! A client as docs/protocol.md asks for: it gives cids, keeps messages until they are acked, confirms (or does not), resumes
//! with its token, names its device (or does not). Where the data may go back it remembers what it has had from one session
//! to the next, and counts anew when it is told to or finds out. It writes down all that it does and all that it sees.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::checker::{
    Bar, Conv, Device, Epoch, Event, Histories, Message, Moment, Outcome, Reading, Ruling, Sent, Seq, Session,
    Sighting, Times, User, Wait, What, edit_of, edited,
};
use crate::database::{Named, PASSWORD, conv_id, group, user};
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
/// So many of the last messages it knows to say something about.
const TARGETS: usize = 8;

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
    /// The same, for a look.
    Peek,
    Rule(Decree),
    /// A PING behind what was confirmed: when it is answered, the server knows it.
    Prove(BTreeMap<Conv, Seq>),
    /// What the server has where the last message is that the client has had.
    LastSeen(Conv, Mark),
}

/// Somebody is to be shut out, or not any more.
#[derive(Clone, Debug)]
struct Decree {
    user: User,
    conv: Conv,
    /// What it shuts or opens, if anything.
    bar: Option<(Bar, bool)>,
    /// The request.
    fields: String,
}

/// When a request was sent: by the clock, and among all that happened.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Duration,
    moment: Moment,
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

/// A message, or something about one, until it is acked.
#[derive(Clone, Debug)]
struct Draft {
    cid: String,
    conv: Conv,
    what: What,
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
    /// What a session had said itself, and was pushed behind its ack.
    pub echoed: RefCell<Vec<String>>,
    /// What was asked and told about memberships, for whoever reads a run's story.
    pub diary: RefCell<Vec<String>>,
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
    pub fn pass_over(&self, (user, device): (User, Device), passed: Vec<Message>, is_of_own: bool) {
        let had = self.had.borrow();
        let was_shown = |message: &Message| had.get(&(user, device)).is_some_and(|had| had.contains(message));
        // To a named device what its user has said on another one is news.
        let seat = crate::world::world().plan.seats.iter().position(|seat| (seat.user, seat.device) == (user, device));
        let own = format!("{user}.{}-", seat.expect("somebody has it"));
        let is_own = |message: &Message| message.sender == user && (device == 0 || message.cid.starts_with(&own));
        let counts = |message: &Message| was_shown(message) || is_own(message);
        if passed.last().is_none_or(|last| counts(last) || !is_of_own && !self.knew_another(user, device, last)) {
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
    /// Edits, recalls and reactions that it still makes up.
    changes: u32,
    made: u32,
    /// Messages of its own that were acked last, and of others that came last, to say something about.
    own: VecDeque<(Conv, Seq)>,
    heard: VecDeque<(Conv, Seq)>,
    /// Whether its reactions of the two words that it uses are given.
    reacted: BTreeSet<(Conv, Seq, String)>,
    requests: BTreeMap<u64, (Asked, Request)>,
    next_tag: u64,
    session: usize,
    /// When it asked to be let in.
    entered: Moment,
    /// The highest seq of each conversation that came to this session.
    got: BTreeMap<Conv, Seq>,
    groups: BTreeSet<u32>,
    /// Groups it has left in this session, and when it asked for that, or was told. Nothing of them is pushed before it is told
    /// that it is in again.
    left: BTreeMap<u32, Duration>,
    /// Those of them of which it was only told that it was out. The news may have been late: a list may have messages of such a
    /// group.
    sent_out: BTreeSet<u32>,
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
    /// The cids of what was acked in this session.
    acked_here: BTreeSet<String>,
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
            changes: plan.changes,
            made: 0,
            own: VecDeque::new(),
            heard: VecDeque::new(),
            reacted: BTreeSet::new(),
            requests: BTreeMap::new(),
            next_tag: 0,
            session: 0,
            entered: 0,
            got: BTreeMap::new(),
            groups: BTreeSet::new(),
            left: BTreeMap::new(),
            sent_out: BTreeSet::new(),
            stalls_until: Duration::ZERO,
            readings: BTreeMap::new(),
            told: BTreeMap::new(),
            proved: BTreeMap::new(),
            epoch: None,
            marks: BTreeMap::new(),
            held: BTreeMap::new(),
            got_here: BTreeSet::new(),
            acked_here: BTreeSet::new(),
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
        let is_idle = self.drafts.is_empty() && self.requests.is_empty();
        matches!(self.phase, Phase::In(_)) && is_idle && self.quota == 0
    }

    /// The storm is over.
    pub fn calm_down(&mut self) {
        self.stalls_until = Duration::ZERO;
        (self.quota, self.changes) = (0, 0);
    }

    /// A session that was out of a group when the data went back to a time at which its user was in it hears the group from the
    /// next login on: where no number is given out twice, nobody knows that the data went back. The client logs in again if it is
    /// so; whether it does.
    pub fn comes_back_into_groups(&mut self, world: &World, notes: &Notes) -> bool {
        let Phase::In(pipe) = &self.phase else { return false };
        let pipe = Rc::clone(pipe);
        let database = world.database.borrow();
        let mut outside = (1..=self.all_groups).filter(|number| !self.groups.contains(number));
        let is_back_in = outside.any(|number| database.is_member(user(self.user), group(number)));
        drop(database);
        let comes_again = is_back_in && world.went_back_since(self.entered);
        if comes_again {
            world.count("client logs in again, as the data went back to when it was in a group");
            self.leave(world, notes, &pipe, End::Finished);
        }
        comes_again
    }

    /// Something to say, after everything is healed, in this conversation.
    pub fn say(&mut self, conv: Conv) {
        self.draft(conv, What::Message, false);
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
        let want = if self.seat.wants_events { r#","want":["events"]"# } else { "" };
        let fields = format!(r#""msgid":1,"id":{},"ack":{ack},{proof}{device}{want}"#, self.user);
        self.ask(world, &pipe, Request::Login, &fields);
        true
    }

    fn ask(&mut self, world: &World, pipe: &SharedPipe, request: Request, fields: &str) {
        let tag = self.next_tag;
        self.next_tag += 1;
        let asked = Asked { at: world.passed(), moment: world.moment() };
        if let Request::Login = request {
            self.entered = asked.moment;
        }
        self.requests.insert(tag, (asked, request));
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

    fn draft(&mut self, conv: Conv, what: What, again: bool) {
        self.made += 1;
        self.drafts.push_back(Draft { cid: self.cid(self.made), conv, what, again });
    }

    fn talk(&mut self, world: &World, pipe: &SharedPipe) -> bool {
        let chats = self.requests.values().filter(|(_, request)| matches!(request, Request::Chat(_))).count();
        if chats >= world.plan.inflight || (world.is_stormy.get() && world.chance(4000)) {
            return false;
        }
        self.keep_order(world, pipe);
        if self.drafts.is_empty() && self.changes > 0 && (self.quota == 0 || world.chance(5000)) {
            self.change_something(world);
        }
        if self.drafts.is_empty() && self.quota > 0 {
            self.quota -= 1;
            let conv = self.somewhere(world);
            self.draft(conv, What::Message, world.plan.sends_twice);
        }
        if let Some(draft) = self.drafts.pop_front() {
            let fields = self.fields(&draft);
            self.ask(world, pipe, Request::Chat(draft), &fields);
            return true;
        }
        if world.is_stormy.get() && world.plan.roughness > 0 && world.chance(world.plan.curiosity) {
            self.ask_something(world, pipe);
        }
        false
    }

    /// The draft as a request.
    fn fields(&self, draft: &Draft) -> String {
        let Draft { cid, conv, what, .. } = draft;
        let place = self.address(*conv, "id");
        match what {
            What::Message => {
                let msgid = if matches!(conv, Conv::Pair(..)) { 6 } else { 10 };
                let place = self.address(*conv, "toid");
                format!(r#""msgid":{msgid},{place},"msg":"{cid}","cid":"{cid}""#)
            }
            What::Edit(of) => {
                let text = edited(cid);
                format!(r#""msgid":57,{place},"of":{of},"msg":"{text}","cid":"{cid}""#)
            }
            What::Recall(of) => format!(r#""msgid":59,{place},"of":{of},"cid":"{cid}""#),
            What::Reaction(of, word, on) => {
                format!(r#""msgid":61,{place},"of":{of},"reaction":"{word}","on":{on},"cid":"{cid}""#)
            }
        }
    }

    /// Makes up an edit, a recall or a reaction. Of others' messages nobody but a group's admins may recall any.
    fn change_something(&mut self, world: &World) {
        let kind = world.below(10);
        let of_others = if kind < 6 { world.chance(500) } else { world.chance(6000) };
        let of_others = of_others || (kind < 2 && self.user == 1 && world.chance(5000));
        let known = if of_others { &self.heard } else { &self.own };
        if known.is_empty() {
            return;
        }
        self.changes -= 1;
        let (conv, of) = known[world.below(known.len())];
        let what = match kind {
            0..3 => What::Recall(of),
            3..6 => What::Edit(of),
            _ => {
                let word = format!("{}{}", if world.chance(5000) { "+" } else { "-" }, self.name);
                let key = (conv, of, word.clone());
                let is_new = self.reacted.insert(key.clone());
                if !is_new {
                    self.reacted.remove(&key);
                }
                // Now and then once more what is so already.
                What::Reaction(of, word, is_new || world.chance(2000))
            }
        };
        self.draft(conv, what, false);
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
        let what = if world.plan.takes_turns { 2 } else { world.below(10) };
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
            7 | 8 => {
                let conv = self.somewhere(world);
                let place = self.address(conv, "id");
                self.ask(world, pipe, Request::Peek, &format!(r#""msgid":43,{place},"limit":20"#));
            }
            _ => self.ask(world, pipe, Request::List, r#""msgid":17"#),
        }
    }

    /// The creator rules now and then, others try to, and who was sent out comes back.
    fn keep_order(&mut self, world: &World, pipe: &SharedPipe) {
        let plan = &world.plan;
        if !world.is_stormy.get() || plan.takes_turns || !world.chance(plan.rulings) {
            return;
        }
        let group = u32::try_from(world.between(1, self.all_groups as usize)).expect("few");
        if world.chance(1500) {
            self.block(world, pipe);
        } else if !self.groups.contains(&group) {
            self.join(world, pipe, group);
        } else if self.user == 1 || world.chance(1000) {
            self.rule(world, pipe, group);
        }
    }

    /// Keeps order in a group, or tries to.
    fn rule(&mut self, world: &World, pipe: &SharedPipe, group: u32) {
        let user = self.others[world.below(self.others.len())];
        let place = format!(r#""groupid":{group},"id":{user}"#);
        let (bar, fields) = match world.below(12) {
            0 | 1 => (Some((Bar::Out, true)), format!(r#""msgid":71,{place}"#)),
            2 => (Some((Bar::Out, true)), format!(r#""msgid":71,{place},"ban":true"#)),
            3 | 4 => (None, format!(r#""msgid":73,"groupid":{group},"lift":{user}"#)),
            5 | 6 => (Some((Bar::Muted, true)), format!(r#""msgid":75,{place},"seconds":10000000"#)),
            7 | 8 => (Some((Bar::Muted, false)), format!(r#""msgid":75,{place},"seconds":0"#)),
            9 | 10 => (Some((Bar::Muted, false)), format!(r#""msgid":69,{place},"role":"admin""#)),
            _ => (None, format!(r#""msgid":69,{place},"role":"normal""#)),
        };
        self.decree(world, pipe, Decree { user, conv: Conv::Group(group), bar, fields });
    }

    /// Wants to hear nothing more from somebody, or hears him again.
    fn block(&mut self, world: &World, pipe: &SharedPipe) {
        let (me, user) = (self.user, self.others[world.below(self.others.len())]);
        let on = world.chance(4000);
        let fields = format!(r#""msgid":53,"id":{user},"on":{on}"#);
        let bar = Some((Bar::BlockedBy(me), on));
        self.decree(world, pipe, Decree { user, conv: Conv::pair(me, user), bar, fields });
    }

    fn decree(&mut self, world: &World, pipe: &SharedPipe, decree: Decree) {
        let fields = decree.fields.clone();
        self.ask(world, pipe, Request::Rule(decree), &fields);
    }

    fn decreed(
        &mut self,
        world: &World,
        notes: &Notes,
        pipe: &SharedPipe,
        (decree, asked, errno): (Decree, Asked, u16),
    ) {
        let done = match errno {
            0 => Some(true),
            500 | 503 => None,
            _ => Some(false),
        };
        if done == Some(true) {
            world.count(match decree.bar {
                Some((Bar::Out, _)) => "kick",
                Some((Bar::Muted, true)) => "mute",
                Some((Bar::Muted, false)) => "end of a mute",
                Some((Bar::BlockedBy(_), true)) => "block",
                Some((Bar::BlockedBy(_), false)) => "end of a block",
                None => "other ruling",
            });
        }
        note_ruling(notes, &decree, Times { sent: asked.moment, answered: world.moment() }, done);
        if done.is_none() && world.is_stormy.get() {
            self.decree(world, pipe, decree);
        }
    }

    fn join(&mut self, world: &World, pipe: &SharedPipe, group: u32) {
        self.ask(world, pipe, Request::Join(group), &format!(r#""msgid":9,"groupid":{group}"#));
    }

    /// Whoever joins is out no more.
    fn joined(&mut self, world: &World, notes: &Notes, asked: Asked, group: u32, errno: u16) -> u16 {
        let done = match errno {
            0 => Some(true),
            500 | 503 => None,
            _ => Some(false),
        };
        let times = Times { sent: asked.moment, answered: world.moment() };
        note_ruling(notes, &self.entrance(group), times, done);
        errno
    }

    fn entrance(&self, group: u32) -> Decree {
        let bar = Some((Bar::Out, false));
        Decree { user: self.user, conv: Conv::Group(group), bar, fields: String::new() }
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
        note_wait(notes, &self.name, &request, world.since(asked.at));
        let errno = errno(line);
        if !matches!(request, Request::Chat(_) | Request::List | Request::Peek | Request::History(_)) {
            self.note_in_diary(
                notes,
                world.moment(),
                &format!("asked at {}: {request:?}: errno {errno}", asked.moment),
            );
        }
        self.see_all(world, notes, line, asked.moment);
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
            Request::Rule(decree) => self.decreed(world, notes, pipe, (decree, asked, errno)),
            Request::Join(group) => match self.joined(world, notes, asked, group, errno) {
                0 => self.is_in(world, notes, group),
                500 | 503 => self.join(world, pipe, group),
                _ => {}
            },
            Request::Quit(group) => match errno {
                0 | 403 => {
                    self.groups.remove(&group);
                    self.left.insert(group, asked.at);
                    self.sent_out.remove(&group);
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
            Request::Peek | Request::Logout | Request::LogoutToHandOn => {}
        }
    }

    fn note_in_diary(&self, notes: &Notes, moment: Moment, what: &str) {
        notes.diary.borrow_mut().push(format!("at {moment} {} in session {}: {what}", self.name, self.session));
    }

    /// What it has not asked for.
    fn told(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe, line: &Value) {
        if !is_push(line) {
            self.note_in_diary(notes, world.moment(), &line.to_string());
        }
        if is_push(line) {
            assert!(matches!(self.phase, Phase::In(_)), "{} got a push before its login's reply: {line}", self.name);
            self.see(world, notes, line, (self.entered, true));
            let Message { conv, cid, .. } = message(world, line);
            if self.acked_here.contains(&cid) {
                notes.echoed.borrow_mut().push(format!("{} was pushed what it had said itself: {line}", self.name));
            }
            if self.is_out_of(world, conv) {
                return self.got_as_outsider(world, notes, line);
            }
            self.got_message(world, notes, pipe, line);
        } else if line["kind"] == "restored" {
            world.count("NOTICE restored");
        } else if line["kind"] == "group_joined" && line["id"] == self.user {
            // Another session of this user has joined it.
            self.is_in(world, notes, number(&line["groupid"]));
        } else if line["kind"] == "group_left" && line["id"] == self.user {
            if !line["by"].is_null() {
                world.count("NOTICE to who was kicked");
            }
            let group = number(&line["groupid"]);
            self.groups.remove(&group);
            self.left.insert(group, world.passed());
            self.sent_out.insert(group);
        }
    }

    /// It knows that it is in the group from now on.
    fn is_in(&mut self, world: &World, notes: &Notes, group: u32) {
        self.left.remove(&group);
        self.sent_out.remove(&group);
        self.groups.insert(group);
        notes.histories.borrow_mut().sessions[self.session].events.push(Event::Entered(Conv::Group(group)));
        if world.plan.restores && self.seat.shares_its_place && !self.seat.wants_events {
            self.begins_where_others_did(notes, Conv::Group(group));
        }
    }

    /// Events that were there before another session of its place began may have been passed over by that one. They were shown to
    /// nobody, so they are not among what the place is done with, message by message.
    fn begins_where_others_did(&self, notes: &Notes, conv: Conv) {
        let sessions = &mut notes.histories.borrow_mut().sessions;
        let of_place = |session: &&Session| (session.user, session.device) == (self.user, self.seat.device);
        let passed = sessions.iter().filter(of_place).filter_map(|session| session.since.get(&conv)).max().copied();
        let since = sessions[self.session].since.entry(conv).or_default();
        *since = passed.unwrap_or(0).max(*since);
    }

    /// Whether it has left the group, or was told so. When the data have gone back since, they may say that it is a member.
    fn is_out_of(&self, world: &World, conv: Conv) -> bool {
        let Conv::Group(group) = conv else { return false };
        self.left.get(&group).is_some_and(|since| world.is_of_this_life(*since))
    }

    /// Whoever has left is an outsider: user 0 is in no group.
    fn got_as_outsider(&self, world: &World, notes: &Notes, line: &Value) {
        self.note_in_diary(notes, world.moment(), &format!("out of it, and got {line}"));
        let events = vec![Event::Got(message(world, line))];
        notes.histories.borrow_mut().sessions.push(Session { events, ..Session::default() });
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
        self.sent_out.clear();
        self.got.clear();
        self.told.clear();
        self.got_here.clear();
        self.acked_here.clear();
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
        if !self.seat.wants_events {
            session.since = world.database.borrow().all_ends();
            world.count("session that wants no events");
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
        self.see_all(world, notes, line, self.entered);
        for message in line["offlinemsg"].as_array().into_iter().flatten().map(|line| message(world, line)) {
            if self.proved.get(&message.conv).is_some_and(|proved| message.seq <= *proved) {
                notes.listed_again.borrow_mut().push(format!("{} was listed {message:?} again", self.name));
            }
        }
        self.got_list(world, notes, pipe, line);
    }

    fn got_list(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe, line: &Value) {
        for element in line["offlinemsg"].as_array().into_iter().flatten() {
            let message = message(world, element);
            self.need_no_events(notes, &message);
            let was_sent_out = matches!(message.conv, Conv::Group(group) if self.sent_out.contains(&group));
            if self.is_out_of(world, message.conv) && !was_sent_out {
                self.got_as_outsider(world, notes, element);
                continue;
            }
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

    /// A list tells nothing of the events ahead of what it has, where these are not wanted.
    fn need_no_events(&self, notes: &Notes, listed: &Message) {
        if !self.seat.wants_events {
            let since = &mut notes.histories.borrow_mut().sessions[self.session].since;
            let since = since.entry(listed.conv).or_default();
            *since = listed.seq.max(*since);
        }
    }

    /// Notes all that an answer shows of messages.
    fn see_all(&mut self, world: &World, notes: &Notes, line: &Value, asked: Moment) {
        if !matches!(self.phase, Phase::In(_)) {
            // The reply of a login: its session begins with it.
            return;
        }
        for list in ["offlinemsg", "messages"] {
            for element in line[list].as_array().into_iter().flatten() {
                self.see(world, notes, element, (asked, false));
            }
        }
    }

    fn see(&mut self, world: &World, notes: &Notes, line: &Value, (asked, is_push): (Moment, bool)) {
        let message = message(world, line);
        let is_said = matches!(line["msgid"].as_u64(), Some(6 | 10));
        let text = line["msg"].as_str().map(str::to_owned);
        // By its number in a conversation of others it would mean a message of its own.
        let is_own = !matches!(message.conv, Conv::Pair(a, b) if a != self.user && b != self.user);
        if is_said
            && is_own
            && text.is_some()
            && message.sender != self.user
            && !self.heard.contains(&(message.conv, message.seq))
        {
            keep_last(&mut self.heard, (message.conv, message.seq));
        }
        let (session, user, at) = (self.session, self.user, world.moment());
        let sighting = Sighting { session, user, message, text, at, asked, is_push };
        notes.histories.borrow_mut().sightings.push(sighting);
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
        let message = message(world, line);
        let Message { conv, seq, .. } = message;
        world.note(seq << 8 | u64::from(self.user));
        let mut histories = notes.histories.borrow_mut();
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

    fn answered(&mut self, world: &World, notes: &Notes, draft: Draft, asked: Asked, line: &Value) {
        let errno = errno(line);
        let outcome = if errno == 0 { self.acked(world, notes, &draft, asked, line) } else { Outcome::Refused(errno) };
        let times = Times { sent: asked.moment, answered: world.moment() };
        note_sent(notes, self.user, &draft, times, outcome);
        if errno == 503 {
            self.drafts.push_front(draft);
        } else if draft.again {
            self.drafts.push_front(Draft { again: false, ..draft });
        }
    }

    fn acked(&mut self, world: &World, notes: &Notes, draft: &Draft, asked: Asked, line: &Value) -> Outcome {
        let Draft { cid, conv, what, .. } = draft;
        let Some(seq) = line["seq"].as_u64() else {
            assert!(matches!(what, What::Reaction(.., false)), "{} got an ack without a seq: {line}", self.name);
            return Outcome::Unchanged;
        };
        world.note(seq << 16 | u64::from(self.user));
        let database = world.database.borrow();
        let named = database.named(conv_id(*conv), seq, line["time"].as_str().expect("an ack has a time"));
        if named.is_some_and(|named| self.is_done_by(draft, named)) {
            world.count("event that changes nothing");
            return Outcome::Unchanged;
        }
        // Asked for in this life of the data, it can only have been stored in it.
        let spoken = (conv_id(*conv), seq, user(self.user), cid.clone());
        if world.plan.restores && world.is_of_this_life(asked.at) && !database.holds(&spoken) {
            notes.acked_in_vain.borrow_mut().push(format!("{} has an ack, and is not stored: {draft:?}", self.name));
        }
        drop(database);
        match what {
            What::Message => keep_last(&mut self.own, (*conv, seq)),
            What::Edit(_) => world.count("edit"),
            What::Recall(_) => world.count("recall"),
            What::Reaction(..) => world.count("reaction"),
        }
        notes.histories.borrow_mut().sessions[self.session].events.push(Event::Own(*conv, seq));
        self.acked_here.insert(cid.clone());
        Outcome::Acked(seq)
    }

    /// Whether another event has done what this one was to do.
    fn is_done_by(&self, draft: &Draft, named: &Named) -> bool {
        let is_other = named.sender != user(self.user) || named.cid != draft.cid;
        let is_own = named.sender == user(self.user);
        is_other
            && named.what == draft.what
            && (is_own || matches!(draft.what, What::Recall(_)))
            && draft.what != What::Message
    }

    fn got_page(&mut self, world: &World, conv: Conv, errno: u16, line: &Value) {
        assert_eq!(errno, 0, "{} reads {conv:?}: {line}", self.name);
        let page: Vec<Message> =
            line["messages"].as_array().into_iter().flatten().map(|line| message(world, line)).collect();
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
        let overdue = self.requests.values().any(|(asked, _)| world.since(asked.at) > BOUND);
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
            note_wait(notes, &self.name, &request, world.since(asked.at));
            let times = Times { sent: asked.moment, answered: Times::NEVER };
            match &request {
                Request::Join(group) => note_ruling(notes, &self.entrance(*group), times, None),
                Request::Rule(decree) => note_ruling(notes, decree, times, None),
                _ => {}
            }
            if let Request::Chat(draft) = request {
                note_sent(notes, self.user, &draft, times, Outcome::Unknown);
                self.drafts.push_front(draft);
            }
        }
        let pause = if world.plan.takes_turns { 3 } else { 300 };
        let pause = u64::try_from(world.between(0, pause)).expect("small");
        self.phase = Phase::Away { until: world.passed() + Duration::from_millis(pause) };
        world.note(4);
    }

    fn misbehave(&mut self, world: &World, notes: &Notes, pipe: &SharedPipe) {
        // A phone in a tunnel: who takes nothing more is often not heard of again, and its kernel has what it has not read.
        let is_stalled = self.stalls_until > world.passed();
        if world.fault("connection reset", 20) {
            self.leave(world, notes, pipe, End::Broken);
        } else if world.fault("connection ended by the client", 10) {
            self.leave(world, notes, pipe, End::Finished);
        } else if world.fault("client vanishes", if is_stalled { 60 } else { 10 }) {
            let noticed = world.passed() + Duration::from_millis(u64::try_from(world.between(0, 3000)).expect("small"));
            notes.ghosts.borrow_mut().push((noticed, Rc::clone(pipe)));
            self.went_away(world, notes, pipe);
        } else if world.fault("slow reader stalls", 20) {
            let stall = Duration::from_millis(u64::try_from(world.between(10, 1000)).expect("small"));
            self.stalls_until = world.passed() + stall;
        }
    }
}

fn note_sent(notes: &Notes, sender: User, draft: &Draft, times: Times, outcome: Outcome) {
    let Draft { cid, conv, what, .. } = draft.clone();
    notes.histories.borrow_mut().sends.push(Sent { sender, conv, cid, what, times, outcome });
}

fn note_ruling(notes: &Notes, decree: &Decree, times: Times, done: Option<bool>) {
    let Decree { user, conv, bar: Some((bar, shuts)), .. } = *decree else { return };
    notes.histories.borrow_mut().rulings.push(Ruling { user, conv, bar, shuts, times, done });
}

fn keep_last(known: &mut VecDeque<(Conv, Seq)>, new: (Conv, Seq)) {
    if known.len() == TARGETS {
        known.pop_front();
    }
    known.push_back(new);
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

/// Whether it is the push of a message or an event.
fn is_push(line: &Value) -> bool {
    line["errno"].is_null() && matches!(line["msgid"].as_u64(), Some(6 | 10 | 57 | 59 | 61))
}

/// The messages in a line from the server: a push, or a list of what is unconfirmed.
pub fn messages(world: &World, line: &[u8]) -> Vec<Message> {
    let line: Value = serde_json::from_slice(line).expect("the server writes JSON");
    if is_push(&line) {
        return vec![message(world, &line)];
    }
    line["offlinemsg"].as_array().into_iter().flatten().map(|line| message(world, line)).collect()
}

/// A push, or an element of a list. A message that was never changed tells its cid; the record knows what any other one is.
fn message(world: &World, line: &Value) -> Message {
    let sender = number(&line["id"]);
    let conv = match line["groupid"].as_u64() {
        Some(_) => Conv::Group(number(&line["groupid"])),
        None => Conv::pair(sender, number(&line["toid"])),
    };
    let seq = line["seq"].as_u64().expect("a push has a seq");
    let text = line["msg"].as_str().filter(|text| edit_of(text).is_none());
    let cid = text.map_or_else(
        || {
            let time = line["time"].as_str().expect("a push has a time");
            let database = world.database.borrow();
            let named = database.named(conv_id(conv), seq, time).filter(|named| named.sender == user(sender));
            named.map_or_else(|| "nobody knows what".to_owned(), |named| named.cid.clone())
        },
        str::to_owned,
    );
    Message { conv, seq, sender, cid }
}
