//! The terminal client in a real terminal, against a real server: what two people see while the server is killed.

#[path = "client/changes.rs"]
mod changes;
mod common;
#[path = "client/looking_after.rs"]
mod looking_after;
#[path = "client/picture.rs"]
mod picture;
#[path = "client/script.rs"]
mod script;
#[path = "client/terminal.rs"]
mod terminal;

use std::io::Write;

use serde_json::{Value, json};

use common::client::{Account, Client, PASSWORD};
use common::node::Node;
use common::process::{program, wait_for};
use script::{Tail, run, start, start_command, text};
use terminal::Person;

#[test]
fn two_people_chat_while_the_server_is_killed_and_comes_back() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let (mut at_anna, mut at_ben) = (Person::log_in(&node, &anna), Person::log_in(&node, &ben));
    at_anna.opens(&ben.name);
    at_ben.opens(&anna.name);
    at_anna.types("before the crash\r");
    at_ben.sees("before the crash");
    at_ben.types("日本語 👍\r");
    at_anna.sees("日本語 👍");

    node.kill();
    at_anna.sees("no connection, again in");
    at_ben.sees("no connection, again in");
    at_anna.types("said by anna while it is down\r");
    at_ben.types("said by ben while it is down\r");
    at_anna.sees("said by anna while it is down … sending");
    at_ben.sees("said by ben while it is down … sending");

    node.restart();
    for (person, own) in [(&at_anna, "said by anna while it is down ✓"), (&at_ben, "said by ben while it is down ✓")]
    {
        person.sees("│ online");
        person.sees(own);
        person.sees("said by anna while it is down");
        person.sees("said by ben while it is down");
    }
    at_anna.types("and after it\r");
    at_ben.sees("and after it");
    for person in [&at_anna, &at_ben] {
        for said in ["before the crash", "日本語", "by anna while", "by ben while", "and after it"] {
            assert_eq!(person.count(said), 1, "{said:?} is there once:\n{}", person.screen());
        }
    }
    at_anna.leaves();
    at_ben.leaves();
    let mut again = Client::login_as(node.addr(), &anna.name);
    assert_eq!(again.history_with(ben.id).len(), 5, "each message is stored once");
    assert!(again.offline_messages().is_empty(), "what was shown was confirmed");
}

/// The picture of the README: `scripts/picture` has this test write it. Otherwise it is made and thrown away.
#[test]
fn a_picture_of_the_client_can_be_made() {
    let node = Node::start(&[]);
    let [anna, ben, _] = ["anna", "ben", "cleo"].map(|name| Account::register_as(node.addr(), name));
    let mut at_ben = Client::login_as(node.addr(), "ben");
    let mut at_cleo = Client::login_as(node.addr(), "cleo");
    at_ben.ok(json!({"msgid": 7, "friendid": anna.id}));
    at_cleo.ok(json!({"msgid": 7, "friendid": anna.id}));
    let group = at_cleo.ok(json!({"msgid": 8, "groupname": "chess", "groupdesc": "Thursdays at eight"}));
    let group = group["groupid"].as_u64().unwrap();
    let mut at_anna = Person::log_in(&node, &anna);
    at_anna.types(&format!("/join {group}\r"));
    at_anna.sees("│#chess");
    at_anna.opens("ben");
    at_ben.say(anna.id, "who brings the board on Thursday?");
    at_anna.sees("who brings the board");
    at_anna.types("/reply I do, and the clok\r");
    at_anna.sees("the clok ✓");
    at_anna.types("\x1b[A\x7fck\r");
    at_anna.sees("the clock (edited)");
    at_ben.ok(json!({"msgid": 61, "id": anna.id, "of": 2, "reaction": "👍", "on": true}));
    at_ben.say(anna.id, "日本のルールで? 😀");
    at_anna.sees("日本のルールで?");
    at_anna.types("/react laugh\r");
    at_anna.sees("[😂 1]");
    at_anna.types("yes, and blitz after it\r");
    at_anna.sees("blitz after it ✓");
    let last = at_ben.history_with(anna.id).last().unwrap()["seq"].clone();
    at_ben.send(&json!({"msgid": 45, "id": anna.id, "seq": last}));
    at_anna.sees("blitz after it ✓✓ read");
    at_anna.types("and then we have a look at your opening\r");
    at_anna.sees("your opening ✓");
    at_cleo.say_to_group(group, "is it at eight again?");
    let is_unread = |line: &str| line.starts_with("# chess") && line.contains("1│");
    at_anna.sees_when("an unread message of cleo", |screen| screen.lines().any(is_unread));
    at_anna.types("see you th");
    at_anna.sees("see you th");
    let made = picture::svg(&at_anna.shown(), "Three people chat: the terminal client of Stonechat");
    for shown in ["who brings the board", "日本のルールで?", "(edited)", "✓✓ read", "👍 1", "[😂 1]"] {
        assert!(made.contains(shown), "{shown} is missing:\n{}", at_anna.screen());
    }
    assert!(made.ends_with("</svg>\n") && ben.id > 0);
    if let Some(file) = std::env::var_os("STONECHAT_PICTURE") {
        std::fs::write(file, made).unwrap();
    }
}

