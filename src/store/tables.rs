//! Every table of the data: the order in which a dump has them, by what their rows are in order, and what each column holds.
//! Dump and load work from this list alone, so a further table or column is one entry. No SQL.
//!
//! A test compares the list with the schema: what is in neither it nor [`LEFT_OUT`] has been forgotten.

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A whole number: ids, counts, milliseconds since 1970 UTC.
    Number,
    /// Text in UTF-8.
    Text,
    /// Bytes.
    Bytes,
}

/// What a row that does not name the column has there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Absent {
    /// There is no such row.
    Refused,
    /// NULL, which is never written.
    Null,
    /// This: the column is younger than the oldest dumps. It is written all the same.
    Number(i64),
}

/// A column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Column {
    /// What it is called in every database and in a dump.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) absent: Absent,
}

/// A table.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Table {
    /// What a dump calls it.
    pub(crate) tag: &'static str,
    /// What the databases call it.
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
    /// The first columns, as many, are the primary key, by which the rows are in order.
    pub(crate) key: usize,
    /// The database numbers its rows, and gives no number twice.
    pub(crate) is_numbered: bool,
}

/// A value of a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// How much it adds to a statement, in bytes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Null | Self::Number(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Number, absent: Absent::Refused }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, absent: Absent::Refused }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes, absent: Absent::Refused }
}

impl Column {
    const fn or_null(self) -> Self {
        Self { absent: Absent::Null, ..self }
    }

    const fn or(self, number: i64) -> Self {
        Self { absent: Absent::Number(number), ..self }
    }
}

const fn table(tag: &'static str, name: &'static str, key: usize, columns: &'static [Column]) -> Table {
    Table { tag, name, columns, key, is_numbered: false }
}

impl Table {
    const fn numbered(self) -> Self {
        Self { is_numbered: true, ..self }
    }

    /// The one that a dump calls so.
    pub(crate) fn tagged(tag: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.tag == tag)
    }
}

/// All of them, in the order of a dump: what others refer to comes first.
pub(crate) static TABLES: [Table; 23] = [
    table(
        "user",
        "User",
        1,
        &[
            number("id"),
            text("name"),
            text("name_key"),
            text("password"),
            number("created_at"),
            text("profile").or_null(),
            number("erased_at").or_null(),
            number("asked"),
            text("dialect").or_null(),
            number("disabled_at").or_null(),
        ],
    )
    .numbered(),
    table("held_name", "HeldName", 2, &[number("of_group"), text("name_key"), number("owner"), number("until")]),
    table("device", "Device", 2, &[number("userid"), number("device"), text("name"), number("used")]),
    table(
        "token",
        "AuthToken",
        1,
        &[
            bytes("token_hash"),
            number("userid"),
            number("expires_at"),
            number("number"),
            text("device"),
            text("address"),
            number("since"),
            number("used_at"),
        ],
    ),
    table("ended_token", "EndedToken", 1, &[bytes("token_hash"), number("userid"), number("ended_at")]),
    table("friend", "Friend", 2, &[number("userid"), number("friendid")]),
    table(
        "friend_request",
        "FriendRequest",
        2,
        &[number("userid"), number("friendid"), text("msg"), number("created_at")],
    ),
    table("block", "Block", 2, &[number("userid"), number("blocked")]),
    table(
        "group",
        "AllGroup",
        1,
        &[
            number("id"),
            text("groupname"),
            text("name_key"),
            text("groupdesc"),
            number("created_at"),
            number("members"),
            text("joining"),
            text("history"),
            number("retention_days").or_null(),
        ],
    )
    .numbered(),
    table(
        "member",
        "GroupUser",
        2,
        &[number("groupid"), number("userid"), text("grouprole"), number("muted_until"), number("joined_seq")],
    ),
    table("ban", "GroupBan", 2, &[number("groupid"), number("userid"), number("banned_at")]),
    table(
        "group_ask",
        "GroupAsk",
        3,
        &[number("groupid"), number("wish"), number("userid"), number("invited_by").or_null(), number("asked_at")],
    ),
    table("kept_mute", "KeptMute", 2, &[number("groupid"), number("userid"), number("muted_until")]),
    table(
        "conversation",
        "Conversation",
        1,
        &[
            number("id"),
            number("last_seq"),
            number("rules"),
            number("last_msg"),
            number("active_at"),
            number("floor_seq").or(0),
        ],
    ),
    table(
        "message",
        "Message",
        2,
        &[
            number("conv"),
            number("seq"),
            number("kind"),
            number("sender"),
            number("sent_at"),
            text("cid").or_null(),
            text("body"),
            number("of_seq").or_null(),
            number("edited_seq").or_null(),
            number("edited_at").or_null(),
            number("reacted"),
        ],
    ),
    table(
        "cursor",
        "Cursor",
        3,
        &[number("userid"), number("device"), number("conv"), number("delivered"), number("read_seq"), number("flags")],
    ),
    table(
        "reaction",
        "Reaction",
        4,
        &[
            number("conv"),
            number("of_seq"),
            text("reaction"),
            number("userid"),
            number("seq"),
            number("sent_at"),
            number("is_on"),
        ],
    ),
    table(
        "reaction_total",
        "ReactionTotal",
        3,
        &[number("conv"), number("of_seq"), text("reaction"), number("total"), number("since")],
    ),
    table("deleted_group", "DeletedGroup", 1, &[number("id"), number("deleted_at")]),
    table("erased_user", "ErasedUser", 1, &[number("id"), number("stage"), number("conv"), number("seq")]),
    table("imported", "Imported", 2, &[number("kind"), number("id"), number("mark")]),
    table("user_quota", "UserQuota", 2, &[number("userid"), text("name"), number("value")]),
    table(
        "audit",
        "Audit",
        1,
        &[number("id"), number("at"), text("who"), text("action"), text("subject"), text("detail")],
    )
    .numbered(),
];

/// What no dump has: the identity, which stands in its first line; what belongs to running nodes; and the schema's own. A table, or
/// a column of one. (On MySQL also when rows have changed, for nodes that run: `changed_at`, and the table GoneGroup.)
#[cfg(test)]
pub(crate) const LEFT_OUT: [&str; 6] = ["Cluster", "Node", "Lease", "SchemaVersion", "User.state", "User.state_node"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_names_are_unique_and_keys_are_never_null() {
        for table in &TABLES {
            assert_eq!(TABLES.iter().filter(|other| other.tag == table.tag || other.name == table.name).count(), 1);
            assert!(table.key >= 1 && table.key <= table.columns.len());
            assert!(table.columns[..table.key].iter().all(|column| column.absent == Absent::Refused));
        }
        // Words that begin lines of their own.
        for word in ["end", "last_id"] {
            assert!(Table::tagged(word).is_none());
        }
    }
}
