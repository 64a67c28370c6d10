//! The client as a state machine: events and the time go in, effects come out. No socket, file, screen or clock.
//!
//! ```text
//!   Event: Connected, Lost, a line ----+
//!   Command: what somebody typed ------+--> Model --> Effect: connect, send, write to disk, tell the user
//!   tick(now) -------------------------+
//!
//!   link      how the connection is, back-off       chat     a conversation by seq         replies   answers to requests
//!   outbox    what is not acknowledged              message  what stands under a number    orders    commands
//!   asked     what a request was for                roster   friends, groups, requests     pushes    what comes unasked
//!   changes   edit, recall, react, reply            reading  the server's unread counts    presence  who types
//!   groups    looking after a group                 account  one's account, whom to block  search    a search and its pages
//!   mentions  who is named in a text
//! ```
//!
//! What keeps messages safe: a message is on disk before it is sent and stays there until its ack; what was pushed is
//! noted on disk before it is confirmed.

mod account;
mod asked;
mod changes;
mod chat;
mod groups;
mod link;
mod mentions;
mod message;
mod orders;
mod outbox;
mod presence;
mod pushes;
mod reading;
mod replies;
mod restored;
mod roster;
mod search;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use stonechat_protocol::ask::{self, Ask};
use stonechat_protocol::ids::{GroupId, Peer, Seq, UserId};
use stonechat_protocol::incoming::Incoming;
use stonechat_protocol::request::Range;
use stonechat_protocol::tag::Tag;
use stonechat_protocol::time::UnixMs;
use stonechat_protocol::wants::Want;

use asked::Asked;
pub(crate) use chat::{Chat, Mark};
pub(crate) use link::Link;
pub(crate) use message::{Change, Message, Reaction, What};
use outbox::Letter;
pub(crate) use outbox::{Outbox, Record, State};
pub(crate) use reading::Progress;
pub(crate) use roster::Roster;

use crate::spool::Outcome;
use link::Backoff;
use presence::Typists;
use search::Search;

/// Marks are written and messages confirmed at most this often.
const CONFIRM_EVERY: Duration = Duration::from_millis(200);

/// A silent connection is asked for a sign of life after this time.
const PING_AFTER: Duration = Duration::from_secs(20);

/// A connection that stays silent so long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// How often friends' presence is asked for where nobody pushes it.
const PRESENCE_EVERY: Duration = Duration::from_secs(60);

/// The same where it is pushed: what was pushed may have been lost.
const PRESENCE_PUSHED_EVERY: Duration = Duration::from_secs(300);

/// After "storage unavailable" or "too fast" a message waits this long.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A longer line makes the server close the connection; sent again and again, it would hold up all others.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What a user hears who asks for something that the server has not learned yet.
const TOO_OLD: &str = "this server is too old for that";

/// What a session wants to be told that shows things to a person.
const WANTED: [Want; 4] = [Want::Presence, Want::Receipts, Want::Typing, Want::Events];

/// Messages in one page of history.
const PAGE: u32 = 100;

/// Who logs in, and with what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) id: Option<UserId>,
    /// Logs in without the password.
    pub(crate) token: Option<String>,
    /// Only in memory, and only until there is a token.
    pub(crate) password: Option<String>,
    /// The life of the server's data at the last login: another one means that its numbers count anew.
    pub(crate) epoch: Option<String>,
    /// The account does not exist yet.
    pub(crate) is_new: bool,
}

/// What becomes of messages that come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    /// They are shown to a person and confirmed.
    Shows,
    /// They are handed on and confirmed; what else happens does not matter.
    HandsOn,
    /// They are left for another client: nothing is noted, nothing confirmed.
    OnlySends,
}

/// What has happened outside.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The connection that was asked for is there.
    Connected,
    /// It failed or has ended, for this reason.
    Lost(String),
    /// It cannot be used as it is: a certificate that nobody vouches for, or no TLS where it is wanted. The text says what
    /// somebody has to do.
    Unfit(String),
    /// A line came.
    Line(String),
}

