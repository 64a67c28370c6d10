//! One struct per request. Once parsed, nothing is left to check about its form.
//!
//! A line is scanned once, by [`Envelope::parse`]; the request then looks closer at the few fields it needs. What is relayed
//! to others (`msg`, `ext`) is checked as deep as any parser will look, and relayed as the text that was sent.

use std::borrow::Cow;

use crate::field::{
    ExtBounds, NAME_CHARS_MAX, Parsed, bounded, cid, ext, flag, group_id, is_integer, name, new_name, number, optional,
    password, required, text, user_id, word, words,
};
use crate::ids::{GroupId, Peer, Seq, UserId};
use crate::wants::{Want, Wants};

mod account;
mod conversations;
mod events;
mod group_admin;

pub use account::{Asked, Block, ChangePassword, End, Erase, PROFILE_BYTES_MAX, Profile, Sessions};
pub use conversations::{
    ConversationSet, Conversations, Read, Receipts, SEARCH_CHARS_MAX, SEARCH_CHARS_MIN, Search, Typing,
};
pub use events::{Edit, REACTION_BYTES_MAX, React, Recall};
pub use group_admin::{
    GroupAnswer, GroupBans, GroupKick, GroupMute, GroupRequests, GroupRole, GroupSet, MUTE_SECONDS_MAX, OneMember,
};

pub use crate::envelope::{Envelope, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, TAG_BYTES_MAX};
pub use crate::field::{Bounds, RequestError};

/// The longest description of a group, and the longest words of a friend request, in characters.
pub const DESC_CHARS_MAX: usize = 200;
/// The most friends or groups of one list.
pub const LIST_ROWS_MAX: u32 = 500;

/// A request that can be read out of an envelope.
pub trait Request: Sized + Send + 'static {
    /// Checks the fields this request needs.
    ///
    /// # Errors
    /// The first field that is missing, wrongly typed or out of bounds, by name.
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self>;
}

/// How LOGIN names the account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Account {
    /// By id.
    Id(UserId),
    /// By name.
    Name(String),
}

/// What proves that it is one's own: at least one of the two. The token is tried first.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The password.
    pub password: Option<String>,
    /// The token of an earlier login.
    pub token: Option<String>,
}

/// What a login's reply says of what was missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CatchUp {
    /// The messages that are not confirmed yet.
    #[default]
    Messages,
    /// The conversations; messages are fetched with HISTORY.
    List,
}

impl CatchUp {
    /// The words on the wire.
    pub const WORDS: [(&'static str, Self); 2] = [("messages", Self::Messages), ("list", Self::List)];
}

/// LOGIN.
#[derive(Clone)]
pub struct Login {
    /// Whose.
    pub account: Account,
    /// The proof.
    pub credentials: Credentials,
    /// The client confirms with DELIVERED.
    pub confirms: bool,
    /// The device's name; without one the unnamed device.
    pub device: Option<String>,
    /// What this session wants to be told.
    pub wants: Wants,
    /// How the reply says what was missed.
    pub catch_up: CatchUp,
}

impl Request for Login {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let account = match (line.id, line.name) {
            (Some(id), _) => Account::Id(user_id("id", Some(id))?),
            (None, Some(_)) => Account::Name(text("name", line.name)?.into_owned()),
            (None, None) => return Err(RequestError::malformed("`id` or `name` is missing".to_owned())),
        };
        if line.token.is_none() && line.pwd.is_none() {
            return Err(RequestError::malformed("`pwd` or `token` is missing".to_owned()));
        }
        let token = optional(line.token, |raw| Ok(text("token", Some(raw))?.into_owned()))?;
        let password = optional(line.pwd, |raw| password("pwd", Some(raw)))?;
        let credentials = Credentials { password, token };
        let confirms = optional(line.ack, |raw| flag("ack", Some(raw)))?.unwrap_or(false);
        let device = optional(line.device, |raw| name("device", Some(raw)))?;
        let wants = optional(line.seldom().want, |raw| words("want", Some(raw), &Want::WORDS))?.unwrap_or_default();
        let catch_up = optional(line.seldom().catch_up, |raw| word("catch_up", Some(raw), &CatchUp::WORDS))?;
        let (wants, catch_up) = (wants.into_iter().collect(), catch_up.unwrap_or_default());
        Ok(Self { account, credentials, confirms, device, wants, catch_up })
    }
}

/// REGISTER.
#[derive(Clone)]
pub struct Register {
    /// The new account's name.
    pub name: String,
    /// Its password.
    pub password: String,
}

impl Request for Register {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { name: new_name("name", line.name)?, password: password("pwd", line.pwd)? })
    }
}

