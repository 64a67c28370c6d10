//! What an answer rests on, asked of a replica and of the main database in the same words, by one statement. [`super::confirm`]
//! compares the two.

use std::collections::HashMap;

use super::lists::{lookups, repeated};
use super::verdict::Lack;
use super::{Arg, Fault, Row, Sql, SqlResult};
use crate::ids::{ConvId, GroupId, Seq, UserId};

/// The data as a whole, in a row. The parts below have as many columns.
const DATA: &str = "SELECT 0, (SELECT MAX(version) FROM SchemaVersion), (SELECT COALESCE(MAX(id), 0) FROM User), \
                    (SELECT COALESCE(MAX(id), 0) FROM AllGroup), 0, id, epoch FROM Cluster WHERE one = 1";

/// Of a user who is no member the last number is -1.
const CONVERSATIONS: &str = "SELECT 1, v.id, v.last_seq, v.floor_seq, COALESCE(g.joined_seq, -1), '', '' FROM Conversation v \
                             LEFT JOIN GroupUser g ON g.groupid = v.id AND g.userid = ? WHERE v.id IN";

const USERS: &str = "SELECT 2, id, 0, 0, 0, name, '' FROM User WHERE erased_at IS NULL AND id IN";

const GROUPS: &str = "SELECT 3, id, 0, 0, 0, groupname, '' FROM AllGroup WHERE id IN";

/// What is asked of beside the data as a whole.
#[derive(Clone, Copy, Default)]
pub(in crate::store) struct Asked<'a> {
    /// Who reads; without one nobody is a member of the conversations.
    pub(super) reader: Option<UserId>,
    pub(super) convs: &'a [ConvId],
    pub(super) users: &'a [UserId],
    pub(super) groups: &'a [GroupId],
}

/// Which data these are, in which state and form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::store) struct Data {
    pub(super) id: String,
    pub(super) epoch: String,
    pub(super) schema: i64,
    pub(super) last_user: i64,
    pub(super) last_group: i64,
}

/// A conversation, as far as reading it depends on that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) last_seq: Seq,
    /// What is ahead of it was kept long enough.
    pub(super) floor: Seq,
    /// Of a group: behind which number the reader may read; `None`: nothing.
    pub(super) joined: Option<Seq>,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::store) struct Ground {
    pub(in crate::store) data: Data,
    /// Those that exist.
    pub(super) convs: HashMap<ConvId, Held>,
    /// The names of those that exist and were not erased.
    pub(super) users: HashMap<UserId, String>,
    pub(super) groups: HashMap<GroupId, String>,
}

/// What `asked` rests on, as this server knows it.
pub(in crate::store) fn read(sql: &mut dyn Sql, asked: Asked<'_>) -> SqlResult<Ground> {
    let mut statement = DATA.to_owned();
    let mut args: Vec<Arg<'_>> = Vec::new();
    let mut add = |part: &str, len: usize, part_args: &[Arg<'static>]| {
        statement.extend([" UNION ALL ", part, " (", &repeated("?", ",", len), ")"]);
        args.extend(part_args);
    };
    let nobody = 0;
    let reader = asked.reader.map_or(nobody, |user| i64::from(user.number()));
    for lookup in lookups(asked.convs, |conv| [conv.into()]) {
        add(CONVERSATIONS, lookup.len, &[&[Arg::Int(reader)][..], &lookup.args].concat());
    }
    for lookup in lookups(asked.users, |user| [user.into()]) {
        add(USERS, lookup.len, &lookup.args);
    }
    for lookup in lookups(asked.groups, |group| [group.into()]) {
        add(GROUPS, lookup.len, &lookup.args);
    }
    let mut data = None;
    let (mut convs, mut users, mut groups) = (HashMap::new(), HashMap::new(), HashMap::new());
    for mut row in sql.rows(&statement, &args)? {
        match row.int(0)? {
            0 => data = Some(whole(&mut row)?),
            1 => convs.extend([(row.conv(1)?, held(&row)?)]),
            2 => users.extend([(row.user(1)?, row.text(5)?)]),
            _ => groups.extend([(row.group(1)?, row.text(5)?)]),
        }
    }
    let data = data.ok_or_else(|| Fault::Broken("the table Cluster has no row: the schema is damaged".into()))?;
    Ok(Ground { data, convs, users, groups })
}

fn whole(row: &mut Row) -> SqlResult<Data> {
    let (id, epoch) = (row.text(5)?, row.text(6)?);
    Ok(Data { id, epoch, schema: row.int(1)?, last_user: row.int(2)?, last_group: row.int(3)? })
}

fn held(row: &Row) -> SqlResult<Held> {
    let joined = Seq::try_from(row.int(4)?).ok();
    Ok(Held { last_seq: row.seq(2)?, floor: row.seq(3)?, joined })
}

/// Whether anything of what was said in these conversations behind these numbers is about a message ahead of it.
pub(super) fn has_events(sql: &mut dyn Sql, behind: &[(ConvId, Seq)]) -> SqlResult<bool> {
    for lookup in lookups(behind, |(conv, seq)| [conv.into(), seq.into()]) {
        let any = repeated("(conv = ? AND seq > ?)", " OR ", lookup.len);
        let statement = format!("SELECT 1 FROM Message WHERE ({any}) AND kind <> 0 LIMIT 1");
        if sql.first(&statement, &lookup.args)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the server still lacks this. What is gone there, as deleted groups are, is not lacking.
pub(in crate::store) fn is_lacking(sql: &mut dyn Sql, lack: Lack) -> SqlResult<bool> {
    match lack {
        Lack::Seq(conv, seq) => {
            let found = sql.first("SELECT last_seq FROM Conversation WHERE id = ?", &[conv.into()])?;
            found.map_or(Ok(false), |row| Ok(row.seq(0)? < seq))
        }
        Lack::User(id) => Ok(sql.first("SELECT 1 FROM User WHERE id >= ? LIMIT 1", &[id.into()])?.is_none()),
    }
}
