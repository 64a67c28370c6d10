//! What the server says, as a client reads it: a reply, or something that comes unasked.
//!
//! ```text
//!   line --Incoming::parse--> Reply: which request, refused or not --Reply::body--> a struct of crate::body
//!                             Message, Event, FriendRequest, GroupInvite, Receipt, Typing, Notice, Ping
//! ```
//!
//! Fields and kinds that are not known are passed over, so that an older client gets along with a newer server.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::body::{Ext, ReactionCount};
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
    /// A message is edited or recalled, or somebody has reacted to it. It has a `seq` of its own.
    Event(Event),
    /// Somebody asks to be a friend.
    FriendRequest(FriendRequest),
    /// Somebody invites to a group.
    GroupInvite(GroupInvite),
    /// Somebody has received or read up to somewhere.
    Receipt(Receipt),
    /// Somebody is typing.
    Typing(Typing),
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
    until: Option<UnixMs>,
}

impl<'a> Incoming<'a> {
    /// Reads a line, with or without its line end.
    ///
    /// # Errors
    /// It is no line of this protocol.
    pub fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        let Head { msgid, errno, errmsg, tag, about, wait, until } = serde_json::from_slice(line)?;
        if let Some(errno) = errno {
            let errmsg = || errmsg.map(Cow::into_owned).unwrap_or_default();
            let refused = (errno != 0).then(|| Refusal { errno, errmsg: errmsg(), about, wait, until });
            return Ok(Self::Reply(Reply { msgid, tag, refused, line }));
        }
        Ok(match MsgId::from_number(msgid) {
            Some(MsgId::OneChat | MsgId::GroupChat) => Self::Message(serde_json::from_slice(line)?),
            Some(MsgId::Edit | MsgId::Recall | MsgId::React) => Self::Event(serde_json::from_slice(line)?),
            Some(MsgId::FriendRequest) => Self::FriendRequest(serde_json::from_slice(line)?),
            Some(MsgId::GroupInvite) => Self::GroupInvite(serde_json::from_slice(line)?),
            Some(MsgId::Typing) => Self::Typing(serde_json::from_slice(line)?),
            Some(MsgId::Ping) => Self::Ping,
            _ if msgid == i64::from(push::RECEIPT) => Self::Receipt(serde_json::from_slice(line)?),
            _ if msgid == i64::from(push::NOTICE) => Self::Notice(notice(line)?),
            _ => Self::Unknown(msgid),
        })
    }
}

/// A profile's `ext` is read apart, as it was sent.
fn notice(line: &[u8]) -> Result<Notice<'_>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Told {
        ext: Option<Ext>,
    }
    let mut notice = serde_json::from_slice(line)?;
    if let Notice::Profile { ext, .. } = &mut notice {
        *ext = serde_json::from_slice::<Told>(line)?.ext;
    }
    Ok(notice)
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
    /// Until then one may say nothing in this group.
    pub until: Option<UnixMs>,
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

/// An element of a list of messages.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub enum Entry {
    /// A message, as it is now.
    Message(Message),
    /// What has happened to one.
    Event(Event),
}

impl Entry {
    /// The message, if it is one.
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Event(_) => None,
        }
    }

    /// Its place in the conversation, from 1.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::Message(message) => message.seq,
            Self::Event(event) => event.seq,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn sender(&self) -> UserId {
        match self {
            Self::Message(message) => message.sender,
            Self::Event(event) => event.sender,
        }
    }

    /// The server's time when it came in.
    #[must_use]
    pub fn time(&self) -> UnixMs {
        match self {
            Self::Message(message) => message.time,
            Self::Event(event) => event.time,
        }
    }

    /// The conversation it belongs to, as `me` sees it.
    #[must_use]
    pub fn peer(&self, me: UserId) -> Peer {
        match self {
            Self::Message(message) => message.peer(me),
            Self::Event(event) => event.peer(me),
        }
    }
}

/// What has happened to a message.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Event {
    /// Who has done it.
    pub sender: UserId,
    /// The name.
    pub name: String,
    /// Whose conversation it is.
    pub to: Peer,
    /// The message's `seq`.
    pub of: Seq,
    /// What was done.
    pub what: Done,
    /// The server's time when it came in.
    pub time: UnixMs,
    /// Its own place in the conversation: it counts like a message.
    pub seq: Seq,
}

