//! Lines to clients. Replies are built from a serialised body; pushes and acks, the hot ones, by hand.
//!
//! Every function returns a whole line, its `\n` included.

mod notice;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::notice::{Notice, friend_request, group_invite, receipt, typing};
use crate::body::ReactionCount;
use crate::errno::Errno;
use crate::field::{LEVELS_MAX, levels};
use crate::ids::{Peer, Seq, UserId};
use crate::msg_id::{MsgId, push};
use crate::time::UnixMs;

/// How deep the body of a `last` may be nested: it stands three levels down.
const LAST_LEVELS_MAX: usize = LEVELS_MAX - 3;

/// The fields of a successful reply: the text of a JSON object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body(Vec<u8>);

impl Body {
    /// A reply without fields.
    #[must_use]
    pub fn empty() -> Self {
        Self(b"{}".to_vec())
    }

    /// The fields of a struct.
    #[must_use]
    pub fn of(fields: &impl Serialize) -> Self {
        Self(serde_json::to_vec(fields).expect("our own structs have string keys and no failing fields"))
    }

    /// The members without the braces.
    fn members(&self) -> &[u8] {
        &self.0[1..self.0.len() - 1]
    }
}

/// A line under construction. Fields are written by the push functions in their order.
struct Line(Vec<u8>);

impl Line {
    fn new(msgid: u16, capacity: usize) -> Self {
        let mut line = Self(Vec::with_capacity(capacity));
        line.text("{\"msgid\":").int(msgid);
        line
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn int(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self
    }

    fn string(&mut self, text: &str) -> &mut Self {
        serde_json::to_writer(&mut self.0, text).expect("a string can always be written to memory");
        self
    }

    fn raw(&mut self, field: &str, raw: Option<&str>) -> &mut Self {
        if let Some(raw) = raw {
            self.text(field).text(raw);
        }
        self
    }

    fn end(&mut self) -> Bytes {
        self.text("}\n");
        Bytes::from(std::mem::take(&mut self.0))
    }
}

/// The reply to a request that succeeded.
#[must_use]
pub fn success(request: MsgId, tag: Option<&str>, body: &Body) -> Bytes {
    let mut line = Line::new(request.reply(), 48 + tag.map_or(0, str::len) + body.0.len());
    line.text(",\"errno\":0").raw(",\"tag\":", tag);
    if !body.members().is_empty() {
        line.text(",").0.extend_from_slice(body.members());
    }
    line.end()
}

/// The reply to a request that failed. Requests that have no reply of their own get an ERROR with `about`.
#[must_use]
pub fn failure(request: MsgId, echo: &RawEcho<'_>, errno: Errno, errmsg: &str) -> Bytes {
    refusal(request, echo, errno, errmsg).end()
}

/// The reply to a request that came too soon: it may be sent again after `wait` seconds.
#[must_use]
pub fn too_fast(request: MsgId, tag: Option<&str>, errmsg: &str, wait: u64) -> Bytes {
    refusal(request, &RawEcho::tag(tag), Errno::TooFast, errmsg).text(",\"wait\":").int(wait).end()
}

fn refusal(request: MsgId, echo: &RawEcho<'_>, errno: Errno, errmsg: &str) -> Line {
    let RawEcho { tag, cid } = *echo;
    let mut line = Line::new(request.reply(), 64 + tag.map_or(0, str::len) + errmsg.len());
    line.text(",\"errno\":").int(errno.number()).text(",\"errmsg\":").string(errmsg);
    if request.reply() == push::ERROR {
        line.text(",\"about\":").int(request.number());
    }
    line.raw(",\"cid\":", cid).raw(",\"tag\":", tag);
    line
}

/// What a reply repeats of a line that is at hand: raw JSON texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RawEcho<'a> {
    /// The request's `tag`.
    pub tag: Option<&'a str>,
    /// The `cid` of a chat message.
    pub cid: Option<&'a str>,
}

impl<'a> RawEcho<'a> {
    /// Of a request that has no `cid`.
    #[must_use]
    pub fn tag(tag: Option<&'a str>) -> Self {
        Self { tag, cid: None }
    }
}

/// ERROR for a line that could not be attributed to a request.
#[must_use]
pub fn error(errno: Errno, errmsg: &str) -> Bytes {
    Line::new(push::ERROR, 64 + errmsg.len())
        .text(",\"errno\":")
        .int(errno.number())
        .text(",\"errmsg\":")
        .string(errmsg)
        .end()
}

