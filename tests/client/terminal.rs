//! A person at a terminal: the client in a pseudo-terminal, and what its screen shows.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "what tests share; allow-unwrap-in-tests misses it")]

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

use crate::common::client::{Account, PASSWORD, Stopwatch};
use crate::common::node::Node;
use crate::common::process::{PATIENCE, program, wait_for};

/// The client in a pseudo-terminal of its own. Killed when dropped.
pub(crate) struct Person {
    parser: Arc<Mutex<vt100::Parser>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    state: TempDir,
}

impl Person {
    /// Sits down at a terminal of 80 by 24, without anything remembered from before.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), args)
    }

    pub(crate) fn start_in(state: TempDir, args: &[&str]) -> Self {
        Self::start_with(state, args, "C.UTF-8")
    }

    /// At a terminal of this locale.
    pub(crate) fn start_with(state: TempDir, args: &[&str], locale: &str) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program("stonechat-client"));
        command.args(["--state", state.path().to_str().unwrap()]);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env("TZ", "UTC");
        command.env("LC_ALL", locale);
        for variable in ["CHAT_SERVER", "CHAT_CA", "CHAT_USER", "CHAT_PASSWORD"] {
            command.env_remove(variable);
        }
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::default()));
        show(pty.master.try_clone_reader().unwrap(), Arc::clone(&parser));
        let writer = pty.master.take_writer().unwrap();
        Self { parser, writer, child, _master: pty.master, state }
    }

    /// Logs in as this account, which exists.
    pub(crate) fn log_in(node: &Node, account: &Account) -> Self {
        Self::log_in_with(&["--server", &node.addr().to_string()], account)
    }

    /// The same with these arguments.
    pub(crate) fn log_in_with(args: &[&str], account: &Account) -> Self {
        let mut person = Self::start(&[args, &["--user", &account.name]].concat());
        person.sees(&format!("Password of {}:", account.name));
        person.types(&format!("{PASSWORD}\r"));
        person.sees("│ online");
        person
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Opens a conversation and says something in it.
    pub(crate) fn opens(&mut self, name: &str) {
        self.types(&format!("/chat {name}\r"));
        self.sees_when("the conversation", |screen| screen.lines().any(|line| line.contains(&format!("│{name}"))));
    }

    pub(crate) fn screen(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    /// The screen with its colours.
    pub(crate) fn shown(&self) -> vt100::Screen {
        self.parser.lock().unwrap().screen().clone()
    }

    pub(crate) fn sees(&self, text: &str) {
        self.sees_when(text, |screen| screen.contains(text));
    }

    pub(crate) fn sees_when(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let waited = Stopwatch::start();
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return;
            }
            assert!(waited.elapsed() < PATIENCE, "{what:?} is not on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How often a text is on the screen now.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.screen().matches(text).count()
    }

    /// Ends by Ctrl-C twice, and leaves the terminal as it was.
    pub(crate) fn leaves(mut self) -> TempDir {
        self.types("\x03\x03");
        let status = wait_for("the end of the client", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status:?}");
        let is_restored = || (!self.parser.lock().unwrap().screen().alternate_screen()).then_some(());
        wait_for("the terminal as it was", is_restored);
        std::mem::replace(&mut self.state, tempfile::tempdir().unwrap())
    }

    /// SIGKILL.
    pub(crate) fn dies(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.state, tempfile::tempdir().unwrap())
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Draws what the client prints, as a terminal does.
fn show(mut from: Box<dyn Read + Send>, on: Arc<Mutex<vt100::Parser>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            on.lock().unwrap().process(&buffer[..read]);
        }
    });
}
