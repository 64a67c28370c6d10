//! Addresses as limits count them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The bits above those of an IPv4 address: as a /64 they would be multicast, which nobody connects from.
const IPV4_MARK: u64 = 0xff << 56;

/// Whom a limit per address counts as one: an IPv4 address, or the /64 of an IPv6 address, which is what one customer of
/// a provider has at least. Eight bytes, for the tables are large.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AddressKey(u64);

impl AddressKey {
    /// The key of an address. An IPv4 address counts as itself, also in its IPv6 form.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IPV4_MARK | u64::from(address.to_bits()),
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).expect("64 bits are left"),
        })
    }

    /// The key as a number.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AddressKey {
    /// An IPv4 address, or the /64 of an IPv6 address: more is not kept of it. Loopback is what lies in the /64 that is all 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.0 ^ IPV4_MARK) {
            Ok(bits) => Ipv4Addr::from_bits(bits).fmt(f),
            Err(_) if self.0 == 0 => Ipv6Addr::LOCALHOST.fmt(f),
            Err(_) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(self.0) << 64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> AddressKey {
        AddressKey::of(address.parse().unwrap())
    }

    #[test]
    fn ipv6_counts_by_its_64_and_ipv4_by_the_address() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("192.0.2.7"), key("::ffff:192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
        assert_ne!(key("192.0.2.7"), key("::1"));
    }

    #[test]
    fn a_key_is_told_as_what_is_known_of_the_address() {
        for (address, told) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("0.0.0.1", "0.0.0.1"),
            ("2001:db8:1:2:3::1", "2001:db8:1:2::/64"),
            ("::1", "::1"),
        ] {
            assert_eq!(key(address).to_string(), told);
        }
    }
}
