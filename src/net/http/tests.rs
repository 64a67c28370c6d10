//! Requests, and what they are answered.

use bytes::Bytes;

use super::head::{FIELDS_MAX, HEAD_BYTES_MAX};
use super::*;

/// The request of RFC 6455, section 1.2, with other fields instead of its origin and version.
fn request(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("Host", "127.0.0.1:8000"),
        ("Upgrade", "websocket"),
        ("Connection", "keep-alive, Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    for (name, value) in changes {
        fields.retain(|(other, _)| other != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("GET /ws HTTP/1.1\r\n{}\r\n\r\n", fields.join("\r\n"))
}

/// What it is answered with, and whether the connection ends then; nothing yet if the head is not complete.
fn answered(head: &str, site: &Site, scheme: Scheme) -> Option<(String, Bytes, Then)> {
    match answer(head.as_bytes(), site, scheme) {
        Answer::Incomplete => None,
        Answer::Upgrade(response, used) => {
            assert_eq!(used, head.len());
            Some((String::from_utf8(response.to_vec()).unwrap(), Bytes::new(), Then::KeepAlive))
        }
        Answer::Reply { head: response, body, used, then } => {
            assert_eq!(used, head.len());
            Some((String::from_utf8(response.to_vec()).unwrap(), body, then))
        }
    }
}

/// The status of the answer; 0 for none yet.
fn status(head: &str, site: &Site) -> u16 {
    let Some((response, ..)) = answered(head, site, Scheme::Http) else { return 0 };
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

fn site() -> Site {
    Site {
        origins: vec!["https://chat.example.org".to_owned()],
        hosts: vec!["chat.lan".to_owned()],
        files: Files::embedded(&[("index.html", b"<!doctype html>"), ("ui/app.js", b"'use strict';")]),
    }
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

#[test]
fn the_example_of_the_standard_is_accepted() {
    let (response, ..) = answered(&request(&[]), &site(), Scheme::Http).unwrap();
    assert!(response.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n"));
}

#[test]
fn files_are_served_with_what_protects_them() {
    for (path, kind, content) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/ui/app.js?v=1", "text/javascript; charset=utf-8", "'use strict';"),
    ] {
        let (response, body, then) = answered(&get(path, ""), &site(), Scheme::Http).unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert_eq!((&body[..], then), (content.as_bytes(), Then::KeepAlive));
        for field in [
            format!("Content-Type: {kind}"),
            format!("Content-Length: {}", content.len()),
            "X-Content-Type-Options: nosniff".to_owned(),
            "Referrer-Policy: no-referrer".to_owned(),
            "Cache-Control: no-cache".to_owned(),
        ] {
            assert!(response.contains(&format!("\r\n{field}\r\n")), "{field} in {response}");
        }
        let policy = response.split("Content-Security-Policy: ").nth(1).unwrap().split("\r\n").next().unwrap();
        assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!response.contains("Strict-Transport-Security"));
        let (response, ..) = answered(&get(path, ""), &site(), Scheme::Https).unwrap();
        assert!(response.contains("\r\nStrict-Transport-Security: max-age=31536000\r\n"), "{response}");
    }
}

#[test]
fn what_the_browser_has_is_not_sent_again() {
    let (response, ..) = answered(&get("/", ""), &site(), Scheme::Http).unwrap();
    let etag = response.split("ETag: ").nth(1).unwrap().split("\r\n").next().unwrap();
    for (field, wanted) in [
        (etag.to_owned(), "304"),
        (format!("\"other\", W/{etag}"), "304"),
        ("*".to_owned(), "304"),
        ("\"other\"".to_owned(), "200"),
    ] {
        let (response, body, _) =
            answered(&get("/", &format!("If-None-Match: {field}\r\n")), &site(), Scheme::Http).unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {wanted} ")), "{field}: {response}");
        assert_eq!(body.is_empty(), wanted == "304");
    }
}

#[test]
fn a_head_alone_says_how_long_the_file_is() {
    let (response, body, _) = answered(&get("/", "").replace("GET", "HEAD"), &site(), Scheme::Http).unwrap();
    assert!(response.starts_with("HTTP/1.1 200") && response.contains("Content-Length: 15\r\n"), "{response}");
    assert!(body.is_empty());
    for refused in [get("/ws", ""), get("/", "").replace("localhost", "evil.example"), get("/missing", "")] {
        let (response, body, _) = answered(&refused.replace("GET", "HEAD"), &site(), Scheme::Http).unwrap();
        assert!(response.starts_with("HTTP/1.1 4") && body.is_empty(), "{response}");
    }
}

#[test]
fn a_connection_is_kept_unless_the_client_or_its_version_ends_it() {
    for (head, wanted) in [
        (get("/", ""), Then::KeepAlive),
        (get("/missing", ""), Then::KeepAlive),
        (get("/", "Connection: close\r\n"), Then::Close),
        (get("/", "").replace("1.1", "1.0"), Then::Close),
        (get("/", "").replace("GET", "POST"), Then::Close),
    ] {
        let (response, _, then) = answered(&head, &site(), Scheme::Http).unwrap();
        assert_eq!(then, wanted, "{head}");
        assert_eq!(response.contains("\r\nConnection: close\r\n"), wanted == Then::Close, "{response}");
    }
}

#[test]
fn where_tls_is_demanded_a_browser_is_sent_there() {
    for (target, there) in [
        ("/", "https://localhost/"),
        ("/ui/app.js", "https://localhost/ui/app.js"),
        ("/ws", "https://localhost/ws"),
        ("http://chat.lan/ws?x=1", "https://chat.lan/ws?x=1"),
        // What is no path must not become a part of the name.
        (".evil.example", "https://localhost/"),
    ] {
        let (response, _, then) = answered(&get(target, ""), &site(), Scheme::OnlyHttps).unwrap();
        assert!(response.starts_with("HTTP/1.1 308 "), "{response}");
        assert!(response.contains(&format!("\r\nLocation: {there}\r\n")), "{response}");
        assert_eq!(then, Then::Close);
    }
}

#[test]
fn a_folder_is_served_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("web/ui")).unwrap();
    for (path, content) in [("secret", "no"), ("web/index.html", "yes"), ("web/ui/a.js", "yes"), ("web/.hidden", "no")]
    {
        std::fs::write(folder.path().join(path), content).unwrap();
    }
    std::os::unix::fs::symlink(folder.path().join("secret"), folder.path().join("web/link")).unwrap();
    let site = Site { files: Files::Folder(folder.path().join("web")), ..Site::default() };
    for (path, wanted) in [
        ("/", 200),
        ("/ui/a.js", 200),
        ("/ui", 404),
        ("/ui/", 404),
        ("/../secret", 404),
        ("/ui/../../secret", 404),
        ("/%2e%2e/secret", 404),
        ("//secret", 404),
        ("/.hidden", 404),
        ("/link", 404),
        ("/missing", 404),
    ] {
        assert_eq!(status(&get(path, ""), &site), wanted, "{path}");
    }
}

#[test]
fn a_request_that_is_none_gets_its_status() {
    for (wanted, head) in [
        (200, request(&[]).replace("/ws", "/")),
        (404, request(&[]).replace("/ws", "/ws/")),
        (404, get("/missing", "")),
        (405, get("/", "").replace("GET", "POST")),
        (405, get("/", "").replace("GET", "OPTIONS")),
        (400, get("/", "Content-Length: 5\r\n")),
        (400, get("/", "Transfer-Encoding: chunked\r\n")),
        (400, get("/", "").replace("Host: localhost\r\n", "")),
        (101, request(&[]).replace("/ws", "/ws?x=1")),
        (101, request(&[]).replace("/ws", "http://127.0.0.1:8000/ws")),
        (101, request(&[]).replace("/ws", "HTTPS://chat.lan/ws?x=1")),
        (404, request(&[]).replace("/ws", "ftp://127.0.0.1/ws")),
        (400, request(&[]).replace("/ws", "http:///ws")),
        (200, get("http://chat.lan", "")),
        (200, get("http://chat.lan?/x", "")),
        (200, get("http://chat.lan:8000/ui/app.js", "").replace("localhost", "evil.example")),
        (421, get("http://evil.example/", "")),
        (400, get("http://chat.lan/", "").replace("Host: localhost\r\n", "")),
        (400, get("/", "Content-Length: 0\r\nContent-Length: 5\r\n")),
        (405, request(&[]).replace("GET", "POST")),
        (426, request(&[("Upgrade", "")])),
        (426, request(&[("Connection", "close")])),
        (426, request(&[("Sec-WebSocket-Version", "8")])),
        (400, request(&[("Host", "")])),
        (400, request(&[("Sec-WebSocket-Key", "c2hvcnQ=")])),
        (400, request(&[("Sec-WebSocket-Key", "")])),
        (400, request(&[]).replace("\r\n\r\n", "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")),
        (426, request(&[]).replace("\r\n\r\n", "\r\nSec-WebSocket-Version: 13\r\n\r\n")),
        (426, request(&[("Sec-WebSocket-Version", "")])),
        (400, request(&[("Content-Length", "5")])),
        (400, request(&[("Transfer-Encoding", "chunked")])),
        (101, request(&[("Upgrade", "h2c, WebSocket"), ("Connection", "UPGRADE")])),
        (101, request(&[("Sec-WebSocket-Protocol", "chat, superchat")])),
        (400, request(&[("Sec-WebSocket-Protocol", ",")])),
        (400, request(&[("Sec-WebSocket-Protocol", "chat superchat")])),
        (101, request(&[("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits; x=\"1\\0\", foo")])),
        (400, request(&[("Sec-WebSocket-Extensions", "permessage-deflate; x=\"a b\"")])),
        (400, request(&[("Sec-WebSocket-Extensions", "permessage-deflate;;x")])),
        (400, request(&[("Sec-WebSocket-Extensions", "permessage-deflate; x=")])),
        (400, request(&[]).replace("HTTP/1.1", "HTTP/1.0")),
        (400, request(&[]).replace("\r\n\r\n", "\r\nHost: other\r\n\r\n")),
        (400, "GET /ws HTTP/1.1\r\nno field\r\n\r\n".to_owned()),
        (0, request(&[]).trim_end().to_owned()),
        (431, format!("GET /ws HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES_MAX))),
        (431, format!("GET /ws HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(FIELDS_MAX + 1))),
    ] {
        assert_eq!(status(&head, &site()), wanted, "{head}");
    }
}

#[test]
fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
    for (wanted, host) in [
        (421, "evil.example"),
        (200, "chat.lan:8000"),
        (400, ""),
        (400, "local host"),
        (400, "::1"),
        (400, "::1]:8000"),
        (400, "[::1]evil.example"),
        (400, "[::1"),
        (400, "[localhost]"),
        (400, "localhost:80@evil.example"),
        (400, "localhost:evil.example:80"),
        (200, "[::1]:8000"),
    ] {
        assert_eq!(status(&get("/", "").replace("localhost", host), &site()), wanted, "{host}");
    }
}

#[test]
fn what_is_not_utf_8_is_refused() {
    for (wanted, field, value) in [
        (400, "Host", "127.0.0.1\u{1}"),
        (400, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==\u{1}"),
        (400, "Sec-WebSocket-Protocol", "chat\u{1}"),
        (400, "Sec-WebSocket-Extensions", "foo\u{1}"),
        (403, "Origin", "http://127.0.0.1:8000\u{1}"),
        (426, "Upgrade", "websocket\u{1}"),
        (426, "Sec-WebSocket-Version", "13\u{1}"),
    ] {
        let mut head = request(&[(field, value)]).into_bytes();
        let at = head.iter().position(|byte| *byte == 1).unwrap();
        head[at] = 0xff;
        let Answer::Reply { head: response, .. } = answer(&head, &site(), Scheme::Http) else { panic!("{field}") };
        assert!(response.starts_with(format!("HTTP/1.1 {wanted} ").as_bytes()), "{field}: {response:?}");
    }
    let target = request(&[]).replace("/ws", "/\u{1}").into_bytes();
    let target: Vec<u8> = target.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let Answer::Reply { head: response, .. } = answer(&target, &site(), Scheme::Http) else { panic!("a target") };
    assert!(response.starts_with(b"HTTP/1.1 40"), "{response:?}");
}

#[test]
fn a_client_of_another_version_is_told_which_is_spoken() {
    for head in [request(&[("Sec-WebSocket-Version", "8")]), request(&[("Upgrade", "")])] {
        let (response, ..) = answered(&head, &site(), Scheme::Http).unwrap();
        for field in ["Sec-WebSocket-Version: 13", "Upgrade: websocket", "Connection: upgrade"] {
            assert!(response.contains(&format!("\r\n{field}\r\n")), "{field} in {response}");
        }
    }
}

#[test]
fn a_head_is_too_long_in_whatever_pieces_it_comes() {
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX));
    let wrong = format!("GET / HTTP/1.1\r\nX: {}\r\nno field\r\n\r\n", "x".repeat(HEAD_BYTES_MAX));
    for head in [long, wrong] {
        assert_eq!(status(&head, &site()), 431, "at once");
        assert_eq!(status(&head[..HEAD_BYTES_MAX], &site()), 431);
        assert_eq!(status(&head[..HEAD_BYTES_MAX - 1], &site()), 0);
    }
}

#[test]
fn only_pages_of_the_own_host_and_of_those_allowed_come_in() {
    for (wanted, host, origin) in [
        (101, "127.0.0.1:8000", "http://127.0.0.1:8000"),
        (101, "[::1]:8000", "http://[::1]:8000"),
        (101, "localhost:8000", "http://LOCALHOST:8000"),
        (101, "chat.lan", "http://chat.lan"),
        (101, "chat.example.org", "https://chat.example.org"),
        (101, "127.0.0.1:8000", "https://chat.example.org"),
        (403, "127.0.0.1:8000", "http://127.0.0.1:9000"),
        (403, "127.0.0.1:8000", "https://evil.example"),
        (403, "127.0.0.1:8000", "null"),
        // A name that its owner makes lead here: the page counts as of the same host, and the host is not ours.
        (403, "evil.example:8000", "http://evil.example:8000"),
    ] {
        assert_eq!(status(&request(&[("Host", host), ("Origin", origin)]), &site()), wanted, "{host} {origin}");
    }
    assert_eq!(status(&request(&[("Host", "any.example")]), &site()), 101, "without an origin it is no browser");
}

#[test]
fn a_connection_shows_what_it_is_by_its_first_bytes() {
    for (bytes, wanted) in [
        (&b""[..], Shown::Unclear),
        (b"G", Shown::Unclear),
        (b"GET", Shown::Unclear),
        (b"GET ", Shown::Http),
        (b"OPTIONS * HTTP/1.1", Shown::Http),
        (b"GETS", Shown::Lines),
        (b"get ", Shown::Lines),
        (b"{\"msgid\":17}\n", Shown::Lines),
        (b"\n", Shown::Lines),
        (b"\xef\xbb\xbf{", Shown::Lines),
    ] {
        assert_eq!(shown(bytes), wanted, "{bytes:?}");
    }
}
