//! What administrators see and do: the statements. Every change and its row in Audit share a transaction.

use super::membership::{lock, role_name, standing};
use super::{Engine, Row, Sql, SqlResult, SqlStore, accounts, erase, export, groups, retention, tokens, user_quota};
use crate::clock::UnixMs;
use crate::ids::{GroupId, UserId};
use crate::store::admin::{
    AccountRow, AdminStore, Aged, AnySession, AuditRow, By, GroupOverview, HandOver, OwnConversation, OwnMessage,
    OwnReaction, WordsPlace,
};
use crate::store::{EndedToken, Person, Result, Role, UserQuota};

/// Users whose sessions get numbers in one go.
const NUMBERED_AT_ONCE: u32 = 200;

const ACCOUNTS: &str = "SELECT id, name, created_at, disabled_at, erased_at, state FROM User WHERE";

const GROUPS: &str = "SELECT g.id, g.groupname, g.groupdesc, g.created_at, g.members, g.retention_days, v.last_seq, \
                      v.floor_seq, (SELECT m.userid FROM GroupUser m WHERE m.groupid = g.id \
                      AND m.grouprole = 'creator' ORDER BY m.userid LIMIT 1) \
                      FROM AllGroup g JOIN Conversation v ON v.id = g.id WHERE";

impl<E: Engine> AdminStore for SqlStore<E> {
    fn accounts(&mut self, after: u32, limit: u32) -> Result<Vec<AccountRow>> {
        let page = format!("{ACCOUNTS} id > ? ORDER BY id LIMIT ?");
        self.0.read(|sql| sql.rows(&page, &[after.into(), limit.into()])?.into_iter().map(account).collect())
    }

    fn account(&mut self, user: UserId) -> Result<Option<AccountRow>> {
        self.0.read(|sql| sql.first(&format!("{ACCOUNTS} id = ?"), &[user.into()])?.map(account).transpose())
    }

    fn user_quotas(&mut self, user: UserId) -> Result<Vec<(String, u32)>> {
        self.0.read(|sql| user_quota::all(sql, user))
    }

    fn disable(&mut self, user: UserId, by: By<'_>) -> Result<bool> {
        self.0.write(|sql| {
            let change = |sql: &mut dyn Sql| {
                let statement = "UPDATE User SET disabled_at = ? WHERE id = ?";
                sql.run(statement, &[by.now.into(), user.into()]).map(drop)
            };
            of_user(sql, user, ("disable", ""), by, change)
        })
    }

    fn enable(&mut self, user: UserId, by: By<'_>) -> Result<bool> {
        self.0.write(|sql| {
            let change = |sql: &mut dyn Sql| {
                sql.run("UPDATE User SET disabled_at = NULL WHERE id = ?", &[user.into()]).map(drop)
            };
            of_user(sql, user, ("enable", ""), by, change)
        })
    }

    fn reset_password(&mut self, user: UserId, password: &str, by: By<'_>) -> Result<bool> {
        self.0.write(|sql| {
            let change = |sql: &mut dyn Sql| {
                sql.run("UPDATE User SET password = ? WHERE id = ?", &[password.into(), user.into()])?;
                tokens::end_others(sql, user, None, by.now).map(drop)
            };
            of_user(sql, user, ("reset-password", ""), by, change)
        })
    }

    fn log_out(&mut self, user: UserId, by: By<'_>) -> Result<bool> {
        self.0.write(|sql| {
            let change = |sql: &mut dyn Sql| tokens::end_others(sql, user, None, by.now).map(drop);
            of_user(sql, user, ("logout", ""), by, change)
        })
    }

    fn erase_user(&mut self, user: UserId, held_until: Option<UnixMs>, by: By<'_>) -> Result<bool> {
        self.0.write(|sql| {
            let change = |sql: &mut dyn Sql| erase::begin(sql, user, None, held_until, by.now).map(drop);
            of_user(sql, user, ("erase", ""), by, change)
        })
    }

    fn set_user_quota(&mut self, user: UserId, quota: UserQuota, value: Option<u32>, by: By<'_>) -> Result<bool> {
        let detail = match value {
            Some(value) => format!("{} {value}", quota.name()),
            None => format!("{} as the settings say", quota.name()),
        };
        self.0.write(|sql| {
            let change = |sql: &mut dyn Sql| user_quota::set(sql, user, quota, value);
            of_user(sql, user, ("quota", &detail), by, change)
        })
    }

    fn all_groups(&mut self, after: u32, limit: u32) -> Result<Vec<GroupOverview>> {
        let page = format!("{GROUPS} g.id > ? ORDER BY g.id LIMIT ?");
        self.0.read(|sql| sql.rows(&page, &[after.into(), limit.into()])?.into_iter().map(overview).collect())
    }