/// What has to be done outside, in this order.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Effect {
    Connect,
    Hangup,
    /// Send this line, its `\n` included.
    Send(String),
    /// Append to the outbox's file, and to the disk, before what follows.
    Record(Record),
    /// Write the account with its token.
    SaveAccount,
    /// Write what was seen and read, before what follows.
    SaveMarks,
    /// What was handed over under this `cid` is in the outbox.
    Taken(String),
    /// What became of a message that was handed over.
    Report {
        cid: String,
        outcome: Outcome,
    },
    /// Tell the user.
    Tell(News),
}

/// What a user should know.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum News {
    /// A message that was not there before.
    Message(Peer, Message),
    /// Likewise, something that has happened to one.
    Changed(Peer, Change),
    /// Messages that were searched for, some of them or all.
    Found(Vec<(Peer, Message)>, Reach),
    /// One's own message is on the server.
    Stored { peer: Peer, cid: String, seq: Seq },
    /// The server will not take it.
    Failed { peer: Peer, cid: String, why: String },
    /// Something to read: answers, notices, how the connection is.
    Says(String),
    /// An order could not be carried out.
    Refused(String),
    /// A conversation should be shown.
    Opened(Peer),
    /// The connection cannot be used until somebody changes something.
    Unfit(String),
    /// Logged in.
    Welcome { missed: usize },
    /// The login was refused; somebody has to do something about it.
    LoginRefused(String),
    /// The session has ended because it was asked to.
    LoggedOut,
}

/// How far a search has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// It goes on by itself.
    GoesOn,
    /// There may be more: somebody has to ask for it.
    Paused,
    End,
}

/// All that the client knows.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) account: Account,
    pub(crate) link: Link,
    pub(crate) roster: Roster,
    pub(crate) chats: BTreeMap<Peer, Chat>,
    pub(crate) outbox: Outbox,
    /// The conversation that is open: what comes there is read, unless nobody looks.
    pub(crate) open: Option<Peer>,
    /// Somebody looks, as far as it is known.
    is_watched: bool,
    manner: Manner,
    /// The server has said how the conversations are: it knows of reading and typing, too.
    tells_conversations: bool,
    /// Requests that the server does not know.
    unknown: BTreeSet<u16>,
    typists: Typists,
    search: Option<Search>,
    asked: HashMap<u64, Asked>,
    /// Messages whose fate somebody waits for.
    handed: HashSet<String>,
    tags: u64,
    cid_prefix: u64,
    backoff: Backoff,
    /// Pushed, not confirmed.
    unconfirmed: BTreeMap<Peer, Seq>,
    marks_changed: bool,
    heard: Option<Instant>,
    confirmed: Option<Instant>,
    presence_asked: Option<Instant>,
    /// Reactions were asked for.
    counted: Option<Instant>,
    resend_at: Option<Instant>,
    effects: Vec<Effect>,
}

impl Model {
    /// A client of this account; `seed` is random and differs from start to start.
    pub(crate) fn new(account: Account, outbox: Outbox, marks: BTreeMap<Peer, (String, Mark)>, seed: u64) -> Self {
        let chats = marks.into_iter().map(|(peer, (title, mark))| (peer, Chat { title, mark, ..Chat::default() }));
        Self {
            account,
            link: Link::Off,
            roster: Roster::default(),
            chats: chats.collect(),
            outbox,
            open: None,
            is_watched: true,
            manner: Manner::Shows,
            tells_conversations: false,
            unknown: BTreeSet::new(),
            typists: Typists::default(),
            search: None,
            asked: HashMap::new(),
            handed: HashSet::new(),
            tags: 0,
            cid_prefix: seed,
            backoff: Backoff::new(seed),
            unconfirmed: BTreeMap::new(),
            marks_changed: false,
            heard: None,
            confirmed: None,
            presence_asked: None,
            counted: None,
            resend_at: None,
            effects: Vec::new(),
        }
    }

    /// Leaves all messages that come to a later client.
    pub(crate) fn only_send(&mut self) {
        self.manner = Manner::OnlySends;
    }

    /// Only messages matter, to another program.
    pub(crate) fn hand_on(&mut self) {
        self.manner = Manner::HandsOn;
    }

