//! What users of an earlier system see after the move: they start the program that they have.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{Old as Client, Program, texts_of};
use crate::common::client::Client as LineClient;
use crate::common::process::wait_for;
use crate::place::{Old, Place, import};
use crate::qt::Qt;

/// An account of a sample, and what was said to it while it was away.
struct Moved {
    schema: &'static str,
    sample: &'static str,
    database: &'static str,
    program: Program,
    id: u64,
    password: &'static str,
    pending: &'static [&'static str],
    /// The key of a group's id in the login reply.
    group_key: &'static str,
}

const MOVED: [Moved; 3] = [
    Moved {
        schema: "course",
        sample: include_str!("samples/course_chat.sql"),
        database: "course_chat",
        program: Program::Course,
        id: 1,
        password: "123456",
        pending: &["morning", "page 12"],
        group_key: "id",
    },
    Moved {
        schema: "qq",
        sample: include_str!("samples/qq_mychat.sql"),
        database: "Mychat",
        program: Program::Qq,
        id: 1,
        password: "secret",
        pending: &["are you there?", "back\\slash", "chess tonight", "say \"hi\" to him", "two\nlines", "你好"],
        group_key: "groupid",
    },
    Moved {
        schema: "polaris",
        sample: include_str!("samples/polaris_chat.sql"),
        database: "polaris_chat",
        program: Program::Polaris,
        id: 13,
        password: "123456",
        // What the old column could not hold was lost there.
        pending: &["??", "he said \"no\"", "hello", "who is there?"],
        group_key: "gid",
    },
];

#[test]
fn the_programs_of_before_find_their_accounts_and_messages() {
    for moved in MOVED {
        let old = Old::sample(moved.sample, moved.database);
        for place in Place::both() {
            import(moved.schema, &old, &place, &[]).succeeded();
            let node = place.start();
            let mut client = Client::start(moved.program, node.addr());
            let ack = client.login_by(moved.id, moved.password);
            client.wait_for_shown(moved.pending.len());
            client.linger(Duration::from_millis(600));
            let mut texts = client.texts();
            texts.sort_unstable();
            assert_eq!(texts, moved.pending, "{}", moved.schema);
            let groups = texts_of(&ack, "groups");
            assert!(groups.iter().all(|group| group[moved.group_key].is_u64()), "{groups:?}");
            assert!(!texts_of(&ack, "friends").is_empty() && !groups.is_empty(), "{ack}");
            drop(client);
            let offline = if moved.program == Program::Polaris { "offlinemsgs" } else { "offlinemsg" };
            wait_for("nothing to be pending", || {
                let mut client = Client::start(moved.program, node.addr());
                let ack = client.try_login(moved.id, moved.password);
                (ack["errno"] == 0 && ack[offline] == Value::Array(Vec::new())).then_some(())
            });
        }
    }
}

#[test]
fn the_qt_client_of_before_finds_its_account_and_messages() {
    // What its buttons send: SHA-224 of the typed password, in hexadecimal digits; the older one had no digits.
    const DIGITS_OF_OTHER: &str = "98348c0fc64c8e2bb47313a34ba6d9568c61beac59b61b61ac39c1ba";
    const DIGITS_OF_SECRET: &str = "95c7fbca92ac5083afda62a564a3d014fc3b72c9140e3cb99ea6bf12";
    let samples = [
        (include_str!("samples/sponge_2023.sql"), "sponge", 8, ["other", DIGITS_OF_OTHER], ["old form", "你好 8号"], 1),
        (
            include_str!("samples/sponge_2024_raybox.sql"),
            "raybox_chat",
            9,
            ["secret", DIGITS_OF_SECRET],
            ["你们好！", "你好！"],
            3,
        ),
    ];
    for (sample, database, id, passwords, said, contacts) in samples {
        let old = Old::sample(sample, database);
        for place in Place::both() {
            import("sponge", &old, &place, &[]).succeeded();
            let node = place.start();
            for password in passwords {
                let mut qt = Qt::start(node.addr());
                qt.id = id;
                qt.log_in_by(password);
                let listed = qt.ask(json!({"msgType": 8, "FROMID": id}));
                assert_eq!(listed["friends"].as_array().unwrap().len(), contacts, "friends and groups: {listed}");
                if password == passwords[0] {
                    let messages = pending(&mut qt, said.len());
                    let mut texts: Vec<&str> =
                        messages.iter().map(|message| message["msg"].as_str().unwrap()).collect();
                    texts.sort_unstable();
                    assert_eq!(texts, said, "{database}");
                }
                assert_eq!(qt.ask(json!({"msgType": 3, "USERID": id}))["errno"], 200);
            }
        }
    }
}

/// What waits for the user: texts of objects in the answer, and what follows it.
fn pending(qt: &mut Qt, count: usize) -> Vec<Value> {
    let answer = qt.ask(json!({"msgType": 14, "FROMID": qt.id}));
    let texts = answer["msgs"].as_array().unwrap().iter();
    let mut messages: Vec<Value> = texts.map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect();
    while messages.len() < count {
        messages.push(qt.next());
    }
    messages
}

#[test]
fn who_typed_lines_for_cmf_or_its_predecessor_goes_on_typing_them() {
    let samples = [
        ("cmf", include_str!("samples/cmf_chat.sql"), "cmf_chat", 1, "cora", vec!["他说\"好\"", "你好"]),
        ("course", include_str!("samples/seed002_chatserver.sql"), "seed002_chat", 1, "anna", vec!["hi"]),
    ];
    for (schema, sample, database, id, name, said) in samples {
        let old = Old::sample(sample, database);
        for place in Place::both() {
            import(schema, &old, &place, &[]).succeeded();
            let node = place.start();
            let mut client = LineClient::connect(node.addr());
            let ack = client.ok(json!({"msgid": 1, "id": id, "pwd": "123456"}));
            assert_eq!(ack["name"], name);
            let mut texts: Vec<&str> =
                ack["offlinemsg"].as_array().unwrap().iter().map(|message| message["msg"].as_str().unwrap()).collect();
            texts.sort_unstable();
            assert_eq!(texts, said, "{schema}: {ack}");
        }
    }
}