/// ONE_CHAT and GROUP_CHAT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chat {
    /// To whom.
    pub to: Peer,
    /// The sender's own id for it, in its stored form.
    pub cid: Option<Box<str>>,
    /// `{"msg":...}` or `{"msg":...,"ext":...}`.
    pub body: Box<str>,
}

impl Chat {
    /// Reads ONE_CHAT.
    ///
    /// # Errors
    /// As [`Request::parse`].
    pub fn to_user(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        Self::to(Peer::User(user_id("toid", line.toid)?), line, bounds)
    }

    /// Reads GROUP_CHAT.
    ///
    /// # Errors
    /// As [`Request::parse`].
    pub fn to_group(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        Self::to(Peer::Group(group_id("groupid", line.groupid)?), line, bounds)
    }

    fn to(to: Peer, line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        Ok(Self { to, cid: optional(line.cid, cid)?, body: body(line, bounds)? })
    }
}

/// What is relayed of a message: `{"msg":...}` or `{"msg":...,"ext":...}`.
fn body(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Box<str>> {
    let msg = text("msg", line.msg)?;
    if msg.len() > bounds.message_bytes {
        return Err(RequestError::too_large("msg", msg.len(), bounds.message_bytes));
    }
    let raw_msg = required("msg", line.msg)?;
    let body = match line.ext {
        None => ["{\"msg\":", raw_msg, "}"].concat(),
        Some(raw_ext) => {
            ["{\"msg\":", raw_msg, ",\"ext\":", &ext(raw_ext, ExtBounds::of_message(bounds))?, "}"].concat()
        }
    };
    Ok(body.into_boxed_str())
}

/// DELIVERED: everything up to `seq` in the conversation with `peer` has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// Whose messages, or which group's.
    pub peer: Peer,
    /// The last one.
    pub seq: Seq,
}

impl Request for Delivered {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { peer: peer(line)?, seq: number("seq", line.seq)? })
    }
}

/// A request whose only field is `friendid`: ADD_FRIEND, DEL_FRIEND.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OneFriend {
    /// The other user.
    pub friend: UserId,
}

impl Request for OneFriend {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { friend: user_id("friendid", line.friendid)? })
    }
}

/// A request whose only field is `groupid`: ADD_GROUP, QUIT_GROUP, DEL_GROUP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OneGroup {
    /// The group.
    pub group: GroupId,
}

impl Request for OneGroup {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { group: group_id("groupid", line.groupid)? })
    }
}

/// CREATE_GROUP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateGroup {
    /// The new group's name.
    pub name: String,
    /// What it is about; may be empty.
    pub desc: String,
}

impl Request for CreateGroup {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let name = new_name("groupname", line.groupname)?;
        let desc = optional(line.groupdesc, |raw| bounded("groupdesc", Some(raw), DESC_CHARS_MAX))?;
        Ok(Self { name, desc: desc.map(Cow::into_owned).unwrap_or_default() })
    }
}

/// A request without fields: LOGOUT, OFFLINE, ACCOUNT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bare;

impl Request for Bare {
    fn parse(_: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self)
    }
}

/// A page of a list by ascending id: FRIENDS, BLOCKED.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListPage {
    /// Entries with a greater id than this.
    pub after: u32,
    /// At most so many.
    pub limit: u32,
}

impl Request for ListPage {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { after: after(line)?, limit: limit(line, LIST_ROWS_MAX, LIST_ROWS_MAX)? })
    }
}

