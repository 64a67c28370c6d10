//! How a user is erased: at once what lets it in and what it is called by, then the rest in pieces, each a short transaction
//! that may be run again. What a crash leaves behind is found in ErasedUser by the next piece, on whatever node.
//!
//! ```text
//!   begin: name, password, tokens
//!   Pairs -> Blocks -> Friends -> Groups -> Own      nobody meets it any more: step by step, others are told
//!     -> Words -> Reactions -> Lists                 what it has said is recalled: in the background
//! ```

use super::lists::{lookups, repeated};
use super::{Fault, Sql, SqlResult, blocks, groups, held, membership, tokens};
use crate::clock::UnixMs;
use crate::ids::{ConvId, DeviceId, Peer, Seq, UserId};
use crate::store::rights::{Rules, Standing};
use crate::store::{EraseStep, Named, Role, TokenHash};

/// The password that is none: no PHC string is empty, and none is stored that matches it.
const NO_PASSWORD: &str = "";
/// Rows of a piece, of whatever kind.
const PIECE: u32 = 200;
/// Messages that a piece looks at in one conversation.
const MESSAGES: Seq = 2_000;
/// Conversations that a piece looks at in which there is nothing to do.
const LOOKS_MAX: u32 = 20;
/// The largest id of a group's conversation; the larger ones are those of pairs.
const LAST_GROUP: i64 = 0xffff_ffff;

/// Where the erasing of a user is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Its conversations with one other user learn that it is gone.
    Pairs,
    /// It blocks nobody any more, and nobody blocks it.
    Blocks,
    /// It is nobody's friend, and asks nobody.
    Friends,
    /// It leaves its groups.
    Groups,
    /// What else is its own goes.
    Own,
    /// What it has said is recalled.
    Words,
    /// Its reactions go.
    Reactions,
    /// Its places in conversations go, and then nothing is left.
    Lists,
}

impl Stage {
    const ALL: [Self; 8] =
        [Self::Pairs, Self::Blocks, Self::Friends, Self::Groups, Self::Own, Self::Words, Self::Reactions, Self::Lists];

    fn from_number(number: i64) -> SqlResult<Self> {
        let stage = usize::try_from(number).ok().and_then(|number| Self::ALL.get(number));
        stage.copied().ok_or_else(|| Fault::Broken(format!("no stage of erasing is {number}").into()))
    }

    fn number(self) -> i64 {
        self as i64
    }

    fn next(self) -> Self {
        Self::ALL.into_iter().find(|stage| stage.number() == self.number() + 1).unwrap_or(Self::Lists)
    }
}

/// Where one user's erasing is: behind which message of which conversation, where that counts.
#[derive(Clone, Copy)]
struct Progress {
    user: UserId,
    stage: Stage,
    conv: i64,
    seq: Seq,
}

impl Progress {
    fn go_on(&mut self) {
        (self.stage, self.conv, self.seq) = (self.stage.next(), 0, 0);
    }
}

/// From here on nobody logs in as this user, nobody finds it, and its name is another's to take when it is held no more.
/// `None`: `proof`, where there is one, is not its password any more. The tokens that ended come back.
pub(super) fn begin(
    sql: &mut dyn Sql,
    user: UserId,
    proof: Option<&str>,
    held_until: Option<UnixMs>,
    now: UnixMs,
) -> SqlResult<Option<Vec<TokenHash>>> {
    let statement =
        format!("SELECT name_key, password FROM User WHERE id = ? AND erased_at IS NULL{}", sql.dialect().locked);
    let Some(mut row) = sql.first(&statement, &[user.into()])? else { return Ok(None) };
    let (old_key, password) = (row.text(0)?, row.text(1)?);
    if proof.is_some_and(|proof| password != proof) {
        return Ok(None);
    }
    // No name has such a key: it begins with a character that none may have.
    let key = format!("\0erased-{user}");
    sql.run(
        "UPDATE User SET name = '', name_key = ?, password = ?, profile = NULL, dialect = NULL, erased_at = ? \
         WHERE id = ?",
        &[key.as_str().into(), NO_PASSWORD.into(), now.into(), user.into()],
    )?;
    if let Some(until) = held_until {
        held::hold(sql, Named::User, &held::hidden(&old_key), user.number(), until)?;
    }
    // Names that the user had before are held for it, too.
    held::hide_of(sql, user)?;
    let insert_new = sql.dialect().insert_new;
    sql.run(&format!("{insert_new} ErasedUser (id) VALUES (?)"), &[user.into()])?;
    tokens::end_others(sql, user, None, now).map(Some)
}