#[test]
fn what_was_said_offline_survives_the_death_of_the_client() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let mut at_anna = Person::log_in(&node, &anna);
    at_anna.opens(&ben.name);
    node.kill();
    at_anna.sees("no connection, again in");
    at_anna.types("kept on disk\r");
    at_anna.sees("kept on disk … sending");
    let state = at_anna.dies();
    node.restart();
    // The saved token logs in: nobody types a password.
    let at_anna = Person::start_in(state, &[]);
    at_anna.sees("│ online");
    let mut at_ben = Client::login_as(node.addr(), &ben.name);
    wait_for("the message at its addressee", || {
        let history = at_ben.history_with(anna.id);
        (history.len() == 1 && history[0]["msg"] == "kept on disk").then_some(())
    });
}

#[test]
fn the_first_start_asks_and_the_next_one_does_not() {
    let node = Node::start(&[]);
    let mut person = Person::start(&[]);
    person.sees("Server [127.0.0.1:8000]:");
    person.types(&format!("{}\r", node.addr()));
    person.sees("Your name there:");
    person.types("newcomer\r");
    person.sees("Do you have that account already?");
    person.types("no\r");
    person.sees("A password for the new account newcomer:");
    person.types("my secret\r");
    person.sees("online as newcomer");
    assert_eq!(person.count("my secret"), 0, "{}", person.screen());
    let state = person.leaves();
    let person = Person::start_in(state, &[]);
    person.sees("online as newcomer");
}

#[test]
fn scripts_send_and_tail() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let state = tempfile::tempdir().unwrap();
    let send = |args: &[&str], password| {
        let args: Vec<&str> = ["--user", &anna.name, "send"].iter().chain(args).copied().collect();
        run(state.path(), &node, &args, "from stdin\n", password)
    };
    let refused = send(&[&ben.name, "too", "early"], None);
    assert_eq!(refused.status.code(), Some(4));
    assert!(text(&refused.stderr).contains("CHAT_PASSWORD"), "{}", text(&refused.stderr));
    let sent = send(&[&ben.name, "two", "words"], Some(PASSWORD));
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    assert!(send(&[&ben.id.to_string(), "-"], None).status.success(), "the token of the first login is enough");
    assert_eq!(send(&["nobody-by-that-name", "x"], None).status.code(), Some(1));

    let theirs = tempfile::tempdir().unwrap();
    let mut tail = Tail::start(theirs.path(), &node, &ben);
    let first: Value = serde_json::from_str(&tail.line()).unwrap();
    assert_eq!(
        (&first["name"], &first["msg"], &first["seq"]),
        (&anna.name.as_str().into(), &"two words".into(), &1.into())
    );
    let second: Value = serde_json::from_str(&tail.line()).unwrap();
    assert_eq!(second["msg"], "from stdin");
    // While it runs, a second process of the same account hands its message over instead of taking the connection.
    let args = ["--user", ben.name.as_str(), "send", anna.name.as_str(), "an answer"];
    let answered = run(theirs.path(), &node, &args, "", None);
    assert!(answered.status.success(), "{}", text(&answered.stderr));
    let mut at_anna = Client::login_as(node.addr(), &anna.name);
    let history = at_anna.history_with(ben.id);
    assert_eq!(history.last().unwrap()["msg"], "an answer");

    node.kill();
    node.restart();
    let mut at_anna = Client::login_as(node.addr(), &anna.name);
    at_anna.say(ben.id, "after the restart");
    let third: Value = serde_json::from_str(&tail.line()).unwrap();
    assert_eq!(third["msg"], "after the restart", "nothing lost, nothing twice");
}

