//! What administrators ask for, done: a change in the database with its row in Audit, and then everybody is told whom it concerns,
//! on every node.

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::request::{Page, Request, UserAction};
use crate::bus::LinkState;
use crate::clock::UnixMs;
use crate::delivery::directory::Ended;
use crate::ids::{GroupId, UserId};
use crate::logging;
use crate::service::auth::password::{Hasher, new_token};
use crate::service::ctx::Ctx;
use crate::service::handlers::erase;
use crate::store::admin::{AccountRow, AnySession, AuditRow, By, GroupOverview, HandOver};
use crate::store::{AdminStore, UserQuota};
use crate::wire::body::Role;
use crate::wire::reply::Notice;
use crate::workers::retention;

/// Characters of a new password.
const PASSWORD_CHARACTERS: usize = 16;

type Done = Result<Value, Refusal>;

/// Does it; what is answered.
pub(super) fn run(ctx: &mut Ctx, request: &Request, who: &str, retention: &retention::Door) -> Done {
    let by = By { who, now: ctx.shared.clock.wall() };
    match request {
        Request::Users(page) => users(ctx, *page),
        Request::User(user) => user_shown(ctx, *user),
        Request::OfUser(user, action) => of_user(ctx, *user, *action, by),
        Request::Quota { user, quota, value } => set_quota(ctx, *user, (*quota, *value), by),
        Request::Groups(page) => groups(ctx, *page),
        Request::Group(group) => group_shown(ctx, *group),
        Request::DeleteGroup(group) => delete_group(ctx, *group, by),
        Request::HandOver { group, user } => hand_over(ctx, *group, *user, by),
        Request::GroupRetention { group, days } => {
            existing(admin(ctx)?.set_group_retention(*group, *days, by)?, "group", *group)?;
            Ok(json!({"id": group, "retention_days": days}))
        }
        Request::Sessions { after, limit } => sessions(ctx, *after, *limit, by.now),
        Request::EndSession { user, number } => end_session(ctx, *user, *number, by),
        Request::Broadcast(text) => broadcast(ctx, text, by),
        Request::RunRetention => {
            admin(ctx)?.note("retention-run", "cluster", "", by)?;
            retention.run();
            Ok(json!({"started": true}))
        }
        Request::LogLevel(level) => {
            let name = level.map_or("as-started".to_owned(), |level| level.as_str().to_lowercase());
            admin(ctx)?.note("log-level", "node", &name, by)?;
            logging::order(*level);
            Ok(json!({"level": name}))
        }
        Request::Audit(page) => audit(ctx, *page),
    }
}

/// Notes that a user's data are given out; whether there is such a user.
pub(super) fn note_export(ctx: &mut Ctx, user: UserId, who: &str) -> Result<(), Refusal> {
    let by = By { who, now: ctx.shared.clock.wall() };
    let found = admin(ctx)?.account(user)?;
    existing(found.is_some_and(|account| account.erased_at.is_none()), "user", user)?;
    Ok(admin(ctx)?.note("export", &format!("user {user}"), "", by)?)
}

fn admin(ctx: &mut Ctx) -> Result<&mut dyn AdminStore, Refusal> {
    ctx.store.admin().ok_or_else(Refusal::internal)
}

fn existing(is_there: bool, what: &str, id: impl std::fmt::Display) -> Result<(), Refusal> {
    if is_there { Ok(()) } else { Err(Refusal::not_found(format!("there is no {what} {id}"))) }
}

/// A page of a list: where it goes on, if there is more than was asked for.
fn list<T>(name: &str, mut rows: Vec<T>, limit: u32, shown: impl Fn(&T) -> Value, next: impl Fn(&T) -> Value) -> Value {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let mut page = json!({name: rows.iter().map(shown).collect::<Vec<_>>()});
    if let (true, Some(last)) = (more, rows.last()) {
        page["next"] = next(last);
    }
    page
}

/// An id behind which a page begins: behind the last one there is nothing.
fn after(page: Page) -> u32 {
    u32::try_from(page.after).unwrap_or(u32::MAX)
}