/// What an [`Event`] does to its message.
#[derive(Clone, Debug)]
pub enum Done {
    /// It says this from now on.
    Edited {
        /// `None`: a later edit or recall has overtaken this one.
        msg: Option<String>,
        /// What the sender's client has added for other clients, as it was sent.
        ext: Option<Box<RawValue>>,
    },
    /// It is taken back.
    Recalled,
    /// Somebody has reacted to it.
    Reacted {
        /// With what.
        reaction: String,
        /// Or no longer does.
        on: bool,
    },
    /// Of a later version: it takes a number, and nothing else is known.
    Unknown,
}

impl Event {
    /// The conversation it belongs to, as `me` sees it: the other side, or the group.
    #[must_use]
    pub fn peer(&self, me: UserId) -> Peer {
        peer_of(self.to, self.sender, me)
    }
}

/// A chat message, as its addressees get it and as lists have it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Message {
    /// Who said it.
    pub sender: UserId,
    /// The sender's name.
    pub name: String,
    /// To whom.
    pub to: Peer,
    /// What was said; empty if it is recalled.
    pub msg: String,
    /// What the sender's client has added for other clients, as it was sent.
    pub ext: Option<Box<RawValue>>,
    /// The server's time when it came in.
    pub time: UnixMs,
    /// Its place in the conversation, from 1.
    pub seq: Seq,
    /// When it was edited last.
    pub edited: Option<UnixMs>,
    /// It was taken back.
    pub recalled: bool,
    /// What others have made of it.
    pub reactions: Vec<ReactionCount<'static>>,
}

impl Message {
    /// The conversation it belongs to, as `me` sees it: the other side, or the group.
    #[must_use]
    pub fn peer(&self, me: UserId) -> Peer {
        peer_of(self.to, self.sender, me)
    }
}

fn peer_of(to: Peer, sender: UserId, me: UserId) -> Peer {
    match to {
        Peer::User(_) if sender != me => Peer::User(sender),
        to => to,
    }
}

/// The same as it stands in the line.
#[derive(Deserialize)]
struct Fields {
    msgid: Option<i64>,
    id: UserId,
    /// Who is erased has none.
    #[serde(default)]
    name: String,
    toid: Option<UserId>,
    groupid: Option<GroupId>,
    of: Option<Seq>,
    msg: Option<String>,
    ext: Option<Box<RawValue>>,
    reaction: Option<String>,
    on: Option<bool>,
    time: UnixMs,
    seq: Seq,
    edited: Option<UnixMs>,
    #[serde(default)]
    recalled: bool,
    #[serde(default)]
    reactions: Vec<ReactionCount<'static>>,
}

impl Fields {
    fn to(&self) -> Result<Peer, &'static str> {
        if self.seq == 0 {
            return Err("a message has a `seq` of at least 1");
        }
        let to = self.groupid.map(Peer::Group).or_else(|| self.toid.map(Peer::User));
        to.ok_or("a message is to somebody: `toid` or `groupid`")
    }
}

impl TryFrom<Fields> for Entry {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        match fields.msgid.map(MsgId::from_number) {
            None | Some(Some(MsgId::OneChat | MsgId::GroupChat)) => fields.try_into().map(Self::Message),
            Some(_) => fields.try_into().map(Self::Event),
        }
    }
}

impl TryFrom<Fields> for Message {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let to = fields.to()?;
        let Fields { id: sender, name, msg, ext, time, seq, edited, recalled, reactions, .. } = fields;
        let msg = if recalled { String::new() } else { msg.ok_or("a message has a `msg`")? };
        Ok(Self { sender, name, to, msg, ext, time, seq, edited, recalled, reactions })
    }
}

impl TryFrom<Fields> for Event {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        let to = fields.to()?;
        let Fields { id: sender, name, msg, ext, time, seq, reaction, on, of, .. } = fields;
        let what = match fields.msgid.and_then(MsgId::from_number) {
            Some(MsgId::Edit) => Done::Edited { msg, ext },
            Some(MsgId::Recall) => Done::Recalled,
            Some(MsgId::React) => Done::Reacted {
                reaction: reaction.ok_or("a reaction has a `reaction`")?,
                on: on.ok_or("a reaction is `on` or not")?,
            },
            _ => Done::Unknown,
        };
        let of = match (of, &what) {
            (Some(of), _) => of,
            (None, Done::Unknown) => 0,
            (None, _) => return Err("an event is about a message: `of`"),
        };
        Ok(Self { sender, name, to, of, what, time, seq })
    }
}