/// The server's data go back to this copy: it is stopped, and started on the older file.
fn restore(node: &Node, backup: &[u8]) {
    node.term();
    let database = node.database();
    for beside in ["db-wal", "db-shm"] {
        // Gone already after an orderly end, as a rule.
        let _ = std::fs::remove_file(database.with_extension(beside));
    }
    std::fs::write(database, backup).expect("the file can be written");
    node.restart();
}

/// A copy of the server's data, made while it stood still.
fn back_up(node: &Node) -> Vec<u8> {
    node.term();
    let backup = std::fs::read(node.database()).expect("the file can be read");
    node.restart();
    backup
}

#[test]
fn after_a_restore_every_new_message_is_shown() {
    let node = Node::start(&[]);
    let [anna, ben, carl, dora] = ["anna", "ben", "carl", "dora"].map(|name| Account::register(node.addr(), name));
    let all = [ben.id, carl.id, dora.id];
    let (state, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let say = |prefix: &str, count: usize| {
        let mut at_anna = Client::login_as(node.addr(), &anna.name);
        for number in 1..=count {
            for id in all {
                at_anna.say(id, &format!("{prefix} {number}"));
            }
        }
        at_anna.log_out();
    };
    let next =
        |tail: &mut Tail| serde_json::from_str::<Value>(&tail.line()).unwrap()["msg"].as_str().unwrap().to_owned();
    let mut tail = Tail::start(state.path(), &node, &ben);
    let mut leaves = Tail::start(away.path(), &node, &dora);
    let mut screen = Person::log_in(&node, &carl);
    say("kept", 3);
    for tail in [&mut tail, &mut leaves] {
        assert_eq!([(); 3].map(|()| next(tail)), ["kept 1", "kept 2", "kept 3"]);
    }
    screen.opens(&anna.name);
    screen.sees("kept 3");

    let backup = back_up(&node);
    say("lost", 3);
    for tail in [&mut tail, &mut leaves] {
        while next(tail) != "lost 3" {}
    }
    screen.sees("lost 3");
    // One that is not there meanwhile: by the time it asks, the server has more messages than it had seen.
    drop(leaves);
    restore(&node, &backup);
    say("new", 5);

    let mut leaves = Tail::start(away.path(), &node, &dora);
    for tail in [&mut tail, &mut leaves] {
        let mut new = Vec::new();
        while new.len() < 5 {
            new.extend(Some(next(tail)).filter(|text| text.starts_with("new")));
        }
        assert_eq!(new, ["new 1", "new 2", "new 3", "new 4", "new 5"]);
    }
    for number in 1..=5 {
        screen.sees(&format!("new {number}"));
    }
    screen.sees("went back to an earlier state");
}

#[test]
fn a_server_that_is_away_keeps_the_message_in_the_outbox() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let state = tempfile::tempdir().unwrap();
    let send = |args: &[&str], password| {
        let args: Vec<&str> = ["--user", &anna.name, "send"].iter().chain(args).copied().collect();
        run(state.path(), &node, &args, "", password)
    };
    let to = ben.id.to_string();
    assert!(send(&[&to, "one"], Some(PASSWORD)).status.success());
    node.kill();
    let kept = send(&["--timeout", "1", &to, "two"], None);
    assert_eq!(kept.status.code(), Some(3));
    assert!(text(&kept.stderr).contains("kept in the outbox"), "{}", text(&kept.stderr));
    node.restart();
    assert!(send(&[&to, "three"], None).status.success());
    let mut at_ben = Client::login_as(node.addr(), &ben.name);
    let said: Vec<Value> = at_ben.history_with(anna.id).into_iter().map(|message| message["msg"].clone()).collect();
    assert_eq!(said, ["one", "two", "three"]);
}

