//! One client of a crowd: talks, confirms, comes back after every loss, sends again what was not acknowledged, and writes
//! down all it saw.
//!
//! ```text
//!   Talk     new messages, and again those that were refused or went under
//!   Settle   only the latter, until each is acknowledged
//!   Read     HISTORY of each conversation; then waits for what is stored there and has not come
//! ```

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::line::{Heard, Line};
use super::{Phase, Stage};
use crate::common::checker::{Conv, Event, Message, Outcome, Reading, Sent, Seq, Session, Times, User, Wait, What};
use crate::common::client::{Account, PASSWORD};

/// A request that waits longer than this for its answer, or for the end of its connection, is a violation.
pub const BOUND: Duration = Duration::from_secs(15);
/// Waits below this are not written down.
const NOTABLE: Duration = Duration::from_millis(500);
/// Messages on the way at once.
const WINDOW: usize = 4;
/// How often it looks whether the time for its next message has come.
const LOOK: Duration = Duration::from_millis(20);
/// Pause before the next message, and after a refusal, and before it comes back.
const PAUSE: Duration = Duration::from_millis(150);
/// How long it waits in the end for what is stored and has not come.
const STRAGGLERS: Duration = Duration::from_secs(30);

/// All that one client saw.
#[derive(Default)]
pub struct Diary {
    pub sends: Vec<Sent>,
    pub sessions: Vec<Session>,
    pub readings: Vec<Reading>,
    pub waits: Vec<Wait>,
    /// Answers that no fault explains.
    pub surprises: Vec<String>,
}

/// A message that has to be acknowledged some time.
#[derive(Clone)]
struct Draft {
    conv: Conv,
    cid: String,
}

/// The client.
pub struct Talker {
    user: User,
    name: String,
    /// Tried in turn.
    doors: Vec<SocketAddr>,
    door: usize,
    convs: Vec<Conv>,
    phase: Arc<Phase>,
    token: Option<String>,
    written: usize,
    drafts: VecDeque<Draft>,
    on_the_way: BTreeMap<String, (Draft, Instant)>,
    next_send: Instant,
    confirmed: BTreeMap<Conv, Seq>,
    unconfirmed: BTreeMap<Conv, Seq>,
    arrived: HashSet<(Conv, Seq)>,
    /// Pages of the conversation that is being read.
    pages: Vec<Message>,
    asked_at: Option<Instant>,
    read_at: Option<Instant>,
    diary: Diary,
}

impl Talker {
    /// A client that begins with this one of the doors.
    pub fn new(account: &Account, doors: &[SocketAddr], first: usize, convs: Vec<Conv>, phase: Arc<Phase>) -> Self {
        Self {
            user: u32::try_from(account.id).expect("ids have 32 bits"),
            name: account.name.clone(),
            doors: doors.to_vec(),
            door: first,
            convs,
            phase,
            token: None,
            written: 0,
            drafts: VecDeque::new(),
            on_the_way: BTreeMap::new(),
            next_send: Instant::now(),
            confirmed: BTreeMap::new(),
            unconfirmed: BTreeMap::new(),
            arrived: HashSet::new(),
            pages: Vec::new(),
            asked_at: None,
            read_at: None,
            diary: Diary::default(),
        }
    }

    /// Runs until everything is said, read and heard.
    pub fn run(mut self, index: usize) -> Diary {
        while !self.is_done() {
            match self.log_in() {
                Some(mut line) => {
                    self.phase.logins(index);
                    self.serve(&mut line, index);
                    self.went_under();
                }
                None => std::thread::sleep(PAUSE),
            }
            // The next one, in case this one stays shut.
            self.door += 1;
        }
        self.phase.finished();
        self.diary
    }

    fn is_done(&self) -> bool {
        if self.phase.stage() != Stage::Read || self.diary.readings.len() < self.convs.len() {
            return self.phase.stage() == Stage::GiveUp;
        }
        let waited_enough = self.read_at.is_some_and(|at| at.elapsed() > STRAGGLERS);
        waited_enough || self.has_everything()
    }

    fn has_everything(&self) -> bool {
        let stored = self.diary.readings.iter().flat_map(|reading| &reading.messages);
        stored.filter(|message| message.sender != self.user).all(|it| self.arrived.contains(&(it.conv, it.seq)))
    }

