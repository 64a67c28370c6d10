//! How bytes become lines and lines become requests.

use serde_json::{Value, json};

use crate::common::client::{Account, Client, PASSWORD};
use crate::node;

/// The limit of a line in bytes, its end not counted.
const LINE_BYTES: usize = 64 * 1024;

#[test]
fn a_tag_comes_back_on_every_reply() {
    let node = node();
    let account = Account::register(node.addr(), "tag");
    let group = Account::register(node.addr(), "peer").login(node.addr()).create_group("tag-group");
    let mut client = node.connect();
    let requests = [
        json!({"msgid": 17}),
        json!({"msgid": 4, "name": account.name, "pwd": "taken"}),
        json!({"msgid": 1, "id": account.id, "pwd": PASSWORD}),
        json!({"msgid": 1, "id": account.id, "pwd": PASSWORD}),
        json!({"msgid": 6, "toid": account.id, "msg": "to myself"}),
        json!({"msgid": 10, "groupid": group, "msg": "no member"}),
        json!({"msgid": 7, "friendid": account.id}),
        json!({"msgid": 8, "groupname": " ", "groupdesc": ""}),
        json!({"msgid": 9, "groupid": group}),
        json!({"msgid": 21, "friendid": i32::MAX}),
        json!({"msgid": 23, "groupid": group}),
        json!({"msgid": 25, "groupid": group}),
        json!({"msgid": 27}),
        json!({"msgid": 29}),
        json!({"msgid": 31, "keyword": "nobody at all"}),
        json!({"msgid": 33}),
        json!({"msgid": 35, "friendid": i32::MAX, "msg": ""}),
        json!({"msgid": 37, "friendid": i32::MAX, "accept": true}),
        json!({"msgid": 41}),
        json!({"msgid": 43, "groupid": group}),
        json!({"msgid": 3}),
    ];
    for request in requests {
        for tag in [json!("a tag"), json!(""), json!(0), json!(-7), json!(9_007_199_254_740_991_u64), json!("\u{0}😀")]
        {
            let mut request = request.clone();
            request["tag"] = tag.clone();
            let reply = client.request(request.clone());
            assert_eq!(reply["tag"], tag, "reply to {request}: {reply}");
            assert!(reply["errno"].is_i64(), "reply to {request} has an errno: {reply}");
        }
        let reply = client.request(request.clone());
        assert!(reply.get("tag").is_none(), "no tag was sent with {request}: {reply}");
    }
}

#[test]
fn lines_may_be_cut_anywhere() {
    let node = node();
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut bob = Client::newcomer(node.addr(), "bob");
    let text = "zwölf 😀 \"quoted\"";
    let lines = format!(
        "{}\r\n{}\n{}\n",
        json!({"msgid": 17, "tag": "first"}),
        json!({"msgid": 6, "toid": bob.id, "msg": text}),
        json!({"msgid": 17, "tag": "last"}),
    );
    for cut in 1..lines.len() {
        alice.send_raw(&lines.as_bytes()[..cut]);
        // A round trip elsewhere lets the server read the first part before the second comes.
        bob.ok(json!({"msgid": 17}));
        alice.send_raw(&lines.as_bytes()[cut..]);
        assert_eq!(alice.recv()["tag"], "first", "cut at {cut}");
        assert_eq!(alice.recv()["seq"], cut, "cut at {cut}");
        assert_eq!(alice.recv()["tag"], "last", "cut at {cut}");
        assert_eq!(bob.expect_push(6)["msg"], text, "cut at {cut}");
    }
    for byte in lines.as_bytes() {
        alice.send_raw(&[*byte]);
    }
    assert_eq!(bob.expect_push(6)["seq"], lines.len());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let node = node();
    let mut alice = Client::newcomer(node.addr(), "alice");
    let bob = Account::register(node.addr(), "bob");
    let mut lines = String::new();
    for number in 0..300 {
        let request = match number % 3 {
            0 => json!({"msgid": 6, "toid": bob.id, "msg": number.to_string(), "tag": number}),
            1 => json!({"msgid": 27, "tag": number}),
            _ => json!({"msgid": 17, "tag": number}),
        };
        lines += &request.to_string();
        lines += "\n";
    }
    alice.send_raw(lines.as_bytes());
    // Chat messages may be in flight together; a reply to another request comes after all that was sent before it.
    let mut replies: Vec<Value> = (0..300).map(|_| alice.recv()).collect();
    for reply in &replies {
        assert_eq!(reply["errno"], 0, "{reply}");
    }
    let acks: Vec<u64> =
        replies.iter().filter(|reply| reply["msgid"] == 11).map(|ack| ack["seq"].as_u64().unwrap()).collect();
    assert_eq!(acks, (1..=100).collect::<Vec<_>>(), "acks in the order of the messages");
    let others: Vec<u64> =
        replies.iter().filter(|reply| reply["msgid"] != 11).map(|reply| reply["tag"].as_u64().unwrap()).collect();
    assert!(others.is_sorted(), "other replies in the order of the requests: {others:?}");
    replies.sort_by_key(|reply| reply["tag"].as_u64());
    let tags: Vec<u64> = replies.iter().map(|reply| reply["tag"].as_u64().unwrap()).collect();
    assert_eq!(tags, (0..300).collect::<Vec<_>>(), "each request has one reply");
}

