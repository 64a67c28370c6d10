//! How far those in a conversation have come: what has arrived on whatever device, and what has been read.
//!
//! What a user has read is one number, whatever the device; it stands in the row of device 0.

use std::collections::HashMap;

use super::lists::{lookups, repeated};
use super::{Sql, SqlResult};
use crate::ids::{ConvId, DeviceId, GroupId, Members, Peer, Seq, UserId};
use crate::store::rights::Rules;
use crate::store::{ConversationEnd, ReceiptRow};

/// How far a user has come in a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Progress {
    pub(super) delivered: Seq,
    pub(super) read: Seq,
}

/// How far each of these users has come in each of these conversations.
pub(super) fn progress(
    sql: &mut dyn Sql,
    places: &[(UserId, ConvId)],
) -> SqlResult<HashMap<(UserId, ConvId), Progress>> {
    let mut convs_of: HashMap<UserId, Vec<ConvId>> = HashMap::new();
    for &(user, conv) in places {
        convs_of.entry(user).or_default().push(conv);
    }
    let users: Vec<UserId> = convs_of.keys().copied().collect();
    let mut rows: Vec<(UserId, DeviceId, ConvId)> =
        places.iter().map(|&(user, conv)| (user, DeviceId::UNNAMED, conv)).collect();
    for lookup in lookups(&users, |user| [user.into()]) {
        let list = repeated("?", ",", lookup.len);
        for row in sql.rows(&format!("SELECT userid, device FROM Device WHERE userid IN ({list})"), &lookup.args)? {
            let (user, device) = (row.user(0)?, row.device(1)?);
            let convs = convs_of.get(&user).map(Vec::as_slice).unwrap_or_default();
            rows.extend(convs.iter().map(|&conv| (user, device, conv)));
        }
    }
    let mut found: HashMap<(UserId, ConvId), Progress> = HashMap::new();
    for lookup in lookups(&rows, |(user, device, conv)| [user.into(), device.into(), conv.into()]) {
        let any = repeated("(userid = ? AND device = ? AND conv = ?)", " OR ", lookup.len);
        let statement = format!("SELECT userid, device, conv, delivered, read_seq FROM `Cursor` WHERE {any}");
        for row in sql.rows(&statement, &lookup.args)? {
            let progress = found.entry((row.user(0)?, row.conv(2)?)).or_default();
            progress.delivered = progress.delivered.max(row.seq(3)?);
            if row.device(1)? == DeviceId::UNNAMED {
                progress.read = row.seq(4)?;
            }
        }
    }
    Ok(found)
}

/// How far those in a conversation have come whose id is above `after`; `None`: it is not the reader's. Where one of two has
/// blocked the other, each sees only himself.
pub(super) fn of_conversation(
    sql: &mut dyn Sql,
    reader: UserId,
    conv: ConvId,
    after: u32,
    limit: u32,
) -> SqlResult<Option<Vec<ReceiptRow>>> {
    let users: Vec<UserId> = match conv.members() {
        Some(Members::Group(group)) => match members(sql, reader, group, after, limit)? {
            Some(members) => members,
            None => return Ok(None),
        },
        Some(Members::Pair(a, b)) if a == reader || b == reader => {
            let end = ends(sql, &[conv])?.into_iter().next();
            let is_told = |user: &UserId| *user == reader || end.is_some_and(|end| !end.rules.is_blocked());
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            [a, b].into_iter().filter(is_told).filter(|user| user.number() > after).take(limit).collect()
        }
        Some(Members::Pair(..)) | None => return Ok(None),
    };
    let places: Vec<(UserId, ConvId)> = users.iter().map(|&user| (user, conv)).collect();
    let progress = progress(sql, &places)?;
    let row = |&(user, conv): &(UserId, ConvId)| {
        let Progress { delivered, read } = *progress.get(&(user, conv))?;
        Some(ReceiptRow { user, delivered, read })
    };
    Ok(Some(places.iter().filter_map(row).collect()))
}

fn members(
    sql: &mut dyn Sql,
    reader: UserId,
    group: GroupId,
    after: u32,
    limit: u32,
) -> SqlResult<Option<Vec<UserId>>> {
    let is_member =
        "SELECT 1 FROM GroupUser m JOIN Conversation v ON v.id = m.groupid WHERE m.groupid = ? AND m.userid = ?";
    if sql.first(is_member, &[group.into(), reader.into()])?.is_none() {
        return Ok(None);
    }
    let statement = "SELECT userid FROM GroupUser WHERE groupid = ? AND userid > ? ORDER BY userid LIMIT ?";
    let rows = sql.rows(statement, &[group.into(), after.into(), limit.into()])?;
    Ok(Some(rows.iter().map(|row| row.user(0)).collect::<SqlResult<_>>()?))
}

/// Where those of these conversations end that exist, and what holds there.
pub(super) fn ends(sql: &mut dyn Sql, convs: &[ConvId]) -> SqlResult<Vec<ConversationEnd>> {
    let mut found = Vec::new();
    for lookup in lookups(convs, |conv| [conv.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("SELECT id, last_seq, rules FROM Conversation WHERE id IN ({list})");
        for row in sql.rows(&statement, &lookup.args)? {
            let end = ConversationEnd { conv: row.conv(0)?, last_seq: row.seq(1)?, rules: Rules(row.int(2)?) };
            found.push(end);
        }
    }
    Ok(found)
}

/// Whether it is told that this user is typing.
pub(super) fn is_typing_told(sql: &mut dyn Sql, user: UserId, to: Peer, members_max: u32) -> SqlResult<bool> {
    match to {
        Peer::Group(group) => {
            let statement = "SELECT 1 FROM GroupUser m JOIN AllGroup g ON g.id = m.groupid \
                             WHERE m.groupid = ? AND m.userid = ? AND g.members <= ?";
            Ok(sql.first(statement, &[group.into(), user.into(), members_max.into()])?.is_some())
        }
        Peer::User(peer) => {
            // Not to strangers.
            let statement = "SELECT rules, last_seq FROM Conversation WHERE id = ?";
            if let Some(row) = sql.first(statement, &[ConvId::pair(user, peer).into()])? {
                let (rules, last_seq) = (Rules(row.int(0)?), row.seq(1)?);
                if rules.is_blocked() || rules.is_erased() || last_seq > 0 {
                    return Ok(!rules.is_blocked() && !rules.is_erased());
                }
            }
            let are_friends = "SELECT 1 FROM Friend WHERE userid = ? AND friendid = ?";
            Ok(sql.first(are_friends, &[user.into(), peer.into()])?.is_some())
        }
    }
}
