//! What is not a whole dump, or does not belong where it is to go, changes nothing.

use std::io::Write;
use std::process::{Child, Stdio};

use mysql::prelude::Queryable;
use serde_json::json;

use crate::common::client::{Account, Client};
use crate::common::mariadb::MariaDb;
use crate::common::process::wait_for;
use crate::life::{Lived, lived};
use crate::place::{Ended, Place, command, dump_of, fed, on_a_full_disk, rows, tail};

/// Asserts that nothing is there: not even a table.
fn assert_untouched(place: &Place, what: &str) {
    match place {
        Place::Sqlite(folder) => {
            let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
            assert!(files.is_empty(), "{what}: {files:?}");
        }
        Place::MySql(_) => assert_eq!(place.texts("SHOW TABLES"), [""; 0], "{what}"),
    }
}

#[test]
fn what_is_no_whole_dump_leaves_nothing() {
    let (first, _) = lived(Place::sqlite());
    let dump = first.dump();
    let text = String::from_utf8(dump.clone()).unwrap();
    let cut_in_a_line = dump[..dump.len() / 2].to_vec();
    let up_to_a_line = |text: &str| text.as_bytes()[..=text.rfind('\n').unwrap()].to_vec();
    // Half of it may end within a character.
    let half = String::from_utf8_lossy(&cut_in_a_line).into_owned();
    let (cut_at_a_line, without_its_end) = (up_to_a_line(&half), up_to_a_line(text.trim_end()));
    let newer = text.replacen("\"schema\":", "\"schema\":9", 1).into_bytes();
    let changed = text.replacen("good morning", "good evening", 1).into_bytes();
    let twice = [dump.clone(), dump.clone()].concat();
    let database = std::fs::read(first.file()).unwrap();
    let mut lines = rows(&dump);
    lines.swap(0, 1);
    let shuffled = dump_of(&dump, &lines);
    let bad: [(&str, &[u8], &str); 10] = [
        ("nothing", b"", "it is empty"),
        ("cut in a line", &cut_in_a_line, "in the middle of a line"),
        ("cut at a line's end", &cut_at_a_line, "before its last line"),
        ("without its last line", &without_its_end, "before its last line"),
        ("of a newer stonechat", &newer, "use a newer one"),
        ("changed", &changed, "the checksum is not that of the lines"),
        ("twice", &twice, "something follows its last line"),
        ("another program's", b"-- MySQL dump 10.19\nCREATE TABLE t;\n", "not that of a dump"),
        ("a database", &database, "not that of a dump"),
        ("out of order", &shuffled, "does not come in order"),
    ];
    for place in Place::both() {
        for (what, bytes, told) in bad {
            let ended = place.feed(&["load"], bytes).refused(told);
            assert!(ended.stderr.contains("error: the dump: "), "{what}: {}", ended.stderr);
            assert_untouched(&place, what);
        }
        place.load(&dump);
        assert_eq!(tail(&place.dump()), tail(&dump), "and the whole one goes in");
    }
}

#[test]
fn a_database_with_accounts_is_left_alone() {
    let (first, _) = lived(Place::sqlite());
    let dump = first.dump();
    for place in Place::both() {
        let running = place.start();
        Account::register(running.node.addr(), "somebody");
        let place = running.stop();
        let before = place.dump();
        place.feed(&["load"], &dump).refused("it has 1 accounts already");
        assert_eq!(tail(&place.dump()), tail(&before));
        // All of it, once more.
        let full = if matches!(place, Place::MySql(_)) { Place::mysql() } else { Place::sqlite() };
        full.load(&dump);
        full.feed(&["load"], &dump).refused("accounts already");
        assert_eq!(tail(&full.dump()), tail(&dump));
    }
}

#[test]
fn a_database_of_before_with_accounts_is_not_even_upgraded() {
    let (first, _) = lived(Place::sqlite());
    let place = Place::sqlite();
    place.execute(include_str!("../upgrade/sqlite_1.sql"));
    place.run(&["dump"]).refused("start the server on it once");
    place.run(&["check"]).refused("schema version 1");
    place.feed(&["load"], &first.dump()).refused("accounts already");
    assert_eq!(place.texts("SELECT CAST(MAX(version) AS TEXT) FROM SchemaVersion"), ["1"]);
}

#[test]
fn what_the_database_does_not_take_is_taken_back() {
    let (first, lived) = lived(Place::sqlite());
    let dump = first.dump();
    // Two users of one name: each line is right, and no database takes both.
    let mut lines = rows(&dump);
    let last = lines.iter().rposition(|line| line.starts_with("{\"t\":\"user\"")).unwrap();
    lines.insert(last + 1, lines[last].replacen("\"id\":", "\"id\":9", 1));
    let double = dump_of(&dump, &lines);
    for place in Place::both() {
        place.feed(&["load"], &double).refused("error: the database: ");
        assert_eq!(place.number("SELECT COUNT(*) AS n FROM User"), 0);
        place.load(&dump);
        assert_eq!(tail(&place.dump()), tail(&dump));
        let running = place.start();
        Client::resume(running.node.addr(), lived.anna.id, &lived.token);
    }
}

