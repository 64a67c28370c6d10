//! What users of an earlier system see after the move: they start the program that they have.

use std::time::Duration;

use serde_json::Value;

use crate::clients::{Old as Client, Program, texts_of};
use crate::common::process::wait_for;
use crate::place::{Old, Place, import};

/// An account of a sample, and what was said to it while it was away.
struct Moved {
    schema: &'static str,
    sample: &'static str,
    database: &'static str,
    program: Program,
    id: u64,
    password: &'static str,
    pending: &'static [&'static str],
    /// The key of a group's id in the login reply, and that of another program's.
    group_keys: [&'static str; 2],
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
        group_keys: ["id", "groupid"],
    },
    Moved {
        schema: "qq",
        sample: include_str!("samples/qq_mychat.sql"),
        database: "Mychat",
        program: Program::Qq,
        id: 1,
        password: "secret",
        pending: &["are you there?", "back\\slash", "chess tonight", "say \"hi\" to him", "two\nlines", "你好"],
        group_keys: ["groupid", "id"],
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
        group_keys: ["gid", "id"],
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
            // Its numbers are no guess: the import has said which system it comes from.
            let groups = texts_of(&ack, "groups");
            let [own, other] = moved.group_keys;
            assert!(groups.iter().all(|group| group[own].is_u64() && group.get(other).is_none()), "{groups:?}");
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
