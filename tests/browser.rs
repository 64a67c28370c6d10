//! The web client in a real browser, against a real server. Each scene is a program of tests/browser, driven by Playwright.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};

use common::node::Node;
use common::process::{program, server_command};
use common::relay::{Flow, Relay};

/// Browsers are large: two scenes at a time, however many cores there are.
static FREE_STAGES: Mutex<usize> = Mutex::new(2);
static STAGE_LEFT: Condvar = Condvar::new();

/// The right to play a scene.
struct Stage;

impl Stage {
    fn enter() -> Self {
        let free = FREE_STAGES.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = STAGE_LEFT.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Self
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        *FREE_STAGES.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        STAGE_LEFT.notify_one();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A server that serves the files of the folder `web`, as they are now.
fn start(settings: &[&str]) -> Node {
    let folder = format!("web.folder={}", root().join("web").display());
    let settings: Vec<&str> = settings.iter().copied().chain([folder.as_str()]).collect();
    Node::with_settings(&settings)
}

/// A scene that runs, and what it may have done to it.
struct Scene<'a> {
    node: &'a Node,
    relay: &'a Relay,
    /// What `save` has saved of the server's data.
    saved: Vec<(PathBuf, Vec<u8>)>,
}

impl Scene<'_> {
    /// Runs a program of tests/browser, which ends with 0 if all it saw was right. Its pages come through the relay.
    fn play(mut self, script: &str) {
        let _stage = Stage::enter();
        let mut child = self.spawn(script);
        let mut answers = child.stdin.take().unwrap();
        let mut log = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            match line.strip_prefix("do: ") {
                Some(words) => self.carry_out(words, &mut answers),
                None => log = log + &line + "\n",
            }
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{script}: {}\n{log}", String::from_utf8_lossy(&output.stderr));
    }

    fn spawn(&self, script: &str) -> Child {
        let page = SocketAddr::from(([127, 0, 0, 1], self.relay.port()));
        Command::new("node")
            .arg(root().join("tests/browser").join(script))
            .arg(page.to_string())
            .env("STONECHAT_DIRECT", self.node.addr().to_string())
            .env("STONECHAT_CLIENT", program("stonechat-client"))
            .env("STONECHAT_PEERS", root().join("target/peers/node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start node: {error}; scripts/test installs it"))
    }

    fn carry_out(&mut self, words: &str, answers: &mut ChildStdin) {
        match words {
            "kill" => self.node.kill(),
            "restart" => self.node.restart(),
            "cut" => self.relay.cut(),
            "hold" => self.relay.set(Flow::Hold),
            "pass" => self.relay.set(Flow::Pass),
            "save" => self.saved = self.node.data_files().into_iter().map(with_content).collect(),
            "bring back" => self.bring_back(),
            broadcast if broadcast.starts_with("broadcast ") => self.tell_everybody(&broadcast["broadcast ".len()..]),
            other => panic!("no such command: {other}"),
        }
        answers.write_all(b"done\n").unwrap();
    }

    /// Who runs the server tells everybody something.
    fn tell_everybody(&self, text: &str) {
        let mut command = server_command();
        command.arg("admin").arg("--data").arg(self.node.folder()).args(["broadcast", text]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Puts the saved data in the place of the present ones; the server is not running.
    fn bring_back(&self) {
        for file in self.node.data_files() {
            fs::remove_file(file).unwrap();
        }
        for (file, content) in &self.saved {
            fs::write(file, content).unwrap();
        }
    }
}

fn with_content(file: PathBuf) -> (PathBuf, Vec<u8>) {
    let content = fs::read(&file).unwrap();
    (file, content)
}

fn play(script: &str, settings: &[&str]) {
    let node = start(settings);
    let relay = Relay::start(node.addr().port());
    Scene { node: &node, relay: &relay, saved: Vec::new() }.play(script);
}

#[test]
fn two_browsers_and_a_terminal_chat() {
    play("people.mjs", &[]);
}

#[test]
fn nothing_is_lost_or_doubled_when_the_server_is_killed() {
    play("crash.mjs", &[]);
}

#[test]
fn what_is_written_offline_is_sent_later() {
    play("offline.mjs", &[]);
}

#[test]
fn a_long_history_is_scrolled_to_its_beginning() {
    play("history.mjs", &[]);
}

#[test]
fn long_lists_are_whole() {
    play("lists.mjs", &["quota.groups_created=0"]);
}

#[test]
fn each_part_keeps_its_promise() {
    play("parts.mjs", &[]);
}

#[test]
fn every_text_is_there_in_each_language() {
    play("languages.mjs", &[]);
}

#[test]
fn every_screen_is_accessible() {
    play("accessibility.mjs", &[]);
}

#[test]
fn the_tabs_of_one_account_agree() {
    play("tabs.mjs", &[]);
}

#[test]
fn a_page_without_encryption_works() {
    play("insecure.mjs", &["web.hosts=chat.test"]);
}

#[test]
fn notifications_are_shown_while_nobody_looks() {
    play("notifications.mjs", &[]);
}

#[test]
fn writing_is_comfortable() {
    play("writing.mjs", &[]);
}

#[test]
fn what_was_said_can_be_changed() {
    play("changes.mjs", &[]);
}

#[test]
fn everybody_knows_how_far_the_others_are() {
    play("receipts.mjs", &[]);
}

#[test]
fn what_was_said_can_be_found() {
    play("search.mjs", &[]);
}

#[test]
fn order_is_kept_in_a_group() {
    play("order.mjs", &[]);
}

#[test]
fn an_account_is_its_owners() {
    play("account.mjs", &[]);
}

#[test]
fn an_older_server_is_enough() {
    play("older.mjs", &[]);
}

#[test]
fn accounts_and_sessions_come_and_go() {
    play("sessions.mjs", &["limits.logins_per_minute=3"]);
}

#[test]
fn a_restored_server_is_noticed() {
    play("restored.mjs", &[]);
}

/// The picture of the README: `scripts/picture-web` has this test write it. Otherwise it is made and thrown away.
#[test]
fn a_picture_of_the_web_client_can_be_made() {
    play("picture.mjs", &[]);
}
