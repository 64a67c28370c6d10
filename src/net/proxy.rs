//! Reads the PROXY protocol header, versions 1 and 2, that a balancer puts ahead of a connection's bytes. Pure: bytes
//! in, verdict out; call again with more bytes after [`Parsed::Incomplete`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest version 1 header, its `\r\n` included (the specification's number).
const V1_BYTES_MAX: usize = 107;
/// The longest version 2 header taken: what fits into one segment of any network, as the specification asks of senders.
const V2_BYTES_MAX: usize = 536;
/// No header is longer.
pub const HEADER_BYTES_MAX: usize = V2_BYTES_MAX;

const V1_PREFIX: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length of the rest.
const V2_FIXED_BYTES: usize = 16;

const _: () = assert!(V1_BYTES_MAX <= HEADER_BYTES_MAX);

/// What the first bytes of a connection are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parsed {
    /// The beginning of a header.
    Incomplete,
    /// A whole header.
    Header {
        /// Who the client is.
        source: Source,
        /// How many bytes the header has; the client's own follow.
        used: usize,
    },
    /// No header.
    Bad,
}

/// What a header says about the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// Its address.
    Client(IpAddr),
    /// Nothing: the balancer speaks for itself (a health check) or does not know.
    Unknown,
}

/// Looks at all bytes received so far. Never `Incomplete` for [`HEADER_BYTES_MAX`] bytes or more.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    if begins(bytes, V1_PREFIX) {
        return parse_v1(bytes);
    }
    if begins(bytes, V2_SIGNATURE) {
        return parse_v2(bytes);
    }
    Parsed::Bad
}

/// Whether `bytes` begin with `mark`, as far as there are any.
fn begins(bytes: &[u8], mark: &[u8]) -> bool {
    let common = bytes.len().min(mark.len());
    bytes[..common] == mark[..common]
}

fn parse_v1(bytes: &[u8]) -> Parsed {
    let head = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        return if head.len() == V1_BYTES_MAX { Parsed::Bad } else { Parsed::Incomplete };
    };
    let Ok(text) = str::from_utf8(&head[..end]) else { return Parsed::Bad };
    match v1_source(text) {
        Some(source) => Parsed::Header { source, used: end + 2 },
        None => Parsed::Bad,
    }
}

/// The source of `PROXY TCP4 <source> <destination> <port> <port>`; `None` if it is malformed.
fn v1_source(text: &str) -> Option<Source> {
    let mut words = text.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Source::Unknown);
    }
    let (source, destination): (IpAddr, IpAddr) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let fits = match family {
        "TCP4" => source.is_ipv4() && destination.is_ipv4(),
        "TCP6" => source.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    let _ports: (u16, u16) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (fits && words.next().is_none()).then_some(Source::Client(source))
}

fn parse_v2(bytes: &[u8]) -> Parsed {
    let Some(fixed) = bytes.first_chunk::<V2_FIXED_BYTES>() else { return Parsed::Incomplete };
    let used = V2_FIXED_BYTES + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let (version, command) = (fixed[12] >> 4, fixed[12] & 0x0f);
    if version != 2 || command > 1 || used > V2_BYTES_MAX {
        return Parsed::Bad;
    }
    let Some(rest) = bytes.get(V2_FIXED_BYTES..used) else { return Parsed::Incomplete };
    if command == 0 {
        // LOCAL: the balancer's own connection, a health check.
        return Parsed::Header { source: Source::Unknown, used };
    }
    match v2_source(fixed[13] >> 4, rest) {
        Some(source) => Parsed::Header { source, used },
        None => Parsed::Bad,
    }
}

