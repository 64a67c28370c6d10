//! The clients of five earlier chat systems, unchanged, on the port that everybody else uses: what they say is translated into requests
//! of ours, and our replies and pushes into what they understand, or into nothing.
//!
//! ```text
//!   net --objects--> Translated (net's Protocol) --our lines--> the Protocol within
//!                      Speech, one for each such connection:
//!                        Tongue: family (course, qq, cmf and their relatives), polaris, sponge
//!                        one object at a time, a gap apart; what the peer's TCP has counts as delivered
//! ```
//!
//! What the protocol within knows of it is what [`Host`] tells. docs/migrating.md says what these systems are; a further relative of
//! the course's program is a row in `relatives`.

mod family;
mod first;
mod fit;
mod polaris;
pub(crate) mod protocol;
mod relatives;
mod speech;
mod sponge;
mod tongue;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::relatives::Relative;
use crate::config::DialectSettings;
use crate::net::Protocol;
use crate::store::ClientDialect;
use crate::wire::ids::UserId;
use crate::wire::time::UnixMs;

/// What the dialects need of the protocol behind them.
pub(crate) trait Host: Protocol {
    /// The client has shown that it speaks a dialect: it may stand at its menu for long.
    fn speaks_dialect(&mut self, session: &mut Self::Session);

    /// What the account that is logged in was heard to speak before.
    fn remembered_dialect(&self, session: &Self::Session) -> Option<ClientDialect>;

    /// The account that is logged in speaks this dialect.
    fn remember_dialect(&mut self, session: &mut Self::Session, dialect: ClientDialect, now: Instant);

    /// So does this account, which the client has just made.
    fn remember_dialect_of(&mut self, user: UserId, dialect: ClientDialect, now: Instant);
}

/// How dialects are spoken.
#[derive(Debug)]
pub(crate) struct Rules {
    enabled: bool,
    /// What a login is taken for that could be of several.
    default: &'static Relative,
    /// Who is known besides.
    extra: Vec<&'static Relative>,
    /// Between two objects to one client.
    gap: Duration,
    /// In which the times of messages are shown.
    zone: TimeZone,
}

impl Rules {
    /// Rules after the settings.
    #[must_use]
    pub(crate) fn new(settings: &DialectSettings) -> Self {
        let DialectSettings { enabled, default, extra, gap } = settings;
        Self {
            enabled: *enabled,
            default: relatives::of(*default),
            extra: extra.iter().map(|one| relatives::of(*one)).collect(),
            gap: *gap,
            zone: TimeZone::system(),
        }
    }

    /// A moment as these clients write it: local time, to the second.
    fn time(&self, at: UnixMs) -> String {
        let at = Timestamp::from_millisecond(at.0).unwrap_or_default();
        at.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}