#[test]
fn the_line_mode_works_in_a_pipe() {
    let node = Node::start(&[]);
    let ben = Account::register(node.addr(), "ben");
    let state = tempfile::tempdir().unwrap();
    let input = format!(
        "addfriend:{}\ncreategroup:chess:Thursdays\nhello, group\n/chat {} hello, ben\n/who\n/history\n/nonsense\n",
        ben.id, ben.name
    );
    let args = ["--user", "plain-anna", "--register"];
    let ran = run(state.path(), &node, &args, &input, Some("a password"));
    let out = text(&ran.stdout);
    for line in [
        &format!("* {} is your friend now", ben.name),
        "* you talk to chess now",
        &format!("* you talk to {} now", ben.name),
        &format!("{} (user {})", ben.name, ben.id),
        "plain-anna: hello, ben",
    ] {
        assert!(out.contains(line), "{line:?} is missing:\n{out}");
    }
    let err = text(&ran.stderr);
    assert!(err.contains("! there is no /nonsense; /help lists all commands"), "{err}");
    assert!(!out.contains("nonsense"), "{out}");
    assert_eq!(ran.status.code(), Some(1), "{err}");
    let mut at_ben = Client::login_as(node.addr(), &ben.name);
    let said = at_ben.offline_messages();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["msg"], "hello, ben");
    at_ben.forget_pushes();
}

#[test]
fn a_line_that_is_not_utf8_is_refused_and_the_rest_goes_on() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let state = tempfile::tempdir().unwrap();
    let mut child = start(state.path(), &node, &["--user", &anna.name, "--plain"], Some(PASSWORD));
    let mut typing = child.stdin.take().unwrap();
    writeln!(typing, "/chat {}", ben.name).unwrap();
    typing.write_all(b"before\nbad \xff\xfe line\nbehind\nlast, \xe4 without an end").unwrap();
    drop(typing);
    let ended = child.wait_with_output().unwrap();
    let err = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{err}");
    assert!(err.contains("! line 3 of the input is not UTF-8") && err.contains("! line 5 of the input"), "{err}");
    assert!(err.contains("2 line(s) could not be carried out"), "{err}");
    assert_eq!(said_to(&node, &ben, &anna), ["before", "behind"]);
    let mut sent = start(state.path(), &node, &["--user", &anna.name, "send", &ben.name, "-"], None);
    sent.stdin.take().unwrap().write_all(b"\xff").unwrap();
    let sent = sent.wait_with_output().unwrap();
    assert_eq!(sent.status.code(), Some(1));
    assert!(text(&sent.stderr).contains("not UTF-8; nothing was sent"), "{}", text(&sent.stderr));
}

#[test]
fn refused_lines_are_told_on_stderr_and_by_the_exit_code() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let state = tempfile::tempdir().unwrap();
    let plain = |input: &str| run(state.path(), &node, &["--user", &anna.name, "--plain"], input, Some(PASSWORD));
    let input = format!("to nobody\n/chat {}\nhello\n/chat nobody-by-that-name\nnot for ben\n/nonsense\n", ben.name);
    let ended = plain(&input);
    let err = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{err}");
    for told in ["! to whom?", "! there is no \"nobody-by-that-name\"", "! there is no /nonsense", "4 line(s)"] {
        assert!(err.contains(told), "{told:?} is missing:\n{err}");
    }
    assert!(!text(&ended.stdout).contains('!'), "{}", text(&ended.stdout));
    assert_eq!(said_to(&node, &ben, &anna), ["hello"], "a line behind a refused /chat goes to nobody");
    let fine = plain("/who\n");
    assert_eq!(fine.status.code(), Some(0), "{}", text(&fine.stderr));
}

