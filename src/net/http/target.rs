//! What a request asks for, and of whom.

use std::net::Ipv6Addr;

use httparse::Request;

use super::fields::only;

/// What a request asks for.
pub(super) struct Target<'a> {
    /// The host, where the request names one with it: `GET http://host/path`, as to a proxy.
    host: Option<&'a str>,
    /// The path with its query.
    pub(super) path: &'a str,
}

/// Every server takes both forms (RFC 9112, section 3.2).
pub(super) fn of<'a>(request: &Request<'_, 'a>) -> Target<'a> {
    let target = request.path.unwrap_or_default();
    let is_http = |(scheme, _): &(&str, &str)| ["http", "https"].iter().any(|own| scheme.eq_ignore_ascii_case(own));
    let Some((_, rest)) = target.split_once("://").filter(is_http) else { return Target { host: None, path: target } };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // A query alone stands for one of the root, which is no file: nothing is lost with it.
    Target { host: Some(host), path: if path.starts_with('/') { path } else { "/" } }
}

/// The path without its query.
pub(super) fn path<'a>(request: &Request<'_, 'a>) -> &'a str {
    of(request).path.split('?').next().unwrap_or_default()
}

/// The host that a request is meant for. `None`: it does not say, or what it says is no host.
pub(super) fn host<'a>(request: &Request<'_, 'a>) -> Option<&'a str> {
    let field = only(request.headers, "host")?;
    // One that stands in the target holds, and the field does not (RFC 9112, section 3.2.2).
    Some(of(request).host.unwrap_or(field)).filter(|host| is_host(host))
}

/// Whether this is a name or an address, an IPv6 one in brackets, perhaps with a port (RFC 9110, section 7.2).
fn is_host(host: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (is_name, port) = if let Some((address, port)) = bracketed {
        (address.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
        (!name.is_empty() && name.bytes().all(is_part), port)
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    is_name && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}
