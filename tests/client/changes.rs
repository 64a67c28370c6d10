//! What happens to a message after it was said, as people at terminals see it: ticks, edits, recalls, reactions, answers.

use serde_json::json;

use crate::common::client::{Account, Client, PASSWORD};
use crate::common::node::Node;
use crate::script::{run, text};
use crate::terminal::Person;

/// anna and ben, each at a terminal, with the conversation between them open.
fn two_people(node: &Node) -> (Person, Person) {
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let (mut at_anna, mut at_ben) = (Person::log_in(node, &anna), Person::log_in(node, &ben));
    at_anna.opens(&ben.name);
    at_ben.opens(&anna.name);
    (at_anna, at_ben)
}

#[test]
fn a_message_is_read_edited_answered_reacted_to_and_taken_back() {
    let node = Node::start(&[]);
    let (mut at_anna, mut at_ben) = two_people(&node);
    at_anna.types("shall we play?\r");
    at_ben.sees("shall we play?");
    at_anna.sees("shall we play? ✓✓ read");

    at_anna.types("\x1b[A");
    at_anna.sees("edit> shall we play?");
    at_anna.types("\x15shall we play chess?\r");
    at_ben.sees("shall we play chess? (edited)");
    at_anna.sees("shall we play chess? (edited) ✓✓ read");
    assert_eq!(at_ben.count("shall we play?"), 0, "{}", at_ben.screen());

    at_ben.types("/react +1\r");
    at_anna.sees("👍 1");
    at_ben.sees("[👍 1]");
    at_ben.types("/unreact\r");
    at_anna.sees_when("no reaction any more", |screen| !screen.contains("👍"));

    at_ben.types("/reply gladly\r");
    at_anna.sees("gladly");
    at_anna.sees_when("what is answered above the answer", |screen| {
        let lines: Vec<&str> = screen.lines().collect();
        let is_answer =
            |pair: &[&str]| pair[0].contains("┌ anna") && pair[0].contains("chess?") && pair[1].contains("gladly");
        lines.windows(2).any(is_answer)
    });

    at_ben.types("/recall\r");
    at_anna.sees("(taken back)");
    at_ben.sees("(taken back)");
    assert_eq!(at_anna.count("gladly"), 0, "{}", at_anna.screen());
    at_anna.types("/recall #99\r");
    at_anna.sees("#99 is not here");
}

#[test]
fn changes_that_came_meanwhile_are_there_after_a_lost_connection() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let mut at_anna = Person::log_in(&node, &anna);
    at_anna.opens(&ben.name);
    let mut at_ben = Client::login_as(node.addr(), &ben.name);
    at_ben.say(anna.id, "helo");
    at_anna.sees("helo");
    at_ben.log_out();
    node.kill();
    at_anna.sees("no connection, again in");
    node.restart();
    let mut at_ben = Client::login_as(node.addr(), &ben.name);
    at_ben.ok(json!({"msgid": 57, "id": anna.id, "of": 1, "msg": "hello"}));
    at_ben.ok(json!({"msgid": 61, "id": anna.id, "of": 1, "reaction": "🎉", "on": true}));
    at_anna.sees("hello (edited)");
    at_anna.sees("🎉 1");
    assert_eq!((at_anna.count("helo"), at_anna.count("🎉")), (0, 1), "{}", at_anna.screen());
}

#[test]
fn what_was_read_on_another_device_is_not_unread_here() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let at_anna = Person::log_in(&node, &anna);
    let mut at_ben = Client::login_as(node.addr(), &ben.name);
    for text in ["one", "two", "three"] {
        at_ben.say(anna.id, text);
    }
    at_anna.sees_when("three unread messages", |screen| screen.lines().any(|line| line.contains("3│")));
    let mut in_browser = anna.login_from(node.addr(), "browser");
    in_browser.send(&json!({"msgid": 45, "id": ben.id, "seq": 2}));
    at_anna.sees_when("one unread message", |screen| screen.lines().any(|line| line.contains("1│")));
    let state = at_anna.leaves();
    in_browser.send(&json!({"msgid": 45, "id": ben.id, "seq": 3}));
    at_ben.say(anna.id, "four");
    let at_anna = Person::start_in(state, &[]);
    at_anna.sees("│ online");
    at_anna.sees_when("one unread message", |screen| screen.lines().any(|line| line.contains("1│")));
}

#[test]
fn people_see_each_other_come_and_type() {
    let node = Node::start(&[]);
    let (mut at_anna, mut at_ben) = two_people(&node);
    // Strangers are told nothing of each other.
    at_anna.types("hi\r");
    at_ben.types("hi\r");
    at_anna.sees("hi ✓✓ read");
    at_anna.types("how are you?");
    at_ben.sees("is typing …");
    at_anna.types("\r");
    at_ben.sees_when("nobody who types", |screen| !screen.contains("is typing …"));
}

#[test]
fn a_script_edits_reacts_and_searches() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let state = tempfile::tempdir().unwrap();
    Client::login_as(node.addr(), &ben.name).say(anna.id, "who brings the board?");
    let input =
        format!("/chat {}\nI do\n/edit I do not\n/react heart\n/numbers\n/search THE board\n/edit #1 x\n", ben.name);
    let ran = run(state.path(), &node, &["--user", &anna.name, "--plain"], &input, Some(PASSWORD));
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    for line in ["who brings the board?", ": I do not (edited) [❤️ 1]", "#2 ", "#1 ben", "* that is all"] {
        assert!(out.contains(line), "{line:?} is missing:\n{out}\n{err}");
    }
    assert!(err.contains("! ") && ran.status.code() == Some(1), "ben's message is not anna's to edit:\n{out}\n{err}");
}