/// The next user of whom something is left.
pub(super) fn next(sql: &mut dyn Sql) -> SqlResult<Option<UserId>> {
    sql.first("SELECT id FROM ErasedUser ORDER BY id LIMIT 1", &[])?.map(|row| row.user(0)).transpose()
}

/// Removes some of what others would meet of an erased user.
pub(super) fn step(sql: &mut dyn Sql, user: UserId, now: UnixMs) -> SqlResult<EraseStep> {
    let Some(progress) = progress(sql, user)? else { return Ok(EraseStep::Gone) };
    if progress.stage.number() >= Stage::Words.number() {
        return Ok(EraseStep::Gone);
    }
    piece(sql, progress, now)
}

/// Removes some of whatever is left of an erased user.
pub(super) fn sweep(sql: &mut dyn Sql, user: UserId, now: UnixMs) -> SqlResult<()> {
    let Some(progress) = progress(sql, user)? else { return Ok(()) };
    piece(sql, progress, now).map(drop)
}

/// The row's lock lets one node at a time work on a user.
fn progress(sql: &mut dyn Sql, user: UserId) -> SqlResult<Option<Progress>> {
    let statement = format!("SELECT stage, conv, seq FROM ErasedUser WHERE id = ?{}", sql.dialect().locked);
    let found = sql.first(&statement, &[user.into()])?;
    let progress = |row: super::Row| {
        Ok(Progress { user, stage: Stage::from_number(row.int(0)?)?, conv: row.int(1)?, seq: row.seq(2)? })
    };
    found.map(progress).transpose()
}

fn piece(sql: &mut dyn Sql, mut progress: Progress, now: UnixMs) -> SqlResult<EraseStep> {
    let mut told = EraseStep::Quiet;
    match progress.stage {
        Stage::Pairs => pairs(sql, &mut progress)?,
        Stage::Blocks => unblock(sql, &mut progress)?,
        Stage::Friends => told = unfriend(sql, &mut progress)?,
        Stage::Groups => told = leave_one(sql, &mut progress, now)?,
        Stage::Own => own(sql, &mut progress)?,
        Stage::Words => words(sql, &mut progress, now)?,
        Stage::Reactions => reactions(sql, &mut progress)?,
        Stage::Lists => {
            if !lists(sql, &mut progress)? {
                sql.run("DELETE FROM ErasedUser WHERE id = ?", &[progress.user.into()])?;
                return Ok(told);
            }
        }
    }
    let Progress { user, stage, conv, seq } = progress;
    let statement = "UPDATE ErasedUser SET stage = ?, conv = ?, seq = ? WHERE id = ?";
    sql.run(statement, &[stage.number().into(), conv.into(), seq.into(), user.into()])?;
    Ok(told)
}

/// The next conversations of two that the user is in.
fn next_pairs(sql: &mut dyn Sql, user: UserId, after: i64, limit: u32) -> SqlResult<Vec<ConvId>> {
    let statement = "SELECT conv FROM `Cursor` WHERE userid = ? AND device = 0 AND conv > ? ORDER BY conv LIMIT ?";
    let rows = sql.rows(statement, &[user.into(), after.max(LAST_GROUP).into(), limit.into()])?;
    rows.iter().map(|row| row.conv(0)).collect()
}

fn pairs(sql: &mut dyn Sql, progress: &mut Progress) -> SqlResult<()> {
    let convs = next_pairs(sql, progress.user, progress.conv, PIECE)?;
    match convs.last() {
        Some(last) => progress.conv = last.number(),
        None => progress.go_on(),
    }
    mark(sql, &convs)
}

