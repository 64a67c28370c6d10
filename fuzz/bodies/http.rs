//! Requests: in whatever pieces they come, they are answered alike, each answer is well formed, and no client decides what stands in
//! it beyond the place where it is sent.

use std::net::IpAddr;
use std::sync::LazyLock;

use stonechat::net::http::{Answer, Files, Scheme, Site, Then, answer};

/// The longest head, in bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;

static SITE: LazyLock<Site> = LazyLock::new(|| Site {
    origins: vec!["https://chat.example.org".to_owned()],
    hosts: vec!["chat.lan".to_owned()],
    files: Files::embedded(&[("index.html", b"<!doctype html>"), ("ui/app.js", b"'use strict';")]),
});

/// The first byte says how the requests have come, where they are cut, and whether a field that nearly fills a head is put
/// into the first one; the others are the requests.
pub fn run(bytes: &[u8]) {
    let [how, requests @ ..] = bytes else { return };
    let scheme = [Scheme::Http, Scheme::Https, Scheme::OnlyHttps, Scheme::Http][usize::from(how >> 6)];
    let step = usize::from(how % 16) + 1;
    let is_long = how & 0x10 != 0;
    let requests = if is_long { with_a_long_field(requests) } else { requests.to_vec() };
    let whole = answers(std::iter::once(&requests[..]), scheme);
    let pieces = answers(requests.chunks(if is_long { 256 * step } else { step }), scheme);
    assert_eq!(whole, pieces, "in pieces");
}

fn with_a_long_field(requests: &[u8]) -> Vec<u8> {
    let end = requests.windows(2).position(|bytes| bytes == b"\r\n").map_or(requests.len(), |at| at + 2);
    let (line, rest) = requests.split_at(end);
    [line, b"X: ", &[b'x'; HEAD_BYTES_MAX - 256], b"\r\n", rest].concat()
}

/// Head and body of each response, and whether frames follow behind the last one.
type Answered = (Vec<(Vec<u8>, Vec<u8>)>, bool);

/// What is answered, as a connection does it.
fn answers<'a>(pieces: impl Iterator<Item = &'a [u8]>, scheme: Scheme) -> Answered {
    let (mut kept, mut answered) = (Vec::new(), Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        while !kept.is_empty() {
            match answer(&kept, &SITE, scheme) {
                Answer::Incomplete => {
                    assert!(kept.len() < HEAD_BYTES_MAX, "enough bytes decide");
                    break;
                }
                Answer::Upgrade(response, used) => {
                    assert!(response.starts_with(b"HTTP/1.1 101 ") && scheme != Scheme::OnlyHttps);
                    check_used(&kept, used, scheme);
                    check_fields(&response);
                    answered.push((response.to_vec(), Vec::new()));
                    return (answered, true);
                }
                Answer::Reply { head, body, used, then } => {
                    let closes = head.windows(21).any(|field| field == b"\r\nConnection: close\r\n");
                    assert_eq!(closes, then == Then::Close, "the client is told");
                    check_reply(&head, &body);
                    answered.push((head.to_vec(), body.to_vec()));
                    if then == Then::Close {
                        return (answered, false);
                    }
                    check_used(&kept, used, scheme);
                    kept.drain(..used);
                }
            }
        }
    }
    (answered, false)
}

/// A head ends where it is said to: with less it is incomplete, and more makes no difference.
fn check_used(kept: &[u8], used: usize, scheme: Scheme) {
    assert!((1..=HEAD_BYTES_MAX).contains(&used) && used <= kept.len());
    assert_eq!(answer(&kept[..used - 1], &SITE, scheme), Answer::Incomplete);
    assert_eq!(answer(&kept[..used], &SITE, scheme), answer(kept, &SITE, scheme));
}

fn check_reply(head: &[u8], body: &[u8]) {
    let fields = check_fields(head);
    let length = fields.iter().find_map(|(name, value)| (name == "Content-Length").then_some(value));
    let length: usize = length.and_then(|length| length.parse().ok()).expect("it has a length");
    assert!(body.is_empty() || body.len() == length);
    let location = fields.iter().find_map(|(name, value)| (name == "Location").then_some(value));
    assert_eq!(location.is_some(), head.starts_with(b"HTTP/1.1 308 "));
    if let Some(location) = location {
        let name =
            location.strip_prefix("https://").and_then(|rest| rest.split('/').next()).expect("it is sent to TLS");
        assert!(is_own(name) && !name.contains(['@', '?', '#', '\\']), "{location}");
    }
}

/// Whether a browser may be sent to this host: by a name of the site, or by a literal address.
fn is_own(host: &str) -> bool {
    let name = if host.starts_with('[') {
        host.split_inclusive(']').next().unwrap_or(host).trim_matches(['[', ']'])
    } else {
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    };
    let names = ["localhost", "chat.lan", "chat.example.org"];
    names.iter().any(|own| name.eq_ignore_ascii_case(own)) || name.parse::<IpAddr>().is_ok()
}

/// The fields of a response, which is a status line and lines of a name and a value, and ends with a blank one.
fn check_fields(head: &[u8]) -> Vec<(String, String)> {
    let head = str::from_utf8(head).expect("a head is text");
    let mut lines = head.strip_suffix("\r\n\r\n").expect("it ends with a blank line").split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("it begins with a status");
    assert!(status.len() > 4 && status[..3].bytes().all(|digit| digit.is_ascii_digit()), "{status}");
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a field has a name and a value");
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{line}");
        assert!(!value.is_empty() && !value.contains(char::is_control), "{line}");
        (name.to_owned(), value.to_owned())
    };
    lines.map(field).collect()
}
