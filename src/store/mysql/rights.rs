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
    for (table, column) in foreign::own_tables(migrate::MYSQL) {
        let columns_of = call.dialect().columns_of;
        if call.rows(columns_of, &[table.as_str().into()])?.is_empty() {
            continue;
        }
        for (right, statement) in tries(&table, &column) {
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

fn tries(table: &str, column: &str) -> [(&'static str, String); 3] {
    [
        ("INSERT", format!("INSERT INTO `{table}` SELECT * FROM `{table}` WHERE 1 = 0")),
        ("UPDATE", format!("UPDATE `{table}` SET `{column}` = `{column}` WHERE 1 = 0")),
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
