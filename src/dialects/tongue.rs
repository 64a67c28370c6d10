//! What a dialect has to do: read its requests, and say what happens in its words. The rest is the same for all of them.

use serde_json::Value;

use crate::store::ClientDialect;
use crate::wire::ask::Ask;
use crate::wire::body::{AccountLists, Friend, Group, LoggedIn};
use crate::wire::ids::{GroupId, Peer, UserId};
use crate::wire::incoming::{Entry, Message, Refusal, Reply};

/// What an object says.
#[derive(Debug)]
pub(super) enum Heard<'o> {
    /// A request of ours, and what its reply is to become.
    Ask(Ask<'o>, Purpose),
    /// Something that is answered here.
    Answer(Value),
    /// Nothing that anybody has to do, or could be told about.
    Nothing,
}

/// What was asked, so that the reply can be put into the dialect's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// To be logged in. Also if that is so already.
    Login,
    /// A new account of this name.
    Register(String),
    /// To be logged out.
    Logout,
    /// The same, ahead of another user's login.
    MakeRoom,
    /// To send a message.
    Chat,
    /// All lists, to be shown anew.
    Lists,
    /// Friends and groups in one list.
    Contacts,
    /// The groups that one is in.
    MyGroups,
    /// A friend.
    AddFriend(UserId),
    /// One friend less.
    DropFriend,
    /// A group of this name.
    CreateGroup(String),
    /// To be in a group.
    JoinGroup,
    /// Groups by their names.
    FindGroups,
    /// Users and groups.
    Find(String),
}

/// What was answered to a [`Purpose`].
#[derive(Debug)]
pub(super) enum Answered<'a> {
    /// To [`Purpose::Login`], [`Purpose::Lists`] and those like it.
    Lists(&'a Lists),
    /// To any other: the reply to read the rest from.
    Done(&'a Reply<'a>),
    /// It was not done.
    Refused(&'a Refusal),
}

/// Who one is, and whom one knows.
#[derive(Debug)]
pub(super) struct Lists {
    pub(super) id: UserId,
    pub(super) name: String,
    pub(super) friends: Vec<Friend>,
    pub(super) groups: Vec<Group>,
    /// What is pending; of others.
    pub(super) offline: Vec<Message>,
}

impl From<LoggedIn<'_>> for Lists {
    fn from(lists: LoggedIn<'_>) -> Self {
        let LoggedIn { id, name, friends, groups, offlinemsg, .. } = lists;
        let entries = offlinemsg.unwrap_or_default();
        Self { id, name: name.into_owned(), friends, groups, offline: of_others(entries, id) }
    }
}

impl From<AccountLists<'_>> for Lists {
    /// What is pending is left out: it was told at the login.
    fn from(lists: AccountLists<'_>) -> Self {
        let AccountLists { id, name, friends, groups, .. } = lists;
        Self { id, name: name.into_owned(), friends, groups, offline: Vec::new() }
    }
}

/// What is shown of a list: a message that was taken back is not there any more.
fn of_others(entries: Vec<Entry>, me: UserId) -> Vec<Message> {
    let messages = entries.into_iter().filter_map(Entry::into_message);
    messages.filter(|message| message.sender != me && !message.recalled).collect()
}

/// Something said to this user, in a form of its own for each dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    /// Who; 0 is the server itself.
    pub(super) from: u32,
    pub(super) name: &'a str,
    pub(super) to: Peer,
    pub(super) text: &'a str,
    /// Milliseconds since 1970.
    pub(super) at: i64,
    /// The same for people.
    pub(super) time: &'a str,
}

/// One dialect on one connection.
pub(super) trait Tongue: Send {
    /// Which it is: what the account is remembered by. `None` as long as it is a guess.
    fn dialect(&self) -> Option<ClientDialect>;

    /// Another account is logged in; it was heard to speak this dialect before.
    fn remember(&mut self, dialect: Option<ClientDialect>) {
        let _ = dialect;
    }

    /// Reads an object.
    fn hear<'o>(&mut self, object: &'o Value) -> Heard<'o>;

    /// The answer to what is no JSON object.
    fn not_understood(&self) -> Option<Value> {
        None
    }

    /// What becomes of a reply; and, of a login, how many of the messages that are pending it has shown.
    fn answer(&self, purpose: &Purpose, answered: &Answered<'_>, shown: &Show<'_>) -> (Option<Value>, usize);

    /// What somebody has said.
    fn say(&self, said: &Said<'_>) -> Value;

    /// Somebody has made this user a friend.
    fn befriended(&self, id: UserId, name: &str) -> Option<Value> {
        let _ = (id, name);
        None
    }

    /// An object has at most so many bytes, what ends it included.
    fn bytes_max(&self) -> usize;

    /// What ends an object.
    fn end(&self) -> &'static [u8] {
        b"\0"
    }

    /// Whether the client asks for the messages that are pending when it is ready for them, instead of finding them in the login reply:
    /// [`Tongue::pending`].
    fn asks_for_pending(&self) -> bool {
        false
    }

    /// The answer to a client that asks for what is pending.
    fn pending(&self, messages: Vec<Value>) -> Value {
        Value::from(messages)
    }

    /// Whether this object asks for what is pending.
    fn is_ready(&self, object: &Value) -> bool {
        let _ = object;
        false
    }
}

/// How what was said is shown in a list.
pub(super) struct Show<'a> {
    /// The moment for people.
    pub(super) time: &'a dyn Fn(i64) -> String,
}

impl Show<'_> {
    /// A message in the dialect's words.
    pub(super) fn message(&self, tongue: &dyn Tongue, message: &Message) -> Value {
        let time = (self.time)(message.time.0);
        tongue.say(&said(message, &message.msg, &time))
    }
}

/// A message as something that is said: with this text, at this time.
pub(super) fn said<'a>(message: &'a Message, text: &'a str, time: &'a str) -> Said<'a> {
    let Message { sender, name, to, time: at, .. } = message;
    Said { from: sender.number(), name, to: *to, text, at: at.0, time }
}

/// A number, whatever width it has.
pub(super) fn number(object: &Value, key: &str) -> Option<i64> {
    object.get(key)?.as_i64()
}

/// A text.
pub(super) fn text<'o>(object: &'o Value, key: &str) -> Option<&'o str> {
    object.get(key)?.as_str()
}

/// A user's id that there may be.
pub(super) fn user(object: &Value, key: &str) -> Option<UserId> {
    number(object, key).and_then(UserId::new)
}

/// A group's id that there may be.
pub(super) fn group(object: &Value, key: &str) -> Option<GroupId> {
    number(object, key).and_then(GroupId::new)
}