/// A dump of many users.
fn crowded(dump: &[u8]) -> Vec<u8> {
    let mut lines: Vec<String> = (1..=60_000)
        .map(|id| json!({"t": "user", "id": id, "name": format!("u{id}"), "name_key": format!("u{id}"), "password": "!", "created_at": 1, "asked": 1}).to_string())
        .collect();
    lines.push(json!({"t": "last_id", "table": "user", "id": 60_000}).to_string());
    lines.push(json!({"t": "last_id", "table": "group", "id": 0}).to_string());
    lines.push(json!({"t": "last_id", "table": "audit", "id": 0}).to_string());
    dump_of(dump, &lines)
}

/// A load under way, of which the first rows are in.
fn loading(place: &Place, dump: &[u8]) -> Child {
    let mut command = command(&["load"]);
    let command = command.args(place.flags()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut loading = command.spawn().unwrap();
    loading.stdin.take().unwrap().write_all(dump).unwrap();
    wait_for("the first rows", || (place.number("SELECT COUNT(*) AS n FROM User") > 0).then_some(()));
    loading
}

#[test]
fn a_load_whose_connection_ends_removes_what_it_has_written() {
    let (first, lived) = lived(Place::sqlite());
    let dump = first.dump();
    let place = Place::mysql().start().stop();
    let loading = loading(&place, &crowded(&dump));
    let others =
        "SELECT CONCAT(id, '') FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let mut administrator = MariaDb::shared().connect().unwrap();
    for connection in place.texts(others) {
        // The one that has just looked may be gone by now.
        let _ = administrator.query_drop(format!("KILL {connection}"));
    }
    let ended: Ended = loading.wait_with_output().unwrap().into();
    ended.refused("error: the database: ");
    assert_eq!(place.number("SELECT COUNT(*) AS n FROM User"), 0);
    assert_eq!(place.run(&["check"]).succeeded().out(), "checked: nothing is wrong\n");
    place.load(&dump);
    assert_eq!(tail(&place.dump()), tail(&dump));
    let running = place.start();
    Client::resume(running.node.addr(), lived.anna.id, &lived.token);
}

#[test]
fn a_full_disk_leaves_nothing_of_a_load() {
    let (first, _) = lived(Place::sqlite());
    let dump = first.dump();
    let place = Place::sqlite();
    fed(on_a_full_disk(150, &["load"]).args(place.flags()), &dump).refused("error: the database: ");
    place.load(&dump);
    assert_eq!(tail(&place.dump()), tail(&dump));
    // What is kept meanwhile may find no room, either.
    let other = Place::sqlite();
    fed(on_a_full_disk(2, &["load"]).args(other.flags()), &dump).refused("TMPDIR");
    assert_untouched(&other, "no room for the dump");
}

#[test]
fn a_load_that_was_killed_is_served_by_nobody_and_begun_anew() {
    let (first, Lived { anna, token, .. }) = lived(Place::sqlite());
    let dump = first.dump();
    let place = Place::mysql();
    // Its tables: so that the test can look into them at any time.
    let place = place.start().stop();
    let mut loading = loading(&place, &crowded(&dump));
    loading.kill().unwrap();
    assert!(!loading.wait().unwrap().success(), "it was killed in the middle");

    // Not by port alone: the command is what a server is started by.
    place.run(&["--listen", "127.0.0.1:0"]).refused("a load was cut short");
    place.run(&["dump"]).refused("a load was cut short");
    place.run(&["check"]).refused("a load was cut short");
    place.run(&["check-config"]).refused("a load was cut short");
    // The killed one's connection may hold the lock for a moment.
    wait_for("the next load", || (place.feed(&["load"], &dump).code == Some(0)).then_some(()));
    assert_eq!(tail(&place.dump()), tail(&dump));
    let running = place.start();
    Client::resume(running.node.addr(), anna.id, &token);
}

#[test]
fn a_load_beside_a_running_server_is_refused_where_that_can_be_seen() {
    let (first, _) = lived(Place::sqlite());
    let running = Place::sqlite().start();
    let ended = fed(command(&["load"]).args(running.flags()), &first.dump());
    ended.refused("another stonechat runs on the data folder");
    running.node.assert_running();
}

#[test]
fn where_there_is_nothing_nothing_is_made() {
    let place = Place::sqlite();
    for words in [&["dump"][..], &["check"], &["check", "--repair"], &["backup", "/nonexistent/file"]] {
        place.run(words).refused("there is none in the folder");
        assert_untouched(&place, words[0]);
    }
    let place = Place::mysql();
    for words in [&["dump"][..], &["check"], &["check", "--repair"]] {
        place.run(words).refused("it holds no data");
        assert_untouched(&place, words[0]);
    }
}
