//! Keys of `limits` and `quota`: what a connection, an account, or an address may take of the server.

use std::time::Duration;

use super::super::settings::MESSAGE_BYTES_MAX;
use super::{Key, TakesEffect, count, narrow, none_is_0, seconds, unless_0, wide};

/// The largest quota: beyond it, counting the rows takes longer than a request may.
const QUOTA_MAX: u64 = 10_000_000;

/// In the order in which they are listed.
pub(super) static KEYS: &[Key] = &[
    Key {
        name: "limits.line_bytes",
        meaning: "The longest line a client may send, without its line end; a longer one closes the connection",
        takes_effect: TakesEffect::AtReload,
        kind: count("bytes", 256, 16_777_216, |c| wide(c.limits.line_bytes), |c, n| c.limits.line_bytes = narrow(n)),
    },
    Key {
        name: "limits.message_bytes",
        meaning: "The longest msg (its text in UTF-8) and the longest ext (its JSON)",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "bytes",
            1,
            MESSAGE_BYTES_MAX,
            |c| wide(c.limits.message_bytes),
            |c, n| c.limits.message_bytes = narrow(n),
        ),
    },
    Key {
        name: "limits.outbox_bytes",
        meaning: "What may wait in memory for a client that reads slowly; the messages beyond it are read from the \
                  database when the client has room for them",
        takes_effect: TakesEffect::AtReload,
        kind: count("bytes", 1_024, 1 << 30, |c| wide(c.limits.outbox_bytes), |c, n| c.limits.outbox_bytes = narrow(n)),
    },
    Key {
        name: "limits.stall_seconds",
        meaning: "A client that takes nothing of what waits for it for so long is disconnected, and finds its messages \
                  when it comes back. 0: never",
        takes_effect: TakesEffect::AtReload,
        kind: seconds(
            0,
            86_400,
            |c| c.limits.stall.map_or(0, |time| time.as_secs()),
            |c, n| c.limits.stall = (n > 0).then(|| Duration::from_secs(n)),
        ),
    },
    Key {
        name: "limits.inflight",
        meaning: "Chat messages of one connection that may wait for their acknowledgement; beyond it the server \
                  stops reading that connection for a while",
        takes_effect: TakesEffect::AtReload,
        kind: count("messages", 1, 65_536, |c| wide(c.limits.inflight), |c, n| c.limits.inflight = narrow(n)),
    },
    Key {
        name: "limits.login_seconds",
        meaning: "How long a connection may stay without a session. 0: for ever",
        takes_effect: TakesEffect::AtReload,
        kind: seconds(
            0,
            86_400,
            |c| c.limits.login.map_or(0, |time| time.as_secs()),
            |c, n| c.limits.login = (n > 0).then(|| Duration::from_secs(n)),
        ),
    },
    Key {
        name: "limits.silent_seconds",
        meaning: "The same for a connection on which nothing has come yet, or a client of an earlier system: it connects at once, \
                  and its user stands at a menu. 0: for ever. Without dialects.enabled it holds for nobody. When nine tenths of \
                  limits.connections are open, those go, the oldest first, that are silent for longer than login_seconds",
        takes_effect: TakesEffect::AtReload,
        kind: seconds(
            0,
            86_400,
            |c| c.limits.silent.map_or(0, |time| time.as_secs()),
            |c, n| c.limits.silent = (n > 0).then(|| Duration::from_secs(n)),
        ),
    },
    Key {
        name: "limits.silent_per_address",
        meaning: "For how many connections of one address that holds; others have login_seconds. 0: for all",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "connections",
            0,
            1_000_000,
            |c| none_is_0(c.limits.silent_per_address),
            |c, n| c.limits.silent_per_address = unless_0(n),
        ),
    },
    Key {
        name: "limits.messages_per_second",
        meaning: "How many lines an account may send a second, whatever its sessions, with bursts of five times as \
                  much; likewise all connections of an address on which nobody is logged in. Beyond it the server \
                  reads more slowly. Long lists and pages count as up to ten lines. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "lines",
            0,
            1_000_000,
            |c| c.limits.messages_per_second.unwrap_or(0).into(),
            |c, n| c.limits.messages_per_second = (n > 0).then(|| narrow(n)),
        ),
    },
    Key {
        name: "limits.logins_per_minute",
        meaning: "How many wrong passwords for one account may come from one address before logins by password from \
                  there must wait: a minute, and after each further one twice as long. A login with a valid token \
                  never waits. 0: no limit on failed logins",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "failed logins",
            0,
            1_000_000,
            |c| c.limits.logins_per_minute.unwrap_or(0).into(),
            |c, n| c.limits.logins_per_minute = (n > 0).then(|| narrow(n)),
        ),
    },
    Key {
        name: "limits.registrations_per_minute",
        meaning: "New accounts from one address; beyond it REGISTER is refused with errno 429 and the time to wait. \
                  0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "accounts",
            0,
            1_000_000,
            |c| c.limits.registrations_per_minute.unwrap_or(0).into(),
            |c, n| c.limits.registrations_per_minute = (n > 0).then(|| narrow(n)),
        ),
    },
    Key {
        name: "limits.anonymous_per_address",
        meaning: "Connections of one address on which nobody is logged in, and never more than half of all \
                  connections; a further one is closed with errno 429. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "connections",
            0,
            1_000_000,
            |c| c.limits.anonymous_per_address.unwrap_or(0).into(),
            |c, n| c.limits.anonymous_per_address = (n > 0).then(|| narrow(n)),
        ),
    },
    Key {
        name: "limits.connections",
        meaning: "Clients at once; less where the limit of open files (ulimit -n) allows less",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "connections",
            1,
            10_000_000,
            |c| wide(c.limits.connections),
            |c, n| c.limits.connections = narrow(n),
        ),
    },
    Key {
        name: "limits.offline_messages",
        meaning: "How many pending messages the login reply carries; the rest follows as ordinary pushes",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "messages",
            1,
            10_000,
            |c| c.limits.offline_messages.into(),
            |c, n| c.limits.offline_messages = narrow(n),
        ),
    },
    Key {
        name: "quota.friends",
        meaning: "Friends of a user. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count("friends", 0, QUOTA_MAX, |c| none_is_0(c.quota.friends), |c, n| c.quota.friends = unless_0(n)),
    },
    Key {
        name: "quota.friend_requests",
        meaning: "Friend requests that a user has sent and that are not answered; as many invitations to groups, and as many \
                  wishes to join one. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "friend requests",
            0,
            QUOTA_MAX,
            |c| none_is_0(c.quota.friend_requests),
            |c, n| c.quota.friend_requests = unless_0(n),
        ),
    },
    Key {
        name: "quota.groups_joined",
        meaning: "Groups that a user is in. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "groups",
            0,
            QUOTA_MAX,
            |c| none_is_0(c.quota.groups_joined),
            |c, n| c.quota.groups_joined = unless_0(n),
        ),
    },
    Key {
        name: "quota.groups_created",
        meaning: "Groups that a user has created and not deleted. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "groups",
            0,
            QUOTA_MAX,
            |c| none_is_0(c.quota.groups_created),
            |c, n| c.quota.groups_created = unless_0(n),
        ),
    },
    Key {
        name: "quota.group_members",
        meaning: "Members of a group. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "members",
            0,
            QUOTA_MAX,
            |c| none_is_0(c.quota.group_members),
            |c, n| c.quota.group_members = unless_0(n),
        ),
    },
    Key {
        name: "quota.bans",
        meaning: "Users who are banned from a group. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count("bans", 0, QUOTA_MAX, |c| none_is_0(c.quota.bans), |c, n| c.quota.bans = unless_0(n)),
    },
    Key {
        name: "quota.devices",
        meaning: "Named devices of a user; the one used longest ago makes room for a new one. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count("devices", 0, QUOTA_MAX, |c| none_is_0(c.quota.devices), |c, n| c.quota.devices = unless_0(n)),
    },
    Key {
        name: "quota.tokens",
        meaning: "Tokens of a user, of which each login with a password makes one; the one used longest ago makes room for a new \
                  one. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count("tokens", 0, QUOTA_MAX, |c| none_is_0(c.quota.tokens), |c, n| c.quota.tokens = unless_0(n)),
    },
    Key {
        name: "quota.reactions",
        meaning: "Different reactions to one message. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count("reactions", 0, 1_000, |c| none_is_0(c.quota.reactions), |c, n| c.quota.reactions = unless_0(n)),
    },
    Key {
        name: "quota.blocks",
        meaning: "Users whom a user has blocked. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count("users", 0, QUOTA_MAX, |c| none_is_0(c.quota.blocks), |c, n| c.quota.blocks = unless_0(n)),
    },
    Key {
        name: "quota.accounts_per_day",
        meaning: "New accounts from one address within a day. 0: no limit",
        takes_effect: TakesEffect::AtReload,
        kind: count(
            "accounts",
            0,
            1_000_000,
            |c| none_is_0(c.quota.accounts_per_day),
            |c, n| c.quota.accounts_per_day = unless_0(n),
        ),
    },
];
