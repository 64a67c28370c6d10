//! Lists of addresses and networks, `127.0.0.0/8, ::1`, and of hosts and origins.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Entries of a list: each connection is compared with all of them.
const NETWORKS_MAX: usize = 256;

/// Reads a list with commas between its entries, in lower case; `None` if an entry does not fit, or there are too many.
fn list(text: &str, fits: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let entries: Vec<String> = text.split(',').map(|entry| entry.trim().to_ascii_lowercase()).collect();
    (entries.len() <= NETWORKS_MAX && entries.iter().all(|entry| fits(entry))).then_some(entries)
}

/// Whether it is a host, with a port perhaps: no path, no blank, nothing that an origin does not have.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

/// Origins of web pages: a scheme and a host.
pub(super) fn origins(text: &str) -> Option<Vec<String>> {
    let is_origin =
        |entry: &str| entry.split_once("://").is_some_and(|(scheme, host)| is_scheme(scheme) && is_host(host));
    list(text, is_origin)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Names of hosts, without ports.
pub(super) fn hosts(text: &str) -> Option<Vec<String>> {
    list(text, |entry| is_host(entry) && !entry.contains([':', '[', ']']))
}

/// Addresses with the same first bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().map_err(|_| ())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(bits_max);
        if bits > bits_max { Err(()) } else { Ok(Self { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, bits } = self;
        let is_one = *bits == if address.is_ipv4() { 32 } else { 128 };
        if is_one { write!(f, "{address}") } else { write!(f, "{address}/{bits}") }
    }
}

/// A list of addresses and networks, with at least one entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// This machine.
    #[must_use]
    pub fn loopback() -> Self {
        let network = |address: [u8; 4], bits| Network { address: address.into(), bits };
        Self(vec![
            network([127, 0, 0, 0], 8),
            Network { address: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), bits: 128 },
        ])
    }

    /// Whether the address is in one of them. An IPv4 address counts as itself, also in its IPv6 form.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// Reads a list with commas between its entries; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let networks: Option<Vec<Network>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        networks.filter(|networks| networks.len() <= NETWORKS_MAX).map(Self)
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(list: &str, address: &str) -> bool {
        Networks::parse(list).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn networks_contain_what_has_their_first_bits() {
        assert!(contains("10.1.0.0/16", "10.1.255.7"));
        assert!(!contains("10.1.0.0/16", "10.2.0.0"));
        assert!(contains("10.1.2.3/16", "10.1.9.9"), "bits behind the prefix do not count");
        assert!(contains("10.1.2.3", "10.1.2.3") && !contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("10.1.2.3", "::ffff:10.1.2.3"));
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "2001:db8::1") && !contains("::/0", "10.0.0.1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1") && !contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("192.0.2.1 ,::1", "::1"));
    }

    #[test]
    fn a_list_is_shown_as_it_is_read() {
        let text = "127.0.0.0/8, ::1";
        assert_eq!(Networks::loopback().to_string(), text);
        assert_eq!(Networks::parse(text), Some(Networks::loopback()));
        for bad in ["", ",", "127.0.0.1,", "10.0.0.0/33", "::1/129", "10.0.0.0/-1", "10.0.0.0/", "localhost", "1.2.3"] {
            assert_eq!(Networks::parse(bad), None, "{bad}");
        }
    }
}
