//! The one thing that HTTP is for at the clients' port: GET /ws becomes a WebSocket (RFC 6455, section 4.2). Everything
//! else gets its answer, and the connection ends.
//!
//! ```text
//!   first bytes --shown--> a method and a blank: HTTP, and never anything else
//!                          anything else: lines
//!   head --answer--> Upgrade: 101, frames follow | Refuse: a status, the connection ends
//! ```
//!
//! Whose web page may open a WebSocket here, [`Gate`] says: a browser sends the page's origin, and no other program has to.

use std::fmt::Write;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httparse::{EMPTY_HEADER, Header, Request, Status};
use sha1::{Digest, Sha1};

/// The longest head, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;
/// The most header fields.
const FIELDS_MAX: usize = 64;
/// The methods by which a connection shows that it speaks HTTP.
const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"TRACE ", b"PATCH "];
/// What is appended to a client's key (RFC 6455, section 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Where a WebSocket is opened.
const PATH: &str = "/ws";

/// What the first bytes of a connection show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// A method of HTTP.
    Http,
    /// Lines.
    Lines,
    /// Too little has come.
    Unclear,
}

/// What these first bytes of a connection show.
pub(super) fn shown(bytes: &[u8]) -> Shown {
    if METHODS.iter().any(|method| bytes.starts_with(method)) {
        Shown::Http
    } else if METHODS.iter().any(|method| method.starts_with(bytes)) {
        Shown::Unclear
    } else {
        Shown::Lines
    }
}

/// Which web pages may open a WebSocket.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gate {
    /// Origins beside the server's own (`https://chat.example.org`), in lower case.
    pub origins: Vec<String>,
    /// Names under which browsers may come beside literal addresses and `localhost`, in lower case: otherwise the owner of
    /// any name could have it lead here, and a page of that name would count as the server's own.
    pub hosts: Vec<String>,
}

impl Gate {
    fn admits_host(&self, host: &str) -> bool {
        let name = name_of(host);
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        let of_origin = |origin: &String| origin.split_once("://").is_some_and(|(_, rest)| name_of(rest) == name);
        is_address || name == "localhost" || self.hosts.contains(&name) || self.origins.iter().any(of_origin)
    }

    fn admits_origin(&self, origin: &str, host: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let is_own = origin.split_once("://").is_some_and(|(_, rest)| rest == host.to_ascii_lowercase());
        is_own || self.origins.contains(&origin)
    }
}

/// A host without its port, in lower case.
fn name_of(host: &str) -> String {
    let name = match (host.starts_with('['), host.rfind(':')) {
        (true, _) => host.split_inclusive(']').next().unwrap_or(host),
        (false, Some(colon)) => &host[..colon],
        (false, None) => host,
    };
    name.to_ascii_lowercase()
}

/// What a head comes to.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Its end has not come.
    Incomplete,
    /// The response, after which frames follow; and how many bytes the head has.
    Upgrade(Vec<u8>, usize),
    /// The response, after which the connection ends.
    Refuse(Vec<u8>),
}

/// Answers a head, as far as it has come.
pub(super) fn answer(head: &[u8], gate: &Gate) -> Answer {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut request = Request::new(&mut fields);
    match request.parse(head) {
        Ok(Status::Partial) if head.len() < HEAD_BYTES_MAX => Answer::Incomplete,
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            refuse(431, "Request Header Fields Too Large", "")
        }
        Err(_) => refuse(400, "Bad Request", ""),
        Ok(Status::Complete(used)) => match open(&request, gate) {
            Ok(accept) => Answer::Upgrade(accepted(&accept), used),
            Err(refusal) => refusal,
        },
    }
}

