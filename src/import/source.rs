//! The earlier system's database, which is only read: all of it as of one moment, however long that takes.
//!
//! Besides the store the one place that speaks SQL: of tables that are not ours.

use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::error::ImportError;
use super::schema::{Column, Place};
use crate::backend::Backend;
use crate::store::mysql::Endpoint;

/// How long the database may be silent.
const PATIENCE: Duration = Duration::from_secs(600);

/// Has all that is read be as of now. MyISAM's tables do not know it, and nothing is lost then.
const SNAPSHOT: [&str; 2] =
    ["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT"];

/// What is read of a row: text, or NULL.
pub(super) type Fields = Vec<Option<String>>;

/// See the module's text.
pub(super) struct Source {
    conn: Conn,
    endpoint: Endpoint,
}

impl Source {
    /// Connects. The password, if there is one, counts instead of the URL's.
    pub(super) fn open(database: Backend<'_>, password: Option<&str>) -> Result<Self, ImportError> {
        let endpoint = Endpoint::new(database).map_err(|error| ImportError::Source(error.into()))?;
        let mut opts = endpoint.opts().init(vec!["SET NAMES utf8mb4".to_owned()]);
        if let Some(password) = password {
            opts = opts.pass(Some(password));
        }
        let opts =
            opts.tcp_connect_timeout(Some(PATIENCE / 20)).read_timeout(Some(PATIENCE)).write_timeout(Some(PATIENCE));
        let mut conn = Conn::new(opts).map_err(|error| ImportError::Source(endpoint.explained(error)))?;
        for statement in SNAPSHOT {
            conn.query_drop(statement).map_err(|error| ImportError::Source(error.into()))?;
        }
        Ok(Self { conn, endpoint })
    }

    /// Whether this is that database, as far as their addresses tell.
    pub(super) fn is(&self, other: Backend<'_>) -> Result<bool, ImportError> {
        Ok(Endpoint::each(other)?.iter().any(|endpoint| endpoint.is_that_of(&self.endpoint)))
    }

    /// Every column of the database, table by table.
    pub(super) fn columns(&mut self) -> Result<Vec<Column>, ImportError> {
        let statement = "SELECT table_name, column_name, character_maximum_length, column_key \
                         FROM information_schema.columns WHERE table_schema = DATABASE() \
                         ORDER BY BINARY table_name, ordinal_position";
        let mut columns = Vec::new();
        self.rows(statement, |fields| {
            let mut fields = fields.into_iter();
            let mut next = || fields.next().flatten();
            if let (Some(table), Some(name), chars, key) = (next(), next(), next(), next()) {
                let chars = chars.and_then(|chars| chars.parse().ok());
                let is_unique = key.is_some_and(|key| key == "PRI" || key == "UNI");
                columns.push(Column { table, name, chars, is_unique });
            }
            Ok(())
        })?;
        Ok(columns)
    }

    /// Whether any message was written by Polaris.
    pub(super) fn has_polaris_messages(&mut self, offline: &Place) -> Result<bool, ImportError> {
        let (table, message) = (quoted(&offline.table), quoted(&offline.columns[1]));
        let statement = format!("SELECT 1 FROM {table} WHERE {message} LIKE BINARY '%\"msgId\":%' LIMIT 1");
        let mut has = false;
        self.rows(&statement, |_| {
            has = true;
            Ok(())
        })?;
        Ok(has)
    }

    /// How many rows there are, for the progress.
    pub(super) fn count(&mut self, place: &Place) -> Result<u64, ImportError> {
        let mut count = 0;
        self.rows(&format!("SELECT COUNT(*) FROM {}", quoted(&place.table)), |fields| {
            count = fields.into_iter().next().flatten().and_then(|text| text.parse().ok()).unwrap_or(0);
            Ok(())
        })?;
        Ok(count)
    }

    /// Every row, ordered by the place's first columns, as many as `ordered_by`; without any, as they come.
    pub(super) fn each(
        &mut self,
        place: &Place,
        ordered_by: usize,
        row: impl FnMut(Fields) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let columns: Vec<String> = place.columns.iter().map(|column| quoted(column)).collect();
        let mut statement = format!("SELECT {} FROM {}", columns.join(", "), quoted(&place.table));
        if ordered_by > 0 {
            statement = format!("{statement} ORDER BY {}", columns[..ordered_by].join(", "));
        }
        self.rows(&statement, row)
    }

    fn rows(
        &mut self,
        statement: &str,
        mut each: impl FnMut(Fields) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let endpoint = &self.endpoint;
        let failed = |error| ImportError::Source(endpoint.explained(error));
        for row in self.conn.query_iter(statement).map_err(failed)? {
            // In answers to plain text everything is text.
            let text = |value: Option<mysql::Value>| match value {
                Some(mysql::Value::Bytes(bytes)) => {
                    Some(String::from_utf8(bytes).unwrap_or_else(|error| lossy(&error)))
                }
                _ => None,
            };
            each(row.map_err(failed)?.unwrap_raw().into_iter().map(text).collect())?;
        }
        Ok(())
    }
}

/// A column that has no character set may hold anything.
fn lossy(error: &std::string::FromUtf8Error) -> String {
    String::from_utf8_lossy(error.as_bytes()).into_owned()
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