    fn log_in(&mut self) -> Option<Line> {
        let mut line = Line::open(self.doors[self.door % self.doors.len()], LOOK)?;
        let mut login = json!({"msgid": 1, "id": self.user, "ack": true});
        match &self.token {
            Some(token) => login["token"] = json!(token),
            None => login["pwd"] = json!(PASSWORD),
        }
        let asked = Instant::now();
        if !line.send(&login) {
            return None;
        }
        let session = Session { user: self.user, confirmed: self.confirmed.clone(), ..Session::default() };
        loop {
            match line.hear() {
                Heard::Line(reply) if reply["msgid"] == 2 => {
                    self.waited("LOGIN", asked);
                    if reply["errno"] != 0 {
                        self.expect_refusal(&reply, &[2, 503]);
                        return None;
                    }
                    self.token = reply["token"].as_str().map(str::to_owned);
                    self.diary.sessions.push(session);
                    for message in reply["offlinemsg"].as_array().into_iter().flatten() {
                        self.got(message);
                    }
                    return Some(line);
                }
                Heard::Line(_) => {}
                Heard::Nothing if asked.elapsed() <= BOUND => {}
                Heard::Nothing | Heard::Gone => {
                    self.waited("LOGIN", asked);
                    return None;
                }
            }
        }
    }

    /// One session, to its end.
    fn serve(&mut self, line: &mut Line, index: usize) {
        self.asked_at = None;
        loop {
            if self.phase.takes_hang_up(index) || self.is_done() || !self.act(line, index) {
                return;
            }
            match line.hear() {
                Heard::Line(heard) => self.heard(&heard, index),
                Heard::Nothing => {}
                Heard::Gone => return,
            }
            let oldest = self.on_the_way.values().map(|(_, at)| *at).chain(self.asked_at).min();
            if oldest.is_some_and(|at| at.elapsed() > BOUND) {
                return;
            }
        }
    }

    /// Whatever is due; whether the connection took it.
    fn act(&mut self, line: &mut Line, index: usize) -> bool {
        if !self.confirm(line) {
            return false;
        }
        self.phase.settled(index, self.drafts.is_empty() && self.on_the_way.is_empty());
        if self.phase.stage() == Stage::Read {
            return self.asked_at.is_some() || self.read_on(line);
        }
        if self.on_the_way.len() >= WINDOW || Instant::now() < self.next_send {
            return true;
        }
        if self.phase.stage() == Stage::Talk && self.drafts.is_empty() {
            self.written += 1;
            let conv = self.convs[self.written % self.convs.len()];
            self.drafts.push_back(Draft { conv, cid: format!("{}/{}", self.name, self.written) });
        }
        let Some(draft) = self.drafts.pop_front() else { return true };
        self.next_send = Instant::now() + if self.phase.stage() == Stage::Talk { PAUSE } else { Duration::ZERO };
        let request = self.request(&draft);
        self.on_the_way.insert(draft.cid.clone(), (draft, Instant::now()));
        line.send(&request)
    }

    fn request(&self, Draft { conv, cid }: &Draft) -> Value {
        match conv {
            Conv::Pair(..) => json!({"msgid": 6, "toid": self.peer(*conv), "msg": cid, "cid": cid}),
            Conv::Group(group) => json!({"msgid": 10, "groupid": group, "msg": cid, "cid": cid}),
        }
    }

    fn peer(&self, conv: Conv) -> User {
        match conv {
            Conv::Pair(a, b) if a == self.user => b,
            Conv::Pair(a, _) => a,
            Conv::Group(group) => group,
        }
    }

    fn confirm(&mut self, line: &mut Line) -> bool {
        for (conv, seq) in std::mem::take(&mut self.unconfirmed) {
            // Noted first: the server may get what this side believes lost.
            self.confirmed.insert(conv, seq);
            let field = if matches!(conv, Conv::Group(_)) { "groupid" } else { "id" };
            if !line.send(&json!({"msgid": 20, field: self.peer(conv), "seq": seq})) {
                return false;
            }
        }
        true
    }

