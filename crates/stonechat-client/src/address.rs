//! Where the server is, as people write it.

/// Where a server listens unless it is told otherwise.
const PORT: u16 = 8000;

/// `host:port`, with the usual port where none was given: `chat.example.org`, `127.0.0.1`, `[::1]`, `::1`.
pub(crate) fn with_port(server: &str) -> String {
    let server = server.trim();
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
        for (written, meant) in [
            ("chat.example.org", "chat.example.org:8000"),
            ("chat.example.org:9", "chat.example.org:9"),
            ("chat.example.org:", "chat.example.org:8000"),
            (" 127.0.0.1 ", "127.0.0.1:8000"),
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("::1", "[::1]:8000"),
            ("[::1]", "[::1]:8000"),
            ("[::1]:9", "[::1]:9"),
            ("fe80::1", "[fe80::1]:8000"),
        ] {
            assert_eq!(with_port(written), meant, "{written}");
        }
    }
}
