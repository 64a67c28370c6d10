//! The dialect of sponge and RayBox (a Qt client): every request has its answer, ids in lists are texts, and the messages that are
//! pending are asked for some seconds after the login.

use serde_json::{Value, json};

use super::family::chat;
use super::tongue::{Answered, Heard, Lists, Purpose, Said, Show, Tongue, group, number, text, user};
use crate::store::ClientDialect;
use crate::wire::ask::{Ask, Login};
use crate::wire::body::{Found, FoundGroup, FriendAdded, GroupJoined, OfGroup, Registered};
use crate::wire::ids::{Peer, UserId};
use crate::wire::incoming::{Refusal, Reply};

/// Its client parses what has arrived, which is one segment if it is no longer than that.
const BYTES_MAX: usize = 1400;
/// It went well.
const OK: u16 = 200;
/// The account is online already.
const ONLINE: u16 = 2;

const LOGIN: i64 = 1;
const REGISTER: i64 = 2;
const LOGOUT: i64 = 3;
const CHAT: i64 = 4;
const FRIEND_REQUEST: i64 = 5;
const ADD_FRIEND: i64 = 6;
const DROP_FRIEND: i64 = 7;
const CONTACTS: i64 = 8;
const GROUP_CHAT: i64 = 9;
const JOIN_GROUP: i64 = 10;
const MY_GROUPS: i64 = 11;
const CREATE_GROUP: i64 = 12;
const GROUPS_BY_NAME: i64 = 13;
const PENDING: i64 = 14;
const SEARCH: i64 = 15;

/// A client of sponge.
#[derive(Debug)]
pub(super) struct Sponge;

impl Sponge {
    fn done(purpose: &Purpose, reply: &Reply<'_>) -> Option<Value> {
        Some(match purpose {
            Purpose::Register(_) => {
                let made: Registered = reply.body().ok()?;
                json!({"USERID": made.id.number(), "errno": OK, "msgType": OK})
            }
            Purpose::Logout | Purpose::DropFriend => ok(),
            Purpose::AddFriend(friend) => {
                let added: FriendAdded<'_> = reply.body().ok().filter(|added: &FriendAdded<'_>| !added.waiting)?;
                json!({"errno": OK, "msgType": ADD_FRIEND, "name": added.name, "userId": friend.number()})
            }
            Purpose::JoinGroup => {
                let joined: GroupJoined = reply.body().ok().filter(|joined: &GroupJoined| !joined.waiting)?;
                json!({"errno": OK, "groupId": joined.groupid.number(), "msgType": JOIN_GROUP, "name": joined.groupname})
            }
            Purpose::CreateGroup(name) => {
                let made: OfGroup = reply.body().ok()?;
                json!({"GROUPID": made.groupid.number(), "errno": OK, "msgType": CREATE_GROUP, "name": name})
            }
            Purpose::FindGroups => {
                let found: Found = reply.body().ok()?;
                let groups = found.groups.iter().map(group_of).collect();
                within(json!({"errno": OK, "msgType": OK}), "groups", groups)
            }
            Purpose::Find(keyword) => {
                let found: Found = reply.body().ok()?;
                within(json!({"errno": OK, "msgType": SEARCH}), "results", results(keyword, &found))
            }
            Purpose::Login
            | Purpose::Lists
            | Purpose::Contacts
            | Purpose::MyGroups
            | Purpose::Chat
            | Purpose::MakeRoom => {
                return None;
            }
        })
    }

    fn lists(purpose: &Purpose, lists: &Lists) -> Option<Value> {
        match purpose {
            Purpose::Login => Some(ok()),
            Purpose::Contacts => {
                let friends = lists.friends.iter().map(|friend| contact(friend.id.number(), "0", &friend.name));
                let groups = lists.groups.iter().map(|group| contact(group.id.number(), "1", &group.groupname));
                Some(within(json!({"errno": OK, "msgType": CONTACTS}), "friends", friends.chain(groups).collect()))
            }
            Purpose::MyGroups => {
                let groups = lists.groups.iter().map(|group| {
                    json!({"desc": group.groupdesc, "gUsers": [], "id": group.id.to_string(), "name": group.groupname})
                });
                Some(within(json!({"errno": OK, "msgType": OK}), "groups", groups.collect()))
            }
            _ => None,
        }
    }

    fn refused(purpose: &Purpose, refusal: &Refusal) -> Option<Value> {
        Some(match purpose {
            Purpose::Login if refusal.errno == ONLINE => {
                json!({"errno": 301, "msg": "already logged in, use another account.", "msgType": OK})
            }
            Purpose::Login => json!({"errno": 302, "msg": "wrong id or wrong password, try again.", "msgType": OK}),
            // Without the id the client takes it for no answer at all.
            Purpose::Register(_) => json!({"USERID": -1, "errmsg": refusal.errmsg, "errno": 500, "msgType": 500}),
            Purpose::Chat | Purpose::MakeRoom => return None,
            _ => not_understood(),
        })
    }
}

impl Tongue for Sponge {
    fn dialect(&self) -> Option<ClientDialect> {
        Some(ClientDialect::Sponge)
    }

