//! Local time: the zone that `TZ` or the system names, in whatever form (`Europe/Berlin`, `CET-1CEST,M3.5.0,M10.5.0/3`, a
//! zone file). Without one it is UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use stonechat_protocol::time::UnixMs;

/// A time zone.
#[derive(Debug)]
pub(crate) struct Zone(TimeZone);

/// A moment as a clock on the wall shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Local(DateTime);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of `TZ`, or of the system.
    pub(crate) fn system() -> Self {
        Self(TimeZone::system())
    }

    /// A moment as the wall clocks of this zone show it.
    pub(crate) fn local(&self, at: UnixMs) -> Local {
        // Beyond the years 9999 and -9999 nobody has said anything.
        let at = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
        Local(self.0.to_datetime(at))
    }
}

impl Local {
    /// `09:26`.
    pub(crate) fn clock(self) -> String {
        format!("{:02}:{:02}", self.0.hour(), self.0.minute())
    }

    /// `Saturday, 14 March 2026`.
    pub(crate) fn date(self) -> String {
        self.0.strftime("%A, %-d %B %Y").to_string()
    }

    /// Two messages with different days stand under different dates.
    pub(crate) fn day(self) -> Date {
        self.0.date()
    }
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
        assert_eq!(Zone::default().local(UnixMs(i64::MAX)).date(), "Thursday, 1 January 1970");
    }
}
