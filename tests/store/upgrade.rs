//! Databases of every earlier version (tests/upgrade) are brought up to date: what was in them stays, the tables are those of a
//! new database, people go on, and whatever ends it half way, the next start completes it.

mod first;
mod killed;
mod lives;
mod shape;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use self::shape::{Table, rows, shape, tables};
use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::fresh::{Fresh, Left};

/// A database as the server of an earlier version wrote it, on either system.
pub(crate) struct Dump {
    version: i64,
    sqlite: &'static str,
    mysql: &'static str,
}

impl Dump {
    fn on_sqlite(&self) -> Fresh {
        Fresh::old_sqlite(self.sqlite)
    }

    /// In a database of this name, which is new.
    fn on_mariadb(&self, name: &str) -> Fresh {
        Fresh::old_mysql(&MariaDb::shared().url(name), self.mysql)
    }

    /// What its head tells: each token that is good, of which user and device.
    fn tokens(head: &str) -> Vec<(u64, String, String)> {
        let told = |line: &str| -> Option<(u64, String, String)> {
            let (who, token) = line.strip_prefix("-- Token of user ")?.rsplit_once(": ")?;
            let (user, device) = who.split_once(' ').unwrap_or((who, "()"));
            let device = device.strip_prefix('(')?.strip_suffix(')')?;
            Some((user.parse().ok()?, device.to_owned(), token.to_owned()))
        };
        head.lines().filter_map(told).collect()
    }
}

/// The dumps, and tests of each.
macro_rules! dumps {
    ($($module:ident: $version:literal;)*) => {
        const DUMPS: &[Dump] = &[$(Dump {
            version: $version,
            sqlite: include_str!(concat!("../upgrade/sqlite_", $version, ".sql")),
            mysql: include_str!(concat!("../upgrade/mysql_", $version, ".sql")),
        }),*];

        $(mod $module {
            use super::*;

            const DUMP: &Dump = &DUMPS[$version - 1];

            #[test]
            fn on_sqlite() {
                goes_on(DUMP.on_sqlite(), &Fresh::sqlite(), DUMP, DUMP.sqlite);
            }

            #[test]
            fn on_mariadb() {
                let name = concat!("upgrade_", $version);
                goes_on(DUMP.on_mariadb(name), &Fresh::mariadb(name), DUMP, DUMP.mysql);
            }

            #[test]
            fn on_mariadb_killed_at_every_statement() {
                killed::at_every_statement(DUMP);
            }
        })*
    };
}

dumps! {
    of_version_1: 1;
    of_version_2: 2;
    of_version_3: 3;
    of_version_4: 4;
    of_version_5: 5;
}

/// Columns whose values the upgrade to a version changes on purpose.
const CHANGED: &[(&str, &str, i64)] = &[
    // The keys of names are those of PRECIS from then on: tests/store/names.rs.
    ("User", "name_key", 2),
    ("AllGroup", "name_key", 2),
    // What had arrived counts as read.
    ("Cursor", "read_seq", 3),
    // Of names of users who are erased only hashes are left: tests/store/admin.rs.
    ("HeldName", "name_key", 5),
];

#[test]
fn every_version_but_the_newest_has_dumps() {
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    for system in ["sqlite", "mysql"] {
        let files =
            fs::read_dir(sql.join(system)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut versions: BTreeSet<i64> = files.map(|name| name[..4].parse().expect("a number, as 0001")).collect();
        versions.pop_last();
        let dumped: BTreeSet<i64> = DUMPS.iter().map(|dump| dump.version).collect();
        assert_eq!(dumped, versions, "of {system}: tests/upgrade/README.md says how a dump is made");
    }
}

fn goes_on(fresh: Fresh, new: &Fresh, dump: &Dump, text: &str) {
    assert_eq!(fresh.number("SELECT MAX(version) FROM SchemaVersion"), dump.version);
    let before = tables(&fresh);
    let filled = before.iter().filter(|table| !table.rows.is_empty()).count();
    assert!(filled >= 10, "only {filled} tables have rows");

    fresh.stores.migrate().unwrap();
    for table in &before {
        is_kept(&fresh, table, dump.version);
    }
    assert_eq!(shape(&fresh), shape(new));

    let (flags, data) = match fresh.close() {
        Left::Folder(folder) => (["--data".to_owned(), folder.path().display().to_string()], Some(folder)),
        Left::Url(url) => (["--mysql".to_owned(), url], None),
    };
    nothing_is_wrong(&flags);
    let node = match data {
        Some(folder) => Node::start_in(folder, &[]),
        None => Node::start(&[&flags[0], &flags[1]]),
    };
    lives::everybody_goes_on(node.addr(), dump.version, &Dump::tokens(text));
    assert!(node.term().success(), "{}", node.log());
    nothing_is_wrong(&flags);
}

/// Every row of the table is there as it was, and no further one.
fn is_kept(fresh: &Fresh, table: &Table, version: i64) {
    let same: Vec<usize> =
        (0..table.columns.len()).filter(|&at| !is_changed(&table.name, &table.columns[at], version)).collect();
    let columns: Vec<String> = same.iter().map(|&at| table.columns[at].clone()).collect();
    let mut before: Vec<Vec<String>> =
        table.rows.iter().map(|row| same.iter().map(|&at| row[at].clone()).collect()).collect();
    before.sort();
    let mut after = rows(fresh, &table.name, &columns);
    if table.name == "SchemaVersion" {
        after.retain(|row| before.contains(row));
    }
    assert_eq!(after, before, "{} ({})", table.name, columns.join(", "));
}

/// Whether values of this column are other ones in a database that comes from `version`.
fn is_changed(table: &str, column: &str, version: i64) -> bool {
    CHANGED.iter().any(|changed| (changed.0, changed.1) == (table, column) && version < changed.2)
}

/// What `stonechat check` says.
fn nothing_is_wrong(flags: &[String; 2]) {
    let ended = Command::new(env!("CARGO_BIN_EXE_stonechat")).arg("check").args(flags).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "checked: nothing is wrong\n");
}
