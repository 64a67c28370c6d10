//! A request's head: whether it is one, and its answer.

use bytes::Bytes;
use httparse::{EMPTY_HEADER, Header, Request, Status};

use super::fields::{has_body, has_word};
use super::response::{Answer, Response};
use super::site::Site;
use super::target;
use super::upgrade;

/// The longest head, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;
/// The most header fields.
pub(super) const FIELDS_MAX: usize = 64;
/// The methods by which a connection shows that it speaks HTTP.
const METHODS: [&[u8]; 9] =
    [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"TRACE ", b"PATCH "];
/// Where a WebSocket is opened.
const WEBSOCKET_PATH: &str = "/ws";

/// What the first bytes of a connection show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::net) enum Shown {
    /// A method of HTTP.
    Http,
    /// Lines.
    Lines,
    /// Too little has come.
    Unclear,
}

/// What these first bytes of a connection show.
pub(in crate::net) fn shown(bytes: &[u8]) -> Shown {
    if METHODS.iter().any(|method| bytes.starts_with(method)) {
        Shown::Http
    } else if METHODS.iter().any(|method| method.starts_with(bytes)) {
        Shown::Unclear
    } else {
        Shown::Lines
    }
}

/// How a request has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// As it is.
    Http,
    /// By TLS.
    Https,
    /// As it is, where TLS is demanded: it is sent to the same place by TLS.
    OnlyHttps,
}

/// Answers a head, as far as it has come. What comes behind it makes no difference.
#[must_use]
pub fn answer(head: &[u8], site: &Site, scheme: Scheme) -> Answer {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut request = Request::new(&mut fields);
    // No more is looked at than may be kept: so it makes no difference in what pieces it has come.
    let used = match request.parse(&head[..head.len().min(HEAD_BYTES_MAX)]) {
        Ok(Status::Partial) if head.len() < HEAD_BYTES_MAX => return Answer::Incomplete,
        Ok(Status::Complete(used)) => used,
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Response::closing(431, "Request Header Fields Too Large").reply(head.len());
        }
        Err(_) => return Response::closing(400, "Bad Request").reply(head.len()),
    };
    let answered = if target::path(&request) == WEBSOCKET_PATH && scheme != Scheme::OnlyHttps {
        upgrade::open(&request, site).map(|response| Answer::Upgrade(response, used))
    } else {
        file(&request, site, scheme).map(|response| response.reply(used))
    };
    answered.unwrap_or_else(|refusal| refusal.answering(request.method).reply(used))
}

/// What a peer is told whose head does not come to its end.
pub(in crate::net) fn too_slow() -> Bytes {
    Response::closing(408, "Request Timeout").into_bytes()
}

/// Answers a request for anything but a WebSocket.
fn file(request: &Request<'_, '_>, site: &Site, scheme: Scheme) -> Result<Response, Response> {
    match request.method {
        Some("GET" | "HEAD") => {}
        // Its body, if there is one, is not read: the connection ends.
        _ => return Err(Response::closing(405, "Method Not Allowed").with("Allow", "GET, HEAD")),
    }
    let bad = || Response::closing(400, "Bad Request");
    if has_body(request.headers) {
        return Err(bad());
    }
    let host = target::host(request).ok_or_else(bad)?;
    if !site.admits_host(host) {
        let text = "This server does not answer to this name. Its operator can add the name to web.hosts.\n";
        return Err(Response::closing(421, "Misdirected Request").text(text));
    }
    if scheme == Scheme::OnlyHttps {
        let path = Some(target::of(request).path).filter(|path| path.starts_with('/')).unwrap_or("/");
        let there = format!("https://{host}{path}");
        return Err(Response::closing(308, "Permanent Redirect").with("Location", &there));
    }
    let response = match site.files.find(target::path(request)) {
        Some(file) if is_known(request.headers, &file.etag) => Response::not_modified(&file),
        Some(file) => Response::file(file),
        None => Response::new(404, "Not Found"),
    };
    let response = if scheme == Scheme::Https { response.strictly_by_tls() } else { response };
    let ends = request.version != Some(1) || has_word(request.headers, "connection", "close");
    let response = if ends { response.ending() } else { response };
    Ok(response.answering(request.method))
}

/// Whether the client has this version already (RFC 9110, section 13.1.2).
fn is_known(fields: &[Header<'_>], etag: &str) -> bool {
    has_word(fields, "if-none-match", etag)
        || has_word(fields, "if-none-match", &format!("W/{etag}"))
        || has_word(fields, "if-none-match", "*")
}