/// ERROR for a line that may be one request or another.
#[must_use]
pub fn ambiguous(errmsg: &str, tag: Option<&str>) -> Bytes {
    Line::new(push::ERROR, 64 + errmsg.len() + tag.map_or(0, str::len))
        .text(",\"errno\":")
        .int(Errno::Malformed.number())
        .text(",\"errmsg\":")
        .string(errmsg)
        .raw(",\"tag\":", tag)
        .end()
}

/// ERROR for a msgid that is no request.
#[must_use]
pub fn unknown_msgid(about: i64, tag: Option<&str>) -> Bytes {
    Line::new(push::ERROR, 96)
        .text(",\"errno\":")
        .int(Errno::NotFound.number())
        .text(",\"errmsg\":\"no such msgid\",\"about\":")
        .int(about)
        .raw(",\"tag\":", tag)
        .end()
}

/// PONG, in answer to a PING.
#[must_use]
pub fn pong(tag: Option<&str>) -> Bytes {
    success(MsgId::Ping, tag, &Body::empty())
}

/// What the ack of a chat message repeats from its request, as it stands in the reply: `,"cid":...,"tag":...`. One text,
/// because every message on its way has one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Echo(Box<str>);

impl Echo {
    /// Kept until the message is answered.
    #[must_use]
    pub fn new(raw: RawEcho<'_>) -> Self {
        let parts = [(",\"cid\":", raw.cid), (",\"tag\":", raw.tag)];
        let parts = parts.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        let mut text = String::with_capacity(parts.clone().map(|(name, value)| name.len() + value.len()).sum());
        for (name, value) in parts {
            text.push_str(name);
            text.push_str(value);
        }
        Self(text.into_boxed_str())
    }
}

fn chat_request(to: Peer) -> MsgId {
    match to {
        Peer::User(_) => MsgId::OneChat,
        Peer::Group(_) => MsgId::GroupChat,
    }
}

fn addressee(line: &mut Line, to: Peer) -> &mut Line {
    match to {
        Peer::User(user) => line.text(",\"toid\":").int(user.number()),
        Peer::Group(group) => line.text(",\"groupid\":").int(group.number()),
    }
}

/// A moment as lines carry it. Kept from message to message: those of one millisecond share the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimeText {
    at: UnixMs,
    text: String,
}

impl TimeText {
    /// The text of this moment: RFC 3339 with milliseconds, in UTC.
    #[must_use]
    pub fn new(at: UnixMs) -> Self {
        Self { at, text: at.to_string() }
    }

    /// Goes to another moment.
    pub fn set(&mut self, at: UnixMs) {
        if at != self.at {
            *self = Self::new(at);
        }
    }

    fn as_str(&self) -> &str {
        &self.text
    }
}

/// The ack of a message or an event: it is committed. `None`: all is as it was to be, and there is no event about it.
#[must_use]
pub fn ack(what: What, to: Peer, stored: Option<(Seq, &TimeText)>, echo: &Echo) -> Bytes {
    let mut line = Line::new(what.request(to).reply(), 160);
    line.text(",\"errno\":0");
    addressee(&mut line, to);
    if let Some((seq, time)) = stored {
        line.text(",\"seq\":").int(seq).text(",\"time\":\"").text(time.as_str()).text("\"");
    }
    line.text(&echo.0).end()
}

/// The reply to a message or an event that was refused.
#[must_use]
pub fn not_stored(what: What, to: Peer, errno: Errno, errmsg: &str, echo: &Echo) -> Bytes {
    event_refusal(what, to, errno, errmsg).text(&echo.0).end()
}

/// The reply to a message or an event of a member who may say nothing until then.
#[must_use]
pub fn muted(what: What, to: Peer, errmsg: &str, until: UnixMs, echo: &Echo) -> Bytes {
    let mut line = event_refusal(what, to, Errno::NotAllowed, errmsg);
    line.text(",\"until\":\"").text(TimeText::new(until).as_str()).text("\"").text(&echo.0).end()
}

fn event_refusal(what: What, to: Peer, errno: Errno, errmsg: &str) -> Line {
    let mut line = Line::new(what.request(to).reply(), 160);
    line.text(",\"errno\":").int(errno.number()).text(",\"errmsg\":").string(errmsg);
    addressee(&mut line, to);
    line
}

/// What takes a number in a conversation. `of` is the message that an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum What {
    /// A chat message.
    #[default]
    Message,
    /// That one has other words now.
    Edit {
        /// Which one.
        of: Seq,
    },
    /// That one is taken back.
    Recall {
        /// Which one.
        of: Seq,
    },
    /// Somebody has reacted to that one, or no longer does.
    Reaction {
        /// Which one.
        of: Seq,
    },
}

