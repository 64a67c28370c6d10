//! Which version of the schema a database has.

use super::{Sql, SqlResult};

/// The version of a database that has the table of versions.
const READ_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM SchemaVersion";

/// The version of a database; 0 of an empty one.
pub(in crate::store) fn version(sql: &mut dyn Sql) -> SqlResult<i64> {
    let has_column = sql.dialect().has_column;
    if sql.first(has_column, &["SchemaVersion".into(), "version".into()])?.is_none() {
        return Ok(0);
    }
    sql.first(READ_VERSION, &[])?.map_or(Ok(0), |row| row.int(0))
}
