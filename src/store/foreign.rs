//! Whether the tables that bear our names are ours: looked at before anything is written.

use super::migrate::Migration;
use super::sql::{Sql, SqlResult};

/// Words that begin a line of CREATE TABLE which is no column.
const NO_COLUMNS: [&str; 8] = ["PRIMARY", "UNIQUE", "KEY", "INDEX", "CONSTRAINT", "CHECK", "FOREIGN", ")"];

/// A sentence for each table of ours that lacks a column, as far as it is there at all: another program has made it.
pub(super) fn tables(sql: &mut dyn Sql, known: &[Migration]) -> SqlResult<Vec<String>> {
    let mut problems = Vec::new();
    let columns_of = sql.dialect().columns_of;
    for statement in known.iter().flat_map(Migration::statements) {
        let Some((table, wanted)) = created(&statement) else { continue };
        let mut present = Vec::new();
        for mut row in sql.rows(columns_of, &[table.into()])? {
            present.push(row.text(0)?);
        }
        let is_missing = |column: &&&str| !present.iter().any(|other| other.eq_ignore_ascii_case(column));
        if !present.is_empty()
            && let Some(column) = wanted.iter().find(is_missing)
        {
            problems.push(format!(
                "the table {table} is there already and is not Stonechat's: it has no column {column}; \
                 nothing was changed; give Stonechat a database of its own"
            ));
        }
    }
    Ok(problems)
}

/// Our own tables, each with the columns that it was made with.
pub(super) fn own_tables(known: &[Migration]) -> Vec<(String, Vec<String>)> {
    let statements = known.iter().flat_map(Migration::statements);
    let named = |statement: String| {
        let (table, columns) = created(&statement)?;
        Some((table.to_owned(), columns.into_iter().map(str::to_owned).collect()))
    };
    statements.filter_map(named).collect()
}

/// Table and columns of a CREATE TABLE, which has a line for each.
fn created(statement: &str) -> Option<(&str, Vec<&str>)> {
    let mut lines = statement.lines();
    let head = lines.next()?.strip_prefix("CREATE TABLE IF NOT EXISTS ")?;
    let table = unquoted(head.split_whitespace().next()?);
    let words = lines.filter_map(|line| line.split_whitespace().next());
    let columns = words.filter(|word| !NO_COLUMNS.iter().any(|other| word.starts_with(other))).map(unquoted);
    Some((table, columns.collect()))
}

fn unquoted(name: &str) -> &str {
    name.trim_matches(['`', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::{MYSQL, SQLITE};

    #[test]
    fn the_columns_of_our_tables_are_known() {
        for known in [MYSQL, SQLITE] {
            let statements: Vec<String> = known.iter().flat_map(Migration::statements).collect();
            let tables: Vec<_> = statements.iter().filter_map(|statement| created(statement)).collect();
            let user = tables.iter().find(|(table, _)| *table == "User").unwrap();
            assert_eq!(user.1, ["id", "name", "name_key", "password", "state", "created_at"]);
            let cursor = tables.iter().find(|(table, _)| *table == "Cursor").unwrap();
            assert_eq!(cursor.1, ["userid", "device", "conv", "delivered", "read_seq"]);
            assert!(tables.iter().all(|(_, columns)| !columns.is_empty()));
        }
    }
}
