//! Local time without a library: the offset from UTC as the system's zone file tells it.
//!
//! Reads the 64-bit part of a TZif file (RFC 9636): moments at which the offset changes. Moments beyond its last entry get
//! the last offset; without a readable file it is UTC.

use std::fs;
use std::path::PathBuf;

use stonechat::clock::UnixMs;

/// The offsets of a time zone.
#[derive(Debug, Default)]
pub(crate) struct Zone {
    /// Moments in seconds since 1970, ascending, and the offset in seconds from then on.
    changes: Vec<(i64, i32)>,
    /// Before the first change.
    first: i32,
}

/// A moment as a clock on the wall shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Local {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    /// Days since 1970-01-01.
    pub(crate) days: i64,
}

impl Zone {
    /// The zone of `TZ`, or of the system.
    pub(crate) fn system() -> Self {
        let named = std::env::var("TZ").ok().map(|name| name.trim_start_matches(':').to_owned());
        let path = match named {
            Some(name) if name.starts_with('/') => PathBuf::from(name),
            Some(name) => PathBuf::from("/usr/share/zoneinfo").join(name),
            None => PathBuf::from("/etc/localtime"),
        };
        fs::read(path).ok().and_then(|bytes| Self::parse(&bytes)).unwrap_or_default()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let first = Header::parse(bytes)?;
        let second = bytes.get(44 + first.body(4)..)?;
        let header = Header::parse(second)?;
        let times = second.get(44..44 + header.times * 8)?;
        let rest = second.get(44 + header.times * 8..)?;
        let (indexes, types) = (rest.get(..header.times)?, rest.get(header.times..header.times + header.types * 6)?);
        let offset = |index: usize| -> Option<i32> {
            Some(i32::from_be_bytes(types.get(index * 6..index * 6 + 4)?.try_into().ok()?))
        };
        let mut changes = Vec::with_capacity(header.times);
        for (time, index) in times.chunks_exact(8).zip(indexes) {
            changes.push((i64::from_be_bytes(time.try_into().ok()?), offset(usize::from(*index))?));
        }
        Some(Self { changes, first: offset(0)? })
    }

    /// A moment as the wall clocks of this zone show it.
    pub(crate) fn local(&self, at: UnixMs) -> Local {
        let utc = at.0.div_euclid(1000);
        let after = self.changes.partition_point(|(from, _)| *from <= utc);
        let offset = after.checked_sub(1).map_or(self.first, |last| self.changes[last].1);
        let seconds = utc + i64::from(offset);
        let days = seconds.div_euclid(86_400);
        let (year, month, day) = civil(days);
        let of_day = seconds.rem_euclid(86_400);
        Local { year, month, day, hour: of_day / 3600, minute: of_day / 60 % 60, days }
    }
}

impl Local {
    /// `09:26`.
    pub(crate) fn clock(&self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }

    /// `Saturday, 14 March 2026`.
    pub(crate) fn date(&self) -> String {
        const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let name = |names: &[&'static str], index: i64| names[usize::try_from(index).unwrap_or(0) % names.len()];
        let weekday = name(&WEEKDAYS, self.days.rem_euclid(7));
        format!("{weekday}, {} {} {}", self.day, name(&MONTHS, self.month - 1), self.year)
    }
}

/// What the header of a TZif part counts.
struct Header {
    times: usize,
    types: usize,
    rest: [usize; 4],
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(b"TZif") {
            return None;
        }
        let count = |at: usize| -> Option<usize> {
            let number = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            // No zone file counts higher; a damaged one must not overflow the sums.
            usize::try_from(number).ok().filter(|number| *number < 1 << 20)
        };
        Some(Self { times: count(32)?, types: count(36)?, rest: [count(20)?, count(24)?, count(28)?, count(40)?] })
    }

    /// The bytes after the header when a moment takes `width`.
    fn body(&self, width: usize) -> usize {
        let [utc_flags, standard_flags, leaps, characters] = self.rest;
        self.times * (width + 1) + self.types * 6 + characters + leaps * (width + 4) + standard_flags + utc_flags
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_date_and_time_in_utc() {
        let local = Zone::default().local(UnixMs(1_773_480_413_589));
        assert_eq!((local.date().as_str(), local.clock().as_str()), ("Saturday, 14 March 2026", "09:26"));
        assert_eq!(Zone::default().local(UnixMs(-1)).date(), "Wednesday, 31 December 1969");
        assert_eq!(Zone::default().local(UnixMs(951_782_400_000)).date(), "Tuesday, 29 February 2000");
    }

    #[test]
    fn offsets_change_when_the_file_says_so() {
        let header = |times: u8, types: u8| {
            let mut header = b"TZif2".to_vec();
            header.resize(44, 0);
            (header[35], header[39]) = (times, types);
            header
        };
        let mut file = header(0, 0);
        file.extend(header(1, 2));
        file.extend(1_000_000_i64.to_be_bytes());
        file.push(1);
        file.extend([0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0x1c, 0x20, 1, 0]);
        let zone = Zone::parse(&file).unwrap();
        assert_eq!(zone.local(UnixMs(999_999_000)).clock(), "14:46", "an hour before the change");
        assert_eq!(zone.local(UnixMs(1_000_000_000)).clock(), "15:46");
        for end in 0..file.len() {
            assert!(Zone::parse(&file[..end]).is_none(), "cut off at {end}");
        }
    }
}
