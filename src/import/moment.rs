//! When an offline message was said, out of what its sender's machine has written.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::clock::UnixMs;

/// Numbers below are seconds, not milliseconds: 100,000,000,000 seconds are the year 5138.
const MS_FROM: i64 = 100_000_000_000;

/// The zone in which the machines of those who wrote were.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    /// A zone by its name, like `Asia/Shanghai`, or a difference from UTC, like `+08:00`.
    ///
    /// # Errors
    /// A sentence about what it must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let zone = match offset(text) {
            Some(offset) => TimeZone::fixed(offset),
            None => TimeZone::get(text).map_err(|_| {
                format!(
                    "\"{text}\" is no time zone that this machine knows: write a name like Asia/Shanghai (the package tzdata has \
                     them), or a difference from UTC like +08:00"
                )
            })?,
        };
        Ok(Self { zone, name: text.to_owned() })
    }

    /// This machine's.
    #[must_use]
    pub(super) fn of_this_machine() -> Self {
        let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        let name = zone.iana_name().unwrap_or("this machine's").to_owned();
        Self { zone, name }
    }

    /// What it was called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The moment, if the text is one: `2023-03-12 10:00:01` or `20231107 18:05:01`, or a number of milliseconds or seconds.
    pub(super) fn moment(&self, text: &str) -> Option<UnixMs> {
        let text = text.trim();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number: i64 = text.parse().ok().filter(|number| *number > 0)?;
            return Some(UnixMs(if number < MS_FROM { number * 1000 } else { number }));
        }
        let (date, time) = text.split_once([' ', 'T'])?;
        let [year, month, day] = match date.split('-').collect::<Vec<_>>().as_slice() {
            [year, month, day] => [*year, *month, *day],
            [whole] if whole.len() == 8 && whole.is_ascii() => [&whole[..4], &whole[4..6], &whole[6..]],
            _ => return None,
        };
        let mut clock = time.trim_start().split(':');
        let (hour, minute, second) = (clock.next()?, clock.next()?, clock.next()?);
        let number = |text: &str| text.parse::<i8>().ok();
        let civil = DateTime::new(
            year.parse().ok()?,
            number(month)?,
            number(day)?,
            number(hour)?,
            number(minute)?,
            number(second)?,
            0,
        );
        let at = self.zone.to_timestamp(civil.ok()?).ok()?;
        (clock.next().is_none() && at.as_millisecond() >= 0).then(|| UnixMs(at.as_millisecond()))
    }
}

/// `+08:00`, `-0330`, `+8`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "0"),
    };
    let part = |text: &str, below: i32| text.parse::<i32>().ok().filter(|number| (0..below).contains(number));
    Offset::from_seconds(sign * (part(hours, 24)? * 3600 + part(minutes, 60)? * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &str, text: &str) -> Option<String> {
        Zone::parse(zone).unwrap().moment(text).map(|at| at.to_string())
    }

    #[test]
    fn local_times_are_those_of_the_zone() {
        let noon = Some("2023-03-12T02:00:01.000Z".to_owned());
        for zone in ["+08:00", "+0800", "+8"] {
            assert_eq!(at(zone, "2023-03-12 10:00:01"), noon);
            assert_eq!(at(zone, "20230312 10:00:01"), noon);
        }
        assert_eq!(at("-03:30", "2023-03-12 10:00:01").unwrap(), "2023-03-12T13:30:01.000Z");
        assert_eq!(at("UTC", "2023-03-12 10:00:01").unwrap(), "2023-03-12T10:00:01.000Z");
        assert!(Zone::parse("Asia/Shanghai").is_err() || at("Asia/Shanghai", "2023-03-12 10:00:01") == noon);
    }

    #[test]
    fn numbers_are_milliseconds_or_seconds() {
        assert_eq!(at("+08:00", "1703078264002").unwrap(), "2023-12-20T13:17:44.002Z");
        assert_eq!(at("+08:00", "1703078264").unwrap(), "2023-12-20T13:17:44.000Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "null",
            "yesterday",
            "2023-03-12",
            "2023-13-12 10:00:00",
            "2023-02-30 10:00:00",
            "0",
            "10:00:00",
            "20231107 18:05",
            "2023-03-12 10:00:00:00",
            "1900-01-01 00:00:00",
        ] {
            assert_eq!(at("UTC", text), None, "{text}");
        }
        for zone in ["", "+", "+25:00", "Middle/Earth", "+08:0x"] {
            assert!(Zone::parse(zone).is_err(), "{zone}");
        }
    }
}
