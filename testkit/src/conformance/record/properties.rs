//! Which properties there are.

/// Makes a `#[tokio::test]` of each property. The expression is evaluated for each of them, in an async context, and
/// gives a future of a fresh [`RecordHarness`](crate::conformance::record::RecordHarness):
/// `record_conformance!(Mine::fresh())`.
#[macro_export]
macro_rules! record_conformance {
    ($harness:expr) => {
        $crate::record_conformance!(@each $harness; conversations:
            a_stale_event_in_the_middle_of_a_batch_harms_no_other
            a_zombie_commits_nothing
            a_refused_event_in_the_middle_of_a_batch_is_dead_lettered_alone
            several_refused_events_are_each_found
            two_events_of_one_recipient_go_one_after_the_other
            one_message_twice_in_a_batch_is_handled_once
            a_redelivered_message_gives_only_its_jobs_that_are_still_queued
            a_message_is_itself_by_number_id_and_time
            lane_seqs_rise_over_commits_and_within_them
            a_recipient_made_by_two_commits_at_once_is_made_once
            many_commits_at_once_lose_nothing
            an_unknown_number_makes_one_dead_letter
            a_run_that_was_cut_off_makes_a_dead_letter_and_counts_all_the_same
            texts_with_nul_are_kept_without_it
            a_redelivered_message_with_nul_in_its_id_is_known_again
            a_batch_beyond_the_databases_limit_of_values_is_committed
            an_event_may_make_a_hundred_jobs
            a_message_that_waits_for_its_replay_is_handled_by_the_next_event
            an_empty_batch_commits_nothing
            the_last_messages_time_never_goes_back
            only_what_a_person_did_is_their_last_message
            a_call_is_its_persons_last_message
            events_that_are_kept_are_kept_once
        );
        $crate::record_conformance!(@each $harness; conversations::finding:
            nobody_is_found_before_he_wrote
            a_recipient_is_found_by_business_scoped_id_and_by_phone
            a_recipient_of_another_account_is_not_found
            the_business_scoped_id_goes_before_the_phone
            two_rows_of_one_person_are_both_found
            a_former_id_leads_to_its_person_alone
            a_recycled_phone_does_not_open_a_strangers_session
            a_phone_known_without_a_business_scoped_id_is_linked_to_it
            a_phone_moves_to_its_new_owner_and_away_from_the_old_one
            who_loses_and_who_takes_a_phone_go_one_after_the_other
            of_two_who_take_one_phone_in_a_batch_the_second_comes_again
            identities_with_nul_are_found_again
        );
        $crate::record_conformance!(@each $harness; conversations::merging:
            two_rows_become_one_with_all_that_was_theirs
            the_jobs_of_both_go_on_in_one_lane_one_after_the_other
            what_was_absorbed_is_stale_and_what_comes_again_lands_where_it_went
            rows_that_moved_on_are_not_merged
            a_change_told_again_changes_nothing
            three_rows_become_one
            two_rows_of_before_become_one_with_that_of_now
            a_change_of_phones_leaves_nobody_who_was_meant
            a_merge_and_what_it_touches_go_one_after_the_other
            a_merge_that_is_refused_leaves_both_rows
            a_former_id_is_never_taken_from_another
        );
        $crate::record_conformance!(@each $harness; conversations::recycling:
            a_changed_phone_is_free_and_what_waits_goes_to_the_new_one
            a_phone_that_is_gone_leaves_the_business_scoped_id_to_send_to
            what_waits_for_the_old_owner_of_a_phone_never_goes_to_the_new_one
            a_phone_is_taken_from_strangers_only
            a_new_phone_in_passing_frees_the_old_one_too
            a_taken_id_is_stale_and_another_is_not
            of_two_commits_that_meet_over_one_phone_the_second_comes_again
        );
        $crate::record_conformance!(@each $harness; statuses:
            what_fails_for_its_rate_is_told_and_a_pair_waits_longer_each_time
            every_state_meets_every_status
            a_status_rises_and_never_falls
            a_status_settles_an_unknown_outcome_and_its_dead_letter
            a_status_before_the_answer_leaves_the_answer_without_effect
            a_status_cancels_a_pending_resend
            a_failure_counts_for_the_current_attempt_only
            a_failure_follows_the_error_table
            a_transient_failure_ends_after_the_last_attempt
            a_failure_for_its_token_pauses_the_number
            a_late_sent_of_a_failed_attempt_does_not_cancel_the_next
            a_sent_of_an_attempt_after_a_failed_one_settles_it
            a_delivered_after_a_failure_in_the_same_batch_leaves_no_letter
            a_repeated_status_finds_nothing_to_do
            a_status_of_another_number_or_of_no_job_is_not_ours
            statuses_of_many_jobs_are_applied_in_one_batch
        );
        $crate::record_conformance!(@each $harness; ledger:
            only_the_head_of_a_lane_is_claimed
            lanes_do_not_wait_for_each_other
            a_job_is_claimed_once
            many_owners_claim_a_job_once
            a_claim_tells_all_that_is_sent
            a_claim_tells_what_decides_whether_it_is_sent
            a_message_is_delivered_once_a_status_says_so
            a_retrying_job_holds_its_lane_and_is_claimed_again
            only_owner_and_attempt_settle
            what_is_sent_opens_the_lane
            what_is_given_up_leaves_a_letter_with_its_attempts
            a_batch_settles_each_attempt_by_itself
            an_unknown_outcome_is_resent_once
            an_unknown_outcome_that_is_given_up_leaves_a_letter
            a_status_goes_before_the_verdict_on_an_unknown_outcome
            a_claim_whose_time_is_over_is_inherited
            a_job_that_can_not_be_read_blocks_nobody
        );
        $crate::record_conformance!(@each $harness; ledger::reading:
            the_head_is_the_earliest_open_job
            what_waits_is_one_job_a_lane_in_order
            what_waits_is_due_and_old_enough
            a_claim_waits_until_its_time_is_over
            numbers_with_open_jobs_are_listed
            the_backlog_of_a_number_is_its_open_jobs
            what_was_claimed_is_told_oldest_first
            pairs_that_meta_refused_are_told_by_their_last_claim
            a_long_lane_makes_no_claim_slow
        );
        $crate::record_conformance!(@each $harness; dead_letters:
            letters_are_listed_oldest_first_a_page_at_a_time
            letters_are_chosen_by_what_they_hold
            letters_are_grouped_the_largest_group_first
            a_replayed_job_is_queued_in_its_place_with_fresh_tries
            a_job_is_replayed_once_whoever_asks
            what_would_do_harm_is_left_unless_asked_for
            what_can_not_go_out_is_left_whatever_is_asked_for
            a_template_is_replayed_outside_the_window
            a_status_of_an_old_attempt_does_not_end_a_replayed_one
            an_event_to_a_number_that_is_known_by_now_is_replayed
            an_event_that_was_handled_or_left_behind_is_not_replayed
            letters_that_are_not_there_are_left_out
        );
        $crate::record_conformance!(@each $harness; replays:
            letters_are_replayed_step_by_step
            letters_written_later_are_not_replayed
            what_is_left_is_counted
            one_that_nobody_goes_on_with_is_taken_over
            events_are_given_until_they_are_published
            letters_are_discarded
            one_that_is_given_up_says_why
            who_asked_is_recorded
        );
        $crate::record_conformance!(@each $harness; traces:
            every_id_on_the_way_leads_to_all_of_it
            an_event_to_a_number_that_nobody_owns_is_traced_by_its_letter
        );
        $crate::record_conformance!(@each $harness; recipients:
            those_in_a_session_are_listed_while_it_lives
            a_recipient_is_named_by_each_of_its_ids
            who_is_placed_stands_there_and_what_was_read_before_is_stale
        );
        $crate::record_conformance!(@each $harness; messages:
            the_log_shows_what_came_in_newest_first
            the_log_is_asked_by_kind_recipient_and_time
            an_entry_is_found_by_our_id_and_by_metas
        );
        $crate::record_conformance!(@each $harness; accounts:
            a_key_opens_its_account_and_no_other
            neither_key_nor_token_stands_in_the_database
            a_revoked_or_expired_key_opens_nothing
            a_rotated_key_ends_when_it_was_said_to
            a_configured_account_is_brought_up_to_date
            a_number_is_found_with_its_token
            a_token_moved_to_another_number_is_not_decrypted
            a_configured_key_is_over_once_another_is_configured
            a_configured_token_ends_a_pause_only_when_it_is_another
            a_pause_is_seen_and_ends
            a_change_is_seen_at_once_here_and_within_two_seconds_elsewhere
        );
        $crate::record_conformance!(@each $harness; flows:
            a_flow_comes_back_as_it_was_saved
            each_save_makes_a_version
            the_steps_of_each_version_stay_readable
            an_old_version_is_refused
            what_is_not_there_is_a_conflict
            a_taken_id_is_a_conflict
            a_deleted_flow_can_be_made_again_and_goes_on_counting
            other_accounts_see_nothing
            flows_are_listed_oldest_first
            the_catalog_follows_this_process_at_once_and_others_within_two_seconds
            versions_stay_after_their_flow
            two_who_save_at_once_do_not_overwrite_each_other
        );
        $crate::record_conformance!(@each $harness; installation:
            partitions_are_fixed_at_the_first_start
            the_recipient_key_is_drawn_once
            a_database_that_is_there_answers
        );
        $crate::record_conformance!(@each $harness; suspects:
            notes_are_counted_by_process
            notes_are_found_without_leaving_one
            what_is_struck_out_is_as_if_it_had_never_been_noted
            what_is_given_up_is_one_letter
            what_rings_for_a_job_leaves_no_letter
            what_was_given_up_is_replayed_by_force_only
            a_note_that_was_given_up_is_replayed_by_force_only
            what_was_never_noted_can_be_given_up
            messages_without_an_id_are_told_apart_by_what_is_in_them
            a_record_that_is_there_says_so
        );
        $crate::record_conformance!(@each $harness; burial:
            what_was_buried_is_one_letter
            a_buried_message_is_replayed_as_it_was
            a_buried_message_that_was_overtaken_is_replayed_by_force_only
            a_message_that_was_handled_all_the_same_is_not_buried
            a_buried_note_is_replayed_without_asking_for_a_number
        );
        $crate::record_conformance!(@each $harness; by_hand:
            what_is_known_to_have_arrived_is_sent
            what_was_given_up_and_has_arrived_is_settled
            what_somebody_has_resent_is_sent_once_more
            what_somebody_gives_up_leaves_a_letter
            what_is_not_unknown_is_left_alone
        );
        $crate::record_conformance!(@each $harness; status_clock:
            the_clock_begins_with_nothing
            the_watermark_is_read_as_it_was_written
            the_last_refusal_stays
        );
        $crate::record_conformance!(@each $harness; sessions:
            a_session_is_cached_until_its_time_is_over
            a_session_is_replaced_and_deleted
            sessions_of_two_accounts_do_not_mix
        );
        $crate::record_conformance!(@each $harness; members:
            a_member_lives_as_long_as_it_beats
            a_member_that_leaves_is_gone
            roles_do_not_mix
            what_a_member_tells_is_kept_as_long_as_it_says
            who_leaves_takes_along_what_it_told
        );
    };
    (@each $harness:expr; $($module:ident)::+: $($property:ident)*) => {
        $crate::record_conformance!(@tests $harness; [$($module)::+] $($property)*);
    };
    (@tests $harness:expr; $module:tt $($property:ident)*) => {
        $(
            $crate::record_conformance!(@test $harness; $module $property);
        )*
    };
    (@test $harness:expr; [$($module:ident)::+] $property:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $property() {
            let harness = $harness.await;
            let property = $crate::conformance::$($module)::+::$property(&harness);
            $crate::conformance::record::bounded(property).await;
        }
    };
}
