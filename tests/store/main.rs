//! The store's contract, on SQLite and on MariaDB: every rule of `Store`'s comments, and what each database adds.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "allow-unwrap-in-tests misses what is no #[test]")]

#[path = "../common/mod.rs"]
mod common;

mod accounts;
mod admin;
mod appending;
mod asked;
mod blocks;
mod changes;
mod cluster;
mod cursors;
mod erasing;
mod events;
mod find;
mod fresh;
mod friends;
mod group_entry;
mod group_order;
mod groups;
mod history;
mod leaving;
mod login;
mod mysql_faults;
mod mysql_hosts;
mod mysql_locks;
mod names;
mod overview;
mod pages;
mod profiles;
mod proxy;
mod quotas;
mod schema;
mod search;
mod sessions;
mod sqlite_files;
mod unfit;
mod upgrade;

/// Makes a test on each database of each rule: a function that is given an empty store.
macro_rules! contract {
    ($($file:ident: $($rule:ident)*;)*) => {
        mod on_sqlite {
            $($(#[test] fn $rule() { crate::$file::$rule(&crate::fresh::Fresh::sqlite()); })*)*
        }
        mod on_mariadb {
            $($(#[test] fn $rule() { crate::$file::$rule(&crate::fresh::Fresh::mariadb(stringify!($rule))); })*)*
        }
    };
}

contract! {
    accounts:
        a_user_is_found_by_id_and_by_name
        names_are_unique_without_regard_to_case_but_with_accents
        odd_names_come_back_byte_for_byte
        two_registrations_of_one_name_make_one_user
        states_are_reported
        the_dialect_of_a_user_is_remembered
        tokens_live_until_they_expire
        devices_have_numbers_and_begin_at_the_end;
    admin:
        a_disabled_user_gets_no_token_and_other_nodes_find_it
        what_is_done_is_noted_and_what_is_not_is_not
        a_users_own_quota_counts_for_that_user_alone
        one_node_at_a_time_has_a_lease
        the_name_of_an_erased_user_is_held_and_stands_nowhere
        names_that_were_held_before_are_hidden_by_the_upgrade;
    changes:
        what_was_said_since_is_found_and_nothing_else
        groups_that_somebody_joins_or_leaves_are_found_with_their_members
        a_group_that_was_deleted_is_remembered_for_a_day;
    friends:
        friendship_is_mutual
        a_request_waits_for_its_answer
        requests_between_friends_and_to_nobody
        what_one_has_asked_can_be_seen_and_withdrawn
        becoming_friends_removes_requests;
    asked:
        who_is_asked_is_known_until_nobody_waits
        whoever_was_there_before_is_looked_at_once
        the_first_friends_are_those_of_the_first_page
        what_is_asked_while_that_is_settled_is_not_lost;
    login:
        the_page_of_an_account_is_what_its_parts_are
        what_a_user_has_left_is_not_pending
        a_token_tells_the_device_and_the_groups
        few_messages_are_listed_as_many_are
        many_logins_find_what_each_would_find
        many_tokens_tell_what_each_would_tell;
    blocks:
        a_block_stands_in_the_rules_of_the_conversation
        an_unused_conversation_goes_with_the_last_block
        a_block_ends_a_friendship_and_forbids_the_next
        the_blocked_are_listed_for_the_blocker_and_looked_up_for_the_blocked
        blocks_have_a_quota
        two_who_block_each_other_at_once_and_talk;
    sessions:
        sessions_are_listed_by_number
        tokens_of_before_get_numbers
        what_was_ended_is_noted_for_other_nodes
        a_new_password_ends_the_other_sessions;
    profiles:
        a_name_that_was_given_up_is_held
        another_spelling_of_the_same_name_gives_nothing_up
        names_are_held_no_longer_than_they_should_be
        a_profile_comes_back_as_it_was_given;
    erasing:
        who_is_erased_cannot_be_found_nor_log_in
        friends_and_groups_are_left_and_groups_find_an_heir
        conversations_of_two_refuse_what_comes_for_the_erased
        all_that_was_said_is_recalled
        a_login_that_was_under_way_is_undone;
    groups:
        the_creator_is_a_member
        joining_starts_at_the_end
        joining_twice_moves_no_cursor
        quitting_removes_the_cursors
        deleting_removes_everything
        members_are_paged
        members_of_many_groups_at_once
        a_long_history_is_deleted_to_the_end
        a_deleted_group_exists_for_nobody_before_it_is_swept
        a_sweep_goes_on_where_a_crash_has_ended_it
        what_an_old_crash_has_left_of_a_group_is_swept_after_the_upgrade
        the_number_of_members_is_counted_along
        a_device_made_while_joining_misses_no_group
        joins_and_appends_agree_on_the_end;
    group_order:
        settings_are_changed_by_creator_and_admins
        a_name_that_was_given_up_is_held_for_its_group
        the_creator_gives_roles
        a_group_is_handed_over
        one_is_kicked_from_above_only
        who_is_banned_does_not_come_in
        a_mute_ends_with_its_time_and_not_by_leaving
        nothing_goes_through_behind_an_acknowledged_change
        what_belongs_to_a_deleted_group_goes_with_it;
    group_entry:
        who_asks_waits_to_be_let_in
        members_invite_into_open_groups_and_admins_into_all
        an_admins_invitation_lifts_a_ban
        who_has_blocked_the_inviter_is_not_invited
        open_wishes_and_invitations_are_counted
        quotas_hold_for_who_is_let_in
        new_members_read_from_their_joining_on_where_that_is_set;
    leaving:
        who_has_left_reads_nothing_whatever_rows_are_left
        leftover_cursors_are_removed_by_the_upgrade
        a_cursor_written_while_leaving_brings_nobody_back
        a_device_made_while_leaving_leaves_no_cursor;
    find:
        users_by_id_then_by_prefix
        groups_by_id_then_by_prefix
        prefixes_are_no_patterns;
    names:
        names_that_read_the_same_are_one_account
        a_prefix_is_compared_as_names_are
        a_prefix_that_shows_nothing_finds_nobody
        names_of_before_keep_their_owners
        names_of_before_get_their_keys_in_pieces
        keys_are_given_again_from_any_state;
    appending:
        messages_are_numbered_per_conversation
        batches_and_everything_else_of_one_store_are_committed_at_once
        a_batch_of_every_size_is_stored
        a_cid_counts_once_across_batches_and_stores
        a_cid_counts_once_within_a_batch
        cids_are_compared_byte_for_byte
        a_cid_of_an_older_message_still_counts
        refusals_cost_the_others_nothing_and_leave_no_trace
        friends_only_is_obeyed
        below_the_known_end_no_number_is_given_out
        whoever_left_is_refused
        four_threads_number_without_holes
        two_sides_open_a_conversation_at_once
        bodies_come_back_byte_for_byte
        nothing_is_in_doubt_without_a_lost_commit;
    history:
        ranges_are_exclusive_and_ascending
        bytes_are_bounded_but_one_message_always_comes
        the_oldest_pending_are_merged_by_time
        the_oldest_pending_are_bounded_and_skip_own_messages;
    pages:
        many_conversations_are_read_at_once
        the_room_of_a_page_is_shared_and_who_finds_none_is_left_out
        who_has_left_finds_no_page_among_others
        many_sessions_in_a_group_are_answered_as_if_alone
        who_finds_no_room_among_many_sessions_is_answered_alone;
    events:
        an_edit_changes_the_message_and_is_an_event_of_its_own
        an_event_is_about_a_message_of_ones_own
        a_recall_removes_the_text_and_all_that_hung_on_it
        reactions_are_counted_and_taken_back
        events_are_pending_for_whom_they_concern
        rules_of_a_conversation_hold_for_messages_and_events
        in_a_group_roles_and_mutes_decide
        who_reads_from_the_join_on_finds_nothing_older;
    search:
        what_was_said_is_found_newest_first
        texts_are_found_as_they_are_now
        a_look_is_bounded_and_goes_on;
    cursors:
        pending_until_confirmed
        cursors_only_move_forward
        a_cursor_beyond_the_end_is_not_written
        a_cursor_of_an_epoch_that_is_over_is_not_written
        devices_have_their_own_cursors
        cursors_of_strangers_are_not_written
        many_cursors_at_once
        pending_of_many_sessions
        the_view_of_offline_messages;
    overview:
        reads_only_move_forward_and_up_to_the_end
        reads_of_an_epoch_that_is_over_are_not_written
        many_reads_at_once
        the_latest_conversation_comes_first
        what_others_said_behind_the_read_position_is_unread
        what_came_before_a_member_is_not_shown
        a_page_of_long_messages_is_short
        flags_are_ones_own
        receipts_tell_how_far_everybody_is
        typing_is_told_to_those_it_is_for;
    cluster:
        data_have_an_identity_that_stays
        of_many_who_ask_one_makes_the_epoch
        nodes_are_known_until_they_end_or_are_long_gone
        a_node_is_noted_by_several_of_its_threads_at_once
        ends_are_told_of_those_that_exist
        senders_are_told_of_messages_that_exist;
    quotas:
        friends_are_counted_on_both_sides
        open_friend_requests_are_counted
        groups_are_counted_per_user
        members_are_counted_per_group
        nobody_gets_past_a_quota_by_asking_at_once
        the_device_used_longest_ago_makes_room
        device_numbers_do_not_end_at_65535
        an_account_with_too_many_devices_comes_down_step_by_step
        the_token_used_longest_ago_makes_room;
    schema:
        migrating_again_changes_nothing
        a_newer_schema_is_refused_and_left_alone
        two_nodes_migrate_at_once
        a_fresh_database_is_durable;
}
