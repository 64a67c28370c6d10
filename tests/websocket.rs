//! WebSocket at the clients' port: browsers' protocol, the same lines. Raw frames here; peers that nobody here wrote in
//! tests/peers.

#![allow(clippy::unwrap_used, reason = "helpers of tests; allow-unwrap-in-tests misses them")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::client::{Client, PASSWORD};
use common::node::Node;
use common::peers::{NODE, PYTHON};
use common::process::PATIENCE;
use common::websocket::{CLOSE, PING, PONG, Socket, TEXT, ask_for, http};
use serde_json::{Value, json};

/// What a client of the chat does on it.
trait Chat {
    fn message(&mut self) -> Value;
    fn ask(&mut self, request: &Value) -> Value;
    fn newcomer(&mut self, name: &str) -> u64;
}

impl Chat for Socket {
    /// The next text message.
    fn message(&mut self) -> Value {
        let (first, payload) = self.frame();
        assert_eq!(first, TEXT, "{:?}", String::from_utf8_lossy(&payload));
        assert!(!payload.contains(&b'\n'), "a message is no line");
        serde_json::from_slice(&payload).unwrap()
    }

    /// The reply; pushes that come before it are dropped.
    fn ask(&mut self, request: &Value) -> Value {
        self.send(TEXT, request.to_string().as_bytes());
        loop {
            let message = self.message();
            if message.get("errno").is_some() {
                return message;
            }
        }
    }

    /// Registers, and logs in; the user's id.
    fn newcomer(&mut self, name: &str) -> u64 {
        let registered = self.ask(&json!({"msgid": 4, "name": name, "pwd": PASSWORD}));
        assert_eq!(registered["errno"], 0, "{registered}");
        let login = self.ask(&json!({"msgid": 1, "name": name, "pwd": PASSWORD, "ack": true}));
        assert_eq!(login["errno"], 0, "{login}");
        login["id"].as_u64().unwrap()
    }
}

#[test]
fn a_browser_and_a_line_client_chat_through_one_port() {
    let node = Node::start(&[]);
    let mut ben = Client::newcomer(node.addr(), "ben");
    let mut anna = Socket::open(node.addr());
    let id = anna.newcomer("anna");
    ben.say(id, "from a line: \u{2028}中文");
    let push = anna.message();
    assert_eq!((&push["msgid"], &push["msg"]), (&json!(6), &json!("from a line: \u{2028}中文")));

    // In three fragments, with a line break between two tokens and a Ping in between.
    let words = json!({"msgid": 6, "toid": ben.id, "msg": "from a browser", "tag": 1}).to_string();
    let words = words.replacen(',', ",\n", 1);
    anna.send(0x01, &words.as_bytes()[..10]);
    anna.send(PING, b"still there?");
    anna.send(0x00, &words.as_bytes()[10..30]);
    anna.send(0x80, &words.as_bytes()[30..]);
    assert_eq!(anna.frame(), (PONG, b"still there?".to_vec()));
    let ack = anna.message();
    assert_eq!((&ack["msgid"], &ack["errno"], &ack["tag"]), (&json!(11), &json!(0), &json!(1)));
    assert_eq!(ben.expect_push(6)["msg"], "from a browser");

    anna.send(CLOSE, &1001_u16.to_be_bytes());
    assert_eq!(anna.expect_closed(), 1000);
    ben.say(id, "while anna is away");
}

