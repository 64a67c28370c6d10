//! Databases of earlier systems, and those that they are imported into.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};

use mysql::prelude::Queryable;
use serde_json::Value;
use tempfile::TempDir;

use crate::clients::GAP;
use crate::common::client::unique;
use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::common::process::server_command;

/// The name of a database that nobody else in this test process has.
pub(crate) fn database(prefix: &str) -> String {
    unique(prefix).replace('-', "_")
}

/// An earlier system's database.
pub(crate) struct Old {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Old {
    /// A sample, of which `name` is what it calls its database.
    pub(crate) fn sample(text: &str, name: &str) -> Self {
        let own = database("old");
        // Only where it stands for the database, not in a comment or a value.
        let renamed = text
            .replace(&format!("EXISTS {name}"), &format!("EXISTS {own}"))
            .replace(&format!("USE {name};"), &format!("USE {own};"));
        assert_eq!(renamed.matches(&own).count(), 2, "{name} is created and used");
        run(&renamed);
        Self { url: MariaDb::shared().url(&own), name: own }
    }

    /// The course's tables without a row.
    pub(crate) fn empty_course() -> Self {
        let course = include_str!("samples/course_chat.sql");
        let tables = course.split("INSERT INTO").next().unwrap();
        Self::sample(tables, "course_chat")
    }

    /// Runs statements in it.
    pub(crate) fn run(&self, statements: &str) {
        run(&format!("USE `{}`; {statements}", self.name));
    }
}

/// Runs statements; each must succeed.
fn run(statements: &str) {
    let mut connection = MariaDb::shared().connect().unwrap();
    let mut answers = connection.query_iter(statements).unwrap();
    while let Some(rows) = answers.iter() {
        for row in rows {
            row.unwrap();
        }
    }
}

/// A database to import into.
pub(crate) enum Place {
    Sqlite(TempDir),
    MySql(String),
}

impl Place {
    /// One of each kind, in which nothing is.
    pub(crate) fn both() -> [Self; 2] {
        [Self::sqlite(), Self::mysql()]
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn mysql() -> Self {
        Self::MySql(MariaDb::shared().url(&database("new")))
    }

    /// The flags that name it.
    pub(crate) fn flags(&self) -> [String; 2] {
        match self {
            Self::Sqlite(folder) => ["--data".to_owned(), folder.path().display().to_string()],
            Self::MySql(url) => ["--mysql".to_owned(), url.clone()],
        }
    }

    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(folder) => Some(folder.path().join("stonechat.db")),
            Self::MySql(_) => None,
        }
    }

    /// The only column of what a statement yields, as text.
    pub(crate) fn texts(&self, statement: &str) -> Vec<String> {
        match self {
            Self::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.file().unwrap()).unwrap();
                let mut prepared = connection.prepare(statement).unwrap();
                prepared.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Self::MySql(url) => mysql::Conn::new(url.as_str()).unwrap().query(statement).unwrap(),
        }
    }

    pub(crate) fn number(&self, statement: &str) -> i64 {
        self.texts(&format!("SELECT CONCAT(n, '') FROM ({statement}) q"))[0].parse().unwrap()
    }

    /// All that an import writes, as lines that are the same for every kind of database; of passwords only how they are kept.
    pub(crate) fn contents(&self) -> Vec<String> {
        const CONV: &str = "CASE WHEN conv > 4294967295 THEN CONCAT(conv >> 32, '-', conv & 4294967295) ELSE CONCAT('group ', conv) END";
        let statements = [
            "SELECT CONCAT_WS('|', 'user', id, name, CASE WHEN password = '!' THEN 'locked' \
             WHEN password LIKE 'sha224$argon2id$%' THEN 'digits' WHEN password LIKE '$argon2id$%' THEN 'hashed' \
             ELSE 'what?' END, dialect, state) FROM User ORDER BY id"
                .to_owned(),
            "SELECT CONCAT_WS('|', 'friend', userid, friendid) FROM Friend ORDER BY userid, friendid".to_owned(),
            "SELECT CONCAT_WS('|', 'group', id, groupname, groupdesc, members) FROM AllGroup ORDER BY id".to_owned(),
            "SELECT CONCAT_WS('|', 'member', groupid, userid, grouprole) FROM GroupUser ORDER BY groupid, userid"
                .to_owned(),
            format!(
                "SELECT CONCAT_WS('|', 'message', {CONV}, seq, sender, sent_at, body) FROM Message ORDER BY conv, seq"
            ),
            format!(
                "SELECT CONCAT_WS('|', 'cursor', userid, {CONV}, delivered, read_seq) FROM `Cursor` ORDER BY userid, conv"
            ),
            "SELECT CONCAT_WS('|', 'end', id, last_seq, last_msg) FROM Conversation ORDER BY id".to_owned(),
        ];
        statements.iter().flat_map(|statement| self.texts(statement)).collect()
    }
}

/// A node on a place.
pub(crate) struct Running {
    node: Node,
    url: Option<String>,
}

impl Running {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.node.addr()
    }

    /// Stops it.
    pub(crate) fn stop(self) -> Place {
        self.node.term();
        let folder = self.node.into_data();
        self.url.map_or(Place::Sqlite(folder), Place::MySql)
    }
}

impl Place {
    /// Starts a node on it.
    pub(crate) fn start(self) -> Running {
        let gap = ["--set", GAP];
        match self {
            Self::Sqlite(folder) => Running { node: Node::start_in(folder, &gap), url: None },
            Self::MySql(url) => {
                Running { node: Node::start(&[&["--mysql", url.as_str()][..], &gap].concat()), url: Some(url) }
            }
        }
    }
}

/// How an import has ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// `brought in` and `there already` of a table.
    pub(crate) fn brought(&self, table: &str) -> (u64, u64) {
        let start = format!("{table}: ");
        let line =
            self.stdout.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{}", self.stdout));
        let numbers: Vec<u64> =
            line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
        (numbers[1], numbers[2])
    }
}

/// The command, for these flags behind SCHEMA and URL.
pub(crate) fn command(schema: &str, url: &str, place: &Place, more: &[&str]) -> Command {
    let mut command = server_command();
    command.args(["import", schema, url]).args(place.flags()).args(["--time-zone", "+08:00"]);
    command.args(["--set", "password.memory_kib=8", "--set", "password.passes=1"]).args(more);
    command
}

/// Imports, with these further flags.
pub(crate) fn import(schema: &str, old: &Old, place: &Place, more: &[&str]) -> Ended {
    command(schema, &old.url, place, more).output().unwrap().into()
}

/// Imports with a report in a file: how it ended, and the lines about rows, as `table row what why`.
pub(crate) fn report(schema: &str, old: &Old, place: &Place) -> (Ended, Vec<String>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let ended = import(schema, old, place, &["--report", file.path().to_str().unwrap()]).succeeded();
    let text = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0].get("import").is_some() && lines.last().unwrap().get("done").is_some(), "{text}");
    let word = |line: &Value, key: &str| line[key].as_str().unwrap_or_else(|| panic!("{line}")).to_owned();
    let told = lines[1..lines.len() - 1]
        .iter()
        .map(|line| ["table", "row", "what", "why"].map(|key| word(line, key)).join(" "))
        .collect();
    (ended, told)
}
