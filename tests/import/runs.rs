//! How imports run: tried without writing, killed and gone on with, refused, into a target that is in use already.

use std::fs;

use mysql::prelude::Queryable;
use serde_json::json;

use crate::common::client::{Account, Client, unique};
use crate::common::mariadb::MariaDb;
use crate::common::process::Process;
use crate::place::{Old, Place, command, import, report};

fn course() -> Old {
    Old::sample(include_str!("samples/course_chat.sql"), "course_chat")
}

/// A thousand users in twenty groups, and sixteen thousand offline messages.
fn large() -> Old {
    let old = Old::empty_course();
    old.run(
        r#"INSERT INTO user SELECT seq, CONCAT('user', seq), 'x', 'offline' FROM seq_1_to_1000;
        INSERT INTO friend SELECT seq, seq + 1 FROM seq_1_to_999;
        INSERT INTO allgroup SELECT seq, CONCAT('group', seq), '' FROM seq_1_to_20;
        INSERT INTO groupuser SELECT 1 + seq MOD 20, seq, 'normal' FROM seq_1_to_1000;
        INSERT INTO offlinemessage SELECT 1 + seq MOD 1000, CONCAT('{"id":', 1 + (seq * 7 + 1) MOD 1000,
            ',"msg":"number ', seq, '","msgid":6,"name":"x","time":"2022-08-01 08:', LPAD(seq DIV 60 MOD 60, 2, '0'), ':',
            LPAD(seq MOD 60, 2, '0'), '","toid":1}') FROM seq_1_to_15000;
        INSERT INTO offlinemessage SELECT seq, CONCAT('{"groupid":', 1 + seq MOD 20, ',"id":', 1 + (seq + 19) MOD 1000,
            ',"msg":"of group","msgid":10,"name":"x","time":"2022-08-01 09:00:', LPAD(seq MOD 7, 2, '0'), '"}')
            FROM seq_1_to_1000;"#,
    );
    old
}

/// How many tables a database has.
fn tables(url: &str) -> u64 {
    let mut connection = mysql::Conn::new(url).unwrap();
    let counted = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
    connection.query_first(counted).unwrap().unwrap()
}

