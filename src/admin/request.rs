//! What an administrator asks for: paths and bodies of /v1 as data. No socket, and nothing that acts.

use log::LevelFilter;
use serde::Deserialize;

use super::refusal::Refusal;
use crate::ids::{GroupId, UserId};
use crate::store::UserQuota;

/// How long a page of a list is at most, and without a word about it.
const PAGE_MAX: u32 = 1_000;
const PAGE: u32 = 100;

/// The longest text that everybody is told, in bytes.
const BROADCAST_BYTES_MAX: usize = 4_096;

/// The longest time that messages may be kept and then go, in days: a hundred years.
const DAYS_MAX: u32 = 36_500;

/// A request.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Request {
    Users(Page),
    User(UserId),
    OfUser(UserId, UserAction),
    Quota { user: UserId, quota: UserQuota, value: Option<u32> },
    Groups(Page),
    Group(GroupId),
    DeleteGroup(GroupId),
    HandOver { group: GroupId, user: UserId },
    GroupRetention { group: GroupId, days: Option<u32> },
    Sessions { after: (u32, u32), limit: u32 },
    EndSession { user: UserId, number: u32 },
    Broadcast(String),
    RunRetention,
    LogLevel(Option<LevelFilter>),
    Audit(Page),
}

/// What is done to a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum UserAction {
    Disable,
    Enable,
    ResetPassword,
    Logout,
    Erase,
    Export,
}