/// Has conversations, in the order of their ids, refuse what comes for who is erased.
fn mark(sql: &mut dyn Sql, convs: &[ConvId]) -> SqlResult<()> {
    blocks::lock(sql, convs)?;
    for lookup in lookups(convs, |conv| [conv.into()]) {
        let list = repeated("?", ",", lookup.len);
        let statement = format!("UPDATE Conversation SET rules = rules | {} WHERE id IN ({list})", Rules::ERASED);
        sql.run(&statement, &lookup.args)?;
    }
    Ok(())
}

fn unblock(sql: &mut dyn Sql, progress: &mut Progress) -> SqlResult<()> {
    let user = progress.user;
    let mut convs = Vec::new();
    for statement in [
        "SELECT userid, blocked FROM Block WHERE userid = ? ORDER BY blocked LIMIT ?",
        "SELECT userid, blocked FROM Block WHERE blocked = ? ORDER BY userid LIMIT ?",
    ] {
        for row in sql.rows(statement, &[user.into(), PIECE.into()])? {
            convs.push(ConvId::pair(row.user(0)?, row.user(1)?));
        }
    }
    convs.sort_unstable();
    convs.dedup();
    if convs.is_empty() {
        progress.go_on();
        return Ok(());
    }
    // Some of these conversations have no message yet, and stand on nobody's list.
    mark(sql, &convs)?;
    for other in others(&convs, user) {
        let either = "DELETE FROM Block WHERE (userid = ? AND blocked = ?) OR (userid = ? AND blocked = ?)";
        sql.run(either, &[user.into(), other.into(), other.into(), user.into()])?;
    }
    Ok(())
}

fn others(convs: &[ConvId], user: UserId) -> impl Iterator<Item = UserId> {
    convs.iter().filter_map(move |conv| match conv.peer_of(user) {
        Some(Peer::User(other)) => Some(other),
        _ => None,
    })
}

fn unfriend(sql: &mut dyn Sql, progress: &mut Progress) -> SqlResult<EraseStep> {
    let user = progress.user;
    let first = "SELECT friendid FROM Friend WHERE userid = ? ORDER BY friendid LIMIT ?";
    let rows = sql.rows(first, &[user.into(), PIECE.into()])?;
    let friends = rows.iter().map(|row| row.user(0)).collect::<SqlResult<Vec<_>>>()?;
    if friends.is_empty() {
        sql.run("DELETE FROM FriendRequest WHERE userid = ?", &[user.into()])?;
        sql.run("DELETE FROM FriendRequest WHERE friendid = ?", &[user.into()])?;
        progress.go_on();
        return Ok(EraseStep::Quiet);
    }
    let directions = friends.iter().flat_map(|&friend| [(user, friend), (friend, user)]).collect::<Vec<_>>();
    for lookup in lookups(&directions, |(one, other)| [one.into(), other.into()]) {
        let any = repeated("(userid = ? AND friendid = ?)", " OR ", lookup.len);
        sql.run(&format!("DELETE FROM Friend WHERE {any}"), &lookup.args)?;
    }
    Ok(EraseStep::Unfriended(friends))
}

