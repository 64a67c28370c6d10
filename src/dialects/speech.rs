//! One conversation with a client of a dialect: what it has asked and waits to be told. To the session behind it, it is the [`Link`].
//!
//! ```text
//!   Link::send(line) -> heard --end of the turn--> Tongue -> answers --\ one at a time,
//!                                                       \--> said ------> a gap apart --> the real link
//! ```
//!
//! These clients take what one `recv` gives for one object: two objects in it, and the second is lost, or the client dies. So
//! each goes out by itself, with a gap to the next one. The session behind knows nothing of it: it is told offsets of the stream
//! that it believes it sends, and that a line is acknowledged when everything is that was made of it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use super::Rules;
use super::fit;
use super::tongue::{Answered, Heard, Lists, Purpose, Said, Show, Tongue};
use crate::net::{CloseReason, Link};
use crate::store::ClientDialect;
use crate::wire::ask::{Ask, Login};
use crate::wire::body::{AccountLists, LoggedIn, Registered};
use crate::wire::errno::Errno;
use crate::wire::ids::{Peer, UserId};
use crate::wire::incoming::{Done, Event, Incoming, Message, Refusal, Reply};
use crate::wire::reply::Notice;
use crate::wire::tag::Tag;
use crate::wire::time::UnixMs;

/// So many objects may wait; what can be had again later comes then.
const WAITING_MAX: usize = 64;
/// So many answers may wait; then nothing more is read.
const ANSWERS_MAX: usize = 16;
/// How long a client that asks for what is pending may take to do so.
const ASKS_WITHIN: Duration = Duration::from_secs(8);
/// A logout that the server could not do is asked for again after it.
const LEAVES_AGAIN: Duration = Duration::from_secs(1);
/// While the socket takes nothing, it is looked at so often.
const BLOCKED_GAP: Duration = Duration::from_millis(250);
/// Under what name the server says something itself.
const SYSTEM: &str = "system";

/// What is known of a client, and what waits for it.
pub(super) struct Speech {
    tongue: Box<dyn Tongue>,
    rules: Arc<Rules>,
    /// Who is logged in.
    me: Option<UserId>,
    /// Until the session has ended that this user had.
    leaving: Option<Leaving>,
    /// Another user's login has to be refused: there was a session before that could not be ended.
    no_room: Option<Refusal>,
    /// An account that was made, and is to be remembered by what the client speaks.
    made: Option<UserId>,
    /// What was asked and is not answered yet, by its tag.
    asked: VecDeque<(i64, Purpose)>,
    tags: i64,
    /// Lines of the session, and where each ends in the stream that it believes it sends.
    heard: Vec<(Bytes, u64)>,
    answers: VecDeque<Object>,
    said: VecDeque<Object>,
    /// The client will ask for what is said, until then.
    held_until: Option<Instant>,
    /// When something was heard or sent last: the next object goes out a gap later.
    quiet_since: Option<Instant>,
    offset: u64,
    acknowledged: u64,
    /// Where objects end in the real stream, and the believed one, that are sent and not known to be acknowledged.
    under_way: VecDeque<(u64, u64)>,
    closing: Option<CloseReason>,
    renews: bool,
}

/// An object that waits, with what ends it.
struct Object {
    bytes: Bytes,
    /// Up to where the believed stream is told with it.
    tells: Option<u64>,
    /// A message, as it was said; for a client that asks for them.
    message: Option<Value>,
}

/// What is to be done about an object of the client.
pub(super) enum Step {
    /// A line for the session behind; if it is taken, [`Speech::was_taken`] follows.
    Line(String, Asked),
    /// The user who is logged in has to be logged out first; then the object is to be offered again.
    LogOutFirst(String, Asked),
    /// Nothing, or no more than was done.
    Nothing,
}

/// The user wants to be logged out, and is not yet.
struct Leaving {
    /// When to ask for that again.
    again_at: Option<Instant>,
}

/// A request that is on its way.
pub(super) struct Asked {
    tag: i64,
    purpose: Purpose,
}

