//! What is made of the rows of every system, and of every kind of damage.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn said(raw: &str) -> Said {
    read(raw, Letters::MaybeGarbled).unwrap_or_else(|why| panic!("{raw}: {why:?}"))
}

fn refused(raw: &str) -> Why {
    read(raw, Letters::MaybeGarbled).expect_err(raw)
}

/// What becomes of a text between apostrophes in SQL that is not escaped.
fn through_sql(text: &str) -> String {
    let mut kept = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => kept.push('\n'),
                Some('t') => kept.push('\t'),
                Some('r') => kept.push('\r'),
                Some('b') => kept.push('\u{8}'),
                Some('0') => kept.push('\0'),
                Some('Z') => kept.push('\u{1A}'),
                Some(other) => kept.push(other),
                None => {}
            },
            other => kept.push(other),
        }
    }
    kept
}

#[test]
fn every_system_is_read() {
    let time = "2023-01-01 00:00:00";
    for (row, sender, group) in [
        (json!({"id": 2, "msg": "hi", "msgid": 6, "name": "ben", "time": time, "toid": 1}), 2, None),
        (json!({"groupid": 3, "id": 2, "msg": "hi", "msgid": 10, "name": "ben", "time": time}), 2, Some(3)),
        (json!({"id": 2, "msg": "hi", "msgid": 5, "name": "ben", "time": time, "toid": 1}), 2, None),
        (json!({"groupid": 3, "msg": "hi", "msgid": 9, "name": "ben", "time": time, "userid": 2}), 2, Some(3)),
        (json!({"from": 2, "msg": "hi", "msgId": 9, "time": time, "to": 1, "username": "ben"}), 2, None),
        (json!({"gid": 3, "msg": "hi", "msgId": 13, "time": time, "uid": 2, "username": "ben"}), 2, Some(3)),
        (json!({"from": "ben", "id": 2, "msg": "hi", "msgid": 6, "time": time, "toid": 1}), 2, None),
        (json!({"FROMID": 2, "TOID": 1, "msg": "hi", "msgType": 4, "sendTime": time}), 2, None),
        (json!({"FROMID": 2, "GROUPID": 3, "msg": "hi", "msgType": 9, "sendTime": time}), 2, Some(3)),
    ] {
        let raw = row.to_string();
        let found = said(&raw);
        assert_eq!((found.sender, found.group, found.text.as_str()), (sender, group, "hi"), "{raw}");
        assert_eq!((found.time.as_str(), found.whys.len()), (time, 0), "{raw}");
        assert_eq!(found.is_polaris, raw.contains("uid\":2,\"username"), "{raw}");
    }
}