#[test]
fn options_are_options_wherever_they_stand() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let state = tempfile::tempdir().unwrap();
    let send = |args: &[&str]| run(state.path(), &node, args, "", Some(PASSWORD));
    let name = ben.name.as_str();
    assert!(send(&["send", name, "one", "--timeout", "29", "--user", &anna.name]).status.success());
    assert!(send(&["--user", &anna.name, "send", "--timeout=29", name, "two"]).status.success());
    assert!(send(&["send", "--user", &anna.name, name, "--", "--timeout", "2", "-x"]).status.success());
    let unknown = send(&["send", "--user", &anna.name, name, "three", "--no-such-option"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
    assert_eq!(said_to(&node, &ben, &anna), ["one", "two", "--timeout 2 -x"]);
}

/// Such names are from before new ones were held to rules; they are written into the database here.
#[test]
fn names_that_look_like_something_else_can_be_addressed() {
    let node = Node::start(&[]);
    let anna = Account::register(node.addr(), "anna");
    let names = ["12345", "#lea", "say \"hi\""];
    let odd = names.map(|_| Account::register(node.addr(), "odd"));
    let numbered = Account::register(node.addr(), "numbered");
    node.kill();
    let database = rusqlite::Connection::open(node.database()).unwrap();
    for (account, name) in odd.iter().zip(names) {
        let renamed = "UPDATE User SET name = ?1, name_key = ?1 WHERE id = ?2";
        let id = i64::try_from(account.id).unwrap();
        assert_eq!(database.execute(renamed, (name, id)).unwrap(), 1);
    }
    drop(database);
    node.restart();
    let state = tempfile::tempdir().unwrap();
    let send = |to: &str| {
        let ended = run(state.path(), &node, &["--user", &anna.name, "send", to, "to", to], "", Some(PASSWORD));
        assert!(ended.status.success(), "{to}: {}", text(&ended.stderr));
    };
    let spelled = ["\"12345\"", "\"#lea\"", "\"say \\\"hi\\\"\""];
    spelled.into_iter().for_each(send);
    send(&numbered.id.to_string());
    let input = spelled.iter().fold(String::new(), |input, name| input + "/chat " + name + " typed\n");
    let plain = run(state.path(), &node, &["--user", &anna.name, "--plain"], &input, None);
    assert_eq!(plain.status.code(), Some(0), "{}", text(&plain.stderr));
    let mut at_anna = Client::login_as(node.addr(), &anna.name);
    for (account, name) in odd.iter().zip(spelled) {
        let said: Vec<Value> = at_anna.history_with(account.id).into_iter().map(|line| line["msg"].clone()).collect();
        assert_eq!(said, [format!("to {name}"), "typed".to_owned()]);
    }
    assert_eq!(at_anna.history_with(numbered.id).len(), 1);
}

/// Both forms of a zone in summer: winter's offset, or none, would be another hour.
#[test]
fn time_zones_are_known_in_every_form() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let state = tempfile::tempdir().unwrap();
    let args = ["--user", anna.name.as_str(), "--plain"];
    ben.login(node.addr()).say(anna.id, "hello");
    let input = format!("/chat {}\n/history\n", ben.name);
    let mut hours = Vec::new();
    for zone in ["UTC0", "XYZ-5:30", "ABC-3DEF-4,J1/0,J365/25"] {
        let mut command = start_command(state.path(), &node, &args, Some(PASSWORD));
        let mut child = command.env("TZ", zone).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let out = text(&ended.stdout);
        let line = out.lines().find(|line| line.ends_with(": hello")).unwrap_or_else(|| panic!("{out}"));
        let (hour, minute) = line.split(' ').next().unwrap().split_once(':').unwrap();
        hours.push(60 * hour.parse::<i64>().unwrap() + minute.parse::<i64>().unwrap());
    }
    // The first message is the same in all three: its clock differs by the offset alone.
    let day = 24 * 60;
    assert_eq!((hours[1] - hours[0]).rem_euclid(day), 5 * 60 + 30, "{hours:?}");
    assert_eq!((hours[2] - hours[0]).rem_euclid(day), 4 * 60, "the summer's offset: {hours:?}");
}

