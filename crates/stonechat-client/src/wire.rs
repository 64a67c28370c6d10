//! What the server says, read; what the client asks, written. The mirror of the crate's `wire`, which reads requests.
//!
//! One struct serves all lines: a field that a line does not have stays empty. Fields that nobody knows yet are
//! ignored, so that an older client gets along with a newer server.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stonechat_protocol::ids::{GroupId, Peer, UserId};
use stonechat_protocol::msg_id::MsgId;
use stonechat_protocol::time::UnixMs;

/// A line from the server: a reply, an ack or a push.
#[derive(Deserialize, Default, Debug, Clone)]
#[serde(default)]
pub(crate) struct Line {
    pub(crate) msgid: i64,
    /// 0 is success; pushes have none.
    pub(crate) errno: Option<i64>,
    pub(crate) errmsg: Option<String>,
    /// The request's number, repeated.
    pub(crate) tag: Option<Value>,
    pub(crate) id: Option<i64>,
    pub(crate) name: Option<String>,
    pub(crate) toid: Option<i64>,
    pub(crate) groupid: Option<i64>,
    pub(crate) groupname: Option<String>,
    pub(crate) groupdesc: Option<String>,
    pub(crate) friendid: Option<i64>,
    pub(crate) msg: Option<String>,
    pub(crate) ext: Option<Value>,
    pub(crate) time: Option<String>,
    pub(crate) seq: Option<u64>,
    /// Of a NOTICE: what has happened.
    pub(crate) kind: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) epoch: Option<String>,
    pub(crate) offlinemsg: Vec<Line>,
    pub(crate) friends: Vec<Person>,
    /// How many there are, where the list may be cut.
    pub(crate) friends_total: u64,
    pub(crate) groups: Vec<Group>,
    pub(crate) groups_total: u64,
    pub(crate) users: Vec<Person>,
    pub(crate) messages: Vec<Line>,
    pub(crate) more: bool,
}

/// A user in a list.
#[derive(Deserialize, Default, Debug, Clone, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) role: String,
}

/// A group in a list.
#[derive(Deserialize, Default, Debug, Clone, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct Group {
    pub(crate) id: i64,
    pub(crate) groupname: String,
    pub(crate) groupdesc: String,
    pub(crate) users: Vec<Person>,
    pub(crate) total: Option<u64>,
}

impl Line {
    /// Reads a line; `None` for what is no JSON object of the protocol.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// Why the request failed, for a person; `None` on success.
    pub(crate) fn failure(&self) -> Option<String> {
        let errno = self.errno.filter(|&errno| errno != 0)?;
        let said = self.errmsg.clone().filter(|said| !said.is_empty());
        Some(said.unwrap_or_else(|| format!("the server refused it (errno {errno})")))
    }

    /// The number in `tag`, when it is one of ours.
    pub(crate) fn tag_number(&self) -> Option<u64> {
        self.tag.as_ref().and_then(Value::as_u64)
    }

    /// The text in `tag`: the `cid` of the chat message that is answered.
    pub(crate) fn tag_text(&self) -> Option<&str> {
        self.tag.as_ref().and_then(Value::as_str)
    }

    /// The server's time in it; 1970 when there is none.
    pub(crate) fn at(&self) -> UnixMs {
        self.time.as_deref().and_then(parse_time).unwrap_or(UnixMs(0))
    }

    /// The conversation a chat push belongs to, as `me` sees it.
    pub(crate) fn peer(&self, me: UserId) -> Option<Peer> {
        if let Some(group) = self.groupid {
            return GroupId::new(group).map(Peer::Group);
        }
        let sender = UserId::new(self.id?)?;
        if sender == me { UserId::new(self.toid?).map(Peer::User) } else { Some(Peer::User(sender)) }
    }
}

fn parse_time(text: &str) -> Option<UnixMs> {
    let since = humantime::parse_rfc3339(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(UnixMs)
}

/// A request under construction.
pub(crate) struct Request(Map<String, Value>);

impl Request {
    /// A request without fields.
    pub(crate) fn new(msgid: MsgId) -> Self {
        Self(Map::from_iter([("msgid".to_owned(), json!(msgid.number()))]))
    }

    /// Adds a field.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// Adds the other side of a conversation: `id` or `groupid`.
    pub(crate) fn about(self, peer: Peer) -> Self {
        match peer {
            Peer::User(user) => self.with("id", user.number()),
            Peer::Group(group) => self.with("groupid", group.number()),
        }
    }

    /// The line, its `\n` included.
    pub(crate) fn line(self) -> String {
        format!("{}\n", Value::Object(self.0))
    }
}

/// A chat message; its `cid` is the `tag`, too, so that the ack finds it even when it is refused.
pub(crate) fn chat(peer: Peer, text: &str, cid: &str) -> String {
    let request = match peer {
        Peer::User(user) => Request::new(MsgId::OneChat).with("toid", user.number()),
        Peer::Group(group) => Request::new(MsgId::GroupChat).with("groupid", group.number()),
    };
    request.with("msg", text).with("cid", cid).with("tag", cid).line()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pushes_and_ignores_what_it_does_not_know() {
        let line =
            r#"{"msgid":6,"id":2,"name":"ben","toid":1,"msg":"hi","time":"2026-03-14T09:26:53.589Z","seq":7,"new":{}}"#;
        let line = Line::parse(line).unwrap();
        let (me, ben) = (UserId::new(1).unwrap(), UserId::new(2).unwrap());
        assert_eq!(line.peer(me), Some(Peer::User(ben)));
        assert_eq!(line.peer(ben), Some(Peer::User(me)), "one's own message belongs to the addressee");
        assert_eq!(line.at().to_string(), "2026-03-14T09:26:53.589Z");
        assert!(Line::parse("hello?").is_none());
    }

    #[test]
    fn a_chat_message_carries_its_cid_twice() {
        let line = chat(Peer::User(UserId::new(2).unwrap()), "a\nb", "c1");
        assert_eq!(line.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value, json!({"msgid": 6, "toid": 2, "msg": "a\nb", "cid": "c1", "tag": "c1"}));
    }
}
