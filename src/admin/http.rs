//! As much of HTTP/1.1 as three pages need: reads a request's head, writes an answer. Knows no page.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest request head.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;

const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// What was read of a request.
pub(super) enum Head {
    /// The client said nothing and left.
    Nothing,
    /// The request line; `more`: the client sent something behind the head.
    Whole { line: String, more: bool },
    /// It has not ended after [`HEAD_BYTES_MAX`].
    TooLong,
    /// It has not ended in time.
    Late,
}

/// Reads until the blank line; at most [`HEAD_BYTES_MAX`], at most until `deadline`.
pub(super) fn read_head(mut client: &TcpStream, deadline: Deadline) -> io::Result<Head> {
    let mut head = [0; HEAD_BYTES_MAX];
    let mut filled = 0;
    while filled < head.len() {
        let Some(left) = deadline.left() else { return Ok(Head::Late) };
        client.set_read_timeout(Some(left))?;
        match client.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(Head::Nothing),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if is_timeout(&error) => return Ok(Head::Late),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if let Some(end) = head_end(&head[..filled]) {
            let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
            return Ok(Head::Whole { line: String::from_utf8_lossy(line).into_owned(), more: filled > end });
        }
    }
    Ok(Head::TooLong)
}

/// The length of the head with its blank line; `None` while that has not come.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let after = |blank: &[u8]| bytes.windows(blank.len()).position(|window| window == blank).map(|at| at + blank.len());
    after(b"\r\n\r\n").or_else(|| after(b"\n\n"))
}

/// Reads what the client still sends: closing with unread bytes would reset the connection, and the reset could
/// overtake the answer.
pub(super) fn drain(mut client: &TcpStream, deadline: Deadline) {
    let mut sink = [0; 4096];
    while let Some(left) = deadline.left() {
        let read = client.set_read_timeout(Some(left)).and_then(|()| client.read(&mut sink));
        if !read.is_ok_and(|count| count > 0) {
            return;
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// A moment by which something must be done.
#[derive(Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "a thread shell: it waits on sockets for as long as is left")]
    pub(super) fn after(patience: Duration) -> Self {
        Self(Instant::now() + patience)
    }

    /// What is left of it; never zero, which a socket would take for "for ever".
    #[expect(clippy::disallowed_methods, reason = "a thread shell: it waits on sockets for as long as is left")]
    fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
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