#[test]
fn white_space_and_unknown_fields_are_fine() {
    let node = node();
    let mut client = node.connect();
    client.send_raw(b"  { \"msgid\" :\t17 , \"tag\" : 1 }  \r\n");
    assert_eq!(client.recv()["tag"], 1);
    client.ok(json!({"msgid": 17, "what": {"is": ["this"]}, "errno": 9, "seq": "x"}));
}

/// Some tools write a mark (BOM) ahead of the first line. It belongs there and nowhere else.
#[test]
fn a_mark_of_utf_8_ahead_of_the_first_line_is_no_error() {
    let node = node();
    let mut client = node.connect();
    client.send_raw(b"\xef\xbb\xbf{\"msgid\":17,\"tag\":1}\r\n");
    let reply = client.recv();
    assert_eq!((&reply["msgid"], &reply["tag"]), (&json!(18), &json!(1)), "{reply}");
    client.send_raw(b"\xef\xbb\xbf{\"msgid\":17,\"tag\":2}\n");
    let reply = client.recv();
    assert_eq!((&reply["msgid"], &reply["errno"]), (&json!(19), &json!(400)), "on a later line: {reply}");
    client.ok(json!({"msgid": 17}));
    // In pieces, and only one of them.
    let mut client = node.connect();
    for byte in b"\xef\xbb\xbf{\"msgid\":17,\"tag\":3}\n" {
        client.send_raw(&[*byte]);
    }
    assert_eq!(client.recv()["tag"], 3);
    let mut client = node.connect();
    client.send_raw(b"\xef\xbb\xbf\xef\xbb\xbf{\"msgid\":17}\n");
    assert_eq!(client.recv()["msgid"], 19, "one mark, not two");
    let mut client = node.connect();
    client.send_raw(b"{\"msgid\":17}\xef\xbb\xbf\n");
    assert_eq!(client.recv()["msgid"], 19, "not behind the line");
}

