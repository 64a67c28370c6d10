//! A node with its administration, asked as a program would ask.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Output;

use mysql::prelude::Queryable;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::mariadb::MariaDb;
use crate::common::node::Node;
use crate::common::process::{PATIENCE, server_command};

pub(crate) const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// A node, and where it is administrated.
pub(crate) struct Desk {
    pub(crate) node: Node,
    socket: PathBuf,
    /// Of MariaDB, where that is the database.
    database: Option<String>,
    folder: TempDir,
}

impl Desk {
    pub(crate) fn on_sqlite(settings: &[&str]) -> Self {
        Self::start(&[], None, settings)
    }

    /// With a database of this name.
    pub(crate) fn on_mariadb(name: &str, settings: &[&str]) -> Self {
        let url = MariaDb::shared().url(name);
        Self::start(&["--mysql", &url], Some(name.to_owned()), settings)
    }

    /// One more node.
    pub(crate) fn start(flags: &[&str], database: Option<String>, settings: &[&str]) -> Self {
        let folder = TempDir::with_prefix("desk-").unwrap();
        let token_file = folder.path().join("token");
        fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
        let own_socket = folder.path().join("admin.sock");
        let mut own = vec![format!("admin_token_file={}", token_file.display()), "admin=127.0.0.1:0".to_owned()];
        if database.is_some() {
            own.push(format!("admin_socket={}", own_socket.display()));
        }
        let mut args = flags.to_vec();
        args.extend(own.iter().map(String::as_str).chain(settings.iter().copied()).flat_map(|set| ["--set", set]));
        let node = Node::start(&args);
        let socket = if database.is_some() { own_socket } else { node.folder().join("admin.sock") };
        crate::common::process::wait_for("the socket for administrators", || socket.exists().then_some(()));
        Self { node, socket, database, folder }
    }

    pub(crate) fn socket(&self) -> &PathBuf {
        &self.socket
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// Asks at the socket.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (status, body) = exchange(&mut stream, &request(method, path, "", &body));
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// Asks at the address, with the token.
    pub(crate) fn ask_by_token(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.node.admin()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let token = format!("Authorization: Bearer {TOKEN}\r\n");
        let (status, body) = exchange(&mut stream, &request(method, path, &token, &body));
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// What must be done.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask("GET", path, Value::Null);
        assert_eq!(status, 200, "GET {path}: {value}");
        value
    }

    /// What must be done.
    pub(crate) fn post(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.ask_by_token("POST", path, body);
        assert_eq!(status, 200, "POST {path}: {value}");
        value
    }

    /// `stonechat admin` with these words.
    pub(crate) fn command(&self, words: &[&str]) -> Output {
        let mut command = server_command();
        command.arg("admin").arg("--socket").arg(&self.socket).args(words);
        command.output().unwrap()
    }

    /// What it prints, when all is well.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let output = self.command(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Changes the database behind the server's back.
    pub(crate) fn execute(&self, statement: &str) {
        let Some(name) = &self.database else {
            let database = rusqlite::Connection::open(self.node.database()).unwrap();
            database.busy_timeout(PATIENCE).unwrap();
            return database.execute_batch(statement).unwrap();
        };
        let mut conn = MariaDb::shared().connect().unwrap();
        conn.query_drop(format!("USE `{name}`")).unwrap();
        conn.query_drop(statement).unwrap();
    }

    /// Whether the text stands anywhere in the database: in SQLite's files, or in any column of MariaDB's tables.
    pub(crate) fn has_text(&self, text: &str) -> bool {
        let Some(name) = &self.database else {
            let has_text = |path: &PathBuf| {
                let bytes = fs::read(path).unwrap();
                memchr::memmem::find(&bytes, text.as_bytes()).is_some()
            };
            return self.node.data_files().iter().any(has_text);
        };
        let mut conn = MariaDb::shared().connect().unwrap();
        let columns: Vec<(String, String)> = conn
            .exec(
                "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t \
                 ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE' \
                 WHERE c.table_schema = ? AND c.data_type IN ('char', 'varchar', 'text', 'mediumtext', 'longtext', \
                 'tinytext', 'binary', 'varbinary', 'blob', 'mediumblob', 'longblob')",
                (name,),
            )
            .unwrap();
        assert!(columns.len() > 10, "the tables have columns: {columns:?}");
        columns.iter().any(|(table, column)| {
            let counted = format!("SELECT COUNT(*) FROM `{name}`.`{table}` WHERE INSTR(`{column}`, ?) > 0");
            conn.exec_first::<u64, _, _>(counted, (text,)).unwrap() > Some(0)
        })
    }

    /// The audit as words: action, subject, detail.
    pub(crate) fn audit(&self) -> Vec<[String; 3]> {
        let rows = self.get("/v1/audit?limit=1000");
        let word = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
        let rows = rows["audit"].as_array().unwrap();
        rows.iter().map(|row| ["action", "subject", "detail"].map(|field| word(row, field))).collect()
    }
}

fn request(method: &str, path: &str, fields: &str, body: &Value) -> String {
    let body = if *body == json!(null) { String::new() } else { body.to_string() };
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Status and body of an answer; pieces are put together.
pub(crate) fn exchange(stream: &mut (impl Read + Write), request: &str) -> (u16, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return (status, body.to_owned());
    }
    let (mut rest, mut whole) = (body, String::new());
    loop {
        let (length, behind) = rest.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return (status, whole);
        }
        whole.push_str(&behind[..length]);
        rest = &behind[length + 2..];
    }
}
