//! What the server says, as a client reads it: a reply, or something that comes unasked.
//!
//! ```text
//!   line --Incoming::parse--> Reply: which request, refused or not --Reply::body--> a struct of crate::body
//!                             Message, FriendRequest, Notice, Ping
//! ```
//!
//! Fields and kinds that are not known are passed over, so that an older client gets along with a newer server.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::errno::Errno;
use crate::ids::{GroupId, Peer, Seq, UserId};
use crate::msg_id::{MsgId, push};
use crate::reply::Notice;
use crate::tag::Tag;
use crate::time::UnixMs;

/// A line of the server.
#[derive(Clone, Debug)]
pub enum Incoming<'a> {
    /// The answer to a request; or an ERROR, whose request is not known.
    Reply(Reply<'a>),
    /// A chat message.
    Message(Message),
    /// Somebody asks to be a friend.
    FriendRequest(FriendRequest),
    /// Something has happened.
    Notice(Notice<'a>),
    /// The server asks for a sign of life: answer with [`Ask::Pong`](crate::ask::Ask::Pong).
    Ping,
    /// A number that this version does not know.
    Unknown(i64),
}

/// What every line may begin with.
#[derive(Deserialize)]
struct Head<'a> {
    msgid: i64,
    errno: Option<u16>,
    #[serde(borrow)]
    errmsg: Option<Cow<'a, str>>,
    tag: Option<Tag>,
    about: Option<i64>,
    wait: Option<u64>,
}

impl<'a> Incoming<'a> {
    /// Reads a line, with or without its line end.
    ///
    /// # Errors
    /// It is no line of this protocol.
    pub fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        let Head { msgid, errno, errmsg, tag, about, wait } = serde_json::from_slice(line)?;
        if let Some(errno) = errno {
            let errmsg = || errmsg.map(Cow::into_owned).unwrap_or_default();
            let refused = (errno != 0).then(|| Refusal { errno, errmsg: errmsg(), about, wait });
            return Ok(Self::Reply(Reply { msgid, tag, refused, line }));
        }
        Ok(match MsgId::from_number(msgid) {
            Some(MsgId::OneChat | MsgId::GroupChat) => Self::Message(serde_json::from_slice(line)?),
            Some(MsgId::FriendRequest) => Self::FriendRequest(serde_json::from_slice(line)?),
            Some(MsgId::Ping) => Self::Ping,
            _ if msgid == i64::from(push::NOTICE) => Self::Notice(serde_json::from_slice(line)?),
            _ => Self::Unknown(msgid),
        })
    }
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Reply<'a> {
    /// Its number: [`MsgId::reply`] of the request, or that of ERROR.
    pub msgid: i64,
    /// The request's.
    pub tag: Option<Tag>,
    /// Why it was not done.
    pub refused: Option<Refusal>,
    line: &'a [u8],
}

impl Reply<'_> {
    /// The reply's fields, if the request was done: a struct of [`crate::body`].
    ///
    /// # Errors
    /// The request was refused, or the reply does not have these fields.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, ReplyError> {
        match &self.refused {
            Some(refusal) => Err(ReplyError::Refused(refusal.clone())),
            None => Ok(serde_json::from_slice(self.line)?),
        }
    }
}

/// Why a request was not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{errmsg} (errno {errno})")]
pub struct Refusal {
    /// For programs; see [`Refusal::is`].
    pub errno: u16,
    /// For a person; may change from version to version.
    pub errmsg: String,
    /// Of an ERROR: which request it is about, where that is known.
    pub about: Option<i64>,
    /// It may be asked again after so many seconds.
    pub wait: Option<u64>,
}

impl Refusal {
    /// Whether this is why.
    #[must_use]
    pub fn is(&self, errno: Errno) -> bool {
        self.errno == errno.number()
    }

    /// Whether the same request may succeed in a moment.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        [Errno::Unavailable, Errno::TooFast, Errno::Internal].into_iter().any(|passing| self.is(passing))
    }
}

/// There is no body to read.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// The request was not done.
    #[error(transparent)]
    Refused(Refusal),
    /// The reply has other fields.
    #[error("the reply is not understood: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// A chat message, as its addressees get it and as lists have it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "MessageFields")]
pub struct Message {
    /// Who said it.
    pub sender: UserId,
    /// The sender's name.
    pub name: String,
    /// To whom.
    pub to: Peer,
    /// What was said.
    pub msg: String,
    /// What the sender's client has added for other clients, as it was sent.
    pub ext: Option<Box<RawValue>>,
    /// The server's time when it came in.
    pub time: UnixMs,
    /// Its place in the conversation, from 1.
    pub seq: Seq,
}

impl Message {
    /// The conversation it belongs to, as `me` sees it: the other side, or the group.
    #[must_use]
    pub fn peer(&self, me: UserId) -> Peer {
        match self.to {
            Peer::User(_) if self.sender != me => Peer::User(self.sender),
            to => to,
        }
    }
}

/// The same as it stands in the line.
#[derive(Deserialize)]
struct MessageFields {
    id: UserId,
    name: String,
    toid: Option<UserId>,
    groupid: Option<GroupId>,
    msg: String,
    ext: Option<Box<RawValue>>,
    time: UnixMs,
    seq: Seq,
}

impl TryFrom<MessageFields> for Message {
    type Error = &'static str;

