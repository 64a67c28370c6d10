//! Each line as it goes out.

use std::borrow::Cow;

use super::*;
use crate::body::{Ext, Join, Presence, ReadFrom, Role, Speak};
use crate::ids::GroupId;

fn user(number: i64) -> UserId {
    UserId::new(number).unwrap()
}

fn text(line: &Bytes) -> &str {
    std::str::from_utf8(line).unwrap()
}

#[test]
fn replies_repeat_the_tag() {
    #[derive(Serialize)]
    struct Fields {
        id: u32,
    }
    let line = success(MsgId::Register, Some("\"t\""), &Body::of(&Fields { id: 7 }));
    assert_eq!(text(&line), "{\"msgid\":5,\"errno\":0,\"tag\":\"t\",\"id\":7}\n");
    let line = success(MsgId::Logout, None, &Body::empty());
    assert_eq!(text(&line), "{\"msgid\":16,\"errno\":0}\n");
    let line = failure(MsgId::Login, &RawEcho::tag(Some("5")), Errno::Refused, "say \"please\"");
    assert_eq!(text(&line), "{\"msgid\":2,\"errno\":1,\"errmsg\":\"say \\\"please\\\"\",\"tag\":5}\n");
    let line = failure(MsgId::Delivered, &RawEcho::default(), Errno::LoginFirst, "x");
    assert_eq!(text(&line), "{\"msgid\":19,\"errno\":401,\"errmsg\":\"x\",\"about\":20}\n");
}

#[test]
fn a_push_carries_the_body_as_it_is() {
    let push = Push {
        sender: user(1),
        name: "o\"o",
        to: Peer::User(user(2)),
        what: What::Message,
        body: r#"{"msg":"\u00e9","ext":[1]}"#,
        time: &TimeText::new(UnixMs(0)),
        seq: 3,
        marks: "",
    };
    let expected = concat!(
        r#"{"msgid":6,"id":1,"name":"o\"o","toid":2,"msg":"\u00e9","ext":[1],"#,
        r#""time":"1970-01-01T00:00:00.000Z","seq":3}"#
    );
    assert_eq!(text(&push.line()).trim_end(), expected);
    assert_eq!(push.element().get(), expected);
    assert!(text(&Push { body: "damaged", ..push }.line()).contains("\"msg\":\"\""));
}