/// Somebody has received or read a conversation up to somewhere. A number that is not given has not moved; what is told
/// may be older than what is known already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "ReceiptFields")]
pub struct Receipt {
    /// Who; oneself, if it was on another device.
    pub user: UserId,
    /// The other one of the two, or the group.
    pub to: Peer,
    /// What has arrived.
    pub delivered: Option<Seq>,
    /// What was read.
    pub read: Option<Seq>,
}

impl Receipt {
    /// The conversation it belongs to, as `me` sees it: the other side, or the group.
    #[must_use]
    pub fn peer(&self, me: UserId) -> Peer {
        peer_of(self.to, self.user, me)
    }
}

/// The same as it stands in the line.
#[derive(Deserialize)]
struct ReceiptFields {
    id: UserId,
    toid: Option<UserId>,
    groupid: Option<GroupId>,
    delivered: Option<Seq>,
    read: Option<Seq>,
}

impl TryFrom<ReceiptFields> for Receipt {
    type Error = &'static str;

    fn try_from(fields: ReceiptFields) -> Result<Self, Self::Error> {
        let ReceiptFields { id: user, toid, groupid, delivered, read } = fields;
        let to = groupid.map(Peer::Group).or_else(|| toid.map(Peer::User));
        Ok(Self { user, to: to.ok_or("a receipt is of a conversation: `toid` or `groupid`")?, delivered, read })
    }
}

/// Somebody is typing, to oneself or in a group. It holds for a few seconds.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Typing {
    /// Who.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// In which group.
    pub groupid: Option<GroupId>,
}

impl Typing {
    /// The conversation.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.groupid.map_or(Peer::User(self.id), Peer::Group)
    }
}