    fn try_from(fields: MessageFields) -> Result<Self, Self::Error> {
        let MessageFields { id: sender, name, toid, groupid, msg, ext, time, seq } = fields;
        let to = groupid.map(Peer::Group).or_else(|| toid.map(Peer::User));
        let to = to.ok_or("a message is to somebody: `toid` or `groupid`")?;
        if seq == 0 {
            return Err("a message has a `seq` of at least 1");
        }
        Ok(Self { sender, name, to, msg, ext, time, seq })
    }
}

/// Somebody asks to be a friend: answer with [`Ask::FriendAnswer`](crate::ask::Ask::FriendAnswer).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct FriendRequest {
    /// Who.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// The words with it; may be empty.
    pub msg: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::reply::{self, Body, Echo, Push, RawEcho, TimeText};

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn reply(line: &[u8]) -> Reply<'_> {
        match Incoming::parse(line).unwrap() {
            Incoming::Reply(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_reads_as_the_server_writes_it() {
        let time = UnixMs(1_700_000_000_123);
        let push = Push {
            sender: user(1),
            name: "o\"o",
            to: Peer::User(user(2)),
            body: r#"{"msg":"\u00e9","ext":[1.50]}"#,
            time: &TimeText::new(time),
            seq: 3,
        };
        let line = push.line();
        let Incoming::Message(message) = Incoming::parse(&line).unwrap() else { panic!("no message") };
        assert_eq!((message.sender, message.name.as_str(), message.msg.as_str()), (user(1), "o\"o", "é"));
        assert_eq!((message.time, message.seq, message.ext.unwrap().get()), (time, 3, "[1.50]"));
        let listed = Body::of(&body::History { messages: vec![push.element()], more: true });
        let line = reply::success(MsgId::History, Some("9"), &listed);
        let reply = reply(&line);
        let body: body::History = reply.body().unwrap();
        assert_eq!((body.messages[0].seq, body.more, reply.tag), (3, true, Some(Tag::Number(9))));
    }

    #[test]
    fn ones_own_message_belongs_to_the_addressee() {
        let line = br#"{"msgid":6,"id":2,"name":"ben","toid":1,"msg":"hi","time":"2026-03-14T09:26:53.589Z","seq":7,"new":{}}"#;
        let Incoming::Message(message) = Incoming::parse(line).unwrap() else { panic!("no message") };
        assert_eq!(message.peer(user(1)), Peer::User(user(2)));
        assert_eq!(message.peer(user(2)), Peer::User(user(1)));
        assert_eq!(message.time.to_string(), "2026-03-14T09:26:53.589Z");
    }

    #[test]
    fn a_refusal_says_why_and_what_may_help() {
        let line = reply::too_fast(MsgId::Login, Some("\"t\""), "slowly", 60);
        let reply = reply(&line);
        assert_eq!(reply.tag, Some(Tag::Text("t".to_owned())));
        let Err(ReplyError::Refused(refusal)) = reply.body::<body::Registered>() else { panic!("{reply:?}") };
        assert!(refusal.is(Errno::TooFast) && refusal.is_passing() && refusal.wait == Some(60));
        assert_eq!(refusal.to_string(), "slowly (errno 429)");
        let line = reply::failure(MsgId::Delivered, &RawEcho::default(), Errno::LoginFirst, "x");
        assert_eq!(super::tests::reply(&line).refused.unwrap().about, Some(20));
    }

    #[test]
    fn an_ack_tells_the_place_and_the_time() {
        let echo = Echo::new(RawEcho { tag: Some("1"), cid: Some("\"c\"") });
        let line = reply::ack(Peer::User(user(4)), 9, &TimeText::new(UnixMs(5)), &echo);
        let stored: body::Stored = reply(&line).body().unwrap();
        assert_eq!(stored, body::Stored { seq: 9, time: UnixMs(5) });
    }

    #[test]
    fn what_comes_unasked_is_told_apart() {
        let line = reply::friend_request(user(1), "ann", "\"hello\\n\"");
        let Incoming::FriendRequest(asked) = Incoming::parse(&line).unwrap() else { panic!("no request") };
        assert_eq!(asked, FriendRequest { id: user(1), name: "ann".to_owned(), msg: "hello\n".to_owned() });
        let notice = Notice::FriendAdded { id: user(1), name: "a\"b".into() };
        let line = notice.line();
        assert!(matches!(Incoming::parse(&line).unwrap(), Incoming::Notice(read) if read == notice));
        let later = br#"{"msgid":49,"kind":"moon_landing","crew":3}"#;
        assert!(matches!(Incoming::parse(later).unwrap(), Incoming::Notice(Notice::Unknown)));
        assert!(matches!(Incoming::parse(b"{\"msgid\":17}\n").unwrap(), Incoming::Ping));
        assert!(matches!(Incoming::parse(b"{\"msgid\":70}").unwrap(), Incoming::Unknown(70)));
        for bad in [&b"hello?"[..], b"{}", b"[]", b"{\"msgid\":6}", b"{\"msgid\":6,\"id\":-1,\"toid\":1,\"seq\":1}"] {
            assert!(Incoming::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn words_of_later_versions_are_passed_over() {
        let line = br#"{"msgid":28,"errno":0,"more":false,"friends":[{"id":2,"name":"b","state":"busy","since":7}]}"#;
        let friends: body::Friends = reply(line).body().unwrap();
        assert_eq!(friends.friends[0].state, body::Presence::Offline);
    }
}
