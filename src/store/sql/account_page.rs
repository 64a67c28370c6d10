//! What a login tells of an account, in one statement: a UNION ALL of what is pending, the first friends and the first groups. A
//! database serves one long answer faster than four short ones, and all of it is of one moment.

use super::membership::{OWN_COLUMNS, own_group};
use super::pending::{OWN, Positions};
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

pub(super) fn read(
    sql: &mut dyn Sql,
    user: UserId,
    device: DeviceId,
    [friends, groups]: [u32; 2],
) -> SqlResult<AccountPage> {
    let Positions { columns, source, is_behind, device } = Positions::of(device);
    let [conv, delivered, last_seq] = columns;
    // Columns: what the row is, then those of a group, of which the others use what fits. A LIMIT would have the friends copied,
    // and MariaDB copies texts to a file: they are bounded by the id of the last one instead.
    let statement = format!(
        "SELECT {USER}, asked, NULL, NULL, NULL, NULL, 0, 0, NULL FROM User WHERE id = ? UNION ALL \
         SELECT {PENDING}, {conv}, NULL, NULL, NULL, NULL, {delivered}, {last_seq}, NULL FROM {source} \
         AND c.userid = ? AND {is_behind} AND {OWN} UNION ALL \
         SELECT {FRIEND}, u.id, u.name, u.profile, NULL, NULL, 0, 0, NULL \
         FROM Friend f JOIN User u ON u.id = f.friendid WHERE f.userid = ? AND f.friendid <= COALESCE(( \
         SELECT friendid FROM Friend WHERE userid = ? ORDER BY friendid LIMIT 1 OFFSET ?), ?) UNION ALL \
         SELECT {GROUP}, p.* FROM (SELECT {OWN_COLUMNS} FROM GroupUser m \
         JOIN AllGroup g ON g.id = m.groupid JOIN Conversation v ON v.id = m.groupid \
         WHERE m.userid = ? ORDER BY m.groupid LIMIT ?) p"
    );
    let me = Arg::from(user);
    let last_friend = friends.saturating_sub(1);
    let args =
        [me].into_iter().chain(device).chain([me, me, me, last_friend.into(), BEYOND_IDS.into(), me, groups.into()]);
    let mut page = AccountPage::default();
    for row in sql.rows(&statement, &args.collect::<Vec<_>>())? {
        take(row, &mut page)?;
    }
    // Nothing says in which order the rows of a union come.
    page.pending.sort_unstable_by_key(|position| position.conv);
    page.friends.sort_unstable_by_key(|friend| friend.id);
    page.groups.sort_unstable_by_key(|(own, _)| own.group.id);
    Ok(page)
}

fn take(mut row: Row, page: &mut AccountPage) -> SqlResult<()> {
    match row.int(0)? {
        USER => page.is_asked = row.int(1)? != 0,
        PENDING => page.pending.push(Pending { conv: row.conv(1)?, delivered: row.seq(6)?, last_seq: row.seq(7)? }),
        FRIEND => page.friends.push(row.contact(1)?),
        GROUP => {
            row.0.remove(0);
            page.groups.push(own_group(row)?);
        }
        other => return Err(Fault::Broken(format!("a row of a login is of kind {other}").into())),
    }
    Ok(())
}
