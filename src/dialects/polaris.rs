//! The dialect of Polaris-hzn8/distributed-chat-servers. Its client parses all that one read gives, dies of a line without `msgId` and
//! of an empty own name, and asks for its lists again by a request of its own.

use serde_json::{Value, json};

use super::family::{chat, in_text, state};
use super::fit;
use super::tongue::{Answered, Heard, Lists, Purpose, Said, Show, Tongue, group, number, text, user};
use crate::store::ClientDialect;
use crate::wire::ask::{Ask, Login};
use crate::wire::body::{Group, Registered, Role};
use crate::wire::ids::Peer;

/// What a client reads with one call, into which an object and the NUL behind it have to fit.
const BYTES_MAX: usize = 1024;
/// The account is online already.
const ONLINE: u16 = 2;

const LOGIN: i64 = 1;
const LOGIN_ACK: i64 = 2;
const LOGOUT: i64 = 3;
const REGISTER: i64 = 5;
const REGISTER_ACK: i64 = 6;
const REFRESH: i64 = 7;
const REFRESH_ACK: i64 = 8;
const CHAT: i64 = 9;
const ADD_FRIEND: i64 = 10;
const CREATE_GROUP: i64 = 11;
const JOIN_GROUP: i64 = 12;
const GROUP_CHAT: i64 = 13;

/// A client of Polaris.
#[derive(Debug)]
pub(super) struct Polaris;

impl Polaris {
    /// The lists, with as much in them as fits, and how many of the messages that are pending are in them.
    fn lists(mut reply: Value, lists: &Lists, show: &Show<'_>) -> (Value, usize) {
        reply["uid"] = lists.id.number().into();
        reply["username"] = lists.name.as_str().into();
        let is_login = reply["msgId"] == LOGIN_ACK;
        for list in ["friends", "groups"].into_iter().chain(is_login.then_some("offlinemsgs")) {
            reply[list] = Value::Array(Vec::new());
        }
        let room = (BYTES_MAX - 1).saturating_sub(fit::bytes(&reply));
        let friends = lists.friends.iter().map(|friend| {
            in_text(&json!({"uid": friend.id.number(), "username": friend.name, "state": state(friend.state)}))
        });
        let fitted = fit::lists(room, friends, &lists.groups, |group, _| Some(group_element(group)));
        reply["friends"] = fitted.friends.into();
        reply["groups"] = fitted.groups.into();
        if !is_login {
            return (reply, 0);
        }
        let offline = lists.offline.iter().map(|message| in_text(&show.message(&Self, message)));
        let offline = fit::fit(offline, fitted.left).list;
        let shown = offline.len();
        reply["offlinemsgs"] = offline.into();
        (reply, shown)
    }
}

/// A group, and the first of its members: what follows in the list has to fit, too.
fn group_element(group: &Group) -> Value {
    const MEMBERS_SHOWN: usize = 3;
    let users: Vec<Value> = group
        .users
        .iter()
        .take(MEMBERS_SHOWN)
        .map(|member| {
            let role = if member.role == Role::Creator { "creator" } else { "normal" };
            in_text(&json!({
                "uid": member.id.number(), "username": member.name, "state": state(member.state), "grouprole": role,
            }))
        })
        .collect();
    in_text(&json!({
        "gid": group.id.number(), "groupname": group.groupname, "groupdesc": group.groupdesc, "groupusers": users,
    }))
}

impl Tongue for Polaris {
    fn dialect(&self) -> Option<ClientDialect> {
        Some(ClientDialect::Polaris)
    }