/// GROUPS: a page of one's groups, or one of them with a page of its members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Groups {
    /// One's groups.
    All(ListPage),
    /// One.
    Members {
        /// Which.
        group: GroupId,
        /// Members with a greater id than this.
        after: u32,
        /// At most so many.
        limit: u32,
    },
}

impl Request for Groups {
    fn parse(line: &Envelope<'_>, bounds: Bounds) -> Parsed<Self> {
        if line.groupid.is_none() {
            return ListPage::parse(line, bounds).map(Self::All);
        }
        let limit = limit(line, PAGE_ROWS_MAX, PAGE_ROWS_MAX)?;
        Ok(Self::Members { group: group_id("groupid", line.groupid)?, after: after(line)?, limit })
    }
}

/// FIND.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Find {
    /// The beginning of a name; also the digits of the id.
    pub prefix: String,
    /// The id, if the keyword can be one.
    pub id: Option<i64>,
}

impl Request for Find {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let raw = required("keyword", line.keyword)?;
        let prefix = if is_integer(raw) {
            raw.to_owned()
        } else {
            bounded("keyword", line.keyword, NAME_CHARS_MAX)?.trim().to_owned()
        };
        if prefix.is_empty() {
            return Err(RequestError::malformed("`keyword` must not be empty".to_owned()));
        }
        let id = prefix.parse().ok();
        Ok(Self { prefix, id })
    }
}

/// FRIEND_REQUEST.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AskFriend {
    /// Who is asked.
    pub friend: UserId,
    /// The words with it, as the JSON text of a string.
    pub msg: String,
}

impl Request for AskFriend {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let friend = user_id("friendid", line.friendid)?;
        let msg = optional(line.msg, |raw| {
            bounded("msg", Some(raw), DESC_CHARS_MAX)?;
            Ok(raw.get().to_owned())
        })?;
        Ok(Self { friend, msg: msg.unwrap_or_else(|| "\"\"".to_owned()) })
    }
}

/// FRIEND_ANSWER.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnswerFriend {
    /// Who asked.
    pub friend: UserId,
    /// Whether they become friends.
    pub accept: bool,
}

impl Request for AnswerFriend {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        Ok(Self { friend: user_id("friendid", line.friendid)?, accept: flag("accept", line.accept)? })
    }
}

/// Which part of a conversation to read. Both bounds are exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Range {
    /// The first ones behind this number.
    After(Seq),
    /// The last ones ahead of this number.
    Before(Seq),
    /// The very last ones.
    Latest,
}

/// HISTORY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct History {
    /// Which conversation.
    pub peer: Peer,
    /// Which part of it.
    pub range: Range,
    /// At most so many messages.
    pub limit: u32,
}

impl Request for History {
    fn parse(line: &Envelope<'_>, _: Bounds) -> Parsed<Self> {
        let range = match (line.before, line.after) {
            (None, None) => Range::Latest,
            (Some(_), None) => Range::Before(number("before", line.before)?),
            (None, Some(_)) => Range::After(number("after", line.after)?),
            (Some(_), Some(_)) => {
                return Err(RequestError::malformed("give `before` or `after`, not both".to_owned()));
            }
        };
        Ok(Self { peer: peer(line)?, range, limit: limit(line, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX)? })
    }
}

fn peer(line: &Envelope<'_>) -> Parsed<Peer> {
    match (line.id, line.groupid) {
        (Some(id), None) => Ok(Peer::User(user_id("id", Some(id))?)),
        (None, Some(group)) => Ok(Peer::Group(group_id("groupid", Some(group))?)),
        (Some(_), Some(_)) => Err(RequestError::malformed("give `id` or `groupid`, not both".to_owned())),
        (None, None) => Err(RequestError::malformed("`id` or `groupid` is missing".to_owned())),
    }
}

/// The message that an event is about.
fn message(line: &Envelope<'_>) -> Parsed<Seq> {
    match number("of", line.seldom().of)? {
        0 => Err(RequestError::malformed("`of` must be at least 1".to_owned())),
        of => Ok(of),
    }
}

