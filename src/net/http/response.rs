//! Responses, as they go over the wire.

use std::fmt::Write;

use bytes::Bytes;

use super::files::File;

/// What a page of the web client may do: use what this server serves, and talk to it. Nothing within a page is run or
/// taken for a style, and no other page may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";
/// How long a browser that has come by TLS comes by nothing else, in seconds: a year.
const STRICTLY_BY_TLS_SECONDS: u32 = 31_536_000;

/// What follows a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// Another request may come.
    KeepAlive,
    /// The connection ends.
    Close,
}

/// What a head comes to.
#[derive(PartialEq, Eq, Debug)]
pub enum Answer {
    /// Its end has not come.
    Incomplete,
    /// The response, after which frames follow; and how many bytes the head has.
    Upgrade(Bytes, usize),
    /// A response.
    Reply {
        /// Its head.
        head: Bytes,
        /// Its content; empty for none.
        body: Bytes,
        /// How many bytes the request's head has.
        used: usize,
        /// What follows.
        then: Then,
    },
}

/// A response that is being put together.
pub(super) struct Response {
    head: String,
    kind: &'static str,
    body: Bytes,
    sends_body: bool,
    then: Then,
}

impl Response {
    /// One whose text is its reason.
    pub(super) fn new(status: u16, reason: &str) -> Self {
        Self {
            head: format!("HTTP/1.1 {status} {reason}\r\n"),
            kind: "text/plain; charset=utf-8",
            body: format!("{reason}\n").into(),
            sends_body: true,
            then: Then::KeepAlive,
        }
    }

    /// One that ends the connection.
    pub(super) fn closing(status: u16, reason: &str) -> Self {
        Self::new(status, reason).ending()
    }

    /// A file of the web client.
    pub(super) fn file(file: File) -> Self {
        let response = Self::new(200, "OK").with_version_of(&file);
        Self { kind: file.kind, body: file.content, ..response }
    }

    /// The client has the file.
    pub(super) fn not_modified(file: &File) -> Self {
        Self::new(304, "Not Modified").with_version_of(file).without_body()
    }

    fn with_version_of(self, file: &File) -> Self {
        // It asks each time, and is told that nothing has changed: a new server's client is used at once.
        self.with("ETag", &file.etag).with("Cache-Control", "no-cache")
    }

    /// With this field.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        write!(self.head, "{name}: {value}\r\n").expect("a String takes all");
        self
    }

    /// With this text.
    pub(super) fn text(self, text: &'static str) -> Self {
        Self { body: Bytes::from_static(text.as_bytes()), ..self }
    }

    /// A browser shall come by TLS only, from now on (RFC 6797).
    pub(super) fn strictly_by_tls(self) -> Self {
        // Browsers complain of the second field where a page has come without TLS.
        self.with("Strict-Transport-Security", &format!("max-age={STRICTLY_BY_TLS_SECONDS}"))
            .with("Cross-Origin-Opener-Policy", "same-origin")
    }

    /// The connection ends with it.
    pub(super) fn ending(self) -> Self {
        Self { then: Then::Close, ..self }
    }

    /// As an answer to this method: to HEAD without the content (RFC 9110, section 9.3.2).
    pub(super) fn answering(self, method: Option<&str>) -> Self {
        if method == Some("HEAD") { self.without_body() } else { self }
    }

    fn without_body(self) -> Self {
        Self { sends_body: false, ..self }
    }

    /// The answer to a head of so many bytes.
    pub(super) fn reply(mut self, used: usize) -> Answer {
        let head = self.complete_head();
        let body = if self.sends_body { self.body } else { Bytes::new() };
        Answer::Reply { head, body, used, then: self.then }
    }

    /// All of it.
    pub(super) fn into_bytes(mut self) -> Bytes {
        [self.complete_head(), self.body].concat().into()
    }

    fn complete_head(&mut self) -> Bytes {
        let mut head = std::mem::take(&mut self.head);
        write!(
            head,
            "Content-Type: {}\r\nContent-Length: {}\r\nX-Content-Type-Options: nosniff\r\n\
             Content-Security-Policy: {CONTENT_SECURITY_POLICY}\r\nReferrer-Policy: no-referrer\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\n{}\r\n",
            self.kind,
            self.body.len(),
            if self.then == Then::Close { "Connection: close\r\n" } else { "" }
        )
        .expect("a String takes all");
        head.into()
    }
}