fn users(ctx: &mut Ctx, page: Page) -> Done {
    let rows = admin(ctx)?.accounts(after(page), page.limit + 1)?;
    Ok(list("users", rows, page.limit, account, |row| json!(row.person.id)))
}

fn account(row: &AccountRow) -> Value {
    let AccountRow { person, created_at, disabled_at, erased_at, is_online } = row;
    let mut shown = json!({
        "id": person.id,
        "name": person.name,
        "created": created_at,
        "state": if *is_online { "online" } else { "offline" },
    });
    for (field, time) in [("disabled", disabled_at), ("erased", erased_at)] {
        if let Some(time) = time {
            shown[field] = json!(time);
        }
    }
    shown
}

fn user_shown(ctx: &mut Ctx, user: UserId) -> Done {
    let found = admin(ctx)?.account(user)?;
    let Some(row) = found else { return Err(Refusal::not_found(format!("there is no user {user}"))) };
    let quotas = admin(ctx)?.user_quotas(user)?;
    let (friends, groups) = (ctx.store.friends_count(user)?, ctx.store.group_ids(user)?);
    let sessions = ctx.store.sessions(user, 0, u32::from(u16::MAX), ctx.shared.clock.wall())?;
    let mut shown = account(&row);
    shown["friends"] = json!(friends);
    shown["groups"] = json!(groups);
    shown["sessions"] = json!(sessions.len());
    shown["quotas"] = Value::Object(quotas.into_iter().map(|(name, value)| (name, json!(value))).collect());
    Ok(shown)
}

fn of_user(ctx: &mut Ctx, user: UserId, action: UserAction, by: By<'_>) -> Done {
    match action {
        UserAction::Disable => existing(admin(ctx)?.disable(user, by)?, "user", user)?,
        UserAction::Enable => {
            existing(admin(ctx)?.enable(user, by)?, "user", user)?;
            return Ok(json!({"id": user}));
        }
        UserAction::Logout => existing(admin(ctx)?.log_out(user, by)?, "user", user)?,
        UserAction::ResetPassword => return reset_password(ctx, user, by),
        UserAction::Erase => return erase_user(ctx, user, by),
        UserAction::Export => return Err(Refusal::internal()),
    }
    ctx.end_sessions(user, Ended::All, None);
    Ok(json!({"id": user}))
}

fn reset_password(ctx: &mut Ctx, user: UserId, by: By<'_>) -> Done {
    let found = admin(ctx)?.account(user)?;
    existing(found.is_some_and(|account| account.erased_at.is_none()), "user", user)?;
    let random = new_token().map_err(|_| Refusal::internal())?;
    let password: String = random.chars().filter(char::is_ascii_alphanumeric).take(PASSWORD_CHARACTERS).collect();
    let hashed = Hasher::new(ctx.shared.settings.get().password).hash(&password).map_err(|_| Refusal::internal())?;
    existing(admin(ctx)?.reset_password(user, &hashed, by)?, "user", user)?;
    ctx.end_sessions(user, Ended::All, None);
    Ok(json!({"id": user, "password": password}))
}

fn erase_user(ctx: &mut Ctx, user: UserId, by: By<'_>) -> Done {
    let found = admin(ctx)?.account(user)?.filter(|account| account.erased_at.is_none());
    let Some(account) = found else { return Err(Refusal::not_found(format!("there is no user {user}"))) };
    let held_until = ctx.shared.settings.get().names_held.map(|held| by.now.plus(held));
    existing(admin(ctx)?.erase_user(user, held_until, by)?, "user", user)?;
    ctx.end_sessions(user, Ended::All, None);
    erase::steps(ctx, user, &account.person.name);
    ctx.shared.sweep.soon();
    Ok(json!({"id": user}))
}

fn set_quota(ctx: &mut Ctx, user: UserId, (quota, value): (UserQuota, Option<u32>), by: By<'_>) -> Done {
    existing(admin(ctx)?.set_user_quota(user, quota, value, by)?, "user", user)?;
    Ok(json!({"id": user, "name": quota.name(), "value": value}))
}