/// Somebody invites to a group: answer with [`GroupAsk::Answer`](crate::ask::GroupAsk::Answer).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct GroupInvite {
    /// Who.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// To which group.
    pub groupid: GroupId,
    /// The group's name.
    pub groupname: String,
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
    use crate::reply::{self, Body, Echo, Push, RawEcho, TimeText, What};

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
            what: What::Message,
            body: r#"{"msg":"\u00e9","ext":[1.50]}"#,
            time: &TimeText::new(time),
            seq: 3,
            marks: "",
        };
        let line = push.line();
        let Incoming::Message(message) = Incoming::parse(&line).unwrap() else { panic!("no message") };
        assert_eq!((message.sender, message.name.as_str(), message.msg.as_str()), (user(1), "o\"o", "é"));
        assert_eq!((message.time, message.seq, message.ext.unwrap().get()), (time, 3, "[1.50]"));
        let listed = Body::of(&body::History { messages: vec![push.element()], more: true, floor: None });
        let line = reply::success(MsgId::History, Some("9"), &listed);
        let reply = reply(&line);
        let body: body::History = reply.body().unwrap();
        assert_eq!((body.messages[0].seq(), body.more, reply.tag), (3, true, Some(Tag::Number(9))));
    }

    #[test]
    fn events_stand_among_messages() {
        let (time, to) = (TimeText::new(UnixMs(5)), Peer::User(user(2)));
        let thumb = ReactionCount { reaction: "\u{1f44d}".into(), count: 2, mine: false };
        let edited = reply::marks(Some(UnixMs(7)), false, std::slice::from_ref(&thumb));
        let recalled = reply::marks(None, true, &[]);
        let body = r#"{"msg":"x","ext":1.50}"#;
        let push =
            Push { sender: user(1), name: "o", to, what: What::Message, body, time: &time, seq: 1, marks: &edited };
        let messages = vec![
            push.element(),
            Push { body: "", seq: 2, marks: &recalled, ..push }.element(),
            Push { what: What::Edit { of: 1 }, seq: 3, marks: "", ..push }.element(),
            Push { what: What::Edit { of: 1 }, body: "", seq: 4, marks: "", ..push }.element(),
            Push { what: What::Recall { of: 2 }, body: "", seq: 5, marks: "", ..push }.element(),
            Push { what: What::Reaction { of: 1 }, body: r#"{"reaction":"+","on":false}"#, seq: 6, marks: "", ..push }
                .element(),
            RawValue::from_string(String::from(
                r#"{"msgid":93,"id":1,"toid":2,"time":"2026-03-14T09:26:53.589Z","seq":7}"#,
            ))
            .unwrap(),
        ];
        let line =
            reply::success(MsgId::History, None, &Body::of(&body::History { messages, more: false, floor: None }));
        let history: body::History = reply(&line).body().unwrap();
        let seqs: Vec<_> = history.messages.iter().map(Entry::seq).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7], "who counts sees no hole");
        assert!(history.messages.iter().all(|entry| entry.peer(user(2)) == Peer::User(user(1))));
        let [
            Entry::Message(edited),
            Entry::Message(gone),
            Entry::Event(edit),
            Entry::Event(overtaken),
            Entry::Event(recall),
            Entry::Event(react),
            Entry::Event(later),
        ] = &history.messages[..]
        else {
            panic!("{history:?}")
        };
        assert_eq!((edited.msg.as_str(), edited.edited, &edited.reactions[..]), ("x", Some(UnixMs(7)), &[thumb][..]));
        assert!(gone.recalled && gone.msg.is_empty());
        let Done::Edited { msg: Some(msg), ext: Some(ext) } = &edit.what else { panic!("{edit:?}") };
        assert_eq!((edit.of, msg.as_str(), ext.get()), (1, "x", "1.50"));
        assert!(matches!(overtaken.what, Done::Edited { msg: None, ext: None }));
        assert!(matches!(recall.what, Done::Recalled) && recall.of == 2);
        assert!(matches!(&react.what, Done::Reacted { reaction, on: false } if reaction == "+"));
        assert!(matches!(later.what, Done::Unknown));
    }

    #[test]
    fn what_was_wanted_is_read_as_it_was_written() {
        let group = GroupId::new(3).unwrap();
        let line = reply::receipt(user(1), Peer::User(user(2)), None, Some(7));
        let Incoming::Receipt(receipt) = Incoming::parse(&line).unwrap() else { panic!("no receipt") };
        let to = Peer::User(user(2));
        assert_eq!(receipt, Receipt { user: user(1), to, delivered: None, read: Some(7) });
        assert_eq!((receipt.peer(user(2)), receipt.peer(user(1))), (Peer::User(user(1)), to));
        let line = reply::typing(user(1), "a", Some(group));
        let Incoming::Typing(typing) = Incoming::parse(&line).unwrap() else { panic!("nobody types") };
        assert_eq!((typing.peer(), typing.name.as_str()), (Peer::Group(group), "a"));
        let line = reply::group_invite(user(1), "a", group, "g");
        let Incoming::GroupInvite(invite) = Incoming::parse(&line).unwrap() else { panic!("no invitation") };
        assert_eq!((invite.id, invite.groupid, invite.groupname.as_str()), (user(1), group, "g"));
        let push = Push {
            sender: user(1),
            name: "o",
            to: Peer::Group(group),
            what: What::Recall { of: 4 },
            body: "",
            time: &TimeText::new(UnixMs(5)),
            seq: 9,
            marks: "",
        };
        let line = push.line();
        let Incoming::Event(event) = Incoming::parse(&line).unwrap() else { panic!("no event") };
        assert_eq!((event.of, event.seq, event.to), (4, 9, Peer::Group(group)));
    }

    #[test]
    fn a_muted_member_is_told_until_when() {
        let to = Peer::Group(GroupId::new(3).unwrap());
        let line = reply::muted(What::Message, to, "no", UnixMs(5), &Echo::default());
        let refusal = reply(&line).refused.unwrap();
        assert!(refusal.is(Errno::NotAllowed) && refusal.until == Some(UnixMs(5)));
    }

    #[test]
    fn an_event_that_was_none_is_acked_without_a_place() {
        let line = reply::ack(What::Reaction { of: 3 }, Peer::User(user(4)), None, &Echo::default());
        let stored: body::EventStored = reply(&line).body().unwrap();
        assert_eq!(stored, body::EventStored { seq: None, time: None });
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
        let line = reply::ack(What::Message, Peer::User(user(4)), Some((9, &TimeText::new(UnixMs(5)))), &echo);
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
