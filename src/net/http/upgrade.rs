//! The opening handshake of a WebSocket (RFC 6455, section 4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use httparse::Request;
use sha1::{Digest, Sha1};

use super::fields::{has_word, only};
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
    let upgrade_required = || Response::closing(426, "Upgrade Required");
    if !has_word(request.headers, "upgrade", "websocket") || !has_word(request.headers, "connection", "upgrade") {
        return Err(upgrade_required().with("Upgrade", "websocket"));
    }
    if only(request.headers, "sec-websocket-version") != Some("13") {
        return Err(upgrade_required().with("Sec-WebSocket-Version", "13"));
    }
    let key = only(request.headers, "sec-websocket-key").ok_or_else(bad)?;
    if request.version != Some(1) || STANDARD.decode(key).map_or(0, |key| key.len()) != 16 {
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
