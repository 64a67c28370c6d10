//! What browsers find at this server, and which of them may come.

use std::net::IpAddr;

use super::files::Files;

/// What browsers find here, and which of them may come.
#[derive(Debug, Default)]
pub struct Site {
    /// Origins of pages that may open a WebSocket, beside the server's own (`https://chat.example.org`), in lower case.
    pub origins: Vec<String>,
    /// Names under which browsers may come beside literal addresses and `localhost`, in lower case: otherwise the owner of
    /// any name could have it lead here, and a page of that name would count as the server's own.
    pub hosts: Vec<String>,
    /// The web client.
    pub files: Files,
}

impl Site {
    pub(super) fn admits_host(&self, host: &str) -> bool {
        let name = name_of(host);
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        let of_origin = |origin: &String| origin.split_once("://").is_some_and(|(_, rest)| name_of(rest) == name);
        is_address || name == "localhost" || self.hosts.contains(&name) || self.origins.iter().any(of_origin)
    }

    pub(super) fn admits_origin(&self, origin: &str, host: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let is_own = origin.split_once("://").is_some_and(|(_, rest)| rest == host.to_ascii_lowercase());
        is_own || self.origins.contains(&origin)
    }
}

/// A host without its port, in lower case.
fn name_of(host: &str) -> String {
    let name = match (host.starts_with('['), host.rfind(':')) {
        (true, _) => host.split_inclusive(']').next().unwrap_or(host),
        (false, Some(colon)) => &host[..colon],
        (false, None) => host,
    };
    name.to_ascii_lowercase()
}
