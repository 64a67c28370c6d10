//! What a login tells of an account, in one statement: a UNION ALL of what is pending, the first friends and the first groups. A
//! database serves one long answer faster than four short ones, and all of it is of one moment. When many log in at once, the
//! statement is asked for many.

use std::collections::HashMap;

use super::lists::{Lookup, lookups, repeated};
use super::membership::{OWN_COLUMNS, own_group};
use super::pending::{OWN, Positions, by_device};
use super::{Arg, Fault, Row, Sql, SqlResult};
use crate::ids::{DeviceId, UserId};
use crate::store::{AccountPage, Pending};

/// What a row is, as its first column says.
const USER: i64 = 0;
const PENDING: i64 = 1;
const FRIEND: i64 = 2;
const GROUP: i64 = 3;

/// Greater than every id.
const BEYOND_IDS: i64 = 2_147_483_647;

/// The pages of these sessions, each given once.
pub(super) fn read(
    sql: &mut dyn Sql,
    sessions: &[(UserId, DeviceId)],
    limits: [u32; 2],
) -> SqlResult<Vec<AccountPage>> {
    let mut found: HashMap<(UserId, DeviceId), AccountPage> = HashMap::new();
    for (device, users) in by_device(sessions) {
        for lookup in lookups(&users, |user| [user.into()]) {
            let (statement, args) = question(device, &lookup, limits);
            for row in sql.rows(&statement, &args)? {
                let reader = row.user(1)?;
                take(row, found.entry((reader, device)).or_default())?;
            }
        }
    }
    let pages = sessions.iter().map(|session| found.remove(session).unwrap_or_default());
    Ok(pages.map(sorted).collect())
}

/// The statement for some users, with its parameters.
fn question<'a>(device: DeviceId, of: &Lookup<'a>, [friends, groups]: [u32; 2]) -> (String, Vec<Arg<'a>>) {
    let Positions { columns, source, is_behind, device } = Positions::of(device);
    let [conv, delivered, last_seq] = columns;
    let users = repeated("?", ",", of.len);
    let bounds = |table, other| {
        format!(
            "(SELECT w.id, COALESCE(( \
             SELECT {other} FROM {table} WHERE userid = w.id ORDER BY {other} LIMIT 1 OFFSET ?), ?) AS bound \
             FROM User w WHERE w.id IN ({users}) LIMIT ?) b"
        )
    };
    let (friend_bounds, group_bounds) = (bounds("Friend", "friendid"), bounds("GroupUser", "groupid"));
    // Columns: what the row is, whose, then those of a group, of which the others use what fits. A LIMIT would have friends and groups
    // copied, and MariaDB copies texts to a file: they are bounded by the id of the last one instead. The limit on the users is beyond
    // all of them; it has their bounds looked for once.
    let statement = format!(
        "SELECT {USER}, w.id, w.asked, NULL, NULL, NULL, NULL, \
         EXISTS (SELECT 1 FROM Block WHERE blocked = w.id), \
         COALESCE((SELECT 1 FROM GroupUser WHERE userid = w.id ORDER BY groupid LIMIT 1 OFFSET ?), 0), NULL \
         FROM User w WHERE w.id IN ({users}) UNION ALL \
         SELECT {PENDING}, c.userid, {conv}, NULL, NULL, NULL, NULL, {delivered}, {last_seq}, NULL FROM {source} \
         AND c.userid IN ({users}) AND {is_behind} AND {OWN} UNION ALL \
         SELECT {FRIEND}, f.userid, u.id, u.name, u.profile, NULL, NULL, 0, 0, NULL \
         FROM {friend_bounds} JOIN Friend f ON f.userid = b.id AND f.friendid <= b.bound \
         JOIN User u ON u.id = f.friendid UNION ALL \
         SELECT {GROUP}, m.userid, {OWN_COLUMNS} \
         FROM {group_bounds} JOIN GroupUser m ON m.userid = b.id AND m.groupid <= b.bound \
         JOIN AllGroup g ON g.id = m.groupid JOIN Conversation v ON v.id = m.groupid"
    );
    let bounded = |limit: u32| {
        let head = [limit.saturating_sub(1).into(), BEYOND_IDS.into()];
        head.into_iter().chain(of.args.iter().copied()).chain([BEYOND_IDS.into()])
    };
    let users = || of.args.iter().copied();
    let args = [Arg::from(groups)].into_iter().chain(users()).chain(device).chain(users());
    let args = args.chain(bounded(friends)).chain(bounded(groups));
    (statement, args.collect())
}

/// Nothing says in which order the rows of a union come.
fn sorted(mut page: AccountPage) -> AccountPage {
    page.pending.sort_unstable_by_key(|position| position.conv);
    page.friends.sort_unstable_by_key(|friend| friend.id);
    page.groups.sort_unstable_by_key(|(own, _)| own.group.id);
    page
}

fn take(mut row: Row, page: &mut AccountPage) -> SqlResult<()> {
    match row.int(0)? {
        USER => {
            page.is_asked = row.int(2)? != 0;
            page.is_blocked = row.int(7)? != 0;
            page.has_more_groups = row.int(8)? != 0;
        }
        PENDING => page.pending.push(Pending { conv: row.conv(2)?, delivered: row.seq(7)?, last_seq: row.seq(8)? }),
        FRIEND => page.friends.push(row.contact(2)?),
        GROUP => {
            row.0.drain(..2);
            page.groups.push(own_group(row)?);
        }
        other => return Err(Fault::Broken(format!("a row of a login is of kind {other}").into())),
    }
    Ok(())
}