    fn group_overview(&mut self, group: GroupId) -> Result<Option<GroupOverview>> {
        self.0.read(|sql| sql.first(&format!("{GROUPS} g.id = ?"), &[group.into()])?.map(overview).transpose())
    }

    fn remove_group(&mut self, group: GroupId, by: By<'_>) -> Result<bool> {
        self.0.write(|sql| {
            if lock(sql, group)?.is_none() {
                return Ok(false);
            }
            groups::remove(sql, group, by.now)?;
            of_group(sql, group, ("delete", ""), by)
        })
    }

    fn hand_over(&mut self, group: GroupId, to: UserId, by: By<'_>) -> Result<HandOver> {
        self.0.write(|sql| hand_over(sql, group, to, by))
    }

    fn set_group_retention(&mut self, group: GroupId, days: Option<u32>, by: By<'_>) -> Result<bool> {
        let detail = days.map_or_else(|| "as the settings say".to_owned(), |days| format!("{days} days"));
        self.0.write(|sql| {
            if lock(sql, group)?.is_none() {
                return Ok(false);
            }
            let days = days.map_or(super::Arg::Null, Into::into);
            sql.run("UPDATE AllGroup SET retention_days = ? WHERE id = ?", &[days, group.into()])?;
            of_group(sql, group, ("retention", &detail), by)
        })
    }

    fn all_sessions(&mut self, after: (u32, u32), limit: u32, now: UnixMs) -> Result<Vec<AnySession>> {
        let old = "SELECT DISTINCT userid FROM AuthToken WHERE number = 0 ORDER BY userid LIMIT ?";
        let users = self.0.read(|sql| {
            let rows = sql.rows(old, &[NUMBERED_AT_ONCE.into()])?;
            rows.iter().map(|row| row.user(0)).collect::<SqlResult<Vec<_>>>()
        })?;
        for user in users {
            self.0.write(|sql| tokens::give_numbers(sql, user))?;
        }
        self.0.read(|sql| sessions(sql, after, limit, now))
    }

    fn end_any_session(&mut self, user: UserId, number: u32, by: By<'_>) -> Result<Option<EndedToken>> {
        self.0.write(|sql| {
            let Some(token) = tokens::end(sql, user, number, by.now)? else { return Ok(None) };
            note(sql, "end", &format!("session {user}.{number}"), "", by)?;
            Ok(Some(EndedToken { user, token: Some(token) }))
        })
    }

    fn note(&mut self, action: &str, subject: &str, detail: &str, by: By<'_>) -> Result<()> {
        self.0.write_one(|sql| note(sql, action, subject, detail, by))
    }

    fn audit(&mut self, after: u64, limit: u32) -> Result<Vec<AuditRow>> {
        let page = "SELECT id, at, who, action, subject, detail FROM Audit WHERE id > ? ORDER BY id LIMIT ?";
        self.0.read(|sql| sql.rows(page, &[after.into(), limit.into()])?.into_iter().map(audit_row).collect())
    }

    fn devices(&mut self, user: UserId) -> Result<Vec<String>> {
        self.0.read(|sql| export::devices(sql, user))
    }

    fn own_conversations(&mut self, user: UserId, after: i64, limit: u32) -> Result<Vec<OwnConversation>> {
        self.0.read(|sql| export::conversations(sql, user, after, limit))
    }

    fn own_messages(&mut self, user: UserId, from: WordsPlace) -> Result<(Vec<OwnMessage>, Option<WordsPlace>)> {
        self.0.read(|sql| export::messages(sql, user, from))
    }

    fn own_reactions(&mut self, user: UserId, after: Option<&OwnReaction>, limit: u32) -> Result<Vec<OwnReaction>> {
        self.0.read(|sql| export::reactions(sql, user, after, limit))
    }

    fn lease(&mut self, work: &str, holder: &str, until: UnixMs, now: UnixMs) -> Result<bool> {
        self.0.write(|sql| retention::lease(sql, work, holder, until, now))
    }

    fn release_lease(&mut self, work: &str, holder: &str) -> Result<()> {
        self.0.write_one(|sql| retention::release(sql, work, holder))
    }

    fn is_aging(&mut self, days: Option<u32>) -> Result<bool> {
        Ok(days.is_some() || self.0.read(retention::has_groups)?)
    }

    fn age(&mut self, after: i64, days: Option<u32>, now: UnixMs) -> Result<Aged> {
        let (candidates, end) = self.0.read(|sql| retention::candidates(sql, after, days, now))?;
        match candidates.first() {
            Some(&(conv, bound)) => {
                let (removed, is_all) = self.0.write(|sql| retention::piece(sql, conv, bound))?;
                // In this conversation again, or behind it.
                Ok(Aged { next: Some(if is_all { conv } else { conv - 1 }), removed })
            }
            None => Ok(Aged { next: end, removed: 0 }),
        }
    }
}

