//! What a client asks: every request, as a line. The server reads them with [`crate::request`].

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::ids::{GroupId, Peer, Seq, UserId};
use crate::msg_id::MsgId;
use crate::request::{CatchUp, Range};
use crate::tag::Tag;
use crate::wants::Want;

mod account;
mod conversations;
mod events;
mod group_admin;

pub use account::AccountAsk;
pub use conversations::{ConversationAsk, Search};
pub use events::EventAsk;
pub use group_admin::{GroupAsk, GroupSettings};

/// A request. docs/protocol.md says what each does and what it is answered with; the body of its reply is in [`crate::body`].
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// REGISTER, answered with [`crate::body::Registered`].
    Register {
        /// The new account's name.
        name: &'a str,
        /// Its password.
        pwd: &'a str,
    },
    /// LOGIN, answered with [`crate::body::LoggedIn`].
    Login(Login<'a>),
    /// LOGOUT.
    Logout,
    /// ACCOUNT, answered with [`crate::body::AccountLists`].
    Account,
    /// PING, answered with a PONG.
    Ping,
    /// PONG, the answer to a PING of the server's. Nothing answers it.
    Pong,
    /// ONE_CHAT or GROUP_CHAT, answered with [`crate::body::Stored`].
    Chat(Chat<'a>),
    /// DELIVERED: everything up to `seq` has arrived. Nothing answers it.
    Delivered {
        /// The conversation.
        peer: Peer,
        /// The last message.
        seq: Seq,
    },
    /// OFFLINE, answered with [`crate::body::Unconfirmed`].
    Offline,
    /// HISTORY, answered with [`crate::body::History`].
    History {
        /// The conversation.
        peer: Peer,
        /// Which part of it.
        range: Range,
        /// At most so many messages; `None`: the server's default.
        limit: Option<u32>,
    },
    /// ADD_FRIEND, answered with [`crate::body::FriendAdded`].
    AddFriend(UserId),
    /// FRIEND_REQUEST, answered with [`crate::body::OfFriend`].
    FriendRequest {
        /// Who is asked.
        friend: UserId,
        /// The words with it; may be empty.
        msg: &'a str,
    },
    /// FRIEND_ANSWER, answered with [`crate::body::OfFriend`].
    FriendAnswer {
        /// Who asked.
        friend: UserId,
        /// Whether they become friends.
        accept: bool,
    },
    /// DEL_FRIEND, answered with [`crate::body::OfFriend`].
    DelFriend(UserId),
    /// FRIENDS: a page of them, answered with [`crate::body::Friends`].
    Friends(Page<UserId>),
    /// CREATE_GROUP, answered with [`crate::body::OfGroup`].
    CreateGroup {
        /// The new group's name.
        name: &'a str,
        /// What it is about; may be empty.
        desc: &'a str,
    },
    /// ADD_GROUP, answered with [`crate::body::GroupJoined`].
    AddGroup(GroupId),
    /// QUIT_GROUP, answered with [`crate::body::OfGroup`].
    QuitGroup(GroupId),
    /// DEL_GROUP, answered with [`crate::body::OfGroup`].
    DelGroup(GroupId),
    /// GROUPS: a page of them, answered with [`crate::body::Groups`].
    Groups(Page<GroupId>),
    /// GROUPS with `groupid`: that group, with a page of its members; answered with [`crate::body::Groups`].
    Members(GroupId, Page<UserId>),
    /// FIND: an id, or the beginning of a name; answered with [`crate::body::Found`].
    Find(&'a str),
    /// EDIT, RECALL, REACT.
    Event(EventAsk<'a>),
    /// READ, TYPING, CONVERSATIONS, CONVERSATION_SET, SEARCH, RECEIPTS.
    Conversation(ConversationAsk<'a>),
    /// The requests whose names begin with GROUP_.
    Group(GroupAsk<'a>),
    /// BLOCK, BLOCKED, PASSWORD, SESSIONS, PROFILE, ERASE, ASKED.
    Own(AccountAsk<'a>),
}

/// LOGIN: `name` or `id`, and `token` or `pwd`. With both of a pair the server looks at the id, and tries the token first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Login<'a> {
    /// The account by id.
    pub id: Option<UserId>,
    /// The account by name.
    pub name: Option<&'a str>,
    /// The token of an earlier login.
    pub token: Option<&'a str>,
    /// The password.
    pub pwd: Option<&'a str>,
    /// This client confirms with DELIVERED.
    pub ack: bool,
    /// The device's name; without one it is the unnamed device.
    pub device: Option<&'a str>,
    /// What this session wants to be told that older clients are not.
    pub want: &'a [Want],
    /// How the reply says what was missed.
    pub catch_up: CatchUp,
}

/// A chat message.
#[derive(Clone, Copy, Debug)]
pub struct Chat<'a> {
    /// To whom.
    pub to: Peer,
    /// What is said.
    pub msg: &'a str,
    /// The sender's own id for it: it is stored once, however often it is sent.
    pub cid: Option<&'a str>,
    /// Anything for other clients.
    pub ext: Option<&'a RawValue>,
}

/// A page of a list that is ordered by id. The default is the first page, as long as the server makes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page<T> {
    /// Entries with a greater id than this.
    pub after: Option<T>,
    /// At most so many.
    pub limit: Option<u32>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { after: None, limit: None }
    }
}

impl<T> Page<T> {
    /// The page behind the last entry of the one before.
    #[must_use]
    pub fn after(last: T) -> Self {
        Self { after: Some(last), limit: None }
    }
}

impl Ask<'_> {
    /// Its number.
    #[must_use]
    pub fn msg_id(&self) -> MsgId {
        match self {
            Self::Register { .. } => MsgId::Register,
            Self::Login(_) => MsgId::Login,
            Self::Logout => MsgId::Logout,
            Self::Account => MsgId::Account,
            Self::Ping => MsgId::Ping,
            Self::Pong => MsgId::Pong,
            Self::Chat(Chat { to: Peer::User(_), .. }) => MsgId::OneChat,
            Self::Chat(Chat { to: Peer::Group(_), .. }) => MsgId::GroupChat,
            Self::Delivered { .. } => MsgId::Delivered,
            Self::Offline => MsgId::Offline,
            Self::History { .. } => MsgId::History,
            Self::AddFriend(_) => MsgId::AddFriend,
            Self::FriendRequest { .. } => MsgId::FriendRequest,
            Self::FriendAnswer { .. } => MsgId::FriendAnswer,
            Self::DelFriend(_) => MsgId::DelFriend,
            Self::Friends(_) => MsgId::Friends,
            Self::CreateGroup { .. } => MsgId::CreateGroup,
            Self::AddGroup(_) => MsgId::AddGroup,
            Self::QuitGroup(_) => MsgId::QuitGroup,
            Self::DelGroup(_) => MsgId::DelGroup,
            Self::Groups(_) | Self::Members(..) => MsgId::Groups,
            Self::Find(_) => MsgId::Find,
            Self::Event(ask) => ask.msg_id(),
            Self::Conversation(ask) => ask.msg_id(),
            Self::Group(ask) => ask.msg_id(),
            Self::Own(ask) => ask.msg_id(),
        }
    }

    /// The line, its `\n` included. The reply repeats `tag`.
    #[must_use]
    pub fn line(&self, tag: Option<&Tag>) -> String {
        let mut line = serde_json::to_string(&Tagged { ask: self, tag }).expect("our own fields can all be written");
        line.push('\n');
        line
    }

    fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        match *self {
            Self::Logout | Self::Account | Self::Ping | Self::Pong | Self::Offline => Ok(()),
            Self::Register { name, pwd } => {
                line.serialize_entry("name", name)?;
                line.serialize_entry("pwd", pwd)
            }
            Self::Login(login) => login.fields(line),
            Self::Chat(chat) => chat.fields(line),
            Self::Delivered { peer, seq } => {
                conversation(line, peer)?;
                line.serialize_entry("seq", &seq)
            }
            Self::History { peer, range, limit } => {
                conversation(line, peer)?;
                match range {
                    Range::Latest => {}
                    Range::Before(seq) => line.serialize_entry("before", &seq)?,
                    Range::After(seq) => line.serialize_entry("after", &seq)?,
                }
                optional(line, "limit", limit.as_ref())
            }
            Self::AddFriend(friend) | Self::DelFriend(friend) => line.serialize_entry("friendid", &friend),
            Self::FriendRequest { friend, msg } => {
                line.serialize_entry("friendid", &friend)?;
                line.serialize_entry("msg", msg)
            }
            Self::FriendAnswer { friend, accept } => {
                line.serialize_entry("friendid", &friend)?;
                line.serialize_entry("accept", &accept)
            }
            Self::Friends(page) => page.fields(line),
            Self::CreateGroup { name, desc } => {
                line.serialize_entry("groupname", name)?;
                line.serialize_entry("groupdesc", desc)
            }
            Self::AddGroup(group) | Self::QuitGroup(group) | Self::DelGroup(group) => {
                line.serialize_entry("groupid", &group)
            }
            Self::Groups(page) => page.fields(line),
            Self::Members(group, page) => {
                line.serialize_entry("groupid", &group)?;
                page.fields(line)
            }
            Self::Find(keyword) => line.serialize_entry("keyword", keyword),
            Self::Event(ask) => ask.fields(line),
            Self::Conversation(ask) => ask.fields(line),
            Self::Group(ask) => ask.fields(line),
            Self::Own(ask) => ask.fields(line),
        }
    }
}

