//! The course's dialect and those of its many copies: one program with its numbers and a few keys changed, see
//! [`super::relatives`]. What a client is shows in its requests: apart from the login, a number with its fields means the same to no
//! two of them.

use serde_json::{Map, Value, json};

use super::fit;
use super::relatives::{Act, COURSE, QQ, Relative};
use super::tongue::{Answered, Heard, Lists, Purpose, Said, Show, Tongue, group, said, text, user};
use crate::store::ClientDialect;
use crate::wire::ask::{Ask, Chat, Login};
use crate::wire::body::{Friend, Group, Member, Presence, Registered, Role};
use crate::wire::ids::Peer;
use crate::wire::incoming::{Message, Refusal};

/// What a client reads with one call, into which an object and the NUL behind it have to fit.
const BYTES_MAX: usize = 1024;
/// Why a login is refused: the account is online already; everything else is 1.
const ONLINE: u16 = 2;
const WRONG: u16 = 1;
/// Names of a request's fields, and what some of the family call them.
const PASSWORD: [&str; 3] = ["password", "pwd", "passward"];
const TO: [&str; 2] = ["toid", "to"];

/// A client of the family.
#[derive(Debug)]
pub(super) struct Family {
    /// Whom it may be, the one that it is taken for first. Whatever it is held to be, it may turn out to be another one.
    known: Vec<&'static Relative>,
    /// What it has shown itself to be, on this connection.
    shown: Option<&'static Relative>,
    /// What the account that is logged in was heard to speak before.
    remembered: Option<&'static Relative>,
    /// Accounts are asked what they have spoken. Not where the settings expect one that nobody is remembered by.
    asks_memory: bool,
}

impl Family {
    /// A client that is one of them, most likely the first.
    pub(super) fn guessed(known: Vec<&'static Relative>, asks_memory: bool) -> Self {
        Self { known, shown: None, remembered: None, asks_memory }
    }

    /// A client that has shown what it is, and the others of whom it may be one all the same.
    pub(super) fn shown(is: &'static Relative, known: Vec<&'static Relative>) -> Self {
        Self { known, shown: Some(is), remembered: None, asks_memory: false }
    }

