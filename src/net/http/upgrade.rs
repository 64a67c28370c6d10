//! The opening handshake of a WebSocket (RFC 6455, section 4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use httparse::Request;
use sha1::{Digest, Sha1};

use super::fields::{are_lists, has_body, has_word, only};
use super::response::Response;
use super::site::Site;
use super::target;

/// What is appended to a client's key (RFC 6455, section 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Checks a request for a WebSocket; the response that opens it, or one that does not.
pub(super) fn open(request: &Request<'_, '_>, site: &Site) -> Result<Bytes, Response> {
    let bad = || Response::closing(400, "Bad Request");
    if request.method != Some("GET") {
        return Err(Response::closing(405, "Method Not Allowed").with("Allow", "GET"));
    }
    let host = target::host(request).ok_or_else(bad)?;
    let asks = has_word(request.headers, "upgrade", "websocket") && has_word(request.headers, "connection", "upgrade");
    if !asks || only(request.headers, "sec-websocket-version") != Some("13") {
        return Err(upgrade_required());
    }
    let key = only(request.headers, "sec-websocket-key").ok_or_else(bad)?;
    let is_well_formed = STANDARD.decode(key).map_or(0, |key| key.len()) == 16
        && are_lists(request.headers, "sec-websocket-protocol", is_token)
        && are_lists(request.headers, "sec-websocket-extensions", is_extension);
    // A body would be taken for frames.
    if request.version != Some(1) || !is_well_formed || has_body(request.headers) {
        return Err(bad());
    }
    // No origin: no browser.
    let origins = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case("origin")).count();
    let is_admitted = origins == 0
        || only(request.headers, "origin")
            .is_some_and(|origin| site.admits_host(host) && site.admits_origin(origin, host));
    if !is_admitted {
        return Err(Response::closing(403, "Forbidden"));
    }
    let accept = STANDARD.encode(Sha1::new().chain_update(key.as_bytes()).chain_update(KEY_SUFFIX).finalize());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Ok(response.into())
}

/// Says what is spoken here (RFC 6455, section 4.4, and RFC 9110, sections 7.8 and 15.5.22).
fn upgrade_required() -> Response {
    Response::closing(426, "Upgrade Required")
        .with("Connection", "upgrade")
        .with("Upgrade", "websocket")
        .with("Sec-WebSocket-Version", "13")
}

/// A word of HTTP (RFC 9110, section 5.6.2).
fn is_token(word: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !word.is_empty() && word.bytes().all(is_part)
}

/// An extension with its parameters (section 4.3). None is spoken here, but what is malformed must be refused.
fn is_extension(element: &str) -> bool {
    let mut parts = element.split(';').map(str::trim);
    parts.next().is_some_and(is_token) && parts.all(is_parameter)
}

/// A name, perhaps with a value. One in quotation marks is a token, too, without them and its backslashes; so it holds none of
/// the characters at which lists are cut.
fn is_parameter(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return is_token(parameter) };
    let value = value.trim();
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(|value| value.replace('\\', ""));
    is_token(name.trim()) && is_token(quoted.as_deref().unwrap_or(value))
}