impl Login<'_> {
    fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        optional(line, "id", self.id.as_ref())?;
        optional(line, "name", self.name.as_ref())?;
        optional(line, "token", self.token.as_ref())?;
        optional(line, "pwd", self.pwd.as_ref())?;
        optional(line, "ack", self.ack.then_some(&true))?;
        optional(line, "device", self.device.as_ref())?;
        let want: Vec<_> = self.want.iter().map(|want| want.word()).collect();
        optional(line, "want", Some(want).filter(|want| !want.is_empty()).as_ref())?;
        optional(line, "catch_up", (self.catch_up == CatchUp::List).then_some(&"list"))
    }
}

impl Chat<'_> {
    fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        match self.to {
            Peer::User(user) => line.serialize_entry("toid", &user)?,
            Peer::Group(group) => line.serialize_entry("groupid", &group)?,
        }
        line.serialize_entry("msg", self.msg)?;
        optional(line, "cid", self.cid.as_ref())?;
        optional(line, "ext", self.ext.as_ref())
    }
}

impl<T: Serialize> Page<T> {
    fn fields<M: SerializeMap>(&self, line: &mut M) -> Result<(), M::Error> {
        optional(line, "after", self.after.as_ref())?;
        optional(line, "limit", self.limit.as_ref())
    }
}

