//! What was taken back is gone from the database's files, not only from view: SQLite's free pages and its log are looked through.
#![allow(clippy::unwrap_used, reason = "allow-unwrap-in-tests misses what is no #[test]")]

mod common;

use common::client::Client;
use common::node::Node;
use common::process::wait_for;
use serde_json::json;

/// Whether the text stands anywhere in the database's files.
fn is_in_files(node: &Node, text: &str) -> bool {
    let has_text = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    };
    node.data_files().iter().any(has_text)
}

#[test]
fn a_recalled_text_leaves_the_files() {
    let node = Node::start(&[]);
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut bob = Client::newcomer(node.addr(), "bob");
    let long = format!("first-secret-{}", "x".repeat(6_000));
    alice.say(bob.id, &long);
    bob.expect_push(6);
    for other in 0..50 {
        alice.say(bob.id, &format!("something else {other} {}", "y".repeat(500)));
    }
    alice.ok(json!({"msgid": 57, "id": bob.id, "of": 1, "msg": "second-secret, which is shorter"}));
    bob.ok(json!({"msgid": 61, "id": alice.id, "of": 1, "reaction": "third-secret", "on": true}));
    assert!(is_in_files(&node, "second-secret"), "the test can see what is there");
    alice.ok(json!({"msgid": 59, "id": bob.id, "of": 1}));
    wait_for("the texts to be gone from the files", || {
        let left = ["first-secret", "second-secret", "third-secret"].map(|text| is_in_files(&node, text));
        (left == [false; 3]).then_some(())
    });
    assert!(is_in_files(&node, "something else 49"), "nothing else is gone");
    node.assert_running();
}
