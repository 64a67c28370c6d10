//! The schema's versions: the numbered files of sql/, in order, and what a database of some version still lacks.
//!
//! The backends run the statements, each under its own kind of lock. A file is never edited once landed. Its
//! statements can be repeated (`IF NOT EXISTS`), because MySQL commits each of them by itself: a node that dies half
//! way leaves a schema that the next start completes. `ALTER TABLE t ADD COLUMN c ...`, which no database but MariaDB
//! lets repeat, is passed over where the column is there already.

use super::sql::{self, Sql, SqlResult, upgrade};
use super::{Result, StoreError};
use crate::clock::UnixMs;

/// One numbered file, and what SQL cannot say.
pub(super) struct Migration {
    /// Its number; files count 1, 2, 3, ...
    pub(super) version: i64,
    sql: &'static str,
    /// Run behind the file's statements. It may be run again.
    pub(super) code: &'static [fn(&mut dyn Sql) -> SqlResult<()>],
    /// Run behind that, each until it says that it is done: what is too much for one transaction.
    pub(super) pieces: &'static [Piece],
}

/// Changes the rows behind an id, as many as one transaction should; where to go on, `None` at the end. It may be run
/// again from the beginning.
pub(super) type Piece = fn(&mut dyn Sql, i64) -> SqlResult<Option<i64>>;

/// What is done to the data at version 2, on any database.
const SECOND: &[fn(&mut dyn Sql) -> SqlResult<()>] = &[upgrade::make_identity];

/// The same, row by row.
const SECOND_IN_PIECES: &[Piece] = &[upgrade::name_users, upgrade::name_groups];

/// What is done to the data at version 3, on any database, row by row.
const THIRD_IN_PIECES: &[Piece] = &[upgrade::note_last_messages, upgrade::note_reads];

/// What is done to the data at version 5, on any database, row by row.
const FIFTH_IN_PIECES: &[Piece] = &[upgrade::hide_held_names];

/// The files for SQLite.
pub(super) const SQLITE: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../../sql/sqlite/0001_init.sql"), code: &[], pieces: &[] },
    Migration {
        version: 2,
        sql: include_str!("../../sql/sqlite/0002_identity.sql"),
        code: SECOND,
        pieces: SECOND_IN_PIECES,
    },
    Migration { version: 3, sql: include_str!("../../sql/sqlite/0003_chat.sql"), code: &[], pieces: THIRD_IN_PIECES },
    Migration { version: 4, sql: include_str!("../../sql/sqlite/0004_import.sql"), code: &[], pieces: &[] },
    Migration {
        version: 5,
        sql: include_str!("../../sql/sqlite/0005_operation.sql"),
        code: &[],
        pieces: FIFTH_IN_PIECES,
    },
    Migration { version: 6, sql: include_str!("../../sql/sqlite/0006_changes.sql"), code: &[], pieces: &[] },
];

/// The files for MySQL.
pub(super) const MYSQL: &[Migration] = &[
    Migration { version: 1, sql: include_str!("../../sql/mysql/0001_init.sql"), code: &[], pieces: &[] },
    Migration {
        version: 2,
        sql: include_str!("../../sql/mysql/0002_identity.sql"),
        code: SECOND,
        pieces: SECOND_IN_PIECES,
    },
    Migration { version: 3, sql: include_str!("../../sql/mysql/0003_chat.sql"), code: &[], pieces: THIRD_IN_PIECES },
    Migration { version: 4, sql: include_str!("../../sql/mysql/0004_import.sql"), code: &[], pieces: &[] },
    Migration {
        version: 5,
        sql: include_str!("../../sql/mysql/0005_operation.sql"),
        code: &[],
        pieces: FIFTH_IN_PIECES,
    },
    Migration { version: 6, sql: include_str!("../../sql/mysql/0006_changes.sql"), code: &[], pieces: &[] },
];

/// The version that this binary makes.
pub(crate) fn newest() -> i64 {
    SQLITE.last().map_or(0, |migration| migration.version)
}

/// The table that records the versions; the one thing that must be there before the first file.
pub(super) const CREATE_VERSIONS: &str =
    "CREATE TABLE IF NOT EXISTS SchemaVersion (version INT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// Records that a file was applied.
pub(super) const RECORD_VERSION: &str = "INSERT INTO SchemaVersion (version, applied_at) VALUES (?, ?)";

impl Migration {
    /// Its statements, one by one: each ends with a `;` at a line's end. Comment lines are dropped.
    pub(super) fn statements(&self) -> Vec<String> {
        let mut statements = Vec::new();
        let mut current = String::new();
        for line in self.sql.lines().filter(|line| !line.trim_start().starts_with("--") && !line.trim().is_empty()) {
            if let Some(last) = line.trim_end().strip_suffix(';') {
                current.push_str(last);
                statements.push(std::mem::take(&mut current));
            } else {
                current.push_str(line);
                current.push('\n');
            }
        }
        debug_assert!(current.is_empty(), "a migration ends with a semicolon");
        statements
    }
}