fn conversation<M: SerializeMap>(line: &mut M, peer: Peer) -> Result<(), M::Error> {
    match peer {
        Peer::User(user) => line.serialize_entry("id", &user),
        Peer::Group(group) => line.serialize_entry("groupid", &group),
    }
}

fn optional<M: SerializeMap>(line: &mut M, field: &str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| line.serialize_entry(field, value))
}

struct Tagged<'a> {
    ask: &'a Ask<'a>,
    tag: Option<&'a Tag>,
}

impl Serialize for Tagged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("msgid", &self.ask.msg_id().number())?;
        optional(&mut line, "tag", self.tag)?;
        self.ask.fields(&mut line)?;
        line.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Join, Role};
    use crate::request::{
        Account, AnswerFriend, AskFriend, Bounds, CreateGroup, Delivered, End, Envelope, Find, Groups, ListPage,
        OneFriend, OneGroup, Register, Request,
    };
    use crate::{cid, request};

    const BOUNDS: Bounds = Bounds { message_bytes: 8192 };

    fn user(number: i64) -> UserId {
        UserId::new(number).unwrap()
    }

    fn group(number: i64) -> GroupId {
        GroupId::new(number).unwrap()
    }

    /// As the server reads it.
    fn read<T: Request>(ask: Ask<'_>) -> T {
        let line = ask.line(None);
        let envelope = Envelope::parse(line.trim_end().as_bytes()).unwrap();
        assert_eq!(envelope.msgid, i64::from(ask.msg_id().number()), "{line}");
        envelope.each_field_once().unwrap();
        T::parse(&envelope, BOUNDS).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn a_line_is_one_object_with_its_number_and_tag() {
        let line = Ask::Ping.line(Some(&Tag::Number(7)));
        assert_eq!(line, "{\"msgid\":17,\"tag\":7}\n");
        let chat = Chat { to: Peer::User(user(2)), msg: "a\nb", cid: Some("c1"), ext: None };
        let line = Ask::Chat(chat).line(Some(&Tag::Text("c1".to_owned())));
        assert_eq!(line, "{\"msgid\":6,\"tag\":\"c1\",\"toid\":2,\"msg\":\"a\\nb\",\"cid\":\"c1\"}\n");
    }

    #[test]
    fn the_server_reads_what_was_asked() {
        let name = "o\"o ü";
        let Register { name: read_name, password } = read(Ask::Register { name, pwd: "p" });
        assert_eq!((read_name.as_str(), password.as_str()), (name, "p"));
        let login = Login {
            name: Some(name),
            token: Some("t"),
            pwd: Some("p"),
            ack: true,
            device: Some("d"),
            id: None,
            want: &[Want::Events, Want::Typing],
            catch_up: CatchUp::List,
        };
        let request::Login { account, credentials, confirms, device, wants, catch_up } = read(Ask::Login(login));
        assert_eq!((wants, catch_up), ([Want::Typing, Want::Events].into_iter().collect(), CatchUp::List));
        assert_eq!((account, confirms, device.as_deref()), (Account::Name(name.to_owned()), true, Some("d")));
        assert_eq!((credentials.token.as_deref(), credentials.password.as_deref()), (Some("t"), Some("p")));
        let login = Login { id: Some(user(7)), pwd: Some("p"), ..Login::default() };
        let request::Login { account, confirms, .. } = read(Ask::Login(login));
        assert_eq!((account, confirms), (Account::Id(user(7)), false));
        for peer in [Peer::User(user(3)), Peer::Group(group(4))] {
            assert_eq!(read::<Delivered>(Ask::Delivered { peer, seq: 9 }), Delivered { peer, seq: 9 });
            for range in [Range::Latest, Range::Before(8), Range::After(0)] {
                let read: request::History = read(Ask::History { peer, range, limit: Some(7) });
                assert_eq!(read, request::History { peer, range, limit: 7 });
            }
        }
        assert_eq!(read::<OneFriend>(Ask::AddFriend(user(5))), OneFriend { friend: user(5) });
        assert_eq!(read::<OneFriend>(Ask::DelFriend(user(5))), OneFriend { friend: user(5) });
        let asked: AskFriend = read(Ask::FriendRequest { friend: user(5), msg: "\"x\"" });
        assert_eq!((asked.friend, asked.msg.as_str()), (user(5), r#""\"x\"""#));
        let answer = AnswerFriend { friend: user(5), accept: false };
        assert_eq!(read::<AnswerFriend>(Ask::FriendAnswer { friend: user(5), accept: false }), answer);
        let page = Page { after: Some(user(6)), limit: Some(2) };
        assert_eq!(read::<ListPage>(Ask::Friends(page)), ListPage { after: 6, limit: 2 });
        let made = CreateGroup { name: "g".to_owned(), desc: String::new() };
        assert_eq!(read::<CreateGroup>(Ask::CreateGroup { name: "g", desc: "" }), made);
        for ask in [Ask::AddGroup(group(8)), Ask::QuitGroup(group(8)), Ask::DelGroup(group(8))] {
            assert_eq!(read::<OneGroup>(ask), OneGroup { group: group(8) });
        }
        let page = ListPage { after: 8, limit: request::LIST_ROWS_MAX };
        assert_eq!(read::<Groups>(Ask::Groups(Page::after(group(8)))), Groups::All(page));
        let members = Groups::Members { group: group(8), after: 0, limit: request::PAGE_ROWS_MAX };
        assert_eq!(read::<Groups>(Ask::Members(group(8), Page::default())), members);
        assert_eq!(read::<Find>(Ask::Find("12")), Find { prefix: "12".to_owned(), id: Some(12) });
        for bare in [Ask::Logout, Ask::Account, Ask::Offline, Ask::Ping, Ask::Pong] {
            read::<request::Bare>(bare);
        }
    }

    #[test]
    fn the_server_reads_what_was_asked_about_conversations() {
        for peer in [Peer::User(user(3)), Peer::Group(group(4))] {
            let ask = |ask| Ask::Conversation(ask);
            assert_eq!(
                read::<request::Read>(ask(ConversationAsk::Read { peer, seq: 9 })),
                request::Read { peer, seq: 9 }
            );
            assert_eq!(read::<request::Typing>(ask(ConversationAsk::Typing(peer))), request::Typing { peer });
            let set = ConversationAsk::Set { peer, muted: None, pinned: Some(false) };
            let expected = request::ConversationSet { peer, muted: None, pinned: Some(false) };
            assert_eq!(read::<request::ConversationSet>(ask(set)), expected);
            let page = read::<request::Receipts>(ask(ConversationAsk::Receipts(peer, Page::after(user(7)))));
            assert_eq!((page.peer, page.after), (peer, 7));
            let search =
                Search { keyword: "a\"b", peer: Some(peer), from: Some(user(8)), after: Some("n"), limit: Some(3) };
            let found: request::Search = read(ask(ConversationAsk::Search(search)));
            assert_eq!((found.keyword.as_str(), found.peer, found.from), ("a\"b", Some(peer), Some(user(8))));
            assert_eq!((found.after.as_deref(), found.limit), (Some("n"), 3));
            let ext = RawValue::from_string("1.50".to_owned()).unwrap();
            let edit = EventAsk::Edit { peer, of: 5, msg: "x", cid: Some("c"), ext: Some(&ext) };
            let edit: request::Edit = read(Ask::Event(edit));
            assert_eq!(
                (edit.peer, edit.of, edit.cid.as_deref(), &*edit.body),
                (peer, 5, Some("c"), r#"{"msg":"x","ext":1.50}"#)
            );
            let recall: request::Recall = read(Ask::Event(EventAsk::Recall { peer, of: 5, cid: None }));
            assert_eq!(recall, request::Recall { peer, of: 5, cid: None });
            let react = EventAsk::React { peer, of: 5, reaction: "+", on: true, cid: None };
            let react: request::React = read(Ask::Event(react));
            assert_eq!((react.peer, react.of, &*react.reaction, react.on), (peer, 5, "+", true));
        }
        let list = ConversationAsk::List { after: Some("n"), limit: None };
        let page: request::Conversations = read(Ask::Conversation(list));
        assert_eq!((page.after.as_deref(), page.limit), (Some("n"), request::PAGE_ROWS_DEFAULT));
    }

    #[test]
    fn the_server_reads_what_was_asked_about_a_group() {
        let (group, user) = (group(4), user(3));
        let settings = GroupSettings { name: Some("g"), join: Some(Join::Invite), ..GroupSettings::default() };
        let set: request::GroupSet = read(Ask::Group(GroupAsk::Set(group, settings)));
        assert_eq!((set.group, set.name.as_deref(), set.desc, set.join), (group, Some("g"), None, Some(Join::Invite)));
        for (_, role) in Role::WORDS {
            let read: request::GroupRole = read(Ask::Group(GroupAsk::Role { group, user, role }));
            assert_eq!(read, request::GroupRole { group, user, role });
        }
        let kick: request::GroupKick = read(Ask::Group(GroupAsk::Kick { group, user, ban: true }));
        assert_eq!(kick, request::GroupKick { group, user, ban: true });
        let bans: request::GroupBans = read(Ask::Group(GroupAsk::Bans(group, Page::after(user))));
        assert_eq!((bans.lift, bans.page.after), (None, 3));
        let bans: request::GroupBans = read(Ask::Group(GroupAsk::LiftBan { group, user }));
        assert_eq!((bans.lift, bans.page.after), (Some(user), 0));
        let mute: request::GroupMute = read(Ask::Group(GroupAsk::Mute { group, user, seconds: 60 }));
        assert_eq!(mute, request::GroupMute { group, user, seconds: 60 });
        let invite: request::OneMember = read(Ask::Group(GroupAsk::Invite { group, user }));
        assert_eq!(invite, request::OneMember { group, user });
        for user in [None, Some(user)] {
            let answer: request::GroupAnswer = read(Ask::Group(GroupAsk::Answer { group, user, accept: false }));
            assert_eq!(answer, request::GroupAnswer { group, user, accept: false });
        }
        let page: request::GroupRequests = read(Ask::Group(GroupAsk::Requests(group, Page::default())));
        assert_eq!(page.group, group);
    }

    #[test]
    fn the_server_reads_what_was_asked_about_ones_account() {
        let block: request::Block = read(Ask::Own(AccountAsk::Block { user: user(3), on: false }));
        assert_eq!(block, request::Block { user: user(3), on: false });
        assert_eq!(read::<ListPage>(Ask::Own(AccountAsk::Blocked(Page::after(user(3))))).after, 3);
        let change: request::ChangePassword = read(Ask::Own(AccountAsk::Password { pwd: "a", new: "b" }));
        assert_eq!((change.password.as_str(), change.new.as_str()), ("a", "b"));
        let sessions: request::Sessions = read(Ask::Own(AccountAsk::Sessions(Page::after(7))));
        assert_eq!((sessions.end, sessions.page.after), (None, 7));
        for end in [End::One(7), End::Others] {
            assert_eq!(read::<request::Sessions>(Ask::Own(AccountAsk::EndSessions(end))).end, Some(end));
        }
        let ext = RawValue::from_string("[1.50]".to_owned()).unwrap();
        for (given, expected) in
            [(None, None), (Some(None), Some(None)), (Some(Some(&*ext)), Some(Some("[1.50]".into())))]
        {
            let profile: request::Profile = read(Ask::Own(AccountAsk::Profile { name: Some("ann"), ext: given }));
            assert_eq!((profile.name.as_deref(), profile.ext), (Some("ann"), expected));
        }
        assert_eq!(read::<request::Erase>(Ask::Own(AccountAsk::Erase { pwd: "a" })).password, "a");
        assert_eq!(read::<request::Asked>(Ask::Own(AccountAsk::Asked)).withdraw, None);
        for what in [Peer::User(user(3)), Peer::Group(group(4))] {
            assert_eq!(read::<request::Asked>(Ask::Own(AccountAsk::Withdraw(what))).withdraw, Some(what));
        }
    }

    #[test]
    fn the_server_reads_a_chat_message_as_it_was_meant() {
        let ext = RawValue::from_string(r#"{"n":1.50}"#.to_owned()).unwrap();
        for (to, read) in [
            (Peer::User(user(2)), request::Chat::to_user as fn(&Envelope<'_>, Bounds) -> _),
            (Peer::Group(group(2)), request::Chat::to_group),
        ] {
            let chat = Chat { to, msg: "\u{1}\\", cid: Some("7"), ext: Some(&ext) };
            let line = Ask::Chat(chat).line(None);
            let read = read(&Envelope::parse(line.as_bytes()).unwrap(), BOUNDS).unwrap();
            assert_eq!((read.to, read.cid), (to, Some(cid::of_string("7"))));
            assert_eq!(&*read.body, r#"{"msg":"\u0001\\","ext":{"n":1.50}}"#);
        }
    }
}
