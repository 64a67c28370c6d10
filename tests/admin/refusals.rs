//! Who may not ask, and what makes no sense.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::common::http;
use crate::common::node::Node;
use crate::common::process::{PATIENCE, server_command};
use crate::desk::{Desk, TOKEN, exchange};

/// Asks at the address with this head and body.
fn raw(node: &Node, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(node.admin()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(&mut stream, request)
}

#[test]
fn without_the_token_nobody_asks() {
    let desk = Desk::on_sqlite(&[]);
    for fields in ["", "Authorization: Bearer wrong-wrong-wrong-wrong\r\n", "Authorization: Basic eDp5\r\n"] {
        let (status, body) = raw(&desk.node, &format!("GET /v1/users HTTP/1.1\r\n{fields}\r\n"));
        assert_eq!(status, 401, "{fields}: {body}");
    }
    assert_eq!(desk.ask_by_token("GET", "/v1/users", Value::Null).0, 200);
    // What everybody may see needs none.
    for page in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(http::get(desk.node.admin(), page).0, 200);
    }
    assert!(!desk.node.log().contains(TOKEN));
}

#[test]
fn where_no_token_is_set_the_address_refuses() {
    let node = Node::start(&["--admin", "127.0.0.1:0"]);
    let (status, body) = raw(&node, "GET /v1/users HTTP/1.1\r\nAuthorization: Bearer \r\n\r\n");
    assert_eq!(status, 403);
    assert!(body.contains("admin_token_file"), "{body}");
}

#[test]
fn the_socket_is_its_users_alone() {
    let desk = Desk::on_sqlite(&[]);
    let mode = fs::metadata(desk.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    desk.node.term();
    assert!(!desk.socket().exists(), "it goes with the server");
    // One that a killed server has left is in nobody's way.
    desk.node.restart();
    desk.node.kill();
    assert!(desk.socket().exists());
    desk.node.restart();
    crate::common::process::wait_for("the socket to answer again", || {
        desk.command(&["users", "list"]).status.success().then_some(())
    });
}

#[test]
fn what_makes_no_sense_is_refused() {
    let desk = Desk::on_sqlite(&[]);
    for (method, path, body, expected) in [
        ("GET", "/v1/users/4000000", Value::Null, 404),
        ("POST", "/v1/users/4000000/disable", Value::Null, 404),
        ("POST", "/v1/users/4000000/erase", Value::Null, 404),
        ("POST", "/v1/users/4000000/reset-password", Value::Null, 404),
        ("GET", "/v1/users/4000000/export", Value::Null, 404),
        ("POST", "/v1/users/4000000/quota", json!({"name": "friends", "value": 1}), 404),
        ("DELETE", "/v1/groups/4000000", Value::Null, 404),
        ("POST", "/v1/groups/4000000/retention", json!({"days": 1}), 404),
        ("POST", "/v1/sessions/1.1/end", Value::Null, 404),
        ("GET", "/v1/users/x", Value::Null, 400),
        ("POST", "/v1/broadcast", json!({"text": ""}), 400),
        ("POST", "/v1/broadcast", json!({"text": "x".repeat(5_000)}), 413),
        ("POST", "/v1/broadcast", json!({"text": "x".repeat(70_000)}), 413),
        ("POST", "/v1/log-level", json!(["debug"]), 400),
        ("GET", "/v1/nothing", Value::Null, 404),
    ] {
        let (status, told) = desk.ask(method, path, body);
        assert_eq!(status, expected, "{method} {path}: {told}");
        assert!(told["error"].is_string(), "{method} {path}: {told}");
    }
    let head = format!("POST /v1/broadcast HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n");
    assert_eq!(raw(&desk.node, &format!("{head}Content-Length: 4\r\n\r\n{{no}}")).0, 400, "bad JSON");
    assert_eq!(raw(&desk.node, &format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).0, 400);
    assert!(desk.audit().is_empty(), "nothing was done");
}

#[test]
fn a_slow_client_is_told_so_and_holds_nobody_up() {
    let desk = Desk::on_sqlite(&[]);
    let mut slow = TcpStream::connect(desk.node.admin()).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("POST /v1/broadcast HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\n{{");
    slow.write_all(head.as_bytes()).unwrap();
    assert_eq!(desk.ask_by_token("GET", "/v1/users", Value::Null).0, 200);
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn a_token_does_not_cross_the_network_in_the_open() {
    let folder = tempfile::tempdir().unwrap();
    let (token, short) = (folder.path().join("token"), folder.path().join("short"));
    fs::write(&token, TOKEN).unwrap();
    fs::write(&short, "short").unwrap();
    let start = |admin: &str, file: &std::path::Path| {
        let output = server_command()
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"))
            .args(["--admin", admin, "--set", &format!("admin_token_file={}", file.display())])
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let told = start("0.0.0.0:0", &token);
    assert!(told.contains("is no loopback address") && told.contains("tls.cert"), "{told}");
    let told = start("127.0.0.1:0", &short);
    assert!(told.contains("at least 16 characters"), "{told}");
}
