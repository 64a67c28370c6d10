//! What a database is made of, and what is in it; in words that can be compared.

use crate::fresh::Fresh;

/// A table with its rows, each value as text.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Between two values of a row in one text; it stands in none of them, which are hexadecimal digits.
const BETWEEN: char = ' ';

/// Tables, columns, indexes and views.
pub(super) fn shape(fresh: &Fresh) -> Vec<String> {
    if fresh.is_sqlite() {
        return fresh.texts(
            "SELECT type || ' ' || name || ' of ' || tbl_name || ': ' || COALESCE(sql, '') FROM sqlite_master ORDER BY type, name",
        );
    }
    let columns = "SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, COALESCE(column_default, '-'), \
                   COALESCE(collation_name, '-'), extra) FROM information_schema.columns \
                   WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";
    let keys = "SELECT CONCAT_WS(' ', table_name, index_name, non_unique, seq_in_index, column_name, COALESCE(sub_part, '-')) \
                FROM information_schema.statistics WHERE table_schema = DATABASE() \
                ORDER BY table_name, index_name, seq_in_index";
    // The server's own characters are those of the one table that is made before all others.
    let tables = "SELECT CONCAT_WS(' ', table_name, table_type, COALESCE(engine, '-'), \
                  IF(table_name = 'SchemaVersion', '-', COALESCE(table_collation, '-'))) \
                  FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name";
    let views = "SELECT CONCAT(table_name, ' ', REPLACE(view_definition, CONCAT('`', DATABASE(), '`.'), '')) \
                 FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY table_name";
    [columns, keys, tables, views].into_iter().flat_map(|statement| fresh.texts(statement)).collect()
}

/// Every table.
pub(super) fn tables(fresh: &Fresh) -> Vec<Table> {
    let named = if fresh.is_sqlite() {
        // The numbers that were given out (sqlite_sequence) are among them.
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    } else {
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' \
         ORDER BY table_name"
    };
    let read = |name: String| -> Table {
        let columns = columns(fresh, &name);
        Table { rows: rows(fresh, &name, &columns), name, columns }
    };
    fresh.texts(named).into_iter().map(read).collect()
}

fn columns(fresh: &Fresh, table: &str) -> Vec<String> {
    fresh.texts(&if fresh.is_sqlite() {
        format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid")
    } else {
        format!(
            "SELECT column_name FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
        )
    })
}

/// These columns of all rows, in an order that the values alone make.
pub(super) fn rows(fresh: &Fresh, table: &str, columns: &[String]) -> Vec<Vec<String>> {
    let is_sqlite = fresh.is_sqlite();
    let value = |column: &String| {
        if is_sqlite { format!("hex(quote(`{column}`))") } else { format!("COALESCE(HEX(`{column}`), '-')") }
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let values = if is_sqlite { values.join(" || ' ' || ") } else { format!("CONCAT_WS(' ', {})", values.join(", ")) };
    let texts = fresh.texts(&format!("SELECT {values} FROM `{table}`"));
    let mut rows: Vec<Vec<String>> =
        texts.into_iter().map(|row| row.split(BETWEEN).map(str::to_owned).collect()).collect();
    rows.sort();
    rows
}
