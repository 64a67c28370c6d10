//! As much of HTTP/1.1 as three pages need: a request's head out of bytes, an answer into bytes. No socket, no clock;
//! knows no page.

/// The longest request head.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;

const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// What the bytes that have come so far are.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Head {
    /// The blank line has not come yet.
    Partial,
    /// The request line; `more`: the client sent something behind the head.
    Whole { line: String, more: bool },
    /// It has not ended after [`HEAD_BYTES_MAX`].
    TooLong,
}

impl Head {
    /// Reads the beginning of what a client has sent.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match head_end(bytes) {
            Some(end) => {
                let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
                Self::Whole { line: String::from_utf8_lossy(line).into_owned(), more: bytes.len() > end }
            }
            None if bytes.len() >= HEAD_BYTES_MAX => Self::TooLong,
            None => Self::Partial,
        }
    }
}

/// The length of the head with its blank line; `None` while that has not come.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let after = |blank: &[u8]| bytes.windows(blank.len()).position(|window| window == blank).map(|at| at + blank.len());
    after(b"\r\n\r\n").or_else(|| after(b"\n\n"))
}

/// What is sent back; the connection is closed behind it.
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) kind: &'static str,
    /// A header line, or nothing.
    pub(super) allow: &'static str,
    pub(super) body: Body,
}

/// What follows the head.
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
        Self { status, kind: TEXT_TYPE, allow: "", body: Body::Text(body.into()) }
    }

    /// As it goes over the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { status, kind, allow, body } = self;
        let length = body.len();
        let mut out = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Connection: close\r\n\r\n"
        );
        if let Body::Text(text) = body {
            out.push_str(text);
        }
        out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_its_blank_line() {
        let whole = |line: &str, more| Head::Whole { line: line.to_owned(), more };
        assert_eq!(Head::of(b""), Head::Partial);
        assert_eq!(Head::of(b"GET / HTTP/1.1\r\nHost: x\r\n"), Head::Partial);
        assert_eq!(Head::of(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), whole("GET / HTTP/1.1", false));
        assert_eq!(Head::of(b"GET / HTTP/1.0\n\nbody"), whole("GET / HTTP/1.0", true));
        assert_eq!(Head::of(&[b'x'; HEAD_BYTES_MAX]), Head::TooLong);
    }
}