#[test]
fn what_breaks_the_rules_is_closed_with_its_code_and_costs_nobody_else() {
    let node = Node::with_settings(&["limits.line_bytes=20000"]);
    let mut bystander = Socket::open(node.addr());
    bystander.newcomer("bystander");
    for (what, code, first, payload) in [
        ("binary", 1003, 0x82, vec![b'x']),
        ("no UTF-8", 1007, TEXT, vec![0xff]),
        ("too large", 1009, TEXT, vec![b'x'; 20_001]),
        ("a reserved bit", 1002, 0xc1, vec![b'x']),
        ("a continuation of nothing", 1002, 0x80, vec![b'x']),
    ] {
        let mut socket = Socket::open(node.addr());
        socket.send(first, &payload);
        assert_eq!(socket.expect_closed(), code, "{what}");
    }
    let mut unmasked = Socket::open(node.addr());
    unmasked.stream.write_all(&[TEXT, 1, b'x']).unwrap();
    assert_eq!(unmasked.expect_closed(), 1002);
    let mut malformed = Socket::open(node.addr());
    malformed.send(TEXT, b"hello?");
    assert_eq!(malformed.message()["errno"], 400, "a message that is no request is answered as a line is");
    assert_eq!(bystander.ask(&json!({"msgid": 17}))["errno"], 0);
}

#[test]
fn a_request_of_http_can_never_become_chat_lines() {
    let node = Node::start(&[]);
    let line = json!({"msgid": 4, "name": "victim", "pwd": PASSWORD}).to_string();
    for request in [
        format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{line}\n", node.addr(), line.len() + 1),
        format!("POST /ws HTTP/1.1\r\nHost: x\r\n\r\n{line}\n{line}\n"),
        format!("GET / HTTP/1.1\r\nX: y\r\n\r\n{line}\n"),
        format!("PUT {line}\r\n\r\n{line}\n"),
    ] {
        let (mut stream, head) = http(node.addr(), &request);
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!((400..500).contains(&status), "{request}: {head}");
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(!rest.contains("msgid"), "{rest}");
    }
    node.connect().refused(json!({"msgid": 1, "name": "victim", "pwd": PASSWORD}), 1);
}

#[test]
fn a_head_may_come_in_pieces_and_must_not_be_endless() {
    let node = Node::start(&[]);
    let mut stream = TcpStream::connect(node.addr()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        node.addr()
    );
    for byte in request.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    let (_, head) = http(node.addr(), &format!("GET /ws HTTP/1.1\r\nX: {}", "x".repeat(9000)));
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
}

#[test]
fn only_pages_that_are_allowed_open_a_websocket() {
    let node = Node::with_settings(&["web.origins=https://chat.example.org"]);
    let status = |fields: &str| ask_for(node.addr(), fields).1[9..12].to_owned();
    assert_eq!(status(""), "101");
    assert_eq!(status(&format!("Origin: http://{}\r\n", node.addr())), "101");
    assert_eq!(status("Origin: https://chat.example.org\r\n"), "101");
    assert_eq!(status("Origin: https://evil.example\r\n"), "403");
}

#[test]
fn a_node_that_stops_says_goodbye_to_browsers() {
    let node = Node::start(&[]);
    let mut anna = Socket::open(node.addr());
    anna.newcomer("anna");
    node.signal("TERM");
    let goodbye = anna.message();
    assert_eq!((&goodbye["msgid"], &goodbye["kind"]), (&json!(49), &json!("shutdown")));
    assert_eq!(anna.expect_closed(), 1001);
}

#[test]
fn a_silent_browser_is_asked_whether_it_is_there() {
    let node = Node::with_settings(&["limits.login_seconds=0"]);
    let mut anna = Socket::open(node.addr());
    anna.stream.set_read_timeout(Some(4 * PATIENCE)).unwrap();
    assert_eq!(anna.frame(), (PING, Vec::new()), "after 25 seconds");
    anna.send(PONG, b"");
    assert_eq!(anna.ask(&json!({"msgid": 17}))["errno"], 0);
}

#[test]
fn pythons_websockets_is_understood() {
    let node = Node::with_settings(&["limits.messages_per_second=0"]);
    PYTHON.run("websocket", node.addr(), &[]);
}

#[test]
fn nodes_ws_is_understood() {
    let node = Node::with_settings(&["limits.messages_per_second=0"]);
    NODE.run("websocket", node.addr(), &[]);
}
