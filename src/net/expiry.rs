//! When a certificate expires, out of its bytes (X.509, in DER): what speaks TLS does not tell.
//!
//! ```text
//!   certificate { signed part { [version] serial algorithm issuer validity { not before, not after } ... } ... }
//! ```
//!
//! It is for a warning only. What cannot be read has no time, and is judged by whom it is shown to.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clock::UnixMs;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
/// A time with two digits for the year, and one with four.
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last moment at which the certificate is good; `None` where that cannot be read, or is no time that matters (9999).
pub(super) fn not_after(der: &[u8]) -> Option<UnixMs> {
    let mut signed = Elements(der).enter(SEQUENCE)?.enter(SEQUENCE)?;
    // The version may be left out; the serial number may not.
    if signed.next()?.0 == VERSION {
        signed.next()?;
    }
    let (_algorithm, _issuer) = (signed.next()?, signed.next()?);
    let mut validity = signed.enter(SEQUENCE)?;
    let (_not_before, not_after) = (validity.next()?, validity.next()?);
    moment(not_after)
}

/// What is left of a row of elements; each is a tag, a length and as many bytes.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, length], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            // The length stands in the bytes behind it.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// What is in the next element, which must have this tag.
    fn enter(&mut self, tag: u8) -> Option<Self> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| Self(content))
    }
}

/// `YYMMDDhhmmssZ`, or with all digits of the year; always UTC (RFC 5280, 4.1.2.5).
fn moment((tag, text): (u8, &[u8])) -> Option<UnixMs> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    let digits = match tag {
        UTC_TIME if digits.len() == 12 => format!("{}{digits}", if digits < "5" { "20" } else { "19" }),
        GENERALIZED_TIME if digits.len() == 14 => digits.to_owned(),
        _ => return None,
    };
    let number = |from: usize| digits[from..from + 2].parse::<i8>().ok();
    let year = digits[..4].parse().ok()?;
    let time = DateTime::new(year, number(4)?, number(6)?, number(8)?, number(10)?, number(12)?, 0).ok()?;
    Some(UnixMs(TimeZone::UTC.to_timestamp(time).ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(["chat.test".to_owned()]).unwrap();
        params.not_before = date_time_ymd(1999, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read_by_either_kind_of_time() {
        for year in [2019, 2026, 2049, 2050, 2100] {
            let told = not_after(&certificate(year)).unwrap().to_string();
            assert_eq!(told, format!("{year}-12-31T00:00:00.000Z"));
        }
        assert_eq!(moment((UTC_TIME, b"991231235959Z")).unwrap().to_string(), "1999-12-31T23:59:59.000Z");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = certificate(2050);
        for length in 0..whole.len() {
            // Only a certificate that is cut off behind its dates might tell them, and its lengths say that it is not whole.
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                other[at] = byte;
                let _time = not_after(&other);
            }
        }
        for odd in ["", "Z", "5012310000Z", "501331000000Z", "500230000000Z", "50123100000éZ", "501231000000+0100"] {
            assert_eq!(moment((UTC_TIME, odd.as_bytes())), None, "{odd}");
        }
        assert_eq!(moment((GENERALIZED_TIME, b"99991231235959Z")), None, "no end that matters");
    }
}