fn is_untouched(place: &Place) -> bool {
    match place {
        Place::Sqlite(folder) => fs::read_dir(folder.path()).unwrap().count() == 0,
        Place::MySql(url) => tables(url) == 0,
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let old = course();
    for place in Place::both() {
        let ended = import("course", &old, &place, &["--dry-run"]).succeeded();
        assert_eq!((ended.brought("users"), ended.brought("offline messages")), ((5, 0), (3, 0)), "{}", ended.stdout);
        assert!(ended.stdout.contains("dry run: nothing was written"), "{}", ended.stdout);
        assert!(is_untouched(&place));
        import("course", &old, &place, &[]).succeeded();
        let before = place.contents();
        let again = import("course", &old, &place, &["--dry-run"]).succeeded();
        assert_eq!(again.brought("users"), (0, 5), "{}", again.stdout);
        assert_eq!(place.contents(), before);
    }
}

#[test]
fn an_import_that_is_killed_is_gone_on_with() {
    let old = large();
    let whole = Place::sqlite();
    import("course", &old, &whole, &["--lock-passwords"]).succeeded();
    let expected = whole.contents();
    for place in Place::both() {
        let mut ended = false;
        for committed in 1.. {
            let mut command = command("course", &old.url, &place, &["--lock-passwords"]);
            let mut process = Process::start("import", command.env("RUST_LOG", "stonechat=debug"));
            // Killed behind the first transaction of messages, the next time as soon as it has begun.
            let line = if committed == 1 { "messages are committed" } else { "users: done" };
            let mut lines = process.output();
            while process.is_running() && !lines.contains(line) {
                std::thread::sleep(std::time::Duration::from_millis(2));
                lines = process.output();
            }
            process.kill();
            if committed == 1 {
                let stored = place.number("SELECT COUNT(*) AS n FROM Message");
                assert!((1..16_000).contains(&stored), "killed half-way: {stored}");
                assert_ne!(place.contents(), expected);
            }
            if committed == 3 {
                let last = import("course", &old, &place, &["--lock-passwords"]).succeeded();
                let (brought, present) = last.brought("offline messages");
                assert!(brought > 0 && present > 0 && brought + present <= 16_000, "{}", last.stdout);
                ended = true;
                break;
            }
        }
        assert!(ended);
        assert_eq!(place.contents(), expected);
    }
}

#[test]
fn what_the_source_gets_later_comes_in_with_the_next_run() {
    let old = course();
    for place in Place::both() {
        import("course", &old, &place, &[]).succeeded();
        old.run(
            r#"INSERT INTO user VALUES (9,'dora','pw','offline'); INSERT INTO friend VALUES (9,1);
            INSERT INTO groupuser VALUES (1,9,'normal');
            INSERT INTO offlinemessage VALUES
              (1,'{"id":9,"msg":"new here","msgid":6,"name":"dora","time":"2022-08-02 08:00:00","toid":1}'),
              (9,'{"groupid":1,"id":1,"msg":"welcome","msgid":10,"name":"anna","time":"2022-08-02 08:00:01"}');"#,
        );
        let before = place.contents();
        let ended = import("course", &old, &place, &[]).succeeded();
        for (table, counts) in [
            ("users", (1, 5)),
            ("friendships", (1, 2)),
            ("groups", (0, 2)),
            ("members of groups", (1, 4)),
            ("offline messages", (2, 3)),
        ] {
            assert_eq!(ended.brought(table), counts, "{table}: {}", ended.stdout);
        }
        let after = place.contents();
        let new: Vec<&String> = after.iter().filter(|line| !before.contains(line)).collect();
        let expected = [
            "user|9|dora|hashed|course|offline",
            "friend|1|9",
            "friend|9|1",
            "group|1|reading|books|3",
            "member|1|9|normal",
            r#"message|group 1|2|1|1659398401000|{"msg":"welcome"}"#,
            r#"message|1-9|1|9|1659398400000|{"msg":"new here"}"#,
            "cursor|1|1-9|0|0",
            "cursor|2|group 1|2|2",
            // It was there before the first message for dora came, and is not hers.
            "cursor|9|group 1|1|1",
            "cursor|9|1-9|1|1",
            "end|1|2|2",
            "end|4294967305|1|1",
        ];
        assert_eq!(new, expected);
        old.run("DELETE FROM user WHERE id = 9; DELETE FROM friend WHERE userid = 9; DELETE FROM groupuser WHERE userid = 9;
            DELETE FROM offlinemessage WHERE message LIKE '%2022-08-02%';");
    }
}

#[test]
fn a_target_with_others_under_these_ids_is_refused_before_anything_is_written() {
    let old = course();
    let qq = Old::sample(include_str!("samples/qq_mychat.sql"), "Mychat");
    for place in Place::both() {
        // An account that was made here.
        let node = place.start();
        Account::register_as(node.addr(), "erika");
        let place = node.stop();
        let before = place.contents();
        let ended = import("course", &old, &place, &[]);
        assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
        assert!(
            ended.stderr.contains("user 1 (\"erika\")") && ended.stderr.contains("nothing was written"),
            "{}",
            ended.stderr
        );
        let dry = import("course", &old, &place, &["--dry-run"]);
        assert!(dry.code == 1 && dry.stderr.contains("user 1 (\"erika\")"), "{}", dry.stderr);
        assert_eq!(place.contents(), before);
    }
    for place in Place::both() {
        // Accounts of another import. Users 1 to 3 are those of the same names.
        import("qq", &qq, &place, &[]).succeeded();
        let before = place.contents();
        let ended = import("course", &old, &place, &[]);
        assert_eq!(ended.code, 1);
        assert!(
            ended.stderr.contains("user 7 (\"emil\")") && ended.stderr.contains("group 1 (\"chess\")"),
            "{}",
            ended.stderr
        );
        assert_eq!(place.contents(), before);
    }
}

#[test]
fn who_was_erased_here_does_not_come_back() {
    let old = course();
    for place in Place::both() {
        import("course", &old, &place, &[]).succeeded();
        let node = place.start();
        let log_in = |id: u64| {
            let mut client = Client::connect(node.addr());
            client.ok(json!({"msgid": 1, "id": id, "pwd": "123456"}));
            client
        };
        log_in(2).ok(json!({"msgid": 89, "pwd": "123456"}));
        log_in(1).ok(json!({"msgid": 25, "groupid": 1}));
        let place = node.stop();
        let before = place.contents();
        let (ended, told) = report("course", &old, &place);
        for line in [
            "member group 1, user 2 left_out gone",
            "friend 1, 2 left_out gone",
            "offline row 1 for user 1 left_out gone",
            "offline row 4 for user 2 left_out gone",
        ] {
            assert!(told.contains(&line.to_owned()), "{line}: {told:?}");
        }
        assert_eq!(ended.brought("users"), (0, 5), "{}", ended.stdout);
        assert_eq!(place.contents(), before);
    }
}

#[test]
fn names_that_somebody_has_in_the_target_get_the_id() {
    let old = Old::empty_course();
    old.run(
        "INSERT INTO user VALUES (70,'Erika','x','offline'); INSERT INTO allgroup VALUES (70,'Chess',''); \
             INSERT INTO groupuser VALUES (70,70,'creator');",
    );
    for place in Place::both() {
        let node = place.start();
        let mut erika = Client::newcomer(node.addr(), "x");
        erika.ok(json!({"msgid": 87, "name": "erika"}));
        erika.ok(json!({"msgid": 8, "groupname": "chess", "groupdesc": ""}));
        let place = node.stop();
        let (_, told) = report("course", &old, &place);
        assert!(told.contains(&"user 70 changed doubled".to_owned()), "{told:?}");
        let contents = place.contents();
        assert!(contents.iter().any(|line| line.starts_with("user|70|Erika-70|")), "{contents:?}");
        assert!(contents.iter().any(|line| line.starts_with("group|70|Chess-70|")), "{contents:?}");
        let before = place.contents();
        import("course", &old, &place, &[]).succeeded();
        assert_eq!(place.contents(), before);
    }
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let old = course();
    let (place, own) = (Place::mysql(), Place::mysql());
    import("course", &old, &own, &[]).succeeded();
    let Place::MySql(own_url) = &own else { unreachable!() };
    let nowhere = MariaDb::shared().url(&unique("nothing").replace('-', "_"));
    for (schema, url, code, told) in [
        ("klingon", old.url.as_str(), 2, "it must be course, qq, polaris, cmf or sponge, or auto"),
        ("auto", "mysql://127.0.0.1", 1, "mysql://user:pw@host:port/db"),
        ("auto", nowhere.as_str(), 1, "it has no table `user`"),
        ("auto", own_url.as_str(), 1, "it is a Stonechat's own"),
    ] {
        let ended: crate::place::Ended = command(schema, url, &place, &[]).output().unwrap().into();
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
        assert!(is_untouched(&place));
    }
    // Another system's word for it is taken, with a warning.
    let ended = import("qq", &old, &place, &[]).succeeded();
    assert!(ended.stderr.contains("look like those of course, and are imported as qq"), "{}", ended.stderr);
    // Into the database that is imported.
    let ended: crate::place::Ended =
        command("course", &old.url, &Place::MySql(old.url.clone()), &[]).output().unwrap().into();
    assert!(
        ended.code == 1 && ended.stderr.contains("the target is the database that is imported"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_password_of_the_url_may_stand_in_a_file_or_in_the_environment() {
    let old = course();
    let user = unique("reader").replace('-', "_");
    MariaDb::shared().execute(&format!("CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 's3cret/@'"));
    MariaDb::shared().execute(&format!("GRANT SELECT ON `{}`.* TO {user}@'127.0.0.1'", old.name));
    let url = old.url.replace("root@", &format!("{user}@"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pw");
    fs::write(&file, "s3cret/@\n").unwrap();
    let place = Place::sqlite();
    let refused = command("course", &url, &place, &[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let by_file = command("course", &url, &place, &["--password-file", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(by_file.status.code(), Some(0), "{}", String::from_utf8_lossy(&by_file.stderr));
    let by_variable =
        command("course", &url, &place, &[]).env("STONECHAT_IMPORT_PASSWORD", "s3cret/@").output().unwrap();
    assert_eq!(by_variable.status.code(), Some(0), "{}", String::from_utf8_lossy(&by_variable.stderr));
    let all = format!("{by_file:?}{by_variable:?}");
    assert!(!all.contains("s3cret"), "{all}");
    fs::write(&file, "").unwrap();
    let empty = command("course", &url, &place, &["--password-file", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(empty.status.code(), Some(2), "{}", String::from_utf8_lossy(&empty.stderr));
}
