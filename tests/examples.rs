//! The example clients chat with each other through the real server: what a client author copies must work.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use common::process::{PATIENCE, Process, example, server_command, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

const PYTHON: [&str; 2] = ["python3", "examples/client.py"];
const NODE: [&str; 2] = ["node", "examples/client.mjs"];
/// The example of the protocol's package; its file is found when it is started.
const RUST: [&str; 2] = ["stonechat-protocol", "chat"];
const ALL: [([&str; 2], &str); 3] = [(PYTHON, "anna"), (NODE, "ben"), (RUST, "carl")];
const PASSWORD: &str = "a password";

#[test]
fn the_python_and_the_node_client_chat_with_each_other() {
    let server = Server::start();
    let mut anna = Client::start(PYTHON, "anna", &server);
    let mut ben = Client::start(NODE, "ben", &server);

    anna.say(&format!("{} hello, ben", ben.id));
    ben.hears("anna: hello, ben");
    ben.say(&format!("{} \"grüß dich\" \\o/ 🙂\u{2028}中文", anna.id));
    anna.hears("ben: \"grüß dich\" \\o/ 🙂\u{2028}中文");
}

#[test]
fn the_rust_client_chats_with_the_others() {
    let server = Server::start();
    let mut carl = Client::start(RUST, "carl", &server);
    for (program, name) in [(PYTHON, "anna"), (NODE, "ben")] {
        let mut other = Client::start(program, name, &server);
        carl.say(&format!("{} \"grüß dich\" \\o/ 🙂\u{2028}中文", other.id));
        other.hears("carl: \"grüß dich\" \\o/ 🙂\u{2028}中文");
        other.say(&format!("{} hello, carl", carl.id));
        carl.hears(&format!("{name}: hello, carl"));
        other.leaves();
    }
    carl.leaves();
}

#[test]
fn what_was_said_while_the_python_client_was_away_is_shown_once_it_is_back() {
    what_was_said_meanwhile_is_shown_and_confirmed(PYTHON, NODE);
}

#[test]
fn what_was_said_while_the_node_client_was_away_is_shown_once_it_is_back() {
    what_was_said_meanwhile_is_shown_and_confirmed(NODE, PYTHON);
}

#[test]
fn what_was_said_while_the_rust_client_was_away_is_shown_once_it_is_back() {
    what_was_said_meanwhile_is_shown_and_confirmed(RUST, PYTHON);
}

fn what_was_said_meanwhile_is_shown_and_confirmed(away: [&'static str; 2], here: [&'static str; 2]) {
    let server = Server::start();
    let ben = Client::start(away, "ben", &server);
    let ben_id = ben.id;
    ben.leaves();

    let mut anna = Client::start(here, "anna", &server);
    for word in ["one", "two", "three"] {
        anna.say(&format!("{ben_id} {word}"));
    }
    anna.leaves(); // which it does when all three are acknowledged

    let ben = Client::start(away, "ben", &server);
    ben.hears("anna: three");
    assert_eq!(ben.heard()[1..], ["anna: one", "anna: two", "anna: three"]);
    ben.leaves();
    // The cursor is written behind, so the confirmation may take a moment to show.
    wait_for("the confirmation to be recorded", || pending(&server, "ben").filter(Vec::is_empty));
}

#[test]
fn all_clients_say_why_a_message_was_not_sent() {
    let server = Server::start();
    for (program, name) in ALL {
        let mut client = Client::start(program, name, &server);
        client.say("2147483647 is anybody there?");
        wait_for("a complaint", || client.complaints().contains("not sent to 2147483647: ").then_some(()));
    }
}

#[test]
fn all_clients_refuse_a_wrong_password() {
    let server = Server::start();
    Client::start(PYTHON, "anna", &server).leaves();
    for (program, _) in ALL {
        let output = command(program, "anna", "not the password", &server).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(!output.stderr.is_empty(), "{output:?}");
    }
}

/// What the server still keeps for the user; `None` if that could not be asked.
fn pending(server: &Server, name: &str) -> Option<Vec<Value>> {
    let mut socket = TcpStream::connect(server.addr).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    writeln!(socket, "{}", json!({"msgid": 1, "name": name, "pwd": PASSWORD, "ack": true})).ok()?;
    let mut reply = String::new();
    BufReader::new(socket).read_line(&mut reply).ok()?;
    let reply: Value = serde_json::from_str(&reply).ok()?;
    reply["offlinemsg"].as_array().cloned()
}

/// The server on its embedded database. A new login takes over, so that nobody has to wait until it has noticed that
/// the client before has left.
struct Server {
    addr: SocketAddr,
    _process: Process,
    _data: TempDir,
}

impl Server {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut process = Process::start(
            "stonechat",
            server_command()
                .args(["--listen", "127.0.0.1:0", "--data"])
                .arg(data.path())
                .args(["--set", "password.memory_kib=8", "--set", "password.passes=1"])
                .args(["--set", "session_policy=replace"]),
        );
        let addr = process.wait_for_line("its address", |line| line.split_once("listening on ")?.1.trim().parse().ok());
        Self { addr, _process: process, _data: data }
    }
}

/// A running example client. Killed when dropped.
struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<Vec<String>>>,
    /// What the client says the user's id is.
    id: u32,
}

impl Client {
    /// Starts the client and waits until it is logged in.
    fn start(program: [&'static str; 2], name: &str, server: &Server) -> Self {
        let mut child = command(program, name, PASSWORD, server)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program:?}: {error}; scripts/test installs it"));
        let stdin = child.stdin.take();
        let stdout = gather(child.stdout.take().unwrap());
        let stderr = gather(child.stderr.take().unwrap());
        let mut client = Self { child, stdin, stdout, stderr, id: 0 };
        client.id = wait_for("the client's login", || {
            let id = client.heard().first().and_then(|line| line.strip_prefix("you are ")?.parse().ok());
            let ended = client.child.try_wait().unwrap();
            assert!(id.is_some() || ended.is_none(), "{program:?} ended ({ended:?}): {}", client.complaints());
            id
        });
        client
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until the client has printed this line.
    fn hears(&self, line: &str) {
        wait_for(line, || self.heard().iter().any(|heard| heard == line).then_some(()));
    }

    fn heard(&self) -> Vec<String> {
        self.stdout.lock().unwrap().clone()
    }

    fn complaints(&self) -> String {
        self.stderr.lock().unwrap().join("\n")
    }

    /// Ends its input, and waits for it to end in good order.
    fn leaves(mut self) {
        self.stdin = None;
        let status = wait_for("the client to end", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}: {}", self.complaints());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(program: [&'static str; 2], name: &str, password: &str, server: &Server) -> Command {
    let mut command = if program == RUST {
        Command::new(example(program[0], program[1]))
    } else {
        let mut command = Command::new(program[0]);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).arg(program[1]);
        command
    };
    command.args([name, password, "127.0.0.1"]).arg(server.addr.port().to_string());
    command
}

fn gather(from: impl std::io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().unwrap().push(line);
        }
    });
    lines
}