/// Checks a request for a WebSocket; what the response says of its key.
fn open(request: &Request<'_, '_>, gate: &Gate) -> Result<String, Answer> {
    let bad = || refuse(400, "Bad Request", "");
    let path = request.path.unwrap_or_default().split('?').next().unwrap_or_default();
    if path != PATH {
        return Err(refuse(404, "Not Found", ""));
    }
    if request.method != Some("GET") {
        return Err(refuse(405, "Method Not Allowed", "Allow: GET\r\n"));
    }
    let host = only(request.headers, "host").ok_or_else(bad)?;
    if !has_word(request.headers, "upgrade", "websocket") || !has_word(request.headers, "connection", "upgrade") {
        return Err(refuse(426, "Upgrade Required", "Upgrade: websocket\r\n"));
    }
    if only(request.headers, "sec-websocket-version") != Some("13") {
        return Err(refuse(426, "Upgrade Required", "Sec-WebSocket-Version: 13\r\n"));
    }
    let key = only(request.headers, "sec-websocket-key").ok_or_else(bad)?;
    if request.version != Some(1) || STANDARD.decode(key).map_or(0, |key| key.len()) != 16 {
        return Err(bad());
    }
    // No origin: no browser.
    let origins = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("origin")).count();
    let is_admitted = origins == 0
        || only(request.headers, "origin")
            .is_some_and(|origin| gate.admits_host(host) && gate.admits_origin(origin, host));
    if !is_admitted {
        return Err(refuse(403, "Forbidden", ""));
    }
    let accept = Sha1::new().chain_update(key.as_bytes()).chain_update(KEY_SUFFIX).finalize();
    Ok(STANDARD.encode(accept))
}

/// The value of a field that stands there once.
fn only<'a>(fields: &[Header<'a>], name: &str) -> Option<&'a str> {
    let mut values = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    let value = values.next().map(|field| field.value)?;
    if values.next().is_some() {
        return None;
    }
    std::str::from_utf8(value).ok().map(str::trim)
}

/// Whether the word is in the field's list.
fn has_word(fields: &[Header<'_>], name: &str, word: &str) -> bool {
    let lists = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    let mut words = lists.filter_map(|field| std::str::from_utf8(field.value).ok()).flat_map(|list| list.split(','));
    words.any(|other| other.trim().eq_ignore_ascii_case(word))
}

fn accepted(accept: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

/// A response with the reason as its text. `fields` are header fields, each with its line end.
fn refuse(status: u16, reason: &str, fields: &str) -> Answer {
    let mut response = String::new();
    let length = reason.len() + 1;
    write!(
        response,
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n{fields}\r\n{reason}\n"
    )
    .expect("a String takes all");
    Answer::Refuse(response.into_bytes())
}

#[cfg(test)]
mod tests {
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

    /// The status of the answer; 0 for none yet.
    fn status(head: &str, gate: &Gate) -> u16 {
        let response = match answer(head.as_bytes(), gate) {
            Answer::Incomplete => return 0,
            Answer::Upgrade(response, used) => {
                assert_eq!(used, head.len());
                response
            }
            Answer::Refuse(response) => response,
        };
        let response = String::from_utf8(response).unwrap();
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn gate() -> Gate {
        Gate { origins: vec!["https://chat.example.org".to_owned()], hosts: vec!["chat.lan".to_owned()] }
    }

    #[test]
    fn the_example_of_the_standard_is_accepted() {
        let head = request(&[]);
        let Answer::Upgrade(response, used) = answer(head.as_bytes(), &gate()) else { panic!("refused") };
        let response = String::from_utf8(response).unwrap();
        assert!(response.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\n"));
        assert_eq!(used, head.len());
    }

    #[test]
    fn a_request_that_is_none_gets_its_status() {
        for (wanted, head) in [
            (404, request(&[]).replace("/ws", "/")),
            (404, request(&[]).replace("/ws", "/ws/")),
            (101, request(&[]).replace("/ws", "/ws?x=1")),
            (405, request(&[]).replace("GET", "POST")),
            (426, request(&[("Upgrade", "")])),
            (426, request(&[("Connection", "close")])),
            (426, request(&[("Sec-WebSocket-Version", "8")])),
            (400, request(&[("Host", "")])),
            (400, request(&[("Sec-WebSocket-Key", "c2hvcnQ=")])),
            (400, request(&[("Sec-WebSocket-Key", "")])),
            (400, request(&[]).replace("HTTP/1.1", "HTTP/1.0")),
            (400, request(&[]).replace("\r\n\r\n", "\r\nHost: other\r\n\r\n")),
            (400, "GET /ws HTTP/1.1\r\nno field\r\n\r\n".to_owned()),
            (0, request(&[]).trim_end().to_owned()),
            (431, format!("GET /ws HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES_MAX))),
            (431, format!("GET /ws HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(FIELDS_MAX + 1))),
        ] {
            assert_eq!(status(&head, &gate()), wanted, "{head}");
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
            assert_eq!(status(&request(&[("Host", host), ("Origin", origin)]), &gate()), wanted, "{host} {origin}");
        }
        assert_eq!(status(&request(&[("Host", "any.example")]), &gate()), 101, "without an origin it is no browser");
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
}