    /// Asks for the next page of HISTORY, if there is one to ask for.
    fn read_on(&mut self, line: &mut Line) -> bool {
        let Some(conv) = self.convs.get(self.diary.readings.len()).copied() else { return true };
        let after = self.pages.last().map_or(0, |message| message.seq);
        let field = if matches!(conv, Conv::Group(_)) { "groupid" } else { "id" };
        self.asked_at = Some(Instant::now());
        line.send(&json!({"msgid": 43, field: self.peer(conv), "after": after, "limit": 200}))
    }

    fn heard(&mut self, line: &Value, index: usize) {
        match line["msgid"].as_i64() {
            Some(6 | 10) => self.got(line),
            Some(11 | 12) => self.answered(line, index),
            Some(44) => self.page(line),
            Some(49) => {}
            _ => self.surprise(line),
        }
    }

    fn got(&mut self, line: &Value) {
        let Some(message) = message(line) else { return self.surprise(line) };
        self.arrived.insert((message.conv, message.seq));
        self.unconfirmed.insert(message.conv, message.seq);
        self.event(Event::Got(message));
    }

    fn answered(&mut self, ack: &Value, index: usize) {
        let Some((draft, asked)) = ack["cid"].as_str().and_then(|cid| self.on_the_way.remove(cid)) else {
            return self.surprise(ack);
        };
        self.waited(&draft.cid, asked);
        if let (Some(0), Some(seq)) = (ack["errno"].as_u64(), ack["seq"].as_u64()) {
            self.phase.acked(index);
            self.event(Event::Own(draft.conv, seq));
            return self.sent(&draft, Outcome::Acked(seq));
        }
        self.expect_refusal(ack, &[503]);
        self.sent(&draft, Outcome::Refused(503));
        self.next_send = Instant::now() + PAUSE;
        self.drafts.push_back(draft);
    }

    fn page(&mut self, reply: &Value) {
        let Some(asked) = self.asked_at.take() else { return self.surprise(reply) };
        self.waited("HISTORY", asked);
        if reply["errno"] != 0 {
            return self.expect_refusal(reply, &[503]);
        }
        let listed = reply["messages"].as_array().into_iter().flatten();
        self.pages.extend(listed.filter_map(message));
        if reply["more"] != true {
            let conv = self.convs[self.diary.readings.len()];
            let messages = std::mem::take(&mut self.pages);
            self.diary.readings.push(Reading { reader: self.user, conv, messages });
            self.read_at = Some(Instant::now());
        }
    }

    /// The connection is gone: what was on the way is sent again, in its order.
    fn went_under(&mut self) {
        for (what, (draft, asked)) in std::mem::take(&mut self.on_the_way).into_iter().rev() {
            self.waited(&what, asked);
            self.sent(&draft, Outcome::Unknown);
            self.drafts.push_front(draft);
        }
        if let Some(asked) = self.asked_at.take() {
            self.waited("HISTORY", asked);
        }
    }

    fn event(&mut self, event: Event) {
        if let Some(session) = self.diary.sessions.last_mut() {
            session.events.push(event);
        }
    }

    fn sent(&mut self, draft: &Draft, outcome: Outcome) {
        let Draft { conv, cid } = draft.clone();
        let (what, times) = (What::Message, Times::default());
        self.diary.sends.push(Sent { sender: self.user, conv, cid, what, times, outcome });
    }

    fn waited(&mut self, what: &str, since: Instant) {
        let took = since.elapsed();
        if took > NOTABLE {
            self.diary.waits.push(Wait { what: format!("{what} of {}", self.name), took, bound: BOUND });
        }
    }

    fn expect_refusal(&mut self, reply: &Value, allowed: &[i64]) {
        if !reply["errno"].as_i64().is_some_and(|errno| allowed.contains(&errno)) {
            self.surprise(reply);
        }
    }

    fn surprise(&mut self, line: &Value) {
        self.diary.surprises.push(format!("{} got {line}", self.name));
    }
}

/// A push, or an element of a list.
fn message(line: &Value) -> Option<Message> {
    let number = |field: &str| line[field].as_u64().and_then(|number| u32::try_from(number).ok());
    let sender = number("id")?;
    let conv = match number("groupid") {
        Some(group) => Conv::Group(group),
        None => Conv::pair(sender, number("toid")?),
    };
    Some(Message { conv, seq: line["seq"].as_u64()?, sender, cid: line["msg"].as_str()?.to_owned() })
}