#[test]
fn moments_are_text_or_numbers_or_missing() {
    let time = |raw: &str| said(raw).time;
    assert_eq!(time(r#"{"FROMID":6,"TOID":8,"msg":"x","msgType":4,"sendTime":1703078264002}"#), "1703078264002");
    assert_eq!(
        time(r#"{"FROMID":6,"TOID":8,"msg":"x","msgType":4,"sendTime":"20231107 18:05:01"}"#),
        "20231107 18:05:01"
    );
    for raw in [
        r#"{"id":2,"msg":"x","msgid":6,"time":"","toid":1}"#,
        r#"{"id":2,"msg":"x","msgid":6,"toid":1}"#,
        r#"{"id":2,"msg":"x","msgid":6,"time":null,"toid":1}"#,
    ] {
        assert_eq!(time(raw), "");
    }
}

#[test]
fn backslashes_that_sql_has_taken_do_not_matter() {
    for (raw, text) in [
        ("say \"hi\" to him", "say \"hi\" to him"),
        ("two\nlines", "two\nlines"),
        ("back\\slash", "back\\slash"),
        ("C:\\new", "C:\\new"),
        ("tab\there", "tab\there"),
        ("ends with \"", "ends with \""),
        ("ends with \\", "ends with \\"),
        ("\"", "\""),
        ("a\",\"msgid\":6,\"b", "a\",\"msgid\":6,\"b"),
        ("他说\"好\"", "他说\"好\""),
    ] {
        let row = format!("{{\"id\":2,\"msg\":\"{raw}\",\"msgid\":5,\"name\":\"ben\",\"time\":\"t\",\"toid\":1}}");
        let found = said(&row);
        assert_eq!((found.text.as_str(), found.sender, found.time.as_str()), (text, 2, "t"), "{row}");
        assert_eq!(found.whys, [Why::Backslashes], "{row}");
    }
}

#[test]
fn a_name_that_has_lost_backslashes_hides_nothing() {
    let found =
        said("{\"groupid\":1,\"msg\":\"x \"y\" z\",\"msgid\":9,\"name\":\"a \"b\" c\",\"time\":\"t\",\"userid\":2}");
    assert_eq!((found.text.as_str(), found.sender, found.group, found.time.as_str()), ("x \"y\" z", 2, Some(1), "t"));
    let found = said("{\"gid\":1,\"msg\":\"x\",\"msgId\":13,\"time\":\"t\",\"uid\":2,\"username\":\"a \"b\" c\"}");
    assert_eq!((found.text.as_str(), found.sender, found.group, found.is_polaris), ("x", 2, Some(1), true));
    let found = said("{\"from\":2,\"msg\":\"x\",\"msgId\":9,\"time\":\"t\",\"to\":1,\"username\":\"li \\si\"}");
    assert_eq!((found.text.as_str(), found.sender), ("x", 2));
}

#[test]
fn what_is_no_damage_is_left_as_it_is() {
    // Keys in another order, blanks, escapes that somebody has kept.
    assert_eq!(said(r#"{"msgid":6,"id":2,"toid":1,"msg":"hi"}"#).text, "hi");
    assert_eq!(said(r#"{"id": 2, "toid": 1, "msg": "hi", "msgid": 6}"#).text, "hi");
    assert_eq!(said(r#"{"id":2,"msg":"hi","name":"ben","msgid":6,"toid":1}"#).text, "hi");
    assert_eq!(said(r#"{"id":2,"msg":"say \"hi\"","msgid":6,"toid":1}"#).text, "say \"hi\"");
    assert_eq!(said(r#"{"id":"2","msg":"ids as text","msgid":6,"toid":"1"}"#).sender, 2);
}

#[test]
fn what_is_cut_off_keeps_its_beginning() {
    for (raw, text) in [
        ("{\"id\":1,\"msg\":\"cut off at five hundred char", "cut off at five hundred char"),
        ("{\"id\":1,\"msg\":\"hello\"", "hello"),
        ("{\"id\":1,\"msg\":\"hello\",\"msgi", "hello"),
        ("{\"id\":1,\"msg\":\"hello\",\"msgid\"", "hello"),
        ("{\"groupid\":7,\"id\":1,\"msg\":\"of a \"group\" an", "of a \"group\" an"),
        ("{\"FROMID\":1,\"TOID\":2,\"msg\":\"sponge", "sponge"),
    ] {
        let found = said(raw);
        assert_eq!((found.text.as_str(), found.sender), (text, 1), "{raw}");
        assert_eq!(found.whys, [Why::CutOff], "{raw}");
    }
    assert_eq!(said("{\"groupid\":7,\"id\":1,\"msg\":\"x").group, Some(7));
    // Behind the text.
    for raw in [
        "{\"id\":1,\"msg\":\"hello\",\"msgid\":5,\"na",
        "{\"id\":1,\"msg\":\"hello\",\"msgid\":5,\"name\":\"ben\",\"time\":\"2023",
    ] {
        let found = said(raw);
        assert_eq!((found.text.as_str(), found.sender), ("hello", 1), "{raw}");
    }
    // The sender stood behind it.
    assert_eq!(refused("{\"groupid\":1,\"msg\":\"who has said th"), Why::CutOffEarly);
    assert_eq!(refused("{\"gid\":1,\"msg\":\"who has said th"), Why::CutOffEarly);
    assert_eq!(refused("{\"id\":1,\"msg\":\""), Why::CutOffEarly);
    assert_eq!(refused("{\"id\":1,\"ms"), Why::NoMessage);
}

#[test]
fn what_was_garbled_comes_back() {
    let row = r#"{"id":3,"msg":"浣犲ソ","msgid":5,"name":"寮犱笁","time":"t","toid":1}"#;
    let found = said(row);
    assert_eq!((found.text.as_str(), found.whys.as_slice()), ("你好", [Why::Garbled].as_slice()));
    let plain = read(row, Letters::AsTheyAre).unwrap();
    assert_eq!((plain.text.as_str(), plain.whys.len()), ("浣犲ソ", 0));
    // The name is lost for good, the text is not.
    let found = said(
        r#"{"id":3,"msg":"浣犲ソ","msgid":5,"name":"?\u00e9","time":"t","toid":1}"#.replace("\\u00e9", "ü").as_str(),
    );
    assert_eq!(found.text, "你好");
    // Both kinds of damage.
    let found = said("{\"id\":3,\"msg\":\"\"浣犲ソ\"\",\"msgid\":5,\"toid\":1}");
    assert_eq!((found.text.as_str(), found.whys.as_slice()), ("\"你好\"", [Why::Backslashes, Why::Garbled].as_slice()));
    assert_eq!(said(r#"{"id":2,"msg":"你好","msgid":6,"toid":1}"#).whys, []);
}

#[test]
fn what_is_no_message_is_refused() {
    for (raw, why) in [
        ("", Why::EmptyRow),
        ("  ", Why::EmptyRow),
        ("null", Why::EmptyRow),
        ("hello", Why::NoMessage),
        ("[]", Why::NoMessage),
        ("{}", Why::NoMessage),
        (r#"{"id":1,"msg":7,"msgid":6}"#, Why::NoMessage),
        (r#"{"id":1,"msg":null,"msgid":6}"#, Why::NoMessage),
        (r#"{"id":1,"msg":"","msgid":6,"toid":2}"#, Why::EmptyText),
        (r#"{"msg":"who?","msgid":6,"toid":2}"#, Why::NoSender),
        (r#"{"id":1.5,"msg":"who?","msgid":6,"toid":2}"#, Why::NoSender),
        (r#"{"FROMID":6,"TOID":7,"msg":"be my friend","msgType":5,"sendTime":"t"}"#, Why::NoMessage),
        (r#"{"errno":200,"msgType":6,"name":"Mia","new":true,"userId":7}"#, Why::NoMessage),
    ] {
        assert_eq!(refused(raw), why, "{raw}");
    }
}

fn course_row(text: &str) -> String {
    json!({"id": 2, "msg": text, "msgid": 6, "name": "ben", "time": "2023-01-01 00:00:00", "toid": 1}).to_string()
}

proptest! {
    /// What SQL leaves of a message tells what it was, but for control characters and characters below 0x20 that JSON has
    /// written with digits.
    #[test]
    fn any_text_survives_sql(text in "[ -~\n\t\r\u{8}à-ü你-很😀-😎]{1,60}") {
        let found = read(&through_sql(&course_row(&text)), Letters::AsTheyAre).unwrap();
        prop_assert_eq!(found.text, text);
        prop_assert_eq!((found.sender, found.time.as_str()), (2, "2023-01-01 00:00:00"));
    }

    #[test]
    fn no_row_makes_it_panic(raw in "\\PC{0,80}", at in 0_usize..200) {
        let _ = read(&raw, Letters::MaybeGarbled);
        let row = through_sql(&course_row(&raw));
        let cut: String = row.chars().take(at).collect();
        let _ = read(&cut, Letters::MaybeGarbled);
    }
}
