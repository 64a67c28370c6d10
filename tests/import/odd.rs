//! Rows that no sample has.

use crate::place::{Old, Place, import, report};

/// The lines that begin so, without their beginning.
fn behind<'a>(lines: &'a [String], start: &str) -> Vec<&'a str> {
    lines.iter().filter_map(|line| line.strip_prefix(start)).collect()
}

#[test]
fn groups_have_one_creator_and_a_description_in_one_line() {
    let old = Old::empty_course();
    old.run(
        r"INSERT INTO user VALUES (-5,'minus','x','offline'),(1,'ann','x','offline'),(2,'ben','x','offline'),
            (3,'cid','x','offline');
        INSERT INTO allgroup VALUES (1,'one','two\nlines\t'),(2,'two',' ');
        INSERT INTO groupuser VALUES (1,3,'creator'),(1,2,'creator'),(1,1,NULL),(1,2,'normal'),(2,1,'normal');",
    );
    for place in Place::both() {
        let (_, told) = report("course", &old, &place);
        let expected = [
            "user -5 left_out bad_id",
            "group 1 changed controls",
            "member group 1, user 1 changed no_role",
            "member group 1, user 2 left_out double",
            "member group 1, user 3 changed second_creator",
            "group 2 changed no_creator",
        ];
        assert_eq!(told, expected);
        let contents = place.contents();
        assert_eq!(behind(&contents, "group|"), ["1|one|two lines|3", "2|two||1"]);
        assert_eq!(behind(&contents, "member|"), ["1|1|normal", "1|2|creator", "1|3|admin", "2|1|creator"]);
    }
}

#[test]
fn messages_are_as_many_as_were_said() {
    let old = Old::empty_course();
    old.run(
        r#"INSERT INTO user VALUES (1,'ann','x','offline'),(2,'ben','x','offline'),(3,'cid','x','offline'),(4,'dan','x','offline');
        INSERT INTO allgroup VALUES (1,'one','');
        INSERT INTO groupuser VALUES (1,1,'creator'),(1,2,'normal'),(1,3,'normal');
        INSERT INTO offlinemessage VALUES
            (2,'{"groupid":1,"id":4,"msg":"from outside","msgid":10,"time":"2022-08-01 08:00:00"}'),
            (4,'{"groupid":1,"id":1,"msg":"for nobody","msgid":10,"time":"2022-08-01 08:00:01"}'),
            (1,'{"id":1,"msg":"to myself","msgid":6,"time":"2022-08-01 08:00:02","toid":1}'),
            (2,'{"groupid":1,"id":1,"msg":"hi","msgid":10}'),
            (2,'{"groupid":1,"id":1,"msg":"hi","msgid":10}'),
            (3,'{"groupid":1,"id":1,"msg":"hi","msgid":10}'),
            (2,'{"groupid":1,"id":1,"msg":"to both","msgid":10,"time":"2022-08-01 08:00:03"}'),
            (3,'{"groupid":1,"id":1,"msg":"to both","msgid":10,"time":"2022-08-01 08:00:03"}'),
            (2,'{"groupid":1,"id":1,"msg":"to both","msgid":10,"time":"2022-08-01 08:00:03"}'),
            (2,'{"id":1,"msg":"ok","msgid":6,"time":"2022-08-01 07:00:00","toid":2}'),
            (2,'{"id":1,"msg":"ok","msgid":6,"time":"2022-08-01 07:00:00","toid":2}'),
            (1,'{"id":2,"msg":"earlier","msgid":6,"time":"2022-08-01 06:00:00","toid":1}');"#,
    );
    for place in Place::both() {
        let (ended, told) = report("course", &old, &place);
        let expected = [
            "offline row 2 for user 4 left_out not_a_member",
            "offline row 3 for user 1 left_out oneself",
            "offline row 4 for user 2 changed no_time",
            "offline row 5 for user 2 changed no_time",
            "offline row 6 for user 3 changed no_time",
            "offline row 9 for user 2 left_out double",
        ];
        assert_eq!(told, expected);
        assert_eq!(ended.brought("offline messages"), (7, 0), "{}", ended.stdout);
        let contents = place.contents();
        let messages = [
            r#"group 1|1|4|1659312000000|{"msg":"from outside"}"#,
            r#"group 1|2|1|1659312002000|{"msg":"hi"}"#,
            r#"group 1|3|1|1659312002000|{"msg":"hi"}"#,
            r#"group 1|4|1|1659312003000|{"msg":"to both"}"#,
            r#"1-2|1|2|1659304800000|{"msg":"earlier"}"#,
            r#"1-2|2|1|1659308400000|{"msg":"ok"}"#,
            r#"1-2|3|1|1659308400000|{"msg":"ok"}"#,
        ];
        assert_eq!(behind(&contents, "message|"), messages);
        let cursors = ["1|group 1|4|4", "1|1-2|0|0", "2|group 1|0|0", "2|1-2|1|1", "3|group 1|1|1"];
        assert_eq!(behind(&contents, "cursor|"), cursors);
        // Somebody has said more since: that comes behind, and moves no cursor that is not at the end.
        old.run(r#"INSERT INTO offlinemessage VALUES (2,'{"id":1,"msg":"later","msgid":6,"time":"2022-08-01 09:00:00","toid":2}')"#);
        import("course", &old, &place, &[]).succeeded();
        let contents = place.contents();
        assert_eq!(behind(&contents, "message|")[7], r#"1-2|4|1|1659315600000|{"msg":"later"}"#);
        assert_eq!(behind(&contents, "cursor|"), cursors);
        old.run("DELETE FROM offlinemessage WHERE message LIKE '%later%'");
    }
}

#[test]
fn without_any_time_messages_are_of_now_and_in_the_order_of_the_table() {
    let old = Old::empty_course();
    old.run(
        r#"INSERT INTO user VALUES (1,'ann','x','offline'),(2,'ben','x','offline');
        INSERT INTO offlinemessage VALUES (1,'{"id":2,"msg":"one","msgid":6}'),(2,'{"id":1,"msg":"two","msgid":6,"time":""}'),
            (1,'{"id":2,"msg":"three","msgid":6,"time":"soon"}');"#,
    );
    let place = Place::sqlite();
    import("course", &old, &place, &[]).succeeded();
    assert_eq!(
        place.texts("SELECT body FROM Message ORDER BY seq"),
        ["one", "two", "three"].map(|text| format!("{{\"msg\":\"{text}\"}}"))
    );
    assert!(place.number("SELECT MIN(sent_at) AS n FROM Message") > 1_700_000_000_000);
    old.run(r#"INSERT INTO offlinemessage VALUES (1,'{"id":2,"msg":"four","msgid":6,"time":"2022-08-01 09:00:00"}')"#);
    let ended = import("course", &old, &place, &[]).succeeded();
    assert_eq!(ended.brought("offline messages"), (1, 3), "{}", ended.stdout);
}
