//! Which earlier system a database is of, and where in it what stands: told by its columns, whatever the case of their names. Pure.

use crate::store::ClientDialect;

/// What RayBox' passwords take: SHA-224 in hexadecimal digits.
const SHA224_DIGITS: u64 = 56;

/// A column, as the database describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Column {
    pub(super) table: String,
    pub(super) name: String,
    /// How many characters it takes, where it takes characters.
    pub(super) chars: Option<u64>,
    /// No two rows have the same in it.
    pub(super) is_unique: bool,
}

/// A table, and those of its columns that are read, in the order that the reader wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

/// Where what stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// id, name, password
    pub(super) users: Place,
    /// user, friend
    pub(super) friends: Place,
    /// id, name, description
    pub(super) groups: Place,
    /// group, user, role
    pub(super) members: Place,
    /// recipient, message
    pub(super) offline: Place,
}

/// What a column may be called.
type Names = &'static [&'static str];

const USERS: (Names, &[Names]) = (&["user"], &[&["id"], &["name"], &["password"]]);
const FRIENDS: (Names, &[Names]) = (&["friend"], &[&["userid"], &["friendid"]]);
const GROUPS: (Names, &[Names]) =
    (&["allgroup", "group"], &[&["id", "groupid"], &["groupname", "name"], &["groupdesc", "description"]]);
const MEMBERS: (Names, &[Names]) = (&["groupuser"], &[&["groupid"], &["userid"], &["grouprole", "role"]]);
const OFFLINE: (Names, &[Names]) = (&["offlinemessage"], &[&["userid"], &["message"]]);

impl Layout {
    /// Finds everything.
    ///
    /// # Errors
    /// A sentence about what is missing.
    pub(super) fn of(columns: &[Column]) -> Result<Self, String> {
        Ok(Self {
            users: place(columns, USERS)?,
            friends: place(columns, FRIENDS)?,
            groups: place(columns, GROUPS)?,
            members: place(columns, MEMBERS)?,
            offline: place(columns, OFFLINE)?,
        })
    }
}

fn place(columns: &[Column], (tables, wanted): (Names, &[Names])) -> Result<Place, String> {
    let is_called = |name: &str, names: Names| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    let mut present: Vec<&str> =
        columns.iter().filter(|column| is_called(&column.table, tables)).map(|column| column.table.as_str()).collect();
    present.dedup();
    let mut missing = format!("it has no table `{}`", tables[0]);
    // Where names differ by case alone there may be several.
    for table in present {
        let own: Vec<&Column> = columns.iter().filter(|column| column.table == table).collect();
        let find = |names: &Names| {
            let found = names.iter().find_map(|name| own.iter().find(|column| column.name.eq_ignore_ascii_case(name)));
            found.map(|column| column.name.clone()).ok_or(names[0])
        };
        match wanted.iter().map(find).collect::<Result<Vec<String>, _>>() {
            Ok(columns) => return Ok(Place { table: table.to_owned(), columns }),
            Err(column) => missing = format!("its table `{table}` has no column `{column}`"),
        }
    }
    Err(missing)
}

/// What the columns say of the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Guess {
    /// It is this one.
    Is(ClientDialect),
    /// The course's, or Polaris': they have the same tables, and only messages tell.
    CourseOrPolaris,
}

/// Whose database has such columns.
pub(super) fn guess(columns: &[Column]) -> Guess {
    let find = |table: &str, name: &str| {
        let is_it =
            |column: &&Column| column.table.eq_ignore_ascii_case(table) && column.name.eq_ignore_ascii_case(name);
        columns.iter().find(is_it)
    };
    if find("group", "description").is_some() || find("groupuser", "role").is_some() {
        return Guess::Is(ClientDialect::Sponge);
    }
    if find("allgroup", "groupid").is_some() {
        return Guess::Is(ClientDialect::Qq);
    }
    if find("user", "password").is_some_and(|password| password.chars == Some(SHA224_DIGITS)) {
        return Guess::Is(ClientDialect::Sponge);
    }
    if find("allgroup", "groupname").is_some_and(|name| !name.is_unique) {
        return Guess::Is(ClientDialect::Cmf);
    }
    Guess::CourseOrPolaris
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(table: &str, name: &str) -> Column {
        let is_unique = name.eq_ignore_ascii_case("groupname");
        Column { table: table.to_owned(), name: name.to_owned(), chars: Some(50), is_unique }
    }

    fn course() -> Vec<Column> {
        let tables: [(&str, &[&str]); 5] = [
            ("allgroup", &["id", "groupname", "groupdesc"]),
            ("friend", &["userid", "friendid"]),
            ("groupuser", &["groupid", "userid", "grouprole"]),
            ("offlinemessage", &["userid", "message"]),
            ("user", &["id", "name", "password", "state"]),
        ];
        tables.iter().flat_map(|(table, names)| names.iter().map(|name| column(table, name))).collect()
    }

    #[test]
    fn tables_and_columns_are_found_whatever_their_case() {
        let layout = Layout::of(&course()).unwrap();
        assert_eq!(
            layout.users,
            Place { table: "user".into(), columns: ["id", "name", "password"].map(Into::into).into() }
        );
        let shouted: Vec<Column> = course()
            .into_iter()
            .map(|c| Column { table: c.table.to_uppercase(), name: c.name.to_uppercase(), ..c })
            .collect();
        assert_eq!(Layout::of(&shouted).unwrap().groups.columns, ["ID", "GROUPNAME", "GROUPDESC"]);
        assert_eq!(guess(&shouted), Guess::CourseOrPolaris);
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut columns = course();
        columns.retain(|column| column.name != "message");
        assert_eq!(Layout::of(&columns).unwrap_err(), "its table `offlinemessage` has no column `message`");
        columns.retain(|column| column.table != "offlinemessage");
        assert_eq!(Layout::of(&columns).unwrap_err(), "it has no table `offlinemessage`");
    }

    #[test]
    fn each_system_is_known_by_its_columns() {
        assert_eq!(guess(&course()), Guess::CourseOrPolaris);
        let altered = |change: &dyn Fn(&mut Column)| {
            let mut columns = course();
            columns.iter_mut().for_each(change);
            guess(&columns)
        };
        let qq = altered(&|column| {
            if column.table == "allgroup" && column.name == "id" {
                column.name = "groupid".to_owned();
            }
        });
        assert_eq!(qq, Guess::Is(ClientDialect::Qq));
        assert_eq!(altered(&|column| column.is_unique = false), Guess::Is(ClientDialect::Cmf));
        let raybox = altered(&|column| {
            column.is_unique = false;
            if column.name == "password" {
                column.chars = Some(56);
            }
        });
        assert_eq!(raybox, Guess::Is(ClientDialect::Sponge));
        let sponge = altered(&|column| {
            if column.name == "grouprole" {
                column.name = "role".to_owned();
            }
        });
        assert_eq!(sponge, Guess::Is(ClientDialect::Sponge));
    }
}