/// The id behind which a page begins; 0 when not given.
fn after(line: &Envelope<'_>) -> Parsed<u32> {
    let after = optional(line.after, |raw| number("after", Some(raw)))?.unwrap_or(0);
    Ok(u32::try_from(after).unwrap_or(u32::MAX))
}

fn limit(line: &Envelope<'_>, default: u32, max: u32) -> Parsed<u32> {
    let Some(asked) = optional(line.limit, |raw| number("limit", Some(raw)))? else { return Ok(default) };
    if asked == 0 {
        return Err(RequestError::malformed("`limit` must be at least 1".to_owned()));
    }
    Ok(u32::try_from(asked).unwrap_or(u32::MAX).min(max))
}

#[cfg(test)]
mod testing {
    use super::*;

    const BOUNDS: Bounds = Bounds { message_bytes: 64 };

    fn read<T: Request>(line: &str) -> Parsed<T> {
        let envelope = Envelope::parse(line.as_bytes()).unwrap();
        envelope.each_field_once().unwrap();
        T::parse(&envelope, BOUNDS)
    }

    /// A request that is taken.
    pub(super) fn parse<T: Request>(line: &str) -> T {
        read(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// A request that is refused because of this field.
    pub(super) fn refused<T: Request>(line: &str, field: &str) -> RequestError {
        let Err(error) = read::<T>(line) else { panic!("{line} is taken") };
        assert!(error.text.contains(&format!("`{field}`")), "{line}: {error}");
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::FIELDS;
    use crate::errno::Errno;

    const BOUNDS: Bounds = Bounds { message_bytes: 64 };

    fn chat(line: &str) -> Parsed<Chat> {
        Chat::to_user(&Envelope::parse(line.as_bytes()).unwrap(), BOUNDS)
    }

    #[test]
    fn a_line_that_is_no_object_with_an_integer_msgid_is_refused() {
        for line in ["", "  ", "[1]", "1", "{", "{}", "{\"msgid\":\"6\"}", "{\"msgid\":6.5}", "{\"msgid\":6}x", "null"]
        {
            assert!(Envelope::parse(line.as_bytes()).is_err(), "{line}");
        }
        assert!(Envelope::parse(b"{\"msgid\":6,\"x\":\"\xff\"}").is_err());
        assert_eq!(Envelope::parse(b" {\"msgid\":-7,\"unknown\":[{}]}").unwrap().msgid, -7);
    }

    #[test]
    fn msg_and_ext_are_relayed_as_they_were_sent() {
        let sent = r#"{"msgid":6,"toid":2,"msg":"a\u00e9\ud83d\ude00 ü","ext":{"n":1.000000000000000000001, "a":[1]}}"#;
        let parsed = chat(sent).unwrap();
        assert_eq!(&*parsed.body, r#"{"msg":"a\u00e9\ud83d\ude00 ü","ext":{"n":1.000000000000000000001, "a":[1]}}"#);
    }

    #[test]
    fn what_would_break_another_clients_parser_is_refused() {
        assert_eq!(chat(r#"{"msgid":6,"toid":2,"msg":"\ud800"}"#).unwrap_err().errno, Errno::Malformed);
        let deep = format!(r#"{{"msgid":6,"toid":2,"msg":"","ext":{}{}}}"#, "[".repeat(30), "]".repeat(30));
        assert!(chat(&deep).is_ok());
        let roomy = Bounds { message_bytes: 1 << 20 };
        let deep = format!(r#"{{"msgid":6,"toid":2,"msg":"","ext":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        let line = Envelope::parse(deep.as_bytes()).unwrap();
        assert_eq!(Chat::to_user(&line, roomy).unwrap_err().errno, Errno::Malformed);
        assert!(chat(r#"{"msgid":6,"toid":2,"msg":"","ext":1e400}"#).is_err());
    }

    #[test]
    fn a_line_break_between_tokens_is_not_relayed() {
        let parsed = chat("{\"msgid\":6,\"toid\":2,\"msg\":\"\",\"ext\":[1,\r2.50]}").unwrap();
        assert_eq!(&*parsed.body, r#"{"msg":"","ext":[1, 2.50]}"#);
    }

    #[test]
    fn what_is_relayed_can_be_parsed_in_a_list_too() {
        let roomy = Bounds { message_bytes: 1 << 20 };
        for (open, close) in [("[", "]"), ("{\"[{\":", "}"), ("[\"\\\"[\",", "]")] {
            for levels in 90..130 {
                let ext = format!("{}0{}", open.repeat(levels), close.repeat(levels));
                let line = format!(r#"{{"msgid":6,"toid":2,"msg":"","ext":{ext}}}"#);
                let taken = Chat::to_user(&Envelope::parse(line.as_bytes()).unwrap(), roomy);
                match taken {
                    Ok(chat) => {
                        assert!(levels <= 124, "{levels} levels of {open}");
                        let listed = format!(r#"{{"messages":[{}]}}"#, chat.body);
                        assert!(
                            serde_json::from_str::<serde_json::Value>(&listed).is_ok(),
                            "{levels} levels of {open}"
                        );
                    }
                    Err(error) => {
                        assert!(levels > 124, "{levels} levels of {open}: {error}");
                        assert!(error.text.contains(&format!("{levels} levels")), "{error}");
                        assert!(error.text.contains("`ext`") && error.text.contains("124"), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn brackets_in_strings_are_no_levels() {
        let roomy = Bounds { message_bytes: 1 << 20 };
        let line = format!(r#"{{"msgid":6,"toid":2,"msg":"","ext":["{}\"[{{"]}}"#, "[".repeat(500));
        assert!(Chat::to_user(&Envelope::parse(line.as_bytes()).unwrap(), roomy).is_ok());
    }

    #[test]
    fn a_repeated_field_is_named_and_costs_the_line_nothing_else() {
        for name in FIELDS.iter().filter(|name| **name != "msgid") {
            let line = format!(r#"{{"msgid":6,"{name}":null,"x":1,"x":2,"{name}":[1]}}"#);
            let envelope = Envelope::parse(line.as_bytes()).unwrap();
            let refused = envelope.each_field_once().unwrap_err();
            assert_eq!(refused.errno, Errno::Malformed);
            assert!(refused.text.contains(&format!("`{name}`")), "{name}: {refused}");
            assert!(!envelope.is_ambiguous());
            assert_eq!(envelope.tag().is_err(), *name == "tag", "{name}");
        }
        let envelope = Envelope::parse(br#"{"msgid":6,"m\u0073g":"a","tag":7,"msg":"b","cid":1,"cid":1}"#).unwrap();
        assert!(envelope.each_field_once().unwrap_err().text.contains("`msg`"), "also when it is written in escapes");
        assert_eq!(envelope.tag(), Ok(Some("7")));
        assert_eq!(envelope.raw_cid(), None, "which of them would be repeated?");
        let envelope = Envelope::parse(br#"{"msgid":6,"tag":7,"msgid":"x"}"#).unwrap();
        assert!(envelope.is_ambiguous() && envelope.tag() == Ok(Some("7")));
        assert!(
            Envelope::parse(br#"{"msgid":6,"x":1,"x":2,"y":{"msg":1,"msg":2}}"#).unwrap().each_field_once().is_ok()
        );
    }

    #[test]
    fn a_conversation_has_one_name() {
        let delivered = |line: &str| Delivered::parse(&Envelope::parse(line.as_bytes()).unwrap(), BOUNDS);
        let history = |line: &str| History::parse(&Envelope::parse(line.as_bytes()).unwrap(), BOUNDS);
        let both = r#"{"msgid":20,"id":1,"groupid":2,"seq":1}"#;
        for refused in [delivered(both).unwrap_err(), history(both).unwrap_err()] {
            assert!(refused.text.contains("`id` or `groupid`, not both"), "{refused}");
        }
        assert!(delivered(r#"{"msgid":20,"id":null,"groupid":2,"seq":1}"#).is_ok(), "null is as good as nothing");
    }

    #[test]
    fn a_login_says_what_it_wants() {
        let login = |fields: &str| testing::parse::<Login>(&format!(r#"{{"msgid":1,"name":"a","pwd":"b"{fields}}}"#));
        let plain = login("");
        assert_eq!((plain.wants, plain.catch_up), (Wants::default(), CatchUp::Messages));
        let wants = login(r#","want":["events","moon","typ\u0069ng"],"catch_up":"list""#);
        assert_eq!(wants.wants, Wants::from_iter([Want::Typing, Want::Events]));
        assert!(wants.wants.has(Want::Events) && !wants.wants.has(Want::Presence));
        assert_eq!(wants.catch_up, CatchUp::List);
        for bad in ["\"events\"", "[1]", "[\"events\",null]", "{}", "true"] {
            testing::refused::<Login>(&format!(r#"{{"msgid":1,"name":"a","pwd":"b","want":{bad}}}"#), "want");
        }
        testing::refused::<Login>(r#"{"msgid":1,"name":"a","pwd":"b","catch_up":"all"}"#, "catch_up");
    }

    #[test]
    fn an_integer_and_a_string_of_its_digits_are_two_cids() {
        let cid = |raw: &str| chat(&format!(r#"{{"msgid":6,"toid":2,"msg":"x","cid":{raw}}}"#)).unwrap().cid.unwrap();
        assert_ne!(cid("7"), cid("\"7\""));
        assert_eq!(cid("\"7\""), cid("\"\\u0037\""));
        assert_eq!(&*cid("\"a1\""), "a1");
    }

    #[test]
    fn errors_name_the_field() {
        for (line, field) in [
            (r#"{"msgid":6,"msg":"x"}"#, "toid"),
            (r#"{"msgid":6,"toid":"2","msg":"x"}"#, "toid"),
            (r#"{"msgid":6,"toid":0,"msg":"x"}"#, "toid"),
            (r#"{"msgid":6,"toid":2}"#, "msg"),
            (r#"{"msgid":6,"toid":2,"msg":7}"#, "msg"),
            (r#"{"msgid":6,"toid":2,"msg":"x","cid":[]}"#, "cid"),
            (r#"{"msgid":6,"toid":2,"msg":"x","cid":""}"#, "cid"),
        ] {
            let error = chat(line).unwrap_err();
            assert_eq!(error.errno, Errno::Malformed, "{line}");
            assert!(error.text.contains(&format!("`{field}`")), "{line}: {error}");
        }
        let long = format!(r#"{{"msgid":6,"toid":2,"msg":"{}"}}"#, "x".repeat(65));
        assert_eq!(chat(&long).unwrap_err().errno, Errno::TooLarge);
    }

    #[test]
    fn names_have_their_rules() {
        let register = |name: &str| {
            let line = format!(r#"{{"msgid":4,"name":{},"pwd":"x"}}"#, serde_json::to_string(name).unwrap());
            Register::parse(&Envelope::parse(line.as_bytes()).unwrap(), BOUNDS).map(|request| request.name)
        };
        assert_eq!(register("张三 😀").unwrap(), "张三 😀");
        assert!(register(&"é".repeat(50)).is_ok());
        for bad in ["", " a", "a ", "a\tb", "\u{7f}", &"é".repeat(51)] {
            assert!(register(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_tag_is_a_short_string_or_integer() {
        let tag = |raw: &str| {
            let line = format!(r#"{{"msgid":17,"tag":{raw}}}"#);
            Envelope::parse(line.as_bytes()).unwrap().tag().map(|tag| tag.map(str::to_owned))
        };
        assert_eq!(tag("\"a\\n\"").unwrap().unwrap(), "\"a\\n\"");
        assert_eq!(tag("-12").unwrap().unwrap(), "-12");
        assert_eq!(tag("null").unwrap(), None);
        for bad in ["1.5", "[]", "{}", "true", "\"\\ud800\""] {
            assert!(tag(bad).is_err(), "{bad}");
        }
        assert_eq!(tag(&format!("\"{}\"", "x".repeat(300))).unwrap_err().errno, Errno::TooLarge);
    }
}
