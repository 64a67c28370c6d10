//! How long a million messages take, and in how much memory. Run by hand; docs/data.md has the figures:
//!
//! ```text
//! cargo build --release
//! STONECHAT_TEST_SERVER=target/release/stonechat cargo test --test data -- --ignored --nocapture how_long
//! ```

use std::fs::File;
use std::process::{Command, Stdio};

use crate::common::client::Stopwatch;
use crate::common::process::{server, without_settings};
use crate::place::Place;

/// A hundred thousand users, and a million messages in twenty thousand conversations; on SQLite.
fn huge() -> Place {
    let place = Place::sqlite().start().stop();
    place.execute(
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
             INSERT INTO User (id, name, name_key, password, created_at) SELECT i, 'user' || i, 'user' || i, '!', 1 FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             INSERT INTO Conversation (id, last_seq, last_msg, active_at) SELECT (i << 32) + 100000, 50, 50, 1 FROM n;
         WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
             INSERT INTO Message (conv, seq, sender, sent_at, cid, body)
             SELECT ((1 + i % 20000) << 32) + 100000, 1 + i / 20000, 1 + i % 20000, 1700000000000 + i, 'cid-' || i,
                 '{\"msg\":\"this is what somebody said to somebody else: number ' || i || '\"}' FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             INSERT INTO `Cursor` (userid, device, conv, delivered, read_seq) SELECT i, 0, (i << 32) + 100000, 50, 50 FROM n;
         COMMIT;",
    );
    place
}

/// Runs the program under the eyes of GNU time; what that says.
#[expect(clippy::print_stdout, reason = "what was measured is what it is for")]
fn timed(words: &[&str], place: &Place, input: Option<&File>, output: Option<&File>) {
    let watch = Stopwatch::start();
    let mut command = Command::new("/usr/bin/time");
    without_settings(&mut command);
    command.args(["-f", "%M KiB, %U s + %S s of a processor"]).arg(server()).args(words).args(place.flags());
    command.stdin(input.map_or_else(Stdio::null, |file| file.try_clone().unwrap().into()));
    command.stdout(output.map_or_else(Stdio::null, |file| file.try_clone().unwrap().into()));
    let ended = command.stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{told}");
    let memory = told.lines().last().unwrap_or_default();
    println!("{} of {}: {:.1} s, {memory}", words[0], place.flags()[0], watch.elapsed().as_secs_f64());
}

#[test]
#[ignore = "measures, for some minutes"]
fn how_long_a_million_messages_take() {
    let first = huge();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    timed(&["dump"], &first, None, Some(&File::create(&path).unwrap()));
    timed(&["check"], &first, None, None);
    timed(&["backup", folder.path().join("backup.db").to_str().unwrap()], &first, None, None);
    for place in Place::both() {
        timed(&["load"], &place, Some(&File::open(&path).unwrap()), None);
        timed(&["dump"], &place, None, None);
        timed(&["check"], &place, None, None);
    }
}