/// Whether a statement of a migration adds a column that is there already.
pub(super) fn is_done(sql: &mut dyn Sql, statement: &str) -> SqlResult<bool> {
    let Some((table, column)) = added_column(statement) else { return Ok(false) };
    let has_column = sql.dialect().has_column;
    Ok(sql.first(has_column, &[table.into(), column.into()])?.is_some())
}

/// Table and column of `ALTER TABLE t ADD COLUMN c ...`.
fn added_column(statement: &str) -> Option<(&str, &str)> {
    let mut words = statement.split_whitespace();
    let mut word = || words.next().map(|word| word.trim_matches(['`', '"']));
    if (word()?, word()?) != ("ALTER", "TABLE") {
        return None;
    }
    let table = word()?;
    ((word()?, word()?) == ("ADD", "COLUMN")).then(|| word().map(|column| (table, column)))?
}

/// Brings a database up to date whose transaction, begun by the caller, has all of it: also tables and indexes.
pub(super) fn bring_up(sql: &mut dyn Sql, known: &'static [Migration]) -> SqlResult<Result<()>> {
    let missing = match missing(sql::version::version(sql)?, known) {
        Ok(missing) => missing,
        Err(refused) => return Ok(Err(refused)),
    };
    sql.run(CREATE_VERSIONS, &[])?;
    for migration in missing {
        for statement in migration.statements() {
            if !is_done(sql, &statement)? {
                sql.run(&statement, &[])?;
            }
        }
        migration.code.iter().try_for_each(|step| step(sql))?;
        for piece in migration.pieces {
            let mut next = Some(0);
            while let Some(after) = next {
                next = piece(sql, after)?;
            }
        }
        sql.run(RECORD_VERSION, &[migration.version.into(), UnixMs::now().into()])?;
    }
    Ok(Ok(()))
}

/// What a database of version `present` (0: empty) lacks.
///
/// # Errors
/// `Broken` when the database is newer than this binary: it must not be touched.
pub(super) fn missing(present: i64, known: &'static [Migration]) -> Result<&'static [Migration]> {
    if let Some(told) = is_newer(present, known) {
        return Err(StoreError::Broken(told.into()));
    }
    let applied = known.iter().take_while(|migration| migration.version <= present).count();
    Ok(&known[applied..])
}

/// What a person should know of a database that this binary must not touch.
pub(super) fn newer(sql: &mut dyn Sql, known: &[Migration]) -> SqlResult<Option<String>> {
    Ok(is_newer(sql::version::version(sql)?, known))
}

fn is_newer(present: i64, known: &[Migration]) -> Option<String> {
    let newest = known.last().map_or(0, |migration| migration.version);
    (present > newest).then(|| {
        format!(
            "the database has schema version {present}, this binary knows versions up to {newest}: it was left untouched; \
             run a newer stonechat, or bring back the backup that was made before the upgrade"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_a_semicolon_at_a_line_end() {
        let file = Migration {
            version: 1,
            sql: "-- a; comment\nCREATE a (\n  x\n);\n\nINSERT ';' b;\n",
            code: &[],
            pieces: &[],
        };
        assert_eq!(file.statements(), ["CREATE a (\n  x\n)", "INSERT ';' b"]);
    }

    #[test]
    fn versions_count_from_one_without_a_gap() {
        for known in [SQLITE, MYSQL] {
            let versions: Vec<i64> = known.iter().map(|migration| migration.version).collect();
            assert_eq!(versions, (1..=i64::try_from(known.len()).unwrap()).collect::<Vec<_>>());
            assert!(known.iter().all(|migration| !migration.statements().is_empty()));
        }
    }

    #[test]
    fn a_newer_database_is_refused_by_both_numbers() {
        assert_eq!(missing(0, SQLITE).unwrap().len(), SQLITE.len());
        assert!(missing(1, SQLITE).unwrap().len() < SQLITE.len());
        let refused = missing(99, SQLITE).err().unwrap().to_string();
        assert!(refused.contains("99") && refused.contains("up to 6"), "{refused}");
    }

    #[test]
    fn a_column_that_is_added_is_known_by_its_name() {
        assert_eq!(added_column("ALTER TABLE `User` ADD COLUMN `x` INT"), Some(("User", "x")));
        assert_eq!(added_column("ALTER TABLE User\n  ADD COLUMN x INT"), Some(("User", "x")));
        assert_eq!(added_column("ALTER TABLE User DROP COLUMN x"), None);
        assert_eq!(added_column("CREATE TABLE a (x INT)"), None);
    }
}
