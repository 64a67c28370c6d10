//! As much of HTTP/1.1 as an administrator's programs need: a request's head out of bytes, an answer into bytes. No socket,
//! no clock; knows no page.

/// The longest request head.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The longest body of a request.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

const TEXT_TYPE: &str = "text/plain; charset=utf-8";
const JSON_TYPE: &str = "application/json";

/// What the bytes that have come so far are.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Head {
    /// The blank line has not come yet.
    Partial,
    /// All of it.
    Whole(WholeHead),
    /// It has not ended after [`HEAD_BYTES_MAX`].
    TooLong,
}

/// What a head says.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct WholeHead {
    /// The request line.
    pub(super) line: String,
    /// Its length with the blank line: the body begins there.
    pub(super) end: usize,
    /// The field Authorization.
    pub(super) authorization: Option<String>,
    /// How long the body is.
    pub(super) length: Length,
}

/// How long a body is said to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Length {
    /// So many bytes; 0 where nothing is said.
    Bytes(usize),
    /// It comes in chunks, or what is said is no number.
    Unusable,
}

impl Head {
    /// Reads the beginning of what a client has sent.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match head_end(bytes) {
            Some(end) if end <= HEAD_BYTES_MAX => Self::Whole(WholeHead::of(&bytes[..end])),
            Some(_) => Self::TooLong,
            None if bytes.len() >= HEAD_BYTES_MAX => Self::TooLong,
            None => Self::Partial,
        }
    }
}

impl WholeHead {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default().to_owned();
        let (mut authorization, mut length) = (None, Length::Bytes(0));
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "authorization" => authorization = Some(value.to_owned()),
                "content-length" => length = value.parse().map_or(Length::Unusable, Length::Bytes),
                "transfer-encoding" => length = Length::Unusable,
                _ => {}
            }
        }
        Self { line, end: bytes.len(), authorization, length }
    }
}

/// The length of the head with its blank line; `None` while that has not come.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(HEAD_BYTES_MAX + 4)];
    let after = |blank: &[u8]| bytes.windows(blank.len()).position(|window| window == blank).map(|at| at + blank.len());
    match (after(b"\r\n\r\n"), after(b"\n\n")) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// What is sent back; the connection is closed behind it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) kind: &'static str,
    /// Header lines, or nothing.
    pub(super) fields: &'static str,
    pub(super) body: Body,
}

/// What follows the head.
#[derive(Debug)]
pub(super) enum Body {
    Text(String),
    /// HEAD: the length of the body that GET would get.
    LengthOnly(usize),
}

impl Body {
    /// What Content-Length says, in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::LengthOnly(length) => *length,
        }
    }
}

impl Answer {
    /// A page of plain text.
    pub(super) fn text(status: &'static str, body: impl Into<String>) -> Self {
        Self { status, kind: TEXT_TYPE, fields: "", body: Body::Text(body.into()) }
    }

    /// A JSON value.
    pub(super) fn json(status: &'static str, value: &serde_json::Value) -> Self {
        Self { kind: JSON_TYPE, ..Self::text(status, format!("{value}\n")) }
    }

    /// As it goes over the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { status, kind, fields, body } = self;
        let length = body.len();
        let mut out = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{fields}Connection: close\r\n\r\n"
        );
        if let Body::Text(text) = body {
            out.push_str(text);
        }
        out.into_bytes()
    }
}

/// The head of an answer that comes piece by piece: who gets no end of it knows that something is missing.
pub(super) fn begin_pieces() -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {JSON_TYPE}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

/// A piece; an empty one is the end.
pub(super) fn piece(bytes: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> WholeHead {
        match Head::of(bytes) {
            Head::Whole(head) => head,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_head_ends_at_its_blank_line() {
        assert_eq!(Head::of(b""), Head::Partial);
        assert_eq!(Head::of(b"GET / HTTP/1.1\r\nHost: x\r\n"), Head::Partial);
        assert_eq!(whole(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").line, "GET / HTTP/1.1");
        assert_eq!(whole(b"GET / HTTP/1.0\n\nbody").end, 16);
        assert_eq!(Head::of(&[b'x'; HEAD_BYTES_MAX]), Head::TooLong);
    }

    #[test]
    fn a_head_says_who_asks_and_how_long_the_body_is() {
        let head = whole(b"POST / HTTP/1.1\r\nauthorization:  Bearer x \r\nContent-Length: 12\r\n\r\n");
        assert_eq!((head.authorization.as_deref(), head.length), (Some("Bearer x"), Length::Bytes(12)));
        assert_eq!(whole(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n").length, Length::Unusable);
        assert_eq!(whole(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").length, Length::Unusable);
    }

    #[test]
    fn pieces_have_their_length_ahead() {
        assert_eq!(piece(b"0123456789abcdef!"), b"11\r\n0123456789abcdef!\r\n");
        assert_eq!(piece(b""), b"0\r\n\r\n");
    }
}
