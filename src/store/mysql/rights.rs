//! Whether the account in the URL may do what the server does. Each right is tried by a statement that changes nothing: the
//! database looks at the rights before it looks for rows.

use mysql::MySqlError;

use super::call::Call;
use crate::store::sql::{Fault, Sql, SqlResult};
use crate::store::{Cause, foreign, migrate};

/// One sentence if rights are missing, with what to do.
pub(super) fn missing(call: &mut Call<'_>) -> SqlResult<Option<String>> {
    let mut denied: Vec<&str> = Vec::new();
    let mut tables: Vec<String> = Vec::new();
    for (table, columns) in foreign::own_tables(migrate::MYSQL) {
        let columns_of = call.dialect().columns_of;
        let mut present = Vec::new();
        for mut row in call.rows(columns_of, &[table.as_str().into()])? {
            present.push(row.text(0)?);
        }
        // One that is not there, or is another program's, which is told elsewhere.
        if columns.iter().any(|column| !present.iter().any(|other| other.eq_ignore_ascii_case(column))) {
            continue;
        }
        for (right, statement) in tries(&table, &columns) {
            if is_denied(call.say(&statement))? {
                denied.push(right);
                tables.push(table.clone());
            }
        }
    }
    denied.sort_unstable();
    denied.dedup();
    tables.dedup();
    let told = || {
        format!(
            "the database account has no right to {} in {}: GRANT it all rights on the database",
            denied.join(", "),
            tables.join(", ")
        )
    };
    Ok((!denied.is_empty()).then(told))
}

/// The columns are named, and the last one is set: of a table that is split over servers, Vitess takes no INSERT without
/// columns, and changes none that it is split by. Such a one is never the last.
fn tries(table: &str, columns: &[String]) -> [(&'static str, String); 3] {
    let named = format!("`{}`", columns.join("`, `"));
    let last = columns.last().map_or("", String::as_str);
    [
        ("INSERT", format!("INSERT INTO `{table}` ({named}) SELECT {named} FROM `{table}` WHERE 1 = 0")),
        ("UPDATE", format!("UPDATE `{table}` SET `{last}` = `{last}` WHERE 1 = 0")),
        ("DELETE", format!("DELETE FROM `{table}` WHERE 1 = 0")),
    ]
}

/// Whether a statement failed for lack of a right, and not because, for example, the database is read-only at present.
fn is_denied(said: SqlResult<()>) -> SqlResult<bool> {
    match said {
        Ok(()) => Ok(false),
        Err(Fault::Unavailable(cause)) => Ok(is_denial(&cause)),
        Err(other) => Err(other),
    }
}

fn is_denial(cause: &Cause) -> bool {
    // Of a table, of a column.
    cause.downcast_ref::<MySqlError>().is_some_and(|answer| matches!(answer.code, 1142 | 1143))
}