#[test]
fn malformed_lines_are_errors_and_ten_in_a_row_close() {
    let node = node();
    let mut client = node.connect();
    let malformed: [&[u8]; 18] = [
        b"hello",
        b"{",
        b"}",
        b"[]",
        b"[17]",
        b"17",
        b"\"msgid\"",
        b"null",
        b"{}",
        b"{\"msgid\":\"17\"}",
        b"{\"msgid\":1.5}",
        b"{\"msgid\":null}",
        b"{\"msgid\":17",
        b"{\"msgid\":17}}",
        b"{\"msgid\":17} {\"msgid\":17}",
        b"{\"msgid\":17,\"x\":\"\xff\xfe\"}",
        b"{\"msgid\":99999999999999999999999}",
        b"\x00\x01\x02",
    ];
    for line in malformed {
        client.send_raw(&[line, b"\n"].concat());
        let error = client.recv();
        assert_eq!(error["msgid"], 19, "{:?}: {error}", String::from_utf8_lossy(line));
        assert_eq!(error["errno"], 400, "{:?}: {error}", String::from_utf8_lossy(line));
        assert!(error["errmsg"].is_string(), "{error}");
        client.ok(json!({"msgid": 17}));
    }
    for _ in 0..9 {
        client.send_raw(b"nonsense\n");
        assert_eq!(client.recv()["errno"], 400);
    }
    client.ok(json!({"msgid": 17, "tag": "nine are forgiven"}));
    client.send_raw(&b"nonsense\n".repeat(10));
    let last = client.expect_closed();
    assert_eq!(last.len(), 10, "each is answered before the end: {last:?}");
    assert!(last.iter().all(|error| error["msgid"] == 19 && error["errno"] == 400), "{last:?}");
}

#[test]
fn an_unknown_msgid_is_named() {
    let node = node();
    let mut client = node.connect();
    for unknown in [0, 2, 11, 46, 48, 49, 999, -1, i64::from(i32::MAX), 1 << 52] {
        client.send(&json!({"msgid": unknown, "tag": "unknown"}));
        let error = client.recv();
        assert_eq!((&error["msgid"], &error["errno"]), (&json!(19), &json!(404)), "msgid {unknown}: {error}");
        assert_eq!((&error["about"], &error["tag"]), (&json!(unknown), &json!("unknown")), "msgid {unknown}: {error}");
    }
    client.ok(json!({"msgid": 17}));
}

#[test]
fn the_limit_of_a_line_is_exact() {
    let node = node();
    let padded = |len: usize| {
        let frame = json!({"msgid": 17, "x": ""}).to_string();
        json!({"msgid": 17, "x": "y".repeat(len - frame.len())}).to_string()
    };
    let mut client = node.connect();
    client.send_raw(format!("{}\n", padded(LINE_BYTES)).as_bytes());
    assert_eq!(client.recv()["msgid"], 18, "a line of exactly the limit is fine");
    client.send_raw(format!("{}\n", padded(LINE_BYTES + 1)).as_bytes());
    assert_too_long_and_closed(client);
}

#[test]
fn a_line_without_end_is_cut_off() {
    let node = node();
    let mut client = node.connect();
    // The server may close while this is still being sent.
    for _ in 0..64 {
        if !client.try_send_raw(&[b'x'; 16 * 1024]) {
            break;
        }
    }
    // What was sent after the server closed may have reset the connection and taken the error line with it.
    for message in client.expect_closed() {
        assert_eq!((&message["msgid"], &message["errno"]), (&json!(19), &json!(413)), "{message}");
    }
    node.connect().ok(json!({"msgid": 17}));
}

fn assert_too_long_and_closed(mut client: Client) {
    let last = client.expect_closed();
    assert_eq!(last.len(), 1, "one error, then the end: {last:?}");
    assert_eq!((&last[0]["msgid"], &last[0]["errno"]), (&json!(19), &json!(413)), "{last:?}");
}

#[test]
fn blank_lines_do_no_harm() {
    let node = node();
    let mut client = node.connect();
    // Whether a blank line is passed over or an error is open; that the next line is answered is not.
    client.send_raw(b"\n\r\n  \n");
    client.send(&json!({"msgid": 17, "tag": "after"}));
    loop {
        let message = client.recv();
        if message["msgid"] == 18 {
            assert_eq!(message["tag"], "after");
            return;
        }
        assert_eq!((&message["msgid"], &message["errno"]), (&json!(19), &json!(400)), "{message}");
    }
}

#[test]
fn what_came_before_the_end_is_handled() {
    let node = node();
    let mut alice = Client::newcomer(node.addr(), "alice");
    let mut bob = Client::newcomer(node.addr(), "bob");
    alice.send(&json!({"msgid": 6, "toid": bob.id, "msg": "last words"}));
    alice.stream().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(bob.expect_push(6)["msg"], "last words");
    alice.expect_closed();
}