/// A page of a list by ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Page {
    pub(super) after: u64,
    pub(super) limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    name: String,
    value: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandOverBody {
    user: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DaysBody {
    days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BroadcastBody {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelBody {
    level: String,
}

/// Reads a request; `target` is what follows the method on the request line.
pub(super) fn parse(method: &str, target: &str, body: &[u8]) -> Result<Request, Refusal> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    match (method, &*parts) {
        ("GET", ["users"]) => Ok(Request::Users(page(query)?)),
        ("GET", ["users", id]) => Ok(Request::User(user(id)?)),
        ("GET", ["users", id, "export"]) => Ok(Request::OfUser(user(id)?, UserAction::Export)),
        ("POST", ["users", id, "quota"]) => quota(user(id)?, body),
        ("POST", ["users", id, word]) => Ok(Request::OfUser(user(id)?, user_action(word, target)?)),
        ("GET", ["groups"]) => Ok(Request::Groups(page(query)?)),
        ("GET", ["groups", id]) => Ok(Request::Group(group(id)?)),
        ("DELETE", ["groups", id]) | ("POST", ["groups", id, "delete"]) => Ok(Request::DeleteGroup(group(id)?)),
        ("POST", ["groups", id, "hand-over"]) => {
            let HandOverBody { user: to } = json(body, "{\"user\": ID}")?;
            Ok(Request::HandOver { group: group(id)?, user: user(&to.to_string())? })
        }
        ("POST", ["groups", id, "retention"]) => {
            let DaysBody { days } = json(body, "{\"days\": NUMBER}, or null for what the settings say")?;
            Ok(Request::GroupRetention { group: group(id)?, days: days.map(bounded_days).transpose()? })
        }
        ("GET", ["sessions"]) => sessions(query),
        ("DELETE", ["sessions", number]) | ("POST", ["sessions", number, "end"]) => {
            let (of, number) = session(number)?;
            Ok(Request::EndSession { user: user(&of.to_string())?, number })
        }
        ("POST", ["broadcast"]) => broadcast(body),
        ("POST", ["retention", "run"]) => Ok(Request::RunRetention),
        ("POST", ["log-level"]) => log_level(body),
        ("GET", ["audit"]) => Ok(Request::Audit(page(query)?)),
        _ => Err(Refusal::not_found(format!(
            "there is no {method} {path}: docs/operating.md has the list of words and paths"
        ))),
    }
}

fn user_action(word: &str, target: &str) -> Result<UserAction, Refusal> {
    Ok(match word {
        "disable" => UserAction::Disable,
        "enable" => UserAction::Enable,
        "reset-password" => UserAction::ResetPassword,
        "logout" => UserAction::Logout,
        "erase" => UserAction::Erase,
        _ => {
            let words = "disable, enable, reset-password, logout, erase, quota";
            return Err(Refusal::not_found(format!("there is no POST {target}: a user has {words}")));
        }
    })
}

fn user(id: &str) -> Result<UserId, Refusal> {
    let found = id.parse().ok().and_then(UserId::new);
    found.ok_or_else(|| Refusal::bad(format!("\"{}\" is no user's id: a number from 1 on", shortened(id))))
}

fn group(id: &str) -> Result<GroupId, Refusal> {
    let found = id.parse().ok().and_then(GroupId::new);
    found.ok_or_else(|| Refusal::bad(format!("\"{}\" is no group's id: a number from 1 on", shortened(id))))
}

/// What somebody has typed, for a sentence.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// A session: the user's id, and its number among the user's.
fn session(text: &str) -> Result<(u32, u32), Refusal> {
    let parts = text.split_once('.').and_then(|(user, number)| Some((user.parse().ok()?, number.parse().ok()?)));
    parts.ok_or_else(|| Refusal::bad(format!("\"{}\" is no session: they are called as 7.2", shortened(text))))
}

fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn limit(value: &str) -> Result<u32, Refusal> {
    let wanted = value.parse::<u32>().ok().filter(|limit| *limit > 0);
    wanted.map(|limit| limit.min(PAGE_MAX)).ok_or_else(|| Refusal::bad("limit is a number from 1 on"))
}

fn unknown(name: &str) -> Refusal {
    Refusal::bad(format!("there is no parameter \"{}\": a list takes after and limit", shortened(name)))
}

fn page(query: &str) -> Result<Page, Refusal> {
    let mut page = Page { after: 0, limit: PAGE };
    for (name, value) in parameters(query) {
        match name {
            "after" => page.after = value.parse().map_err(|_| Refusal::bad("after is a number"))?,
            "limit" => page.limit = limit(value)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(page)
}

fn sessions(query: &str) -> Result<Request, Refusal> {
    let (mut after, mut most) = ((0, 0), PAGE);
    for (name, value) in parameters(query) {
        match name {
            "after" => after = session(value)?,
            "limit" => most = limit(value)?,
            other => return Err(unknown(other)),
        }
    }
    Ok(Request::Sessions { after, limit: most })
}

/// Reads a body that is `wanted`.
fn json<'b, T: Deserialize<'b>>(body: &'b [u8], wanted: &str) -> Result<T, Refusal> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::bad(format!("the body must be {wanted}")));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("the body must be {wanted}: {error}")))
}

fn quota(user: UserId, body: &[u8]) -> Result<Request, Refusal> {
    let QuotaBody { name, value } = json(body, "{\"name\": NAME, \"value\": NUMBER or null}")?;
    let names = || UserQuota::ALL.map(UserQuota::name).join(", ");
    let quota = UserQuota::named(&name);
    let quota = quota.ok_or_else(|| Refusal::bad(format!("a user's quotas are {}", names())))?;
    Ok(Request::Quota { user, quota, value })
}

fn bounded_days(days: u32) -> Result<u32, Refusal> {
    if days > DAYS_MAX { Err(Refusal::bad(format!("days is at most {DAYS_MAX}; 0: for ever"))) } else { Ok(days) }
}

fn broadcast(body: &[u8]) -> Result<Request, Refusal> {
    let BroadcastBody { text } = json(body, "{\"text\": TEXT}")?;
    if text.trim().is_empty() {
        return Err(Refusal::bad("the text is empty"));
    }
    if text.len() > BROADCAST_BYTES_MAX {
        return Err(Refusal::too_large(format!("the text is longer than {BROADCAST_BYTES_MAX} bytes")));
    }
    Ok(Request::Broadcast(text))
}

fn log_level(body: &[u8]) -> Result<Request, Refusal> {
    let LevelBody { level } = json(body, "{\"level\": LEVEL}")?;
    let unknown = || Refusal::bad("the levels are error, warn, info, debug and trace; as-started takes it back");
    match level.as_str() {
        "as-started" => Ok(Request::LogLevel(None)),
        "error" | "warn" | "info" | "debug" | "trace" => {
            level.parse().map(|level| Request::LogLevel(Some(level))).map_err(|_| unknown())
        }
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_bodies_become_requests() {
        let (seven, five) = (UserId::new(7).unwrap(), GroupId::new(5).unwrap());
        let page = |after, limit| Page { after, limit };
        for (method, target, body, request) in [
            ("GET", "/v1/users", "", Request::Users(page(0, PAGE))),
            ("GET", "/v1/users?after=3&limit=9999", "", Request::Users(page(3, PAGE_MAX))),
            ("GET", "/v1/users/7", "", Request::User(seven)),
            ("POST", "/v1/users/7/disable", "", Request::OfUser(seven, UserAction::Disable)),
            ("GET", "/v1/users/7/export", "", Request::OfUser(seven, UserAction::Export)),
            ("DELETE", "/v1/groups/5", "", Request::DeleteGroup(five)),
            ("POST", "/v1/groups/5/hand-over", "{\"user\":7}", Request::HandOver { group: five, user: seven }),
            ("POST", "/v1/groups/5/retention", "{\"days\":null}", Request::GroupRetention { group: five, days: None }),
            ("GET", "/v1/sessions?after=7.2", "", Request::Sessions { after: (7, 2), limit: PAGE }),
            ("DELETE", "/v1/sessions/7.2", "", Request::EndSession { user: seven, number: 2 }),
            ("POST", "/v1/broadcast", "{\"text\":\"x\"}", Request::Broadcast("x".to_owned())),
            ("POST", "/v1/log-level", "{\"level\":\"debug\"}", Request::LogLevel(Some(LevelFilter::Debug))),
        ] {
            assert_eq!(parse(method, target, body.as_bytes()), Ok(request), "{method} {target}");
        }
        let quota = Request::Quota { user: seven, quota: UserQuota::Friends, value: Some(3) };
        assert_eq!(parse("POST", "/v1/users/7/quota", b"{\"name\":\"friends\",\"value\":3}"), Ok(quota));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (method, target, body) in [
            ("GET", "/v1/users/x", ""),
            ("GET", "/v1/users/0", ""),
            ("GET", "/v1/users/4294967296", ""),
            ("GET", "/v1/users?limit=0", ""),
            ("GET", "/v1/users?page=2", ""),
            ("GET", "/v1/nothing", ""),
            ("PUT", "/v1/users/7", ""),
            ("POST", "/v1/users/7/praise", ""),
            ("POST", "/v1/users/7/quota", "{\"name\":\"cats\",\"value\":1}"),
            ("POST", "/v1/users/7/quota", "{\"name\":\"friends\",\"value\":-1}"),
            ("POST", "/v1/groups/5/retention", "{\"days\":36501}"),
            ("POST", "/v1/groups/5/hand-over", "{}"),
            ("DELETE", "/v1/sessions/7", ""),
            ("POST", "/v1/broadcast", "{\"text\":\" \"}"),
            ("POST", "/v1/broadcast", "text"),
            ("POST", "/v1/log-level", "{\"level\":\"off\"}"),
        ] {
            assert!(parse(method, target, body.as_bytes()).is_err(), "{method} {target} {body}");
        }
    }
}
