//! Addresses as limits count them.

use std::net::IpAddr;

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
}
