//! Keys of what becomes of messages and names, of the database, and of the log.

use std::time::Duration;

use super::super::kind::{Kind, Named};
use super::super::logs::{LogFormat, LogLevel};
use super::super::settings::{DAY, Relative, Synchronous};
use super::{Key, TakesEffect, count, narrow, none_is_0, seconds, unless_0, wide};

/// The longest time that a message may be changeable, in seconds: ten years. Who wants more says 0.
const MESSAGE_AGE_MAX: u64 = 315_360_000;

/// In the order in which they are listed.
pub(super) static KEYS: &[Key] = &[
    Key {
        name: "messages.edit_seconds",
        meaning: "How long the author of a message may edit it or take it back. 0: for ever",
        takes_effect: TakesEffect::AtReload,
        kind: seconds(
            0,
            MESSAGE_AGE_MAX,
            |c| c.messages.edit.map_or(0, |time| time.as_secs()),
            |c, n| c.messages.edit = (n > 0).then(|| Duration::from_secs(n)),
        ),
    },
    Key {
        name: "search.rows",
        meaning: "Messages that one SEARCH looks at, at most; its reply says where to go on",
        takes_effect: TakesEffect::AtReload,
        kind: count("messages", 100, 1_000_000, |c| c.search.rows.into(), |c, n| c.search.rows = narrow(n)),
    },
    Key {
        name: "search.bytes",
        meaning: "Bytes of messages that one SEARCH looks at, at most",
        takes_effect: TakesEffect::AtReload,
        kind: count("bytes", 65_536, 1 << 30, |c| wide(c.search.bytes), |c, n| c.search.bytes = narrow(n)),
    },
    Key {
        name: "dialects.enabled",
        meaning: "Whether the unchanged clients of five earlier chat systems are understood, see docs/migrating.md",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Switch { get: |c| c.dialects.enabled, set: |c, on| c.dialects.enabled = on },
    },
    Key {
        name: "dialects.default",
        meaning: "What a login is taken for that could come from several of their programs, until the client or its account shows more",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Choice {
            words: Relative::words,
            get: |c| c.dialects.default.word(),
            set: |c, word| c.dialects.default.become_named(word),
        },
    },
    Key {
        name: "dialects.extra",
        meaning: "Further relatives of the course's program that are understood",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Relatives { get: |c| &c.dialects.extra, set: |c, all| c.dialects.extra = all },
    },
    Key {
        name: "dialects.gap_ms",
        meaning: "Between two messages to such a client: it takes what it reads at once for one",
        takes_effect: TakesEffect::AtStart,
        kind: count(
            "milliseconds",
            1,
            1_000,
            |c| u64::try_from(c.dialects.gap.as_millis()).unwrap_or(u64::MAX),
            |c, n| c.dialects.gap = Duration::from_millis(n),
        ),
    },
    Key {
        name: "names.hold_days",
        meaning: "How long a name that a user or a group has given up is kept from all others: nobody is taken for somebody \
                  else. 0: it is free at once",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "days",
            0,
            36_500,
            |c| c.names_held.map_or(0, |held| held.as_secs() / DAY),
            |c, n| c.names_held = (n > 0).then(|| Duration::from_secs(n * DAY)),
        ),
    },
    Key {
        name: "retention.days",
        meaning: "How long messages are kept, where an administrator has not set another time for the group: what is older is \
                  removed in the background. 0: for ever",
        takes_effect: TakesEffect::AtReload,
        kind: count("days", 0, 36_500, |c| none_is_0(c.retention_days), |c, n| c.retention_days = unless_0(n)),
    },
    Key {
        name: "store.timeout_ms",
        meaning: "How long one call of the database may take before the request fails with errno 503",
        takes_effect: TakesEffect::AtStart,
        kind: count(
            "milliseconds",
            10,
            600_000,
            |c| u64::try_from(c.store.timeout.as_millis()).unwrap_or(u64::MAX),
            |c, n| c.store.timeout = Duration::from_millis(n),
        ),
    },
    Key {
        name: "store.pool",
        meaning: "Connections to the database in all",
        takes_effect: TakesEffect::AtStart,
        kind: count("connections", 5, 1_000, |c| wide(c.store.pool), |c, n| c.store.pool = narrow(n)),
    },
    Key {
        name: "sqlite.synchronous",
        meaning: "full: what is acknowledged is on the disk. normal: faster, but a power failure may lose \
                  acknowledged messages",
        takes_effect: TakesEffect::AtStart,
        kind: Kind::Choice {
            words: Synchronous::words,
            get: |c| c.sqlite_synchronous.word(),
            set: |c, word| c.sqlite_synchronous.become_named(word),
        },
    },
    Key {
        name: "log.level",
        meaning: "What is logged: this and what is more serious. Where the variable RUST_LOG is set, that counts instead",
        takes_effect: TakesEffect::AtReload,
        kind: Kind::Choice {
            words: LogLevel::words,
            get: |c| c.log.level.word(),
            set: |c, word| c.log.level.become_named(word),
        },
    },
    Key {
        name: "log.slow_ms",
        meaning: "What takes longer is logged, at warn and ten lines a second at most: requests, from their line to their \
                  reply, and what the node itself asks of the database. 0: nothing is",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "milliseconds",
            0,
            600_000,
            |c| c.log.slow.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            |c, n| c.log.slow = (n > 0).then(|| Duration::from_millis(n)),
        ),
    },
    Key {
        name: "log.format",
        meaning: "How: text (time, level, message), json (an object per line: time, level, target, message)",
        takes_effect: TakesEffect::AtReload,
        kind: Kind::Choice {
            words: LogFormat::words,
            get: |c| c.log.format.word(),
            set: |c, word| c.log.format.become_named(word),
        },
    },
];