    /// What it is, as far as that is known; else what it is taken for.
    fn is(&self) -> &'static Relative {
        self.shown.or(self.remembered).or(self.known.first().copied()).unwrap_or(&COURSE)
    }

    fn is_a_guess(&self) -> bool {
        self.shown.or(self.remembered).is_none()
    }

    /// What the object means: to what the client is, or else to the first of those that could have sent it.
    fn act(&mut self, object: &Value) -> Option<Act> {
        let known = self.known.iter().copied();
        let (is, act) = std::iter::once(self.is()).chain(known).find_map(|one| Some((one, one.act(object)?)))?;
        if act != Act::Login {
            self.shown = Some(is);
        }
        Some(act)
    }

    fn head(&self, msgid: i64, errno: u16) -> Map<String, Value> {
        let mut head = Map::new();
        head.insert("msgid".to_owned(), msgid.into());
        head.insert(self.is().words.errno.to_owned(), errno.into());
        head
    }

    fn refused(&self, msgid: i64, errno: u16, errmsg: &str) -> Value {
        let mut refused = self.head(msgid, errno);
        refused.insert("errmsg".to_owned(), errmsg.into());
        if msgid == self.is().numbers.register_ack
            && let Some(id) = self.is().words.refused_id
        {
            refused.insert("id".to_owned(), id.into());
        }
        Value::Object(refused)
    }

    fn login_refused(&self, refusal: &Refusal) -> Value {
        let [wrong, online] = self.is().words.refusals;
        match refusal.errno {
            ONLINE => self.refused(self.is().numbers.login_ack, ONLINE, online),
            WRONG => self.refused(self.is().numbers.login_ack, WRONG, wrong),
            _ => self.refused(self.is().numbers.login_ack, WRONG, &refusal.errmsg),
        }
    }

    /// The login reply with as much in it as fits. Of what is pending, the rest can follow; of the lists, nothing can.
    fn logged_in(&self, lists: &Lists, show: &Show<'_>) -> (Value, usize) {
        let words = &self.is().words;
        let mut reply = self.head(self.is().numbers.login_ack, 0);
        reply.insert("id".to_owned(), lists.id.number().into());
        reply.insert("name".to_owned(), lists.name.as_str().into());
        for list in [words.friends, words.groups, words.offline] {
            // Empty rather than left out: the client goes on showing a list of the user before.
            reply.insert(list.to_owned(), Value::Array(Vec::new()));
        }
        let room = (BYTES_MAX - self.end().len()).saturating_sub(fit::bytes(&Value::Object(reply.clone())));
        let group = |group: &Group, budget| self.group(group, budget);
        let fitted = fit::lists(room, lists.friends.iter().map(friend), &lists.groups, group);
        let offline = fit::fit(lists.offline.iter().map(|message| in_text(&self.pending(message, show))), fitted.left);
        let shown = offline.list.len();
        reply.insert(words.friends.to_owned(), fitted.friends.into());
        reply.insert(words.groups.to_owned(), fitted.groups.into());
        reply.insert(words.offline.to_owned(), offline.list.into());
        (Value::Object(reply), shown)
    }

    /// A group with as many of its members as fit; `None`: not even without any, and without its description.
    fn group(&self, group: &Group, budget: usize) -> Option<Value> {
        let mut desc = group.groupdesc.as_str();
        let element = |members: &[Member], desc: &str| {
            let users: Vec<Value> = members.iter().map(|member| self.member(member)).collect();
            let mut element = json!({"groupname": group.groupname, "groupdesc": desc});
            element[self.is().words.users] = users.into();
            self.name_id(&mut element, self.is().words.group, ["id", "groupid"], group.id.number());
            in_text(&element)
        };
        // Halving finds at least half as many as would fit, with few tries.
        let mut members = group.users.len();
        loop {
            let element = element(&group.users[..members], desc);
            if fit::bytes(&element) <= budget {
                return Some(element);
            }
            if members == 0 && desc.is_empty() {
                return None;
            }
            if members == 0 {
                desc = "";
            }
            members /= 2;
        }
    }

    fn member(&self, member: &Member) -> Value {
        let role = if member.role == Role::Creator { "creator" } else { "normal" };
        let mut element = json!({"name": member.name, "role": role, "state": state(member.state)});
        self.name_id(&mut element, self.is().words.member, ["id", "userid"], member.id.number());
        in_text(&element)
    }

    /// An id under the name that it has; under both, as long as the client itself has not shown which: one of them dies where it
    /// does not find its own.
    fn name_id(&self, element: &mut Value, name: &str, both: [&str; 2], id: u32) {
        if self.shown.is_some() {
            element[name] = id.into();
        } else {
            for name in both {
                element[name] = id.into();
            }
        }
    }

    /// A message in the login reply. One number is shown by both kinds of clients between which the login cannot tell.
    fn pending(&self, message: &Message, show: &Show<'_>) -> Value {
        let time = (show.time)(message.time.0);
        let numbers = if self.is_a_guess() { &QQ.numbers } else { &self.is().numbers };
        self.said(&said(message, &message.msg, &time), [numbers.chat, numbers.group_chat])
    }

    fn said(&self, said: &Said<'_>, [chat, group_chat]: [i64; 2]) -> Value {
        let mut object = json!({"name": said.name, "msg": said.text, "time": said.time});
        match said.to {
            Peer::User(user) => {
                object["msgid"] = chat.into();
                object["id"] = said.from.into();
                object["toid"] = user.number().into();
            }
            Peer::Group(group) => {
                object["msgid"] = group_chat.into();
                object["groupid"] = group.number().into();
                self.name_id(&mut object, self.is().words.member, ["id", "userid"], said.from);
            }
        }
        object
    }
}

impl Tongue for Family {
    fn dialect(&self) -> Option<ClientDialect> {
        // What comes from memory alone is nothing that was heard.
        self.shown.and_then(|shown| shown.remembered)
    }

    fn remember(&mut self, dialect: Option<ClientDialect>) {
        let spoke = dialect.filter(|_| self.asks_memory);
        self.remembered = self.known.iter().copied().find(|one| spoke.is_some() && one.remembered == spoke);
    }

