//! From SQLite to MariaDB and back: the same bytes, and clients that notice nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::client::{Client, seqs, texts, unique};
use crate::life::{Lived, add_what_passes, live, lived};
use crate::place::{Place, rows, tail};

/// The kinds of line of a dump.
fn kinds(dump: &[u8]) -> BTreeSet<String> {
    let kind = |line: &String| serde_json::from_str::<Value>(line).unwrap()["t"].as_str().unwrap().to_owned();
    rows(dump).iter().map(kind).collect()
}

#[test]
fn there_and_back_nothing_changes() {
    let (first, _) = lived(Place::sqlite());
    add_what_passes(&first);
    let dump = first.dump();
    let all = [
        "ban",
        "block",
        "conversation",
        "cursor",
        "deleted_group",
        "device",
        "ended_token",
        "erased_user",
        "friend",
        "friend_request",
        "group",
        "group_ask",
        "held_name",
        "imported",
        "kept_mute",
        "last_id",
        "member",
        "message",
        "reaction",
        "reaction_total",
        "token",
        "user",
    ];
    assert_eq!(kinds(&dump), all.map(str::to_owned).into(), "something of everything is in it");

    let second = Place::mysql();
    second.load(&dump);
    let again = second.dump();
    assert_eq!(String::from_utf8_lossy(tail(&again)), String::from_utf8_lossy(tail(&dump)), "in MariaDB");
    let third = Place::sqlite();
    third.load(&again);
    let back = third.dump();
    assert_eq!(String::from_utf8_lossy(tail(&back)), String::from_utf8_lossy(tail(&dump)), "and back");
    assert_eq!(tail(&first.dump()), tail(&dump), "to dump changes nothing");

    let head =
        |dump: &[u8]| -> Value { serde_json::from_slice(dump.split(|byte| *byte == b'\n').next().unwrap()).unwrap() };
    let (first, third) = (head(&dump), head(&back));
    assert_eq!((&first["cluster"], &first["epoch"]), (&third["cluster"], &third["epoch"]));
    assert_eq!((&first["stonechat_dump"], &first["version"]), (&json!(1), &json!(env!("CARGO_PKG_VERSION"))));
}

/// Logs in by the token, and finds everything where it was.
fn go_on(place: Place, lived: &Lived, token: &str, said: u64) -> (Place, String) {
    let running = place.start();
    let addr = running.node.addr();
    let mut anna = Client::resume(addr, lived.anna.id, token);
    assert_eq!(anna.welcome["epoch"], json!(lived.epoch), "{}", anna.welcome);
    assert_eq!(texts(&anna.offline_messages()), lived.pending, "what it has not had, and nothing else");
    assert_eq!(seqs(&anna.offline_messages()), (said - 2..=said).collect::<Vec<u64>>());
    // Sent once more, as by a client that has not seen the ack.
    let again = anna.say_once(lived.ben.id, "hello \u{0} \u{2028} \"\\ 中文 🦊", "cid-1");
    assert_eq!(again["seq"], json!(1), "{again}");
    anna.say_to_group(lived.group, "and on we go");
    let ben = Client::login_as(addr, &lived_name(&mut anna, lived));
    assert_eq!(ben.id, lived.ben.id);
    let token = anna.token.clone();
    drop((anna, ben));
    (running.stop(), token)
}

/// What ben is called by now.
fn lived_name(anna: &mut Client, lived: &Lived) -> String {
    let friends = anna.ok(json!({"msgid": 27}));
    let ben = friends["friends"].as_array().unwrap().iter().find(|friend| friend["id"] == json!(lived.ben.id));
    ben.unwrap_or_else(|| panic!("no ben: {friends}"))["name"].as_str().unwrap().to_owned()
}

#[test]
fn a_client_goes_on_where_it_was() {
    let running = Place::sqlite().start();
    let lived = live(&running);
    let first = running.stop();
    let second = Place::mysql();
    second.load(&first.dump());
    let (second, token) = go_on(second, &lived, &lived.token, lived.said);
    let third = Place::sqlite();
    third.load(&second.dump());
    let (third, _) = go_on(third, &lived, &token, lived.said);
    third.run(&["check"]).succeeded();
}

#[test]
fn numbers_are_not_given_twice() {
    for to in Place::both() {
        let running = Place::sqlite().start();
        let mut anna = Client::newcomer(running.node.addr(), "anna");
        let groups: Vec<u64> = (0..3).map(|_| anna.create_group("gone")).collect();
        for group in &groups[1..] {
            anna.ok(json!({"msgid": 25, "groupid": group}));
        }
        let (id, token) = (anna.id, anna.token.clone());
        drop(anna);
        to.load(&running.stop().dump());
        let running = to.start();
        let mut anna = Client::resume(running.node.addr(), id, &token);
        assert_eq!(anna.create_group("next"), groups[2] + 1);
        assert_eq!(Client::newcomer(running.node.addr(), &unique("ben")).id, id + 1);
    }
}

#[test]
fn a_dump_is_of_one_moment_while_a_server_runs() {
    for place in Place::both() {
        let running = place.start();
        let mut anna = Client::newcomer(running.node.addr(), "anna");
        let ben = Client::newcomer(running.node.addr(), "ben");
        std::thread::scope(|scope| {
            let talking = scope.spawn(|| {
                for number in 0..300 {
                    anna.say(ben.id, &number.to_string());
                }
            });
            while !talking.is_finished() {
                let dump = running.run(&["dump"]).succeeded().stdout;
                let messages = rows(&dump).iter().filter(|row| row.contains("\"t\":\"message\"")).count();
                let ends = rows(&dump).into_iter().find(|row| row.contains("\"t\":\"conversation\""));
                let end =
                    ends.map_or(0, |row| serde_json::from_str::<Value>(&row).unwrap()["last_seq"].as_u64().unwrap());
                assert_eq!(messages as u64, end, "as many as the conversation says");
            }
        });
        running.stop();
    }
}

#[test]
fn a_copy_may_have_an_identity_of_its_own() {
    let (first, lived) = lived(Place::sqlite());
    let dump = first.dump();
    for place in Place::both() {
        place.feed(&["load", "--new-identity"], &dump).succeeded();
        let head = |key: &str| place.texts(&format!("SELECT {key} FROM Cluster"));
        let [id, epoch] = ["id", "epoch"].map(|key| head(key)[0].clone());
        assert!(id.len() == 32 && epoch.len() == 32);
        assert_ne!((&id, &epoch), (&first.texts("SELECT id FROM Cluster")[0], &lived.epoch));
        assert_eq!(tail(&place.dump()), tail(&dump), "all else is the same");
        let running = place.start();
        let anna = Client::resume(running.node.addr(), lived.anna.id, &lived.token);
        assert_eq!(anna.welcome["epoch"], json!(epoch), "clients are told that it is another life");
    }
}