fn groups(ctx: &mut Ctx, page: Page) -> Done {
    let rows = admin(ctx)?.all_groups(after(page), page.limit + 1)?;
    Ok(list("groups", rows, page.limit, group, |row| json!(row.id)))
}

fn group(row: &GroupOverview) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "desc": row.desc,
        "created": row.created_at,
        "creator": row.creator,
        "members": row.members,
        "last_seq": row.last_seq,
        "floor": row.floor,
        "retention_days": row.retention_days,
    })
}

fn group_shown(ctx: &mut Ctx, id: GroupId) -> Done {
    let found = admin(ctx)?.group_overview(id)?;
    found.map(|row| group(&row)).ok_or_else(|| Refusal::not_found(format!("there is no group {id}")))
}

fn delete_group(ctx: &mut Ctx, group: GroupId, by: By<'_>) -> Done {
    existing(admin(ctx)?.remove_group(group, by)?, "group", group)?;
    ctx.group_deleted(group);
    ctx.shared.sweep.soon();
    Ok(json!({"id": group}))
}

fn hand_over(ctx: &mut Ctx, group: GroupId, user: UserId, by: By<'_>) -> Done {
    match admin(ctx)?.hand_over(group, user, by)? {
        HandOver::Done(before, after) => {
            let roles = before.map(|person| (person, Role::Admin)).into_iter().chain([(after, Role::Creator)]);
            for (person, role) in roles {
                let (id, name) = (person.id, person.name.into());
                ctx.tell_group(group, &Notice::GroupRole { groupid: group, id, name, role });
            }
        }
        HandOver::Already => {}
        HandOver::NoSuchGroup => return Err(Refusal::not_found(format!("there is no group {group}"))),
        HandOver::NotInGroup => return Err(Refusal::conflict(format!("user {user} is not in group {group}"))),
    }
    Ok(json!({"id": group, "creator": user}))
}

fn sessions(ctx: &mut Ctx, after: (u32, u32), limit: u32, now: UnixMs) -> Done {
    let rows = admin(ctx)?.all_sessions(after, limit + 1, now)?;
    let number = |row: &AnySession| json!(format!("{}.{}", row.user.id, row.number));
    let session = |row: &AnySession| {
        json!({
            "number": number(row),
            "user": row.user.id,
            "name": row.user.name,
            "device": row.device,
            "address": row.address,
            "since": row.since,
            "used": row.used_at,
        })
    };
    Ok(list("sessions", rows, limit, session, number))
}

fn end_session(ctx: &mut Ctx, user: UserId, number: u32, by: By<'_>) -> Done {
    let ended = admin(ctx)?.end_any_session(user, number, by)?;
    existing(ended.is_some(), "session", format_args!("{user}.{number}"))?;
    if let Some(key) = ended.and_then(|ended| ended.key()) {
        ctx.end_sessions(user, Ended::One(key), None);
    }
    Ok(json!({"number": format!("{user}.{number}")}))
}

fn broadcast(ctx: &mut Ctx, text: &str, by: By<'_>) -> Done {
    // The text may name somebody: of whom nothing is to be left once that is erased.
    admin(ctx)?.note("broadcast", "cluster", &format!("{} bytes", text.len()), by)?;
    ctx.tell_everybody(&Notice::Broadcast { text: text.into() });
    let is_whole = !ctx.shared.bus.has_peers() || ctx.shared.bus.link() == LinkState::Up;
    Ok(json!({"told": if is_whole { "all nodes" } else { "this node only: Redis is away" }}))
}

fn audit(ctx: &mut Ctx, page: Page) -> Done {
    let rows = admin(ctx)?.audit(page.after, page.limit + 1)?;
    let row = |row: &AuditRow| {
        let AuditRow { id, at, who, action, subject, detail } = row;
        json!({"id": id, "at": at, "who": who, "action": action, "subject": subject, "detail": detail})
    };
    Ok(list("audit", rows, page.limit, row, |row| json!(row.id)))
}
