//! Where the server is and how it is spoken to, as people write it.

use std::fmt;

/// Where a server listens unless it is told otherwise. TLS and plain lines share the port.
const PORT: u16 = 8000;

/// How the lines travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    /// As they are, over TCP.
    Plain,
    /// Within TLS.
    Tls,
}

/// A server's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    pub(crate) transport: Transport,
    /// `host:port`; an IPv6 address stands in brackets.
    pub(crate) place: String,
}

impl Address {
    /// Reads `HOST[:PORT]` or `tls://HOST[:PORT]`.
    ///
    /// # Errors
    /// It begins with another scheme; the text says what to write.
    pub(crate) fn parse(server: &str) -> Result<Self, String> {
        let server = server.trim();
        let (transport, place) = match server.split_once("://") {
            None => (Transport::Plain, server),
            Some((scheme, place)) if scheme.eq_ignore_ascii_case("tls") => {
                (Transport::Tls, place.strip_suffix('/').unwrap_or(place))
            }
            Some((scheme, _)) => {
                return Err(format!(
                    "{server}: {scheme}:// is not spoken here; write tls://HOST[:PORT] for TLS, or HOST[:PORT] for plain \
                     lines"
                ));
            }
        };
        if place.is_empty() {
            return Err(format!("{server}: the host is missing; write tls://HOST[:PORT]"));
        }
        Ok(Self { transport, place: with_port(place) })
    }

    /// The host as a certificate names it: without the port, and without brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.place.rsplit_once(':').map_or(self.place.as_str(), |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Plain => f.write_str(&self.place),
            Transport::Tls => write!(f, "tls://{}", self.place),
        }
    }
}

/// `host:port`, with the usual port where none was given: `chat.example.org`, `127.0.0.1`, `[::1]`, `::1`.
fn with_port(server: &str) -> String {
    let is_bare_ipv6 = server.parse::<std::net::Ipv6Addr>().is_ok();
    if is_bare_ipv6 {
        return format!("[{server}]:{PORT}");
    }
    let behind_host = server.rsplit_once(']').map_or(server, |(_, behind)| behind);
    match behind_host.rsplit_once(':') {
        Some((_, "")) => format!("{server}{PORT}"),
        Some(_) => server.to_owned(),
        None => format!("{server}:{PORT}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_8000_where_none_is_given() {
        for (written, place, host) in [
            ("chat.example.org", "chat.example.org:8000", "chat.example.org"),
            ("chat.example.org:9", "chat.example.org:9", "chat.example.org"),
            ("chat.example.org:", "chat.example.org:8000", "chat.example.org"),
            (" 127.0.0.1 ", "127.0.0.1:8000", "127.0.0.1"),
            ("127.0.0.1:8000", "127.0.0.1:8000", "127.0.0.1"),
            ("::1", "[::1]:8000", "::1"),
            ("[::1]", "[::1]:8000", "::1"),
            ("[::1]:9", "[::1]:9", "::1"),
            ("fe80::1", "[fe80::1]:8000", "fe80::1"),
        ] {
            let plain = Address { transport: Transport::Plain, place: place.to_owned() };
            assert_eq!(Address::parse(written), Ok(plain.clone()), "{written}");
            assert_eq!(plain.to_string(), place);
            let tls = Address { transport: Transport::Tls, ..plain };
            assert_eq!(Address::parse(&format!("tls://{}", written.trim())), Ok(tls.clone()), "tls://{written}");
            assert_eq!(tls.host(), host);
            assert_eq!(tls.to_string(), format!("tls://{place}"));
        }
    }

    #[test]
    fn tls_is_the_only_scheme() {
        let tls = Address { transport: Transport::Tls, place: "h:8000".to_owned() };
        assert_eq!(Address::parse("TLS://h/"), Ok(tls));
        for written in ["wss://h", "https://h:443", "tcp://h", "tls://"] {
            let error = Address::parse(written).unwrap_err();
            assert!(error.contains(written) && error.contains("tls://HOST[:PORT]"), "{error}");
        }
    }
}
