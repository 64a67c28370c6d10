//! Lines to clients. Replies are built from a serialised body; pushes and acks, the hot ones, by hand.
//!
//! Every function returns a whole line, its `\n` included.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::errno::Errno;
use crate::ids::{GroupId, Peer, Seq, UserId};
use crate::msg_id::{MsgId, push};
use crate::time::UnixMs;

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

/// The ack of a chat message: it is committed.
#[must_use]
pub fn ack(to: Peer, seq: Seq, time: &TimeText, echo: &Echo) -> Bytes {
    let mut line = Line::new(chat_request(to).reply(), 160);
    line.text(",\"errno\":0");
    addressee(&mut line, to).text(",\"seq\":").int(seq).text(",\"time\":\"").text(time.as_str()).text("\"");
    line.text(&echo.0).end()
}

/// The reply to a chat message that was refused.
#[must_use]
pub fn chat_refused(to: Peer, errno: Errno, errmsg: &str, echo: &Echo) -> Bytes {
    let mut line = Line::new(chat_request(to).reply(), 160);
    line.text(",\"errno\":").int(errno.number()).text(",\"errmsg\":").string(errmsg);
    addressee(&mut line, to);
    line.text(&echo.0).end()
}

/// A chat message as its addressees get it, and as `offlinemsg[]` and `messages[]` list it.
#[derive(Clone, Copy, Debug)]
pub struct Push<'a> {
    /// Who said it.
    pub sender: UserId,
    /// The sender's name.
    pub name: &'a str,
    /// To whom.
    pub to: Peer,
    /// `{"msg":...}` or `{"msg":...,"ext":...}`.
    pub body: &'a str,
    /// The server's time when it came in.
    pub time: &'a TimeText,
    /// Its place in the conversation.
    pub seq: Seq,
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

    fn write(&self) -> Line {
        let mut line = Line::new(chat_request(self.to).number(), 128 + self.name.len() + self.body.len());
        line.text(",\"id\":").int(self.sender.number()).text(",\"name\":").string(self.name);
        addressee(&mut line, self.to).text(",").text(members(self.body));
        line.text(",\"time\":\"").text(self.time.as_str()).text("\",\"seq\":").int(self.seq);
        line
    }
}

/// The members of an object without its braces. A body that is no object (a damaged row) counts as an empty message.
fn members(object: &str) -> &str {
    object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("\"msg\":\"\"")
}

/// The push of a friend request. `msg` is the JSON text of a string.
#[must_use]
pub fn friend_request(from: UserId, name: &str, msg: &str) -> Bytes {
    let mut line = Line::new(MsgId::FriendRequest.number(), 64 + name.len() + msg.len());
    line.text(",\"id\":").int(from.number()).text(",\"name\":").string(name).text(",\"msg\":").text(msg).end()
}

/// What a NOTICE tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of the line; docs/protocol.md describes each kind")]
pub enum Notice<'a> {
    FriendAdded {
        id: UserId,
        name: Cow<'a, str>,
    },
    FriendRemoved {
        id: UserId,
        name: Cow<'a, str>,
    },
    GroupJoined {
        groupid: GroupId,
        id: UserId,
        name: Cow<'a, str>,
    },
    GroupLeft {
        groupid: GroupId,
        id: UserId,
        name: Cow<'a, str>,
    },
    GroupDeleted {
        groupid: GroupId,
    },
    Replaced,
    Restored,
    Shutdown,
    /// Of a later version: a client passes it over.
    #[serde(other)]
    Unknown,
}

impl Notice<'_> {
    /// The line.
    #[must_use]
    pub fn line(&self) -> Bytes {
        let body = Body::of(self);
        let mut line = Line::new(push::NOTICE, 32 + body.0.len());
        line.text(",").0.extend_from_slice(body.members());
        line.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn text(line: &Bytes) -> &str {
        std::str::from_utf8(line).unwrap()
    }

    #[test]
    fn replies_repeat_the_tag() {
        #[derive(Serialize)]
        struct Fields {
            id: u32,
        }
        let line = success(MsgId::Register, Some("\"t\""), &Body::of(&Fields { id: 7 }));
        assert_eq!(text(&line), "{\"msgid\":5,\"errno\":0,\"tag\":\"t\",\"id\":7}\n");
        let line = success(MsgId::Logout, None, &Body::empty());
        assert_eq!(text(&line), "{\"msgid\":16,\"errno\":0}\n");
        let line = failure(MsgId::Login, &RawEcho::tag(Some("5")), Errno::Refused, "say \"please\"");
        assert_eq!(text(&line), "{\"msgid\":2,\"errno\":1,\"errmsg\":\"say \\\"please\\\"\",\"tag\":5}\n");
        let line = failure(MsgId::Delivered, &RawEcho::default(), Errno::LoginFirst, "x");
        assert_eq!(text(&line), "{\"msgid\":19,\"errno\":401,\"errmsg\":\"x\",\"about\":20}\n");
    }

    #[test]
    fn a_push_carries_the_body_as_it_is() {
        let push = Push {
            sender: user(1),
            name: "o\"o",
            to: Peer::User(user(2)),
            body: r#"{"msg":"\u00e9","ext":[1]}"#,
            time: &TimeText::new(UnixMs(0)),
            seq: 3,
        };
        let expected = concat!(
            r#"{"msgid":6,"id":1,"name":"o\"o","toid":2,"msg":"\u00e9","ext":[1],"#,
            r#""time":"1970-01-01T00:00:00.000Z","seq":3}"#
        );
        assert_eq!(text(&push.line()).trim_end(), expected);
        assert_eq!(push.element().get(), expected);
        assert!(text(&Push { body: "damaged", ..push }.line()).contains("\"msg\":\"\""));
    }

    #[test]
    fn an_ack_repeats_cid_and_tag() {
        let echo = Echo::new(RawEcho { tag: Some("1"), cid: Some("\"c\"") });
        let line = ack(Peer::Group(GroupId::new(4).unwrap()), 9, &TimeText::new(UnixMs(0)), &echo);
        let expected = concat!(
            r#"{"msgid":12,"errno":0,"groupid":4,"seq":9,"time":"1970-01-01T00:00:00.000Z","#,
            r#""cid":"c","tag":1}"#,
            "\n"
        );
        assert_eq!(text(&line), expected);
        let line = chat_refused(Peer::User(user(4)), Errno::NotFound, "no", &Echo::default());
        assert_eq!(text(&line), "{\"msgid\":11,\"errno\":404,\"errmsg\":\"no\",\"toid\":4}\n");
    }

    #[test]
    fn notices_name_their_kind() {
        let line = Notice::GroupJoined { groupid: GroupId::new(3).unwrap(), id: user(1), name: "a".into() }.line();
        assert_eq!(text(&line), "{\"msgid\":49,\"kind\":\"group_joined\",\"groupid\":3,\"id\":1,\"name\":\"a\"}\n");
        assert_eq!(text(&Notice::Shutdown.line()), "{\"msgid\":49,\"kind\":\"shutdown\"}\n");
    }
}