    fn hear<'o>(&mut self, object: &'o Value) -> Heard<'o> {
        match number(object, "msgId") {
            Some(LOGIN) => match (user(object, "uid"), text(object, "password")) {
                (Some(id), Some(pwd)) => {
                    let login = Login { id: Some(id), pwd: Some(pwd), ..Login::default() };
                    Heard::Ask(Ask::Login(login), Purpose::Login)
                }
                _ => Heard::Answer(refused(LOGIN_ACK, 1, "account not exist")),
            },
            Some(LOGOUT) => Heard::Ask(Ask::Logout, Purpose::Logout),
            Some(REGISTER) => match (text(object, "username"), text(object, "password")) {
                (Some(name), Some(pwd)) => Heard::Ask(Ask::Register { name, pwd }, Purpose::Register(name.to_owned())),
                _ => Heard::Answer(refused(REGISTER_ACK, 1, "username or password is missing")),
            },
            Some(REFRESH) => Heard::Ask(Ask::Account, Purpose::Lists),
            Some(CHAT) => chat(user(object, "to").map(Peer::User), text(object, "msg")),
            Some(GROUP_CHAT) => chat(group(object, "gid").map(Peer::Group), text(object, "msg")),
            Some(ADD_FRIEND) => user(object, "fid")
                .map_or(Heard::Nothing, |friend| Heard::Ask(Ask::AddFriend(friend), Purpose::AddFriend(friend))),
            Some(CREATE_GROUP) => text(object, "groupname").map_or(Heard::Nothing, |name| {
                let desc = text(object, "groupdesc").unwrap_or_default();
                Heard::Ask(Ask::CreateGroup { name, desc }, Purpose::CreateGroup(name.to_owned()))
            }),
            Some(JOIN_GROUP) => group(object, "gid")
                .map_or(Heard::Nothing, |group| Heard::Ask(Ask::AddGroup(group), Purpose::JoinGroup)),
            _ => Heard::Nothing,
        }
    }

    fn answer(&self, purpose: &Purpose, answered: &Answered<'_>, shown: &Show<'_>) -> (Option<Value>, usize) {
        let reply = match (purpose, answered) {
            (Purpose::Login, Answered::Lists(lists)) => {
                let head = json!({"errno": 0, "msgId": LOGIN_ACK, "sysmsg": "login success."});
                let (reply, pending) = Self::lists(head, lists, shown);
                return (Some(reply), pending);
            }
            (Purpose::Login, Answered::Refused(refusal)) if refusal.errno == ONLINE => {
                Some(refused(LOGIN_ACK, ONLINE, "account already login"))
            }
            (Purpose::Login, Answered::Refused(refusal)) if refusal.errno == 1 => {
                Some(refused(LOGIN_ACK, 1, "account password error"))
            }
            (Purpose::Login, Answered::Refused(refusal)) => Some(refused(LOGIN_ACK, 1, &refusal.errmsg)),
            (Purpose::Register(name), Answered::Done(reply)) => reply.body::<Registered>().ok().map(|made| {
                json!({
                    "errno": 0, "msgId": REGISTER_ACK, "sysmsg": format!("{name} register success!"),
                    "uid": made.id.number(), "username": name,
                })
            }),
            (Purpose::Register(_), Answered::Refused(refusal)) if refusal.errno == 1 => {
                Some(refused(REGISTER_ACK, 1, "username already exist!~"))
            }
            (Purpose::Register(_), Answered::Refused(refusal)) => Some(refused(REGISTER_ACK, 1, &refusal.errmsg)),
            (Purpose::Lists, Answered::Lists(lists)) => {
                Some(Self::lists(json!({"errno": 0, "msgId": REFRESH_ACK}), lists, shown).0)
            }
            (Purpose::Lists, Answered::Refused(_)) => Some(json!({"errno": 1, "msgId": REFRESH_ACK})),
            _ => None,
        };
        (reply, 0)
    }

    fn say(&self, said: &Said<'_>) -> Value {
        let mut object = json!({"username": said.name, "msg": said.text, "time": said.time});
        match said.to {
            Peer::User(user) => {
                object["msgId"] = CHAT.into();
                object["from"] = said.from.into();
                object["to"] = user.number().into();
            }
            Peer::Group(group) => {
                object["msgId"] = GROUP_CHAT.into();
                object["gid"] = group.number().into();
                object["uid"] = said.from.into();
            }
        }
        object
    }

    fn bytes_max(&self) -> usize {
        BYTES_MAX
    }
}

fn refused(number: i64, errno: u16, errmsg: &str) -> Value {
    json!({"errno": errno, "errmsg": errmsg, "msgId": number})
}