/// Leaves one group. What deleted groups have left is the sweeper's.
fn leave_one(sql: &mut dyn Sql, progress: &mut Progress, now: UnixMs) -> SqlResult<EraseStep> {
    let first = "SELECT m.groupid FROM GroupUser m JOIN Conversation v ON v.id = m.groupid \
                 WHERE m.userid = ? ORDER BY m.groupid LIMIT 1";
    let Some(row) = sql.first(first, &[progress.user.into()])? else {
        progress.go_on();
        return Ok(EraseStep::Quiet);
    };
    let (user, group) = (progress.user, row.group(0)?);
    if membership::lock(sql, group)?.is_none() {
        return Ok(EraseStep::Quiet);
    }
    let standing = membership::standing(sql, user, group)?;
    let Some(role) = standing.role else { return Ok(EraseStep::Quiet) };
    // Who is erased does not come back: no mute is kept.
    membership::leave(sql, user, group, Standing { muted_until: UnixMs(0), ..standing })?;
    if role != Role::Creator {
        return Ok(EraseStep::Left(group));
    }
    for condition in ["AND m.grouprole = 'admin' ", ""] {
        let heir = format!(
            "SELECT u.id, u.name FROM GroupUser m JOIN User u ON u.id = m.userid AND u.erased_at IS NULL \
             WHERE m.groupid = ? {condition}ORDER BY m.userid LIMIT 1"
        );
        if let Some(mut row) = sql.first(&heir, &[group.into()])? {
            let heir = row.person(0)?;
            let statement =
                "UPDATE GroupUser SET grouprole = 'creator', muted_until = 0 WHERE groupid = ? AND userid = ?";
            sql.run(statement, &[group.into(), heir.id.into()])?;
            return Ok(EraseStep::HandedOver(group, heir));
        }
    }
    groups::remove(sql, group, now)?;
    Ok(EraseStep::Deleted(group))
}

fn own(sql: &mut dyn Sql, progress: &mut Progress) -> SqlResult<()> {
    for table in ["GroupAsk", "GroupBan", "Device", "UserQuota"] {
        sql.run(&format!("DELETE FROM {table} WHERE userid = ?"), &[progress.user.into()])?;
    }
    progress.go_on();
    Ok(())
}

/// Recalls some of what the user has said: in any group, for it may have left some, and in its conversations of two.
fn words(sql: &mut dyn Sql, progress: &mut Progress, now: UnixMs) -> SqlResult<()> {
    for _ in 0..LOOKS_MAX {
        if progress.seq == 0 {
            let Some(conv) = next_conversation(sql, progress)? else {
                progress.go_on();
                return Ok(());
            };
            progress.conv = conv;
        }
        let (from, to) = (progress.seq, progress.seq.saturating_add(MESSAGES));
        let said = "SELECT seq FROM Message WHERE conv = ? AND seq > ? AND seq <= ? AND sender = ? \
                    AND (body <> '' OR cid IS NOT NULL)";
        let rows = sql.rows(said, &[progress.conv.into(), from.into(), to.into(), progress.user.into()])?;
        let said = rows.iter().map(|row| row.seq(0)).collect::<SqlResult<Vec<Seq>>>()?;
        let end = sql.first("SELECT last_seq FROM Conversation WHERE id = ?", &[progress.conv.into()])?;
        let end = end.map_or(Ok(0), |row| row.seq(0))?;
        // 0: behind the whole of it.
        progress.seq = if to < end { to } else { 0 };
        if !said.is_empty() {
            return recall(sql, progress.conv, &said, now);
        }
    }
    Ok(())
}

fn next_conversation(sql: &mut dyn Sql, progress: &Progress) -> SqlResult<Option<i64>> {
    let next = "SELECT id FROM Conversation WHERE id > ? AND id <= ? ORDER BY id LIMIT 1";
    if let Some(row) = sql.first(next, &[progress.conv.into(), LAST_GROUP.into()])? {
        return row.int(0).map(Some);
    }
    let pairs = next_pairs(sql, progress.user, progress.conv, 1)?;
    Ok(pairs.first().map(|conv| conv.number()))
}

/// Nothing is left of these messages but that there were some, and of their reactions; of events, what they are about.
fn recall(sql: &mut dyn Sql, conv: i64, seqs: &[Seq], now: UnixMs) -> SqlResult<()> {
    let locked = sql.dialect().locked;
    sql.first(&format!("SELECT id FROM Conversation WHERE id = ?{locked}"), &[conv.into()])?;
    for lookup in lookups(seqs, |seq| [seq.into()]) {
        let list = repeated("?", ",", lookup.len);
        let mut run = |statement: &str, first: &[super::Arg<'_>]| {
            let args: Vec<_> = first.iter().copied().chain(lookup.args.iter().copied()).collect();
            sql.run(&format!("{statement} ({list})"), &args)
        };
        let emptied = "UPDATE Message SET body = '', cid = NULL, reacted = 0, edited_seq = NULL, edited_at = ? \
             WHERE conv = ? AND seq IN";
        run(emptied, &[now.into(), conv.into()])?;
        run("DELETE FROM Reaction WHERE conv = ? AND of_seq IN", &[conv.into()])?;
        run("DELETE FROM ReactionTotal WHERE conv = ? AND of_seq IN", &[conv.into()])?;
    }
    Ok(())
}