#[test]
fn a_server_without_a_port_is_at_8000() {
    let state = tempfile::tempdir().unwrap();
    // Nobody needs to listen there: what it tried to reach is what counts, and the folder that it made for it.
    let mut command = std::process::Command::new(program("stonechat-client"));
    command.arg("--state").arg(state.path()).args(["--user", "anna", "send", "ben", "hi", "--timeout", "1"]);
    let ended = command.env("CHAT_SERVER", "127.255.255.254").env("CHAT_PASSWORD", "x").output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{}", text(&ended.stderr));
    let folders: Vec<String> = std::fs::read_dir(state.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("127.255.255.254"))
        .collect();
    assert!(folders.len() == 1 && folders[0].ends_with("8000"), "{folders:?}");
}

#[test]
fn a_terminal_that_is_not_utf8_is_told_so() {
    let node = Node::start(&[]);
    let anna = Account::register(node.addr(), "anna");
    let person = Person::log_in(&node, &anna);
    assert_eq!(person.count("not set to UTF-8"), 0, "{}", person.screen());
    let state = person.leaves();
    let person = Person::start_with(state, &[], "de_DE.ISO-8859-1");
    person.sees("This terminal is not set to UTF-8 (LC_ALL is");
}

/// What this account has been told by the other, its own answers left out.
fn said_to(node: &Node, to: &Account, from: &Account) -> Vec<String> {
    let mut reader = Client::login_as(node.addr(), &to.name);
    let history = reader.history_with(from.id);
    history.iter().map(|message| message["msg"].as_str().expect("a message has a text").to_owned()).collect()
}

#[test]
fn a_burst_through_a_killed_server_arrives_whole_in_order_and_once() {
    const HALF: usize = 150;
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let state = tempfile::tempdir().unwrap();
    let mut child = start(state.path(), &node, &["--user", &anna.name, "--plain"], Some(PASSWORD));
    let mut typing = child.stdin.take().unwrap();
    writeln!(typing, "/chat {}", ben.name).unwrap();
    (0..HALF).for_each(|n| writeln!(typing, "line {n}").unwrap());
    // Killed while acks are under way: some messages are stored, and their sender does not know.
    let mut watch = Client::login_as(node.addr(), &ben.name);
    watch.expect_pushes(6, 20);
    node.kill();
    (HALF..2 * HALF).for_each(|n| writeln!(typing, "line {n}").unwrap());
    drop(typing);
    node.restart();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}{}", text(&ended.stdout), text(&ended.stderr));
    let mut watch = Client::login_as(node.addr(), &ben.name);
    let said: Vec<Value> = watch.history_with(anna.id).into_iter().map(|message| message["msg"].clone()).collect();
    let expected: Vec<Value> = (0..2 * HALF).map(|n| format!("line {n}").into()).collect();
    assert_eq!(said, expected);
}

#[test]
fn a_script_does_not_change_whose_account_a_person_starts_with() {
    let node = Node::start(&[]);
    let (anna, bot) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "bot"));
    let at_anna = Person::log_in(&node, &anna);
    let state = at_anna.leaves();
    let to = anna.id.to_string();
    let sent = run(state.path(), &node, &["--user", &bot.name, "send", &to, "beep"], "", Some(PASSWORD));
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let mut at_anna = Person::start_in(state, &[]);
    at_anna.sees(&format!("online as {}; one message was missed", anna.name));
    at_anna.sees(&format!("{}        ", bot.name));
    at_anna.opens(&bot.name);
    at_anna.sees("beep");
}

#[test]
fn one_goes_from_account_to_account_with_the_saved_tokens() {
    let node = Node::start(&[]);
    let (anna, ben) = (Account::register(node.addr(), "anna"), Account::register(node.addr(), "ben"));
    let mut person = Person::log_in(&node, &anna);
    person.types(&format!("/login {}\r", ben.name));
    person.sees(&format!("Password of {}:", ben.name));
    person.types(&format!("{PASSWORD}\r"));
    person.sees(&format!("online as {}", ben.name));
    person.types(&format!("/login {}\r", anna.name));
    person.sees(&format!("online as {}", anna.name));
    person.types("/logout\r");
    person.sees("logged out");
    person.types(&format!("/login {}\r", anna.name));
    person.sees(&format!("Password of {}:", anna.name));
}