    /// What is to be done since the last call.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Wants a connection from now on.
    pub(crate) fn connect(&mut self) {
        if matches!(self.link, Link::Off | Link::Waiting { .. }) {
            self.link = Link::Connecting;
            self.effects.push(Effect::Connect);
        }
    }

    /// Something has happened.
    pub(crate) fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Connected => self.connected(now),
            Event::Lost(why) => self.lost(why, now),
            Event::Unfit(why) => self.unfit(why, now),
            Event::Line(line) => self.line(&line, now),
        }
        self.send_waiting(now);
    }

    /// Time has passed. Call it a few times a second, and after each batch of events.
    pub(crate) fn tick(&mut self, now: Instant) {
        if matches!(&self.link, Link::Waiting { until, .. } if *until <= now) {
            self.connect();
        }
        self.watch_silence(now);
        self.confirm(now);
        self.typing_passes(now);
        self.count_anew(now);
        let presence_every = if self.tells_conversations { PRESENCE_PUSHED_EVERY } else { PRESENCE_EVERY };
        if self.link == Link::Online && is_due(self.presence_asked, presence_every, now) {
            self.presence_asked = Some(now);
            self.ask_friends();
            if !self.tells_conversations {
                self.ask_conversations(None);
            }
        }
        self.send_waiting(now);
    }

    /// Says something in a conversation; its `cid`. It is sent now or as soon as there is a connection.
    pub(crate) fn say(&mut self, peer: Peer, text: &str, at: UnixMs) -> String {
        let cid = self.next_cid();
        self.say_as(&cid, Letter { peer, text, re: None }, at);
        cid
    }

    fn next_cid(&mut self) -> String {
        self.tags += 1;
        format!("{:016x}-{}", self.cid_prefix, self.tags)
    }

    fn say_as(&mut self, cid: &str, letter: Letter<'_>, at: UnixMs) {
        self.record(outbox::say(letter, cid, at));
        let chat = self.chat_mut(letter.peer);
        chat.line = None;
        chat.mark.latest_ms = chat.mark.latest_ms.max(at.0);
        self.typists.said(letter.peer);
    }

    /// Sends what may be sent; nothing without a login.
    pub(crate) fn send_waiting(&mut self, now: Instant) {
        if self.link != Link::Online || self.resend_at.is_some_and(|at| at > now) {
            return;
        }
        self.resend_at = None;
        for outgoing in self.outbox.take_sendable() {
            let ext = self.ext_of(&outgoing).and_then(|ext| serde_json::value::to_raw_value(&ext).ok());
            let chat =
                ask::Chat { to: outgoing.peer, msg: &outgoing.text, cid: Some(&outgoing.cid), ext: ext.as_deref() };
            // The `cid` is the tag, too, so that the answer finds the message even when it is refused.
            let line = Ask::Chat(chat).line(Some(&Tag::Text(outgoing.cid.clone())));
            if line.len() > LINE_BYTES_MAX {
                self.fail(outgoing.peer, outgoing.cid, "it is too long for one message".to_owned());
            } else {
                self.effects.push(Effect::Send(line));
            }
        }
    }

    /// Shows a conversation, or none.
    pub(crate) fn show(&mut self, peer: Option<Peer>) {
        if let Some(left) = self.open.and_then(|left| self.chats.get_mut(&left)) {
            left.line = None;
        }
        self.open = peer;
        let Some(peer) = peer else { return };
        if self.is_watched {
            self.chat_mut(peer).open();
        }
        self.marks_changed = true;
        self.fetch_latest(peer);
    }

    /// Whether an order waits for its answer.
    pub(crate) fn is_busy(&self) -> bool {
        self.asked.values().any(|asked| !asked.is_in_background())
    }

    /// Asks for the messages before those that are here, unless there are none or they are on their way.
    pub(crate) fn fetch_older(&mut self, peer: Peer) {
        let chat = self.chat_mut(peer);
        let before = chat.whole_from();
        if chat.fetching
            || before.is_some_and(|before| before <= chat.begins.max(1))
            || (chat.fetched && before.is_none())
        {
            return;
        }
        let range = before.map_or(Range::Latest, Range::Before);
        let up_to = self.known_up_to(peer);
        if self.ask(Asked::History(peer, up_to), Ask::History { peer, range, limit: Some(PAGE) }) {
            self.chat_mut(peer).fetching = true;
        }
    }

    /// What has this number, or a lower one, is in every list that is asked for from now on.
    fn known_up_to(&mut self, peer: Peer) -> Seq {
        let chat = self.chat_mut(peer);
        chat.mark.seen.max(chat.newest())
    }

    fn fetch_latest(&mut self, peer: Peer) {
        let chat = self.chat_mut(peer);
        if (!chat.fetched || chat.has_hole()) && self.link == Link::Online {
            self.fetch_older(peer);
        }
    }

    /// The name of a conversation's other side, as well as it is known.
    pub(crate) fn title(&self, peer: Peer) -> String {
        let known = self.roster.name(peer).or_else(|| self.chats.get(&peer).map(|chat| chat.title.as_str()));
        known.filter(|name| !name.is_empty()).map_or_else(|| number_of(peer), str::to_owned)
    }

    /// All conversations there are or could be, the pinned ones first, then the latest.
    pub(crate) fn conversations(&self) -> Vec<Peer> {
        let friends = self.roster.friends.keys().map(|user| Peer::User(*user));
        let groups = self.roster.groups.keys().map(|group| Peer::Group(*group));
        let mut peers: Vec<Peer> = self.chats.keys().copied().chain(friends).chain(groups).collect();
        peers.sort_by_cached_key(|peer| {
            let chat = self.chats.get(peer);
            let latest = chat.map_or(0, |chat| chat.mark.latest_ms);
            let is_pinned = chat.is_some_and(|chat| chat.flags.is_pinned);
            (std::cmp::Reverse((is_pinned, latest)), self.title(*peer).to_lowercase(), *peer)
        });
        peers.dedup();
        peers
    }

    fn chat_mut(&mut self, peer: Peer) -> &mut Chat {
        self.chats.entry(peer).or_default()
    }

    fn tell(&mut self, news: News) {
        self.effects.push(Effect::Tell(news));
    }

    fn says(&mut self, text: impl Into<String>) {
        self.tell(News::Says(text.into()));
    }

    fn record(&mut self, record: Record) {
        self.outbox.apply(record.clone());
        self.effects.push(Effect::Record(record));
    }

    /// Sends a request and remembers what for; `false` when there is no session to ask in.
    fn ask(&mut self, asked: Asked, request: Ask<'_>) -> bool {
        let for_login = matches!(asked, Asked::Login | Asked::Register);
        if self.link != Link::Online && !for_login {
            return false;
        }
        if self.unknown.contains(&request.msg_id().number()) {
            if !asked.is_in_background() {
                self.tell(News::Refused(TOO_OLD.to_owned()));
            }
            // As if it was refused: nothing comes any more.
            return true;
        }
        self.tags += 1;
        self.asked.insert(self.tags, asked);
        let tag = Tag::Number(i64::try_from(self.tags).unwrap_or(i64::MAX));
        self.effects.push(Effect::Send(request.line(Some(&tag))));
        true
    }

    fn connected(&mut self, now: Instant) {
        self.link = Link::LoggingIn;
        self.heard = Some(now);
        if self.account.is_new {
            let Account { name, password, .. } = self.account.clone();
            self.ask(Asked::Register, Ask::Register { name: &name, pwd: &password.unwrap_or_default() });
        } else {
            self.log_in();
        }
    }

    fn log_in(&mut self) {
        let Account { name, token, password, .. } = self.account.clone();
        if token.is_none() && password.is_none() {
            self.give_up("no password and no saved login: log in first".to_owned());
            return;
        }
        let pwd = if token.is_none() { password.as_deref() } else { None };
        // A token belongs to an account, whatever its name is by now.
        let id = self.account.id.filter(|_| token.is_some());
        let want: &[Want] = if self.manner == Manner::Shows { &WANTED } else { &[] };
        let (name, token) = (Some(name.as_str()), token.as_deref());
        let login = ask::Login { id, name, token, pwd, ack: true, want, ..ask::Login::default() };
        self.ask(Asked::Login, Ask::Login(login));
    }

    fn lost(&mut self, why: String, now: Instant) {
        if self.link == Link::Off {
            return;
        }
        if self.asked.values().any(Asked::changes_something) {
            let why = "the connection broke before the server had answered: look whether it was done".to_owned();
            self.tell(News::Refused(why));
        }
        self.forget_connection();
        let until = now + self.backoff.next();
        self.says(format!("no connection: {why}; trying again"));
        self.link = Link::Waiting { until, why };
    }

    /// It is tried again all the same: a server whose certificate has expired will get a new one.
    fn unfit(&mut self, why: String, now: Instant) {
        if self.link == Link::Off {
            return;
        }
        self.forget_connection();
        let until = now + self.backoff.next();
        // The bar has room for a few words; the news says it all.
        self.link = Link::Waiting { until, why: "TLS failed".to_owned() };
        self.tell(News::Unfit(why));
    }

    /// Ends the connection and stays offline: only the user can help.
    fn give_up(&mut self, why: String) {
        self.hang_up();
        self.tell(News::LoginRefused(why));
    }

    fn hang_up(&mut self) {
        self.forget_connection();
        self.link = Link::Off;
        self.effects.push(Effect::Hangup);
    }

    /// Hangs up and tries again after a while.
    fn start_over(&mut self, why: String, now: Instant) {
        self.effects.push(Effect::Hangup);
        self.lost(why, now);
    }

    fn forget_connection(&mut self) {
        self.asked.clear();
        self.outbox.rewind();
        self.tells_conversations = false;
        self.unknown.clear();
        self.typists.clear();
        // What comes again after the next login is confirmed then.
        self.unconfirmed.clear();
        self.heard = None;
        for chat in self.chats.values_mut() {
            chat.fetching = false;
            chat.doubted.clear();
        }
    }

    fn watch_silence(&mut self, now: Instant) {
        let Some(heard) = self.heard else { return };
        let silent = now.saturating_duration_since(heard);
        if silent >= SILENCE_MAX {
            self.start_over("the server is silent".to_owned(), now);
        } else if silent >= PING_AFTER && !self.asked.values().any(|asked| matches!(asked, Asked::Ping)) {
            self.ask(Asked::Ping, Ask::Ping);
        }
    }

    /// Notes on disk what was pushed, then confirms it.
    fn confirm(&mut self, now: Instant) {
        if !self.marks_changed && self.unconfirmed.is_empty() || !is_due(self.confirmed, CONFIRM_EVERY, now) {
            return;
        }
        self.confirm_now();
        self.confirmed = Some(now);
    }

    /// Notes and confirms without waiting, as before the client ends.
    pub(crate) fn confirm_now(&mut self) {
        if self.manner == Manner::OnlySends {
            return;
        }
        self.marks_changed = false;
        self.effects.push(Effect::SaveMarks);
        for (peer, seq) in std::mem::take(&mut self.unconfirmed) {
            if !self.is_told_as_read(peer, seq) {
                self.effects.push(Effect::Send(Ask::Delivered { peer, seq }.line(None)));
            }
        }
        self.tell_read();
    }

    fn line(&mut self, text: &str, now: Instant) {
        self.heard = Some(now);
        match Incoming::parse(text.as_bytes()) {
            Ok(Incoming::Reply(reply)) => self.reply(&reply, now),
            Ok(push) => self.push(push),
            Err(_) => self.says("the server sent a line that this client does not understand"),
        }
    }
}

fn is_due(last: Option<Instant>, every: Duration, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= every)
}

/// The conversation that `toid` or `groupid` names.
fn peer_of(user: Option<i64>, group: Option<i64>) -> Option<Peer> {
    match group {
        Some(group) => GroupId::new(group).map(Peer::Group),
        None => user.and_then(UserId::new).map(Peer::User),
    }
}

/// A moment, for a text: `2026-03-14 09:26 UTC`.
fn stamp(at: UnixMs) -> String {
    let text = at.to_string();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}

/// How a conversation is named by number.
fn number_of(peer: Peer) -> String {
    match peer {
        Peer::User(user) => format!("user {user}"),
        Peer::Group(group) => format!("group {group}"),
    }
}