impl What {
    /// The request that is answered, and whose number a push has.
    fn request(self, to: Peer) -> MsgId {
        match self {
            Self::Message => chat_request(to),
            Self::Edit { .. } => MsgId::Edit,
            Self::Recall { .. } => MsgId::Recall,
            Self::Reaction { .. } => MsgId::React,
        }
    }

    /// The message that an event is about.
    #[must_use]
    pub fn of(self) -> Option<Seq> {
        match self {
            Self::Message => None,
            Self::Edit { of } | Self::Recall { of } | Self::Reaction { of } => Some(of),
        }
    }
}

/// The body of a reaction's event: `{"reaction":...,"on":...}`.
#[must_use]
pub fn reaction_body(reaction: &str, on: bool) -> String {
    let reaction = serde_json::to_string(reaction).expect("a string can always be written to memory");
    format!("{{\"reaction\":{reaction},\"on\":{on}}}")
}

/// Whether a line is the push of an event: an edit, a recall, a reaction.
#[must_use]
pub fn is_event(line: &[u8]) -> bool {
    let number = line.strip_prefix(b"{\"msgid\":").and_then(|rest| rest.get(..3));
    number.is_some_and(|number| [b"57,", b"59,", b"61,"].into_iter().any(|event| number == event))
}

/// What has become of a message, as it stands behind it in lists and in late pushes: members with a comma ahead. Nothing,
/// for a message that is as it was.
#[must_use]
pub fn marks(edited: Option<UnixMs>, recalled: bool, reactions: &[ReactionCount<'_>]) -> String {
    if recalled {
        return ",\"recalled\":true".to_owned();
    }
    let mut marks = String::new();
    if let Some(at) = edited {
        write!(marks, ",\"edited\":\"{at}\"").expect("text can always be written to memory");
    }
    if !reactions.is_empty() {
        marks.push_str(",\"reactions\":");
        marks.push_str(&serde_json::to_string(reactions).expect("our own structs have no failing fields"));
    }
    marks
}

/// A chat message or an event as its addressees get it, and as `offlinemsg[]` and `messages[]` list it.
#[derive(Clone, Copy, Debug)]
pub struct Push<'a> {
    /// Who said it.
    pub sender: UserId,
    /// The sender's name.
    pub name: &'a str,
    /// To whom.
    pub to: Peer,
    /// Which of the two.
    pub what: What,
    /// `{"msg":...}` or `{"msg":...,"ext":...}`; of a reaction `{"reaction":...,"on":...}`. Empty where nothing is left to
    /// say: recalled, or overtaken by a later edit.
    pub body: &'a str,
    /// The server's time when it came in.
    pub time: &'a TimeText,
    /// Its place in the conversation.
    pub seq: Seq,
    /// What has become of it: [`marks`].
    pub marks: &'a str,
}

impl Push<'_> {
    /// The line.
    #[must_use]
    pub fn line(&self) -> Bytes {
        self.write().end()
    }

    /// The same as an element of a list.
    #[must_use]
    pub fn element(&self) -> Box<RawValue> {
        let mut line = self.write();
        line.text("}");
        let text = String::from_utf8(line.0).expect("built from str alone");
        RawValue::from_string(text).expect("a name is escaped, a body was parsed when it came in")
    }

    /// The same as the `last` of a conversation in a list. There it stands a level further down than in a list of messages,
    /// and an `ext` that would be too deep for common parsers is left out.
    #[must_use]
    pub fn last(&self) -> Box<RawValue> {
        #[derive(Deserialize)]
        struct Spoken<'a> {
            #[serde(borrow)]
            msg: &'a RawValue,
        }
        if levels(self.body, LAST_LEVELS_MAX) <= LAST_LEVELS_MAX {
            return self.element();
        }
        let msg = serde_json::from_str(self.body).map_or("\"\"", |Spoken { msg }| msg.get());
        Push { body: &["{\"msg\":", msg, "}"].concat(), ..*self }.element()
    }

    fn write(&self) -> Line {
        let capacity = 128 + self.name.len() + self.body.len() + self.marks.len();
        let mut line = Line::new(self.what.request(self.to).number(), capacity);
        line.text(",\"id\":").int(self.sender.number()).text(",\"name\":").string(self.name);
        addressee(&mut line, self.to);
        if let Some(of) = self.what.of() {
            line.text(",\"of\":").int(of);
        }
        if !self.body.is_empty() {
            line.text(",").text(members(self.body));
        }
        line.text(",\"time\":\"").text(self.time.as_str()).text("\",\"seq\":").int(self.seq).text(self.marks);
        line
    }
}

/// The members of an object without its braces. A body that is no object (a damaged row) counts as an empty message.
fn members(object: &str) -> &str {
    object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("\"msg\":\"\"")
}
