//! What must hold on every kind of site: one node or many, SQLite or MySQL. Each scenario registers its own users, so
//! all of them share a server. Half of the users are `here`, the others `there`; on a single node that is the same.

pub mod accounts;
pub mod chat;
pub mod delivery;
pub mod events;
pub mod friends;
pub mod group_entry;
pub mod group_order;
pub mod groups;
pub mod history;
pub mod overview;
pub mod own_account;

use std::net::SocketAddr;

/// Where a scenario takes place.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub here: SocketAddr,
    pub there: SocketAddr,
}

/// Makes a test of every scenario. The argument is a function that returns what has a `site()` and keeps it running.
#[macro_export]
macro_rules! test_every_scenario {
    ($running:path) => {
        $crate::scenario_tests!($running; accounts:
            registration_and_login, a_taken_name_is_errno_1, names_follow_the_rules, names_that_read_the_same_are_one_account,
            names_that_cannot_be_seen_or_told_from_ids_are_refused, wrong_credentials_are_errno_1,
            a_second_login_on_a_connection_is_a_conflict, logout_ends_the_session_not_the_connection,
            logout_revokes_the_token, a_token_resumes_and_takes_over, account_repeats_the_login_reply,
            requests_need_a_session,
        );
        $crate::scenario_tests!($running; friends:
            friendship_is_mutual, adding_a_friend_twice_is_fine, friends_that_cannot_be, deleting_a_friend,
            presence_follows_the_sessions, a_friend_request_is_kept_until_accepted, a_friend_request_can_be_declined,
            answering_nothing_is_not_found,
        );
        $crate::scenario_tests!($running; own_account:
            who_is_blocked_cannot_write_nor_be_a_friend, blocks_are_listed_and_taken_back,
            who_is_blocked_sees_nobody_online, a_new_password_ends_all_other_sessions, sessions_are_listed_and_ended,
            what_was_ended_cannot_be_resumed_nor_is_it_online, a_new_name_is_told_and_used_at_once,
            an_erased_account_is_gone, what_was_asked_is_listed_and_withdrawn,
        );
        $crate::scenario_tests!($running; groups:
            creating_a_group, a_taken_group_name_is_errno_1, joining_tells_everyone, joining_twice_is_fine, leaving,
            the_creator_deletes_and_cannot_quit, strangers_are_refused, unknown_groups_are_not_found,
            members_come_in_pages, finding_users_and_groups, a_beginning_is_compared_as_names_are,
        );
        $crate::scenario_tests!($running; group_order:
            a_group_is_changed, a_name_is_held_for_the_group_that_had_it, only_admins_speak_where_that_is_set,
            a_group_is_handed_over, who_is_kicked_hears_and_reads_nothing_more, who_is_banned_stays_out,
            who_is_muted_is_silent_for_a_time,
        );
        $crate::scenario_tests!($running; group_entry:
            who_asks_waits_until_let_in, an_invitation_is_kept_until_answered, a_closed_group_takes_who_is_invited,
            new_members_read_from_their_joining_on_where_that_is_set,
        );
        $crate::scenario_tests!($running; chat:
            a_message_arrives_as_it_was_sent, both_directions_share_one_sequence, every_script_survives,
            escapes_survive, the_size_limit_is_exact, half_a_surrogate_pair_is_refused, ext_carries_any_json,
            ext_keeps_its_digits, deep_nesting_is_refused, the_deepest_ext_can_be_read_everywhere, messages_that_cannot_be, nobody_speaks_for_another,
            group_messages_reach_the_others, a_cid_makes_a_message_once, a_cid_belongs_to_sender_and_conversation,
            an_integer_and_a_string_of_its_digits_are_two_cids,
        );
        $crate::scenario_tests!($running; history:
            history_comes_in_pages, history_of_nobody_is_empty, history_has_defaults_and_bounds,
            a_new_member_reads_old_messages,
        );
        $crate::scenario_tests!($running; delivery:
            everyone_sees_the_same_order, messages_wait_for_a_login, a_long_backlog_comes_whole_and_in_order,
            only_the_unconfirmed_come_again, reading_counts_as_delivered_for_a_client_that_never_confirms,
            nobody_has_his_own_messages_pending, offline_shows_what_is_unconfirmed, a_cid_survives_a_reconnect,
            a_group_backlog_waits_for_each_member, each_device_has_its_own_cursor,
            own_messages_wait_for_other_devices, a_cursor_never_moves_back,
            a_foreign_cursor_is_ignored,
        );
        $crate::scenario_tests!($running; events:
            an_edit_reaches_everyone, edits_that_cannot_be, a_recalled_text_is_nowhere, reactions_are_counted,
            an_older_client_is_not_disturbed, what_was_said_is_found_again,
        );
        $crate::scenario_tests!($running; overview:
            conversations_are_listed_the_latest_first, what_is_read_on_one_device_is_read_on_all,
            receipts_are_told_to_the_one_who_waits_for_them, conversations_are_kept_as_one_likes,
            typing_is_told_now_and_then, friends_are_told_who_comes_and_goes, a_login_may_ask_for_the_list,
        );
    };
}

/// A module of tests from one module of scenarios.
#[macro_export]
macro_rules! scenario_tests {
    ($running:path; $module:ident: $($scenario:ident,)+) => {
        mod $module {
            #[allow(unused_imports, reason = "a path may be relative to the test file")]
            use super::*;
            $(
                #[test]
                fn $scenario() {
                    let running = $running();
                    $crate::common::scenarios::$module::$scenario(running.site());
                }
            )+
        }
    };
}