    fn hear<'o>(&mut self, object: &'o Value) -> Heard<'o> {
        let any = |names: &[&str]| names.iter().find_map(|name| text(object, name));
        let login_ack = self.is().numbers.login_ack;
        match self.act(object) {
            Some(Act::Login) => match (user(object, "id"), any(&PASSWORD)) {
                (Some(id), Some(pwd)) => {
                    let login = Login { id: Some(id), pwd: Some(pwd), ..Login::default() };
                    Heard::Ask(Ask::Login(login), Purpose::Login)
                }
                _ => Heard::Answer(self.refused(login_ack, WRONG, self.is().words.refusals[0])),
            },
            Some(Act::Register) => match (text(object, "name"), any(&PASSWORD)) {
                (Some(name), Some(pwd)) => Heard::Ask(Ask::Register { name, pwd }, Purpose::Register(name.to_owned())),
                _ => Heard::Answer(self.refused(self.is().numbers.register_ack, WRONG, "name or password is missing")),
            },
            Some(Act::Logout) => Heard::Ask(Ask::Logout, Purpose::Logout),
            Some(Act::Chat) => {
                let to = TO.iter().find_map(|name| user(object, name));
                chat(to.map(Peer::User), text(object, "msg"))
            }
            Some(Act::GroupChat) => chat(group(object, "groupid").map(Peer::Group), text(object, "msg")),
            Some(Act::AddFriend) => user(object, "friendid")
                .map_or(Heard::Nothing, |friend| Heard::Ask(Ask::AddFriend(friend), Purpose::AddFriend(friend))),
            Some(Act::CreateGroup) => match text(object, "groupname") {
                Some(name) => {
                    let desc = text(object, "groupdesc").unwrap_or_default();
                    Heard::Ask(Ask::CreateGroup { name, desc }, Purpose::CreateGroup(name.to_owned()))
                }
                None => Heard::Nothing,
            },
            Some(Act::JoinGroup) => group(object, "groupid")
                .map_or(Heard::Nothing, |group| Heard::Ask(Ask::AddGroup(group), Purpose::JoinGroup)),
            None => Heard::Nothing,
        }
    }

    fn answer(&self, purpose: &Purpose, answered: &Answered<'_>, shown: &Show<'_>) -> (Option<Value>, usize) {
        let numbers = &self.is().numbers;
        let reply = match (purpose, answered) {
            (Purpose::Login, Answered::Lists(lists)) => {
                let (reply, pending) = self.logged_in(lists, shown);
                return (Some(reply), pending);
            }
            (Purpose::Login, Answered::Refused(refusal)) => Some(self.login_refused(refusal)),
            (Purpose::Register(_), Answered::Done(reply)) => reply.body::<Registered>().ok().map(|made| {
                let mut ack = self.head(numbers.register_ack, 0);
                ack.insert("id".to_owned(), made.id.number().into());
                Value::Object(ack)
            }),
            (Purpose::Register(_), Answered::Refused(refusal)) => {
                Some(self.refused(numbers.register_ack, WRONG, &refusal.errmsg))
            }
            _ => None,
        };
        (reply, 0)
    }

    fn say(&self, said: &Said<'_>) -> Value {
        let numbers = &self.is().numbers;
        // Where it is a guess: what is a chat to one of them is the answer to a registration to another, which dies of it.
        let is_risky = self.is_a_guess() && numbers.chat == COURSE.numbers.register_ack;
        let chat = if is_risky { numbers.group_chat } else { numbers.chat };
        self.said(said, [chat, numbers.group_chat])
    }

    fn bytes_max(&self) -> usize {
        BYTES_MAX
    }
}

/// A message to somebody; one to nobody is dropped in silence, as there is no way to tell of it.
pub(super) fn chat(to: Option<Peer>, msg: Option<&str>) -> Heard<'_> {
    match (to, msg) {
        (Some(to), Some(msg)) => Heard::Ask(Ask::Chat(Chat { to, msg, cid: None, ext: None }), Purpose::Chat),
        _ => Heard::Nothing,
    }
}

/// An element of these lists is the text of an object.
pub(super) fn in_text(object: &Value) -> Value {
    Value::String(object.to_string())
}

pub(super) fn state(presence: Presence) -> &'static str {
    match presence {
        Presence::Online => "online",
        Presence::Offline => "offline",
    }
}

fn friend(friend: &Friend) -> Value {
    in_text(&json!({"id": friend.id.number(), "name": friend.name, "state": state(friend.state)}))
}
