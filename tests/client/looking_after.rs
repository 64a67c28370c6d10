//! Groups that are looked after, people who are kept away, and one's own account, from a terminal.

use serde_json::json;

use crate::common::client::{Account, Client, PASSWORD, unique};
use crate::common::node::Node;
use crate::script::{run, text};
use crate::terminal::Person;

#[test]
fn a_group_is_looked_after() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let (mut at_anna, mut at_ben) = (Person::log_in(&node, &anna), Person::log_in(&node, &ben));
    let group = unique("chess");
    at_anna.types(&format!("/create {group}\r"));
    at_anna.sees(&format!("│#{group}"));
    at_anna.types("/set join invite\r");
    at_anna.sees(&format!("{group} is changed"));
    at_ben.types(&format!("/join #{group}\r"));
    at_ben.sees_when("a refusal", |screen| screen.lines().any(|line| line.contains("│! ")));
    at_anna.types(&format!("/invite {}\r", ben.name));
    at_ben.sees("invites you to the group");
    at_ben.types(&format!("/accept #{group}\r"));
    at_ben.sees(&format!("│#{group}"));

    at_anna.types(&format!("/mute {} 10m\r", ben.name));
    at_anna.sees("may not speak");
    at_ben.sees("you are silenced");
    at_ben.types("may I?\r");
    at_ben.sees("may I? ✗ failed:");
    at_ben.sees("(until ");
    at_anna.types(&format!("/unmute {}\r", ben.name));
    at_ben.sees("you are free to speak");
    at_ben.types("\x12");
    at_anna.sees("may I?");

    at_anna.types(&format!("/role {} admin\r", ben.name));
    at_ben.sees("you are an admin");
    at_anna.types("/set speak admins\r");
    at_ben.sees("only admins speak");
    at_anna.types(&format!("/ban {}\r", ben.name));
    at_ben.sees("has sent you away");
    at_anna.types("/bans\r");
    at_anna.sees(&format!("{} (user {})", ben.name, ben.id));
    at_ben.types(&format!("/join #{group}\r"));
    at_ben.sees("! ");
}

#[test]
fn who_wants_to_join_is_let_in_from_the_group() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let (mut at_anna, mut at_ben) = (Person::log_in(&node, &anna), Person::log_in(&node, &ben));
    let group = unique("bridge");
    at_anna.types(&format!("/create {group}\r"));
    at_anna.sees(&format!("│#{group}"));
    at_anna.types("/set join ask\r");
    at_anna.sees("is changed");
    at_ben.types(&format!("/join #{group}\r"));
    at_ben.sees(&format!("{group} is asked"));
    at_ben.types("/asked\r");
    at_ben.sees(&format!("#{group} to let you in"));
    at_anna.sees("wants to join");
    at_anna.types(&format!("/accept {}\r", ben.name));
    at_anna.sees(&format!("{} is a member of {group}", ben.name));
    at_ben.sees(&format!("# {group}"));
}

#[test]
fn a_blocked_user_is_not_heard_until_unblocked() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let (mut at_anna, mut at_ben) = (Person::log_in(&node, &anna), Person::log_in(&node, &ben));
    at_anna.types(&format!("/block {}\r", ben.name));
    at_anna.sees("is blocked");
    at_ben.opens(&anna.name);
    at_ben.types("hello?\r");
    at_ben.sees("hello? ✗ failed:");
    at_anna.types("/blocked\r");
    at_anna.sees(&format!("{} (user {})", ben.name, ben.id));
    at_anna.types(&format!("/unblock {}\r", ben.name));
    at_anna.sees("is not blocked");
    at_ben.types("\x12");
    at_ben.sees("hello? ✓");
}

#[test]
fn an_account_has_another_name_another_password_and_is_erased() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let mut elsewhere = anna.login_from(node.addr(), "browser");
    let mut at_anna = Person::log_in(&node, &anna);
    let name = unique("annika");
    at_anna.types(&format!("/name {name}\r"));
    at_anna.sees(&format!("others see you as {name}"));
    at_anna.types("/sessions\r");
    at_anna.sees("browser, from 127.0.0.1");
    at_anna.types(&format!("/password\r{PASSWORD}\rnew secret\rnew secret\r"));
    at_anna.sees("the password is changed");
    assert_eq!(at_anna.count("secret"), 0, "{}", at_anna.screen());
    elsewhere.expect_closed();

    // The same folder, found by the old name; the token is the same account's.
    let state = at_anna.leaves();
    let mut at_anna = Person::start_in(state, &[]);
    at_anna.sees(&format!("online as {name}"));
    at_anna.opens(&ben.name);
    at_anna.types("to be forgotten\r");
    at_anna.sees("to be forgotten ✓");
    at_anna.types(&format!("/erase\r{name}\rwrong\r"));
    at_anna.sees("! ");
    at_anna.types(&format!("/erase\r{name}\rnew secret\r"));
    at_anna.sees("the account is erased");
    Client::connect(node.addr()).refused(json!({"msgid": 1, "name": name, "pwd": "new secret"}), 1);
}

#[test]
fn a_script_changes_the_password_with_the_lines_that_follow() {
    let node = Node::start(&[]);
    let anna = Account::register(node.addr(), "anna");
    let state = tempfile::tempdir().unwrap();
    let args = ["--user", anna.name.as_str(), "--plain"];
    let input = format!("/password\n{PASSWORD}\nnew\nnew\n/password\nnew\nother\ntypo\n");
    let ran = run(state.path(), &node, &args, &input, Some(PASSWORD));
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    assert!(out.contains("* the password is changed"), "{out}\n{err}");
    assert!(err.contains("not typed the same twice") && !out.contains("typo"), "{out}\n{err}");
    Client::connect(node.addr()).ok(json!({"msgid": 1, "name": anna.name, "pwd": "new"}));
}

#[test]
fn a_terminal_in_line_mode_shows_no_password() {
    let node = Node::start(&[]);
    let anna = Account::register(node.addr(), "anna");
    let mut person = Person::start(&["--server", &node.addr().to_string(), "--user", &anna.name, "--plain"]);
    person.sees("Password of");
    person.types(&format!("{PASSWORD}\r"));
    person.sees("is online at");
    person.types("/password\r");
    person.sees("Your password until now:");
    person.types(&format!("{PASSWORD}\r"));
    person.sees("The new password:");
    person.types("a new secret\r");
    person.sees("The new password once more:");
    person.types("a new secret\r");
    person.sees("* the password is changed");
    for shown in [PASSWORD, "secret"] {
        assert_eq!(person.count(shown), 0, "{}", person.screen());
    }
    person.types("/who\r");
    person.sees("/who");
}