impl Speech {
    pub(super) fn new(tongue: Box<dyn Tongue>, rules: Arc<Rules>) -> Self {
        Self {
            tongue,
            rules,
            me: None,
            leaving: None,
            no_room: None,
            made: None,
            asked: VecDeque::new(),
            tags: 0,
            heard: Vec::new(),
            answers: VecDeque::new(),
            said: VecDeque::new(),
            held_until: None,
            quiet_since: None,
            offset: 0,
            acknowledged: 0,
            under_way: VecDeque::new(),
            closing: None,
            renews: false,
        }
    }

    /// What the client turns out to be, once somebody is logged in: what the account is to be remembered by.
    pub(super) fn spoken(&self) -> Option<ClientDialect> {
        self.tongue.dialect().filter(|_| self.me.is_some())
    }

    /// An account that the client has made, and what it is to be remembered by.
    pub(super) fn take_made(&mut self) -> Option<(UserId, ClientDialect)> {
        self.made.take().zip(self.tongue.dialect())
    }

    /// Whether nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.heard.is_empty() && self.answers.is_empty() && (self.said.is_empty() || self.held_until.is_some())
    }

    /// Whether so many answers wait that nothing more is to be heard.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= ANSWERS_MAX
    }

    /// Takes an object of the client.
    pub(super) fn hear(&mut self, object: &[u8], now: Instant) -> Step {
        if self.answers.is_empty() && self.said.is_empty() {
            // Who says more while something waits does not put that off.
            self.quiet_since = Some(now);
        }
        let Ok(object) = serde_json::from_slice::<Value>(object) else {
            let answer = self.tongue.not_understood();
            self.answer(answer.filter(|_| object.first() == Some(&b'{')));
            return Step::Nothing;
        };
        if self.tongue.is_ready(&object) {
            self.give_pending();
            return Step::Nothing;
        }
        match self.tongue.hear(&object) {
            Heard::Nothing => Step::Nothing,
            Heard::Answer(answer) => {
                self.answer(Some(answer));
                Step::Nothing
            }
            Heard::Ask(Ask::Login(login), purpose) => self.log_in(login, purpose),
            // A message to oneself comes back from the servers of before; here it is nobody's.
            Heard::Ask(Ask::Chat(chat), _) if self.me.is_some_and(|me| chat.to == Peer::User(me)) => Step::Nothing,
            Heard::Ask(ask, purpose) => self.ask(&ask, purpose),
        }
    }

    /// A second login on one connection: the same account is told what it wants to hear; another one takes its place.
    fn log_in(&mut self, login: Login<'_>, purpose: Purpose) -> Step {
        if let Some(refusal) = self.no_room.take() {
            self.answered(&purpose, &Answered::Refused(&refusal));
            return Step::Nothing;
        }
        match self.me {
            None if self.leaving.is_none() => self.ask(&Ask::Login(login), purpose),
            me if me == login.id => self.ask(&Ask::Account, purpose),
            _ => match self.ask(&Ask::Logout, Purpose::MakeRoom) {
                Step::Line(line, asked) => Step::LogOutFirst(line, asked),
                step => step,
            },
        }
    }

    fn ask(&self, ask: &Ask<'_>, purpose: Purpose) -> Step {
        let (line, asked) = self.request(ask, purpose);
        Step::Line(line, asked)
    }

    fn request(&self, ask: &Ask<'_>, purpose: Purpose) -> (String, Asked) {
        let tag = self.tags + 1;
        (ask.line(Some(&Tag::Number(tag))), Asked { tag, purpose })
    }

    /// A logout that the server could not do, once more: its user believes that it was done.
    pub(super) fn leave_again(&mut self, now: Instant) -> Option<(String, Asked)> {
        let leaving = self.leaving.as_mut().filter(|_| self.asked.is_empty())?;
        leaving.again_at.filter(|at| *at <= now)?;
        // Should it not be taken up either.
        leaving.again_at = Some(now + LEAVES_AGAIN);
        Some(self.request(&Ask::Logout, Purpose::Logout))
    }

    /// The session behind has taken the line.
    pub(super) fn was_taken(&mut self, asked: Asked) {
        self.tags = asked.tag;
        if matches!(asked.purpose, Purpose::Logout | Purpose::MakeRoom) {
            // Whatever it is answered: what waits, and what still comes, is for nobody, and does not count as told. The login that
            // follows finds it pending.
            self.me = None;
            self.leaving = Some(Leaving { again_at: None });
            self.said.clear();
            self.held_until = None;
        }
        self.asked.push_back((asked.tag, asked.purpose));
    }

    /// Puts what the session has sent into the client's words. `remembered`: what the account was heard to speak before.
    pub(super) fn translate(&mut self, remembered: Option<ClientDialect>, now: Instant) {
        for (line, end) in mem::take(&mut self.heard) {
            match Incoming::parse(&line) {
                Ok(Incoming::Reply(reply)) => self.reply(&reply, remembered, now),
                Ok(Incoming::Message(message)) => self.message(&message),
                Ok(Incoming::Event(event)) => self.event(&event),
                Ok(Incoming::Notice(notice)) => self.notice(&notice),
                Ok(Incoming::FriendRequest(asks)) => {
                    self.tell(&format!(
                        "{} ({}) wants to be your friend; to accept, add {} as a friend",
                        asks.name, asks.id, asks.id
                    ));
                }
                Ok(Incoming::GroupInvite(invite)) => {
                    let (name, group) = (&invite.name, invite.groupid);
                    self.tell(&format!("{name} invites you to group {group}; to accept, join it"));
                }
                Ok(Incoming::Receipt(_) | Incoming::Typing(_) | Incoming::Ping | Incoming::Unknown(_)) | Err(_) => {}
            }
            self.told_up_to(end);
        }
    }

    fn reply(&mut self, reply: &Reply<'_>, remembered: Option<ClientDialect>, now: Instant) {
        let Some(Tag::Number(tag)) = reply.tag else { return };
        let Some(at) = self.asked.iter().position(|(asked, _)| *asked == tag) else { return };
        let Some((_, purpose)) = self.asked.remove(at) else { return };
        if let Some(refusal) = &reply.refused {
            return self.refused(&purpose, refusal, now);
        }
        match purpose {
            Purpose::Login | Purpose::Lists | Purpose::Contacts | Purpose::MyGroups => {
                let login = reply.body::<LoggedIn<'_>>().map(Lists::from);
                let Ok(lists) = login.or_else(|_| reply.body::<AccountLists<'_>>().map(Lists::from)) else { return };
                if self.me.replace(lists.id).is_none() {
                    self.tongue.remember(remembered);
                }
                self.lists(&purpose, &lists, now);
            }
            _ => {
                if matches!(purpose, Purpose::Logout | Purpose::MakeRoom) {
                    self.leaving = None;
                }
                if let (Purpose::Register(_), Ok(made)) = (&purpose, reply.body::<Registered>()) {
                    self.made = Some(made.id);
                }
                self.answered(&purpose, &Answered::Done(reply));
            }
        }
    }

    fn lists(&mut self, purpose: &Purpose, lists: &Lists, now: Instant) {
        let shown = self.answered(purpose, &Answered::Lists(lists));
        for message in lists.offline.iter().skip(shown) {
            self.message(message);
        }
        if self.tongue.asks_for_pending() && !self.said.is_empty() && *purpose == Purpose::Login {
            self.held_until = Some(now + ASKS_WITHIN);
        }
    }

    fn refused(&mut self, purpose: &Purpose, refusal: &Refusal, now: Instant) {
        if let (Purpose::Logout | Purpose::MakeRoom, Some(leaving)) = (purpose, &mut self.leaving) {
            if refusal.is_passing() {
                leaving.again_at = Some(now + LEAVES_AGAIN);
                self.no_room = (*purpose == Purpose::MakeRoom).then(|| refusal.clone());
            } else {
                // There is no session any more.
                self.leaving = None;
            }
        }
        let is_passing = refusal.is_passing() || refusal.is(Errno::TooLarge);
        if *purpose == Purpose::Chat && is_passing {
            // A message that may be lost is worth a word; who may not speak had none before, either.
            self.tell(&format!("your message was not sent: {}", refusal.errmsg));
        }
        self.answered(purpose, &Answered::Refused(refusal));
    }

    /// Queues the answer; how many of the messages in it are told by that.
    fn answered(&mut self, purpose: &Purpose, answered: &Answered<'_>) -> usize {
        let show = Show { time: &|at| self.rules.time(UnixMs(at)) };
        let (answer, shown) = self.tongue.answer(purpose, answered, &show);
        self.answer(answer);
        shown
    }

    fn answer(&mut self, answer: Option<Value>) {
        if let Some(answer) = answer {
            let object = self.object(&answer, None);
            self.answers.push_back(object);
        }
    }

    fn message(&mut self, message: &Message) {
        // What one says elsewhere has no form in which it would be told from what others say.
        if self.me.is_some_and(|me| me != message.sender) && !message.recalled {
            self.say_to(message.sender, &message.name, message.to, &message.msg, message.time);
        }
    }

    fn event(&mut self, event: &Event) {
        if self.me.is_none_or(|me| me == event.sender) {
            return;
        }
        match &event.what {
            Done::Edited { msg: Some(msg), .. } => {
                self.say_to(event.sender, &event.name, event.to, &format!("(edited) {msg}"), event.time);
            }
            Done::Recalled => self.say_to(event.sender, &event.name, event.to, "(took a message back)", event.time),
            Done::Edited { msg: None, .. } | Done::Reacted { .. } | Done::Unknown => {}
        }
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::FriendAdded { id, name } => {
                if let Some(object) = self.me.and_then(|_| self.tongue.befriended(*id, name)) {
                    let object = self.object(&object, None);
                    self.said.push_back(object);
                }
            }
            Notice::Broadcast { text } => self.tell(text),
            Notice::Replaced => self.tell("you have logged in elsewhere; this session has ended"),
            Notice::Ended => self.tell("this session was ended from another one"),
            Notice::Restored | Notice::Shutdown => {
                self.tell("the server closes this connection; log in again in a moment");
            }
            _ => {}
        }
    }

    /// Says something in the server's own name.
    fn tell(&mut self, text: &str) {
        let Some(me) = self.me else { return };
        self.say(0, SYSTEM, Peer::User(me), (text, UnixMs::now()));
    }

    fn say_to(&mut self, from: UserId, name: &str, to: Peer, text: &str, at: UnixMs) {
        self.say(from.number(), name, to, (text, at));
    }

    /// Queues a message, in several if it is too long for one.
    fn say(&mut self, from: u32, name: &str, to: Peer, (text, at): (&str, UnixMs)) {
        let time = self.rules.time(at);
        let said = Said { from, name, to, text: "", at: at.0, time: &time };
        let room =
            self.tongue.bytes_max().saturating_sub(fit::bytes(&self.tongue.say(&said)) + self.tongue.end().len());
        for text in fit::pieces(text, room) {
            let object = self.tongue.say(&Said { text, ..said });
            let message = self.tongue.asks_for_pending().then(|| object.clone());
            let object = self.object(&object, message);
            self.said.push_back(object);
        }
    }

    fn object(&self, object: &Value, message: Option<Value>) -> Object {
        let mut bytes = object.to_string().into_bytes();
        bytes.extend_from_slice(self.tongue.end());
        Object { bytes: bytes.into(), tells: None, message }
    }

    /// The client asks for what is pending: the first of it in the answer, the rest behind it.
    fn give_pending(&mut self) {
        let is_held = self.held_until.take().is_some();
        let (mut list, mut tells) = (Vec::new(), None);
        let mut left = self.tongue.bytes_max().saturating_sub(fit::bytes(&self.tongue.pending(Vec::new())));
        while is_held && let Some(Object { message: Some(message), tells: up_to, .. }) = self.said.front() {
            // In a list it is a text: its quotes are escaped once more.
            let needed = fit::bytes(&Value::String(message.to_string())) + 1;
            if needed > left {
                break;
            }
            left -= needed;
            tells = up_to.or(tells);
            list.push(message.clone());
            self.said.pop_front();
        }
        let answer = self.tongue.pending(list);
        let object = Object { tells, ..self.object(&answer, None) };
        self.answers.push_back(object);
    }

    /// All that was made of the session's lines up to there is queued: with the last of it they are told. While a session is being left
    /// nothing is made of them.
    fn told_up_to(&mut self, end: u64) {
        if self.leaving.is_some() {
            return;
        }
        // Answers overtake what is said, so the end of what is said counts.
        if let Some(last) = self.said.back_mut().or(self.answers.back_mut()) {
            last.tells = Some(end);
        } else if let Some(&(real, _)) = self.under_way.back() {
            self.under_way.push_back((real, end));
        } else {
            self.acknowledged = end;
        }
    }

    /// Sends the next object, if it is time. Returns when to be asked again.
    pub(super) fn flow(&mut self, link: &mut dyn Link, now: Instant) -> Option<Instant> {
        self.pass_on(link);
        if self.held_until.is_some_and(|until| until <= now) {
            self.held_until = None;
        }
        if let Some(at) = self.next_object_at()
            && at <= now
        {
            if link.queued_bytes() > 0 {
                return Some(now + BLOCKED_GAP);
            }
            let is_held = self.held_until.is_some();
            let next = self.answers.pop_front().or_else(|| if is_held { None } else { self.said.pop_front() });
            if let Some(object) = next {
                link.send(object.bytes);
                self.under_way.extend(object.tells.map(|end| (link.offset(), end)));
                self.quiet_since = Some(now);
            }
        }
        if let Some(reason) = self.closing.filter(|_| self.answers.is_empty() && self.said.is_empty()) {
            link.close(reason);
        }
        self.next_at()
    }

    /// When something is due: an object that may go out, or a logout that is asked for again.
    fn next_at(&self) -> Option<Instant> {
        // While something else is asked the answer to that is awaited.
        let again = self.leaving.as_ref().filter(|_| self.asked.is_empty()).and_then(|leaving| leaving.again_at);
        [self.next_object_at(), again].into_iter().flatten().min()
    }

    /// When the next object may go out.
    fn next_object_at(&self) -> Option<Instant> {
        let quiet = self.quiet_since.map(|since| since + self.rules.gap)?;
        match (self.answers.is_empty(), self.said.is_empty()) {
            (true, true) => None,
            (true, false) => Some(self.held_until.unwrap_or(quiet)),
            (false, _) => Some(quiet),
        }
    }

    /// Hands on what concerns the connection itself.
    pub(super) fn pass_on(&mut self, link: &mut dyn Link) {
        if mem::take(&mut self.renews) {
            link.renew();
        }
    }

    /// Whether the session has closed the connection: nothing more is taken from it.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Learns what the peer has.
    pub(super) fn look_at(&mut self, link: &mut dyn Link) {
        if !self.under_way.is_empty() {
            let real = link.acknowledged();
            self.has_acknowledged(real);
        }
    }

    /// The peer has the real stream up to there. Returns where that is in the believed one.
    pub(super) fn has_acknowledged(&mut self, real: u64) -> u64 {
        while let Some(&(at, end)) = self.under_way.front()
            && at <= real
        {
            self.acknowledged = end;
            self.under_way.pop_front();
        }
        self.acknowledged
    }
}

impl Link for Speech {
    fn send(&mut self, line: Bytes) {
        if self.closing.is_none() {
            self.offset += line.len() as u64;
            self.heard.push((line, self.offset));
        }
    }

    fn has_room(&mut self, _: usize) -> bool {
        self.said.len() + self.heard.len() < WAITING_MAX
    }

    fn close(&mut self, reason: CloseReason) {
        self.closing.get_or_insert(reason);
        // Who is sent away gets what waits, and is not waited for.
        self.held_until = None;
    }

    fn renew(&mut self) {
        self.renews = true;
    }

    fn queued_bytes(&self) -> usize {
        self.answers.iter().chain(&self.said).map(|object| object.bytes.len()).sum()
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn acknowledged(&mut self) -> u64 {
        self.acknowledged
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a start for the clock that the tests move")]
mod tests;