#[test]
fn a_push_says_what_has_become_of_the_message() {
    let thumb = ReactionCount { reaction: "\u{1f44d}".into(), count: 2, mine: true };
    let time = TimeText::new(UnixMs(0));
    let marks = marks(Some(UnixMs(1)), false, &[thumb]);
    let (sender, to, body) = (user(1), Peer::Group(GroupId::new(4).unwrap()), r#"{"msg":"x"}"#);
    let push = Push { sender, name: "o", to, what: What::Message, body, time: &time, seq: 3, marks: &marks };
    let expected = concat!(
        r#"{"msgid":10,"id":1,"name":"o","groupid":4,"msg":"x","time":"1970-01-01T00:00:00.000Z","seq":3,"#,
        r#""edited":"1970-01-01T00:00:00.001Z","reactions":[{"reaction":"👍","count":2,"mine":true}]}"#
    );
    assert_eq!(push.element().get(), expected);
    let gone = super::marks(Some(UnixMs(1)), true, &[]);
    let recalled = Push { body: "", marks: &gone, ..push };
    let expected = concat!(
        r#"{"msgid":10,"id":1,"name":"o","groupid":4,"time":"1970-01-01T00:00:00.000Z","seq":3,"recalled":true}"#,
        "\n"
    );
    assert_eq!(text(&recalled.line()), expected);
    assert_eq!(super::marks(None, false, &[]), "");
}

#[test]
fn the_last_message_of_a_list_is_not_too_deep() {
    let (time, to) = (TimeText::new(UnixMs(0)), Peer::User(user(2)));
    for ext_levels in 120..=124 {
        let body = format!(r#"{{"msg":"x\"","ext":{}{}}}"#, "[".repeat(ext_levels), "]".repeat(ext_levels));
        let push =
            Push { sender: user(1), name: "o", to, what: What::Message, body: &body, time: &time, seq: 3, marks: "" };
        let listed = format!(r#"{{"conversations":[{{"last":{}}}]}}"#, push.last().get());
        let read: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let last = &read["conversations"][0]["last"];
        assert_eq!((&last["msg"], last["ext"].is_array()), (&"x\"".into(), ext_levels <= 123), "{ext_levels}");
    }
}

#[test]
fn events_name_the_message_that_they_are_about() {
    let time = TimeText::new(UnixMs(0));
    let to = Peer::User(user(2));
    let push = Push { sender: user(1), name: "o", to, what: What::Message, body: "", time: &time, seq: 9, marks: "" };
    for (what, body, expected) in [
        (What::Edit { of: 3 }, r#"{"msg":"x"}"#, r#"{"msgid":57,"id":1,"name":"o","toid":2,"of":3,"msg":"x","#),
        (What::Edit { of: 3 }, "", r#"{"msgid":57,"id":1,"name":"o","toid":2,"of":3,"#),
        (What::Recall { of: 3 }, "", r#"{"msgid":59,"id":1,"name":"o","toid":2,"of":3,"#),
        (
            What::Reaction { of: 3 },
            r#"{"reaction":"+","on":true}"#,
            r#"{"msgid":61,"id":1,"name":"o","toid":2,"of":3,"reaction":"+","on":true,"#,
        ),
    ] {
        let line = Push { what, body, ..push }.line();
        let expected = [expected, r#""time":"1970-01-01T00:00:00.000Z","seq":9}"#, "\n"].concat();
        assert_eq!(text(&line), expected);
        assert!(is_event(&line) && !is_event(&push.line()) && !is_event(b"{\"msgid\":57"));
    }
}

#[test]
fn the_ack_of_an_event_is_like_a_messages() {
    let echo = Echo::new(RawEcho { tag: Some("1"), cid: Some("\"c\"") });
    let (time, to) = (TimeText::new(UnixMs(0)), Peer::User(user(4)));
    let line = ack(What::Edit { of: 3 }, to, Some((9, &time)), &echo);
    let expected = r#"{"msgid":58,"errno":0,"toid":4,"seq":9,"time":"1970-01-01T00:00:00.000Z","cid":"c","tag":1}"#;
    assert_eq!(text(&line).trim_end(), expected);
    let line = ack(What::Reaction { of: 3 }, to, None, &echo);
    assert_eq!(text(&line), "{\"msgid\":62,\"errno\":0,\"toid\":4,\"cid\":\"c\",\"tag\":1}\n");
    let line = not_stored(What::Recall { of: 3 }, to, Errno::NotFound, "no", &echo);
    let expected = r#"{"msgid":60,"errno":404,"errmsg":"no","toid":4,"cid":"c","tag":1}"#;
    assert_eq!(text(&line).trim_end(), expected);
    let line = muted(What::Message, Peer::Group(GroupId::new(4).unwrap()), "no", UnixMs(0), &Echo::default());
    let expected = r#"{"msgid":12,"errno":403,"errmsg":"no","groupid":4,"until":"1970-01-01T00:00:00.000Z"}"#;
    assert_eq!(text(&line).trim_end(), expected);
}

#[test]
fn what_only_some_want_is_short() {
    let group = GroupId::new(4).unwrap();
    let line = receipt(user(1), Peer::User(user(2)), Some(7), None);
    assert_eq!(text(&line), "{\"msgid\":46,\"id\":1,\"toid\":2,\"delivered\":7}\n");
    let line = receipt(user(1), Peer::Group(group), Some(7), Some(6));
    assert_eq!(text(&line), "{\"msgid\":46,\"id\":1,\"groupid\":4,\"delivered\":7,\"read\":6}\n");
    assert_eq!(text(&typing(user(1), "a", None)), "{\"msgid\":50,\"id\":1,\"name\":\"a\"}\n");
    let line = typing(user(1), "a", Some(group));
    assert_eq!(text(&line), "{\"msgid\":50,\"id\":1,\"name\":\"a\",\"groupid\":4}\n");
    let line = group_invite(user(1), "a", group, "g\"");
    let expected = r#"{"msgid":77,"id":1,"name":"a","groupid":4,"groupname":"g\""}"#;
    assert_eq!(text(&line).trim_end(), expected);
}

#[test]
fn an_ack_repeats_cid_and_tag() {
    let echo = Echo::new(RawEcho { tag: Some("1"), cid: Some("\"c\"") });
    let line = ack(What::Message, Peer::Group(GroupId::new(4).unwrap()), Some((9, &TimeText::new(UnixMs(0)))), &echo);
    let expected = concat!(
        r#"{"msgid":12,"errno":0,"groupid":4,"seq":9,"time":"1970-01-01T00:00:00.000Z","#,
        r#""cid":"c","tag":1}"#,
        "\n"
    );
    assert_eq!(text(&line), expected);
    let line = not_stored(What::Message, Peer::User(user(4)), Errno::NotFound, "no", &Echo::default());
    assert_eq!(text(&line), "{\"msgid\":11,\"errno\":404,\"errmsg\":\"no\",\"toid\":4}\n");
}

#[test]
fn notices_name_their_kind() {
    let line = Notice::GroupJoined { groupid: GroupId::new(3).unwrap(), id: user(1), name: "a".into() }.line();
    assert_eq!(text(&line), "{\"msgid\":49,\"kind\":\"group_joined\",\"groupid\":3,\"id\":1,\"name\":\"a\"}\n");
    let (groupid, name) = (GroupId::new(3).unwrap(), Cow::from("a"));
    for (notice, expected) in [
        (
            Notice::GroupLeft { groupid, id: user(1), name: name.clone(), by: None },
            r#""kind":"group_left","groupid":3,"id":1,"name":"a""#,
        ),
        (
            Notice::GroupLeft { groupid, id: user(1), name: name.clone(), by: Some(user(2)) },
            r#""kind":"group_left","groupid":3,"id":1,"name":"a","by":2"#,
        ),
        (
            Notice::GroupChanged {
                groupid,
                groupname: "g".into(),
                groupdesc: "".into(),
                join: Join::Ask,
                speak: Speak::Admins,
                history: ReadFrom::All,
            },
            concat!(
                r#""kind":"group_changed","groupid":3,"groupname":"g","groupdesc":"","#,
                r#""join":"ask","speak":"admins","history":"all""#
            ),
        ),
        (
            Notice::GroupRole { groupid, id: user(1), name: name.clone(), role: Role::Admin },
            r#""kind":"group_role","groupid":3,"id":1,"name":"a","role":"admin""#,
        ),
        (
            Notice::GroupMuted { groupid, id: user(1), until: Some(UnixMs(0)) },
            r#""kind":"group_muted","groupid":3,"id":1,"until":"1970-01-01T00:00:00.000Z""#,
        ),
        (Notice::GroupMuted { groupid, id: user(1), until: None }, r#""kind":"group_muted","groupid":3,"id":1"#),
        (
            Notice::GroupAsked { groupid, id: user(1), name: name.clone() },
            r#""kind":"group_asked","groupid":3,"id":1,"name":"a""#,
        ),
        (
            Notice::ConversationSet { id: None, groupid: Some(groupid), muted: true, pinned: false },
            r#""kind":"conversation_set","groupid":3,"muted":true,"pinned":false"#,
        ),
        (Notice::Presence { id: user(1), state: Presence::Offline }, r#""kind":"presence","id":1,"state":"offline""#),
        (
            Notice::Profile { id: user(1), name, ext: Ext::new("[1.50]".to_owned()) },
            r#""kind":"profile","id":1,"name":"a","ext":[1.50]"#,
        ),
        (Notice::Ended, r#""kind":"ended""#),
    ] {
        let line = notice.line();
        assert_eq!(text(&line), format!("{{\"msgid\":49,{expected}}}\n"));
        let read = crate::incoming::Incoming::parse(&line).unwrap();
        assert!(matches!(read, crate::incoming::Incoming::Notice(read) if read == notice), "{expected}");
    }
    assert_eq!(text(&Notice::Shutdown.line()), "{\"msgid\":49,\"kind\":\"shutdown\"}\n");
}
