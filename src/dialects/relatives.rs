//! The table of the family that the course's program has: who of it has what numbers and what words. A further member is a row.
//!
//! `course` and `qq` are known by their requests. The others cannot be told from these two by their login, so they have to be named in
//! `dialects.extra`, and the one whose login a server is to expect in `dialects.default`.

use serde_json::Value;

use super::tongue::number;
use crate::config::Relative as Named;
use crate::store::ClientDialect;

/// One of the family.
#[derive(Debug)]
pub(super) struct Relative {
    /// What accounts are remembered by; the less known are told by a setting alone.
    pub(super) remembered: Option<ClientDialect>,
    pub(super) numbers: Numbers,
    pub(super) words: Words,
}

/// What its numbers mean.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) login: i64,
    pub(super) login_ack: i64,
    pub(super) register: i64,
    pub(super) register_ack: i64,
    pub(super) chat: i64,
    pub(super) add_friend: i64,
    pub(super) create_group: i64,
    pub(super) join_group: i64,
    pub(super) group_chat: i64,
    pub(super) logout: i64,
}

/// What it calls things in what it is sent. (In what it sends, all names are understood.)
#[derive(Debug)]
pub(super) struct Words {
    /// Whether it went well.
    pub(super) errno: &'static str,
    pub(super) friends: &'static str,
    pub(super) groups: &'static str,
    /// The messages that are pending, at a login.
    pub(super) offline: &'static str,
    /// A group's id, in a list.
    pub(super) group: &'static str,
    /// Its members.
    pub(super) users: &'static str,
    /// A member's id.
    pub(super) member: &'static str,
    /// Why a login is refused: the password is wrong; the account is online.
    pub(super) refusals: [&'static str; 2],
    /// The id of an account that could not be made, where one is awaited.
    pub(super) refused_id: Option<i64>,
}

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    Login,
    Register,
    Logout,
    Chat,
    AddFriend,
    CreateGroup,
    JoinGroup,
    GroupChat,
}

impl Numbers {
    /// In the order in which such tables are written: login and its ack, register and its ack, chat, add friend, create group, join
    /// group, group chat, logout.
    const fn of(numbers: [i64; 10]) -> Self {
        let [login, login_ack, register, register_ack, chat, add_friend, create_group, join_group, group_chat, logout] =
            numbers;
        Self {
            login,
            login_ack,
            register,
            register_ack,
            chat,
            add_friend,
            create_group,
            join_group,
            group_chat,
            logout,
        }
    }
}

const COURSE_NUMBERS: Numbers = Numbers::of([1, 2, 4, 5, 6, 7, 8, 9, 10, 3]);
const QQ_NUMBERS: Numbers = Numbers::of([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
const COURSE_WORDS: Words = Words {
    errno: "errno",
    friends: "friends",
    groups: "groups",
    offline: "offlinemsg",
    group: "id",
    users: "users",
    member: "id",
    refusals: ["id or password is invalid!", "this account is using, input another!"],
    refused_id: None,
};

/// The course's own program (fixbug666/chatserver).
pub(super) static COURSE: Relative =
    Relative { remembered: Some(ClientDialect::Course), numbers: COURSE_NUMBERS, words: COURSE_WORDS };
/// Xw-oorik/QQChatServer.
pub(super) static QQ: Relative = Relative {
    remembered: Some(ClientDialect::Qq),
    numbers: QQ_NUMBERS,
    words: Words {
        group: "groupid",
        member: "userid",
        refusals: ["用户名或者密码错误", "该账号已经登录,请重新输入"],
        ..COURSE_WORDS
    },
};
/// Cdreamfly/ClusterChatServer.
pub(super) static CMF: Relative = Relative {
    remembered: Some(ClientDialect::Cmf),
    numbers: COURSE_NUMBERS,
    words: Words { refused_id: Some(-1), ..COURSE_WORDS },
};

/// MuduoChatService of 564637929: the numbers and most words of QQChatServer.
static MUDUO_CHAT_SERVICE: Relative = Relative {
    remembered: None,
    numbers: QQ_NUMBERS,
    words: Words { friends: "friend", groups: "group", group: "groupid", member: "userid", ..COURSE_WORDS },
};
/// Also of ChenghaoZhou, 1289148370, Shaohua-rue, Edithnuaa, and shenmingik/Server.
static KALOS_ANER: Relative = Relative { remembered: None, numbers: QQ_NUMBERS, words: COURSE_WORDS };
static JJ_LI_0427: Relative = Relative {
    remembered: None,
    numbers: Numbers::of([1, 4, 2, 3, 5, 6, 7, 8, 9, 10]),
    words: Words { errno: "error", ..COURSE_WORDS },
};
static CMSMN: Relative = Relative {
    remembered: None,
    numbers: COURSE_NUMBERS,
    words: Words { errno: "error", friends: "friendMsg", offline: "offlineMsg", ..COURSE_WORDS },
};
static FROSTCZA: Relative = Relative {
    remembered: None,
    numbers: Numbers::of([1, 2, 3, 4, 5, 7, 8, 9, 6, 10]),
    words: Words { users: "groupuser", ..COURSE_WORDS },
};
static HWG1999: Relative =
    Relative { remembered: None, numbers: Numbers::of([0, 1, 3, 4, 5, 6, 7, 8, 9, 2]), words: COURSE_WORDS };
/// Of navining. Its refresh (9 and 10) is not known here.
static GOCHAT: Relative = Relative {
    remembered: None,
    numbers: Numbers::of([0, 1, 2, 3, 7, 4, 5, 6, 8, 11]),
    words: Words { errno: "errid", ..COURSE_WORDS },
};
static LYYZZZ1: Relative =
    Relative { remembered: None, numbers: Numbers::of([1, 2, 3, 4, 5, 6, 7, 8, 9, 11]), words: COURSE_WORDS };

/// What a setting names.
pub(super) fn of(named: Named) -> &'static Relative {
    match named {
        Named::Course => &COURSE,
        Named::Qq => &QQ,
        Named::KalosAner => &KALOS_ANER,
        Named::MuduoChatService => &MUDUO_CHAT_SERVICE,
        Named::JjLi0427 => &JJ_LI_0427,
        Named::Cmsmn => &CMSMN,
        Named::Frostcza => &FROSTCZA,
        Named::Hwg1999 => &HWG1999,
        Named::Gochat => &GOCHAT,
        Named::Lyyzzz1 => &LYYZZZ1,
    }
}

impl Relative {
    /// What it means by this object: the number alone does not say it, but the fields that go with it do.
    pub(super) fn act(&self, object: &Value) -> Option<Act> {
        let sent = number(object, "msgid")?;
        let has = |key: &str| object.get(key).is_some();
        let has_password = ["password", "pwd", "passward"].into_iter().any(has);
        let (is_said, is_group) = (has("msg"), has("groupid"));
        let Numbers { login, register, chat, add_friend, create_group, join_group, group_chat, logout, .. } =
            self.numbers;
        let acts = [
            (login, Act::Login, has_password && !has("name")),
            (register, Act::Register, has_password && has("name")),
            (chat, Act::Chat, is_said && !is_group),
            (add_friend, Act::AddFriend, has("friendid")),
            (create_group, Act::CreateGroup, has("groupname")),
            (join_group, Act::JoinGroup, is_group && !is_said && !has("groupname")),
            (group_chat, Act::GroupChat, is_group && is_said),
            (logout, Act::Logout, !has_password && !is_said && !is_group && !has("friendid") && !has("groupname")),
        ];
        acts.into_iter().find(|(known, _, fits)| *known == sent && *fits).map(|(_, act, _)| act)
    }
}