    fn hear<'o>(&mut self, object: &'o Value) -> Heard<'o> {
        let Some(kind) = number(object, "msgType") else { return Heard::Answer(not_understood()) };
        let words = (text(object, "name"), text(object, "password"));
        let asked = match (kind, words) {
            (LOGIN, (_, Some(pwd))) => user(object, "USERID").map(|id| {
                let login = Login { id: Some(id), pwd: Some(pwd), ..Login::default() };
                (Ask::Login(login), Purpose::Login)
            }),
            (REGISTER, (Some(name), Some(pwd))) => {
                Some((Ask::Register { name, pwd }, Purpose::Register(name.to_owned())))
            }
            (LOGOUT, _) => Some((Ask::Logout, Purpose::Logout)),
            (CHAT, _) => return said(user(object, "TOID").map(Peer::User), object),
            (GROUP_CHAT, _) => return said(group(object, "GROUPID").map(Peer::Group), object),
            // The client neither sends nor shows it.
            (FRIEND_REQUEST, _) => return Heard::Nothing,
            (ADD_FRIEND, _) => user(object, "U2").map(|friend| (Ask::AddFriend(friend), Purpose::AddFriend(friend))),
            (DROP_FRIEND, _) => user(object, "TOID").map(|friend| (Ask::DelFriend(friend), Purpose::DropFriend)),
            (CONTACTS, _) => Some((Ask::Account, Purpose::Contacts)),
            (MY_GROUPS, _) => Some((Ask::Account, Purpose::MyGroups)),
            (JOIN_GROUP, _) => group(object, "GROUPID").map(|group| (Ask::AddGroup(group), Purpose::JoinGroup)),
            (CREATE_GROUP, (Some(name), _)) => {
                let desc = text(object, "description").unwrap_or_default();
                Some((Ask::CreateGroup { name, desc }, Purpose::CreateGroup(name.to_owned())))
            }
            (GROUPS_BY_NAME, (Some(name), _)) => Some((Ask::Find(name), Purpose::FindGroups)),
            (SEARCH, _) => text(object, "keyword").map(|word| (Ask::Find(word), Purpose::Find(word.to_owned()))),
            (LOGIN..=SEARCH, _) => None,
            _ => {
                return Heard::Answer(json!({
                    "errmsg": "No such method, failed to process your request!", "errno": 404, "msgType": 404,
                }));
            }
        };
        asked.map_or_else(|| Heard::Answer(incomplete(kind)), |(ask, purpose)| Heard::Ask(ask, purpose))
    }

    fn not_understood(&self) -> Option<Value> {
        Some(not_understood())
    }

    fn answer(&self, purpose: &Purpose, answered: &Answered<'_>, _: &Show<'_>) -> (Option<Value>, usize) {
        let reply = match answered {
            Answered::Lists(lists) => Self::lists(purpose, lists),
            Answered::Done(reply) => Self::done(purpose, reply),
            Answered::Refused(refusal) => Self::refused(purpose, refusal),
        };
        (reply, 0)
    }

    fn say(&self, said: &Said<'_>) -> Value {
        let mut object = json!({"FROMID": said.from, "msg": said.text, "sendTime": said.at});
        match said.to {
            Peer::User(user) => {
                object["msgType"] = CHAT.into();
                object["TOID"] = user.number().into();
            }
            Peer::Group(group) => {
                object["msgType"] = GROUP_CHAT.into();
                object["GROUPID"] = group.number().into();
            }
        }
        object
    }

    fn befriended(&self, id: UserId, name: &str) -> Option<Value> {
        Some(json!({"errno": OK, "msgType": ADD_FRIEND, "name": name, "new": true, "userId": id.number()}))
    }

    fn bytes_max(&self) -> usize {
        BYTES_MAX
    }

    fn end(&self) -> &'static [u8] {
        b""
    }

    fn asks_for_pending(&self) -> bool {
        true
    }

    fn is_ready(&self, object: &Value) -> bool {
        number(object, "msgType") == Some(PENDING)
    }

    fn pending(&self, messages: Vec<Value>) -> Value {
        let texts = messages.iter().map(super::family::in_text).collect();
        within(json!({"errno": OK, "msgType": PENDING}), "msgs", texts)
    }
}

fn said(to: Option<Peer>, object: &Value) -> Heard<'_> {
    match chat(to, text(object, "msg")) {
        Heard::Nothing => Heard::Answer(not_understood()),
        heard => heard,
    }
}

fn ok() -> Value {
    json!({"errno": OK, "msgType": OK})
}

fn not_understood() -> Value {
    json!({"errmsg": "Failed to parse the json string!", "errno": 401, "msgType": 401})
}

/// What is said to a request that lacks something: each kind is awaited in its own words.
fn incomplete(kind: i64) -> Value {
    match kind {
        LOGIN => json!({"errno": 302, "msg": "wrong id or wrong password, try again.", "msgType": OK}),
        REGISTER => json!({"USERID": -1, "errmsg": "name or password is missing", "errno": 500, "msgType": 500}),
        _ => not_understood(),
    }
}

fn within(mut reply: Value, key: &str, elements: Vec<Value>) -> Value {
    reply[key] = Value::Array(elements);
    reply
}

fn contact(id: u32, is_group: &str, name: &str) -> Value {
    json!({"id": id.to_string(), "isGroup": is_group, "name": name})
}

fn group_of(group: &FoundGroup) -> Value {
    json!({"desc": group.groupdesc, "gUsers": [], "id": group.id.to_string(), "name": group.groupname})
}

/// The user of that id, but none of that name; and groups.
fn results(keyword: &str, found: &Found) -> Vec<Value> {
    let users = found.users.iter().filter(|user| user.id.to_string() == keyword);
    let users = users.map(|user| contact(user.id.number(), "0", &user.name));
    let groups = found.groups.iter().map(|group| {
        let mut element = contact(group.id.number(), "1", &group.groupname);
        element["desc"] = group.groupdesc.as_str().into();
        element
    });
    users.chain(groups).collect()
}