/// Changes something of a user who is there, and notes it.
fn of_user(
    sql: &mut dyn Sql,
    user: UserId,
    (action, detail): (&str, &str),
    by: By<'_>,
    change: impl FnOnce(&mut dyn Sql) -> SqlResult<()>,
) -> SqlResult<bool> {
    accounts::lock_devices(sql, user)?;
    if !accounts::exists(sql, user)? {
        return Ok(false);
    }
    change(sql)?;
    note(sql, action, &format!("user {user}"), detail, by)?;
    Ok(true)
}

fn of_group(sql: &mut dyn Sql, group: GroupId, (action, detail): (&str, &str), by: By<'_>) -> SqlResult<bool> {
    note(sql, action, &format!("group {group}"), detail, by)?;
    Ok(true)
}

fn note(sql: &mut dyn Sql, action: &str, subject: &str, detail: &str, by: By<'_>) -> SqlResult<()> {
    let statement = "INSERT INTO Audit (at, who, action, subject, detail) VALUES (?, ?, ?, ?, ?)";
    sql.run(statement, &[by.now.into(), by.who.into(), action.into(), subject.into(), detail.into()])?;
    Ok(())
}

fn hand_over(sql: &mut dyn Sql, group: GroupId, to: UserId, by: By<'_>) -> SqlResult<HandOver> {
    if lock(sql, group)?.is_none() {
        return Ok(HandOver::NoSuchGroup);
    }
    match standing(sql, to, group)?.role {
        None => return Ok(HandOver::NotInGroup),
        Some(Role::Creator) => return Ok(HandOver::Already),
        Some(Role::Admin | Role::Normal) => {}
    }
    let owner = "SELECT u.id, u.name FROM GroupUser m JOIN User u ON u.id = m.userid \
                 WHERE m.groupid = ? AND m.grouprole = 'creator' LIMIT 1";
    let before: Option<Person> = sql.first(owner, &[group.into()])?.map(|mut row| row.person(0)).transpose()?;
    let role = "UPDATE GroupUser SET grouprole = ?, muted_until = 0 WHERE groupid = ? AND userid = ?";
    if let Some(before) = &before {
        sql.run(role, &[role_name(Role::Admin).into(), group.into(), before.id.into()])?;
    }
    sql.run(role, &[role_name(Role::Creator).into(), group.into(), to.into()])?;
    of_group(sql, group, ("hand-over", &format!("to user {to}")), by)?;
    let after = sql.first("SELECT id, name FROM User WHERE id = ?", &[to.into()])?;
    let after = after.map_or(Ok(Person { id: to, name: String::new() }), |mut row| row.person(0))?;
    Ok(HandOver::Done(before, after))
}

fn sessions(sql: &mut dyn Sql, (user, number): (u32, u32), limit: u32, now: UnixMs) -> SqlResult<Vec<AnySession>> {
    let statement = "SELECT t.userid, u.name, t.number, t.device, t.address, t.since, t.used_at FROM AuthToken t \
                     JOIN User u ON u.id = t.userid WHERE t.userid >= ? AND (t.userid > ? OR t.number > ?) \
                     AND t.number > 0 AND t.expires_at > ? ORDER BY t.userid, t.number LIMIT ?";
    let args = [user.into(), user.into(), number.into(), now.into(), limit.into()];
    let session = |mut row: Row| {
        Ok(AnySession {
            user: row.person(0)?,
            number: row.count(2)?,
            device: row.text(3)?,
            address: row.text(4)?,
            since: row.time(5)?,
            used_at: row.time(6)?,
        })
    };
    sql.rows(statement, &args)?.into_iter().map(session).collect()
}

fn account(mut row: Row) -> SqlResult<AccountRow> {
    Ok(AccountRow {
        person: row.person(0)?,
        created_at: row.time(2)?,
        disabled_at: row.time_or_null(3)?,
        erased_at: row.time_or_null(4)?,
        is_online: row.text(5)? == "online",
    })
}

fn overview(mut row: Row) -> SqlResult<GroupOverview> {
    let retention_days = row.time_or_null(5)?.map(|days| u32::try_from(days.0).unwrap_or(u32::MAX));
    let creator = if row.time_or_null(8)?.is_some() { Some(row.user(8)?) } else { None };
    Ok(GroupOverview {
        id: row.group(0)?,
        name: row.text(1)?,
        desc: row.text(2)?,
        created_at: row.time(3)?,
        members: row.seq(4)?,
        retention_days,
        creator,
        last_seq: row.seq(6)?,
        floor: row.seq(7)?,
    })
}

fn audit_row(mut row: Row) -> SqlResult<AuditRow> {
    Ok(AuditRow {
        id: row.seq(0)?,
        at: row.time(1)?,
        who: row.text(2)?,
        action: row.text(3)?,
        subject: row.text(4)?,
        detail: row.text(5)?,
    })
}
