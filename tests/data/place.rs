//! Databases of both kinds, and the program that works on them.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use mysql::prelude::Queryable;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::common::client::unique;
use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::common::process::{server, server_command, without_settings};

/// A database.
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
        Self::MySql(MariaDb::shared().url(&unique("data").replace('-', "_")))
    }

    /// The flags that name it.
    pub(crate) fn flags(&self) -> [String; 2] {
        match self {
            Self::Sqlite(folder) => ["--data".to_owned(), folder.path().display().to_string()],
            Self::MySql(url) => ["--mysql".to_owned(), url.clone()],
        }
    }

    /// The embedded database's file.
    pub(crate) fn file(&self) -> PathBuf {
        let Self::Sqlite(folder) = self else { panic!("only SQLite has a file") };
        folder.path().join("stonechat.db")
    }

    /// The only column of what a statement yields, as text.
    pub(crate) fn texts(&self, statement: &str) -> Vec<String> {
        match self {
            Self::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.file()).unwrap();
                let mut prepared = connection.prepare(statement).unwrap();
                prepared.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Self::MySql(url) => mysql::Conn::new(url.as_str()).unwrap().query(statement).unwrap(),
        }
    }

    pub(crate) fn number(&self, statement: &str) -> i64 {
        self.texts(&format!("SELECT CONCAT(n, '') FROM ({statement}) q"))[0].parse().unwrap()
    }

    /// Runs a statement behind everybody's back.
    pub(crate) fn execute(&self, statement: &str) {
        match self {
            Self::Sqlite(_) => rusqlite::Connection::open(self.file()).unwrap().execute_batch(statement).unwrap(),
            Self::MySql(url) => mysql::Conn::new(url.as_str()).unwrap().query_drop(statement).unwrap(),
        }
    }

    /// Starts a node on it.
    pub(crate) fn start(self) -> Running {
        match self {
            Self::Sqlite(folder) => Running { node: Node::start_in(folder, &[]), url: None },
            Self::MySql(url) => Running { node: Node::start(&["--mysql", &url]), url: Some(url) },
        }
    }

    /// Runs the program on it.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.feed(words, b"")
    }

    /// The same, with this as its input.
    pub(crate) fn feed(&self, words: &[&str], input: &[u8]) -> Ended {
        fed(command(words).args(self.flags()), input)
    }

    /// All of it, as the program tells it.
    pub(crate) fn dump(&self) -> Vec<u8> {
        self.run(&["dump"]).succeeded().stdout
    }

    /// Loads a dump, which succeeds.
    pub(crate) fn load(&self, dump: &[u8]) {
        self.feed(&["load"], dump).succeeded();
    }
}

/// A node on a place.
pub(crate) struct Running {
    pub(crate) node: Node,
    url: Option<String>,
}

impl Running {
    /// The flags that name what it runs on.
    pub(crate) fn flags(&self) -> [String; 2] {
        let Some(url) = &self.url else {
            let folder = self.node.database().parent().unwrap().display().to_string();
            return ["--data".to_owned(), folder];
        };
        ["--mysql".to_owned(), url.clone()]
    }

    /// Runs the program on what it runs on.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        fed(command(words).args(self.flags()), b"")
    }

    /// Stops it.
    pub(crate) fn stop(self) -> Place {
        assert!(self.node.term().success(), "{}", self.node.log());
        let folder = self.node.into_data();
        self.url.map_or(Place::Sqlite(folder), Place::MySql)
    }
}

/// How the program has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self { code: output.status.code(), stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
    }
}

impl Ended {
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out(), self.stderr);
        self
    }

    /// Asserts that it failed, and said this.
    pub(crate) fn refused(self, told: &str) -> Self {
        assert_eq!(self.code, Some(1), "{}{}", self.out(), self.stderr);
        assert!(self.stderr.contains(told), "{told:?} is not in {}", self.stderr);
        self
    }

    /// What it has printed.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// The program with these words.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = server_command();
    command.args(words);
    command
}

/// The same; none of its files may be longer than this many blocks of 512 bytes, as on a disk that is full: a write beyond is an
/// error.
pub(crate) fn on_a_full_disk(blocks: u32, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let limited = format!("trap '' XFSZ && ulimit -f {blocks} && exec \"$@\"");
    without_settings(&mut command);
    command.args(["-c", &limited, "sh"]).arg(server()).args(words);
    command
}

/// Runs it with this as its input.
pub(crate) fn fed(command: &mut Command, input: &[u8]) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
    let mut stdin = child.stdin.take().expect("piped above");
    let input = input.to_vec();
    // One that refuses does not read on.
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let ended = child.wait_with_output().unwrap().into();
    feeding.join().unwrap();
    ended
}

/// All but the first line of a dump, which has the time.
pub(crate) fn tail(dump: &[u8]) -> &[u8] {
    let first = dump.iter().position(|byte| *byte == b'\n').expect("it has a first line");
    &dump[first + 1..]
}

/// The lines of a dump, the first and the last left out.
pub(crate) fn rows(dump: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(tail(dump)).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.pop();
    lines
}

/// A dump with the first line of another one, and these lines.
pub(crate) fn dump_of(other: &[u8], lines: &[String]) -> Vec<u8> {
    let mut dump = other[..other.len() - tail(other).len()].to_vec();
    let body: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    let mut sum = String::new();
    for byte in Sha256::digest(body.as_bytes()) {
        write!(sum, "{byte:02x}").unwrap();
    }
    dump.extend(body.as_bytes());
    dump.extend(format!("{{\"t\":\"end\",\"lines\":{},\"sha256\":\"{sum}\"}}\n", lines.len()).as_bytes());
    dump
}
