//! What the settings `quota.*` mean to the store, and what a user is told when one is used up.

use std::time::Duration;

use crate::config;
use crate::store::{Quota, Quotas, UserQuota};

/// The quotas that the store holds to.
pub(crate) fn of(settings: &config::Quotas) -> Quotas {
    let config::Quotas {
        friends,
        friend_requests,
        groups_joined,
        groups_created,
        group_members,
        bans,
        blocks,
        devices,
        tokens,
        ..
    } = *settings;
    Quotas { friends, friend_requests, groups_joined, groups_created, group_members, bans, devices, tokens, blocks }
}

/// The same for the accounts of an address.
pub(crate) fn accounts_used_up(settings: &config::Quotas, wait: Duration) -> String {
    let most = settings.accounts_per_day.unwrap_or_default();
    let hours = wait.as_secs().div_ceil(3_600);
    format!(
        "{most} accounts were made from this address within a day, the most this server allows; try again in {hours} h"
    )
}

/// What may be another quota for a user alone, and where the settings have it.
pub(crate) fn own(settings: &mut config::Quotas, quota: Quota) -> Option<(UserQuota, &mut Option<u32>)> {
    Some(match quota {
        Quota::Friends => (UserQuota::Friends, &mut settings.friends),
        Quota::FriendRequests | Quota::GroupAsks => (UserQuota::FriendRequests, &mut settings.friend_requests),
        Quota::GroupsJoined => (UserQuota::GroupsJoined, &mut settings.groups_joined),
        Quota::GroupsCreated => (UserQuota::GroupsCreated, &mut settings.groups_created),
        Quota::Blocks => (UserQuota::Blocks, &mut settings.blocks),
        _ => return None,
    })
}

/// What happened, to what, and what to do next.
pub(crate) fn used_up(settings: &config::Quotas, quota: Quota) -> String {
    let most = |limit: Option<u32>| limit.unwrap_or_default();
    match quota {
        Quota::Friends => {
            format!("you have {} friends, the most this server allows; end a friendship first", most(settings.friends))
        }
        Quota::FriendsOfOther => {
            format!("that user has {} friends, the most this server allows", most(settings.friends))
        }
        Quota::FriendRequests => format!(
            "{} of your friend requests are unanswered, the most this server allows; wait for an answer",
            most(settings.friend_requests)
        ),
        Quota::GroupsJoined => {
            format!("you are in {} groups, the most this server allows; leave one first", most(settings.groups_joined))
        }
        Quota::GroupsCreated => format!(
            "you have created {} groups, the most this server allows; delete one first",
            most(settings.groups_created)
        ),
        Quota::GroupsJoinedOfOther => {
            format!("that user is in {} groups, the most this server allows", most(settings.groups_joined))
        }
        Quota::GroupsCreatedOfOther => {
            format!("that user has {} groups of their own, the most this server allows", most(settings.groups_created))
        }
        Quota::GroupBans => {
            format!(
                "{} users are banned from the group, the most this server allows; lift a ban first",
                most(settings.bans)
            )
        }
        Quota::GroupAsks => format!(
            "{} of your invitations to groups, or wishes to join one, are unanswered, the most this server allows; wait for an \
             answer",
            most(settings.friend_requests)
        ),
        Quota::GroupMembers => {
            format!("the group has {} members, the most this server allows", most(settings.group_members))
        }
        Quota::Blocks => {
            format!("you have blocked {} users, the most this server allows; unblock one first", most(settings.blocks))
        }
    }
}
