//! How long a large import takes. Run by hand; docs/importing.md has the figures:
//!
//! ```text
//! cargo build --release
//! STONECHAT_TEST_SERVER=target/release/stonechat cargo test --test import -- --ignored --nocapture how_long
//! ```

use crate::common::client::Stopwatch;
use crate::common::mariadb::MariaDb;
use crate::place::{Old, Place, import};

/// A hundred thousand users in ten thousand groups, and a million offline messages: four of five between two users.
fn huge() -> Old {
    let old = Old::empty_course();
    old.run(
        r#"SET SESSION unique_checks = 0;
        INSERT INTO user SELECT seq, CONCAT('user', seq), '123456', 'offline' FROM seq_1_to_100000;
        INSERT INTO friend SELECT seq, 1 + (seq * 7919) MOD 100000 FROM seq_1_to_100000;
        INSERT INTO allgroup SELECT seq, CONCAT('group', seq), 'about' FROM seq_1_to_10000;
        INSERT INTO groupuser SELECT 1 + seq MOD 10000, seq, IF(seq <= 10000, 'creator', 'normal') FROM seq_1_to_100000;
        INSERT INTO offlinemessage SELECT 1 + (seq * 31) MOD 100000, CONCAT('{"id":', 1 + (seq * 17 + seq DIV 100000) MOD 100000,
            ',"msg":"this is what somebody said: number ', seq, '","msgid":6,"name":"user","time":"2022-08-01 ',
            LPAD(seq DIV 3600 MOD 24, 2, '0'), ':', LPAD(seq DIV 60 MOD 60, 2, '0'), ':', LPAD(seq MOD 60, 2, '0'),
            '","toid":1}') FROM seq_1_to_800000;
        INSERT INTO offlinemessage SELECT 1 + seq MOD 100000, CONCAT('{"groupid":', 1 + (1 + seq) MOD 10000, ',"id":',
            1 + (seq + 10000) MOD 100000, ',"msg":"and this to all: number ', seq DIV 100000,
            '","msgid":10,"name":"user","time":"2022-08-02 08:00:00"}') FROM seq_1_to_200000;"#,
    );
    old
}

#[test]
#[ignore = "measures, for some minutes"]
fn how_long_a_million_messages_take() {
    // As MariaDB has it if nobody says anything else.
    MariaDb::shared().execute("SET GLOBAL innodb_buffer_pool_size = 134217728");
    let old = huge();
    for place in Place::both() {
        let kind = if place.file().is_some() { "SQLite" } else { "MySQL" };
        for run in ["the first time", "again"] {
            let watch = Stopwatch::start();
            let ended = import("course", &old, &place, &["--lock-passwords"]).succeeded();
            println!("into {kind}, {run}: {:.1} s", watch.elapsed().as_secs_f64());
            for line in ended.stdout.lines().filter(|line| line.contains("rows read")) {
                println!("    {line}");
            }
        }
    }
}

#[test]
#[ignore = "measures, for a minute"]
fn how_long_passwords_take() {
    let old = Old::empty_course();
    old.run("INSERT INTO user SELECT seq, CONCAT('user', seq), '123456', 'offline' FROM seq_1_to_4000;");
    let place = Place::sqlite();
    let cost = ["--set", "password.memory_kib=19456", "--set", "password.passes=2"];
    let watch = Stopwatch::start();
    import("course", &old, &place, &cost).succeeded();
    println!("4,000 passwords: {:.1} s", watch.elapsed().as_secs_f64());
}
