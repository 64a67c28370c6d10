//! Source addresses: one address has some 28,000 ports, loopback has 16 million addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Hands out addresses of 127.0.0.0/8, each connection another, so that no pair of addresses runs out of ports, not
/// even by the minute that a closed connection keeps its own.
#[derive(Default, Debug)]
pub(crate) struct Sources {
    taken: u32,
}

impl Sources {
    /// Where the next connection to `target` comes from; `None` leaves it to the kernel: the target is no loopback.
    pub(crate) fn next(&mut self, target: SocketAddr) -> Option<SocketAddr> {
        let IpAddr::V4(address) = target.ip() else { return None };
        if !address.is_loopback() {
            return None;
        }
        let nth = self.taken;
        self.taken = self.taken.wrapping_add(1);
        let part = |number: u32| u8::try_from(number % 250).unwrap_or(0);
        let source = Ipv4Addr::new(127, 1 + part(nth / 62_500), part(nth / 250), 1 + part(nth));
        Some(SocketAddr::new(source.into(), 0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn many_connections_come_from_as_many_addresses() {
        let mut sources = Sources::default();
        let target = "127.0.0.1:8000".parse().unwrap();
        let found: HashSet<_> = (0..100_000).map(|_| sources.next(target).unwrap().ip()).collect();
        assert_eq!(found.len(), 100_000);
        assert!(found.iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn elsewhere_the_kernel_chooses() {
        assert_eq!(Sources::default().next("192.0.2.1:8000".parse().unwrap()), None);
        assert_eq!(Sources::default().next("[::1]:8000".parse().unwrap()), None);
    }
}
