//! The PROXY header: a verdict on some bytes does not change when more of them come, and enough of them decide.

use stonechat::net::proxy::{HEADER_BYTES_MAX, Parsed, parse};

/// The bytes are the beginning of a connection.
pub fn run(bytes: &[u8]) {
    let verdict = parse(bytes);
    match verdict {
        Parsed::Header { used, .. } => {
            assert!(used <= bytes.len() && used <= HEADER_BYTES_MAX);
            assert_eq!(parse(&bytes[..used]), verdict, "what follows the header does not matter");
            assert_eq!(parse(&bytes[..used - 1]), Parsed::Incomplete);
        }
        Parsed::Incomplete => assert!(bytes.len() < HEADER_BYTES_MAX, "enough bytes decide"),
        Parsed::Bad => {}
    }
    let half = &bytes[..bytes.len() / 2];
    if parse(half) != Parsed::Incomplete {
        assert_eq!(parse(half), verdict, "a verdict is final");
    }
}