fn reactions(sql: &mut dyn Sql, progress: &mut Progress) -> SqlResult<()> {
    let user = progress.user;
    let first = "SELECT conv, of_seq, reaction, is_on FROM Reaction WHERE userid = ? ORDER BY conv, of_seq LIMIT ?";
    let rows = sql.rows(first, &[user.into(), PIECE.into()])?;
    let Some(row) = rows.first() else {
        progress.go_on();
        return Ok(());
    };
    // One conversation at a time: it is locked, as by whoever reacts.
    let conv = row.int(0)?;
    let locked = sql.dialect().locked;
    sql.first(&format!("SELECT id FROM Conversation WHERE id = ?{locked}"), &[conv.into()])?;
    for mut row in rows {
        if row.int(0)? != conv {
            break;
        }
        let (seq, is_on, reaction) = (row.seq(1)?, row.int(3)? != 0, row.text(2)?);
        let key = [conv.into(), seq.into(), reaction.as_str().into()];
        let mine = "DELETE FROM Reaction WHERE conv = ? AND of_seq = ? AND reaction = ? AND userid = ?";
        let [conv, seq, reaction] = key;
        if sql.run(mine, &[conv, seq, reaction, user.into()])? > 0 && is_on {
            let fewer = "UPDATE ReactionTotal SET total = total - 1 WHERE conv = ? AND of_seq = ? AND reaction = ?";
            sql.run(fewer, &key)?;
            let none = "DELETE FROM ReactionTotal WHERE conv = ? AND of_seq = ? AND reaction = ? AND total <= 0";
            sql.run(none, &key)?;
        }
    }
    Ok(())
}

/// Removes some of the user's places in conversations; whether there is more to do.
fn lists(sql: &mut dyn Sql, progress: &mut Progress) -> SqlResult<bool> {
    let user = progress.user;
    // A request that was under way when the user was erased may have made these.
    let late = "SELECT 1 FROM Friend WHERE userid = ? UNION ALL \
                SELECT 1 FROM GroupUser m JOIN Conversation v ON v.id = m.groupid WHERE m.userid = ? LIMIT 1";
    if sql.first(late, &[user.into(), user.into()])?.is_some() {
        (progress.stage, progress.conv, progress.seq) = (Stage::Pairs, 0, 0);
        return Ok(true);
    }
    let rows = sql.rows("SELECT device, conv FROM `Cursor` WHERE userid = ? LIMIT ?", &[user.into(), PIECE.into()])?;
    let places = rows.iter().map(|row| Ok((row.device(0)?, row.conv(1)?)));
    let mut places = places.collect::<SqlResult<Vec<(DeviceId, ConvId)>>>()?;
    places.sort_unstable();
    for lookup in lookups(&places, |(device, conv)| [user.into(), device.into(), conv.into()]) {
        let any = repeated("(userid = ? AND device = ? AND conv = ?)", " OR ", lookup.len);
        sql.run(&format!("DELETE FROM `Cursor` WHERE {any}"), &lookup.args)?;
    }
    Ok(!places.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_each_other_and_are_known_by_their_numbers() {
        for (number, stage) in (0..).zip(Stage::ALL) {
            assert_eq!(stage.number(), number);
            assert_eq!(Stage::from_number(number).unwrap(), stage);
        }
        assert_eq!(Stage::Own.next(), Stage::Words);
        assert!(Stage::from_number(8).is_err());
    }
}