/// The source of an address block: source, destination, two ports, then extensions. `None` if it is too short.
fn v2_source(family: u8, block: &[u8]) -> Option<Source> {
    match family {
        1 => {
            let _whole = block.first_chunk::<12>()?;
            Some(Source::Client(Ipv4Addr::from(*block.first_chunk::<4>()?).into()))
        }
        2 => {
            let _whole = block.first_chunk::<36>()?;
            Some(Source::Client(Ipv6Addr::from(*block.first_chunk::<16>()?).into()))
        }
        // Unspecified, or a unix socket: no address that means anything here.
        0 | 3 => Some(Source::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [V2_SIGNATURE, &[0x20 | command, family], &length, block].concat()
    }

    fn header(source: Option<&str>, used: usize) -> Parsed {
        let source = source.map_or(Source::Unknown, |text| Source::Client(text.parse().unwrap()));
        Parsed::Header { source, used }
    }

    #[test]
    fn version_1() {
        let tcp4 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
        assert_eq!(parse(tcp4), header(Some("192.0.2.7"), tcp4.len()));
        assert_eq!(parse(&[tcp4, &b"{}\n"[..]].concat()), header(Some("192.0.2.7"), tcp4.len()));
        assert_eq!(parse(b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), header(Some("2001:db8::1"), 32));
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), header(None, 15));
        assert_eq!(parse(b"PROXY UNKNOWN whatever 1 2\r\n"), header(None, 28));
        for bad in [
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n",
            "PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n",
            "PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n",
            "PROXY \r\n",
            "{\"msgid\":17}\n",
        ] {
            assert_eq!(parse(bad.as_bytes()), Parsed::Bad, "{bad}");
        }
    }

    #[test]
    fn version_2() {
        let four = [192, 0, 2, 7, 198, 51, 100, 1, 0, 1, 0, 2];
        assert_eq!(parse(&v2(1, 0x11, &four)), header(Some("192.0.2.7"), 28));
        let with_extension = [&four[..], &[3, 0, 4, 1, 2, 3, 4]].concat();
        assert_eq!(parse(&v2(1, 0x11, &with_extension)), header(Some("192.0.2.7"), 35));
        let mut six = [0; 36];
        six[15] = 1;
        assert_eq!(parse(&v2(1, 0x21, &six)), header(Some("::1"), 52));
        assert_eq!(parse(&v2(0, 0, &[])), header(None, 16), "LOCAL");
        assert_eq!(parse(&v2(1, 0, &[])), header(None, 16), "unspecified");
        assert_eq!(parse(&v2(1, 0x11, &four[..11])), Parsed::Bad);
        assert_eq!(parse(&v2(2, 0x11, &four)), Parsed::Bad);
        assert_eq!(parse(&v2(1, 0x41, &four)), Parsed::Bad);
        assert_eq!(parse(&v2(1, 0x11, &[0; V2_BYTES_MAX])[..V2_FIXED_BYTES]), Parsed::Bad, "before it is buffered");
    }

    fn some_header() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n".to_vec()),
            Just(b"PROXY UNKNOWN\r\n".to_vec()),
            prop::collection::vec(any::<u8>(), 12..100).prop_map(|block| v2(1, 0x11, &block)),
            prop::collection::vec(any::<u8>(), 36..100).prop_map(|block| v2(1, 0x21, &block)),
        ]
    }

    proptest! {
        #[test]
        fn every_part_of_a_header_is_incomplete(header in some_header(), cut in any::<usize>()) {
            prop_assert_eq!(parse(&header[..cut % header.len()]), Parsed::Incomplete);
            let whole = parse(&header);
            let used = header.len();
            prop_assert!(matches!(whole, Parsed::Header { used: all, .. } if all == used), "{:?}", whole);
        }

        #[test]
        fn no_bytes_panic_and_enough_of_them_decide(
            kind in 0..3_usize,
            tail in prop::collection::vec(any::<u8>(), 0..700),
        ) {
            let bytes = [[&b""[..], V1_PREFIX, V2_SIGNATURE][kind], &tail].concat();
            let parsed = parse(&bytes);
            prop_assert!(bytes.len() < HEADER_BYTES_MAX || parsed != Parsed::Incomplete);
        }
    }
}
