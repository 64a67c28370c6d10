//! What their owners find: they log in with the password that they had, and what was said while they were away comes.

use serde_json::{Value, json};

use crate::common::client::{Account, Client, texts};
use crate::common::process::wait_for;
use crate::place::{Old, Place, Running, import};

fn log_in(node: &Running, id: u64, password: &str) -> (Client, Value) {
    let mut client = Client::connect(node.addr());
    let reply = client.request(json!({"msgid": 1, "id": id, "pwd": password, "ack": true}));
    (client, reply)
}

#[test]
fn an_imported_account_logs_in_and_gets_what_was_said_while_it_was_away() {
    let old = Old::sample(include_str!("samples/qq_mychat.sql"), "Mychat");
    for place in Place::both() {
        import("qq", &old, &place, &[]).succeeded();
        let node = place.start();
        let (mut anna, reply) = log_in(&node, 1, "secret");
        assert_eq!((&reply["errno"], &reply["name"]), (&json!(0), &json!("anna")), "{reply}");
        anna.welcomed(reply.clone());
        let pending = anna.offline_messages();
        let expected = ["are you there?", "chess tonight", "say \"hi\" to him", "two\nlines", "back\\slash", "你好"];
        assert_eq!(texts(&pending), expected, "{reply}");
        assert_eq!(pending[0]["time"], "2023-03-12T02:00:01.000Z");
        let friends: Vec<&Value> = reply["friends"].as_array().unwrap().iter().map(|friend| &friend["id"]).collect();
        assert_eq!(friends, [2, 3, 70001]);
        // Confirmed, it does not come again; and the next message has the next number.
        for message in &pending {
            match message["groupid"].as_u64() {
                Some(group) => anna.confirm_group(group, message["seq"].as_u64().unwrap()),
                None => anna.confirm(message["id"].as_u64().unwrap(), message["seq"].as_u64().unwrap()),
            }
        }
        let (mut ben, reply) = log_in(&node, 2, "pw ben");
        assert_eq!(reply["errno"], 0, "{reply}");
        ben.welcomed(reply);
        assert_eq!(texts(&ben.offline_messages()), ["cut off at five hundred char"]);
        assert_eq!(ben.say(1, "here I am")["seq"], 6);
        assert_eq!(anna.expect_push(6)["msg"], "here I am");
        anna.confirm(2, 6);
        anna.log_out();
        wait_for("nothing to be pending", || {
            let (mut client, reply) = log_in(&node, 1, "secret");
            client.welcomed(reply);
            let is_empty = client.offline_messages().is_empty();
            client.log_out();
            is_empty.then_some(())
        });
        // By name, too; and next ids lie above.
        assert_eq!(
            Client::connect(node.addr()).request(json!({"msgid": 1, "name": "O'Brien", "pwd": "it's"}))["errno"],
            0
        );
        assert_eq!(log_in(&node, 7, "").1["errno"], 400);
        assert_eq!(log_in(&node, 7, "!").1["errno"], 1, "there was no password: locked");
        assert!(Account::register(node.addr(), "new").id > 70001);
        let place = node.stop();
        // What has changed here since is not undone.
        let before = place.contents();
        import("qq", &old, &place, &[]).succeeded();
        assert_eq!(place.contents(), before);
    }
}

#[test]
fn into_an_account_of_sponge_the_password_leads_and_its_digits_do() {
    let raybox = Old::sample(include_str!("samples/sponge_2024_raybox.sql"), "raybox_chat");
    let sponge = Old::sample(include_str!("samples/sponge_2023.sql"), "sponge");
    // printf 123456 | sha224sum, printf secret, printf whatever
    let of_123456 = "f8cdb04495ded47615258f9dc6a3f4707fd2405434fefc3cbf4ef4e6";
    let of_secret = "95c7fbca92ac5083afda62a564a3d014fc3b72c9140e3cb99ea6bf12";
    for (old, id, passwords, wrong) in [
        (&raybox, 7, ["123456", of_123456], of_secret),
        (&raybox, 9, ["secret", of_secret], of_123456),
        (&raybox, 10, ["123456", of_123456], "1234567"),
        (&sponge, 12, ["123456", of_123456], "whatever"),
    ] {
        let place = Place::sqlite();
        import("auto", old, &place, &[]).succeeded();
        let node = place.start();
        for password in passwords {
            let (mut client, reply) = log_in(&node, id, password);
            assert_eq!(reply["errno"], 0, "{id} with {password}: {reply}");
            client.log_out();
        }
        assert_eq!(log_in(&node, id, wrong).1["errno"], 1);
        // A new password leads in as the old one did. printf "new one" | sha224sum
        let (mut client, _) = log_in(&node, id, passwords[1]);
        client.ok(json!({"msgid": 83, "pwd": passwords[0], "new": "new one"}));
        client.log_out();
        for password in ["new one", "10c758e0d57227d47a7f5943d654d8bb38882a510e805ba2c362a7c3"] {
            let (mut client, reply) = log_in(&node, id, password);
            assert_eq!(reply["errno"], 0, "{id} with {password}: {reply}");
            client.log_out();
        }
        assert_eq!(log_in(&node, id, passwords[1]).1["errno"], 1);
    }
}

#[test]
fn with_locked_passwords_nobody_comes_in() {
    let old = Old::sample(include_str!("samples/course_chat.sql"), "course_chat");
    let place = Place::sqlite();
    let ended = import("course", &old, &place, &["--lock-passwords"]).succeeded();
    assert!(ended.stdout.contains("as --lock-passwords says"), "{}", ended.stdout);
    let node = place.start();
    for password in ["123456", "!", "x"] {
        assert_eq!(log_in(&node, 1, password).1["errno"], 1);
    }
}
