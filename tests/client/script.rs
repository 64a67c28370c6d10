//! The client as a script uses it: run to its end, or tailing.
#![allow(clippy::unwrap_used, reason = "allow-unwrap-in-tests misses what tests share")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use crate::common::client::{Account, PASSWORD};
use crate::common::node::Node;
use crate::common::process::{program, wait_for};

/// Runs the client with this on its stdin; what it printed.
pub(crate) fn run(state: &Path, node: &Node, args: &[&str], input: &str, password: Option<&str>) -> Output {
    let mut child = start(state, node, args, password);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Starts the client with pipes.
pub(crate) fn start(state: &Path, node: &Node, args: &[&str], password: Option<&str>) -> Child {
    start_command(state, node, args, password).spawn().unwrap()
}

/// The same, not started yet.
pub(crate) fn start_command(state: &Path, node: &Node, args: &[&str], password: Option<&str>) -> Command {
    let server = node.addr().to_string();
    command(state, &[&["--server", &server], args].concat(), password)
}

/// The client with pipes and these arguments, not started yet.
pub(crate) fn command(state: &Path, args: &[&str], password: Option<&str>) -> Command {
    let mut command = Command::new(program("stonechat-client"));
    command.arg("--state").arg(state).args(args).env_remove("CHAT_CA").env_remove("SSL_CERT_DIR");
    command.env_remove("CHAT_USER").env_remove("CHAT_SERVER").env_remove("CHAT_PASSWORD").env("TZ", "UTC");
    if let Some(password) = password {
        command.env("CHAT_PASSWORD", password);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Printed bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A running `tail`. Killed when dropped.
pub(crate) struct Tail {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    read: usize,
}

impl Tail {
    /// Starts it and gathers what it prints.
    pub(crate) fn start(state: &Path, node: &Node, account: &Account) -> Self {
        Self::start_with(state, &["--server", &node.addr().to_string(), "--user", &account.name])
    }

    /// The same with these arguments.
    pub(crate) fn start_with(state: &Path, args: &[&str]) -> Self {
        let mut command = command(state, &[args, &["tail"]].concat(), Some(PASSWORD));
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (out, into) = (child.stdout.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                into.lock().unwrap().push(line);
            }
        });
        Self { child, lines, read: 0 }
    }

    /// The next line.
    pub(crate) fn line(&mut self) -> String {
        let line = wait_for("a line of tail", || self.lines.lock().unwrap().get(self.read).cloned());
        self.read += 1;
        line
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
